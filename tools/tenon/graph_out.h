/* A graph as dot (Graphviz), SVG, HTML and JSON. */
#ifndef TENON_TOOL_GRAPH_OUT_H
#define TENON_TOOL_GRAPH_OUT_H
#include <stdio.h>

#include <jansson.h>

#include "launches.h"

/* Printable text as text of SVG or HTML, in elements and in quoted attributes. */
void cli_put_markup(const char *text, FILE *to); /* graph_svg.c */
/* `launches`: the steps of its program or its clusters, NULL where they are not known; dot knows clusters only. `page`: it is part of a page that
 * has boxes of the launches. */
void cli_graph_write_dot(const tn_graph *graph, const cli_launches *launches, FILE *to);
void cli_graph_write_svg(const tn_graph *graph, const cli_launches *launches, bool page, FILE *to); /* graph_svg.c */
void cli_graph_write_html(tn_graph *graph, const cli_launches *launches, FILE *to); /* graph_html.c */
json_t *cli_graph_to_json(const tn_graph *graph); /* a new reference */
#endif
