/* Options from a file and from the environment.
 *
 *   file    = { pair [","] newline... }  |  "{" pair { "," pair } "}"
 *   pair    = key ( "=" | ":" ) value          key and value: bare words or "texts"; # begins a comment outside of texts */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/os.h"
#include "session/options.h"

enum { MOST_BYTES = 1 << 20, MOST_TEXT = 4096 };

typedef struct reader {
    const tn_allocator *a;
    const char *path, *at, *end, *line_start;
    unsigned line;
    bool json;
} reader;

typedef struct word {
    char text[MOST_TEXT];
    unsigned line, column;
} word;

static unsigned column(const reader *r) { return (unsigned)(r->at - r->line_start) + 1; }

#define WRONG(r, ...) tn__error_prefix(TN__FAIL((r)->a, INVALID_ARGUMENT, __VA_ARGS__), "%s:%u:%u", (r)->path, (r)->line, column(r))

/* Spaces and comments; with `lines` also the ends of lines. */
static void skip(reader *r, bool lines) {
    for (; r->at < r->end; r->at++) {
        if (*r->at == '#')
            while (r->at + 1 < r->end && r->at[1] != '\n') r->at++;
        else if (*r->at == '\n' && lines) r->line++, r->line_start = r->at + 1;
        else if (*r->at == '\n' || !isspace((unsigned char)*r->at)) return;
    }
}

static bool ends_bare(char c) { return isspace((unsigned char)c) || strchr("=:,{}#\"", c); }

/* A key or a value. Bare values in the form of lines reach to the end of the line, so that paths and lists need no quotes. */
static tn_error *read_word(reader *r, const char *what, bool to_line_end, word *w) {
    size_t n = 0;
    w->line = r->line, w->column = column(r);
    bool quoted = r->at < r->end && *r->at == '"';
    if (quoted) r->at++;
    for (;; r->at++) {
        if (r->at == r->end || *r->at == '\n') {
            if (quoted) return WRONG(r, "the text that begins in column %u has no closing quote", w->column);
            break;
        }
        char c = *r->at;
        if (quoted && c == '"') break;
        if (!quoted && (to_line_end ? c == '#' : ends_bare(c))) break;
        if (quoted && c == '\\' && r->at + 1 < r->end) {
            c = *++r->at;
            if (c != '"' && c != '\\' && c != '/') return WRONG(r, "found \\%c, wanted \\\" or \\\\", c);
        }
        if (!c) return WRONG(r, "a zero byte");
        if (n + 1 >= sizeof w->text) return WRONG(r, "%s is longer than %d bytes", what, MOST_TEXT - 1);
        w->text[n++] = c;
    }
    if (quoted) r->at++;
    else
        while (n && isspace((unsigned char)w->text[n - 1])) n--;
    w->text[n] = 0;
    if (!n && !quoted) return r->at < r->end && *r->at != '\n' ? WRONG(r, "found '%c', wanted %s", *r->at, what) : WRONG(r, "wanted %s", what);
    return NULL;
}

static tn_error *read_pair(reader *r, tn_options *o) {
    word key, value;
    TN__TRY(read_word(r, "the name of an option", false, &key));
    skip(r, r->json);
    if (r->at == r->end || (*r->at != '=' && *r->at != ':')) return WRONG(r, "wanted '=' after '%.100s'", key.text);
    r->at++;
    skip(r, r->json);
    TN__TRY(read_word(r, "a value", !r->json, &value));
    tn__text origin;
    tn__text_init(&origin, r->a);
    tn__text_addf(&origin, "%s:%u", r->path, key.line);
    char *text = tn__text_take(&origin);
    if (!text) return tn__error_oom();
    tn_error *e = tn__options_put(o, key.text, value.text, TN__OPTION_FILE, text);
    tn__strfree(r->a, text);
    return e ? tn__error_prefix(e, "%s:%u:%u", r->path, key.line, key.column) : NULL;
}

static tn_error *read_json(reader *r, tn_options *o) {
    r->at++;
    skip(r, true);
    bool more = r->at == r->end || *r->at != '}';
    while (more) {
        TN__TRY(read_pair(r, o));
        skip(r, true);
        more = r->at < r->end && *r->at == ',';
        if (more) r->at++, skip(r, true);
    }
    if (r->at == r->end || *r->at != '}') return WRONG(r, "wanted ',' or '}'");
    r->at++;
    skip(r, true);
    return r->at == r->end ? NULL : WRONG(r, "found '%c' after the object", *r->at);
}

static tn_error *read_lines(reader *r, tn_options *o) {
    while (r->at < r->end) {
        TN__TRY(read_pair(r, o));
        skip(r, false);
        if (r->at < r->end && *r->at != '\n') return WRONG(r, "found '%c', wanted the end of the line", *r->at);
        skip(r, true);
    }
    return NULL;
}

/* Values and origins of `from` replace those of `to`, which gets the old ones. */
static void exchange(tn_options *a, tn_options *b) {
    tn_options t = *a;
    *a = *b;
    *b = t;
}

/* All of `o`, so that a file with an error changes nothing. */
static tn_error *copy_of(const tn_options *o, tn_options *out) {
    const tn_allocator *a = &o->context->allocator;
    bool ok = true;
    *out = *o;
    for (int i = 0; i < TN__OPTION_COUNT; i++) {
        out->values[i] = tn__strdup(a, o->values[i]);
        out->origins[i] = o->origins[i] ? tn__strdup(a, o->origins[i]) : NULL;
        ok = ok && out->values[i] && (out->origins[i] || !o->origins[i]);
    }
    return ok ? NULL : tn__error_oom();
}

static void texts_free(const tn_options *o) {
    for (int i = 0; i < TN__OPTION_COUNT; i++) {
        tn__strfree(&o->context->allocator, o->values[i]);
        tn__strfree(&o->context->allocator, o->origins[i]);
    }
}

tn_error *tn__options_read(tn_options *options, const char *name, const char *text, size_t bytes) {
    tn_options changed;
    tn_error *e = copy_of(options, &changed);
    reader r = {.a = &options->context->allocator, .path = name, .at = text, .end = text + bytes, .line_start = text, .line = 1};
    skip(&r, true);
    r.json = r.at < r.end && *r.at == '{';
    if (!e) e = r.json ? read_json(&r, &changed) : read_lines(&r, &changed);
    if (!e) exchange(options, &changed);
    texts_free(&changed);
    return e;
}

tn_error *tn_options_load_file(tn_options *options, const char *path) {
    TN__HANDLE(options, OPTIONS);
    if (!path) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_options_load_file: path is NULL");
    const tn_allocator *a = &options->context->allocator;
    char *text;
    size_t bytes;
    TN__TRY(tn__os_read_file(a, path, MOST_BYTES, &text, &bytes));
    tn_error *e = tn__options_read(options, path, text, bytes);
    tn__free(a, text, bytes + 1);
    return e;
}

/* Variables that begin with TENON_ and belong to others: scripts, and the one that names the file. */
static bool is_reserved(const char *name, size_t bytes) {
    static const char *const reserved[] = {"CONFIG", "SHARED"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strlen(reserved[i]) == bytes && !memcmp(name, reserved[i], bytes)) return true;
    return false;
}

tn_error *tn__options_load_environment(tn_options *o) {
    static const char prefix[] = "TENON_";
    enum { PREFIX = sizeof prefix - 1, MOST_NAME = 64 };
    const char *config = getenv("TENON_CONFIG");
    if (config && *config) {
        tn_error *e = tn_options_load_file(o, config);
        if (e) return tn__error_prefix(e, "environment TENON_CONFIG");
    }
    for (const char *const *at = tn__os_environment(); *at; at++) {
        const char *entry = *at;
        if (strncmp(entry, prefix, PREFIX)) continue;
        size_t n = strcspn(entry, "=");
        if (n - PREFIX >= MOST_NAME || !entry[n]) continue;
        if (is_reserved(entry + PREFIX, n - PREFIX)) continue;
        char key[MOST_NAME] = "", origin[MOST_NAME + 32];
        for (size_t k = 0; k < n - PREFIX; k++) key[k] = (char)tolower((unsigned char)entry[PREFIX + k]);
        snprintf(origin, sizeof origin, "environment %.*s", (int)n, entry);
        bool known = tn__option_find(key, n - PREFIX) >= 0;
        tn_error *e = tn__options_put(o, key, entry + n + 1, TN__OPTION_ENVIRONMENT, origin);
        if (!e) continue;
        if (known) return tn__error_prefix(e, "%s", origin);
        tn__log(o->context, TN_LOG_WARN, "%s: %s", origin, tn_error_get_message(e));
        tn_error_destroy(e);
    }
    return NULL;
}
