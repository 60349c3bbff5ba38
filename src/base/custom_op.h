/* Registered custom ops: a table that a context has, alone or with others, and the turns of ops that are not thread-safe. */
#ifndef TN_BASE_CUSTOM_OP_H
#define TN_BASE_CUSTOM_OP_H
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/os_thread.h"
#include "tenon/custom_op.h"

/* Reference-counted: the table and every graph with a node of it hold one. */
typedef struct tn__custom_op {
    atomic_uint references;
    tn_allocator allocator;
    struct tn__custom_op *next; /* in the table */
    tn_custom_op op;            /* all fields set; the name is owned */
    uintptr_t owner;            /* thread whose turn it is, and how often it came in; under the table's mutex */
    uint32_t depth;
} tn__custom_op;

/* A thread that waits for its turn. */
typedef struct tn__custom_waiter {
    uintptr_t thread;
    const tn__custom_op *wanted;
    struct tn__custom_waiter *next;
} tn__custom_waiter;

typedef struct tn__custom_table {
    atomic_uint references; /* contexts */
    tn_allocator allocator;
    tn__os_mutex mutex;
    tn__os_condition left; /* a turn is over */
    tn__custom_op *ops;
    tn__custom_waiter *waiters; /* on their stacks */
} tn__custom_table;

tn_error *tn__custom_table_create(const tn_allocator *a, tn__custom_table **out_table);
static inline void tn__custom_table_retain(tn__custom_table *t) { atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed); }
void tn__custom_table_release(tn__custom_table *t);

/* Registers a copy of a complete `op`. */
tn_error *tn__custom_table_add(tn__custom_table *t, const tn_allocator *a, const tn_custom_op *op);
tn_error *tn__custom_table_remove(tn__custom_table *t, const tn_allocator *a, const char *name);
/* With a reference for the caller; NULL: there is none of that name. */
tn__custom_op *tn__custom_table_find(tn__custom_table *t, const char *name);
bool tn__custom_table_is_empty(tn__custom_table *t);

static inline void tn__custom_op_retain(tn__custom_op *x) { atomic_fetch_add_explicit(&x->references, 1, memory_order_relaxed); }
void tn__custom_op_release(tn__custom_op *x); /* NULL is allowed */

/* Waits until it is this thread's turn; an error where that would never be. Nothing to do for thread-safe ops. */
tn_error *tn__custom_op_enter(tn__custom_table *t, const tn_allocator *a, tn__custom_op *x);
void tn__custom_op_leave(tn__custom_table *t, tn__custom_op *x);
#endif
