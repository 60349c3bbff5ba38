/* Provenance: texts that a framework attaches to nodes, through the C API. What passes and launches do with them: tests/graph/sources.tn,
 * tests/graph/check_sources.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/os_thread.h"
#include "expect.h"
#include "kernel/program.h"
#include "pass/pass.h"
#include "tenon/tenon.h"

static tn_context *context;

static tn_graph *graph(void) {
    tn_graph *g;
    ok(tn_graph_create(context, "g", &g));
    return g;
}

static tn_value op1(tn_graph *g, const char *name, tn_value x) { return tn_graph_op(g, name, &x, 1, NULL, 0, 1); }

static tn_value op2(tn_graph *g, const char *name, tn_value x, tn_value y) {
    return tn_graph_op(g, name, (tn_value[]){x, y}, 2, NULL, 0, 1);
}

static tn_tensor *tensor(tn_dtype dtype, int32_t rank, const int64_t *dims) {
    tn_tensor *t;
    ok(tn_tensor_create(context, dtype, rank, dims, &t));
    return t;
}

/* ---- texts on nodes ------------------------------------------------------------------------------------------ */

static void set_add_and_current(void **state) {
    (void)state;
    tn_graph *g = graph();
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4});
    tn_graph_set_current_source(g, "a.py:1");
    tn_value a = op1(g, "exp", x);
    tn_value b = op1(g, "tanh", a);
    tn_graph_set_current_source(g, "");
    tn_value c = op1(g, "relu", b);
    assert_string_equal(tn_graph_get_source(g, a, 0), "a.py:1");
    assert_ptr_equal(tn_graph_get_source(g, a, 0), tn_graph_get_source(g, b, 0)); /* one copy */
    assert_null(tn_graph_get_source(g, c, 0));
    tn_graph_set_source(g, b, "b");
    tn_graph_add_source(g, b, "c");
    tn_graph_add_source(g, b, "b");
    tn_graph_add_source(g, b, NULL);
    assert_int_equal(tn_graph_get_source_count(g, b), 2);
    assert_string_equal(tn_graph_get_source(g, b, 0), "b");
    assert_string_equal(tn_graph_get_source(g, b, 1), "c");
    assert_null(tn_graph_get_source(g, b, 2));
    tn_graph_set_source(g, b, NULL);
    assert_int_equal(tn_graph_get_source_count(g, b), 0);
    ok(tn_graph_check(g));
    tn_graph_release(g);
}

static void nothing_to_attach_to(void **state) {
    (void)state;
    tn_graph *g = graph();
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4});
    tn_graph_set_source(g, x, "an input");
    tn_graph_set_source(g, (tn_value){0}, "none");
    tn_graph_set_source(g, (tn_value){99}, "another graph's");
    tn_graph_set_source(NULL, x, "no graph");
    tn_graph_add_source(NULL, x, "no graph");
    tn_graph_set_current_source(NULL, "no graph");
    assert_int_equal(tn_graph_get_source_count(NULL, x), 0);
    assert_int_equal(tn_graph_get_source_count(g, x), 0);
    assert_int_equal(tn_graph_get_source_count(g, (tn_value){99}), 0);
    assert_null(tn_graph_get_source(g, (tn_value){0}, 0));
    assert_null(tn_graph_get_source(NULL, x, 0));
    ok(tn_graph_check(g));
    tn_graph_release(g);
}

static void long_texts_and_many(void **state) {
    (void)state;
    tn_graph *g = graph();
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4}), y = op1(g, "exp", x);
    static char text[100001];
    for (size_t i = 0; i < sizeof text - 1; i += 2) memcpy(text + i, "\xc3\xa4", 2);
    tn_graph_set_source(g, y, text);
    const char *kept = tn_graph_get_source(g, y, 0);
    assert_true(strlen(kept) <= 1024);
    assert_non_null(strstr(kept, "more bytes)"));
    assert_true(((unsigned char)strchr(kept, '.')[-1] & 0xc0) == 0x80); /* cut behind a whole character */
    text[1024] = 0;
    tn_graph_set_source(g, y, text);
    assert_string_equal(tn_graph_get_source(g, y, 0), text); /* just under */
    tn_graph_set_source(g, y, NULL);
    for (int i = 0; i < 100; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        tn_graph_add_source(g, y, number);
    }
    assert_int_equal(tn_graph_get_source_count(g, y), 64);
    assert_string_equal(tn_graph_get_source(g, y, 63), "63");
    assert_true(tn__graph_sources(g, tn__node_of(g, y)->source)->hidden >= 1);
    ok(tn_graph_check(g));
    tn_graph_release(g);
}

static void sets(void **state) {
    (void)state;
    tn__sources *t = tn__sources_create(&tn__allocator_malloc);
    uint32_t set[300], all = 0;
    for (int i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        set[i] = tn__sources_of_text(t, text);
        assert_int_equal(tn__sources_of_text(t, text), set[i]);
        all = tn__sources_merge(t, all, set[i]);
    }
    assert_int_equal(tn__sources_merge(t, set[3], set[3]), set[3]);
    assert_int_equal(tn__sources_merge(t, 0, set[3]), set[3]);
    uint32_t ab = tn__sources_merge(t, set[1], set[2]), ba = tn__sources_merge(t, set[2], set[1]);
    assert_int_not_equal(ab, ba);
    assert_int_equal(tn__sources_merge(t, ab, set[2]), ab);
    assert_int_equal(tn__sources_merge(t, all, all), all);
    assert_int_equal(tn__sources_get(t, all)->n, 64);
    assert_in_range(tn__sources_get(t, all)->hidden, 1, 236);
    assert_int_equal(tn__sources_get(t, 0)->n, 0);
    assert_int_equal(tn__sources_get(NULL, 0)->n, 0);
    tn__sources_retain(t);
    tn__sources_release(t);
    tn__sources_release(t);
    tn__sources_release(NULL);
}

static void escapes(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"model.py:12", "model.py:12"},     {"a\nb\\c\"<>&", "a\\nb\\\\c\"<>&"}, {"\x1b[31m\x7f", "\\x1b[31m\\x7f"},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\xff\xc3", "\\xff\\xc3"},         {"\xc0\xaf", "\\xc0\\xaf"},         {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* not UTF-8 */
        {"\xc2\x9b", "\\xc2\\x9b"},         {"\xef\xbf\xbf", "\\xef\\xbf\\xbf"}, {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        tn__text t;
        tn__text_init(&t, &tn__allocator_malloc);
        tn__source_escape(&t, pairs[i][0]);
        assert_string_equal(t.data, pairs[i][1]);
        tn__text_deinit(&t);
    }
}

/* ---- text form ----------------------------------------------------------------------------------------------- */

static void text_and_back(void **state) {
    (void)state;
    tn_graph *g = graph(), *again;
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4});
    char bytes[256], longer[2000];
    for (int i = 1; i < 256; i++) bytes[i - 1] = (char)i;
    bytes[255] = 0;
    memset(longer, 'x', sizeof longer - 1), longer[sizeof longer - 1] = 0;
    tn_value a = op1(g, "exp", x), b = op1(g, "tanh", a);
    tn_graph_set_name(g, b, "name");
    tn_graph_set_source(g, a, bytes);
    tn_graph_add_source(g, a, longer);
    tn_graph_set_source(g, b, "# @ \"b\"");
    tn_graph_output(g, "y", b);
    char *text, *second;
    ok(tn_graph_print(g, &text));
    ok(tn_graph_parse(context, text, &again));
    tn_value v = tn_graph_get_output(again, 0);
    assert_string_equal(tn_graph_get_source(again, v, 0), "# @ \"b\"");
    tn_value u = tn__in(again, tn__node_of(again, v), 0);
    assert_string_equal(tn_graph_get_source(again, u, 0), bytes);
    assert_string_equal(tn_graph_get_source(again, u, 1), tn_graph_get_source(g, a, 1));
    ok(tn_graph_print(again, &second));
    assert_string_equal(text, second);
    tn_text_free(context, text);
    tn_text_free(context, second);
    tn_graph_release(again);
    tn_graph_release(g);
    static const char *const wrong[] = {"@", "@ 3", "@ \"a\",", "@ \"a\" +-1", "@ \"a\" +99999999999", "@ \"a\" \"b\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char bad[200];
        snprintf(bad, sizeof bad, "graph \"g\" {\n  input %%1 \"x\" : f32[2]\n  %%2 = exp(%%1) : f32[2] %s\n  output \"y\" %%2\n}\n", wrong[i]);
        tn_error *e = tn_graph_parse(context, bad, &again);
        assert_non_null(e);
        assert_null(again);
        tn_error_destroy(e);
    }
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void building_errors(void **state) {
    (void)state;
    tn_graph *g = graph();
    tn_graph_set_current_source(g, "model.py:12\n");
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4}), y = tn_graph_input(g, "y", TN_DTYPE_f32, 1, (int64_t[]){5});
    op2(g, "add", x, y);
    fails_with(tn_graph_check(g), "[from model.py:12\\n]");
    tn_graph_release(g);
    g = graph();
    tn_graph_set_current_source(g, "model.py:13");
    tn_graph_op(g, "no_such_op", NULL, 0, NULL, 0, 1);
    fails_with(tn_graph_check(g), "[from model.py:13]");
    tn_graph_release(g);
}

static tn_error *run(tn_graph *g, const char *device, tn_tensor **in) {
    tn_options *o;
    tn_executable *x = NULL;
    tn_tensor *out = NULL;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "threads", "1"));
    tn_error *e = tn_compile(g, o, &x);
    if (!e) e = tn_executable_run(x, in, tn_graph_get_input_count(g), &out, 1);
    tn_tensor_release(out);
    if (x) tn_executable_release(x);
    tn_options_release(o);
    return e;
}

static void run_errors(void **state) {
    (void)state;
    static const char *const devices[] = {"ref", "cpu"};
    for (int d = 0; d < 2; d++) {
        tn_graph *g = graph(); /* an index out of range */
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){8, 64}), i = tn_graph_input(g, "i", TN_DTYPE_i64, 1, (int64_t[]){3});
        tn_graph_set_current_source(g, "lookup.py:5");
        tn_value y = op2(g, "gather", x, i);
        tn_graph_set_current_source(g, "elsewhere.py:9");
        tn_graph_output(g, "y", op1(g, "exp", y));
        tn_tensor *in[2] = {tensor(TN_DTYPE_f32, 2, (int64_t[]){8, 64}), tensor(TN_DTYPE_i64, 1, (int64_t[]){3})};
        ((int64_t *)tn_tensor_get_data(in[1]))[1] = 8;
        fails_with(run(g, devices[d], in), "[from lookup.py:5]");
        tn_graph_release(g);
        tn_tensor_release(in[0]), tn_tensor_release(in[1]);

        g = graph(); /* shapes that only a run shows not to fit */
        x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){TN_DIM_UNKNOWN});
        tn_value z = tn_graph_input(g, "z", TN_DTYPE_f32, 1, (int64_t[]){TN_DIM_UNKNOWN});
        y = op2(g, "add", x, z);
        tn_graph_set_source(g, y, "add.py:7");
        tn_graph_output(g, "y", y);
        in[0] = tensor(TN_DTYPE_f32, 1, (int64_t[]){3}), in[1] = tensor(TN_DTYPE_f32, 1, (int64_t[]){4});
        fails_with(run(g, devices[d], in), "[from add.py:7]");
        tn_graph_release(g);
        tn_tensor_release(in[0]), tn_tensor_release(in[1]);
    }
    tn_graph *g = graph(); /* what a device does not take */
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){3});
    tn_attr to = {.name = "to", .kind = TN_ATTR_INT, .i = TN_DTYPE_string};
    tn_value y = tn_graph_op(g, "cast", &x, 1, &to, 1, 1);
    tn_graph_set_source(g, y, "strings.py:1");
    tn_graph_output(g, "y", y);
    tn_tensor *in = tensor(TN_DTYPE_f32, 1, (int64_t[]){3});
    fails_with(run(g, "cpu", &in), "[from strings.py:1]");
    tn_tensor_release(in);
    tn_graph_release(g);
}

static tn_error *infer_same(void *self, tn_custom_call *c) {
    (void)self;
    const int64_t *dims;
    int32_t rank = tn_custom_call_get_input_shape(c, 0, &dims);
    return tn_custom_call_set_output(c, 0, tn_custom_call_get_input_dtype(c, 0), rank, dims);
}

static tn_error *evaluate_not(void *self, tn_custom_call *c) {
    (void)self;
    return tn_custom_call_fail(c, TN_ERROR_IO, "the callback gives up");
}

static tn_error *gradient_neg(void *self, tn_custom_call *c, tn_graph *g, const tn_value *cotangents, tn_value *out_gradients) {
    (void)self, (void)c;
    out_gradients[0] = op1(g, "neg", cotangents[0]);
    return NULL;
}

/* Errors of callbacks name the node's source, and a gradient has it. */
static void custom_ops(void **state) {
    (void)state;
    tn_custom_op op = {.struct_size = sizeof op, .name = "sources::op", .n_in_min = 1, .n_out_min = 1, .infer = infer_same, .evaluate = evaluate_not, .gradient = gradient_neg};
    ok(tn_custom_op_register(context, &op));
    tn_graph *g = graph();
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){4});
    tn_graph_set_current_source(g, "custom.py:3");
    tn_value y = tn_graph_custom(g, "sources::op", &x, 1, NULL, 0, 1), gradient;
    tn_graph_set_current_source(g, "tape.py:1");
    ok(tn_graph_custom_gradient(g, y, &x, 1, &gradient, 1));
    assert_string_equal(tn_graph_get_source(g, gradient, 0), "custom.py:3");
    assert_string_equal(tn_graph_get_source(g, op1(g, "neg", y), 0), "tape.py:1");
    tn_graph_output(g, "y", y);
    tn_tensor *in = tensor(TN_DTYPE_f32, 1, (int64_t[]){4});
    fails_with(run(g, "ref", &in), "the callback gives up [from custom.py:3]");
    fails_with(run(g, "cpu", &in), "the callback gives up [from custom.py:3]");
    tn_tensor_release(in);
    tn_graph_release(g);
    ok(tn_custom_op_unregister(context, "sources::op"));
}

static void errors_name_a_few(void **state) {
    (void)state;
    tn__sources *t = tn__sources_create(&tn__allocator_malloc);
    uint32_t set = 0;
    for (int i = 0; i < 70; i++) {
        char text[16];
        snprintf(text, sizeof text, "f:%d", i);
        set = tn__sources_merge(t, set, tn__sources_of_text(t, text));
    }
    fails_with(tn__error_from(TN__FAIL(NULL, PARSE, "bad"), tn__sources_get(t, set), NULL), "bad [from f:0, f:1, f:2, f:3 and at least 61 more]");
    fails_with(tn__error_from(TN__FAIL(NULL, PARSE, "bad"), tn__sources_get(t, tn__sources_of_text(t, "f:0")), "other"), "bad [from f:0]");
    tn_error *e = tn__error_from(TN__FAIL(NULL, PARSE, "bad"), tn__sources_get(t, tn__sources_of_text(t, "f:0")), "f:0");
    assert_string_equal(tn_error_get_message(e), "bad"); /* the message says it already */
    tn_error_destroy(e);
    assert_null(tn__error_from(NULL, tn__sources_get(t, set), NULL));
    assert_ptr_equal(tn__error_from(tn__error_oom(), tn__sources_get(t, set), NULL), tn__error_oom());
    tn__sources_release(t);
}

/* ---- launches ------------------------------------------------------------------------------------------------ */

static bool has(const tn__kprogram *p, size_t step, const char *text) {
    const tn__source_set *s = tn__graph_sources(p->graph, p->steps.data[step].source);
    for (uint32_t i = 0; i < s->n; i++)
        if (!strcmp(s->texts[i], text)) return true;
    return false;
}

static tn__kprogram *lower(const tn_graph *g) {
    tn__lower_config config = {.lanes = 8, .registers = 16, .layout = true, .fuse = true, .stages = true, .in_place = true};
    tn_graph *own;
    tn__kprogram *p;
    ok(tn__passes_run(g, NULL, NULL, NULL, &own));
    ok(tn__kprogram_create(context, own, &config, &p));
    return p;
}

/* A fused group, a launch of several stages, and what is apart from them. */
static void launches_list_all(void **state) {
    (void)state;
    tn_graph *g = graph();
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){64, 256}), w = tn_graph_input(g, "w", TN_DTYPE_f32, 2, (int64_t[]){256, 32});
    tn_value a = op2(g, "matmul", x, w), b = op1(g, "relu", a), c = op1(g, "softmax", b), d = op1(g, "transpose", w), e = op1(g, "tanh", d);
    static const char *const names[] = {"matmul", "relu", "softmax", "transpose", "tanh"};
    tn_value v[] = {a, b, c, d, e};
    for (int i = 0; i < 5; i++) tn_graph_set_source(g, v[i], names[i]);
    tn_graph_output(g, "c", c);
    tn_graph_output(g, "e", e);
    tn__kprogram *p = lower(g);
    int together = 0, apart = 0;
    for (size_t i = 0; i < p->steps.count; i++) {
        together += has(p, i, "matmul") && has(p, i, "relu");
        apart += has(p, i, "tanh");
        assert_false(has(p, i, "tanh") && has(p, i, "softmax"));
        assert_false(has(p, i, "relu") && has(p, i, "transpose"));
    }
    assert_true(together >= 1);
    assert_true(apart >= 1);
    tn__kprogram_destroy(p);
    tn_graph_release(g);
}

/* Of an `if` whose branch is known when compiling: the branch's own sources, and the node's for those that have none. */
static void inlined_branch(bool own, const char *wanted) {
    tn_graph *g = graph(), *branch[2];
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){8, 64}), i = tn_graph_input(g, "i", TN_DTYPE_i64, 1, (int64_t[]){3});
    tn_tensor *yes = tensor(TN_DTYPE_bool, 0, NULL);
    *(bool *)tn_tensor_get_data(yes) = true;
    for (int b = 0; b < 2; b++) {
        branch[b] = graph();
        tn_value u = tn_graph_input(branch[b], "u", TN_DTYPE_f32, 2, (int64_t[]){8, 64}), k = tn_graph_input(branch[b], "k", TN_DTYPE_i64, 1, (int64_t[]){3});
        tn_value r = op2(branch[b], "gather", u, k);
        if (own) tn_graph_set_source(branch[b], r, "inside.py:1");
        tn_graph_output(branch[b], "r", r);
    }
    tn_value operands[3] = {tn_graph_constant(g, yes), x, i};
    tn_attr attrs[2] = {{.name = "then_branch", .kind = TN_ATTR_GRAPH, .graph = branch[0]},
                        {.name = "else_branch", .kind = TN_ATTR_GRAPH, .graph = branch[1]}};
    tn_graph_set_current_source(g, "outside.py:2");
    tn_graph_output(g, "y", tn_graph_op(g, "if", operands, 3, attrs, 2, 1));
    ok(tn_graph_check(g));
    tn_tensor *in[2] = {tensor(TN_DTYPE_f32, 2, (int64_t[]){8, 64}), tensor(TN_DTYPE_i64, 1, (int64_t[]){3})};
    ((int64_t *)tn_tensor_get_data(in[1]))[1] = 8;
    fails_with(run(g, "cpu", in), wanted);
    tn_tensor_release(in[0]), tn_tensor_release(in[1]), tn_tensor_release(yes);
    tn_graph_release(g);
}

static void inlined_branches(void **state) {
    (void)state;
    inlined_branch(true, "[from inside.py:1]");
    inlined_branch(false, "[from outside.py:2]");
}

/* ---- threads ------------------------------------------------------------------------------------------------- */

typedef struct caller {
    tn_executable *x;
    int64_t n;
} caller;

static void call(void *self) {
    caller *c = self;
    for (int i = 0; i < 8; i++) {
        tn_tensor *in = NULL, *out = NULL;
        int64_t n = c->n + i;
        tn_error *e = tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){n, 8}, &in);
        if (!e) e = tn_executable_run(c->x, &in, 1, &out, 1);
        if (e) abort();
        tn_tensor_release(in), tn_tensor_release(out);
    }
}

/* One executable specialises itself on several threads, while its graph still grows: all share one table. */
static void threads(void **state) {
    (void)state;
    enum { N = 3 };
    tn_graph *g = graph();
    tn_value v = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){TN_DIM_UNKNOWN, 8});
    for (int i = 0; i < 4; i++) {
        char text[16];
        snprintf(text, sizeof text, "n:%d", i);
        tn_graph_set_current_source(g, text);
        v = op2(g, "add", op1(g, "neg", v), op1(g, "softmax", v));
    }
    tn_graph_output(g, "y", v);
    tn_options *o;
    tn_executable *x;
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", "ref"));
    ok(tn_compile(g, o, &x));
    tn__os_thread t[N];
    caller c[N];
    for (int i = 0; i < N; i++) {
        c[i] = (caller){x, 1 + 20 * i};
        assert_true(tn__os_thread_start(&t[i], call, &c[i]));
    }
    for (int i = 0; i < 1000; i++) {
        char text[16];
        snprintf(text, sizeof text, "late:%d", i);
        tn_graph_set_source(g, v, text);
    }
    for (int i = 0; i < N; i++) tn__os_thread_join(&t[i]);
    tn_executable_release(x);
    tn_options_release(o);
    tn_graph_release(g);
}

static int setup(void **state) {
    (void)state;
    ok(tn_context_create(NULL, &context));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    tn_context_release(context);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_add_and_current), cmocka_unit_test(nothing_to_attach_to), cmocka_unit_test(long_texts_and_many),
        cmocka_unit_test(sets),                cmocka_unit_test(escapes),              cmocka_unit_test(text_and_back),
        cmocka_unit_test(building_errors),     cmocka_unit_test(run_errors),           cmocka_unit_test(errors_name_a_few),
        cmocka_unit_test(custom_ops),
        cmocka_unit_test(launches_list_all),   cmocka_unit_test(inlined_branches),     cmocka_unit_test(threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
