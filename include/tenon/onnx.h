/* Tenon: ONNX files. */
#ifndef TENON_ONNX_H
#define TENON_ONNX_H

#include "tenon/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Imports an ONNX model file. The file is mapped, not copied: weights are borrowed from the mapping, which the graph keeps alive.
 * External data is only read from below the model's own folder. Operators that Tenon does not have become nodes of a custom op
 * (tenon/custom_op.h) where one of the name "domain::Name" or "Name" is registered; the former goes before a function of the model. */
TN_API TN_MUST_USE tn_error *tn_onnx_load_file(tn_context *context, const char *path, tn_graph **out_graph);
/* Imports from memory (copied where it must outlive the call). No external data. */
TN_API TN_MUST_USE tn_error *tn_onnx_load_memory(tn_context *context, const void *data, size_t bytes, tn_graph **out_graph);
/* Writes `graph` as an ONNX model; only graphs whose ops all exist in ONNX, or are custom ops ("Name": of domain tenon.custom) without
 * graphs among their attributes. The file appears whole or not at all. Variables become
 * initializers with the values that they have now; a graph that assigns variables is refused. */
TN_API TN_MUST_USE tn_error *tn_onnx_save_file(const tn_graph *graph, const char *path);
/* Reads and writes one serialised TensorProto (the .pb files of the ONNX backend tests). */
TN_API TN_MUST_USE tn_error *tn_onnx_load_tensor(tn_context *context, const char *path, tn_tensor **out_tensor);
TN_API TN_MUST_USE tn_error *tn_onnx_save_tensor(const tn_tensor *tensor, const char *path);

#ifdef __cplusplus
}
#endif
#endif
