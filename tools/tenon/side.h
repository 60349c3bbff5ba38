/* A side of a comparison: a model under options, or a command. */
#ifndef TENON_TOOL_SIDE_H
#define TENON_TOOL_SIDE_H
#include "cli.h"
#include "inputs.h"
#include "measure/comparison.h"

typedef struct side {
    const char *name; /* as given; a command without its "cmd:" */
    bool is_command;
    tn_context *context;
    tn_graph *graph;
    tn_options *options;
    tn_tensor **in, **out;
    uint32_t n_in, n_out;
    tn_executable *executable;
    int64_t batch;  /* calls a sample; 0: not known yet */
    double planted; /* share of its time that every sample is longer, for the self-test */
} side;

/* `own`: KEY=VALUE beside those of the target. side_free frees, also after a failure. */
tn_error *side_open(side *s, tn_context *context, const char *name, const cli_target *target, const cli_inputs *inputs, const cli_texts *own);
void side_free(side *s);
tn_error *side_compare(side *a, side *b, const tn__compare_settings *run, tn__comparison *out); /* as tn__compare */
#endif
