/* Shape rules of the elementwise ops, and `unary`: the result has the type of operand 0. */
#include "op/elementwise/elementwise.h"

#include <inttypes.h>

static tn_error *wrong_dtype(const tn__infer *c, uint32_t k, const char *wanted) {
    return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s", k, tn_dtype_name(c->types[k].dtype), wanted);
}

static tn_error *same_dtype(const tn__infer *c, uint32_t k) {
    if (tn__shape_has(c, k) && c->types[k].dtype != c->types[0].dtype)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted %s as operand 0", k, tn_dtype_name(c->types[k].dtype),
                              tn_dtype_name(c->types[0].dtype));
    return NULL;
}

static tn_error *integer_operand(const tn__infer *c, uint32_t k) {
    return tn__shape_has(c, k) && !tn__is_integer(c->types[k].dtype) ? wrong_dtype(c, k, "an integer type") : NULL;
}

/* Equal ranks, where both are known. */
static tn_error *same_rank(const tn__infer *c, uint32_t k, int32_t rank) {
    if (rank >= 0 && c->types[k].rank >= 0 && c->types[k].rank != rank)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted %d", k, c->types[k].rank, rank);
    return NULL;
}

static tn_error *check_axis(const tn__infer *c, const char *what, int64_t axis) {
    int32_t ignored;
    return c->types[0].rank < 0 ? NULL : tn__shape_axis(c, what, axis, c->types[0].rank, &ignored);
}

static tn_error *infer_reverse_sequence(tn__infer *c) {
    const tn__attrs_reverse_sequence *s = c->attrs;
    TN__TRY(integer_operand(c, 1));
    TN__TRY(same_rank(c, 1, 1));
    TN__TRY(check_axis(c, "attribute 'batch_axis'", s->batch_axis));
    TN__TRY(check_axis(c, "attribute 'time_axis'", s->time_axis));
    if (s->batch_axis == s->time_axis)
        return TN__INFER_FAIL(c, INVALID_ARGUMENT, "batch_axis and time_axis are both %" PRId64, s->batch_axis);
    return NULL;
}

static tn_error *infer_scatter(tn__infer *c) {
    TN__TRY(integer_operand(c, 1));
    TN__TRY(same_dtype(c, 2));
    if (c->op == TN_OP_scatter_nd) {
        if (c->types[0].rank == 0 || c->types[1].rank == 0)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "data and indices must not be scalars");
        return NULL;
    }
    TN__TRY(same_rank(c, 1, c->types[0].rank));
    TN__TRY(same_rank(c, 2, c->types[1].rank));
    return check_axis(c, "attribute 'axis'", ((const tn__attrs_scatter *)c->attrs)->axis);
}

/* Which element types `op` takes, as a class of its operand 0. */
static tn_error *check_unary_dtype(const tn__infer *c) {
    tn_dtype d = c->types[0].dtype;
    switch (c->op) {
    case TN_OP_identity: case TN_OP_trilu: case TN_OP_reverse_sequence: case TN_OP_scatter_elements: case TN_OP_scatter_nd:
    case TN_OP_tensor_scatter:
        return NULL;
    case TN_OP_bitwise_not: return tn__is_integer(d) ? NULL : wrong_dtype(c, 0, "an integer type");
    case TN_OP_abs: case TN_OP_neg: case TN_OP_sign: case TN_OP_relu: case TN_OP_erf: case TN_OP_shrink: case TN_OP_ceil:
    case TN_OP_floor: case TN_OP_round:
        return tn__is_numeric(d) ? NULL : wrong_dtype(c, 0, "a numeric type");
    default: return tn__is_floating(d) ? NULL : wrong_dtype(c, 0, "a floating-point type");
    }
}

tn_error *tn__infer_unary(tn__infer *c) {
    TN__TRY(check_unary_dtype(c));
    switch (c->op) {
    case TN_OP_softmax: case TN_OP_log_softmax: case TN_OP_hardmax:
        TN__TRY(check_axis(c, "attribute 'axis'", ((const tn__attrs_axis_last *)c->attrs)->axis));
        break;
    case TN_OP_lp_normalization: TN__TRY(check_axis(c, "attribute 'axis'", ((const tn__attrs_lp_norm *)c->attrs)->axis)); break;
    case TN_OP_trilu:
        TN__TRY(integer_operand(c, 1));
        if (c->types[0].rank >= 0 && c->types[0].rank < 2)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted at least 2", c->types[0].rank);
        break;
    case TN_OP_reverse_sequence: TN__TRY(infer_reverse_sequence(c)); break;
    case TN_OP_scatter_elements: case TN_OP_scatter_nd: TN__TRY(infer_scatter(c)); break;
    case TN_OP_tensor_scatter:
        TN__TRY(same_dtype(c, 1));
        TN__TRY(same_rank(c, 1, c->types[0].rank));
        TN__TRY(integer_operand(c, 2));
        TN__TRY(check_axis(c, "attribute 'axis'", ((const tn__attrs_tensor_scatter *)c->attrs)->axis));
        break;
    default: break;
    }
    tn__shape_set(c, 0, c->types[0].dtype, c->types[0].rank, c->types[0].dims);
    return NULL;
}

tn_error *tn__infer_predicate(tn__infer *c) {
    tn_dtype d = c->types[0].dtype;
    if (c->op == TN_OP_not && d != TN_DTYPE_bool) return wrong_dtype(c, 0, "bool");
    if (c->op != TN_OP_not && !tn__is_floating(d)) return wrong_dtype(c, 0, "a floating-point type");
    tn__shape_set(c, 0, TN_DTYPE_bool, c->types[0].rank, c->types[0].dims);
    return NULL;
}

static tn_error *target_dtype(const tn__infer *c, tn_dtype *out) {
    int64_t to = ((const tn__attrs_cast *)c->attrs)->to;
    if (to <= 0 || to >= TN_DTYPE_COUNT) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "attribute 'to' is %" PRId64 ", no dtype", to);
    *out = (tn_dtype)to;
    return NULL;
}

tn_error *tn__infer_cast(tn__infer *c) {
    tn_dtype to = TN_DTYPE_NONE;
    TN__TRY(target_dtype(c, &to));
    tn__shape_set(c, 0, to, c->types[0].rank, c->types[0].dims);
    return NULL;
}

tn_error *tn__infer_bit_cast(tn__infer *c) {
    tn_dtype to = TN_DTYPE_NONE, from = c->types[0].dtype;
    TN__TRY(target_dtype(c, &to));
    if (from == TN_DTYPE_string || to == TN_DTYPE_string || tn_dtype_bits(from) != tn_dtype_bits(to))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "cannot reinterpret %s (%u bits) as %s (%u bits)", tn_dtype_name(from),
                              tn_dtype_bits(from), tn_dtype_name(to), tn_dtype_bits(to));
    tn__shape_set(c, 0, to, c->types[0].rank, c->types[0].dims);
    return NULL;
}

static tn_error *broadcast_as(tn__infer *c, tn_dtype d, uint32_t first, uint32_t n) {
    int32_t rank;
    const int64_t *dims;
    TN__TRY(tn__shape_broadcast(c, first, n, &rank, &dims));
    tn__shape_set(c, 0, d, rank, dims);
    return NULL;
}

tn_error *tn__infer_broadcast(tn__infer *c) {
    tn_dtype d = c->types[0].dtype;
    for (uint32_t k = 0; k < c->n_in; k++)
        if (!tn__shape_has(c, k)) return TN__INFER_FAIL(c, INVALID_GRAPH, "operand %u is absent", k);
    switch (c->op) {
    case TN_OP_and: case TN_OP_or: case TN_OP_xor:
        if (d != TN_DTYPE_bool) return wrong_dtype(c, 0, "bool");
        break;
    case TN_OP_bitwise_and: case TN_OP_bitwise_or: case TN_OP_bitwise_xor: case TN_OP_bit_shift:
        if (!tn__is_integer(d)) return wrong_dtype(c, 0, "an integer type");
        break;
    default:
        if (!tn__is_numeric(d)) return wrong_dtype(c, 0, "a numeric type");
    }
    if (c->op == TN_OP_bit_shift) {
        const char *direction = ((const tn__attrs_bit_shift *)c->attrs)->direction;
        if (!direction || (strcmp(direction, "LEFT") && strcmp(direction, "RIGHT")))
            return TN__INFER_FAIL(c, INVALID_ARGUMENT, "attribute 'direction' is '%s', wanted LEFT or RIGHT",
                                  direction ? direction : "");
    }
    if (c->op == TN_OP_pow) { /* the one op of this rule with independent operand types */
        if (!tn__is_numeric(c->types[1].dtype)) return wrong_dtype(c, 1, "a numeric type");
    } else {
        for (uint32_t k = 1; k < c->n_in; k++) TN__TRY(same_dtype(c, k));
    }
    TN__TRY(broadcast_as(c, d, 0, c->n_in));
    /* the slope of prelu is broadcast to x, never x to the slope */
    if (c->op == TN_OP_prelu && c->types[0].rank >= 0) {
        if (c->types[1].rank > c->types[0].rank)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: rank %d does not broadcast to rank %d", c->types[1].rank,
                                  c->types[0].rank);
        for (int32_t i = 0; c->types[1].rank >= 0 && i < c->types[0].rank; i++)
            if (c->types[0].dims[i] >= 0 && c->out[0].dims[i] >= 0 && c->out[0].dims[i] != c->types[0].dims[i])
                return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1 does not broadcast to dimension %d of size %" PRId64, i,
                                      c->types[0].dims[i]);
        tn__shape_set(c, 0, d, c->types[0].rank, c->types[0].dims);
    }
    return NULL;
}

tn_error *tn__infer_compare(tn__infer *c) {
    tn_dtype d = c->types[0].dtype;
    if (c->op != TN_OP_equal && !tn__is_numeric(d)) return wrong_dtype(c, 0, "a numeric type");
    TN__TRY(same_dtype(c, 1));
    return broadcast_as(c, TN_DTYPE_bool, 0, 2);
}

tn_error *tn__infer_where(tn__infer *c) {
    if (c->types[0].dtype != TN_DTYPE_bool) return wrong_dtype(c, 0, "bool");
    if (c->types[1].dtype != c->types[2].dtype)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 2: found %s, wanted %s as operand 1", tn_dtype_name(c->types[2].dtype),
                              tn_dtype_name(c->types[1].dtype));
    return broadcast_as(c, c->types[1].dtype, 0, 3);
}

tn_error *tn__infer_clip(tn__infer *c) {
    if (!tn__is_numeric(c->types[0].dtype)) return wrong_dtype(c, 0, "a numeric type");
    for (uint32_t k = 1; k < 3; k++) {
        if (!tn__shape_has(c, k)) continue;
        TN__TRY(same_dtype(c, k));
        int64_t n = -1;
        if (c->types[k].rank >= 0) TN__TRY(tn__shape_product(c, c->types[k].dims, c->types[k].rank, &n));
        if (n >= 0 && n != 1) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found %" PRId64 " elements, wanted a scalar", k, n);
    }
    tn__shape_set(c, 0, c->types[0].dtype, c->types[0].rank, c->types[0].dims);
    return NULL;
}
