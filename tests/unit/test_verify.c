/* The verifier: a graph that a pass might have broken is refused, and the error names the node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ir/graph.h"

static tn_context *context;
static tn_graph *g;

static int make_graph(void **state) {
    tn_error *e = tn_graph_parse(context,
                                 "graph \"g\" symbols(N) {\n input %1 \"x\" : f32[N,4]\n %2 = neg(%1) : f32[N,4]  # first\n %3 = add(%2, %1)  # second\n"
                                 " %6 = constant {value=i64[1] (2)}\n %4, %5 = top_k(%3, %6)  # third\n output \"y\" %4\n}\n", &g);
    if (e) print_error("%s\n", tn_error_get_message(e));
    return e != NULL;
}

static int drop_graph(void **state) {
    tn_graph_release(g);
    return 0;
}

static void refused(tn_error_code code, const char *part) {
    tn_error *e = tn__graph_verify(g);
    if (!e || tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), part)) fail_msg("%s, wanted '%s'", tn_error_get_message(e), part);
    tn_error_destroy(e);
}

static void test_good(void **state) { assert_null(tn__graph_verify(g)); }

static void test_order(void **state) { /* the first node reads what the second makes */
    g->operands.data[g->nodes.data[0].first_in] = tn__out(&g->nodes.data[1], 0);
    refused(TN_ERROR_INVALID_GRAPH, "node 0 'first' (neg): operand 0");
}

static void test_operand(void **state) {
    g->operands.data[g->nodes.data[1].first_in + 1].id = 1000;
    refused(TN_ERROR_INVALID_GRAPH, "node 1 'second' (add): operand 1 is no value");
}

static void test_absent(void **state) {
    g->operands.data[g->nodes.data[1].first_in + 1].id = 0;
    refused(TN_ERROR_INVALID_GRAPH, "operand 1 is no value");
}

static void test_arity(void **state) {
    g->nodes.data[1].n_in = 1;
    refused(TN_ERROR_INVALID_GRAPH, "1 operands, wanted 2 to 2");
}

static void test_result(void **state) {
    g->values.data[tn__out(&g->nodes.data[3], 1).id].node = 1;
    refused(TN_ERROR_INVALID_GRAPH, "result 1 does not point back");
}

static void test_op(void **state) {
    g->nodes.data[0].op = (tn__op)9999;
    refused(TN_ERROR_INVALID_GRAPH, "there is no op 9999");
}

static void test_type(void **state) {
    g->values.data[tn__out(&g->nodes.data[1], 0).id].type.dtype = TN_DTYPE_i32;
    refused(TN_ERROR_SHAPE_MISMATCH, "node 1 'second' (add): result 0 is i32[N,4], the shape rule gives f32[N,4]");
}

static void test_shape(void **state) {
    static const int64_t dims[2] = {3, 5};
    g->values.data[tn__out(&g->nodes.data[0], 0).id].type.dims = dims;
    refused(TN_ERROR_SHAPE_MISMATCH, "result 0 is f32[3,5]");
}

static void test_symbol(void **state) {
    static const int64_t dims[2] = {TN_DIM_UNKNOWN - 7, 4};
    g->values.data[tn__out(&g->nodes.data[0], 0).id].type.dims = dims;
    refused(TN_ERROR_INVALID_GRAPH, "no symbol of this graph");
}

static void test_output(void **state) {
    g->outputs.data[0].value.id = 77;
    refused(TN_ERROR_INVALID_GRAPH, "output 0 is no value");
}

static void test_input(void **state) {
    g->inputs.data[0].value.id = tn__out(&g->nodes.data[0], 0).id;
    refused(TN_ERROR_INVALID_GRAPH, "input 0");
}

#define BROKEN(f) cmocka_unit_test_setup_teardown(f, make_graph, drop_graph)
int main(void) {
    if (tn_context_create(NULL, &context)) return 1;
    const struct CMUnitTest tests[] = {BROKEN(test_good),   BROKEN(test_order),  BROKEN(test_operand), BROKEN(test_absent), BROKEN(test_arity),
                                       BROKEN(test_result), BROKEN(test_op),     BROKEN(test_type),    BROKEN(test_shape),  BROKEN(test_symbol),
                                       BROKEN(test_output), BROKEN(test_input)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
