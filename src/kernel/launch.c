/* From kernels in order to launches: the schedules that the walk left open, grids, and the lifetimes of slots. */
#include "kernel/lower_tune.h"
#include "kernel/schedule.h"
#include "kernel/stages.h"

#include <stdio.h>

/* A launch of one kernel. */
static tn_error *push_single(tn__lower *l, tn__step s) {
    tn__kernel *k = l->p->kernels.data[s.stages[0].kernel];
    tn__kernel_finish(k);
    s.stages[0].inner = 1;
    s.outer = k->grid;
    s.grain = TN__WORK_A_THREAD / k->work + 1;
    return TN__PUSH(l->a, &l->p->steps, s) ? NULL : tn__error_oom();
}

/* Schedules an elementwise kernel alone; what fills no vector becomes a launch of its own. At most one cut per dim of a tile. */
static tn_error *push_elementwise(tn__lower *l, tn__step s) {
    tn__kernel *k = l->p->kernels.data[s.stages[0].kernel], *tail = tn__alloc_zero(l->a, sizeof *tail);
    if (!tail) return tn__error_oom();
    bool rows = tn__schedule_elementwise(k, l->w, tail) && k->lanes && s.stages[0].node != TN__NO_NODE;
    tn_error *e = rows ? tn__lower_rows(l, "ew", s.stages[0].node, 16, 1, k) : NULL;
    if (e) return tn__free(l->a, tail, sizeof *tail), e;
    e = k->lanes ? push_single(l, s) : push_elementwise(l, s);
    if (e || !tail->n_dims) return tn__free(l->a, tail, sizeof *tail), e;
    snprintf(tail->name + strlen(tail->name), sizeof tail->name - strlen(tail->name), "_t%zu", l->p->kernels.count);
    if (!TN__PUSH(l->a, &l->p->kernels, tail)) return tn__free(l->a, tail, sizeof *tail), tn__error_oom();
    s.stages = tn__arena_copy(&l->p->arena, s.stages, sizeof *s.stages);
    if (!s.stages) return tn__error_oom();
    s.stages[0].kernel = (uint32_t)l->p->kernels.count - 1;
    return tail->lanes ? push_single(l, s) : push_elementwise(l, s);
}

/* How many steps touch each slot. Each raw step names a slot once for each kernel buffer or operand. */
static void count_uses(const tn__step *steps, size_t n, uint32_t *uses) {
    for (size_t i = 0; i < n; i++) {
        bool kernel = steps[i].kind == TN__STEP_KERNEL;
        for (uint32_t s = 0; s < (kernel ? steps[i].n_stages : 1); s++) {
            const uint32_t *slots = kernel ? steps[i].stages[s].slots : steps[i].slots;
            uint32_t count = kernel ? steps[i].stages[s].n_slots : steps[i].n_slots;
            for (uint32_t k = 0; k < count; k++)
                if (slots[k] != TN__NO_SLOT) uses[slots[k]]++;
        }
    }
}

static void touch(tn__kprogram *p, const uint32_t *slots, uint32_t n, int32_t now) {
    for (uint32_t i = 0; i < n; i++) {
        if (slots[i] == TN__NO_SLOT) continue;
        tn__slot *s = &p->slots.data[slots[i]];
        if (s->first < 0) s->first = now;
        s->last = now;
    }
}

tn_error *tn__lower_schedule(tn__lower *l) {
    tn__kprogram *p = l->p;
    size_t n = p->steps.count, capacity = p->steps.capacity;
    tn__step *old = p->steps.data;
    uint32_t *uses = tn__alloc_zero(l->a, (p->slots.count + 1) * sizeof *uses);
    tn_error *e = uses ? NULL : tn__error_oom();
    if (uses) count_uses(old, n, uses);
    p->steps.data = NULL, p->steps.count = p->steps.capacity = 0;
    for (size_t i = 0; !e && i < n; i++) {
        tn__step together;
        size_t taken = 0;
        if (l->stages) e = tn__stages_take(l, &old[i], n - i, uses, &taken, &together);
        if (e) break;
        if (taken) {
            i += taken - 1;
            e = TN__PUSH(l->a, &p->steps, together) ? NULL : tn__error_oom();
        } else if (old[i].kind != TN__STEP_KERNEL || old[i].n_stages > 1) e = TN__PUSH(l->a, &p->steps, old[i]) ? NULL : tn__error_oom();
        else if (p->kernels.data[old[i].stages[0].kernel]->lanes == 0) e = push_elementwise(l, old[i]);
        else e = push_single(l, old[i]);
    }
    tn__free(l->a, old, capacity * sizeof *old);
    tn__free(l->a, uses, (p->slots.count + 1) * sizeof *uses);
    for (size_t i = 0; !e && i < p->steps.count; i++) {
        const tn__step *s = &p->steps.data[i];
        touch(p, s->slots, s->n_slots, (int32_t)i);
        for (uint32_t k = 0; k < s->n_stages; k++) touch(p, s->stages[k].slots, s->stages[k].n_slots, (int32_t)i);
    }
    if (!e && l->in_place) tn__lower_in_place(p);
    if (!e && l->in_place) e = tn__lower_aliases(l);
    return e;
}

int64_t tn__range_check_first(const tn__range_check *c, tn_dtype dtype, const void *data, int64_t elements) {
    const int32_t *narrow = data;
    const int64_t *wide = data;
    for (int64_t i = c->first; i < elements; i += c->every) {
        int64_t x = dtype == TN_DTYPE_i32 ? narrow[i] : wide[i];
        if (x < c->low || x > c->high) return i;
    }
    return -1;
}
