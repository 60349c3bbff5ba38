#include <stdio.h>
#include <string.h>
#include <tenon/tenon.h>

int main(void) {
    tn_context *context = NULL;
    tn_graph *graph = NULL;
    if (tn_context_create(NULL, &context) || tn_graph_create(context, "consumer", &graph)) return 1;
    tn_graph_output(graph, "y", tn_graph_input(graph, "x", TN_DTYPE_f32, 1, (const int64_t[]){4}));
    tn_error *error = tn_graph_check(graph);
    printf("tenon %s: %s\n", tn_version(), error ? tn_error_get_message(error) : "ok");
    int bad = error != NULL || strcmp(tn_version(), "0.1.0") != 0;
    tn_error_destroy(error);
    tn_graph_release(graph);
    tn_context_release(context);
    return bad;
}
