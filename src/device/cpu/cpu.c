/* The cpu device: lowers a graph to a program, compiles its kernels with LLVM, runs the steps on the thread pool. */
#include "codegen/codegen.h"
#include "base/float_mode.h"
#include "base/os_thread.h"
#include "device/cpu/cpu.h"
#include "device/cpu/loop.h"
#include "device/cpu/profile.h"
#include "device/device.h"
#include "device/graph_files.h"
#include "kernel/program.h"
#include "op/custom/custom.h"
#include "pass/pass.h"
#include "rt/pool.h"
#include "rt/topology_shared.h"

#include <inttypes.h>

enum { SPARE = 16, TAIL = 64 /* a whole vector beyond the end may be read */ };

/* What one call needs: addresses of all slots, and the arena behind them. */
typedef struct workspace {
    size_t bytes;
    tn__block memory;
    void *addresses[];
} workspace;

typedef struct cpu_artefact {
    tn__artefact base;
    tn_context *context; /* retained */
    tn__kprogram *program;
    tn__code *code;
    tn__pool *pool; /* of the context; NULL: one thread */
    bool flush_denormals;
    tn__memory memory; /* of arena, scratch and packed constants */
    bool parts_watched; /* what a thread does of a step is counted, or the hook hears of it */
    tn__step_time *times;              /* by step; NULL: no profile */
    bool times_every;                  /* run; else as tn__turn says */
    tn__turn turn;
    tn__counters *counters;            /* of the context; NULL: nothing is counted */
    tn__count_sums *sums;              /* by step, with counters */
    tn_profile_row *rows;              /* by step, for the hook; NULL: there is none */
    tn_hook hook;
    tn__dump dump; /* while it is compiled */
    _Atomic(workspace *) spare[SPARE]; /* workspaces not in use */
} cpu_artefact;

/* The arena, and scratch for every thread. */
static size_t memory_bytes(const cpu_artefact *c) {
    return c->program->arena_bytes + (size_t)tn__pool_get_threads(c->pool) * c->program->scratch_bytes + TAIL;
}

static void workspace_free(const cpu_artefact *c, workspace *w) {
    if (!w) return;
    const tn_allocator *a = &c->context->allocator;
    tn__block_destroy(a, &w->memory);
    tn__free(a, w, w->bytes);
}

static workspace *workspace_new(const cpu_artefact *c) {
    const tn_allocator *a = &c->context->allocator;
    size_t bytes = sizeof(workspace) + c->program->slots.count * sizeof(void *);
    workspace *w = tn__alloc_zero(a, bytes);
    if (!w) return NULL;
    w->bytes = bytes;
    if (!tn__block_create(a, memory_bytes(c), &c->memory, &w->memory)) return workspace_free(c, w), NULL;
    for (size_t i = 0; i < c->program->slots.count; i++) {
        const tn__slot *s = &c->program->slots.data[i];
        if (s->kind == TN__SLOT_ARENA) w->addresses[i] = (char *)w->memory.data + s->offset;
        if (s->kind == TN__SLOT_CONSTANT) w->addresses[i] = s->data;
    }
    return w;
}

static workspace *workspace_take(cpu_artefact *c) {
    for (int i = 0; i < SPARE; i++) {
        workspace *w = atomic_load_explicit(&c->spare[i], memory_order_relaxed);
        if (w && (w = atomic_exchange_explicit(&c->spare[i], NULL, memory_order_acquire))) return w;
    }
    return workspace_new(c);
}

static void workspace_give(cpu_artefact *c, workspace *w) {
    for (int i = 0; i < SPARE; i++) {
        workspace *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&c->spare[i], &none, w, memory_order_release, memory_order_relaxed)) return;
    }
    workspace_free(c, w);
}

typedef struct launch {
    const tn__step *step;
    const tn__code *code;
    void *const *addresses; /* by slot */
    char *scratch;          /* of worker 0; the next worker's is scratch_bytes further on */
    size_t scratch_bytes;
    bool flush_denormals;
} launch;

typedef struct watched_launch {
    launch launch;
    const tn_hook *hook;
    const tn_profile_row *row; /* NULL: the hook hears of no parts */
    tn__count_to count;
} watched_launch;

/* Addresses of one step's scratch, as the kernels want them: see tn__scratch. */
static void place_scratch(const launch *l, const tn__stage *g, int64_t o, char *scratch, void **buffers) {
    for (uint32_t i = 0; i < l->step->n_scratch; i++) {
        const tn__scratch *s = &l->step->scratch[i];
        int64_t rest = o, at = s->low;
        for (int32_t d = s->n_axes - 1; d >= 0; d--) at += rest % s->extent[d] * s->stride[d], rest /= s->extent[d];
        for (uint32_t b = 0; b < g->n_slots; b++)
            if (g->slots[b] == s->slot) buffers[b] = (void *)((uintptr_t)(scratch + s->offset) - (uintptr_t)at);
    }
}

static void run_slice(const launch *l, int64_t begin, int64_t end, int32_t worker) {
    const tn__step *s = l->step;
    void *buffers[TN__K_BUFFERS];
    if (s->n_stages == 1) { /* one call for the whole slice */
        const tn__stage *g = s->stages;
        for (uint32_t b = 0; b < g->n_slots; b++) buffers[b] = l->addresses[g->slots[b]];
        tn__code_get(l->code, g->kernel)(buffers, begin * g->inner, end * g->inner);
        return;
    }
    for (int64_t o = begin; o < end; o++)
        for (uint32_t i = 0; i < s->n_stages; i++) {
            const tn__stage *g = &s->stages[i];
            for (uint32_t b = 0; b < g->n_slots; b++) buffers[b] = l->addresses[g->slots[b]];
            place_scratch(l, g, o, l->scratch + (size_t)worker * l->scratch_bytes, buffers);
            tn__code_get(l->code, g->kernel)(buffers, o * g->inner, (o + 1) * g->inner);
        }
}

static void launch_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    const launch *l = self;
    uint64_t mode = l->flush_denormals ? tn__float_mode_flush() : 0;
    run_slice(l, begin, end, worker);
    if (l->flush_denormals) tn__float_mode_restore(mode);
}

static void watched_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    watched_launch *l = self;
    tn__count_start counts;
    tn__count_begin(&l->count, &counts);
    uint64_t start = tn__os_clock_ns();
    launch_body(&l->launch, begin, end, worker);
    uint64_t stop = tn__os_clock_ns();
    tn__count_end(&l->count, &counts);
    if (l->row) l->hook->part(l->hook->self, l->row, worker, start, stop);
}

static tn_error *run_call(const cpu_artefact *c, const tn__step *s, void **addresses) {
    const tn_graph *g = c->program->graph;
    const tn__node *n = &g->nodes.data[s->node];
    const tn_allocator *a = &c->context->allocator;
    size_t bytes = (size_t)(n->n_in + n->n_out + 1) * sizeof(tn_tensor *);
    tn_tensor **t = tn__alloc_zero(a, bytes), **out = t ? t + n->n_in : NULL;
    tn_error *e = t ? NULL : tn__error_oom();
    for (uint32_t i = 0; !e && i < n->n_in; i++) {
        if (s->slots[i] == UINT32_MAX) continue;
        const tn__type *type = tn__type_of(g, tn__in(g, n, i));
        e = tn_tensor_create_borrowed(c->context, type->dtype, type->rank, type->dims, addresses[s->slots[i]], SIZE_MAX, NULL, NULL, &t[i]);
    }
    bool in_place = n->op == TN_OP_custom; /* it writes where the program wants its results */
    for (uint32_t i = 0; !e && in_place && i < n->n_out; i++) {
        const tn__type *type = tn__type_of(g, tn__out(n, i));
        e = tn_tensor_create_borrowed(c->context, type->dtype, type->rank, type->dims, addresses[s->slots[n->n_in + i]], SIZE_MAX, NULL, NULL, &out[i]);
    }
    if (!e && in_place) e = tn__custom_evaluate(c->context, tn__custom_of(n->attrs), (const tn_tensor *const *)t, n->n_in, NULL, n->n_out, out);
    else if (!e) e = tn__op_eval(c->context, n->op, n->attrs, (const tn_tensor *const *)t, n->n_in, n->n_out, out);
    e = tn__node_error(g, n, e);
    for (uint32_t i = 0; !e && !in_place && i < n->n_out; i++)
        if (out[i]->bytes != tn__dtype_bytes(tn__type_of(g, tn__out(n, i))->dtype, tn__type_elements(tn__type_of(g, tn__out(n, i)))))
            e = TN__FAIL(a, INTERNAL, "%s: result %u has another size than its type", tn__op_infos[n->op].name, i);
        else if (out[i]->bytes) memcpy(addresses[s->slots[n->n_in + i]], out[i]->data, out[i]->bytes);
    for (uint32_t i = 0; t && i < n->n_in + n->n_out; i++) tn_tensor_release(t[i]);
    tn__free(a, t, bytes);
    return e;
}

static tn_error *run_check(const cpu_artefact *c, const tn__step *s, void *const *addresses) {
    const tn_graph *g = c->program->graph;
    const tn__node *n = &g->nodes.data[s->node];
    const tn__range_check *r = s->check;
    const tn__type *t = tn__type_of(g, tn__in(g, n, r->operand));
    int64_t i = tn__range_check_first(r, t->dtype, addresses[s->slots[0]], tn__type_elements(t));
    if (i < 0) return NULL;
    tn_error *e = TN__FAIL(&c->context->allocator, OUT_OF_RANGE, "operand %u: %s[%" PRId64 "] is %" PRId64 ", wanted %" PRId64 " to %" PRId64,
                           r->operand, r->what, i, tn__load_i64(t->dtype, addresses[s->slots[0]], i), r->low, r->high);
    return tn__node_error(g, n, e);
}

static tn__count_to count_to(const cpu_artefact *c, const tn__step *s) {
    return c->counters ? (tn__count_to){c->counters, &c->sums[s - c->program->steps.data]} : (tn__count_to){0};
}

/* Apart, so that a run that nobody watches does no more than ask. */
static tn_error *launch_watched(const cpu_artefact *c, const launch *l) {
    watched_launch w = {*l, &c->hook, c->hook.part ? &c->rows[l->step - c->program->steps.data] : NULL, count_to(c, l->step)};
    return tn__pool_run(c->pool, watched_body, &w, l->step->outer, l->step->grain);
}

static tn_error *run_step(const cpu_artefact *c, const tn__step *s, workspace *w) {
    const tn__kprogram *p = c->program;
    void **addresses = w->addresses;
    switch (s->kind) {
    case TN__STEP_KERNEL: {
        launch l = {s, c->code, addresses, (char *)w->memory.data + p->arena_bytes, p->scratch_bytes, c->flush_denormals};
        if (c->parts_watched) return launch_watched(c, &l);
        if (s->outer > s->grain) return tn__pool_run(c->pool, launch_body, &l, s->outer, s->grain);
        launch_body(&l, 0, s->outer, 0);
        return NULL;
    }
    case TN__STEP_CALL: return run_call(c, s, addresses);
    case TN__STEP_CHECK: return run_check(c, s, addresses);
    case TN__STEP_LOOP: {
        tn__count_to count = count_to(c, s);
        return tn__loop_run(p, s->loop, c->code, c->pool, c->flush_denormals, &count, addresses);
    }
    default: { /* COPY; an arena slot is rounded up, the other need not be */
        size_t from = p->slots.data[s->slots[0]].bytes, to = p->slots.data[s->slots[1]].bytes;
        if (from && to) memcpy(addresses[s->slots[1]], addresses[s->slots[0]], from < to ? from : to);
        return NULL;
    }
    }
}

/* Steps whose parts are not counted where they are done: all of it is this thread's. */
static tn_error *run_counted(const cpu_artefact *c, const tn__step *s, workspace *w) {
    if (!c->counters || s->kind == TN__STEP_KERNEL || s->kind == TN__STEP_LOOP) return run_step(c, s, w);
    tn__count_to count = count_to(c, s);
    tn__count_start start;
    tn__count_begin(&count, &start);
    tn_error *e = run_step(c, s, w);
    tn__count_end(&count, &start);
    return e;
}

/* With times, or the caller's hook. Reading the clock is most of what that costs: a step begins where the one before it ended, unless
 * functions of the caller's lie between them. */
static tn_error *run_watched(cpu_artefact *c, workspace *w, int32_t last) {
    const tn__kprogram *p = c->program;
    bool between = c->rows || c->context->should_abort || c->counters;
    uint64_t start = tn__os_clock_ns(), begin = start;
    for (size_t i = 0; i < p->steps.count; i++) {
        if ((int32_t)i <= last) TN__TRY(tn__context_poll(c->context));
        if (c->rows) tn__hook_begin(&c->hook, &c->rows[i]);
        if (between) start = tn__os_clock_ns();
        tn_error *e = run_counted(c, &p->steps.data[i], w);
        uint64_t stop = tn__os_clock_ns();
        if (!e && c->times) tn__step_time_add(&c->times[i], stop - start);
        start = stop;
        if (c->rows) tn__hook_end(&c->hook, &c->rows[i]);
        TN__TRY(e);
    }
    tn__turn_done(&c->turn, p->steps.count, start - begin);
    return NULL;
}

/* The last step at which a run may still stop: an input is overwritten there. */
static int32_t last_stop(const tn__kprogram *p, tn_tensor *const *in, tn_tensor *const *out) {
    int32_t last = INT32_MAX;
    for (size_t i = 0; i < p->aliases.count; i++) {
        const tn__alias *x = &p->aliases.data[i];
        if (in[x->in]->data == out[x->out]->data && x->step < last) last = x->step;
    }
    return last;
}

static tn_error *run_steps(cpu_artefact *c, workspace *w, int32_t last) {
    const tn__kprogram *p = c->program;
    if (c->rows || (c->times && (c->times_every || tn__turn_take(&c->turn)))) return run_watched(c, w, last);
    for (size_t i = 0; i < p->steps.count; i++) {
        if ((int32_t)i <= last) TN__TRY(tn__context_poll(c->context));
        TN__TRY(run_step(c, &p->steps.data[i], w));
    }
    return NULL;
}

static tn_error *cpu_run(const tn__artefact *artefact, tn_tensor *const *in, tn_tensor *const *out) {
    cpu_artefact *c = (cpu_artefact *)artefact;
    workspace *w = workspace_take(c);
    if (!w) return tn__error_oom();
    for (size_t i = 0; i < c->program->slots.count; i++) {
        const tn__slot *s = &c->program->slots.data[i];
        if (s->kind == TN__SLOT_INPUT) w->addresses[i] = in[s->index]->data;
        if (s->kind == TN__SLOT_OUTPUT) w->addresses[i] = out[s->index]->data;
    }
    for (size_t i = 0; i < c->program->slots.count; i++) {
        const tn__slot *s = &c->program->slots.data[i];
        if (s->kind == TN__SLOT_PART) w->addresses[i] = (char *)w->addresses[s->index] + s->offset;
    }
    tn_error *e = run_steps(c, w, last_stop(c->program, in, out));
    workspace_give(c, w);
    return e;
}

static void cpu_destroy(tn__artefact *artefact) {
    cpu_artefact *c = (cpu_artefact *)artefact;
    if (!c) return;
    tn_context *context = c->context;
    for (int i = 0; i < SPARE; i++) workspace_free(c, atomic_load(&c->spare[i]));
    tn__pool_release(context, c->pool);
    tn__code_destroy(c->code);
    if (c->times) tn__free(&context->allocator, c->times, (c->program->steps.count + 1) * sizeof *c->times);
    if (c->sums) tn__free(&context->allocator, c->sums, (c->program->steps.count + 1) * sizeof *c->sums);
    if (c->rows) tn__free(&context->allocator, c->rows, (c->program->steps.count + 1) * sizeof *c->rows);
    tn__kprogram_destroy(c->program);
    tn__free(&context->allocator, c, sizeof *c);
    tn_context_release(context);
}

/* Makes what profiles and hooks need. */
static tn_error *watch(cpu_artefact *c, const tn__device_config *config) {
    const tn_allocator *a = &c->context->allocator;
    size_t n = c->program->steps.count + 1;
    if (config->profile && !(c->times = tn__alloc_zero(a, n * sizeof *c->times))) return tn__error_oom();
    c->times_every = config->profile_every;
    if (c->times) tn__turn_init(&c->turn);
    if (config->counters && !(c->counters = tn__counters_of(c->context))) return tn__error_oom();
    if (config->counters && !(c->sums = tn__alloc_zero(a, n * sizeof *c->sums))) return tn__error_oom();
    c->parts_watched = config->counters || config->hook.part;
    if (!tn__hook_is_set(&config->hook)) return NULL;
    if (!(c->rows = tn__alloc_zero(a, n * sizeof *c->rows))) return tn__error_oom();
    c->hook = config->hook;
    for (size_t i = 0; i + 1 < n; i++) c->rows[i] = tn__cpu_row(c->program, &c->program->steps.data[i]);
    return NULL;
}

static tn_error *check_memory(const cpu_artefact *c, const tn__device_config *config) {
    size_t arena = memory_bytes(c), constants = c->program->constant_bytes;
    if (!config->memory_limit || (arena <= config->memory_limit && constants <= config->memory_limit - arena)) return NULL;
    return TN__FAIL(&c->context->allocator, LIMIT_EXCEEDED, "the model needs %zu bytes of arena and scratch and %zu of constants; memory_limit is %" PRIu64,
                    arena, constants, config->memory_limit);
}

/* Where some option needs it. */
static tn_error *find_topology(cpu_artefact *c, const tn__device_config *config) {
    c->memory = (tn__memory){.small_pages = config->small_pages, .numa = config->numa};
    if (config->affinity <= TN__AFFINITY_COMPACT && config->numa == TN__NUMA_DEFAULT) return NULL;
    TN__TRY(tn__topology_of(c->context, &c->memory.topology));
    if (config->numa == TN__NUMA_DEFAULT) return NULL;
    return tn__error_prefix(tn__topology_try(c->memory.topology, &c->context->allocator, config->numa), "option numa");
}

tn_error *tn__cpu_target(const tn__device_config *config, tn__target *out) {
    TN__TRY(tn__target_init(config->context, config->cpu, out));
    if (config->portable) TN__TRY(tn__target_make_portable(config->context, out));
    return config->fast_math ? tn__target_set_fast_math(config->context, config->fast_math, out) : NULL;
}

tn__lower_config tn__cpu_lowering(const tn__device_config *config, const tn__target *target, const tn__tuning *schedules) {
    tn__lower_config lower = {.lanes = target->lanes, .registers = target->registers, .weights = config->weights, .tf32 = config->tf32,
                              .winograd_error = config->winograd_error, .prefers = config->layout, .tuning = schedules};
#define TN_PASS(name, kind, help) TN__PASS_##kind(name)
#define TN__PASS_GRAPH(name)
#define TN__PASS_LOWER(name) lower.name = !tn__pass_is_off(config->disabled_passes, #name);
#include "pass/passes.def"
#undef TN__PASS_GRAPH
#undef TN__PASS_LOWER
    return lower;
}

static tn_error *compile(cpu_artefact *c, const tn__device_config *config, const tn_graph *g, const tn__tuning *schedules) {
    tn_graph *own;
    tn__target target;
    for (size_t i = 0; i < g->values.count; i++)
        if (g->values.data[i].type.dtype == TN_DTYPE_string) {
            const tn__node *n = tn__node_of(g, (tn_value){(uint32_t)i});
            tn_error *e = TN__FAIL(&c->context->allocator, UNSUPPORTED, "the cpu device has no string tensors");
            return n ? tn__node_error(g, n, e) : e;
        }
    TN__TRY(find_topology(c, config));
    const tn__pool_config threads = {config->threads, config->spin_us, config->affinity, c->memory.topology};
    if (config->threads > 1) TN__TRY(tn__pool_acquire(c->context, &threads, &c->pool));
    TN__TRY(tn__cpu_target(config, &target));
    TN__TRY(tn__target_check_host(c->context, &target));
    TN__TRY(tn__passes_run(g, config->disabled_passes, NULL, &(tn__pass_watch){&config->hook, &config->log, tn__dump_pass, &c->dump}, &own));
    const tn__lower_config lower = tn__cpu_lowering(config, &target, schedules);
    size_t own_nodes = own->nodes.count;
    tn__phase_begin(&config->hook, "lowering");
    tn_error *e = tn__kprogram_create(c->context, own, &lower, &c->program);
    tn__phase_end(&config->hook, "lowering");
    if (e || config->dry) return e;
    tn__log_to(&config->log, TN_LOG_DEBUG, "lowering: %zu nodes became %zu kernels in %zu steps, %zu bytes of arena, at least %zu at a time",
               own_nodes, c->program->kernels.count, c->program->steps.count, c->program->arena_bytes, c->program->arena_lower_bound);
    if (c->dump.folder) {
        char *text;
        TN__TRY(tn__kprogram_print(c->program, &text));
        TN__TRY(tn__dump_program(&c->dump, text));
    }
    TN__TRY(check_memory(c, config));
    TN__TRY(watch(c, config));
    tn__code_cache cache = {config->cache_dir, config->cache_max_bytes, config->log};
    tn__phase_begin(&config->hook, "code generation");
    if (c->program->kernels.count)
        e = tn__code_create(c->context, &target, c->program->kernels.data, (uint32_t)c->program->kernels.count, &cache,
                            config->compile_budget_ms, c->pool, &c->code);
    tn__phase_end(&config->hook, "code generation");
    if (e) return e;
    tn__phase_begin(&config->hook, "packing");
    e = tn__kprogram_pack(c->program, c->pool, &c->memory);
    tn__phase_end(&config->hook, "packing");
    return e;
}

tn_error *tn__cpu_build(const tn__device_config *config, const tn_graph *g, const tn__tuning *schedules, tn__artefact **out_artefact) {
    *out_artefact = NULL;
    cpu_artefact *c = tn__alloc_zero(&config->context->allocator, sizeof *c);
    if (!c) return tn__error_oom();
    c->base.device = &tn__device_cpu;
    c->context = config->context;
    c->flush_denormals = config->flush_denormals;
    tn_context_retain(config->context);
    tn_error *e = tn__dump_begin(config, g, &c->dump);
    if (!e) e = compile(c, config, g, schedules);
    tn__dump_end(&c->dump);
    if (e) cpu_destroy(&c->base);
    else *out_artefact = &c->base;
    return e;
}

const tn__kprogram *tn__cpu_program(const tn__artefact *artefact) { return ((const cpu_artefact *)artefact)->program; }

void tn__cpu_take_times(const tn__artefact *artefact, uint64_t *ns) {
    const cpu_artefact *c = (const cpu_artefact *)artefact;
    for (size_t i = 0; i < c->program->steps.count; i++) {
        ns[i] = atomic_load_explicit(&c->times[i].total_ns, memory_order_relaxed);
        tn__step_time_reset(&c->times[i]);
    }
}

static tn_error *cpu_compile(const tn__device_config *config, const tn_graph *g, tn__artefact **out_artefact) {
    if (config->tuning == TN__TUNING_IGNORE) return tn__cpu_build(config, g, NULL, out_artefact);
    return tn__cpu_tuned(config, g, out_artefact);
}

static void cpu_stats(const tn__artefact *artefact, tn_executable_stats *s) {
    const cpu_artefact *c = (const cpu_artefact *)artefact;
    size_t scratch = (size_t)tn__pool_get_threads(c->pool) * c->program->scratch_bytes;
    s->arena_bytes += c->program->arena_bytes + scratch;
    s->arena_lower_bound += c->program->arena_lower_bound + scratch;
    s->constant_bytes += c->program->constant_bytes;
    s->code_bytes += c->code ? tn__code_bytes(c->code) : 0;
    if (c->code && tn__code_from_cache(c->code)) s->from_cache += (uint32_t)c->program->kernels.count;
    s->flops += (uint64_t)c->program->flops;
    for (size_t i = 0; i < c->program->sites.count; i++) s->n_tuned += !tn__choice_is_rule(&c->program->sites.data[i].used);
    for (size_t i = 0; i < c->program->steps.count; i++) {
        tn__narrowing n = tn__kprogram_narrowing(c->program, &c->program->steps.data[i]);
        s->n_narrowed += n && n < TN__NARROWING_KEPT;
        s->n_kept += n >= TN__NARROWING_KEPT;
        s->n_kernels += c->program->steps.data[i].n_stages;
        s->n_calls += c->program->steps.data[i].kind == TN__STEP_CALL;
        if (c->program->steps.data[i].kind == TN__STEP_LOOP)
            s->n_kernels += c->program->steps.data[i].loop->n_strands * c->program->steps.data[i].loop->n_launches;
    }
}

static tn_error *cpu_get_profile(const tn__artefact *artefact, tn_profile *profile) {
    cpu_artefact *c = (cpu_artefact *)artefact;
    if (!profile) tn__turn_reset(&c->turn);
    return c->times ? tn__cpu_profile(c->program, c->times, c->sums, profile) : NULL;
}

static bool cpu_can_alias(const tn__artefact *artefact, uint32_t input, uint32_t output) {
    return tn__kprogram_alias(((const cpu_artefact *)artefact)->program, input, output);
}

const tn__device_vtable tn__device_cpu = {"cpu", cpu_compile, cpu_destroy, cpu_run, cpu_stats, cpu_get_profile, cpu_can_alias};
