/* Multi-stage kernels: which kernels share a launch, and that sharing changes no bit of the results. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "kernel/program.h"
#include "pass/pass.h"
#include "tenon/tenon.h"

static tn_context *context;

static tn_tensor *noise(int32_t rank, const int64_t *dims) {
    static uint32_t state = 7;
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) {
        state = state * 1664525u + 1013904223u;
        ((float *)tn_tensor_get_data(t))[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
    }
    return t;
}

static tn_value op(tn_graph *g, const char *name, tn_value a, tn_value b) {
    return tn_graph_op(g, name, (tn_value[]){a, b}, b.id ? 2 : 1, NULL, 0, 1);
}

static const tn_value none = {0};

/* softmax(q k) v over `heads`, with a scale that makes the product's epilogue. */
static tn_graph *attention(int64_t heads, int64_t rows, int64_t columns, int64_t depth) {
    tn_graph *g;
    ok(tn_graph_create(context, "attention", &g));
    tn_value q = tn_graph_input(g, "q", TN_DTYPE_f32, 4, (int64_t[]){1, heads, rows, depth});
    tn_value k = tn_graph_input(g, "k", TN_DTYPE_f32, 4, (int64_t[]){1, heads, depth, columns});
    tn_value v = tn_graph_input(g, "v", TN_DTYPE_f32, 4, (int64_t[]){1, heads, columns, depth});
    tn_value s = op(g, "matmul", q, k);
    tn_graph_output(g, "y", op(g, "matmul", op(g, "softmax", op(g, "add", s, s), none), v));
    ok(tn_graph_check(g));
    return g;
}

/* Softmax of rows whose length need not fill vectors, and a sum beside it. */
static tn_graph *softmax(int64_t a, int64_t b, int64_t c) {
    tn_graph *g;
    ok(tn_graph_create(context, "softmax", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 3, (int64_t[]){a, b, c});
    tn_graph_output(g, "y", op(g, "softmax", op(g, "tanh", x, none), none));
    ok(tn_graph_check(g));
    return g;
}

/* A reduction over the last axis, then one over the first: the second reads what many rows of the first wrote. */
static tn_graph *crossing(int64_t a, int64_t b) {
    tn_graph *g;
    ok(tn_graph_create(context, "crossing", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){a, b});
    tn_value y = op(g, "softmax", x, none);
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = 0};
    tn_graph_output(g, "y", tn_graph_op(g, "softmax", &y, 1, &axis, 1, 1));
    ok(tn_graph_check(g));
    return g;
}

static void run(tn_graph *g, const char *device, const char *threads, const char *off, tn_tensor *const *in, tn_tensor **out) {
    tn_options *o;
    tn_executable *exe;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "threads", threads));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "passes_off", off));
    ok(tn_compile(g, o, &exe));
    *out = NULL;
    ok(tn_executable_run(exe, in, tn_graph_get_input_count(g), out, 1));
    tn_executable_release(exe);
    tn_options_release(o);
}

/* Takes g. */
static void check(tn_graph *g, uint32_t n_in) {
    tn_tensor *in[3], *want, *apart, *got;
    for (uint32_t i = 0; i < n_in; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        in[i] = noise(t->rank, t->dims);
    }
    run(g, "ref", "1", "", in, &want);
    run(g, "cpu", "1", "stages", in, &apart);
    static const char *const threads[] = {"1", "2", "5"};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        run(g, "cpu", threads[t], "", in, &got);
        assert_memory_equal(tn_tensor_get_data(apart), tn_tensor_get_data(got), tn_tensor_get_bytes(got));
        for (int64_t i = 0; i < tn_tensor_get_elements(got); i++) {
            double d = fabs((double)((float *)tn_tensor_get_data(want))[i] - ((float *)tn_tensor_get_data(got))[i]);
            if (!(d < 1e-5)) fail_msg("element %d is off by %g", (int)i, d);
        }
        tn_tensor_release(got);
    }
    tn_tensor_release(apart), tn_tensor_release(want);
    for (uint32_t i = 0; i < n_in; i++) tn_tensor_release(in[i]);
    tn_graph_release(g);
}

static void same_bits(void **s) {
    (void)s;
    check(attention(2, 300, 333, 48), 3); /* rows fill no block, columns no vector */
    check(attention(12, 1, 300, 64), 3);  /* decoding: one row a head */
    check(attention(3, 130, 512, 64), 3);
    check(softmax(3, 50, 65), 1);
    check(softmax(1, 7, 1000), 1);
    check(softmax(4, 33, 3), 1);
    check(softmax(2, 1, 1), 1);
    check(crossing(40, 90), 1);
    check(crossing(257, 16), 1);
}

/* The stages of each launch of the lowered graph, and the memory. Takes g. */
static tn__kprogram *lower(tn_graph *g, bool stages) {
    tn_graph *own;
    tn__kprogram *p;
    ok(tn__passes_run(g, NULL, NULL, NULL, &own));
    tn_graph_release(g);
    tn__lower_config config = {.lanes = 16, .registers = 32, .layout = true, .fuse = true, .stages = stages};
    ok(tn__kprogram_create(context, own, &config, &p));
    return p;
}

static void attention_is_one_launch(void **s) {
    (void)s;
    tn__kprogram *one = lower(attention(8, 512, 512, 64), true), *many = lower(attention(8, 512, 512, 64), false);
    assert_int_equal(one->steps.count, 1);
    assert_int_equal(one->steps.data[0].n_stages, many->steps.count);
    assert_true(one->steps.data[0].outer >= 8);
    assert_int_equal(one->arena_bytes, 0); /* scores live in scratch, a block of rows at a time */
    assert_true(one->scratch_bytes < many->arena_bytes / 16);
    tn__kprogram_destroy(one);
    tn__kprogram_destroy(many);
}

static void rows_that_cross_stay_apart(void **s) {
    (void)s;
    tn__kprogram *p = lower(crossing(40, 90), true);
    assert_true(p->steps.count >= 2); /* rows of the first softmax, then columns of the second */
    for (size_t i = 0; i < p->steps.count; i++) assert_true(p->steps.data[i].n_stages < 8);
    tn__kprogram_destroy(p);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(same_bits), cmocka_unit_test(attention_is_one_launch),
                                       cmocka_unit_test(rows_that_cross_stay_apart)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
