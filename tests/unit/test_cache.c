/* The disk cache of compiled code: a hit gives the same bits; a damaged, cut or foreign entry is compiled anew and replaced; a folder
 * that cannot be used is no error. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "expect.h"
#include "tenon/tenon.h"
#include <string.h>

static tn_context *context;
static char root[64], folder[96];
static unsigned notes;
static const char *bound; /* cache_max_bytes; NULL: the default */

static void note(void *self, tn_log_level level, const char *message) {
    if (level == TN_LOG_INFO && strstr(message, "code cache")) notes++;
}

/* exp(relu(x + 1)) of n elements. */
static void run(int64_t n, const char *dir, float *out, tn_executable_stats *s) {
    tn_graph *g;
    ok(tn_graph_create(context, "net", &g));
    int64_t one = 1;
    tn_tensor *t, *x, *y = NULL;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 1, &one, &t));
    *(float *)tn_tensor_get_data(t) = 1.0f;
    tn_value in[2] = {tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n), tn_graph_constant(g, t)};
    tn_value sum = tn_graph_op(g, "add", in, 2, NULL, 0, 1), up = tn_graph_op(g, "relu", &sum, 1, NULL, 0, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "exp", &up, 1, NULL, 0, 1));
    ok(tn_graph_check(g));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 1, &n, &x));
    for (int64_t i = 0; i < n; i++) ((float *)tn_tensor_get_data(x))[i] = 0.25f * (float)(i - 9);
    tn_options *o;
    tn_executable *exe;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", "cpu"));
    ok(tn_options_set(o, "cache", "on"));
    ok(tn_options_set(o, "cache_dir", dir));
    if (bound) ok(tn_options_set(o, "cache_max_bytes", bound));
    ok(tn_compile(g, o, &exe));
    ok(tn_executable_run(exe, &x, 1, &y, 1));
    memcpy(out, tn_tensor_get_data(y), (size_t)n * sizeof *out);
    *s = (tn_executable_stats){.struct_size = sizeof *s};
    ok(tn_executable_get_stats(exe, s));
    assert_true(s->n_kernels > 0);
    tn_executable_release(exe);
    tn_options_release(o);
    tn_tensor_release(t), tn_tensor_release(x), tn_tensor_release(y);
    tn_graph_release(g);
}

/* Runs the graph of n elements; its code must (not) come from the cache, its results must be those of the first run. */
static void expect(int64_t n, const char *dir, bool cached) {
    static float first[64], now[64];
    tn_executable_stats s;
    run(n, "", first, &s);
    assert_int_equal(s.from_cache, 0);
    run(n, dir, now, &s);
    assert_int_equal(s.from_cache > 0, cached);
    assert_memory_equal(first, now, (size_t)n * sizeof *now);
}

/* The paths of the entries, at most two; how many. */
static int entries(char path[2][512]) {
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        assert_non_null(strstr(e->d_name, ".tno"));
        assert_null(strstr(e->d_name, ".tmp"));
        assert_true(n < 2);
        snprintf(path[n++], 512, "%s/%s", folder, e->d_name);
    }
    closedir(d);
    return n;
}

static size_t load(const char *path, unsigned char *data, size_t room) {
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(data, 1, room, f);
    assert_true(n < room);
    fclose(f);
    return n;
}

static void save(const char *path, const unsigned char *data, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

static void clear(void) {
    char path[2][512];
    for (int n = entries(path); n > 0; n--) unlink(path[n - 1]);
}

static void test_hit(void **state) {
    expect(20, folder, false);
    struct stat s;
    assert_int_equal(stat(folder, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    notes = 0;
    expect(20, folder, true);
    assert_int_equal(notes, 0);
    expect(21, folder, false);
    expect(21, folder, true);
    clear();
}

static void test_damage(void **state) {
    static unsigned char good[1 << 20], bad[1 << 20];
    char path[2][512];
    expect(20, folder, false);
    assert_int_equal(entries(path), 1);
    size_t n = load(path[0], good, sizeof good);
    const size_t at[] = {0, 8, 12, 16, 24, 32, 40, 48, 63, 64, 64 + (n - 64) / 2, n - 1};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        memcpy(bad, good, n);
        bad[at[i]] ^= 0x10;
        save(path[0], bad, n);
        notes = 0;
        expect(20, folder, false);
        assert_int_equal(notes, 1);
        expect(20, folder, true); /* it was replaced */
    }
    const size_t cut[] = {0, 1, 63, 64, 65, n - 1};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        save(path[0], good, cut[i]);
        expect(20, folder, false);
        expect(20, folder, true);
    }
    memcpy(bad, good, n);
    save(path[0], bad, n + 1); /* longer than it states */
    expect(20, folder, false);
    clear();
}

static void test_foreign(void **state) {
    static unsigned char data[1 << 20];
    char one[2][512], both[2][512];
    expect(20, folder, false);
    assert_int_equal(entries(one), 1);
    expect(21, folder, false);
    assert_int_equal(entries(both), 2);
    const char *other = strcmp(both[0], one[0]) ? both[0] : both[1];
    save(other, data, load(one[0], data, sizeof data));
    expect(21, folder, false);
    expect(21, folder, true);
    clear();
}

/* One entry holds the same bytes whatever the number of threads that compiled it. */
static void test_threads(void **state) {
    static unsigned char first[1 << 20], now[1 << 20];
    const char *threads[] = {"1", "2", "3", "7"};
    char path[2][512];
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        tn_graph *g;
        tn_options *o;
        tn_executable *exe;
        ok(tn_graph_create(context, "net", &g));
        for (int64_t k = 0; k < 12; k++) { /* kernels of many sizes, so that there are several units */
            int64_t dims[4] = {1, 3 + k, 5 + 3 * k, 7 + k}, filter[4] = {20 + k, 3 + k, 3, 3};
            tn_tensor *w;
            ok(tn_tensor_create(context, TN_DTYPE_f32, 4, filter, &w));
            tn_value in[3] = {tn_graph_input(g, "x", TN_DTYPE_f32, 4, dims), tn_graph_constant(g, w), {0}};
            tn_attr pads = {.name = "pads", .kind = TN_ATTR_INTS, .ints = (int64_t[]){1, 1, 1, 1}, .n = 4};
            tn_graph_output(g, "y", tn_graph_op(g, "conv", in, 3, &pads, 1, 1));
            tn_tensor_release(w);
        }
        ok(tn_graph_check(g));
        ok(tn_options_create(context, &o));
        ok(tn_options_set(o, "threads", threads[i]));
        ok(tn_options_set(o, "cache_dir", folder));
        ok(tn_compile(g, o, &exe));
        assert_int_equal(entries(path), 1);
        if (!i) {
            n = load(path[0], first, sizeof first);
            assert_true(first[64] > 1); /* objects in it: the test would show nothing with one */
        }
        else {
            assert_int_equal(load(path[0], now, sizeof now), n);
            assert_memory_equal(first, now, n);
        }
        clear();
        tn_executable_release(exe), tn_options_release(o), tn_graph_release(g);
    }
}

/* Kernels that differ in nothing but name and place are one function. */
static void test_equal_kernels(void **state) {
    uint64_t bytes[2];
    for (int more = 0; more < 2; more++) {
        tn_graph *g;
        tn_options *o;
        tn_executable *exe;
        int64_t n = 100;
        ok(tn_graph_create(context, "net", &g));
        for (int k = 0; k <= 4 * more; k++) {
            tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n);
            tn_graph_output(g, "y", tn_graph_op(g, "exp", &x, 1, NULL, 0, 1));
        }
        ok(tn_options_create(context, &o));
        ok(tn_options_set(o, "cache", "off"));
        ok(tn_compile(g, o, &exe));
        tn_executable_stats s = {.struct_size = sizeof s};
        ok(tn_executable_get_stats(exe, &s));
        assert_int_equal(s.n_kernels, more ? 10 : 2); /* each with a tail */
        bytes[more] = s.code_bytes;
        tn_executable_release(exe), tn_options_release(o), tn_graph_release(g);
    }
    assert_int_equal(bytes[0], bytes[1]);
}

static void test_unusable(void **state) {
    char path[192];
    snprintf(path, sizeof path, "%s/file", root);
    save(path, (const unsigned char *)"x", 1);
    snprintf(path, sizeof path, "%s/file/below", root);
    notes = 0;
    expect(20, path, false); /* below a file */
    assert_true(notes > 0);
    expect(20, "/proc/none/tenon", false);
    snprintf(path, sizeof path, "%s/open", root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
    expect(20, path, false); /* others could plant code */
    expect(20, path, false);
    assert_int_equal(chmod(path, 0500), 0);
    expect(20, path, false);
    expect(20, path, geteuid() == 0); /* root may write anywhere */
}

static int setup(void **state) {
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .log = note}, &context));
    strcpy(root, "/tmp/tenon_cache_XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/a/b", root);
    return 0;
}

static int teardown(void **state) {
    char command[192];
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", root, root);
    tn_context_release(context);
    return system(command) ? -1 : 0;
}

/* The name of the entry of n elements, and a time of last use of so many hours ago. */
static void entry_of(int64_t n, char name[512]) {
    char before[2][512];
    assert_int_equal(entries(before), 0);
    expect(n, folder, false);
    assert_int_equal(entries(before), 1);
    strcpy(name, before[0]);
    clear();
}

static void used_hours_ago(const char *path, int hours) {
    struct timespec t[2] = {{.tv_sec = time(NULL) - hours * 3600}, {.tv_sec = time(NULL) - hours * 3600}};
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static size_t bytes_of(const char *path) {
    struct stat s;
    return stat(path, &s) ? 0 : (size_t)s.st_size;
}

/* Of three entries in a folder for two the one goes that was used longest ago, by a hit or by being made. */
static void test_bound(void **state) {
    char name[3][512], text[32], other[512];
    for (int i = 0; i < 3; i++) entry_of(20 + i, name[i]);
    expect(20, folder, false);
    expect(21, folder, false);
    snprintf(text, sizeof text, "%zu", 2 * bytes_of(name[0]) + bytes_of(name[0]) / 2);
    bound = text;
    snprintf(other, sizeof other, "%s/0123456789abcdef.txt", folder); /* not of this cache: stays, and counts for nothing */
    static const unsigned char nothing[100000];
    save(other, nothing, sizeof nothing);
    used_hours_ago(other, 100);
    used_hours_ago(name[0], 3), used_hours_ago(name[1], 2);
    expect(20, folder, true); /* now 21 is the oldest */
    expect(22, folder, false);
    assert_int_equal(bytes_of(name[1]), 0);
    assert_true(bytes_of(name[0]) && bytes_of(name[2]));
    used_hours_ago(name[0], 2), used_hours_ago(name[2], 3);
    expect(21, folder, false);
    assert_int_equal(bytes_of(name[2]), 0);
    assert_true(bytes_of(name[0]) && bytes_of(name[1]));
    assert_int_equal(bytes_of(other), sizeof nothing);
    bound = "0"; /* none */
    expect(22, folder, false);
    assert_true(bytes_of(name[0]) && bytes_of(name[1]) && bytes_of(name[2]));
    unlink(other);
    for (int i = 0; i < 3; i++) unlink(name[i]);
    bound = "100"; /* no entry fits */
    expect(20, folder, false);
    assert_int_equal(bytes_of(name[0]), 0);
    expect(20, folder, false);
    bound = NULL;
}

/* What a process that died while it wrote left behind goes after an hour; what may still be written stays. */
static void test_abandoned(void **state) {
    char name[512], old[600], fresh[600];
    entry_of(20, name);
    snprintf(old, sizeof old, "%s.1a.2b.tmp", name);
    snprintf(fresh, sizeof fresh, "%s.1a.2c.tmp", name);
    save(old, (const unsigned char *)"half", 4);
    save(fresh, (const unsigned char *)"half", 4);
    used_hours_ago(old, 2);
    expect(20, folder, false);
    assert_int_equal(bytes_of(old), 0);
    assert_int_equal(bytes_of(fresh), 4);
    unlink(fresh);
    clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hit), cmocka_unit_test(test_damage), cmocka_unit_test(test_foreign),
                                       cmocka_unit_test(test_unusable), cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_equal_kernels), cmocka_unit_test(test_bound),
                                       cmocka_unit_test(test_abandoned)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
