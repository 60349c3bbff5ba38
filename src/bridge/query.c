/* tn_query: reads the caller's node, and remembers answers. */
#include "bridge/query.h"

#include <stdio.h>

#include "ir/custom.h"

enum {
    MOST_OPERANDS = 65535,
    MOST_KEY_BYTES = 1 << 16,
    MOST_ENTRIES = 1 << 16
};

/* ---- the memory of answers ----------------------------------------------------------------------------------- */

typedef struct entry {
    uint64_t hash;
    size_t n; /* bytes of the key; 0: the place is free */
    const uint8_t *key;
    tn__verdict answer;
} entry;

struct tn_query_cache {
    tn__handle handle;
    tn_context *context;
    tn_options *options;
    tn__arena arena;
    entry *entries; /* 2 * MOST_ENTRIES, open addressing; made at the first answer */
    uint32_t n;
    uint64_t hits, misses;
    TN__VEC(uint8_t) key; /* of the question at hand */
};

static bool put(tn_query_cache *c, const void *data, size_t bytes) {
    const tn_allocator *a = &c->context->allocator;
    if (bytes > MOST_KEY_BYTES || c->key.count + bytes > MOST_KEY_BYTES) return false;
    if (!TN__RESERVE(a, &c->key, c->key.count + bytes)) return false;
    if (bytes) memcpy(c->key.data + c->key.count, data, bytes);
    c->key.count += bytes;
    return true;
}

static bool put_word(tn_query_cache *c, int64_t word) { return put(c, &word, sizeof word); }

static bool put_tensor(tn_query_cache *c, const tn_tensor *t) {
    if (t->dtype == TN_DTYPE_string) return false;
    return put_word(c, t->dtype) && put_word(c, t->rank) && put(c, t->dims, (size_t)t->rank * sizeof *t->dims) &&
           (t->bytes > MOST_KEY_BYTES ? false : put(c, tn__tensor_bytes(t), t->bytes));
}

static bool put_attrs(tn_query_cache *c, const tn__question *q) {
    const tn__op_info *info = &tn__op_infos[q->op];
    for (uint32_t i = 0; i < info->n_fields; i++) {
        const void *at = (const char *)q->attrs + info->fields[i].offset;
        bool ok = true;
        switch (info->fields[i].kind) {
        case TN_ATTR_INT:
        case TN_ATTR_FLOAT: ok = put(c, at, 8); break;
        case TN_ATTR_STRING: {
            const char *s = *(const char *const *)at;
            ok = put_word(c, s ? (int64_t)strlen(s) : -1) && (!s || put(c, s, strlen(s)));
            break;
        }
        case TN_ATTR_INTS:
        case TN_ATTR_FLOATS: {
            const tn__ints *l = at; /* both lists have 8-byte elements */
            ok = put_word(c, l->n) && put(c, l->data, (size_t)l->n * 8);
            break;
        }
        case TN_ATTR_STRINGS: {
            const tn__strings *l = at;
            ok = put_word(c, l->n);
            for (uint32_t k = 0; ok && k < l->n; k++) ok = put(c, l->data[k], strlen(l->data[k]) + 1);
            break;
        }
        case TN_ATTR_TENSOR: {
            const tn_tensor *t = *(tn_tensor *const *)at;
            ok = put_word(c, t != NULL) && (!t || put_tensor(c, t));
            break;
        }
        default: ok = !*(tn_graph *const *)at; /* not remembered */
        }
        if (!ok) return false;
    }
    return true;
}

/* Fills c->key; false: the question is not one to remember. */
static bool make_key(tn_query_cache *c, const tn__question *q) {
    c->key.count = 0;
    bool ok = put_word(c, q->op) && put_word(c, (int64_t)q->n_in << 32 | q->n_out) && put_attrs(c, q);
    for (uint32_t k = 0; ok && k < q->n_in; k++) {
        const tn__type *t = &q->in[k].type;
        ok = put_word(c, (int64_t)t->dtype << 32 | (uint32_t)t->rank) &&
             put_word(c, (q->in[k].constant != NULL) + tn__query_keeps_constant(q, k));
        if (ok && t->rank > 0) ok = put(c, t->dims, (size_t)t->rank * sizeof *t->dims);
        if (ok && tn__query_keeps_constant(q, k)) ok = put_tensor(c, q->in[k].constant);
    }
    return ok;
}

static uint64_t hash_key(const uint8_t *key, size_t n) {
    uint64_t h = n, word;
    for (size_t i = 0; i < n; i += 8) {
        word = 0;
        memcpy(&word, key + i, n - i < 8 ? n - i : 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    return h;
}

/* The place of the key: taken by it, or free. */
static entry *place_of(tn_query_cache *c, uint64_t hash) {
    entry *x = &c->entries[hash % (2 * MOST_ENTRIES)];
    while (x->n && (x->hash != hash || x->n != c->key.count || memcmp(x->key, c->key.data, x->n)))
        x = x == c->entries + 2 * MOST_ENTRIES - 1 ? c->entries : x + 1;
    return x;
}

static tn_error *ask_remembering(tn_query_cache *c, tn__question *q, tn__verdict *v) {
    bool good = make_key(c, q);
    if (good && !c->entries && !(c->entries = tn__alloc_zero(&c->context->allocator, 2 * MOST_ENTRIES * sizeof(entry))))
        return tn__error_oom();
    uint64_t hash = good ? hash_key(c->key.data, c->key.count) : 0;
    entry *x = good ? place_of(c, hash) : NULL;
    if (x && x->n) {
        c->hits++;
        *v = x->answer;
        return NULL;
    }
    c->misses++;
    if (!x || c->n == MOST_ENTRIES) return tn__query_ask(q, 0, v);
    TN__TRY(tn__query_ask(q, 0, v)); /* does not touch the key */
    entry kept = {hash, c->key.count, tn__arena_copy(&c->arena, c->key.data, c->key.count), *v};
    tn_value_type *types = TN__ARENA_ARRAY(&c->arena, tn_value_type, (size_t)v->n_types + 1);
    kept.answer.why = tn__arena_strdup(&c->arena, v->why);
    kept.answer.types = types;
    if (!kept.key || !types || !kept.answer.why) return tn__error_oom();
    for (uint32_t k = 0; k < v->n_types; k++) {
        types[k] = v->types[k];
        if (types[k].rank <= 0) continue;
        types[k].dims = tn__arena_copy(&c->arena, types[k].dims, (size_t)types[k].rank * sizeof(int64_t));
        if (!types[k].dims) return tn__error_oom();
    }
    c->n++;
    *x = kept;
    return NULL;
}

static tn_error *make_options(tn_context *context, const char *device, tn_options **out) {
    TN__TRY(tn_options_create(context, out));
    tn_error *e = tn_options_set(*out, "device", device ? device : "cpu");
    if (!e) e = tn_options_set(*out, "threads", "1");
    if (!e) e = tn_options_set(*out, "passes_off", "");
    if (!e) return NULL;
    tn_options_release(*out);
    *out = NULL;
    return e;
}

tn_error *tn_query_cache_create(tn_context *context, const char *device, tn_query_cache **out) {
    if (out) *out = NULL;
    TN__HANDLE(context, CONTEXT);
    if (!out) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_query_cache_create: out is NULL");
    tn_query_cache *c = tn__alloc_zero(&context->allocator, sizeof *c);
    if (!c) return tn__error_oom();
    tn__handle_init(&c->handle, TN__HANDLE_QUERY_CACHE);
    tn_context_retain(context);
    c->context = context;
    tn__arena_init(&c->arena, &context->allocator);
    tn_error *e = make_options(context, device, &c->options);
    if (e) tn_query_cache_release(c);
    else *out = c;
    return e;
}

void tn_query_cache_release(tn_query_cache *c) {
    if (!TN__IS(c, QUERY_CACHE)) return;
    tn_context *context = c->context;
    const tn_allocator *a = &context->allocator;
    tn__free(a, c->entries, 2 * MOST_ENTRIES * sizeof(entry));
    TN__VEC_FREE(a, &c->key);
    tn__arena_deinit(&c->arena);
    tn_options_release(c->options);
    tn__handle_deinit(&c->handle);
    tn__free(a, c, sizeof *c);
    tn_context_release(context);
}

void tn_query_cache_get_counts(const tn_query_cache *c, uint64_t *out_hits, uint64_t *out_misses) {
    bool has = TN__IS(c, QUERY_CACHE);
    if (out_hits) *out_hits = has ? c->hits : 0;
    if (out_misses) *out_misses = has ? c->misses : 0;
}

/* ---- the public face ----------------------------------------------------------------------------------------- */

/* The caller's attributes as a struct in `g`. Sub-graphs are retained for g. */
static tn_error *read_attrs(tn_graph *g, tn__op op, const tn_query_node *n, const void **out) {
    void *attrs = tn__attrs_new(g, op);
    if (!attrs) return tn__error_oom();
    *out = attrs;
    if (op == TN_OP_custom) {
        tn__custom_call **call = &((tn__attrs_custom *)attrs)->call;
        TN__TRY(tn__custom_begin(g, n->op, call));
        return tn__custom_take_attrs(g, n->attrs, n->n_attrs, *call);
    }
    for (uint32_t i = 0; i < n->n_attrs; i++) {
        const tn_attr *at = &n->attrs[i];
        bool graph = at->kind == TN_ATTR_GRAPH && at->graph;
        if (graph) tn__graph_retain(at->graph);
        tn_error *e = tn__attrs_set(g, op, attrs, at);
        if (e && graph) tn_graph_release(at->graph);
        if (e) return e;
    }
    return NULL;
}

static tn_error *read_operands(const tn_query_node *n, tn_context *c, tn__arena *arena, tn__operand **out) {
    tn__operand *in = *out = TN__ARENA_ARRAY(arena, tn__operand, (size_t)n->n_inputs + 1);
    if (!in) return tn__error_oom();
    for (uint32_t k = 0; k < n->n_inputs; k++) {
        tn_tensor *t = n->constants ? n->constants[k] : NULL;
        tn_value_type given = t ? (tn_value_type){t->dtype, t->rank, t->dims} : n->inputs[k];
        if (given.rank > 0 && given.dtype && (!given.dims || given.rank > TN_MAX_RANK))
            return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "tn_query: operand %u has rank %d %s", k, given.rank,
                            given.dims ? "" : "and no dims");
        if ((unsigned)given.dtype >= TN_DTYPE_COUNT)
            return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "tn_query: operand %u has dtype %d", k, (int)given.dtype);
        in[k] = (tn__operand){{given.dtype, given.rank < 0 ? -1 : given.rank, given.dims}, given.dtype ? t : NULL};
    }
    return NULL;
}

static tn_error *answer_node(tn__question *q, tn_query_cache *cache, const tn_query_node *n, tn__verdict *v) {
    tn_graph *holder; /* of the attributes */
    tn__operand *in;
    const void *attrs = NULL;
    TN__TRY(read_operands(n, q->context, q->arena, &in));
    TN__TRY(tn_graph_create(q->context, "query", &holder));
    tn_error *e = read_attrs(holder, q->op, n, &attrs);
    if (e) e = tn__query_refuse(q, v, e);
    else {
        q->attrs = attrs;
        q->in = in;
        q->n_in = n->n_inputs;
        q->n_out = n->n_outputs;
        e = cache && q->op != TN_OP_custom ? ask_remembering(cache, q, v) : tn__query_ask(q, 0, v);
    }
    tn_graph_release(holder);
    return e;
}

static void write_answer(const tn__verdict *v, tn_query_answer *out) {
    size_t bytes = out->struct_size;
    tn_query_answer a = {.struct_size = bytes};
    memcpy(&a, out, bytes < sizeof a ? bytes : sizeof a);
    a.supported = v->supported;
    a.policy = v->policy;
    a.static_inputs = v->static_inputs;
    a.n_outputs = !a.outputs ? 0 : v->n_types < a.max_outputs ? v->n_types : a.max_outputs;
    for (uint32_t k = 0; k < a.n_outputs; k++) {
        const tn_value_type *t = &v->types[k];
        a.outputs[k].dtype = t->dtype;
        a.outputs[k].rank = t->rank;
        if (t->rank > 0) memcpy(a.outputs[k].dims, t->dims, (size_t)t->rank * sizeof *t->dims);
    }
    snprintf(a.why, sizeof a.why, "%s", v->why);
    memcpy(out, &a, bytes < sizeof a ? bytes : sizeof a);
}

tn_error *tn_query(tn_context *context, const char *device, const tn_query_node *node, tn_query_cache *cache,
                   tn_query_answer *out) {
    TN__HANDLE(context, CONTEXT);
    if (cache) TN__HANDLE(cache, QUERY_CACHE);
    if (!node || !out || out->struct_size < sizeof(size_t))
        return TN__FAIL(&context->allocator, INVALID_ARGUMENT, "tn_query: NULL argument, or struct_size is not set");
    tn_query_node n = {0};
    TN__STRUCT_READ(&n, node);
    const tn_allocator *a = &context->allocator;
    if (!n.op || (n.n_inputs && !n.inputs && !n.constants) || (n.n_attrs && !n.attrs))
        return TN__FAIL(a, INVALID_ARGUMENT, "tn_query: op, inputs or attrs is NULL");
    if (n.n_inputs > MOST_OPERANDS || n.n_outputs > MOST_OPERANDS)
        return TN__FAIL(a, LIMIT_EXCEEDED, "tn_query: %u operands and %u results, limit %d", n.n_inputs, n.n_outputs,
                        MOST_OPERANDS);
    for (uint32_t k = 0; !n.inputs && k < n.n_inputs; k++)
        if (!n.constants[k]) return TN__FAIL(a, INVALID_ARGUMENT, "tn_query: operand %u has neither type nor value", k);
    tn__question q = {.context = context, .op = tn__op_from_name(n.op)};
    if (!q.op && tn_custom_op_is_registered(context, n.op)) q.op = TN_OP_custom;
    if (cache) {
        const char *has = tn_options_get(cache->options, "device");
        if (cache->context != context || strcmp(has, device ? device : "cpu"))
            return TN__FAIL(a, INVALID_ARGUMENT, "tn_query: the cache is of another context, or of device '%s'", has);
        q.options = cache->options;
    } else
        TN__TRY(make_options(context, device, &q.options));
    tn__arena arena;
    tn__arena_init(&arena, a);
    q.arena = &arena;
    tn__verdict v = {.why = ""};
    tn_error *e = NULL;
    if (q.op) e = answer_node(&q, cache, &n, &v);
    else if (!(v.why = tn__arena_printf(&arena, "there is no op '%s'", n.op))) e = tn__error_oom();
    if (!e) write_answer(&v, out);
    tn__arena_deinit(&arena);
    if (!cache) tn_options_release(q.options);
    return e;
}
