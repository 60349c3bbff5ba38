/* The measured ceilings of this machine, kept in the user's cache folder. */
#ifndef TENON_TOOL_CEILINGS_CACHE_H
#define TENON_TOOL_CEILINGS_CACHE_H
#include "cli.h"
#include "measure/ceilings.h"

/* What was kept for this processor; false: nothing. *out_distortions: array of what spoilt that measurement, owned; NULL: not known. */
bool ceilings_load(tn__ceilings *m, json_t **out_distortions);
/* Keeps `m`, in place of what was there. `distortions` is borrowed. */
tn_error *ceilings_save(tn_context *context, const tn__ceilings *m, json_t *distortions);
json_t *ceilings_json(const tn__ceilings *m); /* owned */
/* What `threads` threads reach: kept and clean figures, else measured now and kept. *out_distortions: what spoilt that, an array, owned, also
 * where it fails. */
tn_error *rates_get(tn_context *context, int32_t threads, tn__rates *m, json_t **out_distortions);
json_t *rates_json(const tn__rates *m); /* owned */
/* What a step's fastest run reaches of these ceilings, in shares of 1; 0: not known, or the step does nothing of it. */
typedef struct rates_shares {
    double compute, memory;
} rates_shares;
rates_shares rates_shares_of(const tn__rates *m, const tn_profile_row *row);
#endif
