/* Operators that move elements, on the cpu device against the reference. */
#include "device_check.h"

static const device_check moves[] = {
    {"transposed, whole vectors", "input %1 \"x\" : f32[3,32,48]\n%2 = transpose(%1) {perm=[0,2,1]}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"transposed, odd", "input %1 \"x\" : f32[2,37,51]\n%2 = transpose(%1) {perm=[2,0,1]}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"transposed, narrow", "input %1 \"x\" : f32[40,3,5]\n%2 = transpose(%1) {perm=[2,1,0]}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"two woven", "input %1 \"x\" : f32[3,2,37]\n%2 = transpose(%1) {perm=[0,2,1]}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"four woven, 16-bit", "input %1 \"x\" : f16[4,3,48]\n%2 = transpose(%1) {perm=[1,2,0]}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"eight woven, 64-bit", "input %1 \"x\" : i64[8,16]\n%2 = transpose(%1)\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"three do not weave", "input %1 \"x\" : f32[3,50]\n%2 = transpose(%1)\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"pixels of blocks", "input %1 \"x\" : f32[1,8,5,33]\n%2 = depth_to_space(%1) {blocksize=2}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"transposed, 64-bit", "input %1 \"x\" : i64[19,33]\n%2 = transpose(%1)\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"transposed, 8-bit", "input %1 \"x\" : u8[19,33]\n%2 = transpose(%1)\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"depth to space", "input %1 \"x\" : f32[2,18,3,5]\n%2 = depth_to_space(%1) {blocksize=3}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"depth to space, columns first", "input %1 \"x\" : f32[1,12,4,17]\n%2 = depth_to_space(%1) {blocksize=2, mode=\"CRD\"}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"space to depth", "input %1 \"x\" : f32[2,3,8,34]\n%2 = space_to_depth(%1) {blocksize=2}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"tiled", "input %1 \"x\" : f32[2,3,5]\n%2 = constant {value=i64[3] (2, 1, 7)}\n%3 = tile(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"tiled integers", "input %1 \"x\" : i64[3,1]\n%2 = constant {value=i64[2] (1, 40)}\n%3 = tile(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"padded by reflection", "input %1 \"x\" : f32[2,3,7,9]\n%2 = constant {value=i64[8] (0, 0, 2, 8, 0, 0, 3, 1)}\n%3 = pad(%1, %2) {mode=\"reflect\"}\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"padded by edges", "input %1 \"x\" : i32[3,9]\n%2 = constant {value=i64[4] (1, 20, 0, 3)}\n%3 = pad(%1, %2) {mode=\"edge\"}\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"padded round about", "input %1 \"x\" : u8[3,9]\n%2 = constant {value=i64[4] (4, 2, 0, 30)}\n%3 = pad(%1, %2) {mode=\"wrap\"}\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"transposed and padded", "input %1 \"x\" : f32[17,40]\n%2 = transpose(%1)\n%3 = constant {value=i64[4] (1, 2, 3, 0)}\n%4 = pad(%2, %3)\noutput \"y\" %4\n", 0, 0, 0, 0},
};

/* Parts that kernels make are written where the whole lies. */
#define HEAD(n) "input %1 \"x\" : f32[" n ",3,5,6]\ninput %2 \"w\" : f32[32,3,3,3]\n%3 = conv(%1, %2)\n%4 = tanh(%3)\n%5 = relu(%3)\n"
static const device_check concats[] = {
    {"channels", HEAD("1") "%6 = concat(%4, %5) {axis=1}\n%7 = relu(%6)\noutput \"y\" %7\n", 2, 0, 0, 1e-5},
    {"channels, batch of two", HEAD("2") "%6 = concat(%4, %5) {axis=1}\n%7 = relu(%6)\noutput \"y\" %7\n", 2, 0, 0, 1e-5},
    {"the whole is a result", HEAD("1") "%6 = concat(%4, %5) {axis=1}\noutput \"y\" %6\noutput \"part\" %4\n", 2, 0, 0, 1e-5},
    {"a part twice", HEAD("1") "%6 = concat(%4, %5, %4) {axis=1}\n%7 = concat(%5, %6) {axis=1}\noutput \"y\" %7\noutput \"z\" %6\n", 2, 0, 0, 1e-5},
    {"grown, as in DenseNet", HEAD("1") "input %6 \"v\" : f32[16,64,1,1]\ninput %7 \"u\" : f32[16,80,1,1]\n%8 = concat(%4, %5) {axis=1}\n%9 = conv(%8, %6)\n"
     "%10 = concat(%8, %9) {axis=1}\n%11 = relu(%10)\n%12 = conv(%11, %7)\n%13 = concat(%10, %12) {axis=1}\n%14 = tanh(%13)\noutput \"y\" %14\n", 14, 0, 0, 1e-5},
    {"rows", "input %1 \"x\" : f32[4,16]\n%2 = tanh(%1)\n%3 = relu(%2)\n%4 = concat(%3, %1, %2) {axis=0}\n%5 = neg(%4)\noutput \"y\" %4\noutput \"z\" %5\noutput \"p\" %3\n", 0, 0, 0, 1e-5},
    {"rows of odd sizes", "input %1 \"x\" : f32[3,7]\n%2 = tanh(%1)\n%3 = exp(%2)\n%4 = concat(%3, %2) {axis=0}\n%5 = neg(%4)\noutput \"y\" %5\n", 0, 0, 0, 1e-5},
};

static void concatenated(void **s) { (void)s, check_all(concats, sizeof concats / sizeof *concats); }

static void moved_elements(void **s) { (void)s, check_all(moves, sizeof moves / sizeof *moves); }

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(moved_elements), cmocka_unit_test(concatenated)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
