/* Shape rules of ops that read or make shapes, and of those that rearrange space: shape, size, constant_of_shape, range, eye_like, one_hot,
 * depth_to_space, space_to_depth, center_crop_pad, col2im. */
#include <inttypes.h>
#include <math.h>

#include "op/elementwise/elementwise.h"
#include "op/movement/generate.h"

static tn_error *unknown_dims(tn__infer *c, tn_dtype d, int32_t rank) {
    int64_t *dims = rank >= 0 ? tn__shape_dims(c, rank) : NULL;
    if (rank >= 0 && !dims) return tn__error_oom();
    tn__shape_set(c, 0, d, rank, dims);
    return NULL;
}

tn_error *tn__infer_shape(tn__infer *c) {
    const tn__attrs_shape *s = c->attrs;
    int64_t *dims = tn__shape_dims(c, 1);
    if (!dims) return tn__error_oom();
    if (c->types[0].rank >= 0) {
        int32_t begin, end;
        tn__shape_range(c->types[0].rank, s->start, s->end, &begin, &end);
        dims[0] = end - begin;
    }
    tn__shape_set(c, 0, TN_DTYPE_i64, 1, dims);
    return NULL;
}

tn_error *tn__infer_size(tn__infer *c) {
    int64_t *dims = tn__shape_dims(c, 0);
    if (!dims) return tn__error_oom();
    tn__shape_set(c, 0, TN_DTYPE_i64, 0, dims);
    return NULL;
}

tn_error *tn__infer_constant_of_shape(tn__infer *c) {
    const tn_tensor *value = ((const tn__attrs_constant *)c->attrs)->value;
    tn_dtype d = value ? value->dtype : TN_DTYPE_f32;
    const int64_t *list;
    uint32_t n;
    if (value && value->elements != 1)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "attribute 'value' has %" PRId64 " elements, wanted 1", value->elements);
    if (d == TN_DTYPE_string) return TN__INFER_FAIL(c, TYPE_MISMATCH, "attribute 'value' is string, wanted a number or bool");
    TN__TRY(tn__shape_list(c, 0, &list, &n));
    const tn__type *t = &c->types[0];
    if (!list) return unknown_dims(c, d, t->rank == 1 && t->dims[0] >= 0 && t->dims[0] <= TN_MAX_RANK ? (int32_t)t->dims[0] : -1);
    if (n > TN_MAX_RANK) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "operand 0: rank %u, limit %d", n, TN_MAX_RANK);
    for (uint32_t i = 0; i < n; i++)
        if (list[i] < 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: entry %u is %" PRId64, i, list[i]);
    tn__shape_set(c, 0, d, (int32_t)n, list);
    return NULL;
}

/* max(ceil((limit - start) / delta), 0) */
tn_error *tn__range_count(const tn_allocator *a, const tn_tensor *start, const tn_tensor *limit, const tn_tensor *delta, int64_t *out) {
    tn_dtype d = start->dtype;
    *out = 0;
    if (start->elements != 1 || limit->elements != 1 || delta->elements != 1)
        return TN__FAIL(a, SHAPE_MISMATCH, "range: the operands must have one element");
    if (tn__arith_of(d) == TN__ARITH_F64) {
        double s = tn__load_f64(d, start->data, 0), l = tn__load_f64(d, limit->data, 0), step = tn__load_f64(d, delta->data, 0);
        double n = ceil((l - s) / step);
        if (n != n || step == 0) return TN__FAIL(a, INVALID_ARGUMENT, "range: from %g to %g by %g", s, l, step);
        if (n >= 9007199254740992.0) return TN__FAIL(a, LIMIT_EXCEEDED, "range: %g elements", n);
        *out = n > 0 ? (int64_t)n : 0;
        return NULL;
    }
    int64_t s = tn__load_i64(d, start->data, 0), l = tn__load_i64(d, limit->data, 0), step = tn__load_i64(d, delta->data, 0);
    bool is_unsigned = d == TN_DTYPE_u64;
    if (step == 0) return TN__FAIL(a, INVALID_ARGUMENT, "range: the step is 0");
    bool up = is_unsigned || step > 0;
    if (is_unsigned ? (uint64_t)s >= (uint64_t)l : up ? s >= l : s <= l) return NULL;
    uint64_t distance = up ? (uint64_t)l - (uint64_t)s : (uint64_t)s - (uint64_t)l;
    uint64_t by = up ? (uint64_t)step : 0 - (uint64_t)step, n = (distance - 1) / by + 1;
    if (n > INT64_MAX) return TN__FAIL(a, LIMIT_EXCEEDED, "range: %" PRIu64 " elements", n);
    *out = (int64_t)n;
    return NULL;
}

tn_error *tn__infer_range(tn__infer *c) {
    tn_dtype d = c->types[0].dtype;
    int64_t *dims = tn__shape_dims(c, 1);
    if (!dims) return tn__error_oom();
    const tn_tensor *x[3];
    bool known = true;
    if (!tn__is_numeric(d)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a numeric type", tn_dtype_name(d));
    for (uint32_t k = 0; k < 3; k++) {
        if (c->types[k].dtype != d)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s as operand 0", k, tn_dtype_name(c->types[k].dtype),
                                  tn_dtype_name(d));
        if (c->types[k].rank > 1) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted 0", k, c->types[k].rank);
        if (!(x[k] = tn__shape_const(c, k))) known = false;
    }
    if (known) TN__TRY(tn__range_count(c->a, x[0], x[1], x[2], &dims[0]));
    tn__shape_set(c, 0, d, 1, dims);
    return NULL;
}

tn_error *tn__infer_eye_like(tn__infer *c) {
    const tn__type *t = &c->types[0];
    int64_t to = ((const tn__attrs_eye_like *)c->attrs)->dtype;
    if (to < 0 || to >= TN_DTYPE_COUNT) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "attribute 'dtype' is %" PRId64, to);
    tn_dtype d = to ? (tn_dtype)to : t->dtype;
    if (!tn__is_numeric(d) && d != TN_DTYPE_bool) return TN__INFER_FAIL(c, TYPE_MISMATCH, "found %s, wanted a number", tn_dtype_name(d));
    if (t->rank >= 0 && t->rank != 2) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted 2", t->rank);
    if (t->rank < 0) return unknown_dims(c, d, 2);
    tn__shape_set(c, 0, d, 2, t->dims);
    return NULL;
}

tn_error *tn__infer_one_hot(tn__infer *c) {
    const tn__type *t = &c->types[0];
    int64_t depth = TN_DIM_UNKNOWN;
    if (!tn__is_numeric(t->dtype) || !tn__is_numeric(c->types[1].dtype))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operands 0 and 1: found %s and %s, wanted numeric types", tn_dtype_name(t->dtype),
                              tn_dtype_name(c->types[1].dtype));
    const tn_tensor *x = tn__shape_const(c, 1);
    if (x) {
        if (x->elements != 1) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: %" PRId64 " elements, wanted 1", x->elements);
        depth = tn__load_i64(x->dtype, x->data, 0);
        if (depth < 0) return TN__INFER_FAIL(c, OUT_OF_RANGE, "operand 1: the depth is %" PRId64, depth);
    }
    if (c->types[2].rank > 1 || (c->types[2].rank == 1 && c->types[2].dims[0] >= 0 && c->types[2].dims[0] != 2))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 2: wanted two values, off and on");
    if (t->rank < 0) return unknown_dims(c, c->types[2].dtype, -1);
    int32_t axis;
    TN__TRY(tn__shape_axis(c, "attribute 'axis'", ((const tn__attrs_axis_last *)c->attrs)->axis, t->rank + 1, &axis));
    int64_t *dims = tn__shape_dims(c, t->rank + 1);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i <= t->rank; i++) dims[i] = i == axis ? depth : t->dims[i - (i > axis)];
    tn__shape_set(c, 0, c->types[2].dtype, t->rank + 1, dims);
    return NULL;
}

/* Checks rank 4, the mode and the block size. */
static tn_error *block_of(const tn__infer *c, int64_t *block) {
    const char *mode = ((const tn__attrs_depth_to_space *)c->attrs)->mode;
    if (mode && strcmp(mode, "DCR") && strcmp(mode, "CRD"))
        return TN__INFER_FAIL(c, INVALID_ARGUMENT, "attribute 'mode' is '%s', wanted DCR or CRD", mode);
    *block = ((const tn__attrs_depth_to_space *)c->attrs)->blocksize;
    if (*block < 1 || *block > 1 << 20) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "attribute 'blocksize' is %" PRId64, *block);
    if (c->types[0].rank >= 0 && c->types[0].rank != 4)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted 4", c->types[0].rank);
    return NULL;
}

tn_error *tn__infer_depth_to_space(tn__infer *c) {
    const tn__type *t = &c->types[0];
    int64_t block;
    TN__TRY(block_of(c, &block));
    int64_t *dims = tn__shape_dims(c, 4);
    if (!dims) return tn__error_oom();
    if (t->rank == 4) {
        dims[0] = t->dims[0];
        if (t->dims[1] >= 0) {
            if (t->dims[1] % (block * block))
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "%" PRId64 " channels do not divide by %" PRId64, t->dims[1], block * block);
            dims[1] = t->dims[1] / (block * block);
        }
        for (int32_t i = 2; i < 4; i++)
            if (t->dims[i] >= 0 && !tn__mul_i64(t->dims[i], block, &dims[i]))
                return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "dimension %d overflows", i);
    }
    tn__shape_set(c, 0, t->dtype, 4, dims);
    return NULL;
}

tn_error *tn__infer_space_to_depth(tn__infer *c) {
    const tn__type *t = &c->types[0];
    int64_t block;
    TN__TRY(block_of(c, &block));
    int64_t *dims = tn__shape_dims(c, 4);
    if (!dims) return tn__error_oom();
    if (t->rank == 4) {
        dims[0] = t->dims[0];
        if (t->dims[1] >= 0 && !tn__mul_i64(t->dims[1], block * block, &dims[1]))
            return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "dimension 1 overflows");
        for (int32_t i = 2; i < 4; i++) {
            if (t->dims[i] < 0) continue;
            if (t->dims[i] % block)
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "dimension %d of size %" PRId64 " does not divide by %" PRId64, i, t->dims[i], block);
            dims[i] = t->dims[i] / block;
        }
    }
    tn__shape_set(c, 0, t->dtype, 4, dims);
    return NULL;
}

tn_error *tn__infer_center_crop_pad(tn__infer *c) {
    const tn__type *t = &c->types[0];
    tn__ints axes = ((const tn__attrs_axes *)c->attrs)->axes;
    const int64_t *list;
    uint32_t n;
    TN__TRY(tn__shape_list(c, 1, &list, &n));
    if (t->rank < 0 || !list) return unknown_dims(c, t->dtype, t->rank);
    uint32_t wanted = axes.n ? axes.n : (uint32_t)t->rank;
    if (n != wanted) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: %u entries, wanted %u", n, wanted);
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < t->rank; i++) dims[i] = t->dims[i];
    for (uint32_t i = 0; i < n; i++) {
        int32_t axis;
        TN__TRY(tn__shape_axis(c, "attribute 'axes'", axes.n ? axes.data[i] : (int64_t)i, t->rank, &axis));
        if (list[i] < 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: entry %u is %" PRId64, i, list[i]);
        dims[axis] = list[i];
    }
    tn__shape_set(c, 0, t->dtype, t->rank, dims);
    return NULL;
}

tn_error *tn__infer_col2im(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *image, *block;
    uint32_t n, n_block;
    TN__TRY(tn__shape_list(c, 1, &image, &n));
    TN__TRY(tn__shape_list(c, 2, &block, &n_block));
    if (!tn__is_numeric(t->dtype)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a number", tn_dtype_name(t->dtype));
    if (t->rank >= 0 && t->rank != 3) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted 3", t->rank);
    if (!image) return unknown_dims(c, t->dtype, -1);
    if (n < 1 || n > TN_MAX_RANK - 2 || (block && n_block != n))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "image_shape has %u entries, block_shape %u", n, n_block);
    int64_t *dims = tn__shape_dims(c, (int32_t)n + 2), kernel = 1;
    if (!dims) return tn__error_oom();
    for (uint32_t i = 0; i < n; i++) {
        if (image[i] < 1 || (block && block[i] < 1))
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "image size %" PRId64 ", block size %" PRId64, image[i], block ? block[i] : 0);
        dims[i + 2] = image[i];
    }
    if (block) TN__TRY(tn__shape_product(c, block, (int32_t)n, &kernel));
    if (t->rank == 3) {
        dims[0] = t->dims[0];
        if (block && t->dims[1] >= 0) {
            if (t->dims[1] % kernel)
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "dimension 1 of size %" PRId64 " does not divide by %" PRId64, t->dims[1], kernel);
            dims[1] = t->dims[1] / kernel;
        }
    }
    tn__shape_set(c, 0, t->dtype, (int32_t)n + 2, dims);
    return NULL;
}
