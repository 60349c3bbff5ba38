#include "space.h"

#include <math.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "record.h"

tn_error *space_read(const cli_texts *over, space *out) {
    *out = (space){.total = 1};
    if (over->count > SPACE_AXES_MOST) return TN__FAIL(NULL, LIMIT_EXCEEDED, "at most %d times --over", SPACE_AXES_MOST);
    for (size_t i = 0; i < over->count; i++) {
        const char *equals = strchr(over->items[i], '=');
        if (!equals || equals == over->items[i])
            return TN__FAIL(NULL, INVALID_ARGUMENT, "--over: found '%s', wanted KEY=VALUE,VALUE,...", over->items[i]);
        space_axis *a = &out->axes[out->n++];
        a->key = cli_printf("%.*s", (int)(equals - over->items[i]), over->items[i]);
        for (const char *v = equals + 1; v; v = strchr(v, ','), v = v ? v + 1 : NULL) { /* an empty value is one */
            char *value = cli_printf("%.*s", (int)strcspn(v, ","), v);
            cli_texts_add(&a->values, value);
            free(value);
        }
        out->total *= (int64_t)a->values.count;
        if (out->total > SPACE_COMBINATIONS_MOST) return TN__FAIL(NULL, LIMIT_EXCEEDED, "more than %d combinations", SPACE_COMBINATIONS_MOST);
    }
    return out->n ? NULL : TN__FAIL(NULL, INVALID_ARGUMENT, "wanted --over KEY=VALUE,VALUE,...");
}

void space_free(space *s) {
    for (size_t i = 0; i < s->n; i++) free(s->axes[i].key), cli_texts_free(&s->axes[i].values);
}

char *space_settle(const space *s, int64_t at, cli_texts *options, cli_texts *dims) {
    char *what = cli_printf("%s", at == SPACE_DEFAULTS ? "defaults" : "");
    for (size_t i = at == SPACE_DEFAULTS ? 0 : s->n; i-- > 0;) {
        const space_axis *a = &s->axes[i];
        const char *value = a->values.items[at % (int64_t)a->values.count];
        at /= (int64_t)a->values.count;
        bool dim = !strncmp(a->key, "dim.", 4);
        char *setting = cli_printf("%s=%s", dim ? a->key + 4 : a->key, value);
        cli_texts_add(dim ? dims : options, setting);
        char *longer = cli_printf("%s=%s%s%s", a->key, value, *what ? " " : "", what);
        free(setting), free(what);
        what = longer;
    }
    return what;
}

static void copy_texts(const cli_texts *from, cli_texts *to) {
    *to = (cli_texts){0};
    for (size_t i = 0; i < from->count; i++) cli_texts_add(to, from->items[i]);
}

/* What a record of this combination is known by: version, model, options and how it is timed. */
static tn_error *key_of(const space_run *run, const char *what, char out[SHA256_TEXT]) {
    char model[SHA256_TEXT];
    const timing_settings *t = &run->timing;
    if (!SHA256File(run->path, model)) return TN__FAIL(NULL, IO, "cannot open '%s'", run->path);
    char *text = cli_printf("%s %s %s %lld %g %lld %d", tn_version(), model, what, (long long)t->runs, t->seconds, (long long)t->streams, t->cold);
    for (size_t i = 0; i < t->target.settings.count; i++) {
        char *longer = cli_printf("%s %s", text, t->target.settings.items[i]);
        free(text);
        text = longer;
    }
    SHA256Data((const uint8_t *)text, strlen(text), out);
    free(text);
    return NULL;
}

static double number_of(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

static void from_record(const json_t *record, space_result *r) {
    const json_t *stats = json_object_get(record, "stats"), *error = json_object_get(json_object_get(record, "accuracy"), "max_abs");
    r->median = number_of(record, "median_s"), r->low = number_of(record, "low_s"), r->high = number_of(record, "high_s");
    r->calls_a_second = number_of(record, "calls_a_second");
    r->bytes = number_of(stats, "arena_bytes") + number_of(stats, "constant_bytes") + number_of(stats, "code_bytes");
    /* JSON has no infinity: null within an accuracy that is there */
    r->error = json_is_number(error) ? json_number_value(error) : error ? INFINITY : NAN;
}

static tn_error *time_it(const space_run *run, const timing_settings *own, const char *key, space_result *r) {
    timing t;
    int64_t id;
    tn_error *e = timing_run(run->context, run->path, own, &t);
    if (!e) {
        json_t *record = record_make(run->kind, run->path, own, &t);
        from_record(record, r);
        if (t.distortions.count && !run->force) cli_fail("warning: %s: distorted, not recorded: %s", r->what, t.distortions.text[0]);
        else e = store_add(run->db, record, key, &id);
        json_decref(record);
    }
    timing_free(&t);
    return e;
}

tn_error *space_time(const space_run *run, const space *s, int64_t at, space_result *r) {
    timing_settings own = run->timing;
    char key[SHA256_TEXT];
    int64_t id = 0;
    json_t *record = NULL;
    copy_texts(&run->timing.target.settings, &own.target.settings);
    copy_texts(&run->timing.inputs.dims, &own.inputs.dims);
    *r = (space_result){.at = at, .what = space_settle(s, at, &own.target.settings, &own.inputs.dims)};
    tn_error *e = key_of(run, r->what, key);
    if (!e) e = store_find(run->db, key, &id);
    if (!e && id) e = store_get(run->db, id, &record);
    if (record) from_record(record, r), r->kept = !own.check || !isnan(r->error);
    if (!e && !r->kept) e = time_it(run, &own, key, r);
    json_decref(record);
    cli_texts_free(&own.target.settings);
    cli_texts_free(&own.inputs.dims);
    return e ? tn__error_prefix(e, "%s", r->what) : NULL;
}
