/* Running an executable whose steps are timed. */
#ifndef TENON_TOOL_PROFILE_RUN_H
#define TENON_TOOL_PROFILE_RUN_H
#include "cli.h"

typedef struct cli_run_times {
    uint64_t runs, least_ns;
    double total_s;
} cli_run_times;
/* For `seconds`, at least three times; the first run, which specialises and compiles, is in no time. */
tn_error *cli_profile_run(tn_executable *x, tn_tensor **in, uint32_t n_in, tn_tensor **out, uint32_t n_out, double seconds, cli_run_times *t);
#endif
