/* Tenon: partition of a framework's own graph into what Tenon compiles and what stays with the framework.
 *
 * The framework's graph is read through five callbacks, once to work and once more to see that it did not change. The callbacks
 * are called on the calling thread only, for nodes 0 to count - 1; what they point to must live until the next callback. */
#ifndef TENON_PARTITION_H
#define TENON_PARTITION_H

#include "tenon/query.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tn_edge_kind {
    TN_EDGE_DATA = 0,
    TN_EDGE_CONTROL = 1, /* an order only: `output` is ignored */
    TN_EDGE_STATIC = 2   /* data that must be known when the consumer is compiled: inside a cluster only if constant */
} tn_edge_kind;

typedef struct tn_edge {
    uint32_t node, output; /* producer */
    tn_edge_kind kind;
} tn_edge;

typedef struct tn_partition_node {
    const char *placement;        /* NULL = ""; nodes of different placements never share a cluster */
    uint64_t predicate;           /* deadness: nodes of different predicates never share a cluster */
    const tn_value_type *outputs; /* n_outputs */
    uint32_t n_outputs;
    bool fetched;                 /* the outputs are read from outside of the graph: they become ports */
    double gain_ns;               /* nanoseconds saved per call by compiling it; <= 0: options->node_ns */
    /* For marking by tn_query, where options->mark is NULL. */
    const tn_attr *attrs;         /* n_attrs of Tenon's op; sub-graphs are borrowed */
    uint32_t n_attrs;
    const char *tenon_op;         /* name of Tenon's op; NULL: the op callback's */
    tn_tensor *value;             /* of a constant, else NULL; retained by the partition while it is made */
    const char *source;           /* where the framework's user wrote it, e.g. "model.py:12"; for reports; NULL: none */
} tn_partition_node;

/* The framework's graph: nodes, edges, op name, attributes, constness. `false` from a callback makes the partition fail. A
 * callback may call this library, the partitioner too. It must not throw or jump out: if an exception passes nevertheless, what
 * the partition had made is freed and nothing is left locked. */
typedef struct tn_partition_source {
    size_t struct_size;
    void *self;
    bool (*count)(void *self, uint32_t *out_count);
    /* The data edges in the order of the operands. */
    bool (*inputs)(void *self, uint32_t node, const tn_edge **out_edges, uint32_t *out_n);
    bool (*op)(void *self, uint32_t node, const char **out_name);
    bool (*attributes)(void *self, uint32_t node, tn_partition_node *out_node); /* zeroed before */
    bool (*constant)(void *self, uint32_t node, bool *out_constant);
} tn_partition_source;

typedef struct tn_partition_options {
    size_t struct_size;
    const char *disabled_ops; /* comma-separated names that stay with the framework, or NULL */
    bool require;             /* placement=require: a node that stays is an error */
    /* Where the defaults come from: docs/decisions/0016-partition.md; bench/partition.c measures them. */
    double node_ns;           /* gain of a node that names none; 0 = 500 */
    double call_ns;           /* cost of a call of a cluster; 0 = 600 */
    double port_ns;           /* cost of a port per call; 0 = 75 */
    /* true = supported; false = `why` (of `why_bytes`, "" before) may be filled. Called once for each node that is not disabled.
     * NULL: tn_query is asked, with the producers' types as operands; constants are supported where their value is there. */
    bool (*mark)(void *self, uint32_t node, char *why, size_t why_bytes);
    void *mark_self;
    const char *device;          /* for tn_query; NULL = "cpu" */
    tn_query_cache *query_cache; /* of that device, to keep answers between partitions; NULL: one for this call */
} tn_partition_options;

typedef struct tn_port {
    uint32_t node, output; /* of the framework's graph: the producer */
    bool control;          /* an order only, no value */
    bool is_static;        /* input whose value must be known when the cluster is compiled */
    tn_dtype dtype;
    int32_t rank;          /* -1 unknown */
    const int64_t *dims;   /* borrowed from the partition */
} tn_port;

/* Immutable result; reading is thread-safe. */
typedef struct tn_partition tn_partition;
#define TN_NO_CLUSTER UINT32_MAX

/* Makes a partition in O(nodes + edges), and logs its report (level info). Contracting every cluster leaves no cycle. Clusters
 * are grown from nodes that are connected or read the same node; in tests against brute force on small graphs their cost, call_ns
 * a cluster and port_ns a port, is at most 1.6 times that of the best such partition, with at most one cluster more, and equal in
 * 98 of 100 graphs (docs/decisions/0016-partition.md).
 *
 * Errors: NULL and wrong struct_size, a callback that fails, ids out of range, a cyclic graph, a graph that changed meanwhile,
 * `require` with nodes that stay (the message is the report); nothing is returned then. Memory is the context's. */
TN_API TN_MUST_USE tn_error *tn_partition_create(tn_context *context, const tn_partition_source *source,
                                                 const tn_partition_options *options, tn_partition **out_partition);
TN_API void tn_partition_release(tn_partition *partition); /* NULL is allowed */

TN_API uint32_t tn_partition_get_cluster_count(const tn_partition *partition);
/* Cluster of a node, TN_NO_CLUSTER where it stays or is out of range. */
TN_API uint32_t tn_partition_get_cluster(const tn_partition *partition, uint32_t node);
/* The node's source, in full; borrowed; NULL where it has none or is out of range. */
TN_API const char *tn_partition_get_source(const tn_partition *partition, uint32_t node);
/* Why a node stays; borrowed; NULL where it is in a cluster or out of range. */
TN_API const char *tn_partition_get_reason(const tn_partition *partition, uint32_t node);
/* Nodes of a cluster in a topological order of the graph; borrowed; NULL out of range. Clusters are numbered by first node. */
TN_API const uint32_t *tn_partition_get_nodes(const tn_partition *partition, uint32_t cluster, uint32_t *out_n);
/* Ports in a fixed order: inputs by first use, outputs by producer and output. Borrowed; NULL out of range. */
TN_API const tn_port *tn_partition_get_inputs(const tn_partition *partition, uint32_t cluster, uint32_t *out_n);
TN_API const tn_port *tn_partition_get_outputs(const tn_partition *partition, uint32_t cluster, uint32_t *out_n);
/* One thing to run: a cluster (`node`: its first), or a node that stays (`cluster`: TN_NO_CLUSTER). */
typedef struct tn_partition_step {
    uint32_t cluster, node;
} tn_partition_step;
/* All clusters and all nodes that stay, each once, in an order in which they can run; borrowed. */
TN_API const tn_partition_step *tn_partition_get_steps(const tn_partition *partition, uint32_t *out_n);
/* Estimated nanoseconds a call of the cluster saves (nodes minus call minus ports): by this it was kept. 0 out of range. */
TN_API double tn_partition_get_gain_ns(const tn_partition *partition, uint32_t cluster);
/* "tenon: 412 of 431 nodes in 3 clusters; 19 stay (gather_tree 12: no kernel; ...)"; borrowed. */
TN_API const char *tn_partition_get_report(const tn_partition *partition);

#ifdef __cplusplus
}
#endif
#endif
