/* Matrix products and reductions on row-major data. */
#include <math.h>

#include "kernel/lower.h"
#include "kernel/lower_maps.h"
#include "kernel/lower_tune.h"
#include "kernel/pack.h"
#include "kernel/schedule.h"

/* Rows up to which a transposed run-time right side is read in place, and from which a run-time right side is worth packing. */
enum { DOT_ROWS = 4, PACK_ROWS = 128 };

static void begin(tn__build *b, tn__lower *l, tn__kernel *k, uint32_t root, const tn__type *out) {
    *b = (tn__build){.l = l, .k = k, .root = root, .rank = out->rank};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b->axis_of_dim[d] = -1, b->mul_of_dim[d] = 1;
}

/* alpha * product + beta * C on b->memo_red. C's axes are those of the result, from the right. */
static tn_error *add_gemm_terms(tn__build *b, const tn__node *n) {
    const tn_graph *g = b->l->g;
    const tn__attrs_gemm *gemm = n->op == TN_OP_gemm ? n->attrs : NULL;
    tn_value cv = tn__in(g, n, 2);
    tn__kernel *k = b->k;
    if (!gemm) return NULL;
    if (gemm->alpha != 1)
        b->memo_red = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, b->memo_red, tn__kx_const(k, TN_DTYPE_f32, (float)gemm->alpha), -1);
    if (!cv.id) return NULL;
    const tn__type *c = tn__type_of(g, cv);
    tn__kmap map = {0};
    bool wide = c->rank >= 1 && c->dims[c->rank - 1] != 1, tall = c->rank >= 2 && c->dims[c->rank - 2] != 1;
    for (int32_t d = 0; d < k->n_spatial; d++) {
        if (wide && b->axis_of_dim[d] == 1) map.stride[d] = b->mul_of_dim[d];
        if (tall && b->axis_of_dim[d] == 0) map.stride[d] = wide ? c->dims[1] : 1;
    }
    uint32_t slot;
    TN__TRY(tn__lower_get(b->l, cv, 0, 0, &slot));
    int32_t x = tn__kx_load(k, tn__build_buffer(b, slot, c->dtype), &map);
    if (gemm->beta != 1) x = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, x, tn__kx_const(k, TN_DTYPE_f32, (float)gemm->beta), -1);
    b->memo_red = tn__kx(k, TN__KX_ADD, TN_DTYPE_f32, b->memo_red, x, -1);
    return NULL;
}

/* What option precision makes of the right operand of a product; of one number everywhere (*splat) the number and a scale of the sum. */
static tn__narrowing narrowed(const tn__lower *l, tn_value right, bool is_splat, double *splat, double *out_scale) {
    const tn__type *t = tn__type_of(l->g, right);
    const tn_tensor *weights = tn__constant_peek(l->g, right);
    *out_scale = 1;
    if (l->weights == TN_DTYPE_NONE || t->dtype != TN_DTYPE_f32) return TN__NARROWING_NONE;
    if (is_splat) return tn__narrow_splat(l->weights, splat, out_scale);
    if (!weights) return TN__NARROWING_NOT_CONSTANT;
    return t->rank == 2 ? tn__narrow_weights(l->weights, weights) : TN__NARROWING_NOT_MATRIX;
}

/* Few rows times a transposed right side made at run time: dot products of vectors along the depth. Turning all of B would cost more. */
static tn_error *lower_dots(tn__lower *l, uint32_t root, const tn__node *n, int64_t rows, int64_t cols, int64_t depth, int64_t am,
                            int64_t ak) {
    const tn_graph *g = l->g;
    tn__kernel *k = tn__lower_kernel(l, "dot", root);
    if (!k) return tn__error_oom();
    tn__build b;
    begin(&b, l, k, root, tn__type_of(g, tn__out(n, 0)));
    int32_t d_col = tn__build_dim(&b, cols, b.rank - 1, 1), d_row = tn__build_dim(&b, rows, b.rank - 2, 1);
    k->n_spatial = k->n_dims;
    int32_t d_k = tn__build_dim(&b, tn__ceil_div(depth, l->w), -1, 1), d_lane = tn__build_dim(&b, l->w, -1, 1);
    tn__kmap left = {0}, right = {0};
    left.stride[d_row] = am, left.stride[d_k] = ak * l->w, left.stride[d_lane] = ak;
    right.stride[d_col] = depth, right.stride[d_k] = l->w, right.stride[d_lane] = 1;
    uint32_t slot;
    tn_error *e = tn__lower_get(l, tn__in(g, n, 0), 0, 0, &slot);
    tn_dtype dtype = tn__type_of(g, tn__in(g, n, 0))->dtype;
    int32_t x = e ? -1 : tn__kx_load(k, tn__build_buffer(&b, slot, dtype), &left), y = -1;
    if (!e && !(e = tn__lower_get(l, tn__in(g, n, 1), 0, 0, &slot))) y = tn__kx_load(k, tn__build_buffer(&b, slot, dtype), &right);
    double none;
    k->narrowing = narrowed(l, tn__in(g, n, 1), false, &none, &none);
    k->body = tn__lower_product(l, k, dtype, x, y);
    k->reduce = TN__KX_ADD;
    b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    if (!e) e = add_gemm_terms(&b, n);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->r_lanes = 1;
    k->v_tail = (int32_t)(depth % l->w);
    k->m = d_col, k->mr = cols < 4 ? (int32_t)cols : 4;
    k->m_chunk = 8;
    k->j = d_row, k->nv = (int32_t)rows;
    k->flops = 2.0 * (double)rows * (double)cols * (double)depth;
    return tn__lower_launch(l, k, b.slots, root);
}

tn_error *tn__lower_matmul(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    tn_value av = tn__in(g, n, 0), bv = tn__in(g, n, 1);
    const tn__type *a = tn__type_of(g, av), *bt = tn__type_of(g, bv), *out = tn__type_of(g, tn__out(n, 0));
    const tn__attrs_gemm *gemm = n->op == TN_OP_gemm ? n->attrs : NULL;
    bool ta = gemm && gemm->transA, tb = gemm && gemm->transB;
    int32_t ar = a->rank, br = bt->rank, r = out->rank;
    int64_t m = a->dims[ar - (ta ? 1 : 2)], kk = a->dims[ar - (ta ? 2 : 1)], cols = bt->dims[br - (tb ? 2 : 1)];
    int64_t am = ta ? 1 : kk, ak = ta ? m : 1, bk = tb ? 1 : cols, bn = tb ? kk : 1, w = l->w;
    const tn_tensor *weights = br == 2 ? tn__constant_peek(g, bv) : NULL;
    bool flat = !ta && br == 2 && ar > 2 && m > 1;
    if (flat) { /* all rows of all batches share B; epilogue operands must be full or [n] */
        for (uint32_t at = 0; at <= root && flat; at++) {
            const tn__node *e = &g->nodes.data[at];
            if (l->group[at] != root || l->anchor[root] == at) continue;
            for (uint32_t i = 0; i < e->n_in; i++) {
                tn_value v = tn__in(g, e, i);
                const tn__type *x = v.id ? tn__type_of(g, v) : NULL;
                for (int32_t axis = 0; x && axis < r - 1; axis++) {
                    int32_t own = axis - (r - x->rank);
                    int64_t d = own < 0 ? 1 : x->dims[own];
                    if (x->rank > 1 && tn__type_elements(x) > x->dims[x->rank - 1] && d != out->dims[axis]) flat = false;
                }
            }
        }
    }
    int64_t rows = m;
    int32_t n_batch = r - 2;
    if (flat) {
        for (int32_t i = 0; i < ar - 2; i++) rows *= a->dims[i];
        n_batch = 0;
    }
    double splat, scale;
    bool is_splat = tn__lower_splat(g, bv, &splat);
    if (tb && !weights && rows <= DOT_ROWS && !is_splat) return lower_dots(l, root, n, rows, cols, kk, am, ak);
    int64_t vectors = tn__ceil_div(cols, w);
    int32_t most = am % 1024 == 0 && am > 0 ? 8 : 28; /* rows 4 KiB apart fall into the same sets of the first cache: few at a time */
    bool pack = weights || (br == 2 && (tb || rows >= PACK_ROWS));
    tn__tile tile = {.pack = weights || br != 2 || tb ? 0 : pack ? 2 : 1, .depth = kk};
    const int64_t facts[] = {rows, cols, kk, n_batch, am, bn, flat, l->weights, l->tf32};
    TN__TRY(tn__lower_tile(l, "mm", root, rows, vectors, most, false, facts, sizeof facts / sizeof *facts, &tile));
    if (tile.pack) pack = tile.pack == 2;
    int32_t mr = tile.mr, nv = tile.nv;
    bool interleave = pack && cols % ((int64_t)nv * w) == 0;

    tn__kernel *k = tn__lower_kernel(l, "mm", root);
    if (!k) return tn__error_oom();
    tn__build b;
    begin(&b, l, k, root, out);
    int32_t d_jt = -1, d_j;
    for (int32_t i = 0; i < n_batch; i++) tn__build_dim(&b, out->dims[i], i, 1);
    if (interleave) d_jt = tn__build_dim(&b, vectors / nv, r - 1, (int64_t)nv * w);
    else d_j = tn__build_dim(&b, vectors, r - 1, w);
    int32_t d_m = tn__build_dim(&b, rows, r - 2, 1);
    if (interleave) d_j = tn__build_dim(&b, nv, r - 1, w);
    int32_t d_lane = tn__build_dim(&b, w, r - 1, 1);
    k->n_spatial = k->n_dims;
    int32_t d_k = tn__build_dim(&b, kk, -1, 1);

    tn__kmap am_map = {0}, bm = {0};
    int64_t sa = m * kk, sb = kk * cols;
    for (int32_t i = n_batch - 1; i >= 0; i--) {
        int32_t ia = i - (r - ar), ib = i - (r - br);
        if (ia >= 0) am_map.stride[i] = a->dims[ia] == 1 ? 0 : sa, sa *= a->dims[ia];
        if (ib >= 0) bm.stride[i] = bt->dims[ib] == 1 ? 0 : sb, sb *= bt->dims[ib];
    }
    am_map.stride[d_m] = am;
    am_map.stride[d_k] = ak;
    uint32_t slot, scales = TN__NO_SLOT;
    tn_dtype dtype = a->dtype;
    k->narrowing = narrowed(l, bv, is_splat, &splat, &scale);
    tn_error *e = tn__lower_get_wide(l, av, 0, 0, &slot, &dtype);
    int32_t left = e ? -1 : tn__kx_load(k, tn__build_buffer(&b, slot, dtype), &am_map), right = -1;
    if (!e && is_splat) right = tn__kx_const(k, TN_DTYPE_f32, splat); /* columns beyond n are not stored */
    else if (!e && pack) {
        int32_t wide = interleave ? nv : 1;
        e = tn__pack_right(l, bv, kk, cols, bk, bn, wide, tn__narrowing_pack(k->narrowing), &slot);
        if (!e && k->narrowing == TN__NARROWING_INT8) e = tn__pack_right(l, bv, kk, cols, bk, bn, wide, TN__PACK_SCALES, &scales);
        bm.stride[d_k] = wide * w;
        bm.stride[interleave ? d_jt : d_j] = kk * wide * w;
        if (interleave) bm.stride[d_j] = w;
        bm.stride[d_lane] = 1;
    } else if (!e) {
        e = tn__lower_get(l, bv, 0, 0, &slot);
        bm.stride[d_k] = bk;
        bm.stride[d_j] = w * bn;
        bm.stride[d_lane] = bn;
    }
    if (!e && right < 0) right = tn__kx_load(k, tn__build_buffer(&b, slot, pack ? tn__narrowing_dtype(k->narrowing) : bt->dtype), &bm);
    if (k->narrowing == TN__NARROWING_INT8 && !is_splat) right = tn__kx(k, TN__KX_CAST, TN_DTYPE_f32, right, -1, -1);
    k->body = tn__lower_product(l, k, a->dtype, left, right);
    k->reduce = TN__KX_ADD;
    b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    if (!e && k->narrowing == TN__NARROWING_INT8) {
        bm.stride[d_k] = 0;
        bm.stride[interleave ? d_jt : d_j] = interleave ? nv * w : w;
        int32_t s = is_splat ? tn__kx_const(k, TN_DTYPE_f32, scale) : tn__kx_load(k, tn__build_buffer(&b, scales, TN_DTYPE_f32), &bm);
        b.memo_red = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, b.memo_red, s, -1);
    }
    if (!e) e = add_gemm_terms(&b, n);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->v = d_lane;
    k->v_tail = (int32_t)(cols % w);
    k->j = d_j;
    k->nv = nv;
    k->m = d_m;
    k->mr = mr;
    int64_t outer = tn__ceil_div(vectors, nv), tiles = tn__ceil_div(rows, mr);
    for (int32_t i = 0; i < n_batch; i++) outer *= out->dims[i];
    k->steps = tile.steps;
    if (tile.chunk) k->m_chunk = tile.chunk;
    else if (outer < 16 && tiles > 1) {
        int64_t pieces = tn__ceil_div(16, outer);
        k->m_chunk = (int32_t)(pieces > tiles ? 1 : tn__ceil_div(tiles, pieces));
    }
    k->flops = 2.0 * (double)rows * (double)cols * (double)kk;
    for (int32_t i = 0; i < n_batch; i++) k->flops *= (double)out->dims[i];
    return tn__lower_launch(l, k, b.slots, root);
}

/* Elements that lie side by side along the last axes, all reduced or all kept. */
static int64_t last_run(const tn__type *x, const bool *reduced) {
    int64_t n = 1;
    for (int32_t i = x->rank - 1; i >= 0 && reduced[i] == reduced[x->rank - 1] && (reduced[i] || i == x->rank - 1); i--) n *= x->dims[i];
    return n;
}

tn_error *tn__lower_reduce(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    const tn__attrs_reduce *at = n->attrs;
    tn_value xv = tn__in(g, n, 0), axes = tn__in(g, n, 1);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    bool reduced[TN_MAX_RANK] = {false};
    const tn_tensor *list = axes.id ? tn__constant_of(g, axes) : NULL;
    bool all = !list || list->elements == 0;
    for (int32_t i = 0; i < x->rank; i++) reduced[i] = all && !at->noop_with_empty_axes;
    for (int64_t i = 0; list && i < list->elements; i++) {
        int64_t axis = tn__load_i64(list->dtype, list->data, i);
        if (axis < 0) axis += x->rank;
        if (axis < 0 || axis >= x->rank) return TN__FAIL(l->a, OUT_OF_RANGE, "%s: axis out of range", tn__op_infos[n->op].name);
        reduced[axis] = true;
    }
    tn__kernel *k = tn__lower_kernel(l, "red", root);
    if (!k) return tn__error_oom();
    tn__build b;
    begin(&b, l, k, root, out);
    tn__kmap map = {0};
    int64_t strides[TN_MAX_RANK], w = tn__lanes_along(last_run(x, reduced), l->w), count = 1;
    tn__strides(x->rank, x->dims, strides);
    int32_t out_axis = 0, kept_last = -1;
    for (int32_t i = 0; i < x->rank; i++) { /* kept axes */
        int32_t axis = at->keepdims ? i : out_axis;
        if (reduced[i]) continue;
        out_axis++;
        if (i == x->rank - 1) { /* vectors along it */
            int32_t j = tn__build_dim(&b, tn__ceil_div(x->dims[i], w), axis, w);
            map.stride[j] = w;
            k->j = j;
            k->nv = (int32_t)(k->extent[j] < 4 ? k->extent[j] : 4);
            k->v = tn__build_dim(&b, w, axis, 1);
            map.stride[k->v] = 1;
            k->v_tail = (int32_t)(x->dims[i] % w);
        } else {
            kept_last = tn__build_dim(&b, x->dims[i], axis, 1);
            map.stride[kept_last] = strides[i];
        }
    }
    if (!k->n_dims) kept_last = tn__build_dim(&b, 1, -1, 1);
    k->n_spatial = k->n_dims;
    for (int32_t i = 0; i < x->rank; i++) {
        if (!reduced[i]) continue;
        count *= x->dims[i];
        int64_t extent = x->dims[i];
        while (i + 1 < x->rank && reduced[i + 1]) extent *= x->dims[++i], count *= x->dims[i]; /* neighbours walk as one */
        if (i == x->rank - 1) { /* vectors along the reduction */
            int32_t d = tn__build_dim(&b, tn__ceil_div(extent, w), -1, 1), lane;
            map.stride[d] = w;
            lane = tn__build_dim(&b, w, -1, 1);
            map.stride[lane] = 1;
            k->r_lanes = 1;
            k->v_tail = (int32_t)(extent % w);
        } else {
            int32_t d = tn__build_dim(&b, extent, -1, 1);
            map.stride[d] = strides[i];
        }
    }
    if (k->n_dims == k->n_spatial) tn__build_dim(&b, 1, -1, 1); /* nothing reduced */
    uint32_t slot;
    tn_error *e = tn__lower_get(l, xv, 0, 0, &slot);
    k->body = e ? -1 : tn__kx_load(k, tn__build_buffer(&b, slot, x->dtype), &map);
    k->reduce = n->op == TN_OP_reduce_max ? TN__KX_MAX : n->op == TN_OP_reduce_min ? TN__KX_MIN : n->op == TN_OP_reduce_prod ? TN__KX_MUL : TN__KX_ADD;
    b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    if (n->op == TN_OP_reduce_mean)
        b.memo_red = tn__kx(k, TN__KX_DIV, TN_DTYPE_f32, b.memo_red, tn__kx_const(k, TN_DTYPE_f32, (double)count), -1);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = (int32_t)w;
    if (kept_last >= 0 && k->extent[kept_last] > 1) {
        k->m = kept_last;
        k->mr = (int32_t)(k->extent[kept_last] < 4 ? k->extent[kept_last] : 4);
        k->m_chunk = 16;
    }
    if ((e = tn__lower_rows(l, "red", root, 16, 8, k))) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch(l, k, b.slots, root);
}
