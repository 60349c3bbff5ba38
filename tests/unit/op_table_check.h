/* Table-driven checks of single ops: operands and the wanted result as lists of numbers. */
#ifndef TN_TESTS_OP_TABLE_CHECK_H
#define TN_TESTS_OP_TABLE_CHECK_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "op/op.h"

typedef struct spec {
    tn_dtype dtype; /* NONE: absent; in a wanted result: an error is wanted */
    int32_t rank;
    int64_t dims[6];
    double values[32];
} spec;

typedef struct check {
    const char *name;
    tn__op op;
    const void *attrs; /* NULL: the op has none */
    spec in[5], out;
} check;

static inline tn_tensor *make_tensor(tn_context *context, const spec *s) {
    tn_tensor *t = NULL;
    if (!s->dtype) return NULL;
    assert_null(tn_tensor_create(context, s->dtype, s->rank, s->dims, &t));
    assert_true(t->elements <= 32);
    for (int64_t i = 0; i < t->elements; i++) {
        if (tn__dtype_is_float(s->dtype)) tn__store_f64(s->dtype, t->data, i, s->values[i]);
        else tn__store_i64(s->dtype, t->data, i, (int64_t)s->values[i]);
    }
    return t;
}

static inline void run_check(tn_context *context, const check *c) {
    static const tn__attrs_none none;
    tn_tensor *in[5], *out = NULL;
    uint32_t n = 0;
    for (uint32_t k = 0; k < 5; k++)
        if ((in[k] = make_tensor(context, &c->in[k]))) n = k + 1;
    tn_error *e = tn__op_eval(context, c->op, c->attrs ? c->attrs : &none, (const tn_tensor *const *)in, n, 1, &out);
    for (uint32_t k = 0; k < 5; k++) tn_tensor_release(in[k]);
    if (!c->out.dtype) {
        if (!e) fail_msg("%s: no error", c->name);
        tn_error_destroy(e);
        return;
    }
    if (e) fail_msg("%s: %s", c->name, tn_error_get_message(e));
    if (out->dtype != c->out.dtype) fail_msg("%s: dtype %s", c->name, tn_dtype_name(out->dtype));
    if (out->rank != c->out.rank) fail_msg("%s: rank %d", c->name, out->rank);
    for (int32_t i = 0; i < out->rank; i++)
        if (out->dims[i] != c->out.dims[i]) fail_msg("%s: dimension %d is %lld", c->name, i, (long long)out->dims[i]);
    for (int64_t i = 0; i < out->elements; i++) {
        double found = tn__load_f64(out->dtype, out->data, i), wanted = c->out.values[i];
        bool same = found == wanted || (found != found && wanted != wanted) || fabs(found - wanted) <= 1e-6 * fabs(wanted);
        if (!same) fail_msg("%s: element %lld is %.9g, wanted %.9g", c->name, (long long)i, found, wanted);
    }
    tn_tensor_release(out);
}
#define D1(t, n, ...) {TN_DTYPE_##t, 1, {n}, {__VA_ARGS__}}
#define D2(t, n, m, ...) {TN_DTYPE_##t, 2, {n, m}, {__VA_ARGS__}}
#define D0(t, x) {TN_DTYPE_##t, 0, {0}, {x}}
#define EMPTY(t) {TN_DTYPE_##t, 1, {0}, {0}}
#define ABSENT {TN_DTYPE_NONE, 0, {0}, {0}}
#endif
