/* What one call costs: a graph of one addition of 16 elements, run through the C ABI. Prints JSON: all samples, ns per call. */
#include <stdio.h>
#include <tenon/tenon.h>
#include <time.h>

enum { SAMPLES = 31, CALLS = 2000, WIDTH = 16 };

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

int main(void) {
    const int64_t dims[] = {WIDTH};
    tn_context *context = NULL;
    tn_graph *graph = NULL;
    tn_options *options = NULL;
    tn_executable *executable = NULL;
    tn_tensor *in[2] = {NULL, NULL}, *out = NULL;
    double samples[SAMPLES] = {0};
    tn_error *error = tn_context_create(NULL, &context);
    if (!error) error = tn_graph_create(context, "call_overhead", &graph);
    if (!error) error = tn_options_create(context, &options);
    if (!error) error = tn_options_set(options, "threads", "1");
    for (int i = 0; i < 2 && !error; i++) error = tn_tensor_create(context, TN_DTYPE_f32, 1, dims, &in[i]);
    if (!error) {
        for (int i = 0; i < WIDTH; i++) {
            ((float *)tn_tensor_get_data(in[0]))[i] = (float)i;
            ((float *)tn_tensor_get_data(in[1]))[i] = 1;
        }
        tn_value a = tn_graph_input(graph, "a", TN_DTYPE_f32, 1, dims);
        tn_value b = tn_graph_input(graph, "b", TN_DTYPE_f32, 1, dims);
        tn_graph_output(graph, "y", tn_graph_op(graph, "add", (tn_value[]){a, b}, 2, NULL, 0, 1));
        error = tn_compile(graph, options, &executable);
    }
    /* the first run makes the output tensor, all others write into it */
    for (int i = 0; i < CALLS && !error; i++) error = tn_executable_run(executable, in, 2, &out, 1);
    for (int s = 0; s < SAMPLES && !error; s++) {
        double start = now_ns();
        for (int i = 0; i < CALLS && !error; i++) error = tn_executable_run(executable, in, 2, &out, 1);
        samples[s] = (now_ns() - start) / CALLS;
    }
    bool right = !error;
    for (int i = 0; right && i < WIDTH; i++) right = ((float *)tn_tensor_get_data(out))[i] == (float)(i + 1);
    if (error) fprintf(stderr, "call_overhead: %s\n", tn_error_get_message(error));
    else if (!right) fprintf(stderr, "call_overhead: the sums are wrong\n");
    else {
        printf("{\"calls_per_sample\": %d, \"ns_per_call\": [", CALLS);
        for (int s = 0; s < SAMPLES; s++) printf("%s%.1f", s ? ", " : "", samples[s]);
        printf("]}\n");
    }
    tn_error_destroy(error);
    tn_tensor_release(out), tn_tensor_release(in[0]), tn_tensor_release(in[1]);
    tn_executable_release(executable), tn_options_release(options);
    tn_graph_release(graph), tn_context_release(context);
    return !right;
}
