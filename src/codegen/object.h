/* Kernels to object files. Shared between the files of codegen only. */
#ifndef TN_CODEGEN_OBJECT_H
#define TN_CODEGEN_OBJECT_H
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include "codegen/codegen.h"

/* The symbol of a kernel: named by what it is, so that an object does not depend on what else is compiled. */
typedef struct tn__symbol {
    char text[64];
} tn__symbol;

/* A target machine; used by one thread at a time. `quick`: it takes less time for slower code that gives the same bits. */
tn_error *tn__machine_create(tn_context *c, const tn__target *target, bool quick, LLVMTargetMachineRef *out);
/* The object file of kernels[indices[..n]], in an LLVM context of its own: any number of threads may compile at once. Its bytes depend
 * on the target, these kernels and their order. */
tn_error *tn__object_create(tn_context *c, const tn__target *target, LLVMTargetMachineRef machine, bool quick, tn__kernel *const *kernels,
                            const tn__symbol *symbols, const uint32_t *indices, uint32_t n, LLVMMemoryBufferRef *out);
#endif
