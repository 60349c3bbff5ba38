/* softmax, log_softmax, hardmax and lp_normalization: along one axis. */
#include <inttypes.h>
#include <math.h>

#include "op/op.h"

static void softmax_line(tn__op op, const double *x, double *y, int64_t n, int64_t stride) {
    int64_t top = 0;
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i * stride] > x[top * stride]) top = i; /* hardmax: the first of equals */
    double max = n ? x[top * stride] : 0;
    for (int64_t i = 0; i < n; i++) sum += exp(x[i * stride] - max);
    for (int64_t i = 0; i < n; i++) {
        double d = x[i * stride] - max;
        y[i * stride] = op == TN_OP_hardmax ? i == top : op == TN_OP_softmax ? exp(d) / sum : d - log(sum);
    }
}

/* p 1 or 2; a line of zeros stays zero. */
static void lp_line(int64_t p, const double *x, double *y, int64_t n, int64_t stride) {
    double norm = 0;
    for (int64_t i = 0; i < n; i++) norm += p == 1 ? fabs(x[i * stride]) : x[i * stride] * x[i * stride];
    if (p == 2) norm = sqrt(norm);
    for (int64_t i = 0; i < n; i++) y[i * stride] = norm == 0 ? 0 : x[i * stride] / norm;
}

static tn_error *run_lines(tn__eval *c, int64_t axis_attr, int64_t p) {
    const tn_tensor *x = c->in[0];
    tn_tensor *out;
    int32_t axis = 0;
    int64_t n = 1, inner = 1;
    if (x->rank || (axis_attr != 0 && axis_attr != -1)) TN__TRY(tn__eval_axis(c, "axis", axis_attr, x->rank, &axis));
    if (x->rank) n = x->dims[axis];
    for (int32_t i = axis + 1; i < x->rank; i++) inner *= x->dims[i];
    TN__TRY(tn__eval_out(c, 0, x->dtype, x->rank, x->dims, &out));
    if (!x->elements) return NULL;
    double *in = tn__eval_load_f64(c, x), *y = tn__eval_temp_f64(c, x->elements);
    for (int64_t o = 0; in && y && o < x->elements / (n * inner); o++)
        for (int64_t i = 0; i < inner; i++) {
            int64_t at = o * n * inner + i;
            if (p) lp_line(p, in + at, y + at, n, inner);
            else softmax_line(c->op, in + at, y + at, n, inner);
        }
    tn_error *e = in && y ? NULL : tn__error_oom();
    if (!e) tn__eval_store_f64(out, y);
    tn__eval_free_f64(c, in, x->elements);
    tn__eval_free_f64(c, y, x->elements);
    return e;
}

tn_error *tn__eval_softmax(tn__eval *c) { return run_lines(c, ((const tn__attrs_axis_last *)c->attrs)->axis, 0); }

tn_error *tn__eval_lp_norm(tn__eval *c) {
    const tn__attrs_lp_norm *at = c->attrs;
    if (at->p != 1 && at->p != 2) return TN__EVAL_FAIL(c, UNSUPPORTED, "lp_normalization: p is %" PRId64 ", wanted 1 or 2", at->p);
    return run_lines(c, at->axis, at->p);
}
