/* tenon tune: the options under which a model is best for a goal, within bounds on error and memory.
 *
 * Every combination of the values in question is timed, the defaults first, and kept in the record store. Of those that cannot be told
 * from the best, the first in the order of --over is chosen, so that noise does not choose; a choice for latency that an interleaved
 * comparison with the defaults does not call faster is dropped. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/os.h"
#include "base/os_thread.h"
#include "side.h"
#include "space.h"
#include "tune_kernels.h"

typedef enum tune_goal { GOAL_LATENCY, GOAL_THROUGHPUT, GOAL_MEMORY, GOAL_ACCURACY, GOALS } tune_goal;
static const char *const goal_names[GOALS] = {"latency", "throughput", "memory", "accuracy"};

typedef struct tune_settings {
    timing_settings timing;
    cli_texts over;
    const char *goal_name, *db, *output;
    tune_goal goal;
    double budget, max_error, max_memory; /* seconds; INFINITY: no bound */
    bool json, force, kernels;
} tune_settings;

/* What is to be small, with its interval. */
typedef struct cost {
    double value, low, high;
} cost;

static cost cost_of(const space_result *r, tune_goal goal) {
    switch (goal) {
    case GOAL_LATENCY: return (cost){r->median, r->low, r->high};
    case GOAL_THROUGHPUT: /* the interval is that of a call, scaled */
        return (cost){1 / r->calls_a_second, r->low / r->median / r->calls_a_second, r->high / r->median / r->calls_a_second};
    case GOAL_MEMORY: return (cost){r->bytes, r->bytes, r->bytes};
    default: return (cost){r->error, r->error, r->error};
    }
}

static bool allowed(const space_result *r, const tune_settings *s) {
    return (isinf(s->max_error) || r->error <= s->max_error) && r->bytes <= s->max_memory;
}

/* The first that cannot be told from the best of those allowed; -1: none is. */
static int64_t choose(const space_result *results, int64_t n, const tune_settings *s) {
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++)
        if (allowed(&results[i], s) && (best < 0 || cost_of(&results[i], s->goal).value < cost_of(&results[best], s->goal).value)) best = i;
    for (int64_t i = 0; i < best; i++)
        if (allowed(&results[i], s) && cost_of(&results[i], s->goal).low <= cost_of(&results[best], s->goal).high) return i;
    return best;
}

/* Is nothing else as good in time, memory and error, and better in one? What was not compared counts as equal. */
static bool undominated(const space_result *results, int64_t n, int64_t at) {
    const space_result *y = &results[at];
    for (int64_t i = 0; i < n; i++) {
        const space_result *x = &results[i];
        bool worse = x->median > y->median || x->bytes > y->bytes || x->error > y->error;
        bool better = x->high < y->low || x->bytes < y->bytes || x->error < y->error; /* in time: beyond the noise */
        if (i != at && !worse && better) return false;
    }
    return true;
}

/* ---- output -------------------------------------------------------------------------------------------------- */

static const char *error_text(double error, char *buffer, size_t bytes) {
    if (isnan(error)) return "-";
    snprintf(buffer, bytes, "%.2g", error);
    return buffer;
}

static void print_results(const space_result *results, int64_t n, int64_t chosen, const tune_settings *s) {
    char error[32];
    printf("   median ms  [95 %% interval]         calls/s        MB  error against ref\n");
    for (int64_t i = 0; i < n; i++) {
        const space_result *r = &results[i];
        printf("%c%c %9.4f  [%9.4f, %9.4f] %10.1f %9.3f  %-10s %s%s%s\n", i == chosen ? '*' : ' ', undominated(results, n, i) ? 'p' : ' ',
               r->median * 1e3, r->low * 1e3, r->high * 1e3, r->calls_a_second, r->bytes * 1e-6, error_text(r->error, error, sizeof error), r->what,
               r->kept ? "  (kept)" : "", allowed(r, s) ? "" : "  (not allowed)");
    }
    printf("*: chosen   p: no other is as good in time, memory and error and better in one   MB: arena, constants and code\n");
}

static json_t *result_json(const space_result *results, int64_t n, int64_t at, const tune_settings *s) {
    const space_result *r = &results[at];
    return json_pack("{ss sf sf sf sf sf so sb sb sb}", "settings", r->what, "median_s", r->median, "low_s", r->low, "high_s", r->high, "calls_a_second",
                     r->calls_a_second, "bytes", r->bytes, "error", cli_json_real(r->error), "allowed", allowed(r, s), "pareto",
                     undominated(results, n, at), "kept", r->kept);
}

/* `text` followed by a value in quotes, as files of options want it. Frees `text`. */
static char *add_quoted(char *text, const char *value) {
    char *longer = cli_alloc(strlen(text) + 2 * strlen(value) + 4), *end = longer + sprintf(longer, "%s\"", text);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\') *end++ = '\\';
        *end++ = *value;
    }
    strcpy(end, "\"\n");
    free(text);
    return longer;
}

/* A file for --config and TENON_CONFIG. */
static tn_error *write_config(const char *path, const space *over, int64_t at, const tune_settings *s) {
    cli_texts options = {0}, dims = {0};
    char *what = space_settle(over, at, &options, &dims);
    char *text = cli_printf("# tenon tune, Tenon %s: goal %s\n", tn_version(), goal_names[s->goal]);
    for (size_t i = 0; i < options.count; i++) {
        const char *equals = strchr(options.items[i], '=');
        char *longer = cli_printf("%s%.*s = ", text, (int)(equals - options.items[i]), options.items[i]);
        free(text);
        text = add_quoted(longer, equals + 1);
    }
    tn__os_span span = {text, strlen(text)};
    tn_error *e = tn__os_write_file(&tn__allocator_malloc, path, &span, 1);
    free(text), free(what);
    cli_texts_free(&options), cli_texts_free(&dims);
    return e;
}

/* ---- the search ---------------------------------------------------------------------------------------------- */

/* The chosen options against the defaults, interleaved. */
static tn_error *confirm(const space_run *run, const space *over, int64_t at, const tune_settings *s, tn__comparison *out) {
    cli_texts none = {0}, with = {0}, dims = {0};
    side a = {0}, b = {0};
    tn__compare_settings how = {.seconds = 4 * s->timing.seconds + 1, .seed = 1, .rounds = 15};
    free(space_settle(over, at, &with, &dims));
    cli_progress("comparing the choice with the defaults");
    tn_error *e = side_open(&a, run->context, run->path, &s->timing.target, &s->timing.inputs, &none);
    if (!e) e = side_open(&b, run->context, run->path, &s->timing.target, &s->timing.inputs, &with);
    if (!e) e = side_compare(&a, &b, &how, out);
    cli_progress_end();
    side_free(&a), side_free(&b);
    cli_texts_free(&with), cli_texts_free(&dims);
    return e;
}

static tn_error *finish(const space_run *run, const space *over, const space_result *results, int64_t n, const tune_settings *s) {
    int64_t chosen = choose(results, n, s);
    tn__comparison c = {0};
    tn_error *e = NULL;
    bool compared = s->goal == GOAL_LATENCY && chosen > 0 && allowed(&results[0], s);
    if (compared) e = confirm(run, over, results[chosen].at, s, &c);
    if (e) return e;
    int64_t found = chosen;
    if (compared && c.verdict != TN__VERDICT_FASTER) chosen = 0;
    if (s->json) {
        json_t *list = json_array(), *o;
        for (int64_t i = 0; i < n; i++) json_array_append_new(list, result_json(results, n, i, s));
        o = json_pack("{ss ss so sI so}", "version", tn_version(), "goal", goal_names[s->goal], "results", list, "combinations",
                      (json_int_t)over->total, "chosen", chosen < 0 ? json_null() : json_string(results[chosen].what));
        if (compared)
            json_object_set_new(o, "compared", json_pack("{ss ss sf sf sf}", "settings", results[found].what, "verdict", tn__verdict_text(c.verdict),
                                                         "ratio", c.ratio, "low", c.low, "high", c.high));
        cli_print_json(o);
    } else {
        print_results(results, n, chosen, s);
        if (compared)
            printf("%s against the defaults, interleaved: %.4f of the time [%.4f, %.4f]: %s\n", results[found].what, c.ratio, c.low, c.high,
                   tn__verdict_text(c.verdict));
        if (n < over->total + 1)
            printf("%lld of %lld combinations within the budget: the same command goes on\n", (long long)n, (long long)over->total + 1);
    }
    tn__comparison_deinit(&tn__allocator_malloc, &c);
    if (chosen < 0) return TN__FAIL(NULL, NOT_FOUND, "no combination keeps to --max-error and --max-memory");
    if (!s->json) printf("for %s: %s\n", goal_names[s->goal], results[chosen].what);
    return s->output ? write_config(s->output, over, results[chosen].at, s) : NULL;
}

static tn_error *tune(const char *path, const tune_settings *s, const space *over) {
    space_run run = {.path = path, .kind = "tune", .timing = s->timing, .force = s->force};
    space_result *results = cli_alloc((size_t)(over->total + 1) * sizeof *results);
    int64_t done = 0;
    uint64_t start = cli_now_ns();
    tn_error *e = cli_context_create(&s->timing.target.limits, &run.context);
    if (!e) e = store_open(s->db, true, &run.db);
    for (int64_t at = SPACE_DEFAULTS; !e && at < over->total && (at < 0 || (double)(cli_now_ns() - start) < s->budget * 1e9); at++) {
        cli_progress("combination %lld of %lld", (long long)done + 1, (long long)over->total + 1);
        e = space_time(&run, over, at, &results[done++]);
    }
    cli_progress_end();
    if (!e) e = finish(&run, over, results, done, s);
    for (int64_t i = 0; i < done; i++) free(results[i].what);
    free(results);
    store_close(run.db);
    if (run.context) tn_context_release(run.context);
    return e;
}

/* Threads by powers of two up to all, and the layouts and the pass that do not pay for every model; with a bound on errors, what is less
 * exact, too. */
static void default_space(const tune_settings *s, cli_texts *over) {
    cli_texts_add(over, "layout=auto,nchw,blocked");
    cli_texts_add(over, "passes_off=,stages");
    if (!isinf(s->max_error)) {
        cli_texts_add(over, "winograd=off,auto");
        cli_texts_add(over, "precision=f32,bf16,int8");
    }
    if (s->timing.target.threads) return; /* the user chose */
    int64_t all = tn__os_processor_count();
    char *threads = cli_printf("threads=1");
    for (int64_t n = 2; n < 2 * all; n *= 2) {
        char *longer = cli_printf("%s,%lld", threads, (long long)(n < all ? n : all));
        free(threads);
        threads = longer;
    }
    cli_texts_add(over, threads);
    free(threads);
}

static tn_error *check(tune_settings *s, const space *over) {
    int found = -1;
    for (int i = 0; i < GOALS; i++)
        if (!strcmp(s->goal_name, goal_names[i])) found = i;
    if (found < 0) return TN__FAIL(NULL, INVALID_ARGUMENT, "--goal: found '%s', wanted latency, throughput, memory or accuracy", s->goal_name);
    s->goal = (tune_goal)found;
    for (size_t i = 0; i < over->n; i++)
        if (!strncmp(over->axes[i].key, "dim.", 4))
            return TN__FAIL(NULL, INVALID_ARGUMENT, "--over %s: another size is another problem; give it by --dim", over->axes[i].key);
    if (s->goal == GOAL_THROUGHPUT && !s->timing.streams) s->timing.streams = tn__os_processor_count();
    if (s->goal == GOAL_ACCURACY || !isinf(s->max_error)) s->timing.check = true;
    return NULL;
}

int cli_cmd_tune(const cli_verb *verb, int argc, char **argv) {
    tune_settings s = {.timing = {.inputs = {.scale = -1, .missing_random = true}, .seconds = 0.5, .hash = true}, .goal_name = "latency",
                       .budget = 120, .max_error = INFINITY, .max_memory = INFINITY};
    const cli_option options[] = {
        {"goal", CLI_TEXT, &s.goal_name, "GOAL", "latency (default), throughput, memory or accuracy"},
        {"kernels", CLI_FLAG, &s.kernels, NULL, "search for schedules of the kernels, for latency, instead of options"},
        {"max-error", CLI_REAL, &s.max_error, "X", "largest absolute error of the outputs against ref that is allowed"},
        {"max-memory", CLI_REAL, &s.max_memory, "BYTES", "of arena, constants and code"},
        {"over", CLI_TEXTS, &s.over, "KEY=V,V,...",
         "an option and its values; repeatable (default: threads, layout, a pass; with --max-error winograd, precision)"},
        {"budget", CLI_REAL, &s.budget, "S", "seconds after which no further combination is begun (120)"},
        {"output", CLI_TEXT, &s.output, "FILE", "write the chosen options, for --config or TENON_CONFIG"},
        SPACE_OPTIONS(&s.timing, &s.force, &s.db),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON"},
        {0}};
    cli_texts operands = {0};
    space over = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("tune wants one model file");
    if (code < 0 && s.kernels && (s.over.count || s.output || strcmp(s.goal_name, "latency") || !isinf(s.max_error) || !isinf(s.max_memory)))
        code = cli_usage("tune --kernels keeps results and memory as they are: it wants no --goal, --over, --output and bounds");
    if (code < 0 && s.kernels) {
        tn_error *e = tune_kernels(operands.items[0], &s.timing, s.budget, s.json);
        code = e ? cli_fail_error(e) : CLI_OK;
    } else if (code < 0) {
        if (!s.over.count) default_space(&s, &s.over);
        tn_error *e = space_read(&s.over, &over);
        if (!e) e = check(&s, &over);
        if (!e) e = tune(operands.items[0], &s, &over);
        code = e ? cli_fail_error(e) : CLI_OK;
    }
    space_free(&over);
    cli_inputs_free(&s.timing.inputs);
    cli_target_free(&s.timing.target);
    cli_texts_free(&s.over);
    cli_texts_free(&operands);
    return code;
}
