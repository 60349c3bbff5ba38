/* Messages, the progress line, JSON output, memory and time for the tool, and its context and options. */
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

static void log_line(void *self, tn_log_level level, const char *message) {
    if (level <= TN_LOG_WARN) cli_fail("%s", message);
}

tn_error *cli_context_create(tn_context **out_context) {
    tn_context_options options = {.struct_size = sizeof options, .log = log_line};
    return tn_context_create(&options, out_context);
}

static tn_error *set_all(tn_options *options, const cli_target *target) {
    tn_error *e = target->device ? tn_options_set(options, "device", target->device) : NULL;
    if (!e && target->threads) {
        char text[32];
        snprintf(text, sizeof text, "%lld", (long long)target->threads);
        e = tn_options_set(options, "threads", text);
    }
    for (size_t i = 0; !e && i < target->settings.count; i++) {
        const char *setting = target->settings.items[i], *equals = strchr(setting, '=');
        char *key = cli_printf("%.*s", (int)(equals ? equals - setting : (long)strlen(setting)), setting);
        e = tn_options_set(options, key, equals ? equals + 1 : "");
        free(key);
    }
    return e;
}

tn_error *cli_options_create(tn_context *context, const cli_target *target, tn_options **out_options) {
    tn_options *options;
    *out_options = NULL;
    tn_error *e = tn_options_create(context, &options);
    if (e) return e;
    e = set_all(options, target);
    if (e) tn_options_release(options);
    else *out_options = options;
    return e;
}
