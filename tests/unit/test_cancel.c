/* The abort check says so at its n-th call, for every n: the call fails with CANCELLED, nothing leaks, and all goes on to work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "tenon/tenon.h"

typedef struct checks {
    atomic_long count, stop_at; /* stop_at 0: never */
    atomic_long live_bytes;
} checks;

static bool should_abort(void *self) {
    checks *c = self;
    return atomic_fetch_add(&c->count, 1) + 1 == atomic_load(&c->stop_at);
}

static void *allocate(void *self, size_t bytes, size_t align) {
    void *memory = NULL;
    if (posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes)) return NULL;
    atomic_fetch_add(&((checks *)self)->live_bytes, (long)bytes);
    return memory;
}

static void deallocate(void *self, void *memory, size_t bytes) {
    atomic_fetch_sub(&((checks *)self)->live_bytes, (long)bytes);
    free(memory);
}

static tn_context *context_of(checks *c) {
    tn_allocator a = {sizeof a, c, allocate, deallocate};
    tn_context *context;
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .allocator = &a, .should_abort = should_abort,
                                               .abort_self = c},
                         &context));
    return context;
}

/* conv and product: packed weights, several kernels */
static tn_graph *dense(tn_context *context) {
    tn_graph *g;
    tn_tensor *w, *m;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 4, (int64_t[]){16, 3, 3, 3}, &w));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){6, 10}, &m));
    for (int i = 0; i < 16 * 27; i++) ((float *)tn_tensor_get_data(w))[i] = (float)(i % 17 - 8);
    for (int i = 0; i < 60; i++) ((float *)tn_tensor_get_data(m))[i] = (float)(i % 13 - 6);
    ok(tn_graph_create(context, "dense", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (int64_t[]){1, 3, tn_graph_symbol(g, "H"), 8});
    tn_value y = tn_graph_op(g, "conv", (tn_value[]){x, tn_graph_constant(g, w)}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
    y = tn_graph_op(g, "matmul", (tn_value[]){y, tn_graph_constant(g, m)}, 2, NULL, 0, 1);
    tn_graph_output(g, "y", y);
    tn_tensor_release(w), tn_tensor_release(m);
    return g;
}

static tn_value op(tn_graph *g, const char *name, tn_value a, tn_value b) {
    return tn_graph_op(g, name, (tn_value[]){a, b}, b.id ? 2 : 1, NULL, 0, 1);
}

/* three trips of a loop over the positions of x that are not zero: steps of the session, a body, a late part */
static tn_graph *late(tn_context *context) {
    tn_graph *g, *body;
    tn_tensor *three;
    ok(tn_graph_create(context, "body", &body));
    tn_value i = tn_graph_input(body, "i", TN_DTYPE_i64, 0, NULL), cond = tn_graph_input(body, "cond", TN_DTYPE_bool, 0, NULL);
    tn_value s = tn_graph_input(body, "s", TN_DTYPE_i64, 2, (int64_t[]){4, TN_DIM_UNKNOWN});
    (void)i;
    tn_graph_output(body, "cond", cond), tn_graph_output(body, "s", op(body, "add", s, s));
    ok(tn_tensor_create(context, TN_DTYPE_i64, 0, NULL, &three));
    *(int64_t *)tn_tensor_get_data(three) = 3;
    ok(tn_graph_create(context, "late", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (int64_t[]){1, 3, tn_graph_symbol(g, "H"), 8});
    tn_value at = op(g, "non_zero", op(g, "relu", x, (tn_value){0}), (tn_value){0});
    tn_attr attrs[2] = {{.name = "n_state", .kind = TN_ATTR_INT, .i = 1}, {.name = "body", .kind = TN_ATTR_GRAPH, .graph = body}};
    tn_value r = tn_graph_op(g, "loop", (tn_value[]){tn_graph_constant(g, three), {0}, at}, 3, attrs, 2, 1);
    tn_graph_output(g, "y", op(g, "neg", r, (tn_value){0}));
    tn_tensor_release(three);
    return g;
}

static tn_error *compile(tn_context *context, const tn_graph *g, const char *threads, tn_executable **out) {
    tn_options *options;
    ok(tn_options_create(context, &options));
    ok(tn_options_set(options, "cache", "off"));
    ok(tn_options_set(options, "threads", threads));
    tn_error *e = tn_compile(g, options, out);
    tn_options_release(options);
    return e;
}

static tn_error *run(tn_context *context, tn_executable *x, tn_tensor **out) {
    tn_tensor *in;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 4, (int64_t[]){1, 3, 8, 8}, &in));
    for (int i = 0; i < 192; i++) ((float *)tn_tensor_get_data(in))[i] = (float)(i % 7 - 3);
    *out = NULL;
    tn_error *e = tn_executable_run(x, &in, 1, out, 1);
    tn_tensor_release(in);
    return e;
}

static void assert_cancelled(tn_error *e) {
    assert_non_null(e);
    if (tn_error_get_code(e) != TN_ERROR_CANCELLED) fail_msg("%s", tn_error_get_message(e));
    tn_error_destroy(e);
}

static void every_check(tn_graph *(*build)(tn_context *), const char *threads) {
    checks c = {0};
    tn_context *context = context_of(&c);
    tn_graph *g = build(context);
    ok(tn_graph_check(g));
    tn_executable *x;
    tn_tensor *wanted, *y;
    ok(compile(context, g, threads, &x));
    long of_compile = atomic_load(&c.count);
    ok(run(context, x, &wanted));
    long of_first = atomic_load(&c.count) - of_compile;
    ok(run(context, x, &y));
    long of_run = atomic_load(&c.count) - of_compile - of_first;
    assert_memory_equal(tn_tensor_get_data(y), tn_tensor_get_data(wanted), tn_tensor_get_bytes(wanted));
    tn_tensor_release(y), tn_executable_release(x);
    assert_true(of_compile >= 2 && of_first >= 20 && of_run >= 2);
    long live = atomic_load(&c.live_bytes);
    for (long n = 1; n <= of_compile + of_first + of_run; n++) {
        atomic_store(&c.count, 0);
        atomic_store(&c.stop_at, n);
        tn_error *e = compile(context, g, threads, &x);
        if (n <= of_compile) {
            assert_cancelled(e);
            assert_null(x);
            ok(compile(context, g, threads, &x));
        } else {
            ok(e);
            e = run(context, x, &y);
            if (n > of_compile + of_first) {
                ok(e);
                tn_tensor_release(y);
                e = run(context, x, &y);
            }
            assert_cancelled(e);
            assert_null(y);
        }
        ok(run(context, x, &y)); /* the same executable, as if nothing had been */
        assert_memory_equal(tn_tensor_get_data(y), tn_tensor_get_data(wanted), tn_tensor_get_bytes(wanted));
        tn_tensor_release(y), tn_executable_release(x);
        assert_int_equal(atomic_load(&c.live_bytes), live);
    }
    print_message("%ld checks while compiling, %ld in the first run, %ld in another\n", of_compile, of_first, of_run);
    tn_tensor_release(wanted), tn_graph_release(g), tn_context_release(context);
    assert_int_equal(atomic_load(&c.live_bytes), 0);
}

static void test_dense(void **state) { every_check(dense, "1"); }
static void test_dense_threads(void **state) { every_check(dense, "3"); }
static void test_late(void **state) { every_check(late, "1"); }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_dense), cmocka_unit_test(test_dense_threads), cmocka_unit_test(test_late)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
