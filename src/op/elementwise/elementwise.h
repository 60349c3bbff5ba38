/* What the elementwise evaluations share: which arithmetic a dtype is computed in, and walking operands as if broadcast. */
#ifndef TN_OP_ELEMENTWISE_H
#define TN_OP_ELEMENTWISE_H
#include "op/op.h"

typedef enum tn__arith { TN__ARITH_F64, TN__ARITH_I64, TN__ARITH_U64 } tn__arith;

static inline bool tn__is_integer(tn_dtype d) { return tn__dtype_is_int(d) || d == TN_DTYPE_i2 || d == TN_DTYPE_u2; }
static inline bool tn__is_floating(tn_dtype d) { return tn__dtype_is_float(d) && !tn__is_integer(d); }
static inline bool tn__is_numeric(tn_dtype d) { return tn__is_integer(d) || tn__is_floating(d); }
static inline bool tn__is_unsigned(tn_dtype d) { return tn__dtype_get_class(d) == TN__CLASS_UINT || d == TN_DTYPE_u2; }
/* Only u64 needs unsigned arithmetic: every other integer fits in i64. bool counts as an integer 0 or 1. */
static inline tn__arith tn__arith_of(tn_dtype d) {
    return d == TN_DTYPE_u64 ? TN__ARITH_U64 : tn__is_integer(d) || d == TN_DTYPE_bool ? TN__ARITH_I64 : TN__ARITH_F64;
}

/* Numpy order: a NaN wins. */
static inline double tn__max_f64(double x, double y) { return x != x || x > y ? x : y; }
static inline double tn__min_f64(double x, double y) { return x != x || x < y ? x : y; }

/* The operands' elements in the row-major order of `rank` dims, in runs along the last dim: run i of operand k starts at at[k] and
 * steps by step[k]. Filled by tn__walk_begin; the loop is `do { ... } while (tn__walk_next(&w))`, not entered when empty. */
enum { TN__WALK_MAX = 3 };
typedef struct tn__walk {
    int32_t rank;
    uint32_t n;
    int64_t run; /* elements per run */
    int64_t at[TN__WALK_MAX], step[TN__WALK_MAX];
    int64_t dims[TN_MAX_RANK], index[TN_MAX_RANK], strides[TN__WALK_MAX][TN_MAX_RANK];
} tn__walk;
bool tn__walk_begin(tn__walk *w, const tn_tensor *out, uint32_t n, const tn_tensor *const *in); /* false: no elements */
bool tn__walk_next(tn__walk *w);
#endif
