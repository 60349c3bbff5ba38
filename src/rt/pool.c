#include "rt/pool.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/os_thread.h"
#include "rt/caller_pool.h"

/* The loop under way is published through one word:
 *
 *    63                    17   16   15             0
 *   +------------------------+------+----------------+
 *   | epoch                  | open | workers inside |
 *   +------------------------+------+----------------+
 *
 * A worker enters by adding 1 while the word is open and its epoch is new to it; only then it reads the loop's fields. The caller
 * closes the word when no chunk is left, and returns when nobody is inside. So a worker that sleeps through a short loop is never
 * waited for, and the fields never change under a worker's eyes. */
#define INSIDE_MASK UINT64_C(0xffff)
#define OPEN_BIT (UINT64_C(1) << 16)
#define EPOCH_SHIFT 17

_Static_assert(TN__MAX_THREADS < INSIDE_MASK, "the count of workers fits its field");

typedef struct worker {
    tn__pool *pool;
    int32_t index;
    tn__os_thread thread;
} worker;

struct tn__pool {
    tn_allocator allocator;
    tn_thread_pool caller; /* threads 0: the threads are our own */
    int32_t threads;
    uint64_t spin_ns;
    tn__affinity affinity;
    tn__processor *processors; /* of CORES and SPREAD: `threads` of them or fewer; owned */
    int32_t n_processors;
    int32_t n_started; /* workers[1 .. n_started] have a thread */
    worker *workers;   /* owned, `threads` of them; [0] is unused: it is the caller */

    tn__os_mutex mutex;
    tn__os_condition work, done;

    atomic_bool busy; /* some caller has the pool */
    atomic_bool stop;
    atomic_int n_asleep;         /* workers on `work` */
    atomic_bool caller_asleep;   /* the caller is on `done` */
    _Alignas(64) atomic_uint_fast64_t state;
    _Alignas(64) atomic_int_fast64_t next_chunk;

    /* the loop; stable while a worker is inside */
    _Alignas(64) void (*body)(void *self, int64_t begin, int64_t end, int32_t worker);
    void *self;
    int64_t n, grain, n_chunks;
};

static void run_chunks(tn__pool *p, int32_t index) {
    for (;;) {
        int64_t chunk = atomic_fetch_add_explicit(&p->next_chunk, 1, memory_order_relaxed);
        if (chunk >= p->n_chunks) return;
        int64_t begin = chunk * p->grain;
        int64_t end = p->n - begin > p->grain ? begin + p->grain : p->n;
        p->body(p->self, begin, end, index);
    }
}

/* Is there a loop that a worker who last saw `epoch` has not seen? */
static bool has_work(uint64_t state, uint64_t epoch) { return (state & OPEN_BIT) && state >> EPOCH_SHIFT != epoch; }

static void sleep_until_work(tn__pool *p, uint64_t epoch) {
    tn__os_mutex_lock(&p->mutex);
    /* first counted, then looked; the publisher first publishes, then reads the count: one of the two sees the other */
    atomic_fetch_add(&p->n_asleep, 1);
    while (!atomic_load(&p->stop) && !has_work(atomic_load(&p->state), epoch)) tn__os_condition_wait(&p->work, &p->mutex);
    atomic_fetch_sub(&p->n_asleep, 1);
    tn__os_mutex_unlock(&p->mutex);
}

static void leave(tn__pool *p) {
    uint64_t before = atomic_fetch_sub(&p->state, 1);
    if ((before & INSIDE_MASK) != 1 || (before & OPEN_BIT)) return;
    if (!atomic_load(&p->caller_asleep)) return;
    tn__os_mutex_lock(&p->mutex);
    tn__os_condition_signal(&p->done);
    tn__os_mutex_unlock(&p->mutex);
}

static void worker_main(void *self) {
    worker *w = self;
    tn__pool *p = w->pool;
    uint64_t epoch = 0;
    uint64_t idle_since = 0;
    uint32_t spins = 0;
    if (p->n_processors) tn__os_thread_pin_to(p->processors[w->index % p->n_processors].number);
    else if (p->affinity == TN__AFFINITY_COMPACT) tn__os_thread_pin(w->index);
    while (!atomic_load(&p->stop)) {
        uint64_t state = atomic_load(&p->state);
        if (has_work(state, epoch)) {
            if (!atomic_compare_exchange_strong(&p->state, &state, state + 1)) continue;
            epoch = state >> EPOCH_SHIFT;
            run_chunks(p, w->index);
            leave(p);
            idle_since = 0, spins = 0;
            continue;
        }
        tn__os_pause();
        if (++spins % 64) continue; /* the clock costs more than a pause */
        uint64_t now = tn__os_clock_ns();
        if (!idle_since) idle_since = now;
        if (now - idle_since < p->spin_ns) continue;
        sleep_until_work(p, epoch);
        idle_since = 0, spins = 0;
    }
}

static void wait_for_workers(tn__pool *p) {
    uint64_t since = 0;
    for (uint32_t spins = 1; atomic_load(&p->state) & INSIDE_MASK; spins++) {
        tn__os_pause();
        if (spins % 64) continue;
        uint64_t now = tn__os_clock_ns();
        if (!since) since = now;
        if (now - since < p->spin_ns) continue;
        tn__os_mutex_lock(&p->mutex);
        atomic_store(&p->caller_asleep, true);
        while (atomic_load(&p->state) & INSIDE_MASK) tn__os_condition_wait(&p->done, &p->mutex);
        atomic_store(&p->caller_asleep, false);
        tn__os_mutex_unlock(&p->mutex);
        return;
    }
}

static void run_alone(void (*body)(void *, int64_t, int64_t, int32_t), void *self, int64_t n, int64_t grain) {
    for (int64_t begin = 0; begin < n;) {
        int64_t end = n - begin > grain ? begin + grain : n;
        body(self, begin, end, 0);
        begin = end;
    }
}

tn_error *tn__pool_run(tn__pool *pool, void (*body)(void *self, int64_t begin, int64_t end, int32_t worker), void *self, int64_t n,
                       int64_t grain) {
    if (n <= 0) return NULL;
    if (grain < 1) grain = 1;
    if (n <= grain) return body(self, 0, n, 0), NULL;
    if (!pool || pool->threads == 1) return run_alone(body, self, n, grain), NULL;
    if (pool->caller.threads) return tn__caller_pool_run(&pool->allocator, &pool->caller, pool->threads, body, self, n, grain);
    if (atomic_exchange(&pool->busy, true)) return run_alone(body, self, n, grain), NULL;
    pool->body = body;
    pool->self = self;
    pool->n = n;
    pool->grain = grain;
    pool->n_chunks = (n - 1) / grain + 1;
    atomic_store_explicit(&pool->next_chunk, 0, memory_order_relaxed);
    uint64_t epoch = (atomic_load(&pool->state) >> EPOCH_SHIFT) + 1;
    atomic_store(&pool->state, epoch << EPOCH_SHIFT | OPEN_BIT);
    if (atomic_load(&pool->n_asleep) > 0) {
        tn__os_mutex_lock(&pool->mutex);
        if (pool->n_chunks == 2) tn__os_condition_signal(&pool->work);
        else tn__os_condition_broadcast(&pool->work);
        tn__os_mutex_unlock(&pool->mutex);
    }
    run_chunks(pool, 0);
    atomic_fetch_and(&pool->state, ~OPEN_BIT);
    wait_for_workers(pool);
    atomic_store(&pool->busy, false);
    return NULL;
}

int32_t tn__pool_get_threads(const tn__pool *pool) { return pool ? pool->threads : 1; }

void tn__pool_destroy(tn__pool *pool) {
    if (!pool) return;
    tn__os_mutex_lock(&pool->mutex);
    atomic_store(&pool->stop, true);
    tn__os_condition_broadcast(&pool->work);
    tn__os_mutex_unlock(&pool->mutex);
    for (int32_t i = 1; i <= pool->n_started; i++) tn__os_thread_join(&pool->workers[i].thread);
    tn__os_condition_deinit(&pool->done);
    tn__os_condition_deinit(&pool->work);
    tn__os_mutex_deinit(&pool->mutex);
    tn_allocator a = pool->allocator;
    tn__free(&a, pool->processors, (size_t)pool->threads * sizeof *pool->processors);
    tn__free(&a, pool->workers, (size_t)pool->threads * sizeof *pool->workers);
    a.deallocate(a.self, pool, sizeof *pool);
}

static tn_error *make(const tn_allocator *a, int32_t threads, tn__pool **out_pool) {
    if (threads < 1 || threads > TN__MAX_THREADS)
        return TN__FAIL(a, INVALID_ARGUMENT, "thread pool: found %d threads, wanted 1 to %d", (int)threads, TN__MAX_THREADS);
    tn__pool *p = a->allocate(a->self, sizeof *p, _Alignof(tn__pool));
    if (!p) return tn__error_oom();
    memset(p, 0, sizeof *p);
    p->allocator = *a;
    p->threads = threads;
    p->workers = tn__alloc_zero(a, (size_t)threads * sizeof *p->workers);
    if (!p->workers) {
        a->deallocate(a->self, p, sizeof *p);
        return tn__error_oom();
    }
    bool mutex = tn__os_mutex_init(&p->mutex);
    bool work = mutex && tn__os_condition_init(&p->work);
    bool done = work && tn__os_condition_init(&p->done);
    if (!done) {
        if (work) tn__os_condition_deinit(&p->work);
        if (mutex) tn__os_mutex_deinit(&p->mutex);
        tn__free(a, p->workers, (size_t)threads * sizeof *p->workers);
        a->deallocate(a->self, p, sizeof *p);
        return TN__FAIL(a, LIMIT_EXCEEDED, "thread pool: the system gave no mutex or condition");
    }
    *out_pool = p;
    return NULL;
}

tn_error *tn__pool_create_with(const tn_allocator *a, const tn__pool_config *config, tn__pool **out_pool) {
    *out_pool = NULL;
    tn__pool *p;
    int32_t threads = config->threads;
    TN__TRY(make(a, threads, &p));
    p->spin_ns = (uint64_t)config->spin_us * 1000;
    p->affinity = config->affinity;
    if (config->affinity > TN__AFFINITY_COMPACT) {
        if (!(p->processors = tn__alloc_zero(a, (size_t)threads * sizeof *p->processors))) return tn__pool_destroy(p), tn__error_oom();
        p->n_processors = tn__topology_order(config->topology, config->affinity, p->processors, threads);
    }
    for (int32_t i = 1; i < threads; i++) {
        p->workers[i] = (worker){.pool = p, .index = i};
        if (!tn__os_thread_start(&p->workers[i].thread, worker_main, &p->workers[i])) {
            tn__pool_destroy(p);
            return TN__FAIL(a, LIMIT_EXCEEDED, "thread pool: the system made %d of %d threads", (int)i - 1, (int)threads - 1);
        }
        p->n_started = i;
    }
    *out_pool = p;
    return NULL;
}

tn_error *tn__pool_create(const tn_allocator *a, int32_t threads, tn__pool **out_pool) {
    return tn__pool_create_with(a, &(tn__pool_config){.threads = threads, .spin_us = TN__POOL_SPIN_US}, out_pool);
}

tn_error *tn__pool_create_of_caller(const tn_allocator *a, const tn_thread_pool *caller, int32_t threads, tn__pool **out_pool) {
    *out_pool = NULL;
    tn__pool *p;
    TN__TRY(make(a, threads, &p));
    p->caller = *caller;
    *out_pool = p;
    return NULL;
}
