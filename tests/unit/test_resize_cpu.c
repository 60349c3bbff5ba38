/* resize of the cpu device against the reference: every coordinate mode, nearest mode and filter, on row-major and on blocked values. */
#include "device_check.h"

#define SIZES(x, sizes, attrs) "input %1 \"x\" : " x "\n%2 = constant {value=i64[4] (" sizes ")}\n%3 = resize(%1, _, _, %2) {" attrs "}\noutput \"y\" %3\n"
#define SCALES(x, scales, attrs) "input %1 \"x\" : " x "\n%2 = constant {value=f32[4] (" scales ")}\n%3 = resize(%1, _, %2) {" attrs "}\noutput \"y\" %3\n"
/* between a convolution and another: blocked, and what follows joins */
#define BLOCKED(sizes, attrs)                                                                                          \
    "input %1 \"x\" : f32[2,3,6,7]\ninput %2 \"w\" : f32[21,3,3,3]\ninput %3 \"v\" : f32[5,21,1,1]\n%4 = conv(%1, %2)\n"  \
    "%5 = constant {value=i64[4] (2, 21, " sizes ")}\n%6 = resize(%4, _, _, %5) {" attrs "}\n%7 = relu(%6)\n%8 = conv(%7, %3)\noutput \"y\" %8\n"

static const device_check resizes[] = {
    {"nearest, doubled", SCALES("f32[1,2,5,9]", "1, 1, 2, 2", "mode=\"nearest\""), 0, 0, 0, 0},
    {"nearest, asymmetric floor", SCALES("f32[1,2,5,9]", "1, 1, 2, 3", "mode=\"nearest\", coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"floor\""), 0, 0, 0, 0},
    {"nearest, smaller", SIZES("f32[2,3,17,33]", "2, 3, 5, 20", "mode=\"nearest\", nearest_mode=\"ceil\""), 0, 0, 0, 0},
    {"nearest, all axes", SIZES("f32[2,3,4,5]", "3, 4, 5, 20", "mode=\"nearest\""), 0, 0, 1, 0},
    {"nearest, integers", SIZES("i64[2,3,4,5]", "2, 3, 8, 20", "mode=\"nearest\""), 0, 0, 0, 0},
    {"nearest, halves", SIZES("f16[2,3,4,5]", "2, 3, 8, 20", "mode=\"nearest\""), 0, 0, 0, 0},
    {"linear", SCALES("f32[1,2,5,9]", "1, 1, 2, 2", "mode=\"linear\""), 0, 0, 0, 1e-5},
    {"linear, aligned corners", SIZES("f32[2,3,5,9]", "2, 3, 7, 40", "mode=\"linear\", coordinate_transformation_mode=\"align_corners\""), 0, 0, 0, 1e-5},
    {"linear, symmetric", SIZES("f32[2,3,5,9]", "2, 3, 3, 16", "mode=\"linear\", coordinate_transformation_mode=\"half_pixel_symmetric\""), 0, 0, 0, 1e-5},
    {"linear, asymmetric", SIZES("f32[2,3,5,9]", "2, 3, 3, 16", "mode=\"linear\", coordinate_transformation_mode=\"asymmetric\""), 0, 0, 0, 1e-5},
    {"linear, pytorch", SIZES("f32[2,3,5,9]", "2, 3, 1, 17", "mode=\"linear\", coordinate_transformation_mode=\"pytorch_half_pixel\""), 0, 0, 0, 1e-5},
    {"linear, the rows only", SIZES("f32[2,3,5,19]", "2, 3, 9, 19", "mode=\"linear\""), 0, 0, 0, 1e-5},
    {"linear, halves", SIZES("f16[2,3,5,9]", "2, 3, 9, 19", "mode=\"linear\""), 0, 0, 0, 4e-3},
    {"linear, smoothed", SIZES("f32[1,2,25,39]", "1, 2, 7, 10", "mode=\"linear\", antialias=1"), 0, 0, 0, 1e-5},
    {"linear, three axes", SIZES("f32[2,5,5,9]", "2, 9, 9, 19", "mode=\"linear\""), 0, 0, 0, 1e-5},
    {"cubic", SIZES("f32[2,3,7,9]", "2, 3, 11, 33", "mode=\"cubic\""), 0, 0, 0, 1e-5},
    {"cubic, borders left out", SIZES("f32[2,3,7,9]", "2, 3, 11, 5", "mode=\"cubic\", exclude_outside=1, cubic_coeff_a=-0.5"), 0, 0, 0, 1e-5},
    {"blocked, nearest", BLOCKED("8, 10", "mode=\"nearest\""), 6, 0, 0, 1e-5},
    {"blocked, linear", BLOCKED("9, 23", "mode=\"linear\""), 6, 0, 0, 1e-5},
    {"blocked, cubic", BLOCKED("4, 3", "mode=\"cubic\""), 6, 0, 0, 1e-5},
};

static const device_check others[] = {
    {"cut out", "input %1 \"x\" : f32[1,1,5,9]\n%2 = constant {value=f32[8] (0, 0, 0.1, 0.2, 1, 1, 0.9, 1.3)}\n%3 = constant {value=i64[4] (1, 1, 7, 8)}\n"
     "%4 = resize(%1, %2, _, %3) {mode=\"linear\", coordinate_transformation_mode=\"tf_crop_and_resize\", extrapolation_value=2.5}\noutput \"y\" %4\n", 0, 0, 1, 1e-5},
    {"bytes", SIZES("u8[2,3,5,9]", "2, 3, 9, 19", "mode=\"linear\""), 0, 0, 1, 0},
};

static void resized(void **s) { (void)s, check_all(resizes, sizeof resizes / sizeof *resizes); }
static void left_to_the_reference(void **s) { (void)s, check_all(others, sizeof others / sizeof *others); }

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(resized), cmocka_unit_test(left_to_the_reference)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
