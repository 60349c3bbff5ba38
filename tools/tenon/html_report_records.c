/* Records on the page: for each model a plot of medians with their intervals over time, commits or the values of an option, and a table. */
#include <stdlib.h>
#include <string.h>

#include "html_plot.h"
#include "html_report.h"

enum { LINKS_MOST = 40, PLOT_WIDTH = 1000, PLOT_HEIGHT = 380 };

/* The records of one model. */
typedef struct group {
    const report_record **items;
    size_t n;
    json_t *differing; /* settings that are not the same in all, but for the one of the axis; keys only */
    char **labels;     /* by record: what differs, as text */
    size_t *series;    /* by record */
    const char **series_names; /* borrowed from labels */
    size_t n_series;
    size_t *slot;      /* by record */
    const char **slot_names; /* borrowed from records */
    size_t n_slots;
} group;

static const char *setting_of(const report_record *x, const char *key) {
    const char *text = json_string_value(json_object_get(x->settings, key));
    return text ? text : "";
}

static const char *place_of(const report_record *x, const char *over) { return strcmp(over, "time") ? setting_of(x, over) : x->time; }

/* ---- groups -------------------------------------------------------------------------------------------------- */

static void compare_settings(group *g, const report_record *keys, const report_record *a, const report_record *b, const char *over) {
    const char *key;
    json_t *value;
    json_object_foreach(keys->settings, key, value)
        if (strcmp(key, over) && strcmp(setting_of(a, key), setting_of(b, key))) json_object_set_new(g->differing, key, json_true());
}

static void find_differing(group *g, const char *over) {
    g->differing = json_object();
    for (size_t i = 1; i < g->n; i++) {
        compare_settings(g, g->items[0], g->items[0], g->items[i], over);
        compare_settings(g, g->items[i], g->items[0], g->items[i], over);
    }
}

static char *label_of(const group *g, const report_record *x) {
    char *label = cli_printf("%s", "");
    const char *key;
    json_t *value;
    json_object_foreach(g->differing, key, value) {
        char *longer = cli_printf("%s%s%s=%s", label, *label ? ", " : "", key, setting_of(x, key));
        free(label);
        label = longer;
    }
    return label;
}

/* The number of `text` among the names, which it joins if it is new. */
static size_t number_of(const char **names, size_t *n, const char *text) {
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(names[i], text)) return i;
    names[*n] = text;
    return (*n)++;
}

static int by_number(const void *a, const void *b) {
    double x = 0, y = 0;
    cli_parse_real(*(const char *const *)a, &x), cli_parse_real(*(const char *const *)b, &y);
    return (x > y) - (x < y);
}

/* In the order of the records; where all are numbers, in theirs. */
static void find_slots(group *g, const char *over) {
    double ignored;
    bool numbers = true;
    for (size_t i = 0; i < g->n; i++) number_of(g->slot_names, &g->n_slots, place_of(g->items[i], over));
    for (size_t i = 0; i < g->n_slots; i++) numbers &= cli_parse_real(g->slot_names[i], &ignored);
    if (numbers) qsort(g->slot_names, g->n_slots, sizeof *g->slot_names, by_number);
    for (size_t i = 0; i < g->n; i++) g->slot[i] = number_of(g->slot_names, &g->n_slots, place_of(g->items[i], over));
}

static void group_make(const report_records *r, const char *model, group *g) {
    *g = (group){.items = cli_alloc(r->n * sizeof *g->items)};
    for (size_t i = 0; i < r->n; i++)
        if (!strcmp(r->items[i].model, model)) g->items[g->n++] = &r->items[i];
    g->labels = cli_alloc(g->n * sizeof *g->labels);
    g->series = cli_alloc(g->n * sizeof *g->series);
    g->series_names = cli_alloc(g->n * sizeof *g->series_names);
    g->slot = cli_alloc(g->n * sizeof *g->slot);
    g->slot_names = cli_alloc(g->n * sizeof *g->slot_names);
    find_differing(g, r->over);
    for (size_t i = 0; i < g->n; i++) {
        g->labels[i] = label_of(g, g->items[i]);
        g->series[i] = number_of(g->series_names, &g->n_series, g->labels[i]);
    }
    find_slots(g, r->over);
}

static void group_free(group *g) {
    for (size_t i = 0; i < g->n; i++) free(g->labels[i]);
    json_decref(g->differing);
    free(g->items), free(g->labels), free(g->series), free(g->series_names), free(g->slot), free(g->slot_names);
}

/* ---- the plot ------------------------------------------------------------------------------------------------ */

/* Where a record stands in its slot: beside those of earlier series, and earlier ones of its own. */
static double place_in_plot(const group *g, size_t index) {
    size_t before = 0, all = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (g->slot[i] != g->slot[index]) continue;
        all++;
        before += g->series[i] < g->series[index] || (g->series[i] == g->series[index] && i < index);
    }
    return (double)g->slot[index] + 0.1 + 0.8 * ((double)before + 0.5) / (double)all;
}

static void put_point(const html_plot *p, const group *g, size_t index, double at) {
    const report_record *x = g->items[index];
    double left = html_plot_x(p, at), y = html_plot_y(p, x->median);
    fprintf(p->to, "<a href=\"#r%lld\"><title>record %lld, ", (long long)x->id, (long long)x->id);
    html_put(p->to, x->time);
    fputs(": median ", p->to);
    html_put_figure(p->to, x->median, HTML_SECONDS);
    if (x->has_interval) {
        fputs(", 95 % interval ", p->to);
        html_put_figure(p->to, x->low, HTML_SECONDS);
        fputs(" to ", p->to);
        html_put_figure(p->to, x->high, HTML_SECONDS);
    }
    fputs(x->distorted ? ", distorted " : " ", p->to);
    html_put(p->to, g->labels[index]);
    fprintf(p->to, "</title><path class=\"line%s c%zu\" d=\"M%.1f %.1fV%.1fm-3 0h6M%.1f %.1fh6\"/>", x->distorted ? " dash" : "",
            g->series[index] % HTML_COLOURS, left, html_plot_y(p, x->low), html_plot_y(p, x->high), left - 3, html_plot_y(p, x->low));
    html_put_mark(p->to, left, y, g->series[index], x->distorted);
    fputs("</a>\n", p->to);
}

typedef struct point {
    size_t index;
    double at;
} point;

static int from_left(const void *a, const void *b) {
    const point *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static void put_series(const html_plot *p, const group *g, const point *points, size_t series) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (g->series[points[i].index] != series) continue;
        if (!n++) fprintf(p->to, "<path class=\"line thin c%zu\" d=\"", series % HTML_COLOURS);
        fprintf(p->to, "%c%.1f %.1f", n == 1 ? 'M' : 'L', html_plot_x(p, points[i].at), html_plot_y(p, g->items[points[i].index]->median));
    }
    fputs("\"/>\n", p->to);
}

static void put_legend(const group *g, FILE *to) {
    html_legend_begin(to);
    for (size_t s = 0; s < g->n_series; s++) {
        fputs("<li><svg viewBox=\"-7 -7 14 14\" aria-hidden=\"true\">", to);
        html_put_mark(to, 0, 0, s, false);
        fputs("</svg> ", to);
        html_put(to, *g->series_names[s] ? g->series_names[s] : "all with the same options");
        fputs("</li>\n", to);
    }
    html_legend_end(to);
}

static void put_caption(const report_records *r, const group *g, bool log_scale, FILE *to) {
    const char **machines = cli_alloc(g->n * sizeof *machines);
    size_t n_machines = 0;
    fprintf(to, "<figcaption>Median time of a call with its 95 %% interval%s. Hollow and dashed: distorted, the table says by what. "
            "Records ", log_scale ? ", logarithmic" : "");
    for (size_t i = 0; i < g->n && i < LINKS_MOST; i++)
        fprintf(to, "%s<a href=\"#r%lld\">%lld</a>", i ? ", " : "", (long long)g->items[i]->id, (long long)g->items[i]->id);
    if (g->n > LINKS_MOST) fprintf(to, " and %zu more", g->n - LINKS_MOST);
    fputs(" of ", to);
    html_put(to, r->store);
    fputs(", measured on ", to);
    for (size_t i = 0; i < g->n; i++) number_of(machines, &n_machines, *g->items[i]->cpu ? g->items[i]->cpu : "a machine not named");
    for (size_t i = 0; i < n_machines; i++) {
        if (i) fputs("; ", to);
        html_put(to, machines[i]);
    }
    fputs(".</figcaption>\n", to);
    free(machines);
}

static void put_plot(const report_records *r, const group *g, FILE *to) {
    html_plot p = {.to = to, .width = PLOT_WIDTH, .height = PLOT_HEIGHT, .left = 90, .right = 20, .top = 12, .bottom = 95};
    double low = g->items[0]->low, high = g->items[0]->high;
    point *points = cli_alloc(g->n * sizeof *points);
    for (size_t i = 0; i < g->n; i++) {
        if (g->items[i]->low < low) low = g->items[i]->low;
        if (g->items[i]->high > high) high = g->items[i]->high;
        points[i] = (point){i, place_in_plot(g, i)};
    }
    qsort(points, g->n, sizeof *points, from_left);
    html_axis_slots(&p.x, g->slot_names, g->n_slots);
    p.x.label = strcmp(r->over, "time") ? r->over : "time of the record (UTC)";
    p.y = (html_axis){.scale = html_scale_for(low, high), .unit = HTML_SECONDS, .label = "median time of a call"};
    html_axis_fit(&p.y, low, high);
    html_plot_begin(&p, "median times of the records, with intervals");
    for (size_t s = 0; s < g->n_series; s++) put_series(&p, g, points, s);
    for (size_t i = 0; i < g->n; i++) put_point(&p, g, points[i].index, points[i].at);
    html_plot_end(&p);
    put_caption(r, g, p.y.scale == HTML_LOG, to);
    put_legend(g, to);
    fputs("</figure>\n", to);
    free(points);
}

/* ---- the table ----------------------------------------------------------------------------------------------- */

static void put_distortions(const report_record *x, FILE *to) {
    const json_t *list = json_object_get(x->json, "distortions");
    if (x->distorted) fputs("<b class=\"warn\">distorted</b>", to);
    for (size_t i = 0; i < json_array_size(list); i++) {
        fputs(i ? "; " : ": ", to);
        html_put(to, json_string_value(json_array_get(list, i)));
    }
}

/* All of a record but its samples: from this it can be judged, and run again. */
static void put_manifest(const report_record *x, FILE *to) {
    json_t *copy = json_copy(x->json);
    if (copy) json_object_del(copy, "samples_s");
    char *text = copy ? json_dumps(copy, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(9)) : NULL;
    fputs("<details><summary>manifest</summary><pre>", to);
    for (char *line = text, *end; line && *line; line = end) { /* a line at a time: cli_escape would show their ends */
        end = line + strcspn(line, "\n");
        bool more = *end;
        *end = 0;
        html_put(to, line);
        fputc('\n', to);
        end += more;
    }
    fputs("</pre></details>", to);
    free(text);
    json_decref(copy);
}

static void put_row(const group *g, size_t index, FILE *to) {
    const report_record *x = g->items[index];
    fprintf(to, "<tr id=\"r%lld\"><td class=\"n\" data-v=\"%lld\">%lld</td><td>", (long long)x->id, (long long)x->id, (long long)x->id);
    html_put(to, x->time);
    fputs("</td><td>", to);
    html_put(to, x->kind);
    fputs("</td><td>", to);
    html_put(to, setting_of(x, "commit"));
    fputs("</td><td>", to);
    html_put(to, g->labels[index]);
    fputs("</td>", to);
    html_put_cell(to, x->median, HTML_SECONDS);
    fprintf(to, "<td class=\"n\" data-v=\"%.9g\">", x->has_interval ? x->high - x->low : -1);
    if (x->has_interval) html_put_figure(to, x->low, HTML_SECONDS);
    fputs(x->has_interval ? " to " : "-", to);
    if (x->has_interval) html_put_figure(to, x->high, HTML_SECONDS);
    fputs("</td>", to);
    html_put_cell(to, (double)json_array_size(json_object_get(x->json, "samples_s")), HTML_PLAIN);
    fputs("<td>", to);
    put_distortions(x, to);
    fputs("</td><td>", to);
    put_manifest(x, to);
    fputs("</td></tr>\n", to);
}

static void put_group(const report_records *r, const group *g, FILE *to) {
    const report_record *newest = g->items[g->n - 1];
    fputs("<section>\n<h3>", to);
    html_put(to, newest->name);
    if (strcmp(newest->model, newest->name)) {
        fputs(" <span class=\"faint\">sha256 ", to);
        html_put_short(to, newest->model, 13);
        fputs("</span>", to);
    }
    fputs("</h3>\n", to);
    put_plot(r, g, to);
    fputs("<div class=\"wide\"><table class=\"sort\">\n<thead><tr><th class=\"n\">record</th><th>time (UTC)</th><th>kind</th><th>version and commit</th>"
          "<th>what differs</th><th class=\"n\">median</th><th class=\"n\">95 % interval</th><th class=\"n\">samples</th><th>distortions</th>"
          "<th>manifest</th></tr></thead>\n<tbody>\n", to);
    for (size_t i = 0; i < g->n; i++) put_row(g, i, to);
    fputs("</tbody>\n</table></div>\n</section>\n", to);
}

void report_records_write(const report_records *r, FILE *to) {
    const char **models = cli_alloc((r->n + 1) * sizeof *models);
    size_t n_models = 0;
    for (size_t i = 0; i < r->n; i++) number_of(models, &n_models, r->items[i].model);
    fputs("<h2>Records</h2>\n", to);
    if (!r->n) fputs("<p>No record of this store is shown.</p>\n", to);
    if (r->n_older) fprintf(to, "<p class=\"warn\">%zu older records are left out (--last).</p>\n", r->n_older);
    if (r->notes.count) fputs("<ul class=\"warn\">\n", to);
    for (size_t i = 0; i < r->notes.count; i++) {
        fputs("<li>", to);
        html_put(to, r->notes.items[i]);
        fputs("</li>\n", to);
    }
    if (r->notes.count) fputs("</ul>\n", to);
    for (size_t m = 0; m < n_models; m++) {
        group g;
        group_make(r, models[m], &g);
        put_group(r, &g, to);
        group_free(&g);
    }
    free(models);
}
