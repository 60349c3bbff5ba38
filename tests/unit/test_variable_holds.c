/* Who may touch a variable when: many threads never see half of a run, and nobody waits for itself. */
#include "variables_check.h"

/* A thread that holds variables does not wait for itself. The holds are taken as a run and a call from inside it would. */
static void reentry(void **s) {
    (void)s;
    int64_t n = 4;
    tn_variable *a = variable(1, &n, 1, 0), *b = variable(1, &n, 2, 0);
    tn__claim claims[2] = {{a, true}, {b, false}};
    tn__hold run;
    ok(tn__hold_take(context, claims, 2, &run));
    tn_tensor *t = NULL;
    refused(tn_variable_read(a, &t), TN_ERROR_INVALID_ARGUMENT, "held by a run on this thread");
    assert_null(t);
    assert_true(first_of(b) == 2); /* read together */
    t = f32(1, &n, 9, 0);
    refused(tn_variable_write(b, t), TN_ERROR_INVALID_ARGUMENT, "held by a run on this thread");
    tn_executable *exe = compile(sgd(a, n), "ref");
    tn_tensor *y = NULL;
    refused(tn_executable_run(exe, &t, 1, &y, 1), TN_ERROR_INVALID_ARGUMENT, "held by a run on this thread");
    tn__hold_give(context, &run);
    ok(tn_executable_run(exe, &t, 1, &y, 1));
    tn_executable_release(exe);
    tn_tensor_release(t);
    tn_tensor_release(y);
    tn_variable_release(a);
    tn_variable_release(b);
}

/* ---- calls from inside a run ---------------------------------------------------------------------------------- */

/* A custom op: y = x, and meanwhile it reads or writes `variable`, or runs `executable`. */
typedef struct intruder {
    tn_variable *read, *write;
    tn_executable *executable;
    tn_error *error; /* what that gave */
    int calls;
} intruder;

static tn_error *intruder_infer(void *self, tn_custom_call *call) {
    const int64_t *dims;
    (void)self;
    int32_t rank = tn_custom_call_get_input_shape(call, 0, &dims);
    return tn_custom_call_set_output(call, 0, TN_DTYPE_f32, rank, dims);
}

static tn_error *intruder_evaluate(void *self, tn_custom_call *call) {
    intruder *x = self;
    tn_tensor *in = tn_custom_call_get_input(call, 0), *out = tn_custom_call_get_output(call, 0), *t = NULL;
    memcpy(tn_tensor_get_data(out), tn_tensor_get_data(in), tn_tensor_get_bytes(in));
    tn_error_destroy(x->error);
    x->error = NULL;
    if (x->read) x->error = tn_variable_read(x->read, &t);
    if (x->write) x->error = tn_variable_write(x->write, in);
    if (x->executable) x->error = tn_executable_run(x->executable, NULL, 0, NULL, 0);
    tn_tensor_release(t);
    x->calls++;
    return NULL;
}

static void calls_back(void **s) {
    (void)s;
    int64_t n = 4;
    static intruder x;
    tn_custom_op op = {.struct_size = sizeof op, .name = "intruder", .n_in_min = 1, .n_out_min = 1, .flags = TN_CUSTOM_THREAD_SAFE, .self = &x,
                       .infer = intruder_infer, .evaluate = intruder_evaluate};
    ok(tn_custom_op_register(context, &op));
    for (int d = 0; d < 2; d++) {
        tn_variable *assigned = variable(1, &n, 1, 0), *only_read = variable(1, &n, 2, 0), *other = variable(1, &n, 3, 0);
        tn_graph *g = graph();
        tn_graph_assign(g, assigned, op2(g, "add", tn_graph_variable(g, assigned), tn_graph_variable(g, only_read)));
        tn_value in = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n);
        tn_graph_output(g, "y", tn_graph_custom(g, "intruder", &in, 1, NULL, 0, 1));
        tn_executable *exe = compile(g, devices[d]);
        g = graph();
        tn_graph_assign(g, other, op1(g, "neg", tn_graph_variable(g, only_read)));
        tn_executable *inner = compile(g, devices[d]);
        tn_tensor *t = f32(1, &n, 9, 0), *y = NULL;
        const struct {
            intruder x;
            const char *words; /* NULL: may do it */
        } cases[] = {{{.read = assigned}, "held by a run on this thread"}, {{.write = assigned}, "held by a run on this thread"},
                     {{.write = only_read}, "held by a run on this thread"}, {{.read = only_read}, NULL}, {{.read = other}, NULL},
                     {{.write = other}, NULL}, {{.executable = inner}, NULL}, {{.executable = exe}, "found 0 inputs"}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            x = cases[i].x;
            ok(tn_executable_run(exe, &t, 1, &y, 1));
            assert_int_equal(x.calls, 1);
            if (cases[i].words) refused(x.error, TN_ERROR_INVALID_ARGUMENT, cases[i].words);
            else ok(x.error);
            assert_true(first_of(assigned) == (float)(3 + 2 * (int)i)); /* the run itself went well */
        }
        assert_true(first_of(other) == -2);
        x = (intruder){0};
        tn_tensor_release(t);
        tn_tensor_release(y);
        tn_executable_release(exe);
        tn_executable_release(inner);
        tn_variable_release(assigned);
        tn_variable_release(only_read);
        tn_variable_release(other);
    }
    ok(tn_custom_op_unregister(context, "intruder"));
}

/* Two threads, each with a variable, that want each other's: one gets an error, the other what it wants. */
typedef struct rival {
    tn_variable *own, *wanted;
    atomic_int *holding;
    bool refused;
} rival;

static void rival_main(void *self) {
    rival *r = self;
    tn__claim claim = {r->own, true}, more = {r->wanted, true};
    tn__hold hold, nested;
    ok(tn__hold_take(context, &claim, 1, &hold));
    atomic_fetch_add(r->holding, 1);
    while (atomic_load(r->holding) < 2) tn__os_pause();
    tn_error *e = tn__hold_take(context, &more, 1, &nested);
    r->refused = e != NULL;
    if (!e) tn__hold_give(context, &nested);
    else if (!strstr(tn_error_get_message(e), "two calls from inside runs")) r->refused = false;
    tn_error_destroy(e);
    tn__hold_give(context, &hold);
}

static void rivals(void **s) {
    (void)s;
    for (int i = 0; i < 50; i++) {
        tn_variable *a = variable(0, NULL, 1, 0), *b = variable(0, NULL, 2, 0);
        atomic_int holding = 0;
        rival r[2] = {{a, b, &holding, false}, {b, a, &holding, false}};
        tn__os_thread threads[2];
        for (int k = 0; k < 2; k++) assert_true(tn__os_thread_start(&threads[k], rival_main, &r[k]));
        for (int k = 0; k < 2; k++) tn__os_thread_join(&threads[k]);
        assert_int_equal(r[0].refused + r[1].refused, 1);
        assert_true(first_of(a) == 1);
        tn_variable_release(a);
        tn_variable_release(b);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

enum { N = 4096, ROUNDS = 60, THREADS = 8 };

typedef struct crowd {
    tn_variable *a, *b;            /* all elements of both are one and the same number */
    tn_executable *step, *compare; /* a = a + x; b = b + x        max |a - b| */
    atomic_int bad, next;
} crowd;

static bool is_even(const tn_tensor *t) {
    const float *x = tn_tensor_get_data((tn_tensor *)t);
    for (int64_t i = 1; i < N; i++)
        if (x[i] != x[0]) return false;
    return true;
}

static void crowd_member(void *self) {
    crowd *c = self;
    int who = atomic_fetch_add(&c->next, 1);
    int64_t n = N;
    tn_tensor *x = f32(1, &n, who + 1, 0), *out = NULL, *difference = NULL;
    for (int i = 0; i < ROUNDS; i++) {
        tn_error *e;
        bool good = true;
        switch ((who + i) % 4) {
        case 0: e = tn_executable_run(c->step, &x, 1, NULL, 0); break;
        case 1:
            e = tn_executable_run(c->compare, NULL, 0, &difference, 1);
            good = !e && *(float *)tn_tensor_get_data(difference) == 0; /* both changed at the same instant */
            break;
        case 2:
            e = tn_variable_read(who % 2 ? c->a : c->b, &out);
            good = !e && is_even(out);
            break;
        default: e = tn_executable_run(c->step, &x, 1, NULL, 0); break;
        }
        if (e || !good) atomic_fetch_add(&c->bad, 1);
        tn_error_destroy(e);
    }
    tn_tensor_release(x);
    tn_tensor_release(out);
    tn_tensor_release(difference);
}

static void writer_member(void *self) {
    crowd *c = self;
    int64_t n = N;
    tn_tensor *x = f32(1, &n, 5, 0), *out = NULL;
    for (int i = 0; i < ROUNDS; i++) {
        tn_error *e = tn_variable_write(c->a, x);
        if (!e) e = tn_variable_read(c->a, &out);
        if (e || !is_even(out)) atomic_fetch_add(&c->bad, 1);
        tn_error_destroy(e);
    }
    tn_tensor_release(x);
    tn_tensor_release(out);
}

static void many_threads(void **s) {
    (void)s;
    for (int d = 0; d < 2; d++)
        for (int writers = 0; writers < 2; writers++) {
            int64_t n = N;
            crowd c = {.a = variable(1, &n, 0, 0), .b = variable(1, &n, 0, 0)};
            tn_graph *g = graph();
            tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n);
            tn_graph_assign(g, c.a, op2(g, "add", tn_graph_variable(g, c.a), x));
            tn_graph_assign(g, c.b, op2(g, "add", tn_graph_variable(g, c.b), x));
            c.step = compile(g, devices[d]);
            g = graph();
            tn_value distance = op1(g, "abs", op2(g, "sub", tn_graph_variable(g, c.b), tn_graph_variable(g, c.a)));
            tn_graph_output(g, "d", tn_graph_op(g, "reduce_max", &distance, 1, NULL, 0, 1));
            c.compare = compile(g, devices[d]);
            tn__os_thread threads[THREADS];
            for (int i = 0; i < THREADS; i++)
                assert_true(tn__os_thread_start(&threads[i], writers ? writer_member : crowd_member, &c));
            for (int i = 0; i < THREADS; i++) tn__os_thread_join(&threads[i]);
            assert_int_equal(atomic_load(&c.bad), 0);
            int steps = 0;
            for (int who = 0; who < THREADS && !writers; who++)
                for (int i = 0; i < ROUNDS; i++) steps += (who + i) % 4 == 0 || (who + i) % 4 == 3 ? who + 1 : 0;
            assert_true(first_of(c.a) == (float)(writers ? 5 : steps));
            assert_true(first_of(c.b) == (float)(writers ? 0 : steps)); /* no step was lost */
            tn_executable_release(c.step);
            tn_executable_release(c.compare);
            tn_variable_release(c.a);
            tn_variable_release(c.b);
        }
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reentry), cmocka_unit_test(calls_back), cmocka_unit_test(rivals), cmocka_unit_test(many_threads)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
