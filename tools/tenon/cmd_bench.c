/* tenon bench: times calls of models; every sample is kept.
 *
 * MAD is the median absolute deviation from the median: half of the samples lie that near. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "inputs.h"

typedef struct bench_settings {
    cli_target target;
    cli_inputs inputs;
    int64_t runs; /* 0: as many as fit into `seconds` */
    double seconds;
    bool json;
} bench_settings;

typedef struct samples {
    double *seconds;
    size_t count;
    double min, median, p90, mad;
} samples;

enum { RUNS_LEAST = 5, RUNS_MOST = 1000000 };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Quantile by linear interpolation; `sorted` has n > 0 entries. */
static double quantile(const double *sorted, size_t n, double q) {
    double at = q * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

static void summarise(samples *s) {
    double *sorted = cli_alloc(s->count * sizeof *sorted);
    for (size_t i = 0; i < s->count; i++) sorted[i] = s->seconds[i];
    qsort(sorted, s->count, sizeof *sorted, by_value);
    s->min = sorted[0];
    s->median = quantile(sorted, s->count, 0.5);
    s->p90 = quantile(sorted, s->count, 0.9);
    for (size_t i = 0; i < s->count; i++) sorted[i] = fabs(s->seconds[i] - s->median);
    qsort(sorted, s->count, sizeof *sorted, by_value);
    s->mad = quantile(sorted, s->count, 0.5);
    free(sorted);
}

/* One call into the same output tensors; the first call makes them. */
static tn_error *call(tn_executable *x, tn_tensor **in, uint32_t n_in, tn_tensor **out, uint32_t n_out, double *seconds) {
    uint64_t start = cli_now_ns();
    tn_error *e = tn_executable_run(x, in, n_in, out, n_out);
    *seconds = (double)(cli_now_ns() - start) * 1e-9;
    return e;
}

static tn_error *take_samples(tn_executable *x, tn_tensor **in, uint32_t n_in, tn_tensor **out, uint32_t n_out, const char *path,
                              const bench_settings *s, samples *r) {
    double once, total = 0;
    for (int warm = 0; warm < 2; warm++) { /* the first call specialises, the second fills the caches */
        cli_progress("%s: warm-up", path);
        tn_error *e = call(x, in, n_in, out, n_out, &once);
        if (e) return e;
    }
    size_t capacity = 0;
    uint64_t shown = cli_now_ns();
    while (s->runs ? (int64_t)r->count < s->runs : (total < s->seconds || r->count < RUNS_LEAST) && r->count < RUNS_MOST) {
        tn_error *e = call(x, in, n_in, out, n_out, &once);
        if (e) return e;
        if (r->count == capacity) r->seconds = cli_realloc(r->seconds, (capacity = capacity * 2 + 64) * sizeof *r->seconds);
        r->seconds[r->count++] = once;
        total += once;
        if (cli_now_ns() - shown < 500000000u) continue; /* seldom, so that it disturbs nothing */
        cli_progress("%s: %zu runs", path, r->count);
        shown = cli_now_ns();
    }
    summarise(r);
    return NULL;
}

static tn_error *bench_model(tn_context *context, const char *path, const bench_settings *s, samples *r, tn_executable_stats *stats) {
    tn_options *options = NULL;
    tn_graph *graph = NULL;
    tn_executable *executable = NULL;
    tn_tensor **in = NULL;
    cli_inputs inputs = s->inputs;
    inputs.model_path = path;
    tn_error *e = cli_options_create(context, &s->target, &options);
    if (!e) e = cli_graph_load(context, path, &graph);
    if (!e) e = cli_inputs_make(context, graph, &inputs, &in);
    cli_progress("%s: compiling", path);
    if (!e) e = tn_compile(graph, options, &executable);
    uint32_t n_in = graph ? tn_graph_get_input_count(graph) : 0, n_out = graph ? tn_graph_get_output_count(graph) : 0;
    tn_tensor **out = cli_alloc(n_out * sizeof *out);
    if (!e) e = take_samples(executable, in, n_in, out, n_out, path, s, r);
    cli_progress_end();
    if (!e) e = tn_executable_get_stats(executable, stats);
    cli_tensors_release(in, n_in);
    cli_tensors_release(out, n_out);
    if (executable) tn_executable_release(executable);
    if (graph) tn_graph_release(graph);
    if (options) tn_options_release(options);
    return e;
}

static json_t *samples_json(const char *path, const samples *r, const tn_executable_stats *stats) {
    json_t *all = json_array();
    for (size_t i = 0; i < r->count; i++) json_array_append_new(all, json_real(r->seconds[i]));
    return json_pack("{ss sI sf sf sf sf sI sI sI sI sI sI so}", "model", path, "runs", (json_int_t)r->count, "min_s", r->min, "median_s",
                     r->median, "p90_s", r->p90, "mad_s", r->mad, "flops", (json_int_t)stats->flops, "compile_ns",
                     (json_int_t)stats->compile_ns, "arena_bytes", (json_int_t)stats->arena_bytes, "arena_lower_bound",
                     (json_int_t)stats->arena_lower_bound, "kernels", (json_int_t)stats->n_kernels, "calls", (json_int_t)stats->n_calls,
                     "samples_s", all);
}

static void print_row(const char *path, const samples *r, const tn_executable_stats *stats) {
    printf("%-36s %7zu %10.4f %10.4f %10.4f %10.4f", path, r->count, r->min * 1e3, r->median * 1e3, r->p90 * 1e3, r->mad * 1e3);
    if (stats->flops && r->median > 0) printf(" %9.2f\n", (double)stats->flops / r->median * 1e-9);
    else printf(" %9s\n", "-");
    fflush(stdout);
}

static int bench(const cli_texts *models, const bench_settings *s) {
    tn_context *context;
    tn_error *e = cli_context_create(&s->target.limits, &context);
    if (e) return cli_fail_error(e);
    json_t *list = s->json ? json_array() : NULL;
    int code = CLI_OK;
    if (!s->json) printf("%-36s %7s %10s %10s %10s %10s %9s\n", "model (times in ms)", "runs", "min", "median", "p90", "MAD", "GFLOP/s");
    for (size_t i = 0; i < models->count; i++) {
        samples r = {0};
        tn_executable_stats stats = {.struct_size = sizeof stats};
        e = bench_model(context, models->items[i], s, &r, &stats);
        if (e) {
            code = cli_fail("%s: %s", models->items[i], tn_error_get_message(e));
            tn_error_destroy(e);
        } else if (list) {
            json_array_append_new(list, samples_json(models->items[i], &r, &stats));
        } else {
            print_row(models->items[i], &r, &stats);
        }
        free(r.seconds);
    }
    if (list) cli_print_json(json_pack("{ss so}", "version", tn_version(), "models", list));
    tn_context_release(context);
    return code;
}

int cli_cmd_bench(const cli_verb *verb, int argc, char **argv) {
    bench_settings s = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 2};
    const cli_option options[] = {
        {"runs", CLI_COUNT, &s.runs, "N", "samples to take"},
        {"seconds", CLI_REAL, &s.seconds, "S", "or: take samples for this long, at least five (2)"},
        CLI_INPUT_OPTIONS(&s.inputs),
        CLI_TARGET_OPTIONS(&s.target),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON with every sample"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && !operands.count) code = cli_usage("bench wants at least one model file");
    if (code < 0) code = bench(&operands, &s);
    cli_inputs_free(&s.inputs);
    cli_target_free(&s.target);
    cli_texts_free(&operands);
    return code;
}
