/* ONNX models in and out: round trip, old versions, control flow, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "ir/graph.h"
#include "onnx/model_writer.h"
#include "tenon/custom_op.h"
#include "tenon/onnx.h"

static tn_context *context;

static tn_error_code load(tn_graph **out_graph, const char *message_part) {
    tn__wire_end(&out, graph_at);
    tn_graph *g = NULL;
    tn_error *e = tn_onnx_load_memory(context, out.data, out.bytes, &g);
    tn_error_code code = tn_error_get_code(e);
    if (message_part && (!e || !strstr(tn_error_get_message(e), message_part))) fail_msg("%s", e ? tn_error_get_message(e) : "no error");
    tn_error_destroy(e);
    tn__wire_out_deinit(&out);
    if (out_graph) *out_graph = g;
    else tn_graph_release(g);
    return code;
}

static const int64_t shape_n4[] = {-1, 4}, shape_24[] = {2, 4}, shape_1[] = {1};

/* ---- what must be refused ------------------------------------------------------------------------------------- */

static void test_refusals(void **state) {
    begin_model(&context->allocator, 17);
    put_input("x", 2, shape_n4);
    NODE("Frobnicate", "y", "x");
    put_output("y");
    assert_int_equal(load(NULL, "unsupported operator Frobnicate of domain 'ai.onnx' version 17"), TN_ERROR_UNSUPPORTED);
    begin_model(&context->allocator, 17); /* a cycle */
    NODE("Relu", "a", "b");
    NODE("Relu", "b", "a");
    put_output("b");
    assert_int_equal(load(NULL, "cycle"), TN_ERROR_INVALID_GRAPH);
    begin_model(&context->allocator, 17);
    put_input("x", 2, shape_n4);
    NODE("Relu", "y", "x");
    NODE("Relu", "y", "x");
    assert_int_equal(load(NULL, "'y' is defined twice"), TN_ERROR_INVALID_GRAPH);
    begin_model(&context->allocator, 17);
    put_input("x", 2, shape_n4);
    put_output("z");
    assert_int_equal(load(NULL, "'z'"), TN_ERROR_INVALID_GRAPH);
    begin_model(&context->allocator, 17); /* declared as i64, computed as f32 */
    put_input("x", 2, shape_n4);
    NODE("Relu", "y", "x");
    put_value(12, "y", 2, shape_n4, 7);
    assert_int_equal(load(NULL, "declared as i64"), TN_ERROR_TYPE_MISMATCH);
    begin_model(&context->allocator, 17); /* external data asks for the memory of somebody else */
    put_external("w", 1, (const int64_t[]){4}, (const char *const[]){"location", "../../etc/passwd", NULL});
    NODE("Relu", "y", "w");
    put_output("y");
    tn__wire_end(&out, graph_at);
    tn__wire_out copy = out;
    char path[] = "/tmp/tenon_external_XXXXXX";
    close(mkstemp(path));
    assert_null(tn__os_write_file(&context->allocator, path, &(tn__os_span){copy.data, copy.bytes}, 1));
    tn_graph *g;
    tn_error *e = tn_onnx_load_file(context, path, &g);
    assert_non_null(e);
    assert_non_null(strstr(tn_error_get_message(e), "leaves the model's folder"));
    tn_error_destroy(e);
    unlink(path);
    assert_int_equal(load(NULL, NULL), TN_ERROR_UNSUPPORTED); /* from memory there is no folder at all */
}

/* y = local::f(x), a function that calls itself. */
static void write_recursive_function(void) {
    begin_model(&context->allocator, 17);
    put_input("x", 2, shape_n4);
    size_t at = tn__wire_begin(&out, 1);
    tn__wire_put_text(&out, 1, "x");
    tn__wire_put_text(&out, 2, "y");
    tn__wire_put_text(&out, 4, "f");
    tn__wire_put_text(&out, 7, "local");
    tn__wire_end(&out, at);
    put_output("y");
    tn__wire_end(&out, graph_at);
    at = tn__wire_begin(&out, 25);
    tn__wire_put_text(&out, 1, "f");
    tn__wire_put_text(&out, 10, "local");
    tn__wire_put_text(&out, 4, "a");
    tn__wire_put_text(&out, 5, "b");
    size_t node = tn__wire_begin(&out, 7);
    tn__wire_put_text(&out, 1, "a");
    tn__wire_put_text(&out, 2, "b");
    tn__wire_put_text(&out, 4, "f");
    tn__wire_put_text(&out, 7, "local");
    tn__wire_end(&out, node);
    tn__wire_end(&out, at);
    graph_at = out.bytes; /* nothing more to close: an empty unknown field takes the length */
    tn__wire_put_bytes(&out, 99, "", 0);
    graph_at = tn__wire_begin(&out, 99);
}

static void test_recursive_function(void **state) {
    write_recursive_function();
    assert_int_equal(load(NULL, "max_depth"), TN_ERROR_LIMIT_EXCEEDED);
}

static tn_error *custom_infer(void *self, tn_custom_call *call) {
    return tn_custom_call_set_output(call, 0, TN_DTYPE_f32, -1, NULL);
}

/* What the caller registered by domain and name goes before a function of the model; by the name alone, behind it. */
static void test_custom_before_function(void **state) {
    tn_custom_op op = {.struct_size = sizeof op, .name = "f", .n_in_min = 1, .infer = custom_infer, .evaluate = custom_infer};
    tn_graph *g;
    assert_null(tn_custom_op_register(context, &op));
    write_recursive_function();
    assert_int_equal(load(NULL, "max_depth"), TN_ERROR_LIMIT_EXCEEDED);
    op.name = "local::f";
    assert_null(tn_custom_op_register(context, &op));
    write_recursive_function();
    assert_int_equal(load(&g, NULL), TN_OK);
    assert_int_equal(tn__node_of(g, tn_graph_get_output(g, 0))->op, TN_OP_custom);
    tn_graph_release(g);
    assert_null(tn_custom_op_unregister(context, "f"));
    assert_null(tn_custom_op_unregister(context, "local::f"));
}

/* ---- old versions ---------------------------------------------------------------------------------------------- */

static void test_old_clip(void **state) { /* Clip-6: min and max are attributes */
    static const char min[] = "\x0a\x03min\x15\x00\x00\x00\x3f\xa0\x01\x01";
    begin_model(&context->allocator, 6);
    put_input("x", 2, shape_24);
    put_node("Clip", (const char *const[]){"x", NULL}, "y", min, sizeof min - 1);
    put_output("y");
    tn_graph *g;
    assert_int_equal(load(&g, NULL), TN_OK);
    const tn__node *n = tn__node_of(g, tn_graph_get_output(g, 0));
    assert_int_equal(n->op, TN_OP_clip);
    assert_int_equal(n->n_in, 2);
    const tn_tensor *t = tn__constant_of(g, tn__in(g, n, 1));
    assert_true(t && *(const float *)t->data == 0.5f);
    tn_graph_release(g);
}

static void test_old_add(void **state) { /* Add-6: axis 0 of a [2, 4] takes a [2] */
    static const int64_t two[] = {2};
    static const char flag[] = "\x0a\x09" "broadcast\x18\x01\xa0\x01\x02", axis[] = "\x0a\x04" "axis\x18\x00\xa0\x01\x02";
    begin_model(&context->allocator, 6);
    put_input("x", 2, shape_24);
    put_input("b", 1, two);
    size_t at = tn__wire_begin(&out, 1);
    tn__wire_put_text(&out, 1, "x");
    tn__wire_put_text(&out, 1, "b");
    tn__wire_put_text(&out, 2, "y");
    tn__wire_put_text(&out, 4, "Add");
    tn__wire_put_bytes(&out, 5, flag, sizeof flag - 1);
    tn__wire_put_bytes(&out, 5, axis, sizeof axis - 1);
    tn__wire_end(&out, at);
    put_output("y");
    tn_graph *g;
    tn_error_code code = load(&g, NULL);
    if (code == TN_ERROR_UNSUPPORTED) skip(); /* no shape rule of unsqueeze in this build */
    assert_int_equal(code, TN_OK);
    const int64_t *dims;
    assert_int_equal(tn_graph_get_shape(g, tn_graph_get_output(g, 0), &dims), 2);
    assert_true(dims[0] == 2 && dims[1] == 4);
    tn_graph_release(g);
}

/* ---- control flow ---------------------------------------------------------------------------------------------- */

static void put_branch(const char *name, const char *operator_, const char *operand, const char *result) {
    size_t attr = tn__wire_begin(&out, 5), body;
    tn__wire_put_text(&out, 1, name);
    body = tn__wire_begin(&out, 6);
    NODE(operator_, result, operand);
    put_output(result);
    tn__wire_end(&out, body);
    tn__wire_put_int(&out, 20, 5);
    tn__wire_end(&out, attr);
}

static void test_if_captures(void **state) { /* then uses x, else uses z: both branches take (x, z) */
    begin_model(&context->allocator, 17);
    put_value(11, "c", 1, shape_1, 9);
    put_input("x", 2, shape_24);
    put_input("z", 2, shape_24);
    size_t at = tn__wire_begin(&out, 1);
    tn__wire_put_text(&out, 1, "c");
    tn__wire_put_text(&out, 2, "y");
    tn__wire_put_text(&out, 4, "If");
    put_branch("then_branch", "Relu", "x", "t");
    put_branch("else_branch", "Neg", "z", "e");
    tn__wire_end(&out, at);
    put_output("y");
    tn_graph *g;
    tn_error_code code = load(&g, NULL);
    if (code == TN_ERROR_UNSUPPORTED) skip(); /* no shape rule of `if` in this build */
    assert_int_equal(code, TN_OK);
    const tn__node *n = tn__node_of(g, tn_graph_get_output(g, 0));
    assert_int_equal(n->op, TN_OP_if);
    assert_int_equal(n->n_in, 3);
    const tn__attrs_if *a = n->attrs;
    assert_int_equal(a->then_branch->inputs.count, 2);
    assert_int_equal(a->else_branch->inputs.count, 2);
    assert_string_equal(a->then_branch->inputs.data[1].name, "z");
    char path[] = "/tmp/tenon_if_XXXXXX";
    close(mkstemp(path));
    tn_graph *again = NULL;
    assert_null(tn_onnx_save_file(g, path));
    assert_null(tn_onnx_load_file(context, path, &again));
    assert_int_equal(tn__node_of(again, tn_graph_get_output(again, 0))->n_in, 3);
    unlink(path);
    tn_graph_release(again);
    tn_graph_release(g);
}

/* ---- round trip ------------------------------------------------------------------------------------------------ */

static tn_graph *small_net(void) {
    tn_graph *g;
    tn_tensor *w;
    assert_null(tn_graph_create(context, "net", &g));
    int64_t n = tn_graph_symbol(g, "N");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){n, 4});
    assert_null(tn_tensor_create(context, TN_DTYPE_f32, 1, (int64_t[]){4}, &w));
    for (int i = 0; i < 4; i++) ((float *)w->data)[i] = (float)i;
    tn_value b = tn_graph_constant(g, w);
    tn_tensor_release(w);
    tn_value y = tn_graph_op(g, "mul", (tn_value[]){x, b}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "leaky_relu", &y, 1, &(tn_attr){.name = "alpha", .kind = TN_ATTR_FLOAT, .f = 0.25}, 1, 1);
    y = tn_graph_op(g, "rsqrt", &y, 1, NULL, 0, 1);
    tn_graph_output(g, "y", y);
    tn_graph_output(g, "same", x);
    assert_null(tn_graph_check(g));
    return g;
}

static void test_round_trip(void **state) {
    char path[] = "/tmp/tenon_net_XXXXXX";
    close(mkstemp(path));
    tn_graph *g = small_net(), *h = NULL;
    assert_null(tn_onnx_save_file(g, path));
    assert_null(tn_onnx_load_file(context, path, &h));
    const int64_t *dims;
    assert_int_equal(tn_graph_get_shape(h, tn_graph_get_output(h, 0), &dims), 2);
    assert_string_equal(tn_graph_get_symbol_name(h, dims[0]), "N");
    assert_string_equal(tn_graph_get_output_name(h, 1), "same");
    bool found = false;
    for (size_t i = 0; i < h->nodes.count; i++)
        if (h->nodes.data[i].op == TN_OP_leaky_relu) found = ((const tn__attrs_alpha *)h->nodes.data[i].attrs)->alpha == 0.25;
    assert_true(found);
    tn_graph_release(g);
    tn_graph_release(h);
    /* every truncation and every changed byte: an error or a graph, never worse */
    char *data;
    size_t bytes;
    assert_null(tn__os_read_file(&context->allocator, path, 1 << 20, &data, &bytes));
    for (size_t i = 0; i < bytes; i++) {
        tn_error *e = tn_onnx_load_memory(context, data, i, &h);
        if (i + 8 < bytes) assert_non_null(e); /* the opset comes last: without it the model is one of version 1 */
        tn_error_destroy(e);
        tn_graph_release(h);
        for (int k = 0; k < 8; k++) {
            data[i] ^= (char)(1 << k);
            tn_error_destroy(tn_onnx_load_memory(context, data, bytes, &h));
            tn_graph_release(h);
            data[i] ^= (char)(1 << k);
        }
    }
    tn__free(&context->allocator, data, bytes + 1);
    unlink(path);
}

/* ---- real models ----------------------------------------------------------------------------------------------- */

static void test_shared_models(void **state) {
    const char *root = getenv("TENON_SHARED") ? getenv("TENON_SHARED") : "../shared";
    char folder[512], path[1024];
    snprintf(folder, sizeof folder, "%s/models", root);
    DIR *d = opendir(folder);
    if (!d && (snprintf(folder, sizeof folder, "/work/shared/models"), !(d = opendir(folder)))) skip();
    for (struct dirent *x; (x = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s/model.onnx", folder, x->d_name);
        struct stat s;
        if (x->d_name[0] == '.' || stat(path, &s)) continue;
        tn_graph *g = NULL;
        tn_error *e = tn_onnx_load_file(context, path, &g);
        if (e && tn_error_get_code(e) != TN_ERROR_UNSUPPORTED) fail_msg("%s: %s", path, tn_error_get_message(e));
        tn_error_destroy(e);
        tn_graph_release(g);
    }
    closedir(d);
}

int main(void) {
    if (tn_context_create(NULL, &context)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),    cmocka_unit_test(test_recursive_function), cmocka_unit_test(test_custom_before_function), cmocka_unit_test(test_old_clip),
        cmocka_unit_test(test_old_add),     cmocka_unit_test(test_if_captures),        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_shared_models)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
