#include "pass/expand.h"

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

static tn_value copy_or_expand(tn_graph *to, const tn_graph *g, const tn__node *n, const tn_value *map) {
    tn_value xv = tn__in(g, n, 0);
    bool f32 = xv.id && tn__type_of(g, xv)->dtype == TN_DTYPE_f32 && tn__type_of(g, xv)->rank > 0;
    if (f32 && (n->op == TN_OP_softmax || n->op == TN_OP_log_softmax)) return expand_softmax(to, n, map[xv.id]);
    if (f32 && n->op == TN_OP_layer_normalization && n->n_out == 1) {
        tn_value bias = tn__in(g, n, 2);
        return expand_layer_norm(to, n, map[xv.id], map[tn__in(g, n, 1).id], bias.id ? map[bias.id] : bias);
    }
    if (f32 && batch_norm_ok(g, n)) return expand_batch_norm(to, g, n, map[xv.id]);
    return tn__graph_copy_node(to, g, n, map);
}

tn_error *tn__pass_prepare(const tn_graph *g, const char *disabled, tn_graph **out) {
    (void)disabled;
    *out = NULL;
    tn_graph *to;
    TN__TRY(tn__graph_create(g->context, g->hooks, g->name, &to));
    tn_value *map = TN__ARENA_ARRAY(&to->arena, tn_value, g->values.count);
    bool *live = TN__ARENA_ARRAY(&to->arena, bool, g->values.count);
    if (!map || !live) return tn_graph_release(to), tn__error_oom();
    for (size_t i = 0; i < g->outputs.count; i++) live[g->outputs.data[i].value.id] = true;
    for (size_t i = g->nodes.count; i-- > 0;) {
        const tn__node *n = &g->nodes.data[i];
        bool any = false;
        for (uint32_t k = 0; k < n->n_out; k++) any |= live[n->first_out + k];
        for (uint32_t k = 0; any && k < n->n_in; k++) live[tn__in(g, n, k).id] = true;
        if (any) live[n->first_out] = true;
    }
    for (size_t i = 0; i < g->inputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        map[g->inputs.data[i].value.id] = tn_graph_input(to, g->inputs.data[i].name, t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; i < g->nodes.count && !to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (!live[n->first_out] && n->n_out) continue;
        tn_value v = copy_or_expand(to, g, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
    }
    for (size_t i = 0; i < g->outputs.count; i++) tn_graph_output(to, g->outputs.data[i].name, map[g->outputs.data[i].value.id]);
    tn_error *e = tn_graph_check(to);
    if (e) tn_graph_release(to);
    else *out = to;
    return e;
}
