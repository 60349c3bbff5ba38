/* The library as the verbs use it: context, options, and a graph from an ONNX file or a text graph. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cli.h"
#include "session/session.h"

/* The tool asks for no more than warnings; whoever sets option log_level gets what it lets through. */
static _Atomic bool wants_all;

static void log_line(void *self, tn_log_level level, const char *message) {
    static const char *const before[] = {[TN_LOG_ERROR] = "", [TN_LOG_WARN] = "warning: ", [TN_LOG_INFO] = "info: ", [TN_LOG_DEBUG] = "debug: "};
    if (level <= TN_LOG_WARN || wants_all) cli_fail("%s%s", before[level], message);
}

static const struct limit {
    const char *name;
    uint64_t most;
    size_t offset, bytes;
} limit_rows[] = {
#define TN_LIMIT(name, type, default_, most, help) {#name, most, offsetof(tn_limits, name), sizeof(type)},
#include "tenon/limits.def"
};
enum { N_LIMITS = sizeof limit_rows / sizeof *limit_rows };

static tn_error *read_limit(const char *text, tn_limits *out) {
    const char *equals = strchr(text, '='), *names[N_LIMITS];
    char *name = cli_printf("%.*s", (int)(equals ? equals - text : (long)strlen(text)), text);
    const struct limit *found = NULL;
    for (size_t i = 0; i < N_LIMITS; i++) {
        names[i] = limit_rows[i].name;
        if (!strcmp(name, names[i])) found = &limit_rows[i];
    }
    const char *near = found ? NULL : cli_nearest(name, names, N_LIMITS);
    int64_t n = 0;
    tn_error *e = NULL;
    if (!found)
        e = TN__FAIL(NULL, NOT_FOUND, "there is no limit '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    else if (!equals || !cli_parse_count(equals + 1, &n) || n < 1 || (uint64_t)n > found->most)
        e = TN__FAIL(NULL, INVALID_ARGUMENT, "--limit %s: found '%s', wanted a number from 1 to %" PRIu64, name, equals ? equals + 1 : "",
                     found->most < INT64_MAX ? found->most : INT64_MAX);
    else if (found->bytes == sizeof(uint64_t)) memcpy((char *)out + found->offset, &(uint64_t){(uint64_t)n}, sizeof(uint64_t));
    else memcpy((char *)out + found->offset, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
    free(name);
    return e;
}

tn_error *cli_limits_read(const cli_texts *limits, tn_limits *out) {
    *out = (tn_limits){.struct_size = sizeof *out};
    for (size_t i = 0; limits && i < limits->count; i++) TN__TRY(read_limit(limits->items[i], out));
    return NULL;
}

tn_error *cli_context_create(const cli_texts *limits, tn_context **out_context) {
    tn_limits values;
    *out_context = NULL;
    TN__TRY(cli_limits_read(limits, &values));
    const tn_context_options options = {.struct_size = sizeof options, .log = log_line, .limits = &values};
    return tn_context_create(&options, out_context);
}

void cli_target_free(cli_target *t) {
    cli_texts_free(&t->settings);
    cli_texts_free(&t->limits);
}

static tn_error *set_all(tn_options *options, const cli_target *target) {
    tn_error *e = target->config ? tn_options_load_file(options, target->config) : NULL;
    if (!e && target->device) e = tn_options_set(options, "device", target->device);
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
    if (!e && strcmp(tn_options_get_origin(options, "log_level"), "default")) wants_all = true;
    if (e) tn_options_release(options);
    else *out_options = options;
    return e;
}

tn_error *cli_graph_load(tn_context *context, const char *path, tn_graph **out_graph) { return tn_graph_load(context, path, out_graph); }

/* `inputs`, one for each of the first of g's, and behind them zeros for those that are variables. */
static tn_error *add_variables(const tn_graph *g, tn_tensor *const *inputs, size_t n_inputs, tn_tensor **all) {
    for (size_t i = 0; i < g->inputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        if (i >= n_inputs) TN__TRY(tn_tensor_create(g->context, t->dtype, t->rank, t->dims, &all[i]));
        else tn_tensor_retain(all[i] = inputs[i]);
    }
    return NULL;
}

/* A variable's value differs from run to run, so nothing may follow from it. */
static tn_error *specialise(const tn_graph *g, tn_tensor *const *inputs, size_t n_inputs, tn_graph **out_graph) {
    size_t n = g->inputs.count;
    uint8_t *kinds = cli_alloc(n + 1);
    tn_tensor **all = cli_alloc((n + 1) * sizeof *all), **values = cli_alloc((n + 1) * sizeof *values);
    tn_error *e = tn__value_inputs(g, NULL, kinds);
    if (!e) e = add_variables(g, inputs, n_inputs, all);
    for (size_t i = 0; i < n_inputs; i++) values[i] = kinds[i] == TN__VALUE_NONE ? NULL : inputs[i];
    if (!e) e = tn__specialise(g, (const tn_tensor *const *)all, values, out_graph);
    for (size_t i = 0; i < n; i++) tn_tensor_release(all[i]);
    free(kinds), free(values), free(all);
    return e;
}

tn_error *cli_graph_specialise(const tn_graph *g, tn_tensor *const *inputs, tn_graph **out_graph) {
    tn_graph *copy = NULL;
    *out_graph = NULL;
    if (g->variables.count) TN__TRY(tn__graph_to_compile(g, &copy));
    tn_error *e = specialise(copy ? copy : g, inputs, g->inputs.count, out_graph);
    tn_graph_release(copy);
    return e;
}
