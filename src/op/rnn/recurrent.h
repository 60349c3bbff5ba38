/* What the evaluations of lstm, gru and rnn share: checked operands in f64, activations, and the walk over directions, batch and time. */
#ifndef TN_OP_RECURRENT_H
#define TN_OP_RECURRENT_H
#include "op/op.h"

enum { TN__RECURRENT_MAX_ACTIVATIONS = 3 };

/* The activations of ONNX RNN: name, how many of alpha and beta it takes from the attribute lists, their defaults. */
#define TN__ACTIVATIONS(X)         \
    X(Relu, 0, 0, 0)               \
    X(Tanh, 0, 0, 0)               \
    X(Sigmoid, 0, 0, 0)            \
    X(Affine, 2, 1, 0)             \
    X(LeakyRelu, 1, 0.01, 0)       \
    X(ThresholdedRelu, 1, 1, 0)    \
    X(ScaledTanh, 2, 1, 1)         \
    X(HardSigmoid, 2, 0.2, 0.5)    \
    X(Elu, 1, 1, 0)                \
    X(Softsign, 0, 0, 0)           \
    X(Softplus, 0, 0, 0)

typedef enum tn__activation_kind {
#define TN__ACTIVATION(name, takes, alpha, beta) TN__ACTIVATION_##name,
    TN__ACTIVATIONS(TN__ACTIVATION)
#undef TN__ACTIVATION
} tn__activation_kind;

typedef struct tn__activation {
    tn__activation_kind kind;
    double alpha, beta;
} tn__activation;

/* What tells lstm, gru and rnn apart: gates, activations a direction with their defaults, gates with peepholes. */
typedef struct tn__recurrent_form {
    int64_t gates;
    uint32_t n_act;
    const char *names[TN__RECURRENT_MAX_ACTIVATIONS];
    int64_t peepholes;
} tn__recurrent_form;
const tn__recurrent_form *tn__recurrent_form_of(tn__op op); /* NULL: another op */
/* The activations of each direction, from the attributes or the form. */
tn_error *tn__recurrent_activations(const tn_allocator *a, const tn__recurrent_form *form, const tn__attrs_rnn *attrs, int64_t dirs,
                                    tn__activation out[2][TN__RECURRENT_MAX_ACTIVATIONS]);

typedef struct tn__recurrent {
    tn__eval *c;
    const tn__attrs_rnn *attrs;
    int64_t steps, batch, in, hidden, dirs, gates;
    /* operands as f64; b, h0, c0 and p are zeros where absent */
    double *x, *w, *r, *b, *h0, *c0, *p;
    const tn_tensor *lens; /* or NULL */
    tn__activation act[2][TN__RECURRENT_MAX_ACTIVATIONS];
    double *y, *yh, *yc; /* results, layout as the op's */
    double *sum, *rec, *h, *cell, *next; /* of one step: gates*hidden (twice), hidden */
} tn__recurrent;

/* One step of one direction: reads s->sum (W x + Wb), s->h, s->cell; writes s->next (the new h) and s->cell. */
typedef void tn__recurrent_step(tn__recurrent *s, int64_t direction);

/* Runs the whole op. */
tn_error *tn__recurrent_run(tn__eval *c, tn__recurrent_step *step);
/* Rows [row, row + n) of direction d's R times v (hidden long), into out. */
void tn__recurrent_product(const tn__recurrent *s, int64_t d, int64_t row, int64_t n, const double *v, double *out);
/* Activation k of direction d on x; the first clips x before as the attribute says. */
double tn__recurrent_act(const tn__recurrent *s, int64_t d, int k, double x);
double tn__recurrent_unclipped(const tn__recurrent *s, int64_t d, int k, double x);
#endif
