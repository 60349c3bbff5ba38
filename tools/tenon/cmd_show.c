/* tenon show: the graph of a model as text, dot, SVG, HTML or JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "codegen/codegen.h"
#include "graph_out.h"
#include "inputs.h"
#include "kernel/program.h"
#include "launches.h"
#include "pass/pass.h"
#include "profile_run.h"
#include "session/session.h"

typedef struct show_settings {
    const char *format, *after;
    int64_t kernel; /* -1: none */
    bool assembly, full, time;
    double seconds;  /* with time */
    int64_t threads;
    cli_texts limits;
    cli_inputs inputs;
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

/* What the cpu device compiles, once every shape is known; `last` (NULL: all) is the last choice of the lowering that is made. out_launches
 * may be NULL. */
static tn_error *program_create(tn_context *c, const tn_graph *g, const char *last, const tn__target *target, cli_launches *out_launches,
                                tn__kprogram **out) {
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
    if (!out_launches) return tn__kprogram_create(c, own, &lower, out);
    cli_graphs graphs = cli_graphs_of(own);
    cli_numbering numbers;
    tn__graph_retain(own);
    tn_error *e = cli_graphs_number(&graphs, &numbers);
    if (e) tn_graph_release(own);
    else e = tn__kprogram_create(c, own, &lower, out);
    if (!e) *out_launches = cli_launches_of_program(&graphs, *out);
    cli_graphs_unnumber(&graphs, &numbers);
    cli_graphs_free(&graphs);
    tn_graph_release(own);
    return e;
}

static tn_error *kernel_text(tn_context *c, const tn_graph *g, int64_t index, bool assembly, char **out_text) {
    tn__target target;
    tn__kprogram *program;
    TN__TRY(tn__target_init(c, NULL, &target));
    TN__TRY(program_create(c, g, NULL, &target, NULL, &program));
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
    TN__TRY(program_create(c, g, last, &target, NULL, &program));
    tn_error *e = tn__kprogram_print(program, out_text);
    tn__kprogram_destroy(program);
    return e;
}

/* The program's figures, and of each kernel where it comes from. */
static tn_error *program_json(tn_context *c, const tn_graph *g, const char *last, json_t **out) {
    tn__target target;
    tn__kprogram *p;
    TN__TRY(tn__target_init(c, NULL, &target));
    TN__TRY(program_create(c, g, last, &target, NULL, &p));
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

/* ---- times --------------------------------------------------------------------------------------------------- */

/* The choices of the lowering after `last`, for option passes_off; in `buffer`. */
static const char *later_choices(const char *last, char *buffer, size_t bytes) {
    bool on = true;
    buffer[0] = 0;
#define TN_PASS(pass, kind, help) TN__PASS_##kind(pass)
#define TN__PASS_GRAPH(pass)
#define TN__PASS_LOWER(pass)                                                                                               \
    if (!on) snprintf(buffer + strlen(buffer), bytes - strlen(buffer), "%s" #pass, *buffer ? "," : "");                   \
    on = on && strcmp(last, #pass);
#include "pass/passes.def"
#undef TN__PASS_GRAPH
#undef TN__PASS_LOWER
    return buffer;
}

/* What program_create lowers with, also where the environment says something else: the times are those of the launches that are shown. */
static const char *const shown_with[][2] = {
    {"cpu", "host"}, {"precision", "f32"}, {"determinism", "machine"}, {"winograd", "off"}, {"tuning", "ignore"}};

static tn_error *options_create(tn_context *c, const show_settings *s, tn_options **out) {
    char text[160];
    tn_error *e = tn_options_create(c, out);
    if (!e) e = tn_options_set(*out, "profile", "on");
    for (size_t i = 0; !e && s->after && i < sizeof shown_with / sizeof *shown_with; i++) e = tn_options_set(*out, shown_with[i][0], shown_with[i][1]);
    if (!e && s->after) e = tn_options_set(*out, "passes_off", later_choices(s->after, text, sizeof text));
    if (e || !s->threads) return e;
    snprintf(text, sizeof text, "%lld", (long long)s->threads);
    return tn_options_set(*out, "threads", text);
}

/* Runs `g` for a while and gives its profile to `take`. */
static tn_error *profile(tn_context *c, const tn_graph *g, tn_tensor **in, const show_settings *s, cli_launches *launches,
                         tn_error *(*take)(void *self, const tn_profile *profile), void *self) {
    uint32_t n_in = tn_graph_get_input_count(g), n_out = tn_graph_get_output_count(g);
    tn_tensor **out = cli_alloc((n_out + 1) * sizeof *out);
    tn_options *options = NULL;
    tn_executable *x = NULL;
    tn_profile *p = NULL;
    cli_run_times t = {0};
    tn_error *e = options_create(c, s, &options);
    if (!e) e = tn_compile(g, options, &x);
    cli_progress("running");
    if (!e) e = cli_profile_run(x, in, n_in, out, n_out, s->seconds, &t);
    cli_progress_end();
    if (!e) e = tn_executable_get_profile(x, &p);
    if (!e) e = take(self, p);
    launches->runs = t.runs;
    launches->run_ns = t.least_ns;
    if (p) tn_profile_release(p);
    if (x) tn_executable_release(x);
    if (options) tn_options_release(options);
    cli_tensors_release(out, n_out);
    return e;
}

/* ---- pictures ------------------------------------------------------------------------------------------------ */

static void put_picture(tn_graph *g, const cli_launches *launches, const show_settings *s) {
    if (!strcmp(s->format, "dot")) cli_graph_write_dot(g, stdout);
    else if (!strcmp(s->format, "svg")) cli_graph_write_svg(g, launches, false, stdout);
    else cli_graph_write_html(g, launches, stdout);
}

typedef struct picture {
    tn_context *context;
    cli_graphs graphs;
    cli_launches launches;
} picture;

static tn_error *add_times(void *self, const tn_profile *p) {
    picture *x = self;
    return cli_launches_add_times(&x->launches, x->context, p);
}

static tn_error *take_rows(void *self, const tn_profile *p) {
    picture *x = self;
    return cli_launches_of_profile(&x->graphs, p, &x->launches);
}

/* The graph that the program of specialised graph `g` was made from, with the program's launches. */
static tn_error *draw_program(tn_context *c, const tn_graph *g, tn_tensor **in, const show_settings *s) {
    tn__target target;
    tn__kprogram *program = NULL;
    picture x = {.context = c};
    TN__TRY(tn__target_init(c, NULL, &target));
    TN__TRY(program_create(c, g, s->after, &target, &x.launches, &program));
    tn_error *e = s->time ? profile(c, g, in, s, &x.launches, add_times, &x) : NULL;
    if (!e) put_picture(program->graph, &x.launches, s);
    cli_launches_free(&x.launches);
    tn__kprogram_destroy(program);
    return e;
}

/* The model's own graph, with what its profile says: of models with control flow too, in the nodes that the user knows. */
static tn_error *draw_timed(tn_context *c, tn_graph *g, tn_tensor **in, const show_settings *s) {
    picture x = {.context = c, .graphs = cli_graphs_of(g)};
    cli_numbering numbers;
    tn_error *e = cli_graphs_number(&x.graphs, &numbers);
    if (!e) e = profile(c, g, in, s, &x.launches, take_rows, &x);
    cli_graphs_unnumber(&x.graphs, &numbers);
    if (!e) put_picture(g, &x.launches, s);
    cli_launches_free(&x.launches);
    cli_graphs_free(&x.graphs);
    return e;
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

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

static bool is_picture(const show_settings *s) { return !strcmp(s->format, "dot") || !strcmp(s->format, "svg") || !strcmp(s->format, "html"); }

static int show_graph(tn_context *context, tn_graph *graph, tn_tensor **in, const show_settings *s) {
    bool kernels = s->after && kind_of_pass(s->after) == LOWER_PASS;
    if (kernels && is_picture(s)) {
        tn_error *e = draw_program(context, graph, in, s);
        return e ? cli_fail_error(e) : CLI_OK;
    }
    if (s->kernel >= 0 || kernels) return show_kernels(context, graph, s);
    if (s->time) {
        tn_error *e = draw_timed(context, graph, in, s);
        return e ? cli_fail_error(e) : CLI_OK;
    }
    if (!strcmp(s->format, "text")) return show_text(context, graph, s->full);
    if (is_picture(s)) put_picture(graph, NULL, s);
    else cli_print_json(cli_graph_to_json(graph));
    return CLI_OK;
}

/* In place of *graph, what the device gets at a call with these inputs: all shapes known, shape arithmetic folded; then the pass, if it is
 * one over graphs. */
static tn_error *specialise(tn_context *context, tn_graph **graph, tn_tensor **in, const show_settings *s) {
    tn_graph *after;
    TN__TRY(cli_graph_specialise(*graph, in, &after));
    tn_graph_release(*graph);
    *graph = after;
    if (!s->after || kind_of_pass(s->after) != GRAPH_PASS) return NULL;
    TN__TRY(check_static(context, *graph));
    TN__TRY(tn__passes_run(*graph, NULL, s->after, NULL, &after));
    tn_graph_release(*graph);
    *graph = after;
    return NULL;
}

static int show(tn_context *context, const char *path, show_settings *s) {
    tn_graph *graph;
    tn_tensor **in = NULL;
    uint32_t n_in = 0;
    tn_error *e = cli_graph_load(context, path, &graph);
    if (e) return cli_fail_error(e);
    bool compiled = s->after || s->kernel >= 0;
    if (compiled || s->time) {
        s->inputs.missing_random = true;
        s->inputs.model_path = s->inputs.dims.count ? NULL : path;
        n_in = tn_graph_get_input_count(graph);
        e = cli_inputs_make(context, graph, &s->inputs, &in);
        if (!e && compiled) e = specialise(context, &graph, in, s);
    }
    int code = e ? cli_fail_error(e) : show_graph(context, graph, in, s);
    cli_tensors_release(in, n_in);
    tn_graph_release(graph);
    return code;
}

int cli_cmd_show(const cli_verb *verb, int argc, char **argv) {
    show_settings s = {.format = "text", .kernel = -1, .seconds = 1, .inputs = {.scale = -1}};
    bool json = false;
    const cli_option options[] = {
        {"format", CLI_TEXT, &s.format, "FORMAT", "text, dot, svg, html or json (text)"},
        {"full", CLI_FLAG, &s.full, NULL, "text: print large constants whole"},
        {"after", CLI_TEXT, &s.after, "PASS", "the graph after this pass of the cpu device; after layout, fuse, stages or in_place: its kernels"},
        {"kernel", CLI_COUNT, &s.kernel, "K", "the LLVM IR of the cpu device's kernel K, counted from 0"},
        {"asm", CLI_FLAG, &s.assembly, NULL, "with --kernel: as assembly"},
        {"time", CLI_FLAG, &s.time, NULL, "svg, html: run the model and show the time of each launch"},
        {"seconds", CLI_REAL, &s.seconds, "S", "with --time: run for this long (1)"},
        {"threads", CLI_COUNT, &s.threads, "N", "with --time: threads to use (default: the machine's cores)"},
        CLI_INPUT_OPTIONS(&s.inputs),
        {"json", CLI_FLAG, &json, NULL, "the same as --format json"},
        CLI_LIMIT_OPTION(&s.limits),
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (json) s.format = "json";
    bool json_asked = !strcmp(s.format, "json");
    bool picture = is_picture(&s), dot = !strcmp(s.format, "dot");
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
    bool runs = s.after || s.kernel >= 0 || s.time;
    if (code < 0 && s.inputs.dims.count && !runs) code = cli_usage("show: --dim wants --after, --kernel or --time");
    if (code < 0 && s.inputs.inputs.count && !runs) code = cli_usage("show: --input wants --after, --kernel or --time");
    if (code < 0 && s.kernel >= 0 && (picture || json_asked)) code = cli_usage("show: --kernel prints text only");
    if (code < 0 && dot && s.after && kind_of_pass(s.after) == LOWER_PASS)
        code = cli_usage("show: kernels (--after %s) are shown as text, JSON, svg or html, found dot", s.after);
    if (code < 0 && s.time && (!picture || dot)) code = cli_usage("show: --time wants --format svg or html, found %s", s.format);
    if (code < 0 && s.time && s.after && kind_of_pass(s.after) == GRAPH_PASS)
        code = cli_usage("show: --time wants no --after, or one that shows kernels, found %s", s.after);
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
