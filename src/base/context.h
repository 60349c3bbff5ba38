/* The context: what all objects of one user share. */
#ifndef TN_BASE_CONTEXT_H
#define TN_BASE_CONTEXT_H
#include <stdatomic.h>
#include "base/custom_op.h"
#include "base/handle.h"
#include "base/os_thread.h"

/* One object of each kind that higher layers keep for a context: made when first asked for, ended with the context. A kind is its address. */
typedef struct tn__shared_kind {
    size_t bytes;
    bool (*init)(tn_context *c, void *object); /* zeroed before; false: no memory, or no locks */
    void (*deinit)(tn_context *c, void *object);
} tn__shared_kind;
typedef struct tn__shared tn__shared;

struct tn_context {
    tn__handle handle;
    atomic_uint references;
    tn_allocator allocator;
    void (*log)(void *self, tn_log_level level, const char *message);
    void *log_self;
    tn_limits limits; /* all fields set */
    tn_thread_pool thread_pool; /* threads 0: none was given */
    bool (*should_abort)(void *self);
    void *abort_self;
    tn__os_mutex mutex;
    tn__shared *shared; /* under the mutex */
    tn__custom_table *custom_ops; /* a reference; changed by tn_custom_op_share alone */
};

/* CANCELLED if the caller wants it. */
static inline tn_error *tn__context_poll(const tn_context *c) {
    if (!c->should_abort || !c->should_abort(c->abort_self)) return NULL;
    return TN__FAIL(&c->allocator, CANCELLED, "the caller's abort check said so");
}
/* NULL: out of memory. Thread-safe; the object guards itself. */
void *tn__context_get_shared(tn_context *c, const tn__shared_kind *kind);
#endif
