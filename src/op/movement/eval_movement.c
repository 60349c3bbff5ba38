/* Reference evaluation of ops that only move elements: each is one or more strided box copies. */
#include <inttypes.h>

#include "op/movement/copy_nd.h"
#include "op/movement/generate.h"

tn_error *tn__eval_copy(tn__eval *c) {
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    if (out->elements != c->in[0]->elements)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "%s: found %" PRId64 " elements, wanted %" PRId64, tn__op_infos[c->op].name,
                             c->in[0]->elements, out->elements);
    return tn__copy_run(c->a, out, 0, c->in[0], 0, out->elements);
}

tn_error *tn__eval_transpose(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    tn__ints perm = ((const tn__attrs_transpose *)c->attrs)->perm;
    int64_t in[TN_MAX_RANK], from[TN_MAX_RANK], to[TN_MAX_RANK];
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    tn__strides(t->rank, t->dims, in);
    tn__strides(t->rank, out->dims, to);
    for (int32_t i = 0; i < t->rank; i++) from[i] = in[perm.n ? perm.data[i] : t->rank - 1 - i];
    return tn__copy_nd(c->a, out, 0, to, t, 0, from, t->rank, out->dims);
}

tn_error *tn__eval_concat(tn__eval *c) {
    tn_tensor *out;
    int32_t axis;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", ((const tn__attrs_axis *)c->attrs)->axis, out->rank, &axis));
    int64_t to[TN_MAX_RANK], from[TN_MAX_RANK], at = 0;
    tn__strides(out->rank, out->dims, to);
    for (uint32_t k = 0; k < c->n_in; k++) {
        const tn_tensor *t = c->in[k];
        tn__strides(t->rank, t->dims, from);
        TN__TRY(tn__copy_nd(c->a, out, at, to, t, 0, from, t->rank, t->dims));
        at += t->dims[axis] * to[axis];
    }
    return NULL;
}

tn_error *tn__eval_split(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    int32_t axis;
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", ((const tn__attrs_split *)c->attrs)->axis, t->rank, &axis));
    int64_t to[TN_MAX_RANK], from[TN_MAX_RANK], at = 0;
    tn__strides(t->rank, t->dims, from);
    for (uint32_t k = 0; k < c->n_out; k++) {
        tn_tensor *out;
        TN__TRY(tn__eval_made(c, k, &out));
        tn__strides(out->rank, out->dims, to);
        TN__TRY(tn__copy_nd(c->a, out, 0, to, t, at, from, out->rank, out->dims));
        at += out->dims[axis] * from[axis];
    }
    return NULL;
}

tn_error *tn__eval_slice(tn__eval *c) {
    const tn_tensor *t = c->in[0], *starts = c->in[1], *axes = tn__eval_in(c, 3), *steps = tn__eval_in(c, 4);
    int64_t in[TN_MAX_RANK], from[TN_MAX_RANK], to[TN_MAX_RANK], at = 0;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    tn__strides(t->rank, t->dims, in);
    tn__strides(t->rank, out->dims, to);
    for (int32_t i = 0; i < t->rank; i++) from[i] = in[i];
    if (!out->elements) return NULL;
    for (int64_t i = 0; i < starts->elements; i++) {
        int64_t start = tn__load_i64(starts->dtype, starts->data, i), step = steps ? tn__load_i64(steps->dtype, steps->data, i) : 1;
        int32_t axis;
        TN__TRY(tn__eval_axis(c, "axis", axes ? tn__load_i64(axes->dtype, axes->data, i) : i, t->rank, &axis));
        int64_t d = t->dims[axis], low = step < 0 ? -1 : 0, high = step < 0 ? d - 1 : d;
        start = start < -d ? low : start < 0 ? start + d : start > high ? high : start;
        at += start * in[axis];
        from[axis] = out->dims[axis] > 1 ? step * in[axis] : 0; /* |step| < d then; otherwise it is never used */
    }
    return tn__copy_nd(c->a, out, 0, to, t, at, from, t->rank, out->dims);
}

tn_error *tn__eval_expand(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    int64_t from[TN_MAX_RANK], to[TN_MAX_RANK];
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    tn__broadcast_strides(t, out->rank, from);
    tn__strides(out->rank, out->dims, to);
    return tn__copy_nd(c->a, out, 0, to, t, 0, from, out->rank, out->dims);
}

/* Each dim becomes two: the repeat, which re-reads the source, and the dim itself. */
tn_error *tn__eval_tile(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    int64_t in[TN_MAX_RANK], whole[TN_MAX_RANK], from[TN__COPY_MAX_RANK], to[TN__COPY_MAX_RANK], dims[TN__COPY_MAX_RANK];
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    if (!out->elements) return NULL;
    tn__strides(t->rank, t->dims, in);
    tn__strides(t->rank, out->dims, whole);
    for (int32_t i = 0; i < t->rank; i++) {
        dims[2 * i] = out->dims[i] / t->dims[i];
        dims[2 * i + 1] = t->dims[i];
        from[2 * i] = 0;
        from[2 * i + 1] = in[i];
        to[2 * i] = whole[i] * t->dims[i];
        to[2 * i + 1] = whole[i];
    }
    return tn__copy_nd(c->a, out, 0, to, t, 0, from, 2 * t->rank, dims);
}

/* Both as a six-dimensional transposition of [n, block, block, c, h, w] (DCR) or [n, c, block, block, h, w] (CRD). */
static tn_error *blocks(tn__eval *c, bool to_space) {
    const tn_tensor *t = c->in[0];
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    const tn__attrs_depth_to_space *a = c->attrs;
    bool crd = a->mode && !strcmp(a->mode, "CRD");
    int64_t b = a->blocksize;
    const tn_tensor *depth = to_space ? t : out, *space = to_space ? out : t;
    int64_t channels = space->dims[1], h = depth->dims[2], w = depth->dims[3];
    int64_t dims[6] = {t->dims[0], channels, h, b, w, b}; /* row-major order of `space` */
    int64_t plane = h * w, of_space[6], of_depth[6];
    tn__strides(6, dims, of_space);
    of_depth[0] = channels * b * b * plane;
    of_depth[1] = crd ? b * b * plane : plane;
    of_depth[2] = w;
    of_depth[3] = crd ? b * plane : b * channels * plane;
    of_depth[4] = 1;
    of_depth[5] = crd ? plane : channels * plane;
    return tn__copy_nd(c->a, out, 0, to_space ? of_space : of_depth, t, 0, to_space ? of_depth : of_space, 6, dims);
}

tn_error *tn__eval_depth_to_space(tn__eval *c) { return blocks(c, true); }
tn_error *tn__eval_space_to_depth(tn__eval *c) { return blocks(c, false); }

tn_error *tn__eval_trilu(tn__eval *c) {
    const tn_tensor *t = c->in[0], *k = tn__eval_in(c, 1);
    bool upper = ((const tn__attrs_trilu *)c->attrs)->upper != 0;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    if (k && k->elements != 1) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "trilu: operand 1 has %" PRId64 " elements, wanted 1", k->elements);
    int64_t rows = t->dims[t->rank - 2], columns = t->dims[t->rank - 1];
    int64_t shift = k ? tn__load_i64(k->dtype, k->data, 0) : 0;
    shift = shift < -rows ? -rows : shift > columns ? columns : shift; /* beyond: no change */
    for (int64_t at = 0, row = 0; at < t->elements; at += columns, row = row + 1 == rows ? 0 : row + 1) {
        int64_t cut = row + shift + !upper; /* upper keeps columns >= row + k, lower those <= row + k */
        cut = cut < 0 ? 0 : cut > columns ? columns : cut;
        if (upper) TN__TRY(tn__copy_run(c->a, out, at + cut, t, at + cut, columns - cut));
        else TN__TRY(tn__copy_run(c->a, out, at, t, at, cut));
    }
    return NULL;
}

tn_error *tn__eval_reverse_sequence(tn__eval *c) {
    const tn__attrs_reverse_sequence *s = c->attrs;
    const tn_tensor *t = c->in[0], *lengths = c->in[1];
    int32_t batch, time;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(tn__eval_axis(c, "attribute 'batch_axis'", s->batch_axis, t->rank, &batch));
    TN__TRY(tn__eval_axis(c, "attribute 'time_axis'", s->time_axis, t->rank, &time));
    if (batch == time) return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "reverse_sequence: batch_axis and time_axis are the same");
    if (lengths->elements != t->dims[batch])
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "reverse_sequence: %" PRId64 " lengths for a batch of %" PRId64, lengths->elements,
                             t->dims[batch]);
    int64_t strides[TN_MAX_RANK], backward[TN_MAX_RANK], dims[TN_MAX_RANK];
    tn__strides(t->rank, t->dims, strides);
    for (int32_t i = 0; i < t->rank; i++) backward[i] = strides[i], dims[i] = i == batch ? 1 : t->dims[i];
    backward[time] = -strides[time];
    for (int64_t i = 0; i < lengths->elements; i++) {
        int64_t n = tn__load_i64(lengths->dtype, lengths->data, i), at = i * strides[batch];
        if (n < 0 || n > t->dims[time])
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "reverse_sequence: operand 1: length %" PRId64 " is %" PRId64 ", wanted 0 to %" PRId64, i,
                                 n, t->dims[time]);
        dims[time] = n;
        if (n) TN__TRY(tn__copy_nd(c->a, out, at, strides, t, at + (n - 1) * strides[time], backward, t->rank, dims));
        dims[time] = t->dims[time] - n;
        TN__TRY(tn__copy_nd(c->a, out, at + n * strides[time], strides, t, at + n * strides[time], strides, t->rank, dims));
    }
    return NULL;
}
