/* Checks whole models on one device.
 *
 * usage: check_models [--light FOLDER] [--only NAME] outputs|bits|topologies DEVICE FOLDER
 *   outputs  the stored outputs come out, to rtol 1e-3 and atol 1e-3 (inception_v1, whose logits reach 1155: 2e-2)
 *   bits     the same bits come out with 1, 2, 3 and 7 threads, run after run, and for eight callers at once
 *   topologies  FOLDER has light_NAME.onnx, whose weights are all equal, and light_NAME_output_0.pb: the output for an input of
 *            0, 1/n, 2/n ... comes out to rtol 1e-3
 *   FOLDER   of the others has a folder NAME with model.onnx and test_data_set_0 for each model; with --light, NAME/output_0.pb, an input_0.pb for all,
 *            and the topologies are light_NAME.onnx
 * Exit code 77: FOLDER or the light folder is not here: skipped. */
#include <dirent.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/os_thread.h"
#include "seeded.h"

enum { MOST = 16, N_CALLERS = 8, SKIPPED = 77 };

static const char *light, *only, *device;
static bool check_bits, topologies;
static int n_models, n_failed;

typedef struct model {
    const char *name;
    tn_graph *graph;
    tn_tensor *in[MOST], *wanted[MOST]; /* wanted[0] NULL: no outputs are stored */
    uint32_t n_in, n_out;
} model;

static void fail(const model *m, const char *what, tn_error *e) {
    printf("FAIL %s: %s%s%s\n", m->name, what, e ? ": " : "", e ? tn_error_get_message(e) : "");
    tn_error_destroy(e);
    n_failed++;
}

static void release(tn_tensor **t, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) tn_tensor_release(t[i]), t[i] = NULL;
}

/* ---- loading ------------------------------------------------------------------------------------------------- */

static tn_error *load_tensors(tn_context *c, const char *folder, const char *stem, uint32_t n, tn_tensor **out) {
    for (uint32_t i = 0; i < n; i++) {
        char path[1200];
        snprintf(path, sizeof path, "%s/%s_%u.pb", folder, stem, i);
        TN__TRY(tn_onnx_load_tensor(c, path, &out[i]));
    }
    return NULL;
}

static tn_error *load_topology(tn_context *c, const char *folder, model *m) {
    char path[1024];
    const int64_t *dims;
    snprintf(path, sizeof path, "%s/light_%s.onnx", folder, m->name);
    TN__TRY(tn_onnx_load_file(c, path, &m->graph));
    m->n_in = m->n_out = 1;
    if (tn_graph_get_input_count(m->graph) != 1 || tn_graph_get_output_count(m->graph) != 1)
        return TN__FAIL(NULL, UNSUPPORTED, "more than one input or output");
    int32_t rank = tn_graph_get_shape(m->graph, tn_graph_get_input(m->graph, 0), &dims);
    TN__TRY(tn_tensor_create(c, TN_DTYPE_f32, rank, dims, &m->in[0]));
    int64_t n = tn_tensor_get_elements(m->in[0]);
    for (int64_t i = 0; i < n; i++) ((float *)tn_tensor_get_data(m->in[0]))[i] = (float)i / (float)n;
    snprintf(path, sizeof path, "%s/light_%s_output_0.pb", folder, m->name);
    return tn_onnx_load_tensor(c, path, &m->wanted[0]);
}

static tn_error *load(tn_context *c, const char *folder, model *m) {
    char path[1024], data[1100];
    if (topologies) return load_topology(c, folder, m);
    snprintf(path, sizeof path, light ? "%s/light_%s.onnx" : "%s/%s/model.onnx", light ? light : folder, m->name);
    TN__TRY(light ? seeded_load(c, path, &m->graph) : tn_onnx_load_file(c, path, &m->graph));
    m->n_in = tn_graph_get_input_count(m->graph);
    m->n_out = tn_graph_get_output_count(m->graph);
    if (m->n_in > MOST || m->n_out > MOST) return TN__FAIL(NULL, UNSUPPORTED, "more than %d inputs or outputs", MOST);
    snprintf(path, sizeof path, "%s/%s", folder, m->name);
    snprintf(data, sizeof data, "%s/test_data_set_0", path);
    TN__TRY(load_tensors(c, light ? folder : data, "input", m->n_in, m->in));
    return load_tensors(c, light ? path : data, "output", m->n_out, m->wanted);
}

static tn_error *compile(const model *m, tn_context *c, const char *threads, tn_executable **out) {
    tn_options *o;
    *out = NULL;
    TN__TRY(tn_options_create(c, &o));
    tn_error *e = tn_options_set(o, "device", device);
    if (!e) e = tn_options_set(o, "threads", threads);
    if (!e) e = tn_compile(m->graph, o, out);
    tn_options_release(o);
    return e;
}

/* ---- checks -------------------------------------------------------------------------------------------------- */

static bool near(const model *m, const tn_tensor *found, const tn_tensor *wanted, char *text, size_t bytes) {
    double atol = topologies ? 1e-7 : !strcmp(m->name, "inception_v1") ? 2e-2 : 1e-3;
    if (tn_tensor_get_dtype(found) != TN_DTYPE_f32 || tn_tensor_get_bytes(found) != tn_tensor_get_bytes(wanted)) {
        snprintf(text, bytes, "%zu bytes of %s, wanted %zu", tn_tensor_get_bytes(found), tn_dtype_name(tn_tensor_get_dtype(found)),
                 tn_tensor_get_bytes(wanted));
        return false;
    }
    const float *f = tn_tensor_get_data(found), *w = tn_tensor_get_data(wanted);
    for (int64_t i = 0; i < tn_tensor_get_elements(found); i++) {
        if (fabs((double)f[i] - w[i]) <= atol + 1e-3 * fabs((double)w[i])) continue;
        snprintf(text, bytes, "element %lld is %.9g, wanted %.9g", (long long)i, (double)f[i], (double)w[i]);
        return false;
    }
    return true;
}

static void outputs(tn_context *c, model *m) {
    tn_executable *x;
    tn_tensor *out[MOST] = {0};
    char text[200];
    tn_error *e = compile(m, c, "0", &x);
    if (!e) e = tn_executable_run(x, m->in, m->n_in, out, m->n_out);
    if (e) fail(m, "run", e);
    for (uint32_t k = 0; !e && k < m->n_out; k++)
        if (!near(m, out[k], m->wanted[k], text, sizeof text)) fail(m, text, NULL);
    release(out, MOST);
    tn_executable_release(x);
}

static bool same(const model *m, tn_tensor **a, tn_tensor **b) {
    for (uint32_t k = 0; k < m->n_out; k++)
        if (tn_tensor_get_bytes(a[k]) != tn_tensor_get_bytes(b[k]) ||
            memcmp(tn_tensor_get_data(a[k]), tn_tensor_get_data(b[k]), tn_tensor_get_bytes(a[k])))
            return false;
    return true;
}

typedef struct caller {
    const model *m;
    tn_executable *x;
    tn_tensor **first;
    atomic_int *wrong;
} caller;

static void call(void *self) {
    const caller *c = self;
    for (int round = 0; round < 2; round++) {
        tn_tensor *out[MOST] = {0};
        tn_error *e = tn_executable_run(c->x, c->m->in, c->m->n_in, out, c->m->n_out);
        if (e || !same(c->m, out, c->first)) atomic_fetch_add(c->wrong, 1);
        tn_error_destroy(e);
        release(out, MOST);
    }
}

static void call_at_once(const model *m, tn_executable *x, tn_tensor **first) {
    tn__os_thread threads[N_CALLERS];
    atomic_int wrong = 0;
    caller c = {m, x, first, &wrong};
    int n = 0;
    while (n < N_CALLERS && tn__os_thread_start(&threads[n], call, &c)) n++;
    for (int i = 0; i < n; i++) tn__os_thread_join(&threads[i]);
    if (n < N_CALLERS) fail(m, "no thread could be started", NULL);
    if (atomic_load(&wrong)) fail(m, "eight callers at once do not get the bits of one", NULL);
}

static void bits(tn_context *c, model *m) {
    static const char *const threads[] = {"1", "2", "3", "7"};
    tn_tensor *first[MOST] = {0};
    for (int t = 0; t < 4; t++) {
        tn_executable *x;
        tn_error *e = compile(m, c, threads[t], &x);
        for (int round = 0; !e && round < 2; round++) {
            tn_tensor *out[MOST] = {0};
            if ((e = tn_executable_run(x, m->in, m->n_in, out, m->n_out))) break;
            if (!first[0]) memcpy(first, out, sizeof out);
            else {
                char text[80];
                snprintf(text, sizeof text, "other bits with %s threads in run %d", threads[t], round + 1);
                if (!same(m, out, first)) fail(m, text, NULL);
                release(out, MOST);
            }
        }
        if (e) fail(m, "run", e);
        else if (t == 1) call_at_once(m, x, first);
        tn_executable_release(x);
    }
    release(first, MOST);
}

static void check_model(const char *folder, const char *name) {
    tn_context *c;
    model m = {.name = name};
    tn_error *e = tn_context_create(NULL, &c);
    if (!e) e = load(c, folder, &m);
    if (e) fail(&m, "load", e);
    else if (check_bits) bits(c, &m);
    else outputs(c, &m);
    printf("%s\n", name);
    fflush(stdout);
    n_models++;
    release(m.in, MOST);
    release(m.wanted, MOST);
    tn_graph_release(m.graph);
    tn_context_release(c);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int check_all(const char *folder) {
    struct dirent **entries;
    struct stat s;
    int n = light && stat(light, &s) ? -1 : scandir(folder, &entries, NULL, by_name);
    if (n < 0) {
        printf("skipped: %s%s%s is not here (TENON_SHARED names another place)\n", folder, light ? " or " : "", light ? light : "");
        return SKIPPED;
    }
    for (int i = 0; i < n; i++) {
        char path[1024], name[256];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (topologies && sscanf(entries[i]->d_name, "light_%255[a-z0-9_].onnx", name) == 1 && strstr(entries[i]->d_name, ".onnx") &&
            (!only || !strcmp(only, name)))
            check_model(folder, name);
        else if (!topologies && entries[i]->d_name[0] != '.' && (!only || !strcmp(only, entries[i]->d_name)) && !stat(path, &s) && S_ISDIR(s.st_mode))
            check_model(folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("%d models on %s, %d failures\n", n_models, device, n_failed);
    return n_failed || !n_models;
}

int main(int argc, char **argv) {
    int i = 1;
    for (; i + 1 < argc && argv[i][0] == '-'; i += 2) {
        if (!strcmp(argv[i], "--light")) light = argv[i + 1];
        else if (!strcmp(argv[i], "--only")) only = argv[i + 1];
        else break;
    }
    if (argc - i != 3 || (strcmp(argv[i], "outputs") && strcmp(argv[i], "bits") && strcmp(argv[i], "topologies"))) {
        fprintf(stderr, "usage: check_models [--light FOLDER] [--only NAME] outputs|bits|topologies DEVICE FOLDER\n");
        return 2;
    }
    check_bits = !strcmp(argv[i], "bits");
    topologies = !strcmp(argv[i], "topologies");
    device = argv[i + 1];
    return check_all(argv[i + 2]);
}
