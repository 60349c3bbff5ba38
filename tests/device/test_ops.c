/* Every op of the table on one device, compared with the reference. usage: test_ops DEVICE
 *
 * A row of op_cases.def becomes one graph with an output for each element type and size it can have; a variant of size 0 is a graph of
 * its own. Where the reference gives an error the device has to give one too. The null device only has to answer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "ir/graph.h"
#include "tenon/exec.h"

typedef struct op_case {
    const char *op;
    int results;
    double ulp, low, high;
    const char *operands, *attributes;
} op_case;

static const op_case cases[] = {
#define OP(op, results, ulp, low, high, operands, attributes) {#op, results, ulp, low, high, operands, attributes},
#include "op_cases.def"
};
enum { N_CASES = sizeof cases / sizeof *cases, MOST_INPUTS = 256, MOST_OPERANDS = 10 };

static const tn_dtype dtypes[] = {TN_DTYPE_f32, TN_DTYPE_f16, TN_DTYPE_bf16, TN_DTYPE_f64, TN_DTYPE_i64, TN_DTYPE_i32, TN_DTYPE_i16,
                                  TN_DTYPE_i8, TN_DTYPE_u64, TN_DTYPE_u32, TN_DTYPE_u16, TN_DTYPE_u8, TN_DTYPE_bool};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

static const char *device;
static tn_context *context;
static int n_failures, n_variants;

static void complain(const op_case *c, const char *what, const char *text) {
    print_error("%s (%s) {%s}: %s: %s\n", c->op, c->operands, c->attributes, what, text);
    n_failures++;
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

static uint32_t seed;
static double random_in(const op_case *c, tn_dtype d) {
    seed = seed * 1664525u + 1013904223u;
    double x = c->low + (c->high - c->low) * (double)(seed >> 8) / (double)(1 << 24);
    if (d == TN_DTYPE_bool) return (double)(seed >> 31);
    if (tn__dtype_is_float(d)) return x;
    double low = tn__dtype_get_class(d) == TN__CLASS_UINT ? 0 : -127, high = 127; /* what the narrowest of its kind holds */
    x = floor(x < low ? low - x : x);
    return x > high && (d == TN_DTYPE_i8 || d == TN_DTYPE_u8) ? high : x;
}

/* ---- text of a variant --------------------------------------------------------------------------------------- */

typedef struct graph_text {
    char text[1 << 17];
    size_t length;
    uint32_t next; /* number of a value */
    const char *given[MOST_INPUTS]; /* values of input i, or NULL: random */
    uint32_t n_inputs;
} graph_text;

static void add(graph_text *g, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(g->text + g->length, sizeof g->text - g->length, format, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof g->text - g->length);
    g->length += (size_t)n;
}

/* "f32[2,N]" with T and N put in; returns what follows, and the number of elements. */
static const char *put_type(graph_text *g, const char *at, tn_dtype t, int n, int64_t *out_elements, tn_dtype *out_dtype) {
    const char *bracket = strchr(at, '[');
    char name[16] = "";
    assert_non_null(bracket);
    assert_true((size_t)(bracket - at) < sizeof name);
    memcpy(name, at, (size_t)(bracket - at));
    *out_dtype = strcmp(name, "T") ? tn_dtype_from_name(name) : t;
    assert_int_not_equal(*out_dtype, TN_DTYPE_NONE);
    add(g, "%s[", tn_dtype_name(*out_dtype));
    *out_elements = 1;
    for (at = bracket + 1; *at != ']'; at++) {
        if (*at == ',') {
            add(g, ",");
            continue;
        }
        char *end = (char *)at + 1;
        long dim = *at == 'N' ? n : strtol(at, &end, 10);
        add(g, "%ld", dim);
        *out_elements *= dim;
        at = end - 1;
    }
    add(g, "]");
    return at + 1;
}

static void put_operand(graph_text *g, const op_case *c, const char *at, size_t length, tn_dtype t, int n, char *reference) {
    if (length == 1 && *at == '_') {
        strcpy(reference, "_");
        return;
    }
    char whole[160];
    assert_true(length < sizeof whole);
    memcpy(whole, at, length);
    whole[length] = 0;
    const char *values = strchr(whole, '(');
    bool constant = whole[length - 1] == '!' || (values && whole[length - 1] == ')');
    int64_t elements;
    tn_dtype d;
    uint32_t number = g->next++;
    sprintf(reference, "%%%u", number);
    if (!constant) {
        add(g, "  input %%%u \"i%u\" : ", number, number);
        put_type(g, whole, t, n, &elements, &d);
        add(g, "\n");
        assert_true(g->n_inputs < MOST_INPUTS);
        g->given[g->n_inputs++] = values ? at + (values - whole) + 1 : NULL;
        return;
    }
    add(g, "  %%%u = constant {value=", number);
    put_type(g, whole, t, n, &elements, &d);
    if (values) add(g, " %s", values);
    else {
        add(g, " (");
        for (int64_t i = 0; i < elements; i++) add(g, tn__dtype_is_float(d) ? "%s%.6f" : "%s%.0f", i ? ", " : "", random_in(c, d));
        add(g, ")");
    }
    add(g, "}\n");
}

static void put_variant(graph_text *g, const op_case *c, tn_dtype t, int n) {
    char references[MOST_OPERANDS][16];
    uint32_t count = 0;
    for (const char *at = c->operands; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        assert_true(count < MOST_OPERANDS);
        put_operand(g, c, at, length, t, n, references[count++]);
        at += length;
    }
    uint32_t first = g->next;
    for (int k = 0; k < c->results; k++) add(g, "%s%%%u", k ? ", " : "  ", g->next++);
    add(g, " = %s(", c->op);
    for (uint32_t i = 0; i < count; i++) add(g, "%s%s", i ? ", " : "", references[i]);
    add(g, ")");
    if (*c->attributes && !strncmp(c->attributes, "to=", 3))
        add(g, " {to=%d}", (int)tn_dtype_from_name(c->attributes + 3));
    else if (*c->attributes) add(g, " {%s}", c->attributes);
    add(g, "\n");
    for (int k = 0; k < c->results; k++) add(g, "  output \"%s N=%d #%d\" %%%u\n", tn_dtype_name(t), n, k, first + (uint32_t)k);
}

static void begin(graph_text *g) {
    g->length = 0;
    g->next = 1;
    g->n_inputs = 0;
    add(g, "graph \"ops\" {\n");
}

/* ---- running ------------------------------------------------------------------------------------------------- */

static tn_tensor *make_input(const op_case *c, const tn_graph *g, uint32_t i, const char *given) {
    tn_tensor *t;
    const int64_t *dims;
    tn_value v = tn_graph_get_input(g, i);
    int32_t rank = tn_graph_get_shape(g, v, &dims);
    tn_dtype d = tn_graph_get_dtype(g, v);
    assert_null(tn_tensor_create(context, d, rank, dims, &t));
    for (int64_t k = 0; k < tn_tensor_get_elements(t); k++) {
        double x = random_in(c, d);
        if (given) {
            char *end;
            x = strtod(given, &end);
            given = end + (*end == ',');
        }
        if (tn__dtype_is_float(d)) tn__store_f64(d, tn_tensor_get_data(t), k, x);
        else tn__store_i64(d, tn_tensor_get_data(t), k, (int64_t)x);
    }
    return t;
}

static tn_error *run_on(const char *name, const tn_graph *g, tn_tensor **in, tn_tensor **out) {
    tn_options *o = NULL;
    tn_executable *x = NULL;
    tn_error *e = tn_options_create(context, &o);
    if (!e) e = tn_options_set(o, "device", name);
    if (!e) e = tn_options_set(o, "threads", "2");
    if (!e) e = tn_options_set(o, "cache", "off");
    if (!e) e = tn_compile(g, o, &x);
    if (!e) e = tn_executable_run(x, in, tn_graph_get_input_count(g), out, tn_graph_get_output_count(g));
    tn_executable_release(x);
    tn_options_release(o);
    return e;
}

/* ---- comparing ----------------------------------------------------------------------------------------------- */

static double epsilon(tn_dtype d) {
    switch (d) {
    case TN_DTYPE_f64: return 0x1p-52;
    case TN_DTYPE_f32: return 0x1p-23;
    case TN_DTYPE_f16: return 0x1p-10;
    case TN_DTYPE_bf16: return 0x1p-7;
    default: return 0;
    }
}

/* Narrow floats pass through fewer steps in a device than in the reference, which rounds after each op: they are asked 2 at most. */
static double allowed(const op_case *c, tn_dtype d, double wanted, double scale) {
    if (!tn__dtype_is_float(d)) return c->ulp == 0 || d == TN_DTYPE_bool ? 0 : 1;
    double ulp = c->ulp > 2 && tn_dtype_bits(d) == 16 ? 2 : c->ulp;
    return ulp * epsilon(d) * fmax(fabs(wanted), scale);
}

static void compare(const op_case *c, const char *name, const tn_tensor *wanted, const tn_tensor *found) {
    char text[200];
    tn_dtype d = tn_tensor_get_dtype(wanted);
    int32_t rank = tn_tensor_get_rank(wanted);
    bool same = d == tn_tensor_get_dtype(found) && rank == tn_tensor_get_rank(found) &&
                (!rank || !memcmp(tn_tensor_get_dims(wanted), tn_tensor_get_dims(found), (size_t)rank * sizeof(int64_t)));
    if (!same) {
        complain(c, name, "another type or shape than the reference");
        return;
    }
    if (!strcmp(device, "null")) return;
    int64_t n = tn_tensor_get_elements(wanted), worst = -1;
    double sum = 0, worst_by = 0;
    for (int64_t i = 0; i < n; i++) {
        double w = tn__load_f64(d, tn_tensor_get_data(wanted), i);
        if (isfinite(w)) sum += w * w;
    }
    double scale = n ? sqrt(sum / (double)n) : 0;
    for (int64_t i = 0; i < n; i++) {
        double w = tn__load_f64(d, tn_tensor_get_data(wanted), i), f = tn__load_f64(d, tn_tensor_get_data(found), i);
        if (w == f || (isnan(w) && isnan(f))) continue;
        double by = fabs(w - f) - allowed(c, d, w, scale);
        if (by <= 0) continue;
        if (!(by <= worst_by)) worst = i, worst_by = by;
    }
    if (worst < 0) return;
    double w = tn__load_f64(d, tn_tensor_get_data(wanted), worst), f = tn__load_f64(d, tn_tensor_get_data(found), worst);
    snprintf(text, sizeof text, "element %lld is %.9g, wanted %.9g (%.1f epsilon at the larger of it and the RMS %.3g)", (long long)worst, f, w,
             epsilon(d) > 0 ? fabs(f - w) / epsilon(d) / fmax(fabs(w), scale) : fabs(f - w), scale);
    complain(c, name, text);
}

/* Runs the graph of `t` on both devices. */
static void check_graph(const op_case *c, const graph_text *t, const tn_graph *g) {
    uint32_t n_in = tn_graph_get_input_count(g), n_out = tn_graph_get_output_count(g);
    tn_tensor **in = calloc(n_in + 1, sizeof *in), **wanted = calloc(n_out + 1, sizeof *wanted), **found = calloc(n_out + 1, sizeof *found);
    assert_true(in && wanted && found);
    for (uint32_t i = 0; i < n_in; i++) in[i] = make_input(c, g, i, t->given[i]);
    tn_error *e = run_on("ref", g, in, wanted), *f = run_on(device, g, in, found);
    const char *first = tn_graph_get_output_name(g, 0);
    if (e && strstr(first, "N=0") == NULL) complain(c, first, tn_error_get_message(e));
    else if (f && !e) complain(c, first, tn_error_get_message(f));
    else if (e && !f && strcmp(device, "null")) complain(c, first, "the reference gives an error, the device does not");
    for (uint32_t k = 0; !e && !f && k < n_out; k++) compare(c, tn_graph_get_output_name(g, k), wanted[k], found[k]);
    tn_error_destroy(e);
    tn_error_destroy(f);
    for (uint32_t i = 0; i < n_in; i++) tn_tensor_release(in[i]);
    for (uint32_t k = 0; k < n_out; k++) tn_tensor_release(wanted[k]), tn_tensor_release(found[k]);
    free(in), free(wanted), free(found);
}

/* The variant alone; NULL where the op does not take this element type or, of size 0, that size. */
static tn_graph *parse_variant(const op_case *c, graph_text *t, tn_dtype d, int n) {
    tn_graph *g = NULL;
    begin(t);
    put_variant(t, c, d, n);
    add(t, "}\n");
    tn_error *e = tn_graph_parse(context, t->text, &g);
    if (!e) return g;
    tn_error_code code = tn_error_get_code(e);
    bool refused = code == TN_ERROR_TYPE_MISMATCH || code == TN_ERROR_UNSUPPORTED || n == 0;
    if (!refused || (!strchr(c->operands, 'T') && n)) complain(c, tn_dtype_name(d), tn_error_get_message(e));
    tn_error_destroy(e);
    return NULL;
}

static int check_case(const op_case *c) {
    static graph_text all, one;
    static const int sizes[] = {37, 1, 5};
    int accepted = 0;
    begin(&all);
    bool has_t = strchr(c->operands, 'T') != NULL, has_n = strchr(c->operands, 'N') != NULL;
    for (int i = 0; i < (has_t ? (int)N_DTYPES : 1); i++)
        for (int k = 0; k < (has_n ? i == 0 ? 3 : 1 : 1); k++) { /* every size with the first type */
            tn_graph *g = parse_variant(c, &one, dtypes[i], sizes[k]);
            if (!g) continue;
            tn_graph_release(g);
            put_variant(&all, c, dtypes[i], sizes[k]);
            accepted++;
        }
    add(&all, "}\n");
    tn_graph *g = NULL;
    tn_error *e = accepted ? tn_graph_parse(context, all.text, &g) : NULL;
    if (e) complain(c, "all variants", tn_error_get_message(e));
    tn_error_destroy(e);
    if (g) check_graph(c, &all, g);
    tn_graph_release(g);
    if (has_n && (g = parse_variant(c, &one, TN_DTYPE_f32, 0))) {
        check_graph(c, &one, g);
        tn_graph_release(g);
        accepted++;
    }
    return accepted;
}

static void test_every_op(void **state) {
    int accepted[TN_OP_COUNT] = {0};
    for (int i = 0; i < N_CASES; i++) {
        tn__op op = tn__op_from_name(cases[i].op);
        assert_int_not_equal(op, TN_OP_none);
        seed = (uint32_t)i + 1;
        int n = check_case(&cases[i]);
        if (!n) complain(&cases[i], "no variant", "accepted");
        accepted[op] += n;
        n_variants += n;
    }
    for (int op = 1; op < TN_OP_COUNT; op++) {
        if (!tn__op_infos[op].name || tn__op_infos[op].flags & TN__OP_CONTROL || op == TN_OP_constant || accepted[op]) continue;
        print_error("%s: no row in op_cases.def\n", tn__op_infos[op].name);
        n_failures++;
    }
    print_message("%d rows, %d variants on %s\n", (int)N_CASES, n_variants, device);
    if (n_failures) fail_msg("%d failures", n_failures);
}

int main(int argc, char **argv) {
    if (argc != 2 || tn_context_create(NULL, &context)) return 2;
    device = argv[1];
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_op)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
