/* Reference evaluation of qlinear_conv, conv_integer, qlinear_matmul and matmul_integer: sums of products of 8-bit integers are exact in
 * f64, then scaled in f32 and rounded half to even. */
#include "op/conv/conv_eval.h"
#include "op/linalg/matmul.h"
#include "op/quant/quantize.h"

#include <inttypes.h>

static double at(const tn_tensor *t, int64_t i) { return tn__load_f64(t->dtype, t->data, t->elements == 1 ? 0 : i); }

/* The sum in units of y: both it and the product with the scales are rounded to f32, as kernels compute them. */
static double scaled(double sum, double scale) { return tn__round_to(TN_DTYPE_f32, tn__round_to(TN_DTYPE_f32, sum) * scale); }

/* x_scale * w_scale / y_scale in the scale's own precision */
static double multiplier(const tn_tensor *x, int64_t i, const tn_tensor *w, int64_t j, const tn_tensor *y) {
    return tn__round_to(x->dtype, tn__round_to(x->dtype, at(x, i) * at(w, j)) / at(y, 0));
}

static void store_i32(tn_tensor *out, const double *y) {
    for (int64_t i = 0; i < out->elements; i++) tn__store_i64(out->dtype, out->data, i, (int64_t)y[i]); /* wraps in 32 bits */
}

tn_error *tn__eval_conv_integer(tn__eval *c) {
    double *y;
    TN__TRY(tn__conv_run(c, c->in[0], tn__eval_in(c, 2), c->in[1], tn__eval_in(c, 3), NULL, &y));
    store_i32(c->out[0], y);
    tn__eval_free_f64(c, y, c->out[0]->elements);
    return NULL;
}

static tn_error *not_empty(const tn__eval *c, uint32_t k) {
    const tn_tensor *t = tn__eval_in(c, k);
    return t && t->elements ? NULL : TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand %u is %s, wanted one element or more", k, t ? "empty" : "missing");
}

tn_error *tn__eval_qlinear_conv(tn__eval *c) {
    static const uint32_t scales[4] = {1, 4, 6, 7};
    for (int i = 0; i < 4; i++) TN__TRY(not_empty(c, scales[i]));
    tn_tensor *out = c->out[0];
    double *y;
    TN__TRY(tn__conv_run(c, c->in[0], c->in[2], c->in[3], c->in[5], tn__eval_in(c, 8), &y));
    int64_t channels = out->dims[1], plane = tn__window_product(out->rank - 2, out->dims + 2);
    for (int64_t i = 0; i < out->elements; i++)
        tn__quant_store(out->dtype, out->data, i, scaled(y[i], multiplier(c->in[1], 0, c->in[4], i / plane % channels, c->in[6])), at(c->in[7], 0), true);
    tn__eval_free_f64(c, y, out->elements);
    return NULL;
}

/* A scale or zero point: one element, one per row (column), or one per row of every matrix. *out_each: elements per matrix, 0 = shared. */
static tn_error *per_row(const tn__eval *c, uint32_t k, int64_t rows, int64_t matrices, int64_t *out_each) {
    const tn_tensor *t = tn__eval_in(c, k);
    *out_each = 0;
    if (!t || t->elements == 1 || t->elements == rows) return NULL;
    *out_each = rows;
    if (t->elements == rows * matrices) return NULL;
    return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand %u has %" PRId64 " elements, wanted 1, %" PRId64 " or %" PRId64, k, t->elements, rows,
                         rows * matrices);
}

/* x[matrix][m][n] minus the zero points of its rows or columns */
static tn_error *centre(const tn__eval *c, uint32_t k, double *x, int64_t matrices, int64_t m, int64_t n, bool rows) {
    const tn_tensor *zero = tn__eval_in(c, k);
    int64_t each;
    TN__TRY(per_row(c, k, rows ? m : n, matrices, &each));
    for (int64_t i = 0; zero && i < matrices * m * n; i++) x[i] -= at(zero, i / (m * n) * each + (rows ? i / n % m : i % n));
    return NULL;
}

/* The product of operands ka and kb minus their zero points (operands kza, kzb) as a new array. */
static tn_error *product(const tn__eval *c, const tn__matmul *p, uint32_t ka, uint32_t kza, uint32_t kb, uint32_t kzb, double **out) {
    const tn_tensor *a = c->in[ka], *b = c->in[kb];
    *out = NULL;
    double *x = tn__eval_load_f64(c, a), *y = tn__eval_load_f64(c, b);
    tn_error *e = x && y ? NULL : tn__error_oom();
    if (!e && a->elements) e = centre(c, kza, x, p->a_matrices, p->m, p->k, true);
    if (!e && b->elements) e = centre(c, kzb, y, p->b_matrices, p->k, p->n, false);
    if (!e && !(*out = tn__matmul_f64(c, p, x, y))) e = tn__error_oom();
    tn__eval_free_f64(c, x, a->elements);
    tn__eval_free_f64(c, y, b->elements);
    return e;
}

tn_error *tn__eval_matmul_integer(tn__eval *c) {
    tn__matmul p;
    double *y;
    tn__matmul_prepare(c->in[0], c->in[1], &p);
    TN__TRY(product(c, &p, 0, 2, 1, 3, &y));
    store_i32(c->out[0], y);
    tn__eval_free_f64(c, y, c->out[0]->elements);
    return NULL;
}

tn_error *tn__eval_qlinear_matmul(tn__eval *c) {
    for (uint32_t k = 1; k < 8; k++)
        if (k != 3) TN__TRY(not_empty(c, k));
    tn__matmul p;
    double *y;
    int64_t each_a, each_b, index[TN_MAX_RANK] = {0};
    tn_tensor *out = c->out[0];
    tn__matmul_prepare(c->in[0], c->in[3], &p);
    TN__TRY(per_row(c, 1, p.m, p.a_matrices, &each_a));
    TN__TRY(per_row(c, 4, p.n, p.b_matrices, &each_b));
    TN__TRY(product(c, &p, 0, 2, 3, 5, &y));
    for (int64_t q = 0; q < p.matrices && out->elements; q++) {
        int64_t ma, mb;
        tn__matmul_operands(&p, index, &ma, &mb);
        for (int64_t i = 0; i < p.m * p.n; i++) {
            double scale = multiplier(c->in[1], ma * each_a + i / p.n, c->in[4], mb * each_b + i % p.n, c->in[6]);
            tn__quant_store(out->dtype, out->data, q * p.m * p.n + i, scaled(y[q * p.m * p.n + i], scale), at(c->in[7], 0), true);
        }
        tn__next_index(p.batch_rank, p.batch, index);
    }
    tn__eval_free_f64(c, y, out->elements);
    return NULL;
}
