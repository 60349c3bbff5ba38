/* Reference evaluation of deform_conv (ONNX DeformConv): each tap of each output pixel reads the input bilinearly at its own offset. */
#include "op/conv/conv_eval.h"

#include <math.h>

/* Bilinear read; neighbours outside the plane count as 0. */
static double sample(const double *plane, int64_t height, int64_t width, double y, double x) {
    if (!(y > -1 && y < (double)height && x > -1 && x < (double)width)) return 0;
    int64_t y0 = (int64_t)floor(y), x0 = (int64_t)floor(x);
    double ly = y - (double)y0, lx = x - (double)x0, sum = 0;
    for (int k = 0; k < 4; k++) {
        int64_t py = y0 + k / 2, px = x0 + k % 2;
        if (py >= 0 && py < height && px >= 0 && px < width)
            sum += (k / 2 ? ly : 1 - ly) * (k % 2 ? lx : 1 - lx) * plane[py * width + px];
    }
    return sum;
}

/* x, w, offset, bias, mask; the offset's channels are groups * taps * (y, x) */
tn_error *tn__eval_deform_conv(tn__eval *c) {
    const tn__attrs_deform_conv *attrs = c->attrs;
    const tn_tensor *x = c->in[0], *weight = c->in[1], *offset = c->in[2], *bias = tn__eval_in(c, 3), *mask = tn__eval_in(c, 4);
    tn_tensor *out = c->out[0];
    tn__window_spec spec = tn__window_spec_of_deform_conv(attrs);
    tn__window w;
    TN__TRY(tn__window_resolve(c->a, &spec, 2, x->dims + 2, weight->dims + 2, &w));
    if (!out->elements) return NULL;
    int64_t taps = w.kernel[0] * w.kernel[1], groups = attrs->offset_group, pixels = w.out[0] * w.out[1];
    int64_t channels = x->dims[1], per = weight->dims[1], oc = weight->dims[0] / attrs->group, plane = w.in[0] * w.in[1];
    double *xs = tn__eval_load_f64(c, x), *ws = tn__eval_load_f64(c, weight), *os = tn__eval_load_f64(c, offset);
    double *ms = mask ? tn__eval_load_f64(c, mask) : NULL, *column = tn__eval_temp_f64(c, channels * taps);
    bool ok = xs && ws && os && column && (ms || !mask);
    for (int64_t i = 0; ok && i < x->dims[0] * pixels; i++) {
        int64_t batch = i / pixels, pixel = i % pixels;
        for (int64_t k = 0; k < channels * taps; k++) {
            int64_t channel = k / taps, tap = k % taps, group = channel / (channels / groups), at = (batch * groups + group) * taps + tap;
            double y = (double)(pixel / w.out[1] * w.stride[0] - w.pad_begin[0] + tap / w.kernel[1] * w.dilation[0]) + os[2 * at * pixels + pixel];
            double z = (double)(pixel % w.out[1] * w.stride[1] - w.pad_begin[1] + tap % w.kernel[1] * w.dilation[1]) +
                       os[(2 * at + 1) * pixels + pixel];
            column[k] = sample(xs + (batch * channels + channel) * plane, w.in[0], w.in[1], y, z) * (ms ? ms[at * pixels + pixel] : 1);
        }
        for (int64_t o = 0; o < out->dims[1]; o++) {
            double sum = bias ? tn__load_f64(bias->dtype, bias->data, o) : 0;
            const double *from = column + o / oc * per * taps;
            for (int64_t k = 0; k < per * taps; k++) sum += ws[o * per * taps + k] * from[k];
            tn__store_f64(out->dtype, out->data, (batch * out->dims[1] + o) * pixels + pixel, sum);
        }
    }
    tn__eval_free_f64(c, xs, x->elements);
    tn__eval_free_f64(c, ws, weight->elements);
    tn__eval_free_f64(c, os, offset->elements);
    if (mask) tn__eval_free_f64(c, ms, mask->elements);
    tn__eval_free_f64(c, column, channels * taps);
    return ok ? NULL : tn__error_oom();
}
