/* Composites that the kernel generator does not take whole, as smaller ops: softmax, log_softmax and layer_normalization of f32 become
 * reductions and elementwise ops; batch normalisation at inference with constant parameters becomes x * scale + shift.
 * Short lstm and gru: expand_recurrent.c. */
#include "pass/pass.h"

#include <math.h>

static tn_value axes_constant(tn_graph *to, const int64_t *axes, int64_t n) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create(to->context, TN_DTYPE_i64, 1, &n, &t);
    if (e) return tn__graph_fail(to, e), tn__none();
    memcpy(t->data, axes, (size_t)n * sizeof *axes);
    tn_value v = tn_graph_constant(to, t);
    tn_tensor_release(t);
    return v;
}

static tn_value float_constant(tn_graph *to, int32_t rank, const int64_t *dims, const float *data) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create(to->context, TN_DTYPE_f32, rank, dims, &t);
    if (e) return tn__graph_fail(to, e), tn__none();
    memcpy(t->data, data, t->bytes);
    tn_value v = tn_graph_constant(to, t);
    tn_tensor_release(t);
    return v;
}

static tn_value op1(tn_graph *to, tn__op op, tn_value x, const char *name) { return tn__graph_add(to, op, &x, 1, NULL, 1, name); }
static tn_value op2(tn_graph *to, tn__op op, tn_value x, tn_value y, const char *name) {
    tn_value in[2] = {x, y};
    return tn__graph_add(to, op, in, 2, NULL, 1, name);
}

/* softmax = e / sum(e), e = exp(x - max); log_softmax = d - log(sum(exp(d))), d = x - max */
static tn_value expand_softmax(tn_graph *to, const tn__node *n, tn_value x) {
    int64_t axis = ((const tn__attrs_axis_last *)n->attrs)->axis;
    tn_value axes = axes_constant(to, &axis, 1);
    tn_value d = op2(to, TN_OP_sub, x, op2(to, TN_OP_reduce_max, x, axes, n->name), n->name);
    tn_value e = op1(to, TN_OP_exp, d, n->name), s = op2(to, TN_OP_reduce_sum, e, axes, n->name);
    if (n->op == TN_OP_softmax) return op2(to, TN_OP_div, e, s, n->name);
    return op2(to, TN_OP_sub, d, op1(to, TN_OP_log, s, n->name), n->name);
}

static tn_value expand_layer_norm(tn_graph *to, const tn__node *n, tn_value x, tn_value scale, tn_value bias) {
    const tn__attrs_layer_norm *a = n->attrs;
    int32_t rank = tn__type_of(to, x)->rank;
    int64_t first = a->axis < 0 ? a->axis + rank : a->axis, axes[TN_MAX_RANK], k = 0;
    for (int64_t i = first; i < rank; i++) axes[k++] = i;
    tn_value over = axes_constant(to, axes, k);
    float eps = (float)a->epsilon;
    tn_value d = op2(to, TN_OP_sub, x, op2(to, TN_OP_reduce_mean, x, over, n->name), n->name);
    tn_value var = op2(to, TN_OP_reduce_mean, op2(to, TN_OP_mul, d, d, n->name), over, n->name);
    tn_value deviation = op1(to, TN_OP_sqrt, op2(to, TN_OP_add, var, float_constant(to, 0, NULL, &eps), n->name), n->name);
    tn_value y = op2(to, TN_OP_mul, op2(to, TN_OP_div, d, deviation, n->name), scale, n->name);
    return bias.id ? op2(to, TN_OP_add, y, bias, n->name) : y;
}

/* y = x * a + b with a = scale / sqrt(var + eps), b = bias - mean * a, computed in f64 */
static tn_value expand_batch_norm(tn_graph *to, const tn_graph *g, const tn__node *n, tn_value x) {
    const tn_tensor *p[4];
    int32_t rank = tn__type_of(to, x)->rank;
    for (uint32_t i = 0; i < 4; i++) p[i] = tn__constant_of(g, tn__in(g, n, i + 1));
    int64_t c = p[0]->elements, dims[TN_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) dims[i] = 1;
    dims[0] = c;
    double eps = ((const tn__attrs_batch_norm *)n->attrs)->epsilon;
    float *a = tn__arena_array(&to->arena, (size_t)c + 1, sizeof *a), *b = tn__arena_array(&to->arena, (size_t)c + 1, sizeof *b);
    if (!a || !b) return tn__graph_fail(to, tn__error_oom()), tn__none();
    for (int64_t i = 0; i < c; i++) {
        double s = tn__load_f64(p[0]->dtype, p[0]->data, i) / sqrt(tn__load_f64(p[3]->dtype, p[3]->data, i) + eps);
        a[i] = (float)s;
        b[i] = (float)(tn__load_f64(p[1]->dtype, p[1]->data, i) - tn__load_f64(p[2]->dtype, p[2]->data, i) * s);
    }
    tn_value y = op2(to, TN_OP_mul, x, float_constant(to, rank - 1, dims, a), n->name);
    return op2(to, TN_OP_add, y, float_constant(to, rank - 1, dims, b), n->name);
}

static bool batch_norm_ok(const tn_graph *g, const tn__node *n) {
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0));
    if (n->op != TN_OP_batch_normalization || n->n_out != 1 || ((const tn__attrs_batch_norm *)n->attrs)->training_mode) return false;
    if (x->rank < 2 || x->dtype != TN_DTYPE_f32) return false;
    for (uint32_t i = 1; i < 5; i++) {
        const tn_tensor *t = tn__constant_of(g, tn__in(g, n, i));
        if (!t || t->dtype != TN_DTYPE_f32 || t->elements != x->dims[1]) return false;
    }
    return true;
}

/* The expansion's result, {0} for a node that stays whole. */
static tn_value expand(tn__rewriter *r, const tn__node *n) {
    const tn_graph *g = r->from;
    tn_value xv = tn__in(g, n, 0);
    if (!xv.id || n->n_out != 1 || tn__type_of(g, xv)->dtype != TN_DTYPE_f32 || tn__type_of(g, xv)->rank < 1) return tn__none();
    tn_value x = tn__rewriter_in(r, n, 0);
    if (n->op == TN_OP_softmax || n->op == TN_OP_log_softmax) return expand_softmax(r->to, n, x);
    if (n->op == TN_OP_layer_normalization) return expand_layer_norm(r->to, n, x, tn__rewriter_in(r, n, 1), tn__rewriter_in(r, n, 2));
    if (batch_norm_ok(g, n)) return expand_batch_norm(r->to, g, n, x);
    return tn__none();
}

tn_error *tn_pass_expand(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (tn__expand_recurrent(&r, n)) continue;
        tn_value v = expand(&r, n);
        if (v.id) tn__rewriter_replace(&r, n, v);
        else if (!r.to->error) tn__rewriter_copy(&r, n);
    }
    return tn__rewriter_commit(&r, g);
}
