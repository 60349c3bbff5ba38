#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/os.h"

enum {
    MOST_DEPTH = 64,       /* of nested spans; deeper ones are left out */
    MOST_PARTS = 1 << 20,  /* slices of workers; later ones are left out */
    GAP_NS = 2000,         /* slices of one worker and step this near to each other are drawn as one */
    MOST_WORKERS = 1024,
    STEPS_ROW = 0, FIRST_WORKER_ROW = 1 /* rows of the picture */
};

typedef struct part {
    char name[128];
    int32_t worker;
    uint64_t step, begin_ns, end_ns; /* step: counts the steps */
} part;

struct cli_trace {
    json_t *events; /* spans of the thread that compiles and runs */
    uint64_t start_ns, open[MOST_DEPTH], n_steps;
    int depth;
    tn__os_mutex mutex; /* guards what follows */
    part *parts;
    size_t n_parts, capacity;
    size_t last[MOST_WORKERS]; /* index + 1 of a worker's last part */
    bool used[MOST_WORKERS];
};

cli_trace *cli_trace_create(void) {
    cli_trace *t = cli_alloc(sizeof *t);
    if (!tn__os_mutex_init(&t->mutex)) exit(cli_fail("out of locks"));
    t->events = json_array();
    t->start_ns = cli_now_ns();
    return t;
}

void cli_trace_free(cli_trace *t) {
    if (!t) return;
    json_decref(t->events);
    tn__os_mutex_deinit(&t->mutex);
    free(t->parts);
    free(t);
}

static double microseconds(const cli_trace *t, uint64_t ns) { return (double)(int64_t)(ns - t->start_ns) * 1e-3; }

static json_t *event(const cli_trace *t, const char *category, const char *name, int row, uint64_t begin_ns, uint64_t end_ns) {
    json_t *o = json_pack("{ss so ss si si sf sf}", "ph", "X", "name", cli_text_json(name), "cat", category, "pid", 1, "tid", row, "ts",
                          microseconds(t, begin_ns), "dur", (double)(end_ns - begin_ns) * 1e-3);
    return o ? o : json_object();
}

void cli_trace_begin(cli_trace *t) {
    if (t->depth < MOST_DEPTH) t->open[t->depth] = cli_now_ns();
    t->depth++;
}

static void end_span(cli_trace *t, const char *category, const char *name, const tn_profile_row *row) {
    uint64_t now = cli_now_ns();
    if (--t->depth >= MOST_DEPTH) return;
    json_t *o = event(t, category, name, STEPS_ROW, t->open[t->depth], now);
    if (row && *row->node) json_object_set_new_nocheck(o, "name", cli_joined_json(name, row->node));
    if (row && strcmp(row->kind, "phase")) {
        json_t *args = json_pack("{so so so sI sf sI sI}", "kernel", cli_text_json(row->kernel), "node", cli_text_json(row->node), "sources",
                                 cli_sources_json(row->sources, row->n_sources), "stages", (json_int_t)row->stages, "flops", row->flops, "bytes",
                                 (json_int_t)row->bytes, "live_bytes", (json_int_t)row->live_bytes);
        json_object_set_new_nocheck(o, "args", args);
    }
    json_array_append_new(t->events, o);
}

void cli_trace_end(cli_trace *t, const char *category, const char *name) { end_span(t, category, name, NULL); }

static void hook_begin(void *self, const tn_profile_row *row) {
    (void)row;
    cli_trace *t = self;
    t->n_steps++;
    cli_trace_begin(t);
}

static void hook_end(void *self, const tn_profile_row *row) { end_span(self, row->kind, row->kernel, row); }

static void hook_part(void *self, const tn_profile_row *row, int32_t worker, uint64_t begin_ns, uint64_t end_ns) {
    cli_trace *t = self;
    if (worker < 0 || worker >= MOST_WORKERS) return;
    tn__os_mutex_lock(&t->mutex);
    part *last = t->last[worker] ? &t->parts[t->last[worker] - 1] : NULL;
    if (last && last->step == t->n_steps && begin_ns - last->end_ns < GAP_NS) last->end_ns = end_ns;
    else if (t->n_parts < MOST_PARTS) {
        if (t->n_parts == t->capacity) {
            t->capacity = t->capacity ? t->capacity * 2 : 1024;
            t->parts = cli_realloc(t->parts, t->capacity * sizeof *t->parts);
        }
        part *p = &t->parts[t->n_parts++];
        *p = (part){.worker = worker, .step = t->n_steps, .begin_ns = begin_ns, .end_ns = end_ns};
        snprintf(p->name, sizeof p->name, "%s", row->kernel);
        t->last[worker] = t->n_parts;
        t->used[worker] = true;
    }
    tn__os_mutex_unlock(&t->mutex);
}

tn_hook cli_trace_hook(cli_trace *t) {
    return (tn_hook){.struct_size = sizeof(tn_hook), .self = t, .begin = hook_begin, .end = hook_end, .part = hook_part};
}

static json_t *label(const char *what, int row, json_t *name) {
    return json_pack("{ss ss si si s{so}}", "ph", "M", "name", what, "pid", 1, "tid", row, "args", "name", name);
}

json_t *cli_trace_events(const cli_trace *t) {
    json_t *all = json_copy(t->events);
    for (size_t i = 0; i < t->n_parts; i++) {
        const part *p = &t->parts[i];
        json_array_append_new(all, event(t, "part", p->name, FIRST_WORKER_ROW + p->worker, p->begin_ns, p->end_ns));
    }
    return all;
}

tn_error *cli_trace_write(const cli_trace *t, tn_context *context, const char *model, const char *path) {
    json_t *all = json_array();
    json_array_append_new(all, label("process_name", STEPS_ROW, cli_joined_json("tenon", model)));
    json_array_append_new(all, label("thread_name", STEPS_ROW, json_string("steps")));
    for (int w = 0; w < MOST_WORKERS; w++) {
        char text[32];
        snprintf(text, sizeof text, "worker %d", w);
        if (t->used[w]) json_array_append_new(all, label("thread_name", FIRST_WORKER_ROW + w, json_string(text)));
    }
    json_t *events = cli_trace_events(t);
    json_array_extend(all, events);
    json_decref(events);
    json_t *file = json_pack("{so ss}", "traceEvents", all, "displayTimeUnit", "ns");
    char *text = file ? json_dumps(file, JSON_COMPACT) : NULL;
    json_decref(file);
    tn_error *e = text ? tn__os_write_file(&context->allocator, path, &(tn__os_span){text, strlen(text)}, 1) : tn__error_oom();
    free(text);
    return tn__error_prefix(e, "trace to '%.300s'", path);
}
