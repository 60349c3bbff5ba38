/* Options from a file and the environment: what wins, where a value comes from, and errors that name the place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "session/options.h"

static int warnings;
static char last_warning[256];

static void keep_warning(void *self, tn_log_level level, const char *message) {
    if (level != TN_LOG_WARN) return;
    warnings++;
    snprintf(last_warning, sizeof last_warning, "%s", message);
}

static tn_context *new_context(void) {
    const tn_context_options o = {.struct_size = sizeof o, .log = keep_warning};
    tn_context *c;
    assert_null(tn_context_create(&o, &c));
    return c;
}

static tn_options *new_options(tn_context *c) {
    tn_options *o;
    tn_error *e = tn_options_create(c, &o);
    if (e) fail_msg("%s", tn_error_get_message(e));
    return o;
}

static void expect_error(tn_error *e, tn_error_code code, const char *text) {
    assert_non_null(e);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), text))
        fail_msg("found '%s', wanted '%s'", tn_error_get_message(e), text);
    tn_error_destroy(e);
}

static tn_error *read_text(tn_options *o, const char *text) { return tn__options_read(o, "f", text, strlen(text)); }

static void test_lines(void **state) {
    tn_context *c = new_context();
    tn_options *o = new_options(c);
    assert_null(read_text(o, "\n # a comment\nthreads = 3 # three\ncache_dir = /a b/c\t\npasses_off=\"fuse,cse\"\n cpu : x86-64-v3"));
    assert_string_equal(tn_options_get(o, "threads"), "3");
    assert_string_equal(tn_options_get(o, "cache_dir"), "/a b/c");
    assert_string_equal(tn_options_get(o, "passes_off"), "fuse,cse");
    assert_string_equal(tn_options_get(o, "cpu"), "x86-64-v3");
    assert_string_equal(tn_options_get_origin(o, "threads"), "f:3");
    assert_string_equal(tn_options_get_origin(o, "cpu"), "f:6");
    assert_string_equal(tn_options_get_origin(o, "cache"), "default");
    assert_null(tn_options_get_origin(o, "nothing"));
    tn_options_release(o);
    tn_context_release(c);
}

static void test_json(void **state) {
    tn_context *c = new_context();
    tn_options *o = new_options(c);
    assert_null(read_text(o, " {\n \"threads\": 3,\n \"cache_dir\": \"a\\\"b\\\\c\", \"cache\" : \"off\"\n}\n"));
    assert_string_equal(tn_options_get(o, "threads"), "3");
    assert_string_equal(tn_options_get(o, "cache_dir"), "a\"b\\c");
    assert_string_equal(tn_options_get(o, "cache"), "off");
    assert_string_equal(tn_options_get_origin(o, "cache"), "f:3");
    assert_null(read_text(o, "{}"));
    assert_null(read_text(o, ""));
    tn_options_release(o);
    tn_context_release(c);
}

static void test_errors_change_nothing(void **state) {
    static const struct {
        const char *text, *message;
    } rows[] = {{"threads = 5\nthreds = 1", "f:2:1: there is no option 'threds'; the nearest is 'threads'"},
                {"threads = 5\ncache = maybe", "f:2:1: option 'cache': found 'maybe', wanted on|off"},
                {"threads = 5\n  threads", "f:2:10: wanted '=' after 'threads'"},
                {"threads = 5\nthreads =", "f:2:10: wanted a value"},
                {"threads = 5\n= 3", "f:2:1: found '=', wanted the name of an option"},
                {"threads = 5\ncache_dir = \"abc", "f:2:17: the text that begins in column 13 has no closing quote"},
                {"threads = 5\ncache_dir = \"a\\n\"", "found \\n, wanted"},
                {"threads = 5\ncache = \"on\" off", "f:2:14: found 'o', wanted the end of the line"},
                {"{\"threads\": 5, \"cache\"", "wanted '=' after 'cache'"},
                {"{\"threads\": 5", "f:1:14: wanted ',' or '}'"},
                {"{\"threads\": 5,}", "f:1:15: found '}', wanted the name of an option"},
                {"{\"threads\": 5} x", "f:1:16: found 'x' after the object"},
                {"{\"threads\": {\"a\": 1}}", "found '{', wanted a value"}};
    tn_context *c = new_context();
    tn_options *o = new_options(c);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tn_error *e = read_text(o, rows[i].text);
        if (!e || !strstr(tn_error_get_message(e), rows[i].message))
            fail_msg("row %zu: found '%s', wanted '%s'", i, e ? tn_error_get_message(e) : "no error", rows[i].message);
        tn_error_destroy(e);
        assert_string_equal(tn_options_get(o, "threads"), "0");
    }
    expect_error(tn__options_read(o, "f", "cpu = a\0b", 9), TN_ERROR_INVALID_ARGUMENT, "a zero byte");
    static char longest[6000];
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest, "cpu=", 4);
    expect_error(read_text(o, longest), TN_ERROR_INVALID_ARGUMENT, "a value is longer than 4095 bytes");
    expect_error(tn_options_load_file(o, "/does/not/exist"), TN_ERROR_IO, "/does/not/exist");
    expect_error(tn_options_load_file(NULL, "x"), TN_ERROR_INVALID_ARGUMENT, "NULL");
    expect_error(tn_options_load_file(o, NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    tn_options_release(o);
    tn_context_release(c);
}

static void test_precedence(void **state) {
    char path[] = "/tmp/tenon-options-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    static const char text[] = "threads = 7\ncache = off\nmax_specialisations = 9\n";
    assert_int_equal(write(file, text, sizeof text - 1), sizeof text - 1);
    close(file);
    setenv("TENON_CONFIG", path, 1);
    setenv("TENON_THREADS", "2", 1);
    setenv("TENON_MAX_SPECIALISATIONS", "4", 1);
    tn_context *c = new_context();
    tn_options *o = new_options(c);
    assert_string_equal(tn_options_get(o, "threads"), "2");
    assert_string_equal(tn_options_get_origin(o, "threads"), "environment TENON_THREADS");
    assert_string_equal(tn_options_get(o, "cache"), "off");
    assert_non_null(strstr(tn_options_get_origin(o, "cache"), ":2"));
    assert_null(tn_options_set(o, "threads", "1"));
    assert_string_equal(tn_options_get_origin(o, "threads"), "set");
    assert_null(tn_options_load_file(o, path)); /* read later, and weaker than both */
    assert_string_equal(tn_options_get(o, "threads"), "1");
    assert_string_equal(tn_options_get(o, "max_specialisations"), "4");
    tn_options_release(o);

    setenv("TENON_THREADS", "many", 1);
    o = (tn_options *)1;
    expect_error(tn_options_create(c, &o), TN_ERROR_INVALID_ARGUMENT, "environment TENON_THREADS: option 'threads': found 'many'");
    assert_null(o);
    unsetenv("TENON_THREADS");
    setenv("TENON_TREADS", "3", 1);
    warnings = 0;
    tn_options_release(new_options(c));
    assert_int_equal(warnings, 1);
    assert_non_null(strstr(last_warning, "environment TENON_TREADS: there is no option 'treads'; the nearest is 'threads'"));
    unsetenv("TENON_TREADS");
    unlink(path);
    expect_error(tn_options_create(c, &o), TN_ERROR_IO, "environment TENON_CONFIG");
    unsetenv("TENON_CONFIG");
    unsetenv("TENON_MAX_SPECIALISATIONS");
    tn_context_release(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_json),
                                       cmocka_unit_test(test_errors_change_nothing), cmocka_unit_test(test_precedence)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
