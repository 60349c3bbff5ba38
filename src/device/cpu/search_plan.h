/* What each round of a search tries (search.c): choices of kernels that share no launch.
 *
 * A subject is a kernel by its signature; it may stand at several places. It is measured by the time of all launches in which it takes
 * part. So two subjects can be tried at once if no launch has both, and must not be if one has. */
#ifndef TN_DEVICE_CPU_SEARCH_PLAN_H
#define TN_DEVICE_CPU_SEARCH_PLAN_H
#include "kernel/tuning.h"

typedef struct tn__subject {
    const char *signature; /* arena */
    tn__space space;
    uint64_t *launches;    /* arena: a bit each; NULL: a program with other schedules showed it, and it is not tried */
    tn__choice *choices;   /* arena: to be tried, in the order of the cost model */
    bool *done;            /* arena: by choice */
    uint32_t n_choices, n_done;
    uint64_t ns;           /* of its launches, by rule */
    tn__choice best;
    double ratio, error;   /* of best, against the rule */
} tn__subject;

/* Launches are told by the nodes that they compute: those of the program by rule, which with other schedules may come apart. */
typedef struct tn__search_plan {
    const tn_allocator *a;
    tn__arena *arena;
    TN__VEC(tn__subject) subjects;
    int32_t *launch_of_node; /* arena; -1: none */
    size_t n_nodes, n_launches;
    struct tn__plan_turn *turns; /* arena: room for tn__plan_next */
    uint32_t *tried;
    size_t n_tried;              /* subjects that there were at tn__plan_choices; later ones are not tried */
} tn__search_plan;

enum { TN__NO_LAUNCH = -1 };

void tn__plan_init(tn__search_plan *p, const tn_allocator *a, tn__arena *arena);
void tn__plan_deinit(tn__search_plan *p);
/* Takes in the sites of a program that neither the table nor the plan has. */
tn_error *tn__plan_add(tn__search_plan *p, const tn__kprogram *program, const tn__tuning *table);
/* Finds the launches, and which of them each subject is in, from the program by rule. */
tn_error *tn__plan_launches(tn__search_plan *p, const tn__kprogram *program);
/* Of a step of any program of the same graph. */
int32_t tn__plan_launch_of(const tn__search_plan *p, const tn__step *step);
/* Lists what to try of the subjects that take at least least_ns. ns[]: of the program by rule, by launch. */
tn_error *tn__plan_choices(tn__search_plan *p, const uint64_t *ns, double least_ns, bool several_threads);

int32_t tn__plan_find(const tn__search_plan *p, const char *signature); /* -1: none */
bool tn__plan_share(const tn__search_plan *p, const tn__subject *x, const tn__subject *y); /* a launch */
/* The time of a subject: of all its launches. ns[]: by launch. */
uint64_t tn__plan_sum(const tn__search_plan *p, const tn__subject *x, const uint64_t *ns);

/* The subjects of the next round, of which each tries the first choice that is not done; returns how many, 0: nothing is left. Those with
 * the fewest choices done come first, of these the slowest. out: room for all subjects. */
uint32_t tn__plan_next(const tn__search_plan *p, uint32_t *out);
/* How many rounds that makes to the end. room: for all subjects. */
uint32_t tn__plan_rounds(const tn__search_plan *p, uint32_t *room);
/* How many choices are done, of how many. */
uint64_t tn__plan_tried(const tn__search_plan *p, uint64_t *out_of);
int32_t tn__subject_next(const tn__subject *x); /* the first choice that is not done; -1: none */
void tn__subject_done(tn__subject *x, int32_t choice);
#endif
