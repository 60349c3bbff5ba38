/* tenon info: what this build and this machine are, and the measured ceilings (kept in the cache folder per CPU model). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/os.h"
#include "base/os_thread.h"
#include "cli.h"
#include "device/device.h"
#include "measure/ceilings.h"

/* ---- the cache file: {"CPU name, N processors, loops": {ceilings}} -------------------------------------------- */

static char *cache_folder(void) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && *base == '/') return cli_printf("%s/tenon", base);
    return home && *home ? cli_printf("%s/.cache/tenon", home) : NULL;
}

static char *cache_key(void) {
    char cpu[64];
    tn__cpu_name(cpu, sizeof cpu);
    return cli_printf("%s, %d processors, %s", cpu, tn__os_processor_count(), tn__ceilings_loops());
}

static json_t *ceilings_json(const tn__ceilings *m) {
    json_t *levels = json_array();
    for (int k = 0; k < TN__CACHE_LEVELS; k++) json_array_append_new(levels, json_real(m->level_read[k]));
    return json_pack("{sf sf sf sf so sf sf sf sf}", "fma_f32", m->fma_f32, "fma_f32_all", m->fma_f32_all, "fma_f64", m->fma_f64, "dot_i8",
                     m->dot_i8, "level_read", levels,
                     "memory_read", m->memory_read, "memory_read_all", m->memory_read_all, "pool_ns", m->pool_ns, "call_ns", m->call_ns);
}

static bool ceilings_from_json(const json_t *o, tn__ceilings *m) {
    const struct {
        const char *name;
        double *to;
    } fields[] = {{"fma_f32", &m->fma_f32},         {"fma_f32_all", &m->fma_f32_all},
                  {"fma_f64", &m->fma_f64},         {"dot_i8", &m->dot_i8},
                  {"memory_read", &m->memory_read}, {"memory_read_all", &m->memory_read_all},
                  {"pool_ns", &m->pool_ns},         {"call_ns", &m->call_ns}};
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const json_t *x = json_object_get(o, fields[i].name);
        if (!json_is_number(x)) return false;
        *fields[i].to = json_number_value(x);
    }
    const json_t *levels = json_object_get(o, "level_read");
    for (size_t k = 0; k < TN__CACHE_LEVELS; k++) m->level_read[k] = json_number_value(json_array_get(levels, k));
    return true;
}

/* A missing or damaged cache is an empty one. */
static json_t *read_cache(const char *folder) {
    char *path = cli_printf("%s/ceilings.json", folder);
    json_t *all = json_load_file(path, 0, NULL);
    free(path);
    if (json_is_object(all)) return all;
    json_decref(all);
    return json_object();
}

static tn_error *write_cache(tn_context *c, const char *folder, const tn__ceilings *m) {
    for (const char *p = folder; (p = strchr(p + 1, '/')); ) {
        char *parent = cli_printf("%.*s", (int)(p - folder), folder);
        mkdir(parent, 0777);
        free(parent);
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return TN__FAIL(&c->allocator, IO, "%s: %s", folder, strerror(errno));
    json_t *all = read_cache(folder);
    char *key = cache_key(), *path = cli_printf("%s/ceilings.json", folder);
    json_object_set_new(all, key, ceilings_json(m));
    char *text = json_dumps(all, JSON_INDENT(2));
    tn_error *e = text ? tn__os_write_file(&c->allocator, path, &(tn__os_span){text, strlen(text)}, 1) : tn__error_oom();
    free(text);
    free(key);
    free(path);
    json_decref(all);
    return e;
}

static bool load_ceilings(tn__ceilings *m) {
    char *folder = cache_folder(), *key = cache_key();
    json_t *all = folder ? read_cache(folder) : json_object();
    bool found = ceilings_from_json(json_object_get(all, key), m);
    json_decref(all);
    free(folder);
    free(key);
    return found;
}

/* ---- printing ------------------------------------------------------------------------------------------------ */

static void print_bytes(const char *what, uint64_t bytes) {
    if (bytes >= 10u << 20) printf("%s %" PRIu64 " MiB", what, bytes >> 20);
    else printf("%s %" PRIu64 " KiB", what, bytes >> 10);
}

static void print_text(const tn__ceilings *m, const uint64_t *caches, const char *cpu, const char *features, const char *devices) {
    printf("tenon %s\ncpu       %s, %d processors\nfeatures  %s\ncaches    ", tn_version(), cpu, tn__os_processor_count(), features);
    for (int k = 0; k < TN__CACHE_LEVELS; k++) {
        char what[8];
        snprintf(what, sizeof what, "%sL%d", k ? ", " : "", k + 1);
        if (caches[k]) print_bytes(what, caches[k]);
    }
    printf("\ndevices   %s\n", devices);
    if (!m) {
        printf("ceilings  not measured yet: tenon info --measure\n");
        return;
    }
    printf("ceilings  measured here with %s loops\n", tn__ceilings_loops());
    printf("  f32 multiply-add  %8.1f GFLOP/s one thread, %.1f all\n", m->fma_f32 * 1e-9, m->fma_f32_all * 1e-9);
    printf("  f64 multiply-add  %8.1f GFLOP/s one thread\n", m->fma_f64 * 1e-9);
    if (m->dot_i8 > 0) printf("  u8 i8 dot product %8.1f GOP/s one thread\n", m->dot_i8 * 1e-9);
    for (int k = 0; k < TN__CACHE_LEVELS; k++)
        if (m->level_read[k] > 0) printf("  L%d read           %8.1f GB/s one thread\n", k + 1, m->level_read[k] * 1e-9);
    printf("  memory read       %8.1f GB/s one thread, %.1f all\n", m->memory_read * 1e-9, m->memory_read_all * 1e-9);
    printf("  parallel loop     %8.2f us\n", m->pool_ns * 1e-3);
    if (m->call_ns > 0) printf("  call              %8.2f us\n", m->call_ns * 1e-3);
}

static void print_json(const tn__ceilings *m, const uint64_t *caches, const char *cpu, const char *features, const char *devices) {
    json_t *sizes = json_array();
    for (int k = 0; k < TN__CACHE_LEVELS; k++) json_array_append_new(sizes, json_integer((json_int_t)caches[k]));
    cli_print_json(json_pack("{ss ss si ss so ss ss so}", "version", tn_version(), "cpu", cpu, "processors",
                             (int)tn__os_processor_count(), "features", features, "cache_bytes", sizes, "devices", devices, "loops",
                             tn__ceilings_loops(), "ceilings", m ? ceilings_json(m) : json_null()));
}

static void show_part(void *self, const char *what) { cli_progress("measuring: %s", what); }

static tn_error *measure(tn__ceilings *m) {
    tn_context *c;
    tn_error *e = cli_context_create(NULL, &c);
    if (e) return e;
    e = tn__ceilings_measure(c, show_part, NULL, m);
    cli_progress_end();
    char *folder = cache_folder();
    if (!e && folder) e = write_cache(c, folder, m);
    free(folder);
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
    tn_error *e = again ? measure(&m) : NULL;
    if (e) return cli_fail_error(e);
    bool known = again || load_ceilings(&m);
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
    if (json) print_json(known ? &m : NULL, caches, cpu, features, devices);
    else print_text(known ? &m : NULL, caches, cpu, features, devices);
    return CLI_OK;
}
