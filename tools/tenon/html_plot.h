/* Frames of plots as inline SVG: axes that are linear, logarithmic or have a slot for each of some names, with ticks and a grid. */
#ifndef TENON_TOOL_HTML_PLOT_H
#define TENON_TOOL_HTML_PLOT_H
#include "html.h"

typedef enum html_scale { HTML_LINEAR, HTML_LOG, HTML_SLOTS } html_scale;

typedef struct html_axis {
    html_scale scale;
    html_unit unit;
    const char *label;
    double low, high;         /* SLOTS: slot k reaches from k to k + 1 */
    const char *const *names; /* SLOTS; borrowed, any texts */
} html_axis;

typedef struct html_plot {
    FILE *to;
    double width, height;
    double left, right, top, bottom; /* margins */
    html_axis x, y;
} html_plot;

/* A range with room for low <= high, both finite, both > 0 where the scale is logarithmic. */
void html_axis_fit(html_axis *a, double low, double high);
/* Logarithmic where the values differ by more than a linear axis shows. */
html_scale html_scale_for(double low, double high);
void html_axis_slots(html_axis *a, const char *const *names, size_t n);

/* Opens <figure> and <svg>: frame, grid, ticks, labels. `title` is for those who cannot see it. */
void html_plot_begin(const html_plot *p, const char *title);
double html_plot_x(const html_plot *p, double x); /* in pixels; clipped to the frame */
double html_plot_y(const html_plot *p, double y);
/* Closes <svg>; the caller writes a <figcaption> and closes <figure>. */
void html_plot_end(const html_plot *p);

/* Lists what lines mean: <ul>, a line for each, </ul>. */
void html_legend_begin(FILE *to);
void html_put_line(FILE *to, size_t series, bool dashed, const char *name, double value, html_unit unit);
void html_legend_end(FILE *to);

/* A mark of colour c<series> and of a shape by series: hollow where the record is distorted. */
void html_put_mark(FILE *to, double x, double y, size_t series, bool hollow);
#endif
