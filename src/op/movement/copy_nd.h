/* Copying elements between tensors of one dtype: runs and strided boxes. Sub-byte elements and strings (duplicated) included. */
#ifndef TN_OP_COPY_ND_H
#define TN_OP_COPY_ND_H
#include "op/op.h"

/* n consecutive elements. Offsets and counts in elements; they must lie inside the tensors. */
tn_error *tn__copy_run(const tn_allocator *a, tn_tensor *dst, int64_t dst_at, const tn_tensor *src, int64_t src_at, int64_t n);
/* A box of `dims`, each side with its own strides (negative and 0 allowed on the source side). rank may be up to TN__COPY_MAX_RANK. */
enum { TN__COPY_MAX_RANK = 2 * TN_MAX_RANK };
tn_error *tn__copy_nd(const tn_allocator *a, tn_tensor *dst, int64_t dst_at, const int64_t *dst_strides, const tn_tensor *src,
                      int64_t src_at, const int64_t *src_strides, int32_t rank, const int64_t *dims);
#endif
