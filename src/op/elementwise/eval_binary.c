/* Reference evaluation of the elementwise ops of several operands, with numpy broadcasting. Integers wrap modulo 2^bits; dividing an
 * integer by zero gives 0 and its remainder 0 (ONNX leaves it open; numpy gives 0 too). */
#include <math.h>

#include "op/elementwise/elementwise.h"
#include "op/movement/copy_nd.h"

static double floor_mod(double x, double y) {
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static double binary_f64(tn__op op, bool use_fmod, double x, double y) {
    switch (op) {
    case TN_OP_add: return x + y;
    case TN_OP_sub: return x - y;
    case TN_OP_mul: return x * y;
    case TN_OP_div: return x / y;
    case TN_OP_pow: return pow(x, y);
    case TN_OP_atan2: return atan2(x, y);
    case TN_OP_prelu: return x < 0 ? x * y : x;
    case TN_OP_mod: return use_fmod ? fmod(x, y) : floor_mod(x, y);
    case TN_OP_max: return tn__max_f64(x, y);
    case TN_OP_min: return tn__min_f64(x, y);
    default: return NAN;
    }
}

/* x^n modulo 2^64; n < 0: the truncated quotient 1 / x^-n */
static uint64_t pow_u64(uint64_t x, int64_t n) {
    if (n < 0) return x == 1 ? 1 : x == UINT64_MAX ? (n & 1 ? UINT64_MAX : 1) : 0;
    uint64_t r = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1) r *= x;
    return r;
}

typedef struct {
    bool is_unsigned, use_fmod, left;
    uint32_t bits;
} integer_how;

static uint64_t shift(integer_how how, uint64_t x, uint64_t n) {
    if (n >= how.bits) return !how.left && !how.is_unsigned && (int64_t)x < 0 ? UINT64_MAX : 0;
    if (how.left) return x << n;
    uint64_t fill = !how.is_unsigned && (int64_t)x < 0 && n ? ~(UINT64_MAX >> n) : 0;
    return x >> n | fill;
}

static int64_t divide(integer_how how, int64_t x, int64_t y) {
    if (!y) return 0;
    if (how.is_unsigned) return (int64_t)((uint64_t)x / (uint64_t)y);
    return y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y; /* truncates toward zero */
}

static int64_t modulo(integer_how how, int64_t x, int64_t y) {
    if (!y) return 0;
    if (how.is_unsigned) return (int64_t)((uint64_t)x % (uint64_t)y);
    if (y == -1) return 0;
    int64_t r = x % y;
    return !how.use_fmod && r && (r < 0) != (y < 0) ? r + y : r;
}

static int64_t binary_i64(tn__op op, integer_how how, int64_t x, int64_t y) {
    uint64_t u = (uint64_t)x, v = (uint64_t)y;
    bool greater = how.is_unsigned ? u > v : x > y;
    switch (op) {
    case TN_OP_add: return (int64_t)(u + v);
    case TN_OP_sub: return (int64_t)(u - v);
    case TN_OP_mul: return (int64_t)(u * v);
    case TN_OP_div: return divide(how, x, y);
    case TN_OP_pow: return (int64_t)pow_u64(u, y);
    case TN_OP_prelu: return !how.is_unsigned && x < 0 ? (int64_t)(u * v) : x;
    case TN_OP_mod: return modulo(how, x, y);
    case TN_OP_and: case TN_OP_bitwise_and: return x & y;
    case TN_OP_or: case TN_OP_bitwise_or: return x | y;
    case TN_OP_xor: case TN_OP_bitwise_xor: return x ^ y;
    case TN_OP_bit_shift: return (int64_t)shift(how, u, v);
    case TN_OP_max: return greater ? x : y;
    case TN_OP_min: return greater ? y : x;
    default: return 0;
    }
}

static integer_how how_of(const tn__eval *c, tn_dtype d) {
    integer_how how = {.is_unsigned = tn__is_unsigned(d), .bits = tn_dtype_bits(d)};
    if (c->op == TN_OP_mod) how.use_fmod = ((const tn__attrs_mod *)c->attrs)->fmod != 0;
    if (c->op == TN_OP_bit_shift) {
        const char *direction = ((const tn__attrs_bit_shift *)c->attrs)->direction;
        how.left = direction && !strcmp(direction, "LEFT");
    }
    return how;
}

/* The static result shape was checked by the shape rule; here it only has to exist. */
static tn_error *broadcast_out(tn__eval *c, tn_dtype d, uint32_t first, uint32_t n, tn_tensor **out) {
    if (!c->out[0]) {
        int64_t dims[TN_MAX_RANK];
        int32_t rank = 0;
        for (uint32_t k = first; k < first + n; k++)
            if (c->in[k]->rank > rank) rank = c->in[k]->rank;
        for (int32_t i = 0; i < rank; i++) dims[i] = 1;
        for (uint32_t k = first; k < first + n; k++)
            for (int32_t i = 0; i < c->in[k]->rank; i++)
                if (c->in[k]->dims[i] != 1) dims[rank - c->in[k]->rank + i] = c->in[k]->dims[i];
        return tn__eval_out(c, 0, d, rank, dims, out);
    }
    return tn__eval_out(c, 0, d, c->out[0]->rank, c->out[0]->dims, out);
}

tn_error *tn__eval_binary(tn__eval *c) {
    const tn_tensor *x = c->in[0], *y = c->in[1];
    tn_tensor *out;
    TN__TRY(broadcast_out(c, x->dtype, 0, 2, &out));
    integer_how how = how_of(c, x->dtype);
    tn__arith arith = tn__arith_of(x->dtype);
    /* an integer base to a real power is computed as real, then truncated */
    if (c->op == TN_OP_pow && tn__arith_of(y->dtype) == TN__ARITH_F64) arith = TN__ARITH_F64;
    if (c->op == TN_OP_atan2) arith = TN__ARITH_F64;
    tn__walk w;
    int64_t at = 0;
    if (!tn__walk_begin(&w, out, 2, c->in)) return NULL;
    do {
        if (x->dtype == TN_DTYPE_f32 && y->dtype == TN_DTYPE_f32) {
            const float *p = (const float *)x->data + w.at[0], *q = (const float *)y->data + w.at[1];
            float *r = (float *)out->data + at;
            for (int64_t i = 0; i < w.run; i++)
                r[i] = (float)binary_f64(c->op, how.use_fmod, p[i * w.step[0]], q[i * w.step[1]]);
        } else if (arith == TN__ARITH_F64) {
            for (int64_t i = 0; i < w.run; i++)
                tn__store_f64(out->dtype, out->data, at + i,
                              binary_f64(c->op, how.use_fmod, tn__load_f64(x->dtype, x->data, w.at[0] + i * w.step[0]),
                                         tn__load_f64(y->dtype, y->data, w.at[1] + i * w.step[1])));
        } else {
            for (int64_t i = 0; i < w.run; i++)
                tn__store_i64(out->dtype, out->data, at + i,
                              binary_i64(c->op, how, tn__load_i64(x->dtype, x->data, w.at[0] + i * w.step[0]),
                                         tn__load_i64(y->dtype, y->data, w.at[1] + i * w.step[1])));
        }
        at += w.run;
    } while (tn__walk_next(&w));
    return NULL;
}

/* -1, 0, 1, or 2 when unordered */
static int order(tn__arith arith, const tn_tensor *x, int64_t i, const tn_tensor *y, int64_t j) {
    if (arith == TN__ARITH_F64) {
        double p = tn__load_f64(x->dtype, x->data, i), q = tn__load_f64(y->dtype, y->data, j);
        return p < q ? -1 : p > q ? 1 : p == q ? 0 : 2;
    }
    int64_t p = tn__load_i64(x->dtype, x->data, i), q = tn__load_i64(y->dtype, y->data, j);
    if (p == q) return 0;
    return (arith == TN__ARITH_U64 ? (uint64_t)p < (uint64_t)q : p < q) ? -1 : 1;
}

static int order_string(const tn_tensor *x, int64_t i, const tn_tensor *y, int64_t j) {
    const char *p = ((char **)x->data)[i], *q = ((char **)y->data)[j];
    int s = strcmp(p ? p : "", q ? q : "");
    return s < 0 ? -1 : s > 0;
}

tn_error *tn__eval_compare(tn__eval *c) {
    const tn_tensor *x = c->in[0], *y = c->in[1];
    tn_tensor *out;
    TN__TRY(broadcast_out(c, TN_DTYPE_bool, 0, 2, &out));
    tn__arith arith = tn__arith_of(x->dtype);
    tn__walk w;
    uint8_t *r = out->data;
    if (!tn__walk_begin(&w, out, 2, c->in)) return NULL;
    do {
        for (int64_t i = 0; i < w.run; i++) {
            int64_t p = w.at[0] + i * w.step[0], q = w.at[1] + i * w.step[1];
            int o = x->dtype == TN_DTYPE_string ? order_string(x, p, y, q) : order(arith, x, p, y, q);
            switch (c->op) {
            case TN_OP_equal: *r++ = o == 0; break;
            case TN_OP_greater: *r++ = o == 1; break;
            case TN_OP_greater_equal: *r++ = o == 1 || o == 0; break;
            case TN_OP_less: *r++ = o == -1; break;
            default: *r++ = o == -1 || o == 0; break; /* less_equal */
            }
        }
    } while (tn__walk_next(&w));
    return NULL;
}

tn_error *tn__eval_variadic(tn__eval *c) {
    tn_dtype d = c->in[0]->dtype;
    tn_tensor *out;
    TN__TRY(broadcast_out(c, d, 0, c->n_in, &out));
    tn__op op = c->op == TN_OP_max || c->op == TN_OP_min ? c->op : TN_OP_add;
    tn__arith arith = tn__arith_of(d);
    integer_how how = {.is_unsigned = tn__is_unsigned(d), .bits = tn_dtype_bits(d)};
    size_t bytes;
    if (!tn__mul((size_t)out->elements, sizeof(int64_t), &bytes)) return tn__error_oom();
    void *memory = tn__alloc(c->a, bytes); /* accumulators of the whole result, double or int64_t */
    if (!memory) return tn__error_oom();
    double *real = memory;
    int64_t *integer = memory;
    for (uint32_t k = 0; k < c->n_in; k++) {
        const tn_tensor *x = c->in[k];
        tn__walk w;
        int64_t at = 0;
        if (!tn__walk_begin(&w, out, 1, &x)) break;
        do {
            for (int64_t i = 0; i < w.run; i++, at++) {
                int64_t from = w.at[0] + i * w.step[0];
                if (arith == TN__ARITH_F64) {
                    double v = tn__load_f64(d, x->data, from);
                    real[at] = k ? binary_f64(op, false, real[at], v) : v;
                } else {
                    int64_t v = tn__load_i64(d, x->data, from);
                    integer[at] = k ? binary_i64(op, how, integer[at], v) : v;
                }
            }
        } while (tn__walk_next(&w));
    }
    for (int64_t i = 0; i < out->elements; i++) {
        bool mean = c->op == TN_OP_mean;
        if (arith == TN__ARITH_F64) tn__store_f64(d, out->data, i, mean ? real[i] / c->n_in : real[i]);
        else tn__store_i64(d, out->data, i, mean ? divide(how, integer[i], c->n_in) : integer[i]);
    }
    tn__free(c->a, memory, bytes);
    return NULL;
}

tn_error *tn__eval_where(tn__eval *c) {
    const uint8_t *condition = c->in[0]->data;
    tn_tensor *out;
    TN__TRY(broadcast_out(c, c->in[1]->dtype, 0, 3, &out));
    tn__walk w;
    int64_t at = 0;
    if (!tn__walk_begin(&w, out, 3, c->in)) return NULL;
    do {
        for (int64_t i = 0; i < w.run; i++, at++) {
            uint32_t k = condition[w.at[0] + i * w.step[0]] ? 1 : 2;
            TN__TRY(tn__copy_run(c->a, out, at, c->in[k], w.at[k] + i * w.step[k], 1));
        }
    } while (tn__walk_next(&w));
    return NULL;
}

/* min(max(x, low), high): where low > high the result is high. */
tn_error *tn__eval_clip(tn__eval *c) {
    const tn_tensor *t = c->in[0], *low = tn__eval_in(c, 1), *high = tn__eval_in(c, 2);
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, t->dtype, t->rank, t->dims, &out));
    if ((low && low->elements != 1) || (high && high->elements != 1))
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "clip: the bounds must have one element");
    tn__arith arith = tn__arith_of(t->dtype);
    if (arith == TN__ARITH_F64) {
        double l = low ? tn__load_f64(t->dtype, low->data, 0) : -INFINITY, h = high ? tn__load_f64(t->dtype, high->data, 0) : INFINITY;
        for (int64_t i = 0; i < t->elements; i++)
            tn__store_f64(t->dtype, out->data, i, tn__min_f64(tn__max_f64(tn__load_f64(t->dtype, t->data, i), l), h));
        return NULL;
    }
    integer_how how = {.is_unsigned = tn__is_unsigned(t->dtype), .bits = tn_dtype_bits(t->dtype)};
    int64_t l = low ? tn__load_i64(t->dtype, low->data, 0) : 0, h = high ? tn__load_i64(t->dtype, high->data, 0) : 0;
    for (int64_t i = 0; i < t->elements; i++) {
        int64_t x = tn__load_i64(t->dtype, t->data, i);
        if (low) x = binary_i64(TN_OP_max, how, x, l);
        if (high) x = binary_i64(TN_OP_min, how, x, h);
        tn__store_i64(t->dtype, out->data, i, x);
    }
    return NULL;
}
