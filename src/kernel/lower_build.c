/* Expressions of a group: elementwise nodes inlined into one kernel, everything else loaded. */
#include "kernel/lower.h"
#include "kernel/lower_maps.h"
#include "kernel/schedule.h"

#include <math.h>
#include <stdio.h>

enum { MOST_OPERANDS = 8 };

static const struct {
    tn__op op;
    tn__kop kop;
    bool floats_only;
} simple_ops[] = {
    {TN_OP_add, TN__KX_ADD, false}, {TN_OP_sub, TN__KX_SUB, false}, {TN_OP_mul, TN__KX_MUL, false}, {TN_OP_div, TN__KX_DIV, true},
    {TN_OP_max, TN__KX_MAX, false}, {TN_OP_min, TN__KX_MIN, false}, {TN_OP_sum, TN__KX_ADD, false}, {TN_OP_neg, TN__KX_NEG, false},
    {TN_OP_abs, TN__KX_ABS, false}, {TN_OP_sqrt, TN__KX_SQRT, true}, {TN_OP_floor, TN__KX_FLOOR, true}, {TN_OP_ceil, TN__KX_CEIL, true},
    {TN_OP_round, TN__KX_ROUND, true}, {TN_OP_and, TN__KX_AND, false}, {TN_OP_or, TN__KX_OR, false}, {TN_OP_xor, TN__KX_XOR, false},
    {TN_OP_not, TN__KX_NOT, false}, {TN_OP_equal, TN__KX_EQ, false}, {TN_OP_less, TN__KX_LT, false}, {TN_OP_less_equal, TN__KX_LE, false},
    {TN_OP_greater, TN__KX_LT, false}, {TN_OP_greater_equal, TN__KX_LE, false}, {TN_OP_identity, TN__KX_CAST, false},
    {TN_OP_cast, TN__KX_CAST, false}, {TN_OP_where, TN__KX_SELECT, false}, {TN_OP_exp, TN__KX_EXP, true}, {TN_OP_log, TN__KX_LOG, true},
    {TN_OP_tanh, TN__KX_TANH, true}, {TN_OP_erf, TN__KX_ERF, true},
};

static int simple_index(tn__op op) {
    for (size_t i = 0; i < sizeof simple_ops / sizeof *simple_ops; i++)
        if (simple_ops[i].op == op) return (int)i;
    return -1;
}

static bool composite(tn__op op) {
    switch (op) {
    case TN_OP_relu: case TN_OP_sigmoid: case TN_OP_reciprocal: case TN_OP_rsqrt: case TN_OP_leaky_relu: case TN_OP_hard_sigmoid:
    case TN_OP_hard_swish: case TN_OP_swish: case TN_OP_clip: case TN_OP_gelu: case TN_OP_elu: case TN_OP_prelu: case TN_OP_softplus:
    case TN_OP_mish: case TN_OP_pow: return true;
    default: return false;
    }
}

/* Narrow integers only pass through quantisation: their arithmetic would have to wrap. */
static bool arithmetic_dtype(tn_dtype d) { return tn__kernel_compute_dtype(d) == d || tn__kernel_as_f32(d); }

static bool half(tn_dtype d) { return d == TN_DTYPE_f16 || d == TN_DTYPE_bf16; }

static bool eight_bits(tn_dtype d) { return d == TN_DTYPE_u8 || d == TN_DTYPE_i8; }

/* 8-bit quantisation with one scale and one zero point, constant or not. */
static bool quantisation_ok(const tn_graph *g, const tn__node *n) {
    const tn__type *x = tn__type_of(g, tn__in(g, n, 0)), *out = &g->values.data[n->first_out].type;
    const tn__attrs_quantize *a = n->attrs;
    const tn__type *scale = tn__type_of(g, tn__in(g, n, 1)), *zero = tn__in(g, n, 2).id ? tn__type_of(g, tn__in(g, n, 2)) : NULL;
    if (a->block_size || (a->precision && a->precision != TN_DTYPE_f32) || scale->dtype != TN_DTYPE_f32 || tn__type_elements(scale) != 1) return false;
    if (zero && tn__type_elements(zero) != 1) return false;
    return n->op == TN_OP_quantize_linear ? x->dtype == TN_DTYPE_f32 && eight_bits(out->dtype)
                                          : eight_bits(x->dtype) && out->dtype == TN_DTYPE_f32;
}

bool tn__lower_elementwise_ok(const tn_graph *g, const tn__node *n) {
    /* a layout and a schedule add a dim each; a variadic op must fit one kernel */
    if (g->values.data[n->first_out].type.rank > TN__K_DIMS - 2 || n->n_in > MOST_OPERANDS) return false;
    if (n->op == TN_OP_quantize_linear || n->op == TN_OP_dequantize_linear) return quantisation_ok(g, n);
    int s = simple_index(n->op);
    if (s < 0 && !composite(n->op)) return false;
    const tn__type *out = &g->values.data[n->first_out].type;
    bool order = (n->op == TN_OP_max || n->op == TN_OP_min) && eight_bits(out->dtype); /* cannot wrap */
    if ((!arithmetic_dtype(out->dtype) && !order) || out->dtype == TN_DTYPE_NONE) return false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        tn_value v = tn__in(g, n, i);
        if (!v.id) {
            if (n->op != TN_OP_clip) return false;
            continue;
        }
        const tn__type *t = tn__type_of(g, v);
        bool f = tn__kernel_as_f32(t->dtype) || t->dtype == TN_DTYPE_f64;
        if (!arithmetic_dtype(t->dtype) && !order) return false;
        if (s >= 0 && simple_ops[s].floats_only && !f) return false;
        if (s >= 0 && simple_ops[s].kop >= TN__KX_EXP && simple_ops[s].kop <= TN__KX_ERF && !tn__kernel_as_f32(t->dtype)) return false;
        if (composite(n->op) && !tn__kernel_as_f32(t->dtype)) return false;
    }
    if (n->op == TN_OP_cast && out->dtype != TN_DTYPE_f32 && out->dtype != TN_DTYPE_f64 && out->dtype != TN_DTYPE_bool) {
        tn_dtype from = tn__type_of(g, tn__in(g, n, 0))->dtype;
        if (from == TN_DTYPE_f64) return false; /* to f16 over f32 it would be rounded twice */
        if (out->dtype == TN_DTYPE_bf16 && (from == TN_DTYPE_i32 || from == TN_DTYPE_i64)) return false; /* the same */
    }
    if (n->op == TN_OP_pow) {
        const tn_tensor *e = tn__constant_of(g, tn__in(g, n, 1));
        double p = e && e->elements == 1 ? tn__load_f64(e->dtype, e->data, 0) : 0;
        return p == 2 || p == 3 || p == 0.5 || p == -0.5 || p == 1 || p == -1;
    }
    return true;
}

int32_t tn__build_buffer(tn__build *b, uint32_t slot, tn_dtype dtype) {
    tn__kernel *k = b->k;
    for (int32_t i = 0; i < k->n_buffers; i++)
        if (b->slots[i] == slot && k->buffer_dtype[i] == dtype) return i;
    if (k->n_buffers >= TN__K_BUFFERS) return -1;
    b->slots[k->n_buffers] = slot;
    k->buffer_dtype[k->n_buffers] = dtype;
    return k->n_buffers++;
}

/* Strides of the kernel's dims over a value of shape t lying with `block`, aligned to the root's rank from the right. */
static void map_of(const tn__build *b, const tn__type *t, int32_t block, tn__kmap *map) {
    memset(map, 0, sizeof *map);
    int64_t strides[TN_MAX_RANK], s = 1;
    for (int32_t i = t->rank - 1; i >= 0; i--) {
        int64_t extent = block && i == 1 - (b->rank - t->rank) ? 1 : t->dims[i];
        strides[i] = s;
        s *= extent;
    }
    int32_t shift = b->rank - t->rank;
    if (block) { /* [n, c/block, spatial, block]: spatial strides are scaled, channel blocks lie outside them */
        int64_t spatial = 1;
        for (int32_t i = 2 - shift; i < t->rank; i++)
            if (i >= 0) spatial *= t->dims[i];
        int64_t blocks = tn__ceil_div(t->dims[1 - shift], block);
        for (int32_t i = 0; i < t->rank; i++) {
            if (i + shift == 1) strides[i] = spatial; /* times the channel number, a multiple of block off the lane dim */
            else if (i + shift == 0) strides[i] = blocks * spatial * block;
            else strides[i] *= block;
        }
    }
    for (int32_t d = 0; d < b->k->n_dims; d++) {
        int32_t axis = b->axis_of_dim[d];
        if (axis < 0 || axis < shift || (t->dims[axis - shift] == 1 && !(block && axis == 1))) continue;
        map->stride[d] = strides[axis - shift] * b->mul_of_dim[d];
        if (block && axis == 1 && b->mul_of_dim[d] == 1) map->stride[d] = 1; /* the lane dim */
    }
}

static int32_t load_view(tn__build *b, tn_value v, const tn__lower_view *view, tn_error **e) {
    const tn__type *t = tn__type_of(b->l->g, v);
    int32_t shift = b->rank - t->rank;
    uint32_t slot;
    if ((*e = tn__lower_get(b->l, view->source, 0, 0, &slot))) return -1;
    int32_t buffer = tn__build_buffer(b, slot, t->dtype);
    if (buffer < 0) return -1;
    tn__kmap map = {.offset = view->map.offset};
    for (int32_t d = 0; d < b->k->n_dims; d++) {
        int32_t axis = b->axis_of_dim[d];
        if (axis >= 0 && axis >= shift && t->dims[axis - shift] != 1) map.stride[d] = view->map.stride[axis - shift] * b->mul_of_dim[d];
    }
    return tn__kx_load(b->k, buffer, &map);
}

static int32_t load_value(tn__build *b, tn_value v, tn_error **e) {
    const tn__type *t = tn__type_of(b->l->g, v);
    const tn_tensor *c = tn__constant_peek(b->l->g, v); /* one element is never loose */
    if (c && c->elements == 1 && (tn__kernel_as_f32(c->dtype) || c->dtype == TN_DTYPE_i32 || eight_bits(c->dtype))) /* exact in a double */
        return tn__kx_const(b->k, tn__kernel_compute_dtype(c->dtype), tn__load_f64(c->dtype, c->data, 0));
    double value;
    if (tn__lower_splat(b->l->g, v, &value)) return tn__kx_const(b->k, tn__kernel_compute_dtype(t->dtype), value);
    int32_t shift = b->rank - t->rank, block = 0;
    uint32_t slot;
    if (b->l->views[v.id]) return load_view(b, v, b->l->views[v.id], e);
    if (b->block && 1 - shift >= 0 && t->dims[1 - shift] != 1) block = b->block;
    if ((*e = tn__lower_get(b->l, v, block, 1 - shift, &slot))) return -1;
    int32_t buffer = tn__build_buffer(b, slot, t->dtype);
    if (buffer < 0) return -1;
    tn__kmap map;
    map_of(b, t, block, &map);
    return tn__kx_load(b->k, buffer, &map);
}

static int32_t unary_f32(tn__build *b, tn__kop op, int32_t x) { return tn__kx(b->k, op, TN_DTYPE_f32, x, -1, -1); }
static int32_t binary_f32(tn__build *b, tn__kop op, int32_t x, int32_t y) { return tn__kx(b->k, op, TN_DTYPE_f32, x, y, -1); }
static int32_t number(tn__build *b, double v) { return tn__kx_const(b->k, TN_DTYPE_f32, v); }
static int32_t select3(tn__build *b, int32_t c, int32_t x, int32_t y) { return tn__kx(b->k, TN__KX_SELECT, TN_DTYPE_f32, c, x, y); }
static int32_t less(tn__build *b, int32_t x, int32_t y) { return tn__kx(b->k, TN__KX_LT, TN_DTYPE_bool, x, y, -1); }

static int32_t build_composite(tn__build *b, const tn__node *n, const int32_t *in) {
    int32_t x = in[0];
    const tn__attrs_alpha *alpha = n->attrs;
    switch (n->op) {
    case TN_OP_relu: return select3(b, less(b, x, number(b, 0)), number(b, 0), x); /* NaN stays */
    case TN_OP_sigmoid: return tn__kx_sigmoid(b->k, x);
    case TN_OP_reciprocal: return binary_f32(b, TN__KX_DIV, number(b, 1), x);
    case TN_OP_rsqrt: return binary_f32(b, TN__KX_DIV, number(b, 1), unary_f32(b, TN__KX_SQRT, x));
    case TN_OP_leaky_relu:
        return select3(b, less(b, x, number(b, 0)), binary_f32(b, TN__KX_MUL, x, number(b, (float)alpha->alpha)), x);
    case TN_OP_prelu: return select3(b, less(b, x, number(b, 0)), binary_f32(b, TN__KX_MUL, x, in[1]), x);
    case TN_OP_hard_sigmoid: {
        const tn__attrs_alpha_beta *ab = n->attrs;
        int32_t y = binary_f32(b, TN__KX_ADD, binary_f32(b, TN__KX_MUL, x, number(b, (float)ab->alpha)), number(b, (float)ab->beta));
        return tn__kx_clamp(b->k, y, 0, 1);
    }
    case TN_OP_hard_swish: {
        int32_t y = binary_f32(b, TN__KX_ADD, binary_f32(b, TN__KX_MUL, x, number(b, (float)(1.0 / 6))), number(b, 0.5));
        return binary_f32(b, TN__KX_MUL, x, tn__kx_clamp(b->k, y, 0, 1));
    }
    case TN_OP_swish: {
        int32_t inner = alpha->alpha == 1 ? x : binary_f32(b, TN__KX_MUL, x, number(b, (float)alpha->alpha));
        return binary_f32(b, TN__KX_MUL, x, tn__kx_sigmoid(b->k, inner));
    }
    case TN_OP_clip:
        if (in[1] >= 0) x = select3(b, less(b, x, in[1]), in[1], x);
        if (in[2] >= 0) x = select3(b, less(b, in[2], x), in[2], x);
        return x;
    case TN_OP_gelu: {
        const tn__attrs_gelu *g = n->attrs;
        int32_t inner;
        if (g->approximate && !strcmp(g->approximate, "tanh")) {
            int32_t cube = binary_f32(b, TN__KX_MUL, binary_f32(b, TN__KX_MUL, x, x), x);
            inner = binary_f32(b, TN__KX_ADD, x, binary_f32(b, TN__KX_MUL, cube, number(b, 0.044715f)));
            inner = unary_f32(b, TN__KX_TANH, binary_f32(b, TN__KX_MUL, inner, number(b, (float)sqrt(2 / 3.14159265358979323846))));
        } else inner = unary_f32(b, TN__KX_ERF, binary_f32(b, TN__KX_MUL, x, number(b, (float)sqrt(0.5))));
        return binary_f32(b, TN__KX_MUL, binary_f32(b, TN__KX_MUL, x, number(b, 0.5)), binary_f32(b, TN__KX_ADD, inner, number(b, 1)));
    }
    case TN_OP_elu: {
        int32_t e = binary_f32(b, TN__KX_SUB, unary_f32(b, TN__KX_EXP, x), number(b, 1));
        return select3(b, less(b, x, number(b, 0)), binary_f32(b, TN__KX_MUL, e, number(b, (float)alpha->alpha)), x);
    }
    case TN_OP_softplus: return tn__kx_softplus(b->k, x);
    case TN_OP_mish: return binary_f32(b, TN__KX_MUL, x, unary_f32(b, TN__KX_TANH, tn__kx_softplus(b->k, x)));
    case TN_OP_pow: {
        const tn_tensor *c = tn__constant_of(b->l->g, tn__in(b->l->g, n, 1));
        double p = tn__load_f64(c->dtype, c->data, 0);
        if (p == 1) return x;
        if (p == -1) return binary_f32(b, TN__KX_DIV, number(b, 1), x);
        if (p == 0.5) return unary_f32(b, TN__KX_SQRT, x);
        if (p == -0.5) return binary_f32(b, TN__KX_DIV, number(b, 1), unary_f32(b, TN__KX_SQRT, x));
        int32_t s = binary_f32(b, TN__KX_MUL, x, x);
        return p == 2 ? s : binary_f32(b, TN__KX_MUL, s, x);
    }
    default: return -1;
    }
}

int32_t tn__build_saturate(tn__build *b, int32_t x, int32_t zero, tn_dtype dtype) {
    int32_t low = (dtype == TN_DTYPE_i8 ? -128 : 0) - zero, high = low + 255;
    x = select3(b, less(b, number(b, low), x), x, number(b, low)); /* as one maximum each; whole bounds: rounding may follow */
    x = select3(b, less(b, x, number(b, high)), x, number(b, high));
    x = tn__kx(b->k, TN__KX_TO_I32, TN_DTYPE_i32, x, -1, -1);
    return zero ? tn__kx(b->k, TN__KX_ADD, TN_DTYPE_i32, x, tn__kx_const(b->k, TN_DTYPE_i32, zero), -1) : x;
}

/* q = saturate(round(x / scale) + zero), x = (q - zero) * scale */
static int32_t build_quantisation(tn__build *b, const tn__node *n, tn_error **e) {
    const tn_graph *g = b->l->g;
    tn_value zv = tn__in(g, n, 2);
    const tn_tensor *constant = zv.id ? tn__constant_of(g, zv) : NULL;
    int32_t x = tn__build_expr(b, tn__in(g, n, 0), e), scale = x < 0 ? -1 : tn__build_expr(b, tn__in(g, n, 1), e);
    int32_t zero = scale < 0 ? -1 : zv.id ? tn__build_expr(b, zv, e) : tn__kx_const(b->k, TN_DTYPE_i32, 0);
    if (zero < 0) return -1;
    if (n->op == TN_OP_dequantize_linear) {
        x = tn__kx(b->k, TN__KX_SUB, TN_DTYPE_i32, x, zero, -1);
        return binary_f32(b, TN__KX_MUL, tn__kx(b->k, TN__KX_CAST, TN_DTYPE_f32, x, -1, -1), scale);
    }
    tn_dtype dtype = g->values.data[n->first_out].type.dtype;
    int32_t known = constant ? (int32_t)tn__load_i64(constant->dtype, constant->data, 0) : 0;
    x = binary_f32(b, TN__KX_DIV, x, scale);
    if (zv.id && !constant) x = binary_f32(b, TN__KX_ADD, unary_f32(b, TN__KX_ROUND, x), tn__kx(b->k, TN__KX_CAST, TN_DTYPE_f32, zero, -1, -1));
    if (dtype == TN_DTYPE_i8) /* NaN is 0, which for u8 is the least value */
        x = select3(b, tn__kx(b->k, TN__KX_EQ, TN_DTYPE_bool, x, x, -1), x, number(b, -known));
    return tn__build_saturate(b, x, known, dtype);
}

static int32_t build_node(tn__build *b, const tn__node *n, tn_error **e) {
    const tn_graph *g = b->l->g;
    if (n->op == TN_OP_quantize_linear || n->op == TN_OP_dequantize_linear) return build_quantisation(b, n, e);
    int32_t in[3] = {-1, -1, -1};
    tn_dtype dtype = g->values.data[n->first_out].type.dtype, out = tn__kernel_compute_dtype(dtype);
    int s = simple_index(n->op);
    if (s >= 0 && (n->op == TN_OP_sum || n->op == TN_OP_max || n->op == TN_OP_min)) { /* any number of operands, left to right */
        int32_t acc = tn__build_expr(b, tn__in(g, n, 0), e);
        for (uint32_t i = 1; acc >= 0 && i < n->n_in; i++) {
            int32_t x = tn__build_expr(b, tn__in(g, n, i), e);
            acc = x < 0 ? -1 : tn__kx(b->k, simple_ops[s].kop, out, acc, x, -1);
        }
        return acc;
    }
    for (uint32_t i = 0; i < n->n_in && i < 3; i++) {
        tn_value v = tn__in(g, n, i);
        if (!v.id || (n->op == TN_OP_pow && i == 1)) continue;
        in[i] = tn__build_expr(b, v, e);
        if (in[i] < 0) return -1;
    }
    if (s < 0) return build_composite(b, n, in);
    if (n->op == TN_OP_greater || n->op == TN_OP_greater_equal) {
        int32_t t = in[0];
        in[0] = in[1];
        in[1] = t;
    }
    int32_t x = tn__kx(b->k, simple_ops[s].kop, out, in[0], in[1], in[2]);
    if (n->op != TN_OP_cast || !half(dtype)) return x;
    return unary_f32(b, dtype == TN_DTYPE_f16 ? TN__KX_TO_F16 : TN__KX_TO_BF16, x); /* a cast that is asked for rounds */
}

int32_t tn__build_expr(tn__build *b, tn_value v, tn_error **e) {
    const tn_graph *g = b->l->g;
    const tn__node *n = tn__node_of(g, v);
    if (!n || b->l->group[n - g->nodes.data] != b->root || n->op == TN_OP_constant) return load_value(b, v, e);
    if (b->l->anchor[b->root] == (uint32_t)(n - g->nodes.data)) return b->memo_red;
    for (int32_t i = 0; i < b->n_memo; i++)
        if (b->memo_value[i] == v.id) return b->memo_expr[i];
    int32_t x = build_node(b, n, e);
    if (x >= 0 && b->n_memo < TN__K_EXPRS) {
        b->memo_value[b->n_memo] = v.id;
        b->memo_expr[b->n_memo++] = x;
    }
    return x;
}

int32_t tn__build_dim(tn__build *b, int64_t extent, int32_t axis, int64_t mul) {
    tn__kernel *k = b->k;
    b->axis_of_dim[k->n_dims] = axis;
    b->mul_of_dim[k->n_dims] = mul;
    k->extent[k->n_dims] = extent;
    return k->n_dims++;
}

void tn__build_axes(tn__build *b, const tn__type *shape, int32_t block) {
    b->rank = shape->rank;
    b->block = block;
    tn__kernel *k = b->k;
    for (int32_t d = 0; d < TN__K_DIMS; d++) b->axis_of_dim[d] = -1, b->mul_of_dim[d] = 1;
    k->n_dims = 0;
    for (int32_t i = 0; i < shape->rank; i++) {
        b->axis_of_dim[k->n_dims] = i;
        b->mul_of_dim[k->n_dims] = block && i == 1 ? block : 1;
        k->extent[k->n_dims++] = block && i == 1 ? tn__ceil_div(shape->dims[i], block) : shape->dims[i];
    }
    if (block) {
        b->axis_of_dim[k->n_dims] = 1;
        k->extent[k->n_dims++] = block;
    }
    if (!k->n_dims) k->extent[k->n_dims++] = 1; /* rank 0 */
    k->n_spatial = k->n_dims;
}

tn_error *tn__build_epilogue(tn__build *b) {
    const tn_graph *g = b->l->g;
    const tn__node *root = &g->nodes.data[b->root];
    tn_value out = tn__out(root, 0);
    tn_error *e = NULL;
    b->k->epilogue = tn__build_expr(b, out, &e);
    if (e) return e;
    if (b->k->epilogue < 0) return TN__FAIL(b->l->a, INTERNAL, "the group of %s does not fit a kernel", tn__op_infos[root->op].name);
    uint32_t slot;
    TN__TRY(tn__lower_define(b->l, out, &slot));
    b->k->out_buffer = tn__build_buffer(b, slot, tn__type_of(g, out)->dtype);
    if (b->k->out_buffer < 0) return TN__FAIL(b->l->a, INTERNAL, "too many buffers in one kernel");
    map_of(b, tn__type_of(g, out), b->block, &b->k->out_map);
    return NULL;
}

tn_error *tn__lower_group_elementwise(tn__lower *l, uint32_t root) {
    tn__kernel *k = tn__lower_kernel(l, "ew", root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = root, .memo_red = -1};
    tn_value out = tn__out(&l->g->nodes.data[root], 0);
    tn__build_axes(&b, tn__type_of(l->g, out), l->values[out.id].block);
    tn_error *e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    return tn__lower_launch_elementwise(l, k, b.slots, root);
}
