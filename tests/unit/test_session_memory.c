/* Specialising and running late-bound parts and loops with an allocator whose n-th allocation fails, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

typedef struct failing {
    long count, live_bytes, fail_at; /* fail_at 0: none */
} failing;

static void *failing_allocate(void *self, size_t bytes, size_t align) {
    failing *f = self;
    void *memory = NULL;
    if (++f->count == f->fail_at || posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes)) return NULL;
    memset(memory, 0xa5, bytes);
    f->live_bytes += (long)bytes;
    return memory;
}

static void failing_deallocate(void *self, void *memory, size_t bytes) {
    ((failing *)self)->live_bytes -= (long)bytes;
    free(memory);
}

static tn_value op(tn_graph *g, const char *name, tn_value a, tn_value b) {
    return tn_graph_op(g, name, (tn_value[]){a, b}, b.id ? 2 : 1, NULL, 0, 1);
}

static tn_error *body_of(tn_context *context, tn_graph **out) {
    tn_error *e = tn_graph_create(context, "body", out);
    if (e) return e;
    tn_graph *g = *out;
    tn_value i = tn_graph_input(g, "i", TN_DTYPE_i64, 0, NULL), cond = tn_graph_input(g, "cond", TN_DTYPE_bool, 0, NULL);
    tn_value state = tn_graph_input(g, "state", TN_DTYPE_i64, 1, (int64_t[]){TN_DIM_UNKNOWN});
    tn_value next = op(g, "add", state, i);
    tn_graph_output(g, "cond", cond);
    tn_graph_output(g, "next", next);
    tn_graph_output(g, "seen", next);
    return NULL;
}

/* i64[N] x -> three trips of a loop over the nonzero positions of x */
static tn_error *build(tn_context *context, tn_graph **out) {
    tn_graph *body = NULL;
    tn_tensor *three = NULL, *zero = NULL;
    tn_error *e = tn_graph_create(context, "g", out);
    if (!e) e = tn_tensor_create(context, TN_DTYPE_i64, 0, NULL, &three);
    if (!e) e = tn_tensor_create(context, TN_DTYPE_i64, 1, (int64_t[]){1}, &zero);
    if (!e) e = body_of(context, &body);
    if (!e) {
        tn_graph *g = *out;
        *(int64_t *)tn_tensor_get_data(three) = 3;
        int64_t n = tn_graph_symbol(g, "N");
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_i64, 1, &n);
        tn_value at =
            op(g, "squeeze", op(g, "non_zero", op(g, "neg", x, (tn_value){0}), (tn_value){0}), tn_graph_constant(g, zero));
        tn_attr attrs[2] = {{.name = "n_state", .kind = TN_ATTR_INT, .i = 1},
                            {.name = "body", .kind = TN_ATTR_GRAPH, .graph = body}};
        tn_value in[3] = {tn_graph_constant(g, three), {0}, op(g, "mul", at, at)};
        tn_value r = tn_graph_op(g, "loop", in, 3, attrs, 2, 2);
        body = NULL; /* taken */
        tn_graph_output(g, "final", r);
        tn_graph_output(g, "seen", op(g, "neg", tn_value_output(r, 1), (tn_value){0}));
        e = tn_graph_check(g);
    }
    tn_tensor_release(three), tn_tensor_release(zero), tn_graph_release(body);
    return e;
}

static tn_error *run(tn_executable *x, tn_context *context) {
    tn_tensor *in = NULL, *out[2] = {NULL, NULL};
    tn_error *e = tn_tensor_create(context, TN_DTYPE_i64, 1, (int64_t[]){3}, &in);
    if (!e) memcpy(tn_tensor_get_data(in), (int64_t[]){0, 1, 1}, 24);
    if (!e) e = tn_executable_run(x, &in, 1, out, 2);
    if (!e) {
        assert_memory_equal(tn_tensor_get_data(out[0]), ((int64_t[]){4, 7}), 16); /* {1, 4} + 0 + 1 + 2 */
        assert_memory_equal(tn_tensor_get_data(out[1]), ((int64_t[]){-1, -4, -2, -5, -4, -7}), 48);
    } else {
        assert_null(out[0]);
        assert_null(out[1]);
    }
    tn_tensor_release(in), tn_tensor_release(out[0]), tn_tensor_release(out[1]);
    return e;
}

static void test_every_allocation(void **state) {
    long n = 0;
    for (bool failed = true; failed; n++) {
        failing f = {0};
        tn_allocator allocator = {sizeof allocator, &f, failing_allocate, failing_deallocate};
        tn_context *context;
        tn_graph *g = NULL;
        tn_options *options;
        tn_executable *x = NULL;
        assert_null(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .allocator = &allocator},
                                      &context));
        assert_null(build(context, &g));
        assert_null(tn_options_create(context, &options));
        assert_null(tn_options_set(options, "device", "ref"));
        f.fail_at = f.count + 1 + n;
        tn_error *e = tn_compile(g, options, &x);
        if (!e) e = run(x, context);
        failed = e != NULL;
        if (e) assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_MEMORY);
        tn_error_destroy(e);
        bool reached = f.count >= f.fail_at;
        if (x) { /* a failure leaves the executable whole */
            f.fail_at = 0;
            assert_null(run(x, context));
        }
        failed |= reached;
        tn_executable_release(x), tn_options_release(options), tn_graph_release(g), tn_context_release(context);
        assert_int_equal(f.live_bytes, 0);
    }
    print_message("%ld allocations, each failed once\n", n - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
