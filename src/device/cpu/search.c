/* The search for tuned schedules.
 *
 * A round compiles the whole program with another choice at as many sites as can be told apart, and runs it in turn with the program as it
 * is; the times of the steps say what each choice did. Sites are told apart by units: kernels of one launch, and kernels with the same
 * signature, belong to one unit, and a round changes one site of it. Choices come in the order of the cost model, so a budget that ends
 * early has seen the likely ones. What wins is measured once more, all together, before it is kept. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"
#include "base/os_thread.h"
#include "codegen/codegen.h"
#include "device/cpu/cpu.h"
#include "rt/tensor.h"

enum { CHOICES_MOST = 96, LEAST_PAIRS = 7, MOST_PAIRS = 201, NO_UNIT = -1 };
static const double pairs_seconds = 0.2, final_seconds = 0.6;
static const double least_gain = 0.01;   /* of the unit's time */
static const double least_share = 0.002; /* of the program's time: a unit below it is left to the rule */

/* A kernel by its signature. */
typedef struct subject {
    const char *signature; /* of the base program, or of the trial that showed it: copied into the arena */
    tn__space space;
    int32_t unit;
    tn__choice best;
    double ratio, error;   /* of best, against the rule */
} subject;

/* One choice to try. */
typedef struct move {
    uint32_t subject;
    tn__choice choice;
    bool done;
} move;

typedef struct unit {
    TN__VEC(move) moves;
    uint64_t ns;         /* of the base program */
} unit;

typedef struct search {
    const tn__device_config *config; /* the user's */
    tn__device_config own;           /* of the trials */
    const tn_graph *graph;
    const tn_allocator *a;
    const char *cpu;
    tn__tuning *table; /* the user's, to be filled */
    tn__arena arena;
    TN__VEC(subject) subjects;
    TN__VEC(unit) units;
    int32_t *unit_of_node; /* by node of the program's graph */
    size_t n_nodes;
    tn_tensor **in, **out;
    uint32_t n_in, n_out;
    uint64_t deadline;
    char *trials_path; /* NULL: none */
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
    int32_t *unit_of_step;
    size_t n_steps;
} trial;

static int32_t unit_of_step(const search *s, const tn__step *step) {
    for (uint32_t i = 0; i < step->n_stages; i++) {
        uint32_t node = step->stages[i].node;
        if (node != TN__NO_NODE && node < s->n_nodes && s->unit_of_node[node] != NO_UNIT) return s->unit_of_node[node];
    }
    return NO_UNIT;
}

static void trial_end(const search *s, trial *t) {
    if (t->artefact) tn__device_cpu.destroy(t->artefact);
    if (t->step_ns) tn__free(s->a, t->step_ns, t->n_steps * sizeof *t->step_ns);
    if (t->unit_of_step) tn__free(s->a, t->unit_of_step, t->n_steps * sizeof *t->unit_of_step);
    *t = (trial){0};
}

static tn_error *trial_begin(const search *s, const tn__tuning *schedules, trial *t) {
    *t = (trial){0};
    TN__TRY(tn__cpu_build(&s->own, s->graph, schedules, &t->artefact));
    const tn__kprogram *p = tn__cpu_program(t->artefact);
    t->n_steps = p->steps.count;
    t->step_ns = tn__alloc_zero(s->a, t->n_steps * sizeof *t->step_ns);
    t->unit_of_step = tn__alloc_zero(s->a, t->n_steps * sizeof *t->unit_of_step);
    tn_error *e = t->step_ns && t->unit_of_step ? NULL : tn__error_oom();
    for (size_t i = 0; !e && s->unit_of_node && i < t->n_steps; i++) t->unit_of_step[i] = unit_of_step(s, &p->steps.data[i]);
    if (!e) e = tn__device_cpu.run(t->artefact, s->in, s->out); /* the first run touches its memory */
    if (e) trial_end(s, t);
    else tn__cpu_take_times(t->artefact, t->step_ns);
    return e;
}

/* One run; its time by unit is added to ns[]. */
static tn_error *trial_run(const search *s, trial *t, uint64_t *ns) {
    TN__TRY(tn__device_cpu.run(t->artefact, s->in, s->out));
    tn__cpu_take_times(t->artefact, t->step_ns);
    for (size_t i = 0; i < t->n_steps; i++)
        if (t->unit_of_step[i] != NO_UNIT) ns[t->unit_of_step[i]] += t->step_ns[i];
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
    double ratio, error; /* of a unit's times, trial to base */
} outcome;

/* Runs both in turn for some time; out[]: by unit. */
static tn_error *compare(const search *s, trial *base, trial *other, double seconds, outcome *out) {
    size_t units = s->units.count, bytes = MOST_PAIRS * units * sizeof(double);
    double *ratios = tn__alloc(s->a, bytes + 1);
    uint64_t *ns = tn__alloc(s->a, 2 * units * sizeof *ns + 1);
    tn_error *e = ratios && ns ? NULL : tn__error_oom();
    uint64_t end = tn__os_now_ns() + (uint64_t)(seconds * 1e9);
    uint32_t n = 0;
    for (; !e && n < MOST_PAIRS && (n < LEAST_PAIRS || tn__os_now_ns() < end); n++) {
        memset(ns, 0, 2 * units * sizeof *ns);
        trial *order[2] = {n % 2 ? other : base, n % 2 ? base : other};
        for (int i = 0; !e && i < 2; i++) e = trial_run(s, order[i], order[i] == base ? ns : ns + units);
        for (size_t u = 0; u < units; u++) ratios[u * MOST_PAIRS + n] = ns[u] ? (double)ns[units + u] / (double)ns[u] : 1;
        if (!e) e = tn__context_poll(s->config->context);
    }
    for (size_t u = 0; !e && u < units; u++) summarise(&ratios[u * MOST_PAIRS], n, &out[u].ratio, &out[u].error);
    tn__free(s->a, ratios, bytes + 1);
    tn__free(s->a, ns, 2 * units * sizeof *ns + 1);
    return e;
}

/* ---- subjects and units -------------------------------------------------------------------------------------- */

static int32_t find_subject(const search *s, const char *signature) {
    for (size_t i = 0; i < s->subjects.count; i++)
        if (!strcmp(s->subjects.data[i].signature, signature)) return (int32_t)i;
    return -1;
}

static tn_error *add_subjects(search *s, const tn__kprogram *p) {
    for (size_t i = 0; i < p->sites.count; i++) {
        const tn__site *x = &p->sites.data[i];
        if (tn__tuning_find(s->table, x->signature) || find_subject(s, x->signature) >= 0) continue;
        subject y = {.signature = tn__arena_strdup(&s->arena, x->signature), .space = x->space, .unit = NO_UNIT, .ratio = 1};
        if (!y.signature || !TN__PUSH(s->a, &s->subjects, y)) return tn__error_oom();
    }
    return NULL;
}

static uint32_t root_of(uint32_t *parent, uint32_t x) {
    while (parent[x] != x) x = parent[x] = parent[parent[x]];
    return x;
}

/* Joins nodes that share a launch, and subjects with the nodes of their sites. Elements: nodes, then subjects. */
static void join_all(const search *s, const tn__kprogram *p, uint32_t *parent) {
    for (size_t i = 0; i < p->steps.count; i++) {
        const tn__step *step = &p->steps.data[i];
        uint32_t first = TN__NO_NODE;
        for (uint32_t k = 0; k < step->n_stages; k++) {
            uint32_t node = step->stages[k].node;
            if (node == TN__NO_NODE) continue;
            if (first == TN__NO_NODE) first = node;
            else parent[root_of(parent, node)] = root_of(parent, first);
        }
    }
    for (size_t i = 0; i < p->sites.count; i++) {
        int32_t at = find_subject(s, p->sites.data[i].signature);
        if (at >= 0) parent[root_of(parent, p->sites.data[i].root)] = root_of(parent, (uint32_t)s->n_nodes + (uint32_t)at);
    }
}

static tn_error *make_units(search *s, const tn__kprogram *p) {
    s->n_nodes = p->graph->nodes.count;
    size_t n = s->n_nodes + s->subjects.count;
    uint32_t *parent = TN__ARENA_ARRAY(&s->arena, uint32_t, n + 1);
    int32_t *unit_of_root = TN__ARENA_ARRAY(&s->arena, int32_t, n + 1);
    s->unit_of_node = TN__ARENA_ARRAY(&s->arena, int32_t, s->n_nodes + 1);
    if (!parent || !unit_of_root || !s->unit_of_node) return tn__error_oom();
    for (size_t i = 0; i < n; i++) parent[i] = (uint32_t)i, unit_of_root[i] = NO_UNIT;
    join_all(s, p, parent);
    for (size_t i = 0; i < s->subjects.count; i++) {
        int32_t *u = &unit_of_root[root_of(parent, (uint32_t)(s->n_nodes + i))];
        if (*u == NO_UNIT) {
            *u = (int32_t)s->units.count;
            if (!TN__PUSH(s->a, &s->units, (unit){0})) return tn__error_oom();
        }
        s->subjects.data[i].unit = *u;
    }
    for (size_t i = 0; i < s->n_nodes; i++) s->unit_of_node[i] = unit_of_root[root_of(parent, (uint32_t)i)];
    return NULL;
}

/* Which units are worth a search, and what to try in them: the subjects of a unit take turns. */
static tn_error *make_moves(search *s, trial *base) {
    uint64_t *ns = TN__ARENA_ARRAY(&s->arena, uint64_t, s->units.count + 1), all = 0;
    if (!ns) return tn__error_oom();
    for (int i = 0; i < 3; i++) {
        memset(ns, 0, s->units.count * sizeof *ns);
        TN__TRY(trial_run(s, base, ns));
    }
    for (size_t i = 0; i < base->n_steps; i++) all += base->step_ns[i];
    size_t n = s->subjects.count;
    tn__choice *choices = TN__ARENA_ARRAY(&s->arena, tn__choice, (n + 1) * CHOICES_MOST);
    uint32_t *counts = TN__ARENA_ARRAY(&s->arena, uint32_t, n + 1);
    if (!choices || !counts) return tn__error_oom();
    for (size_t i = 0; i < n; i++) {
        const subject *x = &s->subjects.data[i];
        if ((double)ns[x->unit] < least_share * (double)all) continue; /* not worth it */
        counts[i] = tn__space_choices(&x->space, s->config->threads > 1, &choices[i * CHOICES_MOST], CHOICES_MOST);
    }
    for (uint32_t at = 0; at < CHOICES_MOST; at++)
        for (size_t i = 0; i < n; i++) {
            if (at >= counts[i]) continue;
            move m = {.subject = (uint32_t)i, .choice = choices[i * CHOICES_MOST + at]};
            if (!TN__PUSH(s->a, &s->units.data[s->subjects.data[i].unit].moves, m)) return tn__error_oom();
        }
    return NULL;
}

/* ---- what was tried before ----------------------------------------------------------------------------------- */

static void judge(subject *x, const tn__choice *c, double ratio, double error) {
    double margin = 2 * error > least_gain ? 2 * error : least_gain;
    if (ratio + margin < 1 && ratio + error < x->ratio) x->best = *c, x->ratio = ratio, x->error = error;
}

static tn_error *take_trial(void *self, const tn__tuning_record *r) {
    search *s = self;
    int32_t at = find_subject(s, r->signature);
    if (at < 0 || strcmp(r->cpu, s->cpu) || strcmp(r->generator, tn__generator_version()) || r->threads != s->config->threads) return NULL;
    unit *u = &s->units.data[s->subjects.data[at].unit];
    for (size_t i = 0; i < u->moves.count; i++) {
        move *m = &u->moves.data[i];
        if (m->done || m->subject != (uint32_t)at || !tn__choice_equal(&m->choice, &r->choice)) continue;
        m->done = true;
        judge(&s->subjects.data[at], &m->choice, r->ratio, r->error);
    }
    return NULL;
}

/* Takes over what an earlier search, or one that runs beside this one, has measured. */
static tn_error *take_trials(search *s) {
    uint64_t bad;
    return s->trials_path ? tn__tuning_each_of_file(s->a, s->trials_path, take_trial, s, &bad) : NULL;
}

static tn_error *append(const search *s, const char *path, tn__text *lines) {
    tn_error *e = lines->failed ? tn__error_oom() : NULL;
    if (!e && lines->length) e = tn__os_append_file(s->a, path, lines->data, lines->length);
    tn__text_deinit(lines);
    return e;
}

static tn__tuning_record record_of(const search *s, const subject *x, const tn__choice *c, double ratio, double error) {
    return (tn__tuning_record){s->cpu, tn__generator_version(), x->signature, *c, ratio, error, s->config->threads};
}

/* ---- rounds -------------------------------------------------------------------------------------------------- */

/* The next move of each unit; how many there are. */
static uint32_t next_moves(search *s, move **next) {
    uint32_t n = 0;
    for (size_t u = 0; u < s->units.count; u++) {
        next[u] = NULL;
        for (size_t i = 0; !next[u] && i < s->units.data[u].moves.count; i++)
            if (!s->units.data[u].moves.data[i].done) next[u] = &s->units.data[u].moves.data[i];
        n += next[u] != NULL;
    }
    return n;
}

static tn_error *play(search *s, trial *base, move *const *next, outcome *found) {
    tn__tuning *schedules;
    trial t = {0};
    TN__TRY(tn__tuning_create(s->a, &schedules));
    tn_error *e = NULL;
    for (size_t u = 0; !e && u < s->units.count; u++)
        if (next[u]) e = tn__tuning_put(schedules, s->subjects.data[next[u]->subject].signature, &next[u]->choice);
    if (!e) e = trial_begin(s, schedules, &t);
    if (!e) e = compare(s, base, &t, pairs_seconds, found);
    trial_end(s, &t);
    tn__tuning_destroy(schedules);
    return e;
}

static size_t longest(const search *s) {
    size_t n = 0;
    for (size_t u = 0; u < s->units.count; u++)
        if (s->units.data[u].moves.count > n) n = s->units.data[u].moves.count;
    return n;
}

static tn_error *rounds(search *s, trial *base, move **next, outcome *found) {
    size_t most = longest(s);
    for (size_t r = 1;; r++) {
        TN__TRY(take_trials(s));
        if (!next_moves(s, next) || !s->config->tuning_budget_ms || (r > 1 && tn__os_now_ns() >= s->deadline)) return NULL;
        char name[64];
        snprintf(name, sizeof name, "schedule search: round %zu of at most %zu", r, most);
        tn__phase_begin(&s->config->hook, name);
        tn_error *e = play(s, base, next, found);
        tn__phase_end(&s->config->hook, name);
        if (e && tn_error_get_code(e) == TN_ERROR_LIMIT_EXCEEDED) { /* it needs more memory than option memory_limit allows */
            tn_error_destroy(e);
            for (size_t u = 0; u < s->units.count; u++)
                if (next[u]) next[u]->done = true;
            continue;
        }
        if (e) return e;
        tn__text lines;
        tn__text_init(&lines, s->a);
        for (size_t u = 0; u < s->units.count; u++) {
            if (!next[u]) continue;
            subject *x = &s->subjects.data[next[u]->subject];
            next[u]->done = true;
            judge(x, &next[u]->choice, found[u].ratio, found[u].error);
            tn__tuning_record record = record_of(s, x, &next[u]->choice, found[u].ratio, found[u].error);
            tn__tuning_print(&record, &lines);
        }
        if (s->trials_path) TN__TRY(append(s, s->trials_path, &lines));
        else tn__text_deinit(&lines);
    }
}

/* All that won, together, against the rules: a unit that does not win again goes back to them. */
static tn_error *confirm(search *s, trial *base, outcome *found) {
    tn__tuning *schedules;
    trial t = {0};
    bool any = false;
    TN__TRY(tn__tuning_create(s->a, &schedules));
    tn_error *e = NULL;
    for (size_t i = 0; !e && i < s->subjects.count; i++) {
        const subject *x = &s->subjects.data[i];
        if (tn__choice_is_rule(&x->best)) continue;
        any = true;
        e = tn__tuning_put(schedules, x->signature, &x->best);
    }
    if (any) {
        tn__phase_begin(&s->config->hook, "schedule search: once more, all together");
        if (!e) e = trial_begin(s, schedules, &t);
        if (!e) e = compare(s, base, &t, final_seconds, found);
        if (!e) e = add_subjects(s, tn__cpu_program(t.artefact)); /* launches that come apart show sites of their own */
        tn__phase_end(&s->config->hook, "schedule search: once more, all together");
    }
    for (size_t i = 0; !e && any && i < s->subjects.count; i++) {
        subject *x = &s->subjects.data[i];
        if (x->unit == NO_UNIT || tn__choice_is_rule(&x->best)) continue;
        const outcome *o = &found[x->unit];
        double margin = 2 * o->error > least_gain / 2 ? 2 * o->error : least_gain / 2;
        if (o->ratio + margin < 1) x->ratio = o->ratio, x->error = o->error;
        else x->best = (tn__choice){{0}}, x->ratio = 1, x->error = 0;
    }
    trial_end(s, &t);
    tn__tuning_destroy(schedules);
    return e;
}

static tn_error *keep(search *s) {
    tn__text lines;
    tn__text_init(&lines, s->a);
    tn_error *e = NULL;
    uint32_t better = 0;
    for (size_t i = 0; !e && i < s->subjects.count; i++) {
        const subject *x = &s->subjects.data[i];
        better += !tn__choice_is_rule(&x->best);
        tn__tuning_record record = record_of(s, x, &x->best, x->ratio, x->error);
        tn__tuning_print(&record, &lines);
        e = tn__tuning_put(s->table, x->signature, &x->best);
    }
    if (!e && s->config->tuning_file) e = append(s, s->config->tuning_file, &lines);
    else tn__text_deinit(&lines);
    if (!e)
        tn__log_to(&s->config->log, TN_LOG_INFO, "schedule search: %zu kernels, %" PRIu32 " with another schedule than the rule's",
                s->subjects.count, better);
    return e;
}

static tn_error *run(search *s) {
    trial base = {0};
    tn__tuning *none;
    TN__TRY(tn__tuning_create(s->a, &none));
    tn_error *e = make_tensors(s);
    if (!e) e = trial_begin(s, none, &base);
    if (e && tn_error_get_code(e) == TN_ERROR_OUT_OF_RANGE) { /* a check of values: these are not what the graph wants */
        tn__log_to(&s->config->log, TN_LOG_WARN, "schedule search: nothing is tuned, the graph does not run on zeros for integers: %s",
                tn_error_get_message(e));
        tn_error_destroy(e);
        tn__tuning_destroy(none);
        return NULL;
    }
    if (!e) e = add_subjects(s, tn__cpu_program(base.artefact));
    if (!e) e = make_units(s, tn__cpu_program(base.artefact));
    for (size_t i = 0; !e && i < base.n_steps; i++)
        base.unit_of_step[i] = unit_of_step(s, &tn__cpu_program(base.artefact)->steps.data[i]);
    if (!e) e = make_moves(s, &base);
    move **next = e ? NULL : TN__ARENA_ARRAY(&s->arena, move *, s->units.count + 1);
    outcome *found = e ? NULL : TN__ARENA_ARRAY(&s->arena, outcome, s->units.count + 1);
    if (!e && (!next || !found)) e = tn__error_oom();
    if (!e) e = rounds(s, &base, next, found);
    if (!e) e = confirm(s, &base, found);
    trial_end(s, &base);
    tn__tuning_destroy(none);
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
    s.own.profile = true;
    s.own.counters = false; /* reading them takes longer than many a kernel */
    s.own.cache_dir = NULL;
    s.own.compile_budget_ms = 0;
    s.own.hook = (tn_hook){0};
    s.own.dump_folder = NULL;
    s.deadline = tn__os_now_ns() + config->tuning_budget_ms * 900000; /* the rest is for the last comparison */
    tn__arena_init(&s.arena, s.a);
    tn_error *e = make_folder(&s);
    if (!e) e = run(&s);
    free_tensors(&s);
    for (size_t u = 0; u < s.units.count; u++) TN__VEC_FREE(s.a, &s.units.data[u].moves);
    TN__VEC_FREE(s.a, &s.units);
    TN__VEC_FREE(s.a, &s.subjects);
    tn__arena_deinit(&s.arena);
    return e;
}
