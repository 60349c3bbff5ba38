/* tenon profile: where the time of a model goes, by kernel, call and copy, against the measured ceilings. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "inputs.h"
#include "session/session.h"

typedef struct profile_settings {
    cli_target target;
    cli_inputs inputs;
    double seconds;
    int64_t top; /* 0: all */
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
    const tn__profile_row *x = a, *y = b;
    return (x->least_ns < y->least_ns) - (x->least_ns > y->least_ns);
}

static void print_rows(const tn__profile *p, const profile_settings *s, const run_times *t) {
    uint64_t sum = 0;
    for (size_t i = 0; i < p->rows.count; i++) sum += p->rows.data[i].least_ns;
    printf("%" PRIu64 " runs, fastest %.4f ms, fastest of every step summed up %.4f ms, %zu steps\n\n", t->runs, (double)t->least_ns * 1e-6,
           (double)sum * 1e-6, p->rows.count);
    printf("%10s %7s %9s %9s  %-8s %s\n", "us", "%", "GFLOP/s", "GB/s", "what", "kernel or op, node");
    for (size_t i = 0; i < p->rows.count && (!s->top || (int64_t)i < s->top); i++) {
        const tn__profile_row *r = &p->rows.data[i];
        double ns = r->least_ns ? (double)r->least_ns : 1;
        printf("%10.2f %6.2f%% ", ns * 1e-3, sum ? 100 * ns / (double)sum : 0);
        if (r->flops > 0) printf("%9.1f ", r->flops / ns);
        else printf("%9s ", "-");
        printf("%9.1f  %-8s %s", (double)r->bytes / ns, r->kind, r->symbol);
        if (r->stages > 1) printf(" and %u more stages", (unsigned)r->stages - 1);
        printf("%s%s\n", *r->node ? ", " : "", r->node);
    }
}

static json_t *rows_json(const tn__profile *p) {
    json_t *list = json_array();
    for (size_t i = 0; i < p->rows.count; i++) {
        const tn__profile_row *r = &p->rows.data[i];
        json_array_append_new(list, json_pack("{ss ss ss sI sI sI sI sf sI}", "kind", r->kind, "kernel", r->symbol, "node", r->node, "stages",
                                              (json_int_t)r->stages, "runs", (json_int_t)r->runs, "total_ns", (json_int_t)r->total_ns, "min_ns",
                                              (json_int_t)r->least_ns, "flops", r->flops, "bytes", (json_int_t)r->bytes));
    }
    return list;
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
    if (!e) e = tn_compile(graph, options, &executable);
    uint32_t n_in = graph ? tn_graph_get_input_count(graph) : 0, n_out = graph ? tn_graph_get_output_count(graph) : 0;
    tn_tensor **out = cli_alloc((n_out + 1) * sizeof *out);
    run_times t = {0};
    tn__profile p = {.allocator = &context->allocator};
    cli_progress("%s: running", path);
    if (!e) e = run_for(executable, in, n_in, out, n_out, s->seconds, &t);
    cli_progress_end();
    if (!e) e = tn__executable_add_profile(executable, &p);
    if (!e && p.rows.count && !s->in_order) qsort(p.rows.data, p.rows.count, sizeof *p.rows.data, by_time);
    if (!e && s->json)
        cli_print_json(json_pack("{ss ss sI sI so}", "version", tn_version(), "model", path, "runs", (json_int_t)t.runs, "min_ns",
                                 (json_int_t)t.least_ns, "steps", rows_json(&p)));
    else if (!e && !p.rows.count) e = TN__FAIL(p.allocator, UNSUPPORTED, "profile: the device keeps no times of steps; the cpu device does");
    else if (!e) print_rows(&p, s, &t);
    TN__VEC_FREE(p.allocator, &p.rows);
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
