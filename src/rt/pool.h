/* The thread pool: parallel loops whose chunks depend on the loop alone, never on the number of threads. */
#ifndef TN_RT_POOL_H
#define TN_RT_POOL_H
#include "base/context.h"

/* A fixed set of threads. Thread-safe. */
typedef struct tn__pool tn__pool;

/* A pool of `threads` >= 1 threads, the caller of tn__pool_run counted; 1 makes no thread. `a` is copied. */
TN_MUST_USE tn_error *tn__pool_create(const tn_allocator *a, int32_t threads, tn__pool **out_pool);
/* The same face on the caller's threads, of which `threads` are used; makes none. */
TN_MUST_USE tn_error *tn__pool_create_of_caller(const tn_allocator *a, const tn_thread_pool *caller, int32_t threads, tn__pool **out_pool);
/* Ends the threads. No call of tn__pool_run may be under way. NULL is allowed. */
void tn__pool_destroy(tn__pool *pool);
/* The pool of `threads` threads that the users in a context share; made for the first of them, destroyed with the last. Thread-safe; the
 * user retains the context. */
TN_MUST_USE tn_error *tn__pool_acquire(tn_context *c, int32_t threads, tn__pool **out_pool);
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
