/* A batch normalisation at inference, with constant parameters, goes into the constant weights and the bias of the conv, conv_transpose, gemm or
 * matmul before it, where nothing else uses that:
 *
 *   (W x + b) * s + t  ==>  (s W) x + (s b + t)      s = scale / sqrt(variance + epsilon), t = bias - mean * s, for each channel
 *
 * computed in f64 and rounded once, so a result differs by the rounding of s W. Large weights stay as they are: their sums are long, so that
 * two operations more for each result cost nothing, and weights of a mapped file are not copied. Ends: every fold removes a node.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include <math.h>

#include "pass/pass.h"

/* Bytes of weights that are not copied. ResNet-50's peak memory was 440 MiB with copies of all, 165 MiB with none; the start 0.1 s longer. */
enum { LARGE = 64 << 10 };

/* Where the channel of an element of the weights is found: channel = group * per_group + index % (inner * per_group) / inner */
typedef struct channel_map {
    int64_t inner, per_group, group; /* group: elements of one group of input channels; 0: no groups */
} channel_map;

static bool f32_vector(const tn_tensor *t, int64_t n) { return t && t->dtype == TN_DTYPE_f32 && t->elements == n; }

static const tn_tensor *constant_in(const tn_graph *g, const tn__node *n, uint32_t k) {
    tn_value v = tn__in(g, n, k);
    return v.id ? tn__constant_of(g, v) : NULL;
}

/* The node whose weights take n, a batch normalisation, in; NULL: n stays. */
static const tn__node *taker(const tn_graph *g, const tn__node *n, const uint32_t *uses) {
    const tn__node *p = tn__node_of(g, tn__in(g, n, 0));
    if (n->op != TN_OP_batch_normalization || n->n_out != 1 || ((const tn__attrs_batch_norm *)n->attrs)->training_mode || !p) return NULL;
    const tn__type *t = &g->values.data[n->first_out].type;
    const tn_tensor *w = tn__in(g, p, 1).id ? tn__constant_peek(g, tn__in(g, p, 1)) : NULL, *b = constant_in(g, p, 2);
    if (uses[p->first_out] != 1 || t->dtype != TN_DTYPE_f32 || t->rank < 2 || !w || w->dtype != TN_DTYPE_f32 || w->bytes > LARGE)
        return NULL;
    for (uint32_t k = 1; k < 5; k++)
        if (!f32_vector(constant_in(g, n, k), t->dims[1])) return NULL;
    bool no_bias = !tn__in(g, p, 2).id;
    switch (p->op) {
    case TN_OP_conv: case TN_OP_conv_transpose: return no_bias || f32_vector(b, t->dims[1]) ? p : NULL;
    case TN_OP_matmul: return t->rank == 2 && w->rank == 2 ? p : NULL;
    case TN_OP_gemm: /* C may be one row, a scalar, or absent */
        return no_bias || (b && b->dtype == TN_DTYPE_f32 && (b->elements == 1 || (b->elements == t->dims[1] && b->dims[b->rank - 1] == t->dims[1])))
                   ? p : NULL;
    default: return NULL;
    }
}

static channel_map map_of(const tn__node *p, const tn_tensor *w) {
    channel_map m = {.inner = 1, .per_group = w->dims[0]};
    if (p->op == TN_OP_matmul || (p->op == TN_OP_gemm && !((const tn__attrs_gemm *)p->attrs)->transB)) m.per_group = w->dims[1];
    else if (p->op == TN_OP_gemm) m.inner = w->dims[1];
    else {
        for (int32_t i = p->op == TN_OP_conv ? 1 : 2; i < w->rank; i++) m.inner *= w->dims[i];
        if (p->op == TN_OP_conv_transpose) { /* [in channels, out channels of a group, ...] */
            m.per_group = w->dims[1];
            m.group = w->elements / ((const tn__attrs_conv_transpose *)p->attrs)->group;
        }
    }
    return m;
}

static tn_value constant(tn_graph *to, tn_tensor *t) {
    tn_value v = tn_graph_constant(to, t);
    tn_tensor_release(t);
    return v;
}

static tn_error *fold(tn__rewriter *r, const tn__node *p, const tn__node *n) {
    const tn_graph *g = r->from;
    tn_graph *to = r->to;
    const tn_tensor *w = constant_in(g, p, 1), *b = constant_in(g, p, 2), *bn[5];
    int64_t channels = g->values.data[n->first_out].type.dims[1];
    double *s = TN__ARENA_ARRAY(&to->arena, double, (size_t)channels), epsilon = ((const tn__attrs_batch_norm *)n->attrs)->epsilon;
    tn_tensor *weights, *bias;
    if (!s) return tn__error_oom();
    tn__rewriter_from(r, p);
    tn__rewriter_also(r, n);
    for (uint32_t k = 1; k < 5; k++) bn[k] = constant_in(g, n, k);
    TN__TRY(tn_tensor_create(to->context, TN_DTYPE_f32, 1, &channels, &bias));
    tn_error *e = tn_tensor_create(to->context, TN_DTYPE_f32, w->rank, w->dims, &weights);
    if (e) return tn_tensor_release(bias), e;
    double beta = p->op == TN_OP_gemm ? ((const tn__attrs_gemm *)p->attrs)->beta : 1;
    for (int64_t c = 0; c < channels; c++) {
        s[c] = tn__load_f64(TN_DTYPE_f32, bn[1]->data, c) / sqrt(tn__load_f64(TN_DTYPE_f32, bn[4]->data, c) + epsilon);
        double own = b ? beta * tn__load_f64(TN_DTYPE_f32, b->data, b->elements == 1 ? 0 : c) : 0, mean = tn__load_f64(TN_DTYPE_f32, bn[3]->data, c);
        ((float *)bias->data)[c] = (float)((own - mean) * s[c] + tn__load_f64(TN_DTYPE_f32, bn[2]->data, c));
    }
    channel_map m = map_of(p, w);
    for (int64_t i = 0; i < w->elements; i++) {
        int64_t c = i / m.inner % m.per_group + (m.group ? i / m.group * m.per_group : 0);
        ((float *)weights->data)[i] = (float)(tn__load_f64(TN_DTYPE_f32, w->data, i) * s[c]);
    }
    tn_value in[3] = {tn__rewriter_in(r, p, 0), constant(to, weights), constant(to, bias)};
    if (p->op == TN_OP_matmul || p->op == TN_OP_gemm) {
        tn__attrs_gemm gemm = {.alpha = 1, .beta = 1};
        if (p->op == TN_OP_gemm) gemm = *(const tn__attrs_gemm *)p->attrs, gemm.beta = 1;
        tn__rewriter_replace(r, n, tn__graph_add(to, TN_OP_gemm, in, 3, &gemm, 1, p->name));
    } else tn__rewriter_replace(r, n, tn__graph_add(to, p->op, in, 3, p->attrs, 1, p->name));
    return NULL;
}

tn_error *tn_pass_fold_batch_norm(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    const uint32_t *uses = tn__graph_use_counts(g, &r.to->arena);
    bool *taken = TN__ARENA_ARRAY(&r.to->arena, bool, g->nodes.count + 1);
    if (!uses || !taken) return tn_graph_release(r.to), tn__error_oom();
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *p = taker(g, &g->nodes.data[i], uses);
        if (p) taken[p - g->nodes.data] = true;
    }
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i], *p = taker(g, n, uses);
        if (taken[i]) continue; /* built where its batch normalisation stands */
        tn_error *e = p ? fold(&r, p, n) : NULL;
        if (e) tn__graph_fail(r.to, e);
        else if (!p) tn__rewriter_copy(&r, n);
    }
    return tn__rewriter_commit(&r, g);
}
