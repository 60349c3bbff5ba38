/* Messages, the progress line, JSON output, memory and time for the tool. */
#include "cli.h"
#include "ir/sources.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool progress_shown;

/* One line whatever the text holds. */
static void say(const char *format, va_list args) {
    char text[4096];
    vsnprintf(text, sizeof text, format, args);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127) *p = ' ';
    cli_progress_end();
    fflush(stdout);
    fprintf(stderr, "tenon: %s\n", text);
}

int cli_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage(const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return CLI_USAGE;
}

int cli_fail_error(tn_error *e) {
    cli_fail("%s", tn_error_get_message(e));
    tn_error_destroy(e);
    return CLI_FAILED;
}

void cli_progress(const char *format, ...) {
    if (!isatty(STDERR_FILENO)) return;
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "\r\033[K%.78s", text);
    fflush(stderr);
    progress_shown = true;
}

void cli_progress_end(void) {
    if (!progress_shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    progress_shown = false;
}

void cli_print_json(json_t *value) {
    if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0) cli_fail("could not write JSON");
    putchar('\n');
    json_decref(value);
}

json_t *cli_json_real(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static void *no_memory(void) {
    cli_fail("out of memory");
    exit(CLI_FAILED);
}

void *cli_alloc(size_t bytes) {
    void *p = calloc(1, bytes ? bytes : 1);
    return p ? p : no_memory();
}

void *cli_realloc(void *memory, size_t bytes) {
    void *p = realloc(memory, bytes ? bytes : 1);
    return p ? p : no_memory();
}

char *cli_printf(const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    va_end(args);
    return n < 0 ? no_memory() : text;
}

uint64_t cli_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- texts of any bytes -------------------------------------------------------------------------------------- */

char *cli_escape(const char *text) {
    tn__text t;
    tn__text_init(&t, &tn__allocator_malloc);
    tn__source_escape(&t, text);
    char *escaped = cli_printf("%s", t.data ? t.data : "");
    tn__text_deinit(&t);
    return escaped;
}

char *cli_sources_text(const char *const *sources, uint32_t n_sources, uint32_t n_hidden, uint32_t most) {
    tn__source_set *set = cli_alloc(sizeof *set + n_sources * sizeof *sources);
    *set = (tn__source_set){.n = n_sources, .hidden = n_hidden};
    if (n_sources) memcpy(set->texts, sources, n_sources * sizeof *sources);
    tn__text t;
    tn__text_init(&t, &tn__allocator_malloc);
    tn__source_list(&t, set, most);
    char *text = cli_printf("%s", t.data ? t.data : "");
    tn__text_deinit(&t);
    free(set);
    return text;
}

json_t *cli_text_json(const char *text) {
    json_t *plain = json_string(text ? text : "");
    if (plain) return plain;
    char *escaped = cli_escape(text);
    json_t *j = json_string(escaped);
    free(escaped);
    return j;
}

json_t *cli_joined_json(const char *first, const char *second) {
    char *both = cli_printf("%s %s", first, second);
    json_t *j = cli_text_json(both);
    free(both);
    return j;
}

json_t *cli_sources_json(const char *const *sources, uint32_t n_sources) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < n_sources; i++) json_array_append_new(list, cli_text_json(sources[i]));
    return list;
}
