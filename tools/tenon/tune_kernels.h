/* tenon tune --kernels: schedules of a model's kernels, found by the library (option tuning=record). */
#ifndef TENON_TOOL_TUNE_KERNELS_H
#define TENON_TOOL_TUNE_KERNELS_H
#include "timing.h"

/* Searches for at most `budget` seconds, prints what was found, and compares the model with it and without. */
tn_error *tune_kernels(const char *path, const timing_settings *s, double budget, bool json);
#endif
