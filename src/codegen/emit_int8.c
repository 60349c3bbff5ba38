/* What kernels on 8-bit integers are made of: the dot product of four bytes, and the quick rounding to i32. */
#include "codegen/emit.h"

static LLVMValueRef bits(tn__ir *ir, LLVMValueRef like, uint32_t v) { return tn__ir_const_like(ir, like, (double)v); }

/* The sum 1.5 * 2^23 + x has the unit as its last place: the addition rounds, the low bits are the integer. */
LLVMValueRef tn__ir_to_i32(tn__ir *ir, LLVMValueRef x) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(ir->context), t = LLVMTypeOf(x);
    if (LLVMGetTypeKind(t) == LLVMVectorTypeKind) i32 = LLVMVectorType(i32, LLVMGetVectorSize(t));
    LLVMValueRef sum = LLVMBuildBitCast(ir->b, LLVMBuildFAdd(ir->b, x, tn__ir_const_like(ir, x, 0x1.8p23), ""), i32, "");
    return LLVMBuildSub(ir->b, sum, bits(ir, sum, 0x4b400000), "");
}

static LLVMValueRef vnni(tn__ir *ir, const char *name, LLVMValueRef acc, LLVMValueRef a, LLVMValueRef b) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(ir->module, id, NULL, 0), args[3] = {acc, a, b};
    return LLVMBuildCall2(ir->b, LLVMIntrinsicGetType(ir->context, id, NULL, 0), f, args, 3, "");
}

/* Byte n of every word, as a 32-bit integer. */
static LLVMValueRef byte(tn__ir *ir, LLVMValueRef x, uint32_t n, bool is_signed) {
    LLVMValueRef top = n < 3 ? LLVMBuildShl(ir->b, x, bits(ir, x, 24 - 8 * n), "") : x;
    return (is_signed ? LLVMBuildAShr : LLVMBuildLShr)(ir->b, top, bits(ir, x, 24), "");
}

LLVMValueRef tn__ir_dot4(tn__ir *ir, bool native, LLVMValueRef acc, LLVMValueRef a, LLVMValueRef b) {
    LLVMTypeRef t = LLVMTypeOf(a);
    unsigned lanes = LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMGetVectorSize(t) : 1;
    if (native && lanes == 16) return vnni(ir, "llvm.x86.avx512.vpdpbusd.512", acc, a, b);
    if (native && lanes == 8) return vnni(ir, "llvm.x86.avx512.vpdpbusd.256", acc, a, b);
    for (uint32_t n = 0; n < 4; n++)
        acc = LLVMBuildAdd(ir->b, acc, LLVMBuildMul(ir->b, byte(ir, a, n, false), byte(ir, b, n, true), ""), "");
    return acc;
}
