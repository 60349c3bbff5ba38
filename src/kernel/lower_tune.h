/* Where a lowering asks the table of tuned schedules. Shared between the files of kernel/lower_*.c, launch.c and stages.c only. */
#ifndef TN_KERNEL_LOWER_TUNE_H
#define TN_KERNEL_LOWER_TUNE_H
#include "kernel/lower.h"
#include "kernel/tuning.h"

/* The table's choice at a site, all 0 where it has none or what it has is not allowed. The signature is made of the stem, the lanes, the
 * facts, and the group of `root`. */
tn_error *tn__lower_site(tn__lower *l, const char *stem, uint32_t root, const tn__space *space, const int64_t *facts, int32_t n_facts,
                         tn__choice *out);

/* A register tile of a product. */
typedef struct tn__tile {
    int32_t mr, nv;
    int32_t chunk; /* 0: by the rule */
    int32_t pack;  /* 1, 2 as in knobs.def; 0: the site does not choose */
    int32_t steps; /* of the innermost loop over the depth that a turn takes; 0: by the rule, one */
    int32_t spare; /* registers that the rule leaves to others than the tile */
    int64_t depth; /* steps of that loop; 0: the site does not choose */
} tn__tile;
/* out->pack is what the rule says, on input; spare and depth are only read. */
tn_error *tn__lower_tile(tn__lower *l, const char *stem, uint32_t root, int64_t rows, int64_t vectors, int32_t most_rows, bool divisors,
                         const int64_t *facts, int32_t n_facts, tn__tile *out);
/* Rows and vectors in flight of a kernel whose schedule is complete but for that: k->mr, k->nv. */
tn_error *tn__lower_rows(tn__lower *l, const char *stem, uint32_t root, int32_t most_mr, int32_t most_nv, tn__kernel *k);
#endif
