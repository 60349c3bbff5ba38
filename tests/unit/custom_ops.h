/* Custom ops for the tests: what each does is said beside it. */
#ifndef TN_TESTS_CUSTOM_OPS_H
#define TN_TESTS_CUSTOM_OPS_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

static void ok_at(tn_error *e, int line) {
    if (e) print_error("line %d: %s\n", line, tn_error_get_message(e));
    assert_null(e);
}
#define OK(e) ok_at((e), __LINE__)

static void fails_at(tn_error *e, tn_error_code code, const char *part, int line) {
    if (!e) print_error("line %d: no error, wanted '%s'\n", line, part);
    assert_non_null(e);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), part))
        print_error("line %d: %s: %s\n", line, tn_error_code_name(tn_error_get_code(e)), tn_error_get_message(e));
    assert_int_equal(tn_error_get_code(e), code);
    assert_non_null(strstr(tn_error_get_message(e), part));
    tn_error_destroy(e);
}
#define FAILS(e, code, part) fails_at((e), TN_ERROR_##code, (part), __LINE__)

/* What the ops count and write down. */
typedef struct probe {
    atomic_int inferred, evaluated, freed;
    char order[64]; /* ops with effects, by their attribute "tag" */
    const void *in_data, *out_data; /* of the last evaluation */
} probe;

static void probe_free(void *self) { atomic_fetch_add(&((probe *)self)->freed, 1); }

static inline tn_error *same_type(tn_custom_call *c, uint32_t out) {
    const int64_t *dims;
    int32_t rank = tn_custom_call_get_input_shape(c, 0, &dims);
    return tn_custom_call_set_output(c, out, tn_custom_call_get_input_dtype(c, 0), rank, dims);
}

static tn_error *infer_same(void *self, tn_custom_call *c) {
    atomic_fetch_add(&((probe *)self)->inferred, 1);
    for (uint32_t k = 0; k < tn_custom_call_get_output_count(c); k++) {
        tn_error *e = same_type(c, k);
        if (e) return e;
    }
    return NULL;
}

/* Output k is the input times (k + 1) times the attribute "by" (default 1), f32. */
static tn_error *evaluate_scale(void *self, tn_custom_call *c) {
    probe *p = self;
    const tn_attr *by = tn_custom_call_find_attr(c, "by"), *tag = tn_custom_call_find_attr(c, "tag");
    tn_tensor *x = tn_custom_call_get_input(c, 0);
    atomic_fetch_add(&p->evaluated, 1);
    if (tag && strlen(p->order) < sizeof p->order - 2) strncat(p->order, tag->s, 1);
    p->in_data = tn_tensor_get_data(x);
    for (uint32_t k = 0; k < tn_custom_call_get_output_count(c); k++) {
        tn_tensor *y = tn_custom_call_get_output(c, k);
        if (!y) {
            tn_error *e = tn_custom_call_make_output(c, k, tn_tensor_get_rank(x), tn_tensor_get_dims(x), &y);
            if (e) return e;
        }
        const float *from = tn_tensor_get_data(x);
        float *to = tn_tensor_get_data(y);
        for (int64_t i = 0; i < tn_tensor_get_elements(x); i++) to[i] = from[i] * (float)(by ? by->f : 1) * (float)(k + 1);
        p->out_data = to;
    }
    return NULL;
}

/* The elements that are not negative: f32[n] -> f32[?]. */
static tn_error *infer_keep(void *self, tn_custom_call *c) {
    atomic_fetch_add(&((probe *)self)->inferred, 1);
    return tn_custom_call_set_output(c, 0, TN_DTYPE_f32, 1, (int64_t[]){TN_DIM_UNKNOWN});
}
static tn_error *evaluate_keep(void *self, tn_custom_call *c) {
    tn_tensor *x = tn_custom_call_get_input(c, 0), *y;
    const float *from = tn_tensor_get_data(x);
    const tn_attr *tag = tn_custom_call_find_attr(c, "tag");
    int64_t n = 0, elements = tn_tensor_get_elements(x);
    atomic_fetch_add(&((probe *)self)->evaluated, 1);
    if (tag) strncat(((probe *)self)->order, tag->s, 1);
    for (int64_t i = 0; i < elements; i++) n += from[i] >= 0;
    assert_null(tn_custom_call_get_output(c, 0));
    tn_error *e = tn_custom_call_make_output(c, 0, 1, &n, &y);
    if (e) return e;
    float *to = tn_tensor_get_data(y);
    for (int64_t i = 0; i < elements; i++)
        if (from[i] >= 0) *to++ = from[i];
    return NULL;
}

typedef tn_error *callback(void *self, tn_custom_call *call);

static inline tn_custom_op make_op(const char *name, callback *infer, callback *evaluate, uint32_t flags, probe *p) {
    return (tn_custom_op){.struct_size = sizeof(tn_custom_op), .name = name, .n_in_min = 1, .n_out_min = 1, .n_out_max = 3, .flags = flags,
                          .self = p, .free_self = probe_free, .infer = infer, .evaluate = evaluate};
}

static inline void add_op(tn_context *context, const char *name, callback *infer, callback *evaluate, uint32_t flags, probe *p) {
    tn_custom_op op = make_op(name, infer, evaluate, flags, p);
    OK(tn_custom_op_register(context, &op));
}

static inline tn_value custom(tn_graph *g, const char *name, tn_value x, const char *tag) {
    tn_attr attrs[2] = {{.name = "by", .kind = TN_ATTR_FLOAT, .f = 2}, {.name = "tag", .kind = TN_ATTR_STRING, .s = tag}};
    return tn_graph_custom(g, name, &x, 1, attrs, tag ? 2 : 1, 1);
}

static inline tn_tensor *vector(tn_context *context, int64_t n, float first, float step) {
    tn_tensor *t;
    OK(tn_tensor_create(context, TN_DTYPE_f32, 1, &n, &t));
    for (int64_t i = 0; i < n; i++) ((float *)tn_tensor_get_data(t))[i] = first + step * (float)i;
    return t;
}

static inline tn_error *compile_on(tn_context *context, const tn_graph *g, const char *device, tn_executable **out) {
    tn_options *o;
    tn_error *e = tn_options_create(context, &o);
    *out = NULL;
    if (!e) e = tn_options_set(o, "device", device);
    if (!e) e = tn_options_set(o, "cache", "off");
    if (!e) e = tn_options_set(o, "threads", "2");
    if (!e) e = tn_options_set(o, "profile", "every");
    if (!e) e = tn_compile(g, o, out);
    tn_options_release(o);
    return e;
}
static const char *const devices[] = {"ref", "cpu"};
#endif
