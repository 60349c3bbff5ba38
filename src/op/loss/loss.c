/* nll_loss and softmax_cross_entropy_loss (ONNX NegativeLogLikelihoodLoss opset 22, SoftmaxCrossEntropyLoss opset 13).
 * x [N, C, d...], target [N, d...] of class numbers, weight [C]. */
#include <inttypes.h>
#include <math.h>

#include "op/op.h"

static tn_error *infer_loss(tn__infer *c) {
    const tn__attrs_nll *at = c->attrs;
    const tn__type *x = &c->types[0], *target = &c->types[1];
    if (!tn__dtype_is_float(x->dtype)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(x->dtype));
    if (!tn__dtype_is_int(target->dtype))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 1 (target): found %s, wanted i32 or i64", tn_dtype_name(target->dtype));
    if (x->rank >= 0 && x->rank < 2) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted at least 2", x->rank);
    if (x->rank >= 0 && target->rank >= 0 && target->rank != x->rank - 1)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1 (target): found rank %d, wanted %d", target->rank, x->rank - 1);
    for (int32_t i = 0; x->rank >= 0 && i < target->rank; i++) {
        int64_t d = x->dims[i ? i + 1 : 0];
        if (d >= 0 && target->dims[i] >= 0 && d != target->dims[i])
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1 (target): dimension %d is %" PRId64 ", wanted %" PRId64, i, target->dims[i], d);
    }
    bool none = !strcmp(at->reduction, "none");
    if (!none && strcmp(at->reduction, "mean") && strcmp(at->reduction, "sum"))
        return TN__INFER_FAIL(c, INVALID_GRAPH, "reduction is '%s', wanted none, mean or sum", at->reduction);
    int64_t *scalar = tn__shape_dims(c, 0);
    if (!scalar) return tn__error_oom();
    tn__shape_set(c, 0, x->dtype, none ? target->rank : 0, none ? target->dims : scalar);
    tn__shape_set(c, 1, x->dtype, x->rank, x->dims);
    return NULL;
}

tn_error *tn__infer_nll_loss(tn__infer *c) { return infer_loss(c); }
tn_error *tn__infer_sce_loss(tn__infer *c) { return infer_loss(c); }

/* Log-probabilities along axis 1, in place. */
static void log_softmax(double *x, int64_t n, int64_t classes, int64_t inner) {
    for (int64_t i = 0; i < n * inner; i++) {
        double *line = x + i / inner * classes * inner + i % inner, max = -INFINITY, sum = 0;
        for (int64_t k = 0; k < classes; k++) max = fmax(max, line[k * inner]);
        for (int64_t k = 0; k < classes; k++) sum += exp(line[k * inner] - max);
        for (int64_t k = 0; k < classes; k++) line[k * inner] -= max + log(sum);
    }
}

static tn_error *reduce_loss(tn__eval *c, const double *log_p, int64_t classes, int64_t inner) {
    const tn__attrs_nll *at = c->attrs;
    const tn_tensor *x = c->in[0], *target = c->in[1], *weight = tn__eval_in(c, 2);
    bool none = !strcmp(at->reduction, "none"), mean = !strcmp(at->reduction, "mean");
    tn_tensor *out;
    double sum = 0, weights = 0;
    TN__TRY(tn__eval_out(c, 0, x->dtype, none ? target->rank : 0, target->dims, &out));
    for (int64_t i = 0; i < target->elements; i++) {
        int64_t k = tn__load_i64(target->dtype, target->data, i);
        double loss = 0, w = 0;
        if (k != at->ignore_index || at->ignore_index == INT64_MIN) {
            if (k < 0 || k >= classes)
                return TN__EVAL_FAIL(c, OUT_OF_RANGE, "%s: target %" PRId64 " is outside 0..%" PRId64, tn__op_infos[c->op].name, k, classes - 1);
            w = weight ? tn__load_f64(weight->dtype, weight->data, k) : 1;
            loss = -log_p[(i / inner * classes + k) * inner + i % inner] * w;
        }
        sum += loss;
        weights += w;
        if (none) tn__store_f64(out->dtype, out->data, i, loss);
    }
    if (!none) tn__store_f64(out->dtype, out->data, 0, mean ? sum / weights : sum);
    return NULL;
}

static tn_error *eval_loss(tn__eval *c, bool softmax) {
    const tn_tensor *x = c->in[0], *target = c->in[1], *weight = tn__eval_in(c, 2);
    tn_tensor *log_prob = NULL;
    bool fits = x->rank >= 2 && target->rank == x->rank - 1;
    for (int32_t i = 0; fits && i < target->rank; i++) fits = target->dims[i] == x->dims[i ? i + 1 : 0];
    if (!fits) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "%s: the target does not fit the input", tn__op_infos[c->op].name);
    int64_t n = x->dims[0], classes = x->dims[1], inner = 1;
    for (int32_t i = 2; i < x->rank; i++) inner *= x->dims[i];
    if (weight && (weight->rank != 1 || weight->dims[0] != classes))
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "%s: the weight must have %" PRId64 " entries", tn__op_infos[c->op].name, classes);
    double *p = tn__eval_load_f64(c, x);
    if (!p) return tn__error_oom();
    if (softmax && x->elements) log_softmax(p, n, classes, inner);
    tn_error *e = reduce_loss(c, p, classes, inner);
    if (!e) e = tn__eval_out(c, 1, x->dtype, x->rank, x->dims, &log_prob);
    if (!e && log_prob) tn__eval_store_f64(log_prob, p);
    tn__eval_free_f64(c, p, x->elements);
    return e;
}

tn_error *tn__eval_nll_loss(tn__eval *c) { return eval_loss(c, false); }
tn_error *tn__eval_sce_loss(tn__eval *c) { return eval_loss(c, true); }
