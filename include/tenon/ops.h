/* Tenon: a typed function for each op. Made from the op tables of src/ir by scripts/make-ops-header; do not edit.
 *
 *     tn_conv_attrs attrs = tn_conv_attrs_defaults();
 *     attrs.group = 4;
 *     tn_value y = tn_op_relu(graph, tn_op_conv(graph, x, w, bias, &attrs));
 *
 * Each is tn_graph_op of that name: it returns the first result (tn_value_output gives the others), {0} after an error, which the graph
 * keeps. Shapes and element types are those of the ONNX operator in its newest version (docs/ops.md). An operand marked "(or {0})" may
 * be absent: {0}. attrs NULL: all defaults; else every field counts, so begin with tn_ROW_attrs_defaults(). What attributes point to is
 * borrowed for the call, but a graph in them is taken, whether the call succeeds or not. The structs never cross the ABI: everything
 * here is inline, in C11 and C++17.
 *
 * A program that loads the library (tenon/api.h) defines TN_API_TABLE before it includes this file: an expression of type
 * `const tn_api *`, such as the name of a variable, through which the functions call. They then need nothing of the library's symbols. */
#ifndef TENON_OPS_H
#define TENON_OPS_H

#include <string.h>

#ifdef TN_API_TABLE
#include "tenon/api.h"
#define TN__GRAPH_OP (TN_API_TABLE)->graph_op
#else
#include "tenon/graph.h"
#define TN__GRAPH_OP tn_graph_op
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what the functions below share; not for direct use ---------------------------------------------------------------- */

/* Absent operands at the end are left out. */
static inline tn_value tn__op_call(tn_graph *graph, const char *op, const tn_value *in, uint32_t least, uint32_t n_in, const tn_attr *attrs,
                                   uint32_t n_attrs, uint32_t n_outputs) {
    while (n_in > least && !in[n_in - 1].id) n_in--;
    return TN__GRAPH_OP(graph, op, in, n_in, attrs, n_attrs, n_outputs);
}
static inline tn_attr *tn__attr_begin(tn_attr *to, const char *name, tn_attr_kind kind, uint32_t n) {
    memset(to, 0, sizeof *to);
    to->name = name;
    to->kind = kind;
    to->n = n;
    return to;
}
static inline uint32_t tn__attr_int(tn_attr *to, const char *name, int64_t x) {
    tn__attr_begin(to, name, TN_ATTR_INT, 0)->i = x;
    return 1;
}
static inline uint32_t tn__attr_float(tn_attr *to, const char *name, double x) {
    tn__attr_begin(to, name, TN_ATTR_FLOAT, 0)->f = x;
    return 1;
}
static inline uint32_t tn__attr_string(tn_attr *to, const char *name, const char *x) {
    tn__attr_begin(to, name, TN_ATTR_STRING, 0)->s = x;
    return x != NULL;
}
static inline uint32_t tn__attr_ints(tn_attr *to, const char *name, const int64_t *x, uint32_t n) {
    tn__attr_begin(to, name, TN_ATTR_INTS, n)->ints = x;
    return n != 0;
}
static inline uint32_t tn__attr_floats(tn_attr *to, const char *name, const double *x, uint32_t n) {
    tn__attr_begin(to, name, TN_ATTR_FLOATS, n)->floats = x;
    return n != 0;
}
static inline uint32_t tn__attr_strings(tn_attr *to, const char *name, const char *const *x, uint32_t n) {
    tn__attr_begin(to, name, TN_ATTR_STRINGS, n)->strings = x;
    return n != 0;
}
static inline uint32_t tn__attr_tensor(tn_attr *to, const char *name, tn_tensor *x) {
    tn__attr_begin(to, name, TN_ATTR_TENSOR, 0)->tensor = x;
    return x != NULL;
}
static inline uint32_t tn__attr_graph(tn_attr *to, const char *name, tn_graph *x) {
    tn__attr_begin(to, name, TN_ATTR_GRAPH, 0)->graph = x;
    return x != NULL;
}

/* ---- the ops ------------------------------------------------------------------------------------------------------------ */

/* Attributes of constant, constant_of_shape; beside them the defaults. */
typedef struct tn_constant_attrs {
    tn_tensor *value; /* none */
} tn_constant_attrs;
static inline tn_constant_attrs tn_constant_attrs_defaults(void) {
    tn_constant_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__constant_attrs_list(const tn_constant_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_tensor(&list[n], "value", attrs->value);
    return n;
}

/* constant: a constant tensor. Result value. Attributes: value. */
static inline tn_value tn_op_constant(tn_graph *graph, const tn_constant_attrs *attrs) {
    tn_attr list[1];
    return tn__op_call(graph, "constant", NULL, 0, 0, list, tn__constant_attrs_list(attrs, list), 1);
}
/* abs: elementwise Abs. ONNX Abs. Operand x. Result y. */
static inline tn_value tn_op_abs(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "abs", in, 1, 1, NULL, 0, 1);
}
/* acos: elementwise Acos. ONNX Acos. Operand x. Result y. */
static inline tn_value tn_op_acos(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "acos", in, 1, 1, NULL, 0, 1);
}
/* acosh: elementwise Acosh. ONNX Acosh. Operand x. Result y. */
static inline tn_value tn_op_acosh(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "acosh", in, 1, 1, NULL, 0, 1);
}
/* asin: elementwise Asin. ONNX Asin. Operand x. Result y. */
static inline tn_value tn_op_asin(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "asin", in, 1, 1, NULL, 0, 1);
}
/* asinh: elementwise Asinh. ONNX Asinh. Operand x. Result y. */
static inline tn_value tn_op_asinh(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "asinh", in, 1, 1, NULL, 0, 1);
}
/* atan: elementwise Atan. ONNX Atan. Operand x. Result y. */
static inline tn_value tn_op_atan(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "atan", in, 1, 1, NULL, 0, 1);
}
/* atanh: elementwise Atanh. ONNX Atanh. Operand x. Result y. */
static inline tn_value tn_op_atanh(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "atanh", in, 1, 1, NULL, 0, 1);
}
/* ceil: elementwise Ceil. ONNX Ceil. Operand x. Result y. */
static inline tn_value tn_op_ceil(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "ceil", in, 1, 1, NULL, 0, 1);
}
/* cos: elementwise Cos. ONNX Cos. Operand x. Result y. */
static inline tn_value tn_op_cos(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "cos", in, 1, 1, NULL, 0, 1);
}
/* cosh: elementwise Cosh. ONNX Cosh. Operand x. Result y. */
static inline tn_value tn_op_cosh(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "cosh", in, 1, 1, NULL, 0, 1);
}
/* erf: elementwise Erf. ONNX Erf. Operand x. Result y. */
static inline tn_value tn_op_erf(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "erf", in, 1, 1, NULL, 0, 1);
}
/* exp: elementwise Exp. ONNX Exp. Operand x. Result y. */
static inline tn_value tn_op_exp(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "exp", in, 1, 1, NULL, 0, 1);
}
/* floor: elementwise Floor. ONNX Floor. Operand x. Result y. */
static inline tn_value tn_op_floor(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "floor", in, 1, 1, NULL, 0, 1);
}
/* log: elementwise Log. ONNX Log. Operand x. Result y. */
static inline tn_value tn_op_log(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "log", in, 1, 1, NULL, 0, 1);
}
/* neg: elementwise Neg. ONNX Neg. Operand x. Result y. */
static inline tn_value tn_op_neg(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "neg", in, 1, 1, NULL, 0, 1);
}
/* reciprocal: elementwise Reciprocal. ONNX Reciprocal. Operand x. Result y. */
static inline tn_value tn_op_reciprocal(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "reciprocal", in, 1, 1, NULL, 0, 1);
}
/* relu: elementwise Relu. ONNX Relu. Operand x. Result y. */
static inline tn_value tn_op_relu(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "relu", in, 1, 1, NULL, 0, 1);
}
/* round: elementwise Round. ONNX Round. Operand x. Result y. */
static inline tn_value tn_op_round(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "round", in, 1, 1, NULL, 0, 1);
}
/* sigmoid: elementwise Sigmoid. ONNX Sigmoid. Operand x. Result y. */
static inline tn_value tn_op_sigmoid(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "sigmoid", in, 1, 1, NULL, 0, 1);
}
/* sign: elementwise Sign. ONNX Sign. Operand x. Result y. */
static inline tn_value tn_op_sign(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "sign", in, 1, 1, NULL, 0, 1);
}
/* sin: elementwise Sin. ONNX Sin. Operand x. Result y. */
static inline tn_value tn_op_sin(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "sin", in, 1, 1, NULL, 0, 1);
}
/* sinh: elementwise Sinh. ONNX Sinh. Operand x. Result y. */
static inline tn_value tn_op_sinh(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "sinh", in, 1, 1, NULL, 0, 1);
}
/* softplus: elementwise Softplus. ONNX Softplus. Operand x. Result y. */
static inline tn_value tn_op_softplus(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "softplus", in, 1, 1, NULL, 0, 1);
}
/* softsign: elementwise Softsign. ONNX Softsign. Operand x. Result y. */
static inline tn_value tn_op_softsign(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "softsign", in, 1, 1, NULL, 0, 1);
}
/* sqrt: elementwise Sqrt. ONNX Sqrt. Operand x. Result y. */
static inline tn_value tn_op_sqrt(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "sqrt", in, 1, 1, NULL, 0, 1);
}
/* tan: elementwise Tan. ONNX Tan. Operand x. Result y. */
static inline tn_value tn_op_tan(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "tan", in, 1, 1, NULL, 0, 1);
}
/* tanh: elementwise Tanh. ONNX Tanh. Operand x. Result y. */
static inline tn_value tn_op_tanh(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "tanh", in, 1, 1, NULL, 0, 1);
}
/* mish: elementwise Mish. ONNX Mish. Operand x. Result y. */
static inline tn_value tn_op_mish(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "mish", in, 1, 1, NULL, 0, 1);
}
/* hard_swish: elementwise HardSwish. ONNX HardSwish. Operand x. Result y. */
static inline tn_value tn_op_hard_swish(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "hard_swish", in, 1, 1, NULL, 0, 1);
}
/* identity: elementwise Identity. ONNX Identity. Operand x. Result y. */
static inline tn_value tn_op_identity(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "identity", in, 1, 1, NULL, 0, 1);
}
/* bitwise_not: elementwise BitwiseNot. ONNX BitwiseNot. Operand x. Result y. */
static inline tn_value tn_op_bitwise_not(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "bitwise_not", in, 1, 1, NULL, 0, 1);
}
/* rsqrt: elementwise 1 / sqrt(x). Operand x. Result y. */
static inline tn_value tn_op_rsqrt(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "rsqrt", in, 1, 1, NULL, 0, 1);
}
/* Attributes of elu, celu, thresholded_relu, swish, leaky_relu; beside them the defaults. */
typedef struct tn_alpha_attrs {
    double alpha; /* 1.0 */
} tn_alpha_attrs;
static inline tn_alpha_attrs tn_alpha_attrs_defaults(void) {
    tn_alpha_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.alpha = 1.0;
    return attrs;
}
static inline uint32_t tn__alpha_attrs_list(const tn_alpha_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "alpha", attrs->alpha);
    return n;
}

/* elu: elementwise Elu. ONNX Elu. Operand x. Result y. Attributes: alpha = 1.0. */
static inline tn_value tn_op_elu(tn_graph *graph, tn_value x, const tn_alpha_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "elu", in, 1, 1, list, tn__alpha_attrs_list(attrs, list), 1);
}
/* celu: elementwise Celu. ONNX Celu. Operand x. Result y. Attributes: alpha = 1.0. */
static inline tn_value tn_op_celu(tn_graph *graph, tn_value x, const tn_alpha_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "celu", in, 1, 1, list, tn__alpha_attrs_list(attrs, list), 1);
}
/* thresholded_relu: elementwise ThresholdedRelu. ONNX ThresholdedRelu. Operand x. Result y. Attributes: alpha = 1.0. */
static inline tn_value tn_op_thresholded_relu(tn_graph *graph, tn_value x, const tn_alpha_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "thresholded_relu", in, 1, 1, list, tn__alpha_attrs_list(attrs, list), 1);
}
/* swish: elementwise Swish. ONNX Swish. Operand x. Result y. Attributes: alpha = 1.0. */
static inline tn_value tn_op_swish(tn_graph *graph, tn_value x, const tn_alpha_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "swish", in, 1, 1, list, tn__alpha_attrs_list(attrs, list), 1);
}
/* leaky_relu: elementwise LeakyRelu. ONNX LeakyRelu. Operand x. Result y. Attributes: alpha = 1.0. */
static inline tn_value tn_op_leaky_relu(tn_graph *graph, tn_value x, const tn_alpha_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "leaky_relu", in, 1, 1, list, tn__alpha_attrs_list(attrs, list), 1);
}
/* Attributes of selu; beside them the defaults. */
typedef struct tn_alpha_gamma_attrs {
    double alpha; /* 1.6732631921768188 */
    double gamma; /* 1.0507010221481323 */
} tn_alpha_gamma_attrs;
static inline tn_alpha_gamma_attrs tn_alpha_gamma_attrs_defaults(void) {
    tn_alpha_gamma_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.alpha = 1.6732631921768188;
    attrs.gamma = 1.0507010221481323;
    return attrs;
}
static inline uint32_t tn__alpha_gamma_attrs_list(const tn_alpha_gamma_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "alpha", attrs->alpha);
    n += tn__attr_float(&list[n], "gamma", attrs->gamma);
    return n;
}

/* selu: elementwise Selu. ONNX Selu. Operand x. Result y. Attributes: alpha = 1.6732631921768188, gamma = 1.0507010221481323. */
static inline tn_value tn_op_selu(tn_graph *graph, tn_value x, const tn_alpha_gamma_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "selu", in, 1, 1, list, tn__alpha_gamma_attrs_list(attrs, list), 1);
}
/* Attributes of hard_sigmoid; beside them the defaults. */
typedef struct tn_alpha_beta_attrs {
    double alpha; /* 0.2 */
    double beta; /* 0.5 */
} tn_alpha_beta_attrs;
static inline tn_alpha_beta_attrs tn_alpha_beta_attrs_defaults(void) {
    tn_alpha_beta_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.alpha = 0.2;
    attrs.beta = 0.5;
    return attrs;
}
static inline uint32_t tn__alpha_beta_attrs_list(const tn_alpha_beta_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "alpha", attrs->alpha);
    n += tn__attr_float(&list[n], "beta", attrs->beta);
    return n;
}

/* hard_sigmoid: elementwise HardSigmoid. ONNX HardSigmoid. Operand x. Result y. Attributes: alpha = 0.2, beta = 0.5. */
static inline tn_value tn_op_hard_sigmoid(tn_graph *graph, tn_value x, const tn_alpha_beta_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "hard_sigmoid", in, 1, 1, list, tn__alpha_beta_attrs_list(attrs, list), 1);
}
/* Attributes of shrink; beside them the defaults. */
typedef struct tn_shrink_attrs {
    double bias; /* 0.0 */
    double lambd; /* 0.5 */
} tn_shrink_attrs;
static inline tn_shrink_attrs tn_shrink_attrs_defaults(void) {
    tn_shrink_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.lambd = 0.5;
    return attrs;
}
static inline uint32_t tn__shrink_attrs_list(const tn_shrink_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "bias", attrs->bias);
    n += tn__attr_float(&list[n], "lambd", attrs->lambd);
    return n;
}

/* shrink: elementwise Shrink. ONNX Shrink. Operand x. Result y. Attributes: bias = 0.0, lambd = 0.5. */
static inline tn_value tn_op_shrink(tn_graph *graph, tn_value x, const tn_shrink_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "shrink", in, 1, 1, list, tn__shrink_attrs_list(attrs, list), 1);
}
/* Attributes of gelu; beside them the defaults. */
typedef struct tn_gelu_attrs {
    const char *approximate; /* "none" */
} tn_gelu_attrs;
static inline tn_gelu_attrs tn_gelu_attrs_defaults(void) {
    tn_gelu_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.approximate = "none";
    return attrs;
}
static inline uint32_t tn__gelu_attrs_list(const tn_gelu_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "approximate", attrs->approximate);
    return n;
}

/* gelu: elementwise Gelu. ONNX Gelu. Operand x. Result y. Attributes: approximate = "none". */
static inline tn_value tn_op_gelu(tn_graph *graph, tn_value x, const tn_gelu_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "gelu", in, 1, 1, list, tn__gelu_attrs_list(attrs, list), 1);
}
/* not: elementwise Not. ONNX Not. Operand x. Result y. */
static inline tn_value tn_op_not(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "not", in, 1, 1, NULL, 0, 1);
}
/* is_nan: elementwise IsNaN. ONNX IsNaN. Operand x. Result y. */
static inline tn_value tn_op_is_nan(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "is_nan", in, 1, 1, NULL, 0, 1);
}
/* Attributes of is_inf; beside them the defaults. */
typedef struct tn_is_inf_attrs {
    int64_t detect_negative; /* 1 */
    int64_t detect_positive; /* 1 */
} tn_is_inf_attrs;
static inline tn_is_inf_attrs tn_is_inf_attrs_defaults(void) {
    tn_is_inf_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.detect_negative = 1;
    attrs.detect_positive = 1;
    return attrs;
}
static inline uint32_t tn__is_inf_attrs_list(const tn_is_inf_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "detect_negative", attrs->detect_negative);
    n += tn__attr_int(&list[n], "detect_positive", attrs->detect_positive);
    return n;
}

/* is_inf: elementwise IsInf. ONNX IsInf. Operand x. Result y. Attributes: detect_negative = 1, detect_positive = 1. */
static inline tn_value tn_op_is_inf(tn_graph *graph, tn_value x, const tn_is_inf_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "is_inf", in, 1, 1, list, tn__is_inf_attrs_list(attrs, list), 1);
}
/* Attributes of cast, bit_cast; beside them the defaults. */
typedef struct tn_cast_attrs {
    tn_dtype to; /* TN_DTYPE_NONE */
    int64_t saturate; /* 1 */
    const char *round_mode; /* "up" */
} tn_cast_attrs;
static inline tn_cast_attrs tn_cast_attrs_defaults(void) {
    tn_cast_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.saturate = 1;
    attrs.round_mode = "up";
    return attrs;
}
static inline uint32_t tn__cast_attrs_list(const tn_cast_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "to", attrs->to);
    n += tn__attr_int(&list[n], "saturate", attrs->saturate);
    n += tn__attr_string(&list[n], "round_mode", attrs->round_mode);
    return n;
}

/* cast: elementwise Cast. ONNX Cast. Operand x. Result y. Attributes: to = TN_DTYPE_NONE, saturate = 1, round_mode = "up". */
static inline tn_value tn_op_cast(tn_graph *graph, tn_value x, const tn_cast_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[3];
    return tn__op_call(graph, "cast", in, 1, 1, list, tn__cast_attrs_list(attrs, list), 1);
}
/* bit_cast: reinterprets the bits as another dtype. ONNX BitCast. Operand x. Result y. Attributes: to = TN_DTYPE_NONE, saturate =
 * 1, round_mode = "up". */
static inline tn_value tn_op_bit_cast(tn_graph *graph, tn_value x, const tn_cast_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[3];
    return tn__op_call(graph, "bit_cast", in, 1, 1, list, tn__cast_attrs_list(attrs, list), 1);
}
/* add: elementwise Add. ONNX Add. Operands a, b. Result y. */
static inline tn_value tn_op_add(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "add", in, 2, 2, NULL, 0, 1);
}
/* sub: elementwise Sub. ONNX Sub. Operands a, b. Result y. */
static inline tn_value tn_op_sub(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "sub", in, 2, 2, NULL, 0, 1);
}
/* mul: elementwise Mul. ONNX Mul. Operands a, b. Result y. */
static inline tn_value tn_op_mul(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "mul", in, 2, 2, NULL, 0, 1);
}
/* div: elementwise Div. ONNX Div. Operands a, b. Result y. */
static inline tn_value tn_op_div(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "div", in, 2, 2, NULL, 0, 1);
}
/* pow: elementwise Pow. ONNX Pow. Operands x, y. Result y. */
static inline tn_value tn_op_pow(tn_graph *graph, tn_value x, tn_value y) {
    const tn_value in[] = {x, y};
    return tn__op_call(graph, "pow", in, 2, 2, NULL, 0, 1);
}
/* atan2: elementwise atan2. Operands a, b. Result y. */
static inline tn_value tn_op_atan2(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "atan2", in, 2, 2, NULL, 0, 1);
}
/* prelu: elementwise PRelu. ONNX PRelu. Operands x, slope. Result y. */
static inline tn_value tn_op_prelu(tn_graph *graph, tn_value x, tn_value slope) {
    const tn_value in[] = {x, slope};
    return tn__op_call(graph, "prelu", in, 2, 2, NULL, 0, 1);
}
/* and: elementwise And. ONNX And. Operands a, b. Result y. */
static inline tn_value tn_op_and(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "and", in, 2, 2, NULL, 0, 1);
}
/* or: elementwise Or. ONNX Or. Operands a, b. Result y. */
static inline tn_value tn_op_or(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "or", in, 2, 2, NULL, 0, 1);
}
/* xor: elementwise Xor. ONNX Xor. Operands a, b. Result y. */
static inline tn_value tn_op_xor(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "xor", in, 2, 2, NULL, 0, 1);
}
/* bitwise_and: elementwise BitwiseAnd. ONNX BitwiseAnd. Operands a, b. Result y. */
static inline tn_value tn_op_bitwise_and(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "bitwise_and", in, 2, 2, NULL, 0, 1);
}
/* bitwise_or: elementwise BitwiseOr. ONNX BitwiseOr. Operands a, b. Result y. */
static inline tn_value tn_op_bitwise_or(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "bitwise_or", in, 2, 2, NULL, 0, 1);
}
/* bitwise_xor: elementwise BitwiseXor. ONNX BitwiseXor. Operands a, b. Result y. */
static inline tn_value tn_op_bitwise_xor(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "bitwise_xor", in, 2, 2, NULL, 0, 1);
}
/* Attributes of mod; beside them the defaults. */
typedef struct tn_mod_attrs {
    int64_t fmod; /* 0 */
} tn_mod_attrs;
static inline tn_mod_attrs tn_mod_attrs_defaults(void) {
    tn_mod_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__mod_attrs_list(const tn_mod_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "fmod", attrs->fmod);
    return n;
}

/* mod: remainder; fmod: sign of the dividend. ONNX Mod. Operands a, b. Result y. Attributes: fmod = 0. */
static inline tn_value tn_op_mod(tn_graph *graph, tn_value a, tn_value b, const tn_mod_attrs *attrs) {
    const tn_value in[] = {a, b};
    tn_attr list[1];
    return tn__op_call(graph, "mod", in, 2, 2, list, tn__mod_attrs_list(attrs, list), 1);
}
/* Attributes of bit_shift; beside them the defaults. */
typedef struct tn_bit_shift_attrs {
    const char *direction; /* none */
} tn_bit_shift_attrs;
static inline tn_bit_shift_attrs tn_bit_shift_attrs_defaults(void) {
    tn_bit_shift_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__bit_shift_attrs_list(const tn_bit_shift_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "direction", attrs->direction);
    return n;
}

/* bit_shift: shift LEFT or RIGHT. ONNX BitShift. Operands x, y. Result y. Attributes: direction. */
static inline tn_value tn_op_bit_shift(tn_graph *graph, tn_value x, tn_value y, const tn_bit_shift_attrs *attrs) {
    const tn_value in[] = {x, y};
    tn_attr list[1];
    return tn__op_call(graph, "bit_shift", in, 2, 2, list, tn__bit_shift_attrs_list(attrs, list), 1);
}
/* equal: elementwise comparison to bool. ONNX Equal. Operands a, b. Result y. */
static inline tn_value tn_op_equal(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "equal", in, 2, 2, NULL, 0, 1);
}
/* greater: elementwise comparison to bool. ONNX Greater. Operands a, b. Result y. */
static inline tn_value tn_op_greater(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "greater", in, 2, 2, NULL, 0, 1);
}
/* greater_equal: elementwise comparison to bool. ONNX GreaterOrEqual. Operands a, b. Result y. */
static inline tn_value tn_op_greater_equal(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "greater_equal", in, 2, 2, NULL, 0, 1);
}
/* less: elementwise comparison to bool. ONNX Less. Operands a, b. Result y. */
static inline tn_value tn_op_less(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "less", in, 2, 2, NULL, 0, 1);
}
/* less_equal: elementwise comparison to bool. ONNX LessOrEqual. Operands a, b. Result y. */
static inline tn_value tn_op_less_equal(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "less_equal", in, 2, 2, NULL, 0, 1);
}
/* max: elementwise over all operands. ONNX Max. Operands, at least 1: inputs. Result y. */
static inline tn_value tn_op_max(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs) {
    return tn__op_call(graph, "max", inputs, n_inputs, n_inputs, NULL, 0, 1);
}
/* min: elementwise over all operands. ONNX Min. Operands, at least 1: inputs. Result y. */
static inline tn_value tn_op_min(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs) {
    return tn__op_call(graph, "min", inputs, n_inputs, n_inputs, NULL, 0, 1);
}
/* sum: elementwise over all operands. ONNX Sum. Operands, at least 1: inputs. Result y. */
static inline tn_value tn_op_sum(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs) {
    return tn__op_call(graph, "sum", inputs, n_inputs, n_inputs, NULL, 0, 1);
}
/* mean: elementwise over all operands. ONNX Mean. Operands, at least 1: inputs. Result y. */
static inline tn_value tn_op_mean(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs) {
    return tn__op_call(graph, "mean", inputs, n_inputs, n_inputs, NULL, 0, 1);
}
/* where: condition ? x : y. ONNX Where. Operands condition, x, y. Result z. */
static inline tn_value tn_op_where(tn_graph *graph, tn_value condition, tn_value x, tn_value y) {
    const tn_value in[] = {condition, x, y};
    return tn__op_call(graph, "where", in, 3, 3, NULL, 0, 1);
}
/* clip: limits to [min, max]. ONNX Clip. Operands x, min_value (or {0}), max_value (or {0}). Result y. */
static inline tn_value tn_op_clip(tn_graph *graph, tn_value x, tn_value min_value, tn_value max_value) {
    const tn_value in[] = {x, min_value, max_value};
    return tn__op_call(graph, "clip", in, 1, 3, NULL, 0, 1);
}
/* Attributes of reduce_sum, reduce_mean, reduce_max, reduce_min, reduce_prod, reduce_l1, reduce_l2, reduce_log_sum,
 * reduce_log_sum_exp, reduce_sum_square; beside them the defaults. */
typedef struct tn_reduce_attrs {
    int64_t keepdims; /* 1 */
    int64_t noop_with_empty_axes; /* 0 */
} tn_reduce_attrs;
static inline tn_reduce_attrs tn_reduce_attrs_defaults(void) {
    tn_reduce_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.keepdims = 1;
    return attrs;
}
static inline uint32_t tn__reduce_attrs_list(const tn_reduce_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "keepdims", attrs->keepdims);
    n += tn__attr_int(&list[n], "noop_with_empty_axes", attrs->noop_with_empty_axes);
    return n;
}

/* reduce_sum: reduction over the axes of input 1. ONNX ReduceSum. Operands x, axes (or {0}). Result y. Attributes: keepdims = 1,
 * noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_sum(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_sum", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_mean: reduction over the axes of input 1. ONNX ReduceMean. Operands x, axes (or {0}). Result y. Attributes: keepdims =
 * 1, noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_mean(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_mean", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_max: reduction over the axes of input 1. ONNX ReduceMax. Operands x, axes (or {0}). Result y. Attributes: keepdims = 1,
 * noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_max(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_max", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_min: reduction over the axes of input 1. ONNX ReduceMin. Operands x, axes (or {0}). Result y. Attributes: keepdims = 1,
 * noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_min(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_min", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_prod: reduction over the axes of input 1. ONNX ReduceProd. Operands x, axes (or {0}). Result y. Attributes: keepdims =
 * 1, noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_prod(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_prod", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_l1: reduction over the axes of input 1. ONNX ReduceL1. Operands x, axes (or {0}). Result y. Attributes: keepdims = 1,
 * noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_l1(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_l1", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_l2: reduction over the axes of input 1. ONNX ReduceL2. Operands x, axes (or {0}). Result y. Attributes: keepdims = 1,
 * noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_l2(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_l2", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_log_sum: reduction over the axes of input 1. ONNX ReduceLogSum. Operands x, axes (or {0}). Result y. Attributes:
 * keepdims = 1, noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_log_sum(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_log_sum", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_log_sum_exp: reduction over the axes of input 1. ONNX ReduceLogSumExp. Operands x, axes (or {0}). Result y. Attributes:
 * keepdims = 1, noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_log_sum_exp(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_log_sum_exp", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* reduce_sum_square: reduction over the axes of input 1. ONNX ReduceSumSquare. Operands x, axes (or {0}). Result y. Attributes:
 * keepdims = 1, noop_with_empty_axes = 0. */
static inline tn_value tn_op_reduce_sum_square(tn_graph *graph, tn_value x, tn_value axes, const tn_reduce_attrs *attrs) {
    const tn_value in[] = {x, axes};
    tn_attr list[2];
    return tn__op_call(graph, "reduce_sum_square", in, 1, 2, list, tn__reduce_attrs_list(attrs, list), 1);
}
/* Attributes of arg_max, arg_min; beside them the defaults. */
typedef struct tn_arg_attrs {
    int64_t axis; /* 0 */
    int64_t keepdims; /* 1 */
    int64_t select_last_index; /* 0 */
} tn_arg_attrs;
static inline tn_arg_attrs tn_arg_attrs_defaults(void) {
    tn_arg_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.keepdims = 1;
    return attrs;
}
static inline uint32_t tn__arg_attrs_list(const tn_arg_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_int(&list[n], "keepdims", attrs->keepdims);
    n += tn__attr_int(&list[n], "select_last_index", attrs->select_last_index);
    return n;
}

/* arg_max: index of the largest. ONNX ArgMax. Operand x. Result y. Attributes: axis = 0, keepdims = 1, select_last_index = 0. */
static inline tn_value tn_op_arg_max(tn_graph *graph, tn_value x, const tn_arg_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[3];
    return tn__op_call(graph, "arg_max", in, 1, 1, list, tn__arg_attrs_list(attrs, list), 1);
}
/* arg_min: index of the smallest. ONNX ArgMin. Operand x. Result y. Attributes: axis = 0, keepdims = 1, select_last_index = 0. */
static inline tn_value tn_op_arg_min(tn_graph *graph, tn_value x, const tn_arg_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[3];
    return tn__op_call(graph, "arg_min", in, 1, 1, list, tn__arg_attrs_list(attrs, list), 1);
}
/* Attributes of cum_sum, cum_prod; beside them the defaults. */
typedef struct tn_cum_attrs {
    int64_t exclusive; /* 0 */
    int64_t reverse; /* 0 */
} tn_cum_attrs;
static inline tn_cum_attrs tn_cum_attrs_defaults(void) {
    tn_cum_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__cum_attrs_list(const tn_cum_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "exclusive", attrs->exclusive);
    n += tn__attr_int(&list[n], "reverse", attrs->reverse);
    return n;
}

/* cum_sum: running sum. ONNX CumSum. Operands x, axis. Result y. Attributes: exclusive = 0, reverse = 0. */
static inline tn_value tn_op_cum_sum(tn_graph *graph, tn_value x, tn_value axis, const tn_cum_attrs *attrs) {
    const tn_value in[] = {x, axis};
    tn_attr list[2];
    return tn__op_call(graph, "cum_sum", in, 2, 2, list, tn__cum_attrs_list(attrs, list), 1);
}
/* cum_prod: running product. ONNX CumProd. Operands x, axis. Result y. Attributes: exclusive = 0, reverse = 0. */
static inline tn_value tn_op_cum_prod(tn_graph *graph, tn_value x, tn_value axis, const tn_cum_attrs *attrs) {
    const tn_value in[] = {x, axis};
    tn_attr list[2];
    return tn__op_call(graph, "cum_prod", in, 2, 2, list, tn__cum_attrs_list(attrs, list), 1);
}
/* Attributes of softmax, log_softmax, hardmax, one_hot; beside them the defaults. */
typedef struct tn_axis_last_attrs {
    int64_t axis; /* -1 */
} tn_axis_last_attrs;
static inline tn_axis_last_attrs tn_axis_last_attrs_defaults(void) {
    tn_axis_last_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = -1;
    return attrs;
}
static inline uint32_t tn__axis_last_attrs_list(const tn_axis_last_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    return n;
}

/* softmax: along one axis. ONNX Softmax. Operand x. Result y. Attributes: axis = -1. */
static inline tn_value tn_op_softmax(tn_graph *graph, tn_value x, const tn_axis_last_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "softmax", in, 1, 1, list, tn__axis_last_attrs_list(attrs, list), 1);
}
/* log_softmax: along one axis. ONNX LogSoftmax. Operand x. Result y. Attributes: axis = -1. */
static inline tn_value tn_op_log_softmax(tn_graph *graph, tn_value x, const tn_axis_last_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "log_softmax", in, 1, 1, list, tn__axis_last_attrs_list(attrs, list), 1);
}
/* hardmax: along one axis. ONNX Hardmax. Operand x. Result y. Attributes: axis = -1. */
static inline tn_value tn_op_hardmax(tn_graph *graph, tn_value x, const tn_axis_last_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "hardmax", in, 1, 1, list, tn__axis_last_attrs_list(attrs, list), 1);
}
/* Attributes of lp_normalization; beside them the defaults. */
typedef struct tn_lp_norm_attrs {
    int64_t axis; /* -1 */
    int64_t p; /* 2 */
} tn_lp_norm_attrs;
static inline tn_lp_norm_attrs tn_lp_norm_attrs_defaults(void) {
    tn_lp_norm_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = -1;
    attrs.p = 2;
    return attrs;
}
static inline uint32_t tn__lp_norm_attrs_list(const tn_lp_norm_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_int(&list[n], "p", attrs->p);
    return n;
}

/* lp_normalization: x / norm. ONNX LpNormalization. Operand x. Result y. Attributes: axis = -1, p = 2. */
static inline tn_value tn_op_lp_normalization(tn_graph *graph, tn_value x, const tn_lp_norm_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "lp_normalization", in, 1, 1, list, tn__lp_norm_attrs_list(attrs, list), 1);
}
/* Attributes of reshape; beside them the defaults. */
typedef struct tn_reshape_attrs {
    int64_t allowzero; /* 0 */
} tn_reshape_attrs;
static inline tn_reshape_attrs tn_reshape_attrs_defaults(void) {
    tn_reshape_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__reshape_attrs_list(const tn_reshape_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "allowzero", attrs->allowzero);
    return n;
}

/* reshape: ONNX Reshape. Operands x, shape. Result y. Attributes: allowzero = 0. */
static inline tn_value tn_op_reshape(tn_graph *graph, tn_value x, tn_value shape, const tn_reshape_attrs *attrs) {
    const tn_value in[] = {x, shape};
    tn_attr list[1];
    return tn__op_call(graph, "reshape", in, 2, 2, list, tn__reshape_attrs_list(attrs, list), 1);
}
/* Attributes of transpose; beside them the defaults. */
typedef struct tn_transpose_attrs {
    const int64_t *perm; /* n_perm of them */
    uint32_t n_perm; /* 0: none */
} tn_transpose_attrs;
static inline tn_transpose_attrs tn_transpose_attrs_defaults(void) {
    tn_transpose_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__transpose_attrs_list(const tn_transpose_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_ints(&list[n], "perm", attrs->perm, attrs->n_perm);
    return n;
}

/* transpose: ONNX Transpose. Operand x. Result y. Attributes: perm. */
static inline tn_value tn_op_transpose(tn_graph *graph, tn_value x, const tn_transpose_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "transpose", in, 1, 1, list, tn__transpose_attrs_list(attrs, list), 1);
}
/* Attributes of concat, gather, gather_elements; beside them the defaults. */
typedef struct tn_axis_attrs {
    int64_t axis; /* 0 */
} tn_axis_attrs;
static inline tn_axis_attrs tn_axis_attrs_defaults(void) {
    tn_axis_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__axis_attrs_list(const tn_axis_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    return n;
}

/* concat: ONNX Concat. Operands, at least 1: inputs. Result y. Attributes: axis = 0. */
static inline tn_value tn_op_concat(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs, const tn_axis_attrs *attrs) {
    tn_attr list[1];
    return tn__op_call(graph, "concat", inputs, n_inputs, n_inputs, list, tn__axis_attrs_list(attrs, list), 1);
}
/* Attributes of split; beside them the defaults. */
typedef struct tn_split_attrs {
    int64_t axis; /* 0 */
    int64_t num_outputs; /* 0 */
} tn_split_attrs;
static inline tn_split_attrs tn_split_attrs_defaults(void) {
    tn_split_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__split_attrs_list(const tn_split_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_int(&list[n], "num_outputs", attrs->num_outputs);
    return n;
}

/* split: ONNX Split. Operands x, split (or {0}). Results, n_outputs of them: parts. Attributes: axis = 0, num_outputs = 0. */
static inline tn_value tn_op_split(tn_graph *graph, tn_value x, tn_value split, uint32_t n_outputs, const tn_split_attrs *attrs) {
    const tn_value in[] = {x, split};
    tn_attr list[2];
    return tn__op_call(graph, "split", in, 1, 2, list, tn__split_attrs_list(attrs, list), n_outputs);
}
/* slice: ONNX Slice. Operands x, starts, ends, axes (or {0}), steps (or {0}). Result y. */
static inline tn_value tn_op_slice(tn_graph *graph, tn_value x, tn_value starts, tn_value ends, tn_value axes, tn_value steps) {
    const tn_value in[] = {x, starts, ends, axes, steps};
    return tn__op_call(graph, "slice", in, 3, 5, NULL, 0, 1);
}
/* Attributes of pad; beside them the defaults. */
typedef struct tn_pad_attrs {
    const char *mode; /* "constant" */
} tn_pad_attrs;
static inline tn_pad_attrs tn_pad_attrs_defaults(void) {
    tn_pad_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.mode = "constant";
    return attrs;
}
static inline uint32_t tn__pad_attrs_list(const tn_pad_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "mode", attrs->mode);
    return n;
}

/* pad: ONNX Pad. Operands x, pads, constant_value (or {0}), axes (or {0}). Result y. Attributes: mode = "constant". */
static inline tn_value tn_op_pad(tn_graph *graph, tn_value x, tn_value pads, tn_value constant_value, tn_value axes,
                                 const tn_pad_attrs *attrs) {
    const tn_value in[] = {x, pads, constant_value, axes};
    tn_attr list[1];
    return tn__op_call(graph, "pad", in, 2, 4, list, tn__pad_attrs_list(attrs, list), 1);
}
/* expand: ONNX Expand. Operands x, shape. Result y. */
static inline tn_value tn_op_expand(tn_graph *graph, tn_value x, tn_value shape) {
    const tn_value in[] = {x, shape};
    return tn__op_call(graph, "expand", in, 2, 2, NULL, 0, 1);
}
/* tile: ONNX Tile. Operands x, repeats. Result y. */
static inline tn_value tn_op_tile(tn_graph *graph, tn_value x, tn_value repeats) {
    const tn_value in[] = {x, repeats};
    return tn__op_call(graph, "tile", in, 2, 2, NULL, 0, 1);
}
/* squeeze: ONNX Squeeze. Operands x, axes (or {0}). Result y. */
static inline tn_value tn_op_squeeze(tn_graph *graph, tn_value x, tn_value axes) {
    const tn_value in[] = {x, axes};
    return tn__op_call(graph, "squeeze", in, 1, 2, NULL, 0, 1);
}
/* unsqueeze: ONNX Unsqueeze. Operands x, axes. Result y. */
static inline tn_value tn_op_unsqueeze(tn_graph *graph, tn_value x, tn_value axes) {
    const tn_value in[] = {x, axes};
    return tn__op_call(graph, "unsqueeze", in, 2, 2, NULL, 0, 1);
}
/* Attributes of flatten; beside them the defaults. */
typedef struct tn_axis_one_attrs {
    int64_t axis; /* 1 */
} tn_axis_one_attrs;
static inline tn_axis_one_attrs tn_axis_one_attrs_defaults(void) {
    tn_axis_one_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = 1;
    return attrs;
}
static inline uint32_t tn__axis_one_attrs_list(const tn_axis_one_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    return n;
}

/* flatten: ONNX Flatten. Operand x. Result y. Attributes: axis = 1. */
static inline tn_value tn_op_flatten(tn_graph *graph, tn_value x, const tn_axis_one_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "flatten", in, 1, 1, list, tn__axis_one_attrs_list(attrs, list), 1);
}
/* Attributes of shape; beside them the defaults. */
typedef struct tn_shape_attrs {
    int64_t start; /* 0 */
    int64_t end; /* INT64_MAX */
} tn_shape_attrs;
static inline tn_shape_attrs tn_shape_attrs_defaults(void) {
    tn_shape_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.end = INT64_MAX;
    return attrs;
}
static inline uint32_t tn__shape_attrs_list(const tn_shape_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "start", attrs->start);
    n += tn__attr_int(&list[n], "end", attrs->end);
    return n;
}

/* shape: ONNX Shape. Operand x. Result y. Attributes: start = 0, end = INT64_MAX. */
static inline tn_value tn_op_shape(tn_graph *graph, tn_value x, const tn_shape_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "shape", in, 1, 1, list, tn__shape_attrs_list(attrs, list), 1);
}
/* size: ONNX Size. Operand x. Result y. */
static inline tn_value tn_op_size(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "size", in, 1, 1, NULL, 0, 1);
}
/* constant_of_shape: ONNX ConstantOfShape. Operand shape. Result y. Attributes: value. */
static inline tn_value tn_op_constant_of_shape(tn_graph *graph, tn_value shape, const tn_constant_attrs *attrs) {
    const tn_value in[] = {shape};
    tn_attr list[1];
    return tn__op_call(graph, "constant_of_shape", in, 1, 1, list, tn__constant_attrs_list(attrs, list), 1);
}
/* range: ONNX Range. Operands start, limit, delta. Result y. */
static inline tn_value tn_op_range(tn_graph *graph, tn_value start, tn_value limit, tn_value delta) {
    const tn_value in[] = {start, limit, delta};
    return tn__op_call(graph, "range", in, 3, 3, NULL, 0, 1);
}
/* Attributes of eye_like; beside them the defaults. */
typedef struct tn_eye_like_attrs {
    tn_dtype dtype; /* TN_DTYPE_NONE */
    int64_t k; /* 0 */
} tn_eye_like_attrs;
static inline tn_eye_like_attrs tn_eye_like_attrs_defaults(void) {
    tn_eye_like_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__eye_like_attrs_list(const tn_eye_like_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "dtype", attrs->dtype);
    n += tn__attr_int(&list[n], "k", attrs->k);
    return n;
}

/* eye_like: ONNX EyeLike. Operand x. Result y. Attributes: dtype = TN_DTYPE_NONE, k = 0. */
static inline tn_value tn_op_eye_like(tn_graph *graph, tn_value x, const tn_eye_like_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "eye_like", in, 1, 1, list, tn__eye_like_attrs_list(attrs, list), 1);
}
/* one_hot: ONNX OneHot. Operands indices, depth, values. Result y. Attributes: axis = -1. */
static inline tn_value tn_op_one_hot(tn_graph *graph, tn_value indices, tn_value depth, tn_value values,
                                     const tn_axis_last_attrs *attrs) {
    const tn_value in[] = {indices, depth, values};
    tn_attr list[1];
    return tn__op_call(graph, "one_hot", in, 3, 3, list, tn__axis_last_attrs_list(attrs, list), 1);
}
/* Attributes of trilu; beside them the defaults. */
typedef struct tn_trilu_attrs {
    int64_t upper; /* 1 */
} tn_trilu_attrs;
static inline tn_trilu_attrs tn_trilu_attrs_defaults(void) {
    tn_trilu_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.upper = 1;
    return attrs;
}
static inline uint32_t tn__trilu_attrs_list(const tn_trilu_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "upper", attrs->upper);
    return n;
}

/* trilu: ONNX Trilu. Operands x, k (or {0}). Result y. Attributes: upper = 1. */
static inline tn_value tn_op_trilu(tn_graph *graph, tn_value x, tn_value k, const tn_trilu_attrs *attrs) {
    const tn_value in[] = {x, k};
    tn_attr list[1];
    return tn__op_call(graph, "trilu", in, 1, 2, list, tn__trilu_attrs_list(attrs, list), 1);
}
/* Attributes of depth_to_space, space_to_depth; beside them the defaults. */
typedef struct tn_depth_to_space_attrs {
    int64_t blocksize; /* 0 */
    const char *mode; /* "DCR" */
} tn_depth_to_space_attrs;
static inline tn_depth_to_space_attrs tn_depth_to_space_attrs_defaults(void) {
    tn_depth_to_space_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.mode = "DCR";
    return attrs;
}
static inline uint32_t tn__depth_to_space_attrs_list(const tn_depth_to_space_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "blocksize", attrs->blocksize);
    n += tn__attr_string(&list[n], "mode", attrs->mode);
    return n;
}

/* depth_to_space: ONNX DepthToSpace. Operand x. Result y. Attributes: blocksize = 0, mode = "DCR". */
static inline tn_value tn_op_depth_to_space(tn_graph *graph, tn_value x, const tn_depth_to_space_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "depth_to_space", in, 1, 1, list, tn__depth_to_space_attrs_list(attrs, list), 1);
}
/* space_to_depth: ONNX SpaceToDepth. Operand x. Result y. Attributes: blocksize = 0, mode = "DCR". */
static inline tn_value tn_op_space_to_depth(tn_graph *graph, tn_value x, const tn_depth_to_space_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "space_to_depth", in, 1, 1, list, tn__depth_to_space_attrs_list(attrs, list), 1);
}
/* Attributes of reverse_sequence; beside them the defaults. */
typedef struct tn_reverse_sequence_attrs {
    int64_t batch_axis; /* 1 */
    int64_t time_axis; /* 0 */
} tn_reverse_sequence_attrs;
static inline tn_reverse_sequence_attrs tn_reverse_sequence_attrs_defaults(void) {
    tn_reverse_sequence_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.batch_axis = 1;
    return attrs;
}
static inline uint32_t tn__reverse_sequence_attrs_list(const tn_reverse_sequence_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "batch_axis", attrs->batch_axis);
    n += tn__attr_int(&list[n], "time_axis", attrs->time_axis);
    return n;
}

/* reverse_sequence: ONNX ReverseSequence. Operands x, sequence_lens. Result y. Attributes: batch_axis = 1, time_axis = 0. */
static inline tn_value tn_op_reverse_sequence(tn_graph *graph, tn_value x, tn_value sequence_lens,
                                              const tn_reverse_sequence_attrs *attrs) {
    const tn_value in[] = {x, sequence_lens};
    tn_attr list[2];
    return tn__op_call(graph, "reverse_sequence", in, 2, 2, list, tn__reverse_sequence_attrs_list(attrs, list), 1);
}
/* Attributes of center_crop_pad, mean_variance_normalization; beside them the defaults. */
typedef struct tn_axes_attrs {
    const int64_t *axes; /* n_axes of them */
    uint32_t n_axes; /* 0: none */
} tn_axes_attrs;
static inline tn_axes_attrs tn_axes_attrs_defaults(void) {
    tn_axes_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__axes_attrs_list(const tn_axes_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_ints(&list[n], "axes", attrs->axes, attrs->n_axes);
    return n;
}

/* center_crop_pad: ONNX CenterCropPad. Operands x, shape. Result y. Attributes: axes. */
static inline tn_value tn_op_center_crop_pad(tn_graph *graph, tn_value x, tn_value shape, const tn_axes_attrs *attrs) {
    const tn_value in[] = {x, shape};
    tn_attr list[1];
    return tn__op_call(graph, "center_crop_pad", in, 2, 2, list, tn__axes_attrs_list(attrs, list), 1);
}
/* Attributes of col2im; beside them the defaults. */
typedef struct tn_col2im_attrs {
    const int64_t *dilations; /* n_dilations of them */
    uint32_t n_dilations; /* 0: none */
    const int64_t *pads; /* n_pads of them */
    uint32_t n_pads; /* 0: none */
    const int64_t *strides; /* n_strides of them */
    uint32_t n_strides; /* 0: none */
} tn_col2im_attrs;
static inline tn_col2im_attrs tn_col2im_attrs_defaults(void) {
    tn_col2im_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__col2im_attrs_list(const tn_col2im_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_ints(&list[n], "dilations", attrs->dilations, attrs->n_dilations);
    n += tn__attr_ints(&list[n], "pads", attrs->pads, attrs->n_pads);
    n += tn__attr_ints(&list[n], "strides", attrs->strides, attrs->n_strides);
    return n;
}

/* col2im: ONNX Col2Im. Operands x, image_shape, block_shape. Result y. Attributes: dilations, pads, strides. */
static inline tn_value tn_op_col2im(tn_graph *graph, tn_value x, tn_value image_shape, tn_value block_shape,
                                    const tn_col2im_attrs *attrs) {
    const tn_value in[] = {x, image_shape, block_shape};
    tn_attr list[3];
    return tn__op_call(graph, "col2im", in, 3, 3, list, tn__col2im_attrs_list(attrs, list), 1);
}
/* Attributes of reorder; beside them the defaults. */
typedef struct tn_reorder_attrs {
    int64_t block; /* 0 */
} tn_reorder_attrs;
static inline tn_reorder_attrs tn_reorder_attrs_defaults(void) {
    tn_reorder_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__reorder_attrs_list(const tn_reorder_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "block", attrs->block);
    return n;
}

/* reorder: changes the memory layout, not the value. Operand x. Result y. Attributes: block = 0. */
static inline tn_value tn_op_reorder(tn_graph *graph, tn_value x, const tn_reorder_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "reorder", in, 1, 1, list, tn__reorder_attrs_list(attrs, list), 1);
}
/* gather: ONNX Gather. Operands x, indices. Result y. Attributes: axis = 0. */
static inline tn_value tn_op_gather(tn_graph *graph, tn_value x, tn_value indices, const tn_axis_attrs *attrs) {
    const tn_value in[] = {x, indices};
    tn_attr list[1];
    return tn__op_call(graph, "gather", in, 2, 2, list, tn__axis_attrs_list(attrs, list), 1);
}
/* gather_elements: ONNX GatherElements. Operands x, indices. Result y. Attributes: axis = 0. */
static inline tn_value tn_op_gather_elements(tn_graph *graph, tn_value x, tn_value indices, const tn_axis_attrs *attrs) {
    const tn_value in[] = {x, indices};
    tn_attr list[1];
    return tn__op_call(graph, "gather_elements", in, 2, 2, list, tn__axis_attrs_list(attrs, list), 1);
}
/* Attributes of gather_nd; beside them the defaults. */
typedef struct tn_gather_nd_attrs {
    int64_t batch_dims; /* 0 */
} tn_gather_nd_attrs;
static inline tn_gather_nd_attrs tn_gather_nd_attrs_defaults(void) {
    tn_gather_nd_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__gather_nd_attrs_list(const tn_gather_nd_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "batch_dims", attrs->batch_dims);
    return n;
}

/* gather_nd: ONNX GatherND. Operands x, indices. Result y. Attributes: batch_dims = 0. */
static inline tn_value tn_op_gather_nd(tn_graph *graph, tn_value x, tn_value indices, const tn_gather_nd_attrs *attrs) {
    const tn_value in[] = {x, indices};
    tn_attr list[1];
    return tn__op_call(graph, "gather_nd", in, 2, 2, list, tn__gather_nd_attrs_list(attrs, list), 1);
}
/* Attributes of scatter_elements, scatter_nd; beside them the defaults. */
typedef struct tn_scatter_attrs {
    int64_t axis; /* 0 */
    const char *reduction; /* "none" */
} tn_scatter_attrs;
static inline tn_scatter_attrs tn_scatter_attrs_defaults(void) {
    tn_scatter_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.reduction = "none";
    return attrs;
}
static inline uint32_t tn__scatter_attrs_list(const tn_scatter_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_string(&list[n], "reduction", attrs->reduction);
    return n;
}

/* scatter_elements: ONNX ScatterElements. Operands x, indices, updates. Result y. Attributes: axis = 0, reduction = "none". */
static inline tn_value tn_op_scatter_elements(tn_graph *graph, tn_value x, tn_value indices, tn_value updates,
                                              const tn_scatter_attrs *attrs) {
    const tn_value in[] = {x, indices, updates};
    tn_attr list[2];
    return tn__op_call(graph, "scatter_elements", in, 3, 3, list, tn__scatter_attrs_list(attrs, list), 1);
}
/* scatter_nd: ONNX ScatterND. Operands x, indices, updates. Result y. Attributes: axis = 0, reduction = "none". */
static inline tn_value tn_op_scatter_nd(tn_graph *graph, tn_value x, tn_value indices, tn_value updates,
                                        const tn_scatter_attrs *attrs) {
    const tn_value in[] = {x, indices, updates};
    tn_attr list[2];
    return tn__op_call(graph, "scatter_nd", in, 3, 3, list, tn__scatter_attrs_list(attrs, list), 1);
}
/* Attributes of tensor_scatter; beside them the defaults. */
typedef struct tn_tensor_scatter_attrs {
    int64_t axis; /* -2 */
    const char *mode; /* "linear" */
} tn_tensor_scatter_attrs;
static inline tn_tensor_scatter_attrs tn_tensor_scatter_attrs_defaults(void) {
    tn_tensor_scatter_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = -2;
    attrs.mode = "linear";
    return attrs;
}
static inline uint32_t tn__tensor_scatter_attrs_list(const tn_tensor_scatter_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_string(&list[n], "mode", attrs->mode);
    return n;
}

/* tensor_scatter: ONNX TensorScatter. Operands past_cache, update, write_indices (or {0}). Result y. Attributes: axis = -2, mode
 * = "linear". */
static inline tn_value tn_op_tensor_scatter(tn_graph *graph, tn_value past_cache, tn_value update, tn_value write_indices,
                                            const tn_tensor_scatter_attrs *attrs) {
    const tn_value in[] = {past_cache, update, write_indices};
    tn_attr list[2];
    return tn__op_call(graph, "tensor_scatter", in, 2, 3, list, tn__tensor_scatter_attrs_list(attrs, list), 1);
}
/* Attributes of compress, unique; beside them the defaults. */
typedef struct tn_opt_axis_attrs {
    int64_t axis; /* INT64_MIN */
    int64_t sorted; /* 1 */
} tn_opt_axis_attrs;
static inline tn_opt_axis_attrs tn_opt_axis_attrs_defaults(void) {
    tn_opt_axis_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = INT64_MIN;
    attrs.sorted = 1;
    return attrs;
}
static inline uint32_t tn__opt_axis_attrs_list(const tn_opt_axis_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_int(&list[n], "sorted", attrs->sorted);
    return n;
}

/* compress: ONNX Compress. Operands x, condition. Result y. Attributes: axis = INT64_MIN, sorted = 1. */
static inline tn_value tn_op_compress(tn_graph *graph, tn_value x, tn_value condition, const tn_opt_axis_attrs *attrs) {
    const tn_value in[] = {x, condition};
    tn_attr list[2];
    return tn__op_call(graph, "compress", in, 2, 2, list, tn__opt_axis_attrs_list(attrs, list), 1);
}
/* non_zero: ONNX NonZero. Operand x. Result y. */
static inline tn_value tn_op_non_zero(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "non_zero", in, 1, 1, NULL, 0, 1);
}
/* unique: ONNX Unique. Operand x. Results, n_outputs of them: y, indices, inverse_indices, counts. n_outputs is 1 to 4.
 * Attributes: axis = INT64_MIN, sorted = 1. */
static inline tn_value tn_op_unique(tn_graph *graph, tn_value x, uint32_t n_outputs, const tn_opt_axis_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[2];
    return tn__op_call(graph, "unique", in, 1, 1, list, tn__opt_axis_attrs_list(attrs, list), n_outputs);
}
/* Attributes of top_k; beside them the defaults. */
typedef struct tn_topk_attrs {
    int64_t axis; /* -1 */
    int64_t largest; /* 1 */
    int64_t sorted; /* 1 */
} tn_topk_attrs;
static inline tn_topk_attrs tn_topk_attrs_defaults(void) {
    tn_topk_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = -1;
    attrs.largest = 1;
    attrs.sorted = 1;
    return attrs;
}
static inline uint32_t tn__topk_attrs_list(const tn_topk_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_int(&list[n], "largest", attrs->largest);
    n += tn__attr_int(&list[n], "sorted", attrs->sorted);
    return n;
}

/* top_k: ONNX TopK. Operands x, k. Results values, indices. Attributes: axis = -1, largest = 1, sorted = 1. */
static inline tn_value tn_op_top_k(tn_graph *graph, tn_value x, tn_value k, const tn_topk_attrs *attrs) {
    const tn_value in[] = {x, k};
    tn_attr list[3];
    return tn__op_call(graph, "top_k", in, 2, 2, list, tn__topk_attrs_list(attrs, list), 2);
}
/* Attributes of non_max_suppression; beside them the defaults. */
typedef struct tn_nms_attrs {
    int64_t center_point_box; /* 0 */
} tn_nms_attrs;
static inline tn_nms_attrs tn_nms_attrs_defaults(void) {
    tn_nms_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__nms_attrs_list(const tn_nms_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "center_point_box", attrs->center_point_box);
    return n;
}

/* non_max_suppression: ONNX NonMaxSuppression. Operands boxes, scores, max_output_boxes_per_class (or {0}), iou_threshold (or
 * {0}), score_threshold (or {0}). Result y. Attributes: center_point_box = 0. */
static inline tn_value tn_op_non_max_suppression(tn_graph *graph, tn_value boxes, tn_value scores,
                                                 tn_value max_output_boxes_per_class, tn_value iou_threshold,
                                                 tn_value score_threshold, const tn_nms_attrs *attrs) {
    const tn_value in[] = {boxes, scores, max_output_boxes_per_class, iou_threshold, score_threshold};
    tn_attr list[1];
    return tn__op_call(graph, "non_max_suppression", in, 2, 5, list, tn__nms_attrs_list(attrs, list), 1);
}
/* matmul: ONNX MatMul. Operands a, b. Result y. */
static inline tn_value tn_op_matmul(tn_graph *graph, tn_value a, tn_value b) {
    const tn_value in[] = {a, b};
    return tn__op_call(graph, "matmul", in, 2, 2, NULL, 0, 1);
}
/* Attributes of gemm; beside them the defaults. */
typedef struct tn_gemm_attrs {
    double alpha; /* 1.0 */
    double beta; /* 1.0 */
    int64_t transA; /* 0 */
    int64_t transB; /* 0 */
} tn_gemm_attrs;
static inline tn_gemm_attrs tn_gemm_attrs_defaults(void) {
    tn_gemm_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.alpha = 1.0;
    attrs.beta = 1.0;
    return attrs;
}
static inline uint32_t tn__gemm_attrs_list(const tn_gemm_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "alpha", attrs->alpha);
    n += tn__attr_float(&list[n], "beta", attrs->beta);
    n += tn__attr_int(&list[n], "transA", attrs->transA);
    n += tn__attr_int(&list[n], "transB", attrs->transB);
    return n;
}

/* gemm: ONNX Gemm. Operands a, b, c (or {0}). Result y. Attributes: alpha = 1.0, beta = 1.0, transA = 0, transB = 0. */
static inline tn_value tn_op_gemm(tn_graph *graph, tn_value a, tn_value b, tn_value c, const tn_gemm_attrs *attrs) {
    const tn_value in[] = {a, b, c};
    tn_attr list[4];
    return tn__op_call(graph, "gemm", in, 2, 3, list, tn__gemm_attrs_list(attrs, list), 1);
}
/* Attributes of einsum; beside them the defaults. */
typedef struct tn_einsum_attrs {
    const char *equation; /* none */
} tn_einsum_attrs;
static inline tn_einsum_attrs tn_einsum_attrs_defaults(void) {
    tn_einsum_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__einsum_attrs_list(const tn_einsum_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "equation", attrs->equation);
    return n;
}

/* einsum: ONNX Einsum. Operands, at least 1: inputs. Result y. Attributes: equation. */
static inline tn_value tn_op_einsum(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs, const tn_einsum_attrs *attrs) {
    tn_attr list[1];
    return tn__op_call(graph, "einsum", inputs, n_inputs, n_inputs, list, tn__einsum_attrs_list(attrs, list), 1);
}
/* det: ONNX Det. Operand x. Result y. */
static inline tn_value tn_op_det(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "det", in, 1, 1, NULL, 0, 1);
}
/* Attributes of conv, qlinear_conv, conv_integer; beside them the defaults. */
typedef struct tn_conv_attrs {
    const char *auto_pad; /* "NOTSET" */
    const int64_t *dilations; /* n_dilations of them */
    uint32_t n_dilations; /* 0: none */
    int64_t group; /* 1 */
    const int64_t *kernel_shape; /* n_kernel_shape of them */
    uint32_t n_kernel_shape; /* 0: none */
    const int64_t *pads; /* n_pads of them */
    uint32_t n_pads; /* 0: none */
    const int64_t *strides; /* n_strides of them */
    uint32_t n_strides; /* 0: none */
} tn_conv_attrs;
static inline tn_conv_attrs tn_conv_attrs_defaults(void) {
    tn_conv_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.auto_pad = "NOTSET";
    attrs.group = 1;
    return attrs;
}
static inline uint32_t tn__conv_attrs_list(const tn_conv_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "auto_pad", attrs->auto_pad);
    n += tn__attr_ints(&list[n], "dilations", attrs->dilations, attrs->n_dilations);
    n += tn__attr_int(&list[n], "group", attrs->group);
    n += tn__attr_ints(&list[n], "kernel_shape", attrs->kernel_shape, attrs->n_kernel_shape);
    n += tn__attr_ints(&list[n], "pads", attrs->pads, attrs->n_pads);
    n += tn__attr_ints(&list[n], "strides", attrs->strides, attrs->n_strides);
    return n;
}

/* conv: ONNX Conv. Operands x, w, bias (or {0}). Result y. Attributes: auto_pad = "NOTSET", dilations, group = 1, kernel_shape,
 * pads, strides. */
static inline tn_value tn_op_conv(tn_graph *graph, tn_value x, tn_value w, tn_value bias, const tn_conv_attrs *attrs) {
    const tn_value in[] = {x, w, bias};
    tn_attr list[6];
    return tn__op_call(graph, "conv", in, 2, 3, list, tn__conv_attrs_list(attrs, list), 1);
}
/* Attributes of conv_transpose; beside them the defaults. */
typedef struct tn_conv_transpose_attrs {
    const char *auto_pad; /* "NOTSET" */
    const int64_t *dilations; /* n_dilations of them */
    uint32_t n_dilations; /* 0: none */
    int64_t group; /* 1 */
    const int64_t *kernel_shape; /* n_kernel_shape of them */
    uint32_t n_kernel_shape; /* 0: none */
    const int64_t *output_padding; /* n_output_padding of them */
    uint32_t n_output_padding; /* 0: none */
    const int64_t *output_shape; /* n_output_shape of them */
    uint32_t n_output_shape; /* 0: none */
    const int64_t *pads; /* n_pads of them */
    uint32_t n_pads; /* 0: none */
    const int64_t *strides; /* n_strides of them */
    uint32_t n_strides; /* 0: none */
} tn_conv_transpose_attrs;
static inline tn_conv_transpose_attrs tn_conv_transpose_attrs_defaults(void) {
    tn_conv_transpose_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.auto_pad = "NOTSET";
    attrs.group = 1;
    return attrs;
}
static inline uint32_t tn__conv_transpose_attrs_list(const tn_conv_transpose_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "auto_pad", attrs->auto_pad);
    n += tn__attr_ints(&list[n], "dilations", attrs->dilations, attrs->n_dilations);
    n += tn__attr_int(&list[n], "group", attrs->group);
    n += tn__attr_ints(&list[n], "kernel_shape", attrs->kernel_shape, attrs->n_kernel_shape);
    n += tn__attr_ints(&list[n], "output_padding", attrs->output_padding, attrs->n_output_padding);
    n += tn__attr_ints(&list[n], "output_shape", attrs->output_shape, attrs->n_output_shape);
    n += tn__attr_ints(&list[n], "pads", attrs->pads, attrs->n_pads);
    n += tn__attr_ints(&list[n], "strides", attrs->strides, attrs->n_strides);
    return n;
}

/* conv_transpose: ONNX ConvTranspose. Operands x, w, bias (or {0}). Result y. Attributes: auto_pad = "NOTSET", dilations, group =
 * 1, kernel_shape, output_padding, output_shape, pads, strides. */
static inline tn_value tn_op_conv_transpose(tn_graph *graph, tn_value x, tn_value w, tn_value bias,
                                            const tn_conv_transpose_attrs *attrs) {
    const tn_value in[] = {x, w, bias};
    tn_attr list[8];
    return tn__op_call(graph, "conv_transpose", in, 2, 3, list, tn__conv_transpose_attrs_list(attrs, list), 1);
}
/* Attributes of max_pool, average_pool, lp_pool, max_unpool; beside them the defaults. */
typedef struct tn_pool_attrs {
    const char *auto_pad; /* "NOTSET" */
    int64_t ceil_mode; /* 0 */
    int64_t count_include_pad; /* 0 */
    const int64_t *dilations; /* n_dilations of them */
    uint32_t n_dilations; /* 0: none */
    const int64_t *kernel_shape; /* n_kernel_shape of them */
    uint32_t n_kernel_shape; /* 0: none */
    int64_t p; /* 2 */
    const int64_t *pads; /* n_pads of them */
    uint32_t n_pads; /* 0: none */
    int64_t storage_order; /* 0 */
    const int64_t *strides; /* n_strides of them */
    uint32_t n_strides; /* 0: none */
} tn_pool_attrs;
static inline tn_pool_attrs tn_pool_attrs_defaults(void) {
    tn_pool_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.auto_pad = "NOTSET";
    attrs.p = 2;
    return attrs;
}
static inline uint32_t tn__pool_attrs_list(const tn_pool_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "auto_pad", attrs->auto_pad);
    n += tn__attr_int(&list[n], "ceil_mode", attrs->ceil_mode);
    n += tn__attr_int(&list[n], "count_include_pad", attrs->count_include_pad);
    n += tn__attr_ints(&list[n], "dilations", attrs->dilations, attrs->n_dilations);
    n += tn__attr_ints(&list[n], "kernel_shape", attrs->kernel_shape, attrs->n_kernel_shape);
    n += tn__attr_int(&list[n], "p", attrs->p);
    n += tn__attr_ints(&list[n], "pads", attrs->pads, attrs->n_pads);
    n += tn__attr_int(&list[n], "storage_order", attrs->storage_order);
    n += tn__attr_ints(&list[n], "strides", attrs->strides, attrs->n_strides);
    return n;
}

/* max_pool: ONNX MaxPool. Operand x. Results, n_outputs of them: y, indices. n_outputs is 1 to 2. Attributes: auto_pad =
 * "NOTSET", ceil_mode = 0, count_include_pad = 0, dilations, kernel_shape, p = 2, pads, storage_order = 0, strides. */
static inline tn_value tn_op_max_pool(tn_graph *graph, tn_value x, uint32_t n_outputs, const tn_pool_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[9];
    return tn__op_call(graph, "max_pool", in, 1, 1, list, tn__pool_attrs_list(attrs, list), n_outputs);
}
/* average_pool: ONNX AveragePool. Operand x. Result y. Attributes: auto_pad = "NOTSET", ceil_mode = 0, count_include_pad = 0,
 * dilations, kernel_shape, p = 2, pads, storage_order = 0, strides. */
static inline tn_value tn_op_average_pool(tn_graph *graph, tn_value x, const tn_pool_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[9];
    return tn__op_call(graph, "average_pool", in, 1, 1, list, tn__pool_attrs_list(attrs, list), 1);
}
/* lp_pool: ONNX LpPool. Operand x. Result y. Attributes: auto_pad = "NOTSET", ceil_mode = 0, count_include_pad = 0, dilations,
 * kernel_shape, p = 2, pads, storage_order = 0, strides. */
static inline tn_value tn_op_lp_pool(tn_graph *graph, tn_value x, const tn_pool_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[9];
    return tn__op_call(graph, "lp_pool", in, 1, 1, list, tn__pool_attrs_list(attrs, list), 1);
}
/* max_unpool: ONNX MaxUnpool. Operands x, indices, output_shape (or {0}). Result y. Attributes: auto_pad = "NOTSET", ceil_mode =
 * 0, count_include_pad = 0, dilations, kernel_shape, p = 2, pads, storage_order = 0, strides. */
static inline tn_value tn_op_max_unpool(tn_graph *graph, tn_value x, tn_value indices, tn_value output_shape,
                                        const tn_pool_attrs *attrs) {
    const tn_value in[] = {x, indices, output_shape};
    tn_attr list[9];
    return tn__op_call(graph, "max_unpool", in, 2, 3, list, tn__pool_attrs_list(attrs, list), 1);
}
/* global_average_pool: ONNX GlobalAveragePool. Operand x. Result y. */
static inline tn_value tn_op_global_average_pool(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "global_average_pool", in, 1, 1, NULL, 0, 1);
}
/* global_max_pool: ONNX GlobalMaxPool. Operand x. Result y. */
static inline tn_value tn_op_global_max_pool(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "global_max_pool", in, 1, 1, NULL, 0, 1);
}
/* Attributes of deform_conv; beside them the defaults. */
typedef struct tn_deform_conv_attrs {
    const int64_t *dilations; /* n_dilations of them */
    uint32_t n_dilations; /* 0: none */
    int64_t group; /* 1 */
    const int64_t *kernel_shape; /* n_kernel_shape of them */
    uint32_t n_kernel_shape; /* 0: none */
    int64_t offset_group; /* 1 */
    const int64_t *pads; /* n_pads of them */
    uint32_t n_pads; /* 0: none */
    const int64_t *strides; /* n_strides of them */
    uint32_t n_strides; /* 0: none */
} tn_deform_conv_attrs;
static inline tn_deform_conv_attrs tn_deform_conv_attrs_defaults(void) {
    tn_deform_conv_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.group = 1;
    attrs.offset_group = 1;
    return attrs;
}
static inline uint32_t tn__deform_conv_attrs_list(const tn_deform_conv_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_ints(&list[n], "dilations", attrs->dilations, attrs->n_dilations);
    n += tn__attr_int(&list[n], "group", attrs->group);
    n += tn__attr_ints(&list[n], "kernel_shape", attrs->kernel_shape, attrs->n_kernel_shape);
    n += tn__attr_int(&list[n], "offset_group", attrs->offset_group);
    n += tn__attr_ints(&list[n], "pads", attrs->pads, attrs->n_pads);
    n += tn__attr_ints(&list[n], "strides", attrs->strides, attrs->n_strides);
    return n;
}

/* deform_conv: ONNX DeformConv. Operands x, w, offset, bias (or {0}), mask (or {0}). Result y. Attributes: dilations, group = 1,
 * kernel_shape, offset_group = 1, pads, strides. */
static inline tn_value tn_op_deform_conv(tn_graph *graph, tn_value x, tn_value w, tn_value offset, tn_value bias, tn_value mask,
                                         const tn_deform_conv_attrs *attrs) {
    const tn_value in[] = {x, w, offset, bias, mask};
    tn_attr list[6];
    return tn__op_call(graph, "deform_conv", in, 3, 5, list, tn__deform_conv_attrs_list(attrs, list), 1);
}
/* Attributes of batch_normalization; beside them the defaults. */
typedef struct tn_batch_norm_attrs {
    double epsilon; /* 1e-05 */
    double momentum; /* 0.9 */
    int64_t training_mode; /* 0 */
} tn_batch_norm_attrs;
static inline tn_batch_norm_attrs tn_batch_norm_attrs_defaults(void) {
    tn_batch_norm_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.epsilon = 1e-05;
    attrs.momentum = 0.9;
    return attrs;
}
static inline uint32_t tn__batch_norm_attrs_list(const tn_batch_norm_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "epsilon", attrs->epsilon);
    n += tn__attr_float(&list[n], "momentum", attrs->momentum);
    n += tn__attr_int(&list[n], "training_mode", attrs->training_mode);
    return n;
}

/* batch_normalization: ONNX BatchNormalization. Operands x, scale, bias, mean, variance. Results, n_outputs of them: y,
 * running_mean, running_var. n_outputs is 1 to 3. Attributes: epsilon = 1e-05, momentum = 0.9, training_mode = 0. */
static inline tn_value tn_op_batch_normalization(tn_graph *graph, tn_value x, tn_value scale, tn_value bias, tn_value mean,
                                                 tn_value variance, uint32_t n_outputs, const tn_batch_norm_attrs *attrs) {
    const tn_value in[] = {x, scale, bias, mean, variance};
    tn_attr list[3];
    return tn__op_call(graph, "batch_normalization", in, 5, 5, list, tn__batch_norm_attrs_list(attrs, list), n_outputs);
}
/* Attributes of instance_normalization; beside them the defaults. */
typedef struct tn_norm_attrs {
    double epsilon; /* 1e-05 */
} tn_norm_attrs;
static inline tn_norm_attrs tn_norm_attrs_defaults(void) {
    tn_norm_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.epsilon = 1e-05;
    return attrs;
}
static inline uint32_t tn__norm_attrs_list(const tn_norm_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "epsilon", attrs->epsilon);
    return n;
}

/* instance_normalization: ONNX InstanceNormalization. Operands x, scale, bias. Result y. Attributes: epsilon = 1e-05. */
static inline tn_value tn_op_instance_normalization(tn_graph *graph, tn_value x, tn_value scale, tn_value bias,
                                                    const tn_norm_attrs *attrs) {
    const tn_value in[] = {x, scale, bias};
    tn_attr list[1];
    return tn__op_call(graph, "instance_normalization", in, 3, 3, list, tn__norm_attrs_list(attrs, list), 1);
}
/* Attributes of layer_normalization, rms_normalization; beside them the defaults. */
typedef struct tn_layer_norm_attrs {
    int64_t axis; /* -1 */
    double epsilon; /* 1e-05 */
    int64_t stash_type; /* 1 */
} tn_layer_norm_attrs;
static inline tn_layer_norm_attrs tn_layer_norm_attrs_defaults(void) {
    tn_layer_norm_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = -1;
    attrs.epsilon = 1e-05;
    attrs.stash_type = 1;
    return attrs;
}
static inline uint32_t tn__layer_norm_attrs_list(const tn_layer_norm_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_float(&list[n], "epsilon", attrs->epsilon);
    n += tn__attr_int(&list[n], "stash_type", attrs->stash_type);
    return n;
}

/* layer_normalization: ONNX LayerNormalization. Operands x, scale, bias (or {0}). Results, n_outputs of them: y, mean,
 * inv_std_dev. n_outputs is 1 to 3. Attributes: axis = -1, epsilon = 1e-05, stash_type = 1. */
static inline tn_value tn_op_layer_normalization(tn_graph *graph, tn_value x, tn_value scale, tn_value bias, uint32_t n_outputs,
                                                 const tn_layer_norm_attrs *attrs) {
    const tn_value in[] = {x, scale, bias};
    tn_attr list[3];
    return tn__op_call(graph, "layer_normalization", in, 2, 3, list, tn__layer_norm_attrs_list(attrs, list), n_outputs);
}
/* Attributes of group_normalization; beside them the defaults. */
typedef struct tn_group_norm_attrs {
    double epsilon; /* 1e-05 */
    int64_t num_groups; /* 0 */
    int64_t stash_type; /* 1 */
} tn_group_norm_attrs;
static inline tn_group_norm_attrs tn_group_norm_attrs_defaults(void) {
    tn_group_norm_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.epsilon = 1e-05;
    attrs.stash_type = 1;
    return attrs;
}
static inline uint32_t tn__group_norm_attrs_list(const tn_group_norm_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "epsilon", attrs->epsilon);
    n += tn__attr_int(&list[n], "num_groups", attrs->num_groups);
    n += tn__attr_int(&list[n], "stash_type", attrs->stash_type);
    return n;
}

/* group_normalization: ONNX GroupNormalization. Operands x, scale, bias. Result y. Attributes: epsilon = 1e-05, num_groups = 0,
 * stash_type = 1. */
static inline tn_value tn_op_group_normalization(tn_graph *graph, tn_value x, tn_value scale, tn_value bias,
                                                 const tn_group_norm_attrs *attrs) {
    const tn_value in[] = {x, scale, bias};
    tn_attr list[3];
    return tn__op_call(graph, "group_normalization", in, 3, 3, list, tn__group_norm_attrs_list(attrs, list), 1);
}
/* rms_normalization: ONNX RMSNormalization. Operands x, scale. Result y. Attributes: axis = -1, epsilon = 1e-05, stash_type = 1.
 * */
static inline tn_value tn_op_rms_normalization(tn_graph *graph, tn_value x, tn_value scale, const tn_layer_norm_attrs *attrs) {
    const tn_value in[] = {x, scale};
    tn_attr list[3];
    return tn__op_call(graph, "rms_normalization", in, 2, 2, list, tn__layer_norm_attrs_list(attrs, list), 1);
}
/* mean_variance_normalization: ONNX MeanVarianceNormalization. Operand x. Result y. Attributes: axes. */
static inline tn_value tn_op_mean_variance_normalization(tn_graph *graph, tn_value x, const tn_axes_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[1];
    return tn__op_call(graph, "mean_variance_normalization", in, 1, 1, list, tn__axes_attrs_list(attrs, list), 1);
}
/* Attributes of lrn; beside them the defaults. */
typedef struct tn_lrn_attrs {
    double alpha; /* 0.0001 */
    double beta; /* 0.75 */
    double bias; /* 1.0 */
    int64_t size; /* 0 */
} tn_lrn_attrs;
static inline tn_lrn_attrs tn_lrn_attrs_defaults(void) {
    tn_lrn_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.alpha = 0.0001;
    attrs.beta = 0.75;
    attrs.bias = 1.0;
    return attrs;
}
static inline uint32_t tn__lrn_attrs_list(const tn_lrn_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_float(&list[n], "alpha", attrs->alpha);
    n += tn__attr_float(&list[n], "beta", attrs->beta);
    n += tn__attr_float(&list[n], "bias", attrs->bias);
    n += tn__attr_int(&list[n], "size", attrs->size);
    return n;
}

/* lrn: ONNX LRN. Operand x. Result y. Attributes: alpha = 0.0001, beta = 0.75, bias = 1.0, size = 0. */
static inline tn_value tn_op_lrn(tn_graph *graph, tn_value x, const tn_lrn_attrs *attrs) {
    const tn_value in[] = {x};
    tn_attr list[4];
    return tn__op_call(graph, "lrn", in, 1, 1, list, tn__lrn_attrs_list(attrs, list), 1);
}
/* Attributes of dropout; beside them the defaults. */
typedef struct tn_dropout_attrs {
    int64_t seed; /* 0 */
} tn_dropout_attrs;
static inline tn_dropout_attrs tn_dropout_attrs_defaults(void) {
    tn_dropout_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__dropout_attrs_list(const tn_dropout_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "seed", attrs->seed);
    return n;
}

/* dropout: ONNX Dropout. Operands x, ratio (or {0}), training_mode (or {0}). Results, n_outputs of them: y, mask. n_outputs is 1
 * to 2. Attributes: seed = 0. */
static inline tn_value tn_op_dropout(tn_graph *graph, tn_value x, tn_value ratio, tn_value training_mode, uint32_t n_outputs,
                                     const tn_dropout_attrs *attrs) {
    const tn_value in[] = {x, ratio, training_mode};
    tn_attr list[1];
    return tn__op_call(graph, "dropout", in, 1, 3, list, tn__dropout_attrs_list(attrs, list), n_outputs);
}
/* Attributes of lstm, gru, rnn; beside them the defaults. */
typedef struct tn_rnn_attrs {
    const double *activation_alpha; /* n_activation_alpha of them */
    uint32_t n_activation_alpha; /* 0: none */
    const double *activation_beta; /* n_activation_beta of them */
    uint32_t n_activation_beta; /* 0: none */
    const char *const *activations; /* n_activations of them */
    uint32_t n_activations; /* 0: none */
    double clip; /* 0.0 */
    const char *direction; /* "forward" */
    int64_t hidden_size; /* 0 */
    int64_t input_forget; /* 0 */
    int64_t layout; /* 0 */
    int64_t linear_before_reset; /* 0 */
} tn_rnn_attrs;
static inline tn_rnn_attrs tn_rnn_attrs_defaults(void) {
    tn_rnn_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.direction = "forward";
    return attrs;
}
static inline uint32_t tn__rnn_attrs_list(const tn_rnn_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_floats(&list[n], "activation_alpha", attrs->activation_alpha, attrs->n_activation_alpha);
    n += tn__attr_floats(&list[n], "activation_beta", attrs->activation_beta, attrs->n_activation_beta);
    n += tn__attr_strings(&list[n], "activations", attrs->activations, attrs->n_activations);
    n += tn__attr_float(&list[n], "clip", attrs->clip);
    n += tn__attr_string(&list[n], "direction", attrs->direction);
    n += tn__attr_int(&list[n], "hidden_size", attrs->hidden_size);
    n += tn__attr_int(&list[n], "input_forget", attrs->input_forget);
    n += tn__attr_int(&list[n], "layout", attrs->layout);
    n += tn__attr_int(&list[n], "linear_before_reset", attrs->linear_before_reset);
    return n;
}

/* lstm: ONNX LSTM. Operands x, w, r, bias (or {0}), sequence_lens (or {0}), initial_h (or {0}), initial_c (or {0}), peephole (or
 * {0}). Results, n_outputs of them: y, y_h, y_c. n_outputs is 1 to 3. Attributes: activation_alpha, activation_beta, activations,
 * clip = 0.0, direction = "forward", hidden_size = 0, input_forget = 0, layout = 0, linear_before_reset = 0. */
static inline tn_value tn_op_lstm(tn_graph *graph, tn_value x, tn_value w, tn_value r, tn_value bias, tn_value sequence_lens,
                                  tn_value initial_h, tn_value initial_c, tn_value peephole, uint32_t n_outputs,
                                  const tn_rnn_attrs *attrs) {
    const tn_value in[] = {x, w, r, bias, sequence_lens, initial_h, initial_c, peephole};
    tn_attr list[9];
    return tn__op_call(graph, "lstm", in, 3, 8, list, tn__rnn_attrs_list(attrs, list), n_outputs);
}
/* gru: ONNX GRU. Operands x, w, r, bias (or {0}), sequence_lens (or {0}), initial_h (or {0}). Results, n_outputs of them: y, y_h.
 * n_outputs is 1 to 2. Attributes: activation_alpha, activation_beta, activations, clip = 0.0, direction = "forward", hidden_size
 * = 0, input_forget = 0, layout = 0, linear_before_reset = 0. */
static inline tn_value tn_op_gru(tn_graph *graph, tn_value x, tn_value w, tn_value r, tn_value bias, tn_value sequence_lens,
                                 tn_value initial_h, uint32_t n_outputs, const tn_rnn_attrs *attrs) {
    const tn_value in[] = {x, w, r, bias, sequence_lens, initial_h};
    tn_attr list[9];
    return tn__op_call(graph, "gru", in, 3, 6, list, tn__rnn_attrs_list(attrs, list), n_outputs);
}
/* rnn: ONNX RNN. Operands x, w, r, bias (or {0}), sequence_lens (or {0}), initial_h (or {0}). Results, n_outputs of them: y, y_h.
 * n_outputs is 1 to 2. Attributes: activation_alpha, activation_beta, activations, clip = 0.0, direction = "forward", hidden_size
 * = 0, input_forget = 0, layout = 0, linear_before_reset = 0. */
static inline tn_value tn_op_rnn(tn_graph *graph, tn_value x, tn_value w, tn_value r, tn_value bias, tn_value sequence_lens,
                                 tn_value initial_h, uint32_t n_outputs, const tn_rnn_attrs *attrs) {
    const tn_value in[] = {x, w, r, bias, sequence_lens, initial_h};
    tn_attr list[9];
    return tn__op_call(graph, "rnn", in, 3, 6, list, tn__rnn_attrs_list(attrs, list), n_outputs);
}
/* Attributes of attention; beside them the defaults. */
typedef struct tn_attention_attrs {
    int64_t is_causal; /* 0 */
    int64_t kv_num_heads; /* 0 */
    int64_t q_num_heads; /* 0 */
    int64_t qk_matmul_output_mode; /* 0 */
    double scale; /* 0.0 */
    double softcap; /* 0.0 */
    tn_dtype softmax_precision; /* TN_DTYPE_NONE */
    int64_t left_window_size; /* -1 */
    int64_t right_window_size; /* -1 */
} tn_attention_attrs;
static inline tn_attention_attrs tn_attention_attrs_defaults(void) {
    tn_attention_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.left_window_size = -1;
    attrs.right_window_size = -1;
    return attrs;
}
static inline uint32_t tn__attention_attrs_list(const tn_attention_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "is_causal", attrs->is_causal);
    n += tn__attr_int(&list[n], "kv_num_heads", attrs->kv_num_heads);
    n += tn__attr_int(&list[n], "q_num_heads", attrs->q_num_heads);
    n += tn__attr_int(&list[n], "qk_matmul_output_mode", attrs->qk_matmul_output_mode);
    n += tn__attr_float(&list[n], "scale", attrs->scale);
    n += tn__attr_float(&list[n], "softcap", attrs->softcap);
    n += tn__attr_int(&list[n], "softmax_precision", attrs->softmax_precision);
    n += tn__attr_int(&list[n], "left_window_size", attrs->left_window_size);
    n += tn__attr_int(&list[n], "right_window_size", attrs->right_window_size);
    return n;
}

/* attention: ONNX Attention. Operands q, k, v, mask (or {0}), past_key (or {0}), past_value (or {0}), nonpad_kv_seqlen (or {0}).
 * Results, n_outputs of them: y, present_key, present_value, qk_matmul_output. n_outputs is 1 to 4. Attributes: is_causal = 0,
 * kv_num_heads = 0, q_num_heads = 0, qk_matmul_output_mode = 0, scale = 0.0, softcap = 0.0, softmax_precision = TN_DTYPE_NONE,
 * left_window_size = -1, right_window_size = -1. */
static inline tn_value tn_op_attention(tn_graph *graph, tn_value q, tn_value k, tn_value v, tn_value mask, tn_value past_key,
                                       tn_value past_value, tn_value nonpad_kv_seqlen, uint32_t n_outputs,
                                       const tn_attention_attrs *attrs) {
    const tn_value in[] = {q, k, v, mask, past_key, past_value, nonpad_kv_seqlen};
    tn_attr list[9];
    return tn__op_call(graph, "attention", in, 3, 7, list, tn__attention_attrs_list(attrs, list), n_outputs);
}
/* Attributes of rotary_embedding; beside them the defaults. */
typedef struct tn_rotary_attrs {
    int64_t interleaved; /* 0 */
    int64_t num_heads; /* 0 */
    int64_t rotary_embedding_dim; /* 0 */
} tn_rotary_attrs;
static inline tn_rotary_attrs tn_rotary_attrs_defaults(void) {
    tn_rotary_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__rotary_attrs_list(const tn_rotary_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "interleaved", attrs->interleaved);
    n += tn__attr_int(&list[n], "num_heads", attrs->num_heads);
    n += tn__attr_int(&list[n], "rotary_embedding_dim", attrs->rotary_embedding_dim);
    return n;
}

/* rotary_embedding: ONNX RotaryEmbedding. Operands x, cos_cache, sin_cache, position_ids (or {0}). Result y. Attributes:
 * interleaved = 0, num_heads = 0, rotary_embedding_dim = 0. */
static inline tn_value tn_op_rotary_embedding(tn_graph *graph, tn_value x, tn_value cos_cache, tn_value sin_cache,
                                              tn_value position_ids, const tn_rotary_attrs *attrs) {
    const tn_value in[] = {x, cos_cache, sin_cache, position_ids};
    tn_attr list[3];
    return tn__op_call(graph, "rotary_embedding", in, 3, 4, list, tn__rotary_attrs_list(attrs, list), 1);
}
/* Attributes of resize; beside them the defaults. */
typedef struct tn_resize_attrs {
    int64_t antialias; /* 0 */
    const int64_t *axes; /* n_axes of them */
    uint32_t n_axes; /* 0: none */
    const char *coordinate_transformation_mode; /* "half_pixel" */
    double cubic_coeff_a; /* -0.75 */
    int64_t exclude_outside; /* 0 */
    double extrapolation_value; /* 0.0 */
    const char *keep_aspect_ratio_policy; /* "stretch" */
    const char *mode; /* "nearest" */
    const char *nearest_mode; /* "round_prefer_floor" */
} tn_resize_attrs;
static inline tn_resize_attrs tn_resize_attrs_defaults(void) {
    tn_resize_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.coordinate_transformation_mode = "half_pixel";
    attrs.cubic_coeff_a = -0.75;
    attrs.keep_aspect_ratio_policy = "stretch";
    attrs.mode = "nearest";
    attrs.nearest_mode = "round_prefer_floor";
    return attrs;
}
static inline uint32_t tn__resize_attrs_list(const tn_resize_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "antialias", attrs->antialias);
    n += tn__attr_ints(&list[n], "axes", attrs->axes, attrs->n_axes);
    n += tn__attr_string(&list[n], "coordinate_transformation_mode", attrs->coordinate_transformation_mode);
    n += tn__attr_float(&list[n], "cubic_coeff_a", attrs->cubic_coeff_a);
    n += tn__attr_int(&list[n], "exclude_outside", attrs->exclude_outside);
    n += tn__attr_float(&list[n], "extrapolation_value", attrs->extrapolation_value);
    n += tn__attr_string(&list[n], "keep_aspect_ratio_policy", attrs->keep_aspect_ratio_policy);
    n += tn__attr_string(&list[n], "mode", attrs->mode);
    n += tn__attr_string(&list[n], "nearest_mode", attrs->nearest_mode);
    return n;
}

/* resize: ONNX Resize. Operands x, roi (or {0}), scales (or {0}), sizes (or {0}). Result y. Attributes: antialias = 0, axes,
 * coordinate_transformation_mode = "half_pixel", cubic_coeff_a = -0.75, exclude_outside = 0, extrapolation_value = 0.0,
 * keep_aspect_ratio_policy = "stretch", mode = "nearest", nearest_mode = "round_prefer_floor". */
static inline tn_value tn_op_resize(tn_graph *graph, tn_value x, tn_value roi, tn_value scales, tn_value sizes,
                                    const tn_resize_attrs *attrs) {
    const tn_value in[] = {x, roi, scales, sizes};
    tn_attr list[9];
    return tn__op_call(graph, "resize", in, 1, 4, list, tn__resize_attrs_list(attrs, list), 1);
}
/* Attributes of grid_sample, affine_grid; beside them the defaults. */
typedef struct tn_grid_sample_attrs {
    int64_t align_corners; /* 0 */
    const char *mode; /* "linear" */
    const char *padding_mode; /* "zeros" */
} tn_grid_sample_attrs;
static inline tn_grid_sample_attrs tn_grid_sample_attrs_defaults(void) {
    tn_grid_sample_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.mode = "linear";
    attrs.padding_mode = "zeros";
    return attrs;
}
static inline uint32_t tn__grid_sample_attrs_list(const tn_grid_sample_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "align_corners", attrs->align_corners);
    n += tn__attr_string(&list[n], "mode", attrs->mode);
    n += tn__attr_string(&list[n], "padding_mode", attrs->padding_mode);
    return n;
}

/* grid_sample: ONNX GridSample. Operands x, grid. Result y. Attributes: align_corners = 0, mode = "linear", padding_mode =
 * "zeros". */
static inline tn_value tn_op_grid_sample(tn_graph *graph, tn_value x, tn_value grid, const tn_grid_sample_attrs *attrs) {
    const tn_value in[] = {x, grid};
    tn_attr list[3];
    return tn__op_call(graph, "grid_sample", in, 2, 2, list, tn__grid_sample_attrs_list(attrs, list), 1);
}
/* affine_grid: ONNX AffineGrid. Operands theta, size. Result y. Attributes: align_corners = 0, mode = "linear", padding_mode =
 * "zeros". */
static inline tn_value tn_op_affine_grid(tn_graph *graph, tn_value theta, tn_value size, const tn_grid_sample_attrs *attrs) {
    const tn_value in[] = {theta, size};
    tn_attr list[3];
    return tn__op_call(graph, "affine_grid", in, 2, 2, list, tn__grid_sample_attrs_list(attrs, list), 1);
}
/* Attributes of roi_align; beside them the defaults. */
typedef struct tn_roi_align_attrs {
    const char *coordinate_transformation_mode; /* "half_pixel" */
    const char *mode; /* "avg" */
    int64_t output_height; /* 1 */
    int64_t output_width; /* 1 */
    int64_t sampling_ratio; /* 0 */
    double spatial_scale; /* 1.0 */
} tn_roi_align_attrs;
static inline tn_roi_align_attrs tn_roi_align_attrs_defaults(void) {
    tn_roi_align_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.coordinate_transformation_mode = "half_pixel";
    attrs.mode = "avg";
    attrs.output_height = 1;
    attrs.output_width = 1;
    attrs.spatial_scale = 1.0;
    return attrs;
}
static inline uint32_t tn__roi_align_attrs_list(const tn_roi_align_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_string(&list[n], "coordinate_transformation_mode", attrs->coordinate_transformation_mode);
    n += tn__attr_string(&list[n], "mode", attrs->mode);
    n += tn__attr_int(&list[n], "output_height", attrs->output_height);
    n += tn__attr_int(&list[n], "output_width", attrs->output_width);
    n += tn__attr_int(&list[n], "sampling_ratio", attrs->sampling_ratio);
    n += tn__attr_float(&list[n], "spatial_scale", attrs->spatial_scale);
    return n;
}

/* roi_align: ONNX RoiAlign. Operands x, rois, batch_indices. Result y. Attributes: coordinate_transformation_mode = "half_pixel",
 * mode = "avg", output_height = 1, output_width = 1, sampling_ratio = 0, spatial_scale = 1.0. */
static inline tn_value tn_op_roi_align(tn_graph *graph, tn_value x, tn_value rois, tn_value batch_indices,
                                       const tn_roi_align_attrs *attrs) {
    const tn_value in[] = {x, rois, batch_indices};
    tn_attr list[6];
    return tn__op_call(graph, "roi_align", in, 3, 3, list, tn__roi_align_attrs_list(attrs, list), 1);
}
/* Attributes of quantize_linear, dequantize_linear; beside them the defaults. */
typedef struct tn_quantize_attrs {
    int64_t axis; /* 1 */
    int64_t block_size; /* 0 */
    tn_dtype output_dtype; /* TN_DTYPE_NONE */
    tn_dtype precision; /* TN_DTYPE_NONE */
    int64_t saturate; /* 1 */
} tn_quantize_attrs;
static inline tn_quantize_attrs tn_quantize_attrs_defaults(void) {
    tn_quantize_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.axis = 1;
    attrs.saturate = 1;
    return attrs;
}
static inline uint32_t tn__quantize_attrs_list(const tn_quantize_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "axis", attrs->axis);
    n += tn__attr_int(&list[n], "block_size", attrs->block_size);
    n += tn__attr_int(&list[n], "output_dtype", attrs->output_dtype);
    n += tn__attr_int(&list[n], "precision", attrs->precision);
    n += tn__attr_int(&list[n], "saturate", attrs->saturate);
    return n;
}

/* quantize_linear: ONNX QuantizeLinear. Operands x, y_scale, y_zero_point (or {0}). Result y. Attributes: axis = 1, block_size =
 * 0, output_dtype = TN_DTYPE_NONE, precision = TN_DTYPE_NONE, saturate = 1. */
static inline tn_value tn_op_quantize_linear(tn_graph *graph, tn_value x, tn_value y_scale, tn_value y_zero_point,
                                             const tn_quantize_attrs *attrs) {
    const tn_value in[] = {x, y_scale, y_zero_point};
    tn_attr list[5];
    return tn__op_call(graph, "quantize_linear", in, 2, 3, list, tn__quantize_attrs_list(attrs, list), 1);
}
/* dequantize_linear: ONNX DequantizeLinear. Operands x, x_scale, x_zero_point (or {0}). Result y. Attributes: axis = 1,
 * block_size = 0, output_dtype = TN_DTYPE_NONE, precision = TN_DTYPE_NONE, saturate = 1. */
static inline tn_value tn_op_dequantize_linear(tn_graph *graph, tn_value x, tn_value x_scale, tn_value x_zero_point,
                                               const tn_quantize_attrs *attrs) {
    const tn_value in[] = {x, x_scale, x_zero_point};
    tn_attr list[5];
    return tn__op_call(graph, "dequantize_linear", in, 2, 3, list, tn__quantize_attrs_list(attrs, list), 1);
}
/* dynamic_quantize_linear: ONNX DynamicQuantizeLinear. Operand x. Results y, y_scale, y_zero_point. */
static inline tn_value tn_op_dynamic_quantize_linear(tn_graph *graph, tn_value x) {
    const tn_value in[] = {x};
    return tn__op_call(graph, "dynamic_quantize_linear", in, 1, 1, NULL, 0, 3);
}
/* qlinear_conv: ONNX QLinearConv. Operands x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias (or
 * {0}). Result y. Attributes: auto_pad = "NOTSET", dilations, group = 1, kernel_shape, pads, strides. */
static inline tn_value tn_op_qlinear_conv(tn_graph *graph, tn_value x, tn_value x_scale, tn_value x_zero_point, tn_value w,
                                          tn_value w_scale, tn_value w_zero_point, tn_value y_scale, tn_value y_zero_point,
                                          tn_value bias, const tn_conv_attrs *attrs) {
    const tn_value in[] = {x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, bias};
    tn_attr list[6];
    return tn__op_call(graph, "qlinear_conv", in, 8, 9, list, tn__conv_attrs_list(attrs, list), 1);
}
/* qlinear_matmul: ONNX QLinearMatMul. Operands a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point. Result
 * y. */
static inline tn_value tn_op_qlinear_matmul(tn_graph *graph, tn_value a, tn_value a_scale, tn_value a_zero_point, tn_value b,
                                            tn_value b_scale, tn_value b_zero_point, tn_value y_scale, tn_value y_zero_point) {
    const tn_value in[] = {a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point};
    return tn__op_call(graph, "qlinear_matmul", in, 8, 8, NULL, 0, 1);
}
/* conv_integer: ONNX ConvInteger. Operands x, w, x_zero_point (or {0}), w_zero_point (or {0}). Result y. Attributes: auto_pad =
 * "NOTSET", dilations, group = 1, kernel_shape, pads, strides. */
static inline tn_value tn_op_conv_integer(tn_graph *graph, tn_value x, tn_value w, tn_value x_zero_point, tn_value w_zero_point,
                                          const tn_conv_attrs *attrs) {
    const tn_value in[] = {x, w, x_zero_point, w_zero_point};
    tn_attr list[6];
    return tn__op_call(graph, "conv_integer", in, 2, 4, list, tn__conv_attrs_list(attrs, list), 1);
}
/* matmul_integer: ONNX MatMulInteger. Operands a, b, a_zero_point (or {0}), b_zero_point (or {0}). Result y. */
static inline tn_value tn_op_matmul_integer(tn_graph *graph, tn_value a, tn_value b, tn_value a_zero_point,
                                            tn_value b_zero_point) {
    const tn_value in[] = {a, b, a_zero_point, b_zero_point};
    return tn__op_call(graph, "matmul_integer", in, 2, 4, NULL, 0, 1);
}
/* Attributes of nll_loss, softmax_cross_entropy_loss; beside them the defaults. */
typedef struct tn_nll_attrs {
    int64_t ignore_index; /* INT64_MIN */
    const char *reduction; /* "mean" */
} tn_nll_attrs;
static inline tn_nll_attrs tn_nll_attrs_defaults(void) {
    tn_nll_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.ignore_index = INT64_MIN;
    attrs.reduction = "mean";
    return attrs;
}
static inline uint32_t tn__nll_attrs_list(const tn_nll_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "ignore_index", attrs->ignore_index);
    n += tn__attr_string(&list[n], "reduction", attrs->reduction);
    return n;
}

/* nll_loss: ONNX NegativeLogLikelihoodLoss. Operands x, target, weight (or {0}). Result y. Attributes: ignore_index = INT64_MIN,
 * reduction = "mean". */
static inline tn_value tn_op_nll_loss(tn_graph *graph, tn_value x, tn_value target, tn_value weight, const tn_nll_attrs *attrs) {
    const tn_value in[] = {x, target, weight};
    tn_attr list[2];
    return tn__op_call(graph, "nll_loss", in, 2, 3, list, tn__nll_attrs_list(attrs, list), 1);
}
/* softmax_cross_entropy_loss: ONNX SoftmaxCrossEntropyLoss. Operands scores, labels, weights (or {0}). Results, n_outputs of
 * them: y, log_prob. n_outputs is 1 to 2. Attributes: ignore_index = INT64_MIN, reduction = "mean". */
static inline tn_value tn_op_softmax_cross_entropy_loss(tn_graph *graph, tn_value scores, tn_value labels, tn_value weights,
                                                        uint32_t n_outputs, const tn_nll_attrs *attrs) {
    const tn_value in[] = {scores, labels, weights};
    tn_attr list[2];
    return tn__op_call(graph, "softmax_cross_entropy_loss", in, 2, 3, list, tn__nll_attrs_list(attrs, list), n_outputs);
}
/* Attributes of dft; beside them the defaults. */
typedef struct tn_dft_attrs {
    int64_t inverse; /* 0 */
    int64_t onesided; /* 0 */
} tn_dft_attrs;
static inline tn_dft_attrs tn_dft_attrs_defaults(void) {
    tn_dft_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__dft_attrs_list(const tn_dft_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "inverse", attrs->inverse);
    n += tn__attr_int(&list[n], "onesided", attrs->onesided);
    return n;
}

/* dft: ONNX DFT. Operands x, dft_length (or {0}), axis (or {0}). Result y. Attributes: inverse = 0, onesided = 0. */
static inline tn_value tn_op_dft(tn_graph *graph, tn_value x, tn_value dft_length, tn_value axis, const tn_dft_attrs *attrs) {
    const tn_value in[] = {x, dft_length, axis};
    tn_attr list[2];
    return tn__op_call(graph, "dft", in, 1, 3, list, tn__dft_attrs_list(attrs, list), 1);
}
/* Attributes of stft; beside them the defaults. */
typedef struct tn_stft_attrs {
    int64_t onesided; /* 1 */
} tn_stft_attrs;
static inline tn_stft_attrs tn_stft_attrs_defaults(void) {
    tn_stft_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.onesided = 1;
    return attrs;
}
static inline uint32_t tn__stft_attrs_list(const tn_stft_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "onesided", attrs->onesided);
    return n;
}

/* stft: ONNX STFT. Operands signal, frame_step, window (or {0}), frame_length (or {0}). Result y. Attributes: onesided = 1. */
static inline tn_value tn_op_stft(tn_graph *graph, tn_value signal, tn_value frame_step, tn_value window, tn_value frame_length,
                                  const tn_stft_attrs *attrs) {
    const tn_value in[] = {signal, frame_step, window, frame_length};
    tn_attr list[1];
    return tn__op_call(graph, "stft", in, 2, 4, list, tn__stft_attrs_list(attrs, list), 1);
}
/* Attributes of hann_window, hamming_window, blackman_window; beside them the defaults. */
typedef struct tn_window_attrs {
    tn_dtype output_datatype; /* TN_DTYPE_NONE */
    int64_t periodic; /* 1 */
} tn_window_attrs;
static inline tn_window_attrs tn_window_attrs_defaults(void) {
    tn_window_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    attrs.periodic = 1;
    return attrs;
}
static inline uint32_t tn__window_attrs_list(const tn_window_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_int(&list[n], "output_datatype", attrs->output_datatype);
    n += tn__attr_int(&list[n], "periodic", attrs->periodic);
    return n;
}

/* hann_window: ONNX HannWindow. Operand size. Result y. Attributes: output_datatype = TN_DTYPE_NONE, periodic = 1. */
static inline tn_value tn_op_hann_window(tn_graph *graph, tn_value size, const tn_window_attrs *attrs) {
    const tn_value in[] = {size};
    tn_attr list[2];
    return tn__op_call(graph, "hann_window", in, 1, 1, list, tn__window_attrs_list(attrs, list), 1);
}
/* hamming_window: ONNX HammingWindow. Operand size. Result y. Attributes: output_datatype = TN_DTYPE_NONE, periodic = 1. */
static inline tn_value tn_op_hamming_window(tn_graph *graph, tn_value size, const tn_window_attrs *attrs) {
    const tn_value in[] = {size};
    tn_attr list[2];
    return tn__op_call(graph, "hamming_window", in, 1, 1, list, tn__window_attrs_list(attrs, list), 1);
}
/* blackman_window: ONNX BlackmanWindow. Operand size. Result y. Attributes: output_datatype = TN_DTYPE_NONE, periodic = 1. */
static inline tn_value tn_op_blackman_window(tn_graph *graph, tn_value size, const tn_window_attrs *attrs) {
    const tn_value in[] = {size};
    tn_attr list[2];
    return tn__op_call(graph, "blackman_window", in, 1, 1, list, tn__window_attrs_list(attrs, list), 1);
}
/* Attributes of if; beside them the defaults. */
typedef struct tn_if_attrs {
    tn_graph *then_branch; /* none; taken */
    tn_graph *else_branch; /* none; taken */
} tn_if_attrs;
static inline tn_if_attrs tn_if_attrs_defaults(void) {
    tn_if_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__if_attrs_list(const tn_if_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_graph(&list[n], "then_branch", attrs->then_branch);
    n += tn__attr_graph(&list[n], "else_branch", attrs->else_branch);
    return n;
}

/* if: ONNX If. Operands, at least 1: condition, captures. Results, n_outputs of them: results. Attributes: then_branch,
 * else_branch. */
static inline tn_value tn_op_if(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs, uint32_t n_outputs,
                                const tn_if_attrs *attrs) {
    tn_attr list[2];
    return tn__op_call(graph, "if", inputs, n_inputs, n_inputs, list, tn__if_attrs_list(attrs, list), n_outputs);
}
/* Attributes of loop; beside them the defaults. */
typedef struct tn_loop_attrs {
    tn_graph *body; /* none; taken */
    int64_t n_state; /* 0 */
} tn_loop_attrs;
static inline tn_loop_attrs tn_loop_attrs_defaults(void) {
    tn_loop_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__loop_attrs_list(const tn_loop_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_graph(&list[n], "body", attrs->body);
    n += tn__attr_int(&list[n], "n_state", attrs->n_state);
    return n;
}

/* loop: ONNX Loop. Operands, at least 0: trip_count, condition, states, captures. Results, n_outputs of them: states,
 * scan_outputs. Attributes: body, n_state = 0. */
static inline tn_value tn_op_loop(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs, uint32_t n_outputs,
                                  const tn_loop_attrs *attrs) {
    tn_attr list[2];
    return tn__op_call(graph, "loop", inputs, n_inputs, n_inputs, list, tn__loop_attrs_list(attrs, list), n_outputs);
}
/* Attributes of scan; beside them the defaults. */
typedef struct tn_scan_attrs {
    tn_graph *body; /* none; taken */
    int64_t num_scan_inputs; /* 0 */
    const int64_t *scan_input_axes; /* n_scan_input_axes of them */
    uint32_t n_scan_input_axes; /* 0: none */
    const int64_t *scan_input_directions; /* n_scan_input_directions of them */
    uint32_t n_scan_input_directions; /* 0: none */
    const int64_t *scan_output_axes; /* n_scan_output_axes of them */
    uint32_t n_scan_output_axes; /* 0: none */
    const int64_t *scan_output_directions; /* n_scan_output_directions of them */
    uint32_t n_scan_output_directions; /* 0: none */
    int64_t n_state; /* 0 */
} tn_scan_attrs;
static inline tn_scan_attrs tn_scan_attrs_defaults(void) {
    tn_scan_attrs attrs;
    memset(&attrs, 0, sizeof attrs);
    return attrs;
}
static inline uint32_t tn__scan_attrs_list(const tn_scan_attrs *attrs, tn_attr *list) {
    uint32_t n = 0;
    if (!attrs) return 0;
    n += tn__attr_graph(&list[n], "body", attrs->body);
    n += tn__attr_int(&list[n], "num_scan_inputs", attrs->num_scan_inputs);
    n += tn__attr_ints(&list[n], "scan_input_axes", attrs->scan_input_axes, attrs->n_scan_input_axes);
    n += tn__attr_ints(&list[n], "scan_input_directions", attrs->scan_input_directions, attrs->n_scan_input_directions);
    n += tn__attr_ints(&list[n], "scan_output_axes", attrs->scan_output_axes, attrs->n_scan_output_axes);
    n += tn__attr_ints(&list[n], "scan_output_directions", attrs->scan_output_directions, attrs->n_scan_output_directions);
    n += tn__attr_int(&list[n], "n_state", attrs->n_state);
    return n;
}

/* scan: ONNX Scan. Operands, at least 1: states, scan_inputs, captures. Results, n_outputs of them: states, scan_outputs.
 * Attributes: body, num_scan_inputs = 0, scan_input_axes, scan_input_directions, scan_output_axes, scan_output_directions,
 * n_state = 0. */
static inline tn_value tn_op_scan(tn_graph *graph, const tn_value *inputs, uint32_t n_inputs, uint32_t n_outputs,
                                  const tn_scan_attrs *attrs) {
    tn_attr list[7];
    return tn__op_call(graph, "scan", inputs, n_inputs, n_inputs, list, tn__scan_attrs_list(attrs, list), n_outputs);
}

#ifdef __cplusplus
}
#endif
#endif
