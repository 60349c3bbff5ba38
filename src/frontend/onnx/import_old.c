/* Rows of onnx_ops.def: old versions whose attributes became inputs or whose semantics changed, and operators without an op of their own. */
#include <inttypes.h>

#include "frontend/onnx/import.h"

static const tn__type *type_of(const tn__call *c, tn_value v) { return tn__type_of(c->g, v); }

static tn_error *generic_named(tn__call *c, void *attrs) { return tn__call_generic(c, tn__op_from_onnx(c->node->op_type), attrs); }

#define NEW_ATTRS(c, row, op, name)                              \
    tn__attrs_##row *name = tn__attrs_new((c)->g, TN_OP_##op); \
    if (!name) return tn__error_oom()

/* Input k becomes the list attribute `name`, if there is one. */
static void ints_to_input(tn__call *c, const char *name, uint32_t k) {
    uint32_t n;
    const int64_t *data = tn__call_ints(c, name, &n);
    if (!data) return;
    c->in[k] = tn__call_const_ints(c, data, n);
    if (c->n_in <= k) c->n_in = k + 1;
}

static bool float_to_input(tn__call *c, const char *name, uint32_t k, tn_dtype dtype) {
    const tn__onnx_attribute *x = tn__call_attr(c, name, TN__ONNX_FLOAT);
    if (!x) return false;
    c->in[k] = tn__call_const_float(c, dtype, x->f);
    if (c->n_in <= k) c->n_in = k + 1;
    return true;
}

static tn_error *wants_inputs(tn__call *c, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (i >= c->n_in || !c->in[i].id) return TN__CALL_FAIL(c, INVALID_GRAPH, "input %u is missing, wanted %u", i, n);
    return NULL;
}

/* Appends `n` dimensions of size 1 to v. */
static tn_value append_dims(tn__call *c, tn_value v, int32_t n) {
    int64_t axes[TN_MAX_RANK];
    int32_t rank = type_of(c, v)->rank;
    for (int32_t i = 0; i < n; i++) axes[i] = rank + i;
    tn_value in[] = {v, tn__call_const_ints(c, axes, (uint32_t)n)};
    return tn__call_emit(c, TN_OP_unsqueeze, in, 2, NULL);
}

/* ---- broadcasting before opset 7 ------------------------------------------------------------------------------ */

tn_error *tn__onnx_old_broadcast(tn__call *c) {
    int64_t broadcast = tn__call_int(c, "broadcast", 0), axis = tn__call_int(c, "axis", INT64_MIN);
    TN__TRY(wants_inputs(c, 2));
    if (broadcast && axis != INT64_MIN) {
        int32_t a = type_of(c, c->in[0])->rank, b = type_of(c, c->in[1])->rank;
        if (a < 0 || b < 0) return TN__CALL_FAIL(c, UNSUPPORTED, "attribute axis with an operand of unknown rank");
        if (axis < -(int64_t)a || axis >= (int64_t)a + (a == 0)) return TN__CALL_FAIL(c, OUT_OF_RANGE, "axis is %" PRId64 ", rank %d", axis, a);
        int32_t at = (int32_t)(axis < 0 ? axis + a : axis), tail = a - at - b;
        if (tail < 0) return TN__CALL_FAIL(c, SHAPE_MISMATCH, "operand 1 of rank %d from axis %d does not fit rank %d", b, at, a);
        if (tail > 0) c->in[1] = append_dims(c, c->in[1], tail);
    }
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_prelu(tn__call *c) { /* a slope per channel, axis 1 */
    TN__TRY(wants_inputs(c, 2));
    const tn__type *x = type_of(c, c->in[0]), *slope = type_of(c, c->in[1]);
    if (slope->rank == 1 && slope->dims[0] != 1 && x->rank > 2) c->in[1] = append_dims(c, c->in[1], x->rank - 2);
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_gemm(tn__call *c) {
    (void)tn__call_int(c, "broadcast", 0); /* newer versions always broadcast C */
    return generic_named(c, NULL);
}

/* ---- attributes that became inputs ---------------------------------------------------------------------------- */

tn_error *tn__onnx_old_axes(tn__call *c) {
    ints_to_input(c, "axes", 1);
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_slice(tn__call *c) {
    ints_to_input(c, "starts", 1);
    ints_to_input(c, "ends", 2);
    ints_to_input(c, "axes", 3);
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_pad(tn__call *c) {
    TN__TRY(wants_inputs(c, 1));
    ints_to_input(c, c->scope->opset < 2 ? "paddings" : "pads", 1);
    float_to_input(c, "value", 2, type_of(c, c->in[0])->dtype);
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_clip(tn__call *c) {
    TN__TRY(wants_inputs(c, 1));
    tn_dtype dtype = type_of(c, c->in[0])->dtype;
    float_to_input(c, "min", 1, dtype);
    float_to_input(c, "max", 2, dtype);
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_topk(tn__call *c) {
    int64_t k = tn__call_int(c, "k", 0);
    c->in[1] = tn__call_const_ints(c, &k, 1);
    if (c->n_in < 2) c->n_in = 2;
    return generic_named(c, NULL);
}

static tn_error *split_evenly(tn__call *c) {
    NEW_ATTRS(c, split, split, attrs);
    if (c->n_in < 2) attrs->num_outputs = c->node->output.n;
    c->n_out = c->node->output.n; /* unnamed results count too */
    tn_value *out = TN__ARENA_ARRAY(&c->import->arena, tn_value, (size_t)c->n_out + 1);
    if (!out) return tn__error_oom();
    c->out = out;
    return tn__call_generic(c, TN_OP_split, attrs);
}

tn_error *tn__onnx_old_split(tn__call *c) {
    ints_to_input(c, "split", 1);
    return split_evenly(c);
}

tn_error *tn__onnx_split(tn__call *c) { return split_evenly(c); }

tn_error *tn__onnx_old_reshape(tn__call *c) {
    ints_to_input(c, "shape", 1);
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_tile(tn__call *c) { /* Tile-1 repeats along one axis, both given as scalars */
    TN__TRY(wants_inputs(c, 3));
    int32_t rank = type_of(c, c->in[0])->rank;
    const tn_tensor *tiles = tn__constant_of(c->g, c->in[1]), *axis = tn__constant_of(c->g, c->in[2]);
    if (rank < 0 || !tiles || !axis || tiles->elements != 1 || axis->elements != 1)
        return TN__CALL_FAIL(c, UNSUPPORTED, "Tile-1 with tiles or axis computed at run time");
    int64_t repeats[TN_MAX_RANK], at = (int64_t)tn__load_f64(axis->dtype, axis->data, 0);
    if (at < 0 || at >= rank) return TN__CALL_FAIL(c, OUT_OF_RANGE, "axis is %" PRId64 ", rank %d", at, rank);
    for (int32_t i = 0; i < rank; i++) repeats[i] = 1;
    repeats[at] = (int64_t)tn__load_f64(tiles->dtype, tiles->data, 0);
    c->in[1] = tn__call_const_ints(c, repeats, (uint32_t)rank);
    c->n_in = 2;
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_dropout(tn__call *c) { /* inference: training mode came with opset 12 */
    (void)tn__call_int(c, "is_test", 1);
    c->n_in = c->n_in ? 1 : 0;
    float_to_input(c, "ratio", 1, TN_DTYPE_f32);
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_dft(tn__call *c) {
    int64_t axis = tn__call_int(c, "axis", 1);
    tn_tensor *t;
    TN__TRY(tn_tensor_create(c->import->context, TN_DTYPE_i64, 0, NULL, &t));
    *(int64_t *)t->data = axis;
    c->in[2] = tn_graph_constant(c->g, t);
    tn_tensor_release(t);
    c->n_in = 3;
    return generic_named(c, NULL);
}

/* ---- other old semantics -------------------------------------------------------------------------------------- */

/* Before opset 13 softmax ran over all dimensions from `axis` on, taken as one. */
tn_error *tn__onnx_old_softmax(tn__call *c) {
    TN__TRY(wants_inputs(c, 1));
    int64_t axis = tn__call_int(c, "axis", 1);
    tn__op op = tn__op_from_onnx(c->node->op_type);
    int32_t rank = type_of(c, c->in[0])->rank;
    if (rank >= 0 && (axis < -(int64_t)rank || axis > rank)) return TN__CALL_FAIL(c, OUT_OF_RANGE, "axis is %" PRId64 ", rank %d", axis, rank);
    NEW_ATTRS(c, axis_last, softmax, last);
    last->axis = -1;
    if (axis == -1 || (rank > 0 && axis == rank - 1)) {
        c->out[0] = tn__call_emit(c, op, c->in, 1, last);
        return NULL;
    }
    NEW_ATTRS(c, axis_one, flatten, flat);
    flat->axis = axis;
    tn_value x = tn__call_emit(c, TN_OP_flatten, c->in, 1, flat);
    x = tn__call_emit(c, op, &x, 1, last);
    tn_value in[] = {x, tn__call_emit(c, TN_OP_shape, c->in, 1, NULL)};
    if (rank > 0 && tn__type_is_static(type_of(c, c->in[0]))) in[1] = tn__call_const_ints(c, type_of(c, c->in[0])->dims, (uint32_t)rank);
    NEW_ATTRS(c, reshape, reshape, shape);
    shape->allowzero = 1; /* a size of 0 means 0 */
    c->out[0] = tn__call_emit(c, TN_OP_reshape, in, 2, shape);
    return NULL;
}

tn_error *tn__onnx_old_batch_norm(tn__call *c) {
    (void)tn__call_int(c, "is_test", 1);
    if (!tn__call_int(c, "spatial", 1)) return TN__CALL_FAIL(c, UNSUPPORTED, "spatial = 0");
    if (c->n_out > 1) return TN__CALL_FAIL(c, UNSUPPORTED, "training outputs of a version before 14");
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_group_norm(tn__call *c) { /* scale and bias per group; per channel since opset 21 */
    TN__TRY(wants_inputs(c, 3));
    const tn__type *x = type_of(c, c->in[0]);
    int64_t groups = 0, channels = x->rank > 1 ? x->dims[1] : -1;
    for (uint32_t i = 0; i < c->n_attrs; i++)
        if (!strcmp(c->attrs[i].name, "num_groups")) groups = c->attrs[i].attr->i;
    if (channels < 0) return TN__CALL_FAIL(c, UNSUPPORTED, "an unknown number of channels");
    if (groups < 1 || channels % groups)
        return TN__CALL_FAIL(c, INVALID_GRAPH, "num_groups is %" PRId64 ", channels %" PRId64, groups, channels);
    for (uint32_t k = 1; k < 3; k++) {
        tn_value in[] = {append_dims(c, c->in[k], 1), tn__call_const_ints(c, (int64_t[]){groups, channels / groups}, 2)};
        if (!in[0].id) return tn__import_check(c->g);
        in[0] = tn__call_emit(c, TN_OP_expand, in, 2, NULL);
        in[1] = tn__call_const_ints(c, &channels, 1);
        c->in[k] = tn__call_emit(c, TN_OP_reshape, in, 2, NULL);
    }
    return generic_named(c, NULL);
}

/* Upsample and Resize-10: asymmetric coordinates, rounded down. */
tn_error *tn__onnx_upsample(tn__call *c) {
    TN__TRY(wants_inputs(c, 1));
    tn_value scales = c->n_in > 1 ? c->in[1] : tn__none();
    const tn__onnx_attribute *list = tn__call_attr(c, "scales", TN__ONNX_FLOATS), *mode = tn__call_attr(c, "mode", TN__ONNX_STRING);
    const tn__onnx_attribute *height = tn__call_attr(c, "height_scale", TN__ONNX_FLOAT), *width = tn__call_attr(c, "width_scale", TN__ONNX_FLOAT);
    if (list || (height && width)) {
        tn_tensor *t;
        if (list && list->floats.n > TN_MAX_RANK) return TN__CALL_FAIL(c, LIMIT_EXCEEDED, "%" PRIu64 " scales", list->floats.n);
        TN__TRY(tn_tensor_create(c->import->context, TN_DTYPE_f32, 1, (int64_t[]){list ? (int64_t)list->floats.n : 4}, &t));
        float *data = t->data;
        tn__wire_cursor at = {.list = list ? &list->floats : NULL};
        for (int64_t i = 0; i < t->elements; i++)
            data[i] = list ? tn__wire_next_float(&at) : i < 2 ? 1.0f : (float)(i == 2 ? height->f : width->f);
        scales = tn_graph_constant(c->g, t);
        tn_tensor_release(t);
    }
    if (!scales.id) return TN__CALL_FAIL(c, INVALID_GRAPH, "no scales");
    NEW_ATTRS(c, resize, resize, attrs);
    attrs->coordinate_transformation_mode = "asymmetric";
    attrs->nearest_mode = "floor";
    if (mode) attrs->mode = !strcmp(mode->s, "bilinear") ? "linear" : mode->s;
    tn_value in[] = {c->in[0], tn__none(), scales};
    c->out[0] = tn__call_emit(c, TN_OP_resize, in, 3, attrs);
    return NULL;
}

tn_error *tn__onnx_resize(tn__call *c) { /* an empty tensor stands for an absent one */
    for (uint32_t k = 1; k < c->n_in; k++) {
        const tn__type *t = c->in[k].id ? type_of(c, c->in[k]) : NULL;
        if (t && t->rank == 1 && t->dims[0] == 0) c->in[k] = tn__none();
    }
    while (c->n_in && !c->in[c->n_in - 1].id) c->n_in--;
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_scatter(tn__call *c) { return tn__call_generic(c, TN_OP_scatter_elements, NULL); }

tn_error *tn__onnx_old_concat(tn__call *c) {
    NEW_ATTRS(c, axis, concat, attrs);
    attrs->axis = 1;
    return tn__call_generic(c, TN_OP_concat, attrs);
}

tn_error *tn__onnx_old_selu(tn__call *c) {
    NEW_ATTRS(c, alpha_gamma, selu, attrs);
    attrs->alpha = 1.6732f;
    attrs->gamma = 1.0507f;
    return tn__call_generic(c, TN_OP_selu, attrs);
}

tn_error *tn__onnx_old_rnn(tn__call *c) {
    (void)tn__call_int(c, "output_sequence", 0); /* said again by which outputs have names */
    return generic_named(c, NULL);
}

tn_error *tn__onnx_old_grid_sample(tn__call *c) {
    const tn__onnx_attribute *mode = tn__call_attr(c, "mode", TN__ONNX_STRING);
    NEW_ATTRS(c, grid_sample, grid_sample, attrs);
    if (mode) attrs->mode = !strcmp(mode->s, "bilinear") ? "linear" : !strcmp(mode->s, "bicubic") ? "cubic" : mode->s;
    return tn__call_generic(c, TN_OP_grid_sample, attrs);
}

tn_error *tn__onnx_old_roi_align(tn__call *c) {
    NEW_ATTRS(c, roi_align, roi_align, attrs);
    attrs->coordinate_transformation_mode = "output_half_pixel";
    return tn__call_generic(c, TN_OP_roi_align, attrs);
}

tn_error *tn__onnx_old_lp_pool(tn__call *c) {
    const tn__onnx_attribute *p = tn__call_attr(c, "p", 0); /* a float in the first version */
    NEW_ATTRS(c, pool, lp_pool, attrs);
    if (p) {
        double x = p->type == TN__ONNX_FLOAT ? p->f : (double)p->i;
        if (!(x >= 1 && x <= 1024) || x != (double)(int64_t)x) return TN__CALL_FAIL(c, UNSUPPORTED, "p is %g", x);
        attrs->p = (int64_t)x;
    }
    return tn__call_generic(c, TN_OP_lp_pool, attrs);
}

/* ---- defaults ------------------------------------------------------------------------------------------------- */

tn_error *tn__onnx_leaky_relu(tn__call *c) {
    NEW_ATTRS(c, alpha, leaky_relu, attrs);
    attrs->alpha = 0.01f;
    return tn__call_generic(c, TN_OP_leaky_relu, attrs);
}

tn_error *tn__onnx_mvn(tn__call *c) {
    static const int64_t axes[] = {0, 2, 3};
    NEW_ATTRS(c, axes, mean_variance_normalization, attrs);
    attrs->axes = (tn__ints){3, axes};
    return tn__call_generic(c, TN_OP_mean_variance_normalization, attrs);
}

tn_error *tn__onnx_stft(tn__call *c) {
    NEW_ATTRS(c, dft, stft, attrs);
    attrs->onesided = 1;
    return tn__call_generic(c, TN_OP_stft, attrs);
}

/* ---- operators without an op of their own --------------------------------------------------------------------- */

static tn_error *numbers_to_tensor(tn__call *c, const tn__onnx_attribute *x, bool list, bool is_float, tn_tensor **out) {
    tn_dtype dtype = is_float ? TN_DTYPE_f32 : TN_DTYPE_i64;
    const tn__wire_list *from = is_float ? &x->floats : &x->ints;
    if (list && from->n > INT64_MAX) return TN__CALL_FAIL(c, LIMIT_EXCEEDED, "%" PRIu64 " elements", from->n);
    TN__TRY(tn_tensor_create(c->import->context, dtype, list, (int64_t[]){list ? (int64_t)from->n : 1}, out));
    tn__wire_cursor at = {.list = from};
    for (int64_t i = 0; i < (*out)->elements; i++) {
        if (is_float) ((float *)(*out)->data)[i] = list ? tn__wire_next_float(&at) : (float)x->f;
        else ((int64_t *)(*out)->data)[i] = list ? tn__wire_next_int(&at) : x->i;
    }
    return NULL;
}

static tn_error *texts_to_tensor(tn__call *c, const char *const *texts, uint32_t n, bool list, tn_tensor **out) {
    TN__TRY(tn_tensor_create(c->import->context, TN_DTYPE_string, list, (int64_t[]){n}, out));
    for (uint32_t i = 0; i < n; i++)
        if (!(((char **)(*out)->data)[i] = tn__strdup(c->import->a, texts[i]))) {
            tn_tensor_release(*out);
            return tn__error_oom();
        }
    return NULL;
}

tn_error *tn__onnx_constant(tn__call *c) {
    tn_tensor *t = NULL;
    if (c->n_attrs != 1 || c->n_out != 1) return TN__CALL_FAIL(c, INVALID_GRAPH, "%u attributes, wanted one value", c->n_attrs);
    const char *name = c->attrs[0].name;
    const tn__onnx_attribute *x = c->attrs[0].attr;
    if (!strcmp(name, "value")) {
        if (!x->t) return TN__CALL_FAIL(c, PARSE, "attribute 'value' holds no tensor");
        TN__TRY(tn__import_tensor(c->import, x->t, &t));
        tn_tensor_retain(t);
    } else if (!strcmp(name, "value_float")) TN__TRY(numbers_to_tensor(c, x, false, true, &t));
    else if (!strcmp(name, "value_floats")) TN__TRY(numbers_to_tensor(c, x, true, true, &t));
    else if (!strcmp(name, "value_int")) TN__TRY(numbers_to_tensor(c, x, false, false, &t));
    else if (!strcmp(name, "value_ints")) TN__TRY(numbers_to_tensor(c, x, true, false, &t));
    else if (!strcmp(name, "value_string")) TN__TRY(texts_to_tensor(c, &x->s, 1, false, &t));
    else if (!strcmp(name, "value_strings")) TN__TRY(texts_to_tensor(c, x->strings.data, x->strings.n, true, &t));
    else return TN__CALL_FAIL(c, UNSUPPORTED, "attribute '%.100s'", name);
    c->out[0] = tn_graph_constant(c->g, t);
    tn_tensor_release(t);
    return NULL;
}

tn_error *tn__onnx_cast_like(tn__call *c) {
    TN__TRY(wants_inputs(c, 2));
    NEW_ATTRS(c, cast, cast, attrs);
    attrs->to = type_of(c, c->in[1])->dtype;
    c->n_in = 1;
    return tn__call_generic(c, TN_OP_cast, attrs);
}

tn_error *tn__onnx_swiglu(tn__call *c) { /* swish(a) * b */
    TN__TRY(wants_inputs(c, 2));
    const tn__onnx_attribute *alpha = tn__call_attr(c, "alpha", TN__ONNX_FLOAT);
    NEW_ATTRS(c, alpha, swish, attrs);
    attrs->alpha = alpha ? alpha->f : 1.0;
    tn_value in[] = {tn__call_emit(c, TN_OP_swish, c->in, 1, attrs), c->in[1]};
    c->out[0] = tn__call_emit(c, TN_OP_mul, in, 2, NULL);
    return NULL;
}

/* (sum over the spatial dimensions of |x|^p)^(1/p) */
tn_error *tn__onnx_global_lp_pool(tn__call *c) {
    TN__TRY(wants_inputs(c, 1));
    int64_t p = tn__call_int(c, "p", 2), axes[TN_MAX_RANK];
    const tn__type *x = type_of(c, c->in[0]);
    tn_dtype dtype = x->dtype;
    if (x->rank < 3) return TN__CALL_FAIL(c, UNSUPPORTED, "rank %d", x->rank);
    int32_t n = x->rank - 2;
    for (int32_t i = 0; i < n; i++) axes[i] = i + 2;
    tn_value in[] = {c->in[0], tn__call_const_ints(c, axes, (uint32_t)n)}, v, exponent[2];
    if (p == 1 || p == 2) {
        c->out[0] = tn__call_emit(c, p == 1 ? TN_OP_reduce_l1 : TN_OP_reduce_l2, in, 2, NULL);
        return NULL;
    }
    if (p < 1) return TN__CALL_FAIL(c, OUT_OF_RANGE, "p is %" PRId64, p);
    v = tn__call_emit(c, TN_OP_abs, in, 1, NULL);
    exponent[0] = v, exponent[1] = tn__call_const_float(c, dtype, (double)p);
    in[0] = tn__call_emit(c, TN_OP_pow, exponent, 2, NULL);
    exponent[0] = tn__call_emit(c, TN_OP_reduce_sum, in, 2, NULL);
    exponent[1] = tn__call_const_float(c, dtype, 1.0 / (double)p);
    c->out[0] = tn__call_emit(c, TN_OP_pow, exponent, 2, NULL);
    return NULL;
}
