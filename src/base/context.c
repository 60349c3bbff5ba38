#include "base/context.h"

#include "base/os.h"

struct tn__shared {
    tn__shared *next;
    const tn__shared_kind *kind;
    _Alignas(16) unsigned char object[];
};

void *tn__context_get_shared(tn_context *c, const tn__shared_kind *kind) {
    size_t bytes = sizeof(tn__shared) + kind->bytes;
    tn__os_mutex_lock(&c->mutex);
    tn__shared *s = c->shared;
    while (s && s->kind != kind) s = s->next;
    if (!s && (s = tn__alloc_zero(&c->allocator, bytes))) {
        if (kind->init(c, s->object)) {
            s->kind = kind;
            s->next = c->shared;
            c->shared = s;
        } else {
            tn__free(&c->allocator, s, bytes);
            s = NULL;
        }
    }
    tn__os_mutex_unlock(&c->mutex);
    return s ? s->object : NULL;
}

tn_error *tn_context_create(const tn_context_options *options, tn_context **out_context) {
    if (!out_context) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_context_create: out_context is NULL");
    *out_context = NULL;
    tn_context_options o = {0};
    if (options) TN__STRUCT_READ(&o, options);
    tn_allocator a = tn__allocator_malloc;
    if (o.allocator) {
        a = (tn_allocator){0};
        TN__STRUCT_READ(&a, o.allocator);
    }
    if (!a.allocate || !a.deallocate)
        return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_context_create: the allocator lacks a function");
    tn_thread_pool pool = {0};
    if (o.thread_pool) {
        if (o.thread_pool->struct_size < sizeof pool)
            return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_context_create: thread_pool->struct_size is %zu, wanted at least %zu",
                            o.thread_pool->struct_size, sizeof pool);
        pool = *o.thread_pool;
        if (!pool.parallel_for || pool.threads < 1 || pool.threads > TN__MAX_THREADS)
            return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_context_create: thread_pool: found %d threads%s, wanted 1 to %d", (int)pool.threads,
                            pool.parallel_for ? "" : " and no parallel_for", TN__MAX_THREADS);
    }
    tn_limits limits = {0};
    if (o.limits) TN__STRUCT_READ(&limits, o.limits);
    tn_context *c = tn__alloc_zero(&a, sizeof *c);
    if (!c) return tn__error_oom();
    tn_error *e = tn__custom_table_create(&a, &c->custom_ops);
    if (!e && !tn__os_mutex_init(&c->mutex)) e = tn__error_oom();
    if (e) {
        tn__custom_table_release(c->custom_ops);
        tn__free(&a, c, sizeof *c);
        return e;
    }
    tn__handle_init(&c->handle, TN__HANDLE_CONTEXT);
    atomic_init(&c->references, 1);
    c->allocator = a;
    c->log = o.log;
    c->log_self = o.log_self;
    c->thread_pool = pool;
    c->should_abort = o.should_abort;
    c->abort_self = o.abort_self;
    c->limits = limits;
    tn_limits *l = &c->limits;
    l->struct_size = sizeof *l;
    bool lower_bytes = !l->max_bytes;
#define TN_LIMIT(name, type, default_, most, help) \
    if (!l->name) l->name = default_;              \
    if (l->name > most) l->name = (type)most;
#include "tenon/limits.def"
    uint64_t memory = tn__os_memory_bytes();
    if (lower_bytes && memory && memory < l->max_bytes) l->max_bytes = memory; /* more would only bring the system down */
    *out_context = c;
    return NULL;
}

void tn_context_retain(tn_context *context) {
    if (TN__IS(context, CONTEXT)) atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
}

void tn_context_release(tn_context *context) {
    if (!TN__IS(context, CONTEXT) || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1) return;
    tn_allocator a = context->allocator;
    for (tn__shared *s = context->shared, *next; s; s = next) {
        next = s->next;
        s->kind->deinit(context, s->object);
        tn__free(&a, s, sizeof *s + s->kind->bytes);
    }
    tn__os_mutex_deinit(&context->mutex);
    tn__custom_table_release(context->custom_ops);
    tn__handle_deinit(&context->handle);
    tn__free(&a, context, sizeof *context);
}

const char *tn_version(void) { return TN_VERSION_TEXT; }
