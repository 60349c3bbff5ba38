/* Specialisation: a graph with its run-time shapes, and those values that decide further shapes, put in and folded. */
#include "op/custom/custom.h"
#include "session/session.h"

bool *tn__live_values(const tn_graph *g, tn__arena *arena) {
    bool *live = TN__ARENA_ARRAY(arena, bool, g->values.count);
    if (!live) return NULL;
    for (size_t i = 0; i < g->outputs.count; i++) live[g->outputs.data[i].value.id] = true;
    for (size_t i = 0; i < g->variables.count; i++) live[g->variables.data[i].assigned.id] = true;
    for (size_t i = g->nodes.count; i-- > 0;) {
        const tn__node *n = &g->nodes.data[i];
        bool used = tn__node_is_live(n, live);
        for (uint32_t k = 0; used && k < n->n_in; k++) live[tn__in(g, n, k).id] = true;
    }
    live[0] = false;
    return live;
}

bool tn__node_is_live(const tn__node *n, const bool *live) {
    for (uint32_t k = 0; k < n->n_out; k++)
        if (live[n->first_out + k]) return true;
    return tn__node_has_effects(n->op, n->attrs);
}

/* ---- which inputs matter by value ---------------------------------------------------------------------------- */

bool tn__op_is_light(tn__op op) {
    switch (op) {
    case TN_OP_range:
    case TN_OP_constant_of_shape:
    case TN_OP_eye_like:
    case TN_OP_one_hot:
    case TN_OP_center_crop_pad: return true;
    default: return tn__op_infos[op].flags & (TN__OP_MOVE | TN__OP_CONTROL | TN__OP_DATADEP);
    }
}

bool tn__op_is_scalar_work(tn__op op) {
    switch (op) {
    case TN_OP_gather:
    case TN_OP_gather_elements:
    case TN_OP_gather_nd:
    case TN_OP_scatter_elements:
    case TN_OP_scatter_nd:
    case TN_OP_reduce_sum:
    case TN_OP_reduce_prod:
    case TN_OP_reduce_max:
    case TN_OP_reduce_min:
    case TN_OP_cum_sum:
    case TN_OP_range:
    case TN_OP_constant_of_shape: return true;
    default:
        return (tn__op_infos[op].flags & (TN__OP_EW | TN__OP_MOVE | TN__OP_SHAPE)) &&
               !(tn__op_infos[op].flags & (TN__OP_CONTROL | TN__OP_DATADEP));
    }
}

static bool is_integer(tn_dtype d) { return tn__dtype_is_int(d) || d == TN_DTYPE_bool; }

/* Could the value have at most `most` elements? */
static bool may_be_small(const tn__type *t, int64_t most) {
    if (t->rank < 0) return true;
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dims[i] > 0 && (!tn__mul_i64(n, t->dims[i], &n) || n > most)) return false;
    return true;
}

/* A value is pure if it is computed from constants, types and small integer inputs by cheap ops alone. A slice is only worth
 * specialising on where it is pure as a whole: else the shape stays open however many values are put in. */
static void find_pure(const tn_graph *g, const bool *varying, bool *pure) {
    for (size_t i = 0; i < g->inputs.count; i++) {
        tn_value v = g->inputs.data[i].value;
        const tn__type *t = tn__type_of(g, v);
        pure[v.id] = !(varying && varying[i]) && is_integer(t->dtype) && may_be_small(t, TN__SLICE_ELEMENTS);
    }
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        uint32_t flags = tn__op_infos[n->op].flags;
        bool ok = n->op == TN_OP_constant || (flags & TN__OP_SHAPE) || tn__op_is_scalar_work(n->op);
        for (uint32_t k = 0; ok && !(flags & TN__OP_SHAPE) && k < n->n_in; k++) {
            tn_value v = tn__in(g, n, k);
            ok = !v.id || pure[v.id];
        }
        for (uint32_t k = 0; k < n->n_out; k++) pure[n->first_out + k] = ok;
    }
}

static tn_error *value_inputs(const tn_graph *g, const bool *varying, uint32_t depth, uint8_t *kinds);

/* Captures that decide shapes inside the branches of an `if` do so outside, once the branch is inlined. */
static tn_error *mark_branches(const tn_graph *g, const tn__node *n, uint32_t depth, const bool *pure, bool *wanted,
                               uint8_t *direct) {
    const tn__attrs_if *attrs = n->attrs;
    const tn_graph *branches[2] = {attrs->then_branch, attrs->else_branch};
    const tn_allocator *a = &g->context->allocator;
    tn_error *e = NULL;
    for (int b = 0; !e && b < 2; b++) {
        const tn_graph *body = branches[b];
        size_t count = body ? body->inputs.count : 0;
        if (!count || depth >= g->context->limits.max_depth) continue;
        uint8_t *kinds = tn__alloc_zero(a, count);
        e = kinds ? value_inputs(body, NULL, depth + 1, kinds) : tn__error_oom();
        for (uint32_t k = 0; !e && k < count && k + 1 < n->n_in; k++) {
            tn_value v = tn__in(g, n, k + 1);
            if (kinds[k] && pure[v.id]) wanted[v.id] = true;
            if (kinds[k] & TN__VALUE_DIRECT) direct[v.id] |= 1;
        }
        tn__free(a, kinds, count);
    }
    return e;
}

static tn_error *value_inputs(const tn_graph *g, const bool *varying, uint32_t depth, uint8_t *kinds) {
    tn__arena arena;
    tn__arena_init(&arena, &g->context->allocator);
    bool *live = tn__live_values(g, &arena), *pure = TN__ARENA_ARRAY(&arena, bool, g->values.count);
    bool *wanted = TN__ARENA_ARRAY(&arena, bool, g->values.count);        /* a pure value that decides a shape */
    uint8_t *direct =
        TN__ARENA_ARRAY(&arena, uint8_t, g->values.count); /* bit 0: decides one; bit 1: of an op that is not light */
    tn_error *e = live && pure && wanted && direct ? NULL : tn__error_oom();
    if (!e) find_pure(g, varying, pure);
    for (size_t i = g->nodes.count; !e && i-- > 0;) {
        const tn__node *n = &g->nodes.data[i];
        const tn__op_info *info = &tn__op_infos[n->op];
        if (!tn__node_is_live(n, live)) continue;
        bool slice = false;
        for (uint32_t k = 0; k < n->n_out; k++) slice |= wanted[n->first_out + k];
        for (uint32_t k = 0; k < n->n_in; k++) {
            tn_value v = tn__in(g, n, k);
            if (!v.id) continue;
            if (slice && !(info->flags & TN__OP_SHAPE)) wanted[v.id] = true;
            if (k < 32 && info->values >> k & 1) {
                if (pure[v.id]) wanted[v.id] = true;
                direct[v.id] |= tn__op_is_light(n->op) ? 1 : 2;
            }
        }
        if (n->op == TN_OP_if) e = mark_branches(g, n, depth, pure, wanted, direct);
    }
    for (size_t i = 0; !e && i < g->inputs.count; i++) {
        tn_value v = g->inputs.data[i].value;
        kinds[i] = wanted[v.id] ? TN__VALUE_SLICE : TN__VALUE_NONE;
        /* light ops on varying operands are evaluated when the operands are there: no new specialisation per value */
        if (tn__type_of(g, v)->dtype != TN_DTYPE_string && (varying && varying[i] ? direct[v.id] & 2 : direct[v.id]))
            kinds[i] |= TN__VALUE_DIRECT;
    }
    tn__arena_deinit(&arena);
    return e;
}

tn_error *tn__value_inputs(const tn_graph *g, const bool *varying, uint8_t *out_kinds) {
    return value_inputs(g, varying, 0, out_kinds);
}

/* ---- specialise ---------------------------------------------------------------------------------------------- */

/* Folds what the builder does not: several results, or sizes that depend on data. False where it cannot; then run time tells. */
static bool fold_node(tn_graph *s, const tn_graph *g, const tn__node *n, tn_value *map) {
    enum { MOST = 16, MOST_BYTES = 1 << 20 };
    const tn_tensor *in[MOST];
    tn_tensor *out[MOST];
    uint32_t flags = tn__op_infos[n->op].flags;
    if (s->error || n->n_in > MOST || n->n_out > MOST || n->n_in == 0 || (flags & TN__OP_CONTROL)) return false;
    if (n->op == TN_OP_custom && !tn__custom_may_fold(n->attrs)) return false;
    if (n->n_out == 1 && !(flags & TN__OP_DATADEP) && n->op != TN_OP_custom) return false; /* the builder's business */
    for (uint32_t k = 0; k < n->n_in; k++) {
        tn_value v = map[tn__in(g, n, k).id];
        in[k] = v.id ? tn__constant_peek(s, v) : NULL;
        if (v.id && (!in[k] || in[k]->bytes > MOST_BYTES)) return false;
    }
    for (uint32_t k = 0; k < n->n_in; k++) tn__tensor_settle(in[k]);
    tn_error *e = tn__op_eval(g->context, n->op, n->attrs, in, n->n_in, n->n_out, out);
    if (e) {
        tn_error_destroy(e);
        return false;
    }
    for (uint32_t k = 0; k < n->n_out; k++) {
        map[n->first_out + k] = tn_graph_constant(s, out[k]);
        tn_tensor_release(out[k]);
    }
    return true;
}

/* Adds the live nodes of `g` to `s`; map holds g's inputs on entry and all live values on return. */
static tn_error *add_nodes(tn_graph *s, const tn_graph *g, tn_value *map, uint32_t depth) {
    const tn_allocator *a = &g->context->allocator;
    if (depth > g->context->limits.max_depth)
        return TN__FAIL(a, LIMIT_EXCEEDED, "sub-graphs nested deeper than %u (limit max_depth)", g->context->limits.max_depth);
    tn__arena arena;
    tn__arena_init(&arena, a);
    bool *live = tn__live_values(g, &arena);
    tn_error *e = live ? NULL : tn__error_oom();
    for (size_t i = 0; !e && i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (!tn__node_is_live(n, live)) continue;
        if ((e = tn__context_poll(g->context))) break; /* folding may take long */
        const tn_tensor *cond = n->op == TN_OP_if ? tn__constant_of(s, map[tn__in(g, n, 0).id]) : NULL;
        if (cond && cond->elements == 1) {
            const tn__attrs_if *attrs = n->attrs;
            const tn_graph *body = tn__load_i64(cond->dtype, cond->data, 0) ? attrs->then_branch : attrs->else_branch;
            if (!body || body->inputs.count + 1 != n->n_in || body->outputs.count != n->n_out) {
                e = TN__FAIL(a, INVALID_GRAPH, "a branch has %zu inputs and %zu outputs, wanted %u and %u", body ? body->inputs.count : 0,
                             body ? body->outputs.count : 0, n->n_in - 1, n->n_out);
                e = tn__node_error(g, n, e);
                break;
            }
            if ((e = tn__graph_refuse_variables(body))) break;
            tn_value *inner = TN__ARENA_ARRAY(&arena, tn_value, body->values.count);
            if (!inner) e = tn__error_oom();
            for (uint32_t k = 0; !e && k + 1 < n->n_in; k++) inner[body->inputs.data[k].value.id] = map[tn__in(g, n, k + 1).id];
            uint32_t outer = s->source;
            if (n->source) s->source = tn__graph_source_of(s, g, n->source); /* of nodes that have none */
            if (!e) e = add_nodes(s, body, inner, depth + 1);
            s->source = outer;
            for (uint32_t k = 0; !e && k < n->n_out; k++) map[n->first_out + k] = inner[body->outputs.data[k].value.id];
            continue;
        }
        if (fold_node(s, g, n, map)) continue;
        tn_value v = tn__graph_copy_node(s, g, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
        if (s->error) e = tn__error_copy(s->error);
    }
    tn__arena_deinit(&arena);
    return e;
}

/* Without its dead nodes; most of them are the shape computations that were folded. */
static tn_error *drop_dead(tn_graph **s) {
    tn__arena arena;
    tn__arena_init(&arena, &(*s)->context->allocator);
    const tn_graph *g = *s;
    bool *live = tn__live_values(g, &arena), *keep = TN__ARENA_ARRAY(&arena, bool, g->nodes.count + 1);
    tn_value *in = TN__ARENA_ARRAY(&arena, tn_value, g->inputs.count + 1);
    tn_error *e = live && keep && in ? NULL : tn__error_oom();
    bool any = false;
    for (size_t i = 0; !e && i < g->nodes.count; i++) any |= !(keep[i] = tn__node_is_live(&g->nodes.data[i], live));
    for (size_t i = 0; !e && i < g->inputs.count; i++) in[i] = g->inputs.data[i].value;
    tn_graph *smaller = NULL;
    if (!e && any)
        e = tn__extract(g, keep, in, (uint32_t)g->inputs.count, g->outputs.data, (uint32_t)g->outputs.count, &smaller);
    if (!e && smaller) {
        tn_graph_release(*s);
        *s = smaller;
    }
    tn__arena_deinit(&arena);
    return e;
}

tn_error *tn__specialise(const tn_graph *g, const tn_tensor *const *types, tn_tensor *const *values, tn_graph **out_graph) {
    *out_graph = NULL;
    tn_graph *s;
    TN__TRY(tn__graph_create(g->context, g->hooks, g->name, &s));
    s->fold = s->keep_quantised = true;
    tn__arena arena;
    tn__arena_init(&arena, &g->context->allocator);
    tn_value *map = TN__ARENA_ARRAY(&arena, tn_value, g->values.count);
    tn_error *e = map ? NULL : tn__error_oom();
    for (size_t i = 0; !e && i < g->inputs.count; i++) {
        const tn_tensor *t = types[i];
        tn_value v = tn_graph_input(s, g->inputs.data[i].name, t->dtype, t->rank, t->dims);
        map[g->inputs.data[i].value.id] = values[i] ? tn_graph_constant(s, values[i]) : v;
    }
    if (!e) e = add_nodes(s, g, map, 0);
    for (size_t i = 0; !e && i < g->outputs.count; i++)
        tn_graph_output(s, g->outputs.data[i].name, map[g->outputs.data[i].value.id]);
    if (!e) e = tn_graph_check(s);
    if (!e) e = drop_dead(&s);
    tn__arena_deinit(&arena);
    if (e) tn_graph_release(s);
    else *out_graph = s;
    return e;
}

/* ---- parts of a graph ---------------------------------------------------------------------------------------- */

tn_error *tn__extract(const tn_graph *s, const bool *keep, const tn_value *in, uint32_t n_in, const tn__port *out, uint32_t n_out,
                      tn_graph **out_graph) {
    *out_graph = NULL;
    tn_graph *g;
    TN__TRY(tn__graph_create(s->context, s->hooks, s->name, &g));
    tn__arena arena;
    tn__arena_init(&arena, &s->context->allocator);
    tn_value *map = TN__ARENA_ARRAY(&arena, tn_value, s->values.count);
    bool *needed = TN__ARENA_ARRAY(&arena, bool, s->values.count);
    tn_error *e = map && needed ? NULL : tn__error_oom();
    for (uint32_t i = 0; !e && i < n_in; i++) {
        const tn__type *t = tn__type_of(s, in[i]);
        int64_t dims[TN_MAX_RANK];
        char text[160];
        for (int32_t d = 0; d < t->rank; d++) dims[d] = t->dims[d] < 0 ? TN_DIM_UNKNOWN : t->dims[d];
        map[in[i].id] = tn_graph_input(g, tn__value_text(s, in[i], text, sizeof text), t->dtype, t->rank, dims);
    }
    for (size_t i = 0; !e && i < s->nodes.count; i++)
        for (uint32_t k = 0; keep[i] && k < s->nodes.data[i].n_in; k++) needed[tn__in(s, &s->nodes.data[i], k).id] = true;
    for (uint32_t k = 0; !e && k < n_out; k++) needed[out[k].value.id] = true;
    for (size_t i = 0; !e && i < s->nodes.count; i++) {
        const tn__node *n = &s->nodes.data[i];
        if (n->op == TN_OP_constant ? !needed[n->first_out] : !keep[i]) continue;
        tn_value v = tn__graph_copy_node(g, s, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
    }
    for (uint32_t k = 0; !e && k < n_out; k++) tn_graph_output(g, out[k].name, map[out[k].value.id]);
    if (!e) e = tn_graph_check(g);
    tn__arena_deinit(&arena);
    if (e) tn_graph_release(g);
    else *out_graph = g;
    return e;
}
