/* What the expanders of pass expand are written with. Shared between the files of pass/expand*.c only. */
#ifndef TN_PASS_EXPAND_H
#define TN_PASS_EXPAND_H
#include "pass/pass.h"

/* One node of the old graph while its replacement is built in the new one. */
typedef struct tn__expansion {
    tn__rewriter *r;
    const tn_graph *from;
    tn_graph *to;
    const tn__node *n;
} tn__expansion;

/* Fills out[k] with the new value of every result k; false: the node stays whole (nothing may be built then), also where its operands
 * are wrong: the run reports them. A builder call may fail: the commit returns the error, the values are {0}. */
typedef bool tn__expander(const tn__expansion *x, tn_value *out);

enum { TN__EXPAND_RESULTS = 64 }; /* nodes with more results stay whole */

/* Operand k in the new graph, {0} where absent; its type and its constant, NULL where absent or not constant. */
tn_value tn__x_in(const tn__expansion *x, uint32_t k);
const tn__type *tn__x_type(const tn__expansion *x, uint32_t k);
const tn_tensor *tn__x_constant(const tn__expansion *x, uint32_t k);
/* Operand k is there, of f32, with elements. */
bool tn__x_is_f32(const tn__expansion *x, uint32_t k);

tn_value tn__x_op1(const tn__expansion *x, tn__op op, tn_value a);
tn_value tn__x_op2(const tn__expansion *x, tn__op op, tn_value a, tn_value b);
tn_value tn__x_where(const tn__expansion *x, tn_value condition, tn_value a, tn_value b);
tn_value tn__x_number(const tn__expansion *x, double value); /* a scalar of f32 */
tn_value tn__x_floats(const tn__expansion *x, int32_t rank, const int64_t *dims, const float *data);
tn_value tn__x_ints(const tn__expansion *x, int64_t n, const int64_t *data); /* i64[n] */
tn_value tn__x_reshape(const tn__expansion *x, tn_value v, int32_t rank, const int64_t *dims);
tn_value tn__x_transpose(const tn__expansion *x, tn_value v, int32_t rank, const int64_t *perm);
/* v[..., from:to:step, ...] along axis */
tn_value tn__x_slice(const tn__expansion *x, tn_value v, int64_t axis, int64_t from, int64_t to, int64_t step);
tn_value tn__x_concat(const tn__expansion *x, const tn_value *parts, uint32_t n, int64_t axis);
tn_value tn__x_reduce(const tn__expansion *x, tn__op op, tn_value v, int32_t n_axes, const int64_t *axes); /* axes stay, with size 1 */
tn_value tn__x_softmax(const tn__expansion *x, tn_value v, int64_t axis);
tn_value tn__x_power(const tn__expansion *x, tn_value v, double exponent);

/* op -> expander, by family: expand_<family>.c. wide 1: pass widen runs it on f16 and bf16 in f32, because its parts would be rounded one
 * by one; 0: it moves, or kernels take it on halves as it is. */
#define TN__EXPANDERS(ROW)                                                                                                          \
    ROW(softmax, softmax, 1) ROW(log_softmax, softmax, 1) ROW(hardmax, hardmax, 1)                                                  \
    ROW(batch_normalization, batch_norm, 1) ROW(layer_normalization, layer_norm, 1) ROW(rms_normalization, layer_norm, 1)           \
    ROW(instance_normalization, group_norm, 1) ROW(group_normalization, group_norm, 1) ROW(mean_variance_normalization, mvn, 1)     \
    ROW(lp_normalization, lp_norm, 1) ROW(lrn, lrn, 1)                                                                              \
    ROW(attention, attention, 1) ROW(rotary_embedding, rotary, 1)                                                                   \
    ROW(reduce_l1, reduce, 1) ROW(reduce_l2, reduce, 1) ROW(reduce_sum_square, reduce, 1) ROW(reduce_log_sum, reduce, 1)            \
    ROW(reduce_log_sum_exp, reduce, 1) ROW(arg_max, arg, 0) ROW(arg_min, arg, 0)                                                    \
    ROW(celu, activation, 1) ROW(selu, activation, 1) ROW(thresholded_relu, activation, 0) ROW(softsign, activation, 1)             \
    ROW(shrink, activation, 1) ROW(sign, activation, 0) ROW(is_nan, activation, 0) ROW(is_inf, is_inf, 0) ROW(mean, mean, 1)        \
    ROW(split, split, 0) ROW(gather, gather, 0) ROW(tile, tile, 0) ROW(pad, pad, 0) ROW(trilu, trilu, 0) ROW(dropout, dropout, 0)   \
    ROW(einsum, einsum, 1) ROW(matmul, matmul, 0) ROW(lp_pool, lp_pool, 1) ROW(pow, pow, 1)                                         \
    ROW(conv_transpose, conv_transpose, 0)                                                                                          \
    ROW(dynamic_quantize_linear, dynamic_quantize, 0) ROW(conv_integer, conv_integer, 0) ROW(qlinear_conv, conv_integer, 0)
#define ROW(op, name, wide) tn__expander tn__expand_##name;
TN__EXPANDERS(ROW)
#undef ROW
#endif
