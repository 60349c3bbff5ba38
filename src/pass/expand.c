/* Composites that the kernel generator does not take whole, as smaller ops. What an expander refuses stays a call of the reference.
 * The expansions of one family are in expand_<family>.c.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/expand.h"

static tn__expander *const expanders[TN_OP_COUNT] = {
#define ROW(op, name, wide) [TN_OP_##op] = tn__expand_##name,
    TN__EXPANDERS(ROW)
#undef ROW
};

/* ---- what expanders are written with ------------------------------------------------------------------------- */

tn_value tn__x_in(const tn__expansion *x, uint32_t k) { return tn__rewriter_in(x->r, x->n, k); }

const tn__type *tn__x_type(const tn__expansion *x, uint32_t k) {
    tn_value v = tn__in(x->from, x->n, k);
    return v.id ? tn__type_of(x->from, v) : NULL;
}

const tn_tensor *tn__x_constant(const tn__expansion *x, uint32_t k) {
    tn_value v = tn__in(x->from, x->n, k);
    return v.id ? tn__constant_of(x->from, v) : NULL;
}

bool tn__x_is_f32(const tn__expansion *x, uint32_t k) {
    const tn__type *t = tn__x_type(x, k);
    return t && t->dtype == TN_DTYPE_f32 && tn__type_elements(t) > 0;
}

tn_value tn__x_op1(const tn__expansion *x, tn__op op, tn_value a) { return tn__graph_add(x->to, op, &a, 1, NULL, 1, x->n->name); }

tn_value tn__x_op2(const tn__expansion *x, tn__op op, tn_value a, tn_value b) {
    tn_value in[2] = {a, b};
    return tn__graph_add(x->to, op, in, 2, NULL, 1, x->n->name);
}

tn_value tn__x_where(const tn__expansion *x, tn_value condition, tn_value a, tn_value b) {
    tn_value in[3] = {condition, a, b};
    return tn__graph_add(x->to, TN_OP_where, in, 3, NULL, 1, x->n->name);
}

static tn_value constant(const tn__expansion *x, tn_dtype dtype, int32_t rank, const int64_t *dims, const void *data) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create(x->to->context, dtype, rank, dims, &t);
    if (e) return tn__graph_fail(x->to, e), tn__none();
    if (t->bytes) memcpy(t->data, data, t->bytes);
    tn_value v = tn_graph_constant(x->to, t);
    tn_tensor_release(t);
    return v;
}

tn_value tn__x_number(const tn__expansion *x, double value) {
    float f = (float)value;
    return constant(x, TN_DTYPE_f32, 0, NULL, &f);
}

tn_value tn__x_floats(const tn__expansion *x, int32_t rank, const int64_t *dims, const float *data) {
    return constant(x, TN_DTYPE_f32, rank, dims, data);
}

tn_value tn__x_ints(const tn__expansion *x, int64_t n, const int64_t *data) { return constant(x, TN_DTYPE_i64, 1, &n, data); }

tn_value tn__x_reshape(const tn__expansion *x, tn_value v, int32_t rank, const int64_t *dims) {
    tn__attrs_reshape attrs = {.allowzero = 1};
    tn_value in[2] = {v, tn__x_ints(x, rank, dims)};
    return tn__graph_add(x->to, TN_OP_reshape, in, 2, &attrs, 1, x->n->name);
}

tn_value tn__x_transpose(const tn__expansion *x, tn_value v, int32_t rank, const int64_t *perm) {
    tn__attrs_transpose attrs = {.perm = {(uint32_t)rank, perm}};
    return tn__graph_add(x->to, TN_OP_transpose, &v, 1, &attrs, 1, x->n->name);
}

tn_value tn__x_slice(const tn__expansion *x, tn_value v, int64_t axis, int64_t from, int64_t to, int64_t step) {
    tn_value in[5] = {v, tn__x_ints(x, 1, &from), tn__x_ints(x, 1, &to), tn__x_ints(x, 1, &axis), tn__x_ints(x, 1, &step)};
    return tn__graph_add(x->to, TN_OP_slice, in, 5, NULL, 1, x->n->name);
}

tn_value tn__x_concat(const tn__expansion *x, const tn_value *parts, uint32_t n, int64_t axis) {
    tn__attrs_axis attrs = {.axis = axis};
    return n == 1 ? parts[0] : tn__graph_add(x->to, TN_OP_concat, parts, n, &attrs, 1, x->n->name);
}

tn_value tn__x_reduce(const tn__expansion *x, tn__op op, tn_value v, int32_t n_axes, const int64_t *axes) {
    return tn__x_op2(x, op, v, tn__x_ints(x, n_axes, axes));
}

/* ---- the pass ------------------------------------------------------------------------------------------------ */

static bool expand(tn__rewriter *r, const tn__node *n) {
    tn_value out[TN__EXPAND_RESULTS] = {{0}};
    tn__expansion x = {r, r->from, r->to, n};
    if (!expanders[n->op] || n->n_out > TN__EXPAND_RESULTS || !expanders[n->op](&x, out)) return false;
    for (uint32_t k = 0; k < n->n_out && !r->to->error; k++) {
        const char *name = r->from->values.data[n->first_out + k].name;
        if (name && !r->to->values.data[out[k].id].name) tn_graph_set_name(r->to, out[k], name);
        r->map[n->first_out + k] = out[k];
    }
    return true;
}

tn_error *tn_pass_expand(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    r.to->fold = true; /* what an expansion computes from constants */
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        tn__rewriter_from(&r, n);
        if (!expand(&r, n)) tn__rewriter_copy(&r, n);
    }
    r.to->fold = false;
    return tn__rewriter_commit(&r, g);
}
