/* Is a node supported? Asked of the compiler itself: a graph of that one node goes through shape rule, passes and lowering, and
 * the reference evaluates it once on zeros of small sizes, for it is what devices call where they have no kernel.
 *
 *   types all known      one dry compilation decides
 *   dimensions open      sizes are tried until the shape rule takes them; those decide
 *   a value open         that decides a shape: the element types decide, and the answer is no by policy
 *   sub-graphs           every node in them is asked about in turn
 *   a custom op          its shape rule and the element types decide; the kernel is not called */
#include "ir/custom.h"
#include "session/session.h"
#include "tenon/query.h"

#include <stdio.h>

enum {
    MOST_SYMBOLS = 64,    /* of one node; more count as unknown dimensions */
    MOST_OPERANDS = 65535,
    SMALL_CONSTANT = 64,  /* elements: put in as it is, larger ones only where their value decides a shape */
    MOST_KEY_BYTES = 1 << 16,
    MOST_ENTRIES = 1 << 16,
    TRIES = 96,
    MOST_ELEMENTS = 1 << 13, /* of an operand or result in a trial evaluation */
    SMALL_SIZE = 8
};

typedef struct operand {
    tn__type type;      /* dtype NONE: absent */
    tn_tensor *constant; /* borrowed, or NULL */
} operand;

typedef struct question {
    tn_context *context;
    tn_options *options;
    tn__arena *arena;
    tn__op op;
    const void *attrs;
    const operand *in;
    uint32_t n_in, n_out;
    int64_t symbols[MOST_SYMBOLS]; /* the caller's numbers */
    uint32_t n_symbols;
} question;

/* What is remembered of an answer. */
typedef struct verdict {
    bool supported, policy;
    uint32_t n_types;
    uint64_t static_inputs;
    const tn_value_type *types; /* n_types */
    const char *why;
} verdict;

/* ---- a graph of one node ------------------------------------------------------------------------------------- */

static bool value_matters(const question *q, uint32_t k) { return k < 32 && tn__op_infos[q->op].values >> k & 1; }

/* Large weights stand for any weights of their type. */
static bool keep_constant(const question *q, uint32_t k) {
    const tn_tensor *t = q->in[k].constant;
    return t && (t->elements <= SMALL_CONSTANT || value_matters(q, k));
}

static int64_t symbol_index(question *q, int64_t dim) {
    for (uint32_t i = 0; i < q->n_symbols; i++)
        if (q->symbols[i] == dim) return i;
    if (q->n_symbols == MOST_SYMBOLS) return -1;
    q->symbols[q->n_symbols] = dim;
    return q->n_symbols++;
}

/* Sizes to try for what is open. */
typedef struct sizes {
    bool shrink; /* sizes over SMALL_SIZE are open too, equal ones staying equal */
    uint32_t attempt, state;
    uint32_t n_known; /* sizes that occur in the node */
    int64_t known[32];
    int64_t symbols[MOST_SYMBOLS]; /* -1: not chosen yet */
} sizes;

static uint32_t draw(sizes *s) { return (s->state = s->state * 1664525u + 1013904223u) >> 8; }

/* The first attempts give everything one size; the others draw, every other time among the sizes that occur. */
static int64_t draw_size(sizes *s) {
    static const int64_t same[] = {4, 1, 2, 8, 16, 32, 3, 64}, some[] = {1, 2, 3, 4, 5, 6, 8, 16, 32, 64};
    if (s->attempt < sizeof same / sizeof *same) return same[s->attempt];
    uint32_t r = draw(s);
    if (s->n_known && r & 1) return s->known[(r >> 1) % s->n_known];
    return some[(r >> 1) % (sizeof some / sizeof *some)];
}

static tn_value add_input(question *q, tn_graph *g, uint32_t k, sizes *s) {
    const tn__type *t = &q->in[k].type;
    int64_t dims[TN_MAX_RANK];
    int32_t rank = t->rank;
    if (rank > TN_MAX_RANK) rank = TN_MAX_RANK;
    if (rank < 0 && s) { /* ranks usual for the op first: those of the other operands come by drawing */
        rank = s->attempt < 8 ? 4 - (int32_t)s->attempt % 5 : (int32_t)(draw(s) % 6);
        for (int32_t d = 0; d < rank; d++) dims[d] = draw_size(s);
    } else
        for (int32_t d = 0; d < rank; d++) {
            int64_t dim = t->dims[d];
            bool shrink = s && s->shrink && dim > SMALL_SIZE;
            int64_t i = dim < TN_DIM_UNKNOWN || shrink ? symbol_index(q, dim) : -1;
            char name[16];
            snprintf(name, sizeof name, "s%lld", (long long)i);
            if (dim >= 0 && !shrink) dims[d] = dim;
            else if (!s) dims[d] = i >= 0 ? tn_graph_symbol(g, name) : TN_DIM_UNKNOWN;
            else if (i < 0) dims[d] = draw_size(s);
            else dims[d] = s->symbols[i] >= 0 ? s->symbols[i] : (s->symbols[i] = draw_size(s));
        }
    char name[16];
    snprintf(name, sizeof name, "operand %u", k);
    return tn_graph_input(g, name, t->dtype, rank, dims);
}

/* The node alone, all its results graph outputs. An error is the shape rule's (or memory). */
static tn_error *build(question *q, sizes *s, tn_graph **out_graph, tn_value *out_first) {
    tn_graph *g;
    *out_graph = NULL;
    TN__TRY(tn_graph_create(q->context, "query", &g));
    tn_value *in = TN__ARENA_ARRAY(&g->arena, tn_value, (size_t)q->n_in + 1);
    if (!in) tn__graph_fail(g, tn__error_oom());
    for (uint32_t k = 0; in && k < q->n_in; k++)
        if (keep_constant(q, k)) in[k] = tn_graph_constant(g, q->in[k].constant);
        else if (q->in[k].type.dtype) in[k] = add_input(q, g, k, s);
    tn_value v = tn__graph_add(g, q->op, in, q->n_in, q->attrs, q->n_out, NULL);
    for (uint32_t k = 0; k < q->n_out; k++) tn_graph_output(g, NULL, tn_value_output(v, k));
    tn_error *e = tn_graph_check(g);
    if (e) tn_graph_release(g);
    else *out_graph = g;
    if (!e) *out_first = v;
    return e;
}

static bool results_are_static(const tn_graph *g, tn_value first, uint32_t n) {
    for (uint32_t k = 0; k < n; k++)
        if (!tn__type_is_static(tn__type_of(g, tn_value_output(first, k)))) return false;
    return true;
}

static bool operands_are_static(const question *q) {
    for (uint32_t k = 0; k < q->n_in; k++)
        if (q->in[k].type.dtype && !tn__type_is_static(&q->in[k].type)) return false;
    return true;
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

/* `e` becomes a "no", unless it is no answer at all. */
static tn_error *refuse(question *q, verdict *v, tn_error *e) {
    tn_error_code code = tn_error_get_code(e);
    if (code == TN_ERROR_OUT_OF_MEMORY || code == TN_ERROR_CANCELLED) return e;
    v->supported = v->policy = false;
    v->why = tn__arena_strdup(q->arena, tn_error_get_message(e));
    tn_error_destroy(e);
    return v->why ? NULL : tn__error_oom();
}

static tn_error *keep_types(question *q, const tn_graph *g, tn_value first, verdict *v) {
    tn_value_type *types = TN__ARENA_ARRAY(q->arena, tn_value_type, (size_t)q->n_out + 1);
    if (!types) return tn__error_oom();
    for (uint32_t k = 0; k < q->n_out; k++) {
        const tn__type *t = tn__type_of(g, tn_value_output(first, k));
        int64_t *dims = TN__ARENA_ARRAY(q->arena, int64_t, t->rank > 0 ? (size_t)t->rank : 1);
        if (!dims) return tn__error_oom();
        for (int32_t d = 0; d < t->rank; d++) {
            const char *name = tn_graph_get_symbol_name(g, t->dims[d]);
            dims[d] = t->dims[d] >= 0 ? t->dims[d] : TN_DIM_UNKNOWN;
            for (uint32_t i = 0; name && i < q->n_symbols; i++) { /* "s0", "s1", ... in the order of the first use */
                char text[16];
                snprintf(text, sizeof text, "s%u", i);
                if (!strcmp(text, name)) dims[d] = q->symbols[i];
            }
        }
        types[k] = (tn_value_type){t->dtype, t->rank, dims};
    }
    v->types = types;
    v->n_types = q->n_out;
    return NULL;
}

/* Does the device take the element types of operands and results at all? */
static tn_error *check_dtypes(question *q, const tn_graph *g) {
    bool done[TN_DTYPE_COUNT] = {false};
    for (size_t v = 1; v < g->values.count; v++) {
        tn_dtype d = g->values.data[v].type.dtype;
        if (done[d]) continue;
        done[d] = true;
        tn_graph *one;
        int64_t size = 4;
        TN__TRY(tn_graph_create(q->context, "query", &one));
        tn_value in = tn_graph_input(one, "x", d, 1, &size);
        tn_graph_output(one, "y", tn__graph_add(one, TN_OP_identity, &in, 1, NULL, 1, NULL));
        tn_error *e = tn__compile_dry(one, q->options);
        tn_graph_release(one);
        if (e) return e;
    }
    return NULL;
}

/* A tensor of zeros, of "1" where it has texts. */
static tn_error *make_zeros(question *q, const tn__type *t, tn_tensor **out) {
    TN__TRY(tn_tensor_create(q->context, t->dtype, t->rank, t->dims, out));
    for (int64_t i = 0; t->dtype == TN_DTYPE_string && i < (*out)->elements; i++)
        if (!(((char **)(*out)->data)[i] = tn__strdup(&q->context->allocator, "1"))) return tn__error_oom();
    return NULL;
}

static bool is_small(const tn_graph *g, tn_value v) {
    const tn__type *t = tn__type_of(g, v);
    int64_t n = 1;
    for (int32_t d = 0; d < t->rank; d++)
        if (t->dims[d] >= 0 && (!tn__mul_i64(n, t->dims[d], &n) || n > MOST_ELEMENTS)) return false;
    return true;
}

static bool all_small(const tn_graph *g) {
    for (uint32_t v = 1; v < g->values.count; v++)
        if (!is_small(g, (tn_value){v})) return false;
    return true;
}

/* Evaluates the node of `g`, whose operands are static and small. What only the values are to blame for is no error. */
static tn_error *evaluate(question *q, const tn_graph *g) {
    const tn__node *n = &g->nodes.data[g->nodes.count - 1];
    tn_tensor **made = TN__ARENA_ARRAY(q->arena, tn_tensor *, (size_t)n->n_in + 1), **out = NULL;
    const tn_tensor **in = TN__ARENA_ARRAY(q->arena, const tn_tensor *, (size_t)n->n_in + 1);
    tn_error *e = NULL;
    if (!made || !in || !(out = TN__ARENA_ARRAY(q->arena, tn_tensor *, (size_t)n->n_out + 1))) return tn__error_oom();
    for (uint32_t k = 0; !e && k < n->n_in; k++) {
        tn_value v = tn__in(g, n, k);
        if (!v.id || (in[k] = tn__constant_of(g, v))) continue;
        e = make_zeros(q, tn__type_of(g, v), &made[k]);
        in[k] = made[k];
    }
    if (!e) e = tn__op_eval(q->context, n->op, n->attrs, in, n->n_in, n->n_out, out);
    for (uint32_t k = 0; k < n->n_out; k++) tn_tensor_release(out[k]);
    for (uint32_t k = 0; k < n->n_in; k++) tn_tensor_release(made[k]);
    if (tn_error_get_code(e) != TN_ERROR_OUT_OF_RANGE) return e;
    tn_error_destroy(e);
    return NULL;
}

/* Looks for sizes that the shape rule takes. *out_graph NULL: none of those tried. */
static tn_error *find_sizes(question *q, bool shrink, tn_graph **out_graph) {
    sizes s = {.shrink = shrink, .state = 1};
    *out_graph = NULL;
    for (uint32_t k = 0; k < q->n_in; k++)
        for (int32_t d = 0; q->in[k].type.dtype && d < q->in[k].type.rank; d++) {
            int64_t size = q->in[k].type.dims[d];
            if (size > 0 && size <= (shrink ? SMALL_SIZE : 4096) && s.n_known < 32) s.known[s.n_known++] = size;
        }
    for (s.attempt = 0; s.attempt < TRIES; s.attempt++) {
        for (uint32_t i = 0; i < MOST_SYMBOLS; i++) s.symbols[i] = -1;
        tn_graph *g;
        tn_value first;
        tn_error *e = build(q, &s, &g, &first);
        if (tn_error_get_code(e) == TN_ERROR_OUT_OF_MEMORY) return e;
        tn_error_destroy(e);
        if (e) continue;
        if (results_are_static(g, first, q->n_out) || tn__op_infos[q->op].flags & TN__OP_DATADEP) {
            *out_graph = g;
            return NULL;
        }
        tn_graph_release(g);
    }
    return NULL;
}

static tn_error *try_evaluation(question *q, const tn_graph *g) {
    if (!tn__op_functions_of[q->op].eval) return NULL;
    if (all_small(g)) return evaluate(q, g);
    tn_graph *small; /* where no small sizes are found the shape rule has to do */
    TN__TRY(find_sizes(q, true, &small));
    tn_error *e = small && all_small(small) ? evaluate(q, small) : NULL;
    tn_graph_release(small);
    return e;
}

/* Of static operands; `g` is the node with them. */
static tn_error *try_types(question *q, const tn_graph *g) {
    tn_error *e = tn__compile_dry(g, q->options);
    return e ? e : try_evaluation(q, g);
}

static tn_error *try_sizes(question *q) {
    tn_graph *g;
    TN__TRY(find_sizes(q, false, &g));
    if (!g) return TN__FAIL(&q->context->allocator, UNSUPPORTED, "none of the sizes tried for the open dimensions fits the op");
    tn_error *e = try_types(q, g);
    tn_graph_release(g);
    return e;
}

static tn_error *ask(question *q, uint32_t depth, verdict *v);

static tn_error *ask_body(question *q, const tn_graph *body, uint32_t depth, verdict *v) {
    for (size_t i = 0; i < body->nodes.count; i++) {
        const tn__node *n = &body->nodes.data[i];
        if (n->op == TN_OP_constant) continue;
        operand *in = TN__ARENA_ARRAY(q->arena, operand, (size_t)n->n_in + 1);
        if (!in) return tn__error_oom();
        for (uint32_t k = 0; k < n->n_in; k++) {
            tn_value x = tn__in(body, n, k);
            if (x.id) in[k] = (operand){*tn__type_of(body, x), (tn_tensor *)tn__constant_peek(body, x)};
        }
        question inner = {.context = q->context, .options = q->options, .arena = q->arena, .op = n->op, .attrs = n->attrs,
                          .in = in, .n_in = n->n_in, .n_out = n->n_out};
        verdict answer = {0};
        TN__TRY(ask(&inner, depth + 1, &answer));
        if (answer.supported || answer.policy) continue; /* what is slow inside of a body is still done */
        v->supported = false;
        v->why = tn__arena_printf(q->arena, "in a sub-graph: %s: %s", tn__op_text(n->op, n->attrs), answer.why);
        return v->why ? NULL : tn__error_oom();
    }
    return NULL;
}

static tn_error *ask_bodies(question *q, uint32_t depth, verdict *v) {
    const tn__op_info *info = &tn__op_infos[q->op];
    if (depth >= q->context->limits.max_depth) {
        v->supported = false;
        v->why = "sub-graphs nested deeper than limit max_depth";
        return NULL;
    }
    for (uint32_t i = 0; i < info->n_fields && v->supported; i++) {
        if (info->fields[i].kind != TN_ATTR_GRAPH) continue;
        const tn_graph *body = *(tn_graph *const *)((const char *)q->attrs + info->fields[i].offset);
        if (body) TN__TRY(ask_body(q, body, depth, v));
    }
    return NULL;
}

static const char *policy_of(question *q, const tn_graph *g, tn_value first) {
    uint32_t flags = tn__op_infos[q->op].flags;
    if (flags & TN__OP_CONTROL) return NULL;
    if (flags & TN__OP_DATADEP) return "the shape of its result depends on data: the reference would evaluate it at each call";
    if (results_are_static(g, first, q->n_out)) return NULL;
    for (uint32_t k = 0; k < q->n_in; k++)
        if (value_matters(q, k) && q->in[k].type.dtype && !q->in[k].constant)
            return tn__arena_printf(q->arena, "operand %u decides the result's shape, and its value is not known when compiling",
                                    k);
    return NULL;
}

static tn_error *ask(question *q, uint32_t depth, verdict *v) {
    tn_graph *g;
    tn_value first;
    const tn__op_info *info = &tn__op_infos[q->op];
    *v = (verdict){.supported = true, .why = ""};
    for (uint32_t k = 0; k < q->n_in && k < 32; k++) v->static_inputs |= (uint64_t)(info->values >> k & 1) << k;
    tn_error *e = build(q, NULL, &g, &first);
    if (e) return refuse(q, v, e);
    const char *policy = policy_of(q, g, first);
    if (!(e = keep_types(q, g, first, v))) {
        bool open = !operands_are_static(q), control = info->flags & TN__OP_CONTROL;
        bool late = policy && !(info->flags & TN__OP_DATADEP); /* by a value that is open */
        bool custom = q->op == TN_OP_custom; /* its kernel is the caller's: not for us to try */
        if (open || late || custom) e = check_dtypes(q, g);
        if (!e && (late || control || custom)) e = tn__compile_dry(g, q->options);
        else if (!e) e = open ? try_sizes(q) : try_types(q, g);
    }
    tn_graph_release(g);
    if (e) return refuse(q, v, e);
    if (info->flags & TN__OP_CONTROL) TN__TRY(ask_bodies(q, depth, v));
    if (policy) *v = (verdict){false, true, v->n_types, v->static_inputs, v->types, policy};
    return NULL;
}

/* ---- the memory of answers ----------------------------------------------------------------------------------- */

typedef struct entry {
    uint64_t hash;
    size_t n; /* bytes of the key; 0: the place is free */
    const uint8_t *key;
    verdict answer;
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

static bool put_attrs(tn_query_cache *c, const question *q) {
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
static bool make_key(tn_query_cache *c, const question *q) {
    c->key.count = 0;
    bool ok = put_word(c, q->op) && put_word(c, (int64_t)q->n_in << 32 | q->n_out) && put_attrs(c, q);
    for (uint32_t k = 0; ok && k < q->n_in; k++) {
        const tn__type *t = &q->in[k].type;
        ok = put_word(c, (int64_t)t->dtype << 32 | (uint32_t)t->rank) &&
             put_word(c, (q->in[k].constant != NULL) + keep_constant(q, k));
        if (ok && t->rank > 0) ok = put(c, t->dims, (size_t)t->rank * sizeof *t->dims);
        if (ok && keep_constant(q, k)) ok = put_tensor(c, q->in[k].constant);
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

static tn_error *ask_remembering(tn_query_cache *c, question *q, verdict *v) {
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
    if (!x || c->n == MOST_ENTRIES) return ask(q, 0, v);
    TN__TRY(ask(q, 0, v)); /* does not touch the key */
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

static tn_error *read_operands(const tn_query_node *n, tn_context *c, tn__arena *arena, operand **out) {
    operand *in = *out = TN__ARENA_ARRAY(arena, operand, (size_t)n->n_inputs + 1);
    if (!in) return tn__error_oom();
    for (uint32_t k = 0; k < n->n_inputs; k++) {
        tn_tensor *t = n->constants ? n->constants[k] : NULL;
        tn_value_type given = t ? (tn_value_type){t->dtype, t->rank, t->dims} : n->inputs[k];
        if (given.rank > 0 && given.dtype && (!given.dims || given.rank > TN_MAX_RANK))
            return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "tn_query: operand %u has rank %d %s", k, given.rank,
                            given.dims ? "" : "and no dims");
        if ((unsigned)given.dtype >= TN_DTYPE_COUNT)
            return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "tn_query: operand %u has dtype %d", k, (int)given.dtype);
        in[k] = (operand){{given.dtype, given.rank < 0 ? -1 : given.rank, given.dims}, given.dtype ? t : NULL};
    }
    return NULL;
}

static tn_error *answer_node(question *q, tn_query_cache *cache, const tn_query_node *n, verdict *v) {
    tn_graph *holder; /* of the attributes */
    operand *in;
    const void *attrs = NULL;
    TN__TRY(read_operands(n, q->context, q->arena, &in));
    TN__TRY(tn_graph_create(q->context, "query", &holder));
    tn_error *e = read_attrs(holder, q->op, n, &attrs);
    if (e) e = refuse(q, v, e);
    else {
        q->attrs = attrs;
        q->in = in;
        q->n_in = n->n_inputs;
        q->n_out = n->n_outputs;
        e = cache && q->op != TN_OP_custom ? ask_remembering(cache, q, v) : ask(q, 0, v);
    }
    tn_graph_release(holder);
    return e;
}

static void write_answer(const verdict *v, tn_query_answer *out) {
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
    question q = {.context = context, .op = tn__op_from_name(n.op)};
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
    verdict v = {.why = ""};
    tn_error *e = NULL;
    if (q.op) e = answer_node(&q, cache, &n, &v);
    else if (!(v.why = tn__arena_printf(&arena, "there is no op '%s'", n.op))) e = tn__error_oom();
    if (!e) write_answer(&v, out);
    tn__arena_deinit(&arena);
    if (!cache) tn_options_release(q.options);
    return e;
}
