/* Inspection: a graph copied through the public functions alone is the same text, and what the library lists is what it does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

static tn_context *context;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static void fails(tn_error *e, tn_error_code code) {
    assert_non_null(e);
    assert_int_equal(tn_error_get_code(e), code);
    tn_error_destroy(e);
}

/* ---- graphs -------------------------------------------------------------------------------------------------- */

/* What a framework would do to translate a graph: inputs, nodes, outputs; sub-graphs the same way. */
static tn_graph *copy(const tn_graph *from) {
    tn_graph *to = NULL;
    ok(tn_graph_create(context, tn_graph_get_name(from), &to));
    tn_value map[256] = {{0}};
    for (uint32_t i = 0; i < tn_graph_get_input_count(from); i++) {
        tn_value_info v = {.struct_size = sizeof v};
        tn_value x = tn_graph_get_input(from, i);
        ok(tn_graph_get_value(from, x, &v));
        assert_int_equal(v.node, TN_NO_NODE);
        assert_int_equal(v.index, i);
        assert_null(v.constant);
        int64_t dims[8];
        for (int32_t d = 0; d < v.rank; d++) {
            const char *symbol = tn_graph_get_symbol_name(from, v.dims[d]);
            dims[d] = symbol ? tn_graph_symbol(to, symbol) : v.dims[d];
        }
        map[x.id] = tn_graph_input(to, tn_graph_get_input_name(from, i), v.dtype, v.rank, dims);
    }
    for (uint32_t n = 0; n < tn_graph_get_node_count(from); n++) {
        tn_node_info node = {.struct_size = sizeof node};
        ok(tn_graph_get_node(from, n, &node));
        assert_false(node.is_custom);
        tn_value in[16];
        tn_attr attrs[16];
        assert_true(node.n_inputs <= 16 && node.n_attrs <= 16);
        for (uint32_t k = 0; k < node.n_inputs; k++) in[k] = map[node.inputs[k].id];
        for (uint32_t k = 0; k < node.n_attrs; k++) {
            ok(tn_graph_get_attr(from, n, k, &attrs[k]));
            if (attrs[k].kind == TN_ATTR_GRAPH) attrs[k].graph = copy(attrs[k].graph);
        }
        tn_value out = tn_graph_op(to, node.op, in, node.n_inputs, attrs, node.n_attrs, node.n_outputs);
        for (uint32_t k = 0; k < node.n_outputs; k++) {
            tn_value old = tn_value_output(node.output, k);
            tn_value_info v = {.struct_size = sizeof v};
            ok(tn_graph_get_value(from, old, &v));
            assert_int_equal(v.node, n);
            assert_int_equal(v.index, k);
            map[old.id] = tn_value_output(out, k);
            if (v.name) tn_graph_set_name(to, map[old.id], v.name);
        }
    }
    for (uint32_t i = 0; i < tn_graph_get_output_count(from); i++)
        tn_graph_output(to, tn_graph_get_output_name(from, i), map[tn_graph_get_output(from, i).id]);
    ok(tn_graph_check(to));
    return to;
}

static const char text[] = "graph \"main\" symbols(N) {\n"
                           "  input %1 \"x\" : f32[2,4,N,8]\n"
                           "  input %2 \"c\" : bool[]\n"
                           "  input %3 \"s\" : f32[*]\n"
                           "  %4 \"weight\" = constant {value=f32[4,2,1,1] (1, 2, 3, 4, 5, 6, 7, 8)} : f32[4,2,1,1]\n"
                           "  %5 = conv(%1, %4) {auto_pad=\"SAME_UPPER\", group=2, strides=[1,2]} : f32[2,4,?,4]\n"
                           "  %6 \"largest\", %7 \"where\" = max_pool(%5) {kernel_shape=[2,2]} : f32[2,4,?,3], i64[2,4,?,3]\n"
                           "  %8 = constant {value=f32[] (6)} : f32[]\n"
                           "  %9 = clip(%6, _, %8) : f32[2,4,?,3]\n"
                           "  %10 = if(%2, %8) {then_branch=graph \"yes\" {\n"
                           "    input %1 \"a\" : f32[]\n"
                           "    %2 = neg(%1) : f32[]\n"
                           "    output \"y\" %2\n"
                           "  }, else_branch=graph \"no\" {\n"
                           "    input %1 \"a\" : f32[]\n"
                           "    %2 = leaky_relu(%1) {alpha=0.25} : f32[]\n"
                           "    output \"y\" %2\n"
                           "  }} : f32[]\n"
                           "  %11 = cast(%3) {to=i32} : i32[*]\n"
                           "  output \"y\" %9\n"
                           "  output \"z\" %10\n"
                           "  output \"i\" %7\n"
                           "  output \"s\" %11\n"
                           "}\n";

static void test_a_copy_by_inspection(void **state) {
    tn_graph *g = NULL;
    char *first, *second;
    ok(tn_graph_parse(context, text, &g));
    tn_graph *c = copy(g);
    ok(tn_graph_print(g, &first));
    ok(tn_graph_print(c, &second));
    assert_string_equal(first, second);
    assert_non_null(strstr(first, "\"weight\" = constant"));
    tn_text_free(context, first);
    tn_text_free(context, second);
    tn_graph_release(g);
    tn_graph_release(c);
}

static void test_nodes_and_values(void **state) {
    tn_graph *g = NULL;
    ok(tn_graph_parse(context, text, &g));
    assert_string_equal(tn_graph_get_name(g), "main");
    tn_node_info node = {.struct_size = sizeof node};
    tn_value_info value = {.struct_size = sizeof value};
    tn_attr attr;
    ok(tn_graph_get_node(g, 0, &node));
    assert_string_equal(node.op, "constant");
    assert_int_equal(node.n_inputs, 0);
    assert_int_equal(node.n_attrs, 1);
    ok(tn_graph_get_attr(g, 0, 0, &attr));
    assert_string_equal(attr.name, "value");
    assert_int_equal(attr.kind, TN_ATTR_TENSOR);
    ok(tn_graph_get_value(g, node.output, &value));
    assert_string_equal(value.name, "weight");
    assert_ptr_equal(value.constant, attr.tensor);
    assert_true(((const float *)tn_tensor_get_data(value.constant))[7] == 8);

    ok(tn_graph_get_node(g, 1, &node));
    assert_string_equal(node.op, "conv");
    assert_int_equal(node.n_attrs, 3); /* dilations, kernel_shape and pads are absent; auto_pad, group, strides */
    ok(tn_graph_get_attr(g, 1, 0, &attr));
    assert_string_equal(attr.s, "SAME_UPPER");
    ok(tn_graph_get_attr(g, 1, 2, &attr));
    assert_string_equal(attr.name, "strides");
    assert_int_equal(attr.n, 2);
    assert_int_equal(attr.ints[1], 2);
    ok(tn_graph_get_node(g, 4, &node));
    assert_string_equal(node.op, "clip");
    assert_int_equal(node.n_inputs, 3);
    assert_int_equal(node.inputs[1].id, 0);

    fails(tn_graph_get_node(g, tn_graph_get_node_count(g), &node), TN_ERROR_OUT_OF_RANGE);
    fails(tn_graph_get_node(g, UINT32_MAX, &node), TN_ERROR_OUT_OF_RANGE);
    fails(tn_graph_get_attr(g, 1, 3, &attr), TN_ERROR_OUT_OF_RANGE);
    fails(tn_graph_get_attr(g, 1, UINT32_MAX, &attr), TN_ERROR_OUT_OF_RANGE);
    assert_null(attr.name);
    fails(tn_graph_get_attr(g, UINT32_MAX, 0, &attr), TN_ERROR_OUT_OF_RANGE);
    fails(tn_graph_get_value(g, (tn_value){0}, &value), TN_ERROR_OUT_OF_RANGE);
    fails(tn_graph_get_value(g, (tn_value){UINT32_MAX}, &value), TN_ERROR_OUT_OF_RANGE);
    fails(tn_graph_get_value(NULL, (tn_value){1}, &value), TN_ERROR_INVALID_ARGUMENT);
    fails(tn_graph_get_node(NULL, 0, &node), TN_ERROR_INVALID_ARGUMENT);
    fails(tn_graph_get_node(g, 0, NULL), TN_ERROR_INVALID_ARGUMENT);
    fails(tn_graph_get_attr(g, 0, 0, NULL), TN_ERROR_INVALID_ARGUMENT);
    node.struct_size = 3;
    fails(tn_graph_get_node(g, 0, &node), TN_ERROR_INVALID_ARGUMENT);

    /* an older caller's shorter struct */
    struct {
        size_t struct_size;
        const char *op;
        void *beyond;
    } old = {offsetof(tn_node_info, name), NULL, &old};
    ok(tn_graph_get_node(g, 1, (tn_node_info *)(void *)&old));
    assert_string_equal(old.op, "conv");
    assert_ptr_equal(old.beyond, &old);
    assert_int_equal(old.struct_size, offsetof(tn_node_info, name));
    tn_graph_release(g);
}

static tn_error *infer(void *self, tn_custom_call *call) {
    return tn_custom_call_set_output(call, 0, TN_DTYPE_f32, 0, NULL);
}
static tn_error *evaluate(void *self, tn_custom_call *call) { return NULL; }

static void test_custom_nodes(void **state) {
    tn_custom_op op = {.struct_size = sizeof op, .name = "mine::scale", .n_in_min = 1, .infer = infer, .evaluate = evaluate};
    ok(tn_custom_op_register(context, &op));
    tn_graph *g = NULL;
    ok(tn_graph_create(context, "custom", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 0, NULL);
    tn_attr attrs[] = {{.name = "by", .kind = TN_ATTR_FLOAT, .f = 1.5}, {.name = "how", .kind = TN_ATTR_STRING, .s = "well"}}, attr;
    tn_graph_output(g, "y", tn_graph_custom(g, "mine::scale", &x, 1, attrs, 2, 1));
    ok(tn_graph_check(g));
    tn_node_info node = {.struct_size = sizeof node};
    ok(tn_graph_get_node(g, 0, &node));
    assert_string_equal(node.op, "mine::scale");
    assert_true(node.is_custom);
    assert_int_equal(node.n_attrs, 2);
    ok(tn_graph_get_attr(g, 0, 0, &attr));
    assert_string_equal(attr.name, "by");
    assert_true(attr.f == 1.5);
    ok(tn_graph_get_attr(g, 0, 1, &attr));
    assert_string_equal(attr.s, "well");
    fails(tn_graph_get_attr(g, 0, 2, &attr), TN_ERROR_OUT_OF_RANGE);
    tn_graph_release(g);
    ok(tn_custom_op_unregister(context, "mine::scale"));
}

/* ---- the library --------------------------------------------------------------------------------------------- */

static uint32_t words(const char *s) {
    uint32_t n = 0;
    for (; *s; s += strcspn(s, " "), s += *s == ' ') n++;
    return n;
}

static void test_ops(void **state) {
    uint32_t n = tn_library_get_op_count();
    assert_true(n >= 173);
    for (uint32_t i = 0; i < n; i++) {
        tn_op_info op = {.struct_size = sizeof op};
        ok(tn_library_get_op(i, &op));
        assert_int_equal(tn_library_find_op(op.name), i);
        assert_true(op.n_inputs_min <= op.n_inputs_max && op.n_outputs_min <= op.n_outputs_max);
        if (op.n_inputs_max != UINT32_MAX && words(op.operands) != op.n_inputs_max) fail_msg("%s: operands '%s'", op.name, op.operands);
        if (op.n_outputs_max != UINT32_MAX && words(op.results) != op.n_outputs_max) fail_msg("%s: results '%s'", op.name, op.results);
        for (uint32_t k = 0; k < op.n_attrs; k++) {
            tn_attr_info attr = {.struct_size = sizeof attr};
            ok(tn_library_get_op_attr(i, k, &attr));
            assert_true(*attr.name && attr.kind >= TN_ATTR_INT && attr.kind <= TN_ATTR_GRAPH);
        }
        tn_attr_info none = {.struct_size = sizeof none};
        fails(tn_library_get_op_attr(i, op.n_attrs, &none), TN_ERROR_OUT_OF_RANGE);
    }
    tn_op_info op = {.struct_size = sizeof op};
    tn_attr_info attr = {.struct_size = sizeof attr};
    fails(tn_library_get_op(n, &op), TN_ERROR_OUT_OF_RANGE);
    fails(tn_library_get_op_attr(n, 0, &attr), TN_ERROR_OUT_OF_RANGE);
    fails(tn_library_get_op(0, NULL), TN_ERROR_INVALID_ARGUMENT);
    assert_int_equal(tn_library_find_op("no_such"), UINT32_MAX);
    assert_int_equal(tn_library_find_op(NULL), UINT32_MAX);

    ok(tn_library_get_op(tn_library_find_op("conv"), &op));
    assert_string_equal(op.onnx, "Conv");
    assert_string_equal(op.operands, "x w bias");
    assert_int_equal(op.n_inputs_min, 2);
    assert_int_equal(op.flags, TN_OP_FLAG_CONTRACTS);
    ok(tn_library_get_op(tn_library_find_op("reshape"), &op));
    assert_int_equal(op.static_inputs, 2);
    ok(tn_library_get_op_attr(tn_library_find_op("softmax"), 0, &attr));
    assert_string_equal(attr.name, "axis");
    assert_int_equal(attr.default_int, -1);
    ok(tn_library_get_op_attr(tn_library_find_op("cast"), 0, &attr));
    assert_true(attr.is_dtype);
    ok(tn_library_get_op(tn_library_find_op("rsqrt"), &op));
    assert_null(op.onnx);
    ok(tn_library_get_op(tn_library_find_op("concat"), &op));
    assert_int_equal(op.n_inputs_max, UINT32_MAX);
}

static void test_devices_and_options(void **state) {
    tn_options *o = NULL;
    ok(tn_options_create(context, &o));
    uint32_t n = tn_library_get_device_count();
    assert_true(n >= 2);
    for (uint32_t i = 0; i < n; i++) ok(tn_options_set(o, "device", tn_library_get_device_name(i)));
    assert_null(tn_library_get_device_name(n));
    tn_options_release(o);

    ok(tn_options_create(context, &o));
    tn_option_info info = {.struct_size = sizeof info};
    for (uint32_t i = 0; i < tn_library_get_option_count(); i++) {
        ok(tn_library_get_option(i, &info));
        assert_true(*info.help);
        if (info.default_text) assert_string_equal(tn_options_get(o, info.name), info.default_text);
        if (info.default_text) ok(tn_options_set(o, info.name, info.default_text));
        char number[32];
        if (info.type == TN_OPTION_INT && info.high < INT64_MAX) {
            snprintf(number, sizeof number, "%lld", (long long)info.high + 1);
            fails(tn_options_set(o, info.name, number), TN_ERROR_INVALID_ARGUMENT);
        }
        if (info.type == TN_OPTION_REAL) {
            static const char *const wrong[] = {"", ".", "x", "-1", "nan", "inf", "1e", "1e+", "0.5 ", " 0.5", "0,5", "0x1", "1e9"};
            for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) fails(tn_options_set(o, info.name, wrong[k]), TN_ERROR_INVALID_ARGUMENT);
            static const char *const right[] = {"0", "0.25", ".5", "1.", "5e-1", "2.5E-3", "0.00001e+5"};
            for (size_t k = 0; k < sizeof right / sizeof *right; k++) ok(tn_options_set(o, info.name, right[k]));
        }
        if (info.type == TN_OPTION_CHOICE || info.type == TN_OPTION_LIST) {
            assert_non_null(info.choices);
            fails(tn_options_set(o, info.name, info.choices), TN_ERROR_INVALID_ARGUMENT); /* all at once is none of them */
        } else assert_null(info.choices);
    }
    fails(tn_library_get_option(tn_library_get_option_count(), &info), TN_ERROR_OUT_OF_RANGE);
    info.struct_size = 0;
    fails(tn_library_get_option(0, &info), TN_ERROR_INVALID_ARGUMENT);
    tn_options_release(o);
}

static int set_up(void **state) {
    static const char *const variables[] = {"TENON_CONFIG", "TENON_DEVICE", "TENON_THREADS", "TENON_CACHE", "TENON_PROFILE"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) unsetenv(variables[i]);
    return tn_context_create(NULL, &context) != NULL;
}

static int tear_down(void **state) {
    tn_context_release(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_copy_by_inspection), cmocka_unit_test(test_nodes_and_values), cmocka_unit_test(test_custom_nodes),
        cmocka_unit_test(test_ops),                  cmocka_unit_test(test_devices_and_options),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
