/* The model of the page: runs it, with the profile for the times and once more with a hook for what happened when. */
#include <stdlib.h>
#include <string.h>

#include "html_report.h"
#include "measure/statistics.h"
#include "record.h"
#include "trace.h"

enum { CALLS_LEAST = 5, CALLS_MOST = 100000 };

/* What is run, and its tensors. */
typedef struct patient {
    tn_context *context;
    tn_options *options;
    tn_graph *graph;
    tn_tensor **in, **out;
    uint32_t n_in, n_out;
} patient;

static tn_error *call(const patient *p, tn_executable *x) { return tn_executable_run(x, p->in, p->n_in, p->out, p->n_out); }

/* ---- times --------------------------------------------------------------------------------------------------- */

static tn_error *take_samples(const patient *p, tn_executable *x, double seconds, report_model *m) {
    double spent = 0;
    m->samples = cli_alloc(CALLS_MOST * sizeof *m->samples);
    tn_error *e = call(p, x); /* specialises and compiles */
    if (!e) e = tn_executable_reset_profile(x);
    while (!e && m->n_samples < CALLS_MOST && (m->n_samples < CALLS_LEAST || spent < seconds)) {
        uint64_t start = cli_now_ns();
        e = call(p, x);
        double once = (double)(cli_now_ns() - start) * 1e-9;
        m->samples[m->n_samples++] = once;
        spent += once;
    }
    return e;
}

static tn_error *read_rows(tn_executable *x, report_model *m) {
    tn_error *e = tn_executable_get_profile(x, &m->profile);
    if (e) return e;
    m->n_rows = tn_profile_get_count(m->profile);
    m->rows = cli_alloc(((size_t)m->n_rows + 1) * sizeof *m->rows);
    for (uint32_t i = 0; !e && i < m->n_rows; i++) {
        m->rows[i].struct_size = sizeof *m->rows;
        e = tn_profile_get_row(m->profile, i, &m->rows[i]);
        if (!e) m->sum_ns += (double)m->rows[i].least_ns;
    }
    return e;
}

static tn_error *profile(const patient *p, double seconds, report_model *m) {
    tn_executable *x;
    tn__machine before, after;
    tn_error *e = tn_compile(p->graph, p->options, &x);
    if (e) return e;
    tn__machine_read("", &before);
    e = take_samples(p, x, seconds, m);
    tn__machine_read("", &after);
    if (!e) e = read_rows(x, m);
    m->stats.struct_size = sizeof m->stats;
    if (!e) e = tn_executable_get_stats(x, &m->stats);
    tn_executable_release(x);
    if (e) return e;
    double *scratch = cli_alloc(m->n_samples * sizeof *scratch);
    timing_interval(m->samples, m->n_samples, &m->low, &m->high);
    m->median = tn__median(m->samples, m->n_samples);
    m->threads = strtoll(tn_options_get(p->options, "threads"), NULL, 10);
    if (!m->threads) m->threads = before.processors;
    tn__machine_judge(&before, &after,
                      &(tn__measured){.threads = (int32_t)m->threads, .median_s = m->median,
                                      .mad_s = tn__median_deviation(m->samples, m->n_samples, scratch)},
                      &m->distortions);
    free(scratch);
    return NULL;
}

/* ---- one run, watched ---------------------------------------------------------------------------------------- */

static double number_at(const json_t *event, const char *key) { return json_number_value(json_object_get(event, key)); }

/* Keeps what lies in the last span of category "run", and counts from its beginning. */
static void cut_run(const json_t *all, report_model *m) {
    const json_t *run = NULL;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const char *category = json_string_value(json_object_get(json_array_get(all, i), "cat"));
        if (category && !strcmp(category, "run")) run = json_array_get(all, i);
    }
    double begin = run ? number_at(run, "ts") : 0;
    m->run_us = run ? number_at(run, "dur") : 0;
    m->events = json_array();
    for (size_t i = 0; i < json_array_size(all); i++) {
        json_t *event = json_array_get(all, i);
        double at = number_at(event, "ts") - begin;
        if (event == run || at < 0 || at > m->run_us) continue;
        json_object_set_new(event, "ts", json_real(at));
        json_array_append(m->events, event);
    }
}

/* An executable of its own, so that the hook does not disturb what is timed. The first run warms up. */
static tn_error *watch(const patient *p, report_model *m) {
    cli_trace *t = cli_trace_create();
    tn_hook hook = cli_trace_hook(t);
    tn_executable *x = NULL;
    tn_error *e = tn_options_set_hook(p->options, &hook);
    if (!e) e = tn_compile(p->graph, p->options, &x);
    for (int i = 0; !e && i < 2; i++) {
        cli_trace_begin(t);
        e = call(p, x);
        cli_trace_end(t, "run", "run");
    }
    tn_executable_release(x);
    json_t *all = cli_trace_events(t);
    if (!e) cut_run(all, m);
    json_decref(all);
    cli_trace_free(t);
    return e;
}

/* Only where nothing spoilt them: what disturbs makes a ceiling too low. */
static void read_levels(report_model *m) {
    tn__ceilings all;
    json_t *distortions;
    bool known = ceilings_load(&all, &distortions) && json_is_array(distortions) && !json_array_size(distortions);
    for (int k = 0; known && k < TN__CACHE_LEVELS; k++) m->level_read[k] = all.level_read[k];
    json_decref(distortions);
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

tn_error *report_model_run(const char *path, const report_run *run, report_model *out) {
    *out = (report_model){.path = path, .environment = record_environment()};
    patient p = {0};
    cli_inputs inputs = run->inputs;
    inputs.model_path = path;
    tn_error *e = cli_context_create(&run->target.limits, &p.context);
    if (e) return e;
    e = cli_options_create(p.context, &run->target, &p.options);
    if (!e) e = tn_options_set(p.options, "profile", "every");
    if (!e) e = cli_graph_load(p.context, path, &p.graph);
    if (!e) e = timing_hash_model(path, out->sha256);
    if (!e) e = cli_inputs_make(p.context, p.graph, &inputs, &p.in);
    p.n_in = p.graph ? tn_graph_get_input_count(p.graph) : 0, p.n_out = p.graph ? tn_graph_get_output_count(p.graph) : 0;
    p.out = cli_alloc((p.n_out + 1) * sizeof *p.out);
    cli_progress("%s: running", path);
    if (!e) e = profile(&p, run->seconds, out);
    if (!e) out->options = timing_options(p.options);
    if (!e) e = watch(&p, out);
    cli_progress_end();
    if (!e) e = rates_get(p.context, (int32_t)out->threads, &out->rates, &out->rates_distortions);
    read_levels(out);
    cli_tensors_release(p.in, p.n_in);
    cli_tensors_release(p.out, p.n_out);
    tn_graph_release(p.graph);
    tn_options_release(p.options);
    tn_context_release(p.context);
    return e;
}

void report_model_free(report_model *m) {
    tn_profile_release(m->profile);
    free(m->rows);
    free(m->samples);
    json_decref(m->options), json_decref(m->environment), json_decref(m->events), json_decref(m->rates_distortions);
}

/* ---- on the page --------------------------------------------------------------------------------------------- */

static void put_pair(FILE *to, const char *name, const char *value) {
    fputs("<tr><th>", to);
    html_put(to, name);
    fputs("</th><td>", to);
    html_put(to, value);
    fputs("</td></tr>\n", to);
}

static void put_pairs(FILE *to, const char *prefix, const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        char *name = cli_printf("%s%s", prefix, key);
        put_pair(to, name, json_string_value(value));
        free(name);
    }
}

static void put_manifest(const report_model *m, FILE *to) {
    fputs("<details><summary>How this was measured</summary><table>\n", to);
    put_pair(to, "model", m->path);
    put_pair(to, "sha256", m->sha256);
    put_pairs(to, "", m->environment);
    put_pairs(to, "option ", m->options);
    fputs("</table></details>\n", to);
}

void report_model_write(const report_model *m, FILE *to) {
    char figure[HTML_FIGURE_BYTES];
    fputs("<h2>Model</h2>\n<p>", to);
    html_put(to, m->path);
    fprintf(to, ", %lld thread%s, %zu runs with profile=every: median ", (long long)m->threads, m->threads == 1 ? "" : "s", m->n_samples);
    html_put_figure(to, m->median, HTML_SECONDS);
    fputs(", 95 % interval ", to);
    html_put_figure(to, m->low, HTML_SECONDS);
    fprintf(to, " to %s. ", html_figure(figure, m->high, HTML_SECONDS));
    html_put_figure(to, (double)m->stats.flops, HTML_FLOP);
    fprintf(to, " a call, constants %s, ", html_figure(figure, (double)m->stats.constant_bytes, HTML_BYTES));
    fprintf(to, "code %s.</p>\n", html_figure(figure, (double)m->stats.code_bytes, HTML_BYTES));
    if (m->distortions.count) fputs("<ul>\n", to);
    for (int32_t i = 0; i < m->distortions.count; i++) {
        fputs("<li><b class=\"warn\">distorted</b>: ", to);
        html_put(to, m->distortions.text[i]);
        fputs("</li>\n", to);
    }
    if (m->distortions.count) fputs("</ul>\n", to);
    put_manifest(m, to);
    report_roofline_write(m, to);
    report_timeline_write(m, to);
    report_kernels_write(m, to);
}
