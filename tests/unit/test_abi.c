/* The layout of the public structs: what a program was built with stays right when the library gets newer. New fields go to the end; a
 * line here never changes once a version with it is out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tenon/tenon.h"

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == (offset), #type "." #field " has moved")
#if UINTPTR_MAX == UINT64_MAX
AT(tn_allocator, struct_size, 0);
AT(tn_allocator, self, 8);
AT(tn_allocator, allocate, 16);
AT(tn_allocator, deallocate, 24);
AT(tn_limits, struct_size, 0);
AT(tn_limits, max_bytes, 8);
AT(tn_limits, max_elements, 16);
AT(tn_limits, max_nodes, 24);
AT(tn_limits, max_rank, 28);
AT(tn_limits, max_depth, 32);
AT(tn_context_options, struct_size, 0);
AT(tn_context_options, allocator, 8);
AT(tn_context_options, log, 16);
AT(tn_context_options, log_self, 24);
AT(tn_context_options, limits, 32);
AT(tn_attr, name, 0);
AT(tn_attr, kind, 8);
AT(tn_attr, n, 12);
AT(tn_attr, i, 16);
AT(tn_attr, f, 24);
AT(tn_attr, s, 32);
AT(tn_attr, ints, 40);
AT(tn_attr, floats, 48);
AT(tn_attr, strings, 56);
AT(tn_attr, tensor, 64);
AT(tn_attr, graph, 72);
AT(tn_executable_stats, struct_size, 0);
AT(tn_executable_stats, arena_bytes, 8);
AT(tn_executable_stats, arena_lower_bound, 16);
AT(tn_executable_stats, constant_bytes, 24);
AT(tn_executable_stats, code_bytes, 32);
AT(tn_executable_stats, flops, 40);
AT(tn_executable_stats, compile_ns, 48);
AT(tn_executable_stats, n_kernels, 56);
AT(tn_executable_stats, n_calls, 60);
AT(tn_executable_stats, n_specialisations, 64);
AT(tn_executable_stats, from_cache, 68);
#endif
_Static_assert(sizeof(tn_value) == 4, "tn_value is passed by value");
_Static_assert(TN_ERROR_OUT_OF_MEMORY == 2 && TN_ERROR_NOT_FOUND == 14, "error codes are pinned");
_Static_assert(TN_DTYPE_f64 == 1 && TN_DTYPE_f32 == 2 && TN_DTYPE_i64 == 7 && TN_DTYPE_bool == 17 && TN_DTYPE_string == 18,
               "element types are pinned");

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
