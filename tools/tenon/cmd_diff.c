/* tenon diff: every value of a model on two devices; names the first node that goes wrong, and the worst.
 *
 * The graph's own outputs come first, alone, because extra outputs keep a device from fusing what it would fuse without them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "inputs.h"
#include "ir/graph.h"
#include "values.h"

typedef struct diff_settings {
    cli_target target, against;
    cli_inputs inputs;
    cli_tolerance tolerance;
    bool json, bisect;
} diff_settings;

typedef struct finding {
    tn_value value;
    cli_difference difference;
} finding;

typedef struct report {
    finding *findings; /* per compared value, in node order within a chunk */
    size_t count, n_wrong;
} report;

/* ---- one comparison ------------------------------------------------------------------------------------------ */

static tn_error *run_on(tn_context *c, const tn_graph *g, const cli_target *target, tn_tensor **in, tn_tensor **out) {
    tn_options *o;
    tn_executable *x = NULL;
    tn_error *e = cli_options_create(c, target, &o);
    if (e) return e;
    e = tn_compile(g, o, &x);
    if (!e) e = tn_executable_run(x, in, tn_graph_get_input_count(g), out, tn_graph_get_output_count(g));
    if (x) tn_executable_release(x);
    tn_options_release(o);
    return e ? tn__error_prefix(e, "on %s", target->device) : NULL;
}

/* Compares the present outputs of `g` and appends the findings. */
static tn_error *compare_outputs(tn_context *c, const tn_graph *g, const diff_settings *s, tn_tensor **in, report *r) {
    uint32_t n = tn_graph_get_output_count(g);
    tn_tensor **found = cli_alloc(n * sizeof *found), **wanted = cli_alloc(n * sizeof *wanted);
    tn_error *e = run_on(c, g, &s->against, in, wanted);
    if (!e) e = run_on(c, g, &s->target, in, found);
    if (!e) r->findings = cli_realloc(r->findings, (r->count + n) * sizeof *r->findings);
    for (uint32_t i = 0; !e && i < n; i++) {
        finding *f = &r->findings[r->count++];
        f->value = tn_graph_get_output(g, i);
        cli_compare(found[i], wanted[i], &s->tolerance, &f->difference);
        r->n_wrong += !f->difference.ok;
    }
    cli_tensors_release(found, n);
    cli_tensors_release(wanted, n);
    return e;
}

typedef struct whole {
    tn_context *context;
    tn_graph *graph;
    const diff_settings *settings;
    tn_tensor **in;
    report *report;
} whole;

static tn_error *compare_chunk(void *self) {
    const whole *w = self;
    return compare_outputs(w->context, w->graph, w->settings, w->in, w->report);
}

/* ---- reporting ----------------------------------------------------------------------------------------------- */

/* " [from a, b]" of the node that makes the value. free() */
static char *sources_of(const tn_graph *g, tn_value v) {
    const tn__node *n = tn__node_of(g, v);
    const tn__source_set *set = tn__graph_sources(g, n ? n->source : 0);
    if (!set->n || (set->n == 1 && n->name && !strcmp(set->texts[0], n->name))) return cli_printf("%s", "");
    char *list = cli_sources_text(set->texts, set->n, set->hidden, 4), *text = cli_printf(" [from %s]", list);
    free(list);
    return text;
}

static void print_finding(const char *what, const tn_graph *g, const finding *f) {
    char *text = value_describe(g, f->value), *sources = sources_of(g, f->value);
    printf("%s: %s%s\n  max abs %.4g, max rel %.4g, max ulp %.4g%s%s\n", what, text, sources, f->difference.max_abs, f->difference.max_rel,
           f->difference.max_ulp, f->difference.ok ? "" : "; ", f->difference.reason);
    free(text);
    free(sources);
}

static json_t *finding_json(const tn_graph *g, const finding *f) {
    const tn__node *n = tn__node_of(g, f->value);
    const tn__source_set *set = tn__graph_sources(g, n ? n->source : 0);
    char *text = value_describe(g, f->value);
    json_t *o = json_pack("{sI so so sb so so so ss}", "value", (json_int_t)f->value.id, "what", cli_text_json(text), "sources",
                          cli_sources_json(set->texts, set->n), "ok", f->difference.ok, "max_abs", cli_json_real(f->difference.max_abs), "max_rel",
                          cli_json_real(f->difference.max_rel), "max_ulp", cli_json_real(f->difference.max_ulp), "reason", f->difference.reason);
    free(text);
    return o ? o : json_null();
}

/* The first value that goes wrong: of those compared one by one, or, where only the fused form is wrong, of the graph's own outputs. */
static const finding *first_wrong(const report *r, size_t n_own) {
    for (size_t i = n_own; i < r->count; i++)
        if (!r->findings[i].difference.ok) return &r->findings[i];
    for (size_t i = 0; i < n_own; i++)
        if (!r->findings[i].difference.ok) return &r->findings[i];
    return NULL;
}

static const finding *worst_of(const report *r) {
    const finding *worst = NULL;
    for (size_t i = 0; i < r->count; i++)
        if (!worst || r->findings[i].difference.wrongness > worst->difference.wrongness) worst = &r->findings[i];
    return worst;
}

/* `pass` is what bisect found: NULL when it was not asked, "" when no single pass is to blame. */
static void print_report(const tn_graph *g, const diff_settings *s, size_t n_own, const report *r, const char *pass) {
    const finding *first = first_wrong(r, n_own), *worst = worst_of(r);
    if (s->json) {
        json_t *all = json_array();
        for (size_t i = 0; i < r->count; i++) json_array_append_new(all, finding_json(g, &r->findings[i]));
        cli_print_json(json_pack("{ss ss sI sI so so ss? so}", "device", s->target.device, "against", s->against.device, "compared",
                                 (json_int_t)r->count, "wrong", (json_int_t)r->n_wrong, "first_wrong",
                                 first ? finding_json(g, first) : json_null(), "worst", worst ? finding_json(g, worst) : json_null(),
                                 "wrong_pass", pass && *pass ? pass : NULL, "values", all));
        return;
    }
    if (first) print_finding("first wrong", g, first);
    if (worst) print_finding("worst", g, worst);
    printf("%zu values compared on %s against %s, %zu over tolerance (rtol %g, atol %g)\n", r->count, s->target.device,
           s->against.device, r->n_wrong, s->tolerance.rtol, s->tolerance.atol);
    if (pass && *pass) printf("without pass %s the devices agree\n", pass);
    else if (pass) printf("the devices differ whichever pass is switched off\n");
}

/* The pass without which the outputs of `g` agree, "" if there is none. */
static tn_error *bisect(tn_context *c, const tn_graph *g, const diff_settings *s, tn_tensor **in, const char **out_pass) {
    static const char *const passes[] = {
#define TN_PASS(name, kind, help) #name,
#include "pass/passes.def"
    };
    size_t n = s->target.settings.count;
    *out_pass = "";
    for (size_t i = 0; i < sizeof passes / sizeof *passes && !**out_pass; i++) {
        report r = {0};
        diff_settings without = *s;
        char setting[64];
        char **items = cli_alloc((n + 1) * sizeof *items);
        for (size_t k = 0; k < n; k++) items[k] = s->target.settings.items[k];
        snprintf(setting, sizeof setting, "passes_off=%s", passes[i]);
        items[n] = setting;
        without.target.settings.items = items;
        without.target.settings.count = n + 1;
        cli_progress("without pass %s", passes[i]);
        tn_error *e = compare_outputs(c, g, &without, in, &r);
        if (!r.n_wrong) *out_pass = passes[i];
        free(items);
        free(r.findings);
        if (e) return e;
    }
    return NULL;
}

/* Leaves the graph with its own outputs, or where these are right with the first wrong value, for bisect to look at. */
static void keep_wrong(tn_graph *g, const tn__port *own, size_t n_own, const report *r) {
    bool own_wrong = false;
    for (size_t i = 0; i < n_own; i++) own_wrong |= !r->findings[i].difference.ok;
    g->outputs.count = 0;
    for (size_t i = 0; own_wrong && i < n_own; i++) tn_graph_output(g, own[i].name, own[i].value);
    if (!own_wrong) tn_graph_output(g, "value", first_wrong(r, n_own)->value);
}

static tn_error *diff(tn_context *c, const char *path, diff_settings *s, int *out_code) {
    tn_graph *g = NULL;
    tn_tensor **in = NULL;
    report r = {0};
    const char *pass = NULL;
    s->inputs.model_path = path;
    tn_error *e = cli_graph_load(c, path, &g);
    if (!e) e = cli_inputs_make(c, g, &s->inputs, &in);
    uint32_t n_in = g ? tn_graph_get_input_count(g) : 0, n_own = g ? tn_graph_get_output_count(g) : 0;
    tn__port *own = cli_alloc((n_own + 1) * sizeof *own);
    if (n_own) memcpy(own, g->outputs.data, n_own * sizeof *own);
    cli_progress("the graph's own outputs");
    if (!e) e = compare_outputs(c, g, s, in, &r);
    if (!e) e = values_in_chunks(g, compare_chunk, &(whole){c, g, s, in, &r});
    if (!e && s->bisect && r.n_wrong) {
        keep_wrong(g, own, n_own, &r);
        e = bisect(c, g, s, in, &pass);
    }
    cli_progress_end();
    if (!e) {
        print_report(g, s, n_own, &r, pass);
        *out_code = r.n_wrong ? cli_fail("%s differs on %s from %s", path, s->target.device, s->against.device) : CLI_OK;
    }
    free(own);
    free(r.findings);
    cli_tensors_release(in, n_in);
    if (g) tn_graph_release(g);
    return e;
}

int cli_cmd_diff(const cli_verb *verb, int argc, char **argv) {
    diff_settings s = {.target.device = "cpu", .against.device = "ref", .inputs = {.scale = -1, .missing_random = true},
                       .tolerance = {.rtol = 1e-3, .atol = 1e-4, .ulp = -1}};
    const cli_option options[] = {
        CLI_TARGET_OPTIONS(&s.target),
        {"against", CLI_TEXT, &s.against.device, "NAME", "the device that is right (ref)"},
        CLI_INPUT_OPTIONS(&s.inputs),
        {"rtol", CLI_REAL, &s.tolerance.rtol, "X", "relative tolerance (0.001)"},
        {"atol", CLI_REAL, &s.tolerance.atol, "X", "absolute tolerance (0.0001)"},
        {"bisect-passes", CLI_FLAG, &s.bisect, NULL, "find the pass without which the devices agree"},
        {"json", CLI_FLAG, &s.json, NULL, "print JSON with every value"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("diff wants one model file, found %zu", operands.count);
    if (code < 0) {
        tn_context *context;
        tn_error *e = cli_context_create(&s.target.limits, &context);
        if (!e) {
            e = diff(context, operands.items[0], &s, &code);
            if (e) code = cli_fail_error(e);
            tn_context_release(context);
        } else {
            code = cli_fail_error(e);
        }
    }
    cli_inputs_free(&s.inputs);
    cli_target_free(&s.target);
    cli_texts_free(&operands);
    return code;
}
