/* The op layer's hooks for the graph: infer, fold, and evaluation of single nodes. */
#include "op/custom/custom.h"

#include <inttypes.h>

/* `none` in the eval column. */
#define tn__eval_none NULL
const tn__op_functions tn__op_functions_of[TN_OP_COUNT] = {
#define TN_OP(name, id, imin, imax, omin, omax, attrs, flags, values, infer, eval, onnx, doc) \
    [id] = {tn__infer_##infer, tn__eval_##eval},
#include "ir/ops.def"
};
#undef tn__eval_none

static tn_error *op_infer(tn_graph *g, tn__op op, const void *attrs, const tn_value *in, uint32_t n_in, uint32_t n_out,
                          tn__type *out) {
    tn__type stack[16], *types = stack;
    if (n_in > 16 && !(types = TN__ARENA_ARRAY(&g->arena, tn__type, n_in))) return tn__error_oom();
    for (uint32_t i = 0; i < n_in; i++) types[i] = in[i].id ? *tn__type_of(g, in[i]) : (tn__type){0};
    for (uint32_t k = 0; k < n_out; k++) out[k] = (tn__type){.rank = -1};
    tn__infer c = {g, &g->context->allocator, op, attrs, in, n_in, n_out, types, out};
    TN__TRY(tn__op_functions_of[op].infer(&c));
    for (uint32_t k = 0; k < n_out; k++) {
        if (out[k].rank > (int32_t)g->context->limits.max_rank)
            return TN__FAIL(c.a, LIMIT_EXCEEDED, "result %u has rank %d, limit %u", k, out[k].rank, g->context->limits.max_rank);
        int64_t n;
        if (tn__type_is_static(&out[k])) TN__TRY(tn__elements(g->context, "result", out[k].rank, out[k].dims, &n));
    }
    return NULL;
}

/* Folding multiplies memory only up to this many bytes; larger results (weights broadcast by expand) are left to the run. */
enum { FOLD_MAX_BYTES = 64 << 20 };

static tn_error *op_fold(tn_graph *g, tn__op op, const void *attrs, const tn_value *in, uint32_t n_in, uint32_t n_out,
                         const tn__type *out_types, tn_tensor **out_tensors) {
    const tn__op_info *info = &tn__op_infos[op];
    const tn_tensor *stack[16];
    out_tensors[0] = NULL;
    if (op == TN_OP_dequantize_linear && g->keep_quantised) return NULL;
    if (n_out != 1 || n_in > 16 || !tn__op_functions_of[op].eval || (info->flags & TN__OP_CONTROL)) return NULL;
    if (op == TN_OP_custom && !tn__custom_may_fold(attrs)) return NULL;
    if (!tn__type_is_static(&out_types[0]) ||
        tn__dtype_bytes(out_types[0].dtype, tn__type_elements(&out_types[0])) > FOLD_MAX_BYTES)
        return NULL;
    if (info->flags & TN__OP_SHAPE) { /* shape and size read the operand's type only */
        const tn__type *t = tn__type_of(g, in[0]);
        const tn__attrs_shape *s = attrs;
        int32_t begin = 0, end = t->rank;
        if (op == TN_OP_shape) {
            int64_t b = s->start < 0 ? s->start + t->rank : s->start, e = s->end < 0 ? s->end + t->rank : s->end;
            begin = (int32_t)(b < 0 ? 0 : b > t->rank ? t->rank : b);
            end = (int32_t)(e < begin ? begin : e > t->rank ? t->rank : e);
        }
        for (int32_t i = begin; i < end; i++)
            if (t->dims[i] < 0) return NULL;
        tn_tensor *r;
        TN__TRY(tn_tensor_create(g->context, TN_DTYPE_i64, out_types[0].rank, out_types[0].dims, &r));
        int64_t *data = r->data;
        if (op == TN_OP_shape) for (int32_t i = begin; i < end; i++) data[i - begin] = t->dims[i];
        else data[0] = tn__type_elements(t);
        out_tensors[0] = r;
        return NULL;
    }
    for (uint32_t i = 0; i < n_in; i++) {
        stack[i] = in[i].id ? tn__constant_peek(g, in[i]) : NULL;
        if (in[i].id && !stack[i]) return NULL;
    }
    for (uint32_t i = 0; i < n_in; i++) tn__tensor_settle(stack[i]);
    tn_error *e = tn__op_eval(g->context, op, attrs, stack, n_in, n_out, out_tensors);
    if (op != TN_OP_custom) return e;
    tn_error_destroy(e); /* the node may never run */
    return NULL;
}

const tn__graph_hooks tn__op_hooks = {op_infer, op_fold};

tn_error *tn__op_eval(tn_context *context, tn__op op, const void *attrs, const tn_tensor *const *in, uint32_t n_in,
                      uint32_t n_out, tn_tensor **out) {
    const tn_allocator *a = &context->allocator;
    for (uint32_t k = 0; k < n_out; k++) out[k] = NULL;
    if (!tn__op_functions_of[op].eval)
        return TN__FAIL(a, UNSUPPORTED, "%s has no reference evaluation", tn__op_infos[op].name);
    /* result types come from the shape rule, on a scratch graph whose inputs are the tensors */
    tn_graph *g;
    TN__TRY(tn__graph_create(context, &tn__op_hooks, "eval", &g));
    tn__type *types = TN__ARENA_ARRAY(&g->arena, tn__type, n_out ? n_out : 1);
    tn_value *values = TN__ARENA_ARRAY(&g->arena, tn_value, n_in ? n_in : 1);
    tn_error *e = types && values ? NULL : tn__error_oom();
    for (uint32_t i = 0; !e && i < n_in; i++) {
        if (!in[i]) continue;
        bool by_value = op == TN_OP_custom || tn__op_infos[op].values >> (i < 31 ? i : 31) & 1 || in[i]->elements <= 64;
        values[i] = by_value ? tn_graph_constant(g, (tn_tensor *)in[i])
                             : tn_graph_input(g, "x", in[i]->dtype, in[i]->rank, in[i]->dims);
        if (!values[i].id) e = tn__error_copy(g->error);
    }
    if (!e) e = op_infer(g, op, attrs, values, n_in, n_out, types);
    for (uint32_t k = 0; !e && k < n_out; k++)
        if (tn__type_is_static(&types[k])) e = tn_tensor_create(context, types[k].dtype, types[k].rank, types[k].dims, &out[k]);
    tn__eval c = {context, a, op, attrs, in, n_in, n_out, out, types};
    if (!e) e = tn__op_functions_of[op].eval(&c);
    for (uint32_t k = 0; !e && k < n_out; k++)
        if (!out[k]) e = TN__FAIL(a, INTERNAL, "%s left result %u empty", tn__op_infos[op].name, k);
    for (uint32_t k = 0; e && k < n_out; k++) {
        tn_tensor_release(out[k]);
        out[k] = NULL;
    }
    tn_graph_release(g);
    return e;
}

/* ---- helpers of the shape rules ------------------------------------------------------------------------------ */

int64_t *tn__shape_dims(tn__infer *c, int32_t rank) {
    int64_t *dims = TN__ARENA_ARRAY(&c->g->arena, int64_t, (size_t)rank + 1);
    for (int32_t i = 0; dims && i < rank; i++) dims[i] = TN_DIM_UNKNOWN;
    return dims;
}

void tn__shape_set(tn__infer *c, uint32_t k, tn_dtype dtype, int32_t rank, const int64_t *dims) {
    if (k < c->n_out) c->out[k] = (tn__type){dtype, rank, dims};
}

const tn_tensor *tn__shape_const(const tn__infer *c, uint32_t k) {
    return tn__shape_has(c, k) ? tn__constant_of(c->g, c->in[k]) : NULL;
}

tn_error *tn__shape_list(tn__infer *c, uint32_t k, const int64_t **out_list, uint32_t *out_n) {
    *out_list = NULL;
    *out_n = 0;
    const tn__type *t = &c->types[k];
    if (!tn__dtype_is_int(t->dtype))
        return TN__FAIL(c->a, TYPE_MISMATCH, "operand %u: found %s, wanted an integer type", k, tn_dtype_name(t->dtype));
    if (t->rank > 1) return TN__FAIL(c->a, SHAPE_MISMATCH, "operand %u: found rank %d, wanted 0 or 1", k, t->rank);
    const tn_tensor *x = tn__shape_const(c, k);
    if (!x) return NULL;
    if (x->elements > 1 << 20) return TN__FAIL(c->a, LIMIT_EXCEEDED, "operand %u: %" PRId64 " entries", k, x->elements);
    int64_t *list = TN__ARENA_ARRAY(&c->g->arena, int64_t, (size_t)x->elements + 1);
    if (!list) return tn__error_oom();
    for (int64_t i = 0; i < x->elements; i++) list[i] = tn__load_i64(x->dtype, x->data, i);
    *out_list = list;
    *out_n = (uint32_t)x->elements;
    return NULL;
}

tn_error *tn__shape_axis(const tn__infer *c, const char *what, int64_t axis, int32_t rank, int32_t *out_axis) {
    if (axis < -(int64_t)rank || axis >= rank)
        return TN__FAIL(c->a, OUT_OF_RANGE, "%s is %" PRId64 ", wanted -%d to %d", what, axis, rank, rank - 1);
    *out_axis = (int32_t)(axis < 0 ? axis + rank : axis);
    return NULL;
}

tn_error *tn__shape_broadcast(tn__infer *c, uint32_t first, uint32_t n, int32_t *out_rank, const int64_t **out_dims) {
    int32_t rank = 0;
    *out_rank = -1;
    *out_dims = NULL;
    for (uint32_t k = first; k < first + n; k++) {
        if (!tn__shape_has(c, k)) continue;
        if (c->types[k].rank < 0) return NULL;
        if (c->types[k].rank > rank) rank = c->types[k].rank;
    }
    int64_t *dims = tn__shape_dims(c, rank);
    if (!dims) return tn__error_oom();
    for (int32_t i = 0; i < rank; i++) dims[i] = 1;
    for (uint32_t k = first; k < first + n; k++) {
        const tn__type *t = &c->types[k];
        if (!tn__shape_has(c, k)) continue;
        for (int32_t i = 0; i < t->rank; i++) {
            int64_t *d = &dims[rank - t->rank + i], e = t->dims[i];
            if (*d == e || e == 1) continue;
            if (*d == 1) *d = e;
            else if (*d >= 0 && e >= 0)
                return TN__FAIL(c->a, SHAPE_MISMATCH, "operand %u: dimension %d is %" PRId64 ", which does not broadcast with %" PRId64,
                                k, i, e, *d);
            else if (*d < 0) *d = e >= 0 ? e : TN_DIM_UNKNOWN; /* a size other than 1 decides */
        }
    }
    *out_rank = rank;
    *out_dims = dims;
    return NULL;
}

tn_error *tn__shape_product(const tn__infer *c, const int64_t *dims, int32_t n, int64_t *out) {
    int64_t p = 1;
    for (int32_t i = 0; i < n; i++) {
        if (dims[i] < 0) {
            *out = TN_DIM_UNKNOWN;
            return NULL;
        }
        if (!tn__mul_i64(p, dims[i], &p)) return TN__FAIL(c->a, LIMIT_EXCEEDED, "a product of dimensions overflows");
    }
    *out = p;
    return NULL;
}

/* ---- helpers of the evaluations ------------------------------------------------------------------------------ */

tn_error *tn__eval_out(tn__eval *c, uint32_t k, tn_dtype dtype, int32_t rank, const int64_t *dims, tn_tensor **out) {
    *out = NULL;
    if (k >= c->n_out) return NULL; /* an optional result nobody asked for: caller checks for NULL */
    if (!c->out[k]) TN__TRY(tn_tensor_create(c->context, dtype, rank, dims, &c->out[k]));
    tn_tensor *t = c->out[k];
    if (t->dtype != dtype || t->rank != rank || (rank && memcmp(t->dims, dims, (size_t)rank * sizeof *dims)))
        return TN__FAIL(c->a, INTERNAL, "%s: result %u: the shape rule and the evaluation disagree", tn__op_infos[c->op].name, k);
    *out = t;
    return NULL;
}

double *tn__eval_temp_f64(const tn__eval *c, int64_t n) {
    size_t bytes;
    return tn__mul((size_t)n, sizeof(double), &bytes) ? tn__alloc_zero(c->a, bytes) : NULL;
}

double *tn__eval_load_f64(const tn__eval *c, const tn_tensor *t) {
    double *p = tn__eval_temp_f64(c, t->elements);
    if (!p) return NULL;
    if (t->dtype == TN_DTYPE_f32) for (int64_t i = 0; i < t->elements; i++) p[i] = ((const float *)t->data)[i];
    else for (int64_t i = 0; i < t->elements; i++) p[i] = tn__load_f64(t->dtype, t->data, i);
    return p;
}

void tn__eval_free_f64(const tn__eval *c, double *p, int64_t n) { tn__free(c->a, p, (size_t)n * sizeof *p); }

void tn__eval_store_f64(tn_tensor *t, const double *p) {
    if (t->dtype == TN_DTYPE_f32) for (int64_t i = 0; i < t->elements; i++) ((float *)t->data)[i] = (float)p[i];
    else for (int64_t i = 0; i < t->elements; i++) tn__store_f64(t->dtype, t->data, i, p[i]);
}

void tn__strides(int32_t rank, const int64_t *dims, int64_t *out_strides) {
    int64_t s = 1;
    for (int32_t i = rank - 1; i >= 0; i--) out_strides[i] = s, s *= dims[i];
}

void tn__broadcast_strides(const tn_tensor *t, int32_t rank, int64_t *out_strides) {
    int64_t s = 1;
    for (int32_t i = rank - 1; i >= 0; i--) {
        int32_t k = i - (rank - t->rank);
        out_strides[i] = k >= 0 && t->dims[k] != 1 ? s : 0;
        if (k >= 0) s *= t->dims[k];
    }
}

bool tn__next_index(int32_t rank, const int64_t *dims, int64_t *index) {
    for (int32_t i = rank - 1; i >= 0; i--) {
        if (++index[i] < dims[i]) return true;
        index[i] = 0;
    }
    return false;
}

tn_error *tn__eval_axis(const tn__eval *c, const char *what, int64_t axis, int32_t rank, int32_t *out_axis) {
    if (axis < -(int64_t)rank || axis >= rank)
        return TN__FAIL(c->a, OUT_OF_RANGE, "%s is %" PRId64 ", wanted -%d to %d", what, axis, rank, rank - 1);
    *out_axis = (int32_t)(axis < 0 ? axis + rank : axis);
    return NULL;
}
