/* Statistics of time samples: what is robust against a machine that others use too. */
#ifndef TN_MEASURE_STATISTICS_H
#define TN_MEASURE_STATISTICS_H
#include "base/alloc.h"

void tn__sort(double *values, size_t n); /* ascending */
/* Quantile q of 0 to 1 by linear interpolation; `sorted` has n > 0 ascending entries. */
double tn__quantile(const double *sorted, size_t n, double q);
/* The median of n > 0 entries, which it sorts. */
double tn__median(double *values, size_t n);
/* Median absolute deviation of n > 0 entries from their median; `values` is sorted, and `scratch`, of n entries, overwritten. */
double tn__median_deviation(double *values, size_t n, double *scratch);

/* Wilcoxon's signed-rank test (Wilcoxon 1945), two-sided and exact up to TN__WILCOXON_MOST entries: how likely n values that lie
 * symmetrically about 0 are at least as lopsided as these. Zeros count for nothing, ties share their rank. n <= TN__WILCOXON_MOST. */
enum { TN__WILCOXON_MOST = 100 };
double tn__wilcoxon(const double *values, size_t n);

/* Percentile bootstrap (Efron 1979) of the median of n > 0 values, n <= TN__WILCOXON_MOST: low and high bound at confidence 0 to 1. */
void tn__bootstrap_median(const double *values, size_t n, double confidence, uint64_t seed, double *out_low, double *out_high);

/* splitmix64: the next number, seed advanced. */
uint64_t tn__random(uint64_t *seed);
#endif
