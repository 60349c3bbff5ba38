/* The geometry of sliding windows: what conv, conv_transpose and the pools make of auto_pad, pads, strides, dilations and ceil_mode.
 *
 *   position of tap k of output o on one axis:  o * stride - pad_begin + k * dilation, inside the input when in [0, in)
 *   transposed:  tap k of INPUT position i adds to output  i * stride - pad_begin + k * dilation
 */
#ifndef TN_OP_CONV_WINDOW_H
#define TN_OP_CONV_WINDOW_H
#include "ir/op_table.h"

typedef struct tn__window {
    int32_t rank; /* spatial axes */
    /* per axis; in, kernel, out and the pads may be TN_DIM_UNKNOWN where the types were unknown */
    int64_t kernel[TN_MAX_RANK], stride[TN_MAX_RANK], dilation[TN_MAX_RANK];
    int64_t pad_begin[TN_MAX_RANK], pad_end[TN_MAX_RANK];
    int64_t in[TN_MAX_RANK], out[TN_MAX_RANK];
} tn__window;

/* The attributes as the op has them; lists with n == 0 mean the default. */
typedef struct tn__window_spec {
    const char *auto_pad; /* NULL = NOTSET */
    tn__ints kernel_shape, strides, dilations, pads;
    bool ceil_mode;
    tn__ints output_padding, output_shape; /* transposed only */
} tn__window_spec;

/* Fills *out. `in`: the spatial dims; `kernel`: the dims from the weight, NULL = only kernel_shape says them. Negative = unknown.
 * Pads of SAME_* and everything else come out as numbers; all sizes are checked against overflow. */
tn_error *tn__window_resolve(const tn_allocator *a, const tn__window_spec *spec, int32_t rank, const int64_t *in,
                             const int64_t *kernel, tn__window *out);
/* The same for conv_transpose (ceil_mode is not read). */
tn_error *tn__window_resolve_transposed(const tn_allocator *a, const tn__window_spec *spec, int32_t rank, const int64_t *in,
                                        const int64_t *kernel, tn__window *out);

/* The taps [*out_begin, *out_end) of output `o` on `axis` that fall inside the input (empty: begin == end). Static windows only. */
void tn__window_taps(const tn__window *w, int32_t axis, int64_t o, int64_t *out_begin, int64_t *out_end);

/* The spec of a node of op conv, conv_transpose, or a pool, from its attributes. */
static inline tn__window_spec tn__window_spec_of_conv(const tn__attrs_conv *a) {
    return (tn__window_spec){.auto_pad = a->auto_pad, .kernel_shape = a->kernel_shape, .strides = a->strides,
                             .dilations = a->dilations, .pads = a->pads};
}
static inline tn__window_spec tn__window_spec_of_deform_conv(const tn__attrs_deform_conv *a) {
    return (tn__window_spec){.auto_pad = "NOTSET", .kernel_shape = a->kernel_shape, .strides = a->strides, .dilations = a->dilations,
                             .pads = a->pads};
}
static inline tn__window_spec tn__window_spec_of_conv_transpose(const tn__attrs_conv_transpose *a) {
    return (tn__window_spec){.auto_pad = a->auto_pad, .kernel_shape = a->kernel_shape, .strides = a->strides,
                             .dilations = a->dilations, .pads = a->pads, .output_padding = a->output_padding,
                             .output_shape = a->output_shape};
}
static inline tn__window_spec tn__window_spec_of_pool(const tn__attrs_pool *a) {
    return (tn__window_spec){.auto_pad = a->auto_pad, .kernel_shape = a->kernel_shape, .strides = a->strides,
                             .dilations = a->dilations, .pads = a->pads, .ceil_mode = a->ceil_mode != 0};
}
#endif
