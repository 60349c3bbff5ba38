/* What a bridge pays: time to partition 100,000 nodes, tn_query and the signature cache per question, and what a call of an executable
 * and each of its ports cost (the defaults of tn_partition_options come from these). Prints JSON.
 *
 * Random graph: 1 to 3 edges a node to one of the 200 nodes before it, 10 % of the nodes stay, 4 % stand under another predicate. */
#include <stdio.h>
#include <stdlib.h>
#include <tenon/tenon.h>
#include <time.h>

enum { NODES = 100000, MOST_EDGES = 3, SAMPLES = 11, CALLS = 2000, MOST_PORTS = 64 };

static double now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}
static int compare(const void *a, const void *b) { return *(const double *)a < *(const double *)b ? -1 : *(const double *)a > *(const double *)b; }
static double median(double *samples) {
    qsort(samples, SAMPLES, sizeof *samples, compare);
    return samples[SAMPLES / 2];
}
static void must(tn_error *e) {
    if (!e) return;
    fprintf(stderr, "partition: %s\n", tn_error_get_message(e));
    exit(1);
}

/* ---- the framework's graph ----------------------------------------------------------------------------------- */

static struct {
    uint8_t n_edges;
    bool yes;
    uint64_t predicate;
    tn_edge edges[MOST_EDGES];
} g[NODES];
static uint64_t n_edges;

static uint32_t draw(uint32_t n) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % n;
}
static void make_graph(void) {
    for (uint32_t i = 0; i < NODES; i++) {
        g[i].yes = draw(10) != 0;
        g[i].predicate = draw(25) == 0;
        g[i].n_edges = (uint8_t)(i ? 1 + draw(MOST_EDGES) : 0);
        for (uint32_t k = 0; k < g[i].n_edges; k++) g[i].edges[k] = (tn_edge){i - 1 - draw(i < 200 ? i : 200), 0, draw(50) ? TN_EDGE_DATA : TN_EDGE_CONTROL};
        n_edges += g[i].n_edges;
    }
}
static bool get_count(void *s, uint32_t *n) { return *n = NODES, true; }
static bool get_inputs(void *s, uint32_t i, const tn_edge **e, uint32_t *n) { return *e = g[i].edges, *n = g[i].n_edges, true; }
static bool get_op(void *s, uint32_t i, const char **op) {
    static const char *const names[] = {"abs", "add", "sum"}; /* by operands; of 0: a source */
    return *op = !g[i].yes ? "gather_tree" : g[i].n_edges ? names[g[i].n_edges - 1] : "source", true;
}
static bool get_attributes(void *s, uint32_t i, tn_partition_node *out) {
    static const int64_t dims[] = {32, 64};
    static const tn_value_type type = {TN_DTYPE_f32, 2, dims};
    out->outputs = &type;
    out->n_outputs = 1;
    out->predicate = g[i].predicate;
    return true;
}
static bool get_constant(void *s, uint32_t i, bool *c) { return *c = false, true; }
static bool mark(void *s, uint32_t i, char *why, size_t n) { return g[i].yes; }

static double time_partition(tn_context *context, bool query, char *report, size_t bytes) {
    tn_partition_source source = {sizeof source, NULL, get_count, get_inputs, get_op, get_attributes, get_constant};
    tn_partition_options options = {.struct_size = sizeof options, .mark = query ? NULL : mark};
    double samples[SAMPLES];
    for (int s = 0; s < SAMPLES; s++) {
        tn_partition *p;
        double start = now_ns();
        must(tn_partition_create(context, &source, &options, &p));
        samples[s] = (now_ns() - start) / 1e6;
        snprintf(report, bytes, "%s", tn_partition_get_report(p));
        tn_partition_release(p);
    }
    return median(samples);
}

/* ---- calls and ports ----------------------------------------------------------------------------------------- */

static tn_error *give(void *self, const tn_signature *signature, tn_executable **out) {
    tn_executable_retain(*out = self);
    return NULL;
}

/* Nanoseconds of a call of a cluster with n inputs and n outputs of 16 elements, as a bridge makes it: signature, tensors over the
 * framework's buffers, run (`bare`: the run alone). The work of the kernels, 64 bytes a port, is in it. */
static double time_call(tn_context *context, uint32_t n, bool bare) {
    static float buffers[2][MOST_PORTS][16];
    const int64_t size = 16;
    tn_signature_cache *cache;
    must(tn_signature_cache_create(context, NULL, &cache));
    tn_graph *graph;
    tn_options *options;
    tn_executable *x;
    tn_tensor *in[MOST_PORTS] = {NULL}, *out[MOST_PORTS] = {NULL};
    must(tn_graph_create(context, "ports", &graph));
    must(tn_options_create(context, &options));
    must(tn_options_set(options, "threads", "1"));
    for (uint32_t i = 0; i < n; i++) {
        must(tn_tensor_create(context, TN_DTYPE_f32, 1, &size, &in[i]));
        must(tn_tensor_create(context, TN_DTYPE_f32, 1, &size, &out[i]));
        tn_value v = tn_graph_input(graph, "x", TN_DTYPE_f32, 1, &size);
        tn_graph_output(graph, "y", tn_graph_op(graph, "neg", &v, 1, NULL, 0, 1));
    }
    must(tn_compile(graph, options, &x));
    double samples[SAMPLES];
    for (int s = -1; s < SAMPLES; s++) {
        double start = now_ns();
        for (int i = 0; i < CALLS; i++)
            if (bare) must(tn_executable_run(x, in, n, out, n));
            else {
                tn_signature_input inputs[MOST_PORTS];
                tn_signature signature = {sizeof signature, 1, inputs, n, NULL, 0};
                tn_tensor *mine[2][MOST_PORTS];
                tn_executable *cluster;
                for (uint32_t k = 0; k < n; k++) inputs[k] = (tn_signature_input){TN_DTYPE_f32, 1, &size, NULL, 0};
                must(tn_signature_cache_get(cache, &signature, give, x, &cluster));
                for (uint32_t k = 0; k < 2 * n; k++)
                    must(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &size, buffers[k & 1][k / 2], sizeof buffers[0][0], NULL, NULL,
                                                   &mine[k & 1][k / 2]));
                must(tn_executable_run(cluster, mine[0], n, mine[1], n));
                for (uint32_t k = 0; k < 2 * n; k++) tn_tensor_release(mine[k & 1][k / 2]);
                tn_executable_release(cluster);
            }
        if (s >= 0) samples[s] = (now_ns() - start) / CALLS;
    }
    for (uint32_t i = 0; i < n; i++) tn_tensor_release(in[i]), tn_tensor_release(out[i]);
    tn_signature_cache_release(cache);
    tn_executable_release(x), tn_options_release(options), tn_graph_release(graph);
    return median(samples);
}

/* ---- questions ----------------------------------------------------------------------------------------------- */

static double time_query(tn_context *context, bool cached) {
    const int64_t a[] = {64, 128}, b[] = {128, 32};
    tn_value_type in[] = {{TN_DTYPE_f32, 2, a}, {TN_DTYPE_f32, 2, b}};
    tn_query_node node = {sizeof node, "matmul", in, NULL, 2, NULL, 0, 1};
    tn_query_answer answer = {.struct_size = sizeof answer};
    tn_query_cache *cache = NULL;
    if (cached) must(tn_query_cache_create(context, NULL, &cache));
    int calls = cached ? 20000 : 200;
    double samples[SAMPLES];
    for (int s = 0; s < SAMPLES; s++) {
        double start = now_ns();
        for (int i = 0; i < calls; i++) must(tn_query(context, NULL, &node, cache, &answer));
        samples[s] = (now_ns() - start) / calls;
    }
    tn_query_cache_release(cache);
    return median(samples);
}

static tn_error *compile(void *self, const tn_signature *signature, tn_executable **out) {
    tn_graph *graph;
    must(tn_graph_create(self, "cluster", &graph));
    tn_value v = tn_graph_input(graph, "x", TN_DTYPE_f32, 0, NULL);
    tn_graph_output(graph, "y", tn_graph_op(graph, "neg", &v, 1, NULL, 0, 1));
    tn_error *e = tn_compile(graph, NULL, out);
    tn_graph_release(graph);
    return e;
}

/* A cluster of 4 inputs of rank 3 and one compile-time input of 4 numbers. */
static double time_signature(tn_context *context) {
    const int64_t dims[] = {8, 128, 512}, four = 4, value[] = {0, 2, 1, 3};
    tn_signature_input in[5];
    for (int i = 0; i < 4; i++) in[i] = (tn_signature_input){TN_DTYPE_f32, 3, dims, NULL, 0};
    in[4] = (tn_signature_input){TN_DTYPE_i64, 1, &four, value, sizeof value};
    tn_signature signature = {sizeof signature, 7, in, 5, NULL, 0};
    tn_signature_cache *cache;
    must(tn_signature_cache_create(context, NULL, &cache));
    double samples[SAMPLES];
    for (int s = 0; s < SAMPLES; s++) {
        double start = now_ns();
        for (int i = 0; i < 20000; i++) {
            tn_executable *x;
            must(tn_signature_cache_get(cache, &signature, compile, context, &x));
            tn_executable_release(x);
        }
        samples[s] = (now_ns() - start) / 20000;
    }
    tn_signature_cache_release(cache);
    return median(samples);
}

int main(void) {
    tn_context *context;
    char report[400];
    must(tn_context_create(NULL, &context));
    make_graph();
    double ms = time_partition(context, false, report, sizeof report), query_ms = time_partition(context, true, report, sizeof report);
    printf("{\"nodes\": %d, \"edges\": %llu, \"ms\": %.1f, \"ms_with_tn_query\": %.1f, \"report\": \"%s\",\n", NODES, (unsigned long long)n_edges, ms,
           query_ms, report);
    for (int bare = 0; bare < 2; bare++) {
        double one = time_call(context, 1, bare), many = time_call(context, MOST_PORTS, bare), port = (many - one) / (2 * (MOST_PORTS - 1));
        printf(" \"%scall_ns\": %.0f, \"%sport_ns\": %.1f,\n", bare ? "bare_" : "", one - 2 * port, bare ? "bare_" : "", port);
    }
    printf(" \"query_miss_ns\": %.0f, \"query_hit_ns\": %.0f, \"signature_hit_ns\": %.0f}\n", time_query(context, false), time_query(context, true),
           time_signature(context));
    tn_context_release(context);
    return 0;
}
