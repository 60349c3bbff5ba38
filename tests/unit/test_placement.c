/* Where threads and memory lie, on machines that are planted and from a made-up /proc: one node, two nodes, processors that share cores, memory
 * far away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../../tools/tenon/doctor_placement.c"

static char root[64];

void *cli_alloc(size_t bytes) {
    void *p = calloc(1, bytes ? bytes : 1);
    assert_non_null(p);
    return p;
}

static void put(const char *path, const char *text) {
    char whole[256];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = whole + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *f = fopen(whole, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int begin(void **state) {
    (void)state;
    strcpy(root, "/tmp/tenon-placement-XXXXXX");
    assert_non_null(mkdtemp(root));
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static doctor_placement placed(const char *machine, tn__affinity affinity, int64_t threads) {
    doctor_placement p;
    tn__topology *t;
    tn_error *e = tn__topology_create(&tn__allocator_malloc, machine, &t);
    if (e) fail_msg("%s", tn_error_get_message(e));
    doctor_placement_read(root, t, affinity, threads, &p);
    tn__topology_destroy(t);
    return p;
}

static void nothing_known(void **state) {
    (void)state;
    doctor_placement p;
    doctor_placement_read(root, NULL, TN__AFFINITY_COMPACT, 4, &p);
    assert_int_equal(p.processors_online | p.nodes | p.nodes_needed | p.cores_allowed | p.cores_pinned | p.nodes_pinned, 0);
    assert_true(p.far_memory == 0 && p.fullest_node == 0 && !p.may_place);
    put("/sys/devices/system/cpu/online", "0-3,8,10-11\n");
    doctor_placement_read(root, NULL, TN__AFFINITY_COMPACT, 4, &p);
    assert_int_equal(p.processors_online, 7);
    put("/sys/devices/system/cpu/online", "9-2,99999999999999999999-1,x\n");
    doctor_placement_read(root, NULL, TN__AFFINITY_NONE, 4, &p);
    assert_int_equal(p.processors_online, 0);
}

/* Two nodes of two cores, each of two processors that follow each other. */
static void two_nodes(void **state) {
    (void)state;
    const char *machine = "node:2 l3:1(size=1000000) core:2 pu:2";
    doctor_placement p = placed(machine, TN__AFFINITY_NONE, 2);
    assert_int_equal(p.cache_bytes, 2000000);
    assert_int_equal(p.nodes, 2);
    assert_int_equal(p.node_cores, 2);
    assert_int_equal(p.nodes_needed, 1);
    assert_int_equal(p.nodes_by_cores, 1);
    assert_int_equal(p.cores_allowed, 4);
    assert_int_equal(p.cores_pinned | p.nodes_pinned, 0);
    assert_int_equal(placed(machine, TN__AFFINITY_NONE, 3).nodes_needed, 2);
    assert_int_equal(placed(machine, TN__AFFINITY_NONE, 100).nodes_needed, 2);
    p = placed(machine, TN__AFFINITY_COMPACT, 4); /* workers on 1, 2 and 3 */
    assert_int_equal(p.nodes_pinned, 1);
    assert_int_equal(p.cores_pinned, 2);
    assert_int_equal(placed(machine, TN__AFFINITY_COMPACT, 5).nodes_pinned, 2); /* and 4 */
    assert_int_equal(placed(machine, TN__AFFINITY_COMPACT, 9).cores_pinned, 4); /* round and round */
    assert_int_equal(placed(machine, TN__AFFINITY_COMPACT, 1).cores_pinned, 0); /* the caller alone is free */
    p = placed("node:2 core:1 pu:1", TN__AFFINITY_COMPACT, 2); /* one worker, on the other node */
    assert_int_equal(p.nodes_pinned, 1);
    assert_int_equal(p.nodes_by_cores, 1);
    p = placed(machine, TN__AFFINITY_CORES, 4); /* 2, 4 and 6 */
    assert_int_equal(p.cores_pinned, 3);
    assert_int_equal(p.nodes_pinned, 2);
    assert_int_equal(placed(machine, TN__AFFINITY_CORES, 6).cores_pinned, 4); /* and 1 */
    p = placed(machine, TN__AFFINITY_SPREAD, 3); /* 4 and 2 */
    assert_int_equal(p.cores_pinned, 2);
    assert_int_equal(p.nodes_pinned, 2);
    assert_int_equal(p.nodes_by_cores, 2); /* 2 and 4 */
}

/* Numbers that go round the nodes: compact takes 1, 2 and 3, two of them on the other node. */
static void numbers_go_round(void **state) {
    (void)state;
    doctor_placement p = placed("node:2 core:4 pu:1(indexes=0,2,4,6,1,3,5,7)", TN__AFFINITY_COMPACT, 4);
    assert_int_equal(p.cores_pinned, 3);
    assert_int_equal(p.nodes_pinned, 2);
    assert_int_equal(p.nodes_by_cores, 1);
}

/* One node, or processors that share no core: nothing that could be seen there is a fault. */
static void one_node(void **state) {
    (void)state;
    doctor_placement p = placed("pack:1 core:4 pu:1", TN__AFFINITY_COMPACT, 4);
    assert_int_equal(p.nodes, 1);
    assert_int_equal(p.nodes_needed, 1);
    assert_int_equal(p.cores_allowed, 4);
    assert_int_equal(p.cores_pinned, 3);
    assert_true(p.fullest_node == 0); /* nobody asks */
}

/* The process may run on nodes 0 and 1; there is memory on more of them. */
static void memory(void **state) {
    (void)state;
    const char *machine = "node:2 core:2 pu:2";
    put("/proc/self/numa_maps", "55 default file=/lib/x N2=900 mapped=900 kernelpagesize_kB=4\n"
                                "56 default heap anon=30 dirty=30 N0=30 kernelpagesize_kB=4\n57 default anon=60 dirty=60 N1=50 N2=10 kernelpagesize_kB=4\n");
    doctor_placement p = placed(machine, TN__AFFINITY_NONE, 1);
    assert_true(p.far_memory > 0.111 && p.far_memory < 0.112); /* 10 of 90; the file is nobody's */
    assert_true(p.fullest_node > 0.555 && p.fullest_node < 0.556);
    put("/proc/self/numa_maps", "56 bind:1 heap anon=30 N3=30 kernelpagesize_kB=4\n57 bind:1 anon=1 N3=1 kernelpagesize_kB=2048\n58 default N0=10\n");
    assert_true(placed(machine, TN__AFFINITY_NONE, 1).far_memory > 0.98);
    put("/proc/self/numa_maps", "nonsense N=3 N9999=1 Nx\n");
    p = placed(machine, TN__AFFINITY_NONE, 1);
    assert_true(p.far_memory == 0 && p.fullest_node == 0);
    put("/proc/self/numa_maps", "56 default heap anon=30 N0=30 N1=30 kernelpagesize_kB=4\n");
    p = placed(machine, TN__AFFINITY_NONE, 8);
    assert_true(p.far_memory == 0 && p.fullest_node == 0.5);
    p = placed("[numa] [numa] core:2 pu:1", TN__AFFINITY_NONE, 2); /* memory of two kinds near the same cores */
    assert_int_equal(p.nodes, 2);
    assert_int_equal(p.nodes_needed, 1);
    assert_true(p.far_memory == 0);
    assert_true(placed("core:2 pu:1", TN__AFFINITY_NONE, 2).fullest_node == 0); /* one node: nobody asks */
}

/* This machine, whatever it is. */
static void here(void **state) {
    (void)state;
    doctor_placement p;
    tn__topology *t;
    tn_error_destroy(tn__topology_create(&tn__allocator_malloc, NULL, &t));
    doctor_placement_read("", t, TN__AFFINITY_NONE, 1, &p);
    tn__topology_destroy(t);
    assert_true(p.processors_online >= 0 && p.nodes_needed <= 1 && p.cores_pinned == 0 && p.far_memory >= 0 && p.far_memory <= 1);
}

int main(void) {
    const struct CMUnitTest without[] = {cmocka_unit_test(nothing_known), cmocka_unit_test(here)};
    const struct CMUnitTest with[] = {cmocka_unit_test(two_nodes), cmocka_unit_test(numbers_go_round), cmocka_unit_test(one_node), cmocka_unit_test(memory)};
    int failed = cmocka_run_group_tests(without, begin, end);
    return tn__topology_is_built() ? failed + cmocka_run_group_tests(with, begin, end) : failed;
}
