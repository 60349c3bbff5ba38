/* Operands of integer products: activations as words of four channels, constants with zero points and scales folded in. */
#include "kernel/lower_integer.h"

#include <math.h>

static const tn_tensor *constant_in(const tn_graph *g, const tn__node *n, int32_t k) {
    tn_value v = k < 0 ? tn__none() : tn__in(g, n, (uint32_t)k);
    return v.id ? tn__constant_of(g, v) : NULL;
}

static int64_t value_at(const tn_tensor *t, int64_t i) { return t ? tn__load_i64(t->dtype, t->data, t->elements == 1 ? 0 : i) : 0; }

/* ---- constants ----------------------------------------------------------------------------------------------- */

/* Channels, and how the weights' elements lie around them: element (outer, channel, inner). */
typedef struct weight_dims {
    int64_t channels, outer, inner;
} weight_dims;

static weight_dims dims_of(const tn__type *w, bool conv) {
    int64_t all = tn__type_elements(w), channels = w->dims[conv ? 0 : w->rank - 1];
    if (!channels) return (weight_dims){0, 0, 0};
    return conv ? (weight_dims){channels, 1, all / channels} : (weight_dims){channels, all / channels, 1};
}

bool tn__integer_weights_ok(const tn_graph *g, const tn__node *n) {
    const tn__integer_op *op = tn__integer_op_of(n->op);
    tn_value zv = tn__in(g, n, (uint32_t)op->w_zero);
    const tn_tensor *w = constant_in(g, n, op->w), *zero = constant_in(g, n, op->w_zero);
    if (!w || (w->dtype != TN_DTYPE_i8 && w->dtype != TN_DTYPE_u8) || !w->elements || (zv.id && !zero)) return false;
    weight_dims d = dims_of(tn__type_of(g, tn__in(g, n, (uint32_t)op->w)), op->conv);
    if (zero && zero->elements != 1 && zero->elements != d.channels) return false;
    int64_t middle = w->dtype == TN_DTYPE_i8 ? 0 : 128;
    bool simple = true;
    for (int64_t c = 0; c < (zero ? zero->elements : 1); c++) simple &= value_at(zero, c) == middle;
    for (int64_t i = 0; !simple && i < w->elements; i++) {
        int64_t x = value_at(w, i) - value_at(zero, i / d.inner % d.channels);
        if (x < -128 || x > 127) return false;
    }
    return true;
}

static tn_error *signed_weights(tn__lower *l, const tn_tensor *w, const tn_tensor *zero, weight_dims d, tn_tensor **out, int64_t *sums) {
    TN__TRY(tn_tensor_create(l->c, TN_DTYPE_i8, w->rank, w->dims, out));
    int8_t *to = (*out)->data;
    for (int64_t o = 0, i = 0; o < d.outer; o++)
        for (int64_t c = 0; c < d.channels; c++) {
            int64_t z = value_at(zero, c);
            for (int64_t k = 0; k < d.inner; k++, i++) {
                to[i] = (int8_t)(value_at(w, i) - z);
                sums[c] += to[i];
            }
        }
    return NULL;
}

/* An i32 vector of offsets; stays NULL where all are 0. */
static tn_error *offsets(tn__lower *l, const tn_tensor *bias, const int64_t *sums, int64_t factor, int64_t n, tn_tensor **out) {
    bool any = bias || factor;
    if (!any) return NULL;
    TN__TRY(tn_tensor_create(l->c, TN_DTYPE_i32, 1, &n, out));
    for (int64_t c = 0; c < n; c++) /* wraps as the sums do */
        ((int32_t *)(*out)->data)[c] = (int32_t)(uint32_t)(uint64_t)(value_at(bias, c) + factor * sums[c]);
    return NULL;
}

static float at_f32(const tn_tensor *t, int64_t i) { return (float)tn__load_f64(t->dtype, t->data, t->elements == 1 ? 0 : i); }

tn_error *tn__integer_constants_init(tn__lower *l, const tn__node *n, bool centred, tn__integer_constants *out) {
    const tn_graph *g = l->g;
    const tn__integer_op *op = tn__integer_op_of(n->op);
    const tn_tensor *w = constant_in(g, n, op->w), *x_zero = constant_in(g, n, op->x_zero), *bias = constant_in(g, n, op->bias);
    weight_dims d = dims_of(tn__type_of(g, tn__in(g, n, (uint32_t)op->w)), op->conv);
    bool run_time = tn__in(g, n, (uint32_t)op->x_zero).id && !x_zero;
    bool shifted = !centred && tn__type_of(g, tn__in(g, n, (uint32_t)op->x))->dtype == TN_DTYPE_i8;
    *out = (tn__integer_constants){.zero = (int32_t)value_at(x_zero, 0) + (shifted ? 128 : 0)};
    int64_t *sums = tn__alloc_zero(l->a, (size_t)d.channels * sizeof *sums);
    if (!sums) return tn__error_oom();
    tn_error *e = signed_weights(l, w, constant_in(g, n, op->w_zero), d, &out->weights, sums);
    if (!e) e = offsets(l, bias, sums, centred || run_time ? 0 : -out->zero, d.channels, &out->offset);
    if (!e && run_time && !centred) e = offsets(l, NULL, sums, -1, d.channels, &out->sums);
    if (!e && op->y_scale >= 0) {
        const tn_tensor *xs = constant_in(g, n, op->x_scale), *ws = constant_in(g, n, op->w_scale), *ys = constant_in(g, n, op->y_scale);
        e = tn_tensor_create(l->c, TN_DTYPE_f32, 1, &d.channels, &out->scale);
        for (int64_t c = 0; !e && c < d.channels; c++) /* rounded like the reference: the product, then the quotient */
            ((float *)out->scale->data)[c] = at_f32(xs, 0) * at_f32(ws, c) / at_f32(ys, 0);
    }
    tn__free(l->a, sums, (size_t)d.channels * sizeof *sums);
    return e;
}

void tn__integer_constants_deinit(tn__integer_constants *c) {
    tn_tensor *all[] = {c->weights, c->offset, c->sums, c->scale};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i]) tn_tensor_release(all[i]);
}

/* ---- activations --------------------------------------------------------------------------------------------- */

static tn__kernel *word_kernel(tn__lower *l, const char *stem, uint32_t node, tn_dtype from) {
    tn__kernel *k = tn__lower_kernel(l, stem, node);
    if (!k) return NULL;
    k->n_buffers = 2;
    k->buffer_dtype[0] = from;
    k->buffer_dtype[1] = TN_DTYPE_i32;
    k->out_buffer = 1;
    return k;
}

static tn_error *word_slot(tn__lower *l, int64_t groups, int64_t pixels, int32_t words, uint32_t *out) {
    int64_t n;
    if (!tn__mul_i64(groups, pixels, &n) || !tn__mul_i64(n, 4 * (int64_t)words, &n)) return TN__FAIL(l->a, LIMIT_EXCEEDED, "padded operand is too large");
    *out = tn__lower_slot(l, TN__SLOT_ARENA, (size_t)n);
    return *out == TN__NO_SLOT ? tn__error_oom() : NULL;
}

/* Appends the window's input axes, padded if `pad`, as dims from `first` on; `unit` elements a pixel. Guards go to `guards`. */
static int32_t image_dims(tn__kernel *k, const tn__window *w, bool pad, int64_t unit, int32_t first, tn__kmap *in, tn__kmap *out, tn__kguard *guards) {
    int32_t n_guards = 0;
    int64_t from = unit, to = unit;
    for (int32_t i = w->rank - 1; i >= 0; i--) {
        int32_t d = first + i;
        int64_t before = pad ? w->pad_begin[i] : 0, extent = w->in[i] + (pad ? w->pad_begin[i] + w->pad_end[i] : 0);
        int64_t inner = i == w->rank - 1 ? unit : 1; /* the last axis walks the units of its pixels too */
        k->extent[d] = extent * inner;
        in->stride[d] = from / inner;
        out->stride[d] = to / inner;
        in->offset -= before * from;
        if (extent != w->in[i]) {
            guards[n_guards] = (tn__kguard){{-before * inner, {0}}, w->in[i] * inner};
            guards[n_guards++].map.stride[d] = 1;
        }
        from *= w->in[i];
        to *= extent;
    }
    return n_guards;
}

/* 1 in the border of one padded image of `unit` words a pixel, 0 inside. */
static tn_error *border_slot(tn__lower *l, const tn__window *w, int64_t unit, int64_t pixels, uint32_t *out) {
    int64_t index[3] = {0, 0, 0}, extent[3], n;
    tn_tensor *t;
    if (!tn__mul_i64(pixels, unit, &n)) return TN__FAIL(l->a, LIMIT_EXCEEDED, "padded operand is too large");
    TN__TRY(tn_tensor_create(l->c, TN_DTYPE_i32, 1, &n, &t));
    for (int32_t i = 0; i < w->rank; i++) extent[i] = w->in[i] + w->pad_begin[i] + w->pad_end[i];
    for (int64_t p = 0; p < pixels; p++) {
        bool outside = false;
        for (int32_t i = 0; i < w->rank; i++) outside |= index[i] < w->pad_begin[i] || index[i] >= w->pad_begin[i] + w->in[i];
        for (int64_t k = 0; k < unit; k++) ((int32_t *)t->data)[p * unit + k] = outside;
        tn__next_index(w->rank, extent, index);
    }
    tn_error *e = tn__lower_constant_slot(l, t, out);
    tn_tensor_release(t);
    return e;
}

static int32_t guarded_load(tn__kernel *k, const tn__kmap *map, const tn__kguard *guards, int32_t n, double value) {
    int32_t x = tn__kx_load(k, 0, map);
    k->exprs[x].n_guards = n;
    k->exprs[x].value = value;
    for (int32_t i = 0; i < n; i++) k->exprs[x].guard[i] = guards[i];
    return x;
}

static int32_t constant(tn__kernel *k, int64_t v) { return tn__kx_const(k, TN_DTYPE_i32, (double)v); }
static int32_t binary(tn__kernel *k, tn__kop op, int32_t a, int32_t b) { return tn__kx(k, op, TN_DTYPE_i32, a, b, -1); }

/* Adds a zero point of run time to the border, which was filled so that its words are 0. The image's axes are dims `first` and up. */
static tn_error *fill_border(tn__lower *l, tn__kernel *k, const tn__window *w, int64_t unit, int64_t pixels, int32_t first, tn_dtype dtype, uint32_t zero,
                             uint32_t *slots) {
    tn__kmap map = {0};
    int64_t s = 1;
    slots[2] = zero;
    TN__TRY(border_slot(l, w, unit, pixels, &slots[3]));
    k->n_buffers = 4;
    k->buffer_dtype[2] = dtype;
    k->buffer_dtype[3] = TN_DTYPE_i32;
    for (int32_t d = first + w->rank - 1; d >= first; d--) map.stride[d] = s, s *= k->extent[d];
    int32_t z = tn__kx_load(k, 2, &(tn__kmap){0}), border = tn__kx_load(k, 3, &map);
    if (dtype == TN_DTYPE_i8) z = binary(k, TN__KX_ADD, z, constant(k, 128));
    z = binary(k, TN__KX_MUL, z, constant(k, 0x01010101));
    k->epilogue = binary(k, TN__KX_ADD, k->epilogue, binary(k, TN__KX_MUL, z, border));
    return NULL;
}

/* Row-major [n, c, spatial] -> [n, c / 4, spatial] words: vectors along the pixels. */
static tn_error *pack_plain(tn__lower *l, const tn__type *x, uint32_t *slots, const tn__window *w, bool pad, tn__integer_zero zero, int64_t pixels,
                            uint32_t node) {
    tn__kernel *k = word_kernel(l, "words", node, x->dtype);
    if (!k) return tn__error_oom();
    int64_t c = x->dims[1], groups = tn__ceil_div(c, 4), plane = 1;
    for (int32_t i = 0; i < w->rank; i++) plane *= w->in[i];
    tn__kmap in = {0}, out = {0};
    tn__kguard guards[TN__K_GUARDS];
    k->n_dims = k->n_spatial = 2 + w->rank;
    int32_t n_guards = image_dims(k, w, pad, 1, 2, &in, &out, guards), word = -1;
    bool late = pad && zero.slot != TN__NO_SLOT;
    double filling = !late ? zero.known : x->dtype == TN_DTYPE_i8 ? -128 : 0;
    k->extent[0] = x->dims[0], in.stride[0] = c * plane, out.stride[0] = groups * pixels;
    k->extent[1] = groups, in.stride[1] = 4 * plane, out.stride[1] = pixels;
    for (int32_t b = 0; b < 4; b++) {
        int32_t n = n_guards;
        if (c % 4 && b >= c % 4) { /* not there in the last group */
            if (groups == 1) break;
            guards[n] = (tn__kguard){{b, {0, 4}}, c};
            n++;
        }
        tn__kmap map = in;
        map.offset += b * plane;
        int32_t byte = guarded_load(k, &map, guards, n, filling);
        if (x->dtype == TN_DTYPE_i8) byte = binary(k, TN__KX_ADD, byte, constant(k, 128));
        if (b) byte = binary(k, TN__KX_MUL, byte, constant(k, INT64_C(1) << (8 * b)));
        word = b ? binary(k, TN__KX_ADD, word, byte) : byte;
    }
    k->epilogue = word;
    k->out_map = out;
    tn_error *e = late ? fill_border(l, k, w, 1, pixels, 2, x->dtype, zero.slot, slots) : NULL;
    if (e) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch_elementwise(l, k, slots, node);
}

/* The same of blocked bytes, which are words already: a copy into the padded image. */
static tn_error *pad_blocked(tn__lower *l, const tn__type *x, uint32_t *slots, const tn__window *w, int64_t groups, int32_t words, tn__integer_zero zero,
                             int64_t pixels, uint32_t node) {
    tn__kernel *k = word_kernel(l, "pad", node, TN_DTYPE_i32);
    if (!k) return tn__error_oom();
    int64_t plane = words;
    for (int32_t i = 0; i < w->rank; i++) plane *= w->in[i];
    tn__kmap in = {0}, out = {0};
    tn__kguard guards[TN__K_GUARDS];
    k->n_dims = k->n_spatial = 1 + w->rank;
    int32_t n_guards = image_dims(k, w, true, words, 1, &in, &out, guards);
    k->extent[0] = groups, in.stride[0] = plane, out.stride[0] = pixels * words;
    bool late = zero.slot != TN__NO_SLOT;
    uint32_t fill = (uint32_t)(uint8_t)(!late ? zero.known : x->dtype == TN_DTYPE_i8 ? -128 : 0) * 0x01010101u;
    k->epilogue = guarded_load(k, &in, guards, n_guards, (double)(int32_t)fill);
    if (x->dtype == TN_DTYPE_i8) k->epilogue = binary(k, TN__KX_XOR, k->epilogue, constant(k, (int32_t)0x80808080u));
    k->out_map = out;
    tn_error *e = late ? fill_border(l, k, w, words, pixels, 1, x->dtype, zero.slot, slots) : NULL;
    if (e) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch_elementwise(l, k, slots, node);
}

tn_error *tn__integer_image(tn__lower *l, tn_value xv, tn__window *w, bool pad, tn__integer_zero zero, uint32_t node, tn__integer_input *out) {
    const tn__type *x = tn__type_of(l->g, xv);
    bool blocked = l->values[xv.id].block != 0;
    *out = (tn__integer_input){.words = blocked ? l->w / 4 : 1, .flip = x->dtype == TN_DTYPE_i8};
    out->groups = tn__ceil_div(x->dims[1], 4 * (int64_t)out->words);
    uint32_t slots[4];
    TN__TRY(tn__lower_get(l, xv, blocked ? l->w : 0, 1, &slots[0]));
    out->slot = slots[0];
    if (blocked && !pad) return NULL;
    int64_t pixels = 1;
    for (int32_t i = 0; i < w->rank; i++)
        if (!tn__mul_i64(pixels, w->in[i] + (pad ? w->pad_begin[i] + w->pad_end[i] : 0), &pixels))
            return TN__FAIL(l->a, LIMIT_EXCEEDED, "padded operand is too large");
    TN__TRY(word_slot(l, x->dims[0] * out->groups, pixels, out->words, &slots[1]));
    out->slot = slots[1];
    out->flip = false;
    TN__TRY(blocked ? pad_blocked(l, x, slots, w, x->dims[0] * out->groups, out->words, zero, pixels, node)
                    : pack_plain(l, x, slots, w, pad, zero, pixels, node));
    for (int32_t i = 0; pad && i < w->rank; i++) {
        w->in[i] += w->pad_begin[i] + w->pad_end[i];
        w->pad_begin[i] = w->pad_end[i] = 0;
    }
    return NULL;
}

tn_error *tn__integer_rows(tn__lower *l, tn_value xv, uint32_t node, tn__integer_input *out) {
    const tn__type *x = tn__type_of(l->g, xv);
    int64_t depth = x->dims[x->rank - 1], rows = tn__type_elements(x) / depth;
    *out = (tn__integer_input){.groups = tn__ceil_div(depth, 4), .words = 1, .flip = x->dtype == TN_DTYPE_i8};
    uint32_t slots[2];
    TN__TRY(tn__lower_get(l, xv, 0, 0, &slots[0]));
    out->slot = slots[0];
    if (depth % 4 == 0) return NULL;
    TN__TRY(word_slot(l, rows, out->groups, 1, &slots[1]));
    out->slot = slots[1];
    tn__kernel *k = word_kernel(l, "rows", node, x->dtype);
    if (!k) return tn__error_oom();
    k->buffer_dtype[1] = x->dtype; /* bytes to bytes, only the distance of the rows changes */
    k->n_dims = k->n_spatial = 2;
    k->extent[0] = rows, k->extent[1] = depth;
    k->epilogue = tn__kx_load(k, 0, &(tn__kmap){0, {depth, 1}});
    k->out_map = (tn__kmap){0, {4 * out->groups, 1}};
    return tn__lower_launch_elementwise(l, k, slots, node);
}
