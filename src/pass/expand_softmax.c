/* softmax and log_softmax. */
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
