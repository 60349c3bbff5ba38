/* Fuzzes the parser of the text form; what it accepts must print, and the print must parse again. */
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const tn_limits limits = {.struct_size = sizeof limits, .max_bytes = 1 << 22, .max_elements = 1 << 16,
                              .max_nodes = 1 << 10, .max_depth = 8};
    const tn_context_options options = {.struct_size = sizeof options, .limits = &limits};
    char *source = malloc(size + 1);
    if (!source) return 0;
    if (size) memcpy(source, data, size);
    source[size] = 0;
    tn_context *context = NULL;
    tn_graph *graph = NULL, *again = NULL;
    char *text = NULL;
    tn_error *error = tn_context_create(&options, &context);
    if (!error) error = tn_graph_parse(context, source, &graph);
    if (!error) error = tn_graph_print(graph, &text);
    if (!error) {
        error = tn_graph_parse(context, text, &again);
        if (error) abort(); /* what was printed does not parse */
    }
    if (text) tn_text_free(context, text);
    tn_error_destroy(error);
    tn_graph_release(again);
    tn_graph_release(graph);
    tn_context_release(context);
    free(source);
    return 0;
}
