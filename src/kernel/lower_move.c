/* Ops that move elements: affine copies, so index maps in one kernel each. */
#include "kernel/lower_maps.h"
#include "kernel/schedule.h"

/* out[index] = in[offset + sum stride * index] for index over `dims`, written at out_offset with the row-major strides of `out_dims`. */
static tn_error *copy(tn__lower *l, uint32_t node, tn_dtype dtype, uint32_t src, uint32_t dst, int32_t rank, const int64_t *dims,
                      const tn__kmap *in, const tn__kmap *out, const tn__kguard *guards, int32_t n_guards, double fill) {
    tn__kernel *k = tn__lower_kernel(l, "move", node);
    if (!k) return tn__error_oom();
    uint32_t slots[2] = {src, dst};
    k->n_buffers = 2;
    k->buffer_dtype[0] = k->buffer_dtype[1] = tn__kernel_copy_dtype(dtype);
    if (dtype == TN_DTYPE_f16) fill = tn__f32_to_f16((float)fill);
    if (dtype == TN_DTYPE_bf16) fill = tn__f32_to_bf16((float)fill);
    k->out_buffer = 1;
    for (int32_t i = 0; i < rank; i++) k->extent[i] = dims[i];
    k->n_dims = rank;
    if (!rank) k->extent[k->n_dims++] = 1;
    k->n_spatial = k->n_dims;
    k->epilogue = tn__kx_load(k, 0, in);
    k->out_map = *out;
    tn__kexpr *x = &k->exprs[k->epilogue];
    x->n_guards = n_guards;
    x->value = fill;
    for (int32_t i = 0; i < n_guards; i++) x->guard[i] = guards[i];
    return tn__lower_launch_elementwise(l, k, slots, node);
}

bool tn__lower_splat(const tn_graph *g, tn_value v, double *out_value) {
    const tn__node *n = tn__node_of(g, v);
    while (n && (n->op == TN_OP_reshape || n->op == TN_OP_flatten || n->op == TN_OP_squeeze || n->op == TN_OP_unsqueeze ||
                 n->op == TN_OP_transpose || n->op == TN_OP_identity))
        n = tn__node_of(g, tn__in(g, n, 0));
    if (!n || (n->op != TN_OP_constant_of_shape && n->op != TN_OP_expand)) return false;
    tn_dtype d = g->values.data[n->first_out].type.dtype;
    if (d != TN_DTYPE_bool && tn__kernel_compute_dtype(d) == TN_DTYPE_NONE) return false;
    const tn_tensor *t = n->op == TN_OP_expand ? tn__constant_of(g, tn__in(g, n, 0)) : ((const tn__attrs_constant *)n->attrs)->value;
    *out_value = 0;
    if (!t) return n->op == TN_OP_constant_of_shape;
    if (t->elements != 1) return false;
    if (tn__dtype_is_float(d)) *out_value = tn__load_f64(d, t->data, 0);
    else {
        int64_t x = tn__load_i64(d, t->data, 0);
        if (x > (int64_t)1 << 53 || x < -((int64_t)1 << 53)) return false;
        *out_value = (double)x;
    }
    return true;
}

tn_error *tn__lower_fill(tn__lower *l, tn_dtype dtype, int64_t elements, double value, uint32_t slot) {
    tn__kernel *k = tn__lower_kernel(l, "fill", TN__NO_NODE);
    if (!k) return tn__error_oom();
    k->n_buffers = 1;
    k->buffer_dtype[0] = dtype;
    k->extent[0] = elements;
    k->n_dims = k->n_spatial = 1;
    k->epilogue = tn__kx_const(k, tn__kernel_compute_dtype(dtype), value);
    k->out_map.stride[0] = 1;
    return tn__lower_launch_elementwise(l, k, &slot, TN__NO_NODE);
}

static void row_major(tn__kmap *m, int32_t rank, const int64_t *dims) {
    *m = (tn__kmap){0};
    tn__strides(rank, dims, m->stride);
}

static bool constant_list(const tn_graph *g, tn_value v, int64_t *out, int32_t most, int32_t *out_n) {
    const tn_tensor *t = tn__constant_of(g, v);
    if (!t || t->elements > most) return false;
    for (int64_t i = 0; i < t->elements; i++) out[i] = tn__load_i64(t->dtype, t->data, i);
    *out_n = (int32_t)t->elements;
    return true;
}

/* Lets the slot `part` lie in `whole`, so that who made it writes there: when it is a whole slot of the arena of exactly these bytes. What
 * is a part already, or not ours (an input, a constant), is to be copied. */
static bool place_part(tn__lower *l, uint32_t part, uint32_t whole, size_t offset, size_t bytes) {
    enum { ALIGN = 64 };
    tn__slot *s = &l->p->slots.data[part];
    if (s->kind != TN__SLOT_ARENA || s->bytes != bytes || offset % ALIGN || part == whole) return false;
    s->kind = TN__SLOT_PART;
    s->index = whole;
    s->offset = offset;
    l->p->slots.data[whole].has_parts = true;
    return true;
}

static tn_error *concat_blocked(tn__lower *l, uint32_t at, const tn__node *n) {
    const tn__type *out = &l->g->values.data[n->first_out].type;
    uint32_t dst, src;
    int64_t s = l->w, first = 0, blocks = tn__ceil_div(out->dims[1], l->w);
    for (int32_t i = 2; i < out->rank; i++) s *= out->dims[i];
    TN__TRY(tn__lower_define(l, tn__out(n, 0), &dst));
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tn__type *t = tn__type_of(l->g, tn__in(l->g, n, i));
        int64_t own = tn__ceil_div(t->dims[1], l->w), dims[2] = {out->dims[0], own * s};
        TN__TRY(tn__lower_get(l, tn__in(l->g, n, i), l->w, 1, &src));
        tn__kmap in = {0, {own * s, 1}}, to = {first * s, {blocks * s, 1}};
        size_t offset = tn__dtype_bytes(out->dtype, first * s);
        first += own;
        if (out->dims[0] == 1 && place_part(l, src, dst, offset, tn__lower_bytes(t, l->w))) {
            TN__TRY(tn__lower_give_source(l, src));
            continue;
        }
        TN__TRY(copy(l, at, out->dtype, src, dst, 2, dims, &in, &to, NULL, 0, 0));
    }
    return NULL;
}

static tn_error *concat_plain(tn__lower *l, uint32_t at, const tn__node *n, int32_t axis) {
    const tn__type *out = &l->g->values.data[n->first_out].type;
    uint32_t dst, src;
    int64_t first = 0, outer = 1;
    tn__kmap to, in;
    for (int32_t i = 0; i < axis; i++) outer *= out->dims[i];
    TN__TRY(tn__lower_define(l, tn__out(n, 0), &dst));
    for (uint32_t i = 0; i < n->n_in; i++) {
        const tn__type *t = tn__type_of(l->g, tn__in(l->g, n, i));
        if (tn__type_elements(t) == 0) continue;
        TN__TRY(tn__lower_get(l, tn__in(l->g, n, i), 0, 0, &src));
        row_major(&to, out->rank, out->dims);
        row_major(&in, t->rank, t->dims);
        to.offset = first * to.stride[axis];
        first += t->dims[axis];
        if (outer == 1 && place_part(l, src, dst, tn__dtype_bytes(out->dtype, to.offset), tn__lower_bytes(t, 0))) {
            TN__TRY(tn__lower_give_source(l, src));
            continue;
        }
        TN__TRY(copy(l, at, out->dtype, src, dst, t->rank, t->dims, &in, &to, NULL, 0, 0));
    }
    return NULL;
}

/* begin and step of every axis of a slice; false when not constant. */
static bool slice_plan(const tn_graph *g, const tn__node *n, const tn__type *x, int64_t *begin, int64_t *step) {
    int64_t starts[16], ends[16], axes[16], steps[16];
    int32_t ns, ne, na = 0, nt = 0;
    if (!constant_list(g, tn__in(g, n, 1), starts, 16, &ns) || !constant_list(g, tn__in(g, n, 2), ends, 16, &ne) || ns != ne) return false;
    if (tn__in(g, n, 3).id && (!constant_list(g, tn__in(g, n, 3), axes, 16, &na) || na != ns)) return false;
    if (tn__in(g, n, 4).id && (!constant_list(g, tn__in(g, n, 4), steps, 16, &nt) || nt != ns)) return false;
    for (int32_t i = 0; i < x->rank; i++) begin[i] = 0, step[i] = 1;
    for (int32_t i = 0; i < ns; i++) {
        int64_t axis = na ? axes[i] : i, st = nt ? steps[i] : 1, b = starts[i];
        if (axis < 0) axis += x->rank;
        if (axis < 0 || axis >= x->rank || st == 0 || st == INT64_MIN) return false;
        int64_t d = x->dims[axis];
        if (b < 0) b = b < -d ? -1 : b + d;
        if (st > 0) b = b < 0 ? 0 : b > d ? d : b;
        else b = b < 0 ? -1 : b > d - 1 ? d - 1 : b;
        begin[axis] = b;
        step[axis] = st;
    }
    return true;
}

bool tn__lower_move_map(const tn_graph *g, const tn__node *n, tn__kmap *out) {
    const tn__type *to = &g->values.data[n->first_out].type, *x;
    int64_t strides[TN_MAX_RANK], begin[TN_MAX_RANK], step[TN_MAX_RANK];
    if (n->op != TN_OP_transpose && n->op != TN_OP_slice && n->op != TN_OP_expand) return false;
    x = tn__type_of(g, tn__in(g, n, 0));
    if (to->rank > 8 || x->rank > 8 || tn__type_elements(to) == 0 || tn__type_elements(x) == 0) return false;
    tn__strides(x->rank, x->dims, strides);
    *out = (tn__kmap){0};
    if (n->op == TN_OP_transpose) {
        const tn__attrs_transpose *t = n->attrs;
        for (int32_t i = 0; i < to->rank; i++) out->stride[i] = strides[t->perm.n ? t->perm.data[i] : x->rank - 1 - i];
    } else if (n->op == TN_OP_slice) {
        if (!slice_plan(g, n, x, begin, step)) return false;
        for (int32_t i = 0; i < to->rank; i++) out->stride[i] = strides[i] * step[i], out->offset += strides[i] * begin[i];
    } else {
        for (int32_t i = 0; i < x->rank; i++) out->stride[i + to->rank - x->rank] = x->dims[i] == 1 ? 0 : strides[i];
    }
    return true;
}

/* Between channels [n, block, block, c, h, w] (DCR) or [n, c, block, block, h, w] (CRD) and pixels [n, c, h, block, w, block]. */
static tn_error *move_blocks(tn__lower *l, uint32_t at, const tn__node *n) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0)), *out = &l->g->values.data[n->first_out].type;
    const tn__attrs_depth_to_space *a = n->attrs;
    bool to_space = n->op == TN_OP_depth_to_space, crd = a->mode && !strcmp(a->mode, "CRD");
    const tn__type *depth = to_space ? x : out, *space = to_space ? out : x;
    int64_t b = a->blocksize, c = space->dims[1], h = depth->dims[2], w = depth->dims[3], plane = h * w;
    /* per dim n, c, h, block of h, w, block of w: strides in either form; the result is walked in its own order */
    const int64_t extents[6] = {x->dims[0], c, h, b, w, b}, of_space[6] = {c * b * b * plane, b * b * plane, b * b * w, b * w, b, 1},
                  of_depth[6] = {c * b * b * plane, crd ? b * b * plane : plane, w, crd ? b * plane : b * c * plane, 1, crd ? plane : c * plane};
    static const int32_t by_space[6] = {0, 1, 2, 3, 4, 5}, by_dcr[6] = {0, 3, 5, 1, 2, 4}, by_crd[6] = {0, 1, 3, 5, 2, 4};
    const int32_t *order = to_space ? by_space : crd ? by_crd : by_dcr;
    int64_t dims[6];
    tn__kmap in = {0}, to = {0};
    uint32_t src, dst;
    for (int32_t i = 0; i < 6; i++) {
        dims[i] = extents[order[i]];
        in.stride[i] = (to_space ? of_depth : of_space)[order[i]];
        to.stride[i] = (to_space ? of_space : of_depth)[order[i]];
    }
    TN__TRY(tn__lower_get(l, tn__in(l->g, n, 0), 0, 0, &src));
    TN__TRY(tn__lower_define(l, tn__out(n, 0), &dst));
    return copy(l, at, out->dtype, src, dst, 6, dims, &in, &to, NULL, 0, 0);
}

tn_error *tn__lower_move(tn__lower *l, uint32_t at, bool *out_done) {
    const tn_graph *g = l->g;
    const tn__node *n = &g->nodes.data[at];
    const tn__type *out = &g->values.data[n->first_out].type;
    *out_done = false;
    switch (n->op) {
    case TN_OP_concat: case TN_OP_transpose: case TN_OP_slice: case TN_OP_expand: case TN_OP_pad: case TN_OP_depth_to_space:
    case TN_OP_space_to_depth: break;
    default: return NULL;
    }
    if (out->rank > 8 || tn__type_elements(out) == 0 || !tn__kernel_compute_dtype(out->dtype)) return NULL;
    if (n->op == TN_OP_concat) {
        int64_t axis = ((const tn__attrs_axis *)n->attrs)->axis;
        *out_done = true;
        if (l->values[n->first_out].block) return concat_blocked(l, at, n);
        return concat_plain(l, at, n, (int32_t)(axis < 0 ? axis + out->rank : axis));
    }
    tn_value xv = tn__in(g, n, 0);
    const tn__type *x = tn__type_of(g, xv);
    if (tn__type_elements(x) == 0 || x->rank > 8) return NULL;
    if (n->op == TN_OP_depth_to_space || n->op == TN_OP_space_to_depth) {
        *out_done = true;
        return move_blocks(l, at, n);
    }
    tn__kmap in, to;
    tn__kguard guards[TN__K_GUARDS];
    int32_t n_guards = 0;
    double fill = 0;
    int64_t strides[TN_MAX_RANK], pads[32];
    tn__strides(x->rank, x->dims, strides);
    row_major(&to, out->rank, out->dims);
    if (n->op != TN_OP_pad) {
        if (!tn__lower_move_map(g, n, &in)) return NULL;
    } else {
        in = (tn__kmap){0};
        const tn__attrs_pad *p = n->attrs;
        int32_t np, na = 0;
        int64_t axes[16];
        tn_value value = tn__in(g, n, 2), axes_v = tn__in(g, n, 3);
        if (strcmp(p->mode, "constant") || !constant_list(g, tn__in(g, n, 1), pads, 32, &np)) return NULL;
        if (axes_v.id && !constant_list(g, axes_v, axes, 16, &na)) return NULL;
        if (!axes_v.id) na = x->rank;
        if (np != 2 * na) return NULL;
        if (value.id) {
            const tn_tensor *f = tn__constant_of(g, value);
            if (!f || f->elements > 1 || f->dtype == TN_DTYPE_i64) return NULL;
            fill = f->elements ? tn__load_f64(f->dtype, f->data, 0) : 0;
        }
        for (int32_t i = 0; i < x->rank; i++) in.stride[i] = strides[i];
        for (int32_t i = 0; i < na; i++) {
            int64_t axis = axes_v.id ? axes[i] : i;
            if (axis < 0) axis += x->rank;
            if (axis < 0 || axis >= x->rank) return NULL;
            in.offset -= strides[axis] * pads[i];
            if (pads[i] <= 0 && pads[i + na] <= 0) continue;
            if (n_guards == TN__K_GUARDS) return NULL;
            guards[n_guards] = (tn__kguard){{-pads[i], {0}}, x->dims[axis]};
            guards[n_guards++].map.stride[axis] = 1;
        }
    }
    uint32_t src, dst;
    *out_done = true;
    TN__TRY(tn__lower_get(l, xv, 0, 0, &src));
    TN__TRY(tn__lower_define(l, tn__out(n, 0), &dst));
    return copy(l, at, out->dtype, src, dst, out->rank, out->dims, &in, &to, guards, n_guards, fill);
}
