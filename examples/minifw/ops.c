/* Every op: its shape rule, its naive kernel, its gradient; ops.def ties them to a name. Rules and kernels return NULL or what is
 * wrong. Loops go over four dimensions, missing ones have size 1. */
#include <math.h>
#include <string.h>
#include "minifw.h"

#define RULE(name) static const char *rule_##name(const fw_node *n, fw_shape *out)
#define KERNEL(name) static const char *kernel_##name(const fw_node *n)
#define GRADIENT(name) static void gradient_##name(fw *f, const fw_node *n, fw_tensor *g, fw_tensor **d)
#define REQUIRE(condition, text)                                                                                                 \
    if (!(condition)) return text
#define IN(i) (n->in[i]->shape)
#define WANTED(i) (n->in[i]->needs_grad)

#define OP1(op, a) fw_op1(f, FW_##op, a)
#define OP2(op, a, b) fw_op2(f, FW_##op, a, b)
#define OPV(op, a, v) fw_op(f, FW_##op, &(fw_attrs){.value = v}, 1, (fw_tensor *[]){a})
#define NONE NULL

static float *f32(const fw_tensor *t) { return t->data; }
static void clear(const fw_tensor *t) { memset(t->data, 0, fw_bytes(t)); }
static bool is_f32(const fw_node *n) { return IN(0).dtype == FW_F32 && IN(n->n_in - 1).dtype == FW_F32; }

/* Right-aligned; a size of 1 stretches. */
static bool broadcasts(const fw_shape *from, const fw_shape *to) {
    bool fits = from->rank <= to->rank;
    for (int i = 1; fits && i <= from->rank; i++)
        fits = from->dims[from->rank - i] == 1 || from->dims[from->rank - i] == to->dims[to->rank - i];
    return fits;
}

static void sizes4(const fw_tensor *t, int64_t d[4]) {
    for (int i = 0; i < 4; i++) d[i] = i < 4 - t->shape.rank ? 1 : t->shape.dims[i - (4 - t->shape.rank)];
}

/* Strides of `t` under the sizes of a shape that it broadcasts to: 0 where it stretches. */
static void strides4(const fw_tensor *t, int64_t s[4]) {
    int64_t d[4], stride = 1;
    sizes4(t, d);
    for (int i = 3; i >= 0; i--) s[i] = d[i] == 1 ? 0 : stride, stride *= d[i];
}

#define FOR_EACH(d)                                                                                                              \
    for (int64_t i = 0; i < d[0]; i++)                                                                                           \
        for (int64_t j = 0; j < d[1]; j++)                                                                                       \
            for (int64_t k = 0; k < d[2]; k++)                                                                                   \
                for (int64_t l = 0; l < d[3]; l++)
#define AT(s) (i * s[0] + j * s[1] + k * s[2] + l * s[3])

/* ---- elementwise ---- */

RULE(each) {
    REQUIRE(is_f32(n), "an operand is not f32");
    const fw_shape *a = &IN(0), *b = &IN(n->n_in - 1), *longer = a->rank >= b->rank ? a : b, *other = longer == a ? b : a;
    *out = *longer;
    for (int i = 1; i <= other->rank; i++)
        if (out->dims[out->rank - i] == 1) out->dims[out->rank - i] = other->dims[other->rank - i];
    return broadcasts(other, out) ? NULL : "the operands' shapes do not broadcast";
}

#define FW_EACH(name, n_in, expr, grad_a, grad_b)                                                                                \
    KERNEL(name) {                                                                                                               \
        int64_t d[4], sa[4], sb[4];                                                                                              \
        const fw_tensor *a = n->in[0], *b = n->in[n_in - 1];                                                                     \
        sizes4(n->out, d), strides4(a, sa), strides4(b, sb);                                                                     \
        float v = n->attrs.value, *out = f32(n->out);                                                                            \
        FOR_EACH(d) {                                                                                                            \
            float x = f32(a)[AT(sa)], y = f32(b)[AT(sb)];                                                                        \
            *out++ = expr;                                                                                                       \
            (void)y, (void)v;                                                                                                    \
        }                                                                                                                        \
        return NULL;                                                                                                             \
    }                                                                                                                            \
    GRADIENT(name) {                                                                                                             \
        fw_tensor *a = n->in[0], *b = n->in[n_in - 1], *y = n->out;                                                              \
        float v = n->attrs.value;                                                                                                \
        (void)a, (void)b, (void)y, (void)v;                                                                                      \
        if (WANTED(0)) d[0] = grad_a;                                                                                            \
        if (n_in > 1 && WANTED(n_in - 1)) d[1] = grad_b;                                                                         \
    }
#include "ops.def"

/* ---- products, windows, reductions ---- */

RULE(matmul) {
    REQUIRE(is_f32(n) && IN(0).rank == 2 && IN(1).rank == 2, "the operands are not f32 matrices");
    bool ta = n->attrs.trans_a, tb = n->attrs.trans_b;
    *out = (fw_shape){FW_F32, 2, {IN(0).dims[ta], IN(1).dims[!tb]}};
    return IN(0).dims[!ta] == IN(1).dims[tb] ? NULL : "the inner sizes differ";
}

KERNEL(matmul) {
    int64_t rows = n->out->shape.dims[0], columns = n->out->shape.dims[1], depth = IN(0).dims[!n->attrs.trans_a];
    int64_t a_row = n->attrs.trans_a ? 1 : depth, a_depth = n->attrs.trans_a ? rows : 1;
    int64_t b_depth = n->attrs.trans_b ? 1 : columns, b_column = n->attrs.trans_b ? depth : 1;
    clear(n->out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < depth; k++) {
            float a = f32(n->in[0])[i * a_row + k * a_depth], *y = f32(n->out) + i * columns;
            const float *b = f32(n->in[1]) + k * b_depth;
            for (int64_t j = 0; j < columns; j++) y[j] += a * b[j * b_column];
        }
    return NULL;
}

static fw_tensor *matmul(fw *f, fw_tensor *a, bool trans_a, fw_tensor *b, bool trans_b) {
    return fw_op(f, FW_matmul, &(fw_attrs){.trans_a = trans_a, .trans_b = trans_b}, 2, (fw_tensor *[]){a, b});
}

GRADIENT(matmul) {
    bool ta = n->attrs.trans_a, tb = n->attrs.trans_b;
    if (WANTED(0)) d[0] = ta ? matmul(f, n->in[1], tb, g, true) : matmul(f, g, false, n->in[1], !tb);
    if (WANTED(1)) d[1] = tb ? matmul(f, g, true, n->in[0], ta) : matmul(f, n->in[0], !ta, g, false);
}

/* Of y = x * w one of the three is the result; a gradient has the attribute's shape, if the others' shapes fit it. */
RULE(conv2d) {
    bool to_x = n->op == FW_conv2d_grad_input, to_w = n->op == FW_conv2d_grad_weight;
    const fw_shape *x = to_x ? &n->attrs.shape : &IN(0), *w = to_w ? &n->attrs.shape : &IN(1);
    int64_t stride = n->attrs.stride, pad = n->attrs.pad, limit = INT64_C(1) << 31;
    REQUIRE(is_f32(n) && x->dtype == FW_F32 && w->dtype == FW_F32 && x->rank == 4 && w->rank == 4 && x->dims[1] == w->dims[1],
            "images and weights are not f32 of rank 4 with the same channel count");
    REQUIRE(stride >= 1 && stride < limit && pad >= 0 && pad < limit, "stride or pad is out of range");
    fw_shape y = {FW_F32, 4, {x->dims[0], w->dims[0]}};
    for (int i = 2; i < 4; i++) {
        REQUIRE(x->dims[i] < limit && w->dims[i] >= 1 && x->dims[i] + 2 * pad >= w->dims[i], "the window does not fit the image");
        y.dims[i] = (x->dims[i] + 2 * pad - w->dims[i]) / stride + 1;
    }
    *out = to_x || to_w ? n->attrs.shape : y;
    return !(to_x || to_w) || fw_shape_equal(&y, &IN(to_w)) ? NULL : "the gradient has another shape";
}

/* y += x * w, x += y * w or w += x * y over all windows: a convolution and its two gradients, by which tensor is the result */
KERNEL(conv2d) {
    bool to_x = n->op == FW_conv2d_grad_input, to_w = n->op == FW_conv2d_grad_weight;
    const fw_tensor *x = to_x ? n->out : n->in[0], *w = to_w ? n->out : n->in[1], *y = to_x ? n->in[0] : to_w ? n->in[1] : n->out;
    const int64_t *xd = x->shape.dims, *wd = w->shape.dims, *yd = y->shape.dims, stride = n->attrs.stride, pad = n->attrs.pad;
    clear(n->out);
    for (int64_t image = 0; image < yd[0]; image++)
        for (int64_t pair = 0; pair < yd[1] * xd[1]; pair++) /* of an output channel and an input channel */
            for (int64_t tap = 0; tap < wd[2] * wd[3]; tap++)
                for (int64_t oy = 0; oy < yd[2]; oy++) {
                    int64_t oc = pair / xd[1], ic = pair % xd[1], iy = oy * stride - pad + tap / wd[3];
                    if (iy < 0 || iy >= xd[2]) continue;
                    float *px = f32(x) + ((image * xd[1] + ic) * xd[2] + iy) * xd[3];
                    float *pw = f32(w) + pair * wd[2] * wd[3] + tap;
                    float *py = f32(y) + ((image * yd[1] + oc) * yd[2] + oy) * yd[3];
                    for (int64_t ox = 0, ix = tap % wd[3] - pad; ox < yd[3]; ox++, ix += stride) {
                        if (ix < 0 || ix >= xd[3]) continue;
                        if (to_x)
                            px[ix] += py[ox] * *pw;
                        else if (to_w)
                            *pw += px[ix] * py[ox];
                        else
                            py[ox] += px[ix] * *pw;
                    }
                }
    return NULL;
}

GRADIENT(conv2d) {
    fw_attrs x = n->attrs, w = n->attrs;
    x.shape = IN(0), w.shape = IN(1);
    if (WANTED(0)) d[0] = fw_op(f, FW_conv2d_grad_input, &x, 2, (fw_tensor *[]){g, n->in[1]});
    if (WANTED(1)) d[1] = fw_op(f, FW_conv2d_grad_weight, &w, 2, (fw_tensor *[]){n->in[0], g});
}

RULE(max_pool) {
    const fw_shape *x = &IN(0);
    int64_t size = n->attrs.size;
    bool fits = is_f32(n) && x->rank == 4 && size >= 1 && size <= x->dims[2] && size <= x->dims[3];
    REQUIRE(fits, "images are not f32 of rank 4, or the window does not fit them");
    fw_shape y = {FW_F32, 4, {x->dims[0], x->dims[1], x->dims[2] / size, x->dims[3] / size}};
    *out = n->n_in == 1 ? y : *x;
    return n->n_in == 1 || fw_shape_equal(&y, &IN(1)) ? NULL : "the gradient has another shape";
}

/* out[window] = its largest; with a gradient g, out[places of the largest] = g[window] */
KERNEL(max_pool) {
    const fw_tensor *y = n->n_in == 1 ? n->out : n->in[1];
    const int64_t *xd = IN(0).dims, *yd = y->shape.dims, size = n->attrs.size;
    clear(n->out);
    for (int64_t i = 0; i < y->n_elements; i++) {
        int64_t corner = (i / yd[3] / yd[2] * xd[2] + i / yd[3] % yd[2] * size) * xd[3] + i % yd[3] * size;
        const float *x = f32(n->in[0]) + corner;
        float largest = x[0];
        for (int64_t k = 0; k < size * size; k++) largest = fmaxf(largest, x[k / size * xd[3] + k % size]);
        for (int64_t k = 0, at = 0; y != n->out && k < size * size; k++, at = k / size * xd[3] + k % size)
            if (x[at] == largest) f32(n->out)[corner + at] = f32(y)[i];
        if (y == n->out) f32(y)[i] = largest;
    }
    return NULL;
}
GRADIENT(max_pool) { d[0] = fw_op(f, FW_max_pool_grad, &n->attrs, 2, (fw_tensor *[]){n->in[0], g}); }

RULE(reduce) {
    REQUIRE(n->attrs.axis >= 0 && n->attrs.axis < IN(0).rank, "the operand has no such axis");
    *out = IN(0);
    out->dims[n->attrs.axis] = 1;
    if (n->op == FW_argmax) out->dtype = FW_I64;
    return is_f32(n) ? NULL : "the operand is not f32";
}

KERNEL(reduce) {
    int64_t size = IN(0).dims[n->attrs.axis], inner = 1;
    for (int i = IN(0).rank - 1; i > n->attrs.axis; i--) inner *= IN(0).dims[i];
    for (int64_t to = 0; to < n->out->n_elements; to++) {
        const float *x = f32(n->in[0]) + to / inner * size * inner + to % inner;
        float total = 0;
        int64_t best = 0;
        for (int64_t c = 0; c < size; c++) {
            total += x[c * inner];
            if (x[c * inner] > x[best * inner]) best = c;
        }
        if (n->op == FW_argmax)
            ((int64_t *)n->out->data)[to] = best;
        else
            f32(n->out)[to] = n->op == FW_max ? x[best * inner] : total;
    }
    return NULL;
}
GRADIENT(sum) { d[0] = fw_shaped(f, FW_broadcast_to, g, IN(0)); }
GRADIENT(max) { d[0] = OP2(mul, g, OP2(equal, n->in[0], n->out)); }

/* ---- movement, rows ---- */

RULE(stretch) {
    *out = n->attrs.shape;
    bool widens = n->op == FW_broadcast_to;
    REQUIRE(is_f32(n) && out->dtype == FW_F32 && out->rank >= 0 && out->rank <= FW_MAX_RANK, "not f32 or of too many dimensions");
    return broadcasts(widens ? &IN(0) : out, widens ? out : &IN(0)) ? NULL : "the operand does not fit that shape";
}

KERNEL(stretch) {
    int64_t d[4], s[4];
    bool widens = n->op == FW_broadcast_to;
    sizes4(widens ? n->out : n->in[0], d), strides4(widens ? n->in[0] : n->out, s);
    float *out = f32(n->out);
    const float *x = f32(n->in[0]);
    clear(n->out);
    FOR_EACH(d) *(widens ? out++ : out + AT(s)) += *(widens ? x + AT(s) : x++);
    return NULL;
}
GRADIENT(stretch) { d[0] = fw_shaped(f, n->op == FW_sum_to ? FW_broadcast_to : FW_sum_to, g, IN(0)); }

RULE(reshape) {
    int64_t count = 1;
    *out = n->attrs.shape;
    bool fits = out->rank >= 0 && out->rank <= FW_MAX_RANK && out->dtype == IN(0).dtype;
    for (int i = 0; fits && i < out->rank; i++) fits = out->dims[i] > 0 && !__builtin_mul_overflow(count, out->dims[i], &count);
    return fits && count == n->in[0]->n_elements ? NULL : "the shape has another number of elements";
}
KERNEL(reshape) { return memcpy(n->out->data, n->in[0]->data, fw_bytes(n->out)), NULL; }
GRADIENT(reshape) { d[0] = fw_shaped(f, FW_reshape, g, IN(0)); }

RULE(transpose) {
    *out = IN(0);
    const fw_shape *perm = &n->attrs.shape;
    unsigned seen = 0;
    REQUIRE(is_f32(n) && perm->rank == out->rank, "the permutation has another rank");
    for (int i = 0; i < out->rank; i++) {
        REQUIRE(perm->dims[i] >= 0 && perm->dims[i] < out->rank, "not a permutation");
        seen |= 1u << perm->dims[i];
        out->dims[i] = IN(0).dims[perm->dims[i]];
    }
    return seen + 1 == 1u << out->rank ? NULL : "not a permutation";
}

KERNEL(transpose) {
    int64_t d[4], s[4], permuted[4] = {0};
    int missing = 4 - n->out->shape.rank;
    sizes4(n->out, d), strides4(n->in[0], s);
    for (int i = missing; i < 4; i++) permuted[i] = s[missing + n->attrs.shape.dims[i - missing]];
    float *out = f32(n->out);
    FOR_EACH(d) *out++ = f32(n->in[0])[AT(permuted)];
    return NULL;
}

GRADIENT(transpose) {
    fw_shape inverse = n->attrs.shape;
    for (int i = 0; i < inverse.rank; i++) inverse.dims[n->attrs.shape.dims[i]] = i;
    d[0] = fw_shaped(f, FW_transpose, g, inverse);
}

/* logarithm of the sum of the exponentials of a row */
static double log_sum_exp(const float *x, int64_t size) {
    double largest = x[0], total = 0;
    for (int64_t c = 1; c < size; c++) largest = x[c] > largest ? x[c] : largest;
    for (int64_t c = 0; c < size; c++) total += exp(x[c] - largest);
    return largest + log(total);
}

RULE(softmax) {
    *out = IN(0);
    return is_f32(n) && IN(0).rank >= 1 ? NULL : "the operand is not f32 of rank 1 or more";
}

KERNEL(softmax) {
    int64_t size = n->out->shape.dims[n->out->shape.rank - 1];
    for (int64_t i = 0; i < n->out->n_elements; i += size) {
        double total = log_sum_exp(f32(n->in[0]) + i, size);
        for (int64_t c = i; c < i + size; c++) f32(n->out)[c] = (float)exp(f32(n->in[0])[c] - total);
    }
    return NULL;
}

GRADIENT(softmax) {
    fw_tensor *product = OP2(mul, g, n->out), *total = fw_op(f, FW_sum, &(fw_attrs){.axis = IN(0).rank - 1}, 1, &product);
    d[0] = OP2(mul, n->out, OP2(sub, g, total));
}

RULE(cross_entropy) {
    bool fits = IN(0).dtype == FW_F32 && IN(0).rank == 2 && IN(1).dtype == FW_I64 && IN(1).rank == 1;
    *out = IN(0);
    if (n->op == FW_cross_entropy) out->rank = 0;
    return fits && IN(0).dims[0] == IN(1).dims[0] ? NULL : "logits are f32 [n c], labels i64 [n]";
}

KERNEL(cross_entropy) {
    int64_t rows = IN(0).dims[0], size = IN(0).dims[1];
    const int64_t *labels = n->in[1]->data;
    double total = 0;
    for (int64_t r = 0; r < rows; r++) REQUIRE(labels[r] >= 0 && labels[r] < size, "an id is out of range");
    if (n->op == FW_cross_entropy_grad) {
        kernel_softmax(n);
        for (int64_t r = 0; r < rows; r++) f32(n->out)[r * size + labels[r]] -= 1;
        for (int64_t i = 0; i < rows * size; i++) f32(n->out)[i] /= (float)rows;
        return NULL;
    }
    for (int64_t r = 0; r < rows; r++)
        total += log_sum_exp(f32(n->in[0]) + r * size, size) - f32(n->in[0])[r * size + labels[r]];
    f32(n->out)[0] = (float)(total / (double)rows);
    return NULL;
}
GRADIENT(cross_entropy) { d[0] = OP2(mul, OP2(cross_entropy_grad, n->in[0], n->in[1]), g); }

#define gradient_none NULL
const fw_op_row fw_ops[FW_OP_COUNT] = {
#define FW_EACH(name, n_in, expr, grad_a, grad_b) {#name, n_in, rule_each, kernel_##name, gradient_##name},
#define FW_OP(name, n_in, family, gradient, attrs) {#name, n_in, rule_##family, kernel_##family, gradient_##gradient},
#include "ops.def"
};
