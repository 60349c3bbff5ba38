/* Strided and misaligned tensors: as inputs, outputs, constants and files; overlapping memory; all against plain loops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "rt/strided.h"
#include "tenon/tenon.h"

static tn_context *context;
static uint32_t state_ = 1;

static uint32_t draw(uint32_t n) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % n;
}

static void fails(tn_error *e, tn_error_code code, const char *part) {
    if (!e) fail_msg("no error, wanted %s", part);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), part)) fail_msg("%s", tn_error_get_message(e));
    tn_error_destroy(e);
}

static int setup(void **state) {
    ok(tn_context_create(NULL, &context));
    return 0;
}
static int teardown(void **state) {
    tn_context_release(context);
    return 0;
}

static tn_tensor *strided(tn_dtype dtype, int32_t rank, const int64_t *dims, const int64_t *strides, void *data) {
    tn_tensor *t;
    ok(tn_tensor_create_strided(context, dtype, rank, dims, strides, data, NULL, 0, NULL, NULL, &t));
    return t;
}

static tn_tensor *dense(int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    return t;
}

/* graph y = x + x of a shape */
static tn_executable *twice(int32_t rank, const int64_t *dims, const char *device) {
    tn_graph *g;
    tn_options *o;
    tn_executable *x;
    ok(tn_graph_create(context, "twice", &g));
    tn_value in = tn_graph_input(g, "x", TN_DTYPE_f32, rank, dims);
    tn_graph_output(g, "y", tn_graph_op(g, "add", (tn_value[]){in, in}, 2, NULL, 0, 1));
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_compile(g, o, &x));
    tn_options_release(o), tn_graph_release(g);
    return x;
}

/* Any rank, sizes, order of dims, signs and gaps, in every element size: copied to dense and back. */
static void test_copies(void **state) {
    static const tn_dtype dtypes[] = {TN_DTYPE_u8, TN_DTYPE_f16, TN_DTYPE_f32, TN_DTYPE_i64};
    for (int round = 0; round < 4000; round++) {
        tn_dtype dtype = dtypes[draw(4)];
        size_t item = tn_dtype_bits(dtype) / 8;
        int32_t rank = (int32_t)draw(6), order[6];
        int64_t dims[6], strides[6], elements = 1, reach = 1, low = 0;
        for (int32_t d = 0; d < rank; d++) order[d] = d, dims[d] = draw(20) ? 1 + (int64_t)draw(rank < 3 ? 80 : 6) : 0, elements *= dims[d];
        for (int32_t d = rank; d-- > 1;) {
            int32_t k = (int32_t)draw((uint32_t)d + 1), x = order[d];
            order[d] = order[k], order[k] = x;
        }
        for (int32_t i = 0; i < rank; i++) { /* from the densest out */
            int32_t d = order[i];
            strides[d] = reach + draw(3) * (draw(2) ? 1 : 0);
            if (dims[d]) reach = strides[d] * dims[d];
            if (draw(2)) strides[d] = -strides[d];
            if (strides[d] < 0 && dims[d]) low += strides[d] * (dims[d] - 1);
        }
        size_t bytes = ((size_t)reach + 1) * item + 1, odd = draw(4) == 0;
        unsigned char *memory = malloc(bytes), *first = memory + odd + (size_t)-low * item;
        for (size_t i = 0; i < bytes; i++) memory[i] = (unsigned char)draw(256);
        tn_tensor *t = NULL, *plain, *back;
        ok(tn_tensor_create_strided(context, dtype, rank, dims, strides, first, memory, bytes, NULL, NULL, &t));
        ok(tn__tensor_make_plain(t, &plain));
        assert_true(tn__tensor_is_plain(plain) && tn_tensor_is_dense(plain));
        assert_int_equal(tn_tensor_get_elements(t), elements);
        assert_true(!elements || tn__tensor_is_writable(t));
        unsigned char *copy = malloc(bytes);
        memset(copy, 0xee, bytes);
        ok(tn_tensor_create_strided(context, dtype, rank, dims, strides, copy + (first - memory), copy, bytes, NULL, NULL, &back));
        tn__tensor_copy_elements(back, plain);
        int64_t index[6] = {0}, touched = 0;
        for (int64_t i = 0; i < elements; i++) {
            int64_t at = 0, rest = i;
            for (int32_t d = rank; d-- > 0;) index[d] = rest % dims[d], rest /= dims[d];
            for (int32_t d = 0; d < rank; d++) at += index[d] * strides[d];
            assert_memory_equal((char *)tn_tensor_get_data(plain) + (size_t)i * item, first + at * (int64_t)item, item);
            assert_memory_equal(copy + (first - memory) + at * (int64_t)item, first + at * (int64_t)item, item);
        }
        for (size_t i = 0; i < bytes; i++) touched += copy[i] != 0xee;
        assert_true(touched <= elements * (int64_t)item); /* what lies between is left alone */
        tn_tensor_release(t), tn_tensor_release(plain), tn_tensor_release(back);
        free(memory), free(copy);
    }
}

static void run_strided(const char *device) {
    const int64_t dims[2] = {3, 4};
    tn_executable *x = twice(2, dims, device);
    float memory[64], out_memory[64];
    for (int i = 0; i < 64; i++) memory[i] = (float)i;
    static const int64_t cases[][3] = {{1, 3, 0}, {-4, 1, 40}, {8, -2, 20}, {0, 1, 5}, {0, 0, 7}, {-1, -3, 30}, {4, 1, 9}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        tn_tensor *in = strided(TN_DTYPE_f32, 2, dims, cases[c], memory + cases[c][2]), *out = NULL;
        assert_int_equal(tn_tensor_is_dense(in), c == 6);
        ok(tn_executable_run(x, &in, 1, &out, 1));
        for (int i = 0; i < 12; i++)
            assert_true(((float *)tn_tensor_get_data(out))[i] == 2 * memory[cases[c][2] + i / 4 * cases[c][0] + i % 4 * cases[c][1]]);
        tn_tensor_release(out);
        /* the same steps on the way out */
        for (int i = 0; i < 64; i++) out_memory[i] = -1;
        out = strided(TN_DTYPE_f32, 2, dims, cases[c], out_memory + cases[c][2]);
        tn_tensor *given = out;
        if (cases[c][0] == 0) {
            fails(tn_executable_run(x, &in, 1, &out, 1), TN_ERROR_INVALID_ARGUMENT, "output 0 'y': several elements share memory");
            for (int i = 0; i < 64; i++) assert_true(out_memory[i] == -1);
        } else {
            ok(tn_executable_run(x, &in, 1, &out, 1));
            int written = 0;
            for (int i = 0; i < 64; i++) written += out_memory[i] != -1;
            assert_int_equal(written, 12);
            for (int i = 0; i < 12; i++) {
                int64_t at = cases[c][2] + i / 4 * cases[c][0] + i % 4 * cases[c][1];
                assert_true(out_memory[at] == 2 * memory[at]);
            }
        }
        assert_ptr_equal(out, given);
        tn_tensor_release(out), tn_tensor_release(in);
    }
    /* wrong shape: refused as any other, and nothing is written */
    tn_tensor *in = dense(2, dims), *out = strided(TN_DTYPE_f32, 2, (int64_t[]){4, 3}, (int64_t[]){1, 4}, out_memory);
    for (int i = 0; i < 64; i++) out_memory[i] = -1;
    fails(tn_executable_run(x, &in, 1, &out, 1), TN_ERROR_SHAPE_MISMATCH, "output 0 'y': found f32[4,3], wanted f32[3,4]");
    for (int i = 0; i < 64; i++) assert_true(out_memory[i] == -1);
    tn_tensor_release(in);
    in = strided(TN_DTYPE_f32, 2, (int64_t[]){4, 3}, (int64_t[]){1, 4}, memory);
    fails(tn_executable_run(x, &in, 1, &out, 1), TN_ERROR_SHAPE_MISMATCH, "input 0 'x'");
    tn_tensor_release(out), tn_tensor_release(in);
    tn_executable_release(x);
}

static void test_run_ref(void **state) { run_strided("ref"); }
static void test_run_cpu(void **state) { run_strided("cpu"); }

static void test_misaligned(void **state) {
    const int64_t n = 33;
    tn_executable *x = twice(1, &n, "cpu");
    char memory[34 * 4 + 4], out_memory[34 * 4 + 4];
    for (size_t odd = 1; odd < 4; odd++) {
        tn_tensor *in, *out;
        for (int i = 0; i < n; i++) memcpy(memory + odd + 4 * i, &(float){(float)i}, 4);
        ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory + odd, 4 * n, NULL, NULL, &in));
        ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, out_memory + odd, 4 * n, NULL, NULL, &out));
        assert_true(tn_tensor_is_dense(in) && !tn__tensor_is_plain(in));
        ok(tn_executable_run(x, &in, 1, &out, 1));
        for (int i = 0; i < n; i++) {
            float y;
            memcpy(&y, out_memory + odd + 4 * i, 4);
            assert_true(y == 2 * (float)i);
        }
        tn_tensor_release(in), tn_tensor_release(out);
    }
    tn_executable_release(x);
}

/* A graph keeps what it was given, densely, whatever happens to the memory. */
static void test_constant(void **state) {
    const int64_t dims[2] = {2, 3};
    float memory[6] = {1, 2, 3, 4, 5, 6};
    tn_graph *g;
    tn_executable *x;
    tn_tensor *t = strided(TN_DTYPE_f32, 2, dims, (int64_t[]){1, 2}, memory), *in = dense(2, dims), *out = NULL;
    ok(tn_graph_create(context, "g", &g));
    tn_value v = tn_graph_constant(g, t);
    tn_attr value = {.name = "value", .kind = TN_ATTR_TENSOR, .tensor = t}; /* the same by attribute */
    tn_value w = tn_graph_op(g, "constant", NULL, 0, &value, 1, 1);
    tn_tensor_release(t);
    memset(memory, 0, sizeof memory);
    v = tn_graph_op(g, "add", (tn_value[]){v, w}, 2, NULL, 0, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "add", (tn_value[]){v, tn_graph_input(g, "x", TN_DTYPE_f32, 2, dims)}, 2, NULL, 0, 1));
    ok(tn_graph_check(g));
    ok(tn_compile(g, NULL, &x));
    ok(tn_executable_run(x, &in, 1, &out, 1));
    assert_memory_equal(tn_tensor_get_data(out), ((float[]){2, 6, 10, 4, 8, 12}), 24);
    tn_tensor_release(in), tn_tensor_release(out), tn_executable_release(x), tn_graph_release(g);
}

static void test_file(void **state) {
    float memory[6] = {1, 2, 3, 4, 5, 6};
    char path[] = "/tmp/tenon_strided_XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    tn_tensor *t = strided(TN_DTYPE_f32, 2, (int64_t[]){2, 3}, (int64_t[]){1, 2}, memory), *back;
    ok(tn_onnx_save_tensor(t, path));
    ok(tn_onnx_load_tensor(context, path, &back));
    assert_memory_equal(tn_tensor_get_data(back), ((float[]){1, 3, 5, 2, 4, 6}), 24);
    tn_tensor_release(t), tn_tensor_release(back);
    remove(path);
}

static void test_overlaps(void **state) {
    const int64_t n = 16;
    float memory[64] = {0};
    tn_graph *g;
    tn_executable *x;
    ok(tn_graph_create(context, "g", &g));
    tn_value a = tn_graph_input(g, "a", TN_DTYPE_f32, 1, &n), b = tn_graph_input(g, "b", TN_DTYPE_f32, 1, &n);
    tn_graph_output(g, "sum", tn_graph_op(g, "add", (tn_value[]){a, b}, 2, NULL, 0, 1));
    tn_graph_output(g, "product", tn_graph_op(g, "mul", (tn_value[]){a, b}, 2, NULL, 0, 1));
    ok(tn_compile(g, NULL, &x));
    static const struct {
        int in[2], out[2]; /* first elements in memory; out -1: made */
        const char *error;
    } cases[] = {
        {{0, 0}, {16, 32}, NULL},
        {{0, 16}, {32, 48}, NULL},
        {{0, 8}, {32, 48}, NULL},
        {{0, 16}, {-1, 47}, NULL},
        {{0, 16}, {32, 47}, "output 0 'sum' overlaps the memory of output 1 'product'"},
        {{0, 16}, {32, 32}, "overlaps the memory of output"},
        {{0, 16}, {0, 32}, "output 0 'sum' overlaps the memory of input 0 'a'"},
        {{0, 16}, {48, 31}, "output 1 'product' overlaps the memory of input 1 'b'"},
        {{17, 40}, {2, -1}, "output 0 'sum' overlaps the memory of input 0 'a'"},
        {{20, 4}, {-1, 19}, "output 1 'product' overlaps the memory of input"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        tn_tensor *in[2], *out[2] = {NULL, NULL};
        bool made[2];
        for (int i = 0; i < 64; i++) memory[i] = (float)i;
        for (int i = 0; i < 2; i++) {
            ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory + cases[c].in[i], 64, NULL, NULL, &in[i]));
            made[i] = cases[c].out[i] < 0;
            if (!made[i]) ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory + cases[c].out[i], 64, NULL, NULL, &out[i]));
        }
        tn_error *e = tn_executable_run(x, in, 2, out, 2);
        if (cases[c].error) {
            fails(e, TN_ERROR_INVALID_ARGUMENT, cases[c].error);
            for (int i = 0; i < 64; i++) assert_true(memory[i] == (float)i);
            for (int i = 0; i < 2; i++) assert_true(made[i] == !out[i]);
        } else {
            ok(e);
            for (int i = 0; i < n; i++) {
                float va = (float)(cases[c].in[0] + i), vb = (float)(cases[c].in[1] + i);
                assert_true(((float *)tn_tensor_get_data(out[0]))[i] == va + vb && ((float *)tn_tensor_get_data(out[1]))[i] == va * vb);
            }
        }
        for (int i = 0; i < 2; i++) tn_tensor_release(in[i]), tn_tensor_release(out[i]);
    }
    /* a strided input is copied first: its memory may be written */
    tn_tensor *in[2] = {strided(TN_DTYPE_f32, 1, &n, (int64_t[]){-1}, memory + 15), dense(1, &n)}, *out[2] = {NULL, NULL};
    for (int i = 0; i < 64; i++) memory[i] = (float)i;
    ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory, 64, NULL, NULL, &out[0]));
    ok(tn_executable_run(x, in, 2, out, 2));
    for (int i = 0; i < n; i++) assert_true(memory[i] == (float)(15 - i));
    for (int i = 0; i < 2; i++) tn_tensor_release(in[i]), tn_tensor_release(out[i]);
    tn_executable_release(x), tn_graph_release(g);
}

/* Many tensors: found by sorting. */
static void test_many(void **state) {
    enum { MANY = 100 };
    const int64_t n = 4;
    static float memory[2 * MANY * 4];
    tn_graph *g;
    tn_executable *x;
    tn_tensor *in[MANY], *out[MANY];
    char name[16];
    ok(tn_graph_create(context, "many", &g));
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "t%d", i);
        tn_value v = tn_graph_input(g, name, TN_DTYPE_f32, 1, &n);
        tn_graph_output(g, name, tn_graph_op(g, "neg", &v, 1, NULL, 0, 1));
        int at = (i * 37 + 11) % MANY;
        ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory + 8 * i, 16, NULL, NULL, &in[i]));
        ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory + 8 * at + 4, 16, NULL, NULL, &out[i]));
    }
    ok(tn_compile(g, NULL, &x));
    ok(tn_executable_run(x, in, MANY, out, MANY));
    for (int i = 0; i < MANY; i++) {
        tn_tensor *good = out[i];
        ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory + 8 * ((i + 50) % MANY) + 1, 16, NULL, NULL, &out[i]));
        snprintf(name, sizeof name, "output %d 't", i);
        fails(tn_executable_run(x, in, MANY, out, MANY), TN_ERROR_INVALID_ARGUMENT, name);
        tn_tensor_release(out[i]);
        out[i] = good;
    }
    for (int i = 0; i < MANY; i++) tn_tensor_release(in[i]), tn_tensor_release(out[i]);
    tn_executable_release(x), tn_graph_release(g);
}

static int freed;
static void count_free(void *self, void *data) {
    assert_ptr_equal(self, &freed);
    free(data);
    freed++;
}

static tn_error *try(tn_dtype dtype, int32_t rank, const int64_t *dims, const int64_t *strides, void *data, const void *memory, size_t bytes) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create_strided(context, dtype, rank, dims, strides, data, memory, bytes, NULL, NULL, &t);
    if (e) assert_null(t);
    tn_tensor_release(t);
    return e;
}

static void test_create(void **state) {
    float m[24] = {0};
    const int64_t dims[2] = {3, 4}, t[2] = {1, 3}, far[2] = {INT64_MAX, 1}, deep[2] = {INT64_MIN, 1}, high[2] = {INT64_MAX / 8, 1}, row[2] = {4, 1};
    int64_t strides[2];
    fails(try(TN_DTYPE_f32, 2, dims, t, m, m, 47), TN_ERROR_SHAPE_MISMATCH, "not all within the 47 bytes");
    fails(try(TN_DTYPE_f32, 2, dims, t, m + 1, m, 48), TN_ERROR_SHAPE_MISMATCH, "not all within");
    fails(try(TN_DTYPE_f32, 2, dims, (int64_t[]){-1, 3}, m, m, 96), TN_ERROR_SHAPE_MISMATCH, "not all within");
    fails(try(TN_DTYPE_f32, 2, dims, row, m, m, 47), TN_ERROR_SHAPE_MISMATCH, "want 48 bytes");
    fails(try(TN_DTYPE_f32, 2, dims, row, m + 13, m, 96), TN_ERROR_SHAPE_MISMATCH, "want 48 bytes");
    ok(try(TN_DTYPE_f32, 2, dims, row, m + 12, m, 96));
    ok(try(TN_DTYPE_f32, 2, dims, (int64_t[]){-1, 3}, m + 2, m, 48));
    fails(try(TN_DTYPE_f32, 2, dims, far, m, NULL, 0), TN_ERROR_OUT_OF_RANGE, "strides reach further");
    fails(try(TN_DTYPE_f32, 2, dims, deep, m, NULL, 0), TN_ERROR_OUT_OF_RANGE, "strides reach further");
    fails(try(TN_DTYPE_f32, 2, dims, high, m, NULL, 0), TN_ERROR_OUT_OF_RANGE, "strides reach further");
    fails(try(TN_DTYPE_f32, 2, dims, t, NULL, NULL, 0), TN_ERROR_INVALID_ARGUMENT, "data is NULL");
    fails(try(TN_DTYPE_f32, 2, dims, NULL, m, NULL, 0), TN_ERROR_INVALID_ARGUMENT, "strides is NULL");
    fails(try(TN_DTYPE_f32, 33, dims, t, m, NULL, 0), TN_ERROR_LIMIT_EXCEEDED, "rank");
    fails(try(TN_DTYPE_i4, 2, dims, t, m, NULL, 0), TN_ERROR_UNSUPPORTED, "i4");
    fails(try(TN_DTYPE_string, 2, dims, t, m, NULL, 0), TN_ERROR_UNSUPPORTED, "string");
    fails(try(99, 2, dims, t, m, NULL, 0), TN_ERROR_INVALID_ARGUMENT, "dtype");
    ok(try(TN_DTYPE_i4, 2, dims, row, m, NULL, 0));
    ok(try(TN_DTYPE_f32, 2, (int64_t[]){3, 0}, far, NULL, NULL, 0)); /* nothing is anywhere */
    ok(try(TN_DTYPE_f32, 2, (int64_t[]){1, 1}, deep, m, m, 4));
    ok(try(TN_DTYPE_f32, 0, NULL, NULL, m, m, 4));
    tn_tensor *x;
    fails(tn_tensor_create_strided(NULL, TN_DTYPE_f32, 2, dims, t, m, NULL, 0, NULL, NULL, &x), TN_ERROR_INVALID_ARGUMENT, "NULL");
    ok(tn_tensor_create_strided(context, TN_DTYPE_f32, 2, dims, t, malloc(96), NULL, 0, count_free, &freed, &x));
    tn_tensor_get_strides(x, strides);
    assert_true(strides[0] == 1 && strides[1] == 3 && tn_tensor_get_bytes(x) == 48);
    assert_int_equal(freed, 0);
    tn_tensor_release(x);
    assert_int_equal(freed, 1);
    x = dense(2, dims);
    tn_tensor_get_strides(x, strides);
    assert_true(strides[0] == 4 && strides[1] == 1 && tn_tensor_is_dense(x));
    tn_tensor_release(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_copies),    cmocka_unit_test(test_run_ref), cmocka_unit_test(test_run_cpu),
                                       cmocka_unit_test(test_misaligned), cmocka_unit_test(test_constant), cmocka_unit_test(test_file),
                                       cmocka_unit_test(test_overlaps),  cmocka_unit_test(test_many),    cmocka_unit_test(test_create)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
