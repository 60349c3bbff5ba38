/* Composites on f16 and bf16 run in f32 between casts: pass expand takes them apart, and their parts would be rounded one by one.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/expand.h"

static bool is_half(tn_dtype d) { return d == TN_DTYPE_f16 || d == TN_DTYPE_bf16; }

static bool wanted(const tn_graph *g, const tn__node *n) {
    static const bool wide[TN_OP_COUNT] = {
#define ROW(op, name, is_wide) [TN_OP_##op] = is_wide,
        TN__EXPANDERS(ROW)
#undef ROW
        [TN_OP_lstm] = true, [TN_OP_gru] = true, [TN_OP_rnn] = true,
    };
    return wide[n->op] && is_half(g->values.data[n->first_out].type.dtype);
}

static tn_value cast(tn_graph *to, tn_value x, tn_dtype dtype, const char *name) {
    tn__attrs_cast *a = tn__attrs_new(to, TN_OP_cast);
    if (!a) return tn__graph_fail(to, tn__error_oom()), tn__none();
    a->to = dtype;
    return tn__graph_add(to, TN_OP_cast, &x, 1, a, 1, name);
}

static void widen(tn__rewriter *r, const tn__node *n) {
    tn_graph *to = r->to;
    tn_value *in = TN__ARENA_ARRAY(&to->arena, tn_value, n->n_in + 1);
    const void *attrs = tn__attrs_copy(to, n->op, n->attrs);
    if (!in || (!attrs && n->attrs)) {
        tn__graph_fail(to, tn__error_oom());
        return;
    }
    for (uint32_t i = 0; i < n->n_in; i++) {
        in[i] = tn__rewriter_in(r, n, i);
        if (in[i].id && is_half(tn__type_of(to, in[i])->dtype)) in[i] = cast(to, in[i], TN_DTYPE_f32, n->name);
    }
    tn_value v = tn__graph_add(to, n->op, in, n->n_in, attrs, n->n_out, n->name);
    for (uint32_t k = 0; k < n->n_out; k++) {
        tn_value out = tn_value_output(v, k);
        tn_dtype was = r->from->values.data[n->first_out + k].type.dtype;
        if (out.id && tn__type_of(to, out)->dtype != was) out = cast(to, out, was, n->name);
        if (k) r->map[n->first_out + k] = out;
        else tn__rewriter_replace(r, n, out);
    }
}

tn_error *tn_pass_widen(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    r.to->fold = true; /* casts of constants */
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        tn__rewriter_from(&r, n);
        if (wanted(g, n)) widen(&r, n);
        else tn__rewriter_copy(&r, n);
    }
    return tn__rewriter_commit(&r, g);
}
