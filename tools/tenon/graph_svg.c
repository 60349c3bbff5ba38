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
    bool page; /* the drawing is in a page that has the launches' boxes, and a script that folds them here */
} pen;

/* What the script of a page looks for: the unit that an element belongs to. */
static void put_unit(const pen *p, uint32_t unit) {
    if (p->page) fprintf(p->to, " data-u=\"%" PRIu32 "\"", unit);
}

static void put_edge(drawing *d, item *self, tn_value v, void *more) {
    const pen *p = more;
    FILE *to = p->to;
    char type[200];
    const item *from = drawing_maker(d, v);
    if (!from) return;
    double x0 = from->x - d->left, y0 = from->y + BOX_HEIGHT, x1 = self->x - d->left, y1 = self->y;
    fprintf(to, "<path d=\"M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f\"", x0, y0, x0, y0 + 30, x1, y1 - 30, x1, y1);
    if (p->page) fprintf(to, " data-e=\"%" PRIu32 " %" PRIu32 "\"", from->unit, self->unit);
    fputs("><title>", to);
    char *escaped = cli_escape(cli_type_text(d->g, v, type, sizeof type));
    cli_put_markup(escaped, to);
    free(escaped);
    fputs("</title></path>\n", to);
}

/* Why it is in no cluster, and where it was written. */
static void put_item_title(const drawing *d, const item *x, FILE *to) {
    const tn__source_set *set = tn__graph_sources(d->g, x->source);
    char *sources = cli_sources_text(set->texts, set->n, set->hidden, 0), *reason = cli_escape(x->reason ? x->reason : "");
    fputs("<title>", to);
    if (x->reason) fputs("stays: ", to), cli_put_markup(reason, to);
    if (set->n) fputs(x->reason ? "; from " : "from ", to), cli_put_markup(sources, to);
    fputs("</title>\n", to);
    free(sources);
    free(reason);
}

static void put_item(const drawing *d, const item *x, const pen *p) {
    FILE *to = p->to;
    double left = x->x - d->left - x->width / 2, top = x->y;
    bool titled = x->source || x->reason, group = titled || p->page;
    if (group) fputs(x->reason ? "<g class=\"stays\"" : "<g", to), put_unit(p, x->unit), fputs(">", to);
    if (titled) put_item_title(d, x, to);
    fprintf(to, "<rect x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%d\" rx=\"%d\"/>\n", left, top, x->width, BOX_HEIGHT, x->round ? 16 : 3);
    fprintf(to, "<text x=\"%.0f\" y=\"%.0f\">", x->x - d->left, top + (*x->second ? 14 : 21));
    cli_put_markup(x->first, to);
    fprintf(to, "</text>\n<text class=\"s\" x=\"%.0f\" y=\"%.0f\">", x->x - d->left, top + 27);
    cli_put_markup(x->second, to);
    fputs(group ? "</text></g>\n" : "</text>\n", to);
}

/* The rounded box around the nodes of a launch. */
static void put_cluster(const drawing *d, const unit *u, const pen *p) {
    enum { TINTS = 4 };
    const cli_launch *l = &d->launches->items[u->launch];
    char text[160];
    fputs("<g class=\"launch\"", p->to);
    put_unit(p, (uint32_t)(u - d->units));
    fprintf(p->to, "><title>%s ", d->launches->report ? cli_launch_name(d->launches, l, text, sizeof text) : l->kind);
    cli_put_markup(l->title, p->to);
    fprintf(p->to, ": %s</title>\n", cli_launch_figures(d->launches, l, text, sizeof text));
    double left = u->x - d->left - u->width / 2;
    if (d->launches->report) fprintf(p->to, "<rect class=\"c%" PRIu32 "\"", l->number % TINTS);
    else fprintf(p->to, "<rect class=\"h%d\"", cli_launch_heat(d->launches, l));
    fprintf(p->to, " x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"10\"/></g>\n", left, u->y, u->width, u->height);
}

/* Above the edges. */
static void put_cluster_title(const drawing *d, const unit *u, const pen *p) {
    char text[80];
    drawing_title(d, u->launch, text, sizeof text);
    fputs("<g", p->to);
    put_unit(p, (uint32_t)(u - d->units));
    fputs(" class=\"t\">", p->to);
    if (p->page) fprintf(p->to, "<a href=\"#l%" PRIu32 "\">", u->launch);
    fprintf(p->to, "<text x=\"%.0f\" y=\"%.0f\">%s</text>", u->x - d->left, u->y + 13, text);
    fputs(p->page ? "</a>" : "", p->to);
    if (p->page)
        fprintf(p->to, "<text hidden class=\"fold\" role=\"button\" tabindex=\"0\" aria-label=\"fold %s\" x=\"%.0f\" y=\"%.0f\">-</text>", text,
                u->x - d->left - u->width / 2 + FOLD_WIDTH, u->y + 14);
    fputs("</g>\n", p->to);
}

static void each_cluster(const drawing *d, void (*put)(const drawing *d, const unit *u, const pen *p), const pen *p) {
    for (uint32_t i = 0; i < d->n_units; i++)
        if (d->units[i].n_items && d->units[i].launch != UINT32_MAX) put(d, &d->units[i], p);
}

/* For the script: "layer,top,height,middle" of each unit. */
static void put_places(const drawing *d, FILE *to) {
    fputs(" data-units=\"", to);
    for (uint32_t i = 0; i < d->n_units; i++)
        fprintf(to, "%s%" PRIu32 ",%.0f,%.0f,%.0f", i ? ";" : "", d->units[i].layer, d->units[i].y, d->units[i].height, d->units[i].x - d->left);
    fputs("\"", to);
}

void cli_graph_write_svg(const tn_graph *g, const cli_launches *launches, bool page, FILE *to) {
    drawing d;
    pen p = {to, page && launches};
    drawing_init(&d, g, launches);
    double width = d.right - d.left + 2 * BOX_GAP, height = d.height + BOX_GAP;
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"%d %d %.0f %.0f\"", width, height, -BOX_GAP, -BOX_GAP,
            width, height);
    if (p.page) put_places(&d, to);
    fputs(">\n<style>text{font:11px sans-serif;text-anchor:middle}.s{font-size:9px;fill:#666}rect{fill:#eef3fa;stroke:#456}"
          "path{fill:none;stroke:#888}", to);
    if (launches)
        fputs("svg .h0{fill:#fff}svg .h1{fill:#fdebd3}svg .h2{fill:#fbd3a4}svg .h3{fill:#f8b36b}svg .h4{fill:#f08c4a}.launch rect{stroke:#a86}"
              ".t text{paint-order:stroke;stroke:#fff;stroke-width:3px}", to);
    if (launches && launches->report)
        fputs("svg .c0{fill:#e6f4e4}svg .c1{fill:#fbf0dc}svg .c2{fill:#f3e8f6}svg .c3{fill:#e0f3f4}.stays rect{fill:#fff;stroke:#b33;stroke-dasharray:5 3}"
              ".stays .s{fill:#b33}", to);
    if (p.page) fputs(".fold{cursor:pointer;font:bold 16px monospace}", to);
    fputs("</style>\n", to);
    each_cluster(&d, put_cluster, &p);
    for (uint32_t i = 0; i < d.n_items; i++)
        if (d.items[i].drawn) drawing_each_read(&d, i, put_edge, &p);
    each_cluster(&d, put_cluster_title, &p);
    for (uint32_t i = 0; i < d.n_items && d.sorted[i]; i++) put_item(&d, d.sorted[i], &p);
    fputs("</svg>\n", to);
    drawing_deinit(&d);
}
