/* What a node of a custom op carries in place of a row of attrs.def. */
#ifndef TN_IR_CUSTOM_H
#define TN_IR_CUSTOM_H
#include "ir/graph.h"

typedef struct tn__custom_call {
    tn__custom_op *op; /* the graph holds a reference */
    uint32_t n_attrs;
    tn_attr *attrs; /* arena; tensors and graphs are the graph's */
    /* The answer of `infer` where it is static, and the operands it was given for: the same operands get it again without being asked,
     * so that types agree between a graph and what passes and devices make of it, whatever a callback says the second time. */
    uint32_t n_in, n_out;
    const tn__type *in, *out; /* arena; out NULL: none */
} tn__custom_call;

static inline const tn__custom_call *tn__custom_of(const void *attrs) { return ((const tn__attrs_custom *)attrs)->call; }

/* The parts of tn__attrs_copy and tn__attrs_equal for custom ops. copy: NULL when out of memory. */
tn__custom_call *tn__custom_copy(tn_graph *g, const tn__custom_call *call);
bool tn__custom_equal(const tn__custom_call *a, const tn__custom_call *b);
/* Keeps the types of a node's operands and results with it, if they are static. False when out of memory. */
bool tn__custom_remember(tn_graph *g, tn__custom_call *call, const tn_value *in, uint32_t n_in, const tn__type *out, uint32_t n_out);
/* The results kept for operands of these types, or NULL. */
const tn__type *tn__custom_recall(const tn__custom_call *call, const tn__type *in, uint32_t n_in, uint32_t n_out);
/* Attributes from outside into g's arena; graphs among them are retained. */
tn_error *tn__custom_take_attrs(tn_graph *g, const tn_attr *attrs, uint32_t n_attrs, tn__custom_call *out);
/* A call of the registered op without attributes, in g's arena; g takes a reference of the op. */
tn_error *tn__custom_begin(tn_graph *g, const char *name, tn__custom_call **out);
#endif
