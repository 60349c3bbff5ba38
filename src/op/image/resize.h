/* The sizes and scales of resize, from its attributes and operands; the shape rule and the evaluation share it. */
#ifndef TN_OP_IMAGE_RESIZE_H
#define TN_OP_IMAGE_RESIZE_H
#include "op/op.h"

typedef struct tn__resize_plan {
    int32_t n_axes;
    int32_t axes[TN_MAX_RANK];   /* normalised, distinct */
    int64_t out[TN_MAX_RANK];    /* of axes[i] */
    double scale[TN_MAX_RANK];   /* of axes[i] */
} tn__resize_plan;

/* `scales` or `sizes` (one of them NULL or empty) for an input of static dims along the axes. */
tn_error *tn__resize_resolve(const tn_allocator *a, const tn__attrs_resize *attrs, int32_t rank, const int64_t *dims,
                             const tn_tensor *scales, const tn_tensor *sizes, tn__resize_plan *out);
/* The axes alone. */
tn_error *tn__resize_axes(const tn_allocator *a, const tn__attrs_resize *attrs, int32_t rank, tn__resize_plan *out);
#endif
