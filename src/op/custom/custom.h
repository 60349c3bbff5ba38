/* Calls of custom ops' callbacks. */
#ifndef TN_OP_CUSTOM_CUSTOM_H
#define TN_OP_CUSTOM_CUSTOM_H
#include "ir/custom.h"
#include "op/op.h"

/* Evaluates a node: out[k] is there where its shape is known, else the callback makes it, of types[k]. What was made stays the
 * caller's to release, also after an error. */
tn_error *tn__custom_evaluate(tn_context *context, const tn__custom_call *call, const tn_tensor *const *in, uint32_t n_in,
                              const tn__type *types, uint32_t n_out, tn_tensor **out);
/* The node may be evaluated while a graph is built: it does nothing else and waits for nobody. */
bool tn__custom_may_fold(const void *attrs);
#endif
