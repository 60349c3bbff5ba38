/* cast and bit_cast. Integers wrap, floats truncate toward zero into integers. Where ONNX leaves the result
 * open they saturate, or wrap when narrower than 8 bits, as its tests want. Float 8 follows the saturate table of Cast-24. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "op/elementwise/elementwise.h"
#include "op/movement/copy_nd.h"

/* The largest finite value of a float 8 dtype, 0 for others. */
static double float8_max(tn_dtype d) {
    switch (d) {
    case TN_DTYPE_f8e4m3: return 448;
    case TN_DTYPE_f8e4m3fnuz: return 240;
    case TN_DTYPE_f8e5m2: return 57344;
    case TN_DTYPE_f8e5m2fnuz: return 57344;
    default: return 0;
    }
}

static void store_float8(tn_dtype d, tn_tensor *t, int64_t i, double x, bool saturate, double max) {
    if (saturate) {
        if (x > max) x = max;
        if (x < -max) x = -max;
    }
    tn__store_f64(d, t->data, i, x);
}

enum { E8M0_NAN = 255, E8M0_MAX = 254 };

/* f8e8m0 holds 2^(byte - 127). */
static uint8_t encode_e8m0(double x, bool saturate, char mode) {
    if (x != x) return E8M0_NAN;
    x = fabs(x);
    if (x == 0) return saturate ? 0 : E8M0_NAN;
    if (isinf(x)) return saturate ? E8M0_MAX : E8M0_NAN;
    int e;
    double m = frexp(x, &e); /* x = m 2^e, 0.5 <= m < 1 */
    int power = e - 1;
    if (mode == 'u' ? m > 0.5 : mode == 'n' && m >= 0.75) power++;
    if (power > 127) return saturate ? E8M0_MAX : E8M0_NAN;
    if (power < -127) return saturate ? 0 : E8M0_NAN;
    return (uint8_t)(power + 127);
}

static double text_to_f64(const char *text, bool *ok) {
    if (!strcasecmp(text, "+inf") || !strcasecmp(text, "inf")) return INFINITY;
    if (!strcasecmp(text, "-inf")) return -INFINITY;
    if (!strcasecmp(text, "nan")) return NAN;
    char *end;
    double x = strtod(text, &end);
    while (*end == ' ') end++;
    *ok = end != text && !*end;
    return x;
}

static tn_error *from_string(const tn__eval *c, const tn_tensor *t, tn_tensor *out) {
    for (int64_t i = 0; i < t->elements; i++) {
        const char *text = ((char **)t->data)[i];
        bool ok = true;
        double x = text_to_f64(text ? text : "", &ok);
        if (!ok) return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "cast: element %" PRId64 " is \"%.40s\", no number", i, text ? text : "");
        double max = float8_max(out->dtype);
        if (tn__is_integer(out->dtype) && tn_dtype_bits(out->dtype) == 64 && fabs(x) >= 9007199254740992.0) /* exact beyond 2^53 */
            tn__store_i64(out->dtype, out->data, i, tn__is_unsigned(out->dtype) ? (int64_t)strtoull(text, NULL, 10) : strtoll(text, NULL, 10));
        else if (max != 0) store_float8(out->dtype, out, i, x, true, max);
        else tn__store_f64(out->dtype, out->data, i, x);
    }
    return NULL;
}

static tn_error *to_string(const tn__eval *c, const tn_tensor *t, tn_tensor *out) {
    char **texts = out->data;
    for (int64_t i = 0; i < t->elements; i++) {
        char text[64];
        if (t->dtype == TN_DTYPE_bool) snprintf(text, sizeof text, "%s", tn__load_i64(t->dtype, t->data, i) ? "True" : "False");
        else if (t->dtype == TN_DTYPE_u64) snprintf(text, sizeof text, "%" PRIu64, (uint64_t)tn__load_i64(t->dtype, t->data, i));
        else if (tn__is_integer(t->dtype)) snprintf(text, sizeof text, "%" PRId64, tn__load_i64(t->dtype, t->data, i));
        else {
            double x = tn__load_f64(t->dtype, t->data, i);
            if (x != x || isinf(x)) snprintf(text, sizeof text, "%s", x != x ? "NaN" : x > 0 ? "INF" : "-INF");
            else { /* the fewest digits that read back as the same element */
                bool wide = t->dtype == TN_DTYPE_f64;
                for (int digits = 1; digits <= 17; digits++) {
                    snprintf(text, sizeof text, "%.*g", digits, x);
                    double back = strtod(text, NULL);
                    if (wide ? back == x : (float)back == (float)x) break;
                }
            }
        }
        if (!(texts[i] = tn__strdup(c->a, text))) return tn__error_oom();
    }
    return NULL;
}

tn_error *tn__eval_cast(tn__eval *c) {
    const tn__attrs_cast *s = c->attrs;
    const tn_tensor *t = c->in[0];
    tn_dtype to = (tn_dtype)s->to;
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, to, t->rank, t->dims, &out));
    if (t->dtype == to) return tn__copy_run(c->a, out, 0, t, 0, t->elements);
    if (t->dtype == TN_DTYPE_string) return from_string(c, t, out);
    if (to == TN_DTYPE_string) return to_string(c, t, out);
    bool from_integer = tn__arith_of(t->dtype) != TN__ARITH_F64, to_integer = tn__arith_of(to) != TN__ARITH_F64;
    double max = float8_max(to);
    char mode = s->round_mode ? s->round_mode[0] : 'u';
    for (int64_t i = 0; i < t->elements; i++) {
        if (from_integer && to_integer) {
            tn__store_i64(to, out->data, i, tn__load_i64(t->dtype, t->data, i)); /* wraps */
            continue;
        }
        double x = tn__load_f64(t->dtype, t->data, i);
        if (max != 0) store_float8(to, out, i, x, s->saturate != 0, max);
        else if (to == TN_DTYPE_f8e8m0) ((uint8_t *)out->data)[i] = encode_e8m0(x, s->saturate != 0, mode);
        else if (to_integer && tn_dtype_bits(to) < 8) tn__store_i64(to, out->data, i, tn__load_i64(t->dtype, t->data, i)); /* wraps */
        else if (to == TN_DTYPE_f4e2m1 && x != x) tn__store_f64(to, out->data, i, -0.0); /* it has no NaN */
        else tn__store_f64(to, out->data, i, x);
    }
    return NULL;
}

tn_error *tn__eval_bit_cast(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, (tn_dtype)((const tn__attrs_cast *)c->attrs)->to, t->rank, t->dims, &out));
    return tn__copy_run(c->a, out, 0, t, 0, t->elements);
}
