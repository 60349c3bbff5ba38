/* Fuzzes the way from a model to its results: import, compile, run on zeros. Every model runs on the reference; a sample, since machine
 * code takes its time, on the cpu device too, which must give an error where the reference does, and none where it does not. Models with
 * loops are left out: a valid model may ask for any number of trips. */
#include <stdio.h>
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

static tn_error *run_on(tn_context *context, const char *device, const tn_graph *graph) {
    uint32_t n_in = tn_graph_get_input_count(graph), n_out = tn_graph_get_output_count(graph);
    tn_options *options = NULL;
    tn_executable *executable = NULL;
    tn_tensor *in[MAX_PORTS] = {NULL}, *out[MAX_PORTS] = {NULL};
    tn_error *error = tn_options_create(context, &options);
    if (!error) error = tn_options_set(options, "device", device);
    if (!error) error = tn_options_set(options, "threads", "1");
    if (!error) error = tn_options_set(options, "cache", "off");
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

/* One in eight, by content, so that an input that fails does so again. */
static bool in_sample(const uint8_t *data, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) sum = sum * 31 + data[i];
    return (sum ^ sum >> 13) % 8 == 0;
}

static void run(tn_context *context, const tn_graph *graph, bool on_cpu) {
    if (tn_graph_get_input_count(graph) > MAX_PORTS || tn_graph_get_output_count(graph) > MAX_PORTS) return;
    tn_error *ref = run_on(context, "ref", graph);
    if (on_cpu) {
        tn_error *cpu = run_on(context, "cpu", graph);
        tn_error_code code = tn_error_get_code(cpu);
        bool may_refuse = code == TN_ERROR_UNSUPPORTED || code == TN_ERROR_LIMIT_EXCEEDED || code == TN_ERROR_OUT_OF_MEMORY;
        if (!ref != !cpu && !may_refuse) {
            fprintf(stderr, "ref: %s\ncpu: %s\n", tn_error_get_message(ref), tn_error_get_message(cpu));
            abort();
        }
        tn_error_destroy(cpu);
    }
    tn_error_destroy(ref);
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
    if (!error && !strstr(text, " loop(") && !strstr(text, " scan(")) run(context, graph, in_sample(data, size));
    if (text) tn_text_free(context, text);
    tn_error_destroy(error);
    tn_graph_release(graph);
    tn_context_release(context);
    return 0;
}
