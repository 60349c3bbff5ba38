/* Nodes without effects that have equal op, attributes and operands are merged. Values keep the first node's bits, so nothing changes; it
 * gets the sources of all, but of constants only keeps its own.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include "pass/pass.h"

static uint64_t mix(uint64_t h, uint64_t x) { return (h ^ x) * 0x9e3779b97f4a7c15u; }

static bool equal(const tn_graph *g, const tn__node *a, const tn__node *b) {
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out) return false;
    for (uint32_t i = 0; i < a->n_in; i++)
        if (tn__in(g, a, i).id != tn__in(g, b, i).id) return false;
    return tn__attrs_equal(a->op, a->attrs, b->attrs);
}

tn_error *tn_pass_cse(tn_graph *g) {
    tn__rewriter r;
    TN__TRY(tn__rewriter_begin(g, &r));
    size_t buckets = 64;
    while (buckets < g->nodes.count * 2) buckets *= 2;
    uint32_t *table = TN__ARENA_ARRAY(&r.to->arena, uint32_t, buckets); /* new node number + 1 */
    if (!table) return tn_graph_release(r.to), tn__error_oom();
    for (size_t i = 0; i < g->nodes.count && !r.to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        size_t before = r.to->nodes.count;
        const tn_tensor *t = n->op == TN_OP_constant ? ((const tn__attrs_constant *)n->attrs)->value : NULL;
        tn__rewriter_copy(&r, n);
        if (r.to->error || r.to->nodes.count == before || (tn__op_infos[n->op].flags & TN__OP_CONTROL) ||
            tn__node_has_effects(n->op, n->attrs))
            continue;
        const tn__node *fresh = &r.to->nodes.data[before];
        uint64_t h = mix(n->op, n->n_in);
        for (uint32_t k = 0; k < n->n_in; k++) h = mix(h, tn__in(r.to, fresh, k).id);
        if (t) {
            h = mix(h, t->bytes);
            for (size_t k = 0; k + 8 <= t->bytes && k < 64; k += 8) {
                uint64_t word;
                memcpy(&word, (const char *)tn__tensor_bytes(t) + k, 8);
                h = mix(h, word);
            }
        }
        for (size_t at = h >> 20 & (buckets - 1);; at = (at + 1) & (buckets - 1)) {
            if (!table[at]) {
                table[at] = (uint32_t)before + 1;
                break;
            }
            const tn__node *old = &r.to->nodes.data[table[at] - 1];
            if (!equal(r.to, old, fresh)) continue;
            for (uint32_t k = 0; k < n->n_out; k++) r.map[n->first_out + k] = tn__out(old, k); /* the copy stays behind, dead */
            if (!t) r.to->nodes.data[table[at] - 1].source = tn__graph_source_merge(r.to, old->source, n->source);
            break;
        }
    }
    return tn__rewriter_commit(&r, g);
}
