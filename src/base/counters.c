#include "base/counters.h"

static bool counters_init(tn_context *c, void *object) {
    (void)c;
    ((tn__counters *)object)->source = &tn__os_counter_source;
    return true;
}

static void counters_deinit(tn_context *c, void *object) {
    (void)c;
    tn__counters *s = object;
    for (int i = 0; i < TN__COUNTER_SEATS; i++)
        if (s->seats[i].counters.thread) s->source->close(&s->seats[i].counters);
}

static const tn__shared_kind counters_kind = {sizeof(tn__counters), counters_init, counters_deinit};

tn__counters *tn__counters_of(tn_context *c) { return tn__context_get_shared(c, &counters_kind); }

/* The calling thread's, opened when it comes for the first time; NULL: all seats are taken. A thread that ended leaves its seat to the next
 * one with the same identity, which opens counters of its own. */
static const tn__os_counters *counters_mine(tn__counters *s) {
    uintptr_t self = tn__os_thread_self();
    for (uint32_t i = 0, at = (uint32_t)(self >> 12); i < TN__COUNTER_SEATS; i++, at++) {
        atomic_uintptr_t *owner = &s->seats[at % TN__COUNTER_SEATS].owner;
        tn__os_counters *c = &s->seats[at % TN__COUNTER_SEATS].counters;
        uintptr_t found = atomic_load_explicit(owner, memory_order_acquire);
        if (!found && atomic_compare_exchange_strong(owner, &found, self)) found = self;
        if (found != self) continue;
        if (c->thread && tn__os_counters_are_mine(c)) return c;
        if (c->thread) s->source->close(c);
        s->source->open(c);
        return c;
    }
    return NULL;
}

void tn__count_begin(const tn__count_to *to, tn__count_start *out) {
    if (!to->counters) return;
    out->counters = counters_mine(to->counters);
    out->counts.valid = 0;
    if (out->counters) to->counters->source->read(out->counters, &out->counts);
}

void tn__count_end(const tn__count_to *to, const tn__count_start *start) {
    if (!to->counters) return;
    tn__os_counts now = {.valid = 0};
    if (start->counters && start->counts.valid) to->counters->source->read(start->counters, &now);
    uint32_t valid = now.valid & start->counts.valid;
    if (now.missed_ns != start->counts.missed_ns) valid &= ~((1u << TN__N_EVENTS) - 1);
    for (int k = 0; k < TN__N_COUNTERS; k++) {
        if (valid >> k & 1) atomic_fetch_add_explicit(&to->sums->value[k], now.value[k] - start->counts.value[k], memory_order_relaxed);
    }
    if (valid != TN__COUNTERS_ALL) atomic_fetch_or_explicit(&to->sums->missed, ~valid & TN__COUNTERS_ALL, memory_order_relaxed);
}

void tn__count_sums_reset(tn__count_sums *s) {
    for (int k = 0; k < TN__N_COUNTERS; k++) atomic_store(&s->value[k], 0);
    atomic_store(&s->missed, 0);
}
