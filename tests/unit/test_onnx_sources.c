/* Sources of nodes in ONNX files: metadata_props, else the first line of doc_string, else the name; and through an export and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "expect.h"
#include "ir/graph.h"
#include "onnx/model_writer.h"
#include "tenon/tenon.h"

static tn_context *context;

static void put_metadata(const char *key, const char *value) {
    size_t at = tn__wire_begin(&out, 9);
    tn__wire_put_text(&out, 1, key);
    tn__wire_put_text(&out, 2, value);
    tn__wire_end(&out, at);
}

static tn_graph *load(void) {
    tn_graph *g;
    ok(tn_onnx_load_memory(context, out.data, out.bytes, &g));
    tn__wire_out_deinit(&out);
    return g;
}

/* The value that makes graph output k, and what its operand 0 is. */
static tn_value output(const tn_graph *g, uint32_t k) { return tn_graph_get_output(g, k); }
static tn_value before(const tn_graph *g, tn_value v) { return tn__in(g, tn__node_of(g, v), 0); }

static void has(const tn_graph *g, tn_value v, const char *const *wanted) {
    uint32_t n = 0;
    for (; wanted[n]; n++) {
        const char *found = tn_graph_get_source(g, v, n);
        if (!found || strcmp(found, wanted[n])) fail_msg("source %u: found '%s', wanted '%s'", (unsigned)n, found ? found : "none", wanted[n]);
    }
    assert_int_equal(tn_graph_get_source_count(g, v), n);
}
#define HAS(g, v, ...) has(g, v, (const char *const[]){__VA_ARGS__, NULL})

static void metadata_doc_string_and_name(void **state) {
    (void)state;
    begin_model(&tn__allocator_malloc, 17);
    put_input("x", 1, (const int64_t[]){4});
    begin_node("Exp", "by name", (const char *const[]){"x", NULL}, "a");
    end_node();
    begin_node("Tanh", "n2", (const char *const[]){"a", NULL}, "b");
    tn__wire_put_text(&out, 6, "\n \n/home/me/model.py(12): forward\n/torch/nn/module.py(99): call\n");
    end_node();
    begin_node("Neg", "n3", (const char *const[]){"b", NULL}, "c");
    tn__wire_put_text(&out, 6, "not this");
    put_metadata("another.key", "nor this");
    put_metadata("tenon.source", "first");
    put_metadata("tenon.source.1", "second");
    end_node();
    begin_node("Abs", NULL, (const char *const[]){"c", NULL}, "d");
    end_node();
    put_output("d");
    end_model();
    tn_graph *g = load();
    tn_value d = output(g, 0), c = before(g, d), b = before(g, c), a = before(g, b);
    HAS(g, a, "by name");
    HAS(g, b, "/home/me/model.py(12): forward");
    HAS(g, c, "first", "second");
    assert_int_equal(tn_graph_get_source_count(g, d), 0);
    tn_graph_release(g);
}

/* An operator that becomes several nodes gives all of them its sources; an initializer has none of them. */
static void initializers_and_parts(void **state) {
    (void)state;
    static const float w[4] = {1, 2, 3, 4};
    begin_model(&tn__allocator_malloc, 17);
    put_input("x", 1, (const int64_t[]){4});
    put_initializer("w", 1, 1, (const int64_t[]){4}, w, sizeof w);
    begin_node("Add", "sum", (const char *const[]){"x", "w", NULL}, "y");
    end_node();
    put_output("y");
    end_model();
    tn_graph *g = load();
    HAS(g, output(g, 0), "sum");
    tn_value constant = tn__in(g, tn__node_of(g, output(g, 0)), 1);
    assert_non_null(tn__constant_of(g, constant));
    assert_int_equal(tn_graph_get_source_count(g, constant), 0);
    tn_graph_release(g);
}

/* A function's nodes: the call's source, then their own. */
static void functions(void **state) {
    (void)state;
    begin_model(&tn__allocator_malloc, 17);
    put_input("x", 1, (const int64_t[]){4});
    begin_node("Twice", "call", (const char *const[]){"x", NULL}, "y");
    tn__wire_put_text(&out, 7, "my");
    end_node();
    put_output("y");
    end_model();
    size_t f = tn__wire_begin(&out, 25), at;
    tn__wire_put_text(&out, 1, "Twice");
    tn__wire_put_text(&out, 4, "u");
    tn__wire_put_text(&out, 5, "v");
    at = tn__wire_begin(&out, 7);
    tn__wire_put_text(&out, 1, "u");
    tn__wire_put_text(&out, 1, "u");
    tn__wire_put_text(&out, 2, "v");
    tn__wire_put_text(&out, 3, "inner add");
    tn__wire_put_text(&out, 4, "Add");
    tn__wire_end(&out, at);
    at = tn__wire_begin(&out, 9);
    tn__wire_put_int(&out, 2, 17);
    tn__wire_end(&out, at);
    tn__wire_put_text(&out, 10, "my");
    tn__wire_end(&out, f);
    at = tn__wire_begin(&out, 8);
    tn__wire_put_text(&out, 1, "my");
    tn__wire_put_int(&out, 2, 1);
    tn__wire_end(&out, at);
    tn_graph *g = load();
    HAS(g, output(g, 0), "call", "inner add");
    tn_graph_release(g);
}

static void through_a_file(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "tenon-sources-%ld.onnx", (long)getpid());
    tn_graph *g, *again;
    ok(tn_graph_create(context, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4});
    tn_value a = tn_graph_op(g, "exp", &x, 1, NULL, 0, 1), b = tn_graph_op(g, "tanh", &a, 1, NULL, 0, 1), c = tn_graph_op(g, "neg", &b, 1, NULL, 0, 1);
    tn_graph_set_source(g, a, "one");
    tn_graph_set_source(g, b, "line 1\nline 2");
    tn_graph_add_source(g, b, "second");
    tn_graph_set_source(g, c, "\xff\n"); /* no UTF-8: comes back escaped */
    tn_value r = tn_graph_op(g, "rsqrt", &x, 1, NULL, 0, 1); /* becomes two nodes */
    tn_graph_set_source(g, r, "root");
    tn_graph_output(g, "c", c);
    tn_graph_output(g, "r", r);
    ok(tn_graph_check(g));
    ok(tn_onnx_save_file(g, path));
    ok(tn_onnx_load_file(context, path, &again));
    tn_value c2 = output(again, 0), b2 = before(again, c2), a2 = before(again, b2);
    HAS(again, a2, "one");
    HAS(again, b2, "line 1\nline 2", "second");
    HAS(again, c2, "\\xff\\n");
    HAS(again, output(again, 1), "root");
    HAS(again, before(again, output(again, 1)), "root");
    tn_graph_release(again);
    tn_graph_release(g);
    unlink(path);
}

static int setup(void **state) {
    (void)state;
    ok(tn_context_create(NULL, &context));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tn_context_release(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_doc_string_and_name), cmocka_unit_test(initializers_and_parts),
        cmocka_unit_test(functions),                    cmocka_unit_test(through_a_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
