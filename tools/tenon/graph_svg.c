/* Drawing a graph as SVG. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "graph_layout.h"
#include "graph_out.h"
#include "inputs.h"

void cli_put_markup(const char *text, FILE *to) {
    for (; *text; text++) {
        if (*text == '&') fputs("&amp;", to);
        else if (*text == '<') fputs("&lt;", to);
        else if (*text == '>') fputs("&gt;", to);
        else if (*text == '"') fputs("&quot;", to);
        else if (*text == '\'') fputs("&#39;", to);
        else fputc((unsigned char)*text < ' ' ? ' ' : *text, to);
    }
}

typedef struct pen {
    FILE *to;
    bool links; /* the drawing is in a page that has the launches' boxes */
} pen;

static void put_edge(drawing *d, item *self, tn_value v, void *more) {
    FILE *to = more;
    char type[200];
    const item *from = drawing_maker(d, v);
    if (!from) return;
    double x0 = from->x - d->left, y0 = from->y + BOX_HEIGHT, x1 = self->x - d->left, y1 = self->y;
    fprintf(to, "<path d=\"M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f\"><title>", x0, y0, x0, y0 + 30, x1, y1 - 30, x1, y1);
    char *escaped = cli_escape(cli_type_text(d->g, v, type, sizeof type));
    cli_put_markup(escaped, to);
    free(escaped);
    fputs("</title></path>\n", to);
}

static void put_item(const drawing *d, const item *x, FILE *to) {
    double left = x->x - d->left - x->width / 2, top = x->y;
    const tn__source_set *set = x->source ? tn__graph_sources(d->g, x->source) : NULL;
    if (set) {
        char *text = cli_sources_text(set->texts, set->n, set->hidden, 0);
        fputs("<g><title>from ", to);
        cli_put_markup(text, to);
        fputs("</title>\n", to);
        free(text);
    }
    fprintf(to, "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%d\" rx=\"%d\"/>\n", left, top, x->width, BOX_HEIGHT, x->round ? 16 : 3);
    fprintf(to, "<text x=\"%.0f\" y=\"%.0f\">", x->x - d->left, top + (*x->second ? 14 : 21));
    cli_put_markup(x->first, to);
    fprintf(to, "</text>\n<text class=\"s\" x=\"%.0f\" y=\"%.0f\">", x->x - d->left, top + 27);
    cli_put_markup(x->second, to);
    fputs(set ? "</text></g>\n" : "</text>\n", to);
}

/* The rounded box around the nodes of a launch. */
static void put_cluster(const drawing *d, const unit *u, const pen *p) {
    const cli_launch *l = &d->launches->items[u->launch];
    char text[160];
    fprintf(p->to, "<g class=\"launch\"><title>%s ", l->kind);
    cli_put_markup(l->title, p->to);
    fprintf(p->to, ": %s</title>\n", cli_launch_figures(d->launches, l, text, sizeof text));
    double left = u->x - d->left - u->width / 2;
    fprintf(p->to, "<rect class=\"h%d\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"10\"/></g>\n", cli_launch_heat(d->launches, l), left,
            u->y, u->width, u->height);
}

/* Above the edges. */
static void put_cluster_title(const drawing *d, const unit *u, const pen *p) {
    char text[80];
    if (p->links) fprintf(p->to, "<a href=\"#l%" PRIu32 "\">", u->launch);
    fprintf(p->to, "<text class=\"t\" x=\"%.0f\" y=\"%.0f\">%s</text>", u->x - d->left, u->y + 13, drawing_title(d, u->launch, text, sizeof text));
    fputs(p->links ? "</a>\n" : "\n", p->to);
}

static void each_cluster(const drawing *d, void (*put)(const drawing *d, const unit *u, const pen *p), const pen *p) {
    for (uint32_t i = 0; i < d->n_units; i++)
        if (d->units[i].n_items && d->units[i].launch != UINT32_MAX) put(d, &d->units[i], p);
}

void cli_graph_write_svg(const tn_graph *g, const cli_launches *launches, bool links, FILE *to) {
    drawing d;
    const pen p = {to, links};
    drawing_init(&d, g, launches);
    double width = d.right - d.left + 2 * BOX_GAP;
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"%d %d %.0f %.0f\">\n<style>", width, d.height, -BOX_GAP,
            -BOX_GAP, width, d.height + BOX_GAP);
    fputs("text{font:11px sans-serif;text-anchor:middle}.s{font-size:9px;fill:#666}rect{fill:#eef3fa;stroke:#456}"
          "path{fill:none;stroke:#888}", to);
    if (launches)
        fputs("svg .h0{fill:#fff}svg .h1{fill:#fdebd3}svg .h2{fill:#fbd3a4}svg .h3{fill:#f8b36b}svg .h4{fill:#f08c4a}.launch rect{stroke:#a86}"
              ".t{paint-order:stroke;stroke:#fff;stroke-width:3px}", to);
    fputs("</style>\n", to);
    each_cluster(&d, put_cluster, &p);
    for (uint32_t i = 0; i < d.n_items; i++)
        if (d.items[i].drawn) drawing_each_read(&d, i, put_edge, to);
    each_cluster(&d, put_cluster_title, &p);
    for (uint32_t i = 0; i < d.n_items && d.sorted[i]; i++) put_item(&d, d.sorted[i], to);
    fputs("</svg>\n", to);
    drawing_deinit(&d);
}
