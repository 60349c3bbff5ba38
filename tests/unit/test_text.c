/* The text form: what is printed parses to a graph that prints the same; malformed texts name line and column. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ir/graph.h"

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

static void check_ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static void expect_same(const char *text) {
    tn_graph *g;
    char *out;
    check_ok(tn_graph_parse(context, text, &g));
    check_ok(tn__graph_verify(g));
    check_ok(tn_graph_print(g, &out));
    tn_graph_release(g);
    assert_string_equal(out, text);
    tn_text_free(context, out);
}

static void test_round_trip(void **state) {
    (void)state;
    expect_same("graph \"main\" symbols(N, \"odd name\") {\n"
                "  input %1 \"x\" : f32[1,3,N]\n"
                "  %2 = constant {value=f32[2] (1, 2.5)} : f32[2]\n"
                "  input %3 \"a \\\"b\\\"\\n\\x01\" : i64[*]\n"
                "  %4 = constant {value=f64[3] (0.1, -0, inf)} : f64[3]  # layer/0:const\n"
                "  %5 \"value\" = constant {value=f16[] (0.333252)} : f16[]  # \"two words\"\n"
                "  %6 = constant {value=u64[2] (18446744073709551615, 0)} : u64[2]\n"
                "  %7 = constant {value=i4[3] (-8, 7, 0)} : i4[3]\n"
                "  %8 = constant {value=string[2] (\"a\", \"\")} : string[2]\n"
                "  %9 = constant {value=f32[0,4] ()} : f32[0,4]\n"
                "  input %10 \"y\" : f32[?,\"odd name\"]\n"
                "  output \"out\" %2\n"
                "  output \"x\" %1\n"
                "}\n");
}

static void test_subgraphs_and_attributes(void **state) {
    (void)state;
    expect_same("graph \"main\" symbols(N) {\n"
                "  input %1 \"c\" : bool[]\n"
                "  input %2 \"x\" : f32[N,2]\n"
                "  %3 = if(%1, %2) {then_branch=graph \"a\" symbols(N) {\n"
                "    input %1 \"x\" : f32[N,2]\n"
                "    %2 = relu(%1) : f32[N,2]\n"
                "    output \"y\" %2\n"
                "  }, else_branch=graph \"b\" {\n"
                "    input %1 \"x\" : f32[?,2]\n"
                "    %2 = softmax(%1) {axis=0} : f32[?,2]\n"
                "    output \"y\" %2\n"
                "  }} : f32[?,2]\n"
                "  %4 = cast(%3) {to=f16} : f16[?,2]  # layer/cast\n"
                "  %5 = transpose(%2) {perm=[1,0]} : f32[2,N]\n"
                "  output \"y\" %4\n"
                "}\n");
}

static void test_large_and_nan(void **state) {
    (void)state;
    tn_graph *g, *h;
    tn_tensor *t, *n;
    int64_t dims[2] = {10, 10}, one = 1;
    uint32_t payload = 0x7fc01234;
    char *text;
    check_ok(tn_graph_create(context, "big", &g));
    check_ok(tn_tensor_create(context, TN_DTYPE_f32, 2, dims, &t));
    for (int i = 0; i < 100; i++) ((float *)t->data)[i] = (float)i * 0.37f;
    check_ok(tn_tensor_create(context, TN_DTYPE_f32, 1, &one, &n));
    memcpy(n->data, &payload, 4);
    tn_graph_output(g, "a", tn_graph_constant(g, t));
    tn_graph_output(g, "b", tn_graph_constant(g, n));
    check_ok(tn_graph_print(g, &text));
    check_ok(tn_graph_parse(context, text, &h));
    assert_memory_equal(tn__constant_of(h, tn_graph_get_output(h, 0))->data, t->data, t->bytes);
    assert_memory_equal(tn__constant_of(h, tn_graph_get_output(h, 1))->data, n->data, n->bytes);
    tn_text_free(context, text);
    tn_graph_release(g);
    tn_graph_release(h);
    tn_tensor_release(t);
    tn_tensor_release(n);
}

static void test_constant_copy(void **state) {
    tn_graph *g;
    float values[] = {1, 2};
    check_ok(tn_graph_create(context, "copies", &g));
    tn_value v = tn_graph_constant_copy(g, TN_DTYPE_f32, 1, &(int64_t){2}, values);
    values[0] = 9; /* the graph has its own */
    const tn_tensor *kept = tn__constant_of(g, v);
    assert_memory_equal(kept->data, ((float[]){1, 2}), 8);
    assert_int_not_equal(tn_graph_constant_copy(g, TN_DTYPE_f32, 1, &(int64_t){0}, NULL).id, 0);
    assert_int_equal(tn_graph_constant_copy(NULL, TN_DTYPE_f32, 0, NULL, values).id, 0);
    assert_int_equal(tn_graph_constant_copy(g, TN_DTYPE_f32, 0, NULL, NULL).id, 0);
    tn_error *e = tn_graph_check(g);
    assert_non_null(strstr(tn_error_get_message(e), "values are NULL"));
    tn_error_destroy(e);
    tn_graph_release(g);
}

static void test_malformed(void **state) {
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } bad[] = {
        {"", "line 1, column 1:", "'graph'"},
        {"graph \"g\" {\n  input %1 \"x\" : f32[1,\n", "line 3, column 1:", "the end of the text"},
        {"graph \"g\" {\n  input %1 \"x\" : f33[1]\n}", "line 2, column 18:", "f33"},
        {"graph \"g\" {\n  output \"y\" %7\n}", "line 2, column 14:", "%7 is not defined"},
        {"graph \"g\" {\n  input %1 \"x\" : f32[]\n  %2 = nonsense(%1)\n}", "line 3, column 8:", "nonsense"},
        {"graph \"g\" {\n  %1 = constant {value=f32[2] (1, 2, 3)}\n}", "line 2, column 36:", "')'"},
        {"graph \"g\" {\n  %1 = constant {value=f32[1000000000] (1)}\n}", "line 2, column 24:", "do not fit"},
        {"graph \"g\" {\n  %1 = constant {value=u8[1] (256)}\n}", "line 2, column 31:", "u8"},
        {"graph \"g\" {\n  %1 = constant {value=f32[1] base64 \"!!!!!!!!\"}\n}", "line 2, column 39:", "base64"},
        {"graph \"g\" {\n  %1 = constant {value=f32[1] (1), value=f32[1] (2)}\n}", "line 2, column 36:", "twice"},
        {"graph \"g\" {\n  %1 = constant {size=3}\n}", "line 2, column 18:", "no attribute 'size'"},
        {"graph \"g\" {\n  %1 = constant {value=f32[1] (1)} : f32[2]\n}", "line 2, column 38:", "f32[2]"},
        {"graph \"g\" {\n  input %1 \"x\" : f32[]\n  input %1 \"y\" : f32[]\n}", "line 3, column 9:", "twice"},
        {"graph \"g\" {\n  input %2000000000 \"x\" : f32[]\n}", "line 2, column 9:", "%2000000000"},
        {"graph \"g\" {\n  input %1 \"x : f32[]\n}", "line 2, column 12:", "no end"},
        {"graph \"g\" {\n}\n}\n", "line 3, column 1:", "goes on"},
        {"graph \"g\" {\n  input %1 \"x\" : f32[2,3]\n  %2 = transpose(%1) {perm=[0, -1]}\n}", "line 3, column ", "found -1"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tn_graph *g;
        tn_error *e = tn_graph_parse(context, bad[i].text, &g);
        if (!e) fail_msg("text %zu is accepted", i);
        const char *m = tn_error_get_message(e);
        if (!strstr(m, bad[i].where) || !strstr(m, bad[i].what))
            fail_msg("text %zu: found '%s', wanted %s %s", i, m, bad[i].where, bad[i].what);
        assert_null(g);
        tn_error_destroy(e);
    }
}

static void test_depth(void **state) {
    (void)state;
    static char text[1 << 16];
    size_t n = 0;
    for (int i = 0; i < 1000; i++) n += (size_t)snprintf(text + n, sizeof text - n, "graph{if {then_branch=");
    tn_graph *g;
    tn_error *e = tn_graph_parse(context, text, &g);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_LIMIT_EXCEEDED);
    tn_error_destroy(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_subgraphs_and_attributes),
                                       cmocka_unit_test(test_large_and_nan), cmocka_unit_test(test_constant_copy), cmocka_unit_test(test_malformed),
                                       cmocka_unit_test(test_depth)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
