/* The profile of a program's steps on the cpu device. */
#include "device/cpu/profile.h"

void tn__step_time_add(tn__step_time *t, uint64_t ns) {
    atomic_fetch_add_explicit(&t->runs, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&t->total_ns, ns, memory_order_relaxed);
    uint_fast64_t least = atomic_load_explicit(&t->least_ns, memory_order_relaxed);
    while ((!least || ns < least) &&
           !atomic_compare_exchange_weak_explicit(&t->least_ns, &least, ns, memory_order_relaxed, memory_order_relaxed)) {}
}

static const char *node_name(const tn__kprogram *p, uint32_t node) {
    if (node == TN__NO_NODE) return "";
    const char *name = p->graph->nodes.data[node].name;
    return name ? name : "";
}

static void add_slots(const tn__kprogram *p, const uint32_t *slots, uint32_t n, tn__profile_row *r) {
    for (uint32_t i = 0; i < n; i++)
        if (slots[i] != UINT32_MAX) r->bytes += p->slots.data[slots[i]].bytes;
}

/* What stands still is read (or written) by every trip, what advances once; a slot holds the parts of all strands. */
static void add_loop(const tn__kprogram *p, const tn__loop *loop, tn__profile_row *r) {
    for (uint32_t i = 0; i < loop->n_strands * loop->n_launches; i++) {
        const tn__loop_launch *at = &loop->launches[i];
        r->flops += p->kernels.data[at->kernel]->flops * (double)loop->trips;
        for (uint32_t b = 0; b < at->n_buffers; b++)
            r->bytes += p->slots.data[at->buffers[b].slot].bytes / loop->n_strands * (at->buffers[b].advance ? 1 : (uint64_t)loop->trips);
    }
}

static tn__profile_row row_of(const tn__kprogram *p, const tn__step *s) {
    tn__profile_row r = {0};
    switch (s->kind) {
    case TN__STEP_KERNEL:
        r.kind = "kernel";
        r.symbol = p->kernels.data[s->stages[0].kernel]->name;
        r.node = node_name(p, s->stages[0].node);
        r.stages = s->n_stages;
        for (uint32_t i = 0; i < s->n_stages; i++) {
            r.flops += p->kernels.data[s->stages[i].kernel]->flops;
            add_slots(p, s->stages[i].slots, s->stages[i].n_slots, &r);
        }
        return r;
    case TN__STEP_COPY: r.kind = "copy", r.symbol = "copy", r.node = ""; break;
    case TN__STEP_CALL: r.kind = "call"; break;
    case TN__STEP_CHECK: r.kind = "check"; break;
    case TN__STEP_LOOP:
        r.kind = "loop";
        add_loop(p, s->loop, &r);
        break;
    }
    if (s->kind != TN__STEP_COPY) r.symbol = tn__op_text(p->graph->nodes.data[s->node].op, p->graph->nodes.data[s->node].attrs), r.node = node_name(p, s->node);
    if (s->kind != TN__STEP_LOOP) add_slots(p, s->slots, s->n_slots, &r);
    return r;
}

tn_error *tn__cpu_profile(const tn__kprogram *p, const tn__step_time *times, tn__profile *out) {
    for (size_t i = 0; i < p->steps.count; i++) {
        tn__profile_row r = row_of(p, &p->steps.data[i]);
        r.runs = atomic_load(&times[i].runs);
        r.total_ns = atomic_load(&times[i].total_ns);
        r.least_ns = atomic_load(&times[i].least_ns);
        if (!TN__PUSH(out->allocator, &out->rows, r)) return tn__error_oom();
    }
    return NULL;
}
