/* Shape rules of resize, grid_sample, affine_grid and roi_align. */
#include "op/image/resize.h"

#include <inttypes.h>
#include <math.h>

tn_error *tn__resize_axes(const tn_allocator *a, const tn__attrs_resize *attrs, int32_t rank, tn__resize_plan *p) {
    memset(p, 0, sizeof *p);
    bool seen[TN_MAX_RANK] = {false};
    if (attrs->axes.n > (uint32_t)rank)
        return TN__FAIL(a, SHAPE_MISMATCH, "attribute 'axes' has %u entries, wanted at most %d", attrs->axes.n, rank);
    p->n_axes = attrs->axes.n ? (int32_t)attrs->axes.n : rank;
    for (int32_t i = 0; i < p->n_axes; i++) {
        int64_t axis = attrs->axes.n ? attrs->axes.data[i] : i;
        if (axis < -(int64_t)rank || axis >= rank || seen[axis < 0 ? axis + rank : axis])
            return TN__FAIL(a, OUT_OF_RANGE, "attribute 'axes' entry %d is %" PRId64 ", wanted distinct ones from -%d to %d", i, axis, rank, rank - 1);
        p->axes[i] = (int32_t)(axis < 0 ? axis + rank : axis);
        seen[p->axes[i]] = true;
    }
    return NULL;
}

static tn_error *entries_check(const tn_allocator *a, const char *what, const tn_tensor *t, int32_t n) {
    if (t->rank != 1 || t->elements != n)
        return TN__FAIL(a, SHAPE_MISMATCH, "'%s' has rank %d and %" PRId64 " entries, wanted rank 1 and %d", what, t->rank, t->elements, n);
    return NULL;
}

tn_error *tn__resize_resolve(const tn_allocator *a, const tn__attrs_resize *attrs, int32_t rank, const int64_t *dims,
                             const tn_tensor *scales, const tn_tensor *sizes, tn__resize_plan *p) {
    TN__TRY(tn__resize_axes(a, attrs, rank, p));
    bool by_scales = scales && scales->elements, by_sizes = sizes && sizes->elements;
    if (by_scales == by_sizes && rank)
        return TN__FAIL(a, INVALID_GRAPH, "found %s of 'scales' and 'sizes', wanted exactly one", by_scales ? "both" : "none");
    if (by_scales) TN__TRY(entries_check(a, "scales", scales, p->n_axes));
    if (by_sizes) TN__TRY(entries_check(a, "sizes", sizes, p->n_axes));
    for (int32_t i = 0; i < p->n_axes; i++) {
        int64_t in = dims[p->axes[i]];
        if (by_scales) {
            double s = tn__load_f64(scales->dtype, scales->data, i);
            if (!(s > 0) || !isfinite(s)) return TN__FAIL(a, OUT_OF_RANGE, "'scales' entry %d is %g, wanted a positive number", i, s);
            double out = floor((double)((float)in * (float)s)); /* f32: 10 * 0.7 is 7 */
            if (out > 1e12) return TN__FAIL(a, LIMIT_EXCEEDED, "'scales' entry %d makes %g elements of %" PRId64, i, out, in);
            p->scale[i] = s;
            p->out[i] = (int64_t)out;
        } else {
            int64_t n = tn__load_i64(sizes->dtype, sizes->data, i);
            if (n < 0 || n > INT64_C(1000000000000) || (n > 0 && in == 0))
                return TN__FAIL(a, OUT_OF_RANGE, "'sizes' entry %d is %" PRId64 " for %" PRId64 " elements", i, n, in);
            p->scale[i] = in ? (double)n / (double)in : 1;
            p->out[i] = n;
        }
    }
    const char *policy = attrs->keep_aspect_ratio_policy;
    bool larger = !strcmp(policy, "not_smaller");
    if (!larger && strcmp(policy, "not_larger")) {
        if (strcmp(policy, "stretch"))
            return TN__FAIL(a, INVALID_ARGUMENT, "attribute 'keep_aspect_ratio_policy' is '%s', wanted stretch, not_larger or not_smaller", policy);
        return NULL;
    }
    if (!by_sizes) return NULL;
    double scale = p->scale[0];
    for (int32_t i = 1; i < p->n_axes; i++)
        if (larger ? p->scale[i] > scale : p->scale[i] < scale) scale = p->scale[i];
    for (int32_t i = 0; i < p->n_axes; i++) {
        p->scale[i] = scale;
        double out = floor(scale * (double)dims[p->axes[i]] + 0.5);
        if (out > 1e12) return TN__FAIL(a, LIMIT_EXCEEDED, "'sizes' makes %g elements", out);
        p->out[i] = (int64_t)out;
    }
    return NULL;
}

tn_error *tn__infer_resize(tn__infer *c) {
    const tn__attrs_resize *attrs = c->attrs;
    const tn__type *x = &c->types[0];
    if (tn__dtype_get_class(x->dtype) == TN__CLASS_STRING)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found string, wanted numbers");
    if (tn__shape_has(c, 2) && !tn__dtype_is_float(c->types[2].dtype))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 2: found %s, wanted floats", tn_dtype_name(c->types[2].dtype));
    if (tn__shape_has(c, 3) && !tn__dtype_is_int(c->types[3].dtype))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 3: found %s, wanted integers", tn_dtype_name(c->types[3].dtype));
    tn__shape_set(c, 0, x->dtype, x->rank, NULL);
    if (x->rank < 0) return NULL;
    tn__resize_plan p;
    TN__TRY(tn__resize_axes(c->a, attrs, x->rank, &p));
    int64_t *dims = tn__shape_dims(c, x->rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < x->rank; i++) dims[i] = x->dims[i];
    const tn_tensor *scales = tn__shape_const(c, 2), *sizes = tn__shape_const(c, 3);
    bool known = (!tn__shape_has(c, 2) || scales) && (!tn__shape_has(c, 3) || sizes);
    for (int32_t i = 0; i < p.n_axes; i++) known &= dims[p.axes[i]] >= 0;
    if (known) TN__TRY(tn__resize_resolve(c->a, attrs, x->rank, x->dims, scales, sizes, &p));
    bool plain = sizes && sizes->rank == 1 && sizes->elements == p.n_axes && !strcmp(attrs->keep_aspect_ratio_policy, "stretch");
    for (int32_t i = 0; i < p.n_axes; i++) {
        int64_t *d = &dims[p.axes[i]], n = plain ? tn__load_i64(sizes->dtype, sizes->data, i) : -1;
        if (known) *d = p.out[i];
        else if (plain) *d = n < 0 ? TN_DIM_UNKNOWN : n; /* the size needs no input dimension */
        else if (!(scales && scales->elements == p.n_axes && tn__load_f64(scales->dtype, scales->data, i) == 1)) *d = TN_DIM_UNKNOWN;
    }
    tn__shape_set(c, 0, x->dtype, x->rank, dims);
    return NULL;
}

tn_error *tn__infer_grid_sample(tn__infer *c) {
    const tn__type *x = &c->types[0], *grid = &c->types[1];
    if (tn__dtype_get_class(x->dtype) == TN__CLASS_STRING || !tn__dtype_is_float(grid->dtype))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "found %s and %s, wanted numbers and a grid of floats", tn_dtype_name(x->dtype),
                              tn_dtype_name(grid->dtype));
    int32_t rank = x->rank >= 0 ? x->rank : grid->rank;
    tn__shape_set(c, 0, x->dtype, rank, NULL);
    if (rank < 0) return NULL;
    if (rank < 3 || (x->rank >= 0 && grid->rank >= 0 && x->rank != grid->rank))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "found ranks %d and %d, wanted equal ones from 3", x->rank, grid->rank);
    int64_t *dims = tn__shape_dims(c, rank);
    if (!dims) return tn__error_oom();
    if (x->rank >= 0) dims[0] = x->dims[0], dims[1] = x->dims[1];
    if (grid->rank >= 0) {
        int64_t coordinates = grid->dims[rank - 1];
        if (coordinates >= 0 && coordinates != rank - 2)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: the last dimension is %" PRId64 ", wanted %d coordinates", coordinates, rank - 2);
        if (dims[0] >= 0 && grid->dims[0] >= 0 && dims[0] != grid->dims[0])
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: batch is %" PRId64 ", wanted %" PRId64, grid->dims[0], dims[0]);
        for (int32_t i = 2; i < rank; i++) dims[i] = grid->dims[i - 1];
    }
    tn__shape_set(c, 0, x->dtype, rank, dims);
    return NULL;
}

tn_error *tn__infer_affine_grid(tn__infer *c) {
    const tn__type *theta = &c->types[0];
    if (tn__dtype_get_class(theta->dtype) != TN__CLASS_FLOAT)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 0: found %s, wanted a float type", tn_dtype_name(theta->dtype));
    const int64_t *size;
    uint32_t n;
    TN__TRY(tn__shape_list(c, 1, &size, &n));
    const tn__type *t = &c->types[1];
    int32_t axes = size ? (int32_t)n - 2 : t->rank == 1 && t->dims[0] >= 0 && t->dims[0] < 32 ? (int32_t)t->dims[0] - 2 : -1;
    if (axes < 0 && theta->rank == 3 && theta->dims[1] > 0 && theta->dims[1] < 4) axes = (int32_t)theta->dims[1];
    tn__shape_set(c, 0, theta->dtype, -1, NULL);
    if (axes < 0) return NULL;
    if (axes != 2 && axes != 3) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1 has %d entries, wanted 4 or 5", axes + 2);
    if (theta->rank >= 0 && (theta->rank != 3 || (theta->dims[1] >= 0 && theta->dims[1] != axes) || (theta->dims[2] >= 0 && theta->dims[2] != axes + 1)))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0: found rank %d, wanted [N, %d, %d]", theta->rank, axes, axes + 1);
    int64_t *dims = tn__shape_dims(c, axes + 2);
    if (!dims) return tn__error_oom();
    if (theta->rank >= 0) dims[0] = theta->dims[0];
    if (size) {
        if (dims[0] >= 0 && size[0] != dims[0])
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: batch is %" PRId64 ", wanted %" PRId64, size[0], dims[0]);
        for (int32_t i = 0; i < axes; i++) {
            if (size[i + 2] < 0) return TN__INFER_FAIL(c, OUT_OF_RANGE, "operand 1: entry %d is %" PRId64, i + 2, size[i + 2]);
            dims[1 + i] = size[i + 2];
        }
    }
    dims[axes + 1] = axes;
    tn__shape_set(c, 0, theta->dtype, axes + 2, dims);
    return NULL;
}

tn_error *tn__infer_roi_align(tn__infer *c) {
    const tn__attrs_roi_align *attrs = c->attrs;
    const tn__type *x = &c->types[0], *rois = &c->types[1], *batch = &c->types[2];
    if (tn__dtype_get_class(x->dtype) != TN__CLASS_FLOAT || rois->dtype != x->dtype || batch->dtype != TN_DTYPE_i64)
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "found %s, %s and %s, wanted twice the same float type and i64", tn_dtype_name(x->dtype),
                              tn_dtype_name(rois->dtype), tn_dtype_name(batch->dtype));
    if ((x->rank >= 0 && x->rank != 4) || (rois->rank >= 0 && rois->rank != 2) || (batch->rank >= 0 && batch->rank != 1))
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "found ranks %d, %d and %d, wanted 4, 2 and 1", x->rank, rois->rank, batch->rank);
    if (attrs->output_height < 1 || attrs->output_width < 1)
        return TN__INFER_FAIL(c, OUT_OF_RANGE, "the output size is %" PRId64 " x %" PRId64 ", wanted 1 or more", attrs->output_height,
                              attrs->output_width);
    int64_t *dims = tn__shape_dims(c, 4);
    if (!dims) return tn__error_oom();
    if (rois->rank == 2) {
        if (rois->dims[1] >= 0 && rois->dims[1] != 4)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1: the last dimension is %" PRId64 ", wanted 4", rois->dims[1]);
        dims[0] = rois->dims[0];
    }
    if (batch->rank == 1 && batch->dims[0] >= 0) {
        if (dims[0] >= 0 && dims[0] != batch->dims[0])
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 2 has %" PRId64 " entries, wanted %" PRId64, batch->dims[0], dims[0]);
        dims[0] = batch->dims[0];
    }
    if (x->rank == 4) dims[1] = x->dims[1];
    dims[2] = attrs->output_height;
    dims[3] = attrs->output_width;
    tn__shape_set(c, 0, x->dtype, 4, dims);
    return NULL;
}
