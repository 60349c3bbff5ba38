#include "base/os_topology.h"

#ifdef TN_HAVE_HWLOC
#include <errno.h>
#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tn__topology {
    tn_allocator allocator;
    hwloc_topology_t hwloc;
    hwloc_bitmap_t allowed; /* processors this process may run on */
};

bool tn__topology_is_built(void) { return true; }

const char *tn__topology_version(void) {
#ifdef HWLOC_VERSION
    return HWLOC_VERSION;
#else
    return "of unknown version";
#endif
}

static tn_error *load(tn__topology *t, const char *description) {
    const tn_allocator *a = &t->allocator;
    if (hwloc_topology_init(&t->hwloc)) return tn__error_oom();
    if (description && hwloc_topology_set_synthetic(t->hwloc, description))
        return TN__FAIL(a, INVALID_ARGUMENT, "hwloc does not understand the topology '%.200s'", description);
    if (hwloc_topology_load(t->hwloc)) return TN__FAIL(a, UNSUPPORTED, "hwloc cannot find out the shape of this machine");
    if (!(t->allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(t->hwloc)))) return tn__error_oom();
    if (!hwloc_topology_is_thissystem(t->hwloc)) return NULL;
    hwloc_bitmap_t bound = hwloc_bitmap_alloc();
    if (!bound) return tn__error_oom();
    /* taskset and cgroups may leave less than the machine has */
    if (hwloc_get_cpubind(t->hwloc, bound, HWLOC_CPUBIND_PROCESS) == 0 && hwloc_bitmap_intersects(t->allowed, bound))
        (void)hwloc_bitmap_and(t->allowed, t->allowed, bound);
    hwloc_bitmap_free(bound);
    return NULL;
}

tn_error *tn__topology_create(const tn_allocator *a, const char *description, tn__topology **out) {
    *out = NULL;
    tn__topology *t = tn__alloc_zero(a, sizeof *t);
    if (!t) return tn__error_oom();
    t->allocator = *a;
    tn_error *e = load(t, description);
    if (e) tn__topology_destroy(t);
    else *out = t;
    return e;
}

void tn__topology_destroy(tn__topology *t) {
    if (!t) return;
    hwloc_bitmap_free(t->allowed);
    if (t->hwloc) hwloc_topology_destroy(t->hwloc);
    tn_allocator a = t->allocator;
    tn__free(&a, t, sizeof *t);
}

static int32_t count(const tn__topology *t, hwloc_obj_type_t type) {
    int n = hwloc_get_nbobjs_by_type(t->hwloc, type);
    return n > 0 ? n : 0;
}

tn__topology_counts tn__topology_count(const tn__topology *t) {
    return (tn__topology_counts){count(t, HWLOC_OBJ_PACKAGE), count(t, HWLOC_OBJ_NUMANODE), count(t, HWLOC_OBJ_CORE), count(t, HWLOC_OBJ_PU)};
}

/* ---- the order of processors ---------------------------------------------------------------------------------- */

typedef struct place {
    int32_t number; /* of the system */
    int32_t core, sibling, group, core_in_group; /* sibling: the how-manieth thread of its core that may be used */
} place;

static int by_core(const void *x, const void *y) {
    const place *a = x, *b = y;
    return a->sibling != b->sibling ? a->sibling - b->sibling : a->core - b->core;
}

static int by_spread(const void *x, const void *y) {
    const place *a = x, *b = y;
    if (a->sibling != b->sibling) return a->sibling - b->sibling;
    if (a->core_in_group != b->core_in_group) return a->core_in_group - b->core_in_group;
    return a->group - b->group;
}

/* The node of memory that the processor is near, or its package where all share one node. */
static int32_t group_of(const tn__topology *t, hwloc_obj_t pu) {
    hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(t->hwloc, HWLOC_OBJ_PACKAGE, pu);
    if (count(t, HWLOC_OBJ_NUMANODE) < 2) return package ? (int32_t)package->logical_index : 0;
    for (hwloc_obj_t node = NULL; (node = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_NUMANODE, node));)
        if (hwloc_bitmap_isset(node->cpuset, pu->os_index)) return (int32_t)node->logical_index;
    return 0;
}

/* In hwloc's order, in which the threads of a core are neighbours, and so are the cores of a node. */
static int32_t list(const tn__topology *t, place *places) {
    int32_t n = 0;
    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PU, pu));) {
        if (!hwloc_bitmap_isset(t->allowed, pu->os_index)) continue;
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t->hwloc, HWLOC_OBJ_CORE, pu);
        place *p = &places[n], *before = n ? p - 1 : NULL;
        *p = (place){.number = (int32_t)pu->os_index, .core = (int32_t)(core ? core : pu)->logical_index, .group = group_of(t, pu)};
        if (before && before->core == p->core) p->sibling = before->sibling + 1, p->core_in_group = before->core_in_group;
        else
            for (int32_t i = 0; i < n; i++)
                if (places[i].group == p->group && places[i].core_in_group >= p->core_in_group) p->core_in_group = places[i].core_in_group + 1;
        n++;
    }
    return n;
}

int32_t tn__topology_order(const tn__topology *t, tn__affinity affinity, int32_t *out, int32_t most) {
    size_t bytes = (size_t)(count(t, HWLOC_OBJ_PU) + 1) * sizeof(place);
    place *places = tn__alloc_zero(&t->allocator, bytes);
    if (!places) return 0;
    int32_t n = list(t, places);
    if (affinity == TN__AFFINITY_CORES || affinity == TN__AFFINITY_SPREAD)
        qsort(places, (size_t)n, sizeof *places, affinity == TN__AFFINITY_CORES ? by_core : by_spread);
    if (n > most) n = most;
    for (int32_t i = 0; i < n; i++) out[i] = places[i].number;
    tn__free(&t->allocator, places, bytes);
    return n;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static int place_pages(const tn__topology *t, void *data, size_t bytes, tn__numa numa) {
    static const hwloc_membind_policy_t policies[] = {HWLOC_MEMBIND_DEFAULT, HWLOC_MEMBIND_FIRSTTOUCH, HWLOC_MEMBIND_INTERLEAVE};
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)data + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)data + bytes) & ~(page - 1);
    if (end <= begin) return 0;
    return hwloc_set_area_membind(t->hwloc, (void *)begin, end - begin, hwloc_topology_get_allowed_nodeset(t->hwloc), policies[numa],
                                  HWLOC_MEMBIND_BYNODESET);
}

tn_error *tn__topology_try(const tn__topology *t, const tn_allocator *a, tn__numa numa) {
    size_t bytes = 2 * (size_t)sysconf(_SC_PAGESIZE);
    void *probe = tn__alloc(a, bytes);
    if (!probe) return tn__error_oom();
    int failed = place_pages(t, probe, bytes, numa), number = errno;
    if (!failed) (void)place_pages(t, probe, bytes, TN__NUMA_DEFAULT);
    tn__free(a, probe, bytes);
    char text[128];
    return failed ? TN__FAIL(a, UNSUPPORTED, "the system does not let this process place memory: %s", strerror_r(number, text, sizeof text)) : NULL;
}

void tn__topology_place(const tn__topology *t, void *data, size_t bytes, tn__numa numa) { (void)place_pages(t, data, bytes, numa); }

#else /* built without libhwloc */

bool tn__topology_is_built(void) { return false; }
const char *tn__topology_version(void) { return NULL; }

tn_error *tn__topology_create(const tn_allocator *a, const char *description, tn__topology **out) {
    (void)description;
    *out = NULL;
    return TN__FAIL(a, UNSUPPORTED, "this build of Tenon has no libhwloc");
}

void tn__topology_destroy(tn__topology *t) { (void)t; }
tn__topology_counts tn__topology_count(const tn__topology *t) { return (void)t, (tn__topology_counts){0}; }
int32_t tn__topology_order(const tn__topology *t, tn__affinity affinity, int32_t *out, int32_t most) {
    return (void)t, (void)affinity, (void)out, (void)most, 0;
}
tn_error *tn__topology_try(const tn__topology *t, const tn_allocator *a, tn__numa numa) {
    (void)t, (void)numa;
    return TN__FAIL(a, UNSUPPORTED, "this build of Tenon has no libhwloc");
}
void tn__topology_place(const tn__topology *t, void *data, size_t bytes, tn__numa numa) { (void)t, (void)data, (void)bytes, (void)numa; }
#endif
