/* Convolution in groups of any size, on channel-blocked data.
 *
 *   output channels   [ group 0      | group 1      | group 2     ...     68 a group, say
 *   tiles (nv * w)    [ t0 | t1 | t2 | t3 | t4 | t5 | t6 | t7 | t8 ...    16 each: t4 holds channels of groups 0 and 1
 *   input channels of tile t: first[t] .. first[t] + count[t], those of all its groups
 *
 * A tile sums over the input channels of all groups it touches. Weights are zero where an input channel is of another group than the
 * lane, and the lane does not count the step at all (kernel.when), or an infinity of one group would be a NaN in another. Which
 * channels, and where they lie, are tables made at compile time. Rejected: padding every group to whole vectors, which costs as many
 * multiplications, and every consumer would have to know. */
#include "kernel/lower_window.h"

typedef struct groups {
    int64_t in, out;          /* channels of one group */
    int64_t count;            /* groups */
    int64_t tile, tiles;      /* output channels a tile, tiles */
    int64_t most;             /* input channels of the widest tile */
    bool straddled;           /* some tile touches two groups */
} groups;

static int64_t first_of(const groups *s, int64_t t) { return t * s->tile / s->out * s->in; }

static int64_t count_of(const groups *s, int64_t t) {
    int64_t last = (t + 1) * s->tile < s->count * s->out ? (t + 1) * s->tile - 1 : s->count * s->out - 1;
    return (last / s->out + 1) * s->in - first_of(s, t);
}

/* Tiles of nv vectors; returns the input channels summed over all tiles. */
static int64_t cut(groups *s, int64_t tile) {
    int64_t sum = 0;
    s->tile = tile;
    s->tiles = tn__ceil_div(s->count * s->out, tile);
    s->most = 0;
    s->straddled = false;
    for (int64_t t = 0; t < s->tiles; t++) {
        int64_t n = count_of(s, t);
        if (n > s->most) s->most = n;
        s->straddled |= n > s->in;
        sum += n;
    }
    return sum;
}

static tn_error *table(tn__lower *l, int64_t n, tn_tensor **out) { return tn_tensor_create(l->c, TN_DTYPE_i64, 1, &n, out); }

/* Takes the table over. */
static tn_error *use_table(tn__build *b, tn_tensor *t, int32_t *out_buffer) {
    uint32_t slot;
    tn_error *e = tn__lower_constant_slot(b->l, t, &slot);
    *out_buffer = e ? -1 : tn__build_buffer(b, slot, t->dtype);
    tn_tensor_release(t);
    return e;
}

/* The index expression of input channel first[t] + r, and what counts for lanes of other groups. */
static tn_error *channel_index(tn__build *b, const groups *s, const tn__kmap *by_tile, const tn__kmap *by_lane, int32_t r, int32_t block,
                               int64_t pixels, int32_t *out_index) {
    tn__lower *l = b->l;
    tn__kernel *k = b->k;
    tn_tensor *first, *count, *where, *group;
    int32_t buffer;
    tn__kmap by_channel = {0};
    by_channel.stride[r] = 1;
    TN__TRY(table(l, s->tiles, &first));
    for (int64_t t = 0; t < s->tiles; t++) ((int64_t *)first->data)[t] = first_of(s, t);
    TN__TRY(use_table(b, first, &buffer));
    int32_t start = tn__kx_load(k, buffer, by_tile);
    TN__TRY(table(l, s->count * s->in, &where));
    for (int64_t c = 0; c < where->elements; c++) ((int64_t *)where->data)[c] = block ? c / block * pixels * block + c % block : c * pixels;
    TN__TRY(use_table(b, where, &buffer));
    *out_index = tn__kx_load_at(k, buffer, &by_channel, start);
    if (!s->straddled) return NULL;
    TN__TRY(table(l, s->tiles, &count));
    for (int64_t t = 0; t < s->tiles; t++) ((int64_t *)count->data)[t] = count_of(s, t);
    TN__TRY(use_table(b, count, &buffer));
    k->limit = tn__kx_load(k, buffer, by_tile);
    k->limited = r;
    int64_t lanes = s->tiles * s->tile;
    TN__TRY(tn_tensor_create(l->c, TN_DTYPE_i32, 1, &lanes, &group));
    for (int64_t c = 0; c < lanes; c++) ((int32_t *)group->data)[c] = (int32_t)(c / s->out);
    TN__TRY(use_table(b, group, &buffer));
    int32_t of_lane = tn__kx_load(k, buffer, by_lane);
    int64_t n = s->count * s->in;
    TN__TRY(tn_tensor_create(l->c, TN_DTYPE_i32, 1, &n, &group));
    for (int64_t c = 0; c < n; c++) ((int32_t *)group->data)[c] = (int32_t)(c / s->in);
    TN__TRY(use_table(b, group, &buffer));
    k->when = tn__kx(k, TN__KX_EQ, TN_DTYPE_bool, of_lane, tn__kx_load_at(k, buffer, &by_channel, start), -1);
    return NULL;
}

/* Weights [oc][ic of a group][taps] -> [tile][channel][taps][lane], zero where the channel is of another group. */
static tn_error *pack(tn__build *b, const groups *s, const tn_tensor *weights, int64_t taps, int32_t *out_buffer) {
    int64_t n = s->tiles * s->most * taps * s->tile;
    tn_tensor *t;
    TN__TRY(tn_tensor_create(b->l->c, TN_DTYPE_f32, 1, &n, &t));
    float *dst = t->data;
    for (int64_t o = 0; o < s->count * s->out; o++) {
        int64_t tile = o / s->tile, own = o / s->out * s->in - first_of(s, tile);
        for (int64_t i = 0; i < s->in; i++)
            for (int64_t k = 0; k < taps; k++)
                dst[((tile * s->most + own + i) * taps + k) * s->tile + o % s->tile] =
                    (float)tn__load_f64(weights->dtype, weights->data, (o * s->in + i) * taps + k);
    }
    return use_table(b, t, out_buffer);
}

tn_error *tn__lower_conv_group(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    tn_value xv = tn__in(g, n, 0);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    const tn_tensor *weights = tn__constant_of(g, tn__in(g, n, 1));
    tn__window w;
    TN__TRY(tn__lower_conv_window(l, n, &w));
    int64_t group = ((const tn__attrs_conv *)n->attrs)->group, pixels_in = 1, pixels_out = 1, taps_all = 1;
    for (int32_t i = 0; i < w.rank; i++) pixels_in *= w.in[i], pixels_out *= w.out[i], taps_all *= w.kernel[i];
    if (!tn__lower_partly_broadcast(l, root, 2)) tn__window_flatten(&w);
    int32_t last = w.rank - 1, mr = 1, nv = 1, block = l->values[xv.id].block;
    groups s = {.in = x->dims[1] / group, .out = out->dims[1] / group, .count = group};
    double best = 1e300;
    for (int32_t v = 1; v <= 4; v++) {
        int32_t rows;
        if (tn__ceil_div(out->dims[1], l->w) % v) continue; /* whole tiles: the result has no blocks beyond */
        double cost = (double)cut(&s, (int64_t)v * l->w) * tn__lower_tile_cost(w.out[last], v, l->registers - 1, 28, &rows);
        if (cost < best * 0.999) best = cost, mr = rows, nv = v;
    }
    cut(&s, (int64_t)nv * l->w);
    tn__kernel *k = tn__lower_kernel(l, "gconv", root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = root, .rank = out->rank, .block = l->w};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    int32_t dims[3], taps[3], d_n = tn__build_dim(&b, out->dims[0], 0, 1), d_t = tn__build_dim(&b, s.tiles, 1, s.tile);
    for (int32_t i = 0; i < w.rank; i++) dims[i] = tn__build_dim(&b, w.out[i], out->rank - w.rank + i, 1);
    int32_t d_j = tn__build_dim(&b, nv, 1, l->w), d_lane = tn__build_dim(&b, l->w, 1, 1);
    k->n_spatial = k->n_dims;
    int32_t d_r = tn__build_dim(&b, s.most, -1, 1);
    for (int32_t i = 0; i < w.rank; i++) taps[i] = tn__build_dim(&b, w.kernel[i], -1, 1);
    bool edges = tn__window_needs_domain(&w, last) && !tn__window_wants_guard(&w);
    if (edges) k->unroll = 1u << taps[last];

    tn__kmap map = {0}, by_tile = {0}, by_lane = {0}, wm = {0};
    by_tile.stride[d_t] = 1;
    by_lane.stride[d_t] = s.tile, by_lane.stride[d_j] = l->w, by_lane.stride[d_lane] = 1;
    map.stride[d_n] = (block ? tn__ceil_div(x->dims[1], block) * block : x->dims[1]) * pixels_in;
    tn__window_add(&b, &w, dims, taps, block ? block : 1, &map);
    int64_t step = s.tile;
    for (int32_t i = last; i >= 0; i--) wm.stride[taps[i]] = step, step *= w.kernel[i];
    wm.stride[d_r] = step, wm.stride[d_t] = step * s.most;
    wm.stride[d_j] = l->w, wm.stride[d_lane] = 1;
    uint32_t slot = TN__NO_SLOT;
    int32_t index = -1, packed = -1;
    tn_dtype in_dtype = x->dtype;
    tn_error *e = tn__lower_get_wide(l, xv, block, 1, &slot, &in_dtype);
    if (!e) e = channel_index(&b, &s, &by_tile, &by_lane, d_r, block, pixels_in, &index);
    if (!e) e = pack(&b, &s, weights, taps_all, &packed);
    if (!e) {
        int32_t in = tn__kx_load_at(k, tn__build_buffer(&b, slot, in_dtype), &map, index), weight = tn__kx_load(k, packed, &wm);
        if (tn__window_wants_guard(&w)) tn__window_add_guard(k, in, &w, dims[last], taps[last], 0);
        k->body = tn__lower_product(l, k, x->dtype, in, weight);
        k->reduce = TN__KX_ADD;
        b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
        e = tn__lower_conv_bias(&b, n, out->dims[1]);
    }
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->v = d_lane;
    k->j = d_j;
    k->nv = nv;
    k->m = dims[last];
    k->mr = mr;
    int64_t outer = out->dims[0] * s.tiles;
    for (int32_t i = 0; i < last; i++) outer *= w.out[i];
    if (!edges) tn__lower_chunk_rows(k, outer);
    k->flops = 2.0 * (double)out->dims[0] * (double)out->dims[1] * (double)pixels_out * (double)taps_all * (double)s.in;
    return tn__lower_launch(l, k, b.slots, root);
}
