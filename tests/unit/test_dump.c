/* Graphs as files: text form and ONNX come back to the same results; clusters go into a folder under harmless names. usage:
 * test_dump [FOLDER]: only writes a cluster, its input and its output there, for tests/cli/dump.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tenon/tenon.h"

static tn_context *context;
static char folder[] = "/tmp/tenon-dump-XXXXXX";

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}
static const char *in_folder(const char *name) {
    static char path[4][200];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static tn_tensor *numbers(int32_t rank, const int64_t *dims, uint32_t seed) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    float *x = tn_tensor_get_data(t);
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (float)(1 << 24) - 0.5f;
    }
    return t;
}

/* softmax(x w + b) of [N,40] with weights that only bits describe; `own`: with an op that ONNX lacks. */
static tn_graph *make_graph(const char *name, bool own) {
    tn_graph *g;
    const int64_t w_dims[] = {40, 30}, b_dims[] = {30};
    ok(tn_graph_create(context, name, &g));
    tn_tensor *w = numbers(2, w_dims, 1), *b = numbers(1, b_dims, 2);
    ((float *)tn_tensor_get_data(w))[7] = 1e-42f; /* denormal */
    ((float *)tn_tensor_get_data(b))[3] = -0.0f;
    int64_t x_dims[] = {tn_graph_symbol(g, "N"), 40};
    tn_value x = tn_graph_input(g, "x/in 0", TN_DTYPE_f32, 2, x_dims);
    tn_value y = tn_graph_op(g, "matmul", (tn_value[]){x, tn_graph_constant(g, w)}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "add", (tn_value[]){y, tn_graph_constant(g, b)}, 2, NULL, 0, 1);
    if (own) y = tn_graph_op(g, "reorder", &y, 1, NULL, 0, 1);
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = 1};
    tn_graph_output(g, "y", tn_graph_op(g, "softmax", &y, 1, &axis, 1, 1));
    ok(tn_graph_check(g));
    tn_tensor_release(w), tn_tensor_release(b);
    return g;
}

static tn_tensor *run(const tn_graph *g, tn_tensor *x) {
    tn_executable *executable;
    tn_options *options;
    tn_tensor *y = NULL;
    ok(tn_options_create(context, &options));
    ok(tn_options_set(options, "threads", "1"));
    ok(tn_compile(g, options, &executable));
    ok(tn_executable_run(executable, &x, 1, &y, 1));
    tn_executable_release(executable), tn_options_release(options);
    return y;
}

static void same(const tn_graph *a, const tn_graph *b) {
    tn_tensor *x = numbers(2, (int64_t[]){3, 40}, 3), *y = run(a, x), *z = run(b, x);
    assert_int_equal(tn_tensor_get_bytes(y), tn_tensor_get_bytes(z));
    assert_memory_equal(tn_tensor_get_data(y), tn_tensor_get_data(z), tn_tensor_get_bytes(y));
    tn_tensor_release(x), tn_tensor_release(y), tn_tensor_release(z);
}

static void test_save_and_load(void **state) {
    static const char *const names[] = {"g.tn", "g.onnx", "no ending"};
    tn_graph *g = make_graph("main", false);
    for (int i = 0; i < 3; i++) {
        tn_graph *back;
        ok(tn_graph_save(g, in_folder(names[i])));
        ok(tn_graph_load(context, in_folder(names[i]), &back));
        same(g, back);
        tn_graph_release(back);
    }
    tn_graph_release(g);
    g = make_graph("main", true);
    tn_graph *back;
    ok(tn_graph_save(g, in_folder("own.tn")));
    ok(tn_graph_load(context, in_folder("own.tn"), &back));
    char *a, *b;
    ok(tn_graph_print(g, &a));
    ok(tn_graph_print(back, &b));
    assert_string_equal(a, b);
    tn_text_free(context, a), tn_text_free(context, b);
    tn_error *e = tn_graph_save(g, in_folder("own.onnx"));
    assert_int_equal(tn_error_get_code(e), TN_ERROR_UNSUPPORTED);
    tn_error_destroy(e);
    assert_int_not_equal(access(in_folder("own.onnx"), F_OK), 0); /* nothing was written */
    tn_graph_release(back), tn_graph_release(g);
}

static void test_dump(void **state) {
    tn_graph *g = make_graph("../a cluster/of.mine", true), *back;
    tn_tensor *x = numbers(2, (int64_t[]){3, 40}, 3), *read;
    ok(tn_graph_dump(g, NULL, 1, &x, 1));
    ok(tn_graph_dump(g, "", 1, NULL, 0));
    ok(tn_graph_dump(g, in_folder("clusters/of/today"), 12, &x, 1)); /* makes them */
    ok(tn_graph_load(context, in_folder("clusters/of/today/___a_cluster_of_mine-12.tn"), &back));
    same(g, back);
    ok(tn_onnx_load_tensor(context, in_folder("clusters/of/today/___a_cluster_of_mine-12.x_in_0.pb"), &read));
    assert_memory_equal(tn_tensor_get_data(read), tn_tensor_get_data(x), tn_tensor_get_bytes(x));
    tn_tensor_release(read), tn_graph_release(back);
    ok(tn_graph_dump(g, in_folder("clusters"), 13, (tn_tensor *[]){NULL}, 1));
    assert_int_not_equal(access(in_folder("clusters/___a_cluster_of_mine-13.x_in_0.pb"), F_OK), 0);
    tn_graph_release(g), tn_tensor_release(x);
}

static void refused(tn_error *e, tn_error_code code) {
    if (tn_error_get_code(e) != code) fail_msg("%s: %s", tn_error_code_name(tn_error_get_code(e)), tn_error_get_message(e));
    tn_error_destroy(e);
}

static void test_hostile(void **state) {
    tn_graph *g = make_graph("g", false), *back = (tn_graph *)&context;
    refused(tn_graph_save(NULL, "x"), TN_ERROR_INVALID_ARGUMENT);
    refused(tn_graph_save(g, NULL), TN_ERROR_INVALID_ARGUMENT);
    refused(tn_graph_save(g, in_folder("not/there.tn")), TN_ERROR_IO);
    refused(tn_graph_load(context, in_folder("nothing"), &back), TN_ERROR_IO);
    assert_null(back);
    refused(tn_graph_load(context, folder, &back), TN_ERROR_IO);
    refused(tn_graph_load(NULL, "x", &back), TN_ERROR_INVALID_ARGUMENT);
    FILE *f = fopen(in_folder("bad.tn"), "w");
    assert_non_null(f);
    fputs("graph \"g\" { nonsense", f);
    fclose(f);
    refused(tn_graph_load(context, in_folder("bad.tn"), &back), TN_ERROR_PARSE);
    refused(tn_graph_dump(g, in_folder("bad.tn"), 0, NULL, 0), TN_ERROR_IO); /* a file, no folder */
    refused(tn_graph_dump(g, folder, 0, NULL, 1), TN_ERROR_INVALID_ARGUMENT);
    refused(tn_graph_dump(g, folder, 0, (tn_tensor *[]){NULL, NULL}, 2), TN_ERROR_INVALID_ARGUMENT);
    tn_value none = tn_graph_op(g, "no such op", NULL, 0, NULL, 0, 1); /* a graph with an error */
    assert_int_equal(none.id, 0);
    refused(tn_graph_save(g, in_folder("error.tn")), TN_ERROR_NOT_FOUND);
    tn_graph_release(g);
}

int main(int argc, char **argv) {
    if (tn_context_create(NULL, &context)) return 2;
    int failed = 0;
    if (argc > 1) {
        tn_graph *g = make_graph("cluster", true);
        tn_tensor *x = numbers(2, (int64_t[]){3, 40}, 3), *y = run(g, x);
        tn_error *e = tn_graph_dump(g, argv[1], 7, &x, 1);
        char path[400];
        snprintf(path, sizeof path, "%s/wanted.pb", argv[1]);
        if (!e) e = tn_onnx_save_tensor(y, path);
        if (e) fprintf(stderr, "%s\n", tn_error_get_message(e));
        failed = e != NULL;
        tn_error_destroy(e);
        tn_tensor_release(x), tn_tensor_release(y), tn_graph_release(g);
    } else {
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_save_and_load), cmocka_unit_test(test_dump), cmocka_unit_test(test_hostile)};
        if (!mkdtemp(folder)) return 2;
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        char command[100];
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        if (system(command)) failed = 2;
    }
    tn_context_release(context);
    return failed;
}
