/* Writes hostile ONNX models into a folder, and the list of what must be said of each: the test hostile.cli runs the tool on all of them.
 *
 * usage: hostile FOLDER    A line of FOLDER/list: NAME KIND ARGUMENTS WANTED..., separated by '|'. KIND: load (refused at once) or run
 * (loads; refused when compiled or run). Each WANTED must stand in the one line of the error: the node, the operand, found, wanted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/os.h"
#include "hostile_run.h"
#include "tenon/tenon.h"

static const char *folder;
static tn_context *context;

static void die(const char *what) {
    fprintf(stderr, "hostile: %s\n", what);
    exit(1);
}

static void check(tn_error *e) {
    if (e) die(tn_error_get_message(e));
}

static void path_of(char *path, size_t bytes, const char *format, const char *name, int k) {
    int n = snprintf(path, bytes, "%s/", folder);
    snprintf(path + n, bytes - (size_t)n, format, name, k);
}

static void write_file(const char *name, const void *data, size_t bytes) {
    char path[1024];
    path_of(path, sizeof path, "%s", name, 0);
    check(tn__os_write_file(&tn__allocator_malloc, path, &(tn__os_span){data, bytes}, 1));
}

/* What the models with external data find beside the models. */
static void write_surroundings(void) {
    char from[1100], to[1100];
    write_file("good.bin", "0123456789abcdef", 16);
    write_file("twin.bin", "0123456789abcdef", 16);
    snprintf(from, sizeof from, "%s/data", folder), mkdir(from, 0777);
    snprintf(to, sizeof to, "%s/../secret.bin", folder);
    check(tn__os_write_file(&tn__allocator_malloc, to, &(tn__os_span){"0123456789abcdef", 16}, 1));
    snprintf(from, sizeof from, "%s/link.bin", folder);
    if (symlink("../secret.bin", from)) die("no symbolic link could be made");
    snprintf(from, sizeof from, "%s/linked", folder);
    if (symlink("..", from)) die("no symbolic link could be made");
    snprintf(from, sizeof from, "%s/twin.bin", folder), snprintf(to, sizeof to, "%s/hard.bin", folder);
    if (link(from, to)) die("no hard link could be made");
    snprintf(from, sizeof from, "%s/pipe.bin", folder);
    if (mkfifo(from, 0666)) die("no pipe could be made");
}

/* ---- the list ------------------------------------------------------------------------------------------------ */

typedef struct input {
    const char *name;
    tn_dtype dtype;
    int32_t rank;
    int64_t dims[4];
    double values[8]; /* the rest is 0 */
} input;

#define X43 {"x", TN_DTYPE_f32, 2, {4, 3}, {0}}
#define I(name, rank, n, m, ...) {name, TN_DTYPE_i64, rank, {n, m}, {__VA_ARGS__}}

static const struct hostile {
    void (*make)(void);
    const char *name, *wanted; /* parts separated by '|' */
    bool at_run_time;
    input in[3];
} cases[] = {
#define LOAD(make, wanted) {make, #make, wanted, false, {{0}}}
#define RUN(make, name, wanted, ...) {make, name, wanted, true, {__VA_ARGS__}}
    LOAD(empty, "empty.onnx"),
    LOAD(noise, "noise.onnx|at byte"),
    LOAD(truncated, "at byte"),
    LOAD(without_graph, "no graph"),
    LOAD(cycle, "'first'|'b'|cycle"),
    LOAD(own_cycle, "'snake'|input 1 'y'|cycle"),
    LOAD(twice, "'two'|'y' is defined twice"),
    LOAD(lost_output, "output 'nowhere'"),
    LOAD(unknown_op, "'frob'|unsupported operator Frobnicate"),
    LOAD(unknown_domain, "'far'|unsupported operator Relu of domain 'com.example'"),
    LOAD(opset_999, "opset 999|newest known"),
    LOAD(opset_negative, "opset|-3"),
    LOAD(few_operands, "'lonely'|1 operands, wanted 2"),
    LOAD(many_operands, "'crowd'|3 operands, wanted 1"),
    LOAD(unknown_attribute, "'odd'|attribute 'colour'"),
    LOAD(wrong_attribute, "'soft'|attribute 'axis'"),
    LOAD(nested_10000, "nested too deeply"),
    LOAD(nested_100, "max_depth"),
    LOAD(recursion, "max_depth"),
    LOAD(bomb, "more than|nodes"),
    LOAD(many_symbols, "symbols"),
    LOAD(data_too_short, "'w'|47 bytes|48"),
    LOAD(entries_too_few, "'w'|3 entries|8"),
    LOAD(wrong_element_type, "'w'|data type 99"),
    LOAD(negative_dim, "'w'|dimension 0 is -2"),
    LOAD(mixed_types, "'sum'|f32|i64"),
    LOAD(wrong_type, "'both'|f32|bool"),
    LOAD(declared_type, "'y'|i64|f32"),
    LOAD(product_shapes, "'product'|[2,5]|[4,3]"),
    LOAD(broadcast_shapes, "'sum'|[2,5]|[3,5]"),
    LOAD(conv_channels, "'filter'|3|5"),
    LOAD(conv_kernel, "'filter'|9|8"),
    LOAD(conv_huge_pads, "'filter'"),
    LOAD(zero_stride, "'pool'|stride|0"),
    LOAD(impossible_reshape, "'fold'|8|9"),
    LOAD(transpose_perm, "'turn'|perm"),
    LOAD(axis_out_of_range, "'soft'|axis|7"),
    LOAD(huge_axis, "'join'|axis"),
    LOAD(huge_initializer, "'w'|max_elements"),
    LOAD(many_dims, "'w'|rank 1000000|32"),
    LOAD(billion_dims, "dims|wants 1000000000 bytes"),
    LOAD(many_input_dims, "'x'|rank 1000|32"),
    LOAD(unsqueeze_rank, "'wide'|rank|32"),
    LOAD(external_up, "'w'|leaves the model's folder"),
    LOAD(external_up_again, "'w'|leaves the model's folder"),
    LOAD(external_absolute, "'w'|relative to the model's folder"),
    LOAD(external_link, "'w'|links are not followed"),
    LOAD(external_folder_link, "'w'|links are not followed"),
    LOAD(external_hard_link, "'w'|2 hard links"),
    LOAD(external_past_end, "'w'|offset 9|16 bytes"),
    LOAD(external_huge_offset, "'w'|offset 18446744073709551615"),
    LOAD(external_negative_offset, "'w'|offset|'-8'"),
    LOAD(external_wrong_length, "'w'|12|16"),
    LOAD(external_missing, "'w'|missing.bin"),
    LOAD(external_folder, "'w'|not a regular file"),
    LOAD(external_pipe, "'w'|not a regular file"),
    RUN(huge_input, "huge_input", "'r'|x f32[2147483648,2147483648]|max_elements", {0}),
    RUN(huge_constant, "huge_constant", "'zeros'|max_elements", {0}),
    RUN(huge_expand, "huge_expand", "'grow'|max_elements", {0}),
    RUN(huge_tile, "huge_tile", "'repeat'", {0}),
    RUN(huge_pad, "huge_pad", "'frame'", {0}),
    RUN(huge_range, "huge_range", "'count'|max_elements", {0}),
    RUN(huge_product, "huge_product", "max_elements", {0}),
    RUN(small, "missing_input", "not given: x f32[2,4]", {0}),
    RUN(small, "wrong_dtype", "'x'|i64|f32", I("x", 2, 2, 4, 0)),
    RUN(small, "wrong_shape", "'x'|[2,3]|[2,4]", {"x", TN_DTYPE_f32, 2, {2, 3}, {0}}),
    RUN(small, "wrong_rank", "'x'|[8]|[2,4]", {"x", TN_DTYPE_f32, 1, {8}, {0}}),
    RUN(run_gather, "gather_high", "'pick'|4", X43, I("k", 1, 2, 0, 0, 4)),
    RUN(run_gather, "gather_low", "'pick'|-5", X43, I("k", 1, 2, 0, 0, -5)),
    RUN(run_gather, "gather_huge", "'pick'|4611686018427387904", X43, I("k", 1, 2, 0, 0, 4611686018427387904.0)),
    RUN(run_gather_column, "gather_column", "'pick'|3", X43, I("k", 1, 2, 0, 2, 3)),
    RUN(run_gather_elements, "gather_elements", "'pick'|4", X43, I("k", 2, 1, 2, 0, 4)),
    RUN(run_gather_nd, "gather_nd", "'pick'|3", X43, I("k", 2, 1, 2, 1, 3)),
    RUN(run_scatter_nd, "scatter_nd", "'put'|4", X43, I("k", 2, 1, 2, 4, 0), {"u", TN_DTYPE_f32, 1, {1}, {1}}),
    RUN(run_scatter_elements, "scatter_elements", "'put'|-5", X43, I("k", 2, 1, 2, 0, -5), {"u", TN_DTYPE_f32, 2, {1, 2}, {1}}),
    RUN(run_sequence, "reverse_sequence", "'turn'|5|4", X43, I("n", 1, 3, 0, 1, 5, 1)),
    RUN(run_loss, "loss_target", "'loss'|7|0..2", {"x", TN_DTYPE_f32, 2, {2, 3}, {0}}, I("t", 1, 2, 0, 1, 7)),
    RUN(run_reshape, "reshape", "'fold'|12|10", X43, I("s", 1, 2, 0, 2, 5)),
    RUN(run_reshape, "reshape_overflow", "'fold'", X43, I("s", 1, 2, 0, 4294967296, 4294967296)),
    RUN(run_expand, "expand", "'grow'|4|3", {"x", TN_DTYPE_f32, 1, {4}, {0}}, I("s", 1, 1, 0, 3)),
    RUN(run_tile, "tile_negative", "'repeat'|-1", {"x", TN_DTYPE_f32, 1, {4}, {0}}, I("s", 1, 1, 0, -1)),
    RUN(run_tile, "tile_huge", "'repeat'", {"x", TN_DTYPE_f32, 1, {4}, {0}}, I("s", 1, 1, 0, 4611686018427387904.0)),
    RUN(run_constant, "constant_negative", "'zeros'|-4", {"x", TN_DTYPE_f32, 1, {4}, {0}}, I("s", 1, 1, 0, -4)),
    RUN(run_constant, "constant_huge", "'zeros'|max_elements", {"x", TN_DTYPE_f32, 1, {4}, {0}}, I("s", 1, 1, 0, 4611686018427387904.0)),
    RUN(run_top_k, "top_k", "'best'|5|4", {"x", TN_DTYPE_f32, 1, {4}, {0}}, I("k", 1, 1, 0, 5)),
    RUN(run_range, "range_step", "'count'|0", I("by", 0, 0, 0, 0)),
    RUN(run_one_hot, "one_hot_depth", "'hot'|-2", I("k", 1, 2, 0, 0, 1), I("depth", 0, 0, 0, -2)),
    RUN(run_trip_count, "trip_count", "'forever'|max_bytes", I("n", 0, 0, 0, 9223372036854775807.0)),
};

static void write_inputs(const struct hostile *h, FILE *list) {
    for (int k = 0; k < 3 && h->in[k].name; k++) {
        const input *in = &h->in[k];
        tn_tensor *t;
        char path[1024];
        check(tn_tensor_create(context, in->dtype, in->rank, in->dims, &t));
        for (int64_t i = 0; i < tn_tensor_get_elements(t) && i < 8; i++) {
            if (in->dtype == TN_DTYPE_i64) /* the largest double is beyond the largest integer */
                ((int64_t *)tn_tensor_get_data(t))[i] = in->values[i] >= 9.2e18 ? INT64_MAX : (int64_t)in->values[i];
            else tn__store_f64(in->dtype, tn_tensor_get_data(t), i, in->values[i]);
        }
        path_of(path, sizeof path, "%s.%d.pb", h->name, k);
        check(tn_onnx_save_tensor(t, path));
        tn_tensor_release(t);
        fprintf(list, "%s--input %s=%s", k ? " " : "", in->name, path);
    }
}

int main(int argc, char **argv) {
    char path[1024];
    if (argc != 2) die("usage: hostile FOLDER");
    folder = argv[1];
    check(tn_context_create(NULL, &context));
    write_surroundings();
    path_of(path, sizeof path, "%s", "list", 0);
    FILE *list = fopen(path, "w");
    if (!list) die("the list could not be written");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct hostile *h = &cases[i];
        h->make();
        if (out.failed) die("no memory");
        path_of(path, sizeof path, "%s.onnx", h->name, 0);
        check(tn__os_write_file(&tn__allocator_malloc, path, &(tn__os_span){out.data, out.bytes}, 1));
        tn__wire_out_deinit(&out);
        fprintf(list, "%s|%s|", h->name, h->at_run_time ? "run" : "load");
        write_inputs(h, list);
        fprintf(list, "|%s\n", h->wanted);
    }
    if (fclose(list)) die("the list could not be written");
    tn_context_release(context);
    return 0;
}
