/* Packing: one loop over the packed form for every layout of a constant, and one kernel of the same form for what is made at run time. */
#include "kernel/pack.h"

static void copy_element(char *dst, const char *src, size_t item) {
    switch (item) {
    case 1: memcpy(dst, src, 1); break;
    case 2: memcpy(dst, src, 2); break;
    case 4: memcpy(dst, src, 4); break;
    default: memcpy(dst, src, 8);
    }
}

/* Dims from d on, of the part at `dst` (elements left: `rest`), with the source's indices so far in `at`. */
static void pack_dims(const tn__pack *p, int32_t d, int64_t rest, const int64_t *at, const char *src, char *dst, size_t item) {
    if (d == p->n_dims) {
        int64_t from = 0;
        for (int32_t x = 0; x < p->n_axes; x++) {
            if (at[x] >= p->axes[x].extent) return;
            from += at[x] * p->axes[x].stride;
        }
        copy_element(dst, src + (size_t)from * item, item);
        return;
    }
    int64_t index[TN__PACK_AXES];
    memcpy(index, at, sizeof index);
    rest /= p->dims[d].count;
    for (int64_t i = 0; i < p->dims[d].count; i++) {
        pack_dims(p, d + 1, rest, index, src, dst + (size_t)(i * rest) * item, item);
        index[p->dims[d].axis] += p->dims[d].step;
    }
}

/* Replaces *t by a copy of f32. */
static tn_error *widen(tn__lower *l, tn_tensor **t) {
    const tn_tensor *from = *t;
    const uint16_t *half = from->data;
    tn_tensor *wide;
    TN__TRY(tn_tensor_create(l->c, TN_DTYPE_f32, from->rank, from->dims, &wide));
    float *to = wide->data;
    if (from->dtype == TN_DTYPE_f16)
        for (int64_t i = 0; i < from->elements; i++) to[i] = tn__f16_to_f32(half[i]);
    else
        for (int64_t i = 0; i < from->elements; i++) to[i] = tn__bf16_to_f32(half[i]);
    tn_tensor_release(*t);
    *t = wide;
    return NULL;
}

tn_error *tn__pack_slot(tn__lower *l, const tn_tensor *t, const tn__pack *p, uint32_t *out_slot) {
    int64_t elements = 1, start[TN__PACK_AXES] = {0};
    for (int32_t d = 0; d < p->n_dims; d++)
        if (!tn__mul_i64(elements, p->dims[d].count, &elements)) return TN__FAIL(l->a, LIMIT_EXCEEDED, "a packed constant is too large");
    tn_tensor *packed;
    TN__TRY(tn_tensor_create(l->c, t->dtype, 1, &elements, &packed));
    size_t item = tn_dtype_bits(t->dtype) / 8;
    if (elements) pack_dims(p, 0, elements, start, (const char *)t->data + (size_t)p->offset * item, packed->data, item);
    tn_error *e = p->widen && tn__kernel_copy_dtype(packed->dtype) != packed->dtype ? widen(l, &packed) : NULL;
    if (!e) e = tn__lower_constant_slot(l, packed, out_slot);
    tn_tensor_release(packed);
    return e;
}

tn_error *tn__pack_value(tn__lower *l, tn_value v, const tn__pack *p, uint32_t *out_slot) {
    const tn_tensor *t = tn__constant_of(l->g, v);
    if (t) return tn__pack_slot(l, t, p, out_slot);
    tn_dtype dtype = tn__type_of(l->g, v)->dtype, to = p->widen && tn__kernel_as_f32(dtype) ? TN_DTYPE_f32 : tn__kernel_copy_dtype(dtype);
    if (to != TN_DTYPE_f32) dtype = to;
    int64_t elements = 1;
    for (int32_t d = 0; d < p->n_dims; d++)
        if (!tn__mul_i64(elements, p->dims[d].count, &elements) || elements > INT64_MAX / 8)
            return TN__FAIL(l->a, LIMIT_EXCEEDED, "a packed operand is too large");
    uint32_t slots[2];
    TN__TRY(tn__lower_get(l, v, 0, 0, &slots[0]));
    slots[1] = *out_slot = tn__lower_slot(l, TN__SLOT_ARENA, tn__dtype_bytes(to, elements));
    tn__kernel *k = slots[1] == TN__NO_SLOT ? NULL : tn__lower_kernel(l, "pack", TN__NO_NODE);
    if (!k) return tn__error_oom();
    tn__kmap in = {.offset = p->offset};
    tn__kguard guards[TN__PACK_AXES] = {0};
    int64_t largest[TN__PACK_AXES] = {0}, stride = 1;
    k->n_buffers = 2;
    k->buffer_dtype[0] = dtype;
    k->buffer_dtype[1] = to;
    k->out_buffer = 1;
    k->n_dims = k->n_spatial = p->n_dims;
    for (int32_t d = p->n_dims - 1; d >= 0; d--) {
        int32_t axis = p->dims[d].axis;
        k->extent[d] = p->dims[d].count;
        k->out_map.stride[d] = stride;
        stride *= k->extent[d];
        in.stride[d] = p->axes[axis].stride * p->dims[d].step;
        guards[axis].map.stride[d] = p->dims[d].step;
        largest[axis] += p->dims[d].step * (k->extent[d] - 1);
    }
    k->epilogue = tn__kx_load(k, 0, &in);
    tn__kexpr *x = &k->exprs[k->epilogue];
    for (int32_t axis = 0; axis < p->n_axes; axis++) {
        if (largest[axis] < p->axes[axis].extent) continue;
        if (x->n_guards == TN__K_GUARDS) return tn__free(l->a, k, sizeof *k), TN__FAIL(l->a, INTERNAL, "too many axes to pad");
        guards[axis].bound = p->axes[axis].extent;
        x->guard[x->n_guards++] = guards[axis];
    }
    return tn__lower_launch_elementwise(l, k, slots, TN__NO_NODE);
}

tn_error *tn__pack_blocked(tn__lower *l, const tn_tensor *t, int32_t axis, uint32_t *out_slot) {
    int64_t outer = 1, inner = 1, c = t->dims[axis], w = l->w;
    for (int32_t i = 0; i < axis; i++) outer *= t->dims[i];
    for (int32_t i = axis + 1; i < t->rank; i++) inner *= t->dims[i];
    tn__pack p = {3, 4, false, {{outer, c * inner}, {c, inner}, {inner, 1}}, {{0, outer, 1}, {1, tn__ceil_div(c, w), w}, {2, inner, 1}, {1, w, 1}}, 0};
    return tn__pack_slot(l, t, &p, out_slot);
}

tn_error *tn__pack_conv(tn__lower *l, tn_value v, int64_t taps, int64_t in_block, int32_t nv, uint32_t *out_slot) {
    const tn__type *t = tn__type_of(l->g, v);
    int64_t oc = t->dims[0], ic = t->dims[1], row = (int64_t)nv * l->w, icb = tn__ceil_div(ic, in_block);
    tn__pack p = {3, 5, true, {{oc, ic * taps}, {ic, taps}, {taps, 1}},
                  {{0, tn__ceil_div(oc, row), row}, {1, icb, in_block}, {2, taps, 1}, {1, in_block, 1}, {0, row, 1}}, 0};
    return tn__pack_value(l, v, &p, out_slot);
}

tn_error *tn__pack_depthwise(tn__lower *l, tn_value v, int64_t taps, uint32_t *out_slot) {
    const tn__type *t = tn__type_of(l->g, v);
    int64_t c = t->dims[0], w = l->w;
    tn__pack p = {2, 3, true, {{c, taps}, {taps, 1}}, {{0, tn__ceil_div(c, w), w}, {1, taps, 1}, {0, w, 1}}, 0};
    return tn__pack_value(l, v, &p, out_slot);
}

tn_error *tn__pack_right(tn__lower *l, tn_value v, int64_t kk, int64_t n, int64_t sk, int64_t sn, int32_t nv, uint32_t *out_slot) {
    int64_t row = (int64_t)nv * l->w;
    tn__pack p = {2, 3, true, {{kk, sk}, {n, sn}}, {{1, tn__ceil_div(n, row), row}, {0, kk, 1}, {1, row, 1}}, 0};
    return tn__pack_value(l, v, &p, out_slot);
}
