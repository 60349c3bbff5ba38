/* Transcendental functions as LLVM IR, f32, scalar or vector: same bits whatever the vector width, independent of libm. Polynomial
 * coefficients: exp and log after Cephes (Moshier), erf after Juffa; bounds swept by tests/unit/test_fast_math.c. */
#include "codegen/emit.h"

#include <math.h>

static LLVMValueRef K(tn__ir *ir, LLVMValueRef like, double v) { return tn__ir_const_like(ir, like, v); }

static LLVMValueRef fma3(tn__ir *ir, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
    LLVMValueRef args[3] = {a, b, c};
    return tn__ir_intrinsic(ir, "llvm.fma", LLVMTypeOf(a), args, 3);
}

static LLVMValueRef unary(tn__ir *ir, const char *name, LLVMValueRef a) {
    return tn__ir_intrinsic(ir, name, LLVMTypeOf(a), &a, 1);
}

static LLVMTypeRef int_type_like(tn__ir *ir, LLVMValueRef x) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(ir->context), t = LLVMTypeOf(x);
    return LLVMGetTypeKind(t) == LLVMVectorTypeKind ? LLVMVectorType(i32, LLVMGetVectorSize(t)) : i32;
}

static LLVMValueRef int_const(tn__ir *ir, LLVMTypeRef type, int32_t v) {
    LLVMValueRef c = LLVMConstInt(LLVMInt32TypeInContext(ir->context), (uint32_t)v, true), lanes[64];
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind) return c;
    unsigned n = LLVMGetVectorSize(type);
    for (unsigned i = 0; i < n; i++) lanes[i] = c;
    return LLVMConstVector(lanes, n);
}

static LLVMValueRef polynomial(tn__ir *ir, LLVMValueRef x, const double *c, int n) {
    LLVMValueRef p = K(ir, x, c[0]);
    for (int i = 1; i < n; i++) p = fma3(ir, p, x, K(ir, x, c[i]));
    return p;
}

/* 2^n for n in [-126, 127] held in an int vector. */
static LLVMValueRef power_of_two(tn__ir *ir, LLVMValueRef n, LLVMTypeRef float_type) {
    LLVMTypeRef it = LLVMTypeOf(n);
    LLVMValueRef e = LLVMBuildAdd(ir->b, n, int_const(ir, it, 127), "");
    return LLVMBuildBitCast(ir->b, LLVMBuildShl(ir->b, e, int_const(ir, it, 23), ""), float_type, "");
}

/* exp: <= 2 ulp; overflows to infinity above 88.72, subnormals kept, NaN kept. */
LLVMValueRef tn__ir_exp(tn__ir *ir, LLVMValueRef x) {
    if (ir->fast_math & TN__FAST_approx) return tn__approx_exp(ir, x);
    LLVMBuilderRef b = ir->b;
    LLVMTypeRef t = LLVMTypeOf(x), it = int_type_like(ir, x);
    /* written so that NaN passes: the comparison is false for it */
    LLVMValueRef c = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, x, K(ir, x, 89.0), ""), K(ir, x, 89.0), x, "");
    c = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, c, K(ir, x, -104.0), ""), K(ir, x, -104.0), c, "");
    LLVMValueRef n = unary(ir, "llvm.roundeven", LLVMBuildFMul(b, c, K(ir, x, 1.44269504088896341), ""));
    LLVMValueRef r = fma3(ir, n, K(ir, x, -0.693359375), c);
    r = fma3(ir, n, K(ir, x, 2.12194440e-4), r);
    static const double p[] = {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1};
    LLVMValueRef q = polynomial(ir, r, p, 6);
    q = fma3(ir, q, LLVMBuildFMul(b, r, r, ""), r);
    q = LLVMBuildFAdd(b, q, K(ir, x, 1.0), "");
    /* NaN would make the conversion poison: it is replaced before, the polynomial carries it on */
    LLVMValueRef safe = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealORD, n, n, ""), n, K(ir, x, 0), "");
    LLVMValueRef ni = LLVMBuildFPToSI(b, safe, it, ""), half = LLVMBuildAShr(b, ni, int_const(ir, it, 1), "");
    q = LLVMBuildFMul(b, q, power_of_two(ir, half, t), "");
    return LLVMBuildFMul(b, q, power_of_two(ir, LLVMBuildSub(b, ni, half, ""), t), "");
}

/* log: <= 2 ulp; log(0) = -inf, log(negative) = NaN, log(inf) = inf, subnormals right. */
LLVMValueRef tn__ir_log(tn__ir *ir, LLVMValueRef x) {
    if (ir->fast_math & TN__FAST_approx) return tn__approx_log(ir, x);
    LLVMBuilderRef b = ir->b;
    LLVMTypeRef t = LLVMTypeOf(x), it = int_type_like(ir, x);
    LLVMValueRef tiny = LLVMBuildFCmp(b, LLVMRealOLT, x, K(ir, x, 1.17549435e-38), "");
    LLVMValueRef y = LLVMBuildSelect(b, tiny, LLVMBuildFMul(b, x, K(ir, x, 8388608.0), ""), x, "");
    LLVMValueRef bits = LLVMBuildBitCast(b, y, it, "");
    /* y = m 2^e with m in [sqrt(1/2), sqrt(2)) */
    LLVMValueRef shifted = LLVMBuildSub(b, bits, int_const(ir, it, 0x3f3504f3), "");
    LLVMValueRef e = LLVMBuildAShr(b, shifted, int_const(ir, it, 23), "");
    LLVMValueRef m = LLVMBuildBitCast(b, LLVMBuildSub(b, bits, LLVMBuildShl(b, e, int_const(ir, it, 23), ""), ""), t, "");
    LLVMValueRef n = LLVMBuildSIToFP(b, e, t, "");
    n = LLVMBuildFSub(b, n, LLVMBuildSelect(b, tiny, K(ir, x, 23.0), K(ir, x, 0.0), ""), "");
    LLVMValueRef f = LLVMBuildFSub(b, m, K(ir, x, 1.0), ""), z = LLVMBuildFMul(b, f, f, "");
    static const double p[] = {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                               -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1};
    LLVMValueRef q = LLVMBuildFMul(b, LLVMBuildFMul(b, polynomial(ir, f, p, 9), f, ""), z, "");
    q = fma3(ir, n, K(ir, x, -2.12194440e-4), q);
    q = fma3(ir, z, K(ir, x, -0.5), q);
    q = LLVMBuildFAdd(b, f, q, "");
    q = fma3(ir, n, K(ir, x, 0.693359375), q);
    q = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOEQ, x, K(ir, x, INFINITY), ""), x, q, "");
    q = LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOEQ, x, K(ir, x, 0.0), ""), K(ir, x, -INFINITY), q, "");
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealUGE, x, K(ir, x, 0.0), ""),
                           LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealUNO, x, x, ""), x, q, ""), K(ir, x, NAN), "");
}

/* tanh: <= 3 ulp. */
LLVMValueRef tn__ir_tanh(tn__ir *ir, LLVMValueRef x) {
    if (ir->fast_math & TN__FAST_approx) return tn__approx_tanh(ir, x);
    LLVMBuilderRef b = ir->b;
    LLVMValueRef a = unary(ir, "llvm.fabs", x), z = LLVMBuildFMul(b, x, x, "");
    static const double p[] = {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1};
    LLVMValueRef small = fma3(ir, LLVMBuildFMul(b, polynomial(ir, z, p, 5), z, ""), x, x);
    LLVMValueRef e = tn__ir_exp(ir, LLVMBuildFAdd(b, a, a, ""));
    LLVMValueRef big = LLVMBuildFSub(b, K(ir, x, 1.0),
                                     LLVMBuildFDiv(b, K(ir, x, 2.0), LLVMBuildFAdd(b, e, K(ir, x, 1.0), ""), ""), "");
    LLVMValueRef args[2] = {big, x};
    big = tn__ir_intrinsic(ir, "llvm.copysign", LLVMTypeOf(x), args, 2);
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOLT, a, K(ir, x, 0.625), ""), small, big, "");
}

/* erf: <= 2 ulp. */
LLVMValueRef tn__ir_erf(tn__ir *ir, LLVMValueRef x) {
    if (ir->fast_math & TN__FAST_approx) return tn__approx_erf(ir, x);
    LLVMBuilderRef b = ir->b;
    LLVMValueRef t = unary(ir, "llvm.fabs", x), s = LLVMBuildFMul(b, x, x, "");
    LLVMValueRef r = fma3(ir, K(ir, x, -1.72853470e-5), t, K(ir, x, 3.83197126e-4));
    LLVMValueRef u = fma3(ir, K(ir, x, -3.88396438e-3), t, K(ir, x, 2.42546219e-2));
    r = fma3(ir, r, s, u);
    r = fma3(ir, r, t, K(ir, x, -1.06777877e-1));
    r = fma3(ir, r, t, K(ir, x, -6.34846687e-1));
    r = fma3(ir, r, t, K(ir, x, -1.28717512e-1));
    r = fma3(ir, r, t, LLVMBuildFNeg(b, t, ""));
    LLVMValueRef args[2] = {LLVMBuildFSub(b, K(ir, x, 1.0), tn__ir_exp(ir, r), ""), x};
    LLVMValueRef big = tn__ir_intrinsic(ir, "llvm.copysign", LLVMTypeOf(x), args, 2);
    static const double p[] = {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1};
    LLVMValueRef small = fma3(ir, polynomial(ir, s, p, 6), x, x);
    return LLVMBuildSelect(b, LLVMBuildFCmp(b, LLVMRealOGT, t, K(ir, x, 0.927734375), ""), big, small, "");
}
