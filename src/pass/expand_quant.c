/* Quantisation whose scale comes from the values. */
#include "pass/expand.h"

/* The least or largest element, or 0 where that is further out. */
static tn_value bound(const tn__expansion *x, tn__op reduce, tn__op order) {
    tn_value v = tn__x_in(x, 0);
    tn__attrs_reduce a = {.keepdims = 0};
    return tn__x_op2(x, order, tn__graph_add(x->to, reduce, &v, 1, &a, 1, x->n->name), tn__x_number(x, 0));
}

/* scale = (high - low, or 1 where that is 0) / 255, zero = -low / scale, quantised like the values */
bool tn__expand_dynamic_quantize(const tn__expansion *x, tn_value *out) {
    if (!tn__x_is_f32(x, 0)) return false;
    tn_value low = bound(x, TN_OP_reduce_min, TN_OP_min), high = bound(x, TN_OP_reduce_max, TN_OP_max), one = tn__x_number(x, 1);
    tn_value range = tn__x_where(x, tn__x_op2(x, TN_OP_equal, low, high), one, tn__x_op2(x, TN_OP_sub, high, low));
    tn_value scale = tn__x_op2(x, TN_OP_div, range, tn__x_number(x, 255));
    tn_value point[2] = {tn__x_op2(x, TN_OP_div, tn__x_op1(x, TN_OP_neg, low), scale), one};
    tn_value zero = tn__graph_add(x->to, TN_OP_quantize_linear, point, 2, NULL, 1, x->n->name); /* to u8 */
    tn_value y[3] = {tn__x_in(x, 0), scale, zero};
    out[0] = tn__graph_add(x->to, TN_OP_quantize_linear, y, 3, NULL, 1, x->n->name);
    out[1] = scale;
    out[2] = zero;
    return true;
}
