/* Nodes that no output needs are dropped, unless they have effects.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/pass.h"

tn_error *tn_pass_dce(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    bool *live = TN__ARENA_ARRAY(&r.to->arena, bool, g->values.count), *keep = TN__ARENA_ARRAY(&r.to->arena, bool, g->nodes.count + 1);
    if (!live || !keep) return tn_graph_release(r.to), tn__error_oom();
    for (size_t i = 0; i < g->outputs.count; i++) live[g->outputs.data[i].value.id] = true;
    for (size_t i = g->nodes.count; i-- > 0;) {
        const tn__node *n = &g->nodes.data[i];
        keep[i] = tn__node_has_effects(n->op, n->attrs);
        for (uint32_t k = 0; k < n->n_out; k++) keep[i] |= live[n->first_out + k];
        for (uint32_t k = 0; keep[i] && k < n->n_in; k++) live[tn__in(g, n, k).id] = true;
    }
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++)
        if (keep[i]) tn__rewriter_copy(&r, &g->nodes.data[i]);
    return tn__rewriter_commit(&r, g);
}
