/* Files of tuned schedules (option tuning_file) as the tool sees them: all records that count. */
#ifndef TENON_TOOL_SCHEDULES_H
#define TENON_TOOL_SCHEDULES_H
#include "cli.h"
#include "kernel/tuning_file.h"

typedef struct schedules {
    tn__tuning_record *items; /* owned, texts too; sorted by cpu, generator, signature */
    size_t count, capacity;
    uint64_t bad; /* damaged lines */
} schedules;

/* The file's records; of those for one kernel, the last. A file that is not there is empty. `out` is to be freed in any case. */
tn_error *schedules_read(const char *path, schedules *out);
void schedules_free(schedules *s);
/* What is in `from` and not in `to`, or has a smaller ratio there, is put into `to`. Returns how many. */
size_t schedules_merge(schedules *to, const schedules *from);
const tn__tuning_record *schedules_find(const schedules *s, const tn__tuning_record *like); /* the same kernel; NULL: none */
tn_error *schedules_write(const schedules *s, const char *path); /* the whole file, or nothing */
/* One record as a line of a table, or as JSON. */
void schedules_print_head(void);
void schedules_print(const tn__tuning_record *r);
json_t *schedules_json(const tn__tuning_record *r);
char *schedules_choice(const tn__tuning_record *r); /* free() */
#endif
