/* Option `layout`: every value gives the reference's results, on the values that it prefers. */
#include "device_check.h"
#include "kernel/program.h"

static const char *const preferences[] = {"auto", "nchw", "blocked"}; /* by tn__layout_preference */
enum { PREFERENCES = 3 };

#define X(n, c, h, w) "input %1 \"x\" : f32[" #n "," #c "," #h "," #w "]\n"
#define W(id, name, o, c, kh, kw) "input %" #id " \"" name "\" : f32[" #o "," #c "," #kh "," #kw "]\n"
#define OUT(id) "output \"y\" %" #id "\n"
#define NO_LINES "stride and dilation, which lines cannot have"
/* in [n, c, h, w], weights [o, c / group, kh, kw] and a bias; relu behind it */
#define CONV(n, c, h, w, o, cg, kh, kw, attrs)                                                                                   \
    X(n, c, h, w) W(2, "w", o, cg, kh, kw) "input %3 \"b\" : f32[" #o "]\n%4 = conv(%1, %2, %3) {" attrs "}\n%5 = relu(%4)\n" OUT(5) "output \"z\" %4\n"

static const device_check convolutions[] = {
    {"pointwise", CONV(1, 33, 7, 9, 40, 33, 1, 1, ""), 6, 0, 0, 1e-5},
    {"pointwise, stride 2", CONV(2, 16, 9, 7, 24, 16, 1, 1, "strides=[2,2]"), 6, 0, 0, 1e-5},
    {"3x3", CONV(2, 19, 11, 13, 21, 19, 3, 3, "pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"3x3, one pixel", CONV(1, 32, 3, 3, 48, 32, 3, 3, ""), 6, 0, 0, 1e-5},
    {"3x3, stride 2", CONV(1, 16, 15, 17, 32, 16, 3, 3, "pads=[1,1,1,1], strides=[2,2]"), 6, 0, 0, 1e-5},
    {NO_LINES, CONV(1, 8, 15, 17, 8, 8, 3, 3, "dilations=[2,2], strides=[2,2]"), 6, 0, 0, 1e-5},
    {"dilation", CONV(1, 8, 15, 17, 8, 8, 3, 3, "dilations=[2,3], pads=[2,3,2,3]"), 6, 0, 0, 1e-5},
    {"first layer", CONV(1, 3, 33, 31, 16, 3, 7, 7, "pads=[3,3,3,3], strides=[2,2]"), 6, 0, 0, 1e-5},
    {"patches", CONV(1, 3, 32, 48, 20, 3, 8, 8, "strides=[8,8]"), 6, 0, 0, 1e-5},
    {"long windows", CONV(1, 8, 1, 70, 12, 8, 1, 15, "pads=[0,7,0,7]"), 6, 0, 0, 1e-5},
    {"one axis, stride 3", "input %1 \"x\" : f32[2,5,70]\ninput %2 \"w\" : f32[9,5,7]\n%3 = conv(%1, %2) {strides=[3], pads=[3,3]}\n" OUT(3), 2, 0, 0, 1e-5},
    {"weights at run time", CONV(1, 9, 8, 8, 10, 9, 3, 3, "pads=[1,1,1,1]"), 0, 0, 0, 1e-5},
    {"f16", "input %1 \"x\" : f16[1,5,6,20]\ninput %2 \"w\" : f16[9,5,3,3]\n%3 = conv(%1, %2)\n" OUT(3), 2, 0, 0, 4e-3},
    {"three axes", "input %1 \"x\" : f32[1,4,3,6,7]\ninput %2 \"w\" : f32[6,4,2,3,3]\n%3 = conv(%1, %2) {pads=[0,1,1,1,1,1], strides=[1,2,2]}\n" OUT(3),
     2, 0, 0, 1e-5},
};

static const device_check groups[] = {
    {"2 groups", CONV(2, 32, 5, 9, 24, 16, 3, 3, "group=2, pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"groups of 3 and 5 channels, stride 2", CONV(2, 21, 9, 8, 35, 3, 3, 2, "group=7, strides=[2,2], pads=[1,0,1,1]"), 6, 0, 0, 1e-5},
    {"groups, pointwise", CONV(1, 40, 6, 7, 20, 10, 1, 1, "group=4"), 6, 0, 0, 1e-5},
    {"groups of f16", "input %1 \"x\" : f16[1,6,6,6]\ninput %2 \"w\" : f16[10,3,3,3]\n%3 = conv(%1, %2) {group=2}\n" OUT(3), 2, 0, 0, 4e-3},
    {"depthwise", CONV(2, 19, 8, 21, 19, 1, 3, 3, "group=19, pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"depthwise, stride 2", CONV(1, 32, 15, 14, 32, 1, 5, 5, "group=32, strides=[2,2], pads=[2,2,2,2]"), 6, 0, 0, 1e-5},
    {"depthwise, weights at run time", CONV(1, 19, 8, 6, 19, 1, 3, 3, "group=19, pads=[1,1,1,1]"), 0, 0, 0, 1e-5},
    {"one channel a group, two results each", CONV(1, 20, 7, 7, 40, 1, 3, 3, "group=20, pads=[1,1,1,1]"), 6, 0, 0, 1e-5},
    {"groups, three axes", "input %1 \"x\" : f32[1,4,3,6,7]\ninput %2 \"w\" : f32[6,2,2,3,3]\n%3 = conv(%1, %2) {group=2, strides=[1,2,2]}\n" OUT(3), 2, 0, 0, 1e-5},
};

#define POOL(op, c, h, w, attrs) X(2, c, h, w) "%2 = " op "(%1) {kernel_shape=" attrs "}\n%3 = tanh(%2)\n" OUT(3) "output \"z\" %2\n"

static const device_check pools[] = {
    {"max", POOL("max_pool", 19, 9, 21, "[3,3], strides=[2,2], pads=[1,1,1,1]"), 0, 0, 0, 1e-6},
    {"max, whole windows", POOL("max_pool", 16, 8, 40, "[2,2], strides=[2,2]"), 0, 0, 0, 1e-6},
    {"max, stride 1", POOL("max_pool", 5, 8, 20, "[3,2], dilations=[2,1]"), 0, 0, 0, 1e-6},
    {"max, rounded up", POOL("max_pool", 5, 8, 20, "[3,3], strides=[2,2], ceil_mode=1"), 0, 0, 0, 1e-6},
    {"max of u8", "input %1 \"x\" : u8[1,5,8,20]\n%2 = max_pool(%1) {kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]}\n" OUT(2), 0, 0, 0, 0},
    {"max of i8", "input %1 \"x\" : i8[1,5,8,20]\n%2 = max_pool(%1) {kernel_shape=[3,3], pads=[1,1,1,1]}\n" OUT(2), 0, 0, 0, 0},
    {"average", POOL("average_pool", 19, 9, 21, "[3,3], strides=[2,2], pads=[1,1,1,1]"), 0, 0, 0, 1e-5},
    {"average, padding counts", POOL("average_pool", 7, 9, 11, "[3,3], pads=[1,1,1,1], count_include_pad=1"), 0, 0, 0, 1e-5},
    {"average, padding counts, rounded up", POOL("average_pool", 7, 9, 12, "[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1, ceil_mode=1"), 0, 0, 0, 1e-5},
    {"average, long windows", POOL("average_pool", 7, 3, 40, "[1,15], pads=[0,7,0,7]"), 0, 0, 0, 1e-5},
    {"average, three axes", "input %1 \"x\" : f32[1,4,3,6,17]\n%2 = average_pool(%1) {kernel_shape=[2,3,3], pads=[0,1,1,1,1,1], strides=[1,2,2]}\n" OUT(2),
     0, 0, 0, 1e-5},
};

/* Blocked and row-major values meet. */
static const device_check networks[] = {
    {"a residual over a depthwise convolution", X(1, 19, 9, 10) W(2, "w", 24, 19, 1, 1) W(3, "d", 24, 1, 3, 3)
     "%4 = conv(%1, %2)\n%5 = relu(%4)\n%6 = conv(%5, %3) {group=24, pads=[1,1,1,1]}\n%7 = add(%6, %5)\n%8 = sigmoid(%7)\n" OUT(8), 6, 0, 0, 1e-5},
    {"branches that are joined", X(1, 16, 9, 10) W(2, "w", 16, 16, 3, 3) W(3, "v", 20, 16, 1, 1)
     "%4 = conv(%1, %2) {pads=[1,1,1,1]}\n%5 = max_pool(%4) {kernel_shape=[3,3], pads=[1,1,1,1]}\n%6 = conv(%5, %3)\n"
     "%7 = concat(%4, %5, %6) {axis=1}\n%8 = global_average_pool(%7)\n%9 = mul(%7, %8)\n" OUT(9) "output \"z\" %5\n", 6, 0, 0, 1e-4},
    {"moves between", X(1, 16, 9, 10) W(2, "w", 17, 16, 3, 3) W(3, "v", 8, 17, 3, 3)
     "%4 = conv(%1, %2) {dilations=[2,2], strides=[1,2]}\n%5 = constant {value=i64[8] (0, 0, 1, 1, 0, 0, 1, 1)}\n%6 = pad(%4, %5)\n"
     "%7 = conv(%6, %3)\n%8 = transpose(%7) {perm=[0,2,3,1]}\n" OUT(8), 6, 0, 0, 1e-5},
    {"8-bit products", "input %1 \"x\" : u8[1,8,6,9]\ninput %2 \"w\" : i8[12,8,3,3]\n" W(3, "v", 5, 12, 3, 3)
     "%4 = conv_integer(%1, %2)\n%5 = cast(%4) {to=f32}\n%6 = conv(%5, %3)\n" OUT(6), 6, 0, 0, 1e-4},
};

static const struct {
    const device_check *checks;
    size_t n;
    bool meet; /* values of both kinds */
} all[] = {{convolutions, sizeof convolutions / sizeof *convolutions, false},
           {groups, sizeof groups / sizeof *groups, false},
           {pools, sizeof pools / sizeof *pools, false},
           {networks, sizeof networks / sizeof *networks, true}};

static void results(void **s) {
    (void)s;
    for (int p = 0; p < PREFERENCES; p++) {
        setenv("TENON_LAYOUT", preferences[p], 1);
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) check_all(all[i].checks, all[i].n);
    }
    unsetenv("TENON_LAYOUT");
}

/* The kernels of a program along lines, and the values that it blocks. */
static void count(const device_check *c, tn__layout_preference prefers, uint32_t *lines, uint32_t *blocked) {
    tn__lower_config config = {.lanes = 16, .registers = 32, .layout = true, .fuse = true, .prefers = prefers};
    tn__kprogram *p;
    tn_tensor *data[CHECK_INPUTS] = {NULL};
    tn_graph *g = check_graph(c, NULL);
    for (uint32_t i = 0; i < g->inputs.count; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), 0);
    tn_graph_release(g);
    ok(tn__kprogram_create(context, check_graph(c, data), &config, &p));
    *lines = *blocked = 0;
    for (size_t k = 0; k < p->kernels.count; k++) *lines += !strncmp(p->kernels.data[k]->name, "tn_lconv_", 9) || !strncmp(p->kernels.data[k]->name, "tn_lpool_", 9);
    for (size_t k = 0; k < p->slots.count; k++) *blocked += p->slots.data[k].kind != TN__SLOT_CONSTANT && p->slots.data[k].block;
    tn__kprogram_destroy(p);
    for (uint32_t i = 0; i < CHECK_INPUTS; i++) tn_tensor_release(data[i]);
}

static void preferences_hold(void **s) {
    (void)s;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (size_t k = 0; k < all[i].n && !all[i].meet; k++) {
            const device_check *c = &all[i].checks[k];
            uint32_t lines, blocked;
            bool no_lines = !strcmp(c->name, NO_LINES);
            count(c, TN__LAYOUT_BLOCKED, &lines, &blocked);
            if (lines || !blocked) fail_msg("%s: blocked: %u kernels along lines, %u blocked values", c->name, lines, blocked);
            count(c, TN__LAYOUT_NCHW, &lines, &blocked);
            if (!lines != no_lines || !blocked == no_lines)
                fail_msg("%s: nchw: %u kernels along lines, %u blocked values", c->name, lines, blocked);
        }
}

/* An infinity beside a window stays there, also where a stride cuts lines into phases. */
static void infinity_stays_beside_windows(void **s) {
    (void)s;
    device_check c = {"infinity", X(1, 2, 5, 70) W(2, "w", 3, 2, 3, 3) "%3 = conv(%1, %2) {strides=[2,2]}\n"
                                  "%4 = average_pool(%1) {kernel_shape=[3,3], strides=[2,2]}\n" OUT(3) "output \"z\" %4\n", 2, 0, 0, 1e-5};
    tn_graph *g = check_graph(&c, NULL);
    tn_tensor *data[CHECK_INPUTS] = {NULL};
    for (uint32_t i = 0; i < g->inputs.count; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), 0);
    tn_graph_release(g);
    ((float *)data[0]->data)[70 + 33] = INFINITY; /* the window of pixels 30 to 32 ends beside it */
    g = check_graph(&c, data);
    for (int p = 0; p < PREFERENCES; p++) {
        tn_tensor *want[CHECK_OUTPUTS] = {NULL}, *got[CHECK_OUTPUTS] = {NULL};
        setenv("TENON_LAYOUT", preferences[p], 1);
        ok(check_run(g, "ref", data, &c, want, NULL));
        ok(check_run(g, "cpu", data, &c, got, NULL));
        unsetenv("TENON_LAYOUT");
        for (uint32_t k = 0; k < 2; k++) {
            check_same(&c, k, want[k], got[k]);
            tn_tensor_release(want[k]), tn_tensor_release(got[k]);
        }
    }
    for (uint32_t i = 0; i < CHECK_INPUTS; i++) tn_tensor_release(data[i]);
    tn_graph_release(g);
}

static void run_portable(const device_check *c, const tn_graph *g, tn_tensor *const *data, const char *cpu, tn_tensor **out) {
    setenv("TENON_CPU", cpu, 1);
    ok(check_run(g, "cpu", data, c, out, NULL));
    unsetenv("TENON_CPU");
}

/* determinism=portable keeps its promise with each preference: this processor's vectors and those of another have the same bits. */
static void portable_bits(void **s) {
    (void)s;
    setenv("TENON_DETERMINISM", "portable", 1);
    for (int p = 0; p < PREFERENCES; p++)
        for (size_t i = 0; i < sizeof networks / sizeof *networks; i++) {
            const device_check *c = &networks[i];
            tn_tensor *data[CHECK_INPUTS] = {NULL}, *here[CHECK_OUTPUTS] = {NULL}, *there[CHECK_OUTPUTS] = {NULL};
            tn_graph *g = check_graph(c, NULL);
            for (uint32_t k = 0; k < g->inputs.count; k++) data[k] = check_tensor(tn__type_of(g, g->inputs.data[k].value), 0);
            tn_graph_release(g);
            g = check_graph(c, data);
            setenv("TENON_LAYOUT", preferences[p], 1);
            run_portable(c, g, data, "host", here), run_portable(c, g, data, "x86-64-v3", there);
            unsetenv("TENON_LAYOUT");
            for (uint32_t k = 0; k < g->outputs.count; k++) {
                if (memcmp(here[k]->data, there[k]->data, tn_tensor_get_bytes(here[k])))
                    fail_msg("%s, layout=%s: other bits on x86-64-v3", c->name, preferences[p]);
                tn_tensor_release(here[k]), tn_tensor_release(there[k]);
            }
            for (uint32_t k = 0; k < CHECK_INPUTS; k++) tn_tensor_release(data[k]);
            tn_graph_release(g);
        }
    unsetenv("TENON_DETERMINISM");
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(results), cmocka_unit_test(preferences_hold), cmocka_unit_test(portable_bits),
                                       cmocka_unit_test(infinity_stays_beside_windows)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
