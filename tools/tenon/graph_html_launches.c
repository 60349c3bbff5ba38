/* The launches of a page: a table of the slowest, and for each a box with its kernels, its nodes and its values. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli.h"
#include "html_page.h"

enum { SLOWEST = 10, OPS_IN_A_LINE = 6 };

/* ---- nodes to launches --------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b) {
    const html_place *x = a, *y = b;
    if (x->node.graph != y->node.graph) return x->node.graph < y->node.graph ? -1 : 1;
    if (x->node.node != y->node.node) return x->node.node < y->node.node ? -1 : 1;
    return (x->launch > y->launch) - (x->launch < y->launch);
}

void html_places_init(html_page *p) {
    size_t n = 0;
    for (size_t i = 0; p->launches && i < p->launches->count; i++) n += p->launches->items[i].n_nodes;
    p->places = cli_alloc((n + 1) * sizeof *p->places);
    for (size_t i = 0; p->launches && i < p->launches->count; i++)
        for (uint32_t k = 0; p->launches->items[i].computes && k < p->launches->items[i].n_nodes; k++)
            p->places[p->n_places++] = (html_place){p->launches->items[i].nodes[k], (uint32_t)i};
    if (p->n_places) qsort(p->places, p->n_places, sizeof *p->places, by_place);
}

void html_put_launch_links(const html_page *p, cli_node_ref n) {
    const html_place from = {.node = n};
    size_t low = 0, high = p->n_places;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_place(&p->places[middle], &from) < 0) low = middle + 1;
        else high = middle;
    }
    for (; low < p->n_places && p->places[low].node.graph == n.graph && p->places[low].node.node == n.node; low++)
        fprintf(p->to, " <a href=\"#l%" PRIu32 "\">%" PRIu32 "</a>", p->places[low].launch, p->launches->items[p->places[low].launch].number);
}

/* " (conv, relu)" */
static void put_ops(const html_page *p, const cli_launch *l) {
    for (uint32_t k = 0; k < l->n_nodes && k < OPS_IN_A_LINE; k++) {
        const tn__node *n = &p->graphs.items[l->nodes[k].graph]->nodes.data[l->nodes[k].node];
        fputs(k ? ", " : " (", p->to);
        html_put_text(tn__op_text(n->op, n->attrs), p->to);
    }
    if (l->n_nodes) fputs(l->n_nodes > OPS_IN_A_LINE ? ", ...)" : ")", p->to);
}

/* ---- the slowest --------------------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b) {
    const cli_launch *x = *(cli_launch *const *)a, *y = *(cli_launch *const *)b;
    if (x->ns != y->ns) return x->ns > y->ns ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void put_slowest(const html_page *p) {
    const cli_launches *x = p->launches;
    FILE *to = p->to;
    char text[160];
    cli_launch **order = cli_alloc((x->count + 1) * sizeof *order);
    for (size_t i = 0; i < x->count; i++) order[i] = &x->items[i];
    if (x->count) qsort(order, x->count, sizeof *order, by_time);
    fprintf(to, "<details open id=\"slowest\"><summary>Slowest</summary>\n<p>%" PRIu64 " runs, fastest %.4f ms, fastest of every step summed up %.4f ms.</p>\n",
            x->runs, (double)x->run_ns * 1e-6, (double)x->sum_ns * 1e-6);
    fputs("<p>Time as a share of that of the slowest:", to);
    for (int h = 0; h <= CLI_HEAT_MOST; h++) fprintf(to, " <span class=\"h h%d\">about %d %%</span>", h, 100 * h / CLI_HEAT_MOST);
    fputs("</p>\n", to);
    if (p->graphs.count > 1) fputs("<p>What the session does itself, such as control flow, is in the time of the run only.</p>\n", to);
    fputs("<ol>\n", to);
    for (size_t i = 0; i < x->count && i < SLOWEST; i++) {
        size_t launch = (size_t)(order[i] - x->items);
        fprintf(to, "<li><a href=\"#l%zu\">launch %zu</a> <span class=\"h h%d\">%s</span> %s ", launch, launch, cli_launch_heat(x, order[i]),
                cli_launch_figures(x, order[i], text, sizeof text), order[i]->kind);
        html_put_text(order[i]->title, to);
        put_ops(p, order[i]);
        fputs("</li>\n", to);
    }
    fputs("</ol>\n</details>\n", to);
    free(order);
}

/* ---- boxes --------------------------------------------------------------------------------------------------- */

static void put_kernels(const html_page *p, const cli_launch *l) {
    FILE *to = p->to;
    fputs("<ul class=\"kernels\">\n", to);
    for (uint32_t k = 0; k < l->n_kernels; k++) {
        fputs("<li>kernel <code>", to);
        html_put_text(l->kernels[k].symbol, to);
        fputs("</code>", to);
        if (l->kernels[k].node != TN__NO_NODE) {
            fputs(" for ", to);
            html_put_node_link(p, (cli_node_ref){0, l->kernels[k].node});
        }
        if (l->kernels[k].flops > 0) fprintf(to, ", %.4g FLOP", l->kernels[k].flops);
        fputs("</li>\n", to);
    }
    if (l->stages > l->n_kernels) fprintf(to, "<li>and %" PRIu32 " more stages</li>\n", l->stages - l->n_kernels);
    fputs("</ul>\n", to);
}

static void put_nodes(const html_page *p, const cli_launch *l) {
    FILE *to = p->to;
    fputs(l->computes ? "<p>Computes</p>\n<ul class=\"nodes\">\n" : "<p>For</p>\n<ul class=\"nodes\">\n", to);
    for (uint32_t k = 0; k < l->n_nodes; k++) {
        fputs("<li>", to);
        html_put_node_link(p, l->nodes[k]);
        fputs("</li>\n", to);
    }
    if (l->n_hidden) fprintf(to, "<li>and at least %" PRIu32 " more</li>\n", l->n_hidden);
    fputs("</ul>\n", to);
}

static void put_values(const html_page *p, const cli_launch *l) {
    FILE *to = p->to;
    fputs("<table class=\"values\">\n<thead><tr><th></th><th>value</th><th>type</th><th>layout</th><th>memory</th><th>bytes</th></tr></thead>\n<tbody>\n", to);
    for (uint32_t k = 0; k < l->n_values; k++) {
        const cli_launch_value *v = &l->values[k];
        fprintf(to, "<tr><td>%s</td><td>", v->read && v->written ? "in, out" : v->written ? "out" : "in");
        if (v->value) {
            html_put_value_link(p, 0, (tn_value){v->value});
            fputs("</td><td><code>", to);
            html_put_type(p->graphs.items[0], (tn_value){v->value}, to);
            fprintf(to, "</code></td><td>%s", v->layout);
        } else fputs("<i>of the launch's own making</i></td><td></td><td>", to);
        fprintf(to, "</td><td>%s</td><td>%zu</td></tr>\n", v->kind, v->bytes);
    }
    fputs("</tbody>\n</table>\n", to);
}

static void put_launch(const html_page *p, uint32_t index) {
    bool cluster = p->launches->report;
    const cli_launch *l = &p->launches->items[index];
    FILE *to = p->to;
    char text[160];
    fprintf(to, "<details class=\"launch find\" id=\"l%" PRIu32 "\"><summary>%s%s%s", index, cli_launch_name(p->launches, l, text, sizeof text),
            cluster ? "" : ": ", l->kind);
    if (!cluster) fputs(" ", to);
    html_put_text(l->title, to);
    if (l->stages > 1) fprintf(to, " and %" PRIu32 " more stages", l->stages - 1);
    put_ops(p, l);
    fprintf(to, "%s <span class=\"h h%d\">%s</span></summary>\n", cluster ? ":" : "", cli_launch_heat(p->launches, l),
            cli_launch_figures(p->launches, l, text, sizeof text));
    if (l->n_kernels || l->stages) put_kernels(p, l);
    if (l->n_nodes || l->n_hidden) put_nodes(p, l);
    if (l->n_values) put_values(p, l);
    fputs("</details>\n", to);
}

static void put_report(const html_page *p) {
    fputs("<p id=\"report\">", p->to);
    html_put_text(p->launches->report, p->to);
    fputs("</p>\n", p->to);
}

/* The nodes in no cluster, and why. */
static void put_staying(const html_page *p) {
    const cli_launches *x = p->launches;
    size_t n = 0;
    for (uint32_t i = 0; i < x->n_reasons; i++) n += x->reasons[i] != NULL;
    fprintf(p->to, "<details open id=\"stay\"><summary>Stay with the framework: %zu</summary>\n<ul>\n", n);
    for (uint32_t i = 0; i < x->n_reasons; i++) {
        if (!x->reasons[i]) continue;
        fputs("<li class=\"find\">", p->to);
        html_put_node_link(p, (cli_node_ref){0, i});
        fputs(": ", p->to);
        html_put_text(x->reasons[i], p->to);
        fputs("</li>\n", p->to);
    }
    fputs("</ul>\n</details>\n", p->to);
}

void html_put_launches(const html_page *p) {
    if (!p->launches) return;
    if (p->launches->timed) put_slowest(p);
    if (p->launches->report) put_report(p);
    fprintf(p->to, "<details open id=\"launches\"><summary>%s: %zu</summary>\n", p->launches->report ? "Clusters" : "Launches", p->launches->count);
    for (uint32_t i = 0; i < p->launches->count; i++) put_launch(p, i);
    fputs("</details>\n", p->to);
    if (p->launches->report) put_staying(p);
}
