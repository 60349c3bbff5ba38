/* Shape rules of the pools, max_unpool and the global pools. */
#include "op/conv/window.h"
#include "op/op.h"

#include <inttypes.h>

static tn_error *data_check(const tn__infer *c, bool bytes_too) {
    const tn__type *x = &c->types[0];
    bool ok = tn__dtype_get_class(x->dtype) == TN__CLASS_FLOAT || (bytes_too && (x->dtype == TN_DTYPE_i8 || x->dtype == TN_DTYPE_u8));
    if (!ok)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type%s", tn_dtype_name(x->dtype),
                              bytes_too ? ", i8 or u8" : "");
    if (x->rank >= 0 && x->rank < 3) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted 3 or more", x->rank);
    return NULL;
}

tn_error *tn__infer_pool(tn__infer *c) {
    const tn__attrs_pool *attrs = c->attrs;
    const tn__type *x = &c->types[0];
    TN__TRY(data_check(c, c->op == TN_OP_max_pool));
    if (c->op == TN_OP_lp_pool && attrs->p < 1)
        return TN__INFER_FAIL(c, OUT_OF_RANGE, "attribute 'p' is %" PRId64 ", wanted 1 or more", attrs->p);
    int32_t rank = x->rank;
    int64_t *dims = NULL;
    if (rank < 0 && attrs->kernel_shape.n && attrs->kernel_shape.n <= TN_MAX_RANK - 2) rank = (int32_t)attrs->kernel_shape.n + 2;
    if (rank >= 0) {
        dims = tn__shape_dims(c, rank);
        int64_t *in = tn__shape_dims(c, rank);
        if (!dims || !in) return tn__error_oom();
        for (int32_t i = 0; i < x->rank; i++) in[i] = x->dims[i];
        dims[0] = in[0];
        dims[1] = in[1];
        tn__window_spec spec = tn__window_spec_of_pool(attrs);
        tn__window w;
        TN__TRY(tn__window_resolve(c->a, &spec, rank - 2, in + 2, NULL, &w));
        for (int32_t i = 0; i < w.rank; i++) dims[2 + i] = w.out[i];
    }
    tn__shape_set(c, 0, x->dtype, rank, dims);
    tn__shape_set(c, 1, TN_DTYPE_i64, rank, dims);
    return NULL;
}

tn_error *tn__infer_max_unpool(tn__infer *c) {
    const tn__attrs_pool *attrs = c->attrs;
    const tn__type *x = &c->types[0], *indices = &c->types[1];
    TN__TRY(data_check(c, true));
    if (indices->dtype != TN_DTYPE_i64)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 1: found %s, wanted i64", tn_dtype_name(indices->dtype));
    if (x->rank >= 0 && indices->rank >= 0) {
        if (x->rank != indices->rank)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: found rank %d, wanted %d as operand 0", indices->rank, x->rank);
        for (int32_t i = 0; i < x->rank; i++)
            if (x->dims[i] >= 0 && indices->dims[i] >= 0 && x->dims[i] != indices->dims[i])
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: dimension %d is %" PRId64 ", wanted %" PRId64 " as operand 0", i,
                                      indices->dims[i], x->dims[i]);
    }
    tn__shape_set(c, 0, x->dtype, -1, NULL);
    if (x->rank < 0) return NULL;
    int64_t *dims = tn__shape_dims(c, x->rank);
    if (!dims) return tn__error_oom();
    tn__window_spec spec = tn__window_spec_of_pool(attrs);
    tn__window w;
    TN__TRY(tn__window_resolve_transposed(c->a, &spec, x->rank - 2, x->dims + 2, NULL, &w));
    if (tn__shape_has(c, 2)) {
        const int64_t *list;
        uint32_t n;
        TN__TRY(tn__shape_list(c, 2, &list, &n));
        if (list && n != (uint32_t)x->rank)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 2 has %u entries, wanted %d", n, x->rank);
        for (int32_t i = 0; list && i < x->rank; i++) {
            if (list[i] < 0 || (i < 2 && x->dims[i] >= 0 && list[i] != x->dims[i]) || (i >= 2 && w.out[i - 2] > list[i]))
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 2: entry %d is %" PRId64 ", wanted at least %" PRId64, i, list[i],
                                      i < 2 ? x->dims[i] : w.out[i - 2]);
            dims[i] = list[i];
        }
    } else {
        dims[0] = x->dims[0];
        dims[1] = x->dims[1];
        for (int32_t i = 0; i < w.rank; i++) dims[2 + i] = w.out[i];
    }
    tn__shape_set(c, 0, x->dtype, x->rank, dims);
    return NULL;
}

tn_error *tn__infer_global_pool(tn__infer *c) {
    const tn__type *x = &c->types[0];
    TN__TRY(data_check(c, false));
    int64_t *dims = x->rank >= 0 ? tn__shape_dims(c, x->rank) : NULL;
    if (x->rank >= 0 && !dims) return tn__error_oom();
    for (int32_t i = 0; i < x->rank; i++) dims[i] = i < 2 ? x->dims[i] : 1;
    tn__shape_set(c, 0, x->dtype, x->rank, dims);
    return NULL;
}
