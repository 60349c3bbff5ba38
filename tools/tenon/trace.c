#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/context.h"
#include "base/os.h"
#include "session/trace_event.h"

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
    tn__text spans; /* with commas between them */
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
    tn__text_init(&t->spans, &tn__allocator_malloc);
    t->start_ns = cli_now_ns();
    return t;
}

void cli_trace_free(cli_trace *t) {
    if (!t) return;
    tn__text_deinit(&t->spans);
    tn__os_mutex_deinit(&t->mutex);
    free(t->parts);
    free(t);
}

/* Behind the bracket of a list, or another event. */
static void put(tn__text *to, const tn__trace_event *e) {
    if (to->length && to->data[to->length - 1] != '[') tn__text_add(to, ",");
    tn__trace_print(to, e);
}

static tn__trace_event span(const char *category, const char *name, int row, uint64_t begin_ns, uint64_t end_ns) {
    return (tn__trace_event){.phase = 'X', .category = category, .name = name, .process = 1, .thread = row, .begin_ns = begin_ns, .end_ns = end_ns};
}

void cli_trace_begin(cli_trace *t) {
    if (t->depth < MOST_DEPTH) t->open[t->depth] = cli_now_ns();
    t->depth++;
}

static void end_span(cli_trace *t, const char *category, const char *name, const tn_profile_row *row) {
    uint64_t now = cli_now_ns();
    if (--t->depth >= MOST_DEPTH) return;
    tn__trace_event e = span(category, name, STEPS_ROW, t->open[t->depth] - t->start_ns, now - t->start_ns);
    if (row) e.second = row->node;
    if (row && strcmp(row->kind, "phase")) e.row = row;
    put(&t->spans, &e);
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

static void put_name(tn__text *to, const char *what, int row, const char *name) {
    put(to, &(tn__trace_event){.phase = 'M', .name = what, .second = name, .process = 1, .thread = row});
}

static void put_parts(const cli_trace *t, tn__text *to) {
    for (size_t i = 0; i < t->n_parts; i++) {
        const part *p = &t->parts[i];
        tn__trace_event e = span("part", p->name, FIRST_WORKER_ROW + p->worker, p->begin_ns - t->start_ns, p->end_ns - t->start_ns);
        put(to, &e);
    }
}

json_t *cli_trace_events(const cli_trace *t) {
    tn__text all;
    tn__text_init(&all, &tn__allocator_malloc);
    tn__text_add(&all, "[");
    if (t->spans.length) tn__text_add(&all, t->spans.data);
    put_parts(t, &all);
    tn__text_add(&all, "]");
    json_t *events = all.failed ? NULL : json_loadb(all.data, all.length, 0, NULL);
    tn__text_deinit(&all);
    return events ? events : json_array();
}

tn_error *cli_trace_write(const cli_trace *t, tn_context *context, const char *model, const char *path) {
    char *title = cli_printf("tenon %s", model);
    tn__text all;
    tn__text_init(&all, &tn__allocator_malloc);
    tn__text_add(&all, "{\"traceEvents\":[");
    if (t->spans.length) tn__text_add(&all, t->spans.data);
    put_name(&all, "process_name", STEPS_ROW, title);
    put_name(&all, "thread_name", STEPS_ROW, "steps");
    for (int w = 0; w < MOST_WORKERS; w++) {
        char text[32];
        snprintf(text, sizeof text, "worker %d", w);
        if (t->used[w]) put_name(&all, "thread_name", FIRST_WORKER_ROW + w, text);
    }
    put_parts(t, &all);
    tn__text_add(&all, "],\"displayTimeUnit\":\"ns\"}");
    tn_error *e = all.failed ? tn__error_oom() : tn__os_write_file(&context->allocator, path, &(tn__os_span){all.data, all.length}, 1);
    tn__text_deinit(&all);
    free(title);
    return tn__error_prefix(e, "trace to '%.300s'", path);
}
