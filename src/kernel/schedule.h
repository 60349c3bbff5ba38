/* Transformations of kernels that keep their meaning, and the rules that choose a schedule. */
#ifndef TN_KERNEL_SCHEDULE_H
#define TN_KERNEL_SCHEDULE_H
#include "kernel/kernel.h"

/* Drops spatial dims of extent 1 and merges adjacent ones that every access walks as one. */
void tn__schedule_merge(tn__kernel *k);
/* Do all accesses walk spatial dims d and d + 1 as one? */
bool tn__schedule_can_merge(const tn__kernel *k, int32_t d);
/* Merges them. */
void tn__schedule_merge_dim(tn__kernel *k, int32_t d);
/* Moves spatial dim `from` in front of dim `to` <= from, m, j and v with it. */
void tn__schedule_move(tn__kernel *k, int32_t from, int32_t to);
/* Vectors along the last spatial dim, up to most_nv side by side. */
void tn__schedule_vectors(tn__kernel *k, int32_t lanes, int32_t most_nv);
/* Splits spatial dim d into (d: extent / by, d + 1: by); the extent must be a multiple. */
void tn__schedule_split(tn__kernel *k, int32_t d, int64_t by);
/* Schedules an elementwise kernel of plain dims: merge, then rows of vectors along the last dim, or tiles that are turned in registers
 * where elements side by side in memory are far apart in the result. What fills no vector or tile goes to *tail (n_dims 0: nothing);
 * a kernel left with lanes 0 is to be scheduled again, as it is smaller now. True: rows of vectors, any number of them at a time (k->mr). */
bool tn__schedule_elementwise(tn__kernel *k, int32_t lanes, tn__kernel *tail);
#endif
