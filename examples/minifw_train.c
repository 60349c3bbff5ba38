/* minifw-train [--tenon] FOLDER [mlp|cnn [EPOCHS]]: trains on 8,000 images of the folder's MNIST files, tests on 2,000. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge.h"
#include "train.h"

int main(int argc, char **argv) {
    static mnist data;
    /* the allocator keeps its memory: else each step would fault its pages in again, with and without the bridge */
    mallopt(M_MMAP_THRESHOLD, 32 << 20), mallopt(M_TRIM_THRESHOLD, 1 << 30);
    bool tenon = argc > 1 && !strcmp(argv[1], "--tenon");
    argc -= tenon, argv += tenon;
    if (argc < 2 || !mnist_read(argv[1], &data))
        return fprintf(stderr, "minifw-train [--tenon] FOLDER [mlp|cnn [EPOCHS]]: no MNIST files\n"), 1;
    fw_train_options options = {argc > 2 ? argv[2] : "mlp", argc > 3 ? atoi(argv[3]) : 3, MNIST_TRAIN, 2000, 64, 1};
    fw_train_result result;
    fw *f = fw_create();
    fw_bridge *bridge = f && tenon ? fw_bridge_create(f, NULL, false, NULL) : NULL;
    bool good = f && (bridge || !tenon) && fw_train(f, &data, &options, &result);
    if (!good)
        fprintf(stderr, "minifw-train: %s\n", f ? fw_error(f) : "out of memory");
    else
        printf("%s: loss %.4f, accuracy %.4f, first step %.1f ms, then %.3f ms\n", options.model, result.loss, result.accuracy,
               result.first_ms, result.step_ms);
    fw_bridge_destroy(bridge);
    fw_destroy(f);
    return !good;
}
