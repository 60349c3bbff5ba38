/* Sites of a lowering: where the table of tuned schedules is asked (tuning.h). */
#include "kernel/lower_tune.h"

enum { OPS_MOST = 24 };

/* "conv+add+relu f32[1,64,56,56] ..." of the nodes of a group: ops, and the types of what the group reads. */
static void describe_group(const tn__lower *l, uint32_t root, tn__text *out) {
    const tn_graph *g = l->g;
    int32_t n = 0;
    for (uint32_t at = 0; at <= root; at++) {
        if (l->group[at] != root) continue;
        if (++n > OPS_MOST) continue;
        const tn__node *x = &g->nodes.data[at];
        tn__text_addf(out, "%s%s(", n > 1 ? "+" : " ", tn__op_text(x->op, x->attrs));
        for (uint32_t i = 0; i < x->n_in; i++) {
            tn_value v = tn__in(g, x, i);
            uint32_t from = v.id ? g->values.data[v.id].node : TN__NO_NODE;
            const char *between = i ? "," : "";
            if (!v.id || (from != TN__NO_NODE && l->group[from] == root)) {
                tn__text_addf(out, "%s%s", between, v.id ? "." : "-");
                continue;
            }
            const tn__type *t = tn__type_of(g, v);
            tn__text_addf(out, "%s%s%s%s", between, tn_dtype_name(t->dtype), l->values[v.id].block ? "b" : "", tn__constant_peek(g, v) ? "c" : "");
            for (int32_t d = 0; d < t->rank; d++) tn__text_addf(out, "%c%lld", d ? 'x' : ':', (long long)t->dims[d]);
        }
        tn__text_add(out, ")");
    }
    if (n > OPS_MOST) tn__text_addf(out, "+%d more", (int)(n - OPS_MOST));
    for (char *c = out->data; c && *c; c++) /* names of custom ops may hold anything; the text becomes a part of a line */
        if ((unsigned char)*c < ' ') *c = '?';
}

tn_error *tn__lower_site(tn__lower *l, const char *stem, uint32_t root, const tn__space *space, const int64_t *facts, int32_t n_facts,
                         tn__choice *out) {
    *out = (tn__choice){{0}};
    if (!l->tuning) return NULL;
    tn__text text;
    tn__text_init(&text, l->a);
    tn__text_addf(&text, "%s w%d", stem, (int)l->w);
    for (int32_t i = 0; i < n_facts; i++) tn__text_addf(&text, "%c%lld", i ? ',' : ' ', (long long)facts[i]);
    describe_group(l, root, &text);
    tn__site site = {.signature = text.failed ? NULL : tn__arena_strdup(&l->p->arena, text.data), .root = root, .space = *space};
    tn__text_deinit(&text);
    if (!site.signature) return tn__error_oom();
    const tn__choice *c = tn__tuning_find(l->tuning, site.signature);
    site.found = c && tn__space_allows(space, c);
    if (site.found) site.used = *c;
    *out = site.used;
    return TN__PUSH(l->a, &l->p->sites, site) ? NULL : tn__error_oom();
}

static int32_t or_rule(const tn__choice *c, const tn__choice *rule, tn__knob knob) { return c->value[knob] ? c->value[knob] : rule->value[knob]; }

tn_error *tn__lower_tile(tn__lower *l, const char *stem, uint32_t root, int64_t rows, int64_t vectors, int32_t most_rows, bool divisors,
                         const int64_t *facts, int32_t n_facts, tn__tile *out) {
    tn__space s = {.kind = TN__SPACE_PRODUCT, .rows = rows, .vectors = vectors, .registers = l->registers, .divisors = divisors, .cuts = true};
    s.packs = out->pack != 0, s.depth = out->depth;
    tn__lower_choose_tile(rows, vectors, l->registers - out->spare, most_rows, divisors, &s.rule.value[TN__KNOB_mr], &s.rule.value[TN__KNOB_nv]);
    s.rule.value[TN__KNOB_pack] = out->pack, s.rule.value[TN__KNOB_steps] = out->depth ? 1 : 0;
    tn__choice c;
    TN__TRY(tn__lower_site(l, stem, root, &s, facts, n_facts, &c));
    out->mr = or_rule(&c, &s.rule, TN__KNOB_mr), out->nv = or_rule(&c, &s.rule, TN__KNOB_nv);
    out->chunk = c.value[TN__KNOB_chunk], out->steps = c.value[TN__KNOB_steps];
    out->pack = or_rule(&c, &s.rule, TN__KNOB_pack);
    return NULL;
}

tn_error *tn__lower_rows(tn__lower *l, const char *stem, uint32_t root, int32_t most_mr, int32_t most_nv, tn__kernel *k) {
    int64_t facts[TN__K_DIMS + 3];
    int32_t n = 0;
    if (!l->tuning || k->m < 0) return NULL;
    for (int32_t d = 0; d < k->n_dims; d++) facts[n++] = k->extent[d];
    facts[n++] = k->n_spatial, facts[n++] = k->n_exprs, facts[n++] = k->m;
    tn__space s = {.kind = TN__SPACE_ROWS, .rows = k->extent[k->m], .vectors = k->j >= 0 && k->nv > 0 ? k->extent[k->j] : 1,
                   .most_mr = most_mr, .most_nv = k->j >= 0 && k->nv > 0 ? most_nv : 1};
    s.rule.value[TN__KNOB_mr] = k->mr, s.rule.value[TN__KNOB_nv] = k->nv > 0 ? k->nv : 1;
    tn__choice c;
    TN__TRY(tn__lower_site(l, stem, root, &s, facts, n, &c));
    if (c.value[TN__KNOB_mr]) k->mr = c.value[TN__KNOB_mr];
    if (c.value[TN__KNOB_nv] && k->nv > 0) k->nv = c.value[TN__KNOB_nv];
    return NULL;
}
