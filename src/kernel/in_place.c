/* Results in place: a kernel's result takes the memory of an operand that nobody reads afterwards.
 *
 * Legal where the kernel reads the operand only at the very offsets that it stores to, by the same map. Then, whatever the order of
 * the tiles and however they are spread over threads: a tile stores to offsets that no other tile reads, and it reads all that it
 * needs for an element before it stores that element (a reduction ends before its tile is stored; tiles that are turned or woven
 * are read whole first). */
#include "kernel/lower.h"

#include <stdlib.h>

static bool same_map(const tn__kernel *k, const tn__kmap *a, const tn__kmap *b) {
    return a->offset == b->offset && !memcmp(a->stride, b->stride, (size_t)k->n_dims * sizeof *a->stride);
}

/* All loads of the buffer are where the result is stored. */
static bool reads_where_it_stores(const tn__kernel *k, int32_t buffer) {
    bool any = false;
    for (int32_t i = 0; i < k->n_exprs; i++) {
        const tn__kexpr *x = &k->exprs[i];
        if (x->op != TN__KX_LOAD || x->buffer != buffer) continue;
        if (x->arg[0] >= 0 || x->n_guards || !same_map(k, &x->map, &k->out_map)) return false;
        any = true;
    }
    return any;
}

/* Most vectors are masked. Such a load waits for a masked store in front of it that touches the same bytes, although no lane is in
 * both: a graph of rotary embeddings with 4 of 16 lanes took a fifth longer in place. */
static bool masks_vectors(const tn__kernel *k) { return k->v >= 0 && k->v_tail && (k->j < 0 || k->extent[k->j] < 4); }

/* The operand's slot that the step's result may take over, or TN__NO_SLOT. */
static uint32_t operand_to_take(const tn__kprogram *p, const tn__step *s, int32_t now) {
    if (s->kind != TN__STEP_KERNEL || s->n_stages != 1) return TN__NO_SLOT;
    const tn__stage *g = s->stages;
    const tn__kernel *k = p->kernels.data[g->kernel];
    uint32_t result = g->slots[k->out_buffer];
    const tn__slot *out = &p->slots.data[result];
    if (k->n_stores || masks_vectors(k) || out->kind != TN__SLOT_ARENA || out->has_parts || out->first != now) return TN__NO_SLOT;
    for (int32_t b = 0; b < k->n_buffers; b++) {
        const tn__slot *in = &p->slots.data[g->slots[b]];
        bool whole = in->kind == TN__SLOT_ARENA && !in->has_parts && in->bytes == out->bytes && g->slots[b] != result;
        bool ends = in->last == now && in->first < now;
        if (whole && ends && k->buffer_dtype[b] == k->buffer_dtype[k->out_buffer] && reads_where_it_stores(k, b)) return g->slots[b];
    }
    return TN__NO_SLOT;
}

static void rename_slot(uint32_t *slots, uint32_t n, uint32_t from, uint32_t to) {
    for (uint32_t i = 0; i < n; i++)
        if (slots[i] == from) slots[i] = to;
}

void tn__lower_in_place(tn__kprogram *p) {
    for (size_t i = 0; i < p->steps.count; i++) {
        uint32_t to = operand_to_take(p, &p->steps.data[i], (int32_t)i);
        if (to == TN__NO_SLOT) continue;
        const tn__stage *g = p->steps.data[i].stages;
        uint32_t from = g->slots[p->kernels.data[g->kernel]->out_buffer];
        tn__slot *old = &p->slots.data[from];
        bool loops = false; /* their launches name slots of their own */
        for (size_t k = i; k < p->steps.count && (int32_t)k <= old->last; k++) loops |= p->steps.data[k].kind == TN__STEP_LOOP;
        if (loops) continue;
        for (size_t k = i; k < p->steps.count && (int32_t)k <= old->last; k++) {
            tn__step *s = &p->steps.data[k];
            rename_slot(s->slots, s->n_slots, from, to);
            for (uint32_t n = 0; n < s->n_stages; n++) rename_slot(s->stages[n].slots, s->stages[n].n_slots, from, to);
        }
        p->slots.data[to].last = old->last;
        old->first = old->last = -1; /* nobody's */
    }
}

/* ---- inputs and outputs --------------------------------------------------------------------------------------
 *
 * An output may lie over an input where from the first step that writes the output on, each step that touches the input does so in one
 * stage, which reads it only where it stores to the output; and where there are several such steps (a kernel and its tail) they store to
 * separate ranges, so none reads what another has written. */

typedef struct range {
    int64_t low, high;
} range;

static range stored(const tn__kernel *k) {
    range r = {k->out_map.offset, k->out_map.offset};
    for (int32_t d = 0; d < k->n_spatial; d++) {
        int64_t reach = (k->extent[d] - 1) * k->out_map.stride[d];
        if (reach < 0) r.low += reach;
        else r.high += reach;
    }
    return r;
}

/* The stage of the step that touches `slot`; *out_ok: it is the only one, and may overwrite it. NULL: none. */
static const tn__kernel *overwriting_stage(const tn__kprogram *p, const tn__step *s, uint32_t slot, uint32_t out, bool *out_ok) {
    const tn__kernel *found = NULL;
    for (uint32_t i = 0; i < s->n_stages; i++) {
        const tn__stage *g = &s->stages[i];
        const tn__kernel *k = p->kernels.data[g->kernel];
        for (int32_t b = 0; b < k->n_buffers; b++) {
            if (g->slots[b] != slot) continue;
            *out_ok = (!found || found == k) && !k->n_stores && g->slots[k->out_buffer] == out &&
                      k->buffer_dtype[b] == k->buffer_dtype[k->out_buffer] && reads_where_it_stores(k, b);
            found = k;
            if (!*out_ok) return k;
        }
    }
    return found;
}

static bool step_names(const tn__step *s, uint32_t slot) {
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i] == slot) return true;
    return false;
}

static bool may_overwrite(const tn__kprogram *p, uint32_t slot, uint32_t out) {
    enum { MOST = 4 };
    range ranges[MOST];
    int32_t n = 0;
    for (int32_t at = p->slots.data[out].first; at <= p->slots.data[slot].last; at++) {
        const tn__step *s = &p->steps.data[at];
        bool ok = true;
        const tn__kernel *k = overwriting_stage(p, s, slot, out, &ok);
        if (!ok || step_names(s, slot)) return false;
        if (!k) continue;
        if (n == MOST) return false;
        ranges[n] = stored(k);
        for (int32_t i = 0; i < n; i++)
            if (ranges[i].low <= ranges[n].high && ranges[n].low <= ranges[i].high) return false;
        n++;
    }
    return n > 0;
}

static int by_out(const void *x, const void *y) {
    const tn__alias *a = x, *b = y;
    if (a->out != b->out) return a->out < b->out ? -1 : 1;
    return a->in < b->in ? -1 : a->in > b->in;
}

/* The inputs that a stage which is the first to write `out` reads. */
static tn_error *add_aliases(tn__lower *l, const tn__stage *g, uint32_t out, int32_t now) {
    tn__kprogram *p = l->p;
    const tn__slot *to = &p->slots.data[out];
    for (uint32_t b = 0; b < g->n_slots; b++) {
        const tn__slot *in = &p->slots.data[g->slots[b]];
        bool again = false;
        for (uint32_t k = 0; k < b; k++) again |= g->slots[k] == g->slots[b];
        if (again || in->kind != TN__SLOT_INPUT || in->has_parts || in->bytes != to->bytes || !may_overwrite(p, g->slots[b], out)) continue;
        if (!TN__PUSH(l->a, &p->aliases, ((tn__alias){in->index, to->index, now}))) return tn__error_oom();
    }
    return NULL;
}

tn_error *tn__lower_aliases(tn__lower *l) {
    tn__kprogram *p = l->p;
    int32_t steps = (int32_t)p->steps.count, safe = steps; /* from here on no step can fail */
    while (safe > 0 && (p->steps.data[safe - 1].kind == TN__STEP_KERNEL || p->steps.data[safe - 1].kind == TN__STEP_COPY ||
                        p->steps.data[safe - 1].kind == TN__STEP_LOOP))
        safe--;
    for (int32_t now = safe; now < steps; now++) {
        const tn__step *s = &p->steps.data[now];
        for (uint32_t i = 0; i < s->n_stages; i++) {
            uint32_t out = s->stages[i].slots[p->kernels.data[s->stages[i].kernel]->out_buffer];
            const tn__slot *to = &p->slots.data[out];
            if (to->kind == TN__SLOT_OUTPUT && !to->has_parts && to->first == now) TN__TRY(add_aliases(l, &s->stages[i], out, now));
        }
    }
    if (p->aliases.count) qsort(p->aliases.data, p->aliases.count, sizeof *p->aliases.data, by_out);
    return NULL;
}

const tn__alias *tn__kprogram_alias(const tn__kprogram *p, uint32_t in, uint32_t out) {
    tn__alias wanted = {in, out, 0};
    return p->aliases.count ? bsearch(&wanted, p->aliases.data, p->aliases.count, sizeof wanted, by_out) : NULL;
}
