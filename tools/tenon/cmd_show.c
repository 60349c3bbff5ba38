/* tenon show: the graph of a model as text, dot, SVG, HTML or JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "codegen/codegen.h"
#include "graph_out.h"
#include "inputs.h"
#include "kernel/program.h"
#include "pass/pass.h"
#include "session/session.h"

typedef struct show_settings {
    const char *format, *after;
    int64_t kernel; /* -1: none */
    bool assembly, full;
    cli_texts limits;
    cli_inputs inputs; /* --dim */
} show_settings;

enum { RUN_MAX = 96 }; /* characters of a base64 run that are shown */

static bool is_base64(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/* Weights print as base64: all but the beginning of a long run is left out. */
static void print_text(const char *text, bool full) {
    while (*text) {
        size_t run = 0;
        while (is_base64(text[run])) run++;
        if (run > RUN_MAX * 4 && !full) printf("%.*s...(%zu more)", RUN_MAX, text, run - RUN_MAX);
        else if (run) fwrite(text, 1, run, stdout);
        else putchar(*text), run = 1;
        text += run;
    }
}

static int show_text(tn_context *context, const tn_graph *graph, bool full) {
    char *text;
    tn_error *e = tn_graph_print(graph, &text);
    if (e) return cli_fail_error(e);
    print_text(text, full);
    tn_text_free(context, text);
    return CLI_OK;
}

/* The cpu device takes graphs only once every shape is known. */
static tn_error *check_static(tn_context *c, const tn_graph *g) {
    for (size_t i = 1; i < g->values.count; i++)
        if (!tn__type_is_static(&g->values.data[i].type))
            return TN__FAIL(&c->allocator, UNSUPPORTED,
                            "show --after and --kernel want shapes that follow from those of the inputs; value %zu%s%s%s has another", i,
                            g->values.data[i].name ? " '" : "", g->values.data[i].name ? g->values.data[i].name : "",
                            g->values.data[i].name ? "'" : "");
    return NULL;
}

/* What the device gets at a call with inputs of --dim, or of the model's test data: all shapes known, shape arithmetic folded. */
static tn_error *specialise(tn_context *c, const tn_graph *g, cli_inputs *inputs, tn_graph **out) {
    tn_tensor **tensors;
    TN__TRY(cli_inputs_make(c, g, inputs, &tensors));
    tn_error *e = cli_graph_specialise(g, tensors, out);
    cli_tensors_release(tensors, (uint32_t)g->inputs.count);
    return e;
}

/* What the cpu device compiles, once every shape is known; `last` (NULL: all) is the last choice of the lowering that is made. */
static tn_error *program_create(tn_context *c, const tn_graph *g, const char *last, const tn__target *target, tn__kprogram **out) {
    TN__TRY(check_static(c, g));
    for (size_t i = 0; i < g->nodes.count; i++)
        if (tn__op_infos[g->nodes.data[i].op].flags & (TN__OP_CONTROL | TN__OP_DATADEP))
            return TN__FAIL(&c->allocator, UNSUPPORTED, "show of kernels wants a model without control flow and data-dependent shapes");
    tn__lower_config lower = {.lanes = target->lanes, .registers = target->registers};
    bool on = true;
#define TN_PASS(pass, kind, help) TN__PASS_##kind(pass)
#define TN__PASS_GRAPH(pass)
#define TN__PASS_LOWER(pass) lower.pass = on, on = on && (!last || strcmp(last, #pass));
#include "pass/passes.def"
#undef TN__PASS_GRAPH
#undef TN__PASS_LOWER
    tn_graph *own;
    TN__TRY(tn__passes_run(g, NULL, NULL, NULL, &own));
    return tn__kprogram_create(c, own, &lower, out);
}

static tn_error *kernel_text(tn_context *c, const tn_graph *g, int64_t index, bool assembly, char **out_text) {
    tn__target target;
    tn__kprogram *program;
    TN__TRY(tn__target_init(c, NULL, &target));
    TN__TRY(program_create(c, g, NULL, &target, &program));
    tn_error *e = NULL;
    if ((uint64_t)index >= program->kernels.count)
        e = TN__FAIL(&c->allocator, OUT_OF_RANGE, "show --kernel: found %lld, the model has %zu kernels, counted from 0", (long long)index,
                     program->kernels.count);
    else e = tn__code_text(c, &target, program->kernels.data[index], assembly, out_text);
    tn__kprogram_destroy(program);
    return e;
}

static tn_error *program_text(tn_context *c, const tn_graph *g, const char *last, char **out_text) {
    tn__target target;
    tn__kprogram *program;
    TN__TRY(tn__target_init(c, NULL, &target));
    TN__TRY(program_create(c, g, last, &target, &program));
    tn_error *e = tn__kprogram_print(program, out_text);
    tn__kprogram_destroy(program);
    return e;
}

/* The program's figures, and of each kernel where it comes from. */
static tn_error *program_json(tn_context *c, const tn_graph *g, const char *last, json_t **out) {
    tn__target target;
    tn__kprogram *p;
    TN__TRY(tn__target_init(c, NULL, &target));
    TN__TRY(program_create(c, g, last, &target, &p));
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

typedef enum pass_kind { NO_PASS, GRAPH_PASS, LOWER_PASS } pass_kind;

static pass_kind kind_of_pass(const char *name) {
#define TN_PASS(pass, kind, help) \
    if (!strcmp(name, #pass)) return kind##_PASS;
#include "pass/passes.def"
    return NO_PASS;
}

static int show_kernels(tn_context *context, const tn_graph *graph, const show_settings *s) {
    char *text = NULL;
    if (!strcmp(s->format, "json")) {
        json_t *json = NULL;
        tn_error *failed = program_json(context, graph, s->after, &json);
        if (failed) return cli_fail_error(failed);
        cli_print_json(json);
        return CLI_OK;
    }
    tn_error *e = s->kernel >= 0 ? kernel_text(context, graph, s->kernel, s->assembly, &text) : program_text(context, graph, s->after, &text);
    if (e) return cli_fail_error(e);
    fputs(text, stdout);
    tn__strfree(&context->allocator, text);
    return CLI_OK;
}

static int show(tn_context *context, const char *path, show_settings *s) {
    tn_graph *graph, *after;
    tn_error *e = cli_graph_load(context, path, &graph);
    if (e) return cli_fail_error(e);
    int code = CLI_OK;
    if (s->after || s->kernel >= 0) {
        s->inputs.missing_random = true;
        s->inputs.model_path = s->inputs.dims.count ? NULL : path;
        e = specialise(context, graph, &s->inputs, &after);
        tn_graph_release(graph);
        if (e) return cli_fail_error(e);
        graph = after;
    }
    pass_kind kind = s->after ? kind_of_pass(s->after) : NO_PASS;
    if (kind == GRAPH_PASS) {
        e = check_static(context, graph);
        if (!e) e = tn__passes_run(graph, NULL, s->after, NULL, &after);
        tn_graph_release(graph);
        if (e) return cli_fail_error(e);
        graph = after;
    }
    if (s->kernel >= 0 || kind == LOWER_PASS) code = show_kernels(context, graph, s);
    else if (!strcmp(s->format, "text")) code = show_text(context, graph, s->full);
    else if (!strcmp(s->format, "dot")) cli_graph_write_dot(graph, stdout);
    else if (!strcmp(s->format, "svg")) cli_graph_write_svg(graph, stdout);
    else if (!strcmp(s->format, "html")) cli_graph_write_html(graph, stdout);
    else cli_print_json(cli_graph_to_json(graph));
    tn_graph_release(graph);
    return code;
}

int cli_cmd_show(const cli_verb *verb, int argc, char **argv) {
    show_settings s = {.format = "text", .kernel = -1, .inputs = {.scale = -1}};
    bool json = false;
    const cli_option options[] = {
        {"format", CLI_TEXT, &s.format, "FORMAT", "text, dot, svg, html or json (text)"},
        {"full", CLI_FLAG, &s.full, NULL, "text: print large constants whole"},
        {"after", CLI_TEXT, &s.after, "PASS", "the graph after this pass of the cpu device; after layout, fuse or stages: its kernels"},
        {"kernel", CLI_COUNT, &s.kernel, "K", "the LLVM IR of the cpu device's kernel K, counted from 0"},
        {"asm", CLI_FLAG, &s.assembly, NULL, "with --kernel: as assembly"},
        {"dim", CLI_TEXTS, &s.inputs.dims, "NAME=N", "with --after, --kernel: size of a symbolic dimension, or of axis K as INPUT.K=N; repeatable"},
        {"json", CLI_FLAG, &json, NULL, "the same as --format json"},
        CLI_LIMIT_OPTION(&s.limits),
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (json) s.format = "json";
    bool json_asked = !strcmp(s.format, "json");
    bool picture = !strcmp(s.format, "dot") || !strcmp(s.format, "svg") || !strcmp(s.format, "html");
    if (code < 0 && !json_asked && !picture && strcmp(s.format, "text"))
        code = cli_usage("show: --format wants text, dot, svg, html or json, found '%s'", s.format);
    if (code < 0 && operands.count != 1) code = cli_usage("show wants one model file, found %zu", operands.count);
    if (code < 0 && s.after && kind_of_pass(s.after) == NO_PASS) {
        static const char names[] = ""
#define TN_PASS(pass, kind, help) " " #pass
#include "pass/passes.def"
            ;
        code = cli_usage("show: no pass '%s'; there are%s", s.after, names);
    }
    if (code < 0 && s.inputs.dims.count && !s.after && s.kernel < 0) code = cli_usage("show: --dim wants --after or --kernel");
    if (code < 0 && s.kernel >= 0 && (picture || json_asked)) code = cli_usage("show: --kernel prints text only");
    if (code < 0 && picture && s.after && kind_of_pass(s.after) == LOWER_PASS)
        code = cli_usage("show: kernels (--after %s) are printed as text or JSON only", s.after);
    if (code < 0 && s.assembly && s.kernel < 0) code = cli_usage("show: --asm wants --kernel K");
    if (code < 0) {
        tn_context *context;
        tn_error *e = cli_context_create(&s.limits, &context);
        code = e ? cli_fail_error(e) : show(context, operands.items[0], &s);
        if (!e) tn_context_release(context);
    }
    cli_texts_free(&s.limits);
    cli_inputs_free(&s.inputs);
    cli_texts_free(&operands);
    return code;
}
