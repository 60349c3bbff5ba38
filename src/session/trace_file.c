/* The file of option `trace`: "[", then one event a line, "]" at the end. Readers take it without the end, so a process that dies leaves
 * all that was written. Events wait in memory: they are written when a run or a phase begins or ends, and when there are many.
 *
 * A step is a span with two ends, B and E: no time of its beginning has to be kept, and after a crash the step that never ended can be
 * seen. What workers did of it are spans on their own threads, known when they end. */
#include "session/trace_file.h"

#include <stdio.h>

#include "base/os.h"
#include "base/os_thread.h"
#include "session/trace_event.h"

enum {
    PENDING_BYTES = 64 << 10, /* are written at once */
    GAP_NS = 2000,            /* parts of one step on one thread as near as this to each other are one span */
    MOST_NAMES = 10000        /* tried before giving up */
};
static const char no_memory[] = "out of memory";
static const char start[] = "[\n{\"cat\":\"tenon trace\",";

/* A thread that works for another: what it did of a step, as far as it is known. */
typedef struct helper {
    int64_t id;
    const tn_profile_row *row; /* NULL: nothing waits */
    uint64_t begin_ns, end_ns;
} helper;

struct tn__trace {
    tn__trace *next;
    tn_context *context; /* borrowed: it owns this */
    tn__logger log;
    char *wanted, *path; /* as the option has it; of the file */
    uint64_t most_bytes;
    tn__os_mutex mutex; /* guards what follows */
    tn__os_stream stream;
    const char *ended; /* why nothing more is written; NULL: it is */
    tn__text pending;
    TN__VEC(helper) helpers;
};

/* ---- writing, with the mutex held ---------------------------------------------------------------------------- */

static void stop(tn__trace *t, const char *why) {
    t->ended = why;
    tn__log_to(&t->log, TN_LOG_WARN, "trace '%.300s' ends here: %s", t->path, why);
}

static void write_pending(tn__trace *t) {
    if (t->ended || !t->pending.length || !tn__os_stream_is_own(&t->stream)) return;
    if (t->stream.bytes + t->pending.length > t->most_bytes) stop(t, "it has become too large");
    else if (!tn__os_stream_write(&t->stream, t->pending.data, t->pending.length)) stop(t, "the system takes no more");
    t->pending.length = 0;
}

static void put(tn__trace *t, const tn__trace_event *e) {
    if (t->ended) return;
    size_t before = t->pending.length;
    if (t->stream.bytes + before > 0) tn__text_add(&t->pending, ",\n");
    else tn__text_add(&t->pending, "[\n");
    tn__trace_print(&t->pending, e);
    if (t->pending.failed) { /* out of memory: what is whole is written */
        t->pending.failed = false;
        t->pending.length = before;
        write_pending(t);
        stop(t, no_memory);
    } else if (t->pending.length > PENDING_BYTES) write_pending(t);
}

static tn__trace_event event(const tn__trace *t, char phase, int64_t thread, uint64_t at_ns) {
    return (tn__trace_event){.phase = phase, .process = t->stream.process, .thread = thread, .begin_ns = at_ns, .end_ns = at_ns};
}

static void put_part(tn__trace *t, helper *h) {
    if (!h->row) return;
    tn__trace_event e = event(t, 'X', h->id, h->begin_ns);
    e.end_ns = h->end_ns, e.category = "part", e.name = h->row->kernel;
    put(t, &e);
    h->row = NULL;
}

static helper *helper_of(tn__trace *t, int64_t id, int32_t worker) {
    for (size_t i = 0; i < t->helpers.count; i++)
        if (t->helpers.data[i].id == id) return &t->helpers.data[i];
    if (!TN__PUSH(&t->context->allocator, &t->helpers, (helper){.id = id})) return NULL; /* its parts are not seen */
    char name[32];
    snprintf(name, sizeof name, "worker %d", (int)worker);
    tn__trace_event e = event(t, 'M', id, 0);
    e.name = "thread_name", e.second = name;
    put(t, &e);
    return &t->helpers.data[t->helpers.count - 1];
}

/* ---- spans --------------------------------------------------------------------------------------------------- */

static void begin(tn__trace *t, const char *category, const char *name, const char *second, const tn_profile_row *row, bool now) {
    uint64_t at = tn__os_clock_ns();
    tn__os_mutex_lock(&t->mutex);
    tn__trace_event e = event(t, 'B', tn__os_thread_id(), at);
    e.category = category, e.name = name, e.second = second, e.row = row;
    put(t, &e);
    if (now) write_pending(t);
    tn__os_mutex_unlock(&t->mutex);
}

static void end(tn__trace *t, const tn_profile_row *row, bool now) {
    uint64_t at = tn__os_clock_ns();
    tn__os_mutex_lock(&t->mutex);
    for (size_t i = 0; row && i < t->helpers.count; i++)
        if (t->helpers.data[i].row == row) put_part(t, &t->helpers.data[i]);
    tn__trace_event e = event(t, 'E', tn__os_thread_id(), at);
    put(t, &e);
    if (now) write_pending(t);
    tn__os_mutex_unlock(&t->mutex);
}

void tn__trace_begin(tn__trace *t, const char *category, const char *name) { begin(t, category, name, NULL, NULL, true); }
void tn__trace_end(tn__trace *t) { end(t, NULL, true); }

static bool is_phase(const tn_profile_row *row) { return !strcmp(row->kind, "phase"); }

static void hook_begin(void *self, const tn_profile_row *row) {
    const tn__trace_hook *h = self;
    bool phase = is_phase(row);
    begin(h->trace, row->kind, row->kernel, row->node, phase ? NULL : row, phase);
    tn__hook_begin(&h->next, row);
}

static void hook_end(void *self, const tn_profile_row *row) {
    const tn__trace_hook *h = self;
    tn__hook_end(&h->next, row);
    end(h->trace, row, is_phase(row));
}

static void hook_part(void *self, const tn_profile_row *row, int32_t worker, uint64_t begin_ns, uint64_t end_ns) {
    const tn__trace_hook *h = self;
    tn__trace *t = h->trace;
    if (h->next.part) h->next.part(h->next.self, row, worker, begin_ns, end_ns);
    if (worker == 0) return; /* the step's own thread: the step shows it */
    tn__os_mutex_lock(&t->mutex);
    helper *x = t->ended ? NULL : helper_of(t, tn__os_thread_id(), worker);
    if (x && x->row == row && begin_ns - x->end_ns < GAP_NS) x->end_ns = end_ns;
    else if (x) {
        put_part(t, x);
        x->row = row, x->begin_ns = begin_ns, x->end_ns = end_ns;
    }
    tn__os_mutex_unlock(&t->mutex);
}

tn_hook tn__trace_hook_of(tn__trace_hook *self) {
    return (tn_hook){.struct_size = sizeof(tn_hook), .self = self, .begin = hook_begin, .end = hook_end, .part = hook_part};
}

/* ---- files --------------------------------------------------------------------------------------------------- */

/* "a/t.json", 3 => "a/t.3.json"; 1: as it is. */
static char *numbered(const tn_allocator *a, const char *path, unsigned number) {
    if (number == 1) return tn__strdup(a, path);
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (slash && dot < slash)) dot = path + strlen(path);
    tn__text t;
    tn__text_init(&t, a);
    tn__text_addf(&t, "%.*s.%u%s", (int)(dot - path), path, number, dot);
    return tn__text_take(&t);
}

static tn_error *open_free(tn__trace *t, const tn_allocator *a) {
    for (unsigned i = 1; i <= MOST_NAMES; i++) {
        bool taken;
        tn__strfree(a, t->path);
        if (!(t->path = numbered(a, t->wanted, i))) return tn__error_oom();
        TN__TRY(tn__os_stream_open(a, t->path, start, &t->stream, &taken));
        if (!taken) return NULL;
    }
    return TN__FAIL(a, LIMIT_EXCEEDED, "%d files of that name are being written", (int)MOST_NAMES);
}

static void destroy(tn__trace *t) {
    const tn_allocator *a = &t->context->allocator;
    if (t->stream.file >= 0) {
        write_pending(t);
        if (t->stream.bytes && tn__os_stream_is_own(&t->stream)) (void)tn__os_stream_write(&t->stream, "\n]\n", 3);
        tn__os_stream_close(&t->stream);
    }
    tn__text_deinit(&t->pending);
    TN__VEC_FREE(a, &t->helpers);
    tn__os_mutex_deinit(&t->mutex);
    tn__strfree(a, t->wanted);
    tn__strfree(a, t->path);
    tn__free(a, t, sizeof *t);
}

static tn_error *create(tn_context *c, const char *path, uint64_t most_bytes, const tn__logger *log, tn__trace **out) {
    const tn_allocator *a = &c->allocator;
    tn__trace *t = tn__alloc_zero(a, sizeof *t);
    if (!t || !tn__os_mutex_init(&t->mutex)) {
        tn__free(a, t, sizeof *t);
        return tn__error_oom();
    }
    t->context = c;
    t->log = *log;
    t->most_bytes = most_bytes;
    t->stream.file = -1;
    tn__text_init(&t->pending, a);
    tn_error *e = (t->wanted = tn__strdup(a, path)) ? open_free(t, a) : tn__error_oom();
    if (e) {
        destroy(t);
        return tn__error_prefix(e, "option trace");
    }
    tn__trace_event first = event(t, 'M', tn__os_thread_id(), 0);
    first.category = "tenon trace", first.name = "process_name", first.second = "tenon " TN_VERSION_TEXT;
    put(t, &first);
    write_pending(t);
    if (!t->ended) {
        *out = t;
        return NULL;
    }
    e = t->ended == no_memory ? tn__error_oom() : TN__FAIL(a, IO, "option trace: '%.300s': %s", path, t->ended);
    destroy(t);
    return e;
}

/* The traces of a context. */
typedef struct traces {
    tn__os_mutex mutex;
    tn__trace *first;
} traces;

static bool traces_init(tn_context *c, void *object) { return tn__os_mutex_init(&((traces *)object)->mutex); }

static void traces_deinit(tn_context *c, void *object) {
    traces *all = object;
    for (tn__trace *t = all->first, *next; t; t = next) {
        next = t->next;
        destroy(t);
    }
    tn__os_mutex_deinit(&all->mutex);
}

static const tn__shared_kind traces_kind = {sizeof(traces), traces_init, traces_deinit};

tn_error *tn__trace_open(tn_context *c, const char *path, uint64_t most_bytes, const tn__logger *log, tn__trace **out_trace) {
    *out_trace = NULL;
    traces *all = tn__context_get_shared(c, &traces_kind);
    if (!all) return tn__error_oom();
    tn__os_mutex_lock(&all->mutex);
    tn__trace *t = all->first;
    while (t && strcmp(t->wanted, path)) t = t->next;
    tn_error *e = NULL;
    if (!t && !(e = create(c, path, most_bytes, log, &t))) {
        t->next = all->first;
        all->first = t;
    }
    tn__os_mutex_unlock(&all->mutex);
    if (!e) *out_trace = t;
    return e;
}

const char *tn__trace_path(const tn__trace *t) { return t->path; }
