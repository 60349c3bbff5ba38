/* minifw FOLDER [mlp|cnn [EPOCHS]]: trains on 8,000 images of the folder's MNIST files, tests on 2,000. */
#include <stdio.h>
#include <stdlib.h>

#include "train.h"

int main(int argc, char **argv) {
    static mnist data;
    if (argc < 2 || !mnist_read(argv[1], &data)) return fprintf(stderr, "minifw FOLDER [mlp|cnn [EPOCHS]]: no MNIST files\n"), 1;
    fw_train_options options = {argc > 2 ? argv[2] : "mlp", argc > 3 ? atoi(argv[3]) : 3, MNIST_TRAIN, 2000, 64, 1};
    fw_train_result result;
    fw *f = fw_create();
    bool good = f && fw_train(f, &data, &options, &result);
    if (!good)
        fprintf(stderr, "minifw: %s\n", f ? fw_error(f) : "out of memory");
    else
        printf("%s: loss %.4f, accuracy %.4f, %.3f ms a step\n", options.model, result.loss, result.accuracy, result.step_ms);
    fw_destroy(f);
    return !good;
}
