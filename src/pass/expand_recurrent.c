/* Short lstm and gru nodes with constant weights, unrolled: one product of all steps' inputs with W, then per step a product with R
 * and elementwise gates, so that the kernel generator runs them. Everything else keeps the node whole. */
#include <strings.h>

#include "pass/pass.h"

enum { MAX_STEPS = 16 };

typedef struct recurrent {
    tn_graph *to;
    const char *name; /* of the node */
    const tn__attrs_rnn *at;
    const tn_tensor *w, *r, *b; /* b may be NULL */
    int64_t steps, batch, in, hidden, dirs, gates;
    bool gru;
} recurrent;

static tn_value op1(const recurrent *s, tn__op op, tn_value x) { return tn__graph_add(s->to, op, &x, 1, NULL, 1, s->name); }
static tn_value op2(const recurrent *s, tn__op op, tn_value x, tn_value y) {
    tn_value in[2] = {x, y};
    return tn__graph_add(s->to, op, in, 2, NULL, 1, s->name);
}

static tn_value ints(const recurrent *s, int64_t n, const int64_t *data) {
    tn_tensor *t;
    tn_error *e = tn_tensor_create(s->to->context, TN_DTYPE_i64, 1, &n, &t);
    if (e) return tn__graph_fail(s->to, e), tn__none();
    memcpy(t->data, data, (size_t)n * sizeof *data);
    tn_value v = tn_graph_constant(s->to, t);
    tn_tensor_release(t);
    return v;
}

static tn_value reshape(const recurrent *s, tn_value x, int64_t rank, const int64_t *dims) {
    return op2(s, TN_OP_reshape, x, ints(s, rank, dims));
}

/* x[..., from:to, ...] along axis */
static tn_value slice(const recurrent *s, tn_value x, int64_t axis, int64_t from, int64_t to) {
    tn_value in[4] = {x, ints(s, 1, &from), ints(s, 1, &to), ints(s, 1, &axis)};
    return tn__graph_add(s->to, TN_OP_slice, in, 4, NULL, 1, s->name);
}

static tn_value gate(const recurrent *s, tn_value x, int64_t k) { return slice(s, x, 1, k * s->hidden, (k + 1) * s->hidden); }

/* n matrices under each other, then shaped */
static tn_value stack(const recurrent *s, const tn_value *parts, uint32_t n, int64_t rank, const int64_t *dims) {
    tn__attrs_axis axis = {.axis = 0};
    tn_value all = n == 1 ? parts[0] : tn__graph_add(s->to, TN_OP_concat, parts, n, &axis, 1, s->name);
    return reshape(s, all, rank, dims);
}

/* Rows [first, first + n) of direction d of [dirs, rows, columns], transposed to [columns, n]. */
static tn_value transposed(const recurrent *s, const tn_tensor *m, int64_t d, int64_t first, int64_t n) {
    int64_t columns = m->dims[2], dims[2] = {columns, n};
    tn_tensor *t;
    tn_error *e = tn_tensor_create(s->to->context, TN_DTYPE_f32, 2, dims, &t);
    if (e) return tn__graph_fail(s->to, e), tn__none();
    const float *from = (const float *)m->data + (d * m->dims[1] + first) * columns;
    float *to = t->data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < columns; k++) to[k * n + i] = from[i * columns + k];
    tn_value v = tn_graph_constant(s->to, t);
    tn_tensor_release(t);
    return v;
}

/* `own` false: Wb + Rb, but for the h gate of a gru with linear_before_reset Wb only; true: that gate's Rb. */
static tn_value bias(const recurrent *s, int64_t d, bool own) {
    int64_t H = s->hidden, gh = s->gates * H, n = own ? H : gh;
    tn_tensor *t;
    tn_error *e = tn_tensor_create(s->to->context, TN_DTYPE_f32, 1, &n, &t);
    if (e) return tn__graph_fail(s->to, e), tn__none();
    const float *wb = (const float *)s->b->data + d * 2 * gh, *rb = wb + gh;
    float *to = t->data;
    for (int64_t i = 0; i < n; i++)
        to[i] = own ? rb[2 * H + i] : s->gru && s->at->linear_before_reset && i >= 2 * H ? wb[i] : wb[i] + rb[i];
    tn_value v = tn_graph_constant(s->to, t);
    tn_tensor_release(t);
    return v;
}

/* Direction d's [batch, hidden] of an initial state, zeros where absent. */
static tn_value initial(const recurrent *s, tn_value state, int64_t d) {
    int64_t dims[2] = {s->batch, s->hidden};
    if (state.id) return reshape(s, s->dirs == 1 ? state : slice(s, state, 0, d, d + 1), 2, dims);
    tn_tensor *t;
    tn_error *e = tn_tensor_create(s->to->context, TN_DTYPE_f32, 2, dims, &t);
    if (e) return tn__graph_fail(s->to, e), tn__none();
    memset(t->data, 0, t->bytes);
    tn_value v = tn_graph_constant(s->to, t);
    tn_tensor_release(t);
    return v;
}

/* gates i o f c: c = f * c + i * g, h = o * tanh(c) */
static tn_value lstm_step(const recurrent *s, tn_value x, tn_value h, tn_value r, tn_value *cell) {
    tn_value sum = op2(s, TN_OP_add, x, op2(s, TN_OP_matmul, h, r));
    tn_value i = op1(s, TN_OP_sigmoid, gate(s, sum, 0)), o = op1(s, TN_OP_sigmoid, gate(s, sum, 1));
    tn_value f = op1(s, TN_OP_sigmoid, gate(s, sum, 2)), g = op1(s, TN_OP_tanh, gate(s, sum, 3));
    *cell = op2(s, TN_OP_add, op2(s, TN_OP_mul, f, *cell), op2(s, TN_OP_mul, i, g));
    return op2(s, TN_OP_mul, o, op1(s, TN_OP_tanh, *cell));
}

/* gates z r h: h = g + z * (h - g); rh is {0} with linear_before_reset, where r has all three gates */
static tn_value gru_step(const recurrent *s, tn_value x, tn_value h, tn_value r, tn_value rh, tn_value rb) {
    tn_value rec = op2(s, TN_OP_matmul, h, r), inner;
    tn_value z = op1(s, TN_OP_sigmoid, op2(s, TN_OP_add, gate(s, x, 0), gate(s, rec, 0)));
    tn_value reset = op1(s, TN_OP_sigmoid, op2(s, TN_OP_add, gate(s, x, 1), gate(s, rec, 1)));
    if (s->at->linear_before_reset) {
        inner = gate(s, rec, 2);
        if (rb.id) inner = op2(s, TN_OP_add, inner, rb);
        inner = op2(s, TN_OP_mul, reset, inner);
    } else {
        inner = op2(s, TN_OP_matmul, op2(s, TN_OP_mul, reset, h), rh);
    }
    tn_value g = op1(s, TN_OP_tanh, op2(s, TN_OP_add, gate(s, x, 2), inner));
    return op2(s, TN_OP_add, g, op2(s, TN_OP_mul, z, op2(s, TN_OP_sub, h, g)));
}

static bool f32_dims(const tn__type *t, int32_t rank, const int64_t *dims) {
    if (t->dtype != TN_DTYPE_f32 || t->rank != rank) return false;
    for (int32_t i = 0; i < rank; i++)
        if (t->dims[i] != dims[i] || dims[i] < 1) return false;
    return true;
}

/* Fills s; false for what stays whole, wrong operands among it: the run reports them. */
static bool accept(const tn__rewriter *rw, const tn__node *n, recurrent *s) {
    const tn_graph *g = rw->from;
    if (n->op != TN_OP_lstm && n->op != TN_OP_gru) return false;
    const tn__attrs_rnn *at = n->attrs;
    *s = (recurrent){.to = rw->to, .name = n->name, .at = at, .gru = n->op == TN_OP_gru, .gates = n->op == TN_OP_gru ? 3 : 4};
    if (at->activations.n || at->activation_alpha.n || at->activation_beta.n || at->clip != 0 || at->input_forget || at->layout) return false;
    if (tn__in(g, n, 4).id || tn__in(g, n, 7).id) return false; /* sequence_lens, peepholes */
    tn_value xv = tn__in(g, n, 0), wv = tn__in(g, n, 1), rv = tn__in(g, n, 2), bv = tn__in(g, n, 3);
    if (!xv.id || !wv.id || !rv.id) return false;
    s->w = tn__constant_of(g, wv), s->r = tn__constant_of(g, rv), s->b = bv.id ? tn__constant_of(g, bv) : NULL;
    const tn__type *x = tn__type_of(g, xv);
    if (!s->w || !s->r || (bv.id && !s->b) || x->rank != 3 || s->r->rank != 3) return false;
    s->steps = x->dims[0], s->batch = x->dims[1], s->in = x->dims[2], s->hidden = s->r->dims[2];
    s->dirs = strcasecmp(at->direction, "bidirectional") ? 1 : 2;
    int64_t gh, gh2, rows;
    if (s->steps < 1 || s->steps > MAX_STEPS || s->batch < 1 || s->hidden < 1) return false;
    if (at->hidden_size && at->hidden_size != s->hidden) return false;
    if (!tn__mul_i64(s->gates, s->hidden, &gh) || !tn__mul_i64(gh, 2, &gh2)) return false;
    if (!tn__mul_i64(s->batch, 2 * MAX_STEPS, &rows)) return false;
    const int64_t xd[3] = {s->steps, s->batch, s->in}, wd[3] = {s->dirs, gh, s->in}, rd[3] = {s->dirs, gh, s->hidden};
    const int64_t bd[2] = {s->dirs, gh2}, hd[3] = {s->dirs, s->batch, s->hidden};
    if (!f32_dims(x, 3, xd) || !f32_dims(tn__type_of(g, wv), 3, wd) || !f32_dims(tn__type_of(g, rv), 3, rd)) return false;
    if (bv.id && !f32_dims(tn__type_of(g, bv), 2, bd)) return false;
    for (uint32_t k = 5; k < 7; k++)
        if (tn__in(g, n, k).id && !f32_dims(tn__type_of(g, tn__in(g, n, k)), 3, hd)) return false;
    return true;
}

bool tn__expand_recurrent(tn__rewriter *rw, const tn__node *n) {
    recurrent s;
    if (!accept(rw, n, &s)) return false;
    tn_value ys[MAX_STEPS * 2], last_h[2], last_c[2], out[3];
    const int64_t T = s.steps, N = s.batch, H = s.hidden, D = s.dirs, gh = s.gates * H;
    bool all_gates = !s.gru || s.at->linear_before_reset;
    tn_value x = reshape(&s, tn__rewriter_in(rw, n, 0), 2, (int64_t[]){T * N, s.in});
    for (int64_t d = 0; d < D; d++) {
        bool reverse = d == 1 || !strcasecmp(s.at->direction, "reverse");
        tn_value xw = op2(&s, TN_OP_matmul, x, transposed(&s, s.w, d, 0, gh));
        if (s.b) xw = op2(&s, TN_OP_add, xw, bias(&s, d, false));
        tn_value r = transposed(&s, s.r, d, 0, all_gates ? gh : 2 * H), rh = tn__none(), rb = tn__none(), cell = tn__none();
        if (!all_gates) rh = transposed(&s, s.r, d, 2 * H, H);
        if (s.gru && all_gates && s.b) rb = bias(&s, d, true);
        tn_value h = initial(&s, tn__rewriter_in(rw, n, 5), d);
        if (!s.gru) cell = initial(&s, tn__rewriter_in(rw, n, 6), d);
        for (int64_t i = 0; i < T && !s.to->error; i++) {
            int64_t t = reverse ? T - 1 - i : i;
            tn_value xt = T == 1 ? xw : slice(&s, xw, 0, t * N, (t + 1) * N);
            h = s.gru ? gru_step(&s, xt, h, r, rh, rb) : lstm_step(&s, xt, h, r, &cell);
            ys[t * D + d] = h;
        }
        if (s.to->error) return true; /* the commit returns it */
        last_h[d] = h, last_c[d] = cell;
    }
    out[0] = stack(&s, ys, (uint32_t)(T * D), 4, (int64_t[]){T, D, N, H});
    if (n->n_out > 1) out[1] = stack(&s, last_h, (uint32_t)D, 3, (int64_t[]){D, N, H});
    if (n->n_out > 2) out[2] = stack(&s, last_c, (uint32_t)D, 3, (int64_t[]){D, N, H});
    for (uint32_t k = 0; k < n->n_out && !s.to->error; k++) {
        const char *name = rw->from->values.data[n->first_out + k].name;
        if (name && !s.to->values.data[out[k].id].name) tn_graph_set_name(s.to, out[k], name);
        rw->map[n->first_out + k] = out[k];
    }
    return true;
}
