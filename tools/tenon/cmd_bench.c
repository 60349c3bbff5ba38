/* tenon bench: times calls of models; every sample is kept, and into the record store on request.
 *
 * MAD is the median absolute deviation from the median: half of the samples lie that near. */
#include <stdio.h>
#include <stdlib.h>

#include "record.h"
#include "store.h"

typedef struct bench_settings {
    timing_settings timing;
    const char *db;
    bool json, record, force;
} bench_settings;

static json_t *result_json(const char *path, const timing *r) {
    json_t *all = json_array();
    for (size_t i = 0; i < r->n_samples; i++) json_array_append_new(all, json_real(r->samples[i]));
    return json_pack("{ss sI sf sf sf sf sf sf sf sI sI sI sI sI sI so so}", "model", path, "runs", (json_int_t)r->n_samples, "min_s", r->min,
                     "median_s", r->median, "low_s", r->low, "high_s", r->high, "p90_s", r->p90, "mad_s", r->mad, "calls_a_second",
                     r->calls_a_second, "flops", (json_int_t)r->stats.flops, "compile_ns", (json_int_t)r->stats.compile_ns, "arena_bytes",
                     (json_int_t)r->stats.arena_bytes, "arena_lower_bound", (json_int_t)r->stats.arena_lower_bound, "kernels",
                     (json_int_t)r->stats.n_kernels, "calls", (json_int_t)r->stats.n_calls, "distortions", record_distortions(&r->distortions),
                     "samples_s", all);
}

static void print_row(const char *path, const timing *r, const bench_settings *s) {
    printf("%-36s %7zu %10.4f %10.4f %10.4f %10.4f", path, r->n_samples, r->min * 1e3, r->median * 1e3, r->p90 * 1e3, r->mad * 1e3);
    if (r->stats.flops && r->median > 0) printf(" %9.2f\n", (double)r->stats.flops / r->median * 1e-9);
    else printf(" %9s\n", "-");
    if (s->timing.streams > 1) printf("    %lld streams: %.1f calls a second\n", (long long)s->timing.streams, r->calls_a_second);
    if (r->checked)
        printf("    against ref: %s, largest difference %.3g absolute, %.3g relative, %.3g ulp\n", r->worst.ok ? "right" : "WRONG",
               r->worst.max_abs, r->worst.max_rel, r->worst.max_ulp);
    for (int32_t i = 0; i < r->distortions.count; i++) printf("    distorted: %s\n", r->distortions.text[i]);
    fflush(stdout);
}

/* A distorted measurement is not kept, unless by force: it would be compared with good ones later. */
static int keep(store *db, const char *path, const bench_settings *s, const timing *r) {
    int64_t id;
    if (r->distortions.count && !s->force)
        return cli_fail("%s: not recorded, the measurement is distorted: %s (--force records it)", path, r->distortions.text[0]);
    json_t *record = record_make("bench", path, &s->timing, r);
    tn_error *e = store_add(db, record, "", &id);
    json_decref(record);
    if (e) return cli_fail_error(e);
    if (!s->json) printf("    record %lld in %s\n", (long long)id, store_path(db));
    return CLI_OK;
}

static int bench(const cli_texts *models, const bench_settings *s) {
    tn_context *context;
    store *db = NULL;
    tn_error *e = cli_context_create(&s->timing.target.limits, &context);
    if (e) return cli_fail_error(e);
    e = s->record ? store_open(s->db, true, &db) : NULL;
    json_t *list = s->json ? json_array() : NULL;
    int code = e ? cli_fail_error(e) : CLI_OK;
    if (!e && !s->json) printf("%-36s %7s %10s %10s %10s %10s %9s\n", "model (times in ms)", "runs", "min", "median", "p90", "MAD", "GFLOP/s");
    for (size_t i = 0; !e && i < models->count; i++) {
        timing r;
        tn_error *failed = timing_run(context, models->items[i], &s->timing, &r);
        if (failed) {
            code = cli_fail("%s: %s", models->items[i], tn_error_get_message(failed));
            tn_error_destroy(failed);
        } else {
            if (list) json_array_append_new(list, result_json(models->items[i], &r));
            else print_row(models->items[i], &r, s);
            int kept = db ? keep(db, models->items[i], s, &r) : CLI_OK;
            if (kept) code = kept;
        }
        timing_free(&r);
    }
    if (list && !e) cli_print_json(json_pack("{ss so}", "version", tn_version(), "models", list));
    else json_decref(list);
    store_close(db);
    tn_context_release(context);
    return code;
}

int cli_cmd_bench(const cli_verb *verb, int argc, char **argv) {
    bench_settings s = {.timing = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 2}};
    bool no_check = false;
    const cli_option options[] = {
        TIMING_OPTIONS(&s.timing),
        {"check", CLI_FLAG, &s.timing.check, NULL, "compare the outputs with those of the slow reference"},
        {"record", CLI_FLAG, &s.record, NULL, "keep the measurement, unless it is distorted; checks, too"},
        {"force", CLI_FLAG, &s.force, NULL, "keep it even if it is distorted"},
        {"no-check", CLI_FLAG, &no_check, NULL, "record without comparing the outputs"},
        {"db", CLI_TEXT, &s.db, "FILE", "the record store (default: tenon/records.db in XDG_DATA_HOME)"},
        CLI_INPUT_OPTIONS(&s.timing.inputs),
        CLI_TARGET_OPTIONS(&s.timing.target),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON with every sample"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && !operands.count) code = cli_usage("bench wants at least one model file");
    if (s.force && !s.record && code < 0) code = cli_usage("bench: --force is for --record");
    s.timing.hash = s.record;
    s.timing.check = !no_check && (s.timing.check || s.record);
    if (code < 0) code = bench(&operands, &s);
    cli_inputs_free(&s.timing.inputs);
    cli_target_free(&s.timing.target);
    cli_texts_free(&operands);
    return code;
}
