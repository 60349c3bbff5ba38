/* dft and stft (ONNX DFT opset 20, STFT opset 17). Complex numbers are a last axis of 2. */
#include <inttypes.h>
#include <math.h>

#include "op/op.h"

/* ---- shape rules --------------------------------------------------------------------------------------------- */

/* The one number of integer operand k; *out_known false where it is absent or no constant. */
static tn_error *number(tn__infer *c, uint32_t k, int64_t *out, bool *out_known) {
    const int64_t *list;
    uint32_t n;
    *out_known = false;
    if (!tn__shape_has(c, k)) return NULL;
    TN__TRY(tn__shape_list(c, k, &list, &n));
    if (!list) return NULL;
    if (n != 1) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found %u numbers, wanted one", k, n);
    *out = list[0];
    *out_known = true;
    return NULL;
}

tn_error *tn__infer_dft(tn__infer *c) {
    const tn__attrs_dft *at = c->attrs;
    const tn__type *x = &c->types[0];
    int64_t length = 0, axis_value = -2;
    bool length_known, axis_known;
    int32_t axis;
    if (!tn__dtype_is_float(x->dtype)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(x->dtype));
    TN__TRY(number(c, 1, &length, &length_known));
    TN__TRY(number(c, 2, &axis_value, &axis_known));
    if (length_known && length < 1) return TN__INFER_FAIL(c, OUT_OF_RANGE, "dft_length is %" PRId64 ", wanted at least 1", length);
    if (x->rank < 0) {
        tn__shape_set(c, 0, x->dtype, -1, NULL);
        return NULL;
    }
    if (x->rank < 2) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted at least 2", x->rank);
    int64_t *dims = tn__shape_dims(c, x->rank);
    if (!dims) return tn__error_oom();
    dims[x->rank - 1] = at->inverse && at->onesided ? 1 : 2;
    tn__shape_set(c, 0, x->dtype, x->rank, dims);
    if (tn__shape_has(c, 2) && !axis_known) return NULL;
    TN__TRY(tn__shape_axis(c, "axis", axis_value, x->rank, &axis));
    if (axis == x->rank - 1) return TN__INFER_FAIL(c, OUT_OF_RANGE, "axis is the one of the complex parts");
    for (int32_t i = 0; i < x->rank - 1; i++) dims[i] = x->dims[i];
    int64_t n = length_known ? length : tn__shape_has(c, 1) ? TN_DIM_UNKNOWN : x->dims[axis];
    bool given = tn__shape_has(c, 1);
    if (at->onesided && at->inverse && !given) n = n >= 1 ? 2 * (n - 1) : n >= 0 ? 0 : TN_DIM_UNKNOWN;
    else if (at->onesided && !at->inverse) n = n >= 0 ? n / 2 + 1 : TN_DIM_UNKNOWN;
    dims[axis] = n;
    return NULL;
}

tn_error *tn__infer_stft(tn__infer *c) {
    const tn__attrs_stft *at = c->attrs;
    const tn__type *x = &c->types[0], *w = &c->types[2];
    int64_t step = 0, frame = 0;
    bool step_known, frame_known;
    if (!tn__dtype_is_float(x->dtype)) return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(x->dtype));
    if (x->rank >= 0 && x->rank != 2 && x->rank != 3)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted 3", x->rank);
    TN__TRY(number(c, 1, &step, &step_known));
    TN__TRY(number(c, 3, &frame, &frame_known));
    if (step_known && step < 1) return TN__INFER_FAIL(c, OUT_OF_RANGE, "frame_step is %" PRId64 ", wanted at least 1", step);
    if (frame_known && frame < 1) return TN__INFER_FAIL(c, OUT_OF_RANGE, "frame_length is %" PRId64 ", wanted at least 1", frame);
    int64_t signal = x->rank >= 2 ? x->dims[1] : TN_DIM_UNKNOWN;
    if (!tn__shape_has(c, 3)) {
        frame = tn__shape_has(c, 2) ? (w->rank == 1 ? w->dims[0] : TN_DIM_UNKNOWN) : signal;
        frame_known = frame >= 0;
    }
    int64_t *dims = tn__shape_dims(c, 4);
    if (!dims) return tn__error_oom();
    dims[0] = x->rank >= 2 ? x->dims[0] : TN_DIM_UNKNOWN;
    if (frame_known && signal >= 0 && frame > signal)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "a frame of %" PRId64 " is longer than the signal of %" PRId64, frame, signal);
    if (frame_known && step_known && signal >= 0) dims[1] = 1 + (signal - frame) / step;
    if (frame_known) dims[2] = at->onesided ? frame / 2 + 1 : frame;
    dims[3] = 2;
    tn__shape_set(c, 0, x->dtype, 4, dims);
    return NULL;
}

/* ---- evaluation ---------------------------------------------------------------------------------------------- */

/* One transform of length n: turns[k] = exp(-2 pi i k / n). in: n complex; out: n_out complex (or reals when half_in). */
typedef struct transform {
    tn__eval *c;
    int64_t n, n_out;
    bool inverse, half_in; /* half_in: n/2+1 numbers of a Hermitian spectrum give n reals */
    double *turns, *in, *out;
} transform;

static tn_error *transform_init(transform *t) {
    int64_t doubles;
    if (!tn__mul_i64(t->n, 2, &doubles)) return TN__EVAL_FAIL(t->c, LIMIT_EXCEEDED, "a transform of length %" PRId64, t->n);
    t->turns = tn__eval_temp_f64(t->c, doubles);
    t->in = tn__eval_temp_f64(t->c, doubles);
    t->out = tn__eval_temp_f64(t->c, doubles + 2);
    if (!t->turns || !t->in || !t->out) return tn__error_oom();
    for (int64_t k = 0; k < t->n; k++) {
        double angle = 2 * 3.14159265358979323846 * (double)k / (double)t->n;
        t->turns[2 * k] = cos(angle);
        t->turns[2 * k + 1] = t->inverse ? sin(angle) : -sin(angle);
    }
    return NULL;
}

static void transform_deinit(transform *t) {
    if (t->turns) tn__eval_free_f64(t->c, t->turns, 2 * t->n);
    if (t->in) tn__eval_free_f64(t->c, t->in, 2 * t->n);
    if (t->out) tn__eval_free_f64(t->c, t->out, 2 * t->n + 2);
}

/* Straight from the definition: the reference is to be right, not fast. */
static void transform_run(transform *t) {
    if (t->half_in) {
        for (int64_t k = 1; 2 * k < t->n; k++) { /* the other half is the conjugate */
            t->in[2 * (t->n - k)] = t->in[2 * k];
            t->in[2 * (t->n - k) + 1] = -t->in[2 * k + 1];
        }
        if (t->n) t->in[1] = 0; /* these two must be real */
        if (t->n && t->n % 2 == 0) t->in[t->n + 1] = 0;
    }
    double scale = t->inverse ? 1 / (double)t->n : 1;
    for (int64_t k = 0; k < t->n_out; k++) {
        double re = 0, im = 0;
        int64_t turn = 0;
        for (int64_t i = 0; i < t->n; i++) {
            double a = t->in[2 * i], b = t->in[2 * i + 1], c = t->turns[2 * turn], s = t->turns[2 * turn + 1];
            re += a * c - b * s;
            im += a * s + b * c;
            turn += k;
            if (turn >= t->n) turn -= t->n;
        }
        t->out[2 * k] = re * scale;
        t->out[2 * k + 1] = im * scale;
    }
}

static tn_error *dft_lines(tn__eval *c, transform *t, int32_t axis) {
    const tn_tensor *x = c->in[0];
    int64_t dims[TN_MAX_RANK], outer = 1, inner = 1, in_parts = x->dims[x->rank - 1], out_parts = t->half_in ? 1 : 2;
    tn_tensor *out;
    for (int32_t i = 0; i < x->rank; i++) dims[i] = x->dims[i];
    for (int32_t i = 0; i < axis; i++) outer *= dims[i];
    for (int32_t i = axis + 1; i < x->rank - 1; i++) inner *= dims[i];
    int64_t have = x->dims[axis], take = t->half_in ? t->n / 2 + 1 : t->n;
    if (take > have) take = have;
    dims[axis] = t->n_out;
    dims[x->rank - 1] = out_parts;
    TN__TRY(tn__eval_out(c, 0, x->dtype, x->rank, dims, &out));
    if (!out->elements) return NULL;
    TN__TRY(transform_init(t));
    for (int64_t line = 0; line < outer * inner; line++) {
        int64_t o = line / inner, i = line % inner;
        memset(t->in, 0, (size_t)t->n * 2 * sizeof *t->in);
        for (int64_t k = 0; k < take; k++) {
            int64_t at = ((o * have + k) * inner + i) * in_parts;
            t->in[2 * k] = tn__load_f64(x->dtype, x->data, at);
            t->in[2 * k + 1] = in_parts == 2 ? tn__load_f64(x->dtype, x->data, at + 1) : 0;
        }
        transform_run(t);
        for (int64_t k = 0; k < t->n_out; k++)
            for (int64_t part = 0; part < out_parts; part++)
                tn__store_f64(x->dtype, out->data, ((o * t->n_out + k) * inner + i) * out_parts + part, t->out[2 * k + part]);
    }
    return NULL;
}

static tn_error *scalar_of(tn__eval *c, uint32_t k, int64_t otherwise, int64_t *out) {
    const tn_tensor *t = tn__eval_in(c, k);
    *out = otherwise;
    if (!t) return NULL;
    if (t->elements != 1) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "%s: operand %u must be one number", tn__op_infos[c->op].name, k);
    *out = tn__load_i64(t->dtype, t->data, 0);
    return NULL;
}

tn_error *tn__eval_dft(tn__eval *c) {
    const tn__attrs_dft *at = c->attrs;
    const tn_tensor *x = c->in[0];
    int64_t axis_value, n;
    int32_t axis;
    if (x->rank < 2 || x->dims[x->rank - 1] < 1 || x->dims[x->rank - 1] > 2)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "dft: the last dimension must be 1 or 2");
    TN__TRY(scalar_of(c, 2, -2, &axis_value));
    TN__TRY(tn__eval_axis(c, "dft: axis", axis_value, x->rank, &axis));
    if (axis == x->rank - 1) return TN__EVAL_FAIL(c, OUT_OF_RANGE, "dft: axis is the one of the complex parts");
    bool half_in = at->inverse && at->onesided;
    TN__TRY(scalar_of(c, 1, half_in ? (x->dims[axis] ? 2 * (x->dims[axis] - 1) : 0) : x->dims[axis], &n));
    if (n < 0 || (!n && tn__eval_in(c, 1))) return TN__EVAL_FAIL(c, OUT_OF_RANGE, "dft: dft_length is %" PRId64, n);
    transform t = {.c = c, .n = n, .n_out = at->onesided && !at->inverse ? n / 2 + 1 : n, .inverse = at->inverse != 0, .half_in = half_in};
    if (!n) t.n_out = n; /* an empty axis stays empty */
    tn_error *e = dft_lines(c, &t, axis);
    transform_deinit(&t);
    return e;
}

static tn_error *stft_frames(tn__eval *c, transform *t, int64_t step, int64_t frames, const tn_tensor *window) {
    const tn_tensor *x = c->in[0];
    int64_t dims[4] = {x->dims[0], frames, t->n_out, 2}, length = x->dims[1], parts = x->rank == 3 ? x->dims[2] : 1;
    tn_tensor *out;
    TN__TRY(tn__eval_out(c, 0, x->dtype, 4, dims, &out));
    if (!out->elements) return NULL;
    TN__TRY(transform_init(t));
    /* a window shorter than the frame sits at its begin, what is missing counts as zero */
    int64_t taken = window && window->elements < t->n ? window->elements : t->n;
    for (int64_t line = 0; line < dims[0] * frames; line++) {
        int64_t b = line / frames, f = line % frames;
        memset(t->in, 0, (size_t)t->n * 2 * sizeof *t->in);
        for (int64_t i = 0; i < taken; i++) {
            int64_t at = (b * length + f * step + i) * parts;
            double w = window ? tn__load_f64(window->dtype, window->data, i) : 1;
            t->in[2 * i] = tn__load_f64(x->dtype, x->data, at) * w;
            t->in[2 * i + 1] = parts == 2 ? tn__load_f64(x->dtype, x->data, at + 1) * w : 0;
        }
        transform_run(t);
        for (int64_t k = 0; k < 2 * t->n_out; k++) tn__store_f64(x->dtype, out->data, line * 2 * t->n_out + k, t->out[k]);
    }
    return NULL;
}

tn_error *tn__eval_stft(tn__eval *c) {
    const tn__attrs_stft *at = c->attrs;
    const tn_tensor *x = c->in[0], *window = tn__eval_in(c, 2);
    int64_t step, frame;
    if ((x->rank != 2 && x->rank != 3) || (x->rank == 3 && x->dims[2] != 1 && x->dims[2] != 2))
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "stft: the signal must be [batch, length, 1 or 2]");
    if (window && window->rank != 1) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "stft: the window has rank %d, wanted 1", window->rank);
    TN__TRY(scalar_of(c, 1, 0, &step));
    TN__TRY(scalar_of(c, 3, window ? window->elements : x->dims[1], &frame));
    if (step < 1 || frame < 1 || frame > x->dims[1])
        return TN__EVAL_FAIL(c, OUT_OF_RANGE, "stft: frame_step %" PRId64 " and frame_length %" PRId64 " do not fit a signal of %" PRId64, step,
                             frame, x->dims[1]);
    transform t = {.c = c, .n = frame, .n_out = at->onesided ? frame / 2 + 1 : frame};
    tn_error *e = stft_frames(c, &t, step, 1 + (x->dims[1] - frame) / step, window);
    transform_deinit(&t);
    return e;
}
