/* The pools of a context: one of each kind, shared by all executables that want such. */
#include "rt/pool.h"

typedef struct shared_pool {
    struct shared_pool *next;
    uint32_t references;
    tn__pool_config config;
    tn__pool *pool;
} shared_pool;

typedef struct pools {
    tn__os_mutex mutex;
    shared_pool *first;
} pools;

static bool pools_init(tn_context *c, void *object) {
    (void)c;
    return tn__os_mutex_init(&((pools *)object)->mutex);
}

/* Every user of a pool holds a reference to the context: by now there is no pool left. */
static void pools_deinit(tn_context *c, void *object) {
    (void)c;
    tn__os_mutex_deinit(&((pools *)object)->mutex);
}

static const tn__shared_kind pools_kind = {sizeof(pools), pools_init, pools_deinit};

static tn_error *make(tn_context *c, pools *s, const tn__pool_config *config, shared_pool **out) {
    shared_pool *x = tn__alloc_zero(&c->allocator, sizeof *x);
    if (!x) return tn__error_oom();
    tn_error *e = c->thread_pool.threads ? tn__pool_create_of_caller(&c->allocator, &c->thread_pool, config->threads, &x->pool)
                                         : tn__pool_create_with(&c->allocator, config, &x->pool);
    if (e) {
        tn__free(&c->allocator, x, sizeof *x);
        return e;
    }
    x->config = *config;
    x->next = s->first;
    s->first = *out = x;
    return NULL;
}

static bool same_kind(const tn__pool_config *a, const tn__pool_config *b) {
    return a->threads == b->threads && a->spin_us == b->spin_us && a->affinity == b->affinity;
}

tn_error *tn__pool_acquire(tn_context *c, const tn__pool_config *config, tn__pool **out_pool) {
    *out_pool = NULL;
    pools *s = tn__context_get_shared(c, &pools_kind);
    if (!s) return tn__error_oom();
    tn__os_mutex_lock(&s->mutex);
    shared_pool *x = s->first;
    while (x && !same_kind(&x->config, config)) x = x->next;
    tn_error *e = x ? NULL : make(c, s, config, &x);
    if (!e) {
        x->references++;
        *out_pool = x->pool;
    }
    tn__os_mutex_unlock(&s->mutex);
    return e;
}

void tn__pool_release(tn_context *c, tn__pool *pool) {
    pools *s = pool ? tn__context_get_shared(c, &pools_kind) : NULL;
    if (!s) return;
    tn__os_mutex_lock(&s->mutex);
    shared_pool **at = &s->first;
    while ((*at)->pool != pool) at = &(*at)->next;
    shared_pool *x = *at;
    bool last = --x->references == 0;
    if (last) *at = x->next;
    tn__os_mutex_unlock(&s->mutex);
    if (!last) return;
    tn__pool_destroy(pool);
    tn__free(&c->allocator, x, sizeof *x);
}
