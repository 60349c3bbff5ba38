/* Attribute structs through their field tables: defaults, deep copy, setting by name, comparison. */
#include "ir/custom.h"

#define FIELD(type, base, f) (*(type *)((char *)(base) + (f)->offset))
#define CFIELD(type, base, f) (*(type const *)((const char *)(base) + (f)->offset))

void *tn__attrs_new(tn_graph *g, tn__op op) {
    const tn__op_info *info = &tn__op_infos[op];
    char *attrs = tn__arena_alloc(&g->arena, info->attrs_bytes);
    for (uint32_t i = 0; attrs && i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        if (f->kind == TN_ATTR_INT) FIELD(int64_t, attrs, f) = f->default_int;
        else if (f->kind == TN_ATTR_FLOAT) FIELD(double, attrs, f) = f->default_float;
        else if (f->kind == TN_ATTR_STRING) FIELD(const char *, attrs, f) = f->default_string;
    }
    return attrs;
}

static bool copy_list(tn_graph *g, uint32_t n, const void *data, size_t element_bytes, const void **out) {
    *out = n ? tn__arena_copy(&g->arena, data, n * element_bytes) : NULL;
    return !n || *out;
}

static bool copy_strings(tn_graph *g, uint32_t n, const char *const *data, const char *const **out) {
    const char **list = TN__ARENA_ARRAY(&g->arena, const char *, n ? n : 1);
    for (uint32_t i = 0; list && i < n; i++)
        if (!(list[i] = tn__arena_strdup(&g->arena, data[i]))) return false;
    *out = list;
    return list != NULL;
}

void *tn__attrs_copy(tn_graph *g, tn__op op, const void *attrs) {
    const tn__op_info *info = &tn__op_infos[op];
    char *own = tn__arena_copy(&g->arena, attrs, info->attrs_bytes);
    for (uint32_t i = 0; own && i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        bool ok = true;
        switch (f->kind) {
        case TN_ATTR_INT:
        case TN_ATTR_FLOAT: break;
        case TN_ATTR_STRING: {
            const char *s = CFIELD(const char *, attrs, f);
            ok = !s || (FIELD(const char *, own, f) = tn__arena_strdup(&g->arena, s));
            break;
        }
        case TN_ATTR_INTS: {
            tn__ints l = CFIELD(tn__ints, attrs, f);
            ok = copy_list(g, l.n, l.data, sizeof *l.data, (const void **)&FIELD(tn__ints, own, f).data);
            break;
        }
        case TN_ATTR_FLOATS: {
            tn__floats l = CFIELD(tn__floats, attrs, f);
            ok = copy_list(g, l.n, l.data, sizeof *l.data, (const void **)&FIELD(tn__floats, own, f).data);
            break;
        }
        case TN_ATTR_STRINGS: {
            tn__strings l = CFIELD(tn__strings, attrs, f);
            ok = copy_strings(g, l.n, l.data, &FIELD(tn__strings, own, f).data);
            break;
        }
        case TN_ATTR_TENSOR: {
            tn_tensor *t = CFIELD(tn_tensor *, attrs, f);
            ok = !t || tn__graph_keep_plain(g, t, &FIELD(tn_tensor *, own, f));
            break;
        }
        case TN_ATTR_GRAPH: {
            tn_graph *sub = CFIELD(tn_graph *, attrs, f);
            ok = !sub || tn__graph_keep_subgraph(g, sub);
            break;
        }
        }
        if (!ok) return NULL;
    }
    if (own && op == TN_OP_custom) {
        tn__attrs_custom *custom = (tn__attrs_custom *)own;
        if (custom->call && !(custom->call = tn__custom_copy(g, custom->call))) return NULL;
    }
    return own;
}

static const char *kind_name(tn_attr_kind kind) {
    static const char *const names[] = {[TN_ATTR_INT] = "a number",   [TN_ATTR_FLOAT] = "a real number", [TN_ATTR_STRING] = "a text",
                                        [TN_ATTR_INTS] = "numbers",   [TN_ATTR_FLOATS] = "real numbers", [TN_ATTR_STRINGS] = "texts",
                                        [TN_ATTR_TENSOR] = "a tensor", [TN_ATTR_GRAPH] = "a graph"};
    return kind >= TN_ATTR_INT && kind <= TN_ATTR_GRAPH ? names[kind] : "an unknown kind";
}

tn_error *tn__attrs_set(tn_graph *g, tn__op op, void *attrs, const tn_attr *attr) {
    const tn_allocator *a = &g->context->allocator;
    const tn__op_info *info = &tn__op_infos[op];
    const tn__attr_field *f = NULL;
    if (!attr->name) return TN__FAIL(a, INVALID_ARGUMENT, "an attribute has no name");
    for (uint32_t i = 0; i < info->n_fields; i++)
        if (!strcmp(info->fields[i].name, attr->name)) f = &info->fields[i];
    if (op == TN_OP_custom) return TN__FAIL(a, INVALID_ARGUMENT, "nodes of custom ops are made by tn_graph_custom");
    if (!f) return TN__FAIL(a, NOT_FOUND, "%s has no attribute '%s'", info->name, attr->name);
    if (f->kind != attr->kind && !(f->kind == TN_ATTR_FLOAT && attr->kind == TN_ATTR_INT))
        return TN__FAIL(a, TYPE_MISMATCH, "attribute '%s': found %s, wanted %s", attr->name, kind_name(attr->kind), kind_name(f->kind));
    const void *list = f->kind == TN_ATTR_INTS ? (const void *)attr->ints
                       : f->kind == TN_ATTR_FLOATS ? (const void *)attr->floats
                                                   : (const void *)attr->strings;
    bool is_list = f->kind == TN_ATTR_INTS || f->kind == TN_ATTR_FLOATS || f->kind == TN_ATTR_STRINGS;
    bool null = (is_list && attr->n && !list) || (f->kind == TN_ATTR_STRING && !attr->s);
    for (uint32_t i = 0; !null && f->kind == TN_ATTR_STRINGS && i < attr->n; i++) null = !attr->strings[i];
    if (null) return TN__FAIL(a, INVALID_ARGUMENT, "attribute '%s' is NULL", attr->name);
    bool ok = true;
    switch (f->kind) {
    case TN_ATTR_INT: FIELD(int64_t, attrs, f) = attr->i; break;
    case TN_ATTR_FLOAT: FIELD(double, attrs, f) = attr->kind == TN_ATTR_INT ? (double)attr->i : attr->f; break;
    case TN_ATTR_STRING: ok = (FIELD(const char *, attrs, f) = tn__arena_strdup(&g->arena, attr->s)); break;
    case TN_ATTR_INTS:
        FIELD(tn__ints, attrs, f).n = attr->n;
        ok = copy_list(g, attr->n, attr->ints, sizeof *attr->ints, (const void **)&FIELD(tn__ints, attrs, f).data);
        break;
    case TN_ATTR_FLOATS:
        FIELD(tn__floats, attrs, f).n = attr->n;
        ok = copy_list(g, attr->n, attr->floats, sizeof *attr->floats, (const void **)&FIELD(tn__floats, attrs, f).data);
        break;
    case TN_ATTR_STRINGS:
        FIELD(tn__strings, attrs, f).n = attr->n;
        ok = copy_strings(g, attr->n, attr->strings, &FIELD(tn__strings, attrs, f).data);
        break;
    case TN_ATTR_TENSOR:
        if (!TN__IS(attr->tensor, TENSOR)) return tn__handle_error(attr->tensor, TN__HANDLE_TENSOR, "attribute", attr->name);
        ok = tn__graph_keep_plain(g, attr->tensor, &FIELD(tn_tensor *, attrs, f));
        break;
    case TN_ATTR_GRAPH:
        if (!TN__IS(attr->graph, GRAPH)) return tn__handle_error(attr->graph, TN__HANDLE_GRAPH, "attribute", attr->name);
        TN__TRY(tn__graph_refuse_variables(attr->graph));
        ok = TN__PUSH(a, &g->subgraphs, attr->graph); /* the reference is taken over */
        FIELD(tn_graph *, attrs, f) = attr->graph;
        break;
    }
    return ok ? NULL : tn__error_oom();
}

bool tn__tensors_equal(const tn_tensor *a, const tn_tensor *b) {
    if (a == b) return true;
    if (!a || !b || a->dtype != b->dtype || !tn__tensor_same_shape(a, b) || a->dtype == TN_DTYPE_string) return false;
    return !memcmp(tn__tensor_bytes(a), tn__tensor_bytes(b), a->bytes);
}

bool tn__attrs_equal(tn__op op, const void *a, const void *b) {
    const tn__op_info *info = &tn__op_infos[op];
    if (op == TN_OP_custom) return tn__custom_equal(tn__custom_of(a), tn__custom_of(b));
    for (uint32_t i = 0; i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        switch (f->kind) {
        case TN_ATTR_INT:
            if (CFIELD(int64_t, a, f) != CFIELD(int64_t, b, f)) return false;
            break;
        case TN_ATTR_FLOAT:
            if (memcmp(&CFIELD(double, a, f), &CFIELD(double, b, f), sizeof(double))) return false;
            break;
        case TN_ATTR_STRING: {
            const char *x = CFIELD(const char *, a, f), *y = CFIELD(const char *, b, f);
            if (x != y && (!x || !y || strcmp(x, y))) return false;
            break;
        }
        case TN_ATTR_INTS: {
            tn__ints x = CFIELD(tn__ints, a, f), y = CFIELD(tn__ints, b, f);
            if (x.n != y.n || (x.n && memcmp(x.data, y.data, x.n * sizeof *x.data))) return false;
            break;
        }
        case TN_ATTR_FLOATS: {
            tn__floats x = CFIELD(tn__floats, a, f), y = CFIELD(tn__floats, b, f);
            if (x.n != y.n || (x.n && memcmp(x.data, y.data, x.n * sizeof *x.data))) return false;
            break;
        }
        case TN_ATTR_STRINGS: {
            tn__strings x = CFIELD(tn__strings, a, f), y = CFIELD(tn__strings, b, f);
            if (x.n != y.n) return false;
            for (uint32_t k = 0; k < x.n; k++)
                if (strcmp(x.data[k], y.data[k])) return false;
            break;
        }
        case TN_ATTR_TENSOR:
            if (!tn__tensors_equal(CFIELD(tn_tensor *, a, f), CFIELD(tn_tensor *, b, f))) return false;
            break;
        case TN_ATTR_GRAPH:
            if (CFIELD(tn_graph *, a, f) != CFIELD(tn_graph *, b, f)) return false;
            break;
        }
    }
    return true;
}
