/* The protobuf wire format, table-driven: a message is a C struct, described by one table row per field. The reader fills structs in an
 * arena; bytes and numeric lists stay views of the input (zero-copy), texts are copied. The input is hostile: every length is checked. */
#ifndef TN_FRONTEND_ONNX_WIRE_H
#define TN_FRONTEND_ONNX_WIRE_H
#include "base/context.h"

typedef struct tn__wire_span {
    const uint8_t *data; /* borrowed; NULL = field absent */
    size_t bytes;
} tn__wire_span;

/* A repeated number, packed or not: elements lie one after the other in the spans. Checked when read: all n can be decoded. */
typedef struct tn__wire_list {
    uint64_t n;
    uint32_t n_spans;
    const tn__wire_span *spans; /* arena */
} tn__wire_list;

typedef struct tn__wire_texts {
    uint32_t n;
    const char *const *data; /* arena, zero-terminated */
} tn__wire_texts;

typedef struct tn__wire_children {
    uint32_t n;
    const void *data; /* arena; an array of the child's struct */
} tn__wire_children;

typedef enum tn__wire_kind {
    TN__WIRE_INT,     /* int64_t */
    TN__WIRE_FLOAT,   /* double, 32 bits on the wire */
    TN__WIRE_TEXT,    /* const char *, never NULL */
    TN__WIRE_BYTES,   /* tn__wire_span */
    TN__WIRE_CHILD,   /* const struct *, NULL = absent */
    TN__WIRE_INTS,    /* tn__wire_list of varints */
    TN__WIRE_FLOATS,  /* tn__wire_list of 32-bit floats */
    TN__WIRE_DOUBLES, /* tn__wire_list of 64-bit floats */
    TN__WIRE_TEXTS,   /* tn__wire_texts */
    TN__WIRE_CHILDREN /* tn__wire_children */
} tn__wire_kind;

typedef struct tn__wire_message tn__wire_message;
typedef struct tn__wire_field {
    const char *name;
    uint32_t number, offset;
    tn__wire_kind kind;
    const tn__wire_message *child;
} tn__wire_field;

/* The struct starts with `uint32_t has`: bit i = field i of the table was there. */
struct tn__wire_message {
    const char *name;
    uint32_t bytes, n_fields; /* at most TN__WIRE_MAX_FIELDS */
    const tn__wire_field *fields;
};
enum { TN__WIRE_MAX_FIELDS = 24 };

/* Reads one message into a new struct in `arena`. Unknown fields are skipped; groups, bad wire types, nesting deeper than `max_depth`,
 * texts with a zero byte and a decoded form much larger than the input are refused. */
tn_error *tn__wire_read(const tn_context *context, tn__arena *arena, const tn__wire_message *message, const void *data,
                        size_t bytes, uint32_t max_depth, const void **out_struct);

/* Walks a list; the caller reads at most list->n elements. */
typedef struct tn__wire_cursor {
    const tn__wire_list *list;
    uint32_t span;
    size_t at;
} tn__wire_cursor;
int64_t tn__wire_next_int(tn__wire_cursor *c);
float tn__wire_next_float(tn__wire_cursor *c);
double tn__wire_next_double(tn__wire_cursor *c);

/* ---- writing ------------------------------------------------------------------------------------------------- */

typedef struct tn__wire_out {
    const tn_allocator *allocator;
    uint8_t *data;
    size_t bytes, capacity;
    bool failed; /* out of memory; stays */
} tn__wire_out;
void tn__wire_out_init(tn__wire_out *o, const tn_allocator *a);
void tn__wire_out_deinit(tn__wire_out *o);
void tn__wire_put_int(tn__wire_out *o, uint32_t number, int64_t value);
void tn__wire_put_float(tn__wire_out *o, uint32_t number, float value);
void tn__wire_put_bytes(tn__wire_out *o, uint32_t number, const void *data, size_t bytes);
void tn__wire_put_text(tn__wire_out *o, uint32_t number, const char *text);
/* A nested message: what is put between begin and end is its content. Lengths are written as 5 bytes, so at most 2^35 - 1. */
size_t tn__wire_begin(tn__wire_out *o, uint32_t number);
void tn__wire_end(tn__wire_out *o, size_t begin);
#endif
