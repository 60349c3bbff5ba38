/* Callbacks of custom ops that fail, lie, come in again, build where they must not, or meet on many threads; and their gradients. */
#include "unit/custom_ops.h"

#include <pthread.h>

static tn_context *context;
static probe p;

static int setup(void **state) {
    memset(&p, 0, sizeof p);
    OK(tn_context_create(NULL, &context));
    return 0;
}
static int teardown(void **state) {
    tn_context_release(context);
    return 0;
}

/* What the op "odd" does; set by each test. */
static callback *odd_infer, *odd_evaluate;
static tn_error *infer_odd(void *self, tn_custom_call *c) { return odd_infer(self, c); }
static tn_error *evaluate_odd(void *self, tn_custom_call *c) { return odd_evaluate(self, c); }
static void add_odd(uint32_t flags) { add_op(context, "odd", infer_odd, evaluate_odd, flags, &p); }

static tn_graph *graph_with(const char *op, int64_t dim) {
    tn_graph *g;
    OK(tn_graph_create(context, "g", &g));
    if (dim < 0) dim = tn_graph_symbol(g, "N");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &dim), v = custom(g, op, x, NULL);
    tn_graph_output(g, "y", tn_graph_op(g, "neg", &v, 1, NULL, 0, 1));
    return g;
}
static tn_error *build_error(const char *op, int64_t dim) {
    tn_graph *g = graph_with(op, dim);
    tn_error *e = tn_graph_check(g);
    tn_graph_release(g);
    return e;
}
static tn_executable *compiled(const char *op, int64_t dim, const char *device) {
    tn_graph *g = graph_with(op, dim);
    tn_executable *x;
    OK(compile_on(context, g, device, &x));
    tn_graph_release(g);
    return x;
}
/* Runs on n ones; the result must not be there after an error. */
static tn_error *run_error(tn_executable *x, int64_t n) {
    tn_tensor *in = vector(context, n, 1, 0), *out = NULL;
    tn_error *e = tn_executable_run(x, &in, 1, &out, 1);
    if (e) assert_null(out);
    tn_tensor_release(out);
    tn_tensor_release(in);
    return e;
}

/* ---- infer --------------------------------------------------------------------------------------------------- */

static int64_t refused_size;
static tn_error *infer_refuses(void *self, tn_custom_call *c) {
    const int64_t *dims;
    tn_custom_call_get_input_shape(c, 0, &dims);
    if (dims[0] == refused_size) return tn_custom_call_fail(c, TN_ERROR_SHAPE_MISMATCH, "not this size");
    return infer_same(self, c);
}
static tn_error *infer_nothing(void *self, tn_custom_call *c) { return NULL; }
static tn_error *infer_bad_dtype(void *self, tn_custom_call *c) { return tn_custom_call_set_output(c, 0, (tn_dtype)77, 0, NULL); }
static tn_error *infer_bad_index(void *self, tn_custom_call *c) { return tn_custom_call_set_output(c, 1, TN_DTYPE_f32, 0, NULL); }
static tn_error *infer_bad_rank(void *self, tn_custom_call *c) { return tn_custom_call_set_output(c, 0, TN_DTYPE_f32, 1000, (int64_t[1000]){0}); }
static tn_error *infer_no_dims(void *self, tn_custom_call *c) { return tn_custom_call_set_output(c, 0, TN_DTYPE_f32, 1, NULL); }
static tn_error *infer_no_symbol(void *self, tn_custom_call *c) { return tn_custom_call_set_output(c, 0, TN_DTYPE_f32, 1, (int64_t[]){-77}); }
static tn_error *infer_huge(void *self, tn_custom_call *c) {
    return tn_custom_call_set_output(c, 0, TN_DTYPE_f32, 2, (int64_t[]){INT64_MAX, INT64_MAX});
}
static tn_error *infer_makes(void *self, tn_custom_call *c) {
    tn_tensor *t;
    assert_null(tn_custom_call_get_output(c, 0));
    return tn_custom_call_make_output(c, 0, 0, NULL, &t);
}
static tn_error *infer_swallows(void *self, tn_custom_call *c) {
    tn_error_destroy(tn_custom_call_set_output(c, 0, (tn_dtype)77, 0, NULL));
    return NULL;
}
static tn_error *infer_bad_code(void *self, tn_custom_call *c) { return tn_custom_call_fail(c, TN_OK, NULL); }
static tn_graph *built_on;
static tn_error *infer_builds(void *self, tn_custom_call *c) {
    tn_graph_input(built_on, "more", TN_DTYPE_f32, 0, NULL);
    return infer_same(self, c);
}

static void bad_types(void **state) {
    static const struct {
        callback *infer;
        tn_error_code code;
        const char *part;
    } rows[] = {{infer_nothing, TN_ERROR_INVALID_ARGUMENT, "odd of (x f32[3]): infer left output 0 without a type"},
                {infer_bad_dtype, TN_ERROR_INVALID_ARGUMENT, "unknown dtype 77"},
                {infer_bad_index, TN_ERROR_OUT_OF_RANGE, "output 1 of 1"},
                {infer_bad_rank, TN_ERROR_LIMIT_EXCEEDED, "rank 1000 is over the limit"},
                {infer_no_dims, TN_ERROR_INVALID_ARGUMENT, "dims is NULL"},
                {infer_no_symbol, TN_ERROR_INVALID_ARGUMENT, "dimension 0 is -77"},
                {infer_huge, TN_ERROR_LIMIT_EXCEEDED, "result"},
                {infer_makes, TN_ERROR_INVALID_ARGUMENT, "in evaluate only"},
                {infer_swallows, TN_ERROR_INVALID_ARGUMENT, "without a type"},
                {infer_bad_code, TN_ERROR_INVALID_ARGUMENT, "no message"}};
    add_odd(0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        odd_infer = rows[i].infer;
        fails_at(build_error("odd", 3), rows[i].code, rows[i].part, (int)i);
    }
}

static void infer_fails_later(void **state) {
    add_odd(0);
    odd_infer = infer_refuses;
    odd_evaluate = evaluate_scale;
    refused_size = 3;
    FAILS(build_error("odd", 3), SHAPE_MISMATCH, "odd of (x f32[3]): not this size");
    for (int d = 0; d < 2; d++) { /* a size that the graph leaves open: this run fails, others do not */
        tn_executable *x = compiled("odd", -1, devices[d]);
        OK(run_error(x, 2));
        FAILS(run_error(x, 3), SHAPE_MISMATCH, "not this size");
        OK(run_error(x, 4));
        tn_executable_release(x);
    }
}

static void infer_builds_on(void **state) {
    add_odd(0);
    odd_infer = infer_builds;
    tn_graph *g;
    OK(tn_graph_create(context, "g", &g));
    built_on = g;
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){3});
    assert_int_equal(custom(g, "odd", x, NULL).id, 0);
    assert_int_equal(tn_graph_get_input_count(g), 1);
    FAILS(tn_graph_check(g), INVALID_ARGUMENT, "builds on the same graph");
    tn_graph_release(g);
}

/* Another answer every time: nothing may be written beyond what the program took the results for. */
static int lies;
static tn_error *infer_lies(void *self, tn_custom_call *c) {
    static const int64_t sizes[] = {4, 100000, 1, 0, 3000};
    return tn_custom_call_set_output(c, 0, lies % 3 == 2 ? TN_DTYPE_f64 : TN_DTYPE_f32, 1, (int64_t[]){sizes[lies++ % 5]});
}
static tn_error *infer_lies_openly(void *self, tn_custom_call *c) { /* open at first, then of another type */
    return lies++ % 2 ? tn_custom_call_set_output(c, 0, TN_DTYPE_i32, 1, (int64_t[]){7})
                      : tn_custom_call_set_output(c, 0, TN_DTYPE_f32, 1, (int64_t[]){TN_DIM_UNKNOWN});
}
static tn_error *evaluate_fills(void *self, tn_custom_call *c) {
    tn_tensor *y = tn_custom_call_get_output(c, 0);
    if (!y) {
        tn_error *e = tn_custom_call_make_output(c, 0, 1, (int64_t[]){5}, &y);
        if (e) return e;
    }
    memset(tn_tensor_get_data(y), 0, tn_tensor_get_bytes(y));
    return NULL;
}
static void infer_lying(void **state) {
    add_odd(0);
    odd_evaluate = evaluate_fills;
    for (int how = 0; how < 2; how++)
        for (int d = 0; d < 2; d++)
            for (int first = 0; first < 15; first++)
                for (int open = 0; open < 2; open++) {
                    odd_infer = how ? infer_lies_openly : infer_lies;
                    lies = first;
                    tn_graph *g = graph_with("odd", open ? -1 : 4);
                    tn_executable *x = NULL;
                    tn_error *e = tn_graph_check(g);
                    if (!e) e = compile_on(context, g, devices[d], &x);
                    tn_tensor *in = vector(context, 4, 1, 1), *out[2] = {NULL, vector(context, 4, 1, 1)};
                    for (int k = 0; k < 2 && !e; k++) e = tn_executable_run(x, &in, 1, &out[k], 1); /* made, and the caller's of 4 */
                    if (e) assert_true(tn_error_get_code(e) == TN_ERROR_SHAPE_MISMATCH || tn_error_get_code(e) == TN_ERROR_TYPE_MISMATCH);
                    tn_error_destroy(e);
                    tn_tensor_release(in);
                    tn_tensor_release(out[0]);
                    tn_tensor_release(out[1]);
                    tn_executable_release(x);
                    tn_graph_release(g);
                }
}

/* ---- evaluate ------------------------------------------------------------------------------------------------ */

static tn_error *evaluate_fails(void *self, tn_custom_call *c) { return tn_custom_call_fail(c, TN_ERROR_IO, "the kernel is broken"); }
static tn_error *evaluate_nothing(void *self, tn_custom_call *c) { return NULL; }
static tn_error *evaluate_wrong_rank(void *self, tn_custom_call *c) {
    tn_tensor *t;
    return tn_custom_call_make_output(c, 0, 2, (int64_t[]){1, 1}, &t);
}
static tn_error *evaluate_negative(void *self, tn_custom_call *c) {
    tn_tensor *t;
    return tn_custom_call_make_output(c, 0, 1, (int64_t[]){-1}, &t);
}
static tn_error *evaluate_no_dims(void *self, tn_custom_call *c) {
    tn_tensor *t;
    return tn_custom_call_make_output(c, 0, 1, NULL, &t);
}
static tn_error *evaluate_bad_index(void *self, tn_custom_call *c) {
    tn_tensor *t;
    assert_null(tn_custom_call_get_output(c, 1));
    assert_null(tn_custom_call_get_input(c, 1));
    assert_int_equal(tn_custom_call_get_input_dtype(c, 1), TN_DTYPE_NONE);
    assert_int_equal(tn_custom_call_get_input_shape(c, 1, NULL), -1);
    assert_int_equal(tn_custom_call_get_input_value(c, 0).id, 0);
    return tn_custom_call_make_output(c, 1, 0, NULL, &t);
}
static tn_error *evaluate_types(void *self, tn_custom_call *c) { return tn_custom_call_set_output(c, 0, TN_DTYPE_f32, 0, NULL); }
static tn_error *evaluate_twice(void *self, tn_custom_call *c) {
    tn_tensor *t, *again, *other;
    OK(tn_custom_call_make_output(c, 0, 1, (int64_t[]){3}, &t));
    OK(tn_custom_call_make_output(c, 0, 1, (int64_t[]){3}, &again));
    assert_ptr_equal(t, again);
    tn_error *e = tn_custom_call_make_output(c, 0, 1, (int64_t[]){4}, &other);
    assert_null(other);
    return e;
}

static void evaluate_failing(void **state) {
    static const struct {
        callback *infer, *evaluate;
        tn_error_code code;
        const char *part;
    } rows[] = {{infer_same, evaluate_fails, TN_ERROR_IO, "node '' (odd): the kernel is broken"},
                {infer_keep, evaluate_fails, TN_ERROR_IO, "node '' (odd): the kernel is broken"},
                {infer_keep, evaluate_nothing, TN_ERROR_INVALID_ARGUMENT, "evaluate did not make output 0"},
                {infer_same, evaluate_wrong_rank, TN_ERROR_SHAPE_MISMATCH, "evaluate makes f32[1,1], infer said f32[3]"},
                {infer_keep, evaluate_wrong_rank, TN_ERROR_SHAPE_MISMATCH, "evaluate makes f32[1,1], infer said f32[?]"},
                {infer_keep, evaluate_negative, TN_ERROR_INVALID_ARGUMENT, "-1"},
                {infer_same, evaluate_no_dims, TN_ERROR_INVALID_ARGUMENT, "rank 1"},
                {infer_same, evaluate_bad_index, TN_ERROR_OUT_OF_RANGE, "output 1 of 1"},
                {infer_same, evaluate_types, TN_ERROR_INVALID_ARGUMENT, "in infer only"},
                {infer_same, evaluate_twice, TN_ERROR_SHAPE_MISMATCH, "f32[4], infer said f32[3]"},
                {infer_keep, evaluate_twice, TN_ERROR_SHAPE_MISMATCH, "f32[4], infer said f32[3]"}};
    add_odd(0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int d = 0; d < 2; d++)
            for (int open = 0; open < 2; open++) {
                odd_infer = rows[i].infer;
                odd_evaluate = rows[i].evaluate;
                tn_executable *x = compiled("odd", open ? -1 : 3, devices[d]);
                for (int k = 0; k < 2; k++) fails_at(run_error(x, 3), rows[i].code, rows[i].part, (int)i);
                odd_evaluate = evaluate_scale;
                OK(run_error(x, 3)); /* the executable is as good as before */
                tn_executable_release(x);
            }
}

/* What the framework calls the node is in the error, wherever the call was made. */
static void sources(void **state) {
    add_odd(0);
    for (int d = 0; d < 2; d++)
        for (int open = 0; open < 2; open++) {
            odd_infer = open ? infer_keep : infer_same;
            odd_evaluate = evaluate_fails;
            tn_graph *g = graph_with("odd", 3);
            tn_executable *x;
            tn_graph_set_source(g, (tn_value){tn_graph_get_output(g, 0).id - 1}, "model.py:17 my_kernel");
            OK(compile_on(context, g, devices[d], &x));
            tn_error *e = run_error(x, 3);
            assert_non_null(strstr(tn_error_get_message(e), "my_kernel"));
            FAILS(e, IO, "(odd): the kernel is broken");
            tn_executable_release(x);
            tn_graph_release(g);
        }
}

/* After the one that fails nothing runs, and what is pure and constant is not folded but fails when it runs. */
static void aborted_runs(void **state) {
    probe q = {0};
    add_odd(TN_CUSTOM_PURE | TN_CUSTOM_THREAD_SAFE);
    add_op(context, "scale", infer_same, evaluate_scale, 0, &q);
    odd_infer = infer_same;
    odd_evaluate = evaluate_fails;
    for (int d = 0; d < 2; d++)
        for (int constant = 0; constant < 2; constant++) {
            tn_graph *g;
            OK(tn_graph_create(context, "g", &g));
            tn_tensor *t = vector(context, 3, 1, 1), *out[2] = {NULL, NULL};
            tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){3}), w = tn_graph_constant(g, t);
            tn_graph_output(g, "before", custom(g, "scale", x, "a"));
            tn_value v = custom(g, "odd", constant ? w : x, NULL);
            tn_graph_output(g, "after", custom(g, "scale", v, "b"));
            tn_executable *exe;
            OK(compile_on(context, g, devices[d], &exe));
            memset(q.order, 0, sizeof q.order);
            FAILS(tn_executable_run(exe, &t, 1, out, 2), IO, "(odd): the kernel is broken");
            assert_string_equal(q.order, "a");
            assert_null(out[0]);
            assert_null(out[1]);
            tn_tensor_release(t);
            tn_executable_release(exe);
            tn_graph_release(g);
        }
    OK(tn_custom_op_unregister(context, "scale"));
}

/* ---- coming in again ----------------------------------------------------------------------------------------- */

static tn_executable *again; /* has "odd" in it */
static tn_error *evaluate_again(void *self, tn_custom_call *c) { /* y = x < 1 ? x : odd(x - 1) * 2 */
    tn_tensor *x = tn_custom_call_get_input(c, 0), *y = tn_custom_call_get_output(c, 0), *in, *out = NULL;
    float at = ((float *)tn_tensor_get_data(x))[0];
    atomic_fetch_add(&p.evaluated, 1);
    if (at < 1) return *(float *)tn_tensor_get_data(y) = at, NULL;
    in = vector(context, 1, at - 1, 0);
    tn_error *e = tn_executable_run(again, &in, 1, &out, 1);
    if (!e) *(float *)tn_tensor_get_data(y) = -*(float *)tn_tensor_get_data(out) * 2;
    tn_tensor_release(out);
    tn_tensor_release(in);
    return e;
}

static void re_entry(void **state) {
    odd_infer = infer_same;
    odd_evaluate = evaluate_again;
    for (uint32_t flags = 0; flags < 2; flags++) {
        add_odd(flags);
        for (int d = 0; d < 2; d++) {
            tn_tensor *in = vector(context, 1, 5.5f, 0), *out = NULL;
            again = compiled("odd", 1, devices[d]);
            OK(tn_executable_run(again, &in, 1, &out, 1));
            assert_true(*(float *)tn_tensor_get_data(out) == -16); /* 0.5 * 2^5 */
            tn_tensor_release(out);
            tn_tensor_release(in);
            if (!(flags & TN_CUSTOM_THREAD_SAFE)) {
                p.evaluated = 0;
                in = vector(context, 1, 1000, 0);
                out = NULL;
                FAILS(tn_executable_run(again, &in, 1, &out, 1), LIMIT_EXCEEDED, "comes to itself again, more than 32 deep");
                assert_int_equal(p.evaluated, 32);
                tn_tensor_release(in);
            }
            tn_executable_release(again);
        }
        OK(tn_custom_op_unregister(context, "odd"));
    }
}

/* Two ops that call each other from two threads: the wait that would close the circle fails, the other call goes through. */
typedef struct crossing {
    tn_executable *other;
    pthread_barrier_t *both_inside;
    probe p;
} crossing;
static tn_error *evaluate_crossing(void *self, tn_custom_call *c) {
    crossing *x = self;
    tn_tensor *in = tn_custom_call_get_input(c, 0), *out = NULL;
    tn_error *e = NULL;
    if (((float *)tn_tensor_get_data(in))[0] > 0) { /* from the outside */
        pthread_barrier_wait(x->both_inside);
        tn_tensor *zero = vector(context, 1, 0, 0);
        e = tn_executable_run(x->other, &zero, 1, &out, 1);
        tn_tensor_release(zero);
        tn_tensor_release(out);
    }
    *(float *)tn_tensor_get_data(tn_custom_call_get_output(c, 0)) = 1;
    return e;
}
static tn_error *infer_quiet(void *self, tn_custom_call *c) { return same_type(c, 0); }

typedef struct caller {
    tn_executable *x;
    tn_error *e;
    tn_context *context;
    int n_runs;
} caller;
static void *call(void *self) {
    caller *x = self;
    for (int i = 0; i < x->n_runs && !x->e; i++) {
        tn_tensor *in = vector(x->context, 1, 1, 0), *out = NULL;
        x->e = tn_executable_run(x->x, &in, 1, &out, 1);
        tn_tensor_release(in);
        tn_tensor_release(out);
    }
    return NULL;
}

static void circles(void **state) {
    pthread_barrier_t both;
    pthread_barrier_init(&both, NULL, 2);
    crossing x[2] = {{.both_inside = &both}, {.both_inside = &both}};
    static const char *const names[] = {"left", "right"};
    caller callers[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        tn_custom_op op = {.struct_size = sizeof op, .name = names[i], .n_in_min = 1, .self = &x[i], .infer = infer_quiet,
                           .evaluate = evaluate_crossing};
        OK(tn_custom_op_register(context, &op));
    }
    for (int i = 0; i < 2; i++) callers[i] = (caller){compiled(names[i], 1, "cpu"), NULL, context, 1};
    for (int i = 0; i < 2; i++) x[i].other = callers[!i].x;
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, call, &callers[i]);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal((callers[0].e != NULL) + (callers[1].e != NULL), 1);
    int failed = callers[1].e != NULL;
    char part[100];
    snprintf(part, sizeof part, "(%s): node '' (%s): it is another thread's turn, which waits for '%s'", names[failed], names[!failed], names[failed]);
    FAILS(callers[failed].e, INVALID_ARGUMENT, part);
    for (int i = 0; i < 2; i++) tn_executable_release(callers[i].x);
    pthread_barrier_destroy(&both);
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

typedef struct turnstile {
    atomic_int inside, most;
    int plain; /* for the thread sanitizer: only turns order its uses */
    pthread_barrier_t *meet; /* or NULL */
} turnstile;
static tn_error *evaluate_turnstile(void *self, tn_custom_call *c) {
    turnstile *t = self;
    int now = atomic_fetch_add(&t->inside, 1) + 1;
    if (now > atomic_load(&t->most)) atomic_store(&t->most, now);
    if (t->meet) pthread_barrier_wait(t->meet);
    else t->plain++;
    *(float *)tn_tensor_get_data(tn_custom_call_get_output(c, 0)) = 1;
    atomic_fetch_sub(&t->inside, 1);
    return NULL;
}

/* Eight threads, four executables, two devices, two contexts that share the op. */
static void turns(void **state) {
    enum { THREADS = 8, RUNS = 200 };
    turnstile t = {0};
    tn_custom_op op = {.struct_size = sizeof op, .name = "turnstile", .n_in_min = 1, .self = &t, .infer = infer_quiet, .evaluate = evaluate_turnstile};
    tn_context *contexts[2] = {context, NULL}, *first = context;
    OK(tn_custom_op_register(context, &op));
    OK(tn_context_create(NULL, &contexts[1]));
    OK(tn_custom_op_share(contexts[1], context));
    tn_executable *x[4];
    for (int i = 0; i < 4; i++) {
        context = contexts[i & 1];
        x[i] = compiled("turnstile", i & 1 ? 1 : -1, devices[i >> 1]);
    }
    context = first;
    caller callers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) callers[i] = (caller){x[i % 4], NULL, contexts[i & 1], RUNS};
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, call, &callers[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        OK(callers[i].e);
    }
    assert_int_equal(t.most, 1);
    assert_int_equal(t.plain, THREADS * RUNS);
    for (int i = 0; i < 4; i++) tn_executable_release(x[i]);
    tn_context_release(contexts[1]);
}

/* A thread-safe op: two calls are inside at a time, or this test never ends. */
static void no_turns(void **state) {
    pthread_barrier_t meet;
    pthread_barrier_init(&meet, NULL, 2);
    turnstile t = {.meet = &meet};
    tn_custom_op op = {.struct_size = sizeof op, .name = "meet", .n_in_min = 1, .flags = TN_CUSTOM_THREAD_SAFE, .self = &t, .infer = infer_quiet,
                       .evaluate = evaluate_turnstile};
    OK(tn_custom_op_register(context, &op));
    caller callers[2];
    pthread_t threads[2];
    callers[0] = callers[1] = (caller){compiled("meet", 1, "cpu"), NULL, context, 3};
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, call, &callers[i]);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        OK(callers[i].e);
    }
    assert_int_equal(t.most, 2);
    tn_executable_release(callers[0].x);
    pthread_barrier_destroy(&meet);
}

/* ---- gradients ----------------------------------------------------------------------------------------------- */

static int gradient_way;
static tn_error *gradient_of_scale(void *self, tn_custom_call *c, tn_graph *g, const tn_value *cotangents, tn_value *out) {
    if (gradient_way == 1) return tn_custom_call_fail(c, TN_ERROR_UNSUPPORTED, "not today");
    if (gradient_way == 2) return out[0] = (tn_value){1000000}, NULL;
    if (gradient_way == 3) return tn_graph_op(g, "nothing", NULL, 0, NULL, 0, 1), NULL;
    assert_int_equal(tn_custom_call_get_input_dtype(c, 0), TN_DTYPE_f32);
    assert_int_equal(tn_custom_call_get_input_shape(c, 0, NULL), 1);
    assert_true(tn_custom_call_find_attr(c, "by")->f == 2);
    assert_int_equal(tn_custom_call_get_input_value(c, 0).id, 1);
    assert_int_equal(tn_custom_call_get_output_value(c, 1).id, tn_custom_call_get_output_value(c, 0).id + 1);
    for (int i = 0; i < 100; i++) tn_graph_op(g, "neg", &cotangents[0], 1, NULL, 0, 1); /* moves the node */
    out[0] = tn_graph_custom(g, "scale", &cotangents[0], 1, tn_custom_call_find_attr(c, "by"), 1, 1); /* d(2x)/dx */
    return NULL;
}

static void gradients(void **state) {
    tn_custom_op op = make_op("scale", infer_same, evaluate_scale, 0, &p);
    op.gradient = gradient_of_scale;
    OK(tn_custom_op_register(context, &op));
    add_op(context, "hard", infer_same, evaluate_scale, 0, &p);
    for (gradient_way = 3; gradient_way >= 0; gradient_way--) {
        tn_graph *g;
        OK(tn_graph_create(context, "g", &g));
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){2}), dy = tn_graph_input(g, "dy", TN_DTYPE_f32, 1, (int64_t[]){2});
        tn_attr by = {.name = "by", .kind = TN_ATTR_FLOAT, .f = 2};
        tn_value y = tn_graph_custom(g, "scale", &x, 1, &by, 1, 2), h = custom(g, "hard", x, NULL), cotangents[2] = {dy, {0}}, dx = {9};
        tn_value output = tn_value_output(y, 1);
        FAILS(tn_graph_custom_gradient(NULL, y, cotangents, 2, &dx, 1), INVALID_ARGUMENT, "NULL");
        FAILS(tn_graph_custom_gradient(g, y, NULL, 2, &dx, 1), INVALID_ARGUMENT, "NULL");
        FAILS(tn_graph_custom_gradient(g, x, cotangents, 2, &dx, 1), INVALID_ARGUMENT, "made by no custom op");
        FAILS(tn_graph_custom_gradient(g, (tn_value){1000}, cotangents, 2, &dx, 1), INVALID_ARGUMENT, "made by no custom op");
        FAILS(tn_graph_custom_gradient(g, y, cotangents, 1, &dx, 1), INVALID_ARGUMENT, "1 cotangents and 1 gradients, wanted 2 and 1");
        FAILS(tn_graph_custom_gradient(g, h, cotangents, 1, &dx, 1), UNSUPPORTED, "'hard' has no gradient");
        FAILS(tn_graph_custom_gradient(g, y, (tn_value[]){{1000}, {0}}, 2, &dx, 1), INVALID_ARGUMENT, "cotangent 0 is no value");
        tn_error *e = tn_graph_custom_gradient(g, output, cotangents, 2, &dx, 1);
        if (gradient_way == 1) FAILS(e, UNSUPPORTED, "gradient of 'scale': not today");
        if (gradient_way == 2) FAILS(e, INVALID_ARGUMENT, "gradient 0 is no value");
        if (gradient_way == 3) FAILS(e, NOT_FOUND, "there is no op 'nothing'");
        if (gradient_way) {
            assert_int_equal(dx.id, 0);
        } else {
            OK(e);
            tn_graph_output(g, "dx", dx);
            tn_executable *exe;
            OK(compile_on(context, g, "cpu", &exe));
            tn_tensor *in[2] = {vector(context, 2, 1, 1), vector(context, 2, 10, 10)}, *out = NULL;
            OK(tn_executable_run(exe, in, 2, &out, 1));
            assert_true(((float *)tn_tensor_get_data(out))[1] == 40);
            tn_tensor_release(in[0]);
            tn_tensor_release(in[1]);
            tn_tensor_release(out);
            tn_executable_release(exe);
        }
        tn_graph_release(g);
    }
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

typedef struct failing {
    atomic_long count, live_bytes;
    long fail_at; /* the allocation that fails, from 1; 0: none */
} failing;
static void *failing_allocate(void *self, size_t bytes, size_t align) {
    failing *f = self;
    void *memory = NULL;
    if (atomic_fetch_add(&f->count, 1) + 1 == f->fail_at || posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes)) return NULL;
    memset(memory, 0xa5, bytes);
    atomic_fetch_add(&f->live_bytes, (long)bytes);
    return memory;
}
static void failing_deallocate(void *self, void *memory, size_t bytes) {
    atomic_fetch_sub(&((failing *)self)->live_bytes, (long)bytes);
    free(memory);
}

static tn_error *everything(tn_context *c, const char *device, probe *q) {
    static const char text[] = "graph \"g\" {\n  input %1 \"x\" : f32[N]\n"
                               "  %2 = constant {value=f32[2] (1, 2)} : f32[2]\n"
                               "  %3 = custom \"folds\"(%2) {float by=3} : f32[2]\n"
                               "  %4 = custom \"keep\"(%1) {string tag=\"k\", tensor t=f32[1] (1), graph g=graph \"b\" {\n  }, strings s=[\"a\",\"b\"]}\n"
                               "  %5, %6 = custom \"scale\"(%4) {float by=2}\n  %7 = add(%6, %3)\n  output \"y\" %7\n}\n";
    tn_custom_op ops[] = {make_op("scale", infer_same, evaluate_scale, 0, q), make_op("keep", infer_keep, evaluate_keep, 0, q),
                          make_op("folds", infer_same, evaluate_scale, TN_CUSTOM_PURE | TN_CUSTOM_THREAD_SAFE, q)};
    tn_error *e = NULL;
    for (int i = 0; !e && i < 3; i++) e = tn_custom_op_register(c, &ops[i]);
    tn_graph *g = NULL;
    tn_executable *x = NULL;
    tn_tensor *in = NULL, *out = NULL;
    char *printed = NULL;
    if (!e) e = tn_graph_parse(c, text, &g);
    if (!e) e = tn_graph_print(g, &printed);
    if (!e) e = compile_on(c, g, device, &x);
    if (!e) e = tn_tensor_create(c, TN_DTYPE_f32, 1, (int64_t[]){3}, &in);
    if (!e) {
        memcpy(tn_tensor_get_data(in), (float[]){1, -1, 2}, 12);
        e = tn_executable_run(x, &in, 1, &out, 1);
    }
    if (!e) assert_true(((float *)tn_tensor_get_data(out))[1] == 2 * 2 * 2 + 2 * 3);
    tn_text_free(c, printed);
    tn_tensor_release(in);
    tn_tensor_release(out);
    tn_executable_release(x);
    tn_graph_release(g);
    return e;
}

static void out_of_memory(void **state) {
    for (int d = 0; d < 2; d++) {
        long most = 1;
        for (long n = 0; n <= most; n++) {
            failing f = {.fail_at = n};
            probe q = {0};
            tn_allocator a = {sizeof a, &f, failing_allocate, failing_deallocate};
            tn_context_options o = {.struct_size = sizeof o, .allocator = &a};
            tn_context *c;
            tn_error *e = tn_context_create(&o, &c);
            if (!e) e = everything(c, devices[d], &q);
            if (n == 0) OK(e), most = f.count; /* the others fail, or do without (a fold that is not done, a message cut short) */
            tn_error_destroy(e);
            tn_context_release(c);
            if (f.live_bytes) print_error("%s: allocation %ld of %ld: %ld bytes stay\n", devices[d], n, most, (long)f.live_bytes);
            assert_int_equal(f.live_bytes, 0);
        }
        assert_true(most > 50);
    }
}

/* ---- handles ------------------------------------------------------------------------------------------------- */

/* Another object in place of a call, and in attributes; builds with NDEBUG cannot tell. */
static void wrong_handles(void **state) {
    tn_graph *g = graph_with("odd", 1);
    tn_tensor *t = vector(context, 1, 1, 1), *out = t;
    for (int i = 0; i < 2; i++) {
        tn_custom_call *none = NULL;
        if (i) memcpy(&none, &g, sizeof none);
#ifdef NDEBUG
        if (i) continue;
#endif
        FAILS(tn_custom_call_set_output(none, 0, TN_DTYPE_f32, 0, NULL), INVALID_ARGUMENT, "custom call");
        FAILS(tn_custom_call_make_output(none, 0, 0, NULL, &out), INVALID_ARGUMENT, "custom call");
        assert_null(out);
        assert_null(tn_custom_call_get_context(none));
        assert_int_equal(tn_custom_call_get_input_count(none) + tn_custom_call_get_output_count(none) + tn_custom_call_get_attr_count(none), 0);
        assert_int_equal(tn_custom_call_get_input_dtype(none, 0), TN_DTYPE_NONE);
        assert_int_equal(tn_custom_call_get_input_shape(none, 0, NULL), -1);
        assert_true(!tn_custom_call_get_input(none, 0) && !tn_custom_call_get_output(none, 0) && !tn_custom_call_get_attr(none, 0));
        assert_null(tn_custom_call_find_attr(none, "by"));
        assert_int_equal(tn_custom_call_get_input_value(none, 0).id + tn_custom_call_get_output_value(none, 0).id, 0);
        FAILS(tn_custom_call_fail(none, TN_ERROR_IO, "still an error"), IO, "still an error");
    }
    tn_graph_release(g);
#ifndef NDEBUG
    for (int kind = TN_ATTR_TENSOR; kind <= TN_ATTR_GRAPH; kind++) {
        tn_attr attr = {.name = "a", .kind = (tn_attr_kind)kind};
        void *wrong = kind == TN_ATTR_TENSOR ? (void *)context : (void *)t;
        memcpy(&attr.tensor, &wrong, sizeof wrong);
        memcpy(&attr.graph, &wrong, sizeof wrong);
        add_odd(0);
        OK(tn_graph_create(context, "g", &g));
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 0, NULL);
        assert_int_equal(tn_graph_custom(g, "odd", &x, 1, &attr, 1, 1).id, 0);
        FAILS(tn_graph_check(g), INVALID_ARGUMENT, kind == TN_ATTR_TENSOR ? "a is a handle of kind context" : "a is a handle of kind tensor");
        tn_graph_release(g);
        OK(tn_custom_op_unregister(context, "odd"));
    }
#endif
    tn_tensor_release(t);
}

/* ---- smaller structs ----------------------------------------------------------------------------------------- */

/* A program built when the struct ended with `evaluate`. */
static void older_struct(void **state) {
    tn_custom_op op = make_op("old", infer_same, evaluate_scale, 0, &p);
    op.struct_size = offsetof(tn_custom_op, gradient);
    op.gradient = (tn_error * (*)(void *, tn_custom_call *, tn_graph *, const tn_value *, tn_value *))(uintptr_t)1; /* beyond it: not read */
    OK(tn_custom_op_register(context, &op));
    tn_graph *g = graph_with("old", 2);
    tn_value dx, v = tn_graph_get_output(g, 0), node = {v.id - 1};
    FAILS(tn_graph_custom_gradient(g, node, &v, 1, &dx, 1), UNSUPPORTED, "has no gradient");
    tn_graph_release(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bad_types, setup, teardown),        cmocka_unit_test_setup_teardown(infer_fails_later, setup, teardown),
        cmocka_unit_test_setup_teardown(infer_builds_on, setup, teardown),  cmocka_unit_test_setup_teardown(infer_lying, setup, teardown),
        cmocka_unit_test_setup_teardown(evaluate_failing, setup, teardown), cmocka_unit_test_setup_teardown(aborted_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(sources, setup, teardown),
        cmocka_unit_test_setup_teardown(re_entry, setup, teardown),         cmocka_unit_test_setup_teardown(circles, setup, teardown),
        cmocka_unit_test_setup_teardown(turns, setup, teardown),            cmocka_unit_test_setup_teardown(no_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(gradients, setup, teardown),        cmocka_unit_test_setup_teardown(older_struct, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_handles, setup, teardown),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
