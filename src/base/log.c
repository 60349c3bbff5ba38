#include "base/log.h"

#include <stdio.h>

static void say(const tn__logger *l, tn_log_level level, const char *format, va_list args) {
    static const char *const names[] = {[TN_LOG_ERROR] = "error", [TN_LOG_WARN] = "warning", [TN_LOG_INFO] = "info", [TN_LOG_DEBUG] = "debug"};
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    if (l->context->log) l->context->log(l->context->log_self, level, text);
    else fprintf(stderr, "tenon: %s: %s\n", names[level], text); /* one call: lines of several threads stay whole */
}

void tn__log_to(const tn__logger *l, tn_log_level level, const char *format, ...) {
    if (!tn__log_wants(l, level)) return;
    va_list args;
    va_start(args, format);
    say(l, level, format, args);
    va_end(args);
}

void tn__log(const tn_context *c, tn_log_level level, const char *format, ...) {
    const tn__logger all = {.context = c};
    if (!tn__log_wants(&all, level)) return;
    va_list args;
    va_start(args, format);
    say(&all, level, format, args);
    va_end(args);
}
