/* Object files to functions in memory, through LLVM ORC. */
#ifndef TN_CODEGEN_LINK_H
#define TN_CODEGEN_LINK_H
#include <llvm-c/LLJIT.h>

#include "codegen/object.h"

/* Brings the objects into memory and finds the `n` functions; takes the objects and clears them. On failure *out_jit is NULL. An
 * object that calls what is neither in the objects nor in the table of link.c is refused. */
tn_error *tn__link(tn_context *c, const tn__target *target, LLVMMemoryBufferRef *objects, uint32_t n_objects,
                   const tn__symbol *symbols, uint32_t n, LLVMOrcLLJITRef *out_jit, tn__kernel_fn *out_functions);
void tn__unlink(LLVMOrcLLJITRef jit); /* NULL is allowed */
#endif
