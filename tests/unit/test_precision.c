/* Option `precision`: weights kept as bf16 or f16 give, bit for bit, what the f32 program gives for weights that were rounded before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/dtype.h"
#include "tenon/tenon.h"

static tn_context *c;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

typedef struct problem {
    int64_t rows, depth, columns;
    bool gemm; /* with B transposed */
    float largest; /* one weight */
} problem;

/* The result, owned by the caller; weights rounded to `rounded` first where that is not NONE. */
static float *solve(const problem *p, const char *precision, tn_dtype rounded, uint64_t *constant_bytes) {
    tn_graph *g;
    tn_options *o;
    tn_executable *x;
    tn_tensor *w, *in, *out = NULL;
    int64_t left[] = {p->rows, p->depth}, right[] = {p->gemm ? p->columns : p->depth, p->gemm ? p->depth : p->columns};
    ok(tn_graph_create(c, "g", &g));
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, right, &w));
    float *data = tn_tensor_get_data(w);
    srand(1);
    for (int64_t i = 0; i < right[0] * right[1]; i++) {
        float v = i == 7 ? p->largest : (float)rand() / (float)RAND_MAX - 0.5f;
        data[i] = rounded == TN_DTYPE_f16 ? tn__f16_to_f32(tn__f32_to_f16(v)) : rounded == TN_DTYPE_bf16 ? tn__bf16_to_f32(tn__f32_to_bf16(v)) : v;
    }
    tn_value v[2] = {tn_graph_input(g, "x", TN_DTYPE_f32, 2, left), tn_graph_constant(g, w)};
    tn_attr transposed = {.name = "transB", .kind = TN_ATTR_INT, .i = 1};
    tn_graph_output(g, "y", tn_graph_op(g, p->gemm ? "gemm" : "matmul", v, 2, p->gemm ? &transposed : NULL, p->gemm, 1));
    ok(tn_graph_check(g));
    ok(tn_options_create(c, &o));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "precision", precision));
    ok(tn_compile(g, o, &x));
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, left, &in));
    for (int64_t i = 0; i < p->rows * p->depth; i++) ((float *)tn_tensor_get_data(in))[i] = (float)(rand() % 1000) / 500 - 1;
    ok(tn_executable_run(x, &in, 1, &out, 1));
    size_t bytes = (size_t)(p->rows * p->columns) * sizeof(float);
    float *result = malloc(bytes);
    assert_non_null(result);
    memcpy(result, tn_tensor_get_data(out), bytes);
    tn_executable_stats s = {.struct_size = sizeof s};
    ok(tn_executable_get_stats(x, &s));
    *constant_bytes = s.constant_bytes;
    tn_tensor_release(w), tn_tensor_release(in), tn_tensor_release(out);
    tn_executable_release(x), tn_options_release(o), tn_graph_release(g);
    return result;
}

static void check(const problem *p, const char *precision, tn_dtype rounded, bool halves) {
    uint64_t narrow, wide, full;
    float *found = solve(p, precision, TN_DTYPE_NONE, &narrow), *wanted = solve(p, "f32", rounded, &wide), *f32 = solve(p, "f32", TN_DTYPE_NONE, &full);
    size_t bytes = (size_t)(p->rows * p->columns) * sizeof(float);
    assert_memory_equal(found, wanted, bytes);
    if (halves) {
        assert_true(memcmp(found, f32, bytes) != 0);
        assert_true(narrow <= full / 2 + 256);
    } else assert_true(narrow == full);
    free(found), free(wanted), free(f32);
}

static const problem problems[] = {{1, 300, 257, false, 0.25f}, {5, 31, 40, false, 0.25f}, {150, 65, 33, false, 0.25f}, {3, 100, 77, true, 0.25f}};

static void test_rounds_once(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        check(&problems[i], "bf16", TN_DTYPE_bf16, true);
        check(&problems[i], "f16", TN_DTYPE_f16, true);
    }
}

static void test_out_of_range(void **state) {
    (void)state;
    const problem large = {3, 64, 64, false, 70000};
    check(&large, "f16", TN_DTYPE_NONE, false); /* a weight that f16 cannot hold keeps them all as they are */
    check(&large, "bf16", TN_DTYPE_bf16, true);
}

static int begin(void **state) {
    (void)state;
    ok(tn_context_create(NULL, &c));
    return 0;
}

static int end(void **state) {
    (void)state;
    tn_context_release(c);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounds_once), cmocka_unit_test(test_out_of_range)};
    return cmocka_run_group_tests(tests, begin, end);
}
