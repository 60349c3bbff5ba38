/* Profiles and hooks through the C API: every step has a row with its sources, a hook is called in pairs around each step and phase. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/os_thread.h"
#include "device/profile.h"
#include "expect.h"
#include "tenon/tenon.h"

static tn_context *context;

static tn_value op2(tn_graph *g, const char *name, tn_value x, tn_value y, const char *source) {
    tn_graph_set_current_source(g, source);
    return tn_graph_op(g, name, (tn_value[]){x, y}, y.id ? 2 : 1, NULL, 0, 1);
}

/* relu(x w) + softmax(x w), gathered: kernels, a check of indices, launches of several stages. */
static tn_graph *model(void) {
    tn_graph *g;
    const tn_value none = {0};
    ok(tn_graph_create(context, "model", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){256, 512}), w = tn_graph_input(g, "w", TN_DTYPE_f32, 2, (int64_t[]){512, 256});
    tn_value i = tn_graph_input(g, "i", TN_DTYPE_i64, 1, (int64_t[]){7});
    tn_value p = op2(g, "matmul", x, w, "model.py:1");
    tn_value s = op2(g, "add", op2(g, "relu", p, none, "model.py:2"), op2(g, "softmax", p, none, "model.py:3"), "model.py:4");
    tn_graph_output(g, "y", op2(g, "gather", s, i, "model.py:5"));
    ok(tn_graph_check(g));
    return g;
}

static const char *const sources[] = {"model.py:1", "model.py:2", "model.py:3", "model.py:4", "model.py:5"};
enum { N_SOURCES = 5, N_IN = 3 };

static void inputs(tn_tensor **in) {
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){256, 512}, &in[0]));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){512, 256}, &in[1]));
    ok(tn_tensor_create(context, TN_DTYPE_i64, 1, (int64_t[]){7}, &in[2]));
}

/* [guide: options] */
static tn_options *options(const char *device, const char *profile, const tn_hook *hook) {
    tn_options *o;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "profile", profile));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "threads", "2"));
    if (hook) ok(tn_options_set_hook(o, hook));
    return o;
}

static tn_executable *compiled(tn_graph *g, const char *device, const char *profile, const tn_hook *hook) {
    tn_executable *x;
    tn_options *o = options(device, profile, hook);
    ok(tn_compile(g, o, &x));
    tn_options_release(o);
    return x;
}

static void run(tn_executable *x, int n) {
    tn_tensor *in[N_IN];
    inputs(in);
    for (int i = 0; i < n; i++) {
        tn_tensor *out = NULL;
        ok(tn_executable_run(x, in, N_IN, &out, 1));
        tn_tensor_release(out);
    }
    for (int i = 0; i < N_IN; i++) tn_tensor_release(in[i]);
}

static void mark(const tn_profile_row *r, bool *found) {
    for (uint32_t k = 0; k < r->n_sources; k++)
        for (int i = 0; i < N_SOURCES; i++) found[i] |= !strcmp(r->sources[k], sources[i]);
}

/* ---- profiles ------------------------------------------------------------------------------------------------ */

static void rows_counts_and_reset(void **state) {
    (void)state;
    tn_graph *g = model();
    tn_executable *x = compiled(g, "cpu", "every", NULL);
    tn_graph_release(g);
    run(x, 3);
    tn_profile *p;
    ok(tn_executable_get_profile(x, &p));
    bool found[N_SOURCES] = {false};
    double flops = 0;
    assert_true(tn_profile_get_count(p) > 1);
    for (uint32_t i = 0; i < tn_profile_get_count(p); i++) {
        tn_profile_row r = {.struct_size = sizeof r};
        ok(tn_profile_get_row(p, i, &r));
        assert_int_equal(r.struct_size, sizeof r);
        assert_non_null(r.kind);
        assert_true(*r.kernel);
        assert_non_null(r.node);
        assert_int_equal(r.runs, 3);
        assert_true(r.least_ns <= r.total_ns);
        assert_true(strcmp(r.kind, "kernel") ? !r.stages : r.stages >= 1);
        mark(&r, found);
        flops += r.flops;
        assert_int_equal(r.product_dtype, r.flops > 0 ? TN_DTYPE_f32 : TN_DTYPE_NONE);
    }
    for (int i = 0; i < N_SOURCES; i++)
        if (!found[i]) fail_msg("no row has source %s", sources[i]);
    assert_true(flops >= 2.0 * 256 * 512 * 256);
    ok(tn_executable_reset_profile(x));
    tn_profile_row r = {.struct_size = sizeof r};
    ok(tn_profile_get_row(p, 0, &r)); /* a profile is as it was */
    assert_int_equal(r.runs, 3);
    tn_profile_release(p);
    run(x, 1);
    ok(tn_executable_get_profile(x, &p));
    tn_executable_release(x); /* a profile outlives its executable */
    ok(tn_profile_get_row(p, 0, &r));
    assert_int_equal(r.runs, 1);
    assert_true(strlen(r.kernel) > 0);
    fails_as(tn_profile_get_row(p, tn_profile_get_count(p), &r), TN_ERROR_OUT_OF_RANGE, "rows");
    struct { size_t struct_size; const char *kind, *kernel; } older = {.struct_size = sizeof older};
    ok(tn_profile_get_row(p, 0, (tn_profile_row *)(void *)&older)); /* a caller of an older version */
    assert_string_equal(older.kind, "kernel");
    r.struct_size = 3;
    fails_as(tn_profile_get_row(p, 0, &r), TN_ERROR_INVALID_ARGUMENT, "struct_size");
    tn_profile_release(p);
    tn_profile_release(NULL);
    assert_int_equal(tn_profile_get_count(NULL), 0);
}

/* [guide: profile] */
static uint64_t slowest_step(tn_executable *x, char *what, size_t bytes) {
    tn_profile *p;
    uint64_t most = 0;
    ok(tn_executable_get_profile(x, &p));
    for (uint32_t i = 0; i < tn_profile_get_count(p); i++) {
        tn_profile_row r = {.struct_size = sizeof r};
        ok(tn_profile_get_row(p, i, &r));
        if (r.least_ns <= most) continue;
        most = r.least_ns;
        snprintf(what, bytes, "%s for %s, from %s", r.kernel, r.node, r.n_sources ? r.sources[0] : "?");
    }
    tn_profile_release(p);
    return most;
}

static void slowest(void **state) {
    (void)state;
    char what[200] = "";
    tn_graph *g = model();
    tn_executable *x = compiled(g, "cpu", "on", NULL);
    tn_graph_release(g);
    assert_int_equal(slowest_step(x, what, sizeof what), 0); /* nothing ran yet */
    run(x, 2);
    assert_true(slowest_step(x, what, sizeof what) > 0);
    assert_non_null(strstr(what, ", from "));
    assert_null(strstr(what, ", from ?"));
    tn_executable_release(x);
}

static void refused_in_words(void **state) {
    (void)state;
    tn_graph *g = model();
    tn_executable *x = compiled(g, "cpu", "off", NULL), *ref = compiled(g, "ref", "on", NULL);
    tn_profile *p = (tn_profile *)&x;
    fails_as(tn_executable_get_profile(x, &p), TN_ERROR_INVALID_ARGUMENT, "profile=on");
    assert_null(p);
    fails_as(tn_executable_reset_profile(x), TN_ERROR_INVALID_ARGUMENT, "profile=on");
    fails_as(tn_executable_get_profile(ref, &p), TN_ERROR_UNSUPPORTED, "device ref");
    fails_as(tn_executable_get_profile(NULL, &p), TN_ERROR_INVALID_ARGUMENT, "NULL");
    fails_as(tn_executable_get_profile(x, NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    fails_as(tn_executable_reset_profile(NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    fails_as(tn_options_set_hook(NULL, NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    tn_options *o = options("cpu", "off", NULL);
    fails_as(tn_options_set_hook(o, &(tn_hook){.struct_size = 1}), TN_ERROR_INVALID_ARGUMENT, "struct_size");
    ok(tn_options_set_hook(o, NULL));
    tn_options_release(o);
    tn_executable_release(x);
    tn_executable_release(ref);
    tn_graph_release(g);
}

/* Which runs are measured, from numbers that a clock might have given. */
static void turns(void **state) {
    tn__turn t;
    tn__turn_init(&t);
    assert_true(t.step_ns > 0);
    t.step_ns = 50;
    assert_true(tn__turn_take(&t));
    tn__turn_done(&t, 100, 1000000); /* 5 us of 1 ms: each */
    assert_true(tn__turn_take(&t));
    tn__turn_done(&t, 100, 10000); /* 5 us beside 5 us: one in 101 */
    for (int i = 0; i < 100; i++) assert_false(tn__turn_take(&t));
    assert_true(tn__turn_take(&t));
    tn__turn_done(&t, 100, 4000); /* less than it costs */
    for (int i = 0; i < 1000; i++) assert_false(tn__turn_take(&t));
    assert_true(tn__turn_take(&t));
    tn__turn_done(&t, 100, 10000);
    tn__turn_reset(&t);
    assert_true(tn__turn_take(&t));
}

static void on_measures_the_first_run(void **state) {
    tn_graph *g = model();
    tn_executable *x = compiled(g, "cpu", "on", NULL);
    tn_profile_row r = {.struct_size = sizeof r};
    for (int i = 0; i < 2; i++) {
        tn_profile *p;
        run(x, 1);
        ok(tn_executable_get_profile(x, &p));
        ok(tn_profile_get_row(p, 0, &r));
        assert_int_equal(r.runs, 1);
        tn_profile_release(p);
        ok(tn_executable_reset_profile(x));
    }
    tn_executable_release(x);
    tn_graph_release(g);
}

/* ---- hooks --------------------------------------------------------------------------------------------------- */

enum { MOST_OPEN = 16 };

/* What a hook saw; everything but `part` comes on the thread that runs. */
typedef struct watcher {
    tn__os_mutex mutex;
    int open, begun, ended, steps, parts;
    char names[MOST_OPEN][128];
    bool found[N_SOURCES], generated, lowered, pass, host;
    bool wrong; /* an end without its begin, a part outside of a kernel, time that goes back */
} watcher;

static void begin(void *self, const tn_profile_row *row) {
    watcher *w = self;
    if (w->open >= MOST_OPEN) w->wrong = true;
    else snprintf(w->names[w->open], sizeof *w->names, "%s %s", row->kind, row->kernel);
    w->open++;
    w->begun++;
    if (!strcmp(row->kind, "phase")) {
        w->generated |= !strcmp(row->kernel, "code generation");
        w->lowered |= !strcmp(row->kernel, "lowering");
        w->pass |= !strcmp(row->kernel, "cse");
    } else {
        w->steps++;
        w->host |= !strcmp(row->kind, "host") && !strcmp(row->kernel, "non_zero");
        mark(row, w->found);
    }
}

static void end(void *self, const tn_profile_row *row) {
    watcher *w = self;
    char text[128];
    snprintf(text, sizeof text, "%s %s", row->kind, row->kernel);
    w->open--;
    w->ended++;
    if (w->open < 0 || strcmp(w->names[w->open], text)) w->wrong = true;
}

static void part(void *self, const tn_profile_row *row, int32_t worker, uint64_t begin_ns, uint64_t end_ns) {
    watcher *w = self;
    tn__os_mutex_lock(&w->mutex);
    w->parts++;
    if (strcmp(row->kind, "kernel") || worker < 0 || worker > 1 || end_ns < begin_ns || w->open < 1) w->wrong = true;
    tn__os_mutex_unlock(&w->mutex);
}

static void pairs_on(const char *device, bool phases) {
    watcher w = {0};
    assert_true(tn__os_mutex_init(&w.mutex));
    tn_hook hook = {.struct_size = sizeof hook, .self = &w, .begin = begin, .end = end, .part = part};
    tn_graph *g = model();
    tn_executable *x = compiled(g, device, "off", &hook);
    assert_false(w.wrong);
    assert_int_equal(w.open, 0);
    assert_int_equal(w.steps, 0);
    if (phases) assert_true(w.pass && w.lowered && w.generated);
    int compiling = w.begun;
    run(x, 1);
    int steps = w.steps, parts = w.parts;
    assert_int_equal(w.begun, compiling + steps);
    run(x, 4);
    assert_false(w.wrong);
    assert_int_equal(w.open, 0);
    assert_int_equal(w.begun, w.ended);
    assert_int_equal(w.steps, 5 * steps);
    assert_true(steps >= 3);
    assert_true(!phases || (parts >= 1 && w.parts == 5 * parts)); /* parts are cut by shape, not by chance */
    for (int i = 0; i < N_SOURCES; i++)
        if (!w.found[i]) fail_msg("%s: no step has source %s", device, sources[i]);
    tn_executable_release(x);
    tn_graph_release(g);
    tn__os_mutex_deinit(&w.mutex);
}

static void hooks_come_in_pairs(void **state) {
    (void)state;
    pairs_on("cpu", true);
    pairs_on("ref", false);
}

/* An index out of range: the check's step ends, those behind it do not begin. */
static void a_step_that_fails_ends(void **state) {
    (void)state;
    watcher w = {0};
    assert_true(tn__os_mutex_init(&w.mutex));
    tn_hook hook = {.struct_size = sizeof hook, .self = &w, .begin = begin, .end = end};
    tn_graph *g = model();
    tn_executable *x = compiled(g, "cpu", "on", &hook);
    tn_tensor *in[N_IN], *out = NULL;
    inputs(in);
    ((int64_t *)tn_tensor_get_data(in[2]))[3] = 1000;
    fails_as(tn_executable_run(x, in, N_IN, &out, 1), TN_ERROR_OUT_OF_RANGE, "[from model.py:5]");
    assert_false(w.wrong);
    assert_int_equal(w.open, 0);
    assert_true(w.steps > 0);
    for (int i = 0; i < N_IN; i++) tn_tensor_release(in[i]);
    tn_executable_release(x);
    tn_graph_release(g);
    tn__os_mutex_deinit(&w.mutex);
}

/* A step whose result's size depends on data is the session's; what is behind it is compiled in the middle of the first run. */
static void steps_of_the_session(void **state) {
    (void)state;
    watcher w = {0};
    assert_true(tn__os_mutex_init(&w.mutex));
    tn_hook hook = {.struct_size = sizeof hook, .self = &w, .begin = begin, .end = end, .part = part};
    tn_graph *g;
    const tn_value none = {0};
    ok(tn_graph_create(context, "late", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){64});
    tn_value i = op2(g, "non_zero", op2(g, "exp", x, none, "model.py:1"), none, "model.py:2");
    tn_graph_output(g, "y", op2(g, "neg", i, none, "model.py:3"));
    ok(tn_graph_check(g));
    tn_executable *exe = compiled(g, "cpu", "on", &hook);
    tn_graph_release(g);
    int compiling = w.begun;
    tn_tensor *in, *out = NULL;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 1, (int64_t[]){64}, &in));
    ok(tn_executable_run(exe, &in, 1, &out, 1));
    tn_tensor_release(out);
    assert_false(w.wrong);
    assert_int_equal(w.open, 0);
    assert_true(w.host);
    assert_true(w.begun - compiling > w.steps); /* phases too */
    for (int k = 0; k < 3; k++)
        if (!w.found[k]) fail_msg("no step has source %s", sources[k]);
    tn_profile *p;
    ok(tn_executable_get_profile(exe, &p));
    bool found[N_SOURCES] = {false};
    for (uint32_t k = 0; k < tn_profile_get_count(p); k++) {
        tn_profile_row r = {.struct_size = sizeof r};
        ok(tn_profile_get_row(p, k, &r));
        mark(&r, found);
    }
    assert_true(found[0] && found[2]); /* of the device's steps before and behind it */
    tn_profile_release(p);
    tn_tensor_release(in);
    tn_executable_release(exe);
    tn__os_mutex_deinit(&w.mutex);
}

/* Only some of the functions, and a hook of an older version. */
static void partial_hooks(void **state) {
    (void)state;
    watcher w = {0};
    assert_true(tn__os_mutex_init(&w.mutex));
    tn_graph *g = model();
    tn_hook only_end = {.struct_size = offsetof(tn_hook, end), .self = &w, .begin = begin, .end = end, .part = part};
    tn_executable *x = compiled(g, "cpu", "off", &only_end);
    run(x, 1);
    assert_true(w.begun > 0);
    assert_int_equal(w.ended, 0);
    assert_int_equal(w.parts, 0);
    tn_executable_release(x);
    tn_graph_release(g);
    tn__os_mutex_deinit(&w.mutex);
}

/* p = x x, q = p x, y = q x + p: p is read to the end, and y is the caller's memory. */
static void live_bytes_of_steps(void **state) {
    (void)state;
    enum { VALUE = 64 * 64 * 4 };
    static const uint64_t wanted[] = {VALUE, 2 * VALUE, 2 * VALUE};
    tn_graph *g;
    tn_executable *exe;
    ok(tn_graph_create(context, "live", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){64, 64});
    tn_value p = op2(g, "matmul", x, x, ""), q = op2(g, "matmul", p, x, "");
    tn_graph_output(g, "y", op2(g, "add", op2(g, "matmul", q, x, ""), p, ""));
    ok(tn_graph_check(g));
    tn_options *o = options("cpu", "on", NULL);
    ok(tn_options_set(o, "passes_off", "layout,stages"));
    ok(tn_compile(g, o, &exe));
    tn_profile *profile;
    ok(tn_executable_get_profile(exe, &profile));
    assert_int_equal(tn_profile_get_count(profile), 3);
    for (uint32_t k = 0; k < 3; k++) {
        tn_profile_row r = {.struct_size = sizeof r};
        ok(tn_profile_get_row(profile, k, &r));
        assert_int_equal(r.live_bytes, wanted[k]);
    }
    tn_profile_release(profile);
    tn_executable_release(exe);
    tn_options_release(o);
    tn_graph_release(g);
}

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_counts_and_reset), cmocka_unit_test(slowest), cmocka_unit_test(refused_in_words), cmocka_unit_test(hooks_come_in_pairs),
        cmocka_unit_test(a_step_that_fails_ends), cmocka_unit_test(steps_of_the_session), cmocka_unit_test(live_bytes_of_steps),
        cmocka_unit_test(partial_hooks), cmocka_unit_test(turns), cmocka_unit_test(on_measures_the_first_run),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
