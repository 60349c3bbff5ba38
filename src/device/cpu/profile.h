/* The profile of a program's steps on the cpu device. */
#ifndef TN_DEVICE_CPU_PROFILE_H
#define TN_DEVICE_CPU_PROFILE_H
#include "device/profile.h"
#include "kernel/program.h"

/* The row of a step, without times; borrowed from p. */
tn_profile_row tn__cpu_row(const tn__kprogram *p, const tn__step *s);
/* One row for each step; times[i] and sums[i] (NULL: nothing was counted) are of step i. `out` NULL: sets them to 0. */
tn_error *tn__cpu_profile(const tn__kprogram *p, tn__step_time *times, tn__count_sums *sums, tn_profile *out);
#endif
