#include "pass/pass.h"

static const struct {
    const char *name;
    tn_error *(*run)(tn_graph *g);
} passes[] = {
#define TN_PASS(name, kind, help) TN__PASS_##kind(name)
#define TN__PASS_GRAPH(name) {#name, tn_pass_##name},
#define TN__PASS_LOWER(name) {#name, NULL},
#include "pass/passes.def"
};
enum { N_PASSES = sizeof passes / sizeof *passes };
static const char pass_names[] = ""
#define TN_PASS(name, kind, help) " " #name
#include "pass/passes.def"
    ;

bool tn__pass_is_off(const char *disabled, const char *name) {
    size_t length = strlen(name);
    for (const char *at = disabled; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && !strncmp(at, name, length)) return true;
    return false;
}

tn_error *tn__passes_check(const tn_allocator *a, const char *disabled) {
    for (const char *at = disabled; at && *at; at += strcspn(at, ","), at += *at == ',') {
        size_t length = strcspn(at, ","), i = 0;
        while (i < N_PASSES && (strlen(passes[i].name) != length || strncmp(passes[i].name, at, length))) i++;
        if (i == N_PASSES)
            return TN__FAIL(a, NOT_FOUND, "there is no pass '%.*s'; passes are%s", (int)length, at, pass_names);
    }
    return NULL;
}

static tn_error *copy_graph(const tn_graph *g, tn_graph **out) {
    tn_graph *to;
    TN__TRY(tn__graph_create(g->context, g->hooks, g->name, &to));
    tn_value *map = TN__ARENA_ARRAY(&to->arena, tn_value, g->values.count);
    if (!map) return tn_graph_release(to), tn__error_oom();
    for (size_t i = 0; i < g->inputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        map[g->inputs.data[i].value.id] = tn_graph_input(to, g->inputs.data[i].name, t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; i < g->nodes.count && !to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        tn_value v = tn__graph_copy_node(to, g, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
    }
    for (size_t i = 0; i < g->outputs.count; i++) tn_graph_output(to, g->outputs.data[i].name, map[g->outputs.data[i].value.id]);
    tn_error *e = tn_graph_check(to);
    if (e) tn_graph_release(to);
    else *out = to;
    return e;
}

#ifndef NDEBUG
static size_t count_effects(const tn_graph *g) {
    size_t n = 0;
    for (size_t i = 0; i < g->nodes.count; i++) n += tn__node_has_effects(g->nodes.data[i].op, g->nodes.data[i].attrs);
    return n;
}
#endif

tn_error *tn__passes_run(const tn_graph *g, const char *disabled, const char *stop_after, const tn__pass_watch *watch, tn_graph **out) {
    const tn__pass_watch w = watch ? *watch : (tn__pass_watch){0};
    *out = NULL;
    TN__TRY(tn__passes_check(&g->context->allocator, disabled));
    TN__TRY(tn__passes_check(&g->context->allocator, stop_after));
    tn_graph *own = NULL;
    TN__TRY(copy_graph(g, &own));
    tn_error *e = NULL;
#ifndef NDEBUG
    size_t effects = count_effects(own);
#endif
    for (size_t i = 0; !e && i < N_PASSES; i++) {
        if ((e = tn__context_poll(g->context))) break;
        if (passes[i].run && !tn__pass_is_off(disabled, passes[i].name)) {
            size_t before = own->nodes.count;
            tn__phase_begin(w.hook, passes[i].name);
            e = tn__error_prefix(passes[i].run(own), "pass %s", passes[i].name);
            tn__phase_end(w.hook, passes[i].name);
            if (!e && w.log) tn__log_to(w.log, TN_LOG_DEBUG, "pass %s: %zu nodes became %zu", passes[i].name, before, own->nodes.count);
#ifndef NDEBUG
            if (!e) e = tn__error_prefix(tn__graph_verify(own), "after pass %s", passes[i].name);
            if (!e && count_effects(own) != effects)
                e = TN__FAIL(&g->context->allocator, INTERNAL, "pass %s: %zu nodes with effects became %zu", passes[i].name, effects, count_effects(own));
#endif
            if (!e && w.after) e = w.after(w.self, passes[i].name, own);
        }
        if (stop_after && !strcmp(stop_after, passes[i].name)) break;
    }
    if (e) tn_graph_release(own);
    else *out = own;
    return e;
}

/* ---- rewriting ----------------------------------------------------------------------------------------------- */

tn_error *tn__rewriter_begin(tn_graph *g, tn__rewriter *r) {
    *r = (tn__rewriter){.from = g};
    TN__TRY(tn__graph_create(g->context, g->hooks, g->name, &r->to));
    if (g->sources) tn__sources_retain(r->to->sources = g->sources);
    r->map = TN__ARENA_ARRAY(&r->to->arena, tn_value, g->values.count);
    if (!r->map) return tn_graph_release(r->to), tn__error_oom();
    for (size_t i = 0; i < g->inputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        r->map[g->inputs.data[i].value.id] = tn_graph_input(r->to, g->inputs.data[i].name, t->dtype, t->rank, t->dims);
    }
    return NULL;
}

void tn__rewriter_copy(tn__rewriter *r, const tn__node *n) {
    r->to->source = n->source;
    tn_value v = tn__graph_copy_node(r->to, r->from, n, r->map);
    for (uint32_t k = 0; k < n->n_out; k++) r->map[n->first_out + k] = tn_value_output(v, k);
}

void tn__rewriter_replace(tn__rewriter *r, const tn__node *n, tn_value v) {
    const char *name = r->from->values.data[n->first_out].name;
    if (v.id && name && !r->to->values.data[v.id].name) tn_graph_set_name(r->to, v, name);
    r->map[n->first_out] = v;
}

tn_error *tn__rewriter_commit(tn__rewriter *r, tn_graph *g) {
    for (size_t i = 0; i < g->outputs.count; i++) tn_graph_output(r->to, g->outputs.data[i].name, r->map[g->outputs.data[i].value.id]);
    tn_error *e = tn_graph_check(r->to);
    r->to->source = 0;
    if (!e) tn__graph_swap(g, r->to);
    tn_graph_release(r->to);
    return e;
}
