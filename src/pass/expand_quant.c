/* Quantisation whose scale comes from the values, and convolutions of 8-bit integers that kernels do not take. */
#include "pass/expand.h"

#include <math.h>

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

/* ---- convolution --------------------------------------------------------------------------------------------- */

/* Integers up to this are exact in f32, and so are their sums in any order. */
static const int64_t EXACT = 1 << 24;

static double at(const tn_tensor *t, int64_t i) { return t ? tn__load_f64(t->dtype, t->data, t->elements == 1 ? 0 : i) : 0; }

/* In groups of several channels, or of weights that do not fit 8 bits without their zero points: the kernels of integer products take
 * neither (depthwise convolutions, one channel a group, they do). */
static bool wanted(const tn__expansion *x, const tn_tensor *w, const tn_tensor *zero) {
    int64_t group = ((const tn__attrs_conv *)x->n->attrs)->group;
    if (group != 1) return group != tn__x_type(x, 0)->dims[1] || group != w->dims[0];
    for (int64_t i = 0; i < (zero ? zero->elements : 1); i++)
        if (at(zero, i) != (w->dtype == TN_DTYPE_i8 ? 0 : 128)) return true;
    return false;
}

static tn_value weights(const tn__expansion *x, const tn_tensor *w, const tn_tensor *zero) {
    float *f = TN__ARENA_ARRAY(&x->to->arena, float, w->elements);
    if (!f) return tn__graph_fail(x->to, tn__error_oom()), tn__none();
    int64_t each = w->elements / w->dims[0];
    for (int64_t i = 0; i < w->elements; i++) f[i] = (float)(at(w, i) - at(zero, i / each));
    return tn__x_floats(x, w->rank, w->dims, f);
}

/* A vector of channels that broadcasts over [n, channels, spatial]; a factor or, without scales, the bias. */
static tn_value per_channel(const tn__expansion *x, int64_t channels, int32_t rank, const tn_tensor *bias, const tn_tensor *const *scales) {
    int64_t dims[TN_MAX_RANK] = {channels};
    float *f = TN__ARENA_ARRAY(&x->to->arena, float, channels);
    if (!f) return tn__graph_fail(x->to, tn__error_oom()), tn__none();
    for (int32_t i = 1; i < rank; i++) dims[i] = 1;
    for (int64_t c = 0; c < channels; c++)
        f[c] = scales ? (float)at(scales[0], 0) * (float)at(scales[1], c) / (float)at(scales[2], 0) : (float)at(bias, c);
    return tn__x_floats(x, rank, dims, f);
}

/* The convolution in f32, which is exact where the sums stay below 2^24; then scaled and rounded as the reference does. */
bool tn__expand_conv_integer(const tn__expansion *x, tn_value *out) {
    bool quantised = x->n->op == TN_OP_qlinear_conv;
    uint32_t kw = quantised ? 3 : 1, kwz = quantised ? 5 : 3;
    const tn__type *t = tn__x_type(x, 0), *x_zero = tn__x_type(x, 2);
    const tn_tensor *w = tn__x_constant(x, kw), *zero = tn__x_constant(x, kwz), *bias = quantised ? tn__x_constant(x, 8) : NULL;
    if (!w || w->rank < 3 || !w->elements || (tn__x_type(x, kwz) && !zero) || !tn__type_elements(t)) return false;
    if ((zero && zero->elements != 1 && zero->elements != w->dims[0]) || (x_zero && tn__type_elements(x_zero) != 1) || !wanted(x, w, zero)) return false;
    int64_t channels = w->dims[0], most = w->elements / channels * 255 * 255;
    for (int64_t c = 0; bias && c < channels; c++)
        if (most + (int64_t)fabs(at(bias, c)) > EXACT) return false;
    if (most > EXACT || (quantised && tn__x_type(x, 8) && !bias)) return false;
    const tn_tensor *scales[3] = {tn__x_constant(x, 1), tn__x_constant(x, 4), tn__x_constant(x, 6)};
    for (int i = 0; quantised && i < 3; i++)
        if (!scales[i] || scales[i]->dtype != TN_DTYPE_f32 || (scales[i]->elements != 1 && (i != 1 || scales[i]->elements != channels))) return false;
    tn_value one = tn__x_number(x, 1), dq[3] = {tn__x_in(x, 0), one, tn__x_in(x, 2)};
    tn_value in[3] = {tn__graph_add(x->to, TN_OP_dequantize_linear, dq, x_zero ? 3 : 2, NULL, 1, x->n->name), weights(x, w, zero), tn__none()};
    if (bias) in[2] = per_channel(x, channels, 1, bias, NULL);
    tn_value y = tn__graph_add(x->to, TN_OP_conv, in, bias ? 3 : 2, x->n->attrs, 1, x->n->name);
    if (quantised) {
        tn_value q[3] = {tn__x_op2(x, TN_OP_mul, y, per_channel(x, channels, t->rank - 1, NULL, scales)), one, tn__x_in(x, 7)};
        out[0] = tn__graph_add(x->to, TN_OP_quantize_linear, q, 3, NULL, 1, x->n->name);
    } else {
        tn__attrs_cast *cast = tn__attrs_new(x->to, TN_OP_cast);
        if (!cast) return tn__graph_fail(x->to, tn__error_oom()), false;
        cast->to = TN_DTYPE_i32;
        out[0] = tn__graph_add(x->to, TN_OP_cast, &y, 1, cast, 1, x->n->name);
    }
    return true;
}
