/* tenon trace: what every value of a run looks like: mean, variance, extremes, NaN, infinity, denormals; to follow where numbers go astray, or to
 * compare two devices (nGraph: logtrace). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "inputs.h"
#include "ir/graph.h"
#include "npy.h"
#include "values.h"

typedef struct trace {
    cli_target target;
    cli_inputs inputs;
    const char *dump;
    bool stop_on_nan, json;
    tn_context *context;
    tn_graph *graph;
    tn_executable *executable;
    tn_tensor **in;
    json_t *rows; /* with --json */
    char *stopped; /* the value at which --stop-on-nan stopped; owned */
} trace;

static tn_error *dump(const trace *t, tn_value v, const tn_tensor *x) {
    char *path = cli_printf("%s/value%" PRIu32 ".npy", t->dump, v.id);
    tn_error *e = cli_npy_save(t->context, x, path);
    free(path);
    return e;
}

static void report(trace *t, tn_value v, const value_statistics *s) {
    char *what = value_describe(t->graph, v);
    if (t->json)
        json_array_append_new(t->rows, json_pack("{sI ss sI sI sI sI sI so so so so}", "value", (json_int_t)v.id, "what", what, "elements",
                                                 (json_int_t)s->n, "nan", (json_int_t)s->n_nan, "infinite", (json_int_t)s->n_infinite, "zero",
                                                 (json_int_t)s->n_zero, "denormal", (json_int_t)s->n_denormal, "mean", cli_json_real(s->mean),
                                                 "variance", cli_json_real(s->variance), "min", cli_json_real(s->low), "max",
                                                 cli_json_real(s->high)));
    else {
        printf("%12.5g %12.5g %12.5g %12.5g", s->mean, s->variance, s->low, s->high);
        printf("  %s", what);
        if (s->n_nan) printf("; %" PRId64 " NaN", s->n_nan);
        if (s->n_infinite) printf("; %" PRId64 " infinite", s->n_infinite);
        if (s->n_denormal) printf("; %" PRId64 " denormal", s->n_denormal);
        printf("\n");
    }
    if (t->stop_on_nan && s->n_nan + s->n_infinite && !t->stopped) t->stopped = cli_printf("%s", what);
    free(what);
}

static tn_error *trace_chunk(void *self) {
    trace *t = self;
    if (t->stopped) return NULL;
    uint32_t n = tn_graph_get_output_count(t->graph);
    tn_options *options = NULL;
    tn_executable *x = NULL;
    tn_tensor **out = cli_alloc((n + 1) * sizeof *out);
    tn_error *e = cli_options_create(t->context, &t->target, &options);
    if (!e) e = tn_compile(t->graph, options, &x);
    if (!e) e = tn_executable_run(x, t->in, tn_graph_get_input_count(t->graph), out, n);
    for (uint32_t i = 0; !e && i < n && !t->stopped; i++) {
        value_statistics s = value_look_at(out[i]);
        tn_value v = tn_graph_get_output(t->graph, i);
        report(t, v, &s);
        if (t->dump) e = dump(t, v, out[i]);
    }
    cli_tensors_release(out, n);
    tn_executable_release(x);
    tn_options_release(options);
    return e;
}

static int run(trace *t, const char *path) {
    tn_error *e = cli_context_create(&t->target.limits, &t->context);
    if (e) return cli_fail_error(e);
    t->inputs.model_path = path;
    t->rows = t->json ? json_array() : NULL;
    if (t->dump && mkdir(t->dump, 0777)) {
        struct stat s;
        if (stat(t->dump, &s) || !S_ISDIR(s.st_mode)) e = TN__FAIL(NULL, IO, "cannot make the folder '%s'", t->dump);
    }
    if (!e) e = cli_graph_load(t->context, path, &t->graph);
    uint32_t n_in = t->graph ? tn_graph_get_input_count(t->graph) : 0;
    if (!e) e = cli_inputs_make(t->context, t->graph, &t->inputs, &t->in);
    if (!e && !t->json) printf("%12s %12s %12s %12s  value\n", "mean", "variance", "min", "max");
    if (!e) e = values_in_chunks(t->graph, trace_chunk, t);
    cli_progress_end();
    if (!e && t->json) cli_print_json(json_pack("{ss so}", "model", path, "values", json_incref(t->rows)));
    int code = e ? cli_fail_error(e) : t->stopped ? cli_fail("NaN or infinity first in %s", t->stopped) : CLI_OK;
    free(t->stopped);
    json_decref(t->rows);
    cli_tensors_release(t->in, n_in);
    tn_graph_release(t->graph);
    tn_context_release(t->context);
    return code;
}

int cli_cmd_trace(const cli_verb *verb, int argc, char **argv) {
    trace t = {.inputs = {.scale = -1, .missing_random = true}};
    const cli_option options[] = {
        {"dump", CLI_TEXT, &t.dump, "DIR", "write every value as DIR/valueN.npy"},
        {"stop-on-nan", CLI_FLAG, &t.stop_on_nan, NULL, "stop at the first value with NaN or infinity, name its op, and fail"},
        CLI_INPUT_OPTIONS(&t.inputs),
        CLI_TARGET_OPTIONS(&t.target),
        {"json", CLI_FLAG, &t.json, NULL, "print JSON"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("trace wants one model file");
    if (code < 0) code = run(&t, operands.items[0]);
    cli_inputs_free(&t.inputs);
    cli_target_free(&t.target);
    cli_texts_free(&operands);
    return code;
}
