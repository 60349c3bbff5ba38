/* For the programs of this folder that load libtenon.so and reach it only through the table. */
#ifndef TN_ABI_LOADER_H
#define TN_ABI_LOADER_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tenon/api.h"

static inline void *open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) fail_msg("dlopen: %s", dlerror());
    return library;
}

/* [guide: load] */
static inline const tn_api *table_of(void *library) {
    tn_get_api_fn *get;
    *(void **)&get = dlsym(library, "tn_get_api"); /* POSIX's own spelling of this cast */
    assert_non_null(get);
    return get(TN_ABI_VERSION);
}

static inline void ok(const tn_api *api, tn_error *e) {
    if (e) fail_msg("%s", api->error_get_message(e));
}

/* relu(x w + b) of x [n, k] and w [k, m], with the values of `seed`, on `device`: builds, compiles, runs `runs` times, compares. */
static inline void run_graph(const tn_api *api, tn_context *context, const char *device, int64_t n, int64_t k, int64_t m, int seed, int runs) {
    tn_graph *g = NULL;
    tn_options *o = NULL;
    tn_executable *x = NULL;
    tn_tensor *in = NULL, *w = NULL, *b = NULL;
    ok(api, api->graph_create(context, "loaded", &g));
    ok(api, api->tensor_create(context, TN_DTYPE_f32, 2, (const int64_t[]){n, k}, &in));
    ok(api, api->tensor_create(context, TN_DTYPE_f32, 2, (const int64_t[]){k, m}, &w));
    ok(api, api->tensor_create(context, TN_DTYPE_f32, 1, (const int64_t[]){m}, &b));
    float *pi = api->tensor_get_data(in), *pw = api->tensor_get_data(w), *pb = api->tensor_get_data(b);
    for (int64_t i = 0; i < n * k; i++) pi[i] = (float)((i * 7 + seed) % 13 - 6);
    for (int64_t i = 0; i < k * m; i++) pw[i] = (float)((i * 5 + seed) % 11 - 5);
    for (int64_t i = 0; i < m; i++) pb[i] = (float)(seed % 5);
    tn_value v[2] = {api->graph_input(g, "x", TN_DTYPE_f32, 2, (const int64_t[]){n, k}), api->graph_constant(g, w)};
    v[0] = api->graph_op(g, "matmul", v, 2, NULL, 0, 1);
    v[1] = api->graph_constant(g, b);
    v[0] = api->graph_op(g, "add", v, 2, NULL, 0, 1);
    api->graph_output(g, "y", api->graph_op(g, "relu", v, 1, NULL, 0, 1));
    ok(api, api->graph_check(g));
    ok(api, api->options_create(context, &o));
    ok(api, api->options_set(o, "device", device));
    ok(api, api->options_set(o, "cache", "off"));
    ok(api, api->options_set(o, "threads", "2"));
    ok(api, api->compile(g, o, &x));
    api->graph_release(g);
    api->options_release(o);
    for (int r = 0; r < runs; r++) {
        tn_tensor *out = NULL;
        ok(api, api->executable_run(x, &in, 1, &out, 1));
        const float *y = api->tensor_get_data(out);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < m; j++) { /* small whole numbers: exact in any order */
                float sum = pb[j];
                for (int64_t l = 0; l < k; l++) sum += pi[i * k + l] * pw[l * m + j];
                assert_true(y[i * m + j] == (sum > 0 ? sum : 0));
            }
        api->tensor_release(out);
    }
    api->executable_release(x);
    api->tensor_release(in);
    api->tensor_release(w);
    api->tensor_release(b);
}
#endif
