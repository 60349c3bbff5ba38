/* Clusters against brute force on small random graphs: no cycle, nothing lost, and a cost that is close to the best there is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tenon/tenon.h"

enum { NODES = 9, MOST_SUPPORTED = 7, EDGES = 3, SEEDS = 6000 };
static const double call_ns = 600, port_ns = 75;

typedef struct graph {
    uint32_t n, n_edges[NODES];
    tn_edge edges[NODES][EDGES];
    bool yes[NODES], constant[NODES], fetched[NODES];
    uint8_t predicate[NODES], placement[NODES];
} graph;
static graph g;
static tn_context *context;

static bool get_count(void *s, uint32_t *n) { return *n = g.n, true; }
static bool get_inputs(void *s, uint32_t i, const tn_edge **e, uint32_t *n) { return *e = g.edges[i], *n = g.n_edges[i], true; }
static bool get_op(void *s, uint32_t i, const char **op) { return *op = "op", true; }
static bool get_attributes(void *s, uint32_t i, tn_partition_node *out) {
    static const tn_value_type type = {TN_DTYPE_f32, 0, NULL};
    *out = (tn_partition_node){.outputs = &type, .n_outputs = 1, .predicate = g.predicate[i], .fetched = g.fetched[i]};
    out->placement = g.placement[i] ? "other" : NULL;
    return true;
}
static bool get_constant(void *s, uint32_t i, bool *c) { return *c = g.constant[i], true; }
static bool mark(void *s, uint32_t i, char *why, size_t n) { return g.yes[i]; }

static bool chance(uint32_t in) { return (uint32_t)rand() % in == 0; }

static void make_graph(void) {
    memset(&g, 0, sizeof g);
    g.n = 2 + (uint32_t)rand() % (NODES - 1);
    uint32_t supported = 0, stay = 2 + (uint32_t)rand() % 4;
    for (uint32_t i = 0; i < g.n; i++) {
        g.yes[i] = !chance(stay);
        g.predicate[i] = chance(10);
        g.placement[i] = chance(12);
        g.fetched[i] = chance(8);
        for (uint32_t k = 0; i && k < EDGES && !chance(3); k++) {
            uint32_t from = (uint32_t)rand() % i, kind = chance(5) ? 1 + chance(2) : 0;
            g.edges[i][g.n_edges[i]++] = (tn_edge){from, 0, (tn_edge_kind)kind};
        }
        g.constant[i] = !g.n_edges[i] && chance(3);
        if (g.yes[i] && !g.constant[i] && ++supported > MOST_SUPPORTED) g.yes[i] = false;
    }
}

/* ---- what a partition costs ---------------------------------------------------------------------------------- */

/* item[i]: below g.n a cluster, else the node itself. Constants without operands are put into the one cluster that reads them. */
static void place_constants(uint32_t *item) {
    for (uint32_t c = 0; c < g.n; c++) {
        if (!g.constant[c]) continue;
        uint32_t where = UINT32_MAX;
        bool one = g.yes[c] && !g.fetched[c];
        for (uint32_t i = 0; i < g.n; i++)
            for (uint32_t k = 0; k < g.n_edges[i]; k++) {
                if (g.edges[i][k].node != c) continue;
                if (item[i] >= g.n || g.predicate[i] != g.predicate[c] || g.placement[i] != g.placement[c] || (where != UINT32_MAX && where != item[i])) one = false;
                where = item[i];
            }
        item[c] = one && where != UINT32_MAX ? where : g.n + c;
    }
}

static bool has_cycle(const uint32_t *item) {
    bool gone[2 * NODES] = {false};
    for (uint32_t left = g.n;;) {
        bool blocked[2 * NODES] = {false};
        for (uint32_t i = 0; i < g.n; i++)
            for (uint32_t k = 0; k < g.n_edges[i]; k++) {
                uint32_t from = item[g.edges[i][k].node];
                if (from != item[i] && !gone[from]) blocked[item[i]] = true;
            }
        uint32_t now = 0;
        for (uint32_t i = 0; i < 2 * NODES; i++) gone[i] |= !blocked[i];
        for (uint32_t i = 0; i < g.n; i++) now += !gone[item[i]];
        if (!now) return false;
        if (now == left) return true;
        left = now;
    }
}

/* Calls and ports; slots 2 i: the value of node i, 2 i + 1: its order. */
static double cost(const uint32_t *item, uint32_t *out_clusters, uint32_t *out_ports) {
    bool is_cluster[NODES] = {false}, in[NODES][2 * NODES] = {{false}}, out[2 * NODES] = {false};
    *out_clusters = *out_ports = 0;
    for (uint32_t i = 0; i < g.n; i++) {
        if (item[i] < g.n) is_cluster[item[i]] = true, out[2 * i] |= g.fetched[i];
        for (uint32_t k = 0; k < g.n_edges[i]; k++) {
            uint32_t from = g.edges[i][k].node, slot = 2 * from + (g.edges[i][k].kind == TN_EDGE_CONTROL);
            if (item[from] == item[i]) continue;
            if (item[i] < g.n) in[item[i]][slot] = true;
            if (item[from] < g.n) out[slot] = true;
        }
    }
    for (uint32_t c = 0; c < g.n; c++) *out_clusters += is_cluster[c];
    for (uint32_t c = 0; c < g.n; c++)
        for (uint32_t s = 0; s < 2 * g.n; s++) *out_ports += in[c][s];
    for (uint32_t s = 0; s < 2 * g.n; s++) *out_ports += out[s];
    return call_ns * *out_clusters + port_ns * *out_ports;
}

/* Every cluster's nodes hang together by edges or by nodes that two of them read. */
static bool hangs_together(const uint32_t *item) {
    uint32_t group[NODES];
    for (uint32_t i = 0; i < g.n; i++) group[i] = i;
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < g.n; i++)
            for (uint32_t k = 0; k < g.n_edges[i]; k++)
                for (uint32_t l = 0; l < g.n; l++) {
                    uint32_t from = g.edges[i][k].node;
                    bool reads = l == from;
                    for (uint32_t m = 0; m < g.n_edges[l]; m++) reads |= g.edges[l][m].node == from;
                    if (!reads || item[l] != item[i] || item[i] >= g.n || group[l] == group[i]) continue;
                    group[l] = group[i] = group[l] < group[i] ? group[l] : group[i];
                    more = true;
                }
    }
    for (uint32_t i = 0; i < g.n; i++)
        for (uint32_t l = 0; l < i; l++)
            if (item[i] < g.n && item[i] == item[l] && !g.constant[i] && !g.constant[l] && group[i] != group[l]) return false;
    return true;
}

typedef struct best {
    double cost;
    uint32_t clusters, ports;
} best;

/* All partitions of the supported nodes: node `at` goes to one of the clusters so far or to a new one, numbered by its first node. */
static void enumerate(uint32_t *item, uint32_t at, best *b) {
    while (at < g.n && (!g.yes[at] || g.constant[at])) item[at] = g.n + at, at++;
    if (at == g.n) {
        uint32_t placed[NODES], clusters, ports;
        memcpy(placed, item, sizeof placed);
        place_constants(placed);
        if (!hangs_together(placed) || has_cycle(placed)) return;
        double c = cost(placed, &clusters, &ports);
        if (c < b->cost) b->cost = c, b->clusters = clusters, b->ports = ports;
        return;
    }
    for (uint32_t c = 0; c <= at; c++) {
        bool fits = c == at || item[c] == c; /* c is the first of a cluster */
        if (c < at && (!g.yes[c] || g.constant[c])) fits = false;
        for (uint32_t i = 0; fits && c < at && i < at; i++)
            if (item[i] == c) fits = g.predicate[i] == g.predicate[at] && g.placement[i] == g.placement[at];
        for (uint32_t k = 0; fits && k < g.n_edges[at]; k++)
            if (g.edges[at][k].kind == TN_EDGE_STATIC && item[g.edges[at][k].node] == c && !g.constant[g.edges[at][k].node]) fits = false;
        if (!fits) continue;
        item[at] = c;
        enumerate(item, at + 1, b);
    }
}

static void test_against_brute_force(void **state) {
    double sum = 0, sum_best = 0;
    uint32_t not_best = 0, tried = 0;
    tn_partition_source source = {sizeof source, NULL, get_count, get_inputs, get_op, get_attributes, get_constant};
    tn_partition_options options = {.struct_size = sizeof options, .mark = mark, .node_ns = 1e6};
    for (int seed = 1; seed <= SEEDS; seed++) {
        srand((unsigned)seed);
        make_graph();
        tn_partition *p;
        tn_error *e = tn_partition_create(context, &source, &options, &p);
        if (e) fail_msg("seed %d: %s", seed, tn_error_get_message(e));
        uint32_t item[NODES], scratch[NODES] = {0}, clusters, ports, own = 0;
        for (uint32_t i = 0; i < g.n; i++) {
            uint32_t c = tn_partition_get_cluster(p, i);
            item[i] = c == TN_NO_CLUSTER ? g.n + i : c;
            if (!g.constant[i]) assert_int_equal(c != TN_NO_CLUSTER, g.yes[i]);
            assert_int_equal(c == TN_NO_CLUSTER, tn_partition_get_reason(p, i) != NULL);
            for (uint32_t l = 0; l < i; l++)
                if (item[l] == item[i]) assert_true(g.predicate[l] == g.predicate[i] && g.placement[l] == g.placement[i]);
            for (uint32_t k = 0; k < g.n_edges[i]; k++)
                if (g.edges[i][k].kind == TN_EDGE_STATIC && !g.constant[g.edges[i][k].node]) assert_true(item[i] != item[g.edges[i][k].node]);
        }
        assert_false(has_cycle(item));
        uint32_t times[NODES] = {0};
        for (uint32_t c = 0; c < tn_partition_get_cluster_count(p); c++) {
            uint32_t n;
            const uint32_t *nodes = tn_partition_get_nodes(p, c, &n);
            for (uint32_t k = 0; k < n; k++) assert_true(item[nodes[k]] == c && !times[nodes[k]]++);
            tn_partition_get_inputs(p, c, &n), own += n;
            tn_partition_get_outputs(p, c, &n), own += n;
        }
        for (uint32_t i = 0; i < g.n; i++) assert_int_equal(times[i], item[i] < g.n);
        double is = cost(item, &clusters, &ports);
        assert_int_equal(ports, own); /* the partition counts the same ports */
        assert_int_equal(clusters, tn_partition_get_cluster_count(p));
        best b = {.cost = 1e18};
        enumerate(scratch, 0, &b);
        /* what partition.h states */
        if (is > 1.6 * b.cost || clusters > b.clusters + 1)
            fail_msg("seed %d: cost %g for %g, %u clusters for %u, %u ports for %u", seed, is, b.cost, clusters, b.clusters, ports, b.ports);
        if (clusters) sum += is, sum_best += b.cost, not_best += is > b.cost, tried++;
        tn_partition_release(p);
    }
    print_message("%u graphs: %.4f of the best cost on average, %u not best\n", tried, sum / sum_best, not_best);
    assert_true(sum < 1.001 * sum_best && not_best * 50 < tried);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_brute_force)};
    if (tn_context_create(NULL, &context)) return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
