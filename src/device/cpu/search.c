/* The search for tuned schedules.
 *
 * A round compiles the whole program with another choice for as many kernels as share no launch (search_plan.h), and runs it in turn with
 * the program as it is; the times of the launches say what each choice did. Choices come in the order of the cost model, so a budget that
 * ends early has seen the likely ones. What wins is measured once more, all together, before it is kept. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/os_thread.h"
#include "codegen/codegen.h"
#include "device/cpu/cpu.h"
#include "device/cpu/search_plan.h"
#include "rt/tensor.h"

enum { LEAST_PAIRS = 7, MOST_PAIRS = 201 };
static const double pairs_seconds = 0.2, final_seconds = 0.6;
static const double least_gain = 0.01;   /* of the time of a kernel's launches */
static const double least_share = 0.002; /* of the program's time: a kernel whose launches are below it is left to the rule */

typedef struct search {
    const tn__device_config *config; /* the user's */
    tn__device_config own;           /* of the trials */
    const tn_graph *graph;
    const tn_allocator *a;
    const char *cpu;
    tn__tuning *table; /* the user's, to be filled */
    tn__arena arena;
    tn__search_plan plan;
    tn_tensor **in, **out;
    uint32_t n_in, n_out;
    uint64_t begin, deadline;
    uint32_t rounds; /* played */
    char *trials_path;    /* NULL: none */
    uint64_t trials_read; /* bytes of it */
} search;

/* ---- numbers to run on --------------------------------------------------------------------------------------- */

/* Small numbers of both signs; integers are 0, which is a valid index of anything. */
static void fill(tn_tensor *t, uint32_t seed) {
    memset(t->data, 0, t->bytes);
    if (t->dtype != TN_DTYPE_f32) return;
    float *x = t->data;
    for (int64_t i = 0; i < t->elements; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
}

static tn_error *make_tensors(search *s) {
    const tn_graph *g = s->graph;
    s->n_in = (uint32_t)g->inputs.count, s->n_out = (uint32_t)g->outputs.count;
    s->in = TN__ARENA_ARRAY(&s->arena, tn_tensor *, s->n_in + 1);
    s->out = TN__ARENA_ARRAY(&s->arena, tn_tensor *, s->n_out + 1);
    if (!s->in || !s->out) return tn__error_oom();
    for (uint32_t i = 0; i < s->n_in + s->n_out; i++) {
        const tn__type *t = tn__type_of(g, i < s->n_in ? g->inputs.data[i].value : g->outputs.data[i - s->n_in].value);
        tn_tensor **x = i < s->n_in ? &s->in[i] : &s->out[i - s->n_in];
        TN__TRY(tn_tensor_create(s->config->context, t->dtype, t->rank, t->dims, x));
        fill(*x, i + 1);
    }
    return NULL;
}

static void free_tensors(search *s) {
    for (uint32_t i = 0; s->in && i < s->n_in; i++) tn_tensor_release(s->in[i]);
    for (uint32_t i = 0; s->out && i < s->n_out; i++) tn_tensor_release(s->out[i]);
}

/* ---- trials -------------------------------------------------------------------------------------------------- */

typedef struct trial {
    tn__artefact *artefact;
    uint64_t *step_ns;
    size_t n_steps;
} trial;

static void trial_end(const search *s, trial *t) {
    if (t->artefact) tn__device_cpu.destroy(t->artefact);
    if (t->step_ns) tn__free(s->a, t->step_ns, t->n_steps * sizeof *t->step_ns);
    *t = (trial){0};
}

static tn_error *trial_begin(const search *s, const tn__tuning *schedules, trial *t) {
    *t = (trial){0};
    TN__TRY(tn__cpu_build(&s->own, s->graph, schedules, &t->artefact));
    t->n_steps = tn__cpu_program(t->artefact)->steps.count;
    t->step_ns = tn__alloc_zero(s->a, t->n_steps * sizeof *t->step_ns);
    tn_error *e = t->step_ns ? NULL : tn__error_oom();
    if (!e) e = tn__device_cpu.run(t->artefact, s->in, s->out); /* the first run touches its memory */
    if (e) trial_end(s, t);
    else tn__cpu_take_times(t->artefact, t->step_ns);
    return e;
}

/* One run; its time by launch is added to ns[]. */
static tn_error *trial_run(const search *s, trial *t, uint64_t *ns) {
    TN__TRY(tn__device_cpu.run(t->artefact, s->in, s->out));
    tn__cpu_take_times(t->artefact, t->step_ns);
    const tn__kprogram *p = tn__cpu_program(t->artefact);
    for (size_t i = 0; i < t->n_steps; i++) {
        int32_t launch = tn__plan_launch_of(&s->plan, &p->steps.data[i]);
        if (launch != TN__NO_LAUNCH) ns[launch] += t->step_ns[i];
    }
    return NULL;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Median and its standard error, from the median absolute deviation; sorts x. */
static void summarise(double *x, uint32_t n, double *out_median, double *out_error) {
    qsort(x, n, sizeof *x, by_value);
    double median = n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
    for (uint32_t i = 0; i < n; i++) x[i] = fabs(x[i] - median);
    qsort(x, n, sizeof *x, by_value);
    *out_median = median;
    *out_error = 1.4826 * 1.2533 * x[n / 2] / sqrt(n);
}

typedef struct outcome {
    double ratio, error; /* of the times of a subject's launches, trial to base */
} outcome;

/* Which subjects play; room for one entry for each. */
typedef struct search_round {
    uint32_t *which, n;
    outcome *found;
    bool winners; /* they play the best so far; else each its next choice */
} search_round;

/* Can no choice win any more? Of each, so many pairs do not show the least gain that the median of all that are to come cannot either. */
static bool all_lost(const double *ratios, uint32_t n_which, uint32_t n, double share_of_time) {
    double pairs = share_of_time < 1 ? n / share_of_time : n;
    if (pairs < LEAST_PAIRS) pairs = LEAST_PAIRS;
    for (uint32_t i = 0; i < n_which; i++) {
        uint32_t lost = 0;
        for (uint32_t k = 0; k < n; k++) lost += ratios[i * MOST_PAIRS + k] > 1 - least_gain;
        if (lost < pairs / 2 + 0.5) return false;
    }
    return true;
}

/* Runs both in turn for some time, and fills r->found. */
static tn_error *compare(const search *s, trial *base, trial *other, double seconds, search_round *r) {
    size_t launches = s->plan.n_launches, bytes = MOST_PAIRS * r->n * sizeof(double);
    double *ratios = tn__alloc(s->a, bytes + 1);
    uint64_t *ns = tn__alloc(s->a, 2 * launches * sizeof *ns + 1);
    tn_error *e = ratios && ns ? NULL : tn__error_oom();
    uint64_t begin = tn__os_now_ns();
    uint32_t n = 0;
    bool enough = false;
    while (!e && !enough) {
        memset(ns, 0, 2 * launches * sizeof *ns);
        trial *order[2] = {n % 2 ? other : base, n % 2 ? base : other};
        for (int i = 0; !e && i < 2; i++) e = trial_run(s, order[i], order[i] == base ? ns : ns + launches);
        for (uint32_t i = 0; i < r->n; i++) {
            const tn__subject *x = &s->plan.subjects.data[r->which[i]];
            uint64_t was = tn__plan_sum(&s->plan, x, ns), is = tn__plan_sum(&s->plan, x, ns + launches);
            ratios[i * MOST_PAIRS + n] = was ? (double)is / (double)was : 1;
        }
        if (!e) e = tn__context_poll(s->config->context);
        double share = (double)(tn__os_now_ns() - begin) * 1e-9 / seconds;
        n++;
        enough = n == MOST_PAIRS || (n >= LEAST_PAIRS && share >= 1) || (!r->winners && all_lost(ratios, r->n, n, share));
    }
    for (uint32_t i = 0; !e && i < r->n; i++) summarise(&ratios[i * MOST_PAIRS], n, &r->found[i].ratio, &r->found[i].error);
    tn__free(s->a, ratios, bytes + 1);
    tn__free(s->a, ns, 2 * launches * sizeof *ns + 1);
    return e;
}

/* What to try of the base program. */
static tn_error *make_plan(search *s, trial *base) {
    const tn__kprogram *p = tn__cpu_program(base->artefact);
    TN__TRY(tn__plan_add(&s->plan, p, s->table));
    TN__TRY(tn__plan_launches(&s->plan, p));
    uint64_t *ns = TN__ARENA_ARRAY(&s->arena, uint64_t, s->plan.n_launches + 1), all = 0;
    if (!ns) return tn__error_oom();
    for (int i = 0; i < 3; i++) {
        memset(ns, 0, s->plan.n_launches * sizeof *ns);
        TN__TRY(trial_run(s, base, ns));
    }
    for (size_t i = 0; i < base->n_steps; i++) all += base->step_ns[i];
    return tn__plan_choices(&s->plan, ns, least_share * (double)all, s->config->threads > 1);
}

/* ---- what was tried before ----------------------------------------------------------------------------------- */

static void judge(tn__subject *x, const tn__choice *c, const outcome *o) {
    double margin = 2 * o->error > least_gain ? 2 * o->error : least_gain;
    if (o->ratio + margin < 1 && o->ratio + o->error < x->ratio) x->best = *c, x->ratio = o->ratio, x->error = o->error;
}

static tn_error *take_trial(void *self, const tn__tuning_record *r) {
    search *s = self;
    int32_t at = tn__plan_find(&s->plan, r->signature);
    if (at < 0 || strcmp(r->cpu, s->cpu) || strcmp(r->generator, tn__generator_version()) || r->threads != s->config->threads) return NULL;
    tn__subject *x = &s->plan.subjects.data[at];
    for (uint32_t i = 0; i < x->n_choices; i++) {
        if (x->done[i] || !tn__choice_equal(&x->choices[i], &r->choice)) continue;
        tn__subject_done(x, (int32_t)i);
        judge(x, &r->choice, &(outcome){r->ratio, r->error});
    }
    return NULL;
}

/* Takes over what an earlier search, or one that runs beside this one, has measured. */
static tn_error *take_trials(search *s) {
    return s->trials_path ? tn__tuning_each_new(s->a, s->trials_path, &s->trials_read, take_trial, s) : NULL;
}

static tn_error *append(const search *s, const char *path, tn__text *lines) {
    tn_error *e = lines->failed ? tn__error_oom() : NULL;
    if (!e && lines->length) e = tn__os_append_file(s->a, path, lines->data, lines->length);
    tn__text_deinit(lines);
    return e;
}

static tn__tuning_record record_of(const search *s, const tn__subject *x, const tn__choice *c, const outcome *o) {
    return (tn__tuning_record){s->cpu, tn__generator_version(), x->signature, *c, o->ratio, o->error, s->config->threads};
}

/* ---- rounds -------------------------------------------------------------------------------------------------- */

static const tn__choice *choice_of(const tn__subject *x, bool winners) { return winners ? &x->best : &x->choices[tn__subject_next(x)]; }

static tn_error *play(search *s, trial *base, search_round *r) {
    tn__tuning *schedules;
    trial t = {0};
    TN__TRY(tn__tuning_create(s->a, &schedules));
    tn_error *e = NULL;
    for (uint32_t i = 0; !e && i < r->n; i++) {
        const tn__subject *x = &s->plan.subjects.data[r->which[i]];
        e = tn__tuning_put(schedules, x->signature, choice_of(x, r->winners));
    }
    if (!e) e = trial_begin(s, schedules, &t);
    if (!e) e = compare(s, base, &t, r->winners ? final_seconds : pairs_seconds, r);
    if (!e && r->winners) e = tn__plan_add(&s->plan, tn__cpu_program(t.artefact), s->table); /* launches that come apart show sites of their own */
    trial_end(s, &t);
    tn__tuning_destroy(schedules);
    return e;
}

static tn_error *play_round(search *s, trial *base, search_round *r) {
    tn_error *e = play(s, base, r);
    bool too_large = e && tn_error_get_code(e) == TN_ERROR_LIMIT_EXCEEDED; /* it needs more memory than option memory_limit allows */
    if (too_large) tn_error_destroy(e);
    else if (e) return e;
    tn__text lines;
    tn__text_init(&lines, s->a);
    for (uint32_t i = 0; i < r->n; i++) {
        tn__subject *x = &s->plan.subjects.data[r->which[i]];
        int32_t at = tn__subject_next(x);
        tn__subject_done(x, at);
        if (too_large) continue;
        judge(x, &x->choices[at], &r->found[i]);
        tn__tuning_record record = record_of(s, x, &x->choices[at], &r->found[i]);
        tn__tuning_print(&record, &lines);
    }
    if (s->trials_path) return append(s, s->trials_path, &lines);
    tn__text_deinit(&lines);
    return NULL;
}

static tn_error *rounds(search *s, trial *base, search_round *r) {
    TN__TRY(take_trials(s));
    uint32_t most = tn__plan_rounds(&s->plan, r->which);
    for (uint32_t n = 1;; n++) {
        if (n > 1) TN__TRY(take_trials(s));
        r->n = tn__plan_next(&s->plan, r->which);
        if (!r->n || !s->config->tuning_budget_ms || (n > 1 && tn__os_now_ns() >= s->deadline)) return NULL;
        char name[64];
        snprintf(name, sizeof name, "schedule search: round %" PRIu32 " of at most %" PRIu32, n, most);
        tn__phase_begin(&s->config->hook, name);
        tn_error *e = play_round(s, base, r);
        tn__phase_end(&s->config->hook, name);
        if (e) return e;
        s->rounds++;
    }
}

/* All that won, together, against the rules: what does not win again goes back to them. As long as something does that shares a launch
 * with what stays, the rest is measured again, for it was measured in that company. */
static tn_error *confirm(search *s, trial *base, search_round *r) {
    static const char name[] = "schedule search: once more, all together";
    bool again = true;
    r->winners = true;
    while (again) {
        again = false, r->n = 0;
        for (size_t i = 0; i < s->plan.n_tried; i++)
            if (!tn__choice_is_rule(&s->plan.subjects.data[i].best)) r->which[r->n++] = (uint32_t)i;
        if (!r->n) return NULL;
        tn__phase_begin(&s->config->hook, name);
        tn_error *e = play(s, base, r);
        tn__phase_end(&s->config->hook, name);
        if (e) return e;
        for (uint32_t i = 0; i < r->n; i++) {
            tn__subject *x = &s->plan.subjects.data[r->which[i]];
            const outcome *o = &r->found[i];
            double margin = 2 * o->error > least_gain / 2 ? 2 * o->error : least_gain / 2;
            if (o->ratio + margin < 1) x->ratio = o->ratio, x->error = o->error;
            else x->best = (tn__choice){{0}}, x->ratio = 1, x->error = 0;
        }
        for (uint32_t i = 0; i < r->n; i++)
            for (uint32_t k = 0; k < r->n; k++) {
                const tn__subject *x = &s->plan.subjects.data[r->which[i]], *y = &s->plan.subjects.data[r->which[k]];
                again |= tn__choice_is_rule(&x->best) && !tn__choice_is_rule(&y->best) && tn__plan_share(&s->plan, x, y);
            }
    }
    return NULL;
}

static tn_error *keep(search *s) {
    tn__text lines;
    tn__text_init(&lines, s->a);
    tn_error *e = NULL;
    uint32_t better = 0;
    for (size_t i = 0; !e && i < s->plan.subjects.count; i++) {
        const tn__subject *x = &s->plan.subjects.data[i];
        better += !tn__choice_is_rule(&x->best);
        tn__tuning_record record = record_of(s, x, &x->best, &(outcome){x->ratio, x->error});
        tn__tuning_print(&record, &lines);
        e = tn__tuning_put(s->table, x->signature, &x->best);
    }
    if (!e && s->config->tuning_file) e = append(s, s->config->tuning_file, &lines);
    else tn__text_deinit(&lines);
    uint64_t all, tried = tn__plan_tried(&s->plan, &all);
    double seconds = (double)(tn__os_now_ns() - s->begin) * 1e-9;
    if (!e)
        tn__log_to(&s->config->log, TN_LOG_INFO, "schedule search: %zu kernels, %" PRIu32 " with another schedule than the rule's; %" PRIu64
                " of %" PRIu64 " choices tried, %" PRIu32 " rounds in %.1f s", s->plan.subjects.count, better, tried, all, s->rounds, seconds);
    return e;
}

static tn_error *run(search *s) {
    trial base = {0};
    tn__tuning *none;
    TN__TRY(tn__tuning_create(s->a, &none));
    tn_error *e = make_tensors(s);
    if (!e) e = trial_begin(s, none, &base);
    tn__tuning_destroy(none);
    if (e && tn_error_get_code(e) == TN_ERROR_OUT_OF_RANGE) { /* a check of values: these are not what the graph wants */
        tn__log_to(&s->config->log, TN_LOG_WARN, "schedule search: nothing is tuned, the graph does not run on zeros for integers: %s",
                tn_error_get_message(e));
        tn_error_destroy(e);
        return NULL;
    }
    if (!e) e = make_plan(s, &base);
    search_round r = {0};
    if (!e) {
        r.which = TN__ARENA_ARRAY(&s->arena, uint32_t, s->plan.n_tried + 1);
        r.found = TN__ARENA_ARRAY(&s->arena, outcome, s->plan.n_tried + 1);
        if (!r.which || !r.found) e = tn__error_oom();
    }
    if (!e) e = rounds(s, &base, &r);
    if (!e) e = confirm(s, &base, &r);
    trial_end(s, &base);
    return e ? e : keep(s);
}

/* The folder of the file; the file itself comes with the first line. */
static tn_error *make_folder(search *s) {
    const char *file = s->config->tuning_file, *slash = file ? strrchr(file, '/') : NULL;
    if (!file) return NULL;
    s->trials_path = tn__arena_printf(&s->arena, "%s.trials", file);
    char *folder = slash && slash > file ? tn__arena_strdup(&s->arena, file) : NULL;
    if (!s->trials_path || (slash && slash > file && !folder)) return tn__error_oom();
    if (!folder) return NULL;
    folder[slash - file] = 0;
    return tn__os_file_exists(folder) ? NULL : tn__os_make_private_folder(s->a, folder);
}

tn_error *tn__cpu_search(const tn__device_config *config, const tn_graph *g, const char *cpu, tn__tuning *schedules) {
    for (size_t i = 0; i < g->nodes.count; i++)
        if (g->nodes.data[i].op == TN_OP_custom) {
            tn__log_to(&config->log, TN_LOG_WARN, "schedule search: a graph that calls the framework's own ops is not run on numbers of the search's");
            return NULL;
        }
    search s = {.config = config, .own = *config, .graph = g, .a = &config->context->allocator, .cpu = cpu, .table = schedules};
    s.own.profile = s.own.profile_every = true;
    s.own.counters = false; /* reading them takes longer than many a kernel */
    s.own.cache_dir = NULL;
    s.own.compile_budget_ms = 0;
    s.own.hook = (tn_hook){0};
    s.own.dump_folder = NULL;
    s.begin = tn__os_now_ns();
    s.deadline = s.begin + config->tuning_budget_ms * 900000; /* the rest is for the last comparison */
    tn__arena_init(&s.arena, s.a);
    tn__plan_init(&s.plan, s.a, &s.arena);
    tn_error *e = make_folder(&s);
    if (!e) e = run(&s);
    free_tensors(&s);
    tn__plan_deinit(&s.plan);
    tn__arena_deinit(&s.arena);
    return e;
}
