/* Types of outputs before a run: whole where shapes decide, open where values do, errors that name input and dimension. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "expect.h"
#include "tenon/tenon.h"

static tn_context *context;

static void fails(tn_error *e, tn_error_code code, const char *part) {
    assert_non_null(e);
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

static tn_executable *compile(const char *text) {
    tn_graph *g;
    tn_executable *x;
    tn_options *o;
    ok(tn_graph_parse(context, text, &g));
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", "ref"));
    ok(tn_compile(g, o, &x));
    tn_options_release(o);
    tn_graph_release(g);
    return x;
}

static tn_tensor_type type(tn_dtype dtype, int32_t rank, int64_t d0, int64_t d1) {
    return (tn_tensor_type){sizeof(tn_tensor_type), dtype, rank, {d0, d1}};
}

static void check(const tn_tensor_type *t, tn_dtype dtype, int32_t rank, int64_t d0, int64_t d1) {
    assert_int_equal(t->dtype, dtype);
    assert_int_equal(t->rank, rank);
    if (rank > 0) assert_int_equal(t->dims[0], d0);
    if (rank > 1) assert_int_equal(t->dims[1], d1);
}

static void test_static(void **state) {
    tn_executable *x = compile("graph \"g\" {\n  input %1 \"x\" : f32[3,4]\n  %2 = transpose(%1) {perm=[1,0]} : f32[4,3]\n"
                               "  %3 = non_zero(%1) : i64[2,?]\n  output \"y\" %2\n  output \"z\" %3\n}\n");
    tn_tensor_type in = type(TN_DTYPE_f32, 2, 3, 4), out[2] = {type(0, 0, 0, 0), type(0, 0, 0, 0)};
    ok(tn_executable_get_output_type(x, 0, &out[0]));
    check(&out[0], TN_DTYPE_f32, 2, 4, 3);
    ok(tn_executable_get_output_type(x, 1, &out[1]));
    check(&out[1], TN_DTYPE_i64, 2, 2, TN_DIM_UNKNOWN); /* the data tells */
    memset(out, 0, sizeof out);
    out[0].struct_size = out[1].struct_size = sizeof out[0];
    ok(tn_executable_infer_outputs(x, &in, 1, out, 2));
    check(&out[0], TN_DTYPE_f32, 2, 4, 3);
    check(&out[1], TN_DTYPE_i64, 2, 2, TN_DIM_UNKNOWN);
    in.dims[1] = 5;
    fails(tn_executable_infer_outputs(x, &in, 1, out, 2), TN_ERROR_SHAPE_MISMATCH, "input 0 'x': dimension 1: found f32[3,5], wanted f32[3,4]");
    in = type(TN_DTYPE_i32, 2, 3, 4);
    fails(tn_executable_infer_outputs(x, &in, 1, out, 2), TN_ERROR_TYPE_MISMATCH, "input 0 'x'");
    fails(tn_executable_get_output_type(x, 2, out), TN_ERROR_OUT_OF_RANGE, "output 2");
    tn_executable_release(x);
}

static void test_symbols(void **state) {
    tn_executable *x = compile("graph \"g\" {\n  input %1 \"a\" : f32[N,4]\n  input %2 \"b\" : f32[N,?]\n  input %3 \"s\" : i64[2]\n"
                               "  %4 = concat(%1, %2) {axis=1} : f32[N,?]\n  %5 = reshape(%1, %3) : f32[?,?]\n"
                               "  output \"y\" %4\n  output \"r\" %5\n}\n");
    tn_tensor_type in[3] = {type(TN_DTYPE_f32, 2, 7, 4), type(TN_DTYPE_f32, 2, 7, 9), type(TN_DTYPE_i64, 1, 2, 0)};
    tn_tensor_type out[2] = {type(0, 0, 0, 0), type(0, 0, 0, 0)};
    ok(tn_executable_get_output_type(x, 0, &out[0]));
    check(&out[0], TN_DTYPE_f32, 2, TN_DIM_UNKNOWN, TN_DIM_UNKNOWN);
    for (int64_t n = 0; n < 3; n++) {
        in[0].dims[0] = in[1].dims[0] = n;
        ok(tn_executable_infer_outputs(x, in, 3, out, 2));
        check(&out[0], TN_DTYPE_f32, 2, n, 13);
        check(&out[1], TN_DTYPE_f32, 2, TN_DIM_UNKNOWN, TN_DIM_UNKNOWN); /* the value of s tells */
    }
    in[1].dims[0] = 1;
    fails(tn_executable_infer_outputs(x, in, 3, out, 2), TN_ERROR_SHAPE_MISMATCH, "input 1 'b': dimension 0 is 1, but N is 2 in input 'a'");
    in[1].dims[0] = TN_DIM_UNKNOWN;
    fails(tn_executable_infer_outputs(x, in, 3, out, 2), TN_ERROR_INVALID_ARGUMENT, "input 1 'b': tensor: dimension 0 is -1");
    in[1].dims[0] = INT64_MAX;
    fails(tn_executable_infer_outputs(x, in, 3, out, 2), TN_ERROR_LIMIT_EXCEEDED, "input 1 'b'");
    in[1].rank = 33;
    fails(tn_executable_infer_outputs(x, in, 3, out, 2), TN_ERROR_INVALID_ARGUMENT, "input 1 'b': rank is 33");
    in[1].rank = -1;
    fails(tn_executable_infer_outputs(x, in, 3, out, 2), TN_ERROR_INVALID_ARGUMENT, "input 1 'b': rank is -1");
    fails(tn_executable_infer_outputs(x, in, 2, out, 2), TN_ERROR_INVALID_ARGUMENT, "found 2 inputs");
    fails(tn_executable_infer_outputs(x, NULL, 3, out, 2), TN_ERROR_INVALID_ARGUMENT, "found 0 inputs");
    fails(tn_executable_infer_outputs(NULL, in, 3, out, 2), TN_ERROR_INVALID_ARGUMENT, "NULL");
    in[1] = type(TN_DTYPE_f32, 2, 2, 9);
    in[2].struct_size = sizeof(size_t);
    fails(tn_executable_infer_outputs(x, in, 3, out, 2), TN_ERROR_INVALID_ARGUMENT, "input 2: struct_size");
    in[2].struct_size = sizeof in[2];
    out[0].struct_size = 0;
    fails(tn_executable_infer_outputs(x, in, 3, out, 2), TN_ERROR_INVALID_ARGUMENT, "output 0: struct_size");
    tn_executable_release(x);
}

/* A caller of a newer version has larger structs: the stride is theirs. */
static void test_larger_structs(void **state) {
    typedef struct newer {
        tn_tensor_type type;
        int64_t more;
    } newer;
    tn_executable *x = compile("graph \"g\" {\n  input %1 \"a\" : f32[N]\n  input %2 \"b\" : f32[N]\n  %3 = add(%1, %2) : f32[N]\n  output \"y\" %3\n  output \"z\" %1\n}\n");
    newer in[2] = {{type(TN_DTYPE_f32, 1, 6, 0), 1}, {type(TN_DTYPE_f32, 1, 6, 0), 2}}, out[2] = {{type(0, 0, 0, 0), 3}, {type(0, 0, 0, 0), 4}};
    in[0].type.struct_size = in[1].type.struct_size = out[0].type.struct_size = out[1].type.struct_size = sizeof(newer);
    ok(tn_executable_infer_outputs(x, &in[0].type, 2, &out[0].type, 2));
    check(&out[0].type, TN_DTYPE_f32, 1, 6, 0);
    check(&out[1].type, TN_DTYPE_f32, 1, 6, 0);
    assert_int_equal(out[0].more, 3);
    tn_executable_release(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_static), cmocka_unit_test(test_symbols), cmocka_unit_test(test_larger_structs)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
