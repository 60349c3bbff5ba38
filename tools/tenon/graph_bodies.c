#include "graph_bodies.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void append(cli_graphs *x, tn_graph *g) {
    if ((x->count & (x->count - 1)) == 0) x->items = cli_realloc(x->items, (x->count ? x->count * 2 : 1) * sizeof *x->items);
    x->items[x->count++] = g;
}

size_t cli_graphs_find(const cli_graphs *x, const tn_graph *g) {
    size_t k = 0;
    while (k < x->count && x->items[k] != g) k++;
    return k;
}

/* Bodies may be shared, and deeply: a graph that is known is not taken again, so the list ends. */
cli_graphs cli_graphs_of(tn_graph *g) {
    cli_graphs x = {0};
    append(&x, g);
    for (size_t at = 0; at < x.count; at++)
        for (size_t i = 0; i < x.items[at]->subgraphs.count; i++)
            if (cli_graphs_find(&x, x.items[at]->subgraphs.data[i]) == x.count) append(&x, x.items[at]->subgraphs.data[i]);
    return x;
}

void cli_graphs_free(cli_graphs *x) { free(x->items); }

void cli_bodies_of(const cli_graphs *x, const tn__node *n, void (*take)(void *self, const char *name, size_t body), void *self) {
    const tn__op_info *info = &tn__op_infos[n->op];
    for (uint32_t i = 0; n->attrs && i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        const tn_graph *body = f->kind == TN_ATTR_GRAPH ? *(tn_graph *const *)((const char *)n->attrs + f->offset) : NULL;
        size_t k = body ? cli_graphs_find(x, body) : x->count;
        if (k < x->count) take(self, f->name, k);
    }
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

tn_error *cli_graphs_number(const cli_graphs *x, cli_numbering *out) {
    char text[48];
    out->sources = cli_alloc(x->count * sizeof *out->sources);
    for (size_t k = 0; k < x->count; k++) {
        tn_graph *g = x->items[k];
        out->sources[k] = cli_alloc((g->nodes.count + 1) * sizeof **out->sources);
        for (size_t i = 0; i < g->nodes.count; i++) {
            snprintf(text, sizeof text, "%zu.%zu", k, i);
            out->sources[k][i] = g->nodes.data[i].source;
            g->nodes.data[i].source = tn__graph_source_text(g, text);
            if (!g->nodes.data[i].source) return tn__error_oom();
        }
    }
    return NULL;
}

void cli_graphs_unnumber(const cli_graphs *x, cli_numbering *n) {
    for (size_t k = 0; n->sources && k < x->count; k++) {
        for (size_t i = 0; n->sources[k] && i < x->items[k]->nodes.count; i++) x->items[k]->nodes.data[i].source = n->sources[k][i];
        free(n->sources[k]);
    }
    free(n->sources);
    n->sources = NULL;
}

bool cli_node_ref_read(const cli_graphs *x, const char *text, cli_node_ref *out) {
    char end;
    return sscanf(text, "%" SCNu32 ".%" SCNu32 "%c", &out->graph, &out->node, &end) == 2 && out->graph < x->count &&
           out->node < x->items[out->graph]->nodes.count;
}
