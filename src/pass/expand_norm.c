/* Normalisations: means over some axes, then elementwise. Every division by a deviation is a multiplication by its reciprocal, which is
 * computed once for a row. */
#include "pass/expand.h"

#include <math.h>

/* 1 / sqrt(mean(x * x) + epsilon) over axes */
static tn_value inverse_deviation(const tn__expansion *x, tn_value v, int32_t n_axes, const int64_t *axes, double epsilon) {
    tn_value square = tn__x_reduce(x, TN_OP_reduce_mean, tn__x_op2(x, TN_OP_mul, v, v), n_axes, axes);
    return tn__x_op1(x, TN_OP_reciprocal, tn__x_op1(x, TN_OP_sqrt, tn__x_op2(x, TN_OP_add, square, tn__x_number(x, epsilon))));
}

static bool broadcasts_to(const tn__type *t, const tn__type *to) {
    bool ok = t->dtype == TN_DTYPE_f32 && t->rank <= to->rank;
    for (int32_t i = 0; ok && i < t->rank; i++) ok = t->dims[i] == 1 || t->dims[i] == to->dims[to->rank - t->rank + i];
    return ok;
}

/* layer: d = x - mean; rms: d = x; y = d * inverse_deviation(d) * scale + bias */
bool tn__expand_layer_norm(const tn__expansion *x, tn_value *out) {
    const tn__attrs_layer_norm *at = x->n->attrs;
    const tn__type *t = tn__x_type(x, 0), *bias = tn__x_type(x, 2);
    if (!tn__x_is_f32(x, 0) || t->rank < 1 || !broadcasts_to(tn__x_type(x, 1), t) || (bias && !broadcasts_to(bias, t))) return false;
    if (x->n->n_out > 1 && tn__dtype_from_onnx(at->stash_type) != TN_DTYPE_f32) return false;
    int64_t first = at->axis < 0 ? at->axis + t->rank : at->axis, axes[TN_MAX_RANK];
    if (first < 0 || first >= t->rank) return false;
    int32_t n = 0;
    for (int64_t i = first; i < t->rank; i++) axes[n++] = i;
    tn_value d = tn__x_in(x, 0);
    if (x->n->op == TN_OP_layer_normalization) {
        out[1] = tn__x_reduce(x, TN_OP_reduce_mean, d, n, axes);
        d = tn__x_op2(x, TN_OP_sub, d, out[1]);
    }
    out[2] = inverse_deviation(x, d, n, axes, at->epsilon);
    tn_value y = tn__x_op2(x, TN_OP_mul, tn__x_op2(x, TN_OP_mul, d, out[2]), tn__x_in(x, 1));
    out[0] = bias ? tn__x_op2(x, TN_OP_add, y, tn__x_in(x, 2)) : y;
    return true;
}

/* At inference, with constant parameters: y = x * a + b with a = scale / sqrt(var + eps), b = bias - mean * a, computed in f64. */
bool tn__expand_batch_norm(const tn__expansion *x, tn_value *out) {
    const tn__attrs_batch_norm *at = x->n->attrs;
    const tn__type *t = tn__x_type(x, 0);
    const tn_tensor *p[5] = {NULL};
    if (!tn__x_is_f32(x, 0) || t->rank < 2 || x->n->n_out != 1 || at->training_mode) return false;
    for (uint32_t i = 1; i < 5; i++) {
        p[i] = tn__x_constant(x, i);
        if (!p[i] || p[i]->dtype != TN_DTYPE_f32 || p[i]->elements != t->dims[1]) return false;
    }
    int64_t c = t->dims[1], dims[TN_MAX_RANK];
    for (int32_t i = 0; i < t->rank; i++) dims[i] = 1;
    dims[0] = c;
    float *a = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)c), *b = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)c);
    if (!a || !b) return tn__graph_fail(x->to, tn__error_oom()), true;
    for (int64_t i = 0; i < c; i++) {
        double s = tn__load_f64(p[1]->dtype, p[1]->data, i) / sqrt(tn__load_f64(p[4]->dtype, p[4]->data, i) + at->epsilon);
        a[i] = (float)s;
        b[i] = (float)(tn__load_f64(p[2]->dtype, p[2]->data, i) - tn__load_f64(p[3]->dtype, p[3]->data, i) * s);
    }
    tn_value y = tn__x_op2(x, TN_OP_mul, tn__x_in(x, 0), tn__x_floats(x, t->rank - 1, dims, a));
    out[0] = tn__x_op2(x, TN_OP_add, y, tn__x_floats(x, t->rank - 1, dims, b));
    return true;
}
