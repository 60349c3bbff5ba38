/* Tenon: building and reading graphs.
 *
 * A graph is a list of typed nodes in SSA form. A builder call never needs its own check: an invalid call returns the value
 * {0}, calls on {0} return {0}, and the graph keeps the FIRST error (tn_graph_check). Graphs are thread-compatible.
 */
#ifndef TENON_GRAPH_H
#define TENON_GRAPH_H

#include "tenon/base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_graph tn_graph;

/* One output of one node of one graph; {0} is no value (also: an absent optional input). It is a plain number: a value that the graph does
 * not have is refused, but one of another graph whose number this graph has too is taken for its own, which no build detects. */
typedef struct tn_value {
    uint32_t id;
} tn_value;

/* A dimension: >= 0 a size; TN_DIM_UNKNOWN; or a symbol made by tn_graph_symbol (< TN_DIM_UNKNOWN). */
#define TN_DIM_UNKNOWN ((int64_t)-1)

typedef enum tn_attr_kind {
    TN_ATTR_INT = 1,    /* i, also for dtypes (tn_dtype) and booleans */
    TN_ATTR_FLOAT = 2,  /* f */
    TN_ATTR_STRING = 3, /* s */
    TN_ATTR_INTS = 4,   /* ints, n */
    TN_ATTR_FLOATS = 5, /* floats, n */
    TN_ATTR_STRINGS = 6, /* strings, n */
    TN_ATTR_TENSOR = 7, /* tensor (retained by the graph) */
    TN_ATTR_GRAPH = 8   /* graph (taken by the call, also when it fails) */
} tn_attr_kind;

/* One attribute by name; only the member of `kind` is read. All pointers are borrowed for the call. */
typedef struct tn_attr {
    const char *name;
    tn_attr_kind kind;
    uint32_t n;
    int64_t i;
    double f;
    const char *s;
    const int64_t *ints;
    const double *floats;
    const char *const *strings;
    tn_tensor *tensor;
    tn_graph *graph;
} tn_attr;

TN_API TN_MUST_USE tn_error *tn_graph_create(tn_context *context, const char *name, tn_graph **out_graph);
TN_API void tn_graph_release(tn_graph *graph);

/* The symbol `name` of this graph, made at first use; usable as a dimension. */
TN_API int64_t tn_graph_symbol(tn_graph *graph, const char *name);
/* A new graph input. `rank` < 0: rank unknown, `dims` ignored. */
TN_API tn_value tn_graph_input(tn_graph *graph, const char *name, tn_dtype dtype, int32_t rank, const int64_t *dims);
/* A constant; `tensor` is retained, its data must not change any more. */
TN_API tn_value tn_graph_constant(tn_graph *graph, tn_tensor *tensor);
/* The same from values that are copied: dense, row-major, as tn_tensor has them. */
TN_API tn_value tn_graph_constant_copy(tn_graph *graph, tn_dtype dtype, int32_t rank, const int64_t *dims, const void *values);
/* A node of op `op` (a name of docs/ops.md). Returns its first output; output k is tn_value_output(v, k). */
TN_API tn_value tn_graph_op(tn_graph *graph, const char *op, const tn_value *inputs, uint32_t n_inputs,
                            const tn_attr *attrs, uint32_t n_attrs, uint32_t n_outputs);
TN_API tn_value tn_value_output(tn_value first, uint32_t k);
/* Names a value; the name shows in errors, profiles and pictures. */
TN_API void tn_graph_set_name(tn_graph *graph, tn_value value, const char *name);
/* Provenance: texts of the framework, such as "model.py:12" or its own op's name, on the node that makes `value`. They are any bytes, copied;
 * of more than 1024 bytes the beginning and a note. They come back in errors, profiles, pictures and traces, in the order in which they
 * were given: a node that a pass makes has the sources of those it stands for (64 are listed, more are counted), and a kernel lists those
 * of all its nodes. A graph input and {0} have no node: nothing happens.
 * set replaces what was there (NULL or "": by none), add appends what is not there yet. */
TN_API void tn_graph_set_source(tn_graph *graph, tn_value value, const char *source);
TN_API void tn_graph_add_source(tn_graph *graph, tn_value value, const char *source);
/* The source of all nodes made from now on, constants too, until another is set; NULL or "" ends it. For bridges, which set it once for
 * each node of theirs. */
TN_API void tn_graph_set_current_source(tn_graph *graph, const char *source);
TN_API uint32_t tn_graph_get_source_count(const tn_graph *graph, tn_value value);
/* Borrowed, lives as long as the graph; NULL out of range. */
TN_API const char *tn_graph_get_source(const tn_graph *graph, tn_value value, uint32_t index);
/* Appends a graph output. */
TN_API void tn_graph_output(tn_graph *graph, const char *name, tn_value value);
/* The first error of the building calls, or NULL. The caller owns the returned copy. */
TN_API TN_MUST_USE tn_error *tn_graph_check(const tn_graph *graph);

TN_API uint32_t tn_graph_get_input_count(const tn_graph *graph);
TN_API uint32_t tn_graph_get_output_count(const tn_graph *graph);
TN_API const char *tn_graph_get_input_name(const tn_graph *graph, uint32_t index);  /* borrowed; NULL out of range */
TN_API const char *tn_graph_get_output_name(const tn_graph *graph, uint32_t index); /* borrowed; NULL out of range */
TN_API tn_value tn_graph_get_input(const tn_graph *graph, uint32_t index);
TN_API tn_value tn_graph_get_output(const tn_graph *graph, uint32_t index);
TN_API uint32_t tn_graph_get_node_count(const tn_graph *graph);
TN_API tn_dtype tn_graph_get_dtype(const tn_graph *graph, tn_value value);
/* Rank of `value`, -1 if unknown; *out_dims borrowed until the graph changes. */
TN_API int32_t tn_graph_get_shape(const tn_graph *graph, tn_value value, const int64_t **out_dims);
/* Name of a symbol dimension, NULL if `dim` is none. */
TN_API const char *tn_graph_get_symbol_name(const tn_graph *graph, int64_t dim);

/* Text form: prints (a zero-terminated string, free with tn_text_free) and parses. */
TN_API TN_MUST_USE tn_error *tn_graph_print(const tn_graph *graph, char **out_text);
TN_API TN_MUST_USE tn_error *tn_graph_parse(tn_context *context, const char *text, tn_graph **out_graph);
TN_API void tn_text_free(tn_context *context, char *text);

#ifdef __cplusplus
}
#endif
#endif
