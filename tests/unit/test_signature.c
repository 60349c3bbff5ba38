/* The cache of executables by signature: keys, bounds, counts, failures, threads that ask for the same thing, callbacks that ask again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_thread.h"
#include "tenon/tenon.h"

typedef struct memory {
    atomic_long count, live;
    long fail_at;
} memory;
static memory mem;
static void *take_memory(void *self, size_t bytes, size_t align) {
    if (atomic_fetch_add(&mem.count, 1) + 1 == mem.fail_at) return NULL;
    atomic_fetch_add(&mem.live, (long)bytes);
    void *p = NULL;
    return posix_memalign(&p, align < 16 ? 16 : align, bytes) ? NULL : p;
}
static void give_memory(void *self, void *p, size_t bytes) {
    atomic_fetch_sub(&mem.live, (long)bytes);
    free(p);
}

static tn_context *context;
static tn_signature_cache *cache;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}
static void fails(tn_error *e, tn_error_code code, const char *text) {
    assert_int_equal(tn_error_get_code(e), code);
    if (!strstr(tn_error_get_message(e), text)) fail_msg("%s: wanted %s", tn_error_get_message(e), text);
    tn_error_destroy(e);
}

/* A graph with one input of the signature's first shape; counts. */
static atomic_int n_compiled;
static tn_error *compile(void *self, const tn_signature *s, tn_executable **out) {
    tn_graph *g;
    tn_options *o = NULL;
    atomic_fetch_add(&n_compiled, 1);
    tn_error *e = tn_graph_create(context, "cluster", &g);
    if (e) return e;
    tn_value x = tn_graph_input(g, "x", s->inputs[0].dtype, s->inputs[0].rank, s->inputs[0].dims);
    tn_graph_output(g, "y", tn_graph_op(g, "relu", &x, 1, NULL, 0, 1));
    e = tn_options_create(context, &o);
    if (!e) e = tn_options_set(o, "device", "ref");
    if (!e) e = tn_compile(g, o, out);
    tn_options_release(o);
    tn_graph_release(g);
    return e;
}

static tn_signature sign(uint64_t cluster, const tn_signature_input *in, uint32_t n) { return (tn_signature){sizeof(tn_signature), cluster, in, n, NULL, 0}; }

static tn_executable *get(const tn_signature *s) {
    tn_executable *x;
    ok(tn_signature_cache_get(cache, s, compile, NULL, &x));
    assert_non_null(x);
    tn_executable_release(x); /* the cache holds it */
    return x;
}
static tn_executable *get_size(uint64_t cluster, int64_t size) {
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 1, .dims = &size};
    tn_signature s = sign(cluster, &in, 1);
    return get(&s);
}
static tn_signature_cache_stats stats(void) {
    tn_signature_cache_stats s = {.struct_size = sizeof s};
    ok(tn_signature_cache_get_stats(cache, &s));
    return s;
}

static int begin(void **state) {
    tn_allocator a = {sizeof a, NULL, take_memory, give_memory};
    tn_context_options o = {.struct_size = sizeof o, .allocator = &a};
    mem.fail_at = 0;
    n_compiled = 0;
    return tn_context_create(&o, &context) || tn_signature_cache_create(context, &(tn_signature_cache_options){sizeof(tn_signature_cache_options), 4, false}, &cache);
}
static int end(void **state) {
    tn_signature_cache_release(cache);
    tn_context_release(context);
    return mem.live != 0;
}

static void test_keys(void **state) {
    int64_t dims[] = {2, 3}, other[] = {3, 2}, value = 5;
    tn_signature_input in[] = {{.dtype = TN_DTYPE_f32, .rank = 2, .dims = dims}, {.dtype = TN_DTYPE_i64, .value = &value, .value_bytes = 8}};
    tn_signature s = sign(1, in, 2);
    tn_executable *first = get(&s);
    int64_t copy[] = {2, 3}, same = 5;
    in[0].dims = copy, in[1].value = &same;
    assert_ptr_equal(get(&s), first);
    assert_int_equal(n_compiled, 1);
#define OTHER(change, back)                     \
    do {                                        \
        change;                                 \
        assert_ptr_not_equal(get(&s), first);   \
        back;                                   \
        assert_ptr_equal(get(&s), first);       \
    } while (0)
    OTHER(in[0].dims = other, in[0].dims = dims);
    OTHER(in[0].dtype = TN_DTYPE_f16, in[0].dtype = TN_DTYPE_f32);
    OTHER(in[0].rank = 1, in[0].rank = 2);
    OTHER(value = 6; in[1].value = &value, in[1].value = &same);
    OTHER(in[1].value = NULL, in[1].value = &same);
    OTHER(in[1].value_bytes = 3, in[1].value_bytes = 8);
    OTHER(s.cluster = 2, s.cluster = 1);
    OTHER(s.n_inputs = 1, s.n_inputs = 2);
    OTHER((s.extra = "abc", s.extra_bytes = 3), s.extra_bytes = 0);
    assert_int_equal(n_compiled, 10);
    s.struct_size = offsetof(tn_signature, extra); /* an older struct */
    s.extra_bytes = 77;
    assert_ptr_equal(get(&s), first);
}

static void test_bounds(void **state) {
    for (int64_t n = 1; n <= 4; n++) get_size(0, n);
    get_size(0, 1); /* now 2 is the oldest */
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 1, .dims = &(int64_t){5}};
    tn_signature s = sign(0, &in, 1);
    tn_executable *x;
    ok(tn_signature_cache_get(cache, &s, compile, NULL, &x));
    assert_int_equal(stats().evictions, 1);
    get_size(0, 1), get_size(0, 3), get_size(0, 4);
    assert_int_equal(n_compiled, 5);
    get_size(0, 2); /* was thrown out; 5 is now the oldest and goes */
    assert_int_equal(n_compiled, 6);
    assert_false(tn_signature_cache_evict(cache, &s));
    tn_executable_release(x); /* outlives its entry */
    s.inputs = &(tn_signature_input){.dtype = TN_DTYPE_f32, .rank = 1, .dims = &(int64_t){2}};
    assert_true(tn_signature_cache_evict(cache, &s));
    assert_false(tn_signature_cache_evict(cache, &s));
    get_size(7, 1);
    assert_int_equal(tn_signature_cache_evict_cluster(cache, 0), 3);
    assert_int_equal(stats().entries, 1);
    tn_signature_cache_clear(cache);
    tn_signature_cache_stats t = stats();
    assert_true(t.entries == 0 && t.evictions == 2 && t.compiles == 7 && t.misses == 7 && t.hits == 4 && t.failures == 0 && t.waits == 0);
}

/* A hit allocates nothing. */
static void test_hit_allocates_nothing(void **state) {
    get_size(0, 9);
    long before = mem.count;
    for (int i = 0; i < 100; i++) get_size(0, 9);
    assert_int_equal(mem.count, before);
}

typedef struct failure {
    tn_error_code code; /* OK: no error and no executable either */
    int calls;
} failure;
static tn_error *fail_compile(void *self, const tn_signature *s, tn_executable **out) {
    failure *f = self;
    f->calls++;
    if (f->code == TN_OK) return NULL;
    if (f->code == TN_ERROR_OUT_OF_MEMORY) {
        mem.fail_at = mem.count + 1;
        tn_graph *g;
        tn_error *e = tn_graph_create(context, "g", &g);
        mem.fail_at = 0;
        return e;
    }
    return tn_compile(NULL, NULL, out); /* INVALID_ARGUMENT */
}

static void test_failures(void **state) {
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 0};
    tn_signature s = sign(0, &in, 1);
    tn_executable *x = (tn_executable *)&s;
    failure f = {TN_ERROR_INVALID_ARGUMENT, 0};
    for (int i = 0; i < 3; i++) fails(tn_signature_cache_get(cache, &s, fail_compile, &f, &x), TN_ERROR_INVALID_ARGUMENT, "tn_compile");
    assert_null(x);
    assert_int_equal(f.calls, 1); /* remembered */
    assert_true(stats().failures == 1 && stats().entries == 1);
    assert_true(tn_signature_cache_evict(cache, &s));
    f = (failure){TN_ERROR_OUT_OF_MEMORY, 0};
    for (int i = 0; i < 3; i++) fails(tn_signature_cache_get(cache, &s, fail_compile, &f, &x), TN_ERROR_OUT_OF_MEMORY, "");
    assert_int_equal(f.calls, 3); /* never remembered */
    f = (failure){TN_OK, 0};
    fails(tn_signature_cache_get(cache, &s, fail_compile, &f, &x), TN_ERROR_INVALID_ARGUMENT, "no executable");
    for (s.cluster = 100; s.cluster < 150; s.cluster++) fails(tn_signature_cache_get(cache, &s, fail_compile, &f, &x), TN_ERROR_INVALID_ARGUMENT, "");
    assert_int_equal(stats().entries, 4); /* bounded like all others */
    tn_signature_cache_release(cache);
    ok(tn_signature_cache_create(context, &(tn_signature_cache_options){sizeof(tn_signature_cache_options), 0, true}, &cache));
    f = (failure){TN_ERROR_INVALID_ARGUMENT, 0};
    for (int i = 0; i < 3; i++) fails(tn_signature_cache_get(cache, &s, fail_compile, &f, &x), TN_ERROR_INVALID_ARGUMENT, "tn_compile");
    assert_int_equal(f.calls, 3);
    get(&s);
}

/* From inside of a callback: the same signature is an error, another one is not, and the cache may be emptied. */
static tn_error *again(void *self, const tn_signature *s, tn_executable **out) {
    tn_executable *x;
    fails(tn_signature_cache_get(cache, s, again, self, &x), TN_ERROR_INVALID_GRAPH, "asks for what it is compiling");
    get_size(55, 3);
    tn_signature_cache_clear(cache);
    return compile(NULL, s, out);
}
static void test_reentry(void **state) {
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 0};
    tn_signature s = sign(0, &in, 1);
    tn_executable *x;
    ok(tn_signature_cache_get(cache, &s, again, NULL, &x));
    tn_executable_release(x);
    assert_int_equal(stats().entries, 0); /* cleared while in flight: handed out, not kept */
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

enum { N_THREADS = 4 };
static atomic_int arrived, bad;

static void run_threads(void (*body)(void *self)) {
    tn__os_thread threads[N_THREADS];
    int ids[N_THREADS];
    arrived = bad = 0;
    for (int i = 0; i < N_THREADS; i++) ids[i] = i, assert_true(tn__os_thread_start(&threads[i], body, &ids[i]));
    for (int i = 0; i < N_THREADS; i++) tn__os_thread_join(&threads[i]);
    assert_int_equal(bad, 0);
}

/* Ends when all others wait, so every one of them had to. */
static tn_error *slow_compile(void *self, const tn_signature *s, tn_executable **out) {
    int64_t size = 77;
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 1, .dims = &size};
    tn_signature other = sign(9, &in, 1);
    tn_executable *x;
    if (tn_signature_cache_get(cache, &other, compile, NULL, &x)) atomic_fetch_add(&bad, 1); /* does not wait for this one */
    tn_executable_release(x);
    tn_signature_cache_stats t = {.struct_size = sizeof t};
    do
        if (tn_signature_cache_get_stats(cache, &t)) atomic_fetch_add(&bad, 1);
    while (t.waits < N_THREADS - 1);
    return self ? tn_compile(NULL, NULL, out) : compile(NULL, s, out);
}
static bool slow_fails;
static void ask_slow(void *self) {
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 0};
    tn_signature s = sign(slow_fails, &in, 1);
    tn_executable *x;
    tn_error *e = tn_signature_cache_get(cache, &s, slow_compile, slow_fails ? self : NULL, &x);
    if (slow_fails ? tn_error_get_code(e) != TN_ERROR_INVALID_ARGUMENT : e || !x) atomic_fetch_add(&bad, 1);
    tn_error_destroy(e);
    tn_executable_release(x);
}
static void test_waiting(void **state) {
    slow_fails = false;
    run_threads(ask_slow);
    tn_signature_cache_stats t = stats();
    assert_true(t.compiles == 2 && t.waits == N_THREADS - 1 && t.misses == 2 && t.entries == 2);
    tn_signature_cache_release(cache);
    ok(tn_signature_cache_create(context, NULL, &cache));
    slow_fails = true;
    run_threads(ask_slow);
    t = stats();
    assert_true(t.failures == 1 && t.waits == N_THREADS - 1);
}

/* Two threads compile a and b, and each callback asks for the other's: one of them gets an error, nobody hangs. */
static atomic_int refused;
static tn_error *cross(void *self, const tn_signature *s, tn_executable **out) {
    tn_signature other = *s;
    other.cluster = 1 - s->cluster;
    atomic_fetch_add(&arrived, 1);
    while (atomic_load(&arrived) < 2) tn__os_pause();
    tn_error *e = tn_signature_cache_get(cache, &other, compile, NULL, out);
    if (tn_error_get_code(e) == TN_ERROR_INVALID_GRAPH) atomic_fetch_add(&refused, 1);
    if (e) return e;
    tn_executable_release(*out);
    *out = NULL;
    return compile(NULL, s, out);
}
static void ask_cross(void *self) {
    int id = *(int *)self;
    if (id > 1) return;
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 0};
    tn_signature s = sign((uint64_t)id, &in, 1);
    tn_executable *x;
    tn_error_destroy(tn_signature_cache_get(cache, &s, cross, NULL, &x));
    tn_executable_release(x);
}
static void test_cross(void **state) {
    refused = 0;
    run_threads(ask_cross);
    assert_true(refused == 1 || refused == 2); /* who waited for the one that was refused gets its error too */
    assert_int_equal(stats().entries, 0);      /* nothing of that is remembered */
}

/* Many threads, many signatures, a small cache that is emptied now and then. */
static void hammer(void *self) {
    uint32_t r = (uint32_t)*(int *)self + 1;
    for (int i = 0; i < 400; i++) {
        r = r * 1664525u + 1013904223u;
        int64_t size = 1 + r / 65536 % 9;
        tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 1, .dims = &size};
        tn_signature s = sign(0, &in, 1);
        tn_executable *x;
        tn_error *e = tn_signature_cache_get(cache, &s, compile, NULL, &x);
        if (e || !x) {
            atomic_fetch_add(&bad, 1);
            tn_error_destroy(e);
            continue;
        }
        tn_tensor *t, *y = NULL;
        e = tn_tensor_create(context, TN_DTYPE_f32, 1, &size, &t);
        if (!e) e = tn_executable_run(x, &t, 1, &y, 1);
        if (e) atomic_fetch_add(&bad, 1);
        tn_error_destroy(e);
        tn_tensor_release(t), tn_tensor_release(y);
        tn_executable_release(x);
        if (r % 67 == 0) tn_signature_cache_evict(cache, &s);
        if (r % 131 == 0) tn_signature_cache_clear(cache);
    }
}
static void test_hammer(void **state) {
    run_threads(hammer);
    tn_signature_cache_stats t = stats();
    assert_true(t.hits + t.misses + t.waits == N_THREADS * 400 && t.misses == t.compiles && t.entries <= 4);
}

static void test_no_memory(void **state) {
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 1, .dims = &(int64_t){3}};
    tn_signature s = sign(0, &in, 1);
    tn_executable *x = NULL;
    for (long n = 1; !x; n++) {
        mem.fail_at = mem.count + n;
        tn_error *e = tn_signature_cache_get(cache, &s, compile, NULL, &x);
        mem.fail_at = 0;
        if (e) assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_MEMORY);
        assert_int_equal(stats().entries, x != NULL);
        tn_error_destroy(e);
    }
    tn_executable_release(x);
    for (long n = 1;; n++) {
        tn_signature_cache *c;
        mem.fail_at = mem.count + n;
        tn_error *e = tn_signature_cache_create(context, NULL, &c);
        mem.fail_at = 0;
        tn_signature_cache_release(c);
        if (!e) break;
        assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_MEMORY);
        assert_null(c);
    }
}

static void test_hostile(void **state) {
    tn_signature_input in = {.dtype = TN_DTYPE_f32, .rank = 1};
    tn_signature s = sign(0, &in, 1);
    tn_executable *x;
    fails(tn_signature_cache_get(cache, &s, compile, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "no dims");
    in.rank = 33, in.dims = &(int64_t){0};
    fails(tn_signature_cache_get(cache, &s, compile, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "rank 33");
    in.rank = -1;
    fails(tn_signature_cache_get(cache, &s, compile, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "rank -1");
    s.n_inputs = UINT32_MAX;
    fails(tn_signature_cache_get(cache, &s, compile, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "inputs");
    s.inputs = NULL, s.n_inputs = 1;
    fails(tn_signature_cache_get(cache, &s, compile, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "NULL");
    s.struct_size = 4;
    fails(tn_signature_cache_get(cache, &s, compile, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "struct_size");
    fails(tn_signature_cache_get(cache, &s, NULL, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "NULL");
    fails(tn_signature_cache_get_stats(cache, &(tn_signature_cache_stats){0}), TN_ERROR_INVALID_ARGUMENT, "struct_size");
    tn_signature_cache *c;
    fails(tn_signature_cache_create(context, &(tn_signature_cache_options){sizeof(tn_signature_cache_options), UINT32_MAX, false}, &c),
          TN_ERROR_LIMIT_EXCEEDED, "entries");
    fails(tn_signature_cache_create(NULL, NULL, &c), TN_ERROR_INVALID_ARGUMENT, "NULL");
    assert_false(tn_signature_cache_evict(NULL, &s));
    tn_signature_cache_clear(NULL);
    tn_signature_cache_release(NULL);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {TEST(test_keys),    TEST(test_bounds), TEST(test_hit_allocates_nothing), TEST(test_failures), TEST(test_reentry),
                                       TEST(test_waiting), TEST(test_cross),  TEST(test_hammer),                TEST(test_no_memory), TEST(test_hostile)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
