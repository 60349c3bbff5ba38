/* Tensors: reference-counted host arrays; dense, but for those of tn_tensor_create_strided (rt/strided.h). */
#ifndef TN_RT_TENSOR_H
#define TN_RT_TENSOR_H
#include "base/context.h"
#include "base/dtype.h"

struct tn_tensor {
    tn__handle handle;
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
    bool read_only; /* a run refuses to write it */
    bool has_room;  /* for strides, whether it has them or not */
    bool of_file;   /* origin, or else data, lies in a read-only mapping of a file */
    const void *origin;   /* where the elements lie unaligned, for data to be filled from; kept alive by free_data. NULL: none */
    atomic_uchar unsettled; /* data is not filled yet: TN__TENSOR_* */
    atomic_uint magnitude;  /* of a constant of f32, found once (kernel/narrow.c); 0: not yet */
    int64_t *strides; /* in elements, behind dims; NULL: dense */
    int64_t dims[];   /* rank entries */
};

/* A large weight whose place in a file is not aligned has its memory from the beginning, but is copied there only for the one who wants to
 * read the elements in place (tn__tensor_settle): most weights are only packed, which reads bytes (tn__tensor_bytes). */
enum { TN__TENSOR_SETTLED, TN__TENSOR_LOOSE, TN__TENSOR_COPYING };
/* `bytes` of elements at `origin`, at any address; free_data as in tn_tensor_create_borrowed. Large ones of POD types only. */
tn_error *tn__tensor_create_loose(tn_context *c, tn_dtype dtype, int32_t rank, const int64_t *dims, const void *origin,
                                  void (*free_data)(void *, void *), void *free_self, tn_tensor **out_tensor);
void tn__tensor_copy_now(tn_tensor *t);
/* Makes t->data valid. Thread-safe; cannot fail. */
static inline const tn_tensor *tn__tensor_settle(const tn_tensor *t) {
    if (t && atomic_load_explicit(&t->unsettled, memory_order_acquire)) tn__tensor_copy_now((tn_tensor *)t);
    return t;
}
/* The elements as bytes, wherever they lie: for memcpy and memcmp. */
static inline const void *tn__tensor_bytes(const tn_tensor *t) { return t->origin ? t->origin : t->data; }
/* The bytes that lie in a file are not needed in memory any more; read again, they come back. */
void tn__tensor_forget(const tn_tensor *t);

/* Product of dims within the context's limits; error names `what`. */
tn_error *tn__elements(const tn_context *c, const char *what, int32_t rank, const int64_t *dims, int64_t *out_elements);
/* A tensor without data; room for strides on request. */
tn_error *tn__tensor_create_unfilled(tn_context *c, tn_dtype dtype, int32_t rank, const int64_t *dims, bool strided, tn_tensor **out_tensor);
/* As tn_tensor_create, but the data is not cleared. String tensors hold `char *` elements of the context's allocator (NULL = ""). */
tn_error *tn__tensor_create_uninitialised(tn_context *c, tn_dtype dtype, int32_t rank, const int64_t *dims,
                                          tn_tensor **out_tensor);
/* A tensor of another shape with equal element count over the same data (keeps `base` alive). */
tn_error *tn__tensor_create_view(tn_tensor *base, int32_t rank, const int64_t *dims, tn_tensor **out_tensor);
bool tn__tensor_same_shape(const tn_tensor *a, const tn_tensor *b);
#endif
