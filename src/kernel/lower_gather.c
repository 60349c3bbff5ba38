/* gather, gather_elements, gather_nd: loads whose address depends on loaded indices. Constant indices become a table of element offsets,
 * made and checked here; those of the run are checked by a step before the kernel. A negative index counts from the end. */
#include "kernel/lower_maps.h"
#include "kernel/schedule.h"

enum { MOST_RANK = 8 };

static bool index_ok(tn_dtype d) { return d == TN_DTYPE_i32 || d == TN_DTYPE_i64; }

/* The element offset of index x into an axis, counted from the end where it is negative; 64 bits wide or 32. */
static int32_t index_expr(tn__kernel *k, int32_t x, int64_t extent, int64_t stride, bool wide) {
    tn_dtype own = x < 0 ? TN_DTYPE_i64 : k->exprs[x].dtype, d = wide ? TN_DTYPE_i64 : TN_DTYPE_i32;
    int32_t negative = tn__kx(k, TN__KX_LT, TN_DTYPE_bool, x, tn__kx_const(k, own, 0), -1);
    x = tn__kx(k, TN__KX_CAST, d, x, -1, -1); /* in range, so nothing is lost */
    x = tn__kx(k, TN__KX_SELECT, d, negative, tn__kx(k, TN__KX_ADD, d, x, tn__kx_const(k, d, (double)extent), -1), x);
    return stride == 1 ? x : tn__kx(k, TN__KX_MUL, d, x, tn__kx_const(k, d, (double)stride), -1);
}

tn_error *tn__lower_table(tn__build *b, const int64_t *values, int64_t n, int32_t *out_buffer) {
    bool wide = false;
    uint32_t slot;
    tn_tensor *t;
    for (int64_t i = 0; i < n; i++) wide |= values[i] > INT32_MAX || values[i] < INT32_MIN;
    TN__TRY(tn_tensor_create(b->l->c, wide ? TN_DTYPE_i64 : TN_DTYPE_i32, 1, &n, &t));
    for (int64_t i = 0; i < n; i++) tn__store_i64(t->dtype, t->data, i, values[i]);
    tn_error *e = tn__lower_constant_slot(b->l, t, &slot);
    *out_buffer = e ? -1 : tn__build_buffer(b, slot, t->dtype);
    tn_tensor_release(t);
    return e;
}

/* Entries first, first + every, ... of operand 1 lie in [-extent, extent): sets *out_ok where that is known, or adds the step that sees
 * to it. */
static tn_error *check(tn__lower *l, uint32_t node, int64_t first, int64_t every, int64_t extent, bool *out_ok) {
    tn_value v = tn__in(l->g, &l->g->nodes.data[node], 1);
    const tn_tensor *t = tn__constant_of(l->g, v);
    tn__range_check range = {1, "indices", -extent, extent - 1, first, every};
    *out_ok = true;
    if (t) {
        *out_ok = tn__range_check_first(&range, t->dtype, t->data, t->elements) < 0;
        return NULL;
    }
    return tn__lower_check(l, node, &range);
}

/* The table of a constant operand 1 with entries i + every * row; extents and strides per i. */
static tn_error *offsets_of(tn__build *b, const tn_tensor *t, int64_t every, const int64_t *extents, const int64_t *strides, int32_t *out) {
    size_t bytes;
    int64_t rows = t->elements / every;
    if (!tn__mul((size_t)(rows + 1), sizeof(int64_t), &bytes)) return tn__error_oom();
    int64_t *values = tn__alloc_zero(b->l->a, bytes);
    if (!values) return tn__error_oom();
    for (int64_t i = 0; i < t->elements; i++) {
        int64_t x = tn__load_i64(t->dtype, t->data, i), k = i % every;
        values[i / every] += (x < 0 ? x + extents[k] : x) * strides[k];
    }
    tn_error *e = tn__lower_table(b, values, rows, out);
    tn__free(b->l->a, values, bytes);
    return e;
}

typedef struct gather {
    tn__build b;
    uint32_t node;
    const tn__type *data, *index, *out;
    int64_t strides[TN_MAX_RANK]; /* of data */
} gather;

/* Ends the kernel: out[dims] = data[map + index expression], dims those of the result. */
static tn_error *finish(gather *s, const tn__kmap *map, int32_t index) {
    tn__lower *l = s->b.l;
    tn__kernel *k = s->b.k;
    tn_dtype d = tn__kernel_copy_dtype(s->data->dtype);
    uint32_t from, to;
    tn_value v = tn__in(l->g, &l->g->nodes.data[s->node], 0);
    TN__TRY(tn__lower_get(l, v, 0, 0, &from));
    TN__TRY(tn__lower_define(l, tn__out(&l->g->nodes.data[s->node], 0), &to));
    k->epilogue = tn__kx_load_at(k, tn__build_buffer(&s->b, from, d), map, index);
    k->out_buffer = tn__build_buffer(&s->b, to, d);
    if (k->epilogue < 0 || k->out_buffer < 0) return TN__FAIL(l->a, INTERNAL, "a gather does not fit a kernel");
    for (int32_t i = 0; i < s->out->rank; i++) k->extent[i] = s->out->dims[i];
    k->n_dims = k->n_spatial = s->out->rank;
    tn__strides(s->out->rank, s->out->dims, k->out_map.stride);
    if (!k->n_dims) k->extent[0] = k->n_dims = k->n_spatial = 1;
    return NULL;
}

/* The index expression of the indices at `rows` (strides of the result's dims over rows of `every` entries). */
static tn_error *index_of(gather *s, const tn__kmap *rows, int64_t every, const int64_t *extents, const int64_t *strides, int32_t *out) {
    tn__lower *l = s->b.l;
    tn__kernel *k = s->b.k;
    tn_value v = tn__in(l->g, &l->g->nodes.data[s->node], 1);
    const tn_tensor *t = tn__constant_of(l->g, v);
    bool wide = tn__type_elements(s->data) > INT32_MAX;
    int32_t buffer, sum = -1;
    uint32_t slot;
    if (t) {
        TN__TRY(offsets_of(&s->b, t, every, extents, strides, &buffer));
        *out = tn__kx_load(k, buffer, rows);
        return NULL;
    }
    TN__TRY(tn__lower_get(l, v, 0, 0, &slot));
    buffer = tn__build_buffer(&s->b, slot, s->index->dtype);
    for (int64_t i = 0; i < every; i++) {
        tn__kmap at = {.offset = i};
        for (int32_t d = 0; d < TN__K_DIMS; d++) at.stride[d] = rows->stride[d] * every;
        int32_t x = index_expr(k, tn__kx_load(k, buffer, &at), extents[i], strides[i], wide);
        sum = i ? tn__kx(k, TN__KX_ADD, wide ? TN_DTYPE_i64 : TN_DTYPE_i32, sum, x, -1) : x;
    }
    *out = sum;
    return NULL;
}

static tn_error *gather_axis(gather *s, int32_t axis) {
    tn__kmap map = {0}, rows = {0};
    int64_t of_index[TN_MAX_RANK];
    int32_t n = s->index->rank, index;
    tn__strides(n, s->index->dims, of_index);
    for (int32_t i = 0; i < axis; i++) map.stride[i] = s->strides[i];
    for (int32_t i = 0; i < n; i++) rows.stride[axis + i] = of_index[i];
    for (int32_t i = axis + 1; i < s->data->rank; i++) map.stride[i + n - 1] = s->strides[i];
    TN__TRY(index_of(s, &rows, 1, &s->data->dims[axis], &s->strides[axis], &index));
    return finish(s, &map, index);
}

static tn_error *gather_elements(gather *s, int32_t axis) {
    tn__kmap map = {0}, rows = {0};
    int32_t index;
    tn__strides(s->index->rank, s->index->dims, rows.stride);
    for (int32_t i = 0; i < s->data->rank; i++) map.stride[i] = i == axis ? 0 : s->strides[i];
    TN__TRY(index_of(s, &rows, 1, &s->data->dims[axis], &s->strides[axis], &index));
    return finish(s, &map, index);
}

static tn_error *gather_nd(gather *s, int32_t batch) {
    tn__kmap map = {0}, rows = {0};
    int32_t n = s->index->rank - 1, index;
    int64_t depth = s->index->dims[n], step = 1;
    for (int32_t i = n - 1; i >= 0; i--) rows.stride[i] = step, step *= s->index->dims[i];
    for (int32_t i = 0; i < batch; i++) map.stride[i] = s->strides[i];
    for (int32_t i = batch + (int32_t)depth; i < s->data->rank; i++) map.stride[i - batch - (int32_t)depth + n] = s->strides[i];
    TN__TRY(index_of(s, &rows, depth, &s->data->dims[batch], &s->strides[batch], &index));
    return finish(s, &map, index);
}

/* Channels of a blocked value picked by constants: a channel is a lane of a block, so every vector is a gather. */
static tn_error *gather_blocked(tn__lower *l, uint32_t at, const tn_tensor *indices) {
    const tn__node *n = &l->g->nodes.data[at];
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0)), *out = &l->g->values.data[n->first_out].type;
    int64_t w = l->w, blocks = tn__ceil_div(out->dims[1], w), pixels = 1;
    for (int32_t i = 2; i < x->rank; i++) pixels *= x->dims[i];
    tn__kernel *k = tn__lower_kernel(l, "pick", at);
    size_t bytes = (size_t)(blocks * w) * sizeof(int64_t);
    int64_t *offsets = tn__alloc_zero(l->a, bytes);
    tn__build b = {.l = l, .k = k, .root = at};
    int32_t table = -1;
    uint32_t from, to;
    tn_error *e = k && offsets ? NULL : tn__error_oom();
    for (int64_t i = 0; !e && i < indices->elements; i++) {
        int64_t c = tn__load_i64(indices->dtype, indices->data, i);
        if (c < 0) c += x->dims[1];
        offsets[i] = c / w * pixels * w + c % w;
    }
    if (!e) e = tn__lower_table(&b, offsets, blocks * w, &table);
    if (offsets) tn__free(l->a, offsets, bytes);
    if (!e) e = tn__lower_get(l, tn__in(l->g, n, 0), l->w, 1, &from);
    if (!e) e = tn__lower_define(l, tn__out(n, 0), &to);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    tn__kmap map = {0, {tn__ceil_div(x->dims[1], w) * w * pixels, 0, w, 0}}, lanes = {0, {0, w, 0, 1}};
    tn_dtype d = tn__kernel_copy_dtype(x->dtype);
    k->extent[0] = x->dims[0], k->extent[1] = blocks, k->extent[2] = pixels, k->extent[3] = w;
    k->n_dims = k->n_spatial = 4;
    k->epilogue = tn__kx_load_at(k, tn__build_buffer(&b, from, d), &map, tn__kx_load(k, table, &lanes));
    k->out_buffer = tn__build_buffer(&b, to, d);
    k->out_map = (tn__kmap){0, {blocks * w * pixels, w * pixels, w, 1}};
    k->lanes = l->w;
    k->v = 3, k->m = 2, k->mr = pixels < 4 ? (int32_t)pixels : 4, k->m_chunk = 64;
    return tn__lower_launch(l, k, b.slots, at);
}

bool tn__lower_gathers_blocked(const tn__lower *l, const tn__node *n) {
    const tn_graph *g = l->g;
    tn_value x = tn__in(g, n, 0);
    const tn_tensor *indices = tn__constant_of(g, tn__in(g, n, 1));
    const tn__type *t = tn__type_of(g, x);
    int64_t axis = ((const tn__attrs_axis *)n->attrs)->axis;
    if (n->op != TN_OP_gather || !l->values[x.id].block || !indices || indices->rank != 1 || !indices->elements || !index_ok(indices->dtype))
        return false;
    tn__range_check range = {1, "indices", -t->dims[1], t->dims[1] - 1, 0, 1};
    return (axis == 1 || axis == 1 - t->rank) && tn__range_check_first(&range, indices->dtype, indices->data, indices->elements) < 0;
}

tn_error *tn__lower_gather(tn__lower *l, uint32_t at, bool *out_done) {
    const tn_graph *g = l->g;
    const tn__node *n = &g->nodes.data[at];
    *out_done = false;
    if (n->op != TN_OP_gather && n->op != TN_OP_gather_elements && n->op != TN_OP_gather_nd) return NULL;
    gather s = {.node = at, .data = tn__type_of(g, tn__in(g, n, 0)), .index = tn__type_of(g, tn__in(g, n, 1)),
                .out = &g->values.data[n->first_out].type};
    if (!index_ok(s.index->dtype) || tn__kernel_compute_dtype(s.data->dtype) == TN_DTYPE_NONE || tn__type_elements(s.out) == 0) return NULL;
    if (s.data->rank > MOST_RANK || s.index->rank > MOST_RANK || s.out->rank > TN__K_DIMS - 2) return NULL;
    if (l->values[n->first_out].block) {
        *out_done = true;
        return gather_blocked(l, at, tn__constant_of(g, tn__in(g, n, 1)));
    }
    int32_t axis;
    if (n->op == TN_OP_gather_nd) {
        axis = (int32_t)((const tn__attrs_gather_nd *)n->attrs)->batch_dims;
        int64_t depth = s.index->dims[s.index->rank - 1];
        if (depth > 4 || depth < 1) return NULL;
        for (int64_t i = 0; i < depth; i++) {
            TN__TRY(check(l, at, i, depth, s.data->dims[axis + i], out_done));
            if (!*out_done) return NULL;
        }
    } else {
        int64_t a = ((const tn__attrs_axis *)n->attrs)->axis;
        axis = (int32_t)(a < 0 ? a + s.data->rank : a);
        if (axis < 0 || axis >= s.data->rank) return NULL;
        for (int32_t i = 0; n->op == TN_OP_gather_elements && i < s.data->rank; i++)
            if (i != axis && s.index->dims[i] > s.data->dims[i]) return NULL; /* the call says what is wrong */
        TN__TRY(check(l, at, 0, 1, s.data->dims[axis], out_done));
        if (!*out_done) return NULL;
    }
    tn__strides(s.data->rank, s.data->dims, s.strides);
    tn__kernel *k = tn__lower_kernel(l, "gather", at);
    if (!k) return tn__error_oom();
    s.b = (tn__build){.l = l, .k = k, .root = at};
    tn_error *e = n->op == TN_OP_gather ? gather_axis(&s, axis) : n->op == TN_OP_gather_nd ? gather_nd(&s, axis) : gather_elements(&s, axis);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch_elementwise(l, k, s.b.slots, at);
}
