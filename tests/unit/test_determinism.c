/* Option `determinism`: portable gives the same bits for whatever processor is named, from the same code; machine does not. */
#include "device_check.h"

#include "codegen/codegen.h"

#define ELEMENTWISE(name, op) {name, "input %1 \"x\" : f32[7,61]\n%2 = " op "(%1)\noutput \"y\" %2\n", 0, 0, 0, 0}

/* Constants are packed at compilation, so a second form of each product has them. */
static const device_check checks[] = {
    {"product", "input %1 \"a\" : f32[37,301]\ninput %2 \"b\" : f32[301,93]\n%3 = matmul(%1, %2)\n%4 = tanh(%3)\noutput \"y\" %4\n", 0, 0, 0, 0},
    {"product, constant weights", "input %1 \"a\" : f32[37,301]\ninput %2 \"b\" : f32[301,93]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n", 2, 0, 0, 0},
    {"dot products of rows", "input %1 \"a\" : f32[3,403]\ninput %2 \"b\" : f32[31,403]\n%3 = gemm(%1, %2) {transB=1}\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"one row", "input %1 \"a\" : f32[1,403]\ninput %2 \"b\" : f32[403,31]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n", 2, 0, 0, 0},
    {"product of f16", "input %1 \"a\" : f16[9,200]\ninput %2 \"b\" : f16[18,200]\n%3 = gemm(%1, %2) {transB=1}\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"product of bf16", "input %1 \"a\" : bf16[9,200]\ninput %2 \"b\" : bf16[200,40]\n%3 = matmul(%1, %2)\noutput \"y\" %3\n", 2, 0, 0, 0},
    {"product of integers", "input %1 \"a\" : u8[5,67]\ninput %2 \"b\" : i8[67,35]\n%3 = matmul_integer(%1, %2)\noutput \"y\" %3\n", 2, 100, 0, 0},
    {"convolution", "input %1 \"x\" : f32[2,19,11,13]\ninput %2 \"w\" : f32[37,19,3,3]\n%3 = conv(%1, %2) {pads=[1,1,1,1]}\n%4 = sigmoid(%3)\noutput \"y\" %4\n", 2, 0, 0, 0},
    {"depthwise convolution", "input %1 \"x\" : f32[1,19,11,13]\ninput %2 \"w\" : f32[19,1,3,3]\n%3 = conv(%1, %2) {group=19, strides=[2,2]}\noutput \"y\" %3\n", 2, 0, 0, 0},
    {"convolution to few channels", "input %1 \"x\" : f32[1,16,9,70]\ninput %2 \"w\" : f32[2,16,3,3]\n%3 = conv(%1, %2)\noutput \"y\" %3\n", 2, 0, 0, 0},
    {"sums of rows", "input %1 \"x\" : f32[11,517]\n%2 = constant {value=i64[1] (1)}\n%3 = reduce_sum(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"sum of all", "input %1 \"x\" : f32[11,517]\n%2 = reduce_mean(%1)\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"sums of columns", "input %1 \"x\" : f32[517,11]\n%2 = constant {value=i64[1] (0)}\n%3 = reduce_sum(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"softmax", "input %1 \"x\" : f32[9,133]\n%2 = softmax(%1) {axis=1}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"layer normalisation", "input %1 \"x\" : f32[9,133]\ninput %2 \"s\" : f32[133]\n%3 = layer_normalization(%1, %2)\noutput \"y\" %3\n", 0, 0, 0, 0},
    {"average pooling", "input %1 \"x\" : f32[1,19,12,12]\n%2 = global_average_pool(%1)\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"attention", "input %1 \"q\" : f32[1,2,17,24]\ninput %2 \"k\" : f32[1,2,29,24]\ninput %3 \"v\" : f32[1,2,29,20]\n%4 = attention(%1, %2, %3)\noutput \"y\" %4\n", 0, 0, 0, 0},
    {"lstm", "input %1 \"x\" : f32[5,2,13]\ninput %2 \"w\" : f32[1,84,13]\ninput %3 \"r\" : f32[1,84,21]\n%4, %5, %6 = lstm(%1, %2, %3) {hidden_size=21}\noutput \"y\" %4\noutput \"c\" %6\n", 6, 0, 0, 0},
    {"gru", "input %1 \"x\" : f32[5,2,13]\ninput %2 \"w\" : f32[1,63,13]\ninput %3 \"r\" : f32[1,63,21]\n%4, %5 = gru(%1, %2, %3) {hidden_size=21}\noutput \"y\" %4\n", 6, 0, 0, 0},
    {"rounding to f16", "input %1 \"x\" : f32[7,61]\n%2 = cast(%1) {to=f16}\noutput \"y\" %2\n", 0, 0, 0, 0},
    {"rounding to integers", "input %1 \"x\" : f32[7,61]\n%2 = constant {value=f32[1] (1000.0)}\n%3 = mul(%1, %2)\n%4 = cast(%3) {to=i64}\noutput \"y\" %4\n", 0, 0, 0, 0},
    ELEMENTWISE("exp", "exp"), ELEMENTWISE("tanh", "tanh"), ELEMENTWISE("erf", "erf"), ELEMENTWISE("sigmoid", "sigmoid"),
    ELEMENTWISE("log", "log"), ELEMENTWISE("gelu", "gelu"), ELEMENTWISE("sin, a call", "sin"),
};
enum { N_CHECKS = sizeof checks / sizeof *checks };

static char folder[] = "/tmp/tenon-determinism-XXXXXX";

typedef struct setting {
    const char *determinism, *cpu, *precision, *cache; /* cache: a folder, or NULL */
} setting;

/* The outputs of the graph under the setting; the error where it is refused. */
static tn_error *solve(const tn_graph *g, const setting *s, const device_check *c, tn_tensor *const *data, tn_tensor **out, tn_executable_stats *stats) {
    tn_options *o;
    tn_executable *x = NULL;
    tn_tensor *in[CHECK_INPUTS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < CHECK_INPUTS; i++)
        if (data[i] && !(c->constants >> i & 1)) in[n++] = data[i];
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", "cpu"));
    ok(tn_options_set(o, "threads", "1"));
    ok(tn_options_set(o, "cache", s->cache ? "on" : "off"));
    if (s->cache) ok(tn_options_set(o, "cache_dir", s->cache));
    if (s->precision) ok(tn_options_set(o, "precision", s->precision));
    ok(tn_options_set(o, "determinism", s->determinism));
    ok(tn_options_set(o, "cpu", s->cpu));
    tn_error *e = tn_compile(g, o, &x);
    if (!e) {
        *stats = (tn_executable_stats){.struct_size = sizeof *stats};
        ok(tn_executable_run(x, in, n, out, (uint32_t)g->outputs.count));
        ok(tn_executable_get_stats(x, stats));
    }
    tn_executable_release(x);
    tn_options_release(o);
    return e;
}

static bool same_bits(tn_tensor *const *a, tn_tensor *const *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (tn_tensor_get_bytes(a[i]) != tn_tensor_get_bytes(b[i]) || memcmp(tn_tensor_get_data(a[i]), tn_tensor_get_data(b[i]), tn_tensor_get_bytes(a[i]))) return false;
    return true;
}

/* The outputs of one check under several settings, and which agree with the first; one that this processor cannot run is SKIPPED. */
typedef enum verdict { SAME, OTHER, SKIPPED } verdict;
enum { MOST_SETTINGS = 4 };

static void compare(const device_check *c, const setting *settings, int n, verdict *out) {
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *y[MOST_SETTINGS][CHECK_OUTPUTS] = {{NULL}};
    tn_graph *g = check_graph(c, NULL);
    tn_executable_stats stats;
    check_state = 1;
    for (uint32_t i = 0; i < g->inputs.count; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), c->bound);
    tn_graph_release(g);
    g = check_graph(c, data);
    for (int s = 0; s < n; s++) {
        tn_error *e = solve(g, &settings[s], c, data, y[s], &stats);
        if (e && !strstr(tn_error_get_message(e), "cannot run here")) fail_msg("%s: %s", c->name, tn_error_get_message(e));
        out[s] = e ? SKIPPED : same_bits(y[0], y[s], g->outputs.count) ? SAME : OTHER;
        tn_error_destroy(e);
    }
    for (int s = 0; s < n; s++)
        for (size_t i = 0; i < g->outputs.count; i++) tn_tensor_release(y[s][i]);
    for (uint32_t i = 0; i < CHECK_INPUTS; i++) tn_tensor_release(data[i]);
    tn_graph_release(g);
}

/* machine code for x86-64-v3 has the portable bits too: it is the processor that portable code is made for. The last is the negative: what
 * portable rules out happens without it. */
static const setting settings[MOST_SETTINGS] = {
    {"portable", "host", NULL, NULL}, {"portable", "x86-64-v4", NULL, NULL}, {"machine", "x86-64-v3", NULL, NULL}, {"machine", "host", NULL, NULL}};

static void test_portable_is_the_same_everywhere(void **state) {
    (void)state;
    int differ = 0;
    for (int i = 0; i < N_CHECKS; i++) {
        verdict v[MOST_SETTINGS];
        compare(&checks[i], settings, MOST_SETTINGS, v);
        for (int s = 0; s < 3; s++)
            if (v[s] != SAME) fail_msg("%s: %s code for %s gives other bits", checks[i].name, settings[s].determinism, settings[s].cpu);
        differ += v[3] == OTHER;
    }
    tn__target target;
    ok(tn__target_init(context, NULL, &target));
    print_message("machine code for vectors of %d lanes: other bits in %d of %d graphs\n", target.lanes, differ, N_CHECKS);
    if (target.lanes > 8) assert_true(differ > 0);
    else print_message("skipped: this processor has no longer vectors than portable code\n");
}

static void test_portable_precision(void **state) {
    (void)state;
    static const char *const types[] = {"bf16", "f16"};
    for (int i = 0; i < 4; i++)
        for (int t = 0; t < 2; t++) {
            const setting two[] = {{"portable", "host", types[t], NULL}, {"machine", "x86-64-v3", types[t], NULL}};
            verdict v[2];
            compare(&checks[i], two, 2, v);
            if (v[1] != SAME) fail_msg("%s: other bits with precision %s", checks[i].name, types[t]);
        }
}

/* One entry of the cache serves all: the code is the same bytes. What is not portable has another one. */
static void test_one_code(void **state) {
    (void)state;
    const device_check *c = &checks[0];
    tn_tensor *data[CHECK_INPUTS] = {NULL}, *out[1];
    tn_graph *g = check_graph(c, NULL);
    tn_executable_stats first, second, machine;
    for (uint32_t i = 0; i < g->inputs.count; i++) data[i] = check_tensor(tn__type_of(g, g->inputs.data[i].value), 0);
    const setting a = {"portable", "haswell", NULL, folder}, b = {"portable", "host", NULL, folder}, m = {"machine", "host", NULL, folder};
    out[0] = NULL, ok(solve(g, &a, c, data, out, &first)), tn_tensor_release(out[0]);
    out[0] = NULL, ok(solve(g, &b, c, data, out, &second)), tn_tensor_release(out[0]);
    out[0] = NULL, ok(solve(g, &m, c, data, out, &machine)), tn_tensor_release(out[0]);
    assert_int_equal(first.from_cache, 0);
    assert_true(second.from_cache > 0 && second.code_bytes == first.code_bytes);
    assert_int_equal(machine.from_cache, 0);
    for (uint32_t i = 0; i < CHECK_INPUTS; i++) tn_tensor_release(data[i]);
    tn_graph_release(g);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const without[] = {"x86-64", "x86-64-v2"};
    for (size_t i = 0; i < 2; i++) {
        setting s = {"portable", without[i], NULL, NULL};
        const device_check *c = &checks[0];
        tn_tensor *data[CHECK_INPUTS] = {NULL}, *out[1] = {NULL};
        tn_executable_stats stats;
        tn_graph *g = check_graph(c, NULL);
        tn_error *e = solve(g, &s, c, data, out, &stats);
        assert_int_equal(tn_error_get_code(e), TN_ERROR_UNSUPPORTED);
        assert_non_null(strstr(tn_error_get_message(e), "AVX2 and FMA"));
        assert_non_null(strstr(tn_error_get_message(e), without[i]));
        tn_error_destroy(e);
        tn_graph_release(g);
    }
}

static int begin(void **state) {
    (void)state;
    if (!mkdtemp(folder)) return 1;
    ok(tn_context_create(NULL, &context));
    return 0;
}

static int end(void **state) {
    (void)state;
    char command[100];
    tn_context_release(context);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void) {
    tn_context *c;
    tn__target host;
    if (tn_context_create(NULL, &c) || tn__target_init(c, NULL, &host)) return 1;
    tn_error *e = tn__target_make_portable(c, &host);
    if (!e) e = tn__target_check_host(c, &host);
    tn_context_release(c);
    if (e) {
        printf("skipped: %s\n", tn_error_get_message(e));
        tn_error_destroy(e);
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_portable_is_the_same_everywhere), cmocka_unit_test(test_portable_precision),
        cmocka_unit_test(test_one_code), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
