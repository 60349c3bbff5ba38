/* Fuzzes the way from a model to its results: import, compile for the reference device, run on zeros. Models with loops are left out:
 * a valid model may ask for any number of trips. */
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

enum { MAX_PORTS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tn_error *make_input(tn_context *context, const tn_graph *graph, uint32_t index, tn_tensor **out) {
    const int64_t *dims;
    tn_value v = tn_graph_get_input(graph, index);
    int32_t rank = tn_graph_get_shape(graph, v, &dims);
    int64_t sizes[TN_MAX_RANK] = {0};
    for (int32_t i = 0; i < rank && i < TN_MAX_RANK; i++) sizes[i] = dims[i] >= 0 ? dims[i] : 2;
    return tn_tensor_create(context, tn_graph_get_dtype(graph, v), rank < 0 ? 1 : rank, sizes, out);
}

static tn_error *run(tn_context *context, const tn_graph *graph) {
    uint32_t n_in = tn_graph_get_input_count(graph), n_out = tn_graph_get_output_count(graph);
    if (n_in > MAX_PORTS || n_out > MAX_PORTS) return NULL;
    tn_options *options = NULL;
    tn_executable *executable = NULL;
    tn_tensor *in[MAX_PORTS] = {NULL}, *out[MAX_PORTS] = {NULL};
    tn_error *error = tn_options_create(context, &options);
    if (!error) error = tn_options_set(options, "device", "ref");
    if (!error) error = tn_compile(graph, options, &executable);
    for (uint32_t i = 0; !error && i < n_in; i++) error = make_input(context, graph, i, &in[i]);
    if (!error) error = tn_executable_run(executable, in, n_in, out, n_out);
    for (uint32_t i = 0; i < MAX_PORTS; i++) {
        tn_tensor_release(in[i]);
        tn_tensor_release(out[i]);
    }
    tn_executable_release(executable);
    tn_options_release(options);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tn_limits limits = {.struct_size = sizeof limits, .max_bytes = 1 << 16, .max_elements = 1 << 10,
                              .max_nodes = 1 << 8, .max_depth = 4};
    const tn_context_options options = {.struct_size = sizeof options, .limits = &limits};
    tn_context *context = NULL;
    tn_graph *graph = NULL;
    char *text = NULL;
    tn_error *error = tn_context_create(&options, &context);
    if (!error) error = tn_onnx_load_memory(context, data, size, &graph);
    if (!error) error = tn_graph_print(graph, &text);
    if (!error && !strstr(text, " loop(") && !strstr(text, " scan(")) error = run(context, graph);
    if (text) tn_text_free(context, text);
    tn_error_destroy(error);
    tn_graph_release(graph);
    tn_context_release(context);
    return 0;
}
