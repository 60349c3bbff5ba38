#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "train.h"

/* The idx format: a big-endian magic number (its low byte is the rank), the sizes, then bytes. */
static bool read_idx(const char *folder, const char *name, const uint8_t *header, unsigned n_header, void *out, unsigned bytes) {
    char path[1024];
    uint8_t found[16];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) return false;
    gzFile file = gzopen(path, "rb");
    if (!file) return false;
    bool good = gzread(file, found, n_header) == (int)n_header && !memcmp(found, header, n_header) &&
                gzread(file, out, bytes) == (int)bytes;
    return gzclose(file) == Z_OK && good;
}

bool mnist_read(const char *folder, mnist *out) {
    static const uint8_t images[16] = {0, 0, 8, 3, 0, 0, 0x27, 0x10, 0, 0, 0, 28, 0, 0, 0, 28};
    static const uint8_t labels[8] = {0, 0, 8, 1, 0, 0, 0x27, 0x10};
    static uint8_t bytes[MNIST_IMAGES * MNIST_PIXELS];
    if (!read_idx(folder, "t10k-labels-idx1-ubyte.gz", labels, sizeof labels, bytes, MNIST_IMAGES)) return false;
    for (int i = 0; i < MNIST_IMAGES; i++)
        if ((out->labels[i] = bytes[i]) > 9) return false;
    if (!read_idx(folder, "t10k-images-idx3-ubyte.gz", images, sizeof images, bytes, sizeof bytes)) return false;
    for (int i = 0; i < MNIST_IMAGES; i++)
        for (int k = 0; k < MNIST_PIXELS; k++) out->pixels[i][k] = ((float)bytes[i * MNIST_PIXELS + k] / 255 - 0.1307f) / 0.3081f;
    return true;
}

typedef struct model {
    bool is_cnn;
    int n_params;
    fw_tensor *params[6], *velocity[6]; /* owned */
} model;

static bool model_init(fw *f, model *m, const char *name, uint64_t seed) {
    static const fw_shape mlp[] = {{FW_F32, 2, {784, 128}}, {FW_F32, 1, {128}}, {FW_F32, 2, {128, 10}}, {FW_F32, 1, {10}}};
    static const fw_shape cnn[] = {{FW_F32, 4, {8, 1, 3, 3}}, {FW_F32, 3, {8, 1, 1}}, {FW_F32, 4, {16, 8, 3, 3}},
                                   {FW_F32, 3, {16, 1, 1}},   {FW_F32, 2, {784, 10}}, {FW_F32, 1, {10}}};
    static const float fan_in[2][6] = {{784, 1, 128, 1}, {9, 1, 72, 1, 784, 1}};
    *m = (model){.is_cnn = !strcmp(name, "cnn")};
    if (!m->is_cnn && strcmp(name, "mlp")) return fw_fail(f, "no model is called %s", name), false;
    m->n_params = m->is_cnn ? 6 : 4;
    for (int i = 0; i < m->n_params; i++) { /* biases, the odd ones, begin at zero */
        fw_shape shape = (m->is_cnn ? cnn : mlp)[i];
        m->params[i] = fw_tensor_normal(f, shape, i % 2 ? 0 : sqrtf(2 / fan_in[m->is_cnn][i]), &seed);
        m->velocity[i] = fw_tensor_create(f, shape, NULL);
    }
    return !fw_error(f);
}

static void model_deinit(model *m) {
    for (int i = 0; i < m->n_params; i++) fw_release(m->params[i]), fw_release(m->velocity[i]);
}

static fw_tensor *linear(fw *f, fw_tensor *x, fw_tensor *const params[2]) {
    return fw_op2(f, FW_add, fw_op2(f, FW_matmul, x, params[0]), params[1]);
}

/* [n 784] -> logits [n 10] */
static fw_tensor *forward(fw *f, const model *m, fw_tensor *x, int n) {
    if (!m->is_cnn) return linear(f, fw_op1(f, FW_relu, linear(f, x, m->params)), m->params + 2);
    x = fw_shaped(f, FW_reshape, x, (fw_shape){FW_F32, 4, {n, 1, 28, 28}});
    for (int i = 0; i < 4; i += 2) {
        x = fw_op(f, FW_conv2d, &(fw_attrs){.stride = 1, .pad = 1}, 2, (fw_tensor *[]){x, m->params[i]});
        x = fw_op1(f, FW_relu, fw_op2(f, FW_add, x, m->params[i + 1]));
        x = fw_op(f, FW_max_pool, &(fw_attrs){.size = 2}, 1, &x);
    }
    return linear(f, fw_shaped(f, FW_reshape, x, (fw_shape){FW_F32, 2, {n, 784}}), m->params + 4);
}

/* v = momentum v + gradient; p = p - rate v. New values take the old ones' places. */
static void sgd(fw *f, model *m, float rate, float momentum) {
    f->no_grad = true;
    for (int i = 0; i < m->n_params && !fw_error(f); i++) {
        fw_tensor *v = fw_op(f, FW_scale, &(fw_attrs){.value = momentum}, 1, &m->velocity[i]);
        v = fw_op2(f, FW_add, v, m->params[i]->grad);
        fw_tensor *p = fw_op2(f, FW_sub, m->params[i], fw_op(f, FW_scale, &(fw_attrs){.value = rate}, 1, &v));
        if (!p) break;
        p->needs_grad = true;
        fw_release(m->velocity[i]), fw_release(m->params[i]);
        m->velocity[i] = fw_retain(v), m->params[i] = fw_retain(p);
    }
    f->no_grad = false;
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* One step on images first to first + n - 1; the loss. Or, with n_right: how many it tells right. */
static double step(fw *f, model *m, const mnist *d, int first, int n, int *n_right) {
    fw_tensor *labels = fw_tensor_create(f, (fw_shape){FW_I64, 1, {n}}, &d->labels[first]), *loss = NULL, *best = NULL;
    fw_tensor *x = fw_tensor_create(f, (fw_shape){FW_F32, 2, {n, MNIST_PIXELS}}, d->pixels[first]), *logits = forward(f, m, x, n);
    if (n_right)
        best = fw_retain(fw_op(f, FW_argmax, &(fw_attrs){.axis = 1}, 1, &logits));
    else {
        loss = fw_retain(fw_op2(f, FW_cross_entropy, logits, labels));
        fw_backward(f, loss);
        sgd(f, m, 0.02f, 0.9f);
    }
    bool good = fw_step_end(f);
    double value = good && loss ? *(const float *)loss->data : 0;
    for (int i = 0; good && best && i < n; i++) *n_right += ((const int64_t *)best->data)[i] == d->labels[first + i];
    fw_release(best), fw_release(loss), fw_release(x), fw_release(labels);
    return value;
}

bool fw_train(fw *f, const mnist *d, const fw_train_options *o, fw_train_result *out) {
    *out = (fw_train_result){0};
    int steps = o->batch > 0 ? o->n_train / o->batch : 0, right = 0;
    if (steps < 1 || o->epochs < 1 || o->epochs > 1000 || o->n_train > MNIST_TRAIN || o->n_test > MNIST_IMAGES - MNIST_TRAIN)
        return fw_fail(f, "train: counts are out of range"), false;
    model m;
    bool good = model_init(f, &m, o->model, o->seed);
    double start = now_ms(), first_end = start;
    for (int i = 0; i < o->epochs * steps && good; i++, good = !fw_error(f)) {
        if (i % steps == 0) out->loss = 0;
        out->loss += step(f, &m, d, i % steps * o->batch, o->batch, NULL) / steps;
        if (i == 0) first_end = now_ms();
    }
    out->first_ms = first_end - start;
    out->step_ms = o->epochs * steps > 1 ? (now_ms() - first_end) / (o->epochs * steps - 1) : out->first_ms;
    for (int at = 0, n; good && at < o->n_test; at += n, good = !fw_error(f)) {
        n = o->n_test - at < o->batch ? o->n_test - at : o->batch;
        step(f, &m, d, MNIST_TRAIN + at, n, &right);
    }
    out->accuracy = (double)right / o->n_test;
    model_deinit(&m);
    return good;
}
