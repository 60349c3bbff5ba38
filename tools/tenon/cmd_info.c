/* tenon info: what this build and this machine are, and the measured ceilings (kept in the cache folder per CPU model). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_thread.h"
#include "base/os_topology.h"
#include "ceilings_cache.h"
#include "cli.h"
#include "device/device.h"
#include "record.h"

/* ---- printing ------------------------------------------------------------------------------------------------ */

static void print_bytes(const char *what, uint64_t bytes) {
    if (bytes >= 10u << 20) printf("%s %" PRIu64 " MiB", what, bytes >> 20);
    else printf("%s %" PRIu64 " KiB", what, bytes >> 10);
}

/* NULL: this build cannot tell. */
static tn__topology *topology(void) {
    tn__topology *t;
    tn_error_destroy(tn__topology_create(&tn__allocator_malloc, NULL, &t));
    return t;
}

static void print_topology(void) {
    tn__topology *t = topology();
    tn__topology_counts n = {0};
    if (t) n = tn__topology_count(t);
    const char *version = tn__topology_version() ? tn__topology_version() : "not in this build";
    if (t) printf("hwloc     %s: %d packages, %d memory nodes, %d cores, %d processors\n", version, n.packages, n.nodes, n.cores, n.processors);
    else printf("hwloc     %s: affinity=cores|spread and numa=local|interleave are refused\n", version);
    tn__topology_destroy(t);
}

static json_t *topology_json(void) {
    tn__topology *t = topology();
    if (!t) return json_null();
    tn__topology_counts n = tn__topology_count(t);
    tn__topology_destroy(t);
    return json_pack("{ss si si si si}", "hwloc", tn__topology_version(), "packages", n.packages, "nodes", n.nodes, "cores", n.cores, "processors",
                     n.processors);
}

static void print_text(const tn__ceilings *m, const json_t *distortions, const uint64_t *caches, const char *cpu, const char *features, const char *devices) {
    printf("tenon %s\ncpu       %s, %d processors\nfeatures  %s\ncaches    ", tn_version(), cpu, tn__os_processor_count(), features);
    for (int k = 0; k < TN__CACHE_LEVELS; k++) {
        char what[8];
        snprintf(what, sizeof what, "%sL%d", k ? ", " : "", k + 1);
        if (caches[k]) print_bytes(what, caches[k]);
    }
    printf("\ndevices   %s\n", devices);
    print_topology();
    if (!m) {
        printf("ceilings  not measured yet: tenon info --measure\n");
        return;
    }
    printf("ceilings  measured here with %s loops\n", tn__ceilings_loops());
    printf("  f32 multiply-add  %8.1f GFLOP/s one thread, %.1f all\n", m->one.fma_f32 * 1e-9, m->all.fma_f32 * 1e-9);
    printf("  f64 multiply-add  %8.1f GFLOP/s one thread, %.1f all\n", m->one.fma_f64 * 1e-9, m->all.fma_f64 * 1e-9);
    if (m->one.dot_i8 > 0) printf("  u8 i8 dot product %8.1f GOP/s one thread, %.1f all\n", m->one.dot_i8 * 1e-9, m->all.dot_i8 * 1e-9);
    for (int k = 0; k < TN__CACHE_LEVELS; k++)
        if (m->level_read[k] > 0) printf("  L%d read           %8.1f GB/s one thread\n", k + 1, m->level_read[k] * 1e-9);
    printf("  memory read       %8.1f GB/s one thread, %.1f all\n", m->one.memory_read * 1e-9, m->all.memory_read * 1e-9);
    printf("  parallel loop     %8.2f us\n", m->pool_ns * 1e-3);
    if (m->call_ns > 0) printf("  call              %8.2f us\n", m->call_ns * 1e-3);
    for (size_t i = 0; i < json_array_size(distortions); i++)
        printf("  distorted: %s\n", json_string_value(json_array_get(distortions, i)));
}

static void print_json(const tn__ceilings *m, json_t *distortions, const uint64_t *caches, const char *cpu, const char *features, const char *devices) {
    json_t *sizes = json_array();
    for (int k = 0; k < TN__CACHE_LEVELS; k++) json_array_append_new(sizes, json_integer((json_int_t)caches[k]));
    cli_print_json(json_pack("{ss ss si ss so ss so ss so sO}", "version", tn_version(), "cpu", cpu, "processors",
                             (int)tn__os_processor_count(), "features", features, "cache_bytes", sizes, "devices", devices, "topology",
                             topology_json(), "loops",
                             tn__ceilings_loops(), "ceilings", m ? ceilings_json(m) : json_null(), "distortions", distortions));
}

static void show_part(void *self, const char *what) { cli_progress("measuring: %s", what); }

static tn_error *measure(tn__ceilings *m, json_t **out_distortions) {
    tn_context *c;
    tn__machine before, after;
    tn__distortions distortions;
    tn_error *e = cli_context_create(NULL, &c);
    if (e) return e;
    tn__machine_read("", &before);
    e = tn__ceilings_measure(c, show_part, NULL, m);
    tn__machine_read("", &after);
    tn__machine_judge(&before, &after, &(tn__measured){.threads = before.processors}, &distortions);
    cli_progress_end();
    *out_distortions = record_distortions(&distortions);
    if (!e) e = ceilings_save(c, m, *out_distortions);
    tn_context_release(c);
    return e;
}

int cli_cmd_info(const cli_verb *verb, int argc, char **argv) {
    bool json = false, again = false;
    const cli_option options[] = {{"measure", CLI_FLAG, &again, NULL, "measure the ceilings now (about two seconds) and keep them"},
                                  {"json", CLI_FLAG, &json, NULL, "print JSON"},
                                  {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count) code = cli_usage("info takes no operands");
    cli_texts_free(&operands);
    if (code >= 0) return code;
    tn__ceilings m = {0};
    json_t *distortions = NULL;
    tn_error *e = again ? measure(&m, &distortions) : NULL;
    if (e) {
        json_decref(distortions);
        return cli_fail_error(e);
    }
    bool known = again || ceilings_load(&m, &distortions);
    if (!distortions) distortions = json_array();
    char cpu[64], features[200], devices[64] = "";
    uint64_t caches[TN__CACHE_LEVELS];
    static const char *const names[] = {"cpu", "ref", "null"};
    for (size_t i = 0; i < 3; i++) {
        if (!tn__device_find(names[i])) continue;
        size_t used = strlen(devices);
        snprintf(devices + used, sizeof devices - used, "%s%s", used ? "," : "", names[i]);
    }
    tn__cpu_name(cpu, sizeof cpu);
    tn__cpu_features(features, sizeof features);
    tn__cpu_caches(caches);
    if (json) print_json(known ? &m : NULL, distortions, caches, cpu, features, devices);
    else print_text(known ? &m : NULL, distortions, caches, cpu, features, devices);
    json_decref(distortions);
    return CLI_OK;
}
