#include "show_program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/cpu/cpu.h"

pass_kind pass_kind_of(const char *name) {
#define TN_PASS(pass, kind, help) \
    if (!strcmp(name, #pass)) return kind##_PASS;
#include "pass/passes.def"
    return NO_PASS;
}

/* ---- options ------------------------------------------------------------------------------------------------- */

/* `off` and the choices of the lowering after `last`. free() */
static char *with_later_choices(const char *off, const char *last) {
    char *list = cli_printf("%s", off);
    bool on = true;
#define TN_PASS(pass, kind, help) TN__PASS_##kind(pass)
#define TN__PASS_GRAPH(pass)
#define TN__PASS_LOWER(pass)                                       \
    if (!on) {                                                     \
        char *longer = cli_printf("%s%s" #pass, list, *list ? "," : ""); \
        free(list);                                                \
        list = longer;                                             \
    }                                                              \
    on = on && strcmp(last, #pass);
#include "pass/passes.def"
#undef TN__PASS_GRAPH
#undef TN__PASS_LOWER
    return list;
}

tn_error *show_options_create(tn_context *c, const cli_target *target, const char *last, tn_options **out) {
    TN__TRY(cli_options_create(c, target, out));
    tn_error *e = strcmp(tn_options_get(*out, "tuning"), "record") ? NULL : tn_options_set(*out, "tuning", "use");
    if (!e && last && pass_kind_of(last) == LOWER_PASS) {
        char *list = with_later_choices(tn_options_get(*out, "passes_off"), last);
        e = tn_options_set(*out, "passes_off", list);
        free(list);
    }
    if (!e) return NULL;
    tn_options_release(*out);
    *out = NULL;
    return e;
}

tn_error *show_settings_create(tn_context *c, const tn_options *options, tn__settings **out) {
    const char *device = tn_options_get(options, "device");
    *out = NULL;
    if (strcmp(device, "cpu"))
        return TN__FAIL(&c->allocator, UNSUPPORTED, "show --after and --kernel show what device cpu compiles, found device=%s", device);
    return tn__settings_create(c, options, out);
}

/* ---- programs ------------------------------------------------------------------------------------------------ */

/* The cpu device takes graphs only once every shape is known. */
tn_error *show_check_static(tn_context *c, const tn_graph *g) {
    for (size_t i = 1; i < g->values.count; i++)
        if (!tn__type_is_static(&g->values.data[i].type))
            return TN__FAIL(&c->allocator, UNSUPPORTED,
                            "show --after and --kernel want shapes that follow from those of the inputs; value %zu%s%s%s has another", i,
                            g->values.data[i].name ? " '" : "", g->values.data[i].name ? g->values.data[i].name : "",
                            g->values.data[i].name ? "'" : "");
    return NULL;
}

static tn_error *lower(const tn__device_config *config, const tn__target *target, const tn_graph *g, cli_launches *out_launches,
                       tn__kprogram **out) {
    TN__TRY(show_check_static(config->context, g));
    for (size_t i = 0; i < g->nodes.count; i++)
        if (tn__op_infos[g->nodes.data[i].op].flags & (TN__OP_CONTROL | TN__OP_DATADEP))
            return TN__FAIL(&config->context->allocator, UNSUPPORTED, "show of kernels wants a model without control flow and data-dependent shapes");
    tn_graph *own;
    TN__TRY(tn__passes_run(g, config->disabled_passes, NULL, NULL, &own));
    if (!out_launches) return tn__cpu_lower(config, target, own, out);
    cli_graphs graphs = cli_graphs_of(own);
    cli_numbering numbers;
    tn__graph_retain(own);
    tn_error *e = cli_graphs_number(&graphs, &numbers);
    if (e) tn_graph_release(own);
    else e = tn__cpu_lower(config, target, own, out);
    if (!e) *out_launches = cli_launches_of_program(&graphs, *out);
    cli_graphs_unnumber(&graphs, &numbers);
    cli_graphs_free(&graphs);
    tn_graph_release(own);
    return e;
}

tn_error *show_program_create(const tn__device_config *config, const tn_graph *g, cli_launches *out_launches, tn__kprogram **out) {
    tn__target target;
    TN__TRY(tn__cpu_target(config, &target));
    return lower(config, &target, g, out_launches, out);
}

tn_error *show_kernel_text(const tn__device_config *config, const tn_graph *g, int64_t index, bool assembly, char **out_text) {
    tn__target target;
    tn__kprogram *program;
    TN__TRY(tn__cpu_target(config, &target));
    TN__TRY(lower(config, &target, g, NULL, &program));
    tn_error *e = NULL;
    if ((uint64_t)index >= program->kernels.count)
        e = TN__FAIL(&config->context->allocator, OUT_OF_RANGE, "show --kernel: found %lld, the model has %zu kernels, counted from 0",
                     (long long)index, program->kernels.count);
    else e = tn__code_text(config->context, &target, program->kernels.data[index], assembly, out_text);
    tn__kprogram_destroy(program);
    return e;
}

tn_error *show_program_text(const tn__device_config *config, const tn_graph *g, char **out_text) {
    tn__kprogram *program;
    TN__TRY(show_program_create(config, g, NULL, &program));
    tn_error *e = tn__kprogram_print(program, out_text);
    tn__kprogram_destroy(program);
    return e;
}

tn_error *show_program_json(const tn__device_config *config, const tn_graph *g, json_t **out) {
    tn__kprogram *p;
    TN__TRY(show_program_create(config, g, NULL, &p));
    json_t *kernels = json_array();
    for (size_t i = 0; i < p->kernels.count; i++)
        json_array_append_new(kernels, json_pack("{ss sI sf}", "name", p->kernels.data[i]->name, "steps", (json_int_t)p->kernels.data[i]->grid,
                                                 "flops", p->kernels.data[i]->flops));
    json_t *steps = json_array();
    for (size_t i = 0; i < p->steps.count; i++) {
        const tn__step *s = &p->steps.data[i];
        const tn__source_set *set = tn__graph_sources(p->graph, s->source);
        json_t *own = json_array(); /* kernels of a launch */
        for (uint32_t k = 0; k < s->n_stages; k++) json_array_append_new(own, json_integer(s->stages[k].kernel));
        json_array_append_new(steps, json_pack("{so so}", "kernels", own, "sources", cli_sources_json(set->texts, set->n)));
    }
    *out = json_pack("{sI sI sI sI sf so so}", "arena_bytes", (json_int_t)p->arena_bytes, "arena_lower_bound", (json_int_t)p->arena_lower_bound,
                     "scratch_bytes", (json_int_t)p->scratch_bytes, "constant_bytes", (json_int_t)p->constant_bytes, "flops", p->flops,
                     "kernels", kernels, "steps", steps);
    tn__kprogram_destroy(p);
    return NULL;
}
