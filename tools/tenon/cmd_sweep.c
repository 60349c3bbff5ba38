/* tenon sweep: a model under every combination of option values, each timed and kept as a record. A combination that the store has
 * already is not run again, so an interrupted sweep goes on where it ended. */
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "measure/statistics.h"
#include "record.h"
#include "store.h"

enum { AXES_MOST = 16, COMBINATIONS_MOST = 100000 };

typedef struct axis {
    char *key; /* owned, values too */
    cli_texts values;
} axis;

typedef struct sweep_settings {
    timing_settings timing;
    cli_texts over;
    int64_t sample, seed;
    const char *db;
    bool json, force;
} sweep_settings;

typedef struct result {
    char *what; /* owned: "threads=1 cache=off" */
    double median, low, high;
    bool kept; /* was in the store */
} result;

static tn_error *read_axes(const cli_texts *over, axis *axes, size_t *out_n, int64_t *out_total) {
    *out_n = 0, *out_total = 1;
    if (over->count > AXES_MOST) return TN__FAIL(NULL, LIMIT_EXCEEDED, "at most %d times --over", AXES_MOST);
    for (size_t i = 0; i < over->count; i++) {
        const char *equals = strchr(over->items[i], '=');
        if (!equals || equals == over->items[i])
            return TN__FAIL(NULL, INVALID_ARGUMENT, "--over: found '%s', wanted KEY=VALUE,VALUE,...", over->items[i]);
        axis *a = &axes[(*out_n)++];
        a->key = cli_printf("%.*s", (int)(equals - over->items[i]), over->items[i]);
        for (const char *v = equals + 1; v; v = strchr(v, ','), v = v ? v + 1 : NULL) { /* an empty value is one */
            char *value = cli_printf("%.*s", (int)strcspn(v, ","), v);
            cli_texts_add(&a->values, value);
            free(value);
        }
        *out_total *= (int64_t)a->values.count;
        if (*out_total > COMBINATIONS_MOST) return TN__FAIL(NULL, LIMIT_EXCEEDED, "more than %d combinations", COMBINATIONS_MOST);
    }
    return *out_n ? NULL : TN__FAIL(NULL, INVALID_ARGUMENT, "wanted --over KEY=VALUE,VALUE,...");
}

/* The settings of combination `at`; `dim.NAME` is a dimension, all else an option. */
static char *settle(const axis *axes, size_t n, int64_t at, timing_settings *t) {
    char *what = cli_printf("%s", "");
    for (size_t i = n; i-- > 0;) {
        const char *value = axes[i].values.items[at % (int64_t)axes[i].values.count];
        at /= (int64_t)axes[i].values.count;
        bool dim = !strncmp(axes[i].key, "dim.", 4);
        char *setting = cli_printf("%s=%s", dim ? axes[i].key + 4 : axes[i].key, value);
        cli_texts_add(dim ? &t->inputs.dims : &t->target.settings, setting);
        char *longer = cli_printf("%s=%s%s%s", axes[i].key, value, *what ? " " : "", what);
        free(setting), free(what);
        what = longer;
    }
    return what;
}

static void copy_texts(const cli_texts *from, cli_texts *to) {
    *to = (cli_texts){0};
    for (size_t i = 0; i < from->count; i++) cli_texts_add(to, from->items[i]);
}

/* What a record of this combination is known by: model, options and how it is timed. */
static tn_error *key_of(const char *path, const char *what, const sweep_settings *s, char out[SHA256_TEXT]) {
    char model[SHA256_TEXT];
    if (!SHA256File(path, model)) return TN__FAIL(NULL, IO, "cannot open '%s'", path);
    char *text = cli_printf("%s %s %s %lld %g %lld %d", tn_version(), model, what, (long long)s->timing.runs, s->timing.seconds,
                            (long long)s->timing.streams, s->timing.cold);
    for (size_t i = 0; i < s->timing.target.settings.count; i++) {
        char *longer = cli_printf("%s %s", text, s->timing.target.settings.items[i]);
        free(text);
        text = longer;
    }
    SHA256Data((const uint8_t *)text, strlen(text), out);
    free(text);
    return NULL;
}

static tn_error *from_store(store *db, int64_t id, result *r) {
    json_t *record;
    tn_error *e = store_get(db, id, &record);
    if (e) return e;
    r->median = json_number_value(json_object_get(record, "median_s"));
    r->low = json_number_value(json_object_get(record, "low_s"));
    r->high = json_number_value(json_object_get(record, "high_s"));
    r->kept = true;
    json_decref(record);
    return NULL;
}

static tn_error *time_one(tn_context *context, store *db, const char *path, const sweep_settings *s, const timing_settings *own, const char *key,
                          result *r) {
    timing t;
    tn_error *e = timing_run(context, path, own, &t);
    if (!e) r->median = t.median, r->low = t.low, r->high = t.high;
    if (!e && t.distortions.count && !s->force)
        cli_fail("warning: %s: distorted, not recorded: %s", r->what, t.distortions.text[0]);
    else if (!e) {
        int64_t id;
        json_t *record = record_make("sweep", path, own, &t);
        e = store_add(db, record, key, &id);
        json_decref(record);
    }
    timing_free(&t);
    return e;
}

static tn_error *one(tn_context *context, store *db, const char *path, const sweep_settings *s, const axis *axes, size_t n, int64_t at,
                     result *r) {
    timing_settings own = s->timing;
    char key[SHA256_TEXT];
    int64_t id = 0;
    copy_texts(&s->timing.target.settings, &own.target.settings);
    copy_texts(&s->timing.inputs.dims, &own.inputs.dims);
    r->what = settle(axes, n, at, &own);
    tn_error *e = key_of(path, r->what, s, key);
    if (!e) e = store_find(db, key, &id);
    if (!e) e = id ? from_store(db, id, r) : time_one(context, db, path, s, &own, key, r);
    cli_texts_free(&own.target.settings);
    cli_texts_free(&own.inputs.dims);
    return e ? tn__error_prefix(e, "%s", r->what) : NULL;
}

static int by_median(const void *a, const void *b) {
    double x = ((const result *)a)->median, y = ((const result *)b)->median;
    return (x > y) - (x < y);
}

static void print_results(result *results, size_t n, bool json) {
    qsort(results, n, sizeof *results, by_median);
    json_t *list = json ? json_array() : NULL;
    for (size_t i = 0; i < n; i++) {
        const result *r = &results[i];
        if (list)
            json_array_append_new(list, json_pack("{ss sf sf sf sb}", "settings", r->what, "median_s", r->median, "low_s", r->low, "high_s", r->high,
                                                  "kept", r->kept));
        else printf("%10.4f ms [%.4f, %.4f]  %s%s\n", r->median * 1e3, r->low * 1e3, r->high * 1e3, r->what, r->kept ? "  (kept)" : "");
    }
    if (list) cli_print_json(json_pack("{ss so}", "version", tn_version(), "results", list));
}

static tn_error *sweep(const char *path, const sweep_settings *s, const axis *axes, size_t n, int64_t total) {
    tn_context *context = NULL;
    store *db = NULL;
    uint64_t seed = (uint64_t)s->seed;
    int64_t wanted = s->sample && s->sample < total ? s->sample : total, done = 0;
    result *results = cli_alloc((size_t)wanted * sizeof *results);
    tn_error *e = cli_context_create(&s->timing.target.limits, &context);
    if (!e) e = store_open(s->db, true, &db);
    for (int64_t at = 0; !e && at < total; at++) { /* a sample without repetition: Knuth's algorithm S */
        if ((int64_t)(tn__random(&seed) % (uint64_t)(total - at)) >= wanted - done) continue;
        cli_progress("combination %lld of %lld", (long long)done + 1, (long long)wanted);
        e = one(context, db, path, s, axes, n, at, &results[done++]);
    }
    cli_progress_end();
    if (!e) print_results(results, (size_t)done, s->json);
    for (int64_t i = 0; i < done; i++) free(results[i].what);
    free(results);
    store_close(db);
    if (context) tn_context_release(context);
    return e;
}

int cli_cmd_sweep(const cli_verb *verb, int argc, char **argv) {
    sweep_settings s = {.timing = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 2, .hash = true}, .seed = 1};
    const cli_option options[] = {
        {"over", CLI_TEXTS, &s.over, "KEY=V,V,...", "an option of the library, or dim.NAME; repeatable: all combinations"},
        {"sample", CLI_COUNT, &s.sample, "N", "only so many combinations, drawn from --seed"},
        {"seed", CLI_COUNT, &s.seed, "N", "of --sample (1)"},
        TIMING_OPTIONS(&s.timing),
        {"check", CLI_FLAG, &s.timing.check, NULL, "compare the outputs with those of the slow reference"},
        {"force", CLI_FLAG, &s.force, NULL, "keep distorted measurements too"},
        {"db", CLI_TEXT, &s.db, "FILE", "the record store (default: tenon/records.db in XDG_DATA_HOME)"},
        CLI_INPUT_OPTIONS(&s.timing.inputs),
        CLI_TARGET_OPTIONS(&s.timing.target),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON"},
        {0}};
    cli_texts operands = {0};
    axis axes[AXES_MOST] = {{0}};
    size_t n = 0;
    int64_t total;
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("sweep wants one model file");
    if (code < 0) {
        tn_error *e = read_axes(&s.over, axes, &n, &total);
        if (!e) e = sweep(operands.items[0], &s, axes, n, total);
        code = e ? cli_fail_error(e) : CLI_OK;
    }
    for (size_t i = 0; i < n; i++) free(axes[i].key), cli_texts_free(&axes[i].values);
    cli_inputs_free(&s.timing.inputs);
    cli_target_free(&s.timing.target);
    cli_texts_free(&s.over);
    cli_texts_free(&operands);
    return code;
}
