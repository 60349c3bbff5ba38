/* rotary_embedding, seen as pairs: y = x * cos + swapped(x) * (-sin, sin). Swapping the halves of a pair is a slice with step -1, so one
 * copy and one elementwise kernel do it.
 *
 *   not interleaved  [..., 2, half]   the pair is (x[k], x[k + half])
 *   interleaved      [..., half, 2]   the pair is (x[2k], x[2k + 1]) */
#include "pass/expand.h"

static bool cache_ok(const tn__expansion *x, uint32_t k, bool by_position, int64_t batch, int64_t len, int64_t half) {
    const tn__type *t = tn__x_type(x, k);
    if (!tn__x_is_f32(x, k) || t->dims[t->rank - 1] != half) return false;
    return by_position ? t->rank == 2 : t->rank == 3 && t->dims[0] == batch && t->dims[1] == len;
}

bool tn__expand_rotary(const tn__expansion *x, tn_value *out) {
    const tn__attrs_rotary *at = x->n->attrs;
    const tn__type *t = tn__x_type(x, 0), *ids = tn__x_type(x, 3);
    if (!tn__x_is_f32(x, 0) || (t->rank != 3 && t->rank != 4)) return false;
    bool flat = t->rank == 3; /* [batch, len, heads * size]; else [batch, heads, len, size] */
    if (flat && (at->num_heads < 1 || t->dims[2] % at->num_heads)) return false;
    int64_t batch = t->dims[0], heads = flat ? at->num_heads : t->dims[1], len = flat ? t->dims[1] : t->dims[2];
    int64_t size = flat ? t->dims[2] / heads : t->dims[3], turned = at->rotary_embedding_dim ? at->rotary_embedding_dim : size;
    if (turned < 2 || turned > size || turned % 2) return false;
    int64_t half = turned / 2, first = flat ? len : heads, second = flat ? heads : len;
    if (!cache_ok(x, 1, ids, batch, len, half) || !cache_ok(x, 2, ids, batch, len, half)) return false;
    if (ids && (ids->rank != 2 || ids->dims[0] != batch || ids->dims[1] != len)) return false;

    int32_t pair = at->interleaved ? 4 : 3;
    int64_t dims[5] = {batch, first, second, at->interleaved ? half : 2, at->interleaved ? 2 : half};
    int64_t turns[5] = {batch, flat ? len : 1, flat ? 1 : len, at->interleaved ? half : 1, at->interleaved ? 1 : half};
    tn_value v = tn__x_in(x, 0), rest = tn__none(), turn[2];
    if (turned < size) {
        v = tn__x_reshape(x, v, 4, (int64_t[]){batch, first, second, size});
        rest = tn__x_slice(x, v, 3, turned, size, 1);
        v = tn__x_slice(x, v, 3, 0, turned, 1);
    }
    v = tn__x_reshape(x, v, 5, dims);
    for (uint32_t k = 0; k < 2; k++) {
        turn[k] = tn__x_in(x, k + 1);
        if (ids) turn[k] = tn__x_op2(x, TN_OP_gather, turn[k], tn__x_in(x, 3));
        turn[k] = tn__x_reshape(x, turn[k], 5, turns);
    }
    tn_value sign = tn__x_floats(x, at->interleaved ? 1 : 2, (int64_t[]){2, 1}, (float[]){-1, 1});
    tn_value swapped = tn__x_slice(x, v, pair, 1, INT64_MIN, -1);
    v = tn__x_op2(x, TN_OP_add, tn__x_op2(x, TN_OP_mul, v, turn[0]),
                  tn__x_op2(x, TN_OP_mul, swapped, tn__x_op2(x, TN_OP_mul, turn[1], sign)));
    if (rest.id) {
        v = tn__x_reshape(x, v, 4, (int64_t[]){batch, first, second, turned});
        v = tn__x_concat(x, (tn_value[]){v, rest}, 2, 3);
    }
    out[0] = tn__x_reshape(x, v, t->rank, t->dims);
    return true;
}
