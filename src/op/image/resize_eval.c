/* Reference evaluation of resize: separable, one axis after the other. Each output coordinate of an axis is a list of source indices and
 * weights. Source of the coordinate formulas and filters: ONNX operator Resize. */
#include "op/image/resize.h"

#include <math.h>

typedef enum { COORD_HALF, COORD_SYMMETRIC, COORD_PYTORCH, COORD_ALIGN, COORD_ASYMMETRIC, COORD_CROP } coord_mode;
typedef enum { NEAR_PREFER_FLOOR, NEAR_PREFER_CEIL, NEAR_FLOOR, NEAR_CEIL } near_mode;
typedef enum { FILTER_NEAREST, FILTER_LINEAR, FILTER_CUBIC } filter_mode;

typedef struct {
    coord_mode coord;
    near_mode near;
    filter_mode filter;
    const tn__attrs_resize *attrs;
} modes;

static tn_error *pick(const tn_allocator *a, const char *what, const char *text, const char *const *names, int n, int *out) {
    for (int i = 0; i < n; i++)
        if (!strcmp(text, names[i])) return *out = i, NULL;
    return TN__FAIL(a, INVALID_ARGUMENT, "attribute '%s' is '%s', wanted %s, ... or %s", what, text, names[0], names[n - 1]);
}

static tn_error *modes_of(const tn_allocator *a, const tn__attrs_resize *attrs, modes *out) {
    static const char *const coords[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
                                         "tf_crop_and_resize"};
    static const char *const nears[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    static const char *const filters[] = {"nearest", "linear", "cubic"};
    int coord = 0, near = 0, filter = 0;
    TN__TRY(pick(a, "coordinate_transformation_mode", attrs->coordinate_transformation_mode, coords, 6, &coord));
    TN__TRY(pick(a, "nearest_mode", attrs->nearest_mode, nears, 4, &near));
    TN__TRY(pick(a, "mode", attrs->mode, filters, 3, &filter));
    *out = (modes){(coord_mode)coord, (near_mode)near, (filter_mode)filter, attrs};
    return NULL;
}

/* Where output coordinate o lies in the input. */
static double original(coord_mode mode, int64_t o, int64_t in, int64_t out, double scale, double roi_begin, double roi_end) {
    double x = (double)o, width = scale * (double)in, last = (double)in - 1; /* width is not rounded, unlike out */
    switch (mode) {
    case COORD_HALF: return (x + 0.5) / scale - 0.5;
    case COORD_SYMMETRIC: return (double)in / 2 * (1 - (double)out / width) + (x + 0.5) / scale - 0.5;
    case COORD_PYTORCH: return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case COORD_ALIGN: return out > 1 ? x * last / (width - 1) : 0;
    case COORD_ASYMMETRIC: return x / scale;
    default: return out > 1 ? roi_begin * last + x * (roi_end - roi_begin) * last / (width - 1) : 0.5 * (roi_begin + roi_end) * last;
    }
}

static double nearest(near_mode mode, double x) {
    switch (mode) {
    case NEAR_PREFER_FLOOR: return ceil(x - 0.5);
    case NEAR_PREFER_CEIL: return floor(x + 0.5);
    case NEAR_FLOOR: return floor(x);
    default: return ceil(x);
    }
}

static double cubic(double x, double a) {
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double filter_at(const modes *m, double x) {
    if (m->filter == FILTER_CUBIC) return cubic(x, m->attrs->cubic_coeff_a);
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static int64_t clamp(double x, int64_t n) { return !(x > 0) ? 0 : x > (double)(n - 1) ? n - 1 : (int64_t)x; }

/* Taps of one axis: taps[o * per + t] and weights alike; outside[o]: the extrapolation value takes the place of the result. */
typedef struct {
    int64_t per, out;
    int64_t *index;
    double *weight;
    bool *outside, any_outside;
} axis_taps;

static void taps_deinit(const tn__eval *c, axis_taps *t) {
    tn__free(c->a, t->index, (size_t)(t->per * t->out) * sizeof *t->index);
    tn__eval_free_f64(c, t->weight, t->per * t->out);
    tn__free(c->a, t->outside, (size_t)t->out);
}

static tn_error *taps_init(const tn__eval *c, const modes *m, int64_t in, int64_t out, double scale, double roi_begin, double roi_end,
                           axis_taps *t) {
    memset(t, 0, sizeof *t);
    double stretch = m->attrs->antialias && scale < 1 ? scale : 1, radius = m->filter == FILTER_CUBIC ? 2 : 1;
    double start = m->filter == FILTER_NEAREST ? 0 : floor(-radius / stretch) + 1;
    if (start < -1e6) return TN__EVAL_FAIL(c, LIMIT_EXCEEDED, "antialias over a scale of %g", scale);
    t->per = m->filter == FILTER_NEAREST ? 1 : 2 - 2 * (int64_t)start;
    t->out = out;
    int64_t n;
    size_t bytes;
    if (!tn__mul_i64(t->per, out, &n) || !tn__mul((size_t)n, sizeof *t->index, &bytes)) return tn__error_oom();
    t->index = tn__alloc(c->a, bytes);
    t->weight = tn__eval_temp_f64(c, n);
    t->outside = tn__alloc_zero(c->a, (size_t)out);
    if (!t->index || !t->weight || !t->outside) {
        taps_deinit(c, t);
        return tn__error_oom();
    }
    for (int64_t o = 0; o < out; o++) {
        double x = original(m->coord, o, in, out, scale, roi_begin, roi_end);
        t->outside[o] = m->coord == COORD_CROP && !(x >= 0 && x <= (double)(in - 1));
        t->any_outside |= t->outside[o];
        int64_t *index = t->index + o * t->per;
        double *weight = t->weight + o * t->per, base = floor(x), sum = 0;
        if (m->filter == FILTER_NEAREST) {
            index[0] = clamp(nearest(m->near, x), in);
            weight[0] = 1;
            continue;
        }
        for (int64_t k = 0; k < t->per; k++) {
            double at = base + start + (double)k;
            index[k] = clamp(at, in);
            weight[k] = filter_at(m, (at - x) * stretch);
            if (m->attrs->exclude_outside && !(at >= 0 && at <= (double)(in - 1))) weight[k] = 0;
            sum += weight[k];
        }
        for (int64_t k = 0; k < t->per && sum != 0 && (m->attrs->exclude_outside || stretch < 1); k++) weight[k] /= sum;
    }
    return NULL;
}

/* Resamples axis `axis` of x (dims) into a new array; consumes x. */
static double *resample(const tn__eval *c, double *x, int32_t rank, int64_t *dims, int32_t axis, const axis_taps *t) {
    int64_t before = 1, after = 1, in = dims[axis];
    for (int32_t i = 0; i < axis; i++) before *= dims[i];
    for (int32_t i = axis + 1; i < rank; i++) after *= dims[i];
    int64_t elements;
    double *y = tn__mul_i64(before * after, t->out, &elements) ? tn__eval_temp_f64(c, elements) : NULL;
    for (int64_t b = 0; y && b < before; b++)
        for (int64_t o = 0; o < t->out; o++) {
            double *to = y + (b * t->out + o) * after;
            for (int64_t k = 0; k < t->per; k++) {
                double w = t->weight[o * t->per + k];
                const double *from = x + (b * in + t->index[o * t->per + k]) * after;
                if (w != 0) for (int64_t j = 0; j < after; j++) to[j] += w * from[j];
            }
        }
    tn__eval_free_f64(c, x, before * in * after);
    dims[axis] = t->out;
    return y;
}

/* nearest copies elements, so that integers of 64 bits stay exact */
static void copy_nearest(const tn_tensor *x, tn_tensor *out, const axis_taps *taps) {
    int64_t index[TN_MAX_RANK] = {0}, strides[TN_MAX_RANK];
    tn__strides(x->rank, x->dims, strides);
    size_t bytes = tn_dtype_bits(x->dtype) / 8;
    for (int64_t i = 0; i < out->elements; i++) {
        int64_t from = 0;
        for (int32_t d = 0; d < x->rank; d++) from += (taps[d].index ? taps[d].index[index[d]] : index[d]) * strides[d];
        if (bytes) memcpy((char *)out->data + (size_t)i * bytes, (const char *)x->data + (size_t)from * bytes, bytes);
        else if (x->dtype == TN_DTYPE_f4e2m1) tn__store_f64(x->dtype, out->data, i, tn__load_f64(x->dtype, x->data, from));
        else tn__store_i64(x->dtype, out->data, i, tn__load_i64(x->dtype, x->data, from));
        tn__next_index(out->rank, out->dims, index);
    }
}

static void fill_outside(tn_tensor *out, double value, const axis_taps *taps) {
    int64_t index[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < out->elements; i++) {
        bool outside = false;
        for (int32_t d = 0; d < out->rank; d++) outside |= taps[d].outside && taps[d].outside[index[d]];
        if (outside) tn__store_f64(out->dtype, out->data, i, value);
        tn__next_index(out->rank, out->dims, index);
    }
}

static tn_error *roi_of(const tn__eval *c, const modes *m, const tn__resize_plan *p, const tn_tensor **out_roi) {
    *out_roi = NULL;
    if (m->coord != COORD_CROP) return NULL;
    const tn_tensor *roi = tn__eval_in(c, 1);
    if (!roi || !tn__dtype_is_float(roi->dtype) || roi->elements != 2 * (int64_t)p->n_axes)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand 1 (roi): found %lld elements, wanted %d floats for tf_crop_and_resize",
                             roi ? (long long)roi->elements : 0, 2 * p->n_axes);
    *out_roi = roi;
    return NULL;
}

tn_error *tn__eval_resize(tn__eval *c) {
    const tn__attrs_resize *attrs = c->attrs;
    const tn_tensor *x = c->in[0], *roi;
    modes m;
    tn__resize_plan p;
    axis_taps taps[TN_MAX_RANK];
    memset(taps, 0, sizeof taps);
    TN__TRY(modes_of(c->a, attrs, &m));
    TN__TRY(tn__resize_resolve(c->a, attrs, x->rank, x->dims, tn__eval_in(c, 2), tn__eval_in(c, 3), &p));
    TN__TRY(roi_of(c, &m, &p, &roi));
    int64_t dims[TN_MAX_RANK];
    for (int32_t i = 0; i < x->rank; i++) dims[i] = x->dims[i];
    for (int32_t i = 0; i < p.n_axes; i++) dims[p.axes[i]] = p.out[i];
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, x->dtype, x->rank, dims, &out));
    tn_error *e = NULL;
    bool any_outside = false;
    for (int32_t i = 0; !e && out->elements && i < p.n_axes; i++) {
        double begin = roi ? tn__load_f64(roi->dtype, roi->data, i) : 0, end = roi ? tn__load_f64(roi->dtype, roi->data, i + p.n_axes) : 1;
        if (p.out[i] == x->dims[p.axes[i]] && p.scale[i] == 1 && begin == 0 && end == 1) continue;
        if (!x->elements) e = TN__EVAL_FAIL(c, SHAPE_MISMATCH, "an empty tensor cannot be resized to %lld elements", (long long)out->elements);
        else e = taps_init(c, &m, x->dims[p.axes[i]], p.out[i], p.scale[i], begin, end, &taps[p.axes[i]]);
        any_outside |= taps[p.axes[i]].any_outside;
    }
    if (!e && out->elements && m.filter == FILTER_NEAREST) copy_nearest(x, out, taps);
    else if (!e && out->elements) {
        double *data = tn__eval_load_f64(c, x);
        for (int32_t i = 0; i < x->rank; i++) dims[i] = x->dims[i];
        for (int32_t i = 0; data && i < x->rank; i++)
            if (taps[i].index) data = resample(c, data, x->rank, dims, i, &taps[i]);
        if (data) tn__eval_store_f64(out, data);
        else e = tn__error_oom();
        if (data) tn__eval_free_f64(c, data, out->elements);
    }
    if (!e && any_outside) fill_outside(out, attrs->extrapolation_value, taps);
    for (int32_t i = 0; i < x->rank; i++) taps_deinit(c, &taps[i]);
    return e;
}
