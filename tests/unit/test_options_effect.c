/* Every option is read by code and changes something that can be seen. A row of options.def without a check here does not compile. */
#include <dirent.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/counters.h"
#include "base/os_topology.h"
#include "session/options.h"
#include "tenon/tenon.h"

static tn_context *c;
static char folder[64]; /* for the code cache */

typedef struct setting {
    const char *key, *value;
} setting;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static void expect_error(tn_error *e, tn_error_code code) {
    assert_int_equal(tn_error_get_code(e), code);
    tn_error_destroy(e);
}

/* relu(x * w) + x, of shape [N, 256]; large enough to be shared between threads. */
enum { ROWS = 256, COLUMNS = 256 };

static tn_graph *new_graph(bool open) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    int64_t dims[] = {open ? tn_graph_symbol(g, "N") : ROWS, COLUMNS}, square[] = {COLUMNS, COLUMNS};
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, dims), w = tn_graph_input(g, "w", TN_DTYPE_f32, 2, square);
    tn_value y = tn_graph_op(g, "matmul", (tn_value[]){x, w}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "add", (tn_value[]){y, x}, 2, NULL, 0, 1));
    ok(tn_graph_check(g));
    return g;
}

static tn_error *compile(tn_graph *g, const setting *settings, size_t n, tn_executable **out) {
    tn_options *o;
    ok(tn_options_create(c, &o));
    ok(tn_options_set(o, "cache_dir", folder));
    ok(tn_options_set(o, "threads", "1"));
    for (size_t i = 0; i < n; i++) ok(tn_options_set(o, settings[i].key, settings[i].value));
    tn_error *e = tn_compile(g, o, out);
    tn_options_release(o);
    return e;
}

#define COMPILE(g, ...) compile_or_fail(g, (const setting[]){__VA_ARGS__}, sizeof((const setting[]){__VA_ARGS__}) / sizeof(setting))
static tn_executable *compile_or_fail(tn_graph *g, const setting *settings, size_t n) {
    tn_executable *x;
    ok(compile(g, settings, n, &x));
    return x;
}

static tn_executable_stats stats_of(tn_executable *x) {
    tn_executable_stats s = {.struct_size = sizeof s};
    ok(tn_executable_get_stats(x, &s));
    return s;
}

/* One run with x and w filled with `value`; the first element of the result. */
static float run(tn_executable *x, int64_t rows, float value) {
    tn_tensor *in[2], *out = NULL;
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){rows, COLUMNS}, &in[0]));
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){COLUMNS, COLUMNS}, &in[1]));
    for (int i = 0; i < 2; i++)
        for (int64_t k = 0; k < tn_tensor_get_elements(in[i]); k++) ((float *)tn_tensor_get_data(in[i]))[k] = value;
    ok(tn_executable_run(x, in, 2, &out, 1));
    float first = *(float *)tn_tensor_get_data(out);
    tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(out);
    return first;
}

static int count_files(const char *path) {
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *f; d && (f = readdir(d));) n += f->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

/* Another thread of this process than the caller; 0: none. */
static int other_thread(void) {
    int found = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d));) {
        int id = atoi(f->d_name);
        if (id && id != getpid()) found = id;
    }
    closedir(d);
    return found;
}

static char state_of(int thread) {
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    const char *end = strrchr(text, ')');
    return end ? end[2] : '?';
}

/* ---- one check a row ----------------------------------------------------------------------------------------- */

static void check_device(void) {
    tn_graph *g = new_graph(false);
    tn_executable *cpu = COMPILE(g, {"device", "cpu"}), *ref = COMPILE(g, {"device", "ref"});
    assert_true(stats_of(cpu).n_kernels > 0);
    assert_int_equal(stats_of(ref).n_kernels, 0);
    tn_executable_release(cpu), tn_executable_release(ref), tn_graph_release(g);
}

static void check_threads(void) {
    tn_graph *g = new_graph(false);
    tn_executable *one = COMPILE(g, {"threads", "1"});
    assert_int_equal(other_thread(), 0);
    tn_executable *two = COMPILE(g, {"threads", "2"});
    assert_int_not_equal(other_thread(), 0);
    tn_executable_release(one), tn_executable_release(two), tn_graph_release(g);
}

/* An idle thread sleeps at once, or is still looking for work. */
static void check_spin_us(void) {
    tn_graph *g = new_graph(false);
    tn_executable *x = COMPILE(g, {"threads", "2"}, {"spin_us", "0"});
    run(x, ROWS, 1);
    for (int i = 0; i < 20000 && state_of(other_thread()) != 'S'; i++) usleep(1000);
    assert_int_equal(state_of(other_thread()), 'S');
    tn_executable_release(x);
    x = COMPILE(g, {"threads", "2"}, {"spin_us", "1000000"});
    run(x, ROWS, 1);
    for (int i = 0; i < 20 && state_of(other_thread()) != 'R'; i++) run(x, ROWS, 1); /* we were held up for a second */
    assert_int_equal(state_of(other_thread()), 'R');
    tn_executable_release(x), tn_graph_release(g);
}

/* True in a build without libhwloc, where the setting has to be refused. */
static bool refused(tn_graph *g, const char *key, const char *value) {
    if (tn__topology_is_built()) return false;
    tn_executable *x;
    expect_error(compile(g, &(setting){key, value}, 1, &x), TN_ERROR_UNSUPPORTED);
    return true;
}

static void check_affinity(void) {
    tn_graph *g = new_graph(false);
    cpu_set_t all, set;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    static const char *const values[] = {"compact", "cores", "spread"}; /* which processors: tests/unit/test_topology.c */
    tn_executable *x;
    for (int k = 0; k < 3; k++) {
        if (k && refused(g, "affinity", values[k])) continue;
        x = COMPILE(g, {"threads", "2"}, {"affinity", values[k]});
        for (int i = 0; i < 20000; i++) { /* the thread does it when it begins */
            assert_int_equal(sched_getaffinity(other_thread(), sizeof set, &set), 0);
            if (CPU_COUNT(&set) == 1) break;
            usleep(1000);
        }
        assert_int_equal(CPU_COUNT(&set), 1);
        tn_executable_release(x);
    }
    x = COMPILE(g, {"threads", "2"}, {"affinity", "none"});
    assert_int_equal(sched_getaffinity(other_thread(), sizeof set, &set), 0);
    assert_true(CPU_EQUAL(&all, &set));
    tn_executable_release(x), tn_graph_release(g);
}

/* 256 * (2^-65)^2 + 2^-65 is normal; the products are not. relu(x * w) alone would be 0. */
static void check_denormals(void) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){ROWS, COLUMNS});
    tn_value w = tn_graph_input(g, "w", TN_DTYPE_f32, 2, (int64_t[]){COLUMNS, COLUMNS});
    tn_graph_output(g, "y", tn_graph_op(g, "matmul", (tn_value[]){x, w}, 2, NULL, 0, 1));
    tn_executable *keep = COMPILE(g, {"denormals", "keep"}), *flush = COMPILE(g, {"denormals", "flush"});
    tn_executable *two = COMPILE(g, {"denormals", "flush"}, {"threads", "2"});
    float tiny = 0x1p-70f;
    assert_true(run(keep, ROWS, tiny) == 0x1p-132f);
    assert_true(run(flush, ROWS, tiny) == 0);
    assert_true(run(two, ROWS, tiny) == 0);
    assert_true(run(keep, ROWS, tiny) == 0x1p-132f); /* the thread's mode is as it was */
    volatile float here = 0x1p-126f;
    assert_true(here * 0.5f != 0);
    tn_executable_release(keep), tn_executable_release(flush), tn_executable_release(two), tn_graph_release(g);
}

static void check_memory_limit(void) {
    tn_graph *g = new_graph(false);
    tn_executable *x;
    expect_error(compile(g, &(setting){"memory_limit", "16"}, 1, &x), TN_ERROR_LIMIT_EXCEEDED);
    x = COMPILE(g, {"memory_limit", "1000000000"});
    tn_executable_release(x), tn_graph_release(g);
}

/* Bytes of this process's memory with a flag of the kernel: "hg" asked for huge pages, "nh" wants none. */
static size_t flagged(const char *flag) {
    char line[512], wanted[8];
    snprintf(wanted, sizeof wanted, " %s", flag);
    size_t kib = 0, sum = 0;
    FILE *f = fopen("/proc/self/smaps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        (void)sscanf(line, "Size: %zu kB", &kib);
        if (!strncmp(line, "VmFlags:", 8) && strstr(line, wanted)) sum += kib << 10;
    }
    fclose(f);
    return sum;
}

/* Large blocks as mappings of their own, which leave no flag behind when they go. */
enum { OWN_MAPPING = 1 << 20 };
static void *map_allocate(void *self, size_t bytes, size_t align) {
    (void)self;
    if (bytes < OWN_MAPPING) return aligned_alloc(align, (bytes + align - 1) / align * align);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void map_deallocate(void *self, void *memory, size_t bytes) {
    (void)self;
    if (bytes < OWN_MAPPING) free(memory);
    else assert_int_equal(munmap(memory, bytes), 0);
}

/* x * w * v: 8 MiB of w, and 8 MiB between the two. */
static tn_graph *new_large_graph(void) {
    enum { N = 128, MIDDLE = 16384, BYTES = N * MIDDLE * 4 };
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_tensor *w;
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){N, MIDDLE}, &w));
    for (int i = 0; i < N * MIDDLE; i++) ((float *)tn_tensor_get_data(w))[i] = (float)(i % 7);
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){N, N});
    tn_value v = tn_graph_input(g, "v", TN_DTYPE_f32, 2, (int64_t[]){MIDDLE, 1});
    tn_value y = tn_graph_op(g, "matmul", (tn_value[]){x, tn_graph_constant(g, w)}, 2, NULL, 0, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "matmul", (tn_value[]){y, v}, 2, NULL, 0, 1));
    ok(tn_graph_check(g));
    tn_tensor_release(w);
    return g;
}

/* What compiling and then one run add to the memory with each flag. */
typedef struct pages {
    size_t huge[2], none[2];
} pages;

static void run_large(tn_executable *x) {
    tn_tensor *in[2], *y = NULL;
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){128, 128}, &in[0]));
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){16384, 1}, &in[1]));
    memset(tn_tensor_get_data(in[0]), 0, 128 * 128 * 4), memset(tn_tensor_get_data(in[1]), 0, 16384 * 4);
    ok(tn_executable_run(x, in, 2, &y, 1));
    tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(y);
}

static pages pages_of(tn_graph *g, const char *value, tn_executable **out) {
    pages p;
    size_t huge = flagged("hg"), none = flagged("nh");
    *out = COMPILE(g, {"huge_pages", value}, {"passes_off", "fuse,stages"});
    p.huge[0] = flagged("hg") - huge, p.none[0] = flagged("nh") - none;
    run_large(*out);
    p.huge[1] = flagged("hg") - huge - p.huge[0], p.none[1] = flagged("nh") - none - p.none[0];
    return p;
}

static void check_huge_pages(void) {
    enum { LEAST = 8 << 20 };
    void *probe = mmap(NULL, LEAST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool supported = probe != MAP_FAILED && !madvise(probe, LEAST, MADV_HUGEPAGE) && flagged("hg") >= LEAST;
    if (probe != MAP_FAILED) munmap(probe, LEAST);
    if (!supported) skip(); /* a kernel without transparent huge pages: nothing can be seen */
    tn_context *usual = c;
    tn_allocator own = {sizeof own, NULL, map_allocate, map_deallocate};
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .allocator = &own}, &c));
    tn_graph *g = new_large_graph();
    tn_executable *with, *without, *again;
    pages try = pages_of(g, "try", &with), off = pages_of(g, "off", &without), twice = pages_of(g, "off", &again);
    for (int i = 0; i < 2; i++) { /* the constants; the arena */
        assert_true(try.huge[i] >= LEAST && try.none[i] == 0);
        assert_true(off.none[i] >= LEAST && off.huge[i] == 0);
    }
    assert_true(twice.none[0] == 0 && twice.huge[0] == 0); /* shares the constants, but not those with the other setting */
    tn_executable_release(with), tn_executable_release(without), tn_executable_release(again), tn_graph_release(g);
    tn_context_release(c);
    c = usual;
}

/* Mappings of this process whose pages are to lie as the policy says. */
static int placed(const char *policy) {
    char line[512];
    int n = 0;
    FILE *f = fopen("/proc/self/numa_maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) n += strstr(line, policy) != NULL;
    fclose(f);
    return n;
}

/* The packed constants; the arena of the first run; both go back with the executable. */
static void check_numa(void) {
    tn_context *usual = c;
    tn_allocator own = {sizeof own, NULL, map_allocate, map_deallocate};
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .allocator = &own}, &c));
    tn_graph *g = new_large_graph();
    tn_executable *x = NULL;
    if (!refused(g, "numa", "interleave")) {
        tn_error *e = compile(g, &(setting){"numa", "interleave"}, 1, &x);
        if (tn_error_get_code(e) == TN_ERROR_UNSUPPORTED) { /* a container that forbids it */
            assert_non_null(strstr(tn_error_get_message(e), "option numa: "));
            tn_error_destroy(e);
        } else {
            ok(e);
            tn_executable_release(x);
            int before = placed("interleave");
            x = COMPILE(g, {"numa", "interleave"}, {"passes_off", "fuse,stages"});
            run_large(x);
            assert_true(placed("interleave") >= before + 2);
            tn_executable_release(x);
            assert_int_equal(placed("interleave"), before);
            x = COMPILE(g, {"numa", "default"}, {"passes_off", "fuse,stages"});
            run_large(x);
            assert_int_equal(placed("interleave"), before);
            tn_executable_release(x);
            x = COMPILE(g, {"numa", "local"}, {"passes_off", "fuse,stages"});
            run_large(x);
            assert_true(placed(" local") + placed(" prefer") >= 2);
            tn_executable_release(x);
        }
    }
    tn_graph_release(g), tn_context_release(c);
    c = usual;
}

static void check_compile_budget_ms(void) {
    tn_graph *g = new_graph(false);
    char own[80];
    snprintf(own, sizeof own, "%s/budget", folder);
    tn_executable *late = COMPILE(g, {"cache_dir", own}, {"compile_budget_ms", "1"});
    tn_executable *again = COMPILE(g, {"cache_dir", own}, {"compile_budget_ms", "1"});
    tn_executable *whole = COMPILE(g, {"cache_dir", own}, {"compile_budget_ms", "1000000000"});
    tn_executable *kept = COMPILE(g, {"cache_dir", own}, {"compile_budget_ms", "1"});
    assert_int_equal(stats_of(again).from_cache, 0); /* quick code is not kept */
    assert_true(stats_of(late).code_bytes != stats_of(whole).code_bytes);
    assert_true(stats_of(kept).from_cache > 0); /* what is there takes no time */
    assert_true(run(late, ROWS, 0.3f) == run(whole, ROWS, 0.3f));
    tn_executable_release(late), tn_executable_release(again), tn_executable_release(whole), tn_executable_release(kept), tn_graph_release(g);
}

static void check_passes_off(void) {
    tn_graph *g = new_graph(false);
    tn_executable *all = COMPILE(g, {"passes_off", ""}), *without = COMPILE(g, {"passes_off", "fuse"});
    assert_true(stats_of(without).n_kernels > stats_of(all).n_kernels);
    tn_executable *x;
    expect_error(compile(g, &(setting){"passes_off", "nothing"}, 1, &x), TN_ERROR_NOT_FOUND);
    tn_executable_release(all), tn_executable_release(without), tn_graph_release(g);
}

static void check_cache(void) {
    tn_graph *g = new_graph(false);
    tn_executable *first = COMPILE(g, {"cache", "on"}), *on = COMPILE(g, {"cache", "on"}), *off = COMPILE(g, {"cache", "off"});
    assert_true(stats_of(on).from_cache > 0);
    assert_int_equal(stats_of(off).from_cache, 0);
    tn_executable_release(first), tn_executable_release(on), tn_executable_release(off), tn_graph_release(g);
}

static void check_cache_dir(void) {
    char other[80];
    snprintf(other, sizeof other, "%s/other", folder);
    tn_graph *g = new_graph(false);
    tn_executable *x = COMPILE(g, {"cache_dir", other});
    assert_true(count_files(other) > 0);
    tn_executable_release(x), tn_graph_release(g);
}

static void check_cache_max_bytes(void) {
    char small[80];
    snprintf(small, sizeof small, "%s/small", folder);
    tn_graph *g = new_graph(false);
    tn_executable *x = COMPILE(g, {"cache_dir", small}, {"cache_max_bytes", "1"});
    tn_executable *again = COMPILE(g, {"cache_dir", small}, {"cache_max_bytes", "1"});
    assert_int_equal(stats_of(again).from_cache, 0);
    tn_executable_release(x), tn_executable_release(again), tn_graph_release(g);
}

static void check_cpu(void) {
    tn_graph *g = new_graph(false);
    tn_executable *x;
    expect_error(compile(g, &(setting){"cpu", "no-such-processor"}, 1, &x), TN_ERROR_INVALID_ARGUMENT);
    x = COMPILE(g, {"cpu", "x86-64-v3"});
    assert_true(run(x, ROWS, 1) == COLUMNS + 1);
    static const char *const names[] = {
#define TN_CPU(name, lanes, registers, half, dot4, needs) name,
#include "codegen/cpus.def"
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) { /* each runs here, or says what this processor lacks */
        tn_executable *other = NULL;
        tn_error *e = compile(g, &(setting){"cpu", names[i]}, 1, &other);
        if (e) assert_non_null(strstr(tn_error_get_message(e), "cannot run here"));
        else assert_true(run(other, ROWS, 1) == COLUMNS + 1);
        tn_error_destroy(e);
        tn_executable_release(other);
    }
    tn_executable_release(x), tn_graph_release(g);
}

static void check_max_specialisations(void) {
    tn_graph *g = new_graph(true);
    tn_executable *one = COMPILE(g, {"max_specialisations", "1"}), *two = COMPILE(g, {"max_specialisations", "2"});
    for (int64_t rows = 1; rows <= 3; rows++) run(one, rows, 1), run(two, rows, 1);
    assert_int_equal(stats_of(one).n_specialisations, 1);
    assert_int_equal(stats_of(two).n_specialisations, 2);
    tn_executable_release(one), tn_executable_release(two), tn_graph_release(g);
}

/* A counter of cycles that passes five with every look at it; there are no others. */
static void planted_open(tn__os_counters *out) { out->thread = 1; }
static void planted_close(tn__os_counters *counters) { counters->thread = 0; }
static void planted_read(const tn__os_counters *counters, tn__os_counts *out) {
    static atomic_uint_fast64_t looks;
    (void)counters;
    *out = (tn__os_counts){.valid = TN_COUNTER_CYCLES, .value[TN__COUNTER_cycles] = 5 * atomic_fetch_add(&looks, 1)};
}

static void check_profile(void) {
    tn_graph *g = new_graph(false);
    tn_executable *on = COMPILE(g, {"profile", "on"}), *off = COMPILE(g, {"profile", "off"});
    tn_profile *p = NULL;
    run(on, ROWS, 1);
    ok(tn_executable_get_profile(on, &p));
    assert_true(tn_profile_get_count(p) > 0);
    tn_profile_row row = {.struct_size = sizeof row};
    ok(tn_profile_get_row(p, 0, &row));
    assert_int_equal(row.counted, 0);
    tn_profile_release(p);
    expect_error(tn_executable_get_profile(off, &p), TN_ERROR_INVALID_ARGUMENT);
    static const tn__counter_source planted = {planted_open, planted_read, planted_close};
    tn__counters_of(c)->source = &planted;
    tn_executable *counting = COMPILE(g, {"profile", "counters"});
    run(counting, ROWS, 1);
    ok(tn_executable_get_profile(counting, &p));
    ok(tn_profile_get_row(p, 0, &row));
    assert_int_equal(row.counted, TN_COUNTER_CYCLES);
    assert_true(row.cycles > 0 && row.instructions == 0);
    tn_profile_release(p);
    tn_executable_release(on), tn_executable_release(off), tn_executable_release(counting), tn_graph_release(g);
}

static unsigned heard[TN_LOG_DEBUG + 1];
static void hear(void *self, tn_log_level level, const char *message) { heard[level]++; }

static void check_log_level(void) {
    tn_context *usual = c;
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .log = hear}, &c));
    tn_graph *g = new_graph(false);
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        memset(heard, 0, sizeof heard);
        tn_executable *x = COMPILE(g, {"log_level", levels[i]});
        assert_int_equal(heard[TN_LOG_INFO], i >= 2); /* the line of the compilation */
        assert_true(i == 3 ? heard[TN_LOG_DEBUG] > 10 : !heard[TN_LOG_DEBUG]); /* one a pass */
        tn_executable_release(x);
    }
    tn_graph_release(g), tn_context_release(c);
    c = usual;
}

/* Is the text somewhere in the file? */
static bool file_has(const char *path, const char *text) {
    static char all[1 << 20];
    FILE *f = fopen(path, "r");
    if (!f) return false;
    all[fread(all, 1, sizeof all - 1, f)] = 0;
    fclose(f);
    return strstr(all, text) != NULL;
}

static void check_trace(void) {
    char path[80];
    snprintf(path, sizeof path, "%s/t.json", folder);
    tn_graph *g = new_graph(false);
    tn_executable *x = COMPILE(g, {"trace", path});
    assert_true(file_has(path, "\"name\":\"lowering\"") && !file_has(path, "\"cat\":\"run\""));
    run(x, ROWS, 1);
    assert_true(file_has(path, "\"cat\":\"run\"") && file_has(path, "\"cat\":\"kernel\""));
    tn_executable_release(x), tn_graph_release(g);
}

static void check_dump_graphs(void) {
    char dump[80], path[160];
    snprintf(dump, sizeof dump, "%s/dump", folder);
    assert_int_equal(mkdir(dump, 0700), 0);
    tn_graph *g = new_graph(true);
    tn_executable *x = COMPILE(g, {"dump_graphs", dump});
    assert_int_equal(count_files(dump), 0); /* nothing is known yet */
    run(x, 3, 1), run(x, 4, 1), run(x, 3, 1);
    assert_int_equal(count_files(dump), 2);
    snprintf(path, sizeof path, "%s/0001-g/00-graph.tn", dump);
    assert_true(file_has(path, "input %1 \"x\" : f32[3,256]"));
    snprintf(path, sizeof path, "%s/0002-g/00-graph.tn", dump);
    assert_true(file_has(path, "input %1 \"x\" : f32[4,256]"));
    tn_executable_release(x), tn_graph_release(g);
}

/* Weights of 1 + 2^-12: a bf16 and an f16 are 1. Both need half the bytes. The last column keeps them from being one number. */
static void check_precision(void) {
    static float w[COLUMNS * COLUMNS];
    for (int i = 0; i < COLUMNS * COLUMNS; i++) w[i] = i % COLUMNS == COLUMNS - 1 ? 2 : 1 + 0x1p-12f;
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){1, COLUMNS});
    tn_value k = tn_graph_constant_copy(g, TN_DTYPE_f32, 2, (int64_t[]){COLUMNS, COLUMNS}, w);
    tn_graph_output(g, "y", tn_graph_op(g, "matmul", (tn_value[]){x, k}, 2, NULL, 0, 1));
    static const char *const types[] = {"f32", "bf16", "f16", "int8", "tf32"};
    uint64_t bytes[5];
    for (int i = 0; i < 5; i++) {
        tn_executable *e = COMPILE(g, {"precision", types[i]});
        tn_tensor *in, *out = NULL;
        ok(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){1, COLUMNS}, &in));
        for (int n = 0; n < COLUMNS; n++) ((float *)tn_tensor_get_data(in))[n] = 1;
        ok(tn_executable_run(e, &in, 1, &out, 1));
        const float exact = COLUMNS * (1 + 0x1p-12f), scale = (1 + 0x1p-12f) / 127;
        assert_true(*(float *)tn_tensor_get_data(out) == (i == 0 ? exact : i == 3 ? COLUMNS * 127 * scale : COLUMNS));
        assert_int_equal(stats_of(e).n_narrowed, i > 0);
        bytes[i] = stats_of(e).constant_bytes;
        tn_tensor_release(in), tn_tensor_release(out), tn_executable_release(e);
    }
    assert_int_equal(bytes[1] * 2, bytes[0]);
    assert_int_equal(bytes[2] * 2, bytes[0]);
    assert_int_equal(bytes[3], bytes[0] / 4 + COLUMNS * sizeof(float)); /* and a scale a column */
    assert_int_equal(bytes[4], bytes[0]);
    tn_graph_release(g);
}

/* Portable code is that for x86-64-v3, whatever this processor is. */
static void check_determinism(void) {
    tn_graph *g = new_graph(false);
    tn_executable *v3 = COMPILE(g, {"cpu", "x86-64-v3"}), *portable = COMPILE(g, {"determinism", "portable"}), *x;
    assert_true(stats_of(portable).from_cache > 0); /* it is that code */
    expect_error(compile(g, (const setting[]){{"determinism", "portable"}, {"cpu", "x86-64"}}, 2, &x), TN_ERROR_UNSUPPORTED);
    assert_true(run(portable, ROWS, 0.3f) == run(v3, ROWS, 0.3f));
    tn_executable_release(v3), tn_executable_release(portable), tn_graph_release(g);
}

/* y = conv(x, w), 3x3, 64 channels of 28 x 28. */
static tn_graph *new_convolution(void) {
    tn_graph *g;
    static float w[64 * 64 * 9];
    for (int i = 0; i < 64 * 64 * 9; i++) w[i] = (float)(i % 13) - 6;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (int64_t[]){1, 64, 28, 28});
    tn_value k = tn_graph_constant_copy(g, TN_DTYPE_f32, 4, (int64_t[]){64, 64, 3, 3}, w);
    tn_graph_output(g, "y", tn_graph_op(g, "conv", (tn_value[]){x, k}, 2, NULL, 0, 1));
    ok(tn_graph_check(g));
    return g;
}

static uint64_t flops_with(tn_graph *g, const char *winograd, const char *most) {
    tn_executable *x = COMPILE(g, {"winograd", winograd}, {"winograd_max_error", most});
    uint64_t flops = stats_of(x).flops;
    tn_executable_release(x);
    return flops;
}

/* A quarter of the multiplications. */
static void check_winograd(void) {
    tn_graph *g = new_convolution();
    uint64_t off = flops_with(g, "off", "1"), on = flops_with(g, "auto", "1");
    assert_true(on < off / 2 && on >= off / 4);
    tn_graph_release(g);
}

/* Between the bounds of both tile sizes: the small one; under both: none. */
static void check_winograd_max_error(void) {
    tn_graph *g = new_convolution();
    uint64_t off = flops_with(g, "off", "1"), large = flops_with(g, "auto", "1"), small = flops_with(g, "auto", "5e-5");
    assert_true(large < small && small < off);
    assert_true(flops_with(g, "auto", "1e-6") == off && flops_with(g, "auto", "0") == off);
    tn_graph_release(g);
}

static tn_error *compile_tuned(tn_graph *g, const char *tuning, const char *file, const char *budget) {
    tn_executable *x;
    tn_error *e = compile(g, (const setting[]){{"tuning", tuning}, {"tuning_file", file}, {"tuning_budget_ms", budget}}, 3, &x);
    tn_executable_release(x);
    return e;
}

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

static void check_tuning(void) {
    char file[100];
    snprintf(file, sizeof file, "%s/tuned", folder);
    tn_graph *g = new_graph(false);
    ok(compile_tuned(g, "ignore", file, "0"));
    ok(compile_tuned(g, "use", file, "0"));
    assert_false(is_there(file));
    expect_error(compile_tuned(g, "require", file, "0"), TN_ERROR_NOT_FOUND);
    ok(compile_tuned(g, "record", file, "0"));
    ok(compile_tuned(g, "require", file, "0"));
    tn_graph_release(g);
}

static void check_tuning_file(void) {
    char one[100], two[100];
    snprintf(one, sizeof one, "%s/one", folder), snprintf(two, sizeof two, "%s/two", folder);
    tn_graph *g = new_graph(false);
    ok(compile_tuned(g, "record", one, "0"));
    assert_true(is_there(one));
    expect_error(compile_tuned(g, "require", two, "0"), TN_ERROR_NOT_FOUND);
    tn_graph_release(g);
}

/* Without time nothing is tried. */
static void check_tuning_budget_ms(void) {
    char file[100], trials[120];
    snprintf(file, sizeof file, "%s/tuned-budget", folder), snprintf(trials, sizeof trials, "%s.trials", file);
    tn_graph *g = new_graph(false);
    ok(compile_tuned(g, "record", file, "0"));
    assert_false(is_there(trials));
    assert_int_equal(unlink(file), 0);
    ok(compile_tuned(g, "record", file, "1000"));
    assert_true(is_there(trials));
    tn_graph_release(g);
}

static void check_fast_math(void) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){ROWS, COLUMNS});
    tn_value w = tn_graph_input(g, "w", TN_DTYPE_f32, 2, (int64_t[]){COLUMNS, COLUMNS});
    tn_value y = tn_graph_op(g, "add", (tn_value[]){tn_graph_op(g, "exp", &x, 1, NULL, 0, 1), w}, 2, NULL, 0, 1);
    tn_graph_output(g, "y", y);
    tn_executable *none = COMPILE(g, {"fast_math", "none"}), *approx = COMPILE(g, {"fast_math", "approx"});
    assert_int_equal(stats_of(approx).from_cache, 0); /* other code */
    assert_true(run(none, ROWS, 88.5f) < INFINITY);
    assert_true(run(approx, ROWS, 88.5f) == INFINITY); /* as fast_math.def says */
    assert_true(run(approx, ROWS, 0) == 1);
    tn_executable_release(none), tn_executable_release(approx), tn_graph_release(g);
}

static uint32_t kernels_with(tn_graph *g, const char *layout) {
    tn_executable *x = COMPILE(g, {"layout", layout});
    uint32_t n = stats_of(x).n_kernels;
    tn_executable_release(x);
    return n;
}

/* Blocks are cheaper here, though the row-major input and output have to change for them. */
static void check_layout(void) {
    tn_graph *g = new_convolution();
    assert_true(kernels_with(g, "auto") == kernels_with(g, "blocked") && kernels_with(g, "nchw") < kernels_with(g, "blocked"));
    tn_graph_release(g);
}

/* ---- all rows ------------------------------------------------------------------------------------------------ */

#define TN_OPTION(name, type, default_, low, high, choices, help) \
    static void test_##name(void **state) { check_##name(); }
#include "session/options.def"

int main(void) {
    strcpy(folder, "/tmp/tenon-effect-XXXXXX");
    if (!mkdtemp(folder) || tn_context_create(NULL, &c)) return 2;
    const struct CMUnitTest tests[] = {
#define TN_OPTION(name, type, default_, low, high, choices, help) cmocka_unit_test(test_##name),
#include "session/options.def"
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(c);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) || failed;
}
