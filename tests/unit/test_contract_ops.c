/* Single values of products, windows, normalisations and quantisation, each small enough to check by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "op/op.h"

typedef struct {
    tn_dtype dtype; /* NONE: absent */
    int32_t rank;
    int64_t dims[5];
    double data[16]; /* the last one given repeats */
    int n;
} operand;

typedef struct {
    const char *op, *attrs; /* "name=1,2;name=word" */
    operand in[9];
    operand want[2];
    tn_error_code error;
} row;

#define T(dtype, ...) {TN_DTYPE_##dtype, __VA_ARGS__}
static const row rows[] = {
    {"matmul", "", {T(i32, 2, {2, 2}, {1, 2, 3, 4}, 4), T(i32, 1, {2}, {5, 6}, 2)}, {T(i32, 1, {2}, {17, 39}, 2)}, TN_OK},
    {"matmul", "", {T(f32, 2, {2, 3}, {1}, 1), T(f32, 2, {2, 3}, {1}, 1)}, {{0}}, TN_ERROR_SHAPE_MISMATCH},
    {"matmul", "", {T(f32, 2, {2, 0}, {0}, 0), T(f32, 2, {0, 2}, {0}, 0)}, {T(f32, 2, {2, 2}, {0}, 1)}, TN_OK},
    {"gemm", "transB=1;alpha=2;beta=3", {T(f32, 2, {1, 2}, {1, 2}, 2), T(f32, 2, {2, 2}, {1, 2, 3, 4}, 4), T(f32, 1, {2}, {1, 2}, 2)},
     {T(f32, 2, {1, 2}, {13, 28}, 2)}, TN_OK},
    {"einsum", "equation=ii->i", {T(f32, 2, {2, 2}, {1, 2, 3, 4}, 4)}, {T(f32, 1, {2}, {1, 4}, 2)}, TN_OK},
    {"einsum", "equation=...ij,...jk->...ik", {T(f64, 3, {1, 1, 2}, {1, 2}, 2), T(f64, 3, {2, 2, 1}, {1, 2, 3, 4}, 4)},
     {T(f64, 3, {2, 1, 1}, {5, 11}, 2)}, TN_OK},
    {"einsum", "equation=ij,j->x", {T(f32, 2, {1, 1}, {1}, 1), T(f32, 1, {1}, {1}, 1)}, {{0}}, TN_ERROR_INVALID_GRAPH},
    {"det", "", {T(f32, 2, {2, 2}, {1, 2, 3, 4}, 4)}, {T(f32, 0, {0}, {-2}, 1)}, TN_OK},
    {"conv", "group=2;pads=1,1", {T(f32, 3, {1, 2, 3}, {1, 2, 3, 4, 5, 6}, 6), T(f32, 3, {2, 1, 3}, {1, 1, 1, 0, 1, 0}, 6), T(f32, 1, {2}, {0, 1}, 2)},
     {T(f32, 3, {1, 2, 3}, {3, 6, 5, 5, 6, 7}, 6)}, TN_OK},
    {"conv", "group=2", {T(f32, 3, {1, 3, 3}, {1}, 1), T(f32, 3, {2, 1, 3}, {1}, 1)}, {{0}}, TN_ERROR_SHAPE_MISMATCH},
    {"conv_transpose", "strides=2", {T(f32, 3, {1, 1, 2}, {1, 2}, 2), T(f32, 3, {1, 1, 3}, {1, 1, 1}, 3)},
     {T(f32, 3, {1, 1, 5}, {1, 1, 3, 2, 2}, 5)}, TN_OK},
    {"conv_integer", "", {T(u8, 3, {1, 1, 2}, {3, 4}, 2), T(i8, 3, {1, 1, 2}, {-1, 2}, 2), T(u8, 0, {0}, {1}, 1)}, {T(i32, 3, {1, 1, 1}, {4}, 1)}, TN_OK},
    {"max_pool", "kernel_shape=2,2;storage_order=1", {T(f32, 4, {1, 1, 2, 3}, {1, 2, 9, 4, 8, 6}, 6)},
     {T(f32, 4, {1, 1, 1, 2}, {8, 9}, 2), T(i64, 4, {1, 1, 1, 2}, {3, 4}, 2)}, TN_OK},
    {"average_pool", "kernel_shape=2;strides=2;pads=1,0;ceil_mode=1;count_include_pad=1", {T(f32, 3, {1, 1, 4}, {2, 4, 6, 8}, 4)},
     {T(f32, 3, {1, 1, 3}, {1, 5, 8}, 3)}, TN_OK}, /* the overhang is not padding: the last window divides by 1 */
    {"layer_normalization", "epsilon=0", {T(f32, 2, {1, 2}, {1, 3}, 2), T(f32, 1, {2}, {1, 2}, 2)}, {T(f32, 2, {1, 2}, {-1, 2}, 2)}, TN_OK},
    {"resize", "mode=linear", {T(f32, 1, {2}, {0, 4}, 2), {0}, T(f32, 1, {1}, {2}, 1)}, {T(f32, 1, {4}, {0, 1, 3, 4}, 4)}, TN_OK},
    {"resize", "", {T(i64, 1, {2}, {1, 2}, 2), {0}, T(f32, 1, {0}, {0}, 0), T(i64, 1, {1}, {3}, 1)}, {T(i64, 1, {3}, {1, 1, 2}, 3)}, TN_OK},
    {"quantize_linear", "", {T(f32, 1, {4}, {0.5, 1.5, 2.5, 400}, 4), T(f32, 0, {0}, {1}, 1), T(i8, 0, {0}, {1}, 1)},
     {T(i8, 1, {4}, {1, 3, 3, 127}, 4)}, TN_OK},
    {"quantize_linear", "axis=0;block_size=2", {T(f32, 1, {3}, {4, 9, 6}, 3), T(f32, 1, {2}, {2, 3}, 2)}, {T(u8, 1, {3}, {2, 4, 2}, 3)}, TN_OK},
    {"dequantize_linear", "axis=1", {T(i4, 2, {1, 2}, {-8, 7}, 2), T(f32, 1, {2}, {2, 3}, 2)}, {T(f32, 2, {1, 2}, {-16, 21}, 2)}, TN_OK},
    {"qlinear_matmul", "",
     {T(u8, 2, {1, 2}, {3, 4}, 2), T(f32, 0, {0}, {0.5}, 1), T(u8, 0, {0}, {1}, 1), T(i8, 2, {2, 1}, {1, 1}, 2), T(f32, 0, {0}, {1}, 1),
      T(i8, 0, {0}, {0}, 1), T(f32, 0, {0}, {1}, 1), T(u8, 0, {0}, {1}, 1)},
     {T(u8, 2, {1, 1}, {3}, 1)}, TN_OK}, /* 2.5 rounds to 2, then the zero point */
};

static tn_tensor *tensor_of(tn_context *c, const operand *o) {
    tn_tensor *t;
    assert_null(tn_tensor_create(c, o->dtype, o->rank, o->dims, &t));
    for (int64_t i = 0; i < t->elements; i++) tn__store_f64(t->dtype, t->data, i, o->data[i < o->n ? i : o->n - 1]);
    return t;
}

static void set_attrs(tn_graph *g, tn__op op, void *attrs, const char *text) {
    char copy[128], *save = NULL;
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *one = strtok_r(copy, ";", &save); one; one = strtok_r(NULL, ";", &save)) {
        char *value = strchr(one, '=');
        int64_t ints[8];
        *value++ = 0;
        tn_attr attr = {.name = one, .ints = ints};
        const tn__attr_field *f = NULL;
        for (uint32_t i = 0; i < tn__op_infos[op].n_fields; i++)
            if (!strcmp(tn__op_infos[op].fields[i].name, one)) f = &tn__op_infos[op].fields[i];
        assert_non_null(f);
        attr.kind = f->kind;
        attr.s = value;
        attr.i = atoll(value);
        attr.f = atof(value);
        for (char *p = value; f->kind == TN_ATTR_INTS && p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) ints[attr.n++] = atoll(p);
        assert_null(tn__attrs_set(g, op, attrs, &attr));
    }
}

static void test_rows(void **state) {
    tn_context *c;
    assert_null(tn_context_create(NULL, &c));
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const row *x = &rows[r];
        tn__op op = tn__op_from_name(x->op);
        tn_graph *g;
        assert_null(tn__graph_create(c, &tn__op_hooks, "test", &g));
        void *attrs = tn__attrs_new(g, op);
        set_attrs(g, op, attrs, x->attrs);
        tn_tensor *in[9] = {0}, *out[2] = {0};
        uint32_t n_in = 0, n_out = x->want[1].dtype ? 2 : 1;
        for (uint32_t k = 0; k < 9; k++)
            if (x->in[k].dtype) in[k] = tensor_of(c, &x->in[k]), n_in = k + 1;
        tn_error *e = tn__op_eval(c, op, attrs, (const tn_tensor *const *)in, n_in, n_out, out);
        if (tn_error_get_code(e) != x->error) fail_msg("row %zu (%s): %s", r, x->op, tn_error_get_message(e));
        for (uint32_t k = 0; !e && k < n_out; k++) {
            tn_tensor *want = tensor_of(c, &x->want[k]);
            assert_int_equal(out[k]->dtype, want->dtype);
            if (!tn__tensor_same_shape(out[k], want)) fail_msg("row %zu (%s): shape of result %u", r, x->op, k);
            for (int64_t i = 0; i < want->elements; i++) {
                double a = tn__load_f64(want->dtype, out[k]->data, i), b = tn__load_f64(want->dtype, want->data, i);
                if (fabs(a - b) > 1e-6) fail_msg("row %zu (%s): result %u element %lld: found %g, wanted %g", r, x->op, k, (long long)i, a, b);
            }
            tn_tensor_release(want);
        }
        tn_error_destroy(e);
        for (int k = 0; k < 9; k++) tn_tensor_release(in[k]);
        for (int k = 0; k < 2; k++) tn_tensor_release(out[k]);
        tn_graph_release(g);
    }
    tn_context_release(c);
}

/* Shape rules answer with unknown sizes where they do not know, and still find what contradicts. */
static void test_unknown(void **state) {
    tn_context *c;
    tn_graph *g;
    assert_null(tn_context_create(NULL, &c));
    assert_null(tn_graph_create(c, "unknown", &g));
    int64_t n = tn_graph_symbol(g, "N"), x_dims[4] = {n, 3, TN_DIM_UNKNOWN, 8}, w_dims[4] = {4, 3, 3, 3};
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, x_dims), w = tn_graph_input(g, "w", TN_DTYPE_f32, 4, w_dims);
    tn_value any = tn_graph_input(g, "any", TN_DTYPE_f32, -1, NULL), v[2] = {x, w};
    tn_value y = tn_graph_op(g, "conv", v, 2, NULL, 0, 1);
    const int64_t *dims;
    assert_int_equal(tn_graph_get_shape(g, y, &dims), 4);
    assert_true(dims[0] == n && dims[1] == 4 && dims[2] == TN_DIM_UNKNOWN && dims[3] == 6);
    v[0] = any;
    assert_int_equal(tn_graph_get_shape(g, tn_graph_op(g, "matmul", v, 2, NULL, 0, 1), &dims), -1);
    assert_int_equal(tn_graph_get_shape(g, tn_graph_op(g, "global_average_pool", v, 1, NULL, 0, 1), &dims), -1);
    assert_int_equal(tn_graph_get_shape(g, tn_graph_op(g, "conv", v, 2, NULL, 0, 1), &dims), 4);
    assert_null(tn_graph_check(g));
    tn_graph_release(g);
    tn_context_release(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_unknown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
