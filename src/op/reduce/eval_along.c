/* Reference evaluation of ops along one axis: arg_max, arg_min, running sums. */
#include "op/elementwise/elementwise.h"

/* A tensor as [outer, n, inner] around the axis. */
typedef struct {
    int64_t outer, n, inner;
} lane;

static tn_error *lanes(const tn__eval *c, int64_t axis_attr, lane *l) {
    const tn_tensor *t = c->in[0];
    int32_t axis;
    TN__TRY(tn__eval_axis(c, "axis", axis_attr, t->rank, &axis));
    *l = (lane){1, t->dims[axis], 1};
    for (int32_t i = 0; i < axis; i++) l->outer *= t->dims[i];
    for (int32_t i = axis + 1; i < t->rank; i++) l->inner *= t->dims[i];
    return NULL;
}

/* x goes before y: a NaN before everything, then the larger (or smaller). */
static bool before(const tn_tensor *t, bool smaller, int64_t i, int64_t j) {
    tn__arith arith = tn__arith_of(t->dtype);
    if (arith == TN__ARITH_F64) {
        double x = tn__load_f64(t->dtype, t->data, i), y = tn__load_f64(t->dtype, t->data, j);
        if (x != x || y != y) return x != x && y == y;
        return smaller ? x < y : x > y;
    }
    int64_t x = tn__load_i64(t->dtype, t->data, i), y = tn__load_i64(t->dtype, t->data, j);
    if (arith == TN__ARITH_U64) return smaller ? (uint64_t)x < (uint64_t)y : (uint64_t)x > (uint64_t)y;
    return smaller ? x < y : x > y;
}

static int64_t best(const tn_tensor *t, int64_t base, lane l, bool smaller, bool last) {
    int64_t found = 0;
    for (int64_t k = 1; k < l.n; k++) {
        int64_t i = base + k * l.inner, j = base + found * l.inner;
        if (last ? !before(t, smaller, j, i) : before(t, smaller, i, j)) found = k;
    }
    return found;
}

tn_error *tn__eval_arg(tn__eval *c) {
    const tn__attrs_arg *s = c->attrs;
    const tn_tensor *t = c->in[0];
    tn_tensor *out;
    lane l;
    TN__TRY(lanes(c, s->axis, &l));
    if (!c->out[0]) return TN__EVAL_FAIL(c, INTERNAL, "%s: the result's shape is not known", tn__op_infos[c->op].name);
    if (!l.n) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "%s: the axis is empty", tn__op_infos[c->op].name);
    TN__TRY(tn__eval_out(c, 0, TN_DTYPE_i64, c->out[0]->rank, c->out[0]->dims, &out));
    int64_t *y = out->data;
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++)
            *y++ = best(t, o * l.n * l.inner + i, l, c->op == TN_OP_arg_min, s->select_last_index != 0);
    return NULL;
}

tn_error *tn__eval_cum(tn__eval *c) {
    const tn__attrs_cum *s = c->attrs;
    const tn_tensor *t = c->in[0], *axis = c->in[1];
    tn_tensor *out;
    lane l;
    bool product = c->op == TN_OP_cum_prod, real = tn__arith_of(t->dtype) == TN__ARITH_F64;
    if (axis->elements != 1) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "%s: operand 1 must have one element", tn__op_infos[c->op].name);
    TN__TRY(lanes(c, tn__load_i64(axis->dtype, axis->data, 0), &l));
    TN__TRY(tn__eval_out(c, 0, t->dtype, t->rank, t->dims, &out));
    for (int64_t o = 0; o < l.outer; o++)
        for (int64_t i = 0; i < l.inner; i++) {
            double sum = product;
            uint64_t whole = product;
            for (int64_t k = 0; k < l.n; k++) {
                int64_t at = (o * l.n + (s->reverse ? l.n - 1 - k : k)) * l.inner + i;
                double x = real ? tn__load_f64(t->dtype, t->data, at) : 0;
                uint64_t u = real ? 0 : (uint64_t)tn__load_i64(t->dtype, t->data, at);
                double next = product ? sum * x : sum + x;
                uint64_t next_whole = product ? whole * u : whole + u;
                if (real) tn__store_f64(t->dtype, out->data, at, s->exclusive ? sum : next);
                else tn__store_i64(t->dtype, out->data, at, (int64_t)(s->exclusive ? whole : next_whole));
                sum = next;
                whole = next_whole;
            }
        }
    return NULL;
}
