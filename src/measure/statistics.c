#include "measure/statistics.h"

#include <math.h>
#include <stdlib.h>

enum { RESAMPLES = 2000 };

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void tn__sort(double *values, size_t n) { qsort(values, n, sizeof *values, ascending); }

double tn__quantile(const double *sorted, size_t n, double q) {
    double at = q * (double)(n - 1);
    size_t low = (size_t)at, high = low + 1 < n ? low + 1 : low;
    return sorted[low] + (at - (double)low) * (sorted[high] - sorted[low]);
}

double tn__median(double *values, size_t n) {
    tn__sort(values, n);
    return tn__quantile(values, n, 0.5);
}

double tn__median_deviation(double *values, size_t n, double *scratch) {
    double median = tn__median(values, n);
    for (size_t i = 0; i < n; i++) scratch[i] = fabs(values[i] - median);
    return tn__median(scratch, n);
}

uint64_t tn__random(uint64_t *seed) {
    uint64_t z = *seed += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int by_magnitude(const void *a, const void *b) {
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* Ranks are doubled, so that those that ties share are whole. ways[s]: the share of the 2^n choices of signs whose positive doubled
 * ranks sum up to s. */
double tn__wilcoxon(const double *values, size_t n) {
    double v[TN__WILCOXON_MOST], ways[TN__WILCOXON_MOST * (TN__WILCOXON_MOST + 1) + 1];
    size_t used = 0, sum = 0, positive = 0;
    for (size_t i = 0; i < n && i < TN__WILCOXON_MOST; i++)
        if (values[i] != 0) v[used++] = values[i];
    if (!used) return 1;
    qsort(v, used, sizeof *v, by_magnitude);
    size_t total = used * (used + 1);
    for (size_t s = 0; s <= total; s++) ways[s] = 0;
    ways[0] = 1;
    for (size_t i = 0; i < used;) {
        size_t end = i + 1;
        while (end < used && fabs(v[end]) == fabs(v[i])) end++;
        size_t rank = i + 1 + end; /* twice the mean of i + 1 .. end */
        for (; i < end; i++) {
            if (v[i] > 0) positive += rank;
            for (size_t s = sum + 1; s-- > 0;) {
                ways[s] /= 2;
                ways[s + rank] += ways[s];
            }
            sum += rank;
        }
    }
    size_t tail = positive < sum - positive ? positive : sum - positive;
    double p = 0;
    for (size_t s = 0; s <= tail; s++) p += ways[s];
    return 2 * p < 1 ? 2 * p : 1;
}

void tn__bootstrap_median(const double *values, size_t n, double confidence, uint64_t seed, double *out_low, double *out_high) {
    double medians[RESAMPLES], sample[TN__WILCOXON_MOST];
    for (int r = 0; r < RESAMPLES; r++) {
        for (size_t i = 0; i < n; i++) sample[i] = values[tn__random(&seed) % n];
        medians[r] = tn__median(sample, n);
    }
    tn__sort(medians, RESAMPLES);
    *out_low = tn__quantile(medians, RESAMPLES, (1 - confidence) / 2);
    *out_high = tn__quantile(medians, RESAMPLES, (1 + confidence) / 2);
}
