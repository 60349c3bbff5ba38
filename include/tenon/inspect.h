/* Tenon: looking into graphs node by node, and listing what the library has: ops with their attributes, devices, options.
 *
 * Structs are filled as far as the caller's struct_size goes. Texts and arrays of a graph are borrowed until the graph changes or is
 * released; those of the library are static. Functions of the library are thread-safe; those of a graph are as the graph is. */
#ifndef TENON_INSPECT_H
#define TENON_INSPECT_H

#include "tenon/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- graphs -------------------------------------------------------------------------------------------------- */

#define TN_NO_NODE UINT32_MAX

/* Nodes are numbered from 0 to tn_graph_get_node_count - 1 in an order in which producers come first. */
typedef struct tn_node_info {
    size_t struct_size;
    const char *op;   /* "conv"; of a custom op, the name that it was registered under */
    const char *name; /* NULL: none */
    const tn_value *inputs; /* n_inputs of them; {0}: absent */
    uint32_t n_inputs;
    uint32_t n_outputs;
    tn_value output;  /* the first; tn_value_output gives the others */
    uint32_t n_attrs; /* that tn_graph_get_attr gives */
    bool is_custom;   /* made by tn_graph_custom, else by tn_graph_op */
} tn_node_info;
/* OUT_OF_RANGE: there is no such node. */
TN_API TN_MUST_USE tn_error *tn_graph_get_node(const tn_graph *graph, uint32_t node, tn_node_info *out_info);
/* The attribute `index` of a node in the form that tn_graph_op takes, defaults included. Not among them: texts and lists, tensors and
 * graphs that are absent. Tensors and graphs are borrowed, so a graph must not be given to another node as it is. */
TN_API TN_MUST_USE tn_error *tn_graph_get_attr(const tn_graph *graph, uint32_t node, uint32_t index, tn_attr *out_attr);

typedef struct tn_value_info {
    size_t struct_size;
    const char *name; /* NULL: none */
    uint32_t node;    /* producer; TN_NO_NODE: the value is an input of the graph */
    uint32_t index;   /* which output of the node, or which input of the graph */
    tn_dtype dtype;
    int32_t rank;     /* -1: unknown */
    const int64_t *dims;
    tn_tensor *constant; /* the elements of a constant, borrowed, not to be written; NULL: none */
} tn_value_info;
/* OUT_OF_RANGE: no value of this graph. */
TN_API TN_MUST_USE tn_error *tn_graph_get_value(const tn_graph *graph, tn_value value, tn_value_info *out_info);
/* Borrowed; NULL for a bad handle. */
TN_API const char *tn_graph_get_name(const tn_graph *graph);

/* ---- ops ----------------------------------------------------------------------------------------------------- */

typedef enum tn_op_flag {
    TN_OP_FLAG_ELEMENTWISE = 1, /* with numpy's broadcasting */
    TN_OP_FLAG_COMMUTATIVE = 2,
    TN_OP_FLAG_ASSOCIATIVE = 4, /* over the reals */
    TN_OP_FLAG_MOVES = 8,       /* copies elements, computes nothing */
    TN_OP_FLAG_SHAPE = 16,      /* reads only the type of its operand */
    TN_OP_FLAG_CONTRACTS = 32,  /* a multiply-add reduction */
    TN_OP_FLAG_DATA_DEPENDENT = 64, /* shapes of results depend on data beside what static_inputs names */
    TN_OP_FLAG_CONTROL = 128    /* has sub-graphs */
} tn_op_flag;

typedef struct tn_op_info {
    size_t struct_size;
    const char *name;     /* of tn_graph_op */
    const char *onnx;     /* the ONNX operator; NULL: ONNX has none */
    const char *doc;      /* one line */
    const char *operands; /* their names, separated by blanks */
    const char *results;
    uint32_t n_inputs_min, n_inputs_max; /* max UINT32_MAX: any number */
    uint32_t n_outputs_min, n_outputs_max;
    uint32_t flags;         /* tn_op_flag */
    uint32_t static_inputs; /* bit k: the value of operand k decides the shapes of results */
    uint32_t n_attrs;
} tn_op_info;
/* Ops are numbered for listing only: another version of the library numbers them otherwise. */
TN_API uint32_t tn_library_get_op_count(void);
/* The number of an op, UINT32_MAX if there is none of that name. */
TN_API uint32_t tn_library_find_op(const char *name);
TN_API TN_MUST_USE tn_error *tn_library_get_op(uint32_t op, tn_op_info *out_info);

typedef struct tn_attr_info {
    size_t struct_size;
    const char *name;
    tn_attr_kind kind;
    bool is_dtype; /* an INT that is a tn_dtype */
    /* What counts where it is not given. Lists, tensors and graphs: none. */
    int64_t default_int;
    double default_float;
    const char *default_string; /* NULL: none */
} tn_attr_info;
TN_API TN_MUST_USE tn_error *tn_library_get_op_attr(uint32_t op, uint32_t attr, tn_attr_info *out_info);

/* ---- devices and options ------------------------------------------------------------------------------------- */

TN_API uint32_t tn_library_get_device_count(void);
/* A value of the option `device`; NULL out of range. */
TN_API const char *tn_library_get_device_name(uint32_t device);

typedef enum tn_option_type { TN_OPTION_CHOICE = 1, TN_OPTION_INT = 2, TN_OPTION_TEXT = 3, TN_OPTION_REAL = 4, TN_OPTION_LIST = 5 } tn_option_type;
typedef struct tn_option_info {
    size_t struct_size;
    const char *name; /* key of tn_options_set */
    tn_option_type type;
    const char *default_text; /* NULL: found when options are made */
    int64_t low, high;   /* of an INT or a REAL */
    const char *choices; /* of a CHOICE: "on|off"; of a LIST, which holds some of them, with commas between; else NULL */
    const char *help;    /* one line */
} tn_option_info;
TN_API uint32_t tn_library_get_option_count(void);
TN_API TN_MUST_USE tn_error *tn_library_get_option(uint32_t option, tn_option_info *out_info);

#ifdef __cplusplus
}
#endif
#endif
