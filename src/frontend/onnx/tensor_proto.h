/* TensorProto to tn_tensor and back. Raw data is borrowed from the file's mapping where its alignment allows; where not, large data is a
 * loose tensor (rt/tensor.h), small data is copied. */
#ifndef TN_FRONTEND_ONNX_TENSOR_PROTO_H
#define TN_FRONTEND_ONNX_TENSOR_PROTO_H
#include "frontend/onnx/proto.h"
#include "rt/tensor.h"

/* A mapped file; reference-counted, so that tensors can keep it alive. */
typedef struct tn__mapping {
    atomic_uint references;
    tn_context *context; /* retained */
    const void *data;
    size_t bytes;
} tn__mapping;
tn_error *tn__mapping_create(tn_context *context, const char *path, tn__mapping **out_mapping);
void tn__mapping_release(tn__mapping *mapping); /* NULL is allowed */

/* Where tensors come from. */
typedef struct tn__tensor_source {
    tn_context *context;
    tn__mapping *mapping; /* holds raw_data; NULL: raw_data is copied */
    const char *folder;   /* external data lies below it; NULL: external data is refused */
    struct tn__external {
        const char *location; /* borrowed from the decoded file */
        tn__mapping *mapping; /* owned */
    } *external;              /* the external files seen so far */
    size_t n_external, external_capacity;
} tn__tensor_source;
void tn__tensor_source_deinit(tn__tensor_source *s);

tn_error *tn__tensor_from_proto(tn__tensor_source *s, const tn__onnx_tensor *p, tn_tensor **out_tensor);
/* Puts the fields of a TensorProto (dense, raw_data; string_data for strings) called `name`. */
tn_error *tn__tensor_to_proto(tn__wire_out *o, const tn_tensor *t, const char *name);
#endif
