/* Every limit of limits.def: what is just under it passes, what is just over it is an error that names it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "onnx/model_writer.h"
#include "tenon/tenon.h"

enum { F32 = 1, I64 = 7, BOOL = 9 };
#define DIMS(...) (const int64_t[]){__VA_ARGS__}

static tn_context *context_with(tn_limits limits) {
    limits.struct_size = sizeof limits;
    const tn_context_options options = {.struct_size = sizeof options, .limits = &limits};
    tn_context *c;
    assert_null(tn_context_create(&options, &c));
    return c;
}

/* `over`: the error must name the limit; consumes e. */
static void expect(tn_error *e, bool over, const char *limit) {
    if (!over && e) fail_msg("just under %s: %s", limit, tn_error_get_message(e));
    if (over && !e) fail_msg("just over %s: no error", limit);
    if (over && (tn_error_get_code(e) != TN_ERROR_LIMIT_EXCEEDED || !strstr(tn_error_get_message(e), limit)))
        fail_msg("just over %s: %s", limit, tn_error_get_message(e));
    tn_error_destroy(e);
}

/* Loads the model that was written. */
static void expect_model(tn_context *c, bool over, const char *limit) {
    tn_graph *g = NULL;
    expect(tn_onnx_load_memory(c, out.data, out.bytes, &g), over, limit);
    tn_graph_release(g);
}

static void begin(void) { begin_model(&tn__allocator_malloc, 17); }

static void test_rank(void **state) {
    tn_context *c = context_with((tn_limits){.max_rank = 5});
    for (int rank = 5; rank <= 6; rank++) {
        bool over = rank == 6;
        tn_tensor *t = NULL;
        expect(tn_tensor_create(c, TN_DTYPE_f32, rank, DIMS(1, 1, 1, 1, 1, 1), &t), over, "rank 6");
        tn_tensor_release(t);
        begin();
        put_input("x", rank, DIMS(1, 1, 1, 1, 1, 1));
        NODE("Relu", "y", "x");
        put_output("y");
        end_model();
        expect_model(c, over, "rank 6");
        tn__wire_out_deinit(&out);
        begin(); /* an initializer, and a result of higher rank than its operand */
        put_input("x", 2, DIMS(1, 1));
        put_initializer("s", I64, 1, DIMS(rank), DIMS(1, 1, 1, 1, 1, 1), (size_t)rank * 8);
        NODE("Reshape", "y", "x", "s");
        put_output("y");
        end_model();
        expect_model(c, over, "rank 6");
        tn__wire_out_deinit(&out);
        tn_graph *g = NULL;
        expect(tn_graph_parse(c, over ? "graph \"g\" {\n input %1 \"x\" : f32[1,1,1,1,1,1]\n output \"y\" %1\n}\n"
                                      : "graph \"g\" {\n input %1 \"x\" : f32[1,1,1,1,1]\n output \"y\" %1\n}\n", &g), over, "max_rank");
        tn_graph_release(g);
    }
    tn_context_release(c);
}

static void test_elements(void **state) {
    tn_context *c = context_with((tn_limits){.max_elements = 1000});
    for (int64_t n = 1000; n <= 1001; n++) {
        bool over = n == 1001;
        tn_tensor *t = NULL;
        expect(tn_tensor_create(c, TN_DTYPE_u8, 1, &n, &t), over, "max_elements");
        tn_tensor_release(t);
        static const char data[4004];
        begin();
        put_initializer("w", F32, 1, &n, data, (size_t)n * 4);
        NODE("Relu", "y", "w");
        put_output("y");
        end_model();
        expect_model(c, over, "max_elements");
        tn__wire_out_deinit(&out);
        begin(); /* a result that is larger than its operands */
        put_input("x", 1, DIMS(1));
        put_initializer("s", I64, 1, DIMS(1), &n, 8);
        NODE("Expand", "y", "x", "s");
        put_output("y");
        end_model();
        expect_model(c, over, "max_elements");
        tn__wire_out_deinit(&out);
    }
    tn_context_release(c);
}

static void test_bytes(void **state) {
    tn_context *c = context_with((tn_limits){.max_bytes = 2048});
    for (int64_t n = 512; n <= 513; n++) {
        tn_tensor *t = NULL;
        expect(tn_tensor_create(c, TN_DTYPE_f32, 1, &n, &t), n > 512, "max_bytes");
        tn_tensor_release(t);
    }
    char path[] = "/tmp/tenon_limits_XXXXXX";
    close(mkstemp(path));
    for (size_t bytes = 2048; bytes <= 2049; bytes++) { /* a model file of just that size: an unknown field fills it up */
        begin();
        put_input("x", 1, DIMS(2));
        NODE("Relu", "y", "x");
        put_output("y");
        end_model();
        static const char fill[2048];
        tn__wire_put_bytes(&out, 100, fill, bytes - out.bytes - 4); /* 2 bytes of tag, 2 of length */
        assert_int_equal(out.bytes, bytes);
        assert_null(tn__os_write_file(&tn__allocator_malloc, path, &(tn__os_span){out.data, out.bytes}, 1));
        tn_graph *g = NULL;
        expect(tn_onnx_load_file(c, path, &g), bytes > 2048, "limit 2048");
        tn_graph_release(g);
        tn__wire_out_deinit(&out);
    }
    unlink(path);
    tn_context_release(c);
}

/* n nodes; `inside` of them in a branch of an `if`. */
static void put_nodes(int n, int inside) {
    begin();
    put_value(11, "c", 0, NULL, BOOL);
    put_input("x", 1, DIMS(2));
    char from[16] = "x", to[16];
    for (int i = 0; i < n - (inside ? inside + 2 : 0); i++) {
        snprintf(to, sizeof to, "v%d", i);
        NODE("Relu", to, from);
        memcpy(from, to, sizeof to);
    }
    if (inside) { /* the `if` itself, one node in the other branch */
        begin_node("If", "choice", (const char *const[]){"c", NULL}, "y");
        size_t node = node_at; /* the nodes of the branches come in between */
        for (int b = 0; b < 2; b++) {
            size_t attr = tn__wire_begin(&out, 5);
            tn__wire_put_text(&out, 1, b ? "else_branch" : "then_branch");
            tn__wire_put_int(&out, 20, 5);
            size_t body = tn__wire_begin(&out, 6);
            char at[16] = "x";
            for (int i = 0; i < (b ? 1 : inside); i++) {
                snprintf(to, sizeof to, "%c%d", b ? 'e' : 't', i);
                NODE("Relu", to, at);
                memcpy(at, to, sizeof to);
            }
            put_output(at);
            tn__wire_end(&out, body);
            tn__wire_end(&out, attr);
        }
        tn__wire_end(&out, node);
        snprintf(from, sizeof from, "y");
    }
    put_output(from);
    end_model();
}

static void test_nodes(void **state) {
    tn_context *c = context_with((tn_limits){.max_nodes = 40});
    for (int n = 40; n <= 41; n++) {
        for (int inside = 0; inside <= 20; inside += 20) {
            put_nodes(n, inside);
            expect_model(c, n > 40, "max_nodes");
            tn__wire_out_deinit(&out);
        }
        tn_graph *g = NULL;
        assert_null(tn_graph_create(c, "g", &g));
        tn_value v = tn_graph_input(g, "x", TN_DTYPE_f32, 0, NULL);
        for (int i = 0; i < n; i++) v = tn_graph_op(g, "relu", &v, 1, NULL, 0, 1);
        expect(tn_graph_check(g), n > 40, "max_nodes");
        tn_graph_release(g);
    }
    tn_context_release(c);
}

static void put_nested(int depth) {
    size_t ends[16];
    begin();
    put_value(11, "c", 0, NULL, BOOL);
    put_input("x", 1, DIMS(2));
    for (int i = 0; i < depth; i++) {
        begin_node("If", NULL, (const char *const[]){"c", NULL}, "y");
        ends[3 * i] = node_at;
        size_t attr = tn__wire_begin(&out, 5), body;
        tn__wire_put_text(&out, 1, "else_branch");
        tn__wire_put_int(&out, 20, 5);
        body = tn__wire_begin(&out, 6);
        NODE("Neg", "e", "x");
        put_output("e");
        tn__wire_end(&out, body);
        tn__wire_end(&out, attr);
        ends[3 * i + 1] = tn__wire_begin(&out, 5);
        tn__wire_put_text(&out, 1, "then_branch");
        tn__wire_put_int(&out, 20, 5);
        ends[3 * i + 2] = tn__wire_begin(&out, 6);
    }
    NODE("Relu", "y", "x");
    for (int i = depth; i-- > 0;) {
        put_output("y");
        for (int k = 3; k-- > 0;) tn__wire_end(&out, ends[3 * i + k]);
    }
    put_output("y");
    end_model();
}

static void test_depth(void **state) {
    tn_context *c = context_with((tn_limits){.max_depth = 4});
    for (int depth = 3; depth <= 4; depth++) { /* with the outermost graph: 4 and 5 */
        put_nested(depth);
        expect_model(c, depth == 4, "max_depth");
        tn__wire_out_deinit(&out);
    }
    tn_context_release(c);
}

static void test_symbols(void **state) { /* no limit that can be set: they are searched linearly */
    tn_context *c = context_with((tn_limits){0});
    tn_graph *g;
    assert_null(tn_graph_create(c, "g", &g));
    for (int i = 0; i <= 4096; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        tn_graph_symbol(g, name);
        expect(tn_graph_check(g), i == 4096, "4096 symbols");
    }
    tn_graph_release(g);
    tn_context_release(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rank),  cmocka_unit_test(test_elements), cmocka_unit_test(test_bytes),
                                       cmocka_unit_test(test_nodes), cmocka_unit_test(test_depth),    cmocka_unit_test(test_symbols)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
