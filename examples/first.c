/* The first program of the README: y = relu(x W), built, compiled and run. */
#include <stdio.h>
#include <tenon/tenon.h>

int main(void) {
    tn_context *context = NULL;
    tn_graph *graph = NULL;
    tn_executable *executable = NULL;
    tn_tensor *w = NULL, *x = NULL, *y = NULL;
    tn_error *error = tn_context_create(NULL, &context);
    if (!error) error = tn_graph_create(context, "first", &graph);
    if (!error) error = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){3, 2}, &w);
    if (!error) error = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){1, 3}, &x);
    if (!error) {
        for (int i = 0; i < 6; i++) ((float *)tn_tensor_get_data(w))[i] = (float)(i - 2);
        for (int i = 0; i < 3; i++) ((float *)tn_tensor_get_data(x))[i] = 1;
        tn_value in = tn_graph_input(graph, "x", TN_DTYPE_f32, 2, (int64_t[]){1, 3});
        tn_value v = tn_graph_op(graph, "matmul", (tn_value[]){in, tn_graph_constant(graph, w)}, 2, NULL, 0, 1);
        v = tn_graph_op(graph, "relu", &v, 1, NULL, 0, 1);
        tn_graph_output(graph, "y", v); /* no call above needed a check: tn_compile returns the first error */
        error = tn_compile(graph, NULL, &executable);
    }
    if (!error) error = tn_executable_run(executable, &x, 1, &y, 1);
    if (error) fprintf(stderr, "first: %s\n", tn_error_get_message(error));
    else printf("y = [%g, %g]\n", ((float *)tn_tensor_get_data(y))[0], ((float *)tn_tensor_get_data(y))[1]);
    int status = error != NULL;
    tn_error_destroy(error);
    tn_tensor_release(y), tn_tensor_release(x), tn_tensor_release(w);
    tn_executable_release(executable), tn_graph_release(graph), tn_context_release(context);
    return status;
}
