/* Elementwise functions in terms of the generator's own. Comparisons are written so that NaN takes the branch that keeps it. */
#include "pass/expand.h"

#include <math.h>

static tn_value less(const tn__expansion *x, tn_value a, tn_value b) { return tn__x_op2(x, TN_OP_less, a, b); }

/* v < 0 ? scale * (exp(v / by) - 1) : gain * v */
static tn_value exponential_unit(const tn__expansion *x, tn_value v, double by, double scale, double gain) {
    tn_value inner = by == 1 ? v : tn__x_op2(x, TN_OP_div, v, tn__x_number(x, by));
    tn_value below = tn__x_op2(x, TN_OP_sub, tn__x_op1(x, TN_OP_exp, inner), tn__x_number(x, 1));
    tn_value above = gain == 1 ? v : tn__x_op2(x, TN_OP_mul, v, tn__x_number(x, gain));
    return tn__x_where(x, less(x, v, tn__x_number(x, 0)), tn__x_op2(x, TN_OP_mul, below, tn__x_number(x, scale)), above);
}

/* x < -lambd ? x + bias : |x| <= lambd ? 0 : x - bias */
static tn_value shrink(const tn__expansion *x, tn_value v) {
    const tn__attrs_shrink *at = x->n->attrs;
    tn_value inside = tn__x_op2(x, TN_OP_less_equal, tn__x_op1(x, TN_OP_abs, v), tn__x_number(x, at->lambd));
    tn_value rest = tn__x_where(x, inside, tn__x_number(x, 0), tn__x_op2(x, TN_OP_sub, v, tn__x_number(x, at->bias)));
    return tn__x_where(x, less(x, v, tn__x_number(x, -at->lambd)), tn__x_op2(x, TN_OP_add, v, tn__x_number(x, at->bias)), rest);
}

/* x < 0 ? -1 : x > 0 ? 1 : x */
static tn_value sign(const tn__expansion *x, tn_value v) {
    tn_value zero = tn__x_number(x, 0), rest = tn__x_where(x, less(x, zero, v), tn__x_number(x, 1), v);
    return tn__x_where(x, less(x, v, zero), tn__x_number(x, -1), rest);
}

bool tn__expand_activation(const tn__expansion *x, tn_value *out) {
    if (!tn__x_is_f32(x, 0)) return false;
    tn_value v = tn__x_in(x, 0);
    const tn__attrs_alpha *a = x->n->attrs;
    const tn__attrs_alpha_gamma *ag = x->n->attrs;
    switch (x->n->op) {
    case TN_OP_celu: out[0] = exponential_unit(x, v, a->alpha, a->alpha, 1); break;
    case TN_OP_selu: out[0] = exponential_unit(x, v, 1, ag->gamma * ag->alpha, ag->gamma); break;
    case TN_OP_thresholded_relu: /* x > alpha ? x : 0 */
        out[0] = tn__x_where(x, less(x, tn__x_number(x, a->alpha), v), v, tn__x_number(x, 0));
        break;
    case TN_OP_softsign: /* x / (1 + |x|) */
        out[0] = tn__x_op2(x, TN_OP_div, v, tn__x_op2(x, TN_OP_add, tn__x_op1(x, TN_OP_abs, v), tn__x_number(x, 1)));
        break;
    case TN_OP_shrink: out[0] = shrink(x, v); break;
    case TN_OP_sign: out[0] = sign(x, v); break;
    default: out[0] = tn__x_op1(x, TN_OP_not, tn__x_op2(x, TN_OP_equal, v, v)); break; /* is_nan */
    }
    return true;
}

bool tn__expand_is_inf(const tn__expansion *x, tn_value *out) {
    const tn__attrs_is_inf *at = x->n->attrs;
    if (!tn__x_is_f32(x, 0) || (!at->detect_negative && !at->detect_positive)) return false;
    tn_value v = tn__x_in(x, 0), which = tn__x_number(x, at->detect_positive ? INFINITY : -INFINITY);
    if (at->detect_negative && at->detect_positive) v = tn__x_op1(x, TN_OP_abs, v);
    out[0] = tn__x_op2(x, TN_OP_equal, v, which);
    return true;
}

/* mean(a, b, ...) = sum(a, b, ...) / n */
bool tn__expand_mean(const tn__expansion *x, tn_value *out) {
    enum { MOST = 8 }; /* operands of an elementwise kernel's node */
    tn_value in[MOST];
    if (x->n->n_in > MOST) return false;
    for (uint32_t k = 0; k < x->n->n_in; k++)
        if (!tn__x_is_f32(x, k)) return false;
    for (uint32_t k = 0; k < x->n->n_in; k++) in[k] = tn__x_in(x, k);
    tn_value sum = tn__graph_add(x->to, TN_OP_sum, in, x->n->n_in, NULL, 1, x->n->name);
    out[0] = tn__x_op2(x, TN_OP_div, sum, tn__x_number(x, x->n->n_in));
    return true;
}

/* v^n by squaring */
static tn_value whole_power(const tn__expansion *x, tn_value v, int32_t n) {
    tn_value result = tn__none();
    for (; n; n >>= 1) {
        if (n & 1) result = result.id ? tn__x_op2(x, TN_OP_mul, result, v) : v;
        if (n > 1) v = tn__x_op2(x, TN_OP_mul, v, v);
    }
    return result;
}

/* Whole numbers by multiplication, quarters by square roots, else exp(e * log(v)): like pow, NaN below zero; its error grows with |e * log(v)|. */
tn_value tn__x_power(const tn__expansion *x, tn_value v, double exponent) {
    enum { WHOLE_MOST = 16 };
    double e = fabs(exponent), whole = floor(e), rest = e - whole;
    if (exponent == 0 || whole > WHOLE_MOST || (rest != 0 && rest != 0.25 && rest != 0.5 && rest != 0.75))
        return tn__x_op1(x, TN_OP_exp, tn__x_op2(x, TN_OP_mul, tn__x_op1(x, TN_OP_log, v), tn__x_number(x, exponent)));
    tn_value result = whole ? whole_power(x, v, (int32_t)whole) : tn__none(), root = rest ? tn__x_op1(x, TN_OP_sqrt, v) : v;
    if (rest == 0.5 || rest == 0.75) result = result.id ? tn__x_op2(x, TN_OP_mul, result, root) : root;
    if (rest == 0.25 || rest == 0.75) {
        root = tn__x_op1(x, TN_OP_sqrt, root);
        result = result.id ? tn__x_op2(x, TN_OP_mul, result, root) : root;
    }
    return exponent < 0 ? tn__x_op1(x, TN_OP_reciprocal, result) : result;
}

/* A constant exponent. Whole ones beyond what is multiplied out stay a call: exp(e * log(v)) would lose their sign. */
bool tn__expand_pow(const tn__expansion *x, tn_value *out) {
    const tn_tensor *e = tn__x_constant(x, 1);
    const tn__type *t = tn__x_type(x, 0), *to = tn__type_of(x->from, tn__out(x->n, 0));
    if (!tn__x_is_f32(x, 0) || !e || e->elements != 1 || to->rank != t->rank) return false;
    double exponent = tn__load_f64(e->dtype, e->data, 0);
    if (!isfinite(exponent) || exponent == 0 || (exponent == floor(exponent) && fabs(exponent) > 16)) return false;
    out[0] = tn__x_power(x, tn__x_in(x, 0), exponent);
    return true;
}
