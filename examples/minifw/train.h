/* Trains a model on MNIST. */
#include "mnist.h"

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
