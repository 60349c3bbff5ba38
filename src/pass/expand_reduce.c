/* Reductions of something elementwise. */
#include "pass/expand.h"

#include <float.h>

/* The node's own reduction, by op, of v. */
static tn_value same_axes(const tn__expansion *x, tn__op op, tn_value v) {
    tn_value in[2] = {v, tn__x_in(x, 1)};
    return tn__graph_add(x->to, op, in, x->n->n_in, x->n->attrs, 1, x->n->name);
}

/* m + log(sum(exp(x - m))), m = max(x); an infinite m counts as a finite one, so that infinities come out as themselves */
static tn_value log_sum_exp(const tn__expansion *x, tn_value v) {
    tn__attrs_reduce keep = *(const tn__attrs_reduce *)x->n->attrs;
    const tn__type *out = tn__type_of(x->from, tn__out(x->n, 0));
    tn_value in[2] = {v, tn__x_in(x, 1)}, clip[3];
    keep.keepdims = 1;
    clip[0] = tn__graph_add(x->to, TN_OP_reduce_max, in, x->n->n_in, &keep, 1, x->n->name);
    clip[1] = tn__x_number(x, -FLT_MAX), clip[2] = tn__x_number(x, FLT_MAX);
    tn_value m = tn__graph_add(x->to, TN_OP_clip, clip, 3, NULL, 1, x->n->name);
    tn_value sum = same_axes(x, TN_OP_reduce_sum, tn__x_op1(x, TN_OP_exp, tn__x_op2(x, TN_OP_sub, v, m)));
    return tn__x_op2(x, TN_OP_add, tn__x_op1(x, TN_OP_log, sum), tn__x_reshape(x, m, out->rank, out->dims));
}

bool tn__expand_reduce(const tn__expansion *x, tn_value *out) {
    const tn__attrs_reduce *at = x->n->attrs;
    const tn_tensor *axes = tn__x_constant(x, 1);
    if (!tn__x_is_f32(x, 0) || tn__x_type(x, 0)->rank < 1) return false;
    if (tn__x_type(x, 1) ? !axes || (axes->elements == 0 && at->noop_with_empty_axes) : at->noop_with_empty_axes != 0) return false;
    tn_value v = tn__x_in(x, 0);
    switch (x->n->op) {
    case TN_OP_reduce_l1: out[0] = same_axes(x, TN_OP_reduce_sum, tn__x_op1(x, TN_OP_abs, v)); break;
    case TN_OP_reduce_sum_square: out[0] = same_axes(x, TN_OP_reduce_sum, tn__x_op2(x, TN_OP_mul, v, v)); break;
    case TN_OP_reduce_l2: out[0] = tn__x_op1(x, TN_OP_sqrt, same_axes(x, TN_OP_reduce_sum, tn__x_op2(x, TN_OP_mul, v, v))); break;
    case TN_OP_reduce_log_sum: out[0] = tn__x_op1(x, TN_OP_log, same_axes(x, TN_OP_reduce_sum, v)); break;
    default: out[0] = log_sum_exp(x, v); break;
    }
    return true;
}
