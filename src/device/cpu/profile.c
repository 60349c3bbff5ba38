/* The profile of a program's steps on the cpu device. */
#include "device/cpu/profile.h"

/* `bytes` of a slot are read or written. */
static void add_slot(const tn__kprogram *p, uint32_t slot, uint64_t bytes, tn_profile_row *r) {
    const tn__slot *s = &p->slots.data[slot];
    while (s->kind == TN__SLOT_PART) s = &p->slots.data[s->index];
    r->bytes += bytes;
    if (s->kind == TN__SLOT_CONSTANT) r->constant_bytes += bytes;
}

static void add_slots(const tn__kprogram *p, const uint32_t *slots, uint32_t n, tn_profile_row *r) {
    for (uint32_t i = 0; i < n; i++)
        if (slots[i] != UINT32_MAX) add_slot(p, slots[i], p->slots.data[slots[i]].bytes, r);
}

/* What the products of a kernel multiply. */
static tn_dtype product_dtype(const tn__kernel *k) {
    if (k->body < 0 || !(k->flops > 0)) return TN_DTYPE_NONE;
    const tn__kexpr *x = &k->exprs[k->body];
    return x->op == TN__KX_DOT4 ? TN_DTYPE_i8 : x->dtype;
}

static void add_products(const tn__kernel *k, double times, double *most, tn_profile_row *r) {
    r->flops += k->flops * times;
    if (k->flops * times <= *most) return;
    *most = k->flops * times;
    r->product_dtype = product_dtype(k);
}

/* What stands still is read (or written) by every trip, what advances once; a slot holds the parts of all strands. */
static void add_loop(const tn__kprogram *p, const tn__loop *loop, tn_profile_row *r) {
    double most = 0;
    for (uint32_t i = 0; i < loop->n_strands * loop->n_launches; i++) {
        const tn__loop_launch *at = &loop->launches[i];
        add_products(p->kernels.data[at->kernel], (double)loop->trips, &most, r);
        for (uint32_t b = 0; b < at->n_buffers; b++)
            add_slot(p, at->buffers[b].slot,
                     p->slots.data[at->buffers[b].slot].bytes / loop->n_strands * (at->buffers[b].advance ? 1 : (uint64_t)loop->trips), r);
    }
}

tn_profile_row tn__cpu_row(const tn__kprogram *p, const tn__step *s) {
    static const char *const kinds[] = {[TN__STEP_KERNEL] = "kernel", [TN__STEP_CALL] = "call", [TN__STEP_COPY] = "copy",
                                        [TN__STEP_LOOP] = "loop", [TN__STEP_CHECK] = "check"};
    uint32_t node = s->kind == TN__STEP_KERNEL ? s->stages[0].node : s->kind == TN__STEP_COPY ? TN__NO_NODE : s->node;
    tn_profile_row r = tn__profile_row_of(p->graph, node == TN__NO_NODE ? NULL : &p->graph->nodes.data[node], s->source, kinds[s->kind]);
    r.live_bytes = s->live_bytes;
    r.precision = tn__narrowing_text(tn__kprogram_narrowing(p, s));
    if (s->kind == TN__STEP_KERNEL) r.kernel = p->kernels.data[s->stages[0].kernel]->name, r.stages = s->n_stages;
    double most = 0;
    for (uint32_t i = 0; i < s->n_stages; i++) {
        add_products(p->kernels.data[s->stages[i].kernel], 1, &most, &r);
        add_slots(p, s->stages[i].slots, s->stages[i].n_slots, &r);
    }
    if (s->kind == TN__STEP_LOOP) add_loop(p, s->loop, &r);
    else if (s->kind != TN__STEP_KERNEL) add_slots(p, s->slots, s->n_slots, &r);
    return r;
}

tn_error *tn__cpu_profile(const tn__kprogram *p, tn__step_time *times, tn__count_sums *sums, tn_profile *out) {
    for (size_t i = 0; i < p->steps.count; i++) {
        if (!out) {
            tn__step_time_reset(&times[i]);
            if (sums) tn__count_sums_reset(&sums[i]);
            continue;
        }
        tn_profile_row r = tn__cpu_row(p, &p->steps.data[i]);
        tn__step_time_read(&times[i], &r);
        if (sums) tn__count_sums_read(&sums[i], &r);
        TN__TRY(tn__profile_add(out, &r));
    }
    return NULL;
}
