#include "graph_partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "cli.h"
#include "tenon/inspect.h"
#include "tenon/partition.h"

/* The graph as the partitioner's callbacks see it: inputs first, then variables, then nodes. */
typedef struct cut {
    tn_context *context;
    const tn_graph *g;
    const char *device;
    tn_query_cache *cache;
    bool *fetched; /* by node of g: an output or a variable takes what it makes */
    tn_edge *edges; /* of the node that was asked for last; as its types */
    tn_value_type *types;
    tn_error *error; /* of a callback */
    uint32_t *effects; /* by node of g that has effects: the one with effects before it, or TN_NO_NODE */
} cut;

static uint32_t n_before(const cut *c) { return (uint32_t)(c->g->inputs.count + c->g->variables.count); }

/* What makes the value, as the partitioner numbers it. */
static uint32_t producer(const cut *c, tn_value v) {
    const tn__value_data *d = &c->g->values.data[v.id];
    if (d->node != TN__NO_NODE) return n_before(c) + d->node;
    bool input = d->out_index < c->g->inputs.count && c->g->inputs.data[d->out_index].value.id == v.id;
    return input ? d->out_index : (uint32_t)c->g->inputs.count + d->out_index;
}

static tn_value_type type_of(const cut *c, tn_value v) {
    const tn__type *t = tn__type_of(c->g, v);
    return (tn_value_type){t->dtype, t->rank, t->dims};
}

static bool count(void *self, uint32_t *out_n) {
    const cut *c = self;
    *out_n = n_before(c) + (uint32_t)c->g->nodes.count;
    return true;
}

/* Nodes with effects keep their order. */
static bool inputs(void *self, uint32_t node, const tn_edge **out_edges, uint32_t *out_n) {
    cut *c = self;
    *out_n = 0;
    *out_edges = c->edges;
    if (node < n_before(c)) return true;
    uint32_t i = node - n_before(c);
    const tn__node *n = &c->g->nodes.data[i];
    c->edges = cli_realloc(c->edges, ((size_t)n->n_in + 1) * sizeof *c->edges);
    for (uint32_t k = 0; k < n->n_in; k++) {
        tn_value v = tn__in(c->g, n, k);
        if (!v.id) continue;
        const tn__value_data *d = &c->g->values.data[v.id];
        bool is_static = k < 32 && tn__op_infos[n->op].values >> k & 1;
        c->edges[(*out_n)++] = (tn_edge){producer(c, v), d->node == TN__NO_NODE ? 0 : d->out_index, is_static ? TN_EDGE_STATIC : TN_EDGE_DATA};
    }
    if (c->effects[i] != TN_NO_NODE) c->edges[(*out_n)++] = (tn_edge){n_before(c) + c->effects[i], 0, TN_EDGE_CONTROL};
    *out_edges = c->edges;
    return true;
}

static bool op(void *self, uint32_t node, const char **out_name) {
    const cut *c = self;
    const tn__node *n = node < n_before(c) ? NULL : &c->g->nodes.data[node - n_before(c)];
    *out_name = n ? tn__op_text(n->op, n->attrs) : node < c->g->inputs.count ? "input" : "variable";
    return true;
}

static bool attributes(void *self, uint32_t node, tn_partition_node *out) {
    cut *c = self;
    if (node < n_before(c)) {
        uint32_t n_in = (uint32_t)c->g->inputs.count;
        c->types[0] = type_of(c, node < n_in ? c->g->inputs.data[node].value : c->g->variables.data[node - n_in].read);
        out->outputs = c->types, out->n_outputs = 1;
        return true;
    }
    const tn__node *n = &c->g->nodes.data[node - n_before(c)];
    c->types = cli_realloc(c->types, ((size_t)n->n_out + 1) * sizeof *c->types);
    for (uint32_t k = 0; k < n->n_out; k++) c->types[k] = type_of(c, tn__out(n, k));
    out->outputs = c->types, out->n_outputs = n->n_out;
    out->fetched = c->fetched[node - n_before(c)];
    const tn__source_set *set = tn__graph_sources(c->g, n->source);
    out->source = set->n ? set->texts[0] : NULL;
    return true;
}

static bool constant(void *self, uint32_t node, bool *out) {
    const cut *c = self;
    *out = node >= n_before(c) && c->g->nodes.data[node - n_before(c)].op == TN_OP_constant;
    return true;
}

/* The library's own marking knows a node by its edges alone; this one also has its absent operands. */
static bool mark(void *self, uint32_t node, char *why, size_t why_bytes) {
    cut *c = self;
    if (node < n_before(c)) return snprintf(why, why_bytes, "fed from outside"), false;
    const tn__node *n = &c->g->nodes.data[node - n_before(c)];
    if (n->op == TN_OP_constant) return true;
    tn_node_info info = {.struct_size = sizeof info};
    tn_query_answer answer = {.struct_size = sizeof answer};
    tn_value_type *types = cli_alloc(((size_t)n->n_in + 1) * sizeof *types);
    tn_tensor **values = cli_alloc(((size_t)n->n_in + 1) * sizeof *values);
    tn_error *e = tn_graph_get_node(c->g, node - n_before(c), &info);
    tn_attr *attrs = cli_alloc(((size_t)info.n_attrs + 1) * sizeof *attrs);
    for (uint32_t k = 0; k < n->n_in; k++) {
        tn_value v = tn__in(c->g, n, k);
        if (!v.id) continue;
        types[k] = type_of(c, v);
        values[k] = (tn_tensor *)tn__constant_of(c->g, v);
    }
    for (uint32_t k = 0; !e && k < info.n_attrs; k++) e = tn_graph_get_attr(c->g, node - n_before(c), k, &attrs[k]);
    const tn_query_node question = {sizeof question, info.op, types, values, n->n_in, attrs, info.n_attrs, n->n_out};
    if (!e && !c->error) e = tn_query(c->context, c->device, &question, c->cache, &answer);
    free(types), free(values), free(attrs);
    if (e && !c->error) c->error = e;
    else if (e) tn_error_destroy(e);
    snprintf(why, why_bytes, "%s", answer.why);
    return answer.supported;
}

/* ---- as launches --------------------------------------------------------------------------------------------- */

/* 0 where a size is open. */
static size_t bytes_of(const tn_port *p) {
    int64_t n = p->rank < 0 ? 0 : 1;
    for (int32_t d = 0; d < p->rank; d++) n *= p->dims[d] < 0 ? 0 : p->dims[d];
    return tn__dtype_bytes(p->dtype, n);
}

static void add_port(const cut *c, cli_launch *l, const tn_port *p, bool written) {
    if (p->control) return;
    uint32_t n_in = (uint32_t)c->g->inputs.count;
    tn_value v = p->node < n_in          ? c->g->inputs.data[p->node].value
                 : p->node < n_before(c) ? c->g->variables.data[p->node - n_in].read
                                         : tn__out(&c->g->nodes.data[p->node - n_before(c)], p->output);
    cli_launch_value x = {.value = v.id, .kind = p->is_static ? "static port" : "port", .bytes = bytes_of(p), .read = !written, .written = written};
    l->values = cli_realloc(l->values, (l->n_values + 1) * sizeof *l->values);
    l->values[l->n_values++] = x;
}

static void take_cluster(const cut *c, const tn_partition *p, uint32_t cluster, cli_launch *l) {
    uint32_t n_nodes, n_in, n_out;
    const uint32_t *nodes = tn_partition_get_nodes(p, cluster, &n_nodes);
    const tn_port *in = tn_partition_get_inputs(p, cluster, &n_in), *out = tn_partition_get_outputs(p, cluster, &n_out);
    *l = (cli_launch){.number = cluster, .computes = true, .gain_ns = tn_partition_get_gain_ns(p, cluster)};
    l->kind = cli_printf("%s", "");
    l->title = cli_printf("%s", "");
    l->nodes = cli_alloc(((size_t)n_nodes + 1) * sizeof *l->nodes);
    for (uint32_t k = 0; k < n_nodes; k++)
        if (c->g->nodes.data[nodes[k] - n_before(c)].op != TN_OP_constant) l->nodes[l->n_nodes++] = (cli_node_ref){0, nodes[k] - n_before(c)};
    for (uint32_t k = 0; k < n_in; k++) add_port(c, l, &in[k], false);
    for (uint32_t k = 0; k < n_out; k++) add_port(c, l, &out[k], true);
    l->figures = cli_printf("%" PRIu32 " nodes, %" PRIu32 " in, %" PRIu32 " out, saves about %.0f ns a call", l->n_nodes, n_in, n_out,
                            l->gain_ns);
}

/* In the order in which they can run, as pictures want them. */
static void take_all(const cut *c, const tn_partition *p, cli_launches *out) {
    uint32_t n_steps;
    const tn_partition_step *steps = tn_partition_get_steps(p, &n_steps);
    *out = (cli_launches){.what = "cluster", .report = cli_printf("%s", tn_partition_get_report(p)), .n_reasons = c->g->nodes.count};
    out->items = cli_alloc(((size_t)tn_partition_get_cluster_count(p) + 1) * sizeof *out->items);
    out->reasons = cli_alloc((c->g->nodes.count + 1) * sizeof *out->reasons);
    for (uint32_t i = 0; i < n_steps; i++)
        if (steps[i].cluster != TN_NO_CLUSTER) take_cluster(c, p, steps[i].cluster, &out->items[out->count++]);
    for (uint32_t i = 0; i < c->g->nodes.count; i++) {
        const char *why = tn_partition_get_reason(p, n_before(c) + i);
        if (why && c->g->nodes.data[i].op != TN_OP_constant) out->reasons[i] = cli_printf("%s", why);
    }
}

static void find_fetched(cut *c) {
    const tn_graph *g = c->g;
    for (size_t i = 0; i < g->outputs.count; i++) {
        uint32_t n = g->values.data[g->outputs.data[i].value.id].node;
        if (n != TN__NO_NODE) c->fetched[n] = true;
    }
    for (size_t i = 0; i < g->variables.count; i++) {
        uint32_t n = g->values.data[g->variables.data[i].assigned.id].node;
        if (g->variables.data[i].assigned.id && n != TN__NO_NODE) c->fetched[n] = true;
    }
    uint32_t last = TN_NO_NODE;
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        bool has = tn__node_has_effects(g->nodes.data[i].op, g->nodes.data[i].attrs);
        c->effects[i] = has ? last : TN_NO_NODE;
        if (has) last = i;
    }
}

tn_error *cli_partition_create(tn_context *context, const tn_graph *g, const char *device, const char *disabled_ops, cli_launches *out_clusters) {
    cut c = {.context = context, .g = g, .device = device, .fetched = cli_alloc(g->nodes.count + 1), .types = cli_alloc(sizeof *c.types),
             .effects = cli_alloc((g->nodes.count + 1) * sizeof *c.effects)};
    const tn_partition_source source = {sizeof source, &c, count, inputs, op, attributes, constant};
    const tn_partition_options options = {.struct_size = sizeof options, .disabled_ops = disabled_ops, .mark = mark, .mark_self = &c};
    tn_partition *p = NULL;
    find_fetched(&c);
    tn_error *e = tn_query_cache_create(context, device, &c.cache);
    if (!e) e = tn_partition_create(context, &source, &options, &p);
    if (!e && c.error) e = c.error;
    else if (c.error) tn_error_destroy(c.error);
    if (!e) take_all(&c, p, out_clusters);
    tn_partition_release(p);
    tn_query_cache_release(c.cache);
    free(c.fetched), free(c.edges), free(c.types), free(c.effects);
    return e;
}

/* ---- as text and JSON ---------------------------------------------------------------------------------------- */

/* "  matmul 'name' of model.py:12" */
static void print_node(const tn_graph *g, uint32_t node) {
    const tn__node *n = &g->nodes.data[node];
    char *name = cli_escape(n->name ? n->name : "");
    const tn__source_set *set = tn__graph_sources(g, n->source);
    printf("  node %" PRIu32 " %s%s%s%s", node, tn__op_text(n->op, n->attrs), *name ? " '" : "", name, *name ? "'" : "");
    if (set->n) {
        char *sources = cli_sources_text(set->texts, set->n, set->hidden, 3);
        printf(" from %s", sources);
        free(sources);
    }
    free(name);
}

void cli_partition_print(const tn_graph *g, const cli_launches *x) {
    char *report = cli_escape(x->report);
    printf("%s\n", report);
    free(report);
    for (size_t i = 0; i < x->count; i++) {
        const cli_launch *l = &x->items[i];
        printf("cluster %" PRIu32 ": %s\n", l->number, l->figures);
        for (uint32_t k = 0; k < l->n_nodes; k++) print_node(g, l->nodes[k].node), putchar('\n');
    }
    bool any = false;
    for (uint32_t i = 0; i < x->n_reasons; i++) {
        if (!x->reasons[i]) continue;
        if (!any) printf("stay with the framework:\n");
        any = true;
        char *why = cli_escape(x->reasons[i]);
        print_node(g, i);
        printf(": %s\n", why);
        free(why);
    }
}

void cli_partition_add_json(const tn_graph *g, const cli_launches *x, json_t *graph) {
    json_t *clusters = json_array(), *stay = json_array();
    for (size_t i = 0; i < x->count; i++) {
        const cli_launch *l = &x->items[i];
        json_t *nodes = json_array(), *in = json_array(), *out = json_array();
        for (uint32_t k = 0; k < l->n_nodes; k++) json_array_append_new(nodes, json_integer(l->nodes[k].node));
        for (uint32_t k = 0; k < l->n_values; k++) json_array_append_new(l->values[k].read ? in : out, json_integer(l->values[k].value));
        json_array_append_new(clusters, json_pack("{sI sf so so so}", "cluster", (json_int_t)l->number, "gain_ns", l->gain_ns, "nodes", nodes,
                                                  "inputs", in, "outputs", out));
    }
    for (uint32_t i = 0; i < x->n_reasons; i++)
        if (x->reasons[i])
            json_array_append_new(stay, json_pack("{sI ss so}", "node", (json_int_t)i, "op", tn__op_text(g->nodes.data[i].op, g->nodes.data[i].attrs),
                                                  "reason", cli_text_json(x->reasons[i])));
    json_object_set_new(graph, "clusters", clusters);
    json_object_set_new(graph, "stay", stay);
}
