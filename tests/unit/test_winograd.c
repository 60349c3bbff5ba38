/* Option `winograd`: results stay within the bound that is computed before any run, for every size, padding, batch and epilogue; bits do not
 * depend on threads; what is over winograd_max_error is left as it was. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "kernel/winograd.h"
#include "tenon/tenon.h"

static tn_context *c;

typedef struct problem {
    int64_t n, c, k, h, w;
    int64_t pads[4]; /* top, left, bottom, right */
    bool residual;   /* relu(conv + bias + r) */
} problem;

static int64_t out_size(const problem *p, int axis) { return (axis ? p->w : p->h) + p->pads[axis] + p->pads[axis + 2] - 2; }

static tn_tensor *new_tensor(int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    ok(tn_tensor_create(c, TN_DTYPE_f32, rank, dims, &t));
    return t;
}

static float *data_of(tn_tensor *t) { return tn_tensor_get_data(t); }

static uint32_t state;
static float uniform(void) {
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / (1 << 23) - 1;
}

/* ---- weights and inputs that are hard ---------------------------------------------------------------------------- */

enum { W_RANDOM, W_CANCELS, W_CORNER, W_SMOOTH, W_KINDS };

/* CANCELS: channels 2 i and 2 i + 1 have opposite weights; with inputs that are equal there the results are 0. */
static tn_tensor *make_weights(const problem *p, int kind) {
    tn_tensor *t = new_tensor(4, (const int64_t[]){p->k, p->c, 3, 3});
    float *w = data_of(t);
    state = 1;
    for (int64_t i = 0; i < p->k * p->c * 9; i++) {
        int64_t channel = i / 9 % p->c;
        float r = uniform();
        if (kind == W_CANCELS && channel % 2) w[i] = -w[i - 9];
        else if (kind == W_CORNER) w[i] = i % 9 == 0 ? r : 0;
        else w[i] = kind == W_SMOOTH ? 1 + r / 64 : r;
    }
    return t;
}

enum { X_RANDOM, X_EQUAL_PAIRS, X_ALIGNED, X_WIDE_RANGE, X_SPIKE, X_CHECKERS, X_KINDS };

/* ALIGNED: the signs with which a row of B^T of F(4,3) adds up most. */
static void fill_input(const problem *p, int kind, float *x) {
    static const float signs[] = {1, -1, -1, 1};
    state = 7;
    for (int64_t i = 0; i < p->n * p->c * p->h * p->w; i++) {
        int64_t column = i % p->w, row = i / p->w % p->h, channel = i / (p->w * p->h) % p->c;
        float r = uniform();
        switch (kind) {
        case X_EQUAL_PAIRS: x[i] = channel % 2 ? x[i - p->w * p->h] : 1000 + r; break;
        case X_ALIGNED: x[i] = signs[(row + p->pads[0]) % 4] * signs[(column + p->pads[1]) % 4]; break;
        case X_WIDE_RANGE: x[i] = ldexpf(r, (int)(state >> 3) % 24 - 20); break;
        case X_SPIKE: x[i] = i % 97 ? r * 1e-3f : 1e6f; break;
        case X_CHECKERS: x[i] = (row + column) % 2 ? 1 : -1; break;
        default: x[i] = r;
        }
    }
}

/* ---- one convolution --------------------------------------------------------------------------------------------- */

static tn_executable *compile(const problem *p, tn_tensor *weights, tn_tensor *bias, const char *winograd, const char *most, const char *threads,
                              const char *cpu) {
    tn_graph *g;
    tn_options *o;
    tn_executable *x;
    ok(tn_graph_create(c, "g", &g));
    int64_t out[] = {p->n, p->k, out_size(p, 0), out_size(p, 1)};
    tn_value in = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (const int64_t[]){p->n, p->c, p->h, p->w});
    tn_value r = tn_graph_input(g, "r", TN_DTYPE_f32, 4, out);
    tn_attr pads = {.name = "pads", .kind = TN_ATTR_INTS, .n = 4, .ints = p->pads};
    tn_value y = tn_graph_op(g, "conv", (tn_value[]){in, tn_graph_constant(g, weights), tn_graph_constant(g, bias)}, 3, &pads, 1, 1);
    if (p->residual) y = tn_graph_op(g, "add", (tn_value[]){y, r}, 2, NULL, 0, 1), y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
    tn_graph_output(g, "y", y);
    ok(tn_graph_check(g));
    ok(tn_options_create(c, &o));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "threads", threads));
    ok(tn_options_set(o, "winograd", winograd));
    ok(tn_options_set(o, "winograd_max_error", most));
    ok(tn_options_set(o, "cpu", cpu));
    ok(tn_compile(g, o, &x));
    tn_options_release(o), tn_graph_release(g);
    return x;
}

static tn_tensor *run(tn_executable *x, tn_tensor *in, tn_tensor *r) {
    tn_tensor *out = NULL;
    ok(tn_executable_run(x, (tn_tensor *[]){in, r}, 2, &out, 1));
    return out;
}

static uint64_t kernels_of(tn_executable *x) {
    tn_executable_stats s = {.struct_size = sizeof s};
    ok(tn_executable_get_stats(x, &s));
    return s.n_kernels;
}

typedef struct tensors {
    tn_tensor *weights, *bias, *in, *r;
} tensors;

static tensors make_tensors(const problem *p, int weights, int input) {
    tensors t = {make_weights(p, weights), new_tensor(1, &p->k), new_tensor(4, (const int64_t[]){p->n, p->c, p->h, p->w}),
                 new_tensor(4, (const int64_t[]){p->n, p->k, out_size(p, 0), out_size(p, 1)})};
    for (int64_t i = 0; i < p->k; i++) data_of(t.bias)[i] = uniform();
    for (int64_t i = 0; i < tn_tensor_get_elements(t.r); i++) data_of(t.r)[i] = uniform();
    fill_input(p, input, data_of(t.in));
    return t;
}

static void free_tensors(const tensors *t) {
    tn_tensor_release(t->weights), tn_tensor_release(t->bias), tn_tensor_release(t->in), tn_tensor_release(t->r);
}

/* Against sums in double: the convolution may be off by `bound`, the two additions behind it by their own rounding. */
static void check_against_double(const problem *p, const tensors *t, double bound, const float *found) {
    const float *x = data_of(t->in), *w = data_of(t->weights), *bias = data_of(t->bias), *r = data_of(t->r);
    double largest = 0;
    for (int64_t i = 0; i < p->n * p->c * p->h * p->w; i++) largest = fmax(largest, fabs((double)x[i]));
    for (int64_t k = 0; k < p->k; k++) {
        double weight = 0;
        for (int64_t i = 0; i < p->c * 9; i++) weight += fabs((double)w[k * p->c * 9 + i]);
        for (int64_t n = 0; n < p->n; n++)
            for (int64_t oy = 0; oy < out_size(p, 0); oy++)
                for (int64_t ox = 0; ox < out_size(p, 1); ox++) {
                    double sum = 0;
                    for (int64_t channel = 0; channel < p->c; channel++)
                        for (int64_t tap = 0; tap < 9; tap++) {
                            int64_t y = oy + tap / 3 - p->pads[0], column = ox + tap % 3 - p->pads[1];
                            if (y < 0 || y >= p->h || column < 0 || column >= p->w) continue;
                            sum += (double)w[(k * p->c + channel) * 9 + tap] * x[((n * p->c + channel) * p->h + y) * p->w + column];
                        }
                    int64_t at = ((n * p->k + k) * out_size(p, 0) + oy) * out_size(p, 1) + ox;
                    double wanted = sum + bias[k], allowed = bound * largest * weight + (fabs(sum) + 4) * 0x1p-22;
                    if (p->residual) wanted = fmax(wanted + r[at], 0);
                    if (!(fabs(found[at] - wanted) <= allowed))
                        fail_msg("image %lld channel %lld pixel %lld %lld: found %.9g, wanted %.9g +- %.3g", (long long)n, (long long)k,
                                 (long long)oy, (long long)ox, found[at], wanted, allowed);
                }
    }
}

/* The bound of form i; its text with a little room, for the option. */
static double bound_of(const tensors *t, int form, char text[32]) {
    double bound;
    ok(tn__winograd_transform(c, &tn__winograd_forms[form], t->weights, &bound, NULL));
    snprintf(text, 32, "%.9f", bound * 1.000001 + 1e-9);
    return bound;
}

static void check(const problem *p, int weights, int input, int form, const char *cpu) {
    tensors t = make_tensors(p, weights, input);
    char most[2][32];
    double bound[2] = {bound_of(&t, 0, most[0]), bound_of(&t, 1, most[1])};
    assert_true(bound[1] < bound[0]); /* so that the option decides on the form, where both are faster */
    tn_executable *x = compile(p, t.weights, t.bias, "auto", most[form], "1", cpu), *off = compile(p, t.weights, t.bias, "off", most[form], "1", cpu);
    if (kernels_of(x) < kernels_of(off) + 4)
        fail_msg("%lld channels of %lld x %lld to %lld are not done by form %d", (long long)p->c, (long long)p->h, (long long)p->w, (long long)p->k, form);
    tn_tensor *out = run(x, t.in, t.r);
    check_against_double(p, &t, bound[form], data_of(out));
    tn_tensor_release(out), tn_executable_release(x), tn_executable_release(off), free_tensors(&t);
}

static const problem problems[] = {
    {1, 64, 64, 14, 14, {1, 1, 1, 1}, false},  /* one block */
    {1, 32, 48, 56, 56, {1, 1, 1, 1}, true},   /* many */
    {2, 40, 24, 30, 37, {1, 1, 1, 1}, true},   /* channels that fill no vector; tiles over both ends */
    {4, 64, 64, 5, 6, {1, 1, 1, 1}, true},     /* hardly more than a tile */
    {3, 96, 64, 7, 9, {0, 2, 1, 0}, false},    /* pads on some sides */
    {1, 48, 32, 34, 123, {0, 0, 0, 0}, true},  /* lines of several blocks; none */
    {9, 64, 48, 8, 8, {1, 1, 1, 1}, true},     /* an image a block */
    {1, 64, 33, 33, 20, {2, 1, 2, 1}, false},  /* wider than needed */
    {1, 30, 100, 21, 23, {1, 1, 1, 1}, true},
};

static void test_sizes(void **s) {
    (void)s;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++)
        for (int form = 0; form < 2; form++) check(&problems[i], W_RANDOM, X_RANDOM, form, "host");
}

static void test_vectors(void **s) {
    (void)s;
    for (size_t i = 0; i < 4; i++) check(&problems[i], W_RANDOM, X_RANDOM, 0, "x86-64-v3"), check(&problems[i], W_RANDOM, X_RANDOM, 0, "x86-64");
}

static void test_hard_numbers(void **s) {
    (void)s;
    static const problem p = {1, 64, 32, 15, 14, {1, 1, 1, 1}, false};
    for (int w = 0; w < W_KINDS; w++)
        for (int x = 0; x < X_KINDS; x++)
            for (int form = 0; form < 2; form++) check(&p, w, x, form, "host");
}

static void test_threads(void **s) {
    (void)s;
    for (size_t i = 0; i < sizeof problems / sizeof *problems; i++) {
        tensors t = make_tensors(&problems[i], W_RANDOM, X_RANDOM);
        static const char *const threads[] = {"1", "2", "3", "7"};
        tn_tensor *first = NULL;
        for (int n = 0; n < 4; n++) {
            tn_executable *x = compile(&problems[i], t.weights, t.bias, "auto", "1", threads[n], "host");
            tn_tensor *out = run(x, t.in, t.r);
            if (first) assert_memory_equal(data_of(first), data_of(out), (size_t)tn_tensor_get_elements(out) * sizeof(float));
            else first = out;
            if (n) tn_tensor_release(out);
            tn_executable_release(x);
        }
        tn_tensor_release(first), free_tensors(&t);
    }
}

/* Over the bound, or without one: bit for bit the direct convolution. */
static void test_over_the_bound(void **s) {
    (void)s;
    const problem *p = &problems[0];
    for (int infinite = 0; infinite < 2; infinite++) {
        tensors t = make_tensors(p, W_RANDOM, X_RANDOM);
        char most[32];
        double bound = bound_of(&t, 1, most);
        if (infinite) data_of(t.weights)[5] = INFINITY, assert_true(isinf(bound_of(&t, 1, most)));
        snprintf(most, sizeof most, "%.9f", infinite ? 1 : bound * 0.999);
        tn_executable *x = compile(p, t.weights, t.bias, "auto", most, "1", "host"), *off = compile(p, t.weights, t.bias, "off", most, "1", "host");
        assert_true(kernels_of(x) == kernels_of(off));
        tn_tensor *a = run(x, t.in, t.r), *b = run(off, t.in, t.r);
        assert_memory_equal(data_of(a), data_of(b), (size_t)tn_tensor_get_elements(a) * sizeof(float));
        tn_tensor_release(a), tn_tensor_release(b), tn_executable_release(x), tn_executable_release(off), free_tensors(&t);
    }
}

/* A^T [(G g G^T) . (B^T d B)] A is the convolution, for each tap and each input. */
static void test_identity(void **s) {
    (void)s;
    for (int i = 0; i < TN__WINOGRAD_FORMS; i++) {
        const tn__winograd *f = &tn__winograd_forms[i];
        for (int out = 0; out < f->m; out++)
            for (int tap = 0; tap < 3; tap++)
                for (int in = 0; in < f->n; in++) {
                    double y = 0;
                    for (int p = 0; p < f->n; p++) y += f->at[out][p] * f->g[p][tap] * f->bt[p][in];
                    assert_true(fabs(y - (out + tap == in)) < 1e-14);
                }
    }
}

static int begin(void **s) {
    (void)s;
    ok(tn_context_create(NULL, &c));
    return 0;
}

static int end(void **s) {
    (void)s;
    tn_context_release(c);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_identity), cmocka_unit_test(test_sizes),       cmocka_unit_test(test_vectors),
                                       cmocka_unit_test(test_hard_numbers), cmocka_unit_test(test_threads), cmocka_unit_test(test_over_the_bound)};
    return cmocka_run_group_tests(tests, begin, end);
}
