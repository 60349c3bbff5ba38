/* The op table: kinds, data columns, and attribute structs with their field tables. */
#ifndef TN_IR_OP_TABLE_H
#define TN_IR_OP_TABLE_H
#include "rt/tensor.h"
#include "tenon/graph.h"

typedef enum tn__op {
    TN_OP_none = 0,
#define TN_OP(name, id, imin, imax, omin, omax, attrs, flags, values, infer, eval, onnx, doc) TN_OP_##name = id,
#include "ir/ops.def"
    TN_OP_COUNT
} tn__op;

enum {
    TN__OP_EW = 1,       /* elementwise, numpy broadcasting */
    TN__OP_COMM = 2,     /* commutative */
    TN__OP_ASSOC = 4,    /* associative over the reals */
    TN__OP_MOVE = 8,     /* copies elements, computes nothing */
    TN__OP_SHAPE = 16,   /* reads only the type of its operand */
    TN__OP_CONTRACT = 32, /* multiply-add reduction */
    TN__OP_DATADEP = 64, /* output shape depends on operand values that no `values` bit names */
    TN__OP_CONTROL = 128 /* carries sub-graphs */
};

typedef struct tn__ints {
    uint32_t n;
    const int64_t *data; /* arena */
} tn__ints;
typedef struct tn__floats {
    uint32_t n;
    const double *data;
} tn__floats;
typedef struct tn__strings {
    uint32_t n;
    const char *const *data;
} tn__strings;

/* struct tn__attrs_conv { ... } and so on */
#define TN_ATTRS(s) typedef struct tn__attrs_##s {
#define I(s, name, d) int64_t name;
#define F(s, name, d) double name;
#define S(s, name, d) const char *name;
#define IS(s, name) tn__ints name;
#define FS(s, name) tn__floats name;
#define SS(s, name) tn__strings name;
#define T(s, name) tn_tensor *name;
#define G(s, name) tn_graph *name;
#define C(s, name) struct tn__custom_call *name;
#define TN_ATTRS_END(s) char unused_; } tn__attrs_##s;
#include "ir/attrs.def"

typedef struct tn__attr_field {
    const char *name;
    tn_attr_kind kind;
    uint32_t offset;
    int64_t default_int;
    double default_float;
    const char *default_string;
} tn__attr_field;

typedef struct tn__op_info {
    const char *name, *onnx, *doc; /* onnx: "-" for none */
    int32_t in_min, in_max, out_min, out_max; /* -1: any number */
    uint32_t flags, values;
    uint32_t attrs_bytes, n_fields;
    const tn__attr_field *fields;
} tn__op_info;

extern const tn__op_info tn__op_infos[TN_OP_COUNT];

/* Names of the operands and results, separated by blanks (operands.def); "" for none. */
const char *tn__op_operands(tn__op op);
const char *tn__op_results(tn__op op);

tn__op tn__op_from_name(const char *name);      /* TN_OP_none if unknown */
tn__op tn__op_from_onnx(const char *onnx_name); /* likewise */
#endif
