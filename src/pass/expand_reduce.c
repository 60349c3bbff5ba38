/* Reductions of something elementwise, and places of extremes. */
#include "pass/expand.h"

#include <float.h>
#include <math.h>

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

/* The least (or last) place where x equals its extreme, counted in f32. A NaN wins: its places lie n + 1 beyond all others. */
bool tn__expand_arg(const tn__expansion *x, tn_value *out) {
    enum { LONGEST = 1 << 22 };
    const tn__attrs_arg *at = x->n->attrs;
    const tn__type *t = tn__x_type(x, 0), *to = tn__type_of(x->from, tn__out(x->n, 0));
    bool largest = x->n->op == TN_OP_arg_max, last = at->select_last_index != 0;
    if (!tn__x_is_f32(x, 0) || t->rank < 1) return false;
    int64_t axis = at->axis < 0 ? at->axis + t->rank : at->axis, dims[TN_MAX_RANK], n = t->dims[axis];
    if (n > LONGEST) return false;
    for (int32_t i = 0; i < t->rank; i++) dims[i] = i == axis ? n : 1;
    float *index = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)n);
    if (!index) return tn__graph_fail(x->to, tn__error_oom()), true;
    for (int64_t i = 0; i < n; i++) index[i] = (float)i;
    tn_value places = tn__x_floats(x, t->rank, dims, index);
    for (int64_t i = 0; i < n; i++) index[i] = (float)(last ? i + n + 1 : i - n - 1);
    tn_value beyond = tn__x_floats(x, t->rank, dims, index), v = tn__x_in(x, 0), number = tn__x_op2(x, TN_OP_equal, v, v);
    tn_value numbers = tn__x_where(x, number, v, tn__x_number(x, largest ? -INFINITY : INFINITY));
    tn_value found = tn__x_op2(x, TN_OP_equal, v, tn__x_reduce(x, largest ? TN_OP_reduce_max : TN_OP_reduce_min, numbers, 1, &axis));
    tn_value place = tn__x_where(x, number, tn__x_where(x, found, places, tn__x_number(x, last ? -1 : (double)n)), beyond);
    place = tn__x_reduce(x, last ? TN_OP_reduce_max : TN_OP_reduce_min, place, 1, &axis);
    tn_value bound = tn__x_number(x, last ? (double)n : 0), back = tn__x_op2(x, TN_OP_add, place, tn__x_number(x, (double)(last ? -n - 1 : n + 1)));
    place = tn__x_where(x, last ? tn__x_op2(x, TN_OP_less, bound, place) : tn__x_op2(x, TN_OP_less, place, bound), back, place);
    tn__attrs_cast cast = {.to = TN_DTYPE_i64, .saturate = 1, .round_mode = "up"};
    out[0] = tn__x_reshape(x, tn__graph_add(x->to, TN_OP_cast, &place, 1, &cast, 1, x->n->name), to->rank, to->dims);
    return true;
}
