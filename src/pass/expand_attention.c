/* attention as two matrix products around a softmax:  P = softmax(softcap(Q K^T * scale) + mask),  Y = P V.
 *
 * Query heads that share a key head are rows of one product, so nothing is repeated: with B batches, H key heads, G query heads on each, L queries and
 * T keys of size D
 *
 *   G = 1           Q [B, H, L, D]      K^T [B, H, D, T]
 *   L = 1           Q [B, H, G, D]      K^T [B, H, D, T]
 *   else            Q [B, H, G, L, D]   K^T [B, H, 1, D, T]    the product broadcasts
 *
 * and the heads of [B, L, H * G * D] come apart by a reshape and at most one transposition. A few queries against a cache (which lies as [B, H, T, D]) are
 * the product K Q^T instead, so that what is transposed is small. */
#include "pass/expand.h"

#include <float.h>
#include <math.h>

enum { FOLD_MOST = 1 << 20 }; /* elements of a folded window */

typedef struct attention {
    const tn__expansion *x;
    const tn__attrs_attention *at;
    int64_t batch, heads, group, queries, keys, past, size, value_size;
    bool flat[3]; /* Q, K, V: [B, L, H * D] */
} attention;

/* Sizes of Q, K or V; false where they are no heads. */
static bool heads_of(attention *a, uint32_t k, int64_t heads_attr, int64_t *heads, int64_t *steps, int64_t *size) {
    const tn__type *t = tn__x_type(a->x, k);
    if (!tn__x_is_f32(a->x, k) || (t->rank != 3 && t->rank != 4)) return false;
    a->flat[k] = t->rank == 3;
    if (a->flat[k] && (heads_attr < 1 || t->dims[2] % heads_attr)) return false;
    *heads = a->flat[k] ? heads_attr : t->dims[1];
    *steps = a->flat[k] ? t->dims[1] : t->dims[2];
    *size = a->flat[k] ? t->dims[2] / heads_attr : t->dims[3];
    return t->dims[0] == tn__x_type(a->x, 0)->dims[0];
}

static bool dims_are(const tn__type *t, int64_t d0, int64_t d1, int64_t d2, int64_t d3) {
    return t->rank == 4 && t->dims[0] == d0 && t->dims[1] == d1 && t->dims[2] == d2 && t->dims[3] == d3;
}

/* Broadcast to [batch, query heads, queries, keys]; the last axis may be short. */
static bool mask_ok(const attention *a, const tn__type *t) {
    const int64_t wanted[4] = {a->batch, a->heads * a->group, a->queries, a->keys};
    if ((t->dtype != TN_DTYPE_bool && t->dtype != TN_DTYPE_f32) || t->rank < 1 || t->rank > 4 || t->dims[t->rank - 1] < 1) return false;
    for (int32_t i = 0; i < t->rank - 1; i++)
        if (t->dims[i] != 1 && t->dims[i] != wanted[4 - t->rank + i]) return false;
    return t->dims[t->rank - 1] <= a->keys;
}

static bool accept(const tn__expansion *x, attention *a) {
    const tn__attrs_attention *at = x->n->attrs;
    *a = (attention){.x = x, .at = at};
    int64_t q_heads, v_heads, steps, v_steps, k_size;
    if (!heads_of(a, 0, at->q_num_heads, &q_heads, &a->queries, &a->size)) return false;
    if (!heads_of(a, 1, at->kv_num_heads, &a->heads, &steps, &k_size)) return false;
    if (!heads_of(a, 2, at->kv_num_heads, &v_heads, &v_steps, &a->value_size)) return false;
    if (k_size != a->size || v_steps != steps || v_heads != a->heads || q_heads % a->heads) return false;
    a->batch = tn__x_type(x, 0)->dims[0];
    a->group = q_heads / a->heads;
    const tn__type *past_k = tn__x_type(x, 4), *past_v = tn__x_type(x, 5), *mask = tn__x_type(x, 3);
    if (!past_k != !past_v || tn__x_type(x, 6)) return false; /* nonpad_kv_seqlen: its range is checked by the call */
    if (past_k) {
        if (past_k->rank != 4 || past_k->dtype != TN_DTYPE_f32 || past_v->dtype != TN_DTYPE_f32) return false;
        a->past = past_k->dims[2];
        if (!dims_are(past_k, a->batch, a->heads, a->past, a->size) || !dims_are(past_v, a->batch, a->heads, a->past, a->value_size)) return false;
    }
    const int64_t most = 1 << 24; /* positions are compared in f32 */
    return tn__add_i64(a->past, steps, &a->keys) && a->keys <= most && a->queries <= most && (!mask || mask_ok(a, mask));
}

/* [batch, heads, group, rows, columns] without the axes that do not count here. */
static int32_t dims_of(const attention *a, int64_t group, int64_t rows, int64_t columns, int64_t *dims) {
    int32_t rank = 0;
    dims[rank++] = a->batch;
    dims[rank++] = a->heads;
    if (a->group != 1 && (a->queries != 1 || group != 1)) dims[rank++] = group;
    if (a->queries != 1 || a->group == 1 || group == 1) dims[rank++] = rows;
    dims[rank++] = columns;
    return rank;
}

static tn_value as_heads(const attention *a, tn_value v, int64_t group, int64_t rows, int64_t columns) {
    int64_t dims[5];
    int32_t rank = dims_of(a, group, rows, columns, dims);
    return tn__x_reshape(a->x, v, rank, dims);
}

/* K or V as [batch, heads, steps, size], the cache before it. */
static tn_value cached(const attention *a, uint32_t k, int64_t size) {
    tn_value v = tn__x_in(a->x, k), past = a->past ? tn__x_in(a->x, k + 3) : tn__none();
    if (a->flat[k]) {
        v = tn__x_reshape(a->x, v, 4, (int64_t[]){a->batch, a->keys - a->past, a->heads, size});
        v = tn__x_transpose(a->x, v, 4, (int64_t[]){0, 2, 1, 3});
    }
    return past.id ? tn__x_concat(a->x, (tn_value[]){past, v}, 2, 2) : v;
}

static tn_value queries(const attention *a) {
    tn_value q = tn__x_in(a->x, 0);
    if (a->flat[0] && a->queries != 1) {
        q = tn__x_reshape(a->x, q, 4, (int64_t[]){a->batch, a->queries, a->heads * a->group, a->size});
        q = tn__x_transpose(a->x, q, 4, (int64_t[]){0, 2, 1, 3});
    }
    return as_heads(a, q, a->group, a->queries, a->size);
}

/* The last two axes of a value of dims_of's rank exchanged. */
static tn_value turned(const attention *a, tn_value v, int32_t rank) {
    int64_t perm[5] = {0, 1, 2, 3, 4};
    perm[rank - 1] = rank - 2, perm[rank - 2] = rank - 1;
    return tn__x_transpose(a->x, v, rank, perm);
}

/* Q K^T */
static tn_value products(const attention *a, tn_value keys) {
    const tn__expansion *x = a->x;
    int64_t dims[5];
    int32_t rank = dims_of(a, a->group, a->queries, a->size, dims);
    bool few = rank == 4 && dims[2] <= 8 && (a->past || !a->flat[1]);
    if (few) return turned(a, tn__x_op2(x, TN_OP_matmul, keys, turned(a, queries(a), rank)), rank);
    tn_value t;
    if (a->past || !a->flat[1]) t = tn__x_transpose(x, keys, 4, (int64_t[]){0, 1, 3, 2});
    else { /* from where it lies, not by way of [B, H, T, D] */
        t = tn__x_reshape(x, tn__x_in(x, 1), 4, (int64_t[]){a->batch, a->keys, a->heads, a->size});
        t = tn__x_transpose(x, t, 4, (int64_t[]){0, 2, 3, 1});
    }
    return tn__x_op2(x, TN_OP_matmul, queries(a), as_heads(a, t, 1, a->size, a->keys));
}

/* key - place of the query <= right, >= -left, as the comparison of a row with a column, folded unless the result would be large */
static tn_value window(const attention *a) {
    const tn__expansion *x = a->x;
    bool right = a->at->is_causal || a->at->right_window_size >= 0, left = a->at->left_window_size >= 0;
    int64_t ahead = a->at->is_causal ? 0 : a->at->right_window_size, n = a->queries > a->keys ? a->queries : a->keys;
    if (!right && !left) return tn__none();
    float *data = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)n);
    if (!data) return tn__graph_fail(x->to, tn__error_oom()), tn__none();
    for (int64_t i = 0; i < a->keys; i++) data[i] = (float)i;
    tn_value key = tn__x_floats(x, 1, &a->keys, data), allowed = tn__none();
    x->to->fold = a->queries <= FOLD_MOST / a->keys;
    for (int side = 0; side < 2; side++) {
        if (!(side ? left : right)) continue;
        for (int64_t i = 0; i < a->queries; i++) data[i] = (float)(i + a->past + (side ? -a->at->left_window_size : ahead));
        tn_value bound = tn__x_floats(x, 2, (int64_t[]){a->queries, 1}, data);
        tn_value ok = tn__x_op2(x, side ? TN_OP_greater_equal : TN_OP_less_equal, key, bound);
        allowed = allowed.id ? tn__x_op2(x, TN_OP_and, allowed, ok) : ok;
    }
    x->to->fold = true;
    return allowed;
}

/* What is added to the scores, -inf where a key is not to be seen; {0} for nothing. */
static tn_value bias(const attention *a) {
    const tn__expansion *x = a->x;
    tn_value mask = tn__x_in(x, 3), seen = window(a), nothing = tn__x_number(x, -INFINITY), zero = tn__x_number(x, 0);
    if (!mask.id) return seen.id ? tn__x_where(x, seen, zero, nothing) : tn__none();
    const tn__type *t = tn__x_type(x, 3);
    if (t->dtype == TN_DTYPE_bool) mask = tn__x_where(x, mask, zero, nothing);
    if (t->dims[t->rank - 1] < a->keys) {
        int64_t pads[2] = {0, a->keys - t->dims[t->rank - 1]}, last = t->rank - 1;
        tn_value in[4] = {mask, tn__x_ints(x, 2, pads), nothing, tn__x_ints(x, 1, &last)};
        mask = tn__graph_add(x->to, TN_OP_pad, in, 4, NULL, 1, x->n->name);
    }
    if (t->rank >= 3 && a->group != 1) { /* its head axis goes the way of the others */
        int64_t b = t->rank == 4 ? t->dims[0] : 1, h = t->dims[t->rank - 3], l = t->dims[t->rank - 2];
        int64_t dims[5] = {b, h == 1 ? 1 : a->heads, h == 1 ? 1 : a->group, l, a->keys};
        if (a->queries == 1) dims[3] = a->keys;
        mask = tn__x_reshape(x, mask, a->queries == 1 ? 4 : 5, dims);
    }
    return seen.id ? tn__x_where(x, seen, mask, nothing) : mask;
}

/* All of a constant is true. */
static bool is_true(const tn_graph *g, tn_value v) {
    const tn_tensor *t = v.id ? tn__constant_of(g, v) : NULL;
    for (int64_t i = 0; t && i < t->elements; i++)
        if (!tn__load_i64(t->dtype, t->data, i)) return false;
    return t;
}

/* [..., queries, size] back to the form of Q, or [B, query heads, queries, size] */
static tn_value from_heads(const attention *a, tn_value v, int64_t size, bool flat) {
    int64_t heads = a->heads * a->group;
    if (!flat) return tn__x_reshape(a->x, v, 4, (int64_t[]){a->batch, heads, a->queries, size});
    if (a->queries != 1) {
        v = tn__x_reshape(a->x, v, 4, (int64_t[]){a->batch, heads, a->queries, size});
        v = tn__x_transpose(a->x, v, 4, (int64_t[]){0, 2, 1, 3});
    }
    return tn__x_reshape(a->x, v, 3, (int64_t[]){a->batch, a->queries, heads * size});
}

bool tn__expand_attention(const tn__expansion *x, tn_value *out) {
    attention a;
    if (!accept(x, &a)) return false;
    int64_t dims[5], last = dims_of(&a, a.group, a.queries, a.keys, dims) - 1;
    out[1] = cached(&a, 1, a.size);
    out[2] = cached(&a, 2, a.value_size);
    double scale = a.at->scale != 0 ? a.at->scale : 1 / sqrt((double)a.size);
    tn_value raw = tn__x_op2(x, TN_OP_mul, products(&a, out[1]), tn__x_number(x, scale)), scores = raw;
    if (a.at->softcap > 0) {
        tn_value cap = tn__x_number(x, a.at->softcap);
        scores = tn__x_op2(x, TN_OP_mul, tn__x_op1(x, TN_OP_tanh, tn__x_op2(x, TN_OP_div, raw, cap)), cap);
    }
    tn_value capped = scores, added = bias(&a), seen = tn__none();
    if (added.id) {
        /* A finite bias keeps NaN out of rows that see nothing: they come out wrong and are replaced by zeros in the end. */
        scores = tn__x_op2(x, TN_OP_add, scores, tn__x_op2(x, TN_OP_max, added, tn__x_number(x, -FLT_MAX)));
        if (tn__x_type(x, 3) || a.at->left_window_size >= 0) {
            int32_t rank = tn__type_of(x->to, added)->rank;
            tn_value most = tn__x_reduce(x, TN_OP_reduce_max, added, 1, (int64_t[]){rank - 1});
            seen = tn__x_op2(x, TN_OP_greater, most, tn__x_number(x, -INFINITY));
            if (is_true(x->to, seen)) seen = tn__none();
        }
    }
    tn_value p = tn__x_softmax(x, scores, last), zero = tn__x_number(x, 0);
    tn_value y = tn__x_op2(x, TN_OP_matmul, p, as_heads(&a, out[2], 1, a.keys, a.value_size));
    out[0] = from_heads(&a, seen.id ? tn__x_where(x, seen, y, zero) : y, a.value_size, a.flat[0]);
    if (x->n->n_out > 3) {
        tn_value qk = raw;
        if (a.at->qk_matmul_output_mode == 1) qk = capped;
        if (a.at->qk_matmul_output_mode == 2 && added.id) qk = tn__x_op2(x, TN_OP_add, capped, added);
        if (a.at->qk_matmul_output_mode == 3) qk = seen.id ? tn__x_where(x, seen, p, zero) : p;
        out[3] = from_heads(&a, qk, a.keys, false);
    }
    return true;
}
