/* Is this a trace as `tenon profile --trace` should write it? Spans of a row are nested or apart, the phases of the compilation lie in it, and
 * every kernel of the profile lies in each of the runs, with its sources. usage: check_trace TRACE.json PROFILE.json SOURCE... */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

static int failures;

static void fail(const char *what, const char *detail) {
    fprintf(stderr, "check_trace: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    failures++;
}

static json_t *read_json(const char *path) {
    json_error_t e;
    json_t *j = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
    if (!j) fprintf(stderr, "%s:%d: %s\n", path, e.line, e.text), exit(1);
    return j;
}

static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }
static const char *text(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static bool is_span(const json_t *o) { return !strcmp(text(o, "ph"), "X"); }

/* b lies in a; times are rounded to fractions of a nanosecond. */
static bool contains(const json_t *a, const json_t *b) {
    const double slack = 1e-3;
    double from = number(a, "ts"), to = from + number(a, "dur");
    return number(b, "ts") >= from - slack && number(b, "ts") + number(b, "dur") <= to + slack;
}

static bool apart(const json_t *a, const json_t *b) {
    const double slack = 1e-3;
    return number(a, "ts") + number(a, "dur") <= number(b, "ts") + slack || number(b, "ts") + number(b, "dur") <= number(a, "ts") + slack;
}

static void check_form(const json_t *events) {
    size_t i, k;
    json_t *a, *b;
    json_array_foreach(events, i, a) {
        if (!*text(a, "name") || !*text(a, "ph") || !json_is_integer(json_object_get(a, "pid")) || !json_is_integer(json_object_get(a, "tid")))
            fail("an event without name, ph, pid or tid", text(a, "name"));
        if (!is_span(a)) continue;
        if (!json_is_number(json_object_get(a, "ts")) || number(a, "ts") < 0 || number(a, "dur") < 0) fail("a span without time", text(a, "name"));
        json_array_foreach(events, k, b) {
            if (k <= i || !is_span(b) || number(a, "tid") != number(b, "tid")) continue;
            if (!contains(a, b) && !contains(b, a) && !apart(a, b)) fail("spans overlap", text(a, "name"));
        }
    }
}

static const json_t *find(const json_t *events, const char *category, const char *name, const json_t *inside) {
    size_t i;
    json_t *o;
    json_array_foreach(events, i, o) if (is_span(o) && !strcmp(text(o, "cat"), category) && !strcmp(text(o, "name"), name) &&
                                         (!inside || (o != inside && contains(inside, o)))) return o;
    return NULL;
}

static bool lists(const json_t *array, const char *wanted) {
    size_t i;
    json_t *s;
    json_array_foreach(array, i, s) if (!strcmp(json_string_value(s), wanted)) return true;
    return false;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    json_t *trace = read_json(argv[1]), *profile = read_json(argv[2]), *events = json_object_get(trace, "traceEvents");
    if (!json_is_array(events)) return fprintf(stderr, "no traceEvents\n"), 1;
    check_form(events);
    static const char *const phases[] = {"specialise", "cse", "dce", "lowering", "code generation", "packing"};
    const json_t *compile = find(events, "compile", "compile", NULL);
    if (!compile) fail("no span of the compilation", NULL);
    for (size_t i = 0; compile && i < sizeof phases / sizeof *phases; i++)
        if (!find(events, "phase", phases[i], compile)) fail("the compilation has no phase", phases[i]);
    json_t *steps = json_object_get(profile, "steps"), *step;
    size_t n_steps = 0, k;
    for (int run = 1; run <= 4; run++) {
        char name[16];
        snprintf(name, sizeof name, "run %d", run);
        const json_t *span = find(events, "run", name, NULL);
        if (!span) {
            fail("there is no", name);
            continue;
        }
        json_array_foreach(steps, k, step) {
            char label[600];
            snprintf(label, sizeof label, "%s%s%s", text(step, "kernel"), *text(step, "node") ? " " : "", text(step, "node"));
            const json_t *at = find(events, text(step, "kind"), label, span);
            if (!at) fail("a run lacks a step of the profile", label);
            else if (!json_equal(json_object_get(json_object_get(at, "args"), "sources"), json_object_get(step, "sources")))
                fail("other sources than in the profile", label);
            n_steps++;
        }
    }
    if (!n_steps) fail("the profile has no steps", NULL);
    if (!find(events, "part", text(json_array_get(steps, 0), "kernel"), NULL)) fail("no worker has a part of", text(json_array_get(steps, 0), "kernel"));
    for (int i = 3; i < argc; i++) {
        bool found = false;
        json_array_foreach(steps, k, step) found |= lists(json_object_get(step, "sources"), argv[i]);
        if (!found) fail("no step has the source", argv[i]);
    }
    json_decref(trace), json_decref(profile);
    return failures != 0;
}
