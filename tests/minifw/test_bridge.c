/* The bridge: every op with and without it, training, what stays, plans, errors. With the folder of the MNIST files as argument:
 * training of both models instead; 77 (skipped) if they are missing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bridge.h"
#include "train.h"

static char said[8][512];
static int n_said;
static void say(const char *line) {
    if (n_said < 8) snprintf(said[n_said], sizeof said[0], "%s", line);
    n_said++;
}

/* Three chained ops around each op, so that a cluster pays; result and gradients are written into `out`. */
static size_t chain(fw *f, fw_op_id op, const fw_attrs *attrs, int n_in, fw_tensor **in, float *out) {
    fw_tensor *y = fw_op(f, op, attrs, n_in, in), *leaves[3] = {NULL};
    size_t n = 0;
    if (y && y->shape.dtype == FW_F32) {
        y = fw_op1(f, FW_square, fw_op1(f, FW_sigmoid, fw_op1(f, FW_neg, y)));
        fw_tensor *loss = fw_shaped(f, FW_sum_to, y, (fw_shape){0});
        if (fw_ops[op].gradient) fw_backward(f, loss);
        for (int k = 0; k < n_in; k++) leaves[k] = fw_retain(in[k]->grad);
    }
    leaves[2] = fw_retain(y);
    if (!fw_step_end(f)) fail_msg("%s: %s", fw_op_name(op), fw_error(f));
    for (int k = 0; k < 3; k++) {
        for (int64_t i = 0; leaves[k] && i < leaves[k]->n_elements; i++, n++)
            out[n] = leaves[k]->shape.dtype == FW_I64 ? (float)((int64_t *)leaves[k]->data)[i] : ((float *)leaves[k]->data)[i];
        fw_release(leaves[k]);
    }
    return n;
}

static const struct {
    fw_op_id op;
    fw_shape in[2];
    fw_attrs attrs;
    uint64_t stays; /* nodes of the sequence that the framework runs */
} cases[] = {
    {FW_neg, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_exp, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_log, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_sqrt, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_abs, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_sign, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_square, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_reciprocal, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_tanh, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_sigmoid, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_step, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_relu, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_scale, {{0, 2, {3, 4}}}, {.value = -1.5f}, 0},
    {FW_shift, {{0, 2, {3, 4}}}, {.value = 0.25f}, 0},
    {FW_leaky_relu, {{0, 2, {3, 4}}}, {.value = 0.1f}, 0},
    {FW_add, {{0, 2, {3, 4}}, {0, 1, {4}}}, {0}, 0},
    {FW_sub, {{0, 2, {3, 1}}, {0, 2, {3, 4}}}, {0}, 0},
    {FW_mul, {{0, 4, {2, 3, 2, 2}}, {0, 3, {3, 1, 1}}}, {0}, 0},
    {FW_div, {{0, 2, {3, 4}}, {0, 1, {1}}}, {0}, 0},
    {FW_greater, {{0, 2, {3, 4}}, {0, 2, {3, 4}}}, {0}, 0},
    {FW_equal, {{0, 2, {3, 4}}, {0, 2, {3, 4}}}, {0}, 0},
    {FW_maximum, {{0, 2, {3, 4}}, {0, 2, {1, 4}}}, {0}, 0},
    {FW_minimum, {{0, 2, {3, 4}}, {0, 2, {3, 1}}}, {0}, 0},
    {FW_matmul, {{0, 2, {3, 4}}, {0, 2, {4, 2}}}, {0}, 0},
    {FW_matmul, {{0, 2, {4, 3}}, {0, 2, {4, 2}}}, {.trans_a = true}, 0},
    {FW_matmul, {{0, 2, {3, 4}}, {0, 2, {2, 4}}}, {.trans_b = true}, 0},
    {FW_matmul, {{0, 2, {4, 3}}, {0, 2, {2, 4}}}, {.trans_a = true, .trans_b = true}, 0},
    {FW_conv2d, {{0, 4, {2, 2, 5, 4}}, {0, 4, {3, 2, 3, 3}}}, {.stride = 1, .pad = 1}, 0},
    {FW_conv2d, {{0, 4, {1, 2, 6, 7}}, {0, 4, {2, 2, 3, 2}}}, {.stride = 2}, 0},
    {FW_conv2d, {{0, 4, {2, 3, 8, 8}}, {0, 4, {4, 3, 3, 3}}}, {.stride = 3, .pad = 2}, 0},
    {FW_max_pool, {{0, 4, {2, 2, 4, 6}}}, {.size = 2}, 0},
    {FW_max_pool, {{0, 4, {2, 2, 5, 4}}}, {.size = 2}, 1}, /* the gradient: its windows leave something out */
    {FW_sum, {{0, 4, {2, 3, 2, 2}}}, {.axis = 1}, 0},
    {FW_max, {{0, 2, {3, 4}}}, {.axis = 1}, 0},
    {FW_sum_to, {{0, 4, {2, 3, 2, 2}}}, {.shape = {0, 3, {3, 1, 2}}}, 0},
    {FW_broadcast_to, {{0, 2, {3, 1}}}, {.shape = {0, 3, {2, 3, 4}}}, 0},
    {FW_reshape, {{0, 2, {3, 4}}}, {.shape = {0, 3, {2, 1, 6}}}, 0},
    {FW_transpose, {{0, 4, {2, 3, 1, 4}}}, {.shape = {0, 4, {3, 0, 1, 2}}}, 0},
    {FW_softmax, {{0, 2, {3, 4}}}, {0}, 0},
    {FW_cross_entropy, {{0, 2, {4, 3}}, {FW_I64, 1, {4}}}, {0}, 2},
    {FW_argmax, {{0, 2, {900, 8}}}, {.axis = 1}, 0},
};

static void test_ops(void **state) {
    bool seen[FW_OP_COUNT] = {[FW_conv2d_grad_input] = true, [FW_conv2d_grad_weight] = true, [FW_max_pool_grad] = true,
                              [FW_cross_entropy_grad] = true};
    fw *alone = fw_create(), *f = fw_create();
    fw_bridge *b = fw_bridge_create(f, NULL, false, say);
    assert_non_null(b);
    uint64_t seed = 3;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        static float wanted[8192], found[8192];
        fw_tensor *in[2] = {NULL};
        int n_in = fw_ops[cases[c].op].n_in;
        seen[cases[c].op] = true;
        for (int k = 0; k < n_in; k++) {
            in[k] = fw_tensor_create(f, cases[c].in[k], NULL);
            for (int64_t i = 0; i < in[k]->n_elements; i++) {
                double u = (double)(fw_random(&seed) >> 11) / 9007199254740992.0;
                if (in[k]->shape.dtype == FW_I64)
                    ((int64_t *)in[k]->data)[i] = i % 3;
                else
                    ((float *)in[k]->data)[i] = roundf((float)(16 * u) + 1) / 8; /* ties happen */
            }
            in[k]->needs_grad = in[k]->shape.dtype == FW_F32;
        }
        size_t n = chain(alone, cases[c].op, &cases[c].attrs, n_in, in, wanted);
        fw_bridge_counts before = fw_bridge_get_counts(b);
        for (int twice = 0; twice < 2; twice++) {
            memset(found, 0, sizeof found);
            assert_int_equal(chain(f, cases[c].op, &cases[c].attrs, n_in, in, found), n);
            for (size_t i = 0; i < n; i++)
                if (!(fabsf(found[i] - wanted[i]) <= 2e-5f * (1 + fabsf(wanted[i]))))
                    fail_msg("case %zu, %s: [%zu] = %g, wanted %g", c, fw_op_name(cases[c].op), i, (double)found[i], (double)wanted[i]);
        }
        fw_bridge_counts after = fw_bridge_get_counts(b);
        assert_int_equal(after.plans - before.plans, 1); /* the second time finds it */
        if (after.fallbacks - before.fallbacks != 2 * cases[c].stays)
            fail_msg("case %zu, %s: %d nodes stay", c, fw_op_name(cases[c].op), (int)(after.fallbacks - before.fallbacks) / 2);
        assert_true(after.calls > before.calls);
        for (int k = 0; k < n_in; k++) fw_release(in[k]);
    }
    for (int op = 0; op < FW_OP_COUNT; op++)
        if (!seen[op]) fail_msg("%s has no case", fw_op_name(op));
    fw_bridge_destroy(b);
    fw_destroy(f), fw_destroy(alone);
}

static fw_tensor *small_step(fw *f, fw_tensor *x, float by) {
    fw_tensor *y = fw_op(f, FW_scale, &(fw_attrs){.value = by}, 1, &x);
    return fw_op1(f, FW_exp, fw_op1(f, FW_tanh, fw_op1(f, FW_sigmoid, fw_op2(f, FW_add, y, x))));
}

static void test_report_and_disabled(void **state) {
    fw *f = fw_create();
    fw_tensor *x = fw_tensor_create(f, (fw_shape){FW_F32, 1, {8}}, NULL);
    n_said = 0;
    fw_bridge *b = fw_bridge_create(f, "add,tanh,exp", false, say);
    fw_tensor *y = fw_retain(small_step(f, x, 2));
    assert_true(fw_step_end(f));
    assert_int_equal(n_said, 1);
    assert_string_equal(said[0], "tenon: 0 of 5 nodes in 0 clusters; 5 stay (scale 1: does not pay; add 1: disabled; sigmoid 1: does not pay; "
                                 "tanh 1: disabled; exp 1: disabled)");
    assert_int_equal(fw_bridge_get_counts(b).fallbacks, 5);
    assert_float_equal(((float *)y->data)[0], expf(tanhf(0.5f)), 1e-6);
    fw_release(y);
    fw_bridge_destroy(b);
    b = fw_bridge_create(f, NULL, false, say);
    for (int i = 0; i < 40; i++) small_step(f, x, (float)i), assert_true(fw_step_end(f)); /* another plan each, 16 are kept */
    assert_int_equal(fw_bridge_get_counts(b).plans, 40);
    small_step(f, x, 39), assert_true(fw_step_end(f));
    small_step(f, x, 24), assert_true(fw_step_end(f));
    assert_int_equal(fw_bridge_get_counts(b).plans, 40);
    small_step(f, x, 23), assert_true(fw_step_end(f));
    assert_int_equal(fw_bridge_get_counts(b).plans, 41);
    assert_int_equal(n_said, 2);
    fw_bridge_destroy(b);
    fw_release(x);
    fw_destroy(f);
}

static void test_errors(void **state) {
    fw *f = fw_create();
    fw_tensor *logits = fw_tensor_create(f, (fw_shape){FW_F32, 2, {2, 3}}, NULL);
    fw_tensor *labels = fw_tensor_create(f, (fw_shape){FW_I64, 1, {2}}, (int64_t[]){0, 3});
    fw_bridge *b = fw_bridge_create(f, NULL, false, say);
    fw_tensor *loss = fw_retain(fw_op2(f, FW_cross_entropy, small_step(f, logits, 1), labels));
    assert_false(fw_step_end(f)); /* the framework's own kernel finds it, as without the bridge */
    assert_string_equal(fw_error(f), "cross_entropy: an id is out of range");
    fw_clear_error(f);
    fw_release(loss);
    fw_bridge_destroy(b);
    b = fw_bridge_create(f, NULL, true, say);
    loss = fw_retain(fw_op2(f, FW_cross_entropy, small_step(f, logits, 1), labels));
    assert_false(fw_step_end(f));
    assert_non_null(strstr(fw_error(f), "placement=require: tenon: 5 of 6 nodes in 1 clusters; 1 stay (cross_entropy 1: its labels"));
    fw_clear_error(f);
    fw_release(loss);
    fw_bridge_destroy(b);
    setenv("TENON_THREADS", "many", 1);
    assert_null(fw_bridge_create(f, NULL, false, say));
    assert_non_null(strstr(fw_error(f), "many"));
    fw_clear_error(f);
    unsetenv("TENON_THREADS");
    fw_release(logits), fw_release(labels);
    fw_destroy(f);
}

static mnist data;

static void train(const char *model, int epochs, int n_train, bool bridge, fw_train_result *out) {
    fw *f = fw_create();
    fw_bridge *b = bridge ? fw_bridge_create(f, NULL, false, say) : NULL;
    if (!fw_train(f, &data, &(fw_train_options){model, epochs, n_train, 500, 32, 1}, out)) fail_msg("%s: %s", model, fw_error(f));
    if (b) { /* one plan of a training step, two of tests (the last batch is smaller); the two ops that stay in each training step */
        fw_bridge_counts c = fw_bridge_get_counts(b);
        assert_int_equal(c.plans, 3);
        assert_int_equal(c.fallbacks, 2 * epochs * (n_train / 32));
        assert_int_equal(c.calls, 2 * epochs * (n_train / 32) + 16);
    }
    fw_bridge_destroy(b);
    fw_destroy(f);
}

static void test_training(void **state) {
    static const struct {
        const char *model;
        int epochs, n_train;
    } runs[] = {{"mlp", 3, 4000}, {"cnn", 1, 1600}};
    for (int i = 0; i < 2; i++) {
        fw_train_result alone, bridged;
        n_said = 0;
        train(runs[i].model, runs[i].epochs, runs[i].n_train, false, &alone);
        train(runs[i].model, runs[i].epochs, runs[i].n_train, true, &bridged);
        print_message("%s: loss %.4f, accuracy %.4f; with the bridge %.4f, %.4f\n%s\n", runs[i].model, alone.loss, alone.accuracy,
                      bridged.loss, bridged.accuracy, said[0]);
        assert_true(fabs(alone.loss - bridged.loss) < 0.01 && fabs(alone.accuracy - bridged.accuracy) < 0.012);
        assert_int_equal(n_said, 1);
        assert_non_null(strstr(said[0], "in 2 clusters; 2 stay (cross_entropy 1: its labels are checked; cross_entropy_grad 1: its"));
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ops), cmocka_unit_test(test_report_and_disabled), cmocka_unit_test(test_errors)};
    const struct CMUnitTest training[] = {cmocka_unit_test(test_training)};
    if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
    if (mnist_read(argv[1], &data)) return cmocka_run_group_tests(training, NULL, NULL);
    printf("skipped: no MNIST files in %s\n", argv[1]);
    return 77;
}
