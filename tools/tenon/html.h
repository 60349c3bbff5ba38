/* Pieces of HTML pages that load nothing: the frame of a page, texts of any bytes, figures with their unit. */
#ifndef TENON_TOOL_HTML_H
#define TENON_TOOL_HTML_H
#include <stdio.h>

#include "cli.h"

/* What a figure is of; says unit and prefixes. */
typedef enum html_unit {
    HTML_PLAIN,     /* no unit: a count, its column or axis says of what */
    HTML_SECONDS,
    HTML_BYTES,     /* KiB, MiB */
    HTML_FLOP,
    HTML_FLOP_RATE, /* FLOP/s */
    HTML_BYTE_RATE, /* B/s */
    HTML_INTENSITY  /* FLOP/B */
} html_unit;

enum { HTML_FIGURE_BYTES = 40 };
/* "1.23 ms" into the buffer, which it returns. Any double. */
const char *html_figure(char buffer[HTML_FIGURE_BYTES], double x, html_unit unit);
/* The factor 1024 or 1000^k by which html_figure divides x, so that axes have round steps. */
double html_prefix(double x, html_unit unit);

void html_put(FILE *to, const char *text); /* NULL: "" */
void html_put_short(FILE *to, const char *text, size_t most); /* at most so many characters, the last one "…" where some are left out */
void html_put_figure(FILE *to, double x, html_unit unit);
/* A cell of a table: the figure, and the plain number for sorting. NaN: "-". */
void html_put_cell(FILE *to, double x, html_unit unit);

enum { HTML_COLOURS = 8, HTML_SHAPES = 4 }; /* classes c0..c7; shapes of markers */

void html_page_begin(FILE *to, const char *title);
/* Closes the page; its script makes tables of class "sort" sortable. */
void html_page_end(FILE *to);
#endif
