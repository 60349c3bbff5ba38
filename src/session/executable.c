/* Executables: a graph, and the programs made of it so far, keyed by shapes and by the values that decide shapes. */
#include "session/session.h"

#include <inttypes.h>
#include <stdio.h>
#include "base/os_thread.h"

typedef enum entry_state { ENTRY_BUILDING, ENTRY_READY, ENTRY_FAILED } entry_state;

/* One specialisation. The list and every running user hold a reference, so an evicted one survives its users. */
typedef struct entry {
    unsigned references; /* under the mutex */
    struct entry *next;
    uint64_t used; /* clock of the last use */
    uint64_t hash;
    int64_t *key;
    size_t n_key;
    entry_state state;
    bool linked; /* in the list */
    tn_error *error;
    tn__program *program;
    uint64_t compile_ns;
} entry;

/* Where a symbol occurs first. */
typedef struct symbol_home {
    uint32_t input;
    int32_t axis; /* -1: nowhere */
} symbol_home;

struct tn_executable {
    tn__handle handle;
    atomic_uint references;
    tn__settings *settings;
    tn_graph *graph;
    tn__arena arena; /* the arrays */
    uint8_t *kinds;  /* per input, TN__VALUE_* */
    bool *is_static; /* per input */
    tn_tensor **pinned; /* per input, or NULL */
    symbol_home *homes; /* per symbol */
    tn__state *state; /* variables; NULL: none */
    uint32_t n_inputs, n_outputs; /* of the graph, less those of variables */
    bool varying, is_fixed; /* fixed: one specialisation for ever */
    uint32_t level;
    entry *fixed; /* made at tn_compile; borrowed from the list, never evicted */
    tn__os_mutex mutex;
    tn__os_condition built;
    entry *entries;
    entry *recent; /* borrowed */
    uint32_t n_entries;
    uint64_t clock;
};

/* ---- making and freeing -------------------------------------------------------------------------------------- */

static void entry_free(const tn_allocator *a, entry *x) {
    if (x->program) tn__program_destroy(x->program);
    tn_error_destroy(x->error);
    tn__free(a, x->key, x->n_key * sizeof *x->key);
    tn__free(a, x, sizeof *x);
}

void tn_executable_retain(tn_executable *executable) {
    if (TN__IS(executable, EXECUTABLE)) atomic_fetch_add_explicit(&executable->references, 1, memory_order_relaxed);
}

void tn_executable_release(tn_executable *e) {
    if (!TN__IS(e, EXECUTABLE) || atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) != 1) return;
    tn__settings *s = e->settings;
    const tn_allocator *a = &s->context->allocator;
    for (entry *x = e->entries, *next; x; x = next) {
        next = x->next;
        entry_free(a, x);
    }
    for (size_t i = 0; e->pinned && i < e->graph->inputs.count; i++) tn_tensor_release(e->pinned[i]);
    tn__state_destroy(e->state);
    tn__os_condition_deinit(&e->built);
    tn__os_mutex_deinit(&e->mutex);
    tn__arena_deinit(&e->arena);
    tn_graph_release(e->graph);
    tn__handle_deinit(&e->handle);
    tn__free(a, e, sizeof *e);
    tn__settings_release(s);
}

static tn_error *describe_inputs(tn_executable *e, const bool *varying, tn_tensor *const *pinned) {
    const tn_graph *g = e->graph;
    size_t n = g->inputs.count;
    e->kinds = TN__ARENA_ARRAY(&e->arena, uint8_t, n + 1);
    e->is_static = TN__ARENA_ARRAY(&e->arena, bool, n + 1);
    e->homes = TN__ARENA_ARRAY(&e->arena, symbol_home, g->symbols.count + 1);
    if (pinned) e->pinned = TN__ARENA_ARRAY(&e->arena, tn_tensor *, n + 1);
    if (!e->kinds || !e->is_static || !e->homes || (pinned && !e->pinned)) return tn__error_oom();
    TN__TRY(tn__value_inputs(g, varying, e->kinds));
    for (size_t i = 0; i < g->symbols.count; i++) e->homes[i].axis = -1;
    e->is_fixed = true;
    for (uint32_t i = 0; i < n; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        e->is_static[i] = tn__type_is_static(t);
        for (int32_t d = 0; d < t->rank; d++) {
            if (t->dims[d] >= TN_DIM_UNKNOWN) continue;
            symbol_home *home = &e->homes[TN_DIM_UNKNOWN - 1 - t->dims[d]];
            if (home->axis < 0) *home = (symbol_home){i, d};
        }
        if (pinned && pinned[i]) {
            tn_tensor_retain(e->pinned[i] = pinned[i]);
            e->kinds[i] = TN__VALUE_NONE;
        }
        if (varying && varying[i]) e->varying = true;
        if (!e->is_static[i] || e->kinds[i]) e->is_fixed = false;
    }
    return NULL;
}

tn_error *tn__executable_create_child(tn__settings *settings, tn_graph *graph, const bool *varying, tn_tensor *const *pinned,
                                      uint32_t level, tn_executable **out_executable) {
    *out_executable = NULL;
    const tn_allocator *a = &settings->context->allocator;
    if (level > TN__MAX_LEVELS)
        return TN__FAIL(a, LIMIT_EXCEEDED, "more than %d nested bodies and steps that depend on data", TN__MAX_LEVELS);
    TN__TRY(tn_graph_check(graph));
    TN__TRY(tn__graph_refuse_variables(graph));
    tn_executable *e = tn__alloc_zero(a, sizeof *e);
    if (!e) return tn__error_oom();
    bool has_mutex = tn__os_mutex_init(&e->mutex);
    if (!has_mutex || !tn__os_condition_init(&e->built)) {
        if (has_mutex) tn__os_mutex_deinit(&e->mutex);
        tn__free(a, e, sizeof *e);
        return TN__FAIL(a, OUT_OF_MEMORY, "the system has no more locks");
    }
    tn__handle_init(&e->handle, TN__HANDLE_EXECUTABLE);
    atomic_init(&e->references, 1);
    e->settings = tn__settings_retain(settings);
    e->graph = graph;
    tn__graph_retain(graph);
    tn__arena_init(&e->arena, a);
    e->level = level;
    e->n_inputs = (uint32_t)graph->inputs.count;
    e->n_outputs = (uint32_t)graph->outputs.count;
    tn_error *error = describe_inputs(e, varying, pinned);
    if (error) tn_executable_release(e);
    else *out_executable = e;
    return error;
}

/* ---- checking inputs ----------------------------------------------------------------------------------------- */

/* `axis` < 0: none in particular. */
static tn_error *wrong_input(const tn_executable *e, uint32_t i, const tn_tensor *x, int32_t axis, tn_error_code code) {
    const tn_graph *g = e->graph;
    char found[200], wanted[200], where[40] = "";
    if (axis >= 0) snprintf(where, sizeof where, ": dimension %d", (int)axis);
    tn__type type = {x->dtype, x->rank, x->dims};
    return tn__error_make(&g->context->allocator, code, __FILE__, __LINE__, "input %u '%s'%s: found %s, wanted %s", i,
                          g->inputs.data[i].name, where, tn__type_text(g, &type, found, sizeof found),
                          tn__type_text(g, tn__type_of(g, g->inputs.data[i].value), wanted, sizeof wanted));
}

tn_error *tn__executable_check_counts(const tn_executable *e, const void *inputs, uint32_t n_inputs, const void *outputs,
                                      uint32_t n_outputs) {
    const tn_graph *g = e->graph;
    if (n_inputs == e->n_inputs && n_outputs == e->n_outputs && (!n_inputs || inputs) && (!n_outputs || outputs)) return NULL;
    return TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "graph '%s': found %u inputs and %u outputs, wanted %u and %u", g->name,
                    inputs ? n_inputs : 0, outputs ? n_outputs : 0, e->n_inputs, e->n_outputs);
}

tn_error *tn__executable_check_inputs(const tn_executable *e, tn_tensor *const *inputs) {
    const tn_graph *g = e->graph;
    for (uint32_t i = 0; i < e->n_inputs; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        const tn_tensor *x = inputs[i];
        if (!TN__IS(x, TENSOR))
            return x ? tn__error_prefix(tn__handle_error(x, TN__HANDLE_TENSOR, __func__, "inputs[i]"), "input %u '%s'", i, g->inputs.data[i].name)
                     : TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "input %u '%s' is NULL", i, g->inputs.data[i].name);
        if (x->dtype != t->dtype) return wrong_input(e, i, x, -1, TN_ERROR_TYPE_MISMATCH);
        if (t->rank < 0) continue;
        if (x->rank != t->rank) return wrong_input(e, i, x, -1, TN_ERROR_SHAPE_MISMATCH);
        for (int32_t d = 0; d < t->rank; d++) {
            int64_t wanted = t->dims[d];
            if (wanted == TN_DIM_UNKNOWN) continue;
            if (wanted < 0) {
                symbol_home home = e->homes[TN_DIM_UNKNOWN - 1 - wanted];
                int64_t bound = inputs[home.input]->dims[home.axis];
                if (x->dims[d] != bound)
                    return TN__FAIL(&g->context->allocator, SHAPE_MISMATCH,
                                    "input %u '%s': dimension %d is %" PRId64 ", but %s is %" PRId64 " in input '%s'", i,
                                    g->inputs.data[i].name, d, x->dims[d], tn_graph_get_symbol_name(g, wanted), bound,
                                    g->inputs.data[home.input].name);
            } else if (x->dims[d] != wanted) {
                return wrong_input(e, i, x, d, TN_ERROR_SHAPE_MISMATCH);
            }
        }
    }
    return NULL;
}

/* ---- finding or making a specialisation ---------------------------------------------------------------------- */

/* Input i's value takes part in the key. */
static bool by_value(const tn_executable *e, size_t i, const tn_tensor *x) {
    return (e->kinds[i] & TN__VALUE_SLICE && x->elements <= TN__SLICE_ELEMENTS) ||
           (e->kinds[i] & TN__VALUE_DIRECT && x->elements <= TN__DIRECT_ELEMENTS);
}

/*  key: per input that is not static: rank, dims    per input by value: its bytes, padded to whole words */
static size_t key_words(const tn_executable *e, tn_tensor *const *inputs) {
    size_t n = 0;
    for (size_t i = 0; i < e->graph->inputs.count; i++) {
        if (!e->is_static[i]) n += 1 + (size_t)inputs[i]->rank;
        if (by_value(e, i, inputs[i])) n += (inputs[i]->bytes + 7) / 8;
    }
    return n;
}

static void key_fill(const tn_executable *e, tn_tensor *const *inputs, int64_t *key) {
    for (size_t i = 0; i < e->graph->inputs.count; i++) {
        const tn_tensor *x = inputs[i];
        if (!e->is_static[i]) {
            *key++ = x->rank;
            for (int32_t d = 0; d < x->rank; d++) *key++ = x->dims[d];
        }
        if (by_value(e, i, x)) {
            size_t words = (x->bytes + 7) / 8;
            if (!words) continue;
            key[words - 1] = 0;
            memcpy(key, x->data, x->bytes);
            key += words;
        }
    }
}

static uint64_t key_hash(const int64_t *key, size_t n) {
    uint64_t h = 1469598103934665603u ^ n;
    for (size_t i = 0; i < n; i++) h = (h ^ (uint64_t)key[i]) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return h;
}

/* The one line of a compilation. */
static void report(const tn_executable *e, const entry *x) {
    const tn__settings *s = e->settings;
    if (s->config.dry || !tn__log_wants(&s->config.log, TN_LOG_INFO)) return;
    tn_executable_stats n = {.struct_size = sizeof n};
    tn__program_add_stats(x->program, &n);
    tn__log_to(&s->config.log, TN_LOG_INFO, "compiled '%s'%s for %s: %u kernels (%u from the cache), %u calls, %" PRIu64 " bytes of arena, %" PRIu64
               " of constants, %" PRIu64 " of code, in %.1f ms", e->graph->name, e->level ? ", a part" : "", s->device->name, n.n_kernels,
               n.from_cache, n.n_calls, n.arena_bytes, n.constant_bytes, n.code_bytes, (double)x->compile_ns * 1e-6);
}

static tn_error *build(tn_executable *e, tn_tensor *const *inputs, entry *x) {
    const tn_graph *g = e->graph;
    const tn_allocator *a = &g->context->allocator;
    size_t n = g->inputs.count + 1;
    uint64_t start = tn__os_clock_ns();
    tn__trace *trace = e->settings->trace.trace;
    tn_tensor **values = tn__alloc_zero(a, n * sizeof *values);
    if (!values) return tn__error_oom();
    tn_error *error = NULL;
    for (size_t i = 0; !error && i < g->inputs.count; i++) {
        if (e->pinned && e->pinned[i]) {
            tn_tensor_retain(values[i] = e->pinned[i]);
        } else if (by_value(e, i, inputs[i])) { /* the caller may change its tensor after the call */
            error = tn__tensor_create_uninitialised(g->context, inputs[i]->dtype, inputs[i]->rank, inputs[i]->dims, &values[i]);
            if (!error) error = tn__tensor_assign(values[i], inputs[i]);
        }
    }
    tn_graph *s = NULL;
    if (trace) tn__trace_begin(trace, "compile", g->name);
    tn__phase_begin(&e->settings->config.hook, "specialise");
    if (!error) error = tn__specialise(g, (const tn_tensor *const *)inputs, values, &s);
    tn__phase_end(&e->settings->config.hook, "specialise");
    if (!error) error = tn__program_create(e->settings, s, e->varying, e->level, &x->program);
    if (trace) tn__trace_end(trace);
    for (size_t i = 0; i < g->inputs.count; i++) tn_tensor_release(values[i]);
    tn__free(a, values, n * sizeof *values);
    x->compile_ns = tn__os_clock_ns() - start;
    if (!error) report(e, x);
    return error;
}

static void unlink_entry(tn_executable *e, entry *x) {
    for (entry **p = &e->entries; *p; p = &(*p)->next)
        if (*p == x) {
            *p = x->next;
            e->n_entries--;
            x->linked = false;
            if (e->recent == x) e->recent = NULL;
            x->references--;
            return;
        }
}

/* With the mutex held; frees outside of it are not needed: nobody waits for an entry without references. */
static void drop_reference(tn_executable *e, entry *x) {
    if (--x->references == 0) entry_free(&e->settings->context->allocator, x);
}

static void evict(tn_executable *e) {
    while (e->n_entries > e->settings->max_specialisations) {
        entry *oldest = NULL;
        for (entry *x = e->entries; x; x = x->next)
            if (x->state == ENTRY_READY && x != e->fixed && (!oldest || x->used < oldest->used)) oldest = x;
        if (!oldest) return;
        oldest->references++;
        unlink_entry(e, oldest);
        drop_reference(e, oldest);
    }
}

/* The entry for these inputs, with a reference for the caller. */
static tn_error *acquire(tn_executable *e, tn_tensor *const *inputs, entry **out_entry) {
    const tn_allocator *a = &e->settings->context->allocator;
    int64_t stack[128], *key = stack;
    size_t n = key_words(e, inputs);
    if (n > 128 && !(key = tn__alloc(a, n * sizeof *key))) return tn__error_oom();
    key_fill(e, inputs, key);
    uint64_t hash = key_hash(key, n);
    tn_error *error = NULL;
    tn__os_mutex_lock(&e->mutex);
    entry *x = e->entries;
    while (x && !(x->hash == hash && x->n_key == n && (!n || !memcmp(x->key, key, n * sizeof *key)))) x = x->next;
    if (x) {
        x->references++;
        while (x->state == ENTRY_BUILDING) tn__os_condition_wait(&e->built, &e->mutex);
    } else if (!(x = tn__alloc_zero(a, sizeof *x)) || !(x->key = tn__alloc(a, n * sizeof *key))) {
        tn__free(a, x, sizeof *x);
        error = tn__error_oom();
        x = NULL;
    } else {
        if (n) memcpy(x->key, key, n * sizeof *key);
        x->n_key = n;
        x->hash = hash;
        x->references = 2;
        x->linked = true;
        x->next = e->entries;
        e->entries = x;
        e->n_entries++;
        tn__os_mutex_unlock(&e->mutex);
        tn_error *failed = build(e, inputs, x);
        tn__os_mutex_lock(&e->mutex);
        x->error = failed;
        x->state = failed ? ENTRY_FAILED : ENTRY_READY;
        x->used = ++e->clock;
        if (failed) unlink_entry(e, x); /* the next call tries again */
        else evict(e);
        tn__os_condition_broadcast(&e->built);
    }
    if (x) {
        x->used = ++e->clock;
        if (x->state == ENTRY_FAILED) {
            error = tn__error_copy(x->error);
            drop_reference(e, x);
            x = NULL;
        } else if (x->linked) {
            e->recent = x;
        }
    }
    tn__os_mutex_unlock(&e->mutex);
    if (key != stack) tn__free(a, key, n * sizeof *key);
    *out_entry = x;
    return error;
}

static void release_entry(tn_executable *e, entry *x) {
    tn__os_mutex_lock(&e->mutex);
    drop_reference(e, x);
    tn__os_mutex_unlock(&e->mutex);
}

/* ---- running and compiling ----------------------------------------------------------------------------------------- */

tn_error *tn__executable_run(tn_executable *executable, tn_tensor *const *inputs, uint32_t n_inputs, tn_tensor **outputs,
                             uint32_t n_outputs) {
    TN__TRY(tn__executable_check_counts(executable, inputs, n_inputs, outputs, n_outputs));
    TN__TRY(tn__executable_check_inputs(executable, inputs));
    return tn__executable_run_checked(executable, inputs, outputs, NULL, NULL);
}

tn_error *tn__executable_run_placed(tn_executable *e, tn_tensor *const *inputs, tn_tensor **outputs,
                                    tn_error *(*place)(void *self, const tn__program *program), void *self) {
    entry *x = e->fixed;
    if (!x) TN__TRY(acquire(e, inputs, &x));
    tn_error *error = place ? place(self, x->program) : NULL;
    tn__trace *trace = e->settings->trace.trace;
    if (trace) tn__trace_begin(trace, "run", e->graph->name);
    if (!error) error = tn__program_run(x->program, inputs, outputs);
    if (trace) tn__trace_end(trace);
    if (x != e->fixed) release_entry(e, x);
    return error;
}

tn_error *tn__executable_run_checked(tn_executable *e, tn_tensor *const *inputs, tn_tensor **outputs, const bool *donated, bool *taken) {
    if (!e->state && !donated) return tn__executable_run_placed(e, inputs, outputs, NULL, NULL);
    tn__placed_call call = {e, e->settings->context, e->state, inputs, outputs, e->n_inputs, e->n_outputs, donated, taken};
    return tn__placed_run(&call);
}

static const char *variable_name(const tn_graph *g, tn_value read) {
    const char *name = g->values.data[read.id].name;
    return name ? name : "variable";
}

/* A copy, for the caller's graph may grow after tn_compile. Folding is done here once for all specialisations; sub-graphs belong to their
 * graph and are shared. */
tn_error *tn__graph_to_compile(const tn_graph *g, tn_graph **out) {
    *out = NULL;
    TN__TRY(tn_graph_check(g));
    tn_graph *c;
    TN__TRY(tn__graph_create(g->context, g->hooks, g->name, &c));
    tn__arena arena;
    tn__arena_init(&arena, &g->context->allocator);
    tn_value *map = TN__ARENA_ARRAY(&arena, tn_value, g->values.count);
    bool *live = tn__live_values(g, &arena);
    tn_error *e = map && live ? NULL : tn__error_oom();
    c->fold = c->keep_quantised = true;
    for (size_t i = 0; !e && i < g->symbols.count; i++) tn_graph_symbol(c, g->symbols.data[i]); /* same order, same dims */
    for (size_t i = 0; !e && i < g->inputs.count; i++) {
        const tn__port *p = &g->inputs.data[i];
        const tn__type *t = tn__type_of(g, p->value);
        map[p->value.id] = tn_graph_input(c, p->name, t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; !e && i < g->variables.count; i++) {
        tn_value v = g->variables.data[i].read;
        const tn__type *t = tn__type_of(g, v);
        map[v.id] = tn_graph_input(c, variable_name(g, v), t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; !e && !c->error && i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (!tn__node_is_live(n, live)) continue;
        if ((e = tn__context_poll(g->context))) break; /* folding may take long */
        tn_value v = tn__graph_copy_node(c, g, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
    }
    for (size_t i = 0; !e && i < g->outputs.count; i++)
        tn_graph_output(c, g->outputs.data[i].name, map[g->outputs.data[i].value.id]);
    for (size_t i = 0; !e && i < g->variables.count; i++) {
        const tn__graph_variable *v = &g->variables.data[i];
        if (v->assigned.id) tn_graph_output(c, variable_name(g, v->read), map[v->assigned.id]);
    }
    if (!e) e = tn_graph_check(c);
    tn__arena_deinit(&arena);
    if (e) tn_graph_release(c);
    else *out = c;
    return e;
}

/* On tensors that have only types. */
tn_error *tn__executable_specialise_now(tn_executable *e) {
    if (!e->is_fixed) return NULL;
    const tn_graph *g = e->graph;
    const tn_allocator *a = &g->context->allocator;
    size_t n = g->inputs.count + 1;
    tn_tensor **types = tn__alloc_zero(a, n * sizeof *types);
    if (!types) return tn__error_oom();
    tn_error *error = NULL;
    for (size_t i = 0; !error && i < g->inputs.count; i++) {
        static char nothing[1];
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        error = tn_tensor_create_borrowed(g->context, t->dtype, t->rank, t->dims, nothing, SIZE_MAX, NULL, NULL, &types[i]);
    }
    if (!error) error = acquire(e, types, &e->fixed);
    if (!error) e->fixed->references--; /* stays in the list as long as the executable lives */
    for (size_t i = 0; i < g->inputs.count; i++) tn_tensor_release(types[i]);
    tn__free(a, types, n * sizeof *types);
    return error;
}

/* Integers in variables (a step counter) differ from run to run. */
static tn_error *create_top(tn__settings *settings, const tn_graph *g, tn_graph *copy, tn_executable **out_executable) {
    const tn_allocator *a = &g->context->allocator;
    size_t n = g->inputs.count, n_variables = g->variables.count;
    bool *varying = n_variables ? tn__alloc_zero(a, n + n_variables) : NULL, any = false;
    if (n_variables && !varying) return tn__error_oom();
    for (size_t i = 0; i < n_variables; i++)
        any |= varying[n + i] = !tn__dtype_is_float(tn__type_of(g, g->variables.data[i].read)->dtype);
    tn_error *e = tn__executable_create_child(settings, copy, any ? varying : NULL, NULL, 0, out_executable);
    tn__free(a, varying, n + n_variables);
    if (e) return e;
    tn_executable *x = *out_executable;
    if ((e = tn__state_create(g, &x->state))) {
        tn_executable_release(x);
        *out_executable = NULL;
        return e;
    }
    x->n_inputs -= (uint32_t)n_variables;
    if (x->state) x->n_outputs -= x->state->n_assigned;
    return NULL;
}

static tn_error *compile(const tn_graph *graph, const tn_options *options, bool dry, tn_executable **out_executable) {
    *out_executable = NULL;
    tn_options *defaults = NULL;
    if (!options) TN__TRY(tn_options_create(graph->context, &defaults));
    tn__settings *settings = NULL;
    tn_graph *copy = NULL;
    tn_executable *executable = NULL;
    tn_error *e = tn__settings_create(graph->context, options ? options : defaults, &settings);
    if (!e) {
        settings->config.dry = dry;
        e = tn__settings_trace(settings, options ? options : defaults);
    }
    if (!e) e = tn__graph_to_compile(graph, &copy);
    if (!e) e = create_top(settings, graph, copy, &executable);
    if (!e) e = tn__executable_specialise_now(executable);
    tn_options_release(defaults);
    tn_graph_release(copy);
    tn__settings_release(settings);
    if (e) tn_executable_release(executable);
    else *out_executable = executable;
    return e;
}

tn_error *tn_compile(const tn_graph *graph, const tn_options *options, tn_executable **out_executable) {
    if (!out_executable) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_compile: out_executable is NULL");
    *out_executable = NULL;
    TN__HANDLE(graph, GRAPH);
    if (options) TN__HANDLE(options, OPTIONS);
    return compile(graph, options, false, out_executable);
}

tn_error *tn__compile_dry(const tn_graph *graph, const tn_options *options) {
    tn_executable *executable;
    tn_error *e = compile(graph, options, true, &executable);
    tn_executable_release(executable);
    return e;
}

const tn_graph *tn__executable_graph(const tn_executable *e) { return e->graph; }
uint32_t tn__executable_input_count(const tn_executable *e) { return e->n_inputs; }
uint32_t tn__executable_output_count(const tn_executable *e) { return e->n_outputs; }
const tn__program *tn__executable_only_program(const tn_executable *e) { return e->fixed ? e->fixed->program : NULL; }

void tn__executable_add_stats(tn_executable *e, tn_executable_stats *stats) {
    tn__os_mutex_lock(&e->mutex);
    entry *x = e->recent;
    if (x) x->references++;
    tn__os_mutex_unlock(&e->mutex);
    if (!x) return;
    tn__program_add_stats(x->program, stats);
    if (!(e->level && x == e->fixed)) stats->compile_ns += x->compile_ns; /* that one is part of its parent's time */
    release_entry(e, x);
}

tn_error *tn__executable_add_profile(tn_executable *e, tn_profile *profile) {
    tn__os_mutex_lock(&e->mutex);
    entry *x = e->recent;
    if (x) x->references++;
    tn__os_mutex_unlock(&e->mutex);
    if (!x) return NULL;
    tn_error *error = tn__program_add_profile(x->program, profile);
    release_entry(e, x);
    return error;
}

tn_error *tn_executable_get_stats(tn_executable *executable, tn_executable_stats *out_stats) {
    TN__HANDLE(executable, EXECUTABLE);
    if (!out_stats || out_stats->struct_size < sizeof(size_t))
        return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_executable_get_stats: out_stats is NULL, or its struct_size is not set");
    tn_executable_stats stats = {.struct_size = out_stats->struct_size};
    tn__executable_add_stats(executable, &stats);
    tn__os_mutex_lock(&executable->mutex);
    stats.n_specialisations = executable->n_entries;
    tn__os_mutex_unlock(&executable->mutex);
    memcpy(out_stats, &stats, stats.struct_size < sizeof stats ? stats.struct_size : sizeof stats);
    return NULL;
}

static tn_error *check_profile(const tn_executable *x, const char *what) {
    const tn__settings *s = x->settings;
    if (!s->config.profile) return TN__FAIL(&s->context->allocator, INVALID_ARGUMENT, "%s: compile with option profile=on, every or counters", what);
    if (s->device->get_profile) return NULL;
    return TN__FAIL(&s->context->allocator, UNSUPPORTED, "%s: device %s keeps no times of steps; the cpu device does", what, s->device->name);
}

tn_error *tn_executable_get_profile(tn_executable *executable, tn_profile **out_profile) {
    if (!out_profile) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_executable_get_profile: out_profile is NULL");
    *out_profile = NULL;
    TN__HANDLE(executable, EXECUTABLE);
    TN__TRY(check_profile(executable, "tn_executable_get_profile"));
    tn_profile *p;
    TN__TRY(tn__profile_create(executable->settings->context, &p));
    tn_error *e = tn__executable_add_profile(executable, p);
    if (e) tn_profile_release(p);
    else *out_profile = p;
    return e;
}

tn_error *tn_executable_reset_profile(tn_executable *executable) {
    TN__HANDLE(executable, EXECUTABLE);
    TN__TRY(check_profile(executable, "tn_executable_reset_profile"));
    return tn__executable_add_profile(executable, NULL);
}
