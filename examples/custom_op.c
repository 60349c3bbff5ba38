/* A kernel of one's own inside a compiled graph: y = -softcap(x W), softcap(v) = cap * tanh(v / cap). docs/custom-ops.md explains it. */
#include <math.h>
#include <stdio.h>
#include <tenon/tenon.h>

/* Results are of the operand's type, whatever is known of it yet. */
static tn_error *softcap_infer(void *self, tn_custom_call *call) {
    const int64_t *dims;
    int32_t rank = tn_custom_call_get_input_shape(call, 0, &dims);
    if (tn_custom_call_get_input_dtype(call, 0) != TN_DTYPE_f32) return tn_custom_call_fail(call, TN_ERROR_TYPE_MISMATCH, "wanted f32");
    return tn_custom_call_set_output(call, 0, TN_DTYPE_f32, rank, dims);
}

static tn_error *softcap_evaluate(void *self, tn_custom_call *call) {
    const tn_tensor *x = tn_custom_call_get_input(call, 0);
    const float *from = tn_tensor_get_data(x);
    float *to = tn_tensor_get_data(tn_custom_call_get_output(call, 0));
    const tn_attr *attr = tn_custom_call_find_attr(call, "cap");
    float cap = attr ? (float)attr->f : 1;
    for (int64_t i = 0; i < tn_tensor_get_elements(x); i++) to[i] = cap * tanhf(from[i] / cap);
    *(int *)self += 1;
    return NULL;
}

static tn_error *build(tn_context *context, tn_graph *graph) {
    tn_tensor *w;
    tn_error *error = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){3, 2}, &w);
    if (error) return error;
    for (int i = 0; i < 6; i++) ((float *)tn_tensor_get_data(w))[i] = (float)(i - 2);
    tn_value x = tn_graph_input(graph, "x", TN_DTYPE_f32, 2, (int64_t[]){tn_graph_symbol(graph, "N"), 3});
    tn_value v = tn_graph_op(graph, "matmul", (tn_value[]){x, tn_graph_constant(graph, w)}, 2, NULL, 0, 1);
    tn_attr cap = {.name = "cap", .kind = TN_ATTR_FLOAT, .f = 2};
    v = tn_graph_custom(graph, "example::softcap", &v, 1, &cap, 1, 1);
    v = tn_graph_op(graph, "neg", &v, 1, NULL, 0, 1);
    tn_graph_output(graph, "y", v);
    tn_tensor_release(w);
    return NULL;
}

int main(void) {
    int calls = 0;
    tn_custom_op softcap = {.struct_size = sizeof softcap, .name = "example::softcap", .n_in_min = 1, .flags = TN_CUSTOM_PURE, .self = &calls,
                            .infer = softcap_infer, .evaluate = softcap_evaluate};
    tn_context *context = NULL;
    tn_graph *graph = NULL;
    tn_executable *executable = NULL;
    tn_tensor *x = NULL, *y = NULL;
    tn_error *error = tn_context_create(NULL, &context);
    if (!error) error = tn_custom_op_register(context, &softcap);
    if (!error) error = tn_graph_create(context, "custom", &graph);
    if (!error) error = build(context, graph);
    if (!error) error = tn_compile(graph, NULL, &executable);
    if (!error) error = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){1, 3}, &x);
    if (!error) {
        for (int i = 0; i < 3; i++) ((float *)tn_tensor_get_data(x))[i] = 1;
        error = tn_executable_run(executable, &x, 1, &y, 1);
    }
    if (error) fprintf(stderr, "custom_op: %s\n", tn_error_get_message(error));
    else printf("y = [%.4f, %.4f] after %d call\n", ((float *)tn_tensor_get_data(y))[0], ((float *)tn_tensor_get_data(y))[1], calls);
    int status = error != NULL;
    tn_error_destroy(error);
    tn_tensor_release(y), tn_tensor_release(x);
    tn_executable_release(executable), tn_graph_release(graph), tn_context_release(context);
    return status;
}
