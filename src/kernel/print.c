/* The text form of a program, for people: launches, loop nests, expressions, slots. One line each:
 *
 *   slots: arena of 4096 bytes (largest live set 4096), scratch of 0 bytes a thread, constants of 64 bytes
 *   launch 0: 12 steps, 2 a chunk
 *     kernel 0 tn_red_reduce_max_0 "softmax"
 *       loops d0:12 grid  d1:49 rows 4 x 16  d2:4 reduce  d3:16 lanes (1 in the last)
 *       b0 f32 %3  b1 f32 %4
 *       e0 f32 = load b0[784*d0 + 16*d1 + d2]
 *       e1 f32 = reduced by max of e0
 *       b1[49*d0 + d1] = e1 */
#include <inttypes.h>
#include <stdio.h>

#include "base/context.h"
#include "kernel/program.h"

static const char *const op_names[] = {
    [TN__KX_LOAD] = "load", [TN__KX_CONST] = "const", [TN__KX_RED] = "reduced", [TN__KX_ADD] = "add", [TN__KX_SUB] = "sub",
    [TN__KX_MUL] = "mul", [TN__KX_DIV] = "div", [TN__KX_MAX] = "max", [TN__KX_MIN] = "min", [TN__KX_NEG] = "neg", [TN__KX_ABS] = "abs",
    [TN__KX_SQRT] = "sqrt", [TN__KX_FLOOR] = "floor", [TN__KX_CEIL] = "ceil", [TN__KX_ROUND] = "round", [TN__KX_EXP] = "exp",
    [TN__KX_LOG] = "log", [TN__KX_TANH] = "tanh", [TN__KX_ERF] = "erf", [TN__KX_EQ] = "equal", [TN__KX_LT] = "less",
    [TN__KX_LE] = "less_equal", [TN__KX_AND] = "and", [TN__KX_OR] = "or", [TN__KX_XOR] = "xor", [TN__KX_NOT] = "not",
    [TN__KX_SELECT] = "select", [TN__KX_CAST] = "cast", [TN__KX_TO_F16] = "to_f16",
    [TN__KX_TO_BF16] = "to_bf16", [TN__KX_TO_TF32] = "to_tf32"};

static const char *op_name(tn__kop op) { return (size_t)op < sizeof op_names / sizeof *op_names && op_names[op] ? op_names[op] : "?"; }

static void put_map(tn__text *t, const tn__kernel *k, const tn__kmap *m) {
    bool any = false;
    for (int32_t d = 0; d < k->n_dims; d++) {
        if (!m->stride[d]) continue;
        if (any) tn__text_add(t, " + ");
        if (m->stride[d] != 1) tn__text_addf(t, "%" PRId64 "*", m->stride[d]);
        tn__text_addf(t, "d%d", (int)d);
        any = true;
    }
    if (m->offset || !any) tn__text_addf(t, any ? " %+" PRId64 : "%" PRId64, m->offset);
}

static void put_loops(tn__text *t, const tn__kernel *k) {
    tn__text_add(t, "      loops");
    for (int32_t d = 0; d < k->n_dims; d++) {
        bool lane = k->r_lanes ? d == k->n_dims - 1 : d == k->v;
        tn__text_addf(t, "  d%d:%" PRId64, (int)d, k->extent[d]);
        if (lane) tn__text_add(t, " lanes");
        if (lane && k->v_tail) tn__text_addf(t, " (%d in the last)", (int)k->v_tail);
        if (d == k->m) tn__text_addf(t, " rows %d x %d", (int)k->mr, (int)k->m_chunk);
        if (d == k->j) tn__text_addf(t, " vectors %d", (int)k->nv);
        if (d >= k->n_spatial) tn__text_add(t, k->unroll >> d & 1 ? " reduce, unrolled" : " reduce");
        else if (!lane && d != k->m && d != k->j) tn__text_add(t, " grid");
    }
    if (k->steps > 1) tn__text_addf(t, "  %d steps a turn", (int)k->steps);
    tn__text_add(t, "\n");
    if (k->n_dims > k->n_spatial && k->limited >= 0) tn__text_addf(t, "      where d%d < e%d\n", (int)k->limited, (int)k->limit);
    if (k->n_dims > k->n_spatial && k->when >= 0) tn__text_addf(t, "      where e%d\n", (int)k->when);
    for (int32_t i = 0; i < k->n_domain; i++) {
        const tn__kdomain *d = &k->domain[i];
        tn__text_addf(t, "      where 0 <= %" PRId64 "*d%d + %" PRId64 "*d%d %+" PRId64 " < %" PRId64 "\n", d->mul_s, (int)d->s, d->mul_r,
                      (int)d->r, d->add, d->bound);
    }
}

static void put_guards(tn__text *t, const tn__kernel *k, const tn__kguard *guards, int32_t n) {
    for (int32_t i = 0; i < n; i++) {
        tn__text_add(t, i ? " and 0 <= " : " where 0 <= ");
        put_map(t, k, &guards[i].map);
        tn__text_addf(t, " < %" PRId64, guards[i].bound);
    }
}

static void put_expr(tn__text *t, const tn__kernel *k, int32_t at) {
    const tn__kexpr *x = &k->exprs[at];
    tn__text_addf(t, "      e%d %s = ", (int)at, tn_dtype_name(x->dtype));
    if (x->op == TN__KX_RED) tn__text_addf(t, "reduced by %s of e%d", op_name(k->reduce), (int)k->body);
    else if (x->op == TN__KX_CONST) tn__text_addf(t, "%.9g", x->value);
    else tn__text_add(t, op_name(x->op));
    if (x->op == TN__KX_LOAD) {
        tn__text_addf(t, " b%d[", (int)x->buffer);
        put_map(t, k, &x->map);
        if (x->arg[0] >= 0) tn__text_addf(t, " + e%d", (int)x->arg[0]);
        tn__text_add(t, "]");
        put_guards(t, k, x->guard, x->n_guards);
        if (x->n_guards) tn__text_addf(t, " else %.9g", x->value);
    }
    for (int a = 0; a < 3 && x->op != TN__KX_LOAD && x->op != TN__KX_RED && x->op != TN__KX_CONST; a++)
        if (x->arg[a] >= 0) tn__text_addf(t, " e%d", (int)x->arg[a]);
    tn__text_add(t, "\n");
}

static const char *node_name(const tn__kprogram *p, uint32_t node) {
    if (node == TN__NO_NODE) return "change of layout";
    const tn__node *n = &p->graph->nodes.data[node];
    return n->name ? n->name : tn__op_infos[n->op].name;
}

static void put_body(tn__text *t, const tn__kernel *k) {
    for (int32_t i = 0; i < k->n_exprs; i++) put_expr(t, k, i);
    tn__text_addf(t, "      b%d[", (int)k->out_buffer);
    put_map(t, k, &k->out_map);
    tn__text_addf(t, "] = e%d", (int)k->epilogue);
    put_guards(t, k, k->out_guard, k->n_out_guards);
    tn__text_add(t, "\n");
    for (int32_t i = 0; i < k->n_stores; i++) {
        tn__text_addf(t, "      b%d[", (int)k->stores[i].buffer);
        put_map(t, k, &k->stores[i].map);
        tn__text_addf(t, "] = e%d\n", (int)k->stores[i].expr);
    }
}

static void put_stage(tn__text *t, const tn__kprogram *p, const tn__stage *s) {
    const tn__kernel *k = p->kernels.data[s->kernel];
    tn__text_addf(t, "    kernel %u %s \"%s\"", (unsigned)s->kernel, k->name, node_name(p, s->node));
    if (k->flops > 0) tn__text_addf(t, " %.4g FLOP", k->flops);
    if (k->narrowing) tn__text_addf(t, ", %s", tn__narrowing_text(k->narrowing));
    tn__text_add(t, "\n");
    put_loops(t, k);
    tn__text_add(t, "     ");
    for (int32_t b = 0; b < k->n_buffers; b++)
        tn__text_addf(t, " b%d %s %%%u", (int)b, tn_dtype_name(k->buffer_dtype[b]), (unsigned)s->slots[b]);
    tn__text_add(t, "\n");
    put_body(t, k);
}

static void put_loop(tn__text *t, const tn__kprogram *p, const tn__loop *l) {
    tn__text_addf(t, "  %" PRId64 " trips%s\n", l->trips, l->together ? ", strands at the same time" : "");
    for (uint32_t i = 0; i < l->n_strands * l->n_launches; i++) {
        const tn__loop_launch *x = &l->launches[i];
        const tn__kernel *k = p->kernels.data[x->kernel];
        tn__text_addf(t, "    strand %u, kernel %u %s\n", (unsigned)(i / l->n_launches), (unsigned)x->kernel, k->name);
        put_loops(t, k);
        tn__text_add(t, "     ");
        for (uint32_t b = 0; b < x->n_buffers; b++)
            tn__text_addf(t, " b%u %s %%%u%+" PRId64 "%+" PRId64 "*trip", (unsigned)b, tn_dtype_name(k->buffer_dtype[b]),
                          (unsigned)x->buffers[b].slot, x->buffers[b].offset, x->buffers[b].advance);
        tn__text_add(t, "\n");
        put_body(t, k);
    }
}

static void put_sources(tn__text *t, const tn__kprogram *p, const tn__step *s) {
    const tn__source_set *set = tn__graph_sources(p->graph, s->source);
    if (!set->n) return;
    tn__text_add(t, "    from ");
    tn__source_list(t, set, 0);
    tn__text_add(t, "\n");
}

const char *tn__slot_layout(const tn__slot *s, char *buffer, size_t bytes) {
    if (s->block) snprintf(buffer, bytes, "blocked by %d", (int)s->block);
    else snprintf(buffer, bytes, "row-major");
    return buffer;
}

static void put_slot(tn__text *t, const tn__kprogram *p, uint32_t slot) {
    static const char *const kinds[] = {"arena", "input", "output", "constant", "scratch", "part"};
    const tn__slot *s = &p->slots.data[slot];
    tn__text_addf(t, "  %%%u %s", (unsigned)slot, kinds[s->kind]);
    if (s->kind == TN__SLOT_INPUT || s->kind == TN__SLOT_OUTPUT) tn__text_addf(t, " %u", (unsigned)s->index);
    if (s->kind == TN__SLOT_PART) tn__text_addf(t, " of %%%u at %zu, launches %d to %d", (unsigned)s->index, s->offset, (int)s->first, (int)s->last);
    if (s->kind == TN__SLOT_ARENA) tn__text_addf(t, " at %zu, launches %d to %d", s->offset, (int)s->first, (int)s->last);
    tn__text_addf(t, ", %zu bytes", s->bytes);
    if (s->value) {
        char type[160], layout[32];
        tn_value v = {s->value};
        const char *name = p->graph->values.data[v.id].name;
        tn__text_addf(t, ": value %u", (unsigned)v.id);
        if (name && *name) tn__text_add(t, " \""), tn__source_escape(t, name), tn__text_add(t, "\"");
        tn__text_addf(t, " %s, %s", tn__type_text(p->graph, tn__type_of(p->graph, v), type, sizeof type), tn__slot_layout(s, layout, sizeof layout));
    }
    tn__text_add(t, "\n");
}

tn_error *tn__kprogram_print(const tn__kprogram *p, char **out_text) {
    tn__text t;
    tn__text_init(&t, &p->context->allocator);
    tn__text_addf(&t, "arena of %zu bytes (largest live set %zu), scratch of %zu bytes a thread, ", p->arena_bytes,
                  p->arena_lower_bound, p->scratch_bytes);
    tn__text_addf(&t, "constants of %zu bytes, %.6g FLOP in products\n",
                  p->constant_bytes, p->flops);
    for (uint32_t i = 0; i < p->slots.count; i++)
        if (p->slots.data[i].first >= 0) put_slot(&t, p, i);
    for (size_t i = 0; i < p->steps.count; i++) {
        const tn__step *s = &p->steps.data[i];
        if (s->kind == TN__STEP_KERNEL) {
            tn__text_addf(&t, "launch %zu: %" PRId64 " steps, %" PRId64 " a chunk\n", i, s->outer, s->grain < s->outer ? s->grain : s->outer);
            put_sources(&t, p, s);
            for (uint32_t k = 0; k < s->n_stages; k++) put_stage(&t, p, &s->stages[k]);
            continue;
        }
        static const char *const kinds[] = {[TN__STEP_CALL] = "call", [TN__STEP_COPY] = "copy", [TN__STEP_LOOP] = "loop", [TN__STEP_CHECK] = "check"};
        tn__text_addf(&t, "%s %zu:", kinds[s->kind], i);
        if (s->kind != TN__STEP_COPY)
            tn__text_addf(&t, " %s \"%s\"", tn__op_text(p->graph->nodes.data[s->node].op, p->graph->nodes.data[s->node].attrs), node_name(p, s->node));
        if (s->kind == TN__STEP_CHECK) tn__text_addf(&t, " %s in %" PRId64 " to %" PRId64, s->check->what, s->check->low, s->check->high);
        for (uint32_t k = 0; k < s->n_slots; k++) {
            if (s->slots[k] == UINT32_MAX) tn__text_add(&t, " _");
            else tn__text_addf(&t, " %%%u", (unsigned)s->slots[k]);
        }
        tn__text_add(&t, "\n");
        put_sources(&t, p, s);
        if (s->kind == TN__STEP_LOOP) put_loop(&t, p, s->loop);
    }
    *out_text = tn__text_take(&t);
    tn__text_deinit(&t);
    return *out_text ? NULL : tn__error_oom();
}
