/* ONNX model to graph: scopes of names, inputs, initializers, outputs. */
#include "frontend/onnx/import.h"

#include <inttypes.h>

#include "tenon/onnx.h"

/* ---- scopes -------------------------------------------------------------------------------------------------- */

static uint64_t hash_text(const char *text) { /* FNV-1a */
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    return h ^ h >> 29;
}

tn_error *tn__scope_init(tn__scope *s, tn__import *import, tn__scope *outer, tn_graph *g, uint32_t depth, int64_t opset) {
    uint32_t limit = import->context->limits.max_depth;
    *s = (tn__scope){.import = import, .outer = outer, .g = g, .depth = depth, .opset = opset, .table_size = 64};
    if (outer) s->caller = outer->caller;
    if (depth > limit) return TN__FAIL(import->a, LIMIT_EXCEEDED, "graphs or functions nested deeper than %u (limit max_depth)", limit);
    s->table = TN__ARENA_ARRAY(&import->arena, tn__binding *, s->table_size);
    return s->table ? NULL : tn__error_oom();
}

static tn__binding **find_slot(const tn__scope *s, const char *name) {
    size_t mask = s->table_size - 1, i = (size_t)hash_text(name) & mask;
    while (s->table[i] && strcmp(s->table[i]->name, name)) i = (i + 1) & mask;
    return &s->table[i];
}

tn_error *tn__scope_bind(tn__scope *s, const char *name, tn_value value, const tn__onnx_tensor *initializer) {
    tn__import *im = s->import;
    if (2 * (s->n_bindings + 1) > s->table_size) {
        tn__binding **old = s->table;
        size_t old_size = s->table_size;
        tn__binding **table = TN__ARENA_ARRAY(&im->arena, tn__binding *, old_size * 4);
        if (!table) return tn__error_oom();
        s->table = table;
        s->table_size = old_size * 4;
        for (size_t i = 0; i < old_size; i++)
            if (old[i]) *find_slot(s, old[i]->name) = old[i];
    }
    tn__binding **slot = find_slot(s, name);
    if (*slot) return TN__FAIL(im->a, INVALID_GRAPH, "'%.200s' is defined twice", name);
    if (!(*slot = TN__ARENA_NEW(&im->arena, tn__binding))) return tn__error_oom();
    **slot = (tn__binding){.name = name, .value = value, .initializer = initializer};
    s->n_bindings++;
    return NULL;
}

tn_error *tn__import_tensor(tn__import *im, const tn__onnx_tensor *p, tn_tensor **out_borrowed) {
    *out_borrowed = NULL;
    tn_tensor *t;
    if (!TN__RESERVE(im->a, &im->tensors, im->tensors.count + 1)) return tn__error_oom();
    TN__TRY(tn__tensor_from_proto(&im->source, p, &t));
    im->tensors.data[im->tensors.count++] = t;
    *out_borrowed = t;
    return NULL;
}

/* The tensor of a binding that is a constant, else NULL. */
static tn_error *binding_tensor(tn__scope *s, tn__binding *b, tn_tensor **out) {
    *out = b->tensor;
    if (b->tensor) return NULL;
    if (b->initializer) {
        TN__TRY(tn__import_tensor(s->import, b->initializer, &b->tensor));
        *out = b->tensor;
    } else {
        *out = (tn_tensor *)tn__constant_of(s->g, b->value);
    }
    return NULL;
}

tn_error *tn__import_check(tn_graph *g) { return tn__error_copy(g->error); }

static tn_error *make_constant(tn__scope *s, const char *name, tn_tensor *tensor, tn_value *out) {
    uint32_t source = s->g->source; /* of the node that is the first to read it */
    s->g->source = 0;
    *out = tn_graph_constant(s->g, tensor);
    s->g->source = source;
    tn_graph_set_name(s->g, *out, name);
    return tn__import_check(s->g);
}

tn__type tn__type_translate(tn_graph *to, const tn_graph *from, const tn__type *t, int64_t *dims) {
    for (int32_t i = 0; i < t->rank; i++) {
        const char *symbol = tn_graph_get_symbol_name(from, t->dims[i]);
        dims[i] = t->dims[i] >= 0 ? t->dims[i] : symbol ? tn_graph_symbol(to, symbol) : TN_DIM_UNKNOWN;
    }
    return (tn__type){t->dtype, t->rank, dims};
}

tn_error *tn__scope_resolve(tn__scope *s, const char *name, tn_value *out) {
    tn__import *im = s->import;
    *out = tn__none();
    tn__binding *b = *find_slot(s, name);
    tn_tensor *tensor;
    if (b) {
        if (!b->value.id && b->initializer) {
            TN__TRY(binding_tensor(s, b, &tensor));
            TN__TRY(make_constant(s, name, tensor, &b->value));
        }
        *out = b->value;
        return NULL;
    }
    /* the nearest outer scope that knows the name */
    tn__scope *home = s->outer;
    while (home && !(b = *find_slot(home, name))) home = home->outer;
    if (!home || (!b->value.id && !b->initializer)) return NULL;
    TN__TRY(binding_tensor(home, b, &tensor));
    if (tensor) {
        TN__TRY(make_constant(s, name, tensor, out));
        return tn__scope_bind(s, name, *out, NULL);
    }
    tn_value outer;
    int64_t dims[TN_MAX_RANK];
    TN__TRY(tn__scope_resolve(s->outer, name, &outer)); /* captures it there too, where it comes from farther out */
    tn__type t = tn__type_translate(s->g, s->outer->g, tn__type_of(s->outer->g, outer), dims);
    *out = tn_graph_input(s->g, name, t.dtype, t.rank, t.dims);
    TN__TRY(tn__import_check(s->g));
    if (s->n_captures == s->captures_size) {
        uint32_t size = s->captures_size ? s->captures_size * 2 : 8;
        const char **list = TN__ARENA_ARRAY(&im->arena, const char *, size);
        if (!list) return tn__error_oom();
        if (s->n_captures) memcpy(list, s->captures, s->n_captures * sizeof *list);
        s->captures = list;
        s->captures_size = size;
    }
    s->captures[s->n_captures++] = name;
    return tn__scope_bind(s, name, *out, NULL);
}

/* ---- graphs -------------------------------------------------------------------------------------------------- */

tn_error *tn__scope_initializers(tn__scope *s, const tn__onnx_graph *p) {
    if (TN__HAS(p, graph, sparse_initializer)) return TN__FAIL(s->import->a, UNSUPPORTED, "graph '%.200s': sparse initializers", p->name);
    for (uint32_t i = 0; i < p->initializer.n; i++) {
        const tn__onnx_tensor *t = &p->initializer.data[i];
        if (!t->name[0]) return TN__FAIL(s->import->a, INVALID_GRAPH, "initializer %u has no name", i);
        TN__TRY(tn__scope_bind(s, t->name, tn__none(), t));
    }
    return NULL;
}

bool tn__scope_is_initializer(const tn__scope *s, const char *name) {
    const tn__binding *b = *find_slot(s, name);
    return b && b->initializer;
}

bool tn__scope_is_absent(const tn__scope *s, const char *name) {
    const tn__binding *b = NULL;
    for (; s && !b; s = s->outer) b = *find_slot(s, name);
    return b && !b->value.id && !b->initializer;
}

tn_error *tn__scope_nodes(tn__scope *s, const tn__onnx_node *nodes, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const tn__onnx_node *x = &nodes[i];
        tn_error *e = tn__import_node(s, x);
        if (!e) continue;
        /* the innermost node is named, and of a deep nest the outermost ones */
        if (s->import->located && s->depth > 3) return e;
        s->import->located = true;
        return tn__error_prefix(e, "node %u '%.200s' (%.100s)", i, x->name[0] || !x->output.n ? x->name : x->output.data[0], x->op_type);
    }
    return NULL;
}

tn_error *tn__scope_outputs(tn__scope *s, const tn__onnx_graph *p) {
    const tn_allocator *a = s->import->a;
    for (uint32_t i = 0; i < p->output.n; i++) {
        const tn__onnx_value_info *o = &p->output.data[i];
        tn_value v;
        TN__TRY(tn__scope_resolve(s, o->name, &v));
        if (!v.id) return TN__FAIL(a, INVALID_GRAPH, "output '%.200s' of graph '%.200s' is computed by no node", o->name, p->name);
        const tn__onnx_tensor_type *t = o->type ? o->type->tensor_type : NULL;
        tn_dtype found = tn_graph_get_dtype(s->g, v), declared = t ? tn__dtype_from_onnx(t->elem_type) : TN_DTYPE_NONE;
        if (declared && found != declared)
            return TN__FAIL(a, TYPE_MISMATCH, "output '%.200s' is declared as %s, but computed as %s", o->name,
                            tn_dtype_name(declared), tn_dtype_name(found));
        tn_graph_output(s->g, o->name, v);
    }
    return tn__import_check(s->g);
}

/* dims has room for TN_MAX_RANK. */
static tn_error *declared_type(tn__scope *s, const tn__onnx_value_info *v, tn__type *out, int64_t *dims) {
    const tn_allocator *a = s->import->a;
    uint32_t max_rank = s->import->context->limits.max_rank;
    const tn__onnx_tensor_type *t = v->type ? v->type->tensor_type : NULL;
    if (!v->type || !v->type->has) return TN__FAIL(a, INVALID_GRAPH, "no type is declared");
    if (!t) return TN__FAIL(a, UNSUPPORTED, "not a tensor, but a sequence, map, optional or sparse tensor");
    *out = (tn__type){tn__dtype_from_onnx(t->elem_type), -1, dims};
    if (!out->dtype) return TN__FAIL(a, UNSUPPORTED, "data type %" PRId64, t->elem_type);
    if (!t->shape) return NULL;
    if (t->shape->dim.n > max_rank) return TN__FAIL(a, LIMIT_EXCEEDED, "rank %u, limit %u", t->shape->dim.n, max_rank);
    out->rank = (int32_t)t->shape->dim.n;
    for (int32_t i = 0; i < out->rank; i++) {
        const tn__onnx_dim *d = &t->shape->dim.data[i];
        dims[i] = TN_DIM_UNKNOWN;
        if (TN__HAS(d, dim, value) && d->value >= 0) dims[i] = d->value;
        else if (d->param[0]) dims[i] = tn_graph_symbol(s->g, d->param);
    }
    return NULL;
}

static tn_error *import_inputs(tn__scope *s, const tn__onnx_graph *p) {
    for (uint32_t i = 0; i < p->input.n; i++) {
        const tn__onnx_value_info *v = &p->input.data[i];
        if (tn__scope_is_initializer(s, v->name)) continue; /* an initializer with a declared type */
        int64_t dims[TN_MAX_RANK];
        tn__type t = {0};
        TN__TRY(tn__error_prefix(declared_type(s, v, &t, dims), "input '%.200s'", v->name));
        tn_value x = tn_graph_input(s->g, v->name, t.dtype, t.rank, t.dims);
        TN__TRY(tn__import_check(s->g));
        TN__TRY(tn__scope_bind(s, v->name, x, NULL));
    }
    return NULL;
}

/* ---- models -------------------------------------------------------------------------------------------------- */

int64_t tn__onnx_default_opset(const tn__onnx_opset *imports, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (!imports[i].domain[0] || !strcmp(imports[i].domain, "ai.onnx")) return imports[i].version;
    return 0;
}

tn_error *tn__onnx_check_opset(const tn_allocator *a, int64_t opset) {
    if (opset < 0) return TN__FAIL(a, PARSE, "opset version %" PRId64, opset);
    if (opset <= TN__ONNX_KNOWN_OPSET) return NULL;
    return TN__FAIL(a, UNSUPPORTED, "opset %" PRId64 " of the default domain; the newest known is %d", opset, TN__ONNX_KNOWN_OPSET);
}

static tn_error *import_model(tn__import *im, tn_graph *g) {
    const tn__onnx_model *m = im->model;
    tn__scope s;
    if (!m->graph) return TN__FAIL(im->a, PARSE, "the file holds no graph: not an ONNX model");
    int64_t opset = tn__onnx_default_opset(m->opset_import.data, m->opset_import.n);
    if (!opset && !m->opset_import.n) opset = 1; /* before IR version 3 there was no opset_import */
    TN__TRY(tn__onnx_check_opset(im->a, opset));
    TN__TRY(tn__scope_init(&s, im, NULL, g, 1, opset));
    TN__TRY(tn__scope_initializers(&s, m->graph));
    TN__TRY(import_inputs(&s, m->graph));
    TN__TRY(tn__scope_nodes(&s, m->graph->node.data, m->graph->node.n));
    TN__TRY(tn__scope_outputs(&s, m->graph));
    uint32_t most = im->context->limits.max_nodes;
    return tn__graph_count_nodes(g, most) <= most ? NULL
                                                  : TN__FAIL(im->a, LIMIT_EXCEEDED, "more than %u nodes with those of sub-graphs (limit max_nodes)", most);
}

/* Takes `mapping` (may be NULL). */
static tn_error *load(tn_context *context, const void *data, size_t bytes, tn__mapping *mapping, const char *folder,
                      tn_graph **out_graph) {
    tn__import im = {.context = context, .a = &context->allocator,
                     .source = {.context = context, .mapping = mapping, .folder = folder}};
    tn__arena_init(&im.arena, im.a);
    /* a nested graph takes three messages: node, attribute, graph */
    uint32_t depth = context->limits.max_depth < 1000 ? context->limits.max_depth * 3 + 8 : 3008;
    const void *model = NULL;
    tn_graph *g = NULL;
    tn_error *e = tn__wire_read(context, &im.arena, &tn__onnx_model_message, data, bytes, depth, &model);
    im.model = model;
    if (!e) e = tn_graph_create(context, im.model->graph ? im.model->graph->name : NULL, &g);
    if (!e) {
        g->fold = false;
        e = import_model(&im, g);
    }
    if (e) tn_graph_release(g);
    else *out_graph = g;
    for (size_t i = 0; i < im.tensors.count; i++) tn_tensor_release(im.tensors.data[i]);
    TN__VEC_FREE(im.a, &im.tensors);
    tn__tensor_source_deinit(&im.source);
    tn__arena_deinit(&im.arena);
    return e;
}

tn_error *tn_onnx_load_file(tn_context *context, const char *path, tn_graph **out_graph) {
    if (!path || !out_graph) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_onnx_load_file: NULL argument");
    *out_graph = NULL;
    TN__HANDLE(context, CONTEXT);
    const tn_allocator *a = &context->allocator;
    char *folder = tn__strdup(a, path);
    if (!folder) return tn__error_oom();
    size_t room = strlen(folder) + 1;
    char *slash = strrchr(folder, '/');
    if (slash) slash[slash == folder] = 0;
    tn__mapping *mapping;
    tn_error *e = tn__mapping_create(context, path, &mapping);
    if (!e) e = tn__error_prefix(load(context, mapping->data, mapping->bytes, mapping, slash ? folder : ".", out_graph), "'%.300s'", path);
    tn__free(a, folder, room);
    return e;
}

tn_error *tn_onnx_load_memory(tn_context *context, const void *data, size_t bytes, tn_graph **out_graph) {
    if (!out_graph || (!data && bytes)) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_onnx_load_memory: NULL argument");
    *out_graph = NULL;
    TN__HANDLE(context, CONTEXT);
    return load(context, data, bytes, NULL, NULL, out_graph);
}
