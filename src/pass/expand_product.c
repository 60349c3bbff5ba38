/* matmul of vectors, and einsum: terms are contracted from left to right, each time by one batched product.
 *
 *   labels of two terms a, b      in both, needed later   batch
 *                                 in both, not needed     summed
 *                                 in one                  rows (a), columns (b)
 *
 *   [batch, rows, summed] x [batch, summed, columns]; without summed labels a broadcasting multiplication
 *
 * A label twice in one term (a diagonal) and axes of size 1 that broadcast against others stay a call. */
#include "op/linalg/einsum.h"
#include "pass/expand.h"

typedef struct term {
    tn_value v;
    int32_t rank;
    uint8_t label[TN_MAX_RANK];
} term;

typedef struct contraction {
    const tn__expansion *x;
    tn__einsum e;
} contraction;

static int32_t axis_of(const term *t, uint8_t label) {
    for (int32_t i = 0; i < t->rank; i++)
        if (t->label[i] == label) return i;
    return -1;
}

static bool in_result(const tn__einsum *e, uint8_t label) {
    for (int32_t i = 0; i < e->out_rank; i++)
        if (e->out[i] == label) return true;
    return false;
}

/* The result or a term from number `next` on has the label. */
static bool needed(const tn__einsum *e, uint8_t label, uint32_t next) {
    for (uint32_t k = next; k < e->n_terms; k++)
        for (int32_t i = 0; i < e->rank[k]; i++)
            if (e->label[k][i] == label) return true;
    return in_result(e, label);
}

/* Axes in the order of `labels`, all of them or those that t has, as a value of `rank` dims. */
static tn_value arranged(const contraction *c, const term *t, const uint8_t *labels, int32_t n, int32_t rank, const int64_t *dims) {
    int64_t perm[TN_MAX_RANK];
    int32_t at = 0;
    for (int32_t i = 0; i < n; i++)
        if (axis_of(t, labels[i]) >= 0) perm[at++] = axis_of(t, labels[i]);
    return tn__x_reshape(c->x, tn__x_transpose(c->x, t->v, at, perm), rank, dims);
}

/* Sums away the labels that nothing else has. */
static void sum_alone(const contraction *c, term *t, const term *other, uint32_t next) {
    int64_t axes[TN_MAX_RANK], dims[TN_MAX_RANK];
    int32_t n = 0, kept = 0;
    for (int32_t i = 0; i < t->rank; i++) {
        uint8_t label = t->label[i];
        if (!needed(&c->e, label, next) && (!other || axis_of(other, label) < 0)) axes[n++] = i;
        else dims[kept] = c->e.size[label], t->label[kept++] = label;
    }
    if (!n) return;
    t->rank = kept;
    t->v = tn__x_reshape(c->x, tn__x_reduce(c->x, TN_OP_reduce_sum, t->v, n, axes), kept, dims);
}

static void contract(const contraction *c, term *a, term b, uint32_t next) {
    sum_alone(c, a, &b, next);
    sum_alone(c, &b, a, next);
    /* order: batch, rows, summed, columns */
    uint8_t order[2 * TN_MAX_RANK];
    int64_t size[4] = {1, 1, 1, 1}, dims[3][2 * TN_MAX_RANK];
    int32_t n = 0, count[4];
    for (int kind = 0; kind < 4; kind++) {
        int32_t first = n;
        const term *from = kind == 3 ? &b : a, *other = kind == 3 ? a : &b;
        for (int32_t i = 0; i < from->rank; i++) {
            uint8_t label = from->label[i];
            bool both = axis_of(other, label) >= 0, later = needed(&c->e, label, next);
            if (kind == 0 ? !both || !later : kind == 2 ? !both || later : both) continue;
            order[n++] = label, size[kind] *= c->e.size[label];
        }
        count[kind] = n - first;
    }
    if (count[2]) {
        tn_value left = arranged(c, a, order, n, 3, (int64_t[]){size[0], size[1], size[2]});
        tn_value right = arranged(c, &b, order, n, 3, (int64_t[]){size[0], size[2], size[3]});
        a->v = tn__x_op2(c->x, TN_OP_matmul, left, right);
    } else {
        for (int32_t i = 0; i < n; i++) {
            int64_t d = c->e.size[order[i]];
            dims[0][i] = axis_of(a, order[i]) < 0 ? 1 : d;
            dims[1][i] = axis_of(&b, order[i]) < 0 ? 1 : d;
        }
        a->v = tn__x_op2(c->x, TN_OP_mul, arranged(c, a, order, n, n, dims[0]), arranged(c, &b, order, n, n, dims[1]));
    }
    int32_t rank = 0;
    for (int32_t i = 0; i < n; i++)
        if (i < count[0] + count[1] || i >= n - count[3]) dims[2][rank] = c->e.size[order[i]], a->label[rank++] = order[i];
    a->rank = rank;
    a->v = tn__x_reshape(c->x, a->v, rank, dims[2]);
}

static bool accept(const tn__expansion *x, tn__einsum *e) {
    tn__type types[TN__EINSUM_TERMS];
    if (x->n->n_in > TN__EINSUM_TERMS) return false;
    for (uint32_t k = 0; k < x->n->n_in; k++) {
        if (!tn__x_is_f32(x, k)) return false;
        types[k] = *tn__x_type(x, k);
    }
    tn_error *error = tn__einsum_parse(&x->to->context->allocator, ((const tn__attrs_einsum *)x->n->attrs)->equation, x->n->n_in, types, e);
    if (error) return tn_error_destroy(error), false;
    int32_t labels = 0;
    for (int32_t i = 0; i < TN__EINSUM_LABELS; i++) labels += e->used[i];
    if (labels > 8) return false; /* axes of an intermediate value at most */
    for (uint32_t k = 0; k < e->n_terms; k++)
        for (int32_t i = 0; i < e->rank[k]; i++) {
            if (types[k].dims[i] != e->size[e->label[k][i]]) return false;
            for (int32_t j = 0; j < i; j++)
                if (e->label[k][j] == e->label[k][i]) return false;
        }
    return true;
}

bool tn__expand_einsum(const tn__expansion *x, tn_value *out) {
    contraction c = {.x = x};
    if (!accept(x, &c.e)) return false;
    term all = {.rank = 0};
    for (uint32_t k = 0; k < c.e.n_terms; k++) {
        term t = {.v = tn__x_in(x, k), .rank = c.e.rank[k]};
        memcpy(t.label, c.e.label[k], sizeof t.label);
        if (k) contract(&c, &all, t, k + 1);
        else all = t;
    }
    sum_alone(&c, &all, NULL, c.e.n_terms);
    const tn__type *to = tn__type_of(x->from, tn__out(x->n, 0));
    out[0] = arranged(&c, &all, c.e.out, c.e.out_rank, to->rank, to->dims);
    return true;
}

/* A vector on the left is a row, on the right a column; its axis does not come out. */
bool tn__expand_matmul(const tn__expansion *x, tn_value *out) {
    const tn__type *a = tn__x_type(x, 0), *b = tn__x_type(x, 1), *to = tn__type_of(x->from, tn__out(x->n, 0));
    if (!tn__x_is_f32(x, 0) || !tn__x_is_f32(x, 1) || (a->rank != 1 && b->rank != 1)) return false;
    tn_value left = tn__x_in(x, 0), right = tn__x_in(x, 1);
    if (a->rank == 1) left = tn__x_reshape(x, left, 2, (int64_t[]){1, a->dims[0]});
    if (b->rank == 1) right = tn__x_reshape(x, right, 2, (int64_t[]){b->dims[0], 1});
    out[0] = tn__x_reshape(x, tn__x_op2(x, TN_OP_matmul, left, right), to->rank, to->dims);
    return true;
}
