/* The order in which threads take processors, for machines that are planted, and where memory is asked to lie, on this one. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os_topology.h"
#include "rt/pool.h"

static const tn_allocator *a = &tn__allocator_malloc;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static tn__topology *machine(const char *description) {
    tn__topology *t;
    ok(tn__topology_create(a, description, &t));
    return t;
}

static void orders(const char *description, tn__affinity affinity, const char *wanted) {
    tn__topology *t = machine(description);
    tn__processor found[64];
    char text[256] = "";
    int32_t n = tn__topology_order(t, affinity, found, 64);
    for (int32_t i = 0; i < n; i++) snprintf(text + strlen(text), sizeof text - strlen(text), i ? " %d" : "%d", (int)found[i].number);
    if (strcmp(text, wanted)) fail_msg("%s: found %s, wanted %s", description, text, wanted);
    tn__topology_destroy(t);
}

static void test_cores(void **state) {
    orders("node:2 core:4 pu:2", TN__AFFINITY_CORES, "0 2 4 6 8 10 12 14 1 3 5 7 9 11 13 15");
    orders("pack:1 core:2 pu:1", TN__AFFINITY_CORES, "0 1");
    orders("core:3 pu:4", TN__AFFINITY_CORES, "0 4 8 1 5 9 2 6 10 3 7 11");
    /* as Linux often numbers them: the second threads behind all the first */
    orders("pack:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)", TN__AFFINITY_CORES, "0 1 2 3 4 5 6 7");
    orders("pu:5", TN__AFFINITY_CORES, "0 1 2 3 4"); /* a machine that tells nothing of cores */
}

static void test_spread(void **state) {
    orders("node:2 core:4 pu:2", TN__AFFINITY_SPREAD, "0 8 2 10 4 12 6 14 1 9 3 11 5 13 7 15");
    orders("node:4 core:2 pu:1", TN__AFFINITY_SPREAD, "0 2 4 6 1 3 5 7");
    orders("pack:2 core:2 pu:2", TN__AFFINITY_SPREAD, "0 4 2 6 1 5 3 7"); /* one node: over the packages */
    orders("pack:1 core:2 pu:2", TN__AFFINITY_SPREAD, "0 2 1 3");
}

static void test_compact(void **state) {
    orders("pack:1 core:4 pu:2(indexes=0,4,1,5,2,6,3,7)", TN__AFFINITY_COMPACT, "0 1 2 3 4 5 6 7");
    orders("node:2 core:2 pu:1(indexes=0,2,1,3)", TN__AFFINITY_COMPACT, "0 1 2 3");
}

/* Cores by their place in the machine, nodes by the number that the system gives them. */
static void test_processors(void **state) {
    tn__processor found[8];
    tn__topology *t = machine("node:2(indexes=3,1) core:2 pu:2(indexes=0,4,1,5,2,6,3,7)");
    assert_int_equal(tn__topology_order(t, TN__AFFINITY_COMPACT, found, 8), 8);
    for (int32_t i = 0; i < 8; i++) {
        assert_int_equal(found[i].number, i);
        assert_int_equal(found[i].core, i % 4);
        assert_int_equal(found[i].node, i % 4 < 2 ? 3 : 1);
    }
    tn__topology_destroy(t);
}

static void caches(const char *description, uint64_t wanted) {
    tn__topology *t = machine(description);
    assert_int_equal(tn__topology_cache_bytes(t), wanted);
    tn__topology_destroy(t);
}

static void test_caches(void **state) {
    caches("node:2 l3:2(size=1000000) l2:2(size=70000) core:1 pu:2", 4000000);
    caches("node:2 l2:2(size=70000) core:1 pu:2", 280000);
    caches("node:2 core:2 pu:2", 0);
}

static void test_counts(void **state) {
    tn__topology *t = machine("pack:2 node:2 core:3 pu:2");
    tn__topology_counts n = tn__topology_count(t);
    assert_int_equal(n.packages, 2);
    assert_int_equal(n.nodes, 4);
    assert_int_equal(n.cores, 12);
    assert_int_equal(n.processors, 24);
    tn__processor few[5] = {[4] = {.number = -7}};
    assert_int_equal(tn__topology_order(t, TN__AFFINITY_CORES, few, 4), 4);
    assert_int_equal(few[4].number, -7); /* no more than there is room for */
    tn__topology_destroy(t);
    tn_error *e = tn__topology_create(a, "node:2 nonsense:3", &t);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    assert_null(t);
    tn_error_destroy(e);
    tn__topology_destroy(NULL);
}

/* What taskset leaves, and no more. */
static void test_only_ours(void **state) {
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    int last = -1, n = 0;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &all)) last = i, n++;
    tn__processor found[64];
    tn__topology *t = machine(NULL);
    assert_int_equal(tn__topology_order(t, TN__AFFINITY_CORES, found, 64), n < 64 ? n : 64);
    tn__topology_destroy(t);
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    t = machine(NULL);
    assert_int_equal(tn__topology_order(t, TN__AFFINITY_SPREAD, found, 64), 1);
    assert_int_equal(found[0].number, last);
    tn__topology_destroy(t);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

/* A machine of two nodes that takes itself for this one: the mask leaves one of them. */
static void test_only_near(void **state) {
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    if (!CPU_ISSET(0, &all)) skip();
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    setenv("HWLOC_SYNTHETIC", "node:2 l3:1(size=1000) core:1 pu:1", 1);
    setenv("HWLOC_THISSYSTEM", "1", 1);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    tn__topology *t = machine(NULL);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
    unsetenv("HWLOC_SYNTHETIC"), unsetenv("HWLOC_THISSYSTEM");
    assert_true(tn__topology_is_near(t, 0) && !tn__topology_is_near(t, 1) && !tn__topology_is_near(t, 2) && !tn__topology_is_near(t, -1));
    assert_int_equal(tn__topology_cache_bytes(t), 1000);
    assert_int_equal(tn__topology_count(t).nodes, 2);
    tn__topology_destroy(t);
}

static atomic_int on[2]; /* processor that the worker was tied to, + 1 */
static void note(void *self, int64_t begin, int64_t end, int32_t worker) {
    cpu_set_t set;
    if (worker > 1 || sched_getaffinity(0, sizeof set, &set)) return;
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&set) == 1; i++)
        if (CPU_ISSET(i, &set)) atomic_store(&on[worker], i + 1);
    usleep(100); /* so that the other gets a chunk */
}

/* A machine of one processor: all take number 0, though compact would give thread 1 the second of this machine. */
static void test_pool(void **state) {
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    if (!CPU_ISSET(0, &all) || CPU_COUNT(&all) < 2) skip();
    tn__topology *t = machine("core:1 pu:1");
    tn__pool *pool;
    ok(tn__pool_create_with(a, &(tn__pool_config){.threads = 2, .spin_us = 20, .affinity = TN__AFFINITY_CORES, .topology = t}, &pool));
    tn__topology_destroy(t); /* only the creation needs it */
    for (int i = 0; i < 10000 && !atomic_load(&on[1]); i++) ok(tn__pool_run(pool, note, NULL, 16, 1));
    assert_int_equal(atomic_load(&on[1]), 1);
    assert_int_equal(atomic_load(&on[0]), 0); /* the caller stays free */
    tn__pool_destroy(pool);
}

/* Does the system say so of the mapping around it? One without a policy of its own may have grown together with what lies before it. */
static bool lies(const void *data, const char *policy) {
    char line[8192];
    bool found = false;
    FILE *f = fopen("/proc/self/numa_maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) /* by address */
        if (strtoull(line, NULL, 16) <= (uintptr_t)data) found = strstr(line, policy) != NULL;
    fclose(f);
    return found;
}

static void test_memory(void **state) {
    enum { BYTES = 1 << 20 };
    if (access("/proc/self/numa_maps", R_OK)) skip();
    tn__topology *t = machine(NULL);
    tn_error *e = tn__topology_try(t, a, TN__NUMA_INTERLEAVE);
    if (e) { /* a container that forbids it: that is what the user is told */
        assert_int_equal(tn_error_get_code(e), TN_ERROR_UNSUPPORTED);
        tn_error_destroy(e);
        tn__topology_destroy(t);
        skip();
    }
    char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    tn__topology_place(t, p, BYTES, TN__NUMA_INTERLEAVE);
    memset(p, 1, BYTES);
    assert_true(lies(p, "interleave"));
    tn__topology_place(t, p, BYTES, TN__NUMA_LOCAL);
    assert_true(lies(p, "local") || lies(p, "prefer"));
    tn__topology_place(t, p, BYTES, TN__NUMA_DEFAULT);
    assert_true(lies(p, "default"));
    tn__topology_place(t, p + 1, 100, TN__NUMA_INTERLEAVE); /* no whole page */
    assert_true(lies(p, "default"));
    munmap(p, BYTES);
    tn__topology_destroy(t);
}

static void test_not_built(void **state) {
    tn__topology *t;
    tn_error *e = tn__topology_create(a, NULL, &t);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_UNSUPPORTED);
    assert_non_null(strstr(tn_error_get_message(e), "no libhwloc"));
    assert_null(t);
    assert_null(tn__topology_version());
    tn_error_destroy(e);
}

int main(void) {
    const struct CMUnitTest without[] = {cmocka_unit_test(test_not_built)};
    if (!tn__topology_is_built()) return cmocka_run_group_tests(without, NULL, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cores), cmocka_unit_test(test_spread), cmocka_unit_test(test_compact), cmocka_unit_test(test_processors),
        cmocka_unit_test(test_counts), cmocka_unit_test(test_caches), cmocka_unit_test(test_only_ours), cmocka_unit_test(test_only_near),
        cmocka_unit_test(test_pool), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
