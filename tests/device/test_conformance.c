/* What every device has to do alike: memory of results, odd ports and shapes, errors, callers at once, control flow.
 * usage: test_conformance DEVICE    The null device answers with zeros and computes nothing, so of it only the frame is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_thread.h"
#include "tenon/tenon.h"

static const char *device;
static tn_context *context;
static bool computes; /* the device does */

static void ok_at(tn_error *e, int line) {
    if (e) fail_msg("line %d: %s", line, tn_error_get_message(e));
}
#define OK(e) ok_at((e), __LINE__)

static void fails_at(tn_error *e, tn_error_code code, const char *part, int line) {
    if (!e) fail_msg("line %d: no error", line);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), part))
        fail_msg("line %d: %s: %s, wanted '%s'", line, tn_error_code_name(tn_error_get_code(e)), tn_error_get_message(e), part);
    tn_error_destroy(e);
}
#define FAILS(e, code, part) fails_at((e), TN_ERROR_##code, part, __LINE__)

static tn_executable *compile(const char *body) {
    static char text[1 << 16];
    tn_graph *g;
    tn_options *o;
    tn_executable *x;
    assert_true((size_t)snprintf(text, sizeof text, "graph \"g\" symbols(N) {\n%s}\n", body) < sizeof text);
    OK(tn_graph_parse(context, text, &g));
    OK(tn_options_create(context, &o));
    OK(tn_options_set(o, "device", device));
    OK(tn_options_set(o, "threads", "2"));
    OK(tn_options_set(o, "cache", "off"));
    OK(tn_compile(g, o, &x));
    tn_options_release(o);
    tn_graph_release(g);
    return x;
}

/* f32, elements first, first + 1, ... */
static tn_tensor *count_from(float first, int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    OK(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) ((float *)tn_tensor_get_data(t))[i] = first + (float)i;
    return t;
}
#define VECTOR(first, n) count_from((first), 1, (const int64_t[]){n})

static tn_tensor *indices(int64_t n, const int64_t *values) {
    tn_tensor *t;
    OK(tn_tensor_create(context, TN_DTYPE_i64, 1, &n, &t));
    if (n) memcpy(tn_tensor_get_data(t), values, (size_t)n * sizeof *values);
    return t;
}

static void expect(const tn_tensor *t, int64_t n, const float *wanted) {
    assert_int_equal(tn_tensor_get_elements(t), n);
    for (int64_t i = 0; computes && i < n; i++)
        if (((float *)tn_tensor_get_data(t))[i] != wanted[i])
            fail_msg("element %lld is %g, wanted %g", (long long)i, (double)((float *)tn_tensor_get_data(t))[i], (double)wanted[i]);
}
#define EXPECT(t, ...) expect((t), sizeof((float[]){__VA_ARGS__}) / sizeof(float), (const float[]){__VA_ARGS__})

/* ---- memory -------------------------------------------------------------------------------------------------- */

static const char doubled[] = " input %1 \"x\" : f32[4]\n %2 = add(%1, %1)\n output \"y\" %2\n";

static void test_results(void **state) {
    tn_executable *x = compile(doubled);
    tn_tensor *in = VECTOR(1, 4), *out = NULL, *given = VECTOR(0, 4), *data = given;
    OK(tn_executable_run(x, &in, 1, &out, 1)); /* made by the library */
    EXPECT(out, 2, 4, 6, 8);
    OK(tn_executable_run(x, &in, 1, &given, 1)); /* written into the caller's */
    assert_ptr_equal(given, data);
    EXPECT(given, 2, 4, 6, 8);
    tn_executable_retain(x);
    tn_executable_release(x);
    EXPECT(in, 1, 2, 3, 4); /* inputs stay as they are */
    tn_executable_release(x);
    EXPECT(out, 2, 4, 6, 8); /* results outlive the executable */
    tn_tensor_release(in), tn_tensor_release(out), tn_tensor_release(given);
}

static void test_wrong_calls(void **state) {
    tn_executable *x = compile(doubled);
    tn_tensor *in = VECTOR(1, 4), *shorter = VECTOR(1, 3), *out = NULL, *none = NULL, *whole = indices(4, (const int64_t[]){1, 2, 3, 4});
    FAILS(tn_executable_run(x, &in, 0, &out, 1), INVALID_ARGUMENT, "wanted 1 and 1");
    FAILS(tn_executable_run(x, &in, 1, &out, 0), INVALID_ARGUMENT, "wanted 1 and 1");
    FAILS(tn_executable_run(x, &none, 1, &out, 1), INVALID_ARGUMENT, "'x' is NULL");
    FAILS(tn_executable_run(x, &shorter, 1, &out, 1), SHAPE_MISMATCH, "found f32[3], wanted f32[4]");
    FAILS(tn_executable_run(x, &whole, 1, &out, 1), TYPE_MISMATCH, "found i64[4], wanted f32[4]");
    FAILS(tn_executable_run(x, &in, 1, &shorter, 1), SHAPE_MISMATCH, "output 0 'y': found f32[3], wanted f32[4]");
    assert_null(out);
    OK(tn_executable_run(x, &in, 1, &out, 1));
    EXPECT(out, 2, 4, 6, 8);
    tn_tensor_release(in), tn_tensor_release(shorter), tn_tensor_release(out), tn_tensor_release(whole);
    tn_executable_release(x);
}

/* Borrowed memory may begin at any element, also the results'. */
static void test_unaligned(void **state) {
    enum { N = 37 };
    tn_executable *x = compile(" input %1 \"x\" : f32[37]\n %2 = add(%1, %1)\n output \"y\" %2\n");
    float *memory = malloc((2 * N + 40) * sizeof *memory);
    const int64_t n = N;
    assert_non_null(memory);
    for (int shift = 0; shift < 3; shift++) {
        float *from = memory + shift, *to = memory + N + 19 + shift;
        tn_tensor *in, *out;
        for (int i = 0; i < 2 * N + 40; i++) memory[i] = -1;
        for (int i = 0; i < N; i++) from[i] = (float)i;
        OK(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, from, N * sizeof *from, NULL, NULL, &in));
        OK(tn_tensor_create_borrowed(context, TN_DTYPE_f32, 1, &n, to, N * sizeof *to, NULL, NULL, &out));
        OK(tn_executable_run(x, &in, 1, &out, 1));
        for (int i = 0; computes && i < N; i++) assert_true(to[i] == (float)(2 * i));
        assert_true(to[-1] == -1 && to[N] == -1); /* nothing beyond */
        tn_tensor_release(in), tn_tensor_release(out);
    }
    free(memory);
    tn_executable_release(x);
}

/* ---- ports --------------------------------------------------------------------------------------------------- */

static void test_ports(void **state) { /* an input and a constant as results, a value twice, an input that nothing reads, no input */
    tn_executable *x = compile(" input %1 \"x\" : f32[2]\n input %5 \"unused\" : f32[3]\n %2 = constant {value=f32[2] (5, 6)}\n"
                               " %3 = mul(%1, %2)\n output \"a\" %3\n output \"b\" %1\n output \"c\" %2\n output \"d\" %3\n");
    tn_tensor *in[2] = {VECTOR(1, 2), VECTOR(0, 3)}, *out[4] = {NULL};
    OK(tn_executable_run(x, in, 2, out, 4));
    EXPECT(out[0], 5, 12);
    EXPECT(out[1], 1, 2);
    EXPECT(out[2], 5, 6);
    EXPECT(out[3], 5, 12);
    if (computes) ((float *)tn_tensor_get_data(out[0]))[0] = 0; /* results share no memory with each other, inputs or constants */
    if (computes) ((float *)tn_tensor_get_data(out[1]))[0] = 0, ((float *)tn_tensor_get_data(out[2]))[0] = 0;
    EXPECT(out[3], 5, 12);
    EXPECT(in[0], 1, 2);
    for (int k = 0; k < 4; k++) tn_tensor_release(out[k]), out[k] = NULL;
    OK(tn_executable_run(x, in, 2, out, 4));
    EXPECT(out[2], 5, 6);
    for (int k = 0; k < 4; k++) tn_tensor_release(out[k]);
    tn_tensor_release(in[0]), tn_tensor_release(in[1]);
    tn_executable_release(x);
    x = compile(" %1 = constant {value=f32[2] (5, 6)}\n %2 = neg(%1)\n output \"y\" %2\n");
    out[0] = NULL;
    OK(tn_executable_run(x, NULL, 0, out, 1));
    EXPECT(out[0], -5, -6);
    tn_tensor_release(out[0]);
    tn_executable_release(x);
}

static void test_many(void **state) { /* 100 inputs joined, 100 results */
    enum { N = 100 };
    static char text[1 << 14];
    size_t n = 0;
    for (int i = 1; i <= N; i++) n += (size_t)sprintf(text + n, " input %%%d \"x%d\" : f32[1]\n", i, i);
    n += (size_t)sprintf(text + n, " %%%d = concat(", N + 1);
    for (int i = 1; i <= N; i++) n += (size_t)sprintf(text + n, "%s%%%d", i > 1 ? ", " : "", i);
    n += (size_t)sprintf(text + n, ") {axis=0}\n output \"all\" %%%d\n", N + 1);
    for (int i = 1; i <= N; i++) n += (size_t)sprintf(text + n, " %%%d = neg(%%%d)\n output \"y%d\" %%%d\n", N + 1 + i, i, i, N + 1 + i);
    tn_executable *x = compile(text);
    tn_tensor *in[N], *out[N + 1] = {NULL};
    for (int i = 0; i < N; i++) in[i] = VECTOR((float)i, 1);
    OK(tn_executable_run(x, in, N, out, N + 1));
    for (int i = 0; computes && i < N; i++) {
        assert_true(((float *)tn_tensor_get_data(out[0]))[i] == (float)i);
        EXPECT(out[i + 1], (float)-i);
    }
    for (int i = 0; i <= N; i++) tn_tensor_release(out[i]);
    for (int i = 0; i < N; i++) tn_tensor_release(in[i]);
    tn_executable_release(x);
}

/* ---- shapes -------------------------------------------------------------------------------------------------- */

static void test_scalars(void **state) {
    tn_executable *x = compile(" input %1 \"x\" : f32[]\n %2 = exp(%1)\n %3 = reduce_sum(%2) {keepdims=0}\n %4 = mul(%3, %1)\n output \"y\" %4\n");
    tn_tensor *in = count_from(0, 0, NULL), *out = NULL;
    OK(tn_executable_run(x, &in, 1, &out, 1));
    assert_int_equal(tn_tensor_get_rank(out), 0);
    EXPECT(out, 0);
    tn_tensor_release(in), tn_tensor_release(out);
    tn_executable_release(x);
}

static void test_nothing(void **state) { /* no elements: through elementwise, movement, reduction, product */
    tn_executable *x = compile(" input %1 \"x\" : f32[0,3]\n %2 = relu(%1)\n output \"a\" %2\n %3 = transpose(%2) {perm=[1,0]}\n output \"b\" %3\n"
                               " %4 = matmul(%3, %2)\n output \"c\" %4\n %5 = constant {value=i64[1] (0)}\n"
                               " %6 = reduce_sum(%1, %5) {keepdims=0}\n output \"d\" %6\n %7 = concat(%1, %2) {axis=0}\n output \"e\" %7\n"
                               " %8 = matmul(%2, %3)\n output \"f\" %8\n");
    tn_tensor *in = count_from(0, 2, (const int64_t[]){0, 3}), *out[6] = {NULL};
    OK(tn_executable_run(x, &in, 1, out, 6));
    EXPECT(out[2], 0, 0, 0, 0, 0, 0, 0, 0, 0); /* sums of nothing */
    EXPECT(out[3], 0, 0, 0);
    static const int empty[] = {0, 1, 4, 5};
    for (int k = 0; k < 4; k++) assert_int_equal(tn_tensor_get_elements(out[empty[k]]), 0);
    for (int k = 0; k < 6; k++) tn_tensor_release(out[k]);
    tn_tensor_release(in);
    tn_executable_release(x);
}

static void test_rank_32(void **state) {
    static char text[4096], shape[128] = "[2,1", perm[256] = "31";
    int64_t dims[32] = {2, 1};
    for (int i = 2; i < 32; i++) strcat(shape, i == 31 ? ",3]" : ",1"), dims[i] = i == 31 ? 3 : 1;
    for (int i = 30; i >= 0; i--) sprintf(perm + strlen(perm), ",%d", i);
    snprintf(text, sizeof text, " input %%1 \"x\" : f32%s\n %%2 = add(%%1, %%1)\n output \"a\" %%2\n %%3 = transpose(%%2) {perm=[%s]}\n"
             " output \"b\" %%3\n %%4 = constant {value=i64[1] (31)}\n %%5 = reduce_sum(%%1, %%4)\n output \"c\" %%5\n"
             " %%6 = softmax(%%5) {axis=0}\n output \"d\" %%6\n", shape, perm);
    tn_executable *x = compile(text);
    tn_tensor *in = count_from(1, 32, dims), *out[4] = {NULL};
    OK(tn_executable_run(x, &in, 1, out, 4));
    EXPECT(out[0], 2, 4, 6, 8, 10, 12);
    EXPECT(out[1], 2, 8, 4, 10, 6, 12);
    EXPECT(out[2], 6, 15);
    assert_int_equal(tn_tensor_get_rank(out[1]), 32);
    assert_int_equal(tn_tensor_get_elements(out[3]), 2);
    for (int k = 0; k < 4; k++) tn_tensor_release(out[k]);
    tn_tensor_release(in);
    tn_executable_release(x);
}

static void test_symbols(void **state) { /* one executable, many sizes */
    tn_executable *x = compile(" input %1 \"x\" : f32[N]\n input %2 \"z\" : f32[N]\n %3 = add(%1, %2)\n output \"y\" %3\n");
    for (int64_t n = 0; n < 40; n++) {
        tn_tensor *in[2] = {VECTOR(1, n), VECTOR(2, n)}, *out = NULL;
        OK(tn_executable_run(x, in, 2, &out, 1));
        assert_int_equal(tn_tensor_get_elements(out), n);
        for (int64_t i = 0; computes && i < n; i++) assert_true(((float *)tn_tensor_get_data(out))[i] == (float)(3 + 2 * i));
        tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(out);
    }
    tn_tensor *in[2] = {VECTOR(1, 3), VECTOR(2, 4)}, *out = NULL;
    FAILS(tn_executable_run(x, in, 2, &out, 1), SHAPE_MISMATCH, "input 1 'z': dimension 0 is 4, but N is 3 in input 'x'");
    tn_tensor_release(in[0]), tn_tensor_release(in[1]);
    tn_executable_release(x);
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void test_bad_index(void **state) { /* an error leaves no result, and the next call is as if it had not been */
    if (!computes) skip();
    tn_executable *x = compile(" input %1 \"x\" : f32[4]\n input %2 \"k\" : i64[2]\n %3 = neg(%1)\n %4 = gather(%3, %2) {axis=0}\n"
                               " output \"all\" %3\n output \"y\" %4\n");
    static const int64_t picks[][2] = {{0, 3}, {0, 4}, {-4, 1}, {-5, 1}, {1, 0}, {INT64_MAX, 0}, {INT64_MIN, 0}, {3, 2}};
    tn_tensor *v = VECTOR(1, 4);
    for (int i = 0; i < 8; i++) {
        tn_tensor *in[2] = {v, indices(2, picks[i])}, *out[2] = {NULL};
        bool bad = i % 2 && i < 7;
        if (i == 6) bad = true;
        if (bad) {
            FAILS(tn_executable_run(x, in, 2, out, 2), OUT_OF_RANGE, "operand 1");
            assert_null(out[0]);
            assert_null(out[1]);
        } else {
            OK(tn_executable_run(x, in, 2, out, 2));
            EXPECT(out[1], (float)-(picks[i][0] < 0 ? picks[i][0] + 5 : picks[i][0] + 1), (float)-(picks[i][1] + 1));
        }
        tn_tensor_release(in[1]), tn_tensor_release(out[0]), tn_tensor_release(out[1]);
    }
    tn_tensor_release(v);
    tn_executable_release(x);
}

/* ---- control flow -------------------------------------------------------------------------------------------- */

static void test_branches(void **state) {
    if (!computes) skip();
    tn_executable *x = compile(" input %1 \"c\" : bool[]\n input %2 \"x\" : f32[3]\n %3 = if(%1, %2) {then_branch=graph \"t\" {\n input %1 \"x\" : f32[3]\n"
                               " %2 = neg(%1)\n output \"y\" %2\n}, else_branch=graph \"e\" {\n input %1 \"x\" : f32[3]\n %2 = add(%1, %1)\n"
                               " output \"y\" %2\n}}\n output \"y\" %3\n");
    for (int c = 0; c < 2; c++) {
        tn_tensor *in[2] = {NULL, VECTOR(1, 3)}, *out = NULL;
        OK(tn_tensor_create(context, TN_DTYPE_bool, 0, NULL, &in[0]));
        *(uint8_t *)tn_tensor_get_data(in[0]) = (uint8_t)c;
        OK(tn_executable_run(x, in, 2, &out, 1));
        if (c) EXPECT(out, -1, -2, -3);
        else EXPECT(out, 2, 4, 6);
        tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(out);
    }
    tn_executable_release(x);
}

static void test_scan(void **state) { /* running sums of rows */
    if (!computes) skip();
    tn_executable *x = compile(" input %1 \"s\" : f32[2]\n input %2 \"x\" : f32[3,2]\n %3, %4 = scan(%1, %2) {body=graph \"b\" {\n"
                               " input %1 \"s\" : f32[2]\n input %2 \"x\" : f32[2]\n %3 = add(%1, %2)\n output \"s\" %3\n output \"y\" %3\n},"
                               " num_scan_inputs=1, n_state=1}\n output \"last\" %3\n output \"all\" %4\n");
    tn_tensor *in[2] = {VECTOR(0, 2), count_from(1, 2, (const int64_t[]){3, 2})}, *out[2] = {NULL};
    OK(tn_executable_run(x, in, 2, out, 2));
    EXPECT(out[0], 9, 13);
    EXPECT(out[1], 1, 3, 4, 7, 9, 13);
    for (int k = 0; k < 2; k++) tn_tensor_release(in[k]), tn_tensor_release(out[k]);
    tn_executable_release(x);
}

/* ---- callers at once ----------------------------------------------------------------------------------------- */

enum { N_CALLERS = 8, N_ROUNDS = 20 };

typedef struct caller {
    tn_executable *x;
    tn_tensor *in, *wanted;
    int wrong;
} caller;

static void call(void *self) {
    caller *c = self;
    for (int i = 0; i < N_ROUNDS; i++) {
        tn_tensor *out = NULL;
        tn_error *e = tn_executable_run(c->x, &c->in, 1, &out, 1);
        c->wrong += e || memcmp(tn_tensor_get_data(out), tn_tensor_get_data(c->wanted), tn_tensor_get_bytes(c->wanted));
        tn_error_destroy(e);
        tn_tensor_release(out);
    }
}

/* A product and a softmax over a symbolic number of rows: each caller has its own, and the bits of a single call. */
static void test_callers(void **state) {
    tn_executable *x = compile(" input %1 \"x\" : f32[N,16]\n %2 = transpose(%1) {perm=[1,0]}\n %3 = matmul(%1, %2)\n %4 = softmax(%3)\n"
                               " %5 = matmul(%4, %1)\n output \"y\" %5\n");
    caller c[N_CALLERS];
    tn__os_thread threads[N_CALLERS];
    for (int i = 0; i < N_CALLERS; i++) {
        c[i] = (caller){.x = x, .in = count_from(0, 2, (const int64_t[]){5 + 7 * (i % 4), 16})};
        for (int64_t k = 0; k < tn_tensor_get_elements(c[i].in); k++) ((float *)tn_tensor_get_data(c[i].in))[k] = (float)((k * 37 + i) % 11) / 11;
        OK(tn_executable_run(x, &c[i].in, 1, &c[i].wanted, 1));
    }
    for (int i = 0; i < N_CALLERS; i++) assert_true(tn__os_thread_start(&threads[i], call, &c[i]));
    for (int i = 0; i < N_CALLERS; i++) tn__os_thread_join(&threads[i]);
    for (int i = 0; i < N_CALLERS; i++) {
        assert_int_equal(c[i].wrong, 0);
        tn_tensor_release(c[i].in), tn_tensor_release(c[i].wanted);
    }
    tn_executable_release(x);
}

/* ---- custom ops ---------------------------------------------------------------------------------------------- */

static char tags[16];
static tn_error *custom_infer(void *self, tn_custom_call *c) { /* f32 of the input's shape; "open": left to the run */
    const int64_t *dims;
    int32_t rank = tn_custom_call_get_input_shape(c, 0, &dims);
    return tn_custom_call_set_output(c, 0, TN_DTYPE_f32, tn_custom_call_find_attr(c, "open") ? -1 : rank, dims);
}
static tn_error *custom_evaluate(void *self, tn_custom_call *c) { /* x + 1 */
    tn_tensor *x = tn_custom_call_get_input(c, 0), *y;
    strncat(tags, tn_custom_call_find_attr(c, "tag")->s, sizeof tags - 1 - strlen(tags));
    tn_error *e = tn_custom_call_make_output(c, 0, tn_tensor_get_rank(x), tn_tensor_get_dims(x), &y);
    for (int64_t i = 0; !e && i < tn_tensor_get_elements(x); i++) ((float *)tn_tensor_get_data(y))[i] = ((float *)tn_tensor_get_data(x))[i] + 1;
    return e;
}

/* Nodes of the caller between others, one that nobody uses, and one whose shape the run tells; in their order. */
static void test_custom(void **state) {
    tn_custom_op op = {.struct_size = sizeof op, .name = "add_one", .n_in_min = 1, .infer = custom_infer, .evaluate = custom_evaluate};
    OK(tn_custom_op_register(context, &op));
    for (int open = 0; open < 2; open++) {
        static char body[600];
        snprintf(body, sizeof body,
                 " input %%1 \"x\" : f32[3]\n %%2 = neg(%%1)\n %%3 = custom \"add_one\"(%%2) {string tag=\"a\"}\n"
                 " %%4 = custom \"add_one\"(%%3) {string tag=\"b\"%s}\n %%5 = custom \"add_one\"(%%1) {string tag=\"c\"}\n"
                 " %%6 = mul(%%4, %%4)\n output \"y\" %%6\n output \"z\" %%3\n", open ? ", int open=1" : "");
        tn_executable *x = compile(body);
        tn_tensor *in = VECTOR(0, 3), *out[2] = {NULL};
        tags[0] = 0;
        OK(tn_executable_run(x, &in, 1, out, 2));
        EXPECT(out[0], 4, 1, 0);
        EXPECT(out[1], 1, 0, -1);
        if (computes) assert_string_equal(tags, "abc");
        tn_tensor_release(in), tn_tensor_release(out[0]), tn_tensor_release(out[1]);
        tn_executable_release(x);
    }
    OK(tn_custom_op_unregister(context, "add_one"));
}

int main(int argc, char **argv) {
    if (argc != 2 || tn_context_create(NULL, &context)) return 2;
    device = argv[1];
    computes = strcmp(device, "null") != 0;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_results),  cmocka_unit_test(test_wrong_calls), cmocka_unit_test(test_unaligned),
                                       cmocka_unit_test(test_ports),    cmocka_unit_test(test_many),        cmocka_unit_test(test_scalars),
                                       cmocka_unit_test(test_nothing),  cmocka_unit_test(test_rank_32),     cmocka_unit_test(test_symbols),
                                       cmocka_unit_test(test_bad_index), cmocka_unit_test(test_branches),   cmocka_unit_test(test_scan),
                                       cmocka_unit_test(test_callers), cmocka_unit_test(test_custom)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
