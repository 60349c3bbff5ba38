/* What printing and parsing of the text form share. */
#ifndef TN_IR_TEXT_FORM_H
#define TN_IR_TEXT_FORM_H
#include "ir/graph.h"

/* Elements are written as whole numbers. */
static inline bool tn__text_is_integral(tn_dtype d) {
    tn__dtype_class c = tn__dtype_get_class(d);
    return c == TN__CLASS_SINT || c == TN__CLASS_UINT || c == TN__CLASS_BOOL || d == TN_DTYPE_i2 || d == TN_DTYPE_u2;
}

/* Integer attributes that hold a tn_dtype are written by its name. */
static inline bool tn__text_is_dtype_field(const char *name) {
    static const char *const names[] = {"to", "dtype", "output_dtype", "precision", "softmax_precision", "output_datatype"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) return true;
    return false;
}

/* Kinds of a custom op's attributes; NULL for an unknown one. */
static inline const char *tn__text_kind_name(tn_attr_kind kind) {
    static const char *const names[] = {[TN_ATTR_INT] = "int",       [TN_ATTR_FLOAT] = "float",   [TN_ATTR_STRING] = "string",
                                        [TN_ATTR_INTS] = "ints",     [TN_ATTR_FLOATS] = "floats", [TN_ATTR_STRINGS] = "strings",
                                        [TN_ATTR_TENSOR] = "tensor", [TN_ATTR_GRAPH] = "graph"};
    return kind >= TN_ATTR_INT && kind <= TN_ATTR_GRAPH ? names[kind] : NULL;
}

/* Both directions recurse once a nested sub-graph: whatever the limits say, the stack stays small. */
static inline uint32_t tn__text_max_depth(const tn_context *c) { return c->limits.max_depth < 256 ? c->limits.max_depth : 256; }
#endif
