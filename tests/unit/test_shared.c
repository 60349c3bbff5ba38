/* What executables of one context share: the threads of the pool, and packed weights, known by what they hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "tenon/tenon.h"

enum { N = 512 }; /* weights of N x N f32: 1 MiB */

typedef struct counter {
    atomic_long live_bytes;
} counter;

static void *allocate(void *self, size_t bytes, size_t align) {
    void *memory = NULL;
    if (posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes)) return NULL;
    atomic_fetch_add(&((counter *)self)->live_bytes, (long)bytes);
    return memory;
}

static void deallocate(void *self, void *memory, size_t bytes) {
    atomic_fetch_sub(&((counter *)self)->live_bytes, (long)bytes);
    free(memory);
}

static int count_threads(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d));) n += x->d_name[0] != '.';
    closedir(d);
    return n;
}

/* Threads that are over may be listed for a moment. */
static void assert_threads(int wanted) {
    for (int i = 0; i < 100000 && count_threads() != wanted; i++) {}
    assert_int_equal(count_threads(), wanted);
}

static tn_context *context_of(counter *c) {
    tn_allocator a = {sizeof a, c, allocate, deallocate};
    tn_context *context;
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .allocator = &a}, &context));
    return context;
}

static tn_tensor *weights(tn_context *context, float at_three) {
    tn_tensor *w;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){N, N}, &w));
    float *data = tn_tensor_get_data(w);
    for (int i = 0; i < N * N; i++) data[i] = (float)(i * 7 % 11 - 5);
    data[3] = at_three;
    return w;
}

/* x[rows, N] times the weights */
static tn_executable *compile(tn_context *context, tn_tensor *w, int64_t rows, const char *threads) {
    tn_graph *g;
    tn_options *options;
    tn_executable *x;
    ok(tn_graph_create(context, "g", &g));
    tn_value in[2] = {tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){rows, N}), tn_graph_constant(g, w)};
    tn_graph_output(g, "y", tn_graph_op(g, "matmul", in, 2, NULL, 0, 1));
    ok(tn_options_create(context, &options));
    ok(tn_options_set(options, "threads", threads));
    ok(tn_options_set(options, "cache", "off"));
    ok(tn_compile(g, options, &x));
    tn_options_release(options);
    tn_graph_release(g);
    return x;
}

/* A one at k gives row k of the weights. */
static void check_row(tn_context *context, tn_executable *x, tn_tensor *w, int64_t rows, int k) {
    tn_tensor *in, *out = NULL;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){rows, N}, &in));
    ((float *)tn_tensor_get_data(in))[k] = 1;
    ok(tn_executable_run(x, &in, 1, &out, 1));
    assert_memory_equal(tn_tensor_get_data(out), (float *)tn_tensor_get_data(w) + k * N, N * sizeof(float));
    tn_tensor_release(in), tn_tensor_release(out);
}

static long live(counter *c) { return atomic_load(&c->live_bytes); }

static void test_weights(void **state) {
    counter c = {0};
    tn_context *context = context_of(&c);
    tn_tensor *w = weights(context, 100), *same = weights(context, 100), *other = weights(context, 200);
    const long weight = N * N * (long)sizeof(float);
    long before = live(&c);
    tn_executable *first = compile(context, w, 8, "2");
    assert_true(live(&c) - before >= weight); /* packed, or this test tests nothing */
    before = live(&c);
    tn_executable *second = compile(context, w, 8, "2");
    assert_true(live(&c) - before < weight / 4);
    before = live(&c);
    tn_executable *third = compile(context, same, 8, "2"); /* another tensor of the same numbers */
    assert_true(live(&c) - before < weight / 4);
    before = live(&c);
    tn_executable *fourth = compile(context, other, 8, "2"); /* one number differs, where no sample is taken */
    assert_true(live(&c) - before >= weight);
    check_row(context, first, w, 8, 0);
    tn_executable_release(first); /* the others keep what they need */
    check_row(context, second, w, 8, 3), check_row(context, third, w, 8, 0), check_row(context, fourth, other, 8, 0);
    tn_executable_release(second);
    before = live(&c);
    tn_executable_release(third); /* the last */
    assert_true(before - live(&c) >= weight);
    tn_executable_release(fourth);
    tn_executable *again = compile(context, w, 8, "1");
    check_row(context, again, w, 8, 5);
    tn_executable_release(again);
    tn_tensor_release(w), tn_tensor_release(same), tn_tensor_release(other);
    tn_context_release(context);
    assert_int_equal(live(&c), 0);
}

static void test_threads(void **state) {
    counter c = {0};
    int before = count_threads();
    tn_context *context = context_of(&c);
    tn_tensor *w = weights(context, 1);
    tn_executable *x[4];
    for (int i = 0; i < 3; i++) {
        x[i] = compile(context, w, 64 + i, "3");
        check_row(context, x[i], w, 64 + i, i);
        assert_threads(before + 2);
    }
    x[3] = compile(context, w, 64, "2"); /* another number of threads, another pool */
    assert_threads(before + 3);
    for (int i = 0; i < 3; i++) tn_executable_release(x[i]);
    assert_threads(before + 1);
    check_row(context, x[3], w, 64, 7);
    tn_executable_release(x[3]);
    assert_threads(before);
    tn_tensor_release(w);
    tn_context_release(context);
    assert_int_equal(live(&c), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_weights), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
