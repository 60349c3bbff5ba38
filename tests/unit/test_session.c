/* The session: options, checks, specialisation, late-bound parts, control flow, threads. All on the ref device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include "tenon/tenon.h"

static tn_context *context;
static tn_options *ref;

static void ok_at(tn_error *e, int line) {
    if (e) print_error("line %d: %s\n", line, tn_error_get_message(e));
    assert_null(e);
}
#define OK(e) ok_at((e), __LINE__)

static void fails(tn_error *e, tn_error_code code, const char *part) {
    assert_non_null(e);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), part))
        print_error("%s: %s\n", tn_error_code_name(tn_error_get_code(e)), tn_error_get_message(e));
    assert_int_equal(tn_error_get_code(e), code);
    assert_non_null(strstr(tn_error_get_message(e), part));
    tn_error_destroy(e);
}

static int setup(void **state) {
    OK(tn_context_create(NULL, &context));
    OK(tn_options_create(context, &ref));
    OK(tn_options_set(ref, "device", "ref"));
    return 0;
}
static int teardown(void **state) {
    tn_options_release(ref);
    tn_context_release(context);
    return 0;
}

static tn_tensor *tensor_i64(int32_t rank, const int64_t *dims, const int64_t *data) {
    tn_tensor *t;
    OK(tn_tensor_create(context, TN_DTYPE_i64, rank, dims, &t));
    if (data && tn_tensor_get_bytes(t)) memcpy(tn_tensor_get_data(t), data, tn_tensor_get_bytes(t));
    return t;
}
static tn_tensor *vector_f32(int64_t n, float first) {
    tn_tensor *t;
    OK(tn_tensor_create(context, TN_DTYPE_f32, 1, &n, &t));
    for (int64_t i = 0; i < n; i++) ((float *)tn_tensor_get_data(t))[i] = first + (float)i;
    return t;
}
static tn_value constant_i64(tn_graph *g, int32_t rank, int64_t n, const int64_t *data) {
    tn_tensor *t = tensor_i64(rank, &n, data);
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}
static tn_graph *graph_new(const char *name) {
    tn_graph *g;
    OK(tn_graph_create(context, name, &g));
    return g;
}
static tn_executable *compile(tn_graph *g) {
    tn_executable *x;
    OK(tn_compile(g, ref, &x));
    tn_graph_release(g);
    return x;
}
static tn_value op(tn_graph *g, const char *name, tn_value a, tn_value b) {
    tn_value in[2] = {a, b};
    return tn_graph_op(g, name, in, b.id ? 2 : 1, NULL, 0, 1);
}
static uint32_t specialisations(tn_executable *x) {
    tn_executable_stats s = {.struct_size = sizeof s};
    OK(tn_executable_get_stats(x, &s));
    return s.n_specialisations;
}

static void test_options(void **state) {
    assert_string_equal(tn_options_get(ref, "device"), "ref");
    assert_string_equal(tn_options_get(ref, "threads"), "0");
    assert_null(tn_options_get(ref, "nothing"));
    fails(tn_options_set(ref, "treads", "2"), TN_ERROR_NOT_FOUND, "'threads'");
    fails(tn_options_set(ref, "threads", "1025"), TN_ERROR_INVALID_ARGUMENT, "0 to 1024");
    fails(tn_options_set(ref, "threads", "2x"), TN_ERROR_INVALID_ARGUMENT, "'2x'");
    fails(tn_options_set(ref, "device", "cp"), TN_ERROR_INVALID_ARGUMENT, "cpu|ref|null");
    fails(tn_options_set(ref, "cache", ""), TN_ERROR_INVALID_ARGUMENT, "on|off");
    OK(tn_options_set(ref, "threads", "2"));
    assert_string_equal(tn_options_get(ref, "threads"), "2");
}

/* f32[N] x, f32[N] y -> x + y, x */
static tn_executable *symbolic(void) {
    tn_graph *g = graph_new("symbolic");
    int64_t n = tn_graph_symbol(g, "N");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n), y = tn_graph_input(g, "y", TN_DTYPE_f32, 1, &n);
    tn_graph_output(g, "sum", op(g, "add", x, y));
    tn_graph_output(g, "same", x);
    return compile(g);
}

static void test_symbols_and_errors(void **state) {
    tn_executable *x = symbolic();
    assert_int_equal(specialisations(x), 0);
    for (int64_t n = 1; n <= 20; n++) {
        tn_tensor *in[2] = {vector_f32(n, 1), vector_f32(n, 10)}, *out[2] = {NULL, NULL};
        OK(tn_executable_run(x, in, 2, out, 2));
        assert_int_equal(tn_tensor_get_elements(out[0]), n);
        assert_float_equal(((float *)tn_tensor_get_data(out[0]))[n - 1], 11 + 2 * (n - 1), 0);
        assert_float_equal(((float *)tn_tensor_get_data(out[1]))[0], 1, 0);
        OK(tn_executable_run(x, in, 2, out, 2)); /* into the tensors of the first run */
        assert_int_equal(specialisations(x), n < 16 ? n : 16);
        for (int i = 0; i < 2; i++) tn_tensor_release(in[i]), tn_tensor_release(out[i]);
    }
    tn_tensor *a = vector_f32(3, 0), *b = vector_f32(4, 0), *c = tensor_i64(1, (int64_t[]){3}, NULL), *out[2] = {NULL, NULL};
    fails(tn_executable_run(x, (tn_tensor *[]){a, b}, 2, out, 2), TN_ERROR_SHAPE_MISMATCH, "N is 3 in input 'x'");
    fails(tn_executable_run(x, (tn_tensor *[]){a, c}, 2, out, 2), TN_ERROR_TYPE_MISMATCH,
          "input 1 'y': found i64[3], wanted f32[N]");
    fails(tn_executable_run(x, (tn_tensor *[]){a, NULL}, 2, out, 2), TN_ERROR_INVALID_ARGUMENT, "'y' is NULL");
    fails(tn_executable_run(x, (tn_tensor *[]){a, a}, 2, out, 1), TN_ERROR_INVALID_ARGUMENT, "2 inputs and 1 outputs");
    out[1] = b;
    fails(tn_executable_run(x, (tn_tensor *[]){a, a}, 2, out, 2), TN_ERROR_SHAPE_MISMATCH,
          "output 1 'same': found f32[4], wanted f32[3]");
    assert_null(out[0]);
    tn_tensor_release(a), tn_tensor_release(b), tn_tensor_release(c);
    tn_executable_release(x);
}

/* reshape by an input: one specialisation per value, not per call. */
static void test_value_input(void **state) {
    tn_graph *g = graph_new("value");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){12});
    tn_value shape = tn_graph_input(g, "shape", TN_DTYPE_i64, 1, (int64_t[]){2});
    tn_graph_output(g, "y", op(g, "neg", op(g, "reshape", x, shape), (tn_value){0}));
    tn_executable *e = compile(g);
    static const int64_t shapes[4][2] = {{3, 4}, {2, -1}, {3, 4}, {12, 1}};
    for (int i = 0; i < 4; i++) {
        tn_tensor *in[2] = {vector_f32(12, 0), tensor_i64(1, (int64_t[]){2}, shapes[i])}, *out = NULL;
        OK(tn_executable_run(e, in, 2, &out, 1));
        assert_int_equal(tn_tensor_get_dims(out)[0], shapes[i][0]);
        assert_int_equal(tn_tensor_get_dims(out)[1], 12 / shapes[i][0]);
        assert_float_equal(((float *)tn_tensor_get_data(out))[11], -11, 0);
        tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(out);
    }
    assert_int_equal(specialisations(e), 3);
    tn_executable_release(e);
}

/* x -> 10 * x[x != 0]: sizes appear in the middle of the run, shapes are computed from them, and slice by them. */
static void test_late_bound(void **state) {
    tn_graph *g = graph_new("late");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_i64, 1, (int64_t[]){5});
    tn_value y = op(g, "add", op(g, "neg", x, (tn_value){0}), op(g, "mul", x, constant_i64(g, 1, 1, (int64_t[]){11})));
    tn_value index = op(g, "squeeze", op(g, "non_zero", x, (tn_value){0}), constant_i64(g, 1, 1, (int64_t[]){0}));
    tn_value picked = op(g, "gather", y, index);
    tn_value count = op(g, "shape", picked, (tn_value){0});
    tn_value first = tn_graph_op(g, "slice", (tn_value[]){x, constant_i64(g, 1, 1, (int64_t[]){0}), count}, 3, NULL, 0, 1);
    tn_graph_output(g, "picked", picked);
    tn_graph_output(g, "sum", op(g, "add", picked, first));
    tn_graph_output(g, "count", count);
    tn_graph_output(g, "static", y);
    tn_executable *e = compile(g);
    static const int64_t data[2][5] = {{0, 3, 0, 5, 7}, {0, 0, 0, 0, 0}};
    for (int i = 0; i < 2; i++) {
        tn_tensor *in = tensor_i64(1, (int64_t[]){5}, data[i]), *out[4] = {0};
        OK(tn_executable_run(e, &in, 1, out, 4));
        assert_int_equal(tn_tensor_get_elements(out[0]), i ? 0 : 3);
        assert_int_equal(((int64_t *)tn_tensor_get_data(out[2]))[0], i ? 0 : 3);
        if (!i) {
            assert_int_equal(((int64_t *)tn_tensor_get_data(out[0]))[1], 50);
            assert_int_equal(((int64_t *)tn_tensor_get_data(out[1]))[1], 53);
            assert_int_equal(((int64_t *)tn_tensor_get_data(out[3]))[4], 70);
        }
        tn_tensor_release(in);
        for (int k = 0; k < 4; k++) tn_tensor_release(out[k]);
    }
    tn_executable_release(e);
}

/* The largest k elements, k computed from data: an op that is compiled for each k once k is there. */
static void test_late_value(void **state) {
    tn_graph *g = graph_new("late value");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_i64, 1, (int64_t[]){5});
    tn_value k = op(g, "reduce_sum", x, constant_i64(g, 1, 1, (int64_t[]){0}));
    k = op(g, "add", k,
           op(g, "mul", op(g, "shape", op(g, "non_zero", x, (tn_value){0}), (tn_value){0}),
              constant_i64(g, 1, 2, (int64_t[]){0, 1})));
    k = op(g, "reduce_max", k, constant_i64(g, 1, 1, (int64_t[]){0}));
    tn_value r = tn_graph_op(g, "top_k", (tn_value[]){op(g, "neg", x, (tn_value){0}), k}, 2, NULL, 0, 2);
    tn_graph_output(g, "values", op(g, "abs", r, (tn_value){0}));
    tn_executable *e = compile(g);
    static const int64_t data[3][5] = {{1, -1, 2, -2, 0}, {0, 0, 0, 1, 0}, {1, -1, 2, -2, 0}};
    for (int i = 0; i < 3; i++) {
        tn_tensor *in = tensor_i64(1, (int64_t[]){5}, data[i]), *out = NULL;
        OK(tn_executable_run(e, &in, 1, &out, 1));
        assert_int_equal(tn_tensor_get_elements(out), i == 1 ? 2 : 4);
        assert_int_equal(((int64_t *)tn_tensor_get_data(out))[0], i == 1 ? 0 : 2);
        tn_tensor_release(in), tn_tensor_release(out);
    }
    tn_executable_release(e);
}

/* A branch: x * factor */
static tn_graph *branch(int64_t factor) {
    tn_graph *g = graph_new("branch");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_i64, 0, NULL);
    tn_graph_output(g, "y", op(g, "mul", x, constant_i64(g, 0, 0, &factor)));
    return g;
}

static void test_if(void **state) {
    for (int by_input = 0; by_input < 2; by_input++) { /* cond is an input (inlined), or computed from data (run) */
        tn_graph *g = graph_new("if");
        tn_value cond, x = tn_graph_input(g, "x", TN_DTYPE_i64, 0, NULL), y;
        if (by_input) {
            y = tn_graph_input(g, "y", TN_DTYPE_i64, 0, NULL);
        } else {
            tn_value f = tn_graph_input(g, "y", TN_DTYPE_f32, 0, NULL);
            tn_attr to = {.name = "to", .kind = TN_ATTR_INT, .i = TN_DTYPE_i64};
            y = tn_graph_op(g, "cast", &f, 1, &to, 1, 1);
        }
        cond = op(g, "greater", y, constant_i64(g, 0, 0, (int64_t[]){0}));
        tn_attr attrs[2] = {{.name = "then_branch", .kind = TN_ATTR_GRAPH, .graph = branch(10)},
                            {.name = "else_branch", .kind = TN_ATTR_GRAPH, .graph = branch(100)}};
        tn_graph_output(g, "r", tn_graph_op(g, "if", (tn_value[]){cond, x}, 2, attrs, 2, 1));
        tn_executable *e = compile(g);
        for (int64_t i = 0; i < 4; i++) {
            int64_t seven = 7, data = i % 2;
            float value = (float)data;
            tn_tensor *in[2] = {tensor_i64(0, NULL, &seven), by_input ? tensor_i64(0, NULL, &data) : NULL}, *out = NULL;
            if (!by_input) {
                OK(tn_tensor_create(context, TN_DTYPE_f32, 0, NULL, &in[1]));
                memcpy(tn_tensor_get_data(in[1]), &value, sizeof value);
            }
            OK(tn_executable_run(e, in, 2, &out, 1));
            assert_int_equal(((int64_t *)tn_tensor_get_data(out))[0], data ? 70 : 700);
            tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(out);
        }
        assert_int_equal(specialisations(e), by_input ? 2 : 1);
        tn_executable_release(e);
    }
}

/* loop: state = state + step (captured), scan value = state * iteration; stops where the state reaches 100. */
static void test_loop(void **state) {
    tn_graph *body = graph_new("body");
    tn_value iteration = tn_graph_input(body, "i", TN_DTYPE_i64, 0, NULL);
    tn_graph_input(body, "cond", TN_DTYPE_bool, 0, NULL);
    tn_value s = tn_graph_input(body, "state", TN_DTYPE_i64, 1, (int64_t[]){1});
    tn_value step = tn_graph_input(body, "step", TN_DTYPE_i64, 1, (int64_t[]){1});
    tn_value next = op(body, "add", s, step);
    tn_value hundred = constant_i64(body, 0, 0, (int64_t[]){100});
    tn_value go = op(body, "less", op(body, "squeeze", next, constant_i64(body, 1, 1, (int64_t[]){0})), hundred);
    tn_graph_output(body, "go", go);
    tn_graph_output(body, "next", next);
    tn_graph_output(body, "seen", op(body, "mul", next, iteration));
    tn_graph *g = graph_new("loop");
    tn_value trips = tn_graph_input(g, "trips", TN_DTYPE_i64, 0, NULL);
    tn_value first = tn_graph_input(g, "first", TN_DTYPE_i64, 1, (int64_t[]){1});
    tn_attr attrs[2] = {{.name = "body", .kind = TN_ATTR_GRAPH, .graph = body},
                        {.name = "n_state", .kind = TN_ATTR_INT, .i = 1}};
    tn_value in4[4] = {trips, {0}, first, constant_i64(g, 1, 1, (int64_t[]){30})};
    tn_value r = tn_graph_op(g, "loop", in4, 4, attrs, 2, 2);
    tn_graph_output(g, "final", r);
    tn_graph_output(g, "seen", tn_value_output(r, 1));
    tn_executable *e = compile(g);
    static const int64_t cases[3][3] = {{2, 60, 2}, {50, 120, 4}, {0, 0, 0}}; /* trips, final, made */
    for (int i = 0; i < 3; i++) {
        int64_t zero = 0;
        tn_tensor *in[2] = {tensor_i64(0, NULL, &cases[i][0]), tensor_i64(1, (int64_t[]){1}, &zero)}, *out[2] = {0};
        OK(tn_executable_run(e, in, 2, out, 2));
        assert_int_equal(((int64_t *)tn_tensor_get_data(out[0]))[0], cases[i][1]);
        assert_int_equal(tn_tensor_get_rank(out[1]), 2);
        assert_int_equal(tn_tensor_get_dims(out[1])[0], cases[i][2]);
        assert_int_equal(tn_tensor_get_dims(out[1])[1], 1);
        if (cases[i][2]) assert_int_equal(((int64_t *)tn_tensor_get_data(out[1]))[1], 60);
        for (int k = 0; k < 2; k++) tn_tensor_release(in[k]), tn_tensor_release(out[k]);
    }
    tn_executable_release(e);
}

/* scan backwards over columns: running sum, stacked in front. */
static void test_scan(void **state) {
    tn_graph *body = graph_new("body");
    tn_value sum = tn_graph_input(body, "sum", TN_DTYPE_i64, 1, (int64_t[]){2});
    tn_value x = tn_graph_input(body, "x", TN_DTYPE_i64, 1, (int64_t[]){2});
    tn_value next = op(body, "add", sum, x);
    tn_graph_output(body, "sum", next);
    tn_graph_output(body, "all", next);
    tn_graph *g = graph_new("scan");
    tn_value start = constant_i64(g, 1, 2, (int64_t[]){0, 0});
    tn_value xs = tn_graph_input(g, "xs", TN_DTYPE_i64, 2, (int64_t[]){2, 3});
    const int64_t one = 1;
    tn_attr attrs[] = {{.name = "body", .kind = TN_ATTR_GRAPH, .graph = body},
                       {.name = "n_state", .kind = TN_ATTR_INT, .i = 1},
                       {.name = "num_scan_inputs", .kind = TN_ATTR_INT, .i = 1},
                       {.name = "scan_input_axes", .kind = TN_ATTR_INTS, .ints = &one, .n = 1},
                       {.name = "scan_input_directions", .kind = TN_ATTR_INTS, .ints = &one, .n = 1},
                       {.name = "scan_output_directions", .kind = TN_ATTR_INTS, .ints = &one, .n = 1}};
    tn_value r = tn_graph_op(g, "scan", (tn_value[]){start, xs}, 2, attrs, 6, 2);
    tn_graph_output(g, "sum", r);
    tn_graph_output(g, "all", tn_value_output(r, 1));
    tn_executable *e = compile(g);
    tn_tensor *in = tensor_i64(2, (int64_t[]){2, 3}, (int64_t[]){1, 2, 3, 4, 5, 6}), *out[2] = {0};
    OK(tn_executable_run(e, &in, 1, out, 2));
    assert_memory_equal(tn_tensor_get_data(out[0]), ((int64_t[]){6, 15}), 16);
    assert_memory_equal(tn_tensor_get_data(out[1]), ((int64_t[]){6, 15, 5, 11, 3, 6}), 48);
    tn_tensor_release(in), tn_tensor_release(out[0]), tn_tensor_release(out[1]);
    tn_executable_release(e);
}

static void *runner(void *self) {
    tn_executable *x = self;
    for (int i = 0; i < 200; i++) {
        int64_t n = 1 + i * 7 % 20; /* more shapes than are kept */
        tn_tensor *in[2] = {NULL, NULL}, *out[2] = {NULL, NULL};
        in[0] = vector_f32(n, 1), in[1] = vector_f32(n, 10);
        tn_error *e = tn_executable_run(x, in, 2, out, 2);
        if (e || ((float *)tn_tensor_get_data(out[0]))[n - 1] != (float)(11 + 2 * (n - 1))) return self;
        for (int k = 0; k < 2; k++) tn_tensor_release(in[k]), tn_tensor_release(out[k]);
    }
    return NULL;
}

static void test_threads(void **state) {
    tn_executable *x = symbolic();
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, runner, x), 0);
    for (int i = 0; i < 8; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(specialisations(x), 16);
    tn_executable_release(x);
}

static void test_null_device(void **state) {
    tn_options *o;
    OK(tn_options_create(context, &o));
    OK(tn_options_set(o, "device", "null"));
    tn_graph *g = graph_new("null");
    tn_graph_output(g, "y", op(g, "neg", tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4}), (tn_value){0}));
    tn_executable *e;
    OK(tn_compile(g, o, &e));
    tn_tensor *in = vector_f32(4, 1), *out = NULL;
    OK(tn_executable_run(e, &in, 1, &out, 1));
    assert_float_equal(((float *)tn_tensor_get_data(out))[3], 0, 0);
    assert_int_equal(specialisations(e), 1);
    tn_tensor_release(in), tn_tensor_release(out);
    tn_executable_release(e);
    tn_graph_release(g);
    tn_options_release(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_options),     cmocka_unit_test(test_symbols_and_errors),
                                       cmocka_unit_test(test_value_input), cmocka_unit_test(test_late_bound),
                                       cmocka_unit_test(test_late_value),  cmocka_unit_test(test_if),
                                       cmocka_unit_test(test_loop),        cmocka_unit_test(test_scan),
                                       cmocka_unit_test(test_threads),     cmocka_unit_test(test_null_device)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
