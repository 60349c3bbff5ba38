/* The MNIST test split of ../shared/datasets/mnist-t10k: gzipped idx files. */
#include "minifw.h"

enum { MNIST_SIDE = 28, MNIST_PIXELS = 28 * 28, MNIST_IMAGES = 10000, MNIST_TRAIN = 8000 };

typedef struct mnist {
    float pixels[MNIST_IMAGES][MNIST_PIXELS]; /* 0 to 1 */
    int64_t labels[MNIST_IMAGES];
} mnist;

/* Fills `out`; false: the files are missing or ill-formed. */
bool mnist_read(const char *folder, mnist *out);
