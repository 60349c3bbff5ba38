#include "op/rnn/recurrent.h"

#include <inttypes.h>
#include <math.h>
#include <strings.h>

/* ---- activations (ONNX RNN: f, g, h) --------------------------------------------------------------------------- */

typedef double activation_fn(double x, double alpha, double beta);

static double relu(double x, double a, double b) { return (void)a, (void)b, x > 0 ? x : 0; }
static double tanh_(double x, double a, double b) { return (void)a, (void)b, tanh(x); }
static double sigmoid(double x, double a, double b) { return (void)a, (void)b, 1 / (1 + exp(-x)); }
static double affine(double x, double a, double b) { return a * x + b; }
static double leaky(double x, double a, double b) { return (void)b, x >= 0 ? x : a * x; }
static double thresholded(double x, double a, double b) { return (void)b, x >= a ? x : 0; }
static double scaled_tanh(double x, double a, double b) { return a * tanh(b * x); }
static double hard_sigmoid(double x, double a, double b) { return fmin(fmax(a * x + b, 0), 1); }
static double elu(double x, double a, double b) { return (void)b, x >= 0 ? x : a * expm1(x); }
static double softsign(double x, double a, double b) { return (void)a, (void)b, x / (1 + fabs(x)); }
static double softplus(double x, double a, double b) { return (void)a, (void)b, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

static activation_fn *const functions[] = {
    [TN__ACTIVATION_Relu] = relu,
    [TN__ACTIVATION_Tanh] = tanh_,
    [TN__ACTIVATION_Sigmoid] = sigmoid,
    [TN__ACTIVATION_Affine] = affine,
    [TN__ACTIVATION_LeakyRelu] = leaky,
    [TN__ACTIVATION_ThresholdedRelu] = thresholded,
    [TN__ACTIVATION_ScaledTanh] = scaled_tanh,
    [TN__ACTIVATION_HardSigmoid] = hard_sigmoid,
    [TN__ACTIVATION_Elu] = elu,
    [TN__ACTIVATION_Softsign] = softsign,
    [TN__ACTIVATION_Softplus] = softplus,
};

static const struct {
    const char *name;
    int takes;
    double alpha, beta;
} kinds[] = {
#define TN__ACTIVATION(name, takes, alpha, beta) {#name, takes, alpha, beta},
    TN__ACTIVATIONS(TN__ACTIVATION)
#undef TN__ACTIVATION
};
_Static_assert(sizeof kinds / sizeof *kinds == sizeof functions / sizeof *functions, "a function for each activation");

const tn__recurrent_form *tn__recurrent_form_of(tn__op op) {
    static const tn__recurrent_form lstm = {4, 3, {"Sigmoid", "Tanh", "Tanh"}, 3}, gru = {3, 2, {"Sigmoid", "Tanh"}, 0}, rnn = {1, 1, {"Tanh"}, 0};
    return op == TN_OP_lstm ? &lstm : op == TN_OP_gru ? &gru : op == TN_OP_rnn ? &rnn : NULL;
}

tn_error *tn__recurrent_activations(const tn_allocator *a, const tn__recurrent_form *form, const tn__attrs_rnn *at, int64_t dirs,
                                    tn__activation out[2][TN__RECURRENT_MAX_ACTIVATIONS]) {
    uint32_t wanted = form->n_act * (uint32_t)dirs, alpha = 0, beta = 0;
    if (at->activations.n && at->activations.n != wanted)
        return TN__FAIL(a, INVALID_GRAPH, "%u activations, wanted %u", at->activations.n, wanted);
    for (uint32_t i = 0; i < wanted; i++) {
        const char *name = at->activations.n ? at->activations.data[i] : form->names[i % form->n_act];
        size_t k = 0, n = sizeof kinds / sizeof *kinds;
        while (k < n && strcasecmp(kinds[k].name, name)) k++;
        if (k == n) return TN__FAIL(a, UNSUPPORTED, "there is no activation '%.40s'", name);
        tn__activation *x = &out[i / form->n_act][i % form->n_act];
        *x = (tn__activation){(tn__activation_kind)k, kinds[k].alpha, kinds[k].beta};
        if (kinds[k].takes > 0 && alpha < at->activation_alpha.n) x->alpha = at->activation_alpha.data[alpha++];
        if (kinds[k].takes > 1 && beta < at->activation_beta.n) x->beta = at->activation_beta.data[beta++];
    }
    return NULL;
}

double tn__recurrent_act(const tn__recurrent *s, int64_t d, int k, double x) {
    double clip = s->attrs->clip;
    if (clip > 0) x = x > clip ? clip : x < -clip ? -clip : x;
    return tn__recurrent_unclipped(s, d, k, x);
}

double tn__recurrent_unclipped(const tn__recurrent *s, int64_t d, int k, double x) {
    return functions[s->act[d][k].kind](x, s->act[d][k].alpha, s->act[d][k].beta);
}

void tn__recurrent_product(const tn__recurrent *s, int64_t d, int64_t row, int64_t n, const double *v, double *out) {
    const double *r = s->r + (d * s->gates * s->hidden + row) * s->hidden;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < s->hidden; k++) sum += r[i * s->hidden + k] * v[k];
        out[i] = sum;
    }
}

/* ---- operands ------------------------------------------------------------------------------------------------ */

static tn_error *check_dims(const tn__recurrent *s, uint32_t k, const char *what, int32_t rank, const int64_t *wanted) {
    const tn_tensor *t = tn__eval_in(s->c, k);
    if (!t) return NULL;
    if (t->rank != rank) return TN__EVAL_FAIL(s->c, SHAPE_MISMATCH, "operand %u (%s): found rank %d, wanted %d", k, what, t->rank, rank);
    for (int32_t i = 0; i < rank; i++)
        if (t->dims[i] != wanted[i])
            return TN__EVAL_FAIL(s->c, SHAPE_MISMATCH, "operand %u (%s): dimension %d is %" PRId64 ", wanted %" PRId64, k, what, i,
                                 t->dims[i], wanted[i]);
    return NULL;
}

static tn_error *check_operands(tn__recurrent *s, int64_t p_gates) {
    tn__eval *c = s->c;
    const tn_tensor *x = c->in[0], *r = tn__eval_in(c, 2);
    if (x->rank != 3 || r->rank != 3) return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "X and R: found ranks %d and %d, wanted 3", x->rank, r->rank);
    bool batch_first = s->attrs->layout != 0;
    s->steps = x->dims[batch_first];
    s->batch = x->dims[!batch_first];
    s->in = x->dims[2];
    s->hidden = r->dims[2];
    s->dirs = !strcasecmp(s->attrs->direction, "bidirectional") ? 2 : 1;
    if (s->attrs->hidden_size && s->attrs->hidden_size != s->hidden)
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "hidden_size is %" PRId64 ", R says %" PRId64, s->attrs->hidden_size, s->hidden);
    int64_t gh = s->gates * s->hidden; /* hidden comes from a tensor's dim, gates <= 4: R's element count bounds the product below */
    TN__TRY(check_dims(s, 1, "W", 3, (int64_t[]){s->dirs, gh, s->in}));
    TN__TRY(check_dims(s, 2, "R", 3, (int64_t[]){s->dirs, gh, s->hidden}));
    TN__TRY(check_dims(s, 3, "B", 2, (int64_t[]){s->dirs, 2 * gh}));
    TN__TRY(check_dims(s, 4, "sequence_lens", 1, &s->batch));
    int64_t state[3] = {batch_first ? s->batch : s->dirs, batch_first ? s->dirs : s->batch, s->hidden};
    TN__TRY(check_dims(s, 5, "initial_h", 3, state));
    TN__TRY(check_dims(s, 6, "initial_c", 3, state));
    TN__TRY(check_dims(s, 7, "P", 2, (int64_t[]){s->dirs, p_gates * s->hidden}));
    s->lens = tn__eval_in(c, 4);
    for (int64_t i = 0; s->lens && i < s->batch; i++) {
        int64_t n = tn__load_i64(s->lens->dtype, s->lens->data, i);
        if (n < 0 || n > s->steps)
            return TN__EVAL_FAIL(c, OUT_OF_RANGE, "sequence_lens[%" PRId64 "] is %" PRId64 ", wanted 0 to %" PRId64, i, n, s->steps);
    }
    return NULL;
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

static void run_sequence(tn__recurrent *s, int64_t d, int64_t b, tn__recurrent_step *step) {
    const int64_t H = s->hidden, gh = s->gates * H;
    bool batch_first = s->attrs->layout != 0, reverse = d == 1 || !strcasecmp(s->attrs->direction, "reverse");
    int64_t state = (batch_first ? b * s->dirs + d : d * s->batch + b) * H;
    int64_t n = s->lens ? tn__load_i64(s->lens->dtype, s->lens->data, b) : s->steps;
    const double *bias = s->b + d * 2 * gh, *w = s->w + d * gh * s->in;
    memcpy(s->h, s->h0 + state, (size_t)H * sizeof *s->h);
    memcpy(s->cell, s->c0 + state, (size_t)H * sizeof *s->cell);
    for (int64_t i = 0; i < n; i++) {
        int64_t t = reverse ? n - 1 - i : i;
        const double *x = s->x + (batch_first ? b * s->steps + t : t * s->batch + b) * s->in;
        for (int64_t g = 0; g < gh; g++) {
            double sum = bias[g];
            for (int64_t k = 0; k < s->in; k++) sum += w[g * s->in + k] * x[k];
            s->sum[g] = sum;
        }
        step(s, d);
        memcpy(s->h, s->next, (size_t)H * sizeof *s->h);
        int64_t at = batch_first ? ((b * s->steps + t) * s->dirs + d) * H : ((t * s->dirs + d) * s->batch + b) * H;
        memcpy(s->y + at, s->h, (size_t)H * sizeof *s->h);
    }
    memcpy(s->yh + state, s->h, (size_t)H * sizeof *s->h);
    memcpy(s->yc + state, s->cell, (size_t)H * sizeof *s->cell);
}

/* Operand k as doubles, zeros where it is absent. */
static bool load(tn__recurrent *s, uint32_t k, int64_t n, double **out) {
    const tn_tensor *t = tn__eval_in(s->c, k);
    return (*out = t ? tn__eval_load_f64(s->c, t) : tn__eval_temp_f64(s->c, n)) != NULL;
}

tn_error *tn__recurrent_run(tn__eval *c, tn__recurrent_step *step) {
    const tn__recurrent_form *form = tn__recurrent_form_of(c->op);
    int64_t gates = form->gates, p_gates = form->peepholes;
    tn__recurrent s = {.c = c, .attrs = c->attrs, .gates = gates};
    TN__TRY(check_operands(&s, p_gates));
    TN__TRY(tn__recurrent_activations(c->a, form, s.attrs, s.dirs, s.act));
    int64_t H = s.hidden, gh = gates * H, states, all;
    if (!tn__mul_i64(s.dirs * s.batch, H, &states) || !tn__mul_i64(s.steps, states, &all)) return TN__EVAL_FAIL(c, LIMIT_EXCEEDED, "the result is too large");
    struct {
        double **p;
        uint32_t operand; /* UINT32_MAX: none */
        int64_t n;
    } rows[] = {{&s.x, 0, s.steps * s.batch * s.in}, {&s.w, 1, s.dirs * gh * s.in}, {&s.r, 2, s.dirs * gh * H}, {&s.b, 3, s.dirs * 2 * gh},
                {&s.h0, 5, states}, {&s.c0, 6, states}, {&s.p, 7, s.dirs * p_gates * H},
                {&s.y, UINT32_MAX, all}, {&s.yh, UINT32_MAX, states}, {&s.yc, UINT32_MAX, states}, {&s.sum, UINT32_MAX, gh},
                {&s.rec, UINT32_MAX, gh}, {&s.h, UINT32_MAX, H}, {&s.cell, UINT32_MAX, H}, {&s.next, UINT32_MAX, H}};
    tn_error *e = NULL;
    for (size_t i = 0; !e && i < sizeof rows / sizeof *rows; i++)
        if (!load(&s, rows[i].operand, rows[i].n, rows[i].p)) e = tn__error_oom();
    for (int64_t d = 0; !e && d < s.dirs; d++)
        for (int64_t b = 0; b < s.batch; b++) run_sequence(&s, d, b, step);
    const double *results[3] = {s.y, s.yh, s.yc};
    for (uint32_t k = 0; !e && k < c->n_out && k < 3; k++) {
        bool first = s.attrs->layout != 0;
        int64_t y[4] = {first ? s.batch : s.steps, first ? s.steps : s.dirs, first ? s.dirs : s.batch, H};
        int64_t state[3] = {first ? s.batch : s.dirs, first ? s.dirs : s.batch, H};
        tn_tensor *out;
        e = tn__eval_out(c, k, c->in[0]->dtype, k ? 3 : 4, k ? state : y, &out);
        if (!e) tn__eval_store_f64(out, results[k]);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) tn__eval_free_f64(c, *rows[i].p, rows[i].n);
    return e;
}
