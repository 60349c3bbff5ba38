/* Tables of tuned schedules that a context has read: a second compilation reads no file that is as it was. Thread-safe. */
#ifndef TN_DEVICE_CPU_TUNED_TABLES_H
#define TN_DEVICE_CPU_TUNED_TABLES_H
#include "kernel/tuning_file.h"

/* What the file says for this cpu and this code generator, to be given back with tn__tuned_table_release. *out_bad: lines that are not sound. */
tn_error *tn__tuned_table_acquire(tn_context *c, const char *path, const char *cpu, const tn__tuning **out, uint64_t *out_bad);
void tn__tuned_table_release(tn_context *c, const tn__tuning *t); /* NULL is allowed */
#endif
