/* Is this a file as option `trace` fills it? JSON, but for a last line that a process which died could not write; the two ends of spans are
 * nested on each thread; what workers did lies in a step of that kernel. usage: check_trace_file whole|open TRACE.json NAME...
 * open: the process died, so spans may be without their end. NAME: there is a span of that name. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { MOST = 64 };

typedef struct thread {
    json_int_t id;
    const json_t *open[MOST];
    int depth;
    double at;
} thread;

static thread threads[MOST];
static int n_threads, failures;

static void fail(const char *what, const char *detail) {
    fprintf(stderr, "check_trace_file: %s: %s\n", what, detail);
    failures++;
}

static const char *text(const json_t *o, const char *key) {
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}
static double number(const json_t *o, const char *key) { return json_number_value(json_object_get(o, key)); }

static json_t *read_events(const char *path, bool open) {
    enum { MOST_BYTES = 64 << 20 };
    char *all = malloc(MOST_BYTES + 4);
    FILE *f = fopen(path, "r");
    if (!f || !all) fprintf(stderr, "cannot read '%s'\n", path), exit(1);
    size_t n = fread(all, 1, MOST_BYTES, f);
    fclose(f);
    bool ended = n >= 3 && !memcmp(all + n - 3, "\n]\n", 3);
    if (ended == open) fail(open ? "has an end" : "has no end", path);
    if (!ended) all[n++] = ']';
    json_error_t e;
    json_t *events = json_loadb(all, n, JSON_REJECT_DUPLICATES, &e);
    if (!events) fprintf(stderr, "%s:%d:%d: %s\n", path, e.line, e.column, e.text), exit(1);
    free(all);
    return events;
}

static thread *thread_of(const json_t *event) {
    json_int_t id = json_integer_value(json_object_get(event, "tid"));
    for (int i = 0; i < n_threads; i++)
        if (threads[i].id == id) return &threads[i];
    if (n_threads == MOST) fprintf(stderr, "too many threads\n"), exit(1);
    threads[n_threads].id = id;
    return &threads[n_threads++];
}

static void follow(const json_t *event) {
    thread *t = thread_of(event);
    const char *phase = text(event, "ph");
    if (!json_is_integer(json_object_get(event, "pid")) || !json_is_integer(json_object_get(event, "tid"))) fail("no pid or tid", text(event, "name"));
    if (!strcmp(phase, "M")) return;
    if (!json_is_number(json_object_get(event, "ts"))) fail("no time", text(event, "name"));
    if (!strcmp(phase, "X")) {
        if (number(event, "dur") < 0) fail("ends before it begins", text(event, "name"));
        return;
    }
    if (number(event, "ts") < t->at) fail("time goes back", text(event, "name"));
    t->at = number(event, "ts");
    if (!strcmp(phase, "B")) {
        if (t->depth == MOST) fprintf(stderr, "nested too deep\n"), exit(1);
        if (!*text(event, "name") || !*text(event, "cat")) fail("no name", text(event, "cat"));
        t->open[t->depth++] = event;
    } else if (strcmp(phase, "E")) fail("unknown phase", phase);
    else if (!t->depth--) fail("an end without a beginning", phase);
}

/* Some step of that kernel begins before the part and ends after it. */
static bool in_a_step(const json_t *events, const json_t *part) {
    size_t i;
    json_t *o;
    const double slack = 1e-3;
    json_array_foreach(events, i, o) {
        if (strcmp(text(o, "ph"), "B") || strcmp(text(json_object_get(o, "args"), "kernel"), text(part, "name"))) continue;
        if (number(o, "ts") > number(part, "ts") + slack) continue;
        int depth = 1;
        for (size_t k = i + 1; depth && k < json_array_size(events); k++) {
            const json_t *x = json_array_get(events, k);
            if (json_integer_value(json_object_get(x, "tid")) != json_integer_value(json_object_get(o, "tid"))) continue;
            depth += !strcmp(text(x, "ph"), "B");
            if (!strcmp(text(x, "ph"), "E") && !--depth && number(x, "ts") + slack >= number(part, "ts") + number(part, "dur")) return true;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    bool open = !strcmp(argv[1], "open");
    json_t *events = read_events(argv[2], open), *o;
    size_t i, n_parts = 0;
    json_array_foreach(events, i, o) follow(o);
    for (int t = 0; t < n_threads && !open; t++)
        if (threads[t].depth) fail("a span without an end", text(threads[t].open[threads[t].depth - 1], "name"));
    json_array_foreach(events, i, o) if (!strcmp(text(o, "ph"), "X") && n_parts++ < 200 && !open && !in_a_step(events, o)) fail("a part outside of its step", text(o, "name"));
    for (int k = 3; k < argc; k++) {
        bool found = false;
        json_array_foreach(events, i, o) found |= !strcmp(text(o, "ph"), "B") && !strcmp(text(o, "name"), argv[k]);
        if (!found) fail("no span of the name", argv[k]);
    }
    json_decref(events);
    return failures != 0;
}
