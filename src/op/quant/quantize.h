/* What the quantised ops share: where an element's scale lies, and the rounding store. */
#ifndef TN_OP_QUANT_QUANTIZE_H
#define TN_OP_QUANT_QUANTIZE_H
#include "op/op.h"

/* Granularity of a scale: one, one per index of an axis, or one per block of block_size along it. */
typedef struct tn__quant_layout {
    int64_t inner;  /* elements after the axis */
    int64_t size;   /* of the axis; 0 = one scale for all */
    int64_t block, blocks; /* block 0 = per axis */
} tn__quant_layout;

static inline int64_t tn__quant_index(const tn__quant_layout *l, int64_t i) {
    if (!l->size) return 0;
    int64_t at = i / l->inner % l->size;
    return l->block ? (i / (l->inner * l->size) * l->blocks + at / l->block) * l->inner + i % l->inner : at;
}
/* Shapes are checked. */
tn_error *tn__quant_layout_of(const tn_allocator *a, const tn__attrs_quantize *attrs, int32_t rank, const int64_t *dims, int32_t scale_rank,
                              const int64_t *scale_dims, tn__quant_layout *out);

/* x rounded to d as an arithmetic result of that dtype. */
double tn__round_to(tn_dtype d, double x);
/* Element i = saturate(round_half_even(x) + zero) for integers; narrow floats round x + zero themselves, beyond their largest value they
 * saturate or not. */
void tn__quant_store(tn_dtype d, void *data, int64_t i, double x, double zero, bool saturate);
#endif
