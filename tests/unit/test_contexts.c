/* Eight threads, each with a context of its own that has its own allocator and logger, compile and run different graphs at once: results
 * are right, what a context takes comes from its allocator and goes back there, and nothing of it reaches another context's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tenon/ops.h"
#include "tenon/tenon.h"

enum { USERS = 8, ROUNDS = 3 };

typedef struct user {
    int number;
    atomic_llong live, taken, calls; /* bytes, bytes, calls of this user's allocator */
    atomic_int foreign;              /* memory that is not this user's */
    atomic_int lines, wrong_lines;
    tn_context *context;
    pthread_barrier_t *start;
    char problem[256]; /* of the thread; "" */
} user;

/* head of every block, `align` bytes before it ends: whose, and how large */
typedef struct head {
    uint64_t magic;
    user *owner;
    void *block;
    size_t bytes;
} head;

static void *take(void *self, size_t bytes, size_t align) {
    user *u = self;
    size_t front = align > sizeof(head) ? align : (sizeof(head) + 63) / 64 * 64;
    void *block = NULL;
    atomic_fetch_add(&u->calls, 1);
    if (posix_memalign(&block, front, front + bytes)) return NULL;
    char *memory = (char *)block + front;
    *((head *)(void *)memory - 1) = (head){0x7465646f6e21, u, block, bytes};
    memset(memory, 0xa5, bytes);
    atomic_fetch_add(&u->live, (long long)bytes);
    atomic_fetch_add(&u->taken, (long long)bytes);
    return memory;
}

static void give(void *self, void *memory, size_t bytes) {
    user *u = self;
    head *h = (head *)memory - 1;
    if (h->magic != 0x7465646f6e21 || h->owner != u || h->bytes != bytes) {
        atomic_fetch_add(&u->foreign, 1);
        return;
    }
    h->magic = 0;
    atomic_fetch_sub(&u->live, (long long)bytes);
    free(h->block);
}

static void listen(void *self, tn_log_level level, const char *message) {
    user *u = self;
    char mine[32];
    snprintf(mine, sizeof mine, "user %d", u->number);
    atomic_fetch_add(strstr(message, mine) ? &u->lines : &u->wrong_lines, 1);
}

static bool fails(user *u, tn_error *e) {
    if (!e) return false;
    snprintf(u->problem, sizeof u->problem, "%s", tn_error_get_message(e));
    tn_error_destroy(e);
    return true;
}

static tn_tensor *numbers(user *u, int32_t rank, const int64_t *dims, int seed) {
    tn_tensor *t = NULL;
    if (fails(u, tn_tensor_create(u->context, TN_DTYPE_f32, rank, dims, &t))) return NULL;
    float *x = tn_tensor_get_data(t);
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) x[i] = (float)((i * 7 + seed) % 9 - 4);
    return t;
}

/* Graphs that differ by user: max(sum over k of x w + b, 0) * number, for sizes of that user, or a sum of rows. */
static void one_round(user *u, int round) {
    int64_t n = 3 + u->number, k = 8 + 3 * u->number + round, m = 16 + u->number;
    bool symbolic = round & 1, dense = u->number % 2 == 0;
    tn_graph *g = NULL;
    tn_options *o = NULL;
    tn_executable *x = NULL;
    tn_tensor *in = numbers(u, 2, (const int64_t[]){n, k}, round), *w = numbers(u, 2, (const int64_t[]){k, m}, u->number), *out = NULL;
    tn_tensor *axes = NULL, *scale = NULL;
    if (!in || !w || fails(u, tn_tensor_create(u->context, TN_DTYPE_i64, 1, (const int64_t[]){1}, &axes)) ||
        fails(u, tn_tensor_create(u->context, TN_DTYPE_f32, 0, NULL, &scale)))
        return;
    *(int64_t *)tn_tensor_get_data(axes) = 1;
    *(float *)tn_tensor_get_data(scale) = (float)(u->number + 1);
    char name[32];
    snprintf(name, sizeof name, "of user %d", u->number); /* the library's own lines name it */
    if (fails(u, tn_graph_create(u->context, name, &g))) return;
    tn_value v = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (const int64_t[]){symbolic ? tn_graph_symbol(g, "N") : n, k});
    if (dense) v = tn_op_relu(g, tn_op_matmul(g, v, tn_graph_constant(g, w)));
    else v = tn_op_reduce_sum(g, tn_op_neg(g, v), tn_graph_constant(g, axes), NULL);
    tn_graph_output(g, "y", tn_op_mul(g, v, tn_graph_constant(g, scale)));
    if (fails(u, tn_options_create(u->context, &o)) || fails(u, tn_options_set(o, "cache", "off")) || fails(u, tn_options_set(o, "threads", "2")) ||
        fails(u, tn_options_set(o, "device", round == 2 ? "ref" : "cpu")) || fails(u, tn_compile(g, o, &x)))
        return;
    tn__log(u->context, TN_LOG_INFO, "user %d compiled", u->number);
    tn_graph_release(g);
    tn_options_release(o);
    const float *pi = tn_tensor_get_data(in), *pw = tn_tensor_get_data(w);
    for (int run = 0; run < 4 && !*u->problem; run++) {
        if (fails(u, tn_executable_run(x, &in, 1, &out, 1))) return;
        const float *y = tn_tensor_get_data(out);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < (dense ? m : 1); j++) { /* small whole numbers: exact in any order */
                float sum = 0;
                for (int64_t l = 0; l < k; l++) sum += dense ? pi[i * k + l] * pw[l * m + j] : -pi[i * k + l];
                if (dense && sum < 0) sum = 0;
                float found = y[dense ? i * m + j : i], wanted = sum * (float)(u->number + 1);
                if (found != wanted) snprintf(u->problem, sizeof u->problem, "user %d: found %g, wanted %g", u->number, (double)found, (double)wanted);
            }
        tn_tensor_release(out);
        out = NULL;
    }
    tn_executable_release(x);
    tn_tensor_release(in);
    tn_tensor_release(w);
    tn_tensor_release(axes);
    tn_tensor_release(scale);
}

static void *work(void *self) {
    user *u = self;
    tn_allocator a = {sizeof a, u, take, give};
    tn_context_options o = {.struct_size = sizeof o, .allocator = &a, .log = listen, .log_self = u};
    if (fails(u, tn_context_create(&o, &u->context))) return NULL;
    pthread_barrier_wait(u->start);
    for (int round = 0; round < ROUNDS && !*u->problem; round++) one_round(u, round);
    tn_error *e = tn_graph_parse(u->context, "no graph", &(tn_graph *){NULL}); /* errors are the context's memory too */
    if (!e) snprintf(u->problem, sizeof u->problem, "a text that is no graph was parsed");
    tn_error_destroy(e);
    tn_context_release(u->context);
    return NULL;
}

static void test_eight_contexts(void **state) {
    static user users[USERS];
    pthread_t threads[USERS];
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, USERS), 0);
    for (int i = 0; i < USERS; i++) {
        users[i].number = i;
        users[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &users[i]), 0);
    }
    for (int i = 0; i < USERS; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&start);
    for (int i = 0; i < USERS; i++) {
        user *u = &users[i];
        if (*u->problem) fail_msg("%s", u->problem);
        assert_int_equal(atomic_load(&u->foreign), 0);
        assert_int_equal(atomic_load(&u->live), 0);
        assert_true(atomic_load(&u->taken) > 0 && atomic_load(&u->calls) > 20);
        assert_true(atomic_load(&u->lines) >= 2 * ROUNDS); /* one of ours, at least one of the library's */
        assert_int_equal(atomic_load(&u->wrong_lines), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_eight_contexts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
