/* Convolutions and matrix products of 8-bit integers with constant weights: i32 sums of dot products of four bytes, requantised in the
 * epilogue or left as integers. Depthwise convolutions, which have one channel a sum, multiply in i32. */
#include "kernel/lower_integer.h"
#include "kernel/lower_tune.h"
#include "kernel/lower_window.h"
#include "kernel/pack.h"

#include <math.h>

enum { LONGEST_SUM = INT32_MAX / (255 * 128) };

const tn__integer_op *tn__integer_op_of(tn__op op) {
    static const tn__integer_op conv = {0, 2, 1, 3, -1, -1, -1, -1, -1, true}, matmul = {0, 2, 1, 3, -1, -1, -1, -1, -1, false};
    static const tn__integer_op qconv = {0, 2, 3, 5, 1, 4, 6, 7, 8, true}, qmatmul = {0, 2, 3, 5, 1, 4, 6, 7, -1, false};
    switch (op) {
    case TN_OP_conv_integer: return &conv;
    case TN_OP_qlinear_conv: return &qconv;
    case TN_OP_matmul_integer: return &matmul;
    case TN_OP_qlinear_matmul: return &qmatmul;
    default: return NULL;
    }
}

/* ---- what is taken ------------------------------------------------------------------------------------------- */

static const tn_tensor *constant_in(const tn_graph *g, const tn__node *n, int32_t k) {
    tn_value v = k < 0 ? tn__none() : tn__in(g, n, (uint32_t)k);
    return v.id ? tn__constant_of(g, v) : NULL;
}

/* A constant f32 scale with one element or one per channel, all of them positive. */
static bool scale_ok(const tn_graph *g, const tn__node *n, int32_t k, int64_t channels) {
    const tn_tensor *t = constant_in(g, n, k);
    if (!t || t->dtype != TN_DTYPE_f32 || (t->elements != 1 && t->elements != channels)) return false;
    for (int64_t i = 0; i < t->elements; i++) {
        float s = ((const float *)t->data)[i];
        if (!(s > 0) || !isfinite(s)) return false;
    }
    return true;
}

static tn_error *window_of(const tn__lower *l, const tn__node *n, tn__window *w) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0));
    const tn__type *k = tn__type_of(l->g, tn__in(l->g, n, (uint32_t)tn__integer_op_of(n->op)->w));
    tn__window_spec s = tn__window_spec_of_conv(n->attrs);
    return tn__window_resolve(l->a, &s, x->rank - 2, x->dims + 2, k->dims + 2, w);
}

static bool padded(const tn__window *w) {
    for (int32_t i = 0; i < w->rank; i++)
        if (tn__window_needs_domain(w, i)) return true;
    return false;
}

/* `fill`: padding has to be filled, by a copy with a guard an axis. */
static bool window_ok(const tn__lower *l, const tn__node *n, bool fill) {
    tn__window w;
    tn_error *e = window_of(l, n, &w);
    bool ok = !e;
    tn_error_destroy(e);
    if (!ok || w.rank < 1 || w.rank > 3) return false;
    for (int32_t i = 0; i < w.rank; i++)
        if (w.out[i] < 1 || w.in[i] < 1 || w.kernel[i] < 1 || w.pad_begin[i] < 0 || w.pad_end[i] < 0) return false;
    return !fill || !padded(&w) || w.rank <= 2;
}

static bool is_depthwise(const tn_graph *g, const tn__node *n) {
    const tn__integer_op *op = tn__integer_op_of(n->op);
    int64_t group = op->conv ? ((const tn__attrs_conv *)n->attrs)->group : 1;
    return group != 1 && group == tn__type_of(g, tn__in(g, n, 0))->dims[1] && group == tn__type_of(g, tn__in(g, n, (uint32_t)op->w))->dims[0];
}

bool tn__lower_integer_ok(const tn__lower *l, const tn__node *n) {
    const tn_graph *g = l->g;
    const tn__integer_op *op = tn__integer_op_of(n->op);
    if (!op) return false;
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0)), *w = tn__type_of(g, tn__in(g, n, (uint32_t)op->w));
    tn_value zero = tn__in(g, n, (uint32_t)op->x_zero), bias = op->bias < 0 ? tn__none() : tn__in(g, n, (uint32_t)op->bias);
    if ((x->dtype != TN_DTYPE_i8 && x->dtype != TN_DTYPE_u8) || !tn__type_elements(x) || !tn__type_elements(w)) return false;
    if (zero.id && tn__type_elements(tn__type_of(g, zero)) != 1) return false;
    bool known_zero = !zero.id || tn__constant_of(g, zero);
    int64_t channels = w->dims[op->conv ? 0 : w->rank - 1], depth = tn__type_elements(w) / channels;
    if (depth > LONGEST_SUM || (bias.id && !tn__constant_of(g, bias))) return false;
    if (op->y_scale >= 0) {
        const tn_tensor *y_zero = constant_in(g, n, op->y_zero);
        if (!scale_ok(g, n, op->x_scale, 1) || !scale_ok(g, n, op->y_scale, 1) || !scale_ok(g, n, op->w_scale, channels)) return false;
        if (!known_zero || !y_zero || y_zero->elements != 1) return false;
    }
    if (op->conv) {
        bool depthwise = is_depthwise(g, n);
        if (x->rank < 3 || x->rank > 5 || (((const tn__attrs_conv *)n->attrs)->group != 1 && !depthwise)) return false;
        const tn_tensor *z = constant_in(g, n, op->x_zero);
        bool unsigned_zero = x->dtype == TN_DTYPE_u8 && (!zero.id || (z && tn__load_i64(z->dtype, z->data, 0) == 0));
        if (!window_ok(l, n, !depthwise && !unsigned_zero)) return false;
    } else if (x->rank < 2 || x->rank > 6 || w->rank != 2) return false;
    return tn__integer_weights_ok(g, n);
}

/* ---- expressions --------------------------------------------------------------------------------------------- */

static int32_t constant(tn__kernel *k, int32_t v) { return tn__kx_const(k, TN_DTYPE_i32, v); }
static int32_t binary(tn__kernel *k, tn__kop op, int32_t a, int32_t b) { return tn__kx(k, op, TN_DTYPE_i32, a, b, -1); }

static int32_t load(tn__build *b, uint32_t slot, tn_dtype dtype, const tn__kmap *map) {
    int32_t buffer = tn__build_buffer(b, slot, dtype);
    return buffer < 0 ? -1 : tn__kx_load(b->k, buffer, map);
}

/* A vector with one element a channel; `axis` is the channels' axis of the result. */
static tn_error *load_channels(tn__build *b, const tn_tensor *t, int32_t axis, int32_t *out) {
    uint32_t slot;
    TN__TRY(tn__pack_blocked(b->l, t, 0, &slot));
    tn__kmap map = {0};
    for (int32_t d = 0; d < b->k->n_spatial; d++)
        if (b->axis_of_dim[d] == axis) map.stride[d] = b->mul_of_dim[d];
    *out = load(b, slot, t->dtype, &map);
    return NULL;
}

/* The zero point of x as a value of the kernel. */
static tn_error *load_zero(tn__build *b, const tn__node *n, const tn__integer_op *op, int32_t shift, int32_t *out) {
    tn_value v = tn__in(b->l->g, n, (uint32_t)op->x_zero);
    uint32_t slot;
    TN__TRY(tn__lower_get(b->l, v, 0, 0, &slot));
    *out = load(b, slot, tn__type_of(b->l->g, v)->dtype, &(tn__kmap){0});
    if (shift) *out = binary(b->k, TN__KX_ADD, *out, constant(b->k, shift));
    return NULL;
}

/* The anchor's result from the sum: offsets, then requantisation where the op asks for it. */
static tn_error *finish(tn__build *b, const tn__node *n, const tn__integer_constants *c, int32_t axis) {
    const tn_graph *g = b->l->g;
    const tn__integer_op *op = tn__integer_op_of(n->op);
    tn__kernel *k = b->k;
    int32_t x = tn__kx(k, TN__KX_RED, TN_DTYPE_i32, -1, -1, -1), y;
    if (c->offset) {
        TN__TRY(load_channels(b, c->offset, axis, &y));
        x = binary(k, TN__KX_ADD, x, y);
    }
    if (c->sums) {
        int32_t zero;
        TN__TRY(load_channels(b, c->sums, axis, &y));
        TN__TRY(load_zero(b, n, op, tn__type_of(g, tn__in(g, n, 0))->dtype == TN_DTYPE_i8 ? 128 : 0, &zero));
        x = binary(k, TN__KX_ADD, x, binary(k, TN__KX_MUL, zero, y));
    }
    if (c->scale) {
        const tn_tensor *zero = constant_in(g, n, op->y_zero);
        TN__TRY(load_channels(b, c->scale, axis, &y));
        x = tn__kx(k, TN__KX_CAST, TN_DTYPE_f32, x, -1, -1);
        x = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, x, y, -1);
        x = tn__build_saturate(b, x, (int32_t)tn__load_i64(zero->dtype, zero->data, 0), zero->dtype);
    }
    b->memo_red = x;
    return x < 0 ? TN__FAIL(b->l->a, INTERNAL, "an integer product does not fit a kernel") : NULL;
}

static int32_t word(tn__build *b, const tn__integer_input *in, const tn__kmap *map) {
    int32_t x = load(b, in->slot, TN_DTYPE_i32, map);
    return in->flip ? binary(b->k, TN__KX_XOR, x, constant(b->k, (int32_t)0x80808080u)) : x;
}

static void begin(tn__build *b, tn__lower *l, tn__kernel *k, uint32_t root, const tn__type *out, int32_t block) {
    *b = (tn__build){.l = l, .k = k, .root = root, .rank = out->rank, .block = block};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b->axis_of_dim[d] = -1, b->mul_of_dim[d] = 1;
    k->reduce = TN__KX_ADD;
    k->lanes = l->w;
}

/* ---- convolution --------------------------------------------------------------------------------------------- */

static tn_error *conv(tn__build *b, const tn__node *n, const tn__integer_constants *c, bool pad) {
    tn__lower *l = b->l;
    tn__kernel *k = b->k;
    const tn_graph *g = l->g;
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0)), *out = tn__type_of(g, tn__out(n, 0));
    tn__window w;
    tn__integer_input in;
    TN__TRY(window_of(l, n, &w));
    tn__integer_zero zero = {c->zero - (x->dtype == TN_DTYPE_i8 ? 128 : 0), TN__NO_SLOT};
    if (c->sums) TN__TRY(tn__lower_get(l, tn__in(g, n, (uint32_t)tn__integer_op_of(n->op)->x_zero), 0, 0, &zero.slot));
    TN__TRY(tn__integer_image(l, tn__in(g, n, 0), &w, pad, zero, b->root, &in));
    int64_t plane = 1, pixels = 1, taps_all = 1, ocb = tn__ceil_div(out->dims[1], l->w), lanes = l->w;
    for (int32_t i = 0; i < w.rank; i++) plane *= w.in[i], pixels *= w.out[i], taps_all *= w.kernel[i];
    if (!tn__lower_partly_broadcast(l, b->root, 2)) tn__window_flatten(&w);
    int32_t last = w.rank - 1, dims[3], taps[3], d_jt = -1, d_j = -1, d_word = -1;
    tn__tile tile = {.depth = in.words > 1 ? in.words : 0};
    int64_t facts[5 + 4 * 3] = {out->dims[0], ocb, in.groups, in.words, in.flip};
    int32_t n_facts = 5;
    for (int32_t i = 0; i < w.rank; i++) {
        facts[n_facts++] = w.out[i], facts[n_facts++] = w.kernel[i];
        facts[n_facts++] = w.stride[i], facts[n_facts++] = w.dilation[i];
    }
    TN__TRY(tn__lower_tile(l, "iconv", b->root, w.out[last], ocb, 28, ocb <= 8 || ocb % 2 == 0, facts, n_facts, &tile));
    k->mr = tile.mr, k->nv = tile.nv, k->steps = tile.steps;
    bool interleave = ocb % k->nv == 0;
    int64_t row = interleave ? k->nv * lanes : lanes;
    int32_t d_n = tn__build_dim(b, out->dims[0], 0, 1);
    if (interleave) d_jt = tn__build_dim(b, ocb / k->nv, 1, row);
    else d_j = tn__build_dim(b, ocb, 1, lanes);
    for (int32_t i = 0; i < w.rank; i++) dims[i] = tn__build_dim(b, w.out[i], out->rank - w.rank + i, 1);
    if (interleave) d_j = tn__build_dim(b, k->nv, 1, lanes);
    k->v = tn__build_dim(b, lanes, 1, 1);
    k->n_spatial = k->n_dims;
    int32_t d_group = tn__build_dim(b, in.groups, -1, 1);
    for (int32_t i = 0; i < w.rank; i++) taps[i] = tn__build_dim(b, w.kernel[i], -1, 1);
    if (in.words > 1) d_word = tn__build_dim(b, in.words, -1, 1);
    bool edges = tn__window_needs_domain(&w, last) && !tn__window_wants_guard(&w);
    if (edges) k->unroll = 1u << taps[last];

    tn__kmap xm = {0}, wm = {0};
    xm.stride[d_n] = in.groups * plane * in.words;
    xm.stride[d_group] = plane * in.words;
    tn__window_add(b, &w, dims, taps, in.words, &xm);
    /* [oc tile][group][taps][words][row][4] */
    int64_t s = row * in.words, block = 4 * in.words;
    if (d_word >= 0) xm.stride[d_word] = 1, wm.stride[d_word] = row;
    for (int32_t i = w.rank - 1; i >= 0; i--) wm.stride[taps[i]] = s, s *= w.kernel[i];
    wm.stride[d_group] = s;
    wm.stride[interleave ? d_jt : d_j] = s * in.groups;
    if (interleave) wm.stride[d_j] = lanes;
    wm.stride[k->v] = 1;
    tn__pack p = {.n_axes = 3, .n_dims = 6,
                  .axes = {{out->dims[1], x->dims[1] * taps_all}, {x->dims[1], taps_all}, {taps_all, 1}},
                  .dims = {{0, tn__ceil_div(out->dims[1], row), row}, {1, in.groups, block}, {2, taps_all, 1}, {1, in.words, 4}, {0, row, 1}, {1, 4, 1}}};
    uint32_t slot;
    TN__TRY(tn__pack_slot(l, c->weights, &p, &slot));
    int32_t left = word(b, &in, &xm), right = load(b, slot, TN_DTYPE_i32, &wm);
    if (left < 0 || right < 0) return TN__FAIL(l->a, INTERNAL, "an integer convolution does not fit a kernel");
    if (tn__window_wants_guard(&w)) tn__window_add_guard(k, in.flip ? k->exprs[left].arg[0] : left, &w, dims[last], taps[last], 0);
    k->body = tn__kx(k, TN__KX_DOT4, TN_DTYPE_i32, left, right, -1);
    k->j = d_j;
    k->m = dims[last];
    int64_t outer = out->dims[0] * tn__ceil_div(ocb, k->nv);
    for (int32_t i = 0; i < last; i++) outer *= w.out[i];
    if (tile.chunk) k->m_chunk = tile.chunk;
    else if (!edges) tn__lower_chunk_rows(k, outer);
    k->flops = 2.0 * (double)out->dims[0] * (double)out->dims[1] * (double)pixels * (double)taps_all * (double)x->dims[1];
    return NULL;
}

static tn_error *depthwise(tn__build *b, const tn__node *n, const tn__integer_constants *c) {
    tn__lower *l = b->l;
    tn__kernel *k = b->k;
    const tn_graph *g = l->g;
    const tn__integer_op *op = tn__integer_op_of(n->op);
    tn_value xv = tn__in(g, n, 0);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    tn__window w;
    TN__TRY(window_of(l, n, &w));
    int64_t plane = 1, taps_all = 1, cb = tn__ceil_div(out->dims[1], l->w), s = l->w;
    for (int32_t i = 0; i < w.rank; i++) plane *= w.in[i], taps_all *= w.kernel[i];
    int32_t last = w.rank - 1, dims[3], taps[3];
    int32_t d_n = tn__build_dim(b, out->dims[0], 0, 1), d_cb = tn__build_dim(b, cb, 1, l->w);
    for (int32_t i = 0; i < w.rank; i++) dims[i] = tn__build_dim(b, w.out[i], i + 2, 1);
    k->v = tn__build_dim(b, l->w, 1, 1);
    k->n_spatial = k->n_dims;
    for (int32_t i = 0; i < w.rank; i++) taps[i] = tn__build_dim(b, w.kernel[i], -1, 1);
    if (!tn__window_wants_guard(&w)) k->unroll = 1u << taps[last];
    uint32_t slot;
    TN__TRY(tn__lower_get(l, xv, l->w, 1, &slot));
    tn__kmap xm = {0}, wm = {0};
    xm.stride[d_n] = cb * plane * l->w;
    xm.stride[d_cb] = plane * l->w;
    xm.stride[k->v] = wm.stride[k->v] = 1;
    tn__window_add(b, &w, dims, taps, l->w, &xm);
    int32_t left = load(b, slot, x->dtype, &xm), right = -1;
    for (int32_t i = w.rank - 1; i >= 0; i--) wm.stride[taps[i]] = s, s *= w.kernel[i];
    wm.stride[d_cb] = s;
    tn__pack p = {.n_axes = 2, .n_dims = 3, .axes = {{out->dims[1], taps_all}, {taps_all, 1}}, .dims = {{0, cb, l->w}, {1, taps_all, 1}, {0, l->w, 1}}};
    TN__TRY(tn__pack_slot(l, c->weights, &p, &slot));
    right = load(b, slot, TN_DTYPE_i8, &wm);
    if (left < 0 || right < 0) return TN__FAIL(l->a, INTERNAL, "an integer convolution does not fit a kernel");
    if (tn__window_wants_guard(&w)) { /* outside x is anything, its weight 0: the zero point may not be known yet */
        tn__window_add_guard(k, left, &w, dims[last], taps[last], 0);
        tn__window_add_guard(k, right, &w, dims[last], taps[last], 0);
    }
    tn_value zero = tn__in(g, n, (uint32_t)op->x_zero);
    int32_t z = constant(k, c->zero);
    if (zero.id && !tn__constant_of(g, zero)) TN__TRY(load_zero(b, n, op, 0, &z));
    k->body = binary(k, TN__KX_MUL, binary(k, TN__KX_SUB, left, z), right);
    k->m = dims[last];
    k->mr = (int32_t)(w.out[last] < 8 ? w.out[last] : 8);
    k->flops = 2.0 * (double)tn__type_elements(out) * (double)taps_all;
    return tn__lower_rows(l, "idwconv", b->root, 16, 1, k);
}

/* ---- matrix product ------------------------------------------------------------------------------------------ */

static tn_error *matmul(tn__build *b, const tn__node *n, const tn__integer_constants *c) {
    tn__lower *l = b->l;
    tn__kernel *k = b->k;
    const tn_graph *g = l->g;
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0)), *out = tn__type_of(g, tn__out(n, 0));
    tn__integer_input in;
    TN__TRY(tn__integer_rows(l, tn__in(g, n, 0), b->root, &in));
    int32_t r = out->rank, d_jt = -1, d_j = -1;
    int64_t rows = x->dims[r - 2], depth = x->dims[r - 1], cols = out->dims[r - 1], lanes = l->w, vectors = tn__ceil_div(cols, lanes);
    tn__tile tile = {.depth = in.groups};
    const int64_t facts[] = {rows, cols, depth, in.groups, in.flip};
    TN__TRY(tn__lower_tile(l, "imm", b->root, rows, vectors, 28, false, facts, sizeof facts / sizeof *facts, &tile));
    k->mr = tile.mr, k->nv = tile.nv, k->steps = tile.steps;
    bool interleave = cols % (k->nv * lanes) == 0;
    int64_t row = interleave ? k->nv * lanes : lanes, s = rows * in.groups;
    for (int32_t i = 0; i < r - 2; i++) tn__build_dim(b, out->dims[i], i, 1);
    if (interleave) d_jt = tn__build_dim(b, vectors / k->nv, r - 1, row);
    else d_j = tn__build_dim(b, vectors, r - 1, lanes);
    k->m = tn__build_dim(b, rows, r - 2, 1);
    if (interleave) d_j = tn__build_dim(b, k->nv, r - 1, lanes);
    k->v = tn__build_dim(b, lanes, r - 1, 1);
    k->n_spatial = k->n_dims;
    int32_t d_k = tn__build_dim(b, in.groups, -1, 1);
    tn__kmap xm = {0}, wm = {0};
    for (int32_t i = r - 3; i >= 0; i--) xm.stride[i] = s, s *= x->dims[i];
    xm.stride[k->m] = in.groups;
    xm.stride[d_k] = 1;
    wm.stride[d_k] = row;
    wm.stride[interleave ? d_jt : d_j] = row * in.groups;
    if (interleave) wm.stride[d_j] = lanes;
    wm.stride[k->v] = 1;
    tn__pack p = {.n_axes = 2, .n_dims = 4, .axes = {{depth, cols}, {cols, 1}},
                  .dims = {{1, tn__ceil_div(cols, row), row}, {0, in.groups, 4}, {1, row, 1}, {0, 4, 1}}};
    uint32_t slot;
    TN__TRY(tn__pack_slot(l, c->weights, &p, &slot));
    int32_t left = word(b, &in, &xm), right = load(b, slot, TN_DTYPE_i32, &wm);
    if (left < 0 || right < 0) return TN__FAIL(l->a, INTERNAL, "an integer product does not fit a kernel");
    k->body = tn__kx(k, TN__KX_DOT4, TN_DTYPE_i32, left, right, -1);
    k->v_tail = (int32_t)(cols % lanes);
    k->j = d_j;
    int64_t outer = tn__ceil_div(vectors, k->nv);
    for (int32_t i = 0; i < r - 2; i++) outer *= out->dims[i];
    if (tile.chunk) k->m_chunk = tile.chunk;
    else tn__lower_chunk_rows(k, outer);
    k->flops = 2.0 * (double)tn__type_elements(out) * (double)depth;
    return NULL;
}

tn_error *tn__lower_integer(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn__integer_op *op = tn__integer_op_of(n->op);
    const tn__type *out = tn__type_of(l->g, tn__out(n, 0));
    bool channelwise = op->conv && is_depthwise(l->g, n), pad = false;
    tn__kernel *k = tn__lower_kernel(l, channelwise ? "idwconv" : op->conv ? "iconv" : "imm", root);
    if (!k) return tn__error_oom();
    tn__build b;
    begin(&b, l, k, root, out, op->conv ? l->w : 0);
    tn__integer_constants c = {0};
    tn_error *e = tn__integer_constants_init(l, n, channelwise, &c);
    if (!e && op->conv && !channelwise) {
        tn__window w;
        e = window_of(l, n, &w);
        pad = !e && (c.zero || c.sums) && padded(&w);
    }
    if (!e) e = channelwise ? depthwise(&b, n, &c) : op->conv ? conv(&b, n, &c, pad) : matmul(&b, n, &c);
    if (!e) e = finish(&b, n, &c, op->conv ? 1 : out->rank - 1);
    if (!e) e = tn__build_epilogue(&b);
    tn__integer_constants_deinit(&c);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch(l, k, b.slots, root);
}
