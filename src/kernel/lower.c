/* Lowering: layouts, groups, and the walk over the graph that turns groups into kernels and the rest into calls. */
#include "kernel/lower_integer.h"
#include "kernel/lower_maps.h"
#include "kernel/pack.h"
#include "kernel/schedule.h"

#include <stdio.h>

/* ---- slots --------------------------------------------------------------------------------------------------- */

uint32_t tn__lower_slot(tn__lower *l, tn__slot_kind kind, size_t bytes) {
    tn__slot s = {.kind = kind, .bytes = bytes, .first = -1, .last = -1};
    if (l->p->slots.count >= TN__NO_SLOT || !TN__PUSH(l->a, &l->p->slots, s)) return TN__NO_SLOT;
    return (uint32_t)l->p->slots.count - 1;
}

/* For people who look at the program. */
static void name_slot(tn__lower *l, uint32_t slot, tn_value v, int32_t block) {
    tn__slot *s = &l->p->slots.data[slot];
    if (!s->value) s->value = v.id, s->block = block;
}

size_t tn__lower_bytes(const tn__type *t, int32_t block) {
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++) n *= block && i == 1 ? tn__ceil_div(t->dims[i], block) * block : t->dims[i];
    return tn__dtype_bytes(t->dtype, n);
}

tn_error *tn__lower_constant_slot(tn__lower *l, tn_tensor *t, uint32_t *out_slot) {
    *out_slot = tn__lower_slot(l, TN__SLOT_CONSTANT, t->bytes);
    if (*out_slot == TN__NO_SLOT) return tn__error_oom();
    tn_tensor_retain(t);
    l->p->slots.data[*out_slot].constant = t;
    l->p->slots.data[*out_slot].data = t->data;
    l->p->constant_bytes += t->bytes;
    return NULL;
}

tn_error *tn__lower_define(tn__lower *l, tn_value v, uint32_t *out_slot) {
    tn__lower_value *lv = &l->values[v.id];
    uint32_t *slot = lv->block ? &lv->blocked : &lv->plain;
    if (*slot == TN__NO_SLOT) {
        *slot = tn__lower_slot(l, TN__SLOT_ARENA, tn__lower_bytes(tn__type_of(l->g, v), lv->block));
        if (*slot == TN__NO_SLOT) return tn__error_oom();
        name_slot(l, *slot, v, lv->block);
    }
    *out_slot = *slot;
    return NULL;
}

/* A copy kernel of dims (n, channel block, ...) between the layouts; the caller sets the schedule. */
static tn__kernel *reorder_kernel(tn__lower *l, const char *stem, tn_dtype dtype, int32_t n_dims, const int64_t *extent, const tn__kmap *in,
                                  const tn__kmap *out) {
    tn__kernel *k = tn__lower_kernel(l, stem, TN__NO_NODE);
    if (!k) return NULL;
    k->n_buffers = 2;
    k->buffer_dtype[0] = k->buffer_dtype[1] = tn__kernel_copy_dtype(dtype);
    k->out_buffer = 1;
    k->lanes = l->w;
    k->n_dims = k->n_spatial = n_dims;
    memcpy(k->extent, extent, (size_t)n_dims * sizeof *extent);
    k->epilogue = tn__kx_load(k, 0, in);
    k->out_map = *out;
    return k;
}

/* Row-major to blocked. Pixels by the vector where they fill one: w channels x w pixels are turned in registers; the rest by gathers,
 * with a guard on the channels that do not exist. */
static tn_error *reorder_to_blocked(tn__lower *l, const tn__type *t, const uint32_t *slots) {
    int64_t n = t->dims[0], c = t->dims[1], s = 1, w = l->w, blocks = tn__ceil_div(c, w), whole = c / w;
    for (int32_t i = 2; i < t->rank; i++) s *= t->dims[i];
    int64_t turned = whole ? s / w * w : 0;
    if (turned) {
        tn__kmap in = {0, {c * s, w * s, w, s, 1}}, out = {0, {blocks * s * w, s * w, w * w, 1, w}};
        tn__kernel *k = reorder_kernel(l, "block", t->dtype, 5, (int64_t[]){n, whole, turned / w, w, w}, &in, &out);
        if (!k) return tn__error_oom();
        k->m = 3, k->mr = (int32_t)w, k->v = 4;
        TN__TRY(tn__lower_launch(l, k, slots, TN__NO_NODE));
    }
    for (int part = 0; part < 2; part++) { /* pixels left over of the whole blocks; all pixels of the last block */
        int64_t first = part ? whole : 0, count = part ? blocks - whole : whole, from = part ? 0 : turned;
        if (!count || from == s) continue;
        tn__kmap in = {first * w * s + from, {c * s, w * s, 1, s}}, out = {(first * s + from) * w, {blocks * s * w, s * w, w, 1}};
        tn__kernel *k = reorder_kernel(l, "block", t->dtype, 4, (int64_t[]){n, count, s - from, w}, &in, &out);
        if (!k) return tn__error_oom();
        if (part) {
            tn__kexpr *x = &k->exprs[k->epilogue];
            x->n_guards = 1;
            x->guard[0] = (tn__kguard){{first * w, {0, w, 0, 1}}, c};
        }
        k->v = 3, k->m = 2, k->mr = s - from < 4 ? (int32_t)(s - from) : 4, k->m_chunk = 64;
        TN__TRY(tn__lower_launch(l, k, slots, TN__NO_NODE));
    }
    return NULL;
}

/* Blocked to row-major: whole blocks by turned tiles of w pixels; the last block, if not full, channel by channel. */
static tn_error *reorder_to_plain(tn__lower *l, const tn__type *t, const uint32_t *slots) {
    int64_t n = t->dims[0], c = t->dims[1], s = 1, w = l->w, blocks = tn__ceil_div(c, w), whole = c / w, rest = c % w;
    for (int32_t i = 2; i < t->rank; i++) s *= t->dims[i];
    if (whole) {
        tn__kmap in = {0, {blocks * s * w, s * w, w, 1}}, out = {0, {c * s, w * s, 1, s}};
        tn__kernel *k = reorder_kernel(l, "unblock", t->dtype, 4, (int64_t[]){n, whole, s, w}, &in, &out);
        if (!k) return tn__error_oom();
        k->m = 2, k->mr = (int32_t)w, k->v = 3, k->m_chunk = 16;
        TN__TRY(tn__lower_launch(l, k, slots, TN__NO_NODE));
    }
    if (!rest) return NULL;
    tn__kmap in = {whole * s * w, {blocks * s * w, 1, w}}, out = {whole * w * s, {c * s, s, 1}};
    tn__kernel *k = reorder_kernel(l, "unblock", t->dtype, 3, (int64_t[]){n, rest, s}, &in, &out);
    return k ? tn__lower_launch_elementwise(l, k, slots, TN__NO_NODE) : tn__error_oom();
}

tn_error *tn__lower_get(tn__lower *l, tn_value v, int32_t block, int32_t axis, uint32_t *out_slot) {
    tn__lower_value *lv = &l->values[v.id];
    uint32_t *slot = block ? &lv->blocked : &lv->plain;
    *out_slot = *slot;
    const tn_tensor *constant = tn__constant_peek(l->g, v);
    if (constant && block) { /* the axis may differ between users: not kept */
        TN__TRY(tn__pack_blocked(l, constant, axis, out_slot));
        name_slot(l, *out_slot, v, block);
        return NULL;
    }
    if (*slot != TN__NO_SLOT) return NULL;
    if (constant) {
        TN__TRY(tn__lower_constant_slot(l, (tn_tensor *)tn__tensor_settle(constant), out_slot));
        name_slot(l, *out_slot, v, 0);
        *slot = *out_slot;
        return NULL;
    }
    uint32_t other = block ? lv->plain : lv->blocked;
    double value;
    if (other == TN__NO_SLOT && tn__lower_splat(l->g, v, &value)) { /* any layout and, on `axis`, any padding */
        const tn__type *t = tn__type_of(l->g, v);
        int64_t n = tn__type_elements(t);
        if (block) n = n / t->dims[axis] * tn__ceil_div(t->dims[axis], block) * block;
        *out_slot = tn__lower_slot(l, TN__SLOT_ARENA, tn__dtype_bytes(t->dtype, n));
        if (*out_slot == TN__NO_SLOT) return tn__error_oom();
        name_slot(l, *out_slot, v, block);
        TN__TRY(tn__lower_fill(l, t->dtype, n, value, *out_slot));
        if (!block || axis == 1) *slot = *out_slot;
        return NULL;
    }
    if (other == TN__NO_SLOT || (block && axis != 1)) return TN__FAIL(l->a, INTERNAL, "value %%%u is used before it is made", v.id);
    *out_slot = tn__lower_slot(l, TN__SLOT_ARENA, tn__lower_bytes(tn__type_of(l->g, v), block));
    if (*out_slot == TN__NO_SLOT) return tn__error_oom();
    name_slot(l, *out_slot, v, block);
    uint32_t slots[2] = {other, *out_slot};
    TN__TRY((block ? reorder_to_blocked : reorder_to_plain)(l, tn__type_of(l->g, v), slots));
    *slot = *out_slot;
    return NULL;
}

tn_error *tn__lower_get_wide(tn__lower *l, tn_value v, int32_t block, int32_t axis, uint32_t *out_slot, tn_dtype *out_dtype) {
    const tn__type *t = tn__type_of(l->g, v);
    uint32_t *wide = &l->values[v.id].wide[block != 0], slots[2];
    *out_dtype = t->dtype;
    TN__TRY(tn__lower_get(l, v, block, axis, out_slot));
    if (tn__kernel_copy_dtype(t->dtype) == t->dtype || tn__constant_peek(l->g, v)) return NULL;
    *out_dtype = TN_DTYPE_f32;
    if (*wide == TN__NO_SLOT) {
        size_t bytes = tn__lower_bytes(t, block);
        slots[0] = *out_slot;
        slots[1] = tn__lower_slot(l, TN__SLOT_ARENA, 2 * bytes);
        if (slots[1] == TN__NO_SLOT) return tn__error_oom();
        tn__kmap map = {0, {1}};
        tn__kernel *k = reorder_kernel(l, "widen", t->dtype, 1, (int64_t[]){(int64_t)(bytes / 2)}, &map, &map);
        if (!k) return tn__error_oom();
        k->buffer_dtype[0] = t->dtype;
        k->buffer_dtype[1] = k->exprs[k->epilogue].dtype = TN_DTYPE_f32;
        TN__TRY(tn__lower_launch_elementwise(l, k, slots, TN__NO_NODE));
        *wide = slots[1];
    }
    *out_slot = *wide;
    return NULL;
}

/* ---- steps --------------------------------------------------------------------------------------------------- */

tn__kernel *tn__lower_kernel(tn__lower *l, const char *stem, uint32_t node) {
    tn__kernel *k = tn__alloc_zero(l->a, sizeof *k);
    if (!k) return NULL;
    const char *op = node == TN__NO_NODE ? "reorder" : tn__op_infos[l->g->nodes.data[node].op].name;
    snprintf(k->name, sizeof k->name, "tn_%s_%s_%zu_%u", stem, op, l->p->kernels.count, node == TN__NO_NODE ? 0 : node);
    k->v = k->j = k->m = k->body = k->limited = k->limit = k->when = -1;
    k->nv = k->mr = 1;
    k->lanes = 1;
    return k;
}

tn_error *tn__lower_step(tn__lower *l, tn__step s, const uint32_t *slots) {
    s.source = l->source;
    s.slots = tn__arena_copy(&l->p->arena, slots, (s.n_slots ? s.n_slots : 1) * sizeof *slots);
    return s.slots && TN__PUSH(l->a, &l->p->steps, s) ? NULL : tn__error_oom();
}

tn_error *tn__lower_stage(tn__lower *l, tn__kernel *k, const uint32_t *slots, uint32_t node, tn__stage *out) {
    snprintf(k->name + strlen(k->name), sizeof k->name - strlen(k->name), "_%zu", l->p->kernels.count); /* unique in the module */
    l->p->flops += k->flops;
    if (!TN__PUSH(l->a, &l->p->kernels, k)) return tn__free(l->a, k, sizeof *k), tn__error_oom();
    *out = (tn__stage){.kernel = (uint32_t)l->p->kernels.count - 1, .node = node, .n_slots = (uint32_t)k->n_buffers};
    out->slots = tn__arena_copy(&l->p->arena, slots, (out->n_slots ? out->n_slots : 1) * sizeof *slots);
    return out->slots ? NULL : tn__error_oom();
}

tn_error *tn__lower_launch(tn__lower *l, tn__kernel *k, const uint32_t *slots, uint32_t node) {
    for (int32_t d = 0; d < k->n_spatial; d++)
        if (!k->extent[d]) { /* nothing to store */
            tn__free(l->a, k, sizeof *k);
            return NULL;
        }
    tn__stage stage;
    TN__TRY(tn__lower_stage(l, k, slots, node, &stage));
    tn__step s = {.kind = TN__STEP_KERNEL, .source = l->source, .n_stages = 1};
    s.stages = tn__arena_copy(&l->p->arena, &stage, sizeof stage);
    return s.stages && TN__PUSH(l->a, &l->p->steps, s) ? NULL : tn__error_oom();
}

tn_error *tn__lower_launch_elementwise(tn__lower *l, tn__kernel *k, const uint32_t *slots, uint32_t node) {
    k->lanes = 0;
    return tn__lower_launch(l, k, slots, node);
}

tn_error *tn__lower_check(tn__lower *l, uint32_t node, const tn__range_check *range) {
    uint32_t slot;
    TN__TRY(tn__lower_get(l, tn__in(l->g, &l->g->nodes.data[node], range->operand), 0, 0, &slot));
    tn__step s = {.kind = TN__STEP_CHECK, .node = node, .n_slots = 1};
    s.check = tn__arena_copy(&l->p->arena, range, sizeof *range);
    return s.check ? tn__lower_step(l, s, &slot) : tn__error_oom();
}

static tn_error *add_call(tn__lower *l, uint32_t node) {
    const tn__node *n = &l->g->nodes.data[node];
    uint32_t *slots = TN__ARENA_ARRAY(&l->p->arena, uint32_t, n->n_in + n->n_out + 1);
    if (!slots) return tn__error_oom();
    for (uint32_t i = 0; i < n->n_in; i++) {
        tn_value v = tn__in(l->g, n, i);
        slots[i] = TN__NO_SLOT;
        if (v.id) TN__TRY(tn__lower_get(l, v, 0, 0, &slots[i]));
    }
    for (uint32_t i = 0; i < n->n_out; i++) TN__TRY(tn__lower_define(l, tn__out(n, i), &slots[n->n_in + i]));
    tn__step s = {.kind = TN__STEP_CALL, .node = node, .n_slots = n->n_in + n->n_out};
    return tn__lower_step(l, s, slots);
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

static bool same_dims(const tn__type *a, const tn__type *b) {
    return a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims));
}

/* What a kernel of a group may come to, with room for an anchor's own: no elementwise node needs more than EXPRS_A_NODE expressions. */
enum { EXPRS_A_NODE = 20, EXPRS_A_GROUP = TN__K_EXPRS - 20, OPERANDS_A_GROUP = TN__K_BUFFERS - 6 };
typedef struct group_load {
    uint32_t exprs, operands;
} group_load;

/* Walks backwards: a node joins the group of its users when all of them are in one group that iterates over the same shape. */
static tn_error *make_groups(tn__lower *l) {
    const tn_graph *g = l->g;
    size_t n = g->nodes.count;
    uint32_t *user = tn__alloc(l->a, g->values.count * sizeof *user); /* the one group that uses a value; NO_NODE none; NO_NODE-1 several */
    group_load *load = tn__alloc_zero(l->a, n * sizeof *load);
    if (!user || !load) {
        tn__free(l->a, user, g->values.count * sizeof *user);
        tn__free(l->a, load, n * sizeof *load);
        return tn__error_oom();
    }
    for (size_t i = 0; i < g->values.count; i++) user[i] = TN__NO_NODE;
    for (size_t i = 0; i < g->outputs.count; i++) user[g->outputs.data[i].value.id] = TN__NO_NODE - 1;
    for (size_t at = n; at-- > 0;) {
        const tn__node *x = &g->nodes.data[at];
        uint32_t self = (uint32_t)at, group = self;
        tn_value out = tn__out(x, 0);
        bool ew = tn__lower_elementwise_ok(g, x);
        bool anchor = tn__lower_anchor_ok(l, x);
        uint32_t u = x->n_out == 1 ? user[out.id] : TN__NO_NODE - 1;
        if (l->fuse && (ew || anchor) && u < TN__NO_NODE - 1 && load[u].exprs + EXPRS_A_NODE <= EXPRS_A_GROUP &&
            load[u].operands + x->n_in <= OPERANDS_A_GROUP) {
            const tn__node *root = &g->nodes.data[u];
            bool ew_root = tn__lower_elementwise_ok(g, root);
            bool fits = ew_root && same_dims(tn__type_of(g, out), tn__type_of(g, tn__out(root, 0))) &&
                        l->values[out.id].block == l->values[root->first_out].block;
            if (fits && (ew || l->anchor[u] == TN__NO_NODE)) {
                group = u;
                if (anchor) l->anchor[u] = self;
            }
        }
        l->group[at] = group;
        load[group].exprs += EXPRS_A_NODE;
        load[group].operands += x->n_in;
        if (group == self && anchor) l->anchor[self] = self;
        for (uint32_t i = 0; i < x->n_in; i++) {
            tn_value v = tn__in(g, x, i);
            if (!v.id) continue;
            uint32_t by = ew && group != TN__NO_NODE ? group : TN__NO_NODE - 1; /* only elementwise nodes take others in */
            user[v.id] = user[v.id] == TN__NO_NODE || user[v.id] == by ? by : TN__NO_NODE - 1;
        }
    }
    tn__free(l->a, user, g->values.count * sizeof *user);
    tn__free(l->a, load, n * sizeof *load);
    return NULL;
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

static tn_error *lower_anchor(tn__lower *l, uint32_t root, const tn__node *n) {
    if (n->op == TN_OP_conv) return tn__lower_conv(l, root, n);
    if (n->op == TN_OP_matmul || n->op == TN_OP_gemm) return tn__lower_matmul(l, root, n);
    if (tn__lower_is_pool(n->op)) return tn__lower_pool(l, root, n);
    if (tn__integer_op_of(n->op)) return tn__lower_integer(l, root, n);
    if (n->op == TN_OP_resize) return tn__lower_interpolation(l, root, n);
    return tn__lower_reduce(l, root, n);
}

static tn_error *lower_node(tn__lower *l, uint32_t at) {
    const tn__node *n = &l->g->nodes.data[at];
    if (n->op == TN_OP_constant || l->group[at] != at || l->views[n->first_out]) return NULL; /* inlined elsewhere */
    double value;
    if (n->n_out == 1 && tn__lower_splat(l->g, tn__out(n, 0), &value)) return NULL; /* its users know */
    if (l->anchor[at] != TN__NO_NODE) return lower_anchor(l, at, &l->g->nodes.data[l->anchor[at]]);
    if (tn__lower_is_alias(n->op)) {
        uint32_t slot;
        TN__TRY(tn__lower_get(l, tn__in(l->g, n, 0), 0, 0, &slot));
        l->values[n->first_out].plain = slot;
        return NULL;
    }
    if (tn__lower_elementwise_ok(l->g, n)) return tn__lower_group_elementwise(l, at);
    bool done = false;
    TN__TRY(tn__lower_recurrent(l, at, &done));
    if (!done) TN__TRY(tn__lower_scatter(l, at, &done));
    if (!done) TN__TRY(tn__lower_gather(l, at, &done));
    if (!done) TN__TRY(tn__lower_mapped(l, at, &done));
    if (!done) TN__TRY(tn__lower_move(l, at, &done));
    return done ? NULL : add_call(l, at);
}

static tn_error *lower_outputs(tn__lower *l) {
    for (uint32_t i = 0; i < l->g->outputs.count; i++) {
        uint32_t slot, node = l->g->values.data[l->g->outputs.data[i].value.id].node;
        l->source = l->sources && node != TN__NO_NODE ? l->sources[node] : 0;
        TN__TRY(tn__lower_get(l, l->g->outputs.data[i].value, 0, 0, &slot));
        tn__slot *s = &l->p->slots.data[slot];
        if (s->kind == TN__SLOT_ARENA) {
            s->kind = TN__SLOT_OUTPUT;
            s->index = i;
            TN__TRY(tn__lower_give_source(l, slot)); /* of reshapes at the end */
            continue;
        }
        uint32_t copy[2] = {slot, tn__lower_slot(l, TN__SLOT_OUTPUT, tn__lower_bytes(tn__type_of(l->g, l->g->outputs.data[i].value), 0))};
        if (copy[1] == TN__NO_SLOT) return tn__error_oom();
        name_slot(l, copy[1], l->g->outputs.data[i].value, 0);
        l->p->slots.data[copy[1]].index = i;
        tn__step step = {.kind = TN__STEP_COPY, .n_slots = 2};
        TN__TRY(tn__lower_step(l, step, copy));
    }
    return NULL;
}

static tn_error *lower_graph(tn__lower *l, tn__arena *scratch) {
    const tn_graph *g = l->g;
    for (size_t i = 0; i < g->values.count; i++) l->values[i].plain = l->values[i].blocked = l->values[i].wide[0] = l->values[i].wide[1] = TN__NO_SLOT;
    for (size_t i = 0; i < g->nodes.count; i++) l->anchor[i] = TN__NO_NODE;
    for (uint32_t i = 0; i < g->inputs.count; i++) {
        tn_value v = g->inputs.data[i].value;
        uint32_t slot = tn__lower_slot(l, TN__SLOT_INPUT, tn__lower_bytes(tn__type_of(g, v), 0));
        if (slot == TN__NO_SLOT) return tn__error_oom();
        l->p->slots.data[slot].index = i;
        name_slot(l, slot, v, 0);
        l->values[v.id].plain = slot;
    }
    TN__TRY(tn__lower_layouts(l));
    TN__TRY(make_groups(l));
    TN__TRY(tn__lower_views(l, scratch));
    TN__TRY(tn__lower_sources(l, scratch));
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        TN__TRY(tn__context_poll(l->c));
        l->source = l->sources ? l->sources[i] : 0;
        TN__TRY(tn__error_prefix(tn__node_error(g, &g->nodes.data[i], lower_node(l, i)), "lowering node %u", i));
    }
    TN__TRY(lower_outputs(l));
    TN__TRY(tn__lower_take_sources(l));
    return tn__lower_schedule(l);
}

tn_error *tn__kprogram_create(tn_context *c, tn_graph *graph, const tn__lower_config *config, tn__kprogram **out) {
    *out = NULL;
    const tn_allocator *a = &c->allocator;
    tn__kprogram *p = tn__alloc_zero(a, sizeof *p);
    if (!p) return tn_graph_release(graph), tn__error_oom();
    tn_context_retain(c);
    p->context = c;
    p->graph = graph;
    p->narrows = config->weights != TN_DTYPE_NONE || config->tf32;
    tn__arena_init(&p->arena, a);
    tn__arena scratch;
    tn__arena_init(&scratch, a);
    tn__lower l = {.c = c, .a = a, .p = p, .g = graph, .w = config->lanes, .registers = config->registers,
                   .layout = config->layout, .fuse = config->fuse, .stages = config->stages,
                   .in_place = config->in_place, .prefers = config->prefers, .weights = config->weights, .tf32 = config->tf32,
                   .winograd_error = config->winograd_error, .tuning = config->tuning};
    l.values = TN__ARENA_ARRAY(&scratch, tn__lower_value, graph->values.count);
    l.views = TN__ARENA_ARRAY(&scratch, tn__lower_view *, graph->values.count);
    l.group = TN__ARENA_ARRAY(&scratch, uint32_t, graph->nodes.count + 1);
    l.anchor = TN__ARENA_ARRAY(&scratch, uint32_t, graph->nodes.count + 1);
    tn_error *e = l.values && l.views && l.group && l.anchor ? lower_graph(&l, &scratch) : tn__error_oom();
    tn__arena_deinit(&scratch);
    if (!e) e = tn__kprogram_plan(p);
    if (e) tn__kprogram_destroy(p);
    else *out = p;
    return e;
}
