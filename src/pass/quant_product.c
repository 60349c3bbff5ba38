/* Products of dequantised operands: recognised, and written as products of integers. */
#include "pass/quant.h"

#include <math.h>

enum { LONGEST_SUM = INT32_MAX / (255 * 128) }; /* sums of more products of 8-bit integers may not fit 32 bits */
static const double LARGEST_BIAS = 0x1p30;

static bool eight_bits(tn_dtype d) { return d == TN_DTYPE_u8 || d == TN_DTYPE_i8; }

static bool positive(const tn_tensor *scale) {
    for (int64_t i = 0; i < scale->elements; i++) {
        float s = ((const float *)scale->data)[i];
        if (!(s > 0) || !isfinite(s)) return false;
    }
    return true;
}

static double at(const tn_tensor *t, int64_t i) { return t ? tn__load_f64(t->dtype, t->data, t->elements == 1 ? 0 : i) : 0; }

/* ---- matching ------------------------------------------------------------------------------------------------ */

/* Of any integer type. */
static bool dequantised(const tn_graph *g, tn_value v, tn__quant_operand *out) {
    const tn__node *n = tn__node_of(g, v);
    if (!n || n->op != TN_OP_dequantize_linear || tn__type_of(g, v)->dtype != TN_DTYPE_f32) return false;
    const tn__attrs_quantize *a = n->attrs;
    const tn__type *q = tn__type_of(g, tn__in(g, n, 0));
    tn_value zero = tn__in(g, n, 2);
    *out = (tn__quant_operand){.node = n, .dtype = q->dtype, .axis = a->axis < 0 ? a->axis + q->rank : a->axis};
    out->scale = tn__constant_of(g, tn__in(g, n, 1));
    out->zero = zero.id ? tn__constant_of(g, zero) : NULL;
    if (a->block_size || !out->scale || out->scale->dtype != TN_DTYPE_f32 || !positive(out->scale) || (zero.id && !out->zero)) return false;
    return out->scale->elements == 1 || (out->axis < q->rank && out->scale->elements == q->dims[out->axis]);
}

bool tn__quant_operand_of(const tn_graph *g, tn_value v, tn__quant_operand *out) { return dequantised(g, v, out) && eight_bits(out->dtype); }

bool tn__quant_is_result(const tn_graph *g, const tn__node *n) {
    if (n->op != TN_OP_quantize_linear || !eight_bits(g->values.data[n->first_out].type.dtype)) return false;
    const tn__attrs_quantize *a = n->attrs;
    tn_value zero = tn__in(g, n, 2);
    const tn_tensor *scale = tn__constant_of(g, tn__in(g, n, 1)), *z = zero.id ? tn__constant_of(g, zero) : NULL;
    if (a->block_size || tn__type_of(g, tn__in(g, n, 0))->dtype != TN_DTYPE_f32 || (a->precision && a->precision != TN_DTYPE_f32)) return false;
    return scale && scale->dtype == TN_DTYPE_f32 && scale->elements == 1 && positive(scale) && (!zero.id || (z && z->elements == 1));
}

/* The constant's zero points take the signed range into itself, so that the kernels of integer products take it. */
static bool weights_ok(const tn_graph *g, const tn__quant_operand *w) {
    if (!tn__constant_of(g, tn__in(g, w->node, 0))) return false;
    for (int64_t i = 0; i < (w->zero ? w->zero->elements : 1); i++)
        if (at(w->zero, i) != (w->dtype == TN_DTYPE_i8 ? 0 : 128)) return false;
    return true;
}

static bool conv_ok(const tn_graph *g, const tn__quant_product *p) {
    const tn__type *x = tn__type_of(g, tn__in(g, p->node, 0)), *w = tn__type_of(g, tn__in(g, p->node, 1));
    int64_t group = ((const tn__attrs_conv *)p->node->attrs)->group;
    return (x->rank == 3 || x->rank == 4) && (group == 1 || (group == x->dims[1] && group == w->dims[0]));
}

static bool matmul_ok(const tn_graph *g, const tn__quant_product *p) {
    const tn__type *x = tn__type_of(g, tn__in(g, p->node, 0)), *w = tn__type_of(g, tn__in(g, p->node, 1));
    const tn__attrs_gemm *a = p->node->op == TN_OP_gemm ? p->node->attrs : NULL;
    return x->rank >= 2 && w->rank == 2 && (!a || (!a->transA && a->alpha == 1 && a->beta == 1));
}

/* The axis of the weights that the result's channels come from. */
static int64_t channel_axis(const tn__node *n) {
    if (n->op == TN_OP_conv) return 0;
    return n->op == TN_OP_gemm && ((const tn__attrs_gemm *)n->attrs)->transB ? 0 : 1;
}

static bool bias_ok(const tn_graph *g, tn_value v, int64_t channels) {
    if (!v.id) return true;
    tn__quant_operand o;
    const tn__type *t = tn__type_of(g, v);
    bool vector = t->dtype == TN_DTYPE_f32 && t->rank >= 1 && t->dims[t->rank - 1] == channels && tn__type_elements(t) == channels;
    return vector && (tn__constant_of(g, v) || (dequantised(g, v, &o) && tn__constant_of(g, tn__in(g, o.node, 0))));
}

bool tn__quant_product_of(const tn_graph *g, const tn__node *n, tn__quant_product *out) {
    if (n->op != TN_OP_conv && n->op != TN_OP_matmul && n->op != TN_OP_gemm) return false;
    *out = (tn__quant_product){.node = n};
    if (!tn__quant_operand_of(g, tn__in(g, n, 0), &out->x) || !tn__quant_operand_of(g, tn__in(g, n, 1), &out->w)) return false;
    if (out->x.scale->elements != 1 || !weights_ok(g, &out->w)) return false;
    if (!(n->op == TN_OP_conv ? conv_ok(g, out) : matmul_ok(g, out))) return false;
    const tn__type *w = tn__type_of(g, tn__in(g, n, 1));
    int64_t axis = channel_axis(n), elements = tn__type_elements(w);
    out->channels = w->dims[axis];
    out->bias = n->op == TN_OP_matmul ? tn__none() : tn__in(g, n, 2);
    if (!elements || !tn__type_elements(tn__type_of(g, tn__in(g, n, 0))) || elements / out->channels > LONGEST_SUM) return false;
    return (out->w.scale->elements == 1 || out->w.axis == axis) && bias_ok(g, out->bias, out->channels);
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

static double bias_at(const tn_graph *g, tn_value v, int64_t i) {
    tn__quant_operand o;
    const tn_tensor *t = tn__constant_of(g, v);
    if (t) return at(t, i);
    dequantised(g, v, &o);
    t = tn__constant_of(g, tn__in(g, o.node, 0));
    return (at(t, i) - at(o.zero, i)) * at(o.scale, i);
}

/* The bias in units of a product of two quantised values. */
static double integer_bias(const tn_graph *g, const tn__quant_product *p, int64_t i) {
    return nearbyint(bias_at(g, p->bias, i) / (at(p->x.scale, 0) * at(p->w.scale, i)));
}

bool tn__quant_can_finish(const tn_graph *g, const tn__quant_product *p) {
    if (!p->bias.id) return p->node->op != TN_OP_gemm || !((const tn__attrs_gemm *)p->node->attrs)->transB;
    if (p->node->op != TN_OP_conv) return false; /* qlinear_matmul has no bias */
    for (int64_t i = 0; i < p->channels; i++)
        if (!(fabs(integer_bias(g, p, i)) < LARGEST_BIAS)) return false;
    return true;
}

/* ---- emission ------------------------------------------------------------------------------------------------ */

static tn_tensor *tensor(tn_graph *to, tn_dtype d, int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create(to->context, d, rank, dims, &t);
    return e ? tn__graph_fail(to, e), NULL : t;
}

static tn_value take(tn_graph *to, tn_tensor *t) {
    tn_value v = tn_graph_constant(to, t);
    tn_tensor_release(t);
    return v;
}

/* Operand 2 of a (de)quantisation, or a 0 where it has none. */
static tn_value zero_of(tn__rewriter *r, const tn__node *n, tn_dtype dtype) {
    tn_value v = tn__rewriter_in(r, n, 2);
    tn_tensor *t = v.id ? NULL : tensor(r->to, dtype, 0, NULL);
    if (!t) return v;
    tn__store_i64(dtype, t->data, 0, 0);
    return take(r->to, t);
}

/* The product without scales, an i32 matmul_integer wants its right operand [k][n]. */
static tn_value integer_weights(tn__rewriter *r, const tn__quant_product *p) {
    tn_value w = tn__rewriter_in(r, p->w.node, 0);
    if (p->node->op != TN_OP_gemm || !((const tn__attrs_gemm *)p->node->attrs)->transB) return w;
    return tn__graph_add(r->to, TN_OP_transpose, &w, 1, NULL, 1, p->node->name); /* folded */
}

static const void *conv_attrs(tn__rewriter *r, const tn__quant_product *p) {
    if (p->node->op != TN_OP_conv) return NULL;
    const void *a = tn__attrs_copy(r->to, TN_OP_conv, p->node->attrs);
    if (!a) tn__graph_fail(r->to, tn__error_oom());
    return a;
}

/* What is made from now on stands for the product and the dequantisations that it reads as well. */
static void also_product(const tn__rewriter *r, const tn__quant_product *p) {
    const tn__node *bias = tn__node_of(r->from, p->bias);
    tn__rewriter_also(r, p->x.node);
    tn__rewriter_also(r, p->w.node);
    if (bias && bias->op != TN_OP_constant) tn__rewriter_also(r, bias);
    tn__rewriter_also(r, p->node);
}

tn_value tn__quant_emit_finished(tn__rewriter *r, const tn__quant_product *p, const tn__node *q, bool relu) {
    tn_graph *to = r->to;
    tn_dtype dtype = r->from->values.data[q->first_out].type.dtype;
    also_product(r, p);
    tn_value zero = zero_of(r, q, dtype);
    tn_value in[9] = {tn__rewriter_in(r, p->x.node, 0), tn__rewriter_in(r, p->x.node, 1), zero_of(r, p->x.node, p->x.dtype),
                      integer_weights(r, p), tn__rewriter_in(r, p->w.node, 1), zero_of(r, p->w.node, p->w.dtype),
                      tn__rewriter_in(r, q, 1), zero, tn__none()};
    bool conv = p->node->op == TN_OP_conv;
    const void *attrs = conv_attrs(r, p);
    if (p->bias.id) {
        tn_tensor *b = tensor(to, TN_DTYPE_i32, 1, &p->channels);
        if (!b) return tn__none();
        for (int64_t i = 0; i < p->channels; i++) ((int32_t *)b->data)[i] = (int32_t)integer_bias(r->from, p, i);
        in[8] = take(to, b);
    }
    tn_value y = tn__graph_add(to, conv ? TN_OP_qlinear_conv : TN_OP_qlinear_matmul, in, conv && p->bias.id ? 9 : 8, attrs, 1, p->node->name);
    const tn_tensor *z = tn__constant_of(to, zero);
    if (!relu || !y.id || !z || tn__load_i64(dtype, z->data, 0) == (dtype == TN_DTYPE_i8 ? -128 : 0)) return y;
    tn_tensor *least = tensor(to, dtype, 0, NULL); /* relu ends at the zero point */
    if (!least) return tn__none();
    tn__store_i64(dtype, least->data, 0, tn__load_i64(dtype, z->data, 0));
    tn_value both[2] = {y, take(to, least)};
    return tn__graph_add(to, TN_OP_max, both, 2, NULL, 1, p->node->name);
}

/* A constant of one f32 a channel, shaped so that it broadcasts over the result. */
static tn_value channel_constant(tn__rewriter *r, const tn__quant_product *p, bool bias) {
    int32_t trailing = p->node->op == TN_OP_conv ? r->from->values.data[p->node->first_out].type.rank - 2 : 0;
    int64_t dims[TN_MAX_RANK];
    dims[0] = p->channels;
    for (int32_t i = 1; i <= trailing; i++) dims[i] = 1;
    tn_tensor *t = tensor(r->to, TN_DTYPE_f32, 1 + trailing, dims);
    if (!t) return tn__none();
    for (int64_t i = 0; i < p->channels; i++)
        ((float *)t->data)[i] = bias ? (float)bias_at(r->from, p->bias, i) : (float)at(p->x.scale, 0) * (float)at(p->w.scale, i);
    return take(r->to, t);
}

tn_value tn__quant_emit_integer(tn__rewriter *r, const tn__quant_product *p) {
    tn_graph *to = r->to;
    const char *name = p->node->name;
    also_product(r, p);
    tn_value in[4] = {tn__rewriter_in(r, p->x.node, 0), integer_weights(r, p), zero_of(r, p->x.node, p->x.dtype), zero_of(r, p->w.node, p->w.dtype)};
    const void *attrs = conv_attrs(r, p);
    tn_value sum = tn__graph_add(to, p->node->op == TN_OP_conv ? TN_OP_conv_integer : TN_OP_matmul_integer, in, 4, attrs, 1, name);
    tn__attrs_cast *cast = tn__attrs_new(to, TN_OP_cast);
    if (!cast) return tn__graph_fail(to, tn__error_oom()), tn__none();
    cast->to = TN_DTYPE_f32;
    tn_value both[2] = {tn__graph_add(to, TN_OP_cast, &sum, 1, cast, 1, name), channel_constant(r, p, false)};
    tn_value y = tn__graph_add(to, TN_OP_mul, both, 2, NULL, 1, name);
    if (!p->bias.id) return y;
    tn_value with[2] = {y, channel_constant(r, p, true)};
    return tn__graph_add(to, TN_OP_add, with, 2, NULL, 1, name);
}

tn_value tn__quant_convert(tn__rewriter *r, const tn__quant_operand *o, const tn__node *q) {
    const tn_graph *g = r->from;
    tn_graph *to = r->to;
    tn_dtype dtype = g->values.data[q->first_out].type.dtype;
    tn_value x = tn__rewriter_in(r, o->node, 0);
    const tn_tensor *zero = tn__in(g, q, 2).id ? tn__constant_of(g, tn__in(g, q, 2)) : NULL;
    if (dtype == o->dtype && at(o->scale, 0) == at(tn__constant_of(g, tn__in(g, q, 1)), 0) && at(o->zero, 0) == at(zero, 0)) return x;
    tn_value dq[3] = {x, tn__rewriter_in(r, o->node, 1), zero_of(r, o->node, o->dtype)};
    tn_value y[3] = {tn__graph_add(to, TN_OP_dequantize_linear, dq, 3, NULL, 1, o->node->name), tn__rewriter_in(r, q, 1), zero_of(r, q, dtype)};
    return tn__graph_add(to, TN_OP_quantize_linear, y, 3, NULL, 1, q->name);
}

tn_value tn__quant_number(tn__rewriter *r, tn_value v, const tn__node *q) {
    tn_tensor *zero = v.id ? NULL : tensor(r->to, TN_DTYPE_f32, 0, NULL);
    if (zero) *(float *)zero->data = 0;
    tn_value y[3] = {v.id ? r->map[v.id] : zero ? take(r->to, zero) : tn__none(), tn__rewriter_in(r, q, 1), tn__rewriter_in(r, q, 2)};
    const void *attrs = tn__attrs_copy(r->to, TN_OP_quantize_linear, q->attrs);
    if (!attrs) return tn__graph_fail(r->to, tn__error_oom()), tn__none();
    return tn__graph_add(r->to, TN_OP_quantize_linear, y, q->n_in, attrs, 1, q->name); /* folded */
}
