/* Reference evaluation of shape, size, constant_of_shape, range, eye_like, one_hot, col2im. */
#include "op/movement/generate.h"

#include <inttypes.h>
#include <math.h>

#include "op/elementwise/elementwise.h"
#include "op/movement/copy_nd.h"

tn_error *tn__eval_shape(tn__eval *c) {
    const tn__attrs_shape *s = c->attrs;
    int32_t begin, end;
    tn_tensor *out;
    tn__shape_range(c->in[0]->rank, s->start, s->end, &begin, &end);
    TN__TRY(tn__eval_out(c, 0, TN_DTYPE_i64, 1, &(int64_t){end - begin}, &out));
    for (int32_t i = begin; i < end; i++) ((int64_t *)out->data)[i - begin] = c->in[0]->dims[i];
    return NULL;
}

tn_error *tn__eval_size(tn__eval *c) {
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, TN_DTYPE_i64, 0, NULL, &out));
    *(int64_t *)out->data = c->in[0]->elements;
    return NULL;
}

tn_error *tn__eval_constant_of_shape(tn__eval *c) {
    const tn_tensor *value = ((const tn__attrs_constant *)c->attrs)->value;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    for (int64_t i = 0; value && i < out->elements; i++) TN__TRY(tn__copy_run(c->a, out, i, value, 0, 1));
    return NULL;
}

tn_error *tn__eval_range(tn__eval *c) {
    tn_dtype d = c->in[0]->dtype;
    tn_tensor *out;
    int64_t n;
    TN__TRY(tn__range_count(c->a, c->in[0], c->in[1], c->in[2], &n));
    TN__TRY(tn__eval_out(c, 0, d, 1, &n, &out));
    if (tn__arith_of(d) == TN__ARITH_F64) {
        double start = tn__load_f64(d, c->in[0]->data, 0), step = tn__load_f64(d, c->in[2]->data, 0);
        for (int64_t i = 0; i < n; i++) tn__store_f64(d, out->data, i, start + (double)i * step);
    } else {
        uint64_t start = (uint64_t)tn__load_i64(d, c->in[0]->data, 0), step = (uint64_t)tn__load_i64(d, c->in[2]->data, 0);
        for (int64_t i = 0; i < n; i++) tn__store_i64(d, out->data, i, (int64_t)(start + (uint64_t)i * step));
    }
    return NULL;
}

tn_error *tn__eval_eye_like(tn__eval *c) {
    int64_t k = ((const tn__attrs_eye_like *)c->attrs)->k;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    int64_t rows = out->dims[0], columns = out->dims[1];
    if (k <= -rows || k >= columns) return NULL;
    for (int64_t i = 0; i < rows; i++)
        if (i + k >= 0 && i + k < columns) tn__store_i64(out->dtype, out->data, i * columns + i + k, 1);
    return NULL;
}

/* values = [off, on]; an index outside [-depth, depth) sets nothing. */
tn_error *tn__eval_one_hot(tn__eval *c) {
    const tn_tensor *t = c->in[0], *values = c->in[2];
    tn_tensor *out;
    int32_t axis;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", ((const tn__attrs_axis_last *)c->attrs)->axis, out->rank, &axis));
    if (values->elements != 2)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "one_hot: operand 2 has %" PRId64 " elements, wanted 2", values->elements);
    for (int64_t i = 0; i < out->elements; i++) TN__TRY(tn__copy_run(c->a, out, i, values, 0, 1));
    int64_t depth = out->dims[axis], inner = 1;
    for (int32_t i = axis + 1; i < out->rank; i++) inner *= out->dims[i];
    for (int64_t i = 0; out->elements && i < t->elements; i++) {
        int64_t k = tn__load_i64(t->dtype, t->data, i); /* reals are truncated */
        if (k < -depth || k >= depth) continue;
        if (k < 0) k += depth;
        TN__TRY(tn__copy_run(c->a, out, (i / inner * depth + k) * inner + i % inner, values, 1, 1));
    }
    return NULL;
}

typedef struct {
    int32_t n;
    int64_t image[TN_MAX_RANK], block[TN_MAX_RANK], dilation[TN_MAX_RANK], begin[TN_MAX_RANK], stride[TN_MAX_RANK];
    int64_t count[TN_MAX_RANK]; /* block positions */
} col2im_plan;

static tn_error *col2im_plan_make(const tn__eval *c, col2im_plan *p) {
    const tn__attrs_col2im *s = c->attrs;
    const tn_tensor *t = c->in[0], *image = c->in[1], *block = c->in[2];
    p->n = (int32_t)image->elements;
    uint32_t n = (uint32_t)p->n;
    if ((s->dilations.n && s->dilations.n != n) || (s->strides.n && s->strides.n != n) || (s->pads.n && s->pads.n != 2 * n))
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "col2im: dilations, pads or strides do not have one entry per image dimension");
    int64_t columns = 1;
    for (int32_t i = 0; i < p->n; i++) {
        p->image[i] = tn__load_i64(image->dtype, image->data, i);
        p->block[i] = tn__load_i64(block->dtype, block->data, i);
        p->dilation[i] = s->dilations.n ? s->dilations.data[i] : 1;
        p->stride[i] = s->strides.n ? s->strides.data[i] : 1;
        p->begin[i] = s->pads.n ? s->pads.data[i] : 0;
        int64_t end = s->pads.n ? s->pads.data[i + p->n] : 0, most = INT32_MAX;
        if (p->dilation[i] < 1 || p->stride[i] < 1 || p->begin[i] < 0 || end < 0 || p->begin[i] > most || end > most ||
            p->image[i] > most || p->block[i] > most || p->dilation[i] > most)
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "col2im: an attribute of image dimension %d is out of range", i);
        int64_t room = p->image[i] + p->begin[i] + end - (p->dilation[i] * (p->block[i] - 1) + 1);
        p->count[i] = room < 0 ? 0 : room / p->stride[i] + 1;
        if (!tn__mul_i64(columns, p->count[i], &columns)) return TN__EVAL_FAIL(c, LIMIT_EXCEEDED, "col2im: too many blocks");
    }
    if (columns != t->dims[2])
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "col2im: operand 0: dimension 2 is %" PRId64 ", wanted %" PRId64, t->dims[2], columns);
    return NULL;
}

tn_error *tn__eval_col2im(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    tn_tensor *out;
    col2im_plan p;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(col2im_plan_make(c, &p));
    double *sum = tn__eval_temp_f64(c, out->elements);
    if (!sum) return tn__error_oom();
    int64_t plane = 1, strides[TN_MAX_RANK], at = 0;
    tn__strides(p.n, p.image, strides);
    for (int32_t i = 0; i < p.n; i++) plane *= p.image[i];
    for (int64_t image = 0; t->elements && image < t->dims[0] * out->dims[1]; image++) {
        int64_t offset[TN_MAX_RANK] = {0};
        do { /* offset inside the block */
            int64_t position[TN_MAX_RANK] = {0};
            do {
                int64_t to = 0;
                bool inside = true;
                for (int32_t i = 0; i < p.n; i++) {
                    int64_t x = position[i] * p.stride[i] - p.begin[i] + offset[i] * p.dilation[i];
                    inside &= x >= 0 && x < p.image[i];
                    to += x * strides[i];
                }
                if (inside) sum[image * plane + to] += tn__load_f64(t->dtype, t->data, at);
                at++;
            } while (tn__next_index(p.n, p.count, position));
        } while (tn__next_index(p.n, p.block, offset));
    }
    tn__eval_store_f64(out, sum);
    tn__eval_free_f64(c, sum, out->elements);
    return NULL;
}
