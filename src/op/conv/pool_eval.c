/* Reference evaluation of the pools over any number of spatial axes. The taps of an output pixel are listed once and then reduced over
 * every plane. */
#include "op/conv/conv_eval.h"

#include <math.h>

typedef struct {
    tn__window w;
    int64_t planes, in_plane, out_plane;
    int64_t *offsets;     /* of the taps inside the input, in the input plane, row-major */
    int64_t *column_major; /* the same, first axis fastest */
    int64_t capacity, n;
    double padded_taps; /* taps inside input and padding; ceil_mode's overhang does not count */
    double *x, *y;
} pool;

static void pool_deinit(const tn__eval *c, pool *p) {
    tn__free(c->a, p->offsets, (size_t)p->capacity * sizeof *p->offsets);
    tn__free(c->a, p->column_major, (size_t)p->capacity * sizeof *p->offsets);
    tn__eval_free_f64(c, p->x, c->in[0]->elements);
    tn__eval_free_f64(c, p->y, c->out[0]->elements);
}

static tn_error *pool_init(const tn__eval *c, pool *p) {
    const tn_tensor *x = c->in[0];
    memset(p, 0, sizeof *p);
    tn__window_spec spec = tn__window_spec_of_pool(c->attrs);
    TN__TRY(tn__window_resolve(c->a, &spec, x->rank - 2, x->dims + 2, NULL, &p->w));
    p->planes = tn__window_product(2, x->dims);
    p->in_plane = tn__window_product(p->w.rank, p->w.in);
    p->out_plane = tn__window_product(p->w.rank, p->w.out);
    int64_t most[TN_MAX_RANK];
    for (int32_t i = 0; i < p->w.rank; i++) most[i] = p->w.kernel[i] < p->w.in[i] ? p->w.kernel[i] : p->w.in[i];
    p->capacity = p->planes ? tn__window_product(p->w.rank, most) : 0;
    p->offsets = tn__alloc(c->a, (size_t)p->capacity * sizeof *p->offsets);
    p->column_major = tn__alloc(c->a, (size_t)p->capacity * sizeof *p->offsets);
    p->x = tn__eval_load_f64(c, x);
    p->y = tn__eval_temp_f64(c, c->out[0]->elements);
    if (p->offsets && p->column_major && p->x && p->y) return NULL;
    pool_deinit(c, p);
    return tn__error_oom();
}

static void list_taps(pool *p, const int64_t *o) {
    const tn__window *w = &p->w;
    int64_t begin[TN_MAX_RANK], count[TN_MAX_RANK], tap[TN_MAX_RANK] = {0};
    p->n = 0;
    p->padded_taps = 1;
    bool empty = false;
    for (int32_t i = 0; i < w->rank; i++) {
        int64_t end, first = o[i] * w->stride[i] - w->pad_begin[i], d = w->dilation[i];
        tn__window_taps(w, i, o[i], &begin[i], &end);
        count[i] = end - begin[i];
        empty |= count[i] == 0;
        int64_t padded = (w->in[i] + w->pad_end[i] - first + d - 1) / d;
        p->padded_taps *= (double)(padded < w->kernel[i] ? padded : w->kernel[i]);
    }
    if (empty) return;
    do {
        int64_t row_major = 0, column_major = 0;
        for (int32_t i = 0; i < w->rank; i++)
            row_major = row_major * w->in[i] + o[i] * w->stride[i] - w->pad_begin[i] + (begin[i] + tap[i]) * w->dilation[i];
        for (int32_t i = w->rank - 1; i >= 0; i--)
            column_major = column_major * w->in[i] + o[i] * w->stride[i] - w->pad_begin[i] + (begin[i] + tap[i]) * w->dilation[i];
        p->offsets[p->n] = row_major;
        p->column_major[p->n++] = column_major;
    } while (tn__next_index(w->rank, count, tap));
}

tn_error *tn__eval_max_pool(tn__eval *c) {
    const tn__attrs_pool *attrs = c->attrs;
    pool p;
    TN__TRY(pool_init(c, &p));
    bool is_float = tn__dtype_is_float(c->in[0]->dtype);
    int64_t o[TN_MAX_RANK] = {0}, *indices = c->n_out > 1 ? c->out[1]->data : NULL;
    for (int64_t j = 0; p.planes && j < p.out_plane; j++) {
        list_taps(&p, o);
        for (int64_t i = 0; i < p.planes; i++) {
            const double *x = p.x + i * p.in_plane;
            double best = is_float ? -INFINITY : -128;
            int64_t at = -1;
            for (int64_t t = 0; t < p.n; t++) {
                double v = x[p.offsets[t]];
                if (at < 0 || v > best || (isnan(v) && !isnan(best))) best = v, at = t;
            }
            p.y[i * p.out_plane + j] = best;
            if (indices) indices[i * p.out_plane + j] = at < 0 ? -1 : i * p.in_plane + (attrs->storage_order ? p.column_major : p.offsets)[at];
        }
        tn__next_index(p.w.rank, p.w.out, o);
    }
    tn__eval_store_f64(c->out[0], p.y);
    pool_deinit(c, &p);
    return NULL;
}

tn_error *tn__eval_average_pool(tn__eval *c) {
    const tn__attrs_pool *attrs = c->attrs;
    pool p;
    TN__TRY(pool_init(c, &p));
    int64_t o[TN_MAX_RANK] = {0};
    for (int64_t j = 0; p.planes && j < p.out_plane; j++) {
        list_taps(&p, o);
        double divisor = attrs->count_include_pad ? p.padded_taps : (double)p.n;
        for (int64_t i = 0; i < p.planes; i++) {
            double sum = 0;
            for (int64_t t = 0; t < p.n; t++) sum += p.x[i * p.in_plane + p.offsets[t]];
            p.y[i * p.out_plane + j] = p.n ? sum / divisor : 0;
        }
        tn__next_index(p.w.rank, p.w.out, o);
    }
    tn__eval_store_f64(c->out[0], p.y);
    pool_deinit(c, &p);
    return NULL;
}

tn_error *tn__eval_lp_pool(tn__eval *c) {
    const tn__attrs_pool *attrs = c->attrs;
    pool p;
    TN__TRY(pool_init(c, &p));
    int64_t o[TN_MAX_RANK] = {0};
    double power = (double)attrs->p;
    for (int64_t j = 0; p.planes && j < p.out_plane; j++) {
        list_taps(&p, o);
        for (int64_t i = 0; i < p.planes; i++) {
            double sum = 0;
            for (int64_t t = 0; t < p.n; t++) sum += pow(fabs(p.x[i * p.in_plane + p.offsets[t]]), power);
            p.y[i * p.out_plane + j] = pow(sum, 1 / power);
        }
        tn__next_index(p.w.rank, p.w.out, o);
    }
    tn__eval_store_f64(c->out[0], p.y);
    pool_deinit(c, &p);
    return NULL;
}

tn_error *tn__eval_global_pool(tn__eval *c) {
    const tn_tensor *x = c->in[0];
    tn_tensor *out = c->out[0];
    int64_t plane = tn__window_product(x->rank - 2, x->dims + 2);
    double *xs = tn__eval_load_f64(c, x);
    if (!xs) return tn__error_oom();
    for (int64_t i = 0; i < out->elements; i++) {
        double r = c->op == TN_OP_global_max_pool ? -INFINITY : 0;
        for (int64_t j = 0; j < plane; j++) {
            double v = xs[i * plane + j];
            if (c->op == TN_OP_global_average_pool) r += v;
            else if (v > r || isnan(v)) r = v;
        }
        tn__store_f64(out->dtype, out->data, i, c->op == TN_OP_global_average_pool ? r / (double)plane : r);
    }
    tn__eval_free_f64(c, xs, x->elements);
    return NULL;
}

/* Indices are offsets into the tensor max_pool read, whose shape is the one the attributes give; a larger output_shape pads it at the
 * end of each axis. */
tn_error *tn__eval_max_unpool(tn__eval *c) {
    const tn_tensor *x = c->in[0], *indices = c->in[1];
    tn__window_spec spec = tn__window_spec_of_pool(c->attrs);
    tn__window w;
    TN__TRY(tn__window_resolve_transposed(c->a, &spec, x->rank - 2, x->dims + 2, NULL, &w));
    tn_tensor *out = c->out[0];
    int64_t shape[TN_MAX_RANK], total = 1;
    for (int32_t i = 0; i < x->rank; i++) {
        shape[i] = i < 2 ? x->dims[i] : w.out[i - 2];
        if (!tn__mul_i64(total, shape[i], &total)) return TN__EVAL_FAIL(c, LIMIT_EXCEEDED, "the unpooled size overflows");
    }
    for (int64_t j = 0; j < x->elements; j++) {
        int64_t at = ((const int64_t *)indices->data)[j], offset = 0, strides[TN_MAX_RANK];
        if (at < 0 || at >= total)
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "operand 1: index %lld, wanted 0 to %lld", (long long)at, (long long)total - 1);
        tn__strides(x->rank, out->dims, strides);
        for (int32_t i = x->rank - 1; i >= 0; i--) offset += at % shape[i] * strides[i], at /= shape[i];
        tn__store_f64(out->dtype, out->data, offset, tn__load_f64(x->dtype, x->data, j));
    }
    return NULL;
}
