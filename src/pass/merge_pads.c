/* A constant pad of spatial axes goes into the convolution or pool that reads it, whose kernel needs no padded copy:
 *
 *   conv(pad(x, 0))          ==>  conv(x) with more pads; also qlinear_conv and conv_integer, of x's zero point
 *   average_pool(pad(x, 0))  ==>  the same counting its pads, where the pool has none of its own or counts them already
 *   max_pool(pad(x, -inf))   ==>  max_pool(x) with more pads; also of 0 where x has no negative elements
 *
 * Exact for conv and max_pool; an average adds the same numbers without the zeros. Ends: an edge to a pad disappears each time.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include <math.h>

#include "op/conv/window.h"
#include "pass/pass.h"

/* The operand that is the weights of a convolution; 0: n is none. */
static uint32_t weights_of(tn__op op) { return op == TN_OP_conv || op == TN_OP_conv_integer ? 1 : op == TN_OP_qlinear_conv ? 3 : 0; }

/* What a convolution reads outside its input. */
static bool reads_outside(const tn_graph *g, const tn__node *n, double value) {
    tn_value zero = n->op == TN_OP_conv ? tn__none() : tn__in(g, n, 2);
    const tn_tensor *t = zero.id ? tn__constant_of(g, zero) : NULL;
    return zero.id ? t && t->elements == 1 && tn__load_f64(t->dtype, t->data, 0) == value : value == 0;
}

static bool never_negative(const tn__node *n) {
    if (!n) return false;
    return n->op == TN_OP_relu || n->op == TN_OP_sigmoid || n->op == TN_OP_abs || n->op == TN_OP_exp || n->op == TN_OP_hard_sigmoid;
}

/* Pads of every spatial axis; false where n is no constant pad with one number, of spatial axes only and of no negative width. */
static bool pads_of(const tn_graph *g, const tn__node *n, int64_t *begin, int64_t *end, double *value) {
    const tn__type *t = tn__type_of(g, tn__in(g, n, 0));
    if (n->op != TN_OP_pad || strcmp(((const tn__attrs_pad *)n->attrs)->mode, "constant") || t->rank < 3) return false;
    if (t->dtype != TN_DTYPE_f32 && t->dtype != TN_DTYPE_u8 && t->dtype != TN_DTYPE_i8) return false;
    tn_value value_in = tn__in(g, n, 2), axes_in = tn__in(g, n, 3);
    const tn_tensor *pads = tn__constant_of(g, tn__in(g, n, 1)), *number = value_in.id ? tn__constant_of(g, value_in) : NULL;
    const tn_tensor *axes = axes_in.id ? tn__constant_of(g, axes_in) : NULL;
    if (!pads || (value_in.id && (!number || number->elements != 1)) || (axes_in.id && !axes)) return false;
    *value = number ? tn__load_f64(number->dtype, number->data, 0) : 0;
    for (int32_t i = 0; i < t->rank; i++) begin[i] = end[i] = 0;
    int64_t half = pads->elements / 2;
    for (int64_t i = 0; i < half; i++) {
        int64_t axis = axes ? tn__load_i64(axes->dtype, axes->data, i) : i;
        if (axis < 0) axis += t->rank;
        begin[axis] = tn__load_i64(pads->dtype, pads->data, i);
        end[axis] = tn__load_i64(pads->dtype, pads->data, i + half);
        if (begin[axis] < 0 || end[axis] < 0 || (axis < 2 && (begin[axis] || end[axis]))) return false;
    }
    return true;
}

static bool without_pads(const tn__window *w) {
    for (int32_t i = 0; i < w->rank; i++)
        if (w->pad_begin[i] || w->pad_end[i]) return false;
    return true;
}

/* The window of n (a conv or pool) over what the pad reads, its pads in numbers; false where the two do not become one. */
static bool merged(const tn_graph *g, const tn__node *n, const tn__node *pad, tn__window *w) {
    const tn__type *padded = tn__type_of(g, tn__in(g, n, 0));
    uint32_t weights = weights_of(n->op);
    const tn__attrs_pool *pool = weights ? NULL : n->attrs;
    int64_t begin[TN_MAX_RANK], end[TN_MAX_RANK];
    double value;
    if (!weights && n->op != TN_OP_average_pool && (n->op != TN_OP_max_pool || padded->dtype != TN_DTYPE_f32)) return false;
    if (!pads_of(g, pad, begin, end, &value) || (pool && (pool->ceil_mode || n->n_out != 1))) return false;
    tn__window_spec spec = pool ? tn__window_spec_of_pool(pool) : tn__window_spec_of_conv(n->attrs);
    const int64_t *kernel = pool ? NULL : tn__type_of(g, tn__in(g, n, weights))->dims + 2;
    tn_error *e = tn__window_resolve(&g->context->allocator, &spec, padded->rank - 2, padded->dims + 2, kernel, w);
    if (e) return tn_error_destroy(e), false;
    if (n->op == TN_OP_max_pool) {
        bool zero_ok = value == 0 && without_pads(w) && never_negative(tn__node_of(g, tn__in(g, pad, 0)));
        if (!(value < 0 && isinf(value)) && !zero_ok) return false;
    } else if (weights ? !reads_outside(g, n, value) : value != 0) return false;
    if (n->op == TN_OP_average_pool && !pool->count_include_pad && !without_pads(w)) return false;
    for (int32_t i = 0; i < w->rank; i++) {
        w->pad_begin[i] += begin[i + 2];
        w->pad_end[i] += end[i + 2];
        int64_t reach = (w->kernel[i] - 1) * w->dilation[i] + 1; /* a window must not lie outside altogether */
        if (w->pad_begin[i] >= reach || w->pad_end[i] >= reach) return false;
    }
    return true;
}

static void build(tn__rewriter *r, const tn__node *n, const tn__node *pad, const tn__window *w) {
    enum { MOST_OPERANDS = 9 }; /* of qlinear_conv */
    tn_value in[MOST_OPERANDS] = {tn__rewriter_in(r, pad, 0)};
    tn__rewriter_from(r, n);
    tn__rewriter_also(r, pad);
    for (uint32_t i = 1; i < n->n_in && i < MOST_OPERANDS; i++) in[i] = tn__rewriter_in(r, n, i);
    int64_t pads[2 * TN_MAX_RANK];
    tn__ints list = {2 * (uint32_t)w->rank, pads};
    for (int32_t i = 0; i < w->rank; i++) pads[i] = w->pad_begin[i], pads[w->rank + i] = w->pad_end[i];
    tn__attrs_conv conv;
    tn__attrs_pool pool;
    const void *attrs = &conv;
    if (weights_of(n->op)) conv = *(const tn__attrs_conv *)n->attrs, conv.pads = list, conv.auto_pad = "NOTSET";
    else {
        pool = *(const tn__attrs_pool *)n->attrs, pool.pads = list, pool.auto_pad = "NOTSET";
        pool.count_include_pad = n->op == TN_OP_average_pool;
        attrs = &pool;
    }
    tn__rewriter_replace(r, n, tn__graph_add(r->to, n->op, in, n->n_in, attrs, 1, n->name));
}

tn_error *tn_pass_merge_pads(tn_graph *g) {
    tn__rewriter r;
    tn__window w;
    TN__TRY(tn__rewriter_begin(g, &r));
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i], *pad = n->n_in ? tn__node_of(g, tn__in(g, n, 0)) : NULL;
        if (pad && merged(g, n, pad, &w)) build(&r, n, pad, &w);
        else tn__rewriter_copy(&r, n);
    }
    return tn__rewriter_commit(&r, g);
}
