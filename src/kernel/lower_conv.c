/* Convolution on channel-blocked data, and which nodes are anchors. */
#include "kernel/lower_integer.h"
#include "kernel/lower_maps.h"
#include "kernel/lower_tune.h"
#include "kernel/lower_window.h"
#include "kernel/pack.h"
#include "kernel/schedule.h"

enum { UNROLL_MOST = 11 };

tn_error *tn__lower_conv_window(const tn__lower *l, const tn__node *n, tn__window *w) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0)), *k = tn__type_of(l->g, tn__in(l->g, n, 1));
    tn__window_spec s = tn__window_spec_of_conv(n->attrs);
    return tn__window_resolve(l->a, &s, x->rank - 2, x->dims + 2, k->dims + 2, w);
}

bool tn__window_needs_domain(const tn__window *w, int32_t i) {
    return w->pad_begin[i] > 0 || (w->out[i] - 1) * w->stride[i] - w->pad_begin[i] + (w->kernel[i] - 1) * w->dilation[i] >= w->in[i];
}

static bool window_ok(const tn__window *w) {
    if (w->rank < 1 || w->rank > 3) return false;
    for (int32_t i = 0; i < w->rank; i++)
        if (w->out[i] < 1 || w->in[i] < 1 || w->kernel[i] < 1 || w->pad_begin[i] < 0) return false;
    return true;
}

bool tn__window_wants_guard(const tn__window *w) {
    return tn__window_needs_domain(w, w->rank - 1) && w->kernel[w->rank - 1] > UNROLL_MOST;
}

void tn__window_add_guard(tn__kernel *k, int32_t load, const tn__window *w, int32_t d, int32_t tap, double value) {
    int32_t last = w->rank - 1;
    tn__kexpr *x = &k->exprs[load];
    x->value = value;
    x->n_guards = 1;
    x->guard[0] = (tn__kguard){{-w->pad_begin[last], {0}}, w->in[last]};
    x->guard[0].map.stride[d] = w->stride[last];
    x->guard[0].map.stride[tap] = w->dilation[last];
}

static bool is_depthwise(const tn_graph *g, const tn__node *n) {
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0)), *k = tn__type_of(g, tn__in(g, n, 1));
    return ((const tn__attrs_conv *)n->attrs)->group == x->dims[1] && k->dims[0] == x->dims[1];
}

static bool conv_ok(const tn__lower *l, const tn__node *n) {
    const tn_graph *g = l->g;
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0)), *k = tn__type_of(g, tn__in(g, n, 1));
    if (!tn__kernel_as_f32(x->dtype) || k->dtype != x->dtype || x->rank < 3 || x->rank > 5) return false;
    if (((const tn__attrs_conv *)n->attrs)->group != 1 && !is_depthwise(g, n) && !tn__constant_peek(g, tn__in(g, n, 1))) return false;
    tn__window w;
    tn_error *e = tn__lower_conv_window(l, n, &w);
    bool ok = !e && window_ok(&w) && tn__type_elements(x) > 0;
    tn_error_destroy(e);
    return ok;
}

static bool pool_ok(const tn__lower *l, const tn__node *n) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0));
    bool max = n->op == TN_OP_max_pool || n->op == TN_OP_global_max_pool, bytes = max && (x->dtype == TN_DTYPE_u8 || x->dtype == TN_DTYPE_i8);
    if (n->n_out != 1 || (!tn__kernel_as_f32(x->dtype) && !bytes) || x->rank < 3 || x->rank > 5 || tn__type_elements(x) == 0) return false;
    tn__window w;
    tn_error *e = tn__lower_pool_window(l, n, &w);
    bool ok = !e && window_ok(&w);
    tn_error_destroy(e);
    return ok;
}

static bool reduce_ok(const tn__lower *l, const tn__node *n) {
    switch (n->op) {
    case TN_OP_reduce_sum: case TN_OP_reduce_mean: case TN_OP_reduce_max: case TN_OP_reduce_min: case TN_OP_reduce_prod: break;
    default: return false;
    }
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0));
    tn_value axes = tn__in(l->g, n, 1);
    if (!tn__kernel_as_f32(x->dtype) || tn__type_elements(x) == 0 || x->rank < 1 || x->rank > 7) return false;
    return !axes.id || tn__constant_of(l->g, axes);
}

static bool matmul_ok(const tn__lower *l, const tn__node *n) {
    const tn_graph *g = l->g;
    const tn__type *a = tn__type_of(g, tn__in(g, n, 0)), *b = tn__type_of(g, tn__in(g, n, 1));
    if (!tn__kernel_as_f32(a->dtype) || b->dtype != a->dtype || a->rank < 2 || b->rank < 2 || a->rank > 6 || b->rank > 6) return false;
    return tn__type_elements(a) > 0 && tn__type_elements(b) > 0;
}

bool tn__lower_anchor_ok(const tn__lower *l, const tn__node *n) {
    switch (n->op) {
    case TN_OP_conv: return conv_ok(l, n);
    case TN_OP_max_pool: case TN_OP_average_pool: case TN_OP_global_average_pool: case TN_OP_global_max_pool: return pool_ok(l, n);
    case TN_OP_matmul: case TN_OP_gemm: return matmul_ok(l, n);
    case TN_OP_conv_integer: case TN_OP_qlinear_conv: case TN_OP_matmul_integer: case TN_OP_qlinear_matmul: return tn__lower_integer_ok(l, n);
    case TN_OP_resize: return tn__lower_interpolates(l, n);
    default: return reduce_ok(l, n);
    }
}

double tn__lower_step_cost(int64_t rows, int32_t nv) {
    double fma = (double)rows * nv / 2, load = (double)(rows + nv) / 2;
    double c = fma > load ? fma : load;
    return c < 4 ? 4 : c;
}

double tn__lower_tile_cost(int64_t rows, int32_t nv, int32_t registers, int32_t most_rows, int32_t *out_mr) {
    double best = 1e300;
    int32_t fit = (registers - 1 - nv) / nv;
    if (fit > most_rows) fit = most_rows;
    if (fit > rows) fit = (int32_t)rows;
    *out_mr = 1;
    for (int32_t mr = fit; mr >= 1; mr--) {
        double cost = (double)(rows / mr) * tn__lower_step_cost(mr, nv) + (rows % mr ? tn__lower_step_cost(rows % mr, nv) : 0);
        if (cost < best * 0.999) best = cost, *out_mr = mr;
    }
    return best;
}

void tn__lower_choose_tile(int64_t rows, int64_t vectors, int32_t registers, int32_t most_rows, bool divisors_only, int32_t *out_mr,
                           int32_t *out_nv) {
    double best = 1e300;
    *out_mr = *out_nv = 1;
    for (int32_t nv = 1; nv <= 8 && nv <= vectors; nv++) {
        int32_t mr;
        if (divisors_only && vectors % nv) continue;
        double cost = tn__lower_tile_cost(rows, nv, registers, most_rows, &mr) * (double)tn__ceil_div(vectors, nv);
        if (cost < best * 0.999) best = cost, *out_mr = mr, *out_nv = nv;
    }
}

bool tn__lower_partly_broadcast(const tn__lower *l, uint32_t root, int32_t from_axis) {
    const tn_graph *g = l->g;
    const tn__type *t = tn__type_of(g, tn__out(&g->nodes.data[root], 0));
    for (uint32_t at = 0; at <= root; at++) {
        const tn__node *n = &g->nodes.data[at];
        if (l->group[at] != root || l->anchor[root] == at) continue;
        for (uint32_t i = 0; i < n->n_in; i++) {
            tn_value v = tn__in(g, n, i);
            if (!v.id) continue;
            const tn__type *x = tn__type_of(g, v);
            bool all = true, none = true;
            for (int32_t axis = from_axis; axis < t->rank; axis++) {
                int32_t own = axis - (t->rank - x->rank);
                bool one = own < 0 || x->dims[own] == 1;
                if (one && t->dims[axis] != 1) all = false;
                if (!one) none = false;
            }
            if (!all && !none) return true;
        }
    }
    return false;
}

bool tn__window_flatten(tn__window *w) {
    if (w->rank < 2 || w->out[w->rank - 1] < 2) return false;
    int64_t pixels = 1;
    for (int32_t i = 0; i < w->rank; i++) {
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->pad_begin[i] || w->out[i] != w->in[i]) return false;
        pixels *= w->in[i];
    }
    w->rank = 1;
    w->in[0] = w->out[0] = pixels;
    w->kernel[0] = w->stride[0] = w->dilation[0] = 1;
    w->pad_begin[0] = w->pad_end[0] = 0;
    return true;
}

void tn__window_add(tn__build *b, const tn__window *w, const int32_t *dims, const int32_t *taps, int64_t scale, tn__kmap *in_map) {
    tn__kernel *k = b->k;
    int64_t s = scale;
    for (int32_t i = w->rank - 1; i >= 0; i--) {
        in_map->stride[dims[i]] = s * w->stride[i];
        in_map->stride[taps[i]] = s * w->dilation[i];
        in_map->offset -= s * w->pad_begin[i];
        s *= w->in[i];
        if (tn__window_needs_domain(w, i) && !(i == w->rank - 1 && tn__window_wants_guard(w)))
            k->domain[k->n_domain++] = (tn__kdomain){dims[i], taps[i], w->stride[i], w->dilation[i], -w->pad_begin[i], w->in[i]};
    }
}

void tn__lower_chunk_rows(tn__kernel *k, int64_t grid_without_m) {
    int64_t tiles = tn__ceil_div(k->extent[k->m], k->mr), wanted = 16; /* pieces for the pool, by shape only */
    if (grid_without_m < wanted && tiles > 1) {
        int64_t pieces = tn__ceil_div(wanted, grid_without_m);
        k->m_chunk = (int32_t)(pieces > tiles ? 1 : tn__ceil_div(tiles, pieces));
    }
}

tn_error *tn__lower_conv_bias(tn__build *b, const tn__node *n, int64_t channels) {
    tn_value bias = tn__in(b->l->g, n, 2);
    if (!bias.id) return NULL;
    tn__kernel *k = b->k;
    int32_t block = tn__constant_peek(b->l->g, bias) ? b->block : 0;
    uint32_t slot;
    TN__TRY(tn__lower_get(b->l, bias, block, 0, &slot));
    tn__kmap map = {0};
    for (int32_t d = 0; d < k->n_spatial; d++)
        if (b->axis_of_dim[d] == 1) map.stride[d] = b->mul_of_dim[d];
    int32_t x = tn__kx_load(k, tn__build_buffer(b, slot, tn__type_of(b->l->g, bias)->dtype), &map);
    if (x >= 0 && !block && b->block && channels % b->block) { /* a run-time vector has no pad lanes */
        k->exprs[x].n_guards = 1;
        k->exprs[x].guard[0] = (tn__kguard){map, channels};
    }
    b->memo_red = tn__kx(k, TN__KX_ADD, TN_DTYPE_f32, b->memo_red, x, -1);
    return NULL;
}

/* The register tile of a convolution: rows of pixels, vectors of output channels. */
static tn_error *conv_tile(tn__lower *l, uint32_t root, const tn__window *w, int64_t ocb, int32_t in_block, tn__tile *out) {
    int64_t facts[2 + 5 * 3] = {ocb, in_block};
    int32_t n = 2;
    for (int32_t i = 0; i < w->rank; i++) {
        facts[n++] = w->out[i], facts[n++] = w->kernel[i], facts[n++] = w->stride[i];
        facts[n++] = w->dilation[i], facts[n++] = w->pad_begin[i];
    }
    return tn__lower_tile(l, "conv", root, w->out[w->rank - 1], ocb, 28, ocb <= 8 || ocb % 2 == 0, facts, n, out);
}

tn_error *tn__lower_conv(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    const tn__attrs_conv *at = n->attrs;
    if (!l->values[n->first_out].block) return tn__lower_conv_lines(l, root, n);
    if (at->group != 1 && !is_depthwise(g, n)) return tn__lower_conv_group(l, root, n);
    tn_value xv = tn__in(g, n, 0), kv = tn__in(g, n, 1);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    tn__window w;
    TN__TRY(tn__lower_conv_window(l, n, &w));
    bool depthwise = at->group != 1, done = false;
    if (l->winograd_error > 0 && !l->tf32) TN__TRY(tn__lower_conv_winograd(l, root, n, &w, &done));
    if (done) return NULL;
    int32_t in_block = depthwise || (l->values[xv.id].block && x->dims[1] >= l->w / 2) || x->dims[1] % l->w == 0 ? l->w : 0;
    int64_t spatial_in = 1, spatial_out = 1, taps_all = 1;
    for (int32_t i = 0; i < w.rank; i++) spatial_in *= w.in[i], spatial_out *= w.out[i], taps_all *= w.kernel[i];
    if (!tn__lower_partly_broadcast(l, root, 2)) tn__window_flatten(&w);
    int32_t last = w.rank - 1;
    bool unrolled = (tn__window_needs_domain(&w, last) && !tn__window_wants_guard(&w)) || (depthwise && w.kernel[last] <= UNROLL_MOST);
    tn__tile tile = {.nv = 1};
    int64_t ocb = tn__ceil_div(out->dims[1], l->w), icb = in_block ? tn__ceil_div(x->dims[1], in_block) : x->dims[1];
    if (depthwise) tile.mr = (int32_t)(w.out[last] < 8 ? w.out[last] : 8);
    else {
        /* unrolled taps of single channels: weights of several taps live at once, and a tile that fills a large file of registers spills;
         * of 16 registers a smaller tile costs more than the spills */
        if (!in_block && unrolled && l->registers >= 32) tile.spare = 10;
        tile.depth = in_block ? in_block : taps_all == 1 ? icb : 0;
        TN__TRY(conv_tile(l, root, &w, ocb, in_block, &tile));
    }
    int32_t nv = tile.nv;
    bool interleave = !depthwise && ocb % nv == 0;

    tn__kernel *k = tn__lower_kernel(l, depthwise ? "dwconv" : "conv", root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = root, .rank = out->rank, .block = l->w};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    int32_t dims[3], taps[3], d_jt = -1, d_j = -1, d_icb = -1, d_ici = -1;
    int32_t d_n = tn__build_dim(&b, out->dims[0], 0, 1);
    if (depthwise) d_jt = tn__build_dim(&b, ocb, 1, l->w);
    else if (interleave) d_jt = tn__build_dim(&b, ocb / nv, 1, (int64_t)nv * l->w);
    else d_j = tn__build_dim(&b, ocb, 1, l->w);
    for (int32_t i = 0; i < w.rank; i++) dims[i] = tn__build_dim(&b, w.out[i], out->rank - w.rank + i, 1);
    if (interleave) d_j = tn__build_dim(&b, nv, 1, l->w);
    int32_t d_lane = tn__build_dim(&b, l->w, 1, 1);
    k->n_spatial = k->n_dims;
    if (!depthwise) d_icb = tn__build_dim(&b, icb, -1, 1);
    for (int32_t i = 0; i < w.rank; i++) taps[i] = tn__build_dim(&b, w.kernel[i], -1, 1);
    if (in_block && !depthwise) d_ici = tn__build_dim(&b, in_block, -1, 1);
    if (unrolled) k->unroll = 1u << taps[last];

    uint32_t slot;
    tn_dtype in_dtype = x->dtype;
    tn_error *e = depthwise ? tn__lower_get(l, xv, in_block, 1, &slot) : tn__lower_get_wide(l, xv, in_block, 1, &slot, &in_dtype);
    tn__kmap map = {0};
    int64_t pixel = in_block ? in_block : 1;
    map.stride[d_n] = (depthwise ? ocb : icb) * spatial_in * pixel;
    if (depthwise) map.stride[d_jt] = spatial_in * pixel, map.stride[d_lane] = 1;
    else map.stride[d_icb] = spatial_in * pixel;
    if (d_ici >= 0) map.stride[d_ici] = 1;
    tn__window_add(&b, &w, dims, taps, pixel, &map);
    int32_t in = e ? -1 : tn__kx_load(k, tn__build_buffer(&b, slot, in_dtype), &map);

    if (in >= 0 && tn__window_wants_guard(&w)) tn__window_add_guard(k, in, &w, dims[last], taps[last], 0);
    tn__kmap wm = {0};
    if (!e && depthwise) {
        e = tn__pack_depthwise(l, kv, taps_all, &slot);
        wm.stride[d_jt] = taps_all * l->w;
        wm.stride[d_lane] = 1;
        int64_t s = l->w;
        for (int32_t i = w.rank - 1; i >= 0; i--) wm.stride[taps[i]] = s, s *= w.kernel[i];
    } else if (!e) {
        e = tn__pack_conv(l, kv, taps_all, in_block ? in_block : 1, interleave ? nv : 1, &slot);
        int64_t row = interleave ? (int64_t)nv * l->w : l->w, s = row * (in_block ? in_block : 1);
        if (d_ici >= 0) wm.stride[d_ici] = row;
        for (int32_t i = w.rank - 1; i >= 0; i--) wm.stride[taps[i]] = s, s *= w.kernel[i];
        wm.stride[d_icb] = s;
        if (interleave) wm.stride[d_jt] = s * icb, wm.stride[d_j] = l->w;
        else wm.stride[d_j] = s * icb;
        wm.stride[d_lane] = 1;
    }
    int32_t weight = e ? -1 : tn__kx_load(k, tn__build_buffer(&b, slot, TN_DTYPE_f32), &wm);
    k->body = tn__lower_product(l, k, x->dtype, in, weight);
    k->reduce = TN__KX_ADD;
    b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    if (!e) e = tn__lower_conv_bias(&b, n, out->dims[1]);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->v = d_lane;
    k->j = d_j;
    k->nv = nv;
    k->m = dims[last];
    k->mr = tile.mr, k->steps = tile.steps;
    bool edges = tn__window_needs_domain(&w, last) && !tn__window_wants_guard(&w);
    int64_t outer = out->dims[0] * tn__ceil_div(ocb, nv);
    for (int32_t i = 0; i < last; i++) outer *= w.out[i];
    if (tile.chunk) k->m_chunk = tile.chunk;
    else if (!edges) tn__lower_chunk_rows(k, outer);
    k->flops = 2.0 * (double)out->dims[0] * (double)out->dims[1] * (double)spatial_out * (double)taps_all * (double)(depthwise ? 1 : x->dims[1]);
    if (depthwise) e = tn__lower_rows(l, "dwconv", root, 16, 1, k);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch(l, k, b.slots, root);
}
