/* Reference evaluation of the normalisations and of dropout at inference. Variances are of the centred values. */
#include "op/op.h"

#include <inttypes.h>
#include <math.h>

static int64_t product(int32_t begin, int32_t end, const int64_t *dims) {
    int64_t p = 1;
    for (int32_t i = begin; i < end; i++)
        if (!tn__mul_i64(p, dims[i], &p)) return 0; /* another dim is 0: the tensor is empty */
    return p;
}

static double at(const tn_tensor *t, int64_t i) { return tn__load_f64(t->dtype, t->data, i); }

static void moments(const double *x, int64_t n, double *out_mean, double *out_variance) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) mean += x[i];
    mean /= (double)n;
    for (int64_t i = 0; i < n; i++) square += (x[i] - mean) * (x[i] - mean);
    *out_mean = mean;
    *out_variance = square / (double)n;
}

static tn_error *finish(tn__eval *c, double *x) {
    tn__eval_store_f64(c->out[0], x);
    tn__eval_free_f64(c, x, c->out[0]->elements);
    return NULL;
}

tn_error *tn__eval_batch_norm(tn__eval *c) {
    const tn__attrs_batch_norm *attrs = c->attrs;
    const tn_tensor *t = c->in[0];
    int64_t batch = t->dims[0], channels = t->rank > 1 ? t->dims[1] : 1, plane = product(2, t->rank, t->dims);
    double *x = tn__eval_load_f64(c, t);
    if (!x) return tn__error_oom();
    for (int64_t k = 0; k < channels; k++) {
        double mean = at(c->in[3], k), variance = at(c->in[4], k);
        if (attrs->training_mode) {
            double m = 0, v = 0, n = (double)batch * (double)plane;
            for (int64_t b = 0; b < batch; b++)
                for (int64_t j = 0; j < plane; j++) m += x[(b * channels + k) * plane + j];
            m /= n;
            for (int64_t b = 0; b < batch; b++)
                for (int64_t j = 0; j < plane; j++) v += pow(x[(b * channels + k) * plane + j] - m, 2);
            v /= n;
            double keep = attrs->momentum;
            if (c->n_out > 1) tn__store_f64(c->out[1]->dtype, c->out[1]->data, k, mean * keep + m * (1 - keep));
            if (c->n_out > 2) tn__store_f64(c->out[2]->dtype, c->out[2]->data, k, variance * keep + v * (1 - keep));
            mean = m;
            variance = v;
        }
        double factor = at(c->in[1], k) / sqrt(variance + attrs->epsilon), bias = at(c->in[2], k);
        for (int64_t b = 0; b < batch; b++)
            for (int64_t j = 0; j < plane; j++) {
                double *p = &x[(b * channels + k) * plane + j];
                *p = (*p - mean) * factor + bias;
            }
    }
    return finish(c, x);
}

/* A vector of one entry per channel, which the shared shape rule (type of operand 0) does not check. */
static tn_error *channel_operand(const tn__eval *c, uint32_t k, int64_t channels) {
    const tn_tensor *t = c->in[k];
    if (tn__dtype_is_float(t->dtype) && t->rank == 1 && t->dims[0] == channels) return NULL;
    return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand %u: found %s of rank %d with %" PRId64 " elements, wanted %" PRId64 " floats, one per channel", k,
                         tn_dtype_name(t->dtype), t->rank, t->elements, channels);
}

static tn_error *float_of_rank(const tn__eval *c, int32_t rank) {
    const tn_tensor *t = c->in[0];
    if (!tn__dtype_is_float(t->dtype))
        return TN__EVAL_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(t->dtype));
    if (t->rank < rank) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted %d or more", t->rank, rank);
    return NULL;
}

/* Groups of whole channels are normalised, then every channel is scaled. */
static tn_error *group_norm(tn__eval *c, int64_t groups, double epsilon) {
    const tn_tensor *t = c->in[0];
    int64_t channels = t->dims[1], plane = product(2, t->rank, t->dims), per = channels / groups;
    TN__TRY(channel_operand(c, 1, channels));
    TN__TRY(channel_operand(c, 2, channels));
    double *x = tn__eval_load_f64(c, t);
    if (!x) return tn__error_oom();
    for (int64_t g = 0; t->elements && g < t->dims[0] * groups; g++) {
        double mean, variance, *p = x + g * per * plane;
        moments(p, per * plane, &mean, &variance);
        double inverse = 1 / sqrt(variance + epsilon);
        for (int64_t i = 0; i < per * plane; i++) {
            int64_t channel = g % groups * per + i / plane;
            p[i] = (p[i] - mean) * inverse * at(c->in[1], channel) + at(c->in[2], channel);
        }
    }
    return finish(c, x);
}

tn_error *tn__eval_instance_norm(tn__eval *c) {
    TN__TRY(float_of_rank(c, 2));
    const tn_tensor *t = c->in[0];
    return group_norm(c, t->dims[1] ? t->dims[1] : 1, ((const tn__attrs_norm *)c->attrs)->epsilon);
}

tn_error *tn__eval_group_norm(tn__eval *c) {
    const tn__attrs_group_norm *attrs = c->attrs;
    TN__TRY(float_of_rank(c, 2));
    if (attrs->num_groups < 1 || c->in[0]->dims[1] % attrs->num_groups)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "attribute 'num_groups' is %" PRId64 ", wanted a divisor of %" PRId64 " channels",
                             attrs->num_groups, c->in[0]->dims[1]);
    return group_norm(c, attrs->num_groups, attrs->epsilon);
}

/* layer_normalization and rms_normalization: rows of everything from axis on; scale and bias broadcast to x. */
static tn_error *row_norm(tn__eval *c, bool centred) {
    const tn__attrs_layer_norm *attrs = c->attrs;
    const tn_tensor *t = c->in[0], *scale = c->in[1], *bias = tn__eval_in(c, 2);
    int32_t axis;
    TN__TRY(float_of_rank(c, 1));
    TN__TRY(tn__eval_axis(c, "attribute 'axis'", attrs->axis, t->rank, &axis));
    int64_t scale_stride[TN_MAX_RANK], bias_stride[TN_MAX_RANK] = {0}, index[TN_MAX_RANK] = {0};
    for (uint32_t k = 1; k < c->n_in; k++) {
        const tn_tensor *p = c->in[k];
        if (!p) continue;
        bool ok = tn__dtype_is_float(p->dtype) && p->rank <= t->rank;
        for (int32_t i = 0; ok && i < p->rank; i++) ok = p->dims[i] == 1 || p->dims[i] == t->dims[t->rank - p->rank + i];
        if (!ok) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "operand %u (%s, rank %d) does not broadcast to operand 0", k, tn_dtype_name(p->dtype), p->rank);
    }
    tn__broadcast_strides(scale, t->rank, scale_stride);
    if (bias) tn__broadcast_strides(bias, t->rank, bias_stride);
    int64_t rows = product(0, axis, t->dims), n = product(axis, t->rank, t->dims);
    double *x = tn__eval_load_f64(c, t);
    if (!x) return tn__error_oom();
    for (int64_t r = 0; t->elements && r < rows; r++) {
        double mean = 0, variance = 0, *p = x + r * n;
        if (centred) moments(p, n, &mean, &variance);
        else {
            for (int64_t i = 0; i < n; i++) variance += p[i] * p[i];
            variance /= (double)n;
        }
        double inverse = 1 / sqrt(variance + attrs->epsilon);
        for (int64_t i = 0; i < n; i++) {
            int64_t s = 0, b = 0;
            for (int32_t d = 0; d < t->rank; d++) s += index[d] * scale_stride[d], b += index[d] * bias_stride[d];
            p[i] = (p[i] - mean) * inverse * at(scale, s) + (bias ? at(bias, b) : 0);
            tn__next_index(t->rank, t->dims, index);
        }
        if (c->n_out > 1) tn__store_f64(c->out[1]->dtype, c->out[1]->data, r, mean);
        if (c->n_out > 2) tn__store_f64(c->out[2]->dtype, c->out[2]->data, r, inverse);
    }
    return finish(c, x);
}

tn_error *tn__eval_layer_norm(tn__eval *c) { return row_norm(c, true); }
tn_error *tn__eval_rms_norm(tn__eval *c) { return row_norm(c, false); }

/* (x - mean) / (deviation + 1e-9) over the axes, as the operator's function body has it */
tn_error *tn__eval_mvn(tn__eval *c) {
    const tn__attrs_axes *attrs = c->attrs;
    const tn_tensor *t = c->in[0];
    static const int64_t by_default[3] = {0, 2, 3};
    const int64_t *axes = attrs->axes.n ? attrs->axes.data : by_default;
    uint32_t n = attrs->axes.n ? attrs->axes.n : 3;
    bool reduced[TN_MAX_RANK] = {false};
    TN__TRY(float_of_rank(c, 0));
    for (uint32_t i = 0; i < n; i++) {
        int32_t axis;
        TN__TRY(tn__eval_axis(c, "attribute 'axes'", axes[i], t->rank, &axis));
        reduced[axis] = true;
    }
    int64_t stride[TN_MAX_RANK], groups = 1, index[TN_MAX_RANK];
    for (int32_t i = t->rank - 1; i >= 0; i--) {
        stride[i] = reduced[i] ? 0 : groups;
        if (!reduced[i] && !tn__mul_i64(groups, t->dims[i], &groups)) groups = 0;
    }
    double *x = tn__eval_load_f64(c, t), *mean = tn__eval_temp_f64(c, groups), *variance = tn__eval_temp_f64(c, groups);
    bool ok = x && mean && variance;
    double count = groups ? (double)(t->elements / groups) : 1;
    for (int pass = 0; ok && t->elements && pass < 3; pass++) {
        memset(index, 0, sizeof index);
        for (int64_t i = 0; i < t->elements; i++) {
            int64_t g = 0;
            for (int32_t d = 0; d < t->rank; d++) g += index[d] * stride[d];
            if (pass == 0) mean[g] += x[i] / count;
            else if (pass == 1) variance[g] += (x[i] - mean[g]) * (x[i] - mean[g]) / count;
            else x[i] = (x[i] - mean[g]) / (sqrt(variance[g]) + 1e-9);
            tn__next_index(t->rank, t->dims, index);
        }
    }
    tn__eval_free_f64(c, mean, groups);
    tn__eval_free_f64(c, variance, groups);
    if (ok) return finish(c, x);
    tn__eval_free_f64(c, x, t->elements);
    return tn__error_oom();
}

tn_error *tn__eval_lrn(tn__eval *c) {
    const tn__attrs_lrn *attrs = c->attrs;
    const tn_tensor *t = c->in[0];
    TN__TRY(float_of_rank(c, 2));
    if (attrs->size < 1) return TN__EVAL_FAIL(c, OUT_OF_RANGE, "attribute 'size' is %" PRId64 ", wanted 1 or more", attrs->size);
    int64_t channels = t->dims[1], plane = product(2, t->rank, t->dims);
    int64_t below = (attrs->size - 1) / 2, above = attrs->size - 1 - below;
    double *x = tn__eval_load_f64(c, t);
    if (!x) return tn__error_oom();
    for (int64_t b = 0; t->elements && b < t->dims[0]; b++)
        for (int64_t k = 0; k < channels; k++)
            for (int64_t j = 0; j < plane; j++) {
                double sum = 0;
                int64_t first = k > below ? k - below : 0, last = channels - 1 - k > above ? k + above : channels - 1;
                for (int64_t i = first; i <= last; i++) {
                    double v = x[(b * channels + i) * plane + j];
                    sum += v * v;
                }
                int64_t o = (b * channels + k) * plane + j;
                tn__store_f64(c->out[0]->dtype, c->out[0]->data, o, x[o] / pow(attrs->bias + attrs->alpha / (double)attrs->size * sum, attrs->beta));
            }
    tn__eval_free_f64(c, x, t->elements);
    return NULL;
}

tn_error *tn__eval_dropout(tn__eval *c) {
    const tn_tensor *x = c->in[0], *ratio = tn__eval_in(c, 1), *training = tn__eval_in(c, 2);
    if (training && training->elements && tn__load_i64(training->dtype, training->data, 0)) {
        double r = ratio && ratio->elements ? at(ratio, 0) : 0.5;
        if (r != 0) return TN__EVAL_FAIL(c, UNSUPPORTED, "dropout in training mode with ratio %g: random results are not done", r);
    }
    if (x->bytes) memcpy(c->out[0]->data, x->data, x->bytes);
    if (c->n_out > 1 && c->out[1]->bytes) memset(c->out[1]->data, 1, c->out[1]->bytes);
    return NULL;
}
