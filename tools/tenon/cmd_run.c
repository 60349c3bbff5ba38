/* tenon run: one call of a model; prints its outputs and writes them as .npy or .pb. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/dtype.h"
#include "base/error.h"
#include "compare.h"
#include "inputs.h"
#include "npy.h"

typedef struct run_settings {
    cli_target target;
    cli_inputs inputs;
    const char *output_dir, *output_format;
    int64_t top;
    bool json;
} run_settings;

typedef struct figures {
    double min, mean, max;
    int64_t n_nan;
} figures;

static figures measure(const tn_tensor *t) {
    figures f = {INFINITY, 0, -INFINITY, 0};
    int64_t n = tn_tensor_get_elements(t);
    for (int64_t i = 0; i < n; i++) {
        double x = tn__load_f64(tn_tensor_get_dtype(t), tn_tensor_get_data(t), i);
        if (isnan(x)) {
            f.n_nan++;
            continue;
        }
        if (x < f.min) f.min = x;
        if (x > f.max) f.max = x;
        f.mean += x;
    }
    if (n == f.n_nan) return (figures){NAN, NAN, NAN, n};
    f.mean /= (double)(n - f.n_nan);
    return f;
}

/* ---- the largest of the last axis ---------------------------------------------------------------------------- */

enum { ROWS_SHOWN = 16 };

/* Indices of the k largest of n elements from `first`, largest first; NaN counts as smallest, equal ones in order. */
static void find_top(const tn_tensor *t, int64_t first, int64_t n, int64_t k, int64_t *out) {
    tn_dtype d = tn_tensor_get_dtype(t);
    const void *data = tn_tensor_get_data(t);
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        double x = tn__load_f64(d, data, first + i);
        int64_t at = found;
        for (; at > 0; at--) {
            double y = tn__load_f64(d, data, first + out[at - 1]);
            if (!(x > y || (isnan(y) && !isnan(x)))) break;
            if (at < k) out[at] = out[at - 1];
        }
        if (at < k) out[at] = i;
        if (found < k) found++;
    }
}

static void print_top(const tn_tensor *t, int64_t k, json_t *json) {
    int32_t rank = tn_tensor_get_rank(t);
    int64_t n = rank ? tn_tensor_get_dims(t)[rank - 1] : 1;
    if (tn_tensor_get_dtype(t) == TN_DTYPE_string || n < 1) return;
    if (k > n) k = n;
    int64_t rows = tn_tensor_get_elements(t) / n, *top = cli_alloc((size_t)k * sizeof *top);
    json_t *list = json ? json_array() : NULL;
    for (int64_t r = 0; r < rows && (json || r < ROWS_SHOWN); r++) {
        find_top(t, r * n, n, k, top);
        json_t *row = json ? json_array() : NULL;
        if (!json) printf("  top of row %" PRId64 ":\n", r);
        for (int64_t i = 0; i < k; i++) {
            char text[100];
            cli_element_text(t, r * n + top[i], text, sizeof text);
            if (json) json_array_append_new(row, json_pack("{sI ss}", "index", (json_int_t)top[i], "value", text));
            else printf("    %6" PRId64 "  %s\n", top[i], text);
        }
        if (json) json_array_append_new(list, row);
    }
    if (json) json_object_set_new(json, "top", list);
    else if (rows > ROWS_SHOWN) printf("  (%" PRId64 " more rows)\n", rows - ROWS_SHOWN);
    free(top);
}

/* ---- outputs ------------------------------------------------------------------------------------------------- */

static void print_output(const char *name, const tn_tensor *t, const run_settings *s, json_t *list) {
    char dims[400], text[100];
    int64_t n = tn_tensor_get_elements(t), shown = n < 6 ? n : 6;
    bool numbers = tn_tensor_get_dtype(t) != TN_DTYPE_string && n > 0;
    figures f = numbers ? measure(t) : (figures){0};
    cli_dims_text(tn_tensor_get_rank(t), tn_tensor_get_dims(t), dims, sizeof dims);
    if (list) {
        json_t *shape = json_array(), *o;
        for (int32_t k = 0; k < tn_tensor_get_rank(t); k++)
            json_array_append_new(shape, json_integer(tn_tensor_get_dims(t)[k]));
        o = json_pack("{ss ss so}", "name", name, "dtype", tn_dtype_name(tn_tensor_get_dtype(t)), "shape", shape);
        if (numbers) {
            json_object_set_new(o, "min", cli_json_real(f.min));
            json_object_set_new(o, "mean", cli_json_real(f.mean));
            json_object_set_new(o, "max", cli_json_real(f.max));
            json_object_set_new(o, "nan", json_integer(f.n_nan));
        }
        if (s->top) print_top(t, s->top, o);
        json_array_append_new(list, o);
        return;
    }
    printf("%s %s%s", name, tn_dtype_name(tn_tensor_get_dtype(t)), dims);
    if (numbers) printf("  min %.6g  mean %.6g  max %.6g", f.min, f.mean, f.max);
    if (f.n_nan) printf("  NaN %" PRId64, f.n_nan);
    printf("\n ");
    for (int64_t i = 0; i < shown; i++) printf(" %s", cli_element_text(t, i, text, sizeof text));
    printf("%s\n", n > shown ? " ..." : "");
    if (s->top) print_top(t, s->top, NULL);
}

/* What a file name should not hold becomes '_'. */
static char *file_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    char *text = cli_printf("%.200s", name);
    for (char *p = text; *p; p++)
        if (!strchr(allowed, *p) || (p == text && *p == '.')) *p = '_';
    return text;
}

/* "DIR/name.npy"; the index tells names apart that are empty or became equal. */
static char *output_path(const tn_graph *graph, const run_settings *s, uint32_t index) {
    char *name = file_name(tn_graph_get_output_name(graph, index)), number[16] = "";
    bool clash = !*name;
    for (uint32_t i = 0; i < index && !clash; i++) {
        char *other = file_name(tn_graph_get_output_name(graph, i));
        clash = !strcmp(name, other);
        free(other);
    }
    if (clash) snprintf(number, sizeof number, "_%" PRIu32, index);
    char *path = cli_printf("%s/%s%s.%s", s->output_dir, name, number, s->output_format);
    free(name);
    return path;
}

/* All outputs, or none of them. */
static tn_error *write_outputs(tn_context *context, const tn_graph *graph, tn_tensor *const *out, const run_settings *s) {
    bool made = mkdir(s->output_dir, 0777) == 0, as_pb = !strcmp(s->output_format, "pb");
    if (!made && errno != EEXIST) return TN__FAIL(NULL, IO, "%s: %s", s->output_dir, strerror(errno));
    tn_error *e = NULL;
    uint32_t n = 0;
    for (; !e && n < tn_graph_get_output_count(graph); n++) {
        char *path = output_path(graph, s, n);
        e = as_pb ? tn_onnx_save_tensor(out[n], path) : cli_npy_save(context, out[n], path);
        free(path);
    }
    for (uint32_t i = 0; e && i + 1 < n; i++) {
        char *path = output_path(graph, s, i);
        unlink(path);
        free(path);
    }
    if (e && made) rmdir(s->output_dir);
    return e;
}

static void print_outputs(const tn_graph *graph, tn_tensor *const *out, const run_settings *s) {
    json_t *list = s->json ? json_array() : NULL;
    for (uint32_t i = 0; i < tn_graph_get_output_count(graph); i++) print_output(tn_graph_get_output_name(graph, i), out[i], s, list);
    if (s->json) cli_print_json(json_pack("{so}", "outputs", list));
}

static tn_error *run_model(tn_context *context, const char *path, const run_settings *s) {
    tn_options *options = NULL;
    tn_graph *graph = NULL;
    tn_executable *executable = NULL;
    tn_tensor **in = NULL, **out = NULL;
    tn_error *e = cli_options_create(context, &s->target, &options);
    if (!e) e = cli_graph_load(context, path, &graph);
    if (!e) e = cli_inputs_make(context, graph, &s->inputs, &in);
    cli_progress("compiling %s", path);
    if (!e) e = tn_compile(graph, options, &executable);
    uint32_t n_in = graph ? tn_graph_get_input_count(graph) : 0, n_out = graph ? tn_graph_get_output_count(graph) : 0;
    out = cli_alloc(n_out * sizeof *out);
    cli_progress("running %s", path);
    if (!e) e = tn_executable_run(executable, in, n_in, out, n_out);
    cli_progress_end();
    if (!e && s->output_dir) e = write_outputs(context, graph, out, s);
    if (!e) print_outputs(graph, out, s);
    cli_tensors_release(in, n_in);
    cli_tensors_release(out, n_out);
    if (executable) tn_executable_release(executable);
    if (graph) tn_graph_release(graph);
    if (options) tn_options_release(options);
    return e;
}

int cli_cmd_run(const cli_verb *verb, int argc, char **argv) {
    run_settings s = {.inputs.scale = -1, .output_format = "npy"};
    const cli_option options[] = {
        CLI_INPUT_OPTIONS(&s.inputs),
        {"output-dir", CLI_TEXT, &s.output_dir, "DIR", "write each output there as NAME.npy"},
        {"output-format", CLI_TEXT, &s.output_format, "npy|pb", "what --output-dir writes: NumPy arrays or ONNX TensorProtos (npy)"},
        {"top", CLI_COUNT, &s.top, "K", "list the K largest of the last axis"},
        CLI_TARGET_OPTIONS(&s.target),
        {"json", CLI_FLAG, &s.json, NULL, "print JSON"},
        {0}};
    cli_texts operands = {0};
    int code = cli_parse(verb, options, argc, argv, &operands);
    if (code < 0 && operands.count != 1) code = cli_usage("run wants one model file, found %zu", operands.count);
    if (code < 0 && strcmp(s.output_format, "npy") && strcmp(s.output_format, "pb"))
        code = cli_usage("run: --output-format wants npy or pb, found '%s'", s.output_format);
    tn_context *context = NULL;
    if (code < 0) {
        tn_error *e = cli_context_create(&s.target.limits, &context);
        if (!e) e = run_model(context, operands.items[0], &s);
        code = e ? cli_fail_error(e) : CLI_OK;
    }
    if (context) tn_context_release(context);
    cli_inputs_free(&s.inputs);
    cli_target_free(&s.target);
    cli_texts_free(&operands);
    return code;
}
