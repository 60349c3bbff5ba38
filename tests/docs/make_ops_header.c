/* Prints include/tenon/ops.h, the typed functions of all ops, from the tables; or C that calls each of them with every attribute set.
 * usage: make_ops_header header|calls    (scripts/make-ops-header and tests/abi call it) */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "ir/text_form.h"

/* The row of attrs.def, by op. */
static const char *const rows[TN_OP_COUNT] = {
#define TN_OP(name, id, imin, imax, omin, omax, attrs, flags, values, infer, eval, onnx, doc) [id] = #attrs,
#include "ir/ops.def"
};

typedef struct words {
    char text[16][48];
    int n;
} words;

static words split(const char *text) {
    words w = {.n = 0};
    while (*text && w.n < 16) {
        size_t n = strcspn(text, " ");
        snprintf(w.text[w.n++], sizeof w.text[0], "%.*s", (int)n, text);
        text += n + (text[n] == ' ');
    }
    return w;
}

/* ---- text that is broken at blanks before column 130 --------------------------------------------------------------------- */

static char line[8192];

static void put(const char *format, ...) TN_PRINTF(1, 2);
static void put(const char *format, ...) {
    size_t n = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + n, sizeof line - n, format, args);
    va_end(args);
}

#define NO_BREAK "\x1f" /* a blank at which no line ends */

static void print_part(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++) putchar(text[i] == *NO_BREAK ? ' ' : text[i]);
}

/* Ends the text; further lines begin with `lead`. */
static void flush(const char *lead) {
    char *at = line;
    size_t room = 130;
    while (strlen(at) > room) {
        char *cut = at + room;
        while (cut > at && *cut != ' ') cut--;
        if (cut == at) break;
        print_part(at, (size_t)(cut - at));
        printf("\n%s", lead);
        at = cut + 1;
        room = 130 - strlen(lead);
    }
    print_part(at, strlen(at));
    putchar('\n');
    line[0] = 0;
}

/* ---- attributes ---------------------------------------------------------------------------------------------------------- */

static bool is_list(tn_attr_kind k) { return k == TN_ATTR_INTS || k == TN_ATTR_FLOATS || k == TN_ATTR_STRINGS; }
static bool is_dtype(const tn__attr_field *f) { return f->kind == TN_ATTR_INT && tn__text_is_dtype_field(f->name); }

static const char *default_text(const tn__attr_field *f) {
    static char text[64];
    if (is_dtype(f)) return "TN_DTYPE_NONE";
    if (f->kind == TN_ATTR_INT) {
        if (f->default_int == INT64_MIN) return "INT64_MIN";
        if (f->default_int == INT64_MAX) return "INT64_MAX";
        snprintf(text, sizeof text, "%" PRId64, f->default_int);
    } else if (f->kind == TN_ATTR_FLOAT) {
        for (int digits = 6; digits <= 17; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, f->default_float);
            if (strtod(text, NULL) == f->default_float) break;
        }
        if (!strpbrk(text, ".e")) strcat(text, ".0");
    } else if (f->kind == TN_ATTR_STRING && f->default_string) {
        snprintf(text, sizeof text, "\"%s\"", f->default_string);
    } else {
        return "none";
    }
    return text;
}

static const char *c_type(const tn__attr_field *f) {
    static const char *const types[] = {[TN_ATTR_INT] = "int64_t ",          [TN_ATTR_FLOAT] = "double ",         [TN_ATTR_STRING] = "const char *",
                                        [TN_ATTR_INTS] = "const int64_t *",  [TN_ATTR_FLOATS] = "const double *", [TN_ATTR_STRINGS] = "const char *const *",
                                        [TN_ATTR_TENSOR] = "tn_tensor *",    [TN_ATTR_GRAPH] = "tn_graph *"};
    return is_dtype(f) ? "tn_dtype " : types[f->kind];
}

static void put_attributes(const char *row, const tn__op_info *info) {
    static const char *const setters[] = {[TN_ATTR_INT] = "int",   [TN_ATTR_FLOAT] = "float",     [TN_ATTR_STRING] = "string", [TN_ATTR_INTS] = "ints",
                                          [TN_ATTR_FLOATS] = "floats", [TN_ATTR_STRINGS] = "strings", [TN_ATTR_TENSOR] = "tensor", [TN_ATTR_GRAPH] = "graph"};
    bool first = true;
    put("/* Attributes of");
    for (int op = 1; op < TN_OP_COUNT; op++) {
        if (!tn__op_infos[op].name || strcmp(rows[op], row)) continue;
        put(first ? " %s" : ", %s", tn__op_infos[op].name);
        first = false;
    }
    put("; beside them the defaults. */");
    flush(" * ");
    printf("typedef struct tn_%s_attrs {\n", row);
    for (uint32_t i = 0; i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        if (is_list(f->kind)) printf("    %s%s; /* n_%s of them */\n    uint32_t n_%s; /* 0: none */\n", c_type(f), f->name, f->name, f->name);
        else printf("    %s%s; /* %s%s */\n", c_type(f), f->name, default_text(f), f->kind == TN_ATTR_GRAPH ? "; taken" : "");
    }
    printf("} tn_%s_attrs;\n", row);
    printf("static inline tn_%s_attrs tn_%s_attrs_defaults(void) {\n    tn_%s_attrs attrs;\n    memset(&attrs, 0, sizeof attrs);\n", row, row, row);
    for (uint32_t i = 0; i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        const char *text = default_text(f);
        if (strcmp(text, "none") && strcmp(text, "0") && strcmp(text, "0.0") && !is_dtype(f)) printf("    attrs.%s = %s;\n", f->name, text);
    }
    printf("    return attrs;\n}\n");
    printf("static inline uint32_t tn__%s_attrs_list(const tn_%s_attrs *attrs, tn_attr *list) {\n    uint32_t n = 0;\n    if (!attrs) return 0;\n", row, row);
    for (uint32_t i = 0; i < info->n_fields; i++) {
        const tn__attr_field *f = &info->fields[i];
        put("    n += tn__attr_%s(&list[n], \"%s\", attrs->%s", setters[f->kind], f->name, f->name);
        if (is_list(f->kind)) put(", attrs->n_%s", f->name);
        put(");");
        flush("                    ");
    }
    printf("    return n;\n}\n\n");
}

/* ---- ops ----------------------------------------------------------------------------------------------------------------- */

static bool has_row(tn__op op) { return strcmp(rows[op], "none") != 0; }
static bool counts_results(const tn__op_info *info) { return info->out_min != info->out_max; }

static void put_operands_text(tn__op op) {
    const tn__op_info *info = &tn__op_infos[op];
    words in = split(tn__op_operands(op)), out = split(tn__op_results(op));
    if (info->in_max < 0) {
        put(" Operands, at least %d:", info->in_min);
        for (int k = 0; k < in.n; k++) put("%s %s", k ? "," : "", in.text[k]);
        put(".");
    } else if (in.n) {
        put(in.n == 1 ? " Operand" : " Operands");
        for (int k = 0; k < in.n; k++) put("%s %s%s", k ? "," : "", in.text[k], k >= info->in_min ? " (or {0})" : "");
        put(".");
    }
    put(out.n == 1 && info->out_max == 1 ? " Result" : counts_results(info) ? " Results, n_outputs of them:" : " Results");
    for (int k = 0; k < out.n; k++) put("%s %s", k ? "," : "", out.text[k]);
    put(".");
    if (counts_results(info) && info->out_max > 0) put(" n_outputs is %d to %d.", info->out_min, info->out_max);
}

static void put_op(tn__op op) {
    const tn__op_info *info = &tn__op_infos[op];
    words in = split(tn__op_operands(op));
    bool any = info->in_max < 0;
    bool seen = !has_row(op);
    for (int k = 1; !seen && k < (int)op; k++) seen = tn__op_infos[k].name && !strcmp(rows[k], rows[op]);
    if (!seen) put_attributes(rows[op], info);

    put("/* %s:", info->name);
    if (strcmp(info->doc, info->onnx)) put(" %s.", info->doc);
    if (*info->onnx != '-') put(" ONNX %s.", info->onnx);
    put_operands_text(op);
    for (uint32_t i = 0; i < info->n_fields; i++) {
        const char *text = default_text(&info->fields[i]);
        put(i ? ", %s" : " Attributes: %s", info->fields[i].name);
        if (strcmp(text, "none")) put(" = %s", text);
    }
    if (info->n_fields) put(".");
    put(" */");
    flush(" * ");
    put("static" NO_BREAK "inline" NO_BREAK "tn_value" NO_BREAK "tn_op_%s(tn_graph" NO_BREAK "*graph", info->name);
    if (any) put(", const" NO_BREAK "tn_value" NO_BREAK "*inputs, uint32_t" NO_BREAK "n_inputs");
    else for (int k = 0; k < in.n; k++) put(", tn_value" NO_BREAK "%s", in.text[k]);
    if (counts_results(info)) put(", uint32_t" NO_BREAK "n_outputs");
    if (has_row(op)) put(", const" NO_BREAK "tn_%s_attrs" NO_BREAK "*attrs", rows[op]);
    put(")" NO_BREAK "{");
    char lead[80];
    snprintf(lead, sizeof lead, "%*s", (int)(strlen("static inline tn_value tn_op_(") + strlen(info->name)), "");
    flush(lead);
    if (!any && in.n) {
        put("    const tn_value in[] = {");
        for (int k = 0; k < in.n; k++) put("%s%s", k ? ", " : "", in.text[k]);
        put("};");
        flush("                           ");
    }
    if (has_row(op)) printf("    tn_attr list[%u];\n", info->n_fields);
    put("    return tn__op_call(graph, \"%s\", ", info->name);
    if (any) put("inputs, n_inputs, n_inputs");
    else if (in.n) put("in, %d, %d", info->in_min, in.n);
    else put("NULL, 0, 0");
    if (has_row(op)) put(", list, tn__%s_attrs_list(attrs, list)", rows[op]);
    else put(", NULL, 0");
    if (counts_results(info)) put(", n_outputs);");
    else put(", %d);", info->out_min);
    flush("                       ");
    printf("}\n");
}

static void print_header(void) {
    printf("/* Tenon: a typed function for each op. Made from the op tables of src/ir by scripts/make-ops-header; do not edit.\n *\n"
           " *     tn_conv_attrs attrs = tn_conv_attrs_defaults();\n"
           " *     attrs.group = 4;\n"
           " *     tn_value y = tn_op_relu(graph, tn_op_conv(graph, x, w, bias, &attrs));\n *\n"
           " * Each is tn_graph_op of that name: it returns the first result (tn_value_output gives the others), {0} after an error, which the graph\n"
           " * keeps. Shapes and element types are those of the ONNX operator in its newest version (docs/ops.md). An operand marked \"(or {0})\" may\n"
           " * be absent: {0}. attrs NULL: all defaults; else every field counts, so begin with tn_ROW_attrs_defaults(). What attributes point to is\n"
           " * borrowed for the call, but a graph in them is taken, whether the call succeeds or not. The structs never cross the ABI: everything\n"
           " * here is inline, in C11 and C++17.\n *\n"
           " * A program that loads the library (tenon/api.h) defines TN_API_TABLE before it includes this file: an expression of type\n"
           " * `const tn_api *`, such as the name of a variable, through which the functions call. They then need nothing of the library's symbols. */\n"
           "#ifndef TENON_OPS_H\n#define TENON_OPS_H\n\n#include <string.h>\n\n"
           "#ifdef TN_API_TABLE\n#include \"tenon/api.h\"\n#define TN__GRAPH_OP (TN_API_TABLE)->graph_op\n"
           "#else\n#include \"tenon/graph.h\"\n#define TN__GRAPH_OP tn_graph_op\n#endif\n\n"
           "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
           "/* ---- what the functions below share; not for direct use ---------------------------------------------------------------- */\n\n"
           "/* Absent operands at the end are left out. */\n"
           "static inline tn_value tn__op_call(tn_graph *graph, const char *op, const tn_value *in, uint32_t least, uint32_t n_in, const tn_attr *attrs,\n"
           "                                   uint32_t n_attrs, uint32_t n_outputs) {\n"
           "    while (n_in > least && !in[n_in - 1].id) n_in--;\n"
           "    return TN__GRAPH_OP(graph, op, in, n_in, attrs, n_attrs, n_outputs);\n}\n"
           "static inline tn_attr *tn__attr_begin(tn_attr *to, const char *name, tn_attr_kind kind, uint32_t n) {\n"
           "    memset(to, 0, sizeof *to);\n    to->name = name;\n    to->kind = kind;\n    to->n = n;\n    return to;\n}\n");
    printf("static inline uint32_t tn__attr_int(tn_attr *to, const char *name, int64_t x) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_INT, 0)->i = x;\n    return 1;\n}\n"
           "static inline uint32_t tn__attr_float(tn_attr *to, const char *name, double x) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_FLOAT, 0)->f = x;\n    return 1;\n}\n"
           "static inline uint32_t tn__attr_string(tn_attr *to, const char *name, const char *x) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_STRING, 0)->s = x;\n    return x != NULL;\n}\n"
           "static inline uint32_t tn__attr_ints(tn_attr *to, const char *name, const int64_t *x, uint32_t n) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_INTS, n)->ints = x;\n    return n != 0;\n}\n"
           "static inline uint32_t tn__attr_floats(tn_attr *to, const char *name, const double *x, uint32_t n) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_FLOATS, n)->floats = x;\n    return n != 0;\n}\n"
           "static inline uint32_t tn__attr_strings(tn_attr *to, const char *name, const char *const *x, uint32_t n) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_STRINGS, n)->strings = x;\n    return n != 0;\n}\n"
           "static inline uint32_t tn__attr_tensor(tn_attr *to, const char *name, tn_tensor *x) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_TENSOR, 0)->tensor = x;\n    return x != NULL;\n}\n"
           "static inline uint32_t tn__attr_graph(tn_attr *to, const char *name, tn_graph *x) {\n"
           "    tn__attr_begin(to, name, TN_ATTR_GRAPH, 0)->graph = x;\n    return x != NULL;\n}\n\n"
           "/* ---- the ops ------------------------------------------------------------------------------------------------------------ */\n\n");
    for (int op = 1; op < TN_OP_COUNT; op++)
        if (tn__op_infos[op].name && op != TN_OP_custom) put_op((tn__op)op); /* custom: tn_graph_custom */
    printf("\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
}

/* ---- calls --------------------------------------------------------------------------------------------------------------- */

/* CHECK(op, call) for each op: no operand is there, every attribute is set, to text, list_of_*, a_tensor, a_graph(). */
static void print_calls(void) {
    for (int op = 1; op < TN_OP_COUNT; op++) {
        const tn__op_info *info = &tn__op_infos[op];
        if (!info->name || op == TN_OP_custom) continue;
        words in = split(tn__op_operands((tn__op)op));
        printf("{\n");
        if (has_row((tn__op)op)) printf("    tn_%s_attrs attrs = tn_%s_attrs_defaults();\n", rows[op], rows[op]);
        for (uint32_t i = 0; i < info->n_fields; i++) {
            const tn__attr_field *f = &info->fields[i];
            if (f->kind == TN_ATTR_INT) printf("    attrs.%s = %s;\n", f->name, is_dtype(f) ? "TN_DTYPE_f32" : "1");
            else if (f->kind == TN_ATTR_FLOAT) printf("    attrs.%s = 0.5;\n", f->name);
            else if (f->kind == TN_ATTR_STRING) printf("    attrs.%s = \"text\";\n", f->name);
            else if (f->kind == TN_ATTR_TENSOR) printf("    attrs.%s = a_tensor;\n", f->name);
            else if (f->kind == TN_ATTR_GRAPH) printf("    attrs.%s = a_graph();\n", f->name);
            else printf("    attrs.%s = list_of_%s;\n    attrs.n_%s = 1;\n", f->name,
                        f->kind == TN_ATTR_INTS ? "ints" : f->kind == TN_ATTR_FLOATS ? "floats" : "strings", f->name);
        }
        printf("    CHECK(%s, %d, tn_op_%s(graph", info->name, info->in_min, info->name);
        if (info->in_max < 0) printf(", &none, 1");
        else for (int k = 0; k < in.n; k++) printf(", none");
        if (counts_results(info)) printf(", %d", info->out_min);
        printf("%s))\n}\n", has_row((tn__op)op) ? ", &attrs" : "");
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "header")) print_header();
    else if (argc == 2 && !strcmp(argv[1], "calls")) print_calls();
    else return 2;
    return fflush(stdout) ? 1 : 0;
}
