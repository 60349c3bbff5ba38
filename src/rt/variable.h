/* Variables: tensors that live between runs, and who may touch them when. */
#ifndef TN_RT_VARIABLE_H
#define TN_RT_VARIABLE_H
#include "rt/tensor.h"
#include "tenon/state.h"

struct tn_variable {
    tn__handle handle;
    atomic_uint references;
    tn_context *context; /* retained */
    tn_dtype dtype;
    int32_t rank;
    _Atomic(tn_tensor *) value; /* NULL: all zero, and nobody needed memory yet. Held: see below */
    tn_tensor *spare;           /* the second buffer, or NULL; of who holds the variable alone */
    /* under the mutex of the context's holds (variable.c) */
    uint32_t readers;
    bool writer;
    uint64_t pass; /* of the walk over the waiting in which one of them, still waiting, wanted this variable: */
    bool wanted_alone;
    int64_t dims[]; /* rank entries */
};

/* One variable of a hold. */
typedef struct tn__claim {
    tn_variable *variable; /* borrowed */
    bool alone;            /* to write it; else together with other readers */
} tn__claim;

/* All claims at once or none. Lives on the stack of who holds. */
typedef struct tn__hold {
    struct tn__hold *next;
    uintptr_t thread;
    const tn__claim *claims; /* borrowed; no variable twice */
    uint32_t n_claims;
    bool granted, nested; /* nested: waits although its thread holds variables */
} tn__hold;

/* Waits until the claims (all of context `c`) can be had. First come, first served, except for a thread that holds variables
 * already: nobody can go before it without waiting for it. */
tn_error *tn__hold_take(tn_context *c, const tn__claim *claims, uint32_t n_claims, tn__hold *out_hold);
void tn__hold_give(tn_context *c, tn__hold *hold);

/* The tensor of a variable that is held. */
tn_error *tn__variable_value(tn_variable *v, tn_tensor **out_value);
/* "f32[2,3]"; returns buffer. */
const char *tn__variable_text(const tn_variable *v, char *buffer, size_t bytes);
#endif
