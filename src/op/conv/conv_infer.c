/* Shape rules of conv, conv_integer, deform_conv, qlinear_conv and conv_transpose. */
#include "op/conv/window.h"
#include "op/op.h"

#include <inttypes.h>

/* Operand positions, which differ between the ops. 0 = the op has no such operand. */
typedef struct {
    uint32_t x, w, bias;
} operands;

static tn_error *vector_check(const tn__infer *c, uint32_t k, int64_t channels) {
    const tn__type *t = &c->types[k];
    if (!tn__shape_has(c, k) || t->rank < 0) return NULL;
    if (t->rank != 1 || (t->dims[0] >= 0 && channels >= 0 && t->dims[0] != channels))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, first dimension %" PRId64 ", wanted one of %" PRId64 " channels", k,
                              t->rank, t->rank > 0 ? t->dims[0] : 1, channels);
    return NULL;
}

/* Ranks of data and weight agree and leave at least one spatial dimension; *out_rank -1 when neither is known. */
static tn_error *rank_of(const tn__infer *c, operands o, int32_t *out_rank) {
    const tn__type *x = &c->types[o.x], *w = &c->types[o.w];
    if (x->rank >= 0 && w->rank >= 0 && x->rank != w->rank)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u has rank %d, the weight (operand %u) has rank %d, wanted equal ranks", o.x, x->rank,
                              o.w, w->rank);
    *out_rank = x->rank >= 0 ? x->rank : w->rank;
    if (*out_rank >= 0 && *out_rank < 3)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted 3 or more", o.x, *out_rank);
    return NULL;
}

static tn_error *window_shape(tn__infer *c, operands o, tn_dtype dtype, const tn__window_spec *spec, int64_t group) {
    const tn__type *x = &c->types[o.x], *w = &c->types[o.w];
    int32_t rank;
    TN__TRY(rank_of(c, o, &rank));
    tn__shape_set(c, 0, dtype, -1, NULL);
    if (group < 1) return TN__INFER_FAIL(c, OUT_OF_RANGE, "attribute 'group' is %" PRId64 ", wanted 1 or more", group);
    if (rank < 0) return NULL;
    int64_t *dims = tn__shape_dims(c, rank), *unknown = tn__shape_dims(c, rank);
    if (!dims || !unknown) return tn__error_oom();
    int64_t channels = x->rank >= 0 ? x->dims[1] : TN_DIM_UNKNOWN, wanted;
    if (w->rank >= 0) {
        dims[1] = w->dims[0];
        if (w->dims[0] >= 0 && w->dims[0] % group)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "the weight has %" PRId64 " output channels, not a multiple of group %" PRId64, w->dims[0],
                                  group);
        if (w->dims[1] >= 0 && channels >= 0 && (!tn__mul_i64(w->dims[1], group, &wanted) || wanted != channels))
            return TN__INFER_FAIL(c, SHAPE_MISMATCH,
                                  "operand %u has %" PRId64 " channels, the weight wants %" PRId64 " in each of %" PRId64 " groups", o.x, channels,
                                  w->dims[1], group);
    }
    if (o.bias) TN__TRY(vector_check(c, o.bias, dims[1]));
    if (x->rank >= 0) dims[0] = x->dims[0];
    tn__window window;
    TN__TRY(tn__window_resolve(c->a, spec, rank - 2, (x->rank >= 0 ? x->dims : unknown) + 2, (w->rank >= 0 ? w->dims : unknown) + 2,
                               &window));
    for (int32_t i = 0; i < rank - 2; i++) dims[2 + i] = window.out[i];
    tn__shape_set(c, 0, dtype, rank, dims);
    return NULL;
}

static tn_error *conv_shape(tn__infer *c, operands o, tn_dtype dtype) {
    const tn__attrs_conv *attrs = c->attrs;
    tn__window_spec spec = tn__window_spec_of_conv(attrs);
    return window_shape(c, o, dtype, &spec, attrs->group);
}

static tn_error *float_operands(const tn__infer *c, uint32_t n) {
    tn_dtype d = c->types[0].dtype;
    if (tn__dtype_get_class(d) != TN__CLASS_FLOAT)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(d));
    for (uint32_t k = 1; k < n; k++)
        if (tn__shape_has(c, k) && c->types[k].dtype != d)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s as operand 0", k, tn_dtype_name(c->types[k].dtype),
                                  tn_dtype_name(d));
    return NULL;
}

static tn_error *byte_operand(const tn__infer *c, uint32_t k) {
    tn_dtype d = c->types[k].dtype;
    if (tn__shape_has(c, k) && d != TN_DTYPE_i8 && d != TN_DTYPE_u8)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted i8 or u8", k, tn_dtype_name(d));
    return NULL;
}

/* A zero point or scale: of the dtype of operand `like` (or f32), one element or one for each of `channels`. */
static tn_error *parameter(const tn__infer *c, uint32_t k, tn_dtype wanted, int64_t channels) {
    const tn__type *t = &c->types[k];
    if (!tn__shape_has(c, k)) return NULL;
    if (t->dtype != wanted)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s", k, tn_dtype_name(t->dtype), tn_dtype_name(wanted));
    if (t->rank > 1 || (t->rank == 1 && t->dims[0] >= 0 && t->dims[0] != 1 && channels >= 0 && t->dims[0] != channels))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, first dimension %" PRId64 ", wanted one element or %" PRId64, k, t->rank,
                              t->rank > 0 ? t->dims[0] : 1, channels < 0 ? 1 : channels);
    return NULL;
}

static tn_error *deform_check(tn__infer *c) {
    const tn__type *x = &c->types[0], *w = &c->types[1], *offset = &c->types[2], *mask = &c->types[4];
    for (uint32_t k = 0; k < c->n_in; k++)
        if (tn__shape_has(c, k) && k != 3 && c->types[k].rank >= 0 && c->types[k].rank != 4)
            return TN__INFER_FAIL(c, UNSUPPORTED, "operand %u: found rank %d; deformable convolution is done for rank 4", k, c->types[k].rank);
    const tn__attrs_deform_conv *attrs = c->attrs;
    tn__window_spec spec = tn__window_spec_of_deform_conv(attrs);
    TN__TRY(window_shape(c, (operands){0, 1, 3}, x->dtype, &spec, attrs->group));
    if (x->rank < 0 || w->rank < 0 || offset->rank < 0 || !tn__type_is_static(&c->out[0]) || !tn__type_is_static(w) ||
        !tn__type_is_static(offset) || !tn__type_is_static(x))
        return NULL;
    const int64_t *out = c->out[0].dims;
    int64_t taps = w->dims[2] * w->dims[3], groups = attrs->offset_group;
    if (offset->dims[0] != out[0] || offset->dims[2] != out[2] || offset->dims[3] != out[3] || groups < 1 ||
        offset->dims[1] / (2 * taps) != groups || offset->dims[1] % (2 * taps) || x->dims[1] % groups)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH,
                              "operand 2: found [%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64 "], wanted [%" PRId64 ", %" PRId64 " * %" PRId64 ", %" PRId64
                              ", %" PRId64 "]",
                              offset->dims[0], offset->dims[1], offset->dims[2], offset->dims[3], out[0], groups,
                              2 * taps, out[2], out[3]);
    if (tn__shape_has(c, 4) && tn__type_is_static(mask) &&
        (mask->dims[0] != out[0] || mask->dims[1] != groups * taps || mask->dims[2] != out[2] || mask->dims[3] != out[3]))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 4: found %" PRId64 " channels, wanted %" PRId64, mask->dims[1], groups * taps);
    return NULL;
}

tn_error *tn__infer_conv(tn__infer *c) {
    if (c->op == TN_OP_conv_integer) {
        TN__TRY(byte_operand(c, 0));
        TN__TRY(byte_operand(c, 1));
        TN__TRY(parameter(c, 2, c->types[0].dtype, 1));
        TN__TRY(parameter(c, 3, c->types[1].dtype, c->types[1].rank > 0 ? c->types[1].dims[0] : TN_DIM_UNKNOWN));
        return conv_shape(c, (operands){0, 1, 0}, TN_DTYPE_i32);
    }
    TN__TRY(float_operands(c, c->n_in));
    if (c->op == TN_OP_deform_conv) return deform_check(c);
    return conv_shape(c, (operands){0, 1, 2}, c->types[0].dtype);
}

/* x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B */
tn_error *tn__infer_qlinear_conv(tn__infer *c) {
    const tn__type *t = c->types;
    int64_t channels = t[3].rank > 0 ? t[3].dims[0] : TN_DIM_UNKNOWN;
    TN__TRY(byte_operand(c, 0));
    TN__TRY(byte_operand(c, 3));
    TN__TRY(byte_operand(c, 7));
    TN__TRY(parameter(c, 1, TN_DTYPE_f32, 1));
    TN__TRY(parameter(c, 2, t[0].dtype, 1));
    TN__TRY(parameter(c, 4, TN_DTYPE_f32, channels));
    TN__TRY(parameter(c, 5, t[3].dtype, channels));
    TN__TRY(parameter(c, 6, TN_DTYPE_f32, 1));
    TN__TRY(parameter(c, 7, t[7].dtype, 1));
    if (tn__shape_has(c, 8) && t[8].dtype != TN_DTYPE_i32)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 8: found %s, wanted i32", tn_dtype_name(t[8].dtype));
    return conv_shape(c, (operands){0, 3, 8}, t[7].dtype);
}

tn_error *tn__infer_conv_transpose(tn__infer *c) {
    const tn__attrs_conv_transpose *attrs = c->attrs;
    const tn__type *x = &c->types[0], *w = &c->types[1];
    int32_t rank;
    TN__TRY(float_operands(c, c->n_in));
    TN__TRY(rank_of(c, (operands){0, 1, 2}, &rank));
    tn__shape_set(c, 0, x->dtype, -1, NULL);
    if (attrs->group < 1) return TN__INFER_FAIL(c, OUT_OF_RANGE, "attribute 'group' is %" PRId64 ", wanted 1 or more", attrs->group);
    if (rank < 0) return NULL;
    int64_t *dims = tn__shape_dims(c, rank), *unknown = tn__shape_dims(c, rank);
    if (!dims || !unknown) return tn__error_oom();
    if (x->rank >= 0) dims[0] = x->dims[0];
    if (w->rank >= 0) {
        if (x->rank >= 0 && x->dims[1] >= 0 && w->dims[0] >= 0 && x->dims[1] != w->dims[0])
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0 has %" PRId64 " channels, the weight wants %" PRId64, x->dims[1], w->dims[0]);
        if (w->dims[0] >= 0 && w->dims[0] % attrs->group)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "the weight has %" PRId64 " input channels, not a multiple of group %" PRId64, w->dims[0],
                                  attrs->group);
        if (w->dims[1] >= 0 && !tn__mul_i64(w->dims[1], attrs->group, &dims[1]))
            return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "the number of output channels overflows");
    }
    TN__TRY(vector_check(c, 2, dims[1]));
    tn__window_spec spec = tn__window_spec_of_conv_transpose(attrs);
    tn__window window;
    TN__TRY(tn__window_resolve_transposed(c->a, &spec, rank - 2, (x->rank >= 0 ? x->dims : unknown) + 2,
                                          (w->rank >= 0 ? w->dims : unknown) + 2, &window));
    for (int32_t i = 0; i < rank - 2; i++) dims[2 + i] = window.out[i];
    tn__shape_set(c, 0, x->dtype, rank, dims);
    return NULL;
}
