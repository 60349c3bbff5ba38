/* Products of dequantised operands become integer products; what only moves values moves them in 8 bits.
 *
 *     q(relu(conv(dq(x), dq(w), b)))     ==>  max(qlinear_conv(x, w, b / scales), zero)
 *     q(matmul(dq(x), dq(w)))            ==>  qlinear_matmul(x, w)
 *     conv, matmul, gemm of dq(x), dq(w) ==>  cast(conv_integer(x, w)) * scales + b
 *     q(move(dq(x), ...))                ==>  move(q(dq(x)), ...), and q(dq(x)) ==> x where their parameters are equal
 *
 * Weights that stay dequantised are folded. Every rule leaves fewer nodes between a dequantisation and a quantisation, so it ends.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/quant.h"

typedef enum plan_kind { COPY, QUANTISED, INTEGER, MOVE } plan_kind;

/* What becomes of a node. */
typedef struct plan {
    plan_kind kind;
    bool relu;
    tn__quant_product product; /* QUANTISED, INTEGER */
    const tn__node *move;      /* MOVE */
} plan;

typedef struct pass {
    tn__rewriter r;
    const tn_graph *g;
    const uint32_t *uses;
    plan *plans;
    bool *needed; /* by node */
} pass;

/* ---- matching ------------------------------------------------------------------------------------------------ */

static const tn__node *only_user_of(const pass *p, tn_value v) { return v.id && p->uses[v.id] == 1 ? tn__node_of(p->g, v) : NULL; }

/* Operands that carry values, from the first: these are moved, the others say how. */
static uint32_t moved_operands(const tn_graph *g, const tn__node *n) {
    switch (n->op) {
    case TN_OP_concat: return n->n_in;
    case TN_OP_max_pool: return n->n_out == 1;
    case TN_OP_pad: { /* the number that is put there is quantised too */
        tn_value v = tn__in(g, n, 2);
        const tn_tensor *t = v.id ? tn__constant_of(g, v) : NULL;
        return !v.id || (t && t->elements == 1);
    }
    case TN_OP_global_max_pool: case TN_OP_reshape: case TN_OP_flatten: case TN_OP_squeeze: case TN_OP_unsqueeze: case TN_OP_transpose:
    case TN_OP_slice: case TN_OP_expand: case TN_OP_gather: case TN_OP_depth_to_space: case TN_OP_space_to_depth: return 1;
    default: return 0;
    }
}

static bool matches_move(const pass *p, const tn__node *n) {
    uint32_t k = moved_operands(p->g, n);
    for (uint32_t i = 0; i < k; i++) {
        tn__quant_operand o;
        if (!tn__quant_operand_of(p->g, tn__in(p->g, n, i), &o) || o.scale->elements != 1) return false;
    }
    return k > 0;
}

static void match(pass *p, const tn__node *n, plan *out) {
    if (tn__quant_product_of(p->g, n, &out->product)) {
        out->kind = INTEGER;
        return;
    }
    if (!tn__quant_is_result(p->g, n)) return;
    const tn__node *before = only_user_of(p, tn__in(p->g, n, 0));
    if (before && before->op == TN_OP_relu) {
        out->relu = true;
        before = only_user_of(p, tn__in(p->g, before, 0));
    }
    if (!before) return;
    if (tn__quant_product_of(p->g, before, &out->product) && tn__quant_can_finish(p->g, &out->product)) out->kind = QUANTISED;
    else if (!out->relu && matches_move(p, before)) out->kind = MOVE, out->move = before;
}

/* ---- which nodes are wanted ---------------------------------------------------------------------------------- */

static void need_value(pass *p, tn_value v) {
    const tn__node *n = tn__node_of(p->g, v);
    if (n) p->needed[n - p->g->nodes.data] = true;
}

static void need_operands(pass *p, const tn__node *n, uint32_t from) {
    for (uint32_t i = from; i < n->n_in; i++) need_value(p, tn__in(p->g, n, i));
}

static void need(pass *p, const tn__node *n, const plan *a) {
    if (a->kind == COPY) need_operands(p, n, 0);
    else if (a->kind == MOVE) {
        uint32_t k = moved_operands(p->g, a->move);
        for (uint32_t i = 0; i < k; i++) need_operands(p, tn__node_of(p->g, tn__in(p->g, a->move, i)), 0);
        need_operands(p, a->move, k);
        need_operands(p, n, 1);
    } else {
        need_operands(p, a->product.x.node, 0);
        need_operands(p, a->product.w.node, 0);
        if (a->kind == QUANTISED) need_operands(p, n, 1);
    }
}

/* ---- rewriting ----------------------------------------------------------------------------------------------- */

static tn_value moved(pass *p, const tn__node *n, const tn__node *move) {
    tn_graph *to = p->r.to;
    const void *attrs = tn__attrs_copy(to, move->op, move->attrs);
    uint32_t n_in = move->op == TN_OP_pad && move->n_in < 3 ? 3 : move->n_in;
    tn_value *in = TN__ARENA_ARRAY(&to->arena, tn_value, n_in + 1);
    if (!in || (!attrs && move->attrs)) return tn__graph_fail(to, tn__error_oom()), tn__none();
    uint32_t k = moved_operands(p->g, move);
    tn__rewriter_also(&p->r, move);
    for (uint32_t i = 0; i < k; i++) tn__rewriter_also(&p->r, tn__node_of(p->g, tn__in(p->g, move, i))); /* dequantisations */
    for (uint32_t i = 0; i < n_in; i++) {
        tn__quant_operand o;
        if (i < k && tn__quant_operand_of(p->g, tn__in(p->g, move, i), &o)) in[i] = tn__quant_convert(&p->r, &o, n);
        else if (move->op == TN_OP_pad && i == 2) in[i] = tn__quant_number(&p->r, tn__in(p->g, move, 2), n);
        else in[i] = tn__rewriter_in(&p->r, move, i);
    }
    return tn__graph_add(to, move->op, in, n_in, attrs, 1, move->name);
}

static void rewrite(pass *p, const tn__node *n, const plan *a) {
    tn_value v;
    tn__rewriter_from(&p->r, n);
    if (a->kind == QUANTISED && a->relu) tn__rewriter_also(&p->r, tn__node_of(p->g, tn__in(p->g, n, 0)));
    switch (a->kind) {
    case QUANTISED: v = tn__quant_emit_finished(&p->r, &a->product, n, a->relu); break;
    case INTEGER: v = tn__quant_emit_integer(&p->r, &a->product); break;
    case MOVE: v = moved(p, n, a->move); break;
    default: tn__rewriter_copy(&p->r, n); return;
    }
    if (!p->r.to->error) tn__rewriter_replace(&p->r, n, v);
}

tn_error *tn_pass_quant(tn_graph *g) {
    pass p = {.g = g};
    TN__TRY(tn__rewriter_begin(g, &p.r));
    tn__arena *arena = &p.r.to->arena;
    p.r.to->fold = true;
    p.uses = tn__graph_use_counts(g, arena);
    p.plans = TN__ARENA_ARRAY(arena, plan, g->nodes.count + 1);
    p.needed = TN__ARENA_ARRAY(arena, bool, g->nodes.count + 1);
    if (!p.uses || !p.plans || !p.needed) tn__graph_fail(p.r.to, tn__error_oom());
    for (size_t i = 0; i < g->outputs.count && !p.r.to->error; i++) need_value(&p, g->outputs.data[i].value);
    for (size_t i = g->nodes.count; i-- > 0 && !p.r.to->error;) {
        p.needed[i] |= tn__node_has_effects(g->nodes.data[i].op, g->nodes.data[i].attrs);
        if (!p.needed[i]) continue;
        match(&p, &g->nodes.data[i], &p.plans[i]);
        need(&p, &g->nodes.data[i], &p.plans[i]);
    }
    for (size_t i = 0; i < g->nodes.count && !p.r.to->error; i++)
        if (p.needed[i]) rewrite(&p, &g->nodes.data[i], &p.plans[i]);
    return tn__rewriter_commit(&p.r, g);
}
