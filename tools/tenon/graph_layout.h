/* Where the boxes of a drawn graph lie: layers by longest path, in each the order of what it reads, straight down. The nodes of a launch
 * are one unit of that, with layers of its own. Constants are left out. */
#ifndef TENON_TOOL_GRAPH_LAYOUT_H
#define TENON_TOOL_GRAPH_LAYOUT_H
#include "launches.h"

enum { BOX_HEIGHT = 34, LAYER_GAP = 40, BOX_GAP = 18, CLUSTER_MARGIN = 10, CLUSTER_TITLE = 18, CHARACTER = 7, LABEL_MOST = 40, FOLD_WIDTH = 12 };

/* A box: a graph input, what a variable held before, a node, a graph output, or what a variable holds afterwards, in that order. */
typedef struct item {
    uint32_t unit, row; /* row: layer within the unit */
    double x, y, width; /* x: its middle; y: its top */
    bool round, drawn;
    uint32_t source; /* set of a node */
    const char *reason; /* why a node is in no cluster; borrowed; NULL: it is in one, or there are none */
    char first[LABEL_MOST + 1], second[LABEL_MOST + 1];
} item;

/* What is placed as a whole: a box, or a launch with more of them. */
typedef struct unit {
    uint32_t launch; /* UINT32_MAX: a box alone */
    uint32_t n_rows, n_items, layer;
    double x, y, width, height; /* x: its middle; y: its top */
    double wish;                /* where it would like to be: under the middle of what it reads */
    item **items;               /* by row; into `sorted` of the drawing */
} unit;

typedef struct drawing {
    const tn_graph *g;
    const cli_launches *launches; /* NULL: none are known */
    item *items;
    unit *units;
    item **sorted; /* by unit and row */
    uint32_t n_items, n_units, n_layers;
    double left, right, height;
} drawing;

void drawing_init(drawing *d, const tn_graph *g, const cli_launches *launches);
void drawing_deinit(drawing *d);
/* The box that makes v; NULL for constants. */
item *drawing_maker(const drawing *d, tn_value v);
/* Calls `take` for every value that box `index` reads. */
void drawing_each_read(drawing *d, uint32_t index, void (*take)(drawing *d, item *self, tn_value v, void *more), void *more);
/* "launch 3: 12.3 us, 4.5 %" or what else stands above the nodes of a launch; in `buffer`. */
const char *drawing_title(const drawing *d, uint32_t launch, char *buffer, size_t bytes);
#endif
