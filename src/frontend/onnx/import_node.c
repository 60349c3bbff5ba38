/* One node of an ONNX graph: operands, attributes, the generic way, and calls of model-local functions. */
#include <inttypes.h>

#include "frontend/onnx/import.h"

const tn__onnx_rule tn__onnx_rules[] = {
#define ONNX_OP(name, since, until, handler) {name, since, until, tn__onnx_##handler},
#include "frontend/onnx/onnx_ops.def"
};
const size_t tn__onnx_n_rules = sizeof tn__onnx_rules / sizeof *tn__onnx_rules;

/* ---- attributes ---------------------------------------------------------------------------------------------- */

const tn__onnx_attribute *tn__call_attr(tn__call *c, const char *name, int64_t type) {
    for (uint32_t i = 0; i < c->n_attrs; i++) {
        tn__named_attr *x = &c->attrs[i];
        if (strcmp(x->name, name)) continue;
        x->used = true;
        if (!type || x->attr->type == type) return x->attr;
        /* the first files had no type field */
        if (!x->attr->type) return x->attr;
        tn__graph_fail(c->g, TN__CALL_FAIL(c, TYPE_MISMATCH, "attribute '%s' has kind %" PRId64 ", wanted %" PRId64, name,
                                           x->attr->type, type));
        return NULL;
    }
    return NULL;
}

int64_t tn__call_int(tn__call *c, const char *name, int64_t otherwise) {
    const tn__onnx_attribute *x = tn__call_attr(c, name, TN__ONNX_INT);
    return x ? x->i : otherwise;
}

static const int64_t *read_ints(tn__call *c, const tn__wire_list *list, uint32_t *out_n) {
    int64_t *data = list->n > UINT32_MAX / 2 ? NULL : TN__ARENA_ARRAY(&c->import->arena, int64_t, (size_t)list->n + 1);
    if (!data) return tn__graph_fail(c->g, tn__error_oom()), NULL;
    tn__wire_cursor at = {.list = list};
    for (uint64_t i = 0; i < list->n; i++) data[i] = tn__wire_next_int(&at);
    *out_n = (uint32_t)list->n;
    return data;
}

const int64_t *tn__call_ints(tn__call *c, const char *name, uint32_t *out_n) {
    *out_n = 0;
    const tn__onnx_attribute *x = tn__call_attr(c, name, TN__ONNX_INTS);
    return x ? read_ints(c, &x->ints, out_n) : NULL;
}

/* Attributes that hold an element type: ONNX's ids on the outside, tn_dtype inside. */
bool tn__onnx_is_dtype_attr(const char *name) {
    static const char *const names[] = {"to", "dtype", "output_dtype", "precision", "softmax_precision", "output_datatype"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) return true;
    return false;
}

static tn_dtype dtype_from_text(const char *text) { /* Cast-1 names the type */
    static const struct { const char *name; tn_dtype dtype; } names[] = {
        {"FLOAT", TN_DTYPE_f32}, {"DOUBLE", TN_DTYPE_f64}, {"FLOAT16", TN_DTYPE_f16}, {"INT8", TN_DTYPE_i8}, {"INT16", TN_DTYPE_i16},
        {"INT32", TN_DTYPE_i32}, {"INT64", TN_DTYPE_i64}, {"UINT8", TN_DTYPE_u8}, {"UINT16", TN_DTYPE_u16},
        {"UINT32", TN_DTYPE_u32}, {"UINT64", TN_DTYPE_u64}, {"BOOL", TN_DTYPE_bool}, {"STRING", TN_DTYPE_string}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].name, text)) return names[i].dtype;
    return TN_DTYPE_NONE;
}

static const tn__attr_field *find_field(tn__op op, const char *name) {
    for (uint32_t i = 0; i < tn__op_infos[op].n_fields; i++)
        if (!strcmp(tn__op_infos[op].fields[i].name, name)) return &tn__op_infos[op].fields[i];
    return NULL;
}

tn_error *tn__call_read_attr(tn__call *c, const tn__named_attr *x, int64_t type, tn_attr *out) {
    const tn__onnx_attribute *p = x->attr;
    tn__wire_cursor at;
    *out = (tn_attr){.name = x->name};
    switch (type) {
    case TN__ONNX_INT: out->kind = TN_ATTR_INT, out->i = p->i; return NULL;
    case TN__ONNX_FLOAT: out->kind = TN_ATTR_FLOAT, out->f = p->f; return NULL;
    case TN__ONNX_STRING: out->kind = TN_ATTR_STRING, out->s = p->s; return NULL;
    case TN__ONNX_INTS:
        out->kind = TN_ATTR_INTS;
        return (out->ints = read_ints(c, &p->ints, &out->n)) ? NULL : tn__error_oom();
    case TN__ONNX_FLOATS: {
        double *data = p->floats.n > UINT32_MAX / 2 ? NULL : TN__ARENA_ARRAY(&c->import->arena, double, (size_t)p->floats.n + 1);
        if (!data) return tn__error_oom();
        at = (tn__wire_cursor){.list = &p->floats};
        for (uint64_t i = 0; i < p->floats.n; i++) data[i] = tn__wire_next_float(&at);
        out->kind = TN_ATTR_FLOATS, out->floats = data, out->n = (uint32_t)p->floats.n;
        return NULL;
    }
    case TN__ONNX_STRINGS: out->kind = TN_ATTR_STRINGS, out->strings = p->strings.data, out->n = p->strings.n; return NULL;
    case TN__ONNX_TENSOR:
        if (!p->t) return TN__CALL_FAIL(c, PARSE, "attribute '%s' holds no tensor", x->name);
        out->kind = TN_ATTR_TENSOR;
        return tn__import_tensor(c->import, p->t, &out->tensor);
    default: return TN__CALL_FAIL(c, UNSUPPORTED, "attribute '%s' of kind %" PRId64, x->name, type);
    }
}

static tn_error *set_attr(tn__call *c, tn__op op, void *attrs, const tn__named_attr *x) {
    const tn__onnx_attribute *p = x->attr;
    const tn__attr_field *f = find_field(op, x->name);
    if (!f) return TN__CALL_FAIL(c, UNSUPPORTED, "attribute '%.100s' is unknown", x->name);
    static const uint8_t types[] = {[TN_ATTR_INT] = TN__ONNX_INT, [TN_ATTR_FLOAT] = TN__ONNX_FLOAT, [TN_ATTR_STRING] = TN__ONNX_STRING,
                                    [TN_ATTR_INTS] = TN__ONNX_INTS, [TN_ATTR_FLOATS] = TN__ONNX_FLOATS,
                                    [TN_ATTR_STRINGS] = TN__ONNX_STRINGS, [TN_ATTR_TENSOR] = TN__ONNX_TENSOR,
                                    [TN_ATTR_GRAPH] = TN__ONNX_GRAPH};
    tn_attr out;
    TN__TRY(tn__call_read_attr(c, x, p->type ? p->type : types[f->kind], &out));
    if (tn__onnx_is_dtype_attr(x->name) && out.kind == TN_ATTR_INT) {
        if (p->i && !(out.i = tn__dtype_from_onnx(p->i)))
            return TN__CALL_FAIL(c, UNSUPPORTED, "attribute '%s': data type %" PRId64, x->name, p->i);
    } else if (tn__onnx_is_dtype_attr(x->name) && out.kind == TN_ATTR_STRING) {
        out.kind = TN_ATTR_INT;
        if (!(out.i = dtype_from_text(p->s))) return TN__CALL_FAIL(c, UNSUPPORTED, "attribute '%s': data type '%.40s'", x->name, p->s);
    }
    return tn__attrs_set(c->g, op, attrs, &out);
}

/* An attribute that only says how a framework of 2017 reused memory, or that inference ignores. */
static bool is_ignored(const tn__call *c, const char *name) {
    return c->scope->opset < 7 && (!strcmp(name, "consumed_inputs") || !strcmp(name, "is_test"));
}

/* ---- the generic way ----------------------------------------------------------------------------------------- */

tn_value tn__call_emit(tn__call *c, tn__op op, const tn_value *in, uint32_t n_in, const void *attrs) {
    return tn__graph_add(c->g, op, in, n_in, attrs, 1, c->node->name[0] ? c->node->name : NULL);
}

tn_value tn__call_const_ints(tn__call *c, const int64_t *data, uint32_t n) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create(c->import->context, TN_DTYPE_i64, 1, (int64_t[]){n}, &t);
    if (e) return tn__graph_fail(c->g, e), tn__none();
    if (n) memcpy(t->data, data, n * sizeof *data);
    tn_value v = tn_graph_constant(c->g, t);
    tn_tensor_release(t);
    return v;
}

tn_value tn__call_const_float(tn__call *c, tn_dtype dtype, double x) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create(c->import->context, dtype, 0, NULL, &t);
    if (e) return tn__graph_fail(c->g, e), tn__none();
    tn__store_f64(dtype, t->data, 0, x);
    tn_value v = tn_graph_constant(c->g, t);
    tn_tensor_release(t);
    return v;
}

tn_error *tn__call_generic(tn__call *c, tn__op op, void *attrs) {
    const tn__op_info *info = &tn__op_infos[op];
    if (!attrs && !(attrs = tn__attrs_new(c->g, op))) return tn__error_oom();
    for (uint32_t i = 0; i < c->n_attrs; i++)
        if (!c->attrs[i].used && !is_ignored(c, c->attrs[i].name)) TN__TRY(set_attr(c, op, attrs, &c->attrs[i]));
    uint32_t n_out = c->n_out;
    if ((int64_t)n_out < info->out_min) n_out = (uint32_t)info->out_min;
    tn_value first = tn__graph_add(c->g, op, c->in, c->n_in, attrs, n_out, c->node->name[0] ? c->node->name : NULL);
    for (uint32_t k = 0; k < c->n_out; k++) c->out[k] = tn_value_output(first, k);
    return tn__import_check(c->g);
}

/* ---- functions ----------------------------------------------------------------------------------------------- */

static const tn__onnx_function *find_function(const tn__import *im, const tn__onnx_node *n) {
    for (uint32_t i = 0; i < im->model->functions.n; i++) {
        const tn__onnx_function *f = &im->model->functions.data[i];
        if (!strcmp(f->name, n->op_type) && !strcmp(f->domain, n->domain) && !strcmp(f->overload, n->overload)) return f;
    }
    return NULL;
}

/* Inlines: the function's nodes go into the caller's graph, under a scope of their own. */
static tn_error *call_function(tn__call *c, const tn__onnx_function *f) {
    tn__import *im = c->import;
    tn__scope s;
    int64_t opset = tn__onnx_default_opset(f->opset_import.data, f->opset_import.n);
    if (c->n_in > f->input.n || c->n_out > f->output.n)
        return TN__CALL_FAIL(c, INVALID_GRAPH, "%u inputs and %u outputs, the function has %u and %u", c->n_in, c->n_out, f->input.n,
                             f->output.n);
    TN__TRY(tn__onnx_check_opset(im->a, opset));
    TN__TRY(tn__scope_init(&s, im, NULL, c->g, c->scope->depth + 1, opset ? opset : c->scope->opset));
    tn__call call = *c;
    call.attrs = TN__ARENA_ARRAY(&im->arena, tn__named_attr, (size_t)c->n_attrs + f->attribute_proto.n + 1);
    if (!call.attrs) return tn__error_oom();
    if (c->n_attrs) memcpy(call.attrs, c->attrs, c->n_attrs * sizeof *c->attrs);
    for (uint32_t i = 0; i < f->attribute_proto.n; i++) { /* defaults */
        const tn__onnx_attribute *d = &f->attribute_proto.data[i];
        bool given = false;
        for (uint32_t k = 0; k < c->n_attrs; k++) given |= !strcmp(c->attrs[k].name, d->name);
        if (!given) call.attrs[call.n_attrs++] = (tn__named_attr){d->name, d, false};
    }
    s.caller = &call;
    for (uint32_t i = 0; i < f->input.n; i++) /* an absent one is bound to {0}, which resolves to "absent" */
        TN__TRY(tn__scope_bind(&s, f->input.data[i], i < c->n_in ? c->in[i] : tn__none(), NULL));
    tn_error *e = tn__scope_nodes(&s, f->node.data, f->node.n);
    if (e) return s.depth > 4 ? e : tn__error_prefix(e, "function '%.100s'", f->name);
    for (uint32_t i = 0; i < c->n_out; i++) {
        if (!c->node->output.data[i][0]) continue;
        TN__TRY(tn__scope_resolve(&s, f->output.data[i], &c->out[i]));
        if (!c->out[i].id) return TN__CALL_FAIL(c, INVALID_GRAPH, "output '%.100s' of function '%.100s' is computed by no node", f->output.data[i], f->name);
    }
    return NULL;
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static tn_error *collect_attrs(tn__call *c) {
    const tn__onnx_node *n = c->node;
    if (!(c->attrs = TN__ARENA_ARRAY(&c->import->arena, tn__named_attr, (size_t)n->attribute.n + 1))) return tn__error_oom();
    for (uint32_t i = 0; i < n->attribute.n; i++) {
        const tn__onnx_attribute *x = &n->attribute.data[i], *from = x;
        if (x->ref_attr_name[0]) { /* means an attribute of the function's call; none there: none here */
            const tn__call *caller = c->scope->caller;
            from = NULL;
            for (uint32_t k = 0; caller && k < caller->n_attrs; k++)
                if (!strcmp(caller->attrs[k].name, x->ref_attr_name)) from = caller->attrs[k].attr;
            if (!from) continue;
        }
        for (uint32_t k = 0; k < c->n_attrs; k++)
            if (!strcmp(c->attrs[k].name, x->name)) return TN__CALL_FAIL(c, INVALID_GRAPH, "attribute '%.100s' is there twice", x->name);
        c->attrs[c->n_attrs++] = (tn__named_attr){x->name, from, false};
    }
    return NULL;
}

static tn_error *resolve_inputs(tn__call *c) {
    const tn__onnx_node *n = c->node;
    c->n_in = n->input.n;
    while (c->n_in && !n->input.data[c->n_in - 1][0]) c->n_in--;
    for (uint32_t i = 0; i < c->n_in; i++) {
        const char *name = n->input.data[i];
        if (!name[0]) continue;
        TN__TRY(tn__scope_resolve(c->scope, name, &c->in[i]));
        if (!c->in[i].id && !tn__scope_is_absent(c->scope, name))
            return TN__CALL_FAIL(c, INVALID_GRAPH, "input %u '%.200s' is defined nowhere before this node (missing, or a cycle)", i, name);
    }
    while (c->n_in && !c->in[c->n_in - 1].id) c->n_in--; /* absent arguments of a function */
    return NULL;
}

static tn_error *dispatch(tn__call *c) {
    const tn__onnx_node *n = c->node;
    bool custom = false;
    TN__TRY(tn__call_custom(c, true, &custom));
    if (custom) return NULL;
    const tn__onnx_function *f = c->import->model->functions.n ? find_function(c->import, n) : NULL;
    if (f) return call_function(c, f);
    int64_t opset = c->scope->opset;
    bool is_default = !n->domain[0] || !strcmp(n->domain, "ai.onnx");
    if (is_default && !opset) return TN__CALL_FAIL(c, INVALID_GRAPH, "the model does not import the default operator set");
    if (is_default)
        for (size_t i = 0; i < tn__onnx_n_rules; i++) {
            const tn__onnx_rule *r = &tn__onnx_rules[i];
            if (!strcmp(r->name, n->op_type) && opset >= r->since && opset <= r->until) return r->import(c);
        }
    tn__op op = is_default ? tn__op_from_onnx(n->op_type) : TN_OP_none;
    if (op) return tn__call_generic(c, op, NULL);
    TN__TRY(tn__call_custom(c, false, &custom));
    if (custom) return NULL;
    const tn__onnx_model *m = c->import->model;
    for (uint32_t i = 0; !is_default && i < m->opset_import.n; i++)
        if (!strcmp(m->opset_import.data[i].domain, n->domain)) opset = m->opset_import.data[i].version;
    return TN__CALL_FAIL(c, UNSUPPORTED, "unsupported operator %.100s of domain '%.100s' version %" PRId64, n->op_type,
                         is_default ? "ai.onnx" : n->domain, opset);
}

/* The first line of a text that is not empty, in the arena; NULL: there is none. */
static tn_error *first_line(tn__import *im, const tn__wire_span *text, const char **out) {
    *out = NULL;
    if (!text->data) return NULL;
    const char *at = (const char *)text->data, *end = at + text->bytes;
    while (at < end && (!*at || strchr(" \t\r\n", *at))) at++;
    size_t n = 0;
    while (at + n < end && at[n] && at[n] != '\n' && at[n] != '\r' && n <= TN__SOURCE_BYTES) n++;
    if (!n) return NULL;
    char *line = tn__arena_alloc(&im->arena, n + 1);
    if (!line) return tn__error_oom();
    *out = memcpy(line, at, n);
    return NULL;
}

/* Makes the sources of n those of all nodes made from now on, behind those of the function call around it. */
static tn_error *begin_source(tn__scope *s, const tn__onnx_node *n) {
    static const char key[] = TN__ONNX_SOURCE_KEY;
    uint32_t own = 0;
    for (uint32_t i = 0; i < n->metadata_props.n; i++) {
        const tn__onnx_entry *x = &n->metadata_props.data[i];
        if (!strncmp(x->key, key, sizeof key - 1) && (!x->key[sizeof key - 1] || x->key[sizeof key - 1] == '.'))
            own = tn__graph_source_merge(s->g, own, tn__graph_source_text(s->g, x->value));
    }
    if (!own) {
        const char *line;
        TN__TRY(first_line(s->import, &n->doc_string, &line));
        own = tn__graph_source_text(s->g, line ? line : n->name);
    }
    s->g->source = tn__graph_source_merge(s->g, s->g->source, own);
    return tn__import_check(s->g);
}

static tn_error *import_node(tn__scope *s, const tn__onnx_node *n) {
    tn__import *im = s->import;
    tn__call c = {.scope = s, .import = im, .g = s->g, .node = n};
    /* bodies and functions may be walked several times: what counts is the walk */
    uint64_t most = (uint64_t)im->context->limits.max_nodes * 4;
    if (++im->n_imported > most) return TN__CALL_FAIL(&c, LIMIT_EXCEEDED, "more than %" PRIu64 " nodes with functions inlined", most);
    if (!n->op_type[0]) return TN__CALL_FAIL(&c, INVALID_GRAPH, "no operator is named");
    c.n_out = n->output.n;
    while (c.n_out && !n->output.data[c.n_out - 1][0]) c.n_out--;
    c.in = TN__ARENA_ARRAY(&im->arena, tn_value, (size_t)n->input.n + TN__CALL_SPARE);
    c.out = TN__ARENA_ARRAY(&im->arena, tn_value, (size_t)c.n_out + 1);
    if (!c.in || !c.out) return tn__error_oom();
    TN__TRY(resolve_inputs(&c));
    TN__TRY(collect_attrs(&c));
    TN__TRY(dispatch(&c));
    TN__TRY(tn__import_check(s->g));
    for (uint32_t k = 0; k < c.n_out; k++) {
        const char *name = n->output.data[k];
        if (!name[0]) continue;
        if (!c.out[k].id) return TN__CALL_FAIL(&c, UNSUPPORTED, "output %u '%.100s' is not computed", k, name);
        TN__TRY(tn__scope_bind(s, name, c.out[k], NULL));
        tn_graph_set_name(s->g, c.out[k], name);
    }
    return NULL;
}

tn_error *tn__import_node(tn__scope *s, const tn__onnx_node *n) {
    uint32_t outer = s->g->source;
    tn_error *e = begin_source(s, n);
    if (!e) e = import_node(s, n);
    s->g->source = outer;
    return e;
}
