/* Integer products on the cpu device: equal to the reference bit by bit, on targets with and without a dot product of bytes. Dequantised
 * operands: pass quant gives integer products, at most one step from the chain in f32. Nothing here is a call of the reference. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/dtype.h"
#include "expect.h"
#include "tenon/tenon.h"
#include <string.h>

static tn_context *context;
static uint32_t state = 11;
static const tn_value none;

static int64_t random_in(int64_t low, int64_t high) {
    state = state * 1664525u + 1013904223u;
    return low + (int64_t)(state >> 8) % (high - low + 1);
}

/* Integers over their whole range, the extremes often; floats in (0, 1]. */
static tn_tensor *noise(tn_dtype d, int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    ok(tn_tensor_create(context, d, rank, dims, &t));
    int64_t low = d == TN_DTYPE_u8 ? 0 : d == TN_DTYPE_i8 ? -128 : -3000, high = d == TN_DTYPE_i32 ? 3000 : low + 255;
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) {
        int64_t x = random_in(0, 7) ? random_in(low, high) : random_in(0, 1) ? low : high;
        if (d == TN_DTYPE_f32) tn__store_f64(d, tn_tensor_get_data(t), i, (double)random_in(1, 1000) / 1000);
        else tn__store_i64(d, tn_tensor_get_data(t), i, x);
    }
    return t;
}

static tn_value take(tn_graph *g, tn_tensor *t) {
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}

static tn_value random_constant(tn_graph *g, tn_dtype d, int32_t rank, const int64_t *dims) { return take(g, noise(d, rank, dims)); }

static tn_value scalar(tn_graph *g, tn_dtype d, double x) {
    tn_tensor *t;
    ok(tn_tensor_create(context, d, 0, NULL, &t));
    tn__store_f64(d, tn_tensor_get_data(t), 0, x);
    return take(g, t);
}

static tn_value filled(tn_graph *g, tn_dtype d, int64_t n, double x) {
    tn_tensor *t;
    ok(tn_tensor_create(context, d, 1, &n, &t));
    for (int64_t i = 0; i < n; i++) tn__store_f64(d, tn_tensor_get_data(t), i, x);
    return take(g, t);
}

static void run(tn_graph *g, const char *device, const char *cpu, const char *off, tn_tensor **x, uint32_t n, tn_tensor **out, uint32_t *calls) {
    tn_options *o;
    tn_executable *exe;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "cpu", cpu));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "passes_off", off));
    ok(tn_compile(g, o, &exe));
    *out = NULL;
    ok(tn_executable_run(exe, x, n, out, 1));
    tn_executable_stats s = {.struct_size = sizeof s};
    ok(tn_executable_get_stats(exe, &s));
    if (calls) *calls = s.n_calls;
    tn_executable_release(exe);
    tn_options_release(o);
}

static const char *const cpus[] = {"host",
#if defined(__x86_64__)
                                   "x86-64-v3"
#endif
};

enum { N_CPUS = sizeof cpus / sizeof *cpus };

/* The graph's one output on the first n_cpus targets: the reference's bits, by kernels alone. */
static void check_exact(tn_graph *g, tn_tensor **x, uint32_t n, size_t n_cpus, const char *what, int row) {
    tn_tensor *want, *got;
    run(g, "ref", "host", "", x, n, &want, NULL);
    for (size_t c = 0; c < n_cpus; c++) {
        uint32_t calls;
        run(g, "cpu", cpus[c], "", x, n, &got, &calls);
        if (calls) fail_msg("%s, row %d: %u calls of the reference", what, row, calls);
        const char *a = tn_tensor_get_data(want), *b = tn_tensor_get_data(got);
        size_t bytes = tn_tensor_get_bytes(want);
        assert_int_equal(bytes, tn_tensor_get_bytes(got));
        for (size_t i = 0; i < bytes; i++)
            if (a[i] != b[i]) fail_msg("%s, row %d on %s: byte %zu of %zu is %d, wanted %d", what, row, cpus[c], i, bytes, b[i], a[i]);
        tn_tensor_release(got);
    }
    tn_tensor_release(want);
}

/* ---- convolution --------------------------------------------------------------------------------------------- */

typedef struct conv_row {
    tn_dtype x, w;
    int32_t rank; /* of the window */
    int64_t n, ic, oc, size[3], kernel, stride, pad, dilation, group;
    int32_t x_zero, w_zero;
    bool per_channel, bias;
} conv_row;

static const conv_row conv_rows[] = {
    /*  x             w            rank n ic  oc  size          k  s  p  d  g   xz    wz  per    bias */
    {TN_DTYPE_u8, TN_DTYPE_i8, 2, 1, 16, 32, {9, 14}, 3, 1, 1, 1, 1, 0, 0, true, true},
    {TN_DTYPE_u8, TN_DTYPE_i8, 2, 2, 3, 20, {17, 15}, 3, 2, 1, 1, 1, 114, 0, true, true}, /* a picture: padding is not 0 */
    {TN_DTYPE_u8, TN_DTYPE_i8, 2, 1, 1, 5, {8, 8}, 5, 1, 2, 1, 1, 7, 0, false, false},
    {TN_DTYPE_i8, TN_DTYPE_i8, 2, 1, 24, 33, {7, 9}, 3, 1, 1, 1, 1, -5, 0, true, true},
    {TN_DTYPE_i8, TN_DTYPE_i8, 2, 1, 40, 48, {6, 6}, 1, 1, 0, 1, 1, 3, 0, true, false},
    {TN_DTYPE_i8, TN_DTYPE_i8, 2, 1, 6, 17, {6, 31}, 3, 1, 1, 1, 1, 0, 0, false, true},
    {TN_DTYPE_u8, TN_DTYPE_u8, 2, 1, 13, 16, {10, 10}, 3, 1, 1, 2, 1, 128, 128, false, true},
    {TN_DTYPE_u8, TN_DTYPE_i8, 2, 1, 64, 64, {5, 5}, 1, 2, 0, 1, 1, 9, 0, true, true},
    {TN_DTYPE_u8, TN_DTYPE_i8, 2, 1, 20, 20, {9, 11}, 3, 1, 1, 1, 20, 60, 0, true, true}, /* depthwise */
    {TN_DTYPE_i8, TN_DTYPE_i8, 2, 1, 32, 32, {12, 12}, 5, 2, 2, 1, 32, -3, 0, true, false},
    {TN_DTYPE_u8, TN_DTYPE_i8, 1, 2, 10, 12, {40}, 15, 1, 7, 1, 1, 0, 0, true, true}, /* more taps than are unrolled */
    {TN_DTYPE_i8, TN_DTYPE_i8, 1, 1, 8, 8, {33}, 13, 1, 6, 1, 8, 4, 0, false, true},
    {TN_DTYPE_u8, TN_DTYPE_i8, 3, 1, 5, 9, {4, 5, 6}, 3, 1, 1, 1, 1, 0, 0, true, true},
    {TN_DTYPE_u8, TN_DTYPE_i8, 2, 1, 12, 24, {7, 8}, 3, 1, 1, 1, 3, 90, 0, true, true}, /* groups */
    {TN_DTYPE_i8, TN_DTYPE_u8, 2, 1, 6, 10, {7, 8}, 3, 1, 1, 1, 1, 2, 3, true, true},   /* weights beyond the signed range */
};

static tn_value conv(tn_graph *g, const conv_row *c, tn_value x, bool quantised, double y_zero, tn_dtype y, tn_value late_zero) {
    int64_t wd[5] = {c->oc, c->ic / c->group, c->kernel, c->kernel, c->kernel}, strides[3], pads[6], dilations[3];
    for (int i = 0; i < 3; i++) strides[i] = c->stride, dilations[i] = c->dilation, pads[2 * i] = pads[2 * i + 1] = c->pad;
    uint32_t r = (uint32_t)c->rank;
    tn_attr attrs[4] = {{.name = "strides", .kind = TN_ATTR_INTS, .n = r, .ints = strides},
                        {.name = "pads", .kind = TN_ATTR_INTS, .n = 2 * r, .ints = pads},
                        {.name = "dilations", .kind = TN_ATTR_INTS, .n = r, .ints = dilations},
                        {.name = "group", .kind = TN_ATTR_INT, .i = c->group}};
    tn_value w = random_constant(g, c->w, 2 + c->rank, wd), xz = late_zero.id ? late_zero : scalar(g, c->x, c->x_zero);
    tn_value wz = c->per_channel ? filled(g, c->w, c->oc, c->w_zero) : scalar(g, c->w, c->w_zero);
    if (!quantised) return tn_graph_op(g, "conv_integer", (tn_value[]){x, w, xz, wz}, 4, attrs, 4, 1);
    int64_t depth = c->ic / c->group;
    for (int i = 0; i < c->rank; i++) depth *= c->kernel;
    tn_value in[9] = {x, scalar(g, TN_DTYPE_f32, 0.037), xz, w, c->per_channel ? random_constant(g, TN_DTYPE_f32, 1, &c->oc) : scalar(g, TN_DTYPE_f32, 0.5),
                      wz, scalar(g, TN_DTYPE_f32, 1.5 * sqrt((double)depth)), scalar(g, y, y_zero)};
    if (c->bias) in[8] = random_constant(g, TN_DTYPE_i32, 1, &c->oc);
    return tn_graph_op(g, "qlinear_conv", in, c->bias ? 9 : 8, attrs, 4, 1);
}

static void convolutions(void **s) {
    (void)s;
    for (size_t k = 0; k < sizeof conv_rows / sizeof *conv_rows; k++)
        for (int variant = 0; variant < 4; variant++) {
            const conv_row *c = &conv_rows[k];
            int64_t dims[5] = {c->n, c->ic, c->size[0], c->size[1], c->size[2]};
            if (variant == 3 && c->rank == 3) continue; /* its padding is not filled by a kernel */
            tn_graph *g;
            tn_value late = none;
            ok(tn_graph_create(context, "conv", &g));
            tn_value v = tn_graph_input(g, "x", c->x, 2 + c->rank, dims);
            if (variant == 3) late = tn_graph_input(g, "zero", c->x, 0, NULL);
            if (variant % 2) { /* blocked activations */
                conv_row before = {TN_DTYPE_u8, TN_DTYPE_i8, c->rank, c->n, c->ic, c->ic, {0}, 1, 1, 0, 1, 1, 5, 0, true, true};
                before.x = c->x;
                v = conv(g, &before, v, true, c->x == TN_DTYPE_u8 ? 100 : -2, c->x, none);
            }
            tn_value y = variant >= 2 ? conv(g, c, v, false, 0, TN_DTYPE_i32, late)
                                      : conv(g, c, v, true, k % 2 ? 3 : 128, k % 2 ? TN_DTYPE_i8 : TN_DTYPE_u8, none);
            tn_graph_output(g, "y", y);
            ok(tn_graph_check(g));
            tn_tensor *x[2] = {noise(c->x, 2 + c->rank, dims), noise(c->x, 0, NULL)};
            check_exact(g, x, variant == 3 ? 2 : 1, variant ? 1 : N_CPUS, variant >= 2 ? "conv_integer" : variant ? "qlinear_conv on blocks" : "qlinear_conv", (int)k);
            tn_tensor_release(x[0]), tn_tensor_release(x[1]);
            tn_graph_release(g);
        }
}

/* ---- matrix product ------------------------------------------------------------------------------------------ */

static void products(void **s) {
    (void)s;
    static const struct {
        tn_dtype a, b;
        int64_t batch, m, k, n;
        int32_t a_zero, b_zero;
    } rows[] = {{TN_DTYPE_u8, TN_DTYPE_i8, 1, 1, 16, 16, 0, 0},    {TN_DTYPE_u8, TN_DTYPE_i8, 2, 7, 33, 40, 12, 0},
                {TN_DTYPE_i8, TN_DTYPE_i8, 1, 30, 64, 64, -7, 0},  {TN_DTYPE_i8, TN_DTYPE_i8, 3, 5, 6, 3, 0, 0},
                {TN_DTYPE_u8, TN_DTYPE_u8, 1, 17, 100, 47, 3, 128}, {TN_DTYPE_i8, TN_DTYPE_u8, 1, 2, 1, 129, 1, 128}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++)
        for (int variant = 0; variant < 3; variant++) {
            int64_t ad[3] = {rows[r].batch, rows[r].m, rows[r].k}, bd[2] = {rows[r].k, rows[r].n};
            tn_graph *g;
            ok(tn_graph_create(context, "matmul", &g));
            tn_value a = tn_graph_input(g, "a", rows[r].a, 3, ad), b = random_constant(g, rows[r].b, 2, bd);
            tn_value az = scalar(g, rows[r].a, rows[r].a_zero), bz = scalar(g, rows[r].b, rows[r].b_zero), y;
            if (variant == 2) az = tn_graph_input(g, "zero", rows[r].a, 0, NULL); /* known at run time */
            if (variant) y = tn_graph_op(g, "matmul_integer", (tn_value[]){a, b, az, bz}, 4, NULL, 0, 1);
            else {
                tn_value in[8] = {a, scalar(g, TN_DTYPE_f32, 0.1), az, b, random_constant(g, TN_DTYPE_f32, 1, &rows[r].n), bz,
                                  scalar(g, TN_DTYPE_f32, 7 * sqrt((double)rows[r].k)), scalar(g, rows[r].a, 4)};
                y = tn_graph_op(g, "qlinear_matmul", in, 8, NULL, 0, 1);
            }
            tn_graph_output(g, "y", y);
            ok(tn_graph_check(g));
            tn_tensor *x[2] = {noise(rows[r].a, 3, ad), noise(rows[r].a, 0, NULL)};
            check_exact(g, x, variant == 2 ? 2 : 1, variant ? 1 : N_CPUS, variant ? "matmul_integer" : "qlinear_matmul", (int)r * 10 + variant);
            tn_tensor_release(x[0]), tn_tensor_release(x[1]);
            tn_graph_release(g);
        }
}

/* ---- dequantised graphs -------------------------------------------------------------------------------------- */

static tn_value dequantise(tn_graph *g, tn_value q, tn_value scale, tn_value zero, int64_t axis) {
    tn_attr a = {.name = "axis", .kind = TN_ATTR_INT, .i = axis};
    return tn_graph_op(g, "dequantize_linear", (tn_value[]){q, scale, zero}, 3, &a, 1, 1);
}

static tn_value requantise(tn_graph *g, tn_value x, tn_dtype d, double scale, double zero) {
    tn_value s = scalar(g, TN_DTYPE_f32, scale), z = scalar(g, d, zero);
    return dequantise(g, tn_graph_op(g, "quantize_linear", (tn_value[]){x, s, z}, 3, NULL, 0, 1), s, z, 1);
}

static tn_value op(tn_graph *g, const char *name, tn_value a) { return tn_graph_op(g, name, &a, 1, NULL, 0, 1); }

/* conv of dequantised weights; the bias dequantised or plain. */
static tn_value dq_conv(tn_graph *g, tn_value x, int64_t ic, int64_t oc, int64_t k, int64_t pad, int64_t group, bool plain_bias) {
    int64_t wd[4] = {oc, ic / group, k, k}, pads[4] = {pad, pad, pad, pad};
    tn_attr attrs[2] = {{.name = "pads", .kind = TN_ATTR_INTS, .n = 4, .ints = pads}, {.name = "group", .kind = TN_ATTR_INT, .i = group}};
    tn_value w = dequantise(g, random_constant(g, TN_DTYPE_i8, 4, wd), random_constant(g, TN_DTYPE_f32, 1, &oc), filled(g, TN_DTYPE_i8, oc, 0), 0);
    tn_value b = plain_bias ? random_constant(g, TN_DTYPE_f32, 1, &oc)
                            : dequantise(g, random_constant(g, TN_DTYPE_i32, 1, &oc), random_constant(g, TN_DTYPE_f32, 1, &oc), filled(g, TN_DTYPE_i32, oc, 0), 0);
    return tn_graph_op(g, "conv", (tn_value[]){x, w, b}, 3, attrs, 2, 1);
}

/* A fire module, a depthwise convolution, a residual addition, a classifier; `d` the type of the activations. Ends quantised. */
static tn_graph *network(tn_dtype d, int64_t channels, bool gemm) {
    tn_graph *g;
    ok(tn_graph_create(context, "qdq", &g));
    int64_t dims[4] = {1, 3, 15, 13}, kernel[2] = {3, 3}, two[2] = {2, 2};
    double zero = d == TN_DTYPE_i8 ? -128 : 0, middle = d == TN_DTYPE_i8 ? 5 : 120;
    tn_value x = requantise(g, tn_graph_input(g, "x", TN_DTYPE_f32, 4, dims), d, 0.02, middle);
    tn_value a = requantise(g, op(g, "relu", dq_conv(g, x, 3, channels, 3, 1, 1, false)), d, 3.5, zero);
    tn_attr pool[2] = {{.name = "kernel_shape", .kind = TN_ATTR_INTS, .n = 2, .ints = kernel},
                       {.name = "strides", .kind = TN_ATTR_INTS, .n = 2, .ints = two}};
    a = requantise(g, tn_graph_op(g, "max_pool", &a, 1, pool, 2, 1), d, 3.5, zero);
    tn_value left = requantise(g, op(g, "relu", dq_conv(g, a, channels, channels, 1, 0, 1, true)), d, 200, middle); /* relu above the least value */
    tn_value right = requantise(g, dq_conv(g, a, channels, channels, 3, 1, channels, false), d, 60, middle);
    tn_value sum = requantise(g, tn_graph_op(g, "add", (tn_value[]){left, right}, 2, NULL, 0, 1), d, 240, middle);
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = 1};
    tn_value cat = requantise(g, tn_graph_op(g, "concat", (tn_value[]){sum, right}, 2, &axis, 1, 1), d, 240, middle);
    int64_t features = 2 * channels * 7 * 6, classes = 10, wd[2] = {gemm ? classes : features, gemm ? features : classes};
    tn_value flat = requantise(g, op(g, "flatten", cat), d, 240, middle), fc;
    tn_value w = dequantise(g, random_constant(g, TN_DTYPE_i8, 2, wd), random_constant(g, TN_DTYPE_f32, 1, &classes), filled(g, TN_DTYPE_i8, classes, 0), gemm ? 0 : 1);
    if (gemm) {
        tn_attr transposed = {.name = "transB", .kind = TN_ATTR_INT, .i = 1};
        fc = tn_graph_op(g, "gemm", (tn_value[]){flat, w, random_constant(g, TN_DTYPE_f32, 1, &classes)}, 3, &transposed, 1, 1);
    } else fc = tn_graph_op(g, "matmul", (tn_value[]){flat, w}, 2, NULL, 0, 1);
    tn_value s = scalar(g, TN_DTYPE_f32, 4e5), z = scalar(g, d, middle);
    tn_graph_output(g, "y", tn_graph_op(g, "quantize_linear", (tn_value[]){fc, s, z}, 3, NULL, 0, 1));
    ok(tn_graph_check(g));
    return g;
}

static int64_t steps_apart(const tn_tensor *a, const tn_tensor *b) {
    int64_t worst = 0;
    assert_int_equal(tn_tensor_get_dtype(a), tn_tensor_get_dtype(b));
    for (int64_t i = 0; i < tn_tensor_get_elements(a); i++) {
        int64_t d = tn__load_i64(tn_tensor_get_dtype(a), tn_tensor_get_data(a), i) - tn__load_i64(tn_tensor_get_dtype(b), tn_tensor_get_data(b), i);
        if (llabs(d) > worst) worst = llabs(d);
    }
    return worst;
}

static void dequantised(void **s) {
    (void)s;
    static const int64_t channels[] = {16, 5, 24};
    for (size_t k = 0; k < 3; k++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            tn_graph *g = network(is_signed ? TN_DTYPE_i8 : TN_DTYPE_u8, channels[k], (k + (size_t)is_signed) % 2);
            tn_tensor *x, *want, *got, *plain;
            ok(tn_tensor_create(context, TN_DTYPE_f32, 4, (int64_t[]){1, 3, 15, 13}, &x));
            for (int64_t i = 0; i < tn_tensor_get_elements(x); i++) ((float *)tn_tensor_get_data(x))[i] = (float)random_in(-3000, 3000) / 1000;
            ((float *)tn_tensor_get_data(x))[7] = NAN, ((float *)tn_tensor_get_data(x))[8] = INFINITY;
            uint32_t calls;
            run(g, "ref", "host", "", &x, 1, &want, NULL);
            run(g, "cpu", "host", "quant", &x, 1, &plain, NULL);
            for (size_t c = 0; c < N_CPUS; c++) {
                run(g, "cpu", cpus[c], "", &x, 1, &got, &calls);
                assert_int_equal(calls, 0);
                if (steps_apart(want, got) > 1) fail_msg("network %zu on %s: %d steps apart", k, cpus[c], (int)steps_apart(want, got));
                tn_tensor_release(got);
            }
            if (steps_apart(want, plain) > 1) fail_msg("network %zu without pass quant: %d steps apart", k, (int)steps_apart(want, plain));
            tn_tensor_release(x), tn_tensor_release(want), tn_tensor_release(plain);
            tn_graph_release(g);
        }
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(convolutions), cmocka_unit_test(products), cmocka_unit_test(dequantised)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
