/* Shape rules of the reductions, arg_max/arg_min and running sums. */
#include <inttypes.h>

#include "op/elementwise/elementwise.h"

/* Result of reducing the marked axes of operand 0. */
static tn_error *reduced(tn__infer *c, tn_dtype d, const bool *axes, bool keep) {
    const tn__type *t = &c->types[0];
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    int32_t rank = 0;
    for (int32_t i = 0; i < t->rank; i++)
        if (!axes[i] || keep) dims[rank++] = axes[i] ? 1 : t->dims[i];
    tn__shape_set(c, 0, d, rank, dims);
    return NULL;
}

static tn_error *unknown_dims(tn__infer *c, tn_dtype d, int32_t rank) {
    int64_t *dims = rank >= 0 ? tn__shape_dims(c, rank) : NULL;
    if (rank >= 0 && !dims) return tn__error_oom();
    tn__shape_set(c, 0, d, rank, dims);
    return NULL;
}

tn_error *tn__infer_reduce(tn__infer *c) {
    const tn__attrs_reduce *s = c->attrs;
    const tn__type *t = &c->types[0];
    bool axes[TN_MAX_RANK] = {false}, keep = s->keepdims != 0, order = c->op == TN_OP_reduce_max || c->op == TN_OP_reduce_min;
    const int64_t *list = NULL;
    uint32_t n = 0;
    if (!tn__is_numeric(t->dtype) && !(order && t->dtype == TN_DTYPE_bool))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a numeric type", tn_dtype_name(t->dtype));
    if (tn__shape_has(c, 1)) {
        TN__TRY(tn__shape_list(c, 1, &list, &n));
        if (!list) { /* the axes are known at run time only */
            if (keep || t->rank < 0) return unknown_dims(c, t->dtype, t->rank);
            int64_t length = c->types[1].rank == 0 ? 1 : c->types[1].rank == 1 ? c->types[1].dims[0] : -1;
            return unknown_dims(c, t->dtype, length > 0 && length <= t->rank ? t->rank - (int32_t)length : -1);
        }
    }
    if (t->rank < 0) return unknown_dims(c, t->dtype, !n && !keep && !s->noop_with_empty_axes ? 0 : -1);
    for (uint32_t i = 0; i < n; i++) {
        int32_t axis;
        TN__TRY(tn__shape_axis(c, "axis", list[i], t->rank, &axis));
        if (axes[axis]) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "axis %d is given twice", axis);
        axes[axis] = true;
    }
    for (int32_t i = 0; !n && !s->noop_with_empty_axes && i < t->rank; i++) axes[i] = true;
    return reduced(c, t->dtype, axes, keep);
}

tn_error *tn__infer_arg(tn__infer *c) {
    const tn__attrs_arg *s = c->attrs;
    const tn__type *t = &c->types[0];
    bool axes[TN_MAX_RANK] = {false};
    int32_t axis;
    if (!tn__is_numeric(t->dtype)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a number", tn_dtype_name(t->dtype));
    if (t->rank < 0) return unknown_dims(c, TN_DTYPE_i64, -1);
    if (t->rank == 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0 is a scalar");
    TN__TRY(tn__shape_axis(c, "attribute 'axis'", s->axis, t->rank, &axis));
    if (t->dims[axis] == 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "axis %d is empty", axis);
    axes[axis] = true;
    return reduced(c, TN_DTYPE_i64, axes, s->keepdims != 0);
}

tn_error *tn__infer_cum(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *list;
    uint32_t n;
    int32_t axis;
    if (!tn__is_numeric(t->dtype)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a number", tn_dtype_name(t->dtype));
    TN__TRY(tn__shape_list(c, 1, &list, &n));
    if (list && n != 1) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: %u entries, wanted 1", n);
    if (list && t->rank >= 0) TN__TRY(tn__shape_axis(c, "operand 1, the axis,", list[0], t->rank, &axis));
    tn__shape_set(c, 0, t->dtype, t->rank, t->dims);
    return NULL;
}
