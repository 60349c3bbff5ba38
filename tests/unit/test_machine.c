/* The machine's state from a made-up /proc and /sys, and what is found distorted between two states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "measure/machine.h"

static char root[64];

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

static void test_read(void **state) {
    tn__machine m;
    strcpy(root, "/tmp/tenon-machine-XXXXXX");
    assert_non_null(mkdtemp(root));
    tn__machine_read(root, &m); /* nothing is there */
    assert_string_equal(m.governor, "");
    assert_true(m.processors >= 1 && m.load == 0 && m.mhz == 0 && !m.busy && m.clock_ns >= 1 && m.when_ns);
    put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    put("/sys/devices/system/cpu/smt/active", "0\n");
    put("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
    put("/sys/devices/system/node/online", "0-1,4\n");
    put("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,64\n");
    put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/memory.max", "max\n");
    put("/sys/fs/cgroup/cpu.stat", "usage_usec 5\nnr_throttled 2\nthrottled_usec 1234\n");
    put("/proc/loadavg", "2.50 1.00 0.50 1/99 123\n");
    put("/proc/cpuinfo", "processor : 0\ncpu MHz\t\t: 2000.0\nprocessor : 1\ncpu MHz\t\t: 3000.0\n");
    put("/proc/stat", "cpu  100 1 20 300 4 5 6 7 0 0\ncpu0 1 2 3\n");
    tn__machine_read(root, &m);
    assert_string_equal(m.governor, "powersave");
    assert_string_equal(m.smt, "off");
    assert_string_equal(m.turbo, "off");
    assert_int_equal(m.numa_nodes, 3);
    assert_int_equal(m.siblings, 2);
    assert_true(m.container_cpus == 1.5 && m.load == 2.5 && m.mhz == 2500);
    assert_int_equal(m.container_bytes, 0);
    assert_int_equal(m.throttled_us, 1234);
    assert_int_equal(m.busy, 132);
    assert_int_equal(m.idle, 304);
    assert_int_equal(m.stolen, 7);
    put("/sys/devices/system/node/online", "9-2\n");
    put("/proc/stat", "nonsense\n");
    put("/sys/fs/cgroup/cpu.max", "max 100000\n");
    tn__machine_read(root, &m);
    assert_int_equal(m.numa_nodes, 0);
    assert_int_equal(m.busy, 0);
    assert_true(m.container_cpus == 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

/* A quiet second of a process with one thread on two processors. */
static void quiet(tn__machine *a, tn__machine *b) {
    *a = (tn__machine){.processors = 2, .mhz = 3000, .clock_ns = 1, .busy = 1000, .idle = 1000, .when_ns = 1};
    *b = *a;
    b->busy += 100, b->idle += 100, b->usage.cpu_ns = 1000000000, b->when_ns += 1000000000;
}

static void expect(const tn__machine *a, const tn__machine *b, tn__measured what, const char *text) {
    tn__distortions d;
    tn__machine_judge(a, b, &what, &d);
    assert_int_equal(d.count, text ? 1 : 0);
    if (text && !strstr(d.text[0], text)) fail_msg("found '%s', wanted '%s'", d.text[0], text);
}

static void test_judge(void **state) {
    const tn__measured good = {.threads = 1, .median_s = 1e-3, .mad_s = 1e-6};
    tn__machine a, b;
    quiet(&a, &b);
    expect(&a, &b, good, NULL);
    b.stolen += 10, b.idle -= 10;
    expect(&a, &b, good, "host of this virtual machine took 5 %");
    quiet(&a, &b);
    b.busy += 50, b.idle -= 50;
    expect(&a, &b, good, "other programs used 25 %");
    quiet(&a, &b);
    b.throttled_us = 3000;
    expect(&a, &b, good, "held this process back for 3 ms");
    quiet(&a, &b);
    expect(&a, &b, (tn__measured){.threads = 3, .median_s = 1}, "3 threads on 2 processors");
    a.container_cpus = 0.5;
    expect(&a, &b, good, "the container may use 0.5 processors");
    quiet(&a, &b);
    strcpy(a.governor, "powersave");
    expect(&a, &b, good, "governor is 'powersave'");
    strcpy(a.governor, "performance");
    expect(&a, &b, good, NULL);
    b.mhz = 2000;
    expect(&a, &b, good, "from 3000 to 2000 MHz");
    quiet(&a, &b);
    b.usage.major_faults = 7;
    expect(&a, &b, good, "7 pages came from the disk");
    quiet(&a, &b);
    a.clock_ns = 4000000;
    expect(&a, &b, (tn__measured){.median_s = 1e-2}, "tick of the clock");
    quiet(&a, &b);
    expect(&a, &b, (tn__measured){.median_s = 1, .mad_s = 0.2}, "more than 20 % from the median");
    b.when_ns = 0;
    expect(&a, &b, good, "the clock went back");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read), cmocka_unit_test(test_judge)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
