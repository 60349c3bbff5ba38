/* Shape rules of matmul, gemm and det, and of the quantised products, which have the shape of matmul. */
#include "op/linalg/matmul.h"

#include <inttypes.h>

static tn_error *dims_agree(const tn__infer *c, uint32_t ka, int64_t a, uint32_t kb, int64_t b) {
    if (a >= 0 && b >= 0 && a != b)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "inner dimensions differ: operand %u has %" PRId64 ", operand %u has %" PRId64, ka, a, kb,
                              b);
    return NULL;
}

tn_error *tn__matmul_shape(tn__infer *c, uint32_t ka, uint32_t kb, tn_dtype dtype) {
    const tn__type *a = &c->types[ka], *b = &c->types[kb];
    tn__shape_set(c, 0, dtype, -1, NULL);
    if (a->rank == 0 || b->rank == 0)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found a scalar, wanted rank 1 or more", a->rank == 0 ? ka : kb);
    if (a->rank < 0 || b->rank < 0) return NULL;
    int64_t depth_a = a->dims[a->rank - 1], depth_b = b->dims[b->rank == 1 ? 0 : b->rank - 2];
    TN__TRY(dims_agree(c, ka, depth_a, kb, depth_b));
    int32_t batch_a = a->rank > 2 ? a->rank - 2 : 0, batch_b = b->rank > 2 ? b->rank - 2 : 0;
    int32_t batch = batch_a > batch_b ? batch_a : batch_b, rank = batch + (a->rank > 1) + (b->rank > 1);
    int64_t *dims = tn__shape_dims(c, rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < batch; i++) {
        int64_t x = i >= batch - batch_a ? a->dims[i - (batch - batch_a)] : 1;
        int64_t y = i >= batch - batch_b ? b->dims[i - (batch - batch_b)] : 1;
        if (x >= 0 && y >= 0 && x != y && x != 1 && y != 1)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "batch dimension %d: %" PRId64 " does not broadcast with %" PRId64, i, x, y);
        if (x == y || y == 1) dims[i] = x;
        else if (x == 1) dims[i] = y;
        else dims[i] = x >= 0 ? x : y >= 0 ? y : TN_DIM_UNKNOWN; /* a size other than 1 decides */
    }
    int32_t i = batch;
    if (a->rank > 1) dims[i++] = a->dims[a->rank - 2];
    if (b->rank > 1) dims[i++] = b->dims[b->rank - 1];
    tn__shape_set(c, 0, dtype, rank, dims);
    return NULL;
}

static tn_error *same_dtype(const tn__infer *c, uint32_t k) {
    if (tn__shape_has(c, k) && c->types[k].dtype != c->types[0].dtype)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s as operand 0", k, tn_dtype_name(c->types[k].dtype),
                              tn_dtype_name(c->types[0].dtype));
    return NULL;
}

static tn_error *number_dtype(const tn__infer *c) {
    tn_dtype d = c->types[0].dtype;
    if (tn__dtype_get_class(d) != TN__CLASS_FLOAT && !tn__dtype_is_int(d))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float or integer type", tn_dtype_name(d));
    return NULL;
}

tn_error *tn__infer_matmul(tn__infer *c) {
    TN__TRY(number_dtype(c));
    TN__TRY(same_dtype(c, 1));
    return tn__matmul_shape(c, 0, 1, c->types[0].dtype);
}

tn_error *tn__infer_gemm(tn__infer *c) {
    const tn__attrs_gemm *attrs = c->attrs;
    TN__TRY(number_dtype(c));
    TN__TRY(same_dtype(c, 1));
    TN__TRY(same_dtype(c, 2));
    const tn__type *a = &c->types[0], *b = &c->types[1];
    for (uint32_t k = 0; k < 2; k++)
        if (c->types[k].rank >= 0 && c->types[k].rank != 2)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted 2", k, c->types[k].rank);
    int64_t *dims = tn__shape_dims(c, 2), depth[2] = {TN_DIM_UNKNOWN, TN_DIM_UNKNOWN};
    if (!dims) return tn__error_oom();
    if (a->rank == 2) dims[0] = a->dims[attrs->transA != 0], depth[0] = a->dims[attrs->transA == 0];
    if (b->rank == 2) dims[1] = b->dims[attrs->transB == 0], depth[1] = b->dims[attrs->transB != 0];
    TN__TRY(dims_agree(c, 0, depth[0], 1, depth[1]));
    if (tn__shape_has(c, 2) && c->types[2].rank >= 0) {
        const tn__type *bias = &c->types[2];
        if (bias->rank > 2) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 2: found rank %d, wanted at most 2", bias->rank);
        for (int32_t i = 0; i < bias->rank; i++) {
            int64_t want = dims[2 - bias->rank + i], d = bias->dims[i];
            if (d >= 0 && d != 1 && want >= 0 && d != want)
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 2: dimension %d is %" PRId64 ", wanted 1 or %" PRId64, i, d, want);
        }
    }
    tn__shape_set(c, 0, a->dtype, 2, dims);
    return NULL;
}

tn_error *tn__infer_det(tn__infer *c) {
    const tn__type *x = &c->types[0];
    if (tn__dtype_get_class(x->dtype) != TN__CLASS_FLOAT)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(x->dtype));
    tn__shape_set(c, 0, x->dtype, -1, NULL);
    if (x->rank < 0) return NULL;
    if (x->rank < 2) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted 2 or more", x->rank);
    int64_t rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1];
    if (rows >= 0 && columns >= 0 && rows != columns)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found matrices of %" PRId64 " x %" PRId64 ", wanted square ones", rows, columns);
    tn__shape_set(c, 0, x->dtype, x->rank - 2, x->dims);
    return NULL;
}
