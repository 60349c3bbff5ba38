/* Reference evaluation of matmul, gemm and det: f64 for floats, wrapping 64-bit for integers. */
#include "op/linalg/matmul.h"
#include "op/linalg/panel.h"

#include <math.h>

void tn__matmul_prepare(const tn_tensor *a, const tn_tensor *b, tn__matmul *p) {
    memset(p, 0, sizeof *p);
    p->m = a->rank > 1 ? a->dims[a->rank - 2] : 1;
    p->n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    p->k = a->dims[a->rank - 1];
    int32_t batch_a = a->rank > 2 ? a->rank - 2 : 0, batch_b = b->rank > 2 ? b->rank - 2 : 0;
    p->batch_rank = batch_a > batch_b ? batch_a : batch_b;
    p->a_matrices = p->b_matrices = p->matrices = 1;
    for (int32_t i = p->batch_rank - 1; i >= 0; i--) {
        int32_t ia = i - (p->batch_rank - batch_a), ib = i - (p->batch_rank - batch_b);
        int64_t x = ia >= 0 ? a->dims[ia] : 1, y = ib >= 0 ? b->dims[ib] : 1;
        p->batch[i] = x == 1 ? y : x;
        p->a_stride[i] = x == 1 ? 0 : p->a_matrices;
        p->b_stride[i] = y == 1 ? 0 : p->b_matrices;
        p->a_matrices *= x;
        p->b_matrices *= y;
        p->matrices *= p->batch[i];
    }
}

void tn__matmul_operands(const tn__matmul *p, const int64_t *index, int64_t *out_a, int64_t *out_b) {
    *out_a = *out_b = 0;
    for (int32_t i = 0; i < p->batch_rank; i++) {
        *out_a += index[i] * p->a_stride[i];
        *out_b += index[i] * p->b_stride[i];
    }
}

double *tn__matmul_f64(const tn__eval *c, const tn__matmul *p, const double *a, const double *b) {
    int64_t mn = p->m * p->n, index[TN_MAX_RANK] = {0}, packed = -1;
    int64_t panel_elements = tn__panel_elements(p->n, p->k);
    double *out = tn__eval_temp_f64(c, p->matrices * mn), *panels = tn__eval_temp_f64(c, panel_elements);
    for (int64_t i = 0; out && panels && i < p->matrices && mn; i++) {
        int64_t ma, mb;
        tn__matmul_operands(p, index, &ma, &mb);
        if (mb != packed) tn__panel_pack(p->n, p->k, b + mb * p->k * p->n, p->n, 1, panels);
        packed = mb;
        tn__panel_product(p->m, p->n, p->k, a + ma * p->m * p->k, p->k, 1, panels, out + i * mn, p->n);
        tn__next_index(p->batch_rank, p->batch, index);
    }
    if (!panels) tn__eval_free_f64(c, out, p->matrices * mn), out = NULL;
    tn__eval_free_f64(c, panels, panel_elements);
    return out;
}

static tn_error *eval_float(tn__eval *c, const tn__matmul *p) {
    const tn_tensor *a = c->in[0], *b = c->in[1];
    double *x = tn__eval_load_f64(c, a), *y = tn__eval_load_f64(c, b);
    double *z = x && y ? tn__matmul_f64(c, p, x, y) : NULL;
    if (z) tn__eval_store_f64(c->out[0], z);
    bool ok = z != NULL;
    tn__eval_free_f64(c, x, a->elements);
    tn__eval_free_f64(c, y, b->elements);
    tn__eval_free_f64(c, z, c->out[0]->elements);
    return ok ? NULL : tn__error_oom();
}

static uint64_t *load_u64(const tn__eval *c, const tn_tensor *t) {
    uint64_t *p = tn__alloc(c->a, (size_t)t->elements * sizeof *p);
    for (int64_t i = 0; p && i < t->elements; i++) p[i] = (uint64_t)tn__load_i64(t->dtype, t->data, i);
    return p;
}

static tn_error *eval_int(tn__eval *c, const tn__matmul *p) {
    const tn_tensor *a = c->in[0], *b = c->in[1];
    tn_tensor *out = c->out[0];
    uint64_t *x = load_u64(c, a), *y = load_u64(c, b);
    uint64_t *row = tn__alloc(c->a, (size_t)p->n * sizeof *row);
    bool ok = x && y && row;
    int64_t index[TN_MAX_RANK] = {0};
    for (int64_t q = 0; ok && q < p->matrices; q++) {
        int64_t ma, mb;
        tn__matmul_operands(p, index, &ma, &mb);
        for (int64_t i = 0; i < p->m; i++) {
            for (int64_t j = 0; j < p->n; j++) row[j] = 0;
            for (int64_t k = 0; k < p->k; k++) {
                uint64_t s = x[(ma * p->m + i) * p->k + k];
                const uint64_t *from = y + (mb * p->k + k) * p->n;
                for (int64_t j = 0; j < p->n; j++) row[j] += s * from[j]; /* modulo 2^64, then 2^bits at the store */
            }
            for (int64_t j = 0; j < p->n; j++) tn__store_i64(out->dtype, out->data, (q * p->m + i) * p->n + j, (int64_t)row[j]);
        }
        tn__next_index(p->batch_rank, p->batch, index);
    }
    tn__free(c->a, x, (size_t)a->elements * sizeof *x);
    tn__free(c->a, y, (size_t)b->elements * sizeof *y);
    tn__free(c->a, row, (size_t)p->n * sizeof *row);
    return ok ? NULL : tn__error_oom();
}

tn_error *tn__eval_matmul(tn__eval *c) {
    tn__matmul p;
    tn__matmul_prepare(c->in[0], c->in[1], &p);
    return tn__dtype_is_int(c->in[0]->dtype) ? eval_int(c, &p) : eval_float(c, &p);
}

tn_error *tn__eval_gemm(tn__eval *c) {
    const tn__attrs_gemm *attrs = c->attrs;
    const tn_tensor *a = c->in[0], *b = c->in[1], *bias = tn__eval_in(c, 2);
    tn_tensor *out = c->out[0];
    int64_t m = out->dims[0], n = out->dims[1], k = a->dims[attrs->transA ? 0 : 1], panel_elements = tn__panel_elements(n, k);
    double *x = tn__eval_load_f64(c, a), *y = tn__eval_load_f64(c, b), *panels = tn__eval_temp_f64(c, panel_elements);
    double *z = tn__eval_temp_f64(c, m * n);
    bool ok = x && y && panels && z;
    if (ok) {
        tn__panel_pack(n, k, y, attrs->transB ? 1 : n, attrs->transB ? k : 1, panels);
        tn__panel_product(m, n, k, x, attrs->transA ? 1 : k, attrs->transA ? m : 1, panels, z, n);
        int64_t strides[2] = {0, 0};
        if (bias) tn__broadcast_strides(bias, 2, strides);
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++) {
                double *s = &z[i * n + j];
                *s *= attrs->alpha;
                if (bias) *s += attrs->beta * tn__load_f64(bias->dtype, bias->data, i * strides[0] + j * strides[1]);
            }
        tn__eval_store_f64(out, z);
    }
    tn__eval_free_f64(c, x, a->elements);
    tn__eval_free_f64(c, y, b->elements);
    tn__eval_free_f64(c, panels, panel_elements);
    tn__eval_free_f64(c, z, m * n);
    return ok ? NULL : tn__error_oom();
}

/* Gaussian elimination with row pivoting; destroys x. */
static double determinant(double *x, int64_t n) {
    double det = 1;
    for (int64_t p = 0; p < n; p++) {
        int64_t best = p;
        for (int64_t i = p + 1; i < n; i++)
            if (fabs(x[i * n + p]) > fabs(x[best * n + p])) best = i;
        if (x[best * n + p] == 0) return 0;
        for (int64_t j = 0; best != p && j < n; j++) {
            double t = x[p * n + j];
            x[p * n + j] = x[best * n + j];
            x[best * n + j] = t;
        }
        if (best != p) det = -det;
        det *= x[p * n + p];
        for (int64_t i = p + 1; i < n; i++) {
            double f = x[i * n + p] / x[p * n + p];
            for (int64_t j = p; j < n; j++) x[i * n + j] -= f * x[p * n + j];
        }
    }
    return det;
}

tn_error *tn__eval_det(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    tn_tensor *out = c->out[0];
    int64_t n = t->dims[t->rank - 1];
    double *x = tn__eval_load_f64(c, t);
    if (!x) return tn__error_oom();
    for (int64_t i = 0; i < out->elements; i++) tn__store_f64(out->dtype, out->data, i, determinant(x + i * n * n, n));
    tn__eval_free_f64(c, x, t->elements);
    return NULL;
}
