/* scatter_nd and scatter_elements: regular regions as kernels, the rest as calls; the cpu device against the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "expect.h"
#include "tenon/tenon.h"
#include <string.h>

static tn_context *context;

typedef struct scatter {
    const char *op, *reduction;
    tn_dtype dtype;
    int32_t rank, index_rank, update_rank;
    int64_t dims[4], index_dims[4], update_dims[4], index[24];
    int64_t axis;
    uint32_t calls;
} scatter;

static const scatter scatters[] = {
    /* x[1:3, 2:4] = u */
    {"scatter_nd", "none", TN_DTYPE_f32, 2, 3, 2, {4, 5}, {2, 2, 2}, {2, 2}, {1, 2, 1, 3, 2, 2, 2, 3}, 0, 0},
    {"scatter_nd", "none", TN_DTYPE_i64, 2, 3, 2, {4, 5}, {2, 2, 2}, {2, 2}, {1, 2, 1, 3, 2, 2, 2, 3}, 0, 0},
    {"scatter_nd", "none", TN_DTYPE_f16, 2, 3, 2, {4, 5}, {2, 2, 2}, {2, 2}, {1, 2, 1, 3, 2, 2, 2, 3}, 0, 0},
    {"scatter_nd", "add", TN_DTYPE_f32, 2, 3, 2, {4, 5}, {2, 2, 2}, {2, 2}, {1, 2, 1, 3, 2, 2, 2, 3}, 0, 0},
    {"scatter_nd", "max", TN_DTYPE_f32, 2, 3, 2, {4, 5}, {2, 2, 2}, {2, 2}, {1, 2, 1, 3, 2, 2, 2, 3}, 0, 1},
    /* rows 3 and 1 (backwards: a negative stride), rows from the end, rows that step irregularly, one twice */
    {"scatter_nd", "none", TN_DTYPE_f32, 3, 2, 3, {4, 3, 2}, {2, 1}, {2, 3, 2}, {1, 3}, 0, 0},
    {"scatter_nd", "none", TN_DTYPE_f32, 3, 2, 3, {4, 3, 2}, {2, 1}, {2, 3, 2}, {-2, -1}, 0, 0},
    {"scatter_nd", "none", TN_DTYPE_f32, 3, 2, 3, {4, 3, 2}, {2, 1}, {2, 3, 2}, {3, 1}, 0, 1},
    {"scatter_nd", "none", TN_DTYPE_f32, 3, 2, 3, {4, 3, 2}, {3, 1}, {3, 3, 2}, {0, 1, 3}, 0, 1},
    {"scatter_nd", "add", TN_DTYPE_f32, 3, 2, 3, {4, 3, 2}, {2, 1}, {2, 3, 2}, {1, 1}, 0, 1},
    {"scatter_nd", "none", TN_DTYPE_f32, 2, 1, 0, {4, 5}, {2}, {0}, {3, 4}, 0, 0},
    /* x[:, [0, 2]] = u along axis 1 */
    {"scatter_elements", "none", TN_DTYPE_f32, 2, 2, 2, {3, 4}, {3, 2}, {3, 2}, {0, 2, 0, 2, 0, 2}, 1, 0},
    {"scatter_elements", "add", TN_DTYPE_f32, 2, 2, 2, {3, 4}, {2, 4}, {2, 4}, {1, 1, 1, 1, 2, 2, 2, 2}, -2, 0},
    {"scatter_elements", "none", TN_DTYPE_f32, 2, 2, 2, {3, 4}, {2, 2}, {2, 2}, {0, 2, 1, 3}, 1, 0},
    {"scatter_elements", "none", TN_DTYPE_f32, 2, 2, 2, {3, 4}, {3, 2}, {3, 2}, {0, 1, 0, 2, 0, 1}, 1, 1},
};

static tn_tensor *numbers(tn_dtype dtype, int32_t rank, const int64_t *dims, int64_t first) {
    tn_tensor *t;
    ok(tn_tensor_create(context, dtype, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) {
        if (dtype == TN_DTYPE_f32) ((float *)tn_tensor_get_data(t))[i] = (float)(first + i);
        else if (dtype == TN_DTYPE_i64) ((int64_t *)tn_tensor_get_data(t))[i] = first + i;
        else ((uint16_t *)tn_tensor_get_data(t))[i] = (uint16_t)(first + i); /* f16: any bits that are no NaN */
    }
    return t;
}

static void run(tn_graph *g, const char *device, tn_tensor **in, tn_tensor **out, uint32_t *out_calls) {
    tn_options *o;
    tn_executable *exe;
    tn_executable_stats stats = {.struct_size = sizeof stats};
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_compile(g, o, &exe));
    *out = NULL;
    ok(tn_executable_run(exe, in, 2, out, 1));
    ok(tn_executable_get_stats(exe, &stats));
    *out_calls = stats.n_calls;
    tn_executable_release(exe);
    tn_options_release(o);
}

static void against_the_reference(void **unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof scatters / sizeof *scatters; i++) {
        const scatter *s = &scatters[i];
        tn_graph *g;
        tn_tensor *index, *in[2], *want, *got;
        uint32_t calls;
        ok(tn_graph_create(context, "g", &g));
        ok(tn_tensor_create(context, TN_DTYPE_i64, s->index_rank, s->index_dims, &index));
        memcpy(tn_tensor_get_data(index), s->index, tn_tensor_get_bytes(index));
        tn_value v[3] = {tn_graph_input(g, "data", s->dtype, s->rank, s->dims), tn_graph_constant(g, index),
                         tn_graph_input(g, "updates", s->dtype, s->update_rank, s->update_dims)};
        tn_attr attrs[2] = {{.name = "reduction", .kind = TN_ATTR_STRING, .s = s->reduction}, {.name = "axis", .kind = TN_ATTR_INT, .i = s->axis}};
        tn_graph_output(g, "out", tn_graph_op(g, s->op, v, 3, attrs, !strcmp(s->op, "scatter_nd") ? 1 : 2, 1));
        ok(tn_graph_check(g));
        in[0] = numbers(s->dtype, s->rank, s->dims, 100);
        in[1] = numbers(s->dtype, s->update_rank, s->update_dims, 1);
        run(g, "ref", in, &want, &calls);
        run(g, "cpu", in, &got, &calls);
        if (calls != s->calls) fail_msg("scatter %d: %u calls, wanted %u", (int)i, calls, s->calls);
        if (memcmp(tn_tensor_get_data(want), tn_tensor_get_data(got), tn_tensor_get_bytes(want))) fail_msg("scatter %d: wrong result", (int)i);
        tn_tensor_release(index), tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(want), tn_tensor_release(got);
        tn_graph_release(g);
    }
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_reference)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
