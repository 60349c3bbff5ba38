/* The tool's comparison of tensors: what the ONNX backend tests call equal. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/dtype.h"
#include "../../tools/tenon/compare.h"

/* compare.c parses numbers with the tool's helper */
bool cli_parse_real(const char *text, double *out);
bool cli_parse_real(const char *text, double *out) { return false; }
#include "../../tools/tenon/compare.c"

static bool equal(tn_dtype dtype, double found, double wanted, cli_tolerance t, cli_difference *d) {
    tn_context *c;
    tn_tensor *x, *y;
    const int64_t dims[] = {2, 2};
    assert_null(tn_context_create(NULL, &c));
    assert_null(tn_tensor_create(c, dtype, 2, dims, &x));
    assert_null(tn_tensor_create(c, dtype, 2, dims, &y));
    tn__store_f64(dtype, tn_tensor_get_data(x), 2, found);
    tn__store_f64(dtype, tn_tensor_get_data(y), 2, wanted);
    cli_compare(x, y, &t, d);
    tn_tensor_release(x);
    tn_tensor_release(y);
    tn_context_release(c);
    return d->ok;
}

static void test_tolerance(void **state) {
    cli_tolerance onnx = CLI_TOLERANCE_ONNX, ulp = {.ulp = 1};
    cli_difference d;
    assert_true(equal(TN_DTYPE_f32, 1.0009, 1, onnx, &d));
    assert_false(equal(TN_DTYPE_f32, 1.0011, 1, onnx, &d));
    assert_non_null(strstr(d.reason, "element [1,0]: found 1.00"));
    assert_true(equal(TN_DTYPE_f32, 0.9e-7, 0, onnx, &d));
    assert_false(equal(TN_DTYPE_f32, 1.1e-7, 0, onnx, &d));
    assert_true(equal(TN_DTYPE_f32, NAN, NAN, onnx, &d));
    assert_false(equal(TN_DTYPE_f32, NAN, 1, onnx, &d));
    assert_true(equal(TN_DTYPE_f16, INFINITY, INFINITY, onnx, &d));
    assert_false(equal(TN_DTYPE_f16, INFINITY, -INFINITY, onnx, &d));
    assert_false(equal(TN_DTYPE_f16, 65504, INFINITY, onnx, &d));
    assert_true(equal(TN_DTYPE_i32, 1001, 1000, onnx, &d));
    assert_false(equal(TN_DTYPE_i32, 6, 5, onnx, &d));
    assert_false(equal(TN_DTYPE_bool, 1, 0, onnx, &d));
    assert_true(equal(TN_DTYPE_f32, nextafterf(1, 2), 1, ulp, &d));
    assert_true(d.max_ulp == 1);
    assert_false(equal(TN_DTYPE_f32, nextafterf(nextafterf(1, 2), 2), 1, ulp, &d));
    assert_true(equal(TN_DTYPE_f32, -0.0, 0, ulp, &d));
    equal(TN_DTYPE_f32, nextafterf(0, -1), nextafterf(0, 1), ulp, &d); /* two steps across zero */
    assert_true(d.max_ulp == 2);
}

static void test_types(void **state) {
    tn_context *c;
    tn_tensor *x, *y, *z;
    const int64_t a[] = {1, 2}, b[] = {2, 1};
    cli_tolerance t = CLI_TOLERANCE_ONNX;
    cli_difference d;
    assert_null(tn_context_create(NULL, &c));
    assert_null(tn_tensor_create(c, TN_DTYPE_f32, 2, a, &x));
    assert_null(tn_tensor_create(c, TN_DTYPE_f32, 2, b, &y));
    assert_null(tn_tensor_create(c, TN_DTYPE_f64, 2, a, &z));
    cli_compare(x, y, &t, &d);
    assert_string_equal(d.reason, "shape: found [1,2], wanted [2,1]");
    cli_compare(x, z, &t, &d);
    assert_string_equal(d.reason, "dtype: found f32, wanted f64");
    tn_tensor_release(x);
    tn_tensor_release(y);
    tn_tensor_release(z);
    tn_context_release(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tolerance), cmocka_unit_test(test_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
