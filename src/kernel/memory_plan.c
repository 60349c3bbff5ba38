/* Memory plan: lifetimes packed into one arena, first fit in order of size; and making and freeing of programs. */
#include "kernel/tuning.h"

#include <stdlib.h>

enum { ALIGN = 64 };

void tn__kprogram_destroy(tn__kprogram *p) {
    if (!p) return;
    tn_context *c = p->context;
    const tn_allocator *a = &c->allocator;
    for (size_t i = 0; i < p->slots.count; i++) tn_tensor_release(p->slots.data[i].constant);
    for (size_t i = 0; i < p->kernels.count; i++) tn__free(a, p->kernels.data[i], sizeof(tn__kernel));
    tn__kprogram_unpack(p);
    TN__VEC_FREE(a, &p->slots);
    TN__VEC_FREE(a, &p->steps);
    TN__VEC_FREE(a, &p->kernels);
    TN__VEC_FREE(a, &p->aliases);
    TN__VEC_FREE(a, &p->sites);
    tn_graph_release(p->graph);
    tn__arena_deinit(&p->arena);
    tn__free(a, p, sizeof *p);
    tn_context_release(c);
}

typedef struct order {
    uint32_t slot;
    size_t bytes;
} order;

static int larger_first(const void *x, const void *y) {
    const order *a = x, *b = y;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    return a->slot < b->slot ? -1 : a->slot > b->slot;
}

static int by_offset(const void *x, const void *y) {
    const tn__slot *const *a = x, *const *b = y;
    return (*a)->offset < (*b)->offset ? -1 : (*a)->offset > (*b)->offset;
}

uint32_t tn__slot_root(const tn__kprogram *p, uint32_t slot) {
    while (p->slots.data[slot].kind == TN__SLOT_PART) slot = p->slots.data[slot].index;
    return slot;
}

/* A part lives in its root from its definition on: the root is there as long as any of its parts. */
static void resolve_parts(tn__kprogram *p) {
    for (uint32_t i = 0; i < p->slots.count; i++) {
        tn__slot *s = &p->slots.data[i];
        if (s->kind != TN__SLOT_PART) continue;
        size_t offset = s->offset;
        for (uint32_t k = s->index; p->slots.data[k].kind == TN__SLOT_PART; k = p->slots.data[k].index) offset += p->slots.data[k].offset;
        tn__slot *root = &p->slots.data[tn__slot_root(p, i)];
        if (s->first >= 0 && (root->first < 0 || s->first < root->first)) root->first = s->first;
        if (s->last > root->last) root->last = s->last;
        s->index = (uint32_t)(root - p->slots.data);
        s->offset = offset;
    }
}

tn_error *tn__kprogram_plan(tn__kprogram *p) {
    const tn_allocator *a = &p->context->allocator;
    size_t n = 0, steps = p->steps.count;
    order *todo = tn__alloc(a, p->slots.count * sizeof *todo);
    const tn__slot **placed = tn__alloc(a, p->slots.count * sizeof *placed);
    const tn__slot **overlap = tn__alloc(a, p->slots.count * sizeof *overlap);
    int64_t *live = tn__alloc_zero(a, (steps + 1) * sizeof *live);
    tn_error *e = todo && placed && overlap && live ? NULL : tn__error_oom();
    p->arena_bytes = p->arena_lower_bound = 0;
    resolve_parts(p);
    for (uint32_t i = 0; !e && i < p->slots.count; i++) {
        tn__slot *s = &p->slots.data[i];
        if (s->kind != TN__SLOT_ARENA || s->first < 0) continue;
        s->bytes = (s->bytes + ALIGN - 1) / ALIGN * ALIGN;
        todo[n++] = (order){i, s->bytes};
        live[s->first] += (int64_t)s->bytes;
        live[s->last + 1] -= (int64_t)s->bytes;
    }
    int64_t now = 0;
    for (size_t i = 0; !e && i < steps; i++) {
        now += live[i];
        p->steps.data[i].live_bytes = (size_t)now;
        if ((size_t)now > p->arena_lower_bound) p->arena_lower_bound = (size_t)now;
    }
    if (!e) qsort(todo, n, sizeof *todo, larger_first);
    size_t n_placed = 0;
    for (size_t i = 0; !e && i < n; i++) {
        tn__slot *s = &p->slots.data[todo[i].slot];
        size_t n_overlap = 0;
        for (size_t k = 0; k < n_placed; k++)
            if (placed[k]->first <= s->last && s->first <= placed[k]->last) overlap[n_overlap++] = placed[k];
        qsort(overlap, n_overlap, sizeof *overlap, by_offset);
        size_t at = 0;
        for (size_t k = 0; k < n_overlap; k++) {
            if (overlap[k]->offset >= at + s->bytes) break;
            size_t end = overlap[k]->offset + overlap[k]->bytes;
            if (end > at) at = end;
        }
        s->offset = at;
        if (at + s->bytes > p->arena_bytes) p->arena_bytes = at + s->bytes;
        placed[n_placed++] = s;
    }
    tn__free(a, todo, p->slots.count * sizeof *todo);
    tn__free(a, placed, p->slots.count * sizeof *placed);
    tn__free(a, overlap, p->slots.count * sizeof *overlap);
    tn__free(a, live, (steps + 1) * sizeof *live);
    return e;
}
