/* What option precision makes of a product (docs/decisions/0018-precision.md). */
#ifndef TN_KERNEL_NARROW_H
#define TN_KERNEL_NARROW_H
#include "kernel/pack.h"

/* What is done, then from TN__NARROWING_KEPT on why nothing is, with the text of both. */
#define TN__NARROWINGS(X)                                                          \
    X(NONE, "")                                                                    \
    X(BF16, "weights bf16")                                                        \
    X(F16, "weights f16")                                                          \
    X(INT8, "weights int8")                                                        \
    X(TF32, "operands tf32")                                                       \
    X(NOT_CONSTANT, "f32: the right operand is no constant")                       \
    X(NOT_MATRIX, "f32: the weights have more than two dimensions")                \
    X(OUT_OF_RANGE, "f32: a weight is too large for f16 or bf16")                  \
    X(NOT_FINITE, "f32: a weight is infinite or NaN")                              \
    X(NOT_COVERED, "f32: only weights of matmul and gemm are narrowed")            \
    X(CALL, "f32: no kernel computes it")

typedef enum tn__narrowing {
#define TN__NARROWING(name, text) TN__NARROWING_##name,
    TN__NARROWINGS(TN__NARROWING)
#undef TN__NARROWING
    TN__NARROWING_KEPT = TN__NARROWING_NOT_CONSTANT
} tn__narrowing;

const char *tn__narrowing_text(tn__narrowing n);
/* Of constant weights of f32 that are to be kept as bf16, f16 or i8; they are read once in their life. */
tn__narrowing tn__narrow_weights(tn_dtype to, const tn_tensor *weights);
/* The same where every weight is *value; it becomes what kernels multiply with, *out_scale what the sum is multiplied with (1: nothing). */
tn__narrowing tn__narrow_splat(tn_dtype to, double *value, double *out_scale);
/* How weights are packed, and the type that kernels load. */
tn__pack_to tn__narrowing_pack(tn__narrowing n);
tn_dtype tn__narrowing_dtype(tn__narrowing n);
#endif
