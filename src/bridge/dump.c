/* Graphs as files: the text form, or ONNX by the name's ending. */
#include <inttypes.h>

#include "base/os.h"
#include "ir/graph.h"
#include "tenon/dump.h"
#include "tenon/onnx.h"

enum { LONGEST_NAME = 64 };

static bool is_onnx(const char *path) {
    size_t n = strlen(path);
    return n >= 5 && !strcmp(path + n - 5, ".onnx");
}

tn_error *tn_graph_save(const tn_graph *graph, const char *path) {
    TN__HANDLE(graph, GRAPH);
    if (!path) return TN__FAIL(&graph->context->allocator, INVALID_ARGUMENT, "tn_graph_save: path is NULL");
    if (is_onnx(path)) return tn_onnx_save_file(graph, path);
    const tn_allocator *a = &graph->context->allocator;
    char *text;
    TN__TRY(tn_graph_print(graph, &text));
    tn_error *e = tn__os_write_file(a, path, &(tn__os_span){text, strlen(text)}, 1);
    tn__strfree(a, text);
    return e;
}

/* The text form begins with the word "graph"; an ONNX file cannot (its first byte is a small field number). */
static tn_error *is_text_graph(const tn_context *c, const char *path, bool *out) {
    const void *data;
    size_t bytes;
    TN__TRY(tn__os_map_file(&c->allocator, path, c->limits.max_bytes, &data, &bytes));
    *out = bytes >= 5 && !memcmp(data, "graph", 5);
    tn__os_unmap(data, bytes);
    return NULL;
}

tn_error *tn_graph_load(tn_context *context, const char *path, tn_graph **out_graph) {
    if (out_graph) *out_graph = NULL;
    TN__HANDLE(context, CONTEXT);
    if (!path || !out_graph) return TN__FAIL(&context->allocator, INVALID_ARGUMENT, "tn_graph_load: NULL argument");
    bool text_form;
    TN__TRY(is_text_graph(context, path, &text_form));
    if (!text_form) return tn_onnx_load_file(context, path, out_graph);
    char *text;
    size_t bytes;
    TN__TRY(tn__os_read_file(&context->allocator, path, context->limits.max_bytes, &text, &bytes));
    tn_error *e = tn_graph_parse(context, text, out_graph);
    tn__free(&context->allocator, text, bytes + 1);
    return e ? tn__error_prefix(e, "%s", path) : NULL;
}

/* `name` as a part of a file name; never empty, no dots. */
static void file_name(const char *name, char out[LONGEST_NAME + 1]) {
    size_t n = 0;
    for (; name && name[n] && n < LONGEST_NAME; n++) {
        char c = name[n];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        out[n] = good ? c : '_';
    }
    if (!n) out[n++] = '_';
    out[n] = 0;
}

tn_error *tn_graph_dump(const tn_graph *graph, const char *folder, uint64_t number, tn_tensor *const *inputs, uint32_t n_inputs) {
    TN__HANDLE(graph, GRAPH);
    const tn_allocator *a = &graph->context->allocator;
    if (n_inputs && !inputs) return TN__FAIL(a, INVALID_ARGUMENT, "tn_graph_dump: inputs are NULL");
    if (inputs && n_inputs != graph->inputs.count)
        return TN__FAIL(a, INVALID_ARGUMENT, "tn_graph_dump: found %u inputs, wanted %zu", n_inputs, graph->inputs.count);
    if (!folder || !*folder) return NULL;
    char name[LONGEST_NAME + 1], input[LONGEST_NAME + 1];
    file_name(graph->name, name);
    TN__TRY(tn__os_make_private_folder(a, folder));
    tn__arena arena;
    tn__arena_init(&arena, a);
    const char *path = tn__arena_printf(&arena, "%s/%s-%" PRIu64 ".tn", folder, name, number);
    tn_error *e = path ? tn_graph_save(graph, path) : tn__error_oom();
    for (uint32_t i = 0; !e && inputs && i < n_inputs; i++) {
        if (!inputs[i]) continue;
        file_name(graph->inputs.data[i].name, input);
        path = tn__arena_printf(&arena, "%s/%s-%" PRIu64 ".%s.pb", folder, name, number, input);
        e = path ? tn_onnx_save_tensor(inputs[i], path) : tn__error_oom();
    }
    tn__arena_deinit(&arena);
    return e;
}
