/* The rules of `tenon doctor`: evidence in, hints out. A share is of the fastest time of all steps summed up. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

/* From which share of the time on something is worth a hint; and the least gain of a measured change. */
static const double worth = 0.05, worth_calls = 0.01, measured_gain = 0.05;

static void TN_PRINTF(2, 3) put(char text[DOCTOR_TEXT], const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(text, DOCTOR_TEXT, format, args);
    va_end(args);
}

static double total_ns(const doctor_evidence *e) {
    double sum = 0;
    for (size_t i = 0; i < e->n_steps; i++) sum += e->steps[i].ns;
    return sum > 0 ? sum : 1;
}

/* Steps that `fits` picks: their share of the time, how many, and the largest. */
typedef struct picked {
    double share;
    size_t n;
    const doctor_step *largest;
} picked;

static picked pick(const doctor_evidence *e, bool (*fits)(const doctor_evidence *e, const doctor_step *s)) {
    picked p = {0};
    for (size_t i = 0; i < e->n_steps; i++) {
        const doctor_step *s = &e->steps[i];
        if (!fits(e, s)) continue;
        p.share += s->ns / total_ns(e), p.n++;
        if (!p.largest || s->ns > p.largest->ns) p.largest = s;
    }
    return p;
}

/* ---- options and machine ------------------------------------------------------------------------------------- */

static bool device_not_cpu(const doctor_evidence *e, doctor_hint *h) {
    if (!strcmp(e->device, "cpu")) return false;
    put(h->evidence, "device is '%s'", e->device);
    put(h->advice, "compile for device cpu; ref is the slow oracle, null does nothing");
    put(h->option, "device=cpu");
    h->gain = 0.9;
    return true;
}

static bool debug_build(const doctor_evidence *e, doctor_hint *h) {
    if (!e->is_debug) return false;
    put(h->evidence, "this library was built without NDEBUG: handles and graphs are checked at every step");
    put(h->advice, "build the release preset (make run, make install)");
    return true;
}

static bool passes_off(const doctor_evidence *e, doctor_hint *h) {
    if (!*e->passes_off) return false;
    put(h->evidence, "passes_off is '%.200s'", e->passes_off);
    put(h->advice, "switch the passes on again, unless one of them is under suspicion");
    put(h->option, "passes_off=");
    return true;
}

static bool profile_on(const doctor_evidence *e, doctor_hint *h) {
    if (!e->profile) return false;
    put(h->evidence, "profile is on: the clock is read for every step of %zu", e->n_steps);
    put(h->advice, "switch it off where nobody reads the profile");
    put(h->option, "profile=off");
    if (e->run_ns > 0) h->gain = fmin(1, 40.0 * (double)e->n_steps / e->run_ns); /* some 40 ns for a pair */
    return true;
}

static bool cpu_not_host(const doctor_evidence *e, doctor_hint *h) {
    if (!strcmp(e->cpu, "host")) return false;
    put(h->evidence, "code is made for '%.100s'", e->cpu);
    put(h->advice, "cpu=host uses all that this processor has; another name is for code that runs elsewhere");
    put(h->option, "cpu=host");
    return true;
}

static bool cache_off(const doctor_evidence *e, doctor_hint *h) {
    if (!strcmp(e->cache, "on")) return false;
    put(h->evidence, "cache is '%s': %u kernels are compiled anew in every process", e->cache, e->n_kernels);
    put(h->advice, "switch it on to load the second time in a fraction of the time; calls are not faster");
    put(h->option, "cache=on");
    h->gain = 0;
    return true;
}

static bool cache_missed(const doctor_evidence *e, doctor_hint *h) {
    if (strcmp(e->cache, "on") || !e->n_kernels || e->from_cache) return false;
    put(h->evidence, "a second compilation found none of %u kernels in the cache", e->n_kernels);
    put(h->advice, "the folder of option cache_dir cannot be written or belongs to somebody else, or cache_max_bytes is too small");
    h->gain = 0;
    return true;
}

static bool mask_is_narrow(const doctor_evidence *e) { return e->placement.processors_online > e->machine.processors; }

static bool process_mask(const doctor_evidence *e, doctor_hint *h) {
    if (e->threads <= e->machine.processors || !mask_is_narrow(e)) return false;
    put(h->evidence, "%" PRId64 " threads, and the process may run on %d of the machine's %d processors (taskset, or cpuset.cpus of the container)",
        e->threads, e->machine.processors, e->placement.processors_online);
    put(h->advice, "threads that wait for a processor hold up the others: allow the process more processors, or take as many threads as it has");
    put(h->option, "threads=%d", e->machine.processors);
    return true;
}

static bool threads_over_processors(const doctor_evidence *e, doctor_hint *h) {
    if (e->threads <= e->machine.processors || mask_is_narrow(e)) return false;
    put(h->evidence, "%" PRId64 " threads on %d processors", e->threads, e->machine.processors);
    put(h->advice, "threads that wait for a processor hold up the others; 0 takes what there is");
    put(h->option, "threads=%d", e->machine.processors);
    return true;
}

/* The calling thread works in both. */
static bool callers_pool(const doctor_evidence *e, doctor_hint *h) {
    int64_t all = e->own_threads + e->threads - 1, left = e->machine.processors - e->own_threads + 1;
    if (!e->own_threads || e->threads <= 1 || all <= e->machine.processors) return false;
    put(h->evidence, "%" PRId64 " busy threads of the program and %" PRId64 " more of Tenon's on %d processors", e->own_threads, e->threads - 1,
        e->machine.processors);
    put(h->advice, "hand the program's pool over (tn_context_options.thread_pool), so that both share one, or leave Tenon fewer threads");
    put(h->option, "threads=%" PRId64, left > 1 ? left : 1);
    return true;
}

static bool threads_over_cores(const doctor_evidence *e, doctor_hint *h) {
    if (!e->cores || e->threads <= e->cores || e->threads > e->machine.processors) return false;
    int64_t tied = e->placement.cores_pinned, kept = e->threads - 1;
    put(h->evidence, "%" PRId64 " threads on %d physical cores", e->threads, e->cores);
    if (tied && kept > tied)
        put(h->evidence, "%" PRId64 " threads on %d physical cores: affinity=%s keeps %" PRId64 " of them beside another on its core", e->threads, e->cores,
            e->affinity, kept - tied);
    put(h->advice, "two threads of a core share its multipliers: dense work gains nothing and loses cache");
    put(h->option, "threads=%d", e->cores);
    return true;
}

static bool container_limit(const doctor_evidence *e, doctor_hint *h) {
    if (e->machine.container_cpus <= 0 || (double)e->threads <= e->machine.container_cpus) return false;
    put(h->evidence, "%" PRId64 " threads, and the container may use %.2g processors", e->threads, e->machine.container_cpus);
    put(h->advice, "beyond its limit the container is stopped for the rest of each period");
    put(h->option, "threads=%d", e->machine.container_cpus < 1 ? 1 : (int)e->machine.container_cpus);
    return true;
}

static bool threads_do_not_pay(const doctor_evidence *e, doctor_hint *h) {
    if (e->threads <= 1 || e->one_thread_ns <= 0 || e->one_thread_ns > e->run_ns * (1 - measured_gain)) return false;
    put(h->evidence, "a call takes %.4g ms with %" PRId64 " threads, %.4g ms with one", e->run_ns * 1e-6, e->threads, e->one_thread_ns * 1e-6);
    put(h->advice, "the steps are too small to share; run several calls at once instead");
    put(h->option, "threads=1");
    h->gain = 1 - e->one_thread_ns / e->run_ns;
    return true;
}

static bool threads_left(const doctor_evidence *e, doctor_hint *h) {
    if (e->threads >= e->machine.processors || e->all_threads_ns <= 0 || e->all_threads_ns > e->run_ns * (1 - measured_gain)) return false;
    put(h->evidence, "a call takes %.4g ms with %" PRId64 " threads, %.4g ms with %d", e->run_ns * 1e-6, e->threads, e->all_threads_ns * 1e-6,
        e->machine.processors);
    put(h->advice, "use the processors that are idle, if no other call of yours wants them");
    put(h->option, "threads=%d", e->machine.processors);
    h->gain = 1 - e->all_threads_ns / e->run_ns;
    return true;
}

/* The caller's thread stays free, so that it takes no core from the others. */
static bool affinity(const doctor_evidence *e, doctor_hint *h) {
    const doctor_placement *p = &e->placement;
    int64_t kept = e->threads - 1, possible = kept < p->cores_allowed ? kept : p->cores_allowed;
    if (!p->cores_pinned || p->cores_pinned >= possible) return false;
    put(h->evidence, "affinity=%s keeps %" PRId64 " threads on %d physical cores, and there are %d", e->affinity, kept, p->cores_pinned, p->cores_allowed);
    put(h->advice, "two threads of a core share its multipliers: keep each on a core of its own, or leave them free (affinity=none)");
    put(h->option, "affinity=cores");
    h->gain = 1 - p->cores_pinned / (double)possible;
    return true;
}

/* From half of what one of `nodes` nodes can give on, memory is what a step waits for; unless all that a call touches stays in caches. */
static double share_waiting_for_node(const doctor_evidence *e, int32_t nodes) {
    double waiting = 0, bytes = 0;
    if (e->bandwidth <= 0) return NAN;
    for (size_t i = 0; i < e->n_steps; i++) {
        const doctor_step *s = &e->steps[i];
        bytes += s->bytes;
        if (s->bytes >= 0.5 * e->bandwidth / nodes * s->ns * 1e-9) waiting += s->ns;
    }
    return bytes <= (double)e->placement.cache_bytes ? 0 : waiting / total_ns(e);
}

/* Threads on several nodes, their memory mostly on one: its channels are all that they have. */
static bool memory_on_one_node(const doctor_evidence *e, int32_t nodes, doctor_hint *h) {
    const doctor_placement *p = &e->placement;
    double uneven = p->fullest_node > 0 ? p->fullest_node * nodes : nodes, waiting = share_waiting_for_node(e, nodes);
    if (strcmp(e->numa, "default") || uneven < 1.25 || waiting < worth) return false;
    bool known = p->fullest_node > 0 && !isnan(waiting);
    put(h->evidence, "%" PRId64 " threads reach over %d memory nodes (cores of the largest: %d)", e->threads, nodes, p->node_cores);
    if (known)
        put(h->evidence, "%" PRId64 " threads reach over %d memory nodes (cores of the largest: %d); %.0f %% of the memory lies on one, and steps with %.0f %% "
            "of the time wait for memory", e->threads, nodes, p->node_cores, 100 * p->fullest_node, 100 * waiting);
    put(h->advice, "%sstay on one node with threads=%d (numactl -N 0 -m 0), and start a process for each",
        p->may_place ? "lay the pages over all nodes in turn; or " : "", p->node_cores);
    if (p->may_place) put(h->option, "numa=interleave");
    else put(h->option, "threads=%d", p->node_cores);
    if (p->may_place && known) h->gain = waiting * (1 - 1 / uneven);
    return true;
}

static bool numa(const doctor_evidence *e, doctor_hint *h) {
    const doctor_placement *p = &e->placement;
    int32_t nodes = p->nodes_pinned ? p->nodes_pinned : p->nodes_needed;
    if (p->nodes < 2) return false;
    if (!strcmp(e->affinity, "compact") && p->nodes_by_cores && p->nodes_by_cores < nodes) { /* numbers that go round the nodes */
        put(h->evidence, "affinity=compact lays %" PRId64 " threads over %d memory nodes; %d would do", e->threads - 1, nodes, p->nodes_by_cores);
        put(h->advice, "neighbours share data: keep them on cores of one node as long as it has any");
        put(h->option, "affinity=cores");
        return true;
    }
    if (nodes > 1) return memory_on_one_node(e, nodes, h);
    if (p->far_memory < 2 * worth) return false;
    bool local = p->may_place && strcmp(e->numa, "local");
    put(h->evidence, "%.0f %% of the memory lies on nodes on which this process may not run", 100 * p->far_memory);
    put(h->advice, "give threads and memory the same node (%snumactl -N 0 -m 0, or cpuset.mems of the container)", local ? "numa=local, " : "");
    if (local) put(h->option, "numa=local");
    return true;
}

static bool governor(const doctor_evidence *e, doctor_hint *h) {
    if (!*e->machine.governor || !strcmp(e->machine.governor, "performance")) return false;
    put(h->evidence, "the frequency governor is '%s'", e->machine.governor);
    put(h->advice, "as root: cpupower frequency-set -g performance");
    return true;
}

static bool busy_machine(const doctor_evidence *e, doctor_hint *h) {
    for (int32_t i = 0; i < e->distortions.count; i++) {
        const char *text = e->distortions.text[i];
        if (strncmp(text, "other programs", 14) && strncmp(text, "the host", 8) && strncmp(text, "the container's", 15)) continue;
        put(h->evidence, "%s", text);
        put(h->advice, "all times here are too long by an unknown share; measure again on a quiet machine");
        return true;
    }
    return false;
}

/* ---- the model ----------------------------------------------------------------------------------------------- */

static double idle_share(const doctor_evidence *e, const doctor_step *s) {
    if (!s->channels || e->lanes < 2) return 0;
    int64_t filled = (s->channels + e->lanes - 1) / e->lanes * e->lanes;
    return 1 - (double)s->channels / (double)filled;
}

/* Convolutions along lines of pixels (lconv) do not lay their channels into lanes. */
static bool leaves_lanes_idle(const doctor_evidence *e, const doctor_step *s) {
    return (!strcmp(s->form, "conv") || !strcmp(s->form, "gconv") || !strcmp(s->form, "dwconv")) && idle_share(e, s) >= 0.2;
}

static bool idle_lanes(const doctor_evidence *e, doctor_hint *h) {
    picked p = pick(e, leaves_lanes_idle);
    if (p.share < worth) return false;
    put(h->evidence, "%zu convolutions with %.0f %% of the time, first %.120s: %" PRId64 " channels leave %.0f %% of %d lanes idle", p.n, 100 * p.share,
        p.largest->what, p.largest->channels, 100 * idle_share(e, p.largest), e->lanes);
    put(h->advice, "where the network can still be changed: channel counts that are multiples of %d", e->lanes);
    h->gain = p.share * idle_share(e, p.largest);
    return true;
}

/* Between values blocked by channel and row-major ones. */
static bool blocks_channels(const doctor_evidence *e, const doctor_step *s) { return !strcmp(s->form, "block") || !strcmp(s->form, "unblock"); }

static bool changes_layout(const doctor_evidence *e, const doctor_step *s) {
    return blocks_channels(e, s) || !strcmp(s->kind, "copy") || !strcmp(s->form, "pack") || !strcmp(s->form, "move");
}

static bool layout_changes(const doctor_evidence *e, doctor_hint *h) {
    picked p = pick(e, changes_layout);
    if (p.share < worth) return false;
    put(h->evidence, "%zu steps with %.0f %% of the time only move data, first %.160s", p.n, 100 * p.share, p.largest->what);
    put(h->advice, "transposes and reshapes between convolutions or products keep layouts from meeting: drop them, or let the model keep one order");
    h->gain = p.share;
    if (pick(e, blocks_channels).share >= worth) put(h->option, strcmp(e->layout, "auto") ? "layout=auto" : "layout=nchw");
    return true;
}

static bool is_call(const doctor_evidence *e, const doctor_step *s) { return !strcmp(s->kind, "call"); }

static bool slow_path(const doctor_evidence *e, doctor_hint *h) {
    picked p = pick(e, is_call);
    if (p.share < worth_calls) return false;
    put(h->evidence, "%zu steps with %.0f %% of the time are calls of the reference, first %.160s", p.n, 100 * p.share, p.largest->what);
    put(h->advice, "express the op by others that have kernels (docs/ops.md), or give the framework's own kernel as a custom op");
    h->gain = p.share * 0.8;
    return true;
}

static bool is_elementwise(const doctor_evidence *e, const doctor_step *s) { return !strcmp(s->form, "ew") || !strcmp(s->form, "map"); }

static bool unfused(const doctor_evidence *e, doctor_hint *h) {
    picked p = pick(e, is_elementwise);
    if (p.share < worth || e->n_steps == p.n) return false; /* a model of nothing else has nobody to join */
    put(h->evidence, "%zu elementwise kernels with %.0f %% of the time, first %.140s%s", p.n, 100 * p.share, p.largest->what,
        p.largest->readers > 1 ? ": its operand has other readers" : "");
    put(h->advice, "a kernel takes in what only it feeds: outputs of the graph and values with several readers break the chain");
    h->gain = p.share * 0.5;
    return true;
}

enum { SMALL_NS = 2000 };

static bool small_steps(const doctor_evidence *e, doctor_hint *h) {
    if (e->n_steps < 8 || e->run_ns <= 0 || e->run_ns / (double)e->n_steps >= SMALL_NS) return false;
    put(h->evidence, "%zu steps of %.0f ns each", e->n_steps, e->run_ns / (double)e->n_steps);
    put(h->advice, "put several samples into one call (a larger batch): it costs little more than one");
    return true;
}

/* Fewer multiply-adds a byte than the processor does while it reads one. */
static bool waits_for_weights(const doctor_evidence *e, const doctor_step *s) {
    return (!strcmp(s->form, "mm") || !strcmp(s->form, "dot")) && s->flops > 0 && s->bytes > 1e6 && e->bandwidth > 0 && e->fma_rate > 0 &&
           s->flops / s->bytes < 0.5 * e->fma_rate / e->bandwidth;
}

/* And most of what it reads are constants that option precision=bf16 would keep in half of the bytes. */
static bool waits_for_f32_weights(const doctor_evidence *e, const doctor_step *s) {
    return waits_for_weights(e, s) && s->products == TN_DTYPE_f32 && s->constant_bytes >= 0.5 * s->bytes;
}

/* Time goes with the bytes. */
static double saved_by_half(const doctor_evidence *e) {
    double saved = 0;
    for (size_t i = 0; i < e->n_steps; i++)
        if (waits_for_f32_weights(e, &e->steps[i])) saved += e->steps[i].ns / total_ns(e) * 0.5 * e->steps[i].constant_bytes / e->steps[i].bytes;
    return saved;
}

static bool memory_bound(const doctor_evidence *e, doctor_hint *h) {
    picked p = pick(e, waits_for_weights), constant = pick(e, waits_for_f32_weights);
    if (p.share < 4 * worth) return false;
    put(h->evidence, "%zu products with %.0f %% of the time do %.2g operations a byte and wait for memory, first %.100s%s", p.n, 100 * p.share,
        p.largest->flops / p.largest->bytes, p.largest->what, e->rates_distorted ? " (by ceilings that were distorted)" : "");
    h->gain = p.share * 0.6;
    if (!strcmp(e->precision, "f32") && constant.share >= 4 * worth) {
        put(h->advice, "keep their weights as bf16, half of the bytes; sums stay f32. precision=int8 keeps a quarter, with larger errors");
        put(h->option, "precision=bf16");
        h->gain = saved_by_half(e);
    } else put(h->advice, "quantise their weights (8-bit weights are a quarter of the bytes), or put more samples into one call");
    return true;
}

static bool not_folded(const doctor_evidence *e, doctor_hint *h) {
    if (!e->not_folded) return false;
    put(h->evidence, "%" PRId64 " nodes have constant operands only and are computed in every call, first '%s'", e->not_folded, e->not_folded_name);
    put(h->advice, "an op that may not be evaluated beforehand (random numbers, a custom op that is not pure): compute it outside of the model");
    return true;
}

static bool dequantised(const doctor_evidence *e, doctor_hint *h) {
    if (!e->dequantised) return false;
    put(h->evidence, "%" PRId64 " dequantisations are left: the ops behind them compute in f32", e->dequantised);
    put(h->advice, "quantise operands, weights and result of each product (QDQ with zero point 0 and per-channel scales of weights)");
    return true;
}

static bool half_weights(const doctor_evidence *e, doctor_hint *h) {
    if (!e->half_weights) return false;
    put(h->evidence, "weights are f16 or bf16, and this processor computes them as f32");
    put(h->advice, "they are converted when the model is loaded, so calls are as fast as with f32, and no faster; 8-bit weights would be");
    h->gain = 0;
    return true;
}

static bool denormals(const doctor_evidence *e, doctor_hint *h) {
    if (e->elements <= 0 || (double)e->denormals < 1e-3 * (double)e->elements) return false;
    put(h->evidence, "%" PRId64 " of %" PRId64 " elements are denormal, most in %s: each may cost a hundred cycles", e->denormals, e->elements,
        e->denormal_name);
    put(h->advice, "values that die out: look at scales and initial states (tenon trace)");
    return true;
}

static bool open_dims(const doctor_evidence *e, doctor_hint *h) {
    if (!e->open_dims) return false;
    put(h->evidence, "%" PRId64 " dimensions of inputs are open: each new binding compiles, and %" PRId64 " are kept", e->open_dims,
        e->max_specialisations);
    put(h->advice, "pad inputs to a few sizes, or raise max_specialisations above the number of sizes that are in use");
    h->gain = 0;
    return true;
}

static bool late_steps(const doctor_evidence *e, doctor_hint *h) {
    if (!e->late_steps) return false;
    put(h->evidence, "%" PRId64 " nodes have shapes that depend on data: what follows them is compiled when they have run", e->late_steps);
    put(h->advice, "move them to the end of the model, or give them a fixed size (a mask instead of a selection)");
    return true;
}

static bool memory_plan(const doctor_evidence *e, doctor_hint *h) {
    if (e->arena_bytes < 10e6 || (double)e->arena_bytes < 1.5 * (double)e->arena_lower_bound) return false;
    put(h->evidence, "the arena has %.1f MB, and at most %.1f MB live at once", (double)e->arena_bytes * 1e-6, (double)e->arena_lower_bound * 1e-6);
    put(h->advice, "long-lived large values keep gaps open: compute them later, or make them outputs");
    h->gain = 0;
    return true;
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

static int by_gain(const void *a, const void *b) {
    const doctor_hint *const *x = a, *const *y = b;
    double gx = isnan((*x)->gain) ? 0.001 : (*x)->gain, gy = isnan((*y)->gain) ? 0.001 : (*y)->gain;
    return gx != gy ? (gx < gy) - (gx > gy) : (*x > *y) - (*x < *y);
}

doctor_hint *doctor_examine(const doctor_evidence *e, size_t *out_n) {
    static const struct rule {
        const char *name;
        bool (*look)(const doctor_evidence *e, doctor_hint *h);
    } rules[] = {
#define RULE(name, what) {#name, name},
        DOCTOR_RULES(RULE)
#undef RULE
    };
    enum { N = sizeof rules / sizeof *rules };
    doctor_hint *found = cli_alloc(N * sizeof *found), *sorted = cli_alloc(N * sizeof *sorted), *order[N];
    size_t n = 0;
    for (size_t i = 0; i < N; i++) {
        found[n] = (doctor_hint){.rule = rules[i].name, .gain = NAN};
        if (rules[i].look(e, &found[n])) order[n] = &found[n], n++;
    }
    qsort(order, n, sizeof *order, by_gain);
    for (size_t i = 0; i < n; i++) sorted[i] = *order[i];
    free(found);
    *out_n = n;
    return sorted;
}
