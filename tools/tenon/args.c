/* Argument parsing and the help text, both from a verb's option table. */
#include "cli.h"
#include "session/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cli_texts_free(cli_texts *t) {
    for (size_t i = 0; i < t->count; i++) free(t->items[i]);
    free(t->items);
    *t = (cli_texts){0};
}

void cli_texts_add(cli_texts *t, const char *text) {
    t->items = cli_realloc(t->items, (t->count + 1) * sizeof *t->items);
    t->items[t->count++] = cli_printf("%s", text);
}

bool cli_parse_count(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (!*text || *end || errno || x < 0) return false;
    *out = x;
    return true;
}

bool cli_parse_real(const char *text, double *out) {
    char *end;
    errno = 0;
    double x = strtod(text, &end);
    if (!*text || *end || errno) return false;
    *out = x;
    return true;
}

const char *cli_nearest(const char *text, const char *const *names, size_t n) {
    const char *best = NULL;
    size_t best_distance = strlen(text) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        size_t d = tn__edit_distance(text, names[i]);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}

const void *cli_find_action(const cli_verb *verb, const void *rows, size_t row_bytes, size_t n, const cli_texts *operands, const char *wanted) {
    const char **names = cli_alloc((n + 1) * sizeof *names), *name = operands->count ? operands->items[0] : "";
    const void *found = NULL;
    for (size_t i = 0; i < n; i++) {
        const void *row = (const char *)rows + i * row_bytes;
        names[i] = *(const char *const *)row;
        if (!strcmp(name, names[i])) found = row;
    }
    const char *near = found || !*name ? NULL : cli_nearest(name, names, n);
    if (near) cli_usage("%s: unknown '%s'; did you mean '%s'?", verb->name, name, near);
    else if (!found) cli_usage("%s wants %s", verb->name, wanted);
    free(names);
    return found;
}

static const cli_option *find_row(const cli_option *options, const char *name) {
    while (options->name && strcmp(options->name, name)) options++;
    return options->name ? options : NULL;
}

static void print_help(const cli_verb *verb, const cli_option *options) {
    printf("tenon %s: %s\n\nusage: tenon %s%s%s [options]\n\noptions:\n", verb->name, verb->summary, verb->name,
           *verb->operands ? " " : "", verb->operands);
    for (const cli_option *o = options; o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-24s %s\n", left, o->help);
    }
    if (find_row(options, "set")) printf("  %-24s %s\n", "--KEY VALUE", "the same as --set KEY=VALUE; `tenon options` lists the keys");
    printf("  %-24s %s\n", "--help", "print this");
}

/* The library's option of that name, with - for _. */
static const char *library_key(const char *name) {
    for (int i = 0; i < TN__OPTION_COUNT; i++) {
        const char *key = tn__option_infos[i].name, *at = name;
        while (*key && (*key == *at || (*key == '_' && *at == '-'))) key++, at++;
        if (!*key && !*at) return tn__option_infos[i].name;
    }
    return NULL;
}

static int unknown_option(const cli_verb *verb, const cli_option *options, const char *name) {
    const char *names[64 + TN__OPTION_COUNT] = {"help"};
    size_t n = 1;
    for (const cli_option *o = options; o->name && n < 64; o++) names[n++] = o->name;
    for (int i = 0; i < TN__OPTION_COUNT && find_row(options, "set"); i++) names[n++] = tn__option_infos[i].name;
    const char *near = cli_nearest(name, names, n);
    if (near) return cli_usage("%s: unknown option --%s; did you mean --%s?", verb->name, name, near);
    return cli_usage("%s: unknown option --%s; see `tenon %s --help`", verb->name, name, verb->name);
}

int cli_parse(const cli_verb *verb, const cli_option *options, int argc, char **argv, cli_texts *operands) {
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (only_operands || arg[0] != '-' || !arg[1]) {
            cli_texts_add(operands, arg);
            continue;
        }
        if (!strcmp(arg, "--")) {
            only_operands = true;
            continue;
        }
        if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
            print_help(verb, options);
            return CLI_OK;
        }
        if (arg[1] != '-') return cli_usage("%s: unknown option %s; options begin with --", verb->name, arg);
        char name[64];
        size_t length = strcspn(arg + 2, "=");
        snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), arg + 2);
        const char *value = arg[2 + length] == '=' ? arg + 3 + length : NULL;
        const cli_option *o = find_row(options, name), *set = find_row(options, "set");
        const char *key = o || !set ? NULL : library_key(name);
        if (!o && !key) return unknown_option(verb, options, name);
        if (key) {
            if (!value && i + 1 >= argc) return cli_usage("%s: --%s wants a value", verb->name, name);
            char *setting = cli_printf("%s=%s", key, value ? value : argv[++i]);
            cli_texts_add(set->target, setting);
            free(setting);
            continue;
        }
        if (o->kind == CLI_FLAG) {
            if (value) return cli_usage("%s: --%s takes no value", verb->name, name);
            *(bool *)o->target = true;
            continue;
        }
        if (!value) {
            if (i + 1 >= argc) return cli_usage("%s: --%s wants a value %s", verb->name, name, o->value);
            value = argv[++i];
        }
        switch (o->kind) {
        case CLI_TEXT: *(const char **)o->target = value; break;
        case CLI_TEXTS: cli_texts_add(o->target, value); break;
        case CLI_COUNT:
            if (!cli_parse_count(value, o->target))
                return cli_usage("%s: --%s wants a whole number, found '%s'", verb->name, name, value);
            break;
        case CLI_REAL:
            if (!cli_parse_real(value, o->target) || !(*(double *)o->target >= 0))
                return cli_usage("%s: --%s wants a number of at least 0, found '%s'", verb->name, name, value);
            break;
        case CLI_FLAG: break;
        }
    }
    return -1;
}
