#include "device/cpu/loop.h"

#include "base/float_mode.h"

typedef struct state {
    const tn__kprogram *program;
    const tn__loop *loop;
    const tn__code *code;
    tn__pool *pool; /* NULL: launches are not cut */
    bool flush_denormals;
    const tn__count_to *count;
    void *const *addresses;
} state;

typedef struct launch {
    tn__kernel_fn function;
    void *const *buffers;
    bool flush_denormals;
    const tn__count_to *count;
} launch;

static void launch_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    (void)worker;
    const launch *l = self;
    uint64_t mode = l->flush_denormals ? tn__float_mode_flush() : 0;
    l->function(l->buffers, begin, end);
    if (l->flush_denormals) tn__float_mode_restore(mode);
}

static void counted_body(void *self, int64_t begin, int64_t end, int32_t worker) {
    const launch *l = self;
    tn__count_start start;
    tn__count_begin(l->count, &start);
    launch_body(self, begin, end, worker);
    tn__count_end(l->count, &start);
}

static tn_error *run_launch(const state *s, const tn__loop_launch *at, int64_t trip) {
    void *buffers[TN__K_BUFFERS];
    for (uint32_t b = 0; b < at->n_buffers; b++) {
        const tn__loop_buffer *x = &at->buffers[b];
        buffers[b] = (char *)s->addresses[x->slot] + x->offset + trip * x->advance;
    }
    int64_t grid = s->program->kernels.data[at->kernel]->grid;
    launch l = {tn__code_get(s->code, at->kernel), buffers, s->flush_denormals, s->count};
    /* strands that run together are counted as a whole */
    void (*body)(void *, int64_t, int64_t, int32_t) = s->count->counters && !s->loop->together ? counted_body : launch_body;
    if (s->pool && grid > at->grain) return tn__pool_run(s->pool, body, &l, grid, at->grain);
    body(&l, 0, grid, 0);
    return NULL;
}

static tn_error *run_strand(const state *s, int64_t strand) {
    const tn__loop_launch *first = s->loop->launches + strand * s->loop->n_launches;
    for (int64_t trip = 0; trip < s->loop->trips; trip++)
        for (uint32_t i = 0; i < s->loop->n_launches; i++) TN__TRY(run_launch(s, &first[i], trip));
    return NULL;
}

static void run_strands(void *self, int64_t begin, int64_t end, int32_t worker) {
    (void)worker;
    const state *s = self;
    tn__count_start start;
    tn__count_begin(s->count, &start);
    for (int64_t strand = begin; strand < end; strand++) tn_error_destroy(run_strand(s, strand)); /* without a pool: none */
    tn__count_end(s->count, &start);
}

tn_error *tn__loop_run(const tn__kprogram *p, const tn__loop *loop, const tn__code *code, tn__pool *pool, bool flush_denormals,
                       const tn__count_to *count, void *const *addresses) {
    state s = {p, loop, code, loop->together ? NULL : pool, flush_denormals, count, addresses};
    if (loop->together) return tn__pool_run(pool, run_strands, &s, loop->n_strands, 1);
    for (int64_t strand = 0; strand < loop->n_strands; strand++) TN__TRY(run_strand(&s, strand));
    return NULL;
}
