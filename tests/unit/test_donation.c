/* Inputs that a run takes over: when an output lies in one, that the bits are the same, and who owns what afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "tenon/tenon.h"

static tn_context *context;

static void refused(tn_error *e, tn_error_code code, const char *words) {
    if (!e) fail_msg("wanted an error with '%s'", words);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), words))
        fail_msg("found '%s' (%s), wanted '%s'", tn_error_get_message(e), tn_error_code_name(tn_error_get_code(e)), words);
    tn_error_destroy(e);
}

static tn_tensor *numbers(int64_t n, float first) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 1, &n, &t));
    for (int64_t i = 0; i < n; i++) ((float *)tn_tensor_get_data(t))[i] = first + 0.01f * (float)i;
    return t;
}

static float at(const tn_tensor *t, int64_t i) { return ((float *)tn_tensor_get_data((tn_tensor *)t))[i]; }

static tn_executable *compile(const char *text, const char *device) {
    tn_graph *g;
    tn_options *o;
    tn_executable *exe;
    ok(tn_graph_parse(context, text, &g));
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_compile(g, o, &exe));
    tn_options_release(o);
    tn_graph_release(g);
    return exe;
}

#define TWO "graph \"g\" {\n input %1 \"a\" : f32[1000]\n input %2 \"b\" : f32[1000]\n"
static const char sum[] = TWO " %3 = tanh(%1)\n %4 = add(%3, %2)\n output \"y\" %4\n}\n";
static const char sum_and_first[] = TWO " %3 = add(%1, %2)\n %4 = neg(%1)\n output \"y\" %3\n output \"z\" %4\n}\n";

static tn_error *run_donating(tn_executable *exe, tn_tensor **in, bool a, bool b, tn_tensor **out, uint32_t n_out) {
    bool donated[2] = {a, b};
    tn_run_options o = {sizeof o, donated};
    return tn_executable_run_with(exe, in, 2, out, n_out, &o);
}

/* On every device the same bits as without; on cpu in the memory of the donor. */
static void placed(void **s) {
    (void)s;
    static const char *const devices[] = {"cpu", "ref"};
    for (int d = 0; d < 2; d++) {
        tn_executable *exe = compile(sum, devices[d]);
        for (int which = 0; which < 4; which++) {
            tn_tensor *in[2] = {numbers(1000, 0.25f), numbers(1000, -3)}, *plain = NULL, *y = NULL;
            void *memory[2] = {tn_tensor_get_data(in[0]), tn_tensor_get_data(in[1])};
            ok(tn_executable_run(exe, in, 2, &plain, 1));
            bool a = which & 1, b = which & 2;
            ok(run_donating(exe, in, a, b, &y, 1));
            assert_int_equal(!in[0], a);
            assert_int_equal(!in[1], b);
            assert_memory_equal(tn_tensor_get_data(plain), tn_tensor_get_data(y), 4000);
            if (!d && which) assert_ptr_equal(tn_tensor_get_data(y), memory[a ? 0 : 1]);
            if (!a) assert_true(at(in[0], 0) == 0.25f); /* only what was donated is overwritten */
            if (!b) assert_true(at(in[1], 0) == -3);
            tn_tensor_release(in[0]);
            tn_tensor_release(in[1]);
            tn_tensor_release(plain);
            tn_tensor_release(y);
        }
        tn_executable_release(exe);
    }
}

/* The sum must not overwrite `a`, which the second output still needs; the second output may. */
static void last_reader(void **s) {
    (void)s;
    tn_executable *exe = compile(sum_and_first, "cpu");
    tn_tensor *in[2] = {numbers(1000, 1), numbers(1000, 2)}, *out[2] = {NULL, NULL};
    void *memory[2] = {tn_tensor_get_data(in[0]), tn_tensor_get_data(in[1])};
    ok(run_donating(exe, in, true, true, out, 2));
    assert_null(in[0]);
    assert_null(in[1]);
    assert_ptr_equal(tn_tensor_get_data(out[0]), memory[1]);
    assert_ptr_equal(tn_tensor_get_data(out[1]), memory[0]);
    assert_true(at(out[0], 0) == 3);
    assert_true(at(out[1], 0) == -1);
    /* the outputs are the caller's own: they can be donated again */
    tn_tensor *again[2] = {NULL, NULL};
    in[0] = out[0], in[1] = out[1];
    ok(run_donating(exe, in, true, true, again, 2));
    assert_true(at(again[0], 0) == 2);
    assert_true(at(again[1], 0) == -3);
    tn_tensor_release(again[0]);
    tn_tensor_release(again[1]);
    tn_executable_release(exe);
}

static int freed;
static void count_free(void *self, void *data) {
    (void)self;
    (void)data;
    freed++;
}

/* Where it cannot be placed, donation releases, no more. */
static void only_released(void **s) {
    (void)s;
    static float memory[1000];
    int64_t n = 1000;
    tn_executable *exe = compile(sum, "cpu");
    tn_tensor *in[2] = {numbers(1000, 1), numbers(1000, 2)}, *y = NULL, *mine = numbers(1000, 0), *given = mine;
    ok(run_donating(exe, in, true, true, &given, 1)); /* the output is the caller's */
    assert_ptr_equal(given, mine);
    assert_null(in[0]);
    tn_tensor_release(mine);
    in[0] = numbers(1000, 1); /* borrowed memory */
    ok(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, memory, sizeof memory, count_free, NULL, &in[1]));
    memory[5] = 8;
    ok(run_donating(exe, in, false, true, &y, 1));
    assert_int_equal(freed, 1);
    assert_true(memory[5] == 8);
    tn_tensor_release(y);
    tn_executable_release(exe);
    exe = compile(sum, "cpu"); /* a strided tensor among the inputs: all goes through copies */
    int64_t backwards = -1;
    y = NULL;
    ok(tn_tensor_create_strided(context, TN_DTYPE_f32, 1, &n, &backwards, memory + 999, memory, sizeof memory, count_free, NULL, &in[1]));
    ok(run_donating(exe, in, true, true, &y, 1));
    assert_int_equal(freed, 2);
    assert_null(in[0]);
    assert_true(memory[5] == 8);
    tn_tensor_release(y);
    y = NULL;
    in[0] = numbers(1000, 1);
    tn_executable_release(exe);
    exe = compile(TWO " %3 = constant {value=i64[1] (0)}\n %4 = concat(%1, %2) {axis=0}\n %5 = non_zero(%4)\n output \"w\" %5\n}\n", "cpu");
    in[1] = numbers(1000, 2);
    y = NULL;
    ok(run_donating(exe, in, true, true, &y, 1)); /* a program of several steps */
    assert_null(in[0]);
    assert_int_equal(tn_tensor_get_dims(y)[1], 2000);
    tn_tensor_release(y);
    tn_executable_release(exe);
}

static void refuses(void **s) {
    (void)s;
    tn_executable *exe = compile(sum, "cpu");
    tn_tensor *in[2] = {numbers(1000, 1), numbers(1000, 2)}, *keep[2] = {in[0], in[1]}, *y = NULL;
    tn_tensor_retain(in[0]);
    refused(run_donating(exe, in, true, false, &y, 1), TN_ERROR_INVALID_ARGUMENT, "input 0 is donated, but has 2 references");
    tn_tensor_release(in[0]);
    in[1] = in[0];
    refused(run_donating(exe, in, true, false, &y, 1), TN_ERROR_INVALID_ARGUMENT, "input 0 is donated, but is input 1 too");
    in[1] = keep[1];
    y = in[0];
    refused(run_donating(exe, in, true, false, &y, 1), TN_ERROR_INVALID_ARGUMENT, "input 0 is donated, but is output 0 too");
    y = NULL;
    in[0] = NULL;
    refused(run_donating(exe, in, true, false, &y, 1), TN_ERROR_INVALID_ARGUMENT, "'a' is NULL");
    in[0] = numbers(7, 1);
    refused(run_donating(exe, in, true, true, &y, 1), TN_ERROR_SHAPE_MISMATCH, "f32[7]");
    assert_non_null(in[0]);
    tn_tensor_release(in[0]);
    in[0] = keep[0];
    bool donated[2] = {true, true};
    tn_run_options o = {0, donated};
    refused(tn_executable_run_with(exe, in, 2, &y, 1, &o), TN_ERROR_INVALID_ARGUMENT, "struct_size");
    o.struct_size = sizeof(size_t); /* of an older version: has no field donated */
    ok(tn_executable_run_with(exe, in, 2, &y, 1, &o));
    assert_ptr_equal(in[0], keep[0]);
    ok(tn_executable_run_with(exe, in, 2, &y, 1, NULL));
    refused(tn_executable_run_with(NULL, in, 2, &y, 1, NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    o.struct_size = sizeof o;
    refused(tn_executable_run_with(exe, in, 1, &y, 1, &o), TN_ERROR_INVALID_ARGUMENT, "1 inputs");
    refused(tn_executable_run_with(exe, NULL, 2, &y, 1, &o), TN_ERROR_INVALID_ARGUMENT, "0 inputs");
    refused(tn_executable_run_with(exe, in, 2, NULL, 1, &o), TN_ERROR_INVALID_ARGUMENT, "0 outputs");
    assert_ptr_equal(in[1], keep[1]);
    assert_true(at(in[0], 0) == 1);
    tn_tensor_release(in[0]);
    tn_tensor_release(in[1]);
    tn_tensor_release(y);
    tn_executable_release(exe);
}

/* A run that fails gives back what it was given. */
static void failing(void **s) {
    (void)s;
    tn_executable *exe = compile("graph \"g\" {\n input %1 \"a\" : f32[64]\n input %2 \"at\" : i64[1]\n %3 = neg(%1)\n %4 = tanh(%1)\n %5 = gather(%4, %2)\n"
                                 " output \"y\" %3\n output \"z\" %5\n}\n", "cpu");
    int64_t one = 1;
    tn_tensor *in[2] = {numbers(64, 1), NULL}, *out[2] = {NULL, NULL}, *before = in[0];
    ok(tn_tensor_create(context, TN_DTYPE_i64, 1, &one, &in[1]));
    *(int64_t *)tn_tensor_get_data(in[1]) = 64;
    refused(run_donating(exe, in, true, true, out, 2), TN_ERROR_OUT_OF_RANGE, "64");
    assert_ptr_equal(in[0], before);
    assert_non_null(in[1]);
    assert_null(out[0]);
    assert_null(out[1]);
    for (int i = 0; i < 64; i++) assert_true(at(in[0], i) == 1 + 0.01f * (float)i);
    tn_tensor_release(in[0]);
    tn_tensor_release(in[1]);
    tn_executable_release(exe);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(placed), cmocka_unit_test(last_reader), cmocka_unit_test(only_released),
                                       cmocka_unit_test(refuses), cmocka_unit_test(failing)};
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failures;
}
