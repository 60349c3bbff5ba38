/* Results in place: a kernel's result takes the memory of an operand that nobody reads afterwards.
 *
 * Legal where the kernel reads the operand only at the very offsets that it stores to, by the same map. Then, whatever the order of
 * the tiles and however they are spread over threads: a tile stores to offsets that no other tile reads, and it reads all that it
 * needs for an element before it stores that element (a reduction ends before its tile is stored; tiles that are turned or woven
 * are read whole first). */
#include "kernel/lower.h"

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
