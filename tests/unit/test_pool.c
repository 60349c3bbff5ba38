/* The thread pool: every chunk once, the same chunks for any number of threads, callers at the same time, calls from bodies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/os_thread.h"
#include "rt/pool.h"

#define MAX_N 5000

typedef struct loop {
    tn__pool *pool;
    int64_t grain, n;
    int32_t threads;
    atomic_int hits[MAX_N];
    atomic_int bad, inside[8];
} loop;

static void count_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    loop *l = self;
    if (begin % l->grain || (end - begin != l->grain && end != l->n)) atomic_fetch_add(&l->bad, 1);
    if (worker < 0 || worker >= l->threads || atomic_fetch_add(&l->inside[worker], 1)) atomic_fetch_add(&l->bad, 1);
    for (int64_t i = begin; i < end; i++) atomic_fetch_add(&l->hits[i], 1);
    if (worker >= 0 && worker < 8) atomic_fetch_sub(&l->inside[worker], 1);
}

static void run_counted(loop *l, int64_t n, int64_t grain) {
    l->n = n, l->grain = grain;
    for (int64_t i = 0; i < n; i++) atomic_store(&l->hits[i], 0);
    assert_null(tn__pool_run(l->pool, count_body, l, n, grain));
    for (int64_t i = 0; i < n; i++)
        if (atomic_load(&l->hits[i]) != 1) atomic_fetch_add(&l->bad, 1);
}

static void test_every_chunk_once(void **state) {
    static loop l;
    for (int32_t threads = 1; threads <= 4; threads++) {
        assert_null(tn__pool_create(&tn__allocator_malloc, threads, &l.pool));
        l.threads = threads;
        assert_int_equal(tn__pool_get_threads(l.pool), threads);
        const int64_t sizes[][2] = {{0, 4}, {1, 1}, {7, 7}, {8, 7}, {MAX_N, 1}, {MAX_N, 13}, {4999, 5000}, {64, 32}};
        for (int round = 0; round < 50; round++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) run_counted(&l, sizes[i][0], sizes[i][1]);
        assert_int_equal(atomic_load(&l.bad), 0);
        tn__pool_destroy(l.pool);
    }
}

static void test_after_sleep(void **state) {
    static loop l;
    l.threads = 3;
    assert_null(tn__pool_create(&tn__allocator_malloc, 3, &l.pool));
    for (int round = 0; round < 20; round++) {
        uint64_t start = tn__os_clock_ns();
        while (tn__os_clock_ns() - start < 200000) tn__os_pause(); /* longer than the workers spin */
        run_counted(&l, 300, 10);
    }
    assert_int_equal(atomic_load(&l.bad), 0);
    tn__pool_destroy(l.pool);
}

static void caller_main(void *self) {
    loop *l = self;
    for (int round = 0; round < 200; round++) run_counted(l, 400, 9);
}

static void test_two_callers(void **state) {
    static loop first, second;
    tn__pool *pool = NULL;
    assert_null(tn__pool_create(&tn__allocator_malloc, 2, &pool));
    first.pool = second.pool = pool;
    first.threads = second.threads = 2;
    tn__os_thread t;
    assert_true(tn__os_thread_start(&t, caller_main, &second));
    caller_main(&first);
    tn__os_thread_join(&t);
    assert_int_equal(atomic_load(&first.bad) + atomic_load(&second.bad), 0);
    tn__pool_destroy(pool);
}

typedef struct nest {
    tn__pool *pool;
    atomic_int sum;
} nest;

static void inner_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    atomic_fetch_add(&((nest *)self)->sum, (int)(end - begin));
}
static void outer_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    assert_null(tn__pool_run(((nest *)self)->pool, inner_body, self, 10 * (end - begin), 3));
}

static void test_call_from_body(void **state) {
    nest n = {0};
    assert_null(tn__pool_create(&tn__allocator_malloc, 3, &n.pool));
    assert_null(tn__pool_run(n.pool, outer_body, &n, 50, 2));
    assert_int_equal(atomic_load(&n.sum), 500);
    assert_null(tn__pool_run(NULL, outer_body, &n, 50, 2));
    assert_int_equal(atomic_load(&n.sum), 1000);
    tn__pool_destroy(n.pool);
}

static void test_bad_count(void **state) {
    tn__pool *pool = NULL;
    tn_error *error = tn__pool_create(&tn__allocator_malloc, 0, &pool);
    assert_int_equal(tn_error_get_code(error), TN_ERROR_INVALID_ARGUMENT);
    assert_null(pool);
    tn_error_destroy(error);
    tn__pool_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_chunk_once), cmocka_unit_test(test_after_sleep), cmocka_unit_test(test_two_callers),
        cmocka_unit_test(test_call_from_body),   cmocka_unit_test(test_bad_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
