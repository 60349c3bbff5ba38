/* Lowerings whose index maps are not affine, and what they are made of (docs/decisions/0009-index-maps.md). */
#ifndef TN_KERNEL_LOWER_MAPS_H
#define TN_KERNEL_LOWER_MAPS_H
#include "kernel/lower.h"

/* Every element of v is *out_value, exact in a double: a constant that need not be stored (constant_of_shape or expand, over the folding
 * limit). It is filled into a slot only where some user cannot do without. */
bool tn__lower_splat(const tn_graph *g, tn_value v, double *out_value);
/* Fills a slot with one value, exact in the computing type of dtype. */
tn_error *tn__lower_fill(tn__lower *l, tn_dtype dtype, int64_t elements, double value, uint32_t slot);
/* Adds a step that checks operand range->operand of the node. */
tn_error *tn__lower_check(tn__lower *l, uint32_t node, const tn__range_check *range);
/* A constant buffer with these integers, of 32 bits where they fit. */
tn_error *tn__lower_table(tn__build *b, const int64_t *values, int64_t n, int32_t *out_buffer);
/* gather, gather_elements, gather_nd. *out_done false: not for kernels. */
tn_error *tn__lower_gather(tn__lower *l, uint32_t node, bool *out_done);
/* A gather of channels that keeps the blocked layout. */
bool tn__lower_gathers_blocked(const tn__lower *l, const tn__node *n);
/* Copies through a table per axis: nearest resize, pads that repeat the data, tile. *out_done false: not for kernels. */
tn_error *tn__lower_mapped(tn__lower *l, uint32_t node, bool *out_done);
/* A resize between pixels that kernels compute, an anchor of a group. */
bool tn__lower_interpolates(const tn__lower *l, const tn__node *n);
tn_error *tn__lower_interpolation(tn__lower *l, uint32_t root, const tn__node *n);
/* A resize, pad or tile that leaves batch and channels alone, so that any layout will do. */
bool tn__lower_maps_pixels(const tn__lower *l, const tn__node *n);
#endif
