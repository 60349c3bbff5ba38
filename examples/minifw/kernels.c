/* Naive kernels: elementwise, movement, reductions, softmax, rows. Loops go over four dimensions, missing ones have size 1. */
#include <math.h>
#include <string.h>

#include "minifw.h"

#define KERNEL(name) static const char *fw_kernel_##name(const fw_node *n)
#define FOR_EACH(d)                                                                                                              \
    for (int64_t i = 0; i < d[0]; i++)                                                                                           \
        for (int64_t j = 0; j < d[1]; j++)                                                                                       \
            for (int64_t k = 0; k < d[2]; k++)                                                                                   \
                for (int64_t l = 0; l < d[3]; l++)
#define AT(s) (i * s[0] + j * s[1] + k * s[2] + l * s[3])

static float *f32(const fw_tensor *t) { return t->data; }
static const int64_t *i64(const fw_tensor *t) { return t->data; }

static void sizes4(const fw_tensor *t, int64_t d[4]) {
    for (int i = 0; i < 4; i++) d[i] = i < 4 - t->shape.rank ? 1 : t->shape.dims[i - (4 - t->shape.rank)];
}

/* Strides of `t` under the sizes of a shape that it broadcasts to: 0 where it stretches. */
static void strides4(const fw_tensor *t, int64_t s[4]) {
    int64_t d[4], stride = 1;
    sizes4(t, d);
    for (int i = 3; i >= 0; i--) s[i] = d[i] == 1 ? 0 : stride, stride *= d[i];
}

/* `t` as [outer][size][inner] around the node's axis */
static void split(const fw_node *n, const fw_tensor *t, int64_t *outer, int64_t *size, int64_t *inner) {
    *outer = *inner = 1, *size = t->shape.dims[n->attrs.axis];
    for (int i = 0; i < t->shape.rank; i++) *(i < n->attrs.axis ? outer : inner) *= i == n->attrs.axis ? 1 : t->shape.dims[i];
}

#define FW_UNARY(name, expr, grad)                                                                                               \
    KERNEL(name) {                                                                                                               \
        float v = n->attrs.value, *out = f32(n->out);                                                                            \
        (void)v;                                                                                                                 \
        for (int64_t i = 0; i < n->out->n_elements; i++) {                                                                       \
            float x = f32(n->in[0])[i];                                                                                          \
            out[i] = expr;                                                                                                       \
        }                                                                                                                        \
        return NULL;                                                                                                             \
    }
#define FW_BINARY(name, expr, grad_a, grad_b)                                                                                    \
    KERNEL(name) {                                                                                                               \
        int64_t d[4], sa[4], sb[4];                                                                                              \
        sizes4(n->out, d), strides4(n->in[0], sa), strides4(n->in[1], sb);                                                       \
        float *out = f32(n->out);                                                                                                \
        FOR_EACH(d) {                                                                                                            \
            float x = f32(n->in[0])[AT(sa)], y = f32(n->in[1])[AT(sb)];                                                          \
            *out++ = expr;                                                                                                       \
        }                                                                                                                        \
        return NULL;                                                                                                             \
    }
#include "ops.def"

static const char *reduce(const fw_node *n) {
    int64_t outer, size, inner;
    split(n, n->in[0], &outer, &size, &inner);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            const float *x = f32(n->in[0]) + o * size * inner + i;
            float total = 0;
            int64_t best = 0, to = o * inner + i;
            for (int64_t c = 0; c < size; c++) {
                total += x[c * inner];
                if (x[c * inner] > x[best * inner]) best = c;
            }
            if (n->op == FW_argmax)
                ((int64_t *)n->out->data)[to] = best;
            else
                f32(n->out)[to] = n->op == FW_max ? x[best * inner] : n->op == FW_mean ? total / (float)size : total;
        }
    return NULL;
}

KERNEL(sum) { return reduce(n); }
KERNEL(mean) { return reduce(n); }
KERNEL(max) { return reduce(n); }
KERNEL(argmax) { return reduce(n); }

KERNEL(sum_to) {
    int64_t d[4], s[4];
    sizes4(n->in[0], d), strides4(n->out, s);
    const float *x = f32(n->in[0]);
    memset(n->out->data, 0, (size_t)n->out->n_elements * sizeof(float));
    FOR_EACH(d) f32(n->out)[AT(s)] += *x++;
    return NULL;
}

KERNEL(broadcast_to) {
    int64_t d[4], s[4];
    sizes4(n->out, d), strides4(n->in[0], s);
    float *out = f32(n->out);
    FOR_EACH(d) *out++ = f32(n->in[0])[AT(s)];
    return NULL;
}

KERNEL(reshape) {
    size_t element = n->out->shape.dtype == FW_I64 ? sizeof(int64_t) : sizeof(float);
    memcpy(n->out->data, n->in[0]->data, (size_t)n->out->n_elements * element);
    return NULL;
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

/* One row: x minus the logarithm of the sum of exponentials. */
static void log_softmax_row(const float *x, float *out, int64_t size) {
    float largest = x[0], total = 0;
    for (int64_t c = 1; c < size; c++) largest = x[c] > largest ? x[c] : largest;
    for (int64_t c = 0; c < size; c++) total += expf(x[c] - largest);
    for (int64_t c = 0; c < size; c++) out[c] = x[c] - largest - logf(total);
}

KERNEL(log_softmax) {
    int64_t size = n->out->shape.dims[n->out->shape.rank - 1];
    for (int64_t r = 0; r < n->out->n_elements; r += size) log_softmax_row(f32(n->in[0]) + r, f32(n->out) + r, size);
    return NULL;
}

KERNEL(softmax) {
    fw_kernel_log_softmax(n);
    for (int64_t i = 0; i < n->out->n_elements; i++) f32(n->out)[i] = expf(f32(n->out)[i]);
    return NULL;
}

/* What ops with ids say of one that is out of range; NULL: all are inside. */
static const char *check_ids(const fw_tensor *ids, int64_t limit) {
    for (int64_t i = 0; i < ids->n_elements; i++)
        if (i64(ids)[i] < 0 || i64(ids)[i] >= limit) return "an id is out of range";
    return NULL;
}

KERNEL(cross_entropy_grad) {
    int64_t rows = n->out->shape.dims[0], size = n->out->shape.dims[1];
    const char *problem = check_ids(n->in[1], size);
    if (problem) return problem;
    fw_kernel_softmax(n);
    for (int64_t r = 0; r < rows; r++) f32(n->out)[r * size + i64(n->in[1])[r]] -= 1;
    for (int64_t i = 0; i < rows * size; i++) f32(n->out)[i] /= (float)rows;
    return NULL;
}

KERNEL(cross_entropy) {
    int64_t rows = n->in[0]->shape.dims[0], size = n->in[0]->shape.dims[1];
    const char *problem = check_ids(n->in[1], size);
    if (problem) return problem;
    double total = 0;
    for (int64_t r = 0; r < rows; r++) {
        const float *x = f32(n->in[0]) + r * size;
        double largest = x[0], sum = 0;
        for (int64_t c = 1; c < size; c++) largest = x[c] > largest ? x[c] : largest;
        for (int64_t c = 0; c < size; c++) sum += exp(x[c] - largest);
        total += log(sum) + largest - x[i64(n->in[1])[r]];
    }
    f32(n->out)[0] = (float)(total / (double)rows);
    return NULL;
}

fw_kernel *const fw_kernels[FW_OP_COUNT] = {
#define FW_UNARY(name, expr, grad) fw_kernel_##name,
#define FW_BINARY(name, expr, grad_a, grad_b) fw_kernel_##name,
#define FW_OP(name, n_in, has_grad, attrs) fw_kernel_##name,
#include "ops.def"
};
