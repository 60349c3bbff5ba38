/* attention: scaled dot product attention of ONNX opsets 23 to 25 (grouped heads, masks, caches, soft cap, windows).
 *
 *   scores = Q K^T * scale -> softcap -> + bias(mask, causal, window, padding) -> softmax -> V
 *
 * A query row that may attend to no key at all gives zeros. */
#include <inttypes.h>
#include <math.h>

#include "op/op.h"

/* ---- shape rule ---------------------------------------------------------------------------------------------- */

static int64_t divided(int64_t d, int64_t n) { return d >= 0 && n > 0 ? d / n : TN_DIM_UNKNOWN; }

static tn_error *heads_of(const tn__infer *c, uint32_t k, int64_t heads, int64_t *out_heads, int64_t *out_len, int64_t *out_size) {
    const tn__type *t = &c->types[k];
    *out_heads = *out_len = *out_size = TN_DIM_UNKNOWN;
    if (t->rank < 0) return NULL;
    if (t->rank == 4) {
        *out_heads = t->dims[1], *out_len = t->dims[2], *out_size = t->dims[3];
        return NULL;
    }
    if (t->rank != 3) return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted 3 or 4", k, t->rank);
    if (heads <= 0) return TN__INFER_FAIL(c, INVALID_GRAPH, "operands of rank 3 need the attributes q_num_heads and kv_num_heads");
    if (t->dims[2] >= 0 && t->dims[2] % heads)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: hidden size %" PRId64 " is no multiple of %" PRId64 " heads", k, t->dims[2], heads);
    *out_heads = heads, *out_len = t->dims[1], *out_size = divided(t->dims[2], heads);
    return NULL;
}

tn_error *tn__infer_attention(tn__infer *c) {
    const tn__attrs_attention *at = c->attrs;
    const tn__type *q = &c->types[0];
    int64_t heads[3], len[3], size[3], past = 0, total;
    for (uint32_t k = 0; k < 3; k++) {
        if (!tn__dtype_is_float(c->types[k].dtype))
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted a float type", k, tn_dtype_name(c->types[k].dtype));
        TN__TRY(heads_of(c, k, k ? at->kv_num_heads : at->q_num_heads, &heads[k], &len[k], &size[k]));
    }
    if (tn__shape_has(c, 4) != tn__shape_has(c, 5)) return TN__INFER_FAIL(c, INVALID_GRAPH, "past_key and past_value must come together");
    if (tn__shape_has(c, 4)) {
        if (c->types[4].rank >= 0 && c->types[4].rank != 4)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 4 (past_key): found rank %d, wanted 4", c->types[4].rank);
        past = c->types[4].rank == 4 ? c->types[4].dims[2] : TN_DIM_UNKNOWN;
    }
    total = past < 0 || len[1] < 0 || !tn__add_i64(past, len[1], &total) ? TN_DIM_UNKNOWN : past + len[1];
    if (!past) total = len[1]; /* keeps a symbol */
    int64_t batch = q->rank >= 0 ? q->dims[0] : TN_DIM_UNKNOWN;
    int64_t *y = tn__shape_dims(c, 4), *k = tn__shape_dims(c, 4), *v = tn__shape_dims(c, 4), *s = tn__shape_dims(c, 4);
    if (!y || !k || !v || !s) return tn__error_oom();
    y[0] = k[0] = v[0] = s[0] = batch;
    if (q->rank == 3) {
        y[1] = len[0];
        if (size[2] >= 0) TN__TRY(tn__shape_product(c, (int64_t[]){heads[0], size[2]}, 2, &y[2]));
    } else y[1] = heads[0], y[2] = len[0], y[3] = size[2];
    k[1] = heads[1], k[2] = total, k[3] = size[1];
    v[1] = heads[2], v[2] = total, v[3] = size[2];
    s[1] = heads[0], s[2] = len[0], s[3] = total;
    tn__shape_set(c, 0, q->dtype, q->rank < 0 ? -1 : q->rank, y);
    tn__shape_set(c, 1, c->types[1].dtype, 4, k);
    tn__shape_set(c, 2, c->types[2].dtype, 4, v);
    tn__shape_set(c, 3, q->dtype, 4, s);
    return NULL;
}

/* ---- evaluation ---------------------------------------------------------------------------------------------- */

/* One of Q, K, V seen as [batch, heads, len, size] of doubles. */
typedef struct heads_view {
    double *data;
    int64_t elements, heads, len, size, batch_stride, head_stride, step_stride;
} heads_view;

typedef struct job {
    tn__eval *c;
    const tn__attrs_attention *at;
    int64_t batch, past, total;
    heads_view q, k, v, past_k, past_v;
    const tn_tensor *mask, *nonpad;
    int64_t mask_strides[4];
    double scale;
    double *scores, *bias, *row; /* total long (scores, bias) */
    double *y, *qk;              /* results */
} job;

static tn_error *view(const job *j, uint32_t k, int64_t heads, heads_view *out) {
    const tn_tensor *t = tn__eval_in(j->c, k);
    if (t->rank == 4) {
        out->heads = t->dims[1], out->len = t->dims[2], out->size = t->dims[3];
        out->step_stride = out->size;
        out->head_stride = out->len * out->size;
    } else if (t->rank == 3 && heads > 0 && t->dims[2] % heads == 0) {
        out->heads = heads, out->len = t->dims[1], out->size = t->dims[2] / heads;
        out->step_stride = t->dims[2];
        out->head_stride = out->size;
    } else return TN__EVAL_FAIL(j->c, SHAPE_MISMATCH, "attention: operand %u does not split into %" PRId64 " heads", k, heads);
    out->batch_stride = out->heads * out->len * out->size;
    if (t->dims[0] != j->batch) return TN__EVAL_FAIL(j->c, SHAPE_MISMATCH, "attention: operand %u has another batch than Q", k);
    out->elements = t->elements;
    return (out->data = tn__eval_load_f64(j->c, t)) ? NULL : tn__error_oom();
}

static tn_error *check_mask(job *j) {
    const tn_tensor *m = j->mask;
    const int64_t wanted[4] = {j->batch, j->q.heads, j->q.len, j->total};
    if (!m) return NULL;
    if (m->rank < 1 || m->rank > 4) return TN__EVAL_FAIL(j->c, SHAPE_MISMATCH, "attention: the mask has rank %d, wanted 1 to 4", m->rank);
    tn__broadcast_strides(m, 4, j->mask_strides);
    for (int32_t i = 0; i < m->rank; i++) {
        int64_t d = m->dims[i], w = wanted[4 - m->rank + i];
        bool last = i == m->rank - 1; /* the last one may be short: what is missing is masked */
        if (last ? d > w : d != 1 && d != w)
            return TN__EVAL_FAIL(j->c, SHAPE_MISMATCH, "attention: mask dimension %d is %" PRId64 ", wanted %" PRId64, i, d, w);
    }
    j->mask_strides[3] = 1; /* no broadcast there: a single column is a mask of the first key */
    return NULL;
}

static double mask_at(const job *j, int64_t b, int64_t h, int64_t i, int64_t k) {
    const tn_tensor *m = j->mask;
    if (k >= m->dims[m->rank - 1]) return -INFINITY;
    int64_t at = b * j->mask_strides[0] + h * j->mask_strides[1] + i * j->mask_strides[2] + k;
    if (m->dtype == TN_DTYPE_bool) return tn__load_i64(m->dtype, m->data, at) ? 0 : -INFINITY;
    return tn__load_f64(m->dtype, m->data, at);
}

/* Additive bias of query i; returns whether some key may be attended. */
static bool fill_bias(job *j, int64_t b, int64_t h, int64_t i) {
    bool any = false;
    int64_t valid = j->nonpad ? tn__load_i64(j->nonpad->dtype, j->nonpad->data, b) : j->total;
    int64_t place = i + (j->nonpad ? valid - j->q.len : j->past); /* of the query among the keys */
    for (int64_t k = 0; k < j->total; k++) {
        bool allowed = k < valid && (!j->at->is_causal || k <= place);
        if (j->at->left_window_size >= 0 && place - k > j->at->left_window_size) allowed = false;
        if (j->at->right_window_size >= 0 && k - place > j->at->right_window_size) allowed = false;
        j->bias[k] = !allowed ? -INFINITY : j->mask ? mask_at(j, b, h, i, k) : 0;
        if (j->bias[k] != -INFINITY) any = true;
    }
    return any;
}

/* Key or value `k` of the cache followed by the new ones. */
static const double *step_of(const heads_view *past, int64_t n_past, const heads_view *now, int64_t b, int64_t h, int64_t k) {
    const heads_view *from = k < n_past ? past : now;
    if (k >= n_past) k -= n_past;
    return from->data + b * from->batch_stride + h * from->head_stride + k * from->step_stride;
}

static void attend(job *j, int64_t b, int64_t h, int64_t i) {
    const tn__attrs_attention *at = j->at;
    int64_t group = h / (j->q.heads / j->k.heads), total = j->total;
    const double *q = j->q.data + b * j->q.batch_stride + h * j->q.head_stride + i * j->q.step_stride;
    double *out_qk = j->qk ? j->qk + ((b * j->q.heads + h) * j->q.len + i) * total : NULL, max = -INFINITY, sum = 0;
    bool any = fill_bias(j, b, h, i);
    for (int64_t k = 0; k < total; k++) {
        const double *key = step_of(&j->past_k, j->past, &j->k, b, group, k);
        double dot = 0;
        for (int64_t e = 0; e < j->q.size; e++) dot += q[e] * key[e];
        double raw = dot * j->scale, capped = at->softcap > 0 ? at->softcap * tanh(raw / at->softcap) : raw;
        double biased = j->bias[k] == -INFINITY ? -INFINITY : capped + j->bias[k];
        if (out_qk) out_qk[k] = at->qk_matmul_output_mode == 0 ? raw : at->qk_matmul_output_mode == 1 ? capped : biased;
        j->scores[k] = biased;
        if (biased > max) max = biased;
    }
    for (int64_t k = 0; k < total; k++) sum += j->scores[k] = any && j->scores[k] != -INFINITY ? exp(j->scores[k] - max) : 0;
    for (int64_t k = 0; any && k < total; k++) j->scores[k] /= sum == 0 ? 1 : sum;
    if (out_qk && at->qk_matmul_output_mode == 3 && total) memcpy(out_qk, j->scores, (size_t)total * sizeof *out_qk);
    for (int64_t e = 0; e < j->v.size; e++) j->row[e] = 0;
    for (int64_t k = 0; k < total; k++) {
        const double *value = step_of(&j->past_v, j->past, &j->v, b, group, k);
        if (j->scores[k] != 0)
            for (int64_t e = 0; e < j->v.size; e++) j->row[e] += j->scores[k] * value[e];
    }
    bool flat = j->c->in[0]->rank == 3;
    int64_t to = flat ? ((b * j->q.len + i) * j->q.heads + h) * j->v.size : ((b * j->q.heads + h) * j->q.len + i) * j->v.size;
    if (j->v.size) memcpy(j->y + to, j->row, (size_t)j->v.size * sizeof *j->row);
}

static tn_error *write_present(job *j, uint32_t k, const heads_view *past, const heads_view *now, tn_dtype dtype) {
    tn_tensor *out;
    int64_t dims[4] = {j->batch, now->heads, j->total, now->size}, at = 0;
    TN__TRY(tn__eval_out(j->c, k, dtype, 4, dims, &out));
    for (int64_t b = 0; out && b < j->batch; b++)
        for (int64_t h = 0; h < now->heads; h++)
            for (int64_t i = 0; i < j->total; i++)
                for (int64_t e = 0; e < now->size; e++)
                    tn__store_f64(dtype, out->data, at++, step_of(past, j->past, now, b, h, i)[e]);
    return NULL;
}

static tn_error *prepare(job *j) {
    tn__eval *c = j->c;
    const tn_tensor *past_k = tn__eval_in(c, 4), *past_v = tn__eval_in(c, 5);
    if (c->in[0]->rank < 3) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "attention: Q has rank %d, wanted 3 or 4", c->in[0]->rank);
    j->batch = c->in[0]->dims[0];
    TN__TRY(view(j, 0, j->at->q_num_heads, &j->q));
    TN__TRY(view(j, 1, j->at->kv_num_heads, &j->k));
    TN__TRY(view(j, 2, j->at->kv_num_heads, &j->v));
    if (past_k && past_v) {
        if (past_k->rank != 4 || past_v->rank != 4) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "attention: the past must have rank 4");
        TN__TRY(view(j, 4, 0, &j->past_k));
        TN__TRY(view(j, 5, 0, &j->past_v));
        j->past = j->past_k.len;
        if (j->past_v.len != j->past || j->past_k.heads != j->k.heads || j->past_v.heads != j->v.heads || j->past_k.size != j->k.size ||
            j->past_v.size != j->v.size)
            return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "attention: the past does not fit K and V");
    }
    if (j->k.len != j->v.len || j->k.heads != j->v.heads || j->k.size != j->q.size)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "attention: Q, K and V do not fit together");
    if (j->q.heads && (!j->k.heads || j->q.heads % j->k.heads))
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "attention: %" PRId64 " query heads are no multiple of %" PRId64 " key heads", j->q.heads,
                             j->k.heads);
    if (!tn__add_i64(j->past, j->k.len, &j->total)) return TN__EVAL_FAIL(c, LIMIT_EXCEEDED, "attention: too many keys");
    j->mask = tn__eval_in(c, 3);
    TN__TRY(check_mask(j));
    j->nonpad = tn__eval_in(c, 6);
    if (j->nonpad && past_k) return TN__EVAL_FAIL(c, INVALID_GRAPH, "attention: nonpad_kv_seqlen and a past exclude each other");
    if (j->nonpad && j->nonpad->elements != j->batch)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "attention: nonpad_kv_seqlen has %" PRId64 " entries, wanted %" PRId64,
                             j->nonpad->elements, j->batch);
    for (int64_t b = 0; j->nonpad && b < j->batch; b++) {
        int64_t n = tn__load_i64(j->nonpad->dtype, j->nonpad->data, b);
        if (n < 0 || n > j->total)
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "attention: nonpad_kv_seqlen is %" PRId64 ", wanted 0 to %" PRId64, n, j->total);
    }
    j->scale = j->at->scale != 0 ? j->at->scale : j->q.size ? 1 / sqrt((double)j->q.size) : 1;
    return NULL;
}

static tn_error *run(job *j) {
    tn__eval *c = j->c;
    tn_tensor *y, *qk;
    tn_dtype dtype = c->in[0]->dtype;
    int64_t y3[3] = {j->batch, j->q.len, j->q.heads * j->v.size}, y4[4] = {j->batch, j->q.heads, j->q.len, j->v.size};
    int64_t s[4] = {j->batch, j->q.heads, j->q.len, j->total};
    bool flat = c->in[0]->rank == 3;
    TN__TRY(tn__eval_out(c, 0, dtype, flat ? 3 : 4, flat ? y3 : y4, &y));
    TN__TRY(tn__eval_out(c, 3, dtype, 4, s, &qk));
    int64_t n_y = y->elements, n_qk = qk ? qk->elements : 0;
    j->y = tn__eval_temp_f64(c, n_y);
    j->qk = qk ? tn__eval_temp_f64(c, n_qk) : NULL;
    j->scores = tn__eval_temp_f64(c, j->total);
    j->bias = tn__eval_temp_f64(c, j->total);
    j->row = tn__eval_temp_f64(c, j->v.size);
    tn_error *e = j->y && j->scores && j->bias && j->row && (j->qk || !qk) ? NULL : tn__error_oom();
    for (int64_t b = 0; !e && b < j->batch; b++)
        for (int64_t h = 0; h < j->q.heads; h++)
            for (int64_t i = 0; i < j->q.len; i++) attend(j, b, h, i);
    if (!e) tn__eval_store_f64(y, j->y);
    if (!e && qk) tn__eval_store_f64(qk, j->qk);
    if (!e) e = write_present(j, 1, &j->past_k, &j->k, c->in[1]->dtype);
    if (!e) e = write_present(j, 2, &j->past_v, &j->v, c->in[2]->dtype);
    tn__eval_free_f64(c, j->y, n_y);
    tn__eval_free_f64(c, j->qk, n_qk);
    tn__eval_free_f64(c, j->scores, j->total);
    tn__eval_free_f64(c, j->bias, j->total);
    tn__eval_free_f64(c, j->row, j->v.size);
    return e;
}

tn_error *tn__eval_attention(tn__eval *c) {
    job j = {.c = c, .at = c->attrs};
    tn_error *e = prepare(&j);
    if (!e) e = run(&j);
    heads_view *views[] = {&j.q, &j.k, &j.v, &j.past_k, &j.past_v};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (views[i]->data) tn__eval_free_f64(c, views[i]->data, views[i]->elements);
    return e;
}
