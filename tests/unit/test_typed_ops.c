/* Typed ops: the same graph, in the text form, as the one that tn_graph_op makes of names and attributes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "expect.h"
#include "tenon/ops.h"
#include "tenon/tenon.h"

static tn_context *context;

static tn_value constant_ints(tn_graph *g, int64_t n, const int64_t *values) {
    tn_tensor *t = NULL;
    ok(tn_tensor_create(context, TN_DTYPE_i64, 1, &n, &t));
    for (int64_t i = 0; i < n; i++) ((int64_t *)tn_tensor_get_data(t))[i] = values[i];
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}
#define INTS(g, n, ...) constant_ints(g, n, (const int64_t[]){__VA_ARGS__})

static tn_value zeros(tn_graph *g, int32_t rank, const int64_t *dims) {
    tn_tensor *t = NULL;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}
#define ZEROS(g, rank, ...) zeros(g, rank, (const int64_t[]){__VA_ARGS__})

static tn_graph *begin(tn_value *x) {
    tn_graph *g = NULL;
    ok(tn_graph_create(context, "ops", &g));
    *x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (const int64_t[]){2, 4, 8, 8});
    return g;
}

static tn_graph *typed(void) {
    static const int64_t ones[] = {1, 1, 1, 1}, two[] = {2, 2}, perm[] = {0, 2, 1};
    static const char *const activations[] = {"Sigmoid", "Tanh", "Tanh"};
    static const double alpha[] = {0.25};
    const tn_value none = {0};
    tn_value x, v;
    tn_graph *g = begin(&x);
    tn_conv_attrs conv = tn_conv_attrs_defaults();
    conv.group = 2;
    conv.pads = ones;
    conv.n_pads = 4;
    v = tn_op_conv(g, x, ZEROS(g, 4, 6, 2, 3, 3), none, &conv);
    tn_value six = ZEROS(g, 1, 6); /* before calls: C does not say which argument comes first */
    v = tn_op_batch_normalization(g, v, six, six, six, six, 1, NULL);
    tn_gelu_attrs gelu = tn_gelu_attrs_defaults();
    gelu.approximate = "tanh";
    v = tn_op_gelu(g, v, &gelu);
    tn_pool_attrs pool = tn_pool_attrs_defaults();
    pool.kernel_shape = two;
    pool.n_kernel_shape = 2;
    pool.strides = two;
    pool.n_strides = 2;
    v = tn_op_max_pool(g, v, 2, &pool);
    tn_cast_attrs cast = tn_cast_attrs_defaults();
    cast.to = TN_DTYPE_f32;
    tn_value where = tn_op_cast(g, tn_value_output(v, 1), &cast);
    v = tn_op_add(g, v, where);
    v = tn_op_clip(g, v, none, ZEROS(g, 0, 0));
    tn_reshape_attrs zero = tn_reshape_attrs_defaults();
    zero.allowzero = 1;
    v = tn_op_reshape(g, v, INTS(g, 3, 2, 6, 16), &zero);
    tn_transpose_attrs transpose = tn_transpose_attrs_defaults();
    transpose.perm = perm;
    transpose.n_perm = 3;
    v = tn_op_transpose(g, v, &transpose);
    tn_layer_norm_attrs norm = tn_layer_norm_attrs_defaults();
    norm.epsilon = 0.001;
    v = tn_op_layer_normalization(g, v, ZEROS(g, 1, 6), none, 1, &norm);
    tn_rnn_attrs rnn = tn_rnn_attrs_defaults();
    rnn.activations = activations;
    rnn.n_activations = 3;
    rnn.activation_alpha = alpha;
    rnn.n_activation_alpha = 1;
    rnn.hidden_size = 5;
    tn_value w = ZEROS(g, 3, 1, 20, 6), r = ZEROS(g, 3, 1, 20, 5);
    v = tn_op_lstm(g, v, w, r, none, none, none, none, none, 3, &rnn);
    v = tn_op_squeeze(g, v, INTS(g, 1, 1));
    tn_value three[3] = {v, {0}, {0}};
    three[1] = tn_op_neg(g, v);
    three[2] = tn_op_leaky_relu(g, v, NULL);
    v = tn_op_max(g, three, 3);
    tn_axis_attrs axis = tn_axis_attrs_defaults();
    axis.axis = 2;
    v = tn_op_concat(g, three, 3, &axis);
    tn_split_attrs split = tn_split_attrs_defaults();
    split.axis = 2;
    split.num_outputs = 3;
    v = tn_op_split(g, v, none, 3, &split);
    tn_gemm_attrs gemm = tn_gemm_attrs_defaults();
    gemm.transB = 1;
    gemm.alpha = 0.5;
    tn_value row = tn_op_gather(g, tn_value_output(v, 2), INTS(g, 1, 1), NULL);
    row = tn_op_squeeze(g, row, INTS(g, 1, 0));
    v = tn_op_gemm(g, row, ZEROS(g, 2, 7, 5), none, &gemm);
    tn_reduce_attrs reduce = tn_reduce_attrs_defaults();
    reduce.keepdims = 0;
    v = tn_op_reduce_mean(g, v, INTS(g, 1, 1), &reduce);
    tn_axis_last_attrs last = tn_axis_last_attrs_defaults();
    last.axis = 0;
    tn_graph_output(g, "y", tn_op_softmax(g, v, &last));
    tn_graph_output(g, "n", tn_op_shape(g, v, NULL));
    return g;
}

#define I(n, x) {.name = n, .kind = TN_ATTR_INT, .i = x}
#define F(n, x) {.name = n, .kind = TN_ATTR_FLOAT, .f = x}
#define S(n, x) {.name = n, .kind = TN_ATTR_STRING, .s = x}
#define IS(n_, count, ...) {.name = n_, .kind = TN_ATTR_INTS, .n = count, .ints = (const int64_t[]){__VA_ARGS__}}
#define OP(op, n_out, inputs, ...) \
    tn_graph_op(g, op, inputs, sizeof(inputs) / sizeof(tn_value), (const tn_attr[]){__VA_ARGS__}, sizeof((const tn_attr[]){__VA_ARGS__}) / sizeof(tn_attr), n_out)
#define PLAIN(op, n_out, inputs) tn_graph_op(g, op, inputs, sizeof(inputs) / sizeof(tn_value), NULL, 0, n_out)
#define V(...) ((const tn_value[]){__VA_ARGS__})

static tn_graph *by_name(void) {
    const tn_value none = {0};
    tn_value x, v;
    tn_graph *g = begin(&x);
    v = OP("conv", 1, V(x, ZEROS(g, 4, 6, 2, 3, 3)), I("group", 2), IS("pads", 4, 1, 1, 1, 1));
    tn_value six = ZEROS(g, 1, 6);
    v = PLAIN("batch_normalization", 1, V(v, six, six, six, six));
    v = OP("gelu", 1, V(v), S("approximate", "tanh"));
    v = OP("max_pool", 2, V(v), IS("kernel_shape", 2, 2, 2), IS("strides", 2, 2, 2));
    tn_value where = OP("cast", 1, V(tn_value_output(v, 1)), I("to", TN_DTYPE_f32));
    v = PLAIN("add", 1, V(v, where));
    v = PLAIN("clip", 1, V(v, none, ZEROS(g, 0, 0)));
    v = OP("reshape", 1, V(v, INTS(g, 3, 2, 6, 16)), I("allowzero", 1));
    v = OP("transpose", 1, V(v), IS("perm", 3, 0, 2, 1));
    v = OP("layer_normalization", 1, V(v, ZEROS(g, 1, 6)), F("epsilon", 0.001));
    v = OP("lstm", 3, V(v, ZEROS(g, 3, 1, 20, 6), ZEROS(g, 3, 1, 20, 5)), I("hidden_size", 5),
           {.name = "activations", .kind = TN_ATTR_STRINGS, .n = 3, .strings = (const char *const[]){"Sigmoid", "Tanh", "Tanh"}},
           {.name = "activation_alpha", .kind = TN_ATTR_FLOATS, .n = 1, .floats = (const double[]){0.25}});
    v = PLAIN("squeeze", 1, V(v, INTS(g, 1, 1)));
    tn_value minus = PLAIN("neg", 1, V(v)), leaky = PLAIN("leaky_relu", 1, V(v));
    tn_value three[] = {v, minus, leaky};
    v = PLAIN("max", 1, three);
    v = OP("concat", 1, three, I("axis", 2));
    v = OP("split", 3, V(v), I("axis", 2), I("num_outputs", 3));
    tn_value row = PLAIN("gather", 1, V(tn_value_output(v, 2), INTS(g, 1, 1)));
    row = PLAIN("squeeze", 1, V(row, INTS(g, 1, 0)));
    v = OP("gemm", 1, V(row, ZEROS(g, 2, 7, 5)), I("transB", 1), F("alpha", 0.5));
    v = OP("reduce_mean", 1, V(v, INTS(g, 1, 1)), I("keepdims", 0));
    tn_graph_output(g, "y", OP("softmax", 1, V(v), I("axis", 0)));
    tn_graph_output(g, "n", PLAIN("shape", 1, V(v)));
    return g;
}

static void test_same_text_as_by_name(void **state) {
    tn_graph *graphs[] = {typed(), by_name()};
    char *texts[2];
    for (int i = 0; i < 2; i++) {
        ok(tn_graph_check(graphs[i]));
        assert_true(tn_graph_get_node_count(graphs[i]) >= 20);
        ok(tn_graph_print(graphs[i], &texts[i]));
    }
    assert_string_equal(texts[0], texts[1]);
    assert_non_null(strstr(texts[0], "gemm("));
    assert_non_null(strstr(texts[0], "activation_alpha=[0.25]"));
    for (int i = 0; i < 2; i++) {
        tn_text_free(context, texts[i]);
        tn_graph_release(graphs[i]);
    }
}

/* Fields that begin as zero are not the defaults: what is set to zero is zero. */
static void test_zero_is_not_default(void **state) {
    tn_value x;
    tn_graph *g = begin(&x);
    tn_axis_last_attrs last = tn_axis_last_attrs_defaults();
    assert_int_equal(last.axis, -1);
    last.axis = 0;
    tn_op_softmax(g, x, &last);
    tn_op_softmax(g, x, NULL);
    char *text;
    ok(tn_graph_print(g, &text));
    assert_non_null(strstr(text, "softmax(%1) {axis=0}"));
    assert_non_null(strstr(text, "softmax(%1) :"));
    tn_text_free(context, text);
    tn_graph_release(g);
}

static tn_graph *branch(void) {
    tn_graph *g = NULL;
    ok(tn_graph_create(context, "branch", &g));
    tn_graph_output(g, "y", ZEROS(g, 1, 3));
    return g;
}

/* The graphs in attributes belong to the call, also when it fails: nothing leaks (ASan) and nothing is freed twice. */
static void test_graphs_are_taken(void **state) {
    const tn_value none = {0};
    tn_value x, c;
    tn_graph *g = begin(&x);
    c = tn_graph_input(g, "c", TN_DTYPE_bool, 0, NULL);
    tn_if_attrs branches = tn_if_attrs_defaults();
    branches.then_branch = branch();
    branches.else_branch = branch();
    tn_graph_output(g, "y", tn_op_if(g, &c, 1, 1, &branches));
    ok(tn_graph_check(g));

    branches.then_branch = branch();
    branches.else_branch = branch();
    assert_int_equal(tn_op_if(g, &none, 1, 1, &branches).id, 0); /* sets the graph's error */
    branches.then_branch = branch();
    branches.else_branch = branch();
    assert_int_equal(tn_op_if(g, &c, 1, 1, &branches).id, 0);
    branches.then_branch = branch();
    branches.else_branch = branch();
    assert_int_equal(tn_op_if(NULL, &c, 1, 1, &branches).id, 0);
    tn_graph_release(g);

    g = begin(&x);
    tn_attr wrong[] = {{.name = "no_such", .kind = TN_ATTR_INT}, {.name = "then_branch", .kind = TN_ATTR_GRAPH, .graph = branch()}};
    assert_int_equal(tn_graph_op(g, "if", &x, 1, wrong, 2, 1).id, 0);
    tn_graph_release(g);
    g = begin(&x);
    tn_attr itself[] = {{.name = "then_branch", .kind = TN_ATTR_GRAPH, .graph = g}};
    assert_int_equal(tn_graph_op(g, "if", &x, 1, itself, 1, 1).id, 0);
    tn_error *e = tn_graph_check(g);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
    tn_graph_release(g);
}

static int set_up(void **state) { return tn_context_create(NULL, &context) != NULL; }

static int tear_down(void **state) {
    tn_context_release(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_text_as_by_name),
        cmocka_unit_test(test_zero_is_not_default),
        cmocka_unit_test(test_graphs_are_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
