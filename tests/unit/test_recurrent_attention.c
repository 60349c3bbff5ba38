/* rnn, lstm, gru and attention against values worked out by hand; the ONNX node tests cover the attributes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op/op.h"

static tn_context *context;

static int setup(void **state) {
    (void)state;
    return tn_context_create(NULL, &context) != NULL;
}

static int teardown(void **state) {
    (void)state;
    tn_context_release(context);
    return 0;
}

static void check_ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static tn_tensor *f32(int32_t rank, const int64_t *dims, const float *data) {
    tn_tensor *t;
    check_ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    if (t->bytes) memcpy(t->data, data, t->bytes);
    return t;
}
#define DIMS(...) (int64_t[]){__VA_ARGS__}
#define DATA(...) (float[]){__VA_ARGS__}

static void near(const tn_tensor *t, int64_t i, double wanted) {
    double found = tn__load_f64(t->dtype, t->data, i);
    if (!(fabs(found - wanted) <= 1e-6)) fail_msg("element %d: found %.9g, wanted %.9g", (int)i, found, wanted);
}

static void release(tn_tensor **t, int n) {
    for (int i = 0; i < n; i++) tn_tensor_release(t[i]);
}

/* One number in, one hidden unit, two steps: h1 = tanh(w x1 + b), h2 = tanh(w x2 + r h1 + b). */
static void test_rnn(void **state) {
    (void)state;
    tn_tensor *in[4] = {f32(3, DIMS(2, 1, 1), DATA(1, 2)), f32(3, DIMS(1, 1, 1), DATA(0.5f)), f32(3, DIMS(1, 1, 1), DATA(-2)),
                        f32(2, DIMS(1, 2), DATA(0.25f, 0.5f))};
    tn_tensor *out[2];
    tn__attrs_rnn attrs = {.direction = "forward", .hidden_size = 1};
    double h1 = tanh(0.5 + 0.75), h2 = tanh(1 - 2 * h1 + 0.75);
    check_ok(tn__op_eval(context, TN_OP_rnn, &attrs, (const tn_tensor *const *)in, 4, 2, out));
    near(out[0], 0, h1);
    near(out[0], 1, h2);
    near(out[1], 0, h2);
    release(out, 2);
    attrs.direction = "reverse"; /* begins at the second step */
    double r1 = tanh(1 + 0.75), r0 = tanh(0.5 - 2 * r1 + 0.75);
    check_ok(tn__op_eval(context, TN_OP_rnn, &attrs, (const tn_tensor *const *)in, 4, 2, out));
    near(out[0], 0, r0);
    near(out[0], 1, r1);
    near(out[1], 0, r0);
    release(out, 2);
    release(in, 4);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void test_lstm_gru(void **state) {
    (void)state;
    tn_tensor *in[3] = {f32(3, DIMS(1, 1, 1), DATA(1)), f32(3, DIMS(1, 4, 1), DATA(1, 2, 3, 4)), f32(3, DIMS(1, 4, 1), DATA(0, 0, 0, 0))};
    tn_tensor *out[3];
    tn__attrs_rnn attrs = {.direction = "forward", .hidden_size = 1};
    check_ok(tn__op_eval(context, TN_OP_lstm, &attrs, (const tn_tensor *const *)in, 3, 3, out));
    double c = sigmoid(1) * tanh(4);
    near(out[2], 0, c);
    near(out[0], 0, sigmoid(2) * tanh(c));
    release(out, 3);
    /* a wrong gate count is an error that names the operand */
    tn_error *e = tn__op_eval(context, TN_OP_gru, &attrs, (const tn_tensor *const *)in, 3, 2, out);
    assert_non_null(e);
    assert_non_null(strstr(tn_error_get_message(e), "operand 1"));
    tn_error_destroy(e);
    release(in, 3);
    tn_tensor *gru[3] = {f32(3, DIMS(1, 1, 1), DATA(1)), f32(3, DIMS(1, 3, 1), DATA(1, 2, 3)), f32(3, DIMS(1, 3, 1), DATA(0, 0, 0))};
    check_ok(tn__op_eval(context, TN_OP_gru, &attrs, (const tn_tensor *const *)gru, 3, 1, out));
    near(out[0], 0, (1 - sigmoid(1)) * tanh(3));
    release(out, 1);
    release(gru, 3);
}

/* Two query heads share one key head; the second query row of head 1 may see no key. */
static void test_attention(void **state) {
    (void)state;
    tn_tensor *in[4] = {f32(4, DIMS(1, 2, 2, 1), DATA(1, 2, 3, 4)), f32(4, DIMS(1, 1, 2, 1), DATA(0, 1)),
                        f32(4, DIMS(1, 1, 2, 1), DATA(10, 20)), NULL};
    tn_tensor *out[4];
    check_ok(tn_tensor_create(context, TN_DTYPE_bool, 4, DIMS(1, 2, 2, 2), &in[3]));
    memcpy(in[3]->data, (uint8_t[]){1, 1, 1, 0, 0, 1, 0, 0}, 8);
    tn__attrs_attention attrs = {.left_window_size = -1, .right_window_size = -1, .qk_matmul_output_mode = 3};
    check_ok(tn__op_eval(context, TN_OP_attention, &attrs, (const tn_tensor *const *)in, 4, 4, out));
    double p = 1 / (1 + exp(1.0)); /* scores 0 and 1 */
    near(out[0], 0, 10 * p + 20 * (1 - p));
    near(out[0], 1, 10);
    near(out[0], 2, 20);
    near(out[0], 3, 0);
    near(out[3], 0, p);
    near(out[3], 7, 0);
    assert_int_equal(out[1]->elements, 2); /* present key */
    release(out, 4);
    release(in, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rnn), cmocka_unit_test(test_lstm_gru), cmocka_unit_test(test_attention)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
