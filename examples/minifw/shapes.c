/* Shape rules: dtypes and shapes of operands checked, the result's shape inferred. */
#include "minifw.h"

#define SHAPE(name) static const char *shape_##name(const fw_node *n, fw_shape *out)
#define REQUIRE(condition, text)                                                                                                 \
    if (!(condition)) return text
#define IN(i) (n->in[i]->shape)

static bool is_f32(const fw_node *n, int from, int to) {
    for (int i = from; i < to; i++)
        if (IN(i).dtype != FW_F32) return false;
    return true;
}

static int64_t elements(const fw_shape *shape) {
    int64_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 1 || __builtin_mul_overflow(count, shape->dims[i], &count)) return -1;
    return count;
}

/* Right-aligned; a size of 1 stretches. */
static bool broadcasts(const fw_shape *from, const fw_shape *to) {
    if (from->rank > to->rank) return false;
    for (int i = 1; i <= from->rank; i++)
        if (from->dims[from->rank - i] != 1 && from->dims[from->rank - i] != to->dims[to->rank - i]) return false;
    return true;
}

static const char *unary(const fw_node *n, fw_shape *out) {
    REQUIRE(is_f32(n, 0, 1), "the operand is not f32");
    *out = IN(0);
    return NULL;
}

static const char *binary(const fw_node *n, fw_shape *out) {
    REQUIRE(is_f32(n, 0, 2), "an operand is not f32");
    const fw_shape *longer = IN(0).rank >= IN(1).rank ? &IN(0) : &IN(1), *other = longer == &IN(0) ? &IN(1) : &IN(0);
    *out = *longer;
    for (int i = 1; i <= other->rank; i++)
        if (out->dims[out->rank - i] == 1) out->dims[out->rank - i] = other->dims[other->rank - i];
    REQUIRE(broadcasts(other, out), "the operands' shapes do not broadcast");
    return NULL;
}

SHAPE(matmul) {
    REQUIRE(is_f32(n, 0, 2) && IN(0).rank == 2 && IN(1).rank == 2, "the operands are not f32 matrices");
    bool ta = n->attrs.trans_a, tb = n->attrs.trans_b;
    REQUIRE(IN(0).dims[!ta] == IN(1).dims[tb], "the inner sizes differ");
    *out = fw_shape_of(FW_F32, 2, (int64_t[]){IN(0).dims[ta], IN(1).dims[!tb]});
    return NULL;
}

/* the result of convolving x by w */
static const char *convolved(const fw_node *n, const fw_shape *x, const fw_shape *w, fw_shape *out) {
    REQUIRE(x->dtype == FW_F32 && w->dtype == FW_F32 && x->rank == 4 && w->rank == 4, "images and weights are not f32 of rank 4");
    REQUIRE(x->dims[1] == w->dims[1], "images and weights have different channel counts");
    int64_t stride = n->attrs.stride, pad = n->attrs.pad, limit = INT64_C(1) << 31;
    REQUIRE(stride >= 1 && stride < limit && pad >= 0 && pad < limit, "stride or pad is out of range");
    *out = fw_shape_of(FW_F32, 4, (int64_t[]){x->dims[0], w->dims[0], 0, 0});
    for (int i = 2; i < 4; i++) {
        REQUIRE(x->dims[i] < limit && w->dims[i] >= 1, "a size is out of range");
        REQUIRE(x->dims[i] + 2 * pad >= w->dims[i], "the window is larger than the padded image");
        out->dims[i] = (x->dims[i] + 2 * pad - w->dims[i]) / stride + 1;
    }
    return NULL;
}

SHAPE(conv2d) { return convolved(n, &IN(0), &IN(1), out); }

/* a gradient has the attribute's shape, if what `convolved` or `pooled` say of it is the shape of `g` */
static const char *gradient(const char *problem, const fw_shape *y, const fw_shape *g, const fw_shape *shape, fw_shape *out) {
    *out = *shape;
    return problem || fw_shape_equal(y, g) ? problem : "the gradient has another shape";
}

SHAPE(conv2d_grad_input) {
    fw_shape y;
    return gradient(convolved(n, &n->attrs.shape, &IN(1), &y), &y, &IN(0), &n->attrs.shape, out);
}

SHAPE(conv2d_grad_weight) {
    fw_shape y;
    return gradient(convolved(n, &IN(0), &n->attrs.shape, &y), &y, &IN(1), &n->attrs.shape, out);
}

static const char *pooled(const fw_node *n, fw_shape *out) {
    const fw_shape *x = &IN(0);
    int64_t size = n->attrs.size;
    REQUIRE(x->dtype == FW_F32 && x->rank == 4, "images are not f32 of rank 4");
    REQUIRE(size >= 1 && size <= x->dims[2] && size <= x->dims[3], "the window does not fit the image");
    *out = fw_shape_of(FW_F32, 4, (int64_t[]){x->dims[0], x->dims[1], x->dims[2] / size, x->dims[3] / size});
    return NULL;
}

SHAPE(max_pool) { return pooled(n, out); }

SHAPE(max_pool_grad) {
    fw_shape y;
    return gradient(pooled(n, &y), &y, &IN(1), &IN(0), out);
}

/* the operand with another size on the node's axis */
static const char *resized(const fw_node *n, int64_t size, fw_shape *out) {
    REQUIRE(n->attrs.axis >= 0 && n->attrs.axis < IN(0).rank, "the operand has no such axis");
    *out = IN(0);
    out->dims[n->attrs.axis] = size;
    return is_f32(n, 0, 1) ? NULL : "the operand is not f32";
}

SHAPE(sum) { return resized(n, 1, out); }
SHAPE(mean) { return resized(n, 1, out); }
SHAPE(max) { return resized(n, 1, out); }

SHAPE(argmax) {
    const char *problem = resized(n, 1, out);
    out->dtype = FW_I64;
    return problem;
}

SHAPE(sum_to) {
    *out = n->attrs.shape;
    REQUIRE(is_f32(n, 0, 1) && out->dtype == FW_F32 && broadcasts(out, &IN(0)), "the operand cannot be summed to that shape");
    return NULL;
}

SHAPE(broadcast_to) {
    *out = n->attrs.shape;
    REQUIRE(is_f32(n, 0, 1) && out->dtype == FW_F32 && out->rank <= FW_MAX_RANK && broadcasts(&IN(0), out),
            "the operand does not broadcast to that shape");
    return NULL;
}

SHAPE(reshape) {
    *out = n->attrs.shape;
    REQUIRE(out->rank >= 0 && out->rank <= FW_MAX_RANK && elements(out) == n->in[0]->n_elements && out->dtype == IN(0).dtype,
            "the shape has another number of elements");
    return NULL;
}

SHAPE(transpose) {
    *out = IN(0);
    unsigned seen = 0;
    REQUIRE(is_f32(n, 0, 1) && n->attrs.shape.rank == out->rank, "the permutation has another rank");
    for (int i = 0; i < out->rank; i++) {
        int64_t from = n->attrs.shape.dims[i];
        REQUIRE(from >= 0 && from < out->rank && !(seen >> from & 1), "not a permutation");
        seen |= 1u << from;
        out->dims[i] = IN(0).dims[from];
    }
    return NULL;
}

SHAPE(softmax) {
    REQUIRE(is_f32(n, 0, 1) && IN(0).rank >= 1, "the operand is not f32 of rank 1 or more");
    *out = IN(0);
    return NULL;
}

SHAPE(log_softmax) { return shape_softmax(n, out); }

SHAPE(cross_entropy_grad) {
    REQUIRE(IN(0).dtype == FW_F32 && IN(0).rank == 2 && IN(1).dtype == FW_I64 && IN(1).rank == 1 &&
                IN(0).dims[0] == IN(1).dims[0],
            "logits are f32 [n c], labels i64 [n]");
    *out = IN(0);
    return NULL;
}

SHAPE(cross_entropy) {
    const char *problem = shape_cross_entropy_grad(n, out);
    out->rank = 0;
    return problem;
}

fw_shape_rule *const fw_shape_rules[FW_OP_COUNT] = {
#define FW_UNARY(name, expr, grad) unary,
#define FW_BINARY(name, expr, grad_a, grad_b) binary,
#define FW_OP(name, n_in, has_grad, attrs) shape_##name,
#include "ops.def"
};
