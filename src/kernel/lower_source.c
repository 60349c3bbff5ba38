/* Which sources a launch has: those of the nodes that it computes. Besides the node that the walk is at, these are all that have no launch of
 * their own and that it reads through: members of its group, views, values that are one number everywhere, and reshapes, which only rename
 * memory. Of the latter a reshape that is read by no launch, because it is a graph output, is in none. */
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
