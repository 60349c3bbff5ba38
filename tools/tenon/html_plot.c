#include "html_plot.h"

#include <math.h>
#include <string.h>

enum { TICKS = 6, DECADES = 8, SLOT_LABEL = 26, LABEL_PIXELS = 16 };

/* ---- ranges -------------------------------------------------------------------------------------------------- */

html_scale html_scale_for(double low, double high) { return low > 0 && high / low > 20 ? HTML_LOG : HTML_LINEAR; }

void html_axis_fit(html_axis *a, double low, double high) {
    if (a->scale == HTML_LOG) {
        a->low = low / 1.4, a->high = high * 1.4;
        return;
    }
    double room = (high - low) * 0.08, least = fabs(high) * 1e-3;
    if (room < least) room = least;
    if (room == 0) room = 1;
    a->low = low >= 0 && low < room ? 0 : low - room;
    a->high = high + room;
}

void html_axis_slots(html_axis *a, const char *const *names, size_t n) {
    a->scale = HTML_SLOTS;
    a->names = names;
    a->low = 0, a->high = n ? (double)n : 1;
}

/* 0 to 1 within the range. */
static double place(const html_axis *a, double v) {
    double at = a->scale == HTML_LOG ? (v > 0 ? log(v / a->low) / log(a->high / a->low) : 0) : (v - a->low) / (a->high - a->low);
    return at < 0 ? 0 : at > 1 ? 1 : at;
}

double html_plot_x(const html_plot *p, double x) { return p->left + place(&p->x, x) * (p->width - p->left - p->right); }

double html_plot_y(const html_plot *p, double y) {
    double at = p->y.scale == HTML_SLOTS ? place(&p->y, y) : 1 - place(&p->y, y); /* slots are read from above */
    return p->top + at * (p->height - p->top - p->bottom);
}

/* ---- ticks --------------------------------------------------------------------------------------------------- */

static void put_tick(const html_plot *p, bool is_x, double v, const char *text, bool grid) {
    double at = is_x ? html_plot_x(p, v) : html_plot_y(p, v), right = p->width - p->right, under = p->height - p->bottom;
    if (grid && is_x) fprintf(p->to, "<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", at, p->top, under);
    else if (grid) fprintf(p->to, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", p->left, at, right);
    bool slanted = is_x && p->x.scale == HTML_SLOTS;
    if (slanted) fprintf(p->to, "<text class=\"tick\" text-anchor=\"end\" transform=\"translate(%.1f %.1f) rotate(-30)\">", at + 4, under + 14);
    else if (is_x) fprintf(p->to, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">", at, under + 15);
    else fprintf(p->to, "<text class=\"tick\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">", p->left - 6, at + 4);
    html_put_short(p->to, text, SLOT_LABEL);
    fputs("</text>\n", p->to);
}

static void put_value_tick(const html_plot *p, bool is_x, double v) {
    char text[HTML_FIGURE_BYTES];
    put_tick(p, is_x, v, html_figure(text, v, is_x ? p->x.unit : p->y.unit), true);
}

static void put_linear(const html_plot *p, bool is_x, const html_axis *a) {
    double most = fabs(a->low) > fabs(a->high) ? fabs(a->low) : fabs(a->high), factor = html_prefix(most, a->unit);
    double raw = (a->high - a->low) / factor / TICKS, base = a->unit == HTML_BYTES ? 2 : 10, step = pow(base, floor(log(raw) / log(base)));
    if (base == 10) step *= raw / step > 5 ? 10 : raw / step > 2 ? 5 : raw / step > 1 ? 2 : 1;
    else if (step < raw) step *= 2;
    for (double k = ceil(a->low / factor / step); k * step * factor <= a->high; k++) put_value_tick(p, is_x, k * step * factor);
}

static void put_log(const html_plot *p, bool is_x, const html_axis *a) {
    static const int few[] = {1, 2, 5};
    int first = (int)floor(log10(a->low)), last = (int)ceil(log10(a->high)), every = (last - first) / DECADES + 1;
    bool between = last - first <= 3;
    for (int d = first; d <= last; d++)
        for (int i = 0; i < (between ? 3 : 1); i++) {
            double v = few[i] * pow(10, d);
            if (v >= a->low && v <= a->high && (d - first) % every == 0) put_value_tick(p, is_x, v);
        }
}

/* Where there is no room for all names, every second, third... */
static void put_slots(const html_plot *p, bool is_x, const html_axis *a) {
    size_t n = (size_t)a->high;
    double pixels = (is_x ? p->width - p->left - p->right : p->height - p->top - p->bottom) / a->high;
    size_t every = pixels < LABEL_PIXELS ? (size_t)(LABEL_PIXELS / pixels) + 1 : 1;
    for (size_t k = 0; a->names && k < n; k++)
        if (k % every == 0) put_tick(p, is_x, (double)k + 0.5, a->names[k], false);
}

static void put_axis(const html_plot *p, bool is_x) {
    const html_axis *a = is_x ? &p->x : &p->y;
    if (a->scale == HTML_SLOTS) put_slots(p, is_x, a);
    else if (a->scale == HTML_LOG) put_log(p, is_x, a);
    else put_linear(p, is_x, a);
    if (!a->label) return;
    if (is_x) fprintf(p->to, "<text text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">", (p->left + p->width - p->right) / 2, p->height - 6);
    else fprintf(p->to, "<text text-anchor=\"middle\" transform=\"translate(13 %.1f) rotate(-90)\">", (p->top + p->height - p->bottom) / 2);
    html_put(p->to, a->label);
    fputs("</text>\n", p->to);
}

/* ---- frames and marks ---------------------------------------------------------------------------------------- */

void html_plot_begin(const html_plot *p, const char *title) {
    fprintf(p->to, "<figure>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n<title>", p->width, p->height);
    html_put(p->to, title);
    fputs("</title>\n", p->to);
    put_axis(p, true);
    put_axis(p, false);
    fprintf(p->to, "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", p->left, p->top, p->width - p->left - p->right,
            p->height - p->top - p->bottom);
}

void html_plot_end(const html_plot *p) { fputs("</svg>\n", p->to); }

void html_legend_begin(FILE *to) { fputs("<ul class=\"legend\">\n", to); }
void html_legend_end(FILE *to) { fputs("</ul>\n", to); }

void html_put_line(FILE *to, size_t series, bool dashed, const char *name, double value, html_unit unit) {
    fprintf(to, "<li><svg viewBox=\"0 0 14 14\" aria-hidden=\"true\"><path class=\"line%s c%zu\" d=\"M0 7h14\"/></svg> ", dashed ? " dash" : "",
            series % HTML_COLOURS);
    html_put(to, name);
    fputs(": ", to);
    html_put_figure(to, value, unit);
    fputs("</li>\n", to);
}

void html_put_mark(FILE *to, double x, double y, size_t series, bool hollow) {
    static const char *const shapes[HTML_SHAPES] = {
        "m-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z", "m-4 -4h8v8h-8z", "m0 -5.5l5 9h-10z", "m0 -5.5l5.5 5.5l-5.5 5.5l-5.5 -5.5z"};
    fprintf(to, "<path class=\"%s c%zu\" d=\"M%.1f %.1f%s\"/>", hollow ? "hollow" : "dot", series % HTML_COLOURS, x, y,
            shapes[(series + series / HTML_COLOURS) % HTML_SHAPES]);
}
