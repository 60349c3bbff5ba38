/* minifw: a miniature eager deep-learning framework, as the engineer of a new framework has one. It knows nothing of Tenon.
 * Values: a tensor is immutable once it has data; a training step makes new parameters from old ones.
 * Ownership: fw_tensor_create, fw_tensor_constant and fw_retain give the caller a reference that fw_release takes. The result
 *   of an op belongs to the step: it lives until fw_step_end, unless the caller retains it.
 * Errors: the first one stays in the framework (fw_error); from then on ops return NULL and take NULL, so only the end of a
 *   step needs a check. fw_clear_error forgets it.
 * Threads: one framework object is used by one thread at a time. Results are a function of the inputs and the seeds alone. */
#ifndef MINIFW_H
#define MINIFW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FW_MAX_RANK = 4, FW_MAX_INPUTS = 2 };

typedef enum fw_dtype { FW_F32, FW_I64 } fw_dtype;
typedef struct fw_shape {
    fw_dtype dtype;
    int rank;
    int64_t dims[FW_MAX_RANK]; /* row-major, outermost first */
} fw_shape;

typedef struct fw_tensor {
    fw_shape shape;
    int64_t n_elements;
    uint32_t refs, step_refs; /* all references; those that the nodes of this step hold */
    uint32_t number;          /* the recorder's own */
    bool needs_grad;
    bool constant;          /* a leaf whose values never change */
    void *data;             /* owned; NULL while a recorder holds the computation back: read through fw_data */
    struct fw_tensor *grad; /* after fw_backward, until fw_step_end; borrowed from the step */
} fw_tensor;

/* Attributes of all ops; each reads those that its line of ops.def names, the others are zero. No padding: compare as bytes. */
typedef struct fw_attrs {
    int64_t axis, size, stride, pad;
    int16_t trans_a, trans_b;
    float value;
    fw_shape shape;
} fw_attrs;

typedef enum fw_op_id {
#define FW_EACH(name, n_in, expr, grad_a, grad_b) FW_##name,
#define FW_OP(name, n_in, family, gradient, attrs) FW_##name,
#include "ops.def"
    FW_OP_COUNT
} fw_op_id;

/* One op call of the step. It holds references to its inputs and its result. */
typedef struct fw_node {
    fw_op_id op;
    fw_attrs attrs;
    int n_in;
    fw_tensor *in[FW_MAX_INPUTS], *out;
} fw_node;

typedef struct fw fw;

/* The seam for a compiler. While a recorder is installed, ops infer shapes and append nodes, but run no kernel. When values are
 * wanted, `run` gets the nodes that have not run yet, operands first, gradients and optimiser included (they are ops as
 * all others). Each out must have its data afterwards: by fw_run_node (the framework's own kernel) or by fw_alloc and
 * writing out->data. With `at_end` the step is over, and only outs for which fw_is_kept holds need data. False, with fw_fail
 * called, is an error. */
typedef struct fw_recorder {
    void *self;
    bool (*run)(void *self, fw *f, const fw_node *nodes, uint32_t n_nodes, bool at_end);
} fw_recorder;

fw *fw_create(void); /* NULL: out of memory */
void fw_destroy(fw *f);
const char *fw_error(const fw *f); /* NULL: none */
void fw_clear_error(fw *f);
void fw_fail(fw *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fw_set_recorder(fw *f, const fw_recorder *recorder); /* borrowed; NULL: none; only between steps */

bool fw_shape_equal(const fw_shape *a, const fw_shape *b);
fw_tensor *fw_tensor_create(fw *f, fw_shape shape, const void *values);   /* values copied; NULL = zeros */
fw_tensor *fw_tensor_constant(fw *f, fw_shape shape, const void *values); /* one whose values the recorder may rely on */
fw_tensor *fw_tensor_normal(fw *f, fw_shape shape, float deviation, uint64_t *seed); /* a parameter: needs_grad is set */
fw_tensor *fw_retain(fw_tensor *t);
void fw_release(fw_tensor *t);
size_t fw_bytes(const fw_tensor *t);
bool fw_alloc(fw *f, fw_tensor *t); /* memory for the values of `t`, uninitialised */
uint64_t fw_random(uint64_t *seed); /* splitmix64 */

/* Every op goes through fw_op. attrs NULL: all zero. */
fw_tensor *fw_op(fw *f, fw_op_id op, const fw_attrs *attrs, int n_in, fw_tensor *const *in);
fw_tensor *fw_op1(fw *f, fw_op_id op, fw_tensor *a);
fw_tensor *fw_op2(fw *f, fw_op_id op, fw_tensor *a, fw_tensor *b);
fw_tensor *fw_shaped(fw *f, fw_op_id op, fw_tensor *a, fw_shape shape); /* for ops with the one attribute `shape` */
const void *fw_data(fw *f, fw_tensor *t); /* the values, computed now if they are not yet; NULL: error */
bool fw_step_end(fw *f);                  /* releases the results of the step; false: fw_error tells */
bool fw_run_node(fw *f, const fw_node *node);
bool fw_is_kept(const fw_tensor *t); /* somebody besides the step holds a reference */
const char *fw_op_name(fw_op_id op);
/* Gradients of the scalar `loss` with respect to all tensors of the step that need them, by ops of the same step. */
void fw_backward(fw *f, fw_tensor *loss);

/* inside: what ops.def ties to a name. Rules and kernels return NULL or what is wrong. */
typedef struct fw_op_row {
    const char *name;
    int n_in;
    const char *(*rule)(const fw_node *node, fw_shape *out);
    const char *(*kernel)(const fw_node *node);
    void (*gradient)(fw *f, const fw_node *node, fw_tensor *g, fw_tensor **out_grads); /* NULL: none flows */
} fw_op_row;
extern const fw_op_row fw_ops[FW_OP_COUNT];

struct fw {
    char error[256];
    const fw_recorder *recorder;
    bool no_grad;   /* backward and optimiser: results need no gradients */
    fw_node *nodes; /* the step; also the tape */
    uint32_t n_nodes, n_run, capacity;
};

#endif
