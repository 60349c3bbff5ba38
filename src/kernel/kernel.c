#include "kernel/kernel.h"

int32_t tn__kx(tn__kernel *k, tn__kop op, tn_dtype dtype, int32_t a, int32_t b, int32_t c) {
    if (k->n_exprs >= TN__K_EXPRS) return -1;
    tn__kexpr *e = &k->exprs[k->n_exprs];
    memset(e, 0, sizeof *e);
    e->op = op;
    e->dtype = dtype;
    e->arg[0] = (int16_t)a;
    e->arg[1] = (int16_t)b;
    e->arg[2] = (int16_t)c;
    return k->n_exprs++;
}

int32_t tn__kx_const(tn__kernel *k, tn_dtype dtype, double value) {
    int32_t e = tn__kx(k, TN__KX_CONST, dtype, -1, -1, -1);
    if (e >= 0) k->exprs[e].value = value;
    return e;
}

tn_dtype tn__kernel_compute_dtype(tn_dtype d) {
    switch (d) {
    case TN_DTYPE_f64:
    case TN_DTYPE_f32:
    case TN_DTYPE_i64:
    case TN_DTYPE_i32:
    case TN_DTYPE_bool: return d;
    case TN_DTYPE_f16:
    case TN_DTYPE_bf16: return TN_DTYPE_f32; /* rounded by stores */
    case TN_DTYPE_i8:
    case TN_DTYPE_u8:
    case TN_DTYPE_i16:
    case TN_DTYPE_u16: return TN_DTYPE_i32; /* widened by loads, cut by stores */
    default: return TN_DTYPE_NONE;
    }
}

int32_t tn__kx_load(tn__kernel *k, int32_t buffer, const tn__kmap *map) {
    int32_t e = tn__kx(k, TN__KX_LOAD, tn__kernel_compute_dtype(k->buffer_dtype[buffer]), -1, -1, -1);
    if (e < 0) return e;
    k->exprs[e].buffer = (int16_t)buffer;
    k->exprs[e].map = *map;
    return e;
}

void tn__kernel_finish(tn__kernel *k) {
    double per_step = 1;
    k->grid = 1;
    for (int32_t d = 0; d < k->n_dims; d++) {
        if (d >= k->n_spatial || d == k->v) per_step *= (double)k->extent[d];
        else if (d == k->j) k->grid *= tn__ceil_div(k->extent[d], k->nv), per_step *= k->nv;
        else if (d == k->m) {
            int64_t tiles = tn__ceil_div(k->extent[d], k->mr);
            if (!k->m_chunk || k->m_chunk > tiles) k->m_chunk = (int32_t)tiles;
            k->grid *= tn__ceil_div(tiles, k->m_chunk);
            per_step *= (double)k->mr * k->m_chunk;
        } else k->grid *= k->extent[d];
    }
    double exprs = k->n_exprs > 2 ? k->n_exprs / 2.0 : 1;
    k->work = per_step * exprs < 0x1p40 ? (int64_t)(per_step * exprs) + 1 : INT64_C(1) << 40;
}
