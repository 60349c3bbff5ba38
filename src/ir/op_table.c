#include "ir/op_table.h"

/* Field tables. The dummy first row keeps structs without fields legal. */
#define TN_ATTRS(s) static const tn__attr_field fields_##s[] = {{0},
#define I(s, name, d) {#name, TN_ATTR_INT, offsetof(tn__attrs_##s, name), d, 0, NULL},
#define F(s, name, d) {#name, TN_ATTR_FLOAT, offsetof(tn__attrs_##s, name), 0, d, NULL},
#define S(s, name, d) {#name, TN_ATTR_STRING, offsetof(tn__attrs_##s, name), 0, 0, d},
#define IS(s, name) {#name, TN_ATTR_INTS, offsetof(tn__attrs_##s, name), 0, 0, NULL},
#define FS(s, name) {#name, TN_ATTR_FLOATS, offsetof(tn__attrs_##s, name), 0, 0, NULL},
#define SS(s, name) {#name, TN_ATTR_STRINGS, offsetof(tn__attrs_##s, name), 0, 0, NULL},
#define T(s, name) {#name, TN_ATTR_TENSOR, offsetof(tn__attrs_##s, name), 0, 0, NULL},
#define G(s, name) {#name, TN_ATTR_GRAPH, offsetof(tn__attrs_##s, name), 0, 0, NULL},
#define C(s, name)
#define TN_ATTRS_END(s) };
#include "ir/attrs.def"

enum {
    EW = TN__OP_EW, COMM = TN__OP_COMM, ASSOC = TN__OP_ASSOC, MOVE = TN__OP_MOVE, SHAPE = TN__OP_SHAPE,
    CONTRACT = TN__OP_CONTRACT, DATADEP = TN__OP_DATADEP, CONTROL = TN__OP_CONTROL
};

const tn__op_info tn__op_infos[TN_OP_COUNT] = {
#define TN_OP(name, id, imin, imax, omin, omax, attrs, flags, values, infer, eval, onnx, doc)              \
    [id] = {#name, onnx, doc, imin, imax, omin, omax, flags, values, sizeof(tn__attrs_##attrs),            \
            sizeof fields_##attrs / sizeof *fields_##attrs - 1, fields_##attrs + 1},
#include "ir/ops.def"
};

static const struct {
    const char *operands, *results;
} names[TN_OP_COUNT] = {
#define TN_OPERANDS(op, operands, results) [TN_OP_##op] = {operands, results},
#include "ir/operands.def"
};

const char *tn__op_operands(tn__op op) {
    if (names[op].operands) return names[op].operands;
    int32_t most = tn__op_infos[op].in_max;
    return most < 0 ? "inputs" : most == 0 ? "" : most == 1 ? "x" : "a b";
}

const char *tn__op_results(tn__op op) { return names[op].results ? names[op].results : "y"; }

tn__op tn__op_from_name(const char *name) {
    for (int i = 1; name && i < TN_OP_COUNT; i++)
        if (tn__op_infos[i].name && !strcmp(tn__op_infos[i].name, name)) return (tn__op)i;
    return TN_OP_none;
}

tn__op tn__op_from_onnx(const char *name) {
    for (int i = 1; name && *name != '-' && i < TN_OP_COUNT; i++)
        if (tn__op_infos[i].onnx && !strcmp(tn__op_infos[i].onnx, name)) return (tn__op)i;
    return TN_OP_none;
}
