/* Convolution on row-major values, vectors along lines of pixels: rows of the tile are output channels, weights are splat.
 *
 *   out[n][oc][y][x] = sum over ic, ky, kx of weight[ic][ky][kx][oc] * in[n][ic][y'][x']     ic and oc: those of a group
 *
 * For output channels that would leave most lanes of a block idle, and for pointwise convolutions whose neighbours are
 * row-major anyway (a product; a network's first and last convolutions, and those run alone); for all of them, groups too, where
 * option `layout` prefers row-major values. What lies outside the input, and
 * a stride along the line, is dealt with by a copy in front: lines with their padding, the pixels of each phase of the stride
 * side by side. */
#include "kernel/lower_tune.h"
#include "kernel/lower_window.h"
#include "kernel/pack.h"

enum { LEAST_VECTORS = 4, FEW_ROWS = 8 };
/* What a lane costs that is copied, and one whose layout changes, in multiply-adds. */
static const double copy_cost = 6, reorder_cost = 6;

bool tn__lines_of_window(tn__lines *s) {
    tn__window *w = &s->w;
    int32_t last = w->rank - 1;
    s->pixels = 1, s->line = w->out[last];
    s->phases = w->stride[last];
    if (s->phases > 1 && w->dilation[last] > 1) return false;
    s->steps = tn__ceil_div(w->kernel[last], s->phases);
    s->pointwise = true, s->copied = false;
    for (int32_t i = 0; i < w->rank; i++) {
        int64_t reach = (w->out[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
        s->pixels *= w->out[i];
        s->padded[i] = reach;
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->pad_begin[i] || w->out[i] != w->in[i]) s->pointwise = false;
        if (tn__window_needs_domain(w, i)) s->copied = true;
    }
    if (s->phases > 1) s->copied = true, s->padded[last] = s->line + s->steps - 1;
    return true;
}

static bool find_lines(const tn__lower *l, const tn__node *n, bool flat, tn__lines *s) {
    int64_t groups = ((const tn__attrs_conv *)n->attrs)->group;
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0)), *out = tn__type_of(l->g, tn__out(n, 0));
    *s = (tn__lines){.groups = groups, .ic = x->dims[1] / groups, .oc = out->dims[1] / groups};
    tn_error *e = tn__lower_conv_window(l, n, &s->w);
    if (e) return tn_error_destroy(e), false;
    if (flat) tn__window_flatten(&s->w);
    return tn__lines_of_window(s);
}

/* Multiply-adds of one input channel and tap, idle lanes included. */
static double line_lanes(const tn__lines *s, int32_t w) {
    return (double)s->oc * (double)(tn__ceil_div(s->line, w) * w) * (double)(s->pixels / s->line);
}

tn__lines_choice tn__lower_lines_choose(const tn__lower *l, const tn__node *n) {
    tn__lines s;
    if (tn__lower_is_pool(n->op)) return l->prefers == TN__LAYOUT_NCHW && tn__lower_pool_has_lines(l, n) ? TN__LINES_ALWAYS : TN__LINES_NEVER;
    if (n->op != TN_OP_conv || l->prefers == TN__LAYOUT_BLOCKED || !find_lines(l, n, true, &s)) return TN__LINES_NEVER;
    if (l->prefers == TN__LAYOUT_NCHW) return TN__LINES_ALWAYS;
    if (s.groups > 1 || tn__ceil_div(s.line, l->w) < LEAST_VECTORS) return TN__LINES_NEVER;
    double taps = (double)s.ic, in_pixels = (double)s.ic, blocked = (double)(tn__ceil_div(s.oc, l->w) * l->w) * (double)s.pixels;
    for (int32_t i = 0; i < s.w.rank; i++) taps *= (double)s.w.kernel[i], in_pixels *= (double)s.w.in[i];
    double line = line_lanes(&s, l->w), moves = reorder_cost * (in_pixels + (double)s.oc * (double)s.pixels);
    if (s.copied) moves += copy_cost * in_pixels * (double)s.phases;
    if (line * taps + moves < 0.7 * blocked * taps) return TN__LINES_ALWAYS;
    return s.pointwise && s.ic >= l->w && line * 3 <= blocked * 4 ? TN__LINES_BETWEEN_PLAIN : TN__LINES_NEVER;
}

tn_error *tn__lines_copy(tn__lower *l, tn_value xv, uint32_t root, const tn__lines *s, double outside, uint32_t *out_slot) {
    const tn__type *x = tn__type_of(l->g, xv);
    tn_dtype dtype = tn__lines_dtype(x->dtype);
    int32_t last = s->w.rank - 1, n_dims = 0;
    tn__kernel *k = tn__lower_kernel(l, "lines", root);
    if (!k) return tn__error_oom();
    tn__kmap in = {0}, out = {0};
    tn__kguard guards[TN__K_GUARDS];
    int32_t n_guards = 0;
    int64_t in_stride = 1, out_stride = s->padded[last], in_strides[3];
    for (int32_t i = last; i >= 0; i--) in_strides[i] = in_stride, in_stride *= s->w.in[i];
    k->extent[n_dims] = x->dims[0] * x->dims[1];
    in.stride[n_dims++] = in_stride;
    for (int32_t i = 0; i <= last; i++) {
        if (i == last && s->phases > 1) in.stride[n_dims] = 1, k->extent[n_dims++] = s->phases;
        int64_t step = i == last ? s->phases : 1;
        in.stride[n_dims] = in_strides[i] * step;
        in.offset -= in_strides[i] * s->w.pad_begin[i];
        k->extent[n_dims++] = s->padded[i];
        if (!tn__window_needs_domain(&s->w, i) && step == 1) continue;
        guards[n_guards] = (tn__kguard){{-s->w.pad_begin[i], {0}}, s->w.in[i]};
        guards[n_guards].map.stride[n_dims - 1] = step;
        if (step > 1) guards[n_guards].map.stride[n_dims - 2] = 1;
        n_guards++;
    }
    out_stride = 1;
    for (int32_t d = n_dims - 1; d >= 0; d--) out.stride[d] = out_stride, out_stride *= k->extent[d];
    uint32_t slots[2];
    tn_error *e = tn__lower_get(l, xv, 0, 0, &slots[0]);
    slots[1] = e ? TN__NO_SLOT : tn__lower_slot(l, TN__SLOT_ARENA, tn__dtype_bytes(dtype, out_stride));
    if (!e && slots[1] == TN__NO_SLOT) e = tn__error_oom();
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->n_buffers = 2;
    k->buffer_dtype[0] = x->dtype, k->buffer_dtype[1] = dtype;
    k->out_buffer = 1;
    k->n_dims = k->n_spatial = n_dims;
    k->epilogue = tn__kx_load(k, 0, &in);
    k->exprs[k->epilogue].n_guards = n_guards, k->exprs[k->epilogue].value = outside;
    for (int32_t i = 0; i < n_guards; i++) k->exprs[k->epilogue].guard[i] = guards[i];
    k->out_map = out;
    *out_slot = slots[1];
    return tn__lower_launch_elementwise(l, k, slots, root);
}

void tn__lines_add_guard(tn__kernel *k, int32_t load, const tn__lines *s, int32_t d_step, int32_t d_phase, double outside) {
    int64_t taps = s->w.kernel[s->w.rank - 1];
    if (s->steps * s->phases == taps) return;
    tn__kexpr *x = &k->exprs[load];
    x->value = outside;
    x->n_guards = 1;
    x->guard[0] = (tn__kguard){{0, {0}}, taps};
    x->guard[0].map.stride[d_step] = s->phases, x->guard[0].map.stride[d_phase] = 1;
}

tn_error *tn__lower_conv_lines(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    tn_value xv = tn__in(g, n, 0), kv = tn__in(g, n, 1);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    tn__lines s;
    /* lines stay apart where an operand of the epilogue differs from line to line */
    if (!find_lines(l, n, !tn__lower_partly_broadcast(l, root, 2), &s)) return TN__FAIL(l->a, INTERNAL, "conv: no lines");
    int64_t w = l->w, vectors = tn__ceil_div(s.line, w), outer_taps = 1;
    int32_t last = s.w.rank - 1, d_outer[3], t_outer[3], d_phase = -1;
    uint32_t slot;
    if (s.copied) TN__TRY(tn__lines_copy(l, xv, root, &s, 0, &slot));
    else TN__TRY(tn__lower_get(l, xv, 0, 0, &slot));

    tn__kernel *k = tn__lower_kernel(l, "lconv", root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = root, .rank = out->rank};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    for (int32_t i = 0; i < last; i++) outer_taps *= s.w.kernel[i];
    bool filled = s.steps * s.phases > s.w.kernel[last], unrolled = filled && s.steps * s.phases <= TN__LINES_UNROLL;
    tn__tile tile = {.depth = unrolled ? 0 : s.phases > 1 ? s.phases : s.steps > 1 ? s.steps : outer_taps == 1 ? s.ic : 0};
    const int64_t facts[] = {s.oc, s.ic, s.groups, s.line, s.pixels, s.steps, s.phases, s.copied, s.w.rank, s.w.kernel[0], s.w.kernel[s.w.rank > 1]};
    tn_error *e = tn__lower_tile(l, "lconv", root, s.oc, vectors, 28, false, facts, sizeof facts / sizeof *facts, &tile);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    int32_t d_n = tn__build_dim(&b, out->dims[0], 0, 1), d_g = -1;
    if (s.groups > 1) d_g = tn__build_dim(&b, s.groups, 1, s.oc);
    for (int32_t i = 0; i < last; i++) d_outer[i] = tn__build_dim(&b, s.w.out[i], 2 + i, 1);
    int32_t d_j = tn__build_dim(&b, vectors, out->rank - 1, w), d_m = tn__build_dim(&b, s.oc, 1, 1);
    int32_t d_lane = tn__build_dim(&b, w, out->rank - 1, 1);
    k->n_spatial = k->n_dims;
    int32_t d_ic = tn__build_dim(&b, s.ic, -1, 1);
    for (int32_t i = 0; i < last; i++) t_outer[i] = tn__build_dim(&b, s.w.kernel[i], -1, 1);
    int32_t d_step = tn__build_dim(&b, s.steps, -1, 1);
    if (s.phases > 1) d_phase = tn__build_dim(&b, s.phases, -1, 1);

    tn__kmap in = {0}, weight = {0};
    in.stride[d_j] = w, in.stride[d_lane] = 1;
    in.stride[d_step] = s.phases > 1 ? 1 : s.w.dilation[last];
    int64_t stride = s.copied ? s.padded[last] : s.w.in[last];
    if (d_phase >= 0) in.stride[d_phase] = stride, stride *= s.phases;
    for (int32_t i = last - 1; i >= 0; i--) {
        in.stride[d_outer[i]] = stride * s.w.stride[i], in.stride[t_outer[i]] = stride * s.w.dilation[i];
        stride *= s.copied ? s.padded[i] : s.w.in[i];
    }
    in.stride[d_ic] = stride, in.stride[d_n] = stride * s.ic * s.groups;
    if (d_g >= 0) in.stride[d_g] = stride * s.ic;

    /* weights as they are, a line of taps for each output channel; or a row of channels for each tap, where taps are in another order,
     * have to be widened, or would lie 4 KiB apart, in the same sets of the first cache */
    int64_t last_taps = s.w.kernel[last], filter = s.ic * outer_taps * last_taps;
    bool as_is = s.phases == 1 && tn__type_of(g, kv)->dtype == TN_DTYPE_f32 && (filter % 1024 || s.oc <= FEW_ROWS);
    int64_t tap = as_is ? 1 : s.oc * s.groups, row = tap;
    weight.stride[d_m] = as_is ? filter : 1;
    if (d_g >= 0) weight.stride[d_g] = weight.stride[d_m] * s.oc;
    if (d_phase >= 0) weight.stride[d_phase] = row, row *= s.phases;
    weight.stride[d_step] = row, row *= s.steps;
    for (int32_t i = last - 1; i >= 0; i--) weight.stride[t_outer[i]] = row, row *= s.w.kernel[i];
    weight.stride[d_ic] = row;

    tn_dtype in_dtype = s.copied ? tn__lines_dtype(x->dtype) : x->dtype;
    int32_t right = tn__kx_load(k, tn__build_buffer(&b, slot, in_dtype), &in), left = -1;
    if (right >= 0) tn__lines_add_guard(k, right, &s, d_step, d_phase, 0);
    if (unrolled) k->unroll = 1u << d_step | 1u << d_phase; /* the guards become constants */
    tn__pack pack = {.n_axes = 4, .n_dims = 5, .widen = true,
                     .axes = {{s.oc * s.groups, s.ic * outer_taps * last_taps}, {s.ic, outer_taps * last_taps}, {outer_taps, last_taps},
                              {last_taps, 1}},
                     .dims = {{1, s.ic, 1}, {2, outer_taps, 1}, {3, s.steps, s.phases}, {3, s.phases, 1}, {0, s.oc * s.groups, 1}}};
    e = as_is ? tn__lower_get(l, kv, 0, 0, &slot) : tn__pack_value(l, kv, &pack, &slot);
    if (!e) left = tn__kx_load(k, tn__build_buffer(&b, slot, TN_DTYPE_f32), &weight);
    k->body = tn__lower_product(l, k, x->dtype, left, right);
    k->reduce = TN__KX_ADD;
    b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    if (!e) e = tn__lower_conv_bias(&b, n, s.oc * s.groups);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->v = d_lane, k->v_tail = (int32_t)(s.line % w);
    k->j = d_j, k->nv = tile.nv;
    k->m = d_m, k->mr = tile.mr, k->steps = tile.steps;
    if (tile.chunk) k->m_chunk = tile.chunk;
    else tn__lower_chunk_rows(k, out->dims[0] * s.groups * (s.pixels / s.line) * tn__ceil_div(vectors, tile.nv));
    k->flops = 2.0 * (double)out->dims[0] * (double)out->dims[1] * (double)s.pixels * (double)(s.ic * outer_taps * last_taps);
    return tn__lower_launch(l, k, b.slots, root);
}
