/* The tricky semantics of the movement and indexing evaluations, and shape rules with unknown dimensions. */
#include "op_table_check.h"

static tn_context *context;

static int setup(void **state) {
    (void)state;
    return tn_context_create(NULL, &context) != NULL;
}

static int teardown(void **state) {
    (void)state;
    tn_context_release(context);
    return 0;
}

static const tn__attrs_reshape plain = {0}, zero = {.allowzero = 1};
static const tn__attrs_transpose reversed = {0};
static const tn__attrs_axis axis0 = {.axis = 0}, axis1 = {.axis = -1};
static const tn__attrs_pad constant = {.mode = "constant"}, edge = {.mode = "edge"}, reflect = {.mode = "reflect"}, wrap = {.mode = "wrap"};
static const tn__attrs_axis_one flat0 = {.axis = 0};
static const tn__attrs_shape part = {.start = -1, .end = INT64_MAX};
static const tn__attrs_trilu upper = {.upper = 1}, lower = {.upper = 0};
static const tn__attrs_axis_last last = {.axis = -1};
static const tn__attrs_depth_to_space dcr = {.blocksize = 2, .mode = "DCR"}, crd = {.blocksize = 2, .mode = "CRD"};
static const tn__attrs_reverse_sequence time1 = {.batch_axis = 0, .time_axis = 1};
static const tn__attrs_gather_nd batch1 = {.batch_dims = 1}, batch0 = {0};
static const tn__attrs_scatter set = {.axis = 0, .reduction = "none"}, add = {.axis = 0, .reduction = "add"};
static const tn__attrs_tensor_scatter circular = {.axis = 1, .mode = "circular"}, linear = {.axis = 1, .mode = "linear"};
static const tn__attrs_opt_axis flattened = {.axis = INT64_MIN, .sorted = 1}, appearance = {.axis = INT64_MIN}, along0 = {.axis = 0, .sorted = 1};
static const tn__attrs_axes no_axes = {0};
static const tn__attrs_constant no_value = {0};

#define BIG 9007199254740992.0 /* far outside, and exact */
static const check checks[] = {
    {"reshape 0 and -1", TN_OP_reshape, &plain, {D2(f32, 2, 3, 1, 2, 3, 4, 5, 6), D1(i64, 3, 0, -1, 1)}, {TN_DTYPE_f32, 3, {2, 3, 1}, {1, 2, 3, 4, 5, 6}}},
    {"reshape allowzero", TN_OP_reshape, &zero, {{TN_DTYPE_f32, 2, {0, 3}, {0}}, D1(i64, 2, 3, 0)}, {TN_DTYPE_f32, 2, {3, 0}, {0}}},
    {"reshape, two -1", TN_OP_reshape, &plain, {D1(f32, 2, 1, 2), D1(i64, 2, -1, -1)}, ABSENT},
    {"reshape, wrong count", TN_OP_reshape, &plain, {D1(f32, 3, 1, 2, 3), D1(i64, 2, 2, -1)}, ABSENT},
    {"transpose", TN_OP_transpose, &reversed, {D2(u4, 2, 3, 1, 2, 3, 4, 5, 6)}, D2(u4, 3, 2, 1, 4, 2, 5, 3, 6)},
    {"concat", TN_OP_concat, &axis1, {D2(f32, 2, 1, 1, 2), D2(f32, 2, 2, 3, 4, 5, 6)}, D2(f32, 2, 3, 1, 3, 4, 2, 5, 6)},
    {"concat mismatch", TN_OP_concat, &axis1, {D2(f32, 2, 1, 1, 2), D2(f32, 1, 1, 3)}, ABSENT},
    {"slice clamps", TN_OP_slice, NULL, {D1(f32, 4, 1, 2, 3, 4), D1(i64, 1, -100), D1(i64, 1, BIG)}, D1(f32, 4, 1, 2, 3, 4)},
    {"slice backwards", TN_OP_slice, NULL, {D1(f32, 4, 1, 2, 3, 4), D1(i64, 1, -1), D1(i64, 1, -BIG), D1(i64, 1, 0), D1(i64, 1, -2)}, D1(f32, 2, 4, 2)},
    {"slice backwards to -1 is empty", TN_OP_slice, NULL, {D1(f32, 3, 1, 2, 3), D1(i64, 1, 1), D1(i64, 1, -1), D1(i64, 1, 0), D1(i64, 1, -1)}, EMPTY(f32)},
    {"slice, start beyond", TN_OP_slice, NULL, {D1(f32, 3, 1, 2, 3), D1(i64, 1, 100), D1(i64, 1, 200)}, EMPTY(f32)},
    {"slice of axis 1, huge step", TN_OP_slice, NULL, {D2(f32, 2, 2, 1, 2, 3, 4), D1(i32, 1, 1), D1(i32, 1, 2), D1(i32, 1, -1), D1(i32, 1, 1000)}, D2(f32, 2, 1, 2, 4)},
    {"slice, step 0", TN_OP_slice, NULL, {D1(f32, 1, 1), D1(i64, 1, 0), D1(i64, 1, 1), D1(i64, 1, 0), D1(i64, 1, 0)}, ABSENT},
    {"pad constant, negative crops", TN_OP_pad, &constant, {D1(f32, 3, 1, 2, 3), D1(i64, 2, -1, 2), D0(f32, 9)}, D1(f32, 4, 2, 3, 9, 9)},
    {"pad edge", TN_OP_pad, &edge, {D1(f32, 3, 1, 2, 3), D1(i64, 2, 2, 1)}, D1(f32, 6, 1, 1, 1, 2, 3, 3)},
    {"pad reflect, several periods", TN_OP_pad, &reflect, {D1(f32, 3, 1, 2, 3), D1(i64, 2, 2, 4)}, D1(f32, 9, 3, 2, 1, 2, 3, 2, 1, 2, 3)},
    {"pad wrap", TN_OP_pad, &wrap, {D1(f32, 3, 1, 2, 3), D1(i64, 2, 2, 2)}, D1(f32, 7, 2, 3, 1, 2, 3, 1, 2)},
    {"pad one axis", TN_OP_pad, &constant, {D2(i32, 1, 2, 1, 2), D1(i64, 2, 1, 0), ABSENT, D1(i64, 1, -2)}, D2(i32, 2, 2, 0, 0, 1, 2)},
    {"pad crops too much", TN_OP_pad, &constant, {D1(f32, 2, 1, 2), D1(i64, 2, -3, 0)}, ABSENT},
    {"expand keeps a larger dim", TN_OP_expand, NULL, {D2(f32, 2, 1, 1, 2), D1(i64, 2, 1, 2)}, D2(f32, 2, 2, 1, 1, 2, 2)},
    {"tile", TN_OP_tile, NULL, {D2(f32, 1, 2, 1, 2), D1(i64, 2, 2, 2)}, D2(f32, 2, 4, 1, 2, 1, 2, 1, 2, 1, 2)},
    {"squeeze all", TN_OP_squeeze, NULL, {{TN_DTYPE_f32, 3, {1, 2, 1}, {1, 2}}}, D1(f32, 2, 1, 2)},
    {"squeeze a dim of 2", TN_OP_squeeze, NULL, {D1(f32, 2, 1, 2), D1(i64, 1, 0)}, ABSENT},
    {"unsqueeze unsorted", TN_OP_unsqueeze, NULL, {D1(f32, 2, 1, 2), D1(i64, 2, 2, 0)}, {TN_DTYPE_f32, 3, {1, 2, 1}, {1, 2}}},
    {"flatten axis 0", TN_OP_flatten, &flat0, {D2(f32, 2, 1, 1, 2)}, D2(f32, 1, 2, 1, 2)},
    {"shape from -1", TN_OP_shape, &part, {D2(f32, 2, 3, 0)}, D1(i64, 1, 3)},
    {"constant_of_shape, scalar", TN_OP_constant_of_shape, &no_value, {EMPTY(i64)}, D0(f32, 0)},
    {"range down", TN_OP_range, NULL, {D0(i32, 10), D0(i32, 4), D0(i32, -4)}, D1(i32, 2, 10, 6)},
    {"range empty", TN_OP_range, NULL, {D0(f32, 1), D0(f32, 0), D0(f32, 1)}, EMPTY(f32)},
    {"range by 0", TN_OP_range, NULL, {D0(i64, 1), D0(i64, 2), D0(i64, 0)}, ABSENT},
    {"trilu upper k=1", TN_OP_trilu, &upper, {D2(f32, 2, 2, 1, 2, 3, 4), D0(i64, 1)}, D2(f32, 2, 2, 0, 2, 0, 0)},
    {"trilu lower k=-5", TN_OP_trilu, &lower, {D2(f32, 2, 2, 1, 2, 3, 4), D0(i64, -5)}, D2(f32, 2, 2, 0, 0, 0, 0)},
    {"one_hot negative and outside", TN_OP_one_hot, &last, {D1(i64, 3, -1, 0, 7), D0(i64, 2), D1(f32, 2, 5, 6)}, D2(f32, 3, 2, 5, 6, 6, 5, 5, 5)},
    {"depth_to_space DCR", TN_OP_depth_to_space, &dcr, {{TN_DTYPE_f32, 4, {1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7}}}, {TN_DTYPE_f32, 4, {1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7}}},
    {"depth_to_space CRD", TN_OP_depth_to_space, &crd, {{TN_DTYPE_f32, 4, {1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7}}}, {TN_DTYPE_f32, 4, {1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7}}},
    {"space_to_depth", TN_OP_space_to_depth, &dcr, {{TN_DTYPE_f32, 4, {1, 2, 2, 2}, {0, 2, 4, 6, 1, 3, 5, 7}}}, {TN_DTYPE_f32, 4, {1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7}}},
    {"reverse_sequence", TN_OP_reverse_sequence, &time1, {D2(f32, 2, 3, 1, 2, 3, 4, 5, 6), D1(i64, 2, 2, 3)}, D2(f32, 2, 3, 2, 1, 3, 6, 5, 4)},
    {"center_crop_pad", TN_OP_center_crop_pad, &no_axes, {D2(f32, 1, 4, 1, 2, 3, 4), D1(i64, 2, 2, 1)}, D2(f32, 2, 1, 2, 0)},
    {"gather negative", TN_OP_gather, &axis0, {D2(f32, 2, 2, 1, 2, 3, 4), D2(i32, 1, 2, -1, 0)}, {TN_DTYPE_f32, 3, {1, 2, 2}, {3, 4, 1, 2}}},
    {"gather outside", TN_OP_gather, &axis0, {D1(f32, 2, 1, 2), D1(i64, 1, 2)}, ABSENT},
    {"gather_elements", TN_OP_gather_elements, &axis1, {D2(f32, 2, 2, 1, 2, 3, 4), D2(i64, 2, 1, 1, -2)}, D2(f32, 2, 1, 2, 3)},
    {"gather_nd batch", TN_OP_gather_nd, &batch1, {D2(f32, 2, 2, 1, 2, 3, 4), D2(i64, 2, 1, 1, 0)}, D1(f32, 2, 2, 3)},
    {"gather_nd rows", TN_OP_gather_nd, &batch0, {D2(f32, 2, 2, 1, 2, 3, 4), D2(i64, 1, 1, -1)}, D2(f32, 1, 2, 3, 4)},
    {"scatter_elements add", TN_OP_scatter_elements, &add, {D1(i32, 3, 1, 2, 3), D1(i64, 3, 0, 0, -1), D1(i32, 3, 10, 20, 30)}, D1(i32, 3, 31, 2, 33)},
    {"scatter_elements outside", TN_OP_scatter_elements, &set, {D1(i32, 1, 1), D1(i64, 1, -2), D1(i32, 1, 1)}, ABSENT},
    {"scatter_nd", TN_OP_scatter_nd, &set, {D2(f32, 2, 2, 1, 2, 3, 4), D2(i64, 1, 1, 1), D2(f32, 1, 2, 8, 9)}, D2(f32, 2, 2, 1, 2, 8, 9)},
    {"tensor_scatter circular", TN_OP_tensor_scatter, &circular, {{TN_DTYPE_f32, 3, {1, 3, 1}, {1, 2, 3}}, {TN_DTYPE_f32, 3, {1, 2, 1}, {8, 9}}, D1(i64, 1, 2)}, {TN_DTYPE_f32, 3, {1, 3, 1}, {9, 2, 8}}},
    {"tensor_scatter outside", TN_OP_tensor_scatter, &linear, {{TN_DTYPE_f32, 3, {1, 3, 1}, {1, 2, 3}}, {TN_DTYPE_f32, 3, {1, 2, 1}, {8, 9}}, D1(i64, 1, 2)}, ABSENT},
    {"compress flattened", TN_OP_compress, &flattened, {D2(f32, 2, 2, 1, 2, 3, 4), D1(bool, 3, 0, 1, 1)}, D1(f32, 2, 2, 3)},
    {"compress rows", TN_OP_compress, &along0, {D2(f32, 2, 2, 1, 2, 3, 4), D1(bool, 2, 0, 1)}, D2(f32, 1, 2, 3, 4)},
    {"non_zero", TN_OP_non_zero, NULL, {D2(f32, 2, 2, 1, 0, NAN, 4)}, D2(i64, 2, 3, 0, 1, 1, 0, 0, 1)},
    {"unique sorted", TN_OP_unique, &flattened, {D1(f32, 5, 3, 1, 3, 2, 1)}, D1(f32, 3, 1, 2, 3)},
    {"unique by appearance", TN_OP_unique, &appearance, {D1(f32, 5, 3, 1, 3, 2, 1)}, D1(f32, 3, 3, 1, 2)},
    {"unique rows", TN_OP_unique, &along0, {D2(i32, 3, 2, 2, 1, 1, 5, 2, 1)}, D2(i32, 2, 2, 1, 5, 2, 1)},
};

static void test_movement(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) run_check(context, &checks[i]);
}

/* top_k: values and indices, ties by the lower index. */
static void test_top_k(void **state) {
    (void)state;
    const spec x = D1(f32, 5, 1, 3, 2, 3, NAN), k = D1(i64, 1, 3);
    const double values[] = {NAN, 3, 3};
    const int64_t indices[] = {4, 1, 3};
    tn_tensor *in[] = {make_tensor(context, &x), make_tensor(context, &k)}, *out[2];
    tn__attrs_topk how = {.axis = -1, .largest = 1, .sorted = 1};
    assert_null(tn__op_eval(context, TN_OP_top_k, &how, (const tn_tensor *const *)in, 2, 2, out));
    assert_true(isnan(((float *)out[0]->data)[0]));
    for (int i = 1; i < 3; i++) assert_true(((float *)out[0]->data)[i] == values[i]);
    assert_memory_equal(out[1]->data, indices, sizeof indices);
    for (int i = 0; i < 2; i++) tn_tensor_release(in[i]), tn_tensor_release(out[i]);
}

/* split into uneven parts: [2, 2, 1] of 5 */
static void test_split(void **state) {
    (void)state;
    const spec x = D1(f32, 5, 1, 2, 3, 4, 5);
    tn_tensor *in[] = {make_tensor(context, &x)}, *out[3];
    tn__attrs_split how = {.num_outputs = 3};
    assert_null(tn__op_eval(context, TN_OP_split, &how, (const tn_tensor *const *)in, 1, 3, out));
    assert_int_equal(out[2]->dims[0], 1);
    assert_true(((float *)out[1]->data)[0] == 3 && ((float *)out[2]->data)[0] == 5);
    for (int i = 0; i < 3; i++) tn_tensor_release(out[i]);
    tn_tensor_release(in[0]);
}

static tn_value op2(tn_graph *g, const char *op, tn_value x, tn_value y) {
    return tn_graph_op(g, op, (tn_value[]){x, y}, y.id ? 2 : 1, NULL, 0, 1);
}

static void expect_type(tn_graph *g, tn_value v, const char *wanted) {
    char text[128];
    tn_error *e = tn_graph_check(g);
    if (e) fail_msg("%s", tn_error_get_message(e));
    assert_string_equal(tn__type_text(g, tn__type_of(g, v), text, sizeof text), wanted);
}

static void test_unknown_shapes(void **state) {
    (void)state;
    tn_graph *g;
    assert_null(tn_graph_create(context, "g", &g));
    int64_t n = tn_graph_symbol(g, "N");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 3, (int64_t[]){n, 3, 4});
    tn_value any = tn_graph_input(g, "any", TN_DTYPE_f32, -1, NULL);
    tn_value shape = tn_graph_input(g, "shape", TN_DTYPE_i64, 1, (int64_t[]){2});
    const spec list = D1(i64, 2, 0, -1), flat = D1(i64, 2, -1, 12), axes = D1(i64, 1, 1);
    tn_tensor *t[] = {make_tensor(context, &list), make_tensor(context, &flat), make_tensor(context, &axes)};
    tn_value constants[3];
    for (int i = 0; i < 3; i++) constants[i] = tn_graph_constant(g, t[i]), tn_tensor_release(t[i]);
    expect_type(g, op2(g, "reshape", x, constants[0]), "f32[N,12]");
    expect_type(g, op2(g, "reshape", x, constants[1]), "f32[N,12]");
    expect_type(g, op2(g, "reshape", x, shape), "f32[?,?]");
    expect_type(g, op2(g, "reshape", any, constants[0]), "f32[?,?]");
    expect_type(g, op2(g, "add", x, x), "f32[N,3,4]");
    expect_type(g, op2(g, "unsqueeze", x, constants[2]), "f32[N,1,3,4]");
    expect_type(g, op2(g, "flatten", x, tn__none()), "f32[N,12]");
    expect_type(g, op2(g, "reduce_sum", x, constants[2]), "f32[N,1,4]");
    expect_type(g, op2(g, "concat", x, x), "f32[?,3,4]");
    const char *const of_any[] = {"transpose", "flatten", "relu", "reduce_max", "squeeze", "shape", "non_zero", "softmax", "arg_max"};
    for (size_t i = 0; i < sizeof of_any / sizeof *of_any; i++) assert_true(op2(g, of_any[i], any, tn__none()).id);
    const char *const with_list[] = {"expand", "tile", "unsqueeze", "squeeze", "gather", "pad"};
    for (size_t i = 0; i < sizeof with_list / sizeof *with_list; i++) {
        tn_value v = op2(g, with_list[i], any, shape);
        if (!v.id) fail_msg("%s: %s", with_list[i], tn_error_get_message(tn_graph_check(g)));
    }
    tn_graph_release(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_movement), cmocka_unit_test(test_top_k), cmocka_unit_test(test_split),
                                       cmocka_unit_test(test_unknown_shapes)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
