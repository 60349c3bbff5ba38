/* The tool's .npy reader and writer: round trips, foreign forms, and malformed files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../tools/tenon/npy.c"

static tn_context *context(void) {
    tn_context *c;
    assert_null(tn_context_create(NULL, &c));
    return c;
}

static size_t make_file(unsigned char *file, const char *header, size_t data_bytes) {
    size_t n = strlen(header);
    memcpy(file, "\x93NUMPY\x01\x00", 8);
    file[8] = (unsigned char)n;
    file[9] = (unsigned char)(n >> 8);
    memcpy(file + 10, header, n);
    for (size_t i = 0; i < data_bytes; i++) file[10 + n + i] = (unsigned char)(i + 1);
    return 10 + n + data_bytes;
}

static void test_round_trip(void **state) {
    tn_context *c = context();
    char folder[] = "/tmp/tenon-npy-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x.npy", folder);
    static const struct {
        tn_dtype saved, loaded;
    } rows[] = {{TN_DTYPE_f32, TN_DTYPE_f32}, {TN_DTYPE_f64, TN_DTYPE_f64}, {TN_DTYPE_f16, TN_DTYPE_f16},
                {TN_DTYPE_i64, TN_DTYPE_i64}, {TN_DTYPE_u8, TN_DTYPE_u8},   {TN_DTYPE_bool, TN_DTYPE_bool},
                {TN_DTYPE_bf16, TN_DTYPE_f32}, {TN_DTYPE_i4, TN_DTYPE_i8}, {TN_DTYPE_u2, TN_DTYPE_u8}};
    const int64_t shapes[][3] = {{2, 1, 3}, {0, 4, 1}, {5, 1, 1}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        for (int32_t s = 0; s < 3; s++) {
            int32_t rank = s == 2 ? 1 : 3;
            tn_tensor *t, *back;
            assert_null(tn_tensor_create(c, rows[r].saved, rank, shapes[s], &t));
            for (int64_t i = 0; i < t->elements; i++) tn__store_i64(t->dtype, t->data, i, i & 1);
            assert_null(cli_npy_save(c, t, path));
            char *data;
            size_t bytes;
            assert_null(tn__os_read_file(&c->allocator, path, 1 << 20, &data, &bytes));
            assert_null(cli_npy_parse(c, "x", data, bytes, &back));
            assert_int_equal(back->dtype, rows[r].loaded);
            assert_true(tn__tensor_same_shape(t, back));
            for (int64_t i = 0; i < t->elements; i++)
                assert_true(tn__load_f64(t->dtype, t->data, i) == tn__load_f64(back->dtype, back->data, i));
            tn__free(&c->allocator, data, bytes + 1);
            tn_tensor_release(t);
            tn_tensor_release(back);
        }
    }
    unlink(path);
    rmdir(folder);
    tn_context_release(c);
}

static void test_foreign_forms(void **state) {
    tn_context *c = context();
    unsigned char file[512];
    tn_tensor *t;
    size_t n = make_file(file, "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }", 4);
    assert_null(cli_npy_parse(c, "x", file, n, &t));
    assert_int_equal(((int16_t *)t->data)[1], 0x0304);
    tn_tensor_release(t);
    n = make_file(file, "{'shape': (2, 3), 'fortran_order': True, 'descr': \"|u1\"}\n", 6);
    assert_null(cli_npy_parse(c, "x", file, n, &t));
    assert_memory_equal(t->data, ((unsigned char[]){1, 3, 5, 2, 4, 6}), 6); /* file order is column by column */
    tn_tensor_release(t);
    n = make_file(file, "{'descr': '|S3', 'fortran_order': False, 'shape': (), }", 3);
    assert_null(cli_npy_parse(c, "x", file, n, &t));
    assert_string_equal(((char **)t->data)[0], "\x01\x02\x03");
    tn_tensor_release(t);
    tn_context_release(c);
}

static void test_malformed(void **state) {
    static const char *const headers[] = {
        "", "{", "{}", "{'descr'", "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", /* 12 bytes wanted, 8 there */
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", /* too much data */
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} more",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387906,)}",
        "{'descr': '|S0', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '|f4', 'fortran_order': False, 'shape': (2,)}",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 'a text longer than any dtype', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2)}"};
    tn_context *c = context();
    unsigned char file[512];
    tn_tensor *t;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        size_t n = make_file(file, headers[i], 8);
        unsigned char *exact = malloc(n); /* so that a sanitizer sees a step too far */
        memcpy(exact, file, n);
        tn_error *e = cli_npy_parse(c, "x", exact, n, &t);
        if (!e) fail_msg("accepted: %s", headers[i]);
        assert_null(t);
        tn_error_destroy(e);
        free(exact);
    }
    /* every truncation, and a header length beyond the end in version 2 */
    size_t n = make_file(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 8);
    for (size_t cut = 0; cut < n; cut++) {
        unsigned char *exact = malloc(cut ? cut : 1);
        memcpy(exact, file, cut);
        tn_error *e = cli_npy_parse(c, "x", exact, cut, &t);
        assert_non_null(e);
        tn_error_destroy(e);
        free(exact);
    }
    file[6] = 2;
    memset(file + 8, 0xff, 4);
    tn_error *e = cli_npy_parse(c, "x", file, n, &t);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_PARSE);
    tn_error_destroy(e);
    tn_context_release(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_foreign_forms),
                                       cmocka_unit_test(test_malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
