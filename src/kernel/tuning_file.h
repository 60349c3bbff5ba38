/* The file of tuned schedules: a line each, only ever appended to, so that several processes may write and a cut one loses its last line.
 *
 *   tn1 TAB sum TAB cpu TAB generator TAB choice TAB ratio TAB error TAB threads TAB signature
 *
 * Ratio and error are in parts of 10000, so that no locale reads them otherwise; `sum` is the checksum of what follows it, in hexadecimal
 * digits. Of two lines for one kernel, the later counts. */
#ifndef TN_KERNEL_TUNING_FILE_H
#define TN_KERNEL_TUNING_FILE_H
#include "kernel/tuning.h"

typedef struct tn__tuning_record {
    const char *cpu;       /* name, lanes, registers: "znver5/16/32" */
    const char *generator; /* tn__generator_version, or its beginning */
    const char *signature;
    tn__choice choice;
    double ratio;  /* time of the kernel with the choice, of that by the rule */
    double error;  /* standard error of the ratio */
    int32_t threads;
} tn__tuning_record;

/* Visits the sound records of a text in order; they live for the call. A visit that fails ends it. *out_bad: lines that are not sound. */
tn_error *tn__tuning_each(const tn_allocator *a, const char *text, size_t bytes,
                          tn_error *(*visit)(void *self, const tn__tuning_record *r), void *self, uint64_t *out_bad);
/* The same of a file; one that is not there is empty. */
tn_error *tn__tuning_each_of_file(const tn_allocator *a, const char *path, tn_error *(*visit)(void *self, const tn__tuning_record *r),
                                  void *self, uint64_t *out_bad);
/* Of a file that grows: visits what came behind *at, the bytes that were read before, and moves it behind the last whole line. One that has
 * become shorter is another file, and read from its beginning. */
tn_error *tn__tuning_each_new(const tn_allocator *a, const char *path, uint64_t *at,
                              tn_error *(*visit)(void *self, const tn__tuning_record *r), void *self);
/* Appends the line of a record. */
void tn__tuning_print(const tn__tuning_record *r, tn__text *out);
/* Puts into t what the file says for this cpu and generator. */
tn_error *tn__tuning_load(const tn_allocator *a, const char *path, const char *cpu, const char *generator, tn__tuning *t, uint64_t *out_bad);
#endif
