/* The thread pool: parallel loops whose chunks depend on the loop alone, never on the number of threads. */
#ifndef TN_RT_POOL_H
#define TN_RT_POOL_H
#include "base/context.h"
#include "base/os_topology.h"

/* A fixed set of threads. Thread-safe. */
typedef struct tn__pool tn__pool;

/* What a pool is made of. */
typedef struct tn__pool_config {
    int32_t threads;  /* >= 1, the caller of tn__pool_run counted; 1 makes no thread */
    uint32_t spin_us; /* that an idle thread looks for work before it sleeps */
    tn__affinity affinity; /* not NONE: thread k stays on the k-th processor of that order; the caller stays free */
    const tn__topology *topology; /* for CORES and SPREAD; borrowed for the call */
} tn__pool_config;
enum { TN__POOL_SPIN_US = 20 }; /* the default */

/* `a` is copied. */
TN_MUST_USE tn_error *tn__pool_create_with(const tn_allocator *a, const tn__pool_config *config, tn__pool **out_pool);
/* The same with the defaults. */
TN_MUST_USE tn_error *tn__pool_create(const tn_allocator *a, int32_t threads, tn__pool **out_pool);
/* The same face on the caller's threads, of which `threads` are used; makes none. */
TN_MUST_USE tn_error *tn__pool_create_of_caller(const tn_allocator *a, const tn_thread_pool *caller, int32_t threads, tn__pool **out_pool);
/* Ends the threads. No call of tn__pool_run may be under way. NULL is allowed. */
void tn__pool_destroy(tn__pool *pool);
/* The pool of that kind that the users in a context share; made for the first of them, destroyed with the last. Thread-safe; the user
 * retains the context. On the caller's threads `config` decides their number only. */
TN_MUST_USE tn_error *tn__pool_acquire(tn_context *c, const tn__pool_config *config, tn__pool **out_pool);
void tn__pool_release(tn_context *c, tn__pool *pool); /* NULL is allowed */
/* Threads of the pool with the caller; 1 for NULL. */
int32_t tn__pool_get_threads(const tn__pool *pool);

/* Calls body(self, begin, end, worker) for the chunks [k * grain, min(n, (k + 1) * grain)) of [0, n), each once, in any order and
 * at the same time on several threads; returns when all are done. `worker` < tn__pool_get_threads(pool) is different for bodies
 * that run at the same time within one call, the caller is 0. The chunks depend on `n` and `grain` (at least 1 is taken) only.
 * A call while another call has the pool (also from within a body) runs its chunks alone, in order, as worker 0. pool NULL: alone. On the
 * caller's threads every call goes to them; they alone can fail, by not doing what they should. */
TN_MUST_USE tn_error *tn__pool_run(tn__pool *pool, void (*body)(void *self, int64_t begin, int64_t end, int32_t worker), void *self, int64_t n,
                  int64_t grain);
#endif
