/* Nodes that no output needs are dropped.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/pass.h"

tn_error *tn_pass_dce(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    bool *live = TN__ARENA_ARRAY(&r.to->arena, bool, g->values.count);
    if (!live) return tn_graph_release(r.to), tn__error_oom();
    for (size_t i = 0; i < g->outputs.count; i++) live[g->outputs.data[i].value.id] = true;
    for (size_t i = g->nodes.count; i-- > 0;) {
        const tn__node *n = &g->nodes.data[i];
        bool any = false;
        for (uint32_t k = 0; k < n->n_out; k++) any |= live[n->first_out + k];
        for (uint32_t k = 0; any && k < n->n_in; k++) live[tn__in(g, n, k).id] = true;
        if (any) live[n->first_out] = true; /* the node's mark */
    }
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++)
        if (live[g->nodes.data[i].first_out]) tn__rewriter_copy(&r, &g->nodes.data[i]);
    return tn__rewriter_commit(&r, g);
}
