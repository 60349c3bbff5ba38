/* The trainer: MNIST, two models and their optimiser, training. */
#ifndef MINIFW_TRAIN_H
#define MINIFW_TRAIN_H

#include "minifw.h"

enum { MNIST_PIXELS = 28 * 28, MNIST_IMAGES = 10000, MNIST_TRAIN = 8000 };

typedef struct mnist {
    float pixels[MNIST_IMAGES][MNIST_PIXELS]; /* 0 to 1 */
    int64_t labels[MNIST_IMAGES];
} mnist;

/* Reads the gzipped idx files of ../shared/datasets/mnist-t10k; false: they are missing or ill-formed. */
bool mnist_read(const char *folder, mnist *out);

typedef struct fw_model {
    bool is_cnn;
    int n_params;
    fw_tensor *params[6], *velocity[6]; /* owned */
    fw_tensor *mean, *spread;           /* owned constants that normalise pixels */
} fw_model;

/* "mlp": 784, 128, 10; "cnn": two convolutions with pooling, one linear layer. */
bool fw_model_init(fw *f, fw_model *model, const char *name, uint64_t seed);
void fw_model_deinit(fw_model *model);
fw_tensor *fw_model_forward(fw *f, const fw_model *model, fw_tensor *pixels); /* [n 784] -> logits [n 10] */
/* After fw_backward: v = momentum v + gradient; p = p - rate v. */
void fw_model_sgd(fw *f, fw_model *model, float rate, float momentum);

typedef struct fw_train_options {
    const char *model; /* "mlp" or "cnn" */
    int epochs, n_train, n_test, batch;
    uint64_t seed;
} fw_train_options;

typedef struct fw_train_result {
    double loss, accuracy; /* mean of the last epoch; part of the test images that are right */
    double step_ms;        /* mean of all steps */
} fw_train_result;

bool fw_train(fw *f, const mnist *data, const fw_train_options *options, fw_train_result *out); /* false: fw_error tells */

#endif
