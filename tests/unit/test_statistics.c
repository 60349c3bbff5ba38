/* Statistics against values worked out by hand, and the verdict on synthetic rounds: how often it is wrong, and what it finds. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/comparison.h"

static void near(double found, double wanted) {
    if (!(fabs(found - wanted) <= 1e-12 * fmax(1, fabs(wanted)))) fail_msg("found %.17g, wanted %.17g", found, wanted);
}

static void test_quantiles(void **state) {
    double v[] = {5, 1, 4, 2}, one[] = {7}, scratch[4];
    near(tn__median(v, 4), 3);
    near(tn__quantile(v, 4, 0), 1);
    near(tn__quantile(v, 4, 1), 5);
    near(tn__quantile(v, 4, 0.9), 4.7);
    near(tn__median_deviation(v, 4, scratch), 1.5);
    near(tn__median(one, 1), 7);
}

/* Of n values all signs are equally likely: 2^n cases, counted by hand. */
static void test_wilcoxon(void **state) {
    near(tn__wilcoxon((double[]){1, 2, 3, 4, 5}, 5), 2.0 / 32);
    near(tn__wilcoxon((double[]){-1, 2, 3, 4, 5}, 5), 4.0 / 32);
    near(tn__wilcoxon((double[]){1, 2, -3, 4, 5}, 5), 10.0 / 32); /* sums up to 3: {} {1} {2} {3} {1,2} */
    near(tn__wilcoxon((double[]){0, 1, 0, 2, 3}, 5), 2.0 / 8);
    near(tn__wilcoxon((double[]){1, 1}, 2), 2.0 / 4); /* both have rank 1.5 */
    near(tn__wilcoxon((double[]){1, -1}, 2), 1);
    near(tn__wilcoxon((double[]){0, 0}, 2), 1);
    double all[TN__WILCOXON_MOST];
    for (int i = 0; i < TN__WILCOXON_MOST; i++) all[i] = i + 1;
    near(tn__wilcoxon(all, TN__WILCOXON_MOST), ldexp(1, 1 - TN__WILCOXON_MOST));
}

static void test_bootstrap(void **state) {
    double v[25], low, high, low2, high2;
    for (int i = 0; i < 25; i++) v[i] = i;
    tn__bootstrap_median(v, 25, 0.95, 1, &low, &high);
    assert_true(low >= 4 && low <= 9 && high >= 15 && high <= 20); /* order statistics 8 and 18 bound the median at 95.7 % */
    tn__bootstrap_median(v, 25, 0.95, 1, &low2, &high2);
    assert_true(low == low2 && high == high2);
    tn__bootstrap_median((double[]){3}, 1, 0.95, 1, &low, &high);
    assert_true(low == 3 && high == 3);
}

/* Rounds as a shared machine gives them: most near, one in twelve far off to either side. */
static double noise(uint64_t *seed) {
    double u = 0;
    for (int i = 0; i < 6; i++) u += (double)(tn__random(seed) >> 11) * 0x1p-53 - 0.5;
    return u * (tn__random(seed) % 12 ? 0.01 : 0.1);
}

static int verdicts(double effect, int trials, tn__verdict wanted) {
    uint64_t seed = 42;
    int n = 0;
    for (int t = 0; t < trials; t++) {
        tn__comparison c = {.rounds = 25};
        for (int r = 0; r < 25; r++) c.log_ratio[r] = noise(&seed) + log1p(effect);
        tn__compare_judge(&c, 7);
        assert_true(c.low <= c.ratio && c.ratio <= c.high);
        n += c.verdict == wanted;
    }
    return n;
}

static void test_verdicts(void **state) {
    assert_true(verdicts(0, 500, TN__VERDICT_NO_DIFFERENCE) >= 498);
    assert_true(verdicts(0.03, 100, TN__VERDICT_SLOWER) >= 95);
    assert_true(verdicts(-0.03, 100, TN__VERDICT_FASTER) >= 95);
    assert_true(verdicts(0.001, 100, TN__VERDICT_SLOWER) <= 2); /* too small to be said, if real */
}

static void test_smallest_effect(void **state) {
    uint64_t seed = 3;
    tn__comparison c = {.rounds = 25};
    for (int r = 0; r < 25; r++) c.log_ratio[r] = noise(&seed);
    tn__compare_judge(&c, 7);
    double middle = log(c.ratio), smallest = c.smallest;
    assert_true(smallest > 0.003 && smallest < 0.1);
    for (int r = 0; r < 25; r++) c.log_ratio[r] += log1p(smallest * 1.01) - middle;
    tn__compare_judge(&c, 7);
    assert_int_equal(c.verdict, TN__VERDICT_SLOWER);
}

/* A side that takes what it is told to. */
typedef struct clock {
    double seconds;
    uint64_t seed;
    int begun, ended, calls, fail_at;
} clock;

static tn_error *clock_begin(void *self) { return ((clock *)self)->begun++, NULL; }
static void clock_end(void *self) { ((clock *)self)->ended++; }

static tn_error *clock_call(void *self, double *seconds) {
    clock *c = self;
    if (++c->calls == c->fail_at) return TN__FAIL(NULL, INTERNAL, "call %d", c->calls);
    *seconds = c->seconds * exp(noise(&c->seed));
    return NULL;
}

static void test_run(void **state) {
    clock a = {.seconds = 1e-3, .seed = 1}, b = {.seconds = 1.05e-3, .seed = 2};
    tn__compare_side sides[] = {{&a, clock_begin, clock_call, clock_end}, {&b, clock_begin, clock_call, clock_end}};
    tn__compare_settings s = {.rounds = 12, .calls = 9};
    tn__comparison c;
    assert_null(tn__compare(&tn__allocator_malloc, &s, &sides[0], &sides[1], &c));
    assert_int_equal(c.verdict, TN__VERDICT_SLOWER);
    assert_true(c.low <= 1.05 && 1.05 <= c.high);
    assert_int_equal(c.a.count, 12 * 9);
    assert_int_equal(c.b.count, 12 * 9);
    assert_int_equal(c.round_end[11], 12 * 9);
    assert_int_equal(a.begun, 12);
    assert_int_equal(b.ended, 12);
    tn__comparison_deinit(&tn__allocator_malloc, &c);

    s.calls = 0, s.seconds = 12 * 0.1; /* 0.1 s a round: 49 pairs of 2.05 ms, more or less */
    assert_null(tn__compare(&tn__allocator_malloc, &s, &sides[0], &sides[1], &c));
    assert_true(c.a.count > 12 * 40 && c.a.count < 12 * 60);
    tn__comparison_deinit(&tn__allocator_malloc, &c);

    for (int at = 1; at < 30; at += 7) {
        a = (clock){.seconds = 1e-3, .fail_at = at};
        tn_error *e = tn__compare(&tn__allocator_malloc, &s, &sides[0], &sides[1], &c);
        assert_non_null(e);
        assert_int_equal(a.begun, a.ended);
        tn_error_destroy(e);
        tn__comparison_deinit(&tn__allocator_malloc, &c);
    }
    s.rounds = 3;
    tn_error *e = tn__compare(&tn__allocator_malloc, &s, &sides[0], &sides[1], &c);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_RANGE);
    tn_error_destroy(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quantiles), cmocka_unit_test(test_wilcoxon),
                                       cmocka_unit_test(test_bootstrap), cmocka_unit_test(test_verdicts),
                                       cmocka_unit_test(test_smallest_effect), cmocka_unit_test(test_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
