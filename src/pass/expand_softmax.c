/* softmax, log_softmax and hardmax. */
#include "pass/expand.h"

/* e / sum(e), e = exp(x - max) */
tn_value tn__x_softmax(const tn__expansion *x, tn_value v, int64_t axis) {
    tn_value e = tn__x_op1(x, TN_OP_exp, tn__x_op2(x, TN_OP_sub, v, tn__x_reduce(x, TN_OP_reduce_max, v, 1, &axis)));
    return tn__x_op2(x, TN_OP_div, e, tn__x_reduce(x, TN_OP_reduce_sum, e, 1, &axis));
}

/* log_softmax = d - log(sum(exp(d))), d = x - max */
bool tn__expand_softmax(const tn__expansion *x, tn_value *out) {
    if (!tn__x_is_f32(x, 0) || tn__x_type(x, 0)->rank < 1) return false;
    int64_t axis = ((const tn__attrs_axis_last *)x->n->attrs)->axis;
    tn_value v = tn__x_in(x, 0);
    if (x->n->op == TN_OP_softmax) {
        out[0] = tn__x_softmax(x, v, axis);
        return true;
    }
    tn_value d = tn__x_op2(x, TN_OP_sub, v, tn__x_reduce(x, TN_OP_reduce_max, v, 1, &axis));
    tn_value s = tn__x_reduce(x, TN_OP_reduce_sum, tn__x_op1(x, TN_OP_exp, d), 1, &axis);
    out[0] = tn__x_op2(x, TN_OP_sub, d, tn__x_op1(x, TN_OP_log, s));
    return true;
}

/* 1 at the first of the largest: places where x is the maximum, the least of them, and where that is */
bool tn__expand_hardmax(const tn__expansion *x, tn_value *out) {
    const tn__type *t = tn__x_type(x, 0);
    if (!tn__x_is_f32(x, 0) || t->rank < 1) return false;
    int64_t axis = ((const tn__attrs_axis_last *)x->n->attrs)->axis, dims[TN_MAX_RANK];
    for (int32_t i = 0; i < t->rank; i++) dims[i] = 1;
    if (axis < 0) axis += t->rank;
    if (t->dims[axis] >= 1 << 24) return false; /* places are counted in f32 */
    int64_t n = dims[axis] = t->dims[axis];
    float *index = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)n);
    if (!index) return tn__graph_fail(x->to, tn__error_oom()), true;
    for (int64_t i = 0; i < n; i++) index[i] = (float)i;
    tn_value v = tn__x_in(x, 0), place = tn__x_floats(x, t->rank, dims, index);
    tn_value largest = tn__x_op2(x, TN_OP_equal, v, tn__x_reduce(x, TN_OP_reduce_max, v, 1, &axis));
    tn_value places = tn__x_where(x, largest, place, tn__x_number(x, (double)n));
    tn_value first = tn__x_op2(x, TN_OP_equal, place, tn__x_reduce(x, TN_OP_reduce_min, places, 1, &axis));
    out[0] = tn__x_where(x, first, tn__x_number(x, 1), tn__x_number(x, 0));
    return true;
}
