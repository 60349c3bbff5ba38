/* Composites that the kernel generator does not take whole, as smaller ops. */
#ifndef TN_PASS_EXPAND_H
#define TN_PASS_EXPAND_H
#include "ir/graph.h"

/* A new graph: `g` with softmax, log_softmax and layer_normalization (one result) of f32 written as reductions and elementwise ops, batch
 * normalisation at inference with constant parameters as x * scale + shift, and dead nodes left out. `disabled`: comma-separated names of passes not to run. */
tn_error *tn__pass_prepare(const tn_graph *g, const char *disabled, tn_graph **out);
#endif
