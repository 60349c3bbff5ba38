/* Loops that do nothing but what is measured, in plain vector C, once per instruction set.
 *
 * This file is compiled with -ffp-contract=fast (CMakeLists.txt): that is how `a * x + y` becomes one instruction. The sums keep
 * enough independent chains to hide the latency of an addition (4 cycles, 2 units: 8 chains; the FMA loops have 10 or 20). */
#include "measure/ceilings.h"

#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/context.h"
#include "base/os.h"
#include "base/os_thread.h"
#include "rt/pool.h"

typedef struct loops {
    const char *name;
    int64_t fma_flops; /* of one turn */
    float (*fma)(int64_t turns);
    float (*fma_f64)(int64_t turns); /* half as many flops */
    float (*read)(const float *data, int64_t floats, int64_t turns); /* `floats` a multiple of 256 */
} loops;

#define LOOPS(suffix, lanes, chains, target)                                                                         \
    typedef float v_##suffix __attribute__((vector_size(lanes * 4)));                                                \
    target static float fma_##suffix(int64_t turns) {                                                                \
        v_##suffix a[chains], x, y;                                                                                  \
        memset(&x, 0, sizeof x);                                                                                     \
        x += 1.0000001f;                                                                                             \
        y = x * 1e-7f;                                                                                               \
        _Pragma("GCC unroll 20") for (int k = 0; k < chains; k++) a[k] = x * (float)k;                               \
        for (int64_t i = 0; i < turns; i++) {                                                                        \
            _Pragma("GCC unroll 20") for (int k = 0; k < chains; k++) a[k] = a[k] * x + y;                           \
        }                                                                                                            \
        float sum = 0;                                                                                               \
        _Pragma("GCC unroll 20") for (int k = 0; k < chains; k++) sum += a[k][0] + a[k][lanes - 1];                  \
        return sum;                                                                                                  \
    }                                                                                                                \
    typedef double d_##suffix __attribute__((vector_size(lanes * 4)));                                               \
    target static float fma_f64_##suffix(int64_t turns) {                                                            \
        d_##suffix a[chains], x, y;                                                                                  \
        memset(&x, 0, sizeof x);                                                                                     \
        x += 1.0000001;                                                                                              \
        y = x * 1e-7;                                                                                                \
        _Pragma("GCC unroll 20") for (int k = 0; k < chains; k++) a[k] = x * (double)k;                              \
        for (int64_t i = 0; i < turns; i++) {                                                                        \
            _Pragma("GCC unroll 20") for (int k = 0; k < chains; k++) a[k] = a[k] * x + y;                           \
        }                                                                                                            \
        double sum = 0;                                                                                              \
        _Pragma("GCC unroll 20") for (int k = 0; k < chains; k++) sum += a[k][0] + a[k][lanes / 2 - 1];              \
        return (float)sum;                                                                                           \
    }                                                                                                                \
    target static float read_##suffix(const float *data, int64_t floats, int64_t turns) {                            \
        v_##suffix s[8];                                                                                             \
        memset(s, 0, sizeof s);                                                                                      \
        for (int64_t t = 0; t < turns; t++) {                                                                        \
            const v_##suffix *p = (const v_##suffix *)(const void *)data;                                            \
            for (int64_t i = 0; i < floats / lanes; i += 8) {                                                        \
                _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) s[k] += p[i + k];                                \
            }                                                                                                        \
            __asm__ volatile("" ::: "memory"); /* every turn reads again */                                          \
        }                                                                                                            \
        float sum = 0;                                                                                               \
        _Pragma("GCC unroll 8") for (int k = 0; k < 8; k++) sum += s[k][0] + s[k][lanes - 1];                        \
        return sum;                                                                                                  \
    }                                                                                                                \
    static const loops loops_##suffix = {#suffix, (int64_t)2 * lanes * chains, fma_##suffix, fma_f64_##suffix, read_##suffix};

LOOPS(generic, 4, 10, )
#if defined(__x86_64__)
LOOPS(avx2, 8, 10, __attribute__((target("avx2,fma"))))
LOOPS(avx512, 16, 20, __attribute__((target("avx512f,prefer-vector-width=512"))))
#endif

/* Dot products of four u8 and four i8 in each i32 lane. */
#if defined(__x86_64__)
enum { DOT_CHAINS = 20, DOT_FLOPS = 2 * 64 * DOT_CHAINS };
__attribute__((target("avx512f,avx512vnni"))) static float dot_vnni(int64_t turns) {
    __m512i a[DOT_CHAINS], x = _mm512_set1_epi8(3), y = _mm512_set1_epi8(1);
    _Pragma("GCC unroll 20") for (int k = 0; k < DOT_CHAINS; k++) a[k] = _mm512_set1_epi32(k);
    for (int64_t i = 0; i < turns; i++) {
        _Pragma("GCC unroll 20") for (int k = 0; k < DOT_CHAINS; k++) a[k] = _mm512_dpbusd_epi32(a[k], x, y);
        __asm__ volatile("" : "+v"(x)); /* or the compiler multiplies once */
    }
    int sum = 0;
    _Pragma("GCC unroll 20") for (int k = 0; k < DOT_CHAINS; k++) sum ^= _mm512_cvtsi512_si32(a[k]);
    return (float)sum;
}
static float (*best_dot(void))(int64_t) { return __builtin_cpu_supports("avx512vnni") ? dot_vnni : NULL; }
#else
enum { DOT_FLOPS = 0 };
static float (*best_dot(void))(int64_t) { return NULL; }
#endif

static const loops *best_loops(void) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return &loops_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &loops_avx2;
#endif
    return &loops_generic;
}

const char *tn__ceilings_loops(void) { return best_loops()->name; }

static volatile float sink; /* so that no loop is left out */

/* ---- repetition ---------------------------------------------------------------------------------------------- */

enum { REPEATS = 7 };
#define PART_NS 10000000.0 /* one repetition takes at least this long */

typedef struct job {
    const loops *l;
    float (*rate)(int64_t turns); /* a loop without memory; else l->read */
    float *data;
    int64_t floats;
    int64_t turns;
    int32_t workers;
} job;

static void job_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    const job *j = self;
    for (int64_t k = begin; k < end; k++) {
        int64_t part = j->floats / j->workers / 256 * 256;
        sink = j->rate ? j->rate(j->turns) : j->l->read(j->data + k * part, part, j->turns);
    }
}

static double run_ns(tn__pool *pool, job *j) {
    uint64_t start = tn__os_clock_ns();
    tn_error_destroy(tn__pool_run(pool, job_body, j, j->workers, 1)); /* threads of our own do not fail */
    return (double)(tn__os_clock_ns() - start) + 1;
}

/* Work per second; `unit` is the work of one turn of one worker. */
static double best_rate(tn__pool *pool, job *j, double unit) {
    j->turns = 1;
    while (run_ns(pool, j) < PART_NS && j->turns < INT64_MAX / 4) j->turns *= 2;
    double best = 0;
    for (int r = 0; r < REPEATS; r++) {
        double rate = unit * (double)j->turns * j->workers / run_ns(pool, j) * 1e9;
        if (rate > best) best = rate;
    }
    return best;
}

static double rate_of(tn__pool *pool, float (*loop)(int64_t), int64_t flops) {
    job j = {.rate = loop, .workers = tn__pool_get_threads(pool)};
    return loop ? best_rate(pool, &j, (double)flops) : 0;
}

static double read_rate(tn__pool *pool, const loops *l, float *data, uint64_t bytes) {
    job j = {.l = l, .data = data, .floats = (int64_t)(bytes / 4), .workers = tn__pool_get_threads(pool)};
    int64_t part = j.floats / j.workers / 256 * 256;
    return part > 0 ? best_rate(pool, &j, (double)part * 4) : 0;
}

/* ---- overheads ----------------------------------------------------------------------------------------------- */

static void empty_body(void *self, int64_t begin, int64_t end, int32_t worker) {}

enum { SAMPLES = 2001 };

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median: in the best case the caller takes all chunks before another thread wakes, which measures nothing. */
static double pool_ns(tn__pool *pool) {
    double ns[SAMPLES];
    for (int r = 0; r < SAMPLES; r++) {
        uint64_t start = tn__os_clock_ns();
        tn_error_destroy(tn__pool_run(pool, empty_body, NULL, tn__pool_get_threads(pool), 1));
        ns[r] = (double)(tn__os_clock_ns() - start);
    }
    qsort(ns, SAMPLES, sizeof *ns, by_value);
    return ns[SAMPLES / 2];
}

static tn_error *time_calls(tn_executable *x, tn_tensor *in, tn_tensor *out, double *best) {
    *best = 1e18;
    for (int r = 0; r < SAMPLES; r++) {
        uint64_t start = tn__os_clock_ns();
        TN__TRY(tn_executable_run(x, &in, 1, &out, 1));
        double ns = (double)(tn__os_clock_ns() - start);
        if (ns < *best) *best = ns;
    }
    return NULL;
}

static tn_error *call_ns(tn_context *c, double *out) {
    const int64_t one = 1;
    tn_graph *g = NULL;
    tn_options *o = NULL;
    tn_executable *x = NULL;
    tn_tensor *in = NULL, *result = NULL;
    tn_error *e = tn_graph_create(c, "launch", &g);
    if (!e) {
        tn_value v = tn_graph_input(g, "x", TN_DTYPE_f32, 1, &one);
        tn_graph_output(g, "y", tn_graph_op(g, "relu", &v, 1, NULL, 0, 1));
        e = tn_options_create(c, &o);
    }
    if (!e) e = tn_options_set(o, "device", "cpu");
    if (!e) e = tn_compile(g, o, &x);
    if (!e) e = tn_tensor_create(c, TN_DTYPE_f32, 1, &one, &in);
    if (!e) e = tn_tensor_create(c, TN_DTYPE_f32, 1, &one, &result);
    if (!e) e = time_calls(x, in, result, out);
    tn_tensor_release(in);
    tn_tensor_release(result);
    if (x) tn_executable_release(x);
    if (o) tn_options_release(o);
    if (g) tn_graph_release(g);
    if (e && tn_error_get_code(e) == TN_ERROR_UNSUPPORTED) { /* a build without code generation: the figure stays 0 */
        tn_error_destroy(e);
        e = NULL;
        *out = 0;
    }
    return e;
}

/* ---- all ----------------------------------------------------------------------------------------------------- */

#define MEMORY_LEAST ((uint64_t)128 << 20)
#define MEMORY_MOST ((uint64_t)512 << 20)

/* An array that no cache holds. */
typedef struct memory {
    float *data;
    uint64_t bytes;
} memory;

static tn_error *memory_create(tn_context *c, const uint64_t caches[TN__CACHE_LEVELS], memory *out) {
    *out = (memory){NULL, MEMORY_LEAST};
    for (int k = 0; k < TN__CACHE_LEVELS; k++)
        if (caches[k] * 2 > out->bytes) out->bytes = caches[k] * 2;
    if (out->bytes > MEMORY_MOST) out->bytes = MEMORY_MOST;
    out->data = c->allocator.allocate(c->allocator.self, out->bytes, 64);
    if (!out->data) return tn__error_oom();
    memset(out->data, 0, out->bytes);
    return NULL;
}

static void memory_free(tn_context *c, memory *m) { c->allocator.deallocate(c->allocator.self, m->data, m->bytes); }

typedef struct watcher {
    void (*progress)(void *self, const char *what);
    void *self;
} watcher;
static void tell(const watcher *w, const char *what) {
    if (w->progress) w->progress(w->self, what);
}

static void measure_rates(tn__pool *pool, const memory *m, const watcher *w, tn__rates *r) {
    const loops *l = best_loops();
    tell(w, "multiply-add rate");
    r->fma_f32 = rate_of(pool, l->fma, l->fma_flops);
    r->fma_f64 = rate_of(pool, l->fma_f64, l->fma_flops / 2);
    r->dot_i8 = rate_of(pool, best_dot(), DOT_FLOPS);
    tell(w, "memory");
    r->memory_read = read_rate(pool, l, m->data, m->bytes);
}

static tn_error *measure(tn_context *c, tn__pool *pool, const watcher *w, tn__ceilings *out) {
    static const char *const levels[TN__CACHE_LEVELS] = {"level 1 cache", "level 2 cache", "level 3 cache"};
    uint64_t caches[TN__CACHE_LEVELS];
    memory m;
    tn__cpu_caches(caches);
    TN__TRY(memory_create(c, caches, &m));
    measure_rates(NULL, &m, w, &out->one);
    measure_rates(pool, &m, w, &out->all);
    for (int k = 0; k < TN__CACHE_LEVELS; k++) {
        if (!caches[k] || caches[k] >= m.bytes) continue;
        tell(w, levels[k]);
        out->level_read[k] = read_rate(NULL, best_loops(), m.data, caches[k] / 2);
    }
    memory_free(c, &m);
    tell(w, "launch overhead");
    out->pool_ns = pool_ns(pool);
    return call_ns(c, &out->call_ns);
}

tn_error *tn__ceilings_measure(tn_context *context, void (*progress)(void *self, const char *what), void *self,
                               tn__ceilings *out_ceilings) {
    memset(out_ceilings, 0, sizeof *out_ceilings);
    tn__ceilings m;
    memset(&m, 0, sizeof m);
    tn__pool *pool;
    TN__TRY(tn__pool_create(&context->allocator, tn__os_processor_count(), &pool));
    tn_error *e = measure(context, pool, &(watcher){progress, self}, &m);
    tn__pool_destroy(pool);
    if (!e) *out_ceilings = m;
    return e;
}

tn_error *tn__rates_measure(tn_context *context, int32_t threads, void (*progress)(void *self, const char *what), void *self,
                            tn__rates *out_rates) {
    memset(out_rates, 0, sizeof *out_rates);
    uint64_t caches[TN__CACHE_LEVELS];
    tn__pool *pool;
    memory m;
    tn__cpu_caches(caches);
    TN__TRY(tn__pool_create(&context->allocator, threads, &pool));
    tn_error *e = memory_create(context, caches, &m);
    if (!e) {
        measure_rates(pool, &m, &(watcher){progress, self}, out_rates);
        memory_free(context, &m);
    }
    tn__pool_destroy(pool);
    return e;
}
