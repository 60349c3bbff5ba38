/* Gathers what the rules of `tenon doctor` look at: a profiled run, runs with other numbers of threads, the graph after the passes, the values,
 * and the machine meanwhile. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os_thread.h"
#include "ceilings_cache.h"
#include "codegen/codegen.h"
#include "doctor.h"
#include "inputs.h"
#include "measure/statistics.h"
#include "pass/pass.h"
#include "session/options.h"
#include "values.h"

enum { CALLS_LEAST = 5, CALLS_MOST = 10000 };

typedef struct patient {
    tn_context *context;
    const cli_target *target;
    tn_graph *graph;  /* as handed over */
    tn_graph *passed; /* after specialisation and the passes; NULL where shapes are not all known */
    tn_tensor **in;
    uint32_t n_in, n_out;
    double seconds;
    tn__affinity affinity;
    doctor_evidence *e;
} patient;

/* ---- runs ---------------------------------------------------------------------------------------------------- */

static tn_error *time_calls(tn_executable *x, const patient *p, double *out_ns) {
    tn_tensor **out = cli_alloc((p->n_out + 1) * sizeof *out);
    double *ns = cli_alloc(CALLS_MOST * sizeof *ns), spent = 0;
    size_t n = 0;
    tn_error *e = tn_executable_run(x, p->in, p->n_in, out, p->n_out);
    while (!e && n < CALLS_MOST && (n < CALLS_LEAST || spent < p->seconds * 1e9)) {
        uint64_t start = cli_now_ns();
        e = tn_executable_run(x, p->in, p->n_in, out, p->n_out);
        spent += ns[n++] = (double)(cli_now_ns() - start);
    }
    if (!e) *out_ns = tn__median(ns, n);
    free(ns);
    cli_tensors_release(out, p->n_out);
    return e;
}

/* A call with options of the target, and `key` (NULL: none) set to `value`. */
static tn_error *time_with(const patient *p, const char *key, const char *value, double *out_ns, tn_executable **out_executable) {
    tn_options *options = NULL;
    tn_executable *x = NULL;
    tn_error *e = cli_options_create(p->context, p->target, &options);
    if (!e && key) e = tn_options_set(options, key, value);
    if (!e) e = tn_compile(p->graph, options, &x);
    if (!e) e = time_calls(x, p, out_ns);
    tn_options_release(options);
    if (e || !out_executable) tn_executable_release(x);
    else *out_executable = x;
    return e;
}

static tn_error *time_threads(const patient *p) {
    char all[16];
    snprintf(all, sizeof all, "%d", p->e->machine.processors);
    tn_error *e = p->e->threads > 1 ? time_with(p, "threads", "1", &p->e->one_thread_ns, NULL) : NULL;
    if (!e && p->e->threads < p->e->machine.processors) e = time_with(p, "threads", all, &p->e->all_threads_ns, NULL);
    return e;
}

/* ---- steps --------------------------------------------------------------------------------------------------- */

static const tn__node *find_node(const tn_graph *g, const char *name) {
    for (size_t i = 0; g && *name && i < g->nodes.count; i++)
        if (g->nodes.data[i].name && !strcmp(g->nodes.data[i].name, name)) return &g->nodes.data[i];
    return NULL;
}

static int64_t count_readers(const tn_graph *g, tn_value v) {
    int64_t n = 0;
    for (size_t i = 0; i < g->operands.count; i++) n += g->operands.data[i].id == v.id;
    for (size_t i = 0; i < g->outputs.count; i++) n += g->outputs.data[i].value.id == v.id;
    return n;
}

/* The form of a kernel is what follows "tn_" in its symbol: tn_conv_relu_0_3_0. */
static void read_row(const patient *p, const tn_profile_row *row, doctor_step *s) {
    const char *form = strncmp(row->kernel, "tn_", 3) ? row->kernel : row->kernel + 3;
    s->what = cli_printf("%s%s%s", row->kernel, *row->node ? ", " : "", row->node);
    snprintf(s->kind, sizeof s->kind, "%s", row->kind);
    snprintf(s->form, sizeof s->form, "%.*s", (int)strcspn(form, "_"), form);
    s->ns = (double)row->least_ns, s->flops = row->flops, s->bytes = (double)row->bytes;
    s->constant_bytes = (double)row->constant_bytes, s->products = row->product_dtype;
    const tn__node *n = find_node(p->passed, row->node);
    if (!n) return;
    const tn__type *t = tn__type_of(p->passed, tn__out(n, 0));
    if (s->flops > 0 && t->rank >= 2) s->channels = strcmp(s->form, "mm") ? t->dims[1] : t->dims[t->rank - 1];
    if (!strcmp(s->form, "ew") && n->n_in) s->readers = count_readers(p->passed, tn__in(p->passed, n, 0));
}

static tn_error *read_profile(const patient *p) {
    tn_executable *x = NULL;
    tn_profile *profile = NULL;
    double ignored;
    tn_error *e = time_with(p, "profile", "every", &ignored, &x);
    if (!e) e = tn_executable_get_profile(x, &profile);
    uint32_t n = profile ? tn_profile_get_count(profile) : 0;
    p->e->steps = cli_alloc((n + 1) * sizeof *p->e->steps);
    for (uint32_t i = 0; !e && i < n; i++) {
        tn_profile_row row = {.struct_size = sizeof row};
        e = tn_profile_get_row(profile, i, &row);
        if (!e) read_row(p, &row, &p->e->steps[p->e->n_steps++]);
    }
    tn_profile_release(profile);
    tn_executable_release(x);
    return e;
}

/* ---- the graph ----------------------------------------------------------------------------------------------- */

static bool all_constant(const tn_graph *g, const tn__node *n) {
    bool some = false;
    for (uint32_t k = 0; k < n->n_in; k++) {
        tn_value v = tn__in(g, n, k);
        if (!v.id) continue;
        if (!tn__constant_peek(g, v)) return false;
        some = true;
    }
    return some;
}

static void look_at_graph(const patient *p) {
    const tn_graph *g = p->passed ? p->passed : p->graph;
    doctor_evidence *e = p->e;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (p->passed && n->op != TN_OP_constant && all_constant(g, n) && !e->not_folded++)
            snprintf(e->not_folded_name, sizeof e->not_folded_name, "%s", n->name ? n->name : tn__op_infos[n->op].name);
        if (p->passed && n->op == TN_OP_dequantize_linear) e->dequantised++;
        if (tn__op_infos[n->op].flags & TN__OP_DATADEP) e->late_steps++;
    }
    for (size_t i = 0; i < p->graph->tensors.count; i++) {
        const tn_tensor *t = p->graph->tensors.data[i];
        if ((t->dtype == TN_DTYPE_f16 || t->dtype == TN_DTYPE_bf16) && t->elements >= 4096) e->half_weights = true;
    }
    for (size_t i = 0; i < p->graph->inputs.count; i++) {
        const tn__type *t = tn__type_of(p->graph, p->graph->inputs.data[i].value);
        for (int32_t d = 0; d < t->rank; d++) e->open_dims += t->dims[d] < 0;
        e->open_dims += t->rank < 0;
    }
}

/* What the device gets for these inputs, after the passes; stays NULL where shapes are not all known then. */
static tn_error *make_passed(patient *p) {
    tn_graph *special = NULL;
    tn_error *e = cli_graph_specialise(p->graph, p->in, &special);
    bool is_static = !e;
    for (size_t i = 1; is_static && i < special->values.count; i++) is_static = tn__type_is_static(&special->values.data[i].type);
    for (size_t i = 0; is_static && i < special->nodes.count; i++)
        is_static = !(tn__op_infos[special->nodes.data[i].op].flags & (TN__OP_CONTROL | TN__OP_DATADEP));
    if (is_static) e = tn__passes_run(special, *p->e->passes_off ? p->e->passes_off : NULL, NULL, NULL, &p->passed);
    tn_graph_release(special);
    return e;
}

static tn_error *count_denormals(void *self) {
    const patient *p = self;
    uint32_t n = tn_graph_get_output_count(p->graph);
    tn_tensor **out = cli_alloc((n + 1) * sizeof *out);
    tn_options *options = NULL;
    tn_executable *x = NULL;
    int64_t most = 0;
    tn_error *e = cli_options_create(p->context, p->target, &options);
    if (!e) e = tn_compile(p->graph, options, &x);
    if (!e) e = tn_executable_run(x, p->in, p->n_in, out, n);
    for (uint32_t i = 0; !e && i < n; i++) {
        value_statistics s = value_look_at(out[i]);
        p->e->elements += s.n;
        p->e->denormals += s.n_denormal;
        if (s.n_denormal <= most) continue;
        most = s.n_denormal;
        char *what = value_describe(p->graph, tn_graph_get_output(p->graph, i));
        snprintf(p->e->denormal_name, sizeof p->e->denormal_name, "%s", what);
        free(what);
    }
    tn_executable_release(x);
    tn_options_release(options);
    cli_tensors_release(out, n);
    return e;
}

/* ---- the whole ----------------------------------------------------------------------------------------------- */

static tn_error *read_options(patient *p) {
    doctor_evidence *e = p->e;
    tn_options *o;
    tn_error *error = cli_options_create(p->context, p->target, &o);
    if (error) return error;
    e->device = cli_printf("%s", tn_options_get(o, "device"));
    e->cpu = cli_printf("%s", tn_options_get(o, "cpu"));
    e->passes_off = cli_printf("%s", tn_options_get(o, "passes_off"));
    e->cache = cli_printf("%s", tn_options_get(o, "cache"));
    e->precision = cli_printf("%s", tn_options_get(o, "precision"));
    p->affinity = (tn__affinity)tn__options_choice(o, TN__OPTION_affinity);
    e->affinity = cli_printf("%s", tn_options_get(o, "affinity"));
    e->numa = cli_printf("%s", tn_options_get(o, "numa"));
    e->layout = cli_printf("%s", tn_options_get(o, "layout"));
    e->profile = strcmp(tn_options_get(o, "profile"), "off") != 0;
    e->threads = strtoll(tn_options_get(o, "threads"), NULL, 10);
    e->max_specialisations = strtoll(tn_options_get(o, "max_specialisations"), NULL, 10);
    if (!e->threads) e->threads = tn__os_processor_count();
    tn_options_release(o);
    return NULL;
}

static tn_error *read_machine(const patient *p) {
    doctor_evidence *e = p->e;
    tn__target target;
    tn__rates rates;
    json_t *distortions = NULL;
#ifndef NDEBUG
    e->is_debug = true;
#endif
    if (e->placement.cores_allowed) e->cores = e->placement.cores_allowed;
    else if (e->machine.siblings > 0) e->cores = e->machine.processors / e->machine.siblings;
    tn_error *error = tn__target_init(p->context, strcmp(e->cpu, "host") ? e->cpu : NULL, &target);
    if (!error) e->lanes = target.lanes;
    tn_error_destroy(error);
    error = rates_get(p->context, (int32_t)e->threads, &rates, &distortions);
    if (!error) e->fma_rate = rates.fma_f32, e->bandwidth = rates.memory_read, e->rates_distorted = json_array_size(distortions) > 0;
    json_decref(distortions);
    return error;
}

static void read_placement(const patient *p) {
    tn__topology *t;
    tn_error_destroy(tn__topology_create(&tn__allocator_malloc, NULL, &t)); /* NULL: not known */
    doctor_placement_read("", t, p->affinity, p->e->threads, &p->e->placement);
    tn__topology_destroy(t);
}

static tn_error *examine(patient *p) {
    doctor_evidence *e = p->e;
    tn_executable *x = NULL;
    tn_executable_stats stats = {.struct_size = sizeof stats};
    tn__machine before, after;
    bool is_cpu = !strcmp(e->device, "cpu");
    tn_error *error = make_passed(p);
    if (error) return error;
    look_at_graph(p);
    cli_progress("timing");
    error = time_with(p, NULL, NULL, &e->run_ns, NULL);
    tn__machine_read("", &before);
    if (!error) error = time_with(p, NULL, NULL, &e->run_ns, &x); /* the second compilation: may come from the cache */
    tn__machine_read("", &after);
    if (!error) error = tn_executable_get_stats(x, &stats);
    read_placement(p); /* while the model's memory is there */
    tn_executable_release(x);
    e->machine = before;
    tn__machine_judge(&before, &after, &(tn__measured){.threads = (int32_t)e->threads}, &e->distortions);
    e->arena_bytes = stats.arena_bytes, e->arena_lower_bound = stats.arena_lower_bound;
    e->n_kernels = stats.n_kernels, e->from_cache = stats.from_cache;
    if (!error && is_cpu) error = read_machine(p);
    if (!error && is_cpu) error = time_threads(p);
    cli_progress("profiling");
    if (!error && is_cpu) error = read_profile(p);
    if (!error) error = values_in_chunks(p->graph, count_denormals, p);
    return error;
}

tn_error *doctor_collect(tn_context *context, const char *path, const cli_target *target, const cli_inputs *inputs, double seconds,
                         doctor_evidence *out) {
    *out = (doctor_evidence){0};
    patient p = {.context = context, .target = target, .seconds = seconds / 4, .e = out};
    cli_inputs own = *inputs;
    own.model_path = path;
    tn_error *e = read_options(&p);
    if (!e) e = cli_graph_load(context, path, &p.graph);
    if (!e) p.n_in = tn_graph_get_input_count(p.graph), p.n_out = tn_graph_get_output_count(p.graph);
    if (!e) e = cli_inputs_make(context, p.graph, &own, &p.in);
    if (!e) e = examine(&p);
    cli_progress_end();
    cli_tensors_release(p.in, p.n_in);
    tn_graph_release(p.passed);
    tn_graph_release(p.graph);
    return e;
}

void doctor_evidence_free(doctor_evidence *e) {
    for (size_t i = 0; i < e->n_steps; i++) free(e->steps[i].what);
    free(e->steps);
    free((char *)e->device), free((char *)e->cpu), free((char *)e->passes_off), free((char *)e->cache), free((char *)e->precision);
    free((char *)e->affinity), free((char *)e->numa), free((char *)e->layout);
    *e = (doctor_evidence){0};
}
