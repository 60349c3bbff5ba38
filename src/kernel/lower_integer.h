/* Products of 8-bit integers: what lower_integer.c (convolution, matrix product) and lower_integer_pack.c (operands) share. */
#ifndef TN_KERNEL_LOWER_INTEGER_H
#define TN_KERNEL_LOWER_INTEGER_H
#include "kernel/lower.h"
#include "op/conv/window.h"

/* Operands by meaning; -1: the op has none. */
typedef struct tn__integer_op {
    int8_t x, x_zero, w, w_zero, x_scale, w_scale, y_scale, y_zero, bias;
    bool conv;
} tn__integer_op;
const tn__integer_op *tn__integer_op_of(tn__op op); /* NULL: not such an op */

/* The constants of one product. The kernel computes sum(x * w) over unsigned x and signed w; a zero point of x, its shift from signed to
 * unsigned and the bias are in `offset`, zero points of w in `weights`. */
typedef struct tn__integer_constants {
    tn_tensor *weights; /* i8, of the operand's dims */
    tn_tensor *offset;  /* i32 [channels]: bias - zero * sum of weights; NULL: all 0 */
    tn_tensor *sums;    /* i32 [channels]: -sum of weights, for a zero point known at run time; else NULL */
    tn_tensor *scale;   /* f32 [channels]: x_scale * w_scale / y_scale; NULL: the result is the integer itself */
    int32_t zero;       /* of x as the kernel sees it (unsigned) */
} tn__integer_constants;
/* `centred`: the kernel subtracts the zero point itself and reads x as it is. Release with tn__integer_constants_deinit, also on errors. */
tn_error *tn__integer_constants_init(tn__lower *l, const tn__node *n, bool centred, tn__integer_constants *out);
void tn__integer_constants_deinit(tn__integer_constants *c);
bool tn__integer_weights_ok(const tn_graph *g, const tn__node *n); /* constant, and i8 without their zero points */

/* Channels of x in words of four bytes, [n, group of `words`, spatial, words], for a kernel that reads words. */
typedef struct tn__integer_input {
    uint32_t slot;
    int64_t groups;
    int32_t words;
    bool flip; /* the kernel has still to turn the bytes from signed to unsigned */
} tn__integer_input;
/* What the window's padding is filled with: a zero point of x as it is stored, known or (slot != TN__NO_SLOT) of run time. */
typedef struct tn__integer_zero {
    int32_t known;
    uint32_t slot;
} tn__integer_zero;
/* `pad`: with the window's padding filled; the window then has none. */
tn_error *tn__integer_image(tn__lower *l, tn_value x, tn__window *w, bool pad, tn__integer_zero zero, uint32_t node, tn__integer_input *out);
/* Rows of a matrix x[..., k] in words along k; zeros or rubbish after k. */
tn_error *tn__integer_rows(tn__lower *l, tn_value x, uint32_t node, tn__integer_input *out);

bool tn__lower_integer_ok(const tn__lower *l, const tn__node *n);
tn_error *tn__lower_integer(tn__lower *l, uint32_t root, const tn__node *n);
#endif
