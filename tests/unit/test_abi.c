/* Callers that were built with an older header. (The layout of the structs: tests/abi/structs.txt.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon/tenon.h"

/* A caller with older, shorter structs: only what it has is read and written. */
static void test_short_structs(void **state) {
    struct {
        size_t struct_size;
        uint64_t max_bytes;
    } limits = {sizeof limits, 1 << 20};
    struct {
        size_t struct_size;
        const void *allocator;
        void *log, *log_self;
        const void *limits;
    } options = {sizeof options, NULL, NULL, NULL, &limits};
    tn_context *c;
    tn_tensor *t;
    assert_null(tn_context_create((const tn_context_options *)(const void *)&options, &c));
    tn_error *e = tn_tensor_create(c, TN_DTYPE_u8, 1, (const int64_t[]){(1 << 20) + 1}, &t);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_LIMIT_EXCEEDED);
    tn_error_destroy(e);

    tn_graph *g;
    tn_executable *x;
    tn_options *o;
    assert_null(tn_graph_create(c, "g", &g));
    tn_value v = tn_graph_input(g, "x", TN_DTYPE_f32, 0, NULL);
    tn_graph_output(g, "y", tn_graph_op(g, "neg", &v, 1, NULL, 0, 1));
    assert_null(tn_options_create(c, &o));
    assert_null(tn_options_set(o, "device", "ref"));
    assert_null(tn_compile(g, o, &x));
    union {
        tn_executable_stats whole;
        uint64_t words[16];
    } stats;
    for (int i = 0; i < 16; i++) stats.words[i] = 0x5a5a5a5a5a5a5a5au;
    stats.whole.struct_size = 16;
    assert_null(tn_executable_get_stats(x, &stats.whole));
    assert_int_equal(stats.words[0], 16);
    assert_int_equal(stats.words[1], 0);
    for (int i = 2; i < 16; i++) assert_true(stats.words[i] == 0x5a5a5a5a5a5a5a5au);
    tn_executable_release(x);
    tn_options_release(o);
    tn_graph_release(g);
    tn_context_release(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_short_structs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
