/* Tensors: reference-counted dense host arrays. */
#ifndef TN_RT_TENSOR_H
#define TN_RT_TENSOR_H
#include "base/context.h"
#include "base/dtype.h"

struct tn_tensor {
    atomic_uint references;
    tn_context *context; /* retained */
    tn_dtype dtype;
    int32_t rank;
    int64_t elements;
    size_t bytes;
    void *data;
    void (*free_data)(void *free_self, void *data);
    void *free_self;
    bool owns_data; /* data came from the context's allocator, 64-byte aligned */
    int64_t dims[]; /* rank entries */
};

/* Product of dims within the context's limits; error names `what`. */
tn_error *tn__elements(const tn_context *c, const char *what, int32_t rank, const int64_t *dims, int64_t *out_elements);
/* As tn_tensor_create, but the data is not cleared. String tensors hold `char *` elements of the context's allocator (NULL = ""). */
tn_error *tn__tensor_create_uninitialised(tn_context *c, tn_dtype dtype, int32_t rank, const int64_t *dims,
                                          tn_tensor **out_tensor);
/* A tensor of another shape with equal element count over the same data (keeps `base` alive). */
tn_error *tn__tensor_create_view(tn_tensor *base, int32_t rank, const int64_t *dims, tn_tensor **out_tensor);
bool tn__tensor_same_shape(const tn_tensor *a, const tn_tensor *b);
#endif
