/* Custom ops: shape rule, evaluation and gradient are calls of the caller's functions; and what these see of a node. */
#include "op/custom/custom.h"

#include <inttypes.h>

/* What is set depends on the callback. */
struct tn_custom_call {
    tn__handle handle;           /* until the callback returns */
    tn_context *context;
    const tn__custom_call *node; /* op and attributes */
    uint32_t n_in, n_out;
    tn_graph *g;                 /* infer: the symbols are its; gradient */
    const tn_value *in_values;   /* infer, gradient */
    const tn__type *types;       /* of the inputs; infer, gradient */
    const tn_tensor *const *in;  /* evaluate */
    const tn__type *known;       /* of the outputs; evaluate */
    tn_value first_out;          /* gradient */
    tn__type *out_types;         /* infer: to be set */
    tn_tensor **out;             /* evaluate */
};

/* ---- shape rule ---------------------------------------------------------------------------------------------- */

static tn_error *check_count(const tn__infer *c, const char *what, uint32_t n, int32_t least, int32_t most) {
    if ((int64_t)n >= least && (most < 0 || (int64_t)n <= most)) return NULL;
    if (most < 0) return TN__INFER_FAIL(c, INVALID_GRAPH, "%u %s, wanted %d or more", n, what, least);
    return TN__INFER_FAIL(c, INVALID_GRAPH, "%u %s, wanted %d to %d", n, what, least, most);
}

tn_error *tn__infer_custom(tn__infer *c) {
    const tn__custom_call *node = tn__custom_of(c->attrs);
    if (!node) return TN__INFER_FAIL(c, INVALID_GRAPH, "nodes of custom ops are made by tn_graph_custom");
    const tn_custom_op *op = &node->op->op;
    TN__TRY(check_count(c, "inputs", c->n_in, op->n_in_min, op->n_in_max));
    TN__TRY(check_count(c, "outputs", c->n_out, op->n_out_min, op->n_out_max));
    for (uint32_t i = 0; i < c->n_in && (int32_t)i < op->n_in_min; i++)
        if (!tn__shape_has(c, i)) return TN__INFER_FAIL(c, INVALID_GRAPH, "input %u is absent but required", i);
    const tn__type *known = tn__custom_recall(node, c->types, c->n_in, c->n_out);
    if (known) {
        memcpy(c->out, known, c->n_out * sizeof *known);
        return NULL;
    }
    tn_custom_call call = {.handle = {TN__HANDLE_CUSTOM_CALL}, .context = c->g->context, .node = node, .n_in = c->n_in, .n_out = c->n_out,
                           .g = c->g, .in_values = c->in, .types = c->types, .out_types = c->out};
    c->g->is_inferring = true;
    tn_error *e = op->infer(op->self, &call);
    tn__handle_deinit(&call.handle);
    c->g->is_inferring = false;
    if (e) return e;
    if (c->g->error) return tn__error_copy(c->g->error); /* the callback built on the graph */
    for (uint32_t k = 0; k < c->n_out; k++)
        if (!c->out[k].dtype) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "infer left output %u without a type", k);
    return NULL;
}

tn_error *tn_custom_call_set_output(tn_custom_call *call, uint32_t index, tn_dtype dtype, int32_t rank, const int64_t *dims) {
    TN__HANDLE(call, CUSTOM_CALL);
    const tn_allocator *a = &call->context->allocator;
    if (!call->out_types) return TN__FAIL(a, INVALID_ARGUMENT, "types are set in infer only");
    if (index >= call->n_out) return TN__FAIL(a, OUT_OF_RANGE, "output %u of %u", index, call->n_out);
    if (!tn_dtype_bits(dtype)) return TN__FAIL(a, INVALID_ARGUMENT, "output %u: unknown dtype %d", index, (int)dtype);
    if (rank > (int32_t)call->context->limits.max_rank)
        return TN__FAIL(a, LIMIT_EXCEEDED, "output %u: rank %d is over the limit %u", index, rank, call->context->limits.max_rank);
    if (rank > 0 && !dims) return TN__FAIL(a, INVALID_ARGUMENT, "output %u: dims is NULL, rank %d", index, rank);
    for (int32_t i = 0; i < rank; i++)
        if (dims[i] < TN_DIM_UNKNOWN && !tn_graph_get_symbol_name(call->g, dims[i]))
            return TN__FAIL(a, INVALID_ARGUMENT, "output %u: dimension %d is %" PRId64 ", no symbol of the inputs", index, i, dims[i]);
    const int64_t *own = rank > 0 ? tn__arena_copy(&call->g->arena, dims, (size_t)rank * sizeof *dims) : NULL;
    if (rank > 0 && !own) return tn__error_oom();
    call->out_types[index] = (tn__type){dtype, rank < 0 ? -1 : rank, own};
    return NULL;
}

/* ---- evaluation ---------------------------------------------------------------------------------------------- */

tn_error *tn__custom_evaluate(tn_context *context, const tn__custom_call *node, const tn_tensor *const *in, uint32_t n_in,
                              const tn__type *types, uint32_t n_out, tn_tensor **out) {
    const tn_allocator *a = &context->allocator;
    const tn_custom_op *op = &node->op->op;
    tn_custom_call call = {.handle = {TN__HANDLE_CUSTOM_CALL}, .context = context, .node = node, .n_in = n_in, .n_out = n_out,
                           .in = in, .known = types, .out = out};
    TN__TRY(tn__custom_op_enter(context->custom_ops, a, node->op));
    tn_error *e = op->evaluate(op->self, &call);
    tn__handle_deinit(&call.handle);
    tn__custom_op_leave(context->custom_ops, node->op);
    for (uint32_t k = 0; !e && k < n_out; k++)
        if (!out[k]) e = TN__FAIL(a, INVALID_ARGUMENT, "evaluate did not make output %u, whose shape infer left open", k);
    return e;
}

bool tn__custom_may_fold(const void *attrs) {
    const tn__custom_call *node = tn__custom_of(attrs);
    return node && node->op->op.flags == (TN_CUSTOM_PURE | TN_CUSTOM_THREAD_SAFE);
}

/* All results are there, or the shape rule left them open, which tn__op_eval knows (c->types). */
tn_error *tn__eval_custom(tn__eval *c) {
    return tn__custom_evaluate(c->context, tn__custom_of(c->attrs), c->in, c->n_in, c->types, c->n_out, c->out);
}

tn_error *tn_custom_call_make_output(tn_custom_call *call, uint32_t index, int32_t rank, const int64_t *dims, tn_tensor **out_tensor) {
    if (!out_tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_custom_call_make_output: out_tensor is NULL");
    *out_tensor = NULL;
    TN__HANDLE(call, CUSTOM_CALL);
    const tn_allocator *a = &call->context->allocator;
    if (!call->out) return TN__FAIL(a, INVALID_ARGUMENT, "outputs are made in evaluate only");
    if (index >= call->n_out) return TN__FAIL(a, OUT_OF_RANGE, "output %u of %u", index, call->n_out);
    if (rank < 0 || (rank && !dims)) return TN__FAIL(a, INVALID_ARGUMENT, "output %u: rank %d", index, rank);
    tn_tensor *there = call->out[index];
    tn__type known = there ? (tn__type){there->dtype, there->rank, there->dims} : call->known[index];
    bool fits = known.rank < 0 || known.rank == rank;
    for (int32_t i = 0; fits && i < known.rank; i++) fits = known.dims[i] < 0 || known.dims[i] == dims[i];
    if (!fits) {
        static const tn_graph no_symbols;
        char found[200], wanted[200];
        tn__type asked = {known.dtype, rank, dims};
        return TN__FAIL(a, SHAPE_MISMATCH, "output %u: evaluate makes %s, infer said %s", index,
                        tn__type_text(&no_symbols, &asked, found, sizeof found), tn__type_text(&no_symbols, &known, wanted, sizeof wanted));
    }
    if (!there) TN__TRY(tn__tensor_create_uninitialised(call->context, known.dtype, rank, dims, &call->out[index]));
    *out_tensor = call->out[index];
    return NULL;
}

/* ---- gradient ------------------------------------------------------------------------------------------------ */

static tn_error *check_values(const tn_graph *g, const char *what, const tn_value *v, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (v[i].id >= g->values.count) return TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "%s %u is no value of this graph", what, i);
    return NULL;
}

tn_error *tn_graph_custom_gradient(tn_graph *graph, tn_value output, const tn_value *cotangents, uint32_t n_cotangents, tn_value *out_gradients,
                                   uint32_t n_gradients) {
    TN__HANDLE(graph, GRAPH);
    tn_graph *g = graph;
    const tn_allocator *a = &g->context->allocator;
    if ((n_cotangents && !cotangents) || (n_gradients && !out_gradients))
        return TN__FAIL(a, INVALID_ARGUMENT, "tn_graph_custom_gradient: NULL argument");
    for (uint32_t i = 0; i < n_gradients; i++) out_gradients[i] = tn__none();
    TN__TRY(tn_graph_check(g));
    const tn__node *n = output.id < g->values.count ? tn__node_of(g, output) : NULL;
    if (!n || n->op != TN_OP_custom) return TN__FAIL(a, INVALID_ARGUMENT, "tn_graph_custom_gradient: value %u is made by no custom op", output.id);
    const tn__custom_call *node = tn__custom_of(n->attrs);
    const tn_custom_op *op = &node->op->op;
    uint32_t n_in = n->n_in, n_out = n->n_out, first_in = n->first_in; /* the callback may move the node */
    tn_value first_out = {n->first_out};
    if (n_cotangents != n_out || n_gradients != n_in)
        return TN__FAIL(a, INVALID_ARGUMENT, "gradient of '%s': %u cotangents and %u gradients, wanted %u and %u", op->name, n_cotangents,
                        n_gradients, n_out, n_in);
    if (!op->gradient) return TN__FAIL(a, UNSUPPORTED, "custom op '%s' has no gradient", op->name);
    TN__TRY(check_values(g, "cotangent", cotangents, n_cotangents));
    tn_value *in = TN__ARENA_ARRAY(&g->arena, tn_value, (size_t)n_in + 1);
    tn__type *types = TN__ARENA_ARRAY(&g->arena, tn__type, (size_t)n_in + 1);
    if (!in || !types) return tn__error_oom();
    for (uint32_t i = 0; i < n_in; i++) {
        in[i] = g->operands.data[first_in + i];
        if (in[i].id) types[i] = *tn__type_of(g, in[i]);
    }
    tn_custom_call call = {.handle = {TN__HANDLE_CUSTOM_CALL}, .context = g->context, .node = node, .n_in = n_in, .n_out = n_out,
                           .g = g, .in_values = in, .types = types, .first_out = first_out};
    uint32_t current = g->source;
    if (n->source) g->source = n->source; /* what the callback adds comes from where the node does */
    tn_error *e = op->gradient(op->self, &call, g, cotangents, out_gradients);
    g->source = current;
    tn__handle_deinit(&call.handle);
    if (!e) e = tn_graph_check(g);
    if (!e) e = check_values(g, "gradient", out_gradients, n_gradients);
    for (uint32_t i = 0; e && i < n_gradients; i++) out_gradients[i] = tn__none();
    return tn__error_prefix(e, "gradient of '%s'", op->name);
}

/* ---- what callbacks ask -------------------------------------------------------------------------------------- */

static bool is_call(const tn_custom_call *call) { return TN__IS(call, CUSTOM_CALL); }

tn_context *tn_custom_call_get_context(const tn_custom_call *call) { return is_call(call) ? call->context : NULL; }
uint32_t tn_custom_call_get_input_count(const tn_custom_call *call) { return is_call(call) ? call->n_in : 0; }
uint32_t tn_custom_call_get_output_count(const tn_custom_call *call) { return is_call(call) ? call->n_out : 0; }

tn_dtype tn_custom_call_get_input_dtype(const tn_custom_call *call, uint32_t i) {
    if (!is_call(call) || i >= call->n_in) return TN_DTYPE_NONE;
    if (call->types) return call->types[i].dtype;
    return call->in[i] ? call->in[i]->dtype : TN_DTYPE_NONE;
}

int32_t tn_custom_call_get_input_shape(const tn_custom_call *call, uint32_t i, const int64_t **out_dims) {
    if (out_dims) *out_dims = NULL;
    if (!is_call(call) || i >= call->n_in || (call->in && !call->in[i])) return -1;
    if (out_dims) *out_dims = call->in ? call->in[i]->dims : call->types[i].dims;
    if (call->in) return call->in[i]->rank;
    return call->types[i].dtype ? call->types[i].rank : -1;
}

tn_tensor *tn_custom_call_get_input(const tn_custom_call *call, uint32_t i) {
    if (!is_call(call) || i >= call->n_in) return NULL;
    return (tn_tensor *)(call->in ? tn__tensor_settle(call->in[i]) : tn__constant_of(call->g, call->in_values[i]));
}

tn_tensor *tn_custom_call_get_output(const tn_custom_call *call, uint32_t k) { return is_call(call) && call->out && k < call->n_out ? call->out[k] : NULL; }

uint32_t tn_custom_call_get_attr_count(const tn_custom_call *call) { return is_call(call) ? call->node->n_attrs : 0; }

const tn_attr *tn_custom_call_get_attr(const tn_custom_call *call, uint32_t i) {
    return is_call(call) && i < call->node->n_attrs ? &call->node->attrs[i] : NULL;
}

const tn_attr *tn_custom_call_find_attr(const tn_custom_call *call, const char *name) {
    for (uint32_t i = 0; is_call(call) && name && i < call->node->n_attrs; i++)
        if (!strcmp(call->node->attrs[i].name, name)) return &call->node->attrs[i];
    return NULL;
}

tn_value tn_custom_call_get_input_value(const tn_custom_call *call, uint32_t i) {
    return is_call(call) && call->first_out.id && i < call->n_in ? call->in_values[i] : tn__none();
}

tn_value tn_custom_call_get_output_value(const tn_custom_call *call, uint32_t k) {
    return is_call(call) && call->first_out.id && k < call->n_out ? tn_value_output(call->first_out, k) : tn__none();
}

tn_error *tn_custom_call_fail(const tn_custom_call *call, tn_error_code code, const char *message) {
    if (!strcmp(tn_error_code_name(code), "UNKNOWN") || code == TN_OK) code = TN_ERROR_INVALID_ARGUMENT;
    return tn__error_make(is_call(call) ? &call->context->allocator : NULL, code, __FILE__, __LINE__, "%s", message ? message : "no message");
}
