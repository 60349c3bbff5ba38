/* Reference evaluation of grid_sample, affine_grid and roi_align. */
#include "op/op.h"

#include <inttypes.h>
#include <math.h>

typedef enum { SAMPLE_LINEAR, SAMPLE_NEAREST, SAMPLE_CUBIC } sample_mode;
typedef enum { PAD_ZEROS, PAD_BORDER, PAD_REFLECTION } pad_mode;

static double reflect(double x, double low, double high) {
    double range = high - low;
    if (range <= 0) return low;
    if (x >= low && x <= high) return x;
    double d = x < low ? low - x : x - high, n = floor(d / range), r = d - n * range;
    bool even = fmod(n, 2) == 0;
    if (x < low) return even ? low + r : high - r;
    return even ? high - r : low + r;
}

/* Index of pixel i, -1 for a zero. */
static int64_t pixel(pad_mode pad, int64_t i, int64_t n, double low, double high) {
    if (i >= 0 && i < n) return i;
    if (pad == PAD_ZEROS) return -1;
    if (pad == PAD_REFLECTION) i = (int64_t)reflect((double)i, low, high);
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Taps of one coordinate: up to 4 indices and weights. */
static int axis_taps(sample_mode mode, pad_mode pad, double v, int64_t n, bool align, bool narrow, int64_t index[4], double weight[4]) {
    double low = align ? 0 : -0.5, high = align ? (double)n - 1 : (double)n - 0.5;
    double x = align ? (v + 1) / 2 * ((double)n - 1) : ((v + 1) * (double)n - 1) / 2;
    if (narrow) x = (float)x; /* where a nearest coordinate is a tie, f32 decides as everywhere else */
    if (mode == SAMPLE_NEAREST) x = nearbyint(x);
    if (!(x > -1e15)) x = -1e15; /* NaN too */
    if (x > 1e15) x = 1e15;
    if (x < low || x > high) {
        if (pad == PAD_BORDER) x = x < 0 ? 0 : (double)n - 1;
        else if (pad == PAD_REFLECTION) x = reflect(x, low, high);
    }
    if (mode == SAMPLE_NEAREST) {
        index[0] = pixel(pad, (int64_t)x, n, low, high);
        weight[0] = 1;
        return 1;
    }
    int64_t base = (int64_t)floor(x);
    double t = x - (double)base, a = -0.75;
    if (mode == SAMPLE_LINEAR) {
        index[0] = pixel(pad, base, n, low, high);
        index[1] = pixel(pad, base + 1, n, low, high);
        weight[0] = 1 - t;
        weight[1] = t;
        return 2;
    }
    for (int k = 0; k < 4; k++) {
        double d = fabs(t + 1 - k);
        index[k] = pixel(pad, base - 1 + k, n, low, high);
        weight[k] = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    }
    return 4;
}

tn_error *tn__eval_grid_sample(tn__eval *c) {
    const tn__attrs_grid_sample *attrs = c->attrs;
    const tn_tensor *x = c->in[0], *grid = c->in[1];
    tn_tensor *out = c->out[0];
    const char *m = attrs->mode, *p = attrs->padding_mode;
    sample_mode mode = !strcmp(m, "nearest") ? SAMPLE_NEAREST : !strcmp(m, "cubic") || !strcmp(m, "bicubic") ? SAMPLE_CUBIC : SAMPLE_LINEAR;
    pad_mode pad = !strcmp(p, "border") ? PAD_BORDER : !strcmp(p, "reflection") ? PAD_REFLECTION : PAD_ZEROS;
    if (mode == SAMPLE_LINEAR && strcmp(m, "linear") && strcmp(m, "bilinear"))
        return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "attribute 'mode' is '%s', wanted linear, nearest or cubic", m);
    if (pad == PAD_ZEROS && strcmp(p, "zeros"))
        return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "attribute 'padding_mode' is '%s', wanted zeros, border or reflection", p);
    int32_t axes = x->rank - 2;
    if (axes > 6) return TN__EVAL_FAIL(c, UNSUPPORTED, "grid_sample over %d axes; at most 6 are done", axes);
    if (!out->elements) return NULL;
    if (!x->elements) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand 0 is empty, the result is not");
    int64_t plane = x->elements / (x->dims[0] * x->dims[1]), pixels = out->elements / (x->dims[0] * x->dims[1]);
    double *xs = tn__eval_load_f64(c, x), *gs = tn__eval_load_f64(c, grid);
    bool ok = xs && gs;
    for (int64_t i = 0; ok && i < x->dims[0] * pixels; i++) {
        int64_t index[6][4], count[6], tap[6] = {0}, batch = i / pixels;
        double weight[6][4];
        for (int32_t d = 0; d < axes; d++) /* the grid has the last axis first */
            count[d] = axis_taps(mode, pad, gs[i * axes + axes - 1 - d], x->dims[d + 2], attrs->align_corners != 0,
                                 grid->dtype != TN_DTYPE_f64, index[d], weight[d]);
        for (int64_t k = 0; k < x->dims[1]; k++) {
            const double *from = xs + (batch * x->dims[1] + k) * plane;
            double sum = 0;
            memset(tap, 0, sizeof tap);
            do {
                double w = 1;
                int64_t offset = 0;
                for (int32_t d = 0; d < axes; d++) {
                    int64_t at = index[d][tap[d]];
                    w *= at < 0 ? 0 : weight[d][tap[d]];
                    offset = offset * x->dims[d + 2] + (at < 0 ? 0 : at);
                }
                if (w != 0) sum += w * from[offset];
            } while (tn__next_index(axes, count, tap));
            tn__store_f64(out->dtype, out->data, (batch * x->dims[1] + k) * pixels + i % pixels, sum);
        }
    }
    tn__eval_free_f64(c, xs, x->elements);
    tn__eval_free_f64(c, gs, grid->elements);
    return ok ? NULL : tn__error_oom();
}

/* Coordinate o of n in [-1, 1]. */
static double normalised(int64_t o, int64_t n, bool align) {
    if (align) return n > 1 ? -1 + 2.0 * (double)o / (double)(n - 1) : -1;
    return -1 + (2.0 * (double)o + 1) / (double)n;
}

tn_error *tn__eval_affine_grid(tn__eval *c) {
    const tn__attrs_grid_sample *attrs = c->attrs;
    const tn_tensor *theta = c->in[0], *size = c->in[1];
    int32_t axes = (int32_t)theta->dims[1];
    int64_t dims[5] = {theta->dims[0]}, index[5] = {0};
    for (int32_t i = 0; i < axes; i++) dims[1 + i] = tn__load_i64(size->dtype, size->data, i + 2);
    dims[axes + 1] = axes;
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, theta->dtype, axes + 2, dims, &out));
    for (int64_t i = 0; i < out->elements; i++) {
        double row[4], sum = 0;
        for (int32_t d = 0; d <= axes; d++)
            row[d] = tn__load_f64(theta->dtype, theta->data, (index[0] * axes + index[axes + 1]) * (axes + 1) + d);
        for (int32_t d = 0; d < axes; d++) sum += row[d] * normalised(index[axes - d], dims[axes - d], attrs->align_corners != 0);
        tn__store_f64(out->dtype, out->data, i, sum + row[axes]);
        tn__next_index(axes + 2, dims, index);
    }
    return NULL;
}

/* The four neighbours of (y, x) and their weights; false where the point lies more than one pixel outside. */
static bool bilinear(double y, double x, int64_t height, int64_t width, int64_t index[4], double weight[4]) {
    if (!(y >= -1 && y <= (double)height && x >= -1 && x <= (double)width)) return false;
    y = y > 0 ? y : 0;
    x = x > 0 ? x : 0;
    int64_t y0 = (int64_t)y, x0 = (int64_t)x, y1 = y0 + 1, x1 = x0 + 1;
    if (y0 >= height - 1) y0 = y1 = height - 1, y = (double)y0;
    if (x0 >= width - 1) x0 = x1 = width - 1, x = (double)x0;
    double ly = y - (double)y0, lx = x - (double)x0;
    index[0] = y0 * width + x0;
    index[1] = y0 * width + x1;
    index[2] = y1 * width + x0;
    index[3] = y1 * width + x1;
    weight[0] = (1 - ly) * (1 - lx);
    weight[1] = (1 - ly) * lx;
    weight[2] = ly * (1 - lx);
    weight[3] = ly * lx;
    return true;
}

tn_error *tn__eval_roi_align(tn__eval *c) {
    const tn__attrs_roi_align *attrs = c->attrs;
    const tn_tensor *x = c->in[0], *rois = c->in[1], *batches = c->in[2];
    tn_tensor *out = c->out[0];
    bool half = !strcmp(attrs->coordinate_transformation_mode, "half_pixel"), maximum = !strcmp(attrs->mode, "max");
    if (!half && strcmp(attrs->coordinate_transformation_mode, "output_half_pixel"))
        return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "attribute 'coordinate_transformation_mode' is '%s', wanted half_pixel or output_half_pixel",
                             attrs->coordinate_transformation_mode);
    if (!maximum && strcmp(attrs->mode, "avg"))
        return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "attribute 'mode' is '%s', wanted avg or max", attrs->mode);
    if (!out->elements) return NULL;
    int64_t channels = x->dims[1], height = x->dims[2], width = x->dims[3], oh = attrs->output_height, ow = attrs->output_width;
    if (!x->elements) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand 0 is empty, the result is not");
    double *xs = tn__eval_load_f64(c, x);
    if (!xs) return tn__error_oom();
    tn_error *e = NULL;
    for (int64_t r = 0; !e && r < out->dims[0]; r++) {
        int64_t batch = tn__load_i64(batches->dtype, batches->data, r);
        double box[4], offset = half ? 0.5 : 0, ratio = (double)attrs->sampling_ratio;
        for (int i = 0; i < 4; i++) box[i] = tn__load_f64(rois->dtype, rois->data, r * 4 + i) * attrs->spatial_scale - offset;
        double bw = box[2] - box[0], bh = box[3] - box[1];
        if (!half) bw = bw > 1 ? bw : 1, bh = bh > 1 ? bh : 1;
        bw /= (double)ow;
        bh /= (double)oh;
        double gh = ratio > 0 ? ratio : ceil(bh), gw = ratio > 0 ? ratio : ceil(bw);
        if (batch < 0 || batch >= x->dims[0])
            e = TN__EVAL_FAIL(c, OUT_OF_RANGE, "operand 2: entry %" PRId64 " is %" PRId64 ", wanted 0 to %" PRId64, r, batch, x->dims[0] - 1);
        else if (!(gh <= 8192 && gw <= 8192))
            e = TN__EVAL_FAIL(c, LIMIT_EXCEEDED, "region %" PRId64 " takes %g x %g samples for each result, at most 8192 are done", r, gh, gw);
        int64_t nh = e ? 0 : gh > 0 ? (int64_t)gh : 0, nw = e ? 0 : gw > 0 ? (int64_t)gw : 0;
        for (int64_t i = 0; !e && i < channels * oh * ow; i++) {
            const double *plane = xs + (batch * channels + i / (oh * ow)) * height * width;
            double sum = 0, best = 0;
            bool first = true;
            for (int64_t s = 0; s < nh * nw; s++) {
                int64_t index[4];
                double weight[4], y = box[1] + ((double)(i / ow % oh) + ((double)(s / nw) + 0.5) / (double)nh) * bh;
                double z = box[0] + ((double)(i % ow) + ((double)(s % nw) + 0.5) / (double)nw) * bw;
                bool in = bilinear(y, z, height, width, index, weight);
                for (int k = 0; k < 4; k++) {
                    double v = in ? weight[k] * plane[index[k]] : 0;
                    sum += v;
                    if (first || v > best) best = v, first = false; /* ONNX takes the maximum of the weighted neighbours */
                }
            }
            double n = (double)(nh * nw);
            tn__store_f64(out->dtype, out->data, r * channels * oh * ow + i, maximum ? best : n > 0 ? sum / n : 0);
        }
    }
    tn__eval_free_f64(c, xs, x->elements);
    return e;
}
