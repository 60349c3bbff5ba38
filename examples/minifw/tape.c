/* Reverse mode over the step's nodes. Gradients are ops like all others, so that a recorder sees them too. */
#include "minifw.h"

#define OP1(op, a) fw_op1(f, FW_##op, a)
#define OP2(op, a, b) fw_op2(f, FW_##op, a, b)
#define OPV(op, a, v) fw_op(f, FW_##op, &(fw_attrs){.value = v}, 1, (fw_tensor *[]){a})
#define NONE NULL
#define GRADIENT(name) static void grad_##name(fw *f, const fw_node *n, fw_tensor *g, fw_tensor **d)
#define WANTED(i) (n->in[i]->needs_grad)

static fw_tensor *shaped(fw *f, fw_op_id op, fw_tensor *t, fw_shape shape) {
    return fw_op(f, op, &(fw_attrs){.shape = shape}, 1, &t);
}

#define FW_UNARY(name, expr, grad)                                                                                               \
    GRADIENT(name) {                                                                                                             \
        fw_tensor *a = n->in[0], *y = n->out;                                                                                    \
        float v = n->attrs.value;                                                                                                \
        (void)a, (void)y, (void)v;                                                                                               \
        d[0] = grad;                                                                                                             \
    }
#define FW_BINARY(name, expr, grad_a, grad_b)                                                                                    \
    GRADIENT(name) {                                                                                                             \
        fw_tensor *a = n->in[0], *b = n->in[1], *y = n->out;                                                                     \
        (void)a, (void)b, (void)y;                                                                                               \
        if (WANTED(0)) d[0] = grad_a;                                                                                            \
        if (WANTED(1)) d[1] = grad_b;                                                                                            \
    }
#include "ops.def"

static fw_tensor *matmul(fw *f, fw_tensor *a, bool trans_a, fw_tensor *b, bool trans_b) {
    return fw_op(f, FW_matmul, &(fw_attrs){.trans_a = trans_a, .trans_b = trans_b}, 2, (fw_tensor *[]){a, b});
}

GRADIENT(matmul) {
    bool ta = n->attrs.trans_a, tb = n->attrs.trans_b;
    if (WANTED(0)) d[0] = ta ? matmul(f, n->in[1], tb, g, true) : matmul(f, g, false, n->in[1], !tb);
    if (WANTED(1)) d[1] = tb ? matmul(f, g, true, n->in[0], ta) : matmul(f, n->in[0], !ta, g, false);
}

GRADIENT(conv2d) {
    fw_attrs x = n->attrs, w = n->attrs;
    x.shape = n->in[0]->shape, w.shape = n->in[1]->shape;
    if (WANTED(0)) d[0] = fw_op(f, FW_conv2d_grad_input, &x, 2, (fw_tensor *[]){g, n->in[1]});
    if (WANTED(1)) d[1] = fw_op(f, FW_conv2d_grad_weight, &w, 2, (fw_tensor *[]){n->in[0], g});
}

GRADIENT(max_pool) { d[0] = fw_op(f, FW_max_pool_grad, &n->attrs, 2, (fw_tensor *[]){n->in[0], g}); }
GRADIENT(sum) { d[0] = shaped(f, FW_broadcast_to, g, n->in[0]->shape); }
GRADIENT(mean) {
    d[0] = OPV(scale, shaped(f, FW_broadcast_to, g, n->in[0]->shape), 1 / (float)n->in[0]->shape.dims[n->attrs.axis]);
}
GRADIENT(max) { d[0] = OP2(mul, g, OP2(equal, n->in[0], n->out)); }
GRADIENT(sum_to) { d[0] = shaped(f, FW_broadcast_to, g, n->in[0]->shape); }
GRADIENT(broadcast_to) { d[0] = shaped(f, FW_sum_to, g, n->in[0]->shape); }
GRADIENT(reshape) { d[0] = shaped(f, FW_reshape, g, n->in[0]->shape); }

GRADIENT(transpose) {
    fw_shape inverse = n->attrs.shape;
    for (int i = 0; i < inverse.rank; i++) inverse.dims[n->attrs.shape.dims[i]] = i;
    d[0] = shaped(f, FW_transpose, g, inverse);
}

static fw_tensor *sum_last(fw *f, fw_tensor *t) {
    return t ? fw_op(f, FW_sum, &(fw_attrs){.axis = t->shape.rank - 1}, 1, &t) : NULL;
}

GRADIENT(softmax) { d[0] = OP2(mul, n->out, OP2(sub, g, sum_last(f, OP2(mul, g, n->out)))); }
GRADIENT(log_softmax) { d[0] = OP2(sub, g, OP2(mul, OP1(exp, n->out), sum_last(f, g))); }
GRADIENT(cross_entropy) { d[0] = OP2(mul, OP2(cross_entropy_grad, n->in[0], n->in[1]), g); }

#define GRADIENT_0(name) NULL
#define GRADIENT_1(name) grad_##name
fw_gradient *const fw_gradients[FW_OP_COUNT] = {
#define FW_UNARY(name, expr, grad) grad_##name,
#define FW_BINARY(name, expr, grad_a, grad_b) grad_##name,
#define FW_OP(name, n_in, has_grad, attrs) GRADIENT_##has_grad(name),
#include "ops.def"
};

void fw_backward(fw *f, fw_tensor *loss) {
    if (fw_error(f)) return;
    if (!loss || loss->n_elements != 1 || !loss->needs_grad)
        return fw_fail(f, "backward: not a scalar with parameters behind it");
    f->no_grad = true;
    fw_tensor *one = fw_tensor_constant(f, loss->shape, &(float){1});
    loss->grad = OPV(scale, one, 1); /* a result of the step, so that the step owns it */
    fw_release(one);
    for (uint32_t i = f->n_nodes; i-- > 0 && !fw_error(f);) {
        fw_node node = f->nodes[i]; /* a copy: ops move the array */
        if (!node.out->grad || !node.out->needs_grad) continue;
        fw_tensor *d[FW_MAX_INPUTS] = {NULL};
        fw_gradients[node.op](f, &node, node.out->grad, d);
        for (int k = 0; k < node.n_in; k++) {
            fw_tensor *t = node.in[k];
            if (!t->needs_grad || !d[k]) continue;
            if (!fw_shape_equal(&d[k]->shape, &t->shape)) d[k] = shaped(f, FW_sum_to, d[k], t->shape);
            t->grad = t->grad ? OP2(add, t->grad, d[k]) : d[k];
        }
    }
    f->no_grad = false;
}
