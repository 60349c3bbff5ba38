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

/* At inference y = x * a + b with a = scale / sqrt(var + eps), b = bias - mean * a; of constants in f64, at run time as
 * (x - mean) * a + bias */
bool tn__expand_batch_norm(const tn__expansion *x, tn_value *out) {
    const tn__attrs_batch_norm *at = x->n->attrs;
    const tn__type *t = tn__x_type(x, 0);
    const tn_tensor *p[5] = {NULL};
    bool constant = true;
    if (!tn__x_is_f32(x, 0) || t->rank < 2 || x->n->n_out != 1 || at->training_mode) return false;
    for (uint32_t i = 1; i < 5; i++) {
        if (!tn__x_is_f32(x, i)) return false;
        if (!(p[i] = tn__x_constant(x, i))) constant = false;
    }
    int64_t c = t->dims[1], dims[TN_MAX_RANK];
    for (int32_t i = 0; i < t->rank; i++) dims[i] = 1;
    if (!constant) {
        dims[1] = c;
        tn_value v[5] = {tn__x_in(x, 0)};
        for (uint32_t i = 1; i < 5; i++) v[i] = tn__x_reshape(x, tn__x_in(x, i), t->rank, dims);
        tn_value deviation = tn__x_op1(x, TN_OP_sqrt, tn__x_op2(x, TN_OP_add, v[4], tn__x_number(x, at->epsilon)));
        tn_value y = tn__x_op2(x, TN_OP_mul, tn__x_op2(x, TN_OP_sub, v[0], v[3]), tn__x_op2(x, TN_OP_div, v[1], deviation));
        out[0] = tn__x_op2(x, TN_OP_add, y, v[2]);
        return true;
    }
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

/* ---- per channel and per group ------------------------------------------------------------------------------- */

static void all_ones(int64_t *dims, int32_t rank) {
    for (int32_t i = 0; i < rank; i++) dims[i] = 1;
}

/* Mean over the spatial axes: [n, c, 1, ...]. A pool keeps the blocked layout of convolutions; few channels are not worth a block. */
static tn_value spatial_mean(const tn__expansion *x, tn_value v, const tn__type *t) {
    if (t->rank >= 3 && t->rank <= 5 && t->dims[1] >= 8) return tn__x_op1(x, TN_OP_global_average_pool, v);
    int64_t axes[TN_MAX_RANK];
    for (int32_t i = 2; i < t->rank; i++) axes[i - 2] = i;
    return tn__x_reduce(x, TN_OP_reduce_mean, v, t->rank - 2, axes);
}

/* Means [n, c, 1, ...] of channels to means of their groups, again one for each channel. */
static tn_value over_groups(const tn__expansion *x, tn_value v, const tn__type *t, int64_t groups) {
    int64_t n = t->dims[0], c = t->dims[1], axis = 2, dims[TN_MAX_RANK];
    if (groups == c) return v;
    v = tn__x_reshape(x, v, 3, (int64_t[]){n, groups, c / groups});
    v = tn__x_reduce(x, TN_OP_reduce_mean, v, 1, &axis);
    v = tn__x_op2(x, TN_OP_expand, v, tn__x_ints(x, 3, (int64_t[]){n, groups, c / groups}));
    all_ones(dims, t->rank);
    dims[0] = n, dims[1] = c;
    return tn__x_reshape(x, v, t->rank, dims);
}

/* d = x - mean, y = d * (scale / sqrt(mean(d * d) + epsilon)) + bias, means over the spatial axes and the channels of a group */
bool tn__expand_group_norm(const tn__expansion *x, tn_value *out) {
    const tn__type *t = tn__x_type(x, 0);
    bool instance = x->n->op == TN_OP_instance_normalization;
    const tn__attrs_group_norm *group = x->n->attrs;
    double epsilon = instance ? ((const tn__attrs_norm *)x->n->attrs)->epsilon : group->epsilon;
    if (!tn__x_is_f32(x, 0) || t->rank < 3) return false;
    int64_t groups = instance ? t->dims[1] : group->num_groups, dims[TN_MAX_RANK];
    if (groups < 1 || t->dims[1] % groups) return false;
    for (uint32_t k = 1; k < 3; k++)
        if (!tn__x_is_f32(x, k) || tn__x_type(x, k)->rank != 1 || tn__x_type(x, k)->dims[0] != t->dims[1]) return false;
    all_ones(dims, t->rank);
    dims[1] = t->dims[1];
    tn_value scale = tn__x_reshape(x, tn__x_in(x, 1), t->rank, dims), bias = tn__x_reshape(x, tn__x_in(x, 2), t->rank, dims);
    tn_value d = tn__x_in(x, 0);
    d = tn__x_op2(x, TN_OP_sub, d, over_groups(x, spatial_mean(x, d, t), t, groups));
    tn_value variance = over_groups(x, spatial_mean(x, tn__x_op2(x, TN_OP_mul, d, d), t), t, groups);
    tn_value deviation = tn__x_op1(x, TN_OP_sqrt, tn__x_op2(x, TN_OP_add, variance, tn__x_number(x, epsilon)));
    out[0] = tn__x_op2(x, TN_OP_add, tn__x_op2(x, TN_OP_mul, d, tn__x_op2(x, TN_OP_div, scale, deviation)), bias);
    return true;
}

/* ---- others -------------------------------------------------------------------------------------------------- */

/* d = x - mean, d / (sqrt(mean(d * d)) + 1e-9) */
bool tn__expand_mvn(const tn__expansion *x, tn_value *out) {
    static const int64_t by_default[3] = {0, 2, 3};
    const tn__attrs_axes *at = x->n->attrs;
    const int64_t *axes = at->axes.n ? at->axes.data : by_default;
    int32_t n = at->axes.n ? (int32_t)at->axes.n : 3, rank = tn__x_type(x, 0)->rank;
    if (!tn__x_is_f32(x, 0) || n > rank) return false;
    for (int32_t i = 0; i < n; i++)
        if (axes[i] < -rank || axes[i] >= rank) return false;
    tn_value d = tn__x_in(x, 0);
    d = tn__x_op2(x, TN_OP_sub, d, tn__x_reduce(x, TN_OP_reduce_mean, d, n, axes));
    tn_value deviation = tn__x_op1(x, TN_OP_sqrt, tn__x_reduce(x, TN_OP_reduce_mean, tn__x_op2(x, TN_OP_mul, d, d), n, axes));
    deviation = tn__x_op2(x, TN_OP_add, deviation, tn__x_number(x, 1e-9));
    out[0] = tn__x_op2(x, TN_OP_mul, d, tn__x_op1(x, TN_OP_reciprocal, deviation));
    return true;
}

/* x / norm, norm = sum |x| or sqrt(sum x * x); a norm of 0 counts as 1 */
bool tn__expand_lp_norm(const tn__expansion *x, tn_value *out) {
    const tn__attrs_lp_norm *at = x->n->attrs;
    if (!tn__x_is_f32(x, 0) || tn__x_type(x, 0)->rank < 1 || (at->p != 1 && at->p != 2)) return false;
    tn_value v = tn__x_in(x, 0), zero = tn__x_number(x, 0), power = at->p == 1 ? tn__x_op1(x, TN_OP_abs, v) : tn__x_op2(x, TN_OP_mul, v, v);
    tn_value norm = tn__x_reduce(x, TN_OP_reduce_sum, power, 1, &at->axis);
    if (at->p == 2) norm = tn__x_op1(x, TN_OP_sqrt, norm);
    norm = tn__x_where(x, tn__x_op2(x, TN_OP_equal, norm, zero), tn__x_number(x, 1), norm);
    out[0] = tn__x_op2(x, TN_OP_div, v, norm);
    return true;
}

/* x / (bias + alpha / size * sum)^beta, sum of x * x over neighbouring channels: a 1 x 1 convolution with a band of weights, which stays
 * in the blocked layout */
bool tn__expand_lrn(const tn__expansion *x, tn_value *out) {
    enum { CHANNELS_MOST = 1024 };
    const tn__attrs_lrn *at = x->n->attrs;
    const tn__type *t = tn__x_type(x, 0);
    if (!tn__x_is_f32(x, 0) || t->rank < 3 || t->rank > 5 || at->size < 1 || t->dims[1] > CHANNELS_MOST) return false;
    int64_t c = t->dims[1], below = (at->size - 1) / 2, above = at->size - 1 - below, dims[TN_MAX_RANK];
    float *weights = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)(c * c)), *bias = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)c);
    if (!weights || !bias) return tn__graph_fail(x->to, tn__error_oom()), true;
    for (int64_t i = 0; i < c; i++) {
        bias[i] = (float)at->bias;
        for (int64_t k = 0; k < c; k++) weights[i * c + k] = i - k <= below && k - i <= above ? (float)(at->alpha / (double)at->size) : 0;
    }
    all_ones(dims, t->rank);
    dims[0] = dims[1] = c;
    tn_value v = tn__x_in(x, 0);
    tn_value in[3] = {tn__x_op2(x, TN_OP_mul, v, v), tn__x_floats(x, t->rank, dims, weights), tn__x_floats(x, 1, &c, bias)};
    tn_value base = tn__graph_add(x->to, TN_OP_conv, in, 3, NULL, 1, x->n->name);
    out[0] = tn__x_op2(x, TN_OP_div, v, tn__x_power(x, base, at->beta));
    return true;
}
