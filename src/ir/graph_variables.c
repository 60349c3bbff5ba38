/* Variables in graphs: values read at the beginning of a run, and what is assigned at its end. */
#include "ir/graph.h"
#include "rt/variable.h"

/* The row of `variable`, made at first use; NULL after an error. */
static tn__graph_variable *row_of(tn_graph *g, tn_variable *variable, const char *call) {
    if (!tn__graph_may_build(g)) return NULL;
    const tn_allocator *a = &g->context->allocator;
    if (!TN__IS(variable, VARIABLE)) return tn__graph_fail(g, tn__handle_error(variable, TN__HANDLE_VARIABLE, call, "variable")), NULL;
    for (size_t i = 0; i < g->variables.count; i++)
        if (g->variables.data[i].variable == variable) return &g->variables.data[i];
    if (variable->context != g->context)
        return tn__graph_fail(g, TN__FAIL(a, INVALID_ARGUMENT, "%s: the variable is of another context than graph '%s'", call, g->name)), NULL;
    if (g->variables.count >= g->context->limits.max_nodes)
        return tn__graph_fail(g, TN__FAIL(a, LIMIT_EXCEEDED, "%s: more than %u variables (limit max_nodes)", call,
                                          g->context->limits.max_nodes)), NULL;
    tn__type type = {variable->dtype, variable->rank, NULL};
    if (type.rank) type.dims = tn__arena_copy(&g->arena, variable->dims, (size_t)type.rank * sizeof *type.dims);
    if ((type.rank && !type.dims) || !TN__RESERVE(a, &g->variables, g->variables.count + 1))
        return tn__graph_fail(g, tn__error_oom()), NULL;
    tn_value read = tn__graph_new_value(g, type, TN__NO_NODE, (uint32_t)g->variables.count, NULL);
    if (!read.id) return NULL;
    tn_variable_retain(variable);
    g->variables.data[g->variables.count] = (tn__graph_variable){.variable = variable, .read = read};
    return &g->variables.data[g->variables.count++];
}

tn_value tn_graph_variable(tn_graph *graph, tn_variable *variable) {
    const tn__graph_variable *row = row_of(graph, variable, "tn_graph_variable");
    return row ? row->read : tn__none();
}

void tn_graph_assign(tn_graph *graph, tn_variable *variable, tn_value value) {
    if (!tn__graph_may_build(graph)) return;
    const tn_allocator *a = &graph->context->allocator;
    char found[200], wanted[200];
    if (!value.id || value.id >= graph->values.count)
        return tn__graph_fail(graph, TN__FAIL(a, INVALID_ARGUMENT, "tn_graph_assign: no value of this graph"));
    tn__graph_variable *row = row_of(graph, variable, "tn_graph_assign");
    if (!row) return;
    const tn__type *t = tn__type_of(graph, value), *own = tn__type_of(graph, row->read);
    if (row->assigned.id)
        return tn__graph_fail(graph, TN__FAIL(a, INVALID_GRAPH, "tn_graph_assign: variable %s is assigned twice",
                                              tn__value_text(graph, row->read, wanted, sizeof wanted)));
    bool fits = t->rank < 0 || t->rank == own->rank;
    for (int32_t i = 0; fits && i < t->rank; i++) fits = t->dims[i] < 0 || t->dims[i] == own->dims[i];
    if (t->dtype != own->dtype || !fits) {
        tn_error_code code = fits ? TN_ERROR_TYPE_MISMATCH : TN_ERROR_SHAPE_MISMATCH;
        char name[160];
        return tn__graph_fail(graph, tn__error_make(a, code, __FILE__, __LINE__, "tn_graph_assign: variable %s: found %s, wanted %s",
                                                    tn__value_text(graph, row->read, name, sizeof name),
                                                    tn__type_text(graph, t, found, sizeof found),
                                                    tn__type_text(graph, own, wanted, sizeof wanted)));
    }
    row->assigned = value;
}

tn_error *tn__graph_refuse_variables(const tn_graph *body) {
    if (!body || !body->variables.count) return NULL;
    return TN__FAIL(&body->context->allocator, INVALID_GRAPH, "the sub-graph '%s' has variables: pass their values in", body->name);
}

uint32_t tn_graph_get_variable_count(const tn_graph *graph) { return TN__IS(graph, GRAPH) ? (uint32_t)graph->variables.count : 0; }

tn_variable *tn_graph_get_variable(const tn_graph *graph, uint32_t index) {
    return TN__IS(graph, GRAPH) && index < graph->variables.count ? graph->variables.data[index].variable : NULL;
}

/* Copies of all values at one instant. */
static tn_error *read_all(const tn_graph *g, tn__arena *arena, tn_tensor **values) {
    uint32_t n = (uint32_t)g->variables.count;
    tn__claim *claims = TN__ARENA_ARRAY(arena, tn__claim, n);
    tn__hold hold;
    if (!claims) return tn__error_oom();
    for (uint32_t i = 0; i < n; i++) claims[i].variable = g->variables.data[i].variable;
    TN__TRY(tn__hold_take(g->context, claims, n, &hold));
    tn_error *e = NULL;
    for (uint32_t i = 0; !e && i < n; i++) {
        tn_variable *v = claims[i].variable;
        const tn_tensor *now = atomic_load_explicit(&v->value, memory_order_acquire);
        e = tn_tensor_create(g->context, v->dtype, v->rank, v->dims, &values[i]);
        if (!e && now && now->bytes) memcpy(values[i]->data, now->data, now->bytes);
    }
    tn__hold_give(g->context, &hold);
    return e;
}

tn_error *tn__graph_freeze_variables(const tn_graph *g, tn_graph **out_graph) {
    *out_graph = NULL;
    const tn_allocator *a = &g->context->allocator;
    char name[160];
    TN__TRY(tn_graph_check(g));
    for (size_t i = 0; i < g->variables.count; i++)
        if (g->variables.data[i].assigned.id)
            return TN__FAIL(a, UNSUPPORTED, "graph '%s' assigns variable %s; only values that are read can become constants", g->name,
                            tn__value_text(g, g->variables.data[i].read, name, sizeof name));
    tn_graph *c;
    TN__TRY(tn__graph_create(g->context, g->hooks, g->name, &c));
    tn__arena arena;
    tn__arena_init(&arena, a);
    tn_value *map = TN__ARENA_ARRAY(&arena, tn_value, g->values.count);
    tn_tensor **values = TN__ARENA_ARRAY(&arena, tn_tensor *, g->variables.count + 1);
    tn_error *e = map && values ? read_all(g, &arena, values) : tn__error_oom();
    for (size_t i = 0; !e && i < g->symbols.count; i++) tn_graph_symbol(c, g->symbols.data[i]); /* same order, same dims */
    for (size_t i = 0; !e && i < g->inputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        map[g->inputs.data[i].value.id] = tn_graph_input(c, g->inputs.data[i].name, t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; !e && i < g->variables.count; i++) {
        tn_value read = g->variables.data[i].read;
        map[read.id] = tn_graph_constant(c, values[i]);
        tn_graph_set_name(c, map[read.id], g->values.data[read.id].name);
    }
    for (size_t i = 0; !e && i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        tn_value v = tn__graph_copy_node(c, g, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
    }
    for (size_t i = 0; !e && i < g->outputs.count; i++) tn_graph_output(c, g->outputs.data[i].name, map[g->outputs.data[i].value.id]);
    if (!e) e = tn_graph_check(c);
    for (size_t i = 0; values && i < g->variables.count; i++) tn_tensor_release(values[i]);
    tn__arena_deinit(&arena);
    if (e) tn_graph_release(c);
    else *out_graph = c;
    return e;
}
