/* From a recorded sequence of nodes to its results: sign it, look up the plan, run the plan's steps. A plan is made once per
 * signature: partition, then a graph and an executable per cluster. docs/integrate.md walks through this file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tenon/tenon.h>
#include "bridge.h"

enum { MAX_NODES = 2048, MAX_PLANS = 16, MAX_SLOTS = MAX_NODES * (FW_MAX_INPUTS + 1), ATTR_WORDS = sizeof(fw_attrs) / 8 };
typedef struct unit {           /* a cluster [guide: unit] */
    tn_executable *executable;  /* NULL: could not be made; the framework's kernels, node by node */
    uint32_t n_in, n_out, *ports; /* inputs first: slots, the numbers of the sequence's tensors by first appearance */
    tn_tensor **tensors;        /* of the ports; they stay from call to call while the framework's memory does */
} unit;

typedef struct plan { /* signature and units lie behind it */
    struct plan *next;
    tn_partition *partition;
    size_t n_words;
    uint64_t *signature;
    unit *units; /* by cluster */
} plan;

struct fw_bridge {
    fw *f;
    fw_recorder recorder;
    const char *disabled_ops;
    bool require, at_end;
    void (*say)(const char *line);
    fw_bridge_counts counts;
    tn_context *context;
    tn_options *options;
    plan *plans; /* the one used last is first */
    const fw_node *nodes; /* the sequence at hand */
    uint32_t n_nodes, n_slots, n_words, producers[MAX_SLOTS]; /* of each slot: a node, or TN_NO_CLUSTER */
    fw_tensor *slots[MAX_SLOTS];
    uint64_t words[1 + MAX_NODES * (1 + ATTR_WORDS + FW_MAX_INPUTS * (sizeof(fw_shape) / 8 + 1))]; /* the signature */
    tn_edge edges[FW_MAX_INPUTS];
    tn_value_type type;
};

static void say_to_stderr(const char *line) { fprintf(stderr, "%s\n", line); }
static bool failed(fw_bridge *b, tn_error *e) { /* [guide: error] */
    if (e) fw_fail(b->f, "%s", tn_error_get_message(e));
    tn_error_destroy(e);
    return e != NULL;
}

static tn_dtype dtype_of(const fw_tensor *t) { return t->shape.dtype == FW_I64 ? TN_DTYPE_i64 : TN_DTYPE_f32; }
static bool is_known(const fw_tensor *t) { return t->constant && t->n_elements == 1 && t->shape.dtype == FW_F32; }

#define ARRAY(...) ((int64_t[]){__VA_ARGS__})
#define SCALAR(value) tn_graph_constant_copy(g, TN_DTYPE_f32, 0, NULL, &(float){value})
#define INTEGERS(n, values) tn_graph_constant_copy(g, TN_DTYPE_i64, 1, ARRAY(n), values)
#define INT(key, value) {.name = key, .kind = TN_ATTR_INT, .i = (value)}
#define INTS(key, count, values) {.name = key, .kind = TN_ATTR_INTS, .n = (uint32_t)(count), .ints = values}
#define STRIDES_AND_PADS INTS("strides", 2, ARRAY(s, s)), INTS("pads", 4, ARRAY(p, p, p, p))
#define ATTRS(...) (tn_attr[]){__VA_ARGS__}, sizeof((tn_attr[]){__VA_ARGS__}) / sizeof(tn_attr)
#define OP(name, n, ...) tn_graph_op(g, name, (tn_value[]){__VA_ARGS__}, n, NULL, 0, 1)
#define OP_WITH(name, n, x, y, attrs) tn_graph_op(g, name, (tn_value[]){x, y}, n, attrs, 1)
#define SWAP(x) OP_WITH("transpose", 1, x, x, ATTRS(INTS("perm", 4, ARRAY(1, 0, 2, 3))))

static const char *const same[FW_OP_COUNT] = { /* what Tenon has too, operands alike and without attributes [guide: map] */
    [FW_neg] = "neg", [FW_exp] = "exp", [FW_log] = "log", [FW_sqrt] = "sqrt", [FW_abs] = "abs", [FW_sign] = "sign",
    [FW_tanh] = "tanh", [FW_sigmoid] = "sigmoid", [FW_relu] = "relu", [FW_reciprocal] = "reciprocal", [FW_add] = "add",
    [FW_sub] = "sub", [FW_mul] = "mul", [FW_div] = "div", [FW_maximum] = "max", [FW_minimum] = "min",
};

static tn_value lower(tn_graph *g, const fw_node *n, tn_value x, tn_value y) { /* [guide: lower] */
    const fw_attrs *a = &n->attrs;
    const int64_t *xd = n->in[0]->shape.dims, *yd = n->in[n->n_in - 1]->shape.dims, *od = n->out->shape.dims;
    const int64_t s = a->stride, p = a->pad, k = a->size;
    int64_t rank = n->in[0]->shape.rank, out_rank = n->out->shape.rank, list[FW_MAX_RANK], n_list = 0;
    switch (n->op) {
    case FW_square: return OP("mul", 2, x, x);
    case FW_scale: return OP("mul", 2, x, SCALAR(a->value));
    case FW_shift: return OP("add", 2, x, SCALAR(a->value));
    case FW_step: return OP_WITH("cast", 1, OP("greater", 2, x, SCALAR(0)), x, ATTRS(INT("to", TN_DTYPE_f32)));
    case FW_greater: return OP_WITH("cast", 1, OP("greater", 2, x, y), x, ATTRS(INT("to", TN_DTYPE_f32)));
    case FW_equal: return OP_WITH("cast", 1, OP("equal", 2, x, y), x, ATTRS(INT("to", TN_DTYPE_f32)));
    case FW_leaky_relu: return OP_WITH("leaky_relu", 1, x, y, ATTRS({.name = "alpha", .kind = TN_ATTR_FLOAT, .f = a->value}));
    case FW_matmul: return OP_WITH("gemm", 2, x, y, ATTRS(INT("transA", a->trans_a), INT("transB", a->trans_b)));
    case FW_conv2d: return OP_WITH("conv", 2, x, y, ATTRS(STRIDES_AND_PADS));
    case FW_conv2d_grad_input: /* rows and columns that strides left over come back as output_padding */
        list[0] = (od[2] + 2 * p - yd[2]) % s, list[1] = (od[3] + 2 * p - yd[3]) % s;
        return OP_WITH("conv_transpose", 2, x, y, ATTRS(STRIDES_AND_PADS, INTS("output_padding", 2, list)));
    case FW_conv2d_grad_weight: /* a convolution: images and channels change places, strides become dilations */
        x = OP_WITH("conv", 2, SWAP(x), SWAP(y), ATTRS(INTS("dilations", 2, ARRAY(s, s)), INTS("pads", 4, ARRAY(p, p, p, p))));
        return OP("slice", 4, SWAP(x), INTEGERS(2, ARRAY(0, 0)), INTEGERS(2, od + 2), INTEGERS(2, ARRAY(2, 3)));
    case FW_max_pool:
        return OP_WITH("max_pool", 1, x, y, ATTRS(INTS("kernel_shape", 2, ARRAY(k, k)), INTS("strides", 2, ARRAY(k, k))));
    case FW_max_pool_grad: /* windows side by side: a window's largest, and its gradient, broadcast over it */
        x = OP("reshape", 2, x, INTEGERS(6, ARRAY(xd[0], xd[1], xd[2] / k, k, xd[3] / k, k)));
        y = OP("reshape", 2, y, INTEGERS(6, ARRAY(xd[0], xd[1], xd[2] / k, 1, xd[3] / k, 1)));
        x = OP("equal", 2, x, OP("reduce_max", 2, x, INTEGERS(2, ARRAY(3, 5))));
        return OP("reshape", 2, OP("where", 3, x, y, SCALAR(0)), INTEGERS(4, od));
    case FW_sum: return OP("reduce_sum", 2, x, INTEGERS(1, &a->axis));
    case FW_max: return OP("reduce_max", 2, x, INTEGERS(1, &a->axis));
    case FW_argmax: return OP_WITH("arg_max", 1, x, x, ATTRS(INT("axis", a->axis)));
    case FW_sum_to:
        for (int64_t i = 0, missing = rank - out_rank; i < rank; i++)
            if (i < missing || od[i - missing] != xd[i]) list[n_list++] = i;
        return OP("reshape", 2, n_list ? OP("reduce_sum", 2, x, INTEGERS(n_list, list)) : x, INTEGERS(out_rank, od));
    case FW_broadcast_to: return OP("expand", 2, x, INTEGERS(out_rank, od));
    case FW_reshape: return OP("reshape", 2, x, INTEGERS(out_rank, od));
    case FW_transpose: return OP_WITH("transpose", 1, x, x, ATTRS(INTS("perm", rank, a->shape.dims)));
    case FW_softmax: return OP_WITH("softmax", 1, x, x, ATTRS(INT("axis", rank - 1)));
    default: return tn_graph_op(g, same[n->op], (tn_value[]){x, y}, (uint32_t)n->n_in, NULL, 0, 1);
    }
}

static bool mark(void *self, uint32_t i, char *why, size_t why_bytes) { /* [guide: mark] */
    const fw_node *n = &((fw_bridge *)self)->nodes[i];
    const int64_t *od = n->out->shape.dims, k = n->attrs.size;
    const char *problem = n->op == FW_cross_entropy || n->op == FW_cross_entropy_grad ? "its labels are checked" : NULL;
    if (n->op == FW_max_pool_grad && (od[2] % k || od[3] % k)) problem = "its windows leave something out";
    snprintf(why, why_bytes, "%s", problem ? problem : "");
    return !problem;
}

static bool node_count(void *self, uint32_t *out) { return *out = ((fw_bridge *)self)->n_nodes, true; }
static bool node_op(void *self, uint32_t i, const char **op) { return *op = fw_op_name(((fw_bridge *)self)->nodes[i].op), true; }
static bool node_constant(void *self, uint32_t i, bool *out) { return *out = false, true; }

static bool node_inputs(void *self, uint32_t i, const tn_edge **out_edges, uint32_t *out_n) { /* [guide: inputs] */
    fw_bridge *b = self;
    *out_n = 0, *out_edges = b->edges;
    for (int k = 0; k < b->nodes[i].n_in; k++) { /* a tensor from outside of the sequence is no edge */
        uint32_t producer = b->producers[b->nodes[i].in[k]->number];
        if (producer != TN_NO_CLUSTER) b->edges[(*out_n)++] = (tn_edge){producer, 0, TN_EDGE_DATA};
    }
    return true;
}

static bool node_attributes(void *self, uint32_t i, tn_partition_node *out) { /* [guide: attributes] */
    fw_bridge *b = self;
    const fw_tensor *t = b->nodes[i].out;
    b->type = (tn_value_type){dtype_of(t), t->shape.rank, t->shape.dims};
    out->outputs = &b->type, out->n_outputs = 1;
    out->fetched = !b->at_end || fw_is_kept(t);
    out->gain_ns = 300 + (double)t->n_elements; /* the naive kernels take a nanosecond an element, or more */
    return true;
}

static tn_error *build(fw_bridge *b, const tn_partition *partition, uint32_t cluster, unit *u) { /* [guide: build] */
    uint32_t n_nodes, n_out;
    const uint32_t *nodes = tn_partition_get_nodes(partition, cluster, &n_nodes);
    const tn_port *out = tn_partition_get_outputs(partition, cluster, &n_out);
    tn_value *values = calloc(b->n_slots, sizeof *values); /* of the slots */
    u->ports = calloc(3 * n_nodes, sizeof *u->ports), u->tensors = calloc(3 * n_nodes, sizeof *u->tensors);
    tn_graph *g = NULL;
    tn_error *e = values && u->ports && u->tensors ? tn_graph_create(b->context, "cluster", &g) : NULL;
    for (uint32_t m = 0; g && m < n_nodes; m++) {
        const fw_node *n = &b->nodes[nodes[m]];
        char source[64];
        snprintf(source, sizeof source, "%s, node %u", fw_op_name(n->op), nodes[m]);
        tn_graph_set_current_source(g, source);
        for (int k = 0; k < n->n_in; k++) {
            const fw_tensor *t = n->in[k];
            tn_value *v = &values[t->number];
            if (v->id) continue;
            *v = is_known(t) ? SCALAR(*(float *)t->data) : tn_graph_input(g, NULL, dtype_of(t), t->shape.rank, t->shape.dims);
            if (!is_known(t)) u->ports[u->n_in++] = t->number;
        }
        values[n->out->number] = lower(g, n, values[n->in[0]->number], values[n->in[n->n_in - 1]->number]);
    }
    for (uint32_t k = 0; g && k < n_out; k++) {
        uint32_t slot = b->nodes[out[k].node].out->number;
        tn_graph_output(g, NULL, values[slot]), u->ports[u->n_in + u->n_out++] = slot;
    }
    if (g && n_out) e = tn_compile(g, b->options, &u->executable);
    tn_graph_release(g), free(values);
    return e;
}

static void plan_destroy(plan *p) {
    for (unit *u = p->units; u < p->units + tn_partition_get_cluster_count(p->partition); u++) {
        for (uint32_t k = 0; u->tensors && k < u->n_in + u->n_out; k++) tn_tensor_release(u->tensors[k]);
        tn_executable_release(u->executable), free(u->ports), free(u->tensors);
    }
    tn_partition_release(p->partition), free(p);
}

static plan *plan_create(fw_bridge *b) { /* [guide: plan] */
    tn_partition_source source = {sizeof source, b, node_count, node_inputs, node_op, node_attributes, node_constant};
    tn_partition_options o = {sizeof o, b->disabled_ops, b->require, .mark = mark, .mark_self = b};
    tn_partition *partition = NULL;
    if (failed(b, tn_partition_create(b->context, &source, &o, &partition))) return NULL;
    if (!b->counts.plans++) b->say(tn_partition_get_report(partition));
    uint32_t n_clusters = tn_partition_get_cluster_count(partition);
    plan *p = calloc(1, sizeof *p + b->n_words * 8 + n_clusters * sizeof(unit));
    if (!p) return tn_partition_release(partition), fw_fail(b->f, "out of memory"), NULL;
    *p = (plan){NULL, partition, b->n_words, (uint64_t *)(p + 1), (unit *)((uint64_t *)(p + 1) + b->n_words)};
    memcpy(p->signature, b->words, b->n_words * 8);
    for (uint32_t c = 0; c < n_clusters; c++) {
        tn_error *e = build(b, p->partition, c, &p->units[c]);
        if (e) b->say(tn_error_get_message(e)), tn_error_destroy(e); /* and the framework's kernels run it */
    }
    return p;
}

static uint32_t slot_of(fw_bridge *b, fw_tensor *t, uint32_t producer) {
    if (t->number < b->n_slots && b->slots[t->number] == t) return t->number;
    b->slots[b->n_slots] = t, b->producers[b->n_slots] = producer;
    return t->number = b->n_slots++;
}

static void sign(fw_bridge *b) { /* [guide: sign] */
    uint64_t *w = b->words;
    *w++ = b->at_end, b->n_slots = 0;
    for (uint32_t i = 0; i < b->n_nodes; i++) {
        const fw_node *n = &b->nodes[i];
        uint64_t *edges = w++;
        *edges = (uint64_t)n->op << 1 | fw_is_kept(n->out);
        for (int k = 0; k < n->n_in; k++) {
            uint32_t fresh = b->n_slots, slot = slot_of(b, n->in[k], TN_NO_CLUSTER);
            *edges = *edges << 16 | slot;
            if (slot < fresh) continue;
            memcpy(w, &n->in[k]->shape, sizeof(fw_shape)), w += sizeof(fw_shape) / 8;
            *w = is_known(n->in[k]); /* then the value takes part */
            memcpy((float *)w++ + 1, is_known(n->in[k]) ? n->in[k]->data : &(float){0}, sizeof(float));
        }
        slot_of(b, n->out, i);
        memcpy(w, &n->attrs, sizeof n->attrs), w += ATTR_WORDS;
    }
    b->n_words = (uint32_t)(w - b->words);
}

static bool call(fw_bridge *b, unit *u) { /* [guide: call] */
    tn_error *e = NULL;
    for (uint32_t i = 0; i < u->n_in + u->n_out && !e; i++) {
        fw_tensor *t = b->slots[u->ports[i]];
        if (i >= u->n_in && !fw_alloc(b->f, t)) return false;
        if (u->tensors[i] && tn_tensor_get_data(u->tensors[i]) == t->data) continue;
        tn_tensor_release(u->tensors[i]);
        e = tn_tensor_create_borrowed(b->context, dtype_of(t), t->shape.rank, t->shape.dims, t->data, fw_bytes(t), NULL, NULL,
                                      &u->tensors[i]);
    }
    if (!e) e = tn_executable_run(u->executable, u->tensors, u->n_in, u->tensors + u->n_in, u->n_out);
    b->counts.calls++;
    return !failed(b, e);
}

static bool run(void *self, fw *f, const fw_node *nodes, uint32_t n_nodes, bool at_end) { /* [guide: run] */
    fw_bridge *b = self;
    if (n_nodes > MAX_NODES) return fw_fail(f, "bridge: %u nodes in a step, at most %d", n_nodes, MAX_NODES), false;
    b->nodes = nodes, b->n_nodes = n_nodes, b->at_end = at_end;
    sign(b);
    uint32_t n_plans = 0, n_steps, n = 1;
    plan **at = &b->plans, **last = at, *p;
    while ((p = *at) && (p->n_words != b->n_words || memcmp(p->signature, b->words, b->n_words * 8)))
        n_plans++, last = at, at = &p->next;
    if (n_plans == MAX_PLANS) plan_destroy(*last), *(at = last) = NULL; /* the one used longest ago */
    if (p) *at = p->next;
    if (!p && !(p = plan_create(b))) return false;
    p->next = b->plans, b->plans = p;
    const tn_partition_step *steps = tn_partition_get_steps(p->partition, &n_steps);
    for (uint32_t i = 0; i < n_steps; i++) {
        unit *u = steps[i].cluster == TN_NO_CLUSTER ? NULL : &p->units[steps[i].cluster];
        const uint32_t *left = u ? tn_partition_get_nodes(p->partition, steps[i].cluster, &n) : &steps[i].node;
        bool calls = u && (u->executable || !u->n_out); /* what nobody reads needs no call */
        if (calls && u->n_out && !call(b, u)) return false;
        for (uint32_t m = 0; !calls && m < (u ? n : 1); m++, b->counts.fallbacks++)
            if (!fw_run_node(f, &nodes[left[m]])) return false;
    }
    return true;
}

fw_bridge *fw_bridge_create(fw *f, const char *disabled_ops, bool require, void (*say)(const char *line)) { /* [guide: create] */
    fw_bridge *b = calloc(1, sizeof *b);
    if (!b) return fw_fail(f, "out of memory"), NULL;
    b->f = f, b->disabled_ops = disabled_ops, b->require = require, b->say = say ? say : say_to_stderr, b->recorder.self = b;
    b->recorder.run = run;
    if (failed(b, tn_context_create(NULL, &b->context)) || failed(b, tn_options_create(b->context, &b->options)))
        return fw_bridge_destroy(b), NULL;
    fw_set_recorder(f, &b->recorder);
    return b;
}

void fw_bridge_destroy(fw_bridge *b) {
    if (!b) return;
    if (b->f->recorder == &b->recorder) fw_set_recorder(b->f, NULL);
    for (plan *p = b->plans, *next; p; p = next) next = p->next, plan_destroy(p);
    tn_options_release(b->options), tn_context_release(b->context), free(b);
}
fw_bridge_counts fw_bridge_get_counts(const fw_bridge *b) { return b->counts; }
