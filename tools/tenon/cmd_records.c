/* tenon records: the record store from outside: list, show, diff, export, import. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "record.h"
#include "store.h"

typedef struct records_settings {
    const char *db;
    bool json;
} records_settings;

static void print_row(void *self, const store_row *row) {
    printf("%6lld  %-20s  %-6s  %10.4f  %s\n", (long long)row->id, row->time, row->kind, row->median_s * 1e3, row->name);
}

static void append_row(void *self, const store_row *row) {
    json_array_append_new(self, json_pack("{sI ss ss ss sf}", "id", (json_int_t)row->id, "time", row->time, "kind", row->kind, "name", row->name,
                                          "median_s", row->median_s));
}

static tn_error *list(store *db, const records_settings *s) {
    json_t *rows = s->json ? json_array() : NULL;
    if (!rows) printf("%6s  %-20s  %-6s  %10s  %s\n", "id", "time", "kind", "median ms", "name");
    tn_error *e = store_visit(db, rows ? append_row : print_row, rows);
    if (rows && !e) cli_print_json(rows);
    else json_decref(rows);
    return e;
}

static tn_error *get(store *db, const char *text, json_t **out) {
    int64_t id;
    *out = NULL;
    if (!cli_parse_count(text, &id)) return TN__FAIL(NULL, INVALID_ARGUMENT, "found '%s', wanted the number of a record", text);
    return store_get(db, id, out);
}

static tn_error *show(store *db, const char *id) {
    json_t *record;
    tn_error *e = get(db, id, &record);
    if (!e) cli_print_json(record);
    return e;
}

/* ---- diff ---------------------------------------------------------------------------------------------------- */

static void print_value(const char *mark, const char *path, const json_t *value) {
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    printf("%s %s: %.200s\n", mark, path, text ? text : "(none)");
    free(text);
}

/* Prints every member that differs; samples are only counted. */
static void print_difference(const char *path, const json_t *a, const json_t *b) {
    if (a && b && json_equal((json_t *)a, (json_t *)b)) return;
    if (json_is_object(a) && json_is_object(b)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)a, key, value) {
            char *inner = cli_printf("%s%s%s", path, *path ? "." : "", key);
            if (strcmp(key, "samples_s")) print_difference(inner, value, json_object_get(b, key));
            free(inner);
        }
        json_object_foreach((json_t *)b, key, value) {
            char *inner = cli_printf("%s%s%s", path, *path ? "." : "", key);
            if (!json_object_get(a, key)) print_difference(inner, NULL, value);
            free(inner);
        }
        return;
    }
    print_value("-", path, a);
    print_value("+", path, b);
}

static tn_error *diff(store *db, const char *first, const char *second) {
    json_t *a = NULL, *b = NULL;
    tn_error *e = get(db, first, &a);
    if (!e) e = get(db, second, &b);
    if (!e) print_difference("", a, b);
    json_decref(a), json_decref(b);
    return e;
}

/* ---- export and import: one record a line -------------------------------------------------------------------- */

typedef struct ids {
    int64_t *items;
    size_t count;
} ids;

static void collect(void *self, const store_row *row) {
    ids *list = self;
    list->items = cli_realloc(list->items, (list->count + 1) * sizeof *list->items);
    list->items[list->count++] = row->id;
}

static tn_error *export_all(store *db, const char *path) {
    ids all = {0};
    tn_error *e = store_visit(db, collect, &all);
    char *part = cli_printf("%s.part", path);
    FILE *f = e ? NULL : fopen(part, "w");
    if (!e && !f) e = TN__FAIL(NULL, IO, "cannot write '%s'", part);
    for (size_t i = 0; !e && i < all.count; i++) {
        json_t *record;
        e = store_get(db, all.items[i], &record);
        if (!e && (json_dumpf(record, f, JSON_COMPACT | JSON_SORT_KEYS) || fputc('\n', f) == EOF)) e = TN__FAIL(NULL, IO, "cannot write '%s'", part);
        json_decref(record);
    }
    if (f && fclose(f) && !e) e = TN__FAIL(NULL, IO, "cannot write '%s'", part);
    if (!e && rename(part, path)) e = TN__FAIL(NULL, IO, "cannot write '%s'", path);
    if (e && f) remove(part);
    if (!e) printf("%zu records to %s\n", all.count, path);
    free(part);
    free(all.items);
    return e;
}

/* All lines are checked before the first is kept. */
static tn_error *import_all(store *db, const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) return TN__FAIL(NULL, IO, "cannot open '%s'", path);
    json_t *all = json_array(), *one;
    json_error_t wrong;
    tn_error *e = NULL;
    for (int c; !e && (c = getc(f)) != EOF;) {
        if (c == '\n' || c == ' ' || c == '\r') continue;
        ungetc(c, f);
        one = json_loadf(f, JSON_DISABLE_EOF_CHECK, &wrong);
        if (!one) e = TN__FAIL(NULL, PARSE, "%s: record %zu: %s", path, json_array_size(all) + 1, wrong.text);
        else json_array_append_new(all, one);
    }
    fclose(f);
    for (size_t i = 0; !e && i < json_array_size(all); i++) {
        timing_settings settings;
        const char *model;
        e = record_settings(json_array_get(all, i), &model, &settings);
        record_settings_free(&settings);
        if (e) e = tn__error_prefix(e, "%s: record %zu", path, i + 1);
    }
    for (size_t i = 0; !e && i < json_array_size(all); i++) {
        int64_t id;
        e = store_add(db, json_array_get(all, i), "", &id);
    }
    if (!e) printf("%zu records from %s\n", json_array_size(all), path);
    json_decref(all);
    return e;
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

static const struct action {
    const char *name;
    size_t operands;
    bool writes;
} actions[] = {{"list", 0, false}, {"show", 1, false}, {"diff", 2, false}, {"export", 1, false}, {"import", 1, true}};
enum { N_ACTIONS = sizeof actions / sizeof *actions };

static tn_error *act(const struct action *a, char **operands, const records_settings *s) {
    store *db;
    tn_error *e = store_open(s->db, a->writes, &db);
    if (e) return e;
    if (!strcmp(a->name, "list")) e = list(db, s);
    else if (!strcmp(a->name, "show")) e = show(db, operands[0]);
    else if (!strcmp(a->name, "diff")) e = diff(db, operands[0], operands[1]);
    else if (!strcmp(a->name, "export")) e = export_all(db, operands[0]);
    else e = import_all(db, operands[0]);
    store_close(db);
    return e;
}

int cli_cmd_records(const cli_verb *verb, int argc, char **argv) {
    records_settings s = {0};
    const cli_option options[] = {{"db", CLI_TEXT, &s.db, "FILE", "the record store (default: tenon/records.db in XDG_DATA_HOME)"},
                                  {"json", CLI_FLAG, &s.json, NULL, "print JSON"},
                                  {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    const struct action *a = NULL;
    if (code < 0 && !(a = cli_find_action(verb, actions, sizeof *actions, N_ACTIONS, &operands, "list, show ID, diff ID ID, export FILE or import FILE")))
        code = CLI_USAGE;
    if (code < 0 && operands.count - 1 != a->operands) code = cli_usage("records %s wants %zu operands", a->name, a->operands);
    if (code < 0) {
        tn_error *e = act(a, operands.items + 1, &s);
        code = e ? cli_fail_error(e) : CLI_OK;
    }
    cli_texts_free(&operands);
    return code;
}
