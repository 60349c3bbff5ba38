/* The inner loop of the reference products: rows of A times packed panels of B in f64, in registers.
 *
 *   panels: [ceil(n / 4)][k][4], the missing columns of the last panel are zero
 */
#ifndef TN_OP_LINALG_PANEL_H
#define TN_OP_LINALG_PANEL_H
#include "op/op.h"

enum { TN__PANEL = 4 };

static inline int64_t tn__panel_elements(int64_t n, int64_t k) { return (n + TN__PANEL - 1) / TN__PANEL * TN__PANEL * k; }
/* Packs b(k x n); element (p, j) is b[p * row_stride + j * column_stride]. */
void tn__panel_pack(int64_t n, int64_t k, const double *b, int64_t row_stride, int64_t column_stride, double *panels);
/* c[i * c_stride + j] = sum over p, ascending, of a[i * row_stride + p * column_stride] * b(p, j). */
void tn__panel_product(int64_t m, int64_t n, int64_t k, const double *a, int64_t row_stride, int64_t column_stride,
                       const double *panels, double *c, int64_t c_stride);
#endif
