/* The cache of executables by signature.
 *
 *   buckets  [ e -> e | . | e | ...      chains by hash
 *   recent   e <-> e <-> e               ready and failed entries, last used first
 *   flying   e -> e                      entries in flight
 *
 * An entry is born BUILDING, with the thread that compiles it as its owner; it joins `recent` when it is done, so what is in flight
 * is never thrown out. One mutex guards everything; it is not held while a callback runs or an executable is freed. */
#include "base/context.h"
#include "base/os_thread.h"
#include "bridge/guard.h"
#include "tenon/signature.h"

enum { DEFAULT_ENTRIES = 256, MOST_ENTRIES = 1 << 20, MOST_INPUTS = 1 << 20 };

typedef enum entry_state { ENTRY_BUILDING, ENTRY_READY, ENTRY_FAILED } entry_state;

typedef struct entry {
    struct entry *chain;       /* of its bucket, or of what is to be freed */
    struct entry *newer, *older; /* in `recent`; older: in `flying` */
    uint64_t hash;
    tn_signature key;          /* arrays behind the entry, in the same memory */
    size_t bytes;              /* of that memory */
    entry_state state;
    bool linked;               /* in a bucket */
    bool passing;              /* a failure that depends on who asked when: not remembered */
    uint32_t users;            /* threads that look at it outside of `recent`: the compiling one and the waiting ones */
    uintptr_t owner;           /* thread that compiles it */
    tn_executable *executable;
    tn_error *error;
} entry;

/* A thread that waits, on its stack. */
typedef struct waiter {
    struct waiter *next;
    uintptr_t thread;
    const entry *entry;
} waiter;

struct tn_signature_cache {
    tn__handle handle;
    tn_context *context;
    uint32_t max_entries, n_buckets; /* a power of two */
    bool retry_failed;
    tn__os_mutex mutex;
    tn__os_condition built;
    entry **buckets;
    entry *newest, *oldest, *flying;
    uint32_t n_done; /* in `recent` */
    waiter *waiters;
    tn_signature_cache_stats stats;
};

/* ---- keys ---------------------------------------------------------------------------------------------------- */

static inline uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *data, size_t n) {
    const unsigned char *at = data;
    uint64_t word;
    h = mix(h, n);
    for (; n >= 8; at += 8, n -= 8) {
        memcpy(&word, at, 8);
        h = mix(h, word);
    }
    if (!n) return h;
    word = 0;
    memcpy(&word, at, n);
    return mix(h, word);
}

static uint64_t hash_of(const tn_signature *s) {
    uint64_t h = mix(s->cluster, s->n_inputs);
    for (uint32_t i = 0; i < s->n_inputs; i++) {
        const tn_signature_input *in = &s->inputs[i];
        h = mix(h, (uint64_t)in->dtype << 32 | (uint32_t)in->rank);
        for (int32_t d = 0; d < in->rank; d++) h = mix(h, (uint64_t)in->dims[d]);
        if (in->value) h = mix_bytes(h, in->value, in->value_bytes);
    }
    return s->extra_bytes ? mix_bytes(h, s->extra, s->extra_bytes) : h;
}

static bool same(const tn_signature *a, const tn_signature *b) {
    if (a->cluster != b->cluster || a->n_inputs != b->n_inputs || a->extra_bytes != b->extra_bytes) return false;
    for (uint32_t i = 0; i < a->n_inputs; i++) {
        const tn_signature_input *x = &a->inputs[i], *y = &b->inputs[i];
        if (x->dtype != y->dtype || x->rank != y->rank || !x->value != !y->value) return false;
        for (int32_t d = 0; d < x->rank; d++)
            if (x->dims[d] != y->dims[d]) return false;
        if (!x->value) continue;
        if (x->value_bytes != y->value_bytes || (x->value_bytes && memcmp(x->value, y->value, x->value_bytes))) return false;
    }
    return !a->extra_bytes || !memcmp(a->extra, b->extra, a->extra_bytes);
}

/* Bytes of an entry with its key; 0: more than there can be. */
static size_t entry_bytes(const tn_signature *s) {
    size_t n = sizeof(entry) + s->n_inputs * sizeof *s->inputs;
    for (uint32_t i = 0; i < s->n_inputs; i++) {
        const tn_signature_input *in = &s->inputs[i];
        size_t value = in->value ? in->value_bytes : 0;
        if (value > SIZE_MAX / 2 || !tn__add(n, (size_t)in->rank * sizeof *in->dims + (value + 7) / 8 * 8, &n)) return 0;
    }
    return tn__add(n, s->extra_bytes, &n) ? n : 0;
}

static void *put(char **at, const void *data, size_t n) {
    char *to = *at;
    if (n) memcpy(to, data, n);
    *at += (n + 7) / 8 * 8;
    return to;
}

static entry *entry_new(tn_signature_cache *c, const tn_signature *s, uint64_t hash) {
    size_t bytes = entry_bytes(s);
    entry *e = bytes ? tn__alloc(&c->context->allocator, bytes) : NULL;
    if (!e) return NULL;
    *e = (entry){.hash = hash, .key = *s, .bytes = bytes, .users = 1, .owner = tn__os_thread_self()};
    char *at = (char *)(e + 1);
    tn_signature_input *inputs = put(&at, s->inputs, s->n_inputs * sizeof *inputs);
    for (uint32_t i = 0; i < s->n_inputs; i++) {
        inputs[i].dims = put(&at, s->inputs[i].dims, (size_t)s->inputs[i].rank * sizeof(int64_t));
        if (inputs[i].value) inputs[i].value = put(&at, s->inputs[i].value, s->inputs[i].value_bytes);
    }
    e->key.inputs = inputs;
    if (s->extra_bytes) {
        memcpy(at, s->extra, s->extra_bytes);
        e->key.extra = at;
    }
    return e;
}

/* ---- lists; all with the mutex held -------------------------------------------------------------------------- */

static entry **bucket_of(const tn_signature_cache *c, uint64_t hash) { return &c->buckets[hash & (c->n_buckets - 1)]; }

static entry *find(const tn_signature_cache *c, const tn_signature *s, uint64_t hash) {
    entry *e = *bucket_of(c, hash);
    while (e && (e->hash != hash || !same(&e->key, s))) e = e->chain;
    return e;
}

static void recent_remove(tn_signature_cache *c, entry *e) {
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
    e->newer = e->older = NULL;
    c->n_done--;
}

static void recent_add(tn_signature_cache *c, entry *e) {
    e->older = c->newest;
    e->newer = NULL;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
    c->n_done++;
}

static void drop(entry *e, entry **garbage) {
    e->chain = *garbage;
    *garbage = e;
}

/* Out of its bucket; into *garbage where nobody looks at it. */
static void forget(tn_signature_cache *c, entry *e, entry **garbage) {
    entry **p = bucket_of(c, e->hash);
    while (*p != e) p = &(*p)->chain;
    *p = e->chain;
    e->linked = false;
    c->stats.entries--;
    if (e->state != ENTRY_BUILDING) recent_remove(c, e);
    if (!e->users) drop(e, garbage);
}

static void leave(entry *e, entry **garbage) {
    if (!--e->users && !e->linked) drop(e, garbage);
}

/* Without the mutex. */
static void free_all(const tn_allocator *a, entry *garbage) {
    for (entry *next; garbage; garbage = next) {
        next = garbage->chain;
        tn_executable_release(garbage->executable);
        tn_error_destroy(garbage->error);
        tn__free(a, garbage, garbage->bytes);
    }
}

/* ---- compiling ----------------------------------------------------------------------------------------------- */

/* A compilation in flight; ends it however the callback leaves. */
typedef struct flight {
    tn_signature_cache *cache;
    entry *entry;
    tn_executable *executable; /* what the callback made */
    tn_error *error;
    bool returned; /* the callback came back */
} flight;

static void land(flight *f) {
    tn_signature_cache *c = f->cache;
    entry *e = f->entry, *garbage = NULL;
    const tn_allocator *a = &c->context->allocator;
    if (!f->returned) f->error = TN__FAIL(a, INVALID_ARGUMENT, "signature cache: the callback did not come back: an exception?");
    else if (!f->error && !f->executable)
        f->error = TN__FAIL(a, INVALID_ARGUMENT, "signature cache: the callback made no executable");
    tn_error_code code = tn_error_get_code(f->error);
    bool keep = !f->error || (f->returned && !c->retry_failed && code != TN_ERROR_OUT_OF_MEMORY && code != TN_ERROR_CANCELLED);
    tn__os_mutex_lock(&c->mutex);
    entry **p = &c->flying;
    while (*p != e) p = &(*p)->older;
    *p = e->older;
    e->older = NULL;
    e->state = f->error ? ENTRY_FAILED : ENTRY_READY;
    e->error = f->error;
    e->executable = f->error ? NULL : f->executable;
    *(f->error ? &c->stats.failures : &c->stats.compiles) += 1;
    if (e->linked) recent_add(c, e);
    if (e->linked && (!keep || (f->error && e->passing))) forget(c, e, &garbage);
    while (c->n_done > c->max_entries) {
        c->stats.evictions++;
        forget(c, c->oldest, &garbage);
    }
    if (!f->returned) leave(e, &garbage); /* else the caller still takes the result */
    tn__os_condition_broadcast(&c->built);
    tn__os_mutex_unlock(&c->mutex);
    if (f->error) tn_executable_release(f->executable);
    free_all(a, garbage);
}

static void fly(tn_signature_cache *c, entry *e, const tn_signature *s, tn_signature_compile compile, void *self) {
    flight f TN__GUARD(land) = {.cache = c, .entry = e};
    f.error = compile(self, s, &f.executable);
    f.returned = true;
}

/* Does the thread that compiles `e` wait, over other entries, for this one? */
static bool would_wait_for_ever(const tn_signature_cache *c, const entry *e, uintptr_t self) {
    uintptr_t thread = e->owner;
    for (const waiter *w = c->waiters; thread != self && w;) {
        if (w->thread != thread) w = w->next;
        else if (w->entry->state != ENTRY_BUILDING) return false; /* it is about to go on */
        else thread = w->entry->owner, w = c->waiters; /* no cycle yet: every one was asked before it began */
    }
    return thread == self;
}

/* What this thread compiles meanwhile may fail for no reason of its own. */
static void own_failures_pass(tn_signature_cache *c, uintptr_t self) {
    for (entry *e = c->flying; e; e = e->older)
        if (e->owner == self) e->passing = true;
}

/* With the mutex held: `e` is in flight. False: waiting would never end. */
static bool wait_for(tn_signature_cache *c, entry *e) {
    waiter me = {c->waiters, tn__os_thread_self(), e};
    if (would_wait_for_ever(c, e, me.thread)) {
        own_failures_pass(c, me.thread);
        return false;
    }
    c->stats.waits++;
    c->waiters = &me;
    while (e->state == ENTRY_BUILDING) tn__os_condition_wait(&c->built, &c->mutex);
    waiter **p = &c->waiters;
    while (*p != &me) p = &(*p)->next;
    *p = me.next;
    if (e->passing) own_failures_pass(c, me.thread);
    return true;
}

/* With the mutex held: the result of a finished entry. */
static tn_error *take(const entry *e, tn_executable **out) {
    if (e->state == ENTRY_FAILED) return tn__error_copy(e->error);
    tn_executable_retain(*out = e->executable);
    return NULL;
}

/* ---- the public face ----------------------------------------------------------------------------------------- */

static tn_error *check(const tn_signature_cache *c, const tn_signature *given, tn_signature *s) {
    const tn_allocator *a = &c->context->allocator;
    if (given->struct_size < sizeof(size_t)) return TN__FAIL(a, INVALID_ARGUMENT, "tn_signature: struct_size is not set");
    memset(s, 0, sizeof *s);
    memcpy(s, given, given->struct_size < sizeof *s ? given->struct_size : sizeof *s);
    if ((s->n_inputs && !s->inputs) || (s->extra_bytes && !s->extra) || s->n_inputs > MOST_INPUTS)
        return TN__FAIL(a, INVALID_ARGUMENT, "tn_signature: %u inputs, %zu extra bytes, one of them at NULL or more than %d",
                        s->n_inputs, s->extra_bytes, MOST_INPUTS);
    for (uint32_t i = 0; i < s->n_inputs; i++) {
        const tn_signature_input *in = &s->inputs[i];
        if (in->rank < 0 || in->rank > TN_MAX_RANK || (in->rank && !in->dims))
            return TN__FAIL(a, INVALID_ARGUMENT, "tn_signature: input %u has rank %d%s", i, in->rank,
                            in->dims ? "" : " and no dims");
    }
    return NULL;
}

tn_error *tn_signature_cache_get(tn_signature_cache *c, const tn_signature *signature, tn_signature_compile compile, void *self,
                                 tn_executable **out) {
    if (out) *out = NULL;
    TN__HANDLE(c, SIGNATURE_CACHE);
    if (!signature || !compile || !out) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_signature_cache_get: NULL argument");
    tn_signature s;
    TN__TRY(check(c, signature, &s));
    uint64_t hash = hash_of(&s);
    entry *garbage = NULL;
    tn_error *error = NULL;
    tn__os_mutex_lock(&c->mutex);
    entry *e = find(c, &s, hash);
    if (e && e->state != ENTRY_BUILDING) {
        c->stats.hits++;
        if (e != c->newest) {
            recent_remove(c, e);
            recent_add(c, e);
        }
        error = take(e, out);
    } else if (e) {
        e->users++;
        if (wait_for(c, e)) error = take(e, out);
        else error = TN__FAIL(&c->context->allocator, INVALID_GRAPH, "signature cache: a callback asks for what it is compiling");
        leave(e, &garbage);
    } else if (!(e = entry_new(c, &s, hash))) {
        error = tn__error_oom();
    } else {
        c->stats.misses++;
        c->stats.entries++;
        e->linked = true;
        e->older = c->flying;
        c->flying = e;
        entry **bucket = bucket_of(c, hash);
        e->chain = *bucket;
        *bucket = e;
        tn__os_mutex_unlock(&c->mutex);
        fly(c, e, &s, compile, self);
        tn__os_mutex_lock(&c->mutex);
        error = take(e, out);
        leave(e, &garbage);
    }
    tn__os_mutex_unlock(&c->mutex);
    free_all(&c->context->allocator, garbage);
    return error;
}

/* Entries that `matches` says, or all. */
static uint32_t forget_matching(tn_signature_cache *c, const uint64_t *cluster) {
    entry *garbage = NULL;
    uint32_t n = 0;
    tn__os_mutex_lock(&c->mutex);
    for (uint32_t b = 0; b < c->n_buckets; b++)
        for (entry *e = c->buckets[b], *next; e; e = next) {
            next = e->chain;
            if (cluster && e->key.cluster != *cluster) continue;
            forget(c, e, &garbage);
            n++;
        }
    tn__os_mutex_unlock(&c->mutex);
    free_all(&c->context->allocator, garbage);
    return n;
}

bool tn_signature_cache_evict(tn_signature_cache *c, const tn_signature *signature) {
    tn_signature s;
    entry *garbage = NULL;
    if (!TN__IS(c, SIGNATURE_CACHE) || !signature) return false;
    tn_error *error = check(c, signature, &s);
    if (error) {
        tn_error_destroy(error);
        return false;
    }
    tn__os_mutex_lock(&c->mutex);
    entry *e = find(c, &s, hash_of(&s));
    if (e) forget(c, e, &garbage);
    tn__os_mutex_unlock(&c->mutex);
    free_all(&c->context->allocator, garbage);
    return e != NULL;
}

uint32_t tn_signature_cache_evict_cluster(tn_signature_cache *c, uint64_t cluster) { return TN__IS(c, SIGNATURE_CACHE) ? forget_matching(c, &cluster) : 0; }

void tn_signature_cache_clear(tn_signature_cache *c) {
    if (TN__IS(c, SIGNATURE_CACHE)) forget_matching(c, NULL);
}

tn_error *tn_signature_cache_get_stats(tn_signature_cache *c, tn_signature_cache_stats *out) {
    TN__HANDLE(c, SIGNATURE_CACHE);
    TN__STRUCT_CHECK(out);
    tn__os_mutex_lock(&c->mutex);
    tn_signature_cache_stats stats = c->stats;
    tn__os_mutex_unlock(&c->mutex);
    TN__STRUCT_WRITE(out, &stats);
    return NULL;
}

tn_error *tn_signature_cache_create(tn_context *context, const tn_signature_cache_options *options, tn_signature_cache **out) {
    if (out) *out = NULL;
    TN__HANDLE(context, CONTEXT);
    if (!out) return TN__FAIL(&context->allocator, INVALID_ARGUMENT, "tn_signature_cache_create: out is NULL");
    tn_signature_cache_options o = {0};
    if (options) TN__STRUCT_READ(&o, options);
    const tn_allocator *a = &context->allocator;
    if (o.max_entries > MOST_ENTRIES)
        return TN__FAIL(a, LIMIT_EXCEEDED, "tn_signature_cache_create: %u entries, limit %d", o.max_entries, MOST_ENTRIES);
    tn_signature_cache *c = tn__alloc_zero(a, sizeof *c);
    if (!c) return tn__error_oom();
    tn__handle_init(&c->handle, TN__HANDLE_SIGNATURE_CACHE);
    c->max_entries = o.max_entries ? o.max_entries : DEFAULT_ENTRIES;
    c->retry_failed = o.retry_failed;
    c->n_buckets = 16;
    while (c->n_buckets < 2 * c->max_entries) c->n_buckets *= 2;
    c->buckets = tn__alloc_zero(a, c->n_buckets * sizeof *c->buckets);
    bool mutex = c->buckets && tn__os_mutex_init(&c->mutex);
    if (mutex && tn__os_condition_init(&c->built)) {
        tn_context_retain(c->context = context);
        *out = c;
        return NULL;
    }
    if (mutex) tn__os_mutex_deinit(&c->mutex);
    tn__free(a, c->buckets, c->n_buckets * sizeof *c->buckets);
    tn__free(a, c, sizeof *c);
    return tn__error_oom();
}

void tn_signature_cache_release(tn_signature_cache *c) {
    if (!TN__IS(c, SIGNATURE_CACHE)) return;
    tn_context *context = c->context;
    const tn_allocator *a = &context->allocator;
    forget_matching(c, NULL);
    tn__os_condition_deinit(&c->built);
    tn__os_mutex_deinit(&c->mutex);
    tn__free(a, c->buckets, c->n_buckets * sizeof *c->buckets);
    tn__handle_deinit(&c->handle);
    tn__free(a, c, sizeof *c);
    tn_context_release(context);
}
