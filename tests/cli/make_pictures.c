/* Writes pictures for run.sh: FOLDER/p.png (red, green / blue, white) and FOLDER/p.jpg (8 x 8, grey 128). usage: make_pictures FOLDER */
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

static int write_png(const char *path) {
    static const unsigned char pixels[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    png_image image = {.version = PNG_IMAGE_VERSION, .width = 2, .height = 2, .format = PNG_FORMAT_RGB};
    return png_image_write_to_file(&image, path, 0, pixels, 0, NULL) ? 0 : 1;
}

static int write_jpeg(const char *path) {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr error; /* ends the program on an error */
    FILE *file = fopen(path, "wb");
    unsigned char row[8 * 3];
    JSAMPROW rows[1] = {row};
    if (!file) return 1;
    memset(row, 128, sizeof row);
    info.err = jpeg_std_error(&error);
    jpeg_create_compress(&info);
    jpeg_stdio_dest(&info, file);
    info.image_width = info.image_height = 8;
    info.input_components = 3;
    info.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_start_compress(&info, TRUE);
    for (int i = 0; i < 8; i++) jpeg_write_scanlines(&info, rows, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    return fclose(file) ? 1 : 0;
}

int main(int argc, char **argv) {
    char path[1024];
    if (argc != 2) return 2;
    snprintf(path, sizeof path, "%s/p.png", argv[1]);
    int failed = write_png(path);
    snprintf(path, sizeof path, "%s/p.jpg", argv[1]);
    return write_jpeg(path) || failed;
}
