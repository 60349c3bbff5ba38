/* Tensors whose elements do not lie one after the other, or not where their type wants them: all that leaves the public face is dense. */
#ifndef TN_RT_STRIDED_H
#define TN_RT_STRIDED_H
#include "rt/tensor.h"

/* Dense, and aligned for its element type: what kernels and evaluations work on. */
static inline bool tn__tensor_is_plain(const tn_tensor *t) {
    size_t align = tn_dtype_bits(t->dtype) / 8;
    return !t->strides && (align <= 1 || !((uintptr_t)t->data & (align - 1)));
}
/* `t` itself, retained, if it is plain; else a plain copy. */
TN_MUST_USE tn_error *tn__tensor_make_plain(const tn_tensor *t, tn_tensor **out_tensor);
/* Copies elements between tensors of the same dtype and shape, plain or not; not for strings. */
void tn__tensor_copy_elements(tn_tensor *dst, const tn_tensor *src);
/* The bytes that elements lie in are within [*out_low, *out_high); equal if there is none. */
void tn__tensor_range(const tn_tensor *t, uintptr_t *out_low, uintptr_t *out_high);
/* Can every element be written without changing another? False also where that cannot be seen dimension by dimension. */
bool tn__tensor_is_writable(const tn_tensor *t);
#endif
