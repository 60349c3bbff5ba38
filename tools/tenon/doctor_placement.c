/* Where the threads and the memory of this process lie: cores and nodes by hwloc, pages by /proc (proc(5), numa(7)). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

enum { NODES_MOST = 256, LIST_BYTES = 8192, MAPS_BYTES = 1 << 20 };

static bool read_text(const char *root, const char *path, char *text, size_t bytes) {
    char whole[512];
    text[0] = 0;
    return snprintf(whole, sizeof whole, "%s%s", root, path) < (int)sizeof whole && tn__os_read_kernel_file(whole, text, bytes);
}

/* How many numbers "0-3,8" has. */
static int32_t count_of_list(const char *text) {
    int64_t n = 0;
    while (*text >= '0' && *text <= '9') {
        char *end;
        int64_t first = strtoll(text, &end, 10), last = first;
        if (*end == '-') last = strtoll(end + 1, &end, 10);
        if (first >= 0 && first <= last && last < INT32_MAX) n += last - first + 1;
        text = *end == ',' ? end + 1 : end;
    }
    return n < INT32_MAX ? (int32_t)n : 0;
}

/* ---- threads --------------------------------------------------------------------------------------------------- */

/* The processors on which this process may run, in some order. */
typedef struct order {
    tn__processor *items; /* owned */
    int32_t n;
} order;

static order order_of(const tn__topology *t, tn__affinity affinity) {
    int32_t most = tn__topology_count(t).processors;
    order o = {cli_alloc((size_t)most * sizeof *o.items), 0};
    o.n = tn__topology_order(t, affinity, o.items, most);
    return o;
}

static int32_t core_of(const tn__processor *p) { return p->core; }
static int32_t node_of(const tn__processor *p) { return p->node; }

/* Of the processors that threads first to end - 1 take: how many different cores or nodes; 0 where one is not known. */
static int32_t count_different(const order *o, int32_t (*of)(const tn__processor *p), int64_t first, int64_t end) {
    int32_t n = 0;
    if (end - first > o->n) first = 0, end = o->n; /* round and round */
    for (int64_t i = first; i < end; i++) {
        int32_t x = of(&o->items[i % o->n]);
        if (x < 0) return 0;
        bool seen = false;
        for (int64_t k = first; k < i && !seen; k++) seen = of(&o->items[k % o->n]) == x;
        n += !seen;
    }
    return n;
}

static int descending(const void *a, const void *b) { return *(const int32_t *)b - *(const int32_t *)a; }

/* Cores of the largest node, and the fewest nodes whose cores are enough for the threads. */
static void fit_on_nodes(const order *by_core, int64_t threads, doctor_placement *out) {
    int32_t cores[NODES_MOST] = {0}, all = count_different(by_core, core_of, 0, by_core->n);
    for (int32_t i = 0; i < all; i++) /* a processor of each core comes first */
        if (by_core->items[i].node >= 0 && by_core->items[i].node < NODES_MOST) cores[by_core->items[i].node]++;
    qsort(cores, NODES_MOST, sizeof *cores, descending);
    out->cores_allowed = all;
    out->node_cores = cores[0];
    while (out->nodes_needed < NODES_MOST && cores[out->nodes_needed] && threads > 0) threads -= cores[out->nodes_needed++];
}

static void read_threads(const tn__topology *t, tn__affinity affinity, int64_t threads, doctor_placement *out) {
    order by_core = order_of(t, TN__AFFINITY_CORES);
    out->nodes = tn__topology_count(t).nodes;
    out->cache_bytes = tn__topology_cache_bytes(t);
    fit_on_nodes(&by_core, threads, out);
    /* thread 0 is the caller's and stays free */
    out->nodes_by_cores = count_different(&by_core, node_of, 1, threads);
    if (affinity != TN__AFFINITY_NONE) {
        order taken = order_of(t, affinity);
        out->cores_pinned = count_different(&taken, core_of, 1, threads), out->nodes_pinned = count_different(&taken, node_of, 1, threads);
        free(taken.items);
    }
    free(by_core.items);
    tn_error *refused = tn__topology_try(t, &tn__allocator_malloc, TN__NUMA_INTERLEAVE);
    out->may_place = !refused;
    tn_error_destroy(refused);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

/* Kilobytes on each node, of this process alone: pages of files lie where somebody read them first. */
static void count_pages(const char *maps, double kilobytes[NODES_MOST]) {
    while (*maps) {
        size_t length = strcspn(maps, "\n");
        char line[1024];
        snprintf(line, sizeof line, "%.*s", length < sizeof line ? (int)length : (int)sizeof line - 1, maps);
        const char *size = strstr(line, "kernelpagesize_kB=");
        double page = size ? strtod(size + 18, NULL) : 4;
        for (const char *at = line; !strstr(line, "file=") && (at = strstr(at, " N")); at++) {
            int node;
            double pages;
            if (sscanf(at, " N%d=%lf", &node, &pages) == 2 && node >= 0 && node < NODES_MOST) kilobytes[node] += pages * page;
        }
        maps += length + (maps[length] == '\n');
    }
}

static void read_memory(const tn__topology *t, const char *maps, doctor_placement *out) {
    double kilobytes[NODES_MOST] = {0}, all = 0, most = 0, far = 0;
    count_pages(maps, kilobytes);
    for (int k = 0; k < NODES_MOST; k++) {
        all += kilobytes[k];
        if (!tn__topology_is_near(t, k)) far += kilobytes[k];
        if (kilobytes[k] > most) most = kilobytes[k];
    }
    if (all > 0) out->far_memory = far / all, out->fullest_node = most / all;
}

void doctor_placement_read(const char *root, const tn__topology *t, tn__affinity affinity, int64_t threads, doctor_placement *out) {
    char *text = cli_alloc(MAPS_BYTES);
    *out = (doctor_placement){0};
    if (read_text(root, "/sys/devices/system/cpu/online", text, LIST_BYTES)) out->processors_online = count_of_list(text);
    if (t) read_threads(t, affinity, threads, out);
    if (out->nodes > 1 && read_text(root, "/proc/self/numa_maps", text, MAPS_BYTES)) read_memory(t, text, out);
    free(text);
}
