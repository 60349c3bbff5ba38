/* Tenon: can a device do this op on these types? For bridges that mark nodes of a framework's graph. */
#ifndef TENON_QUERY_H
#define TENON_QUERY_H

#include "tenon/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The type of a value. rank < 0: unknown, `dims` ignored. A dimension may be TN_DIM_UNKNOWN, or less: a symbol of the caller,
 * where equal numbers are equal sizes. */
typedef struct tn_value_type {
    tn_dtype dtype;
    int32_t rank;
    const int64_t *dims;
} tn_value_type;

/* A node that does not exist yet. All pointers are borrowed for the call. */
typedef struct tn_query_node {
    size_t struct_size;
    const char *op;              /* a name of docs/ops.md, or of a registered custom op */
    const tn_value_type *inputs; /* n_inputs; dtype TN_DTYPE_NONE: an absent optional operand */
    tn_tensor *const *constants; /* NULL; or per operand its value if that is known when compiling, else NULL. A value's type
                                    counts instead of inputs[k] */
    uint32_t n_inputs;
    const tn_attr *attrs;        /* sub-graphs are borrowed here, not taken */
    uint32_t n_attrs, n_outputs;
} tn_query_node;

/* Type of a result: dims[d] is a size, TN_DIM_UNKNOWN or a symbol of the node's operands. */
typedef struct tn_query_type {
    tn_dtype dtype;
    int32_t rank; /* -1 unknown */
    int64_t dims[TN_MAX_RANK];
} tn_query_type;

typedef struct tn_query_answer {
    size_t struct_size;
    tn_query_type *outputs; /* in: the caller's array for the results' types, or NULL */
    uint32_t max_outputs;   /* in: its length */
    uint32_t n_outputs;     /* filled entries; 0 where the shape rule refuses the node */
    bool supported;
    bool policy;            /* not supported, yet tn_compile would take it: slowly, see `why` */
    uint64_t static_inputs; /* bit k: the value of operand k decides shapes; an edge to it is a TN_EDGE_STATIC */
    char why[240];          /* "" if supported, else one line */
} tn_query_answer;

/* Answers remembered by op, types, attributes and the values that matter; for graphs of many equal nodes. Keeps at most 65,536
 * answers, later ones are worked out each time. One device and one context a cache. Thread-compatible. */
typedef struct tn_query_cache tn_query_cache;
TN_API TN_MUST_USE tn_error *tn_query_cache_create(tn_context *context, const char *device, tn_query_cache **out_cache);
TN_API void tn_query_cache_release(tn_query_cache *cache); /* NULL is allowed */
/* How many queries it answered from memory and how many it had worked out; either pointer may be NULL. */
TN_API void tn_query_cache_get_counts(const tn_query_cache *cache, uint64_t *out_hits, uint64_t *out_misses);

/* Asks whether `device` (NULL = "cpu") compiles and runs the node. The answer comes from doing it: the node's shape rule,
 * everything tn_compile does short of generating code, and one evaluation by the reference on zeros of small sizes. Where
 * dimensions are open, sizes are tried that fit the op; yes then means for all sizes that the op itself takes. No is given by
 * policy (see `policy`) to what works but is evaluated by the reference: ops whose result's shape depends on data, and operands
 * that decide shapes while their value is not known. What depends on values (an index out of range) is no part of the promise.
 *
 * Of a custom op only `infer` is asked: that its kernel works is the caller's promise. Such answers are not kept in the cache.
 *
 * "No" is an answer, not an error. Errors: NULL, wrong struct_size, an unknown device, a cache of another context or device, no
 * memory. `cache` may be NULL. Thread-safe without a cache. */
TN_API TN_MUST_USE tn_error *tn_query(tn_context *context, const char *device, const tn_query_node *node, tn_query_cache *cache,
                                      tn_query_answer *out_answer);

#ifdef __cplusplus
}
#endif
#endif
