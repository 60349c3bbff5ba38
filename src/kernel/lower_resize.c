/* Copies through a table per axis (nearest resize, pads that repeat the data, tile), and interpolating resize: a reduction over the taps of
 * all resized axes, with tables of source offsets and of weights. What follows an interpolation joins its kernel. */
#include "kernel/lower_maps.h"
#include "op/image/resize_taps.h"

enum { MOST_RESIZED = 3, MOST_RANK = 6 };

/* Where index i of each axis of the result is read: at table[i], or at i where there is none. */
typedef struct maps {
    int32_t rank;
    int64_t *tables[TN_MAX_RANK];  /* owned */
    const int64_t *dims;           /* of the result */
} maps;

static void maps_deinit(const tn_allocator *a, maps *m) {
    for (int32_t i = 0; i < m->rank; i++) tn__free(a, m->tables[i], (size_t)m->dims[i] * sizeof(int64_t));
}

static int64_t *new_table(const tn_allocator *a, maps *m, int32_t axis) {
    size_t bytes;
    if (m->tables[axis] || !tn__mul((size_t)m->dims[axis], sizeof(int64_t), &bytes)) return NULL;
    return m->tables[axis] = tn__alloc(a, bytes);
}

/* The taps of a resize; *out_ok false: not for kernels. Deinit in any case. */
static tn_error *taps_of(const tn__lower *l, const tn__node *n, tn__resize_taps *out, bool *out_ok) {
    const tn_graph *g = l->g;
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0)), *y = &g->values.data[n->first_out].type;
    const tn_tensor *operands[4] = {NULL};
    tn__resize_plan p;
    *out = (tn__resize_taps){0};
    *out_ok = false;
    if (tn__resize_needs_roi(n->attrs) || x->rank > MOST_RANK || !tn__type_elements(x) || !tn__type_elements(y)) return NULL;
    for (uint32_t i = 2; i < 4; i++) {
        tn_value v = tn__in(g, n, i);
        if (v.id && !(operands[i] = tn__constant_of(g, v))) return NULL;
    }
    tn_error *e = tn__resize_resolve(l->a, n->attrs, x->rank, x->dims, operands[2], operands[3], &p);
    if (!e) e = tn__resize_taps_init(l->a, n->attrs, x->rank, x->dims, &p, NULL, out);
    int32_t resized = 0;
    for (int32_t i = 0; i < out->rank; i++) resized += out->axes[i].index != NULL;
    *out_ok = !e && resized >= 1 && resized <= MOST_RESIZED;
    if (e && tn_error_get_code(e) == TN_ERROR_OUT_OF_MEMORY) return e;
    tn_error_destroy(e); /* the call says it at run time */
    return NULL;
}

static tn_error *nearest_maps(const tn__lower *l, const tn__node *n, maps *m, bool *out_ok) {
    tn__resize_taps t;
    tn_error *e = taps_of(l, n, &t, out_ok);
    *out_ok = *out_ok && t.nearest;
    for (int32_t i = 0; !e && *out_ok && i < m->rank; i++) {
        if (!t.axes[i].index) continue;
        int64_t *table = new_table(l->a, m, i);
        if (!table) e = tn__error_oom();
        else memcpy(table, t.axes[i].index, (size_t)m->dims[i] * sizeof *table);
    }
    tn__resize_taps_deinit(l->a, &t);
    return e;
}

/* Entry i of an axis of d, i outside: 'e'dge, 'r'eflect, 'w'rap. */
static int64_t repeated(char mode, int64_t i, int64_t d) {
    if (i >= 0 && i < d) return i;
    if (mode == 'e' || d == 1) return i < 0 ? 0 : d - 1;
    int64_t period = mode == 'w' ? d : 2 * (d - 1);
    i %= period;
    if (i < 0) i += period;
    return i < d ? i : period - i;
}

static tn_error *pad_maps(const tn__lower *l, const tn__node *n, maps *m, bool *out_ok) {
    const tn_graph *g = l->g;
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0));
    const tn_tensor *pads = tn__constant_of(g, tn__in(g, n, 1)), *axes = tn__in(g, n, 3).id ? tn__constant_of(g, tn__in(g, n, 3)) : NULL;
    char mode = ((const tn__attrs_pad *)n->attrs)->mode[0];
    int64_t n_axes = axes ? axes->elements : m->rank;
    *out_ok = (mode == 'e' || mode == 'r' || mode == 'w') && pads && (axes || !tn__in(g, n, 3).id) && pads->elements == 2 * n_axes;
    for (int64_t k = 0; *out_ok && k < n_axes; k++) {
        int64_t axis = axes ? tn__load_i64(axes->dtype, axes->data, k) : k, begin = tn__load_i64(pads->dtype, pads->data, k),
                end = tn__load_i64(pads->dtype, pads->data, k + n_axes);
        if (axis < 0) axis += m->rank;
        if (axis < 0 || axis >= m->rank || begin < 0 || end < 0 || m->tables[axis]) return *out_ok = false, NULL;
        if (!begin && !end) continue;
        int64_t *table = new_table(l->a, m, (int32_t)axis);
        if (!table) return tn__error_oom();
        for (int64_t i = 0; i < m->dims[axis]; i++) table[i] = repeated(mode, i - begin, x->dims[axis]);
    }
    return NULL;
}

static tn_error *tile_maps(const tn__lower *l, const tn__node *n, maps *m, bool *out_ok) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0));
    *out_ok = true;
    for (int32_t axis = 0; axis < m->rank; axis++) {
        if (m->dims[axis] == x->dims[axis]) continue;
        int64_t *table = new_table(l->a, m, axis);
        if (!table) return tn__error_oom();
        for (int64_t i = 0; i < m->dims[axis]; i++) table[i] = i % x->dims[axis];
    }
    return NULL;
}

static tn_error *maps_of(const tn__lower *l, const tn__node *n, maps *m, bool *out_ok) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0)), *y = &l->g->values.data[n->first_out].type;
    *m = (maps){.rank = y->rank, .dims = y->dims};
    *out_ok = false;
    if (x->rank != y->rank || x->rank > MOST_RANK || tn__kernel_compute_dtype(x->dtype) == TN_DTYPE_NONE || !tn__type_elements(x) ||
        !tn__type_elements(y))
        return NULL;
    if (n->op == TN_OP_resize) return nearest_maps(l, n, m, out_ok);
    if (n->op == TN_OP_pad) return pad_maps(l, n, m, out_ok);
    return n->op == TN_OP_tile ? tile_maps(l, n, m, out_ok) : NULL;
}

bool tn__lower_interpolates(const tn__lower *l, const tn__node *n) {
    tn__resize_taps t;
    bool ok = false;
    if (n->op != TN_OP_resize || !tn__kernel_as_f32(tn__type_of(l->g, tn__in(l->g, n, 0))->dtype)) return false;
    tn_error *e = taps_of(l, n, &t, &ok);
    ok = ok && !e && !t.nearest;
    tn_error_destroy(e);
    tn__resize_taps_deinit(l->a, &t);
    return ok;
}

bool tn__lower_maps_pixels(const tn__lower *l, const tn__node *n) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0)), *y = &l->g->values.data[n->first_out].type;
    if ((n->op != TN_OP_resize && n->op != TN_OP_pad && n->op != TN_OP_tile) || x->rank < 3 || x->rank != y->rank) return false;
    if (x->dims[0] != y->dims[0] || x->dims[1] != y->dims[1]) return false;
    if (tn__lower_interpolates(l, n)) return true;
    maps m;
    bool ok;
    tn_error *e = maps_of(l, n, &m, &ok);
    ok = ok && !e && !m.tables[0] && !m.tables[1];
    tn_error_destroy(e);
    maps_deinit(l->a, &m);
    return ok;
}

/* Elements between neighbours along each axis of x in the layout; along axis 1 between blocks where blocked. */
static void strides_of(const tn__type *x, int32_t block, int64_t *strides) {
    int64_t s = block ? block : 1;
    for (int32_t i = x->rank - 1; i >= 0; i--) {
        strides[i] = s;
        s *= block && i == 1 ? tn__ceil_div(x->dims[i], block) : x->dims[i];
    }
}

/* Adds a load of `per` entries for each of `count` indices along dim d, scaled; *sum becomes the sum of such loads. */
static tn_error *add_table(tn__build *b, const int64_t *table, int64_t count, int64_t scale, const tn__kmap *map, int32_t *sum) {
    size_t bytes;
    int32_t buffer;
    if (!tn__mul((size_t)count, sizeof *table, &bytes)) return tn__error_oom();
    int64_t *scaled = tn__alloc(b->l->a, bytes);
    if (!scaled) return tn__error_oom();
    for (int64_t i = 0; i < count; i++) scaled[i] = table[i] * scale;
    tn_error *e = tn__lower_table(b, scaled, count, &buffer);
    tn__free(b->l->a, scaled, bytes);
    if (e) return e;
    int32_t x = tn__kx_load(b->k, buffer, map);
    if (x >= 0 && *sum >= 0) { /* both of the wider type */
        tn_dtype d = b->k->exprs[x].dtype == b->k->exprs[*sum].dtype ? b->k->exprs[x].dtype : TN_DTYPE_i64;
        x = tn__kx(b->k, TN__KX_ADD, d, tn__kx(b->k, TN__KX_CAST, d, x, -1, -1), tn__kx(b->k, TN__KX_CAST, d, *sum, -1, -1), -1);
    }
    *sum = x;
    return NULL;
}

static tn_error *copy_mapped(tn__lower *l, uint32_t at, const maps *m) {
    const tn__node *n = &l->g->nodes.data[at];
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0));
    int32_t block = l->values[n->first_out].block, index = -1;
    int64_t strides[TN_MAX_RANK];
    uint32_t from, to;
    strides_of(x, block, strides);
    tn__kernel *k = tn__lower_kernel(l, "map", at);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = at};
    tn__kmap map = {0};
    tn_error *e = NULL;
    for (int32_t i = 0; !e && i < m->rank; i++) {
        k->extent[k->n_dims] = block && i == 1 ? tn__ceil_div(m->dims[i], block) : m->dims[i];
        tn__kmap along = {0};
        along.stride[k->n_dims] = 1;
        if (m->tables[i]) e = add_table(&b, m->tables[i], m->dims[i], strides[i], &along, &index);
        else map.stride[k->n_dims] = strides[i];
        k->n_dims++;
    }
    if (block) k->extent[k->n_dims] = block, map.stride[k->n_dims++] = 1;
    if (!k->n_dims) k->extent[k->n_dims++] = 1;
    k->n_spatial = k->n_dims;
    tn__strides(k->n_dims, k->extent, k->out_map.stride);
    tn_dtype d = tn__kernel_copy_dtype(x->dtype);
    if (!e) e = tn__lower_get(l, tn__in(l->g, n, 0), block, 1, &from);
    if (!e) e = tn__lower_define(l, tn__out(n, 0), &to);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    int32_t source = tn__build_buffer(&b, from, d);
    k->epilogue = index < 0 ? tn__kx_load(k, source, &map) : tn__kx_load_at(k, source, &map, index);
    k->out_buffer = tn__build_buffer(&b, to, d);
    return tn__lower_launch_elementwise(l, k, b.slots, at);
}

tn_error *tn__lower_mapped(tn__lower *l, uint32_t at, bool *out_done) {
    const tn__node *n = &l->g->nodes.data[at];
    maps m;
    *out_done = false;
    if (n->op != TN_OP_resize && n->op != TN_OP_pad && n->op != TN_OP_tile) return NULL;
    tn_error *e = maps_of(l, n, &m, out_done);
    if (!e && *out_done) e = copy_mapped(l, at, &m);
    maps_deinit(l->a, &m);
    return e;
}

static tn_error *weight_table(tn__build *b, const tn__axis_taps *t, const tn__kmap *map, int32_t *product) {
    int64_t n = t->per * t->out;
    uint32_t slot;
    tn_tensor *w;
    TN__TRY(tn_tensor_create(b->l->c, TN_DTYPE_f32, 1, &n, &w));
    for (int64_t i = 0; i < n; i++) ((float *)w->data)[i] = (float)t->weight[i];
    tn_error *e = tn__lower_constant_slot(b->l, w, &slot);
    tn_tensor_release(w);
    if (e) return e;
    int32_t x = tn__kx_load(b->k, tn__build_buffer(b, slot, TN_DTYPE_f32), map);
    *product = *product < 0 ? x : tn__kx(b->k, TN__KX_MUL, TN_DTYPE_f32, *product, x, -1);
    return NULL;
}

/* Spatial dims: the axes of the result, the last one (or the channel) cut into vectors. Reduction dims: taps of the resized axes. */
static tn_error *interpolate(tn__build *b, const tn__node *n, const tn__resize_taps *t) {
    tn__lower *l = b->l;
    tn__kernel *k = b->k;
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0)), *y = &l->g->values.data[n->first_out].type;
    int32_t block = b->block, last = x->rank - 1, of_axis[TN_MAX_RANK], index = -1, weight = -1;
    int64_t strides[TN_MAX_RANK], w = l->w;
    tn__kmap map = {0}, along[TN_MAX_RANK] = {{0}};
    strides_of(x, block, strides);
    for (int32_t i = 0; i < x->rank; i++) {
        bool vectors = block ? i == 1 : i == last;
        of_axis[i] = tn__build_dim(b, vectors ? tn__ceil_div(y->dims[i], w) : y->dims[i], i, vectors ? w : 1);
    }
    k->v = tn__build_dim(b, w, block ? 1 : last, 1);
    k->n_spatial = k->n_dims;
    for (int32_t i = 0; i < x->rank; i++) {
        const tn__axis_taps *taps = &t->axes[i];
        int64_t by_dim = b->mul_of_dim[of_axis[i]];
        if (!taps->index) {
            map.stride[of_axis[i]] = block && i == 1 ? strides[i] : strides[i] * by_dim;
            if (!block && i == last) map.stride[k->v] = 1;
            continue;
        }
        int32_t r = tn__build_dim(b, taps->per, -1, 1);
        if (taps->per <= 4) k->unroll |= 1u << r;
        along[i].stride[of_axis[i]] = taps->per * by_dim;
        if (!block && i == last) along[i].stride[k->v] = taps->per;
        along[i].stride[r] = 1;
        TN__TRY(add_table(b, taps->index, taps->per * taps->out, strides[i], &along[i], &index));
        TN__TRY(weight_table(b, taps, &along[i], &weight));
    }
    if (block) map.stride[k->v] = 1;
    else k->j = of_axis[last], k->nv = 1, k->v_tail = (int32_t)(y->dims[last] % w);
    uint32_t slot;
    TN__TRY(tn__lower_get(l, tn__in(l->g, n, 0), block, 1, &slot));
    int32_t value = tn__kx_load_at(k, tn__build_buffer(b, slot, x->dtype), &map, index);
    k->body = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, value, weight, -1);
    k->reduce = TN__KX_ADD;
    b->memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    k->lanes = l->w;
    if (block || last) {
        k->m = of_axis[block ? last : last - 1];
        k->mr = k->extent[k->m] < 4 ? (int32_t)k->extent[k->m] : 4;
    }
    return tn__build_epilogue(b);
}

tn_error *tn__lower_interpolation(tn__lower *l, uint32_t root, const tn__node *n) {
    tn__resize_taps t;
    bool ok;
    tn_error *e = taps_of(l, n, &t, &ok);
    tn__kernel *k = e ? NULL : tn__lower_kernel(l, "resize", root);
    const tn__type *y = &l->g->values.data[n->first_out].type;
    tn__build b = {.l = l, .k = k, .root = root, .rank = y->rank, .block = l->values[n->first_out].block};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    if (!e) e = k ? interpolate(&b, n, &t) : tn__error_oom();
    tn__resize_taps_deinit(l->a, &t);
    if (!e) return tn__lower_launch(l, k, b.slots, root);
    if (k) tn__free(l->a, k, sizeof *k);
    return e;
}
