/* The cpu device against the reference on random small networks; the same bits for every thread count; every pass switched off singly. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "expect.h"
#include "tenon/tenon.h"
#include <string.h>

static tn_context *context;

static uint32_t state = 1;
static float noise(void) {
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1.0f;
}

static tn_tensor *random_tensor(int32_t rank, const int64_t *dims, float scale) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) ((float *)tn_tensor_get_data(t))[i] = noise() * scale;
    return t;
}

static tn_value weight(tn_graph *g, int32_t rank, const int64_t *dims, float scale) {
    tn_tensor *t = random_tensor(rank, dims, scale);
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}

static tn_value conv(tn_graph *g, tn_value x, int64_t ic, int64_t oc, int64_t k, int64_t stride, int64_t pad, int64_t group) {
    int64_t wd[4] = {oc, ic / group, k, k}, strides[2] = {stride, stride}, pads[4] = {pad, pad, pad, pad};
    tn_attr attrs[3] = {{.name = "strides", .kind = TN_ATTR_INTS, .n = 2, .ints = strides},
                        {.name = "pads", .kind = TN_ATTR_INTS, .n = 4, .ints = pads},
                        {.name = "group", .kind = TN_ATTR_INT, .i = group}};
    tn_value in[3] = {x, weight(g, 4, wd, 0.3f), weight(g, 1, &oc, 0.5f)};
    return tn_graph_op(g, "conv", in, 3, attrs, 3, 1);
}

static tn_value op(tn_graph *g, const char *name, tn_value a, tn_value b) {
    tn_value in[2] = {a, b};
    return tn_graph_op(g, name, in, b.id ? 2 : 1, NULL, 0, 1);
}

/* Channels that fill no vector, a pointwise and a depthwise convolution, pools with padding, a concatenation, a classifier. */
static tn_graph *network(int64_t batch, int64_t channels, int64_t size) {
    tn_graph *g;
    ok(tn_graph_create(context, "net", &g));
    int64_t dims[4] = {batch, 3, size, size}, kernel[2] = {3, 3}, two[2] = {2, 2}, pads[4] = {1, 1, 1, 1};
    tn_value none = {0}, x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, dims);
    tn_value a = op(g, "relu", conv(g, x, 3, channels, 3, 1, 1, 1), none);
    tn_value b = op(g, "hard_swish", conv(g, a, channels, channels, 3, 1, 1, channels), none);
    tn_value c = op(g, "add", conv(g, b, channels, channels, 1, 1, 0, 1), a);
    tn_attr pool[3] = {{.name = "kernel_shape", .kind = TN_ATTR_INTS, .n = 2, .ints = kernel},
                       {.name = "strides", .kind = TN_ATTR_INTS, .n = 2, .ints = two},
                       {.name = "pads", .kind = TN_ATTR_INTS, .n = 4, .ints = pads}};
    tn_value m = tn_graph_op(g, "max_pool", &c, 1, pool, 3, 1), v = tn_graph_op(g, "average_pool", &c, 1, pool, 3, 1);
    tn_value parts[2] = {m, v};
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = 1};
    tn_value d = op(g, "sigmoid", conv(g, tn_graph_op(g, "concat", parts, 2, &axis, 1, 1), 2 * channels, 33, 3, 2, 1, 1), none);
    tn_value f = tn_graph_op(g, "flatten", (tn_value[]){op(g, "global_average_pool", d, none)}, 1, NULL, 0, 1);
    int64_t wd[2] = {33, 21};
    tn_value logits = op(g, "matmul", f, weight(g, 2, wd, 0.4f));
    tn_graph_output(g, "y", op(g, "softmax", logits, none));
    tn_graph_output(g, "features", d);
    ok(tn_graph_check(g));
    return g;
}

static void run(tn_graph *g, const char *device, const char *threads, const char *off, tn_tensor *x, tn_tensor **out) {
    tn_options *o;
    tn_executable *exe;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "threads", threads));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "passes_off", off));
    ok(tn_compile(g, o, &exe));
    out[0] = out[1] = NULL;
    ok(tn_executable_run(exe, &x, 1, out, 2));
    tn_executable_release(exe);
    tn_options_release(o);
}

static double worst(const tn_tensor *a, const tn_tensor *b) {
    const float *x = tn_tensor_get_data(a), *y = tn_tensor_get_data(b);
    double w = 0;
    assert_int_equal(tn_tensor_get_bytes(a), tn_tensor_get_bytes(b));
    for (int64_t i = 0; i < tn_tensor_get_elements(a); i++) {
        double d = fabs((double)x[i] - y[i]);
        if (!(d <= w)) w = d; /* NaN stays */
    }
    return w;
}

static void check_network(int64_t batch, int64_t channels, int64_t size) {
    static const char *const variants[][2] = {{"1", ""}, {"2", ""}, {"3", ""}, {"7", ""}, /* and without each pass */
#define TN_PASS(name, kind, help) {"2", #name},
#include "pass/passes.def"
    };
    tn_graph *g = network(batch, channels, size);
    tn_tensor *x = random_tensor(4, (int64_t[]){batch, 3, size, size}, 1.0f), *want[2], *first[2], *got[2];
    run(g, "ref", "1", "", x, want);
    run(g, "cpu", "1", "", x, first);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        run(g, "cpu", variants[v][0], variants[v][1], x, got);
        for (int k = 0; k < 2; k++) {
            double w = worst(want[k], got[k]);
            if (!(w < 2e-5)) fail_msg("%s threads, without '%s': output %d is off by %g", variants[v][0], variants[v][1], k, w);
            if (!*variants[v][1]) assert_memory_equal(tn_tensor_get_data(first[k]), tn_tensor_get_data(got[k]), tn_tensor_get_bytes(got[k]));
            tn_tensor_release(got[k]);
        }
    }
    for (int k = 0; k < 2; k++) tn_tensor_release(want[k]), tn_tensor_release(first[k]);
    tn_tensor_release(x);
    tn_graph_release(g);
}

static void networks(void **s) {
    (void)s;
    check_network(1, 16, 14);
    check_network(2, 24, 17);
    check_network(1, 5, 9);
    check_network(3, 40, 30);
}

/* Rows, columns and depths around the vector and tile sizes; constant and run-time right sides; two runs give the same bits. */
static void products(void **s) {
    (void)s;
    static const int64_t sizes[][3] = {{1, 1, 1}, {1, 100, 33}, {7, 16, 16}, {14, 3, 47}, {15, 40, 64}, {33, 17, 100}, {2, 256, 5}};
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
        for (int constant = 0; constant < 2; constant++) {
            int64_t m = sizes[n][0], k = sizes[n][1], c = sizes[n][2];
            tn_graph *g;
            ok(tn_graph_create(context, "mm", &g));
            tn_value a = tn_graph_input(g, "a", TN_DTYPE_f32, 3, (int64_t[]){2, m, k});
            tn_value b = weight(g, 2, (int64_t[]){k, c}, 1);
            if (!constant) { /* scaled by a run-time scalar */
                tn_attr keep = {.name = "keepdims", .kind = TN_ATTR_INT, .i = 0};
                b = op(g, "mul", b, tn_graph_op(g, "reduce_max", &a, 1, &keep, 1, 1));
            }
            tn_value y = op(g, "matmul", a, b);
            tn_graph_output(g, "y", op(g, "tanh", y, (tn_value){0}));
            tn_graph_output(g, "s", tn_graph_op(g, "reduce_sum", (tn_value[]){y, {0}}, 1, NULL, 0, 1));
            tn_tensor *x = random_tensor(3, (int64_t[]){2, m, k}, 1), *want[2], *got[2], *again[2];
            run(g, "ref", "1", "", x, want);
            run(g, "cpu", "1", "", x, got);
            run(g, "cpu", "3", "", x, again);
            assert_true(worst(want[0], got[0]) < 1e-4);
            assert_true(worst(want[1], got[1]) < 1e-3 * (double)(m * c));
            for (int i = 0; i < 2; i++) {
                assert_memory_equal(tn_tensor_get_data(got[i]), tn_tensor_get_data(again[i]), tn_tensor_get_bytes(got[i]));
                tn_tensor_release(want[i]), tn_tensor_release(got[i]), tn_tensor_release(again[i]);
            }
            tn_tensor_release(x);
            tn_graph_release(g);
        }
}

/* Pads of +1 and -1 keep the shape and move the data: no pass may take it for a node that does nothing. */
static void shifting_pad_stays(void **s) {
    (void)s;
    tn_graph *g;
    int64_t n = 5, two = 2;
    tn_tensor *pads, *x = random_tensor(1, &n, 1), *out = NULL;
    tn_executable *exe;
    ok(tn_tensor_create(context, TN_DTYPE_i64, 1, &two, &pads));
    memcpy(tn_tensor_get_data(pads), (int64_t[]){1, -1}, 16);
    ok(tn_graph_create(context, "pad", &g));
    tn_graph_output(g, "y", op(g, "pad", tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n), tn_graph_constant(g, pads)));
    ok(tn_compile(g, NULL, &exe));
    ok(tn_executable_run(exe, &x, 1, &out, 1));
    const float *in = tn_tensor_get_data(x), *got = tn_tensor_get_data(out);
    assert_true(got[0] == 0 && got[1] == in[0] && got[4] == in[3]);
    tn_executable_release(exe);
    tn_tensor_release(out), tn_tensor_release(x), tn_tensor_release(pads);
    tn_graph_release(g);
}

static void unknown_pass_is_refused(void **s) {
    (void)s;
    tn_graph *g;
    tn_options *o;
    tn_executable *exe;
    ok(tn_graph_create(context, "g", &g));
    tn_graph_output(g, "y", op(g, "relu", tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4}), (tn_value){0}));
    ok(tn_options_create(context, &o));
    tn_error *e = tn_options_set(o, "passes_off", "fussion");
    if (!e) e = tn_compile(g, o, &exe);
    assert_non_null(e);
    assert_non_null(strstr(tn_error_get_message(e), "fussion"));
    tn_error_destroy(e);
    tn_options_release(o);
    tn_graph_release(g);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(networks), cmocka_unit_test(products), cmocka_unit_test(shifting_pad_stays),
                                       cmocka_unit_test(unknown_pass_is_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
