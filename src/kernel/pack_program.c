/* Packs all constants of a program on all threads, and lets the programs of a context share what they have packed.
 *
 * Constants are known by form and content, not by tensor: weights that a pass computed anew for each program are shared too. A sample of
 * the source finds a candidate; then the packing is done once more in small pieces and compared, which takes as long as packing into new
 * memory, and a wrong sharing is impossible. Two programs that are packed at the same time do not see each other. What asked for large
 * pages, or for a place, is not shared with a program that wants another kind of memory.
 *
 * A program's new constants lie in one block of memory (one large block has large pages); it lives as long as any program uses any part. */
#include "kernel/program.h"

typedef struct item {
    tn__pack pack;
    tn_dtype dtype;
    uint64_t sample;
    size_t bytes, offset; /* packed; in the block */
} item;

struct tn__packed {
    tn__packed *next;
    uint32_t references; /* programs; under the mutex */
    tn__block memory;
    tn__memory kind; /* as it was made */
    TN__VEC(item) items;
};

typedef struct registry {
    tn__os_mutex mutex;
    tn__packed *first;
} registry;

static bool registry_init(tn_context *c, void *object) {
    (void)c;
    return tn__os_mutex_init(&((registry *)object)->mutex);
}

/* Every program holds a reference to the context: by now nothing is packed. */
static void registry_deinit(tn_context *c, void *object) {
    (void)c;
    tn__os_mutex_deinit(&((registry *)object)->mutex);
}

static const tn__shared_kind registry_kind = {sizeof(registry), registry_init, registry_deinit};

static bool same_kind(const tn__memory *x, const tn__memory *y) { return x->small_pages == y->small_pages && x->numa == y->numa; }

/* ---- one packing ---------------------------------------------------------------------------------------------------------- */

/* What is done with job i. */
typedef struct task {
    item item;
    tn__packed *found; /* referenced */
    const char *there; /* the candidate's bytes, or NULL: none, or it had others */
    char *dst;         /* where the bytes are to go, if not there */
    atomic_uint left;  /* pieces to be done */
    atomic_bool differs;
} task;

/* What one thread does at a time: slices of dim 0 of one job. */
typedef struct piece {
    uint32_t job;
    int64_t begin, end;
} piece;

typedef struct packing {
    tn__kprogram *p;
    task *tasks;
    piece *pieces;
    const tn__memory *kind;
} packing;

/* Of some words all over the source. */
static uint64_t sample_of(const tn_tensor *t) {
    enum { WORDS = 64 };
    const char *data = tn__tensor_bytes(t);
    uint64_t h = 1469598103934665603u ^ t->bytes;
    for (size_t i = 0; i < WORDS && t->bytes; i++) {
        size_t at = t->bytes / WORDS * i, n = t->bytes - at < 8 ? t->bytes - at : 8;
        uint64_t word = 0;
        memcpy(&word, data + at, n);
        h = (h ^ word) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    }
    return h;
}

static int64_t slice_bytes(const tn__pack_job *j) { return (int64_t)j->bytes / j->pack.dims[0].count; }

static int64_t slices_a_piece(const tn__pack_job *j) {
    enum { BYTES = 256 << 10 };
    int64_t slice = slice_bytes(j);
    return slice && slice < BYTES ? BYTES / slice : 1;
}

static int64_t pieces_of(const tn__pack_job *j) {
    int64_t step = slices_a_piece(j);
    return j->bytes ? (j->pack.dims[0].count + step - 1) / step : 0;
}

/* The slices packed are what lies at `there`. */
static bool same_slices(const tn_allocator *a, const tn__pack_job *j, const piece *x, const char *there) {
    size_t slice = (size_t)slice_bytes(j), bytes = slice * (size_t)(x->end - x->begin);
    char *again = tn__alloc(a, bytes);
    if (!again) return false; /* then it is packed into new memory, or that fails too */
    tn__pack part = j->pack; /* slice 0 of the part is slice `begin` of the whole */
    int32_t axis = part.dims[0].axis;
    int64_t skip = x->begin * part.dims[0].step;
    part.offset += skip * part.axes[axis].stride;
    part.axes[axis].extent -= skip;
    part.dims[0].count = x->end - x->begin;
    tn__pack_move(&part, j->source->dtype, tn__tensor_bytes(j->source), again, 0, x->end - x->begin);
    bool same = !memcmp(again, there + slice * (size_t)x->begin, bytes);
    tn__free(a, again, bytes);
    return same;
}

static void do_pieces(void *self, int64_t begin, int64_t end, int32_t worker) {
    const packing *s = self;
    (void)worker;
    for (int64_t i = begin; i < end; i++) {
        const piece *x = &s->pieces[i];
        const tn__pack_job *j = &s->p->packs.data[x->job];
        task *t = &s->tasks[x->job];
        if (!t->there) tn__pack_move(&j->pack, j->source->dtype, tn__tensor_bytes(j->source), t->dst, x->begin, x->end);
        else if (!atomic_load_explicit(&t->differs, memory_order_relaxed) && !same_slices(&s->p->context->allocator, j, x, t->there))
            atomic_store_explicit(&t->differs, true, memory_order_relaxed);
        /* both forms of all weights in memory would be the peak of the whole process */
        if (atomic_fetch_sub_explicit(&t->left, 1, memory_order_acq_rel) == 1) tn__tensor_forget(j->source);
    }
}

/* All jobs that have a candidate, or all that have none. */
static tn_error *do_jobs(packing *s, bool with_candidate, tn__pool *pool) {
    int64_t n = 0;
    for (uint32_t i = 0; i < s->p->packs.count; i++) {
        const tn__pack_job *j = &s->p->packs.data[i];
        if ((s->tasks[i].there != NULL) != with_candidate) continue;
        int64_t step = slices_a_piece(j), count = j->pack.dims[0].count, first = n, end = n + pieces_of(j);
        atomic_store_explicit(&s->tasks[i].left, (unsigned)(end - first), memory_order_relaxed);
        for (int64_t k = 0; n < end; k += step) s->pieces[n++] = (piece){i, k, k + step < count ? k + step : count};
    }
    return tn__pool_run(pool, do_pieces, s, n, 1);
}

/* ---- sharing -------------------------------------------------------------------------------------------------------------- */

static void find_candidates(registry *r, packing *s) {
    tn__os_mutex_lock(&r->mutex);
    for (size_t i = 0; i < s->p->packs.count; i++) {
        task *t = &s->tasks[i];
        const item *wanted = &t->item;
        for (tn__packed *b = r->first; b && !t->there; b = b->next)
            for (size_t k = 0; same_kind(&b->kind, s->kind) && k < b->items.count && !t->there; k++) {
                const item *x = &b->items.data[k];
                if (x->sample != wanted->sample || x->dtype != wanted->dtype || x->bytes != wanted->bytes ||
                    !tn__pack_equal(&x->pack, &wanted->pack))
                    continue;
                t->there = (char *)b->memory.data + x->offset;
                t->found = b;
                b->references++;
            }
    }
    tn__os_mutex_unlock(&r->mutex);
}

static void drop(tn_context *c, registry *r, tn__packed *b) {
    tn__os_mutex_lock(&r->mutex);
    bool last = --b->references == 0;
    if (last) {
        tn__packed **at = &r->first;
        while (*at != b) at = &(*at)->next;
        *at = b->next;
    }
    tn__os_mutex_unlock(&r->mutex);
    if (!last) return;
    tn__block_destroy(&c->allocator, &b->memory);
    TN__VEC_FREE(&c->allocator, &b->items);
    tn__free(&c->allocator, b, sizeof *b);
}

/* The references of the tasks go over to the program, one a block; those to blocks that held something else go. */
static tn_error *keep_found(packing *s, registry *r) {
    tn__kprogram *p = s->p;
    tn_error *e = NULL;
    for (size_t i = 0; i < p->packs.count; i++) {
        task *t = &s->tasks[i];
        if (!t->found) continue;
        bool has = !t->there;
        for (size_t k = 0; k < p->packed.count && !has; k++) has = p->packed.data[k] == t->found;
        if (!has && !TN__PUSH(&p->context->allocator, &p->packed, t->found)) {
            e = tn__error_oom();
            has = true;
        }
        if (has) drop(p->context, r, t->found);
        t->found = NULL;
    }
    return e;
}

/* One block for all that nobody has. Published when it is filled. */
static tn_error *pack_rest(packing *s, registry *r, tn__pool *pool) {
    enum { ALIGN = 64 }; /* and as many bytes beyond the end: a kernel may read a whole vector there */
    tn__kprogram *p = s->p;
    const tn_allocator *a = &p->context->allocator;
    size_t bytes = 0;
    tn__packed *b = NULL;
    for (size_t i = 0; i < p->packs.count; i++) {
        task *t = &s->tasks[i];
        if (t->there) continue;
        if (!b && !(b = tn__alloc_zero(a, sizeof *b))) return tn__error_oom();
        t->item.offset = bytes;
        bytes += (t->item.bytes + 2 * ALIGN) / ALIGN * ALIGN; /* no overflow: the sum of the bytes was checked when they were noted */
        if (!TN__PUSH(a, &b->items, t->item)) goto no_memory;
    }
    if (!b) return NULL;
    if (!TN__PUSH(a, &p->packed, b)) goto no_memory;
    b->kind = *s->kind;
    if (!tn__block_create(a, bytes, s->kind, &b->memory)) {
        p->packed.count--;
        goto no_memory;
    }
    for (size_t i = 0; i < p->packs.count; i++)
        if (!s->tasks[i].there) s->tasks[i].dst = (char *)b->memory.data + s->tasks[i].item.offset;
    b->references = 1;
    tn_error *e = do_jobs(s, false, pool);
    if (e) b->items.count = 0; /* nobody is to find it; the program gives it back */
    tn__os_mutex_lock(&r->mutex);
    b->next = r->first;
    r->first = b;
    tn__os_mutex_unlock(&r->mutex);
    return e;
no_memory:
    TN__VEC_FREE(a, &b->items);
    tn__free(a, b, sizeof *b);
    return tn__error_oom();
}

static tn_error *pack(packing *s, registry *r, tn__pool *pool) {
    tn__kprogram *p = s->p;
    for (size_t i = 0; i < p->packs.count; i++) {
        const tn__pack_job *j = &p->packs.data[i];
        s->tasks[i].item = (item){j->pack, j->source->dtype, sample_of(j->source), j->bytes, 0};
    }
    find_candidates(r, s);
    tn_error *e = do_jobs(s, true, pool);
    for (size_t i = 0; i < p->packs.count; i++)
        if (atomic_load_explicit(&s->tasks[i].differs, memory_order_relaxed)) s->tasks[i].there = NULL;
    tn_error *kept = keep_found(s, r);
    if (!e) e = kept;
    else tn_error_destroy(kept);
    TN__TRY(e);
    TN__TRY(pack_rest(s, r, pool));
    for (size_t i = 0; i < p->packs.count; i++)
        p->slots.data[p->packs.data[i].slot].data = s->tasks[i].there ? (char *)s->tasks[i].there : s->tasks[i].dst;
    return NULL;
}

static void forget_jobs(tn__kprogram *p) {
    for (size_t i = 0; i < p->packs.count; i++) tn_tensor_release(p->packs.data[i].source);
    TN__VEC_FREE(&p->context->allocator, &p->packs);
}

tn_error *tn__kprogram_pack(tn__kprogram *p, tn__pool *pool, const tn__memory *kind) {
    registry *r = tn__context_get_shared(p->context, &registry_kind);
    if (!r) return tn__error_oom();
    tn__arena arena;
    tn__arena_init(&arena, &p->context->allocator);
    int64_t n = 0;
    for (size_t i = 0; i < p->packs.count; i++) n += pieces_of(&p->packs.data[i]);
    packing s = {p, TN__ARENA_ARRAY(&arena, task, p->packs.count + 1), TN__ARENA_ARRAY(&arena, piece, n + 1), kind};
    tn_error *e = s.tasks && s.pieces ? pack(&s, r, pool) : tn__error_oom();
    tn__arena_deinit(&arena);
    if (!e) forget_jobs(p);
    return e;
}

void tn__kprogram_unpack(tn__kprogram *p) {
    registry *r = p->packed.count ? tn__context_get_shared(p->context, &registry_kind) : NULL;
    for (size_t i = 0; i < p->packed.count; i++) drop(p->context, r, p->packed.data[i]);
    TN__VEC_FREE(&p->context->allocator, &p->packed);
    forget_jobs(p);
}
