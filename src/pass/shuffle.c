/* Transpositions inside one axis become gathers of that axis: reshape(transpose(reshape(x))) that splits an axis, permutes the parts and
 * merges them again, as channel shuffles are written. A gather of channels keeps any layout; three movements would not. The last axis is
 * left alone, where a transposition is the faster of the two. Each rule removes a node at least, so it ends.
 *
 * requires: typed, acyclic   keeps: typed, acyclic   breaks: uses */
#include "op/op.h"
#include "pass/pass.h"

typedef struct split {
    int32_t axis, parts; /* axis of x that is `parts` axes from there on in between */
} split;

static bool same_dims(const int64_t *a, const int64_t *b, int32_t n) { return n <= 0 || !memcmp(a, b, (size_t)n * sizeof *a); }

/* How `middle` is x with one axis split; the first such axis that the permutation stays inside of. */
static bool find_split(const tn__type *x, const tn__type *middle, const tn__attrs_transpose *t, split *out) {
    out->parts = middle->rank - x->rank + 1;
    if (out->parts < 2) return false;
    for (int32_t axis = 0; axis < x->rank - 1; axis++) {
        int64_t product = 1;
        bool inside = true;
        for (int32_t i = 0; i < out->parts; i++) product *= middle->dims[axis + i];
        for (int32_t i = 0; i < middle->rank; i++) inside &= (i >= axis && i < axis + out->parts) || t->perm.data[i] == i;
        out->axis = axis;
        if (inside && product == x->dims[axis] && product > 0 && same_dims(x->dims, middle->dims, axis) &&
            same_dims(x->dims + axis + 1, middle->dims + axis + out->parts, x->rank - axis - 1))
            return true;
    }
    return false;
}

static tn_error *indices_of(tn_context *c, const tn__type *middle, const tn__attrs_transpose *t, const split *s, tn_tensor **out) {
    int64_t strides[TN_MAX_RANK], dims[TN_MAX_RANK], index[TN_MAX_RANK] = {0}, n = 1;
    tn__strides(s->parts, middle->dims + s->axis, strides);
    for (int32_t i = 0; i < s->parts; i++) n *= middle->dims[s->axis + i];
    for (int32_t i = 0; i < s->parts; i++) dims[i] = middle->dims[t->perm.data[s->axis + i]];
    TN__TRY(tn_tensor_create(c, TN_DTYPE_i64, 1, &n, out));
    for (int64_t k = 0; k < n; k++) {
        int64_t from = 0;
        for (int32_t i = 0; i < s->parts; i++) from += index[i] * strides[t->perm.data[s->axis + i] - s->axis];
        ((int64_t *)(*out)->data)[k] = from;
        tn__next_index(s->parts, dims, index);
    }
    return NULL;
}

tn_error *tn_pass_shuffle(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i], *turn = n->op == TN_OP_reshape ? tn__node_of(g, tn__in(g, n, 0)) : NULL;
        const tn__node *apart = turn && turn->op == TN_OP_transpose ? tn__node_of(g, tn__in(g, turn, 0)) : NULL;
        const tn__attrs_transpose *t = apart ? turn->attrs : NULL;
        split s;
        if (!apart || apart->op != TN_OP_reshape || !t->perm.n) {
            tn__rewriter_copy(&r, n);
            continue;
        }
        tn_value source = tn__in(g, apart, 0);
        const tn__type *x = tn__type_of(g, source), *out = &g->values.data[n->first_out].type;
        if (x->rank != out->rank || !same_dims(x->dims, out->dims, x->rank) || !find_split(x, tn__type_of(g, tn__out(apart, 0)), t, &s)) {
            tn__rewriter_copy(&r, n);
            continue;
        }
        tn_tensor *indices = NULL;
        tn_error *e = indices_of(g->context, tn__type_of(g, tn__out(apart, 0)), t, &s, &indices);
        if (e) {
            tn__graph_fail(r.to, e);
            break;
        }
        tn__rewriter_from(&r, n);
        tn__rewriter_also(&r, turn);
        tn__rewriter_also(&r, apart);
        tn_value in[2] = {tn__rewriter_in(&r, apart, 0), tn_graph_constant(r.to, indices)};
        tn_tensor_release(indices);
        tn__rewriter_replace(&r, n, tn__graph_add(r.to, TN_OP_gather, in, 2, &(tn__attrs_axis){.axis = s.axis}, 1, n->name));
    }
    return tn__rewriter_commit(&r, g);
}
