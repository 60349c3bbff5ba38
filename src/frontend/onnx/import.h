/* What the files of the importer share: scopes of names, and the call of one operator. */
#ifndef TN_FRONTEND_ONNX_IMPORT_H
#define TN_FRONTEND_ONNX_IMPORT_H
#include "frontend/onnx/tensor_proto.h"
#include "ir/graph.h"

enum { TN__ONNX_KNOWN_OPSET = 28 }; /* newest opset of the default domain whose changes are known here; a newer one is refused */

/* One import. */
typedef struct tn__import {
    tn_context *context;
    const tn_allocator *a;
    tn__arena arena; /* the decoded file and all scratch memory */
    tn__tensor_source source;
    const tn__onnx_model *model;
    TN__VEC(tn_tensor *) tensors; /* owned: initializers that are in use */
    bool located;                 /* the error on its way out names a node */
    uint64_t n_imported;          /* nodes, bodies imported again included */
} tn__import;

/* A name of a scope: a value, or an initializer that no node has used yet. */
typedef struct tn__binding {
    const char *name;
    tn_value value;
    const tn__onnx_tensor *initializer;
    tn_tensor *tensor; /* borrowed from import.tensors: the initializer's */
} tn__binding;

typedef struct tn__named_attr {
    const char *name;
    const tn__onnx_attribute *attr;
    bool used;
} tn__named_attr;

/* The names of one graph body or of one function call. A body that uses an outer value gets it as a further input (a capture); outer
 * constants are made again inside. */
typedef struct tn__scope {
    tn__import *import;
    struct tn__scope *outer; /* of a body; NULL at the top and in functions, which see nothing of their caller */
    tn_graph *g;
    uint32_t depth;
    int64_t opset;                      /* version of the default domain */
    const struct tn__call *caller;      /* the function call whose attributes ref_attr_name means; NULL: none */
    tn__binding **table;                /* open hash table */
    size_t n_bindings, table_size;
    const char **captures;              /* names of outer values, in the order of the inputs made for them */
    uint32_t n_captures, captures_size;
} tn__scope;

/* One operator of the file on its way into the graph. Handlers change `in`, mark attributes used, and set `out`. */
typedef struct tn__call {
    tn__scope *scope;
    tn__import *import;
    tn_graph *g;
    const tn__onnx_node *node;
    tn_value *in;  /* n_in of them; room for TN__CALL_SPARE more, all {0} */
    tn_value *out; /* n_out of them */
    uint32_t n_in, n_out; /* n_out: up to the last output that has a name */
    tn__named_attr *attrs;
    uint32_t n_attrs;
} tn__call;
enum { TN__CALL_SPARE = 8 };
typedef tn_error *tn__call_fn(tn__call *c);

#define TN__CALL_FAIL(c, code, ...) TN__FAIL((c)->import->a, code, __VA_ARGS__)

/* ---- import.c: scopes */
tn_error *tn__scope_init(tn__scope *s, tn__import *import, tn__scope *outer, tn_graph *g, uint32_t depth, int64_t opset);
tn_error *tn__scope_bind(tn__scope *s, const char *name, tn_value value, const tn__onnx_tensor *initializer);
/* The value of `name` in the scope's graph, {0} if there is none; makes constants and captures as needed. */
tn_error *tn__scope_resolve(tn__scope *s, const char *name, tn_value *out);
/* Type `t` of a value of `from` in terms of graph `to`'s symbols; dims (TN_MAX_RANK of them) is filled. */
tn__type tn__type_translate(tn_graph *to, const tn_graph *from, const tn__type *t, int64_t *dims);
tn_error *tn__scope_initializers(tn__scope *s, const tn__onnx_graph *p);
bool tn__scope_is_initializer(const tn__scope *s, const char *name);
bool tn__scope_is_absent(const tn__scope *s, const char *name); /* an optional input of a function that its caller left out */
tn_error *tn__scope_nodes(tn__scope *s, const tn__onnx_node *nodes, uint32_t n);
/* Graph outputs by name; checks declared dtypes. */
tn_error *tn__scope_outputs(tn__scope *s, const tn__onnx_graph *p);
int64_t tn__onnx_default_opset(const tn__onnx_opset *imports, uint32_t n); /* 0: not imported */
tn_error *tn__onnx_check_opset(const tn_allocator *a, int64_t opset); /* of the default domain */
/* A copy of g's first error, NULL if there is none. */
tn_error *tn__import_check(tn_graph *g);

/* ---- import_node.c: one node */
tn_error *tn__import_node(tn__scope *s, const tn__onnx_node *n);
/* An attribute of ONNX kind `type` as it stands; pointers and the tensor are the import's. No graphs. */
tn_error *tn__call_read_attr(tn__call *c, const tn__named_attr *x, int64_t type, tn_attr *out);
tn_error *tn__call_generic(tn__call *c, tn__op op, void *attrs); /* attrs from tn__attrs_new, or NULL */
const tn__onnx_attribute *tn__call_attr(tn__call *c, const char *name, int64_t type); /* marks it used; NULL: absent */
int64_t tn__call_int(tn__call *c, const char *name, int64_t otherwise);
const int64_t *tn__call_ints(tn__call *c, const char *name, uint32_t *out_n); /* arena; NULL: absent */
/* Adds a node; attrs from tn__attrs_new or NULL. {0} after an error, which g keeps. */
tn_value tn__call_emit(tn__call *c, tn__op op, const tn_value *in, uint32_t n_in, const void *attrs);
tn_value tn__call_const_ints(tn__call *c, const int64_t *data, uint32_t n);  /* i64[n] */
tn_value tn__call_const_float(tn__call *c, tn_dtype dtype, double x);       /* scalar */
/* A node's sources: those that export wrote (metadata_props tenon.source, tenon.source.1, ...), else the first line of its doc_string, where
 * exporters write the place in the model's program, else its name. */
#define TN__ONNX_SOURCE_KEY "tenon.source"
/* Attributes that hold an element type: ONNX's ids in files, tn_dtype in graphs. */
bool tn__onnx_is_dtype_attr(const char *name);
tn_error *tn__import_tensor(tn__import *import, const tn__onnx_tensor *p, tn_tensor **out_borrowed);

/* ---- import_custom.c: operators that the caller registered
 * by_domain: only an operator of "domain::Name" with a domain that is not ONNX's, which even goes before a function of that name;
 * else also of "ai.onnx::Name" and "Name". *out_done false: nothing of that name is registered. */
tn_error *tn__call_custom(tn__call *c, bool by_domain, bool *out_done);

/* ---- onnx_ops.def: what the generic way does not cover */
typedef struct tn__onnx_rule {
    const char *name;
    int64_t since, until; /* opset versions, inclusive */
    tn__call_fn *import;
} tn__onnx_rule;
extern const tn__onnx_rule tn__onnx_rules[];
extern const size_t tn__onnx_n_rules;
#define ONNX_OP(name, since, until, handler) tn__call_fn tn__onnx_##handler;
#include "frontend/onnx/onnx_ops.def"
#endif
