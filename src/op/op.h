/* The function columns of the op table: shape rules and reference evaluation, and what they are written with.
 *
 * Adding an op: a row in ir/ops.def, tn__infer_<rule> and tn__eval_<rule> in a family folder (often shared with others). */
#ifndef TN_OP_OP_H
#define TN_OP_OP_H
#include "ir/graph.h"

/* ---- shape rules --------------------------------------------------------------------------------------------- */

typedef struct tn__infer {
    tn_graph *g;
    const tn_allocator *a;
    tn__op op;
    const void *attrs; /* tn__attrs_<row> */
    const tn_value *in;
    uint32_t n_in, n_out;
    const tn__type *types; /* of the operands; dtype NONE for absent ones */
    tn__type *out;         /* to be filled: dtype, rank (-1 unknown), dims from tn__shape_dims */
} tn__infer;

typedef tn_error *tn__infer_fn(tn__infer *c);

/* Operand k is there. */
static inline bool tn__shape_has(const tn__infer *c, uint32_t k) { return k < c->n_in && c->in[k].id != 0; }
/* `rank` dims in the graph's arena, all TN_DIM_UNKNOWN; NULL when out of memory. rank 0 gives a non-NULL pointer. */
int64_t *tn__shape_dims(tn__infer *c, int32_t rank);
/* Sets result k. `dims` from tn__shape_dims or an operand's type. */
void tn__shape_set(tn__infer *c, uint32_t k, tn_dtype dtype, int32_t rank, const int64_t *dims);
/* The tensor of operand k where it is a constant, else NULL. */
const tn_tensor *tn__shape_const(const tn__infer *c, uint32_t k);
/* Integer operand k as a list where it is a constant of rank 0 or 1: *out_list in the arena and *out_n; *out_list NULL when not constant. */
tn_error *tn__shape_list(tn__infer *c, uint32_t k, const int64_t **out_list, uint32_t *out_n);
/* axis in [-rank, rank) normalised into [0, rank); else an error naming the attribute. */
tn_error *tn__shape_axis(const tn__infer *c, const char *what, int64_t axis, int32_t rank, int32_t *out_axis);
/* Numpy broadcast of two shapes into out (unknown dims allowed); an error names the dims. */
tn_error *tn__shape_broadcast(tn__infer *c, uint32_t first, uint32_t n, int32_t *out_rank, const int64_t **out_dims);
/* Multiplies dims; TN_DIM_UNKNOWN if any is unknown; error on overflow. */
tn_error *tn__shape_product(const tn__infer *c, const int64_t *dims, int32_t n, int64_t *out);
#define TN__INFER_FAIL(c, code, ...) TN__FAIL((c)->a, code, __VA_ARGS__)

/* ---- reference evaluation ------------------------------------------------------------------------------------ */

/* All operands are dense tensors. Results whose type is static are already allocated (zero-filled) in out[]; an op with
 * DATADEP (or a type that was not static) allocates them with tn__eval_out. */
typedef struct tn__eval {
    tn_context *context;
    const tn_allocator *a;
    tn__op op;
    const void *attrs;
    const tn_tensor *const *in; /* NULL for absent operands */
    uint32_t n_in, n_out;
    tn_tensor **out;
    const tn__type *types; /* of the results, by the shape rule on these operands; NULL: all are in out[] */
} tn__eval;

typedef tn_error *tn__eval_fn(tn__eval *c);

static inline const tn_tensor *tn__eval_in(const tn__eval *c, uint32_t k) { return k < c->n_in ? c->in[k] : NULL; }
/* Makes result k (if it is not there yet; then shape and dtype are checked) and returns it in *out. */
tn_error *tn__eval_out(tn__eval *c, uint32_t k, tn_dtype dtype, int32_t rank, const int64_t *dims, tn_tensor **out);
/* A temporary double array of tensor's elements (NULL when out of memory); free with tn__eval_free. */
double *tn__eval_load_f64(const tn__eval *c, const tn_tensor *t);
double *tn__eval_temp_f64(const tn__eval *c, int64_t n); /* zeroed */
void tn__eval_free_f64(const tn__eval *c, double *p, int64_t n);
/* Stores n doubles as t's dtype (round to nearest even; integers truncated). */
void tn__eval_store_f64(tn_tensor *t, const double *p);
/* Row-major strides in elements. */
void tn__strides(int32_t rank, const int64_t *dims, int64_t *out_strides);
/* Strides that read `t` as if broadcast to `rank` dims (0 on broadcast axes). */
void tn__broadcast_strides(const tn_tensor *t, int32_t rank, int64_t *out_strides);
/* Steps a row-major multi-index; false after the last. rank 0: false. */
bool tn__next_index(int32_t rank, const int64_t *dims, int64_t *index);
/* axis in [-rank, rank) -> [0, rank); error otherwise. */
tn_error *tn__eval_axis(const tn__eval *c, const char *what, int64_t axis, int32_t rank, int32_t *out_axis);
#define TN__EVAL_FAIL(c, code, ...) TN__FAIL((c)->a, code, __VA_ARGS__)

/* ---- the columns --------------------------------------------------------------------------------------------- */

typedef struct tn__op_functions {
    tn__infer_fn *infer;
    tn__eval_fn *eval; /* NULL: the op has no evaluation of its own (constant, control flow) */
} tn__op_functions;

extern const tn__op_functions tn__op_functions_of[TN_OP_COUNT];

#define TN_OP(name, id, imin, imax, omin, omax, attrs, flags, values, infer, eval, onnx, doc) \
    tn__infer_fn tn__infer_##infer;                                                           \
    tn__eval_fn tn__eval_##eval;
#include "ir/ops.def"

/* Evaluates one node on tensors; results are new tensors (owned by the caller), all or none. */
tn_error *tn__op_eval(tn_context *context, tn__op op, const void *attrs, const tn_tensor *const *in, uint32_t n_in,
                      uint32_t n_out, tn_tensor **out);
#endif
