/* Option `precision`: what it computes, bit for bit, against the f32 program on operands that were rounded here; and what it leaves. */
#include "device_check.h"
#include "kernel/narrow.h"

#define MATMUL(a, b) "input %1 \"x\" : f32[" a "]\ninput %2 \"w\" : f32[" b "]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n"
#define GEMM(a, b, attrs) "input %1 \"x\" : f32[" a "]\ninput %2 \"w\" : f32[" b "]\n%3 = gemm(%1, %2) {" attrs "}\noutput \"y\" %3\n"
#define CONV(x, w, attrs) "input %1 \"x\" : f32[" x "]\ninput %2 \"w\" : f32[" w "]\n%3 = conv(%1, %2) {" attrs "}\noutput \"y\" %3\n"

enum { X, W }; /* operands */

typedef struct result {
    tn_tensor *y;
    tn_executable_stats stats;
    char note[128]; /* of the last row that has one */
} result;

/* One run with these operands, of which c says which are constants. */
static void solve(const device_check *c, tn_tensor *const *data, const char *precision, result *r) {
    tn_graph *g = check_graph(c, data);
    tn_options *o;
    tn_executable *exe;
    tn_profile *profile;
    tn_tensor *in[CHECK_INPUTS] = {NULL};
    uint32_t n = 0;
    for (uint32_t i = 0; i < CHECK_INPUTS; i++)
        if (data[i] && !(c->constants >> i & 1)) in[n++] = data[i];
    *r = (result){.stats.struct_size = sizeof r->stats};
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "threads", "2"));
    ok(tn_options_set(o, "profile", "on"));
    ok(tn_options_set(o, "precision", precision));
    ok(tn_compile(g, o, &exe));
    ok(tn_executable_run(exe, in, n, &r->y, 1));
    ok(tn_executable_get_stats(exe, &r->stats));
    ok(tn_executable_get_profile(exe, &profile));
    for (uint32_t i = 0; i < tn_profile_get_count(profile); i++) {
        tn_profile_row row = {.struct_size = sizeof row};
        ok(tn_profile_get_row(profile, i, &row));
        if (*row.precision) snprintf(r->note, sizeof r->note, "%s", row.precision);
    }
    tn_profile_release(profile);
    tn_executable_release(exe), tn_options_release(o), tn_graph_release(g);
}

static void make_data(const device_check *c, tn_tensor **data) {
    tn_graph *g = check_graph(c, NULL);
    for (uint32_t i = 0; i < g->inputs.count; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), 0);
    tn_graph_release(g);
}

static void release(tn_tensor **data) {
    for (uint32_t i = 0; i < CHECK_INPUTS; i++) tn_tensor_release(data[i]);
}

typedef float rounding(float x);
static float to_f16(float x) { return tn__f16_to_f32(tn__f32_to_f16(x)); }
static float to_bf16(float x) { return tn__bf16_to_f32(tn__f32_to_bf16(x)); }
/* 11 bits of significand, to nearest, ties away from zero; of normal numbers. */
static float to_tf32(float x) {
    int exponent;
    double m = frexp(x, &exponent);
    return (float)ldexp(round(ldexp(m, 11)), exponent - 11);
}

static tn_tensor *rounded(const tn_tensor *t, rounding *to) {
    tn_tensor *r;
    ok(tn_tensor_create(context, t->dtype, t->rank, t->dims, &r));
    for (int64_t i = 0; i < t->elements; i++) ((float *)r->data)[i] = to(((const float *)t->data)[i]);
    return r;
}

static void assert_same(const device_check *c, const result *found, const float *wanted) {
    const float *y = found->y->data;
    for (int64_t i = 0; i < found->y->elements; i++)
        if (memcmp(&y[i], &wanted[i], sizeof *y)) fail_msg("%s: element %lld: %.9g, wanted %.9g", c->name, (long long)i, y[i], wanted[i]);
}

/* ---- bf16, f16 ------------------------------------------------------------------------------------------------- */

static const device_check products[] = {
    {"one row", MATMUL("1,300", "300,257"), 2, 0, 0, 0},
    {"few rows", MATMUL("5,31", "31,40"), 2, 0, 0, 0},
    {"many rows", MATMUL("150,65", "65,33"), 2, 0, 0, 0},
    {"batches", MATMUL("2,3,9,20", "20,64"), 2, 0, 0, 0},
    {"one step", MATMUL("3,1", "1,50"), 2, 0, 0, 0},
    {"columns of whole tiles", MATMUL("7,64", "64,256"), 2, 0, 0, 0},
    {"transposed", GEMM("3,100", "77,100", "transB=1"), 2, 0, 0, 0},
    {"both transposed", GEMM("40,6", "50,40", "transA=1, transB=1"), 2, 0, 0, 0},
};

static void check_halves(const device_check *c, const char *precision, rounding *to) {
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *near[CHECK_INPUTS] = {NULL};
    result found, wanted, full;
    make_data(c, data);
    near[X] = data[X], near[W] = rounded(data[W], to);
    solve(c, data, precision, &found), solve(c, near, "f32", &wanted), solve(c, data, "f32", &full);
    assert_same(c, &found, wanted.y->data);
    assert_true(memcmp(found.y->data, full.y->data, full.y->bytes) != 0);
    assert_int_equal(found.stats.constant_bytes * 2, full.stats.constant_bytes);
    assert_int_equal(found.stats.n_narrowed, 1);
    assert_int_equal(found.stats.n_kept, 0);
    assert_non_null(strstr(found.note, precision));
    assert_int_equal(full.stats.n_narrowed + full.stats.n_kept, 0);
    assert_string_equal(full.note, "");
    tn_tensor_release(near[W]), release(data);
    tn_tensor_release(found.y), tn_tensor_release(wanted.y), tn_tensor_release(full.y);
}

static void test_halves(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        check_halves(&products[i], "bf16", to_bf16);
        check_halves(&products[i], "f16", to_f16);
    }
}

/* ---- int8 -------------------------------------------------------------------------------------------------------- */

/* The definition: q of the weights, and the scale of each column. */
static tn_tensor *quantise(const tn_tensor *w, bool transposed, float *scales) {
    tn_tensor *q;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 2, w->dims, &q));
    int64_t columns = w->dims[transposed ? 0 : 1], rows = w->dims[transposed ? 1 : 0];
    for (int64_t c = 0; c < columns; c++) {
        float most = 0;
        for (int64_t r = 0; r < rows; r++) most = fmaxf(most, fabsf(((float *)w->data)[transposed ? c * rows + r : r * columns + c]));
        scales[c] = fmaxf(most / 127, 0x1p-126f);
        for (int64_t r = 0; r < rows; r++) {
            int64_t at = transposed ? c * rows + r : r * columns + c;
            ((float *)q->data)[at] = nearbyintf(((float *)w->data)[at] / scales[c]);
        }
    }
    return q;
}

enum { MOST_COLUMNS = 512 };

static void check_int8(const device_check *c, tn_tensor **data, bool transposed, float alpha) {
    tn_tensor *whole[CHECK_INPUTS] = {data[X], NULL};
    float scales[MOST_COLUMNS];
    result found, sums, full;
    int64_t columns = data[W]->dims[transposed ? 0 : 1];
    assert_true(columns <= MOST_COLUMNS);
    whole[W] = quantise(data[W], transposed, scales);
    device_check plain = *c; /* alpha and what follows are done here */
    if (alpha != 1) plain.text = GEMM("6,40", "50,40", "transB=1");
    solve(c, data, "int8", &found), solve(&plain, whole, "f32", &sums), solve(c, data, "f32", &full);
    float *y = sums.y->data;
    for (int64_t i = 0; i < sums.y->elements; i++) {
        y[i] *= scales[i % columns];
        y[i] *= alpha;
        if (data[2]) y[i] += ((float *)data[2]->data)[i % columns];
    }
    assert_same(c, &found, y);
    assert_int_equal(found.stats.n_narrowed, 1);
    assert_int_equal(found.stats.n_kept, 0);
    assert_string_equal(found.note, "weights int8");
    uint64_t padded = (uint64_t)(columns + 127) / 128 * 128 * sizeof(float), bias = data[2] ? data[2]->bytes : 0;
    assert_true(found.stats.constant_bytes - bias <= (full.stats.constant_bytes - bias) / 4 + padded);
    tn_tensor_release(whole[W]);
    tn_tensor_release(found.y), tn_tensor_release(sums.y), tn_tensor_release(full.y);
}

static void test_int8(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        tn_tensor *data[CHECK_INPUTS] = {NULL};
        make_data(&products[i], data);
        check_int8(&products[i], data, strstr(products[i].text, "transB") != NULL, 1);
        release(data);
    }
}

static void test_int8_terms(void **state) {
    (void)state;
    const device_check c = {"alpha and C", "input %1 \"x\" : f32[6,40]\ninput %2 \"w\" : f32[50,40]\ninput %3 \"c\" : f32[50]\n"
                            "%4 = gemm(%1, %2, %3) {transB=1, alpha=0.7}\noutput \"y\" %4\n", 6, 0, 0, 0};
    tn_tensor *data[CHECK_INPUTS] = {NULL};
    make_data(&c, data);
    check_int8(&c, data, true, 0.7f);
    release(data);
}

/* Columns of zeros, of the least and the largest numbers, and weights halfway between two steps. */
static void test_int8_columns(void **state) {
    (void)state;
    enum { ROWS = 24, COLUMNS = 40 };
    for (int transposed = 0; transposed < 2; transposed++) {
        const device_check c = {"columns", transposed ? GEMM("3,24", "40,24", "transB=1") : MATMUL("3,24", "24,40"), 2, 0, 0, 0};
        tn_tensor *data[CHECK_INPUTS] = {NULL};
        make_data(&c, data);
        for (int r = 0; r < ROWS; r++)
            for (int n = 0; n < 5; n++) {
                static const float largest[] = {0, 1e-44f, 1e-36f, 3e38f, 127};
                float x = n == 4 && r ? (float)(r - 12) + 0.5f : r % 2 ? -largest[n] / (float)(r + 1) : largest[n];
                ((float *)data[W]->data)[transposed ? n * ROWS + r : r * COLUMNS + n] = x;
            }
        for (int64_t i = 0; i < data[X]->elements; i++) ((float *)data[X]->data)[i] /= 16; /* no sum overflows */
        check_int8(&c, data, transposed, 1);
        release(data);
    }
}

/* A second program of the context takes the packed bytes of the first. */
static void test_int8_shared(void **state) {
    (void)state;
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *in, *y[2] = {NULL};
    tn_executable *exe[2];
    tn_options *o;
    const device_check *c = &products[0];
    make_data(c, data);
    in = data[X];
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "precision", "int8"));
    ok(tn_options_set(o, "cache", "off"));
    for (int i = 0; i < 2; i++) {
        tn_graph *g = check_graph(c, data);
        ok(tn_compile(g, o, &exe[i]));
        ok(tn_executable_run(exe[i], &in, 1, &y[i], 1));
        tn_graph_release(g);
    }
    assert_memory_equal(y[0]->data, y[1]->data, y[0]->bytes);
    for (int i = 0; i < 2; i++) tn_executable_release(exe[i]), tn_tensor_release(y[i]);
    tn_options_release(o);
    release(data);
}

/* ---- one number everywhere ----------------------------------------------------------------------------------------- */

/* 0.1, which no narrow type holds: as a value too large to be stored, and some stored columns of it. */
static void test_splat(void **state) {
    (void)state;
    static const char *const precisions[] = {"bf16", "f16", "int8"};
    const device_check splat = {"splat", "input %1 \"x\" : f32[3,4000]\n%2 = constant {value=i64[2] (4000, 4200)}\n"
                                "%3 = constant_of_shape(%2) {value=f32[1] (0.1)}\n%4 = matmul(%1, %3)\noutput \"y\" %4\n", 0, 0, 0, 0};
    const device_check stored = {"stored", MATMUL("3,4000", "4000,16"), 2, 0, 0, 0};
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *x[CHECK_INPUTS] = {NULL};
    make_data(&stored, data);
    x[X] = data[X];
    for (int64_t i = 0; i < data[W]->elements; i++) ((float *)data[W]->data)[i] = 0.1f;
    for (size_t i = 0; i < sizeof precisions / sizeof *precisions; i++) {
        result found, wanted, full;
        solve(&splat, x, precisions[i], &found), solve(&stored, data, precisions[i], &wanted), solve(&splat, x, "f32", &full);
        for (int64_t k = 0; k < found.y->elements; k++)
            assert_memory_equal((float *)found.y->data + k, (float *)wanted.y->data + k / 4200 * 16, sizeof(float));
        assert_true(memcmp(found.y->data, full.y->data, full.y->bytes) != 0);
        assert_true(found.stats.constant_bytes < 1024); /* it was none of those that are stored */
        assert_string_equal(found.note, wanted.note);
        tn_tensor_release(found.y), tn_tensor_release(wanted.y), tn_tensor_release(full.y);
    }
    release(data);
}

/* ---- what stays f32 -------------------------------------------------------------------------------------------------- */

typedef struct kept_case {
    device_check check;
    const char *precision, *note;
    float weight; /* the eighth; 0: as it is */
} kept_case;

static const kept_case kept[] = {
    {{"f16 of 70000", MATMUL("3,64", "64,64"), 2, 0, 0, 0}, "f16", "f32: a weight is too large for f16 or bf16", 70000},
    {{"bf16 of the largest", MATMUL("3,64", "64,64"), 2, 0, 0, 0}, "bf16", "f32: a weight is too large for f16 or bf16", 3.4028235e38f},
    {{"int8 of infinity", MATMUL("3,64", "64,64"), 2, 0, 0, 0}, "int8", "f32: a weight is infinite or NaN", INFINITY},
    {{"int8 of NaN", MATMUL("3,64", "64,64"), 2, 0, 0, 0}, "int8", "f32: a weight is infinite or NaN", NAN},
    {{"run-time weights", MATMUL("3,64", "64,64"), 0, 0, 0, 0}, "int8", "f32: the right operand is no constant", 0},
    {{"run-time weights, transposed", GEMM("3,64", "64,64", "transB=1"), 0, 0, 0, 0}, "bf16", "f32: the right operand is no constant", 0},
    {{"weights by batch", MATMUL("2,3,64", "2,64,64"), 2, 0, 0, 0}, "int8", "f32: the weights have more than two dimensions", 0},
    {{"a convolution", CONV("1,16,8,8", "16,16,3,3", "pads=[1,1,1,1]"), 2, 0, 0, 0}, "int8", "f32: only weights of matmul and gemm are narrowed", 0},
    {{"a call", MATMUL("2,1,2,1,2,3,64", "1,2,1,2,2,64,8"), 2, 0, 0, 0}, "int8", "f32: no kernel computes it", 0},
    {{"a call", MATMUL("2,1,2,1,2,3,64", "1,2,1,2,2,64,8"), 2, 0, 0, 0}, "tf32", "f32: no kernel computes it", 0},
};

static void test_kept(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const device_check *c = &kept[i].check;
        tn_tensor *data[CHECK_INPUTS] = {NULL};
        result found, full;
        make_data(c, data);
        if (kept[i].weight != 0) ((float *)data[W]->data)[7] = kept[i].weight;
        solve(c, data, kept[i].precision, &found), solve(c, data, "f32", &full);
        assert_memory_equal(found.y->data, full.y->data, full.y->bytes);
        assert_int_equal(found.stats.constant_bytes, full.stats.constant_bytes);
        assert_int_equal(found.stats.n_narrowed, 0);
        assert_int_equal(found.stats.n_kept, 1);
        assert_string_equal(found.note, kept[i].note);
        tn_tensor_release(found.y), tn_tensor_release(full.y);
        release(data);
    }
}

/* Products of other types are not its business. */
static void test_others(void **state) {
    (void)state;
    const device_check others[] = {
        {"f64", "input %1 \"x\" : f64[3,20]\ninput %2 \"w\" : f64[20,30]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n", 2, 0, 0, 0},
        {"f16", "input %1 \"x\" : f16[3,20]\ninput %2 \"w\" : f16[20,30]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n", 2, 0, 0, 0},
    };
    static const char *const precisions[] = {"bf16", "int8", "tf32"};
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 3; k++) {
            tn_tensor *data[CHECK_INPUTS] = {NULL};
            result found, full;
            make_data(&others[i], data);
            solve(&others[i], data, precisions[k], &found), solve(&others[i], data, "f32", &full);
            assert_memory_equal(found.y->data, full.y->data, full.y->bytes);
            assert_int_equal(found.stats.n_narrowed + found.stats.n_kept, 0);
            tn_tensor_release(found.y), tn_tensor_release(full.y);
            release(data);
        }
}

/* The verdict is found once, and holds for every type. */
static void test_verdict(void **state) {
    (void)state;
    const tn_dtype types[] = {TN_DTYPE_bf16, TN_DTYPE_f16, TN_DTYPE_i8, TN_DTYPE_NONE};
    const struct {
        float weights[3];
        tn__narrowing wanted[4];
    } cases[] = {
        {{0, 0, 0}, {TN__NARROWING_BF16, TN__NARROWING_F16, TN__NARROWING_INT8, TN__NARROWING_NONE}},
        {{1, -65519, 2}, {TN__NARROWING_BF16, TN__NARROWING_F16, TN__NARROWING_INT8, TN__NARROWING_NONE}},
        {{1, 2, -65520}, {TN__NARROWING_BF16, TN__NARROWING_OUT_OF_RANGE, TN__NARROWING_INT8, TN__NARROWING_NONE}},
        {{3.4e38f, 2, 1}, {TN__NARROWING_OUT_OF_RANGE, TN__NARROWING_OUT_OF_RANGE, TN__NARROWING_INT8, TN__NARROWING_NONE}},
        {{-INFINITY, 2, 1}, {TN__NARROWING_BF16, TN__NARROWING_F16, TN__NARROWING_NOT_FINITE, TN__NARROWING_NONE}},
        {{-1, 70000, NAN}, {TN__NARROWING_BF16, TN__NARROWING_OUT_OF_RANGE, TN__NARROWING_NOT_FINITE, TN__NARROWING_NONE}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_tensor *t;
        ok(tn_tensor_create(context, TN_DTYPE_f32, 1, (int64_t[]){3}, &t));
        memcpy(t->data, cases[i].weights, sizeof cases[i].weights);
        for (int k = 0; k < 4; k++) assert_int_equal(tn__narrow_weights(types[k], t), cases[i].wanted[k]);
        memset(t->data, 0, t->bytes); /* a constant does not change: this one is not read again */
        for (int k = 0; k < 4; k++) assert_int_equal(tn__narrow_weights(types[k], t), cases[i].wanted[k]);
        tn_tensor_release(t);
    }
}

/* ---- tf32 ------------------------------------------------------------------------------------------------------------ */

static const device_check emulated[] = {
    {"weights", MATMUL("5,300", "300,257"), 2, 0, 0, 0},
    {"weights, many rows", MATMUL("150,65", "65,33"), 2, 0, 0, 0},
    {"both at run time", MATMUL("2,9,20", "2,20,64"), 0, 0, 0, 0},
    {"packed at run time", GEMM("130,33", "33,50", ""), 0, 0, 0, 0},
    {"dot products", GEMM("2,100", "77,100", "transB=1"), 0, 0, 0, 0},
    {"blocked convolution", CONV("1,16,8,8", "32,16,3,3", "pads=[1,1,1,1]"), 2, 0, 0, 0},
    {"pointwise convolution", CONV("2,33,9,8", "21,33,1,1", ""), 2, 0, 0, 0},
    {"depthwise convolution", CONV("1,19,8,6", "19,1,3,3", "group=19, pads=[1,1,1,1]"), 2, 0, 0, 0},
    {"convolution in groups", CONV("1,32,5,7", "32,16,3,3", "group=2, pads=[1,1,1,1]"), 2, 0, 0, 0},
    {"convolution along lines", CONV("1,1,4,90", "8,1,1,15", "pads=[0,7,0,7]"), 2, 0, 0, 0},
};

static void test_tf32(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof emulated / sizeof *emulated; i++) {
        const device_check *c = &emulated[i];
        tn_tensor *data[CHECK_INPUTS] = {NULL}, *near[CHECK_INPUTS] = {NULL};
        result found, wanted, full;
        make_data(c, data);
        ((float *)data[X]->data)[0] = 1 + 0x1p-11f, ((float *)data[X]->data)[1] = -1 - 0x1p-11f; /* ties */
        near[X] = rounded(data[X], to_tf32), near[W] = rounded(data[W], to_tf32);
        solve(c, data, "tf32", &found), solve(c, near, "f32", &wanted), solve(c, data, "f32", &full);
        assert_same(c, &found, wanted.y->data);
        assert_true(memcmp(found.y->data, full.y->data, full.y->bytes) != 0);
        if (strcmp(found.note, "operands tf32") || found.stats.n_narrowed != 1 || found.stats.n_kept)
            fail_msg("%s: %u narrowed, %u kept, \"%s\"", c->name, found.stats.n_narrowed, found.stats.n_kept, found.note);
        release(near), release(data);
        tn_tensor_release(found.y), tn_tensor_release(wanted.y), tn_tensor_release(full.y);
    }
}

/* What is at the ends: zeros, infinities, NaN, numbers without an implicit bit, and the largest, which becomes infinite. */
static void test_tf32_values(void **state) {
    (void)state;
    static const struct {
        uint32_t x, wanted;
    } values[] = {{0x00000000, 0x00000000}, {0x7f800000, 0x7f800000}, {0xff800000, 0xff800000}, {0x7f7fffff, 0x7f800000},
                  {0x00001000, 0x00002000}, {0x00000fff, 0x00000000}, {0x3f801000, 0x3f802000}, {0xbf801000, 0xbf802000},
                  {0x3f803000, 0x3f804000}, {0x3f800fff, 0x3f800000}, {0x7f7fefff, 0x7f7fe000}, {0x3fffffff, 0x40000000}};
    const device_check c = {"values", MATMUL("1,1", "1,16"), 0, 0, 0, 0};
    tn_tensor *data[CHECK_INPUTS] = {NULL};
    make_data(&c, data);
    ((float *)data[W]->data)[0] = 1;
    for (size_t i = 0; i <= sizeof values / sizeof *values; i++) {
        result found;
        bool nan = i == sizeof values / sizeof *values;
        uint32_t x = nan ? 0x7fffffff : values[i].x, y;
        memcpy(data[X]->data, &x, sizeof x);
        solve(&c, data, "tf32", &found);
        memcpy(&y, found.y->data, sizeof y);
        if (nan) assert_true(isnan(*(float *)found.y->data));
        else assert_int_equal(y, values[i].wanted);
        tn_tensor_release(found.y);
    }
    release(data);
}

static int begin(void **state) {
    (void)state;
    ok(tn_context_create(NULL, &context));
    return 0;
}

static int end(void **state) {
    (void)state;
    tn_context_release(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves),      cmocka_unit_test(test_int8),   cmocka_unit_test(test_int8_terms), cmocka_unit_test(test_int8_columns),
        cmocka_unit_test(test_int8_shared), cmocka_unit_test(test_splat),  cmocka_unit_test(test_kept),       cmocka_unit_test(test_others),
        cmocka_unit_test(test_verdict),     cmocka_unit_test(test_tf32),   cmocka_unit_test(test_tf32_values),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
