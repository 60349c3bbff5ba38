/* The partition of a framework's graph: no cycles, every node once, ports, costs, reports, hostile callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

enum { MOST = 100000, EDGES = 3 };
typedef struct fw {
    uint32_t n, n_edges[MOST], calls;
    tn_edge edges[MOST][EDGES];
    bool yes[MOST], constant[MOST];
    uint8_t predicate[MOST];
    bool changes, fetched[MOST], wide; /* wide: the last node reads all others */
    const char *placement[MOST], *source[MOST];
    int fail;         /* which callback fails, 1 to 5; 0: none */
    uint32_t fail_at; /* at which node */
    int reenter;      /* calls of the partitioner from inside that are left */
} fw;
static fw g;
static tn_context *context;
static tn_edge wide[MOST];

static void again(void);
static bool get_count(void *s, uint32_t *n) { return *n = g.n, g.fail != 1; }
static bool get_inputs(void *s, uint32_t i, const tn_edge **e, uint32_t *n) {
    if (g.reenter) again();
    if (g.changes && ++g.calls > g.n) g.n_edges[i] = 0;
    if (g.wide && i == g.n - 1) return *e = wide, *n = g.n - 1, true;
    return *e = g.edges[i], *n = g.n_edges[i], g.fail != 2 || i != g.fail_at;
}
static bool get_op(void *s, uint32_t i, const char **op) {
    if (g.reenter) again();
    return *op = g.constant[i] ? "const" : g.yes[i] ? "add" : "gather_tree", g.fail != 3 || i != g.fail_at;
}
static bool get_attributes(void *s, uint32_t i, tn_partition_node *out) {
    static const int64_t dims[] = {2, 3};
    static const tn_value_type type = {TN_DTYPE_f32, 2, dims};
    if (g.reenter) again();
    out->outputs = &type;
    out->n_outputs = 1;
    out->predicate = g.predicate[i];
    out->placement = g.placement[i];
    out->source = g.source[i];
    out->fetched = g.fetched[i];
    return g.fail != 4 || i != g.fail_at;
}
static bool get_constant(void *s, uint32_t i, bool *c) { return *c = g.constant[i], g.fail != 5 || i != g.fail_at; }
static bool mark(void *s, uint32_t i, char *why, size_t n) {
    if (g.reenter) again();
    return g.yes[i];
}

static tn_partition_source source = {sizeof source, NULL, get_count, get_inputs, get_op, get_attributes, get_constant};
static tn_partition_options options = {.struct_size = sizeof options, .mark = mark, .node_ns = 1e6};

static void edge(uint32_t to, uint32_t from, tn_edge_kind kind) { g.edges[to][g.n_edges[to]++] = (tn_edge){from, 0, kind}; }
static void clear(uint32_t n) {
    memset(&g, 0, sizeof g);
    g.n = n;
    for (uint32_t i = 0; i < n; i++) g.yes[i] = true;
}
static tn_partition *make(void) {
    tn_partition *p;
    tn_error *e = tn_partition_create(context, &source, &options, &p);
    if (e) fail_msg("%s", tn_error_get_message(e));
    return p;
}
static void refused(tn_error_code code, const char *text) {
    tn_partition *p = (tn_partition *)&g;
    tn_error *e = tn_partition_create(context, &source, &options, &p);
    assert_int_equal(tn_error_get_code(e), code);
    assert_non_null(strstr(tn_error_get_message(e), text));
    assert_null(p);
    tn_error_destroy(e);
}

/* Contracts every cluster and takes away items without producers until none is left. */
static void check(const tn_partition *p) {
    static uint32_t item[MOST], times[MOST];
    uint32_t left = g.n, before, clusters = tn_partition_get_cluster_count(p);
    bool *gone = calloc(2 * (size_t)g.n + 1, 1), *blocked = malloc(2 * (size_t)g.n + 1);
    memset(times, 0, sizeof times);
    for (uint32_t i = 0; i < g.n; i++) {
        uint32_t c = tn_partition_get_cluster(p, i);
        item[i] = c == TN_NO_CLUSTER ? g.n + i : c;
        assert_int_equal(c == TN_NO_CLUSTER, tn_partition_get_reason(p, i) != NULL);
        if (c != TN_NO_CLUSTER) assert_true(c < clusters && g.yes[i]);
    }
    for (uint32_t c = 0; c < clusters; c++) {
        uint32_t n, n_in;
        const uint32_t *nodes = tn_partition_get_nodes(p, c, &n);
        for (uint32_t k = 0; k < n; k++)
            assert_true(item[nodes[k]] == c && !times[nodes[k]]++ && g.predicate[nodes[k]] == g.predicate[nodes[0]]);
        const tn_port *in = tn_partition_get_inputs(p, c, &n_in);
        for (uint32_t k = 0; k < n_in; k++) assert_true(item[in[k].node] != c);
    }
    for (uint32_t i = 0; i < g.n; i++) {
        assert_int_equal(times[i], item[i] < g.n);
        for (uint32_t k = 0; k < g.n_edges[i]; k++)
            if (g.edges[i][k].kind == TN_EDGE_STATIC && !g.constant[g.edges[i][k].node])
                assert_true(item[i] != item[g.edges[i][k].node]);
    }
    do {
        before = left;
        memset(blocked, 0, 2 * (size_t)g.n);
        for (uint32_t i = 0; i < g.n; i++)
            for (uint32_t k = 0; k < g.n_edges[i]; k++) {
                uint32_t from = item[g.edges[i][k].node];
                if (from != item[i] && !gone[from]) blocked[item[i]] = true;
            }
        for (uint32_t i = 0; i < g.n; i++)
            if (!blocked[item[i]] && !gone[item[i]]) gone[item[i]] = true, left = 0;
        left = 0;
        for (uint32_t i = 0; i < g.n; i++) left += !gone[item[i]];
    } while (left && left < before);
    assert_int_equal(left, 0);
    /* the steps: each item once, after what it needs; `gone` now means that it has run */
    uint32_t n_steps, n_items = 0;
    const tn_partition_step *steps = tn_partition_get_steps(p, &n_steps);
    memset(gone, 0, 2 * (size_t)g.n);
    for (uint32_t s = 0; s < n_steps; s++) {
        uint32_t n = 1;
        const uint32_t *nodes = &steps[s].node;
        assert_int_equal(steps[s].cluster, tn_partition_get_cluster(p, steps[s].node));
        if (steps[s].cluster != TN_NO_CLUSTER) nodes = tn_partition_get_nodes(p, steps[s].cluster, &n);
        assert_false(gone[item[steps[s].node]]);
        for (uint32_t m = 0; m < n; m++)
            for (uint32_t k = 0; k < g.n_edges[nodes[m]]; k++) {
                uint32_t from = item[g.edges[nodes[m]][k].node];
                assert_true(from == item[nodes[m]] || gone[from]);
            }
        gone[item[steps[s].node]] = true;
        n_items += n;
    }
    assert_int_equal(n_items, g.n);
    free(gone), free(blocked);
}

static void random_graph(uint32_t n) {
    clear(n);
    for (uint32_t i = 0; i < n; i++) {
        g.yes[i] = rand() % 4 != 0;
        g.predicate[i] = rand() % 8 == 0;
        for (uint32_t k = 0; i && k < EDGES && rand() % 3; k++)
            edge(i, (uint32_t)rand() % i, (tn_edge_kind)(rand() % 6 < 4 ? 0 : rand() % 3));
        g.constant[i] = !g.n_edges[i] && rand() % 2;
    }
}

static void test_random(void **state) {
    srand(1);
    for (int r = 0; r < 3000; r++) {
        random_graph(1 + (uint32_t)rand() % 14);
        options.node_ns = rand() % 2 ? 1e6 : 600;
        tn_partition *p = make();
        check(p);
        tn_partition_release(p);
    }
    options.node_ns = 1e6;
}

static void test_large(void **state) {
    random_graph(MOST);
    tn_partition *p = make();
    uint64_t nodes = 0;
    for (uint32_t c = 0, n; c < tn_partition_get_cluster_count(p); c++) tn_partition_get_nodes(p, c, &n), nodes += n;
    assert_true(nodes > MOST / 2 && nodes < MOST);
    tn_partition_release(p);
    clear(MOST); /* a chain, against the order of the numbers */
    for (uint32_t i = 0; i + 1 < MOST; i++) edge(i, i + 1, TN_EDGE_DATA);
    p = make();
    assert_string_equal(tn_partition_get_report(p), "tenon: 100000 of 100000 nodes in 1 clusters");
    tn_partition_release(p);
    /* hubs: all read the first and the last reads all, some of them over nodes that stay; whoever looks at all pairs never ends */
    for (int stay = 0; stay < 3; stay++) {
        clear(MOST);
        g.wide = true;
        for (uint32_t i = 0; i < MOST; i++) wide[i] = (tn_edge){i, 0, TN_EDGE_DATA};
        for (uint32_t i = 1; i + 1 < MOST; i++) {
            edge(i, 0, TN_EDGE_DATA);
            g.yes[i] = !stay || i % (stay + 1) == 0;
            if (i > 2) edge(i, i - 1 - (uint32_t)rand() % 2, TN_EDGE_DATA);
        }
        p = make();
        assert_int_equal(tn_partition_get_cluster(p, 1) == TN_NO_CLUSTER, stay > 0);
        tn_partition_release(p);
    }
}

static void test_ports_and_report(void **state) {
    clear(5); /* 0 -> 1(stays) -> 2, 0 -> 2, 3 const -> 2, 2 -> 4 by order only */
    g.yes[1] = false;
    g.constant[3] = true;
    edge(1, 0, TN_EDGE_DATA), edge(2, 1, TN_EDGE_DATA), edge(2, 0, TN_EDGE_DATA), edge(2, 3, TN_EDGE_STATIC),
        edge(4, 2, TN_EDGE_CONTROL);
    tn_partition *p = make();
    check(p);
    assert_string_equal(tn_partition_get_report(p), "tenon: 4 of 5 nodes in 2 clusters; 1 stay (gather_tree 1: no kernel)");
    uint32_t n, c = tn_partition_get_cluster(p, 2);
    assert_int_equal(c, tn_partition_get_cluster(p, 3));
    assert_int_equal(c, tn_partition_get_cluster(p, 4));
    const tn_port *in = tn_partition_get_inputs(p, c, &n);
    assert_int_equal(n, 2);
    assert_true(in[0].node == 1 && in[1].node == 0 && in[0].dtype == TN_DTYPE_f32 && in[0].rank == 2 && in[0].dims[1] == 3);
    assert_true(tn_partition_get_gain_ns(p, c) == 2e6 - 600 - 2 * 75);
    assert_null(tn_partition_get_inputs(p, 99, &n));
    tn_partition_release(p);
    options.require = true;
    refused(TN_ERROR_UNSUPPORTED, "gather_tree 1: no kernel");
    options.require = false;
    options.disabled_ops = "mul,add";
    p = make();
    assert_int_equal(tn_partition_get_cluster_count(p), 0);
    assert_string_equal(tn_partition_get_reason(p, 0), "disabled");
    tn_partition_release(p);
    options.disabled_ops = NULL;
    options.node_ns = 100;
    p = make();
    assert_int_equal(tn_partition_get_cluster_count(p), 0);
    assert_non_null(strstr(tn_partition_get_reason(p, 0), "does not pay"));
    tn_partition_release(p);
    options.node_ns = 1e6;
}

/* 0 -> 1 stays -> 4; 2 -> 3 -> 4: nothing of the first level needs 2 and 3, so that they join 4. */
static void test_sink(void **state) {
    clear(5);
    g.yes[1] = false;
    edge(1, 0, TN_EDGE_DATA), edge(3, 2, TN_EDGE_DATA), edge(4, 1, TN_EDGE_DATA), edge(4, 3, TN_EDGE_DATA);
    tn_partition *p = make();
    check(p);
    assert_int_equal(tn_partition_get_cluster_count(p), 2);
    assert_int_equal(tn_partition_get_cluster(p, 2), tn_partition_get_cluster(p, 4));
    assert_int_equal(tn_partition_get_cluster(p, 3), tn_partition_get_cluster(p, 4));
    assert_int_not_equal(tn_partition_get_cluster(p, 0), tn_partition_get_cluster(p, 4));
    tn_partition_release(p);
    assert_null(tn_partition_get_steps(NULL, NULL));
}

static void test_hostile(void **state) {
    clear(2);
    edge(0, 1, TN_EDGE_DATA), edge(1, 0, TN_EDGE_CONTROL);
    refused(TN_ERROR_INVALID_GRAPH, "cyclic");
    g.edges[1][0].node = 7;
    refused(TN_ERROR_OUT_OF_RANGE, "producer 7");
    g.edges[1][0] = (tn_edge){0, 0, (tn_edge_kind)9};
    refused(TN_ERROR_OUT_OF_RANGE, "edge 0");
    g.n_edges[1] = 0;
    g.edges[0][0].output = 3;
    refused(TN_ERROR_OUT_OF_RANGE, "output 3");
    g.edges[0][0].output = 0;
    static const char *const what[] = {"count", "inputs of node", "op of node", "attributes of node", "constness of node"};
    for (g.fail = 1; g.fail <= 5; g.fail++)
        for (g.fail_at = 0; g.fail_at < g.n; g.fail_at++) refused(TN_ERROR_INVALID_ARGUMENT, what[g.fail - 1]);
    g.fail = 0;
    g.changes = true;
    refused(TN_ERROR_INVALID_GRAPH, "changed");
    g.changes = false;
    source.struct_size = offsetof(tn_partition_source, constant);
    refused(TN_ERROR_INVALID_ARGUMENT, "NULL");
    source.struct_size = 1;
    refused(TN_ERROR_INVALID_ARGUMENT, "struct_size");
    source.struct_size = sizeof source;
    options.struct_size = 0;
    refused(TN_ERROR_INVALID_ARGUMENT, "struct_size");
    options.struct_size = offsetof(tn_partition_options, device); /* an older struct */
    tn_partition_release(make());
    options.struct_size = sizeof options;
    tn_error *e = tn_partition_create(context, NULL, NULL, NULL);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
}

/* Calls the partitioner from inside of a callback, on the same graph. */
static int n_inner;
static void again(void) {
    int left = g.reenter;
    g.reenter = 0;
    n_inner++;
    tn_partition_release(make());
    g.reenter = left - 1;
}

static void test_reentry(void **state) {
    srand(5);
    random_graph(12);
    tn_partition *plain = make();
    g.reenter = 40;
    n_inner = 0;
    tn_partition *p = make();
    assert_int_equal(n_inner, 40);
    assert_string_equal(tn_partition_get_report(p), tn_partition_get_report(plain));
    for (uint32_t i = 0; i < g.n; i++) assert_int_equal(tn_partition_get_cluster(p, i), tn_partition_get_cluster(plain, i));
    tn_partition_release(p), tn_partition_release(plain);
}

/* Where the nodes that stay were written is part of the report, on one line; all else can be asked for. */
static void test_sources(void **state) {
    clear(6);
    for (uint32_t i = 1; i < 6; i++) edge(i, i - 1, TN_EDGE_DATA);
    g.yes[3] = g.yes[5] = false;
    g.source[1] = "model.py:2", g.source[3] = "model.py:12\n\x7f", g.source[5] = "model.py:14";
    tn_partition *p = make();
    assert_string_equal(tn_partition_get_report(p),
                        "tenon: 4 of 6 nodes in 2 clusters; 2 stay (gather_tree 2: no kernel, first at model.py:12  )");
    assert_string_equal(tn_partition_get_source(p, 1), "model.py:2");
    assert_string_equal(tn_partition_get_source(p, 3), "model.py:12\n\x7f");
    assert_null(tn_partition_get_source(p, 0));
    assert_null(tn_partition_get_source(p, 6));
    assert_null(tn_partition_get_source(NULL, 0));
    tn_partition_release(p);
    options.require = true;
    refused(TN_ERROR_UNSUPPORTED, "gather_tree 2: no kernel, first at model.py:12");
    options.require = false;
}

static void test_placement_and_fetched(void **state) {
    clear(6); /* 0 -> 1 -> 2 on the first place, 3 -> 4 -> 5 on another, 2 -> 3 */
    for (uint32_t i = 1; i < 6; i++) edge(i, i - 1, TN_EDGE_DATA), g.placement[i] = i < 3 ? NULL : "gpu:1";
    g.placement[0] = ""; /* the same as NULL */
    g.fetched[1] = true;
    tn_partition *p = make();
    check(p);
    uint32_t n;
    assert_int_equal(tn_partition_get_cluster_count(p), 2);
    const tn_port *out = tn_partition_get_outputs(p, tn_partition_get_cluster(p, 0), &n);
    assert_true(n == 2 && out[0].node == 1 && out[1].node == 2);
    tn_partition_get_outputs(p, tn_partition_get_cluster(p, 5), &n);
    assert_int_equal(n, 0);
    tn_partition_release(p);
    g.predicate[4] = 1; /* splits the second: 3 | 4 | 5 */
    p = make();
    check(p);
    assert_int_equal(tn_partition_get_cluster_count(p), 4);
    tn_partition_release(p);
}

/* What levels alone would split. */
static void test_early_node_joins(void **state) {
    clear(7); /* 1 -> 2(stays) -> 3 -> 4, 0 -> 4, 5 -> 6(stays), 5 -> 4: 0 and 5 are early */
    g.yes[2] = g.yes[6] = false;
    edge(2, 1, TN_EDGE_DATA), edge(3, 2, TN_EDGE_DATA), edge(4, 3, TN_EDGE_DATA), edge(4, 0, TN_EDGE_DATA), edge(6, 5, TN_EDGE_DATA), edge(4, 5, TN_EDGE_DATA);
    tn_partition *p = make();
    check(p);
    uint32_t late = tn_partition_get_cluster(p, 4);
    assert_int_equal(tn_partition_get_cluster_count(p), 2);
    assert_true(tn_partition_get_cluster(p, 0) == late && tn_partition_get_cluster(p, 3) == late && tn_partition_get_cluster(p, 5) == late);
    assert_int_not_equal(tn_partition_get_cluster(p, 1), late); /* 2 stands between */
    tn_partition_release(p);
}

/* The reasons with the most nodes come first, and what does not fit is counted. */
static const char *const ops[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
static bool op_of_ten(void *s, uint32_t i, const char **op) { return *op = ops[i % 10 < i / 10 ? 9 - i / 10 : i % 10], true; }
static bool mark_none(void *s, uint32_t i, char *why, size_t n) {
    const char *op;
    op_of_ten(s, i, &op);
    if (*op == 'a') strcpy(why, "no kernel: for f32[2,3], and much more text");
    return false;
}
static void test_report(void **state) {
    clear(100);
    source.op = op_of_ten;
    options.mark = mark_none;
    tn_partition *p = make();
    uint32_t count[10] = {0}, sum = 0;
    const char *report = tn_partition_get_report(p), *at = strchr(report, '(') + 1;
    for (uint32_t i = 0; i < 100; i++) {
        const char *op;
        op_of_ten(NULL, i, &op);
        count[*op - 'a']++;
    }
    assert_true(!strncmp(report, "tenon: 0 of 100 nodes in 0 clusters; 100 stay (", 47));
    uint32_t last = 100;
    for (int k = 0; k < 8; k++) {
        char op;
        unsigned n;
        assert_int_equal(sscanf(at, "%c %u: no kernel", &op, &n), 2);
        assert_true(n == count[op - 'a'] && n <= last);
        last = n;
        sum += n;
        at = strstr(at, "; ") + 2;
    }
    char rest[40];
    sprintf(rest, "others %u)", 100 - sum);
    assert_string_equal(at, rest);
    tn_partition_release(p);
    source.op = get_op;
    options.mark = mark;
}

/* ---- marking by tn_query ------------------------------------------------------------------------------------- */

/* x[4,6] -> reshape(x, shape) -> softmax(axis) -> gather_tree -> relu */
static int64_t wanted[] = {3, 8};
static tn_tensor *shape_value;
static int64_t axis = 1;
static bool auto_inputs(void *s, uint32_t i, const tn_edge **e, uint32_t *n) {
    static const tn_edge edges[6][2] = {{{0}}, {{0}}, {{0, 0, TN_EDGE_DATA}, {1, 0, TN_EDGE_STATIC}}, {{2, 0, TN_EDGE_DATA}}, {{3, 0, TN_EDGE_DATA}}, {{4, 0, TN_EDGE_DATA}}};
    return *e = edges[i], *n = i < 2 ? 0 : i == 2 ? 2 : 1, true;
}
static bool auto_op(void *s, uint32_t i, const char **op) {
    static const char *const names[] = {"my_abs", "Const", "View", "softmax", "gather_tree", "relu"};
    return *op = names[i], true;
}
static bool auto_attributes(void *s, uint32_t i, tn_partition_node *out) {
    static const int64_t x[] = {4, 6}, two[] = {2};
    static const tn_value_type matrix = {TN_DTYPE_f32, 2, x}, shape = {TN_DTYPE_i64, 1, two}, viewed = {TN_DTYPE_f32, 2, wanted};
    static tn_attr attr = {.name = "axis", .kind = TN_ATTR_INT};
    out->outputs = i == 0 ? &matrix : i == 1 ? &shape : &viewed;
    out->n_outputs = 1;
    if (i == 1) out->value = shape_value;
    if (i == 2) out->tenon_op = "reshape";
    attr.i = axis;
    if (i == 3) out->attrs = &attr, out->n_attrs = 1;
    return true;
}
static bool auto_constant(void *s, uint32_t i, bool *c) { return *c = i == 1, true; }
static void test_marking_by_query(void **state) {
    uint32_t n = g.n;
    g.n = 6;
    int64_t two = 2;
    assert_null(tn_tensor_create(context, TN_DTYPE_i64, 1, &two, &shape_value));
    memcpy(tn_tensor_get_data(shape_value), wanted, sizeof wanted);
    tn_partition_source s = {sizeof s, NULL, get_count, auto_inputs, auto_op, auto_attributes, auto_constant};
    tn_partition_options o = {.struct_size = sizeof o, .node_ns = 1e6};
    tn_partition *p;
    assert_null(tn_partition_create(context, &s, &o, &p));
    assert_string_equal(tn_partition_get_report(p), "tenon: 4 of 6 nodes in 2 clusters; 2 stay (my_abs 1: no kernel; gather_tree 1: no kernel)");
    uint32_t c = tn_partition_get_cluster(p, 2);
    assert_true(tn_partition_get_cluster(p, 1) == c && tn_partition_get_cluster(p, 3) == c && tn_partition_get_cluster(p, 5) != c);
    tn_partition_release(p);
    axis = 7; /* the attribute is looked at */
    assert_null(tn_partition_create(context, &s, &o, &p));
    assert_non_null(strstr(tn_partition_get_reason(p, 3), "axis"));
    tn_partition_release(p);
    axis = 1;
    tn_tensor *value = shape_value;
    shape_value = NULL; /* without the value the reshape stays */
    tn_query_cache *cache;
    assert_null(tn_query_cache_create(context, "ref", &cache));
    o.device = "ref", o.query_cache = cache;
    assert_null(tn_partition_create(context, &s, &o, &p));
    assert_non_null(strstr(tn_partition_get_reason(p, 2), "operand 1"));
    assert_string_equal(tn_partition_get_reason(p, 1), "constant without a value");
    tn_partition_release(p);
    uint64_t hits, misses;
    assert_null(tn_partition_create(context, &s, &o, &p));
    tn_query_cache_get_counts(cache, &hits, &misses);
    assert_true(hits == 3 && misses == 3); /* the second partition asked nothing anew */
    tn_partition_release(p);
    o.device = "cpu"; /* not the cache's */
    tn_error *e = tn_partition_create(context, &s, &o, &p);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
    tn_query_cache_release(cache);
    tn_tensor_release(value);
    g.n = n;
}

/* ---- no memory ----------------------------------------------------------------------------------------------- */

typedef struct memory {
    long count, live, fail_at;
} memory;
static void *take_memory(void *self, size_t bytes, size_t align) {
    memory *m = self;
    if (++m->count == m->fail_at) return NULL;
    m->live += (long)bytes;
    void *p = NULL;
    return posix_memalign(&p, align < 16 ? 16 : align, bytes) ? NULL : p;
}
static void give_memory(void *self, void *p, size_t bytes) {
    ((memory *)self)->live -= (long)bytes;
    free(p);
}

static void test_no_memory(void **state) {
    memory m = {0};
    tn_allocator a = {sizeof a, &m, take_memory, give_memory};
    tn_context_options o = {.struct_size = sizeof o, .allocator = &a};
    tn_context *small;
    int64_t two = 2;
    uint32_t n = g.n;
    assert_null(tn_context_create(&o, &small));
    assert_null(tn_tensor_create(small, TN_DTYPE_i64, 1, &two, &shape_value));
    memcpy(tn_tensor_get_data(shape_value), wanted, sizeof wanted);
    g.n = 6;
    tn_partition_source s = {sizeof s, NULL, get_count, auto_inputs, auto_op, auto_attributes, auto_constant};
    tn_partition_options po = {.struct_size = sizeof po, .node_ns = 1e6};
    long before = m.live, failures = 0;
    for (bool done = false; !done;) {
        tn_partition *p;
        m.count = 0, m.fail_at = ++failures;
        tn_error *e = tn_partition_create(small, &s, &po, &p);
        m.fail_at = 0;
        done = !e;
        if (e) assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_MEMORY);
        tn_error_destroy(e);
        tn_partition_release(p);
        assert_int_equal(m.live, before);
    }
    assert_true(failures > 20);
    g.n = n;
    tn_tensor_release(shape_value);
    tn_context_release(small);
    assert_int_equal(m.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),       cmocka_unit_test(test_large),  cmocka_unit_test(test_ports_and_report),
                                       cmocka_unit_test(test_hostile), cmocka_unit_test(test_sink),      cmocka_unit_test(test_reentry),
                                       cmocka_unit_test(test_sources), cmocka_unit_test(test_placement_and_fetched),
                                       cmocka_unit_test(test_early_node_joins), cmocka_unit_test(test_report), cmocka_unit_test(test_marking_by_query),
                                       cmocka_unit_test(test_no_memory)};
    if (tn_context_create(NULL, &context)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
