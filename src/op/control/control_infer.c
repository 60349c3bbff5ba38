/* Shape rules of if, loop and scan: what the sub-graphs' results have in common with what they may be replaced by. */
#include "op/op.h"

#include <inttypes.h>

/* A type of another graph: its symbols mean nothing here. */
static tn_error *import_type(tn__infer *c, const tn__type *t, tn__type *out) {
    *out = *t;
    if (t->rank < 0) return NULL;
    int64_t *dims = tn__shape_dims(c, t->rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < t->rank; i++) dims[i] = t->dims[i] < 0 ? TN_DIM_UNKNOWN : t->dims[i];
    out->dims = dims;
    return NULL;
}

/* What holds of both x and y; x was made by import_type. */
static void join(tn__type *x, const tn__type *y) {
    if (x->rank != y->rank) x->rank = -1;
    for (int32_t i = 0; i < x->rank; i++)
        if (x->dims[i] != y->dims[i]) ((int64_t *)x->dims)[i] = TN_DIM_UNKNOWN;
}

static tn_error *check_body(tn__infer *c, const char *what, const tn_graph *body, uint64_t n_in, uint64_t n_out) {
    if (!body) return TN__INFER_FAIL(c, INVALID_GRAPH, "attribute '%s' is missing", what);
    if (body->error) return tn__error_prefix(tn__error_copy(body->error), "%s", what);
    if (body->inputs.count != n_in || body->outputs.count != n_out)
        return TN__INFER_FAIL(c, INVALID_GRAPH, "%s has %zu inputs and %zu outputs, wanted %" PRIu64 " and %" PRIu64, what,
                              body->inputs.count, body->outputs.count, n_in, n_out);
    return NULL;
}

/* Operands first.. give inputs body_first.. of the body. */
static tn_error *check_operands(tn__infer *c, const char *what, const tn_graph *body, uint32_t first, uint32_t body_first,
                                uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        const tn__port *p = &body->inputs.data[body_first + k];
        tn_dtype wanted = tn__type_of(body, p->value)->dtype;
        if (!tn__shape_has(c, first + k))
            return TN__INFER_FAIL(c, INVALID_GRAPH, "operand %u ('%s' of %s) is absent", first + k, p->name, what);
        if (c->types[first + k].dtype != wanted)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u ('%s' of %s): found %s, wanted %s", first + k, p->name, what,
                                  tn_dtype_name(c->types[first + k].dtype), tn_dtype_name(wanted));
    }
    return NULL;
}

static const tn__type *output_type(const tn_graph *body, uint32_t k) { return tn__type_of(body, body->outputs.data[k].value); }

tn_error *tn__infer_if(tn__infer *c) {
    const tn__attrs_if *attrs = c->attrs;
    const tn_graph *yes = attrs->then_branch, *no = attrs->else_branch;
    if (c->types[0].dtype != TN_DTYPE_bool)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted bool", tn_dtype_name(c->types[0].dtype));
    TN__TRY(check_body(c, "then_branch", yes, c->n_in - 1, c->n_out));
    TN__TRY(check_body(c, "else_branch", no, c->n_in - 1, c->n_out));
    TN__TRY(check_operands(c, "then_branch", yes, 1, 0, c->n_in - 1));
    TN__TRY(check_operands(c, "else_branch", no, 1, 0, c->n_in - 1));
    for (uint32_t k = 0; k < c->n_out; k++) {
        const tn__type *x = output_type(yes, k), *y = output_type(no, k);
        if (x->dtype != y->dtype)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "result %u is %s in then_branch and %s in else_branch", k,
                                  tn_dtype_name(x->dtype), tn_dtype_name(y->dtype));
        TN__TRY(import_type(c, x, &c->out[k]));
        join(&c->out[k], y);
    }
    return NULL;
}

/* A state may keep its initial value (no trip at all) or be the body's result. */
static tn_error *infer_states(tn__infer *c, const tn_graph *body, uint32_t first_in, uint32_t first_out, uint32_t n) {
    for (uint32_t k = 0; k < n; k++) {
        const tn__type *t = output_type(body, first_out + k);
        if (t->dtype != c->types[first_in + k].dtype)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "state %u is %s at first and %s after the body", k,
                                  tn_dtype_name(c->types[first_in + k].dtype), tn_dtype_name(t->dtype));
        TN__TRY(import_type(c, t, &c->out[k]));
        join(&c->out[k], &c->types[first_in + k]);
    }
    return NULL;
}

/* A value of every trip, stacked on a new axis. */
static tn_error *infer_stack(tn__infer *c, const tn__type *t, int64_t axis, int64_t length, tn__type *out) {
    *out = (tn__type){t->dtype, -1, NULL};
    if (t->rank < 0) return NULL;
    int32_t at;
    TN__TRY(tn__shape_axis(c, "scan output axis", axis, t->rank + 1, &at));
    int64_t *dims = tn__shape_dims(c, t->rank + 1);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0, k = 0; i <= t->rank; i++) {
        if (i == at) dims[i] = length;
        else dims[i] = t->dims[k] < 0 ? TN_DIM_UNKNOWN : t->dims[k], k++;
    }
    out->rank = t->rank + 1;
    out->dims = dims;
    return NULL;
}

tn_error *tn__infer_loop(tn__infer *c) {
    const tn__attrs_loop *attrs = c->attrs;
    if (c->n_in < 2 || attrs->n_state < 0 || attrs->n_state > (int64_t)c->n_in - 2 || attrs->n_state > c->n_out)
        return TN__INFER_FAIL(c, INVALID_GRAPH, "n_state is %" PRId64 ", operands %u, results %u", attrs->n_state, c->n_in,
                              c->n_out);
    uint32_t n_state = (uint32_t)attrs->n_state;
    TN__TRY(check_body(c, "body", attrs->body, c->n_in, 1 + (uint64_t)c->n_out));
    if (tn__shape_has(c, 0) && c->types[0].dtype != TN_DTYPE_i64)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted i64", tn_dtype_name(c->types[0].dtype));
    if (tn__shape_has(c, 1) && c->types[1].dtype != TN_DTYPE_bool)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 1: found %s, wanted bool", tn_dtype_name(c->types[1].dtype));
    if (output_type(attrs->body, 0)->dtype != TN_DTYPE_bool)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "the body's output 0 is %s, wanted bool",
                              tn_dtype_name(output_type(attrs->body, 0)->dtype));
    TN__TRY(check_operands(c, "body", attrs->body, 2, 2, c->n_in - 2));
    TN__TRY(infer_states(c, attrs->body, 2, 1, n_state));
    for (uint32_t k = n_state; k < c->n_out; k++)
        TN__TRY(infer_stack(c, output_type(attrs->body, 1 + k), 0, TN_DIM_UNKNOWN, &c->out[k]));
    return NULL;
}

tn_error *tn__infer_scan(tn__infer *c) {
    const tn__attrs_scan *attrs = c->attrs;
    if (attrs->n_state < 0 || attrs->n_state > c->n_in || attrs->n_state > c->n_out || attrs->num_scan_inputs < 1 ||
        attrs->num_scan_inputs > (int64_t)c->n_in - attrs->n_state)
        return TN__INFER_FAIL(c, INVALID_GRAPH, "n_state is %" PRId64 ", num_scan_inputs %" PRId64 ", operands %u, results %u",
                              attrs->n_state, attrs->num_scan_inputs, c->n_in, c->n_out);
    uint32_t n_state = (uint32_t)attrs->n_state;
    TN__TRY(check_body(c, "body", attrs->body, c->n_in, c->n_out));
    TN__TRY(check_operands(c, "body", attrs->body, 0, 0, c->n_in));
    TN__TRY(infer_states(c, attrs->body, 0, 0, n_state));
    int64_t length = TN_DIM_UNKNOWN;
    const tn__type *scanned = &c->types[n_state];
    if (scanned->rank >= 0) {
        int32_t axis;
        TN__TRY(tn__shape_axis(c, "scan input axis", attrs->scan_input_axes.n ? attrs->scan_input_axes.data[0] : 0, scanned->rank,
                               &axis));
        length = scanned->dims[axis];
    }
    for (uint32_t k = n_state; k < c->n_out; k++) {
        uint32_t i = k - n_state;
        TN__TRY(infer_stack(c, output_type(attrs->body, k), i < attrs->scan_output_axes.n ? attrs->scan_output_axes.data[i] : 0,
                            length, &c->out[k]));
    }
    return NULL;
}
