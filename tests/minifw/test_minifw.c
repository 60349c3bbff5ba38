/* minifw on its own: gradients of every op against finite differences, values of the ops without one, errors, the recorder seam.
 * With the folder of the MNIST files as argument: training instead; 77 (skipped) if they are missing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "minifw.h"
#include "train.h"

#define F2(a, b)                                                                                                                 \
    {                                                                                                                            \
        FW_F32, 2, { a, b }                                                                                                      \
    }
#define F4(a, b, c, d)                                                                                                           \
    {                                                                                                                            \
        FW_F32, 4, { a, b, c, d }                                                                                                \
    }

/* Values are drawn from -2..2, or from 0.5..2 where `positive`. */
static const struct {
    fw_op_id op;
    fw_shape in[FW_MAX_INPUTS];
    fw_attrs attrs;
    bool positive;
} cases[] = {
    {.op = FW_neg, .in = {F2(3, 4)}},
    {.op = FW_exp, .in = {F2(3, 4)}},
    {.op = FW_log, .in = {F2(3, 4)}, .positive = true},
    {.op = FW_sqrt, .in = {F2(3, 4)}, .positive = true},
    {.op = FW_abs, .in = {F2(3, 4)}},
    {.op = FW_square, .in = {F2(3, 4)}},
    {.op = FW_reciprocal, .in = {F2(3, 4)}, .positive = true},
    {.op = FW_tanh, .in = {F2(3, 4)}},
    {.op = FW_sigmoid, .in = {F2(3, 4)}},
    {.op = FW_relu, .in = {F2(3, 4)}},
    {.op = FW_scale, .in = {F2(3, 4)}, .attrs = {.value = -1.5f}},
    {.op = FW_shift, .in = {F2(3, 4)}, .attrs = {.value = 0.25f}},
    {.op = FW_leaky_relu, .in = {F2(3, 4)}, .attrs = {.value = 0.1f}},
    {.op = FW_add, .in = {F2(3, 4), {FW_F32, 1, {4}}}},
    {.op = FW_sub, .in = {F2(3, 1), F2(3, 4)}},
    {.op = FW_mul, .in = {F4(2, 3, 2, 2), {FW_F32, 3, {3, 1, 1}}}},
    {.op = FW_div, .in = {F2(3, 4), {FW_F32, 1, {1}}}, .positive = true},
    {.op = FW_maximum, .in = {F2(3, 4), F2(1, 4)}},
    {.op = FW_minimum, .in = {F2(3, 4), F2(3, 1)}},
    {.op = FW_matmul, .in = {F2(3, 4), F2(4, 2)}},
    {.op = FW_matmul, .in = {F2(4, 3), F2(4, 2)}, .attrs = {.trans_a = true}},
    {.op = FW_matmul, .in = {F2(3, 4), F2(2, 4)}, .attrs = {.trans_b = true}},
    {.op = FW_matmul, .in = {F2(4, 3), F2(2, 4)}, .attrs = {.trans_a = true, .trans_b = true}},
    {.op = FW_conv2d, .in = {F4(2, 2, 5, 4), F4(3, 2, 3, 3)}, .attrs = {.stride = 1, .pad = 1}},
    {.op = FW_conv2d, .in = {F4(1, 2, 6, 7), F4(2, 2, 3, 2)}, .attrs = {.stride = 2}},
    {.op = FW_max_pool, .in = {F4(2, 2, 5, 4)}, .attrs = {.size = 2}},
    {.op = FW_sum, .in = {F4(2, 3, 2, 2)}, .attrs = {.axis = 1}},
    {.op = FW_max, .in = {F2(3, 4)}, .attrs = {.axis = 1}},
    {.op = FW_sum_to, .in = {F4(2, 3, 2, 2)}, .attrs = {.shape = {FW_F32, 3, {3, 1, 2}}}},
    {.op = FW_broadcast_to, .in = {F2(3, 1)}, .attrs = {.shape = {FW_F32, 3, {2, 3, 4}}}},
    {.op = FW_reshape, .in = {F2(3, 4)}, .attrs = {.shape = {FW_F32, 3, {2, 1, 6}}}},
    {.op = FW_transpose, .in = {F4(2, 3, 1, 4)}, .attrs = {.shape = {FW_F32, 4, {3, 0, 1, 2}}}},
    {.op = FW_softmax, .in = {F2(3, 4)}},
    {.op = FW_cross_entropy, .in = {F2(4, 3), {FW_I64, 1, {4}}}},
};

/* The sum of all elements of the case's result, each times a fixed random weight. */
static fw_tensor *weighted_sum(fw *f, size_t c, int n_in, fw_tensor **in) {
    uint64_t seed = 99;
    fw_tensor *y = fw_op(f, cases[c].op, &cases[c].attrs, n_in, in);
    fw_tensor *weight = y ? fw_tensor_normal(f, y->shape, 1, &seed) : NULL, *product = fw_op2(f, FW_mul, y, weight);
    fw_release(weight);
    return fw_op(f, FW_sum_to, &(fw_attrs){0}, 1, &product);
}

/* The same without gradients, summed in double: differences of it are small. */
static double value_of(fw *f, size_t c, int n_in, fw_tensor **in) {
    uint64_t seed = 99;
    fw_tensor *y = fw_op(f, cases[c].op, &cases[c].attrs, n_in, in);
    const float *values = fw_data(f, y);
    if (!values) fail_msg("case %zu, %s: %s", c, fw_op_name(cases[c].op), fw_error(f));
    fw_tensor *weight = fw_tensor_normal(f, y->shape, 1, &seed);
    double total = 0;
    for (int64_t i = 0; i < y->n_elements; i++) total += (double)values[i] * ((const float *)weight->data)[i];
    fw_release(weight);
    assert_true(fw_step_end(f));
    return total;
}

static void test_gradients(void **state) {
    bool seen[FW_OP_COUNT] = {false};
    fw *f = fw_create();
    uint64_t seed = 3;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        fw_tensor *in[FW_MAX_INPUTS] = {NULL};
        int n_in = 0;
        seen[cases[c].op] = true;
        for (; n_in < FW_MAX_INPUTS && cases[c].in[n_in].rank; n_in++) {
            fw_tensor *t = in[n_in] = fw_tensor_create(f, cases[c].in[n_in], NULL);
            for (int64_t i = 0; i < t->n_elements; i++) {
                double u = (double)(fw_random(&seed) >> 11) / 9007199254740992.0;
                if (t->shape.dtype == FW_I64)
                    ((int64_t *)t->data)[i] = i % 3;
                else
                    ((float *)t->data)[i] = (float)(cases[c].positive ? 0.5 + 1.5 * u : 4 * u - 2);
            }
            t->needs_grad = t->shape.dtype == FW_F32;
        }
        fw_tensor *loss = weighted_sum(f, c, n_in, in);
        fw_backward(f, loss);
        if (fw_error(f)) fail_msg("case %zu, %s: %s", c, fw_op_name(cases[c].op), fw_error(f));
        float *gradients[FW_MAX_INPUTS] = {NULL};
        for (int k = 0; k < n_in; k++) {
            if (!in[k]->needs_grad) continue;
            const float *data = fw_data(f, in[k]->grad);
            assert_true(data && fw_shape_equal(&in[k]->grad->shape, &in[k]->shape));
            gradients[k] = malloc((size_t)in[k]->n_elements * sizeof(float));
            for (int64_t i = 0; i < in[k]->n_elements; i++) gradients[k][i] = data[i];
        }
        assert_true(fw_step_end(f));
        for (int k = 0; k < n_in; k++) {
            for (int64_t i = 0; gradients[k] && i < in[k]->n_elements; i++) {
                float *x = (float *)in[k]->data + i, kept = *x, h = 1.0f / 512;
                *x = kept + h;
                double above = value_of(f, c, n_in, in);
                *x = kept - h;
                double wanted = (above - value_of(f, c, n_in, in)) / (2 * h);
                *x = kept;
                if (fabs(wanted - gradients[k][i]) > 4e-3 * (1 + fabs(wanted)))
                    fail_msg("case %zu, %s: d%d[%d] = %g, differences say %g", c, fw_op_name(cases[c].op), k, (int)i,
                             (double)gradients[k][i], wanted);
            }
            free(gradients[k]);
        }
        for (int k = 0; k < n_in; k++) fw_release(in[k]);
    }
    static const fw_op_id flat[] = {FW_sign, FW_step, FW_greater, FW_equal}; /* their gradient is zero */
    for (size_t i = 0; i < sizeof flat / sizeof flat[0]; i++) seen[flat[i]] = true;
    for (int op = 0; op < FW_OP_COUNT; op++)
        if (fw_ops[op].gradient && !seen[op]) fail_msg("%s has a gradient and no case", fw_op_name(op));
    fw_destroy(f);
}

static void test_values(void **state) {
    fw *f = fw_create();
    fw_tensor *x = fw_tensor_create(f, (fw_shape)F2(2, 3), (float[]){-1, 0, 2, 5, 5, -3});
    fw_tensor *y = fw_tensor_create(f, (fw_shape){FW_F32, 1, {3}}, (float[]){0, 0, 2});
    const float *sign = fw_data(f, fw_op1(f, FW_sign, x)), *step = fw_data(f, fw_op1(f, FW_step, x));
    const float *greater = fw_data(f, fw_op2(f, FW_greater, x, y)), *equal = fw_data(f, fw_op2(f, FW_equal, x, y));
    const int64_t *rows = fw_data(f, fw_op(f, FW_argmax, &(fw_attrs){.axis = 1}, 1, &x));
    const int64_t *columns = fw_data(f, fw_op(f, FW_argmax, &(fw_attrs){.axis = 0}, 1, &x));
    assert_null(fw_error(f));
    assert_memory_equal(sign, ((float[]){-1, 0, 1, 1, 1, -1}), 24);
    assert_memory_equal(step, ((float[]){0, 0, 1, 1, 1, 0}), 24);
    assert_memory_equal(greater, ((float[]){0, 0, 0, 1, 1, 0}), 24);
    assert_memory_equal(equal, ((float[]){0, 1, 1, 0, 0, 0}), 24);
    assert_memory_equal(rows, ((int64_t[]){2, 0}), 16);
    assert_memory_equal(columns, ((int64_t[]){1, 1, 0}), 24);
    fw_release(x), fw_release(y);
    fw_destroy(f);
}

static void test_errors(void **state) {
    fw *f = fw_create();
    fw_tensor *a = fw_tensor_create(f, (fw_shape)F2(2, 3), NULL),
              *ids = fw_tensor_create(f, (fw_shape){FW_I64, 1, {2}}, (int64_t[]){0, 3});
    assert_null(fw_op2(f, FW_matmul, a, a));
    assert_string_equal(fw_error(f), "matmul: the inner sizes differ");
    assert_null(fw_op1(f, FW_exp, a)); /* the first error stays */
    assert_string_equal(fw_error(f), "matmul: the inner sizes differ");
    assert_false(fw_step_end(f));
    fw_clear_error(f);
    assert_null(fw_op2(f, FW_cross_entropy, a, ids));
    assert_string_equal(fw_error(f), "cross_entropy: an id is out of range");
    fw_clear_error(f);
    assert_null(fw_op1(f, FW_exp, ids));
    fw_clear_error(f);
    assert_null(fw_op1(f, FW_add, a));
    fw_clear_error(f);
    assert_null(fw_op2(f, FW_add, a, NULL));
    fw_clear_error(f);
    assert_null(fw_op(f, FW_transpose, &(fw_attrs){.shape = F2(0, 0)}, 1, &a));
    fw_clear_error(f);
    assert_null(fw_op(f, FW_reshape, &(fw_attrs){.shape = {FW_F32, 9, {6}}}, 1, &a));
    fw_clear_error(f);
    assert_null(fw_tensor_create(f, (fw_shape){FW_F32, 3, {INT64_C(1) << 40, INT64_C(1) << 40, 2}}, NULL));
    fw_clear_error(f);
    fw_backward(f, a); /* no scalar */
    assert_non_null(fw_error(f));
    fw_release(a), fw_release(ids);
    fw_destroy(f);
}

/* A recorder that counts what it gets, and runs it by the framework's kernels. */
typedef struct watcher {
    uint32_t n_runs, n_nodes, n_constants;
    bool refuses;
} watcher;

static bool watch(void *self, fw *f, const fw_node *nodes, uint32_t n_nodes, bool at_end) {
    watcher *w = self;
    w->n_runs++, w->n_nodes += n_nodes;
    for (uint32_t i = 0; i < n_nodes; i++) {
        assert_null(nodes[i].out->data);
        for (int k = 0; k < nodes[i].n_in; k++) w->n_constants += nodes[i].in[k]->constant;
        if (!w->refuses && !fw_run_node(f, &nodes[i])) return false;
    }
    return !w->refuses;
}

static void test_recorder(void **state) {
    fw *f = fw_create();
    watcher w = {0};
    fw_recorder recorder = {&w, watch};
    fw_set_recorder(f, &recorder);
    uint64_t seed = 1;
    fw_tensor *p = fw_tensor_normal(f, (fw_shape)F2(2, 2), 1, &seed), *one = fw_tensor_constant(f, (fw_shape){0}, &(float){1});
    fw_tensor *y = fw_op1(f, FW_square, fw_op2(f, FW_add, p, one)), *loss = fw_op(f, FW_sum_to, &(fw_attrs){0}, 1, &y);
    fw_backward(f, loss);
    fw_tensor *kept = fw_retain(p->grad);
    assert_int_equal(w.n_runs, 0);
    assert_null(kept->data);
    assert_true(fw_is_kept(kept) && !fw_is_kept(loss));
    assert_true(fw_step_end(f));
    assert_int_equal(w.n_runs, 1);
    assert_true(w.n_nodes > 6);      /* forward and backward */
    assert_true(w.n_constants >= 2); /* the 1 of the sum, and the loss's own gradient */
    for (int i = 0; i < 4; i++)
        assert_float_equal(((const float *)fw_data(f, kept))[i], 2 * (((const float *)p->data)[i] + 1), 1e-6);
    /* a value wanted inside of a step: only what is new runs at its end */
    y = fw_op1(f, FW_square, p);
    assert_non_null(fw_data(f, y));
    assert_int_equal(w.n_runs, 2);
    fw_set_recorder(f, NULL); /* not inside of a step */
    assert_non_null(fw_error(f));
    fw_clear_error(f);
    assert_true(fw_step_end(f));
    assert_int_equal(w.n_runs, 2);
    w.refuses = true;
    fw_op1(f, FW_square, p);
    assert_false(fw_step_end(f));
    assert_string_equal(fw_error(f), "the recorder failed");
    fw_release(kept), fw_release(p), fw_release(one);
    fw_destroy(f);
}

static mnist data;

static void train(const char *model, int epochs, int n_train, const fw_recorder *recorder, fw_train_result *out) {
    fw *f = fw_create();
    fw_set_recorder(f, recorder);
    if (!fw_train(f, &data, &(fw_train_options){model, epochs, n_train, 500, 32, 1}, out)) fail_msg("%s: %s", model, fw_error(f));
    fw_destroy(f);
}

static void test_training(void **state) {
    fw_train_result mlp, again, cnn;
    watcher w = {0};
    train("mlp", 3, 4000, NULL, &mlp);
    train("mlp", 3, 4000, &(fw_recorder){&w, watch}, &again);
    print_message("mlp: loss %.4f, accuracy %.4f\n", mlp.loss, mlp.accuracy);
    assert_true(mlp.accuracy > 0.86);
    assert_true(mlp.loss == again.loss && mlp.accuracy == again.accuracy); /* bit for bit, eager or recorded */
    assert_true(w.n_runs > 375);
    train("cnn", 1, 1600, NULL, &cnn);
    print_message("cnn: loss %.4f, accuracy %.4f\n", cnn.loss, cnn.accuracy);
    assert_true(cnn.accuracy > 0.80);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients), cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_errors), cmocka_unit_test(test_recorder)};
    const struct CMUnitTest training[] = {cmocka_unit_test(test_training)};
    if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
    if (mnist_read(argv[1], &data)) return cmocka_run_group_tests(training, NULL, NULL);
    printf("skipped: no MNIST files in %s\n", argv[1]);
    return 77;
}
