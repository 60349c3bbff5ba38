/* What is packed and how: the layouts of each kind of operand, and one kernel of the same form for what is made at run time. */
#include "kernel/pack.h"
#include "kernel/lower_maps.h"

#include "kernel/lower.h"

/* ---- notes of the lowering ------------------------------------------------------------------------------------------------ */

/* Dims of one step say nothing; without them the outermost one is what the threads share. Slices of columns stay what they are. */
static void simplify(tn__pack *p) {
    int32_t n = 0;
    if (p->to == TN__PACK_I8 || p->to == TN__PACK_SCALES) return;
    for (int32_t d = 0; d < p->n_dims; d++)
        if (p->dims[d].count != 1 || d == p->n_dims - 1) p->dims[n++] = p->dims[d];
    p->n_dims = n;
}

bool tn__pack_equal(const tn__pack *a, const tn__pack *b) {
    if (a->offset != b->offset || a->n_axes != b->n_axes || a->n_dims != b->n_dims || a->widen != b->widen || a->to != b->to)
        return false;
    for (int32_t i = 0; i < a->n_axes; i++)
        if (a->axes[i].extent != b->axes[i].extent || a->axes[i].stride != b->axes[i].stride) return false;
    for (int32_t i = 0; i < a->n_dims; i++)
        if (a->dims[i].axis != b->dims[i].axis || a->dims[i].count != b->dims[i].count || a->dims[i].step != b->dims[i].step) return false;
    return true;
}

tn_error *tn__pack_slot(tn__lower *l, const tn_tensor *t, const tn__pack *p, uint32_t *out_slot) {
    tn__kprogram *program = l->p;
    tn__pack_job job = {.source = (tn_tensor *)t, .pack = *p};
    int64_t elements = 1;
    size_t bytes, end;
    simplify(&job.pack);
    for (size_t i = program->packs.count; i-- > 0;)
        if (program->packs.data[i].source == t && tn__pack_equal(&program->packs.data[i].pack, &job.pack)) {
            *out_slot = program->packs.data[i].slot;
            return NULL;
        }
    for (int32_t d = 0; d < p->n_dims; d++)
        if (!tn__mul_i64(elements, p->dims[d].count, &elements)) return TN__FAIL(l->a, LIMIT_EXCEEDED, "a packed constant is too large");
    if (!tn__mul((size_t)elements, tn__pack_item(p, t->dtype), &bytes) || !tn__add(program->constant_bytes, bytes, &end) ||
        end > SIZE_MAX / 2)
        return TN__FAIL(l->a, LIMIT_EXCEEDED, "the packed constants are too large");
    job.bytes = bytes;
    job.slot = *out_slot = tn__lower_slot(l, TN__SLOT_CONSTANT, bytes);
    if (job.slot == TN__NO_SLOT || !TN__PUSH(l->a, &program->packs, job)) return tn__error_oom();
    tn_tensor_retain(job.source);
    program->constant_bytes += bytes;
    return NULL;
}

/* One element, read again and again: zeros still go where the source ends. */
static tn_error *pack_splat(tn__lower *l, tn_dtype dtype, double value, const tn__pack *p, uint32_t *out_slot) {
    tn__pack flat = *p;
    tn_tensor *one;
    flat.offset = 0;
    for (int32_t axis = 0; axis < p->n_axes; axis++) flat.axes[axis].stride = 0;
    TN__TRY(tn_tensor_create(l->c, dtype, 0, NULL, &one));
    tn__store_f64(dtype, one->data, 0, value);
    tn_error *e = tn__pack_slot(l, one, &flat, out_slot);
    tn_tensor_release(one);
    return e;
}

tn_error *tn__pack_value(tn__lower *l, tn_value v, const tn__pack *p, uint32_t *out_slot) {
    const tn_tensor *t = tn__constant_peek(l->g, v);
    double value;
    if (t) return tn__pack_slot(l, t, p, out_slot);
    if (tn__lower_splat(l->g, v, &value)) return pack_splat(l, tn__type_of(l->g, v)->dtype, value, p, out_slot);
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
    tn__pack p = {3, 4, false, {{outer, c * inner}, {c, inner}, {inner, 1}},
                  {{0, outer, 1}, {1, tn__ceil_div(c, w), w}, {2, inner, 1}, {1, w, 1}}, 0, TN__PACK_AS_IS};
    return tn__pack_slot(l, t, &p, out_slot);
}

tn_error *tn__pack_conv(tn__lower *l, tn_value v, int64_t taps, int64_t in_block, int32_t nv, uint32_t *out_slot) {
    const tn__type *t = tn__type_of(l->g, v);
    int64_t oc = t->dims[0], ic = t->dims[1], row = (int64_t)nv * l->w, icb = tn__ceil_div(ic, in_block);
    tn__pack p = {3, 5, true, {{oc, ic * taps}, {ic, taps}, {taps, 1}},
                  {{0, tn__ceil_div(oc, row), row}, {1, icb, in_block}, {2, taps, 1}, {1, in_block, 1}, {0, row, 1}}, 0, TN__PACK_AS_IS};
    return tn__pack_value(l, v, &p, out_slot);
}

tn_error *tn__pack_depthwise(tn__lower *l, tn_value v, int64_t taps, uint32_t *out_slot) {
    const tn__type *t = tn__type_of(l->g, v);
    int64_t c = t->dims[0], w = l->w;
    tn__pack p = {2, 3, true, {{c, taps}, {taps, 1}}, {{0, tn__ceil_div(c, w), w}, {1, taps, 1}, {0, w, 1}}, 0, TN__PACK_AS_IS};
    return tn__pack_value(l, v, &p, out_slot);
}

tn_error *tn__pack_right(tn__lower *l, tn_value v, int64_t kk, int64_t n, int64_t sk, int64_t sn, int32_t nv, tn__pack_to to,
                         uint32_t *out_slot) {
    int64_t row = (int64_t)nv * l->w;
    tn__pack p = {2, 3, true, {{kk, sk}, {n, sn}}, {{1, tn__ceil_div(n, row), row}, {0, kk, 1}, {1, row, 1}}, 0, to};
    if (to == TN__PACK_SCALES) p.dims[1] = p.dims[2], p.n_dims = 2;
    return tn__pack_value(l, v, &p, out_slot);
}
