/* Tensors, the one door of all ops, the recorder's seam, and reverse mode over the nodes of the step. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "minifw.h"

fw *fw_create(void) { return calloc(1, sizeof(fw)); }
void fw_destroy(fw *f) {
    if (!f) return;
    f->recorder = NULL; /* nothing reads these results any more */
    fw_step_end(f);
    free(f->nodes);
    free(f);
}

const char *fw_error(const fw *f) { return f->error[0] ? f->error : NULL; }
void fw_clear_error(fw *f) { f->error[0] = 0; }
void fw_fail(fw *f, const char *format, ...) {
    if (f->error[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(f->error, sizeof f->error, format, args);
    va_end(args);
}

void fw_set_recorder(fw *f, const fw_recorder *recorder) {
    if (f->n_nodes) return fw_fail(f, "the recorder can only change between steps");
    f->recorder = recorder;
}

/* ---- tensors ---- */

bool fw_shape_equal(const fw_shape *a, const fw_shape *b) {
    return a->dtype == b->dtype && a->rank == b->rank && !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof a->dims[0]);
}

size_t fw_bytes(const fw_tensor *t) { return (size_t)t->n_elements * (t->shape.dtype == FW_I64 ? 8 : 4); }

/* A tensor without data. */
static fw_tensor *declare(fw *f, fw_shape shape) {
    int64_t n = 1;
    bool fits = shape.rank >= 0 && shape.rank <= FW_MAX_RANK;
    for (int i = 0; fits && i < shape.rank; i++)
        fits = shape.dims[i] > 0 && !__builtin_mul_overflow(n, shape.dims[i], &n) && n <= INT64_MAX / 16;
    if (!fits) return fw_fail(f, "a tensor has at most %d dimensions, each at least 1", FW_MAX_RANK), NULL;
    fw_tensor *t = calloc(1, sizeof *t);
    if (t) *t = (fw_tensor){.shape = shape, .n_elements = n, .refs = 1};
    return t ? t : (fw_fail(f, "out of memory"), NULL);
}

bool fw_alloc(fw *f, fw_tensor *t) {
    if (!t->data) t->data = malloc(fw_bytes(t));
    if (!t->data) fw_fail(f, "out of memory");
    return t->data != NULL;
}

fw_tensor *fw_tensor_create(fw *f, fw_shape shape, const void *values) {
    fw_tensor *t = fw_error(f) ? NULL : declare(f, shape);
    if (t && !fw_alloc(f, t)) fw_release(t), t = NULL;
    if (t && values) memcpy(t->data, values, fw_bytes(t));
    if (t && !values) memset(t->data, 0, fw_bytes(t));
    return t;
}

fw_tensor *fw_tensor_constant(fw *f, fw_shape shape, const void *values) {
    fw_tensor *t = fw_tensor_create(f, shape, values);
    if (t) t->constant = true;
    return t;
}

uint64_t fw_random(uint64_t *seed) {
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

fw_tensor *fw_tensor_normal(fw *f, fw_shape shape, float deviation, uint64_t *seed) {
    fw_tensor *t = fw_tensor_create(f, shape, NULL);
    for (int64_t i = 0; t && i < t->n_elements; i++) { /* Box and Muller */
        double u = ((double)(fw_random(seed) >> 11) + 0.5) * 0x1p-53, turn = (double)fw_random(seed) * 0x1p-64;
        ((float *)t->data)[i] = deviation * (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * turn));
    }
    if (t) t->needs_grad = true;
    return t;
}

fw_tensor *fw_retain(fw_tensor *t) {
    if (t) t->refs++;
    return t;
}

void fw_release(fw_tensor *t) {
    if (!t || --t->refs) return;
    free(t->data);
    free(t);
}

bool fw_is_kept(const fw_tensor *t) { return t->refs > t->step_refs; }

/* ---- ops ---- */

const char *fw_op_name(fw_op_id op) { return (unsigned)op < FW_OP_COUNT ? fw_ops[op].name : "?"; }
bool fw_run_node(fw *f, const fw_node *node) {
    for (int i = 0; i < node->n_in; i++)
        if (!node->in[i]->data) return fw_fail(f, "%s: operand %d has no values yet", fw_op_name(node->op), i), false;
    if (!fw_alloc(f, node->out)) return false;
    const char *problem = fw_ops[node->op].kernel(node);
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
    if ((unsigned)op >= FW_OP_COUNT || n_in != fw_ops[op].n_in)
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
    const char *problem = fw_ops[op].rule(&node, &shape);
    if (problem) return fw_fail(f, "%s: %s", fw_op_name(op), problem), NULL;
    node.out = declare(f, shape);
    if (!node.out) return NULL;
    node.out->needs_grad = needs_grad && !f->no_grad && fw_ops[op].gradient;
    const fw_node *kept = append(f, &node);
    if (!kept) return fw_release(node.out), NULL;
    if (f->recorder) return node.out;
    f->n_run = f->n_nodes;
    return fw_run_node(f, kept) ? node.out : NULL;
}

fw_tensor *fw_op1(fw *f, fw_op_id op, fw_tensor *a) { return fw_op(f, op, NULL, 1, &a); }
fw_tensor *fw_op2(fw *f, fw_op_id op, fw_tensor *a, fw_tensor *b) { return fw_op(f, op, NULL, 2, (fw_tensor *[]){a, b}); }
fw_tensor *fw_shaped(fw *f, fw_op_id op, fw_tensor *a, fw_shape s) { return fw_op(f, op, &(fw_attrs){.shape = s}, 1, &a); }

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

/* ---- the tape: gradients are ops like all others, so that a recorder sees them too ---- */

void fw_backward(fw *f, fw_tensor *loss) {
    if (fw_error(f)) return;
    if (!loss || loss->n_elements != 1 || !loss->needs_grad)
        return fw_fail(f, "backward: not a scalar with parameters behind it");
    f->no_grad = true;
    fw_tensor *one = fw_tensor_constant(f, loss->shape, &(float){1});
    loss->grad = fw_op(f, FW_scale, &(fw_attrs){.value = 1}, 1, &one); /* a result of the step, so that the step owns it */
    fw_release(one);
    for (uint32_t i = f->n_nodes; i-- > 0 && !fw_error(f);) {
        fw_node node = f->nodes[i]; /* a copy: ops move the array */
        if (!node.out->grad || !node.out->needs_grad) continue;
        fw_tensor *d[FW_MAX_INPUTS] = {NULL};
        fw_ops[node.op].gradient(f, &node, node.out->grad, d);
        for (int k = 0; k < node.n_in; k++) {
            fw_tensor *t = node.in[k];
            if (!t->needs_grad || !d[k]) continue;
            if (!fw_shape_equal(&d[k]->shape, &t->shape)) d[k] = fw_shaped(f, FW_sum_to, d[k], t->shape);
            t->grad = t->grad ? fw_op2(f, FW_add, t->grad, d[k]) : d[k];
        }
    }
    f->no_grad = false;
}
