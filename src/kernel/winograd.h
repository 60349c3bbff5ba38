/* Minimal filtering (Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, arXiv 1509.09308): m x m outputs of a 3x3
 * convolution from n x n inputs, n = m + 2, by n x n multiplications instead of 9 m x m:
 *
 *   Y = A^T [ sum over channels of (G g G^T) . (B^T d B) ] A      d: n x n inputs, g: 3x3 weights, . by element */
#ifndef TN_KERNEL_WINOGRAD_H
#define TN_KERNEL_WINOGRAD_H
#include "base/context.h"
#include "rt/tensor.h"

enum { TN__WINOGRAD_N = 6, TN__WINOGRAD_FORMS = 2 };

typedef struct tn__winograd {
    int32_t m, n; /* outputs and inputs of a tile along an axis */
    double bt[TN__WINOGRAD_N][TN__WINOGRAD_N], g[TN__WINOGRAD_N][3], at[TN__WINOGRAD_N][TN__WINOGRAD_N];
} tn__winograd;

/* Largest tile first. */
extern const tn__winograd tn__winograd_forms[TN__WINOGRAD_FORMS];

/* Weights f32 [k][c][3][3]: G g G^T as f32 [n * n][k][c], computed in double and rounded once. *out_error: what the result of the
 * convolution is off at most, relative to the sum of |w| of its output channel times the largest |x|; infinite where a weight is not finite.
 * out_weights may be NULL: only the bound. */
tn_error *tn__winograd_transform(tn_context *c, const tn__winograd *f, const tn_tensor *weights, double *out_error, tn_tensor **out_weights);
#endif
