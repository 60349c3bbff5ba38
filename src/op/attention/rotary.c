/* rotary_embedding (ONNX RotaryEmbedding, opset 23): rotates pairs of the first rotary_embedding_dim entries of each head. */
#include <inttypes.h>

#include "op/op.h"

typedef struct rotary {
    int64_t batch, heads, len, size, rotated; /* rotated: entries of a head that are turned, even */
    int64_t batch_stride, head_stride, step_stride;
} rotary;

static tn_error *measure(tn__eval *c, rotary *r) {
    const tn__attrs_rotary *at = c->attrs;
    const tn_tensor *x = c->in[0];
    if (x->rank == 4) {
        *r = (rotary){x->dims[0], x->dims[1], x->dims[2], x->dims[3], 0, 0, x->dims[2] * x->dims[3], x->dims[3]};
    } else if (x->rank == 3 && at->num_heads > 0 && x->dims[2] % at->num_heads == 0) {
        int64_t size = x->dims[2] / at->num_heads;
        *r = (rotary){x->dims[0], at->num_heads, x->dims[1], size, 0, 0, size, x->dims[2]};
    } else
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "rotary_embedding: rank %d, num_heads %" PRId64 " do not make heads", x->rank, at->num_heads);
    r->batch_stride = r->heads * r->len * r->size;
    r->rotated = at->rotary_embedding_dim ? at->rotary_embedding_dim : r->size;
    if (r->rotated < 0 || r->rotated > r->size || r->rotated % 2)
        return TN__EVAL_FAIL(c, OUT_OF_RANGE, "rotary_embedding: rotary_embedding_dim is %" PRId64 ", wanted an even number to %" PRId64,
                             r->rotated, r->size);
    return NULL;
}

/* cos and sin caches: [positions, rotated/2] with position ids, else [batch, len, rotated/2]. */
static tn_error *check_cache(tn__eval *c, const rotary *r, uint32_t k, const tn_tensor *ids) {
    const tn_tensor *t = c->in[k];
    bool fits = ids ? t->rank == 2 : t->rank == 3 && t->dims[0] == r->batch && t->dims[1] == r->len;
    if (!fits || t->dims[t->rank - 1] != r->rotated / 2)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "rotary_embedding: operand %u does not fit the input (last dimension wanted: %" PRId64 ")", k,
                             r->rotated / 2);
    return NULL;
}

tn_error *tn__eval_rotary(tn__eval *c) {
    const tn__attrs_rotary *at = c->attrs;
    const tn_tensor *x = c->in[0], *cos_cache = c->in[1], *sin_cache = c->in[2], *ids = tn__eval_in(c, 3);
    tn_tensor *out;
    rotary r;
    TN__TRY(measure(c, &r));
    TN__TRY(check_cache(c, &r, 1, ids));
    TN__TRY(check_cache(c, &r, 2, ids));
    if (ids && ids->elements != r.batch * r.len)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "rotary_embedding: %" PRId64 " position ids, wanted %" PRId64, ids->elements, r.batch * r.len);
    TN__TRY(tn__eval_out(c, 0, x->dtype, x->rank, x->dims, &out));
    if (x->bytes) memcpy(out->data, x->data, x->bytes);
    int64_t half = r.rotated / 2;
    for (int64_t n = 0; x->elements && n < r.batch * r.len; n++) {
        int64_t b = n / r.len, i = n % r.len, place = ids ? tn__load_i64(ids->dtype, ids->data, n) : n;
        if (ids && (place < 0 || place >= cos_cache->dims[0] || place >= sin_cache->dims[0]))
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "rotary_embedding: position %" PRId64 " is outside the caches", place);
        for (int64_t h = 0; h < r.heads; h++)
            for (int64_t k = 0; k < half; k++) {
                int64_t base = b * r.batch_stride + h * r.head_stride + i * r.step_stride;
                int64_t first = base + (at->interleaved ? 2 * k : k), second = base + (at->interleaved ? 2 * k + 1 : k + half);
                double cosine = tn__load_f64(cos_cache->dtype, cos_cache->data, place * half + k);
                double sine = tn__load_f64(sin_cache->dtype, sin_cache->data, place * half + k);
                double x1 = tn__load_f64(x->dtype, x->data, first), x2 = tn__load_f64(x->dtype, x->data, second);
                tn__store_f64(x->dtype, out->data, first, cosine * x1 - sine * x2);
                tn__store_f64(x->dtype, out->data, second, sine * x1 + cosine * x2);
            }
    }
    return NULL;
}
