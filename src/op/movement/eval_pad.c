/* Reference evaluation of pad and center_crop_pad. */
#include <inttypes.h>

#include "op/movement/copy_nd.h"
#include "op/movement/generate.h"

/* One axis: the source range [low, low + n) lands at `at` of the result; negative pads crop. */
typedef struct {
    int64_t low, n, at;
} pad_axis;

/* Copies the part of the source that survives; the rest of `out` keeps what it has. */
static tn_error *copy_inside(tn__eval *c, tn_tensor *out, const pad_axis *axes) {
    const tn_tensor *t = c->in[0];
    int64_t from[TN_MAX_RANK], to[TN_MAX_RANK], dims[TN_MAX_RANK], src_at = 0, dst_at = 0;
    tn__strides(t->rank, t->dims, from);
    tn__strides(t->rank, out->dims, to);
    for (int32_t i = 0; i < t->rank; i++) {
        if (axes[i].n <= 0) return NULL;
        dims[i] = axes[i].n;
        src_at += axes[i].low * from[i];
        dst_at += axes[i].at * to[i];
    }
    return tn__copy_nd(c->a, out, dst_at, to, t, src_at, from, t->rank, dims);
}

/* Position i (may lie outside) of an axis of n entries. */
static int64_t outside(char mode, int64_t i, int64_t n) {
    if (i >= 0 && i < n) return i;
    if (mode == 'e' || n == 1) return i < 0 ? 0 : n - 1;
    int64_t period = mode == 'w' ? n : 2 * (n - 1);
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - i;
}

static tn_error *pad_mapped(tn__eval *c, tn_tensor *out, const pad_axis *axes, char mode) {
    const tn_tensor *t = c->in[0];
    int64_t strides[TN_MAX_RANK], index[TN_MAX_RANK] = {0}, at = 0;
    tn__strides(t->rank, t->dims, strides);
    for (int32_t i = 0; i < t->rank; i++)
        if (axes[i].n <= 0 && out->elements)
            return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "pad: axis %d has nothing to repeat", i);
    if (!out->elements) return NULL;
    do {
        int64_t from = 0;
        for (int32_t i = 0; i < t->rank; i++)
            from += (axes[i].low + outside(mode, index[i] - axes[i].at, axes[i].n)) * strides[i];
        TN__TRY(tn__copy_run(c->a, out, at++, t, from, 1));
    } while (tn__next_index(out->rank, out->dims, index));
    return NULL;
}

tn_error *tn__eval_pad(tn__eval *c) {
    const tn_tensor *t = c->in[0], *pads = c->in[1], *value = tn__eval_in(c, 2), *axes = tn__eval_in(c, 3);
    const char *mode = ((const tn__attrs_pad *)c->attrs)->mode;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    pad_axis how[TN_MAX_RANK];
    for (int32_t i = 0; i < t->rank; i++) how[i] = (pad_axis){0, t->dims[i], 0};
    int64_t n = pads->elements / 2;
    for (int64_t i = 0; i < n; i++) {
        int32_t axis;
        TN__TRY(tn__eval_axis(c, "axis", axes ? tn__load_i64(axes->dtype, axes->data, i) : i, t->rank, &axis));
        int64_t begin = tn__load_i64(pads->dtype, pads->data, i), end = tn__load_i64(pads->dtype, pads->data, i + n);
        pad_axis *p = &how[axis]; /* the result's size, which the shape rule checked, bounds begin + end */
        if (begin < -t->dims[axis] || end < -t->dims[axis])
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "pad: axis %d of size %" PRId64 " loses %" PRId64, axis, t->dims[axis],
                                 begin < end ? -begin : -end);
        if (begin < 0) p->low = -begin, p->n += begin;
        else p->at = begin;
        if (end < 0) p->n += end;
    }
    if (mode && strcmp(mode, "constant")) return pad_mapped(c, out, how, mode[0]);
    if (value && value->elements != 1)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "pad: operand 2 has %" PRId64 " elements, wanted 1", value->elements);
    if (value)
        for (int64_t i = 0; i < out->elements; i++) TN__TRY(tn__copy_run(c->a, out, i, value, 0, 1));
    return copy_inside(c, out, how);
}

tn_error *tn__eval_center_crop_pad(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    pad_axis how[TN_MAX_RANK];
    for (int32_t i = 0; i < t->rank; i++) { /* axes that are not named keep their size */
        int64_t d = t->dims[i], e = out->dims[i];
        how[i] = e <= d ? (pad_axis){(d - e) / 2, e, 0} : (pad_axis){0, d, (e - d) / 2};
    }
    return copy_inside(c, out, how);
}
