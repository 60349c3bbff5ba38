/* Large weights that lie unaligned in a file: copied into place only for those who read elements, and the same values for everyone. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os.h"
#include "expect.h"
#include "ir/graph.h"
#include "tenon/tenon.h"

enum { N = 40000 };
static tn_context *context;
static unsigned char bytes[N * 4 + 1];
static int freed;

static void count_free(void *self, void *data) {
    (void)self, (void)data;
    freed++;
}

static tn_tensor *make(void) {
    tn_tensor *t;
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 31 + (i >> 8));
    ok(tn__tensor_create_loose(context, TN_DTYPE_f32, 1, (int64_t[]){N}, bytes + 1, count_free, NULL, &t));
    return t;
}

static void test_on_demand(void **state) {
    freed = 0;
    tn_tensor *t = make(), *view;
    tn_graph *g;
    ok(tn_graph_create(context, "g", &g));
    tn_value v = tn_graph_constant(g, t);
    assert_ptr_equal(tn__constant_peek(g, v), t);
    assert_ptr_equal(tn__tensor_bytes(t), bytes + 1);
    assert_int_equal(atomic_load(&t->unsettled), TN__TENSOR_LOOSE);
    assert_ptr_equal(tn__constant_of(g, v), t); /* the door of those who read elements */
    assert_int_equal(atomic_load(&t->unsettled), TN__TENSOR_SETTLED);
    assert_int_equal((uintptr_t)t->data % 64, 0);
    assert_memory_equal(t->data, bytes + 1, N * 4);
    tn_graph_release(g);
    tn_tensor_release(t);
    assert_int_equal(freed, 1);
    t = make();
    assert_memory_equal(tn_tensor_get_data(t), bytes + 1, N * 4);
    tn_tensor_release(t);
    t = make();
    ok(tn__tensor_create_view(t, 2, (int64_t[]){N / 4, 4}, &view));
    tn_tensor_release(t);
    assert_memory_equal(view->data, bytes + 1, N * 4);
    tn_tensor_release(view);
    assert_int_equal(freed, 3);
}

static void *read_it(void *t) {
    unsigned char *data = tn_tensor_get_data(t);
    for (size_t i = 0; i < N * 4; i++)
        if (data[i] != bytes[i + 1]) return t;
    return NULL;
}

static void test_threads(void **state) {
    for (int round = 0; round < 20; round++) {
        tn_tensor *t = make();
        pthread_t threads[8];
        for (int i = 0; i < 8; i++) assert_int_equal(pthread_create(&threads[i], NULL, read_it, t), 0);
        for (int i = 0; i < 8; i++) {
            void *wrong;
            pthread_join(threads[i], &wrong);
            assert_null(wrong);
        }
        tn_tensor_release(t);
    }
}

/* y = relu(x) W + W2[0..]: W is packed, W2 read by an elementwise kernel. */
static tn_graph *graph(const char *name) {
    int64_t dims[2] = {200, 200}, rows[2] = {3, 200};
    tn_graph *g;
    tn_tensor *w[2];
    ok(tn_graph_create(context, name, &g));
    for (int k = 0; k < 2; k++) {
        ok(tn_tensor_create(context, TN_DTYPE_f32, 2, dims, &w[k]));
        for (int i = 0; i < 40000; i++) ((float *)tn_tensor_get_data(w[k]))[i] = (float)((i * 7 + k) % 101 - 50) / 64;
    }
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, rows), z = tn_graph_input(g, "z", TN_DTYPE_f32, 2, dims);
    tn_value c[2] = {tn_graph_constant(g, w[0]), tn_graph_constant(g, w[1])};
    tn_graph_output(g, "y", tn_graph_op(g, "matmul", (tn_value[]){x, c[0]}, 2, NULL, 0, 1));
    tn_graph_output(g, "s", tn_graph_op(g, "add", (tn_value[]){z, c[1]}, 2, NULL, 0, 1));
    ok(tn_graph_check(g));
    for (int k = 0; k < 2; k++) tn_tensor_release(w[k]);
    return g;
}

static void run(const tn_graph *g, const char *device, float *y, float *s) {
    tn_options *o;
    tn_executable *exe;
    tn_tensor *in[2], *out[2] = {NULL};
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_compile(g, o, &exe));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){3, 200}, &in[0]));
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){200, 200}, &in[1]));
    for (int i = 0; i < 600; i++) ((float *)tn_tensor_get_data(in[0]))[i] = (float)(i % 13) / 8;
    ok(tn_executable_run(exe, in, 2, out, 2));
    memcpy(y, tn_tensor_get_data(out[0]), 600 * sizeof *y);
    memcpy(s, tn_tensor_get_data(out[1]), 40000 * sizeof *s);
    for (int i = 0; i < 2; i++) tn_tensor_release(in[i]), tn_tensor_release(out[i]);
    tn_executable_release(exe), tn_options_release(o);
}

/* Names of four lengths put the weights at all four places of a word. */
static void test_files(void **state) {
    static float y[2][600], s[2][40000];
    static const char *const names[] = {"n", "nn", "nnn", "nnnn"}, *const devices[] = {"ref", "cpu"};
    for (int i = 0; i < 4; i++) {
        char path[] = "/tmp/tenon_loose_XXXXXX";
        int fd = mkstemp(path);
        assert_true(fd >= 0);
        close(fd);
        tn_graph *g = graph(names[i]), *back;
        ok(tn_onnx_save_file(g, path));
        ok(tn_onnx_load_file(context, path, &back));
        for (int d = 0; d < 2; d++) {
            run(g, devices[d], y[0], s[0]);
            for (int again = 0; again < 2; again++) { /* the second time after the first has put all in its place, or out of memory */
                run(back, devices[d], y[1], s[1]);
                assert_memory_equal(y[0], y[1], sizeof y[0]);
                assert_memory_equal(s[0], s[1], sizeof s[0]);
            }
        }
        tn_graph_release(g), tn_graph_release(back);
        unlink(path);
    }
}

static long resident_file_kib(void) {
    char line[128];
    long kib = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, "RssFile:", 8)) kib = strtol(line + 8, NULL, 10);
    if (f) fclose(f);
    return kib;
}

/* What is forgotten leaves the process' memory, and reads the same afterwards. */
static void test_forget(void **state) {
    enum { BYTES = 8 << 20 };
    char path[] = "/tmp/tenon_forget_XXXXXX";
    int fd = mkstemp(path);
    unsigned char *data = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++) data[i] = (unsigned char)(i * 7 + (i >> 12));
    assert_int_equal(write(fd, data, BYTES), BYTES);
    close(fd);
    const void *mapped;
    size_t n;
    ok(tn__os_map_file(&context->allocator, path, BYTES, &mapped, &n));
    unlink(path);
    assert_memory_equal(mapped, data, BYTES);
    long before = resident_file_kib();
    tn__os_forget((const char *)mapped + 1, BYTES - 1);
    long after = resident_file_kib();
    if (before >= 0) assert_true(before - after > BYTES / 1024 - 64);
    assert_memory_equal(mapped, data, BYTES);
    tn__os_forget(mapped, 100); /* no whole page */
    assert_memory_equal(mapped, data, BYTES);
    tn__os_unmap(mapped, n);
    free(data);
}

int main(void) {
    if (tn_context_create(NULL, &context)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_on_demand), cmocka_unit_test(test_threads), cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_forget)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
