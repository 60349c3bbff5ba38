#include "values.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "inputs.h"
#include "ir/graph.h"

enum { CHUNK_VALUES = 4096 };
#define CHUNK_BYTES ((uint64_t)512 << 20) /* on each device */

static uint64_t value_bytes(const tn_graph *g, tn_value v) {
    const tn__type *t = tn__type_of(g, v);
    return tn__type_is_static(t) ? (uint64_t)tn__dtype_bytes(t->dtype, tn__type_elements(t)) : 1u << 20;
}

tn_error *values_in_chunks(tn_graph *g, tn_error *(*chunk)(void *self), void *self) {
    for (uint32_t node = 0; node < g->nodes.count;) {
        uint64_t bytes = 0;
        uint32_t first = node;
        g->outputs.count = 0;
        for (; node < g->nodes.count && bytes < CHUNK_BYTES && g->outputs.count < CHUNK_VALUES; node++) {
            const tn__node n = g->nodes.data[node];
            for (uint32_t k = 0; k < n.n_out; k++) {
                tn_value v = tn__out(&n, k);
                if (tn__type_of(g, v)->dtype == TN_DTYPE_NONE || tn__constant_of(g, v)) continue;
                char name[32];
                snprintf(name, sizeof name, "value%" PRIu32, v.id);
                bytes += value_bytes(g, v);
                tn_graph_output(g, name, v);
            }
        }
        if (!g->outputs.count) continue;
        cli_progress("nodes %" PRIu32 " to %" PRIu32 " of %zu", first, node - 1, g->nodes.count);
        tn_error *e = tn_graph_check(g);
        if (!e) e = chunk(self);
        if (e) return e;
    }
    return NULL;
}

char *value_describe(const tn_graph *g, tn_value v) {
    char type[300];
    const tn__node *n = tn__node_of(g, v);
    const char *name = n && n->name ? n->name : g->values.data[v.id].name;
    cli_type_text(g, v, type, sizeof type);
    if (!n) return cli_printf("input %%%" PRIu32 " %s", v.id, type);
    return cli_printf("node %" PRIu32 " %s%s%s%s, value %%%" PRIu32 " %s", g->values.data[v.id].node, tn__op_infos[n->op].name,
                      name ? " '" : "", name ? name : "", name ? "'" : "", v.id, type);
}

static double least_normal(tn_dtype d) {
    switch (d) {
    case TN_DTYPE_f64: return 0x1p-1022;
    case TN_DTYPE_f32:
    case TN_DTYPE_bf16: return 0x1p-126;
    case TN_DTYPE_f16: return 0x1p-14;
    default: return 0;
    }
}

/* Welford's running mean and variance (1962). */
value_statistics value_look_at(const tn_tensor *t) {
    tn_dtype d = tn_tensor_get_dtype(t);
    value_statistics s = {.n = tn_tensor_get_elements(t), .low = INFINITY, .high = -INFINITY};
    double sum = 0, normal = least_normal(d);
    if (d == TN_DTYPE_string) return s;
    for (int64_t i = 0; i < s.n; i++) {
        double x = tn__load_f64(d, tn_tensor_get_data(t), i);
        if (isnan(x)) s.n_nan++;
        else if (isinf(x)) s.n_infinite++;
        else {
            double from_mean = x - s.mean;
            s.mean += from_mean / (double)++s.n_finite;
            sum += from_mean * (x - s.mean);
            if (x < s.low) s.low = x;
            if (x > s.high) s.high = x;
            s.n_zero += x == 0;
            s.n_denormal += x != 0 && fabs(x) < normal;
        }
    }
    if (s.n_finite) s.variance = sum / (double)s.n_finite;
    else s.low = s.high = s.mean = NAN;
    return s;
}
