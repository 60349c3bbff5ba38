/* The library as the verbs use it: context, options, and a graph from an ONNX file or a text graph. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/os.h"
#include "cli.h"

static void log_line(void *self, tn_log_level level, const char *message) {
    if (level <= TN_LOG_WARN) cli_fail("%s%s", level == TN_LOG_WARN ? "warning: " : "", message);
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

/* The text form begins with the word "graph"; an ONNX file cannot (its first byte is a small field number). */
static bool is_text_graph(const char *path) {
    char start[6] = "";
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(start, 1, 5, f) : 0;
    if (f) fclose(f);
    return n == 5 && !memcmp(start, "graph", 5);
}

tn_error *cli_graph_load(tn_context *context, const char *path, tn_graph **out_graph) {
    *out_graph = NULL;
    if (!is_text_graph(path)) return tn_onnx_load_file(context, path, out_graph);
    char *text;
    size_t bytes;
    tn_error *e = tn__os_read_file(&context->allocator, path, context->limits.max_bytes, &text, &bytes);
    if (e) return e;
    e = tn_graph_parse(context, text, out_graph);
    tn__free(&context->allocator, text, bytes + 1);
    return e ? tn__error_prefix(e, "%s", path) : NULL;
}
