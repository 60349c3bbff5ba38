/* lstm and gru unrolled by pass expand: the cpu device against the reference on random small nodes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "pass/pass.h"
#include "tenon/tenon.h"
#include <string.h>

static tn_context *context;
static uint32_t state = 7;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static tn_tensor *noise(int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) {
        state = state * 1664525u + 1013904223u;
        ((float *)tn_tensor_get_data(t))[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
    }
    return t;
}

static tn_value weight(tn_graph *g, int32_t rank, const int64_t *dims) {
    tn_tensor *t = noise(rank, dims);
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}

static void run(tn_graph *g, const char *device, tn_tensor **in, size_t n_in, tn_tensor **out, size_t n_out) {
    tn_options *o;
    tn_executable *exe;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "passes_off", ""));
    ok(tn_compile(g, o, &exe));
    memset(out, 0, n_out * sizeof *out);
    ok(tn_executable_run(exe, in, n_in, out, n_out));
    tn_executable_release(exe);
    tn_options_release(o);
}

static void check(bool gru, const char *direction, int64_t steps, bool bias, bool initial, int64_t before) {
    static const char *const names[] = {"y", "y_h", "y_c"};
    const int64_t N = 2, I = 5, H = 7, G = gru ? 3 : 4, D = strcmp(direction, "bidirectional") ? 1 : 2;
    const int64_t xd[3] = {steps, N, I}, hd[3] = {D, N, H};
    size_t n_in = 1, n_out = gru ? 2 : 3;
    tn_graph *g, *after;
    ok(tn_graph_create(context, "rnn", &g));
    tn_value in[8] = {{0}};
    in[0] = tn_graph_input(g, "x", TN_DTYPE_f32, 3, xd);
    in[1] = weight(g, 3, (int64_t[]){D, G * H, I});
    in[2] = weight(g, 3, (int64_t[]){D, G * H, H});
    if (bias) in[3] = weight(g, 2, (int64_t[]){D, 2 * G * H});
    if (initial) in[5] = tn_graph_input(g, "h0", TN_DTYPE_f32, 3, hd), n_in = 2;
    if (initial && !gru) in[6] = tn_graph_input(g, "c0", TN_DTYPE_f32, 3, hd), n_in = 3;
    tn_attr attrs[3] = {{.name = "direction", .kind = TN_ATTR_STRING, .s = direction}, {.name = "hidden_size", .kind = TN_ATTR_INT, .i = H},
                        {.name = "linear_before_reset", .kind = TN_ATTR_INT, .i = before}};
    tn_value v = tn_graph_op(g, gru ? "gru" : "lstm", in, gru ? 6 : 7, attrs, 3, (uint32_t)n_out);
    for (uint32_t k = 0; k < n_out; k++) tn_graph_output(g, names[k], tn_value_output(v, k));
    ok(tn_graph_check(g));
    ok(tn__passes_run(g, NULL, "expand", &after));
    for (size_t i = 0; i < after->nodes.count; i++) assert_true(after->nodes.data[i].op != TN_OP_lstm && after->nodes.data[i].op != TN_OP_gru);
    tn_graph_release(after);
    tn_tensor *x[3] = {noise(3, xd), noise(3, hd), noise(3, hd)}, *want[3], *got[3];
    run(g, "ref", x, n_in, want, n_out);
    run(g, "cpu", x, n_in, got, n_out);
    for (size_t k = 0; k < n_out; k++) {
        const float *p = tn_tensor_get_data(want[k]), *q = tn_tensor_get_data(got[k]);
        assert_int_equal(tn_tensor_get_bytes(want[k]), tn_tensor_get_bytes(got[k]));
        for (int64_t i = 0; i < tn_tensor_get_elements(want[k]); i++)
            if (!(fabs((double)p[i] - q[i]) < 1e-5))
                fail_msg("%s %s, %d steps, bias %d, initial %d, before %d: %s[%d] is %g, wanted %g", gru ? "gru" : "lstm", direction, (int)steps,
                         bias, initial, (int)before, names[k], (int)i, (double)q[i], (double)p[i]);
        tn_tensor_release(want[k]), tn_tensor_release(got[k]);
    }
    for (int k = 0; k < 3; k++) tn_tensor_release(x[k]);
    tn_graph_release(g);
}

static const char *const directions[] = {"forward", "reverse", "bidirectional"};

static void lstm(void **s) {
    (void)s;
    for (int d = 0; d < 3; d++)
        for (int k = 0; k < 8; k++) check(false, directions[d], k & 1 ? 5 : 1, k & 2, k & 4, 0);
}

static void gru(void **s) {
    (void)s;
    for (int d = 0; d < 3; d++)
        for (int k = 0; k < 16; k++) check(true, directions[d], k & 1 ? 5 : 1, k & 2, k & 4, k >> 3);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(lstm), cmocka_unit_test(gru)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
