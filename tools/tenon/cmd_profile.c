/* tenon profile: where the time of a model goes, by kernel, call and copy. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "inputs.h"
#include "trace.h"

typedef struct profile_settings {
    cli_target target;
    cli_inputs inputs;
    double seconds;
    int64_t top; /* 0: all */
    const char *trace; /* file, or NULL */
    bool json, in_order;
} profile_settings;

typedef struct run_times {
    uint64_t runs, least_ns;
    double total_s;
} run_times;

static tn_error *run_for(tn_executable *x, tn_tensor **in, uint32_t n_in, tn_tensor **out, uint32_t n_out, double seconds, run_times *t) {
    for (t->runs = 0; t->runs < 3 || t->total_s < seconds; t->runs++) {
        uint64_t start = cli_now_ns();
        tn_error *e = tn_executable_run(x, in, n_in, out, n_out);
        if (e) return e;
        uint64_t ns = cli_now_ns() - start;
        if (!t->runs) { /* specialises and compiles */
            t->total_s = 0;
            continue;
        }
        t->total_s += (double)ns * 1e-9;
        if (!t->least_ns || ns < t->least_ns) t->least_ns = ns;
    }
    return NULL;
}

static int by_time(const void *a, const void *b) {
    const tn_profile_row *x = a, *y = b;
    return (x->least_ns < y->least_ns) - (x->least_ns > y->least_ns);
}

static tn_error *rows_of(const tn_profile *p, tn_profile_row *rows, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        rows[i].struct_size = sizeof *rows;
        tn_error *e = tn_profile_get_row(p, i, &rows[i]);
        if (e) return e;
    }
    return NULL;
}

/* " [from a, b and 3 more]", but not where it says the node's name again. */
static void print_sources(const tn_profile_row *r) {
    enum { ON_A_LINE = 4 };
    if (!r->n_sources || (r->n_sources == 1 && !strcmp(r->sources[0], r->node))) return;
    char *text = cli_sources_text(r->sources, r->n_sources, r->n_sources_hidden, ON_A_LINE);
    printf(" [from %s]", text);
    free(text);
}

static void print_rows(const tn_profile_row *rows, uint32_t n, const profile_settings *s, const run_times *t) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += rows[i].least_ns;
    printf("%" PRIu64 " runs, fastest %.4f ms, fastest of every step summed up %.4f ms, %u steps\n\n", t->runs, (double)t->least_ns * 1e-6,
           (double)sum * 1e-6, (unsigned)n);
    printf("%10s %7s %9s %9s  %-8s %s\n", "us", "%", "GFLOP/s", "GB/s", "what", "kernel or op, node");
    for (uint32_t i = 0; i < n && (!s->top || (int64_t)i < s->top); i++) {
        const tn_profile_row *r = &rows[i];
        double ns = r->least_ns ? (double)r->least_ns : 1;
        printf("%10.2f %6.2f%% ", ns * 1e-3, sum ? 100 * ns / (double)sum : 0);
        if (r->flops > 0) printf("%9.1f ", r->flops / ns);
        else printf("%9s ", "-");
        printf("%9.1f  %-8s %s", (double)r->bytes / ns, r->kind, r->kernel);
        if (r->stages > 1) printf(" and %u more stages", (unsigned)r->stages - 1);
        printf("%s%s", *r->node ? ", " : "", r->node);
        print_sources(r);
        putchar('\n');
    }
}

static json_t *rows_json(const tn_profile_row *rows, uint32_t n) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++) {
        const tn_profile_row *r = &rows[i];
        json_array_append_new(list, json_pack("{ss ss so so sI sI sI sI sI sf sI sI}", "kind", r->kind, "kernel", r->kernel, "node", cli_text_json(r->node),
                                              "sources", cli_sources_json(r->sources, r->n_sources), "sources_hidden", (json_int_t)r->n_sources_hidden,
                                              "stages", (json_int_t)r->stages, "runs", (json_int_t)r->runs, "total_ns", (json_int_t)r->total_ns,
                                              "min_ns", (json_int_t)r->least_ns, "flops", r->flops, "bytes", (json_int_t)r->bytes,
                                              "live_bytes", (json_int_t)r->live_bytes));
    }
    return list;
}

static tn_error *report(tn_executable *executable, const char *path, const profile_settings *s, const run_times *t) {
    tn_profile *p;
    tn_error *e = tn_executable_get_profile(executable, &p);
    if (e) return e;
    uint32_t n = tn_profile_get_count(p);
    tn_profile_row *rows = cli_alloc(((size_t)n + 1) * sizeof *rows);
    e = rows_of(p, rows, n);
    if (!e && n && !s->in_order) qsort(rows, n, sizeof *rows, by_time);
    if (!e && s->json)
        cli_print_json(json_pack("{ss so sI sI so}", "version", tn_version(), "model", cli_text_json(path), "runs", (json_int_t)t->runs, "min_ns",
                                 (json_int_t)t->least_ns, "steps", rows_json(rows, n)));
    else if (!e) print_rows(rows, n, s, t);
    free(rows);
    tn_profile_release(p);
    return e;
}

/* A compilation and a few runs on an executable of their own, so that the hook does not disturb what is measured. */
static tn_error *write_trace(tn_context *context, const tn_graph *graph, tn_options *options, tn_tensor **in, const char *model, const char *path) {
    enum { RUNS = 4 };
    cli_trace *t = cli_trace_create();
    tn_hook hook = cli_trace_hook(t);
    tn_executable *x = NULL;
    uint32_t n_in = tn_graph_get_input_count(graph), n_out = tn_graph_get_output_count(graph);
    tn_tensor **out = cli_alloc((n_out + 1) * sizeof *out);
    tn_error *e = tn_options_set_hook(options, &hook);
    cli_trace_begin(t);
    if (!e) e = tn_compile(graph, options, &x);
    cli_trace_end(t, "compile", "compile");
    for (int i = 1; !e && i <= RUNS; i++) {
        char name[32];
        snprintf(name, sizeof name, "run %d", i);
        cli_trace_begin(t);
        e = tn_executable_run(x, in, n_in, out, n_out);
        cli_trace_end(t, "run", name);
    }
    if (!e) e = tn_options_set_hook(options, NULL);
    if (x) tn_executable_release(x);
    if (!e) e = cli_trace_write(t, context, model, path);
    cli_tensors_release(out, n_out);
    cli_trace_free(t);
    return e;
}

static int profile(const char *path, profile_settings *s) {
    tn_context *context;
    tn_options *options = NULL;
    tn_graph *graph = NULL;
    tn_executable *executable = NULL;
    tn_tensor **in = NULL;
    tn_error *e = cli_context_create(&s->target.limits, &context);
    if (e) return cli_fail_error(e);
    s->inputs.model_path = s->inputs.dims.count ? NULL : path;
    e = cli_options_create(context, &s->target, &options);
    if (!e) e = tn_options_set(options, "profile", "on");
    if (!e) e = cli_graph_load(context, path, &graph);
    if (!e) e = cli_inputs_make(context, graph, &s->inputs, &in);
    if (!e && s->trace) e = write_trace(context, graph, options, in, path, s->trace);
    if (!e) e = tn_compile(graph, options, &executable);
    uint32_t n_in = graph ? tn_graph_get_input_count(graph) : 0, n_out = graph ? tn_graph_get_output_count(graph) : 0;
    tn_tensor **out = cli_alloc((n_out + 1) * sizeof *out);
    run_times t = {0};
    cli_progress("%s: running", path);
    if (!e) e = run_for(executable, in, n_in, out, n_out, s->seconds, &t);
    cli_progress_end();
    if (!e) e = report(executable, path, s, &t);
    cli_tensors_release(in, n_in);
    cli_tensors_release(out, n_out);
    if (executable) tn_executable_release(executable);
    if (graph) tn_graph_release(graph);
    if (options) tn_options_release(options);
    int code = e ? cli_fail_error(e) : CLI_OK;
    tn_context_release(context);
    return code;
}

int cli_cmd_profile(const cli_verb *verb, int argc, char **argv) {
    profile_settings s = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 1};
    const cli_option options[] = {
        {"seconds", CLI_REAL, &s.seconds, "S", "run for this long (1)"},
        {"top", CLI_COUNT, &s.top, "N", "print only the N slowest steps"},
        {"in-order", CLI_FLAG, &s.in_order, NULL, "in the order of execution (default: slowest first)"},
        {"trace", CLI_TEXT, &s.trace, "FILE", "write compilation and four runs as a trace for Perfetto or chrome://tracing"},
        CLI_INPUT_OPTIONS(&s.inputs),
        CLI_TARGET_OPTIONS(&s.target),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("profile wants one model file, found %zu", operands.count);
    if (code < 0) code = profile(operands.items[0], &s);
    cli_inputs_free(&s.inputs);
    cli_target_free(&s.target);
    cli_texts_free(&operands);
    return code;
}
