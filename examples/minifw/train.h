/* The trainer: MNIST, a perceptron and a small convolutional network, SGD with momentum. */
#ifndef MINIFW_TRAIN_H
#define MINIFW_TRAIN_H

#include "minifw.h"

enum { MNIST_PIXELS = 28 * 28, MNIST_IMAGES = 10000, MNIST_TRAIN = 8000 };

typedef struct mnist {
    float pixels[MNIST_IMAGES][MNIST_PIXELS]; /* mean 0, deviation 1 */
    int64_t labels[MNIST_IMAGES];
} mnist;

/* Reads the gzipped idx files of ../shared/datasets/mnist-t10k; false: they are missing or ill-formed. */
bool mnist_read(const char *folder, mnist *out);

typedef struct fw_train_options {
    const char *model; /* "mlp": 784, 128, 10; "cnn": two convolutions with pooling, one linear layer */
    int epochs, n_train, n_test, batch;
    uint64_t seed;
} fw_train_options;

typedef struct fw_train_result {
    double loss, accuracy;    /* mean of the last epoch; part of the test images that are right */
    double step_ms, first_ms; /* mean of all steps but the first; the first */
} fw_train_result;

bool fw_train(fw *f, const mnist *data, const fw_train_options *options, fw_train_result *out); /* false: fw_error tells */

#endif
