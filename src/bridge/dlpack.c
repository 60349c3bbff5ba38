/* Tensors from and to DLPack. */
#include "tenon/dlpack.h"

#include <inttypes.h>

#include "rt/tensor.h"
#include "tenon/dlpack_types.h"

_Static_assert(sizeof(DLTensor) == 48 && sizeof(DLManagedTensor) == 64 && sizeof(DLManagedTensorVersioned) == 80, "DLPack's layout");

/* One row per element type that both know. */
static const struct {
    tn_dtype dtype;
    uint8_t code, bits;
} pairs[] = {
    {TN_DTYPE_f64, kDLFloat, 64},        {TN_DTYPE_f32, kDLFloat, 32},
    {TN_DTYPE_f16, kDLFloat, 16},        {TN_DTYPE_bf16, kDLBfloat, 16},
    {TN_DTYPE_f8e4m3, kDLFloat8_e4m3fn, 8}, {TN_DTYPE_f8e5m2, kDLFloat8_e5m2, 8},
    {TN_DTYPE_f8e4m3fnuz, kDLFloat8_e4m3fnuz, 8}, {TN_DTYPE_f8e5m2fnuz, kDLFloat8_e5m2fnuz, 8},
    {TN_DTYPE_f8e8m0, kDLFloat8_e8m0fnu, 8}, {TN_DTYPE_f4e2m1, kDLFloat4_e2m1fn, 4},
    {TN_DTYPE_i64, kDLInt, 64},          {TN_DTYPE_i32, kDLInt, 32},
    {TN_DTYPE_i16, kDLInt, 16},          {TN_DTYPE_i8, kDLInt, 8},
    {TN_DTYPE_i4, kDLInt, 4},            {TN_DTYPE_i2, kDLInt, 2},
    {TN_DTYPE_u64, kDLUInt, 64},         {TN_DTYPE_u32, kDLUInt, 32},
    {TN_DTYPE_u16, kDLUInt, 16},         {TN_DTYPE_u8, kDLUInt, 8},
    {TN_DTYPE_u4, kDLUInt, 4},           {TN_DTYPE_u2, kDLUInt, 2},
    {TN_DTYPE_bool, kDLBool, 8},
};

/* ---- from ---------------------------------------------------------------------------------------------------- */

static bool is_host_memory(int32_t device) { return device == kDLCPU || device == kDLCUDAHost || device == kDLROCMHost; }

static tn_error *find_dtype(const tn_allocator *a, DLDataType d, bool packed, tn_dtype *out_dtype) {
    if (d.lanes != 1)
        return TN__FAIL(a, UNSUPPORTED, "dlpack: elements of %u lanes; only single ones are supported", (unsigned)d.lanes);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].code != d.code || pairs[i].bits != d.bits) continue;
        if (d.bits < 8 && !packed)
            return TN__FAIL(a, UNSUPPORTED, "dlpack: %s elements are only supported packed, by the versioned form",
                            tn_dtype_name(pairs[i].dtype));
        *out_dtype = pairs[i].dtype;
        return NULL;
    }
    return TN__FAIL(a, UNSUPPORTED, "dlpack: there is no element type of code %u and %u bits", (unsigned)d.code, (unsigned)d.bits);
}

/* The data and their type, checked; changes nothing. */
static tn_error *from_dl(tn_context *c, const DLTensor *t, bool packed, void (*free_data)(void *, void *), void *free_self,
                         tn_tensor **out_tensor) {
    const tn_allocator *a = &c->allocator;
    tn_dtype dtype = TN_DTYPE_NONE;
    int64_t elements;
    if (!is_host_memory((int32_t)t->device.device_type))
        return TN__FAIL(a, UNSUPPORTED, "dlpack: memory of device type %d, which the CPU cannot read; copy the tensor to the CPU first",
                        (int)t->device.device_type);
    TN__TRY(find_dtype(a, t->dtype, packed, &dtype));
    if (t->ndim > 0 && !t->shape) return TN__FAIL(a, INVALID_ARGUMENT, "dlpack: shape is NULL, ndim %d", (int)t->ndim);
    if (t->ndim < 0) return TN__FAIL(a, INVALID_ARGUMENT, "dlpack: ndim is %d", (int)t->ndim);
    TN__TRY(tn__elements(c, "dlpack", t->ndim, t->shape, &elements));
    uintptr_t address = (uintptr_t)t->data, bytes = tn__dtype_bytes(dtype, elements), end;
    if (bytes && !t->data) return TN__FAIL(a, INVALID_ARGUMENT, "dlpack: data is NULL, %zu bytes wanted", (size_t)bytes);
    if (t->byte_offset > UINTPTR_MAX || __builtin_add_overflow(address, (uintptr_t)t->byte_offset, &address) ||
        __builtin_add_overflow(address, bytes, &end))
        return TN__FAIL(a, INVALID_ARGUMENT, "dlpack: byte_offset %" PRIu64 " leads out of memory", t->byte_offset);
    size_t align = tn_dtype_bits(dtype) > 8 ? tn_dtype_bits(dtype) / 8 : 1;
    if (bytes && address % align)
        return TN__FAIL(a, INVALID_ARGUMENT, "dlpack: data + byte_offset is not a multiple of %zu, which %s wants", align,
                        tn_dtype_name(dtype));
    void *first = t->data ? (char *)t->data + t->byte_offset : NULL;
    return t->strides ? tn_tensor_create_strided(c, dtype, t->ndim, t->shape, t->strides, first, NULL, 0, free_data, free_self, out_tensor)
                      : tn_tensor_create_borrowed(c, dtype, t->ndim, t->shape, first, (size_t)bytes, free_data, free_self, out_tensor);
}

static void free_managed(void *self, void *data) {
    DLManagedTensor *m = self;
    (void)data;
    if (m->deleter) m->deleter(m);
}

static void free_managed_versioned(void *self, void *data) {
    DLManagedTensorVersioned *m = self;
    (void)data;
    if (m->deleter) m->deleter(m);
}

tn_error *tn_tensor_from_dlpack(tn_context *context, DLManagedTensor *managed, tn_tensor **out_tensor) {
    if (!managed || !out_tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_tensor_from_dlpack: NULL argument");
    *out_tensor = NULL;
    TN__HANDLE(context, CONTEXT);
    return from_dl(context, &managed->dl_tensor, false, free_managed, managed, out_tensor);
}

tn_error *tn_tensor_from_dlpack_versioned(tn_context *context, DLManagedTensorVersioned *managed, tn_tensor **out_tensor) {
    if (!managed || !out_tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_tensor_from_dlpack_versioned: NULL argument");
    *out_tensor = NULL;
    TN__HANDLE(context, CONTEXT);
    if (managed->version.major != DLPACK_MAJOR_VERSION) /* nothing else of the struct is known then */
        return TN__FAIL(&context->allocator, UNSUPPORTED, "dlpack: version %" PRIu32 ".%" PRIu32 ", wanted %d.x", managed->version.major,
                        managed->version.minor, DLPACK_MAJOR_VERSION);
    bool packed = !(managed->flags & DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED);
    TN__TRY(from_dl(context, &managed->dl_tensor, packed, free_managed_versioned, managed, out_tensor));
    (*out_tensor)->read_only = managed->flags & DLPACK_FLAG_BITMASK_READ_ONLY;
    return NULL;
}

/* ---- to ------------------------------------------------------------------------------------------------------ */

/* What a managed tensor of ours is the beginning of. */
typedef struct exported {
    union {
        DLManagedTensor plain;
        DLManagedTensorVersioned versioned;
    } managed;
    tn_tensor *tensor; /* retained */
    int64_t numbers[]; /* sizes, strides */
} exported;

static size_t exported_bytes(int32_t rank) { return sizeof(exported) + 2 * (size_t)rank * sizeof(int64_t); }

static void free_exported(exported *x) {
    tn_tensor *tensor = x->tensor;
    tn__free(&tensor->context->allocator, x, exported_bytes(tensor->rank));
    tn_tensor_release(tensor);
}

static void delete_plain(DLManagedTensor *self) {
    if (self) free_exported(self->manager_ctx);
}

static void delete_versioned(DLManagedTensorVersioned *self) {
    if (self) free_exported(self->manager_ctx);
}

static tn_error *to_dl(tn_tensor *tensor, bool versioned, exported **out) {
    const tn_allocator *a = &tensor->context->allocator;
    size_t row = 0, n_rows = sizeof pairs / sizeof *pairs;
    while (row < n_rows && pairs[row].dtype != tensor->dtype) row++;
    if (row == n_rows) return TN__FAIL(a, UNSUPPORTED, "dlpack has no element type for %s", tn_dtype_name(tensor->dtype));
    if (!versioned && (pairs[row].bits < 8 || tensor->read_only))
        return TN__FAIL(a, UNSUPPORTED, "dlpack: only the versioned form can say that %s",
                        tensor->read_only ? "a tensor is read-only" : "elements below a byte are packed");
    exported *x = tn__alloc_zero(a, exported_bytes(tensor->rank));
    if (!x) return tn__error_oom();
    int64_t *shape = x->numbers, *strides = shape + tensor->rank;
    for (int32_t i = 0; i < tensor->rank; i++) shape[i] = tensor->dims[i];
    tn_tensor_get_strides(tensor, strides);
    tn_tensor_retain(x->tensor = tensor);
    DLTensor t = {.data = tn_tensor_get_data(tensor), .device = {kDLCPU, 0}, .ndim = tensor->rank, .shape = shape, .strides = strides,
                  .dtype = {pairs[row].code, pairs[row].bits, 1}};
    if (versioned)
        x->managed.versioned = (DLManagedTensorVersioned){
            .version = {DLPACK_MAJOR_VERSION, DLPACK_MINOR_VERSION}, .manager_ctx = x, .deleter = delete_versioned,
            .flags = tensor->read_only ? DLPACK_FLAG_BITMASK_READ_ONLY : 0, .dl_tensor = t};
    else x->managed.plain = (DLManagedTensor){.dl_tensor = t, .manager_ctx = x, .deleter = delete_plain};
    *out = x;
    return NULL;
}

tn_error *tn_tensor_to_dlpack(tn_tensor *tensor, DLManagedTensor **out_managed) {
    if (!out_managed) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_tensor_to_dlpack: out_managed is NULL");
    *out_managed = NULL;
    TN__HANDLE(tensor, TENSOR);
    exported *x;
    TN__TRY(to_dl(tensor, false, &x));
    *out_managed = &x->managed.plain;
    return NULL;
}

tn_error *tn_tensor_to_dlpack_versioned(tn_tensor *tensor, DLManagedTensorVersioned **out_managed) {
    if (!out_managed) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_tensor_to_dlpack_versioned: out_managed is NULL");
    *out_managed = NULL;
    TN__HANDLE(tensor, TENSOR);
    exported *x;
    TN__TRY(to_dl(tensor, true, &x));
    *out_managed = &x->managed.versioned;
    return NULL;
}
