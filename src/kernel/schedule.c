#include "kernel/schedule.h"

typedef void map_fn(tn__kmap *map, int32_t d, int64_t by);

static void each_map(tn__kernel *k, map_fn *f, int32_t d, int64_t by) {
    f(&k->out_map, d, by);
    for (int32_t n = 0; n < k->n_out_guards; n++) f(&k->out_guard[n].map, d, by);
    for (int32_t n = 0; n < k->n_stores; n++) f(&k->stores[n].map, d, by);
    for (int32_t n = 0; n < k->n_exprs; n++) {
        tn__kexpr *x = &k->exprs[n];
        if (x->op != TN__KX_LOAD) continue;
        f(&x->map, d, by);
        for (int32_t g = 0; g < x->n_guards; g++) f(&x->guard[g].map, d, by);
    }
}

static void remove_stride(tn__kmap *m, int32_t d, int64_t by) {
    (void)by;
    memmove(&m->stride[d], &m->stride[d + 1], (size_t)(TN__K_DIMS - 1 - d) * sizeof *m->stride);
    m->stride[TN__K_DIMS - 1] = 0;
}

static void remove_dim(tn__kernel *k, int32_t d) {
    each_map(k, remove_stride, d, 0);
    memmove(&k->extent[d], &k->extent[d + 1], (size_t)(TN__K_DIMS - 1 - d) * sizeof *k->extent);
    k->n_dims--;
    if (d < k->n_spatial) k->n_spatial--;
}

static bool walks(const tn__kmap *m, int32_t d, int64_t extent) { return m->stride[d] == m->stride[d + 1] * extent; }

bool tn__schedule_can_merge(const tn__kernel *k, int32_t d) {
    if (!walks(&k->out_map, d, k->extent[d + 1])) return false;
    for (int32_t n = 0; n < k->n_stores; n++)
        if (!walks(&k->stores[n].map, d, k->extent[d + 1])) return false;
    for (int32_t n = 0; n < k->n_exprs; n++) {
        const tn__kexpr *x = &k->exprs[n];
        if (x->op != TN__KX_LOAD) continue;
        if (!walks(&x->map, d, k->extent[d + 1])) return false;
        for (int32_t g = 0; g < x->n_guards; g++)
            if (!walks(&x->guard[g].map, d, k->extent[d + 1])) return false;
    }
    return true;
}

void tn__schedule_merge_dim(tn__kernel *k, int32_t d) {
    k->extent[d + 1] *= k->extent[d];
    remove_dim(k, d);
}

void tn__schedule_merge(tn__kernel *k) {
    for (int32_t d = k->n_spatial - 1; d >= 0; d--)
        if (k->extent[d] == 1 && k->n_spatial > 1) remove_dim(k, d);
    for (int32_t d = k->n_spatial - 2; d >= 0; d--)
        if (tn__schedule_can_merge(k, d)) tn__schedule_merge_dim(k, d);
}

static void move_stride(tn__kmap *m, int32_t from, int64_t to) {
    int64_t s = m->stride[from];
    memmove(&m->stride[to + 1], &m->stride[to], (size_t)(from - to) * sizeof s);
    m->stride[to] = s;
}

void tn__schedule_move(tn__kernel *k, int32_t from, int32_t to) {
    int64_t extent = k->extent[from];
    int32_t *const fixed[3] = {&k->m, &k->j, &k->v};
    each_map(k, move_stride, from, to);
    memmove(&k->extent[to + 1], &k->extent[to], (size_t)(from - to) * sizeof extent);
    k->extent[to] = extent;
    for (int i = 0; i < 3; i++) {
        if (*fixed[i] == from) *fixed[i] = to;
        else if (*fixed[i] >= to && *fixed[i] < from) ++*fixed[i];
    }
}

static void split_stride(tn__kmap *m, int32_t d, int64_t by) {
    memmove(&m->stride[d + 1], &m->stride[d], (size_t)(TN__K_DIMS - 1 - d) * sizeof *m->stride);
    m->stride[d] = m->stride[d + 1] * by;
}

void tn__schedule_split(tn__kernel *k, int32_t d, int64_t by) {
    each_map(k, split_stride, d, by);
    memmove(&k->extent[d + 1], &k->extent[d], (size_t)(TN__K_DIMS - 1 - d) * sizeof *k->extent);
    k->extent[d] /= by;
    k->extent[d + 1] = by;
    k->n_dims++;
    if (d < k->n_spatial) k->n_spatial++;
}

void tn__schedule_vectors(tn__kernel *k, int32_t lanes, int32_t most_nv) {
    int32_t last = k->n_spatial - 1;
    int64_t n = k->extent[last];
    lanes = tn__lanes_along(n, lanes);
    k->extent[last] = tn__ceil_div(n, lanes) * lanes; /* the lanes behind the end are masked */
    tn__schedule_split(k, last, lanes);
    k->lanes = lanes;
    k->j = last, k->v = last + 1;
    k->v_tail = (int32_t)(n % lanes);
    k->nv = (int32_t)(k->extent[last] < most_nv ? k->extent[last] : most_nv);
}

static void shift_start(tn__kmap *m, int32_t d, int64_t by) { m->offset += m->stride[d] * by; }

/* Gives *tail what lies from `keep` on along dim d, and leaves k the rest. */
static void cut(tn__kernel *k, tn__kernel *tail, int32_t d, int64_t keep) {
    *tail = *k;
    each_map(tail, shift_start, d, keep);
    tail->extent[d] = k->extent[d] - keep;
    k->extent[d] = keep;
}

/* The dim that loads walk by ones while the last one, by which results lie side by side, is far apart in some load: tiles of it and
 * the last dim are turned in registers (emit.c: stores_turned). -1: none. */
static int32_t turned_dim(const tn__kernel *k, int32_t lanes) {
    int32_t last = k->n_spatial - 1;
    if (k->n_stores || k->out_map.stride[last] != 1 || k->buffer_dtype[k->out_buffer] == TN_DTYPE_bool || k->extent[last] < lanes) return -1;
    for (int32_t d = last - 1; d >= 0; d--) {
        bool fits = k->extent[d] >= lanes && k->out_map.stride[d] > 1, gains = false;
        for (int32_t n = 0; fits && n < k->n_exprs; n++) {
            const tn__kexpr *x = &k->exprs[n];
            if (x->op != TN__KX_LOAD) continue;
            fits = x->arg[0] < 0 && (x->map.stride[d] == 0 || x->map.stride[d] == 1);
            gains |= x->map.stride[d] == 1 && x->map.stride[last] != 0 && x->map.stride[last] != 1;
        }
        if (fits && gains) return d;
    }
    return -1;
}

/* A last dim of 2, 4 or 8 steps under one that loads walk by ones: vectors along that one, woven together when they are stored. */
static bool can_weave(const tn__kernel *k, int32_t lanes) {
    int32_t last = k->n_spatial - 1;
    int64_t n = k->extent[last];
    if (last < 1 || n < 2 || n > TN__K_WOVEN || n & (n - 1) || k->n_stores || k->buffer_dtype[k->out_buffer] == TN_DTYPE_bool) return false;
    if (k->extent[last - 1] < lanes || k->out_map.stride[last] != 1 || k->out_map.stride[last - 1] != n) return false;
    for (int32_t i = 0; i < k->n_exprs; i++) {
        const tn__kexpr *x = &k->exprs[i];
        if (x->op == TN__KX_LOAD && (x->arg[0] >= 0 || (x->map.stride[last - 1] != 0 && x->map.stride[last - 1] != 1))) return false;
    }
    return true;
}

bool tn__schedule_elementwise(tn__kernel *k, int32_t lanes, tn__kernel *tail) {
    tail->n_dims = 0;
    tn__schedule_merge(k);
    int32_t last = k->n_spatial - 1, turned = turned_dim(k, lanes);
    int64_t n = k->extent[last], main_part = n / lanes * lanes;
    k->j = -1;
    if (turned >= 0) {
        int32_t uneven = n > main_part ? last : k->extent[turned] % lanes ? turned : -1;
        if (uneven >= 0) { /* both parts come by here again */
            cut(k, tail, uneven, k->extent[uneven] / lanes * lanes);
            return false;
        }
        tn__schedule_split(k, turned, lanes);
        k->lanes = k->mr = lanes;
        k->v = turned + 1;
        k->m = last + 1;
        k->m_chunk = 16;
        return false;
    }
    k->lanes = lanes;
    if (can_weave(k, lanes)) {
        int64_t whole = k->extent[last - 1] / lanes * lanes;
        if (k->extent[last - 1] > whole) cut(k, tail, last - 1, whole), tail->lanes = 0;
        tn__schedule_split(k, last - 1, lanes);
        k->v = last;
        k->m = last + 1;
        k->mr = (int32_t)n;
        k->m_chunk = 1;
        return false;
    }
    if (n > main_part && main_part) cut(k, tail, last, main_part);
    if (main_part) {
        tn__schedule_split(k, last, lanes);
        k->v = last + 1;
        k->m = last;
        k->mr = k->n_exprs > 12 ? 2 : 4;
        k->m_chunk = 64;
    } else { /* shorter than a vector: one masked vector a step, rows along the dim before */
        tail = k;
    }
    tn__kernel *rest = main_part ? tail : k;
    if (rest->n_dims) {
        rest->v = last;
        rest->lanes = tn__lanes_along(rest->extent[last], lanes);
        rest->v_tail = (int32_t)(rest->extent[last] % rest->lanes);
        rest->j = -1;
        rest->m = last > 0 ? last - 1 : -1;
        rest->mr = last > 0 ? (int32_t)(rest->extent[last - 1] < 4 ? rest->extent[last - 1] : 4) : 1;
        rest->m_chunk = 64;
    }
    return true;
}
