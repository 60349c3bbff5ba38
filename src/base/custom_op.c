#include "base/custom_op.h"

enum { MOST_DEEP = 32 }; /* an op whose evaluation comes to itself again */

tn_error *tn__custom_table_create(const tn_allocator *a, tn__custom_table **out_table) {
    *out_table = NULL;
    tn__custom_table *t = tn__alloc_zero(a, sizeof *t);
    if (!t) return tn__error_oom();
    bool has_mutex = tn__os_mutex_init(&t->mutex);
    if (!has_mutex || !tn__os_condition_init(&t->left)) {
        if (has_mutex) tn__os_mutex_deinit(&t->mutex);
        tn__free(a, t, sizeof *t);
        return TN__FAIL(a, OUT_OF_MEMORY, "the system has no more locks");
    }
    atomic_init(&t->references, 1);
    t->allocator = *a;
    *out_table = t;
    return NULL;
}

void tn__custom_table_release(tn__custom_table *t) {
    if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1) return;
    for (tn__custom_op *x = t->ops, *next; x; x = next) {
        next = x->next;
        tn__custom_op_release(x);
    }
    tn__os_condition_deinit(&t->left);
    tn__os_mutex_deinit(&t->mutex);
    tn_allocator a = t->allocator;
    tn__free(&a, t, sizeof *t);
}

void tn__custom_op_release(tn__custom_op *x) {
    if (!x || atomic_fetch_sub_explicit(&x->references, 1, memory_order_acq_rel) != 1) return;
    if (x->op.free_self) x->op.free_self(x->op.self);
    tn_allocator a = x->allocator;
    tn__strfree(&a, (char *)x->op.name);
    tn__free(&a, x, sizeof *x);
}

/* Where the op of that name hangs, or where the list ends. With the mutex held. */
static tn__custom_op **find(tn__custom_table *t, const char *name) {
    tn__custom_op **at = &t->ops;
    while (*at && strcmp((*at)->op.name, name)) at = &(*at)->next;
    return at;
}

tn_error *tn__custom_table_add(tn__custom_table *t, const tn_allocator *a, const tn_custom_op *op) {
    tn__custom_op *x = tn__alloc_zero(&t->allocator, sizeof *x);
    if (!x) return tn__error_oom();
    atomic_init(&x->references, 1);
    x->allocator = t->allocator;
    x->op = *op;
    if (!(x->op.name = tn__strdup(&x->allocator, op->name))) return tn__free(&t->allocator, x, sizeof *x), tn__error_oom();
    tn__os_mutex_lock(&t->mutex);
    tn__custom_op **at = find(t, op->name);
    bool taken = *at != NULL;
    if (!taken) *at = x;
    tn__os_mutex_unlock(&t->mutex);
    if (!taken) return NULL;
    x->op.free_self = NULL; /* self stays the caller's */
    tn__custom_op_release(x);
    return TN__FAIL(a, INVALID_ARGUMENT, "custom op '%s' is registered already", op->name);
}

tn_error *tn__custom_table_remove(tn__custom_table *t, const tn_allocator *a, const char *name) {
    tn__os_mutex_lock(&t->mutex);
    tn__custom_op **at = find(t, name), *x = *at;
    if (x) *at = x->next;
    tn__os_mutex_unlock(&t->mutex);
    if (!x) return TN__FAIL(a, NOT_FOUND, "there is no custom op '%.255s'", name);
    tn__custom_op_release(x);
    return NULL;
}

tn__custom_op *tn__custom_table_find(tn__custom_table *t, const char *name) {
    tn__os_mutex_lock(&t->mutex);
    tn__custom_op *x = *find(t, name);
    if (x) tn__custom_op_retain(x);
    tn__os_mutex_unlock(&t->mutex);
    return x;
}

bool tn__custom_table_is_empty(tn__custom_table *t) {
    tn__os_mutex_lock(&t->mutex);
    bool empty = !t->ops;
    tn__os_mutex_unlock(&t->mutex);
    return empty;
}

/* ---- turns --------------------------------------------------------------------------------------------------- */

/* The op that `thread` waits for, or NULL. A thread waits for one at most. */
static const tn__custom_op *wanted_by(const tn__custom_table *t, uintptr_t thread) {
    for (const tn__custom_waiter *w = t->waiters; w; w = w->next)
        if (w->thread == thread) return w->wanted;
    return NULL;
}

/* Would `self`, waiting for x, wait for itself? Follows owner and wish; the chain ends, for no circle is ever let in. */
static const tn__custom_op *closes_circle(const tn__custom_table *t, uintptr_t self, const tn__custom_op *x) {
    for (const tn__custom_op *at = x; at && at->depth; at = wanted_by(t, at->owner))
        if (at->owner == self) return at;
    return NULL;
}

tn_error *tn__custom_op_enter(tn__custom_table *t, const tn_allocator *a, tn__custom_op *x) {
    if (x->op.flags & TN_CUSTOM_THREAD_SAFE) return NULL;
    uintptr_t self = tn__os_thread_self();
    const tn__custom_op *circle = NULL;
    bool deep = false;
    tn__os_mutex_lock(&t->mutex);
    if (x->depth && x->owner == self) {
        deep = x->depth >= MOST_DEEP;
    } else if (x->depth && !(circle = closes_circle(t, self, x))) {
        tn__custom_waiter w = {self, x, t->waiters};
        t->waiters = &w;
        while (x->depth) tn__os_condition_wait(&t->left, &t->mutex);
        tn__custom_waiter **at = &t->waiters;
        while (*at != &w) at = &(*at)->next;
        *at = w.next;
    }
    if (!deep && !circle) x->owner = self, x->depth++;
    tn__os_mutex_unlock(&t->mutex);
    if (deep) return TN__FAIL(a, LIMIT_EXCEEDED, "the op comes to itself again, more than %d deep", MOST_DEEP);
    if (circle)
        return TN__FAIL(a, INVALID_ARGUMENT, "it is another thread's turn, which waits for '%s', in which this thread is", circle->op.name);
    return NULL;
}

void tn__custom_op_leave(tn__custom_table *t, tn__custom_op *x) {
    if (x->op.flags & TN_CUSTOM_THREAD_SAFE) return;
    tn__os_mutex_lock(&t->mutex);
    if (--x->depth == 0) tn__os_condition_broadcast(&t->left);
    tn__os_mutex_unlock(&t->mutex);
}
