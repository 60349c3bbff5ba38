/* f16 and bf16 as storage types of kernels: every value converts exactly, and networks on them agree with the reference as far as one
 * rounding per kernel instead of one per operation allows. Nothing here is a call of the reference. */
#include <float.h>
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
static uint32_t state = 3;
static const tn_value none;

static tn_tensor *noise(tn_dtype d, int32_t rank, const int64_t *dims, double scale) {
    tn_tensor *t;
    ok(tn_tensor_create(context, d, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) {
        state = state * 1664525u + 1013904223u;
        tn__store_f64(d, tn_tensor_get_data(t), i, ((double)(state >> 8) / 8388608.0 - 1.0) * scale);
    }
    return t;
}

static tn_value take(tn_graph *g, tn_tensor *t) {
    tn_value v = tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}

static tn_value weight(tn_graph *g, tn_dtype d, int32_t rank, const int64_t *dims, double scale) {
    return take(g, noise(d, rank, dims, scale));
}

static tn_value op(tn_graph *g, const char *name, tn_value a, tn_value b) {
    tn_value in[2] = {a, b};
    return tn_graph_op(g, name, in, b.id ? 2 : 1, NULL, 0, 1);
}

static tn_value cast(tn_graph *g, tn_value x, tn_dtype to) {
    tn_attr a = {.name = "to", .kind = TN_ATTR_INT, .i = to};
    return tn_graph_op(g, "cast", &x, 1, &a, 1, 1);
}

static void run(tn_graph *g, const char *device, const char *cpu, tn_tensor *x, tn_tensor **out, uint32_t n_out) {
    tn_options *o;
    tn_executable *exe;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "cpu", cpu));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_compile(g, o, &exe));
    for (uint32_t i = 0; i < n_out; i++) out[i] = NULL;
    ok(tn_executable_run(exe, &x, 1, out, n_out));
    tn_executable_stats s = {.struct_size = sizeof s};
    ok(tn_executable_get_stats(exe, &s));
    if (!strcmp(device, "cpu")) assert_int_equal(s.n_calls, 0);
    tn_executable_release(exe);
    tn_options_release(o);
}

/* ---- conversion ---------------------------------------------------------------------------------------------- */

/* The value of f16 bits by the definition of IEEE 754. */
static double value_of(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double x = e == 31 ? (m ? NAN : INFINITY) : e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h >> 15 ? -x : x;
}

static void same(double want, double got) {
    if (isnan(want) ? !isnan(got) : want != got || signbit(want) != signbit(got)) fail_msg("%a, wanted %a", got, want);
}

static void host_conversion(void **s) {
    (void)s;
    for (uint32_t h = 0; h < 65536; h++) same(value_of((uint16_t)h), tn__f16_to_f32((uint16_t)h));
    for (uint32_t h = 0; h < 0x7c00; h++) { /* every value, the midpoint to the next, and the floats beside it */
        float low = (float)value_of((uint16_t)h), high = h == 0x7bff ? 65536.0f : (float)value_of((uint16_t)(h + 1));
        float middle = (float)(((double)low + high) / 2);
        assert_int_equal(tn__f32_to_f16(low), h);
        assert_int_equal(tn__f32_to_f16(-low), h | 0x8000);
        assert_int_equal(tn__f32_to_f16(middle), h + (h & 1));
        assert_int_equal(tn__f32_to_f16(nextafterf(middle, 0)), h);
        assert_int_equal(tn__f32_to_f16(nextafterf(middle, INFINITY)), h + 1);
    }
    assert_true(isnan(tn__f16_to_f32(tn__f32_to_f16(NAN))));
    assert_int_equal(tn__f32_to_f16(-INFINITY), 0xfc00);
}

/* Floats that decide a rounding: all values of the type, midpoints, their neighbours, and what is out of range. */
static tn_tensor *deciding(tn_dtype d) {
    int64_t n = 5 * 65536 + 3; /* fills no vector */
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 1, &n, &t));
    float *x = tn_tensor_get_data(t);
    for (uint32_t h = 0; h < 65536; h++) {
        uint16_t a = (uint16_t)h, b = (uint16_t)(h + 1);
        double low = tn__load_f64(d, &a, 0), high = tn__load_f64(d, &b, 0);
        float middle = (float)((low + high) / 2);
        x[5 * h] = (float)low;
        x[5 * h + 1] = middle;
        x[5 * h + 2] = nextafterf(middle, -INFINITY);
        x[5 * h + 3] = nextafterf(middle, INFINITY);
        x[5 * h + 4] = (float)low * 1.0003f;
    }
    x[n - 3] = FLT_MAX, x[n - 2] = -FLT_MAX, x[n - 1] = FLT_TRUE_MIN;
    return t;
}

/* Both ways in one kernel each, and through a fused pair of casts. */
static void kernel_conversion(void **s) {
    (void)s;
    static const char *const cpus[] = {"host",
#if defined(__x86_64__)
                                       "x86-64-v2" /* no instruction for f16 */
#endif
    };
    static const tn_dtype halves[] = {TN_DTYPE_f16, TN_DTYPE_bf16};
    for (size_t c = 0; c < sizeof cpus / sizeof *cpus; c++)
        for (size_t k = 0; k < 2; k++) {
            tn_tensor *x = deciding(halves[k]), *out[2];
            int64_t n = tn_tensor_get_elements(x);
            tn_graph *g;
            ok(tn_graph_create(context, "casts", &g));
            tn_value v = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &n);
            tn_graph_output(g, "half", cast(g, v, halves[k]));
            tn_graph_output(g, "back", cast(g, cast(g, op(g, "neg", v, none), halves[k]), TN_DTYPE_f32));
            run(g, "cpu", cpus[c], x, out, 2);
            for (int64_t i = 0; i < n; i++) {
                float f = ((float *)tn_tensor_get_data(x))[i];
                uint16_t want = halves[k] == TN_DTYPE_f16 ? tn__f32_to_f16(f) : tn__f32_to_bf16(f);
                same(tn__load_f64(halves[k], &want, 0), tn__load_f64(halves[k], tn_tensor_get_data(out[0]), i));
                same(-tn__load_f64(halves[k], &want, 0), ((float *)tn_tensor_get_data(out[1]))[i]);
            }
            tn_graph_release(g);
            ok(tn_graph_create(context, "widen", &g));
            tn_graph_output(g, "y", cast(g, tn_graph_input(g, "x", halves[k], 1, &n), TN_DTYPE_f32));
            tn_tensor *half = out[0], *wide;
            run(g, "cpu", cpus[c], half, &wide, 1);
            for (int64_t i = 0; i < n; i++)
                same(tn__load_f64(halves[k], tn_tensor_get_data(half), i), ((float *)tn_tensor_get_data(wide))[i]);
            tn_graph_release(g);
            tn_tensor_release(wide), tn_tensor_release(out[0]), tn_tensor_release(out[1]), tn_tensor_release(x);
        }
}

/* ---- networks ------------------------------------------------------------------------------------------------ */

/* Largest difference, in parts of the largest value. */
static double worst(const tn_tensor *a, const tn_tensor *b) {
    tn_dtype d = tn_tensor_get_dtype(a);
    double w = 0, most = 0;
    assert_int_equal(d, tn_tensor_get_dtype(b));
    assert_int_equal(tn_tensor_get_elements(a), tn_tensor_get_elements(b));
    for (int64_t i = 0; i < tn_tensor_get_elements(a); i++) {
        double x = tn__load_f64(d, tn_tensor_get_data(a), i), y = tn__load_f64(d, tn_tensor_get_data(b), i);
        if (!(fabs(x - y) <= w)) w = fabs(x - y); /* NaN stays */
        if (fabs(x) > most) most = fabs(x);
    }
    return most > 0 ? w / most : w;
}

static tn_value conv(tn_graph *g, tn_dtype d, tn_value x, int64_t ic, int64_t oc, int64_t k, int64_t stride, int64_t group) {
    int64_t wd[4] = {oc, ic / group, k, k}, strides[2] = {stride, stride}, p = k / 2, pads[4] = {p, p, p, p};
    tn_attr attrs[3] = {{.name = "strides", .kind = TN_ATTR_INTS, .n = 2, .ints = strides},
                        {.name = "pads", .kind = TN_ATTR_INTS, .n = 4, .ints = pads},
                        {.name = "group", .kind = TN_ATTR_INT, .i = group}};
    tn_value in[3] = {x, weight(g, d, 4, wd, 0.3), weight(g, d, 1, &oc, 0.5)};
    return tn_graph_op(g, "conv", in, 3, attrs, 3, 1);
}

/* Convolutions (whole, pointwise, depthwise), batch normalisation, pools, a concatenation, a classifier with softmax. */
static tn_graph *images(tn_dtype d, int64_t channels, int64_t size) {
    tn_graph *g;
    ok(tn_graph_create(context, "net", &g));
    int64_t dims[4] = {2, 3, size, size}, kernel[2] = {3, 3}, two[2] = {2, 2}, pads[4] = {1, 1, 1, 1}, wd[2] = {33, 21}, c2 = 21;
    tn_value a = op(g, "relu", conv(g, d, tn_graph_input(g, "x", d, 4, dims), 3, channels, 3, 1, 1), none);
    tn_value bn[5] = {conv(g, d, a, channels, channels, 3, 1, channels), weight(g, d, 1, &channels, 1), weight(g, d, 1, &channels, 1),
                      weight(g, d, 1, &channels, 1), op(g, "abs", weight(g, d, 1, &channels, 1), none)};
    tn_value b = op(g, "hard_swish", tn_graph_op(g, "batch_normalization", bn, 5, NULL, 0, 1), none);
    tn_value c = op(g, "add", conv(g, d, b, channels, channels, 1, 1, 1), a);
    tn_attr pool[3] = {{.name = "kernel_shape", .kind = TN_ATTR_INTS, .n = 2, .ints = kernel},
                       {.name = "strides", .kind = TN_ATTR_INTS, .n = 2, .ints = two},
                       {.name = "pads", .kind = TN_ATTR_INTS, .n = 4, .ints = pads}};
    tn_value parts[2] = {tn_graph_op(g, "max_pool", &c, 1, pool, 3, 1), tn_graph_op(g, "average_pool", &c, 1, pool, 3, 1)};
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = 1};
    tn_value e = op(g, "sigmoid", conv(g, d, tn_graph_op(g, "concat", parts, 2, &axis, 1, 1), 2 * channels, 33, 3, 2, 1), none);
    tn_value f = op(g, "flatten", op(g, "global_average_pool", e, none), none);
    tn_value gemm[3] = {f, weight(g, d, 2, wd, 0.4), weight(g, d, 1, &c2, 1)};
    tn_graph_output(g, "y", op(g, "softmax", tn_graph_op(g, "gemm", gemm, 3, NULL, 0, 1), none));
    tn_graph_output(g, "features", e);
    ok(tn_graph_check(g));
    return g;
}

/* Layer norm, products of run-time operands, reductions, exponentials, a scalar constant and one in f32 between casts. */
static tn_graph *tokens(tn_dtype d, int64_t n, int64_t width) {
    tn_graph *g;
    ok(tn_graph_create(context, "tokens", &g));
    int64_t dims[3] = {2, n, width}, perm[3] = {0, 2, 1}, square[2] = {width, width};
    tn_value x = tn_graph_input(g, "x", d, 3, dims);
    tn_value ln[3] = {x, weight(g, d, 1, &width, 1), weight(g, d, 1, &width, 1)};
    tn_value h = tn_graph_op(g, "layer_normalization", ln, 3, NULL, 0, 1), q = op(g, "matmul", h, weight(g, d, 2, square, 0.3));
    tn_attr turn = {.name = "perm", .kind = TN_ATTR_INTS, .n = 3, .ints = perm};
    tn_value scores = op(g, "mul", op(g, "matmul", q, tn_graph_op(g, "transpose", &h, 1, &turn, 1, 1)), weight(g, d, 0, NULL, 0.2));
    tn_value y = op(g, "gelu", op(g, "matmul", op(g, "softmax", scores, none), h), none);
    tn_value wide = op(g, "tanh", op(g, "mul", cast(g, y, TN_DTYPE_f32), weight(g, TN_DTYPE_f32, 0, NULL, 3)), none);
    tn_graph_output(g, "y", op(g, "add", cast(g, wide, d), x));
    tn_graph_output(g, "mean", op(g, "reduce_mean", op(g, "exp", y, none), none));
    ok(tn_graph_check(g));
    return g;
}

static void networks(void **s) {
    (void)s;
    static const struct {
        tn_dtype dtype;
        double tolerance; /* about eight roundings */
    } rows[] = {{TN_DTYPE_f16, 4e-3}, {TN_DTYPE_bf16, 3.2e-2}};
    static const int64_t sizes[][2] = {{16, 12}, {5, 9}, {24, 17}};
    for (size_t r = 0; r < 2; r++)
        for (size_t k = 0; k < 6; k++) {
            int64_t a = sizes[k / 2][0], b = sizes[k / 2][1];
            tn_graph *g = k % 2 ? images(rows[r].dtype, a, b) : tokens(rows[r].dtype, a, b);
            tn_tensor *want[2], *got[2];
            tn_tensor *x = k % 2 ? noise(rows[r].dtype, 4, (int64_t[]){2, 3, b, b}, 1) : noise(rows[r].dtype, 3, (int64_t[]){2, a, b}, 1);
            run(g, "ref", "host", x, want, 2);
            run(g, "cpu", "host", x, got, 2);
            for (int i = 0; i < 2; i++) {
                double w = worst(want[i], got[i]);
                if (!(w <= rows[r].tolerance)) fail_msg("%s, network %zu, output %d: off by %g", tn_dtype_name(rows[r].dtype), k, i, w);
                tn_tensor_release(want[i]), tn_tensor_release(got[i]);
            }
            tn_tensor_release(x);
            tn_graph_release(g);
        }
}

/* Copies keep the bits, also those of a signalling NaN. */
static void moves(void **s) {
    (void)s;
    int64_t dims[3] = {3, 20, 33}, perm[3] = {2, 0, 1}, n = 6;
    tn_tensor *x = noise(TN_DTYPE_f16, 3, dims, 1), *pads, *want[2], *got[2];
    ((uint16_t *)tn_tensor_get_data(x))[5] = 0x7d01;
    ok(tn_tensor_create(context, TN_DTYPE_i64, 1, &n, &pads));
    memcpy(tn_tensor_get_data(pads), (int64_t[]){0, 1, 2, 0, 3, 1}, 48);
    tn_graph *g;
    ok(tn_graph_create(context, "moves", &g));
    tn_value v = tn_graph_input(g, "x", TN_DTYPE_f16, 3, dims);
    tn_attr turn = {.name = "perm", .kind = TN_ATTR_INTS, .n = 3, .ints = perm};
    tn_graph_output(g, "turned", tn_graph_op(g, "transpose", &v, 1, &turn, 1, 1));
    tn_graph_output(g, "padded", tn_graph_op(g, "pad", (tn_value[]){v, take(g, pads), weight(g, TN_DTYPE_f16, 0, NULL, 9)}, 3, NULL, 0, 1));
    run(g, "ref", "host", x, want, 2);
    run(g, "cpu", "host", x, got, 2);
    for (int i = 0; i < 2; i++) {
        assert_memory_equal(tn_tensor_get_data(want[i]), tn_tensor_get_data(got[i]), tn_tensor_get_bytes(want[i]));
        tn_tensor_release(want[i]), tn_tensor_release(got[i]);
    }
    tn_tensor_release(x);
    tn_graph_release(g);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(host_conversion), cmocka_unit_test(kernel_conversion), cmocka_unit_test(networks),
                                       cmocka_unit_test(moves)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
