/* hann_window, hamming_window, blackman_window (ONNX opset 17): a vector of `size` weights. */
#include <inttypes.h>
#include <math.h>

#include "op/op.h"

static tn_dtype dtype_of(const tn__attrs_window *at) {
    return at->output_datatype > 0 && at->output_datatype < TN_DTYPE_COUNT ? (tn_dtype)at->output_datatype : TN_DTYPE_f32;
}

tn_error *tn__infer_window(tn__infer *c) {
    const int64_t *size;
    uint32_t n;
    TN__TRY(tn__shape_list(c, 0, &size, &n));
    int64_t *dims = tn__shape_dims(c, 1);
    if (!dims) return tn__error_oom();
    if (size && (n != 1 || size[0] < 0)) return TN__INFER_FAIL(c, INVALID_ARGUMENT, "operand 0 (size): wanted one number >= 0");
    if (size) dims[0] = size[0];
    if (dtype_of(c->attrs) == TN_DTYPE_string || dtype_of(c->attrs) == TN_DTYPE_bool)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "output_datatype is %s, wanted a number type", tn_dtype_name(dtype_of(c->attrs)));
    tn__shape_set(c, 0, dtype_of(c->attrs), 1, dims);
    return NULL;
}

tn_error *tn__eval_window(tn__eval *c) {
    const tn__attrs_window *at = c->attrs;
    tn_tensor *out;
    if (c->in[0]->elements != 1) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "%s: size must be one number", tn__op_infos[c->op].name);
    int64_t n = tn__load_i64(c->in[0]->dtype, c->in[0]->data, 0);
    if (n < 0) return TN__EVAL_FAIL(c, OUT_OF_RANGE, "%s: size is %" PRId64, tn__op_infos[c->op].name, n);
    TN__TRY(tn__eval_out(c, 0, dtype_of(at), 1, &n, &out));
    double period = (double)(at->periodic ? n : n > 1 ? n - 1 : 1), pi = 3.14159265358979323846;
    for (int64_t i = 0; i < n; i++) {
        double t = 2 * pi * (double)i / period, y;
        if (c->op == TN_OP_hann_window) y = sin(t / 2) * sin(t / 2);
        else if (c->op == TN_OP_hamming_window) y = 25.0 / 46 - (1 - 25.0 / 46) * cos(t);
        else y = 0.42 - 0.5 * cos(t) + 0.08 * cos(2 * t);
        tn__store_f64(out->dtype, out->data, i, y);
    }
    return NULL;
}
