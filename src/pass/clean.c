/* Nodes that change nothing are left out: every rule is exact for all inputs. Each removes a node, so it ends.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/pass.h"

static bool same_type(const tn__type *a, const tn__type *b) {
    return a->dtype == b->dtype && a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims));
}

static bool is_reshape(tn__op op) {
    return op == TN_OP_reshape || op == TN_OP_flatten || op == TN_OP_squeeze || op == TN_OP_unsqueeze;
}

static bool steps_are_one(const tn_graph *g, const tn__node *n) {
    tn_value v = tn__in(g, n, 4);
    const tn_tensor *t = v.id ? tn__constant_of(g, v) : NULL;
    for (int64_t i = 0; t && i < t->elements; i++)
        if (tn__load_i64(t->dtype, t->data, i) != 1) return false;
    return !v.id || t;
}

static bool perm_keeps_order(const tn__node *n, const tn__type *t) {
    const tn__attrs_transpose *a = n->attrs;
    int64_t last = -1; /* axes of size 1 may go anywhere */
    for (int32_t i = 0; i < t->rank; i++) {
        int64_t axis = a->perm.n ? a->perm.data[i] : t->rank - 1 - i;
        if (t->dims[axis] == 1) continue;
        if (axis < last) return false;
        last = axis;
    }
    return true;
}

static bool changes_nothing(const tn_graph *g, const tn__node *n) {
    const tn__type *in = tn__type_of(g, tn__in(g, n, 0)), *out = &g->values.data[n->first_out].type;
    switch (n->op) {
    case TN_OP_identity: return true; /* identity x ==> x */
    case TN_OP_reshape: case TN_OP_flatten: case TN_OP_squeeze: case TN_OP_unsqueeze: case TN_OP_expand: case TN_OP_tile:
    case TN_OP_cast: return same_type(in, out); /* pad may keep the type and shift the data */
    case TN_OP_slice: return same_type(in, out) && steps_are_one(g, n);
    case TN_OP_concat: return n->n_in == 1;
    case TN_OP_transpose: return same_type(in, out) && perm_keeps_order(n, in);
    default: return false;
    }
}

tn_error *tn_pass_clean(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    r.to->fold = true; /* what earlier passes left of constants */
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        tn__rewriter_from(&r, n);
        if (n->n_in && n->n_out == 1 && changes_nothing(g, n)) {
            tn__rewriter_replace(&r, n, tn__rewriter_in(&r, n, 0));
            continue;
        }
        const tn__node *before = is_reshape(n->op) ? tn__node_of(r.to, tn__rewriter_in(&r, n, 0)) : NULL;
        if (before && is_reshape(before->op)) { /* reshape(reshape(x)) ==> reshape(x) to the last shape */
            const tn__type *t = &g->values.data[n->first_out].type;
            tn__rewriter_also(&r, before);
            int64_t rank = t->rank;
            tn_tensor *shape;
            tn_error *e = tn_tensor_create(g->context, TN_DTYPE_i64, 1, &rank, &shape);
            if (e) {
                tn__graph_fail(r.to, e);
                break;
            }
            if (rank) memcpy(shape->data, t->dims, (size_t)rank * sizeof *t->dims);
            tn__attrs_reshape attrs = {.allowzero = 1};
            tn_value source = tn__in(r.to, before, 0), in[2] = {source, tn_graph_constant(r.to, shape)};
            tn_tensor_release(shape);
            tn__rewriter_replace(&r, n, tn__graph_add(r.to, TN_OP_reshape, in, 2, &attrs, 1, n->name));
            continue;
        }
        tn__rewriter_copy(&r, n);
    }
    return tn__rewriter_commit(&r, g);
}
