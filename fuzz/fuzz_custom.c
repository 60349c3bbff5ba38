/* Fuzzes custom ops: text graphs with nodes of them are parsed, printed, compiled and run on both devices, while the callbacks do what the
 * first bytes of the input say: answer or lie, fail, leave shapes open, make outputs of any size, build where they must not. Whatever
 * they do, outputs are written to their last byte, so that the sanitizer sees one that is too small. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

enum { MAX_PORTS = 8, BEHAVIOUR = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Draws from the first bytes of the input. */
typedef struct dice {
    uint64_t state;
    bool honest; /* infer answers, and the same every time */
    tn_graph *graph;
} dice;

static uint32_t draw(dice *d, uint32_t n) {
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(d->state >> 33) % n;
}

static tn_error *any_type(dice *d, tn_custom_call *call, uint32_t k) {
    int64_t dims[4];
    int32_t rank = (int32_t)draw(d, 5) - 1;
    for (int32_t i = 0; i < rank; i++) dims[i] = (int64_t)draw(d, 8) - 3; /* also unknown, and symbols that are there or not */
    return tn_custom_call_set_output(call, k, draw(d, 4) ? TN_DTYPE_f32 : (tn_dtype)draw(d, 40), rank, dims);
}

static tn_error *infer(void *self, tn_custom_call *call) {
    dice *d = self;
    tn_error *error = NULL;
    if (!d->honest && draw(d, 16) == 0) return tn_custom_call_fail(call, (tn_error_code)draw(d, 20), "drawn");
    if (!d->honest && draw(d, 16) == 0 && d->graph) tn_graph_input(d->graph, "more", TN_DTYPE_f32, 0, NULL);
    for (uint32_t k = 0; !error && k < tn_custom_call_get_output_count(call); k++) {
        const int64_t *dims;
        int32_t rank = tn_custom_call_get_input_shape(call, 0, &dims);
        if (!d->honest && draw(d, 3) == 0) error = any_type(d, call, k);
        else if (d->honest || draw(d, 2)) error = tn_custom_call_set_output(call, k, TN_DTYPE_f32, rank, dims);
        else error = tn_custom_call_set_output(call, k, TN_DTYPE_f32, -1, NULL);
    }
    return error;
}

static tn_error *evaluate(void *self, tn_custom_call *call) {
    dice *d = self;
    uint32_t sum = 0;
    if (draw(d, 16) == 0) return tn_custom_call_fail(call, TN_ERROR_IO, "drawn");
    for (uint32_t i = 0; i < tn_custom_call_get_input_count(call); i++) {
        const tn_tensor *x = tn_custom_call_get_input(call, i);
        if (x && tn_tensor_get_dtype(x) == TN_DTYPE_string) continue;
        for (size_t k = 0; x && k < tn_tensor_get_bytes(x); k++) sum += ((const uint8_t *)tn_tensor_get_data(x))[k];
    }
    for (uint32_t k = 0; k < tn_custom_call_get_output_count(call); k++) {
        tn_tensor *y = tn_custom_call_get_output(call, k);
        int64_t dims[3] = {draw(d, 5), draw(d, 5), draw(d, 5)};
        if (!y && draw(d, 16)) {
            tn_error *error = tn_custom_call_make_output(call, k, (int32_t)draw(d, 4), dims, &y);
            if (error) return error;
        }
        if (y && tn_tensor_get_dtype(y) != TN_DTYPE_string && tn_tensor_get_bytes(y))
            memset(tn_tensor_get_data(y), tn_tensor_get_dtype(y) == TN_DTYPE_f32 ? (int)(sum & 1) : 0, tn_tensor_get_bytes(y));
    }
    return NULL;
}

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
    if (n_in > MAX_PORTS || n_out > MAX_PORTS) return NULL;
    tn_error *error = tn_options_create(context, &options);
    if (!error) error = tn_options_set(options, "device", device);
    if (!error) error = tn_options_set(options, "threads", "1");
    if (!error) error = tn_options_set(options, "cache", "off");
    if (!error) error = tn_compile(graph, options, &executable);
    for (uint32_t i = 0; !error && i < n_in; i++) error = make_input(context, graph, i, &in[i]);
    for (int k = 0; k < 2 && !error; k++) error = tn_executable_run(executable, in, n_in, out, n_out); /* made, then given */
    for (uint32_t i = 0; i < MAX_PORTS; i++) {
        tn_tensor_release(in[i]);
        tn_tensor_release(out[i]);
    }
    tn_executable_release(executable);
    tn_options_release(options);
    return error;
}

static tn_error *run(tn_context *context, dice *d, const char *source, bool on_cpu) {
    static const uint32_t flags[] = {0, TN_CUSTOM_PURE, TN_CUSTOM_THREAD_SAFE, TN_CUSTOM_PURE | TN_CUSTOM_THREAD_SAFE};
    static const char *const names[] = {"a", "b", "c", "d::e"};
    tn_graph *graph = NULL, *again = NULL;
    char *text = NULL;
    tn_error *error = NULL;
    for (int i = 0; !error && i < 4; i++) {
        tn_custom_op op = {.struct_size = sizeof op, .name = names[i], .n_in_max = -1, .n_out_max = -1, .flags = flags[i], .self = d,
                           .infer = infer, .evaluate = evaluate};
        error = tn_custom_op_register(context, &op);
    }
    if (!error) error = tn_graph_parse(context, source, &graph);
    if (!error) error = tn_graph_print(graph, &text);
    if (!error && d->honest && (error = tn_graph_parse(context, text, &again))) abort(); /* what was printed does not parse */
    d->graph = graph;
    if (!error && !strstr(text, " loop(") && !strstr(text, " scan(")) {
        error = run_on(context, "ref", graph);
        tn_error_destroy(error);
        error = on_cpu ? run_on(context, "cpu", graph) : NULL;
    }
    d->graph = NULL;
    tn_text_free(context, text);
    tn_graph_release(again);
    tn_graph_release(graph);
    return error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tn_limits limits = {.struct_size = sizeof limits, .max_bytes = 1 << 16, .max_elements = 1 << 10, .max_nodes = 1 << 8,
                              .max_depth = 4};
    const tn_context_options options = {.struct_size = sizeof options, .limits = &limits};
    if (size < BEHAVIOUR) return 0;
    dice d = {.honest = data[0] & 1};
    memcpy(&d.state, data, BEHAVIOUR);
    char *source = malloc(size - BEHAVIOUR + 1);
    if (!source) return 0;
    memcpy(source, data + BEHAVIOUR, size - BEHAVIOUR);
    source[size - BEHAVIOUR] = 0;
    tn_context *context = NULL;
    tn_error *error = tn_context_create(&options, &context);
    if (!error) error = run(context, &d, source, data[1] % 8 == 0);
    tn_error_destroy(error);
    tn_context_release(context);
    free(source);
    return 0;
}
