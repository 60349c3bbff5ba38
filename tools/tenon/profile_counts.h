/* What the steps of a model counted, for `tenon profile --counters`. */
#ifndef TENON_TOOL_PROFILE_COUNTS_H
#define TENON_TOOL_PROFILE_COUNTS_H
#include "cli.h"

/* The counters that this thread cannot have: [{"counters": "cycles, instructions", "why": "..."}], owned. *out_have: flags of the others. */
json_t *counts_missing(uint32_t *out_have);
/* One line for each of them. */
void counts_print_missing(const json_t *missing);
/* A column for each flag of `shown`, a mean of the runs; "-" where a row was not counted, or not in all of its parts. */
void counts_print_header(uint32_t shown);
void counts_print(const tn_profile_row *row, uint32_t shown);
/* {"cycles": mean of a run, ...} of what was counted, owned. */
json_t *counts_json(const tn_profile_row *row);
#endif
