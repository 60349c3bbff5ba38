/* Tenon: custom ops: kernels of the caller that an executable calls back. docs/custom-ops.md walks through one.
 *
 * An op is registered in a context under a name; nodes of it are made by tn_graph_custom, by the text form and by the ONNX importer.
 * No code is generated for such a node: the ref and cpu devices call `evaluate` in the middle of the program, on the memory that the
 * program itself uses, so nothing is copied.
 *
 * The callbacks see a node through a tn_custom_call, which is valid until the callback returns, as is all that it gives. They return
 * NULL, or an error that Tenon takes over: one of tn_custom_call_fail, or one that another call of Tenon gave them. They must
 * return: no longjmp, no C++ exception may leave them (the frames between are C), and what never returns blocks its caller for ever.
 */
#ifndef TENON_CUSTOM_OP_H
#define TENON_CUSTOM_OP_H

#include "tenon/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One node on its way through a callback. */
typedef struct tn_custom_call tn_custom_call;

typedef enum tn_custom_flags {
    /* `evaluate` may run on several threads at once. Without it, calls wait for each other: of all executables and of all contexts
     * that share the op. A thread inside `evaluate` may come in again (an executable run from there that has the op itself), 32 times
     * deep; where calls of several ops would wait for each other in a circle, the one that closes it fails. */
    TN_CUSTOM_THREAD_SAFE = 1,
    /* Results depend on attributes and inputs alone, and nothing else happens. Equal nodes may then be merged and unused ones left
     * out; with TN_CUSTOM_THREAD_SAFE, nodes of constants may be evaluated at compile time. Without it, a node is run exactly once
     * a run (once a trip in a loop), used or not, in the order in which such nodes were added to their graph. */
    TN_CUSTOM_PURE = 2
} tn_custom_flags;

typedef struct tn_custom_op {
    size_t struct_size;
    const char *name; /* copied; 1 to 255 bytes without control characters, no name of docs/ops.md; "domain::Name" for ONNX */
    int32_t n_in_min, n_in_max;   /* inputs; max < 0: any number, max 0: n_in_min. Those from n_in_min on may be absent ({0}) */
    int32_t n_out_min, n_out_max; /* outputs; min 0: 1, max < 0: any number, max 0: n_out_min */
    uint32_t flags; /* TN_CUSTOM_*; unknown bits are refused */
    void *self; /* first argument of all callbacks */
    /* Called once, when neither the contexts nor any graph or executable has the op any more; may be NULL. */
    void (*free_self)(void *self);
    /* Sets the type of every output (tn_custom_call_set_output) from those of the inputs. Dimensions of inputs may be unknown or
     * symbols, which may be copied to outputs; an output's dimensions, or its rank, may be left unknown: asked again with real shapes
     * when those are known, and what is open then is up to `evaluate`. May be called at any time, on any thread and by several at once,
     * whatever the flags say; must answer the same every time, and must not build on the graph in hand. */
    tn_error *(*infer)(void *self, tn_custom_call *call);
    /* Computes the outputs. Those with a known shape are there (tn_custom_call_get_output) and not cleared; the others have to be
     * made (tn_custom_call_make_output). Memory is aligned for the element type; inputs must not be written. */
    tn_error *(*evaluate)(void *self, tn_custom_call *call);
    /* Adds to `graph` what computes the gradients of the node's inputs. cotangents[k] belongs to output k, {0}: none. Sets
     * out_gradients[i] for input i, {0}: none. NULL: the op has no gradient. Only called by tn_graph_custom_gradient. */
    tn_error *(*gradient)(void *self, tn_custom_call *call, tn_graph *graph, const tn_value *cotangents, tn_value *out_gradients);
} tn_custom_op;

/* Registers a copy of `op`. An op of that name, registered or built in, is an error; `self` is then still the caller's. Thread-safe. */
TN_API TN_MUST_USE tn_error *tn_custom_op_register(tn_context *context, const tn_custom_op *op);
/* Takes the name away again. Graphs and executables that have the op keep it. Thread-safe. */
TN_API TN_MUST_USE tn_error *tn_custom_op_unregister(tn_context *context, const char *name);
/* Is an op of that name registered? Thread-safe. */
TN_API bool tn_custom_op_is_registered(tn_context *context, const char *name);
/* From now on `context`, which must have no custom ops yet and be used by no other thread, has those of `from`: what is registered
 * in one is in both, and calls of ops that are not thread-safe wait for those from the other. */
TN_API TN_MUST_USE tn_error *tn_custom_op_share(tn_context *context, tn_context *from);

/* A new node of the registered op `name`. attrs: any names and kinds, each name once; kept and given to the callbacks. A graph among
 * them is taken in any case. Returns the first output; {0} after an error, which the graph keeps. */
TN_API tn_value tn_graph_custom(tn_graph *graph, const char *name, const tn_value *inputs, uint32_t n_inputs, const tn_attr *attrs,
                                uint32_t n_attrs, uint32_t n_outputs);
/* For tapes: calls the gradient of the custom node that has `output` among its outputs. n_cotangents is its number of outputs,
 * n_gradients that of its inputs. What the callback adds stays in the graph also after an error. */
TN_API TN_MUST_USE tn_error *tn_graph_custom_gradient(tn_graph *graph, tn_value output, const tn_value *cotangents, uint32_t n_cotangents,
                                                      tn_value *out_gradients, uint32_t n_gradients);

/* ---- for callbacks; a NULL call or an index out of range gives 0, NULL, -1 or an error ---------------------------- */

TN_API tn_context *tn_custom_call_get_context(const tn_custom_call *call);
TN_API uint32_t tn_custom_call_get_input_count(const tn_custom_call *call);
TN_API uint32_t tn_custom_call_get_output_count(const tn_custom_call *call);
/* TN_DTYPE_NONE: the input is absent. */
TN_API tn_dtype tn_custom_call_get_input_dtype(const tn_custom_call *call, uint32_t index);
/* The rank, -1: unknown; *out_dims borrowed. */
TN_API int32_t tn_custom_call_get_input_shape(const tn_custom_call *call, uint32_t index, const int64_t **out_dims);
/* The input's tensor, borrowed and not to be written. In `infer` and `gradient` only where its value is known, else NULL. */
TN_API tn_tensor *tn_custom_call_get_input(const tn_custom_call *call, uint32_t index);
/* infer: the type of output `index`; rank -1: unknown, dims ignored. */
TN_API TN_MUST_USE tn_error *tn_custom_call_set_output(tn_custom_call *call, uint32_t index, tn_dtype dtype, int32_t rank, const int64_t *dims);
/* evaluate: the tensor of output `index`, borrowed; NULL where it has to be made. */
TN_API tn_tensor *tn_custom_call_get_output(const tn_custom_call *call, uint32_t index);
/* evaluate: makes output `index`, of the element type that `infer` gave; its shape must agree with what `infer` said. An output that is
 * there already is given if it has that shape. *out_tensor is borrowed. */
TN_API TN_MUST_USE tn_error *tn_custom_call_make_output(tn_custom_call *call, uint32_t index, int32_t rank, const int64_t *dims,
                                                        tn_tensor **out_tensor);
TN_API uint32_t tn_custom_call_get_attr_count(const tn_custom_call *call);
TN_API const tn_attr *tn_custom_call_get_attr(const tn_custom_call *call, uint32_t index);
/* The attribute of that name, NULL: there is none. */
TN_API const tn_attr *tn_custom_call_find_attr(const tn_custom_call *call, const char *name);
/* gradient: the values of the node; {0} for an absent input. */
TN_API tn_value tn_custom_call_get_input_value(const tn_custom_call *call, uint32_t index);
TN_API tn_value tn_custom_call_get_output_value(const tn_custom_call *call, uint32_t index);
/* An error for the callback to return, of any code but TN_OK; the text is copied. Never NULL. */
TN_API TN_MUST_USE tn_error *tn_custom_call_fail(const tn_custom_call *call, tn_error_code code, const char *message);

#ifdef __cplusplus
}
#endif
#endif
