/* Building, compiling and running with an allocator whose n-th allocation fails, for every n: each failure is an error that names
 * it or harmless, nothing crashes, and every byte comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

typedef struct failing {
    atomic_long count, live_bytes;
    long fail_at; /* the allocation that fails, from 1; 0: none */
} failing;

static void *failing_allocate(void *self, size_t bytes, size_t align) {
    failing *f = self;
    if (atomic_fetch_add(&f->count, 1) + 1 == f->fail_at) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes)) return NULL;
    memset(memory, 0xa5, bytes); /* who trusts fresh memory to be zero is found here */
    atomic_fetch_add(&f->live_bytes, (long)bytes);
    return memory;
}

static void failing_deallocate(void *self, void *memory, size_t bytes) {
    atomic_fetch_sub(&((failing *)self)->live_bytes, (long)bytes);
    free(memory);
}

static tn_error *build(tn_context *context, tn_graph **out_graph) {
    tn_graph *g;
    tn_error *error = tn_graph_create(context, "small", &g);
    if (error) return error;
    tn_tensor *weight = NULL;
    error = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){3, 2}, &weight);
    if (!error) {
        float *w = tn_tensor_get_data(weight);
        for (int i = 0; i < 6; i++) w[i] = (float)i;
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){4, 3});
        tn_value w_value = tn_graph_constant(g, weight);
        tn_value y = tn_graph_op(g, "matmul", (tn_value[]){x, w_value}, 2, NULL, 0, 1);
        y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
        tn_attr alpha = {.name = "alpha", .kind = TN_ATTR_FLOAT, .f = 0.5};
        y = tn_graph_op(g, "leaky_relu", &y, 1, &alpha, 1, 1);
        y = tn_graph_op(g, "sigmoid", &y, 1, NULL, 0, 1);
        tn_graph_set_name(g, y, "probability");
        tn_graph_output(g, "y", y);
        error = tn_graph_check(g);
    }
    tn_tensor_release(weight);
    if (error) tn_graph_release(g);
    else *out_graph = g;
    return error;
}

static tn_error *whole_way(tn_context *context) {
    tn_graph *graph = NULL;
    tn_options *options = NULL;
    tn_executable *executable = NULL;
    tn_tensor *x = NULL, *y = NULL;
    tn_error *error = build(context, &graph);
    if (!error) error = tn_options_create(context, &options);
    if (!error) error = tn_options_set(options, "device", "ref");
    if (!error) error = tn_compile(graph, options, &executable);
    if (!error) error = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){4, 3}, &x);
    if (!error) error = tn_executable_run(executable, &x, 1, &y, 1);
    if (!error) assert_true(((float *)tn_tensor_get_data(y))[0] == 0.5f);
    tn_tensor_release(y);
    tn_tensor_release(x);
    tn_executable_release(executable);
    tn_options_release(options);
    tn_graph_release(graph);
    return error;
}

/* Returns the allocations made; *out_code is how it ended. */
static long run_failing(long fail_at, tn_error_code *out_code) {
    failing f = {.fail_at = fail_at};
    const tn_allocator allocator = {sizeof allocator, &f, failing_allocate, failing_deallocate};
    const tn_context_options options = {.struct_size = sizeof options, .allocator = &allocator};
    tn_context *context = NULL;
    tn_error *error = tn_context_create(&options, &context);
    if (!error) error = whole_way(context);
    *out_code = tn_error_get_code(error);
    tn_error_destroy(error); /* before the allocator goes */
    tn_context_release(context);
    if (atomic_load(&f.live_bytes)) fail_msg("allocation %ld failed: %ld bytes never came back", fail_at, atomic_load(&f.live_bytes));
    return atomic_load(&f.count);
}

static void test_every_allocation(void **state) {
    tn_error_code code;
    long total = run_failing(0, &code);
    if (code != TN_OK) fail_msg("without a failing allocation: %s", tn_error_code_name(code));
    assert_true(total > 10);
    for (long n = 1; n <= total; n++) {
        run_failing(n, &code);
        if (code != TN_OK && code != TN_ERROR_OUT_OF_MEMORY)
            fail_msg("allocation %ld of %ld: error %s", n, total, tn_error_code_name(code));
    }
    print_message("%ld allocations, each failed once\n", total);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
