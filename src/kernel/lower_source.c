/* Which sources a launch has: those of the nodes that it computes. Besides the node that the walk is at, these are all that have no launch of
 * their own and that it reads through: members of its group, views, values that are one number everywhere, and reshapes, which only rename
 * memory. A concat whose operands are written to their places at once, and a reshape that is a graph output, are in the launches that
 * write there. */
#include "kernel/lower.h"

#include "kernel/lower_maps.h"

bool tn__lower_is_alias(tn__op op) {
    return op == TN_OP_reshape || op == TN_OP_flatten || op == TN_OP_squeeze || op == TN_OP_unsqueeze;
}

static bool has_no_launch(const tn__lower *l, uint32_t node) {
    const tn__node *n = &l->g->nodes.data[node];
    double value;
    if (n->op == TN_OP_constant) return false;
    return l->group[node] != node || l->views[n->first_out] || tn__lower_is_alias(n->op) ||
           (n->n_out == 1 && tn__lower_splat(l->g, tn__out(n, 0), &value));
}

tn_error *tn__lower_sources(tn__lower *l, tn__arena *arena) {
    const tn_graph *g = l->g;
    if (!g->sources) return NULL;
    l->sources = TN__ARENA_ARRAY(arena, uint32_t, g->nodes.count + 1);
    if (!l->sources) return tn__error_oom();
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        uint32_t all = n->source;
        for (uint32_t k = 0; k < n->n_in; k++) {
            tn_value v = tn__in(g, n, k);
            uint32_t by = v.id ? g->values.data[v.id].node : TN__NO_NODE;
            if (by == TN__NO_NODE || !l->sources[by] || !has_no_launch(l, by)) continue;
            all = tn__sources_merge(g->sources, l->sources[by], all);
            if (!all) return tn__error_oom();
        }
        l->sources[i] = all;
    }
    return NULL;
}

static tn_error *merge(const tn__lower *l, uint32_t *set, uint32_t more) {
    if (!more) return NULL;
    *set = tn__sources_merge(l->g->sources, *set, more);
    return *set ? NULL : tn__error_oom();
}

tn_error *tn__lower_give_source(tn__lower *l, uint32_t slot) { return merge(l, &l->p->slots.data[slot].source, l->source); }

static tn_error *take(const tn__lower *l, tn__step *s, uint32_t slot) {
    for (const tn__slot *at = &l->p->slots.data[slot];; at = &l->p->slots.data[at->index]) { /* also for what the slot is a part of */
        TN__TRY(merge(l, &s->source, at->source));
        if (at->kind != TN__SLOT_PART) return NULL;
    }
}

static tn_error *take_kernel(const tn__lower *l, tn__step *s, const tn__kernel *k, const uint32_t *slots) {
    TN__TRY(take(l, s, slots[k->out_buffer]));
    for (int32_t i = 0; i < k->n_stores; i++) TN__TRY(take(l, s, slots[k->stores[i].buffer]));
    return NULL;
}

static tn_error *take_loop(const tn__lower *l, tn__step *s) {
    for (uint32_t i = 0; i < s->loop->n_strands * s->loop->n_launches; i++) {
        const tn__loop_launch *x = &s->loop->launches[i];
        uint32_t slots[TN__K_BUFFERS];
        for (uint32_t b = 0; b < x->n_buffers; b++) slots[b] = x->buffers[b].slot;
        TN__TRY(take_kernel(l, s, l->p->kernels.data[x->kernel], slots));
    }
    return NULL;
}

tn_error *tn__lower_take_sources(tn__lower *l) {
    for (size_t i = 0; l->sources && i < l->p->steps.count; i++) {
        tn__step *s = &l->p->steps.data[i];
        if (s->kind == TN__STEP_KERNEL)
            for (uint32_t k = 0; k < s->n_stages; k++) TN__TRY(take_kernel(l, s, l->p->kernels.data[s->stages[k].kernel], s->stages[k].slots));
        else if (s->kind == TN__STEP_LOOP) TN__TRY(take_loop(l, s));
        else if (s->kind == TN__STEP_CALL)
            for (uint32_t k = l->g->nodes.data[s->node].n_in; k < s->n_slots; k++) TN__TRY(take(l, s, s->slots[k]));
    }
    return NULL;
}
