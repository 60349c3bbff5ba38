/* Transpositions move towards the outputs, through what does not mind, until they meet and cancel. With T = transpose by a permutation, used once:
 *
 *   T'(T(x))         ==>  (T' T)(x), x where that changes nothing
 *   f(T(x))          ==>  T(f(x))             elementwise
 *   f(T(x), T(y))    ==>  T(f(x, y))          the same permutation
 *   f(T(x), c)       ==>  T(f(x, T^-1(c)))    c a constant that does not widen x
 *   reduce(T(x), a)  ==>  T(reduce(x, T a))
 *   matmul(T(x), w)  ==>  gemm(x, w) with transA, of matrices
 *
 * All exact, but that a reduction adds in another order. Ends: each rule removes a transposition or brings one nearer to the outputs,
 * and none makes a second one.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/pass.h"

typedef struct sink {
    tn__rewriter r;
    const uint32_t *uses; /* of the old graph's values */
    uint32_t moved;       /* sources of the transpositions that the present node is tried with */
} sink;

static void perm_of(const tn__node *t, int32_t rank, int64_t *perm) {
    const tn__attrs_transpose *a = t->attrs;
    for (int32_t i = 0; i < rank; i++) perm[i] = a->perm.n ? a->perm.data[i] : rank - 1 - i;
}

/* What the transposition that makes operand k of n reads, in the new graph, and its permutation; {0} where there is none or it has other
 * users. */
static tn_value moving(sink *s, const tn__node *n, uint32_t k, int64_t *perm) {
    tn_value old = tn__in(s->r.from, n, k);
    const tn__node *t = old.id && s->uses[old.id] == 1 ? tn__node_of(s->r.to, s->r.map[old.id]) : NULL;
    if (!t || t->op != TN_OP_transpose) return tn__none();
    perm_of(t, tn__type_of(s->r.from, old)->rank, perm);
    s->moved = tn__graph_source_merge(s->r.to, s->moved, t->source);
    return tn__in(s->r.to, t, 0);
}

/* Transpositions that moved behind node n keep their own sources; one that becomes part of it gives them. */
static void from_moved(const sink *s) { s->r.to->source = s->moved; }
static void also_moved(const sink *s) { s->r.to->source = tn__graph_source_merge(s->r.to, s->r.to->source, s->moved); }

static tn_value transpose(const sink *s, tn_value v, int32_t rank, const int64_t *perm, const char *name) {
    tn__attrs_transpose attrs = {.perm = {(uint32_t)rank, perm}};
    bool moves = false;
    for (int32_t i = 0; i < rank; i++) moves |= perm[i] != i;
    return moves ? tn__graph_add(s->r.to, TN_OP_transpose, &v, 1, &attrs, 1, name) : v;
}

static bool into_transpose(sink *s, const tn__node *n) {
    int32_t rank = tn__type_of(s->r.from, tn__in(s->r.from, n, 0))->rank;
    int64_t first[TN_MAX_RANK], both[TN_MAX_RANK];
    tn_value x = moving(s, n, 0, first);
    if (!x.id) return false;
    perm_of(n, rank, both);
    for (int32_t i = 0; i < rank; i++) both[i] = first[both[i]];
    also_moved(s);
    tn__rewriter_replace(&s->r, n, transpose(s, x, rank, both, n->name));
    return true;
}

/* Constant c against a value of this rank as it was before the transposition by perm; {0} where c is none, or would widen the value. */
static tn_value constant_before(sink *s, const tn__node *n, uint32_t k, const tn__type *x, const int64_t *perm) {
    tn_value old = tn__in(s->r.from, n, k);
    const tn__type *t = tn__type_of(s->r.from, old);
    int64_t dims[TN_MAX_RANK], back[TN_MAX_RANK], rank = x->rank;
    if (!tn__constant_of(s->r.from, old) || t->rank > x->rank) return tn__none();
    for (int32_t i = 0; i < x->rank; i++) {
        int32_t own = i - (x->rank - t->rank);
        dims[i] = own < 0 ? 1 : t->dims[own];
        if (dims[i] != 1 && dims[i] != x->dims[i]) return tn__none();
        back[perm[i]] = i;
    }
    tn_value c = s->r.map[old.id], in[2];
    if (tn__type_elements(t) == 1) return c;
    tn_tensor *shape;
    tn__attrs_reshape attrs = {.allowzero = 1};
    tn_error *e = tn_tensor_create(s->r.to->context, TN_DTYPE_i64, 1, &rank, &shape);
    if (e) return tn__graph_fail(s->r.to, e), tn__none();
    memcpy(shape->data, dims, (size_t)rank * sizeof *dims);
    in[0] = c, in[1] = tn_graph_constant(s->r.to, shape);
    tn_tensor_release(shape);
    s->r.to->fold = true;
    c = transpose(s, tn__graph_add(s->r.to, TN_OP_reshape, in, 2, &attrs, 1, n->name), x->rank, back, n->name);
    s->r.to->fold = false;
    return c;
}

static bool through_elementwise(sink *s, const tn__node *n) {
    enum { OPERANDS_MOST = 8 };
    const tn_graph *g = s->r.from;
    const tn__type *out = &g->values.data[n->first_out].type, *x = NULL;
    int64_t perm[TN_MAX_RANK], other[TN_MAX_RANK];
    tn_value in[OPERANDS_MOST];
    if (n->n_in > OPERANDS_MOST || n->n_out != 1) return false;
    for (uint32_t k = 0; k < n->n_in; k++) {
        tn_value v = tn__in(g, n, k);
        in[k] = moving(s, n, k, x ? other : perm);
        if (!in[k].id) {
            if (v.id && !tn__constant_of(g, v)) return false;
            continue;
        }
        const tn__type *t = tn__type_of(g, v);
        if (t->rank != out->rank || memcmp(t->dims, out->dims, (size_t)t->rank * sizeof *t->dims)) return false;
        if (x && memcmp(perm, other, (size_t)t->rank * sizeof *perm)) return false;
        x = t;
    }
    if (!x) return false;
    for (uint32_t k = 0; k < n->n_in; k++) {
        if (in[k].id || !tn__in(g, n, k).id) continue;
        in[k] = constant_before(s, n, k, x, perm);
        if (!in[k].id) return false;
    }
    tn_value y = tn__graph_add(s->r.to, n->op, in, n->n_in, n->attrs, 1, n->name);
    from_moved(s);
    tn__rewriter_replace(&s->r, n, transpose(s, y, x->rank, perm, n->name));
    return true;
}

static bool is_reduction(tn__op op) {
    return op == TN_OP_reduce_sum || op == TN_OP_reduce_mean || op == TN_OP_reduce_max || op == TN_OP_reduce_min || op == TN_OP_reduce_prod;
}

static bool through_reduction(sink *s, const tn__node *n) {
    const tn_graph *g = s->r.from;
    const tn__attrs_reduce *at = n->attrs;
    int64_t perm[TN_MAX_RANK], after[TN_MAX_RANK], place[TN_MAX_RANK];
    tn_value x = moving(s, n, 0, perm), axes_in = tn__in(g, n, 1);
    const tn_tensor *axes = axes_in.id ? tn__constant_of(g, axes_in) : NULL;
    if (!x.id || !axes || !axes->elements) return false;
    int32_t rank = tn__type_of(g, tn__in(g, n, 0))->rank, kept = 0;
    int64_t n_axes = axes->elements;
    bool reduced[TN_MAX_RANK] = {false};
    tn_tensor *mapped;
    tn_error *e = tn_tensor_create(s->r.to->context, TN_DTYPE_i64, 1, &n_axes, &mapped);
    if (e) return tn__graph_fail(s->r.to, e), true;
    for (int64_t i = 0; i < n_axes; i++) {
        int64_t axis = tn__load_i64(axes->dtype, axes->data, i);
        axis = perm[axis < 0 ? axis + rank : axis];
        ((int64_t *)mapped->data)[i] = axis;
        reduced[axis] = true;
    }
    for (int32_t i = 0; i < rank; i++) { /* places of the axes that stay, before the transposition */
        place[i] = kept;
        kept += at->keepdims || !reduced[i];
    }
    int32_t n_after = 0;
    for (int32_t i = 0; i < rank; i++)
        if (at->keepdims || !reduced[perm[i]]) after[n_after++] = place[perm[i]];
    tn_value in[2] = {x, tn_graph_constant(s->r.to, mapped)};
    tn_tensor_release(mapped);
    tn_value y = tn__graph_add(s->r.to, n->op, in, 2, n->attrs, 1, n->name);
    from_moved(s);
    tn__rewriter_replace(&s->r, n, transpose(s, y, n_after, after, n->name));
    return true;
}

static bool into_product(sink *s, const tn__node *n) {
    const tn_graph *g = s->r.from;
    int64_t perm[TN_MAX_RANK];
    tn_value x = moving(s, n, 0, perm);
    if (!x.id || tn__type_of(g, tn__in(g, n, 0))->rank != 2 || tn__type_of(g, tn__in(g, n, 1))->rank != 2) return false;
    if (perm[0] == 0 || tn__type_of(g, tn__in(g, n, 0))->dtype != TN_DTYPE_f32) return false;
    tn__attrs_gemm gemm = {.alpha = 1, .beta = 1};
    if (n->op == TN_OP_gemm) gemm = *(const tn__attrs_gemm *)n->attrs;
    gemm.transA = !gemm.transA;
    also_moved(s);
    tn_value in[3] = {x, tn__rewriter_in(&s->r, n, 1), tn__rewriter_in(&s->r, n, 2)};
    tn__rewriter_replace(&s->r, n, tn__graph_add(s->r.to, TN_OP_gemm, in, in[2].id ? 3 : 2, &gemm, 1, n->name));
    return true;
}

static bool rewrite(sink *s, const tn__node *n) {
    tn__rewriter_from(&s->r, n);
    s->moved = 0;
    if (n->op == TN_OP_transpose) return into_transpose(s, n);
    if (n->op == TN_OP_matmul || n->op == TN_OP_gemm) return into_product(s, n);
    if (is_reduction(n->op)) return through_reduction(s, n);
    return (tn__op_infos[n->op].flags & TN__OP_EW) && through_elementwise(s, n);
}

tn_error *tn_pass_sink_transpose(tn_graph *g) {
    sink s;
    TN__TRY(tn__rewriter_begin(g, &s.r));
    s.uses = tn__graph_use_counts(g, &s.r.to->arena);
    if (!s.uses) return tn_graph_release(s.r.to), tn__error_oom();
    for (size_t i = 0; i < g->nodes.count && !s.r.to->error; i++)
        if (!rewrite(&s, &g->nodes.data[i]) && !s.r.to->error) tn__rewriter_copy(&s.r, &g->nodes.data[i]);
    return tn__rewriter_commit(&s.r, g);
}
