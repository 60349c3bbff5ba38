/* Shape rules of the quantised ops; qlinear_conv and conv_integer are with the convolutions. */
#include "op/linalg/matmul.h"
#include "op/quant/quantize.h"

#include <inttypes.h>

tn_error *tn__quant_layout_of(const tn_allocator *a, const tn__attrs_quantize *attrs, int32_t rank, const int64_t *dims, int32_t scale_rank,
                              const int64_t *scale_dims, tn__quant_layout *l) {
    *l = (tn__quant_layout){.inner = 1};
    if (attrs->block_size < 0) return TN__FAIL(a, OUT_OF_RANGE, "attribute 'block_size' is %" PRId64 ", wanted 0 or more", attrs->block_size);
    if (!attrs->block_size && (scale_rank == 0 || (scale_rank == 1 && scale_dims[0] == 1))) return NULL;
    if (attrs->axis < -(int64_t)rank || attrs->axis >= rank)
        return TN__FAIL(a, OUT_OF_RANGE, "attribute 'axis' is %" PRId64 ", wanted -%d to %d", attrs->axis, rank, rank - 1);
    int32_t axis = (int32_t)(attrs->axis < 0 ? attrs->axis + rank : attrs->axis);
    for (int32_t i = axis + 1; i < rank; i++)
        if (!tn__mul_i64(l->inner, dims[i], &l->inner)) l->inner = 0; /* another dim is 0: nothing will be read */
    if (!l->inner) l->inner = 1;
    l->size = dims[axis];
    if (!attrs->block_size) {
        if (scale_rank != 1 || scale_dims[0] != l->size)
            return TN__FAIL(a, SHAPE_MISMATCH, "the scale has rank %d and first dimension %" PRId64 ", wanted one entry or %" PRId64, scale_rank,
                            scale_dims[0], l->size);
        return NULL;
    }
    l->block = attrs->block_size;
    l->blocks = l->size / l->block + (l->size % l->block != 0);
    bool ok = scale_rank == rank;
    for (int32_t i = 0; ok && i < rank; i++) ok = scale_dims[i] == (i == axis ? l->blocks : dims[i]);
    if (!ok)
        return TN__FAIL(a, SHAPE_MISMATCH, "the scale (rank %d) is not the shape of operand 0 (rank %d) with %" PRId64 " blocks on axis %d", scale_rank,
                        rank, l->blocks, axis);
    return NULL;
}

static bool is_quantised(tn_dtype d) {
    switch (d) {
    case TN_DTYPE_i8: case TN_DTYPE_u8: case TN_DTYPE_i16: case TN_DTYPE_u16: case TN_DTYPE_i4: case TN_DTYPE_u4: case TN_DTYPE_i2:
    case TN_DTYPE_u2: case TN_DTYPE_f8e4m3: case TN_DTYPE_f8e5m2: case TN_DTYPE_f8e4m3fnuz: case TN_DTYPE_f8e5m2fnuz: case TN_DTYPE_f4e2m1:
        return true;
    default: return false;
    }
}

static tn_error *scale_check(tn__infer *c) {
    const tn__type *x = &c->types[0], *scale = &c->types[1], *zero = &c->types[2];
    if (tn__type_is_static(x) && tn__type_is_static(scale)) {
        tn__quant_layout l;
        TN__TRY(tn__quant_layout_of(c->a, c->attrs, x->rank, x->dims, scale->rank, scale->dims, &l));
    }
    if (tn__shape_has(c, 2) && tn__type_is_static(scale) && tn__type_is_static(zero) && tn__type_elements(scale) != tn__type_elements(zero))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 2 has %" PRId64 " elements, wanted %" PRId64 " as the scale", tn__type_elements(zero),
                              tn__type_elements(scale));
    return NULL;
}

tn_error *tn__infer_quantize(tn__infer *c) {
    const tn__attrs_quantize *attrs = c->attrs;
    const tn__type *x = &c->types[0], *scale = &c->types[1];
    tn_dtype out = attrs->output_dtype ? (tn_dtype)attrs->output_dtype : TN_DTYPE_u8;
    if (tn__dtype_get_class(x->dtype) != TN__CLASS_FLOAT && x->dtype != TN_DTYPE_i32)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type or i32", tn_dtype_name(x->dtype));
    if (!tn__dtype_is_float(scale->dtype) && scale->dtype != TN_DTYPE_i32)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 1: found %s, wanted a float type or i32", tn_dtype_name(scale->dtype));
    if (tn__shape_has(c, 2)) {
        if (attrs->output_dtype && c->types[2].dtype != out)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 2: found %s, wanted %s as output_dtype", tn_dtype_name(c->types[2].dtype),
                                  tn_dtype_name(out));
        out = c->types[2].dtype;
    }
    if (!is_quantised(out)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "found result type %s, wanted a quantised type", tn_dtype_name(out));
    TN__TRY(scale_check(c));
    tn__shape_set(c, 0, out, x->rank, x->dims);
    return NULL;
}

tn_error *tn__infer_dequantize(tn__infer *c) {
    const tn__attrs_quantize *attrs = c->attrs;
    const tn__type *x = &c->types[0], *scale = &c->types[1];
    tn_dtype out = attrs->output_dtype ? (tn_dtype)attrs->output_dtype : scale->dtype;
    if (!is_quantised(x->dtype) && x->dtype != TN_DTYPE_i32)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a quantised type or i32", tn_dtype_name(x->dtype));
    if (!tn__dtype_is_float(scale->dtype) || tn__dtype_get_class(out) != TN__CLASS_FLOAT)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "found scale type %s and result type %s, wanted float types", tn_dtype_name(scale->dtype),
                              tn_dtype_name(out));
    if (tn__shape_has(c, 2) && c->types[2].dtype != x->dtype)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 2: found %s, wanted %s as operand 0", tn_dtype_name(c->types[2].dtype),
                              tn_dtype_name(x->dtype));
    TN__TRY(scale_check(c));
    tn__shape_set(c, 0, out, x->rank, x->dims);
    return NULL;
}

tn_error *tn__infer_dynamic_quantize(tn__infer *c) {
    const tn__type *x = &c->types[0];
    if (x->dtype != TN_DTYPE_f32) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted f32", tn_dtype_name(x->dtype));
    int64_t *none = tn__shape_dims(c, 0);
    if (!none) return tn__error_oom();
    tn__shape_set(c, 0, TN_DTYPE_u8, x->rank, x->dims);
    tn__shape_set(c, 1, TN_DTYPE_f32, 0, none);
    tn__shape_set(c, 2, TN_DTYPE_u8, 0, none);
    return NULL;
}

static tn_error *product_operand(const tn__infer *c, uint32_t k, bool narrow_floats) {
    tn_dtype d = c->types[k].dtype;
    bool f8 = d == TN_DTYPE_f8e4m3 || d == TN_DTYPE_f8e5m2 || d == TN_DTYPE_f8e4m3fnuz || d == TN_DTYPE_f8e5m2fnuz;
    if (d == TN_DTYPE_i8 || d == TN_DTYPE_u8 || (f8 && narrow_floats)) return NULL;
    return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted i8%s u8%s", k, tn_dtype_name(d), narrow_floats ? "," : " or",
                          narrow_floats ? " or an 8-bit float" : "");
}

static tn_error *zero_of(const tn__infer *c, uint32_t k, uint32_t of) {
    if (tn__shape_has(c, k) && c->types[k].dtype != c->types[of].dtype)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s as operand %u", k, tn_dtype_name(c->types[k].dtype),
                              tn_dtype_name(c->types[of].dtype), of);
    return NULL;
}

/* a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point */
tn_error *tn__infer_qlinear_matmul(tn__infer *c) {
    for (uint32_t k = 0; k < 8; k++)
        if (!tn__shape_has(c, k)) return TN__INFER_FAIL(c, INVALID_GRAPH, "operand %u is missing", k);
    TN__TRY(product_operand(c, 0, true));
    TN__TRY(product_operand(c, 3, true));
    TN__TRY(product_operand(c, 7, true));
    TN__TRY(zero_of(c, 2, 0));
    TN__TRY(zero_of(c, 5, 3));
    static const uint32_t scales[3] = {1, 4, 6};
    for (int i = 0; i < 3; i++)
        if (tn__dtype_get_class(c->types[scales[i]].dtype) != TN__CLASS_FLOAT)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted a float type", scales[i], tn_dtype_name(c->types[scales[i]].dtype));
    return tn__matmul_shape(c, 0, 3, c->types[7].dtype);
}

tn_error *tn__infer_matmul_integer(tn__infer *c) {
    TN__TRY(product_operand(c, 0, false));
    TN__TRY(product_operand(c, 1, false));
    TN__TRY(zero_of(c, 2, 0));
    TN__TRY(zero_of(c, 3, 1));
    return tn__matmul_shape(c, 0, 1, TN_DTYPE_i32);
}
