/* Reference evaluation of ops that choose elements by value: top_k, compress, non_zero, unique. */
#include <inttypes.h>

#include "op/elementwise/elementwise.h"
#include "op/index/index.h"
#include "op/movement/copy_nd.h"
#include "op/movement/generate.h"

/* Slice k of [outer, n, inner]. For whole tensors outer = inner = 1. */
typedef struct {
    const tn_tensor *t;
    int64_t outer, n, inner;
    bool descending;
} slices;

static int order_elements(const tn_tensor *t, int64_t i, int64_t j) {
    if (t->dtype == TN_DTYPE_string) {
        const char *x = ((char **)t->data)[i], *y = ((char **)t->data)[j];
        return strcmp(x ? x : "", y ? y : "");
    }
    tn__arith arith = tn__arith_of(t->dtype);
    if (arith == TN__ARITH_F64) { /* NaN is the largest, and equal to itself */
        double x = tn__load_f64(t->dtype, t->data, i), y = tn__load_f64(t->dtype, t->data, j);
        if (x != x || y != y) return (x != x) - (y != y);
        return (x > y) - (x < y);
    }
    int64_t x = tn__load_i64(t->dtype, t->data, i), y = tn__load_i64(t->dtype, t->data, j);
    if (arith == TN__ARITH_U64) return ((uint64_t)x > (uint64_t)y) - ((uint64_t)x < (uint64_t)y);
    return (x > y) - (x < y);
}

static int order_slices(const slices *s, int64_t i, int64_t j) {
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t k = 0; k < s->inner; k++) {
            int r = order_elements(s->t, (o * s->n + i) * s->inner + k, (o * s->n + j) * s->inner + k);
            if (r) return s->descending ? -r : r;
        }
    return 0;
}

/* Stable merge sort of n indices; `spare` has as many. `base` and `step` place the elements when slices are single elements. */
static void sort_indices(const slices *s, int64_t base, int64_t step, int64_t *index, int64_t *spare, int64_t n) {
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t begin = 0; begin < n; begin += 2 * width) {
            int64_t middle = begin + width < n ? begin + width : n, end = begin + 2 * width < n ? begin + 2 * width : n;
            for (int64_t i = begin, j = middle, k = begin; k < end; k++) {
                bool right = j < end && i < middle;
                if (right) {
                    int r = step ? order_elements(s->t, base + index[i] * step, base + index[j] * step) : order_slices(s, index[i], index[j]);
                    right = (step && s->descending ? -r : r) > 0;
                } else {
                    right = i >= middle;
                }
                spare[k] = right ? index[j++] : index[i++];
            }
        }
        memcpy(index, spare, (size_t)n * sizeof *index);
    }
}

static int64_t *temp_i64(const tn__eval *c, int64_t n, size_t *bytes) {
    return tn__mul((size_t)n, sizeof(int64_t), bytes) ? tn__alloc_zero(c->a, *bytes) : NULL;
}

/* The whole tensor (axis INT64_MIN) as slices of one element, or the slices along an axis. */
static tn_error *slices_of(const tn__eval *c, int64_t axis_attr, slices *s, int32_t *out_axis) {
    const tn_tensor *t = c->in[0];
    *s = (slices){t, 1, t->elements, 1, false};
    *out_axis = -1;
    if (axis_attr == INT64_MIN) return NULL;
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", axis_attr, t->rank, out_axis));
    s->n = t->dims[*out_axis];
    for (int32_t i = 0; i < *out_axis; i++) s->outer *= t->dims[i];
    for (int32_t i = *out_axis + 1; i < t->rank; i++) s->inner *= t->dims[i];
    return NULL;
}

tn_error *tn__eval_top_k(tn__eval *c) {
    const tn__attrs_topk *a = c->attrs;
    const tn_tensor *t = c->in[0];
    tn_tensor *values, *indices;
    slices s;
    int32_t axis;
    TN__TRY(tn__eval_made(c, 0, &values));
    TN__TRY(tn__eval_made(c, 1, &indices));
    TN__TRY(slices_of(c, a->axis, &s, &axis));
    s.descending = a->largest != 0;
    int64_t k = values->dims[axis];
    size_t bytes;
    int64_t *index = temp_i64(c, 2 * s.n, &bytes);
    if (!index) return tn__error_oom();
    tn_error *e = NULL;
    for (int64_t o = 0; o < s.outer; o++)
        for (int64_t i = 0; !e && i < s.inner; i++) {
            int64_t base = o * s.n * s.inner + i;
            for (int64_t j = 0; j < s.n; j++) index[j] = j;
            sort_indices(&s, base, s.inner, index, index + s.n, s.n);
            for (int64_t j = 0; !e && j < k; j++) {
                int64_t to = (o * k + j) * s.inner + i;
                ((int64_t *)indices->data)[to] = index[j];
                e = tn__copy_run(c->a, values, to, t, base + index[j] * s.inner, 1);
            }
        }
    tn__free(c->a, index, bytes);
    return e;
}

/* Makes result 0 of the `n` slices index[0..n) of `s`. */
static tn_error *take(tn__eval *c, const slices *s, int32_t axis, const int64_t *index, int64_t n) {
    int64_t dims[TN_MAX_RANK] = {n};
    int32_t rank = axis < 0 ? 1 : s->t->rank;
    tn_tensor *out;
    for (int32_t i = 0; axis >= 0 && i < rank; i++) dims[i] = i == axis ? n : s->t->dims[i];
    TN__TRY(tn__eval_out(c, 0, s->t->dtype, rank, dims, &out));
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t j = 0; j < n; j++)
            TN__TRY(tn__copy_run(c->a, out, (o * n + j) * s->inner, s->t, (o * s->n + index[j]) * s->inner, s->inner));
    return NULL;
}

/* A condition shorter than the axis leaves the rest out. */
tn_error *tn__eval_compress(tn__eval *c) {
    const tn_tensor *condition = c->in[1];
    slices s;
    int32_t axis;
    TN__TRY(slices_of(c, ((const tn__attrs_opt_axis *)c->attrs)->axis, &s, &axis));
    int64_t n = 0;
    size_t bytes;
    int64_t *index = temp_i64(c, condition->elements, &bytes);
    if (!index) return tn__error_oom();
    tn_error *e = NULL;
    for (int64_t i = 0; !e && i < condition->elements; i++) {
        if (!((const uint8_t *)condition->data)[i]) continue;
        if (i >= s.n) e = TN__EVAL_FAIL(c, OUT_OF_RANGE, "compress: operand 1: entry %" PRId64 " is set, the axis has %" PRId64, i, s.n);
        else index[n++] = i;
    }
    if (!e) e = take(c, &s, axis, index, n);
    tn__free(c->a, index, bytes);
    return e;
}

static bool is_nonzero(const tn_tensor *t, int64_t i) {
    if (t->dtype == TN_DTYPE_string) return ((char **)t->data)[i] && ((char **)t->data)[i][0];
    return tn__arith_of(t->dtype) == TN__ARITH_F64 ? tn__load_f64(t->dtype, t->data, i) != 0 : tn__load_i64(t->dtype, t->data, i) != 0;
}

tn_error *tn__eval_non_zero(tn__eval *c) {
    const tn_tensor *t = c->in[0];
    int64_t n = 0, at = 0, index[TN_MAX_RANK] = {0};
    tn_tensor *out;
    for (int64_t i = 0; i < t->elements; i++) n += is_nonzero(t, i);
    TN__TRY(tn__eval_out(c, 0, TN_DTYPE_i64, 2, (int64_t[]){t->rank, n}, &out));
    for (int64_t i = 0; i < t->elements; i++) {
        if (is_nonzero(t, i)) {
            for (int32_t k = 0; k < t->rank; k++) ((int64_t *)out->data)[k * n + at] = index[k];
            at++;
        }
        tn__next_index(t->rank, t->dims, index);
    }
    return NULL;
}

/* index: the slices in order. Groups equal neighbours: group[slice], first[group] (the earliest slice), count[group]. */
static int64_t group_equal(const slices *s, const int64_t *index, int64_t *group, int64_t *first, int64_t *count) {
    int64_t n = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (i == 0 || order_slices(s, index[i - 1], index[i])) {
            first[n] = index[i]; /* the sort is stable, so this is the earliest */
            count[n++] = 0;
        }
        group[index[i]] = n - 1;
        count[n - 1]++;
    }
    return n;
}

/* Renumbers the groups by first appearance; `map` and `copy` are scratch. */
static void order_by_appearance(int64_t n_slices, int64_t n, int64_t *group, int64_t *first, int64_t *count, int64_t *map, int64_t *copy) {
    int64_t next = 0;
    for (int64_t i = 0; i < n; i++) map[i] = -1, copy[i] = count[i];
    for (int64_t i = 0; i < n_slices; i++) {
        int64_t g = group[i];
        if (map[g] < 0) {
            map[g] = next;
            first[next] = i;
            count[next++] = copy[g];
        }
        group[i] = map[g];
    }
}

tn_error *tn__eval_unique(tn__eval *c) {
    const tn__attrs_opt_axis *a = c->attrs;
    slices s;
    int32_t axis;
    TN__TRY(slices_of(c, a->axis, &s, &axis));
    size_t bytes;
    int64_t *memory = temp_i64(c, 5 * s.n, &bytes);
    if (!memory) return tn__error_oom();
    int64_t *index = memory, *spare = memory + s.n, *group = spare + s.n, *first = group + s.n, *count = first + s.n;
    for (int64_t i = 0; i < s.n; i++) index[i] = i;
    sort_indices(&s, 0, 0, index, spare, s.n);
    int64_t n = group_equal(&s, index, group, first, count);
    if (!a->sorted) order_by_appearance(s.n, n, group, first, count, index, spare);
    tn_error *e = take(c, &s, axis, first, n);
    const int64_t *results[] = {first, group, count}, lengths[] = {n, s.n, n};
    for (uint32_t k = 1; !e && k < c->n_out && k < 4; k++) {
        tn_tensor *out;
        e = tn__eval_out(c, k, TN_DTYPE_i64, 1, &lengths[k - 1], &out);
        if (!e && lengths[k - 1]) memcpy(out->data, results[k - 1], (size_t)lengths[k - 1] * sizeof(int64_t));
    }
    tn__free(c->a, memory, bytes);
    return e;
}
