/* Control flow at run time: if, loop and scan, whose bodies are executables.
 *
 *   if    in: cond, captures                            branch: captures -> results
 *   loop  in: trips | absent, cond | absent, states, captures
 *         body: iteration i64, cond bool, states, captures -> cond, states, scan values
 *   scan  in: states, scanned, captures                 body: states, slices, captures -> states, scan values
 *
 * Scan values of all trips are stacked on a new axis (0 for loop). */
#include "session/session.h"

#include <inttypes.h>

typedef TN__VEC(tn_tensor *) tensors;

static void release_all(tn_tensor **list, size_t n) {
    for (size_t i = 0; i < n; i++) {
        tn_tensor_release(list[i]);
        list[i] = NULL;
    }
}

/* The graph whose types a body's inputs and outputs have. */
static const tn_graph *body_of(const tn__node *node) {
    return node->op == TN_OP_loop ? ((const tn__attrs_loop *)node->attrs)->body : ((const tn__attrs_scan *)node->attrs)->body;
}

static tn_error *one_element(tn_context *c, const char *what, const tn_tensor *t, int64_t *out) {
    if (t->elements != 1 || tn__dtype_is_float(t->dtype) || t->dtype == TN_DTYPE_string)
        return TN__FAIL(&c->allocator, SHAPE_MISMATCH, "%s: found %" PRId64 " elements of %s, wanted one integer or bool", what,
                        t->elements, tn_dtype_name(t->dtype));
    *out = tn__load_i64(t->dtype, t->data, 0);
    return NULL;
}

/* A single integer or bool in the form body input k declares: a scalar, or [1] as some exporters write it. */
static tn_error *make_scalar(tn_context *c, const tn_graph *body, uint32_t k, tn_dtype dtype, int64_t x, tn_tensor **out) {
    static const int64_t one[1] = {1};
    int32_t rank = tn__type_of(body, body->inputs.data[k].value)->rank == 1 ? 1 : 0;
    TN__TRY(tn_tensor_create(c, dtype, rank, one, out));
    tn__store_i64(dtype, (*out)->data, 0, x);
    return NULL;
}

/* ---- slices and stacks --------------------------------------------------------------------------------------- */

/* Copies the part [outer][1][inner] at `index` of axis `extent` wide between a whole and a slice tensor. */
static tn_error *copy_slice(tn_tensor *dst, const tn_tensor *src, int64_t outer, int64_t extent, int64_t inner, int64_t index,
                            bool into_whole) {
    size_t bits = tn_dtype_bits(dst->dtype);
    for (int64_t o = 0; o < outer; o++) {
        int64_t whole = (o * extent + index) * inner, slice = o * inner, to = into_whole ? whole : slice,
                from = into_whole ? slice : whole;
        if (!inner) continue;
        if (dst->dtype == TN_DTYPE_string) {
            char **d = (char **)dst->data + to, *const *s = (char *const *)src->data + from;
            for (int64_t i = 0; i < inner; i++)
                if (s[i] && !(d[i] = tn__strdup(&dst->context->allocator, s[i]))) return tn__error_oom();
        } else if (bits >= 8) {
            memcpy((char *)dst->data + (size_t)to * (bits / 8), (const char *)src->data + (size_t)from * (bits / 8),
                   (size_t)inner * (bits / 8));
        } else {
            for (int64_t i = 0; i < inner; i++)
                tn__store_f64(dst->dtype, dst->data, to + i, tn__load_f64(src->dtype, src->data, from + i));
        }
    }
    return NULL;
}

static void split_dims(int32_t rank, const int64_t *dims, int32_t axis, int64_t *outer, int64_t *inner) {
    *outer = *inner = 1;
    for (int32_t i = 0; i < axis; i++) *outer *= dims[i];
    for (int32_t i = axis + 1; i < rank; i++) *inner *= dims[i];
}

/* The slice of `x` at `index` of `axis`, without that axis. */
static tn_error *take_slice(tn_context *c, const tn_tensor *x, int32_t axis, int64_t index, tn_tensor **out) {
    int64_t dims[TN_MAX_RANK], outer, inner;
    for (int32_t i = 0, k = 0; i < x->rank; i++)
        if (i != axis) dims[k++] = x->dims[i];
    TN__TRY(tn_tensor_create(c, x->dtype, x->rank - 1, dims, out));
    split_dims(x->rank, x->dims, axis, &outer, &inner);
    tn_error *e = copy_slice(*out, x, outer, x->dims[axis], inner, index, false);
    if (e) release_all(out, 1);
    return e;
}

/* All of `list` on a new axis; `type` (of the body's output) gives the shape of a stack of nothing, open dimensions as 0. */
static tn_error *stack(tn_context *c, const tensors *list, const tn__type *type, int64_t axis, bool reverse, tn_tensor **out) {
    const tn_allocator *a = &c->allocator;
    int32_t rank = (list->count ? list->data[0]->rank : type->rank < 0 ? 0 : type->rank) + 1;
    if (rank > TN_MAX_RANK)
        return TN__FAIL(a, LIMIT_EXCEEDED, "a scan value has rank %d, so its stack has more than %d", rank - 1, TN_MAX_RANK);
    if (axis < -(int64_t)rank || axis >= rank)
        return TN__FAIL(a, OUT_OF_RANGE, "scan output axis is %" PRId64 ", wanted -%d to %d", axis, rank, rank - 1);
    if (axis < 0) axis += rank;
    int64_t dims[TN_MAX_RANK], outer, inner;
    for (int32_t i = 0, k = 0; i < rank; i++) {
        if (i == axis) {
            dims[i] = (int64_t)list->count;
            continue;
        }
        dims[i] = list->count ? list->data[0]->dims[k] : type->rank < 0 || type->dims[k] < 0 ? 0 : type->dims[k];
        k++;
    }
    TN__TRY(tn_tensor_create(c, list->count ? list->data[0]->dtype : type->dtype, rank, dims, out));
    split_dims(rank, dims, (int32_t)axis, &outer, &inner);
    tn_error *e = NULL;
    for (size_t i = 0; !e && i < list->count; i++) {
        if (list->data[i]->dtype != (*out)->dtype || !tn__tensor_same_shape(list->data[i], list->data[0]))
            e = TN__FAIL(a, SHAPE_MISMATCH, "the scan value of trip %zu has another shape than that of trip 0", i);
        else
            e = copy_slice(*out, list->data[i], outer, dims[axis], inner,
                           (int64_t)(reverse ? list->count - 1 - i : i), true);
    }
    if (e) release_all(out, 1);
    return e;
}

/* ---- trips --------------------------------------------------------------------------------------------------- */

/* What loop and scan share. body_in: lead scalars and slices in the caller's hands, states owned here, captures borrowed. */
typedef struct trips {
    tn_context *context;
    tn_executable *body;
    const tn_graph *graph;
    uint32_t n_state, n_scan_out;
    uint32_t n_in, n_out;  /* of the body */
    uint32_t state_at;     /* first state among the body's inputs */
    uint32_t out_state_at; /* and outputs */
    tn_tensor **in, **out; /* of the body */
    tensors *stacks;       /* n_scan_out lists */
    uint64_t stacked_bytes;
} trips;

static tn_error *trips_init(trips *t, const tn__node *node, tn_tensor *const *initial, tn_tensor *const *captures,
                            uint32_t n_captures) {
    const tn_allocator *a = &t->context->allocator;
    t->n_in = (uint32_t)t->graph->inputs.count;
    t->n_out = (uint32_t)t->graph->outputs.count;
    t->in = tn__alloc_zero(a, (t->n_in + 1) * sizeof *t->in);
    t->out = tn__alloc_zero(a, (t->n_out + 1) * sizeof *t->out);
    t->stacks = tn__alloc_zero(a, (t->n_scan_out + 1) * sizeof *t->stacks);
    if (!t->in || !t->out || !t->stacks) return tn__error_oom();
    for (uint32_t i = 0; i < t->n_state; i++) {
        if (!initial[i]) return TN__FAIL(a, INVALID_GRAPH, "initial state %u is absent", i);
        tn_tensor_retain(t->in[t->state_at + i] = initial[i]);
    }
    for (uint32_t i = 0; i < n_captures; i++) t->in[t->n_in - n_captures + i] = captures[i];
    return NULL;
}

static void trips_deinit(trips *t) {
    const tn_allocator *a = &t->context->allocator;
    if (t->in) release_all(t->in + t->state_at, t->n_state);
    for (uint32_t k = 0; t->stacks && k < t->n_scan_out; k++) {
        release_all(t->stacks[k].data, t->stacks[k].count);
        TN__VEC_FREE(a, &t->stacks[k]);
    }
    tn__free(a, t->in, (t->n_in + 1) * sizeof *t->in);
    tn__free(a, t->out, (t->n_out + 1) * sizeof *t->out);
    tn__free(a, t->stacks, (t->n_scan_out + 1) * sizeof *t->stacks);
}

/* One trip: runs the body, moves the new states in and the scan values onto their lists. */
static tn_error *trips_step(trips *t, int64_t trip) {
    const tn_allocator *a = &t->context->allocator;
    tn_error *e = tn__executable_run(t->body, t->in, t->n_in, t->out, t->n_out);
    if (e) return tn__error_prefix(e, "trip %" PRId64, trip);
    for (uint32_t i = 0; i < t->n_state; i++) {
        tn_tensor_release(t->in[t->state_at + i]);
        t->in[t->state_at + i] = t->out[t->out_state_at + i];
        t->out[t->out_state_at + i] = NULL;
    }
    for (uint32_t k = 0; !e && k < t->n_scan_out; k++) {
        tn_tensor **x = &t->out[t->out_state_at + t->n_state + k];
        t->stacked_bytes += (*x)->bytes + sizeof **x;
        if (t->stacked_bytes > t->context->limits.max_bytes)
            e = TN__FAIL(a, LIMIT_EXCEEDED,
                         "trip %" PRId64 ": the scan values take more than %" PRIu64 " bytes (limit max_bytes)", trip,
                         t->context->limits.max_bytes);
        else if (!TN__PUSH(a, &t->stacks[k], *x)) e = tn__error_oom();
        else *x = NULL;
    }
    if (e) release_all(t->out, t->n_out);
    return e;
}

/* The states as they are now become the first results. */
static void trips_give_states(trips *t, tn_tensor **out) {
    for (uint32_t i = 0; i < t->n_state; i++) tn_tensor_retain(out[i] = t->in[t->state_at + i]);
}

/* ---- the ops ------------------------------------------------------------------------------------------------- */

static tn_error *run_if(tn_context *c, const tn__node *n, tn_executable *const *bodies, tn_tensor *const *in, tn_tensor **out) {
    int64_t cond;
    TN__TRY(one_element(c, "cond", in[0], &cond));
    tn_executable *body = bodies[cond ? 0 : 1];
    if (!body) return TN__FAIL(&c->allocator, INVALID_GRAPH, "the %s branch is missing", cond ? "then" : "else");
    tn_error *e = tn__executable_run(body, in + 1, n->n_in - 1, out, n->n_out);
    return tn__error_prefix(e, "%s branch", cond ? "then" : "else");
}

static tn_error *arity(tn_context *c, const tn__node *n, uint64_t body_in, uint64_t body_out, const tn_graph *body) {
    if (body && body->inputs.count == body_in && body->outputs.count == body_out) return NULL;
    return TN__FAIL(&c->allocator, INVALID_GRAPH, "the body has %zu inputs and %zu outputs, wanted %" PRIu64 " and %" PRIu64,
                    body ? body->inputs.count : 0, body ? body->outputs.count : 0, body_in, body_out);
}

static tn_error *run_loop(tn_context *c, const tn__node *n, tn_executable *body, tn_tensor *const *in, tn_tensor **out) {
    const tn__attrs_loop *attrs = n->attrs;
    const tn_graph *graph = body_of(n);
    if (n->n_in < 2 || attrs->n_state < 0 || attrs->n_state > n->n_in - 2 || attrs->n_state > n->n_out)
        return TN__FAIL(&c->allocator, INVALID_GRAPH, "n_state is %" PRId64 ", operands %u, results %u", attrs->n_state, n->n_in,
                        n->n_out);
    uint32_t n_state = (uint32_t)attrs->n_state;
    TN__TRY(arity(c, n, n->n_in, 1 + (uint64_t)n->n_out, graph));
    int64_t limit = INT64_MAX, cond = 1;
    if (in[0]) TN__TRY(one_element(c, "trip count", in[0], &limit));
    if (in[1]) TN__TRY(one_element(c, "cond", in[1], &cond));
    trips t = {.context = c, .body = body, .graph = graph, .n_state = n_state, .n_scan_out = n->n_out - n_state, .state_at = 2,
               .out_state_at = 1};
    tn_error *e = trips_init(&t, n, in + 2, in + 2 + n_state, n->n_in - 2 - n_state);
    for (int64_t i = 0; !e && cond && i < limit; i++) {
        e = make_scalar(c, graph, 0, TN_DTYPE_i64, i, &t.in[0]);
        if (!e) e = make_scalar(c, graph, 1, TN_DTYPE_bool, 1, &t.in[1]);
        if (!e) e = trips_step(&t, i);
        if (!e) e = one_element(c, "the body's cond", t.out[0], &cond);
        release_all(t.in, 2);
        release_all(t.out, 1);
    }
    if (!e) trips_give_states(&t, out);
    for (uint32_t k = 0; !e && k < t.n_scan_out; k++)
        e = stack(c, &t.stacks[k], tn__type_of(graph, graph->outputs.data[1 + n_state + k].value), 0, false, &out[n_state + k]);
    trips_deinit(&t);
    return e;
}

static int64_t listed(tn__ints list, uint32_t k) { return k < list.n ? list.data[k] : 0; }

static tn_error *run_scan(tn_context *c, const tn__node *n, tn_executable *body, tn_tensor *const *in, tn_tensor **out) {
    const tn__attrs_scan *attrs = n->attrs;
    const tn_allocator *a = &c->allocator;
    const tn_graph *graph = body_of(n);
    if (attrs->n_state < 0 || attrs->n_state > n->n_in || attrs->n_state > n->n_out || attrs->num_scan_inputs < 1 ||
        attrs->num_scan_inputs > n->n_in - attrs->n_state)
        return TN__FAIL(a, INVALID_GRAPH, "n_state is %" PRId64 ", num_scan_inputs %" PRId64 ", operands %u, results %u",
                        attrs->n_state, attrs->num_scan_inputs, n->n_in, n->n_out);
    uint32_t n_state = (uint32_t)attrs->n_state, n_scanned = (uint32_t)attrs->num_scan_inputs;
    TN__TRY(arity(c, n, n->n_in, n->n_out, graph));
    int64_t length = 0;
    tn_tensor *const *scanned = in + n_state;
    int32_t *axes = tn__alloc_zero(a, n_scanned * sizeof *axes);
    trips t = {.context = c, .body = body, .graph = graph, .n_state = n_state, .n_scan_out = n->n_out - n_state};
    tn_error *e = axes ? trips_init(&t, n, in, in + n_state + n_scanned, n->n_in - n_state - n_scanned) : tn__error_oom();
    for (uint32_t k = 0; !e && k < n_scanned; k++) {
        int64_t axis = listed(attrs->scan_input_axes, k);
        const tn_tensor *x = scanned[k];
        if (!x) {
            e = TN__FAIL(a, INVALID_GRAPH, "scanned input %u is absent", k);
        } else if (axis < -(int64_t)x->rank || axis >= x->rank) {
            e = TN__FAIL(a, OUT_OF_RANGE, "scanned input %u: axis is %" PRId64 ", rank %d", k, axis, x->rank);
        } else {
            axes[k] = (int32_t)(axis < 0 ? axis + x->rank : axis);
            if (k && x->dims[axes[k]] != length)
                e = TN__FAIL(a, SHAPE_MISMATCH, "scanned input %u: length is %" PRId64 ", that of input 0 is %" PRId64, k,
                             x->dims[axes[k]], length);
            length = x->dims[axes[k]];
        }
    }
    for (int64_t i = 0; !e && i < length; i++) {
        for (uint32_t k = 0; !e && k < n_scanned; k++)
            e = take_slice(c, scanned[k], axes[k], listed(attrs->scan_input_directions, k) ? length - 1 - i : i,
                           &t.in[n_state + k]);
        if (!e) e = trips_step(&t, i);
        release_all(t.in + n_state, n_scanned);
    }
    if (!e) trips_give_states(&t, out);
    for (uint32_t k = 0; !e && k < t.n_scan_out; k++)
        e = stack(c, &t.stacks[k], tn__type_of(graph, graph->outputs.data[n_state + k].value), listed(attrs->scan_output_axes, k),
                  listed(attrs->scan_output_directions, k) != 0, &out[n_state + k]);
    trips_deinit(&t);
    tn__free(a, axes, n_scanned * sizeof *axes);
    return e;
}

tn_error *tn__control_run(tn_context *context, const tn__node *node, tn_executable *const *bodies, tn_tensor *const *in,
                          tn_tensor **out) {
    tn_error *e = NULL;
    switch (node->op) {
    case TN_OP_if: e = run_if(context, node, bodies, in, out); break;
    case TN_OP_loop: e = run_loop(context, node, bodies[0], in, out); break;
    case TN_OP_scan: e = run_scan(context, node, bodies[0], in, out); break;
    default: e = TN__FAIL(&context->allocator, INTERNAL, "no control flow op"); break;
    }
    if (e) release_all(out, node->n_out);
    return e;
}
