/* conv_transpose on the cpu device against the reference: as convolutions, no calls. */
#include "device_check.h"

#define CASE(name, x, w, out, attrs, tolerance)                                                                                  \
    {name, "input %1 \"x\" : " x "\ninput %2 \"w\" : " w "\ninput %3 \"b\" : " out "\n%4 = conv_transpose(%1, %2, %3) {" attrs "}\n" \
           "%5 = relu(%4)\noutput \"y\" %4\noutput \"z\" %5\n", 6, 0, 0, tolerance}

#define BARE(name, x, w, attrs, calls, tolerance)                                                                                \
    {name, "input %1 \"x\" : " x "\ninput %2 \"w\" : " w "\n%3 = conv_transpose(%1, %2) {" attrs "}\noutput \"y\" %3\n", 2, 0, calls, \
     tolerance}

static const device_check checks[] = {
    CASE("stride 1", "f32[2,5,6,7]", "f32[5,4,3,3]", "f32[4]", "pads=[1,1,1,1]", 1e-5),
    CASE("stride 1 without pads", "f32[1,3,4,4]", "f32[3,17,3,2]", "f32[17]", "group=1", 1e-5),
    CASE("stride 1 with more pad than taps", "f32[1,3,6,9]", "f32[3,2,2,2]", "f32[2]", "pads=[2,0,1,3]", 1e-5),
    CASE("stride 1, dilated", "f32[1,3,6,5]", "f32[3,8,3,2]", "f32[8]", "dilations=[2,3], pads=[1,2,0,1]", 1e-5),
    CASE("stride 2, phases of one length", "f32[1,16,5,6]", "f32[16,20,4,2]", "f32[20]", "strides=[2,2], pads=[1,0,1,0]", 1e-5),
    CASE("stride 2, phases of two lengths", "f32[1,8,1,33]", "f32[8,16,1,5]", "f32[16]", "strides=[1,2], pads=[0,2,0,2]", 1e-5),
    CASE("output padding", "f32[2,3,4,5]", "f32[3,2,3,3]", "f32[2]", "strides=[2,2], pads=[1,0,1,0], output_padding=[1,0]", 1e-5),
    CASE("more output padding than stride", "f32[1,3,5]", "f32[3,2,4]", "f32[2]", "strides=[2], output_padding=[1], pads=[0,0]", 1e-5),
    CASE("output shape", "f32[1,3,5,5]", "f32[3,2,3,3]", "f32[2]", "strides=[2,2], output_shape=[10,9]", 1e-5),
    CASE("same size", "f32[1,3,5,5]", "f32[3,2,4,3]", "f32[2]", "strides=[2,3], auto_pad=\"SAME_UPPER\"", 1e-5),
    CASE("groups", "f32[1,12,6,6]", "f32[12,5,3,3]", "f32[15]", "group=3, strides=[2,1], pads=[1,1,1,1]", 1e-5),
    CASE("depthwise", "f32[1,18,3,9]", "f32[18,1,3,3]", "f32[18]", "group=18, pads=[1,1,1,1]", 1e-5),
    CASE("one axis, long stride", "f32[1,6,9]", "f32[6,3,16]", "f32[3]", "strides=[8], pads=[4,4]", 1e-5),
    CASE("three axes", "f32[1,4,3,4,3]", "f32[4,3,2,3,2]", "f32[3]", "strides=[2,1,2], pads=[0,1,0,0,1,0]", 1e-5),
    CASE("f16", "f16[1,4,5,5]", "f16[4,3,2,2]", "f16[3]", "strides=[2,2]", 4e-3),
    {"weights and bias at run time", "input %1 \"x\" : f32[1,8,4,5]\ninput %2 \"w\" : f32[8,6,3,3]\ninput %3 \"b\" : f32[6]\n"
                                     "%4 = conv_transpose(%1, %2, %3) {strides=[2,2]}\noutput \"y\" %4\n", 0, 0, 0, 1e-5},
    BARE("no bias", "f32[1,8,4,5]", "f32[8,6,2,2]", "strides=[2,2]", 0, 1e-5),
    /* taps that no output of some phase has, dilated taps between strides, f64: calls */
    BARE("fewer taps than stride", "f32[1,2,4]", "f32[2,2,2]", "strides=[3]", 1, 1e-5),
    BARE("strided and dilated", "f32[1,2,4]", "f32[2,2,3]", "strides=[2], dilations=[2]", 1, 1e-5),
    BARE("f64", "f64[1,2,4]", "f64[2,2,3]", "group=1", 1, 1e-12),
};

static void against_the_reference(void **s) { (void)s, check_all(checks, sizeof checks / sizeof *checks); }

/* An infinity reaches the outputs under its taps only, also where the phases have different numbers of taps. */
static void infinity_stays_under_its_taps(void **s) {
    (void)s;
    const device_check c = BARE("infinity", "f32[1,1,4]", "f32[1,1,3]", "strides=[2]", 0, 1e-5);
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *got[1] = {NULL}, *want[1] = {NULL};
    tn_graph *g = check_graph(&c, NULL);
    for (uint32_t i = 0; i < 2; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), 0);
    tn_graph_release(g);
    ((float *)data[0]->data)[1] = INFINITY;
    g = check_graph(&c, data);
    ok(check_run(g, "ref", data, &c, want, NULL));
    ok(check_run(g, "cpu", data, &c, got, NULL));
    assert_true(isinf(((float *)got[0]->data)[3]));
    check_same(&c, 0, want[0], got[0]);
    tn_tensor_release(want[0]), tn_tensor_release(got[0]), tn_tensor_release(data[0]), tn_tensor_release(data[1]);
    tn_graph_release(g);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_reference), cmocka_unit_test(infinity_stays_under_its_taps)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
