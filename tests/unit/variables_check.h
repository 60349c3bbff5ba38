/* What the tests of variables share. */
#ifndef TN_TESTS_VARIABLES_CHECK_H
#define TN_TESTS_VARIABLES_CHECK_H
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/os_thread.h"
#include "rt/variable.h"
#include "tenon/tenon.h"

static tn_context *context;

static inline void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static inline void refused(tn_error *e, tn_error_code code, const char *words) {
    if (!e) fail_msg("wanted an error with '%s'", words);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), words))
        fail_msg("found '%s' (%s), wanted '%s'", tn_error_get_message(e), tn_error_code_name(tn_error_get_code(e)), words);
    tn_error_destroy(e);
}

static inline tn_tensor *f32(int32_t rank, const int64_t *dims, double first, double step) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) ((float *)tn_tensor_get_data(t))[i] = (float)(first + step * (double)i);
    return t;
}

static inline tn_variable *variable(int32_t rank, const int64_t *dims, double first, double step) {
    tn_tensor *t = f32(rank, dims, first, step);
    tn_variable *v;
    ok(tn_variable_create(context, TN_DTYPE_f32, rank, dims, t, &v));
    tn_tensor_release(t);
    return v;
}

static inline float first_of(tn_variable *v) {
    tn_tensor *t = NULL;
    ok(tn_variable_read(v, &t));
    float x = *(float *)tn_tensor_get_data(t);
    tn_tensor_release(t);
    return x;
}

static inline void *memory_of(tn_variable *v) { return tn_tensor_get_data(atomic_load(&v->value)); }

static inline tn_value op1(tn_graph *g, const char *op, tn_value a) { return tn_graph_op(g, op, &a, 1, NULL, 0, 1); }
static inline tn_value op2(tn_graph *g, const char *op, tn_value a, tn_value b) {
    return tn_graph_op(g, op, (tn_value[]){a, b}, 2, NULL, 0, 1);
}
static inline tn_value scalar(tn_graph *g, float x) {
    tn_tensor *t = f32(0, NULL, x, 0);
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}

static inline tn_executable *compile(tn_graph *g, const char *device) {
    tn_options *o;
    tn_executable *exe;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_compile(g, o, &exe));
    tn_options_release(o);
    tn_graph_release(g);
    return exe;
}

static inline tn_graph *graph(void) {
    tn_graph *g;
    ok(tn_graph_create(context, "g", &g));
    return g;
}

static const char *const devices[] = {"cpu", "ref"};

/* y = w + x; w = w - 0.5 * x */
static inline tn_graph *sgd(tn_variable *w, int64_t n) {
    tn_graph *g = graph();
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n), v = tn_graph_variable(g, w);
    tn_graph_set_name(g, v, "w");
    tn_graph_output(g, "y", op2(g, "add", v, x));
    tn_graph_assign(g, w, op2(g, "sub", v, op2(g, "mul", scalar(g, 0.5f), x)));
    return g;
}
#endif
