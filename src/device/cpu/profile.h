/* The profile of a program's steps on the cpu device. */
#ifndef TN_DEVICE_CPU_PROFILE_H
#define TN_DEVICE_CPU_PROFILE_H
#include "device/profile.h"
#include "kernel/program.h"

/* One row for each step; times[i] is of step i. */
tn_error *tn__cpu_profile(const tn__kprogram *p, const tn__step_time *times, tn__profile *out);
#endif
