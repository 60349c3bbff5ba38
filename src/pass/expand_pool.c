/* lp_pool as an average pool of powers. */
#include "pass/expand.h"

/* (sum |x|^p)^(1/p): the average over whole windows, which counts padding, times their size */
bool tn__expand_lp_pool(const tn__expansion *x, tn_value *out) {
    tn__attrs_pool at = *(const tn__attrs_pool *)x->n->attrs;
    const tn__type *t = tn__x_type(x, 0);
    double taps = 1;
    if (!tn__x_is_f32(x, 0) || t->rank < 3 || t->rank > 5 || at.p < 1 || at.ceil_mode) return false;
    for (uint32_t i = 0; i < at.kernel_shape.n; i++) taps *= (double)at.kernel_shape.data[i];
    tn_value v = tn__x_in(x, 0);
    v = tn__x_power(x, tn__x_op1(x, TN_OP_abs, v), (double)at.p);
    at.count_include_pad = 1;
    v = tn__graph_add(x->to, TN_OP_average_pool, &v, 1, &at, 1, x->n->name);
    out[0] = tn__x_power(x, tn__x_op2(x, TN_OP_mul, v, tn__x_number(x, taps)), 1 / (double)at.p);
    return true;
}
