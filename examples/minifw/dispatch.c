/* The one door of all ops: checks, shape, node, kernel (now, or later through the recorder). */
#include <stdlib.h>
#include <string.h>

#include "minifw.h"

static const struct {
    const char *name;
    int n_in;
} table[FW_OP_COUNT] = {
#define FW_UNARY(name, expr, grad) {#name, 1},
#define FW_BINARY(name, expr, grad_a, grad_b) {#name, 2},
#define FW_OP(name, n_in, has_grad, attrs) {#name, n_in},
#include "ops.def"
};

const char *fw_op_name(fw_op_id op) { return (unsigned)op < FW_OP_COUNT ? table[op].name : "?"; }

void fw_set_recorder(fw *f, const fw_recorder *recorder) {
    if (f->n_nodes) return fw_fail(f, "the recorder can only change between steps");
    f->recorder = recorder;
}

bool fw_run_node(fw *f, const fw_node *node) {
    for (int i = 0; i < node->n_in; i++)
        if (!node->in[i]->data) return fw_fail(f, "%s: operand %d has no values yet", fw_op_name(node->op), i), false;
    if (!fw_alloc(f, node->out)) return false;
    const char *problem = fw_kernels[node->op](node);
    if (problem) fw_fail(f, "%s: %s", fw_op_name(node->op), problem);
    return !problem;
}

/* Runs what the recorder has held back. */
static bool flush(fw *f, bool at_end) {
    uint32_t first = f->n_run;
    f->n_run = f->n_nodes;
    if (first == f->n_nodes) return true;
    bool ran = f->recorder->run(f->recorder->self, f, f->nodes + first, f->n_nodes - first, at_end);
    if (!ran && !fw_error(f)) fw_fail(f, "the recorder failed");
    for (uint32_t i = first; ran && i < f->n_nodes; i++)
        if (!f->nodes[i].out->data && (!at_end || fw_is_kept(f->nodes[i].out)))
            return fw_fail(f, "%s: the recorder left no values", fw_op_name(f->nodes[i].op)), false;
    return ran;
}

static fw_node *append(fw *f, const fw_node *node) {
    if (f->n_nodes == f->capacity) {
        uint32_t capacity = f->capacity ? 2 * f->capacity : 64;
        fw_node *grown = realloc(f->nodes, capacity * sizeof *grown);
        if (!grown) return fw_fail(f, "out of memory"), NULL;
        f->nodes = grown, f->capacity = capacity;
    }
    for (int i = 0; i < node->n_in; i++) fw_retain(node->in[i])->step_refs++;
    node->out->step_refs++; /* the reference that declaring it gave */
    f->nodes[f->n_nodes] = *node;
    return &f->nodes[f->n_nodes++];
}

fw_tensor *fw_op(fw *f, fw_op_id op, const fw_attrs *attrs, int n_in, fw_tensor *const *in) {
    if (fw_error(f)) return NULL;
    if ((unsigned)op >= FW_OP_COUNT || n_in != table[op].n_in)
        return fw_fail(f, "%s does not take %d inputs", fw_op_name(op), n_in), NULL;
    fw_node node = {.op = op, .n_in = n_in};
    if (attrs) node.attrs = *attrs;
    bool needs_grad = false;
    for (int i = 0; i < n_in; i++) {
        if (!in[i]) return fw_fail(f, "%s: operand %d is missing", fw_op_name(op), i), NULL;
        node.in[i] = in[i];
        needs_grad |= in[i]->needs_grad;
    }
    fw_shape shape = {0};
    const char *problem = fw_shape_rules[op](&node, &shape);
    if (problem) return fw_fail(f, "%s: %s", fw_op_name(op), problem), NULL;
    node.out = fw__tensor_declare(f, shape);
    if (!node.out) return NULL;
    node.out->needs_grad = needs_grad && !f->no_grad && fw_gradients[op];
    const fw_node *kept = append(f, &node);
    if (!kept) return fw_release(node.out), NULL;
    if (f->recorder) return node.out;
    f->n_run = f->n_nodes;
    return fw_run_node(f, kept) ? node.out : NULL;
}

fw_tensor *fw_op1(fw *f, fw_op_id op, fw_tensor *a) { return fw_op(f, op, NULL, 1, &a); }
fw_tensor *fw_op2(fw *f, fw_op_id op, fw_tensor *a, fw_tensor *b) { return fw_op(f, op, NULL, 2, (fw_tensor *[]){a, b}); }

const void *fw_data(fw *f, fw_tensor *t) {
    if (!t || fw_error(f) || (!t->data && f->recorder && !flush(f, false))) return NULL;
    if (!t->data) fw_fail(f, "a tensor has no values");
    return t->data;
}

bool fw_step_end(fw *f) {
    if (f->recorder && !fw_error(f)) flush(f, true);
    for (uint32_t i = 0; i < f->n_nodes; i++) {
        fw_node *node = &f->nodes[i];
        for (int k = 0; k <= node->n_in; k++) {
            fw_tensor *t = k < node->n_in ? node->in[k] : node->out;
            t->grad = NULL;
            t->step_refs--;
            fw_release(t);
        }
    }
    f->n_nodes = f->n_run = 0;
    return !fw_error(f);
}
