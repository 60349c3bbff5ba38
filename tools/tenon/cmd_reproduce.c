/* tenon reproduce: runs a recorded measurement again: are the bits of the outputs the same, does the time agree? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "record.h"
#include "store.h"

/* A number names a record of the store, all else a file. */
static tn_error *load(const char *what, const char *db_path, json_t **out) {
    int64_t id;
    json_error_t wrong;
    *out = NULL;
    if (!cli_parse_count(what, &id)) {
        *out = json_load_file(what, 0, &wrong);
        return *out ? NULL : TN__FAIL(NULL, PARSE, "%s: line %d, column %d: %s", what, wrong.line, wrong.column, wrong.text);
    }
    store *db;
    tn_error *e = store_open(db_path, false, &db);
    if (!e) e = store_get(db, id, out);
    store_close(db);
    return e;
}

static const char *text_at(const json_t *o, const char *a, const char *b) {
    const char *text = json_string_value(json_object_get(json_object_get(o, a), b));
    return text ? text : "";
}

/* What differs of machine, version and tuned schedules; each is said, none forbids to run. */
static json_t *environment_differences(const json_t *record, const timing *t) {
    static const char *const keys[] = {"tenon", "commit", "compiler", "cpu", "features", "kernel"};
    json_t *now = record_environment(), *list = json_array();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *then = text_at(record, "environment", keys[i]), *here = json_string_value(json_object_get(now, keys[i]));
        if (strcmp(then, here)) {
            char *text = cli_printf("%s: recorded '%s', here '%s'", keys[i], then, here);
            json_array_append_new(list, json_string(text));
            free(text);
        }
    }
    const json_t *tuned = json_object_get(json_object_get(record, "stats"), "tuned"); /* older records know of none */
    if (json_integer_value(tuned) != (json_int_t)t->stats.n_tuned) {
        char *text = cli_printf("tuned schedules: recorded %lld, here %u", (long long)json_integer_value(tuned), t->stats.n_tuned);
        json_array_append_new(list, json_string(text));
        free(text);
    }
    json_decref(now);
    return list;
}

static bool same_bits(const json_t *record, const timing *t) {
    const json_t *outputs = json_object_get(record, "outputs");
    if (json_array_size(outputs) != t->n_outputs || !t->n_outputs) return false;
    for (uint32_t i = 0; i < t->n_outputs; i++) {
        const char *hash = json_string_value(json_object_get(json_array_get(outputs, i), "sha256"));
        if (!hash || strcmp(hash, t->outputs[i].sha256)) return false;
    }
    return true;
}

static tn_error *recorded_interval(const json_t *record, double *low, double *high) {
    const json_t *list = json_object_get(record, "samples_s");
    size_t n = json_array_size(list);
    double *samples = cli_alloc(n * sizeof *samples);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(list, i);
        samples[i] = json_number_value(x);
        ok = ok && json_is_number(x) && samples[i] >= 0;
    }
    if (ok) timing_interval(samples, n, low, high);
    free(samples);
    return ok ? NULL : TN__FAIL(NULL, PARSE, "the record's field 'samples_s' is not an array of times");
}

static tn_error *run_again(const json_t *record, const char *model, timing_settings *settings, timing *t) {
    tn_context *context;
    const char *path;
    tn_error *e = record_settings(record, &path, settings);
    if (e) return e;
    e = cli_context_create(NULL, &context);
    if (e) return e;
    e = timing_run(context, model ? model : path, settings, t);
    tn_context_release(context);
    if (!e && strcmp(t->model_sha256, text_at(record, "model", "sha256")))
        return TN__FAIL(NULL, INVALID_ARGUMENT, "%s is another model than the recorded one: SHA-256 %s, recorded %s", model ? model : path, t->model_sha256,
                        text_at(record, "model", "sha256"));
    return e;
}

static void print_list(const char *what, const json_t *list) {
    for (size_t i = 0; i < json_array_size(list); i++) printf("%s: %s\n", what, json_string_value(json_array_get(list, i)));
}

static int report(const json_t *record, const timing *t, double low, double high, bool json) {
    bool bits = same_bits(record, t), time = t->low <= high && low <= t->high;
    json_t *differences = environment_differences(record, t), *distortions = record_distortions(&t->distortions);
    if (json)
        cli_print_json(json_pack("{sb sb sf sf sf sf sf so so}", "same_bits", bits, "time_agrees", time, "recorded_low_s", low, "recorded_high_s",
                                 high, "median_s", t->median, "low_s", t->low, "high_s", t->high, "differences", differences, "distortions",
                                 distortions));
    else {
        printf("outputs: %s\n", bits ? "the same bits" : "OTHER BITS");
        printf("time: %.4f ms [%.4f, %.4f], recorded [%.4f, %.4f]: %s\n", t->median * 1e3, t->low * 1e3, t->high * 1e3, low * 1e3, high * 1e3,
               time ? "agrees" : "DOES NOT AGREE");
        print_list("differs", differences);
        print_list("distorted", distortions);
        json_decref(differences), json_decref(distortions);
    }
    if (!bits) return cli_fail("not reproduced: the outputs have other bits");
    return time ? CLI_OK : cli_fail("not reproduced: the times do not overlap");
}

static int reproduce(const char *what, const char *db, const char *model, bool json) {
    json_t *record = NULL;
    timing_settings settings = {0};
    timing t = {0};
    double low = 0, high = 0;
    tn_error *e = load(what, db, &record);
    if (!e) e = run_again(record, model, &settings, &t);
    if (!e) e = recorded_interval(record, &low, &high);
    int code = e ? cli_fail_error(e) : report(record, &t, low, high, json);
    timing_free(&t);
    record_settings_free(&settings);
    json_decref(record);
    return code;
}

int cli_cmd_reproduce(const cli_verb *verb, int argc, char **argv) {
    const char *db = NULL, *model = NULL;
    bool json = false;
    const cli_option options[] = {{"db", CLI_TEXT, &db, "FILE", "the record store (default: tenon/records.db in XDG_DATA_HOME)"},
                                  {"model", CLI_TEXT, &model, "FILE", "where the model lies now"},
                                  {"json", CLI_FLAG, &json, NULL, "print JSON"},
                                  {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("reproduce wants the number of a record, or a manifest file");
    if (code < 0) code = reproduce(operands.items[0], db, model, json);
    cli_texts_free(&operands);
    return code;
}
