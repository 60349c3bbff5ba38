/* Comparison of two things that take time: interleaved, in rounds, with a verdict that says so when the noise is larger.
 *
 * A round prepares both sides anew (a program that lies elsewhere in memory may be per cents slower for ever) and calls them in
 * pairs, in random order. Its result is one number: the logarithm of the ratio of the two medians. The verdict is over rounds: Wilcoxon's
 * test, which such an order makes valid whatever the machine does meanwhile, and the bootstrap interval of their median. */
#ifndef TN_MEASURE_COMPARISON_H
#define TN_MEASURE_COMPARISON_H
#include "measure/statistics.h"

enum { TN__COMPARE_ROUNDS_LEAST = 11, TN__COMPARE_ROUNDS_MOST = TN__WILCOXON_MOST };

/* One side. begin prepares a round, end (also after a failed begin) frees what it made; call runs once and says how long. */
typedef struct tn__compare_side {
    void *self;
    tn_error *(*begin)(void *self);
    tn_error *(*call)(void *self, double *out_seconds);
    void (*end)(void *self);
} tn__compare_side;

typedef struct tn__compare_settings {
    int32_t rounds;  /* 0: 25 */
    int32_t calls;   /* pairs in a round; 0: as many as the time allows, at least 3 */
    double seconds;  /* of all calls together; 0: 5 */
    uint64_t seed;   /* of the order and the bootstrap */
    void (*progress)(void *self, int32_t round, int32_t rounds); /* NULL: none */
    void *progress_self;
} tn__compare_settings;

typedef enum tn__verdict { TN__VERDICT_NO_DIFFERENCE, TN__VERDICT_FASTER, TN__VERDICT_SLOWER } tn__verdict;

/* Of B against A. */
typedef struct tn__comparison {
    int32_t rounds;
    double ratio, low, high;  /* B's time / A's: median over rounds, bounds of its 95 % interval */
    double p;                 /* Wilcoxon's */
    double smallest;          /* relative difference that would have been called one in the noise found */
    tn__verdict verdict;
    double median_a, median_b; /* seconds, over all samples */
    TN__VEC(double) a, b;      /* all samples; pair i is a[i] and b[i] */
    size_t round_end[TN__COMPARE_ROUNDS_MOST]; /* round r has the pairs up to here */
    double log_ratio[TN__COMPARE_ROUNDS_MOST];
} tn__comparison;

/* Runs both sides. `out` is to be freed by tn__comparison_deinit in any case. */
TN_MUST_USE tn_error *tn__compare(const tn_allocator *a, const tn__compare_settings *settings, const tn__compare_side *side_a,
                                  const tn__compare_side *side_b, tn__comparison *out);
void tn__comparison_deinit(const tn_allocator *a, tn__comparison *c);
/* Fills all but the samples of `c` from c->rounds and c->log_ratio: the verdict alone. */
void tn__compare_judge(tn__comparison *c, uint64_t seed);
const char *tn__verdict_text(tn__verdict v); /* "no difference found", "faster", "slower" */
#endif
