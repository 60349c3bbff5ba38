/* Movements as those that are one affine copy: split, gather of places at equal distances, tile, pad by what lies inside, trilu; dropout at inference. */
#include "pass/expand.h"

enum { RANK_MOST = 8 }; /* axes of an affine copy */

static bool movable(const tn__type *t) {
    return t->dtype != TN_DTYPE_string && tn_dtype_bits(t->dtype) >= 8 && tn__type_elements(t) > 0 && t->rank <= RANK_MOST;
}

bool tn__expand_split(const tn__expansion *x, tn_value *out) {
    const tn__type *t = tn__x_type(x, 0);
    int64_t axis = ((const tn__attrs_split *)x->n->attrs)->axis, from = 0;
    if (!movable(t)) return false;
    axis = axis < 0 ? axis + t->rank : axis;
    tn_value v = tn__x_in(x, 0);
    for (uint32_t k = 0; k < x->n->n_out; k++) {
        int64_t n = tn__type_of(x->from, tn__out(x->n, k))->dims[axis];
        out[k] = tn__x_slice(x, v, axis, from, from + n, 1);
        from += n;
    }
    return true;
}

/* Constant places first, first + step, ... are a slice; one that does not exist stays a call, which reports it. */
bool tn__expand_gather(const tn__expansion *x, tn_value *out) {
    const tn__type *t = tn__x_type(x, 0), *to = tn__type_of(x->from, tn__out(x->n, 0));
    const tn_tensor *places = tn__x_constant(x, 1);
    int64_t axis = ((const tn__attrs_axis *)x->n->attrs)->axis, first = 0, step = 1, last = 0;
    if (!movable(t) || !places || !places->elements) return false;
    if (axis < 0) axis += t->rank;
    for (int64_t i = 0; i < places->elements; i++) {
        int64_t place = tn__load_i64(places->dtype, places->data, i);
        if (place < 0) place += t->dims[axis];
        if (place < 0 || place >= t->dims[axis]) return false;
        if (i == 0) first = place;
        if (i == 1) step = place - first;
        if (i && (!step || place != first + i * step)) return false;
        last = place;
    }
    int64_t end = step > 0 ? last + 1 : last ? last - 1 : INT64_MIN;
    out[0] = tn__x_reshape(x, tn__x_slice(x, tn__x_in(x, 0), axis, first, end, step), to->rank, to->dims);
    return true;
}

/* [a, b] tiled [2, 3] is [a, b] -> [1, a, 1, b] -> expanded to [2, a, 3, b] -> [2 a, 3 b]; axes that are not repeated need no partner */
bool tn__expand_tile(const tn__expansion *x, tn_value *out) {
    const tn__type *t = tn__x_type(x, 0), *to = tn__type_of(x->from, tn__out(x->n, 0));
    int64_t apart[2 * TN_MAX_RANK], wide[2 * TN_MAX_RANK];
    int32_t n = 0;
    if (!movable(t) || tn__type_elements(to) == 0) return false;
    for (int32_t i = 0; i < t->rank; i++) {
        int64_t times = to->dims[i] / t->dims[i];
        if (times > 1) apart[n] = 1, wide[n++] = times;
        apart[n] = wide[n] = t->dims[i];
        if (times == 1 || t->dims[i] > 1) n++;
    }
    if (n > RANK_MOST) return false;
    tn_value v = tn__x_op2(x, TN_OP_expand, tn__x_reshape(x, tn__x_in(x, 0), n, apart), tn__x_ints(x, n, wide));
    out[0] = tn__x_reshape(x, v, to->rank, to->dims);
    return true;
}

/* `count` entries that lie outside of an axis of n, before its begin or behind its end. */
static tn_value border(const tn__expansion *x, tn_value v, const tn__type *t, int64_t axis, int64_t count, bool behind) {
    char mode = ((const tn__attrs_pad *)x->n->attrs)->mode[0];
    int64_t n = t->dims[axis];
    if (mode == 'r' && behind) return tn__x_slice(x, v, axis, n - 2, n - 2 - count < 0 ? INT64_MIN : n - 2 - count, -1);
    if (mode == 'r') return tn__x_slice(x, v, axis, count, 0, -1);
    if (mode == 'w') return behind ? tn__x_slice(x, v, axis, 0, count, 1) : tn__x_slice(x, v, axis, n - count, n, 1);
    tn_value edge = tn__x_slice(x, v, axis, behind ? n - 1 : 0, behind ? n : 1, 1);
    int64_t dims[TN_MAX_RANK];
    for (int32_t i = 0; i < t->rank; i++) dims[i] = i == axis ? count : t->dims[i];
    return tn__x_op2(x, TN_OP_expand, edge, tn__x_ints(x, t->rank, dims));
}

/* edge, reflect and wrap, axis by axis: border, inside, border */
bool tn__expand_pad(const tn__expansion *x, tn_value *out) {
    const tn__attrs_pad *at = x->n->attrs;
    const tn_tensor *pads = tn__x_constant(x, 1), *axes = tn__x_constant(x, 3);
    const tn__type *t = tn__x_type(x, 0);
    int64_t dims[TN_MAX_RANK], begin[TN_MAX_RANK] = {0}, end[TN_MAX_RANK] = {0};
    if (!strcmp(at->mode, "constant") || !movable(t) || !pads || (tn__x_type(x, 3) && !axes)) return false;
    for (int64_t i = 0; i < pads->elements / 2; i++) {
        int64_t axis = axes ? tn__load_i64(axes->dtype, axes->data, i) : i;
        if (axis < 0) axis += t->rank;
        begin[axis] = tn__load_i64(pads->dtype, pads->data, i);
        end[axis] = tn__load_i64(pads->dtype, pads->data, i + pads->elements / 2);
        int64_t n = t->dims[axis], most = at->mode[0] == 'r' ? n - 1 : at->mode[0] == 'w' ? n : INT64_MAX; /* once around */
        if (begin[axis] < 0 || end[axis] < 0 || begin[axis] > most || end[axis] > most) return false;
    }
    tn_value v = tn__x_in(x, 0);
    for (int32_t i = 0; i < t->rank; i++) dims[i] = t->dims[i];
    for (int32_t i = 0; i < t->rank; i++) {
        tn__type now = {t->dtype, t->rank, dims};
        tn_value parts[3];
        uint32_t n = 0;
        if (begin[i]) parts[n++] = border(x, v, &now, i, begin[i], false);
        parts[n++] = v;
        if (end[i]) parts[n++] = border(x, v, &now, i, end[i], true);
        v = tn__x_concat(x, parts, n, i);
        dims[i] += begin[i] + end[i];
    }
    out[0] = v;
    return true;
}

/* x where column >= row + k (upper) or column <= row + k, else 0 */
bool tn__expand_trilu(const tn__expansion *x, tn_value *out) {
    enum { MOST = 1 << 20 }; /* elements of the mask */
    const tn__type *t = tn__x_type(x, 0);
    const tn_tensor *shift = tn__x_constant(x, 1);
    if (!tn__x_is_f32(x, 0) || t->rank < 2 || (tn__x_type(x, 1) && (!shift || shift->elements != 1))) return false;
    int64_t rows = t->dims[t->rank - 2], columns = t->dims[t->rank - 1], k = shift ? tn__load_i64(shift->dtype, shift->data, 0) : 0;
    if (rows > MOST / columns || k > columns || k < -rows) return false;
    float *index = TN__ARENA_ARRAY(&x->to->arena, float, (size_t)(rows > columns ? rows : columns));
    if (!index) return tn__graph_fail(x->to, tn__error_oom()), true;
    for (int64_t i = 0; i < columns; i++) index[i] = (float)i;
    tn_value column = tn__x_floats(x, 1, &columns, index);
    for (int64_t i = 0; i < rows; i++) index[i] = (float)(i + k);
    tn_value row = tn__x_floats(x, 2, (int64_t[]){rows, 1}, index);
    tn__op keeps = ((const tn__attrs_trilu *)x->n->attrs)->upper ? TN_OP_greater_equal : TN_OP_less_equal;
    out[0] = tn__x_where(x, tn__x_op2(x, keeps, column, row), tn__x_in(x, 0), tn__x_number(x, 0));
    return true;
}

/* Without training_mode, or with a ratio of 0, x itself; the mask is all true. */
bool tn__expand_dropout(const tn__expansion *x, tn_value *out) {
    const tn__type *t = tn__x_type(x, 0);
    const tn_tensor *training = tn__x_constant(x, 2);
    if (tn__x_type(x, 2) && (!training || !training->elements || tn__load_i64(training->dtype, training->data, 0))) return false;
    out[0] = tn__x_in(x, 0);
    if (x->n->n_out < 2) return true;
    tn_value yes = tn__x_op2(x, TN_OP_equal, tn__x_number(x, 0), tn__x_number(x, 0));
    out[1] = tn__x_op2(x, TN_OP_expand, yes, tn__x_ints(x, t->rank, t->dims));
    return true;
}
