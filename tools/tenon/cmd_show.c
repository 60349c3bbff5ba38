/* tenon show: the graph of a model as text, dot, SVG, HTML or JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "graph_out.h"
#include "graph_partition.h"
#include "inputs.h"
#include "profile_run.h"
#include "show_program.h"

typedef struct show_settings {
    const char *format, *after;
    int64_t kernel; /* -1: none */
    bool assembly, full, time, partition;
    const char *disabled_ops; /* with partition */
    double seconds;  /* with time */
    cli_target target;
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

static tn_error *show_text(tn_context *context, const tn_graph *graph, bool full) {
    char *text;
    TN__TRY(tn_graph_print(graph, &text));
    print_text(text, full);
    tn_text_free(context, text);
    return NULL;
}

/* ---- times --------------------------------------------------------------------------------------------------- */

/* Runs `g` for a while and gives its profile to `take`. Sets options. */
static tn_error *profile(const tn_graph *g, tn_options *options, tn_tensor **in, const show_settings *s, cli_launches *launches,
                         tn_error *(*take)(void *self, const tn_profile *profile), void *self) {
    uint32_t n_in = tn_graph_get_input_count(g), n_out = tn_graph_get_output_count(g);
    tn_tensor **out = cli_alloc((n_out + 1) * sizeof *out);
    tn_executable *x = NULL;
    tn_profile *p = NULL;
    cli_run_times t = {0};
    tn_error *e = tn_options_set(options, "profile", "every");
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
    cli_tensors_release(out, n_out);
    return e;
}

/* ---- pictures ------------------------------------------------------------------------------------------------ */

static void put_picture(tn_graph *g, const cli_launches *launches, const show_settings *s) {
    if (!strcmp(s->format, "dot")) cli_graph_write_dot(g, launches, stdout);
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

/* The graph that the program of `special` was made from, with the program's launches. Variables are inputs there, so that a model which has some
 * is timed as it is. */
static tn_error *draw_program(tn_context *c, const tn_graph *g, const tn_graph *special, tn_options *options, const tn__settings *settings, tn_tensor **in,
                              const show_settings *s) {
    tn__kprogram *program = NULL;
    picture x = {.context = c};
    TN__TRY(show_program_create(&settings->config, special, &x.launches, &program));
    const tn_graph *run = g->variables.count ? g : special;
    tn_error *e = s->time ? profile(run, options, in, s, &x.launches, add_times, &x) : NULL;
    if (!e) put_picture(program->graph, &x.launches, s);
    cli_launches_free(&x.launches);
    tn__kprogram_destroy(program);
    return e;
}

/* The model's own graph, with what its profile says: of models with control flow too, in the nodes that the user knows. */
static tn_error *draw_timed(tn_context *c, tn_graph *g, tn_options *options, tn_tensor **in, const show_settings *s) {
    picture x = {.context = c, .graphs = cli_graphs_of(g)};
    cli_numbering numbers;
    tn_error *e = cli_graphs_number(&x.graphs, &numbers);
    if (!e) e = profile(g, options, in, s, &x.launches, take_rows, &x);
    cli_graphs_unnumber(&x.graphs, &numbers);
    if (!e) put_picture(g, &x.launches, s);
    cli_launches_free(&x.launches);
    cli_graphs_free(&x.graphs);
    return e;
}

/* ---- the verb ------------------------------------------------------------------------------------------------ */

static tn_error *show_kernels(tn_context *context, const tn_graph *graph, const tn__device_config *config, const show_settings *s) {
    char *text = NULL;
    json_t *json = NULL;
    if (!strcmp(s->format, "json")) {
        TN__TRY(show_program_json(config, graph, &json));
        cli_print_json(json);
        return NULL;
    }
    TN__TRY(s->kernel >= 0 ? show_kernel_text(config, graph, s->kernel, s->assembly, &text) : show_program_text(config, graph, &text));
    fputs(text, stdout);
    tn__strfree(&context->allocator, text);
    return NULL;
}

static bool is_picture(const show_settings *s) { return !strcmp(s->format, "dot") || !strcmp(s->format, "svg") || !strcmp(s->format, "html"); }

static tn_error *show_graph(tn_context *context, tn_graph *graph, const show_settings *s) {
    if (!strcmp(s->format, "text")) return show_text(context, graph, s->full);
    if (is_picture(s)) put_picture(graph, NULL, s);
    else cli_print_json(cli_graph_to_json(graph));
    return NULL;
}

/* What the device compiles at a call with these inputs: all shapes known, shape arithmetic folded. */
static tn_error *show_compiled(tn_context *context, const tn_graph *graph, tn_options *options, tn_tensor **in, const show_settings *s) {
    tn__settings *settings;
    tn_graph *special = NULL, *after = NULL;
    bool kernels = s->kernel >= 0 || pass_kind_of(s->after) == LOWER_PASS;
    TN__TRY(show_settings_create(context, options, &settings));
    tn_error *e = cli_graph_specialise(graph, in, &special);
    if (!e && kernels && is_picture(s)) e = draw_program(context, graph, special, options, settings, in, s);
    else if (!e && kernels) e = show_kernels(context, special, &settings->config, s);
    else if (!e && !(e = show_check_static(context, special)) &&
             !(e = tn__passes_run(special, settings->config.disabled_passes, s->after, NULL, &after)))
        e = show_graph(context, after, s);
    tn_graph_release(after);
    tn_graph_release(special);
    tn__settings_release(settings);
    return e;
}

/* The model's own graph, or with inputs that of their shapes: what a bridge would give to the partitioner. */
static tn_error *show_partition(tn_context *context, tn_graph *graph, tn_tensor **in, const show_settings *s) {
    tn_graph *special = NULL;
    cli_launches clusters = {0};
    tn_error *e = in ? cli_graph_specialise(graph, in, &special) : NULL;
    tn_graph *g = special ? special : graph;
    if (!e) e = cli_partition_create(context, g, s->target.device, s->disabled_ops, &clusters);
    if (!e && is_picture(s)) put_picture(g, &clusters, s);
    else if (!e && !strcmp(s->format, "json")) {
        json_t *json = cli_graph_to_json(g);
        cli_partition_add_json(g, &clusters, json);
        cli_print_json(json);
    } else if (!e) cli_partition_print(g, &clusters);
    cli_launches_free(&clusters);
    tn_graph_release(special);
    return e;
}

static tn_error *show(tn_context *context, const char *path, show_settings *s) {
    tn_graph *graph;
    tn_options *options = NULL;
    tn_tensor **in = NULL;
    TN__TRY(cli_graph_load(context, path, &graph));
    bool compiled = s->after || s->kernel >= 0;
    tn_error *e = NULL;
    if (compiled || s->time) e = show_options_create(context, &s->target, s->after, &options);
    if (!e && (compiled || s->time || s->inputs.dims.count || s->inputs.inputs.count)) {
        s->inputs.missing_random = true;
        s->inputs.model_path = path;
        e = cli_inputs_make(context, graph, &s->inputs, &in);
    }
    if (!e && s->partition) e = show_partition(context, graph, in, s);
    else if (!e && compiled) e = show_compiled(context, graph, options, in, s);
    else if (!e) e = s->time ? draw_timed(context, graph, options, in, s) : show_graph(context, graph, s);
    cli_tensors_release(in, in ? tn_graph_get_input_count(graph) : 0);
    tn_options_release(options);
    tn_graph_release(graph);
    return e;
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
        {"partition", CLI_FLAG, &s.partition, NULL, "clusters that a bridge would have compiled, and why the other nodes stay"},
        {"disabled-ops", CLI_TEXT, &s.disabled_ops, "A,B", "with --partition: ops that stay"},
        {"time", CLI_FLAG, &s.time, NULL, "svg, html: run the model and show the time of each launch"},
        {"seconds", CLI_REAL, &s.seconds, "S", "with --time: run for this long (1)"},
        CLI_INPUT_OPTIONS(&s.inputs),
        CLI_TARGET_OPTIONS(&s.target),
        {"json", CLI_FLAG, &json, NULL, "the same as --format json"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (json) s.format = "json";
    bool json_asked = !strcmp(s.format, "json");
    bool picture = is_picture(&s), dot = !strcmp(s.format, "dot");
    if (code < 0 && !json_asked && !picture && strcmp(s.format, "text"))
        code = cli_usage("show: --format wants text, dot, svg, html or json, found '%s'", s.format);
    if (code < 0 && operands.count != 1) code = cli_usage("show wants one model file, found %zu", operands.count);
    if (code < 0 && s.after && pass_kind_of(s.after) == NO_PASS) {
        static const char names[] = ""
#define TN_PASS(pass, kind, help) " " #pass
#include "pass/passes.def"
            ;
        code = cli_usage("show: no pass '%s'; there are%s", s.after, names);
    }
    bool runs = s.after || s.kernel >= 0 || s.time;
    if (code < 0 && s.partition && runs) code = cli_usage("show: --partition is shown alone, found %s", s.time ? "--time" : s.after ? "--after" : "--kernel");
    if (code < 0 && s.disabled_ops && !s.partition) code = cli_usage("show: --disabled-ops wants --partition");
    if (code < 0 && s.inputs.dims.count && !runs && !s.partition) code = cli_usage("show: --dim wants --after, --kernel, --time or --partition");
    if (code < 0 && s.inputs.inputs.count && !runs && !s.partition) code = cli_usage("show: --input wants --after, --kernel, --time or --partition");
    if (code < 0 && s.partition && (s.target.threads || s.target.config || s.target.settings.count))
        code = cli_usage("show: --partition takes no options of the library but --device");
    if (code < 0 && !runs && !s.partition && (s.target.device || s.target.threads || s.target.config || s.target.settings.count))
        code = cli_usage("show: options of the library want --after, --kernel or --time");
    if (code < 0 && s.kernel >= 0 && (picture || json_asked)) code = cli_usage("show: --kernel prints text only");
    if (code < 0 && dot && s.after && pass_kind_of(s.after) == LOWER_PASS)
        code = cli_usage("show: kernels (--after %s) are shown as text, JSON, svg or html, found dot", s.after);
    if (code < 0 && s.time && (!picture || dot)) code = cli_usage("show: --time wants --format svg or html, found %s", s.format);
    if (code < 0 && s.time && s.after && pass_kind_of(s.after) == GRAPH_PASS)
        code = cli_usage("show: --time wants no --after, or one that shows kernels, found %s", s.after);
    if (code < 0 && s.assembly && s.kernel < 0) code = cli_usage("show: --asm wants --kernel K");
    if (code < 0) {
        tn_context *context;
        tn_error *e = cli_context_create(&s.target.limits, &context);
        bool made = !e;
        if (!e) e = show(context, operands.items[0], &s);
        code = e ? cli_fail_error(e) : CLI_OK;
        if (made) tn_context_release(context);
    }
    cli_target_free(&s.target);
    cli_inputs_free(&s.inputs);
    cli_texts_free(&operands);
    return code;
}
