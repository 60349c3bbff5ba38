/* What the lowerings of sliding windows share: lower_conv*.c, lower_pool.c. */
#ifndef TN_KERNEL_LOWER_WINDOW_H
#define TN_KERNEL_LOWER_WINDOW_H
#include "kernel/lower.h"
#include "op/conv/window.h"

tn_error *tn__lower_conv_window(const tn__lower *l, const tn__node *n, tn__window *w);
/* Some tap of some output of axis i falls outside the input. */
bool tn__window_needs_domain(const tn__window *w, int32_t i);
/* The last axis is cut at the borders by guards on the loads: too many taps to unroll. */
bool tn__window_wants_guard(const tn__window *w);
/* That guard on `load`: dim d walks the last axis, `tap` its taps; `value` outside. */
void tn__window_add_guard(tn__kernel *k, int32_t load, const tn__window *w, int32_t d, int32_t tap, double value);
/* A 1x1 window of stride 1 with more than one axis becomes one long axis. */
bool tn__window_flatten(tn__window *w);
/* Spatial output dims and window taps: dims[] and taps[] are the kernel dims per window axis; strides of the input at `scale` elements a
 * pixel go into in_map, borders into the domain. */
void tn__window_add(tn__build *b, const tn__window *w, const int32_t *dims, const int32_t *taps, int64_t scale, tn__kmap *in_map);
/* A window on row-major values, vectors along lines of pixels. */
typedef struct tn__lines {
    tn__window w;
    int64_t groups, ic, oc; /* of a convolution: channels of a group */
    int64_t pixels, line;  /* of the output: all, and along the line */
    int64_t phases, steps; /* taps along the line: steps * phases; those from w.kernel on are none */
    int64_t padded[3];     /* extents of the copy: outer axes, then the line of one phase */
    bool pointwise, copied;
} tn__lines;
/* The rest from s->w; false: there is no such form. */
bool tn__lines_of_window(tn__lines *s);
/* The lines of x with their padding (`outside`), the phases of a stride side by side: [n][c][outer axes][phase][x], of tn__lines_dtype. */
tn_error *tn__lines_copy(tn__lower *l, tn_value x, uint32_t root, const tn__lines *s, double outside, uint32_t *out_slot);
static inline tn_dtype tn__lines_dtype(tn_dtype x) { return tn__kernel_as_f32(x) ? TN_DTYPE_f32 : x; }
enum { TN__LINES_UNROLL = 16 }; /* taps along the line */
/* Taps behind the window's end, which only fill up the phases, read `outside`: times a weight of zero an infinity would be NaN. */
void tn__lines_add_guard(tn__kernel *k, int32_t load, const tn__lines *s, int32_t d_step, int32_t d_phase, double outside);
tn_error *tn__lower_pool_window(const tn__lower *l, const tn__node *n, tn__window *w);
bool tn__lower_pool_has_lines(const tn__lower *l, const tn__node *n);
/* Cuts dim m into chunks for the pool where the other dims are too few. */
void tn__lower_chunk_rows(tn__kernel *k, int64_t grid_without_m);
/* Cycles of one reduction step over `rows` rows in tiles of nv vectors, and the best height of these. */
double tn__lower_tile_cost(int64_t rows, int32_t nv, int32_t registers, int32_t most_rows, int32_t *out_mr);
/* Adds the bias (if any) to b->memo_red; channels are what the dims of axis 1 walk. */
tn_error *tn__lower_conv_bias(tn__build *b, const tn__node *n, int64_t channels);
/* Convolution in groups that is not depthwise. */
tn_error *tn__lower_conv_group(tn__lower *l, uint32_t root, const tn__node *n);
/* 3x3 convolution of stride 1 by minimal filtering (winograd.h), where that is expected to be faster and its error bound fits.
 * *out_done false: it is left to the caller. */
tn_error *tn__lower_conv_winograd(tn__lower *l, uint32_t root, const tn__node *n, const tn__window *w, bool *out_done);
#endif
