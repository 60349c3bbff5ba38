/* tenon sweep: a model under every combination of option values, each timed and kept as a record. A combination that the store has
 * already is not run again, so an interrupted sweep goes on where it ended. */
#include <stdio.h>
#include <stdlib.h>

#include "measure/statistics.h"
#include "space.h"

typedef struct sweep_settings {
    timing_settings timing;
    cli_texts over;
    int64_t sample, seed;
    const char *db;
    bool json, force;
} sweep_settings;

static int by_median(const void *a, const void *b) {
    double x = ((const space_result *)a)->median, y = ((const space_result *)b)->median;
    return (x > y) - (x < y);
}

static void print_results(space_result *results, size_t n, bool json) {
    qsort(results, n, sizeof *results, by_median);
    json_t *list = json ? json_array() : NULL;
    for (size_t i = 0; i < n; i++) {
        const space_result *r = &results[i];
        if (list)
            json_array_append_new(list, json_pack("{ss sf sf sf sb}", "settings", r->what, "median_s", r->median, "low_s", r->low, "high_s", r->high,
                                                  "kept", r->kept));
        else printf("%10.4f ms [%.4f, %.4f]  %s%s\n", r->median * 1e3, r->low * 1e3, r->high * 1e3, r->what, r->kept ? "  (kept)" : "");
    }
    if (list) cli_print_json(json_pack("{ss so}", "version", tn_version(), "results", list));
}

static tn_error *sweep(const char *path, const sweep_settings *s, const space *over) {
    space_run run = {.path = path, .kind = "sweep", .timing = s->timing, .force = s->force};
    uint64_t seed = (uint64_t)s->seed;
    int64_t total = over->total, wanted = s->sample && s->sample < total ? s->sample : total, done = 0;
    space_result *results = cli_alloc((size_t)wanted * sizeof *results);
    tn_error *e = cli_context_create(&s->timing.target.limits, &run.context);
    if (!e) e = store_open(s->db, true, &run.db);
    for (int64_t at = 0; !e && at < total; at++) { /* a sample without repetition: Knuth's algorithm S */
        if ((int64_t)(tn__random(&seed) % (uint64_t)(total - at)) >= wanted - done) continue;
        cli_progress("combination %lld of %lld", (long long)done + 1, (long long)wanted);
        e = space_time(&run, over, at, &results[done++]);
    }
    cli_progress_end();
    if (!e) print_results(results, (size_t)done, s->json);
    for (int64_t i = 0; i < done; i++) free(results[i].what);
    free(results);
    store_close(run.db);
    if (run.context) tn_context_release(run.context);
    return e;
}

int cli_cmd_sweep(const cli_verb *verb, int argc, char **argv) {
    sweep_settings s = {.timing = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 2, .hash = true}, .seed = 1};
    const cli_option options[] = {
        {"over", CLI_TEXTS, &s.over, "KEY=V,V,...", "an option of the library, or dim.NAME; repeatable: all combinations"},
        {"sample", CLI_COUNT, &s.sample, "N", "only so many combinations, drawn from --seed"},
        {"seed", CLI_COUNT, &s.seed, "N", "of --sample (1)"},
        SPACE_OPTIONS(&s.timing, &s.force, &s.db),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON"},
        {0}};
    cli_texts operands = {0};
    space over = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("sweep wants one model file");
    if (code < 0) {
        tn_error *e = space_read(&s.over, &over);
        if (!e) e = sweep(operands.items[0], &s, &over);
        code = e ? cli_fail_error(e) : CLI_OK;
    }
    space_free(&over);
    cli_inputs_free(&s.timing.inputs);
    cli_target_free(&s.timing.target);
    cli_texts_free(&s.over);
    cli_texts_free(&operands);
    return code;
}
