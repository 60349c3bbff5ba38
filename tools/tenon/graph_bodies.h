/* A graph and the bodies of its control flow, each once; their places number them in what the tool writes. */
#ifndef TENON_TOOL_GRAPH_BODIES_H
#define TENON_TOOL_GRAPH_BODIES_H
#include "ir/graph.h"

typedef struct cli_graphs {
    tn_graph **items; /* [0]: the graph itself; the array is owned, the graphs are borrowed */
    size_t count;
} cli_graphs;
cli_graphs cli_graphs_of(tn_graph *g);
void cli_graphs_free(cli_graphs *x);
size_t cli_graphs_find(const cli_graphs *x, const tn_graph *g);
/* Calls take(self, name of the attribute, place of the body) for each body of node n. */
void cli_bodies_of(const cli_graphs *x, const tn__node *n, void (*take)(void *self, const char *name, size_t body), void *self);

/* A node of one of the graphs. */
typedef struct cli_node_ref {
    uint32_t graph, node;
} cli_node_ref;
/* Until cli_graphs_unnumber the source of each node is its own reference as a text: the lowering and the profile then say of each launch
 * which nodes it computes. What was there is given back. */
typedef struct cli_numbering {
    uint32_t **sources; /* by graph and node; owned */
} cli_numbering;
tn_error *cli_graphs_number(const cli_graphs *x, cli_numbering *out);
void cli_graphs_unnumber(const cli_graphs *x, cli_numbering *n);
/* False: the text is not one of those. */
bool cli_node_ref_read(const cli_graphs *x, const char *text, cli_node_ref *out);
#endif
