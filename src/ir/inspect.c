/* Looking into graphs from outside, and listing the op table. */
#include "tenon/inspect.h"

#include "ir/custom.h"
#include "ir/text_form.h"

/* ---- graphs -------------------------------------------------------------------------------------------------- */

#define VALUE(type) (*(type const *)((const char *)attrs + f->offset))

/* The field in the form of tn_graph_op; false: it is absent, which tn_graph_op says by not giving it. */
static bool field_to_attr(const tn__attr_field *f, const void *attrs, tn_attr *out) {
    *out = (tn_attr){.name = f->name, .kind = f->kind};
    switch (f->kind) {
    case TN_ATTR_INT: return out->i = VALUE(int64_t), true;
    case TN_ATTR_FLOAT: return out->f = VALUE(double), true;
    case TN_ATTR_STRING: return (out->s = VALUE(const char *)) != NULL;
    case TN_ATTR_INTS: return out->ints = VALUE(tn__ints).data, (out->n = VALUE(tn__ints).n) != 0;
    case TN_ATTR_FLOATS: return out->floats = VALUE(tn__floats).data, (out->n = VALUE(tn__floats).n) != 0;
    case TN_ATTR_STRINGS: return out->strings = VALUE(tn__strings).data, (out->n = VALUE(tn__strings).n) != 0;
    case TN_ATTR_TENSOR: return (out->tensor = VALUE(tn_tensor *)) != NULL;
    case TN_ATTR_GRAPH: return (out->graph = VALUE(tn_graph *)) != NULL;
    }
    return false;
}

/* Number of attributes before `limit`, and the last of them; limit UINT32_MAX: of all. */
static uint32_t walk_attrs(const tn__node *n, uint32_t limit, tn_attr *out) {
    if (n->op == TN_OP_custom) {
        const tn__custom_call *call = tn__custom_of(n->attrs);
        if (limit && limit <= call->n_attrs) *out = call->attrs[limit - 1];
        return call->n_attrs < limit ? call->n_attrs : limit;
    }
    const tn__op_info *info = &tn__op_infos[n->op];
    uint32_t count = 0;
    for (uint32_t i = 0; n->attrs && i < info->n_fields && count < limit; i++) count += field_to_attr(&info->fields[i], n->attrs, out);
    return count;
}

static tn_error *no_node(const tn_graph *graph, uint32_t node, const char *function) {
    return TN__FAIL(&graph->context->allocator, OUT_OF_RANGE, "%s: node %u of %zu", function, node, graph->nodes.count);
}

tn_error *tn_graph_get_node(const tn_graph *graph, uint32_t node, tn_node_info *out_info) {
    TN__HANDLE(graph, GRAPH);
    TN__STRUCT_CHECK(out_info);
    if (node >= graph->nodes.count) return no_node(graph, node, __func__);
    const tn__node *n = &graph->nodes.data[node];
    tn_attr last;
    tn_node_info info = {.op = tn__op_text(n->op, n->attrs), .name = n->name, .inputs = graph->operands.data + n->first_in, .n_inputs = n->n_in,
                         .n_outputs = n->n_out, .output = {n->n_out ? n->first_out : 0}, .n_attrs = walk_attrs(n, UINT32_MAX, &last),
                         .is_custom = n->op == TN_OP_custom};
    if (!n->n_in) info.inputs = NULL;
    TN__STRUCT_WRITE(out_info, &info);
    return NULL;
}

tn_error *tn_graph_get_attr(const tn_graph *graph, uint32_t node, uint32_t index, tn_attr *out_attr) {
    TN__HANDLE(graph, GRAPH);
    const tn_allocator *a = &graph->context->allocator;
    if (!out_attr) return TN__FAIL(a, INVALID_ARGUMENT, "tn_graph_get_attr: out_attr is NULL");
    memset(out_attr, 0, sizeof *out_attr);
    if (node >= graph->nodes.count) return no_node(graph, node, __func__);
    const tn__node *n = &graph->nodes.data[node];
    tn_attr attr = {0};
    if (index == UINT32_MAX || walk_attrs(n, index + 1, &attr) != index + 1)
        return TN__FAIL(a, OUT_OF_RANGE, "tn_graph_get_attr: node %u (%s) has no attribute %u", node, tn__op_text(n->op, n->attrs), index);
    *out_attr = attr;
    return NULL;
}

tn_error *tn_graph_get_value(const tn_graph *graph, tn_value value, tn_value_info *out_info) {
    TN__HANDLE(graph, GRAPH);
    TN__STRUCT_CHECK(out_info);
    if (!value.id || value.id >= graph->values.count)
        return TN__FAIL(&graph->context->allocator, OUT_OF_RANGE, "tn_graph_get_value: value %u of %zu", value.id, graph->values.count);
    const tn__value_data *v = &graph->values.data[value.id];
    tn_value_info info = {.name = v->name, .node = v->node, .index = v->out_index, .dtype = v->type.dtype, .rank = v->type.rank,
                          .dims = v->type.dims, .constant = (tn_tensor *)tn__constant_peek(graph, value)};
    TN__STRUCT_WRITE(out_info, &info);
    return NULL;
}
_Static_assert(TN_NO_NODE == TN__NO_NODE, "the same number inside and outside");

const char *tn_graph_get_name(const tn_graph *graph) { return TN__IS(graph, GRAPH) ? graph->name : NULL; }

/* ---- ops ----------------------------------------------------------------------------------------------------- */

_Static_assert((int)TN_OP_FLAG_ELEMENTWISE == TN__OP_EW && (int)TN_OP_FLAG_COMMUTATIVE == TN__OP_COMM && (int)TN_OP_FLAG_ASSOCIATIVE == TN__OP_ASSOC &&
                   (int)TN_OP_FLAG_MOVES == TN__OP_MOVE && (int)TN_OP_FLAG_SHAPE == TN__OP_SHAPE && (int)TN_OP_FLAG_CONTRACTS == TN__OP_CONTRACT &&
                   (int)TN_OP_FLAG_DATA_DEPENDENT == TN__OP_DATADEP && (int)TN_OP_FLAG_CONTROL == TN__OP_CONTROL,
               "flags inside and outside");
enum { PUBLIC_FLAGS = 255 };

/* Can tn_graph_op make it? */
static bool is_listed(int op) { return tn__op_infos[op].name && op != TN_OP_custom; }

/* The op that is number `index` of those listed; NULL: there are less. */
static const tn__op_info *listed(uint32_t index, tn__op *out_op) {
    for (int op = 1; op < TN_OP_COUNT; op++) {
        if (!is_listed(op) || index--) continue;
        *out_op = (tn__op)op;
        return &tn__op_infos[op];
    }
    return NULL;
}

uint32_t tn_library_get_op_count(void) {
    uint32_t n = 0;
    for (int op = 1; op < TN_OP_COUNT; op++) n += is_listed(op);
    return n;
}

uint32_t tn_library_find_op(const char *name) {
    tn__op wanted = tn__op_from_name(name);
    if (!wanted || !is_listed(wanted)) return UINT32_MAX;
    uint32_t n = 0;
    for (int op = 1; op < (int)wanted; op++) n += is_listed(op);
    return n;
}

tn_error *tn_library_get_op(uint32_t op, tn_op_info *out_info) {
    TN__STRUCT_CHECK(out_info);
    tn__op kind;
    const tn__op_info *o = listed(op, &kind);
    if (!o) return TN__FAIL(NULL, OUT_OF_RANGE, "tn_library_get_op: op %u of %u", op, tn_library_get_op_count());
    tn_op_info info = {.name = o->name, .onnx = *o->onnx == '-' ? NULL : o->onnx, .doc = o->doc, .operands = tn__op_operands(kind),
                       .results = tn__op_results(kind), .n_inputs_min = (uint32_t)o->in_min, .n_inputs_max = (uint32_t)o->in_max,
                       .n_outputs_min = (uint32_t)o->out_min, .n_outputs_max = (uint32_t)o->out_max, .flags = o->flags & PUBLIC_FLAGS,
                       .static_inputs = o->values, .n_attrs = o->n_fields};
    TN__STRUCT_WRITE(out_info, &info);
    return NULL;
}

tn_error *tn_library_get_op_attr(uint32_t op, uint32_t attr, tn_attr_info *out_info) {
    TN__STRUCT_CHECK(out_info);
    tn__op kind;
    const tn__op_info *o = listed(op, &kind);
    if (!o || attr >= o->n_fields) return TN__FAIL(NULL, OUT_OF_RANGE, "tn_library_get_op_attr: there is no attribute %u of op %u", attr, op);
    const tn__attr_field *f = &o->fields[attr];
    tn_attr_info info = {.name = f->name, .kind = f->kind, .is_dtype = f->kind == TN_ATTR_INT && tn__text_is_dtype_field(f->name),
                         .default_int = f->default_int, .default_float = f->default_float, .default_string = f->default_string};
    TN__STRUCT_WRITE(out_info, &info);
    return NULL;
}
