/* What the evaluations of lstm, gru and rnn share: checked operands in f64, activations, and the walk over directions, batch and time. */
#ifndef TN_OP_RECURRENT_H
#define TN_OP_RECURRENT_H
#include "op/op.h"

enum { TN__RECURRENT_MAX_ACTIVATIONS = 3 };

typedef struct tn__activation {
    double (*f)(double x, double alpha, double beta);
    double alpha, beta;
} tn__activation;

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

/* Runs the whole op; `gates` a step, `n_act` activations a direction with defaults `names`. `p_gates` peephole gates. */
tn_error *tn__recurrent_run(tn__eval *c, int64_t gates, uint32_t n_act, const char *const *names, int64_t p_gates,
                            tn__recurrent_step *step);
/* Rows [row, row + n) of direction d's R times v (hidden long), into out. */
void tn__recurrent_product(const tn__recurrent *s, int64_t d, int64_t row, int64_t n, const double *v, double *out);
/* Activation k of direction d on x, clipped before as the attribute says. */
double tn__recurrent_act(const tn__recurrent *s, int64_t d, int k, double x);
#endif
