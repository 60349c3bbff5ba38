/* tenon compare: which of two is faster. A side is a model under options, or any command; samples alternate, the verdict has an interval
 * and says so when the noise is larger (docs/measuring.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "inputs.h"
#include "side.h"

typedef struct compare_settings {
    cli_target target;
    cli_inputs inputs;
    cli_texts a, b;
    tn__compare_settings run;
    int64_t rounds, calls, seed;
    const char *fail_if;
    bool json, self_test;
} compare_settings;

/* ---- one comparison ------------------------------------------------------------------------------------------ */

static void show_progress(void *self, int32_t round, int32_t rounds) { cli_progress("round %d of %d", round + 1, rounds); }

static json_t *array_of(const double *values, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_real(values[i]));
    return list;
}

static json_t *settings_json(const side *s, const cli_texts *own) {
    json_t *list = json_array();
    for (size_t i = 0; i < own->count; i++) json_array_append_new(list, json_string(own->items[i]));
    return json_pack("{ss sb so sI}", "name", s->name, "command", s->is_command, "settings", list, "calls_a_sample", (json_int_t)s->batch);
}

static void print_json(const side *a, const side *b, const compare_settings *s, const tn__comparison *c) {
    json_t *ends = json_array();
    for (int32_t r = 0; r < c->rounds; r++) json_array_append_new(ends, json_integer((json_int_t)c->round_end[r]));
    cli_print_json(json_pack("{ss so so sf sf sf sf sf ss si sI sf sf so so so}", "version", tn_version(), "a", settings_json(a, &s->a), "b",
                             settings_json(b, &s->b), "ratio", c->ratio, "low", c->low, "high", c->high, "p", c->p, "smallest_effect",
                             c->smallest, "verdict", tn__verdict_text(c->verdict), "rounds", c->rounds, "seed", (json_int_t)s->seed,
                             "median_a_s", c->median_a, "median_b_s", c->median_b, "round_ends", ends, "samples_a_s",
                             array_of(c->a.data, c->a.count), "samples_b_s", array_of(c->b.data, c->b.count)));
}

static void print_side(const char *letter, const side *s, const cli_texts *own, double median) {
    printf("%s  %s%s", letter, s->is_command ? "cmd:" : "", s->name);
    for (size_t i = 0; i < own->count; i++) printf(" %s", own->items[i]);
    printf(": %.4f ms\n", median * 1e3);
}

static void print_text(const side *a, const side *b, const compare_settings *s, const tn__comparison *c) {
    print_side("A", a, &s->a, c->median_a);
    print_side("B", b, &s->b, c->median_b);
    printf("B takes %.4f of A's time [%.4f, %.4f], %d rounds, %zu pairs: ", c->ratio, c->low, c->high, c->rounds, c->a.count);
    if (c->verdict) printf("B is %s (p = %.2g)\n", tn__verdict_text(c->verdict), c->p);
    else printf("%s (smallest effect we could have seen: %.2g %%)\n", tn__verdict_text(c->verdict), c->smallest * 100);
}

static int exit_code(const char *fail_if, tn__verdict v) {
    if (!fail_if || v == TN__VERDICT_NO_DIFFERENCE) return CLI_OK;
    if (!strcmp(fail_if, "different") || !strcmp(fail_if, tn__verdict_text(v))) return cli_fail("B is %s", tn__verdict_text(v));
    return CLI_OK;
}

static int compare_two(const char *name_a, const char *name_b, const compare_settings *s) {
    tn_context *context;
    side a = {0}, b = {0};
    tn__comparison c = {0};
    tn_error *e = cli_context_create(&s->target.limits, &context);
    if (e) return cli_fail_error(e);
    e = side_open(&a, context, name_a, &s->target, &s->inputs, &s->a);
    if (!e) e = side_open(&b, context, name_b, &s->target, &s->inputs, &s->b);
    if (!e) e = side_compare(&a, &b, &s->run, &c);
    cli_progress_end();
    int code = e ? cli_fail_error(e) : CLI_OK;
    if (!code && s->json) print_json(&a, &b, s, &c);
    if (!code && !s->json) print_text(&a, &b, s, &c);
    if (!code) code = exit_code(s->fail_if, c.verdict);
    tn__comparison_deinit(&tn__allocator_malloc, &c);
    side_free(&a), side_free(&b);
    tn_context_release(context);
    return code;
}

/* ---- self-test ----------------------------------------------------------------------------------------------- */

enum { SAME = 200, PLANTED = 100, MOST_FALSE = 2, LEAST_FOUND = 95, SELF_TEST_ROUNDS = 13 };

/* A product of 64 x 256 by 256 x 256 and its maximum with 0: some 40 microseconds. */
static const char self_test_graph[] = "graph \"self_test\" {\n  input %1 \"x\" : f32[64,256]\n  input %2 \"w\" : f32[256,256]\n"
                                      "  %3 = matmul(%1, %2) : f32[64,256]\n  %4 = relu(%3) : f32[64,256]\n  output \"y\" %4\n}\n";

static tn_error *self_test_side(tn_context *context, const compare_settings *s, side *out) {
    *out = (side){.name = "self-test", .context = context, .n_in = 2, .n_out = 1};
    cli_inputs inputs = {.scale = -1, .missing_random = true};
    TN__TRY(cli_options_create(context, &s->target, &out->options));
    if (!s->target.threads) TN__TRY(tn_options_set(out->options, "threads", "1"));
    TN__TRY(tn_graph_parse(context, self_test_graph, &out->graph));
    return cli_inputs_make(context, out->graph, &inputs, &out->in);
}

static tn_error *count_verdicts(side *a, side *b, tn__compare_settings *run, int trials, const char *what, tn__verdict counted, int *out) {
    *out = 0;
    for (int t = 0; t < trials; t++) {
        tn__comparison c;
        cli_progress("%s: %d of %d", what, t + 1, trials);
        run->seed++;
        tn_error *e = side_compare(a, b, run, &c);
        *out += !e && (counted == TN__VERDICT_NO_DIFFERENCE ? c.verdict != counted : c.verdict == counted);
        tn__comparison_deinit(&tn__allocator_malloc, &c);
        if (e) return e;
    }
    return NULL;
}

static int self_test(const compare_settings *s) {
    tn_context *context;
    side a = {0}, b = {0};
    int n_false = 0, n_found = 0;
    tn__compare_settings run = s->run;
    run.progress = NULL;
    if (!run.seconds) run.seconds = 0.25;
    if (!run.rounds) run.rounds = SELF_TEST_ROUNDS;
    tn_error *e = cli_context_create(&s->target.limits, &context);
    if (e) return cli_fail_error(e);
    e = self_test_side(context, s, &a);
    if (!e) e = self_test_side(context, s, &b);
    if (!e) e = count_verdicts(&a, &b, &run, SAME, "a thing with itself", TN__VERDICT_NO_DIFFERENCE, &n_false);
    b.planted = 0.03;
    if (!e) e = count_verdicts(&a, &b, &run, PLANTED, "3 % slower", TN__VERDICT_SLOWER, &n_found);
    cli_progress_end();
    side_free(&a), side_free(&b);
    tn_context_release(context);
    if (e) return cli_fail_error(e);
    bool ok = n_false <= MOST_FALSE && n_found >= LEAST_FOUND;
    if (s->json)
        cli_print_json(json_pack("{ss si si si si sb}", "version", tn_version(), "same", SAME, "false_verdicts", n_false, "planted", PLANTED,
                                 "found", n_found, "ok", ok));
    else
        printf("%d comparisons of a thing with itself: %d false verdicts (at most %d)\n%d with a planted slowdown of 3 %%: %d found (at "
               "least %d)\n", SAME, n_false, MOST_FALSE, PLANTED, n_found, LEAST_FOUND);
    return ok ? CLI_OK : cli_fail("this machine is too noisy now for %g s a comparison", run.seconds);
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

static int check_arguments(compare_settings *s, const cli_texts *operands) {
    if (s->self_test) return operands->count ? cli_usage("compare --self-test takes no operands") : -1;
    if (operands->count < 1 || operands->count > 2) return cli_usage("compare wants one or two sides: models, or \"cmd:COMMAND\"");
    if (operands->count == 1 && !s->a.count && !s->b.count) return cli_usage("compare: one model wants --a or --b, its options on one side");
    if (s->rounds && (s->rounds < TN__COMPARE_ROUNDS_LEAST || s->rounds > TN__COMPARE_ROUNDS_MOST))
        return cli_usage("compare: --rounds wants %d to %d", TN__COMPARE_ROUNDS_LEAST, TN__COMPARE_ROUNDS_MOST);
    if (s->calls > INT32_MAX) return cli_usage("compare: --calls is too large");
    if (s->fail_if && strcmp(s->fail_if, "slower") && strcmp(s->fail_if, "faster") && strcmp(s->fail_if, "different"))
        return cli_usage("compare: --fail-if wants slower, faster or different, found '%s'", s->fail_if);
    return -1;
}

int cli_cmd_compare(const cli_verb *verb, int argc, char **argv) {
    compare_settings s = {.inputs = {.scale = -1, .missing_random = true}, .seed = 1, .run = {.progress = show_progress}};
    const cli_option options[] = {
        {"a", CLI_TEXTS, &s.a, "KEY=VALUE", "an option of the library for side A; may be repeated"},
        {"b", CLI_TEXTS, &s.b, "KEY=VALUE", "likewise for side B; one model may stand for both sides"},
        {"rounds", CLI_COUNT, &s.rounds, "N", "rounds, each with both sides prepared anew (25)"},
        {"calls", CLI_COUNT, &s.calls, "N", "pairs of samples in a round"},
        {"seconds", CLI_REAL, &s.run.seconds, "S", "or: time of all samples together (5)"},
        {"seed", CLI_COUNT, &s.seed, "N", "of the order of the samples and the interval (1)"},
        {"fail-if", CLI_TEXT, &s.fail_if, "VERDICT", "exit with 1 if B is slower, faster, or different (either)"},
        {"self-test", CLI_FLAG, &s.self_test, NULL, "200 comparisons of a thing with itself, 100 with a planted slowdown"},
        CLI_INPUT_OPTIONS(&s.inputs),
        CLI_TARGET_OPTIONS(&s.target),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON with every sample"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0) code = check_arguments(&s, &operands);
    s.run.rounds = (int32_t)s.rounds, s.run.calls = (int32_t)s.calls, s.run.seed = (uint64_t)s.seed;
    if (code < 0) code = s.self_test ? self_test(&s) : compare_two(operands.items[0], operands.items[operands.count - 1], &s);
    cli_inputs_free(&s.inputs);
    cli_target_free(&s.target);
    cli_texts_free(&s.a), cli_texts_free(&s.b);
    cli_texts_free(&operands);
    return code;
}
