/* Text-graph tests of the passes. One file a test:
 *
 *   # a comment
 *   pass clean                 the pass of the cases below: it runs alone, then dce
 *   case "name"                a graph in the text form
 *   tolerance 1e-4             optional: of the numeric check, relative and absolute (1e-5)
 *   calls 0                    optional: nodes that stay calls of the reference on the cpu device
 *   kernels 1                  optional: kernels on the cpu device
 *   graph "g" { ... }
 *   => same                    the pass leaves the graph alone; or:
 *   =>
 *   graph "g" { ... }          what it makes of it; without `=>` only the numeric check is made
 *
 * Every case is also run, on random operands, on the cpu device with all passes, without the pass, and without any: all must agree with the
 * reference. `--each` runs every pass switched off singly. Integer operands are 0 to 3; those called positive* are positive.
 *
 * usage: check_graphs FILE [--each | --update]    --update writes what the passes make into the file: read the difference */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pass/pass.h"
#include "tenon/tenon.h"

enum { TEXT_MAX = 1 << 20, MOST = 64, LINE = 512 };

static const char *const pass_names[] = {
#define TN_PASS(name, kind, help) #name,
#include "pass/passes.def"
};
enum { N_PASSES = sizeof pass_names / sizeof *pass_names };

typedef struct test_case {
    char pass[64], name[LINE];
    char graph[TEXT_MAX], wanted[TEXT_MAX]; /* wanted: empty for the numeric check only */
    bool same;
    double tolerance;
    int calls, kernels; /* -1: any number */
} test_case;

static tn_context *context;
static int failures, checks;
static uint32_t random_state;

static void fail(const test_case *c, const char *what, const char *detail) {
    fprintf(stderr, "pass %s, case %s: %s%s%s\n", c->pass, c->name, what, detail ? ": " : "", detail ? detail : "");
    failures++;
}

/* True where e is no error; reports and frees it otherwise. */
static bool ok(const test_case *c, tn_error *e, const char *what) {
    if (!e) return true;
    fail(c, what, tn_error_get_message(e));
    tn_error_destroy(e);
    return false;
}

/* ---- the pass's text ----------------------------------------------------------------------------------------- */

/* Every pass but `keep` and dce; all where keep is NULL. */
static void others(const char *keep, char *out) {
    *out = 0;
    for (int i = 0; i < N_PASSES; i++) {
        if (keep && (!strcmp(pass_names[i], keep) || !strcmp(pass_names[i], "dce"))) continue;
        if (*out) strcat(out, ",");
        strcat(out, pass_names[i]);
    }
}

static void visit(tn__rewriter *r, tn_value v) {
    const tn__node *n = tn__node_of(r->from, v);
    if (!n || r->map[n->first_out].id) return;
    for (uint32_t k = 0; k < n->n_in; k++) visit(r, tn__in(r->from, n, k));
    tn__rewriter_copy(r, n);
}

/* Prints with the nodes in the order in which outputs need them: the order in which a pass builds operands may depend on the compiler. */
static char *print(const test_case *c, tn_graph *g) {
    tn__rewriter r;
    char *text = NULL;
    if (!ok(c, tn__rewriter_begin(g, &r), "ordering")) return NULL;
    for (size_t i = 0; i < g->outputs.count; i++) visit(&r, g->outputs.data[i].value);
    for (size_t i = 0; i < g->nodes.count; i++)
        if (g->nodes.data[i].op != TN_OP_constant) visit(&r, tn__out(&g->nodes.data[i], 0));
    if (ok(c, tn__rewriter_commit(&r, g), "ordering")) ok(c, tn_graph_print(g, &text), "printing");
    return text;
}

static char *after_pass(const test_case *c, const tn_graph *g) {
    char off[1024], *text = NULL;
    tn_graph *out;
    others(c->pass, off);
    if (!ok(c, tn__passes_run(g, off, NULL, NULL, &out), "the pass failed")) return NULL;
    if (ok(c, tn__graph_verify(out), "not a graph any more")) text = print(c, out);
    tn_graph_release(out);
    return text;
}

static void compare_text(const test_case *c, const tn_graph *g) {
    char *found = after_pass(c, g), *wanted = NULL;
    tn_graph *h;
    if (found && ok(c, tn_graph_parse(context, c->same ? c->graph : c->wanted, &h), "the expected text")) {
        if ((wanted = print(c, h)) && strcmp(found, wanted)) {
            fail(c, "another graph than expected", NULL);
            fprintf(stderr, "found:\n%swanted:\n%s", found, wanted);
        }
        tn_graph_release(h);
    }
    tn_text_free(context, found);
    tn_text_free(context, wanted);
}

/* ---- numbers ------------------------------------------------------------------------------------------------- */

static uint32_t next_random(void) { return (random_state = random_state * 1664525u + 1013904223u) >> 8; }

static bool fill(const test_case *c, const tn_graph *g, tn_tensor **in) {
    for (uint32_t i = 0; i < g->inputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        bool positive = !strncmp(g->inputs.data[i].name, "positive", 8);
        if (!ok(c, tn_tensor_create(context, t->dtype, t->rank, t->dims, &in[i]), "an operand")) return false;
        for (int64_t k = 0; k < in[i]->elements; k++) {
            double r = (double)next_random() / (1 << 24);
            if (tn__dtype_is_float(t->dtype)) tn__store_f64(t->dtype, in[i]->data, k, positive ? r + 0.1 : 2 * r - 1);
            else tn__store_i64(t->dtype, in[i]->data, k, (int64_t)(r * (t->dtype == TN_DTYPE_bool ? 2 : 4)));
        }
    }
    return true;
}

static void compare_count(const test_case *c, const char *what, int wanted, uint32_t found) {
    char text[64];
    if (wanted < 0 || found == (uint32_t)wanted) return;
    snprintf(text, sizeof text, "found %u, wanted %d", found, wanted);
    fail(c, what, text);
}

static bool run(const test_case *c, const tn_graph *g, const char *device, const char *off, tn_tensor **in, tn_tensor **out) {
    tn_options *o;
    tn_executable *exe = NULL;
    if (!ok(c, tn_options_create(context, &o), "options")) return false;
    bool good = ok(c, tn_options_set(o, "device", device), "options") && ok(c, tn_options_set(o, "passes_off", off), "options") &&
                ok(c, tn_options_set(o, "cache", "off"), "options") && ok(c, tn_options_set(o, "threads", "1"), "options") &&
                ok(c, tn_compile(g, o, &exe), "compiling") &&
                ok(c, tn_executable_run(exe, in, (uint32_t)g->inputs.count, out, (uint32_t)g->outputs.count), "running");
    tn_executable_stats stats = {.struct_size = sizeof stats};
    if (good && !strcmp(device, "cpu") && !*off && ok(c, tn_executable_get_stats(exe, &stats), "stats")) {
        compare_count(c, "calls of the reference", c->calls, stats.n_calls);
        compare_count(c, "kernels", c->kernels, stats.n_kernels);
    }
    tn_executable_release(exe);
    tn_options_release(o);
    return good;
}

static void compare_numbers(const test_case *c, const char *off, const tn_tensor *wanted, const tn_tensor *found, uint32_t output) {
    checks++;
    for (int64_t k = 0; k < wanted->elements; k++) {
        double w = tn__load_f64(wanted->dtype, wanted->data, k), f = tn__load_f64(found->dtype, found->data, k);
        if (w == f || (isnan(w) && isnan(f)) || fabs(w - f) <= c->tolerance * (1 + fabs(w))) continue;
        char text[1536];
        snprintf(text, sizeof text, "without '%s': output %u, element %d is %.9g, the reference has %.9g", off, output, (int)k, f, w);
        fail(c, "another result", text);
        return;
    }
}

static void check_numbers(const test_case *c, const tn_graph *g, bool each) {
    tn_tensor *in[MOST] = {NULL}, *wanted[MOST] = {NULL}, *found[MOST];
    char all[1024];
    const char *off[N_PASSES + 2] = {"", all};
    int n = 2;
    others(NULL, all);
    for (int i = 0; i < N_PASSES; i++)
        if (each || !strcmp(pass_names[i], c->pass)) off[n++] = pass_names[i];
    random_state = 1;
    if (fill(c, g, in) && run(c, g, "ref", "", in, wanted))
        for (int i = 0; i < n; i++) {
            memset(found, 0, sizeof found);
            if (!run(c, g, "cpu", off[i], in, found)) break;
            for (uint32_t k = 0; k < g->outputs.count; k++) compare_numbers(c, off[i], wanted[k], found[k], k), tn_tensor_release(found[k]);
        }
    for (int i = 0; i < MOST; i++) tn_tensor_release(in[i]), tn_tensor_release(wanted[i]);
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

/* The text from where the file stands to the line before the next one that begins at the margin with no part of a graph. */
static void read_graph(FILE *f, char *line, char *text, const char *name) {
    *text = 0;
    do {
        if (strncmp(line, "graph", 5) && line[0] != ' ' && line[0] != '}') break;
        if (strlen(text) + strlen(line) + 1 >= TEXT_MAX) fprintf(stderr, "%s: too long\n", name), exit(2);
        strcat(text, line);
    } while (fgets(line, LINE, f) || (*line = 0));
}

static void check(const test_case *c, bool each) {
    tn_graph *g;
    if (!ok(c, tn_graph_parse(context, c->graph, &g), "the graph")) return;
    if (g->inputs.count > MOST || g->outputs.count > MOST) fail(c, "too many inputs or outputs", NULL);
    else {
        if (c->same || *c->wanted) checks++, compare_text(c, g);
        check_numbers(c, g, each);
    }
    tn_graph_release(g);
}

static void update(const test_case *c, FILE *out) {
    tn_graph *g;
    if (!ok(c, tn_graph_parse(context, c->graph, &g), "the graph")) return;
    char *text = after_pass(c, g);
    fprintf(out, "=>\n%s", text ? text : "");
    tn_text_free(context, text);
    tn_graph_release(g);
}

int main(int argc, char **argv) {
    static test_case c;
    static char line[LINE];
    bool each = argc > 2 && !strcmp(argv[2], "--each"), rewrite = argc > 2 && !strcmp(argv[2], "--update");
    FILE *f = argc > 1 ? fopen(argv[1], "r") : NULL, *out = rewrite ? tmpfile() : NULL;
    tn_error *e = tn_context_create(NULL, &context);
    if (!f || e || (rewrite && !out)) return fprintf(stderr, "usage: check_graphs FILE [--each | --update]\n"), 2;
    bool more = fgets(line, sizeof line, f);
    while (more) {
        char word[LINE] = "", rest[LINE] = "";
        sscanf(line, "%511s %511[^\n]", word, rest);
        if (!strcmp(word, "graph")) {
            read_graph(f, line, c.graph, argv[1]);
            if (out) fputs(c.graph, out);
            c.same = !strncmp(line, "=> same", 7);
            *c.wanted = 0;
            if (!strncmp(line, "=>", 2)) {
                bool text = !c.same;
                if (out && c.same) fputs(line, out);
                if (!fgets(line, sizeof line, f)) *line = 0;
                if (text) read_graph(f, line, c.wanted, argv[1]);
                if (out && text) update(&c, out);
            }
            if (!out) check(&c, each);
            more = *line;
            continue;
        }
        if (out) fputs(line, out);
        if (!strcmp(word, "pass")) snprintf(c.pass, sizeof c.pass, "%.63s", rest);
        else if (!strcmp(word, "case")) snprintf(c.name, sizeof c.name, "%s", rest), c.tolerance = 1e-5, c.calls = c.kernels = -1;
        else if (!strcmp(word, "tolerance")) c.tolerance = atof(rest);
        else if (!strcmp(word, "calls")) c.calls = atoi(rest);
        else if (!strcmp(word, "kernels")) c.kernels = atoi(rest);
        else if (*word && *word != '#') fprintf(stderr, "%s: '%s' is nothing\n", argv[1], word), failures++;
        more = fgets(line, sizeof line, f);
    }
    fclose(f);
    if (out && !failures && (f = fopen(argv[1], "w"))) {
        rewind(out);
        for (int ch; (ch = fgetc(out)) != EOF;) fputc(ch, f);
        fclose(f);
    }
    tn_context_release(context);
    if (!out && !checks) fprintf(stderr, "%s: nothing was checked\n", argv[1]), failures++;
    printf("%d checks, %d failures\n", checks, failures);
    return failures != 0;
}
