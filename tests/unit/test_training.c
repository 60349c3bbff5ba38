/* A training step as a graph with variables: a small network converges, as a plain C loop does. */
#include "variables_check.h"

/* ---- a training step ----------------------------------------------------------------------------------------- */

enum { BATCH = 32, IN = 6, HIDDEN = 24, STEPS = 200 };
static const float rate = 0.1f;

typedef struct network {
    float w1[IN * HIDDEN], b1[HIDDEN], w2[HIDDEN];
} network;

static float noise(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

static void batch(uint32_t *state, float *x, float *t) {
    for (int i = 0; i < BATCH; i++) {
        for (int k = 0; k < IN; k++) x[i * IN + k] = noise(state);
        t[i] = x[i * IN] * x[i * IN + 1] + 0.5f * x[i * IN + 2];
    }
}

/* One step of gradient descent on the mean of (net(x) - t)^2 in plain C. The loss before it. */
static float plain_step(network *n, const float *x, const float *t) {
    float h[BATCH * HIDDEN], dy[BATCH], loss = 0, dw1[IN * HIDDEN] = {0}, db1[HIDDEN] = {0}, dw2[HIDDEN] = {0};
    for (int i = 0; i < BATCH; i++) {
        float y = 0;
        for (int j = 0; j < HIDDEN; j++) {
            float z = n->b1[j];
            for (int k = 0; k < IN; k++) z += x[i * IN + k] * n->w1[k * HIDDEN + j];
            h[i * HIDDEN + j] = tanhf(z);
            y += h[i * HIDDEN + j] * n->w2[j];
        }
        loss += (y - t[i]) * (y - t[i]) / BATCH;
        dy[i] = 2 * (y - t[i]) / BATCH;
    }
    for (int i = 0; i < BATCH; i++)
        for (int j = 0; j < HIDDEN; j++) {
            float hij = h[i * HIDDEN + j], dz = dy[i] * n->w2[j] * (1 - hij * hij);
            dw2[j] += dy[i] * hij;
            db1[j] += dz;
            for (int k = 0; k < IN; k++) dw1[k * HIDDEN + j] += x[i * IN + k] * dz;
        }
    for (int i = 0; i < IN * HIDDEN; i++) n->w1[i] -= rate * dw1[i];
    for (int j = 0; j < HIDDEN; j++) n->b1[j] -= rate * db1[j], n->w2[j] -= rate * dw2[j];
    return loss;
}

/* [guide: parameter] */
static tn_variable *parameter(const float *data, int32_t rank, const int64_t *dims) {
    tn_variable *v;
    tn_tensor *t = f32(rank, dims, 0, 0);
    memcpy(tn_tensor_get_data(t), data, tn_tensor_get_bytes(t));
    ok(tn_variable_create(context, TN_DTYPE_f32, rank, dims, t, &v));
    tn_tensor_release(t);
    return v;
}

/* [guide: descend] */
static void descend(tn_graph *g, tn_variable *v, tn_value gradient) {
    tn_graph_assign(g, v, op2(g, "sub", tn_graph_variable(g, v), op2(g, "mul", scalar(g, rate), gradient)));
}

static tn_value sum_rows(tn_graph *g, tn_value x, bool keep) {
    tn_tensor *axes;
    int64_t one = 1;
    ok(tn_tensor_create(context, TN_DTYPE_i64, 1, &one, &axes));
    tn_value in[2] = {x, tn_graph_constant(g, axes)};
    tn_tensor_release(axes);
    return tn_graph_op(g, "reduce_sum", in, 2, &(tn_attr){.name = "keepdims", .kind = TN_ATTR_INT, .i = keep}, 1, 1);
}

static void trains(void **s) {
    (void)s;
    for (int d = 0; d < 2; d++) {
        network plain;
        uint32_t state = 7;
        for (size_t i = 0; i < sizeof plain / sizeof(float); i++) ((float *)&plain)[i] = 0.5f * noise(&state);
        tn_variable *w1 = parameter(plain.w1, 2, (int64_t[]){IN, HIDDEN}), *b1 = parameter(plain.b1, 1, (int64_t[]){HIDDEN}),
                    *w2 = parameter(plain.w2, 2, (int64_t[]){HIDDEN, 1});
        tn_graph *g = graph();
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){BATCH, IN});
        tn_value t = tn_graph_input(g, "t", TN_DTYPE_f32, 2, (int64_t[]){BATCH, 1});
        tn_value v2 = tn_graph_variable(g, w2);
        tn_value h = op1(g, "tanh", op2(g, "add", op2(g, "matmul", x, tn_graph_variable(g, w1)), tn_graph_variable(g, b1)));
        tn_value e = op2(g, "sub", op2(g, "matmul", h, v2), t);
        tn_value dy = op2(g, "mul", e, scalar(g, 2.0f / BATCH));
        tn_value dz = op2(g, "mul", op2(g, "matmul", dy, op1(g, "transpose", v2)), op2(g, "sub", scalar(g, 1), op2(g, "mul", h, h)));
        tn_graph_output(g, "loss", sum_rows(g, op2(g, "mul", op2(g, "mul", e, e), scalar(g, 1.0f / BATCH)), false));
        descend(g, w2, op2(g, "matmul", op1(g, "transpose", h), dy));
        descend(g, b1, sum_rows(g, dz, false));
        descend(g, w1, op2(g, "matmul", op1(g, "transpose", x), dz));
        tn_executable *exe = compile(g, devices[d]);
        void *before[3] = {memory_of(w1), memory_of(b1), memory_of(w2)};
        tn_tensor *in[2] = {f32(2, (int64_t[]){BATCH, IN}, 0, 0), f32(2, (int64_t[]){BATCH, 1}, 0, 0)}, *loss = NULL;
        float first = 0, last = 0;
        for (int i = 0; i < STEPS; i++) {
            batch(&state, tn_tensor_get_data(in[0]), tn_tensor_get_data(in[1]));
            float wanted = plain_step(&plain, tn_tensor_get_data(in[0]), tn_tensor_get_data(in[1]));
            ok(tn_executable_run(exe, in, 2, &loss, 1));
            last = *(float *)tn_tensor_get_data(loss);
            if (fabsf(last - wanted) > 1e-4f * (1 + wanted)) fail_msg("%s: step %d: loss %g, wanted %g", devices[d], i, last, wanted);
            if (!i) first = last;
        }
        assert_true(last < 0.25f * first);
        if (!d) { /* cpu: all three were updated where they lie */
            assert_ptr_equal(memory_of(w1), before[0]);
            assert_ptr_equal(memory_of(b1), before[1]);
            assert_ptr_equal(memory_of(w2), before[2]);
        }
        tn_tensor *now = NULL;
        ok(tn_variable_read(w1, &now));
        for (int i = 0; i < IN * HIDDEN; i++) assert_true(fabsf(((float *)tn_tensor_get_data(now))[i] - plain.w1[i]) < 1e-3f);
        tn_tensor_release(now);
        tn_tensor_release(loss);
        tn_tensor_release(in[0]);
        tn_tensor_release(in[1]);
        tn_executable_release(exe);
        tn_variable_release(w1);
        tn_variable_release(b1);
        tn_variable_release(w2);
    }
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trains)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
