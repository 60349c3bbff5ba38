/* Drawing a graph as SVG: layers by longest path, in each layer the order of what it reads, straight down. Constants are left out. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "graph_out.h"
#include "inputs.h"

enum { BOX_HEIGHT = 34, LAYER_HEIGHT = 74, GAP = 18, CHARACTER = 7, LABEL_MOST = 40 };

/* A box: a graph input, a node or a graph output, in that order. */
typedef struct item {
    uint32_t layer;
    double x, width; /* x: its middle */
    double wish;     /* where it would like to be: under the middle of what it reads */
    bool round;
    uint32_t source; /* set of a node */
    char first[LABEL_MOST + 1], second[LABEL_MOST + 1];
} item;

typedef struct drawing {
    const tn_graph *g;
    item *items;
    uint32_t n_items, n_layers;
    item **order; /* by layer */
    double left, right;
} drawing;

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

/* The box that makes v; NULL for constants. */
static item *maker(const drawing *d, tn_value v) {
    const tn__value_data *data = &d->g->values.data[v.id];
    if (!v.id || tn__constant_of(d->g, v)) return NULL;
    return data->node == TN__NO_NODE ? &d->items[data->out_index] : &d->items[d->g->inputs.count + data->node];
}

/* Any bytes; what does not fit is cut between two characters. */
static void set_line(char *line, const char *text) {
    char *escaped = cli_escape(text ? text : "");
    size_t n = strlen(escaped);
    if (n > LABEL_MOST)
        for (n = LABEL_MOST; n && ((unsigned char)escaped[n] & 0xc0) == 0x80;) n--;
    memcpy(line, escaped, n);
    line[n] = 0;
    free(escaped);
}

static void set_label(item *x, const char *first, const char *second) {
    set_line(x->first, first);
    set_line(x->second, second);
    size_t n = strlen(x->first) > strlen(x->second) ? strlen(x->first) : strlen(x->second);
    x->width = (double)(n < 6 ? 6 : n) * CHARACTER + 14;
}

/* Calls `take` for every value that box `index` reads. */
static void each_read(const drawing *d, uint32_t index, void (*take)(const drawing *d, item *self, tn_value v, void *more), void *more) {
    const tn_graph *g = d->g;
    item *self = &d->items[index];
    uint32_t n_in = (uint32_t)g->inputs.count, n_nodes = (uint32_t)g->nodes.count;
    if (index < n_in) return;
    if (index >= n_in + n_nodes) {
        take(d, self, g->outputs.data[index - n_in - n_nodes].value, more);
        return;
    }
    const tn__node *n = &g->nodes.data[index - n_in];
    for (uint32_t k = 0; k < n->n_in; k++)
        if (tn__in(g, n, k).id) take(d, self, tn__in(g, n, k), more);
}

static void below(const drawing *d, item *self, tn_value v, void *more) {
    (void)more;
    const item *from = maker(d, v);
    if (from && from->layer >= self->layer) self->layer = from->layer + 1;
}

typedef struct mean {
    double sum;
    int n;
} mean;

static void add_middle(const drawing *d, item *self, tn_value v, void *more) {
    (void)self;
    mean *m = more;
    const item *from = maker(d, v);
    if (from) m->sum += from->x, m->n++;
}

static bool is_drawn(const drawing *d, uint32_t index) {
    uint32_t n_in = (uint32_t)d->g->inputs.count;
    return index < n_in || index >= n_in + d->g->nodes.count || d->g->nodes.data[index - n_in].op != TN_OP_constant;
}

static void make_items(drawing *d) {
    const tn_graph *g = d->g;
    uint32_t n_in = (uint32_t)g->inputs.count, n_nodes = (uint32_t)g->nodes.count;
    char type[LABEL_MOST + 1];
    d->n_items = n_in + n_nodes + (uint32_t)g->outputs.count;
    d->items = cli_alloc(((size_t)d->n_items + 1) * sizeof *d->items);
    for (uint32_t i = 0; i < d->n_items; i++) {
        item *x = &d->items[i];
        if (i < n_in) set_label(x, g->inputs.data[i].name, cli_type_text(g, g->inputs.data[i].value, type, sizeof type));
        else if (i < n_in + n_nodes) set_label(x, tn__op_infos[g->nodes.data[i - n_in].op].name, g->nodes.data[i - n_in].name);
        else {
            const tn__port *p = &g->outputs.data[i - n_in - n_nodes];
            set_label(x, p->name, cli_type_text(g, p->value, type, sizeof type));
        }
        x->source = i < n_in || i >= n_in + n_nodes ? 0 : g->nodes.data[i - n_in].source;
        x->round = i < n_in || i >= n_in + n_nodes;
        each_read(d, i, below, NULL);
        if (x->layer + 1 > d->n_layers) d->n_layers = x->layer + 1;
    }
}

static int by_layer(const void *a, const void *b) {
    const item *x = *(item *const *)a, *y = *(item *const *)b;
    if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
    if (x->wish != y->wish) return x->wish < y->wish ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Puts the boxes of one layer side by side, around the mean of their wishes. */
static void place(drawing *d, item **layer, size_t n) {
    double width = -GAP, wish = 0;
    for (size_t i = 0; i < n; i++) {
        mean m = {0, 0};
        each_read(d, (uint32_t)(layer[i] - d->items), add_middle, &m);
        layer[i]->wish = m.n ? m.sum / m.n : 0;
        wish += layer[i]->wish / (double)n;
        width += layer[i]->width + GAP;
    }
    qsort(layer, n, sizeof *layer, by_layer);
    double x = wish - width / 2;
    if (x < d->left) d->left = x;
    for (size_t i = 0; i < n; i++) {
        layer[i]->x = x + layer[i]->width / 2;
        x += layer[i]->width + GAP;
    }
    if (x > d->right) d->right = x;
}

static void put_edge(const drawing *d, item *self, tn_value v, void *more) {
    FILE *to = more;
    char type[200];
    const item *from = maker(d, v);
    if (!from) return;
    double x0 = from->x - d->left, y0 = from->layer * LAYER_HEIGHT + BOX_HEIGHT, x1 = self->x - d->left, y1 = self->layer * LAYER_HEIGHT;
    fprintf(to, "<path d=\"M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f\"><title>", x0, y0, x0, y0 + 30, x1, y1 - 30, x1, y1);
    char *escaped = cli_escape(cli_type_text(d->g, v, type, sizeof type));
    cli_put_markup(escaped, to);
    free(escaped);
    fputs("</title></path>\n", to);
}

static void put_item(const drawing *d, const item *x, FILE *to) {
    double left = x->x - d->left - x->width / 2, top = x->layer * LAYER_HEIGHT;
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

void cli_graph_write_svg(const tn_graph *g, FILE *to) {
    drawing d = {.g = g};
    make_items(&d);
    size_t n = 0;
    d.order = cli_alloc(((size_t)d.n_items + 1) * sizeof *d.order);
    for (uint32_t i = 0; i < d.n_items; i++)
        if (is_drawn(&d, i)) d.order[n++] = &d.items[i];
    if (n) qsort(d.order, n, sizeof *d.order, by_layer);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && d.order[end]->layer == d.order[i]->layer;) end++;
        place(&d, &d.order[i], end - i);
    }
    double width = d.right - d.left + 2 * GAP, height = (double)d.n_layers * LAYER_HEIGHT;
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"%d %d %.0f %.0f\">\n<style>", width, height, -GAP, -GAP,
            width, height + GAP);
    fputs("text{font:11px sans-serif;text-anchor:middle}.s{font-size:9px;fill:#666}rect{fill:#eef3fa;stroke:#456}"
          "path{fill:none;stroke:#888}</style>\n", to);
    for (uint32_t i = 0; i < d.n_items; i++)
        if (is_drawn(&d, i)) each_read(&d, i, put_edge, to);
    for (size_t i = 0; i < n; i++) put_item(&d, d.order[i], to);
    fputs("</svg>\n", to);
    free(d.order);
    free(d.items);
}
