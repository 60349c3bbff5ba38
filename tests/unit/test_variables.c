/* Variables: values that live between runs, in graphs, in text and in files. In place where it can be, unchanged by what fails. */
#include <unistd.h>

#include "variables_check.h"

/* ---- alone --------------------------------------------------------------------------------------------------- */

static void read_and_write(void **s) {
    (void)s;
    int64_t dims[2] = {2, 3};
    tn_variable *v;
    ok(tn_variable_create(context, TN_DTYPE_f32, 2, dims, NULL, &v));
    assert_int_equal(tn_variable_get_dtype(v), TN_DTYPE_f32);
    assert_int_equal(tn_variable_get_rank(v), 2);
    assert_int_equal(tn_variable_get_dims(v)[1], 3);
    tn_tensor *t = f32(2, dims, 7, 0), *out = t;
    ok(tn_variable_read(v, &out)); /* into a tensor that is there */
    assert_ptr_equal(out, t);
    assert_true(*(float *)tn_tensor_get_data(t) == 0);
    ((float *)tn_tensor_get_data(t))[0] = 5;
    ok(tn_variable_write(v, t));
    ((float *)tn_tensor_get_data(t))[0] = 6; /* was copied */
    assert_true(first_of(v) == 5);
    tn_tensor *wrong = f32(1, (int64_t[]){6}, 0, 0);
    out = wrong;
    refused(tn_variable_read(v, &out), TN_ERROR_SHAPE_MISMATCH, "found f32[6], wanted f32[2,3]");
    assert_ptr_equal(out, wrong);
    refused(tn_variable_write(v, wrong), TN_ERROR_SHAPE_MISMATCH, "found f32[6], wanted f32[2,3]");
    tn_tensor_release(wrong);
    ok(tn_tensor_create(context, TN_DTYPE_i32, 2, dims, &wrong));
    refused(tn_variable_write(v, wrong), TN_ERROR_TYPE_MISMATCH, "found i32[2,3]");
    tn_variable *w = v;
    refused(tn_variable_create(context, TN_DTYPE_f32, 2, dims, wrong, &w), TN_ERROR_TYPE_MISMATCH, "first value");
    assert_null(w);
    refused(tn_variable_create(context, TN_DTYPE_string, 0, NULL, NULL, &w), TN_ERROR_UNSUPPORTED, "strings");
    refused(tn_variable_create(context, (tn_dtype)999, 0, NULL, NULL, &w), TN_ERROR_INVALID_ARGUMENT, "dtype 999");
    refused(tn_variable_create(context, TN_DTYPE_f32, 2, NULL, NULL, &w), TN_ERROR_INVALID_ARGUMENT, "dims is NULL");
    refused(tn_variable_create(context, TN_DTYPE_f32, -1, NULL, NULL, &w), TN_ERROR_LIMIT_EXCEEDED, "rank");
    refused(tn_variable_create(context, TN_DTYPE_f32, 1, (int64_t[]){-4}, NULL, &w), TN_ERROR_INVALID_ARGUMENT, "-4");
    refused(tn_variable_create(context, TN_DTYPE_f32, 2, (int64_t[]){INT64_MAX, 2}, NULL, &w), TN_ERROR_LIMIT_EXCEEDED, "elements");
    refused(tn_variable_create(NULL, TN_DTYPE_f32, 0, NULL, NULL, &w), TN_ERROR_INVALID_ARGUMENT, "NULL");
    refused(tn_variable_read(NULL, &t), TN_ERROR_INVALID_ARGUMENT, "NULL");
    refused(tn_variable_read(v, NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    refused(tn_variable_write(v, NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    assert_true(first_of(v) == 5);
    tn_tensor_release(wrong);
    tn_tensor_release(t);
    tn_variable_retain(v);
    tn_variable_release(v);
    tn_variable_release(v);
}

/* ---- in graphs ----------------------------------------------------------------------------------------------- */

static void runs_update(void **s) {
    (void)s;
    for (int d = 0; d < 2; d++) {
        int64_t n = 1000;
        tn_variable *w = variable(1, &n, 10, 1);
        tn_graph *g = sgd(w, n);
        assert_int_equal(tn_graph_get_input_count(g), 1);
        assert_int_equal(tn_graph_get_output_count(g), 1);
        assert_int_equal(tn_graph_get_variable_count(g), 1);
        assert_ptr_equal(tn_graph_get_variable(g, 0), w);
        assert_null(tn_graph_get_variable(g, 1));
        tn_executable *exe = compile(g, devices[d]);
        tn_tensor *x = f32(1, &n, 2, 0), *y = NULL;
        for (int step = 0; step < 5; step++) {
            ok(tn_executable_run(exe, &x, 1, &y, 1)); /* y is made once, then written */
            assert_true(*(float *)tn_tensor_get_data(y) == (float)(12 - step)); /* the value before this step */
            assert_true(((float *)tn_tensor_get_data(y))[999] == (float)(12 - step + 999));
            assert_true(first_of(w) == (float)(9 - step));
        }
        tn_tensor_release(x);
        tn_tensor_release(y);
        tn_executable_release(exe);
        tn_variable_release(w);
    }
}

/* The variable outlives its handle in the executable, and two executables share one. */
static void shared(void **s) {
    (void)s;
    for (int d = 0; d < 2; d++) {
        int64_t n = 64;
        tn_variable *w = variable(1, &n, 3, 0);
        tn_executable *train = compile(sgd(w, n), devices[d]);
        tn_graph *g = graph();
        tn_graph_output(g, "w", op1(g, "neg", tn_graph_variable(g, w)));
        tn_executable *evaluate = compile(g, devices[d]);
        tn_variable_release(w);
        tn_tensor *x = f32(1, &n, 2, 0), *y = NULL, *z = NULL;
        ok(tn_executable_run(train, &x, 1, &y, 1));
        ok(tn_executable_run(evaluate, NULL, 0, &z, 1));
        assert_true(*(float *)tn_tensor_get_data(z) == -2);
        tn_executable_release(train);
        ok(tn_executable_run(evaluate, NULL, 0, &z, 1));
        assert_true(*(float *)tn_tensor_get_data(z) == -2);
        tn_executable_release(evaluate);
        tn_tensor_release(x);
        tn_tensor_release(y);
        tn_tensor_release(z);
    }
}

/* Two variables that change places, one that is only written, and one that counts. */
static void exchange(void **s) {
    (void)s;
    for (int d = 0; d < 2; d++) {
        int64_t n = 33;
        tn_variable *a = variable(1, &n, 1, 0), *b = variable(1, &n, 2, 0), *only_written = variable(1, &n, 0, 0), *count;
        ok(tn_variable_create(context, TN_DTYPE_i64, 0, NULL, NULL, &count));
        tn_graph *g = graph();
        tn_value va = tn_graph_variable(g, a), vb = tn_graph_variable(g, b), vc = tn_graph_variable(g, count);
        assert_int_equal(tn_graph_variable(g, a).id, va.id);
        tn_tensor *one;
        ok(tn_tensor_create(context, TN_DTYPE_i64, 0, NULL, &one));
        *(int64_t *)tn_tensor_get_data(one) = 1;
        tn_graph_assign(g, a, vb);
        tn_graph_assign(g, b, va);
        tn_graph_assign(g, only_written, op2(g, "add", va, vb));
        tn_graph_assign(g, count, op2(g, "add", vc, tn_graph_constant(g, one)));
        tn_tensor_release(one);
        tn_executable *exe = compile(g, devices[d]);
        for (int i = 0; i < 3; i++) ok(tn_executable_run(exe, NULL, 0, NULL, 0));
        assert_true(first_of(a) == 2);
        assert_true(first_of(b) == 1);
        assert_true(first_of(only_written) == 3);
        tn_tensor *t = NULL;
        ok(tn_variable_read(count, &t));
        assert_int_equal(*(int64_t *)tn_tensor_get_data(t), 3);
        tn_tensor_release(t);
        tn_executable_stats stats = {.struct_size = sizeof stats};
        ok(tn_executable_get_stats(exe, &stats));
        assert_int_equal(stats.n_specialisations, 1);
        tn_executable_release(exe);
        tn_variable_release(a);
        tn_variable_release(b);
        tn_variable_release(only_written);
        tn_variable_release(count);
    }
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static _Atomic size_t live_bytes;

static void *count_allocate(void *self, size_t bytes, size_t align) {
    (void)self;
    void *p = NULL;
    if (align < sizeof(void *)) align = sizeof(void *);
    if (posix_memalign(&p, align, bytes)) return NULL;
    atomic_fetch_add(&live_bytes, bytes);
    return p;
}

static void count_deallocate(void *self, void *p, size_t bytes) {
    (void)self;
    atomic_fetch_sub(&live_bytes, bytes);
    free(p);
}

/* Compiles `w assigned f(w, x)`, runs it twice; the bytes that the variable takes, and whether it stayed where it was. */
static size_t memory_of_update(tn_value (*f)(tn_graph *g, tn_value w, tn_value x), bool *out_stays) {
    tn_allocator a = {sizeof a, NULL, count_allocate, count_deallocate};
    tn_context_options options = {.struct_size = sizeof options, .allocator = &a};
    tn_context *outer = context;
    ok(tn_context_create(&options, &context));
    int64_t dims[2] = {512, 512};
    tn_variable *w = variable(2, dims, 1, 0.001);
    tn_graph *g = graph();
    tn_graph_assign(g, w, f(g, tn_graph_variable(g, w), tn_graph_input(g, "x", TN_DTYPE_f32, 2, dims)));
    tn_executable *exe = compile(g, "cpu");
    tn_tensor *x = f32(2, dims, 2, 0);
    void *before = memory_of(w);
    ok(tn_executable_run(exe, &x, 1, NULL, 0));
    *out_stays = memory_of(w) == before;
    ok(tn_executable_run(exe, &x, 1, NULL, 0));
    tn_executable_release(exe);
    tn_tensor_release(x);
    size_t bytes = atomic_load(&live_bytes);
    tn_variable_release(w);
    bytes -= atomic_load(&live_bytes);
    tn_context_release(context);
    assert_int_equal(atomic_load(&live_bytes), 0);
    context = outer;
    return bytes;
}

static tn_value decay(tn_graph *g, tn_value w, tn_value x) { return op2(g, "sub", w, op2(g, "mul", x, scalar(g, 0.1f))); }
static tn_value turned(tn_graph *g, tn_value w, tn_value x) { return op2(g, "add", x, op1(g, "transpose", w)); }
static tn_value gradient(tn_graph *g, tn_value w, tn_value x) { return op2(g, "sub", w, op2(g, "matmul", x, op1(g, "tanh", x))); }
static tn_value used(tn_graph *g, tn_value w, tn_value x) { return op2(g, "sub", w, op2(g, "matmul", x, w)); }
static tn_value copied(tn_graph *g, tn_value w, tn_value x) { return (void)w, (void)g, x; }

static void memory(void **s) {
    (void)s;
    enum { VALUE = 512 * 512 * 4, SMALL = 2048 };
    bool stays;
    size_t bytes = memory_of_update(decay, &stays); /* SGD: one buffer */
    assert_true(stays);
    assert_in_range(bytes, VALUE, VALUE + SMALL);
    bytes = memory_of_update(gradient, &stays); /* the product's kernel ends with the update */
    assert_true(stays);
    assert_in_range(bytes, VALUE, VALUE + SMALL);
    bytes = memory_of_update(turned, &stays); /* reads other elements than it writes: two buffers */
    assert_false(stays);
    assert_in_range(bytes, 2 * VALUE, 2 * VALUE + SMALL);
    bytes = memory_of_update(copied, &stays);
    assert_false(stays);
    assert_in_range(bytes, 2 * VALUE, 2 * VALUE + SMALL);
}

static tn_value rows(tn_graph *g, tn_value w, tn_value x) { return op2(g, "matmul", w, x); }
static tn_value softmax(tn_graph *g, tn_value w, tn_value x) { return op1(g, "softmax", op2(g, "add", w, x)); }
static tn_value minus_softmax(tn_graph *g, tn_value w, tn_value x) { return op2(g, "sub", w, op1(g, "softmax", x)); }
static tn_value twice(tn_graph *g, tn_value w, tn_value x) { return op2(g, "mul", op2(g, "add", w, x), w); }

/* With the pass switched off there are two buffers and the same values. Most sizes have tails; the small ones are not packed. */
static void same_bits(void **s) {
    (void)s;
    tn_value (*const forms[])(tn_graph *, tn_value, tn_value) = {decay, turned, gradient, used, copied, rows, twice, softmax, minus_softmax};
    static const int64_t sizes[] = {1, 3, 5, 16, 37, 130};
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            int64_t dims[2] = {sizes[i], sizes[i]};
            tn_tensor *results[2] = {NULL, NULL}, *x = f32(2, dims, -0.3, 1e-5);
            for (int in_place = 0; in_place < 2; in_place++) {
                tn_variable *w = variable(2, dims, 0.5, 1e-5);
                tn_graph *g = graph();
                tn_value in = tn_graph_input(g, "x", TN_DTYPE_f32, 2, dims), v = tn_graph_variable(g, w);
                tn_graph_output(g, "y", op2(g, "add", v, in)); /* the value before the run */
                tn_graph_assign(g, w, forms[f](g, v, in));
                tn_options *o;
                tn_executable *exe;
                ok(tn_options_create(context, &o));
                if (!in_place) ok(tn_options_set(o, "passes_off", "in_place"));
                ok(tn_compile(g, o, &exe));
                tn_options_release(o);
                tn_graph_release(g);
                void *before = memory_of(w);
                tn_tensor *y = NULL;
                for (int k = 0; k < 5; k++) {
                    float now = first_of(w);
                    ok(tn_executable_run(exe, &x, 1, &y, 1));
                    assert_true(*(float *)tn_tensor_get_data(y) == now + -0.3f);
                    if (in_place && forms[f] == decay) assert_ptr_equal(memory_of(w), before);
                }
                if (!in_place) assert_ptr_not_equal(memory_of(w), before); /* 5 is odd */
                ok(tn_variable_read(w, &results[in_place]));
                tn_tensor_release(y);
                tn_executable_release(exe);
                tn_variable_release(w);
            }
            if (memcmp(tn_tensor_get_data(results[0]), tn_tensor_get_data(results[1]), tn_tensor_get_bytes(x)))
                fail_msg("form %zu, size %d: other values in place", f, (int)sizes[i]);
            tn_tensor_release(results[0]);
            tn_tensor_release(results[1]);
            tn_tensor_release(x);
        }
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void refuses(void **s) {
    (void)s;
    int64_t n = 4, m = 5;
    tn_variable *w = variable(1, &n, 1, 0);
    tn_context *other;
    tn_variable *foreign;
    ok(tn_context_create(NULL, &other));
    ok(tn_variable_create(other, TN_DTYPE_f32, 1, &n, NULL, &foreign));
#define GRAPH_REFUSED(code, words, ...)                       \
    do {                                                      \
        tn_graph *g = graph();                                \
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n); \
        (void)x;                                              \
        __VA_ARGS__                                           \
        refused(tn_graph_check(g), TN_ERROR_##code, words);   \
        tn_executable *exe;                                   \
        refused(tn_compile(g, NULL, &exe), TN_ERROR_##code, words); \
        tn_graph_release(g);                                  \
    } while (0)
    GRAPH_REFUSED(SHAPE_MISMATCH, "found f32[5], wanted f32[4]", tn_graph_assign(g, w, tn_graph_input(g, "z", TN_DTYPE_f32, 1, &m)););
    GRAPH_REFUSED(SHAPE_MISMATCH, "found f32[], wanted f32[4]", tn_graph_assign(g, w, scalar(g, 1)););
    GRAPH_REFUSED(TYPE_MISMATCH, "found i32[4], wanted f32[4]", tn_graph_assign(g, w, tn_graph_input(g, "z", TN_DTYPE_i32, 1, &n)););
    GRAPH_REFUSED(INVALID_GRAPH, "variable w is assigned twice", tn_graph_set_name(g, tn_graph_variable(g, w), "w"); tn_graph_assign(g, w, x);
                  tn_graph_assign(g, w, x););
    GRAPH_REFUSED(INVALID_ARGUMENT, "another context", assert_int_equal(tn_graph_variable(g, foreign).id, 0););
    GRAPH_REFUSED(INVALID_ARGUMENT, "another context", tn_graph_assign(g, foreign, x););
    GRAPH_REFUSED(INVALID_ARGUMENT, "NULL", tn_graph_variable(g, NULL););
    GRAPH_REFUSED(INVALID_ARGUMENT, "NULL", tn_graph_assign(g, NULL, x););
    GRAPH_REFUSED(INVALID_ARGUMENT, "no value of this graph", tn_graph_assign(g, w, (tn_value){77}););
    GRAPH_REFUSED(INVALID_ARGUMENT, "no value of this graph", tn_graph_assign(g, w, (tn_value){0}););
    tn_graph_assign(NULL, w, (tn_value){1});
    assert_int_equal(tn_graph_variable(NULL, w).id, 0);
    assert_int_equal(tn_graph_get_variable_count(NULL), 0);
    tn_variable_release(foreign);
    tn_context_release(other);
    tn_variable_release(w);
}

static void subgraphs(void **s) {
    (void)s;
    int64_t n = 4;
    tn_variable *w = variable(1, &n, 1, 0);
    for (int late = 0; late < 2; late++) { /* the variable comes before the graph becomes a body, or after */
        tn_graph *g = graph(), *branch[2];
        for (int b = 0; b < 2; b++) {
            branch[b] = graph();
            tn_graph_output(branch[b], "y", b || late ? scalar(branch[b], 1) : op1(branch[b], "neg", tn_graph_variable(branch[b], w)));
        }
        tn_value condition = tn_graph_input(g, "c", TN_DTYPE_bool, 0, NULL);
        tn_attr attrs[2] = {{.name = "then_branch", .kind = TN_ATTR_GRAPH, .graph = branch[0]},
                            {.name = "else_branch", .kind = TN_ATTR_GRAPH, .graph = branch[1]}};
        tn_value y = tn_graph_op(g, "if", &condition, 1, attrs, 2, 1);
        if (late) {
            tn_graph_output(g, "y", y);
            tn_graph_variable(branch[0], w); /* it is g's by now, but its builder still knows it */
            tn_executable *exe;
            tn_tensor *c, *out = NULL;
            ok(tn_compile(g, NULL, &exe));
            ok(tn_tensor_create(context, TN_DTYPE_bool, 0, NULL, &c));
            *(bool *)tn_tensor_get_data(c) = true;
            refused(tn_executable_run(exe, &c, 1, &out, 1), TN_ERROR_INVALID_GRAPH, "has variables");
            tn_tensor_release(c);
            tn_executable_release(exe);
        } else {
            refused(tn_graph_check(g), TN_ERROR_INVALID_GRAPH, "has variables: pass their values in");
        }
        tn_graph_release(g);
    }
    tn_variable_release(w);
}

/* A run that fails at its end has changed nothing, in place or not. */
static void failing_runs(void **s) {
    (void)s;
    for (int d = 0; d < 2; d++)
        for (int order = 0; order < 2; order++) {
            int64_t n = 64, one = 1;
            tn_variable *w = variable(1, &n, 1, 0);
            tn_graph *g = graph();
            tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n), at = tn_graph_input(g, "at", TN_DTYPE_i64, 1, &one);
            tn_value v = tn_graph_variable(g, w), next = v, picked = {0};
            if (order) next = op2(g, "sub", v, x);
            picked = op2(g, "gather", op1(g, "tanh", x), at); /* fails where `at` is out of range */
            if (!order) next = op2(g, "sub", v, x);
            tn_graph_assign(g, w, next);
            tn_graph_output(g, "picked", picked);
            tn_executable *exe = compile(g, devices[d]);
            tn_tensor *in[2] = {f32(1, &n, 2, 0), NULL}, *y = NULL;
            ok(tn_tensor_create(context, TN_DTYPE_i64, 1, &one, &in[1]));
            ok(tn_executable_run(exe, in, 2, &y, 1));
            assert_true(first_of(w) == -1);
            *(int64_t *)tn_tensor_get_data(in[1]) = 1000;
            tn_tensor_release(y);
            y = NULL;
            refused(tn_executable_run(exe, in, 2, &y, 1), TN_ERROR_OUT_OF_RANGE, "1000");
            assert_null(y);
            assert_true(first_of(w) == -1);
            *(int64_t *)tn_tensor_get_data(in[1]) = 3;
            ok(tn_executable_run(exe, in, 2, &y, 1));
            assert_true(first_of(w) == -3);
            tn_tensor_release(y);
            tn_tensor_release(in[0]);
            tn_tensor_release(in[1]);
            tn_executable_release(exe);
            tn_variable_release(w);
        }
}

/* Shapes that only the run tells: the program makes its tensors itself, and a wrong one is refused at the end. */
static void late_shapes(void **s) {
    (void)s;
    for (int d = 0; d < 2; d++) {
        int64_t n = 4;
        tn_variable *w = variable(1, &n, 1, 0);
        tn_graph *g = graph();
        int64_t dims[1] = {tn_graph_symbol(g, "N")};
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, dims);
        tn_value where = op1(g, "non_zero", x); /* i64[1, ?] */
        tn_value picked = tn_graph_op(g, "gather_nd", (tn_value[]){x, op1(g, "transpose", where)}, 2, NULL, 0, 1);
        tn_graph_assign(g, w, picked);
        tn_graph_output(g, "picked", picked);
        tn_executable *exe = compile(g, devices[d]);
        int64_t six = 6;
        tn_tensor *t = f32(1, &six, -1, 1), *y = NULL; /* -1 0 1 2 3 4: five of them */
        refused(tn_executable_run(exe, &t, 1, &y, 1), TN_ERROR_SHAPE_MISMATCH, "assigned f32[5], wanted f32[4]");
        assert_null(y);
        assert_true(first_of(w) == 1);
        ((float *)tn_tensor_get_data(t))[0] = 0;
        ok(tn_executable_run(exe, &t, 1, &y, 1));
        ((float *)tn_tensor_get_data(y))[0] = 77; /* the variable has memory of its own */
        ((float *)tn_tensor_get_data(t))[2] = 78;
        assert_true(first_of(w) == 1);
        tn_tensor_release(y);
        tn_tensor_release(t);
        tn_executable_release(exe);
        tn_variable_release(w);
    }
}

static int allocations_left;

static void *scarce_allocate(void *self, size_t bytes, size_t align) {
    return allocations_left-- > 0 ? count_allocate(self, bytes, align) : NULL;
}

/* Each allocation of a run fails once: an error, the variable is what it was, nothing is lost. */
static void without_memory(void **s) {
    (void)s;
    tn_allocator a = {sizeof a, NULL, scarce_allocate, count_deallocate};
    tn_context_options options = {.struct_size = sizeof options, .allocator = &a};
    tn_context *outer = context;
    allocations_left = INT32_MAX;
    ok(tn_context_create(&options, &context));
    int64_t n = 64;
    tn_variable *zeros;
    ok(tn_variable_create(context, TN_DTYPE_f32, 1, &n, NULL, &zeros));
    tn_graph *g = graph();
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){tn_graph_symbol(g, "N")}), v = tn_graph_variable(g, zeros);
    tn_graph_output(g, "w", op1(g, "non_zero", x));
    tn_graph_assign(g, zeros, op2(g, "add", v, x));
    tn_executable *exe = compile(g, "ref");
    tn_tensor *t = f32(1, &n, 2, 0), *y = NULL;
    int failures = 0;
    for (bool done = false; !done; failures++) {
        allocations_left = failures;
        tn_error *e = tn_executable_run(exe, &t, 1, &y, 1);
        allocations_left = INT32_MAX;
        done = !e;
        if (e) assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_MEMORY);
        tn_error_destroy(e);
        assert_true(first_of(zeros) == (float)(done ? 2 : 0));
    }
    assert_true(failures > 5);
    tn_tensor_release(t);
    tn_tensor_release(y);
    tn_executable_release(exe);
    tn_variable_release(zeros);
    tn_context_release(context);
    assert_int_equal(atomic_load(&live_bytes), 0);
    context = outer;
}

/* ---- other tensors, other handles ------------------------------------------------------------------------------ */

static void strided_tensors(void **s) {
    (void)s;
    float memory[8] = {1, 0, 2, 0, 3, 0, 4, 0};
    int64_t dims[2] = {2, 2}, strides[2] = {2, 4}, zero[2] = {0, 0};
    tn_tensor *t, *same, *plain = NULL;
    ok(tn_tensor_create_strided(context, TN_DTYPE_f32, 2, dims, strides, memory, memory, sizeof memory, NULL, NULL, &t)); /* [[1, 3], [2, 4]] */
    ok(tn_tensor_create_strided(context, TN_DTYPE_f32, 2, dims, zero, memory, memory, sizeof memory, NULL, NULL, &same));
    tn_variable *v;
    ok(tn_variable_create(context, TN_DTYPE_f32, 2, dims, t, &v));
    ok(tn_variable_read(v, &plain));
    assert_memory_equal(tn_tensor_get_data(plain), ((float[]){1, 3, 2, 4}), 16);
    ok(tn_variable_write(v, same));
    ok(tn_variable_read(v, &t));
    assert_memory_equal(memory, ((float[]){1, 0, 1, 0, 1, 0, 1, 0}), 32);
    refused(tn_variable_read(v, &same), TN_ERROR_INVALID_ARGUMENT, "share memory");
    tn_tensor_release(t);
    tn_tensor_release(same);
    tn_tensor_release(plain);
    tn_variable_release(v);
}

static void handles(void **s) {
    (void)s;
    int64_t n = 4;
    tn_variable *v = variable(1, &n, 1, 0), *out = v;
    tn_tensor *t = f32(1, &n, 1, 0), *other = (tn_tensor *)(void *)v, *none = NULL;
    refused(tn_variable_write(v, other), TN_ERROR_INVALID_ARGUMENT, "tensor is a handle of kind variable, wanted tensor");
    refused(tn_variable_read((tn_variable *)(void *)t, &none), TN_ERROR_INVALID_ARGUMENT, "variable is a handle of kind tensor");
    refused(tn_variable_read(v, &other), TN_ERROR_INVALID_ARGUMENT, "handle of kind variable");
    refused(tn_variable_create(context, TN_DTYPE_f32, 1, &n, other, &out), TN_ERROR_INVALID_ARGUMENT, "handle of kind variable");
    assert_null(out);
    tn_graph *g = graph();
    assert_int_equal(tn_graph_variable(g, (tn_variable *)(void *)t).id, 0);
    refused(tn_graph_check(g), TN_ERROR_INVALID_ARGUMENT, "tn_graph_variable: variable is a handle of kind tensor");
    tn_graph_release(g);
    tn_variable_retain((tn_variable *)(void *)t); /* nothing */
    tn_variable_release((tn_variable *)(void *)t);
    assert_int_equal(tn_variable_get_dtype((tn_variable *)(void *)t), TN_DTYPE_NONE);
    assert_int_equal(tn_variable_get_rank(NULL), 0);
    assert_null(tn_variable_get_dims(NULL));
    tn_tensor_release(t);
    tn_variable_release(v);
}

/* Types of outputs are told as for graphs without variables, also where sizes are open. */
static void output_types(void **s) {
    (void)s;
    int64_t n = 4;
    tn_variable *w = variable(1, &n, 1, 0);
    for (int open = 0; open < 2; open++) {
        tn_graph *g = graph();
        int64_t dims[2] = {open ? tn_graph_symbol(g, "N") : 3, 4};
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, dims);
        tn_graph_output(g, "y", op2(g, "add", x, tn_graph_variable(g, w)));
        tn_graph_assign(g, w, op1(g, "neg", tn_graph_variable(g, w)));
        tn_executable *exe = compile(g, "cpu");
        tn_tensor_type in = {sizeof in, TN_DTYPE_f32, 2, {3, 4}}, out = {.struct_size = sizeof out};
        ok(tn_executable_infer_outputs(exe, &in, 1, &out, 1));
        assert_int_equal(out.rank, 2);
        assert_int_equal(out.dims[0], 3);
        assert_int_equal(out.dims[1], 4);
        ok(tn_executable_get_output_type(exe, 0, &out));
        assert_int_equal(out.dims[0], open ? TN_DIM_UNKNOWN : 3);
        refused(tn_executable_get_output_type(exe, 1, &out), TN_ERROR_OUT_OF_RANGE, "found output 1");
        tn_executable_release(exe);
    }
    tn_variable_release(w);
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static void text_form(void **s) {
    (void)s;
    int64_t dims[2] = {2, 3};
    tn_variable *w = variable(2, dims, 1, 0), *unnamed = variable(0, NULL, 1, 0);
    tn_graph *g = graph(), *again;
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, dims), v = tn_graph_variable(g, w);
    tn_graph_set_name(g, v, "weights");
    tn_value y = op2(g, "sub", v, x);
    tn_graph_assign(g, unnamed, op1(g, "neg", tn_graph_variable(g, unnamed)));
    tn_graph_assign(g, w, y);
    tn_graph_output(g, "y", y);
    char *text, *text_again;
    ok(tn_graph_print(g, &text));
    const char *wanted = "graph \"g\" {\n  input %1 \"x\" : f32[2,3]\n  variable %2 \"weights\" : f32[2,3]\n  %3 = sub(%2, %1) : f32[2,3]\n"
                         "  variable %4 : f32[]\n  %5 = neg(%4) : f32[]\n  output \"y\" %3\n  assign %2 %3\n  assign %4 %5\n}\n";
    assert_string_equal(text, wanted);
    ok(tn_graph_parse(context, text, &again));
    ok(tn_graph_print(again, &text_again));
    assert_string_equal(text_again, text);
    assert_int_equal(tn_graph_get_variable_count(again), 2);
    tn_variable *fresh = tn_graph_get_variable(again, 0);
    assert_ptr_not_equal(fresh, w);
    tn_variable_retain(fresh);
    tn_executable *exe = compile(again, "cpu");
    tn_tensor *t = f32(2, dims, 1, 0), *out = NULL;
    ok(tn_executable_run(exe, &t, 1, &out, 1));
    assert_true(first_of(fresh) == -1); /* began as zeros */
    tn_executable_release(exe);
    tn_tensor_release(t);
    tn_tensor_release(out);
    tn_variable_release(fresh);
    tn_text_free(context, text);
    tn_text_free(context, text_again);
    tn_graph_release(g);
    static const char *const bad[][2] = {
        {"graph \"g\" {\n variable %1 : f32[*]\n}", "a variable has a rank"},
        {"graph \"g\" {\n variable %1 : f32[?]\n}", "dimension 0 is -1"},
        {"graph \"g\" {\n variable %1 : f32[N]\n}", "dimension 0"},
        {"graph \"g\" {\n variable %1 : string[]\n}", "strings"},
        {"graph \"g\" {\n variable %1 : f32[99999999999999]\n}", "limit"},
        {"graph \"g\" {\n variable %1 : f32[2]\n variable %1 : f32[2]\n}", "%1"},
        {"graph \"g\" {\n input %1 \"x\" : f32[2]\n assign %1 %1\n}", "no variable"},
        {"graph \"g\" {\n variable %1 : f32[2]\n assign %1 %2\n}", "%2"},
        {"graph \"g\" {\n variable %1 : f32[2]\n assign %1 %1\n assign %1 %1\n}", "twice"},
        {"graph \"g\" {\n input %1 \"c\" : bool[]\n %2 = if(%1) {then_branch=graph \"t\" {\n variable %1 : f32[2]\n output \"y\" %1\n}}\n}", "a sub-graph has no variables"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tn_error *e = tn_graph_parse(context, bad[i][0], &again);
        if (!e || !strstr(tn_error_get_message(e), bad[i][1])) fail_msg("'%s' gave %s", bad[i][0], e ? tn_error_get_message(e) : "no error");
        tn_error_destroy(e);
    }
    tn_variable_release(w);
    tn_variable_release(unnamed);
}

static void onnx_files(void **s) {
    (void)s;
    int64_t n = 5;
    char path[64];
    snprintf(path, sizeof path, "test_variables_%d.onnx", (int)getpid());
    tn_variable *w = variable(1, &n, 3, 1);
    tn_graph *g = graph(), *again;
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n), v = tn_graph_variable(g, w);
    tn_graph_set_name(g, v, "weights");
    tn_graph_output(g, "y", op2(g, "mul", v, x));
    ok(tn_onnx_save_file(g, path));
    ok(tn_onnx_load_file(context, path, &again));
    remove(path);
    assert_int_equal(tn_graph_get_variable_count(again), 0);
    tn_executable *exe = compile(again, "cpu");
    tn_tensor *t = f32(1, &n, 2, 0), *y = NULL;
    ok(tn_executable_run(exe, &t, 1, &y, 1));
    assert_true(((float *)tn_tensor_get_data(y))[4] == 14);
    tn_executable_release(exe);
    tn_graph_assign(g, w, x);
    refused(tn_onnx_save_file(g, path), TN_ERROR_UNSUPPORTED, "assigns variable weights");
    assert_null(fopen(path, "rb"));
    tn_tensor_release(t);
    tn_tensor_release(y);
    tn_graph_release(g);
    tn_variable_release(w);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_and_write), cmocka_unit_test(runs_update), cmocka_unit_test(shared),
        cmocka_unit_test(exchange), cmocka_unit_test(memory), cmocka_unit_test(same_bits), cmocka_unit_test(refuses),
        cmocka_unit_test(subgraphs), cmocka_unit_test(failing_runs), cmocka_unit_test(late_shapes),
        cmocka_unit_test(without_memory), cmocka_unit_test(strided_tensors), cmocka_unit_test(handles),
        cmocka_unit_test(output_types), cmocka_unit_test(text_form), cmocka_unit_test(onnx_files)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
