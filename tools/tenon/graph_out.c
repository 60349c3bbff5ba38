/* Writing graphs for people (dot) and programs (JSON). Sub-graphs of control flow appear as attributes only. */
#include "graph_out.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "inputs.h"

/* ---- dot ----------------------------------------------------------------------------------------------------- */

static void put_escaped(FILE *to, const char *text) {
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') fputc('\\', to);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, to);
    }
}

/* Any bytes. */
static void put_name(FILE *to, const char *text) {
    char *escaped = cli_escape(text ? text : "");
    put_escaped(to, escaped);
    free(escaped);
}

/* As the tooltip. */
static void put_sources(const tn__source_set *set, FILE *to) {
    if (!set->n) return;
    char *text = cli_sources_text(set->texts, set->n, set->hidden, 0);
    fputs(", tooltip=\"", to);
    put_escaped(to, text);
    fputs("\"", to);
    free(text);
}

/* "0.5" for a constant of one element, else its type. */
static void put_constant(const tn_graph *g, tn_value v, FILE *to) {
    char text[200];
    const tn_tensor *t = tn__constant_of(g, v);
    if (t && t->elements == 1) put_name(to, cli_element_text(t, 0, text, sizeof text));
    else put_name(to, cli_type_text(g, v, text, sizeof text));
}

/* The dot name of what makes `v`. */
static void put_source(const tn_graph *g, tn_value v, FILE *to) {
    const tn__value_data *d = &g->values.data[v.id];
    bool input = d->node == TN__NO_NODE && d->out_index < g->inputs.count && g->inputs.data[d->out_index].value.id == v.id;
    if (d->node == TN__NO_NODE) fprintf(to, "%s%" PRIu32, input ? "in" : "var", d->out_index);
    else fprintf(to, "n%" PRIu32, d->node);
}

static void put_edge(const tn_graph *g, tn_value v, const char *target, FILE *to) {
    char type[200];
    fputs("  ", to);
    put_source(g, v, to);
    fprintf(to, " -> %s [label=\"", target);
    if (!tn__constant_of(g, v)) put_name(to, cli_type_text(g, v, type, sizeof type));
    fputs("\"];\n", to);
}

/* Graphviz draws a subgraph whose name begins so as a box. */
static void put_clusters(const cli_launches *x, FILE *to) {
    char name[40];
    for (size_t i = 0; i < x->count; i++) {
        const cli_launch *l = &x->items[i];
        fprintf(to, "  subgraph cluster_%" PRIu32 " {\n    label=\"%s\"; tooltip=\"%s\"; style=rounded; fontname=\"sans-serif\"; fontsize=10;\n   ", l->number,
                cli_launch_name(x, l, name, sizeof name), l->figures);
        for (uint32_t k = 0; k < l->n_nodes; k++) fprintf(to, " n%" PRIu32 ";", l->nodes[k].node);
        fputs("\n  }\n", to);
    }
}

void cli_graph_write_dot(const tn_graph *g, const cli_launches *launches, FILE *to) {
    char type[200], target[32];
    fputs("digraph \"", to);
    put_name(to, g->name);
    fputs("\" {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n  edge [fontname=\"sans-serif\", fontsize=8];\n", to);
    for (uint32_t i = 0; i < g->inputs.count; i++) {
        fprintf(to, "  in%" PRIu32 " [shape=oval, label=\"", i);
        put_name(to, g->inputs.data[i].name);
        fputs("\\n", to);
        put_name(to, cli_type_text(g, g->inputs.data[i].value, type, sizeof type));
        fputs("\"];\n", to);
    }
    for (uint32_t i = 0; i < g->variables.count; i++) {
        const tn__graph_variable *v = &g->variables.data[i];
        fprintf(to, "  var%" PRIu32 " [shape=oval, label=\"variable ", i);
        put_name(to, g->values.data[v->read.id].name);
        fputs("\"];\n", to);
        if (!v->assigned.id) continue;
        fprintf(to, "  set%" PRIu32 " [shape=oval, label=\"assign ", i);
        put_name(to, g->values.data[v->read.id].name);
        fputs("\"];\n", to);
        snprintf(target, sizeof target, "set%" PRIu32, i);
        put_edge(g, v->assigned, target, to);
    }
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        bool constant = n->n_out == 1 && tn__constant_of(g, tn__out(n, 0));
        fprintf(to, "  n%" PRIu32 " [label=\"", i);
        if (constant) put_constant(g, tn__out(n, 0), to);
        else put_escaped(to, tn__op_text(n->op, n->attrs));
        const char *reason = cli_launches_reason(launches, i);
        if (n->name && *n->name && !constant) {
            fputs("\\n", to);
            put_name(to, n->name);
        }
        if (reason) fputs("\\n", to), put_name(to, reason);
        fputs(constant ? "\", style=dotted" : reason ? "\", style=dashed, color=\"#bb3333\"" : "\"", to);
        put_sources(tn__graph_sources(g, n->source), to);
        fputs("];\n", to);
        snprintf(target, sizeof target, "n%" PRIu32, i);
        for (uint32_t k = 0; k < n->n_in; k++)
            if (tn__in(g, n, k).id) put_edge(g, tn__in(g, n, k), target, to);
    }
    for (uint32_t i = 0; i < g->outputs.count; i++) {
        fprintf(to, "  out%" PRIu32 " [shape=oval, label=\"", i);
        put_name(to, g->outputs.data[i].name);
        fputs("\"];\n", to);
        snprintf(target, sizeof target, "out%" PRIu32, i);
        put_edge(g, g->outputs.data[i].value, target, to);
    }
    if (launches && launches->report) put_clusters(launches, to);
    fputs("}\n", to);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------- */

static json_t *value_json(const tn_graph *g, const char *name, tn_value v) {
    char type[400];
    json_t *o = json_object();
    json_object_set_new(o, "value", json_integer(v.id));
    json_object_set_new(o, "name", cli_text_json(name));
    json_object_set_new(o, "type", cli_text_json(cli_type_text(g, v, type, sizeof type)));
    return o;
}

static json_t *node_json(const tn_graph *g, uint32_t index) {
    const tn__node *n = &g->nodes.data[index];
    json_t *in = json_array(), *out = json_array(), *o = json_object();
    for (uint32_t k = 0; k < n->n_in; k++) json_array_append_new(in, json_integer(tn__in(g, n, k).id));
    for (uint32_t k = 0; k < n->n_out; k++)
        json_array_append_new(out, value_json(g, g->values.data[tn__out(n, k).id].name, tn__out(n, k)));
    json_object_set_new(o, "node", json_integer(index));
    json_object_set_new(o, "op", cli_text_json(tn__op_infos[n->op].name));
    json_object_set_new(o, "name", cli_text_json(n->name));
    json_object_set_new(o, "inputs", in);
    json_object_set_new(o, "outputs", out);
    const tn__source_set *sources = tn__graph_sources(g, n->source);
    if (sources->n) json_object_set_new(o, "sources", cli_sources_json(sources->texts, sources->n));
    return o;
}

json_t *cli_graph_to_json(const tn_graph *g) {
    json_t *in = json_array(), *nodes = json_array(), *out = json_array(), *o = json_object();
    for (uint32_t i = 0; i < g->inputs.count; i++)
        json_array_append_new(in, value_json(g, g->inputs.data[i].name, g->inputs.data[i].value));
    for (uint32_t i = 0; i < g->nodes.count; i++) json_array_append_new(nodes, node_json(g, i));
    for (uint32_t i = 0; i < g->outputs.count; i++)
        json_array_append_new(out, value_json(g, g->outputs.data[i].name, g->outputs.data[i].value));
    json_object_set_new(o, "name", cli_text_json(g->name));
    json_object_set_new(o, "inputs", in);
    json_object_set_new(o, "nodes", nodes);
    json_object_set_new(o, "outputs", out);
    return o;
}
