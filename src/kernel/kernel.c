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

static int32_t f1(tn__kernel *k, tn__kop op, int32_t x) { return tn__kx(k, op, TN_DTYPE_f32, x, -1, -1); }
static int32_t f2(tn__kernel *k, tn__kop op, int32_t x, int32_t y) { return tn__kx(k, op, TN_DTYPE_f32, x, y, -1); }
static int32_t number(tn__kernel *k, double v) { return tn__kx_const(k, TN_DTYPE_f32, v); }

int32_t tn__kx_sigmoid(tn__kernel *k, int32_t x) {
    int32_t e = f1(k, TN__KX_EXP, f1(k, TN__KX_NEG, x));
    return f2(k, TN__KX_DIV, number(k, 1), f2(k, TN__KX_ADD, number(k, 1), e));
}

/* log(1 + x) for x >= 0. What rounding takes from x in w = 1 + x is missing in w - 1 too, so log(w) / (w - 1) * x is right for small x. */
static int32_t log_of_one_plus(tn__kernel *k, int32_t x) {
    int32_t w = f2(k, TN__KX_ADD, number(k, 1), x), d = f2(k, TN__KX_SUB, w, number(k, 1));
    int32_t l = f2(k, TN__KX_MUL, f1(k, TN__KX_LOG, w), f2(k, TN__KX_DIV, x, d));
    return tn__kx(k, TN__KX_SELECT, TN_DTYPE_f32, tn__kx(k, TN__KX_LT, TN_DTYPE_bool, number(k, 0), d, -1), l, x);
}

int32_t tn__kx_softplus(tn__kernel *k, int32_t x) {
    int32_t l = log_of_one_plus(k, f1(k, TN__KX_EXP, f1(k, TN__KX_NEG, f1(k, TN__KX_ABS, x))));
    return f2(k, TN__KX_ADD, f2(k, TN__KX_MAX, x, number(k, 0)), l);
}

int32_t tn__kx_clamp(tn__kernel *k, int32_t x, double low, double high) {
    int32_t l = number(k, low), h = number(k, high);
    x = tn__kx(k, TN__KX_SELECT, TN_DTYPE_f32, tn__kx(k, TN__KX_LT, TN_DTYPE_bool, x, l, -1), l, x);
    return tn__kx(k, TN__KX_SELECT, TN_DTYPE_f32, tn__kx(k, TN__KX_LT, TN_DTYPE_bool, h, x, -1), h, x);
}

int32_t tn__kx_load_at(tn__kernel *k, int32_t buffer, const tn__kmap *map, int32_t index) {
    int32_t e = index < 0 ? -1 : tn__kx_load(k, buffer, map);
    if (e >= 0) k->exprs[e].arg[0] = (int16_t)index;
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
