/* Algebra that holds bit by bit for every operand, infinities, NaN and the sign of zero included. What only holds over the reals is not here:
 * x + 0 of a float (-0 + 0 is 0), x * 0, x - x, sums and products in another order.
 *
 * One walk; a rule sees operands that the walk has already simplified. Ends: every rule takes away a node, an operand, or a division, and none
 * brings one back.
 * requires: typed, static shapes   keeps: inputs, outputs, names   breaks: node numbers */
#include <math.h>

#include "pass/pass.h"

typedef struct algebra {
    tn__rewriter r;
    const tn__node *n;     /* old */
    const tn__type *out;   /* of its result */
    tn_value a, b;         /* operands 0 and 1, new */
} algebra;

static bool type_is(const tn_graph *g, tn_value v, const tn__type *t) {
    const tn__type *own = tn__type_of(g, v);
    return own->dtype == t->dtype && own->rank == t->rank && !(t->rank && memcmp(own->dims, t->dims, (size_t)t->rank * sizeof *t->dims));
}

/* The producer of v in the new graph if it is `op`. May not be held over an addition. */
static const tn__node *made_by(const algebra *c, tn_value v, tn__op op) {
    const tn__node *n = tn__node_of(c->r.to, v);
    return n && n->op == op ? n : NULL;
}

/* A constant all of whose elements are `value`, of this sign. */
static bool all_are(const algebra *c, tn_value v, double value) {
    const tn_tensor *t = v.id ? tn__constant_of(c->r.to, v) : NULL;
    if (!t || !t->elements || (!tn__dtype_is_float(t->dtype) && !tn__dtype_is_int(t->dtype))) return false;
    for (int64_t i = 0; i < t->elements; i++) {
        double x = tn__load_f64(t->dtype, t->data, i);
        if (x != value || signbit(x) != signbit(value)) return false;
    }
    return true;
}

/* v may stand for the node's result. */
static tn_value same(const algebra *c, tn_value v) { return type_is(c->r.to, v, c->out) ? v : tn__none(); }

static tn_value make(algebra *c, tn__op op, tn_value a, tn_value b) {
    tn_value in[2] = {a, b};
    return tn__graph_add(c->r.to, op, in, b.id ? 2 : 1, NULL, 1, c->n->name);
}

/* Operand 0 of x (made_by), for a node that stands for x as well. */
static tn_value through(const algebra *c, const tn__node *x) {
    tn__rewriter_also(&c->r, x);
    return tn__in(c->r.to, x, 0);
}

/* ---- rules: each gives the value that takes the node's place, or {0} ------------------------------------------ */

static tn_value rule_add(algebra *c) {
    const tn__node *x;
    bool floats = tn__dtype_is_float(c->out->dtype);
    if (all_are(c, c->b, floats ? -0.0 : 0.0)) return same(c, c->a); /* x + -0 ==> x; of integers x + 0 ==> x */
    if (all_are(c, c->a, floats ? -0.0 : 0.0)) return same(c, c->b);
    if ((x = made_by(c, c->b, TN_OP_neg))) return make(c, TN_OP_sub, c->a, through(c, x)); /* a + -b ==> a - b */
    if ((x = made_by(c, c->a, TN_OP_neg))) return make(c, TN_OP_sub, c->b, through(c, x)); /* -a + b ==> b - a */
    return tn__none();
}

static tn_value rule_sub(algebra *c) {
    const tn__node *x;
    if (all_are(c, c->b, 0.0)) return same(c, c->a);                                               /* x - 0 ==> x */
    if ((x = made_by(c, c->b, TN_OP_neg))) return make(c, TN_OP_add, c->a, through(c, x)); /* a - -b ==> a + b */
    return tn__none();
}

static tn_value rule_mul(algebra *c) {
    const tn__node *x = made_by(c, c->a, TN_OP_neg), *y = made_by(c, c->b, TN_OP_neg);
    if (all_are(c, c->b, 1)) return same(c, c->a); /* x * 1 ==> x */
    if (all_are(c, c->a, 1)) return same(c, c->b);
    if (x && y) return make(c, TN_OP_mul, through(c, x), through(c, y)); /* -a * -b ==> a * b */
    return tn__none();
}

/* 1 / t for a constant of f32 or f64 whose elements are powers of two with an exact reciprocal; NULL otherwise. */
static tn_error *exact_reciprocal(const algebra *c, const tn_tensor *t, tn_tensor **out) {
    *out = NULL;
    if (!t || (t->dtype != TN_DTYPE_f32 && t->dtype != TN_DTYPE_f64)) return NULL;
    int least = t->dtype == TN_DTYPE_f32 ? -126 : -1022; /* normal numbers only */
    for (int64_t i = 0; i < t->elements; i++) {
        int e;
        double x = tn__load_f64(t->dtype, t->data, i);
        if (!isfinite(x) || fabs(frexp(x, &e)) != 0.5 || e - 1 < least || 1 - e < least) return NULL;
    }
    TN__TRY(tn_tensor_create(c->r.to->context, t->dtype, t->rank, t->dims, out));
    for (int64_t i = 0; i < t->elements; i++) tn__store_f64(t->dtype, (*out)->data, i, 1 / tn__load_f64(t->dtype, t->data, i));
    return NULL;
}

static tn_value rule_div(algebra *c) {
    if (all_are(c, c->b, 1)) return same(c, c->a); /* x / 1 ==> x */
    tn_tensor *t;
    tn_error *e = exact_reciprocal(c, c->b.id ? tn__constant_of(c->r.to, c->b) : NULL, &t);
    if (e) return tn__graph_fail(c->r.to, e), tn__none();
    if (!t) return tn__none();
    tn_value by = tn_graph_constant(c->r.to, t); /* x / 2^k ==> x * 2^-k: both are the rounded value of one number */
    tn_tensor_release(t);
    return make(c, TN_OP_mul, c->a, by);
}

/* f(f(x)) ==> x for neg and not; ==> f(x) for abs, relu, floor, ceil, round and sign; abs(neg(x)) ==> abs(x) */
static tn_value rule_unary(algebra *c) {
    const tn__node *x = made_by(c, c->a, c->n->op), *negated = made_by(c, c->a, TN_OP_neg);
    if (x) return c->n->op == TN_OP_neg || c->n->op == TN_OP_not || c->n->op == TN_OP_bitwise_not ? tn__in(c->r.to, x, 0) : c->a;
    return negated && c->n->op == TN_OP_abs ? make(c, TN_OP_abs, through(c, negated), tn__none()) : tn__none();
}

/* f(x, x) ==> x */
static tn_value rule_idempotent(algebra *c) { return c->n->n_in == 2 && c->a.id == c->b.id ? c->a : tn__none(); }

/* where(c, x, x) ==> x; where(all true, x, y) ==> x; where(all false, x, y) ==> y */
static tn_value rule_where(algebra *c) {
    tn_value y = tn__rewriter_in(&c->r, c->n, 2);
    if (c->b.id == y.id) return same(c, y);
    const tn_tensor *t = tn__constant_of(c->r.to, c->a);
    bool any[2] = {false, false}; /* elements that are false, true */
    for (int64_t i = 0; t && i < t->elements; i++) any[tn__load_i64(t->dtype, t->data, i) != 0] = true;
    if (any[0] == any[1]) return tn__none();
    return same(c, any[1] ? c->b : y);
}

static bool is_signed(tn_dtype d) { return d == TN_DTYPE_i64 || d == TN_DTYPE_i32 || d == TN_DTYPE_i16 || d == TN_DTYPE_i8; }

/* Every value of `from` is one of `to`. */
static bool holds_all(tn_dtype from, tn_dtype to) {
    int bits = (int)tn_dtype_bits(from), room = (int)tn_dtype_bits(to); /* of a float: its significand */
    if (from == to) return true;
    if (from == TN_DTYPE_f32) return to == TN_DTYPE_f64;
    if (from == TN_DTYPE_f16 || from == TN_DTYPE_bf16) return to == TN_DTYPE_f32 || to == TN_DTYPE_f64;
    if (!tn__dtype_is_int(from) || bits < 8) return false;
    if (to == TN_DTYPE_f64 || to == TN_DTYPE_f32) return bits - is_signed(from) <= (to == TN_DTYPE_f64 ? 53 : 24);
    if (!tn__dtype_is_int(to) || room < 8 || (is_signed(from) && !is_signed(to))) return false;
    return is_signed(from) ? room >= bits : room - is_signed(to) >= bits;
}

/* cast_C(cast_B(x)) ==> cast_C(x), or x, where B holds every value of x's type; from an integer by way of a float to another integer the
 * bounds of the two casts differ: that stays */
static tn_value rule_cast(algebra *c) {
    const tn__node *before = made_by(c, c->a, TN_OP_cast);
    if (!before) return tn__none();
    tn_value x = tn__in(c->r.to, before, 0);
    tn_dtype from = tn__type_of(c->r.to, x)->dtype, by = tn__type_of(c->r.to, c->a)->dtype, to = c->out->dtype;
    if (!holds_all(from, by)) return tn__none();
    if (from == to) return x;
    if (tn__dtype_is_int(to) && tn__dtype_is_float(by) && !tn__dtype_is_float(from)) return tn__none();
    if (to != TN_DTYPE_bool && !tn__dtype_is_int(to) && to != TN_DTYPE_f64 && to != TN_DTYPE_f32 && to != TN_DTYPE_f16 && to != TN_DTYPE_bf16)
        return tn__none(); /* narrow floats have modes */
    tn__rewriter_also(&c->r, before);
    return tn__graph_add(c->r.to, TN_OP_cast, &x, 1, c->n->attrs, 1, c->n->name);
}

/* f(expand(x), y) ==> f(x, y) where y has the whole shape: elementwise operands broadcast by themselves */
static tn_value rule_broadcast(algebra *c) {
    enum { OPERANDS_MOST = 8 };
    tn_value in[OPERANDS_MOST];
    bool whole = false, any = false;
    if (c->n->n_in < 2 || c->n->n_in > OPERANDS_MOST || c->n->n_out != 1) return tn__none();
    for (uint32_t k = 0; k < c->n->n_in; k++) {
        in[k] = tn__rewriter_in(&c->r, c->n, k);
        if (!in[k].id) return tn__none();
        const tn__node *e = made_by(c, in[k], TN_OP_expand);
        const tn__type *t = tn__type_of(c->r.to, in[k]);
        if (e) in[k] = through(c, e), any = true;
        else whole |= t->rank == c->out->rank && !(t->rank && memcmp(t->dims, c->out->dims, (size_t)t->rank * sizeof *t->dims));
    }
    return any && whole ? tn__graph_add(c->r.to, c->n->op, in, c->n->n_in, c->n->attrs, 1, c->n->name) : tn__none();
}

static tn_value apply(algebra *c) {
    tn_value v = tn__none();
    switch (c->n->op) {
    case TN_OP_add: v = rule_add(c); break;
    case TN_OP_sub: v = rule_sub(c); break;
    case TN_OP_mul: v = rule_mul(c); break;
    case TN_OP_div: v = rule_div(c); break;
    case TN_OP_neg: case TN_OP_not: case TN_OP_bitwise_not: case TN_OP_abs: case TN_OP_relu: case TN_OP_floor: case TN_OP_ceil: case TN_OP_round:
    case TN_OP_sign: v = rule_unary(c); break;
    case TN_OP_max: case TN_OP_min: case TN_OP_and: case TN_OP_or: case TN_OP_bitwise_and: case TN_OP_bitwise_or: v = rule_idempotent(c); break;
    case TN_OP_where: v = rule_where(c); break;
    case TN_OP_cast: v = rule_cast(c); break;
    default: break;
    }
    return v.id || !(tn__op_infos[c->n->op].flags & TN__OP_EW) ? v : rule_broadcast(c);
}

tn_error *tn_pass_algebra(tn_graph *g) {
    algebra c;
    TN__TRY(tn__rewriter_begin(g, &c.r));
    for (size_t i = 0; i < g->nodes.count && !c.r.to->error; i++) {
        c.n = &g->nodes.data[i];
        tn__rewriter_from(&c.r, c.n);
        c.out = &g->values.data[c.n->first_out].type;
        c.a = tn__rewriter_in(&c.r, c.n, 0), c.b = tn__rewriter_in(&c.r, c.n, 1);
        tn_value v = c.n->n_in ? apply(&c) : tn__none();
        if (v.id) tn__rewriter_replace(&c.r, c.n, v);
        else if (!c.r.to->error) tn__rewriter_copy(&c.r, c.n);
    }
    return tn__rewriter_commit(&c.r, g);
}
