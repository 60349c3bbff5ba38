/* tenon schedules: what files of tuned schedules hold, and several made one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "codegen/codegen.h"
#include "schedules.h"

typedef struct schedules_settings {
    bool json, current;
} schedules_settings;

/* The file that the options name. */
static tn_error *default_file(char **out) {
    tn_context *c;
    tn_options *o;
    const cli_target target = {0};
    tn_error *e = cli_context_create(NULL, &c);
    if (e) return e;
    e = cli_options_create(c, &target, &o);
    if (!e) {
        *out = cli_printf("%s", tn_options_get(o, "tuning_file"));
        tn_options_release(o);
    }
    tn_context_release(c);
    return e;
}

static tn_error *read_one(const char *path, schedules *out) {
    tn_error *e = schedules_read(path, out);
    if (!e && out->bad) fprintf(stderr, "tenon: %s: %llu damaged lines left out\n", path, (unsigned long long)out->bad);
    return e;
}

static tn_error *list(const char *path, const schedules_settings *s) {
    schedules all;
    tn_error *e = read_one(path, &all);
    json_t *array = json_array();
    if (!e && !s->json) schedules_print_head();
    for (size_t i = 0; !e && i < all.count; i++) {
        const tn__tuning_record *r = &all.items[i];
        if (s->current && strcmp(r->generator, tn__generator_version())) continue;
        if (s->json) json_array_append_new(array, schedules_json(r));
        else schedules_print(r);
    }
    if (!e && s->json)
        cli_print_json(json_pack("{ss so sI sO}", "version", tn_version(), "file", cli_text_json(path), "damaged", (json_int_t)all.bad,
                                 "schedules", array));
    json_decref(array);
    schedules_free(&all);
    return e;
}

static void print_difference(char sign, const tn__tuning_record *r) {
    printf("%c ", sign);
    schedules_print(r);
}

/* 1: they differ. */
static tn_error *diff(const char *path_a, const char *path_b, bool *out_differ) {
    schedules a, b = {0};
    tn_error *e = read_one(path_a, &a);
    if (!e) e = read_one(path_b, &b);
    for (size_t i = 0; !e && i < a.count; i++) {
        const tn__tuning_record *other = schedules_find(&b, &a.items[i]);
        if (other && tn__choice_equal(&other->choice, &a.items[i].choice)) continue;
        print_difference('-', &a.items[i]);
        if (other) print_difference('+', other);
        *out_differ = true;
    }
    for (size_t i = 0; !e && i < b.count; i++) {
        if (schedules_find(&a, &b.items[i])) continue;
        print_difference('+', &b.items[i]);
        *out_differ = true;
    }
    schedules_free(&a), schedules_free(&b);
    return e;
}

/* Of several schedules of one kernel, that with the smallest ratio. */
static tn_error *merge(const char *out, char **paths, size_t n) {
    schedules all, one;
    tn_error *e = read_one(out, &all);
    size_t before = all.count;
    for (size_t i = 0; !e && i < n; i++) {
        FILE *f = fopen(paths[i], "r");
        if (!f) e = TN__FAIL(NULL, IO, "cannot open '%s'", paths[i]);
        else fclose(f);
        if (!e && !(e = read_one(paths[i], &one))) schedules_merge(&all, &one), schedules_free(&one);
    }
    if (!e) e = schedules_write(&all, out);
    if (!e) printf("%s: %zu schedules, %zu before\n", out, all.count, before);
    schedules_free(&all);
    return e;
}

static const struct action {
    const char *name;
    size_t least, most; /* operands */
} actions[] = {{"list", 0, 1}, {"diff", 2, 2}, {"merge", 2, 1000}};
enum { N_ACTIONS = sizeof actions / sizeof *actions };
static const char wanted[] = "list [FILE], diff FILE FILE or merge OUT FILE...";

int cli_cmd_schedules(const cli_verb *verb, int argc, char **argv) {
    schedules_settings s = {0};
    const cli_option options[] = {{"current", CLI_FLAG, &s.current, NULL, "list those alone that this build would use"},
                                  {"json", CLI_FLAG, &s.json, NULL, "print JSON (list)"},
                                  {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    const struct action *a = NULL;
    if (code < 0 && !(a = cli_find_action(verb, actions, sizeof *actions, N_ACTIONS, &operands, wanted))) code = CLI_USAGE;
    size_t n = operands.count ? operands.count - 1 : 0;
    if (code < 0 && (n < a->least || n > a->most)) code = cli_usage("schedules wants %s", wanted);
    if (code < 0) {
        char *file = NULL;
        bool differ = false;
        tn_error *e = NULL;
        if (!strcmp(a->name, "list") && !n) e = default_file(&file);
        if (!e && !strcmp(a->name, "list")) e = list(n ? operands.items[1] : file, &s);
        else if (!e && !strcmp(a->name, "diff")) e = diff(operands.items[1], operands.items[2], &differ);
        else if (!e) e = merge(operands.items[1], operands.items + 2, n - 1);
        free(file);
        code = e ? cli_fail_error(e) : differ ? CLI_FAILED : CLI_OK;
    }
    cli_texts_free(&operands);
    return code;
}
