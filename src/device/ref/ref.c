/* The reference device: interprets the graph node by node with the ops' reference evaluations. Slow, and the oracle of the
 * others. */
#include "device/device.h"
#include "device/graph_files.h"

typedef struct artefact {
    tn__artefact base;
    tn_graph *g;        /* private copy, live nodes only */
    uint32_t *last_use; /* per value: index of the last node that reads it, or TN__NO_NODE */
    uint32_t *direct;   /* per value: 1 + the graph output it is computed straight into, or 0 */
    uint64_t constant_bytes;
    tn_hook hook;
} artefact;

static void ref_destroy(tn__artefact *base) {
    artefact *f = (artefact *)base;
    if (!f) return;
    tn_context *c = f->g->context;
    tn_context_retain(c);
    tn_graph_release(f->g);
    tn__free(&c->allocator, f, sizeof *f);
    tn_context_release(c);
}

static tn_error *copy_graph(const tn_graph *g, tn_graph *to) {
    tn_value *map = TN__ARENA_ARRAY(&to->arena, tn_value, g->values.count);
    bool *live = TN__ARENA_ARRAY(&to->arena, bool, g->values.count);
    if (!map || !live) return tn__error_oom();
    for (size_t i = 0; i < g->outputs.count; i++) live[g->outputs.data[i].value.id] = true;
    for (size_t i = g->nodes.count; i-- > 0;) {
        const tn__node *n = &g->nodes.data[i];
        bool used = tn__node_has_effects(n->op, n->attrs);
        for (uint32_t k = 0; k < n->n_out; k++) used |= live[n->first_out + k];
        for (uint32_t k = 0; used && k < n->n_in; k++) live[tn__in(g, n, k).id] = true;
    }
    for (size_t i = 0; i < g->inputs.count; i++) {
        const tn__port *p = &g->inputs.data[i];
        const tn__type *t = tn__type_of(g, p->value);
        map[p->value.id] = tn_graph_input(to, p->name, t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; i < g->nodes.count && !to->error; i++) {
        const tn__node *n = &g->nodes.data[i];
        bool used = tn__node_has_effects(n->op, n->attrs);
        for (uint32_t k = 0; k < n->n_out; k++) used |= live[n->first_out + k];
        if (!used) continue;
        tn_value v = tn__graph_copy_node(to, g, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[n->first_out + k] = tn_value_output(v, k);
    }
    for (size_t i = 0; i < g->outputs.count; i++) tn_graph_output(to, g->outputs.data[i].name, map[g->outputs.data[i].value.id]);
    return tn_graph_check(to);
}

static tn_error *prepare(artefact *f) {
    tn_graph *g = f->g;
    const tn_allocator *a = &g->context->allocator;
    f->last_use = TN__ARENA_ARRAY(&g->arena, uint32_t, g->values.count);
    f->direct = TN__ARENA_ARRAY(&g->arena, uint32_t, g->values.count);
    if (!f->last_use || !f->direct) return tn__error_oom();
    for (size_t i = 0; i < g->values.count; i++) f->last_use[i] = TN__NO_NODE;
    for (uint32_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        for (uint32_t k = 0; k < n->n_in; k++) f->last_use[tn__in(g, n, k).id] = i;
        if (n->op == TN_OP_constant) {
            f->constant_bytes += ((const tn__attrs_constant *)n->attrs)->value->bytes;
            continue;
        }
        if (!tn__op_functions_of[n->op].eval)
            return tn__node_error(g, n, TN__FAIL(a, UNSUPPORTED, "device ref has no reference evaluation of it"));
        for (uint32_t k = 0; k < n->n_out; k++)
            if (!tn__type_is_static(tn__type_of(g, tn__out(n, k))))
                return tn__node_error(g, n, TN__FAIL(a, INTERNAL, "device ref: result %u has no static type", k));
    }
    for (uint32_t i = 0; i < g->outputs.count; i++) {
        tn_value v = g->outputs.data[i].value;
        const tn__node *n = tn__node_of(g, v);
        if (n && n->op != TN_OP_constant && tn__type_of(g, v)->dtype != TN_DTYPE_string && !f->direct[v.id])
            f->direct[v.id] = i + 1;
    }
    return NULL;
}

static tn_error *ref_compile(const tn__device_config *config, const tn_graph *g, tn__artefact **out_artefact) {
    *out_artefact = NULL;
    const tn_allocator *a = &config->context->allocator;
    artefact *f = tn__alloc_zero(a, sizeof *f);
    if (!f) return tn__error_oom();
    f->base.device = &tn__device_ref;
    f->hook = config->hook;
    tn_error *e = tn__graph_create(config->context, &tn__op_hooks, g->name, &f->g);
    if (e) {
        tn__free(a, f, sizeof *f);
        return e;
    }
    tn__dump dump; /* there are no passes here */
    e = tn__dump_begin(config, g, &dump);
    tn__dump_end(&dump);
    if (!e && !(e = copy_graph(g, f->g))) e = prepare(f);
    if (e) {
        ref_destroy(&f->base);
        return e;
    }
    *out_artefact = &f->base;
    return NULL;
}

/* What one run changes: slots[value] is an owned tensor, or NULL. */
typedef struct frame {
    const artefact *f;
    tn_tensor **slots;
    tn_tensor *const *out;
} frame;

static tn_error *run_node(frame *r, uint32_t index) {
    const tn_graph *g = r->f->g;
    const tn__node *n = &g->nodes.data[index];
    const tn_allocator *a = &g->context->allocator;
    const tn_tensor *in_stack[16], **in = in_stack;
    tn_tensor *out_stack[16], **out = out_stack;
    tn_error *e = NULL;
    if (n->n_in > 16) in = tn__alloc(a, n->n_in * sizeof *in);
    if (n->n_out > 16) out = tn__alloc(a, n->n_out * sizeof *out);
    if (!in || !out) e = tn__error_oom();
    for (uint32_t k = 0; !e && k < n->n_in; k++) {
        tn_value v = tn__in(g, n, k);
        const tn_tensor *constant = v.id ? tn__constant_of(g, v) : NULL;
        in[k] = constant ? constant : r->slots[v.id];
    }
    for (uint32_t k = 0; !e && k < n->n_out; k++) {
        uint32_t id = n->first_out + k, direct = r->f->direct[id];
        const tn__type *t = &g->values.data[id].type;
        if (direct) {
            r->slots[id] = r->out[direct - 1];
            tn_tensor_retain(r->slots[id]);
            if (r->slots[id]->bytes) memset(r->slots[id]->data, 0, r->slots[id]->bytes);
        } else {
            e = tn_tensor_create(g->context, t->dtype, t->rank, t->dims, &r->slots[id]);
        }
        out[k] = r->slots[id];
    }
    if (!e) {
        tn_profile_row row;
        bool hooked = tn__hook_is_set(&r->f->hook);
        if (hooked) row = tn__profile_row_of(g, n, n->source, "call"), tn__hook_begin(&r->f->hook, &row);
        tn__eval c = {g->context, a, n->op, n->attrs, in, n->n_in, n->n_out, out, NULL};
        e = tn__op_functions_of[n->op].eval(&c);
        if (hooked) tn__hook_end(&r->f->hook, &row);
        e = tn__node_error(g, n, e);
    }
    if (in != in_stack) tn__free(a, (void *)in, n->n_in * sizeof *in);
    if (out != out_stack) tn__free(a, out, n->n_out * sizeof *out);
    for (uint32_t k = 0; k < n->n_in + n->n_out; k++) { /* nobody reads it after this node */
        uint32_t id = k < n->n_in ? tn__in(g, n, k).id : n->first_out + k - n->n_in;
        bool unread = r->f->last_use[id] == TN__NO_NODE && k >= n->n_in;
        if (!id || !r->slots[id] || (r->f->last_use[id] != index && !unread)) continue;
        bool is_output = false;
        for (size_t i = 0; i < g->outputs.count && !is_output; i++) is_output = g->outputs.data[i].value.id == id;
        if (is_output) continue;
        tn_tensor_release(r->slots[id]);
        r->slots[id] = NULL;
    }
    return e;
}

static tn_error *ref_run(const tn__artefact *base, tn_tensor *const *in, tn_tensor *const *out) {
    const artefact *f = (const artefact *)base;
    const tn_graph *g = f->g;
    const tn_allocator *a = &g->context->allocator;
    frame r = {f, tn__alloc_zero(a, g->values.count * sizeof *r.slots), out};
    if (!r.slots) return tn__error_oom();
    for (size_t i = 0; i < g->inputs.count; i++) {
        r.slots[g->inputs.data[i].value.id] = in[i];
        tn_tensor_retain(in[i]);
    }
    tn_error *e = NULL;
    for (uint32_t i = 0; !e && i < g->nodes.count; i++)
        if (g->nodes.data[i].op != TN_OP_constant && !(e = tn__context_poll(g->context))) e = run_node(&r, i);
    for (size_t i = 0; !e && i < g->outputs.count; i++) { /* inputs, constants, second names of one value */
        tn_value v = g->outputs.data[i].value;
        const tn_tensor *constant = tn__constant_of(g, v);
        e = tn__tensor_assign(out[i], constant ? constant : r.slots[v.id]);
    }
    for (size_t i = 0; i < g->values.count; i++) tn_tensor_release(r.slots[i]);
    tn__free(a, r.slots, g->values.count * sizeof *r.slots);
    return e;
}

static void ref_get_stats(const tn__artefact *base, tn_executable_stats *stats) {
    const artefact *f = (const artefact *)base;
    stats->constant_bytes += f->constant_bytes;
    for (size_t i = 0; i < f->g->nodes.count; i++) stats->n_calls += f->g->nodes.data[i].op != TN_OP_constant;
}

const tn__device_vtable tn__device_ref = {"ref", ref_compile, ref_destroy, ref_run, ref_get_stats, NULL, NULL};
