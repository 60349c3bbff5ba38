/* The file: {"CPU name, N processors, loops": {ceilings}} */
#include "ceilings_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/os.h"
#include "base/os_thread.h"

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

json_t *ceilings_json(const tn__ceilings *m) {
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

static tn_error *write_cache(tn_context *c, const char *folder, const tn__ceilings *m, json_t *distortions) {
    for (const char *p = folder; (p = strchr(p + 1, '/')); ) {
        char *parent = cli_printf("%.*s", (int)(p - folder), folder);
        mkdir(parent, 0777);
        free(parent);
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return TN__FAIL(&c->allocator, IO, "%s: %s", folder, strerror(errno));
    json_t *all = read_cache(folder);
    char *key = cache_key(), *path = cli_printf("%s/ceilings.json", folder);
    json_t *entry = ceilings_json(m);
    json_object_set(entry, "distortions", distortions);
    json_object_set_new(all, key, entry);
    char *text = json_dumps(all, JSON_INDENT(2));
    tn_error *e = text ? tn__os_write_file(&c->allocator, path, &(tn__os_span){text, strlen(text)}, 1) : tn__error_oom();
    free(text);
    free(key);
    free(path);
    json_decref(all);
    return e;
}

bool ceilings_load(tn__ceilings *m, json_t **out_distortions) {
    char *folder = cache_folder(), *key = cache_key();
    json_t *all = folder ? read_cache(folder) : json_object(), *entry = json_object_get(all, key);
    bool found = ceilings_from_json(entry, m);
    *out_distortions = json_incref(json_object_get(entry, "distortions"));
    json_decref(all);
    free(folder);
    free(key);
    return found;
}

tn_error *ceilings_save(tn_context *c, const tn__ceilings *m, json_t *distortions) {
    char *folder = cache_folder();
    tn_error *e = folder ? write_cache(c, folder, m, distortions) : NULL;
    free(folder);
    return e;
}
