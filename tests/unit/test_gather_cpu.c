/* Gathers of the cpu device against the reference: negative indices, constant ones, those of the run, out of range. */
#include "device_check.h"

#define GATHER(data, index, attrs) "input %1 \"x\" : " data "\ninput %2 \"i\" : " index "\n%3 = gather(%1, %2) {" attrs "}\noutput \"y\" %3\n"
#define ELEMENTS(data, index, attrs) "input %1 \"x\" : " data "\ninput %2 \"i\" : " index "\n%3 = gather_elements(%1, %2) {" attrs "}\noutput \"y\" %3\n"
#define ND(data, index, attrs) "input %1 \"x\" : " data "\ninput %2 \"i\" : " index "\n%3 = gather_nd(%1, %2) {" attrs "}\noutput \"y\" %3\n"
#define BOTH(name, text, bound) {name, text, 0, bound, 0, 0}, {name ", constant", text, 2, bound, 0, 0}

static const device_check gathers[] = {
    BOTH("rows", GATHER("f32[7,37]", "i64[5]", "axis=0"), 7),
    BOTH("rows of 32-bit indices", GATHER("f32[7,37]", "i32[2,3]", "axis=0"), 7),
    BOTH("one row", GATHER("f32[7,5]", "i64[]", "axis=0"), 7),
    BOTH("middle axis", GATHER("f32[3,9,20]", "i64[4,2]", "axis=1"), 9),
    BOTH("last axis", GATHER("f32[5,33]", "i64[40]", "axis=-1"), 33),
    BOTH("last axis of 64-bit integers", GATHER("i64[5,33]", "i64[18]", "axis=1"), 33),
    BOTH("bytes", GATHER("u8[9,21]", "i64[6]", "axis=1"), 21),
    BOTH("halves", GATHER("f16[9,21]", "i32[6]", "axis=0"), 9),
    BOTH("booleans", GATHER("bool[9,21]", "i32[6]", "axis=0"), 9),
    BOTH("elements", ELEMENTS("f32[6,7,19]", "i64[6,3,18]", "axis=1"), 7),
    BOTH("elements of the last axis", ELEMENTS("f32[6,19]", "i32[4,33]", "axis=1"), 19),
    BOTH("points", ND("f32[5,5,21]", "i64[4,3,2]", ""), 5),
    BOTH("points of a batch", ND("f32[2,6,6,3]", "i64[2,7,2]", "batch_dims=1"), 6),
    BOTH("elements by points", ND("f32[5,5]", "i32[37,2]", ""), 5),
};

/* A shuffle of channels between convolutions: one kernel that keeps the blocked layout. */
static const device_check shuffles[] = {
    {"shuffle", "input %1 \"x\" : f32[2,24,5,7]\ninput %2 \"w\" : f32[24,24,1,1]\ninput %3 \"d\" : f32[24,1,3,3]\n%4 = conv(%1, %2)\n"
     "%5 = constant {value=i64[5] (2, 4, 6, 5, 7)}\n%6 = constant {value=i64[4] (2, 24, 5, 7)}\n%7 = reshape(%4, %5)\n"
     "%8 = transpose(%7) {perm=[0,2,1,3,4]}\n%9 = reshape(%8, %6)\n%10 = conv(%9, %3) {group=24, pads=[1,1,1,1]}\noutput \"y\" %10\noutput \"s\" %9\n", 6, 0, 0, 1e-5},
    {"channels picked", "input %1 \"x\" : f32[2,24,5,3]\ninput %2 \"w\" : f32[37,24,1,1]\ninput %3 \"i\" : i64[19]\n%4 = conv(%1, %2)\n"
     "%5 = gather(%4, %3) {axis=1}\n%6 = relu(%5)\noutput \"y\" %6\n", 6, 37, 0, 1e-5},
};

static void gathered(void **s) { (void)s, check_all(gathers, sizeof gathers / sizeof *gathers); }
static void shuffled(void **s) { (void)s, check_all(shuffles, sizeof shuffles / sizeof *shuffles); }

static void out_of_range_is_refused(void **s) {
    (void)s;
    static const struct {
        device_check check;
        int64_t at, value;
        const char *words;
    } cases[] = {
        {{"too large", GATHER("f32[7,5]", "i64[4]", "axis=0"), 0, 7, 0, 0}, 2, 7, "7"},
        {{"too small", GATHER("f32[7,5]", "i64[4]", "axis=0"), 0, 7, 0, 0}, 3, -8, "-8"},
        {{"constant", GATHER("f32[7,5]", "i64[4]", "axis=0"), 2, 7, 0, 0}, 0, INT64_MAX, "wanted -7"},
        {{"element", ELEMENTS("f32[7,5]", "i64[7,2]", "axis=1"), 0, 5, 0, 0}, 13, 5, "wanted -5"},
        {{"second of a point", ND("f32[7,5]", "i64[3,2]", ""), 0, 5, 0, 0}, 5, -6, "wanted -5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const device_check *c = &cases[i].check;
        tn_graph *g = check_graph(c, NULL);
        tn_tensor *data[CHECK_INPUTS] = {check_tensor(tn__type_of(g, g->inputs.data[0].value), 0),
                                         check_tensor(tn__type_of(g, g->inputs.data[1].value), c->bound)};
        tn_graph_release(g);
        tn__store_i64(data[1]->dtype, data[1]->data, cases[i].at, cases[i].value);
        check_refused(c, data, cases[i].words);
        tn_tensor_release(data[0]), tn_tensor_release(data[1]);
    }
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(gathered), cmocka_unit_test(shuffled), cmocka_unit_test(out_of_range_is_refused)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
