/* The text form, parsing (text_print.c shows it). The text is hostile: every error names line and column, counts and sizes are checked
 * against the limits and against what is left of the text before memory is taken, and the only recursion is one level a nested
 * sub-graph, bounded by max_depth.
 *
 * Written by hand, types of results may be left away (the shape rule gives them), and `//` begins a comment. A type that is written may
 * say more than the shape rule knows, never something else. */
#include <inttypes.h>

#include "ir/custom.h"
#include "ir/text_lexer.h"

typedef struct parser {
    tn__lexer l;
    tn_context *context;
    const tn_allocator *a;
    uint32_t n_nodes; /* of all graphs so far */
    uint32_t max_depth;
    size_t map_left; /* entries that maps may still get: printed numbers are dense, so all maps together stay below the text's length */
} parser;

typedef TN__VEC(uint32_t) id_map; /* number in the text -> value id; 0 = not defined */

typedef struct result_name {
    uint32_t number;
    const char *name;
    const char *where;
} result_name;

typedef TN__VEC(tn_value) value_list;
typedef TN__VEC(result_name) result_list;
typedef struct attr_lists {
    TN__VEC(int64_t) ints;
    TN__VEC(double) floats;
    TN__VEC(const char *) strings;
} attr_lists;

#define FAIL(p, where, ...) tn__lexer_fail(&(p)->l, (where), TN_ERROR_PARSE, __VA_ARGS__)

static const char *here(parser *p) {
    tn__lexer_skip(&p->l);
    return p->l.at;
}

static size_t left(const parser *p) { return (size_t)(p->l.end - p->l.at); }

static tn_error *check_graph(parser *p, const tn_graph *g, const char *where) {
    return g->error ? tn__lexer_locate(&p->l, where, tn__error_copy(g->error)) : NULL;
}

/* ---- values and types ---------------------------------------------------------------------------------------- */

/* %12 */
static tn_error *parse_number(parser *p, uint32_t *out) {
    uint64_t x;
    bool negative;
    const char *where = here(p);
    TN__TRY(tn__lexer_expect(&p->l, '%', "before a value's number"));
    TN__TRY(tn__lexer_whole(&p->l, "a value's number", &x, &negative));
    if (negative || !x || x > UINT32_MAX / 2) return FAIL(p, where, "a value's number must be from 1 to %u", UINT32_MAX / 2);
    *out = (uint32_t)x;
    return NULL;
}

static tn_error *define(parser *p, id_map *map, uint32_t number, const char *where, tn_value v) {
    if (number >= map->count && number + 1 - map->count > p->map_left)
        return FAIL(p, where, "%%%" PRIu32 ": the numbers of the values are far larger than their count", number);
    if (!TN__RESERVE(p->a, map, (size_t)number + 1)) return tn__error_oom();
    if (number >= map->count) p->map_left -= number + 1 - map->count;
    while (map->count <= number) map->data[map->count++] = 0;
    if (map->data[number]) return FAIL(p, where, "%%%" PRIu32 " is defined twice", number);
    map->data[number] = v.id;
    return NULL;
}

static tn_error *parse_use(parser *p, const id_map *map, tn_value *out) {
    uint32_t number;
    const char *where = here(p);
    TN__TRY(parse_number(p, &number));
    out->id = number < map->count ? map->data[number] : 0;
    return out->id ? NULL : FAIL(p, where, "%%%" PRIu32 " is not defined before this", number);
}

static tn_error *parse_symbol(parser *p, tn_graph *g, int64_t *out) {
    const char *where = here(p), *name;
    if (left(p) && *p->l.at == '"') TN__TRY(tn__lexer_string(&p->l, "a symbol", &name));
    else TN__TRY(tn__lexer_word(&p->l, "a dimension", &name));
    if (g->symbols.count >= TN__MAX_SYMBOLS)
        return tn__lexer_fail(&p->l, where, TN_ERROR_LIMIT_EXCEEDED, "more than %d symbols in a graph", TN__MAX_SYMBOLS);
    *out = tn_graph_symbol(g, name);
    return check_graph(p, g, where);
}

/* f32[1,N,?] or f32[*]; dims in the lexer's arena. `g` NULL: numbers only. */
static tn_error *parse_type(parser *p, tn_graph *g, tn__type *out) {
    const char *where = here(p), *name;
    int64_t dims[TN_MAX_RANK];
    TN__TRY(tn__lexer_word(&p->l, "a type", &name));
    *out = (tn__type){.dtype = tn_dtype_from_name(name)};
    if (!out->dtype) return FAIL(p, where, "there is no element type '%.40s'", name);
    TN__TRY(tn__lexer_expect(&p->l, '[', "after the element type"));
    if (g && tn__lexer_accept(&p->l, '*')) {
        out->rank = -1;
        return tn__lexer_expect(&p->l, ']', "after '*'");
    }
    if (tn__lexer_accept(&p->l, ']')) return NULL;
    do {
        where = here(p);
        if (out->rank >= TN_MAX_RANK || out->rank >= (int32_t)p->context->limits.max_rank)
            return tn__lexer_fail(&p->l, where, TN_ERROR_LIMIT_EXCEEDED, "more than %d dimensions (limit max_rank)", out->rank);
        int64_t *d = &dims[out->rank++];
        if (!g || (left(p) && ((*p->l.at >= '0' && *p->l.at <= '9') || *p->l.at == '-'))) {
            TN__TRY(tn__lexer_int(&p->l, "a dimension", d));
            if (*d < 0) return FAIL(p, where, "dimension %" PRId64 " is negative", *d);
        } else if (tn__lexer_accept(&p->l, '?')) *d = TN_DIM_UNKNOWN;
        else TN__TRY(parse_symbol(p, g, d));
    } while (tn__lexer_accept(&p->l, ','));
    TN__TRY(tn__lexer_expect(&p->l, ']', "after the dimensions"));
    out->dims = tn__arena_copy(&p->l.arena, dims, (size_t)out->rank * sizeof *dims);
    return out->dims ? NULL : tn__error_oom();
}

/* Narrows the type of `v` by what the text says. */
static tn_error *refine_type(parser *p, tn_graph *g, tn_value v, const tn__type *said, const char *where) {
    tn__type *type = &g->values.data[v.id].type;
    char a[200], b[200];
    bool fits = said->dtype == type->dtype && (said->rank < 0 || type->rank < 0 || said->rank == type->rank);
    for (int32_t i = 0; fits && type->rank >= 0 && i < said->rank; i++)
        fits = said->dims[i] < 0 || type->dims[i] < 0 || said->dims[i] == type->dims[i];
    if (!fits)
        return tn__lexer_fail(&p->l, where, TN_ERROR_SHAPE_MISMATCH, "the text says %s, the op gives %s",
                              tn__type_text(g, said, a, sizeof a), tn__type_text(g, type, b, sizeof b));
    if (said->rank < 0) return NULL;
    int64_t *dims = TN__ARENA_ARRAY(&g->arena, int64_t, (size_t)said->rank + 1);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < said->rank; i++) {
        int64_t s = said->dims[i], t = type->rank < 0 ? TN_DIM_UNKNOWN : type->dims[i];
        dims[i] = s >= 0 ? s : t >= 0 ? t : s != TN_DIM_UNKNOWN ? s : t;
    }
    type->rank = said->rank;
    type->dims = dims;
    return NULL;
}

/* ---- constants ----------------------------------------------------------------------------------------------- */

static tn_error *parse_element(parser *p, tn_tensor *t, int64_t i) {
    const char *where = here(p);
    if (t->dtype == TN_DTYPE_string) {
        const char *s;
        TN__TRY(tn__lexer_string(&p->l, "an element", &s));
        return (((char **)t->data)[i] = tn__strdup(p->a, s)) ? NULL : tn__error_oom();
    }
    if (tn__text_is_integral(t->dtype)) {
        uint64_t bits;
        bool negative;
        TN__TRY(tn__lexer_whole(&p->l, "an element", &bits, &negative));
        tn__store_i64(t->dtype, t->data, i, (int64_t)bits);
        bool wide = !negative && bits > INT64_MAX;
        if (tn__load_i64(t->dtype, t->data, i) != (int64_t)bits || (t->dtype == TN_DTYPE_u64 ? negative : wide))
            return FAIL(p, where, "this element does not fit into %s", tn_dtype_name(t->dtype));
        return NULL;
    }
    double x;
    TN__TRY(tn__lexer_float(&p->l, "an element", &x));
    tn__store_f64(t->dtype, t->data, i, x);
    return NULL;
}

static tn_error *parse_elements(parser *p, tn_tensor *t, bool base64) {
    if (base64) return tn__lexer_base64(&p->l, t->data, t->bytes);
    TN__TRY(tn__lexer_expect(&p->l, '(', "before the elements"));
    for (int64_t i = 0; i < t->elements; i++) {
        if (i) TN__TRY(tn__lexer_expect(&p->l, ',', "between elements"));
        TN__TRY(parse_element(p, t, i));
    }
    return tn__lexer_expect(&p->l, ')', "after as many elements as the type has");
}

/* f32[2] (1, 2.5) or f32[100] base64 "..." */
static tn_error *parse_tensor(parser *p, tn_tensor **out) {
    tn__type type;
    const char *where = here(p), *word;
    int64_t elements;
    TN__TRY(parse_type(p, NULL, &type));
    tn_error *e = tn__elements(p->context, "constant", type.rank, type.dims, &elements);
    if (e) return tn__lexer_locate(&p->l, where, e);
    bool base64 = here(p) < p->l.end && *p->l.at != '(';
    if (base64) {
        where = p->l.at;
        TN__TRY(tn__lexer_word(&p->l, "'(' or base64", &word));
        if (!strcmp(word, "hash")) return FAIL(p, where, "the text has only a hash of this constant (option dump_graphs: the first file has it whole)");
        if (strcmp(word, "base64") || type.dtype == TN_DTYPE_string) return FAIL(p, where, "wanted '(' or base64 (not for strings)");
    }
    size_t text_bytes = base64 ? tn__dtype_bytes(type.dtype, elements) : (size_t)elements;
    if (text_bytes > left(p))
        return FAIL(p, where, "%" PRId64 " elements do not fit into the %zu bytes of text that are left", elements, left(p));
    if ((e = tn_tensor_create(p->context, type.dtype, type.rank, type.dims, out))) return tn__lexer_locate(&p->l, where, e);
    if ((e = parse_elements(p, *out, base64))) {
        tn_tensor_release(*out);
        *out = NULL;
    }
    return e;
}

/* ---- attributes ---------------------------------------------------------------------------------------------- */

static tn_error *parse_graph(parser *p, uint32_t depth, tn_graph **out);

static tn_error *parse_int_attr(parser *p, int64_t *out) {
    const char *where = here(p), *word;
    bool number = left(p) && (*p->l.at == '-' || (*p->l.at >= '0' && *p->l.at <= '9'));
    if (number) return tn__lexer_int(&p->l, "a number", out);
    TN__TRY(tn__lexer_word(&p->l, "a number or an element type", &word));
    *out = !strcmp(word, "true") ? 1 : (int64_t)tn_dtype_from_name(word);
    return *out || !strcmp(word, "false") ? NULL : FAIL(p, where, "found '%.40s', wanted a number or an element type", word);
}

static tn_error *parse_list(parser *p, tn_attr *attr, attr_lists *lists) {
    TN__TRY(tn__lexer_expect(&p->l, '[', "before a list"));
    if (tn__lexer_accept(&p->l, ']')) return NULL;
    do {
        int64_t i = 0;
        double f = 0;
        const char *s = NULL;
        bool ok = true;
        if (attr->kind == TN_ATTR_INTS) {
            TN__TRY(tn__lexer_int(&p->l, "a number", &i));
            ok = TN__PUSH(p->a, &lists->ints, i);
        } else if (attr->kind == TN_ATTR_FLOATS) {
            TN__TRY(tn__lexer_float(&p->l, "a number", &f));
            ok = TN__PUSH(p->a, &lists->floats, f);
        } else {
            TN__TRY(tn__lexer_string(&p->l, "an entry", &s));
            ok = TN__PUSH(p->a, &lists->strings, s);
        }
        if (!ok) return tn__error_oom();
        attr->n++;
    } while (tn__lexer_accept(&p->l, ','));
    return tn__lexer_expect(&p->l, ']', "after the list");
}

/* The value of an attribute of attr->kind. Lists point into `lists`, tensors and graphs are the caller's, whatever is returned. */
static tn_error *parse_attr_value(parser *p, tn_attr *attr, attr_lists *lists, uint32_t depth) {
    tn_error *e = NULL;
    switch (attr->kind) {
    case TN_ATTR_INT: e = parse_int_attr(p, &attr->i); break;
    case TN_ATTR_FLOAT: e = tn__lexer_float(&p->l, "a number", &attr->f); break;
    case TN_ATTR_STRING: e = tn__lexer_string(&p->l, "a text", &attr->s); break;
    case TN_ATTR_INTS:
    case TN_ATTR_FLOATS:
    case TN_ATTR_STRINGS: e = parse_list(p, attr, lists); break;
    case TN_ATTR_TENSOR: e = parse_tensor(p, &attr->tensor); break;
    case TN_ATTR_GRAPH: e = parse_graph(p, depth + 1, &attr->graph); break;
    }
    attr->ints = lists->ints.data;
    attr->floats = lists->floats.data;
    attr->strings = lists->strings.data;
    return e;
}

static void free_lists(parser *p, attr_lists *lists) {
    TN__VEC_FREE(p->a, &lists->ints);
    TN__VEC_FREE(p->a, &lists->floats);
    TN__VEC_FREE(p->a, &lists->strings);
}

static tn_error *parse_attr(parser *p, tn_graph *g, tn__op op, void *attrs, uint64_t *seen, uint32_t depth) {
    const tn__op_info *info = &tn__op_infos[op];
    const char *where = here(p);
    tn_attr attr = {0};
    uint32_t k = 0;
    TN__TRY(tn__lexer_word(&p->l, "an attribute's name", &attr.name));
    while (k < info->n_fields && strcmp(info->fields[k].name, attr.name)) k++;
    if (k == info->n_fields) return FAIL(p, where, "%s has no attribute '%.40s'", info->name, attr.name);
    if (*seen >> (k & 63) & 1) return FAIL(p, where, "attribute '%s' is given twice", attr.name);
    *seen |= (uint64_t)1 << (k & 63);
    attr.kind = info->fields[k].kind;
    TN__TRY(tn__lexer_expect(&p->l, '=', "after the attribute's name"));
    where = here(p);
    attr_lists lists = {0};
    tn_error *e = parse_attr_value(p, &attr, &lists, depth);
    bool parsed = !e;
    if (parsed && (e = tn__attrs_set(g, op, attrs, &attr))) e = tn__lexer_locate(&p->l, where, e);
    if (e && parsed) tn_graph_release(attr.graph); /* not taken over */
    tn_tensor_release(attr.tensor);
    free_lists(p, &lists);
    return e;
}

/* ---- custom ops ---------------------------------------------------------------------------------------------- */

/* The attributes of one node; lists[i] belongs to attrs[i]. */
typedef struct custom_attrs {
    TN__VEC(tn_attr) attrs;
    TN__VEC(attr_lists) lists;
} custom_attrs;

/* `int axis=1`: these attributes say their kind. */
static tn_error *parse_custom_attr(parser *p, custom_attrs *out, uint32_t depth) {
    const char *where = here(p), *kind;
    tn_attr attr = {0};
    attr_lists lists = {0};
    TN__TRY(tn__lexer_word(&p->l, "the kind of an attribute", &kind));
    for (int k = TN_ATTR_INT; k <= TN_ATTR_GRAPH; k++)
        if (!strcmp(tn__text_kind_name((tn_attr_kind)k), kind)) attr.kind = (tn_attr_kind)k;
    if (!attr.kind) return FAIL(p, where, "found '%.40s', wanted int, float, string, ints, floats, strings, tensor or graph", kind);
    if (here(p) < p->l.end && *p->l.at == '"') TN__TRY(tn__lexer_string(&p->l, "an attribute's name", &attr.name));
    else TN__TRY(tn__lexer_word(&p->l, "an attribute's name", &attr.name));
    TN__TRY(tn__lexer_expect(&p->l, '=', "after the attribute's name"));
    if (!TN__RESERVE(p->a, &out->attrs, out->attrs.count + 1) || !TN__RESERVE(p->a, &out->lists, out->lists.count + 1))
        return tn__error_oom();
    tn_error *e = parse_attr_value(p, &attr, &lists, depth);
    out->attrs.data[out->attrs.count++] = attr;
    out->lists.data[out->lists.count++] = lists;
    return e;
}

static tn_error *parse_custom_attrs(parser *p, custom_attrs *out, uint32_t depth) {
    if (!tn__lexer_accept_inline(&p->l, '{') || tn__lexer_accept(&p->l, '}')) return NULL;
    do TN__TRY(parse_custom_attr(p, out, depth));
    while (tn__lexer_accept(&p->l, ','));
    return tn__lexer_expect(&p->l, '}', "after the attributes");
}

static tn_error *parse_custom(parser *p, tn_graph *g, tn__custom_call *call, const char *where, uint32_t depth) {
    custom_attrs list = {0};
    tn_error *e = parse_custom_attrs(p, &list, depth);
    if (!e && (e = tn__custom_take_attrs(g, list.attrs.data, (uint32_t)list.attrs.count, call))) e = tn__lexer_locate(&p->l, where, e);
    for (size_t i = 0; i < list.attrs.count; i++) {
        tn_tensor_release(list.attrs.data[i].tensor);
        tn_graph_release(list.attrs.data[i].graph); /* g has retained it */
        free_lists(p, &list.lists.data[i]);
    }
    TN__VEC_FREE(p->a, &list.attrs);
    TN__VEC_FREE(p->a, &list.lists);
    return e;
}

/* The name behind `custom`. */
static tn_error *parse_custom_name(parser *p, tn_graph *g, tn__custom_call **out) {
    const char *where = here(p), *name;
    TN__TRY(tn__lexer_string(&p->l, "the custom op's name", &name));
    tn_error *e = tn__custom_begin(g, name, out);
    return e ? tn__lexer_locate(&p->l, where, e) : NULL;
}

/* ---- statements ---------------------------------------------------------------------------------------------- */

/* The name behind `#` on the node's line. */
static tn_error *parse_node_name(parser *p, const char **out) {
    *out = NULL;
    if (!tn__lexer_accept_inline(&p->l, '#')) return NULL;
    tn__lexer_skip_blank(&p->l);
    if (left(p) && *p->l.at == '"') return tn__lexer_string(&p->l, "a name", out);
    const char *start = p->l.at, *stop;
    while (left(p) && *p->l.at != '\n') p->l.at++;
    for (stop = p->l.at; stop > start && strchr(" \t\r", stop[-1]);) stop--;
    if (stop == start) return NULL;
    char *name = tn__arena_alloc(&p->l.arena, (size_t)(stop - start) + 1);
    if (!name) return tn__error_oom();
    *out = memcpy(name, start, (size_t)(stop - start));
    return NULL;
}

/* @ "a", "b" +2 */
static tn_error *parse_sources(parser *p, tn_graph *g, uint32_t *out) {
    *out = 0;
    if (!tn__lexer_accept_inline(&p->l, '@')) return NULL;
    const char *where = here(p), *text;
    do {
        TN__TRY(tn__lexer_string(&p->l, "a source", &text));
        *out = tn__graph_source_merge(g, *out, tn__graph_source_text(g, text));
    } while (tn__lexer_accept_inline(&p->l, ','));
    if (tn__lexer_accept_inline(&p->l, '+')) {
        int64_t hidden;
        TN__TRY(tn__lexer_int(&p->l, "a number of further sources", &hidden));
        if (hidden < 0 || hidden > UINT32_MAX) return FAIL(p, where, "a number of further sources must be from 0 to %u", UINT32_MAX);
        *out = tn__graph_source_hide(g, *out, (uint32_t)hidden);
    }
    return check_graph(p, g, where);
}

static tn_error *parse_operands(parser *p, const id_map *map, value_list *in) {
    if (!tn__lexer_accept_inline(&p->l, '(') || tn__lexer_accept(&p->l, ')')) return NULL;
    do {
        tn_value v = {0};
        if (!tn__lexer_accept(&p->l, '_')) TN__TRY(parse_use(p, map, &v));
        if (!TN__PUSH(p->a, in, v)) return tn__error_oom();
    } while (tn__lexer_accept(&p->l, ','));
    return tn__lexer_expect(&p->l, ')', "after the operands");
}

static tn_error *parse_results(parser *p, result_list *out) {
    do {
        result_name r = {.where = here(p)};
        TN__TRY(parse_number(p, &r.number));
        if (here(p) < p->l.end && *p->l.at == '"') TN__TRY(tn__lexer_string(&p->l, "a name", &r.name));
        if (!TN__PUSH(p->a, out, r)) return tn__error_oom();
    } while (tn__lexer_accept(&p->l, ','));
    return tn__lexer_expect(&p->l, '=', "after the results");
}

static tn_error *parse_node_into(parser *p, tn_graph *g, id_map *map, uint32_t depth, value_list *in, result_list *out) {
    const char *op_name, *name, *where;
    if (*p->l.at == '%') TN__TRY(parse_results(p, out));
    where = here(p);
    TN__TRY(tn__lexer_word(&p->l, "an op", &op_name));
    tn__op op = tn__op_from_name(op_name);
    if (!op) return FAIL(p, where, "there is no op '%.40s'", op_name);
    if (p->n_nodes++ >= p->context->limits.max_nodes)
        return tn__lexer_fail(&p->l, where, TN_ERROR_LIMIT_EXCEEDED, "more than %u nodes (limit max_nodes)", p->n_nodes - 1);
    void *attrs = tn__attrs_new(g, op);
    uint64_t seen = 0;
    if (!attrs) return tn__error_oom();
    tn__custom_call **call = op == TN_OP_custom ? &((tn__attrs_custom *)attrs)->call : NULL;
    if (call) TN__TRY(parse_custom_name(p, g, call));
    TN__TRY(parse_operands(p, map, in));
    if (call) TN__TRY(parse_custom(p, g, *call, where, depth));
    else if (tn__lexer_accept_inline(&p->l, '{') && !tn__lexer_accept(&p->l, '}')) {
        do TN__TRY(parse_attr(p, g, op, attrs, &seen, depth));
        while (tn__lexer_accept(&p->l, ','));
        TN__TRY(tn__lexer_expect(&p->l, '}', "after the attributes"));
    }
    bool typed = tn__lexer_accept_inline(&p->l, ':');
    const char *types_at = typed ? here(p) : p->l.at; /* a skip would take the name for a comment */
    tn__type *types = typed ? TN__ARENA_ARRAY(&p->l.arena, tn__type, out->count + 1) : NULL;
    if (typed && !types) return tn__error_oom();
    for (size_t k = 0; typed && k < out->count; k++) {
        if (k) TN__TRY(tn__lexer_expect(&p->l, ',', "between the results' types"));
        TN__TRY(parse_type(p, g, &types[k]));
    }
    TN__TRY(parse_sources(p, g, &g->source));
    TN__TRY(parse_node_name(p, &name));
    tn_value first = tn__graph_add(g, op, in->data, (uint32_t)in->count, attrs, (uint32_t)out->count, name);
    g->source = 0;
    TN__TRY(check_graph(p, g, where));
    for (uint32_t k = 0; k < out->count; k++) {
        tn_value v = tn_value_output(first, k);
        const result_name *r = &out->data[k];
        TN__TRY(define(p, map, r->number, r->where, v));
        if (r->name) tn_graph_set_name(g, v, r->name);
        if (typed) TN__TRY(refine_type(p, g, v, &types[k], types_at));
    }
    return check_graph(p, g, where);
}

static tn_error *parse_node(parser *p, tn_graph *g, id_map *map, uint32_t depth) {
    value_list in = {0};
    result_list out = {0};
    tn_error *e = parse_node_into(p, g, map, depth, &in, &out);
    TN__VEC_FREE(p->a, &in);
    TN__VEC_FREE(p->a, &out);
    return e;
}

static tn_error *count_source(parser *p, const char *where) {
    if (p->n_nodes++ < p->context->limits.max_nodes) return NULL;
    return tn__lexer_fail(&p->l, where, TN_ERROR_LIMIT_EXCEEDED, "more than %u nodes and inputs (limit max_nodes)", p->n_nodes - 1);
}

static tn_error *parse_variable(parser *p, tn_graph *g, id_map *map, const char *start, uint32_t depth) {
    uint32_t number;
    tn__type type;
    const char *where = here(p), *name = NULL;
    if (depth) return FAIL(p, start, "a sub-graph has no variables");
    TN__TRY(parse_number(p, &number));
    if (here(p) < p->l.end && *p->l.at == '"') TN__TRY(tn__lexer_string(&p->l, "the variable's name", &name));
    TN__TRY(tn__lexer_expect(&p->l, ':', "before the variable's type"));
    TN__TRY(parse_type(p, g, &type));
    TN__TRY(count_source(p, where));
    tn_variable *variable; /* takes its memory when it is used */
    if (type.rank < 0) return FAIL(p, where, "a variable has a rank");
    TN__TRY(tn__error_prefix(tn_variable_create(p->context, type.dtype, type.rank, type.dims, NULL, &variable), "variable %%%u", number));
    tn_value v = tn_graph_variable(g, variable);
    tn_variable_release(variable);
    if (name) tn_graph_set_name(g, v, name);
    TN__TRY(check_graph(p, g, start));
    return define(p, map, number, where, v);
}

static tn_error *parse_assign(parser *p, tn_graph *g, id_map *map, const char *start) {
    tn_value read, value;
    TN__TRY(parse_use(p, map, &read));
    TN__TRY(parse_use(p, map, &value));
    tn_variable *variable = NULL;
    const tn__value_data *v = &g->values.data[read.id];
    if (v->node == TN__NO_NODE && v->out_index < g->variables.count && g->variables.data[v->out_index].read.id == read.id)
        variable = g->variables.data[v->out_index].variable;
    if (!variable) return FAIL(p, start, "the first value is no variable");
    tn_graph_assign(g, variable, value);
    return check_graph(p, g, start);
}

/* `input %1 "x" : f32[N]` or `output "y" %3`; *out_is false where the next word is something else. */
static tn_error *parse_port(parser *p, tn_graph *g, id_map *map, uint32_t depth, bool *out_is) {
    const char *start = here(p), *word, *name;
    *out_is = false;
    if (*start == '%') return NULL;
    TN__TRY(tn__lexer_word(&p->l, "a statement or '}'", &word));
    tn_value v;
    if (!strcmp(word, "input")) {
        uint32_t number;
        tn__type type;
        const char *where = here(p);
        TN__TRY(parse_number(p, &number));
        TN__TRY(tn__lexer_string(&p->l, "the input's name", &name));
        TN__TRY(tn__lexer_expect(&p->l, ':', "after the input's name"));
        TN__TRY(parse_type(p, g, &type));
        v = tn_graph_input(g, name, type.dtype, type.rank, type.dims);
        TN__TRY(check_graph(p, g, start));
        TN__TRY(count_source(p, where));
        *out_is = true;
        return define(p, map, number, where, v);
    }
    if (!strcmp(word, "output")) {
        TN__TRY(tn__lexer_string(&p->l, "the output's name", &name));
        TN__TRY(parse_use(p, map, &v));
        tn_graph_output(g, name, v);
        *out_is = true;
        return check_graph(p, g, start);
    }
    if (!strcmp(word, "variable")) {
        *out_is = true;
        return parse_variable(p, g, map, start, depth);
    }
    if (!strcmp(word, "assign")) {
        *out_is = true;
        return parse_assign(p, g, map, start);
    }
    p->l.at = start;
    return NULL;
}

static tn_error *parse_body(parser *p, tn_graph *g, id_map *map, uint32_t depth) {
    const char *where = here(p), *word;
    if (p->l.at < p->l.end && *p->l.at == 's') {
        TN__TRY(tn__lexer_word(&p->l, "symbols", &word));
        if (strcmp(word, "symbols")) return FAIL(p, where, "found '%.40s', wanted symbols or '{'", word);
        TN__TRY(tn__lexer_expect(&p->l, '(', "after symbols"));
        do {
            int64_t symbol;
            TN__TRY(parse_symbol(p, g, &symbol));
        } while (tn__lexer_accept(&p->l, ','));
        TN__TRY(tn__lexer_expect(&p->l, ')', "after the symbols"));
    }
    const char *open = here(p);
    TN__TRY(tn__lexer_expect(&p->l, '{', "before the graph's statements"));
    while (!tn__lexer_accept(&p->l, '}')) {
        bool port;
        if (p->l.at == p->l.end) return FAIL(p, open, "this '{' has no '}'");
        TN__TRY(parse_port(p, g, map, depth, &port));
        if (!port) TN__TRY(parse_node(p, g, map, depth));
    }
    return NULL;
}

static tn_error *parse_graph(parser *p, uint32_t depth, tn_graph **out) {
    const char *where = here(p), *word, *name = NULL;
    *out = NULL;
    if (depth > p->max_depth)
        return tn__lexer_fail(&p->l, where, TN_ERROR_LIMIT_EXCEEDED, "sub-graphs nested deeper than %u (limit max_depth)", p->max_depth);
    TN__TRY(tn__lexer_word(&p->l, "'graph'", &word));
    if (strcmp(word, "graph")) return FAIL(p, where, "found '%.40s', wanted 'graph'", word);
    if (here(p) < p->l.end && *p->l.at == '"') TN__TRY(tn__lexer_string(&p->l, "the graph's name", &name));
    tn_graph *g;
    TN__TRY(tn_graph_create(p->context, name, &g));
    id_map map = {0};
    tn_error *e = parse_body(p, g, &map, depth);
    TN__VEC_FREE(p->a, &map);
    if (e) tn_graph_release(g);
    else *out = g;
    return e;
}

tn_error *tn_graph_parse(tn_context *context, const char *text, tn_graph **out_graph) {
    if (!text || !out_graph) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_graph_parse: NULL argument");
    *out_graph = NULL;
    TN__HANDLE(context, CONTEXT);
    size_t n = strlen(text);
    if (n > context->limits.max_bytes || n > UINT32_MAX / 2 - 1000)
        return TN__FAIL(&context->allocator, LIMIT_EXCEEDED, "a text of %zu bytes", n);
    parser p = {.l = {.a = &context->allocator, .begin = text, .at = text, .end = text + n}, .context = context,
                .a = &context->allocator, .max_depth = tn__text_max_depth(context),
                .map_left = n + (1 << 16)};
    tn__arena_init(&p.l.arena, p.a);
    tn_error *e = parse_graph(&p, 0, out_graph);
    if (!e && here(&p) != p.l.end) e = FAIL(&p, p.l.at, "the text goes on after the graph's '}'");
    if (e) {
        tn_graph_release(*out_graph);
        *out_graph = NULL;
    }
    tn__arena_deinit(&p.l.arena);
    return e;
}
