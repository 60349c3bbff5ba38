/* The convolution in f64 that conv, conv_integer and qlinear_conv share. */
#ifndef TN_OP_CONV_CONV_EVAL_H
#define TN_OP_CONV_CONV_EVAL_H
#include "op/conv/window.h"
#include "op/op.h"

/* out[batch][out_channels][pixels] = x * w, both with their zero points already subtracted. `out` has room for the result. */
tn_error *tn__conv_f64(const tn__eval *c, const tn__window *w, int64_t batch, int64_t in_channels, int64_t out_channels, int64_t group,
                       const double *x, const double *weight, double *out);
/* conv, conv_integer and qlinear_conv: (x - x_zero) * (w - w_zero) + bias into a new array of out[0]->elements doubles (owned by the
 * caller). The zero points and the bias may be NULL; integers of 8 bits stay exact. c->attrs are those of conv. */
tn_error *tn__conv_run(const tn__eval *c, const tn_tensor *x, const tn_tensor *x_zero, const tn_tensor *weight, const tn_tensor *w_zero,
                       const tn_tensor *bias, double **out_y);
/* Positions of pixel block [first, first + n) for every tap: table[tap * n + pixel] = offset in the other side's plane, -1 = outside.
 * `transposed`: pixels are input positions and the table says where in the output they add. */
void tn__conv_offsets(const tn__window *w, bool transposed, int64_t first, int64_t n, int64_t *table);
/* Product of some dims of a tensor that exists: should it overflow, another dim is 0 and nothing will be read. */
static inline int64_t tn__window_product(int32_t rank, const int64_t *dims) {
    int64_t p = 1;
    for (int32_t i = 0; i < rank; i++)
        if (!tn__mul_i64(p, dims[i], &p)) return 0;
    return p;
}
#endif
