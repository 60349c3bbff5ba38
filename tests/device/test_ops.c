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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op_cases.h"
#include "tenon/exec.h"

static const char *device;
static tn_context *context;
static int n_failures, n_variants;

static void complain(const op_case *c, const char *what, const char *text) {
    print_error("%s (%s) {%s}: %s: %s\n", c->op, c->operands, c->attributes, what, text);
    n_failures++;
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
        if (!tn__op_infos[op].name || tn__op_infos[op].flags & TN__OP_CONTROL || op == TN_OP_constant || op == TN_OP_custom || accepted[op]) continue;
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
