/* Options by string key: validation against the table, and the nearest name for a key that does not exist. */
#include "session/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const tn__option_info tn__option_infos[TN__OPTION_COUNT] = {
#define TN_OPTION(name, type, default_, low, high, choices, help) \
    [TN__OPTION_##name] = {#name, TN__OPTION_TYPE_##type, default_, low, high, choices, help},
#include "session/options.def"
};

/* A path below the user's folder for such things; "": nowhere to keep anything, which is the same as none. */
static char *user_path(const tn_allocator *a, const char *variable, const char *in_home, const char *below) {
    const char *xdg = getenv(variable), *home = getenv("HOME");
    tn__text t;
    tn__text_init(&t, a);
    if (xdg && *xdg) tn__text_addf(&t, "%s/%s", xdg, below);
    else if (home && *home) tn__text_addf(&t, "%s/%s/%s", home, in_home, below);
    else tn__text_add(&t, "");
    return tn__text_take(&t);
}

static char *default_path(const tn_allocator *a, int option) {
    if (option == TN__OPTION_tuning_file) return user_path(a, "XDG_DATA_HOME", ".local/share", "tenon/tuning.txt");
    return user_path(a, "XDG_CACHE_HOME", ".cache", "tenon");
}

tn_error *tn_options_create(tn_context *context, tn_options **out_options) {
    if (!out_options) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_options_create: out_options is NULL");
    *out_options = NULL;
    TN__HANDLE(context, CONTEXT);
    const tn_allocator *a = &context->allocator;
    tn_options *o = tn__alloc_zero(a, sizeof *o);
    if (!o) return tn__error_oom();
    tn__handle_init(&o->handle, TN__HANDLE_OPTIONS);
    o->context = context;
    tn_context_retain(context);
    for (int i = 0; i < TN__OPTION_COUNT; i++) {
        const char *text = tn__option_infos[i].default_text;
        o->values[i] = text ? tn__strdup(a, text) : default_path(a, i);
        if (!o->values[i]) {
            tn_options_release(o);
            return tn__error_oom();
        }
    }
    tn_error *e = tn__options_load_environment(o);
    if (e) tn_options_release(o);
    else *out_options = o;
    return e;
}

void tn_options_release(tn_options *options) {
    if (!TN__IS(options, OPTIONS)) return;
    tn_context *c = options->context;
    for (int i = 0; i < TN__OPTION_COUNT; i++) {
        tn__strfree(&c->allocator, options->values[i]);
        tn__strfree(&c->allocator, options->origins[i]);
    }
    tn__handle_deinit(&options->handle);
    tn__free(&c->allocator, options, sizeof *options);
    tn_context_release(c);
}

int tn__option_find(const char *key, size_t bytes) {
    for (int i = 0; i < TN__OPTION_COUNT; i++)
        if (strlen(tn__option_infos[i].name) == bytes && !memcmp(tn__option_infos[i].name, key, bytes)) return i;
    return -1;
}

size_t tn__edit_distance(const char *x, const char *y) {
    enum { MOST = 64 };
    size_t n = strlen(x), m = strlen(y), row[MOST + 1];
    if (n > MOST || m > MOST) return SIZE_MAX;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = corner + (x[i - 1] != y[j - 1]), insert = row[j - 1] + 1, drop = row[j] + 1;
            corner = row[j];
            row[j] = change < insert ? change : insert;
            if (drop < row[j]) row[j] = drop;
        }
    }
    return row[m];
}

static tn_error *unknown_key(const tn_allocator *a, const char *key) {
    static const char all[] = ""
#define TN_OPTION(name, type, default_, low, high, choices, help) " " #name
#include "session/options.def"
        ;
    int best = 0;
    size_t least = SIZE_MAX;
    for (int i = 0; i < TN__OPTION_COUNT; i++) {
        size_t d = tn__edit_distance(key, tn__option_infos[i].name);
        if (d < least) least = d, best = i;
    }
    if (least > strlen(tn__option_infos[best].name) / 2) return TN__FAIL(a, NOT_FOUND, "there is no option '%.100s'; there are%s", key, all);
    return TN__FAIL(a, NOT_FOUND, "there is no option '%s'; the nearest is '%s'", key, tn__option_infos[best].name);
}

static bool is_choice(const char *choices, const char *value) {
    size_t n = strlen(value);
    if (strchr(value, '|')) return false; /* more than one of them */
    for (const char *c = choices; n && c; c = strchr(c, '|'), c = c ? c + 1 : NULL)
        if (!strncmp(c, value, n) && (c[n] == '|' || !c[n])) return true;
    return false;
}

/* digits[.digits][e[+-]digits], whatever the locale; off by a few units in the last place at most. */
static bool parse_real(const char *text, double *out) {
    double x = 0;
    int digits = 0, scale = 0, exponent = 0;
    bool negative = false;
    for (; *text >= '0' && *text <= '9'; text++, digits++) x = x * 10 + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, digits++, scale--) x = x * 10 + (*text - '0');
    if (digits && (*text == 'e' || *text == 'E')) {
        negative = *++text == '-';
        if (*text == '-' || *text == '+') text++;
        if (!*text) return false;
        for (; *text >= '0' && *text <= '9' && exponent < 1000; text++) exponent = exponent * 10 + (*text - '0');
    }
    *out = x * pow(10, scale + (negative ? -exponent : exponent));
    return digits > 0 && digits < 100 && !*text;
}

/* Each item of a list with commas is one of the choices. */
static tn_error *check_list(const tn_allocator *a, const tn__option_info *o, const char *value) {
    for (const char *at = value;; at++) {
        char item[64], choice[64], nearest[64] = "";
        size_t n = strcspn(at, ","), least = SIZE_MAX;
        snprintf(item, sizeof item, "%.*s", n < sizeof item ? (int)n : (int)sizeof item - 1, at);
        if (n >= sizeof item || !is_choice(o->choices, item)) {
            for (const char *c = o->choices; *c; c += strcspn(c, "|"), c += *c == '|') {
                snprintf(choice, sizeof choice, "%.*s", (int)strcspn(c, "|"), c);
                size_t d = tn__edit_distance(item, choice);
                if (d < least) least = d, strcpy(nearest, choice);
            }
            bool near = least <= strlen(nearest) / 2;
            return TN__FAIL(a, INVALID_ARGUMENT, "option '%s': found '%s', wanted some of %s, with commas between%s%s%s", o->name, item, o->choices,
                            near ? "; the nearest is '" : "", near ? nearest : "", near ? "'" : "");
        }
        at += n;
        if (!*at) return NULL;
    }
}

static tn_error *check_value(const tn_allocator *a, const tn__option_info *o, const char *value) {
    if (o->type == TN__OPTION_TYPE_CHOICE && !is_choice(o->choices, value))
        return TN__FAIL(a, INVALID_ARGUMENT, "option '%s': found '%s', wanted %s", o->name, value, o->choices);
    if (o->type == TN__OPTION_TYPE_LIST) return check_list(a, o, value);
    if (o->type == TN__OPTION_TYPE_INT) {
        char *end;
        errno = 0;
        long long x = strtoll(value, &end, 10);
        if (errno || end == value || *end || x < o->low || x > o->high)
            return TN__FAIL(a, INVALID_ARGUMENT, "option '%s': found '%s', wanted a number from %" PRId64 " to %" PRId64, o->name,
                            value, o->low, o->high);
    }
    double x;
    if (o->type == TN__OPTION_TYPE_REAL && !(parse_real(value, &x) && x >= (double)o->low && x <= (double)o->high))
        return TN__FAIL(a, INVALID_ARGUMENT, "option '%s': found '%s', wanted a number such as %s from %" PRId64 " to %" PRId64, o->name, value,
                        o->default_text, o->low, o->high);
    return NULL;
}

tn_error *tn__options_put(tn_options *o, const char *key, const char *value, tn__option_rank rank, const char *origin) {
    const tn_allocator *a = &o->context->allocator;
    int i = tn__option_find(key, strlen(key));
    if (i < 0) return unknown_key(a, key);
    TN__TRY(check_value(a, &tn__option_infos[i], value));
    if (rank < o->ranks[i]) return NULL;
    char *copy = tn__strdup(a, value), *where = copy && origin ? tn__strdup(a, origin) : NULL;
    if (!copy || (origin && !where)) {
        tn__strfree(a, copy);
        return tn__error_oom();
    }
    tn__strfree(a, o->values[i]);
    tn__strfree(a, o->origins[i]);
    o->values[i] = copy;
    o->origins[i] = where;
    o->ranks[i] = (uint8_t)rank;
    return NULL;
}

tn_error *tn_options_set(tn_options *options, const char *key, const char *value) {
    TN__HANDLE(options, OPTIONS);
    if (!key || !value) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_options_set: NULL argument");
    return tn__options_put(options, key, value, TN__OPTION_SET, NULL);
}

const char *tn_options_get(const tn_options *options, const char *key) {
    int i = TN__IS(options, OPTIONS) && key ? tn__option_find(key, strlen(key)) : -1;
    return i < 0 ? NULL : options->values[i];
}

const char *tn_options_get_origin(const tn_options *options, const char *key) {
    int i = TN__IS(options, OPTIONS) && key ? tn__option_find(key, strlen(key)) : -1;
    if (i < 0) return NULL;
    return options->origins[i] ? options->origins[i] : options->ranks[i] == TN__OPTION_SET ? "set" : "default";
}

int64_t tn__options_int(const tn_options *options, tn__option option) { return strtoll(options->values[option], NULL, 10); }

double tn__options_real(const tn_options *options, tn__option option) {
    double x = 0;
    parse_real(options->values[option], &x);
    return x;
}

int tn__options_choice(const tn_options *options, tn__option option) {
    const char *value = options->values[option], *at = tn__option_infos[option].choices;
    size_t n = strlen(value);
    int choice = 0;
    for (; strncmp(at, value, n) || (at[n] && at[n] != '|'); choice++) at = strchr(at, '|') + 1; /* the value was checked */
    return choice;
}

tn_error *tn_options_set_hook(tn_options *options, const tn_hook *hook) {
    TN__HANDLE(options, OPTIONS);
    tn_hook own = {0};
    if (hook) TN__STRUCT_READ(&own, hook);
    options->hook = own;
    return NULL;
}
