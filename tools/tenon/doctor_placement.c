/* Where the threads and the memory of this process lie. Source: Linux, /proc and /sys (proc(5), numa(7)). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

enum { PROCESSORS_MOST = 4096, NODES_MOST = 256, LIST_BYTES = 8192, MAPS_BYTES = 1 << 20 };

typedef struct topology {
    bool allowed[PROCESSORS_MOST];
    int16_t node[PROCESSORS_MOST]; /* -1: not known */
    int16_t core[PROCESSORS_MOST]; /* the first of its processors; -1: not known */
    bool online[NODES_MOST];
    int32_t order[PROCESSORS_MOST], n; /* processors that are allowed, ascending */
} topology;

static bool read_text(const char *root, const char *path, char *text, size_t bytes) {
    char whole[512];
    text[0] = 0;
    return snprintf(whole, sizeof whole, "%s%s", root, path) < (int)sizeof whole && tn__os_read_kernel_file(whole, text, bytes);
}

/* Calls put(self, k) for each number of "0-3,8". */
static void each_of_list(const char *text, int64_t most, void (*put)(void *self, int64_t k), void *self) {
    while (*text >= '0' && *text <= '9') {
        char *end;
        int64_t first = strtoll(text, &end, 10), last = first;
        if (*end == '-') last = strtoll(end + 1, &end, 10);
        for (int64_t k = first; k <= last && k < most; k++) put(self, k);
        text = *end == ',' ? end + 1 : end;
    }
}

static void put_allowed(void *self, int64_t k) {
    topology *t = self;
    if (!t->allowed[k]) t->order[t->n++] = (int32_t)k;
    t->allowed[k] = true;
}

static void put_online(void *self, int64_t k) { ((topology *)self)->online[k] = true; }

typedef struct node_of {
    topology *t;
    int16_t node;
} node_of;
static void put_node(void *self, int64_t k) {
    const node_of *of = self;
    of->t->node[k] = of->node;
}

static void read_topology(const char *root, topology *t, char *text) {
    for (int k = 0; k < PROCESSORS_MOST; k++) t->node[k] = t->core[k] = -1;
    const char *line = read_text(root, "/proc/self/status", text, LIST_BYTES) ? strstr(text, "Cpus_allowed_list:") : NULL;
    if (line) each_of_list(line + 18 + strspn(line + 18, " \t"), PROCESSORS_MOST, put_allowed, t);
    if (read_text(root, "/sys/devices/system/node/online", text, LIST_BYTES)) each_of_list(text, NODES_MOST, put_online, t);
    for (int k = 0; k < NODES_MOST; k++) {
        char path[64];
        snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", k);
        if (t->online[k] && read_text(root, path, text, LIST_BYTES)) each_of_list(text, PROCESSORS_MOST, put_node, &(node_of){t, (int16_t)k});
    }
    for (int32_t i = 0; i < t->n; i++) {
        char path[96];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", t->order[i]);
        if (read_text(root, path, text, LIST_BYTES)) t->core[t->order[i]] = (int16_t)strtol(text, NULL, 10);
    }
}

/* Of the processors order[first % n] to order[(end - 1) % n]: how many different nodes or cores; 0 where one is not known. */
static int32_t count_different(const topology *t, const int16_t *of, int64_t first, int64_t end) {
    bool seen[PROCESSORS_MOST] = {false};
    int32_t n = 0;
    for (int64_t i = first; i < end && t->n; i++) {
        int16_t x = of[t->order[i % t->n]];
        if (x < 0) return 0;
        n += !seen[x];
        seen[x] = true;
    }
    return n;
}

static int descending(const void *a, const void *b) { return *(const int32_t *)b - *(const int32_t *)a; }

/* The fewest nodes whose processors are enough. */
static int32_t fewest_nodes(const topology *t, int64_t threads) {
    int32_t processors[NODES_MOST] = {0}, n = 0;
    for (int32_t i = 0; i < t->n; i++)
        if (t->node[t->order[i]] >= 0) processors[t->node[t->order[i]]]++;
    qsort(processors, NODES_MOST, sizeof *processors, descending);
    while (n < NODES_MOST && processors[n] && threads > 0) threads -= processors[n++];
    return n;
}

/* Memory of this process alone: pages of files lie where somebody read them first. */
static double far_memory(const topology *t, const char *maps) {
    bool near[NODES_MOST] = {false};
    double all = 0, far = 0;
    for (int32_t i = 0; i < t->n; i++)
        if (t->node[t->order[i]] >= 0) near[t->node[t->order[i]]] = true;
    while (*maps) {
        size_t length = strcspn(maps, "\n");
        char line[1024];
        snprintf(line, sizeof line, "%.*s", length < sizeof line ? (int)length : (int)sizeof line - 1, maps);
        const char *size = strstr(line, "kernelpagesize_kB=");
        double kilobytes = size ? strtod(size + 18, NULL) : 4;
        for (const char *at = line; !strstr(line, "file=") && (at = strstr(at, " N")); at++) {
            int node;
            double pages;
            if (sscanf(at, " N%d=%lf", &node, &pages) != 2 || node < 0 || node >= NODES_MOST) continue;
            all += pages * kilobytes;
            if (!near[node]) far += pages * kilobytes;
        }
        maps += length + (maps[length] == '\n');
    }
    return all > 0 ? far / all : 0;
}

void doctor_placement_read(const char *root, int64_t threads, bool pinned, doctor_placement *out) {
    topology *t = cli_alloc(sizeof *t);
    char *text = cli_alloc(MAPS_BYTES);
    *out = (doctor_placement){0};
    read_topology(root, t, text);
    for (int k = 0; k < NODES_MOST; k++) out->nodes += t->online[k];
    out->cores_allowed = count_different(t, t->core, 0, t->n);
    /* thread 0 is the caller's and stays free */
    if (pinned) out->cores_pinned = count_different(t, t->core, 1, threads), out->nodes_needed = count_different(t, t->node, 1, threads);
    else out->nodes_needed = fewest_nodes(t, threads);
    if (out->nodes > 1 && read_text(root, "/proc/self/numa_maps", text, MAPS_BYTES)) out->far_memory = far_memory(t, text);
    free(text);
    free(t);
}
