/* Prints the generated pages of docs/ from the tables. usage: make_docs ops|options|errors|hints    (scripts/make-docs calls it) */
#include "../tools/tenon/doctor.h"
#include "device/op_cases.h"
#include "frontend/onnx/import.h"
#include "session/options.h"
#include "tenon/tenon.h"

static tn_context *context;

/* A table cell: '|' would end it. */
static void put_cell(const char *text) {
    for (; *text; text++) {
        if (*text == '|') putchar('\\');
        putchar(*text);
    }
}

/* ---- ops ----------------------------------------------------------------------------------------------------- */

static void put_arity(int least, int most) {
    if (most < 0) printf("%d or more", least);
    else if (least == most) printf("%d", least);
    else printf("%d to %d", least, most);
}

static void put_attributes(const tn__op_info *info) {
    static const char *const kinds[] = {[TN_ATTR_INT] = "int",     [TN_ATTR_FLOAT] = "float",     [TN_ATTR_STRING] = "text",    [TN_ATTR_INTS] = "ints",
                                        [TN_ATTR_FLOATS] = "floats", [TN_ATTR_STRINGS] = "texts", [TN_ATTR_TENSOR] = "tensor", [TN_ATTR_GRAPH] = "graph"};
    for (uint32_t i = 0; i < info->n_fields; i++)
        printf("%s`%s` %s", i ? ", " : "", info->fields[i].name, kinds[info->fields[i].kind]);
}

typedef struct op_facts {
    bool takes[N_DTYPES];
    char written[64]; /* types of the first operand where a row of op_cases.def has no T */
    bool on_kernels, on_calls;       /* what the cpu device makes of the f32 variants */
} op_facts;

/* What the cpu device makes of a graph of this one node. */
static void ask_device(const tn_graph *g, op_facts *f) {
    tn_options *o = NULL;
    tn_executable *x = NULL;
    tn_executable_stats stats = {.struct_size = sizeof stats};
    tn_error *e = tn_options_create(context, &o);
    if (!e) e = tn_options_set(o, "cache", "off");
    if (!e) e = tn_options_set(o, "threads", "1");
#if defined(__x86_64__)
    if (!e) e = tn_options_set(o, "cpu", "x86-64-v3"); /* the same page on every machine */
#endif
    if (!e) e = tn_compile(g, o, &x);
    if (!e) e = tn_executable_get_stats(x, &stats);
    must(!e);
    if (stats.n_kernels) f->on_kernels = true;
    if (stats.n_calls) f->on_calls = true;
    tn_executable_release(x);
    tn_options_release(o);
}

static tn_graph *try_variant(const op_case *c, tn_dtype d) {
    static graph_text t;
    tn_graph *g = NULL;
    begin(&t);
    put_variant(&t, c, d, 5);
    add(&t, "}\n");
    tn_error_destroy(tn_graph_parse(context, t.text, &g));
    return g;
}

/* "u8" of "u8[5,N] i8[N,6]", once. */
static void add_written(op_facts *f, const char *operands) {
    char name[16];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(operands, "["), operands);
    size_t n = strlen(f->written);
    if (!strstr(f->written, name)) snprintf(f->written + n, sizeof f->written - n, "%s%s", n ? ", " : "", name);
}

static op_facts facts_of(tn__op op) {
    op_facts f;
    memset(&f, 0, sizeof f);
    for (int i = 0; i < N_CASES; i++) {
        if (strcmp(cases[i].op, tn__op_infos[op].name)) continue;
        bool has_t = strchr(cases[i].operands, 'T') != NULL, first = true;
        if (!has_t) add_written(&f, cases[i].operands);
        for (int d = 0; d < (has_t ? (int)N_DTYPES : 1); d++) {
            tn_graph *g = try_variant(&cases[i], dtypes[d]);
            if (!g) continue;
            if (has_t) f.takes[d] = true;
            if (first && !(tn__op_infos[op].flags & TN__OP_DATADEP)) ask_device(g, &f);
            first = false;
            tn_graph_release(g);
        }
    }
    return f;
}

/* Groups where all of a group are taken. */
static void put_dtypes(const op_facts *f) {
    static const struct {
        const char *name, *members;
    } groups[] = {{"floats", "f32 f16 bf16 f64 "}, {"integers", "i64 i32 i16 i8 u64 u32 u16 u8 "}, {"signed", "i64 i32 i16 i8 "}, {"unsigned", "u64 u32 u16 u8 "}};
    bool left[N_DTYPES], any = false;
    memcpy(left, f->takes, sizeof left);
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
        bool all = true;
        char name[16];
        for (int d = 0; d < N_DTYPES; d++) {
            snprintf(name, sizeof name, "%s ", tn_dtype_name(dtypes[d]));
            if (strstr(groups[k].members, name)) all &= left[d];
        }
        if (!all) continue;
        printf("%s%s", any ? ", " : "", groups[k].name);
        any = true;
        for (int d = 0; d < N_DTYPES; d++) {
            snprintf(name, sizeof name, "%s ", tn_dtype_name(dtypes[d]));
            if (strstr(groups[k].members, name)) left[d] = false;
        }
    }
    for (int d = 0; d < N_DTYPES; d++)
        if (left[d]) printf("%s%s", any ? ", " : "", tn_dtype_name(dtypes[d])), any = true;
    if (!any) fputs(f->written, stdout);
}

static void print_ops(void) {
    printf("# Operations\n\nMade from `src/ir/ops.def` by `scripts/make-docs`; do not edit.\n\n"
           "An attribute's default, its meaning and the operands are those of the ONNX operator in its newest version; `-` in that column is an\n"
           "op that ONNX does not have. Operands beyond the fewest are optional; types are those that the first operand may have, as far as they were tried. `ref`\n"
           "evaluates every op but `constant`, `custom`, which the caller does, and the control flow, which the session runs. Column cpu, for f32 (or the first type taken):\n"
           "*kernels* are generated for it; *part* of it is; *ref*: the reference evaluates it; *session*: the session does, because the\n"
           "result's shape depends on values; *nothing* is left to run once it is compiled. This is asked of one or a few instances (`tests/device/op_cases.def`): other attributes or shapes\n"
           "may take another way.\n\n");
    printf("| op | ONNX | operands | results | attributes | types | cpu | |\n|---|---|---|---|---|---|---|---|\n");
    for (int op = 1; op < TN_OP_COUNT; op++) {
        const tn__op_info *info = &tn__op_infos[op];
        if (!info->name) continue;
        op_facts f = facts_of((tn__op)op);
        printf("| `%s` | %s | ", info->name, info->onnx);
        put_arity(info->in_min, info->in_max);
        printf(" | ");
        put_arity(info->out_min, info->out_max);
        printf(" | ");
        put_attributes(info);
        printf(" | ");
        if (op == TN_OP_constant || op == TN_OP_custom || info->flags & TN__OP_CONTROL) printf("all");
        else put_dtypes(&f);
        bool session = info->flags & (TN__OP_DATADEP | TN__OP_CONTROL);
        printf(" | %s | ", op == TN_OP_constant ? "-" : op == TN_OP_custom ? "caller" : session ? "session" : f.on_kernels && f.on_calls ? "part" : f.on_calls ? "ref" : f.on_kernels ? "kernels" : "nothing");
        put_cell(info->doc);
        printf(" |\n");
    }
}

/* ---- options and limits -------------------------------------------------------------------------------------- */

static void print_options(void) {
    printf("# Options and limits\n\nMade from `src/session/options.def` and `include/tenon/limits.def` by `scripts/make-docs`; do not edit.\n\n"
           "## Options\n\nThe same option can be set in four ways; each overrides those before it, whatever the order in which they are read:\n\n"
           "1. its default;\n"
           "2. a file, of lines `key = value` (`#` begins a comment) or one flat JSON object: the one that the environment variable\n"
           "   `TENON_CONFIG` names, then `tn_options_load_file(options, path)`, or `--config FILE` of the tool;\n"
           "3. the environment: `TENON_` and the key in capitals, e.g. `TENON_THREADS=2`;\n"
           "4. `tn_options_set(options, key, value)`, or `--KEY VALUE` (also `--set KEY=VALUE`) of the tool.\n\n"
           "Unknown keys and values that do not fit are errors that name the nearest key, or file, line and column; a variable\n"
           "`TENON_...` that is no option is a warning. `tenon options` lists all with their value and where it comes from\n"
           "(`tn_options_get_origin`). The names of passes are in [passes.md](passes.md).\n\n"
           "| key | values | default | |\n|---|---|---|---|\n");
    for (int i = 0; i < TN__OPTION_COUNT; i++) {
        const tn__option_info *o = &tn__option_infos[i];
        printf("| `%s` | ", o->name);
        if (o->type == TN__OPTION_TYPE_CHOICE) put_cell(o->choices);
        else if (o->type == TN__OPTION_TYPE_LIST) printf("some of "), put_cell(o->choices), printf(", with commas between");
        else if (o->type == TN__OPTION_TYPE_INT) printf("%lld to %lld", (long long)o->low, (long long)o->high);
        else printf("text");
        printf(" | %s%s%s | ", o->default_text && *o->default_text ? "`" : "", o->default_text ? o->default_text : "see right",
               o->default_text && *o->default_text ? "`" : "");
        put_cell(o->help);
        printf(" |\n");
    }
    printf("\n## Classes of fast_math\n\nWhat each allows; [numerics.md](numerics.md) tells more.\n\n| class | |\n|---|---|\n");
#define TN_FAST_MATH(name, rule) printf("| `%s` | ", #name), put_cell(rule), printf(" |\n");
#include "codegen/fast_math.def"
    printf("\n## Limits\n\nFor input from outside: fields of `tn_limits` when a context is made, and of the tool as `--limit NAME=N`. What goes beyond is the error\n"
           "LIMIT_EXCEEDED. Beside them a graph has at most %d symbolic dimensions.\n\n| limit | default | most | |\n|---|---|---|---|\n", TN__MAX_SYMBOLS);
#define TN_LIMIT(name, type, default_, most, help) \
    printf("| `%s` | %llu | %llu | %s |\n", #name, (unsigned long long)(default_), (unsigned long long)(most), help);
#include "tenon/limits.def"
}

/* ---- errors -------------------------------------------------------------------------------------------------- */

static void print_errors(void) {
    printf("# Errors\n\nMade from `include/tenon/errors.def` by `scripts/make-docs`; do not edit.\n\n"
           "A function that can fail returns `tn_error *`; NULL is success. `tn_error_get_code` gives the number, `tn_error_code_name` the name,\n"
           "`tn_error_get_message` one line that names the node, the operand, what was found and what was wanted. The numbers are part of the\n"
           "ABI and never change. Running out of memory is a static object: failing allocates nothing.\n\n"
           "| code | name | |\n|---|---|---|\n"
#define TN_ERROR(name, id, help) "| " #id " | " #name " | " help " |\n"
#include "tenon/errors.def"
           "\nThe tool ends with 0 when all was done, with 1 when something failed (one line `tenon: ...` on stderr), with 2 when it was called\n"
           "wrongly.\n");
}

/* ---- hints --------------------------------------------------------------------------------------------------- */

static void print_hints(void) {
    printf("# Hints\n\nMade from `tools/tenon/doctor.h` by `scripts/make-docs`; do not edit.\n\n"
           "`tenon doctor MODEL` runs a model on this machine (a few seconds), looks for what costs it speed, and prints what it found, the\n"
           "most worthwhile first: the evidence, how much of a call it may save, and the edit or option to try. `--apply` tries each hint that\n"
           "is an option by `tenon compare` and says whether it helped and what it did to the outputs; `--json` is for scripts. Options that are given (`--threads 1`) are part of\n"
           "what is examined. The figures are compared with ceilings measured here, and kept once they were measured on a quiet machine.\n\n"
           "| rule | what it looks for |\n|---|---|\n"
#define RULE(name, what) "| `" #name "` | " what " |\n"
           DOCTOR_RULES(RULE)
#undef RULE
    );
}

int main(int argc, char **argv) {
    if (argc != 2 || tn_context_create(NULL, &context)) return 2;
    if (!strcmp(argv[1], "ops")) print_ops();
    else if (!strcmp(argv[1], "options")) print_options();
    else if (!strcmp(argv[1], "errors")) print_errors();
    else if (!strcmp(argv[1], "hints")) print_hints();
    else return 2;
    tn_context_release(context);
    return fflush(stdout) ? 1 : 0;
}
