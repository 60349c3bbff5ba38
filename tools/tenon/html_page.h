/* What the parts of a graph's page share. Every text of the model goes through html_put_text or cli_put_markup. */
#ifndef TENON_TOOL_HTML_PAGE_H
#define TENON_TOOL_HTML_PAGE_H
#include <stdio.h>

#include "launches.h"

/* A launch that computes a node; sorted by node. */
typedef struct html_place {
    cli_node_ref node;
    uint32_t launch;
} html_place;

/* Body `body` is attribute `name` of that node. */
typedef struct html_user {
    cli_node_ref node;
    const char *name;
    size_t body;
} html_user;

/* Anchors: g1 a graph, g1n5 a node of it, g1v7 an input or variable of it, l3 a launch. */
typedef struct html_page {
    cli_graphs graphs;
    const cli_launches *launches; /* NULL: none are known */
    html_place *places;
    html_user *users;
    size_t n_places, n_users;
    FILE *to;
} html_page;

/* Any bytes: what is no printable UTF-8 shows as \xNN. */
void html_put_text(const char *text, FILE *to);
/* "%5 name" as a link to what makes it. */
void html_put_value_link(const html_page *p, size_t graph, tn_value v);
void html_put_type(const tn_graph *g, tn_value v, FILE *to);
/* "conv 'name'" as a link to its row. */
void html_put_node_link(const html_page *p, cli_node_ref n);

/* graph_html_launches.c */
void html_places_init(html_page *p);
/* Links to the boxes of the launches that compute node n. */
void html_put_launch_links(const html_page *p, cli_node_ref n);
/* The slowest launches, and the box of each. */
void html_put_launches(const html_page *p);
#endif
