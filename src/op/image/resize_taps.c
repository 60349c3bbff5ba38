/* Taps of the axes of a resize, see resize_taps.h. */
#include "op/image/resize_taps.h"

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

static tn_error *axis_init(const tn_allocator *a, const modes *m, int64_t in, int64_t out, double scale, double roi_begin, double roi_end,
                           tn__axis_taps *t) {
    double stretch = m->attrs->antialias && scale < 1 ? scale : 1, radius = m->filter == FILTER_CUBIC ? 2 : 1;
    double start = m->filter == FILTER_NEAREST ? 0 : floor(-radius / stretch) + 1;
    if (start < -1e6) return TN__FAIL(a, LIMIT_EXCEEDED, "antialias over a scale of %g", scale);
    t->per = m->filter == FILTER_NEAREST ? 1 : 2 - 2 * (int64_t)start;
    t->out = out;
    int64_t n;
    size_t bytes, weight_bytes;
    if (!tn__mul_i64(t->per, out, &n) || !tn__mul((size_t)n, sizeof *t->index, &bytes) ||
        !tn__mul((size_t)n, sizeof *t->weight, &weight_bytes))
        return tn__error_oom();
    t->index = tn__alloc(a, bytes);
    t->weight = tn__alloc_zero(a, weight_bytes);
    t->outside = tn__alloc_zero(a, (size_t)out);
    if (!t->index || !t->weight || !t->outside) return tn__error_oom();
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

bool tn__resize_needs_roi(const tn__attrs_resize *attrs) { return !strcmp(attrs->coordinate_transformation_mode, "tf_crop_and_resize"); }

tn_error *tn__resize_taps_init(const tn_allocator *a, const tn__attrs_resize *attrs, int32_t rank, const int64_t *dims,
                               const tn__resize_plan *p, const tn_tensor *roi, tn__resize_taps *out) {
    modes m;
    memset(out, 0, sizeof *out);
    out->rank = rank;
    TN__TRY(modes_of(a, attrs, &m));
    out->nearest = m.filter == FILTER_NEAREST;
    for (int32_t i = 0; i < p->n_axes; i++) {
        int32_t axis = p->axes[i];
        double begin = roi ? tn__load_f64(roi->dtype, roi->data, i) : 0, end = roi ? tn__load_f64(roi->dtype, roi->data, i + p->n_axes) : 1;
        if (p->out[i] == dims[axis] && p->scale[i] == 1 && begin == 0 && end == 1) continue;
        TN__TRY(axis_init(a, &m, dims[axis], p->out[i], p->scale[i], begin, end, &out->axes[axis]));
    }
    return NULL;
}

void tn__resize_taps_deinit(const tn_allocator *a, tn__resize_taps *t) {
    for (int32_t i = 0; i < t->rank; i++) {
        tn__axis_taps *x = &t->axes[i];
        tn__free(a, x->index, (size_t)(x->per * x->out) * sizeof *x->index);
        tn__free(a, x->weight, (size_t)(x->per * x->out) * sizeof *x->weight);
        tn__free(a, x->outside, (size_t)x->out);
    }
}
