/* tn_query: what it promises is kept, what it refuses is refused, for every op of the device table, every element type and attributes
 * that make no sense. usage: test_query [DEVICE [all]]: `all` keeps every promise, not a sample of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/op_cases.h"
#include "tenon/tenon.h"

static tn_context *context;
static const char *device = "cpu";
static bool all;
static int n_asked, n_yes, n_policy, n_kept, n_wrong;

/* ---- a row of the table as a question ------------------------------------------------------------------------ */

enum { MOST = 24 };
typedef struct asked {
    char label[200];
    tn_query_node node;
    tn_value_type types[MOST];
    tn_tensor *constants[MOST];
    tn_attr attrs[MOST];
    const char *given[MOST]; /* values of operand k, or NULL: random */
} asked;

/* The node's attributes, by name. */
static void read_attrs(asked *q, tn__op op, const void *attrs) {
    const tn__op_info *info = &tn__op_infos[op];
    q->node.n_attrs = 0;
    for (uint32_t i = 0; i < info->n_fields && i < MOST; i++) {
        const void *at = (const char *)attrs + info->fields[i].offset;
        tn_attr a = {.name = info->fields[i].name, .kind = info->fields[i].kind};
        switch (a.kind) {
        case TN_ATTR_INT: a.i = *(const int64_t *)at; break;
        case TN_ATTR_FLOAT: a.f = *(const double *)at; break;
        case TN_ATTR_STRING: a.s = *(const char *const *)at; break;
        case TN_ATTR_INTS: a.n = ((const tn__ints *)at)->n, a.ints = ((const tn__ints *)at)->data; break;
        case TN_ATTR_FLOATS: a.n = ((const tn__floats *)at)->n, a.floats = ((const tn__floats *)at)->data; break;
        case TN_ATTR_STRINGS: a.n = ((const tn__strings *)at)->n, a.strings = ((const tn__strings *)at)->data; break;
        case TN_ATTR_TENSOR: a.tensor = *(tn_tensor *const *)at; break;
        default: a.graph = *(tn_graph *const *)at; break;
        }
        bool none = (a.kind == TN_ATTR_STRING && !a.s) || (a.kind == TN_ATTR_TENSOR && !a.tensor) || (a.kind == TN_ATTR_GRAPH && !a.graph);
        if (!none) q->attrs[q->node.n_attrs++] = a;
    }
    q->node.attrs = q->attrs;
}

/* `t` stands for T where the row has it; `g` is the row with some type. Borrows from g. */
static void read_row(asked *q, const op_case *c, const tn_graph *g, const graph_text *text, tn_dtype t) {
    const tn__node *n = &g->nodes.data[g->nodes.count - 1];
    *q = (asked){.node = {sizeof q->node, c->op, q->types, q->constants, n->n_in, NULL, 0, n->n_out}};
    snprintf(q->label, sizeof q->label, "%s (%s) {%s} T=%s", c->op, c->operands, c->attributes, tn_dtype_name(t));
    const char *at = c->operands;
    for (uint32_t k = 0; k < n->n_in; k++, at += strcspn(at, " "), at += strspn(at, " ")) {
        tn_value v = tn__in(g, n, k);
        if (!v.id) continue;
        const tn__type *type = tn__type_of(g, v);
        q->types[k] = (tn_value_type){*at == 'T' ? t : type->dtype, type->rank, type->dims};
        q->constants[k] = type->dtype == q->types[k].dtype ? (tn_tensor *)tn__constant_of(g, v) : NULL;
        if (!q->constants[k] && tn__node_of(g, v) == NULL) q->given[k] = text->given[g->values.data[v.id].out_index];
    }
    read_attrs(q, n->op, n->attrs);
}

static tn_query_answer ask(const asked *q, tn_query_cache *cache, tn_query_type *types, uint32_t n) {
    tn_query_answer a = {.struct_size = sizeof a, .outputs = types, .max_outputs = n};
    tn_error *e = tn_query(context, device, &q->node, cache, &a);
    if (e) fail_msg("%s: %s", q->label, tn_error_get_message(e));
    assert_int_equal(a.supported, !*a.why);
    assert_false(a.supported && a.policy);
    n_asked++, n_yes += a.supported, n_policy += a.policy;
    return a;
}

/* ---- keeping the promise ------------------------------------------------------------------------------------- */

static tn_error *compile(const asked *q, tn_graph **g, tn_executable **x) {
    tn_value in[MOST] = {{0}};
    *x = NULL;
    assert_null(tn_graph_create(context, "promise", g));
    for (uint32_t k = 0; k < q->node.n_inputs; k++)
        if (q->constants[k]) in[k] = tn_graph_constant(*g, q->constants[k]);
        else if (q->types[k].dtype) in[k] = tn_graph_input(*g, "x", q->types[k].dtype, q->types[k].rank, q->types[k].dims);
    tn_value v = tn_graph_op(*g, q->node.op, in, q->node.n_inputs, q->attrs, q->node.n_attrs, q->node.n_outputs);
    for (uint32_t k = 0; k < q->node.n_outputs; k++) tn_graph_output(*g, "y", tn_value_output(v, k));
    tn_options *o;
    assert_null(tn_options_create(context, &o));
    assert_null(tn_options_set(o, "device", device));
    assert_null(tn_options_set(o, "threads", "1"));
    assert_null(tn_options_set(o, "cache", "off"));
    tn_error *e = tn_graph_check(*g);
    if (!e) e = tn_compile(*g, o, x);
    tn_options_release(o);
    return e;
}

static tn_tensor *fill(const op_case *c, const tn_value_type *t, const char *given) {
    tn_tensor *x;
    assert_null(tn_tensor_create(context, t->dtype, t->rank, t->dims, &x));
    for (int64_t i = 0; i < tn_tensor_get_elements(x); i++) {
        if (t->dtype == TN_DTYPE_string) {
            ((char **)tn_tensor_get_data(x))[i] = tn__strdup(&context->allocator, "7");
            continue;
        }
        double value = random_in(c, t->dtype);
        if (given) {
            char *end;
            value = strtod(given, &end);
            given = end + (*end == ',');
        }
        if (tn__dtype_is_int(t->dtype) || t->dtype == TN_DTYPE_bool) tn__store_i64(t->dtype, tn_tensor_get_data(x), i, (int64_t)value);
        else tn__store_f64(t->dtype, tn_tensor_get_data(x), i, value);
    }
    return x;
}

static void wrong(const asked *q, const char *what, const char *text) {
    print_error("%s: %s: %s\n", q->label, what, text);
    n_wrong++;
}

/* Compiles and runs; `values`: errors that come from the values of the operands are none of the promise. */
static void keep(const asked *q, const op_case *c, const tn_query_answer *a, const tn_query_type *types, bool values) {
    tn_graph *g;
    tn_executable *x;
    tn_tensor *in[MOST], *out[MOST] = {NULL};
    uint32_t n_in = 0;
    tn_error *e = compile(q, &g, &x);
    if (e && a->policy) wrong(q, "policy, but does not compile", tn_error_get_message(e));
    if (e && a->supported) wrong(q, "promised", tn_error_get_message(e));
    if (!e && !a->policy) {
        for (uint32_t k = 0; k < q->node.n_inputs; k++)
            if (!q->constants[k] && q->types[k].dtype) in[n_in++] = fill(c, &q->types[k], q->given[k]);
        e = tn_executable_run(x, in, n_in, out, q->node.n_outputs);
        if (!e && !a->supported) wrong(q, "refused, but runs", a->why);
        if (e && a->supported && !(values && tn_error_get_code(e) == TN_ERROR_OUT_OF_RANGE)) wrong(q, "promised to run", tn_error_get_message(e));
        for (uint32_t k = 0; !e && a->supported && k < a->n_outputs; k++) {
            bool same = types[k].dtype == tn_tensor_get_dtype(out[k]) && types[k].rank == tn_tensor_get_rank(out[k]);
            for (int32_t d = 0; same && d < types[k].rank; d++) same = types[k].dims[d] == tn_tensor_get_dims(out[k])[d];
            if (!same) wrong(q, "promised", "another type");
        }
        for (uint32_t k = 0; k < n_in; k++) tn_tensor_release(in[k]);
        for (uint32_t k = 0; k < q->node.n_outputs; k++) tn_tensor_release(out[k]);
        n_kept += a->supported;
    }
    tn_error_destroy(e);
    tn_executable_release(x);
    tn_graph_release(g);
}

/* The row with the first type that it takes. */
static tn_graph *parse_row(const op_case *c, graph_text *text) {
    for (uint32_t i = 0; i < N_DTYPES; i++) {
        tn_graph *g;
        begin(text);
        put_variant(text, c, dtypes[i], 5);
        add(text, "}\n");
        tn_error *e = tn_graph_parse(context, text->text, &g);
        if (!e) return g;
        tn_error_destroy(e);
    }
    fail_msg("%s: no type", c->op);
    return NULL;
}

static void test_types(void **state) {
    static graph_text text;
    static asked q;
    tn_query_type types[MOST];
    n_asked = n_yes = n_policy = n_kept = n_wrong = 0;
    for (int i = 0; i < N_CASES; i++) {
        const op_case *c = &cases[i];
        seed = (uint32_t)i + 1;
        tn_graph *g = parse_row(c, &text);
        bool has_t = strstr(c->operands, "T[") != NULL;
        for (int t = 1; t < TN_DTYPE_COUNT; t++) {
            if (!has_t && t > 1) break;
            read_row(&q, c, g, &text, (tn_dtype)t);
            tn_query_answer a = ask(&q, NULL, types, MOST);
            /* a sample: the types take turns */
            if (all || !has_t || (t + i) % 8 == 0) keep(&q, c, &a, types, tn__dtype_is_int((tn_dtype)t));
        }
        tn_graph_release(g);
    }
    print_message("%d asked, %d yes, %d no by policy, %d promises kept on %s\n", n_asked, n_yes, n_policy, n_kept, device);
    if (n_wrong) fail_msg("%d wrong answers", n_wrong);
}

/* Attributes changed at random: numbers, texts, lists of other lengths, kinds that do not fit. */
static void change_attrs(asked *q) {
    static const int64_t numbers[] = {0, 1, -1, 2, 3, -2, 7, INT64_MAX, INT64_MIN, 1 << 20};
    static const char *const texts[] = {"", "add", "SAME_UPPER", "linear", "nonsense", "mean"};
    static const double reals[] = {0, -1, 1e300, 0.5, NAN, INFINITY};
    static int64_t ints[4];
    if (!q->node.n_attrs) return;
    tn_attr *a = &q->attrs[(uint32_t)rand() % q->node.n_attrs];
    if (rand() % 20 == 0) a->kind = (tn_attr_kind)(rand() % 11);
    if (rand() % 20 == 0) a->name = rand() % 2 ? "axis" : "no such name";
    a->i = numbers[(uint32_t)rand() % 10];
    a->f = reals[(uint32_t)rand() % 6];
    a->s = texts[(uint32_t)rand() % 6];
    if (a->kind == TN_ATTR_INTS) {
        for (int k = 0; k < 4; k++) {
            uint32_t among = rand() % 4 ? 5 : 10; /* mostly small ones */
            ints[k] = numbers[(uint32_t)rand() % among];
        }
        a->ints = ints;
        a->n = (uint32_t)rand() % 5;
    } else if (a->kind > TN_ATTR_INTS && a->n && rand() % 2) a->n--;
}

static void test_nonsense(void **state) {
    static graph_text text;
    static asked q;
    tn_query_type types[MOST];
    srand(3);
    n_asked = n_yes = n_policy = n_kept = n_wrong = 0;
    for (int i = 0; i < N_CASES; i++) {
        const op_case *c = &cases[i];
        seed = (uint32_t)i + 1;
        tn_graph *g = parse_row(c, &text);
        tn_dtype own = TN_DTYPE_f32;
        for (int r = 0; r < (all ? 200 : 12); r++) {
            read_row(&q, c, g, &text, own);
            if (!q.node.n_attrs) break;
            change_attrs(&q);
            tn_query_answer a = ask(&q, NULL, types, MOST);
            if (all || r < 3) keep(&q, c, &a, types, true);
        }
        tn_graph_release(g);
    }
    print_message("%d asked, %d yes, %d no by policy, %d promises kept on %s\n", n_asked, n_yes, n_policy, n_kept, device);
    if (n_wrong) fail_msg("%d wrong answers", n_wrong);
}

/* The row with its sizes open: each size of an operand that is no constant becomes a symbol, or unknown. Who says yes then takes at
 * least the row's own sizes. */
static void test_open_sizes(void **state) {
    static graph_text text;
    static asked q, open;
    static int64_t dims[MOST][TN_MAX_RANK];
    tn_query_type types[MOST];
    int n_fixed = 0, n_open[3] = {0};
    n_wrong = 0;
    for (int i = 0; i < N_CASES; i++)
        for (int how = 0; how < 3; how++) { /* equal sizes are one symbol, all sizes unknown, ranks unknown */
            const op_case *c = &cases[i];
            seed = (uint32_t)i + 1;
            tn_graph *g = parse_row(c, &text);
            read_row(&q, c, g, &text, tn_graph_get_dtype(g, tn_graph_get_input(g, 0)));
            tn_query_answer fixed = ask(&q, NULL, types, MOST);
            open = q;
            open.node.inputs = open.types, open.node.constants = open.constants, open.node.attrs = open.attrs;
            for (uint32_t k = 0; k < q.node.n_inputs; k++) {
                if (!q.types[k].dtype || q.constants[k]) continue;
                for (int32_t d = 0; d < q.types[k].rank; d++) dims[k][d] = how ? TN_DIM_UNKNOWN : -2 - q.types[k].dims[d];
                open.types[k].dims = dims[k];
                if (how == 2) open.types[k].rank = -1;
            }
            tn_query_answer a = ask(&open, NULL, types, MOST);
            n_fixed += how == 0 && fixed.supported;
            n_open[how] += a.supported;
            if (a.supported && !fixed.supported) wrong(&q, "yes for open sizes only", fixed.why);
            tn_graph *built = NULL;
            tn_executable *x = NULL;
            tn_value in[MOST] = {{0}};
            tn_tensor *given[MOST], *out[MOST] = {NULL};
            uint32_t n_in = 0;
            if (!a.supported || (!all && (i + how) % 3)) {
                tn_graph_release(g);
                continue;
            }
            assert_null(tn_graph_create(context, "open", &built));
            for (uint32_t k = 0; k < q.node.n_inputs; k++) {
                if (q.constants[k]) in[k] = tn_graph_constant(built, q.constants[k]);
                if (q.constants[k] || !q.types[k].dtype) continue;
                for (int32_t d = 0; !how && d < q.types[k].rank; d++) {
                    char name[24];
                    sprintf(name, "n%d", (int)q.types[k].dims[d]);
                    dims[k][d] = tn_graph_symbol(built, name);
                }
                in[k] = tn_graph_input(built, "x", q.types[k].dtype, open.types[k].rank, dims[k]);
                given[n_in++] = fill(c, &q.types[k], q.given[k]);
            }
            tn_value v = tn_graph_op(built, q.node.op, in, q.node.n_inputs, q.attrs, q.node.n_attrs, q.node.n_outputs);
            for (uint32_t k = 0; k < q.node.n_outputs; k++) tn_graph_output(built, "y", tn_value_output(v, k));
            tn_options *o;
            assert_null(tn_options_create(context, &o));
            assert_null(tn_options_set(o, "device", device));
            assert_null(tn_options_set(o, "cache", "off"));
            tn_error *e = tn_graph_check(built);
            if (!e) e = tn_compile(built, o, &x);
            if (!e) e = tn_executable_run(x, given, n_in, out, q.node.n_outputs);
            if (e) wrong(&q, how ? "promised for unknown sizes" : "promised for symbols", tn_error_get_message(e));
            for (uint32_t k = 0; !e && k < a.n_outputs; k++) {
                if (types[k].dtype != tn_tensor_get_dtype(out[k]) || (types[k].rank >= 0 && types[k].rank != tn_tensor_get_rank(out[k]))) wrong(&q, "promised", "another type");
                for (int32_t d = 0; d < types[k].rank; d++)
                    if (types[k].dims[d] >= 0 ? types[k].dims[d] != tn_tensor_get_dims(out[k])[d]
                                              : types[k].dims[d] < TN_DIM_UNKNOWN && -2 - types[k].dims[d] != tn_tensor_get_dims(out[k])[d])
                        wrong(&q, "promised", "another size");
            }
            tn_error_destroy(e);
            for (uint32_t k = 0; k < n_in; k++) tn_tensor_release(given[k]);
            for (uint32_t k = 0; k < q.node.n_outputs; k++) tn_tensor_release(out[k]);
            tn_executable_release(x), tn_options_release(o), tn_graph_release(built), tn_graph_release(g);
        }
    print_message("%d rows: yes to %d of their own sizes, %d as symbols, %d unknown, %d of unknown rank on %s\n", (int)N_CASES, n_fixed, n_open[0], n_open[1],
                  n_open[2], device);
    assert_true(n_open[0] * 10 >= n_fixed * 9 && n_open[1] * 10 >= n_fixed * 8); /* it finds sizes that fit */
    if (n_wrong) fail_msg("%d wrong answers", n_wrong);
}

/* Nodes that got a yes each go together as well: random graphs of them compile and run. */
static void test_together(void **state) {
    enum { NODES_EACH = 14, MOST_VALUES = 200 };
    static graph_text text;
    static asked q;
    srand(11);
    n_wrong = 0;
    int n_taken = 0;
    for (int r = 0; r < (all ? 300 : 30); r++) {
        tn_graph *g;
        tn_executable *x = NULL;
        tn_options *o;
        tn_value pool[MOST_VALUES];
        tn_tensor *in[MOST_VALUES], *out[MOST_VALUES] = {NULL};
        uint32_t n_pool = 0, n_in = 0, n_out = 0;
        assert_null(tn_graph_create(context, "together", &g));
        for (int k = 0; k < NODES_EACH; k++) {
            const op_case *c = &cases[rand() % N_CASES];
            seed = (uint32_t)rand();
            tn_graph *row = parse_row(c, &text);
            read_row(&q, c, row, &text, TN_DTYPE_f32);
            if (ask(&q, NULL, NULL, 0).supported) {
                tn_value operands[MOST] = {{0}};
                for (uint32_t i = 0; i < q.node.n_inputs; i++) {
                    const tn_value_type *t = &q.types[i];
                    if (q.constants[i]) operands[i] = tn_graph_constant(g, q.constants[i]);
                    for (uint32_t v = 0, from = n_pool ? (uint32_t)rand() % n_pool : 0; !operands[i].id && !q.given[i] && t->dtype == TN_DTYPE_f32 && v < n_pool; v++) {
                        const int64_t *dims;
                        tn_value value = pool[(from + v) % n_pool];
                        bool same = tn_graph_get_dtype(g, value) == t->dtype && tn_graph_get_shape(g, value, &dims) == t->rank;
                        if (same && (!t->rank || !memcmp(dims, t->dims, (size_t)t->rank * sizeof *dims))) operands[i] = value;
                    }
                    if (operands[i].id || !t->dtype) continue;
                    in[n_in++] = fill(c, t, q.given[i]);
                    operands[i] = tn_graph_input(g, "x", t->dtype, t->rank, t->dims);
                }
                tn_value v = tn_graph_op(g, q.node.op, operands, q.node.n_inputs, q.attrs, q.node.n_attrs, q.node.n_outputs);
                for (uint32_t i = 0; i < q.node.n_outputs; i++) pool[n_pool++] = tn_value_output(v, i);
                n_taken++;
            }
            tn_graph_release(row);
        }
        for (uint32_t v = 0; v < n_pool; v++)
            if (v + 1 == n_pool || rand() % 3 == 0) tn_graph_output(g, "y", pool[v]), n_out++;
        assert_null(tn_options_create(context, &o));
        assert_null(tn_options_set(o, "device", device));
        assert_null(tn_options_set(o, "cache", "off"));
        tn_error *e = tn_graph_check(g);
        if (!e) e = tn_compile(g, o, &x);
        if (!e) e = tn_executable_run(x, in, n_in, out, n_out);
        if (e) wrong(&q, "graph of promised nodes", tn_error_get_message(e));
        tn_error_destroy(e);
        for (uint32_t i = 0; i < n_in; i++) tn_tensor_release(in[i]);
        for (uint32_t i = 0; i < n_out; i++) tn_tensor_release(out[i]);
        tn_executable_release(x), tn_options_release(o), tn_graph_release(g);
    }
    print_message("%d promised nodes together on %s\n", n_taken, device);
    if (n_wrong) fail_msg("%d wrong answers", n_wrong);
}

/* ---- single questions ---------------------------------------------------------------------------------------- */

static tn_query_answer ask_op(const char *on, const char *op, const tn_value_type *in, tn_tensor *const *constants, uint32_t n, const tn_attr *attrs,
                              uint32_t n_attrs, tn_query_type *types) {
    tn_query_node node = {sizeof node, op, in, constants, n, attrs, n_attrs, 1};
    tn_query_answer a = {.struct_size = sizeof a, .outputs = types, .max_outputs = types != NULL};
    tn_error *e = tn_query(context, on, &node, NULL, &a);
    if (e) fail_msg("%s: %s", op, tn_error_get_message(e));
    return a;
}

static tn_tensor *list(uint32_t n, const int64_t *values) {
    tn_tensor *t;
    int64_t size = n;
    assert_null(tn_tensor_create(context, TN_DTYPE_i64, 1, &size, &t));
    memcpy(tn_tensor_get_data(t), values, n * sizeof *values);
    return t;
}

static void test_open_types(void **state) {
    tn_query_type out;
    const int64_t batch = -7, any = TN_DIM_UNKNOWN, x_dims[] = {batch, 3, any, any}, w_dims[] = {64, 3, 7, 7}, m_dims[] = {batch, 784}, k_dims[] = {784, 10};
    tn_value_type conv[] = {{TN_DTYPE_f32, 4, x_dims}, {TN_DTYPE_f32, 4, w_dims}};
    tn_query_answer a = ask_op(NULL, "conv", conv, NULL, 2, NULL, 0, &out);
    assert_true(a.supported && a.n_outputs == 1 && out.rank == 4);
    assert_true(out.dims[0] == batch && out.dims[1] == 64 && out.dims[2] == any);
    tn_value_type product[] = {{TN_DTYPE_f32, 2, m_dims}, {TN_DTYPE_f32, 2, k_dims}};
    a = ask_op("cpu", "matmul", product, NULL, 2, NULL, 0, &out);
    assert_true(a.supported && out.rank == 2 && out.dims[0] == batch && out.dims[1] == 10);
    tn_value_type unranked[] = {{TN_DTYPE_f32, -1, NULL}, {TN_DTYPE_f32, -1, NULL}};
    assert_true(ask_op("cpu", "matmul", unranked, NULL, 2, NULL, 0, &out).supported);
    assert_true(ask_op("cpu", "conv", unranked, NULL, 2, NULL, 0, &out).supported);
    tn_value_type texts[] = {{TN_DTYPE_string, 1, &any}};
    a = ask_op("cpu", "identity", texts, NULL, 1, NULL, 0, NULL);
    assert_false(a.supported || a.policy);
    assert_non_null(strstr(a.why, "string"));
    assert_true(ask_op("ref", "identity", texts, NULL, 1, NULL, 0, NULL).supported);
    product[1].dims = m_dims;
    a = ask_op("cpu", "matmul", product, NULL, 2, NULL, 0, NULL); /* [batch,784] x [batch,784] fits only if batch is 784 */
    assert_true(a.supported);
    const int64_t odd[] = {3, 5};
    product[0].dims = product[1].dims = odd;
    a = ask_op("cpu", "matmul", product, NULL, 2, NULL, 0, NULL);
    assert_false(a.supported || a.policy || a.n_outputs);
    assert_non_null(strstr(a.why, "matmul"));
    assert_non_null(strstr(ask_op("cpu", "gather_tree", NULL, NULL, 0, NULL, 0, NULL).why, "gather_tree"));
}

static void test_values_and_data(void **state) {
    tn_query_type out;
    const int64_t dims[] = {4, 6}, two[] = {2}, wanted[] = {3, 8}, bad[] = {5, 5};
    tn_value_type in[] = {{TN_DTYPE_f32, 2, dims}, {TN_DTYPE_i64, 1, two}};
    tn_query_answer a = ask_op("cpu", "reshape", in, NULL, 2, NULL, 0, &out);
    assert_true(!a.supported && a.policy && a.static_inputs == 2);
    assert_non_null(strstr(a.why, "operand 1"));
    tn_tensor *values[2] = {NULL, list(2, wanted)};
    a = ask_op("cpu", "reshape", in, values, 2, NULL, 0, &out);
    assert_true(a.supported && out.rank == 2 && out.dims[0] == 3 && out.dims[1] == 8);
    tn_tensor_release(values[1]);
    values[1] = list(2, bad);
    a = ask_op("cpu", "reshape", in, values, 2, NULL, 0, &out);
    assert_false(a.supported || a.policy);
    tn_tensor_release(values[1]);
    a = ask_op("cpu", "non_zero", in, NULL, 1, NULL, 0, &out);
    assert_true(!a.supported && a.policy && out.dtype == TN_DTYPE_i64);
    assert_non_null(strstr(a.why, "depends on data"));
}

/* A body is asked about node by node; the sub-graphs still belong to the caller. */
static void test_bodies(void **state) {
    for (int texts = 0; texts < 2; texts++) {
        tn_graph *branch;
        assert_null(tn_graph_create(context, "branch", &branch));
        int64_t n = TN_DIM_UNKNOWN;
        tn_dtype d = texts ? TN_DTYPE_string : TN_DTYPE_f32;
        tn_value x = tn_graph_input(branch, "x", d, 1, &n);
        tn_graph_output(branch, "y", tn_graph_op(branch, "identity", &x, 1, NULL, 0, 1));
        tn_attr attrs[] = {{.name = "then_branch", .kind = TN_ATTR_GRAPH, .graph = branch}, {.name = "else_branch", .kind = TN_ATTR_GRAPH, .graph = branch}};
        tn_value_type in[] = {{TN_DTYPE_bool, 0, NULL}, {d, 1, &n}};
        tn_query_answer a = ask_op("cpu", "if", in, NULL, 2, attrs, 2, NULL);
        if (!texts && !a.supported) fail_msg("%s", a.why);
        if (texts) assert_false(a.supported);
        attrs[1].name = "no such"; /* the second is not taken, the first was */
        assert_false(ask_op("cpu", "if", in, NULL, 2, attrs, 2, NULL).supported);
        tn_graph_release(branch);
    }
}

/* Ops of the caller's own: their shape rule decides. */
static tn_error *twice_infer(void *self, tn_custom_call *call) {
    const int64_t *dims;
    int32_t rank = tn_custom_call_get_input_shape(call, 0, &dims);
    if (rank == 0) return tn_custom_call_fail(call, TN_ERROR_SHAPE_MISMATCH, "twice takes no scalars");
    return tn_custom_call_set_output(call, 0, tn_custom_call_get_input_dtype(call, 0), rank, dims);
}
static tn_error *twice_evaluate(void *self, tn_custom_call *call) { return tn_custom_call_fail(call, TN_ERROR_UNSUPPORTED, "never run here"); }
static void test_custom(void **state) {
    const int64_t dims[] = {-5, 6};
    tn_value_type matrix[] = {{TN_DTYPE_f32, 2, dims}}, scalar[] = {{TN_DTYPE_f32, 0, NULL}}, texts[] = {{TN_DTYPE_string, 2, dims}};
    tn_query_type out;
    tn_custom_op op = {.struct_size = sizeof op, .name = "my::twice", .n_in_min = 1, .n_out_min = 1, .infer = twice_infer, .evaluate = twice_evaluate};
    assert_false(ask_op(device, "my::twice", matrix, NULL, 1, NULL, 0, &out).supported);
    assert_null(tn_custom_op_register(context, &op));
    tn_query_answer a = ask_op(device, "my::twice", matrix, NULL, 1, NULL, 0, &out);
    if (!a.supported) fail_msg("%s", a.why);
    assert_true(a.n_outputs == 1 && out.rank == 2 && out.dims[0] == -5 && out.dims[1] == 6);
    a = ask_op(device, "my::twice", scalar, NULL, 1, NULL, 0, &out);
    assert_non_null(strstr(a.why, "no scalars"));
    assert_int_equal(ask_op(device, "my::twice", texts, NULL, 1, NULL, 0, &out).supported, !strcmp(device, "ref"));
    tn_error *e = tn_custom_op_unregister(context, "my::twice");
    assert_null(e);
}

static void test_cache(void **state) {
    static graph_text text;
    static asked q;
    tn_query_cache *cache;
    uint64_t hits, misses;
    assert_null(tn_query_cache_create(context, device, &cache));
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < N_CASES; i++) {
            seed = (uint32_t)i + 1;
            tn_graph *g = parse_row(&cases[i], &text);
            read_row(&q, &cases[i], g, &text, TN_DTYPE_f32);
            tn_query_type a_types[MOST], b_types[MOST];
            tn_query_answer a = ask(&q, cache, a_types, MOST), b = ask(&q, NULL, b_types, MOST);
            assert_true(a.supported == b.supported && a.policy == b.policy && a.n_outputs == b.n_outputs && a.static_inputs == b.static_inputs);
            assert_string_equal(a.why, b.why);
            for (uint32_t k = 0; k < a.n_outputs; k++) {
                assert_true(a_types[k].dtype == b_types[k].dtype && a_types[k].rank == b_types[k].rank);
                for (int32_t d = 0; d < a_types[k].rank; d++) assert_true(a_types[k].dims[d] == b_types[k].dims[d]);
            }
            tn_graph_release(g);
        }
    tn_query_cache_get_counts(cache, &hits, &misses);
    assert_int_equal(hits + misses, 3 * N_CASES);
    assert_true(misses <= N_CASES && hits >= 2 * N_CASES);
    /* the value of a constant and an attribute are parts of the key */
    const int64_t dims[] = {4, 6}, good[] = {3, 8}, bad[] = {5, 5};
    tn_value_type in[] = {{TN_DTYPE_f32, 2, dims}, {0}};
    tn_tensor *values[] = {NULL, list(2, good)};
    tn_query_node node = {sizeof node, "reshape", in, values, 2, NULL, 0, 1};
    tn_query_answer a = {.struct_size = sizeof a};
    assert_null(tn_query(context, device, &node, cache, &a));
    assert_true(a.supported);
    tn_tensor_release(values[1]);
    values[1] = list(2, bad);
    assert_null(tn_query(context, device, &node, cache, &a));
    assert_false(a.supported);
    tn_tensor_release(values[1]);
    tn_attr axis = {.name = "axis", .kind = TN_ATTR_INT, .i = 1};
    tn_query_node softmax = {sizeof softmax, "softmax", in, NULL, 1, &axis, 1, 1};
    assert_null(tn_query(context, device, &softmax, cache, &a));
    assert_true(a.supported);
    axis.i = 2;
    assert_null(tn_query(context, device, &softmax, cache, &a));
    assert_false(a.supported);
    tn_error *e = tn_query(context, "ref", &softmax, cache, &a);
    assert_int_equal(tn_error_get_code(e), strcmp(device, "ref") ? TN_ERROR_INVALID_ARGUMENT : TN_OK);
    tn_error_destroy(e);
    tn_query_cache_release(cache);
}

static void test_hostile(void **state) {
    const int64_t dims[] = {4, INT64_MAX, -5};
    tn_value_type in[] = {{TN_DTYPE_f32, 2, dims}, {TN_DTYPE_f32, 3, dims}};
    tn_query_answer a = {.struct_size = sizeof a};
    tn_attr attr = {.name = "axes", .kind = TN_ATTR_INTS, .n = 3};
    const tn_query_node good = {sizeof good, "add", in, NULL, 2, NULL, 0, 1};
    tn_query_node n = good;
#define REFUSED(code_)                                                   \
    do {                                                                 \
        tn_error *e_ = tn_query(context, "cpu", &n, NULL, &a);           \
        assert_int_equal(tn_error_get_code(e_), TN_ERROR_##code_);       \
        tn_error_destroy(e_);                                            \
        n = good;                                                        \
    } while (0)
    n.struct_size = 3;
    REFUSED(INVALID_ARGUMENT);
    n.op = NULL;
    REFUSED(INVALID_ARGUMENT);
    n.inputs = NULL;
    REFUSED(INVALID_ARGUMENT);
    n.n_attrs = 1;
    REFUSED(INVALID_ARGUMENT);
    n.n_inputs = 1u << 20;
    REFUSED(LIMIT_EXCEEDED);
    n.n_outputs = UINT32_MAX;
    REFUSED(LIMIT_EXCEEDED);
    in[0].rank = 33;
    REFUSED(INVALID_ARGUMENT);
    in[0].rank = 2;
    in[0].dtype = (tn_dtype)99;
    REFUSED(INVALID_ARGUMENT);
    in[0].dtype = TN_DTYPE_f32;
    in[0].dims = NULL;
    REFUSED(INVALID_ARGUMENT);
    in[0].dims = dims;
    a.struct_size = 0;
    REFUSED(INVALID_ARGUMENT);
    a.struct_size = sizeof a;
    assert_null(tn_query(context, "cpu", &n, NULL, &a)); /* too many elements: an answer */
    assert_false(a.supported);
    n.op = "reduce_sum", n.n_inputs = 1, n.attrs = &attr, n.n_attrs = 1; /* a list of 3 at NULL */
    assert_null(tn_query(context, "cpu", &n, NULL, &a));
    assert_false(a.supported);
    n.struct_size = offsetof(tn_query_node, attrs); /* an older struct: it has no attributes */
    a.struct_size = offsetof(tn_query_answer, why);
    assert_null(tn_query(context, "cpu", &n, NULL, &a));
    tn_error *e = tn_query(context, "no device", &good, NULL, &a);
    assert_non_null(e);
    tn_error_destroy(e);
    e = tn_query(NULL, NULL, NULL, NULL, NULL);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
    e = tn_query_cache_create(context, "no device", &(tn_query_cache *){NULL});
    assert_non_null(e);
    tn_error_destroy(e);
    tn_query_cache_release(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types),           cmocka_unit_test(test_nonsense), cmocka_unit_test(test_open_types),
                                       cmocka_unit_test(test_open_sizes),      cmocka_unit_test(test_together),
                                       cmocka_unit_test(test_values_and_data), cmocka_unit_test(test_bodies),   cmocka_unit_test(test_cache),
                                       cmocka_unit_test(test_custom),          cmocka_unit_test(test_hostile)};
    static const char *const devices[] = {"cpu", "ref"};
    int failed = 0;
    all = argc > 2;
    if (tn_context_create(NULL, &context)) return 2;
    for (int i = 0; i < (argc > 1 ? 1 : 2); i++) {
        device = argc > 1 ? argv[1] : devices[i];
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    tn_context_release(context);
    return failed;
}
