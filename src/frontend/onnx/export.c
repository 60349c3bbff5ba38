/* Graph to ONNX model: one NodeProto per node whose op has an ONNX name, constants as initializers, bodies as graph attributes with their
 * captures implicit again. */
#include <inttypes.h>
#include <stdio.h>

#include "base/os.h"
#include "frontend/onnx/import.h"
#include "ir/custom.h"
#include "tenon/onnx.h"

enum { EXPORT_OPSET = 23, EXPORT_IR_VERSION = 10 };

typedef struct writer {
    tn_context *context;
    const tn_allocator *a;
    tn__arena arena;
    tn__wire_out out;
    const char **taken; /* hash set of names */
    size_t n_taken, taken_size;
    uint32_t n_bodies, depth;
    int64_t opset; /* newest that an op wants */
    TN__VEC(const char *) domains; /* of custom ops */
} writer;

/* ---- names --------------------------------------------------------------------------------------------------- */

static const char **slot_of(const writer *w, const char *name) {
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 0x100000001b3u;
    size_t i = (size_t)(h ^ h >> 29) & (w->taken_size - 1);
    while (w->taken[i] && strcmp(w->taken[i], name)) i = (i + 1) & (w->taken_size - 1);
    return &w->taken[i];
}

/* Takes a name; *out_fresh false if it is taken already. */
static tn_error *take_name(writer *w, const char *name, bool *out_fresh) {
    if (2 * (w->n_taken + 1) > w->taken_size) {
        const char **old = w->taken;
        size_t old_size = w->taken_size;
        w->taken_size = old_size ? old_size * 4 : 256;
        if (!(w->taken = TN__ARENA_ARRAY(&w->arena, const char *, w->taken_size))) return tn__error_oom();
        for (size_t i = 0; i < old_size; i++)
            if (old[i]) *slot_of(w, old[i]) = old[i];
    }
    const char **slot = slot_of(w, name);
    *out_fresh = !*slot;
    if (*slot) return NULL;
    *slot = name;
    w->n_taken++;
    return NULL;
}

/* A name for value `id`: its own if it is free, else one derived from it. */
static tn_error *fresh_name(writer *w, uint32_t body, uint32_t id, const char *wanted, const char **out) {
    bool fresh = false;
    *out = wanted && wanted[0] && !body ? wanted : NULL;
    if (*out) TN__TRY(take_name(w, *out, &fresh));
    for (uint32_t i = 0; !fresh; i++) {
        *out = body ? tn__arena_printf(&w->arena, "g%u_v%u_%u", body, id, i) : tn__arena_printf(&w->arena, "v%u_%u", id, i);
        if (!*out) return tn__error_oom();
        TN__TRY(take_name(w, *out, &fresh));
    }
    return NULL;
}

static tn_error *port_name(writer *w, const char *name) {
    bool fresh;
    TN__TRY(take_name(w, name, &fresh));
    return fresh ? NULL : TN__FAIL(w->a, INVALID_GRAPH, "two inputs or outputs are called '%.200s'", name);
}

/* ---- parts ---------------------------------------------------------------------------------------------------- */

static void put_value_info(writer *w, uint32_t number, const tn_graph *g, const char *name, const tn__type *t) {
    tn__wire_out *o = &w->out;
    size_t info = tn__wire_begin(o, number), type, tensor, shape, dim;
    tn__wire_put_text(o, 1, name);
    type = tn__wire_begin(o, 2);
    tensor = tn__wire_begin(o, 1);
    tn__wire_put_int(o, 1, tn__dtype_to_onnx(t->dtype));
    if (t->rank >= 0) {
        shape = tn__wire_begin(o, 2);
        for (int32_t i = 0; i < t->rank; i++) {
            const char *symbol = tn_graph_get_symbol_name(g, t->dims[i]);
            dim = tn__wire_begin(o, 1);
            if (t->dims[i] >= 0) tn__wire_put_int(o, 1, t->dims[i]);
            else if (symbol) tn__wire_put_text(o, 2, symbol);
            tn__wire_end(o, dim);
        }
        tn__wire_end(o, shape);
    }
    tn__wire_end(o, tensor);
    tn__wire_end(o, type);
    tn__wire_end(o, info);
}

static tn_error *put_graph(writer *w, const tn_graph *g, const char *const *captures, uint32_t n_captures);

/* Fields whose ONNX default is another than the row's, or that ONNX requires. */
static bool is_always_written(tn__op op, const char *field) {
    return (op == TN_OP_leaky_relu && !strcmp(field, "alpha")) || (op == TN_OP_concat && !strcmp(field, "axis")) ||
           (op == TN_OP_stft && !strcmp(field, "onesided"));
}

#define CFIELD(type, base, f) (*(type const *)((const char *)(base) + (f)->offset))

static tn_error *put_attr(writer *w, const tn__node *n, const tn__attr_field *f, const char *const *captures, uint32_t n_captures) {
    tn__wire_out *o = &w->out;
    const void *attrs = n->attrs;
    bool always = is_always_written(n->op, f->name);
    int64_t type = 0, i = 0;
    switch (f->kind) { /* what is left at its default is not written */
    case TN_ATTR_INT:
        i = CFIELD(int64_t, attrs, f);
        if (i == f->default_int && !always) return NULL;
        if ((n->op == TN_OP_loop || n->op == TN_OP_scan) && !strcmp(f->name, "n_state")) return NULL;
        if (tn__onnx_is_dtype_attr(f->name)) i = tn__dtype_to_onnx((tn_dtype)i);
        type = TN__ONNX_INT;
        break;
    case TN_ATTR_FLOAT:
        if (CFIELD(double, attrs, f) == f->default_float && !always) return NULL;
        type = TN__ONNX_FLOAT;
        break;
    case TN_ATTR_STRING: {
        const char *s = CFIELD(const char *, attrs, f);
        if (!s || (f->default_string && !strcmp(s, f->default_string))) return NULL;
        type = TN__ONNX_STRING;
        break;
    }
    case TN_ATTR_INTS:
        if (!CFIELD(tn__ints, attrs, f).n) return NULL;
        type = TN__ONNX_INTS;
        break;
    case TN_ATTR_FLOATS:
        if (!CFIELD(tn__floats, attrs, f).n) return NULL;
        type = TN__ONNX_FLOATS;
        break;
    case TN_ATTR_STRINGS:
        if (!CFIELD(tn__strings, attrs, f).n) return NULL;
        type = TN__ONNX_STRINGS;
        break;
    case TN_ATTR_TENSOR:
        if (!CFIELD(tn_tensor *, attrs, f)) return NULL;
        type = TN__ONNX_TENSOR;
        break;
    case TN_ATTR_GRAPH:
        if (!CFIELD(tn_graph *, attrs, f)) return TN__FAIL(w->a, INVALID_GRAPH, "attribute '%s' is missing", f->name);
        type = TN__ONNX_GRAPH;
        break;
    }
    size_t begin = tn__wire_begin(o, 5), nested;
    tn__wire_put_text(o, 1, f->name);
    switch (f->kind) {
    case TN_ATTR_INT: tn__wire_put_int(o, 3, i); break;
    case TN_ATTR_FLOAT: tn__wire_put_float(o, 2, (float)CFIELD(double, attrs, f)); break;
    case TN_ATTR_STRING: tn__wire_put_text(o, 4, CFIELD(const char *, attrs, f)); break;
    case TN_ATTR_INTS:
        for (uint32_t k = 0; k < CFIELD(tn__ints, attrs, f).n; k++) tn__wire_put_int(o, 8, CFIELD(tn__ints, attrs, f).data[k]);
        break;
    case TN_ATTR_FLOATS:
        for (uint32_t k = 0; k < CFIELD(tn__floats, attrs, f).n; k++) tn__wire_put_float(o, 7, (float)CFIELD(tn__floats, attrs, f).data[k]);
        break;
    case TN_ATTR_STRINGS:
        for (uint32_t k = 0; k < CFIELD(tn__strings, attrs, f).n; k++) tn__wire_put_text(o, 9, CFIELD(tn__strings, attrs, f).data[k]);
        break;
    case TN_ATTR_TENSOR:
        nested = tn__wire_begin(o, 5);
        TN__TRY(tn__tensor_to_proto(o, CFIELD(tn_tensor *, attrs, f), NULL));
        tn__wire_end(o, nested);
        break;
    case TN_ATTR_GRAPH:
        nested = tn__wire_begin(o, 6);
        TN__TRY(tn__error_prefix(put_graph(w, CFIELD(tn_graph *, attrs, f), captures, n_captures), "%s", f->name));
        tn__wire_end(o, nested);
        break;
    }
    tn__wire_put_int(o, 20, type);
    tn__wire_end(o, begin);
    return NULL;
}

static tn_error *put_custom_attr(writer *w, const tn_attr *x) {
    static const uint8_t types[] = {[TN_ATTR_INT] = TN__ONNX_INT, [TN_ATTR_FLOAT] = TN__ONNX_FLOAT, [TN_ATTR_STRING] = TN__ONNX_STRING,
                                    [TN_ATTR_INTS] = TN__ONNX_INTS, [TN_ATTR_FLOATS] = TN__ONNX_FLOATS, [TN_ATTR_STRINGS] = TN__ONNX_STRINGS,
                                    [TN_ATTR_TENSOR] = TN__ONNX_TENSOR};
    tn__wire_out *o = &w->out;
    if (x->kind == TN_ATTR_GRAPH) return TN__FAIL(w->a, UNSUPPORTED, "attribute '%s' of a custom op is a graph, which is not written", x->name);
    size_t begin = tn__wire_begin(o, 5), nested;
    tn__wire_put_text(o, 1, x->name);
    switch (x->kind) {
    case TN_ATTR_INT: tn__wire_put_int(o, 3, x->i); break;
    case TN_ATTR_FLOAT: tn__wire_put_float(o, 2, (float)x->f); break;
    case TN_ATTR_STRING: tn__wire_put_text(o, 4, x->s); break;
    case TN_ATTR_INTS:
        for (uint32_t k = 0; k < x->n; k++) tn__wire_put_int(o, 8, x->ints[k]);
        break;
    case TN_ATTR_FLOATS:
        for (uint32_t k = 0; k < x->n; k++) tn__wire_put_float(o, 7, (float)x->floats[k]);
        break;
    case TN_ATTR_STRINGS:
        for (uint32_t k = 0; k < x->n; k++) tn__wire_put_text(o, 9, x->strings[k]);
        break;
    default:
        nested = tn__wire_begin(o, 5);
        TN__TRY(tn__tensor_to_proto(o, x->tensor, NULL));
        tn__wire_end(o, nested);
        break;
    }
    tn__wire_put_int(o, 20, types[x->kind]);
    tn__wire_end(o, begin);
    return NULL;
}

/* "domain::Name" is operator Name of that domain; a name without a domain goes into one of its own, which the importer need not know. */
static tn_error *put_custom(writer *w, const tn__node *n) {
    const tn__custom_call *call = tn__custom_of(n->attrs);
    const char *name = call->op->op.name, *domain = "tenon.custom";
    for (const char *at = name + 1; (at = strstr(at, "::")); at++) { /* the last one that has something before and behind it */
        if (!at[2] || at[2] == ':') continue;
        char *own = tn__arena_strdup(&w->arena, call->op->op.name);
        if (!own) return tn__error_oom();
        own[at - call->op->op.name] = 0;
        domain = own;
        name = at + 2;
    }
    bool known = !strcmp(domain, "ai.onnx");
    for (size_t i = 0; i < w->domains.count; i++) known |= !strcmp(w->domains.data[i], domain);
    if (!known && !TN__PUSH(w->a, &w->domains, domain)) return tn__error_oom();
    tn__wire_put_text(&w->out, 4, name);
    tn__wire_put_text(&w->out, 7, domain);
    for (uint32_t i = 0; i < call->n_attrs; i++) TN__TRY(put_custom_attr(w, &call->attrs[i]));
    return NULL;
}

/* Operands before the captures of a node with bodies. */
static uint32_t own_operands(const tn__node *n) {
    int64_t own = n->n_in;
    if (n->op == TN_OP_if) own = 1;
    else if (n->op == TN_OP_loop) own = 2 + ((const tn__attrs_loop *)n->attrs)->n_state;
    else if (n->op == TN_OP_scan) own = ((const tn__attrs_scan *)n->attrs)->n_state + ((const tn__attrs_scan *)n->attrs)->num_scan_inputs;
    return own >= 0 && own < n->n_in ? (uint32_t)own : n->n_in;
}

/* What the importer would not find by itself. Bytes that are no UTF-8 go escaped: texts of ONNX are UTF-8. */
static tn_error *put_sources(writer *w, const tn_graph *g, const tn__node *n, const char *name) {
    const tn__source_set *set = tn__graph_sources(g, n->source);
    if (set->n == 1 && !strcmp(set->texts[0], name)) return NULL;
    for (uint32_t i = 0; i < set->n; i++) {
        tn__text escaped;
        tn__text_init(&escaped, w->a);
        if (!tn__source_is_utf8(set->texts[i])) tn__source_escape(&escaped, set->texts[i]);
        bool failed = escaped.failed;
        const char *key = i ? tn__arena_printf(&w->arena, TN__ONNX_SOURCE_KEY ".%u", i) : TN__ONNX_SOURCE_KEY;
        if (key && !failed) {
            size_t begin = tn__wire_begin(&w->out, 9);
            tn__wire_put_text(&w->out, 1, key);
            tn__wire_put_text(&w->out, 2, escaped.data ? escaped.data : set->texts[i]);
            tn__wire_end(&w->out, begin);
        }
        tn__text_deinit(&escaped);
        if (!key || failed) return tn__error_oom();
    }
    return NULL;
}

/* A node without a name; n: the one whose sources it has, NULL: none. */
static tn_error *put_simple(writer *w, const char *op_type, const char *in, const char *out, const tn_graph *g, const tn__node *n) {
    size_t begin = tn__wire_begin(&w->out, 1);
    tn__wire_put_text(&w->out, 1, in);
    tn__wire_put_text(&w->out, 2, out);
    tn__wire_put_text(&w->out, 4, op_type);
    if (n) TN__TRY(put_sources(w, g, n, ""));
    tn__wire_end(&w->out, begin);
    return NULL;
}

static tn_error *put_node(writer *w, const tn_graph *g, const tn__node *n, const char *const *names) {
    tn__wire_out *o = &w->out;
    const tn__op_info *info = &tn__op_infos[n->op];
    uint32_t own = own_operands(n), n_captures = n->n_in - own;
    if (n->op == TN_OP_rsqrt) { /* ONNX has it only in two steps */
        const char *root;
        TN__TRY(fresh_name(w, w->n_bodies, n->first_out, NULL, &root));
        TN__TRY(put_simple(w, "Sqrt", names[tn__in(g, n, 0).id], root, g, n));
        return put_simple(w, "Reciprocal", root, names[n->first_out], g, n);
    }
    if (!strcmp(info->onnx, "-") && n->op != TN_OP_custom) return TN__FAIL(w->a, UNSUPPORTED, "ONNX has no operator for %s", info->name);
    static const struct { tn__op op; int64_t opset; } newer[] = {
        {TN_OP_swish, 24}, {TN_OP_tensor_scatter, 24}, {TN_OP_bit_cast, 26}, {TN_OP_cum_prod, 26}};
    for (size_t i = 0; i < sizeof newer / sizeof *newer; i++)
        if (newer[i].op == n->op && newer[i].opset > w->opset) w->opset = newer[i].opset;
    if (n->op == TN_OP_attention && own > 6 && w->opset < 24) w->opset = 24;
    const char **captures = TN__ARENA_ARRAY(&w->arena, const char *, (size_t)n_captures + 1);
    if (!captures) return tn__error_oom();
    for (uint32_t i = 0; i < n_captures; i++) captures[i] = names[tn__in(g, n, own + i).id];
    size_t begin = tn__wire_begin(o, 1);
    while (own && !tn__in(g, n, own - 1).id) own--;
    for (uint32_t i = 0; i < own; i++) tn__wire_put_text(o, 1, names[tn__in(g, n, i).id]);
    for (uint32_t i = 0; i < n->n_out; i++) tn__wire_put_text(o, 2, names[n->first_out + i]);
    const char *name = ""; /* as it is written */
    if (n->name && n->name[0]) { /* names of nodes are unique among nodes; a second one of that name goes without */
        bool fresh;
        const char *key = tn__arena_printf(&w->arena, "\x01%s", n->name);
        if (!key) return tn__error_oom();
        TN__TRY(take_name(w, key, &fresh));
        if (fresh) tn__wire_put_text(o, 3, name = n->name);
    }
    if (n->op == TN_OP_custom) TN__TRY(put_custom(w, n));
    else tn__wire_put_text(o, 4, info->onnx);
    for (uint32_t i = 0; i < info->n_fields; i++) TN__TRY(put_attr(w, n, &info->fields[i], captures, n_captures));
    TN__TRY(put_sources(w, g, n, name));
    tn__wire_end(o, begin);
    return NULL;
}

/* ---- graphs -------------------------------------------------------------------------------------------------- */

/* Names of all values. Inputs and outputs keep theirs at the top; an output that is an input, a constant or a value that has its name
 * from another output is made by an Identity. */
static tn_error *name_values(writer *w, const tn_graph *g, uint32_t body, const char *const *captures, uint32_t n_captures,
                             const char **names, const char **out_names) {
    size_t n_inputs = g->inputs.count, n_own = n_inputs - n_captures;
    names[0] = "";
    for (size_t i = 0; i < n_inputs; i++) {
        const tn__port *p = &g->inputs.data[i];
        if (i >= n_own) names[p->value.id] = captures[i - n_own];
        else if (body) TN__TRY(fresh_name(w, body, p->value.id, NULL, &names[p->value.id]));
        else {
            TN__TRY(port_name(w, p->name));
            names[p->value.id] = p->name;
        }
    }
    for (size_t i = 0; i < g->outputs.count; i++) {
        const tn__port *p = &g->outputs.data[i];
        if (body) TN__TRY(fresh_name(w, body, p->value.id, NULL, &out_names[i]));
        else {
            TN__TRY(port_name(w, p->name));
            out_names[i] = p->name;
        }
        const tn__node *n = tn__node_of(g, p->value);
        if (n && n->op != TN_OP_constant && !names[p->value.id]) names[p->value.id] = out_names[i];
    }
    for (size_t i = 1; i < g->values.count; i++)
        if (!names[i]) TN__TRY(fresh_name(w, body, (uint32_t)i, g->values.data[i].name, &names[i]));
    return NULL;
}

static tn_error *put_graph(writer *w, const tn_graph *g, const char *const *captures, uint32_t n_captures) {
    tn__wire_out *o = &w->out;
    uint32_t body = w->depth ? ++w->n_bodies : 0;
    if (g->error) return tn__error_copy(g->error);
    if (n_captures > g->inputs.count)
        return TN__FAIL(w->a, INVALID_GRAPH, "a body has %zu inputs, its node captures %u", g->inputs.count, n_captures);
    if (++w->depth > w->context->limits.max_depth)
        return TN__FAIL(w->a, LIMIT_EXCEEDED, "graphs nested deeper than %u (limit max_depth)", w->context->limits.max_depth);
    const char **names = TN__ARENA_ARRAY(&w->arena, const char *, g->values.count);
    const char **out_names = TN__ARENA_ARRAY(&w->arena, const char *, g->outputs.count + 1);
    if (!names || !out_names) return tn__error_oom();
    TN__TRY(name_values(w, g, body, captures, n_captures, names, out_names));
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (n->op != TN_OP_constant) TN__TRY(tn__error_prefix(put_node(w, g, n, names), "node '%s'", names[n->first_out]));
    }
    for (size_t i = 0; i < g->outputs.count; i++) {
        const char *from = names[g->outputs.data[i].value.id];
        if (from != out_names[i]) TN__TRY(put_simple(w, "Identity", from, out_names[i], NULL, NULL));
    }
    tn__wire_put_text(o, 2, g->name);
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        if (n->op != TN_OP_constant) continue;
        size_t begin = tn__wire_begin(o, 5);
        TN__TRY(tn__tensor_to_proto(o, ((const tn__attrs_constant *)n->attrs)->value, names[n->first_out]));
        tn__wire_end(o, begin);
    }
    for (size_t i = 0; i + n_captures < g->inputs.count; i++) {
        tn_value v = g->inputs.data[i].value;
        put_value_info(w, 11, g, names[v.id], tn__type_of(g, v));
    }
    for (size_t i = 0; i < g->outputs.count; i++) put_value_info(w, 12, g, out_names[i], tn__type_of(g, g->outputs.data[i].value));
    w->depth--;
    return o->failed ? tn__error_oom() : NULL;
}

static tn_error *save_file(const tn_graph *graph, const char *path) {
    tn_context *c = graph->context;
    writer w = {.context = c, .a = &c->allocator, .opset = EXPORT_OPSET};
    tn__arena_init(&w.arena, w.a);
    tn__wire_out_init(&w.out, w.a);
    tn__wire_put_int(&w.out, 1, EXPORT_IR_VERSION);
    tn__wire_put_text(&w.out, 2, "tenon");
    tn__wire_put_text(&w.out, 3, tn_version());
    size_t begin = tn__wire_begin(&w.out, 7);
    tn_error *e = put_graph(&w, graph, NULL, 0);
    tn__wire_end(&w.out, begin);
    begin = tn__wire_begin(&w.out, 8);
    tn__wire_put_int(&w.out, 2, w.opset);
    tn__wire_end(&w.out, begin);
    for (size_t i = 0; i < w.domains.count; i++) {
        begin = tn__wire_begin(&w.out, 8);
        tn__wire_put_text(&w.out, 1, w.domains.data[i]);
        tn__wire_put_int(&w.out, 2, 1);
        tn__wire_end(&w.out, begin);
    }
    TN__VEC_FREE(w.a, &w.domains);
    if (!e && w.out.failed) e = tn__error_oom();
    if (!e && w.out.bytes > INT32_MAX)
        e = TN__FAIL(w.a, UNSUPPORTED, "the model takes %zu bytes; a protobuf file holds at most 2 GiB", w.out.bytes);
    if (!e) e = tn__os_write_file(w.a, path, &(tn__os_span){w.out.data, w.out.bytes}, 1);
    tn__wire_out_deinit(&w.out);
    tn__arena_deinit(&w.arena);
    return e;
}

tn_error *tn_onnx_save_file(const tn_graph *graph, const char *path) {
    TN__HANDLE(graph, GRAPH);
    if (!path) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_onnx_save_file: path is NULL");
    tn_graph *frozen = NULL;
    tn_error *e = graph->variables.count ? tn__graph_freeze_variables(graph, &frozen) : NULL;
    if (!e) e = save_file(frozen ? frozen : graph, path);
    tn_graph_release(frozen);
    return tn__error_prefix(e, "export to '%.300s'", path);
}
