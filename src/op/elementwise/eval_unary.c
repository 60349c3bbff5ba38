/* Reference evaluation of the elementwise ops of one operand: floats in f64, integers in i64 modulo 2^bits. */
#include <math.h>

#include "op/elementwise/elementwise.h"
#include "op/movement/copy_nd.h"

static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
static double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static double clamp01(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

static double gelu(double x, bool approximate) {
    if (approximate) return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))); /* sqrt(2/pi) */
    return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}

static double unary_f64(tn__op op, const void *attrs, double x) {
    double alpha = 0;
    switch (op) {
    case TN_OP_elu: case TN_OP_celu: case TN_OP_thresholded_relu: case TN_OP_swish: case TN_OP_leaky_relu:
        alpha = ((const tn__attrs_alpha *)attrs)->alpha;
        break;
    default: break;
    }
    switch (op) {
    case TN_OP_abs: return fabs(x);
    case TN_OP_acos: return acos(x);
    case TN_OP_acosh: return acosh(x);
    case TN_OP_asin: return asin(x);
    case TN_OP_asinh: return asinh(x);
    case TN_OP_atan: return atan(x);
    case TN_OP_atanh: return atanh(x);
    case TN_OP_ceil: return ceil(x);
    case TN_OP_cos: return cos(x);
    case TN_OP_cosh: return cosh(x);
    case TN_OP_erf: return erf(x);
    case TN_OP_exp: return exp(x);
    case TN_OP_floor: return floor(x);
    case TN_OP_log: return log(x);
    case TN_OP_neg: return -x;
    case TN_OP_reciprocal: return 1 / x;
    case TN_OP_relu: return x < 0 ? 0 : x;
    case TN_OP_round: return rint(x); /* half to even */
    case TN_OP_sigmoid: return sigmoid(x);
    case TN_OP_sign: return x > 0 ? 1 : x < 0 ? -1 : x; /* NaN stays */
    case TN_OP_sin: return sin(x);
    case TN_OP_sinh: return sinh(x);
    case TN_OP_softplus: return softplus(x);
    case TN_OP_softsign: return x / (1 + fabs(x));
    case TN_OP_sqrt: return sqrt(x);
    case TN_OP_tan: return tan(x);
    case TN_OP_tanh: return tanh(x);
    case TN_OP_mish: return x * tanh(softplus(x));
    case TN_OP_hard_swish: return x * clamp01(x / 6 + 0.5);
    case TN_OP_rsqrt: return 1 / sqrt(x);
    case TN_OP_elu: return x < 0 ? alpha * expm1(x) : x;
    case TN_OP_celu: return x <= 0 ? alpha * expm1(x / alpha) : x;
    case TN_OP_thresholded_relu: return x > alpha ? x : 0;
    case TN_OP_swish: return x * sigmoid(alpha * x);
    case TN_OP_leaky_relu: return x < 0 ? alpha * x : x;
    case TN_OP_selu: {
        const tn__attrs_alpha_gamma *s = attrs;
        return s->gamma * (x <= 0 ? s->alpha * expm1(x) : x);
    }
    case TN_OP_hard_sigmoid: {
        const tn__attrs_alpha_beta *s = attrs;
        return clamp01(s->alpha * x + s->beta);
    }
    case TN_OP_shrink: {
        const tn__attrs_shrink *s = attrs;
        return x < -s->lambd ? x + s->bias : x > s->lambd ? x - s->bias : x != x ? x : 0;
    }
    case TN_OP_gelu: {
        const char *how = ((const tn__attrs_gelu *)attrs)->approximate;
        return gelu(x, how && !strcmp(how, "tanh"));
    }
    default: return NAN;
    }
}

/* Integers, modulo 2^64; the store wraps to the dtype. */
static int64_t unary_i64(tn__op op, int64_t x, bool is_unsigned) {
    switch (op) {
    case TN_OP_abs: return !is_unsigned && x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
    case TN_OP_neg: return (int64_t)(0 - (uint64_t)x);
    case TN_OP_relu: return !is_unsigned && x < 0 ? 0 : x;
    case TN_OP_sign: return x == 0 ? 0 : !is_unsigned && x < 0 ? -1 : 1;
    case TN_OP_bitwise_not: return ~x;
    default: return x; /* ceil, floor, round */
    }
}

static tn_error *predicate(tn__eval *c, tn_tensor *out) {
    const tn_tensor *t = c->in[0];
    uint8_t *y = out->data;
    bool negative = true, positive = true;
    if (c->op == TN_OP_is_inf) {
        const tn__attrs_is_inf *s = c->attrs;
        negative = s->detect_negative != 0;
        positive = s->detect_positive != 0;
    }
    for (int64_t i = 0; i < t->elements; i++) {
        if (c->op == TN_OP_not) {
            y[i] = !tn__load_i64(t->dtype, t->data, i);
            continue;
        }
        double x = tn__load_f64(t->dtype, t->data, i);
        y[i] = c->op == TN_OP_is_nan ? x != x : isinf(x) && (x > 0 ? positive : negative);
    }
    return NULL;
}

tn_error *tn__eval_unary(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    bool is_predicate = c->op == TN_OP_not || c->op == TN_OP_is_nan || c->op == TN_OP_is_inf;
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, is_predicate ? TN_DTYPE_bool : t->dtype, t->rank, t->dims, &out));
    if (is_predicate) return predicate(c, out);
    if (c->op == TN_OP_identity) return tn__copy_run(c->a, out, 0, t, 0, t->elements);
    tn__arith arith = tn__arith_of(t->dtype);
    bool integral = arith != TN__ARITH_F64 && c->op != TN_OP_erf && c->op != TN_OP_shrink;
    if (t->dtype == TN_DTYPE_f32) {
        const float *x = t->data;
        float *y = out->data;
        for (int64_t i = 0; i < t->elements; i++) y[i] = (float)unary_f64(c->op, c->attrs, x[i]);
    } else if (integral) {
        bool is_unsigned = tn__is_unsigned(t->dtype);
        for (int64_t i = 0; i < t->elements; i++)
            tn__store_i64(t->dtype, out->data, i, unary_i64(c->op, tn__load_i64(t->dtype, t->data, i), is_unsigned));
    } else {
        for (int64_t i = 0; i < t->elements; i++)
            tn__store_f64(t->dtype, out->data, i, unary_f64(c->op, c->attrs, tn__load_f64(t->dtype, t->data, i)));
    }
    return NULL;
}
