/* Runs that return at once: a queue, and a few threads of the context that take from it. */
#include "session/session.h"

enum { MOST_THREADS = 4 };

/* A run, its tensors and the executable held until it is over. */
typedef struct job {
    struct job *next;
    tn_context *context; /* by the executable */
    tn_executable *executable;
    uint32_t n_in, n_out;
    tn_tensor **results; /* the caller's array */
    void (*done)(void *self, tn_error *error);
    void *self;
    tn_tensor *tensors[]; /* inputs, outputs; NULL: to be made */
} job;

typedef struct runner runner;

typedef struct runner_thread {
    runner *runner;
    bool *ended; /* on the thread's stack: the runner is gone */
    tn__os_thread thread;
} runner_thread;

struct runner {
    tn__os_mutex mutex;
    tn__os_condition work, finished;
    job *first, *last;
    uint64_t n_pending; /* queued, running, or in their callbacks */
    int32_t n_threads, n_idle;
    bool stop;
    runner_thread threads[MOST_THREADS];
};

/* ---- one job ------------------------------------------------------------------------------------------------- */

static size_t job_bytes(uint32_t n_in, uint32_t n_out) { return sizeof(job) + ((size_t)n_in + n_out) * sizeof(tn_tensor *); }

/* Whatever it held; the last reference to the context may be among it. */
static void job_free(job *j) {
    tn_context *c = j->context;
    tn_context_retain(c);
    for (uint32_t i = 0; i < j->n_in + j->n_out; i++) tn_tensor_release(j->tensors[i]);
    tn_executable_release(j->executable);
    tn__free(&c->allocator, j, job_bytes(j->n_in, j->n_out));
    tn_context_release(c);
}

/* Results that were made go to the caller. */
static tn_error *job_run(job *j) {
    const tn_allocator *a = &j->context->allocator;
    tn_tensor **outputs = j->tensors + j->n_in;
    size_t bytes = j->n_out + 1;
    bool *given = tn__alloc_zero(a, bytes);
    if (!given) return tn__error_oom();
    for (uint32_t k = 0; k < j->n_out; k++) given[k] = outputs[k] != NULL;
    tn_error *e = tn_executable_run(j->executable, j->tensors, j->n_in, outputs, j->n_out);
    for (uint32_t k = 0; !e && k < j->n_out; k++)
        if (!given[k]) tn_tensor_retain(j->results[k] = outputs[k]);
    tn__free(a, given, bytes);
    return e;
}

static tn_error *job_create(tn_executable *x, tn_tensor *const *inputs, uint32_t n_in, tn_tensor **outputs, uint32_t n_out,
                            void (*done)(void *, tn_error *), void *self, job **out) {
    tn_context *c = tn__executable_graph(x)->context;
    job *j = tn__alloc_zero(&c->allocator, job_bytes(n_in, n_out));
    if (!j) return tn__error_oom();
    *j = (job){.context = c, .executable = x, .n_in = n_in, .n_out = n_out, .results = outputs, .done = done, .self = self};
    tn_executable_retain(x);
    for (uint32_t i = 0; i < n_in; i++) tn_tensor_retain(j->tensors[i] = inputs[i]);
    for (uint32_t k = 0; k < n_out; k++) tn_tensor_retain(j->tensors[n_in + k] = outputs[k]);
    *out = j;
    return NULL;
}

/* ---- the threads --------------------------------------------------------------------------------------------- */

static job *take(runner *r) {
    tn__os_mutex_lock(&r->mutex);
    r->n_idle++;
    while (!r->first && !r->stop) tn__os_condition_wait(&r->work, &r->mutex);
    r->n_idle--;
    job *j = r->first;
    if (j && !(r->first = j->next)) r->last = NULL;
    tn__os_mutex_unlock(&r->mutex);
    return j;
}

static void thread_main(void *self) {
    runner_thread *t = self;
    runner *r = t->runner;
    bool ended = false;
    tn__os_mutex_lock(&r->mutex);
    t->ended = &ended;
    tn__os_mutex_unlock(&r->mutex);
    for (job *j; (j = take(r));) {
        void (*done)(void *, tn_error *) = j->done;
        void *done_self = j->self;
        tn_error *e = job_run(j);
        job_free(j); /* before the callback, whose caller may count on everything being his again; may end the runner */
        done(done_self, e); /* this too */
        if (ended) return;
        tn__os_mutex_lock(&r->mutex);
        r->n_pending--;
        tn__os_condition_broadcast(&r->finished);
        tn__os_mutex_unlock(&r->mutex);
    }
}

static bool runner_init(tn_context *c, void *object) {
    (void)c;
    runner *r = object;
    bool mutex = tn__os_mutex_init(&r->mutex), work = mutex && tn__os_condition_init(&r->work);
    if (work && tn__os_condition_init(&r->finished)) return true;
    if (work) tn__os_condition_deinit(&r->work);
    if (mutex) tn__os_mutex_deinit(&r->mutex);
    return false;
}

/* With the last reference to the context. All jobs hold one, so none is left, but callbacks may be under way. Where one of them, or the
 * end of a job, dropped that reference, this is one of the threads: it goes on without us. */
static void runner_deinit(tn_context *c, void *object) {
    (void)c;
    runner *r = object;
    tn__os_mutex_lock(&r->mutex);
    r->stop = true;
    tn__os_condition_broadcast(&r->work);
    tn__os_mutex_unlock(&r->mutex);
    for (int32_t i = 0; i < r->n_threads; i++) {
        runner_thread *t = &r->threads[i];
        if (tn__os_thread_is_current(&t->thread)) {
            *t->ended = true;
            tn__os_thread_detach(&t->thread);
        } else {
            tn__os_thread_join(&t->thread);
        }
    }
    tn__os_condition_deinit(&r->finished);
    tn__os_condition_deinit(&r->work);
    tn__os_mutex_deinit(&r->mutex);
}

static const tn__shared_kind runner_kind = {sizeof(runner), runner_init, runner_deinit};

/* With the mutex held. */
static bool is_own_thread(runner *r) {
    for (int32_t i = 0; i < r->n_threads; i++)
        if (tn__os_thread_is_current(&r->threads[i].thread)) return true;
    return false;
}

static tn_error *submit(tn_context *c, runner *r, job *j) {
    tn_error *e = NULL;
    tn__os_mutex_lock(&r->mutex);
    uint64_t n_queued = 1;
    for (job *x = r->first; x && n_queued <= MOST_THREADS; x = x->next) n_queued++;
    if (n_queued > (uint64_t)r->n_idle && r->n_threads < MOST_THREADS) {
        runner_thread *t = &r->threads[r->n_threads];
        t->runner = r;
        if (tn__os_thread_start(&t->thread, thread_main, t)) r->n_threads++;
        else if (!r->n_threads) e = TN__FAIL(&c->allocator, LIMIT_EXCEEDED, "the system made no thread for the run");
    }
    if (!e) {
        if (r->last) r->last->next = j;
        else r->first = j;
        r->last = j;
        r->n_pending++;
        tn__os_condition_signal(&r->work);
    }
    tn__os_mutex_unlock(&r->mutex);
    return e;
}

/* ---- the public face ----------------------------------------------------------------------------------------- */

tn_error *tn_executable_run_async(tn_executable *executable, tn_tensor *const *inputs, uint32_t n_inputs, tn_tensor **outputs,
                                  uint32_t n_outputs, void (*done)(void *self, tn_error *error), void *self) {
    TN__HANDLE(executable, EXECUTABLE);
    const tn_graph *g = tn__executable_graph(executable);
    tn_context *c = g->context;
    if (!done) return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "tn_executable_run_async: done is NULL");
    if (c->thread_pool.threads)
        return TN__FAIL(&c->allocator, UNSUPPORTED,
                        "tn_executable_run_async: the context has the caller's thread pool and makes no threads; call tn_executable_run there");
    TN__TRY(tn__executable_check_counts(executable, inputs, n_inputs, outputs, n_outputs));
    TN__TRY(tn__executable_check_inputs(executable, inputs));
    for (uint32_t k = 0; k < n_outputs; k++)
        if (outputs[k] && !TN__IS(outputs[k], TENSOR))
            return tn__error_prefix(tn__handle_error(outputs[k], TN__HANDLE_TENSOR, __func__, "outputs[k]"), "output %u '%s'", k,
                                    g->outputs.data[k].name);
    runner *r = tn__context_get_shared(c, &runner_kind);
    if (!r) return tn__error_oom();
    job *j = NULL;
    TN__TRY(job_create(executable, inputs, n_inputs, outputs, n_outputs, done, self, &j));
    tn_error *e = submit(c, r, j);
    if (e) job_free(j);
    return e;
}

tn_error *tn_context_wait(tn_context *context) {
    TN__HANDLE(context, CONTEXT);
    if (context->thread_pool.threads) return NULL; /* there are no such runs */
    runner *r = tn__context_get_shared(context, &runner_kind);
    if (!r) return tn__error_oom();
    tn__os_mutex_lock(&r->mutex);
    tn_error *e = is_own_thread(r) ? TN__FAIL(&context->allocator, INVALID_ARGUMENT,
                                              "tn_context_wait: called by the callback of a run, which would wait for itself")
                                   : NULL;
    while (!e && r->n_pending) tn__os_condition_wait(&r->finished, &r->mutex);
    tn__os_mutex_unlock(&r->mutex);
    return e;
}
