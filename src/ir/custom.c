/* Custom ops: registration, and what their nodes carry. */
#include "ir/custom.h"

#include <inttypes.h>

enum { NAME_MOST = 255, ATTRS_MOST = 4096 };

/* ---- registration -------------------------------------------------------------------------------------------- */

static tn_error *check_name(const tn_allocator *a, const char *name) {
    if (!name || !*name) return TN__FAIL(a, INVALID_ARGUMENT, "a custom op has no name");
    for (size_t i = 0; name[i]; i++) {
        if (i >= NAME_MOST) return TN__FAIL(a, INVALID_ARGUMENT, "the name '%.40s...' of a custom op has more than %d bytes", name, NAME_MOST);
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return TN__FAIL(a, INVALID_ARGUMENT, "the name of a custom op has the control character 0x%02x in it", (unsigned char)name[i]);
    }
    if (tn__op_from_name(name)) return TN__FAIL(a, INVALID_ARGUMENT, "'%s' is an op of Tenon: a custom op needs another name", name);
    return NULL;
}

static tn_error *check_counts(const tn_allocator *a, const char *name, const char *what, int32_t least, int32_t most) {
    if (least >= 0 && (most < 0 || most >= least)) return NULL;
    return TN__FAIL(a, INVALID_ARGUMENT, "custom op '%s': from %" PRId32 " to %" PRId32 " %s", name, least, most, what);
}

tn_error *tn_custom_op_register(tn_context *context, const tn_custom_op *op) {
    TN__HANDLE(context, CONTEXT);
    const tn_allocator *a = &context->allocator;
    if (!op) return TN__FAIL(a, INVALID_ARGUMENT, "tn_custom_op_register: op is NULL");
    tn_custom_op x = {0};
    TN__STRUCT_READ(&x, op);
    TN__TRY(check_name(a, x.name));
    if (!x.infer || !x.evaluate) return TN__FAIL(a, INVALID_ARGUMENT, "custom op '%s' has no %s", x.name, x.infer ? "evaluate" : "infer");
    if (x.flags & ~(uint32_t)(TN_CUSTOM_THREAD_SAFE | TN_CUSTOM_PURE))
        return TN__FAIL(a, INVALID_ARGUMENT, "custom op '%s': unknown flags 0x%" PRIx32, x.name, x.flags);
    if (!x.n_in_max) x.n_in_max = x.n_in_min;
    if (!x.n_out_min) x.n_out_min = 1;
    if (!x.n_out_max) x.n_out_max = x.n_out_min;
    TN__TRY(check_counts(a, x.name, "inputs", x.n_in_min, x.n_in_max));
    TN__TRY(check_counts(a, x.name, "outputs", x.n_out_min, x.n_out_max));
    return tn__custom_table_add(context->custom_ops, a, &x);
}

tn_error *tn_custom_op_unregister(tn_context *context, const char *name) {
    TN__HANDLE(context, CONTEXT);
    if (!name) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_custom_op_unregister: name is NULL");
    return tn__custom_table_remove(context->custom_ops, &context->allocator, name);
}

bool tn_custom_op_is_registered(tn_context *context, const char *name) {
    tn__custom_op *x = TN__IS(context, CONTEXT) && name ? tn__custom_table_find(context->custom_ops, name) : NULL;
    tn__custom_op_release(x);
    return x != NULL;
}

tn_error *tn_custom_op_share(tn_context *context, tn_context *from) {
    TN__HANDLE(context, CONTEXT);
    TN__HANDLE(from, CONTEXT);
    if (context->custom_ops == from->custom_ops) return NULL;
    if (!tn__custom_table_is_empty(context->custom_ops))
        return TN__FAIL(&context->allocator, INVALID_ARGUMENT, "tn_custom_op_share: the context has custom ops of its own");
    tn__custom_table *own = context->custom_ops;
    tn__custom_table_retain(from->custom_ops);
    context->custom_ops = from->custom_ops;
    tn__custom_table_release(own);
    return NULL;
}

/* ---- attributes ---------------------------------------------------------------------------------------------- */

static bool copy_list(tn_graph *g, uint32_t n, size_t element_bytes, const void *data, const void **out) {
    *out = n ? tn__arena_copy(&g->arena, data, (size_t)n * element_bytes) : NULL;
    return !n || *out;
}

/* One checked attribute into g's arena; only the members of its kind are set. */
static bool copy_attr(tn_graph *g, const tn_attr *from, tn_attr *to) {
    *to = (tn_attr){.name = tn__arena_strdup(&g->arena, from->name), .kind = from->kind};
    if (!to->name) return false;
    switch (from->kind) {
    case TN_ATTR_INT: to->i = from->i; return true;
    case TN_ATTR_FLOAT: to->f = from->f; return true;
    case TN_ATTR_STRING: return (to->s = tn__arena_strdup(&g->arena, from->s)) != NULL;
    case TN_ATTR_INTS: to->n = from->n; return copy_list(g, from->n, sizeof *from->ints, from->ints, (const void **)&to->ints);
    case TN_ATTR_FLOATS: to->n = from->n; return copy_list(g, from->n, sizeof *from->floats, from->floats, (const void **)&to->floats);
    case TN_ATTR_STRINGS: {
        const char **list = TN__ARENA_ARRAY(&g->arena, const char *, (size_t)from->n + 1);
        for (uint32_t i = 0; list && i < from->n; i++)
            if (!(list[i] = tn__arena_strdup(&g->arena, from->strings[i]))) return false;
        to->n = from->n;
        to->strings = list;
        return list != NULL;
    }
    case TN_ATTR_TENSOR: return tn__graph_keep_plain(g, from->tensor, &to->tensor);
    case TN_ATTR_GRAPH: to->graph = from->graph; return tn__graph_keep_subgraph(g, from->graph);
    }
    return false;
}

static tn_error *check_attr(const tn_graph *g, const tn_attr *x) {
    const tn_allocator *a = &g->context->allocator;
    if (!x->name || !*x->name) return TN__FAIL(a, INVALID_ARGUMENT, "an attribute has no name");
    bool whole = true;
    switch (x->kind) {
    case TN_ATTR_INT:
    case TN_ATTR_FLOAT: break;
    case TN_ATTR_STRING: whole = x->s; break;
    case TN_ATTR_INTS: whole = !x->n || x->ints; break;
    case TN_ATTR_FLOATS: whole = !x->n || x->floats; break;
    case TN_ATTR_STRINGS:
        whole = !x->n || x->strings;
        for (uint32_t i = 0; whole && i < x->n; i++) whole = x->strings[i];
        break;
    case TN_ATTR_TENSOR:
        if (!TN__IS(x->tensor, TENSOR)) return tn__handle_error(x->tensor, TN__HANDLE_TENSOR, "tn_graph_custom", x->name);
        break;
    case TN_ATTR_GRAPH:
        if (!TN__IS(x->graph, GRAPH)) return tn__handle_error(x->graph, TN__HANDLE_GRAPH, "tn_graph_custom", x->name);
        if (x->graph == g) return TN__FAIL(a, INVALID_ARGUMENT, "attribute '%s' is the graph that the node is in", x->name);
        break;
    default: return TN__FAIL(a, INVALID_ARGUMENT, "attribute '%s' is of an unknown kind %d", x->name, (int)x->kind);
    }
    return whole ? NULL : TN__FAIL(a, INVALID_ARGUMENT, "attribute '%s' is NULL, or has a NULL entry", x->name);
}

tn_error *tn__custom_take_attrs(tn_graph *g, const tn_attr *attrs, uint32_t n_attrs, tn__custom_call *out) {
    const tn_allocator *a = &g->context->allocator;
    if (n_attrs && !attrs) return TN__FAIL(a, INVALID_ARGUMENT, "%u attributes at NULL", n_attrs);
    if (n_attrs > ATTRS_MOST) return TN__FAIL(a, LIMIT_EXCEEDED, "%u attributes, at most %d", n_attrs, ATTRS_MOST);
    if (!(out->attrs = TN__ARENA_ARRAY(&g->arena, tn_attr, (size_t)n_attrs + 1))) return tn__error_oom();
    for (uint32_t i = 0; i < n_attrs; i++) {
        TN__TRY(check_attr(g, &attrs[i]));
        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(attrs[k].name, attrs[i].name)) return TN__FAIL(a, INVALID_ARGUMENT, "attribute '%s' is given twice", attrs[i].name);
    }
    for (uint32_t i = 0; i < n_attrs; i++)
        if (!copy_attr(g, &attrs[i], &out->attrs[out->n_attrs++])) return tn__error_oom();
    return NULL;
}

/* ---- calls --------------------------------------------------------------------------------------------------- */

static bool keep_op(tn_graph *g, tn__custom_op *op) {
    if (!TN__PUSH(&g->context->allocator, &g->custom_ops, op)) return false;
    tn__custom_op_retain(op);
    return true;
}

tn_error *tn__custom_begin(tn_graph *g, const char *name, tn__custom_call **out) {
    const tn_allocator *a = &g->context->allocator;
    tn__custom_op *op = name ? tn__custom_table_find(g->context->custom_ops, name) : NULL;
    if (!op)
        return TN__FAIL(a, NOT_FOUND, "no custom op '%.255s' is registered in this context (tn_custom_op_register)", name ? name : "(null)");
    tn__custom_call *call = TN__ARENA_NEW(&g->arena, tn__custom_call);
    bool kept = call && keep_op(g, op);
    tn__custom_op_release(op);
    if (!kept) return tn__error_oom();
    call->op = op;
    *out = call;
    return NULL;
}

/* Types with their dimensions, into the arena. */
static const tn__type *copy_types(tn_graph *g, const tn__type *from, uint32_t n) {
    tn__type *to = TN__ARENA_ARRAY(&g->arena, tn__type, (size_t)n + 1);
    for (uint32_t i = 0; to && i < n; i++) {
        to[i] = from[i];
        if (from[i].rank > 0 && !(to[i].dims = tn__arena_copy(&g->arena, from[i].dims, (size_t)from[i].rank * sizeof *from[i].dims))) return NULL;
    }
    return to;
}

tn__custom_call *tn__custom_copy(tn_graph *g, const tn__custom_call *call) {
    tn__custom_call *own = tn__arena_copy(&g->arena, call, sizeof *call);
    if (!own || !keep_op(g, call->op)) return NULL;
    own->attrs = TN__ARENA_ARRAY(&g->arena, tn_attr, (size_t)call->n_attrs + 1);
    for (uint32_t i = 0; own->attrs && i < call->n_attrs; i++)
        if (!copy_attr(g, &call->attrs[i], &own->attrs[i])) return NULL;
    if (!own->attrs) return NULL;
    if (call->out && (!(own->in = copy_types(g, call->in, call->n_in)) || !(own->out = copy_types(g, call->out, call->n_out)))) return NULL;
    return own;
}

static bool same_types(const tn__type *x, const tn__type *y, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (x[i].dtype != y[i].dtype || x[i].rank != y[i].rank ||
            (x[i].rank > 0 && memcmp(x[i].dims, y[i].dims, (size_t)x[i].rank * sizeof *x[i].dims)))
            return false;
    return true;
}

bool tn__custom_remember(tn_graph *g, tn__custom_call *call, const tn_value *in, uint32_t n_in, const tn__type *out, uint32_t n_out) {
    for (uint32_t k = 0; k < n_out; k++)
        if (!tn__type_is_static(&out[k])) {
            call->out = NULL;
            return true;
        }
    tn__type *types = TN__ARENA_ARRAY(&g->arena, tn__type, (size_t)n_in + 1);
    for (uint32_t i = 0; types && i < n_in; i++)
        if (in[i].id) types[i] = *tn__type_of(g, in[i]); /* dimensions in g's arena */
    call->in = types;
    call->n_in = n_in;
    call->out = types ? copy_types(g, out, n_out) : NULL;
    call->n_out = n_out;
    return call->out;
}

const tn__type *tn__custom_recall(const tn__custom_call *call, const tn__type *in, uint32_t n_in, uint32_t n_out) {
    bool same = call->out && call->n_in == n_in && call->n_out == n_out && same_types(call->in, in, n_in);
    return same ? call->out : NULL;
}

static bool same_lists(const void *x, const void *y, size_t bytes) { return !bytes || !memcmp(x, y, bytes); }

static bool same_attrs(const tn_attr *x, const tn_attr *y) {
    if (x->kind != y->kind || x->n != y->n || strcmp(x->name, y->name)) return false;
    switch (x->kind) {
    case TN_ATTR_INT: return x->i == y->i;
    case TN_ATTR_FLOAT: return !memcmp(&x->f, &y->f, sizeof x->f);
    case TN_ATTR_STRING: return !strcmp(x->s, y->s);
    case TN_ATTR_INTS: return same_lists(x->ints, y->ints, x->n * sizeof *x->ints);
    case TN_ATTR_FLOATS: return same_lists(x->floats, y->floats, x->n * sizeof *x->floats);
    case TN_ATTR_STRINGS:
        for (uint32_t i = 0; i < x->n; i++)
            if (strcmp(x->strings[i], y->strings[i])) return false;
        return true;
    case TN_ATTR_TENSOR: return tn__tensors_equal(x->tensor, y->tensor);
    case TN_ATTR_GRAPH: return x->graph == y->graph;
    }
    return false;
}

bool tn__custom_equal(const tn__custom_call *a, const tn__custom_call *b) {
    if (a->op != b->op || a->n_attrs != b->n_attrs) return false;
    for (uint32_t i = 0; i < a->n_attrs; i++)
        if (!same_attrs(&a->attrs[i], &b->attrs[i])) return false;
    return true;
}

/* ---- building ------------------------------------------------------------------------------------------------ */

static tn_value add(tn_graph *g, const char *name, const tn_value *inputs, uint32_t n_inputs, const tn_attr *attrs, uint32_t n_attrs,
                    uint32_t n_outputs) {
    const tn_allocator *a = &g->context->allocator;
    tn__custom_call *call = NULL;
    tn_error *e = n_inputs && !inputs ? TN__FAIL(a, INVALID_ARGUMENT, "%u inputs at NULL", n_inputs) : tn__custom_begin(g, name, &call);
    if (!e) e = tn__custom_take_attrs(g, attrs, n_attrs, call);
    if (!e) return tn__graph_add(g, TN_OP_custom, inputs, n_inputs, &(tn__attrs_custom){.call = call}, n_outputs, NULL);
    tn__graph_fail(g, tn__error_prefix(e, "tn_graph_custom '%.255s'", name ? name : "(null)"));
    return tn__none();
}

tn_value tn_graph_custom(tn_graph *g, const char *name, const tn_value *inputs, uint32_t n_inputs, const tn_attr *attrs, uint32_t n_attrs,
                         uint32_t n_outputs) {
    tn_value v = TN__IS(g, GRAPH) && !g->error ? add(g, name, inputs, n_inputs, attrs, n_attrs, n_outputs) : tn__none();
    for (uint32_t i = 0; attrs && i < n_attrs; i++) /* taken in any case; g has retained what it needs */
        if (attrs[i].kind == TN_ATTR_GRAPH && attrs[i].graph != g) tn_graph_release(attrs[i].graph);
    return v;
}
