/* Convolutions of the cpu device against the reference: groups of any size, weights and bias made at run time, narrow inputs. */
#include "device_check.h"
#include "kernel/program.h"

/* in [n, c, h, w], weights [o, c / group, kh, kw] */
#define CONV(n, c, h, w, o, cg, kh, kw, bias, attrs)                                                                       \
    "input %1 \"x\" : f32[" #n "," #c "," #h "," #w "]\ninput %2 \"w\" : f32[" #o "," #cg "," #kh "," #kw "]\n"             \
    "input %3 \"b\" : f32[" #o "]\n%4 = conv(%1, %2" bias ") {" attrs "}\n%5 = relu(%4)\noutput \"y\" %5\noutput \"z\" %4\n"
/* the same after an elementwise node that follows a convolution: its value is blocked */
#define AFTER(n, c, h, w, o, cg, kh, kw, attrs)                                                                            \
    "input %1 \"x\" : f32[" #n "," #c "," #h "," #w "]\ninput %2 \"w\" : f32[" #o "," #cg "," #kh "," #kw "]\n"             \
    "input %3 \"v\" : f32[" #c "," #c ",1,1]\n%6 = conv(%1, %3)\n%7 = tanh(%6)\n%4 = conv(%7, %2) {" attrs "}\n"           \
    "%5 = sigmoid(%4)\noutput \"y\" %5\n"

static const device_check groups[] = {
    {"2 groups of whole vectors", CONV(1, 32, 5, 7, 32, 16, 3, 3, ", %3", "group=2, pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"4 groups of 28, pointwise", CONV(1, 112, 6, 7, 112, 28, 1, 1, ", %3", "group=4"), 6, 0, 0, 1e-5},
    {"4 groups of 34", AFTER(2, 136, 5, 5, 136, 34, 1, 1, "group=4"), 6, 0, 0, 1e-5},
    {"groups of 3 and 5 channels, stride 2", AFTER(2, 21, 9, 8, 35, 3, 3, 2, "group=7, strides=[2,2], pads=[1,0,1,1]"), 6, 0, 0, 1e-5},
    {"one channel a group, two results each", AFTER(1, 20, 7, 7, 40, 1, 3, 3, "group=20, pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"one channel a group, three results", CONV(1, 5, 7, 7, 15, 1, 3, 3, "", "group=5, dilations=[2,1]"), 2, 0, 0, 1e-5},
    {"32 groups of 4, as in ResNeXt", AFTER(1, 128, 6, 6, 128, 4, 3, 3, "group=32, pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"long windows", CONV(1, 8, 1, 40, 12, 4, 1, 15, ", %3", "group=2, pads=[0,7,0,7]"), 6, 0, 0, 1e-5},
    {"groups, bias at run time", CONV(1, 24, 4, 4, 20, 6, 1, 1, ", %3", "group=4"), 2, 0, 0, 1e-5},
};

static const device_check run_time[] = {
    {"weights and bias", CONV(2, 5, 7, 9, 21, 5, 3, 3, ", %3", "pads=[1,1,1,1]"), 0, 0, 0, 1e-5},
    {"weights, blocked input", AFTER(1, 40, 6, 6, 64, 40, 3, 3, "strides=[2,2]"), 4, 0, 0, 1e-5},
    {"weights, pointwise", AFTER(1, 19, 4, 6, 50, 19, 1, 1, "group=1"), 0, 0, 0, 1e-5},
    {"depthwise weights", AFTER(1, 19, 8, 6, 19, 1, 3, 3, "group=19, pads=[1,1,1,1]"), 0, 0, 0, 1e-5},
    {"weights of f16", "input %1 \"x\" : f16[1,5,6,6]\ninput %2 \"w\" : f16[9,5,3,3]\n%3 = conv(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 4e-3},
    {"groups of f16", "input %1 \"x\" : f16[1,6,6,6]\ninput %2 \"w\" : f16[10,3,3,3]\n%3 = conv(%1, %2) {group=2}\noutput \"y\" %3\n", 2, 0, 0, 4e-3},
    {"bias", CONV(1, 3, 8, 8, 10, 3, 3, 3, ", %3", "strides=[2,2]"), 2, 0, 0, 1e-5},
};

/* between row-major values: no change of layout */
static const device_check pointwise[] = {
    {"pixels fill no vector", CONV(2, 33, 9, 8, 21, 33, 1, 1, ", %3", ""), 6, 0, 0, 1e-5},
    {"weights and bias at run time", CONV(1, 16, 8, 8, 40, 16, 1, 1, ", %3", ""), 0, 0, 0, 1e-5},
    {"one axis, f16", "input %1 \"x\" : f16[2,20,77]\ninput %2 \"w\" : f16[5,20,1]\n%3 = conv(%1, %2)\noutput \"y\" %3\n", 2, 0, 0, 4e-3},
    {"a line of factors behind it", "input %1 \"x\" : f32[1,16,5,64]\ninput %2 \"w\" : f32[19,16,1,1]\ninput %3 \"f\" : f32[64]\n"
                                    "%4 = conv(%1, %2)\n%5 = mul(%4, %3)\noutput \"y\" %5\n", 2, 0, 0, 1e-5},
    {"a column of factors behind it", "input %1 \"x\" : f32[2,16,33,4]\ninput %2 \"w\" : f32[19,16,1,1]\ninput %3 \"f\" : f32[33,1]\n"
                                      "%4 = conv(%1, %2)\n%5 = mul(%4, %3)\noutput \"y\" %5\n", 2, 0, 0, 1e-5},
    {"two in a row, then 3x3", "input %1 \"x\" : f32[1,16,8,8]\ninput %2 \"w\" : f32[16,16,1,1]\ninput %3 \"v\" : f32[8,16,3,3]\n"
                               "%4 = conv(%1, %2)\n%5 = conv(%4, %2)\n%6 = conv(%5, %3)\noutput \"y\" %6\noutput \"z\" %4\n", 6, 0, 0, 1e-5},
};

/* few output channels: vectors along lines, a copy with the padding in front */
static const device_check lines[] = {
    {"one channel, 3x3", CONV(2, 16, 9, 70, 1, 16, 3, 3, ", %3", "pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"after a blocked value", AFTER(1, 24, 8, 65, 3, 24, 3, 5, "pads=[1,2,1,2]"), 6, 0, 0, 1e-5},
    {"stride 2, odd taps", CONV(1, 8, 9, 150, 4, 8, 3, 5, "", "strides=[2,2], pads=[1,2,0,1]"), 2, 0, 0, 1e-5},
    {"stride 3, one tap", CONV(1, 16, 5, 200, 2, 16, 1, 1, "", "strides=[1,3]"), 2, 0, 0, 1e-5},
    {"dilation", CONV(1, 8, 9, 80, 5, 8, 3, 3, ", %3", "dilations=[2,3], pads=[2,3,2,3]"), 6, 0, 0, 1e-5},
    {"one axis, long windows, stride 2", "input %1 \"x\" : f32[1,1,600]\ninput %2 \"w\" : f32[8,1,64]\n%3 = conv(%1, %2) {strides=[2]}\n"
                                         "output \"y\" %3\n", 2, 0, 0, 1e-5},
    {"three axes", "input %1 \"x\" : f32[1,4,3,4,70]\ninput %2 \"w\" : f32[2,4,2,3,3]\n%3 = conv(%1, %2) {pads=[0,1,1,1,1,1]}\n"
                   "output \"y\" %3\n", 2, 0, 0, 1e-5},
    {"weights at run time, f16", "input %1 \"x\" : f16[1,9,8,64]\ninput %2 \"w\" : f16[3,9,3,3]\n%3 = conv(%1, %2) {pads=[1,1,1,1]}\n"
                                 "output \"y\" %3\n", 0, 0, 0, 8e-3},
    {"a line of factors behind it", "input %1 \"x\" : f32[1,16,5,64]\ninput %2 \"w\" : f32[2,16,3,3]\ninput %3 \"f\" : f32[64]\n"
                                    "%4 = conv(%1, %2) {pads=[1,1,1,1]}\n%5 = mul(%4, %3)\noutput \"y\" %5\n", 2, 0, 0, 1e-5},
};

static void conv_along_lines(void **s) { (void)s, check_all(lines, sizeof lines / sizeof *lines); }
static void conv_of_pixels(void **s) { (void)s, check_all(pointwise, sizeof pointwise / sizeof *pointwise); }
static void conv_in_groups(void **s) { (void)s, check_all(groups, sizeof groups / sizeof *groups); }
static void conv_of_run_time_weights(void **s) { (void)s, check_all(run_time, sizeof run_time / sizeof *run_time); }

/* An infinity stays in its group although a vector of results holds channels of two. */
static void infinity_stays_in_its_group(void **s) {
    (void)s;
    device_check c = {"infinity", CONV(1, 6, 3, 3, 10, 3, 1, 1, "", "group=2"), 2, 0, 0, 1e-5};
    tn_graph *g = check_graph(&c, NULL);
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *got[2] = {NULL}, *want[2] = {NULL};
    for (uint32_t i = 0; i < 3; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), 0);
    tn_graph_release(g);
    ((float *)data[0]->data)[0] = INFINITY;
    g = check_graph(&c, data);
    ok(check_run(g, "ref", data, &c, want, NULL));
    ok(check_run(g, "cpu", data, &c, got, NULL));
    assert_true(isinf(((float *)got[1]->data)[0]));
    for (uint32_t k = 0; k < 2; k++) {
        check_same(&c, k, want[k], got[k]);
        tn_tensor_release(want[k]), tn_tensor_release(got[k]);
    }
    for (uint32_t i = 0; i < 3; i++) tn_tensor_release(data[i]);
    tn_graph_release(g);
}

/* One output channel takes lines, as many as a vector has do not. */
static void lines_are_chosen(void **s) {
    (void)s;
    static const struct {
        const char *text;
        bool lines;
    } cases[] = {{CONV(1, 16, 9, 70, 1, 16, 3, 3, "", "pads=[1,1,1,1]"), true}, {CONV(1, 16, 9, 70, 16, 16, 3, 3, "", "pads=[1,1,1,1]"), false},
                 {CONV(1, 16, 9, 7, 1, 16, 3, 3, "", "pads=[1,1,1,1]"), false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        device_check c = {"lines", cases[i].text, 0, 0, 0, 0};
        tn__lower_config config = {.lanes = 16, .registers = 32, .layout = true, .fuse = true};
        tn__kprogram *p;
        ok(tn__kprogram_create(context, check_graph(&c, NULL), &config, &p));
        bool found = false;
        for (size_t k = 0; k < p->kernels.count; k++) found |= strstr(p->kernels.data[k]->name, "lconv") != NULL;
        assert_int_equal(found, cases[i].lines);
        tn__kprogram_destroy(p);
    }
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(conv_along_lines), cmocka_unit_test(conv_of_pixels),
                                       cmocka_unit_test(lines_are_chosen), cmocka_unit_test(conv_in_groups), cmocka_unit_test(conv_of_run_time_weights),
                                       cmocka_unit_test(infinity_stays_in_its_group)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
