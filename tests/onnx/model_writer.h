/* Writes ONNX models by hand, also such as no tool would: one model at a time. */
#ifndef TN_TESTS_MODEL_WRITER_H
#define TN_TESTS_MODEL_WRITER_H
#include "frontend/onnx/wire.h"

static tn__wire_out out; /* the model being written */
static size_t graph_at, node_at;

static inline void begin_model(const tn_allocator *a, int64_t opset) {
    tn__wire_out_init(&out, a);
    size_t at = tn__wire_begin(&out, 8);
    tn__wire_put_int(&out, 2, opset);
    tn__wire_end(&out, at);
    graph_at = tn__wire_begin(&out, 7);
}
static inline void end_model(void) { tn__wire_end(&out, graph_at); }

/* ---- nodes --------------------------------------------------------------------------------------------------- */

/* Between begin_node and end_node: put_result, put_operand, and attributes. Names of operands end with NULL. */
static inline void begin_node(const char *op, const char *name, const char *const *in, const char *result) {
    node_at = tn__wire_begin(&out, 1);
    for (; in && *in; in++) tn__wire_put_text(&out, 1, *in);
    if (result) tn__wire_put_text(&out, 2, result);
    if (name) tn__wire_put_text(&out, 3, name);
    tn__wire_put_text(&out, 4, op);
}
static inline void end_node(void) { tn__wire_end(&out, node_at); }

static inline void put_attr_int(const char *name, int64_t value) {
    size_t at = tn__wire_begin(&out, 5);
    tn__wire_put_text(&out, 1, name);
    tn__wire_put_int(&out, 3, value);
    tn__wire_put_int(&out, 20, 2);
    tn__wire_end(&out, at);
}
static inline void put_attr_text(const char *name, const char *value) {
    size_t at = tn__wire_begin(&out, 5);
    tn__wire_put_text(&out, 1, name);
    tn__wire_put_text(&out, 4, value);
    tn__wire_put_int(&out, 20, 3);
    tn__wire_end(&out, at);
}
static inline void put_attr_ints(const char *name, const int64_t *values, size_t n) {
    size_t at = tn__wire_begin(&out, 5);
    tn__wire_put_text(&out, 1, name);
    for (size_t i = 0; i < n; i++) tn__wire_put_int(&out, 8, values[i]);
    tn__wire_put_int(&out, 20, 7);
    tn__wire_end(&out, at);
}

static inline void put_node(const char *op, const char *const *in, const char *result, const void *attrs, size_t attrs_bytes) {
    begin_node(op, NULL, in, result);
    if (attrs_bytes) tn__wire_put_bytes(&out, 5, attrs, attrs_bytes); /* already on the wire */
    end_node();
}
#define NODE(op, result, ...) put_node(op, (const char *const[]){__VA_ARGS__, NULL}, result, NULL, 0)

/* ---- inputs, outputs, initializers --------------------------------------------------------------------------- */

/* number: 11 input, 12 output of the graph. A dimension below 0 is the symbol N. */
static inline void put_value(uint32_t number, const char *name, int rank, const int64_t *dims, int64_t dtype) {
    size_t info = tn__wire_begin(&out, number), type, tensor, shape;
    tn__wire_put_text(&out, 1, name);
    type = tn__wire_begin(&out, 2);
    tensor = tn__wire_begin(&out, 1);
    tn__wire_put_int(&out, 1, dtype);
    shape = tn__wire_begin(&out, 2);
    for (int i = 0; i < rank; i++) {
        size_t dim = tn__wire_begin(&out, 1);
        if (dims[i] < 0) tn__wire_put_text(&out, 2, "N");
        else tn__wire_put_int(&out, 1, dims[i]);
        tn__wire_end(&out, dim);
    }
    tn__wire_end(&out, shape);
    tn__wire_end(&out, tensor);
    tn__wire_end(&out, type);
    tn__wire_end(&out, info);
}
static inline void put_input(const char *name, int rank, const int64_t *dims) { put_value(11, name, rank, dims, 1); }
static inline void put_output(const char *name) {
    size_t at = tn__wire_begin(&out, 12);
    tn__wire_put_text(&out, 1, name);
    tn__wire_end(&out, at);
}

/* dtype as in ONNX; `bytes` of raw data, which need not fit. */
static inline void put_initializer(const char *name, int64_t dtype, int rank, const int64_t *dims, const void *data, size_t bytes) {
    size_t at = tn__wire_begin(&out, 5);
    for (int i = 0; i < rank; i++) tn__wire_put_int(&out, 1, dims[i]);
    tn__wire_put_int(&out, 2, dtype);
    tn__wire_put_text(&out, 8, name);
    if (bytes) tn__wire_put_bytes(&out, 9, data, bytes);
    tn__wire_end(&out, at);
}

/* One f32 per dimension's element in file `location`; entries end with NULL: key, value, key, value... */
static inline void put_external(const char *name, int rank, const int64_t *dims, const char *const *entries) {
    size_t at = tn__wire_begin(&out, 5);
    for (int i = 0; i < rank; i++) tn__wire_put_int(&out, 1, dims[i]);
    tn__wire_put_int(&out, 2, 1);
    tn__wire_put_text(&out, 8, name);
    for (; *entries; entries += 2) {
        size_t entry = tn__wire_begin(&out, 13);
        tn__wire_put_text(&out, 1, entries[0]);
        tn__wire_put_text(&out, 2, entries[1]);
        tn__wire_end(&out, entry);
    }
    tn__wire_put_int(&out, 14, 1);
    tn__wire_end(&out, at);
}
#endif
