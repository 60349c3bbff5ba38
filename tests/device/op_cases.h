/* op_cases.def as text graphs: for test_ops.c, which runs them, and for tests/docs/make_docs.c, which asks what each op takes. */
#ifndef TN_TESTS_OP_CASES_H
#define TN_TESTS_OP_CASES_H
#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "ir/graph.h"

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

/* A defect of the table or of its reader. */
static inline void must(bool good) {
    if (!good) abort();
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
    must(n >= 0 && (size_t)n < sizeof g->text - g->length);
    g->length += (size_t)n;
}

/* "f32[2,N]" with T and N put in; returns what follows, and the number of elements. */
static const char *put_type(graph_text *g, const char *at, tn_dtype t, int n, int64_t *out_elements, tn_dtype *out_dtype) {
    const char *bracket = strchr(at, '[');
    char name[16] = "";
    must(bracket != NULL);
    must((size_t)(bracket - at) < sizeof name);
    memcpy(name, at, (size_t)(bracket - at));
    *out_dtype = strcmp(name, "T") ? tn_dtype_from_name(name) : t;
    must(*out_dtype != TN_DTYPE_NONE);
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
    must(length < sizeof whole);
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
        must(g->n_inputs < MOST_INPUTS);
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
        must(count < MOST_OPERANDS);
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
#endif
