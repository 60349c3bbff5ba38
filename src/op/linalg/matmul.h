/* What the products share: the shape of matmul, and its walk over broadcast batches. */
#ifndef TN_OP_LINALG_MATMUL_H
#define TN_OP_LINALG_MATMUL_H
#include "op/op.h"

/* Result 0 becomes the matmul of operands ka and kb with element type dtype. */
tn_error *tn__matmul_shape(tn__infer *c, uint32_t ka, uint32_t kb, tn_dtype dtype);

/* One matmul on tensors: sizes of a matrix, and strides over the batch. */
typedef struct tn__matmul {
    int64_t m, n, k;
    int32_t batch_rank; /* of the result */
    int64_t batch[TN_MAX_RANK];
    int64_t a_stride[TN_MAX_RANK], b_stride[TN_MAX_RANK]; /* per batch axis, in matrices; 0 on broadcast axes */
    int64_t a_matrices, b_matrices, matrices;
} tn__matmul;

/* For operands whose shapes the shape rule has accepted. */
void tn__matmul_prepare(const tn_tensor *a, const tn_tensor *b, tn__matmul *out);
/* Index of the matrix of each operand for batch `index`. */
void tn__matmul_operands(const tn__matmul *p, const int64_t *index, int64_t *out_a, int64_t *out_b);
/* c (matrices x m x n) = a b in f64; NULL when out of memory, else owned by the caller (free: matrices * m * n doubles). */
double *tn__matmul_f64(const tn__eval *c, const tn__matmul *p, const double *a, const double *b);
#endif
