/* A model cut as a bridge would cut it: the clusters that a device compiles, and why the other nodes stay with the framework. */
#ifndef TENON_TOOL_GRAPH_PARTITION_H
#define TENON_TOOL_GRAPH_PARTITION_H
#include <jansson.h>

#include "launches.h"

/* The library's partition of `g`, its nodes marked by tn_query (device NULL: cpu) but those of `disabled_ops` (comma-separated; NULL: none).
 * Inputs and variables count as nodes that stay. */
tn_error *cli_partition_create(tn_context *context, const tn_graph *g, const char *device, const char *disabled_ops, cli_launches *out_clusters);
/* Its report, every cluster, every node that stays and why. */
void cli_partition_print(const tn_graph *g, const cli_launches *clusters);
/* "clusters" and "stay", for the graph's JSON. */
void cli_partition_add_json(const tn_graph *g, const cli_launches *clusters, json_t *graph);
#endif
