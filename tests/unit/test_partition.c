/* The partition of a framework's graph: no cycles, every node once, ports, costs, reports, hostile callbacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

enum { MOST = 100000, EDGES = 3 };
typedef struct fw {
    uint32_t n, n_edges[MOST], calls;
    tn_edge edges[MOST][EDGES];
    bool yes[MOST], constant[MOST];
    uint8_t predicate[MOST];
    bool fail, changes;
} fw;
static fw g;
static tn_context *context;

static bool get_count(void *s, uint32_t *n) { return *n = g.n, !g.fail; }
static bool get_inputs(void *s, uint32_t i, const tn_edge **e, uint32_t *n) {
    if (g.changes && ++g.calls > g.n) g.n_edges[i] = 0;
    return *e = g.edges[i], *n = g.n_edges[i], true;
}
static bool get_op(void *s, uint32_t i, const char **op) {
    return *op = g.constant[i] ? "const" : g.yes[i] ? "add" : "gather_tree", true;
}
static bool get_attributes(void *s, uint32_t i, tn_partition_node *out) {
    static const int64_t dims[] = {2, 3};
    static const tn_value_type type = {TN_DTYPE_f32, 2, dims};
    out->outputs = &type;
    out->n_outputs = 1;
    out->predicate = g.predicate[i];
    return true;
}
static bool get_constant(void *s, uint32_t i, bool *c) { return *c = g.constant[i], true; }
static bool mark(void *s, uint32_t i, char *why, size_t n) { return g.yes[i]; }

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
    assert_true(tn_partition_get_gain_ns(p, c) == 2e6 - 1000 - 2 * 50);
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
    g.fail = true;
    refused(TN_ERROR_INVALID_ARGUMENT, "count");
    g.fail = false;
    g.changes = true;
    refused(TN_ERROR_INVALID_GRAPH, "changed");
    options.mark = NULL;
    refused(TN_ERROR_INVALID_ARGUMENT, "NULL");
    options.mark = mark;
    source.struct_size = 1;
    refused(TN_ERROR_INVALID_ARGUMENT, "struct_size");
    source.struct_size = sizeof source;
    tn_error *e = tn_partition_create(context, NULL, NULL, NULL);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    tn_error_destroy(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_large),
                                       cmocka_unit_test(test_ports_and_report), cmocka_unit_test(test_sink), cmocka_unit_test(test_hostile)};
    if (tn_context_create(NULL, &context)) return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
