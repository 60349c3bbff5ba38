/* A recurrence (lstm, gru, rnn) being lowered. Shared by lower_recurrent.c (operands, products, the loop) and lower_cell.c. */
#ifndef TN_KERNEL_RECURRENCE_H
#define TN_KERNEL_RECURRENCE_H
#include "kernel/lower.h"
#include "op/rnn/recurrent.h"

/* What a launch of the loop touches: a slot, and the bytes from one direction and from one moment to the next. */
typedef struct tn__place {
    uint32_t slot;
    int64_t direction, time;
} tn__place;

/* A kernel of the loop; its places are those of every direction it serves. */
typedef struct tn__piece {
    uint32_t kernel, n_places;
    tn__place places[TN__K_BUFFERS];
    int64_t grain;
} tn__piece;

typedef struct tn__recurrence {
    tn__lower *l;
    uint32_t node;
    const tn__node *n;
    const tn__attrs_rnn *attrs;
    const tn__recurrent_form *form;
    tn__op op;
    int64_t steps, batch, in, hidden, dirs;
    bool before; /* gru: linear_before_reset */
    tn__activation act[2][TN__RECURRENT_MAX_ACTIVATIONS];
    /* f32; slot TN__NO_SLOT where there is none. x: all steps' input product; rec: the step's recurrent product (of the gru without
     * linear_before_reset z and r only, inner is its h); reset: r . h; bias: the h gate's own of the gru with linear_before_reset */
    tn__place x, rec, inner, reset, h, c, y, peepholes, bias;
    tn__place moment, lens; /* sequence_lens: the step's number and the lengths, both of lens_dtype */
    tn_dtype lens_dtype;
    int64_t x_row, rec_row, inner_row, state_row, y_row; /* elements from one member of the batch to the next */
} tn__recurrence;

/* Takes the kernel over as one of the program's; `work`: of a grid step, in multiply-adds, which decides about the cut. */
tn_error *tn__recurrence_add(const tn__recurrence *r, tn__kernel *k, double work, tn__piece *piece);
/* The step after the products, of direction d: new states from x, rec and the old ones. */
tn_error *tn__recurrence_cell(const tn__recurrence *r, int64_t d, tn__piece *out);
/* gru without linear_before_reset: r . h, the left side of the second product. */
tn_error *tn__recurrence_reset(const tn__recurrence *r, int64_t d, tn__piece *out);
#endif
