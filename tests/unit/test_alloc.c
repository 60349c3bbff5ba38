/* Memory and errors: checked sizes, arenas, growing arrays, texts; error texts and their prefixes, also when memory is short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/context.h"

typedef struct counting {
    long live, left; /* left: allocations that succeed yet; < 0: all */
} counting;

static void *allocate(void *self, size_t bytes, size_t align) {
    counting *c = self;
    if (!c->left) return NULL;
    if (c->left > 0) c->left--;
    void *p = NULL;
    if (posix_memalign(&p, align < sizeof p ? sizeof p : align, bytes)) return NULL;
    c->live += (long)bytes;
    return p;
}

static void deallocate(void *self, void *memory, size_t bytes) {
    ((counting *)self)->live -= (long)bytes;
    free(memory);
}

static counting count;
static const tn_allocator a = {sizeof a, &count, allocate, deallocate};

static int reset(void **state) {
    count = (counting){0, -1};
    return 0;
}

static int all_back(void **state) { return count.live != 0; }

static void test_checked(void **state) {
    size_t n;
    int64_t i;
    assert_true(tn__mul(SIZE_MAX / 2, 2, &n) && n == SIZE_MAX - 1);
    assert_false(tn__mul(SIZE_MAX / 2 + 1, 2, &n));
    assert_true(tn__add(SIZE_MAX - 1, 1, &n) && n == SIZE_MAX);
    assert_false(tn__add(SIZE_MAX, 1, &n));
    assert_true(tn__mul_i64(INT64_MIN, 1, &i) && i == INT64_MIN);
    assert_false(tn__mul_i64(INT64_MIN, -1, &i));
    assert_false(tn__mul_i64((int64_t)1 << 31, (int64_t)1 << 32, &i));
    assert_false(tn__add_i64(INT64_MAX, 1, &i));
}

static void test_arena(void **state) {
    tn__arena arena;
    tn__arena_init(&arena, &a);
    char *last = NULL;
    for (size_t i = 0; i < 500; i++) { /* small and large ones in turn */
        size_t bytes = i % 50 == 49 ? 100000 : 1 + i % 37;
        char *p = tn__arena_alloc(&arena, bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < bytes; k++) assert_int_equal(p[k], 0);
        memset(p, 0x5a, bytes);
        assert_ptr_not_equal(p, last);
        last = p;
    }
    assert_string_equal(tn__arena_printf(&arena, "%s %d", "seven", 7), "seven 7");
    assert_string_equal(tn__arena_strdup(&arena, "text"), "text");
    assert_memory_equal(tn__arena_copy(&arena, "abc", 3), "abc", 3);
    assert_null(tn__arena_array(&arena, SIZE_MAX / 2, 4)); /* the product overflows */
    assert_null(tn__arena_alloc(&arena, SIZE_MAX - 8));
    count.left = 0;
    assert_null(tn__arena_alloc(&arena, 1 << 20));
    assert_null(tn__arena_printf(&arena, "%2000000d", 1));
    tn__arena_deinit(&arena);
}

static void test_arrays(void **state) {
    TN__VEC(uint32_t) v = {0};
    for (uint32_t i = 0; i < 1000; i++) assert_true(TN__PUSH(&a, &v, i * i));
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(v.data[i], i * i);
    assert_false(TN__RESERVE(&a, &v, SIZE_MAX / 2)); /* and what is there stays */
    count.left = 0;
    while (v.count < v.capacity) assert_true(TN__PUSH(&a, &v, 1));
    assert_false(TN__PUSH(&a, &v, 1));
    assert_int_equal(v.data[999], 999 * 999);
    TN__VEC_FREE(&a, &v);
    assert_null(v.data);
}

static void test_texts(void **state) {
    tn__text t;
    tn__text_init(&t, &a);
    for (int i = 0; i < 100; i++) tn__text_addf(&t, "%d,", i);
    tn__text_add(&t, "end");
    char *text = tn__text_take(&t);
    assert_non_null(text);
    assert_int_equal(strlen(text), 10 * 2 + 90 * 3 + 3);
    assert_string_equal(text + strlen(text) - 6, "99,end");
    tn__strfree(&a, text);
    tn__text_init(&t, &a);
    tn__text_add(&t, "begin");
    count.left = 0;
    tn__text_addf(&t, "%3000d", 1);
    assert_true(t.failed);
    count.left = -1;
    tn__text_add(&t, "more"); /* failed stays */
    assert_null(tn__text_take(&t));
    tn__text_deinit(&t);
}

static void test_errors(void **state) {
    tn_error *e = TN__FAIL(&a, SHAPE_MISMATCH, "found %d, wanted %d", 3, 4);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_SHAPE_MISMATCH);
    assert_string_equal(tn_error_get_message(e), "found 3, wanted 4");
    e = tn__error_prefix(e, "node '%s'", "n");
    assert_string_equal(tn_error_get_message(e), "node 'n': found 3, wanted 4");
    tn_error *copy = tn__error_copy(e);
    tn_error_destroy(e);
    assert_string_equal(tn_error_get_message(copy), "node 'n': found 3, wanted 4");
    for (long left = 0; left < 2; left++) { /* a prefix that finds no memory is left out */
        count.left = left;
        copy = tn__error_prefix(copy, "file");
        assert_string_equal(tn_error_get_message(copy), "node 'n': found 3, wanted 4");
    }
    tn_error_destroy(copy);
    e = TN__FAIL(&a, IO, "no memory for this");
    assert_ptr_equal(e, tn__error_oom());
    assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_MEMORY);
    assert_ptr_equal(tn__error_prefix(e, "x"), e);
    tn_error_destroy(e);
    tn_error_destroy(e); /* static: any number of times */
    tn_error_destroy(NULL);
    assert_null(tn__error_prefix(NULL, "x"));
    assert_null(tn__error_copy(NULL));
    assert_string_equal(tn_error_get_message(NULL), "no error");
    assert_string_equal(tn_error_code_name(TN_ERROR_PARSE), "PARSE");
    assert_string_equal(tn_error_code_name((tn_error_code)9999), "UNKNOWN");
    count.left = -1;
}

static void test_context(void **state) {
    tn_context *c;
    tn_allocator half = a;
    half.deallocate = NULL;
    tn_context_options o = {.struct_size = sizeof o, .allocator = &half};
    tn_error *e = tn_context_create(&o, &c);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
    o = (tn_context_options){.struct_size = 1};
    e = tn_context_create(&o, &c);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
    o = (tn_context_options){.struct_size = sizeof o, .allocator = &a, .limits = &(tn_limits){.struct_size = sizeof(tn_limits), .max_rank = 99}};
    assert_null(tn_context_create(&o, &c));
    assert_int_equal(c->limits.max_rank, TN_MAX_RANK); /* never more */
    assert_int_equal(c->limits.max_depth, 64);
    tn_context_retain(c);
    tn_context_release(c);
    assert_true(count.live > 0);
    tn_context_release(c);
    assert_int_equal(count.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checked),
        cmocka_unit_test_setup_teardown(test_arena, reset, all_back),
        cmocka_unit_test_setup_teardown(test_arrays, reset, all_back),
        cmocka_unit_test_setup_teardown(test_texts, reset, all_back),
        cmocka_unit_test_setup_teardown(test_errors, reset, all_back),
        cmocka_unit_test_setup_teardown(test_context, reset, all_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
