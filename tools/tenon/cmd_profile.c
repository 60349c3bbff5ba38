/* tenon profile: where the time of a model goes, by kernel, call and copy. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_thread.h"
#include "ceilings_cache.h"
#include "cli.h"
#include "inputs.h"
#include "profile_counts.h"
#include "profile_run.h"
#include "trace.h"

typedef struct profile_settings {
    cli_target target;
    cli_inputs inputs;
    double seconds;
    int64_t top; /* 0: all */
    const char *trace; /* file, or NULL */
    bool json, in_order, counters;
} profile_settings;

/* What the threads of a run reach on this machine, measured. */
typedef struct limits {
    int32_t threads;
    tn__rates rates;
    json_t *distortions; /* owned, an array of texts: what spoilt that measurement */
} limits;

/* A step in the runs that were timed, and in those that were counted, whose reading of counters takes time of its own. */
typedef struct row {
    tn_profile_row timed, counted;
} row;

typedef struct counts {
    tn_profile *profile; /* NULL: nothing was counted */
    json_t *missing;     /* as of counts_missing; NULL: nobody asked */
    uint32_t have;
} counts;

static int by_time(const void *a, const void *b) {
    const row *x = a, *y = b;
    return (x->timed.least_ns < y->timed.least_ns) - (x->timed.least_ns > y->timed.least_ns);
}

/* The same graph with the same options makes the same steps. */
static tn_error *rows_of(const tn_profile *timed, const tn_profile *counted, row *rows, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        rows[i].timed.struct_size = rows[i].counted.struct_size = sizeof rows->timed;
        tn_error *e = tn_profile_get_row(timed, i, &rows[i].timed);
        if (!e && counted) e = tn_profile_get_row(counted, i, &rows[i].counted);
        if (e) return e;
    }
    return NULL;
}

/* ---- ceilings ------------------------------------------------------------------------------------------------ */

static tn_error *limits_get(tn_context *c, const tn_options *options, limits *out) {
    out->threads = (int32_t)strtol(tn_options_get(options, "threads"), NULL, 10);
    if (!out->threads) out->threads = tn__os_processor_count();
    return rates_get(c, out->threads, &out->rates, &out->distortions);
}

/* The ceiling that the step is nearer to; NULL: not known. A step without products may compute much that is not counted. */
static const char *nearer(const tn_profile_row *r, rates_shares s) {
    if (s.compute > s.memory) return "compute";
    return s.memory > 0 && (s.compute > 0 || (!(r->flops > 0) && s.memory >= 0.5)) ? "memory" : NULL;
}

static void print_limits(const limits *l) {
    const struct {
        double rate;
        const char *text;
    } of[] = {{l->rates.fma_f32, "GFLOP/s f32"}, {l->rates.fma_f64, "GFLOP/s f64"}, {l->rates.dot_i8, "GOP/s i8"}, {l->rates.memory_read, "GB/s from memory"}};
    printf("ceilings of %d thread%s, measured here:", (int)l->threads, l->threads == 1 ? "" : "s");
    const char *between = " ";
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (of[i].rate > 0) printf("%s%.1f %s", between, of[i].rate * 1e-9, of[i].text), between = ", ";
    putchar('\n');
    for (size_t i = 0; i < json_array_size(l->distortions); i++)
        printf("  distorted, so shares may be too large: %s\n", json_string_value(json_array_get(l->distortions, i)));
}

static json_t *limits_json(const limits *l) {
    json_t *o = rates_json(&l->rates);
    json_object_set_new(o, "threads", json_integer(l->threads));
    json_object_set(o, "distortions", l->distortions);
    return o;
}

/* ---- rows ---------------------------------------------------------------------------------------------------- */

/* " [from a, b and 3 more]", but not where it says the node's name again. */
static void print_sources(const tn_profile_row *r) {
    enum { ON_A_LINE = 4 };
    if (!r->n_sources || (r->n_sources == 1 && !strcmp(r->sources[0], r->node))) return;
    char *text = cli_sources_text(r->sources, r->n_sources, r->n_sources_hidden, ON_A_LINE);
    printf(" [from %s]", text);
    free(text);
}

/* "   123.4  56.7%", with dashes for what is not known. */
static void print_rate(double rate, double share) {
    if (rate > 0) printf("%9.1f ", rate);
    else printf("%9s ", "-");
    if (share > 0) printf("%6.1f%% ", 100 * share);
    else printf("%6s  ", "-");
}

static void print_name(const tn_profile_row *r) {
    printf("%-8s %s", r->kind, r->kernel);
    if (r->stages > 1) printf(" and %u more stages", (unsigned)r->stages - 1);
    printf("%s%s", *r->node ? ", " : "", r->node);
    print_sources(r);
    if (*r->precision) printf(" (%s)", r->precision);
    putchar('\n');
}

static void print_counts(const row *rows, uint32_t n, const profile_settings *s, const counts *c) {
    counts_print_missing(c->missing);
    if (!c->profile) return;
    printf("\ncounted, a mean of the runs\n");
    counts_print_header(c->have);
    printf(" what     kernel or op, node\n");
    for (uint32_t i = 0; i < n && (!s->top || (int64_t)i < s->top); i++) {
        counts_print(&rows[i].counted, c->have);
        putchar(' ');
        print_name(&rows[i].timed);
    }
}

static void print_rows(const row *rows, uint32_t n, const profile_settings *s, const cli_run_times *t, const limits *l) {
    uint64_t sum = 0;
    bool from_caches = false;
    for (uint32_t i = 0; i < n; i++) sum += rows[i].timed.least_ns;
    printf("%" PRIu64 " runs, fastest %.4f ms, fastest of every step summed up %.4f ms, %u steps\n\n", t->runs, (double)t->least_ns * 1e-6,
           (double)sum * 1e-6, (unsigned)n);
    print_limits(l);
    printf("%10s %7s %9s %6s  %9s %6s  %-7s  %-8s %s\n", "us", "%", "GFLOP/s", "share", "GB/s", "share", "nearer", "what", "kernel or op, node");
    for (uint32_t i = 0; i < n && (!s->top || (int64_t)i < s->top); i++) {
        const tn_profile_row *r = &rows[i].timed;
        double ns = r->least_ns ? (double)r->least_ns : 1;
        printf("%10.2f %6.2f%% ", ns * 1e-3, sum ? 100 * ns / (double)sum : 0);
        rates_shares of = rates_shares_of(&l->rates, r);
        const char *at = nearer(r, of);
        from_caches |= of.memory > 1;
        print_rate(r->flops / ns, of.compute);
        print_rate((double)r->bytes / ns, of.memory);
        printf("%-7s  ", at ? at : "-");
        print_name(r);
    }
    if (from_caches) printf("\nmore than 100 %% of the rate of memory: those bytes came from caches (each value counts once, wherever it lies)\n");
}

/* Null where it is not known. */
static json_t *share_json(double share) { return share > 0 ? json_real(share) : json_null(); }

static json_t *rows_json(const row *rows, uint32_t n, const limits *l, const counts *c) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < n; i++) {
        const tn_profile_row *r = &rows[i].timed;
        rates_shares of = rates_shares_of(&l->rates, r);
        json_array_append_new(
            list, json_pack("{ss ss so so sI sI sI sI sI sf sI sI sI ss? so so ss? ss}", "kind", r->kind, "kernel", r->kernel, "node", cli_text_json(r->node),
                            "sources", cli_sources_json(r->sources, r->n_sources), "sources_hidden", (json_int_t)r->n_sources_hidden, "stages",
                            (json_int_t)r->stages, "runs", (json_int_t)r->runs, "total_ns", (json_int_t)r->total_ns, "min_ns", (json_int_t)r->least_ns,
                            "flops", r->flops, "bytes", (json_int_t)r->bytes, "constant_bytes", (json_int_t)r->constant_bytes, "live_bytes",
                            (json_int_t)r->live_bytes, "product_dtype",
                            r->product_dtype ? tn_dtype_name(r->product_dtype) : NULL, "compute_share", share_json(of.compute), "memory_share",
                            share_json(of.memory), "nearer", nearer(r, of), "precision",
                            r->precision));
        if (c->missing) json_object_set_new(json_array_get(list, i), "counted", counts_json(&rows[i].counted));
    }
    return list;
}

static tn_error *report(tn_executable *executable, const char *path, const profile_settings *s, const cli_run_times *t, const limits *l, const counts *c) {
    tn_profile *p;
    tn_error *e = tn_executable_get_profile(executable, &p);
    if (e) return e;
    uint32_t n = tn_profile_get_count(p);
    row *rows = cli_alloc(((size_t)n + 1) * sizeof *rows);
    e = rows_of(p, c->profile, rows, n);
    if (!e && n && !s->in_order) qsort(rows, n, sizeof *rows, by_time);
    if (!e && s->json)
        cli_print_json(json_pack("{ss so sI sI so so sO*}", "version", tn_version(), "model", cli_text_json(path), "runs", (json_int_t)t->runs, "min_ns",
                                 (json_int_t)t->least_ns, "ceilings", limits_json(l), "steps", rows_json(rows, n, l, c), "not_counted",
                                 c->missing));
    else if (!e) print_rows(rows, n, s, t, l), print_counts(rows, n, s, c);
    free(rows);
    tn_profile_release(p);
    return e;
}

/* Runs on an executable of their own; none where there is nothing to count. Sets options. */
static tn_error *count(const tn_graph *graph, tn_options *options, tn_tensor **in, double seconds, counts *c) {
    cli_run_times ignored;
    tn_executable *x = NULL;
    uint32_t n_in = tn_graph_get_input_count(graph), n_out = tn_graph_get_output_count(graph);
    c->missing = counts_missing(&c->have);
    if (!c->have) return NULL;
    tn_tensor **out = cli_alloc((n_out + 1) * sizeof *out);
    tn_error *e = tn_options_set(options, "profile", "counters");
    if (!e) e = tn_compile(graph, options, &x);
    if (!e) e = cli_profile_run(x, in, n_in, out, n_out, seconds, &ignored);
    if (!e) e = tn_executable_get_profile(x, &c->profile);
    if (x) tn_executable_release(x);
    cli_tensors_release(out, n_out);
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
    s->inputs.model_path = path;
    e = cli_options_create(context, &s->target, &options);
    if (!e) e = tn_options_set(options, "profile", "every");
    if (!e) e = cli_graph_load(context, path, &graph);
    if (!e) e = cli_inputs_make(context, graph, &s->inputs, &in);
    if (!e && s->trace) e = write_trace(context, graph, options, in, path, s->trace);
    if (!e) e = tn_compile(graph, options, &executable);
    uint32_t n_in = graph ? tn_graph_get_input_count(graph) : 0, n_out = graph ? tn_graph_get_output_count(graph) : 0;
    tn_tensor **out = cli_alloc((n_out + 1) * sizeof *out);
    cli_run_times t = {0};
    limits l = {0};
    cli_progress("%s: running", path);
    if (!e) e = cli_profile_run(executable, in, n_in, out, n_out, s->seconds, &t);
    counts c = {0};
    if (!e && s->counters) e = count(graph, options, in, s->seconds, &c);
    cli_progress_end();
    if (!e) e = limits_get(context, options, &l);
    if (!e) e = report(executable, path, s, &t, &l, &c);
    json_decref(l.distortions);
    json_decref(c.missing);
    tn_profile_release(c.profile);
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
        {"counters", CLI_FLAG, &s.counters, NULL, "also cycles, instructions, cache misses, faults and switches of each step, in runs of their own"},
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
