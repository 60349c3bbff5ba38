/* Partition of a framework's graph, in O(nodes + edges):
 *
 *   read         a snapshot through the callbacks, and a hash of it; the hash is made again at the end
 *   mark         what is supported and not disabled
 *   assign       clusters.c
 *   deassign     clusters whose estimated gain is not positive
 *   encapsulate  ports
 *   schedule     the order of clusters.c, with the nodes of clusters that were given up one by one
 *
 * Constants without operands stay out of all that; they join the cluster of their readers where that is one cluster. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "bridge/clusters.h"
#include "bridge/guard.h"
#include "ir/op_table.h"
#include "tenon/custom_op.h"

enum { LONGEST_REPORT = 8, REASON_TEXT = 60 }; /* entries of the report; bytes of a reason in it */

/* What docs/decisions/0016-partition.md measured, in nanoseconds. */
static const double default_node_ns = 500, default_call_ns = 600, default_port_ns = 75;

typedef struct cluster {
    uint32_t *nodes;
    tn_port *in, *out;
    uint32_t n_nodes, n_in, n_out;
    double gain_ns;
} cluster;

struct tn_partition {
    tn__handle handle;
    tn_context *context;
    tn__arena arena;
    uint32_t n, n_clusters;
    tn__fnode *nodes;
    cluster *clusters;
    uint32_t *order; /* topological */
    tn_partition_step *steps;
    uint32_t n_steps;
    char *report;
};

/* ---- read ---------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t x) { return (h ^ x) * 0x9E3779B97F4A7C15u ^ (h >> 29); }

static uint64_t mix_text(uint64_t h, const char *s) {
    for (; *s; s++) h = mix(h, (unsigned char)*s);
    return mix(h, 256);
}

static uint64_t mix_attrs(uint64_t h, const tn_partition_node *info) {
    for (uint32_t k = 0; k < info->n_attrs; k++) {
        const tn_attr *at = &info->attrs[k];
        h = mix_text(mix(h, at->kind), at->name ? at->name : "");
        if (at->kind == TN_ATTR_INT) h = mix(h, (uint64_t)at->i);
        if (at->kind == TN_ATTR_STRING) h = mix_text(h, at->s ? at->s : "");
        for (uint32_t l = 0; at->kind == TN_ATTR_INTS && at->ints && l < at->n; l++) h = mix(h, (uint64_t)at->ints[l]);
        if (at->kind != TN_ATTR_FLOAT) continue;
        uint64_t bits;
        memcpy(&bits, &at->f, sizeof bits);
        h = mix(h, bits);
    }
    return mix(h, info->n_attrs);
}

#define BAD(...) TN__FAIL(&p->context->allocator, __VA_ARGS__)

/* Reads node i; `keep`: NULL, or where to store it. */
static tn_error *read_node(tn_partition *p, const tn_partition_source *s, uint32_t i, tn__fnode *keep, tn_partition_node *info,
                           uint64_t *h) {
    const tn_edge *edges = NULL;
    const char *op = NULL;
    uint32_t n = 0;
    bool constant = false;
    if (!s->inputs(s->self, i, &edges, &n) || (n && !edges))
        return BAD(INVALID_ARGUMENT, "partition: inputs of node %u: the callback failed", i);
    *h = mix(*h, n);
    for (uint32_t k = 0; k < n; k++) {
        if (edges[k].node >= p->n || (unsigned)edges[k].kind > TN_EDGE_STATIC)
            return BAD(OUT_OF_RANGE, "partition: edge %u of node %u: producer %u of %u nodes", k, i, edges[k].node, p->n);
        *h = mix(mix(mix(*h, edges[k].node), edges[k].kind), edges[k].kind == TN_EDGE_CONTROL ? 0 : edges[k].output);
    }
    if (keep && n && !(keep->edges = tn__arena_copy(&p->arena, edges, n * sizeof *edges))) return tn__error_oom();
    if (!s->op(s->self, i, &op) || !op) return BAD(INVALID_ARGUMENT, "partition: op of node %u: the callback failed", i);
    *h = mix_text(*h, op);
    if (keep && !(keep->op = tn__arena_strdup(&p->arena, op))) return tn__error_oom();
    *info = (tn_partition_node){0};
    if (!s->constant(s->self, i, &constant))
        return BAD(INVALID_ARGUMENT, "partition: constness of node %u: the callback failed", i);
    if (!s->attributes(s->self, i, info) || (info->n_outputs && !info->outputs) || (info->n_attrs && !info->attrs))
        return BAD(INVALID_ARGUMENT, "partition: attributes of node %u: the callback failed", i);
    const char *placement = info->placement ? info->placement : "";
    *h = mix(mix(mix(mix_text(*h, placement), info->predicate), info->n_outputs), constant * 2u + info->fetched);
    for (uint32_t k = 0; k < info->n_outputs; k++) {
        const tn_value_type *t = &info->outputs[k];
        if (t->rank > TN_MAX_RANK || (t->rank > 0 && !t->dims))
            return BAD(OUT_OF_RANGE, "partition: output %u of node %u: rank %d", k, i, t->rank);
        *h = mix(mix(*h, t->dtype), (uint64_t)(t->rank < 0 ? -1 : t->rank));
        for (int32_t d = 0; d < t->rank; d++) *h = mix(*h, (uint64_t)t->dims[d]);
    }
    if (info->value && !TN__IS(info->value, TENSOR)) return BAD(INVALID_ARGUMENT, "partition: the value of node %u is no tensor", i);
    *h = mix(mix_attrs(*h, info), (uintptr_t)info->value);
    if (!keep) return NULL;
    if (info->value) tn_tensor_retain(keep->value = info->value);
    keep->n_edges = n;
    keep->constant = constant && !n;
    keep->predicate = info->predicate;
    keep->fetched = info->fetched;
    keep->gain_ns = info->gain_ns;
    keep->n_outputs = info->n_outputs;
    keep->placement = tn__arena_strdup(&p->arena, placement);
    if (!keep->placement || (info->source && !(keep->source = tn__arena_strdup(&p->arena, info->source)))) return tn__error_oom();
    if (!info->n_outputs) return NULL;
    keep->outputs = tn__arena_copy(&p->arena, info->outputs, info->n_outputs * sizeof *info->outputs);
    if (!keep->outputs) return tn__error_oom();
    for (uint32_t k = 0; k < info->n_outputs; k++)
        if (info->outputs[k].rank > 0) {
            size_t bytes = (size_t)info->outputs[k].rank * sizeof(int64_t);
            if (!(keep->outputs[k].dims = tn__arena_copy(&p->arena, info->outputs[k].dims, bytes))) return tn__error_oom();
        }
    return NULL;
}

static tn_error *read_all(tn_partition *p, const tn_partition_source *s, bool keep, uint64_t *h) {
    tn_partition_node info;
    *h = p->n;
    for (uint32_t i = 0; i < p->n; i++) TN__TRY(read_node(p, s, i, keep ? &p->nodes[i] : NULL, &info, h));
    return NULL;
}

/* Kahn's order; nodes that stand ready go by number. */
static tn_error *sort(tn_partition *p) {
    uint32_t *first = TN__ARENA_ARRAY(&p->arena, uint32_t, (size_t)p->n + 2),
             *waits = TN__ARENA_ARRAY(&p->arena, uint32_t, (size_t)p->n + 1);
    uint64_t n_edges = 0;
    for (uint32_t i = 0; i < p->n; i++) n_edges += p->nodes[i].n_edges;
    if (n_edges >= UINT32_MAX) return BAD(LIMIT_EXCEEDED, "partition: more than 2^32 edges");
    uint32_t *readers = TN__ARENA_ARRAY(&p->arena, uint32_t, n_edges + 1);
    p->order = TN__ARENA_ARRAY(&p->arena, uint32_t, (size_t)p->n + 1);
    if (!first || !waits || !readers || !p->order) return tn__error_oom();
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < p->nodes[i].n_edges; k++) {
            const tn_edge *e = &p->nodes[i].edges[k];
            if (e->kind != TN_EDGE_CONTROL && e->output >= p->nodes[e->node].n_outputs)
                return BAD(OUT_OF_RANGE, "partition: edge %u of node %u: output %u of node %u, which has %u", k, i, e->output,
                           e->node, p->nodes[e->node].n_outputs);
            first[e->node + 2]++;
        }
    for (uint32_t i = 2; i <= p->n; i++) first[i] += first[i - 1];
    for (uint32_t i = 0; i < p->n; i++) {
        waits[i] = p->nodes[i].n_edges;
        for (uint32_t k = 0; k < p->nodes[i].n_edges; k++) readers[first[p->nodes[i].edges[k].node + 1]++] = i;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (!waits[i]) p->order[n++] = i;
    for (uint32_t at = 0; at < n; at++)
        for (uint32_t r = first[p->order[at]]; r < first[p->order[at] + 1]; r++)
            if (!--waits[readers[r]]) p->order[n++] = readers[r];
    return n == p->n ? NULL : BAD(INVALID_GRAPH, "partition: the graph is cyclic: %u of %u nodes have an order", n, p->n);
}

/* ---- mark, assign, deassign ---------------------------------------------------------------------------------- */

static bool listed(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == n && !memcmp(at, name, n)) return true;
    return false;
}

/* What node i says of itself to tn_query: the producers' types as operands, its attributes read again. */
static tn_error *ask(tn_partition *p, const tn_partition_source *s, const tn_partition_options *o, tn_query_cache *cache,
                     uint32_t i, char *why, size_t why_bytes, bool *out_yes) {
    enum { MOST = 32 };
    const tn__fnode *n = &p->nodes[i];
    tn_value_type stack[MOST], *types = stack;
    tn_tensor *values_stack[MOST], **values = values_stack;
    uint32_t n_in = 0;
    if (n->n_edges > MOST) {
        types = TN__ARENA_ARRAY(&p->arena, tn_value_type, n->n_edges);
        values = TN__ARENA_ARRAY(&p->arena, tn_tensor *, n->n_edges);
        if (!types || !values) return tn__error_oom();
    }
    for (uint32_t k = 0; k < n->n_edges; k++) {
        const tn_edge *e = &n->edges[k];
        if (e->kind == TN_EDGE_CONTROL) continue;
        types[n_in] = p->nodes[e->node].outputs[e->output];
        values[n_in++] = e->output ? NULL : p->nodes[e->node].value;
    }
    tn_partition_node info = {0};
    if (!s->attributes(s->self, i, &info) || (info.n_attrs && !info.attrs))
        return BAD(INVALID_ARGUMENT, "partition: attributes of node %u: the callback failed", i);
    const char *op = info.tenon_op ? info.tenon_op : n->op;
    if (!tn__op_from_name(op) && !tn_custom_op_is_registered(p->context, op)) return *out_yes = false, NULL;
    tn_query_node question = {sizeof question, op, types, values, n_in, info.attrs, info.n_attrs, n->n_outputs};
    tn_query_answer answer = {.struct_size = sizeof answer};
    tn_error *e = tn_query(p->context, o->device, &question, cache, &answer);
    if (e) return tn__error_prefix(e, "partition: node %u (%s)", i, n->op);
    *out_yes = answer.supported;
    snprintf(why, why_bytes, "%s", answer.why);
    return NULL;
}

static tn_error *mark(tn_partition *p, const tn_partition_source *s, const tn_partition_options *o, tn_query_cache *cache) {
    for (uint32_t i = 0; i < p->n; i++) {
        tn__fnode *n = &p->nodes[i];
        char why[240] = "";
        if (listed(o->disabled_ops, n->op))
            snprintf(why, sizeof why, "disabled");
        else if (o->mark)
            n->marked = o->mark(o->mark_self, i, why, sizeof why);
        else if (n->constant)
            n->marked = n->value != NULL; /* nothing to compile, but its value has to be there */
        else
            TN__TRY(ask(p, s, o, cache, i, why, sizeof why, &n->marked));
        why[sizeof why - 1] = 0;
        if (!o->mark && n->constant && !n->marked && !*why) snprintf(why, sizeof why, "constant without a value");
        if (!n->marked && !(n->reason = tn__arena_strdup(&p->arena, *why ? why : "no kernel"))) return tn__error_oom();
    }
    return NULL;
}

/* Numbers the clusters along the order; gives constants to the one cluster that reads them. */
static tn_error *number(tn_partition *p) {
    tn__fnode *v = p->nodes;
    for (uint32_t i = 0; i < p->n; i++) v[i].cluster = TN_NO_CLUSTER;
    for (uint32_t at = 0; at < p->n; at++) {
        tn__fnode *n = &v[p->order[at]];
        if (!n->marked || n->constant) continue;
        tn__fnode *r = &v[tn__fnode_root(v, p->order[at])];
        if (r->cluster == TN_NO_CLUSTER) r->cluster = p->n_clusters++;
        n->cluster = r->cluster;
    }
    p->clusters = TN__ARENA_ARRAY(&p->arena, cluster, (size_t)p->n_clusters + 1);
    bool *shared = TN__ARENA_ARRAY(&p->arena, bool, (size_t)p->n + 1);
    if (!p->clusters || !shared) return tn__error_oom();
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < v[i].n_edges; k++) {
            uint32_t c = v[i].edges[k].node;
            if (!v[c].constant || !v[c].marked || shared[c]) continue;
            if (v[i].cluster == TN_NO_CLUSTER || v[c].fetched || v[c].predicate != v[i].predicate ||
                strcmp(v[c].placement, v[i].placement) || (v[c].cluster != TN_NO_CLUSTER && v[c].cluster != v[i].cluster)) {
                shared[c] = true;
                v[c].cluster = TN_NO_CLUSTER;
            } else
                v[c].cluster = v[i].cluster;
        }
    for (uint32_t i = 0; i < p->n; i++)
        if (v[i].marked && v[i].cluster == TN_NO_CLUSTER) v[i].reason = "constant of no single cluster";
    return NULL;
}

/* ---- encapsulate --------------------------------------------------------------------------------------------- */

static tn_port port_of(const tn_partition *p, const tn_edge *e) {
    if (e->kind == TN_EDGE_CONTROL) return (tn_port){.node = e->node, .control = true, .rank = -1};
    const tn_value_type *t = &p->nodes[e->node].outputs[e->output];
    return (tn_port){e->node, e->output, false, e->kind == TN_EDGE_STATIC, t->dtype, t->rank, t->dims};
}

static tn_error *encapsulate(tn_partition *p) {
    tn__fnode *v = p->nodes;
    uint64_t *base = TN__ARENA_ARRAY(&p->arena, uint64_t, (size_t)p->n + 1); /* a slot for each output and one for the order */
    if (!base) return tn__error_oom();
    for (uint32_t i = 0; i < p->n; i++) {
        base[i + 1] = base[i] + v[i].n_outputs + 1;
        if (v[i].cluster != TN_NO_CLUSTER) p->clusters[v[i].cluster].n_nodes++;
    }
    uint32_t *seen = TN__ARENA_ARRAY(&p->arena, uint32_t, base[p->n] + 1),
             *place = TN__ARENA_ARRAY(&p->arena, uint32_t, base[p->n] + 1);
    bool *leaves = TN__ARENA_ARRAY(&p->arena, bool, base[p->n] + 1);
    if (!seen || !place || !leaves) return tn__error_oom();
    for (uint32_t c = 0; c < p->n_clusters; c++) {
        p->clusters[c].nodes = TN__ARENA_ARRAY(&p->arena, uint32_t, (size_t)p->clusters[c].n_nodes + 1);
        if (!p->clusters[c].nodes) return tn__error_oom();
        p->clusters[c].n_nodes = 0;
    }
    for (uint32_t at = 0; at < p->n; at++) {
        uint32_t i = p->order[at], c = v[i].cluster;
        if (c != TN_NO_CLUSTER) p->clusters[c].nodes[p->clusters[c].n_nodes++] = i;
        for (uint32_t k = 0; k < v[i].n_edges; k++) {
            const tn_edge *e = &v[i].edges[k];
            if (v[e->node].cluster != c)
                leaves[base[e->node] + (e->kind == TN_EDGE_CONTROL ? v[e->node].n_outputs : e->output)] = true;
        }
    }
    for (uint32_t c = 0; c < p->n_clusters; c++) {
        cluster *u = &p->clusters[c];
        uint64_t most_in = 1, most_out = 1;
        for (uint32_t m = 0; m < u->n_nodes; m++) most_in += v[u->nodes[m]].n_edges, most_out += v[u->nodes[m]].n_outputs + 1;
        u->in = TN__ARENA_ARRAY(&p->arena, tn_port, most_in);
        u->out = TN__ARENA_ARRAY(&p->arena, tn_port, most_out);
        if (!u->in || !u->out) return tn__error_oom();
        for (uint32_t m = 0; m < u->n_nodes; m++) {
            const tn__fnode *n = &v[u->nodes[m]];
            for (uint32_t k = 0; k < n->n_edges; k++) {
                const tn_edge *e = &n->edges[k];
                if (v[e->node].cluster == c) continue;
                uint64_t slot = base[e->node] + (e->kind == TN_EDGE_CONTROL ? v[e->node].n_outputs : e->output);
                if (seen[slot] != c + 1) {
                    seen[slot] = c + 1;
                    place[slot] = u->n_in;
                    u->in[u->n_in++] = port_of(p, e);
                } else if (e->kind == TN_EDGE_STATIC)
                    u->in[place[slot]].is_static = true;
            }
            for (uint32_t k = 0; k <= n->n_outputs; k++)
                if (leaves[base[u->nodes[m]] + k] || (n->fetched && k < n->n_outputs))
                    u->out[u->n_out++] =
                        port_of(p, &(tn_edge){u->nodes[m], k, k == n->n_outputs ? TN_EDGE_CONTROL : TN_EDGE_DATA});
        }
    }
    return NULL;
}

/* Estimates every cluster; those without gain are given up and the rest is numbered again. */
static tn_error *deassign(tn_partition *p, const tn_partition_options *o) {
    double node_ns = o->node_ns > 0 ? o->node_ns : default_node_ns, call_ns = o->call_ns > 0 ? o->call_ns : default_call_ns,
           port_ns = o->port_ns > 0 ? o->port_ns : default_port_ns;
    uint32_t kept = 0;
    for (uint32_t c = 0; c < p->n_clusters; c++) {
        cluster u = p->clusters[c];
        u.gain_ns = -call_ns - port_ns * ((double)u.n_in + u.n_out);
        for (uint32_t m = 0; m < u.n_nodes; m++) {
            const tn__fnode *n = &p->nodes[u.nodes[m]];
            if (!n->constant) u.gain_ns += n->gain_ns > 0 ? n->gain_ns : node_ns;
        }
        const char *why = NULL;
        if (u.gain_ns <= 0) {
            why = tn__arena_printf(&p->arena, "does not pay: %.0f ns a call", u.gain_ns);
            if (!why) return tn__error_oom();
        }
        for (uint32_t m = 0; m < u.n_nodes; m++) {
            p->nodes[u.nodes[m]].cluster = why ? TN_NO_CLUSTER : kept;
            p->nodes[u.nodes[m]].reason = why;
        }
        if (!why) p->clusters[kept++] = u;
    }
    p->n_clusters = kept;
    return NULL;
}

/* Constants that stay come first. */
static tn_error *schedule(tn_partition *p) {
    const tn__fnode *v = p->nodes;
    uint32_t *first = TN__ARENA_ARRAY(&p->arena, uint32_t, (size_t)p->n + 3); /* step of a place */
    bool *seen = TN__ARENA_ARRAY(&p->arena, bool, (size_t)p->n_clusters + 1);
    bool *step = TN__ARENA_ARRAY(&p->arena, bool, (size_t)p->n + 1);
    p->steps = TN__ARENA_ARRAY(&p->arena, tn_partition_step, (size_t)p->n + 1);
    if (!first || !seen || !step || !p->steps) return tn__error_oom();
    for (uint32_t at = 0; at < p->n; at++) {
        uint32_t i = p->order[at], c = v[i].cluster;
        if (c != TN_NO_CLUSTER && (v[i].constant || seen[c])) continue;
        if (c != TN_NO_CLUSTER) seen[c] = true;
        step[i] = true;
        first[v[i].constant ? 1 : v[i].level + 2]++;
        p->n_steps++;
    }
    for (uint32_t k = 1; k <= p->n + 1; k++) first[k] += first[k - 1];
    for (uint32_t at = 0; at < p->n; at++) {
        uint32_t i = p->order[at];
        if (step[i]) p->steps[first[v[i].constant ? 0 : v[i].level + 1]++] = (tn_partition_step){v[i].cluster, i};
    }
    return NULL;
}

/* Nodes that stay, by op and reason. */
typedef struct stay {
    uint64_t hash;
    uint32_t node, count;
} stay;

static int by_hash(const void *x, const void *y) {
    const stay *a = x, *b = y;
    return a->hash != b->hash ? (a->hash < b->hash ? -1 : 1) : a->node < b->node ? -1 : a->node > b->node;
}
static int by_count(const void *x, const void *y) {
    const stay *a = x, *b = y;
    return a->count != b->count ? (a->count > b->count ? -1 : 1) : a->node < b->node ? -1 : a->node > b->node;
}

/* A reason without its details: without "OP ...: " before it, up to the next ": ". */
static const char *short_reason(const tn__fnode *n, int *out_length) {
    const char *text = n->reason, *colon = strstr(text, ": ");
    if (colon && !strncmp(text, n->op, strlen(n->op))) text = colon + 2, colon = strstr(text, ": ");
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    *out_length = (int)(length < REASON_TEXT ? length : REASON_TEXT);
    return text;
}

/* Entries of the same op and reason become one, the largest first; returns how many. */
static uint32_t group(stay *s, uint32_t n) {
    uint32_t groups = 0;
    if (n) qsort(s, n, sizeof *s, by_hash);
    for (uint32_t i = 0; i < n; i++)
        if (groups && s[groups - 1].hash == s[i].hash) s[groups - 1].count++;
        else s[groups++] = s[i];
    if (groups) qsort(s, groups, sizeof *s, by_count);
    return groups;
}

/* Where the (first) node comes from, on the same line whatever the text holds. */
static void add_source(tn__text *t, const char *source, bool several) {
    char text[REASON_TEXT + 1];
    snprintf(text, sizeof text, "%s", source);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = ' ';
    tn__text_addf(t, ", %sat %s", several ? "first " : "", text);
}

static tn_error *report(tn_partition *p, uint32_t *out_stay) {
    stay *s = TN__ARENA_ARRAY(&p->arena, stay, (size_t)p->n + 1);
    uint32_t n = 0, named = 0;
    if (!s) return tn__error_oom();
    for (uint32_t i = 0; i < p->n; i++) {
        if (!p->nodes[i].reason) continue;
        uint64_t h = mix_text(0, p->nodes[i].op);
        int length;
        const char *reason = short_reason(&p->nodes[i], &length);
        for (int k = 0; k < length; k++) h = mix(h, (unsigned char)reason[k]);
        s[n++] = (stay){h, i, 1};
    }
    uint32_t groups = group(s, n), shown = groups < LONGEST_REPORT ? groups : LONGEST_REPORT;
    tn__text t;
    tn__text_init(&t, &p->context->allocator);
    tn__text_addf(&t, "tenon: %u of %u nodes in %u clusters", p->n - n, p->n, p->n_clusters);
    if (n) tn__text_addf(&t, "; %u stay (", n);
    for (uint32_t k = 0; k < shown; k++, named += s[k - 1].count) {
        const tn__fnode *x = &p->nodes[s[k].node];
        int length;
        const char *reason = short_reason(x, &length);
        tn__text_addf(&t, "%s%s %u: %.*s", k ? "; " : "", x->op, s[k].count, length, reason);
        if (x->source) add_source(&t, x->source, s[k].count > 1);
    }
    if (named < n) tn__text_addf(&t, "; others %u", n - named);
    if (n) tn__text_add(&t, ")");
    *out_stay = n;
    char *text = tn__text_take(&t);
    tn__text_deinit(&t);
    p->report = text ? tn__arena_strdup(&p->arena, text) : NULL;
    tn__strfree(&p->context->allocator, text);
    return p->report ? NULL : tn__error_oom();
}

static tn_error *make(tn_partition *p, const tn_partition_source *s, const tn_partition_options *o, tn_query_cache *cache) {
    uint64_t before, after;
    uint32_t n = 0, stay = 0;
    if (!s->count(s->self, &p->n)) return BAD(INVALID_ARGUMENT, "partition: count: the callback failed");
    if (p->n == UINT32_MAX) return BAD(LIMIT_EXCEEDED, "partition: too many nodes");
    if (!(p->nodes = TN__ARENA_ARRAY(&p->arena, tn__fnode, (size_t)p->n + 1))) return tn__error_oom();
    TN__TRY(read_all(p, s, true, &before));
    TN__TRY(sort(p));
    TN__TRY(mark(p, s, o, cache));
    TN__TRY(tn__clusters_assign(&p->context->allocator, p->nodes, p->n, p->order));
    TN__TRY(number(p));
    TN__TRY(encapsulate(p));
    TN__TRY(deassign(p, o));
    TN__TRY(schedule(p));
    TN__TRY(report(p, &stay));
    for (uint32_t i = 0; i < p->n; i++) { /* only tn_query needed them */
        tn_tensor_release(p->nodes[i].value);
        p->nodes[i].value = NULL;
    }
    if (!s->count(s->self, &n) || n != p->n) return BAD(INVALID_GRAPH, "partition: the graph changed meanwhile");
    TN__TRY(read_all(p, s, false, &after));
    if (before != after) return BAD(INVALID_GRAPH, "partition: the graph changed meanwhile");
    return o->require && stay ? BAD(UNSUPPORTED, "placement=require: %s", p->report) : NULL;
}

/* Undone when a callback leaves by an exception. */
typedef struct attempt {
    tn_partition *partition;
    tn_query_cache *own_cache;
} attempt;

static void give_up(attempt *a) {
    tn_partition_release(a->partition);
    tn_query_cache_release(a->own_cache);
}

tn_error *tn_partition_create(tn_context *context, const tn_partition_source *source, const tn_partition_options *options,
                              tn_partition **out) {
    if (out) *out = NULL;
    TN__HANDLE(context, CONTEXT);
    const tn_allocator *a = &context->allocator;
    if (!source || !options || !out) return TN__FAIL(a, INVALID_ARGUMENT, "partition: NULL");
    tn_partition_source s = {0};
    tn_partition_options o = {0};
    TN__STRUCT_READ(&s, source);
    TN__STRUCT_READ(&o, options);
    if (!s.count || !s.inputs || !s.op || !s.attributes || !s.constant)
        return TN__FAIL(a, INVALID_ARGUMENT, "partition: a callback is NULL");
    attempt at TN__GUARD(give_up) = {tn__alloc_zero(a, sizeof *at.partition), NULL};
    if (!at.partition) return tn__error_oom();
    tn__handle_init(&at.partition->handle, TN__HANDLE_PARTITION);
    tn_context_retain(context);
    at.partition->context = context;
    tn__arena_init(&at.partition->arena, a);
    if (!o.mark && !o.query_cache) TN__TRY(tn_query_cache_create(context, o.device, &at.own_cache));
    TN__TRY(make(at.partition, &s, &o, o.query_cache ? o.query_cache : at.own_cache));
    tn__log(context, TN_LOG_INFO, "%s", at.partition->report);
    *out = at.partition;
    at.partition = NULL;
    return NULL;
}

void tn_partition_release(tn_partition *p) {
    if (!TN__IS(p, PARTITION)) return;
    tn_context *context = p->context;
    for (uint32_t i = 0; p->nodes && i < p->n; i++) tn_tensor_release(p->nodes[i].value);
    tn__arena_deinit(&p->arena);
    tn__handle_deinit(&p->handle);
    tn__free(&context->allocator, p, sizeof *p);
    tn_context_release(context);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

uint32_t tn_partition_get_cluster_count(const tn_partition *p) { return TN__IS(p, PARTITION) ? p->n_clusters : 0; }
uint32_t tn_partition_get_cluster(const tn_partition *p, uint32_t i) {
    return TN__IS(p, PARTITION) && i < p->n ? p->nodes[i].cluster : TN_NO_CLUSTER;
}
const char *tn_partition_get_reason(const tn_partition *p, uint32_t i) { return TN__IS(p, PARTITION) && i < p->n ? p->nodes[i].reason : NULL; }
double tn_partition_get_gain_ns(const tn_partition *p, uint32_t c) { return TN__IS(p, PARTITION) && c < p->n_clusters ? p->clusters[c].gain_ns : 0; }
const char *tn_partition_get_source(const tn_partition *p, uint32_t i) { return TN__IS(p, PARTITION) && i < p->n ? p->nodes[i].source : NULL; }
const char *tn_partition_get_report(const tn_partition *p) { return TN__IS(p, PARTITION) ? p->report : NULL; }

const tn_partition_step *tn_partition_get_steps(const tn_partition *p, uint32_t *out_n) {
    bool good = TN__IS(p, PARTITION);
    if (out_n) *out_n = good ? p->n_steps : 0;
    return good ? p->steps : NULL;
}

#define GET(name, type, member)                                                                                                  \
    const type *tn_partition_get_##name(const tn_partition *p, uint32_t c, uint32_t *out_n) {                                    \
        bool good = TN__IS(p, PARTITION) && c < p->n_clusters;                                                                   \
        if (out_n) *out_n = good ? p->clusters[c].n_##member : 0;                                                                \
        return good ? p->clusters[c].member : NULL;                                                                              \
    }
GET(nodes, uint32_t, nodes)
GET(inputs, tn_port, in)
GET(outputs, tn_port, out)
