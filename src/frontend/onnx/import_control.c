/* If, Loop and Scan: bodies become graphs whose captures are explicit trailing inputs.
 *
 *   if    in: cond, captures...                               branches take: captures...
 *   loop  in: trip count, cond, states..., captures...        body takes: iteration, cond, states..., captures...
 *   scan  in: states..., scanned..., captures...              body takes: states..., slices..., captures... */
#include <inttypes.h>

#include "frontend/onnx/import.h"

typedef struct body {
    tn_graph *g; /* owned until it is given to an attribute */
    const char **captures;
    uint32_t n_captures;
} body;

/* Imports `p` with inputs of the given types (of c->g). `first` captures come first, in that order. */
static tn_error *import_body(tn__call *c, const tn__onnx_graph *p, const tn__type *formals, uint32_t n_formals,
                             const char *const *first, uint32_t n_first, body *out) {
    tn__scope s;
    int64_t dims[TN_MAX_RANK];
    *out = (body){0};
    TN__TRY(tn_graph_create(c->import->context, p->name, &out->g));
    out->g->fold = false;
    TN__TRY(tn__scope_init(&s, c->import, c->scope, out->g, c->scope->depth + 1, c->scope->opset));
    TN__TRY(tn__scope_initializers(&s, p));
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->input.n; i++) {
        const char *name = p->input.data[i].name;
        if (tn__scope_is_initializer(&s, name)) continue;
        if (n < n_formals) {
            tn__type t = tn__type_translate(out->g, c->g, &formals[n], dims);
            tn_value v = tn_graph_input(out->g, name, t.dtype, t.rank, t.dims);
            TN__TRY(tn__import_check(out->g));
            TN__TRY(tn__scope_bind(&s, name, v, NULL));
        }
        n++;
    }
    if (n != n_formals) return TN__CALL_FAIL(c, INVALID_GRAPH, "the body '%.100s' has %u inputs, wanted %u", p->name, n, n_formals);
    tn_value v;
    for (uint32_t i = 0; i < n_first; i++) TN__TRY(tn__scope_resolve(&s, first[i], &v));
    TN__TRY(tn__scope_nodes(&s, p->node.data, p->node.n));
    TN__TRY(tn__scope_outputs(&s, p));
    out->captures = s.captures;
    out->n_captures = s.n_captures;
    return NULL;
}

static void body_deinit(body *b) {
    tn_graph_release(b->g);
    b->g = NULL;
}

static tn_error *body_attr(tn__call *c, const char *name, const tn__onnx_graph **out) {
    const tn__onnx_attribute *x = tn__call_attr(c, name, TN__ONNX_GRAPH);
    *out = x ? x->g : NULL;
    return *out ? NULL : TN__CALL_FAIL(c, INVALID_GRAPH, "attribute '%s' is missing or holds no graph", name);
}

/* Adds the node: operands, then what the body captured. Takes the bodies' graphs over through `attrs`. */
static tn_error *add_control(tn__call *c, tn__op op, const tn_value *in, uint32_t n_in, const body *b, const void *attrs,
                             uint32_t n_results) {
    tn_value *all = TN__ARENA_ARRAY(&c->import->arena, tn_value, (size_t)n_in + b->n_captures + 1);
    if (!all) return tn__error_oom();
    if (n_in) memcpy(all, in, n_in * sizeof *in);
    for (uint32_t i = 0; i < b->n_captures; i++) TN__TRY(tn__scope_resolve(c->scope, b->captures[i], &all[n_in + i]));
    if (c->n_out > n_results)
        return TN__CALL_FAIL(c, INVALID_GRAPH, "%u outputs are named, the body yields %u", c->n_out, n_results);
    tn_value first = tn__graph_add(c->g, op, all, n_in + b->n_captures, attrs, n_results, c->node->name[0] ? c->node->name : NULL);
    for (uint32_t k = 0; k < c->n_out; k++) c->out[k] = tn_value_output(first, k);
    return tn__import_check(c->g);
}


/* ---- If ------------------------------------------------------------------------------------------------------ */

/* Both branches take the same captures: the else branch begins with those of the then branch, and what it adds is appended there. */
static tn_error *if_branches(tn__call *c, body *then_body, body *else_body) {
    const tn__onnx_graph *then_graph, *else_graph;
    int64_t dims[TN_MAX_RANK];
    TN__TRY(body_attr(c, "then_branch", &then_graph));
    TN__TRY(body_attr(c, "else_branch", &else_graph));
    if (c->n_in != 1) return TN__CALL_FAIL(c, INVALID_GRAPH, "%u inputs, wanted the condition", c->n_in);
    TN__TRY(tn__error_prefix(import_body(c, then_graph, NULL, 0, NULL, 0, then_body), "then_branch"));
    TN__TRY(tn__error_prefix(import_body(c, else_graph, NULL, 0, then_body->captures, then_body->n_captures, else_body), "else_branch"));
    for (uint32_t i = then_body->n_captures; i < else_body->n_captures; i++) {
        tn_value v;
        TN__TRY(tn__scope_resolve(c->scope, else_body->captures[i], &v));
        tn__type t = tn__type_translate(then_body->g, c->g, tn__type_of(c->g, v), dims);
        (void)tn_graph_input(then_body->g, else_body->captures[i], t.dtype, t.rank, t.dims);
    }
    TN__TRY(tn__import_check(then_body->g));
    if (then_body->g->outputs.count != else_body->g->outputs.count)
        return TN__CALL_FAIL(c, INVALID_GRAPH, "the branches yield %zu and %zu values", then_body->g->outputs.count, else_body->g->outputs.count);
    tn__attrs_if attrs = {.then_branch = then_body->g, .else_branch = else_body->g};
    return add_control(c, TN_OP_if, c->in, 1, else_body, &attrs, (uint32_t)then_body->g->outputs.count);
}

tn_error *tn__onnx_if(tn__call *c) {
    body then_body = {0}, else_body = {0};
    tn_error *e = if_branches(c, &then_body, &else_body);
    body_deinit(&then_body); /* the node holds its own references */
    body_deinit(&else_body);
    return e;
}

/* ---- states of loops ------------------------------------------------------------------------------------------ */

/* `t` widened so that it covers `u` (of graph from) too. Returns whether it changed. */
static bool widen(tn__call *c, tn__type *t, const tn_graph *from, const tn__type *u) {
    if (t->rank < 0) return false;
    if (u->rank != t->rank) {
        t->rank = -1;
        return true;
    }
    bool changed = false;
    for (int32_t i = 0; i < t->rank; i++) {
        int64_t *d = (int64_t *)&t->dims[i], other = u->dims[i];
        if (*d == TN_DIM_UNKNOWN) continue;
        if (other < TN_DIM_UNKNOWN) {
            const char *mine = tn_graph_get_symbol_name(c->g, *d), *name = tn_graph_get_symbol_name(from, other);
            if (mine && name && !strcmp(mine, name)) continue;
        } else if (other == *d) continue;
        *d = TN_DIM_UNKNOWN;
        changed = true;
    }
    return changed;
}

/* Imports a loop body. States formals[at .. at+n_state) keep their shape from one iteration to the next, so a state whose shape the body
 * changes is given an unknown one and the body is imported again: each time a dimension or a rank is lost, so this ends; after two
 * attempts all dimensions of the states are given up at once. Result `from + k` of the body is state k. */
static tn_error *import_loop_body(tn__call *c, const tn__onnx_graph *p, tn__type *formals, uint32_t n_formals, uint32_t at,
                                  uint32_t n_state, uint32_t from, body *out) {
    for (uint32_t attempt = 0;; attempt++) {
        tn_error *e = import_body(c, p, formals, n_formals, NULL, 0, out);
        bool changed = false;
        if (e) { /* a body may only make sense with sizes that vary */
            tn_error_code code = tn_error_get_code(e);
            if (attempt || (code != TN_ERROR_SHAPE_MISMATCH && code != TN_ERROR_OUT_OF_RANGE)) return e;
            tn_error_destroy(e);
            c->import->located = false;
            body_deinit(out);
            for (uint32_t k = 0; k < n_state; k++)
                for (int32_t i = 0; i < formals[at + k].rank; i++) ((int64_t *)formals[at + k].dims)[i] = TN_DIM_UNKNOWN;
            continue;
        }
        if (out->g->outputs.count < from + n_state)
            return TN__CALL_FAIL(c, INVALID_GRAPH, "the body yields %zu values, wanted at least %u", out->g->outputs.count, from + n_state);
        for (uint32_t k = 0; k < n_state; k++) {
            const tn__type *u = tn__type_of(out->g, out->g->outputs.data[from + k].value);
            tn__type *t = &formals[at + k];
            if (u->dtype != t->dtype)
                return TN__CALL_FAIL(c, TYPE_MISMATCH, "state %u starts as %s, the body makes it %s", k, tn_dtype_name(t->dtype), tn_dtype_name(u->dtype));
            if (!widen(c, t, out->g, u)) continue;
            changed = true;
            for (int32_t i = 0; attempt > 1 && i < t->rank; i++) ((int64_t *)t->dims)[i] = TN_DIM_UNKNOWN;
            if (attempt > 3) t->rank = -1;
        }
        if (!changed) return NULL;
        body_deinit(out);
    }
}

/* A copy of a value's type whose dims may be written; `drop` >= 0 leaves that axis out. */
static tn_error *own_type(tn__call *c, tn_value v, int64_t drop, tn__type *out) {
    const tn__type *t = tn__type_of(c->g, v);
    int64_t *dims = TN__ARENA_ARRAY(&c->import->arena, int64_t, TN_MAX_RANK);
    if (!dims) return tn__error_oom();
    *out = (tn__type){t->dtype, t->rank < 0 ? -1 : 0, dims};
    for (int32_t i = 0; i < t->rank; i++)
        if (i != drop) dims[out->rank++] = t->dims[i];
    return NULL;
}

/* ---- Loop ---------------------------------------------------------------------------------------------------- */

static tn_error *loop_with(tn__call *c, body *b) {
    const tn__onnx_graph *p;
    TN__TRY(body_attr(c, "body", &p));
    uint32_t n_state = c->node->input.n > 2 ? c->node->input.n - 2 : 0;
    tn__type *formals = TN__ARENA_ARRAY(&c->import->arena, tn__type, (size_t)n_state + 2);
    if (!formals) return tn__error_oom();
    formals[0] = (tn__type){.dtype = TN_DTYPE_i64};
    formals[1] = (tn__type){.dtype = TN_DTYPE_bool};
    for (uint32_t k = 0; k < n_state; k++) {
        if (!c->in[2 + k].id) return TN__CALL_FAIL(c, INVALID_GRAPH, "input %u, the start of state %u, is absent", 2 + k, k);
        TN__TRY(own_type(c, c->in[2 + k], -1, &formals[2 + k]));
    }
    TN__TRY(tn__error_prefix(import_loop_body(c, p, formals, 2 + n_state, 2, n_state, 1, b), "body"));
    tn__attrs_loop attrs = {.body = b->g, .n_state = n_state};
    return add_control(c, TN_OP_loop, c->in, 2 + n_state, b, &attrs, (uint32_t)b->g->outputs.count - 1);
}

tn_error *tn__onnx_loop(tn__call *c) {
    body b = {0};
    tn_error *e = loop_with(c, &b);
    body_deinit(&b);
    return e;
}

/* ---- Scan ---------------------------------------------------------------------------------------------------- */

static tn_error *scan_with(tn__call *c, body *b) {
    if (c->scope->opset < 9) return TN__CALL_FAIL(c, UNSUPPORTED, "Scan of a version before 9");
    const tn__onnx_graph *p;
    uint32_t n_axes;
    TN__TRY(body_attr(c, "body", &p));
    tn__attrs_scan *attrs = tn__attrs_new(c->g, TN_OP_scan);
    if (!attrs) return tn__error_oom();
    const int64_t *axes = tn__call_ints(c, "scan_input_axes", &n_axes);
    attrs->scan_input_axes = (tn__ints){n_axes, axes};
    attrs->scan_input_directions.data = tn__call_ints(c, "scan_input_directions", &attrs->scan_input_directions.n);
    attrs->scan_output_axes.data = tn__call_ints(c, "scan_output_axes", &attrs->scan_output_axes.n);
    attrs->scan_output_directions.data = tn__call_ints(c, "scan_output_directions", &attrs->scan_output_directions.n);
    attrs->num_scan_inputs = tn__call_int(c, "num_scan_inputs", 0);
    if (attrs->num_scan_inputs < 1 || attrs->num_scan_inputs > c->n_in)
        return TN__CALL_FAIL(c, OUT_OF_RANGE, "num_scan_inputs is %" PRId64 ", the node has %u inputs", attrs->num_scan_inputs, c->n_in);
    uint32_t n_state = c->n_in - (uint32_t)attrs->num_scan_inputs;
    attrs->n_state = n_state;
    tn__type *formals = TN__ARENA_ARRAY(&c->import->arena, tn__type, (size_t)c->n_in + 1);
    if (!formals) return tn__error_oom();
    for (uint32_t i = 0; i < c->n_in; i++) {
        if (!c->in[i].id) return TN__CALL_FAIL(c, INVALID_GRAPH, "input %u is absent", i);
        int64_t axis = i < n_state ? -1 : i - n_state < n_axes ? axes[i - n_state] : 0;
        int32_t rank = tn__type_of(c->g, c->in[i])->rank;
        if (i >= n_state && rank >= 0) {
            if (axis < -(int64_t)rank || axis >= rank) return TN__CALL_FAIL(c, OUT_OF_RANGE, "input %u: scan axis %" PRId64 ", rank %d", i, axis, rank);
            if (axis < 0) axis += rank;
        }
        TN__TRY(own_type(c, c->in[i], axis, &formals[i]));
    }
    TN__TRY(tn__error_prefix(import_loop_body(c, p, formals, c->n_in, 0, n_state, 0, b), "body"));
    attrs->body = b->g;
    return add_control(c, TN_OP_scan, c->in, c->n_in, b, attrs, (uint32_t)b->g->outputs.count);
}

tn_error *tn__onnx_scan(tn__call *c) {
    body b = {0};
    tn_error *e = scan_with(c, &b);
    body_deinit(&b);
    return e;
}
