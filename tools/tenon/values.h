/* Every value of a graph as an output, a chunk at a time, so that memory stays bounded; and how a value is described. */
#ifndef TENON_TOOL_VALUES_H
#define TENON_TOOL_VALUES_H
#include "cli.h"

/* Makes the values of the next nodes (no constants) the outputs of `g` and calls chunk, until all had their turn or an error.
 * The graph's own outputs are gone afterwards. A device does not fuse across outputs: what is seen is the unfused form. */
tn_error *values_in_chunks(tn_graph *g, tn_error *(*chunk)(void *self), void *self);
/* "node 3 conv 'conv1', value %7 f32[1,64,56,56]"; free() it. */
char *value_describe(const tn_graph *g, tn_value v);
/* What a tensor looks like; strings have elements only. */
typedef struct value_statistics {
    int64_t n, n_finite, n_nan, n_infinite, n_zero, n_denormal;
    double mean, variance, low, high; /* of the finite elements */
} value_statistics;
value_statistics value_look_at(const tn_tensor *t);
#endif
