/* Messages, the progress line, JSON output, memory and time for the tool. */
#include "cli.h"

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
