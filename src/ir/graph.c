#include <inttypes.h>
#include <stdio.h>

#include "ir/custom.h"
#include "rt/strided.h"

tn_error *tn__graph_create(tn_context *context, const tn__graph_hooks *hooks, const char *name, tn_graph **out_graph) {
    *out_graph = NULL;
    const tn_allocator *a = &context->allocator;
    tn_graph *g = tn__alloc_zero(a, sizeof *g);
    if (!g) return tn__error_oom();
    tn__handle_init(&g->handle, TN__HANDLE_GRAPH);
    atomic_init(&g->references, 1);
    tn_context_retain(context);
    g->context = context;
    g->hooks = hooks;
    tn__arena_init(&g->arena, a);
    g->name = tn__arena_strdup(&g->arena, name ? name : "graph");
    if (!g->name || !TN__PUSH(a, &g->values, (tn__value_data){.node = TN__NO_NODE})) {
        tn_graph_release(g);
        return tn__error_oom();
    }
    *out_graph = g;
    return NULL;
}

tn_error *tn_graph_create(tn_context *context, const char *name, tn_graph **out_graph) {
    if (!out_graph) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_graph_create: out_graph is NULL");
    *out_graph = NULL;
    TN__HANDLE(context, CONTEXT);
    return tn__graph_create(context, &tn__op_hooks, name, out_graph);
}

void tn__graph_retain(tn_graph *g) {
    if (g) atomic_fetch_add_explicit(&g->references, 1, memory_order_relaxed);
}

void tn_graph_release(tn_graph *g) {
    if (!TN__IS(g, GRAPH) || atomic_fetch_sub_explicit(&g->references, 1, memory_order_acq_rel) != 1) return;
    tn_context *c = g->context;
    const tn_allocator *a = &c->allocator;
    for (size_t i = 0; i < g->tensors.count; i++) tn_tensor_release(g->tensors.data[i]);
    for (size_t i = 0; i < g->subgraphs.count; i++) tn_graph_release(g->subgraphs.data[i]);
    for (size_t i = 0; i < g->variables.count; i++) tn_variable_release(g->variables.data[i].variable);
    TN__VEC_FREE(a, &g->nodes);
    TN__VEC_FREE(a, &g->values);
    TN__VEC_FREE(a, &g->operands);
    TN__VEC_FREE(a, &g->tensors);
    for (size_t i = 0; i < g->custom_ops.count; i++) tn__custom_op_release(g->custom_ops.data[i]);
    TN__VEC_FREE(a, &g->subgraphs);
    TN__VEC_FREE(a, &g->custom_ops);
    TN__VEC_FREE(a, &g->symbols);
    TN__VEC_FREE(a, &g->inputs);
    TN__VEC_FREE(a, &g->outputs);
    TN__VEC_FREE(a, &g->variables);
    tn_error_destroy(g->error);
    tn__sources_release(g->sources);
    tn__arena_deinit(&g->arena);
    tn__handle_deinit(&g->handle);
    tn__free(a, g, sizeof *g);
    tn_context_release(c);
}

uint64_t tn__graph_count_nodes(const tn_graph *g, uint64_t most) {
    uint64_t n = g->nodes.count;
    for (size_t i = 0; i < g->subgraphs.count && n <= most; i++) n += tn__graph_count_nodes(g->subgraphs.data[i], most - n);
    return n <= most ? n : most + 1;
}

void tn__graph_swap(tn_graph *a, tn_graph *b) {
    tn_graph t = *a;
    unsigned ra = atomic_load(&a->references), rb = atomic_load(&b->references);
    memcpy((void *)a, (const void *)b, sizeof *a);
    memcpy((void *)b, (const void *)&t, sizeof *b);
    atomic_store(&a->references, ra);
    atomic_store(&b->references, rb);
}

void tn__graph_fail(tn_graph *g, tn_error *e) {
    if (!e) return;
    if (g->error) tn_error_destroy(e);
    else g->error = e;
}

bool tn__graph_keep_tensor(tn_graph *g, tn_tensor *t) {
    if (!TN__PUSH(&g->context->allocator, &g->tensors, t)) return false;
    tn_tensor_retain(t);
    return true;
}

bool tn__graph_keep_subgraph(tn_graph *g, tn_graph *sub) {
    if (!TN__PUSH(&g->context->allocator, &g->subgraphs, sub)) return false;
    tn__graph_retain(sub);
    return true;
}

bool tn__node_has_effects(tn__op op, const void *attrs) {
    const tn__op_info *info = &tn__op_infos[op];
    if (op == TN_OP_custom) return !(tn__custom_of(attrs)->op->op.flags & TN_CUSTOM_PURE);
    bool any = false;
    for (uint32_t i = 0; info->flags & TN__OP_CONTROL && i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        const tn_graph *body = f->kind == TN_ATTR_GRAPH ? *(tn_graph *const *)((const char *)attrs + f->offset) : NULL;
        any |= body && body->has_effects;
    }
    return any;
}

const char *tn__op_text(tn__op op, const void *attrs) {
    bool custom = op == TN_OP_custom && attrs && tn__custom_of(attrs);
    return custom ? tn__custom_of(attrs)->op->op.name : tn__op_infos[op].name;
}

bool tn__graph_keep_plain(tn_graph *g, tn_tensor *t, tn_tensor **out_kept) {
    tn_tensor *plain;
    tn_error *e = tn__tensor_make_plain(t, &plain);
    if (e) return tn_error_destroy(e), false; /* the shape was checked before: there is only no memory */
    bool ok = tn__graph_keep_tensor(g, plain);
    tn_tensor_release(plain);
    *out_kept = plain;
    return ok;
}

tn_error *tn_graph_check(const tn_graph *graph) {
    TN__HANDLE(graph, GRAPH);
    return tn__error_copy(graph->error);
}

/* ---- types --------------------------------------------------------------------------------------------------- */

bool tn__type_is_static(const tn__type *t) {
    for (int32_t i = 0; i < t->rank; i++)
        if (t->dims[i] < 0) return false;
    return t->rank >= 0;
}

int64_t tn__type_elements(const tn__type *t) {
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++) n *= t->dims[i];
    return n;
}

const char *tn__type_text(const tn_graph *g, const tn__type *t, char *buffer, size_t bytes) {
    size_t n = (size_t)snprintf(buffer, bytes, t->rank < 0 ? "%s[*" : "%s[", tn_dtype_name(t->dtype));
    for (int32_t i = 0; i < t->rank && n < bytes; i++) {
        const char *symbol = tn_graph_get_symbol_name(g, t->dims[i]), *comma = i ? "," : "";
        n += t->dims[i] >= 0 ? (size_t)snprintf(buffer + n, bytes - n, "%s%" PRId64, comma, t->dims[i])
                             : (size_t)snprintf(buffer + n, bytes - n, "%s%s", comma, symbol ? symbol : "?");
    }
    if (n < bytes) snprintf(buffer + n, bytes - n, "]");
    return buffer;
}

const char *tn__value_text(const tn_graph *g, tn_value v, char *buffer, size_t bytes) {
    const char *name = v.id < g->values.count ? g->values.data[v.id].name : NULL;
    if (name) snprintf(buffer, bytes, "%s", name);
    else snprintf(buffer, bytes, "%%%u", v.id);
    return buffer;
}

static const char *symbol_name(const tn_graph *g, int64_t dim) {
    uint64_t i = (uint64_t)(TN_DIM_UNKNOWN - 1 - dim);
    return dim < TN_DIM_UNKNOWN && i < g->symbols.count ? g->symbols.data[i] : NULL;
}

const char *tn_graph_get_symbol_name(const tn_graph *g, int64_t dim) { return TN__IS(g, GRAPH) ? symbol_name(g, dim) : NULL; }

int64_t tn_graph_symbol(tn_graph *g, const char *name) {
    if (!TN__IS(g, GRAPH)) return TN_DIM_UNKNOWN;
    if (!name)
        return tn__graph_fail(g, TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "a symbol's name is NULL")), TN_DIM_UNKNOWN;
    for (size_t i = 0; i < g->symbols.count; i++)
        if (!strcmp(g->symbols.data[i], name)) return TN_DIM_UNKNOWN - 1 - (int64_t)i;
    if (g->symbols.count >= TN__MAX_SYMBOLS) {
        tn__graph_fail(g, TN__FAIL(&g->context->allocator, LIMIT_EXCEEDED, "symbol '%s': more than %d symbols in a graph", name, TN__MAX_SYMBOLS));
        return TN_DIM_UNKNOWN;
    }
    char *copy = tn__arena_strdup(&g->arena, name);
    if (!copy || !TN__PUSH(&g->context->allocator, &g->symbols, copy)) {
        tn__graph_fail(g, tn__error_oom());
        return TN_DIM_UNKNOWN;
    }
    return TN_DIM_UNKNOWN - (int64_t)g->symbols.count;
}

/* ---- building ------------------------------------------------------------------------------------------------ */

bool tn__graph_may_build(tn_graph *g) {
    if (!TN__IS(g, GRAPH) || g->error) return false;
    if (!g->is_inferring) return true;
    tn__graph_fail(g, TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "a callback that is asked for types builds on the same graph"));
    return false;
}

tn_value tn__graph_new_value(tn_graph *g, tn__type type, uint32_t node, uint32_t out_index, const char *name) {
    if (g->values.count > UINT32_MAX / 2 ||
        !TN__PUSH(&g->context->allocator, &g->values, ((tn__value_data){type, node, out_index, name}))) {
        tn__graph_fail(g, tn__error_oom());
        return tn__none();
    }
    return (tn_value){(uint32_t)g->values.count - 1};
}

tn_value tn_graph_input(tn_graph *g, const char *name, tn_dtype dtype, int32_t rank, const int64_t *dims) {
    if (!tn__graph_may_build(g)) return tn__none();
    const tn_allocator *a = &g->context->allocator;
    name = name ? name : "input";
    if (!tn_dtype_bits(dtype))
        return tn__graph_fail(g, TN__FAIL(a, INVALID_ARGUMENT, "input '%s': unknown dtype %d", name, (int)dtype)), tn__none();
    if (rank > (int32_t)g->context->limits.max_rank)
        return tn__graph_fail(g, TN__FAIL(a, LIMIT_EXCEEDED, "input '%s': rank %d is over the limit %u", name, rank,
                                          g->context->limits.max_rank)), tn__none();
    tn__type type = {dtype, rank < 0 ? -1 : rank, NULL};
    if (rank > 0 && !dims)
        return tn__graph_fail(g, TN__FAIL(a, INVALID_ARGUMENT, "input '%s': dims is NULL, rank %d", name, rank)), tn__none();
    if (rank > 0) {
        for (int32_t i = 0; i < rank; i++)
            if (dims[i] < TN_DIM_UNKNOWN && !symbol_name(g, dims[i]))
                return tn__graph_fail(g, TN__FAIL(a, INVALID_ARGUMENT, "input '%s': dimension %d is %" PRId64, name, i, dims[i])),
                       tn__none();
        type.dims = tn__arena_copy(&g->arena, dims, (size_t)rank * sizeof *dims);
    }
    const char *copy = tn__arena_strdup(&g->arena, name);
    if ((rank > 0 && !type.dims) || !copy) return tn__graph_fail(g, tn__error_oom()), tn__none();
    tn_value v = tn__graph_new_value(g, type, TN__NO_NODE, (uint32_t)g->inputs.count, copy);
    if (v.id && !TN__PUSH(a, &g->inputs, ((tn__port){copy, v}))) return tn__graph_fail(g, tn__error_oom()), tn__none();
    return v;
}

tn_value tn_graph_constant(tn_graph *g, tn_tensor *tensor) {
    if (!tn__graph_may_build(g)) return tn__none();
    if (!TN__IS(tensor, TENSOR))
        return tn__graph_fail(g, tn__handle_error(tensor, TN__HANDLE_TENSOR, __func__, "tensor")), tn__none();
    tn__attrs_constant attrs = {.value = tensor};
    return tn__graph_add(g, TN_OP_constant, NULL, 0, &attrs, 1, NULL);
}

tn_value tn_graph_constant_copy(tn_graph *g, tn_dtype dtype, int32_t rank, const int64_t *dims, const void *values) {
    if (!tn__graph_may_build(g)) return tn__none();
    tn_tensor *t = NULL;
    tn_error *e = tn_tensor_create(g->context, dtype, rank, dims, &t);
    if (!e && !values && tn_tensor_get_bytes(t))
        e = TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "constant: values are NULL");
    if (!e && values) memcpy(tn_tensor_get_data(t), values, tn_tensor_get_bytes(t));
    if (e) tn__graph_fail(g, e);
    tn_value v = e ? tn__none() : tn_graph_constant(g, t);
    tn_tensor_release(t);
    return v;
}

const tn_tensor *tn__constant_peek(const tn_graph *g, tn_value v) {
    const tn__node *n = tn__node_of(g, v);
    return n && n->op == TN_OP_constant ? ((const tn__attrs_constant *)n->attrs)->value : NULL;
}

const tn_tensor *tn__constant_of(const tn_graph *g, tn_value v) { return tn__tensor_settle(tn__constant_peek(g, v)); }

static tn_error *describe(tn_graph *g, tn_error *e, const char *op, const char *name, const tn_value *in, uint32_t n_in) {
    char text[768] = "", one[160], type[160];
    size_t n = 0;
    for (uint32_t i = 0; i < n_in && i < 8 && n < sizeof text - 2; i++) {
        if (!in[i].id) n += (size_t)snprintf(text + n, sizeof text - n, "%sabsent", i ? ", " : "");
        else
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s", i ? ", " : "", tn__value_text(g, in[i], one, sizeof one),
                                  tn__type_text(g, tn__type_of(g, in[i]), type, sizeof type));
    }
    return name ? tn__error_prefix(e, "node '%s' (%s of %s)", name, op, text) : tn__error_prefix(e, "%s of (%s)", op, text);
}

static tn_error *check_arity(tn_graph *g, tn__op op, const tn_value *in, uint32_t n_in, uint32_t n_out) {
    const tn_allocator *a = &g->context->allocator;
    const tn__op_info *info = &tn__op_infos[op];
    if ((int64_t)n_in < info->in_min || (info->in_max >= 0 && (int64_t)n_in > info->in_max))
        return TN__FAIL(a, INVALID_GRAPH, "%u operands, wanted %d to %d", n_in, info->in_min, info->in_max);
    if ((int64_t)n_out < info->out_min || (info->out_max >= 0 && (int64_t)n_out > info->out_max))
        return TN__FAIL(a, INVALID_GRAPH, "%u results, wanted %d to %d", n_out, info->out_min, info->out_max);
    for (uint32_t i = 0; i < n_in; i++)
        if (in[i].id >= g->values.count) return TN__FAIL(a, INVALID_ARGUMENT, "operand %u is no value of this graph", i);
    for (uint32_t i = 0; i < n_in && (int32_t)i < info->in_min; i++)
        if (!in[i].id) return TN__FAIL(a, INVALID_GRAPH, "operand %u is absent but required", i);
    if (g->nodes.count >= g->context->limits.max_nodes)
        return TN__FAIL(a, LIMIT_EXCEEDED, "more than %u nodes (limit max_nodes)", g->context->limits.max_nodes);
    return NULL;
}

static tn_error *add_node(tn_graph *g, tn__op op, const tn_value *in, uint32_t n_in, const void *attrs, uint32_t n_out,
                          const char *name, tn_value *out) {
    const tn_allocator *a = &g->context->allocator;
    tn__type *types = TN__ARENA_ARRAY(&g->arena, tn__type, n_out ? n_out : 1);
    void *own = attrs ? tn__attrs_copy(g, op, attrs) : tn__attrs_new(g, op);
    if (!types || !own) return tn__error_oom();
    TN__TRY(g->hooks->infer(g, op, own, in, n_in, n_out, types));
    if (op == TN_OP_custom && !tn__custom_remember(g, ((tn__attrs_custom *)own)->call, in, n_in, types, n_out)) return tn__error_oom();
    if (g->fold && op != TN_OP_constant && n_out == 1) {
        tn_tensor *folded = NULL;
        TN__TRY(g->hooks->fold(g, op, own, in, n_in, n_out, types, &folded));
        if (folded) {
            *out = tn_graph_constant(g, folded);
            tn_tensor_release(folded);
            return NULL;
        }
    }
    const char *copy = name ? tn__arena_strdup(&g->arena, name) : NULL;
    if (name && !copy) return tn__error_oom();
    uint32_t first_in = (uint32_t)g->operands.count, node = (uint32_t)g->nodes.count;
    for (uint32_t i = 0; i < n_in; i++) /* in[] may point into operands: read before the push can move it */
    {
        tn_value v = in[i];
        if (g->operands.count && in >= g->operands.data && in < g->operands.data + g->operands.count) {
            size_t at = (size_t)(in - g->operands.data);
            if (!TN__PUSH(a, &g->operands, v)) return tn__error_oom();
            in = g->operands.data + at;
        } else if (!TN__PUSH(a, &g->operands, v)) return tn__error_oom();
    }
    if (!TN__RESERVE(a, &g->nodes, g->nodes.count + 1) || !TN__RESERVE(a, &g->values, g->values.count + n_out))
        return tn__error_oom();
    *out = (tn_value){(uint32_t)g->values.count};
    for (uint32_t k = 0; k < n_out; k++)
        if (!tn__graph_new_value(g, types[k], node, k, k ? NULL : copy).id) return tn__error_oom();
    g->nodes.data[g->nodes.count++] = (tn__node){op, n_in, n_out, first_in, out->id, g->source, own, copy};
    g->has_effects |= tn__node_has_effects(op, own);
    return NULL;
}

tn_value tn__graph_add(tn_graph *g, tn__op op, const tn_value *in, uint32_t n_in, const void *attrs, uint32_t n_out,
                       const char *name) {
    if (!tn__graph_may_build(g)) return tn__none();
    tn_value out = {0};
    const char *text = tn__op_text(op, attrs);
    tn_error *e = check_arity(g, op, in, n_in, n_out);
    if (e) e = tn__error_prefix(e, name ? "node '%s' (%s)" : "%.0s%s", name ? name : "", text);
    else if ((e = add_node(g, op, in, n_in, attrs, n_out, name, &out))) e = describe(g, e, text, name, in, n_in);
    if (e) {
        tn__graph_fail(g, tn__error_from(e, tn__graph_sources(g, g->source), name));
        return tn__none();
    }
    return out;
}

/* Sets attrs; *out_n of them were, and their graphs are taken over. */
static tn_error *set_attrs(tn_graph *g, tn__op op, void *own, const tn_attr *attrs, uint32_t n_attrs, uint32_t *out_n) {
    *out_n = 0;
    if (!own) return tn__error_oom();
    if (!attrs && n_attrs) return TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "attrs is NULL, n_attrs is %u", n_attrs);
    for (; *out_n < n_attrs; ++*out_n) {
        const tn_attr *attr = &attrs[*out_n];
        if (attr->kind == TN_ATTR_GRAPH && attr->graph == g)
            return TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "attribute '%s': a graph cannot be a part of itself", attr->name ? attr->name : "");
        TN__TRY(tn__attrs_set(g, op, own, attr));
    }
    return NULL;
}

tn_value tn_graph_op(tn_graph *g, const char *op_name, const tn_value *inputs, uint32_t n_inputs, const tn_attr *attrs,
                     uint32_t n_attrs, uint32_t n_outputs) {
    tn_value out = {0};
    uint32_t n_set = 0;
    if (tn__graph_may_build(g)) {
        const tn_allocator *a = &g->context->allocator;
        tn__op op = tn__op_from_name(op_name);
        void *own = op ? tn__attrs_new(g, op) : NULL;
        tn_error *e = !op ? TN__FAIL(a, NOT_FOUND, "there is no op '%s'", op_name ? op_name : "(null)")
                      : !inputs && n_inputs ? TN__FAIL(a, INVALID_ARGUMENT, "%s: inputs is NULL, n_inputs is %u", op_name, n_inputs)
                                            : tn__error_prefix(set_attrs(g, op, own, attrs, n_attrs, &n_set), "%s", op_name);
        if (e) tn__graph_fail(g, tn__error_from(e, tn__graph_sources(g, g->source), NULL));
        else out = tn__graph_add(g, op, inputs, n_inputs, own, n_outputs, NULL);
    }
    for (uint32_t i = n_set; attrs && i < n_attrs; i++) /* what was not taken over goes, as graphs are always taken */
        if (attrs[i].kind == TN_ATTR_GRAPH && attrs[i].graph != g) tn_graph_release(attrs[i].graph);
    return out;
}

tn_value tn__graph_copy_node(tn_graph *to, const tn_graph *from, const tn__node *n, const tn_value *map) {
    tn_value stack[16], *in = stack;
    if (n->n_in > 16 && !(in = TN__ARENA_ARRAY(&to->arena, tn_value, n->n_in)))
        return tn__graph_fail(to, tn__error_oom()), tn__none();
    for (uint32_t i = 0; i < n->n_in; i++) in[i] = map[from->operands.data[n->first_in + i].id];
    uint32_t current = to->source;
    if (n->source) to->source = tn__graph_source_of(to, from, n->source);
    tn_value out = tn__graph_add(to, n->op, in, n->n_in, n->attrs, n->n_out, n->name);
    to->source = current;
    for (uint32_t k = 0; out.id && k < n->n_out; k++) {
        const char *name = from->values.data[n->first_out + k].name;
        if (name && !to->values.data[out.id + k].name) tn_graph_set_name(to, tn_value_output(out, k), name);
    }
    return out;
}

tn_value tn_value_output(tn_value first, uint32_t k) { return first.id ? (tn_value){first.id + k} : first; }

void tn_graph_set_name(tn_graph *g, tn_value v, const char *name) {
    if (!TN__IS(g, GRAPH) || !v.id || v.id >= g->values.count || !name) return;
    char *copy = tn__arena_strdup(&g->arena, name);
    if (copy) g->values.data[v.id].name = copy;
    else tn__graph_fail(g, tn__error_oom());
}

void tn_graph_output(tn_graph *g, const char *name, tn_value v) {
    if (!tn__graph_may_build(g)) return;
    if (!v.id || v.id >= g->values.count)
        return tn__graph_fail(g, TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "output '%s': no value of this graph",
                                          name ? name : ""));
    char *copy = tn__arena_strdup(&g->arena, name ? name : "output");
    if (!copy || !TN__PUSH(&g->context->allocator, &g->outputs, ((tn__port){copy, v}))) tn__graph_fail(g, tn__error_oom());
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

uint32_t tn_graph_get_input_count(const tn_graph *g) { return TN__IS(g, GRAPH) ? (uint32_t)g->inputs.count : 0; }
uint32_t tn_graph_get_output_count(const tn_graph *g) { return TN__IS(g, GRAPH) ? (uint32_t)g->outputs.count : 0; }
const char *tn_graph_get_input_name(const tn_graph *g, uint32_t i) { return TN__IS(g, GRAPH) && i < g->inputs.count ? g->inputs.data[i].name : NULL; }
const char *tn_graph_get_output_name(const tn_graph *g, uint32_t i) { return TN__IS(g, GRAPH) && i < g->outputs.count ? g->outputs.data[i].name : NULL; }
tn_value tn_graph_get_input(const tn_graph *g, uint32_t i) { return TN__IS(g, GRAPH) && i < g->inputs.count ? g->inputs.data[i].value : tn__none(); }
tn_value tn_graph_get_output(const tn_graph *g, uint32_t i) { return TN__IS(g, GRAPH) && i < g->outputs.count ? g->outputs.data[i].value : tn__none(); }
uint32_t tn_graph_get_node_count(const tn_graph *g) { return TN__IS(g, GRAPH) ? (uint32_t)g->nodes.count : 0; }

tn_dtype tn_graph_get_dtype(const tn_graph *g, tn_value v) {
    return TN__IS(g, GRAPH) && v.id && v.id < g->values.count ? g->values.data[v.id].type.dtype : TN_DTYPE_NONE;
}

int32_t tn_graph_get_shape(const tn_graph *g, tn_value v, const int64_t **out_dims) {
    if (out_dims) *out_dims = NULL;
    if (!TN__IS(g, GRAPH) || !v.id || v.id >= g->values.count) return -1;
    if (out_dims) *out_dims = g->values.data[v.id].type.dims;
    return g->values.data[v.id].type.rank;
}

uint32_t *tn__graph_use_counts(const tn_graph *g, tn__arena *arena) {
    uint32_t *uses = TN__ARENA_ARRAY(arena, uint32_t, g->values.count);
    if (!uses) return NULL;
    for (size_t i = 0; i < g->operands.count; i++) uses[g->operands.data[i].id]++;
    for (size_t i = 0; i < g->outputs.count; i++) uses[g->outputs.data[i].value.id]++;
    return uses;
}
