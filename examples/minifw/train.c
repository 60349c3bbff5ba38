/* Training steps, timing and accuracy. */
#include <time.h>

#include "train.h"

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static fw_tensor *batch_of(fw *f, const mnist *d, int first, int n, fw_tensor **labels) {
    *labels = fw_tensor_create(f, (fw_shape){FW_I64, 1, {n}}, &d->labels[first]);
    return fw_tensor_create(f, (fw_shape){FW_F32, 2, {n, MNIST_PIXELS}}, d->pixels[first]);
}

/* One step; returns the loss. */
static double train_step(fw *f, fw_model *m, const mnist *d, int first, int n) {
    fw_tensor *labels, *x = batch_of(f, d, first, n, &labels);
    fw_tensor *loss = fw_retain(fw_op2(f, FW_cross_entropy, fw_model_forward(f, m, x), labels));
    fw_backward(f, loss);
    fw_model_sgd(f, m, 0.02f, 0.9f);
    double value = fw_step_end(f) ? *(const float *)fw_data(f, loss) : 0;
    fw_release(loss), fw_release(x), fw_release(labels);
    return value;
}

static int count_right(fw *f, const fw_model *m, const mnist *d, int first, int n) {
    fw_tensor *labels, *x = batch_of(f, d, first, n, &labels), *logits = fw_model_forward(f, m, x);
    const int64_t *best = fw_data(f, fw_op(f, FW_argmax, &(fw_attrs){.axis = 1}, 1, &logits));
    int right = 0;
    for (int i = 0; best && i < n; i++) right += best[i] == d->labels[first + i];
    fw_step_end(f);
    fw_release(x), fw_release(labels);
    return right;
}

bool fw_train(fw *f, const mnist *d, const fw_train_options *o, fw_train_result *out) {
    *out = (fw_train_result){0};
    int steps = o->batch > 0 ? o->n_train / o->batch : 0, right = 0;
    if (steps < 1 || o->epochs < 1 || o->n_train > MNIST_TRAIN || o->n_test < 1 || o->n_test > MNIST_IMAGES - MNIST_TRAIN)
        return fw_fail(f, "train: counts are out of range"), false;
    fw_model m;
    bool good = fw_model_init(f, &m, o->model, o->seed);
    double start = now_ms(), total = 0;
    for (int epoch = 0; good && epoch < o->epochs; epoch++, out->loss = total / steps) {
        total = 0;
        for (int i = 0; i < steps && good; i++) total += train_step(f, &m, d, i * o->batch, o->batch), good = !fw_error(f);
    }
    out->step_ms = (now_ms() - start) / (o->epochs * steps);
    for (int at = 0, n; good && at < o->n_test; at += n, good = !fw_error(f)) {
        n = o->n_test - at < o->batch ? o->n_test - at : o->batch;
        right += count_right(f, &m, d, MNIST_TRAIN + at, n);
    }
    out->accuracy = (double)right / o->n_test;
    fw_model_deinit(&m);
    return good;
}
