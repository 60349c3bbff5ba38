#include "seeded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/graph.h"

typedef enum role { ROLE_NONE, ROLE_WEIGHT, ROLE_SCALE, ROLE_BIAS, ROLE_VARIANCE, ROLE_FACTOR } role;

typedef struct use {
    role role;
    const tn__node *node; /* of graph `from` */
} use;

static uint64_t hash_name(const char *name) { /* FNV-1a */
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++) h = (h ^ (unsigned char)*name) * 0x100000001b3u;
    return h;
}

/* [0, 1), 24 bits */
static float uniform(uint64_t seed, uint64_t j) {
    uint64_t z = (seed + j) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (float)((double)(z >> 40) / 16777216.0);
}

static role role_of(tn__op op, uint32_t operand) {
    switch (op) {
    case TN_OP_conv:
    case TN_OP_gemm: return operand == 1 ? ROLE_WEIGHT : operand == 2 ? ROLE_BIAS : ROLE_NONE;
    case TN_OP_matmul: return operand == 1 ? ROLE_WEIGHT : ROLE_NONE;
    case TN_OP_batch_normalization:
        return operand == 1 ? ROLE_SCALE : operand == 4 ? ROLE_VARIANCE : operand ? ROLE_BIAS : ROLE_NONE;
    case TN_OP_mul: return ROLE_FACTOR;
    case TN_OP_add: return ROLE_BIAS;
    default: return ROLE_NONE;
    }
}

static bool passes_on(tn__op op) { return op == TN_OP_unsqueeze || op == TN_OP_reshape || op == TN_OP_identity; }

/* uses[value]: the first use of each value; reshapes pass a use on to what they reshape. */
static void find_uses(const tn_graph *g, use *uses) {
    for (size_t i = 0; i < g->nodes.count; i++) {
        const tn__node *n = &g->nodes.data[i];
        for (uint32_t k = 0; k < n->n_in; k++) {
            role r = role_of(n->op, k);
            tn_value v = tn__in(g, n, k);
            for (const tn__node *maker; r && v.id; v = tn__in(g, maker, 0)) {
                if (!uses[v.id].role) uses[v.id] = (use){r, n};
                if (!(maker = tn__node_of(g, v)) || !passes_on(maker->op)) break;
            }
        }
    }
}

static double fan_in(const use *u, const tn_tensor *t) {
    const int64_t *dims = tn_tensor_get_dims(t);
    if (u->node->op == TN_OP_gemm) return (double)dims[((const tn__attrs_gemm *)u->node->attrs)->transB ? 1 : 0];
    if (u->node->op == TN_OP_matmul) return (double)dims[0];
    return (double)(tn_tensor_get_elements(t) / dims[0]);
}

static void fill(tn_tensor *t, const char *name, const use *u) {
    float *data = tn_tensor_get_data(t);
    uint64_t seed = hash_name(name);
    float scale = u->role == ROLE_WEIGHT ? (float)sqrt(6.0 / fan_in(u, t)) : 0;
    for (int64_t j = 0; j < tn_tensor_get_elements(t); j++) {
        float x = uniform(seed, (uint64_t)j);
        switch (u->role) {
        case ROLE_WEIGHT: data[j] = (2 * x - 1) * scale; break;
        case ROLE_SCALE: data[j] = 0.25f + 0.5f * x; break;
        case ROLE_FACTOR: data[j] = 1.5f + x; break;
        case ROLE_VARIANCE: data[j] = 0.5f + x; break;
        default: data[j] = (x - 0.5f) * 0.2f; break;
        }
    }
}

static tn_error *weight(tn_graph *to, const tn_graph *from, const tn__node *n, const use *u, tn_value *out) {
    tn_value v = tn__out(n, 0);
    const tn_tensor *shape = tn__constant_of(from, tn__in(from, n, 0));
    tn_tensor *t;
    if (!shape || !from->values.data[v.id].name)
        return TN__FAIL(NULL, INVALID_GRAPH, "a weight without a constant shape or without a name");
    TN__TRY(tn_tensor_create(to->context, TN_DTYPE_f32, (int32_t)tn_tensor_get_elements(shape), tn_tensor_get_data(shape), &t));
    fill(t, from->values.data[v.id].name, u);
    *out = tn_graph_constant(to, t);
    tn_tensor_release(t);
    return NULL;
}

/* What a final softmax reads; the old form of the operator stands between a flatten and a reshape. */
static tn_value logits_of(const tn_graph *g, tn_value v) {
    const tn__node *last = tn__node_of(g, v);
    if (last && last->op == TN_OP_reshape) last = tn__node_of(g, tn__in(g, last, 0));
    if (!last || last->op != TN_OP_softmax) return v;
    v = tn__in(g, last, 0);
    const tn__node *before = tn__node_of(g, v);
    return before && before->op == TN_OP_flatten ? tn__in(g, before, 0) : v;
}

static tn_error *put_weights(const tn_graph *from, tn_graph *to, use *uses, tn_value *map) {
    find_uses(from, uses);
    for (size_t i = 0; i < from->inputs.count; i++) {
        tn_value v = from->inputs.data[i].value;
        const tn__type *t = tn__type_of(from, v);
        map[v.id] = tn_graph_input(to, from->inputs.data[i].name, t->dtype, t->rank, t->dims);
    }
    for (size_t i = 0; i < from->nodes.count; i++) {
        const tn__node *n = &from->nodes.data[i];
        uint32_t id = tn__out(n, 0).id;
        if (n->op == TN_OP_constant_of_shape) {
            TN__TRY(weight(to, from, n, &uses[id], &map[id]));
            continue;
        }
        tn_value v = tn__graph_copy_node(to, from, n, map);
        for (uint32_t k = 0; k < n->n_out; k++) map[id + k] = tn_value_output(v, k);
    }
    for (size_t i = 0; i < from->outputs.count; i++) {
        tn_value v = from->outputs.data[i].value;
        tn_graph_output(to, from->outputs.data[i].name, map[logits_of(from, v).id]);
    }
    return tn_graph_check(to);
}

tn_error *seeded_load(tn_context *context, const char *path, tn_graph **out_graph) {
    tn_graph *from, *to = NULL;
    *out_graph = NULL;
    TN__TRY(tn_onnx_load_file(context, path, &from));
    use *uses = calloc(from->values.count, sizeof *uses);
    tn_value *map = calloc(from->values.count, sizeof *map);
    tn_error *e = uses && map ? tn_graph_create(context, "seeded", &to) : tn__error_oom();
    if (!e) e = put_weights(from, to, uses, map);
    free(uses);
    free(map);
    tn_graph_release(from);
    if (e) tn_graph_release(to);
    else *out_graph = to;
    return e;
}
