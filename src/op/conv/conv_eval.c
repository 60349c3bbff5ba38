/* Reference evaluation of conv and conv_transpose over any number of spatial axes.
 *
 * A block of output pixels is gathered into panels [pixel / 4][channel, tap][4] and multiplied by the weight matrix as it lies
 * (im2col by blocks): the weight is read once for every block, and memory stays small. */
#include "op/conv/conv_eval.h"

#include "op/linalg/panel.h"

enum { BLOCK = 64 }; /* pixels */

void tn__conv_offsets(const tn__window *w, bool transposed, int64_t first, int64_t n, int64_t *table) {
    const int64_t *from = transposed ? w->in : w->out, *to = transposed ? w->out : w->in;
    int64_t taps = tn__window_product(w->rank, w->kernel), tap[TN_MAX_RANK] = {0};
    for (int64_t t = 0; t < taps; t++) {
        int64_t pixel[TN_MAX_RANK], rest = first;
        for (int32_t i = w->rank - 1; i >= 0; i--) pixel[i] = rest % from[i], rest /= from[i];
        for (int64_t j = 0; j < n; j++) {
            int64_t offset = 0;
            for (int32_t i = 0; i < w->rank; i++) {
                int64_t p = pixel[i] * w->stride[i] - w->pad_begin[i] + tap[i] * w->dilation[i];
                if (p < 0 || p >= to[i]) {
                    offset = -1;
                    break;
                }
                offset = offset * to[i] + p;
            }
            table[t * n + j] = offset;
            tn__next_index(w->rank, from, pixel);
        }
        tn__next_index(w->rank, w->kernel, tap);
    }
}

/* panels of `channels` planes of x at the block's offsets */
static void gather(int64_t channels, int64_t plane, int64_t taps, int64_t n, const double *x, const int64_t *table, double *panels) {
    for (int64_t j = 0; j < n; j += TN__PANEL)
        for (int64_t ic = 0; ic < channels; ic++)
            for (int64_t t = 0; t < taps; t++)
                for (int64_t q = 0; q < TN__PANEL; q++) {
                    int64_t offset = j + q < n ? table[t * n + j + q] : -1;
                    *panels++ = offset < 0 ? 0 : x[ic * plane + offset];
                }
}

tn_error *tn__conv_f64(const tn__eval *c, const tn__window *w, int64_t batch, int64_t in_channels, int64_t out_channels, int64_t group,
                       const double *x, const double *weight, double *out) {
    int64_t taps = tn__window_product(w->rank, w->kernel), plane = tn__window_product(w->rank, w->in);
    int64_t pixels = tn__window_product(w->rank, w->out), ic = in_channels / group, oc = out_channels / group, depth = ic * taps;
    if (!batch || !ic || !oc || !plane || !pixels) return NULL;
    size_t table_bytes;
    if (!tn__mul((size_t)taps, BLOCK * sizeof(int64_t), &table_bytes)) return tn__error_oom();
    int64_t *table = tn__alloc(c->a, table_bytes);
    double *panels = tn__eval_temp_f64(c, depth * BLOCK);
    for (int64_t first = 0; table && panels && first < pixels; first += BLOCK) {
        int64_t n = pixels - first < BLOCK ? pixels - first : BLOCK;
        tn__conv_offsets(w, false, first, n, table);
        for (int64_t b = 0; b < batch; b++)
            for (int64_t g = 0; g < group; g++) {
                gather(ic, plane, taps, n, x + (b * in_channels + g * ic) * plane, table, panels);
                tn__panel_product(oc, n, depth, weight + g * oc * depth, depth, 1, panels, out + (b * out_channels + g * oc) * pixels + first,
                                  pixels);
            }
    }
    bool ok = table && panels;
    tn__free(c->a, table, table_bytes);
    tn__eval_free_f64(c, panels, depth * BLOCK);
    return ok ? NULL : tn__error_oom();
}

static void add_bias(const tn_tensor *bias, int64_t batch, int64_t channels, int64_t pixels, double *y) {
    for (int64_t i = 0; bias && i < batch * channels; i++) {
        double b = tn__load_f64(bias->dtype, bias->data, i % channels);
        for (int64_t j = 0; j < pixels; j++) y[i * pixels + j] += b;
    }
}

/* Subtracts one zero point, or one for each of the first dimension. */
static void subtract(const tn_tensor *zero, double *x, const tn_tensor *of) {
    if (!zero || !of->elements) return;
    int64_t n = zero->elements > 1 ? of->elements / zero->elements : of->elements;
    for (int64_t i = 0; i < of->elements; i++) x[i] -= tn__load_f64(zero->dtype, zero->data, i / n);
}

tn_error *tn__conv_run(const tn__eval *c, const tn_tensor *x, const tn_tensor *x_zero, const tn_tensor *weight, const tn_tensor *w_zero,
                       const tn_tensor *bias, double **out_y) {
    const tn__attrs_conv *attrs = c->attrs;
    const tn_tensor *out = c->out[0];
    *out_y = NULL;
    tn__window_spec spec = tn__window_spec_of_conv(attrs);
    tn__window w;
    TN__TRY(tn__window_resolve(c->a, &spec, x->rank - 2, x->dims + 2, weight->dims + 2, &w));
    double *xs = tn__eval_load_f64(c, x), *ws = tn__eval_load_f64(c, weight), *ys = tn__eval_temp_f64(c, out->elements);
    tn_error *e = xs && ws && ys ? NULL : tn__error_oom();
    if (!e) {
        subtract(x_zero, xs, x);
        subtract(w_zero, ws, weight);
        e = tn__conv_f64(c, &w, x->dims[0], x->dims[1], weight->dims[0], attrs->group, xs, ws, ys);
    }
    if (!e && out->elements) add_bias(bias, out->dims[0], out->dims[1], tn__window_product(w.rank, w.out), ys);
    tn__eval_free_f64(c, xs, x->elements);
    tn__eval_free_f64(c, ws, weight->elements);
    if (e) tn__eval_free_f64(c, ys, out->elements);
    else *out_y = ys;
    return e;
}

tn_error *tn__eval_conv(tn__eval *c) {
    double *y;
    TN__TRY(tn__conv_run(c, c->in[0], NULL, c->in[1], NULL, tn__eval_in(c, 2), &y));
    tn__eval_store_f64(c->out[0], y);
    tn__eval_free_f64(c, y, c->out[0]->elements);
    return NULL;
}

/* For each block of input pixels: weight^T x gives every tap's contribution, which is added where the tap falls. */
static tn_error *transposed(const tn__eval *c, const tn__window *w, int64_t batch, int64_t in_channels, int64_t out_channels, int64_t group,
                            const double *x, const double *weight, double *out) {
    int64_t taps = tn__window_product(w->rank, w->kernel), plane = tn__window_product(w->rank, w->in);
    int64_t pixels = tn__window_product(w->rank, w->out), ic = in_channels / group, oc = out_channels / group, rows = oc * taps;
    if (!batch || !ic || !oc || !plane || !pixels) return NULL;
    size_t table_bytes;
    if (!tn__mul((size_t)taps, BLOCK * sizeof(int64_t), &table_bytes)) return tn__error_oom();
    int64_t *table = tn__alloc(c->a, table_bytes);
    double *panels = tn__eval_temp_f64(c, ic * BLOCK), *part = tn__eval_temp_f64(c, rows * BLOCK);
    for (int64_t first = 0; table && panels && part && first < plane; first += BLOCK) {
        int64_t n = plane - first < BLOCK ? plane - first : BLOCK;
        tn__conv_offsets(w, true, first, n, table);
        for (int64_t b = 0; b < batch; b++)
            for (int64_t g = 0; g < group; g++) {
                tn__panel_pack(n, ic, x + (b * in_channels + g * ic) * plane + first, plane, 1, panels);
                tn__panel_product(rows, n, ic, weight + g * ic * rows, 1, rows, panels, part, n);
                double *to = out + (b * out_channels + g * oc) * pixels;
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t j = 0; j < n; j++) {
                        int64_t offset = table[r % taps * n + j];
                        if (offset >= 0) to[r / taps * pixels + offset] += part[r * n + j];
                    }
            }
    }
    bool ok = table && panels && part;
    tn__free(c->a, table, table_bytes);
    tn__eval_free_f64(c, panels, ic * BLOCK);
    tn__eval_free_f64(c, part, rows * BLOCK);
    return ok ? NULL : tn__error_oom();
}

tn_error *tn__eval_conv_transpose(tn__eval *c) {
    const tn__attrs_conv_transpose *attrs = c->attrs;
    const tn_tensor *x = c->in[0], *weight = c->in[1];
    tn_tensor *out = c->out[0];
    tn__window_spec spec = tn__window_spec_of_conv_transpose(attrs);
    tn__window w;
    TN__TRY(tn__window_resolve_transposed(c->a, &spec, x->rank - 2, x->dims + 2, weight->dims + 2, &w));
    double *xs = tn__eval_load_f64(c, x), *ws = tn__eval_load_f64(c, weight), *ys = tn__eval_temp_f64(c, out->elements);
    tn_error *e = xs && ws && ys ? NULL : tn__error_oom();
    if (!e) e = transposed(c, &w, x->dims[0], x->dims[1], out->dims[1], attrs->group, xs, ws, ys);
    if (!e) {
        if (out->elements) add_bias(tn__eval_in(c, 2), out->dims[0], out->dims[1], tn__window_product(w.rank, w.out), ys);
        tn__eval_store_f64(out, ys);
    }
    tn__eval_free_f64(c, xs, x->elements);
    tn__eval_free_f64(c, ws, weight->elements);
    tn__eval_free_f64(c, ys, out->elements);
    return e;
}
