/* The idx format: a big-endian magic number (the low byte is the rank), the sizes, then bytes. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "train.h"

static bool read_idx(const char *folder, const char *name, const uint8_t *header, unsigned n_header, uint8_t *out,
                     unsigned bytes) {
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
    uint8_t *bytes = (uint8_t *)out->pixels; /* the first quarter of it; widened from the back */
    if (!read_idx(folder, "t10k-labels-idx1-ubyte.gz", labels, sizeof labels, bytes, MNIST_IMAGES)) return false;
    for (int i = 0; i < MNIST_IMAGES; i++)
        if ((out->labels[i] = bytes[i]) > 9) return false;
    if (!read_idx(folder, "t10k-images-idx3-ubyte.gz", images, sizeof images, bytes, MNIST_IMAGES * MNIST_PIXELS)) return false;
    for (int64_t i = MNIST_IMAGES * MNIST_PIXELS; i-- > 0;) {
        float value = (float)bytes[i] / 255;
        memcpy((char *)out->pixels + i * (int64_t)sizeof value, &value, sizeof value);
    }
    return true;
}
