/* One timed model: samples, the machine's state round them, what distorts them, the outputs' hash and their error against `ref`.
 * Shared by bench, sweep and reproduce. */
#ifndef TENON_TOOL_TIMING_H
#define TENON_TOOL_TIMING_H
#include "cli.h"
#include "compare.h"
#include "inputs.h"
#include "measure/machine.h"

enum { SHA256_TEXT = 65 };

typedef struct timing_settings {
    cli_target target;
    cli_inputs inputs;
    int64_t runs;    /* samples; 0: as many as fit into `seconds`, at least five */
    double seconds;
    int64_t streams; /* callers at once, each with its own outputs; 0 = 1 */
    bool cold;       /* other data goes through the caches before every sample */
    bool hash;       /* hash the model's file and the outputs */
    bool check;      /* compare the outputs with those of `ref` */
} timing_settings;
#define TIMING_OPTIONS(s)                                                                                              \
    {"runs", CLI_COUNT, &(s)->runs, "N", "samples to take"},                                                           \
    {"seconds", CLI_REAL, &(s)->seconds, "S", "or: take samples for this long, at least five (2)"},                    \
    {"streams", CLI_COUNT, &(s)->streams, "N", "callers at once, for the throughput (1)"},                             \
    {"cold", CLI_FLAG, &(s)->cold, NULL, "empty the processor's caches before every sample"}

typedef struct timing_output {
    char *name; /* owned */
    char sha256[SHA256_TEXT];
} timing_output;

typedef struct timing {
    double *samples; /* seconds, in the order in which they ended; owned */
    size_t n_samples;
    double min, median, p90, mad, low, high; /* low, high: 95 % interval of the median */
    double calls_a_second;                   /* of all streams together */
    tn_executable_stats stats;
    json_t *options; /* object, all keys with their effective values; owned */
    char model_sha256[SHA256_TEXT];
    timing_output *outputs; /* owned; with `hash` */
    uint32_t n_outputs;
    bool checked;
    cli_difference worst; /* of all outputs, with `check` */
    tn__machine before, after;
    tn__distortions distortions;
} timing;

/* Progress lines begin with the path. `out` is to be freed by timing_free in any case. */
tn_error *timing_run(tn_context *context, const char *path, const timing_settings *s, timing *out);
void timing_free(timing *t);
/* 95 % interval of the median of n > 0 samples by order statistics. `samples` stays as it is. */
void timing_interval(const double *samples, size_t n, double *out_low, double *out_high);
tn_error *timing_hash_model(const char *path, char out[SHA256_TEXT]);
json_t *timing_options(const tn_options *options); /* texts by name, the effective values; owned */
#endif
