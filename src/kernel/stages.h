/* Multi-stage kernels: see stages.c. */
#ifndef TN_KERNEL_STAGES_H
#define TN_KERNEL_STAGES_H
#include "kernel/lower.h"

/* Makes one launch of the first steps that belong together: *out and how many it takes the place of; 0: the first stays alone.
 * uses[slot]: how many steps of the program touch the slot. */
tn_error *tn__stages_take(tn__lower *l, const tn__step *steps, size_t n, const uint32_t *uses, size_t *out_taken, tn__step *out);
#endif
