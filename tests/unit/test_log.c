/* Messages: each executable of a context has its own level; what a compilation says; standard error for those who set a level and gave no
 * function, silence for the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "expect.h"
#include "tenon/tenon.h"

static char said[64 << 10];
static unsigned count[TN_LOG_DEBUG + 1];
static char folder[64];

static void hear(void *self, tn_log_level level, const char *message) {
    count[level]++;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
}

static void forget(void) {
    memset(count, 0, sizeof count);
    said[0] = 0;
}

static tn_context *context_with(bool listens) {
    tn_context *c;
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .log = listens ? hear : NULL}, &c));
    return c;
}

/* relu(x) + x; of n rows, -1: open. */
static tn_graph *new_graph(tn_context *c, int64_t n) {
    tn_graph *g;
    ok(tn_graph_create(c, "net", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){n < 0 ? tn_graph_symbol(g, "N") : n});
    tn_value y = tn_graph_op(g, "relu", &x, 1, NULL, 0, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "add", (tn_value[]){x, y}, 2, NULL, 0, 1));
    ok(tn_graph_check(g));
    return g;
}

static tn_executable *compile(tn_context *c, const tn_graph *g, const char *device, const char *level) {
    tn_options *o;
    tn_executable *x;
    ok(tn_options_create(c, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "cache_dir", folder));
    ok(tn_options_set(o, "threads", "1"));
    if (level) ok(tn_options_set(o, "log_level", level));
    ok(tn_compile(g, o, &x));
    tn_options_release(o);
    return x;
}

static void run(tn_context *c, tn_executable *x, int64_t n) {
    tn_tensor *in, *out = NULL;
    ok(tn_tensor_create(c, TN_DTYPE_f32, 1, &n, &in));
    memset(tn_tensor_get_data(in), 0, (size_t)n * 4);
    ok(tn_executable_run(x, &in, 1, &out, 1));
    tn_tensor_release(in), tn_tensor_release(out);
}

static void test_line_of_a_compilation(void **state) {
    tn_context *c = context_with(true);
    tn_graph *g = new_graph(c, 100);
    forget();
    tn_executable *first = compile(c, g, "cpu", "info");
    assert_int_equal(count[TN_LOG_INFO], 1);
    assert_non_null(strstr(said, "compiled 'net' for cpu: 2 kernels (0 from the cache), 0 calls, "));
    forget();
    tn_executable *second = compile(c, g, "cpu", NULL); /* the default says the same */
    assert_non_null(strstr(said, "compiled 'net' for cpu: 2 kernels (2 from the cache), 0 calls, "));
    forget();
    tn_executable *ref = compile(c, g, "ref", NULL);
    assert_non_null(strstr(said, "compiled 'net' for ref: 0 kernels"));
    tn_executable_release(first), tn_executable_release(second), tn_executable_release(ref);
    tn_graph_release(g), tn_context_release(c);
}

/* One line for each specialisation, when it is made. */
static void test_specialisations(void **state) {
    tn_context *c = context_with(true);
    tn_graph *g = new_graph(c, -1);
    forget();
    tn_executable *x = compile(c, g, "cpu", NULL);
    assert_int_equal(count[TN_LOG_INFO], 0);
    run(c, x, 3), run(c, x, 4), run(c, x, 3);
    assert_int_equal(count[TN_LOG_INFO], 2);
    tn_executable_release(x), tn_graph_release(g), tn_context_release(c);
}

static void test_levels_are_the_executables_own(void **state) {
    tn_context *c = context_with(true);
    tn_graph *g = new_graph(c, -1);
    tn_executable *loud = compile(c, g, "cpu", "debug"), *quiet = compile(c, g, "cpu", "error");
    forget();
    run(c, quiet, 5);
    assert_string_equal(said, "");
    run(c, loud, 6);
    assert_non_null(strstr(said, "pass dce: "));
    assert_non_null(strstr(said, "lowering: "));
    assert_non_null(strstr(said, "code cache, compiling: "));
    assert_int_equal(count[TN_LOG_INFO], 1);
    forget();
    tn__log(c, TN_LOG_DEBUG, "%d", 7); /* of no executable: nothing is left out */
    assert_string_equal(said, "7\n");
    tn_executable_release(loud), tn_executable_release(quiet), tn_graph_release(g), tn_context_release(c);
}

/* Longer than the buffer: cut, no more. */
static void test_long_message(void **state) {
    static char name[5000];
    memset(name, 'n', sizeof name - 1);
    tn_context *c = context_with(true);
    forget();
    tn__log_to(&(tn__logger){c, TN_LOG_INFO, false}, TN_LOG_INFO, "%s", name);
    assert_int_equal(strlen(said), 1023 + 1);
    forget();
    tn__log_to(&(tn__logger){c, TN_LOG_WARN, false}, TN_LOG_INFO, "%s", name);
    assert_string_equal(said, "");
    tn_context_release(c);
}

/* What a compilation writes to standard error. */
static void errors_of(const char *level, char *text, size_t bytes) {
    FILE *f = tmpfile();
    assert_non_null(f);
    tn_context *c = context_with(false);
    tn_graph *g = new_graph(c, 100);
    fflush(stderr);
    int usual = dup(2);
    assert_true(usual >= 0 && dup2(fileno(f), 2) >= 0);
    tn_executable *x = compile(c, g, "cpu", level);
    fflush(stderr);
    assert_true(dup2(usual, 2) >= 0);
    close(usual);
    rewind(f);
    text[fread(text, 1, bytes - 1, f)] = 0;
    fclose(f);
    tn_executable_release(x), tn_graph_release(g), tn_context_release(c);
}

static void test_without_a_function(void **state) {
    static char text[64 << 10];
    errors_of(NULL, text, sizeof text);
    assert_string_equal(text, "");
    errors_of("info", text, sizeof text);
    assert_non_null(strstr(text, "tenon: info: compiled 'net' for cpu: "));
    assert_null(strstr(text, "debug"));
    errors_of("error", text, sizeof text);
    assert_string_equal(text, "");
}

int main(void) {
    strcpy(folder, "/tmp/tenon-log-XXXXXX");
    if (!mkdtemp(folder)) return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line_of_a_compilation), cmocka_unit_test(test_specialisations),
        cmocka_unit_test(test_levels_are_the_executables_own), cmocka_unit_test(test_long_message), cmocka_unit_test(test_without_a_function),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) || failed;
}
