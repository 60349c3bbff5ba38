/* The typed functions through the table of a loaded library, which nothing here is linked with: every op with every attribute set, and
 * a graph that runs. usage: abi_typed_loaded PATH_OF_LIBRARY */
#include "loader.h"

static const tn_api *api;
#define TN_API_TABLE api
#include "tenon/ops.h"

static const char *path;
static void *library;
static tn_context *context;

static int set_up(void **state) {
    library = open_library(path);
    api = table_of(library);
    ok(api, api->context_create(NULL, &context));
    return 0;
}

static int tear_down(void **state) {
    api->context_release(context);
    return dlclose(library);
}

static tn_graph *a_graph(void) {
    tn_graph *g = NULL;
    ok(api, api->graph_create(context, "inner", &g));
    return g;
}

/* All attributes have names and kinds that the library knows: it gets as far as to miss an operand. */
static void check_call(tn_graph *graph, const char *op, int least, tn_value result) {
    tn_error *e = api->graph_check(graph);
    const char *message = api->error_get_message(e);
    if (least > 0) {
        if (api->error_get_code(e) != TN_ERROR_INVALID_GRAPH || !strstr(message, "operand 0 is absent")) fail_msg("%s: %s", op, message);
        assert_int_equal(result.id, 0);
    } else if (e && (api->error_get_code(e) == TN_ERROR_NOT_FOUND || strstr(message, "attribute"))) {
        fail_msg("%s: %s", op, message);
    }
    api->error_destroy(e);
    api->graph_release(graph);
}
#define CHECK(op, least, call)                           \
    {                                                    \
        tn_graph *graph = a_graph();                     \
        tn_value result = call;                          \
        check_call(graph, #op, least, result);           \
    }

static void test_every_op(void **state) {
    static const int64_t list_of_ints[] = {1};
    static const double list_of_floats[] = {0.5};
    static const char *const list_of_strings[] = {"text"};
    const tn_value none = {0};
    tn_tensor *a_tensor = NULL;
    ok(api, api->tensor_create(context, TN_DTYPE_f32, 0, NULL, &a_tensor));
#include "typed_calls.inc"
    api->tensor_release(a_tensor);
}

/* softmax(gelu(x), axis 0), and the largest elements of each row */
static void test_a_graph_runs(void **state) {
    tn_graph *g = a_graph();
    tn_tensor *k = NULL, *in = NULL, *out[2] = {NULL, NULL};
    tn_executable *x = NULL;
    ok(api, api->tensor_create(context, TN_DTYPE_i64, 1, (const int64_t[]){1}, &k));
    *(int64_t *)api->tensor_get_data(k) = 2;
    tn_value v = api->graph_input(g, "x", TN_DTYPE_f32, 2, (const int64_t[]){2, 3});
    tn_topk_attrs smallest = tn_topk_attrs_defaults();
    smallest.largest = 0;
    v = tn_op_top_k(g, tn_op_neg(g, v), api->graph_constant(g, k), &smallest);
    api->graph_output(g, "values", v);
    api->graph_output(g, "indices", api->value_output(v, 1));
    ok(api, api->graph_check(g));
    ok(api, api->compile(g, NULL, &x));
    ok(api, api->tensor_create(context, TN_DTYPE_f32, 2, (const int64_t[]){2, 3}, &in));
    memcpy(api->tensor_get_data(in), (const float[]){1, 3, 2, 6, 5, 4}, 24);
    ok(api, api->executable_run(x, &in, 1, out, 2));
    assert_memory_equal(api->tensor_get_data(out[0]), ((const float[]){-3, -2, -6, -5}), 16);
    assert_memory_equal(api->tensor_get_data(out[1]), ((const int64_t[]){1, 2, 0, 1}), 32);
    for (int i = 0; i < 2; i++) api->tensor_release(out[i]);
    api->tensor_release(in);
    api->tensor_release(k);
    api->executable_release(x);
    api->graph_release(g);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    path = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_op), cmocka_unit_test(test_a_graph_runs)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
