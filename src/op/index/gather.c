/* Reference evaluation of gather, gather_elements, gather_nd. A negative index counts from the end. */
#include <inttypes.h>

#include "op/index/index.h"
#include "op/movement/copy_nd.h"
#include "op/movement/generate.h"

tn_error *tn__index_load(const tn__eval *c, uint32_t operand, int64_t at, int64_t bound, int64_t *out) {
    const tn_tensor *t = c->in[operand];
    int64_t i = tn__load_i64(t->dtype, t->data, at);
    if (i < -bound || i >= bound)
        return TN__EVAL_FAIL(c, OUT_OF_RANGE, "%s: operand %u: index %" PRId64 " is %" PRId64 ", wanted -%" PRId64 " to %" PRId64,
                             tn__op_infos[c->op].name, operand, at, i, bound, bound - 1);
    *out = i < 0 ? i + bound : i;
    return NULL;
}

tn_error *tn__eval_gather(tn__eval *c) {
    const tn_tensor *t = c->in[0], *x = c->in[1];
    int32_t axis;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", ((const tn__attrs_axis *)c->attrs)->axis, t->rank, &axis));
    int64_t outer = 1, inner = 1, d = t->dims[axis], at = 0;
    for (int32_t i = 0; i < axis; i++) outer *= t->dims[i];
    for (int32_t i = axis + 1; i < t->rank; i++) inner *= t->dims[i];
    if (!out->elements) return NULL;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < x->elements; j++, at += inner) {
            int64_t i;
            TN__TRY(tn__index_load(c, 1, j, d, &i));
            TN__TRY(tn__copy_run(c->a, out, at, t, (o * d + i) * inner, inner));
        }
    return NULL;
}

tn_error *tn__eval_gather_elements(tn__eval *c) {
    const tn_tensor *t = c->in[0], *x = c->in[1];
    int32_t axis;
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", ((const tn__attrs_axis *)c->attrs)->axis, t->rank, &axis));
    int64_t strides[TN_MAX_RANK], index[TN_MAX_RANK] = {0}, at = 0;
    tn__strides(t->rank, t->dims, strides);
    for (int32_t i = 0; i < t->rank; i++)
        if (i != axis && x->dims[i] > t->dims[i])
            return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "gather_elements: operand 1: dimension %d is %" PRId64 ", wanted at most %" PRId64, i,
                                 x->dims[i], t->dims[i]);
    if (!x->elements) return NULL;
    do {
        int64_t i, from = 0;
        TN__TRY(tn__index_load(c, 1, at, t->dims[axis], &i));
        for (int32_t k = 0; k < t->rank; k++) from += (k == axis ? i : index[k]) * strides[k];
        TN__TRY(tn__copy_run(c->a, out, at++, t, from, 1));
    } while (tn__next_index(x->rank, x->dims, index));
    return NULL;
}

tn_error *tn__eval_gather_nd(tn__eval *c) {
    const tn_tensor *t = c->in[0], *x = c->in[1];
    int64_t batch = ((const tn__attrs_gather_nd *)c->attrs)->batch_dims, strides[TN_MAX_RANK];
    tn_tensor *out;
    TN__TRY(tn__eval_made(c, 0, &out));
    int64_t depth = x->dims[x->rank - 1], inner = 1, per_batch = 1;
    tn__strides(t->rank, t->dims, strides);
    for (int64_t i = batch + depth; i < t->rank; i++) inner *= t->dims[i];
    for (int64_t i = batch; i < x->rank - 1; i++) per_batch *= x->dims[i];
    int64_t batch_stride = batch ? strides[batch - 1] : 0, rows = out->elements ? out->elements / inner : 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t from = row / per_batch * batch_stride;
        for (int64_t k = 0; k < depth; k++) {
            int64_t i;
            TN__TRY(tn__index_load(c, 1, row * depth + k, t->dims[batch + k], &i));
            from += i * strides[batch + k];
        }
        TN__TRY(tn__copy_run(c->a, out, row * inner, t, from, inner));
    }
    return NULL;
}
