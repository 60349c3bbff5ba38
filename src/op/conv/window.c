/* Sliding-window geometry, see window.h. Source: ONNX operators Conv, ConvTranspose, MaxPool, AveragePool (newest versions). */
#include "op/conv/window.h"

#include <inttypes.h>

typedef enum { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER } pad_mode;

/* No size, pad, stride or dilation of a real network is above this; below it sums and products of two of them fit in i64. */
static const int64_t largest = INT64_C(1) << 30;

static tn_error *list_check(const tn_allocator *a, const char *what, tn__ints list, int32_t wanted, int64_t low) {
    if (!list.n) return NULL;
    if (list.n != (uint32_t)wanted)
        return TN__FAIL(a, SHAPE_MISMATCH, "attribute '%s' has %u entries, wanted %d", what, list.n, wanted);
    for (uint32_t i = 0; i < list.n; i++)
        if (list.data[i] < low || list.data[i] > largest)
            return TN__FAIL(a, OUT_OF_RANGE, "attribute '%s' entry %u is %" PRId64 ", wanted %" PRId64 " to %" PRId64, what, i,
                            list.data[i], low, largest);
    return NULL;
}

/* What all three kinds of window share; leaves pads of SAME_* and out unset. */
static tn_error *common(const tn_allocator *a, const tn__window_spec *s, int32_t rank, const int64_t *in, const int64_t *kernel,
                        tn__window *w, pad_mode *out_mode) {
    memset(w, 0, sizeof *w);
    if (rank < 1 || rank > TN_MAX_RANK - 2)
        return TN__FAIL(a, SHAPE_MISMATCH, "found %d spatial dimensions, wanted 1 to %d", rank, TN_MAX_RANK - 2);
    w->rank = rank;
    const char *text = s->auto_pad && s->auto_pad[0] ? s->auto_pad : "NOTSET";
    if (!strcmp(text, "NOTSET")) *out_mode = PAD_EXPLICIT;
    else if (!strcmp(text, "VALID")) *out_mode = PAD_VALID;
    else if (!strcmp(text, "SAME_UPPER")) *out_mode = PAD_SAME_UPPER;
    else if (!strcmp(text, "SAME_LOWER")) *out_mode = PAD_SAME_LOWER;
    else
        return TN__FAIL(a, INVALID_ARGUMENT, "attribute 'auto_pad' is '%s', wanted NOTSET, VALID, SAME_UPPER or SAME_LOWER", text);
    TN__TRY(list_check(a, "kernel_shape", s->kernel_shape, rank, 1));
    TN__TRY(list_check(a, "strides", s->strides, rank, 1));
    TN__TRY(list_check(a, "dilations", s->dilations, rank, 1));
    TN__TRY(list_check(a, "pads", s->pads, 2 * rank, 0));
    if (!kernel && !s->kernel_shape.n) return TN__FAIL(a, INVALID_GRAPH, "attribute 'kernel_shape' is missing");
    for (int32_t i = 0; i < rank; i++) {
        int64_t k = kernel ? kernel[i] : TN_DIM_UNKNOWN;
        if (s->kernel_shape.n) {
            if (k >= 0 && k != s->kernel_shape.data[i])
                return TN__FAIL(a, SHAPE_MISMATCH, "attribute 'kernel_shape' entry %d is %" PRId64 ", the weight has %" PRId64, i,
                                s->kernel_shape.data[i], k);
            k = s->kernel_shape.data[i];
        }
        if (k == 0 || k > largest || in[i] > largest)
            return TN__FAIL(a, OUT_OF_RANGE, "spatial dimension %d: size %" PRId64 " and kernel %" PRId64 ", wanted kernel from 1, both to %" PRId64,
                            i, in[i], k, largest);
        w->kernel[i] = k < 0 ? TN_DIM_UNKNOWN : k;
        w->in[i] = in[i] < 0 ? TN_DIM_UNKNOWN : in[i];
        w->stride[i] = s->strides.n ? s->strides.data[i] : 1;
        w->dilation[i] = s->dilations.n ? s->dilations.data[i] : 1;
        bool pads = *out_mode == PAD_EXPLICIT && s->pads.n;
        w->pad_begin[i] = pads ? s->pads.data[i] : 0;
        w->pad_end[i] = pads ? s->pads.data[i + rank] : 0;
        w->out[i] = TN_DIM_UNKNOWN;
    }
    return NULL;
}

tn_error *tn__window_resolve(const tn_allocator *a, const tn__window_spec *s, int32_t rank, const int64_t *in,
                             const int64_t *kernel, tn__window *w) {
    pad_mode mode;
    TN__TRY(common(a, s, rank, in, kernel, w, &mode));
    for (int32_t i = 0; i < rank; i++) {
        int64_t stride = w->stride[i];
        bool same = mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER;
        if (w->in[i] < 0 || w->kernel[i] < 0) {
            if (same) w->pad_begin[i] = w->pad_end[i] = TN_DIM_UNKNOWN;
            if (same && w->in[i] >= 0) w->out[i] = (w->in[i] + stride - 1) / stride;
            continue;
        }
        int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1; /* below 2^61 */
        if (same) {
            w->out[i] = (w->in[i] + stride - 1) / stride;
            int64_t total = (w->out[i] - 1) * stride + extent - w->in[i];
            if (total < 0 || !w->out[i]) total = 0;
            w->pad_begin[i] = mode == PAD_SAME_UPPER ? total / 2 : total - total / 2;
            w->pad_end[i] = total - w->pad_begin[i];
            continue;
        }
        int64_t padded = w->in[i] + w->pad_begin[i] + w->pad_end[i], room = padded - extent;
        if (room < 0 && s->ceil_mode && padded > 0 && room > -stride) room = 0; /* ceil(negative fraction) == 0: one partial window */
        if (room < 0)
            return TN__FAIL(a, SHAPE_MISMATCH, "spatial dimension %d: padded size %" PRId64 " is smaller than the window's extent %" PRId64,
                            i, padded, extent);
        w->out[i] = (s->ceil_mode ? (room + stride - 1) / stride : room / stride) + 1;
        /* the last window must start inside the input or the left padding */
        if (s->ceil_mode && w->out[i] > 1 && (w->out[i] - 1) * stride >= w->in[i] + w->pad_begin[i]) w->out[i]--;
    }
    return NULL;
}

tn_error *tn__window_resolve_transposed(const tn_allocator *a, const tn__window_spec *s, int32_t rank, const int64_t *in,
                                        const int64_t *kernel, tn__window *w) {
    pad_mode mode;
    TN__TRY(common(a, s, rank, in, kernel, w, &mode));
    TN__TRY(list_check(a, "output_padding", s->output_padding, rank, 0));
    tn__ints shape = s->output_shape;
    if (shape.n == (uint32_t)rank + 2) shape.n -= 2, shape.data += 2; /* exporters write batch and channels too */
    TN__TRY(list_check(a, "output_shape", shape, rank, 0));
    bool same = mode == PAD_SAME_UPPER || mode == PAD_SAME_LOWER;
    for (int32_t i = 0; i < rank; i++) {
        if (w->in[i] < 0 || w->kernel[i] < 0) {
            if (shape.n) w->out[i] = shape.data[i];
            else if (same && w->in[i] >= 0) w->out[i] = w->in[i] * w->stride[i];
            if (same || shape.n) w->pad_begin[i] = w->pad_end[i] = TN_DIM_UNKNOWN;
            continue;
        }
        int64_t extra = s->output_padding.n ? s->output_padding.data[i] : 0;
        int64_t full = w->in[i] ? w->stride[i] * (w->in[i] - 1) + (w->kernel[i] - 1) * w->dilation[i] + 1 + extra : 0;
        if (!same && !shape.n) {
            w->out[i] = full - w->pad_begin[i] - w->pad_end[i];
            if (w->out[i] < 0)
                return TN__FAIL(a, SHAPE_MISMATCH, "spatial dimension %d: size %" PRId64 " is smaller than its padding", i, full);
            continue;
        }
        w->out[i] = shape.n ? shape.data[i] : w->in[i] * w->stride[i];
        int64_t total = full - w->out[i] > 0 ? full - w->out[i] : 0;
        w->pad_begin[i] = mode == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        w->pad_end[i] = total - w->pad_begin[i];
    }
    return NULL;
}

void tn__window_taps(const tn__window *w, int32_t axis, int64_t o, int64_t *out_begin, int64_t *out_end) {
    int64_t d = w->dilation[axis], first = o * w->stride[axis] - w->pad_begin[axis], in = w->in[axis];
    int64_t begin = first < 0 ? (-first + d - 1) / d : 0;
    int64_t end = first < in ? (in - first + d - 1) / d : 0;
    if (end > w->kernel[axis]) end = w->kernel[axis];
    *out_begin = begin;
    *out_end = end > begin ? end : begin;
}
