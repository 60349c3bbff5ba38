/* With an allocator, a logger, threads and an abort check of the caller nothing else is used: the test replaces malloc and mmap of the whole
 * process and tells by the return address who calls. LLVM has its own memory while it compiles (see tn_allocator); everything before and
 * after, and our own code during that, has the caller's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "expect.h"
#include "tenon/tenon.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define REPLACED 0
#else
#define REPLACED 1
#endif

static atomic_bool armed;
static atomic_long n_all, n_ours; /* allocations while armed: of anybody, of the code in this executable, which has the library in it */

#if REPLACED
#define SEEN __attribute__((noinline)) /* or the return address would be the caller's */
extern const char __executable_start[], etext[];
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

static void count(const void *from) {
    if (!atomic_load(&armed)) return;
    atomic_fetch_add(&n_all, 1);
    if ((uintptr_t)from >= (uintptr_t)__executable_start && (uintptr_t)from < (uintptr_t)etext) atomic_fetch_add(&n_ours, 1);
}
SEEN void *malloc(size_t bytes) { return count(__builtin_return_address(0)), __libc_malloc(bytes); }
SEEN void *calloc(size_t n, size_t bytes) { return count(__builtin_return_address(0)), __libc_calloc(n, bytes); }
SEEN void *realloc(void *memory, size_t bytes) { return count(__builtin_return_address(0)), __libc_realloc(memory, bytes); }
SEEN void *memalign(size_t align, size_t bytes) { return count(__builtin_return_address(0)), __libc_memalign(align, bytes); }
SEEN void *aligned_alloc(size_t align, size_t bytes) { return count(__builtin_return_address(0)), __libc_memalign(align, bytes); }
SEEN int posix_memalign(void **out, size_t align, size_t bytes) {
    count(__builtin_return_address(0));
    return (*out = __libc_memalign(align, bytes)) ? 0 : ENOMEM;
}
SEEN void *mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset) {
    count(__builtin_return_address(0));
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, file, offset); /* NOLINT: as libc does */
}
static void *memory_of(size_t align, size_t bytes) { return __libc_memalign(align < 16 ? 16 : align, bytes); }
#else
static void *memory_of(size_t align, size_t bytes) {
    void *memory = NULL;
    return posix_memalign(&memory, align < 16 ? 16 : align, bytes) ? NULL : memory;
}
#endif

typedef struct caller {
    atomic_long n_allocations, live_bytes, n_messages, n_loops, n_bodies, n_checks;
} caller;

static void *allocate(void *self, size_t bytes, size_t align) {
    caller *c = self;
    atomic_fetch_add(&c->n_allocations, 1);
    atomic_fetch_add(&c->live_bytes, (long)bytes);
    return memory_of(align, bytes);
}
static void deallocate(void *self, void *memory, size_t bytes) {
    atomic_fetch_sub(&((caller *)self)->live_bytes, (long)bytes);
    free(memory);
}
static void log_message(void *self, tn_log_level level, const char *message) { atomic_fetch_add(&((caller *)self)->n_messages, 1); }
static bool should_abort(void *self) { return atomic_fetch_add(&((caller *)self)->n_checks, 1) < 0; }
static void parallel_for(void *self, void (*body)(void *, int64_t), void *body_self, int64_t n) {
    caller *c = self;
    atomic_fetch_add(&c->n_loops, 1);
    for (int64_t i = n; i-- > 0;) body(body_self, i), atomic_fetch_add(&c->n_bodies, 1);
}

static int count_threads(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d));) n += x->d_name[0] != '.';
    closedir(d);
    return n;
}

static tn_tensor *random_tensor(tn_context *context, int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    uint32_t state = 7;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++)
        state = state * 1664525u + 1013904223u, ((float *)tn_tensor_get_data(t))[i] = (float)(state >> 8) / 8388608.0f - 1;
    return t;
}

/* conv, batch norm, relu, max pool, product, softmax */
static tn_graph *build(tn_context *context, int64_t batch) {
    tn_graph *g;
    tn_tensor *w = random_tensor(context, 4, (int64_t[]){64, 16, 3, 3}), *m = random_tensor(context, 2, (int64_t[]){30, 50});
    tn_tensor *per_channel = random_tensor(context, 1, (int64_t[]){64}), *spread;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 1, (int64_t[]){64}, &spread));
    for (int i = 0; i < 64; i++) ((float *)tn_tensor_get_data(spread))[i] = 1 + (float)i / 64;
    ok(tn_graph_create(context, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (int64_t[]){batch, 16, 32, 32});
    tn_value c = tn_graph_constant(g, per_channel), s = tn_graph_constant(g, spread);
    tn_value y = tn_graph_op(g, "conv", (tn_value[]){x, tn_graph_constant(g, w)}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "batch_normalization", (tn_value[]){y, c, c, c, s}, 5, NULL, 0, 1);
    y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
    y = tn_graph_op(g, "matmul", (tn_value[]){y, tn_graph_constant(g, m)}, 2, NULL, 0, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "softmax", &y, 1, NULL, 0, 1));
    ok(tn_graph_check(g));
    tn_tensor_release(w), tn_tensor_release(m), tn_tensor_release(per_channel), tn_tensor_release(spread);
    return g;
}

static tn_executable *compile(tn_context *context, const tn_graph *g) {
    tn_options *options;
    tn_executable *x;
    ok(tn_options_create(context, &options));
    ok(tn_options_set(options, "cache", "off"));
    ok(tn_options_set(options, "threads", "3"));
    ok(tn_compile(g, options, &x));
    tn_options_release(options);
    return x;
}

static void test_nothing_else(void **state) {
    caller c = {0};
    tn_allocator allocator = {sizeof allocator, &c, allocate, deallocate};
    tn_thread_pool pool = {sizeof pool, &c, 3, parallel_for};
    tn_context_options o = {.struct_size = sizeof o, .allocator = &allocator, .log = log_message, .log_self = &c, .thread_pool = &pool,
                            .should_abort = should_abort, .abort_self = &c};
    tn_context *context, *plain;
    setenv("TENON_NO_SUCH_OPTION", "1", 1); /* something to be logged */
    int threads = count_threads();

    /* what it should come to, with the library's own memory and threads */
    ok(tn_context_create(NULL, &plain));
    tn_graph *g = build(plain, 2);
    tn_executable *x = compile(plain, g);
    tn_tensor *in = random_tensor(plain, 4, (int64_t[]){2, 16, 32, 32}), *wanted = NULL, *y = NULL;
    ok(tn_executable_run(x, &in, 1, &wanted, 1));
    tn_tensor_release(in), tn_executable_release(x), tn_graph_release(g);

    int before = count_threads();
    atomic_store(&n_all, 0), atomic_store(&n_ours, 0);
    atomic_store(&armed, true);
    ok(tn_context_create(&o, &context));
    g = build(context, 2);
    in = random_tensor(context, 4, (int64_t[]){2, 16, 32, 32});
    assert_int_equal(atomic_load(&n_all), 0); /* tensors, graph: nobody allocated */
    x = compile(context, g);
    assert_int_equal(atomic_load(&n_ours), 0); /* only LLVM did */
    assert_int_equal(atomic_load(&c.n_messages), 2); /* the variable that is no option, the compilation */
    assert_true(atomic_load(&c.n_loops) > 0 && atomic_load(&c.n_checks) > 10);

    long loops = atomic_load(&c.n_loops), checks = atomic_load(&c.n_checks), allocations = atomic_load(&c.n_allocations);
    atomic_store(&n_all, 0);
    for (int i = 0; i < 10; i++) {
        ok(tn_executable_run(x, &in, 1, &y, 1));
        assert_int_equal(memcmp(tn_tensor_get_data(y), tn_tensor_get_data(wanted), tn_tensor_get_bytes(wanted)), 0);
        tn_tensor_release(y);
        y = NULL;
    }
    assert_int_equal(atomic_load(&n_all), 0); /* runs: nobody again, LLVM neither */
    assert_true(atomic_load(&c.n_allocations) > allocations);
    assert_true(atomic_load(&c.n_loops) >= loops + 10 && atomic_load(&c.n_checks) >= checks + 10);
    assert_true(atomic_load(&c.n_bodies) >= 2 * atomic_load(&c.n_loops));
    atomic_store(&armed, false);
    assert_int_equal(count_threads(), before);

    tn_tensor_release(in), tn_executable_release(x), tn_graph_release(g), tn_context_release(context);
    assert_int_equal(atomic_load(&c.live_bytes), 0);
    tn_tensor_release(wanted), tn_context_release(plain);
    assert_true(count_threads() <= before && threads <= before);
    if (!REPLACED) print_message("malloc is the sanitizer's here: only counted in other builds\n");
}

/* The counting itself: it sees an allocation of this executable. */
static void test_counting(void **state) {
    atomic_store(&n_all, 0), atomic_store(&n_ours, 0);
    atomic_store(&armed, true);
    void *volatile memory = malloc(100);
    atomic_store(&armed, false);
    free(memory);
    assert_int_equal(atomic_load(&n_all), REPLACED);
    assert_int_equal(atomic_load(&n_ours), REPLACED);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_counting), cmocka_unit_test(test_nothing_else)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
