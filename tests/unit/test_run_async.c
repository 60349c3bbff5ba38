/* Runs that return at once: results, errors, references dropped early or in callbacks, waiting. Meant for the thread sanitizer too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "tenon/tenon.h"

enum { N = 64, RUNS = 200 };

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

static void fails(tn_error *e, tn_error_code code, const char *part) {
    assert_non_null(e);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), part)) fail_msg("%s", tn_error_get_message(e));
    tn_error_destroy(e);
}

static tn_context *context_of(counter *c) {
    tn_allocator a = {sizeof a, c, allocate, deallocate};
    tn_context *context;
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .allocator = &a}, &context));
    return context;
}

/* y = data[i] of a vector, which fails where i is out of range; open: the size is known at run time */
static tn_executable *compile(tn_context *context, bool open, const char *device) {
    tn_graph *g;
    tn_options *o;
    tn_executable *x;
    ok(tn_graph_create(context, "g", &g));
    int64_t n = open ? tn_graph_symbol(g, "N") : N;
    tn_value in[2] = {tn_graph_input(g, "data", TN_DTYPE_f32, 1, (int64_t[]){N}), tn_graph_input(g, "i", TN_DTYPE_i64, 1, &n)};
    tn_graph_output(g, "y", tn_graph_op(g, "gather", in, 2, NULL, 0, 1));
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_compile(g, o, &x));
    tn_options_release(o), tn_graph_release(g);
    return x;
}

typedef struct call {
    atomic_int n_done;
    tn_error *error;
    tn_tensor *in[2], *out[1];
    tn_context *context;       /* released by the callback, if set */
    tn_executable *executable; /* this too */
    tn_error *of_wait;
    bool waits, again;
} call;

static void done(void *self, tn_error *error) {
    call *c = self;
    c->error = error;
    if (c->waits) c->of_wait = tn_context_wait(c->context);
    if (c->again) {
        c->again = false;
        tn_error *e = tn_executable_run_async(c->executable, c->in, 2, c->out, 1, done, c);
        if (!e) return;
        c->error = e;
    }
    tn_executable_release(c->executable);
    tn_context_release(c->context);
    atomic_fetch_add(&c->n_done, 1);
}

static void wait_for(call *c) {
    while (!atomic_load(&c->n_done)) sched_yield();
}

static void fill(tn_context *context, call *c, int64_t n, int first) {
    *c = (call){.error = NULL};
    ok(tn_tensor_create(context, TN_DTYPE_f32, 1, (int64_t[]){N}, &c->in[0]));
    ok(tn_tensor_create(context, TN_DTYPE_i64, 1, &n, &c->in[1]));
    for (int k = 0; k < N; k++) ((float *)tn_tensor_get_data(c->in[0]))[k] = (float)(k + first);
    for (int64_t k = 0; k < n; k++) ((int64_t *)tn_tensor_get_data(c->in[1]))[k] = (k * 7 + first) % N;
}

static void check(call *c, int64_t n, int first) {
    ok(c->error);
    assert_int_equal(atomic_load(&c->n_done), 1);
    assert_int_equal(tn_tensor_get_elements(c->out[0]), n);
    for (int64_t k = 0; k < n; k++) assert_true(((float *)tn_tensor_get_data(c->out[0]))[k] == (float)((k * 7 + first) % N + first));
}

/* Many runs of one executable, outputs made and given, the executable and the inputs released while they are under way. */
static void many(bool open, const char *device) {
    counter counts = {0};
    static call calls[RUNS];
    tn_context *context = context_of(&counts);
    tn_executable *x = compile(context, open, device);
    for (int i = 0; i < RUNS; i++) {
        int64_t n = open ? 1 + i % 5 : N;
        fill(context, &calls[i], n, i);
        if (i % 2) ok(tn_tensor_create(context, TN_DTYPE_f32, 1, &n, &calls[i].out[0]));
        ok(tn_executable_run_async(x, calls[i].in, 2, calls[i].out, 1, done, &calls[i]));
        tn_tensor_release(calls[i].in[0]), tn_tensor_release(calls[i].in[1]);
    }
    tn_executable_release(x);
    ok(tn_context_wait(context));
    for (int i = 0; i < RUNS; i++) {
        check(&calls[i], open ? 1 + i % 5 : N, i);
        tn_tensor_release(calls[i].out[0]);
    }
    ok(tn_context_wait(context)); /* nothing to wait for */
    tn_context_release(context);
    assert_int_equal(atomic_load(&counts.live_bytes), 0);
}

static void test_many(void **state) { many(false, "cpu"); }
static void test_many_open(void **state) { many(true, "ref"); }

static void test_errors(void **state) {
    counter counts = {0};
    call c;
    tn_context *context = context_of(&counts);
    tn_executable *x = compile(context, false, "ref");
    fill(context, &c, N, 0);
    fails(tn_executable_run_async(x, c.in, 1, c.out, 1, done, &c), TN_ERROR_INVALID_ARGUMENT, "found 1 inputs");
    fails(tn_executable_run_async(x, c.in, 2, c.out, 1, NULL, &c), TN_ERROR_INVALID_ARGUMENT, "done is NULL");
    fails(tn_executable_run_async(NULL, c.in, 2, c.out, 1, done, &c), TN_ERROR_INVALID_ARGUMENT, "executable");
    tn_tensor *swapped[2] = {c.in[1], c.in[0]};
    fails(tn_executable_run_async(x, swapped, 2, c.out, 1, done, &c), TN_ERROR_TYPE_MISMATCH, "input 0 'data'");
    ok(tn_context_wait(context));
    assert_int_equal(atomic_load(&c.n_done), 0); /* what was refused is not called back */
    ((int64_t *)tn_tensor_get_data(c.in[1]))[5] = N;
    ok(tn_executable_run_async(x, c.in, 2, c.out, 1, done, &c));
    ok(tn_context_wait(context));
    assert_int_equal(atomic_load(&c.n_done), 1);
    assert_null(c.out[0]);
    fails(c.error, TN_ERROR_OUT_OF_RANGE, "");
    ((int64_t *)tn_tensor_get_data(c.in[1]))[5] = 35;
    atomic_store(&c.n_done, 0);
    c.out[0] = c.in[0]; /* found when it runs */
    ok(tn_executable_run_async(x, c.in, 2, c.out, 1, done, &c));
    wait_for(&c);
    fails(c.error, TN_ERROR_INVALID_ARGUMENT, "overlaps");
    tn_tensor_release(c.in[0]), tn_tensor_release(c.in[1]);
    tn_executable_release(x);
    tn_context_release(context);
    assert_int_equal(atomic_load(&counts.live_bytes), 0);
}

/* The last references go in the callback, or before the run is over, or the callback runs once more or waits for itself. */
static void test_last_references(void **state) {
    for (int round = 0; round < 60; round++) {
        counter counts = {0};
        call c;
        tn_context *context = context_of(&counts);
        tn_executable *x = compile(context, false, "ref");
        fill(context, &c, N, 3);
        float results[N];
        ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, (int64_t[]){N}, results, sizeof results, NULL, NULL, &c.out[0]));
        tn_tensor *in[2] = {c.in[0], c.in[1]}, *out = c.out[0];
        bool in_callback = round % 3 == 0, again = round % 3 == 1;
        c.again = again;
        if (in_callback || again) c.context = context, c.executable = x;
        if (again) tn_context_retain(context), tn_executable_retain(x);
        ok(tn_executable_run_async(x, c.in, 2, c.out, 1, done, &c));
        if (again) { /* it needs them */
            wait_for(&c);
            ok(tn_context_wait(context));
        }
        tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(out);
        if (!in_callback) {
            tn_executable_release(x);
            tn_context_release(context);
        }
        wait_for(&c);
        ok(c.error);
        for (int k = 0; k < N; k++) assert_true(results[k] == (float)((k * 7 + 3) % N + 3));
        if (!in_callback) assert_int_equal(atomic_load(&counts.live_bytes), 0); /* all was released before the callback */
        for (int i = 0; i < 10000000 && atomic_load(&counts.live_bytes); i++) sched_yield();
        assert_int_equal(atomic_load(&counts.live_bytes), 0);
    }
}

static void test_wait_in_callback(void **state) {
    counter counts = {0};
    call c;
    tn_context *context = context_of(&counts);
    tn_executable *x = compile(context, false, "ref");
    fill(context, &c, N, 0);
    c.waits = true;
    c.context = context;
    tn_context_retain(context);
    ok(tn_executable_run_async(x, c.in, 2, c.out, 1, done, &c));
    ok(tn_context_wait(context));
    check(&c, N, 0);
    fails(c.of_wait, TN_ERROR_INVALID_ARGUMENT, "wait for itself");
    tn_tensor_release(c.in[0]), tn_tensor_release(c.in[1]), tn_tensor_release(c.out[0]);
    tn_executable_release(x);
    tn_context_release(context);
    assert_int_equal(atomic_load(&counts.live_bytes), 0);
}

static void serial(void *self, void (*body)(void *, int64_t), void *body_self, int64_t n) {
    for (int64_t i = 0; i < n; i++) body(body_self, i);
}

static void test_caller_pool(void **state) {
    call c;
    tn_thread_pool pool = {sizeof pool, NULL, 2, serial};
    tn_context *context;
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .thread_pool = &pool}, &context));
    tn_executable *x = compile(context, false, "ref");
    fill(context, &c, N, 0);
    fails(tn_executable_run_async(x, c.in, 2, c.out, 1, done, &c), TN_ERROR_UNSUPPORTED, "thread pool");
    ok(tn_context_wait(context));
    tn_tensor_release(c.in[0]), tn_tensor_release(c.in[1]);
    tn_executable_release(x);
    tn_context_release(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many),
                                       cmocka_unit_test(test_many_open),
                                       cmocka_unit_test(test_errors),
                                       cmocka_unit_test(test_last_references),
                                       cmocka_unit_test(test_wait_in_callback),
                                       cmocka_unit_test(test_caller_pool)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
