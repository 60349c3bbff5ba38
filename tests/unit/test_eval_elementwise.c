/* The tricky semantics of the elementwise and reduction evaluations. */
#include "op_table_check.h"

static tn_context *context;

static int setup(void **state) {
    (void)state;
    return tn_context_create(NULL, &context) != NULL;
}

static int teardown(void **state) {
    (void)state;
    tn_context_release(context);
    return 0;
}

static const tn__attrs_mod floor_mod = {.fmod = 0}, c_mod = {.fmod = 1};
static const tn__attrs_bit_shift left = {.direction = "LEFT"}, right = {.direction = "RIGHT"};
static const tn__attrs_is_inf only_positive = {.detect_negative = 0, .detect_positive = 1};
static const tn__attrs_cast to_i32 = {.to = TN_DTYPE_i32, .saturate = 1}, to_i8 = {.to = TN_DTYPE_i8, .saturate = 1};
static const tn__attrs_cast to_bool = {.to = TN_DTYPE_bool}, to_u4 = {.to = TN_DTYPE_u4}, to_f32 = {.to = TN_DTYPE_f32};
static const tn__attrs_cast to_f8 = {.to = TN_DTYPE_f8e4m3, .saturate = 1}, to_f8_nan = {.to = TN_DTYPE_f8e4m3, .saturate = 0};
static const tn__attrs_cast to_f8e5_inf = {.to = TN_DTYPE_f8e5m2, .saturate = 0}, to_e8m0 = {.to = TN_DTYPE_f8e8m0, .saturate = 1};
static const tn__attrs_cast to_i4 = {.to = TN_DTYPE_i4}, to_f4 = {.to = TN_DTYPE_f4e2m1};
static const tn__attrs_cast bits_i32 = {.to = TN_DTYPE_i32}, bits_f64 = {.to = TN_DTYPE_f64};
static const tn__attrs_alpha alpha_half = {.alpha = 0.5};

static const check elementwise[] = {
    {"round half to even", TN_OP_round, NULL, {D1(f32, 6, 0.5, 1.5, 2.5, -0.5, -1.5, -2.6)}, D1(f32, 6, 0, 2, 2, 0, -2, -3)},
    {"sign of NaN", TN_OP_sign, NULL, {D1(f32, 3, -2, 0, NAN)}, D1(f32, 3, -1, 0, NAN)},
    {"abs of i8 -128 wraps", TN_OP_abs, NULL, {D1(i8, 2, -128, -1)}, D1(i8, 2, -128, 1)},
    {"neg of an unsigned wraps", TN_OP_neg, NULL, {D1(u8, 2, 1, 0)}, D1(u8, 2, 255, 0)},
    {"bitwise_not u4", TN_OP_bitwise_not, NULL, {D1(u4, 3, 0, 5, 15)}, D1(u4, 3, 15, 10, 0)},
    {"relu keeps NaN", TN_OP_relu, NULL, {D1(f16, 3, -1, 2, NAN)}, D1(f16, 3, 0, 2, NAN)},
    {"softplus does not overflow", TN_OP_softplus, NULL, {D1(f64, 2, 1000, -1000)}, D1(f64, 2, 1000, 0)},
    {"sigmoid does not overflow", TN_OP_sigmoid, NULL, {D1(f64, 2, 1000, -1000)}, D1(f64, 2, 1, 0)},
    {"leaky_relu", TN_OP_leaky_relu, &alpha_half, {D1(f32, 2, -2, 2)}, D1(f32, 2, -1, 2)},
    {"is_inf positive", TN_OP_is_inf, &only_positive, {D1(f32, 3, INFINITY, -INFINITY, 0)}, D1(bool, 3, 1, 0, 0)},
    {"not wants bool", TN_OP_not, NULL, {D1(f32, 1, 0)}, ABSENT},
    {"div truncates", TN_OP_div, NULL, {D1(i32, 4, 7, -7, 7, -7), D1(i32, 4, 2, 2, -2, -2)}, D1(i32, 4, 3, -3, -3, 3)},
    {"div i8 -128 / -1 wraps, x / 0 is 0", TN_OP_div, NULL, {D1(i8, 2, -128, 5), D1(i8, 2, -1, 0)}, D1(i8, 2, -128, 0)},
    {"add wraps", TN_OP_add, NULL, {D1(u8, 1, 250), D1(u8, 1, 10)}, D1(u8, 1, 4)},
    {"mod: sign of the divisor", TN_OP_mod, &floor_mod, {D1(i32, 4, 7, -7, 7, -7), D1(i32, 4, 3, 3, -3, -3)}, D1(i32, 4, 1, 2, -2, -1)},
    {"fmod: sign of the dividend", TN_OP_mod, &c_mod, {D1(i32, 4, 7, -7, 7, -7), D1(i32, 4, 3, 3, -3, -3)}, D1(i32, 4, 1, -1, 1, -1)},
    {"fmod of reals", TN_OP_mod, &c_mod, {D1(f32, 2, -4.5, 4.5), D0(f32, 2)}, D1(f32, 2, -0.5, 0.5)},
    {"pow of integers", TN_OP_pow, NULL, {D1(i32, 4, 2, -1, -3, 2), D1(i32, 4, 10, 3, 3, -1)}, D1(i32, 4, 1024, -1, -27, 0)},
    {"pow integer base, real exponent", TN_OP_pow, NULL, {D1(i32, 2, 4, 9), D0(f32, 0.5)}, D1(i32, 2, 2, 3)},
    {"shift left drops bits", TN_OP_bit_shift, &left, {D1(u8, 3, 129, 1, 1), D1(u8, 3, 1, 7, 8)}, D1(u8, 3, 2, 128, 0)},
    {"shift right", TN_OP_bit_shift, &right, {D1(u32, 2, 16, 16), D1(u32, 2, 2, 40)}, D1(u32, 2, 4, 0)},
    {"prelu does not widen x", TN_OP_prelu, NULL, {D1(f32, 2, -1, 1), D2(f32, 2, 1, 1, 2)}, ABSENT},
    {"broadcast both ways", TN_OP_sub, NULL, {D2(f32, 2, 1, 1, 2), D1(f32, 3, 10, 20, 30)}, D2(f32, 2, 3, -9, -19, -29, -8, -18, -28)},
    {"broadcast of an empty operand", TN_OP_add, NULL, {EMPTY(f32), D1(f32, 1, 1)}, EMPTY(f32)},
    {"broadcast mismatch", TN_OP_add, NULL, {D1(f32, 2, 1, 2), D1(f32, 3, 1, 2, 3)}, ABSENT},
    {"dtypes differ", TN_OP_add, NULL, {D1(f32, 1, 1), D1(i32, 1, 1)}, ABSENT},
    {"less with NaN", TN_OP_less_equal, NULL, {D1(f32, 3, NAN, 1, 2), D1(f32, 3, 0, 1, 1)}, D1(bool, 3, 0, 1, 0)},
    {"u64 compares unsigned", TN_OP_greater, NULL, {D1(u64, 1, -1), D1(u64, 1, 1)}, D1(bool, 1, 1)},
    {"max keeps NaN", TN_OP_max, NULL, {D1(f32, 2, NAN, 1), D1(f32, 2, 1, NAN), D0(f32, 5)}, D1(f32, 2, NAN, NAN)},
    {"min of u64", TN_OP_min, NULL, {D1(u64, 1, -1), D1(u64, 1, 7)}, D1(u64, 1, 7)},
    {"mean broadcasts", TN_OP_mean, NULL, {D1(f32, 2, 1, 2), D0(f32, 3)}, D1(f32, 2, 2, 2.5)},
    {"where", TN_OP_where, NULL, {D2(bool, 2, 1, 1, 0), D1(i4, 2, -8, 7), D0(i4, 1)}, D2(i4, 2, 2, -8, 7, 1, 1)},
    {"clip with min > max", TN_OP_clip, NULL, {D1(f32, 3, 0, 5, 9), D0(f32, 6), D0(f32, 4)}, D1(f32, 3, 4, 4, 4)},
    {"clip, only max", TN_OP_clip, NULL, {D1(i32, 2, -5, 5), ABSENT, D0(i32, 2)}, D1(i32, 2, -5, 2)},
    {"cast truncates", TN_OP_cast, &to_i32, {D1(f32, 3, 1.9, -1.9, NAN)}, D1(i32, 3, 1, -1, 0)},
    {"cast of integers wraps", TN_OP_cast, &to_i8, {D1(i16, 2, 200, -129)}, D1(i8, 2, -56, 127)},
    {"cast to bool", TN_OP_cast, &to_bool, {D1(f32, 3, 0.1, -0.0, NAN)}, D1(bool, 3, 1, 0, 1)},
    {"cast to u4", TN_OP_cast, &to_u4, {D1(i32, 3, 3, 17, 15)}, D1(u4, 3, 3, 1, 15)},
    {"cast f8 saturates", TN_OP_cast, &to_f8, {D1(f32, 4, 500, -INFINITY, 0.3, NAN)}, D1(f8e4m3, 4, 448, -448, 0.3125, NAN)},
    {"cast f8 without saturation", TN_OP_cast, &to_f8_nan, {D1(f32, 2, 500, 448)}, D1(f8e4m3, 2, NAN, 448)},
    {"cast f8e5m2 to infinity", TN_OP_cast, &to_f8e5_inf, {D1(f32, 2, 1e6, -1e6)}, D1(f8e5m2, 2, INFINITY, -INFINITY)},
    {"cast e8m0 rounds up", TN_OP_cast, &to_e8m0, {D1(f32, 4, 1, 1.1, 3, INFINITY)}, D1(f8e8m0, 4, 1, 2, 4, 0x1p127)},
    {"cast of reals to i4 wraps", TN_OP_cast, &to_i4, {D1(f32, 3, -9, 8.5, 7)}, D1(i4, 3, 7, -8, 7)},
    {"cast of NaN to f4", TN_OP_cast, &to_f4, {D1(f32, 3, NAN, 9, -INFINITY)}, D1(f4e2m1, 3, 0, 6, -6)},
    {"cast i4 to f32", TN_OP_cast, &to_f32, {D1(i4, 2, -8, 7)}, D1(f32, 2, -8, 7)},
    {"bit_cast", TN_OP_bit_cast, &bits_i32, {D1(f32, 2, 1, -0.0)}, D1(i32, 2, 0x3f800000, INT32_MIN)},
    {"bit_cast of another width", TN_OP_bit_cast, &bits_f64, {D1(f32, 1, 1)}, ABSENT},
};

static const tn__attrs_reduce keep = {.keepdims = 1}, drop = {.keepdims = 0}, noop = {.keepdims = 1, .noop_with_empty_axes = 1};
static const tn__attrs_arg last_index = {.axis = -1, .keepdims = 0, .select_last_index = 1}, first_index = {.axis = -1, .keepdims = 1};
static const tn__attrs_cum plain = {0}, exclusive_reverse = {.exclusive = 1, .reverse = 1};

static const check reductions[] = {
    {"negative axis", TN_OP_reduce_sum, &drop, {D2(f32, 2, 2, 1, 2, 3, 4), D1(i64, 1, -1)}, D1(f32, 2, 3, 7)},
    {"all axes", TN_OP_reduce_sum, &keep, {D2(f32, 2, 2, 1, 2, 3, 4)}, D2(f32, 1, 1, 10)},
    {"empty axes, no-op still squares", TN_OP_reduce_sum_square, &noop, {D1(f32, 2, 2, -3), EMPTY(i64)}, D1(f32, 2, 4, 9)},
    {"empty axes reduce all", TN_OP_reduce_max, &drop, {D1(f32, 2, 2, -3), EMPTY(i64)}, D0(f32, 2)},
    {"empty sum", TN_OP_reduce_sum, &drop, {{TN_DTYPE_f32, 2, {2, 0}, {0}}, D1(i64, 1, 1)}, D1(f32, 2, 0, 0)},
    {"empty prod", TN_OP_reduce_prod, &drop, {EMPTY(i32)}, D0(i32, 1)},
    {"empty max of i8", TN_OP_reduce_max, &drop, {EMPTY(i8)}, D0(i8, -128)},
    {"empty min of f32", TN_OP_reduce_min, &drop, {EMPTY(f32)}, D0(f32, INFINITY)},
    {"empty log_sum_exp", TN_OP_reduce_log_sum_exp, &drop, {EMPTY(f32)}, D0(f32, -INFINITY)},
    {"log_sum_exp of large values", TN_OP_reduce_log_sum_exp, &drop, {D1(f32, 2, 1000, 1000)}, D0(f32, 1000.69314718)},
    {"max of bool", TN_OP_reduce_max, &drop, {D2(bool, 2, 2, 0, 0, 0, 1), D1(i64, 1, 1)}, D1(bool, 2, 0, 1)},
    {"l2", TN_OP_reduce_l2, &drop, {D1(f32, 2, 3, -4)}, D0(f32, 5)},
    {"mean of integers truncates", TN_OP_reduce_mean, &drop, {D1(i32, 2, -1, -2)}, D0(i32, -1)},
    {"axis twice", TN_OP_reduce_sum, &keep, {D1(f32, 1, 1), D1(i64, 2, 0, -1)}, ABSENT},
    {"axis out of range", TN_OP_reduce_sum, &keep, {D1(f32, 1, 1), D1(i64, 1, 1)}, ABSENT},
    {"arg_max, last of equals", TN_OP_arg_max, &last_index, {D2(f32, 2, 3, 1, 2, 2, 3, 3, 0)}, D1(i64, 2, 2, 1)},
    {"arg_min, first of equals", TN_OP_arg_min, &first_index, {D2(f32, 2, 3, 1, 1, 2, 3, 0, 0)}, D2(i64, 2, 1, 0, 1)},
    {"cum_sum", TN_OP_cum_sum, &plain, {D1(i32, 3, 1, 2, 3), D0(i64, 0)}, D1(i32, 3, 1, 3, 6)},
    {"cum_sum exclusive reverse", TN_OP_cum_sum, &exclusive_reverse, {D1(f32, 3, 1, 2, 3), D0(i64, -1)}, D1(f32, 3, 5, 3, 0)},
    {"cum_prod exclusive reverse", TN_OP_cum_prod, &exclusive_reverse, {D1(f32, 3, 1, 2, 3), D0(i64, 0)}, D1(f32, 3, 6, 3, 1)},
};

static void test_elementwise(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof elementwise / sizeof *elementwise; i++) run_check(context, &elementwise[i]);
}

static void test_reductions(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof reductions / sizeof *reductions; i++) run_check(context, &reductions[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_elementwise), cmocka_unit_test(test_reductions)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
