/* Model inputs from the command line: files, pictures, random numbers, zeros, or a test data set. */
#ifndef TENON_TOOL_INPUTS_H
#define TENON_TOOL_INPUTS_H
#include "cli.h"

typedef struct cli_inputs {
    cli_texts inputs; /* NAME=FILE, NAME=random, NAME=zeros; the name may be left out where the graph has one input */
    cli_texts dims;   /* SYMBOL=N or INPUT.AXIS=N */
    const char *mean, *std, *layout, *channels;
    double scale; /* < 0: 255 for integer inputs, else 1 */
    bool missing_random;     /* inputs not named are random; else they are an error */
    const char *model_path;  /* with missing_random: its test_data_set_0 comes first, unless dims are given; NULL for none */
} cli_inputs;

#define CLI_INPUT_OPTIONS(s)                                                                                          \
    {"input", CLI_TEXTS, &(s)->inputs, "NAME=FILE", ".npy, ONNX .pb, PNG, JPEG; or NAME=random, NAME=zeros; repeatable"}, \
    {"dim", CLI_TEXTS, &(s)->dims, "NAME=N", "size of a symbolic dimension, or of axis K as INPUT.K=N; repeatable"},      \
    {"mean", CLI_TEXT, &(s)->mean, "A,B,C", "pictures: subtracted from each channel (0)"},                               \
    {"std", CLI_TEXT, &(s)->std, "A,B,C", "pictures: then divided by this (1)"},                                         \
    {"scale", CLI_REAL, &(s)->scale, "X", "pictures: what white is before --mean (1; 255 for integer inputs)"},          \
    {"picture-layout", CLI_TEXT, &(s)->layout, "nchw|nhwc", "pictures: order of the axes (default: found from the shape)"}, \
    {"channels", CLI_TEXT, &(s)->channels, "rgb|bgr", "pictures: order of the colours, also of --mean and --std (rgb)"}

/* One tensor per graph input; release each and free() the array with cli_tensors_release. */
tn_error *cli_inputs_make(tn_context *context, const tn_graph *graph, const cli_inputs *spec, tn_tensor ***out_tensors);
void cli_tensors_release(tn_tensor **tensors, uint32_t n); /* NULL entries and a NULL array are allowed */
void cli_inputs_free(cli_inputs *spec);
/* A tensor from a .npy or TensorProto file, told apart by content. */
tn_error *cli_tensor_load(tn_context *context, const char *path, tn_tensor **out_tensor);
/* "f32[1,3,H,?]" of a graph value. */
const char *cli_type_text(const tn_graph *graph, tn_value value, char *buffer, size_t bytes);
#endif
