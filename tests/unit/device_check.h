/* Checks of lowered operators: a graph in text form runs on cpu and on ref with random operands, and must agree; on cpu as kernels. */
#ifndef TN_TESTS_DEVICE_CHECK_H
#define TN_TESTS_DEVICE_CHECK_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ir/graph.h"
#include "tenon/tenon.h"

enum { CHECK_INPUTS = 8, CHECK_OUTPUTS = 4 };

typedef struct device_check {
    const char *name, *text; /* a body: lines between the braces of a graph */
    uint32_t constants;      /* bit i: input i becomes a constant */
    int64_t bound;           /* integer inputs are in [-bound, bound); 0: in [-9, 10) */
    uint32_t calls;          /* the most calls of the reference that cpu may make */
    double tolerance;        /* absolute and relative; 0 = equal */
} device_check;

static tn_context *context;
static uint32_t check_state = 1;

static inline void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static inline uint32_t check_random(void) {
    check_state = check_state * 1664525u + 1013904223u;
    return check_state >> 8;
}

static inline tn_tensor *check_tensor(const tn__type *t, int64_t bound) {
    tn_tensor *x;
    ok(tn_tensor_create(context, t->dtype, t->rank, t->dims, &x));
    for (int64_t i = 0; i < x->elements; i++) {
        if (tn__dtype_is_float(t->dtype)) tn__store_f64(t->dtype, x->data, i, check_random() / 8388608.0 - 1.0);
        else if (t->dtype == TN_DTYPE_bool) tn__store_i64(t->dtype, x->data, i, check_random() >> 7 & 1);
        else tn__store_i64(t->dtype, x->data, i, bound ? (int64_t)(check_random() % (uint64_t)(2 * bound)) - bound : check_random() % 19 - 9);
    }
    return x;
}

/* The graph with some inputs replaced by constants. */
static inline tn_graph *check_graph(const device_check *c, tn_tensor *const *data) {
    char text[4096];
    tn_graph *g, *to;
    tn_value map[256] = {{0}};
    assert_true((size_t)snprintf(text, sizeof text, "graph \"g\" {\n%s}\n", c->text) < sizeof text);
    tn_error *e = tn_graph_parse(context, text, &g);
    if (e) fail_msg("%s: %s", c->name, tn_error_get_message(e));
    if (!data) return g;
    assert_true(g->values.count < 256);
    ok(tn_graph_create(context, "g", &to));
    for (uint32_t i = 0; i < g->inputs.count; i++) {
        tn_value v = g->inputs.data[i].value;
        const tn__type *t = tn__type_of(g, v);
        map[v.id] = c->constants >> i & 1 ? tn_graph_constant(to, data[i]) : tn_graph_input(to, g->inputs.data[i].name, t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        tn_value v = tn__graph_copy_node(to, g, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
    }
    for (size_t i = 0; i < g->outputs.count; i++) tn_graph_output(to, g->outputs.data[i].name, map[g->outputs.data[i].value.id]);
    tn_graph_release(g);
    e = tn_graph_check(to);
    if (e) fail_msg("%s: %s", c->name, tn_error_get_message(e));
    return to;
}

static inline tn_error *check_run(const tn_graph *g, const char *device, tn_tensor *const *data, const device_check *c, tn_tensor **out,
                                  uint32_t *out_calls) {
    tn_options *o;
    tn_executable *exe;
    tn_tensor *in[CHECK_INPUTS] = {NULL};
    uint32_t n = 0;
    for (uint32_t i = 0; i < CHECK_INPUTS; i++)
        if (data[i] && !(c->constants >> i & 1)) in[n++] = data[i];
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_compile(g, o, &exe));
    tn_error *e = tn_executable_run(exe, in, n, out, (uint32_t)g->outputs.count);
    tn_executable_stats s = {.struct_size = sizeof s};
    ok(tn_executable_get_stats(exe, &s));
    if (out_calls) *out_calls = s.n_calls;
    tn_executable_release(exe);
    tn_options_release(o);
    return e;
}

static inline void check_same(const device_check *c, uint32_t k, const tn_tensor *want, const tn_tensor *got) {
    assert_int_equal(want->dtype, got->dtype);
    assert_int_equal(want->elements, got->elements);
    for (int64_t i = 0; i < want->elements; i++) {
        if (!tn__dtype_is_float(want->dtype)) {
            int64_t a = tn__load_i64(want->dtype, want->data, i), b = tn__load_i64(got->dtype, got->data, i);
            if (a != b) fail_msg("%s: output %u, element %lld: %lld, wanted %lld", c->name, k, (long long)i, (long long)b, (long long)a);
            continue;
        }
        double a = tn__load_f64(want->dtype, want->data, i), b = tn__load_f64(got->dtype, got->data, i);
        bool same = isnan(a) ? isnan(b) : a == b || fabs(a - b) <= c->tolerance * (1 + fabs(a));
        if (!same) fail_msg("%s: output %u, element %lld: %.9g, wanted %.9g", c->name, k, (long long)i, b, a);
    }
}

static inline void check_devices(const device_check *c) {
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *want[CHECK_OUTPUTS] = {NULL}, *got[CHECK_OUTPUTS] = {NULL};
    tn_graph *g = check_graph(c, NULL);
    assert_true(g->inputs.count <= CHECK_INPUTS && g->outputs.count <= CHECK_OUTPUTS);
    for (uint32_t i = 0; i < g->inputs.count; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), c->bound);
    tn_graph_release(g);
    g = check_graph(c, data);
    uint32_t calls = 0;
    tn_error *e = check_run(g, "ref", data, c, want, NULL);
    if (!e) e = check_run(g, "cpu", data, c, got, &calls);
    if (e) fail_msg("%s: %s", c->name, tn_error_get_message(e));
    if (calls > c->calls) fail_msg("%s: %u calls of the reference", c->name, calls);
    for (uint32_t k = 0; k < g->outputs.count; k++) {
        check_same(c, k, want[k], got[k]);
        tn_tensor_release(want[k]), tn_tensor_release(got[k]);
    }
    for (uint32_t i = 0; i < CHECK_INPUTS; i++) tn_tensor_release(data[i]);
    tn_graph_release(g);
}

static inline void check_all(const device_check *checks, size_t n) {
    for (size_t i = 0; i < n; i++) check_devices(&checks[i]);
}

/* Both devices refuse a run in words that hold `words`. */
static inline void check_refused(const device_check *c, tn_tensor *const *data, const char *words) {
    static const char *const devices[] = {"ref", "cpu"};
    tn_graph *g = check_graph(c, data);
    for (int d = 0; d < 2; d++) {
        tn_tensor *out[CHECK_OUTPUTS] = {NULL};
        tn_error *e = check_run(g, devices[d], data, c, out, NULL);
        if (!e) fail_msg("%s: no error on %s", c->name, devices[d]);
        if (!strstr(tn_error_get_message(e), words)) fail_msg("%s: on %s: %s", c->name, devices[d], tn_error_get_message(e));
        tn_error_destroy(e);
    }
    tn_graph_release(g);
}
#endif
