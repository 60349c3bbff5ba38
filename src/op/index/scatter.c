/* Reference evaluation of scatter_elements, scatter_nd, tensor_scatter: a copy of operand 0 with elements written or combined. */
#include <inttypes.h>

#include "op/elementwise/elementwise.h"
#include "op/index/index.h"
#include "op/movement/copy_nd.h"
#include "op/movement/generate.h"

typedef enum { SCATTER_SET, SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN } scatter_how;

static tn_error *reduction_of(const tn__eval *c, scatter_how *out) {
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const char *name = ((const tn__attrs_scatter *)c->attrs)->reduction;
    for (int i = 0; i < 5; i++)
        if (!strcmp(name ? name : "none", names[i])) {
            *out = (scatter_how)i;
            if (i && c->in[0]->dtype == TN_DTYPE_string) return TN__EVAL_FAIL(c, TYPE_MISMATCH, "scatter: strings have no '%s'", name);
            return NULL;
        }
    return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "attribute 'reduction' is '%s', wanted none, add, mul, max or min", name);
}

/* n elements of the updates into the result. */
static tn_error *combine(tn__eval *c, scatter_how how, tn_tensor *out, int64_t at, const tn_tensor *updates, int64_t from, int64_t n) {
    tn_dtype d = out->dtype;
    tn__arith arith = tn__arith_of(d);
    if (how == SCATTER_SET) return tn__copy_run(c->a, out, at, updates, from, n);
    for (int64_t i = 0; i < n; i++) {
        if (arith == TN__ARITH_F64) {
            double x = tn__load_f64(d, out->data, at + i), y = tn__load_f64(d, updates->data, from + i);
            tn__store_f64(d, out->data, at + i,
                          how == SCATTER_ADD   ? x + y
                          : how == SCATTER_MUL ? x * y
                          : how == SCATTER_MAX ? tn__max_f64(x, y)
                                               : tn__min_f64(x, y));
            continue;
        }
        int64_t x = tn__load_i64(d, out->data, at + i), y = tn__load_i64(d, updates->data, from + i);
        uint64_t u = (uint64_t)x, v = (uint64_t)y;
        bool greater = arith == TN__ARITH_U64 ? u > v : x > y;
        tn__store_i64(d, out->data, at + i,
                      how == SCATTER_ADD   ? (int64_t)(u + v)
                      : how == SCATTER_MUL ? (int64_t)(u * v)
                      : how == SCATTER_MAX ? (greater ? x : y)
                                           : (greater ? y : x));
    }
    return NULL;
}

tn_error *tn__eval_scatter_elements(tn__eval *c) {
    const tn_tensor *t = c->in[0], *x = c->in[1], *updates = c->in[2];
    scatter_how how = SCATTER_SET;
    int32_t axis;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(reduction_of(c, &how));
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", ((const tn__attrs_scatter *)c->attrs)->axis, t->rank, &axis));
    if (!tn__tensor_same_shape(x, updates) || x->rank != t->rank)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "scatter_elements: operands 1 and 2 must have the same shape, and the rank of operand 0");
    for (int32_t i = 0; i < t->rank; i++)
        if (i != axis && x->dims[i] > t->dims[i])
            return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "scatter_elements: operand 1: dimension %d is %" PRId64 ", wanted at most %" PRId64, i,
                                 x->dims[i], t->dims[i]);
    TN__TRY(tn__copy_run(c->a, out, 0, t, 0, t->elements));
    if (!x->elements) return NULL;
    int64_t strides[TN_MAX_RANK], index[TN_MAX_RANK] = {0}, from = 0;
    tn__strides(t->rank, t->dims, strides);
    do {
        int64_t i, at = 0;
        TN__TRY(tn__index_load(c, 1, from, t->dims[axis], &i));
        for (int32_t k = 0; k < t->rank; k++) at += (k == axis ? i : index[k]) * strides[k];
        TN__TRY(combine(c, how, out, at, updates, from++, 1));
    } while (tn__next_index(x->rank, x->dims, index));
    return NULL;
}

tn_error *tn__eval_scatter_nd(tn__eval *c) {
    const tn_tensor *t = c->in[0], *x = c->in[1], *updates = c->in[2];
    scatter_how how = SCATTER_SET;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(reduction_of(c, &how));
    int64_t depth = x->rank ? x->dims[x->rank - 1] : 0, strides[TN_MAX_RANK], inner = 1, rows = 1;
    if (!x->rank || depth > t->rank)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "scatter_nd: indices of depth %" PRId64 " into rank %d", depth, t->rank);
    bool fits = updates->rank == x->rank - 1 + t->rank - (int32_t)depth;
    for (int32_t i = 0; fits && i < updates->rank; i++)
        fits = updates->dims[i] == (i < x->rank - 1 ? x->dims[i] : t->dims[i - (x->rank - 1) + depth]);
    if (!fits) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "scatter_nd: operand 2 does not have the shape indices[:-1] + data[depth:]");
    tn__strides(t->rank, t->dims, strides);
    for (int64_t i = depth; i < t->rank; i++) inner *= t->dims[i];
    for (int32_t i = 0; i < x->rank - 1; i++) rows *= x->dims[i];
    TN__TRY(tn__copy_run(c->a, out, 0, t, 0, t->elements));
    if (!updates->elements) return NULL;
    for (int64_t row = 0; row < rows; row++) {
        int64_t at = 0;
        for (int64_t k = 0; k < depth; k++) {
            int64_t i;
            TN__TRY(tn__index_load(c, 1, row * depth + k, t->dims[k], &i));
            at += i * strides[k];
        }
        TN__TRY(combine(c, how, out, at, updates, row * inner, inner));
    }
    return NULL;
}

tn_error *tn__eval_tensor_scatter(tn__eval *c) {
    const tn__attrs_tensor_scatter *s = c->attrs;
    const tn_tensor *t = c->in[0], *updates = c->in[1], *starts = tn__eval_in(c, 2);
    int32_t axis;
    tn_tensor *out;
    bool circular = s->mode && !strcmp(s->mode, "circular");
    TN__TRY(tn__eval_made(c, 0, &out));
    if (s->mode && !circular && strcmp(s->mode, "linear"))
        return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "attribute 'mode' is '%s', wanted linear or circular", s->mode);
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", s->axis, t->rank, &axis));
    if (axis == 0) return TN__EVAL_FAIL(c, INVALID_ARGUMENT, "tensor_scatter: axis 0 is the batch");
    bool fits = updates->rank == t->rank;
    for (int32_t i = 0; fits && i < t->rank; i++) fits = i == axis ? updates->dims[i] <= t->dims[i] : updates->dims[i] == t->dims[i];
    if (!fits || (starts && starts->elements != t->dims[0]))
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "tensor_scatter: the update or the write indices do not fit the cache");
    int64_t outer = 1, inner = 1, length = t->dims[axis], n = updates->dims[axis];
    for (int32_t i = 0; i < axis; i++) outer *= t->dims[i];
    for (int32_t i = axis + 1; i < t->rank; i++) inner *= t->dims[i];
    TN__TRY(tn__copy_run(c->a, out, 0, t, 0, t->elements));
    for (int64_t o = 0; updates->elements && o < outer; o++) {
        int64_t batch = o / (outer / t->dims[0]), start = starts ? tn__load_i64(starts->dtype, starts->data, batch) : 0;
        if (start < 0 || (!circular && start > length - n))
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "tensor_scatter: operand 2: index %" PRId64 " is %" PRId64 ", wanted 0 to %" PRId64, batch,
                                 start, length - n);
        for (int64_t k = 0; k < n; k++) {
            int64_t at = circular ? (start % length + k) % length : start + k;
            TN__TRY(tn__copy_run(c->a, out, (o * length + at) * inner, updates, (o * n + k) * inner, inner));
        }
    }
    return NULL;
}
