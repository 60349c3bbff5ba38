/* Shared by the indexing evaluations. */
#ifndef TN_OP_INDEX_H
#define TN_OP_INDEX_H
#include "op/op.h"

/* Entry `at` of integer operand `operand` as an index in [-bound, bound), normalised into [0, bound); else an error naming all three. */
tn_error *tn__index_load(const tn__eval *c, uint32_t operand, int64_t at, int64_t bound, int64_t *out);
#endif
