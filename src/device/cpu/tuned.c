/* Compilation with tuned schedules: the file, and what option `tuning` does with it. */
#include <inttypes.h>

#include "base/os.h"
#include "codegen/codegen.h"
#include "device/cpu/cpu.h"

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

/* The table of option tuning's file, with what it is for; both NULL: the rules are to be used alone. */
static tn_error *load(const tn__device_config *config, const tn__target *target, char **out_cpu, tn__tuning **out) {
    const tn_allocator *a = &config->context->allocator;
    uint64_t bad = 0;
    tn__tuning *t;
    *out_cpu = NULL;
    *out = NULL;
    if (config->tuning == TN__TUNING_USE && (!config->tuning_file || !tn__os_file_exists(config->tuning_file))) return NULL;
    TN__TRY(tn__tuning_create(a, &t));
    char *cpu = scope_of(a, target);
    tn_error *e = cpu ? NULL : tn__error_oom();
    if (!e && config->tuning_file) e = tn__tuning_load(a, config->tuning_file, cpu, tn__generator_version(), t, &bad);
    if (bad && config->tuning_file) tn__log_to(&config->log, TN_LOG_WARN, "'%s': %" PRIu64 " lines are damaged: not used", config->tuning_file, bad);
    if (e || (config->tuning == TN__TUNING_USE && !tn__tuning_count(t))) {
        tn__strfree(a, cpu);
        tn__tuning_destroy(t);
        return e;
    }
    *out_cpu = cpu;
    *out = t;
    return NULL;
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

static tn_error *with_table(const tn__device_config *config, const tn_graph *g, const char *cpu, tn__tuning *t, tn__artefact **out) {
    bool all;
    TN__TRY(tn__cpu_build(config, g, t, out));
    tn_error *e = check(config, tn__cpu_program(*out), t, cpu, &all);
    if (!e && (all || config->tuning == TN__TUNING_USE || config->dry)) return NULL;
    tn__device_cpu.destroy(*out);
    *out = NULL;
    if (!e) e = tn__cpu_search(config, g, cpu, t);
    return e ? e : tn__cpu_build(config, g, t, out);
}

tn_error *tn__cpu_tuned(const tn__device_config *config, const tn_graph *g, tn__artefact **out_artefact) {
    tn__target target;
    tn__tuning *t;
    char *cpu;
    *out_artefact = NULL;
    TN__TRY(tn__cpu_target(config, &target));
    TN__TRY(load(config, &target, &cpu, &t));
    tn_error *e = t ? with_table(config, g, cpu, t, out_artefact) : tn__cpu_build(config, g, NULL, out_artefact);
    tn__strfree(&config->context->allocator, cpu);
    tn__tuning_destroy(t);
    return e;
}

tn_error *tn__cpu_lower(const tn__device_config *config, const tn__target *target, tn_graph *g, tn__kprogram **out_program) {
    tn__tuning *t = NULL;
    char *cpu = NULL;
    bool all;
    *out_program = NULL;
    tn_error *e = config->tuning == TN__TUNING_IGNORE ? NULL : load(config, target, &cpu, &t);
    const tn__lower_config lower = tn__cpu_lowering(config, target, t);
    if (e) tn_graph_release(g);
    else e = tn__kprogram_create(config->context, g, &lower, out_program);
    if (!e && t && (e = check(config, *out_program, t, cpu, &all))) {
        tn__kprogram_destroy(*out_program);
        *out_program = NULL;
    }
    tn__strfree(&config->context->allocator, cpu);
    tn__tuning_destroy(t);
    return e;
}
