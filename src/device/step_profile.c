#include "device/profile.h"

#include "base/os_thread.h"

void tn__step_time_add(tn__step_time *t, uint64_t ns) {
    atomic_fetch_add_explicit(&t->runs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->total_ns, ns, memory_order_relaxed);
    uint_fast64_t least = atomic_load_explicit(&t->least_ns, memory_order_relaxed);
    while ((!least || ns < least) &&
           !atomic_compare_exchange_weak_explicit(&t->least_ns, &least, ns, memory_order_relaxed, memory_order_relaxed)) {}
}

void tn__step_time_reset(tn__step_time *t) {
    atomic_store(&t->runs, 0);
    atomic_store(&t->total_ns, 0);
    atomic_store(&t->least_ns, 0);
}

void tn__step_time_read(tn__step_time *t, tn_profile_row *row) {
    row->runs = atomic_load(&t->runs);
    row->total_ns = atomic_load(&t->total_ns);
    row->least_ns = atomic_load(&t->least_ns);
}

/* ---- turns --------------------------------------------------------------------------------------------------- */

enum { CLOCK_READS = 16, SUMS_NS = 20, SKIP_MOST = 1000 };
static const double share_of_time = 0.01;

void tn__turn_init(tn__turn *t) {
    uint64_t start = tn__os_clock_ns(), stop = start;
    for (int i = 0; i < CLOCK_READS; i++) stop = tn__os_clock_ns();
    atomic_init(&t->skip, 0);
    t->step_ns = (double)(stop - start) / CLOCK_READS + SUMS_NS;
}

void tn__turn_reset(tn__turn *t) { atomic_store_explicit(&t->skip, 0, memory_order_relaxed); }

bool tn__turn_take(tn__turn *t) {
    unsigned left = atomic_load_explicit(&t->skip, memory_order_relaxed);
    if (left) atomic_store_explicit(&t->skip, left - 1, memory_order_relaxed);
    return !left;
}

void tn__turn_done(tn__turn *t, size_t steps, uint64_t ns) {
    double cost = (double)steps * t->step_ns, own = (double)ns - cost;
    double skip = own > 0 ? cost / (share_of_time * own) : SKIP_MOST;
    atomic_store_explicit(&t->skip, skip < SKIP_MOST ? (unsigned)skip : SKIP_MOST, memory_order_relaxed);
}

void tn__count_sums_read(tn__count_sums *s, tn_profile_row *row) {
    row->counted = row->runs ? TN__COUNTERS_ALL & ~atomic_load(&s->missed) : 0;
#define READ(name, flag)                                                                   \
    _Static_assert(TN_COUNTER_##flag == 1 << TN__COUNTER_##name, "the bit of a counter"); \
    row->name = row->counted & TN_COUNTER_##flag ? atomic_load(&s->value[TN__COUNTER_##name]) : 0;
    TN__COUNTERS(READ)
#undef READ
}

tn_profile_row tn__profile_row_of(const tn_graph *g, const tn__node *n, uint32_t set, const char *kind) {
    const tn__source_set *s = tn__graph_sources(g, set);
    return (tn_profile_row){.struct_size = sizeof(tn_profile_row), .kind = kind, .kernel = n ? tn__op_text(n->op, n->attrs) : kind,
                            .node = n && n->name ? n->name : "", .sources = s->texts, .n_sources = s->n, .n_sources_hidden = s->hidden,
                            .precision = ""};
}

/* ---- profiles ------------------------------------------------------------------------------------------------ */

tn_error *tn__profile_create(tn_context *c, tn_profile **out_profile) {
    tn_profile *p = tn__alloc_zero(&c->allocator, sizeof *p);
    if (!p) return tn__error_oom();
    tn__handle_init(&p->handle, TN__HANDLE_PROFILE);
    tn_context_retain(p->context = c);
    tn__arena_init(&p->arena, &c->allocator);
    *out_profile = p;
    return NULL;
}

void tn_profile_release(tn_profile *p) {
    if (!TN__IS(p, PROFILE)) return;
    tn_context *c = p->context;
    tn__handle_deinit(&p->handle);
    TN__VEC_FREE(&c->allocator, &p->rows);
    tn__arena_deinit(&p->arena);
    tn__free(&c->allocator, p, sizeof *p);
    tn_context_release(c);
}

tn_error *tn__profile_add(tn_profile *p, const tn_profile_row *row) {
    tn_profile_row own = *row;
    const char **sources = TN__ARENA_ARRAY(&p->arena, const char *, (size_t)row->n_sources + 1);
    own.kind = tn__arena_strdup(&p->arena, row->kind);
    own.kernel = tn__arena_strdup(&p->arena, row->kernel);
    own.node = tn__arena_strdup(&p->arena, row->node);
    own.precision = tn__arena_strdup(&p->arena, row->precision);
    own.sources = sources;
    bool ok = sources && own.kind && own.kernel && own.node && own.precision;
    for (uint32_t i = 0; ok && i < row->n_sources; i++) ok = (sources[i] = tn__arena_strdup(&p->arena, row->sources[i])) != NULL;
    return ok && TN__PUSH(&p->context->allocator, &p->rows, own) ? NULL : tn__error_oom();
}

uint32_t tn_profile_get_count(const tn_profile *p) { return TN__IS(p, PROFILE) ? (uint32_t)p->rows.count : 0; }

tn_error *tn_profile_get_row(const tn_profile *profile, uint32_t index, tn_profile_row *out_row) {
    TN__HANDLE(profile, PROFILE);
    if (!out_row || out_row->struct_size < sizeof(size_t))
        return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_profile_get_row: out_row is NULL, or its struct_size is not set");
    if (index >= profile->rows.count)
        return TN__FAIL(&profile->context->allocator, OUT_OF_RANGE, "tn_profile_get_row: found %u, the profile has %zu rows", index,
                        profile->rows.count);
    size_t bytes = out_row->struct_size < sizeof *out_row ? out_row->struct_size : sizeof *out_row;
    tn_profile_row row = profile->rows.data[index];
    row.struct_size = out_row->struct_size;
    memcpy(out_row, &row, bytes);
    return NULL;
}
