/* scatter_nd and scatter_elements whose constant indices name a regular region (x[:, 2:4] = update, as exporters write it): a copy of
 * the data and an affine copy of the updates. Other indices stay a call. */
#include "kernel/lower.h"

/* Where the updates go: update [index] to element map.offset + sum map.stride * index. */
typedef struct region {
    const tn_tensor *indices;
    const tn__type *data;
    bool nd;
    int32_t axis;              /* scatter_elements */
    int64_t strides[TN_MAX_RANK]; /* of the data */
    int32_t rank;              /* dims of the updates; of scatter_nd those of the rows, then the rows' elements as one */
    int64_t dims[TN_MAX_RANK];
    tn__kmap map;
} region;

/* The element that row `row` of the updates (the row of multi-index `index`) begins at; false: out of range. */
static bool element_of(const region *r, int64_t row, const int64_t *index, int64_t *out) {
    const tn_tensor *t = r->indices;
    int64_t depth = r->nd ? t->dims[t->rank - 1] : r->data->rank;
    *out = 0;
    for (int64_t k = 0; k < depth; k++) {
        int64_t i = index[k];
        if (r->nd) i = tn__load_i64(t->dtype, t->data, row * depth + k);
        else if (k == r->axis) i = tn__load_i64(t->dtype, t->data, row);
        if (i < 0) i += r->data->dims[k];
        if (i < 0 || i >= r->data->dims[k]) return false;
        *out += i * r->strides[k];
    }
    return true;
}

/* Fills the map from the first row and the ones beside it, then holds it against every row. */
static bool fit(region *r, int32_t n_dims) {
    int64_t index[TN_MAX_RANK] = {0}, rows[TN_MAX_RANK], row = 0, at, expected;
    tn__strides(n_dims, r->dims, rows);
    if (!element_of(r, 0, index, &r->map.offset)) return false;
    for (int32_t d = 0; d < n_dims; d++) {
        if (r->dims[d] == 1) continue;
        index[d] = 1;
        if (!element_of(r, rows[d], index, &at)) return false;
        r->map.stride[d] = at - r->map.offset;
        index[d] = 0;
    }
    do {
        expected = r->map.offset;
        for (int32_t d = 0; d < n_dims; d++) expected += r->map.stride[d] * index[d];
        if (!element_of(r, row++, index, &at) || at != expected) return false;
    } while (tn__next_index(n_dims, r->dims, index));
    return true;
}

/* No element is written twice: ordered by stride, each dim steps over all that the smaller ones reach. */
static bool injective(const region *r) {
    bool done[TN_MAX_RANK] = {false};
    for (int64_t reach = 1;;) {
        int32_t next = -1;
        for (int32_t d = 0; d < r->rank; d++)
            if (!done[d] && r->dims[d] > 1 && (next < 0 || r->map.stride[d] < r->map.stride[next])) next = d;
        if (next < 0) return true;
        if (r->map.stride[next] < reach) return false;
        reach += r->map.stride[next] * (r->dims[next] - 1);
        done[next] = true;
    }
}

static bool nd_region(region *r, const tn__type *updates) {
    const tn_tensor *x = r->indices;
    int64_t depth = x->rank ? x->dims[x->rank - 1] : 0, inner = 1;
    int32_t lead = x->rank - 1, kept = r->data->rank - (int32_t)depth;
    if (depth < 1 || depth > r->data->rank || updates->rank != lead + kept || lead >= 8) return false;
    for (int32_t i = 0; i < lead; i++)
        if (updates->dims[i] != x->dims[i]) return false;
    for (int32_t i = 0; i < kept; i++) {
        if (updates->dims[lead + i] != r->data->dims[depth + i]) return false;
        inner *= updates->dims[lead + i];
    }
    memcpy(r->dims, x->dims, (size_t)lead * sizeof *r->dims);
    r->dims[lead] = inner;
    r->rank = lead + 1;
    if (!fit(r, lead)) return false;
    r->map.stride[lead] = 1;
    return true;
}

static bool elements_region(region *r, const tn__type *updates, int64_t axis) {
    const tn_tensor *x = r->indices;
    r->rank = r->data->rank;
    r->axis = (int32_t)(axis < 0 ? axis + r->rank : axis);
    if (x->rank != r->rank || updates->rank != r->rank || r->rank > 8 || r->axis < 0 || r->axis >= r->rank) return false;
    for (int32_t i = 0; i < r->rank; i++)
        if (updates->dims[i] != x->dims[i]) return false;
    memcpy(r->dims, x->dims, (size_t)r->rank * sizeof *r->dims);
    return fit(r, r->rank);
}

tn_error *tn__lower_scatter(tn__lower *l, uint32_t at, bool *out_done) {
    const tn_graph *g = l->g;
    const tn__node *n = &g->nodes.data[at];
    const tn__attrs_scatter *attrs = n->attrs;
    if (n->op != TN_OP_scatter_nd && n->op != TN_OP_scatter_elements) return NULL;
    const tn__type *updates = tn__type_of(g, tn__in(g, n, 2));
    region r = {.indices = tn__constant_of(g, tn__in(g, n, 1)), .data = tn__type_of(g, tn__in(g, n, 0))};
    r.nd = n->op == TN_OP_scatter_nd;
    bool add = attrs->reduction && !strcmp(attrs->reduction, "add"), set = !attrs->reduction || !strcmp(attrs->reduction, "none");
    tn_dtype dtype = tn__kernel_copy_dtype(r.data->dtype);
    if (!r.indices || (!set && !add) || (add && dtype != TN_DTYPE_f32) || !tn__kernel_compute_dtype(dtype)) return NULL;
    if (updates->dtype != r.data->dtype || !tn__type_elements(updates)) return NULL;
    tn__strides(r.data->rank, r.data->dims, r.strides);
    if (!(r.nd ? nd_region(&r, updates) : elements_region(&r, updates, attrs->axis)) || !injective(&r)) return NULL;
    *out_done = true;
    uint32_t data, slots[2];
    TN__TRY(tn__lower_get(l, tn__in(g, n, 0), 0, 0, &data));
    TN__TRY(tn__lower_get(l, tn__in(g, n, 2), 0, 0, &slots[0]));
    TN__TRY(tn__lower_define(l, tn__out(n, 0), &slots[1]));
    tn__step s = {.kind = TN__STEP_COPY, .n_slots = 2};
    TN__TRY(tn__lower_step(l, s, (uint32_t[]){data, slots[1]}));
    tn__kernel *k = tn__lower_kernel(l, "scatter", at);
    if (!k) return tn__error_oom();
    tn__kmap in = {0};
    tn__strides(r.rank, r.dims, in.stride);
    memcpy(k->extent, r.dims, (size_t)r.rank * sizeof *r.dims);
    k->n_dims = k->n_spatial = r.rank;
    k->n_buffers = 2;
    k->buffer_dtype[0] = k->buffer_dtype[1] = dtype;
    k->epilogue = tn__kx_load(k, 0, &in);
    if (add) k->epilogue = tn__kx(k, TN__KX_ADD, TN_DTYPE_f32, tn__kx_load(k, 1, &r.map), k->epilogue, -1);
    k->out_buffer = 1;
    k->out_map = r.map;
    return tn__lower_launch_elementwise(l, k, slots, at);
}
