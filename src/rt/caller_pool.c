/* The caller's parallel_for gets as many indices as there may be workers; each takes chunks until none is left. So an index is a worker's
 * number, whatever thread it comes on, and one that comes late or after the others finds nothing to do. */
#include "rt/caller_pool.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/os_thread.h"

typedef struct loop {
    void (*body)(void *self, int64_t begin, int64_t end, int32_t worker);
    void *self;
    int64_t n, grain, n_chunks, n_workers;
    atomic_int_fast64_t next_chunk;
    atomic_int_fast64_t n_seen;  /* workers that came */
    atomic_int_fast64_t n_stray; /* calls with an index that was there before, or is none */
    atomic_int_fast64_t inside;
    atomic_uint_fast64_t seen[TN__MAX_THREADS / 64]; /* a bit a worker */
} loop;

static void work(void *self, int64_t index) {
    loop *l = self;
    atomic_fetch_add(&l->inside, 1);
    bool valid = index >= 0 && index < l->n_workers;
    uint64_t bit = valid ? UINT64_C(1) << index % 64 : 0;
    if (!valid || atomic_fetch_or(&l->seen[index / 64], bit) & bit) {
        atomic_fetch_add(&l->n_stray, 1);
    } else {
        atomic_fetch_add(&l->n_seen, 1);
        for (int64_t chunk; (chunk = atomic_fetch_add_explicit(&l->next_chunk, 1, memory_order_relaxed)) < l->n_chunks;) {
            int64_t begin = chunk * l->grain, end = l->n - begin > l->grain ? begin + l->grain : l->n;
            l->body(l->self, begin, end, (int32_t)index);
        }
    }
    atomic_fetch_sub(&l->inside, 1);
}

tn_error *tn__caller_pool_run(const tn_allocator *a, const tn_thread_pool *caller, int32_t threads,
                              void (*body)(void *self, int64_t begin, int64_t end, int32_t worker), void *self, int64_t n,
                              int64_t grain) {
    loop l = {.body = body, .self = self, .n = n, .grain = grain, .n_chunks = (n - 1) / grain + 1};
    l.n_workers = l.n_chunks < threads ? l.n_chunks : threads;
    caller->parallel_for(caller->self, work, &l, l.n_workers);
    bool early = false;
    while (atomic_load(&l.inside)) { /* they use this frame and what the loop works on */
        early = true;
        tn__os_pause();
    }
    int64_t n_seen = atomic_load(&l.n_seen), n_stray = atomic_load(&l.n_stray);
    if (n_seen == l.n_workers && !n_stray && !early) return NULL;
    return TN__FAIL(a, INVALID_ARGUMENT,
                    "the caller's parallel_for: found %" PRId64 " of %" PRId64 " indices called%s%s", n_seen, l.n_workers,
                    n_stray ? ", one twice or out of range" : "", early ? ", and a return before the bodies'" : "");
}
