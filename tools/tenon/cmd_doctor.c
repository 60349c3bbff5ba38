/* tenon doctor: hints for a model on this machine, the most worthwhile first, each with what was found and what to try. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "doctor.h"
#include "inputs.h"
#include "side.h"
#include "values.h"

typedef struct doctor_settings {
    cli_target target;
    cli_inputs inputs;
    double seconds;
    int64_t own_threads;
    bool json, apply;
} doctor_settings;

static void print_gain(double gain) {
    if (isnan(gain)) printf("gain not known");
    else if (gain < 0.005) printf("a call is no faster");
    else printf("up to %.0f %% of a call", 100 * gain);
}

/* What the options of `b` do to the results of `a`: the largest difference, and the largest number that it may be measured by. */
typedef struct effect {
    double difference, largest;
} effect;

static tn_error *run_once(const side *s, tn_tensor **out) {
    tn_executable *x = NULL;
    tn_error *e = tn_compile(s->graph, s->options, &x);
    if (!e) e = tn_executable_run(x, s->in, s->n_in, out, s->n_out);
    tn_executable_release(x);
    return e;
}

static tn_error *compare_outputs(const side *a, const side *b, effect *out) {
    tn_tensor **x = cli_alloc((a->n_out + 1) * sizeof *x), **y = cli_alloc((b->n_out + 1) * sizeof *y);
    *out = (effect){0};
    tn_error *e = run_once(a, x);
    if (!e) e = run_once(b, y);
    for (uint32_t i = 0; !e && i < a->n_out; i++) {
        cli_difference d;
        value_statistics v = value_look_at(x[i]);
        cli_compare(y[i], x[i], &CLI_TOLERANCE_ONNX, &d);
        out->difference = fmax(out->difference, d.max_abs);
        out->largest = fmax(out->largest, fmax(fabs(v.low), fabs(v.high)));
    }
    cli_tensors_release(x, a->n_out), cli_tensors_release(y, b->n_out);
    return e;
}

/* Whether the hint's option helped: a comparison with it against without. */
static tn_error *try_hint(tn_context *context, const char *path, const doctor_settings *s, const doctor_hint *h, tn__comparison *out, effect *results) {
    cli_texts none = {0}, with = {0};
    side a = {0}, b = {0};
    tn__compare_settings run = {.seconds = s->seconds, .seed = 1, .rounds = 15};
    cli_texts_add(&with, h->option);
    cli_progress("trying %s", h->option);
    tn_error *e = side_open(&a, context, path, &s->target, &s->inputs, &none);
    if (!e) e = side_open(&b, context, path, &s->target, &s->inputs, &with);
    if (!e) e = side_compare(&a, &b, &run, out);
    if (!e) e = compare_outputs(&a, &b, results);
    cli_progress_end();
    side_free(&a), side_free(&b);
    cli_texts_free(&with);
    return e;
}

/* What came of a trial. A hint that cannot be tried, say for memory, is no reason to keep the others back. */
typedef struct trial {
    tn__comparison c;
    effect results;
    tn_error *refused;
} trial;

static json_t *trial_json(const trial *t) {
    if (t->refused) return json_pack("{ss}", "refused", tn_error_get_message(t->refused));
    return json_pack("{ss sf sf sf so so}", "verdict", tn__verdict_text(t->c.verdict), "ratio", t->c.ratio, "low", t->c.low, "high", t->c.high,
                     "max_difference", cli_json_real(t->results.difference), "largest_output", cli_json_real(t->results.largest));
}

static void print_trial(const trial *t) {
    if (t->refused) {
        printf("   tried: refused: %s\n", tn_error_get_message(t->refused));
        return;
    }
    printf("   tried: %.4f of the time [%.4f, %.4f]: %s; ", t->c.ratio, t->c.low, t->c.high, tn__verdict_text(t->c.verdict));
    if (t->results.difference > 0)
        printf("outputs differ by up to %.2g, the largest number in them is %.2g\n", t->results.difference, t->results.largest);
    else printf("outputs are the same\n");
}

static void report(tn_context *context, const char *path, const doctor_settings *s, const doctor_hint *h, size_t number, json_t *list) {
    trial t = {0};
    bool tried = s->apply && *h->option;
    if (tried) t.refused = try_hint(context, path, s, h, &t.c, &t.results);
    if (list) {
        json_t *o = json_pack("{ss ss ss so ss}", "rule", h->rule, "evidence", h->evidence, "advice", h->advice, "gain", cli_json_real(h->gain), "option",
                              h->option);
        if (tried) json_object_set_new(o, "tried", trial_json(&t));
        json_array_append_new(list, o);
    } else {
        printf("%zu. %s (%s; ", number, h->evidence, h->rule);
        print_gain(h->gain);
        printf(")\n   %s\n", h->advice);
        if (*h->option) printf("   try: --set %s\n", h->option);
        if (tried) print_trial(&t);
    }
    tn__comparison_deinit(&tn__allocator_malloc, &t.c);
    tn_error_destroy(t.refused);
}

static int doctor(const char *path, const doctor_settings *s) {
    tn_context *context;
    doctor_evidence evidence = {0};
    size_t n = 0;
    tn_error *e = cli_context_create(&s->target.limits, &context);
    if (e) return cli_fail_error(e);
    e = doctor_collect(context, path, &s->target, &s->inputs, s->seconds, &evidence);
    evidence.own_threads = s->own_threads;
    doctor_hint *hints = e ? NULL : doctor_examine(&evidence, &n);
    json_t *list = s->json ? json_array() : NULL;
    if (!e && !s->json) printf("%s: %.4f ms a call, %zu steps\n", path, evidence.run_ns * 1e-6, evidence.n_steps);
    for (size_t i = 0; !e && i < n; i++) report(context, path, s, &hints[i], i + 1, list);
    if (!e && list) cli_print_json(json_pack("{ss ss sf so}", "version", tn_version(), "model", path, "run_ns", evidence.run_ns, "hints", list));
    else json_decref(list);
    if (!e && !s->json && !n) printf("nothing to improve was found\n");
    free(hints);
    doctor_evidence_free(&evidence);
    tn_context_release(context);
    return e ? cli_fail_error(e) : CLI_OK;
}

int cli_cmd_doctor(const cli_verb *verb, int argc, char **argv) {
    doctor_settings s = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 2};
    const cli_option options[] = {
        {"own-threads", CLI_COUNT, &s.own_threads, "N", "threads that your program keeps busy, the calling one included (0: not known)"},
        {"apply", CLI_FLAG, &s.apply, NULL, "try each hint that is an option, and say whether it helped"},
        {"seconds", CLI_REAL, &s.seconds, "S", "time of the measurements, and of each trial (2)"},
        CLI_INPUT_OPTIONS(&s.inputs),
        CLI_TARGET_OPTIONS(&s.target),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("doctor wants one model file");
    if (code < 0) code = doctor(operands.items[0], &s);
    cli_inputs_free(&s.inputs);
    cli_target_free(&s.target);
    cli_texts_free(&operands);
    return code;
}
