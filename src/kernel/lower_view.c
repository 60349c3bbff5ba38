/* Moved values without a copy: a transpose, slice or expand whose every user is an elementwise kernel is an index map of their loads.
 *
 * Only where the lanes of a vector still lie side by side (or are one element), for many vectors' length: gathers, and vectors that are
 * mostly masked, cost more than a copy. An element may then be read by several kernels; it was before. */
#include "kernel/lower.h"

enum { LONG_RUN = 8 }; /* vectors of a run of which the last one may be masked */

static bool reads_maps(const tn__lower *l, uint32_t at) {
    uint32_t root = l->group[at];
    return tn__lower_elementwise_ok(l->g, &l->g->nodes.data[at]) && l->anchor[root] == TN__NO_NODE &&
           !l->values[l->g->nodes.data[root].first_out].block;
}

/* Elements that one vector after the other reads: the last axes that walk as one. */
static bool runs_are_long(const tn__lower *l, const tn__type *t, const tn__kmap *map) {
    int64_t run = 1, step = 1;
    for (int32_t i = t->rank - 1; i >= 0; i--) {
        if (t->dims[i] == 1) continue;
        if (run == 1 && map->stride[i] == 0) step = 0;
        if (map->stride[i] != run * step) break;
        run *= t->dims[i];
    }
    return run >= LONG_RUN * l->w || (run >= 2 * l->w && run % l->w == 0);
}

tn_error *tn__lower_views(tn__lower *l, tn__arena *arena) {
    const tn_graph *g = l->g;
    uint8_t *users = TN__ARENA_ARRAY(arena, uint8_t, g->values.count); /* by value: 1 read by maps, 2 also otherwise */
    if (!users) return tn__error_oom();
    for (size_t i = 0; i < g->outputs.count; i++) users[g->outputs.data[i].value.id] = 2;
    for (uint32_t at = 0; at < g->nodes.count; at++) {
        const tn__node *n = &g->nodes.data[at];
        uint8_t how = reads_maps(l, at) ? 1 : 2;
        for (uint32_t k = 0; k < n->n_in; k++) users[tn__in(g, n, k).id] |= how;
    }
    for (uint32_t at = 0; l->fuse && at < g->nodes.count; at++) {
        const tn__node *n = &g->nodes.data[at];
        const tn__type *t = &g->values.data[n->first_out].type;
        tn__kmap map;
        if (users[n->first_out] != 1 || l->values[n->first_out].block || !tn__kernel_compute_dtype(t->dtype)) continue;
        if (!tn__lower_move_map(g, n, &map) || !runs_are_long(l, t, &map)) continue;
        tn__lower_view *v = TN__ARENA_ARRAY(arena, tn__lower_view, 1);
        if (!v) return tn__error_oom();
        *v = (tn__lower_view){tn__in(g, n, 0), map};
        l->views[n->first_out] = v;
    }
    return NULL;
}
