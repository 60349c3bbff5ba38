/* Layouts: which values lie blocked by channel. Most convolutions and the pools work on blocked values; what is between them
 * stays blocked. Option `layout` may prefer one kind; what has no kernel for it keeps the other. */
#include "kernel/lower.h"
#include "kernel/lower_integer.h"
#include "kernel/lower_maps.h"

bool tn__lower_is_pool(tn__op op) {
    return op == TN_OP_max_pool || op == TN_OP_average_pool || op == TN_OP_global_average_pool || op == TN_OP_global_max_pool;
}

/* Ops whose pad lanes could turn into infinities or NaN when the channels do not fill the last block. */
static bool unsafe_on_padding(tn__op op) {
    return op == TN_OP_div || op == TN_OP_log || op == TN_OP_reciprocal || op == TN_OP_rsqrt || op == TN_OP_pow || op == TN_OP_exp;
}

static int32_t layout_of(const tn__lower *l, const tn__node *n, const bool *wanted) {
    const tn__type *t = &l->g->values.data[n->first_out].type;
    bool eight = t->dtype == TN_DTYPE_u8 || t->dtype == TN_DTYPE_i8;
    const tn__integer_op *integer = tn__integer_op_of(n->op);
    if (t->rank < 3 || (!tn__kernel_as_f32(t->dtype) && !eight && !integer)) return 0;
    if (integer && integer->conv) return tn__lower_anchor_ok(l, n) ? l->w : 0;
    if (n->op == TN_OP_conv || tn__lower_is_pool(n->op)) {
        if (!tn__lower_anchor_ok(l, n)) return 0;
        tn__lines_choice lines = l->layout ? tn__lower_lines_choose(l, n) : TN__LINES_NEVER;
        bool plain = !wanted[n->first_out] && !l->values[tn__in(l->g, n, 0).id].block;
        return lines == TN__LINES_ALWAYS || (lines == TN__LINES_BETWEEN_PLAIN && plain) ? 0 : l->w;
    }
    if (!l->layout) return 0;
    if (tn__lower_elementwise_ok(l->g, n)) {
        bool any = false;
        if (t->dims[1] % l->w && unsafe_on_padding(n->op)) return 0;
        for (uint32_t i = 0; i < n->n_in; i++) {
            tn_value v = tn__in(l->g, n, i);
            if (!v.id || tn__constant_peek(l->g, v)) continue;
            const tn__type *x = tn__type_of(l->g, v);
            if (l->values[v.id].block) {
                if (x->rank != t->rank || x->dims[1] != t->dims[1]) return 0;
                any = true;
            } else if (l->prefers == TN__LAYOUT_NCHW && tn__type_elements(x) == tn__type_elements(t)) return 0;
            else if (!tn__kernel_as_f32(x->dtype) && x->dtype != TN_DTYPE_u8 && x->dtype != TN_DTYPE_i8) return 0;
            else if (x->rank + 1 >= t->rank && x->rank >= 1 && t->rank - x->rank <= 1 && x->dims[1 - (t->rank - x->rank)] != 1 &&
                     x->rank != t->rank)
                return 0; /* a run-time [c, 1, 1]: no blocked form */
        }
        return any ? l->w : 0;
    }
    if (l->prefers == TN__LAYOUT_NCHW) return 0; /* of blocked values only what an anchor's kernel takes in is blocked too */
    if (n->op == TN_OP_gather) return tn__lower_gathers_blocked(l, n) ? l->w : 0;
    if (l->values[tn__in(l->g, n, 0).id].block && tn__lower_maps_pixels(l, n)) return l->w;
    if (n->op == TN_OP_concat) {
        const tn__attrs_axis *a = n->attrs;
        if (a->axis != 1 && a->axis != 1 - t->rank) return 0;
        for (uint32_t i = 0; i < n->n_in; i++) {
            tn_value v = tn__in(l->g, n, i);
            if (!l->values[v.id].block || (i + 1 < n->n_in && tn__type_of(l->g, v)->dims[1] % l->w)) return 0;
        }
        return l->w;
    }
    return 0;
}

/* Which values would be best blocked, from their users back: what a convolution or a pool reads. */
static void find_wanted(const tn__lower *l, bool *wanted) {
    const tn_graph *g = l->g;
    for (size_t at = g->nodes.count; at-- > 0;) {
        const tn__node *n = &g->nodes.data[at];
        const tn__integer_op *integer = tn__integer_op_of(n->op);
        bool conv = n->op == TN_OP_conv || (integer && integer->conv);
        bool window = (conv || tn__lower_is_pool(n->op)) && tn__lower_anchor_ok(l, n);
        bool first_only = window || n->op == TN_OP_gather || tn__lower_maps_pixels(l, n);
        bool passes = first_only || n->op == TN_OP_concat || tn__lower_elementwise_ok(g, n);
        tn__lines_choice lines = window ? tn__lower_lines_choose(l, n) : TN__LINES_NEVER;
        if (lines == TN__LINES_ALWAYS) continue;
        if (window && lines == TN__LINES_NEVER) wanted[tn__in(g, n, 0).id] = true;
        else if (passes && wanted[n->first_out])
            for (uint32_t i = 0; i < (first_only ? 1 : n->n_in); i++) wanted[tn__in(g, n, i).id] = true;
    }
}

tn_error *tn__lower_layouts(tn__lower *l) {
    const tn_graph *g = l->g;
    bool *wanted = tn__alloc_zero(l->a, g->values.count);
    if (!wanted) return tn__error_oom();
    find_wanted(l, wanted);
    for (size_t i = 0; i < g->nodes.count; i++)
        l->values[g->nodes.data[i].first_out].block = layout_of(l, &g->nodes.data[i], wanted);
    tn__free(l->a, wanted, g->values.count);
    return NULL;
}
