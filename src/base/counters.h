/* Counters of the processor and the system, by thread: what the option `profile=counters` adds up for every step.
 *
 * A thread opens its counters when it first works for a context, reads them before and after each part of a step, and the context closes
 * them. What could not be counted is said to be missing; it is never a 0. */
#ifndef TN_BASE_COUNTERS_H
#define TN_BASE_COUNTERS_H
#include <stdatomic.h>
#include "base/context.h"
#include "tenon/profile.h"

/* The names of tn_profile_row, and those of their flags. */
#define TN__COUNTERS(C)                                              \
    C(cycles,           CYCLES)                                      \
    C(instructions,     INSTRUCTIONS)                                \
    C(cache_misses,     CACHE_MISSES)                                \
    C(cpu_ns,           CPU_NS)                                      \
    C(page_faults,      PAGE_FAULTS)                                 \
    C(context_switches, CONTEXT_SWITCHES)

enum {
#define NUMBER(name, flag) TN__COUNTER_##name,
    TN__COUNTERS(NUMBER)
#undef NUMBER
    TN__N_COUNTERS
};
enum { TN__COUNTERS_ALL = (1 << TN__N_COUNTERS) - 1, TN__N_EVENTS = TN__COUNTER_cache_misses + 1 /* of the processor, the first */ };

/* Of one thread; only that thread may read them. */
typedef struct tn__os_counters {
    int64_t thread;           /* number of the thread; 0: not open */
    int fd[TN__N_EVENTS];     /* -1: not to be had */
    int reason[TN__N_EVENTS]; /* errno of that */
} tn__os_counters;

/* What they have counted since they were opened. */
typedef struct tn__os_counts {
    uint64_t value[TN__N_COUNTERS];
    uint64_t missed_ns; /* that somebody else had the counters of the processor */
    uint32_t valid;     /* bits 1 << TN__COUNTER_name */
} tn__os_counts;

/* Where counters come from; another one in tests. */
typedef struct tn__counter_source {
    void (*open)(tn__os_counters *out); /* of the calling thread */
    void (*read)(const tn__os_counters *c, tn__os_counts *out);
    void (*close)(tn__os_counters *c);
} tn__counter_source;
extern const tn__counter_source tn__os_counter_source;
bool tn__os_counters_are_mine(const tn__os_counters *c); /* open, and of the calling thread */
/* Why counter `which` is not to be had, in words with what would help. */
void tn__os_counters_explain(const tn__os_counters *c, int which, char *text, size_t bytes);

/* ---- threads of a context ------------------------------------------------------------------------------------ */

enum { TN__COUNTER_SEATS = 256 }; /* threads of one context that can count */

/* The counters of all threads that ever worked for a context. Thread-safe. */
typedef struct tn__counters {
    const tn__counter_source *source;
    struct {
        atomic_uintptr_t owner; /* tn__os_thread_self; 0: free */
        tn__os_counters counters;
    } seats[TN__COUNTER_SEATS];
} tn__counters;
/* NULL: out of memory. */
tn__counters *tn__counters_of(tn_context *c);

/* Sums over parts of steps; added to by any number of threads. */
typedef struct tn__count_sums {
    atomic_uint_fast64_t value[TN__N_COUNTERS];
    atomic_uint missed; /* bits of counters that some part had not */
} tn__count_sums;

/* Whose counters are added up where; both NULL: nothing is counted. */
typedef struct tn__count_to {
    tn__counters *counters;
    tn__count_sums *sums;
} tn__count_to;
typedef struct tn__count_start {
    const tn__os_counters *counters; /* NULL: the thread has none */
    tn__os_counts counts;
} tn__count_start;
/* Around a part of a step, both on the thread that does it. */
void tn__count_begin(const tn__count_to *to, tn__count_start *out);
void tn__count_end(const tn__count_to *to, const tn__count_start *start);
void tn__count_sums_reset(tn__count_sums *s);
#endif
