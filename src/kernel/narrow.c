/* Which weights option precision narrows, and what it says of the others. */
#include "kernel/narrow.h"

#include <math.h>

#include "kernel/lower.h"

const char *tn__narrowing_text(tn__narrowing n) {
    static const char *const texts[] = {
#define TN__NARROWING(name, text) [TN__NARROWING_##name] = text,
        TN__NARROWINGS(TN__NARROWING)
#undef TN__NARROWING
    };
    return texts[n];
}

/* tn_tensor.magnitude: the bits of the largest finite magnitude and 1, the sign bit where something is not finite. Constants do not
 * change, so whoever comes second finds the same. */
enum { INFINITE_BITS = 0x7f800000 };
static const uint32_t not_finite = 1u << 31;

static uint32_t find_magnitude(const tn_tensor *t) {
    const char *bytes = tn__tensor_bytes(t);
    uint32_t most = 0, others = 0;
    for (int64_t i = 0; i < t->elements; i++) {
        uint32_t x;
        memcpy(&x, bytes + i * (int64_t)sizeof x, sizeof x);
        x &= 0x7fffffff;
        others |= x >= INFINITE_BITS ? not_finite : 0;
        x = x >= INFINITE_BITS ? 0 : x;
        most = x > most ? x : most;
    }
    return (most + 1) | others;
}

static tn__narrowing narrowing_of(tn_dtype to, float magnitude, bool finite) {
    switch (to) {
    case TN_DTYPE_i8: return finite ? TN__NARROWING_INT8 : TN__NARROWING_NOT_FINITE;
    case TN_DTYPE_f16: return isinf(tn__f16_to_f32(tn__f32_to_f16(magnitude))) ? TN__NARROWING_OUT_OF_RANGE : TN__NARROWING_F16;
    case TN_DTYPE_bf16: return isinf(tn__bf16_to_f32(tn__f32_to_bf16(magnitude))) ? TN__NARROWING_OUT_OF_RANGE : TN__NARROWING_BF16;
    default: return TN__NARROWING_NONE;
    }
}

tn__narrowing tn__narrow_weights(tn_dtype to, const tn_tensor *weights) {
    tn_tensor *t = (tn_tensor *)weights;
    if (to == TN_DTYPE_NONE) return TN__NARROWING_NONE;
    uint32_t found = atomic_load_explicit(&t->magnitude, memory_order_relaxed), bits;
    if (!found) atomic_store_explicit(&t->magnitude, found = find_magnitude(t), memory_order_relaxed);
    bits = (found & ~not_finite) - 1;
    float magnitude;
    memcpy(&magnitude, &bits, sizeof magnitude);
    return narrowing_of(to, magnitude, !(found & not_finite));
}

tn__narrowing tn__narrow_splat(tn_dtype to, double *value, double *out_scale) {
    float x = (float)*value, scale;
    tn__narrowing n = narrowing_of(to, isfinite(x) ? fabsf(x) : 0, isfinite(x));
    *out_scale = 1;
    if (n == TN__NARROWING_F16) *value = tn__f16_to_f32(tn__f32_to_f16(x));
    if (n == TN__NARROWING_BF16) *value = tn__bf16_to_f32(tn__f32_to_bf16(x));
    if (n == TN__NARROWING_INT8) *out_scale = scale = tn__pack_scale(fabsf(x)), *value = nearbyintf(x / scale);
    return n;
}

tn__pack_to tn__narrowing_pack(tn__narrowing n) {
    return n == TN__NARROWING_BF16 ? TN__PACK_BF16 : n == TN__NARROWING_F16 ? TN__PACK_F16 : n == TN__NARROWING_INT8 ? TN__PACK_I8 : TN__PACK_AS_IS;
}

tn_dtype tn__narrowing_dtype(tn__narrowing n) {
    return n == TN__NARROWING_BF16 ? TN_DTYPE_bf16 : n == TN__NARROWING_F16 ? TN_DTYPE_f16 : n == TN__NARROWING_INT8 ? TN_DTYPE_i8 : TN_DTYPE_f32;
}

int32_t tn__lower_product(const tn__lower *l, tn__kernel *k, tn_dtype dtype, int32_t left, int32_t right) {
    if (dtype == TN_DTYPE_f32 && l->tf32) {
        k->narrowing = TN__NARROWING_TF32;
        left = tn__kx(k, TN__KX_TO_TF32, TN_DTYPE_f32, left, -1, -1);
        right = tn__kx(k, TN__KX_TO_TF32, TN_DTYPE_f32, right, -1, -1);
    } else if (dtype == TN_DTYPE_f32 && l->weights != TN_DTYPE_NONE && !k->narrowing) k->narrowing = TN__NARROWING_NOT_COVERED;
    return tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, left, right, -1);
}

tn__narrowing tn__kprogram_narrowing(const tn__kprogram *p, const tn__step *s) {
    if (s->kind == TN__STEP_CALL) {
        const tn__node *n = &p->graph->nodes.data[s->node];
        bool product = tn__op_infos[n->op].flags & TN__OP_CONTRACT && tn__type_of(p->graph, tn__in(p->graph, n, 0))->dtype == TN_DTYPE_f32;
        return p->narrows && product ? TN__NARROWING_CALL : TN__NARROWING_NONE;
    }
    uint32_t kernels = s->kind == TN__STEP_LOOP ? s->loop->n_strands * s->loop->n_launches : s->kind == TN__STEP_KERNEL ? s->n_stages : 0;
    for (uint32_t i = 0; i < kernels; i++) {
        uint32_t kernel = s->kind == TN__STEP_LOOP ? s->loop->launches[i].kernel : s->stages[i].kernel;
        if (p->kernels.data[kernel]->narrowing) return p->kernels.data[kernel]->narrowing;
    }
    return TN__NARROWING_NONE;
}
