/* A parsed einsum equation; the shape rule, the evaluation and lowerings share it. */
#ifndef TN_OP_LINALG_EINSUM_H
#define TN_OP_LINALG_EINSUM_H
#include "op/op.h"

enum { TN__EINSUM_TERMS = 16, TN__EINSUM_LABELS = 52 + TN_MAX_RANK };

/* Labels are numbered a-z, A-Z, then the axes of the ellipsis from its last one backwards. */
typedef struct tn__einsum {
    uint32_t n_terms;
    int32_t rank[TN__EINSUM_TERMS];                  /* axes of the operand; -1 unknown (its labels are not set) */
    uint8_t label[TN__EINSUM_TERMS][TN_MAX_RANK];    /* of each axis */
    int32_t out_rank;                                /* -1 unknown */
    uint8_t out[TN_MAX_RANK];
    int64_t size[TN__EINSUM_LABELS];                 /* TN_DIM_UNKNOWN where not known; 1 broadcasts */
    bool used[TN__EINSUM_LABELS];
} tn__einsum;

/* `types`: one for each term, ranks and dims may be unknown. */
tn_error *tn__einsum_parse(const tn_allocator *a, const char *equation, uint32_t n_terms, const tn__type *types, tn__einsum *out);
#endif
