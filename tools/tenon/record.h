/* A record of a measurement: a JSON object from which it can be run again. */
#ifndef TENON_TOOL_RECORD_H
#define TENON_TOOL_RECORD_H
#include "timing.h"

/* The record of one timing; `kind`: "bench", "sweep". Owned by the caller. */
json_t *record_make(const char *kind, const char *path, const timing_settings *s, const timing *t);
/* What a record says how to run it again. Texts borrow from the record, arrays are owned: free with record_settings_free. An error
 * names the field that is missing or wrong. */
tn_error *record_settings(const json_t *record, const char **out_path, timing_settings *out);
void record_settings_free(timing_settings *s);
/* The machine and build part of a record: processor, kernel interface, version. */
json_t *record_environment(void);
json_t *record_distortions(const tn__distortions *d); /* an array of texts */
#endif
