/* The networks of ../shared/light-seeded: the ONNX "light" topologies with weights from a hash instead of a file. */
#ifndef TN_TESTS_SEEDED_H
#define TN_TESTS_SEEDED_H
#include "tenon/tenon.h"

/* Loads a light topology and puts the weights in, as lightseed.py does: a constant_of_shape becomes a weight whose element j is made of
 * splitmix64(fnv1a64(name) + j) and scaled by its role in the first node that uses it; a final softmax is left out. */
tn_error *seeded_load(tn_context *context, const char *path, tn_graph **out_graph);
#endif
