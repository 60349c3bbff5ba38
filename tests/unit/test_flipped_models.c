/* A small model with every bit flipped in turn, and cut at every length, through import, compilation and a run: an error or a result,
 * never worse. The cpu device takes a sample of the flips. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "onnx/model_writer.h"
#include "tenon/tenon.h"

enum { F32 = 1, I64 = 7, CPU_SAMPLE = 19, MOST_INPUTS = 8 };

static tn_context *context;
static char last_error[300]; /* of the last load */

/* Convolution, pooling, indices, a slice, a product: attributes, shapes and indices all lie in the file. */
static void write_model(void) {
    static const float w[2 * 2 * 3 * 3] = {0.5f}, m[4] = {1, 2, 3, 4};
    begin_model(&tn__allocator_malloc, 17);
    put_input("x", 4, (const int64_t[]){-1, 2, 5, 5});
    put_value(11, "n", 1, (const int64_t[]){2}, I64);
    put_initializer("w", F32, 4, (const int64_t[]){2, 2, 3, 3}, w, sizeof w);
    put_initializer("m", F32, 2, (const int64_t[]){2, 2}, m, sizeof m);
    put_initializer("s", I64, 1, (const int64_t[]){1}, (const int64_t[]){1}, 8);
    put_initializer("e", I64, 1, (const int64_t[]){1}, (const int64_t[]){4}, 8);
    begin_node("Conv", "conv", (const char *const[]){"x", "w", NULL}, "a");
    put_attr_ints("pads", (const int64_t[]){1, 1, 1, 1}, 4);
    put_attr_ints("strides", (const int64_t[]){2, 1}, 2);
    end_node();
    begin_node("MaxPool", "pool", (const char *const[]){"a", NULL}, "b");
    put_attr_ints("kernel_shape", (const int64_t[]){2, 2}, 2);
    end_node();
    NODE("Slice", "c", "b", "s", "e", "s"); /* from 1 to 4 of axis 1 */
    begin_node("Gather", "pick", (const char *const[]){"b", "n", NULL}, "g");
    put_attr_int("axis", -1);
    end_node();
    NODE("MatMul", "p", "g", "m");
    NODE("Softmax", "y", "p");
    NODE("Shape", "z", "c");
    put_output("y");
    put_output("z");
    end_model();
}

static tn_error *run_on(const char *device, const tn_graph *g) {
    tn_options *o = NULL;
    tn_executable *x = NULL;
    tn_tensor *in[MOST_INPUTS] = {0}, *result[MOST_INPUTS] = {0};
    uint32_t n_in = tn_graph_get_input_count(g), n_out = tn_graph_get_output_count(g);
    tn_error *e = n_in <= MOST_INPUTS && n_out <= MOST_INPUTS ? tn_options_create(context, &o) : NULL;
    if (!o) return e;
    if (!e) e = tn_options_set(o, "device", device);
    if (!e) e = tn_options_set(o, "threads", "1");
    if (!e) e = tn_options_set(o, "cache", "off");
    if (!e) e = tn_compile(g, o, &x);
    for (uint32_t i = 0; !e && i < n_in; i++) {
        const int64_t *dims;
        int64_t sizes[TN_MAX_RANK];
        tn_value v = tn_graph_get_input(g, i);
        int32_t rank = tn_graph_get_shape(g, v, &dims);
        for (int32_t d = 0; d < rank; d++) sizes[d] = dims[d] < 0 ? 2 : dims[d];
        e = tn_tensor_create(context, tn_graph_get_dtype(g, v), rank < 0 ? 0 : rank, sizes, &in[i]);
    }
    if (!e) e = tn_executable_run(x, in, n_in, result, n_out);
    for (int i = 0; i < MOST_INPUTS; i++) tn_tensor_release(in[i]), tn_tensor_release(result[i]);
    tn_executable_release(x);
    tn_options_release(o);
    return e;
}

/* Whether `bytes` of the model load. */
static bool try_model(size_t bytes, bool on_cpu) {
    tn_graph *g = NULL;
    tn_error *e = tn_onnx_load_memory(context, out.data, bytes, &g);
    if (e && !*tn_error_get_message(e)) fail_msg("an error without a text");
    bool loaded = !e;
    snprintf(last_error, sizeof last_error, "%s", tn_error_get_message(e));
    if (!e) e = run_on("ref", g);
    tn_error_destroy(e);
    if (loaded && on_cpu) tn_error_destroy(run_on("cpu", g));
    tn_graph_release(g);
    return loaded;
}

static void test_cut(void **state) {
    size_t n_loaded = 0;
    for (size_t i = 0; i < out.bytes; i++) n_loaded += try_model(i, true);
    assert_int_equal(n_loaded, 0);
    if (!try_model(out.bytes, true)) fail_msg("%s", last_error);
}

static void test_flipped(void **state) {
    size_t n_loaded = 0;
    for (size_t i = 0; i < out.bytes * 8; i++) {
        out.data[i / 8] ^= (uint8_t)(1 << i % 8);
        n_loaded += try_model(out.bytes, i % CPU_SAMPLE == 0);
        out.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    print_message("%zu flips, %zu still load\n", out.bytes * 8, n_loaded);
    assert_true(n_loaded > out.bytes); /* many bits are weights: else the run is not reached at all */
}

int main(void) {
    const tn_limits limits = {.struct_size = sizeof limits, .max_bytes = 1 << 24, .max_elements = 1 << 20};
    const tn_context_options options = {.struct_size = sizeof options, .limits = &limits};
    if (tn_context_create(&options, &context)) return 1;
    write_model();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cut), cmocka_unit_test(test_flipped)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn__wire_out_deinit(&out);
    tn_context_release(context);
    return failed;
}
