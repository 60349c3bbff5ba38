/* The functions of emit_math.c for fast_math=approx: f32, scalar or vector, the same bits whatever the vector length. Relative error at most
 * 2^-21 (swept by tests/unit/test_fast_math.c) where the result is no subnormal; limits and NaN as stated at each. Coefficients: minimax fits of the relative
 * error, by least squares with Lawson's weights. */
#include "codegen/emit.h"

#include <math.h>

static LLVMValueRef K(tn__ir *ir, LLVMValueRef like, double v) { return tn__ir_const_like(ir, like, v); }

static LLVMValueRef fma3(tn__ir *ir, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
    LLVMValueRef args[3] = {a, b, c};
    return tn__ir_intrinsic(ir, "llvm.fma", LLVMTypeOf(a), args, 3);
}

/* c[0] is the coefficient of the highest power. */
static LLVMValueRef polynomial(tn__ir *ir, LLVMValueRef x, const double *c, int n) {
    LLVMValueRef p = K(ir, x, c[0]);
    for (int i = 1; i < n; i++) p = fma3(ir, p, x, K(ir, x, c[i]));
    return p;
}

/* x between low and high, one instruction each; NaN stays, as both comparisons are false for it. */
static LLVMValueRef clamp(tn__ir *ir, LLVMValueRef x, double low, double high) {
    LLVMBuilderRef b = ir->b;
    x = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, K(ir, x, low), x, ""), K(ir, x, low), x, "");
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, K(ir, x, high), x, ""), K(ir, x, high), x, "");
}

static LLVMTypeRef int_type(tn__ir *ir, LLVMValueRef x) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(ir->context), t = LLVMTypeOf(x);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMVectorType(i32, LLVMGetVectorSize(t)) : i32;
}

/* 2^n p(r) with x log2(e) = n + r. The sum with 1.5 * 2^23 + 127 has the unit as its last place: it rounds, and its low bits are the exponent
 * of 2^n. Infinity from 88.376 on, where 2^128 is asked for; 0 below -87.68, where it is 2^-127; exp(0) = 1; NaN kept. */
LLVMValueRef tn__approx_exp(tn__ir *ir, LLVMValueRef x) {
    LLVMBuilderRef b = ir->b;
    static const double p[] = {0x1.5bba14p-10, 0x1.3cea88p-7, 0x1.c6b752p-5, 0x1.ebf9bcp-3, 0x1.62e42ap-1, 1};
    const double log2e = 0x1.715476p0, log2e_low = 0x1.4ae0cp-26, bias = 0x1.8p23 + 127;
    x = clamp(ir, x, -88.02, 88.72);
    LLVMValueRef sum = fma3(ir, x, K(ir, x, log2e), K(ir, x, bias)), n = LLVMBuildFSub(b, sum, K(ir, x, bias), "");
    LLVMValueRef r = fma3(ir, x, K(ir, x, log2e), LLVMBuildFNeg(b, n, ""));
    r = fma3(ir, x, K(ir, x, log2e_low), r);
    LLVMTypeRef it = int_type(ir, x);
    LLVMValueRef bits = LLVMBuildBitCast(b, sum, it, "");
    LLVMValueRef scale = LLVMBuildBitCast(b, LLVMBuildShl(b, bits, tn__ir_const_like(ir, bits, 23), ""), LLVMTypeOf(x), "");
    return LLVMBuildFMul(b, polynomial(ir, r, p, 6), scale, "");
}

/* x = m 2^n with m in [2/3, 4/3). log(x) = -infinity for 0 and subnormal x, NaN below 0; infinity and NaN kept. */
LLVMValueRef tn__approx_log(tn__ir *ir, LLVMValueRef x) {
    LLVMBuilderRef b = ir->b;
    LLVMTypeRef t = LLVMTypeOf(x);
    static const double p[] = {-0x1.38aa14p-3, 0x1.5bf76cp-3, -0x1.50b532p-3, 0x1.95e04ap-3, -0x1.001094p-2, 0x1.555e4p-2, -0x1.ffffe6p-2};
    LLVMValueRef bits = LLVMBuildBitCast(b, x, int_type(ir, x), "");
    LLVMValueRef shifted = LLVMBuildSub(b, bits, tn__ir_const_like(ir, bits, 0x3f2aaaab), "");
    LLVMValueRef e = LLVMBuildAShr(b, shifted, tn__ir_const_like(ir, bits, 23), "");
    LLVMValueRef m = LLVMBuildBitCast(b, LLVMBuildSub(b, bits, LLVMBuildShl(b, e, tn__ir_const_like(ir, e, 23), ""), ""), t, "");
    LLVMValueRef n = LLVMBuildSIToFP(b, e, t, ""), f = LLVMBuildFSub(b, m, K(ir, x, 1), "");
    LLVMValueRef q = fma3(ir, LLVMBuildFMul(b, f, f, ""), polynomial(ir, f, p, 7), f);
    q = fma3(ir, n, K(ir, x, 0.693147180559945309), q);
    LLVMValueRef low = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, x, K(ir, x, 0), ""), K(ir, x, NAN), K(ir, x, -INFINITY), "");
    q = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, x, K(ir, x, 0x1p-126), ""), low, q, "");
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, x, K(ir, x, INFINITY), ""), q, x, "");
}

/* x P(x^2) / Q(x^2); between -1 and 1 also where rounding would lead out. */
static LLVMValueRef odd_ratio(tn__ir *ir, LLVMValueRef x, double end, const double *p, int n, const double *q, int m) {
    x = clamp(ir, x, -end, end);
    LLVMValueRef z = LLVMBuildFMul(ir->b, x, x, "");
    LLVMValueRef y = LLVMBuildFMul(ir->b, x, polynomial(ir, z, p, n), "");
    return clamp(ir, LLVMBuildFDiv(ir->b, y, polynomial(ir, z, q, m), ""), -1, 1);
}

/* Odd; NaN kept. */
LLVMValueRef tn__approx_tanh(tn__ir *ir, LLVMValueRef x) {
    static const double p[] = {0x1.c9a3a2p-27, 0x1.595552p-16, 0x1.c9f852p-9, 0x1.12044p-3, 1};
    static const double q[] = {0x1.a0b846p-21, 0x1.5841dp-12, 0x1.a7df22p-6, 0x1.de576ap-2, 1};
    return odd_ratio(ir, x, 9.02, p, 5, q, 5);
}

/* Odd; NaN kept. */
LLVMValueRef tn__approx_erf(tn__ir *ir, LLVMValueRef x) {
    static const double p[] = {0x1.0fe9cap-19, 0x1.2a845ep-12, 0x1.f324c4p-9, 0x1.b127dcp-5, 0x1.884b88p-3, 0x1.20dd74p0};
    static const double q[] = {0x1.3d5b4ap-15, 0x1.32e626p-10, 0x1.ed5346p-7, 0x1.d53c7ap-4, 0x1.0194fap-1, 1};
    return odd_ratio(ir, x, 3.95, p, 6, q, 6);
}
