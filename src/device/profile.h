/* What artefacts measure of their steps, with the option `profile` on. */
#ifndef TN_DEVICE_PROFILE_H
#define TN_DEVICE_PROFILE_H
#include <stdatomic.h>
#include "base/counters.h"
#include "ir/graph.h"
#include "tenon/profile.h"

/* Times of one step over all runs; updated by any number of threads. */
typedef struct tn__step_time {
    atomic_uint_fast64_t runs, total_ns, least_ns; /* least_ns: 0 before the first run */
} tn__step_time;
void tn__step_time_add(tn__step_time *t, uint64_t ns);
void tn__step_time_reset(tn__step_time *t);
void tn__step_time_read(tn__step_time *t, tn_profile_row *row);

/* Whose turn it is to be measured: the first run, and of the others so many that reading the clock costs about 1 % of all. */
typedef struct tn__turn {
    atomic_uint skip; /* runs until the next that is measured; what threads lose between them does no harm */
    double step_ns;   /* what measuring a step costs here */
} tn__turn;
void tn__turn_init(tn__turn *t);
void tn__turn_reset(tn__turn *t); /* the next run is measured */
bool tn__turn_take(tn__turn *t);
/* A run of so many steps was measured and took so long. */
void tn__turn_done(tn__turn *t, size_t steps, uint64_t ns);

void tn__count_sums_read(tn__count_sums *s, tn_profile_row *row);

struct tn_profile {
    tn__handle handle;
    tn_context *context; /* retained */
    tn__arena arena;
    TN__VEC(tn_profile_row) rows; /* texts in the arena */
};
tn_error *tn__profile_create(tn_context *c, tn_profile **out_profile);
/* Appends a copy. */
tn_error *tn__profile_add(tn_profile *p, const tn_profile_row *row);
/* The row of a step that is node n of g, or with n NULL of none: its op, its name, and the sources of `set`; borrowed from g. */
tn_profile_row tn__profile_row_of(const tn_graph *g, const tn__node *n, uint32_t set, const char *kind);
#endif
