/* The caller's thread pool: it does all the work, no thread is made beside it, the bits are the same, and what it does wrong is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "expect.h"
#include "rt/caller_pool.h"
#include "tenon/tenon.h"

typedef enum order { FORWARD, BACKWARD, THREADS, SKIPS_FIRST, SKIPS_LAST, TWICE, BEYOND, NEVER } order;

typedef struct pool {
    order order;
    int32_t threads;
    atomic_long calls, bodies, bad;
} pool;

typedef struct one_body {
    void (*body)(void *self, int64_t index);
    void *self;
    int64_t index;
} one_body;

static void *body_main(void *self) {
    one_body *b = self;
    b->body(b->self, b->index);
    return NULL;
}

static void parallel_for(void *self, void (*body)(void *, int64_t), void *body_self, int64_t n) {
    pool *p = self;
    atomic_fetch_add(&p->calls, 1);
    atomic_fetch_add(&p->bodies, n);
    if (n < 2 || n > p->threads) atomic_fetch_add(&p->bad, 1);
    one_body mine[64];
    pthread_t threads[64];
    switch (p->order) {
    case FORWARD:
        for (int64_t i = 0; i < n; i++) body(body_self, i);
        break;
    case BACKWARD:
        for (int64_t i = n; i-- > 0;) body(body_self, i);
        break;
    case THREADS:
        for (int64_t i = 0; i < n; i++) {
            mine[i] = (one_body){body, body_self, n - 1 - i};
            if (pthread_create(&threads[i], NULL, body_main, &mine[i])) abort();
        }
        for (int64_t i = 0; i < n; i++) pthread_join(threads[i], NULL);
        break;
    case SKIPS_FIRST:
    case SKIPS_LAST:
        for (int64_t i = p->order == SKIPS_FIRST; i < n - (p->order == SKIPS_LAST); i++) body(body_self, i);
        break;
    case TWICE:
        for (int64_t i = 0; i < n; i++) body(body_self, i), body(body_self, 0);
        break;
    case BEYOND:
        for (int64_t i = -1; i <= n; i++) body(body_self, i);
        body(body_self, INT64_MAX), body(body_self, INT64_MIN);
        break;
    case NEVER: break;
    }
}

static int count_threads(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d));) n += x->d_name[0] != '.';
    closedir(d);
    return n;
}

static tn_context *context_of(pool *p) {
    tn_context *context;
    tn_thread_pool t = {sizeof t, p, p ? p->threads : 0, parallel_for};
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .thread_pool = p ? &t : NULL}, &context));
    return context;
}

/* relu(conv(x, w)) and a product after it: several kernels, packed weights, scratch for each worker */
static tn_error *compile(tn_context *context, tn_executable **out) {
    tn_graph *g;
    tn_tensor *w, *m;
    tn_options *options;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 4, (int64_t[]){64, 32, 3, 3}, &w));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){20, 40}, &m));
    for (int i = 0; i < 64 * 32 * 9; i++) ((float *)tn_tensor_get_data(w))[i] = (float)(i % 17 - 8) / 16;
    for (int i = 0; i < 800; i++) ((float *)tn_tensor_get_data(m))[i] = (float)(i % 13 - 6) / 8;
    ok(tn_graph_create(context, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (int64_t[]){2, 32, 22, 22});
    tn_value y = tn_graph_op(g, "conv", (tn_value[]){x, tn_graph_constant(g, w)}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
    y = tn_graph_op(g, "matmul", (tn_value[]){y, tn_graph_constant(g, m)}, 2, NULL, 0, 1);
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = -1};
    tn_graph_output(g, "y", tn_graph_op(g, "softmax", &y, 1, &axis, 1, 1));
    ok(tn_options_create(context, &options));
    ok(tn_options_set(options, "cache", "off"));
    ok(tn_options_set(options, "threads", "4"));
    tn_error *e = tn_compile(g, options, out);
    tn_options_release(options), tn_graph_release(g), tn_tensor_release(w), tn_tensor_release(m);
    return e;
}

static tn_tensor *input(tn_context *context) {
    tn_tensor *x;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 4, (int64_t[]){2, 32, 22, 22}, &x));
    for (int i = 0; i < 2 * 32 * 22 * 22; i++) ((float *)tn_tensor_get_data(x))[i] = (float)(i % 29 - 14) / 32;
    return x;
}

static tn_tensor *run(tn_context *context, tn_executable *x) {
    tn_tensor *in = input(context), *out = NULL;
    ok(tn_executable_run(x, &in, 1, &out, 1));
    tn_tensor_release(in);
    return out;
}

static void test_same_bits(void **state) {
    tn_context *own = context_of(NULL);
    tn_executable *x;
    ok(compile(own, &x));
    tn_tensor *wanted = run(own, x);
    tn_executable_release(x);
    for (order o = FORWARD; o <= THREADS; o++)
        for (int32_t threads = 1; threads <= 4; threads++) {
            pool p = {.order = o, .threads = threads};
            tn_context *context = context_of(&p);
            int before = count_threads();
            ok(compile(context, &x));
            long compiling = atomic_load(&p.calls);
            for (int i = 0; i < 5; i++) {
                tn_tensor *y = run(context, x);
                assert_memory_equal(tn_tensor_get_data(y), tn_tensor_get_data(wanted), tn_tensor_get_bytes(wanted));
                tn_tensor_release(y);
            }
            if (o != THREADS) assert_int_equal(count_threads(), before); /* its own threads may be listed for a moment */
            assert_int_equal(atomic_load(&p.bad), 0);
            if (threads == 1) assert_int_equal(atomic_load(&p.calls), 0);
            else {
                assert_true(compiling >= 1);
                assert_true(atomic_load(&p.calls) - compiling >= 5 * 2);
            }
            tn_executable_release(x);
            tn_context_release(context);
        }
    tn_tensor_release(wanted);
    tn_context_release(own);
}

static void assert_refused(tn_error *e) {
    assert_non_null(e);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    assert_non_null(strstr(tn_error_get_message(e), "parallel_for"));
    tn_error_destroy(e);
}

static void test_misbehaviour(void **state) {
    for (order o = SKIPS_FIRST; o <= NEVER; o++) {
        pool p = {.order = o, .threads = 3};
        tn_context *context = context_of(&p);
        tn_executable *x;
        assert_refused(compile(context, &x));
        assert_null(x);
        p.order = FORWARD;
        ok(compile(context, &x));
        p.order = o;
        tn_tensor *in = input(context), *out = NULL;
        assert_refused(tn_executable_run(x, &in, 1, &out, 1));
        assert_null(out);
        p.order = FORWARD; /* the executable is whole */
        tn_tensor_release(run(context, x));
        tn_tensor_release(in);
        tn_executable_release(x);
        tn_context_release(context);
    }
}

typedef struct early {
    atomic_bool inside, returning, done;
    pthread_t thread;
    one_body job;
} early;

static void slow_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    early *x = self;
    atomic_store(&x->inside, true);
    while (!atomic_load(&x->returning)) {}
    struct timespec ms = {0, 20000000};
    nanosleep(&ms, NULL);
    atomic_store(&x->done, true);
}

/* Returns while a body is at work. */
static void parallel_for_early(void *self, void (*body)(void *, int64_t), void *body_self, int64_t n) {
    early *x = self;
    x->job = (one_body){body, body_self, 0};
    if (pthread_create(&x->thread, NULL, body_main, &x->job)) abort();
    while (!atomic_load(&x->inside)) {}
    atomic_store(&x->returning, true);
}

static void test_early_return(void **state) {
    early x = {0};
    tn_thread_pool t = {sizeof t, &x, 2, parallel_for_early};
    tn_error *e = tn__caller_pool_run(&tn__allocator_malloc, &t, 2, slow_body, &x, 2, 1);
    assert_true(atomic_load(&x.done)); /* what it worked on was still there */
    pthread_join(x.thread, NULL);
    assert_refused(e);
}

static void refuse_options(tn_thread_pool t) {
    tn_context *context;
    tn_error *e = tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .thread_pool = &t}, &context);
    assert_non_null(e);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    assert_null(context);
    tn_error_destroy(e);
}

static void test_options(void **state) {
    refuse_options((tn_thread_pool){0, NULL, 2, parallel_for});
    refuse_options((tn_thread_pool){sizeof(size_t), NULL, 2, parallel_for});
    refuse_options((tn_thread_pool){sizeof(tn_thread_pool), NULL, 2, NULL});
    refuse_options((tn_thread_pool){sizeof(tn_thread_pool), NULL, 0, parallel_for});
    refuse_options((tn_thread_pool){sizeof(tn_thread_pool), NULL, -1, parallel_for});
    refuse_options((tn_thread_pool){sizeof(tn_thread_pool), NULL, 1025, parallel_for});
    tn_context *context; /* a caller of an older version does not know the pool */
    tn_thread_pool wrong = {0};
    ok(tn_context_create(&(tn_context_options){.struct_size = offsetof(tn_context_options, thread_pool), .thread_pool = &wrong}, &context));
    tn_context_release(context);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_misbehaviour),
                                       cmocka_unit_test(test_early_return), cmocka_unit_test(test_options)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
