/* The wire tables of proto.def. */
#include "frontend/onnx/proto.h"

#define MESSAGE(m) static const tn__wire_message m##_message;
#define FIELD(m, name, number, kind)
#define CHILD(m, name, number, child)
#define CHILDREN(m, name, number, child)
#define END(m)
#include "frontend/onnx/proto.def"

#define MESSAGE(m) static const tn__wire_field m##_fields[] = {
#define FIELD(m, name, number, kind) {#name, number, offsetof(tn__onnx_##m, name), TN__WIRE_##kind, NULL},
#define CHILD(m, name, number, child) {#name, number, offsetof(tn__onnx_##m, name), TN__WIRE_CHILD, &child##_message},
#define CHILDREN(m, name, number, child) {#name, number, offsetof(tn__onnx_##m, name), TN__WIRE_CHILDREN, &child##_message},
#define END(m) };
#include "frontend/onnx/proto.def"

#define MESSAGE(m)                                                                                       \
    _Static_assert((int)TN__FIELDS_##m <= (int)TN__WIRE_MAX_FIELDS, "enlarge TN__WIRE_MAX_FIELDS");      \
    static const tn__wire_message m##_message = {#m, sizeof(tn__onnx_##m), TN__FIELDS_##m, m##_fields};
#define FIELD(m, name, number, kind)
#define CHILD(m, name, number, child)
#define CHILDREN(m, name, number, child)
#define END(m)
#include "frontend/onnx/proto.def"

_Static_assert(offsetof(tn__wire_children, data) == offsetof(struct { uint32_t n; const tn__onnx_dim *data; }, data), "layout");

const tn__wire_message tn__onnx_model_message = {"model", sizeof(tn__onnx_model), TN__FIELDS_model, model_fields};
const tn__wire_message tn__onnx_tensor_message = {"tensor", sizeof(tn__onnx_tensor), TN__FIELDS_tensor, tensor_fields};
