/* Where threads and memory lie, from a made-up /proc and /sys: one node, two nodes, processors that share cores, memory far away. */
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

static doctor_placement placed(int64_t threads, bool pinned) {
    doctor_placement p;
    doctor_placement_read(root, threads, pinned, &p);
    return p;
}

static void siblings(int first, int last, const char *list) {
    for (int k = first; k <= last; k++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", k);
        put(path, list);
    }
}

static void nothing_known(void **state) {
    (void)state;
    doctor_placement p = placed(4, true);
    assert_int_equal(p.nodes | p.nodes_needed | p.cores_allowed | p.cores_pinned, 0);
    assert_true(p.far_memory == 0);
    put("/proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-1\n"); /* and neither nodes nor cores */
    p = placed(4, true);
    assert_int_equal(p.nodes | p.nodes_needed | p.cores_allowed | p.cores_pinned, 0);
    put("/sys/devices/system/node/online", "9-2\n");
    put("/proc/self/status", "Cpus_allowed_list:\t99999999999999999999-1,x\n");
    p = placed(4, false);
    assert_int_equal(p.nodes | p.nodes_needed, 0);
}

/* Two nodes of four processors, each core two of them that follow each other. */
static void two_nodes(void **state) {
    (void)state;
    put("/proc/self/status", "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-7\nMems_allowed_list:\t0-1\n");
    put("/sys/devices/system/node/online", "0-1\n");
    put("/sys/devices/system/node/node0/cpulist", "0-3\n");
    put("/sys/devices/system/node/node1/cpulist", "4-5,6,7\n");
    siblings(0, 1, "0-1\n"), siblings(2, 3, "2-3\n"), siblings(4, 5, "4,5\n"), siblings(6, 7, "6-7\n");
    doctor_placement p = placed(4, false);
    assert_int_equal(p.nodes, 2);
    assert_int_equal(p.nodes_needed, 1);
    assert_int_equal(p.cores_allowed, 4);
    assert_int_equal(p.cores_pinned, 0);
    assert_int_equal(placed(5, false).nodes_needed, 2);
    assert_int_equal(placed(100, false).nodes_needed, 2);
    p = placed(4, true); /* workers on 1, 2 and 3 */
    assert_int_equal(p.nodes_needed, 1);
    assert_int_equal(p.cores_pinned, 2);
    assert_int_equal(placed(5, true).nodes_needed, 2); /* and 4 */
    assert_int_equal(placed(9, true).cores_pinned, 4); /* round and round */
    assert_int_equal(placed(1, true).cores_pinned, 0); /* the caller alone is free */
    put("/proc/self/status", "Cpus_allowed_list:\t2,6\n"); /* one processor of each node */
    assert_int_equal(placed(1, false).nodes_needed, 1);
    assert_int_equal(placed(2, false).nodes_needed, 2);
    assert_int_equal(placed(2, false).cores_allowed, 2);
}

static void memory(void **state) {
    (void)state;
    put("/proc/self/status", "Cpus_allowed_list:\t0-3\n");
    put("/proc/self/numa_maps", "55 default file=/lib/x N1=900 mapped=900 kernelpagesize_kB=4\n"
                                "56 default heap anon=30 dirty=30 N0=30 kernelpagesize_kB=4\n57 default anon=60 dirty=60 N0=50 N1=10 kernelpagesize_kB=4\n");
    assert_true(placed(4, false).far_memory > 0.111 && placed(4, false).far_memory < 0.112); /* 10 of 90; the file is nobody's */
    put("/proc/self/numa_maps", "56 bind:1 heap anon=30 N1=30 kernelpagesize_kB=4\n57 bind:1 anon=1 N1=1 kernelpagesize_kB=2048\n58 default N0=10\n");
    assert_true(placed(4, false).far_memory > 0.98);
    put("/proc/self/numa_maps", "nonsense N=3 N9999=1 Nx\n");
    assert_true(placed(4, false).far_memory == 0);
    put("/proc/self/status", "Cpus_allowed_list:\t0-7\n");
    put("/proc/self/numa_maps", "56 default heap anon=30 N0=30 N1=30 kernelpagesize_kB=4\n");
    assert_true(placed(8, false).far_memory == 0); /* it may run on both */
}

/* This machine, whatever it is. */
static void here(void **state) {
    (void)state;
    doctor_placement p;
    doctor_placement_read("", 1, false, &p);
    assert_true(p.nodes_needed <= 1 && p.cores_pinned == 0 && p.far_memory >= 0 && p.far_memory <= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_known), cmocka_unit_test(two_nodes), cmocka_unit_test(memory), cmocka_unit_test(here)};
    return cmocka_run_group_tests(tests, begin, end);
}
