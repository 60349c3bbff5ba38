#include "graph_layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "graph_out.h"
#include "inputs.h"

#define NO_LAUNCH UINT32_MAX

/* Boxes before those of the nodes. */
static uint32_t n_fed(const drawing *d) { return (uint32_t)(d->g->inputs.count + d->g->variables.count); }
static uint32_t n_nodes(const drawing *d) { return (uint32_t)d->g->nodes.count; }

item *drawing_maker(const drawing *d, tn_value v) {
    const tn__value_data *data = &d->g->values.data[v.id];
    if (!v.id || tn__constant_of(d->g, v)) return NULL;
    if (data->node != TN__NO_NODE) return &d->items[n_fed(d) + data->node];
    bool input = data->out_index < d->g->inputs.count && d->g->inputs.data[data->out_index].value.id == v.id;
    return &d->items[input ? data->out_index : d->g->inputs.count + data->out_index];
}

void drawing_each_read(drawing *d, uint32_t index, void (*take)(drawing *d, item *self, tn_value v, void *more), void *more) {
    const tn_graph *g = d->g;
    item *self = &d->items[index];
    if (index < n_fed(d)) return;
    if (index >= n_fed(d) + n_nodes(d)) {
        uint32_t at = index - n_fed(d) - n_nodes(d);
        tn_value v = at < g->outputs.count ? g->outputs.data[at].value : g->variables.data[at - g->outputs.count].assigned;
        if (v.id) take(d, self, v, more);
        return;
    }
    const tn__node *n = &g->nodes.data[index - n_fed(d)];
    for (uint32_t k = 0; k < n->n_in; k++)
        if (tn__in(g, n, k).id) take(d, self, tn__in(g, n, k), more);
}

/* ---- boxes --------------------------------------------------------------------------------------------------- */

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

static double text_width(const char *text) { return (double)strlen(text) * CHARACTER + 14; }

static void set_label(item *x, const char *first, const char *second) {
    set_line(x->first, first);
    set_line(x->second, second);
    double least = text_width("123456"), a = text_width(x->first), b = text_width(x->second);
    x->width = a > b ? a : b;
    if (x->width < least) x->width = least;
}

static void set_variable(const drawing *d, item *x, const tn__graph_variable *v) {
    char type[LABEL_MOST + 1];
    const char *name = d->g->values.data[v->read.id].name;
    set_label(x, name && *name ? name : "variable", cli_type_text(d->g, v->read, type, sizeof type));
}

static void make_items(drawing *d) {
    const tn_graph *g = d->g;
    uint32_t n_in = n_fed(d), n = n_nodes(d);
    char type[LABEL_MOST + 1];
    d->n_items = n_in + n + (uint32_t)(g->outputs.count + g->variables.count);
    d->items = cli_alloc(((size_t)d->n_items + 1) * sizeof *d->items);
    for (uint32_t i = 0; i < d->n_items; i++) {
        item *x = &d->items[i];
        x->drawn = x->round = i < n_in || i >= n_in + n;
        if (i < g->inputs.count) set_label(x, g->inputs.data[i].name, cli_type_text(g, g->inputs.data[i].value, type, sizeof type));
        else if (i < n_in) set_variable(d, x, &g->variables.data[i - g->inputs.count]);
        else if (i < n_in + n) {
            const tn__node *node = &g->nodes.data[i - n_in];
            x->reason = cli_launches_reason(d->launches, i - n_in);
            set_label(x, tn__op_text(node->op, node->attrs), x->reason ? x->reason : node->name);
            x->source = node->source;
            x->drawn = node->op != TN_OP_constant;
        } else if (i - n_in - n < g->outputs.count) {
            const tn__port *p = &g->outputs.data[i - n_in - n];
            set_label(x, p->name, cli_type_text(g, p->value, type, sizeof type));
        } else {
            const tn__graph_variable *v = &g->variables.data[i - n_in - n - g->outputs.count];
            set_variable(d, x, v);
            x->drawn = v->assigned.id != 0;
        }
    }
}

/* ---- units --------------------------------------------------------------------------------------------------- */

typedef struct sharing {
    uint32_t *at;   /* by node: the launch that it is drawn in, and of a node without one the last of what it reads; counted from 1 */
    bool *launched; /* by node */
} sharing;

static void later(drawing *d, item *self, tn_value v, void *more) {
    const sharing *s = more;
    uint32_t from = d->g->values.data[v.id].node, to = (uint32_t)(self - d->items) - n_fed(d);
    if (from != TN__NO_NODE && s->at[from] > s->at[to]) s->at[to] = s->at[from];
}

typedef struct pair {
    uint32_t node, launch;
} pair;

static int by_node(const void *a, const void *b) {
    const pair *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return (x->launch > y->launch) - (x->launch < y->launch);
}

/* The nodes of the graph with the launches that compute them, by node. free() */
static pair *list_pairs(const drawing *d, size_t *out_n) {
    size_t n = 0;
    for (size_t i = 0; d->launches && i < d->launches->count; i++) n += d->launches->items[i].n_nodes;
    pair *pairs = cli_alloc((n + 1) * sizeof *pairs);
    *out_n = 0;
    for (size_t i = 0; d->launches && i < d->launches->count; i++) {
        const cli_launch *l = &d->launches->items[i];
        for (uint32_t k = 0; l->computes && k < l->n_nodes; k++)
            if (!l->nodes[k].graph) pairs[(*out_n)++] = (pair){l->nodes[k].node, (uint32_t)i};
    }
    if (*out_n) qsort(pairs, *out_n, sizeof *pairs, by_node);
    return pairs;
}

/* Launches are in the order in which they run. A node that several of them compute is drawn in the first that is not before one that makes
 * what the node reads, so no arrow leads from a launch to an earlier one; one that none computes stands alone, unless that would be between
 * nodes of the same launch. Then contracting the launches leaves no cycle. */
static void share(drawing *d, sharing *s) {
    size_t n_pairs, at = 0;
    uint32_t n_in = n_fed(d), n = n_nodes(d);
    pair *pairs = list_pairs(d, &n_pairs);
    for (uint32_t i = 0; i < n; i++) {
        drawing_each_read(d, n_in + i, later, s);
        for (; at < n_pairs && pairs[at].node == i; at++) {
            if (s->launched[i] || pairs[at].launch + 1 < s->at[i]) continue;
            s->at[i] = pairs[at].launch + 1;
            s->launched[i] = true;
        }
    }
    free(pairs);
    uint32_t *needed = cli_alloc(((size_t)n + 1) * sizeof *needed); /* by node: the first launch that reads it or what follows from it */
    for (uint32_t i = 0; i < n; i++) needed[i] = UINT32_MAX;
    for (uint32_t i = n; i-- > 0;) {
        const tn__node *x = &d->g->nodes.data[i];
        if (!s->launched[i] && s->at[i] && needed[i] <= s->at[i]) s->launched[i] = true;
        uint32_t own = s->launched[i] ? s->at[i] : needed[i];
        for (uint32_t k = 0; k < x->n_in; k++) {
            uint32_t from = d->g->values.data[tn__in(d->g, x, k).id].node;
            if (from != TN__NO_NODE && own < needed[from]) needed[from] = own;
        }
    }
    free(needed);
}

static void make_units(drawing *d) {
    uint32_t n_in = n_fed(d), n = n_nodes(d), n_launches = d->launches ? (uint32_t)d->launches->count : 0;
    sharing s = {cli_alloc(((size_t)n + 1) * sizeof *s.at), cli_alloc((size_t)n + 1)};
    uint32_t *of_launch = cli_alloc(((size_t)n_launches + 2) * sizeof *of_launch); /* unit + 1 */
    share(d, &s);
    d->units = cli_alloc(((size_t)d->n_items + 1) * sizeof *d->units);
    for (uint32_t i = 0; i < d->n_items; i++) {
        item *x = &d->items[i];
        uint32_t launch = i >= n_in && i < n_in + n && x->drawn && s.launched[i - n_in] ? s.at[i - n_in] : 0;
        if (launch && of_launch[launch]) x->unit = of_launch[launch] - 1;
        else {
            x->unit = d->n_units++;
            d->units[x->unit] = (unit){.launch = launch ? launch - 1 : NO_LAUNCH};
            if (launch) of_launch[launch] = x->unit + 1;
        }
    }
    free(of_launch);
    free(s.at);
    free(s.launched);
}

static int by_unit(const void *a, const void *b) {
    const item *x = *(item *const *)a, *y = *(item *const *)b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void below_in_unit(drawing *d, item *self, tn_value v, void *more) {
    (void)more;
    const item *from = drawing_maker(d, v);
    if (from && from->unit == self->unit && from->row >= self->row) self->row = from->row + 1;
}

static void below(drawing *d, item *self, tn_value v, void *more) {
    bool *changed = more;
    const item *from = drawing_maker(d, v);
    if (!from || from->unit == self->unit || d->units[from->unit].layer < d->units[self->unit].layer) return;
    d->units[self->unit].layer = d->units[from->unit].layer + 1;
    *changed = true;
}

/* Rows of the units' boxes, layers of the units. Units are nearly in the order of their arrows, so few rounds are needed. */
static void make_layers(drawing *d) {
    for (uint32_t i = 0; i < d->n_items; i++) drawing_each_read(d, i, below_in_unit, NULL);
    bool changed = true;
    for (uint32_t round = 0; changed && round <= d->n_units; round++) {
        changed = false;
        for (uint32_t i = 0; i < d->n_items; i++) drawing_each_read(d, i, below, &changed);
    }
    uint32_t n = 0;
    d->sorted = cli_alloc(((size_t)d->n_items + 1) * sizeof *d->sorted);
    for (uint32_t i = 0; i < d->n_items; i++)
        if (d->items[i].drawn) d->sorted[n++] = &d->items[i];
    if (n) qsort(d->sorted, n, sizeof *d->sorted, by_unit);
    for (uint32_t i = n; i-- > 0;) {
        unit *u = &d->units[d->sorted[i]->unit];
        u->items = &d->sorted[i];
        u->n_items++;
        if (u->n_rows <= d->sorted[i]->row) u->n_rows = d->sorted[i]->row + 1;
        if (d->n_layers <= u->layer) d->n_layers = u->layer + 1;
    }
}

const char *drawing_title(const drawing *d, uint32_t launch, char *buffer, size_t bytes) {
    const cli_launch *l = &d->launches->items[launch];
    char name[40];
    cli_launch_name(d->launches, l, name, sizeof name);
    if (d->launches->timed && d->launches->sum_ns)
        snprintf(buffer, bytes, "%s: %.2f us, %.1f %%", name, (double)l->ns * 1e-3, 100 * (double)l->ns / (double)d->launches->sum_ns);
    else if (d->launches->report) snprintf(buffer, bytes, "%s: %" PRIu32 " nodes", name, l->n_nodes);
    else snprintf(buffer, bytes, "%s", name);
    return buffer;
}

/* Sizes, and where the boxes of a unit lie to its middle and its top. */
static void size_unit(drawing *d, unit *u) {
    bool cluster = u->launch != NO_LAUNCH;
    char title[80];
    if (cluster) u->width = text_width(drawing_title(d, u->launch, title, sizeof title)) + 2 * FOLD_WIDTH;
    for (uint32_t i = 0, end; i < u->n_items; i = end) {
        double width = -BOX_GAP;
        for (end = i; end < u->n_items && u->items[end]->row == u->items[i]->row; end++) width += u->items[end]->width + BOX_GAP;
        double x = -width / 2;
        for (uint32_t k = i; k < end; k++) {
            u->items[k]->x = x + u->items[k]->width / 2;
            u->items[k]->y = u->items[k]->row * (BOX_HEIGHT + LAYER_GAP) + (cluster ? CLUSTER_TITLE : 0);
            x += u->items[k]->width + BOX_GAP;
        }
        if (cluster) width += 2 * CLUSTER_MARGIN;
        if (width > u->width) u->width = width;
    }
    u->height = u->n_rows * (BOX_HEIGHT + LAYER_GAP) - LAYER_GAP + (cluster ? CLUSTER_TITLE + CLUSTER_MARGIN : 0);
}

/* ---- places -------------------------------------------------------------------------------------------------- */

static int by_layer(const void *a, const void *b) {
    const unit *x = *(unit *const *)a, *y = *(unit *const *)b;
    if (x->layer != y->layer) return x->layer < y->layer ? -1 : 1;
    if (x->wish != y->wish) return x->wish < y->wish ? -1 : 1;
    return x < y ? -1 : x > y;
}

typedef struct mean {
    double sum;
    int n;
} mean;

static void add_middle(drawing *d, item *self, tn_value v, void *more) {
    mean *m = more;
    const item *from = drawing_maker(d, v);
    if (from && from->unit != self->unit) m->sum += from->x, m->n++;
}

/* Puts the units of one layer side by side, around the mean of their wishes. */
static void place(drawing *d, unit **layer, size_t n) {
    double width = -BOX_GAP, wish = 0;
    for (size_t i = 0; i < n; i++) {
        mean m = {0, 0};
        for (uint32_t k = 0; k < layer[i]->n_items; k++) drawing_each_read(d, (uint32_t)(layer[i]->items[k] - d->items), add_middle, &m);
        layer[i]->wish = m.n ? m.sum / m.n : 0;
        wish += layer[i]->wish / (double)n;
        width += layer[i]->width + BOX_GAP;
    }
    qsort(layer, n, sizeof *layer, by_layer);
    double x = wish - width / 2, height = 0;
    if (x < d->left) d->left = x;
    for (size_t i = 0; i < n; i++) {
        unit *u = layer[i];
        u->x = x + u->width / 2;
        u->y = d->height;
        x += u->width + BOX_GAP;
        if (u->height > height) height = u->height;
        for (uint32_t k = 0; k < u->n_items; k++) u->items[k]->x += u->x, u->items[k]->y += u->y;
    }
    if (x > d->right) d->right = x;
    d->height += height + LAYER_GAP;
}

void drawing_init(drawing *d, const tn_graph *g, const cli_launches *launches) {
    *d = (drawing){.g = g, .launches = launches};
    make_items(d);
    make_units(d);
    make_layers(d);
    size_t n = 0;
    unit **order = cli_alloc(((size_t)d->n_units + 1) * sizeof *order);
    for (uint32_t i = 0; i < d->n_units; i++) {
        if (!d->units[i].n_items) continue;
        size_unit(d, &d->units[i]);
        order[n++] = &d->units[i];
    }
    if (n) qsort(order, n, sizeof *order, by_layer);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && order[end]->layer == order[i]->layer;) end++;
        place(d, &order[i], end - i);
    }
    free(order);
}

void drawing_deinit(drawing *d) {
    free(d->items);
    free(d->units);
    free(d->sorted);
}
