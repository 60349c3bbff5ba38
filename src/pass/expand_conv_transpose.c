/* conv_transpose as convolutions. Output position o (counted before the pads are cut off) takes the taps t with t = o mod stride,
 * so the outputs of each remainder, a phase, are a convolution of stride 1 with every stride-th tap, backwards; the phases are
 * interleaved:
 *
 *   out[s q + r] = sum over u of x[q - u] * w[r + s u]
 *
 * All phases are one convolution with that many times the channels where they have equally many taps. Filling up the shorter ones
 * with zero taps would also do, but turns an infinity of the input into NaN. */
#include "op/conv/window.h"
#include "pass/expand.h"

enum { AXES = 3, MOST_PHASES = 64 };

typedef struct transposed {
    const tn__expansion *x;
    tn__window w;
    int32_t n; /* spatial axes */
    int64_t batch, channels, group, out_channels, phases;
    int64_t dilation[AXES], first[AXES], count[AXES], pad_end[AXES]; /* of the convolutions: from position q = first on */
    bool alike;                                                      /* all phases have equally many taps */
} transposed;

static int64_t taps_of(const transposed *t, int32_t i, int64_t remainder) {
    return (t->w.kernel[i] - remainder + t->w.stride[i] - 1) / t->w.stride[i];
}

/* The positions that the convolutions compute: those of the output, begun early enough that no pad is negative. */
static bool plan(transposed *t) {
    const tn__window *w = &t->w;
    t->phases = 1;
    t->alike = true;
    for (int32_t i = 0; i < t->n; i++) {
        int64_t s = w->stride[i], least = taps_of(t, i, s - 1) - 1;
        if (w->pad_begin[i] < 0 || least < 0 || (s > 1 && w->dilation[i] != 1)) return false;
        if (!tn__mul_i64(t->phases, s, &t->phases) || t->phases > MOST_PHASES) return false;
        t->dilation[i] = s == 1 ? w->dilation[i] : 1;
        least *= t->dilation[i];
        t->first[i] = w->pad_begin[i] / s < least ? w->pad_begin[i] / s : least;
        int64_t end = (w->pad_begin[i] + w->out[i] - 1) / s + 1;
        t->pad_end[i] = end > w->in[i] ? end - w->in[i] : 0;
        t->count[i] = w->in[i] - t->first[i] + t->pad_end[i];
        if (w->kernel[i] % s) t->alike = false;
        if (t->count[i] < 1) return false;
    }
    return true;
}

static bool accept(transposed *t) {
    const tn__expansion *x = t->x;
    const tn__attrs_conv_transpose *at = x->n->attrs;
    const tn__type *in = tn__x_type(x, 0), *weight = tn__x_type(x, 1), *bias = tn__x_type(x, 2);
    const tn__type *out = &x->from->values.data[x->n->first_out].type;
    if (!in || !weight || in->rank < 3 || in->rank > 2 + AXES) return false;
    if (weight->rank != in->rank || weight->dtype != in->dtype) return false;
    if (in->dtype != TN_DTYPE_f32 && in->dtype != TN_DTYPE_f16 && in->dtype != TN_DTYPE_bf16) return false;
    if (!tn__type_elements(in) || !tn__type_elements(weight) || !tn__type_elements(out) || at->group < 1) return false;
    t->n = in->rank - 2;
    t->batch = in->dims[0], t->channels = in->dims[1], t->group = at->group;
    t->out_channels = out->dims[1];
    if (weight->dims[0] != t->channels || t->channels % t->group || weight->dims[1] * t->group != t->out_channels) return false;
    if (bias && (bias->rank != 1 || bias->dims[0] != t->out_channels)) return false;
    tn__window_spec spec = tn__window_spec_of_conv_transpose(at);
    tn_error *e = tn__window_resolve_transposed(&x->to->context->allocator, &spec, t->n, in->dims + 2, weight->dims + 2, &t->w);
    tn_error_destroy(e);
    return !e && plan(t);
}

/* The weight [c, out / group, taps...] of one phase as a convolution's: [out, 1, c / group, taps...], taps backwards. */
static tn_value phase_weight(const transposed *t, const int64_t *remainder) {
    int64_t in_group = t->channels / t->group, out_group = t->out_channels / t->group;
    int64_t dims[4 + AXES] = {t->group, in_group, out_group}, perm[3 + AXES] = {0, 2, 1};
    tn_value v = tn__x_in(t->x, 1);
    for (int32_t i = 0; i < t->n; i++) {
        int64_t s = t->w.stride[i], taps = taps_of(t, i, remainder[i]);
        if (t->w.kernel[i] > 1) v = tn__x_slice(t->x, v, 2 + i, remainder[i] + s * (taps - 1), -t->w.kernel[i] - 1, -s);
        dims[3 + i] = taps;
        perm[3 + i] = 3 + i;
    }
    v = tn__x_transpose(t->x, tn__x_reshape(t->x, v, 3 + t->n, dims), 3 + t->n, perm);
    dims[0] = t->out_channels, dims[1] = 1, dims[2] = in_group;
    return tn__x_reshape(t->x, v, 3 + t->n, dims);
}

/* `times` results for each channel: [batch, out * times, count...]; `remainder`: of the first of them. */
static tn_value convolve(const transposed *t, tn_value weight, tn_value bias, int64_t times, const int64_t *remainder) {
    int64_t pads[2 * AXES], taps[AXES], strides[AXES] = {1, 1, 1};
    int64_t shape[2 + AXES] = {t->out_channels * times, t->channels / t->group};
    for (int32_t i = 0; i < t->n; i++) {
        taps[i] = shape[2 + i] = taps_of(t, i, remainder[i]);
        pads[i] = (taps[i] - 1) * t->dilation[i] - t->first[i];
        pads[t->n + i] = t->pad_end[i];
    }
    const uint32_t n = (uint32_t)t->n;
    tn__attrs_conv at = {.auto_pad = "NOTSET", .dilations = {n, t->dilation}, .group = t->group, .kernel_shape = {n, taps},
                         .pads = {2 * n, pads}, .strides = {n, strides}};
    tn_value in[3] = {tn__x_in(t->x, 0), tn__x_reshape(t->x, weight, 2 + t->n, shape), bias};
    return tn__graph_add(t->x->to, TN_OP_conv, in, bias.id ? 3 : 2, &at, 1, t->x->n->name);
}

static void next_phase(const transposed *t, int64_t *remainder) {
    for (int32_t i = t->n - 1; i >= 0; i--) {
        if (++remainder[i] < t->w.stride[i]) return;
        remainder[i] = 0;
    }
}

/* [batch, out, phases, count...], the middle two perhaps as one */
static tn_value all_phases(const transposed *t) {
    tn_value parts[MOST_PHASES], bias = tn__x_in(t->x, 2);
    int64_t remainder[AXES] = {0}, each[2] = {t->out_channels, t->phases}, dims[3 + AXES] = {t->batch, t->out_channels, 1};
    memcpy(dims + 3, t->count, sizeof t->count);
    for (int64_t p = 0; p < t->phases; p++, next_phase(t, remainder)) {
        parts[p] = phase_weight(t, remainder);
        if (!t->alike) parts[p] = tn__x_reshape(t->x, convolve(t, parts[p], bias, 1, remainder), 3 + t->n, dims);
    }
    if (!t->alike) return tn__x_concat(t->x, parts, (uint32_t)t->phases, 2);
    if (bias.id && t->phases > 1) {
        bias = tn__x_reshape(t->x, bias, 2, (int64_t[]){t->out_channels, 1});
        bias = tn__x_op2(t->x, TN_OP_expand, bias, tn__x_ints(t->x, 2, each));
        bias = tn__x_reshape(t->x, bias, 1, (int64_t[]){t->out_channels * t->phases});
    }
    return convolve(t, tn__x_concat(t->x, parts, (uint32_t)t->phases, 1), bias, t->phases, remainder);
}

bool tn__expand_conv_transpose(const tn__expansion *x, tn_value *out) {
    transposed t = {.x = x};
    if (!accept(&t)) return false;
    int64_t dims[2 + 2 * AXES] = {t.batch, t.out_channels}, whole[2 + AXES] = {t.batch, t.out_channels};
    int64_t perm[2 + 2 * AXES] = {0, 1};
    for (int32_t i = 0; i < t.n; i++) {
        dims[2 + i] = t.w.stride[i], dims[2 + t.n + i] = t.count[i];
        perm[2 + 2 * i] = 2 + t.n + i, perm[3 + 2 * i] = 2 + i;
        whole[2 + i] = t.count[i] * t.w.stride[i];
    }
    tn_value v = all_phases(&t);
    if (t.phases > 1) {
        v = tn__x_transpose(x, tn__x_reshape(x, v, 2 + 2 * t.n, dims), 2 + 2 * t.n, perm);
        v = tn__x_reshape(x, v, 2 + t.n, whole);
    }
    for (int32_t i = 0; i < t.n; i++) {
        int64_t from = t.w.pad_begin[i] - t.first[i] * t.w.stride[i];
        if (from || t.w.out[i] != whole[2 + i]) v = tn__x_slice(x, v, 2 + i, from, from + t.w.out[i], 1);
    }
    out[0] = v;
    return true;
}
