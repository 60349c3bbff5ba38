/* Records for the page: those that are asked for, checked. An imported record may hold anything: what is wrong is left out, with a note. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "html_report.h"
#include "store.h"

#define LONGEST_S 1e9 /* a time beyond is no measurement */

static void note(report_records *r, int64_t id, const char *what) {
    char *text = cli_printf("record %lld: %s", (long long)id, what);
    cli_texts_add(&r->notes, text);
    free(text);
}

/* ---- one record ---------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *o, const char *key) {
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

static bool time_of(const json_t *o, const char *key, double *out) {
    const json_t *x = json_object_get(o, key);
    *out = json_number_value(x);
    return json_is_number(x) && *out > 0 && *out < LONGEST_S;
}

static void set_text(json_t *settings, const char *key, const char *value) { json_object_set_new(settings, key, json_string(value)); }

/* "N=8 C=3" */
static void set_list(json_t *settings, const char *key, const json_t *list) {
    char *all = cli_printf("%s", "");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        char *longer = one ? cli_printf("%s%s%s", all, *all ? " " : "", one) : NULL;
        if (longer) free(all), all = longer;
    }
    set_text(settings, key, all);
    free(all);
}

static void read_settings(report_records *r, report_record *x) {
    const json_t *options = json_object_get(x->json, "options"), *how = json_object_get(x->json, "how"), *given = json_object_get(x->json, "given");
    const json_t *environment = json_object_get(x->json, "environment");
    const char *key, *version = text_of(environment, "tenon"), *commit = text_of(environment, "commit");
    json_t *value;
    x->settings = json_object();
    json_object_foreach((json_t *)options, key, value) {
        if (!json_is_string(value)) note(r, x->id, "an option is no text, and left out");
        else if (strcmp(key, "cache_dir")) json_object_set(x->settings, key, value); /* that one says nothing about the time */
    }
    char *text = cli_printf("%s%s%s", version, *version && *commit ? " " : "", commit);
    set_text(x->settings, "commit", text);
    free(text);
    set_text(x->settings, "machine", x->cpu);
    set_text(x->settings, "cold", json_is_true(json_object_get(how, "cold")) ? "yes" : "no");
    text = cli_printf("%lld", (long long)json_integer_value(json_object_get(how, "streams")));
    set_text(x->settings, "streams", text);
    free(text);
    set_list(x->settings, "dims", json_object_get(given, "dims"));
    set_list(x->settings, "inputs", json_object_get(given, "inputs"));
}

/* False: the record has no time to show. */
static bool read_record(report_records *r, report_record *x) {
    const json_t *distortions = json_object_get(x->json, "distortions");
    x->time = text_of(x->json, "time"), x->name = text_of(x->json, "name"), x->kind = text_of(x->json, "kind");
    x->cpu = text_of(json_object_get(x->json, "environment"), "cpu");
    x->model = text_of(json_object_get(x->json, "model"), "sha256");
    if (!*x->model) x->model = x->name;
    if (!time_of(x->json, "median_s", &x->median)) {
        note(r, x->id, "'median_s' is no time in seconds, the record is left out");
        return false;
    }
    x->has_interval = time_of(x->json, "low_s", &x->low) && time_of(x->json, "high_s", &x->high) && x->low <= x->median && x->median <= x->high;
    if (!x->has_interval) {
        note(r, x->id, "'low_s' and 'high_s' are no interval of the median, which is shown without one");
        x->low = x->high = x->median;
    }
    if (!json_is_array(distortions)) note(r, x->id, "'distortions' is no list: the record is shown as a distorted one");
    x->distorted = !json_is_array(distortions) || json_array_size(distortions);
    read_settings(r, x);
    return true;
}

/* ---- those that are asked for -------------------------------------------------------------------------------- */

typedef struct filter {
    const report_choice *choice;
    int64_t *ids;
    size_t n;
} filter;

static bool is_listed(const report_choice *c, int64_t id) {
    int64_t one;
    for (size_t i = 0; i < c->ids.count; i++)
        if (cli_parse_count(c->ids.items[i], &one) && one == id) return true;
    return false;
}

static void collect(void *self, const store_row *row) {
    filter *f = self;
    if (f->choice->ids.count && !is_listed(f->choice, row->id)) return;
    if (f->choice->name && !strstr(row->name, f->choice->name)) return;
    f->ids = cli_realloc(f->ids, (f->n + 1) * sizeof *f->ids);
    f->ids[f->n++] = row->id;
}

static tn_error *check_listed(const filter *f, const char *path) {
    for (size_t i = 0; i < f->choice->ids.count; i++) {
        int64_t wanted;
        bool found = false;
        if (!cli_parse_count(f->choice->ids.items[i], &wanted))
            return TN__FAIL(NULL, INVALID_ARGUMENT, "--records: found '%s', wanted numbers of records, as 1,2,5", f->choice->ids.items[i]);
        for (size_t k = 0; k < f->n; k++) found |= f->ids[k] == wanted;
        if (!found) return TN__FAIL(NULL, NOT_FOUND, "%s: there is no record %lld%s", path, (long long)wanted, f->choice->name ? " of that name" : "");
    }
    return NULL;
}

/* From the newest back, until there are enough; the caller turns them round. */
static void read_all(store *db, const filter *f, report_records *r) {
    for (size_t i = f->n; i-- > 0;) {
        if (r->n >= (size_t)f->choice->last && !f->choice->model) { /* no need to read the others */
            r->n_older = i + 1;
            break;
        }
        report_record x = {.id = f->ids[i]};
        tn_error *e = store_get(db, x.id, &x.json);
        if (e) {
            note(r, x.id, tn_error_get_message(e));
            tn_error_destroy(e);
            continue;
        }
        bool other = f->choice->model && strcmp(text_of(json_object_get(x.json, "model"), "sha256"), f->choice->model);
        bool enough = r->n >= (size_t)f->choice->last;
        if (!other && enough) r->n_older++;
        if (other || enough || !read_record(r, &x)) {
            json_decref(x.json);
            continue;
        }
        r->items = cli_realloc(r->items, (r->n + 1) * sizeof *r->items);
        r->items[r->n++] = x;
    }
    for (size_t i = 0; i < r->n / 2; i++) {
        report_record x = r->items[i];
        r->items[i] = r->items[r->n - 1 - i];
        r->items[r->n - 1 - i] = x;
    }
}

static tn_error *choose_axis(const report_choice *c, report_records *r) {
    bool known = c->over && !strcmp(c->over, "time"), differ = false;
    for (size_t i = 0; i < r->n; i++) {
        known |= c->over && json_object_get(r->items[i].settings, c->over);
        differ |= strcmp(text_of(r->items[i].settings, "commit"), text_of(r->items[0].settings, "commit")) != 0;
    }
    r->over = c->over ? c->over : differ ? "commit" : "time";
    if (!c->over || known || !r->n) return NULL;
    return TN__FAIL(NULL, NOT_FOUND, "--over: no record has '%s'; wanted time, commit, machine, dims, inputs, streams, cold or an option", c->over);
}

tn_error *report_records_load(const report_choice *choice, report_records *out) {
    *out = (report_records){0};
    store *db;
    tn_error *e = store_open(choice->db, false, &db);
    if (e) return e;
    filter f = {.choice = choice};
    out->store = cli_printf("%s", store_path(db));
    e = store_visit(db, collect, &f);
    if (!e) e = check_listed(&f, out->store);
    if (!e) read_all(db, &f, out);
    store_close(db);
    free(f.ids);
    return e ? e : choose_axis(choice, out);
}

void report_records_free(report_records *r) {
    for (size_t i = 0; i < r->n; i++) json_decref(r->items[i].json), json_decref(r->items[i].settings);
    free(r->items);
    free(r->store);
    cli_texts_free(&r->notes);
}
