/* Operators that Tenon does not know, but the caller does: nodes of registered custom ops. */
#include "frontend/onnx/import.h"
#include "ir/custom.h"

static tn_error *add_node(tn__call *c, const char *name) {
    tn__custom_call *call;
    tn_attr *attrs = TN__ARENA_ARRAY(&c->import->arena, tn_attr, (size_t)c->n_attrs + 1);
    if (!attrs) return tn__error_oom();
    for (uint32_t i = 0; i < c->n_attrs; i++) TN__TRY(tn__call_read_attr(c, &c->attrs[i], c->attrs[i].attr->type, &attrs[i]));
    TN__TRY(tn__custom_begin(c->g, name, &call));
    TN__TRY(tn__custom_take_attrs(c->g, attrs, c->n_attrs, call));
    uint32_t n_out = c->n_out, least = (uint32_t)call->op->op.n_out_min;
    tn_value first = tn__graph_add(c->g, TN_OP_custom, c->in, c->n_in, &(tn__attrs_custom){.call = call}, n_out < least ? least : n_out,
                                   c->node->name[0] ? c->node->name : NULL);
    for (uint32_t k = 0; k < n_out; k++) c->out[k] = tn_value_output(first, k);
    return tn__import_check(c->g);
}

tn_error *tn__call_custom(tn__call *c, bool by_domain, bool *out_done) {
    tn_context *context = c->import->context;
    const tn__onnx_node *n = c->node;
    bool is_default = !n->domain[0] || !strcmp(n->domain, "ai.onnx");
    *out_done = false;
    if (tn__custom_table_is_empty(context->custom_ops) || (by_domain && is_default)) return NULL;
    const char *name = tn__arena_printf(&c->import->arena, "%s::%s", is_default ? "ai.onnx" : n->domain, n->op_type);
    if (!name) return tn__error_oom();
    if (!tn_custom_op_is_registered(context, name)) name = n->op_type;
    if (name == n->op_type && (by_domain || !tn_custom_op_is_registered(context, name))) return NULL;
    *out_done = true;
    return add_node(c, name);
}
