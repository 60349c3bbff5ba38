/* A graph as one HTML page that needs nothing else: every node in a table, bodies of control flow behind it, the nodes by op, the
 * drawing. All is there without script, which only adds the search. Every text of the model goes through put_text or cli_put_markup. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "graph_out.h"
#include "inputs.h"

/* The graph and every body below it, each once: its place is its number in the page's anchors. */
typedef struct page {
    const tn_graph **graphs;
    size_t n_graphs;
    FILE *to;
} page;

/* Any bytes: what is no printable UTF-8 shows as \xNN. */
static void put_text(const char *text, FILE *to) {
    char *escaped = cli_escape(text ? text : "");
    cli_put_markup(escaped, to);
    free(escaped);
}

static void put_type(const tn_graph *g, tn_value v, FILE *to) {
    char type[400];
    put_text(cli_type_text(g, v, type, sizeof type), to);
}

/* Bodies may be shared, and deeply: a graph that is known is not taken again, so the list ends. */
static void collect(page *p, const tn_graph *g) {
    p->graphs = cli_realloc(p->graphs, sizeof *p->graphs);
    p->graphs[p->n_graphs++] = g;
    for (size_t at = 0; at < p->n_graphs; at++) {
        const tn_graph *from = p->graphs[at];
        for (size_t i = 0; i < from->subgraphs.count; i++) {
            size_t k = 0;
            while (k < p->n_graphs && p->graphs[k] != from->subgraphs.data[i]) k++;
            if (k < p->n_graphs) continue;
            p->graphs = cli_realloc(p->graphs, (p->n_graphs + 1) * sizeof *p->graphs);
            p->graphs[p->n_graphs++] = from->subgraphs.data[i];
        }
    }
}

/* ---- values -------------------------------------------------------------------------------------------------- */

/* "%5" as a link to the row that makes it. */
static void put_link(const page *p, size_t graph, tn_value v) {
    const tn__value_data *d = &p->graphs[graph]->values.data[v.id];
    if (!v.id) fputs("<i>none</i>", p->to);
    else if (d->node != TN__NO_NODE) fprintf(p->to, "<a href=\"#g%zun%" PRIu32 "\">%%%" PRIu32 "</a>", graph, d->node, v.id);
    else fprintf(p->to, "<a href=\"#g%zuv%" PRIu32 "\">%%%" PRIu32 "</a>", graph, v.id, v.id);
}

/* A value where it is made. */
static void put_value(const page *p, size_t graph, tn_value v, const char *name) {
    fprintf(p->to, "<div>%%%" PRIu32 " ", v.id);
    if (name && *name) {
        fputs("<b>", p->to);
        put_text(name, p->to);
        fputs("</b> ", p->to);
    }
    fputs("<code>", p->to);
    put_type(p->graphs[graph], v, p->to);
    fputs("</code></div>", p->to);
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static void put_node(const page *p, size_t graph, uint32_t index) {
    const tn_graph *g = p->graphs[graph];
    const tn__node *n = &g->nodes.data[index];
    FILE *to = p->to;
    fprintf(to, "<tr id=\"g%zun%" PRIu32 "\" class=\"node\"><td>%" PRIu32 "</td><td>", graph, index, index);
    put_text(tn__op_text(n->op, n->attrs), to);
    fputs("</td><td>", to);
    put_text(n->name, to);
    fputs("</td><td>", to);
    for (uint32_t k = 0; k < n->n_in; k++) {
        if (k) fputs(" ", to);
        put_link(p, graph, tn__in(g, n, k));
    }
    fputs("</td><td>", to);
    for (uint32_t k = 0; k < n->n_out; k++) put_value(p, graph, tn__out(n, k), g->values.data[tn__out(n, k).id].name);
    const tn__source_set *set = tn__graph_sources(g, n->source);
    char *sources = cli_sources_text(set->texts, set->n, set->hidden, 0); /* escapes each */
    fputs("</td><td>", to);
    cli_put_markup(sources, to);
    fputs("</td></tr>\n", to);
    free(sources);
}

static void put_ports(const page *p, size_t graph) {
    const tn_graph *g = p->graphs[graph];
    FILE *to = p->to;
    fputs("<h3>Inputs</h3>\n<ul>\n", to);
    for (uint32_t i = 0; i < g->inputs.count; i++) {
        fprintf(to, "<li id=\"g%zuv%" PRIu32 "\">", graph, g->inputs.data[i].value.id);
        put_value(p, graph, g->inputs.data[i].value, g->inputs.data[i].name);
        fputs("</li>\n", to);
    }
    for (uint32_t i = 0; i < g->variables.count; i++) {
        fprintf(to, "<li id=\"g%zuv%" PRIu32 "\">variable ", graph, g->variables.data[i].read.id);
        put_value(p, graph, g->variables.data[i].read, g->values.data[g->variables.data[i].read.id].name);
        fputs("</li>\n", to);
    }
    fputs("</ul>\n<h3>Outputs</h3>\n<ul>\n", to);
    for (uint32_t i = 0; i < g->outputs.count; i++) {
        fputs("<li>", to);
        put_link(p, graph, g->outputs.data[i].value);
        fputs(" <b>", to);
        put_text(g->outputs.data[i].name, to);
        fputs("</b> <code>", to);
        put_type(g, g->outputs.data[i].value, to);
        fputs("</code></li>\n", to);
    }
    fputs("</ul>\n", to);
}

/* For each op of the table that occurs, links to its nodes. */
static void put_ops(const page *p, size_t graph) {
    const tn_graph *g = p->graphs[graph];
    FILE *to = p->to;
    fputs("<details><summary>Nodes by op</summary>\n", to);
    bool *done = cli_alloc(g->nodes.count + 1);
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        if (done[i]) continue;
        tn__op op = g->nodes.data[i].op;
        size_t count = 0;
        for (uint32_t k = i; k < g->nodes.count; k++) count += g->nodes.data[k].op == op;
        fputs("<details class=\"op\"><summary>", to);
        put_text(tn__op_infos[op].name, to);
        fprintf(to, " (%zu)</summary>", count);
        for (uint32_t k = i; k < g->nodes.count; k++) {
            if (g->nodes.data[k].op != op) continue;
            done[k] = true;
            fprintf(to, " <a href=\"#g%zun%" PRIu32 "\">%" PRIu32 "</a>", graph, k, k);
        }
        fputs("</details>\n", to);
    }
    free(done);
    fputs("</details>\n", to);
}

static void put_graph(const page *p, size_t graph) {
    const tn_graph *g = p->graphs[graph];
    FILE *to = p->to;
    fputs(graph ? "<details open class=\"graph\"><summary>Body " : "<details open class=\"graph\"><summary>Graph ", to);
    if (graph) fprintf(to, "%zu ", graph);
    put_text(g->name, to);
    fprintf(to, ": %zu nodes</summary>\n", (size_t)g->nodes.count);
    put_ports(p, graph);
    fputs("<table>\n<thead><tr><th>#</th><th>op</th><th>name</th>"
          "<th>inputs</th><th>outputs</th><th>written at</th></tr></thead>\n<tbody>\n", to);
    for (uint32_t i = 0; i < g->nodes.count; i++) put_node(p, graph, i);
    fputs("</tbody>\n</table>\n", to);
    put_ops(p, graph);
    fputs("</details>\n", to);
}

/* ---- page ---------------------------------------------------------------------------------------------------- */

static const char style[] = ":root{color-scheme:light dark;--back:#fff;--text:#222;--line:#ccc;--mark:#eef3fa}"
                            "@media(prefers-color-scheme:dark){:root{--back:#181a1d;--text:#ddd;--line:#444;--mark:#263040}a{color:#8bf}}"
                            "body{background:var(--back);color:var(--text);font:14px sans-serif;margin:1em}"
                            "table{border-collapse:collapse}td,th{border:1px solid var(--line);padding:2px 6px;text-align:left;"
                            "vertical-align:top;overflow-wrap:anywhere}tr:target,li:target{background:var(--mark)}"
                            "summary{cursor:pointer;font-weight:bold;margin:.4em 0}.op{margin-left:1.5em}"
                            ".picture{overflow:auto;background:#fff}";

static const char script[] = "const q=document.getElementById('q'),rows=document.querySelectorAll('tr.node');"
                             "const texts=Array.from(rows,r=>r.textContent.toLowerCase());q.closest('p').hidden=false;"
                             "q.addEventListener('input',()=>{const t=q.value.toLowerCase();"
                             "rows.forEach((r,i)=>{r.hidden=!texts[i].includes(t)})});";

void cli_graph_write_html(const tn_graph *g, FILE *to) {
    page p = {.to = to};
    collect(&p, g);
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>", to);
    put_text(g->name, to);
    fprintf(to, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    put_text(g->name, to);
    fputs("</h1>\n<p hidden><label>Search op, name, type: <input id=\"q\" type=\"search\"></label></p>\n", to);
    fputs("<details><summary>Drawing</summary>\n<div class=\"picture\">\n", to);
    cli_graph_write_svg(g, to);
    fputs("</div>\n</details>\n", to);
    for (size_t i = 0; i < p.n_graphs; i++) put_graph(&p, i);
    fprintf(to, "<script>%s</script>\n</body>\n</html>\n", script);
    free(p.graphs);
}
