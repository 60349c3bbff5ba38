/* The graph: typed SSA nodes in arrays.
 *
 *   nodes    [ n0 | n1 | n2 ...    array order is a topological order: a node only uses values of earlier nodes
 *   values   [ 0  | v1 | v2 ...    the outputs of a node are consecutive; value 0 is "none"
 *   operands [ v v | v | v v v ... the inputs of a node are consecutive; 0 = absent optional input
 *
 * Nodes are never removed singly: a pass builds the new contents into another graph and swaps (tn__graph_swap).
 * Adding may move nodes and values: it invalidates pointers into the arrays. */
#ifndef TN_IR_GRAPH_H
#define TN_IR_GRAPH_H
#include "ir/op_table.h"
#include "ir/sources.h"
#include "tenon/state.h"

typedef struct tn__type {
    tn_dtype dtype;
    int32_t rank;        /* -1 unknown */
    const int64_t *dims; /* arena; >= 0 size, TN_DIM_UNKNOWN, or a symbol */
} tn__type;

typedef struct tn__value_data {
    tn__type type;
    uint32_t node;      /* index of the producer; TN__NO_NODE for graph inputs and variables */
    uint32_t out_index; /* which output, or which graph input or variable */
    const char *name;   /* arena; may be NULL */
} tn__value_data;
#define TN__NO_NODE UINT32_MAX

typedef struct tn__node {
    tn__op op;
    uint32_t n_in, n_out;
    uint32_t first_in;  /* into operands */
    uint32_t first_out; /* value id */
    uint32_t source;    /* set in the graph's `sources`; 0: none */
    const void *attrs;  /* tn__attrs_<row>, arena */
    const char *name;   /* arena; framework's or file's name of the node; may be NULL */
} tn__node;

/* A variable of the graph: what it holds at the beginning of a run is a value like an input's (no producer, out_index = its index in
 * `variables`); it is no input for the graph's user, but becomes one behind all others when the graph is compiled. */
typedef struct tn__graph_variable {
    tn_variable *variable; /* retained */
    tn_value read;
    tn_value assigned; /* what it holds afterwards; {0}: the same */
} tn__graph_variable;

typedef struct tn__port {
    const char *name; /* arena */
    tn_value value;
} tn__port;

/* How the op layer is reached from here (ir may not include op). */
typedef struct tn__graph_hooks {
    /* Fills out_types (dims from g->arena); an error names the operand. Called with nodes' operands already appended. */
    tn_error *(*infer)(tn_graph *g, tn__op op, const void *attrs, const tn_value *in, uint32_t n_in, uint32_t n_out,
                       tn__type *out_types);
    /* Evaluates a node whose operands are all constants, or answers it from types alone (shape, size). Sets *out_tensors (owned
     * by the caller) and returns NULL; leaves out_tensors[0] NULL when it does not want to fold. */
    tn_error *(*fold)(tn_graph *g, tn__op op, const void *attrs, const tn_value *in, uint32_t n_in, uint32_t n_out,
                      const tn__type *out_types, tn_tensor **out_tensors);
} tn__graph_hooks;

extern const tn__graph_hooks tn__op_hooks; /* defined by the op layer */

struct tn_graph {
    tn__handle handle;
    atomic_uint references;
    tn_context *context; /* retained */
    const tn__graph_hooks *hooks;
    tn__arena arena;
    const char *name;
    TN__VEC(tn__node) nodes;
    TN__VEC(tn__value_data) values;
    TN__VEC(tn_value) operands;
    TN__VEC(tn_tensor *) tensors; /* retained: constants and tensor attributes */
    TN__VEC(tn_graph *) subgraphs; /* owned references */
    TN__VEC(tn__custom_op *) custom_ops; /* owned references, one a node and copy of a node */
    TN__VEC(const char *) symbols; /* dimension TN_DIM_UNKNOWN - 1 - i */
    TN__VEC(tn__port) inputs;
    TN__VEC(tn__port) outputs;
    tn__sources *sources; /* shared with the graphs that this one was copied from and to; NULL: no node has any */
    uint32_t source;      /* set that new nodes get */
    TN__VEC(tn__graph_variable) variables;
    tn_error *error; /* first error, or NULL */
    bool fold; /* fold nodes as they are born */
    bool keep_quantised; /* but not dequantisations: pass quant wants to see them */
    bool has_effects; /* some node, or one of a sub-graph, has (tn__node_has_effects) */
    bool is_inferring; /* a callback is asked for the types of a node: nobody may build */
};

enum { TN__MAX_SYMBOLS = 4096 }; /* a graph; symbols are searched linearly */

tn_error *tn__graph_create(tn_context *context, const tn__graph_hooks *hooks, const char *name, tn_graph **out_graph);
void tn__graph_retain(tn_graph *g);
/* An error where a sub-graph has variables. */
tn_error *tn__graph_refuse_variables(const tn_graph *body);
/* `g` with the values that its variables have now as constants; refused where it assigns any. */
tn_error *tn__graph_freeze_variables(const tn_graph *g, tn_graph **out_graph);
/* May the caller add to g? Not after an error, and not from the callback that this very graph waits for. */
bool tn__graph_may_build(tn_graph *g);
/* A value of that type (dims in g's arena); {0} after an error. May move the values. */
tn_value tn__graph_new_value(tn_graph *g, tn__type type, uint32_t node, uint32_t out_index, const char *name);
/* Nodes of `g` and of all sub-graphs below it, at most `most` + 1 (a sub-graph may be shared, so counting has to end). */
uint64_t tn__graph_count_nodes(const tn_graph *g, uint64_t most);
/* Exchanges the contents of two graphs (references and context stay). */
void tn__graph_swap(tn_graph *a, tn_graph *b);

/* A node from a typed attribute struct (copied into the arena; its pointers must already be in g's arena or be copied by
 * tn__attrs_copy). `attrs` NULL = defaults. Returns the first output, {0} after an error. */
tn_value tn__graph_add(tn_graph *g, tn__op op, const tn_value *in, uint32_t n_in, const void *attrs, uint32_t n_out,
                       const char *name);
/* A node of `from` again in `to`, operands mapped through map (indexed by old value id), with its sources (to->source where it has none).
 * The result's first output. */
tn_value tn__graph_copy_node(tn_graph *to, const tn_graph *from, const tn__node *n, const tn_value *map);
/* The set `set` of `from` as one of `to`, which shares the table of `from` from then on if it has none. */
uint32_t tn__graph_source_of(tn_graph *to, const tn_graph *from, uint32_t set);
/* The set of one text (0: NULL or ""), of two, and one that says it hides some; 0 after an error, which the graph keeps. */
uint32_t tn__graph_source_text(tn_graph *g, const char *text);
uint32_t tn__graph_source_merge(tn_graph *g, uint32_t a, uint32_t b);
uint32_t tn__graph_source_hide(tn_graph *g, uint32_t set, uint32_t hidden);
static inline const tn__source_set *tn__graph_sources(const tn_graph *g, uint32_t set) { return tn__sources_get(g->sources, set); }
/* An error of node n: "node 'name' (op): ... [from model.py:12]". Consumes and returns e. */
tn_error *tn__node_error(const tn_graph *g, const tn__node *n, tn_error *e);
/* Attribute struct with the row's defaults, in g's arena; NULL when out of memory. */
void *tn__attrs_new(tn_graph *g, tn__op op);
/* Deep copy of an attribute struct into g's arena: tensors and sub-graphs are retained by g. */
void *tn__attrs_copy(tn_graph *g, tn__op op, const void *attrs);
/* Sets one field by name; an unknown name or a wrong kind is an error. */
tn_error *tn__attrs_set(tn_graph *g, tn__op op, void *attrs, const tn_attr *attr);
bool tn__tensors_equal(const tn_tensor *a, const tn_tensor *b); /* dtype, shape and bytes; NULL is allowed */
bool tn__attrs_equal(tn__op op, const void *a, const void *b); /* sub-graphs by identity, tensors by content */

static inline tn_value tn__none(void) { return (tn_value){0}; }
static inline const tn__type *tn__type_of(const tn_graph *g, tn_value v) { return &g->values.data[v.id].type; }
static inline const tn__node *tn__node_of(const tn_graph *g, tn_value v) { /* NULL for inputs and {0} */
    uint32_t n = v.id ? g->values.data[v.id].node : TN__NO_NODE;
    return n == TN__NO_NODE ? NULL : &g->nodes.data[n];
}
static inline tn_value tn__in(const tn_graph *g, const tn__node *n, uint32_t k) {
    return k < n->n_in ? g->operands.data[n->first_in + k] : (tn_value){0};
}
static inline tn_value tn__out(const tn__node *n, uint32_t k) { return (tn_value){n->first_out + k}; }
/* The tensor of a constant, else NULL; borrowed. */
const tn_tensor *tn__constant_of(const tn_graph *g, tn_value v);
/* The same where the elements are not looked at, or only by tn__tensor_bytes: what lies unaligned in a file stays there. */
const tn_tensor *tn__constant_peek(const tn_graph *g, tn_value v);
/* All dims known (>= 0). */
bool tn__type_is_static(const tn__type *t);
/* Number of elements of a static type. */
int64_t tn__type_elements(const tn__type *t);
/* "f32[1,3,N,?]" into a static-size buffer; returns it. */
const char *tn__type_text(const tn_graph *g, const tn__type *t, char *buffer, size_t bytes);
/* For messages: the value's name or "%id". */
const char *tn__value_text(const tn_graph *g, tn_value v, char *buffer, size_t bytes);
/* Makes e the graph's first error (or frees it when there is one). */
void tn__graph_fail(tn_graph *g, tn_error *e);
/* Retains `t` for the life of the graph. */
bool tn__graph_keep_tensor(tn_graph *g, tn_tensor *t);
/* The same; a tensor that is strided or not aligned is kept as a plain copy. */
bool tn__graph_keep_plain(tn_graph *g, tn_tensor *t, tn_tensor **out_kept);
/* Retains `sub` for the life of the graph. */
bool tn__graph_keep_subgraph(tn_graph *g, tn_graph *sub);
/* The node does something besides computing its results, or a body of it does: it is neither left out nor merged, and such nodes keep
 * their order. */
bool tn__node_has_effects(tn__op op, const void *attrs);
/* The op's name in messages, profiles and programs; of a custom op, the one that it was registered under. */
const char *tn__op_text(tn__op op, const void *attrs);
/* Structural check between passes: order, arity, types re-inferred. */
tn_error *tn__graph_verify(const tn_graph *g);
/* use_counts[value id] (n values), graph outputs counted; from the caller's arena. NULL when out of memory. */
uint32_t *tn__graph_use_counts(const tn_graph *g, tn__arena *arena);
/* As tn_graph_print, but of a constant of more than `most_constant` bytes only type and a hash; such a text cannot be read back. */
tn_error *tn__graph_print(const tn_graph *graph, size_t most_constant, char **out_text);
#endif
