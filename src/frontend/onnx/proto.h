/* ONNX messages as C structs; made from proto.def, filled by the wire reader. All borrowed from its arena and input. */
#ifndef TN_FRONTEND_ONNX_PROTO_H
#define TN_FRONTEND_ONNX_PROTO_H
#include "frontend/onnx/wire.h"

#define TN__PROTO_INT int64_t
#define TN__PROTO_FLOAT double
#define TN__PROTO_TEXT const char *
#define TN__PROTO_BYTES tn__wire_span
#define TN__PROTO_INTS tn__wire_list
#define TN__PROTO_FLOATS tn__wire_list
#define TN__PROTO_DOUBLES tn__wire_list
#define TN__PROTO_TEXTS tn__wire_texts

#define MESSAGE(m) typedef struct tn__onnx_##m { uint32_t has;
#define FIELD(m, name, number, kind) TN__PROTO_##kind name;
#define CHILD(m, name, number, child) const struct tn__onnx_##child *name;
#define CHILDREN(m, name, number, child) struct { uint32_t n; const struct tn__onnx_##child *data; } name;
#define END(m) } tn__onnx_##m;
#include "frontend/onnx/proto.def"

/* TN__HAS_dim_value and the like: bit numbers of `has`. */
#define MESSAGE(m) enum {
#define FIELD(m, name, number, kind) TN__HAS_##m##_##name,
#define CHILD(m, name, number, child) TN__HAS_##m##_##name,
#define CHILDREN(m, name, number, child) TN__HAS_##m##_##name,
#define END(m) TN__FIELDS_##m };
#include "frontend/onnx/proto.def"
#define TN__HAS(message, m, field) ((message)->has >> TN__HAS_##m##_##field & 1)

extern const tn__wire_message tn__onnx_model_message, tn__onnx_tensor_message;

enum { /* AttributeProto.AttributeType */
    TN__ONNX_FLOAT = 1, TN__ONNX_INT = 2, TN__ONNX_STRING = 3, TN__ONNX_TENSOR = 4, TN__ONNX_GRAPH = 5,
    TN__ONNX_FLOATS = 6, TN__ONNX_INTS = 7, TN__ONNX_STRINGS = 8
};
#endif
