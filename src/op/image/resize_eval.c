/* Reference evaluation of resize: separable, one axis after the other. */
#include "op/image/resize_taps.h"

/* Resamples axis `axis` of x (dims) into a new array; consumes x. */
static double *resample(const tn__eval *c, double *x, int32_t rank, int64_t *dims, int32_t axis, const tn__axis_taps *t) {
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
static void copy_nearest(const tn_tensor *x, tn_tensor *out, const tn__axis_taps *taps) {
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

static void fill_outside(tn_tensor *out, double value, const tn__axis_taps *taps) {
    int64_t index[TN_MAX_RANK] = {0};
    for (int64_t i = 0; i < out->elements; i++) {
        bool outside = false;
        for (int32_t d = 0; d < out->rank; d++) outside |= taps[d].outside && taps[d].outside[index[d]];
        if (outside) tn__store_f64(out->dtype, out->data, i, value);
        tn__next_index(out->rank, out->dims, index);
    }
}

static tn_error *roi_of(const tn__eval *c, const tn__resize_plan *p, const tn_tensor **out_roi) {
    *out_roi = NULL;
    if (!tn__resize_needs_roi(c->attrs)) return NULL;
    const tn_tensor *roi = tn__eval_in(c, 1);
    if (!roi || !tn__dtype_is_float(roi->dtype) || roi->elements != 2 * (int64_t)p->n_axes)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand 1 (roi): found %lld elements, wanted %d floats for tf_crop_and_resize",
                             roi ? (long long)roi->elements : 0, 2 * p->n_axes);
    *out_roi = roi;
    return NULL;
}

static tn_error *resize(tn__eval *c, const tn__resize_taps *t, int64_t *dims, tn_tensor *out) {
    const tn_tensor *x = c->in[0];
    bool any_outside = false;
    for (int32_t i = 0; i < x->rank; i++) any_outside |= t->axes[i].any_outside;
    if (t->nearest) copy_nearest(x, out, t->axes);
    else {
        double *data = tn__eval_load_f64(c, x);
        for (int32_t i = 0; i < x->rank; i++) dims[i] = x->dims[i];
        for (int32_t i = 0; data && i < x->rank; i++)
            if (t->axes[i].index) data = resample(c, data, x->rank, dims, i, &t->axes[i]);
        if (!data) return tn__error_oom();
        tn__eval_store_f64(out, data);
        tn__eval_free_f64(c, data, out->elements);
    }
    if (any_outside) fill_outside(out, ((const tn__attrs_resize *)c->attrs)->extrapolation_value, t->axes);
    return NULL;
}

tn_error *tn__eval_resize(tn__eval *c) {
    const tn__attrs_resize *attrs = c->attrs;
    const tn_tensor *x = c->in[0], *roi;
    tn__resize_plan p;
    tn__resize_taps taps;
    TN__TRY(tn__resize_resolve(c->a, attrs, x->rank, x->dims, tn__eval_in(c, 2), tn__eval_in(c, 3), &p));
    TN__TRY(roi_of(c, &p, &roi));
    int64_t dims[TN_MAX_RANK];
    for (int32_t i = 0; i < x->rank; i++) dims[i] = x->dims[i];
    for (int32_t i = 0; i < p.n_axes; i++) dims[p.axes[i]] = p.out[i];
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, x->dtype, x->rank, dims, &out));
    if (!out->elements) return NULL;
    if (!x->elements) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "an empty tensor cannot be resized to %lld elements", (long long)out->elements);
    tn_error *e = tn__resize_taps_init(c->a, attrs, x->rank, x->dims, &p, roi, &taps);
    if (!e) e = resize(c, &taps, dims, out);
    tn__resize_taps_deinit(c->a, &taps);
    return e;
}
