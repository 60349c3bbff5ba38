/* One run on the page: what each worker did when, and how much of the arena was live meanwhile. */
#include <stdlib.h>
#include <string.h>

#include "html_plot.h"
#include "html_report.h"

enum { WIDTH = 1000, LEFT = 90, RIGHT = 20, ROW_HEIGHT = 26, ROWS_MOST = 65, BARS_MOST = 4000, MEMORY_HEIGHT = 240 };

typedef struct bar {
    const char *name, *category; /* borrowed */
    int row;
    double at, us;
    double live; /* bytes; < 0: not of a step of the device */
} bar;

typedef struct timeline {
    bar *bars; /* from the left; of those that begin together the longest first */
    size_t n;
    double least_us; /* shorter ones are left out of the drawing: there are too many */
    int n_rows;
} timeline;

static int longest_first(const void *a, const void *b) {
    const bar *x = a, *y = b;
    return (x->us < y->us) - (x->us > y->us);
}

/* Nested steps are drawn over those that they are in. */
static int from_left(const void *a, const void *b) {
    const bar *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return longest_first(a, b);
}

static const char *text_at(const json_t *event, const char *key) {
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

static void collect(const report_model *m, timeline *t) {
    t->bars = cli_alloc((json_array_size(m->events) + 1) * sizeof *t->bars);
    for (size_t i = 0; i < json_array_size(m->events); i++) {
        const json_t *e = json_array_get(m->events, i), *live = json_object_get(json_object_get(e, "args"), "live_bytes");
        bar b = {text_at(e, "name"), text_at(e, "cat"), (int)json_integer_value(json_object_get(e, "tid")), json_number_value(json_object_get(e, "ts")),
                 json_number_value(json_object_get(e, "dur")), -1};
        if (!strcmp(b.category, "phase") || b.row >= ROWS_MOST) continue;
        if (json_is_integer(live) && strcmp(b.category, "host")) b.live = (double)json_integer_value(live);
        if (b.row >= t->n_rows) t->n_rows = b.row + 1;
        t->bars[t->n++] = b;
    }
    if (t->n > BARS_MOST) {
        qsort(t->bars, t->n, sizeof *t->bars, longest_first);
        t->least_us = t->bars[BARS_MOST].us;
    }
    qsort(t->bars, t->n, sizeof *t->bars, from_left);
}

/* The same kernel has the same colour wherever it runs; steps and the workers' parts of them are of one name. */
static unsigned colour_of(const bar *b) {
    unsigned h = 5381;
    for (const char *p = b->name; *p && *p != ' '; p++) h = h * 33 + (unsigned char)*p;
    return h % HTML_COLOURS;
}

static html_axis time_axis(const report_model *m) {
    return (html_axis){.scale = HTML_LINEAR, .unit = HTML_SECONDS, .label = "time since the run began", .low = 0, .high = m->run_us * 1e-6};
}

static void put_bar(const html_plot *p, const bar *b) {
    double left = html_plot_x(p, b->at * 1e-6), right = html_plot_x(p, (b->at + b->us) * 1e-6), y = html_plot_y(p, b->row);
    fprintf(p->to, "<rect class=\"bar c%u\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%d\"><title>", colour_of(b), left, y + 3,
            right - left < 0.4 ? 0.4 : right - left, ROW_HEIGHT - 6);
    html_put(p->to, b->name);
    fputs(": ", p->to);
    html_put_figure(p->to, b->us * 1e-6, HTML_SECONDS);
    fputs(" from ", p->to);
    html_put_figure(p->to, b->at * 1e-6, HTML_SECONDS);
    fputs("</title></rect>\n", p->to);
}

static void put_timeline(const report_model *m, const timeline *t, FILE *to) {
    char names[ROWS_MOST][24];
    const char *rows[ROWS_MOST];
    for (int i = 0; i < t->n_rows; i++) {
        snprintf(names[i], sizeof names[i], i ? "worker %d" : "steps", i - 1);
        rows[i] = names[i];
    }
    html_plot p = {.to = to, .width = WIDTH, .height = 12 + t->n_rows * ROW_HEIGHT + 45, .left = LEFT, .right = RIGHT, .top = 12, .bottom = 45};
    p.x = time_axis(m);
    html_axis_slots(&p.y, rows, (size_t)t->n_rows);
    html_plot_begin(&p, "timeline of one run: steps, and what each worker did of them");
    size_t n_left_out = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->bars[i].us < t->least_us) n_left_out++;
        else put_bar(&p, &t->bars[i]);
    }
    html_plot_end(&p);
    fputs("<figcaption>One run of ", to);
    html_put_figure(to, m->run_us * 1e-6, HTML_SECONDS);
    fputs(", watched by a hook, which costs time of its own: steps in order, and the parts that the workers did of them. A kernel keeps its colour.", to);
    if (n_left_out) fprintf(to, " The shortest %zu bars are left out.", n_left_out);
    fputs("</figcaption>\n</figure>\n", to);
}

static void put_level(const html_plot *p, double bytes, size_t series) {
    double y = html_plot_y(p, bytes);
    fprintf(p->to, "<path class=\"line dash c%zu\" d=\"M%.1f %.1fH%.1f\"/>\n", series, p->left, y, p->width - p->right);
}

static void put_memory(const report_model *m, const timeline *t, FILE *to) {
    char figure[HTML_FIGURE_BYTES];
    double most = 0, planned = (double)m->stats.arena_bytes, bound = (double)m->stats.arena_lower_bound;
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->bars[i].live < 0) continue;
        n++;
        if (t->bars[i].live > most) most = t->bars[i].live;
    }
    if (!n) {
        fputs("<p>No step of the device ran in it, so there is no memory of steps to show.</p>\n", to);
        return;
    }
    html_plot p = {.to = to, .width = WIDTH, .height = MEMORY_HEIGHT, .left = LEFT, .right = RIGHT, .top = 12, .bottom = 45};
    p.x = time_axis(m);
    p.y = (html_axis){.scale = HTML_LINEAR, .unit = HTML_BYTES, .label = "live in the arena"};
    html_axis_fit(&p.y, 0, most > planned ? most : planned);
    p.y.low = 0;
    html_plot_begin(&p, "live bytes of the arena over one run");
    fprintf(to, "<path class=\"area c0\" d=\"M%.2f %.2f", html_plot_x(&p, 0), html_plot_y(&p, 0));
    for (size_t i = 0; i < t->n; i++)
        if (t->bars[i].live >= 0) fprintf(to, "H%.2fV%.2f", html_plot_x(&p, t->bars[i].at * 1e-6), html_plot_y(&p, t->bars[i].live));
    fprintf(to, "H%.2fV%.2fz\"/>\n", html_plot_x(&p, p.x.high), html_plot_y(&p, 0));
    for (size_t i = 0; i < t->n; i++) { /* what the mouse finds */
        const bar *b = &t->bars[i];
        if (b->live < 0 || b->us < t->least_us) continue;
        double left = html_plot_x(&p, b->at * 1e-6), right = html_plot_x(&p, (b->at + b->us) * 1e-6), y = html_plot_y(&p, b->live);
        fprintf(to, "<rect fill=\"transparent\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>", left, y, right - left, html_plot_y(&p, 0) - y);
        html_put(to, b->name);
        fprintf(to, ": %s live</title></rect>\n", html_figure(figure, b->live, HTML_BYTES));
    }
    put_level(&p, planned, 1);
    put_level(&p, bound, 2);
    html_plot_end(&p);
    fprintf(to, "<figcaption>Bytes of the arena between first write and last read, by step of the same run; at most %s. Inputs, outputs and ",
            html_figure(figure, most, HTML_BYTES));
    fprintf(to, "constants (%s) are not in it.</figcaption>\n", html_figure(figure, (double)m->stats.constant_bytes, HTML_BYTES));
    html_legend_begin(to);
    html_put_line(to, 1, true, "planned arena with the threads' scratch", planned, HTML_BYTES);
    html_put_line(to, 2, true, "lower bound, with scratch", bound, HTML_BYTES);
    html_legend_end(to);
    fputs("</figure>\n", to);
}

void report_timeline_write(const report_model *m, FILE *to) {
    timeline t = {0};
    collect(m, &t);
    fputs("<h3>One run over time</h3>\n", to);
    if (!t.n || m->run_us <= 0) fputs("<p>Nothing was to be seen of the run: no step of it calls the hook.</p>\n", to);
    else {
        put_timeline(m, &t, to);
        fputs("<h3>Memory over time</h3>\n", to);
        put_memory(m, &t, to);
    }
    free(t.bars);
}
