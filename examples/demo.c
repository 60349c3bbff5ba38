/* The demo of `make run`: builds a small residual CNN and a small transformer block through the public C API, writes both as ONNX
 * files, imports those, compiles them for the cpu device, checks the results against the reference device and times the calls. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure/ceilings.h"
#include "tenon/tenon.h"

enum { MAX_CALLS = 400, WARM_CALLS = 5 };
#define BUDGET_NS UINT64_C(1000000000)

/* The first error ends the demo: every call goes through here. */
static void must(tn_error *error, const char *what) {
    if (!error) return;
    fprintf(stderr, "demo: %s: %s: %s\n", what, tn_error_code_name(tn_error_get_code(error)), tn_error_get_message(error));
    tn_error_destroy(error);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* ---- tensors of fixed pseudo-random numbers --------------------------------------------------------------- */

static uint64_t random_state;

/* Uniform in [-1, 1). */
static float random_unit(void) {
    random_state ^= random_state << 13, random_state ^= random_state >> 7, random_state ^= random_state << 17;
    return (float)((int64_t)(random_state >> 40) - (1 << 23)) / (float)(1 << 23);
}

static tn_tensor *random_tensor(tn_context *c, int32_t rank, const int64_t *dims, float scale, float offset) {
    tn_tensor *t;
    must(tn_tensor_create(c, TN_DTYPE_f32, rank, dims, &t), "tensor");
    float *data = tn_tensor_get_data(t);
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) data[i] = offset + scale * random_unit();
    return t;
}

/* ---- building ----------------------------------------------------------------------------------------------- */

typedef struct builder {
    tn_context *context;
    tn_graph *graph;
} builder;

static tn_value weight(builder *b, int32_t rank, const int64_t *dims, float scale, float offset) {
    tn_tensor *t = random_tensor(b->context, rank, dims, scale, offset);
    tn_value v = tn_graph_constant(b->graph, t);
    tn_tensor_release(t); /* the graph holds it */
    return v;
}

static tn_value ints(builder *b, int64_t n, const int64_t *values) {
    tn_tensor *t;
    must(tn_tensor_create(b->context, TN_DTYPE_i64, 1, &n, &t), "tensor");
    memcpy(tn_tensor_get_data(t), values, (size_t)n * sizeof *values);
    tn_value v = tn_graph_constant(b->graph, t);
    tn_tensor_release(t);
    return v;
}

static tn_value op1(builder *b, const char *op, tn_value x) { return tn_graph_op(b->graph, op, &x, 1, NULL, 0, 1); }
static tn_value op2(builder *b, const char *op, tn_value x, tn_value y) {
    return tn_graph_op(b->graph, op, (tn_value[]){x, y}, 2, NULL, 0, 1);
}

static tn_value conv(builder *b, tn_value x, int64_t in, int64_t out, int64_t kernel, int64_t stride) {
    tn_value w = weight(b, 4, (int64_t[]){out, in, kernel, kernel}, sqrtf(3.0f / (float)(in * kernel * kernel)), 0);
    tn_value bias = weight(b, 1, &out, 0.1f, 0);
    int64_t p = kernel / 2, pads[4] = {p, p, p, p}, strides[2] = {stride, stride};
    tn_attr attrs[] = {{.name = "pads", .kind = TN_ATTR_INTS, .n = 4, .ints = pads},
                       {.name = "strides", .kind = TN_ATTR_INTS, .n = 2, .ints = strides}};
    return tn_graph_op(b->graph, "conv", (tn_value[]){x, w, bias}, 3, attrs, 2, 1);
}

static tn_value residual(builder *b, tn_value x, int64_t in, int64_t out, int64_t stride) {
    tn_value y = op1(b, "relu", conv(b, x, in, out, 3, stride));
    y = conv(b, y, out, out, 3, 1);
    tn_value skip = in == out && stride == 1 ? x : conv(b, x, in, out, 1, stride);
    return op1(b, "relu", op2(b, "add", y, skip));
}

static void build_cnn(builder *b) {
    tn_value x = tn_graph_input(b->graph, "image", TN_DTYPE_f32, 4, (int64_t[]){1, 3, 64, 64});
    x = op1(b, "relu", conv(b, x, 3, 32, 3, 1));
    x = residual(b, x, 32, 32, 1);
    x = residual(b, x, 32, 64, 2);
    x = residual(b, x, 64, 128, 2);
    x = op1(b, "global_average_pool", x);
    x = op2(b, "reshape", x, ints(b, 2, (int64_t[]){1, 128}));
    x = op2(b, "matmul", x, weight(b, 2, (int64_t[]){128, 10}, 0.15f, 0));
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = -1};
    tn_graph_output(b->graph, "probability", tn_graph_op(b->graph, "softmax", &x, 1, &axis, 1, 1));
}

enum { TOKENS = 64, WIDTH = 256, HEADS = 4, HEAD = WIDTH / HEADS };

static tn_value layer_norm(builder *b, tn_value x) {
    int64_t n = WIDTH;
    return tn_graph_op(b->graph, "layer_normalization", (tn_value[]){x, weight(b, 1, &n, 0.1f, 1), weight(b, 1, &n, 0.1f, 0)}, 3,
                       NULL, 0, 1);
}

static tn_value dense(builder *b, tn_value x, int64_t in, int64_t out) {
    tn_value y = op2(b, "matmul", x, weight(b, 2, (int64_t[]){in, out}, sqrtf(3.0f / (float)in), 0));
    return op2(b, "add", y, weight(b, 1, &out, 0.1f, 0));
}

static tn_value permute(builder *b, tn_value x, const int64_t *perm) {
    tn_attr attr = {.name = "perm", .kind = TN_ATTR_INTS, .n = 4, .ints = perm};
    return tn_graph_op(b->graph, "transpose", &x, 1, &attr, 1, 1);
}

/* x of [1, TOKENS, WIDTH] as [1, HEADS, TOKENS, HEAD], or with the last two exchanged. */
static tn_value heads(builder *b, tn_value x, bool last_exchanged) {
    x = op2(b, "reshape", x, ints(b, 4, (int64_t[]){1, TOKENS, HEADS, HEAD}));
    return permute(b, x, last_exchanged ? (int64_t[]){0, 2, 3, 1} : (int64_t[]){0, 2, 1, 3});
}

static void build_transformer(builder *b) {
    tn_value x = tn_graph_input(b->graph, "tokens", TN_DTYPE_f32, 3, (int64_t[]){1, TOKENS, WIDTH});
    tn_value n = layer_norm(b, x);
    tn_value q = heads(b, dense(b, n, WIDTH, WIDTH), false);
    tn_value k = heads(b, dense(b, n, WIDTH, WIDTH), true);
    tn_value v = heads(b, dense(b, n, WIDTH, WIDTH), false);
    tn_value scale = weight(b, 0, NULL, 0, 1.0f / sqrtf((float)HEAD));
    tn_value s = op2(b, "mul", op2(b, "matmul", q, k), scale);
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = -1};
    s = tn_graph_op(b->graph, "softmax", &s, 1, &axis, 1, 1);
    s = permute(b, op2(b, "matmul", s, v), (int64_t[]){0, 2, 1, 3});
    s = op2(b, "reshape", s, ints(b, 3, (int64_t[]){1, TOKENS, WIDTH}));
    x = op2(b, "add", x, dense(b, s, WIDTH, WIDTH));
    tn_value m = op1(b, "gelu", dense(b, layer_norm(b, x), WIDTH, 4 * WIDTH));
    tn_graph_output(b->graph, "hidden", op2(b, "add", x, dense(b, m, 4 * WIDTH, WIDTH)));
}

/* ---- running ------------------------------------------------------------------------------------------------ */

/* Compiles for `device`; NULL with a note where this build has no such device. */
static tn_executable *compile_for(tn_context *c, const tn_graph *g, const char *device) {
    tn_options *options;
    tn_executable *executable = NULL;
    must(tn_options_create(c, &options), "options");
    tn_error *error = tn_options_set(options, "device", device);
    if (!error) error = tn_compile(g, options, &executable);
    tn_options_release(options);
    tn_error_code code = tn_error_get_code(error);
    bool absent = code == TN_ERROR_NOT_FOUND || code == TN_ERROR_UNSUPPORTED || code == TN_ERROR_INVALID_ARGUMENT;
    if (absent && strcmp(device, "ref") != 0) {
        printf("note: device %s is not available: %s\n", device, tn_error_get_message(error));
        tn_error_destroy(error);
        return NULL;
    }
    must(error, "compile");
    return executable;
}

static tn_tensor *run_once(tn_executable *executable, tn_tensor *input) {
    tn_tensor *output = NULL;
    must(tn_executable_run(executable, &input, 1, &output, 1), "run");
    return output;
}

/* The largest |found - wanted| in units of the last place of max(|wanted|, RMS of wanted): near zero an ulp of the value itself would
 * measure cancellation, not the compiler. */
static double worst_ulp(const tn_tensor *found, const tn_tensor *wanted) {
    const float *f = tn_tensor_get_data(found), *w = tn_tensor_get_data(wanted);
    int64_t n = tn_tensor_get_elements(wanted);
    double sum = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)w[i] * w[i];
    double rms = n ? sqrt(sum / (double)n) : 0;
    for (int64_t i = 0; i < n; i++) {
        double size = fmax(fabs((double)w[i]), rms);
        double ulp = size > 0 ? ldexp(1, ilogb(size) - 23) : ldexp(1, -149);
        double error = fabs((double)f[i] - (double)w[i]) / ulp;
        if (!(error <= worst)) worst = error; /* a NaN stays */
    }
    return worst;
}

static int compare_u64(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* True where the result is within the bound that the demo promises. */
static bool measure(tn_context *c, const char *name, void (*build)(builder *), const char *folder, double ceiling_gflops) {
    builder b = {.context = c};
    must(tn_graph_create(c, name, &b.graph), "graph");
    build(&b);
    must(tn_graph_check(b.graph), name);
    char path[512];
    snprintf(path, sizeof path, "%s/%s.onnx", folder, name);
    must(tn_onnx_save_file(b.graph, path), "save");
    tn_graph *graph;
    must(tn_onnx_load_file(c, path, &graph), "load");
    unlink(path);

    const int64_t *dims;
    int32_t rank = tn_graph_get_shape(graph, tn_graph_get_input(graph, 0), &dims);
    tn_tensor *input = random_tensor(c, rank, dims, 1, 0);
    tn_executable *reference = compile_for(c, b.graph, "ref"); /* of the graph as it was built */
    const char *device = "cpu";
    tn_executable *executable = compile_for(c, graph, device);
    if (!executable) executable = compile_for(c, graph, device = "ref");
    tn_tensor *wanted = run_once(reference, input), *output = run_once(executable, input);
    double ulp = worst_ulp(output, wanted);

    static uint64_t times[MAX_CALLS];
    size_t n = 0;
    uint64_t begin = now_ns();
    for (int i = 0; i < WARM_CALLS && now_ns() - begin < BUDGET_NS; i++)
        must(tn_executable_run(executable, &input, 1, &output, 1), "run");
    begin = now_ns();
    do {
        uint64_t start = now_ns();
        must(tn_executable_run(executable, &input, 1, &output, 1), "run");
        times[n++] = now_ns() - start;
    } while (n < MAX_CALLS && now_ns() - begin < BUDGET_NS);
    qsort(times, n, sizeof *times, compare_u64);

    tn_executable_stats stats = {.struct_size = sizeof stats};
    must(tn_executable_get_stats(executable, &stats), "stats");
    double gflops = (double)stats.flops / (double)times[n / 2];
    printf("%-12s %-4s %9.3f %9.3f %9.3f ", name, device, (double)times[0] / 1e6, (double)times[n / 2] / 1e6,
           (double)times[(n * 9) / 10] / 1e6);
    if (stats.flops && ceiling_gflops > 0) printf("%9.2f %8.1f%% ", gflops, 100 * gflops / ceiling_gflops);
    else printf("%9s %9s ", "-", "-"); /* the reference does not count */
    printf("%10" PRIu64 " %10.1f %10.1f\n", stats.arena_bytes, (double)stats.compile_ns / 1e6, ulp);

    tn_tensor_release(output);
    tn_tensor_release(wanted);
    tn_tensor_release(input);
    tn_executable_release(executable);
    tn_executable_release(reference);
    tn_graph_release(graph);
    tn_graph_release(b.graph);
    return ulp <= 4096; /* 4096 ulp of f32 are 0.05 % */
}

int main(void) {
    tn_context *context;
    must(tn_context_create(NULL, &context), "context");
    const char *base = getenv("TMPDIR");
    char folder[256];
    int length = snprintf(folder, sizeof folder, "%s/tenon-demo-XXXXXX", base && *base ? base : "/tmp");
    if (length < 0 || (size_t)length >= sizeof folder || !mkdtemp(folder)) {
        fprintf(stderr, "demo: cannot make a folder below %s\n", base && *base ? base : "/tmp");
        return 1;
    }
    random_state = UINT64_C(0x9e3779b97f4a7c15);
    tn__ceilings ceilings;
    char processor[128];
    tn__cpu_name(processor, sizeof processor);
    must(tn__ceilings_measure(context, NULL, NULL, &ceilings), "ceilings");
    double ceiling = ceilings.all.fma_f32 * 1e-9;
    printf("Tenon %s on %s\nmeasured ceiling, f32 multiply-add: %.1f GFLOP/s on all processors, %.1f on one\n\n", tn_version(), processor,
           ceiling, ceilings.one.fma_f32 * 1e-9);
    printf("%-12s %-4s %9s %9s %9s %9s %9s %10s %10s %10s\n", "graph", "on", "min ms", "median ms", "p90 ms", "GFLOP/s", "of ceil.",
           "arena B", "compile ms", "worst ulp");
    bool good = measure(context, "residual-cnn", build_cnn, folder, ceiling);
    good = measure(context, "transformer", build_transformer, folder, ceiling) && good;
    rmdir(folder);
    tn_context_release(context);
    if (!good) fprintf(stderr, "demo: a result differs from the reference by more than 4096 ulp\n");
    return good ? 0 : 1;
}
