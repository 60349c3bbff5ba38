/* Reference evaluation of quantize_linear, dequantize_linear and dynamic_quantize_linear. */
#include "op/quant/quantize.h"

#include <math.h>

double tn__round_to(tn_dtype d, double x) {
    uint64_t cell = 0;
    if (d == TN_DTYPE_f64) return x;
    tn__store_f64(d, &cell, 0, x);
    return tn__load_f64(d, &cell, 0);
}

static double largest_of(tn_dtype d) {
    switch (d) {
    case TN_DTYPE_f8e4m3: return 448;
    case TN_DTYPE_f8e4m3fnuz: return 240;
    case TN_DTYPE_f8e5m2:
    case TN_DTYPE_f8e5m2fnuz: return 57344;
    default: return INFINITY;
    }
}

void tn__quant_store(tn_dtype d, void *data, int64_t i, double x, double zero, bool saturate) {
    if (d == TN_DTYPE_i2 || d == TN_DTYPE_u2) { /* integers in the class of narrow types, whose stores do not saturate */
        double low = d == TN_DTYPE_i2 ? -2 : 0, v = isnan(x) ? 0 : nearbyint(x) + zero;
        tn__store_i64(d, data, i, (int64_t)fmin(fmax(v, low), low + 3));
        return;
    }
    if (tn__dtype_is_int(d)) {
        tn__store_f64(d, data, i, nearbyint(x) + zero); /* saturates; NaN becomes 0 */
        return;
    }
    double largest = largest_of(d);
    x += zero;
    if (saturate && fabs(x) > largest) x = copysign(largest, x);
    tn__store_f64(d, data, i, x);
}

tn_error *tn__eval_quantize(tn__eval *c) {
    const tn__attrs_quantize *attrs = c->attrs;
    const tn_tensor *x = c->in[0], *scale = c->in[1], *zero = tn__eval_in(c, 2);
    tn_tensor *out = c->out[0];
    tn__quant_layout l;
    TN__TRY(tn__quant_layout_of(c->a, attrs, x->rank, x->dims, scale->rank, scale->dims, &l));
    /* the quotient is rounded to the dtype of the scale (or precision) before it is rounded to an integer */
    tn_dtype precision = attrs->precision ? (tn_dtype)attrs->precision : scale->dtype;
    if (tn__dtype_get_class(precision) != TN__CLASS_FLOAT || tn_dtype_bits(precision) < 16) precision = TN_DTYPE_f32;
    for (int64_t i = 0; i < x->elements; i++) {
        int64_t k = tn__quant_index(&l, i);
        double s = tn__round_to(precision, tn__load_f64(scale->dtype, scale->data, k));
        double v = tn__round_to(precision, tn__round_to(precision, tn__load_f64(x->dtype, x->data, i)) / s);
        tn__quant_store(out->dtype, out->data, i, v, zero ? tn__load_f64(zero->dtype, zero->data, k) : 0, attrs->saturate != 0);
    }
    return NULL;
}

tn_error *tn__eval_dequantize(tn__eval *c) {
    const tn_tensor *x = c->in[0], *scale = c->in[1], *zero = tn__eval_in(c, 2);
    tn_tensor *out = c->out[0];
    tn__quant_layout l;
    TN__TRY(tn__quant_layout_of(c->a, c->attrs, x->rank, x->dims, scale->rank, scale->dims, &l));
    for (int64_t i = 0; i < x->elements; i++) {
        int64_t k = tn__quant_index(&l, i);
        double v = tn__load_f64(x->dtype, x->data, i) - (zero ? tn__load_f64(zero->dtype, zero->data, k) : 0);
        tn__store_f64(out->dtype, out->data, i, v * tn__load_f64(scale->dtype, scale->data, k));
    }
    return NULL;
}

tn_error *tn__eval_dynamic_quantize(tn__eval *c) {
    const tn_tensor *x = c->in[0];
    const float *p = x->data;
    float low = 0, high = 0; /* the range holds 0 */
    for (int64_t i = 0; i < x->elements; i++) {
        if (p[i] < low) low = p[i];
        if (p[i] > high) high = p[i];
    }
    float scale = (low == high ? 1.0f : high - low) / 255.0f, point = -low / scale;
    double zero = nearbyint(point > 255 ? 255 : point > 0 ? point : 0);
    for (int64_t i = 0; i < x->elements; i++) tn__quant_store(TN_DTYPE_u8, c->out[0]->data, i, (double)(p[i] / scale), zero, true);
    *(float *)c->out[1]->data = scale;
    *(uint8_t *)c->out[2]->data = (uint8_t)zero;
    return NULL;
}
