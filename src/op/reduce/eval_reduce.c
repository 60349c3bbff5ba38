/* Reference evaluation of the reductions. Reducing no axis (noop_with_empty_axes) still applies the op's elementwise part; reducing
 * nothing (an empty tensor) gives the op's neutral element. */
#include <math.h>

#include "op/elementwise/elementwise.h"

static double fold_f64(tn__op op, double acc, double x) {
    switch (op) {
    case TN_OP_reduce_max: return tn__max_f64(x, acc);
    case TN_OP_reduce_min: return tn__min_f64(x, acc);
    case TN_OP_reduce_prod: return acc * x;
    case TN_OP_reduce_l1: return acc + fabs(x);
    case TN_OP_reduce_l2: case TN_OP_reduce_sum_square: return acc + x * x;
    default: return acc + x;
    }
}

static int64_t fold_i64(tn__op op, bool is_unsigned, int64_t acc, int64_t x) {
    uint64_t u = (uint64_t)acc, v = (uint64_t)x;
    bool greater = is_unsigned ? v > u : x > acc;
    switch (op) {
    case TN_OP_reduce_max: return greater ? x : acc;
    case TN_OP_reduce_min: return greater ? acc : x;
    case TN_OP_reduce_prod: return (int64_t)(u * v);
    case TN_OP_reduce_l1: return (int64_t)(u + (!is_unsigned && x < 0 ? 0 - v : v));
    case TN_OP_reduce_sum_square: return (int64_t)(u + v * v);
    default: return (int64_t)(u + v);
    }
}

/* The integer d's least or greatest value. */
static int64_t extreme(tn_dtype d, bool greatest) {
    uint32_t bits = d == TN_DTYPE_bool ? 1 : tn_dtype_bits(d);
    bool is_unsigned = tn__is_unsigned(d) || d == TN_DTYPE_bool;
    if (is_unsigned) return greatest ? (int64_t)(UINT64_MAX >> (64 - bits)) : 0;
    int64_t most = (int64_t)(UINT64_MAX >> (65 - bits));
    return greatest ? most : -most - 1;
}

/* Steps through operand 0 with the position in the result beside it. */
typedef struct {
    int32_t rank;
    int64_t index[TN_MAX_RANK], to[TN_MAX_RANK];
    int64_t at;
} reduce_walk;

static void walk_step(reduce_walk *w, const int64_t *dims) {
    for (int32_t i = w->rank - 1; i >= 0; i--) {
        w->at += w->to[i];
        if (++w->index[i] < dims[i]) return;
        w->at -= w->to[i] * dims[i];
        w->index[i] = 0;
    }
}

/* Fills w->to from the axes, and the result when its shape was not known. */
static tn_error *plan(tn__eval *c, reduce_walk *w, tn_tensor **out, int64_t *out_count) {
    const tn__attrs_reduce *s = c->attrs;
    const tn_tensor *t = c->in[0], *axes = tn__eval_in(c, 1);
    bool reduced[TN_MAX_RANK] = {false};
    int64_t kept[TN_MAX_RANK], n_axes = axes ? axes->elements : 0, stride = 1;
    for (int64_t i = 0; i < n_axes; i++) {
        int32_t axis;
        TN__TRY(tn__eval_axis(c, "axis", tn__load_i64(axes->dtype, axes->data, i), t->rank, &axis));
        reduced[axis] = true;
    }
    *out_count = 1;
    int32_t rank = 0;
    for (int32_t i = 0; i < t->rank; i++) {
        if (!n_axes && !s->noop_with_empty_axes) reduced[i] = true;
        if (reduced[i]) *out_count *= t->dims[i];
        if (!reduced[i] || s->keepdims) kept[rank++] = reduced[i] ? 1 : t->dims[i];
    }
    *w = (reduce_walk){.rank = t->rank};
    for (int32_t i = t->rank - 1; i >= 0; i--) {
        w->to[i] = reduced[i] ? 0 : stride;
        if (!reduced[i]) stride *= t->dims[i];
    }
    return tn__eval_out(c, 0, t->dtype, rank, kept, out);
}

static void reduce_f64(tn__eval *c, reduce_walk w, double *acc, double *shift, int64_t n_out, int64_t count) {
    const tn_tensor *t = c->in[0];
    reduce_walk begin = w;
    if (shift) { /* log-sum-exp: the maximum first */
        for (int64_t i = 0; i < n_out; i++) shift[i] = -INFINITY;
        for (int64_t i = 0; i < t->elements; i++, walk_step(&w, t->dims))
            shift[w.at] = tn__max_f64(tn__load_f64(t->dtype, t->data, i), shift[w.at]);
        for (int64_t i = 0; i < n_out; i++)
            if (!isfinite(shift[i])) shift[i] = 0;
        w = begin;
    }
    double first = c->op == TN_OP_reduce_max ? -INFINITY : c->op == TN_OP_reduce_min ? INFINITY : c->op == TN_OP_reduce_prod;
    for (int64_t i = 0; i < n_out; i++) acc[i] = first;
    for (int64_t i = 0; i < t->elements; i++, walk_step(&w, t->dims)) {
        double x = t->dtype == TN_DTYPE_f32 ? ((const float *)t->data)[i] : tn__load_f64(t->dtype, t->data, i);
        acc[w.at] = fold_f64(c->op, acc[w.at], shift ? exp(x - shift[w.at]) : x);
    }
    for (int64_t i = 0; i < n_out; i++) {
        switch (c->op) {
        case TN_OP_reduce_mean: acc[i] /= (double)count; break;
        case TN_OP_reduce_l2: acc[i] = sqrt(acc[i]); break;
        case TN_OP_reduce_log_sum: acc[i] = log(acc[i]); break;
        case TN_OP_reduce_log_sum_exp: acc[i] = log(acc[i]) + shift[i]; break;
        default: break;
        }
    }
}

static void reduce_i64(tn__eval *c, reduce_walk w, int64_t *acc, int64_t n_out, int64_t count) {
    const tn_tensor *t = c->in[0];
    bool is_unsigned = tn__is_unsigned(t->dtype);
    bool order = c->op == TN_OP_reduce_max || c->op == TN_OP_reduce_min;
    int64_t first = order ? extreme(t->dtype, c->op == TN_OP_reduce_min) : c->op == TN_OP_reduce_prod;
    for (int64_t i = 0; i < n_out; i++) acc[i] = first;
    for (int64_t i = 0; i < t->elements; i++, walk_step(&w, t->dims))
        acc[w.at] = fold_i64(c->op, is_unsigned, acc[w.at], tn__load_i64(t->dtype, t->data, i));
    for (int64_t i = 0; c->op == TN_OP_reduce_mean && i < n_out; i++)
        acc[i] = !count ? 0 : is_unsigned ? (int64_t)((uint64_t)acc[i] / (uint64_t)count) : acc[i] / count;
}

tn_error *tn__eval_reduce(tn__eval *c) {
    tn_tensor *out;
    reduce_walk w;
    int64_t count;
    TN__TRY(plan(c, &w, &out, &count));
    bool real = tn__arith_of(c->in[0]->dtype) == TN__ARITH_F64 || c->op == TN_OP_reduce_l2 || c->op == TN_OP_reduce_log_sum ||
                c->op == TN_OP_reduce_log_sum_exp; /* integers: computed as real, then truncated */
    size_t bytes;
    if (!tn__mul((size_t)out->elements, 2 * sizeof(int64_t), &bytes)) return tn__error_oom();
    double *acc = tn__alloc(c->a, bytes); /* accumulators, then the shifts of log-sum-exp */
    if (!acc) return tn__error_oom();
    if (real) {
        reduce_f64(c, w, acc, c->op == TN_OP_reduce_log_sum_exp ? acc + out->elements : NULL, out->elements, count);
        tn__eval_store_f64(out, acc);
    } else {
        reduce_i64(c, w, (int64_t *)acc, out->elements, count);
        for (int64_t i = 0; i < out->elements; i++) tn__store_i64(out->dtype, out->data, i, ((int64_t *)acc)[i]);
    }
    tn__free(c->a, acc, bytes);
    return NULL;
}
