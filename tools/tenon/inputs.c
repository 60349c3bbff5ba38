/* Where a model's inputs come from. */
#include "inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/context.h"
#include "base/dtype.h"
#include "base/os.h"
#include "image.h"
#include "npy.h"

void cli_tensors_release(tn_tensor **tensors, uint32_t n) {
    for (uint32_t i = 0; tensors && i < n; i++) tn_tensor_release(tensors[i]);
    free(tensors);
}

void cli_inputs_free(cli_inputs *spec) {
    cli_texts_free(&spec->inputs);
    cli_texts_free(&spec->dims);
}

const char *cli_type_text(const tn_graph *graph, tn_value value, char *buffer, size_t bytes) {
    const int64_t *dims;
    int32_t rank = tn_graph_get_shape(graph, value, &dims);
    size_t used = (size_t)snprintf(buffer, bytes, "%s[", tn_dtype_name(tn_graph_get_dtype(graph, value)));
    if (rank < 0 && used < bytes) used += (size_t)snprintf(buffer + used, bytes - used, "...");
    for (int32_t k = 0; k < rank && used < bytes; k++) {
        const char *symbol = tn_graph_get_symbol_name(graph, dims[k]), *comma = k ? "," : "";
        if (dims[k] >= 0) used += (size_t)snprintf(buffer + used, bytes - used, "%s%" PRId64, comma, dims[k]);
        else used += (size_t)snprintf(buffer + used, bytes - used, "%s%s", comma, symbol ? symbol : "?");
    }
    if (used < bytes) snprintf(buffer + used, bytes - used, "]");
    return buffer;
}

/* ---- shapes -------------------------------------------------------------------------------------------------- */

/* The --dim `name`=N speaks of a dimension that some input leaves open. */
static bool dim_exists(const tn_graph *g, const char *name, size_t length) {
    for (uint32_t i = 0; i < tn_graph_get_input_count(g); i++) {
        const int64_t *dims;
        int32_t rank = tn_graph_get_shape(g, tn_graph_get_input(g, i), &dims);
        for (int32_t k = 0; k < rank; k++) {
            if (dims[k] >= 0) continue;
            const char *symbol = tn_graph_get_symbol_name(g, dims[k]);
            char *axis = cli_printf("%s.%d", tn_graph_get_input_name(g, i), k);
            bool yes = (symbol && strlen(symbol) == length && !strncmp(symbol, name, length)) ||
                       (strlen(axis) == length && !strncmp(axis, name, length));
            free(axis);
            if (yes) return true;
        }
    }
    return false;
}

/* " N, H, W": the symbols of the inputs, each once; cut where `bytes` ends. */
static void list_dims(const tn_graph *g, char *out, size_t bytes) {
    size_t at = 0;
    *out = 0;
    for (uint32_t i = 0; i < tn_graph_get_input_count(g); i++) {
        const int64_t *dims;
        int32_t rank = tn_graph_get_shape(g, tn_graph_get_input(g, i), &dims);
        for (int32_t k = 0; k < rank; k++) {
            const char *name = tn_graph_get_symbol_name(g, dims[k]);
            char item[80];
            if (!name || snprintf(item, sizeof item, "%s %s", at ? "," : "", name) >= (int)sizeof item) continue;
            const char *seen = strstr(out, name);
            size_t length = strlen(name);
            if ((seen && (seen[length] == ',' || !seen[length]) && seen[-1] == ' ') || at + strlen(item) >= bytes) continue;
            memcpy(out + at, item, strlen(item) + 1);
            at += strlen(item);
        }
    }
}

static tn_error *check_dim_option(tn_context *c, const tn_graph *g, const char *text) {
    int64_t ignored;
    const char *equals = strrchr(text, '=');
    if (!equals || !cli_parse_count(equals + 1, &ignored))
        return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "--dim wants NAME=N, found '%s'", text);
    if (dim_exists(g, text, (size_t)(equals - text))) return NULL;
    char names[200];
    list_dims(g, names, sizeof names);
    return TN__FAIL(&c->allocator, NOT_FOUND, "the model's inputs have no dimension '%.*s'; %s%s", (int)(equals - text), text,
                    *names ? "there are" : "all are sizes", names);
}

/* Value of --dim `name`=N; false when it is not given. */
static bool dim_given(const cli_inputs *spec, const char *name, int64_t *out) {
    size_t n = strlen(name);
    for (size_t i = 0; i < spec->dims.count; i++) {
        const char *text = spec->dims.items[i];
        if (!strncmp(text, name, n) && text[n] == '=' && cli_parse_count(text + n + 1, out)) return true;
    }
    return false;
}

/* The dimensions of input `index`; those that are not known are taken from --dim, else stay negative. */
static tn_error *input_dims(tn_context *c, const tn_graph *g, uint32_t index, const cli_inputs *spec, int32_t *rank, int64_t *dims) {
    const int64_t *declared;
    const char *name = tn_graph_get_input_name(g, index);
    *rank = tn_graph_get_shape(g, tn_graph_get_input(g, index), &declared);
    if (*rank < 0 || *rank > TN_MAX_RANK)
        return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "input '%s' has no known rank; give it as a file", name);
    for (int32_t k = 0; k < *rank; k++) {
        const char *symbol = tn_graph_get_symbol_name(g, declared[k]);
        dims[k] = declared[k];
        if (dims[k] >= 0) continue;
        char *axis = cli_printf("%s.%d", name, k);
        if (!dim_given(spec, axis, &dims[k]) && symbol) dim_given(spec, symbol, &dims[k]);
        free(axis);
    }
    return NULL;
}

static tn_error *check_dims(tn_context *c, const tn_graph *g, uint32_t index, int32_t rank, const int64_t *dims) {
    const int64_t *declared;
    const char *name = tn_graph_get_input_name(g, index);
    tn_graph_get_shape(g, tn_graph_get_input(g, index), &declared);
    for (int32_t k = 0; k < rank; k++) {
        if (dims[k] >= 0) continue;
        const char *symbol = tn_graph_get_symbol_name(g, declared[k]);
        if (symbol) return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "input '%s' wants a size for '%s': --dim %s=SIZE", name, symbol, symbol);
        return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "input '%s' wants a size for axis %d: --dim %s.%d=SIZE", name, k, name, k);
    }
    return NULL;
}

/* ---- sources ------------------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Floats in [-1, 1); integers and bool 0 or 1, so that they are legal as indices, lengths and masks almost everywhere. */
static tn_error *make_numbers(tn_context *c, const tn_graph *g, uint32_t index, const cli_inputs *spec, bool random, tn_tensor **out) {
    int32_t rank;
    int64_t dims[TN_MAX_RANK];
    TN__TRY(input_dims(c, g, index, spec, &rank, dims));
    TN__TRY(check_dims(c, g, index, rank, dims));
    tn_dtype dtype = tn_graph_get_dtype(g, tn_graph_get_input(g, index));
    TN__TRY(tn_tensor_create(c, dtype, rank, dims, out));
    if (!random || dtype == TN_DTYPE_string) return NULL;
    uint64_t state = 0x7e4012 + index;
    void *data = tn_tensor_get_data(*out);
    for (int64_t i = 0, n = tn_tensor_get_elements(*out); i < n; i++) {
        uint64_t bits = next_random(&state);
        if (tn__dtype_is_float(dtype)) tn__store_f64(dtype, data, i, (double)(bits >> 40) * 0x1p-23 - 1);
        else tn__store_i64(dtype, data, i, (int64_t)(bits >> 63));
    }
    return NULL;
}

static tn_error *parse_triple(tn_context *c, const char *option, const char *text, double *out) {
    if (!text) return NULL;
    double x[3];
    char rest;
    int n = sscanf(text, "%lf,%lf,%lf%c", &x[0], &x[1], &x[2], &rest);
    if (n != 3 && !(n == 1 && sscanf(text, "%lf%c", &x[0], &rest) == 1))
        return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "--%s wants one or three numbers A,B,C, found '%s'", option, text);
    for (int k = 0; k < 3; k++) out[k] = x[n == 3 ? k : 0];
    return NULL;
}

static bool channels(int64_t n) { return n == 1 || n == 3; }

static tn_error *picture_tensor(tn_context *c, const tn_graph *g, uint32_t index, const cli_inputs *spec, const cli_image *image,
                                tn_tensor **out) {
    const tn_allocator *a = &c->allocator;
    const char *name = tn_graph_get_input_name(g, index);
    tn_dtype dtype = tn_graph_get_dtype(g, tn_graph_get_input(g, index));
    int32_t rank;
    int64_t dims[TN_MAX_RANK];
    TN__TRY(input_dims(c, g, index, spec, &rank, dims));
    char type[200];
    cli_type_text(g, tn_graph_get_input(g, index), type, sizeof type);
    if (rank < 3 || rank > 4 || dtype == TN_DTYPE_string)
        return TN__FAIL(a, SHAPE_MISMATCH, "input '%s' is %s, a picture wants [N,C,H,W], [N,H,W,C], [C,H,W] or [H,W,C]", name, type);
    cli_pixel_map map = {.scale = spec->scale >= 0 ? spec->scale : tn__dtype_is_float(dtype) ? 1 : 255, .std = {1, 1, 1}};
    TN__TRY(parse_triple(c, "mean", spec->mean, map.mean));
    TN__TRY(parse_triple(c, "std", spec->std, map.std));
    for (int k = 0; k < 3; k++)
        if (!isfinite(map.mean[k]) || !isfinite(map.std[k]) || map.std[k] == 0)
            return TN__FAIL(a, INVALID_ARGUMENT, "--mean and --std want finite numbers, --std none that is 0; found mean %g and std %g",
                            map.mean[k], map.std[k]);
    int64_t *d = dims + rank - 3;
    map.blue_first = spec->channels && !strcmp(spec->channels, "bgr");
    if (spec->channels && !map.blue_first && strcmp(spec->channels, "rgb"))
        return TN__FAIL(a, INVALID_ARGUMENT, "--channels wants rgb or bgr, found '%s'", spec->channels);
    if (spec->layout) {
        if (strcmp(spec->layout, "nchw") && strcmp(spec->layout, "nhwc"))
            return TN__FAIL(a, INVALID_ARGUMENT, "--picture-layout wants nchw or nhwc, found '%s'", spec->layout);
        map.channels_last = !strcmp(spec->layout, "nhwc");
    } else {
        map.channels_last = !channels(d[0]) && channels(d[2]);
    }
    int64_t *channel = map.channels_last ? &d[2] : &d[0], *height = map.channels_last ? &d[0] : &d[1], *width = height + 1;
    if (*channel < 0) *channel = 3;
    if (*height < 0) *height = image->height;
    if (*width < 0) *width = image->width;
    if (rank == 4 && dims[0] < 0) dims[0] = 1;
    if (!channels(*channel) || *height < 1 || *width < 1)
        return TN__FAIL(a, SHAPE_MISMATCH, "input '%s' is %s, a picture has 1 or 3 channels; see --picture-layout and --dim", name, type);
    TN__TRY(tn_tensor_create(c, dtype, rank, dims, out));
    for (int64_t n = 0; n < (rank == 4 ? dims[0] : 1); n++)
        cli_image_store(image, &map, *channel, *height, *width, *out, n * *channel * *height * *width);
    return NULL;
}

tn_error *cli_tensor_load(tn_context *context, const char *path, tn_tensor **out_tensor) {
    char *data;
    size_t bytes;
    *out_tensor = NULL;
    TN__TRY(tn__os_read_file(&context->allocator, path, context->limits.max_bytes, &data, &bytes));
    bool npy = bytes >= 6 && !memcmp(data, "\x93NUMPY", 6);
    tn_error *e = npy ? cli_npy_parse(context, path, data, bytes, out_tensor) : NULL;
    tn__free(&context->allocator, data, bytes + 1);
    return npy ? e : tn__error_prefix(tn_onnx_load_tensor(context, path, out_tensor), "neither .npy nor a picture, and no TensorProto");
}

static tn_error *load_input(tn_context *c, const tn_graph *g, uint32_t index, const cli_inputs *spec, const char *path, tn_tensor **out) {
    char *data;
    size_t bytes;
    TN__TRY(tn__os_read_file(&c->allocator, path, c->limits.max_bytes, &data, &bytes));
    bool picture = cli_image_is(data, bytes);
    cli_image image = {0};
    tn_error *e = picture ? cli_image_decode(c, path, data, bytes, &image) : NULL;
    tn__free(&c->allocator, data, bytes + 1);
    if (!e && picture) e = picture_tensor(c, g, index, spec, &image, out);
    free(image.pixels);
    if (e || picture) return e;
    TN__TRY(cli_tensor_load(c, path, out));
    tn_dtype wanted = tn_graph_get_dtype(g, tn_graph_get_input(g, index)), found = tn_tensor_get_dtype(*out);
    if (wanted == found) return NULL;
    return TN__FAIL(&c->allocator, TYPE_MISMATCH, "%s holds %s, input '%s' wants %s", path, tn_dtype_name(found),
                    tn_graph_get_input_name(g, index), tn_dtype_name(wanted));
}

/* ---- all inputs ---------------------------------------------------------------------------------------------- */

/* The graph input that `text` names, and what stands after the `=`. */
static tn_error *match_input(tn_context *c, const tn_graph *g, const char *text, uint32_t *out_index, const char **out_source) {
    uint32_t n = tn_graph_get_input_count(g);
    for (uint32_t i = 0; i < n; i++) {
        const char *name = tn_graph_get_input_name(g, i);
        size_t length = strlen(name);
        if (strncmp(text, name, length) || text[length] != '=') continue;
        *out_index = i;
        *out_source = text + length + 1;
        return NULL;
    }
    if (n == 1 && !strchr(text, '=')) {
        *out_index = 0;
        *out_source = text;
        return NULL;
    }
    const char **names = cli_alloc((n + 1) * sizeof *names);
    for (uint32_t i = 0; i < n; i++) names[i] = tn_graph_get_input_name(g, i);
    char *given = cli_printf("%.*s", (int)strcspn(text, "="), text);
    const char *near = cli_nearest(given, names, n);
    tn_error *e = TN__FAIL(&c->allocator, NOT_FOUND, "the model has no input '%s'%s%s%s", given, near ? "; did you mean '" : "",
                           near ? near : "", near ? "'?" : "");
    free(given);
    free(names);
    return e;
}

static tn_error *missing_inputs(tn_context *c, const tn_graph *g, tn_tensor **tensors) {
    char list[2048] = "", type[200];
    size_t used = 0;
    for (uint32_t i = 0; i < tn_graph_get_input_count(g); i++) {
        if (tensors[i] || used >= sizeof list) continue;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s %s", used ? ", " : "", tn_graph_get_input_name(g, i),
                                 cli_type_text(g, tn_graph_get_input(g, i), type, sizeof type));
    }
    return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "inputs not given: %s (--input NAME=FILE, NAME=random or NAME=zeros)", list);
}

static char *beside_model(const char *model_path, uint32_t index) {
    const char *slash = strrchr(model_path, '/');
    int n = slash ? (int)(slash - model_path) + 1 : 0;
    char *path = cli_printf("%.*stest_data_set_0/input_%u.pb", n, model_path, index);
    struct stat s;
    if (stat(path, &s) == 0) return path;
    free(path);
    return NULL;
}

static tn_error *fill_missing(tn_context *c, const tn_graph *g, const cli_inputs *spec, uint32_t index, tn_tensor **out) {
    char *path = spec->model_path && !spec->dims.count ? beside_model(spec->model_path, index) : NULL;
    tn_error *e = path ? cli_tensor_load(c, path, out) : make_numbers(c, g, index, spec, true, out);
    free(path);
    return e;
}

tn_error *cli_inputs_make(tn_context *context, const tn_graph *graph, const cli_inputs *spec, tn_tensor ***out_tensors) {
    uint32_t n = tn_graph_get_input_count(graph), missing = 0;
    tn_tensor **tensors = cli_alloc(n * sizeof *tensors);
    tn_error *e = NULL;
    *out_tensors = NULL;
    for (size_t i = 0; !e && i < spec->dims.count; i++) e = check_dim_option(context, graph, spec->dims.items[i]);
    for (size_t i = 0; !e && i < spec->inputs.count; i++) {
        uint32_t index = 0;
        const char *source = "";
        e = match_input(context, graph, spec->inputs.items[i], &index, &source);
        if (e) break;
        if (tensors[index]) e = TN__FAIL(&context->allocator, INVALID_ARGUMENT, "input '%s' is given twice", tn_graph_get_input_name(graph, index));
        else if (!strcmp(source, "random") || !strcmp(source, "zeros"))
            e = make_numbers(context, graph, index, spec, !strcmp(source, "random"), &tensors[index]);
        else e = load_input(context, graph, index, spec, source, &tensors[index]);
    }
    for (uint32_t i = 0; !e && i < n; i++) {
        if (tensors[i]) continue;
        if (spec->missing_random) e = fill_missing(context, graph, spec, i, &tensors[i]);
        else missing++;
    }
    if (!e && missing) e = missing_inputs(context, graph, tensors);
    if (e) cli_tensors_release(tensors, n);
    else *out_tensors = tensors;
    return e;
}
