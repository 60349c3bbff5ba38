/* Shape rules of batch_normalization, layer_normalization and dropout. The other normalisations keep the type of operand 0. */
#include "op/op.h"

#include <inttypes.h>

static tn_error *float_check(const tn__infer *c) {
    for (uint32_t k = 0; k < c->n_in; k++)
        if (tn__shape_has(c, k) && tn__dtype_get_class(c->types[k].dtype) != TN__CLASS_FLOAT)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted a float type", k, tn_dtype_name(c->types[k].dtype));
    return NULL;
}

tn_error *tn__infer_batch_norm(tn__infer *c) {
    const tn__attrs_batch_norm *attrs = c->attrs;
    const tn__type *x = &c->types[0];
    TN__TRY(float_check(c));
    if (x->rank == 0) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found a scalar, wanted rank 1 or more");
    if (c->n_out > 1 && !attrs->training_mode)
        return TN__INFER_FAIL(c, INVALID_GRAPH, "found %u results, wanted 1 without training_mode", c->n_out);
    int64_t channels = x->rank > 1 ? x->dims[1] : x->rank == 1 ? 1 : TN_DIM_UNKNOWN;
    for (uint32_t k = 1; k < 5; k++) {
        const tn__type *t = &c->types[k];
        if (t->rank < 0) continue;
        if (t->rank != 1 || (t->dims[0] >= 0 && channels >= 0 && t->dims[0] != channels))
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, first dimension %" PRId64 ", wanted one of %" PRId64 " channels",
                                  k, t->rank, t->rank > 0 ? t->dims[0] : 1, channels);
    }
    int64_t *dims = tn__shape_dims(c, 1);
    if (!dims) return tn__error_oom();
    dims[0] = channels;
    tn__shape_set(c, 0, x->dtype, x->rank, x->dims);
    tn__shape_set(c, 1, c->types[3].dtype, 1, dims);
    tn__shape_set(c, 2, c->types[4].dtype, 1, dims);
    return NULL;
}

tn_error *tn__infer_layer_norm(tn__infer *c) {
    const tn__attrs_layer_norm *attrs = c->attrs;
    const tn__type *x = &c->types[0];
    TN__TRY(float_check(c));
    tn_dtype stash = tn__dtype_from_onnx(attrs->stash_type);
    if (tn__dtype_get_class(stash) != TN__CLASS_FLOAT)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "attribute 'stash_type' is %" PRId64 ", wanted the ONNX number of a float type",
                              attrs->stash_type);
    tn__shape_set(c, 0, x->dtype, x->rank, x->dims);
    int64_t *dims = NULL;
    if (x->rank >= 0) {
        int32_t axis;
        TN__TRY(tn__shape_axis(c, "attribute 'axis'", attrs->axis, x->rank, &axis));
        for (uint32_t k = 1; k < c->n_in; k++) {
            const tn__type *t = &c->types[k];
            if (!tn__shape_has(c, k) || t->rank < 0) continue;
            if (t->rank > x->rank) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted at most %d", k, t->rank, x->rank);
            for (int32_t i = 0; i < t->rank; i++) {
                int64_t d = t->dims[i], want = x->dims[x->rank - t->rank + i];
                if (d >= 0 && d != 1 && want >= 0 && d != want)
                    return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: dimension %d is %" PRId64 ", wanted 1 or %" PRId64, k, i, d, want);
            }
        }
        if (!(dims = tn__shape_dims(c, x->rank))) return tn__error_oom();
        for (int32_t i = 0; i < x->rank; i++) dims[i] = i < axis ? x->dims[i] : 1;
    }
    tn__shape_set(c, 1, stash, x->rank, dims);
    tn__shape_set(c, 2, stash, x->rank, dims);
    return NULL;
}

tn_error *tn__infer_dropout(tn__infer *c) {
    const tn__type *x = &c->types[0];
    if (tn__dtype_get_class(x->dtype) != TN__CLASS_FLOAT)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(x->dtype));
    if (tn__shape_has(c, 1) && tn__dtype_get_class(c->types[1].dtype) != TN__CLASS_FLOAT)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 1: found %s, wanted a float type", tn_dtype_name(c->types[1].dtype));
    if (tn__shape_has(c, 2) && c->types[2].dtype != TN_DTYPE_bool)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 2: found %s, wanted bool", tn_dtype_name(c->types[2].dtype));
    tn__shape_set(c, 0, x->dtype, x->rank, x->dims);
    tn__shape_set(c, 1, TN_DTYPE_bool, x->rank, x->dims);
    return NULL;
}
