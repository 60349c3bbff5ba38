/* Option `fast_math`: what each class of fast_math.def promises, over floats of all magnitudes, and that it changes bits at all. */
#include "device_check.h"

#include <float.h>

#include "codegen/codegen.h"

enum { BLOCK = 1 << 16 };

/* The graph of that body, compiled with the options "KEY=VALUE KEY=VALUE". */
static tn_executable *compile(const char *body, const char *settings) {
    char text[2048], list[256], *rest = NULL;
    tn_graph *g;
    tn_options *o;
    tn_executable *x;
    snprintf(text, sizeof text, "graph \"g\" {\n%s}\n", body);
    snprintf(list, sizeof list, "%s", settings);
    ok(tn_graph_parse(context, text, &g));
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "threads", "1"));
    ok(tn_options_set(o, "cache", "off"));
    for (char *s = strtok_r(list, " ", &rest); s; s = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(s, '=');
        *value++ = 0;
        ok(tn_options_set(o, s, value));
    }
    ok(tn_compile(g, o, &x));
    tn_options_release(o);
    tn_graph_release(g);
    return x;
}

static tn_tensor *tensor(tn_dtype dtype, int64_t rows, int64_t columns) {
    tn_tensor *t;
    ok(tn_tensor_create(context, dtype, 2, (int64_t[]){rows, columns}, &t));
    return t;
}

static tn_tensor *run(tn_executable *x, tn_tensor *const *in, uint32_t n) {
    tn_tensor *out = NULL;
    ok(tn_executable_run(x, in, n, &out, 1));
    return out;
}

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static bool has_fma(void) {
    tn__target t;
    ok(tn__target_init(context, NULL, &t));
    return t.lanes >= 8;
}

/* ---- approx -------------------------------------------------------------------------------------------------- */

static void fill_stepping(tn_tensor *t, uint32_t first, uint32_t step) {
    float *x = tn_tensor_get_data(t);
    for (uint32_t i = 0; i < BLOCK; i++) x[i] = from_bits(first + i * step);
}

static void check_approx(const char *name, float x, double got, double want) {
    bool is_exp = !strcmp(name, "exp"), is_log = !strcmp(name, "log"), fine;
    if (isnan(want)) fine = isnan(got);
    else if (is_exp && x > 88.37f) fine = got == INFINITY || fabs(got - want) <= 0x1p-21 * want;
    else if (is_log && fabsf(x) < FLT_MIN) fine = got == -INFINITY || (x < 0 && isnan(got));
    else if (isinf(want)) fine = got == want;
    else if (fabs(want) < FLT_MIN) fine = fabs(got - want) <= FLT_MIN;
    else fine = fabs(got - want) <= 0x1p-21 * fabs(want);
    if (!is_exp && !is_log && fabs(got) > 1) fine = false;
    if (!fine) fail_msg("%s(%a) is %a, wanted %a", name, x, got, want);
}

/* The default, in units of the last place of the f32 next to the exact value. */
static void check_default(const char *name, float x, float got, double want, double most) {
    if (isnan(want) ? isnan(got) : isinf(want) ? got == want : 0) return;
    int e;
    frexp(want, &e);
    double ulp = ldexp(1, e < -125 ? -149 : e - 24);
    if (isinf(got) && fabs(want) >= 0x1.fffffep127) return; /* rounded to it */
    if (!(fabs(got - want) <= most * ulp)) fail_msg("%s(%a) is %a, wanted %a within %g ulp", name, x, got, want, most);
}

/* TENON_SWEEP_STEP: bit patterns from one input to the next; 1 is all of them. */
static void test_approx(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double (*function)(double);
        double ulp; /* of the default */
    } rows[] = {{"exp", exp, 2}, {"log", log, 2}, {"tanh", tanh, 3}, {"erf", erf, 2}};
    const char *asked = getenv("TENON_SWEEP_STEP");
    const uint32_t step = asked ? (uint32_t)strtoul(asked, NULL, 10) : 4093;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char body[256];
        snprintf(body, sizeof body, "input %%1 \"x\" : f32[1,%d]\n%%2 = %s(%%1)\noutput \"y\" %%2\n", BLOCK, rows[r].name);
        tn_executable *fast = compile(body, "fast_math=approx"), *full = compile(body, "fast_math=none");
        tn_tensor *x = tensor(TN_DTYPE_f32, 1, BLOCK);
        bool differs = false;
        double worst = 0;
        for (uint64_t first = 0; first < (uint64_t)1 << 32; first += (uint64_t)step * BLOCK) {
            fill_stepping(x, (uint32_t)first, step);
            tn_tensor *y = run(fast, &x, 1), *z = run(full, &x, 1);
            const float *in = tn_tensor_get_data(x), *got = tn_tensor_get_data(y), *usual = tn_tensor_get_data(z);
            for (int i = 0; i < BLOCK; i++) {
                double want = rows[r].function(in[i]);
                check_approx(rows[r].name, in[i], got[i], want);
                check_default(rows[r].name, in[i], usual[i], want, rows[r].ulp);
                if (isfinite(got[i]) && fabs(want) >= FLT_MIN && !(worst >= fabs(got[i] - want) / fabs(want))) worst = fabs(got[i] - want) / fabs(want);
            }
            differs |= memcmp(got, usual, BLOCK * sizeof *got) != 0;
            tn_tensor_release(y), tn_tensor_release(z);
        }
        print_message("%s: largest relative error 2^%.2f\n", rows[r].name, log2(worst));
        assert_true(differs);
        tn_tensor_release(x), tn_executable_release(fast), tn_executable_release(full);
    }
}

static void test_approx_at_the_ends(void **state) {
    (void)state;
    static const struct {
        const char *name;
        float x, want;
    } rows[] = {{"exp", 0, 1}, {"exp", -0.0f, 1}, {"exp", INFINITY, INFINITY}, {"exp", -INFINITY, 0}, {"exp", 1000, INFINITY}, {"exp", -1000, 0},
                {"log", 1, 0}, {"log", 0, -INFINITY}, {"log", -0.0f, -INFINITY}, {"log", INFINITY, INFINITY}, {"log", -1, NAN}, {"log", -INFINITY, NAN},
                {"tanh", 0, 0}, {"tanh", -0.0f, -0.0f}, {"tanh", INFINITY, 1}, {"tanh", -INFINITY, -1}, {"tanh", 20, 1}, {"tanh", 0x1p-140f, 0x1p-140f},
                {"erf", 0, 0}, {"erf", -0.0f, -0.0f}, {"erf", INFINITY, 1}, {"erf", -INFINITY, -1}, {"erf", 5, 1},
                {"exp", NAN, NAN}, {"log", NAN, NAN}, {"tanh", NAN, NAN}, {"erf", NAN, NAN}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        char body[256];
        for (int columns = 1; columns <= 33; columns += 16) { /* scalar, whole vectors, a tail */
            snprintf(body, sizeof body, "input %%1 \"x\" : f32[1,%d]\n%%2 = %s(%%1)\noutput \"y\" %%2\n", columns, rows[r].name);
            tn_executable *e = compile(body, "fast_math=approx");
            tn_tensor *x = tensor(TN_DTYPE_f32, 1, columns);
            for (int i = 0; i < columns; i++) ((float *)tn_tensor_get_data(x))[i] = rows[r].x;
            tn_tensor *y = run(e, &x, 1);
            for (int i = 0; i < columns; i++) {
                float got = ((const float *)tn_tensor_get_data(y))[i];
                bool saturated = fabsf(rows[r].want) == 1 && rows[r].x != 0; /* the last bit may be missing */
                if (saturated ? !(fabsf(got) <= 1 && fabsf(got - rows[r].want) <= 0x1p-24f)
                              : isnan(rows[r].want) ? !isnan(got) : bits_of(got) != bits_of(rows[r].want))
                    fail_msg("%s(%a), %d of %d: %a, wanted %a", rows[r].name, rows[r].x, i, columns, got, rows[r].want);
            }
            tn_tensor_release(x), tn_tensor_release(y), tn_executable_release(e);
        }
    }
}

/* ---- contract ------------------------------------------------------------------------------------------------ */

static float random_float(int low, int high) { return ldexpf(1 + check_random() * 0x1p-24f, low + (int)(check_random() % (uint32_t)(high - low + 1))) * (check_random() & 1 ? 1 : -1); }

static void test_contract(void **state) {
    (void)state;
    if (!has_fma()) {
        print_message("this processor has no FMA: nothing to contract\n");
        skip();
    }
    static const struct {
        const char *operation;
        bool product_first;
        double sign_product, sign_addend;
    } rows[] = {{"add(%4, %3)", true, 1, 1}, {"add(%3, %4)", false, 1, 1}, {"sub(%4, %3)", true, 1, -1}, {"sub(%3, %4)", false, -1, 1}};
    enum { N = 1001 };
    for (int wide = 0; wide < 2; wide++)
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            char body[512];
            const char *t = wide ? "f64" : "f32";
            snprintf(body, sizeof body, "input %%1 \"x\" : %s[1,%d]\ninput %%2 \"y\" : %s[1,%d]\ninput %%3 \"z\" : %s[1,%d]\n%%4 = mul(%%1, %%2)\n%%5 = %s\noutput \"r\" %%5\n",
                     t, N, t, N, t, N, rows[r].operation);
            tn_executable *fast = compile(body, "fast_math=contract"), *full = compile(body, "fast_math=none");
            tn_tensor *in[3];
            for (int k = 0; k < 3; k++) {
                in[k] = tensor(wide ? TN_DTYPE_f64 : TN_DTYPE_f32, 1, N);
                for (int i = 0; i < N; i++)
                    if (wide) ((double *)tn_tensor_get_data(in[k]))[i] = random_float(-3, 3) * (1 + check_random() * 0x1p-50);
                    else ((float *)tn_tensor_get_data(in[k]))[i] = random_float(-3, 3);
            }
            tn_tensor *a = run(fast, in, 3), *b = run(full, in, 3);
            for (int i = 0; i < N; i++) {
                if (wide) {
                    const double *x = tn_tensor_get_data(in[0]), *y = tn_tensor_get_data(in[1]), *z = tn_tensor_get_data(in[2]);
                    assert_true(((const double *)tn_tensor_get_data(a))[i] == fma(rows[r].sign_product * x[i], y[i], rows[r].sign_addend * z[i]));
                } else {
                    const float *x = tn_tensor_get_data(in[0]), *y = tn_tensor_get_data(in[1]), *z = tn_tensor_get_data(in[2]);
                    assert_true(((const float *)tn_tensor_get_data(a))[i] == fmaf((float)rows[r].sign_product * x[i], y[i], (float)rows[r].sign_addend * z[i]));
                    volatile float product = x[i] * y[i];
                    assert_true(((const float *)tn_tensor_get_data(b))[i] == (float)rows[r].sign_product * product + (float)rows[r].sign_addend * z[i]);
                }
            }
            assert_memory_not_equal(tn_tensor_get_data(a), tn_tensor_get_data(b), tn_tensor_get_bytes(a));
            for (int k = 0; k < 3; k++) tn_tensor_release(in[k]);
            tn_tensor_release(a), tn_tensor_release(b), tn_executable_release(fast), tn_executable_release(full);
        }
}

/* ---- reciprocal ---------------------------------------------------------------------------------------------- */

static void test_reciprocal(void **state) {
    (void)state;
    enum { ROWS = 600, COLUMNS = 37 };
    char body[256];
    snprintf(body, sizeof body, "input %%1 \"x\" : f32[%d,%d]\ninput %%2 \"y\" : f32[%d,1]\n%%3 = div(%%1, %%2)\noutput \"r\" %%3\n", ROWS, COLUMNS, ROWS);
    tn_executable *fast = compile(body, "fast_math=reciprocal"), *full = compile(body, "fast_math=none");
    tn_tensor *in[2] = {tensor(TN_DTYPE_f32, ROWS, COLUMNS), tensor(TN_DTYPE_f32, ROWS, 1)};
    float *x = tn_tensor_get_data(in[0]), *y = tn_tensor_get_data(in[1]);
    for (int i = 0; i < ROWS; i++) {
        y[i] = i == 0 ? 0x1p-126f : i == 1 ? 0x1p126f : random_float(-126, 125);
        int e;
        frexpf(y[i], &e); /* quotients from 2^-124 on that do not overflow */
        for (int j = 0; j < COLUMNS; j++) x[i * COLUMNS + j] = random_float(e < 0 ? -124 : -124 + e, e < 0 ? 120 + e : 120);
    }
    tn_tensor *a = run(fast, in, 2), *b = run(full, in, 2);
    const float *got = tn_tensor_get_data(a), *exact = tn_tensor_get_data(b);
    int differ = 0;
    double worst = 0;
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        double want = (double)x[i] / (double)y[i / COLUMNS], ulp = nextafterf(fabsf(exact[i]), INFINITY) - fabsf(exact[i]);
        assert_true(exact[i] == x[i] / y[i / COLUMNS]);
        if (!(fabs(got[i] - want) <= 2 * ulp)) fail_msg("%a / %a is %a, wanted %a", x[i], y[i / COLUMNS], got[i], want);
        if (fabs(got[i] - want) / ulp > worst) worst = fabs(got[i] - want) / ulp;
        differ += bits_of(got[i]) != bits_of(exact[i]);
    }
    print_message("division: %d of %d with other bits, within %.3f ulp\n", differ, ROWS * COLUMNS, worst);
    assert_true(differ > 0);
    tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(a), tn_tensor_release(b);
    tn_executable_release(fast), tn_executable_release(full);
}

/* ---- finite -------------------------------------------------------------------------------------------------- */

static const float extremes[] = {0, -0.0f, 1, -1, 0x1p-140f, -0x1p-140f, FLT_MIN, FLT_MAX, -FLT_MAX, INFINITY, -INFINITY, 2.5f, NAN};
enum { N_EXTREMES = sizeof extremes / sizeof *extremes };

/* Of all pairs: the default's bits, or, with NaN or zeros of two signs, one of the operands. */
static void test_finite(void **state) {
    (void)state;
    static const char *const operations[] = {"max(%1, %2)", "min(%1, %2)"};
    for (int o = 0; o < 2; o++) {
        char body[256];
        snprintf(body, sizeof body, "input %%1 \"x\" : f32[%d,%d]\ninput %%2 \"y\" : f32[%d,%d]\n%%3 = %s\noutput \"r\" %%3\n", N_EXTREMES, N_EXTREMES,
                 N_EXTREMES, N_EXTREMES, operations[o]);
        tn_executable *fast = compile(body, "fast_math=finite"), *full = compile(body, "fast_math=none");
        tn_tensor *in[2] = {tensor(TN_DTYPE_f32, N_EXTREMES, N_EXTREMES), tensor(TN_DTYPE_f32, N_EXTREMES, N_EXTREMES)};
        float *x = tn_tensor_get_data(in[0]), *y = tn_tensor_get_data(in[1]);
        for (int i = 0; i < N_EXTREMES * N_EXTREMES; i++) x[i] = extremes[i / N_EXTREMES], y[i] = extremes[i % N_EXTREMES];
        tn_tensor *a = run(fast, in, 2), *b = run(full, in, 2);
        const float *got = tn_tensor_get_data(a), *want = tn_tensor_get_data(b);
        bool differs = false;
        for (int i = 0; i < N_EXTREMES * N_EXTREMES; i++) {
            bool loose = isnan(x[i]) || isnan(y[i]) || (x[i] == 0 && y[i] == 0);
            bool fine = loose ? bits_of(got[i]) == bits_of(x[i]) || bits_of(got[i]) == bits_of(y[i]) : bits_of(got[i]) == bits_of(want[i]);
            if (!fine) fail_msg("%s of %a and %a is %a, the default's is %a", operations[o], x[i], y[i], got[i], want[i]);
            differs |= bits_of(got[i]) != bits_of(want[i]);
        }
        if (!differs) fail_msg("%s: the default's bits", operations[o]);
        tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(a), tn_tensor_release(b);
        tn_executable_release(fast), tn_executable_release(full);
    }
}

/* The largest of a row: one of its elements, and the default's where there is no NaN. */
static void test_finite_reduction(void **state) {
    (void)state;
    enum { ROWS = 40, COLUMNS = 75 };
    char body[256];
    snprintf(body, sizeof body, "input %%1 \"x\" : f32[%d,%d]\n%%2 = constant {value=i64[1] (1)}\n%%3 = reduce_max(%%1, %%2)\noutput \"r\" %%3\n", ROWS, COLUMNS);
    tn_executable *fast = compile(body, "fast_math=finite"), *full = compile(body, "fast_math=none");
    tn_tensor *in = tensor(TN_DTYPE_f32, ROWS, COLUMNS);
    float *x = tn_tensor_get_data(in);
    for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = random_float(-3, 3);
    for (int i = 0; i < ROWS; i += 2) x[i * COLUMNS + i] = NAN;
    tn_tensor *a = run(fast, &in, 1), *b = run(full, &in, 1);
    const float *got = tn_tensor_get_data(a), *want = tn_tensor_get_data(b);
    for (int i = 0; i < ROWS; i++) {
        bool found = false;
        for (int j = 0; j < COLUMNS; j++) found |= bits_of(got[i]) == bits_of(x[i * COLUMNS + j]);
        assert_true(found);
        assert_true(i % 2 ? got[i] == want[i] : isnan(want[i]));
    }
    tn_tensor_release(in), tn_tensor_release(a), tn_tensor_release(b), tn_executable_release(fast), tn_executable_release(full);
}

/* ---- all of them --------------------------------------------------------------------------------------------- */

/* Each class alone and all at once are portable: no estimates of the processor, no other order. */
static void test_portable(void **state) {
    (void)state;
    static const char body[] = "input %1 \"x\" : f32[29,67]\ninput %2 \"y\" : f32[29,1]\ninput %3 \"z\" : f32[29,67]\n%4 = div(%1, %2)\n%5 = tanh(%4)\n"
                               "%6 = mul(%5, %3)\n%7 = add(%6, %1)\n%8 = max(%7, %3)\n%9 = softmax(%8) {axis=1}\n%10 = gelu(%9)\noutput \"r\" %10\n";
    static const char *const lists[] = {"none", "contract", "reciprocal", "finite", "approx", "all"};
    tn__target t;
    ok(tn__target_init(context, NULL, &t));
    tn_error *e = tn__target_make_portable(context, &t);
    if (!e) e = tn__target_check_host(context, &t);
    if (e) {
        print_message("%s\n", tn_error_get_message(e));
        tn_error_destroy(e);
        skip();
    }
    tn_tensor *in[3] = {tensor(TN_DTYPE_f32, 29, 67), tensor(TN_DTYPE_f32, 29, 1), tensor(TN_DTYPE_f32, 29, 67)}, *none = NULL;
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < tn_tensor_get_elements(in[k]); i++) ((float *)tn_tensor_get_data(in[k]))[i] = random_float(-2, 2);
    for (int l = 0; l < 6; l++) {
        char here[128], v4[128], v3[128];
        snprintf(here, sizeof here, "determinism=portable fast_math=%s", lists[l]);
        snprintf(v4, sizeof v4, "determinism=portable cpu=x86-64-v4 fast_math=%s", lists[l]);
        snprintf(v3, sizeof v3, "cpu=x86-64-v3 fast_math=%s", lists[l]);
        tn_executable *x[3] = {compile(body, here), compile(body, v4), compile(body, v3)};
        tn_tensor *y[3];
        for (int k = 0; k < 3; k++) y[k] = run(x[k], in, 3);
        assert_memory_equal(tn_tensor_get_data(y[0]), tn_tensor_get_data(y[1]), tn_tensor_get_bytes(y[0]));
        assert_memory_equal(tn_tensor_get_data(y[0]), tn_tensor_get_data(y[2]), tn_tensor_get_bytes(y[0]));
        if (!none) none = y[0], y[0] = NULL;
        else if (strcmp(lists[l], "finite")) assert_memory_not_equal(tn_tensor_get_data(y[0]), tn_tensor_get_data(none), tn_tensor_get_bytes(none));
        for (int k = 0; k < 3; k++) tn_tensor_release(y[k]), tn_executable_release(x[k]);
    }
    for (int k = 0; k < 3; k++) tn_tensor_release(in[k]);
    tn_tensor_release(none);
}

/* Code that is compiled quickly has the same bits, also where rows of a tile share a product. */
static void test_quick_code(void **state) {
    (void)state;
    static const char body[] = "input %1 \"x\" : f32[29,67]\ninput %2 \"y\" : f32[1,67]\ninput %3 \"z\" : f32[29,1]\n%4 = mul(%2, %2)\n%5 = add(%4, %1)\n"
                               "%6 = div(%5, %3)\n%7 = max(%6, %1)\n%8 = exp(%7)\n%9 = sub(%1, %4)\n%10 = mul(%8, %9)\n%11 = add(%10, %5)\noutput \"r\" %11\n";
    static const char *const lists[] = {"none", "contract", "reciprocal", "finite", "approx", "all"};
    tn_tensor *in[3] = {tensor(TN_DTYPE_f32, 29, 67), tensor(TN_DTYPE_f32, 1, 67), tensor(TN_DTYPE_f32, 29, 1)};
    for (int k = 0; k < 3; k++)
        for (int64_t i = 0; i < tn_tensor_get_elements(in[k]); i++) ((float *)tn_tensor_get_data(in[k]))[i] = random_float(-2, 1);
    for (int l = 0; l < 6; l++) {
        char settings[128];
        snprintf(settings, sizeof settings, "fast_math=%s", lists[l]);
        tn_executable *whole = compile(body, settings);
        snprintf(settings, sizeof settings, "compile_budget_ms=1 fast_math=%s", lists[l]);
        tn_executable *quick = compile(body, settings);
        tn_executable_stats a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        ok(tn_executable_get_stats(whole, &a)), ok(tn_executable_get_stats(quick, &b));
        assert_true(a.code_bytes != b.code_bytes);
        tn_tensor *x = run(whole, in, 3), *y = run(quick, in, 3);
        if (memcmp(tn_tensor_get_data(x), tn_tensor_get_data(y), tn_tensor_get_bytes(x))) fail_msg("fast_math=%s: quick code has other bits", lists[l]);
        tn_tensor_release(x), tn_tensor_release(y), tn_executable_release(whole), tn_executable_release(quick);
    }
    for (int k = 0; k < 3; k++) tn_tensor_release(in[k]);
}

static void test_names(void **state) {
    (void)state;
    static const char all[] = "none"
#define TN_FAST_MATH(name, rule) "|" #name
#include "codegen/fast_math.def"
                              "|all";
    static const struct {
        const char *value, *words;
    } wrong[] = {{"aprox", "the nearest is 'approx'"}, {"", "found ''"}, {"approx,", "found ''"}, {"contract,nnan", "found 'nnan', wanted some of none|contract"},
                 {"contract|approx", "found 'contract|approx'"}, {"ALL", "found 'ALL'"}};
    tn_options *o;
    ok(tn_options_create(context, &o));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tn_error *e = tn_options_set(o, "fast_math", wrong[i].value);
        assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
        if (!strstr(tn_error_get_message(e), wrong[i].words)) fail_msg("%s", tn_error_get_message(e));
        tn_error_destroy(e);
    }
    ok(tn_options_set(o, "fast_math", "approx,contract"));
    tn_options_release(o);
    for (uint32_t i = 0; i < tn_library_get_option_count(); i++) {
        tn_option_info info = {.struct_size = sizeof info};
        ok(tn_library_get_option(i, &info));
        if (!strcmp(info.name, "fast_math")) assert_string_equal(info.choices, all);
    }
    tn__target t;
    ok(tn__target_init(context, NULL, &t));
    ok(tn__target_set_fast_math(context, "approx,finite", &t));
    assert_int_equal(t.fast_math, TN__FAST_approx | TN__FAST_finite);
    ok(tn__target_set_fast_math(context, "all", &t));
    assert_int_equal(t.fast_math, (1 << TN__FAST_COUNT) - 1);
    ok(tn__target_set_fast_math(context, "none", &t));
    assert_int_equal(t.fast_math, 0);
    tn_error *e = tn__target_set_fast_math(context, "fast", &t);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
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
        cmocka_unit_test(test_approx),     cmocka_unit_test(test_approx_at_the_ends), cmocka_unit_test(test_contract),
        cmocka_unit_test(test_reciprocal), cmocka_unit_test(test_finite),             cmocka_unit_test(test_finite_reduction),
        cmocka_unit_test(test_portable),   cmocka_unit_test(test_quick_code),         cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
