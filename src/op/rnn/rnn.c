/* lstm, gru and rnn: shape rule and the steps of their reference evaluation (ONNX operators LSTM, GRU, RNN of opset 22). */
#include <inttypes.h>
#include <strings.h>

#include "op/rnn/recurrent.h"

tn_error *tn__infer_rnn(tn__infer *c) {
    const tn__attrs_rnn *at = c->attrs;
    int64_t gates = tn__recurrent_form_of(c->op)->gates;
    bool both = !strcasecmp(at->direction, "bidirectional"), first = at->layout != 0;
    if (!both && strcasecmp(at->direction, "forward") && strcasecmp(at->direction, "reverse"))
        return TN__INFER_FAIL(c, INVALID_GRAPH, "direction is '%s', wanted forward, reverse or bidirectional", at->direction);
    for (uint32_t k = 0; k < 3; k++) {
        if (c->types[k].rank >= 0 && c->types[k].rank != 3)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted 3", k, c->types[k].rank);
        if (!tn__dtype_is_float(c->types[k].dtype) || c->types[k].dtype != c->types[0].dtype)
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted one float type for all", k, tn_dtype_name(c->types[k].dtype));
    }
    if (tn__shape_has(c, 4) && !tn__dtype_is_int(c->types[4].dtype))
        return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand 4 (sequence_lens): found %s, wanted i32", tn_dtype_name(c->types[4].dtype));
    const tn__type *x = &c->types[0], *w = &c->types[1], *r = &c->types[2];
    int64_t hidden = at->hidden_size > 0 ? at->hidden_size : r->rank == 3 ? r->dims[2] : TN_DIM_UNKNOWN, rows;
    if (hidden >= 0 && !tn__mul_i64(hidden, 8, &rows)) return TN__INFER_FAIL(c, LIMIT_EXCEEDED, "hidden_size is %" PRId64, hidden);
    if (hidden >= 0 && w->rank == 3 && w->dims[1] >= 0 && w->dims[1] != gates * hidden)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 1 (W): dimension 1 is %" PRId64 ", wanted %" PRId64, w->dims[1], gates * hidden);
    int64_t steps = x->rank == 3 ? x->dims[first] : TN_DIM_UNKNOWN, batch = x->rank == 3 ? x->dims[!first] : TN_DIM_UNKNOWN;
    int64_t *y = tn__shape_dims(c, 4), *h = tn__shape_dims(c, 3);
    if (!y || !h) return tn__error_oom();
    y[0] = first ? batch : steps, y[1] = first ? steps : 1 + both, y[2] = first ? 1 + both : batch, y[3] = hidden;
    h[0] = first ? batch : 1 + both, h[1] = first ? 1 + both : batch, h[2] = hidden;
    tn__shape_set(c, 0, x->dtype, 4, y);
    tn__shape_set(c, 1, x->dtype, 3, h);
    tn__shape_set(c, 2, x->dtype, 3, h);
    return NULL;
}

/* Adds R h and its bias to all gates' sums. */
static void add_recurrent(tn__recurrent *s, int64_t d, int64_t gates) {
    const int64_t n = gates * s->hidden;
    const double *rb = s->b + d * 2 * s->gates * s->hidden + s->gates * s->hidden;
    tn__recurrent_product(s, d, 0, n, s->h, s->rec);
    for (int64_t i = 0; i < n; i++) s->sum[i] += s->rec[i] + rb[i];
}

static void lstm_step(tn__recurrent *s, int64_t d) { /* gates i o f c; peepholes i o f */
    const int64_t H = s->hidden;
    const double *p = s->p + d * 3 * H;
    add_recurrent(s, d, 4);
    for (int64_t j = 0; j < H; j++) {
        double old = s->cell[j];
        double i = tn__recurrent_act(s, d, 0, s->sum[j] + p[j] * old);
        double f = s->attrs->input_forget ? 1 - i : tn__recurrent_act(s, d, 0, s->sum[2 * H + j] + p[2 * H + j] * old);
        double g = tn__recurrent_act(s, d, 1, s->sum[3 * H + j]);
        double cell = f * old + i * g;
        double o = tn__recurrent_act(s, d, 0, s->sum[H + j] + p[H + j] * cell);
        s->cell[j] = cell;
        /* h's input is not clipped: onnxruntime clips the gates only */
        s->next[j] = o * tn__recurrent_unclipped(s, d, 2, cell);
    }
}

tn_error *tn__eval_lstm(tn__eval *c) { return tn__recurrent_run(c, lstm_step); }

static void gru_step(tn__recurrent *s, int64_t d) { /* gates z r h */
    const int64_t H = s->hidden;
    const double *rb = s->b + d * 6 * H + 5 * H;
    double *r = s->cell; /* the reset gate, later r . h */
    add_recurrent(s, d, 2);
    for (int64_t j = 0; j < H; j++) r[j] = tn__recurrent_act(s, d, 0, s->sum[H + j]);
    if (s->attrs->linear_before_reset) {
        tn__recurrent_product(s, d, 2 * H, H, s->h, s->rec);
        for (int64_t j = 0; j < H; j++) s->sum[2 * H + j] += r[j] * (s->rec[j] + rb[j]);
    } else {
        for (int64_t j = 0; j < H; j++) r[j] *= s->h[j];
        tn__recurrent_product(s, d, 2 * H, H, r, s->rec);
        for (int64_t j = 0; j < H; j++) s->sum[2 * H + j] += s->rec[j] + rb[j];
    }
    for (int64_t j = 0; j < H; j++) {
        double z = tn__recurrent_act(s, d, 0, s->sum[j]);
        s->next[j] = (1 - z) * tn__recurrent_act(s, d, 1, s->sum[2 * H + j]) + z * s->h[j];
    }
}

tn_error *tn__eval_gru(tn__eval *c) { return tn__recurrent_run(c, gru_step); }

static void rnn_step(tn__recurrent *s, int64_t d) {
    add_recurrent(s, d, 1);
    for (int64_t j = 0; j < s->hidden; j++) s->next[j] = tn__recurrent_act(s, d, 0, s->sum[j]);
}

tn_error *tn__eval_rnn(tn__eval *c) { return tn__recurrent_run(c, rnn_step); }
