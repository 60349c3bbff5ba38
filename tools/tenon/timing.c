#include "timing.h"

#include <math.h>
#include <pthread.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/ceilings.h"
#include "measure/statistics.h"

enum { RUNS_LEAST = 5, RUNS_MOST = 1000000, STREAMS_MOST = 256 };

/* ---- hashes -------------------------------------------------------------------------------------------------- */

static void hash_text(const void *data, size_t bytes, char out[SHA256_TEXT]) {
    if (!SHA256Data(data, bytes, out)) out[0] = 0;
}

tn_error *timing_hash_model(const char *path, char out[SHA256_TEXT]) {
    return SHA256File(path, out) ? NULL : TN__FAIL(NULL, IO, "cannot read '%s' again", path);
}

/* ---- the interval of a median -------------------------------------------------------------------------------- */

/* Ranks n/2 -+ 1.96 sqrt(n)/2 bound the median (binomial, normal approximation); for few samples the extremes do. */
static void sorted_interval(const double *sorted, size_t n, double *low, double *high) {
    double half = 0.98 * sqrt((double)n), first = floor((double)n / 2 - half), last = ceil((double)n / 2 + half) - 1;
    *low = sorted[first < 0 ? 0 : (size_t)first];
    *high = sorted[last >= (double)n ? n - 1 : (size_t)last];
}

static double *sorted_copy(const double *samples, size_t n) {
    double *sorted = cli_alloc(n * sizeof *sorted);
    memcpy(sorted, samples, n * sizeof *sorted);
    tn__sort(sorted, n);
    return sorted;
}

void timing_interval(const double *samples, size_t n, double *out_low, double *out_high) {
    double *sorted = sorted_copy(samples, n);
    sorted_interval(sorted, n, out_low, out_high);
    free(sorted);
}

static void summarise(timing *t) {
    double *sorted = sorted_copy(t->samples, t->n_samples), *scratch = cli_alloc(t->n_samples * sizeof *scratch);
    t->min = sorted[0];
    t->median = tn__quantile(sorted, t->n_samples, 0.5);
    t->p90 = tn__quantile(sorted, t->n_samples, 0.9);
    sorted_interval(sorted, t->n_samples, &t->low, &t->high);
    t->mad = tn__median_deviation(sorted, t->n_samples, scratch);
    free(scratch);
    free(sorted);
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

/* One caller, with outputs and samples of its own. */
typedef struct stream {
    tn_executable *executable;
    tn_tensor **in, **out;
    uint32_t n_in, n_out;
    const timing_settings *settings;
    const char *path;
    char *eviction; /* owned; NULL unless cold */
    size_t eviction_bytes;
    double *samples;
    size_t n_samples, capacity;
    bool shows_progress;
    tn_error *error;
    pthread_t thread;
} stream;

static void evict(const stream *s) {
    volatile char *p = s->eviction;
    for (size_t i = 0; i < s->eviction_bytes; i += 64) p[i]++;
}

static bool wants_more(const stream *s, double spent) {
    if (s->settings->runs) return (int64_t)s->n_samples < s->settings->runs;
    return (spent < s->settings->seconds || s->n_samples < RUNS_LEAST) && s->n_samples < RUNS_MOST;
}

static void *take_samples(void *self) {
    stream *s = self;
    double spent = 0;
    uint64_t shown = cli_now_ns();
    while (!s->error && wants_more(s, spent)) {
        if (s->eviction) evict(s);
        uint64_t start = cli_now_ns();
        s->error = tn_executable_run(s->executable, s->in, s->n_in, s->out, s->n_out);
        double once = (double)(cli_now_ns() - start) * 1e-9;
        if (s->n_samples == s->capacity)
            s->samples = cli_realloc(s->samples, (s->capacity = s->capacity * 2 + 64) * sizeof *s->samples);
        s->samples[s->n_samples++] = once;
        spent += once;
        if (!s->shows_progress || cli_now_ns() - shown < 500000000u) continue; /* seldom, so that it disturbs nothing */
        cli_progress("%s: %zu runs", s->path, s->n_samples);
        shown = cli_now_ns();
    }
    return NULL;
}

/* Two calls before the clock counts: the first specialises, the second fills the caches. */
static tn_error *warm_up(stream *s) {
    for (int i = 0; i < 2; i++) {
        tn_error *e = tn_executable_run(s->executable, s->in, s->n_in, s->out, s->n_out);
        if (e) return e;
    }
    return NULL;
}

static tn_error *run_streams(stream *streams, int64_t n, timing *out) {
    int64_t started = 1;
    tn_error *e = NULL;
    for (int64_t i = 0; !e && i < n; i++) e = warm_up(&streams[i]);
    if (e) return e;
    tn__machine_read("", &out->before);
    uint64_t start = cli_now_ns();
    for (; started < n; started++)
        if (pthread_create(&streams[started].thread, NULL, take_samples, &streams[started])) break;
    if (started == n) take_samples(&streams[0]);
    for (int64_t i = 1; i < started; i++) pthread_join(streams[i].thread, NULL);
    double seconds = (double)(cli_now_ns() - start) * 1e-9;
    tn__machine_read("", &out->after);
    if (started < n) return TN__FAIL(NULL, OUT_OF_MEMORY, "the system gave %lld threads of %lld", (long long)started, (long long)n);
    for (int64_t i = 0; i < n; i++) {
        if (streams[i].error) {
            if (!e) e = streams[i].error;
            else tn_error_destroy(streams[i].error);
            streams[i].error = NULL;
            continue;
        }
        out->samples = cli_realloc(out->samples, (out->n_samples + streams[i].n_samples) * sizeof *out->samples);
        memcpy(out->samples + out->n_samples, streams[i].samples, streams[i].n_samples * sizeof *out->samples);
        out->n_samples += streams[i].n_samples;
    }
    if (!e) out->calls_a_second = (double)out->n_samples / seconds;
    return e;
}

static tn_error *sample(tn_executable *x, tn_tensor **in, uint32_t n_in, uint32_t n_out, const char *path, const timing_settings *s,
                        timing *out, tn_tensor ***out_tensors) {
    int64_t n = s->streams ? s->streams : 1;
    uint64_t caches[TN__CACHE_LEVELS];
    tn__cpu_caches(caches);
    size_t bytes = caches[TN__CACHE_LEVELS - 1] ? 2 * (size_t)caches[TN__CACHE_LEVELS - 1] : (size_t)128 << 20;
    stream *streams = cli_alloc((size_t)n * sizeof *streams);
    for (int64_t i = 0; i < n; i++) {
        streams[i] = (stream){.executable = x, .in = in, .n_in = n_in, .n_out = n_out, .settings = s, .path = path, .shows_progress = i == 0};
        streams[i].out = cli_alloc((n_out + 1) * sizeof *streams[i].out);
        if (s->cold) streams[i].eviction = cli_alloc(streams[i].eviction_bytes = bytes);
    }
    cli_progress("%s: warm-up", path);
    tn_error *e = run_streams(streams, n, out);
    *out_tensors = streams[0].out;
    for (int64_t i = 0; i < n; i++) {
        free(streams[i].samples);
        free(streams[i].eviction);
        if (i) cli_tensors_release(streams[i].out, n_out);
    }
    free(streams);
    return e;
}

/* ---- outputs ------------------------------------------------------------------------------------------------- */

static void hash_outputs(const tn_graph *g, tn_tensor *const *tensors, timing *out) {
    out->n_outputs = tn_graph_get_output_count(g);
    out->outputs = cli_alloc((out->n_outputs + 1) * sizeof *out->outputs);
    for (uint32_t i = 0; i < out->n_outputs; i++) {
        out->outputs[i].name = cli_printf("%s", tn_graph_get_output_name(g, i));
        if (tn_tensor_get_dtype(tensors[i]) != TN_DTYPE_string) /* pointers */
            hash_text(tn_tensor_get_data(tensors[i]), tn_tensor_get_bytes(tensors[i]), out->outputs[i].sha256);
    }
}

static tn_error *check_outputs(tn_context *context, const tn_graph *g, tn_tensor **in, tn_tensor *const *found, const char *path, timing *out) {
    tn_options *options = NULL;
    tn_executable *x = NULL;
    uint32_t n = tn_graph_get_output_count(g);
    tn_tensor **wanted = cli_alloc((n + 1) * sizeof *wanted);
    cli_progress("%s: checking against ref", path);
    tn_error *e = tn_options_create(context, &options);
    if (!e) e = tn_options_set(options, "device", "ref");
    if (!e) e = tn_compile(g, options, &x);
    if (!e) e = tn_executable_run(x, in, tn_graph_get_input_count(g), wanted, n);
    out->worst.ok = true;
    for (uint32_t i = 0; !e && i < n; i++) {
        cli_difference d;
        cli_compare(found[i], wanted[i], &CLI_TOLERANCE_ONNX, &d);
        if (i == 0 || d.wrongness > out->worst.wrongness || !d.ok) out->worst = d;
    }
    out->checked = !e;
    cli_tensors_release(wanted, n);
    tn_executable_release(x);
    tn_options_release(options);
    return e ? tn__error_prefix(e, "on ref") : NULL;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

json_t *timing_options(const tn_options *options) {
    static const char *const keys[] = {
#define TN_OPTION(name, type, default_, low, high, choices, help) #name,
#include "session/options.def"
    };
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        json_object_set_new(object, keys[i], json_string(tn_options_get(options, keys[i])));
    return object;
}

static void judge(const tn_options *options, const timing_settings *s, timing *out) {
    int32_t threads = (int32_t)strtol(tn_options_get(options, "threads"), NULL, 10);
    if (!threads) threads = out->before.processors;
    int64_t all = threads * (s->streams ? s->streams : 1);
    const tn__measured what = {.threads = all < INT32_MAX ? (int32_t)all : INT32_MAX, .median_s = out->median, .mad_s = out->mad};
    tn__machine_judge(&out->before, &out->after, &what, &out->distortions);
}

tn_error *timing_run(tn_context *context, const char *path, const timing_settings *s, timing *out) {
    *out = (timing){.stats.struct_size = sizeof out->stats};
    if (s->streams > STREAMS_MOST) return TN__FAIL(NULL, OUT_OF_RANGE, "found %lld streams, wanted 1 to %d", (long long)s->streams, STREAMS_MOST);
    tn_options *options = NULL;
    tn_graph *graph = NULL;
    tn_executable *executable = NULL;
    tn_tensor **in = NULL, **outputs = NULL;
    cli_inputs inputs = s->inputs;
    inputs.model_path = path;
    tn_error *e = cli_options_create(context, &s->target, &options);
    if (!e) e = cli_graph_load(context, path, &graph);
    if (!e && s->hash) e = timing_hash_model(path, out->model_sha256);
    if (!e) e = cli_inputs_make(context, graph, &inputs, &in);
    cli_progress("%s: compiling", path);
    if (!e) e = tn_compile(graph, options, &executable);
    uint32_t n_in = graph ? tn_graph_get_input_count(graph) : 0, n_out = graph ? tn_graph_get_output_count(graph) : 0;
    if (!e) e = sample(executable, in, n_in, n_out, path, s, out, &outputs);
    if (!e) summarise(out), judge(options, s, out);
    if (!e) e = tn_executable_get_stats(executable, &out->stats);
    if (!e) out->options = timing_options(options);
    if (!e && s->hash) hash_outputs(graph, outputs, out);
    if (!e && s->check) e = check_outputs(context, graph, in, outputs, path, out);
    cli_progress_end();
    cli_tensors_release(in, n_in);
    cli_tensors_release(outputs, n_out);
    tn_executable_release(executable);
    tn_graph_release(graph);
    tn_options_release(options);
    return e;
}

void timing_free(timing *t) {
    for (uint32_t i = 0; i < t->n_outputs; i++) free(t->outputs[i].name);
    free(t->outputs);
    free(t->samples);
    json_decref(t->options);
    *t = (timing){0};
}
