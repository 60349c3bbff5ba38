/* Shared by the shape rules and evaluations of ops that make values from shapes or bounds. */
#ifndef TN_OP_GENERATE_H
#define TN_OP_GENERATE_H
#include "op/op.h"

/* The dims [begin, end) that op shape returns. */
static inline void tn__shape_range(int32_t rank, int64_t start, int64_t end, int32_t *out_begin, int32_t *out_end) {
    int64_t b = start < 0 ? start + rank : start, e = end < 0 ? end + rank : end;
    b = b < 0 ? 0 : b > rank ? rank : b;
    e = e < b ? b : e > rank ? rank : e;
    *out_begin = (int32_t)b;
    *out_end = (int32_t)e;
}
tn_error *tn__range_count(const tn_allocator *a, const tn_tensor *start, const tn_tensor *limit, const tn_tensor *delta, int64_t *out);
/* Result k, which the shape rule has made; an error when it could not. */
static inline tn_error *tn__eval_made(tn__eval *c, uint32_t k, tn_tensor **out) {
    *out = c->out[k];
    return *out ? NULL : TN__EVAL_FAIL(c, INTERNAL, "%s: the shape of result %u is not known", tn__op_infos[c->op].name, k);
}
#endif
