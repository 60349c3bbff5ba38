/* Tenon: graphs as files, for `tenon run`, `tenon diff` and `tenon bench`. */
#ifndef TENON_DUMP_H
#define TENON_DUMP_H

#include "tenon/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes `graph`, constants included: a path that ends in ".onnx" gets an ONNX model (whose ops all have to exist in ONNX), any
 * other the text form, which loses nothing. The file appears whole or not at all. */
TN_API TN_MUST_USE tn_error *tn_graph_save(const tn_graph *graph, const char *path);
/* Reads such a file; what does not begin with the word "graph" is taken for ONNX. */
TN_API TN_MUST_USE tn_error *tn_graph_load(tn_context *context, const char *path, tn_graph **out_graph);

/* Writes a cluster to look at later: FOLDER/NAME-NUMBER.tn in text form and, where inputs[i] is not NULL, its input i as
 * FOLDER/NAME-NUMBER.INPUT.pb, which `tenon run FOLDER/NAME-NUMBER.tn --input INPUT=FOLDER/NAME-NUMBER.INPUT.pb` takes. NAME and
 * INPUT are the names of graph and input with '_' for all but letters, digits, '-' and '_'; names longer than 64 bytes are cut.
 * The folder is made if it is not there (for this user alone). `folder` NULL or "": nothing happens, so a bridge calls it for
 * every cluster and a setting of its own decides. `inputs` NULL, or n_inputs tensors, one for each input of the graph. */
TN_API TN_MUST_USE tn_error *tn_graph_dump(const tn_graph *graph, const char *folder, uint64_t number, tn_tensor *const *inputs,
                                           uint32_t n_inputs);

#ifdef __cplusplus
}
#endif
#endif
