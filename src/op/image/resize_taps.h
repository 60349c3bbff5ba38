/* What resize makes of each axis: for every output coordinate a list of source indices and weights. The evaluation and the lowering to
 * kernels share it. Source of the coordinate formulas and filters: ONNX operator Resize. */
#ifndef TN_OP_IMAGE_RESIZE_TAPS_H
#define TN_OP_IMAGE_RESIZE_TAPS_H
#include "op/image/resize.h"

typedef struct tn__axis_taps {
    int64_t per, out;          /* taps of an output coordinate; output coordinates */
    int64_t *index;            /* [out][per], NULL: the axis stays as it is */
    double *weight;            /* the same; 1 for nearest */
    bool *outside, any_outside; /* per coordinate: the extrapolation value takes the place of the result */
} tn__axis_taps;

typedef struct tn__resize_taps {
    bool nearest;
    int32_t rank;
    tn__axis_taps axes[TN_MAX_RANK];
} tn__resize_taps;

/* For an input of `dims`, none of them 0; roi: 2 * n_axes floats, or NULL. Free with tn__resize_taps_deinit, also after an error. */
tn_error *tn__resize_taps_init(const tn_allocator *a, const tn__attrs_resize *attrs, int32_t rank, const int64_t *dims,
                               const tn__resize_plan *p, const tn_tensor *roi, tn__resize_taps *out);
void tn__resize_taps_deinit(const tn_allocator *a, tn__resize_taps *t);
/* The mode needs operand 1, the region of interest. */
bool tn__resize_needs_roi(const tn__attrs_resize *attrs);
#endif
