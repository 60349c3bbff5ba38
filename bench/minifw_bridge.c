/* minifw with and without its bridge, as JSON. Without an argument: what the bridge itself costs for each call of a cluster. With the
 * folder of the MNIST files: training of both models, alone and with the bridge.
 *
 * The bridge's own work is the time of its recorder's `run`, less that of tn_executable_run of the same cluster called alone: signing
 * the sequence, finding the plan, borrowing buffers, the allocation of the results by the framework. Recording is the framework's own
 * work and the same without a bridge. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <tenon/tenon.h>
#include <time.h>

#include "bridge.h"
#include "train.h"

enum { SAMPLES = 31, CALLS = 1000, WIDTH = 16 };

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *samples) {
    qsort(samples, SAMPLES, sizeof *samples, ascending);
    return samples[SAMPLES / 2];
}

/* A recorder before the bridge's: it takes the time. */
typedef struct watch {
    const fw_recorder *bridge;
    double ns;
} watch;

static bool run(void *self, fw *f, const fw_node *nodes, uint32_t n_nodes, bool at_end) {
    watch *w = self;
    double start = now_ns();
    bool good = w->bridge->run(w->bridge->self, f, nodes, n_nodes, at_end);
    w->ns += now_ns() - start;
    return good;
}

/* x + x, then n - 1 times + x: one cluster of n nodes. Operand and result lie elsewhere than in the step before, as parameters do, so that
 * the bridge borrows them anew. */
static double bridged_ns(uint32_t n, double *out_step_ns) {
    fw *f = fw_create();
    fw_bridge *b = fw_bridge_create(f, NULL, true, NULL);
    watch w = {f->recorder, 0};
    fw_recorder timed = {&w, run};
    fw_set_recorder(f, &timed);
    fw_shape shape = {FW_F32, 1, {WIDTH}};
    fw_tensor *both[] = {fw_tensor_create(f, shape, NULL), fw_tensor_create(f, shape, NULL)}, *last = NULL;
    double runs[SAMPLES], steps[SAMPLES];
    for (int s = -1; s < SAMPLES; s++) { /* the first time makes the plan */
        double start = now_ns();
        w.ns = 0;
        for (int i = 0; i < CALLS; i++) {
            fw_tensor *x = both[i % 2], *y = x;
            for (uint32_t k = 0; k < n; k++) y = fw_op2(f, FW_add, y, x);
            fw_retain(y);
            if (!fw_step_end(f)) exit((fprintf(stderr, "minifw_bridge: %s\n", fw_error(f)), 1));
            fw_release(last);
            last = y;
        }
        if (s >= 0) runs[s] = w.ns / CALLS, steps[s] = (now_ns() - start) / CALLS;
    }
    fw_set_recorder(f, NULL);
    fw_release(both[0]), fw_release(both[1]), fw_release(last);
    fw_bridge_destroy(b);
    fw_destroy(f);
    *out_step_ns = median(steps);
    return median(runs);
}

/* The same cluster, called without a framework. */
static double alone_ns(uint32_t n) {
    const int64_t dims[] = {WIDTH};
    tn_context *context = NULL;
    tn_graph *g = NULL;
    tn_options *options = NULL;
    tn_executable *executable = NULL;
    tn_tensor *in = NULL, *out = NULL;
    double samples[SAMPLES] = {0};
    tn_error *e = tn_context_create(NULL, &context);
    if (!e) e = tn_options_create(context, &options);
    if (!e) e = tn_graph_create(context, "cluster", &g);
    if (!e) e = tn_tensor_create(context, TN_DTYPE_f32, 1, dims, &in);
    if (!e) {
        tn_value x = tn_graph_input(g, NULL, TN_DTYPE_f32, 1, dims), y = x;
        for (uint32_t k = 0; k < n; k++) y = tn_graph_op(g, "add", (tn_value[]){y, x}, 2, NULL, 0, 1);
        tn_graph_output(g, NULL, y);
        e = tn_compile(g, options, &executable);
    }
    for (int s = -1; s < SAMPLES && !e; s++) {
        double start = now_ns();
        for (int i = 0; i < CALLS && !e; i++) e = tn_executable_run(executable, &in, 1, &out, 1);
        if (s >= 0) samples[s] = (now_ns() - start) / CALLS;
    }
    if (e) exit((fprintf(stderr, "minifw_bridge: %s\n", tn_error_get_message(e)), 1));
    tn_tensor_release(in), tn_tensor_release(out), tn_executable_release(executable), tn_options_release(options);
    tn_graph_release(g), tn_context_release(context);
    return median(samples);
}

static void print_overhead(void) {
    static const uint32_t sizes[] = {5, 50};
    printf("{\"overhead\": [");
    for (int i = 0; i < 2; i++) {
        double step_ns, run_ns = bridged_ns(sizes[i], &step_ns), cluster_ns = alone_ns(sizes[i]);
        printf("%s{\"nodes\": %u, \"step_ns\": %.0f, \"run_ns\": %.0f, \"cluster_ns\": %.0f, \"own_ns\": %.0f}", i ? ", " : "", sizes[i],
               step_ns, run_ns, cluster_ns, run_ns - cluster_ns);
    }
    printf("]}\n");
}

static bool train(const mnist *data, const char *model, int epochs, const char *threads, fw_train_result *out) {
    fw *f = fw_create();
    setenv("TENON_THREADS", threads ? threads : "1", 1);
    fw_bridge *b = threads ? fw_bridge_create(f, NULL, false, NULL) : NULL;
    bool good = fw_train(f, data, &(fw_train_options){model, epochs, MNIST_TRAIN, 2000, 64, 1}, out);
    if (!good) fprintf(stderr, "minifw_bridge: %s: %s\n", model, fw_error(f));
    fw_bridge_destroy(b);
    fw_destroy(f);
    return good;
}

int main(int argc, char **argv) {
    static mnist data;
    static const char *const models[] = {"mlp", "cnn"}, *const threads[] = {NULL, "1", "2"};
    /* the framework's allocator keeps its memory: else each step would fault its pages in again, with and without the bridge */
    mallopt(M_MMAP_THRESHOLD, 32 << 20), mallopt(M_TRIM_THRESHOLD, 1 << 30);
    if (argc < 2) {
        setenv("TENON_THREADS", "1", 1);
        return print_overhead(), 0;
    }
    if (!mnist_read(argv[1], &data)) return fprintf(stderr, "minifw_bridge: no MNIST files in %s\n", argv[1]), 1;
    printf("{\"training\": [");
    for (int m = 0; m < 2; m++)
        for (int t = 0; t < 3; t++) {
            fw_train_result r;
            if (!train(&data, models[m], m ? 1 : 3, threads[t], &r)) return 1;
            printf("%s{\"model\": \"%s\", \"bridge_threads\": %s, \"loss\": %.4f, \"accuracy\": %.4f, \"first_ms\": %.2f, \"step_ms\": %.4f}",
                   m || t ? ", " : "", models[m], threads[t] ? threads[t] : "null", r.loss, r.accuracy, r.first_ms, r.step_ms);
            fflush(stdout);
        }
    printf("]}\n");
    return 0;
}
