/* Option trace within a process: executables, threads and contexts that share a path; the caller's hook beside it; a file that is full; a
 * process that was forked off. That the file is JSON is checked by tests/cli/trace_option.sh. */
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os_thread.h"
#include "session/trace_file.h"
#include "tenon/tenon.h"

static char folder[64];
static unsigned warnings;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static void hear(void *self, tn_log_level level, const char *message) { warnings += level == TN_LOG_WARN && strstr(message, "trace '"); }

static tn_context *new_context(void) {
    tn_context *c;
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .log = hear}, &c));
    return c;
}

static const char *path_of(const char *name) {
    static char paths[4][128];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", folder, name);
    return p;
}

static char *contents(const char *name) {
    static char all[4 << 20];
    FILE *f = fopen(path_of(name), "r");
    assert_non_null(f);
    all[fread(all, 1, sizeof all - 1, f)] = 0;
    fclose(f);
    return all;
}

static unsigned count(const char *all, const char *text) {
    unsigned n = 0;
    while ((all = strstr(all, text))) n++, all++;
    return n;
}

/* softmax(x x), on two threads. */
static tn_executable *compile(tn_context *c, const char *graph, const char *device, const char *file, const tn_hook *hook) {
    tn_graph *g;
    tn_options *o;
    tn_executable *x;
    ok(tn_graph_create(c, graph, &g));
    tn_value v = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){256, 256});
    v = tn_graph_op(g, "matmul", (tn_value[]){v, v}, 2, NULL, 0, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "softmax", &v, 1, NULL, 0, 1));
    ok(tn_options_create(c, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_options_set(o, "trace", path_of(file)));
    if (hook) ok(tn_options_set_hook(o, hook));
    ok(tn_compile(g, o, &x));
    tn_options_release(o), tn_graph_release(g);
    return x;
}

static void run(tn_context *c, tn_executable *x) {
    tn_tensor *in, *out = NULL;
    ok(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){256, 256}, &in));
    memset(tn_tensor_get_data(in), 0, 256 * 256 * 4);
    ok(tn_executable_run(x, &in, 1, &out, 1));
    tn_tensor_release(in), tn_tensor_release(out);
}

static void test_executables_share_a_file(void **state) {
    tn_context *c = new_context();
    tn_executable *x = compile(c, "first", "cpu", "a.json", NULL);
    run(c, x);
    tn_executable_release(x); /* the file stays open: the next does not begin it anew */
    x = compile(c, "second", "ref", "a.json", NULL);
    run(c, x), run(c, x);
    tn_executable_release(x), tn_context_release(c);
    const char *all = contents("a.json");
    assert_int_equal(count(all, "\"cat\":\"run\""), 3);
    assert_int_equal(count(all, "\"name\":\"first\""), 2); /* compiled, and run once */
    assert_int_equal(count(all, "\"name\":\"second\""), 3);
    assert_int_equal(count(all, "\"ph\":\"B\""), count(all, "\"ph\":\"E\""));
    assert_string_equal(all + strlen(all) - 3, "\n]\n");
}

static void test_contexts_have_their_own(void **state) {
    tn_context *c[3] = {new_context(), new_context(), new_context()};
    tn_executable *x[3];
    for (int i = 0; i < 2; i++) x[i] = compile(c[i], "g", "ref", "b.json", NULL);
    x[2] = compile(c[2], "g", "ref", "./b.json", NULL); /* the same file by another name */
    for (int i = 0; i < 3; i++)
        for (int k = 0; k <= i; k++) run(c[i], x[i]);
    for (int i = 0; i < 3; i++) tn_executable_release(x[i]), tn_context_release(c[i]);
    assert_int_equal(count(contents("b.json"), "\"cat\":\"run\""), 1);
    assert_int_equal(count(contents("b.2.json"), "\"cat\":\"run\""), 2);
    assert_int_equal(count(contents("b.3.json"), "\"cat\":\"run\""), 3);
}

static int begun, ended;
static atomic_int parts; /* whoever did them */
static void on_begin(void *self, const tn_profile_row *row) { begun++; }
static void on_end(void *self, const tn_profile_row *row) { ended++; }
static void on_part(void *self, const tn_profile_row *row, int32_t worker, uint64_t begin_ns, uint64_t end_ns) {
    atomic_fetch_add(&parts, 1);
}

static void test_callers_hook_beside_it(void **state) {
    tn_context *c = new_context();
    tn_hook hook = {sizeof hook, NULL, on_begin, on_end, on_part};
    tn_executable *x = compile(c, "g", "cpu", "c.json", &hook);
    int phases = begun;
    run(c, x);
    tn_executable_release(x), tn_context_release(c);
    const char *all = contents("c.json");
    assert_true(phases > 10 && begun > phases && atomic_load(&parts) > 0);
    assert_int_equal(begun, ended);
    assert_int_equal(count(all, "\"ph\":\"B\""), begun + 2); /* and the compilation, and the run */
}

typedef struct caller {
    tn_context *c;
    tn_executable *x;
    tn__os_thread thread;
} caller;

static void call(void *self) {
    caller *t = self;
    for (int i = 0; i < 20; i++) run(t->c, t->x);
}

/* One on the pool, the others alone: all in one file, each on its own row. */
static void test_threads(void **state) {
    enum { THREADS = 4 };
    tn_context *c = new_context();
    caller t[THREADS];
    tn_executable *x = compile(c, "g", "cpu", "d.json", NULL);
    for (int i = 0; i < THREADS; i++) {
        t[i] = (caller){.c = c, .x = x};
        assert_true(tn__os_thread_start(&t[i].thread, call, &t[i]));
    }
    for (int i = 0; i < THREADS; i++) tn__os_thread_join(&t[i].thread);
    tn_executable_release(x), tn_context_release(c);
    const char *all = contents("d.json");
    assert_int_equal(count(all, "\"cat\":\"run\""), 20 * THREADS);
    assert_int_equal(count(all, "\"ph\":\"B\""), count(all, "\"ph\":\"E\""));
    assert_int_equal(count(all, "\n{"), count(all, "},\n") + 1); /* no line within another */
}

static void test_full(void **state) {
    enum { MOST = 5000 };
    tn_context *c = new_context();
    tn__trace *t;
    const tn__logger log = {.context = c};
    ok(tn__trace_open(c, path_of("e.json"), MOST, &log, &t));
    assert_string_equal(tn__trace_path(t), path_of("e.json"));
    warnings = 0;
    for (int i = 0; i < 200; i++) tn__trace_begin(t, "run", "again and again"), tn__trace_end(t);
    assert_int_equal(warnings, 1);
    tn_context_release(c);
    const char *all = contents("e.json");
    assert_true(strlen(all) > MOST / 2 && strlen(all) <= MOST + 3);
    assert_string_equal(all + strlen(all) - 3, "\n]\n");
}

static void test_forked(void **state) {
    tn_context *c = new_context();
    tn__trace *t;
    const tn__logger log = {.context = c};
    ok(tn__trace_open(c, path_of("f.json"), TN__TRACE_MOST_BYTES, &log, &t));
    tn__trace_begin(t, "run", "parent"), tn__trace_end(t);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        tn__trace_begin(t, "run", "child"), tn__trace_end(t);
        tn_context_release(c);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    tn__trace_begin(t, "run", "parent"), tn__trace_end(t);
    tn_context_release(c);
    const char *all = contents("f.json");
    assert_int_equal(count(all, "parent"), 2);
    assert_int_equal(count(all, "child"), 0);
    assert_int_equal(count(all, "\n]\n"), 1);
}

int main(void) {
    strcpy(folder, "/tmp/tenon-trace-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder)) return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_executables_share_a_file), cmocka_unit_test(test_contexts_have_their_own), cmocka_unit_test(test_callers_hook_beside_it),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_full), cmocka_unit_test(test_forked),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) || failed;
}
