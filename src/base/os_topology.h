/* The machine's shape: which processors are threads of one core, which are near the same memory; and where memory comes to lie. Behind it is
 * libhwloc (decision 0022), where the build has it. */
#ifndef TN_BASE_OS_TOPOLOGY_H
#define TN_BASE_OS_TOPOLOGY_H
#include "base/alloc.h"

/* What a pool's threads are tied to: see option affinity. */
typedef enum tn__affinity { TN__AFFINITY_NONE, TN__AFFINITY_COMPACT, TN__AFFINITY_CORES, TN__AFFINITY_SPREAD } tn__affinity;

/* A machine as it was when asked. Immutable, thread-safe. */
typedef struct tn__topology tn__topology;

bool tn__topology_is_built(void);          /* false: everything below is UNSUPPORTED */
const char *tn__topology_version(void);    /* of the library; NULL: not built */
/* `description`: NULL for this machine, or for tests hwloc's synthetic form ("node:2 core:4 pu:2"). */
tn_error *tn__topology_create(const tn_allocator *a, const char *description, tn__topology **out);
void tn__topology_destroy(tn__topology *t); /* NULL is allowed */

typedef struct tn__topology_counts {
    int32_t packages, nodes, cores, processors; /* nodes: of memory */
} tn__topology_counts;
tn__topology_counts tn__topology_count(const tn__topology *t);

typedef struct tn__processor {
    int32_t number; /* of the system */
    int32_t core;   /* the how-manieth of the machine */
    int32_t node;   /* of memory that it is near, by the system's number; -1: not known */
} tn__processor;
/* The processors that this process may run on, in the order in which threads take them; the first `most` of them. Returns how many.
 * COMPACT: by their numbers; CORES: a thread of each core first, then the second of each; SPREAD: the same, but neighbours of the order
 * lie on different nodes of memory (on different packages where there is one node). */
int32_t tn__topology_order(const tn__topology *t, tn__affinity affinity, tn__processor *out, int32_t most);
/* Whether this process may run near this node of memory (the system's number). More than one node may be near: memory of two kinds. */
bool tn__topology_is_near(const tn__topology *t, int32_t node);
/* Of all caches of the last level that this process may use together; 0: not known. */
uint64_t tn__topology_cache_bytes(const tn__topology *t);

/* UNSUPPORTED, with the reason, where the system does not let this process say so. */
tn_error *tn__topology_try(const tn__topology *t, const tn_allocator *a, tn__numa numa);
/* Says where the whole pages of the range will lie, which nobody has touched; only a hint. DEFAULT takes it back. */
void tn__topology_place(const tn__topology *t, void *data, size_t bytes, tn__numa numa);
#endif
