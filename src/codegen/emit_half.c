/* f16 and bf16 between memory and f32, scalar or vector. f16 by the target's own conversion where it has one; elsewhere, and for bf16, by
 * integer arithmetic, so that no target calls a function of a compiler's run-time library. Stores round to nearest even, NaN stays NaN. */
#include "codegen/emit.h"

static LLVMTypeRef like(LLVMValueRef x, LLVMTypeRef scalar) {
    LLVMTypeRef t = LLVMTypeOf(x);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMVectorType(scalar, LLVMGetVectorSize(t)) : scalar;
}

static LLVMValueRef bits(tn__ir *ir, LLVMValueRef x, uint32_t v) { return tn__ir_const_like(ir, x, (double)v); }
static LLVMValueRef above(tn__ir *ir, LLVMValueRef x, uint32_t v) { return LLVMBuildICmp(ir->b, LLVMIntUGT, x, bits(ir, x, v), ""); }

/* h: the 16 bits, widened. The exponent's bias is changed by a multiplication, which also makes subnormals right. */
static LLVMValueRef widen_f16(tn__ir *ir, LLVMValueRef h, LLVMTypeRef f32) {
    LLVMBuilderRef b = ir->b;
    LLVMValueRef sign = LLVMBuildShl(b, LLVMBuildAnd(b, h, bits(ir, h, 0x8000), ""), bits(ir, h, 16), "");
    LLVMValueRef m = LLVMBuildShl(b, LLVMBuildAnd(b, h, bits(ir, h, 0x7fff), ""), bits(ir, h, 13), "");
    LLVMValueRef x = LLVMBuildBitCast(b, m, f32, "");
    LLVMValueRef finite = LLVMBuildBitCast(b, LLVMBuildFMul(b, x, tn__ir_const_like(ir, x, 0x1p112), ""), LLVMTypeOf(h), "");
    LLVMValueRef special = LLVMBuildOr(b, m, bits(ir, m, 0x7f800000), ""); /* infinity, NaN */
    m = LLVMBuildSelect(b, above(ir, m, 0x0f7fffff), special, finite, "");
    return LLVMBuildBitCast(b, LLVMBuildOr(b, m, sign, ""), f32, "");
}

/* x: the bits of an f32; the result's low 16 bits count. */
static LLVMValueRef narrow_f16(tn__ir *ir, LLVMValueRef x, LLVMTypeRef f32) {
    LLVMBuilderRef b = ir->b;
    LLVMValueRef sign = LLVMBuildAnd(b, x, bits(ir, x, 0x80000000u), ""), a = LLVMBuildXor(b, x, sign, "");
    LLVMValueRef odd = LLVMBuildAnd(b, LLVMBuildLShr(b, a, bits(ir, a, 13), ""), bits(ir, a, 1), "");
    LLVMValueRef n = LLVMBuildAdd(b, a, bits(ir, a, 0xc8000fffu), ""); /* bias 127 -> 15, and half a unit less one */
    n = LLVMBuildLShr(b, LLVMBuildAdd(b, n, odd, ""), bits(ir, a, 13), "");
    /* below the least normal the sum with 1/2 has the unit of a subnormal f16 as its last place */
    LLVMValueRef f = LLVMBuildBitCast(b, a, f32, "");
    LLVMValueRef tiny = LLVMBuildBitCast(b, LLVMBuildFAdd(b, f, tn__ir_const_like(ir, f, 0.5), ""), LLVMTypeOf(x), "");
    tiny = LLVMBuildSub(b, tiny, bits(ir, a, 0x3f000000), "");
    n = LLVMBuildSelect(b, above(ir, a, 0x387fffff), n, tiny, "");
    LLVMValueRef special = LLVMBuildSelect(b, above(ir, a, 0x7f800000), bits(ir, a, 0x7e00), bits(ir, a, 0x7c00), "");
    n = LLVMBuildSelect(b, above(ir, a, 0x477fffff), special, n, "");
    return LLVMBuildOr(b, n, LLVMBuildLShr(b, sign, bits(ir, x, 16), ""), "");
}

static LLVMValueRef narrow_bf16(tn__ir *ir, LLVMValueRef x) {
    LLVMBuilderRef b = ir->b;
    LLVMValueRef high = LLVMBuildLShr(b, x, bits(ir, x, 16), ""), odd = LLVMBuildAnd(b, high, bits(ir, x, 1), "");
    LLVMValueRef n = LLVMBuildAdd(b, LLVMBuildAdd(b, x, bits(ir, x, 0x7fff), ""), odd, "");
    n = LLVMBuildLShr(b, n, bits(ir, x, 16), "");
    LLVMValueRef a = LLVMBuildAnd(b, x, bits(ir, x, 0x7fffffff), "");
    return LLVMBuildSelect(b, above(ir, a, 0x7f800000), LLVMBuildOr(b, high, bits(ir, x, 0x40), ""), n, "");
}

LLVMValueRef tn__ir_widen(tn__ir *ir, tn_dtype from, bool native, LLVMValueRef x) {
    LLVMBuilderRef b = ir->b;
    LLVMTypeRef f32 = like(x, LLVMFloatTypeInContext(ir->context));
    if (from == TN_DTYPE_f16 && native) return LLVMBuildFPExt(b, LLVMBuildBitCast(b, x, like(x, LLVMHalfTypeInContext(ir->context)), ""), f32, "");
    LLVMValueRef wide = LLVMBuildZExt(b, x, like(x, LLVMInt32TypeInContext(ir->context)), "");
    if (from == TN_DTYPE_f16) return widen_f16(ir, wide, f32);
    return LLVMBuildBitCast(b, LLVMBuildShl(b, wide, bits(ir, wide, 16), ""), f32, "");
}

LLVMValueRef tn__ir_narrow(tn__ir *ir, tn_dtype to, bool native, LLVMValueRef x) {
    LLVMBuilderRef b = ir->b;
    LLVMTypeRef i16 = like(x, LLVMInt16TypeInContext(ir->context));
    if (to == TN_DTYPE_f16 && native) return LLVMBuildBitCast(b, LLVMBuildFPTrunc(b, x, like(x, LLVMHalfTypeInContext(ir->context)), ""), i16, "");
    LLVMValueRef w = LLVMBuildBitCast(b, x, like(x, LLVMInt32TypeInContext(ir->context)), "");
    return LLVMBuildTrunc(b, to == TN_DTYPE_f16 ? narrow_f16(ir, w, LLVMTypeOf(x)) : narrow_bf16(ir, w), i16, "");
}

/* As cvt.rna.tf32.f32 does. Half a unit more carries into the exponent where it has to, from the largest to infinity too. */
LLVMValueRef tn__ir_round_tf32(tn__ir *ir, LLVMValueRef x) {
    LLVMBuilderRef b = ir->b;
    LLVMValueRef w = LLVMBuildBitCast(b, x, like(x, LLVMInt32TypeInContext(ir->context)), "");
    LLVMValueRef n = LLVMBuildAnd(b, LLVMBuildAdd(b, w, bits(ir, w, 0x1000), ""), bits(ir, w, 0xffffe000u), "");
    LLVMValueRef nan = LLVMBuildFCmp(b, LLVMRealUNO, x, x, "");
    return LLVMBuildSelect(b, nan, x, LLVMBuildBitCast(b, n, LLVMTypeOf(x), ""), "");
}
