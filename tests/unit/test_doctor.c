/* The rules of `tenon doctor`: a healthy model gives no hint, and each planted fault gives its own and no other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../tools/tenon/doctor_rules.c"

void *cli_alloc(size_t bytes) {
    void *p = calloc(1, bytes ? bytes : 1);
    assert_non_null(p);
    return p;
}

enum { STEPS = 10 };

/* Four threads on four quiet processors, ten steps of 100 microseconds, all of them convolutions that fill their vectors. */
static doctor_evidence healthy(doctor_step *steps) {
    for (int i = 0; i < STEPS; i++)
        steps[i] = (doctor_step){.what = (char *)"tn_conv_1, conv_1", .kind = "kernel", .form = "conv", .ns = 1e5, .flops = 2e7, .bytes = 1e5, .channels = 64};
    return (doctor_evidence){
        .machine = {.processors = 4, .siblings = 1, .numa_nodes = 1, .governor = "performance"}, .cores = 4, .lanes = 16, .fma_rate = 2.5e11,
        .bandwidth = 2e10, .device = "cpu", .cpu = "host", .passes_off = "", .cache = "on", .precision = "f32", .affinity = "none", .numa = "default", .layout = "auto", .threads = 4, .max_specialisations = 16,
        .elements = 1000000, .steps = steps, .n_steps = STEPS, .run_ns = 1e6, .one_thread_ns = 3e6, .arena_bytes = 20000000,
        .arena_lower_bound = 19000000, .n_kernels = 10, .from_cache = 10};
}

static void expect_only(const doctor_evidence *e, const char *rule, const char *option) {
    size_t n;
    doctor_hint *hints = doctor_examine(e, &n);
    if (!rule) {
        if (n) fail_msg("found %s: %s", hints[0].rule, hints[0].evidence);
    } else {
        if (n != 1 || strcmp(hints[0].rule, rule)) fail_msg("found %zu hints, first %s, wanted %s", n, n ? hints[0].rule : "none", rule);
        assert_string_equal(hints[0].option, option);
        assert_true(*hints[0].evidence && *hints[0].advice);
        assert_true(isnan(hints[0].gain) || (hints[0].gain >= 0 && hints[0].gain <= 1));
    }
    free(hints);
}

static void test_healthy(void **state) {
    doctor_step steps[STEPS];
    doctor_evidence e = healthy(steps);
    expect_only(&e, NULL, NULL);
    e.own_threads = 1; /* the calling thread works in both */
    expect_only(&e, NULL, NULL);
}

static void wait_for_weights(doctor_step *steps, int n) {
    for (int i = 0; i < n; i++) strcpy(steps[i].form, "mm"), steps[i].bytes = 4e6, steps[i].flops = 8e6;
}

static void wait_for_constant_weights(doctor_step *steps, int n) {
    wait_for_weights(steps, n);
    for (int i = 0; i < n; i++) steps[i].constant_bytes = 3e6, steps[i].products = TN_DTYPE_f32;
}

/* Two nodes of two cores each; all of the memory on one, and four steps wait for it. */
static void use_two_nodes(doctor_evidence *e) {
    e->placement = (doctor_placement){.processors_online = 4, .nodes = 2, .node_cores = 2, .nodes_needed = 2, .nodes_by_cores = 2, .cores_allowed = 4,
                                      .fullest_node = 1, .may_place = true};
    for (int i = 0; i < 4; i++) e->steps[i].bytes = 1.5e6; /* 15 GB/s of 20 */
}

/* One node, two processors for each of `cores` cores. */
static void share_cores(doctor_evidence *e, const char *affinity, int32_t cores, int32_t pinned) {
    e->affinity = affinity;
    e->cores = cores, e->machine.processors = 2 * cores;
    e->placement = (doctor_placement){.processors_online = 2 * cores, .nodes = 1, .node_cores = cores, .nodes_needed = 1, .nodes_by_cores = 1,
                                      .cores_allowed = cores, .cores_pinned = pinned, .nodes_pinned = pinned > 0};
}

#define PLANT(rule, option, fault)           \
    do {                                     \
        doctor_step steps[STEPS];            \
        doctor_evidence e = healthy(steps);  \
        fault;                               \
        expect_only(&e, #rule, option);      \
        planted++;                           \
    } while (0)

static void test_each_rule(void **state) {
    size_t planted = 0;
    PLANT(device_not_cpu, "device=cpu", e.device = "ref");
    PLANT(debug_build, "", e.is_debug = true);
    PLANT(passes_off, "passes_off=", e.passes_off = "fuse");
    PLANT(profile_on, "profile=off", e.profile = true);
    PLANT(cpu_not_host, "cpu=host", e.cpu = "x86-64-v2");
    PLANT(cache_off, "cache=on", (e.cache = "off", e.from_cache = 0));
    PLANT(cache_missed, "", e.from_cache = 0);
    PLANT(process_mask, "threads=4", (e.threads = 5, e.placement.processors_online = 16));
    PLANT(threads_over_processors, "threads=4", (e.threads = 5, e.placement.processors_online = 4));
    PLANT(callers_pool, "threads=3", (e.threads = 4, e.own_threads = 2));
    PLANT(callers_pool, "threads=1", (e.threads = 2, e.own_threads = 8));
    PLANT(threads_over_cores, "threads=2", e.cores = 2);
    PLANT(threads_over_cores, "threads=3", share_cores(&e, "cores", 3, 3));
    PLANT(container_limit, "threads=2", e.machine.container_cpus = 2.5);
    PLANT(container_limit, "threads=1", e.machine.container_cpus = 0.5);
    PLANT(threads_do_not_pay, "threads=1", e.one_thread_ns = 8e5);
    PLANT(threads_left, "threads=4", (e.threads = 2, e.all_threads_ns = 6e5));
    PLANT(affinity, "affinity=cores", share_cores(&e, "compact", 4, 2));
    PLANT(numa, "numa=interleave", use_two_nodes(&e));
    PLANT(numa, "threads=2", (use_two_nodes(&e), e.placement.may_place = false));
    PLANT(numa, "numa=interleave", (use_two_nodes(&e), e.affinity = "spread", e.placement.nodes_needed = 1, e.placement.nodes_pinned = 2));
    PLANT(numa, "affinity=cores", (use_two_nodes(&e), e.affinity = "compact", e.placement.nodes_by_cores = 1, e.placement.nodes_pinned = 2));
    PLANT(numa, "numa=local", (use_two_nodes(&e), e.placement.nodes_needed = 1, e.placement.far_memory = 0.3));
    PLANT(numa, "", (use_two_nodes(&e), e.placement.nodes_needed = 1, e.placement.far_memory = 0.3, e.numa = "local"));
    PLANT(governor, "", strcpy(e.machine.governor, "powersave"));
    PLANT(busy_machine, "", (e.distortions.count = 1, strcpy(e.distortions.text[0], "other programs used 30 % of the processors' time")));
    PLANT(idle_lanes, "", steps[3].channels = 3);
    PLANT(layout_changes, "", strcpy(steps[0].form, "pack"));
    PLANT(layout_changes, "", (strcpy(steps[0].kind, "copy"), *steps[0].form = 0));
    PLANT(layout_changes, "layout=nchw", strcpy(steps[0].form, "block"));
    PLANT(layout_changes, "layout=auto", (strcpy(steps[0].form, "unblock"), e.layout = "nchw"));
    PLANT(slow_path, "", (strcpy(steps[0].kind, "call"), strcpy(steps[0].form, "top_k")));
    PLANT(unfused, "", strcpy(steps[0].form, "ew"));
    PLANT(small_steps, "", e.run_ns = 8000);
    PLANT(memory_bound, "", wait_for_weights(steps, 3));
    PLANT(memory_bound, "precision=bf16", wait_for_constant_weights(steps, 3));
    PLANT(memory_bound, "", (wait_for_constant_weights(steps, 3), e.precision = "bf16"));
    PLANT(not_folded, "", e.not_folded = 2);
    PLANT(dequantised, "", e.dequantised = 1);
    PLANT(half_weights, "", e.half_weights = true);
    PLANT(denormals, "", e.denormals = 5000);
    PLANT(open_dims, "", e.open_dims = 1);
    PLANT(late_steps, "", e.late_steps = 1);
    PLANT(memory_plan, "", e.arena_lower_bound = 5000000);
    size_t rules = 0;
#define COUNT(name, what) rules++;
    DOCTOR_RULES(COUNT)
#undef COUNT
    assert_int_equal(planted, rules + 13); /* some are planted in several ways */
}

/* What is just below the threshold is no fault. */
static void test_thresholds(void **state) {
    doctor_step steps[STEPS];
    doctor_evidence e = healthy(steps);
    steps[3].channels = 60; /* 6 % idle */
    e.denormals = 900;
    e.one_thread_ns = 0.97e6;
    e.machine.container_cpus = 4;
    *e.machine.governor = 0; /* not known */
    e.cores = 0;
    expect_only(&e, NULL, NULL);
    wait_for_constant_weights(steps, 1); /* a tenth of the time */
    expect_only(&e, NULL, NULL);
    for (int i = 0; i < STEPS; i++) strcpy(steps[i].form, "ew"); /* nothing that they could join */
    expect_only(&e, NULL, NULL);
    e.n_steps = 0, e.run_ns = 0; /* a model of constants */
    expect_only(&e, NULL, NULL);
}

static void test_healthy_threads(void **state) {
    doctor_step steps[STEPS];
    doctor_evidence e = healthy(steps);
    share_cores(&e, "compact", 4, 3); /* and the caller's thread is free */
    expect_only(&e, NULL, NULL);
    share_cores(&e, "cores", 4, 3);
    expect_only(&e, NULL, NULL);
    share_cores(&e, "none", 4, 0);
    expect_only(&e, NULL, NULL);
    e.machine.processors = 4; /* a mask that leaves half of the processors, and no more threads */
    expect_only(&e, NULL, NULL);
    share_cores(&e, "compact", 2, 2); /* there are no more: what is wrong is their number */
    expect_only(&e, "threads_over_cores", "threads=2");
}

static void test_healthy_nodes(void **state) {
    doctor_step steps[STEPS];
    doctor_evidence e = healthy(steps);
    use_two_nodes(&e);
    e.numa = "interleave";
    expect_only(&e, NULL, NULL);
    e.numa = "local";
    expect_only(&e, NULL, NULL);
    e.numa = "default", e.placement.fullest_node = 0.6; /* who writes first has spread it already */
    expect_only(&e, NULL, NULL);
    e.placement.fullest_node = 1, e.placement.nodes_needed = 1; /* one node has cores enough */
    expect_only(&e, NULL, NULL);
    e.placement.far_memory = 0.05;
    expect_only(&e, NULL, NULL);
    e.affinity = "compact", e.placement.nodes_pinned = e.placement.nodes_by_cores = 1;
    expect_only(&e, NULL, NULL);
    e.affinity = "none", e.placement.nodes_pinned = 0, e.placement.nodes_needed = 2;
    e.placement.cache_bytes = 7000000; /* four steps of 1.5 MB and six of 0.1 stay in caches */
    expect_only(&e, NULL, NULL);
    e.placement.cache_bytes = 6000000;
    expect_only(&e, "numa", "numa=interleave");
    for (int i = 0; i < 4; i++) steps[i].bytes = 1.5e6, steps[i].ns = 1e6; /* 1.5 GB/s: something else takes the time */
    expect_only(&e, NULL, NULL);
}

/* What is known of threads and memory is in the hint, and its gain follows from it. */
static void test_gain_of_placement(void **state) {
    doctor_step steps[STEPS];
    doctor_evidence e = healthy(steps);
    size_t n;
    use_two_nodes(&e);
    e.placement.fullest_node = 0.8;
    doctor_hint *hints = doctor_examine(&e, &n);
    assert_int_equal(n, 1);
    assert_true(fabs(hints[0].gain - 0.4 * (1 - 1 / 1.6)) < 1e-9); /* four of ten steps, whose memory is 1.6 times as quick */
    assert_non_null(strstr(hints[0].evidence, "4 threads reach over 2 memory nodes (cores of the largest: 2); 80 % of the memory lies on one"));
    assert_non_null(strstr(hints[0].evidence, "40 % of the time"));
    assert_non_null(strstr(hints[0].advice, "threads=2"));
    free(hints);
    e.placement.fullest_node = 0; /* not known where memory lies */
    hints = doctor_examine(&e, &n);
    assert_int_equal(n, 1);
    assert_true(isnan(hints[0].gain) && !strstr(hints[0].evidence, "%"));
    free(hints);
    e = healthy(steps);
    share_cores(&e, "compact", 4, 2);
    hints = doctor_examine(&e, &n);
    assert_int_equal(n, 1);
    assert_true(fabs(hints[0].gain - 1.0 / 3) < 1e-9); /* three threads on two cores, and there are three */
    assert_non_null(strstr(hints[0].evidence, "affinity=compact keeps 3 threads on 2 physical cores, and there are 4"));
    free(hints);
    share_cores(&e, "cores", 2, 2);
    hints = doctor_examine(&e, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(hints[0].evidence, "4 threads on 2 physical cores: affinity=cores keeps 1 of them beside another on its core"));
    free(hints);
}

/* Half of the constants' bytes, for the share of the time of the products that wait for them. */
static void test_gain_of_bf16(void **state) {
    doctor_step steps[STEPS];
    doctor_evidence e = healthy(steps);
    size_t n;
    wait_for_constant_weights(steps, 4);
    steps[3].products = TN_DTYPE_f64; /* waits too, but bf16 is not for it */
    e.rates_distorted = true;
    doctor_hint *hints = doctor_examine(&e, &n);
    assert_int_equal(n, 1);
    assert_true(fabs(hints[0].gain - 0.3 * 0.5 * 3 / 4) < 1e-9);
    assert_non_null(strstr(hints[0].evidence, "4 products with 40 %"));
    assert_non_null(strstr(hints[0].evidence, "distorted"));
    free(hints);
    e.fma_rate = 0; /* ceilings that are not known */
    expect_only(&e, NULL, NULL);
}

/* Known gains first, the larger before the smaller; unknown ones before those that make no call faster. */
static void test_order(void **state) {
    doctor_step steps[STEPS];
    doctor_evidence e = healthy(steps);
    size_t n;
    e.passes_off = "fuse";     /* not known */
    e.one_thread_ns = 8e5;     /* 0.2 */
    steps[0].channels = 1;     /* 0.09 */
    e.open_dims = 2;           /* 0 */
    doctor_hint *hints = doctor_examine(&e, &n);
    assert_int_equal(n, 4);
    assert_string_equal(hints[0].rule, "threads_do_not_pay");
    assert_string_equal(hints[1].rule, "idle_lanes");
    assert_string_equal(hints[2].rule, "passes_off");
    assert_string_equal(hints[3].rule, "open_dims");
    assert_non_null(strstr(hints[1].evidence, "1 channels leave 94 % of 16 lanes idle"));
    free(hints);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_healthy), cmocka_unit_test(test_each_rule), cmocka_unit_test(test_thresholds),
                                       cmocka_unit_test(test_healthy_threads), cmocka_unit_test(test_healthy_nodes),
                                       cmocka_unit_test(test_gain_of_placement), cmocka_unit_test(test_gain_of_bf16),
                                       cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
