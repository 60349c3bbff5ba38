/* Kernel to LLVM IR. Shared between the files of codegen only. */
#ifndef TN_CODEGEN_EMIT_H
#define TN_CODEGEN_EMIT_H
#include <llvm-c/Core.h>
#include "codegen/codegen.h"

/* Adds kernel `k` to `module` as the function `name`. */
TN_MUST_USE tn_error *tn__emit_kernel(const tn_allocator *a, LLVMModuleRef module, const tn__target *target, const tn__kernel *k, const char *name);

/* Builder helpers of one function. `type_like` gives scalar or vector. */
typedef struct tn__ir {
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef b;
    uint32_t fast_math; /* TN__FAST_* */
} tn__ir;
LLVMValueRef tn__ir_intrinsic(tn__ir *ir, const char *name, LLVMTypeRef overload, LLVMValueRef *args, uint32_t n);
/* A constant of x's type (scalar, or splat when x is a vector). */
LLVMValueRef tn__ir_const_like(tn__ir *ir, LLVMValueRef x, double value);
/* Our own polynomials on f32 scalars or vectors, with the error bounds stated there. */
LLVMValueRef tn__ir_exp(tn__ir *ir, LLVMValueRef x);
LLVMValueRef tn__ir_log(tn__ir *ir, LLVMValueRef x);
LLVMValueRef tn__ir_tanh(tn__ir *ir, LLVMValueRef x);
LLVMValueRef tn__ir_erf(tn__ir *ir, LLVMValueRef x);
/* The same for fast_math=approx, called by those above. */
LLVMValueRef tn__approx_exp(tn__ir *ir, LLVMValueRef x);
LLVMValueRef tn__approx_log(tn__ir *ir, LLVMValueRef x);
LLVMValueRef tn__approx_tanh(tn__ir *ir, LLVMValueRef x);
LLVMValueRef tn__approx_erf(tn__ir *ir, LLVMValueRef x);
/* f32 to i32, rounded half to even, for |x| < 2^22. */
LLVMValueRef tn__ir_to_i32(tn__ir *ir, LLVMValueRef x);
/* acc + the dot product TN__KX_DOT4 of a and b, i32 scalars or vectors; `native`: the target has the instruction. */
LLVMValueRef tn__ir_dot4(tn__ir *ir, bool native, LLVMValueRef acc, LLVMValueRef a, LLVMValueRef b);
/* The 16 bits of an f16 or bf16 as f32, and back with rounding to nearest even; `native`: the target converts f16 itself. */
LLVMValueRef tn__ir_widen(tn__ir *ir, tn_dtype from, bool native, LLVMValueRef x);
LLVMValueRef tn__ir_narrow(tn__ir *ir, tn_dtype to, bool native, LLVMValueRef x);
/* f32 rounded to the 10 bits of mantissa that TF32 has, to nearest, ties away from zero. */
LLVMValueRef tn__ir_round_tf32(tn__ir *ir, LLVMValueRef x);
#endif
