/* Decoding with libpng and libjpeg, and bilinear resizing. */
#include "image.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "base/context.h"
#include "base/dtype.h"
#include "cli.h"

#define SIDE_MAX 32768 /* so that one picture stays below 3 GiB */

static bool is_png(const unsigned char *p, size_t bytes) { return bytes >= 8 && !memcmp(p, "\x89PNG\r\n\x1a\n", 8); }
static bool is_jpeg(const unsigned char *p, size_t bytes) { return bytes >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff; }

bool cli_image_is(const void *data, size_t bytes) { return is_png(data, bytes) || is_jpeg(data, bytes); }

static tn_error *check_size(tn_context *c, const char *what, uint64_t width, uint64_t height) {
    if (width < 1 || height < 1 || width > SIDE_MAX || height > SIDE_MAX)
        return TN__FAIL(&c->allocator, LIMIT_EXCEEDED, "%s: picture of %llux%llu, wanted sides of 1 to %d", what,
                        (unsigned long long)width, (unsigned long long)height, SIDE_MAX);
    return NULL;
}

static tn_error *decode_png(tn_context *c, const char *what, const void *data, size_t bytes, cli_image *out) {
    png_image image = {.version = PNG_IMAGE_VERSION};
    if (!png_image_begin_read_from_memory(&image, data, bytes)) {
        png_image_free(&image);
        return TN__FAIL(&c->allocator, PARSE, "%s: PNG: %s", what, image.message);
    }
    tn_error *e = check_size(c, what, image.width, image.height);
    if (e) {
        png_image_free(&image);
        return e;
    }
    image.format = PNG_FORMAT_RGB;
    png_color white = {255, 255, 255}; /* under transparent pixels */
    unsigned char *pixels = malloc(PNG_IMAGE_SIZE(image));
    if (!pixels) {
        png_image_free(&image);
        return tn__error_oom();
    }
    if (!png_image_finish_read(&image, &white, pixels, 0, NULL)) {
        free(pixels);
        return TN__FAIL(&c->allocator, PARSE, "%s: PNG: %s", what, image.message);
    }
    *out = (cli_image){image.width, image.height, pixels};
    return NULL;
}

typedef struct jpeg_failure {
    struct jpeg_error_mgr base;
    jmp_buf back;
    char message[JMSG_LENGTH_MAX];
} jpeg_failure;

static void jpeg_fail(j_common_ptr info) {
    jpeg_failure *f = (jpeg_failure *)info->err;
    info->err->format_message(info, f->message);
    longjmp(f->back, 1);
}

static void jpeg_silent(j_common_ptr info) {}

/* All that changes between setjmp and longjmp lives in *info, *f and *out. */
static tn_error *decode_jpeg(tn_context *c, const char *what, const void *data, size_t bytes, cli_image *out) {
    struct jpeg_decompress_struct info;
    jpeg_failure f;
    info.err = jpeg_std_error(&f.base);
    f.base.error_exit = jpeg_fail;
    f.base.output_message = jpeg_silent;
    *out = (cli_image){0};
    if (setjmp(f.back)) {
        jpeg_destroy_decompress(&info);
        free(out->pixels);
        *out = (cli_image){0};
        return TN__FAIL(&c->allocator, PARSE, "%s: JPEG: %s", what, f.message);
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, data, (unsigned long)bytes);
    jpeg_read_header(&info, TRUE);
    tn_error *e = check_size(c, what, info.image_width, info.image_height);
    if (e) {
        jpeg_destroy_decompress(&info);
        return e;
    }
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    out->width = info.output_width;
    out->height = info.output_height;
    out->pixels = malloc((size_t)out->width * (size_t)out->height * 3);
    if (!out->pixels) {
        jpeg_destroy_decompress(&info);
        return tn__error_oom();
    }
    while (info.output_scanline < info.output_height) {
        JSAMPROW row = out->pixels + (size_t)info.output_scanline * (size_t)out->width * 3;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
    return NULL;
}

tn_error *cli_image_decode(tn_context *context, const char *what, const void *data, size_t bytes, cli_image *out) {
    *out = (cli_image){0};
    if (is_png(data, bytes)) return decode_png(context, what, data, bytes, out);
    if (is_jpeg(data, bytes)) return decode_jpeg(context, what, data, bytes, out);
    return TN__FAIL(&context->allocator, PARSE, "%s: neither PNG nor JPEG", what);
}

/* ---- resizing ------------------------------------------------------------------------------------------------ */

typedef struct tap {
    int64_t low, high;
    double weight; /* of high */
} tap;

static tap tap_at(int64_t i, int64_t out_side, int64_t in_side) {
    double x = ((double)i + 0.5) * (double)in_side / (double)out_side - 0.5;
    if (x < 0) x = 0;
    if (x > (double)(in_side - 1)) x = (double)(in_side - 1);
    int64_t low = (int64_t)x, high = low + 1 < in_side ? low + 1 : low;
    return (tap){low, high, x - (double)low};
}

static double sample(const cli_image *m, tap y, tap x, int channel) {
    const unsigned char *a = m->pixels + y.low * m->width * 3, *b = m->pixels + y.high * m->width * 3;
    double top = a[x.low * 3 + channel] * (1 - x.weight) + a[x.high * 3 + channel] * x.weight;
    double bottom = b[x.low * 3 + channel] * (1 - x.weight) + b[x.high * 3 + channel] * x.weight;
    return top * (1 - y.weight) + bottom * y.weight;
}

void cli_image_store(const cli_image *image, const cli_pixel_map *map, int64_t channels, int64_t height, int64_t width,
                     tn_tensor *t, int64_t first) {
    tn_dtype dtype = tn_tensor_get_dtype(t);
    void *data = tn_tensor_get_data(t);
    for (int64_t i = 0; i < height; i++) {
        tap y = tap_at(i, height, image->height);
        for (int64_t j = 0; j < width; j++) {
            tap x = tap_at(j, width, image->width);
            for (int64_t c = 0; c < channels; c++) {
                double v = channels == 3 ? sample(image, y, x, map->blue_first ? 2 - (int)c : (int)c)
                                         : 0.299 * sample(image, y, x, 0) + 0.587 * sample(image, y, x, 1) +
                                               0.114 * sample(image, y, x, 2);
                v = (v / 255 * map->scale - map->mean[c]) / map->std[c];
                if (!tn__dtype_is_float(dtype)) v = v < 0 ? v - 0.5 : v + 0.5; /* the store truncates */
                int64_t at = map->channels_last ? (i * width + j) * channels + c : (c * height + i) * width + j;
                tn__store_f64(dtype, data, first + at, v);
            }
        }
    }
}
