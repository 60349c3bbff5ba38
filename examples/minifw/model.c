/* The models: a perceptron and a small convolutional network. */
#include <math.h>
#include <string.h>

#include "train.h"

bool fw_model_init(fw *f, fw_model *m, const char *name, uint64_t seed) {
    static const fw_shape mlp[] = {{FW_F32, 2, {784, 128}}, {FW_F32, 1, {128}}, {FW_F32, 2, {128, 10}}, {FW_F32, 1, {10}}};
    static const fw_shape cnn[] = {{FW_F32, 4, {8, 1, 3, 3}}, {FW_F32, 3, {8, 1, 1}}, {FW_F32, 4, {16, 8, 3, 3}},
                                   {FW_F32, 3, {16, 1, 1}},   {FW_F32, 2, {784, 10}}, {FW_F32, 1, {10}}};
    static const float fan_in[2][6] = {{784, 1, 128, 1}, {9, 1, 72, 1, 784, 1}};
    *m = (fw_model){.is_cnn = !strcmp(name, "cnn")};
    if (!m->is_cnn && strcmp(name, "mlp")) return fw_fail(f, "no model is called %s", name), false;
    m->n_params = m->is_cnn ? 6 : 4;
    for (int i = 0; i < m->n_params; i++) { /* biases, the odd ones, begin at zero */
        fw_shape shape = (m->is_cnn ? cnn : mlp)[i];
        m->params[i] = fw_tensor_normal(f, shape, i % 2 ? 0 : sqrtf(2 / fan_in[m->is_cnn][i]), &seed);
        m->velocity[i] = fw_tensor_create(f, shape, NULL);
    }
    m->mean = fw_tensor_constant(f, (fw_shape){FW_F32, 0, {0}}, &(float){0.1307f});
    m->spread = fw_tensor_constant(f, (fw_shape){FW_F32, 0, {0}}, &(float){0.3081f});
    return !fw_error(f);
}

void fw_model_deinit(fw_model *m) {
    for (int i = 0; i < m->n_params; i++) fw_release(m->params[i]), fw_release(m->velocity[i]);
    fw_release(m->mean), fw_release(m->spread);
    *m = (fw_model){0};
}

fw_tensor *fw_model_forward(fw *f, const fw_model *m, fw_tensor *pixels) {
    fw_tensor *x = fw_op2(f, FW_div, fw_op2(f, FW_sub, pixels, m->mean), m->spread);
    int64_t n = pixels ? pixels->shape.dims[0] : 0;
    if (m->is_cnn) {
        x = fw_op(f, FW_reshape, &(fw_attrs){.shape = {FW_F32, 4, {n, 1, 28, 28}}}, 1, &x);
        for (int i = 0; i < 4; i += 2) {
            x = fw_op(f, FW_conv2d, &(fw_attrs){.stride = 1, .pad = 1}, 2, (fw_tensor *[]){x, m->params[i]});
            x = fw_op1(f, FW_relu, fw_op2(f, FW_add, x, m->params[i + 1]));
            x = fw_op(f, FW_max_pool, &(fw_attrs){.size = 2}, 1, &x);
        }
        x = fw_op(f, FW_reshape, &(fw_attrs){.shape = {FW_F32, 2, {n, 784}}}, 1, &x);
    } else
        x = fw_op1(f, FW_relu, fw_op2(f, FW_add, fw_op2(f, FW_matmul, x, m->params[0]), m->params[1]));
    return fw_op2(f, FW_add, fw_op2(f, FW_matmul, x, m->params[m->n_params - 2]), m->params[m->n_params - 1]);
}

/* The new value takes the old one's place. */
static void replace(fw_tensor **held, fw_tensor *t) {
    fw_release(*held);
    *held = fw_retain(t);
}

void fw_model_sgd(fw *f, fw_model *m, float rate, float momentum) {
    f->no_grad = true;
    for (int i = 0; i < m->n_params && !fw_error(f); i++) {
        fw_tensor *v = fw_op(f, FW_scale, &(fw_attrs){.value = momentum}, 1, &m->velocity[i]);
        v = fw_op2(f, FW_add, v, m->params[i]->grad);
        fw_tensor *p = fw_op2(f, FW_sub, m->params[i], fw_op(f, FW_scale, &(fw_attrs){.value = rate}, 1, &v));
        if (!p) break;
        p->needs_grad = true;
        replace(&m->velocity[i], v), replace(&m->params[i], p);
    }
    f->no_grad = false;
}
