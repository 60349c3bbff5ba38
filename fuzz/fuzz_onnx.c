/* Fuzzes the ONNX importer with a whole model in memory, and the text form of what it accepts. */
#include "tenon/tenon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tn_limits limits = {.struct_size = sizeof limits, .max_bytes = 1 << 22, .max_elements = 1 << 16,
                              .max_nodes = 1 << 10, .max_depth = 8};
    const tn_context_options options = {.struct_size = sizeof options, .limits = &limits};
    tn_context *context = NULL;
    tn_error *error = tn_context_create(&options, &context);
    tn_graph *graph = NULL;
    if (!error) error = tn_onnx_load_memory(context, data, size, &graph);
    if (!error) error = tn_graph_check(graph);
    char *text = NULL;
    if (!error) error = tn_graph_print(graph, &text);
    if (text) tn_text_free(context, text);
    tn_error_destroy(error);
    tn_graph_release(graph);
    tn_context_release(context);
    return 0;
}
