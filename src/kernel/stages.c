/* Multi-stage kernels: neighbouring kernels over the same rows become the stages of one launch, so that what one stage writes
 * for a block of rows is read by the next from the nearest cache (softmax, layer norm, attention).
 *
 *   for o in lead x blocks of B rows, in parallel
 *     stage 0 over the rows of the block, ..., stage n - 1 over the rows of the block
 *
 * A kernel takes part when its outermost dims are the lead dims and the row dim m. It joins a group when what it reads of the
 * group's results lies, for every row, in that row: then the order of the stages within a block is all that their dependences
 * ask for.
 * Every kernel computes what it did before, in another order: the results are the same bits. */
#include "kernel/stages.h"

#include <stdlib.h>

#include "kernel/lower_tune.h"
#include "kernel/schedule.h"

enum {
    MOST_STAGES = 12,
    MOST_BLOCK = 56,             /* rows */
    MOST_FIXED = 256 << 10,      /* bytes that every block reads anew: they have to stay in the second cache level */
    LEAST_LINK = 256 << 10,      /* bytes between a product and its neighbour: for less it is better off alone, panel by panel */
    BLOCK_BYTES = 32 << 10,      /* of a block's results, without a product that sets the block */
    LEAST_OUTER = 8              /* steps of the launch when its work is worth several threads */
};

typedef struct rows {
    int64_t lead, m;
} rows;

/* Where the rows are in a kernel: dims [0, n_lead) and, of a kernel without schedule, [n_lead, end) for m. */
typedef struct place {
    int32_t n_lead, end;
} place;

static bool has_schedule(const tn__kernel *k) { return k->lanes != 0; }

static bool find_place(const tn__kernel *k, rows r, place *out) {
    int64_t n = 1;
    int32_t d = 0;
    for (; d < k->n_spatial && n < r.lead; d++) {
        if (has_schedule(k) && (d == k->v || d == k->j || d == k->m) && k->extent[d] > 1) return false;
        n *= k->extent[d];
    }
    if (n != r.lead || k->n_domain || k->n_stores || k->n_out_guards) return false;
    if (has_schedule(k) && k->n_dims == k->n_spatial) return false; /* turns tiles in registers: their rows are what they are */
    *out = (place){d, d};
    if (has_schedule(k)) return k->m >= 0 ? k->m >= d && k->extent[k->m] == r.m : r.m == 1;
    for (n = 1; d < k->n_spatial && n < r.m; d++) {
        if (n > 1 && !tn__schedule_can_merge(k, d - 1)) return false;
        n *= k->extent[d];
    }
    out->end = d;
    return n == r.m;
}

/* ---- accesses by row ----------------------------------------------------------------------------------------- */

typedef struct axis {
    int64_t extent, stride;
} axis;

/* Offsets of an access: base(row) + [low, high]. */
typedef struct access {
    int32_t n; /* axes of base: lead (neighbours that walk as one merged), then m; extents over 1 */
    axis axes[TN__K_DIMS + 1];
    int64_t low, high;
} access;

static void span(access *a, int64_t extent, int64_t stride) {
    int64_t reach = stride * (extent - 1);
    *(reach < 0 ? &a->low : &a->high) += reach;
}

static access access_of(const tn__kernel *k, const tn__kmap *map, place p) {
    access a = {.low = map->offset, .high = map->offset};
    bool scheduled = has_schedule(k);
    int32_t lane = k->r_lanes ? k->n_dims - 1 : k->v, group = k->r_lanes ? k->n_dims - 2 : k->j;
    bool tail = scheduled && k->v_tail && lane >= 0;
    for (int32_t d = 0; d < k->n_dims; d++) {
        int64_t e = k->extent[d], s = map->stride[d];
        bool row = d < p.n_lead || (scheduled ? d == k->m : d < p.end);
        if (row) {
            if (e == 1) continue;
            axis *last = a.n ? &a.axes[a.n - 1] : NULL;
            bool first_of_m = d >= p.n_lead && (scheduled || d == p.n_lead); /* lead and m stay apart */
            if (last && !first_of_m && last->stride == s * e) last->extent *= e, last->stride = s;
            else a.axes[a.n++] = (axis){e, s};
        } else if (tail && d == lane) {
            /* the last vector has v_tail lanes; the one in front of it, if further on, may end behind it */
            int64_t whole = group >= 0 && k->extent[group] > 1 ? s * (k->lanes - 1) : 0, rest = s * (k->v_tail - 1);
            int64_t step = group >= 0 ? map->stride[group] : 0, end = rest;
            if (group >= 0 && whole - step > rest) end = whole - step;
            *(end < 0 ? &a.low : &a.high) += end;
        } else {
            span(&a, e, s);
        }
    }
    return a;
}

static int by_stride(const void *x, const void *y) {
    const axis *a = x, *b = y;
    return (a->stride > b->stride) - (a->stride < b->stride);
}

/* Rows of both accesses have the same bases, and what they touch of a row lies in one window that no other row has a part in. */
static bool aligned(const access *a, const access *b) {
    if (a->n != b->n || memcmp(a->axes, b->axes, (size_t)a->n * sizeof(axis))) return false;
    int64_t low = a->low < b->low ? a->low : b->low, high = a->high > b->high ? a->high : b->high, width = high - low + 1;
    axis sorted[TN__K_DIMS + 1];
    memcpy(sorted, a->axes, sizeof sorted);
    qsort(sorted, (size_t)a->n, sizeof *sorted, by_stride);
    for (int32_t i = 0; i < a->n; i++) {
        if (sorted[i].stride < width) return false;
        width += sorted[i].stride * (sorted[i].extent - 1);
    }
    return true;
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

typedef struct group {
    tn__lower *l;
    rows rows;
    int32_t n;
    tn__stage stages[MOST_STAGES];
    bool parallel; /* some kernel is worth several threads by itself */
} group;

static tn__kernel *kernel_of(const tn__lower *l, const tn__stage *s) { return l->p->kernels.data[s->kernel]; }

static double work_of(const tn__kernel *k) {
    double n = k->n_exprs > 2 ? k->n_exprs / 2.0 : 1;
    for (int32_t d = 0; d < k->n_dims; d++) n *= (double)k->extent[d];
    return n;
}

static bool writes(const tn__lower *l, const tn__stage *s, uint32_t slot) { return s->slots[kernel_of(l, s)->out_buffer] == slot; }

static bool touches(const tn__stage *s, uint32_t slot) {
    for (uint32_t i = 0; i < s->n_slots; i++)
        if (s->slots[i] == slot) return true;
    return false;
}

/* Everything that `b` reads of what the group's stage `a` writes lies in the row that it is for. */
static bool reads_own_rows(const group *g, const tn__stage *a, place pa, const tn__stage *b, place pb, bool *out_reads) {
    const tn__kernel *ka = kernel_of(g->l, a), *kb = kernel_of(g->l, b);
    access written = access_of(ka, &ka->out_map, pa);
    for (int32_t i = 0; i < kb->n_exprs; i++) {
        const tn__kexpr *x = &kb->exprs[i];
        if (x->op != TN__KX_LOAD || !writes(g->l, a, b->slots[x->buffer])) continue;
        access read = access_of(kb, &x->map, pb);
        if (x->n_guards || x->arg[0] >= 0 || !aligned(&written, &read)) return false;
        if ((ka->flops > 0 || kb->flops > 0) && g->l->p->slots.data[b->slots[x->buffer]].bytes < LEAST_LINK) return false;
        *out_reads = true;
    }
    return true;
}

/* Bytes that a kernel reads again for every block of rows. */
static int64_t fixed_bytes(const tn__kernel *k, place p) {
    int64_t bytes = 0;
    for (int32_t i = 0; i < k->n_exprs; i++) {
        const tn__kexpr *x = &k->exprs[i];
        if (x->op != TN__KX_LOAD || (k->m >= 0 && x->map.stride[k->m])) continue;
        access a = access_of(k, &x->map, p);
        bytes += (a.high - a.low + 1) * 4;
    }
    return bytes;
}

/* One writes what the other touches under another name: parts of one slot. */
static bool shares_memory(const tn__lower *l, const tn__stage *a, const tn__stage *b) {
    for (int turn = 0; turn < 2; turn++) {
        const tn__stage *from = turn ? b : a, *to = turn ? a : b;
        uint32_t written = from->slots[kernel_of(l, from)->out_buffer], root = tn__slot_root(l->p, written);
        for (uint32_t i = 0; i < to->n_slots; i++)
            if (to->slots[i] != written && tn__slot_root(l->p, to->slots[i]) == root) return true;
    }
    return false;
}

/* May stage `s` follow the group's stages when all walk the rows `r`? */
static bool fits(const group *g, rows r, const tn__stage *s) {
    place ps, pa;
    const tn__kernel *k = kernel_of(g->l, s);
    if (r.lead * r.m < 2 || !find_place(k, r, &ps)) return false;
    if (r.m > 1 && has_schedule(k) && fixed_bytes(k, ps) > MOST_FIXED) return false;
    bool reads = g->n == 0;
    for (int32_t i = 0; i < g->n; i++) {
        const tn__stage *a = &g->stages[i];
        if (!find_place(kernel_of(g->l, a), r, &pa) || touches(a, s->slots[k->out_buffer])) return false;
        if (shares_memory(g->l, a, s)) return false;
        if (!reads_own_rows(g, a, pa, s, ps, &reads)) return false;
    }
    return reads;
}

/* The rows that a kernel's schedule suggests: the dims before m, some or all of them, and m. Most lead first. */
static bool suggests(const tn__kernel *k, int32_t n, rows *out) {
    if (!has_schedule(k) || k->m < 0 || k->n_domain || n > k->m) return false;
    *out = (rows){1, k->extent[k->m]};
    for (int32_t d = 0; d < k->m - n; d++) {
        if (d == k->v || d == k->j) return false;
        out->lead *= k->extent[d];
    }
    return true;
}

static bool join(group *g, const tn__stage *s) {
    const tn__kernel *k = kernel_of(g->l, s);
    if (g->n == MOST_STAGES) return false;
    if (g->n >= 2) {
        if (!fits(g, g->rows, s)) return false;
    } else {
        bool found = false;
        const tn__kernel *both[2] = {kernel_of(g->l, &g->stages[0]), k};
        for (int32_t b = 0; b < 2 && !found; b++)
            for (int32_t n = 0; !found && suggests(both[b], n, &g->rows); n++) found = fits(g, g->rows, s);
        if (!found) return false;
    }
    bool parallel = g->parallel || work_of(k) > 2 * TN__WORK_A_THREAD;
    if (parallel && g->rows.lead * tn__ceil_div(g->rows.m, 4) < LEAST_OUTER) return false;
    g->parallel = parallel;
    g->stages[g->n++] = *s;
    return true;
}

/* ---- schedules of a group ------------------------------------------------------------------------------------ */

/* The best rows of a tile that divide the block, at most those that the kernel was given alone. */
static int32_t tile_rows(const tn__kernel *k, int64_t block) {
    int32_t r = k->mr;
    while (block % r) r--;
    return r;
}

/* Rows of a block: of the least modelled cost of the products in it; without one, what keeps the results in the first cache. */
static int64_t choose_block(const group *g) {
    int64_t m = g->rows.m, best = 0, row_bytes = 0;
    double best_cost = 1e300;
    bool product = false;
    for (int32_t i = 0; i < g->n; i++) {
        const tn__kernel *k = kernel_of(g->l, &g->stages[i]);
        place p;
        find_place(k, g->rows, &p);
        access a = access_of(k, &k->out_map, p);
        row_bytes += (a.high - a.low + 1) * 4;
        if (k->flops > 0) product = true;
    }
    if (m <= 4) return m;
    if (!product) {
        int64_t b = 32;
        while (b > 4 && (b * row_bytes > BLOCK_BYTES || g->rows.lead * tn__ceil_div(m, b) < 2 * LEAST_OUTER)) b /= 2;
        return b < m ? b : m;
    }
    for (int64_t b = 4; b <= MOST_BLOCK && b <= m; b += b + 4 > m && b < m ? m - b : 4) {
        if (b > 4 && g->parallel && g->rows.lead * tn__ceil_div(m, b) < LEAST_OUTER) break;
        double cost = 0;
        for (int32_t i = 0; i < g->n; i++) {
            const tn__kernel *k = kernel_of(g->l, &g->stages[i]);
            if (!(k->flops > 0)) continue;
            int32_t r = tile_rows(k, b);
            /* the panel comes from the second level once a block */
            double steps = (double)(b / r) * tn__lower_step_cost(r, k->nv) + k->nv;
            cost += k->flops * steps / ((double)b * k->nv);
        }
        cost *= (double)(tn__ceil_div(m, b) * b) / (double)m; /* rows of the last block */
        if (cost < best_cost * 0.995) best_cost = cost, best = b;
    }
    return best;
}

/* The same, or what the table of tuned schedules says; -1: the kernels stay apart. */
static tn_error *tuned_block(const group *g, int64_t *out) {
    int64_t facts[3 + MOST_STAGES * (TN__K_DIMS + 1)];
    int32_t n = 0;
    uint32_t root = g->stages[0].node;
    *out = choose_block(g);
    if (!g->l->tuning || g->rows.m <= 4 || root == TN__NO_NODE) return NULL;
    facts[n++] = g->rows.lead, facts[n++] = g->rows.m, facts[n++] = g->n;
    for (int32_t i = 0; i < g->n; i++) {
        const tn__kernel *k = kernel_of(g->l, &g->stages[i]);
        facts[n++] = k->n_exprs;
        for (int32_t d = 0; d < k->n_dims; d++) facts[n++] = k->extent[d];
    }
    tn__space s = {.kind = TN__SPACE_BLOCK, .rows = g->rows.m};
    s.rule.value[TN__KNOB_block] = (int32_t)*out;
    tn__choice c;
    TN__TRY(tn__lower_site(g->l, "stages", root, &s, facts, n, &c));
    if (c.value[TN__KNOB_block]) *out = c.value[TN__KNOB_block];
    return NULL;
}

static void schedule_stage(tn__kernel *k, rows r, int64_t block, int32_t lanes) {
    place p;
    find_place(k, r, &p);
    if (has_schedule(k)) {
        if (k->m < 0) return;
        tn__schedule_move(k, k->m, p.n_lead);
        k->mr = tile_rows(k, block);
    } else {
        for (int32_t d = k->n_spatial - 2; d >= p.end; d--)
            if (tn__schedule_can_merge(k, d)) tn__schedule_merge_dim(k, d);
        for (int32_t d = p.end - 2; d >= p.n_lead; d--) tn__schedule_merge_dim(k, d);
        bool inner = p.end > p.n_lead ? k->n_spatial > p.n_lead + 1 : k->n_spatial > p.n_lead;
        k->m = p.end > p.n_lead ? p.n_lead : -1;
        if (inner) tn__schedule_vectors(k, lanes, k->n_exprs > 12 ? 2 : 4);
        else k->lanes = 1;
        int32_t most = inner && k->nv > 1 ? 2 : 4;
        if (k->m >= 0)
            for (k->mr = most; block % k->mr;) k->mr /= 2;
    }
    k->m_chunk = (int32_t)tn__ceil_div(block, k->mr);
}

/* ---- scratch ------------------------------------------------------------------------------------------------- */

/* Does nothing but the group touch the slot? */
static bool is_internal(const group *g, uint32_t slot, const uint32_t *uses) {
    uint32_t own = 0;
    for (int32_t i = 0; i < g->n; i++) own += touches(&g->stages[i], slot);
    const tn__slot *s = &g->l->p->slots.data[slot];
    return s->kind == TN__SLOT_ARENA && !s->has_parts && own == uses[slot];
}

/* What one step of the launch needs of a value: every access of the group to it, which all walk the rows alike. */
static void place_scratch(const group *g, int64_t block, uint32_t slot, const access *written, tn__scratch *out, size_t *out_bytes) {
    int64_t low = written->low, high = written->high, item = 0;
    for (int32_t i = 0; i < g->n; i++) {
        const tn__kernel *k = kernel_of(g->l, &g->stages[i]);
        place p;
        find_place(k, g->rows, &p);
        for (int32_t n = 0; n < k->n_exprs; n++) {
            const tn__kexpr *x = &k->exprs[n];
            if (x->op != TN__KX_LOAD || g->stages[i].slots[x->buffer] != slot) continue;
            access a = access_of(k, &x->map, p);
            if (a.low < low) low = a.low;
            if (a.high > high) high = a.high;
        }
        for (int32_t b = 0; b < k->n_buffers; b++)
            if (g->stages[i].slots[b] == slot) item = tn_dtype_bits(k->buffer_dtype[b]) / 8;
    }
    *out = (tn__scratch){.slot = slot, .low = low * item, .n_axes = written->n};
    int64_t row_stride = 0;
    for (int32_t i = 0; i < written->n; i++) {
        bool m = g->rows.m > 1 && i == written->n - 1;
        if (m) row_stride = written->axes[i].stride;
        out->extent[i] = m ? tn__ceil_div(g->rows.m, block) : written->axes[i].extent;
        out->stride[i] = written->axes[i].stride * item * (m ? block : 1);
    }
    *out_bytes = (size_t)((row_stride * (block - 1) + high - low + 1) * item);
}

/* Results that only the group reads become scratch of one block. Before the kernels get their schedules. */
static tn_error *make_scratch(tn__lower *l, const group *g, int64_t block, const uint32_t *uses, tn__step *out) {
    size_t total = 0;
    out->scratch = TN__ARENA_ARRAY(&l->p->arena, tn__scratch, (size_t)g->n);
    if (!out->scratch) return tn__error_oom();
    for (int32_t i = 0; i < g->n; i++) {
        const tn__kernel *k = kernel_of(l, &g->stages[i]);
        uint32_t slot = g->stages[i].slots[k->out_buffer];
        place p;
        find_place(k, g->rows, &p);
        access a = access_of(k, &k->out_map, p);
        if (a.n > TN__SCRATCH_AXES || !is_internal(g, slot, uses)) continue;
        size_t bytes;
        tn__scratch *s = &out->scratch[out->n_scratch++];
        place_scratch(g, block, slot, &a, s, &bytes);
        s->offset = total;
        total += (bytes + 63) / 64 * 64;
        l->p->slots.data[slot].kind = TN__SLOT_SCRATCH;
    }
    if (total > l->p->scratch_bytes) l->p->scratch_bytes = total;
    return NULL;
}

tn_error *tn__stages_take(tn__lower *l, const tn__step *steps, size_t n, const uint32_t *uses, size_t *out_taken,
                          tn__step *out) {
    group g = {.l = l};
    *out_taken = 0;
    for (size_t i = 0; i < n && steps[i].kind == TN__STEP_KERNEL && steps[i].n_stages == 1; i++) {
        if (i == 0) g.stages[g.n++] = steps[0].stages[0], g.parallel = work_of(kernel_of(l, g.stages)) > 2 * TN__WORK_A_THREAD;
        else if (!join(&g, &steps[i].stages[0])) break;
    }
    if (g.n < 2) return NULL;
    int64_t block, work = 0;
    TN__TRY(tuned_block(&g, &block));
    if (block < 0) return NULL;
    int64_t outer = g.rows.lead * tn__ceil_div(g.rows.m, block);
    *out = (tn__step){.kind = TN__STEP_KERNEL, .n_stages = (uint32_t)g.n, .outer = outer};
    for (int32_t i = 0; i < g.n; i++) {
        out->source = tn__sources_merge(l->g->sources, out->source, steps[i].source);
        if (steps[i].source && !out->source) return tn__error_oom();
    }
    TN__TRY(make_scratch(l, &g, block, uses, out));
    for (int32_t i = 0; i < g.n; i++) {
        tn__kernel *k = kernel_of(l, &g.stages[i]);
        schedule_stage(k, g.rows, block, l->w);
        tn__kernel_finish(k);
        if (k->grid % outer) return TN__FAIL(l->a, INTERNAL, "kernel %s does not cut into %lld blocks", k->name, (long long)outer);
        g.stages[i].inner = k->grid / outer;
        work += k->work * g.stages[i].inner;
    }
    out->grain = TN__WORK_A_THREAD / work + 1;
    out->stages = tn__arena_copy(&l->p->arena, g.stages, (size_t)g.n * sizeof *g.stages);
    *out_taken = (size_t)g.n;
    return out->stages ? NULL : tn__error_oom();
}
