/* Counters of steps: parts of all threads are added up, what could not be counted is never a 0 that looks real. Counters are planted, so
 * that sums are known; those of the system are tried as they are, since they exist in virtual machines too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

/* The system's own part stands here in place of the library's, with events that every system has instead of the processor's. */
#include <linux/perf_event.h>
#define PERF_TYPE_HARDWARE PERF_TYPE_SOFTWARE
#define PERF_COUNT_HW_CPU_CYCLES PERF_COUNT_SW_TASK_CLOCK
#define PERF_COUNT_HW_INSTRUCTIONS PERF_COUNT_SW_TASK_CLOCK
#define PERF_COUNT_HW_CACHE_MISSES PERF_COUNT_SW_CPU_MIGRATIONS
#include "../../src/base/os_posix_counters.c"
#include "expect.h"
#include "tenon/tenon.h"

static tn_context *context;

static int setup(void **state) {
    (void)state;
    ok(tn_context_create(NULL, &context));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tn_context_release(context);
    return 0;
}

/* ---- planted ------------------------------------------------------------------------------------------------- */

enum { EACH = 7 };

/* Every look of a thread passes EACH cycles and one of cache_misses; fd[0] is the looks so far. `lacks` are not there, in workers' threads
 * `workers_lack` neither, and with `taken` the processor's were given to somebody else between any two looks. */
static struct plant {
    int64_t caller;
    uint32_t lacks, workers_lack;
    bool taken;
    atomic_int opened, closed;
} plant;

static void planted_open(tn__os_counters *out) {
    out->thread = gettid();
    out->fd[0] = 0;
    atomic_fetch_add(&plant.opened, 1);
}

static void planted_close(tn__os_counters *c) {
    c->thread = 0;
    atomic_fetch_add(&plant.closed, 1);
}

static void planted_read(const tn__os_counters *c, tn__os_counts *out) {
    assert_true(c->thread == gettid()); /* nobody reads those of another thread */
    uint64_t looks = (uint64_t)++((tn__os_counters *)c)->fd[0];
    *out = (tn__os_counts){.valid = TN__COUNTERS_ALL & ~plant.lacks & ~(c->thread == plant.caller ? 0 : plant.workers_lack)};
    out->value[TN__COUNTER_cycles] = EACH * looks;
    out->value[TN__COUNTER_cache_misses] = looks;
    if (plant.taken) out->missed_ns = looks;
}

static const tn__counter_source planted = {planted_open, planted_read, planted_close};

static void plant_counters(struct plant p) {
    plant.lacks = p.lacks, plant.workers_lack = p.workers_lack, plant.taken = p.taken;
    plant.caller = gettid();
    tn__counters_of(context)->source = &planted;
}

/* ---- a model ------------------------------------------------------------------------------------------------- */

enum { ROWS = 512, COLUMNS = 512 };

/* x w, whose parts threads share, and a call of the reference. */
static tn_graph *model(void) {
    tn_graph *g;
    ok(tn_graph_create(context, "model", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){ROWS, COLUMNS});
    tn_value w = tn_graph_input(g, "w", TN_DTYPE_f32, 2, (int64_t[]){COLUMNS, COLUMNS});
    tn_value p = tn_graph_op(g, "matmul", (tn_value[]){x, w}, 2, NULL, 0, 1);
    tn_value d = tn_graph_input(g, "d", TN_DTYPE_f32, 2, (int64_t[]){4, 4});
    tn_graph_output(g, "p", p);
    tn_graph_output(g, "y", tn_graph_op(g, "det", &d, 1, NULL, 0, 1));
    ok(tn_graph_check(g));
    return g;
}

typedef struct heard {
    atomic_int parts, of_workers;
} heard;

static void part(void *self, const tn_profile_row *row, int32_t worker, uint64_t begin_ns, uint64_t end_ns) {
    heard *h = self;
    (void)begin_ns, (void)end_ns;
    if (strncmp(row->kernel, "tn_mm", 5)) return;
    atomic_fetch_add(&h->parts, 1);
    if (worker) atomic_fetch_add(&h->of_workers, 1);
}

static tn_executable *compiled(const tn_graph *g, heard *h) {
    tn_options *o;
    tn_executable *x;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "profile", "counters"));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "threads", "3"));
    if (h) ok(tn_options_set_hook(o, &(tn_hook){.struct_size = sizeof(tn_hook), .self = h, .part = part}));
    ok(tn_compile(g, o, &x));
    tn_options_release(o);
    return x;
}

static void run(tn_executable *x) {
    tn_tensor *in[3], *out[2] = {NULL};
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){ROWS, COLUMNS}, &in[0]));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){COLUMNS, COLUMNS}, &in[1]));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){4, 4}, &in[2]));
    ok(tn_executable_run(x, in, 3, out, 2));
    for (int i = 0; i < 3; i++) tn_tensor_release(in[i]);
    for (int i = 0; i < 2; i++) tn_tensor_release(out[i]);
}

/* The first row whose kernel begins so. */
static tn_profile_row row_of(tn_executable *x, const char *kernel) {
    tn_profile *p;
    tn_profile_row r = {.struct_size = sizeof r};
    bool found = false;
    ok(tn_executable_get_profile(x, &p));
    for (uint32_t i = 0; !found && i < tn_profile_get_count(p); i++) {
        ok(tn_profile_get_row(p, i, &r));
        found = !strncmp(r.kernel, kernel, strlen(kernel));
    }
    if (!found) fail_msg("no row of '%s'", kernel);
    tn_profile_release(p);
    return r; /* its texts are gone with the profile */
}

/* ---- sums ---------------------------------------------------------------------------------------------------- */

static void parts_of_all_threads(void **state) {
    (void)state;
    heard h = {0};
    tn_graph *g = model();
    plant_counters((struct plant){0});
    tn_executable *x = compiled(g, &h);
    int runs = 0;
    while (runs < 2 || (!atomic_load(&h.of_workers) && runs < 1000)) run(x), runs++;
    assert_true(atomic_load(&h.of_workers) > 0);
    tn_profile_row r = row_of(x, "tn_mm");
    assert_int_equal(r.counted, TN__COUNTERS_ALL);
    assert_true(atomic_load(&h.parts) > runs);
    assert_int_equal(r.cycles, (uint64_t)EACH * (uint64_t)atomic_load(&h.parts));
    assert_int_equal(r.cache_misses, atomic_load(&h.parts));
    assert_int_equal(r.instructions, 0); /* counted, and there were none */
    r = row_of(x, "det");
    assert_int_equal(r.counted, TN__COUNTERS_ALL);
    assert_int_equal(r.cycles, (uint64_t)EACH * (uint64_t)runs); /* all of it on the thread that runs */
    ok(tn_executable_reset_profile(x));
    r = row_of(x, "tn_mm");
    assert_int_equal(r.counted | r.cycles, 0);
    tn_executable_release(x);
    tn_graph_release(g);
}

/* A counter that one part of one run had not is not counted, whatever the other parts say; it is again after a reset. */
static void missing_is_not_zero(void **state) {
    (void)state;
    tn_graph *g = model();
    plant_counters((struct plant){.lacks = TN_COUNTER_INSTRUCTIONS});
    tn_executable *x = compiled(g, NULL);
    run(x);
    tn_profile_row r = row_of(x, "det");
    assert_int_equal(r.counted, TN__COUNTERS_ALL & ~TN_COUNTER_INSTRUCTIONS);
    assert_int_equal(r.cycles, EACH);
    assert_int_equal(r.instructions, 0);
    plant_counters((struct plant){0});
    run(x);
    assert_false(row_of(x, "det").counted & TN_COUNTER_INSTRUCTIONS);
    ok(tn_executable_reset_profile(x));
    run(x);
    assert_int_equal(row_of(x, "det").counted, TN__COUNTERS_ALL);
    plant_counters((struct plant){.taken = true});
    run(x);
    r = row_of(x, "det");
    assert_int_equal(r.counted, TN_COUNTER_CPU_NS | TN_COUNTER_PAGE_FAULTS | TN_COUNTER_CONTEXT_SWITCHES);
    assert_int_equal(r.cycles | r.cache_misses, 0);
    plant_counters((struct plant){.lacks = TN__COUNTERS_ALL});
    run(x);
    r = row_of(x, "det");
    assert_int_equal(r.counted | r.cycles | r.instructions | r.cache_misses | r.cpu_ns | r.page_faults | r.context_switches, 0);
    assert_int_equal(r.runs, 3); /* times go on */
    tn_executable_release(x);
    tn_graph_release(g);
}

static void workers_without(void **state) {
    (void)state;
    heard h = {0};
    tn_graph *g = model();
    plant_counters((struct plant){.workers_lack = TN_COUNTER_CYCLES});
    tn_executable *x = compiled(g, &h);
    for (int runs = 0; !atomic_load(&h.of_workers) && runs < 1000; runs++) run(x);
    assert_true(atomic_load(&h.of_workers) > 0);
    assert_int_equal(row_of(x, "tn_mm").counted, TN__COUNTERS_ALL & ~TN_COUNTER_CYCLES);
    assert_int_equal(row_of(x, "tn_mm").cycles, 0);
    assert_int_equal(row_of(x, "det").counted, TN__COUNTERS_ALL);
    tn_executable_release(x);
    tn_graph_release(g);
}

/* Everything of a scan over time: launches of its own in each trip, whatever the threads. */
static void loops(void **state) {
    (void)state;
    tn_graph *g;
    enum { STEPS = 6, BATCH = 2, IN = 8, HIDDEN = 16 };
    plant_counters((struct plant){0});
    ok(tn_graph_create(context, "loop", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 3, (int64_t[]){STEPS, BATCH, IN});
    tn_value w = tn_graph_input(g, "w", TN_DTYPE_f32, 3, (int64_t[]){1, 4 * HIDDEN, IN});
    tn_value r = tn_graph_input(g, "r", TN_DTYPE_f32, 3, (int64_t[]){1, 4 * HIDDEN, HIDDEN});
    const tn_attr hidden = {.name = "hidden_size", .kind = TN_ATTR_INT, .i = HIDDEN};
    tn_graph_output(g, "y", tn_graph_op(g, "lstm", (tn_value[]){x, w, r}, 3, &hidden, 1, 3));
    ok(tn_graph_check(g));
    tn_executable *exe = compiled(g, NULL);
    tn_tensor *in[3], *out = NULL;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 3, (int64_t[]){STEPS, BATCH, IN}, &in[0]));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 3, (int64_t[]){1, 4 * HIDDEN, IN}, &in[1]));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 3, (int64_t[]){1, 4 * HIDDEN, HIDDEN}, &in[2]));
    ok(tn_executable_run(exe, in, 3, &out, 1));
    tn_profile_row found = row_of(exe, "lstm");
    assert_int_equal(found.counted, TN__COUNTERS_ALL);
    assert_true(found.cycles >= (uint64_t)EACH && found.cycles % EACH == 0);
    tn_tensor_release(out);
    for (int i = 0; i < 3; i++) tn_tensor_release(in[i]);
    tn_executable_release(exe);
    tn_graph_release(g);
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

static void run_body(void *self) { run(self); }

/* Threads that come and go have counters of their own each, also where the system gives them the identity of an ended one; all are closed. */
static void threads_that_end(void **state) {
    (void)state;
    tn_context *before = context;
    atomic_store(&plant.opened, 0), atomic_store(&plant.closed, 0);
    ok(tn_context_create(NULL, &context));
    tn_graph *g = model();
    plant_counters((struct plant){0});
    tn_executable *x = compiled(g, NULL);
    enum { THREADS = 5 };
    for (int i = 0; i < THREADS; i++) {
        tn__os_thread t;
        assert_true(tn__os_thread_start(&t, run_body, x));
        tn__os_thread_join(&t);
    }
    tn_profile_row r = row_of(x, "det");
    assert_int_equal(r.counted, TN__COUNTERS_ALL);
    assert_int_equal(r.cycles, EACH * THREADS);
    tn_executable_release(x);
    tn_graph_release(g);
    tn_context_release(context);
    context = before;
    assert_true(atomic_load(&plant.opened) >= THREADS);
    assert_int_equal(atomic_load(&plant.opened), atomic_load(&plant.closed));
}

/* More threads than seats: those without say that they counted nothing. */
static void no_seat(void **state) {
    (void)state;
    tn_graph *g = model();
    plant_counters((struct plant){0});
    tn__counters *s = tn__counters_of(context);
    uintptr_t owners[TN__COUNTER_SEATS];
    for (int i = 0; i < TN__COUNTER_SEATS; i++) owners[i] = atomic_exchange(&s->seats[i].owner, 1);
    tn_executable *x = compiled(g, NULL);
    run(x);
    assert_int_equal(row_of(x, "det").counted, 0);
    assert_int_equal(row_of(x, "tn_mm").counted, 0);
    assert_int_equal(row_of(x, "det").runs, 1);
    for (int i = 0; i < TN__COUNTER_SEATS; i++) atomic_store(&s->seats[i].owner, owners[i]);
    tn_executable_release(x);
    tn_graph_release(g);
}

/* ---- the system's -------------------------------------------------------------------------------------------- */

enum { SYSTEM = TN_COUNTER_CPU_NS | TN_COUNTER_PAGE_FAULTS | TN_COUNTER_CONTEXT_SWITCHES };

static void say_missing(const tn__os_counters *c, const tn__os_counts *counts) {
    for (int k = 0; k < TN__N_COUNTERS; k++) {
        char why[256] = "";
        if (counts->valid >> k & 1) continue;
        tn__os_counters_explain(c, k, why, sizeof why);
        print_message("not counted here: %d (%s)\n", k, why);
        assert_true(strlen(why) > 10);
    }
}

static void of_the_system(void **state) {
    (void)state;
    enum { PAGES = 64 };
    tn__os_counters c;
    tn__os_counts before, after;
    tn__os_counter_source.open(&c);
    tn__os_counter_source.read(&c, &before);
    say_missing(&c, &before);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    tn__os_refuse_large_pages(memory, PAGES * page);
    for (size_t i = 0; i < PAGES; i++) ((volatile char *)memory)[i * page] = 1;
    tn__os_counter_source.read(&c, &after);
    assert_int_equal(after.valid, before.valid);
    assert_int_equal(after.valid & SYSTEM, SYSTEM);
    assert_true(after.value[TN__COUNTER_page_faults] - before.value[TN__COUNTER_page_faults] >= PAGES);
    assert_true(after.value[TN__COUNTER_cpu_ns] > before.value[TN__COUNTER_cpu_ns]);
    bool events = after.valid & TN_COUNTER_CYCLES;
    if (events) assert_true(after.value[TN__COUNTER_cycles] > before.value[TN__COUNTER_cycles]);
    if (events) assert_true(after.value[TN__COUNTER_instructions] > before.value[TN__COUNTER_instructions]);
    munmap(memory, PAGES * page);
    tn__os_counter_source.close(&c);
    assert_int_equal(c.thread, 0);
    if (!events) skip(); /* a filter forbids perf_event_open: its group was not tried */
}

/* The system's own in a context whose threads have the identity of ended ones: time goes on for each. */
static void of_the_system_in_runs(void **state) {
    (void)state;
    tn_context *before = context;
    ok(tn_context_create(NULL, &context));
    tn_graph *g = model();
    tn_executable *x = compiled(g, NULL);
    uint64_t last = 0, last_cpu = 0;
    bool counted = true;
    for (int i = 0; i < 3; i++) {
        tn__os_thread t;
        assert_true(tn__os_thread_start(&t, run_body, x));
        tn__os_thread_join(&t);
        tn_profile_row r = row_of(x, "det");
        assert_int_equal(r.counted & SYSTEM, SYSTEM);
        assert_true(r.cpu_ns > last_cpu);
        counted = r.counted & TN_COUNTER_CYCLES;
        if (counted) assert_true(r.cycles > last);
        else assert_int_equal(r.cycles, 0);
        last = r.cycles, last_cpu = r.cpu_ns;
    }
    tn_executable_release(x);
    tn_graph_release(g);
    tn_context_release(context);
    context = before;
    if (!counted) skip();
}

/* A process that may open no more files runs and times as before. */
static void no_files_left(void **state) {
    (void)state;
    tn_context *before = context;
    struct rlimit limit, none;
    ok(tn_context_create(NULL, &context));
    tn_graph *g = model();
    tn_executable *x = compiled(g, NULL);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run(x);
    tn__os_counters c;
    tn__os_counts counts;
    tn__os_counter_source.open(&c);
    tn__os_counter_source.read(&c, &counts);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(counts.valid, SYSTEM);
    say_missing(&c, &counts);
    tn__os_counter_source.close(&c);
    tn_profile_row r = row_of(x, "det");
    assert_int_equal(r.counted, SYSTEM);
    assert_int_equal(r.cycles | r.instructions | r.cache_misses, 0);
    assert_int_equal(r.runs, 1);
    assert_true(r.total_ns > 0);
    tn_executable_release(x);
    tn_graph_release(g);
    tn_context_release(context);
    context = before;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_all_threads), cmocka_unit_test(missing_is_not_zero), cmocka_unit_test(workers_without), cmocka_unit_test(loops),
        cmocka_unit_test(threads_that_end),     cmocka_unit_test(no_seat),             cmocka_unit_test(of_the_system),   cmocka_unit_test(of_the_system_in_runs),
        cmocka_unit_test(no_files_left),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
