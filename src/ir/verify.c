/* The verifier: what every pass may rely on and must keep. Runs between passes in debug builds and on graphs from outside. */
#include <inttypes.h>
#include <stdio.h>

#include "ir/custom.h"

typedef struct verifier {
    const tn_graph *g;
    const tn_allocator *a;
    tn_graph *scratch; /* g with an arena and symbols of its own: shape rules allocate, g is const */
    tn__type *types;   /* room for the results of one node */
    uint32_t types_capacity;
} verifier;

static tn_error *name_node(const verifier *v, uint32_t i, tn_error *e) {
    const tn__node *n = &v->g->nodes.data[i];
    const char *op = n->op > 0 && n->op < TN_OP_COUNT && tn__op_infos[n->op].name ? tn__op_infos[n->op].name : "?";
    e = n->name ? tn__error_prefix(e, "graph '%s': node %u '%s' (%s)", v->g->name, i, n->name, op)
                : tn__error_prefix(e, "graph '%s': node %u (%s)", v->g->name, i, op);
    return tn__error_from(e, tn__graph_sources(v->g, n->source), n->name);
}

static tn_error *check_type(const verifier *v, const char *what, uint32_t k, const tn__type *t) {
    if (!tn_dtype_bits(t->dtype)) return TN__FAIL(v->a, INVALID_GRAPH, "%s %u has no element type", what, k);
    if (t->rank > TN_MAX_RANK) return TN__FAIL(v->a, INVALID_GRAPH, "%s %u has rank %d", what, k, t->rank);
    if (t->rank > 0 && !t->dims) return TN__FAIL(v->a, INVALID_GRAPH, "%s %u has rank %d and no dimensions", what, k, t->rank);
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dims[i] < TN_DIM_UNKNOWN && !tn_graph_get_symbol_name(v->g, t->dims[i]))
            return TN__FAIL(v->a, INVALID_GRAPH, "%s %u: dimension %d is %" PRId64 ", no symbol of this graph", what, k, i, t->dims[i]);
    return NULL;
}

static tn_error *check_inputs(const verifier *v) {
    const tn_graph *g = v->g;
    for (uint32_t i = 0; i < g->inputs.count; i++) {
        uint32_t id = g->inputs.data[i].value.id;
        if (!id || id >= g->values.count || g->values.data[id].node != TN__NO_NODE || g->values.data[id].out_index != i)
            return TN__FAIL(v->a, INVALID_GRAPH, "graph '%s': input %u and value %%%u do not belong together", g->name, i, id);
        TN__TRY(check_type(v, "input", i, &g->values.data[id].type));
    }
    return NULL;
}

static tn_error *check_outputs(const verifier *v) {
    const tn_graph *g = v->g;
    for (uint32_t i = 0; i < g->outputs.count; i++) {
        uint32_t id = g->outputs.data[i].value.id;
        if (!id || id >= g->values.count) return TN__FAIL(v->a, INVALID_GRAPH, "graph '%s': output %u is no value", g->name, i);
    }
    return NULL;
}

/* Operands and results of node i: in range, earlier, as many as the table wants. */
static tn_error *check_structure(const verifier *v, uint32_t i) {
    const tn_graph *g = v->g;
    const tn__node *n = &g->nodes.data[i];
    if (n->op <= 0 || n->op >= TN_OP_COUNT || !tn__op_infos[n->op].name) return TN__FAIL(v->a, INVALID_GRAPH, "there is no op %d", (int)n->op);
    const tn__op_info *info = &tn__op_infos[n->op];
    if (!n->attrs) return TN__FAIL(v->a, INVALID_GRAPH, "no attributes");
    if (n->op == TN_OP_custom && !tn__custom_of(n->attrs)) return TN__FAIL(v->a, INVALID_GRAPH, "no custom op is named");
    if ((int64_t)n->n_in < info->in_min || (info->in_max >= 0 && (int64_t)n->n_in > info->in_max))
        return TN__FAIL(v->a, INVALID_GRAPH, "%u operands, wanted %d to %d", n->n_in, info->in_min, info->in_max);
    if ((int64_t)n->n_out < info->out_min || (info->out_max >= 0 && (int64_t)n->n_out > info->out_max))
        return TN__FAIL(v->a, INVALID_GRAPH, "%u results, wanted %d to %d", n->n_out, info->out_min, info->out_max);
    if (n->first_in > g->operands.count || n->n_in > g->operands.count - n->first_in)
        return TN__FAIL(v->a, INVALID_GRAPH, "operands [%u, +%u) of %zu", n->first_in, n->n_in, g->operands.count);
    if (n->n_out && (!n->first_out || n->first_out > g->values.count || n->n_out > g->values.count - n->first_out))
        return TN__FAIL(v->a, INVALID_GRAPH, "results [%u, +%u) of %zu", n->first_out, n->n_out, g->values.count);
    for (uint32_t k = 0; k < n->n_in; k++) {
        uint32_t id = g->operands.data[n->first_in + k].id;
        if (!id && (int32_t)k >= info->in_min) continue;
        if (!id || id >= g->values.count) return TN__FAIL(v->a, INVALID_GRAPH, "operand %u is no value", k);
        uint32_t producer = g->values.data[id].node;
        if (producer != TN__NO_NODE && producer >= i)
            return TN__FAIL(v->a, INVALID_GRAPH, "operand %u, %%%u, is made by node %u, not before this one", k, id, producer);
    }
    for (uint32_t k = 0; k < n->n_out; k++) {
        const tn__value_data *out = &g->values.data[n->first_out + k];
        if (out->node != i || out->out_index != k) return TN__FAIL(v->a, INVALID_GRAPH, "result %u does not point back to its node", k);
        TN__TRY(check_type(v, "result", k, &out->type));
    }
    return NULL;
}

/* A stored type may say less or more than the shape rule says now, never something else. Symbols are not compared: two names may
 * stand for one size. */
static tn_error *check_types(const verifier *v, uint32_t i) {
    const tn__node *n = &v->g->nodes.data[i];
    const tn_value *in = n->n_in ? &v->g->operands.data[n->first_in] : NULL;
    TN__TRY(v->g->hooks->infer(v->scratch, n->op, n->attrs, in, n->n_in, n->n_out, v->types));
    for (uint32_t k = 0; k < n->n_out; k++) {
        const tn__type *stored = &v->g->values.data[n->first_out + k].type, *found = &v->types[k];
        char a[200], b[200];
        bool fits = stored->dtype == found->dtype && (stored->rank < 0 || found->rank < 0 || stored->rank == found->rank);
        for (int32_t d = 0; fits && stored->rank >= 0 && d < found->rank; d++)
            fits = stored->dims[d] < 0 || found->dims[d] < 0 || stored->dims[d] == found->dims[d];
        if (!fits)
            return TN__FAIL(v->a, SHAPE_MISMATCH, "result %u is %s, the shape rule gives %s", k, tn__type_text(v->g, stored, a, sizeof a),
                            tn__type_text(v->scratch, found, b, sizeof b));
    }
    return NULL;
}

static tn_error *verify(const tn_graph *g, uint32_t depth);

static tn_error *check_subgraphs(const verifier *v, uint32_t i, uint32_t depth) {
    const tn__node *n = &v->g->nodes.data[i];
    const tn__op_info *info = &tn__op_infos[n->op];
    for (uint32_t k = 0; k < info->n_fields; k++) {
        if (info->fields[k].kind != TN_ATTR_GRAPH) continue;
        const tn_graph *sub = *(tn_graph *const *)((const char *)n->attrs + info->fields[k].offset);
        if (!sub) return TN__FAIL(v->a, INVALID_GRAPH, "attribute '%s' is missing", info->fields[k].name);
        TN__TRY(verify(sub, depth + 1));
    }
    const tn__custom_call *call = n->op == TN_OP_custom ? tn__custom_of(n->attrs) : NULL;
    for (uint32_t k = 0; call && k < call->n_attrs; k++)
        if (call->attrs[k].kind == TN_ATTR_GRAPH) TN__TRY(verify(call->attrs[k].graph, depth + 1));
    return NULL;
}

static tn_error *verify_nodes(verifier *v, uint32_t depth) {
    TN__TRY(check_inputs(v));
    for (uint32_t i = 0; i < v->g->nodes.count; i++) {
        tn_error *e = check_structure(v, i);
        if (!e) e = check_subgraphs(v, i, depth);
        uint32_t n_out = v->g->nodes.data[i].n_out;
        if (!e && n_out > v->types_capacity) {
            v->types_capacity = n_out;
            v->types = TN__ARENA_ARRAY(&v->scratch->arena, tn__type, n_out);
            if (!v->types) return tn__error_oom();
        }
        if (!e) e = check_types(v, i);
        if (e) return name_node(v, i, e);
    }
    return check_outputs(v);
}

static tn_error *verify(const tn_graph *g, uint32_t depth) {
    const tn_allocator *a = &g->context->allocator;
    if (depth > g->context->limits.max_depth)
        return TN__FAIL(a, LIMIT_EXCEEDED, "sub-graphs nested deeper than %u (limit max_depth)", g->context->limits.max_depth);
    if (g->error) return tn__error_copy(g->error);
    if (!g->values.count || g->values.data[0].node != TN__NO_NODE) return TN__FAIL(a, INVALID_GRAPH, "graph '%s': value 0 is taken", g->name);
    tn_graph *scratch;
    TN__TRY(tn__graph_create(g->context, g->hooks, g->name, &scratch));
    tn_graph own = {0};
    memcpy((void *)&own, (const void *)scratch, sizeof own); /* given back below */
    scratch->nodes.data = g->nodes.data, scratch->nodes.count = g->nodes.count;
    scratch->values.data = g->values.data, scratch->values.count = g->values.count;
    scratch->operands.data = g->operands.data, scratch->operands.count = g->operands.count;
    scratch->inputs.data = g->inputs.data, scratch->inputs.count = g->inputs.count;
    tn_error *e = NULL;
    if (g->symbols.count && !TN__RESERVE(a, &scratch->symbols, g->symbols.count)) e = tn__error_oom();
    for (size_t i = 0; !e && i < g->symbols.count; i++) scratch->symbols.data[scratch->symbols.count++] = g->symbols.data[i];
    verifier v = {.g = g, .a = a, .scratch = scratch};
    if (!e) e = verify_nodes(&v, depth);
    memcpy((void *)&scratch->nodes, (const void *)&own.nodes, sizeof own.nodes);
    memcpy((void *)&scratch->values, (const void *)&own.values, sizeof own.values);
    memcpy((void *)&scratch->operands, (const void *)&own.operands, sizeof own.operands);
    memcpy((void *)&scratch->inputs, (const void *)&own.inputs, sizeof own.inputs);
    tn_graph_release(scratch);
    return e;
}

tn_error *tn__graph_verify(const tn_graph *g) { return verify(g, 0); }
