/* What the files of the partition share: the snapshot of the framework's graph. */
#ifndef TN_BRIDGE_CLUSTERS_H
#define TN_BRIDGE_CLUSTERS_H
#include "base/context.h"
#include "tenon/partition.h"

typedef struct tn__fnode {
    tn_edge *edges;
    const char *op, *placement, *reason, *source; /* source: NULL for none */
    tn_value_type *outputs;
    tn_tensor *value; /* retained: what a constant holds, or NULL */
    uint64_t predicate;
    double gain_ns;
    uint32_t n_edges, n_outputs, level, parent, cluster;
    bool constant, fetched, marked; /* constant: and without operands */
} tn__fnode;

static inline uint32_t tn__fnode_root(tn__fnode *nodes, uint32_t i) {
    while (nodes[i].parent != i) i = nodes[i].parent = nodes[nodes[i].parent].parent;
    return i;
}

static inline bool tn__fnode_same_place(const tn__fnode *a, const tn__fnode *b) {
    return a->marked && b->marked && a->predicate == b->predicate &&
           (a->placement == b->placement || !strcmp(a->placement, b->placement));
}

/* Groups the marked nodes: those with the same root form a cluster, and contracting all clusters leaves no cycle. `order` is
 * topological. Constants are left alone. A node's level becomes the place of its cluster, or of itself where it stays, among all
 * clusters and staying nodes, in an order in which they can run. O(nodes + edges). */
tn_error *tn__clusters_assign(const tn_allocator *a, tn__fnode *nodes, uint32_t n, const uint32_t *order);
#endif
