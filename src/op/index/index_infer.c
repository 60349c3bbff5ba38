/* Shape rules of the indexing ops. */
#include <inttypes.h>

#include "op/elementwise/elementwise.h"

static tn_error *index_dtype(const tn__infer *c, uint32_t k) {
    if (tn__is_integer(c->types[k].dtype)) return NULL;
    return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted an integer type", k, tn_dtype_name(c->types[k].dtype));
}

static tn_error *unknown(tn__infer *c, uint32_t k, tn_dtype d, int32_t rank) {
    int64_t *dims = rank >= 0 ? tn__shape_dims(c, rank) : NULL;
    if (rank >= 0 && !dims) return tn__error_oom();
    tn__shape_set(c, k, d, rank, dims);
    return NULL;
}

tn_error *tn__infer_gather(tn__infer *c) {
    const tn__type *t = &c->types[0], *x = &c->types[1];
    int32_t axis;
    TN__TRY(index_dtype(c, 1));
    if (t->rank >= 0) TN__TRY(tn__shape_axis(c, "attribute 'axis'", ((const tn__attrs_axis *)c->attrs)->axis, t->rank, &axis));
    if (t->rank < 0 || x->rank < 0) return unknown(c, 0, t->dtype, -1);
    int32_t rank = t->rank - 1 + x->rank, at = 0;
    if (rank > TN_MAX_RANK) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "the result would have rank %d, limit %d", rank, TN_MAX_RANK);
    int64_t *dims = tn__shape_dims(c, rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < axis; i++) dims[at++] = t->dims[i];
    for (int32_t i = 0; i < x->rank; i++) dims[at++] = x->dims[i];
    for (int32_t i = axis + 1; i < t->rank; i++) dims[at++] = t->dims[i];
    tn__shape_set(c, 0, t->dtype, rank, dims);
    return NULL;
}

tn_error *tn__infer_gather_elements(tn__infer *c) {
    const tn__type *t = &c->types[0], *x = &c->types[1];
    int32_t axis;
    TN__TRY(index_dtype(c, 1));
    if (t->rank >= 0) TN__TRY(tn__shape_axis(c, "attribute 'axis'", ((const tn__attrs_axis *)c->attrs)->axis, t->rank, &axis));
    if (t->rank >= 0 && x->rank >= 0 && t->rank != x->rank)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: found rank %d, wanted %d", x->rank, t->rank);
    if (x->rank < 0) return unknown(c, 0, t->dtype, t->rank);
    tn__shape_set(c, 0, t->dtype, x->rank, x->dims);
    return NULL;
}

tn_error *tn__infer_gather_nd(tn__infer *c) {
    const tn__type *t = &c->types[0], *x = &c->types[1];
    int64_t batch = ((const tn__attrs_gather_nd *)c->attrs)->batch_dims;
    TN__TRY(index_dtype(c, 1));
    if (batch < 0 || batch > TN_MAX_RANK) return TN__INFER_FAIL(c, OUT_OF_RANGE, "attribute 'batch_dims' is %" PRId64, batch);
    if (t->rank == 0 || x->rank == 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "data and indices must not be scalars");
    if (t->rank < 0 || x->rank < 0 || x->dims[x->rank - 1] < 0) return unknown(c, 0, t->dtype, -1);
    int64_t depth = x->dims[x->rank - 1];
    if (batch >= t->rank || batch >= x->rank || depth > t->rank - batch)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "indices of depth %" PRId64 " into rank %d with %" PRId64 " batch dimensions", depth,
                              t->rank, batch);
    for (int32_t i = 0; i < batch; i++)
        if (t->dims[i] >= 0 && x->dims[i] >= 0 && t->dims[i] != x->dims[i])
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "batch dimension %d is %" PRId64 " and %" PRId64, i, t->dims[i], x->dims[i]);
    int32_t tail = (int32_t)(batch + depth), rank = x->rank - 1 + t->rank - tail;
    if (rank > TN_MAX_RANK) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "the result would have rank %d, limit %d", rank, TN_MAX_RANK);
    int64_t *dims = tn__shape_dims(c, rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < x->rank - 1; i++) dims[i] = x->dims[i];
    for (int32_t i = tail; i < t->rank; i++) dims[x->rank - 1 + i - tail] = t->dims[i];
    tn__shape_set(c, 0, t->dtype, rank, dims);
    return NULL;
}

/* `axis` absent means: of the flattened tensor. */
tn_error *tn__infer_compress(tn__infer *c) {
    const tn__type *t = &c->types[0];
    int64_t axis_attr = ((const tn__attrs_opt_axis *)c->attrs)->axis;
    int32_t axis;
    if (c->types[1].dtype != TN_DTYPE_bool)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 1: found %s, wanted bool", tn_dtype_name(c->types[1].dtype));
    if (c->types[1].rank >= 0 && c->types[1].rank != 1)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: found rank %d, wanted 1", c->types[1].rank);
    if (axis_attr == INT64_MIN) return unknown(c, 0, t->dtype, 1);
    if (t->rank < 0) return unknown(c, 0, t->dtype, -1);
    TN__TRY(tn__shape_axis(c, "attribute 'axis'", axis_attr, t->rank, &axis));
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < t->rank; i++) dims[i] = i == axis ? TN_DIM_UNKNOWN : t->dims[i];
    tn__shape_set(c, 0, t->dtype, t->rank, dims);
    return NULL;
}

tn_error *tn__infer_non_zero(tn__infer *c) {
    TN__TRY(unknown(c, 0, TN_DTYPE_i64, 2));
    if (c->types[0].rank >= 0) ((int64_t *)c->out[0].dims)[0] = c->types[0].rank; /* 0 for a scalar, unlike numpy */
    return NULL;
}

tn_error *tn__infer_unique(tn__infer *c) {
    const tn__type *t = &c->types[0];
    int64_t axis_attr = ((const tn__attrs_opt_axis *)c->attrs)->axis;
    if (axis_attr == INT64_MIN) TN__TRY(unknown(c, 0, t->dtype, 1));
    else if (t->rank < 0) TN__TRY(unknown(c, 0, t->dtype, -1));
    else {
        int32_t axis;
        TN__TRY(tn__shape_axis(c, "attribute 'axis'", axis_attr, t->rank, &axis));
        int64_t *dims = tn__shape_dims(c, t->rank);
        if (!dims) return tn__error_oom();
        for (int32_t i = 0; i < t->rank; i++) dims[i] = i == axis ? TN_DIM_UNKNOWN : t->dims[i];
        tn__shape_set(c, 0, t->dtype, t->rank, dims);
    }
    for (uint32_t k = 1; k < c->n_out; k++) TN__TRY(unknown(c, k, TN_DTYPE_i64, 1));
    return NULL;
}

tn_error *tn__infer_top_k(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *k;
    uint32_t n;
    int32_t axis;
    if (!tn__is_numeric(t->dtype)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a number", tn_dtype_name(t->dtype));
    TN__TRY(tn__shape_list(c, 1, &k, &n));
    if (k && n != 1) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: %u entries, wanted 1", n);
    if (t->rank < 0) {
        TN__TRY(unknown(c, 0, t->dtype, -1));
        return unknown(c, 1, TN_DTYPE_i64, -1);
    }
    TN__TRY(tn__shape_axis(c, "attribute 'axis'", ((const tn__attrs_topk *)c->attrs)->axis, t->rank, &axis));
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < t->rank; i++) dims[i] = i != axis ? t->dims[i] : k ? k[0] : TN_DIM_UNKNOWN;
    if (k && (k[0] < 0 || (t->dims[axis] >= 0 && k[0] > t->dims[axis])))
        return TN__INFER_FAIL(c, OUT_OF_RANGE, "operand 1: k is %" PRId64 ", axis %d has %" PRId64 " entries", k[0], axis, t->dims[axis]);
    tn__shape_set(c, 0, t->dtype, t->rank, dims);
    tn__shape_set(c, 1, TN_DTYPE_i64, t->rank, dims);
    return NULL;
}
