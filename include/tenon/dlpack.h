/* Tenon: tensors exchanged with other libraries by DLPack (https://dmlc.github.io/dlpack), without a copy.
 *
 * The structs are named here by their tags only, so this header agrees with any version of DLPack's own header, in any order. Who has
 * none includes "tenon/dlpack_types.h".
 *
 * Ownership is DLPack's: whoever holds a managed tensor calls its deleter exactly once, on any thread. tn_tensor_from_dlpack takes that
 * duty over on success only; after an error the caller still has it. In Python's terms: a bridge gets the pointer out of the capsule
 * "dltensor", calls from_dlpack, and renames the capsule to "used_dltensor" if that succeeded.
 */
#ifndef TENON_DLPACK_H
#define TENON_DLPACK_H

#include "tenon/base.h"

#ifdef __cplusplus
extern "C" {
#endif

struct DLManagedTensor;
struct DLManagedTensorVersioned;

/* A tensor over the memory of `managed`; nothing is copied. Its deleter (NULL: nothing to do) is called when the last reference of the
 * tensor goes. Refused, with nothing changed and `managed` still the caller's:
 *  - TN_ERROR_UNSUPPORTED: memory that the CPU cannot read (device_type other than kDLCPU, kDLCUDAHost, kDLROCMHost); element types
 *    without a tn_dtype (complex, opaque, f6, lanes other than 1, sub-byte types that are padded or of a tensor without a version); sub-byte types
 *    with strides other than compact row-major ones (those of dimensions of size 1 and of empty tensors do not matter; NULL means compact)
 *  - TN_ERROR_OUT_OF_RANGE: strides that lead out of the address space; others make the tensor strided (tn_tensor_create_strided)
 *  - TN_ERROR_INVALID_ARGUMENT: ndim below 0, no shape, negative sizes, no data, data + byte_offset not aligned for the element type
 *  - TN_ERROR_LIMIT_EXCEEDED: over a limit of the context. */
TN_API TN_MUST_USE tn_error *tn_tensor_from_dlpack(tn_context *context, struct DLManagedTensor *managed, tn_tensor **out_tensor);

/* As tn_tensor_from_dlpack, for DLPack 1.0 and later. Another major version is refused (TN_ERROR_UNSUPPORTED). With the flag "read only" the
 * tensor is read-only: it may be an input or a constant, but a run refuses it as an output, and the caller must not write its data. */
TN_API TN_MUST_USE tn_error *tn_tensor_from_dlpack_versioned(tn_context *context, struct DLManagedTensorVersioned *managed,
                                                             tn_tensor **out_tensor);

/* A managed tensor over the memory of `tensor`, device kDLCPU, strides spelt out. It holds a reference to `tensor` until its
 * deleter is called. Refused (TN_ERROR_UNSUPPORTED): string tensors; and what only the versioned form can say: read-only tensors and
 * sub-byte types (packed, low bits first). */
TN_API TN_MUST_USE tn_error *tn_tensor_to_dlpack(tn_tensor *tensor, struct DLManagedTensor **out_managed);
TN_API TN_MUST_USE tn_error *tn_tensor_to_dlpack_versioned(tn_tensor *tensor, struct DLManagedTensorVersioned **out_managed);

#ifdef __cplusplus
}
#endif
#endif
