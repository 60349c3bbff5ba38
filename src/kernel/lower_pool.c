/* Pooling: on channel-blocked values, vectors of channels; on row-major ones, where option `layout` prefers them, vectors along lines of pixels. */
#include "kernel/lower_tune.h"
#include "kernel/lower_window.h"

#include <math.h>

static bool is_global(const tn__node *n) { return n->op == TN_OP_global_average_pool || n->op == TN_OP_global_max_pool; }
static bool is_average(const tn__node *n) { return n->op == TN_OP_average_pool || n->op == TN_OP_global_average_pool; }

tn_error *tn__lower_pool_window(const tn__lower *l, const tn__node *n, tn__window *w) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0));
    if (is_global(n)) {
        *w = (tn__window){.rank = x->rank - 2};
        for (int32_t i = 0; i < w->rank; i++) w->kernel[i] = w->in[i] = x->dims[i + 2], w->stride[i] = w->dilation[i] = w->out[i] = 1;
        return NULL;
    }
    tn__window_spec s = tn__window_spec_of_pool(n->attrs);
    return tn__window_resolve(l->a, &s, x->rank - 2, x->dims + 2, NULL, w);
}

/* What stands for pixels outside of the input. */
static double outside_of(const tn__node *n, tn_dtype dtype) {
    return is_average(n) || dtype == TN_DTYPE_u8 ? 0 : dtype == TN_DTYPE_i8 ? -128 : -INFINITY;
}

static bool has_edges(const tn__window *w) {
    for (int32_t i = 0; i < w->rank; i++)
        if (tn__window_needs_domain(w, i)) return true;
    return false;
}

/* Taps inside the input, per output pixel. */
static tn_error *average_counts(tn__lower *l, const tn__window *w, uint32_t *out_slot) {
    int64_t n = 1, index[3] = {0, 0, 0};
    for (int32_t i = 0; i < w->rank; i++) n *= w->out[i];
    tn_tensor *t;
    TN__TRY(tn_tensor_create(l->c, TN_DTYPE_f32, 1, &n, &t));
    for (int64_t at = 0; at < n; at++) {
        int64_t count = 1;
        for (int32_t i = 0; i < w->rank; i++) {
            int64_t begin, end;
            tn__window_taps(w, i, index[i], &begin, &end);
            count *= end - begin;
        }
        ((float *)t->data)[at] = (float)count;
        tn__next_index(w->rank, w->out, index);
    }
    tn_error *e = tn__lower_constant_slot(l, t, out_slot);
    tn_tensor_release(t);
    return e;
}

/* The sum that is b->memo_red by its number of taps. */
static tn_error *divide(tn__build *b, const tn__node *n, const tn__window *window) {
    tn__kernel *k = b->k;
    tn__window w = *window;
    int64_t taps = 1;
    for (int32_t i = 0; i < w.rank; i++) taps *= w.kernel[i];
    /* padding that counts: taps outside the input count only while they are inside the padded input, so ceil_mode is left to the count table */
    if (!is_global(n) && ((const tn__attrs_pool *)n->attrs)->count_include_pad)
        for (int32_t i = 0; i < w.rank; i++) w.in[i] += w.pad_begin[i] + w.pad_end[i], w.pad_begin[i] = w.pad_end[i] = 0;
    int32_t by = -1;
    if (!has_edges(&w)) by = tn__kx_const(k, TN_DTYPE_f32, (double)taps);
    else {
        uint32_t slot;
        TN__TRY(average_counts(b->l, &w, &slot));
        tn__kmap map = {0};
        int64_t axis_stride[3], s = 1;
        for (int32_t i = w.rank - 1; i >= 0; i--) axis_stride[i] = s, s *= w.out[i];
        for (int32_t d = 0; d < k->n_spatial; d++)
            if (b->axis_of_dim[d] >= 2) map.stride[d] = axis_stride[b->axis_of_dim[d] - 2] * b->mul_of_dim[d];
        by = tn__kx_load(k, tn__build_buffer(b, slot, TN_DTYPE_f32), &map);
    }
    b->memo_red = tn__kx(k, TN__KX_DIV, TN_DTYPE_f32, b->memo_red, by, -1);
    return NULL;
}

bool tn__lower_pool_has_lines(const tn__lower *l, const tn__node *n) {
    tn__lines s;
    if (is_global(n)) return false;
    tn_error *e = tn__lower_pool_window(l, n, &s.w);
    if (e) return tn_error_destroy(e), false;
    return tn__lines_of_window(&s);
}

/* Rows of the tile are lines below each other (of one axis: channels). */
static tn_error *pool_lines(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    tn_value xv = tn__in(g, n, 0);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    bool average = is_average(n);
    double outside = outside_of(n, x->dtype);
    tn__lines s;
    TN__TRY(tn__lower_pool_window(l, n, &s.w));
    if (!tn__lines_of_window(&s)) return TN__FAIL(l->a, INTERNAL, "pool: no lines");
    int32_t last = s.w.rank - 1, d_outer[3], t_outer[3], d_c = -1, d_phase = -1;
    int64_t w = l->w, stride = s.copied ? s.padded[last] : s.w.in[last];
    uint32_t slot;
    if (s.copied) TN__TRY(tn__lines_copy(l, xv, root, &s, outside, &slot));
    else TN__TRY(tn__lower_get(l, xv, 0, 0, &slot));
    tn__kernel *k = tn__lower_kernel(l, "lpool", root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = root, .rank = out->rank};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    int32_t d_n = tn__build_dim(&b, out->dims[0], 0, 1);
    if (last) d_c = tn__build_dim(&b, out->dims[1], 1, 1);
    for (int32_t i = 0; i + 1 < last; i++) d_outer[i] = tn__build_dim(&b, s.w.out[i], 2 + i, 1);
    int32_t d_j = tn__build_dim(&b, tn__ceil_div(s.line, w), out->rank - 1, w);
    int32_t d_m = last ? tn__build_dim(&b, s.w.out[last - 1], 1 + last, 1) : tn__build_dim(&b, out->dims[1], 1, 1);
    if (last) d_outer[last - 1] = d_m;
    else d_c = d_m;
    int32_t d_lane = tn__build_dim(&b, w, out->rank - 1, 1);
    k->n_spatial = k->n_dims;
    for (int32_t i = 0; i < last; i++) t_outer[i] = tn__build_dim(&b, s.w.kernel[i], -1, 1);
    int32_t d_step = tn__build_dim(&b, s.steps, -1, 1);
    if (s.phases > 1) d_phase = tn__build_dim(&b, s.phases, -1, 1);
    if (s.steps * s.phases <= TN__LINES_UNROLL) k->unroll = 1u << d_step | (d_phase >= 0 ? 1u << d_phase : 0);

    tn__kmap in = {0};
    in.stride[d_j] = w, in.stride[d_lane] = 1;
    in.stride[d_step] = s.phases > 1 ? 1 : s.w.dilation[last];
    if (d_phase >= 0) in.stride[d_phase] = stride, stride *= s.phases;
    for (int32_t i = last - 1; i >= 0; i--) {
        in.stride[d_outer[i]] = stride * s.w.stride[i], in.stride[t_outer[i]] = stride * s.w.dilation[i];
        stride *= s.copied ? s.padded[i] : s.w.in[i];
    }
    in.stride[d_c] = stride, in.stride[d_n] = stride * x->dims[1];
    k->body = tn__kx_load(k, tn__build_buffer(&b, slot, s.copied ? tn__lines_dtype(x->dtype) : x->dtype), &in);
    if (k->body >= 0) tn__lines_add_guard(k, k->body, &s, d_step, d_phase, outside);
    k->reduce = average ? TN__KX_ADD : TN__KX_MAX;
    b.memo_red = tn__kx(k, TN__KX_RED, tn__kernel_compute_dtype(x->dtype), -1, -1, -1);
    tn_error *e = average ? divide(&b, n, &s.w) : NULL;
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->v = d_lane, k->v_tail = (int32_t)(s.line % w);
    k->j = d_j, k->nv = k->extent[d_j] > 1 ? 2 : 1;
    k->m = d_m, k->mr = (int32_t)(k->extent[d_m] < 4 ? k->extent[d_m] : 4);
    if ((e = tn__lower_rows(l, "lpool", root, 16, 4, k))) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch(l, k, b.slots, root);
}

tn_error *tn__lower_pool(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    if (!l->values[n->first_out].block) return pool_lines(l, root, n);
    tn_value xv = tn__in(g, n, 0);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    bool average = is_average(n);
    tn__window w;
    TN__TRY(tn__lower_pool_window(l, n, &w));
    int64_t spatial = 1, cb = tn__ceil_div(x->dims[1], l->w);
    int32_t last = w.rank - 1, dims[3], taps[3];
    for (int32_t i = 0; i < w.rank; i++) spatial *= w.in[i];
    tn__kernel *k = tn__lower_kernel(l, "pool", root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = root, .rank = out->rank, .block = l->w};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    int32_t d_n = tn__build_dim(&b, out->dims[0], 0, 1), d_cb = tn__build_dim(&b, cb, 1, l->w);
    for (int32_t i = 0; i < w.rank; i++) dims[i] = tn__build_dim(&b, w.out[i], out->rank - w.rank + i, 1);
    int32_t d_lane = tn__build_dim(&b, l->w, 1, 1);
    k->n_spatial = k->n_dims;
    for (int32_t i = 0; i < w.rank; i++) taps[i] = tn__build_dim(&b, w.kernel[i], -1, 1);
    if (tn__window_needs_domain(&w, last) && !tn__window_wants_guard(&w)) k->unroll = 1u << taps[last];
    uint32_t slot;
    tn_error *e = tn__lower_get(l, xv, l->w, 1, &slot);
    tn__kmap map = {0};
    map.stride[d_n] = cb * spatial * l->w;
    map.stride[d_cb] = spatial * l->w;
    map.stride[d_lane] = 1;
    tn__window_add(&b, &w, dims, taps, l->w, &map);
    k->body = e ? -1 : tn__kx_load(k, tn__build_buffer(&b, slot, x->dtype), &map);
    if (k->body >= 0 && tn__window_wants_guard(&w)) tn__window_add_guard(k, k->body, &w, dims[last], taps[last], outside_of(n, x->dtype));
    k->reduce = average ? TN__KX_ADD : TN__KX_MAX;
    b.memo_red = tn__kx(k, TN__KX_RED, tn__kernel_compute_dtype(x->dtype), -1, -1, -1);
    if (!e && average) e = divide(&b, n, &w);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->v = d_lane;
    k->m = dims[last];
    k->mr = (int32_t)(k->extent[k->m] < 8 ? k->extent[k->m] : 8);
    if ((e = tn__lower_rows(l, "pool", root, 16, 1, k))) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch(l, k, b.slots, root);
}
