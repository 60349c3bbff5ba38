/* The protobuf reader on good and hostile bytes, and tensors through the .pb form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "frontend/onnx/tensor_proto.h"
#include "tenon/onnx.h"

static tn_context *context;

static tn_error_code read_code(const void *data, size_t bytes, uint32_t depth, const tn__wire_message *m, tn__arena *arena,
                               const void **out) {
    tn_error *e = tn__wire_read(context, arena, m, data, bytes, depth, out);
    tn_error_code code = tn_error_get_code(e);
    tn_error_destroy(e);
    return code;
}

static void expect(const char *bytes, size_t n, tn_error_code wanted) {
    tn__arena arena;
    const void *out;
    tn__arena_init(&arena, &context->allocator);
    assert_int_equal(read_code(bytes, n, 16, &tn__onnx_model_message, &arena, &out), wanted);
    tn__arena_deinit(&arena);
}
#define EXPECT(text, code) expect(text, sizeof text - 1, code)

static void test_malformed(void **state) {
    EXPECT("", TN_OK);
    EXPECT("\x08\x09", TN_OK);
    EXPECT("\x08", TN_ERROR_PARSE);             /* no value */
    EXPECT("\x08\x80", TN_ERROR_PARSE);         /* truncated varint */
    EXPECT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", TN_ERROR_PARSE); /* overlong */
    EXPECT("\x3a\x05\x0a", TN_ERROR_PARSE);     /* length beyond the end */
    EXPECT("\x0b\x0c", TN_ERROR_PARSE);         /* group */
    EXPECT("\x0a\x00", TN_ERROR_PARSE);         /* ir_version as bytes */
    EXPECT("\x00\x00", TN_ERROR_PARSE);         /* field number 0 */
    EXPECT("\x12\x01\x00", TN_ERROR_PARSE);     /* zero byte in a text */
    EXPECT("\xf8\x07\x01", TN_OK);              /* unknown field */
    EXPECT("\x3a\x00\x3a\x00", TN_ERROR_PARSE); /* graph twice */
    EXPECT("\x3a\x04\x2a\x02\x0a\x80", TN_ERROR_PARSE);
    EXPECT("\x3a\x05\x2a\x03\x0a\x01\x80", TN_ERROR_PARSE); /* packed dims end inside a varint */
}

static void test_depth(void **state) { /* graph > node > attribute > graph ... */
    tn__wire_out o;
    tn__wire_out_init(&o, &context->allocator);
    size_t at[64];
    for (int i = 0; i < 60; i++) at[i] = tn__wire_begin(&o, i ? (uint32_t[]){6, 1, 5}[i % 3] : 7);
    for (int i = 59; i >= 0; i--) tn__wire_end(&o, at[i]);
    tn__arena arena;
    const void *out;
    tn__arena_init(&arena, &context->allocator);
    assert_int_equal(read_code(o.data, o.bytes, 61, &tn__onnx_model_message, &arena, &out), TN_OK);
    assert_int_equal(read_code(o.data, o.bytes, 60, &tn__onnx_model_message, &arena, &out), TN_ERROR_PARSE);
    for (size_t n = 0; n < o.bytes; n++) (void)read_code(o.data, n, 61, &tn__onnx_model_message, &arena, &out);
    tn__arena_deinit(&arena);
    tn__wire_out_deinit(&o);
}

static void test_lists(void **state) { /* packed and unpacked dims mixed */
    tn__arena arena;
    const void *out;
    tn__arena_init(&arena, &context->allocator);
    static const char bytes[] = "\x08\x02\x0a\x03\x03\x80\x01\x08\x05\x10\x01";
    assert_int_equal(read_code(bytes, sizeof bytes - 1, 4, &tn__onnx_tensor_message, &arena, &out), TN_OK);
    const tn__onnx_tensor *t = out;
    assert_int_equal(t->dims.n, 4);
    tn__wire_cursor c = {.list = &t->dims};
    assert_int_equal(tn__wire_next_int(&c), 2);
    assert_int_equal(tn__wire_next_int(&c), 3);
    assert_int_equal(tn__wire_next_int(&c), 128);
    assert_int_equal(tn__wire_next_int(&c), 5);
    tn__arena_deinit(&arena);
}

static void test_tensor_files(void **state) {
    char folder[] = "/tmp/tenon_wire_XXXXXX", path[128], linked[128];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t.pb", folder);
    snprintf(linked, sizeof linked, "%s/l.pb", folder);
    tn_tensor *t, *u = NULL;
    assert_null(tn_tensor_create(context, TN_DTYPE_i16, 2, (int64_t[]){2, 3}, &t));
    for (int i = 0; i < 6; i++) ((int16_t *)t->data)[i] = (int16_t)(i - 3);
    assert_null(tn_onnx_save_tensor(t, path));
    assert_null(tn_onnx_load_tensor(context, path, &u));
    assert_true(tn__tensor_same_shape(t, u) && !memcmp(t->data, u->data, 12));
    tn_tensor_release(u);
    tn_tensor_release(t);
    /* a shape of 2^40 elements without data takes no memory */
    static const char huge[] = "\x08\x80\x80\x80\x80\x80\x20\x10\x01";
    assert_null(tn__os_write_file(&context->allocator, path, &(tn__os_span){huge, sizeof huge - 1}, 1));
    tn_error *e = tn_onnx_load_tensor(context, path, &u);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_LIMIT_EXCEEDED);
    tn_error_destroy(e);
    /* containment of external data */
    const void *data;
    size_t bytes;
    static const char *const refused[] = {"../t.pb", "/etc/passwd", "", "a/../t.pb", "l.pb", ".", "t.pb/", "missing"};
    assert_int_equal(symlink(path, linked), 0);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        e = tn__os_map_below(&context->allocator, folder, refused[i], 1 << 20, &data, &bytes);
        assert_non_null(e);
        tn_error_destroy(e);
    }
    assert_null(tn__os_map_below(&context->allocator, folder, "./t.pb", 1 << 20, &data, &bytes));
    tn__os_unmap(data, bytes);
    unlink(linked);
    assert_int_equal(link(path, linked), 0);
    e = tn__os_map_below(&context->allocator, folder, "t.pb", 1 << 20, &data, &bytes);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_IO);
    tn_error_destroy(e);
    unlink(linked);
    unlink(path);
    rmdir(folder);
}

int main(void) {
    if (tn_context_create(NULL, &context)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_malformed), cmocka_unit_test(test_depth),
                                       cmocka_unit_test(test_lists), cmocka_unit_test(test_tensor_files)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
