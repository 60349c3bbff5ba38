/* Custom ops: registration, nodes and their text, evaluation in the middle of a program on both devices, open shapes, effects. */
#include "unit/custom_ops.h"

#include <unistd.h>

#include "device/device.h"
#include "session/session.h"

static tn_context *context;
static probe p;

static int setup(void **state) {
    memset(&p, 0, sizeof p);
    OK(tn_context_create(NULL, &context));
    add_op(context, "test::scale", infer_same, evaluate_scale, 0, &p);
    add_op(context, "pure", infer_same, evaluate_scale, TN_CUSTOM_PURE, &p);
    add_op(context, "folds", infer_same, evaluate_scale, TN_CUSTOM_PURE | TN_CUSTOM_THREAD_SAFE, &p);
    add_op(context, "keep", infer_keep, evaluate_keep, 0, &p);
    return 0;
}
static int teardown(void **state) {
    tn_context_release(context);
    assert_int_equal(p.freed, 4);
    return 0;
}

static tn_graph *graph_of(int64_t dim) {
    tn_graph *g;
    OK(tn_graph_create(context, "g", &g));
    if (dim < 0) dim = tn_graph_symbol(g, "N");
    tn_graph_input(g, "x", TN_DTYPE_f32, 1, &dim);
    return g;
}
static tn_value op1(tn_graph *g, const char *name, tn_value x) { return tn_graph_op(g, name, &x, 1, NULL, 0, 1); }

static tn_tensor *run1(tn_executable *x, tn_tensor *in) {
    tn_tensor *out = NULL;
    OK(tn_executable_run(x, &in, 1, &out, 1));
    return out;
}
static void check(tn_tensor *t, int64_t n, const float *wanted) {
    assert_int_equal(tn_tensor_get_elements(t), n);
    for (int64_t i = 0; i < n; i++) assert_true(((float *)tn_tensor_get_data(t))[i] == wanted[i]);
    tn_tensor_release(t);
}

/* ---- registration -------------------------------------------------------------------------------------------- */

static void registration(void **state) {
    probe other = {0};
    tn_custom_op op = make_op("pure", infer_same, evaluate_scale, 0, &other);
    FAILS(tn_custom_op_register(NULL, &op), INVALID_ARGUMENT, "NULL");
    FAILS(tn_custom_op_register(context, NULL), INVALID_ARGUMENT, "NULL");
    FAILS(tn_custom_op_register(context, &op), INVALID_ARGUMENT, "'pure' is registered already");
#define REFUSED(field, value, part)                                                 \
    do {                                                                            \
        tn_custom_op bad = make_op("other", infer_same, evaluate_scale, 0, &other); \
        bad.field = value;                                                          \
        FAILS(tn_custom_op_register(context, &bad), INVALID_ARGUMENT, part);        \
    } while (0)
    char long_name[300];
    memset(long_name, 'a', sizeof long_name);
    long_name[299] = 0;
    REFUSED(struct_size, 3, "struct_size is 3");
    REFUSED(struct_size, sizeof(size_t), "no name");
    REFUSED(struct_size, offsetof(tn_custom_op, infer), "has no infer");
    REFUSED(name, NULL, "no name");
    REFUSED(name, "", "no name");
    REFUSED(name, long_name, "more than 255 bytes");
    REFUSED(name, "a\nb", "control character 0x0a");
    REFUSED(name, "relu", "'relu' is an op of Tenon");
    REFUSED(name, "custom", "'custom' is an op of Tenon");
    REFUSED(infer, NULL, "has no infer");
    REFUSED(evaluate, NULL, "has no evaluate");
    REFUSED(flags, 64, "unknown flags 0x40");
    REFUSED(n_in_min, -1, "from -1 to");
    REFUSED(n_out_min, 5, "from 5 to 3 outputs");
#undef REFUSED
    assert_int_equal(other.freed, 0); /* it stays the caller's */
}

static void lifetime(void **state) {
    probe q = {0};
    tn_context *c;
    OK(tn_context_create(NULL, &c));
    tn_custom_op op = make_op("q", infer_same, evaluate_scale, 0, &q);
    OK(tn_custom_op_register(c, &op));
    assert_true(tn_custom_op_is_registered(c, "q"));
    assert_false(tn_custom_op_is_registered(c, "r"));
    assert_false(tn_custom_op_is_registered(NULL, "q"));
    tn_graph *g;
    OK(tn_graph_create(c, "g", &g));
    tn_value v = custom(g, "q", tn_graph_input(g, "x", TN_DTYPE_f32, 1, (int64_t[]){2}), NULL);
    tn_graph_output(g, "y", v);
    FAILS(tn_custom_op_unregister(c, "r"), NOT_FOUND, "'r'");
    OK(tn_custom_op_unregister(c, "q"));
    assert_false(tn_custom_op_is_registered(c, "q"));
    assert_int_equal(q.freed, 0); /* the graph has it */
    tn_executable *x;
    OK(compile_on(c, g, "ref", &x));
    tn_graph_release(g);
    tn_tensor *in = vector(c, 2, 1, 1);
    check(run1(x, in), 2, (float[]){2, 4});
    tn_tensor_release(in);
    tn_executable_release(x);
    assert_int_equal(q.freed, 1); /* nobody has it any more */
    OK(tn_custom_op_register(c, &op)); /* the name is free again */
    tn_context_release(c);
    assert_int_equal(q.freed, 2);
}

static void sharing(void **state) {
    tn_context *c;
    OK(tn_context_create(NULL, &c));
    OK(tn_custom_op_share(c, context));
    OK(tn_custom_op_share(c, context)); /* already */
    assert_true(tn_custom_op_is_registered(c, "pure"));
    probe q = {0};
    add_op(c, "late", infer_same, evaluate_scale, 0, &q);
    assert_true(tn_custom_op_is_registered(context, "late"));
    tn_context *d;
    OK(tn_context_create(NULL, &d));
    add_op(d, "own", infer_same, evaluate_scale, 0, &q);
    FAILS(tn_custom_op_share(d, context), INVALID_ARGUMENT, "custom ops of its own");
    FAILS(tn_custom_op_share(NULL, context), INVALID_ARGUMENT, "NULL");
    tn_context_release(d);
    assert_int_equal(q.freed, 1);
    OK(tn_custom_op_unregister(context, "late"));
    assert_int_equal(q.freed, 2);
    tn_context_release(c);
}

/* ---- nodes --------------------------------------------------------------------------------------------------- */

static tn_error *bad_node(const char *name, uint32_t n_in, const tn_attr *attrs, uint32_t n_attrs, uint32_t n_out) {
    tn_graph *g = graph_of(2);
    tn_value in[3] = {tn_graph_get_input(g, 0), tn_graph_get_input(g, 0), tn_graph_get_input(g, 0)};
    assert_int_equal(tn_graph_custom(g, name, in, n_in, attrs, n_attrs, n_out).id, 0);
    tn_error *e = tn_graph_check(g);
    tn_graph_release(g);
    return e;
}

static void nodes(void **state) {
    FAILS(bad_node("nobody", 1, NULL, 0, 1), NOT_FOUND, "no custom op 'nobody' is registered");
    FAILS(bad_node(NULL, 1, NULL, 0, 1), NOT_FOUND, "(null)");
    FAILS(bad_node("pure", 2, NULL, 0, 1), INVALID_GRAPH, "2 inputs, wanted 1 to 1");
    FAILS(bad_node("pure", 0, NULL, 0, 1), INVALID_GRAPH, "0 inputs, wanted 1 to 1");
    FAILS(bad_node("pure", 1, NULL, 0, 0), INVALID_GRAPH, "0 results");
    FAILS(bad_node("pure", 1, NULL, 0, 4), INVALID_GRAPH, "4 outputs, wanted 1 to 3");
    FAILS(bad_node("pure", 1, NULL, 1, 1), INVALID_ARGUMENT, "1 attributes at NULL");
    FAILS(bad_node("pure", 1, (tn_attr[]){{.kind = TN_ATTR_INT}}, 1, 1), INVALID_ARGUMENT, "has no name");
    FAILS(bad_node("pure", 1, (tn_attr[]){{.name = "a", .kind = (tn_attr_kind)9}}, 1, 1), INVALID_ARGUMENT, "unknown kind 9");
    FAILS(bad_node("pure", 1, (tn_attr[]){{.name = "a", .kind = TN_ATTR_STRING}}, 1, 1), INVALID_ARGUMENT, "'a' is NULL");
    FAILS(bad_node("pure", 1, (tn_attr[]){{.name = "a", .kind = TN_ATTR_INTS, .n = 3}}, 1, 1), INVALID_ARGUMENT, "'a' is NULL");
    FAILS(bad_node("pure", 1, (tn_attr[]){{.name = "a", .kind = TN_ATTR_STRINGS, .n = 1, .strings = (const char *[]){NULL}}}, 1, 1),
          INVALID_ARGUMENT, "NULL entry");
    FAILS(bad_node("pure", 1, (tn_attr[]){{.name = "a", .kind = TN_ATTR_INT}, {.name = "a", .kind = TN_ATTR_INT}}, 2, 1), INVALID_ARGUMENT,
          "'a' is given twice");
    tn_graph *g = graph_of(2);
    assert_int_equal(tn_graph_op(g, "custom", (tn_value[]){tn_graph_get_input(g, 0)}, 1, NULL, 0, 1).id, 0);
    FAILS(tn_graph_check(g), INVALID_GRAPH, "made by tn_graph_custom");
    tn_graph_release(g);
    g = graph_of(2);
    assert_int_equal(tn_graph_custom(g, "pure", NULL, 1, NULL, 0, 1).id, 0);
    FAILS(tn_graph_check(g), INVALID_ARGUMENT, "1 inputs at NULL");
    tn_graph_release(g);
    g = graph_of(2);
    tn_attr self = {.name = "body", .kind = TN_ATTR_GRAPH, .graph = g};
    assert_int_equal(tn_graph_custom(g, "pure", (tn_value[]){tn_graph_get_input(g, 0)}, 1, &self, 1, 1).id, 0);
    FAILS(tn_graph_check(g), INVALID_ARGUMENT, "the graph that the node is in");
    tn_graph_release(g);
}

/* All kinds of attributes, through a callback that looks at them, through text, and through compilation. */
static int attrs_seen;
static tn_error *evaluate_attrs(void *self, tn_custom_call *c) {
    const tn_attr *i = tn_custom_call_find_attr(c, "i"), *f = tn_custom_call_find_attr(c, "a strange name"), *s = tn_custom_call_find_attr(c, "s"),
                  *ints = tn_custom_call_find_attr(c, "ints"), *floats = tn_custom_call_find_attr(c, "floats"),
                  *strings = tn_custom_call_find_attr(c, "strings"), *tensor = tn_custom_call_find_attr(c, "tensor"),
                  *graph = tn_custom_call_find_attr(c, "graph"), *empty = tn_custom_call_find_attr(c, "empty");
    attrs_seen = tn_custom_call_get_attr_count(c) == 9 && !tn_custom_call_find_attr(c, "other") && !tn_custom_call_get_attr(c, 9) &&
                 tn_custom_call_get_attr(c, 0) == i && i->i == INT64_MIN && f->f == 0.1 && !strcmp(s->s, "a \"text\"\n") && ints->n == 2 &&
                 ints->ints[1] == -2 && floats->n == 1 && floats->floats[0] == 1 && strings->n == 2 && !strcmp(strings->strings[1], "") &&
                 ((float *)tn_tensor_get_data(tensor->tensor))[1] == 2 && tn_graph_get_node_count(graph->graph) == 1 && empty->n == 0 &&
                 empty->kind == TN_ATTR_FLOATS;
    return evaluate_scale(self, c);
}

static void attributes_and_text(void **state) {
    probe q = {0};
    add_op(context, "looks", infer_same, evaluate_attrs, 0, &q);
    tn_tensor *t = vector(context, 2, 1, 1);
    tn_graph *body = graph_of(-1), *g = graph_of(-1), *again;
    tn_graph_output(body, "y", op1(body, "relu", tn_graph_get_input(body, 0)));
    tn_attr attrs[] = {{.name = "i", .kind = TN_ATTR_INT, .i = INT64_MIN},
                       {.name = "a strange name", .kind = TN_ATTR_FLOAT, .f = 0.1},
                       {.name = "s", .kind = TN_ATTR_STRING, .s = "a \"text\"\n"},
                       {.name = "ints", .kind = TN_ATTR_INTS, .n = 2, .ints = (int64_t[]){1, -2}},
                       {.name = "floats", .kind = TN_ATTR_FLOATS, .n = 1, .floats = (double[]){1}},
                       {.name = "strings", .kind = TN_ATTR_STRINGS, .n = 2, .strings = (const char *[]){"x", ""}},
                       {.name = "tensor", .kind = TN_ATTR_TENSOR, .tensor = t},
                       {.name = "graph", .kind = TN_ATTR_GRAPH, .graph = body},
                       {.name = "empty", .kind = TN_ATTR_FLOATS}};
    tn_value v = tn_graph_custom(g, "looks", (tn_value[]){tn_graph_get_input(g, 0)}, 1, attrs, 9, 2);
    tn_graph_set_name(g, tn_value_output(v, 1), "second");
    tn_graph_output(g, "y", tn_value_output(v, 1));
    tn_tensor_release(t);
    OK(tn_graph_check(g));
    char *text, *text_again;
    OK(tn_graph_print(g, &text));
    if (!strstr(text, "= custom \"looks\"(%1) {int i=-9223372036854775808, float \"a strange name\"=0.1, string s=")) print_error("%s", text);
    assert_non_null(strstr(text, "= custom \"looks\"(%1) {int i=-9223372036854775808, float \"a strange name\"=0.1, string s="));
    assert_non_null(strstr(text, "floats empty=[]} : f32[N], f32[N]"));
    OK(tn_graph_parse(context, text, &again));
    OK(tn_graph_print(again, &text_again));
    assert_string_equal(text, text_again);
    tn_text_free(context, text_again);
    tn_context *stranger;
    tn_graph *none;
    OK(tn_context_create(NULL, &stranger));
    FAILS(tn_graph_parse(stranger, text, &none), NOT_FOUND, "line 3, column ");
    tn_context_release(stranger);
    tn_text_free(context, text);
    for (int d = 0; d < 2; d++) {
        tn_executable *x;
        OK(compile_on(context, again, devices[d], &x));
        attrs_seen = 0;
        t = vector(context, 3, 1, 1);
        check(run1(x, t), 3, (float[]){2, 4, 6});
        tn_tensor_release(t);
        assert_true(attrs_seen);
        tn_executable_release(x);
    }
    tn_graph_release(again);
    tn_graph_release(g);
    OK(tn_custom_op_unregister(context, "looks"));
    assert_int_equal(q.freed, 1);
}

static void bad_text(void **state) {
    static const struct {
        const char *line;
        tn_error_code code;
        const char *part;
    } rows[] = {
        {"%2 = custom(%1)", TN_ERROR_PARSE, "the custom op's name"},
        {"%2 = custom \"nobody\"(%1)", TN_ERROR_NOT_FOUND, "no custom op 'nobody' is registered"},
        {"%2 = custom \"pure\"(%1) {axis=1}", TN_ERROR_PARSE, "'axis', wanted int, float"},
        {"%2 = custom \"pure\"(%1) {int =1}", TN_ERROR_PARSE, "an attribute's name"},
        {"%2 = custom \"pure\"(%1) {int a=1, float a=2}", TN_ERROR_INVALID_ARGUMENT, "'a' is given twice"},
        {"%2 = custom \"pure\"(%1) {tensor a=f32[2] (1,2), int b=}", TN_ERROR_PARSE, "line 3"},
        {"%2 = custom \"pure\"(%1) {graph a=graph \"b\" { output \"y\" %1 }}", TN_ERROR_PARSE, "%1 is not defined"},
        {"%2 = custom \"pure\"(%1) {string \"\"=\"\"}", TN_ERROR_INVALID_ARGUMENT, "has no name"},
        {"%2 = custom \"pure\"(_)", TN_ERROR_INVALID_GRAPH, "input 0 is absent"},
        {"custom \"pure\"(%1)", TN_ERROR_INVALID_GRAPH, "0 results"},
        {"%2 = custom \"pure\"(%1) : f32[3]", TN_ERROR_SHAPE_MISMATCH, "the op gives f32[2]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[300];
        tn_graph *g;
        snprintf(text, sizeof text, "graph \"g\" {\n  input %%1 \"x\" : f32[2]\n  %s\n}\n", rows[i].line);
        fails_at(tn_graph_parse(context, text, &g), rows[i].code, rows[i].part, (int)i);
        assert_null(g);
    }
}

/* ---- programs ------------------------------------------------------------------------------------------------ */

/* Between kernels: y = sigmoid-free arithmetic around it, so that results are exact. */
static void in_the_middle(void **state) {
    for (int d = 0; d < 2; d++) {
        tn_graph *g = graph_of(4);
        tn_value x = tn_graph_get_input(g, 0), a = op1(g, "neg", x);
        tn_value v = tn_graph_custom(g, "test::scale", &a, 1, (tn_attr[]){{.name = "by", .kind = TN_ATTR_FLOAT, .f = 10}}, 1, 3);
        tn_graph_set_name(g, v, "the node");
        tn_value in[2] = {tn_value_output(v, 1), tn_value_output(v, 2)};
        tn_graph_output(g, "y", op1(g, "neg", tn_graph_op(g, "add", in, 2, NULL, 0, 1)));
        tn_executable *exe;
        OK(compile_on(context, g, devices[d], &exe));
        tn_tensor *t = vector(context, 4, 1, 1);
        for (int k = 0; k < 3; k++) check(run1(exe, t), 4, (float[]){50, 100, 150, 200});
        tn_tensor_release(t);
        if (d == 1) { /* one call between two kernels, under its name */
            tn_executable_stats s = {.struct_size = sizeof s};
            tn_profile *profile;
            bool named = false;
            OK(tn_executable_get_stats(exe, &s));
            assert_int_equal(s.n_calls, 1);
            assert_int_equal(s.n_kernels, 2);
            OK(tn_executable_get_profile(exe, &profile));
            for (uint32_t i = 0; i < tn_profile_get_count(profile); i++) {
                tn_profile_row r = {.struct_size = sizeof r};
                OK(tn_profile_get_row(profile, i, &r));
                named |= !strcmp(r.kind, "call") && !strcmp(r.kernel, "test::scale") && r.runs == 3;
            }
            assert_true(named);
            tn_profile_release(profile);
        }
        tn_executable_release(exe);
        tn_graph_release(g);
    }
}

/* Input and output of the executable are the very memory that the callback gets. */
static void no_copies(void **state) {
    tn_graph *g = graph_of(4);
    tn_graph_output(g, "y", custom(g, "test::scale", tn_graph_get_input(g, 0), NULL));
    for (int d = 0; d < 2; d++) {
        tn_executable *x;
        OK(compile_on(context, g, devices[d], &x));
        tn_tensor *in = vector(context, 4, 0, 1), *out = vector(context, 4, 9, 9);
        OK(tn_executable_run(x, &in, 1, &out, 1));
        assert_ptr_equal(p.in_data, tn_tensor_get_data(in));
        assert_ptr_equal(p.out_data, tn_tensor_get_data(out));
        tn_tensor_release(in);
        tn_tensor_release(out);
        tn_executable_release(x);
    }
    tn_graph_release(g);
}

/* Beside what the compiler does without copies: parts of a concat, a slice, a reshape of the result. */
static void neighbours(void **state) {
    static const char text[] = "graph \"g\" {\n  input %1 \"x\" : f32[2,4]\n"
                               "  %2 = constant {value=i64[1] (1)} : i64[1]\n  %3 = constant {value=i64[1] (2)} : i64[1]\n"
                               "  %4 = constant {value=i64[1] (-1)} : i64[1]\n"
                               "  %5, %6 = custom \"test::scale\"(%1) {float by=2}\n  %7 = neg(%1)\n"
                               "  %8 = concat(%5, %7, %6) {axis=0}\n  %9 = custom \"test::scale\"(%8) {float by=3}\n"
                               "  %10 = slice(%9, %2, %3, %2)\n  %11 = custom \"pure\"(%10)\n  %12 = reshape(%11, %4)\n"
                               "  %13 = transpose(%9) {perm=[1,0]}\n  %14 = custom \"pure\"(%13)\n  %15 = concat(%14, %14) {axis=1}\n"
                               "  output \"y\" %12\n  output \"z\" %15\n  output \"w\" %9\n}\n";
    tn_tensor *out[2][3] = {{NULL}}, *in;
    OK(tn_tensor_create(context, TN_DTYPE_f32, 2, (int64_t[]){2, 4}, &in));
    for (int i = 0; i < 8; i++) ((float *)tn_tensor_get_data(in))[i] = (float)(i + 1);
    for (int d = 0; d < 2; d++) {
        tn_graph *g;
        tn_executable *x;
        OK(tn_graph_parse(context, text, &g));
        OK(compile_on(context, g, devices[d], &x));
        OK(tn_executable_run(x, &in, 1, out[d], 3));
        tn_executable_release(x);
        tn_graph_release(g);
    }
    for (int k = 0; k < 3; k++) {
        assert_int_equal(tn_tensor_get_bytes(out[0][k]), tn_tensor_get_bytes(out[1][k]));
        assert_memory_equal(tn_tensor_get_data(out[0][k]), tn_tensor_get_data(out[1][k]), tn_tensor_get_bytes(out[0][k]));
    }
    assert_true(((float *)tn_tensor_get_data(out[1][2]))[0] == 6 && ((float *)tn_tensor_get_data(out[1][2]))[23] == 8 * 4 * 3);
    for (int k = 0; k < 6; k++) tn_tensor_release(out[k / 3][k % 3]);
    tn_tensor_release(in);
}

static void symbols(void **state) {
    for (int d = 0; d < 2; d++) {
        tn_graph *g = graph_of(-1);
        tn_value v = custom(g, "test::scale", tn_graph_get_input(g, 0), NULL);
        const int64_t *dims;
        assert_int_equal(tn_graph_get_shape(g, v, &dims), 1);
        assert_string_equal(tn_graph_get_symbol_name(g, dims[0]), "N");
        tn_graph_output(g, "y", op1(g, "neg", v));
        tn_executable *x;
        OK(compile_on(context, g, devices[d], &x));
        for (int64_t n = 1; n < 4; n++) {
            tn_tensor *t = vector(context, n, 1, 1);
            check(run1(x, t), n, (float[]){-2, -4, -6});
            tn_tensor_release(t);
        }
        tn_executable_release(x);
        tn_graph_release(g);
    }
}

/* Shapes that only evaluate knows: what is behind is bound when they are there, several times over. */
static void open_shapes(void **state) {
    for (int d = 0; d < 2; d++) {
        tn_graph *g = graph_of(-1);
        tn_value a = custom(g, "keep", op1(g, "neg", tn_graph_get_input(g, 0)), NULL);
        tn_value b = custom(g, "test::scale", op1(g, "abs", a), NULL), c = custom(g, "keep", op1(g, "neg", b), NULL);
        tn_graph_output(g, "y", op1(g, "neg", b));
        tn_graph_output(g, "z", c);
        tn_executable *x;
        OK(compile_on(context, g, devices[d], &x));
        for (int k = 1; k < 4; k++) {
            tn_tensor *t = vector(context, 5, (float)-k, 1), *out[2] = {NULL, NULL}; /* k negative ones */
            OK(tn_executable_run(x, &t, 1, out, 2));
            int64_t n = k + 1 > 5 ? 5 : k + 1; /* 0 stays, too */
            assert_int_equal(tn_tensor_get_elements(out[0]), n);
            assert_true(((float *)tn_tensor_get_data(out[0]))[0] == -2.0f * (float)k);
            assert_int_equal(tn_tensor_get_elements(out[1]), 1); /* -0 */
            tn_tensor_release(out[0]);
            tn_tensor_release(out[1]);
            tn_tensor_release(t);
        }
        tn_executable_release(x);
        tn_graph_release(g);
    }
}

/* ---- effects ------------------------------------------------------------------------------------------------- */

static void effects(void **state) {
    for (int d = 0; d < 2; d++)
        for (int late = 0; late < 2; late++) {
            tn_graph *g = graph_of(3);
            tn_value x = tn_graph_get_input(g, 0);
            custom(g, "test::scale", x, "a"); /* unused */
            tn_value k = custom(g, late ? "keep" : "test::scale", x, "b");
            custom(g, "test::scale", x, "c"); /* equal to the next */
            tn_value v = custom(g, "test::scale", x, "c");
            custom(g, "test::scale", k, "d");
            custom(g, "pure", x, "X"); /* unused and pure: gone */
            custom(g, "test::scale", x, "e");
            tn_graph_output(g, "y", v);
            tn_executable *exe;
            OK(compile_on(context, g, devices[d], &exe));
            tn_tensor *t = vector(context, 3, 1, 1);
            for (int run = 0; run < 2; run++) {
                memset(p.order, 0, sizeof p.order);
                check(run1(exe, t), 3, (float[]){2, 4, 6});
                if (strcmp(p.order, "abccde")) print_error("%s %s\n", devices[d], late ? "late" : "early");
                assert_string_equal(p.order, "abccde");
            }
            tn_tensor_release(t);
            tn_executable_release(exe);
            tn_graph_release(g);
        }
}

/* A graph without outputs still does what it has to. */
static void effects_alone(void **state) {
    for (int d = 0; d < 2; d++)
        for (int late = 0; late < 2; late++) {
            tn_graph *g = graph_of(late ? -1 : 3);
            custom(g, "test::scale", custom(g, late ? "keep" : "test::scale", tn_graph_get_input(g, 0), "a"), "b");
            tn_executable *exe;
            OK(compile_on(context, g, devices[d], &exe));
            tn_tensor *t = vector(context, 3, 1, 1);
            memset(p.order, 0, sizeof p.order);
            OK(tn_executable_run(exe, &t, 1, NULL, 0));
            assert_string_equal(p.order, "ab");
            tn_tensor_release(t);
            tn_executable_release(exe);
            tn_graph_release(g);
        }
}

static int count_runs(const char *name, bool constant, int *out_compiling) {
    tn_graph *g = graph_of(3);
    tn_tensor *t = vector(context, 3, 1, 1);
    tn_value x = constant ? tn_graph_constant(g, t) : tn_graph_get_input(g, 0);
    tn_value in[2] = {custom(g, name, x, NULL), custom(g, name, x, NULL)};
    custom(g, name, in[0], NULL); /* unused */
    tn_graph_output(g, "y", tn_graph_op(g, "add", in, 2, NULL, 0, 1));
    tn_executable *exe;
    p.evaluated = 0;
    OK(compile_on(context, g, "cpu", &exe));
    *out_compiling = p.evaluated;
    p.evaluated = 0;
    check(run1(exe, t), 3, (float[]){4, 8, 12});
    tn_tensor_release(t);
    tn_executable_release(exe);
    tn_graph_release(g);
    return p.evaluated;
}

static void purity(void **state) {
    int compiling;
    assert_int_equal(count_runs("test::scale", false, &compiling), 3); /* all of them */
    assert_int_equal(compiling, 0);
    assert_int_equal(count_runs("test::scale", true, &compiling), 3); /* of constants, and still at run time */
    assert_int_equal(compiling, 0);
    assert_int_equal(count_runs("pure", false, &compiling), 1); /* merged, the unused one left out */
    assert_int_equal(count_runs("pure", true, &compiling), 1);
    assert_int_equal(compiling, 0);
    assert_int_equal(count_runs("folds", false, &compiling), 1);
    assert_int_equal(count_runs("folds", true, &compiling), 0); /* at compile time */
    assert_true(compiling > 0);
}

/* ---- bodies -------------------------------------------------------------------------------------------------- */

/* Three trips of x = scale(x), in a loop whose result nobody wants the second time: the effects stay. */
static void in_loops(void **state) {
    static const char text[] = "graph \"g\" {\n"
                               "  input %1 \"x\" : f32[2]\n"
                               "  %2 = constant {value=i64[] (3)} : i64[]\n"
                               "  %3 = loop(%2, _, %1) {n_state=1, body=graph \"body\" {\n"
                               "    input %1 \"i\" : i64[]\n    input %2 \"c\" : bool[]\n    input %3 \"s\" : f32[2]\n"
                               "    %4 = custom \"test::scale\"(%3) {float by=2, string tag=\"t\"}\n"
                               "    output \"c\" %2\n    output \"s\" %4\n  }}\n"
                               "  %4 = constant {value=bool[] (1)} : bool[]\n"
                               "  %5 = if(%4, %1) {then_branch=graph \"then\" {\n    input %1 \"x\" : f32[2]\n"
                               "    %2 = custom \"test::scale\"(%1) {string tag=\"u\"}\n    output \"y\" %2\n  },\n"
                               "  else_branch=graph \"else\" {\n    input %1 \"x\" : f32[2]\n    %2 = custom \"test::scale\"(%1) {string tag=\"v\"}\n"
                               "    output \"y\" %2\n  }}\n"
                               "  output \"y\" %3\n}\n";
    char unused[sizeof text];
    strcpy(unused, text);
    strcpy(strstr(unused, "  output \"y\" %3\n}\n"), "  output \"y\" %1\n}\n");
    for (int d = 0; d < 2; d++)
        for (int use = 0; use < 2; use++) {
            tn_graph *g;
            tn_executable *exe;
            OK(tn_graph_parse(context, use ? text : unused, &g));
            OK(compile_on(context, g, devices[d], &exe));
            tn_tensor *t = vector(context, 2, 1, 1);
            memset(p.order, 0, sizeof p.order);
            check(run1(exe, t), 2, use ? (float[]){8, 16} : (float[]){1, 2});
            assert_string_equal(p.order, "tttu");
            tn_tensor_release(t);
            tn_executable_release(exe);
            tn_graph_release(g);
        }
}

/* ---- tn_query ------------------------------------------------------------------------------------------------ */

static bool ask(const char *name, tn_dtype dtype, uint32_t n_in, const char *why, tn_query_type *out) {
    const int64_t dims[2] = {-5, 3};
    tn_value_type types[2] = {{dtype, 2, dims}, {dtype, 2, dims}};
    tn_query_node node = {.struct_size = sizeof node, .op = name, .inputs = types, .n_inputs = n_in, .n_outputs = 1};
    tn_query_answer answer = {.struct_size = sizeof answer, .outputs = out, .max_outputs = 1};
    OK(tn_query(context, "cpu", &node, NULL, &answer));
    if (!strstr(answer.why, why)) print_error("%s\n", answer.why);
    assert_non_null(strstr(answer.why, why));
    return answer.supported;
}

/* Types come from infer; the kernel is never called for an answer, in a body neither. */
static void queries(void **state) {
    tn_query_type out = {0};
    assert_true(ask("test::scale", TN_DTYPE_f32, 1, "", &out));
    assert_int_equal(out.dtype, TN_DTYPE_f32);
    assert_true(out.rank == 2 && out.dims[0] == -5 && out.dims[1] == 3);
    assert_true(ask("keep", TN_DTYPE_f32, 1, "", &out));
    assert_true(out.rank == 1 && out.dims[0] == TN_DIM_UNKNOWN);
    assert_false(ask("test::scale", TN_DTYPE_f32, 2, "2 inputs, wanted 1 to 1", NULL));
    assert_false(ask("test::scale", TN_DTYPE_string, 1, "string", NULL));
    assert_false(ask("nobody", TN_DTYPE_f32, 1, "there is no op 'nobody'", NULL));
    assert_false(ask("custom", TN_DTYPE_f32, 1, "no custom op 'custom'", NULL));
    tn_graph *bodies[2];
    for (int b = 0; b < 2; b++) {
        bodies[b] = graph_of(2);
        tn_graph_output(bodies[b], "y", custom(bodies[b], "test::scale", tn_graph_get_input(bodies[b], 0), "t"));
    }
    tn_attr attrs[2] = {{.name = "then_branch", .kind = TN_ATTR_GRAPH, .graph = bodies[0]},
                        {.name = "else_branch", .kind = TN_ATTR_GRAPH, .graph = bodies[1]}};
    const int64_t two = 2;
    tn_value_type types[2] = {{TN_DTYPE_bool, 0, NULL}, {TN_DTYPE_f32, 1, &two}};
    tn_query_node node = {.struct_size = sizeof node, .op = "if", .inputs = types, .n_inputs = 2, .attrs = attrs, .n_attrs = 2, .n_outputs = 1};
    tn_query_answer answer = {.struct_size = sizeof answer};
    OK(tn_query(context, "cpu", &node, NULL, &answer));
    assert_true(answer.supported);
    assert_int_equal(p.evaluated, 0);
    tn_graph_release(bodies[0]);
    tn_graph_release(bodies[1]);
}

/* ---- ONNX ---------------------------------------------------------------------------------------------------- */

/* A graph with "my.domain::Scale", "pure" (no domain) and a loop around the former, through a file. */
static void onnx_round_trip(void **state) {
    static const char text[] = "graph \"g\" {\n  input %1 \"x\" : f32[2]\n"
                               "  %2 = custom \"my.domain::Scale\"(%1) {int i=-3, float by=2, string s=\"a\", ints l=[1,2], floats f=[0.5], strings t=[\"b\"], "
                               "tensor w=f32[1] (4)}\n"
                               "  %3, %4 = custom \"pure\"(%2)\n  output \"y\" %4\n}\n";
    probe q = {0};
    char path[] = "/tmp/tenon-custom-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    add_op(context, "my.domain::Scale", infer_same, evaluate_scale, 0, &q);
    tn_graph *g, *again;
    OK(tn_graph_parse(context, text, &g));
    OK(tn_onnx_save_file(g, path));
    tn_graph_release(g);
    OK(tn_onnx_load_file(context, path, &again));
    char *printed;
    OK(tn_graph_print(again, &printed));
    assert_non_null(strstr(printed, "custom \"my.domain::Scale\"(%1) {int i=-3, float by=2, string s=\"a\", ints l=[1,2], floats f=[0.5], "
                                    "strings t=[\"b\"], tensor w=f32[1] (4)} : f32[2]"));
    assert_non_null(strstr(printed, "custom \"pure\"(%2) : f32[2], f32[2]"));
    tn_text_free(context, printed);
    tn_executable *x;
    OK(compile_on(context, again, "cpu", &x));
    tn_tensor *t = vector(context, 2, 1, 1);
    check(run1(x, t), 2, (float[]){4, 8});
    tn_executable_release(x);
    tn_tensor_release(t);
    tn_graph_release(again);
    OK(tn_custom_op_unregister(context, "my.domain::Scale"));
    FAILS(tn_onnx_load_file(context, path, &again), UNSUPPORTED, "unsupported operator Scale of domain 'my.domain' version 1");
    add_op(context, "Scale", infer_same, evaluate_scale, 0, &q); /* the name alone will do */
    OK(tn_onnx_load_file(context, path, &again));
    tn_graph_release(again);
    tn_context *stranger;
    OK(tn_context_create(NULL, &stranger));
    FAILS(tn_onnx_load_file(stranger, path, &again), UNSUPPORTED, "unsupported operator Scale");
    tn_context_release(stranger);
    OK(tn_custom_op_unregister(context, "Scale"));
    OK(tn_graph_parse(context, "graph \"g\" {\n  input %1 \"x\" : f32[2]\n  %2 = custom \"pure\"(%1) {graph b=graph \"b\" { }}\n  output \"y\" %2\n}", &g));
    FAILS(tn_onnx_save_file(g, path), UNSUPPORTED, "'b' of a custom op is a graph");
    tn_graph_release(g);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registration, setup, teardown), cmocka_unit_test_setup_teardown(lifetime, setup, teardown),
        cmocka_unit_test_setup_teardown(sharing, setup, teardown),      cmocka_unit_test_setup_teardown(nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(attributes_and_text, setup, teardown), cmocka_unit_test_setup_teardown(bad_text, setup, teardown),
        cmocka_unit_test_setup_teardown(in_the_middle, setup, teardown), cmocka_unit_test_setup_teardown(no_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(symbols, setup, teardown), cmocka_unit_test_setup_teardown(neighbours, setup, teardown),      cmocka_unit_test_setup_teardown(open_shapes, setup, teardown),
        cmocka_unit_test_setup_teardown(effects, setup, teardown),      cmocka_unit_test_setup_teardown(effects_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(purity, setup, teardown),       cmocka_unit_test_setup_teardown(in_loops, setup, teardown),
        cmocka_unit_test_setup_teardown(onnx_round_trip, setup, teardown), cmocka_unit_test_setup_teardown(queries, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
