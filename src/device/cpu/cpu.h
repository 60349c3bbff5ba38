/* What the files of the cpu device share: cpu.c, and tuned.c and search.c, which compile a graph with other schedules. */
#ifndef TN_DEVICE_CPU_CPU_H
#define TN_DEVICE_CPU_CPU_H
#include "codegen/codegen.h"
#include "device/device.h"
#include "kernel/tuning_file.h"

/* What code is made for: options cpu, determinism. */
tn_error *tn__cpu_target(const tn__device_config *config, tn__target *out);
/* How graphs are lowered for that target: all options but tuning. `schedules` may be NULL. */
tn__lower_config tn__cpu_lowering(const tn__device_config *config, const tn__target *target, const tn__tuning *schedules);
/* Compiles with these schedules; NULL: by rule alone, and the program has no sites. */
tn_error *tn__cpu_build(const tn__device_config *config, const tn_graph *g, const tn__tuning *schedules, tn__artefact **out_artefact);
const tn__kprogram *tn__cpu_program(const tn__artefact *artefact);
/* The nanoseconds of each step since the last call, of an artefact compiled with profile. */
void tn__cpu_take_times(const tn__artefact *artefact, uint64_t *ns);

/* Compiles as config->tuning, which is not IGNORE, says. */
tn_error *tn__cpu_tuned(const tn__device_config *config, const tn_graph *g, tn__artefact **out_artefact);
/* The program that compiling makes of g, whose passes have run and which is taken over; for who wants to look at it. Nothing is searched
 * for: tuning=record takes what there is. */
tn_error *tn__cpu_lower(const tn__device_config *config, const tn__target *target, tn_graph *g, tn__kprogram **out_program);
/* Searches for schedules of those kernels of g that `schedules` has none for, by running g on numbers of its own; puts what it found into
 * `schedules` and the file. `cpu` as in tn__tuning_record. Failing runs (g needs other numbers) end it without a word but in the log. */
tn_error *tn__cpu_search(const tn__device_config *config, const tn_graph *g, const char *cpu, tn__tuning *schedules);
#endif
