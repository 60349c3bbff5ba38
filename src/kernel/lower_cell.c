/* The elementwise part of a recurrence's step as one kernel: gates, activations, new states. The gates lie side by side in the
 * products, so a gate is an offset. States are read and written in place. */
#include "kernel/recurrence.h"

typedef struct cell {
    const tn__recurrence *r;
    tn__kernel *k;
    tn__piece *piece;
    int64_t d;
    int32_t d_n, d_j, d_lane;
    int32_t valid; /* the step counts for this member of the batch; -1: always */
} cell;

static int32_t f1(cell *c, tn__kop op, int32_t x) { return tn__kx(c->k, op, TN_DTYPE_f32, x, -1, -1); }
static int32_t f2(cell *c, tn__kop op, int32_t x, int32_t y) { return tn__kx(c->k, op, TN_DTYPE_f32, x, y, -1); }
static int32_t number(cell *c, double v) { return tn__kx_const(c->k, TN_DTYPE_f32, v); }
static int32_t add(cell *c, int32_t x, int32_t y) { return f2(c, TN__KX_ADD, x, y); }
static int32_t mul(cell *c, int32_t x, int32_t y) { return f2(c, TN__KX_MUL, x, y); }
static int32_t less(cell *c, int32_t x, int32_t y) { return tn__kx(c->k, TN__KX_LT, TN_DTYPE_bool, x, y, -1); }
static int32_t choose(cell *c, int32_t cond, int32_t x, int32_t y) { return tn__kx(c->k, TN__KX_SELECT, TN_DTYPE_f32, cond, x, y); }

static int32_t buffer(cell *c, tn__place place, tn_dtype dtype) {
    tn__piece *p = c->piece;
    for (uint32_t i = 0; i < p->n_places; i++)
        if (p->places[i].slot == place.slot) return (int32_t)i; /* a slot is one place of the recurrence */
    c->k->buffer_dtype[p->n_places] = dtype;
    c->k->n_buffers = (int32_t)p->n_places + 1;
    p->places[p->n_places] = place;
    return (int32_t)p->n_places++;
}

static tn__kmap units(const cell *c, int64_t offset, int64_t row) {
    tn__kmap m = {.offset = offset};
    m.stride[c->d_n] = row;
    m.stride[c->d_j] = c->k->lanes;
    m.stride[c->d_lane] = 1;
    return m;
}

/* Gate `gate` of a place, one vector of units. */
static int32_t load(cell *c, tn__place place, int64_t gate, int64_t row) {
    tn__kmap m = units(c, gate * c->r->hidden, row);
    return tn__kx_load(c->k, buffer(c, place, TN_DTYPE_f32), &m);
}

static int32_t old_state(cell *c, tn__place place) { return load(c, place, 0, c->r->state_row); }
static int32_t x_of(cell *c, int64_t gate) { return load(c, c->r->x, gate, c->r->x_row); }
static int32_t rec_of(cell *c, int64_t gate) { return load(c, c->r->rec, gate, c->r->rec_row); }

/* As the reference defines them, NaN included. */
static int32_t activate(cell *c, uint32_t which, int32_t x) {
    const tn__activation *a = &c->r->act[c->d][which];
    double alpha = (float)a->alpha, beta = (float)a->beta;
    switch (a->kind) {
    case TN__ACTIVATION_Relu: return choose(c, less(c, number(c, 0), x), x, number(c, 0));
    case TN__ACTIVATION_Tanh: return f1(c, TN__KX_TANH, x);
    case TN__ACTIVATION_Sigmoid: return tn__kx_sigmoid(c->k, x);
    case TN__ACTIVATION_Affine: return add(c, mul(c, number(c, alpha), x), number(c, beta));
    case TN__ACTIVATION_LeakyRelu: return choose(c, less(c, x, number(c, 0)), mul(c, number(c, alpha), x), x);
    case TN__ACTIVATION_ThresholdedRelu:
        return choose(c, tn__kx(c->k, TN__KX_LE, TN_DTYPE_bool, number(c, alpha), x, -1), x, number(c, 0));
    case TN__ACTIVATION_ScaledTanh: return mul(c, number(c, alpha), f1(c, TN__KX_TANH, mul(c, number(c, beta), x)));
    case TN__ACTIVATION_HardSigmoid: {
        int32_t y = add(c, mul(c, number(c, alpha), x), number(c, beta));
        y = choose(c, less(c, number(c, 0), y), y, number(c, 0));
        return choose(c, less(c, y, number(c, 1)), y, number(c, 1));
    }
    case TN__ACTIVATION_Elu: {
        int32_t below = f2(c, TN__KX_SUB, f1(c, TN__KX_EXP, x), number(c, 1));
        return choose(c, less(c, x, number(c, 0)), mul(c, number(c, alpha), below), x);
    }
    case TN__ACTIVATION_Softsign: return f2(c, TN__KX_DIV, x, add(c, number(c, 1), f1(c, TN__KX_ABS, x)));
    case TN__ACTIVATION_Softplus: return tn__kx_softplus(c->k, x);
    }
    return -1;
}

static int32_t gate(cell *c, uint32_t which, int32_t x) {
    double clip = c->r->attrs->clip;
    return activate(c, which, clip > 0 ? tn__kx_clamp(c->k, x, -(float)clip, (float)clip) : x);
}

/* Gate `at` of the sums, with its peephole on `state` where there are any. */
static int32_t lstm_sum(cell *c, int64_t at, int64_t peephole, int32_t state) {
    int32_t sum = add(c, x_of(c, at), rec_of(c, at));
    if (peephole < 0 || c->r->peepholes.slot == TN__NO_SLOT) return sum;
    return add(c, sum, mul(c, load(c, c->r->peepholes, peephole, 0), state));
}

/* Gates i o f c, peepholes i o f: c = f * c + i * g, h = o * act(c). */
static int32_t lstm(cell *c, int32_t *new_c) {
    int32_t old = old_state(c, c->r->c);
    int32_t i = gate(c, 0, lstm_sum(c, 0, 0, old));
    int32_t f = c->r->attrs->input_forget ? f2(c, TN__KX_SUB, number(c, 1), i) : gate(c, 0, lstm_sum(c, 2, 2, old));
    int32_t g = gate(c, 1, lstm_sum(c, 3, -1, -1));
    *new_c = add(c, mul(c, f, old), mul(c, i, g));
    int32_t o = gate(c, 0, lstm_sum(c, 1, 1, *new_c));
    return mul(c, o, activate(c, 2, *new_c));
}

/* Gates z r h: h = (1 - z) * g + z * h. */
static int32_t gru(cell *c) {
    int32_t z = gate(c, 0, add(c, x_of(c, 0), rec_of(c, 0))), inner;
    if (c->r->before) {
        inner = rec_of(c, 2);
        /* B has Wb z r h, Rb z r h */
        if (c->r->bias.slot != TN__NO_SLOT) inner = add(c, inner, load(c, c->r->bias, 5, 0));
        inner = mul(c, gate(c, 0, add(c, x_of(c, 1), rec_of(c, 1))), inner);
    } else inner = load(c, c->r->inner, 0, c->r->inner_row);
    int32_t g = gate(c, 1, add(c, x_of(c, 2), inner));
    return add(c, mul(c, f2(c, TN__KX_SUB, number(c, 1), z), g), mul(c, z, old_state(c, c->r->h)));
}

static int32_t power_of_two(int64_t n, int32_t most) {
    int32_t p = 4;
    while (p < n && p < most) p *= 2;
    return p;
}

static tn_error *begin(cell *c, const tn__recurrence *r, const char *stem, int64_t d, tn__piece *out) {
    *out = (tn__piece){0};
    tn__kernel *k = tn__lower_kernel(r->l, stem, r->node);
    if (!k) return tn__error_oom();
    *c = (cell){.r = r, .k = k, .piece = out, .d = d, .d_n = 0, .d_j = 1, .d_lane = 2, .valid = -1};
    k->epilogue = -1;
    k->lanes = power_of_two(r->hidden, r->l->w);
    k->n_dims = k->n_spatial = 3;
    k->extent[0] = r->batch, k->extent[1] = tn__ceil_div(r->hidden, k->lanes), k->extent[2] = k->lanes;
    k->v = 2, k->v_tail = (int32_t)(r->hidden % k->lanes);
    k->j = 1, k->nv = k->extent[1] < 2 ? 1 : 2;
    return NULL;
}

/* Stores x to a state or the output: first as the kernel's result, then beside it. */
static void store(cell *c, tn__place place, int64_t row, int32_t x) {
    tn__kernel *k = c->k;
    int32_t b = buffer(c, place, TN_DTYPE_f32);
    tn__kmap m = units(c, 0, row);
    if (k->epilogue < 0) k->epilogue = x, k->out_buffer = b, k->out_map = m;
    else k->stores[k->n_stores++] = (tn__kstore){x, b, m};
}

static tn_error *end(cell *c) {
    enum { WORK_A_UNIT = 60 }; /* of a step's expressions, about, in multiply-adds */
    const tn__recurrence *r = c->r;
    bool full = c->k->epilogue < 0 || c->k->n_exprs >= TN__K_EXPRS;
    for (int32_t i = 0; i < c->k->n_stores; i++) full |= c->k->stores[i].expr < 0;
    if (full) return tn__free(r->l->a, c->k, sizeof *c->k), TN__FAIL(r->l->a, INTERNAL, "the cell does not fit a kernel");
    return tn__recurrence_add(r, c->k, (double)c->k->nv * c->k->lanes * WORK_A_UNIT, c->piece);
}

tn_error *tn__recurrence_reset(const tn__recurrence *r, int64_t d, tn__piece *out) {
    cell c;
    TN__TRY(begin(&c, r, "reset", d, out));
    int32_t reset = gate(&c, 0, add(&c, x_of(&c, 1), rec_of(&c, 1)));
    store(&c, r->reset, r->hidden, mul(&c, reset, old_state(&c, r->h)));
    return end(&c);
}

tn_error *tn__recurrence_cell(const tn__recurrence *r, int64_t d, tn__piece *out) {
    cell c;
    TN__TRY(begin(&c, r, "cell", d, out));
    if (r->lens.slot != TN__NO_SLOT) {
        tn__kmap all = {0}, each = {0};
        each.stride[c.d_n] = 1;
        int32_t now = tn__kx_load(c.k, buffer(&c, r->moment, r->lens_dtype), &all);
        c.valid = less(&c, now, tn__kx_load(c.k, buffer(&c, r->lens, r->lens_dtype), &each));
    }
    int32_t new_c = -1, h = -1;
    if (r->op == TN_OP_lstm) h = lstm(&c, &new_c);
    else h = r->op == TN_OP_gru ? gru(&c) : gate(&c, 0, add(&c, x_of(&c, 0), rec_of(&c, 0)));
    int32_t y = c.valid < 0 ? h : choose(&c, c.valid, h, number(&c, 0));
    store(&c, r->y, r->y_row, y);
    store(&c, r->h, r->state_row, c.valid < 0 ? h : choose(&c, c.valid, h, old_state(&c, r->h)));
    if (r->op == TN_OP_lstm) store(&c, r->c, r->state_row, c.valid < 0 ? new_c : choose(&c, c.valid, new_c, old_state(&c, r->c)));
    return end(&c);
}
