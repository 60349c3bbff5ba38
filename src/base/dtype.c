#include "base/dtype.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    uint32_t bits;
    tn__dtype_class class_;
    int32_t onnx;
} dtypes[TN_DTYPE_COUNT] = {
    [TN_DTYPE_NONE] = {"none", 0, TN__CLASS_NONE, 0},
#define TN_DTYPE(name, id, bits, class_, onnx) [TN_DTYPE_##name] = {#name, bits, TN__CLASS_##class_, onnx},
#include "tenon/dtypes.def"
};

static bool known(tn_dtype d) { return (unsigned)d < TN_DTYPE_COUNT; }
const char *tn_dtype_name(tn_dtype d) { return known(d) ? dtypes[d].name : "none"; }
uint32_t tn_dtype_bits(tn_dtype d) { return known(d) ? dtypes[d].bits : 0; }
tn__dtype_class tn__dtype_get_class(tn_dtype d) { return known(d) ? dtypes[d].class_ : TN__CLASS_NONE; }
int32_t tn__dtype_to_onnx(tn_dtype d) { return known(d) ? dtypes[d].onnx : 0; }

tn_dtype tn_dtype_from_name(const char *name) {
    for (int d = 1; name && d < TN_DTYPE_COUNT; d++)
        if (!strcmp(dtypes[d].name, name)) return (tn_dtype)d;
    return TN_DTYPE_NONE;
}

tn_dtype tn__dtype_from_onnx(int64_t onnx) {
    for (int d = 1; d < TN_DTYPE_COUNT; d++)
        if (dtypes[d].onnx == onnx) return (tn_dtype)d;
    return TN_DTYPE_NONE;
}

size_t tn__dtype_bytes(tn_dtype d, int64_t n) {
    size_t bits = tn_dtype_bits(d);
    return bits >= 8 ? (size_t)n * (bits / 8) : ((size_t)n * bits + 7) / 8;
}

/* ---- narrow floats ------------------------------------------------------------------------------------------- */

typedef struct {
    int exponent_bits, mantissa_bits, bias;
    bool has_infinity; /* all-ones exponent is infinity/NaN */
    bool fn;           /* no infinity: only the all-ones pattern is NaN */
    bool fnuz;         /* no infinity, no -0: the pattern of -0 is NaN */
} float_format;

static const float_format format_f16 = {5, 10, 15, true, false, false};
static const float_format format_f8e4m3 = {4, 3, 7, false, true, false};
static const float_format format_f8e5m2 = {5, 2, 15, true, false, false};
static const float_format format_f8e4m3fnuz = {4, 3, 8, false, false, true};
static const float_format format_f8e5m2fnuz = {5, 2, 16, false, false, true};
static const float_format format_f4e2m1 = {2, 1, 1, false, false, false};

static double decode(float_format f, uint32_t bits) {
    int total = 1 + f.exponent_bits + f.mantissa_bits;
    uint32_t sign = bits >> (total - 1) & 1, e = bits >> f.mantissa_bits & ((1u << f.exponent_bits) - 1);
    uint32_t m = bits & ((1u << f.mantissa_bits) - 1), all = (1u << f.exponent_bits) - 1;
    if (f.fnuz && sign && !e && !m) return NAN;
    if (f.has_infinity && e == all) return m ? NAN : sign ? -INFINITY : INFINITY;
    if (f.fn && e == all && m == (1u << f.mantissa_bits) - 1) return NAN;
    double x = e ? ldexp((double)(m | 1u << f.mantissa_bits), (int)e - f.bias - f.mantissa_bits)
                 : ldexp((double)m, 1 - f.bias - f.mantissa_bits);
    return sign ? -x : x;
}

/* Rounds to nearest even; beyond the largest finite value: infinity where the format has one, else NaN where it has one, else the
 * largest value. */
static uint32_t encode(float_format f, double x) {
    int total = 1 + f.exponent_bits + f.mantissa_bits;
    uint32_t sign = signbit(x) ? 1u << (total - 1) : 0, all = (1u << f.exponent_bits) - 1;
    uint32_t mantissa_mask = (1u << f.mantissa_bits) - 1;
    uint32_t nan_bits = f.fnuz ? 1u << (total - 1) : f.has_infinity ? (all << f.mantissa_bits | 1u << (f.mantissa_bits - 1))
                                                                     : (all << f.mantissa_bits | mantissa_mask);
    if (isnan(x)) return f.fnuz ? nan_bits : nan_bits | sign;
    x = fabs(x);
    if (x == 0) return f.fnuz ? 0 : sign;
    uint32_t largest = f.has_infinity ? (all << f.mantissa_bits) - 1
                       : f.fn         ? (all << f.mantissa_bits | mantissa_mask) - 1
                                      : (all << f.mantissa_bits | mantissa_mask);
    uint32_t over = f.has_infinity ? sign | all << f.mantissa_bits : f.fn ? sign | nan_bits : f.fnuz ? nan_bits : sign | largest;
    if (isinf(x)) return over;
    int e;
    frexp(x, &e);          /* x = m * 2^e, 0.5 <= m < 1 */
    int exponent = e - 1;  /* x = 1.m * 2^exponent */
    int lowest = 1 - f.bias;
    if (exponent < lowest) exponent = lowest;
    double scaled = nearbyint(ldexp(x, f.mantissa_bits - exponent)); /* half to even */
    uint64_t bits = exponent == lowest ? (uint64_t)scaled /* subnormal, or carries into the first normal */
                                       : ((uint64_t)(exponent + f.bias - 1) << f.mantissa_bits) + (uint64_t)scaled;
    if (bits > largest) return over;
    if (bits == 0 && f.fnuz) return 0;
    return sign | (uint32_t)bits;
}

/* By bits: whole models are converted. The bias of the exponent is changed by a multiplication, which also makes subnormals right. */
float tn__f16_to_f32(uint16_t h) {
    uint32_t bits = (h & 0x7fffu) << 13, sign = (h & 0x8000u) << 16;
    float x;
    memcpy(&x, &bits, 4);
    if (bits >= 0x0f800000) bits |= 0x7f800000; /* infinity, NaN */
    else {
        x *= 0x1p112f;
        memcpy(&bits, &x, 4);
    }
    bits |= sign;
    memcpy(&x, &bits, 4);
    return x;
}

uint16_t tn__f32_to_f16(float x) {
    uint32_t bits, sign;
    memcpy(&bits, &x, 4);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (bits >= 0x47800000) return (uint16_t)(sign | 0x7c00);
    if (bits >= 0x38800000) return (uint16_t)(sign | (bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13);
    memcpy(&x, &bits, 4);
    x += 0.5f; /* its last place is the unit of subnormals */
    memcpy(&bits, &x, 4);
    return (uint16_t)(sign | (bits - 0x3f000000));
}

float tn__bf16_to_f32(uint16_t h) {
    uint32_t bits = (uint32_t)h << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

uint16_t tn__f32_to_bf16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* double to bf16 without double rounding */
static uint16_t f64_to_bf16(double x) {
    float f = (float)x;
    if (isfinite(x) && (double)f != x) { /* round to odd first */
        uint32_t bits;
        memcpy(&bits, &f, 4);
        if (!(bits & 1)) {
            bool away = fabs((double)f) > fabs(x);
            bits = away ? bits - 1 : bits | 1;
        }
        memcpy(&f, &bits, 4);
    }
    return tn__f32_to_bf16(f);
}

/* ---- single elements ----------------------------------------------------------------------------------------- */

static uint32_t load_sub_byte(const void *data, int64_t i, uint32_t bits) {
    uint32_t per = 8 / bits;
    return ((const uint8_t *)data)[i / per] >> (i % per * bits) & ((1u << bits) - 1);
}

static void store_sub_byte(void *data, int64_t i, uint32_t bits, uint32_t x) {
    uint32_t per = 8 / bits, shift = (uint32_t)(i % per) * bits, mask = (1u << bits) - 1;
    uint8_t *p = (uint8_t *)data + i / per;
    *p = (uint8_t)((*p & ~(mask << shift)) | (x & mask) << shift);
}

#define AT(type) (((const type *)data)[i])
double tn__load_f64(tn_dtype d, const void *data, int64_t i) {
    switch (d) {
    case TN_DTYPE_f64: return AT(double);
    case TN_DTYPE_f32: return AT(float);
    case TN_DTYPE_f16: return tn__f16_to_f32(AT(uint16_t));
    case TN_DTYPE_bf16: return tn__bf16_to_f32(AT(uint16_t));
    case TN_DTYPE_f8e4m3: return decode(format_f8e4m3, AT(uint8_t));
    case TN_DTYPE_f8e5m2: return decode(format_f8e5m2, AT(uint8_t));
    case TN_DTYPE_f8e4m3fnuz: return decode(format_f8e4m3fnuz, AT(uint8_t));
    case TN_DTYPE_f8e5m2fnuz: return decode(format_f8e5m2fnuz, AT(uint8_t));
    case TN_DTYPE_f8e8m0: return AT(uint8_t) == 255 ? NAN : ldexp(1.0, AT(uint8_t) - 127);
    case TN_DTYPE_f4e2m1: return decode(format_f4e2m1, load_sub_byte(data, i, 4));
    case TN_DTYPE_u64: return (double)AT(uint64_t);
    default: return (double)tn__load_i64(d, data, i);
    }
}

int64_t tn__load_i64(tn_dtype d, const void *data, int64_t i) {
    switch (d) {
    case TN_DTYPE_i64: return AT(int64_t);
    case TN_DTYPE_i32: return AT(int32_t);
    case TN_DTYPE_i16: return AT(int16_t);
    case TN_DTYPE_i8: return AT(int8_t);
    case TN_DTYPE_u64: return (int64_t)AT(uint64_t);
    case TN_DTYPE_u32: return AT(uint32_t);
    case TN_DTYPE_u16: return AT(uint16_t);
    case TN_DTYPE_u8: return AT(uint8_t);
    case TN_DTYPE_bool: return AT(uint8_t) != 0;
    case TN_DTYPE_i4: return (int64_t)(load_sub_byte(data, i, 4) ^ 8) - 8;
    case TN_DTYPE_u4: return load_sub_byte(data, i, 4);
    case TN_DTYPE_i2: return (int64_t)(load_sub_byte(data, i, 2) ^ 2) - 2;
    case TN_DTYPE_u2: return load_sub_byte(data, i, 2);
    default: {
        double x = tn__load_f64(d, data, i);
        return x != x ? 0 : x >= 9223372036854775808.0 ? INT64_MAX : x < -9223372036854775808.0 ? INT64_MIN : (int64_t)x;
    }
    }
}
#undef AT

#define AT(type) (((type *)data)[i])
void tn__store_i64(tn_dtype d, void *data, int64_t i, int64_t x) {
    switch (d) {
    case TN_DTYPE_i64: AT(int64_t) = x; return;
    case TN_DTYPE_i32: AT(int32_t) = (int32_t)x; return;
    case TN_DTYPE_i16: AT(int16_t) = (int16_t)x; return;
    case TN_DTYPE_i8: AT(int8_t) = (int8_t)x; return;
    case TN_DTYPE_u64: AT(uint64_t) = (uint64_t)x; return;
    case TN_DTYPE_u32: AT(uint32_t) = (uint32_t)x; return;
    case TN_DTYPE_u16: AT(uint16_t) = (uint16_t)x; return;
    case TN_DTYPE_u8: AT(uint8_t) = (uint8_t)x; return;
    case TN_DTYPE_bool: AT(uint8_t) = x != 0; return;
    case TN_DTYPE_i4:
    case TN_DTYPE_u4: store_sub_byte(data, i, 4, (uint32_t)x); return;
    case TN_DTYPE_i2:
    case TN_DTYPE_u2: store_sub_byte(data, i, 2, (uint32_t)x); return;
    default: tn__store_f64(d, data, i, (double)x); return;
    }
}

void tn__store_f64(tn_dtype d, void *data, int64_t i, double x) {
    switch (d) {
    case TN_DTYPE_f64: AT(double) = x; return;
    case TN_DTYPE_f32: AT(float) = (float)x; return;
    case TN_DTYPE_f16: AT(uint16_t) = (uint16_t)encode(format_f16, x); return;
    case TN_DTYPE_bf16: AT(uint16_t) = f64_to_bf16(x); return;
    case TN_DTYPE_f8e4m3: AT(uint8_t) = (uint8_t)encode(format_f8e4m3, x); return;
    case TN_DTYPE_f8e5m2: AT(uint8_t) = (uint8_t)encode(format_f8e5m2, x); return;
    case TN_DTYPE_f8e4m3fnuz: AT(uint8_t) = (uint8_t)encode(format_f8e4m3fnuz, x); return;
    case TN_DTYPE_f8e5m2fnuz: AT(uint8_t) = (uint8_t)encode(format_f8e5m2fnuz, x); return;
    case TN_DTYPE_f8e8m0: {
        int e;
        double m = frexp(fabs(x), &e); /* |x| = m 2^e; round the power to nearest, half up */
        int power = isnan(x) || x == 0 ? 0 : (m >= 0.75 ? e : e - 1);
        AT(uint8_t) = isnan(x) ? 255 : isinf(x) ? 254 : x == 0 ? 0 : (uint8_t)(power < -127 ? 0 : power > 127 ? 254 : power + 127);
        return;
    }
    case TN_DTYPE_f4e2m1: store_sub_byte(data, i, 4, encode(format_f4e2m1, x)); return;
    case TN_DTYPE_bool: AT(uint8_t) = x != 0; return;
    case TN_DTYPE_u64: AT(uint64_t) = !(x > 0) ? 0 : x >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)x; return;
    case TN_DTYPE_i64:
        AT(int64_t) = x != x ? 0 : x >= 9223372036854775808.0 ? INT64_MAX : x < -9223372036854775808.0 ? INT64_MIN : (int64_t)x;
        return;
    default: {
        uint32_t bits = tn_dtype_bits(d);
        bool is_signed = tn__dtype_get_class(d) == TN__CLASS_SINT;
        double low = is_signed ? -ldexp(1, (int)bits - 1) : 0, high = ldexp(1, (int)bits - is_signed) - 1;
        tn__store_i64(d, data, i, x != x ? 0 : x < low ? (int64_t)low : x > high ? (int64_t)high : (int64_t)x);
    }
    }
}
#undef AT
