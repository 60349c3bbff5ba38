/* The text form, printing: one line a node, lossless (text_parse.c reads it back to an equal graph).
 *
 *   graph "main" symbols(N) {
 *     input %1 "x" : f32[1,3,N]
 *     %2 = constant {value=f32[2] (1, 2.5)} : f32[2]
 *     %3 = conv(%1, %2, _) {strides=[1,1], auto_pad="SAME_UPPER"} : f32[1,8,N,4]  # node/name
 *     %4 "its name", %5 = top_k(%3, %2) : f32[?], i64[*] @ "model.py:12", "model.py:14"  # node/name
 *     %6 = custom "my::op"(%4) {int axis=1, floats scales=[0.5]} : f32[?]
 *     output "y" %3
 *     variable %6 "w" : f32[4]   the value at the beginning of a run; parsing makes a new variable of zeros
 *     assign %6 %7               what variable %6 holds afterwards
 *   }
 *
 * `_` is an absent operand, `?` an unknown dimension, `[*]` an unknown rank. Behind `@` are the node's sources (`+2` at the end: at least
 * two more). Constants of more than 64 elements, and those that decimal digits would not give back bit by bit (NaN payloads), print as
 * base64 of their bytes in memory order. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ir/custom.h"
#include "ir/text_form.h"

enum { LIST_MAX = 64 }; /* elements of a constant printed one by one */

typedef struct printer {
    const tn_allocator *a;
    tn__text text;
    uint32_t max_depth;
    size_t most_constant; /* bytes; of a longer one only a hash is printed */
} printer;

static bool plain(const char *s, bool name) {
    if (!*s || (!name && *s >= '0' && *s <= '9')) return false;
    for (; *s; s++) {
        bool word = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || *s == '_';
        if (!word && !(name && strchr("./:-+@$", *s))) return false;
    }
    return true;
}

static void put_quoted(printer *p, const char *s) {
    char run[64];
    size_t n = 0;
    tn__text_add(&p->text, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (n > sizeof run - 8) run[n] = 0, tn__text_add(&p->text, run), n = 0;
        if (c == '"' || c == '\\') run[n++] = '\\', run[n++] = (char)c;
        else if (c == '\n') run[n++] = '\\', run[n++] = 'n';
        else if (c < 0x20 || c == 0x7f) n += (size_t)snprintf(run + n, 5, "\\x%02x", c);
        else run[n++] = (char)c;
    }
    run[n] = 0;
    tn__text_add(&p->text, run);
    tn__text_add(&p->text, "\"");
}

static void put_word(printer *p, const char *s, bool name) {
    if (plain(s, name)) tn__text_add(&p->text, s);
    else put_quoted(p, s);
}

/* Fewest digits of %g that `dtype` gives back; the decimal point is '.' in any locale. */
static void put_float(printer *p, tn_dtype dtype, double x) {
    static const int digits[] = {6, 9, 15, 17};
    char s[48];
    for (int k = 0; k < 4; k++) {
        uint64_t memory[2] = {0, 0};
        snprintf(s, sizeof s, "%.*g", digits[k], x);
        tn__store_f64(dtype, memory, 0, strtod(s, NULL));
        if (tn__load_f64(dtype, memory, 0) == x) break;
    }
    for (char *c = s; *c; c++)
        if (!strchr("0123456789+-einfa", *c)) *c = '.';
    if (x != x) strcpy(s, "nan");
    tn__text_add(&p->text, s);
}

static void put_type(printer *p, const tn_graph *g, const tn__type *t) {
    tn__text_addf(&p->text, "%s[", tn_dtype_name(t->dtype));
    if (t->rank < 0) tn__text_add(&p->text, "*");
    for (int32_t i = 0; i < t->rank; i++) {
        const char *symbol = tn_graph_get_symbol_name(g, t->dims[i]);
        if (i) tn__text_add(&p->text, ",");
        if (t->dims[i] >= 0) tn__text_addf(&p->text, "%" PRId64, t->dims[i]);
        else if (symbol) put_word(p, symbol, false);
        else tn__text_add(&p->text, "?");
    }
    tn__text_add(&p->text, "]");
}

/* True when the elements, stored from what is printed, give the same bytes. */
static bool list_is_exact(const tn_tensor *t) {
    uint64_t memory[LIST_MAX] = {0};
    if (t->elements > LIST_MAX) return false;
    for (int64_t i = 0; i < t->elements; i++) {
        if (tn__text_is_integral(t->dtype)) tn__store_i64(t->dtype, memory, i, tn__load_i64(t->dtype, t->data, i));
        else tn__store_f64(t->dtype, memory, i, tn__load_f64(t->dtype, t->data, i));
        double x = tn__load_f64(t->dtype, t->data, i);
        if (x != x) return false;
    }
    return !t->bytes || !memcmp(memory, t->data, t->bytes);
}

static void put_base64(printer *p, const uint8_t *data, size_t bytes) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char run[1025];
    size_t n = 0;
    for (size_t i = 0; i < bytes; i += 3) {
        size_t rest = bytes - i;
        uint32_t x = (uint32_t)data[i] << 16 | (rest > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (rest > 2 ? data[i + 2] : 0);
        run[n++] = digits[x >> 18];
        run[n++] = digits[x >> 12 & 63];
        run[n++] = rest > 1 ? digits[x >> 6 & 63] : '=';
        run[n++] = rest > 2 ? digits[x & 63] : '=';
        if (n == sizeof run - 1) run[n] = 0, tn__text_add(&p->text, run), n = 0;
    }
    run[n] = 0;
    tn__text_add(&p->text, run);
}

/* FNV-1a, by words and then by bytes. */
static uint64_t hash_of(const uint8_t *data, size_t bytes) {
    const uint64_t prime = 0x100000001b3u;
    uint64_t h = 0xcbf29ce484222325u, word;
    for (; bytes >= 8; data += 8, bytes -= 8) memcpy(&word, data, 8), h = (h ^ word) * prime, h ^= h >> 32;
    for (; bytes; data++, bytes--) h = (h ^ *data) * prime;
    return h;
}

static void put_tensor(printer *p, const tn_tensor *t) {
    tn__text_addf(&p->text, "%s[", tn_dtype_name(t->dtype));
    for (int32_t i = 0; i < t->rank; i++) tn__text_addf(&p->text, i ? ",%" PRId64 : "%" PRId64, t->dims[i]);
    tn__text_add(&p->text, "] ");
    if (t->dtype != TN_DTYPE_string && t->bytes > p->most_constant) {
        tn__text_addf(&p->text, "hash \"%016" PRIx64 "\"", hash_of(tn__tensor_bytes(t), t->bytes));
        return;
    }
    if (t->dtype != TN_DTYPE_string && !list_is_exact(t)) {
        tn__text_add(&p->text, "base64 \"");
        put_base64(p, tn__tensor_bytes(t), t->bytes);
        tn__text_add(&p->text, "\"");
        return;
    }
    tn__text_add(&p->text, "(");
    for (int64_t i = 0; i < t->elements; i++) {
        if (i) tn__text_add(&p->text, ", ");
        if (t->dtype == TN_DTYPE_string) {
            const char *s = ((char *const *)t->data)[i];
            put_quoted(p, s ? s : "");
        } else if (t->dtype == TN_DTYPE_u64) tn__text_addf(&p->text, "%" PRIu64, (uint64_t)tn__load_i64(t->dtype, t->data, i));
        else if (tn__text_is_integral(t->dtype)) tn__text_addf(&p->text, "%" PRId64, tn__load_i64(t->dtype, t->data, i));
        else put_float(p, t->dtype, tn__load_f64(t->dtype, t->data, i));
    }
    tn__text_add(&p->text, ")");
}

static void put_ints(printer *p, const int64_t *list, uint32_t n) {
    tn__text_add(&p->text, "[");
    for (uint32_t i = 0; i < n; i++) tn__text_addf(&p->text, i ? ",%" PRId64 : "%" PRId64, list[i]);
    tn__text_add(&p->text, "]");
}

static void put_floats(printer *p, const double *list, uint32_t n) {
    tn__text_add(&p->text, "[");
    for (uint32_t i = 0; i < n; i++) tn__text_add(&p->text, i ? "," : ""), put_float(p, TN_DTYPE_f64, list[i]);
    tn__text_add(&p->text, "]");
}

static void put_strings(printer *p, const char *const *list, uint32_t n) {
    tn__text_add(&p->text, "[");
    for (uint32_t i = 0; i < n; i++) tn__text_add(&p->text, i ? "," : ""), put_quoted(p, list[i]);
    tn__text_add(&p->text, "]");
}

#define VALUE(type) (*(type const *)((const char *)attrs + f->offset))

static bool is_default(const tn__attr_field *f, const void *attrs) {
    switch (f->kind) {
    case TN_ATTR_INT: return VALUE(int64_t) == f->default_int;
    case TN_ATTR_FLOAT: return !memcmp(&VALUE(double), &f->default_float, sizeof(double));
    case TN_ATTR_STRING: {
        const char *s = VALUE(const char *);
        return !s || (f->default_string && !strcmp(s, f->default_string));
    }
    case TN_ATTR_INTS: return !VALUE(tn__ints).n;
    case TN_ATTR_FLOATS: return !VALUE(tn__floats).n;
    case TN_ATTR_STRINGS: return !VALUE(tn__strings).n;
    case TN_ATTR_TENSOR: return !VALUE(tn_tensor *);
    case TN_ATTR_GRAPH: return !VALUE(tn_graph *);
    }
    return true;
}

static tn_error *put_graph(printer *p, const tn_graph *g, uint32_t depth);

static tn_error *put_attr(printer *p, const tn__attr_field *f, const void *attrs, uint32_t depth) {
    tn__text_addf(&p->text, "%s=", f->name);
    switch (f->kind) {
    case TN_ATTR_INT: {
        int64_t x = VALUE(int64_t);
        if (tn__text_is_dtype_field(f->name) && x > 0 && x < TN_DTYPE_COUNT) tn__text_add(&p->text, tn_dtype_name((tn_dtype)x));
        else tn__text_addf(&p->text, "%" PRId64, x);
        break;
    }
    case TN_ATTR_FLOAT: put_float(p, TN_DTYPE_f64, VALUE(double)); break;
    case TN_ATTR_STRING: put_quoted(p, VALUE(const char *)); break;
    case TN_ATTR_INTS: put_ints(p, VALUE(tn__ints).data, VALUE(tn__ints).n); break;
    case TN_ATTR_FLOATS: put_floats(p, VALUE(tn__floats).data, VALUE(tn__floats).n); break;
    case TN_ATTR_STRINGS: put_strings(p, VALUE(tn__strings).data, VALUE(tn__strings).n); break;
    case TN_ATTR_TENSOR: put_tensor(p, VALUE(tn_tensor *)); break;
    case TN_ATTR_GRAPH: return put_graph(p, VALUE(tn_graph *), depth + 1);
    }
    return NULL;
}

/* Attributes of a custom op say their kind: no table knows it. */
static tn_error *put_custom_attr(printer *p, const tn_attr *x, uint32_t depth) {
    tn__text_addf(&p->text, "%s ", tn__text_kind_name(x->kind));
    put_word(p, x->name, false);
    tn__text_add(&p->text, "=");
    switch (x->kind) {
    case TN_ATTR_INT: tn__text_addf(&p->text, "%" PRId64, x->i); break;
    case TN_ATTR_FLOAT: put_float(p, TN_DTYPE_f64, x->f); break;
    case TN_ATTR_STRING: put_quoted(p, x->s); break;
    case TN_ATTR_INTS: put_ints(p, x->ints, x->n); break;
    case TN_ATTR_FLOATS: put_floats(p, x->floats, x->n); break;
    case TN_ATTR_STRINGS: put_strings(p, x->strings, x->n); break;
    case TN_ATTR_TENSOR: put_tensor(p, tn__tensor_settle(x->tensor)); break;
    case TN_ATTR_GRAPH: return put_graph(p, x->graph, depth + 1);
    }
    return NULL;
}

static tn_error *put_custom_attrs(printer *p, const tn__custom_call *call, uint32_t depth) {
    for (uint32_t i = 0; i < call->n_attrs; i++) {
        tn__text_add(&p->text, i ? ", " : " {");
        TN__TRY(put_custom_attr(p, &call->attrs[i], depth));
    }
    if (call->n_attrs) tn__text_add(&p->text, "}");
    return NULL;
}

static void put_indent(printer *p, uint32_t depth) {
    for (uint32_t i = 0; i < depth; i++) tn__text_add(&p->text, "  ");
}

static void put_sources(printer *p, const tn__source_set *s) {
    for (uint32_t i = 0; i < s->n; i++) {
        tn__text_add(&p->text, i ? ", " : " @ ");
        put_quoted(p, s->texts[i]);
    }
    if (s->hidden) tn__text_addf(&p->text, " +%" PRIu32, s->hidden);
}

static tn_error *put_node(printer *p, const tn_graph *g, const tn__node *n, uint32_t depth) {
    const tn__op_info *info = &tn__op_infos[n->op];
    for (uint32_t k = 0; k < n->n_out; k++) {
        const char *name = g->values.data[n->first_out + k].name;
        tn__text_addf(&p->text, k ? ", %%%u" : "%%%u", n->first_out + k);
        if (!name || (k == 0 && n->name && !strcmp(name, n->name))) continue;
        tn__text_add(&p->text, " ");
        put_quoted(p, name);
    }
    tn__text_addf(&p->text, "%s%s", n->n_out ? " = " : "", info->name);
    if (n->op == TN_OP_custom) {
        tn__text_add(&p->text, " ");
        put_quoted(p, tn__op_text(n->op, n->attrs));
    }
    if (n->n_in || n->op != TN_OP_constant) {
        for (uint32_t k = 0; k < n->n_in; k++) {
            tn_value v = tn__in(g, n, k);
            tn__text_add(&p->text, k ? ", " : "(");
            if (v.id) tn__text_addf(&p->text, "%%%u", v.id);
            else tn__text_add(&p->text, "_");
        }
        tn__text_add(&p->text, n->n_in ? ")" : "()");
    }
    if (n->op == TN_OP_custom) TN__TRY(put_custom_attrs(p, tn__custom_of(n->attrs), depth));
    bool any = false;
    for (uint32_t i = 0; n->attrs && i < info->n_fields; i++) {
        if (is_default(&info->fields[i], n->attrs)) continue;
        tn__text_add(&p->text, any ? ", " : " {");
        any = true;
        TN__TRY(put_attr(p, &info->fields[i], n->attrs, depth));
    }
    if (any) tn__text_add(&p->text, "}");
    for (uint32_t k = 0; k < n->n_out; k++) {
        tn__text_add(&p->text, k ? ", " : " : ");
        put_type(p, g, &g->values.data[n->first_out + k].type);
    }
    put_sources(p, tn__graph_sources(g, n->source));
    if (n->name) {
        tn__text_add(&p->text, "  # ");
        put_word(p, n->name, true);
    }
    tn__text_add(&p->text, "\n");
    return NULL;
}

static void put_input(printer *p, const tn_graph *g, const tn__port *port, uint32_t depth) {
    put_indent(p, depth + 1);
    tn__text_addf(&p->text, "input %%%u ", port->value.id);
    put_quoted(p, port->name);
    tn__text_add(&p->text, " : ");
    put_type(p, g, tn__type_of(g, port->value));
    tn__text_add(&p->text, "\n");
}

static void put_variable(printer *p, const tn_graph *g, const tn__graph_variable *v, uint32_t depth) {
    const char *name = g->values.data[v->read.id].name;
    put_indent(p, depth + 1);
    tn__text_addf(&p->text, "variable %%%u ", v->read.id);
    if (name) put_quoted(p, name);
    tn__text_add(&p->text, name ? " : " : ": ");
    put_type(p, g, tn__type_of(g, v->read));
    tn__text_add(&p->text, "\n");
}

/* Inputs and variables stand where they were made, so that parsing gives the values the same ids. */
static void put_ports(printer *p, const tn_graph *g, uint32_t before, size_t *input, size_t *variable, uint32_t depth) {
    for (;;) {
        uint32_t i = *input < g->inputs.count ? g->inputs.data[*input].value.id : UINT32_MAX;
        uint32_t v = *variable < g->variables.count ? g->variables.data[*variable].read.id : UINT32_MAX;
        if (i >= before && v >= before) return;
        if (i < v) put_input(p, g, &g->inputs.data[(*input)++], depth);
        else put_variable(p, g, &g->variables.data[(*variable)++], depth);
    }
}

static tn_error *put_graph(printer *p, const tn_graph *g, uint32_t depth) {
    if (depth > p->max_depth) return TN__FAIL(p->a, LIMIT_EXCEEDED, "sub-graphs nested deeper than %u (limit max_depth)", p->max_depth);
    tn__text_add(&p->text, "graph ");
    put_quoted(p, g->name);
    for (size_t i = 0; i < g->symbols.count; i++) {
        tn__text_add(&p->text, i ? ", " : " symbols(");
        put_word(p, g->symbols.data[i], false);
    }
    tn__text_add(&p->text, g->symbols.count ? ") {\n" : " {\n");
    size_t input = 0, variable = 0;
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        put_ports(p, g, n->first_out, &input, &variable, depth);
        put_indent(p, depth + 1);
        TN__TRY(put_node(p, g, n, depth));
    }
    put_ports(p, g, UINT32_MAX, &input, &variable, depth);
    for (size_t i = 0; i < g->outputs.count; i++) {
        put_indent(p, depth + 1);
        tn__text_add(&p->text, "output ");
        put_quoted(p, g->outputs.data[i].name);
        tn__text_addf(&p->text, " %%%u\n", g->outputs.data[i].value.id);
    }
    for (size_t i = 0; i < g->variables.count; i++) {
        const tn__graph_variable *v = &g->variables.data[i];
        if (!v->assigned.id) continue;
        put_indent(p, depth + 1);
        tn__text_addf(&p->text, "assign %%%u %%%u\n", v->read.id, v->assigned.id);
    }
    put_indent(p, depth);
    tn__text_add(&p->text, depth ? "}" : "}\n");
    return NULL;
}

tn_error *tn_graph_print(const tn_graph *graph, char **out_text) {
    if (!out_text) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_graph_print: out_text is NULL");
    *out_text = NULL;
    TN__HANDLE(graph, GRAPH);
    return tn__graph_print(graph, SIZE_MAX, out_text);
}

tn_error *tn__graph_print(const tn_graph *graph, size_t most_constant, char **out_text) {
    *out_text = NULL;
    if (graph->error) return tn__error_copy(graph->error);
    printer p = {.a = &graph->context->allocator, .max_depth = tn__text_max_depth(graph->context), .most_constant = most_constant};
    tn__text_init(&p.text, p.a);
    tn_error *e = put_graph(&p, graph, 0);
    if (!e && !(*out_text = tn__text_take(&p.text))) e = tn__error_oom();
    if (e) tn__text_deinit(&p.text);
    return e;
}

void tn_text_free(tn_context *context, char *text) {
    if (TN__IS(context, CONTEXT)) tn__strfree(&context->allocator, text);
}
