/* What an artefact measured of its steps, with the option `profile` on. */
#ifndef TN_DEVICE_PROFILE_H
#define TN_DEVICE_PROFILE_H
#include <stdatomic.h>
#include "base/alloc.h"

/* Times of one step over all runs; updated by any number of threads. */
typedef struct tn__step_time {
    atomic_uint_fast64_t runs, total_ns, least_ns; /* least_ns: 0 before the first run */
} tn__step_time;

typedef struct tn__profile_row {
    const char *kind;   /* "kernel", "call", "copy", "loop", "check"; static */
    const char *symbol; /* of the (first) kernel, or the op; borrowed from the artefact */
    const char *node;   /* name of the node it is for; borrowed */
    uint32_t stages;
    uint64_t runs, total_ns, least_ns;
    double flops;       /* multiplications and additions of products, a run */
    uint64_t bytes;     /* of the values that it touches, each once; of a loop, what its trips read and write */
} tn__profile_row;

typedef struct tn__profile {
    const tn_allocator *allocator;
    TN__VEC(tn__profile_row) rows; /* in the order of the steps */
} tn__profile;

void tn__step_time_add(tn__step_time *t, uint64_t ns);
#endif
