/* Is a node supported? Asked of the compiler itself: a graph of that one node goes through shape rule, passes and lowering, and
 * the reference evaluates it once on zeros of small sizes, for it is what devices call where they have no kernel.
 *
 *   types all known      one dry compilation decides
 *   dimensions open      sizes are tried until the shape rule takes them; those decide
 *   a value open         that decides a shape: the element types decide, and the answer is no by policy
 *   sub-graphs           every node in them is asked about in turn
 *   a custom op          its shape rule and the element types decide; the kernel is not called */
#include "bridge/query.h"

#include <stdio.h>

#include "ir/custom.h"

enum {
    SMALL_CONSTANT = 64,  /* elements: put in as it is, larger ones only where their value decides a shape */
    TRIES = 96,
    MOST_ELEMENTS = 1 << 13, /* of an operand or result in a trial evaluation */
    SMALL_SIZE = 8
};

/* ---- a graph of one node ------------------------------------------------------------------------------------- */

static bool value_matters(const tn__question *q, uint32_t k) { return k < 32 && tn__op_infos[q->op].values >> k & 1; }

bool tn__query_keeps_constant(const tn__question *q, uint32_t k) {
    const tn_tensor *t = q->in[k].constant;
    return t && (t->elements <= SMALL_CONSTANT || value_matters(q, k));
}

static int64_t symbol_index(tn__question *q, int64_t dim) {
    for (uint32_t i = 0; i < q->n_symbols; i++)
        if (q->symbols[i] == dim) return i;
    if (q->n_symbols == TN__QUERY_SYMBOLS) return -1;
    q->symbols[q->n_symbols] = dim;
    return q->n_symbols++;
}

/* Sizes to try for what is open. */
typedef struct sizes {
    bool shrink; /* sizes over SMALL_SIZE are open too, equal ones staying equal */
    uint32_t attempt, state;
    uint32_t n_known; /* sizes that occur in the node */
    int64_t known[32];
    int64_t symbols[TN__QUERY_SYMBOLS]; /* -1: not chosen yet */
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

static tn_value add_input(tn__question *q, tn_graph *g, uint32_t k, sizes *s) {
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
static tn_error *build(tn__question *q, sizes *s, tn_graph **out_graph, tn_value *out_first) {
    tn_graph *g;
    *out_graph = NULL;
    TN__TRY(tn_graph_create(q->context, "query", &g));
    tn_value *in = TN__ARENA_ARRAY(&g->arena, tn_value, (size_t)q->n_in + 1);
    if (!in) tn__graph_fail(g, tn__error_oom());
    for (uint32_t k = 0; in && k < q->n_in; k++)
        if (tn__query_keeps_constant(q, k)) in[k] = tn_graph_constant(g, q->in[k].constant);
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

static bool operands_are_static(const tn__question *q) {
    for (uint32_t k = 0; k < q->n_in; k++)
        if (q->in[k].type.dtype && !tn__type_is_static(&q->in[k].type)) return false;
    return true;
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

tn_error *tn__query_refuse(tn__question *q, tn__verdict *v, tn_error *e) {
    tn_error_code code = tn_error_get_code(e);
    if (code == TN_ERROR_OUT_OF_MEMORY || code == TN_ERROR_CANCELLED) return e;
    v->supported = v->policy = false;
    v->why = tn__arena_strdup(q->arena, tn_error_get_message(e));
    tn_error_destroy(e);
    return v->why ? NULL : tn__error_oom();
}

static tn_error *keep_types(tn__question *q, const tn_graph *g, tn_value first, tn__verdict *v) {
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
static tn_error *check_dtypes(tn__question *q, const tn_graph *g) {
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
static tn_error *make_zeros(tn__question *q, const tn__type *t, tn_tensor **out) {
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
static tn_error *evaluate(tn__question *q, const tn_graph *g) {
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
static tn_error *find_sizes(tn__question *q, bool shrink, tn_graph **out_graph) {
    sizes s = {.shrink = shrink, .state = 1};
    *out_graph = NULL;
    for (uint32_t k = 0; k < q->n_in; k++)
        for (int32_t d = 0; q->in[k].type.dtype && d < q->in[k].type.rank; d++) {
            int64_t size = q->in[k].type.dims[d];
            if (size > 0 && size <= (shrink ? SMALL_SIZE : 4096) && s.n_known < 32) s.known[s.n_known++] = size;
        }
    for (s.attempt = 0; s.attempt < TRIES; s.attempt++) {
        for (uint32_t i = 0; i < TN__QUERY_SYMBOLS; i++) s.symbols[i] = -1;
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

static tn_error *try_evaluation(tn__question *q, const tn_graph *g) {
    if (!tn__op_functions_of[q->op].eval) return NULL;
    if (all_small(g)) return evaluate(q, g);
    tn_graph *small; /* where no small sizes are found the shape rule has to do */
    TN__TRY(find_sizes(q, true, &small));
    tn_error *e = small && all_small(small) ? evaluate(q, small) : NULL;
    tn_graph_release(small);
    return e;
}

/* Of static operands; `g` is the node with them. */
static tn_error *try_types(tn__question *q, const tn_graph *g) {
    tn_error *e = tn__compile_dry(g, q->options);
    return e ? e : try_evaluation(q, g);
}

static tn_error *try_sizes(tn__question *q) {
    tn_graph *g;
    TN__TRY(find_sizes(q, false, &g));
    if (!g) return TN__FAIL(&q->context->allocator, UNSUPPORTED, "none of the sizes tried for the open dimensions fits the op");
    tn_error *e = try_types(q, g);
    tn_graph_release(g);
    return e;
}

static tn_error *ask_body(tn__question *q, const tn_graph *body, uint32_t depth, tn__verdict *v) {
    for (size_t i = 0; i < body->nodes.count; i++) {
        const tn__node *n = &body->nodes.data[i];
        if (n->op == TN_OP_constant) continue;
        tn__operand *in = TN__ARENA_ARRAY(q->arena, tn__operand, (size_t)n->n_in + 1);
        if (!in) return tn__error_oom();
        for (uint32_t k = 0; k < n->n_in; k++) {
            tn_value x = tn__in(body, n, k);
            if (x.id) in[k] = (tn__operand){*tn__type_of(body, x), (tn_tensor *)tn__constant_peek(body, x)};
        }
        tn__question inner = {.context = q->context, .options = q->options, .arena = q->arena, .op = n->op, .attrs = n->attrs,
                          .in = in, .n_in = n->n_in, .n_out = n->n_out};
        tn__verdict answer = {0};
        TN__TRY(tn__query_ask(&inner, depth + 1, &answer));
        if (answer.supported || answer.policy) continue; /* what is slow inside of a body is still done */
        v->supported = false;
        v->why = tn__arena_printf(q->arena, "in a sub-graph: %s: %s", tn__op_text(n->op, n->attrs), answer.why);
        return v->why ? NULL : tn__error_oom();
    }
    return NULL;
}

static tn_error *ask_bodies(tn__question *q, uint32_t depth, tn__verdict *v) {
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

static const char *policy_of(tn__question *q, const tn_graph *g, tn_value first) {
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

tn_error *tn__query_ask(tn__question *q, uint32_t depth, tn__verdict *v) {
    tn_graph *g;
    tn_value first;
    const tn__op_info *info = &tn__op_infos[q->op];
    *v = (tn__verdict){.supported = true, .why = ""};
    for (uint32_t k = 0; k < q->n_in && k < 32; k++) v->static_inputs |= (uint64_t)(info->values >> k & 1) << k;
    tn_error *e = build(q, NULL, &g, &first);
    if (e) return tn__query_refuse(q, v, e);
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
    if (e) return tn__query_refuse(q, v, e);
    if (info->flags & TN__OP_CONTROL) TN__TRY(ask_bodies(q, depth, v));
    if (policy) *v = (tn__verdict){false, true, v->n_types, v->static_inputs, v->types, policy};
    return NULL;
}
