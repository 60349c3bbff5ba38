#include "record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/error.h"
#include "commit.h" /* made by cmake/commit.cmake */
#include "measure/ceilings.h"

enum { RECORD_VERSION = 1 };

static json_t *texts_json(const cli_texts *t) {
    json_t *list = json_array();
    for (size_t i = 0; i < t->count; i++) json_array_append_new(list, json_string(t->items[i]));
    return list;
}

static json_t *machine_json(const tn__machine *m) {
    return json_pack("{ss ss ss si si sf sI sf sf sI sI sI sI sI sI sI sI sI sI}", "governor", m->governor, "turbo", m->turbo, "smt", m->smt,
                     "processors", m->processors, "numa_nodes", m->numa_nodes, "container_cpus", m->container_cpus, "container_bytes",
                     (json_int_t)m->container_bytes, "load", m->load, "mhz", m->mhz, "clock_ns", (json_int_t)m->clock_ns, "busy_ticks",
                     (json_int_t)m->busy, "idle_ticks", (json_int_t)m->idle, "stolen_ticks", (json_int_t)m->stolen, "throttled_us",
                     (json_int_t)m->throttled_us, "cpu_ns", (json_int_t)m->usage.cpu_ns, "minor_faults", (json_int_t)m->usage.minor_faults,
                     "major_faults", (json_int_t)m->usage.major_faults, "voluntary_switches", (json_int_t)m->usage.voluntary_switches,
                     "involuntary_switches", (json_int_t)m->usage.involuntary_switches);
}

json_t *record_environment(void) {
    char cpu[64], features[256];
    struct utsname u = {0};
    tn__cpu_name(cpu, sizeof cpu);
    tn__cpu_features(features, sizeof features);
    (void)uname(&u);
    return json_pack("{ss ss ss ss ss ss ss}", "tenon", tn_version(), "commit", TN_COMMIT_TEXT, "compiler", __VERSION__, "cpu", cpu, "features",
                     features, "system", u.sysname, "kernel", u.release);
}

json_t *record_distortions(const tn__distortions *d) {
    json_t *list = json_array();
    for (int32_t i = 0; i < d->count; i++) json_array_append_new(list, json_string(d->text[i]));
    return list;
}

static json_t *inputs_json(const cli_inputs *in) {
    return json_pack("{so so ss* ss* ss* ss* sf}", "inputs", texts_json(&in->inputs), "dims", texts_json(&in->dims), "mean", in->mean, "std",
                     in->std, "layout", in->layout, "channels", in->channels, "scale", in->scale);
}

static json_t *outputs_json(const timing *t) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < t->n_outputs; i++)
        json_array_append_new(list, json_pack("{ss ss}", "name", t->outputs[i].name, "sha256", t->outputs[i].sha256));
    return list;
}

static json_t *stats_json(const tn_executable_stats *s) {
    return json_pack("{sI sI sI sI sI sI sI sI sI sI sI}", "flops", (json_int_t)s->flops, "compile_ns", (json_int_t)s->compile_ns, "arena_bytes",
                     (json_int_t)s->arena_bytes, "arena_lower_bound", (json_int_t)s->arena_lower_bound, "constant_bytes",
                     (json_int_t)s->constant_bytes, "code_bytes", (json_int_t)s->code_bytes, "kernels", (json_int_t)s->n_kernels, "calls",
                     (json_int_t)s->n_calls, "narrowed", (json_int_t)s->n_narrowed, "kept", (json_int_t)s->n_kept,
                     "tuned", (json_int_t)s->n_tuned);
}

static json_t *samples_json(const timing *t) {
    json_t *all = json_array();
    for (size_t i = 0; i < t->n_samples; i++) json_array_append_new(all, json_real(t->samples[i]));
    return all;
}

static json_t *accuracy_json(const timing *t) {
    if (!t->checked) return json_null();
    return json_pack("{ss sb so so so}", "against", "ref", "ok", t->worst.ok, "max_abs", cli_json_real(t->worst.max_abs), "max_rel",
                     cli_json_real(t->worst.max_rel), "max_ulp", cli_json_real(t->worst.max_ulp));
}

json_t *record_make(const char *kind, const char *path, const timing_settings *s, const timing *t) {
    char when[32] = "", *whole = realpath(path, NULL);
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *r = json_pack("{si ss ss ss so}", "record", RECORD_VERSION, "kind", kind, "time", when, "name", path, "environment",
                          record_environment());
    json_object_set_new(r, "model", json_pack("{ss ss}", "path", whole ? whole : path, "sha256", t->model_sha256));
    json_object_set_new(r, "how", json_pack("{sI sf sI sb}", "runs", (json_int_t)s->runs, "seconds", s->seconds, "streams",
                                            (json_int_t)(s->streams ? s->streams : 1), "cold", s->cold));
    json_object_set_new(r, "given", inputs_json(&s->inputs));
    json_object_set(r, "options", t->options);
    json_object_set_new(r, "before", machine_json(&t->before));
    json_object_set_new(r, "after", machine_json(&t->after));
    json_object_set_new(r, "distortions", record_distortions(&t->distortions));
    json_object_set_new(r, "min_s", json_real(t->min));
    json_object_set_new(r, "median_s", json_real(t->median));
    json_object_set_new(r, "low_s", json_real(t->low));
    json_object_set_new(r, "high_s", json_real(t->high));
    json_object_set_new(r, "p90_s", json_real(t->p90));
    json_object_set_new(r, "mad_s", json_real(t->mad));
    json_object_set_new(r, "calls_a_second", json_real(t->calls_a_second));
    json_object_set_new(r, "stats", stats_json(&t->stats));
    json_object_set_new(r, "outputs", outputs_json(t));
    json_object_set_new(r, "accuracy", accuracy_json(t));
    json_object_set_new(r, "samples_s", samples_json(t));
    free(whole);
    return r;
}

/* ---- back ---------------------------------------------------------------------------------------------------- */

static tn_error *missing(const char *field, const char *wanted) {
    return TN__FAIL(NULL, PARSE, "the record's field '%s' is missing, or not %s", field, wanted);
}

static tn_error *read_texts(const json_t *list, const char *field, cli_texts *out) {
    if (!json_is_array(list)) return missing(field, "an array of texts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text) return missing(field, "an array of texts");
        cli_texts_add(out, text);
    }
    return NULL;
}

tn_error *record_settings(const json_t *record, const char **out_path, timing_settings *out) {
    *out = (timing_settings){.hash = true, .inputs.missing_random = true};
    const json_t *given = json_object_get(record, "given"), *how = json_object_get(record, "how"), *options = json_object_get(record, "options");
    const json_t *version = json_object_get(record, "record");
    if (!json_is_integer(version)) return missing("record", "a number");
    if (json_integer_value(version) > RECORD_VERSION)
        return TN__FAIL(NULL, UNSUPPORTED, "the record is of version %lld, this Tenon knows %d", (long long)json_integer_value(version), RECORD_VERSION);
    *out_path = json_string_value(json_object_get(json_object_get(record, "model"), "path"));
    if (!*out_path) return missing("model.path", "a text");
    if (!json_string_value(json_object_get(json_object_get(record, "model"), "sha256"))) return missing("model.sha256", "a text");
    if (!json_is_object(given)) return missing("given", "an object");
    if (!json_is_object(how)) return missing("how", "an object");
    if (!json_is_object(options)) return missing("options", "an object");
    if (!json_is_array(json_object_get(record, "outputs"))) return missing("outputs", "an array");
    if (!json_is_array(json_object_get(record, "samples_s")) || !json_array_size(json_object_get(record, "samples_s")))
        return missing("samples_s", "an array of numbers");
    out->runs = json_integer_value(json_object_get(how, "runs"));
    out->seconds = json_number_value(json_object_get(how, "seconds"));
    out->streams = json_integer_value(json_object_get(how, "streams"));
    out->cold = json_is_true(json_object_get(how, "cold"));
    out->inputs.mean = json_string_value(json_object_get(given, "mean"));
    out->inputs.std = json_string_value(json_object_get(given, "std"));
    out->inputs.layout = json_string_value(json_object_get(given, "layout"));
    out->inputs.channels = json_string_value(json_object_get(given, "channels"));
    out->inputs.scale = json_number_value(json_object_get(given, "scale"));
    tn_error *e = read_texts(json_object_get(given, "inputs"), "given.inputs", &out->inputs.inputs);
    if (!e) e = read_texts(json_object_get(given, "dims"), "given.dims", &out->inputs.dims);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)options, key, value) {
        if (e) break;
        if (!json_is_string(value)) e = missing("options", "an object of texts");
        if (!strcmp(key, "cache_dir")) continue; /* of another machine or user */
        char *setting = cli_printf("%s=%s", key, json_string_value(value) ? json_string_value(value) : "");
        cli_texts_add(&out->target.settings, setting);
        free(setting);
    }
    return e;
}

void record_settings_free(timing_settings *s) {
    cli_inputs_free(&s->inputs);
    cli_target_free(&s->target);
}
