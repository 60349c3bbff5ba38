/* tenon report: records, and how a model runs, as one HTML page that loads nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "html_report.h"

typedef struct report_settings {
    report_choice choice;
    report_run run;
    cli_texts ids;      /* as given: lists with commas */
    const char *output; /* NULL: stdout */
} report_settings;

/* What is on the page; records and model may be absent. */
typedef struct report_page {
    const report_records *records;
    const char *no_records; /* why not */
    const report_model *model;
} report_page;

static void split_ids(report_settings *s) {
    for (size_t i = 0; i < s->ids.count; i++)
        for (const char *at = s->ids.items[i];; at++) {
            size_t bytes = strcspn(at, ",");
            char *one = cli_printf("%.*s", (int)bytes, at);
            cli_texts_add(&s->choice.ids, one);
            free(one);
            at += bytes;
            if (!*at) break;
        }
}

/* ---- the page ------------------------------------------------------------------------------------------------ */

static void write_page(const report_page *page, FILE *to) {
    char when[32] = "", *title = page->model ? cli_printf("Tenon report: %s", page->model->path) : cli_printf("Tenon report");
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &utc);
    html_page_begin(to, title);
    fprintf(to, "<p class=\"faint\">Made by tenon %s on %s UTC.</p>\n", tn_version(), when);
    if (page->model) report_model_write(page->model, to);
    if (page->records) report_records_write(page->records, to);
    else if (page->no_records) {
        fputs("<h2>Records</h2>\n<p>", to);
        html_put(to, page->no_records);
        fputs("</p>\n", to);
    }
    html_page_end(to);
    free(title);
}

/* The file appears whole or not at all. */
static tn_error *write_file(const report_page *page, const char *path) {
    char *part = cli_printf("%s.part", path);
    FILE *f = fopen(part, "w");
    if (f) write_page(page, f);
    bool bad = !f || ferror(f);
    if (f && fclose(f)) bad = true;
    if (!bad && rename(part, path)) bad = true;
    if (bad && f) remove(part);
    free(part);
    return bad ? TN__FAIL(NULL, IO, "cannot write '%s'", path) : NULL;
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

static tn_error *check_records(const report_records *r, const report_choice *c) {
    if (r->n) return NULL;
    if (r->notes.count) return TN__FAIL(NULL, NOT_FOUND, "%s: none of its records can be shown: %s", r->store, r->notes.items[0]);
    if (c->name) return TN__FAIL(NULL, NOT_FOUND, "%s: no record has '%s' in its name", r->store, c->name);
    return TN__FAIL(NULL, NOT_FOUND, "%s: no records; tenon bench --record keeps some", r->store);
}

static tn_error *report(const char *path, report_settings *s) {
    report_records records = {0};
    report_model model = {0};
    report_page page = {0};
    tn_error *e = path ? report_model_run(path, &s->run, &model) : NULL;
    bool chosen = s->choice.ids.count || s->choice.name;
    if (path && !chosen) s->choice.model = model.sha256;
    if (!e) {
        tn_error *missing = report_records_load(&s->choice, &records);
        if (!missing && !path) missing = check_records(&records, &s->choice);
        if (!missing) page.records = &records;
        else if (!path || s->choice.db || s->choice.over || chosen) e = missing;
        else { /* a model alone is worth a page */
            page.no_records = cli_printf("%s", tn_error_get_message(missing));
            tn_error_destroy(missing);
        }
    }
    if (path) page.model = &model;
    if (!e && s->output) {
        e = write_file(&page, s->output);
        if (!e) printf("report to %s\n", s->output);
    }
    if (!e && !s->output) write_page(&page, stdout);
    free((char *)page.no_records);
    report_records_free(&records);
    report_model_free(&model);
    return e;
}

int cli_cmd_report(const cli_verb *verb, int argc, char **argv) {
    report_settings s = {.choice.last = 200, .run = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 0.5}};
    const cli_option options[] = {
        {"output", CLI_TEXT, &s.output, "FILE", "write the page there (default: standard output)"},
        {"db", CLI_TEXT, &s.choice.db, "FILE", "the record store (default: tenon/records.db in XDG_DATA_HOME)"},
        {"records", CLI_TEXTS, &s.ids, "ID,ID", "only these records; may be repeated"},
        {"name", CLI_TEXT, &s.choice.name, "TEXT", "only records with this in their name (with MODEL, default: those of that file)"},
        {"last", CLI_COUNT, &s.choice.last, "N", "at most the N newest of them (200)"},
        {"over", CLI_TEXT, &s.choice.over, "WHAT", "the axis: time, commit, machine, dims, or an option (commit where it differs, else time)"},
        {"seconds", CLI_REAL, &s.run.seconds, "S", "with MODEL: run it for this long, at least five times (0.5)"},
        CLI_INPUT_OPTIONS(&s.run.inputs),
        CLI_TARGET_OPTIONS(&s.run.target),
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count > 1) code = cli_usage("report wants at most one model file, found %zu", operands.count);
    if (code < 0 && !s.choice.last) code = cli_usage("report: --last: found 0, wanted at least 1");
    if (code < 0) {
        split_ids(&s);
        tn_error *e = report(operands.count ? operands.items[0] : NULL, &s);
        code = e ? cli_fail_error(e) : CLI_OK;
    }
    cli_inputs_free(&s.run.inputs);
    cli_target_free(&s.run.target);
    cli_texts_free(&s.ids);
    cli_texts_free(&s.choice.ids);
    cli_texts_free(&operands);
    return code;
}
