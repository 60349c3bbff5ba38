/* Models that must be refused when they are loaded. Included by hostile.c only. */
#ifndef TN_TESTS_HOSTILE_LOAD_H
#define TN_TESTS_HOSTILE_LOAD_H
#include <stdio.h>
#include <stdlib.h>

#include "model_writer.h"

enum { F32 = 1, U8 = 2, I32 = 6, I64 = 7, BOOL = 9 }; /* ONNX's element types */
#define HUGE_DIM ((int64_t)1 << 31)                   /* its square is 2^62 */
#define DIMS(...) (const int64_t[]){__VA_ARGS__}
#define IN(...) (const char *const[]){__VA_ARGS__, NULL}

static void begin(int64_t opset) { begin_model(&tn__allocator_malloc, opset); }
static void node(const char *op, const char *name, const char *const *in, const char *result) { begin_node(op, name, in, result), end_node(); }
static void weights(const char *name, int rank, const int64_t *dims, size_t bytes) {
    static const char data[4096];
    put_initializer(name, F32, rank, dims, data, bytes);
}

/* ---- files --------------------------------------------------------------------------------------------------- */

static void empty(void) { tn__wire_out_init(&out, &tn__allocator_malloc); }
static void noise(void) {
    empty();
    for (uint32_t i = 0, x = 1; i < 500; i++) x = x * 1664525u + 1013904223u, tn__wire_put_int(&out, (x >> 8 & 15) + 1, x);
}
static void small(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 4));
    weights("w", 2, DIMS(4, 3), 48);
    node("MatMul", "product", IN("x", "w"), "y");
    put_output("y");
    end_model();
}
static void truncated(void) { small(), out.bytes = out.bytes * 3 / 4; }
static void without_graph(void) { empty(), tn__wire_put_int(&out, 1, 8); }

/* ---- structure ----------------------------------------------------------------------------------------------- */

static void cycle(void) {
    begin(17);
    node("Relu", "first", IN("b"), "a");
    node("Relu", "second", IN("a"), "b");
    put_output("b");
    end_model();
}
static void own_cycle(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    node("Add", "snake", IN("x", "y"), "y");
    put_output("y");
    end_model();
}
static void twice(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    node("Relu", "one", IN("x"), "y");
    node("Neg", "two", IN("x"), "y");
    put_output("y");
    end_model();
}
static void lost_output(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    put_output("nowhere");
    end_model();
}
static void unknown_op(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    node("Frobnicate", "frob", IN("x"), "y");
    put_output("y");
    end_model();
}
static void unknown_domain(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    begin_node("Relu", "far", IN("x"), "y");
    tn__wire_put_text(&out, 7, "com.example");
    end_node();
    put_output("y");
    end_model();
}
static void opset_of(int64_t opset) {
    begin(opset);
    put_input("x", 1, DIMS(2));
    node("Relu", "r", IN("x"), "y");
    put_output("y");
    end_model();
}
static void opset_999(void) { opset_of(999); }
static void opset_negative(void) { opset_of(-3); }
static void few_operands(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    node("Add", "lonely", IN("x"), "y");
    put_output("y");
    end_model();
}
static void many_operands(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    node("Relu", "crowd", IN("x", "x", "x"), "y");
    put_output("y");
    end_model();
}
static void unknown_attribute(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    begin_node("Relu", "odd", IN("x"), "y");
    put_attr_int("colour", 3);
    end_node();
    put_output("y");
    end_model();
}
static void wrong_attribute(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 4));
    begin_node("Softmax", "soft", IN("x"), "y");
    put_attr_text("axis", "one");
    end_node();
    put_output("y");
    end_model();
}
/* A branch inside a branch inside ... `depth` times. */
static void nested(int depth) {
    begin(17);
    put_value(11, "c", 0, NULL, BOOL);
    put_input("x", 1, DIMS(2));
    size_t *ends = calloc((size_t)depth * 3, sizeof *ends);
    if (!ends) exit(1);
    for (int i = 0; i < depth; i++) {
        char name[32];
        snprintf(name, sizeof name, "v%d", i);
        ends[3 * i] = tn__wire_begin(&out, 1);
        tn__wire_put_text(&out, 1, "c");
        tn__wire_put_text(&out, 2, i ? name : "y");
        tn__wire_put_text(&out, 4, "If");
        size_t attr = tn__wire_begin(&out, 5); /* the other branch is plain */
        tn__wire_put_text(&out, 1, "else_branch");
        tn__wire_put_int(&out, 20, 5);
        size_t body = tn__wire_begin(&out, 6);
        NODE("Relu", "e", "x");
        put_output("e");
        tn__wire_end(&out, body);
        tn__wire_end(&out, attr);
        ends[3 * i + 1] = tn__wire_begin(&out, 5);
        tn__wire_put_text(&out, 1, "then_branch");
        tn__wire_put_int(&out, 20, 5);
        ends[3 * i + 2] = tn__wire_begin(&out, 6);
    }
    NODE("Neg", "deepest", "x");
    for (int i = depth; i-- > 0;) {
        char name[32];
        snprintf(name, sizeof name, "v%d", i + 1);
        put_output(i + 1 < depth ? name : "deepest");
        for (int k = 3; k-- > 0;) tn__wire_end(&out, ends[3 * i + k]);
    }
    free(ends);
    put_output("y");
    end_model();
}
static void nested_10000(void) { nested(10000); }
static void nested_100(void) { nested(100); }
static void put_call(uint32_t number) {
    size_t at = tn__wire_begin(&out, number);
    tn__wire_put_text(&out, 1, "x");
    tn__wire_put_text(&out, 2, "y");
    tn__wire_put_text(&out, 4, "f");
    tn__wire_put_text(&out, 7, "local");
    tn__wire_end(&out, at);
}
static void recursion(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    put_call(1);
    put_output("y");
    end_model();
    size_t at = tn__wire_begin(&out, 25);
    tn__wire_put_text(&out, 1, "f");
    tn__wire_put_text(&out, 10, "local");
    tn__wire_put_text(&out, 4, "x");
    tn__wire_put_text(&out, 5, "y");
    put_call(7);
    tn__wire_end(&out, at);
}
/* f0 calls f1 twice, f1 calls f2 twice, ...: 2^40 nodes from a file of 40 functions. */
static void bomb(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    size_t at = tn__wire_begin(&out, 1);
    tn__wire_put_text(&out, 1, "x"), tn__wire_put_text(&out, 2, "y");
    tn__wire_put_text(&out, 4, "f0"), tn__wire_put_text(&out, 7, "local");
    tn__wire_end(&out, at);
    put_output("y");
    end_model();
    for (int i = 0; i < 40; i++) {
        char own[16], next[16];
        snprintf(own, sizeof own, "f%d", i), snprintf(next, sizeof next, "f%d", i + 1);
        size_t f = tn__wire_begin(&out, 25);
        tn__wire_put_text(&out, 1, own), tn__wire_put_text(&out, 10, "local");
        tn__wire_put_text(&out, 4, "a"), tn__wire_put_text(&out, 5, "c");
        for (int k = 0; k < 2; k++) {
            size_t n = tn__wire_begin(&out, 7);
            tn__wire_put_text(&out, 1, k ? "b" : "a"), tn__wire_put_text(&out, 2, k ? "c" : "b");
            tn__wire_put_text(&out, 4, i < 39 ? next : "Relu");
            if (i < 39) tn__wire_put_text(&out, 7, "local");
            tn__wire_end(&out, n);
        }
        tn__wire_end(&out, f);
    }
}
static void many_symbols(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    for (int i = 0; i < 200000; i++) {
        char name[24];
        snprintf(name, sizeof name, "s%d", i);
        size_t info = tn__wire_begin(&out, 11), type, tensor, shape, dim;
        tn__wire_put_text(&out, 1, name);
        type = tn__wire_begin(&out, 2), tensor = tn__wire_begin(&out, 1);
        tn__wire_put_int(&out, 1, F32);
        shape = tn__wire_begin(&out, 2), dim = tn__wire_begin(&out, 1);
        tn__wire_put_text(&out, 2, name);
        tn__wire_end(&out, dim), tn__wire_end(&out, shape), tn__wire_end(&out, tensor), tn__wire_end(&out, type), tn__wire_end(&out, info);
    }
    node("Relu", "r", IN("x"), "y");
    put_output("y");
    end_model();
}

/* ---- contradictions ------------------------------------------------------------------------------------------ */

static void data_too_short(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 4));
    weights("w", 2, DIMS(4, 3), 47);
    node("MatMul", "product", IN("x", "w"), "y");
    put_output("y");
    end_model();
}
static void entries_too_few(void) {
    begin(17);
    size_t at = tn__wire_begin(&out, 5);
    tn__wire_put_int(&out, 1, 8);
    tn__wire_put_int(&out, 2, F32);
    for (int i = 0; i < 3; i++) tn__wire_put_float(&out, 4, 1);
    tn__wire_put_text(&out, 8, "w");
    tn__wire_end(&out, at);
    node("Relu", "r", IN("w"), "y");
    put_output("y");
    end_model();
}
static void wrong_element_type(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    put_initializer("w", 99, 1, DIMS(2), "12345678", 8);
    node("Add", "sum", IN("x", "w"), "y");
    put_output("y");
    end_model();
}
static void negative_dim(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    weights("w", 2, DIMS(-2, -1), 8);
    node("Add", "sum", IN("x", "w"), "y");
    put_output("y");
    end_model();
}
static void mixed_types(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    put_value(11, "k", 1, DIMS(2), I64);
    node("Add", "sum", IN("x", "k"), "y");
    put_output("y");
    end_model();
}
static void wrong_type(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    node("And", "both", IN("x", "x"), "y");
    put_output("y");
    end_model();
}
static void declared_type(void) {
    begin(17);
    put_input("x", 1, DIMS(2));
    node("Relu", "r", IN("x"), "y");
    put_value(12, "y", 1, DIMS(2), I64);
    end_model();
}
static void product_shapes(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 5));
    weights("w", 2, DIMS(4, 3), 48);
    node("MatMul", "product", IN("x", "w"), "y");
    put_output("y");
    end_model();
}
static void broadcast_shapes(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 5));
    put_input("z", 2, DIMS(3, 5));
    node("Add", "sum", IN("x", "z"), "y");
    put_output("y");
    end_model();
}
static void conv_channels(void) {
    begin(17);
    put_input("x", 4, DIMS(1, 3, 8, 8));
    weights("w", 4, DIMS(4, 5, 1, 1), 80);
    node("Conv", "filter", IN("x", "w"), "y");
    put_output("y");
    end_model();
}
static void conv_kernel(void) {
    begin(17);
    put_input("x", 4, DIMS(1, 3, 8, 8));
    weights("w", 4, DIMS(4, 3, 9, 9), 3888);
    node("Conv", "filter", IN("x", "w"), "y");
    put_output("y");
    end_model();
}
static void conv_huge_pads(void) {
    begin(17);
    put_input("x", 4, DIMS(1, 3, 8, 8));
    weights("w", 4, DIMS(4, 3, 1, 1), 48);
    begin_node("Conv", "filter", IN("x", "w"), "y");
    put_attr_ints("pads", DIMS(INT64_MAX, 0, INT64_MAX, 0), 4);
    end_node();
    put_output("y");
    end_model();
}
static void zero_stride(void) {
    begin(17);
    put_input("x", 4, DIMS(1, 3, 8, 8));
    begin_node("MaxPool", "pool", IN("x"), "y");
    put_attr_ints("kernel_shape", DIMS(2, 2), 2);
    put_attr_ints("strides", DIMS(0, 1), 2);
    end_node();
    put_output("y");
    end_model();
}
static void impossible_reshape(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 4));
    put_initializer("s", I64, 1, DIMS(2), DIMS(3, 3), 16);
    node("Reshape", "fold", IN("x", "s"), "y");
    put_output("y");
    end_model();
}
static void transpose_perm(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 4));
    begin_node("Transpose", "turn", IN("x"), "y");
    put_attr_ints("perm", DIMS(0, 0), 2);
    end_node();
    put_output("y");
    end_model();
}
static void axis_out_of_range(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 4));
    begin_node("Softmax", "soft", IN("x"), "y");
    put_attr_int("axis", 7);
    end_node();
    put_output("y");
    end_model();
}
static void huge_axis(void) {
    begin(17);
    put_input("x", 2, DIMS(2, 4));
    begin_node("Concat", "join", IN("x", "x"), "y");
    put_attr_int("axis", INT64_MIN);
    end_node();
    put_output("y");
    end_model();
}

/* ---- sizes --------------------------------------------------------------------------------------------------- */

static void huge_initializer(void) {
    begin(17);
    put_initializer("w", F32, 2, DIMS(HUGE_DIM, HUGE_DIM), NULL, 0);
    node("Relu", "r", IN("w"), "y");
    put_output("y");
    end_model();
}
static void huge_input(void) {
    begin(17);
    put_input("x", 2, DIMS(HUGE_DIM, HUGE_DIM));
    node("Relu", "r", IN("x"), "y");
    put_output("y");
    end_model();
}
static void huge_constant(void) {
    begin(17);
    put_initializer("s", I64, 1, DIMS(2), DIMS(HUGE_DIM, HUGE_DIM), 16);
    node("ConstantOfShape", "zeros", IN("s"), "y");
    put_output("y");
    end_model();
}
static void huge_expand(void) {
    begin(17);
    put_input("x", 1, DIMS(1));
    put_initializer("s", I64, 1, DIMS(2), DIMS(HUGE_DIM, HUGE_DIM), 16);
    node("Expand", "grow", IN("x", "s"), "y");
    put_output("y");
    end_model();
}
static void huge_tile(void) {
    begin(17);
    put_input("x", 1, DIMS(4));
    put_initializer("s", I64, 1, DIMS(1), DIMS(INT64_MAX), 8);
    node("Tile", "repeat", IN("x", "s"), "y");
    put_output("y");
    end_model();
}
static void huge_pad(void) {
    begin(17);
    put_input("x", 1, DIMS(4));
    put_initializer("p", I64, 1, DIMS(2), DIMS(INT64_MAX, INT64_MAX), 16);
    node("Pad", "frame", IN("x", "p"), "y");
    put_output("y");
    end_model();
}
static void huge_range(void) {
    begin(17);
    put_initializer("from", I64, 0, NULL, DIMS(0), 8);
    put_initializer("to", I64, 0, NULL, DIMS(INT64_MAX), 8);
    put_initializer("by", I64, 0, NULL, DIMS(1), 8);
    node("Range", "count", IN("from", "to", "by"), "y");
    put_output("y");
    end_model();
}
static void huge_product(void) { /* two modest inputs, a result of 2^40 elements */
    begin(17);
    put_input("x", 2, DIMS(1 << 20, 1));
    put_input("z", 2, DIMS(1, 1 << 20));
    node("MatMul", "outer", IN("x", "z"), "y");
    put_output("y");
    end_model();
}
static void many_dims(void) { /* an initializer of 10^6 dimensions, all there */
    begin(17);
    size_t at = tn__wire_begin(&out, 5);
    char *dims = malloc(1000000);
    if (!dims) exit(1);
    memset(dims, 1, 1000000);
    tn__wire_put_bytes(&out, 1, dims, 1000000); /* packed */
    free(dims);
    tn__wire_put_int(&out, 2, F32);
    tn__wire_put_text(&out, 8, "w");
    tn__wire_end(&out, at);
    node("Relu", "r", IN("w"), "y");
    put_output("y");
    end_model();
}
static void billion_dims(void) { /* says that 10^9 follow */
    begin(17);
    tn__wire_put_bytes(&out, 5, "\x0a\x80\x94\xeb\xdc\x03\x01\x01", 8);
    node("Relu", "r", IN("w"), "y");
    put_output("y");
    end_model();
}
static void many_input_dims(void) {
    begin(17);
    size_t info = tn__wire_begin(&out, 11), type, tensor, shape;
    tn__wire_put_text(&out, 1, "x");
    type = tn__wire_begin(&out, 2), tensor = tn__wire_begin(&out, 1);
    tn__wire_put_int(&out, 1, F32);
    shape = tn__wire_begin(&out, 2);
    for (int i = 0; i < 1000; i++) tn__wire_put_bytes(&out, 1, "\x08\x01", 2);
    tn__wire_end(&out, shape), tn__wire_end(&out, tensor), tn__wire_end(&out, type), tn__wire_end(&out, info);
    node("Relu", "r", IN("x"), "y");
    put_output("y");
    end_model();
}
static void unsqueeze_rank(void) {
    begin(17);
    int64_t axes[40];
    for (int i = 0; i < 40; i++) axes[i] = i;
    put_input("x", 1, DIMS(2));
    put_initializer("a", I64, 1, DIMS(40), axes, sizeof axes);
    node("Unsqueeze", "wide", IN("x", "a"), "y");
    put_output("y");
    end_model();
}

/* ---- external data ------------------------------------------------------------------------------------------- */

static void external(const char *location, const char *offset, const char *length) {
    const char *entries[] = {"location", location, offset ? "offset" : NULL, offset, "length", length, NULL};
    if (!length) entries[4] = NULL;
    begin(17);
    put_external("w", 1, DIMS(4), entries);
    node("Relu", "r", IN("w"), "y");
    put_output("y");
    end_model();
}
static void external_up(void) { external("../secret.bin", NULL, NULL); }
static void external_up_again(void) { external("data/../../secret.bin", NULL, NULL); }
static void external_absolute(void) { external("/etc/passwd", NULL, NULL); }
static void external_link(void) { external("link.bin", NULL, NULL); }
static void external_folder_link(void) { external("linked/secret.bin", NULL, NULL); }
static void external_hard_link(void) { external("hard.bin", NULL, NULL); }
static void external_past_end(void) { external("good.bin", "9", "16"); }
static void external_huge_offset(void) { external("good.bin", "18446744073709551615", "16"); }
static void external_negative_offset(void) { external("good.bin", "-8", "16"); }
static void external_wrong_length(void) { external("good.bin", "0", "12"); }
static void external_missing(void) { external("missing.bin", NULL, NULL); }
static void external_folder(void) { external("data", NULL, NULL); }
static void external_pipe(void) { external("pipe.bin", NULL, NULL); }
#endif
