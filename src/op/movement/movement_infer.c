/* Shape rules of reshape, transpose, concat, split, slice, pad, expand, tile, squeeze, unsqueeze, flatten. */
#include <inttypes.h>

#include "op/elementwise/elementwise.h"

/* The length of list operand k where its shape is known, else -1. */
static int32_t list_length(const tn__infer *c, uint32_t k) {
    const tn__type *t = &c->types[k];
    if (t->rank == 0) return 1;
    return t->rank == 1 && t->dims[0] >= 0 && t->dims[0] <= TN_MAX_RANK ? (int32_t)t->dims[0] : -1;
}

/* Rank known, dims not. */
static tn_error *unknown_dims(tn__infer *c, tn_dtype d, int32_t rank) {
    int64_t *dims = rank >= 0 ? tn__shape_dims(c, rank) : NULL;
    if (rank >= 0 && !dims) return tn__error_oom();
    tn__shape_set(c, 0, d, rank, dims);
    return NULL;
}

/* A list of axes of a tensor of `rank`, normalised and marked in `seen`; a repeated axis is an error. */
static tn_error *mark_axes(const tn__infer *c, const int64_t *axes, uint32_t n, int32_t rank, bool *seen) {
    for (uint32_t i = 0; i < n; i++) {
        int32_t axis;
        TN__TRY(tn__shape_axis(c, "axis", axes[i], rank, &axis));
        if (seen[axis]) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "axis %d is given twice", axis);
        seen[axis] = true;
    }
    return NULL;
}

/* The size behind -1: elements of the operand over the product of the other sizes. A symbol that is the only unknown passes through. */
static tn_error *reshape_infer_dim(tn__infer *c, const int64_t *dims, uint32_t n, uint32_t at, const bool *copied, int64_t *out) {
    const tn__type *t = &c->types[0];
    int64_t in = 1, rest = 1, symbol = 0;
    *out = TN_DIM_UNKNOWN;
    if (t->rank < 0) return NULL;
    for (int32_t i = 0; i < t->rank; i++) {
        if ((uint32_t)i < n && copied[i]) continue; /* cancels */
        if (t->dims[i] >= 0) {
            if (!tn__mul_i64(in, t->dims[i], &in)) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "a product of dimensions overflows");
        } else if (t->dims[i] == TN_DIM_UNKNOWN || symbol) return NULL;
        else symbol = t->dims[i];
    }
    for (uint32_t i = 0; i < n; i++) {
        if (i == at || copied[i]) continue;
        if (!tn__mul_i64(rest, dims[i], &rest)) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "a product of dimensions overflows");
    }
    if (symbol) {
        if (in == rest) *out = symbol;
        return NULL;
    }
    if (rest == 0 ? in != 0 : in % rest)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "%" PRId64 " elements do not divide into blocks of %" PRId64, in, rest);
    *out = rest ? in / rest : 0;
    return NULL;
}

tn_error *tn__infer_reshape(tn__infer *c) {
    const tn__type *t = &c->types[0];
    bool allow_zero = ((const tn__attrs_reshape *)c->attrs)->allowzero != 0, copied[TN_MAX_RANK] = {false};
    const int64_t *list;
    uint32_t n;
    TN__TRY(tn__shape_list(c, 1, &list, &n));
    if (!list) return unknown_dims(c, t->dtype, list_length(c, 1));
    if (n > TN_MAX_RANK) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "operand 1: rank %u, limit %d", n, TN_MAX_RANK);
    int64_t *dims = tn__shape_dims(c, (int32_t)n), at = -1;
    if (!dims) return tn__error_oom();
    bool has_zero = false;
    for (uint32_t i = 0; i < n; i++) {
        dims[i] = list[i];
        if (list[i] == -1) {
            if (at >= 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: more than one -1");
            at = i;
        } else if (list[i] == 0 && !allow_zero) {
            if (t->rank < 0) dims[i] = TN_DIM_UNKNOWN;
            else if ((int32_t)i >= t->rank)
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: entry %u is 0 but operand 0 has rank %d", i, t->rank);
            else dims[i] = t->dims[i];
            copied[i] = true;
        } else if (list[i] < 0) {
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: entry %u is %" PRId64, i, list[i]);
        }
        has_zero |= list[i] == 0;
    }
    if (at >= 0 && has_zero && allow_zero)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: both 0 and -1 with allowzero");
    if (at >= 0) TN__TRY(reshape_infer_dim(c, dims, n, (uint32_t)at, copied, &dims[at]));
    tn__shape_set(c, 0, t->dtype, (int32_t)n, dims);
    if (tn__type_is_static(t) && tn__type_is_static(&c->out[0])) {
        int64_t from, to;
        TN__TRY(tn__shape_product(c, t->dims, t->rank, &from));
        TN__TRY(tn__shape_product(c, dims, (int32_t)n, &to));
        if (from != to) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "found %" PRId64 " elements, the shape wants %" PRId64, from, to);
    }
    return NULL;
}

tn_error *tn__infer_transpose(tn__infer *c) {
    const tn__type *t = &c->types[0];
    tn__ints perm = ((const tn__attrs_transpose *)c->attrs)->perm;
    bool seen[TN_MAX_RANK] = {false};
    if (perm.n > TN_MAX_RANK) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "attribute 'perm' has %u entries", perm.n);
    for (uint32_t i = 0; i < perm.n; i++) /* everybody behind here takes them for indices */
        if (perm.data[i] < 0) return TN__INFER_FAIL(c, OUT_OF_RANGE, "attribute 'perm': found %" PRId64 ", wanted 0 or more", perm.data[i]);
    if (t->rank < 0) return unknown_dims(c, t->dtype, perm.n ? (int32_t)perm.n : -1);
    if (perm.n && perm.n != (uint32_t)t->rank)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "attribute 'perm' has %u entries, wanted %d", perm.n, t->rank);
    TN__TRY(mark_axes(c, perm.data, perm.n, t->rank, seen));
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < t->rank; i++) dims[i] = t->dims[perm.n ? perm.data[i] : t->rank - 1 - i];
    tn__shape_set(c, 0, t->dtype, t->rank, dims);
    return NULL;
}

tn_error *tn__infer_concat(tn__infer *c) {
    int64_t axis_attr = ((const tn__attrs_axis *)c->attrs)->axis;
    int32_t rank = -1, axis;
    for (uint32_t k = 0; k < c->n_in; k++) {
        if (!tn__shape_has(c, k)) return TN__INFER_FAIL(c, INVALID_GRAPH, "operand %u is absent", k);
        if (c->types[k].dtype != c->types[0].dtype)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s as operand 0", k,
                                  tn_dtype_name(c->types[k].dtype), tn_dtype_name(c->types[0].dtype));
        if (c->types[k].rank < 0) continue;
        if (rank >= 0 && c->types[k].rank != rank)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted %d", k, c->types[k].rank, rank);
        rank = c->types[k].rank;
    }
    if (rank < 0) return unknown_dims(c, c->types[0].dtype, -1);
    TN__TRY(tn__shape_axis(c, "attribute 'axis'", axis_attr, rank, &axis));
    int64_t *dims = tn__shape_dims(c, rank), sum = 0;
    if (!dims) return tn__error_oom();
    for (uint32_t k = 0; k < c->n_in; k++) {
        const tn__type *t = &c->types[k];
        if (t->rank < 0) {
            sum = TN_DIM_UNKNOWN;
            continue;
        }
        for (int32_t i = 0; i < rank; i++) {
            if (i == axis) continue;
            if (dims[i] >= 0 && t->dims[i] >= 0 && dims[i] != t->dims[i])
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: dimension %d is %" PRId64 ", wanted %" PRId64, k, i, t->dims[i],
                                      dims[i]);
            if (dims[i] == TN_DIM_UNKNOWN || t->dims[i] >= 0) dims[i] = t->dims[i];
        }
        if (c->n_in == 1) sum = t->dims[axis];
        else if (t->dims[axis] < 0 || sum < 0) sum = TN_DIM_UNKNOWN;
        else if (!tn__add_i64(sum, t->dims[axis], &sum)) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "a sum of dimensions overflows");
    }
    dims[axis] = sum;
    tn__shape_set(c, 0, c->types[0].dtype, rank, dims);
    return NULL;
}

tn_error *tn__infer_split(tn__infer *c) {
    const tn__attrs_split *s = c->attrs;
    const tn__type *t = &c->types[0];
    const int64_t *sizes = NULL;
    uint32_t n = 0;
    int32_t axis = 0;
    if (tn__shape_has(c, 1)) TN__TRY(tn__shape_list(c, 1, &sizes, &n));
    if (sizes && n != c->n_out) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: %u sizes for %u results", n, c->n_out);
    if (s->num_outputs && s->num_outputs != c->n_out)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "attribute 'num_outputs' is %" PRId64 " for %u results", s->num_outputs, c->n_out);
    if (t->rank >= 0) TN__TRY(tn__shape_axis(c, "attribute 'axis'", s->axis, t->rank, &axis));
    int64_t whole = t->rank >= 0 ? t->dims[axis] : TN_DIM_UNKNOWN, used = 0;
    int64_t chunk = whole < 0 ? 0 : whole / c->n_out + (whole % c->n_out != 0);
    for (uint32_t k = 0; k < c->n_out; k++) {
        int64_t size = TN_DIM_UNKNOWN;
        if (sizes) {
            size = sizes[k];
            if (size < 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: size %u is %" PRId64, k, size);
        } else if (whole >= 0 && !tn__shape_has(c, 1)) { /* equal chunks, the last ones smaller */
            size = whole - used < chunk ? whole - used : chunk;
        }
        if (size > 0 && !tn__add_i64(used, size, &used)) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "a sum of sizes overflows");
        if (t->rank < 0) {
            tn__shape_set(c, k, t->dtype, -1, NULL);
            continue;
        }
        int64_t *dims = tn__shape_dims(c, t->rank);
        if (!dims) return tn__error_oom();
        for (int32_t i = 0; i < t->rank; i++) dims[i] = i == axis ? size : t->dims[i];
        tn__shape_set(c, k, t->dtype, t->rank, dims);
    }
    if (sizes && whole >= 0 && used != whole)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "the sizes of operand 1 sum to %" PRId64 ", wanted %" PRId64, used, whole);
    return NULL;
}

/* Entries of [start, end) by step that lie in a dimension of size d, as numpy slices. */
static int64_t slice_count(int64_t d, int64_t start, int64_t end, int64_t step) {
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? d - 1 : d;
    start = start < -d ? low : start < 0 ? start + d : start > high ? high : start;
    end = end < -d ? low : end < 0 ? end + d : end > high ? high : end;
    if (step > 0) return end > start ? (end - start - 1) / step + 1 : 0;
    return start > end ? (int64_t)((uint64_t)(start - end - 1) / (0 - (uint64_t)step)) + 1 : 0;
}

tn_error *tn__infer_slice(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *lists[5] = {NULL};
    uint32_t n[5] = {0}, count = 0;
    bool seen[TN_MAX_RANK] = {false};
    for (uint32_t k = 1; k < 5; k++)
        if (tn__shape_has(c, k)) TN__TRY(tn__shape_list(c, k, &lists[k], &n[k]));
    if (t->rank < 0) return unknown_dims(c, t->dtype, -1);
    for (uint32_t k = 1; k < 5; k++) {
        if (!lists[k]) continue;
        if (count && n[k] != count && n[k]) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: %u entries, wanted %u", k, n[k], count);
        if (n[k]) count = n[k];
    }
    for (uint32_t k = 1; k < 5; k++)
        if (lists[k] && n[k] != count) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: %u entries, wanted %u", k, n[k], count);
    if (count > (uint32_t)t->rank) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "%u slices of a tensor of rank %d", count, t->rank);
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    if (tn__shape_has(c, 3) && !lists[3]) { /* which axes are cut is not known */
        tn__shape_set(c, 0, t->dtype, t->rank, dims);
        return NULL;
    }
    for (int32_t i = 0; i < t->rank; i++) dims[i] = t->dims[i];
    if (lists[3]) TN__TRY(mark_axes(c, lists[3], n[3], t->rank, seen));
    if (!count) { /* nothing but an unknown length: the leading axes may all be cut */
        int32_t cut = lists[1] || lists[2] ? 0 : list_length(c, 1);
        for (int32_t i = 0; i < t->rank && (cut < 0 || i < cut); i++) dims[i] = TN_DIM_UNKNOWN;
    }
    for (uint32_t i = 0; i < count; i++) {
        int64_t axis = lists[3] ? lists[3][i] : (int64_t)i;
        if (axis < 0) axis += t->rank;
        int64_t step = lists[4] ? lists[4][i] : 1;
        if (step == 0) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "operand 4: step %u is 0", i);
        bool known = lists[1] && lists[2] && (lists[4] || !tn__shape_has(c, 4));
        if (known && step == 1 && lists[1][i] == 0 && lists[2][i] >= INT32_MAX && t->dims[axis] < 0) continue; /* all of it */
        dims[axis] = known && t->dims[axis] >= 0 ? slice_count(t->dims[axis], lists[1][i], lists[2][i], step) : TN_DIM_UNKNOWN;
    }
    tn__shape_set(c, 0, t->dtype, t->rank, dims);
    return NULL;
}

tn_error *tn__infer_pad(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const char *mode = ((const tn__attrs_pad *)c->attrs)->mode;
    const int64_t *pads, *axes = NULL;
    uint32_t n, n_axes = 0;
    bool seen[TN_MAX_RANK] = {false};
    if (!mode || (strcmp(mode, "constant") && strcmp(mode, "edge") && strcmp(mode, "reflect") && strcmp(mode, "wrap")))
        return TN__INFER_FAIL(c, INVALID_ARGUMENT, "attribute 'mode' is '%s', wanted constant, edge, reflect or wrap", mode ? mode : "");
    TN__TRY(tn__shape_list(c, 1, &pads, &n));
    if (tn__shape_has(c, 2) && c->types[2].dtype != t->dtype)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 2: found %s, wanted %s as operand 0", tn_dtype_name(c->types[2].dtype),
                              tn_dtype_name(t->dtype));
    if (tn__shape_has(c, 3)) TN__TRY(tn__shape_list(c, 3, &axes, &n_axes));
    if (!pads || t->rank < 0 || (tn__shape_has(c, 3) && !axes)) return unknown_dims(c, t->dtype, t->rank);
    if (axes) TN__TRY(mark_axes(c, axes, n_axes, t->rank, seen));
    uint32_t cut = axes ? n_axes : (uint32_t)t->rank;
    if (n != 2 * cut) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: %u entries, wanted %u", n, 2 * cut);
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < t->rank; i++) dims[i] = t->dims[i];
    for (uint32_t i = 0; i < cut; i++) {
        int64_t axis = axes ? axes[i] : (int64_t)i, sum, d;
        if (axis < 0) axis += t->rank;
        if (!tn__add_i64(pads[i], pads[i + cut], &sum)) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "a sum of pads overflows");
        if (t->dims[axis] < 0) {
            if (pads[i] || pads[i + cut]) dims[axis] = TN_DIM_UNKNOWN;
            continue;
        }
        if (!tn__add_i64(t->dims[axis], sum, &d) || d < 0)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "pads %" PRId64 " and %" PRId64 " of axis %" PRId64 " with size %" PRId64, pads[i],
                                  pads[i + cut], axis, t->dims[axis]);
        dims[axis] = d;
    }
    tn__shape_set(c, 0, t->dtype, t->rank, dims);
    return NULL;
}

tn_error *tn__infer_expand(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *list;
    uint32_t n;
    TN__TRY(tn__shape_list(c, 1, &list, &n));
    int32_t length = list ? (int32_t)n : list_length(c, 1);
    if (list && n > TN_MAX_RANK) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "operand 1: rank %u, limit %d", n, TN_MAX_RANK);
    int32_t rank = t->rank < 0 || length < 0 ? -1 : t->rank > length ? t->rank : length;
    if (!list || rank < 0) return unknown_dims(c, t->dtype, rank);
    int64_t *dims = tn__shape_dims(c, rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < rank; i++) {
        int32_t p = i - (rank - t->rank), q = i - (rank - length);
        int64_t d = p >= 0 ? t->dims[p] : 1, e = q >= 0 ? list[q] : 1;
        if (e < 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: entry %d is %" PRId64, q, e);
        if (d >= 0 && d != e && d != 1 && e != 1)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "dimension %d is %" PRId64 ", which does not broadcast with %" PRId64, p, d, e);
        dims[i] = e == 1 ? d : e;
    }
    tn__shape_set(c, 0, t->dtype, rank, dims);
    return NULL;
}

tn_error *tn__infer_tile(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *list;
    uint32_t n;
    TN__TRY(tn__shape_list(c, 1, &list, &n));
    if (!list) return unknown_dims(c, t->dtype, t->rank >= 0 ? t->rank : list_length(c, 1));
    if (t->rank >= 0 && n != (uint32_t)t->rank)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: %u entries, wanted %d", n, t->rank);
    if (n > TN_MAX_RANK) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "operand 1: rank %u, limit %d", n, TN_MAX_RANK);
    int64_t *dims = tn__shape_dims(c, (int32_t)n);
    if (!dims) return tn__error_oom();
    for (uint32_t i = 0; i < n; i++) {
        if (list[i] < 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: entry %u is %" PRId64, i, list[i]);
        if (t->rank < 0) continue;
        if (list[i] == 1) dims[i] = t->dims[i];
        else if (t->dims[i] >= 0 && !tn__mul_i64(t->dims[i], list[i], &dims[i]))
            return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "dimension %u overflows", i);
    }
    tn__shape_set(c, 0, t->dtype, (int32_t)n, dims);
    return NULL;
}

tn_error *tn__infer_squeeze(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *axes = NULL;
    uint32_t n = 0;
    bool seen[TN_MAX_RANK] = {false};
    if (tn__shape_has(c, 1)) TN__TRY(tn__shape_list(c, 1, &axes, &n));
    if (t->rank < 0) return unknown_dims(c, t->dtype, -1);
    if (tn__shape_has(c, 1) && !axes) {
        int32_t length = list_length(c, 1);
        return unknown_dims(c, t->dtype, length < 0 || length > t->rank ? -1 : t->rank - length);
    }
    if (axes) TN__TRY(mark_axes(c, axes, n, t->rank, seen));
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    int32_t rank = 0;
    for (int32_t i = 0; i < t->rank; i++) {
        if (axes && seen[i] && t->dims[i] >= 0 && t->dims[i] != 1)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "dimension %d is %" PRId64 ", wanted 1", i, t->dims[i]);
        if (!axes && t->dims[i] < 0) return unknown_dims(c, t->dtype, -1); /* it may be 1 */
        if (!(axes ? seen[i] : t->dims[i] == 1)) dims[rank++] = t->dims[i];
    }
    tn__shape_set(c, 0, t->dtype, rank, dims);
    return NULL;
}

tn_error *tn__infer_unsqueeze(tn__infer *c) {
    const tn__type *t = &c->types[0];
    const int64_t *axes;
    uint32_t n;
    bool seen[TN_MAX_RANK] = {false};
    TN__TRY(tn__shape_list(c, 1, &axes, &n));
    int32_t length = axes ? (int32_t)n : list_length(c, 1);
    if (t->rank < 0 || length < 0) return unknown_dims(c, t->dtype, -1);
    if (length > TN_MAX_RANK - t->rank) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "rank %d and %d new axes, limit %d", t->rank, length, TN_MAX_RANK);
    int32_t rank = t->rank + length, from = 0;
    if (!axes) return unknown_dims(c, t->dtype, rank);
    TN__TRY(mark_axes(c, axes, n, rank, seen));
    int64_t *dims = tn__shape_dims(c, rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < rank; i++) dims[i] = seen[i] ? 1 : t->dims[from++];
    tn__shape_set(c, 0, t->dtype, rank, dims);
    return NULL;
}

tn_error *tn__infer_flatten(tn__infer *c) {
    const tn__type *t = &c->types[0];
    int64_t axis = ((const tn__attrs_axis_one *)c->attrs)->axis;
    if (t->rank < 0) return unknown_dims(c, t->dtype, 2);
    if (axis < -(int64_t)t->rank || axis > t->rank)
        return TN__INFER_FAIL(c, OUT_OF_RANGE, "attribute 'axis' is %" PRId64 ", wanted -%d to %d", axis, t->rank, t->rank);
    if (axis < 0) axis += t->rank;
    int64_t *dims = tn__shape_dims(c, 2);
    if (!dims) return tn__error_oom();
    if (axis == 1) dims[0] = t->dims[0]; /* a symbol passes through */
    else TN__TRY(tn__shape_product(c, t->dims, (int32_t)axis, &dims[0]));
    if (axis == t->rank - 1) dims[1] = t->dims[axis];
    else TN__TRY(tn__shape_product(c, t->rank ? t->dims + axis : NULL, t->rank - (int32_t)axis, &dims[1])); /* a scalar has no dims */
    tn__shape_set(c, 0, t->dtype, 2, dims);
    return NULL;
}

tn_error *tn__infer_reorder(tn__infer *c) {
    tn__shape_set(c, 0, c->types[0].dtype, c->types[0].rank, c->types[0].dims);
    return NULL;
}
