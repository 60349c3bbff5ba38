// Callbacks that throw, which they must not: the exception arrives at the caller, nothing is lost, locked or left in flight.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "tenon/tenon.h"

static std::atomic<long> live;
static void *take(void *, size_t bytes, size_t align) {
    live += (long)bytes;
    return std::aligned_alloc(align < 16 ? 16 : align, (bytes + 4095) / 4096 * 4096);
}
static void give(void *, void *p, size_t bytes) {
    live -= (long)bytes;
    std::free(p);
}
#define MUST(x)                                                     \
    do {                                                            \
        if (!(x)) {                                                 \
            std::printf("throwing.cc:%d: %s\n", __LINE__, #x);      \
            return 1;                                               \
        }                                                           \
    } while (0)

struct thrown {};
static int who, when, calls; // callback `who` throws at its call `when`
static void maybe(int callback) {
    if (callback == who && calls++ == when) throw thrown();
}

static tn_value_type type = {TN_DTYPE_f32, 0, nullptr};
static tn_edge edges[] = {{0, 0, TN_EDGE_DATA}};
static bool get_count(void *, uint32_t *n) { return maybe(0), *n = 3, true; }
static bool get_inputs(void *, uint32_t i, const tn_edge **e, uint32_t *n) { return maybe(1), *e = edges, *n = i > 0, true; }
static bool get_op(void *, uint32_t, const char **op) { return maybe(2), *op = "relu", true; }
static bool get_attributes(void *, uint32_t, tn_partition_node *out) { return maybe(3), out->outputs = &type, out->n_outputs = 1, true; }
static bool get_constant(void *, uint32_t, bool *c) { return maybe(4), *c = false, true; }
static bool mark(void *, uint32_t, char *, size_t) { return maybe(5), true; }

static int test_partition(tn_context *context) {
    tn_partition_source source = {sizeof source, nullptr, get_count, get_inputs, get_op, get_attributes, get_constant};
    for (int by_query = 0; by_query < 2; by_query++)
        for (who = 0; who < 6; who++) {
            if (by_query && who == 5) continue;
            tn_partition_options options = {};
            options.struct_size = sizeof options;
            options.mark = by_query ? nullptr : mark;
            int n = 0;
            for (when = 0; n == when; when++) { // until it is not called that often
                tn_partition *p = nullptr;
                long before = live;
                calls = 0;
                try {
                    tn_error *e = tn_partition_create(context, &source, &options, &p);
                    MUST(!e && p);
                } catch (const thrown &) {
                    n++;
                    MUST(!p);
                }
                tn_partition_release(p);
                MUST(live == before);
            }
            MUST(n >= 2);
        }
    return 0;
}

static tn_context *shared;
static tn_error *compile(void *self, const tn_signature *, tn_executable **out) {
    tn_graph *g;
    tn_error *e = tn_graph_create(shared, "cluster", &g);
    if (e) return e;
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 0, nullptr);
    tn_graph_output(g, "y", tn_graph_op(g, "relu", &x, 1, nullptr, 0, 1));
    e = tn_compile(g, nullptr, out);
    tn_graph_release(g);
    return e;
}
static tn_error *compile_and_throw(void *self, const tn_signature *s, tn_executable **out) {
    tn_signature_cache *cache = static_cast<tn_signature_cache *>(self);
    tn_error_destroy(compile(nullptr, s, out)); // what is made is freed
    tn_signature_cache_stats stats = {};
    stats.struct_size = sizeof stats;
    do tn_error_destroy(tn_signature_cache_get_stats(cache, &stats));
    while (!stats.waits); // another thread waits for this
    throw thrown();
}

static int test_signature() {
    tn_signature_cache *cache;
    MUST(!tn_signature_cache_create(shared, nullptr, &cache));
    tn_signature s = {};
    s.struct_size = sizeof s;
    tn_error_code code = TN_OK;
    std::thread other;
    bool caught = false;
    try {
        other = std::thread([&] {
            tn_signature_cache_stats stats = {};
            stats.struct_size = sizeof stats;
            do tn_error_destroy(tn_signature_cache_get_stats(cache, &stats));
            while (!stats.misses); // the compilation is in flight
            tn_executable *x;
            tn_error *e = tn_signature_cache_get(cache, &s, compile, nullptr, &x);
            code = tn_error_get_code(e);
            tn_error_destroy(e);
            tn_executable_release(x);
        });
        tn_executable *x;
        tn_error_destroy(tn_signature_cache_get(cache, &s, compile_and_throw, cache, &x));
    } catch (const thrown &) {
        caught = true;
    }
    other.join();
    MUST(caught && code == TN_ERROR_INVALID_ARGUMENT); // who waited got an error
    tn_executable *x;
    MUST(!tn_signature_cache_get(cache, &s, compile, nullptr, &x) && x); // and it is not remembered
    tn_executable_release(x);
    tn_signature_cache_release(cache);
    return 0;
}

int main() {
    tn_allocator allocator = {sizeof allocator, nullptr, take, give};
    tn_context_options options = {};
    options.struct_size = sizeof options;
    options.allocator = &allocator;
    MUST(!tn_context_create(&options, &shared));
    if (test_partition(shared) || test_signature()) return 1;
    tn_context_release(shared);
    MUST(live == 0);
    std::puts("exceptions pass, nothing is lost");
    return 0;
}
