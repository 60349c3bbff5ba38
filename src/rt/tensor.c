#include "rt/tensor.h"

#include <inttypes.h>

#include "base/os.h"
#include "base/os_thread.h"

tn_error *tn__elements(const tn_context *c, const char *what, int32_t rank, const int64_t *dims, int64_t *out_elements) {
    const tn_allocator *a = &c->allocator;
    *out_elements = 0;
    if (rank < 0 || (uint32_t)rank > c->limits.max_rank)
        return TN__FAIL(a, LIMIT_EXCEEDED, "%s: rank %d is outside 0..%u", what, rank, c->limits.max_rank);
    int64_t n = 1;
    bool empty = false;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] < 0) return TN__FAIL(a, INVALID_ARGUMENT, "%s: dimension %d is %" PRId64, what, i, dims[i]);
        if (dims[i] == 0) empty = true;
        else if (!tn__mul_i64(n, dims[i], &n) || (uint64_t)n > c->limits.max_elements)
            return TN__FAIL(a, LIMIT_EXCEEDED, "%s: more than %" PRIu64 " elements (limit max_elements)", what,
                            c->limits.max_elements);
    }
    *out_elements = empty ? 0 : n;
    return NULL;
}

/* Room for dims, and for strides. */
static size_t struct_bytes(int32_t rank, bool strided) { return sizeof(tn_tensor) + (size_t)rank * (strided ? 2 : 1) * sizeof(int64_t); }

tn_error *tn__tensor_create_unfilled(tn_context *c, tn_dtype dtype, int32_t rank, const int64_t *dims, bool strided, tn_tensor **out_tensor) {
    const tn_allocator *a = &c->allocator;
    if (!tn_dtype_bits(dtype)) return TN__FAIL(a, INVALID_ARGUMENT, "tensor: unknown dtype %d", (int)dtype);
    if (rank > 0 && !dims) return TN__FAIL(a, INVALID_ARGUMENT, "tensor: dims is NULL, rank %d", rank);
    int64_t elements;
    TN__TRY(tn__elements(c, "tensor", rank, dims, &elements));
    size_t bytes = tn__dtype_bytes(dtype, elements);
    if (bytes > c->limits.max_bytes)
        return TN__FAIL(a, LIMIT_EXCEEDED, "tensor: %zu bytes, limit max_bytes is %" PRIu64, bytes, c->limits.max_bytes);
    tn_tensor *t = tn__alloc_zero(a, struct_bytes(rank, strided));
    if (!t) return tn__error_oom();
    tn__handle_init(&t->handle, TN__HANDLE_TENSOR);
    atomic_init(&t->references, 1);
    tn_context_retain(c);
    t->context = c;
    t->has_room = strided;
    t->dtype = dtype;
    t->rank = rank;
    t->elements = elements;
    t->bytes = bytes;
    if (rank) memcpy(t->dims, dims, (size_t)rank * sizeof *dims);
    *out_tensor = t;
    return NULL;
}

tn_error *tn__tensor_create_uninitialised(tn_context *c, tn_dtype dtype, int32_t rank, const int64_t *dims,
                                          tn_tensor **out_tensor) {
    *out_tensor = NULL;
    tn_tensor *t;
    TN__TRY(tn__tensor_create_unfilled(c, dtype, rank, dims, false, &t));
    /* a whole vector beyond the end may be read (never used), so the tail of the last cache line belongs to us */
    t->data = c->allocator.allocate(c->allocator.self, t->bytes + 64, 64);
    if (!t->data) {
        tn_tensor_release(t);
        return tn__error_oom();
    }
    t->owns_data = true;
    if (dtype == TN_DTYPE_string) memset(t->data, 0, t->bytes);
    *out_tensor = t;
    return NULL;
}

tn_error *tn_tensor_create(tn_context *context, tn_dtype dtype, int32_t rank, const int64_t *dims,
                           tn_tensor **out_tensor) {
    if (!out_tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_tensor_create: out_tensor is NULL");
    *out_tensor = NULL;
    TN__HANDLE(context, CONTEXT);
    TN__TRY(tn__tensor_create_uninitialised(context, dtype, rank, dims, out_tensor));
    memset((*out_tensor)->data, 0, (*out_tensor)->bytes);
    return NULL;
}

tn_error *tn_tensor_create_borrowed(tn_context *context, tn_dtype dtype, int32_t rank, const int64_t *dims, void *data,
                                    size_t bytes, void (*free_data)(void *, void *), void *free_self,
                                    tn_tensor **out_tensor) {
    if (!out_tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_tensor_create_borrowed: out_tensor is NULL");
    *out_tensor = NULL;
    TN__HANDLE(context, CONTEXT);
    tn_tensor *t;
    TN__TRY(tn__tensor_create_unfilled(context, dtype, rank, dims, false, &t));
    if (bytes < t->bytes || (!data && t->bytes)) {
        tn_error *e = TN__FAIL(&context->allocator, SHAPE_MISMATCH, "tensor: shape and dtype want %zu bytes, the buffer has %zu",
                               t->bytes, data ? bytes : 0);
        tn_tensor_release(t);
        return e;
    }
    t->data = data;
    t->free_data = free_data;
    t->free_self = free_self;
    *out_tensor = t;
    return NULL;
}

tn_error *tn__tensor_create_loose(tn_context *c, tn_dtype dtype, int32_t rank, const int64_t *dims, const void *origin,
                                  void (*free_data)(void *, void *), void *free_self, tn_tensor **out_tensor) {
    TN__TRY(tn__tensor_create_uninitialised(c, dtype, rank, dims, out_tensor));
    tn_tensor *t = *out_tensor;
    t->origin = origin;
    t->free_data = free_data;
    t->free_self = free_self;
    atomic_store_explicit(&t->unsettled, TN__TENSOR_LOOSE, memory_order_relaxed);
    return NULL;
}

void tn__tensor_copy_now(tn_tensor *t) {
    unsigned char loose = TN__TENSOR_LOOSE;
    if (atomic_compare_exchange_strong_explicit(&t->unsettled, &loose, TN__TENSOR_COPYING, memory_order_acquire, memory_order_acquire)) {
        memcpy(t->data, t->origin, t->bytes);
        atomic_store_explicit(&t->unsettled, TN__TENSOR_SETTLED, memory_order_release);
    } else {
        while (atomic_load_explicit(&t->unsettled, memory_order_acquire)) tn__os_pause(); /* as long as a memcpy takes */
    }
}

void tn__tensor_forget(const tn_tensor *t) {
    if (t->of_file) tn__os_forget(tn__tensor_bytes(t), t->bytes);
}

static void release_base(void *base, void *data) {
    (void)data;
    tn_tensor_release(base);
}

tn_error *tn__tensor_create_view(tn_tensor *base, int32_t rank, const int64_t *dims, tn_tensor **out_tensor) {
    tn__tensor_settle(base);
    TN__TRY(tn_tensor_create_borrowed(base->context, base->dtype, rank, dims, base->data, base->bytes, release_base, base,
                                      out_tensor));
    tn_tensor_retain(base);
    (*out_tensor)->read_only = base->read_only;
    return NULL;
}

bool tn__tensor_same_shape(const tn_tensor *a, const tn_tensor *b) {
    return a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims));
}

void tn_tensor_retain(tn_tensor *tensor) {
    if (TN__IS(tensor, TENSOR)) atomic_fetch_add_explicit(&tensor->references, 1, memory_order_relaxed);
}

void tn_tensor_release(tn_tensor *tensor) {
    if (!TN__IS(tensor, TENSOR) || atomic_fetch_sub_explicit(&tensor->references, 1, memory_order_acq_rel) != 1) return;
    tn_context *c = tensor->context;
    const tn_allocator *a = &c->allocator;
    if (tensor->owns_data) {
        if (tensor->dtype == TN_DTYPE_string)
            for (int64_t i = 0; i < tensor->elements; i++) tn__strfree(a, ((char **)tensor->data)[i]);
        a->deallocate(a->self, tensor->data, tensor->bytes + 64);
    }
    if (tensor->free_data) tensor->free_data(tensor->free_self, tensor->data);
    tn__handle_deinit(&tensor->handle);
    tn__free(a, tensor, struct_bytes(tensor->rank, tensor->has_room));
    tn_context_release(c);
}

tn_dtype tn_tensor_get_dtype(const tn_tensor *tensor) { return TN__IS(tensor, TENSOR) ? tensor->dtype : TN_DTYPE_NONE; }
int32_t tn_tensor_get_rank(const tn_tensor *tensor) { return TN__IS(tensor, TENSOR) ? tensor->rank : 0; }
const int64_t *tn_tensor_get_dims(const tn_tensor *tensor) { return TN__IS(tensor, TENSOR) ? tensor->dims : NULL; }
void *tn_tensor_get_data(const tn_tensor *tensor) { return TN__IS(tensor, TENSOR) ? tn__tensor_settle(tensor)->data : NULL; }
size_t tn_tensor_get_bytes(const tn_tensor *tensor) { return TN__IS(tensor, TENSOR) ? tensor->bytes : 0; }
int64_t tn_tensor_get_elements(const tn_tensor *tensor) { return TN__IS(tensor, TENSOR) ? tensor->elements : 0; }
