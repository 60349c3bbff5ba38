/* Element types: conversions of the narrow floats against their definition, packed elements, saturation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "base/dtype.h"

static void test_table(void **state) {
    for (int d = 1; d < TN_DTYPE_COUNT; d++) {
        const char *name = tn_dtype_name((tn_dtype)d);
        assert_int_equal(tn_dtype_from_name(name), d);
        assert_int_equal(tn__dtype_from_onnx(tn__dtype_to_onnx((tn_dtype)d)), d);
        assert_true(tn_dtype_bits((tn_dtype)d) > 0);
    }
    assert_int_equal(tn_dtype_from_name("f33"), TN_DTYPE_NONE);
    assert_int_equal(tn__dtype_from_onnx(99), TN_DTYPE_NONE);
    assert_int_equal(tn__dtype_from_onnx(-1), TN_DTYPE_NONE);
    assert_string_equal(tn_dtype_name((tn_dtype)999), "none");
    assert_int_equal(tn__dtype_bytes(TN_DTYPE_i4, 3), 2);
    assert_int_equal(tn__dtype_bytes(TN_DTYPE_u2, 5), 2);
}

static double f16_value(uint16_t h) { /* by its definition */
    int exponent = h >> 10 & 31, fraction = h & 1023;
    double x = exponent == 31 ? (fraction ? NAN : INFINITY) : exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return h >> 15 ? -x : x;
}

static void test_f16(void **state) { /* all of them, and the neighbours of every middle */
    for (uint32_t h = 0; h < 0x10000; h++) {
        double x = f16_value((uint16_t)h);
        float f = tn__f16_to_f32((uint16_t)h);
        if (isnan(x)) {
            assert_true(isnan(f));
            assert_true(isnan(tn__f16_to_f32(tn__f32_to_f16(f))));
            continue;
        }
        assert_true((double)f == x);
        assert_int_equal(tn__f32_to_f16(f), h);
        if ((h & 0x7fff) >= 0x7bff) continue;
        double middle = (x + f16_value((uint16_t)(h + 1))) / 2; /* exact in f32 */
        assert_int_equal(tn__f32_to_f16((float)middle), h % 2 ? h + 1 : h);
        assert_int_equal(tn__f32_to_f16(nextafterf((float)middle, (float)x)), h);
        assert_int_equal(tn__f32_to_f16(nextafterf((float)middle, (float)f16_value((uint16_t)(h + 1)))), h + 1);
    }
    assert_int_equal(tn__f32_to_f16(65519.0f), 0x7bff);
    assert_int_equal(tn__f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(tn__f32_to_f16(-1e30f), 0xfc00);
}

static void test_bf16(void **state) {
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = tn__bf16_to_f32((uint16_t)h);
        uint32_t bits;
        memcpy(&bits, &f, sizeof bits);
        if (isnan(f)) {
            assert_true(isnan(tn__bf16_to_f32(tn__f32_to_bf16(f))));
            continue;
        }
        assert_int_equal(bits, h << 16);
        assert_int_equal(tn__f32_to_bf16(f), h);
        if ((h & 0x7fff) >= 0x7f7f) continue;
        uint32_t around[3] = {bits + 0x7fff, bits + 0x8000, bits + 0x8001}, wanted[3] = {h, h + h % 2, h + 1};
        for (int i = 0; i < 3; i++) {
            float x;
            memcpy(&x, &around[i], sizeof x);
            assert_int_equal(tn__f32_to_bf16(x), wanted[i]);
        }
    }
}

static void test_narrow(void **state) { /* what can be stored comes back; a store is the nearest of all values */
    static const tn_dtype types[] = {TN_DTYPE_f8e4m3, TN_DTYPE_f8e5m2};
    for (int t = 0; t < 2; t++)
        for (int h = 0; h < 256; h++) {
            uint8_t byte = (uint8_t)h, again = 0;
            double x = tn__load_f64(types[t], &byte, 0);
            tn__store_f64(types[t], &again, 0, x);
            if (isnan(x)) assert_true(isnan(tn__load_f64(types[t], &again, 0)));
            else assert_int_equal(again, byte);
        }
}

static void test_packed(void **state) {
    uint8_t data[4];
    for (int i = 0; i < 8; i++) {
        memset(data, 0xff, sizeof data);
        tn__store_i64(TN_DTYPE_i4, data, i, -8);
        for (int k = 0; k < 8; k++) assert_int_equal(tn__load_i64(TN_DTYPE_i4, data, k), k == i ? -8 : -1);
        memset(data, 0, sizeof data);
        tn__store_i64(TN_DTYPE_u4, data, i, 15);
        for (int k = 0; k < 8; k++) assert_int_equal(tn__load_i64(TN_DTYPE_u4, data, k), k == i ? 15 : 0);
    }
}

static void test_integers(void **state) {
    static const struct {
        tn_dtype d;
        double x;
        int64_t wanted;
    } cases[] = {{TN_DTYPE_i8, 200, 127},         {TN_DTYPE_i8, -200, -128},    {TN_DTYPE_u8, -3, 0},           {TN_DTYPE_u8, 255.9, 255},
                 {TN_DTYPE_i32, 1e20, INT32_MAX}, {TN_DTYPE_i64, 1e30, INT64_MAX}, {TN_DTYPE_i64, -1e30, INT64_MIN}, {TN_DTYPE_u64, 1e30, -1},
                 {TN_DTYPE_i16, -1.9, -1},        {TN_DTYPE_u16, 1.9, 1},       {TN_DTYPE_bool, 0.5, 1},        {TN_DTYPE_bool, 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t data = 0;
        tn__store_f64(cases[i].d, &data, 0, cases[i].x);
        if (tn__load_i64(cases[i].d, &data, 0) != cases[i].wanted)
            fail_msg("%g as %s is %lld", cases[i].x, tn_dtype_name(cases[i].d), (long long)tn__load_i64(cases[i].d, &data, 0));
    }
    uint64_t big = UINT64_MAX;
    assert_true(tn__load_f64(TN_DTYPE_u64, &big, 0) == 18446744073709551616.0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),  cmocka_unit_test(test_f16),    cmocka_unit_test(test_bf16),
                                       cmocka_unit_test(test_narrow), cmocka_unit_test(test_packed), cmocka_unit_test(test_integers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
