/* Compilation with tuned schedules: the file, and what option `tuning` does with it. */
#include <inttypes.h>

#include "base/os.h"
#include "codegen/codegen.h"
#include "device/cpu/cpu.h"
#include "device/cpu/tuned_tables.h"

/* What the schedules are good for: code of another shape than these numbers has other best tiles. */
static char *scope_of(const tn_allocator *a, const tn__target *t) {
    tn__text text;
    tn__text_init(&text, a);
    tn__text_addf(&text, "%s/%d/%d", t->cpu, (int)t->lanes, (int)t->registers);
    return tn__text_take(&text);
}

static const tn__site *first_missing(const tn__kprogram *p, uint32_t *out_count) {
    const tn__site *first = NULL;
    *out_count = 0;
    for (size_t i = 0; i < p->sites.count; i++) {
        if (p->sites.data[i].found) continue;
        if (!first) first = &p->sites.data[i];
        ++*out_count;
    }
    return first;
}

/* The table of option tuning's file, with what it is for; all NULL: the rules are to be used alone. */
typedef struct schedules {
    char *cpu;
    const tn__tuning *table;
    tn__tuning *own; /* the same where a search may fill it; else it is the context's */
} schedules;

static void unload(const tn__device_config *config, schedules *s) {
    tn__strfree(&config->context->allocator, s->cpu);
    if (s->own) tn__tuning_destroy(s->own);
    else tn__tuned_table_release(config->context, s->table);
    *s = (schedules){0};
}

static tn_error *load(const tn__device_config *config, const tn__target *target, schedules *out) {
    const tn_allocator *a = &config->context->allocator;
    const char *file = config->tuning_file;
    uint64_t bad = 0;
    *out = (schedules){0};
    if (config->tuning == TN__TUNING_USE && (!file || !tn__os_file_exists(file))) return NULL;
    out->cpu = scope_of(a, target);
    tn_error *e = out->cpu ? NULL : tn__error_oom();
    if (!e && file && config->tuning != TN__TUNING_RECORD) {
        e = tn__tuned_table_acquire(config->context, file, out->cpu, &out->table, &bad);
    } else if (!e) {
        e = tn__tuning_create(a, &out->own);
        if (!e && file) e = tn__tuning_load(a, file, out->cpu, tn__generator_version(), out->own, &bad);
        out->table = out->own;
    }
    if (bad) tn__log_to(&config->log, TN_LOG_WARN, "'%s': %" PRIu64 " lines are damaged: not used", file, bad);
    if (e || (config->tuning == TN__TUNING_USE && !tn__tuning_count(out->table))) unload(config, out);
    return e;
}

/* What was made with table t, which is for `cpu`. *out_all: nothing was missing. */
static tn_error *check(const tn__device_config *config, const tn__kprogram *p, const tn__tuning *t, const char *cpu, bool *out_all) {
    uint32_t missing;
    const tn__site *first = first_missing(p, &missing);
    *out_all = !first;
    if (first && tn__tuning_find(t, first->signature))
        tn__log_to(&config->log, TN_LOG_WARN, "'%s': the schedule of '%s' does not fit that kernel: not used", config->tuning_file, first->signature);
    if (!first || config->tuning != TN__TUNING_REQUIRE) return NULL;
    return TN__FAIL(&config->context->allocator, NOT_FOUND,
                    "option tuning=require: '%s' has no tuned schedule of %" PRIu32 " kernels for %s, first '%s'; tuning=record makes them",
                    config->tuning_file ? config->tuning_file : "", missing, cpu, first->signature);
}

static tn_error *with_table(const tn__device_config *config, const tn_graph *g, const schedules *s, tn__artefact **out) {
    bool all;
    TN__TRY(tn__cpu_build(config, g, s->table, out));
    tn_error *e = check(config, tn__cpu_program(*out), s->table, s->cpu, &all);
    if (!e && (all || !s->own || config->dry)) return NULL;
    tn__device_cpu.destroy(*out);
    *out = NULL;
    if (!e) e = tn__cpu_search(config, g, s->cpu, s->own);
    return e ? e : tn__cpu_build(config, g, s->table, out);
}

tn_error *tn__cpu_tuned(const tn__device_config *config, const tn_graph *g, tn__artefact **out_artefact) {
    tn__target target;
    schedules s;
    *out_artefact = NULL;
    TN__TRY(tn__cpu_target(config, &target));
    TN__TRY(load(config, &target, &s));
    tn_error *e = s.table ? with_table(config, g, &s, out_artefact) : tn__cpu_build(config, g, NULL, out_artefact);
    unload(config, &s);
    return e;
}

tn_error *tn__cpu_lower(const tn__device_config *config, const tn__target *target, tn_graph *g, tn__kprogram **out_program) {
    schedules s = {0};
    bool all;
    *out_program = NULL;
    tn_error *e = config->tuning == TN__TUNING_IGNORE ? NULL : load(config, target, &s);
    const tn__lower_config lower = tn__cpu_lowering(config, target, s.table);
    if (e) tn_graph_release(g);
    else e = tn__kprogram_create(config->context, g, &lower, out_program);
    if (!e && s.table && (e = check(config, *out_program, s.table, s.cpu, &all))) {
        tn__kprogram_destroy(*out_program);
        *out_program = NULL;
    }
    unload(config, &s);
    return e;
}
