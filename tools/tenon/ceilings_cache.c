/* The file: {"CPU name, N processors, loops": {ceilings}, "CPU name, N processors, loops, M threads": {rates}} */
#include "ceilings_cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/os.h"
#include "base/os_thread.h"
#include "measure/machine.h"
#include "record.h"

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

/* Every number, by its name in the file. */
#define CEILINGS(F)                                                                                          \
    F("fma_f32", one.fma_f32) F("fma_f64", one.fma_f64) F("dot_i8", one.dot_i8) F("memory_read", one.memory_read)   \
    F("fma_f32_all", all.fma_f32) F("fma_f64_all", all.fma_f64) F("dot_i8_all", all.dot_i8) F("memory_read_all", all.memory_read) \
    F("pool_ns", pool_ns) F("call_ns", call_ns)
#define RATES(F) F("fma_f32", fma_f32) F("fma_f64", fma_f64) F("dot_i8", dot_i8) F("memory_read", memory_read)

#define PUT(name, field) json_object_set_new(o, name, json_real(m->field));
#define GET(name, field)                                          \
    if (!json_is_number(json_object_get(o, name))) return false;  \
    m->field = json_number_value(json_object_get(o, name));

json_t *ceilings_json(const tn__ceilings *m) {
    json_t *o = json_object(), *levels = json_array();
    CEILINGS(PUT)
    for (int k = 0; k < TN__CACHE_LEVELS; k++) json_array_append_new(levels, json_real(m->level_read[k]));
    json_object_set_new(o, "level_read", levels);
    return o;
}

json_t *rates_json(const tn__rates *m) {
    json_t *o = json_object();
    RATES(PUT)
    return o;
}

static bool ceilings_from_json(const json_t *o, tn__ceilings *m) {
    CEILINGS(GET)
    const json_t *levels = json_object_get(o, "level_read");
    for (size_t k = 0; k < TN__CACHE_LEVELS; k++) m->level_read[k] = json_number_value(json_array_get(levels, k));
    return true;
}

static bool rates_from_json(const json_t *o, tn__rates *m) {
    RATES(GET)
    return true;
}
#undef PUT
#undef GET

/* A missing or damaged cache is an empty one. */
static json_t *read_cache(const char *folder) {
    char *path = cli_printf("%s/ceilings.json", folder);
    json_t *all = json_load_file(path, 0, NULL);
    free(path);
    if (json_is_object(all)) return all;
    json_decref(all);
    return json_object();
}

/* Takes `entry`. */
static tn_error *write_cache(tn_context *c, const char *folder, const char *key, json_t *entry) {
    for (const char *p = folder; (p = strchr(p + 1, '/')); ) {
        char *parent = cli_printf("%.*s", (int)(p - folder), folder);
        mkdir(parent, 0777);
        free(parent);
    }
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return TN__FAIL(&c->allocator, IO, "%s: %s", folder, strerror(errno));
    json_t *all = read_cache(folder);
    char *path = cli_printf("%s/ceilings.json", folder);
    json_object_set(all, key, entry);
    char *text = json_dumps(all, JSON_INDENT(2));
    tn_error *e = text ? tn__os_write_file(&c->allocator, path, &(tn__os_span){text, strlen(text)}, 1) : tn__error_oom();
    free(text);
    free(path);
    json_decref(all);
    return e;
}

/* What is kept under a key, owned; NULL: nothing. */
static json_t *load_entry(const char *key) {
    char *folder = cache_folder();
    json_t *all = folder ? read_cache(folder) : json_object(), *entry = json_incref(json_object_get(all, key));
    json_decref(all);
    free(folder);
    return entry;
}

/* Takes `entry`. */
static tn_error *save_entry(tn_context *c, const char *key, json_t *entry, json_t *distortions) {
    char *folder = cache_folder();
    json_object_set(entry, "distortions", distortions);
    tn_error *e = folder ? write_cache(c, folder, key, entry) : NULL;
    json_decref(entry);
    free(folder);
    return e;
}

bool ceilings_load(tn__ceilings *m, json_t **out_distortions) {
    char *key = cache_key();
    json_t *entry = load_entry(key);
    bool found = ceilings_from_json(entry, m);
    *out_distortions = json_incref(json_object_get(entry, "distortions"));
    json_decref(entry);
    free(key);
    return found;
}

tn_error *ceilings_save(tn_context *c, const tn__ceilings *m, json_t *distortions) {
    char *key = cache_key();
    tn_error *e = save_entry(c, key, ceilings_json(m), distortions);
    free(key);
    return e;
}

/* ---- rates of a number of threads ---------------------------------------------------------------------------- */

static bool is_clean(const json_t *distortions) { return json_is_array(distortions) && !json_array_size(distortions); }

/* What is kept of these threads; true: and was not distorted. */
static bool rates_load(int32_t threads, const char *key, tn__rates *m) {
    tn__ceilings c;
    json_t *distortions, *entry;
    bool known = ceilings_load(&c, &distortions) && is_clean(distortions);
    json_decref(distortions);
    if (known && (threads == 1 || threads == tn__os_processor_count())) return *m = threads == 1 ? c.one : c.all, true;
    *m = (tn__rates){0};
    entry = load_entry(key);
    known = rates_from_json(entry, m) && is_clean(json_object_get(entry, "distortions"));
    json_decref(entry);
    return known;
}

static void show_part(void *self, const char *what) { cli_progress("measuring: %s", what); }

/* A disturbance makes a rate smaller, never larger: of several distorted measurements the largest figures are the nearest ones. */
static void take_larger(tn__rates *m, const tn__rates *other) {
#define LARGER(name, field) \
    if (other->field > m->field) m->field = other->field;
    RATES(LARGER)
#undef LARGER
}

/* `m` comes with what a distorted measurement gave before, or 0. */
static tn_error *rates_measure(tn_context *c, int32_t threads, const char *key, tn__rates *m, json_t **out_distortions) {
    tn__rates now;
    tn__machine before, after;
    tn__distortions distortions;
    tn__machine_read("", &before);
    tn_error *e = tn__rates_measure(c, threads, show_part, NULL, &now);
    tn__machine_read("", &after);
    cli_progress_end();
    if (e) return e;
    tn__machine_judge(&before, &after, &(tn__measured){.threads = threads}, &distortions);
    if (distortions.count) take_larger(m, &now);
    else *m = now;
    json_decref(*out_distortions);
    *out_distortions = record_distortions(&distortions);
    e = save_entry(c, key, rates_json(m), *out_distortions);
    tn_error_destroy(e); /* a folder that cannot be written to: measured again the next time */
    return NULL;
}

tn_error *rates_get(tn_context *c, int32_t threads, tn__rates *m, json_t **out_distortions) {
    char *machine = cache_key(), *key = cli_printf("%s, %d threads", machine, threads);
    *out_distortions = json_array();
    tn_error *e = rates_load(threads, key, m) ? NULL : rates_measure(c, threads, key, m, out_distortions);
    free(machine);
    free(key);
    return e;
}

/* ---- shares of them ------------------------------------------------------------------------------------------ */

static double compute_rate(const tn__rates *m, tn_dtype dtype) {
    return dtype == TN_DTYPE_f32 ? m->fma_f32 : dtype == TN_DTYPE_f64 ? m->fma_f64 : dtype == TN_DTYPE_i8 ? m->dot_i8 : 0;
}

rates_shares rates_shares_of(const tn__rates *m, const tn_profile_row *row) {
    double s = (double)row->least_ns * 1e-9, compute = compute_rate(m, row->product_dtype);
    if (!(s > 0)) return (rates_shares){0, 0};
    return (rates_shares){compute > 0 ? row->flops / s / compute : 0, m->memory_read > 0 ? (double)row->bytes / s / m->memory_read : 0};
}
