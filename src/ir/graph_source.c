/* Sources of a graph's nodes: the public calls, and what passes and devices need. */
#include "ir/graph.h"

static tn__node *maker(const tn_graph *g, tn_value v) { return v.id < g->values.count ? (tn__node *)tn__node_of(g, v) : NULL; }

uint32_t tn__graph_source_text(tn_graph *g, const char *text) {
    if (!text || !*text) return 0;
    if (!g->sources) g->sources = tn__sources_create(&g->context->allocator);
    uint32_t set = g->sources ? tn__sources_of_text(g->sources, text) : 0;
    if (!set) tn__graph_fail(g, tn__error_oom());
    return set;
}

void tn_graph_set_source(tn_graph *g, tn_value v, const char *source) {
    tn__node *n = TN__IS(g, GRAPH) && !g->error ? maker(g, v) : NULL;
    if (n) n->source = tn__graph_source_text(g, source);
}

void tn_graph_add_source(tn_graph *g, tn_value v, const char *source) {
    tn__node *n = TN__IS(g, GRAPH) && !g->error ? maker(g, v) : NULL;
    if (n) n->source = tn__graph_source_merge(g, n->source, tn__graph_source_text(g, source));
}

void tn_graph_set_current_source(tn_graph *g, const char *source) {
    if (TN__IS(g, GRAPH) && !g->error) g->source = tn__graph_source_text(g, source);
}

uint32_t tn_graph_get_source_count(const tn_graph *g, tn_value v) {
    const tn__node *n = TN__IS(g, GRAPH) ? maker(g, v) : NULL;
    return n ? tn__graph_sources(g, n->source)->n : 0;
}

const char *tn_graph_get_source(const tn_graph *g, tn_value v, uint32_t index) {
    const tn__node *n = TN__IS(g, GRAPH) ? maker(g, v) : NULL;
    const tn__source_set *set = n ? tn__graph_sources(g, n->source) : NULL;
    return set && index < set->n ? set->texts[index] : NULL;
}

/* ---- inside -------------------------------------------------------------------------------------------------- */

uint32_t tn__graph_source_merge(tn_graph *g, uint32_t a, uint32_t b) {
    uint32_t set = tn__sources_merge(g->sources, a, b);
    if (!set && (a || b)) tn__graph_fail(g, tn__error_oom());
    return set;
}

uint32_t tn__graph_source_hide(tn_graph *g, uint32_t set, uint32_t hidden) {
    uint32_t own = tn__sources_hide(g->sources, set, hidden);
    if (!own && set) tn__graph_fail(g, tn__error_oom());
    return own;
}

uint32_t tn__graph_source_of(tn_graph *to, const tn_graph *from, uint32_t set) {
    if (!set) return 0;
    if (!to->sources && to->context == from->context) tn__sources_retain(to->sources = from->sources);
    if (to->sources == from->sources) return set;
    const tn__source_set *s = tn__graph_sources(from, set);
    uint32_t own = 0;
    for (uint32_t i = 0; i < s->n && !to->error; i++) own = tn__graph_source_merge(to, own, tn__graph_source_text(to, s->texts[i]));
    return s->hidden ? tn__graph_source_hide(to, own, s->hidden) : own;
}

tn_error *tn__node_error(const tn_graph *g, const tn__node *n, tn_error *e) {
    e = tn__error_prefix(e, "node '%s' (%s)", n->name ? n->name : "", tn__op_text(n->op, n->attrs));
    return tn__error_from(e, tn__graph_sources(g, n->source), n->name);
}
