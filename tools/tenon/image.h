/* PNG and JPEG pictures as model inputs. */
#ifndef TENON_TOOL_IMAGE_H
#define TENON_TOOL_IMAGE_H
#include "tenon/base.h"

/* Pixels, row by row, three bytes each: red, green, blue. */
typedef struct cli_image {
    int64_t width, height;
    unsigned char *pixels; /* owned, free() */
} cli_image;

/* How pixels become numbers: (pixel / 255 * scale - mean[channel]) / std[channel]. */
typedef struct cli_pixel_map {
    double scale, mean[3], std[3];
    bool channels_last, blue_first;
} cli_pixel_map;

bool cli_image_is(const void *data, size_t bytes); /* begins as PNG or JPEG does */
tn_error *cli_image_decode(tn_context *context, const char *what, const void *data, size_t bytes, cli_image *out);
/* Writes `channels` (1: luma, 3) x `height` x `width` elements into `t` at element `first`, resized bilinearly (pixel centres
 * aligned). The caller has checked that they fit. */
void cli_image_store(const cli_image *image, const cli_pixel_map *map, int64_t channels, int64_t height, int64_t width,
                     tn_tensor *t, int64_t first);
#endif
