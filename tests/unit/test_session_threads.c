/* One executable run by several threads at once, each with its own sizes: results are right, and the thread sanitizer is silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "base/os_thread.h"
#include "tenon/tenon.h"

enum { N_THREADS = 4, N_ROUNDS = 40, N_SIZES = 5 };

typedef struct caller {
    tn_context *context;
    tn_executable *executable;
    int64_t first_size;
    atomic_int bad;
} caller;

/* relu(x + x) of a vector of n numbers i - 2. */
static bool run_one(caller *c, int64_t n) {
    tn_tensor *x = NULL, *y = NULL;
    tn_error *error = tn_tensor_create(c->context, TN_DTYPE_f32, 1, &n, &x);
    for (int64_t i = 0; !error && i < n; i++) ((float *)tn_tensor_get_data(x))[i] = (float)(i - 2);
    if (!error) error = tn_executable_run(c->executable, &x, 1, &y, 1);
    bool good = !error && tn_tensor_get_elements(y) == n;
    for (int64_t i = 0; good && i < n; i++) good = ((float *)tn_tensor_get_data(y))[i] == (float)(i > 2 ? 2 * (i - 2) : 0);
    tn_error_destroy(error);
    tn_tensor_release(y);
    tn_tensor_release(x);
    return good;
}

static void caller_main(void *self) {
    caller *c = self;
    for (int i = 0; i < N_ROUNDS; i++)
        if (!run_one(c, 1 + (c->first_size + i) % N_SIZES)) atomic_fetch_add(&c->bad, 1);
}

static void check_ok(tn_error *error) {
    if (error) fail_msg("%s", tn_error_get_message(error));
}

/* max_specialisations below the number of sizes: variants are thrown out while others run them. */
static void run_threads(const char *max_specialisations) {
    tn_context *context;
    tn_graph *graph;
    tn_options *options;
    tn_executable *executable;
    check_ok(tn_context_create(NULL, &context));
    check_ok(tn_graph_create(context, "shared", &graph));
    int64_t n = tn_graph_symbol(graph, "N");
    tn_value x = tn_graph_input(graph, "x", TN_DTYPE_f32, 1, &n);
    tn_value y = tn_graph_op(graph, "add", (tn_value[]){x, x}, 2, NULL, 0, 1);
    tn_graph_output(graph, "y", tn_graph_op(graph, "relu", &y, 1, NULL, 0, 1));
    check_ok(tn_options_create(context, &options));
    check_ok(tn_options_set(options, "device", "ref"));
    check_ok(tn_options_set(options, "max_specialisations", max_specialisations));
    check_ok(tn_compile(graph, options, &executable));
    tn_options_release(options);
    tn_graph_release(graph); /* the executable needs it no more */

    caller callers[N_THREADS];
    tn__os_thread threads[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        callers[i] = (caller){.context = context, .executable = executable, .first_size = i};
        assert_true(tn__os_thread_start(&threads[i], caller_main, &callers[i]));
    }
    for (int i = 0; i < N_THREADS; i++) tn__os_thread_join(&threads[i]);
    for (int i = 0; i < N_THREADS; i++) assert_int_equal(atomic_load(&callers[i].bad), 0);
    tn_executable_release(executable);
    tn_context_release(context);
}

static void test_all_variants_kept(void **state) { run_threads("16"); }
static void test_variants_thrown_out(void **state) { run_threads("2"); }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_variants_kept), cmocka_unit_test(test_variants_thrown_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
