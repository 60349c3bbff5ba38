/* Pass quant: quant.c decides, quant_product.c knows products of dequantised operands. Shared between these two only. */
#ifndef TN_PASS_QUANT_H
#define TN_PASS_QUANT_H
#include "pass/pass.h"

/* dequantize_linear(q, scale, zero) with constant parameters, of 8 bits. */
typedef struct tn__quant_operand {
    const tn__node *node;
    tn_dtype dtype;               /* of q: u8, i8 */
    const tn_tensor *scale, *zero; /* f32; zero NULL: 0 */
    int64_t axis;                 /* counted from 0 */
} tn__quant_operand;
bool tn__quant_operand_of(const tn_graph *g, tn_value v, tn__quant_operand *out);

/* A conv, matmul or gemm whose operands are dequantised, the right one constant. */
typedef struct tn__quant_product {
    const tn__node *node;
    tn__quant_operand x, w;
    int64_t channels;
    tn_value bias; /* in the old graph: constant or dequantised constant, one element a channel; {0} none */
} tn__quant_product;
bool tn__quant_product_of(const tn_graph *g, const tn__node *n, tn__quant_product *out);
/* A quantize_linear to 8 bits with one constant scale. */
bool tn__quant_is_result(const tn_graph *g, const tn__node *n);
/* The product has a form that ends in a quantisation: a bias that integers hold. */
bool tn__quant_can_finish(const tn_graph *g, const tn__quant_product *p);

/* The product quantised as `q` (quantize_linear) says, after relu or not; and as f32. */
tn_value tn__quant_emit_finished(tn__rewriter *r, const tn__quant_product *p, const tn__node *q, bool relu);
tn_value tn__quant_emit_integer(tn__rewriter *r, const tn__quant_product *p);
/* A constant with one element ({0}: 0) of the old graph, quantised as `q` says. */
tn_value tn__quant_number(tn__rewriter *r, tn_value v, const tn__node *q);
/* The quantised value of `o` quantised as `q` says: itself where that is the same. */
tn_value tn__quant_convert(tn__rewriter *r, const tn__quant_operand *o, const tn__node *q);
#endif
