#include "measure/comparison.h"

#include <math.h>

#include "base/os_thread.h"

enum { ROUNDS = 25, WARM_CALLS = 2, CALLS_LEAST = 3, CALLS_MOST = 100000 };
static const double default_seconds = 5;
/* A verdict wants all of these. A/A comparisons then go wrong less than once in 500 by the test alone (docs/measuring.md). */
static const double most_p = 0.002, confidence = 0.95, least_effect = 0.003;

/* ---- the verdict --------------------------------------------------------------------------------------------- */

static tn__verdict judge(double p, double middle, double low, double high) {
    if (p > most_p || (low <= 0 && high >= 0) || fabs(middle) < least_effect) return TN__VERDICT_NO_DIFFERENCE;
    return middle > 0 ? TN__VERDICT_SLOWER : TN__VERDICT_FASTER;
}

/* The smallest difference that would have been found: these rounds, moved from the middle by ever less. The interval moves with them. */
static double smallest_effect(const double *log_ratio, size_t n, double middle, double low, double high) {
    double moved[TN__COMPARE_ROUNDS_MOST], below = 0, above = 8;
    for (int step = 0; step < 30; step++) {
        double d = (below + above) / 2;
        for (size_t i = 0; i < n; i++) moved[i] = log_ratio[i] - middle + d;
        if (judge(tn__wilcoxon(moved, n), d, low - middle + d, high - middle + d)) above = d;
        else below = d;
    }
    return expm1(above);
}

void tn__compare_judge(tn__comparison *c, uint64_t seed) {
    double sorted[TN__COMPARE_ROUNDS_MOST], low, high;
    size_t n = (size_t)c->rounds;
    memcpy(sorted, c->log_ratio, n * sizeof *sorted);
    double middle = tn__median(sorted, n);
    c->p = tn__wilcoxon(c->log_ratio, n);
    tn__bootstrap_median(c->log_ratio, n, confidence, seed, &low, &high);
    c->verdict = judge(c->p, middle, low, high);
    c->ratio = exp(middle), c->low = exp(low), c->high = exp(high);
    c->smallest = smallest_effect(c->log_ratio, n, middle, low, high);
}

const char *tn__verdict_text(tn__verdict v) {
    return v == TN__VERDICT_FASTER ? "faster" : v == TN__VERDICT_SLOWER ? "slower" : "no difference found";
}

/* ---- the run ------------------------------------------------------------------------------------------------- */

static tn_error *one_call(const tn__compare_side *s, double *seconds) {
    TN__TRY(s->call(s->self, seconds));
    if (!(*seconds > 0)) *seconds = 1e-9; /* a clock that stood still */
    return NULL;
}

static tn_error *run_pairs(const tn_allocator *a, const tn__compare_settings *s, const tn__compare_side *sides[2], int32_t rounds,
                           uint64_t *seed, tn__comparison *out) {
    double seconds[2], spent = 0, wanted = (s->seconds > 0 ? s->seconds : default_seconds) / rounds;
    for (int warm = 0; warm < WARM_CALLS; warm++)
        for (int side = 0; side < 2; side++) TN__TRY(one_call(sides[side], &seconds[side]));
    uint64_t end = tn__os_clock_ns() + (uint64_t)(wanted * 1e9); /* a sample may be the mean of many calls, and take as many times as long */
    for (int32_t n = 0; s->calls ? n < s->calls : n < CALLS_LEAST || (spent < wanted && n < CALLS_MOST && tn__os_clock_ns() < end); n++) {
        int first = (int)(tn__random(seed) & 1);
        TN__TRY(one_call(sides[first], &seconds[first]));
        TN__TRY(one_call(sides[!first], &seconds[!first]));
        if (!TN__PUSH(a, &out->a, seconds[0]) || !TN__PUSH(a, &out->b, seconds[1])) return tn__error_oom();
        spent += seconds[0] + seconds[1];
    }
    return NULL;
}

static double median_of(const double *values, size_t n, double *scratch) {
    memcpy(scratch, values, n * sizeof *scratch);
    return tn__median(scratch, n);
}

static tn_error *run_round(const tn_allocator *a, const tn__compare_settings *s, const tn__compare_side *sides[2], int32_t rounds,
                           uint64_t *seed, tn__comparison *out) {
    int first = (int)(tn__random(seed) & 1);
    tn_error *e = sides[first]->begin(sides[first]->self);
    if (!e) {
        e = sides[!first]->begin(sides[!first]->self);
        if (!e) e = run_pairs(a, s, sides, rounds, seed, out);
        sides[!first]->end(sides[!first]->self);
    }
    sides[first]->end(sides[first]->self);
    return e;
}

static tn_error *summarise(const tn_allocator *a, tn__comparison *c, uint64_t seed) {
    double *scratch = tn__alloc(a, c->a.count * sizeof *scratch);
    if (!scratch) return tn__error_oom();
    for (int32_t r = 0; r < c->rounds; r++) {
        size_t from = r ? c->round_end[r - 1] : 0, n = c->round_end[r] - from;
        double of_a = median_of(c->a.data + from, n, scratch);
        c->log_ratio[r] = log(median_of(c->b.data + from, n, scratch) / of_a);
    }
    c->median_a = median_of(c->a.data, c->a.count, scratch);
    c->median_b = median_of(c->b.data, c->b.count, scratch);
    tn__free(a, scratch, c->a.count * sizeof *scratch);
    tn__compare_judge(c, seed);
    return NULL;
}

tn_error *tn__compare(const tn_allocator *a, const tn__compare_settings *settings, const tn__compare_side *side_a,
                      const tn__compare_side *side_b, tn__comparison *out) {
    *out = (tn__comparison){0};
    int32_t rounds = settings->rounds ? settings->rounds : ROUNDS;
    if (rounds < TN__COMPARE_ROUNDS_LEAST || rounds > TN__COMPARE_ROUNDS_MOST)
        return TN__FAIL(a, OUT_OF_RANGE, "compare: found %d rounds, wanted %d to %d", rounds, TN__COMPARE_ROUNDS_LEAST,
                        TN__COMPARE_ROUNDS_MOST);
    uint64_t seed = settings->seed;
    const tn__compare_side *sides[2] = {side_a, side_b};
    for (out->rounds = 0; out->rounds < rounds; out->rounds++) {
        if (settings->progress) settings->progress(settings->progress_self, out->rounds, rounds);
        TN__TRY(run_round(a, settings, sides, rounds, &seed, out));
        out->round_end[out->rounds] = out->a.count;
    }
    return summarise(a, out, settings->seed);
}

void tn__comparison_deinit(const tn_allocator *a, tn__comparison *c) {
    TN__VEC_FREE(a, &c->a);
    TN__VEC_FREE(a, &c->b);
}
