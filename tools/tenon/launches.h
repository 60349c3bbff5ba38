/* The parts of a model as pictures show them: the steps of its program, or the clusters that a bridge would make of it; what each computes, on
 * which values, and how long it takes. */
#ifndef TENON_TOOL_LAUNCHES_H
#define TENON_TOOL_LAUNCHES_H
#include "graph_bodies.h"
#include "kernel/program.h"
#include "tenon/profile.h"

typedef struct cli_launch_kernel {
    char *symbol;      /* owned */
    uint32_t node;     /* of the graph; TN__NO_NODE: none, or not known */
    double flops;
} cli_launch_kernel;

/* A buffer of a launch. */
typedef struct cli_launch_value {
    uint32_t value;     /* of the graph; 0: none */
    char layout[24];    /* of that value */
    const char *kind;   /* "arena", ... (static) */
    size_t bytes;
    bool read, written;
} cli_launch_value;

typedef struct cli_launch {
    uint32_t number;
    char *kind, *title; /* as in profiles: "kernel" and its symbol, "call" and its op; owned; of a cluster "" */
    char *figures;      /* of a cluster; owned */
    bool computes;      /* its nodes; else it copies, checks or lays out anew what they need */
    cli_node_ref *nodes;
    cli_launch_kernel *kernels;
    cli_launch_value *values;
    uint32_t n_nodes, n_hidden /* at least so many more nodes */, n_kernels, n_values, stages;
    double flops, gain_ns; /* gain_ns: of a cluster */
    uint64_t bytes, ns; /* of a run; of the fastest one */
} cli_launch;

typedef struct cli_launches {
    cli_launch *items;
    size_t count;
    const char *what;  /* "launch", "cluster" */
    char *report;      /* of the partition; owned; NULL: they are no clusters */
    char **reasons;    /* by node of the graph: why it is in no cluster; NULL: it is in one; owned, also the texts */
    size_t n_reasons;
    bool timed;
    uint64_t runs, run_ns, sum_ns, most_ns; /* run_ns: the fastest whole run; sum_ns, most_ns: over the launches' ns */
} cli_launches;

/* The steps of `program`, whose graph was numbered (the only one of `graphs`) when it was lowered. */
cli_launches cli_launches_of_program(const cli_graphs *graphs, const tn__kprogram *program);
/* The rows of the profile of an executable of a numbered graph. */
tn_error *cli_launches_of_profile(const cli_graphs *graphs, const tn_profile *profile, cli_launches *out);
/* Takes the times of the profile, whose rows are these launches, over. */
tn_error *cli_launches_add_times(cli_launches *x, tn_context *context, const tn_profile *profile);
void cli_launches_free(cli_launches *x);
/* "launch 3"; in `buffer`. */
const char *cli_launch_name(const cli_launches *x, const cli_launch *launch, char *buffer, size_t bytes);
/* Why node `node` of the graph is in no cluster; NULL: it is in one, or this is no partition. */
const char *cli_launches_reason(const cli_launches *x, uint32_t node);
/* 0 for what takes hardly any time to CLI_HEAT_MOST for what takes about as long as the slowest. */
enum { CLI_HEAT_MOST = 4 };
int cli_launch_heat(const cli_launches *x, const cli_launch *launch);
/* "12.30 us, 20.1 %, 1.2 MFLOP, 34.5 KB", times where there are any, or what is known of a cluster; in `buffer`. */
const char *cli_launch_figures(const cli_launches *x, const cli_launch *launch, char *buffer, size_t bytes);
#endif
