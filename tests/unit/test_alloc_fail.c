/* Building or importing, compiling and running with an allocator whose n-th allocation fails, for every n: each failure is an error that
 * names it or harmless, nothing crashes, and every byte comes back. LLVM's own memory is not the context's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "onnx/model_writer.h"
#include "tenon/tenon.h"

typedef struct failing {
    atomic_long count, live_bytes;
    long fail_at; /* the allocation that fails, from 1; 0: none */
} failing;

static void *failing_allocate(void *self, size_t bytes, size_t align) {
    failing *f = self;
    if (atomic_fetch_add(&f->count, 1) + 1 == f->fail_at) return NULL;
    void *memory = NULL;
    if (posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes)) return NULL;
    memset(memory, 0xa5, bytes); /* who trusts fresh memory to be zero is found here */
    atomic_fetch_add(&f->live_bytes, (long)bytes);
    return memory;
}

static void failing_deallocate(void *self, void *memory, size_t bytes) {
    atomic_fetch_sub(&((failing *)self)->live_bytes, (long)bytes);
    free(memory);
}

static tn_error *build(tn_context *context, tn_graph **out_graph) {
    tn_graph *g;
    tn_error *error = tn_graph_create(context, "small", &g);
    if (error) return error;
    tn_tensor *weight = NULL;
    error = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){3, 2}, &weight);
    if (!error) {
        float *w = tn_tensor_get_data(weight);
        for (int i = 0; i < 6; i++) w[i] = (float)i;
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){4, 3});
        tn_value w_value = tn_graph_constant(g, weight);
        tn_graph_set_current_source(g, "model.py:1");
        tn_value y = tn_graph_op(g, "matmul", (tn_value[]){x, w_value}, 2, NULL, 0, 1);
        tn_graph_set_current_source(g, "model.py:2");
        y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
        tn_attr alpha = {.name = "alpha", .kind = TN_ATTR_FLOAT, .f = 0.5};
        y = tn_graph_op(g, "leaky_relu", &y, 1, &alpha, 1, 1);
        y = tn_graph_op(g, "sigmoid", &y, 1, NULL, 0, 1);
        tn_graph_set_name(g, y, "probability");
        tn_graph_output(g, "y", y);
        error = tn_graph_check(g);
    }
    tn_tensor_release(weight);
    if (error) tn_graph_release(g);
    else *out_graph = g;
    return error;
}

/* A model with a symbolic batch: convolution, pooling, a call of the reference (top_k), a branch, a softmax. */
static void write_model(void) {
    enum { F32 = 1, I64 = 7, BOOL = 9 };
    static const float w[4 * 3 * 3 * 3] = {0.5f}, m[4 * 5] = {1};
    begin_model(&tn__allocator_malloc, 17);
    put_input("x", 4, (const int64_t[]){-1, 3, 6, 6});
    put_value(11, "c", 0, NULL, BOOL);
    put_initializer("w", F32, 4, (const int64_t[]){4, 3, 3, 3}, w, sizeof w);
    put_initializer("m", F32, 2, (const int64_t[]){4, 5}, m, sizeof m);
    put_initializer("k", I64, 1, (const int64_t[]){1}, (const int64_t[]){2}, 8);
    begin_node("Conv", "conv", (const char *const[]){"x", "w", NULL}, "a");
    put_attr_ints("pads", (const int64_t[]){1, 1, 1, 1}, 4);
    end_node();
    NODE("Relu", "b", "a");
    NODE("GlobalAveragePool", "p", "b");
    NODE("Flatten", "f", "p");
    NODE("MatMul", "l", "f", "m");
    NODE("Softmax", "s", "l");
    begin_node("TopK", "top", (const char *const[]){"s", "k", NULL}, "t");
    tn__wire_put_text(&out, 2, "i");
    end_node();
    begin_node("If", "choice", (const char *const[]){"c", NULL}, "y");
    size_t node = node_at;
    for (int b = 0; b < 2; b++) {
        size_t attr = tn__wire_begin(&out, 5);
        tn__wire_put_text(&out, 1, b ? "else_branch" : "then_branch");
        tn__wire_put_int(&out, 20, 5);
        size_t body = tn__wire_begin(&out, 6);
        NODE(b ? "Neg" : "Exp", "e", "t");
        put_output("e");
        tn__wire_end(&out, body);
        tn__wire_end(&out, attr);
    }
    tn__wire_end(&out, node);
    put_output("y");
    end_model();
}

typedef struct way {
    bool import;
    const char *device, *cache; /* cache: folder of compiled code, NULL: off */
    const char *watch;          /* folder for all that can be written of it; NULL: nothing is */
} way;

static tn_error *make_inputs(tn_context *context, const way *w, tn_tensor **x) {
    if (!w->import) return tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){4, 3}, &x[0]);
    tn_error *error = tn_tensor_create(context, TN_DTYPE_f32, 4, (int64_t[]){2, 3, 6, 6}, &x[0]);
    return error ? error : tn_tensor_create(context, TN_DTYPE_bool, 0, NULL, &x[1]);
}

static tn_error *whole_way(tn_context *context, const way *w) {
    tn_graph *graph = NULL;
    tn_options *options = NULL;
    tn_executable *executable = NULL;
    tn_tensor *x[2] = {NULL, NULL}, *y = NULL;
    tn_error *error = w->import ? tn_onnx_load_memory(context, out.data, out.bytes, &graph) : build(context, &graph);
    if (!error) error = tn_options_create(context, &options);
    if (!error) error = tn_options_set(options, "device", w->device);
    if (!error) error = tn_options_set(options, "threads", "2");
    if (!error) error = tn_options_set(options, "profile", "counters");
    if (!error) error = w->cache ? tn_options_set(options, "cache_dir", w->cache) : tn_options_set(options, "cache", "off");
    if (!error && w->watch) {
        char path[128];
        snprintf(path, sizeof path, "%s/t.json", w->watch);
        error = tn_options_set(options, "trace", path);
        if (!error) error = tn_options_set(options, "dump_graphs", w->watch);
    }
    if (!error) error = tn_compile(graph, options, &executable);
    if (!error) error = make_inputs(context, w, x);
    if (!error) error = tn_executable_run(executable, x, w->import ? 2 : 1, &y, 1);
    if (!error && !strcmp(w->device, "cpu")) {
        tn_profile *profile;
        error = tn_executable_get_profile(executable, &profile);
        if (!error) tn_profile_release(profile);
    }
    if (!error) { /* of zeros: sigmoid(0), or minus a fifth */
        float found = ((float *)tn_tensor_get_data(y))[0], wanted = w->import ? -0.2f : 0.5f;
        assert_true(found > wanted - 1e-6f && found < wanted + 1e-6f);
    }
    tn_tensor_release(y);
    tn_tensor_release(x[0]);
    tn_tensor_release(x[1]);
    tn_executable_release(executable);
    tn_options_release(options);
    tn_graph_release(graph);
    return error;
}

/* Returns the allocations made; *out_code is how it ended. */
static long run_failing(const way *w, long fail_at, tn_error_code *out_code) {
    failing f = {.fail_at = fail_at};
    const tn_allocator allocator = {sizeof allocator, &f, failing_allocate, failing_deallocate};
    const tn_context_options options = {.struct_size = sizeof options, .allocator = &allocator};
    tn_context *context = NULL;
    tn_error *error = tn_context_create(&options, &context);
    if (!error) error = whole_way(context, w);
    *out_code = tn_error_get_code(error);
    tn_error_destroy(error); /* before the allocator goes */
    tn_context_release(context);
    if (atomic_load(&f.live_bytes)) fail_msg("allocation %ld failed: %ld bytes never came back", fail_at, atomic_load(&f.live_bytes));
    return atomic_load(&f.count);
}

static void every_allocation(const way *w) {
    tn_error_code code;
    long total = run_failing(w, 0, &code);
    if (code != TN_OK) fail_msg("without a failing allocation: %s", tn_error_code_name(code));
    assert_true(total > 10);
    for (long n = 1; n <= total; n++) {
        run_failing(w, n, &code);
        if (code != TN_OK && code != TN_ERROR_OUT_OF_MEMORY)
            fail_msg("allocation %ld of %ld: error %s", n, total, tn_error_code_name(code));
    }
    print_message("%s on %s: %ld allocations, each failed once\n", w->import ? "a model" : "a graph", w->device, total);
}

static void test_build_ref(void **state) { every_allocation(&(way){.import = false, .device = "ref"}); }
static void test_import_ref(void **state) { every_allocation(&(way){.import = true, .device = "ref"}); }
static void test_build_cpu(void **state) { every_allocation(&(way){.import = false, .device = "cpu"}); }
static void test_import_cpu(void **state) { every_allocation(&(way){.import = true, .device = "cpu"}); }

static void test_import_cached(void **state) {
    char folder[] = "/tmp/tenon_alloc_XXXXXX", path[512];
    tn_error_code code;
    const way w = {.import = true, .device = "cpu", .cache = folder};
    assert_non_null(mkdtemp(folder));
    long cold = run_failing(&w, 0, &code);
    every_allocation(&w); /* with entries to be read; a run that fails may write some again */
    assert_true(cold > 0);
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, x->d_name);
        n += !unlink(path);
    }
    closedir(d);
    assert_int_equal(rmdir(folder), 0);
    assert_true(n > 0);
}

static void test_import_watched(void **state) {
    char folder[] = "/tmp/tenon_alloc_XXXXXX", command[64];
    assert_non_null(mkdtemp(folder));
    every_allocation(&(way){.import = true, .device = "cpu", .watch = folder});
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    write_model();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_build_ref), cmocka_unit_test(test_import_ref), cmocka_unit_test(test_build_cpu),
                                       cmocka_unit_test(test_import_cpu), cmocka_unit_test(test_import_cached),
                                       cmocka_unit_test(test_import_watched)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn__wire_out_deinit(&out);
    return failed;
}
