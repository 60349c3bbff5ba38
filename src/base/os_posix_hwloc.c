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
    tn__processor processor;
    int32_t sibling, group, core_in_group; /* sibling: the how-manieth thread of its core that may be used */
} place;

static int by_number(const void *x, const void *y) {
    const place *a = x, *b = y;
    return a->processor.number - b->processor.number;
}

static int by_core(const void *x, const void *y) {
    const place *a = x, *b = y;
    return a->sibling != b->sibling ? a->sibling - b->sibling : a->processor.core - b->processor.core;
}

static int by_spread(const void *x, const void *y) {
    const place *a = x, *b = y;
    if (a->sibling != b->sibling) return a->sibling - b->sibling;
    if (a->core_in_group != b->core_in_group) return a->core_in_group - b->core_in_group;
    return a->group - b->group;
}

static hwloc_obj_t node_of(const tn__topology *t, hwloc_obj_t pu) {
    hwloc_obj_t node = NULL;
    while ((node = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_NUMANODE, node)))
        if (hwloc_bitmap_isset(node->cpuset, pu->os_index)) break;
    return node;
}

/* What SPREAD goes over: nodes, or packages where all share one node. */
static int32_t group_of(const tn__topology *t, hwloc_obj_t pu, hwloc_obj_t node) {
    hwloc_obj_t group = count(t, HWLOC_OBJ_NUMANODE) < 2 ? hwloc_get_ancestor_obj_by_type(t->hwloc, HWLOC_OBJ_PACKAGE, pu) : node;
    return group ? (int32_t)group->logical_index : 0;
}

/* In hwloc's order, in which the threads of a core are neighbours, and so are the cores of a node. */
static int32_t list(const tn__topology *t, place *places) {
    int32_t n = 0;
    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(t->hwloc, HWLOC_OBJ_PU, pu));) {
        if (!hwloc_bitmap_isset(t->allowed, pu->os_index)) continue;
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(t->hwloc, HWLOC_OBJ_CORE, pu), node = node_of(t, pu);
        place *p = &places[n], *before = n ? p - 1 : NULL;
        *p = (place){{(int32_t)pu->os_index, (int32_t)(core ? core : pu)->logical_index, node ? (int32_t)node->os_index : -1},
                     .group = group_of(t, pu, node)};
        if (before && before->processor.core == p->processor.core) p->sibling = before->sibling + 1, p->core_in_group = before->core_in_group;
        else
            for (int32_t i = 0; i < n; i++)
                if (places[i].group == p->group && places[i].core_in_group >= p->core_in_group) p->core_in_group = places[i].core_in_group + 1;
        n++;
    }
    return n;
}

int32_t tn__topology_order(const tn__topology *t, tn__affinity affinity, tn__processor *out, int32_t most) {
    int (*const before)(const void *, const void *) = affinity == TN__AFFINITY_CORES ? by_core : affinity == TN__AFFINITY_SPREAD ? by_spread : by_number;
    size_t bytes = (size_t)(count(t, HWLOC_OBJ_PU) + 1) * sizeof(place);
    place *places = tn__alloc_zero(&t->allocator, bytes);
    if (!places) return 0;
    int32_t n = list(t, places);
    qsort(places, (size_t)n, sizeof *places, before);
    if (n > most) n = most;
    for (int32_t i = 0; i < n; i++) out[i] = places[i].processor;
    tn__free(&t->allocator, places, bytes);
    return n;
}

bool tn__topology_is_near(const tn__topology *t, int32_t node) {
    hwloc_obj_t found = node < 0 ? NULL : hwloc_get_numanode_obj_by_os_index(t->hwloc, (unsigned)node);
    return found && hwloc_bitmap_intersects(found->cpuset, t->allowed);
}

uint64_t tn__topology_cache_bytes(const tn__topology *t) {
    static const hwloc_obj_type_t levels[] = {HWLOC_OBJ_L5CACHE, HWLOC_OBJ_L4CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L2CACHE};
    uint64_t bytes = 0;
    for (size_t i = 0; i < sizeof levels / sizeof *levels && !bytes; i++)
        for (hwloc_obj_t cache = NULL; (cache = hwloc_get_next_obj_by_type(t->hwloc, levels[i], cache));)
            if (hwloc_bitmap_intersects(cache->cpuset, t->allowed)) bytes += cache->attr->cache.size;
    return bytes;
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
int32_t tn__topology_order(const tn__topology *t, tn__affinity affinity, tn__processor *out, int32_t most) {
    return (void)t, (void)affinity, (void)out, (void)most, 0;
}
bool tn__topology_is_near(const tn__topology *t, int32_t node) { return (void)t, (void)node, false; }
uint64_t tn__topology_cache_bytes(const tn__topology *t) { return (void)t, 0; }
tn_error *tn__topology_try(const tn__topology *t, const tn_allocator *a, tn__numa numa) {
    (void)t, (void)numa;
    return TN__FAIL(a, UNSUPPORTED, "this build of Tenon has no libhwloc");
}
void tn__topology_place(const tn__topology *t, void *data, size_t bytes, tn__numa numa) { (void)t, (void)data, (void)bytes, (void)numa; }
#endif
