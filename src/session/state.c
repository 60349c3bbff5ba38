/* Runs with variables, and runs that take inputs over: who lies where.
 *
 *   in    [ the user's inputs  | values of the variables        ]
 *   out   [ the user's outputs | values of those afterwards     ]
 *
 * A value afterwards is written, by what the program can do: over the value before (nothing is left to be done), into the variable's second
 * buffer (they change places after success), or, by a program that makes its own tensors, into one of those (it replaces the value). */
#include "session/session.h"

#include <inttypes.h>

tn_error *tn__state_create(const tn_graph *g, tn__state **out_state) {
    const tn_allocator *a = &g->context->allocator;
    *out_state = NULL;
    uint32_t n = (uint32_t)g->variables.count;
    if (!n) return NULL;
    tn__state *s = tn__alloc_zero(a, sizeof *s);
    if (!s) return tn__error_oom();
    s->a = a;
    s->claims = tn__alloc_zero(a, n * sizeof *s->claims);
    s->outputs = tn__alloc_zero(a, n * sizeof *s->outputs);
    s->n = n;
    if (!s->claims || !s->outputs) {
        tn__state_destroy(s);
        return tn__error_oom();
    }
    for (uint32_t k = 0; k < n; k++) {
        const tn__graph_variable *v = &g->variables.data[k];
        s->claims[k] = (tn__claim){v->variable, v->assigned.id != 0};
        tn_variable_retain(v->variable);
        s->outputs[k] = v->assigned.id ? s->n_assigned++ : UINT32_MAX;
    }
    *out_state = s;
    return NULL;
}

void tn__state_destroy(tn__state *s) {
    if (!s) return;
    for (uint32_t k = 0; s->claims && k < s->n; k++) tn_variable_release(s->claims[k].variable);
    tn__free(s->a, s->claims, s->n * sizeof *s->claims);
    tn__free(s->a, s->outputs, s->n * sizeof *s->outputs);
    tn__free(s->a, s, sizeof *s);
}

/* ---- a call -------------------------------------------------------------------------------------------------- */

typedef struct call {
    const tn__placed_call *c;
    tn_tensor **in, **out;
} call;

static uint32_t n_variables(const tn__placed_call *c) { return c->state ? c->state->n : 0; }

/* What holds its memory is the tensor itself. */
static bool may_become_output(const tn_tensor *t) { return t->owns_data && !t->origin && !t->read_only && !t->strides; }

static void place_donated(call *x, const tn__program *p) {
    const tn__placed_call *c = x->c;
    for (uint32_t o = 0; c->donated && o < c->n_outputs; o++)
        for (uint32_t i = 0; !x->out[o] && i < c->n_inputs; i++) {
            if (!c->donated[i] || c->taken[i] || !may_become_output(x->in[i]) || !tn__program_can_alias(p, i, x->in[i], o)) continue;
            x->out[o] = x->in[i];
            c->taken[i] = true;
        }
}

static tn_error *place(void *self, const tn__program *p) {
    call *x = self;
    const tn__placed_call *c = x->c;
    if (!tn__program_is_whole(p)) return NULL;
    place_donated(x, p);
    for (uint32_t k = 0; k < n_variables(c); k++) {
        if (c->state->outputs[k] == UINT32_MAX) continue;
        tn_variable *v = c->state->claims[k].variable;
        uint32_t in = c->n_inputs + k, out = c->n_outputs + c->state->outputs[k];
        if (tn__program_can_alias(p, in, x->in[in], out)) {
            x->out[out] = x->in[in];
            continue;
        }
        if (!v->spare) TN__TRY(tn__tensor_create_uninitialised(c->context, v->dtype, v->rank, v->dims, &v->spare));
        x->out[out] = v->spare;
    }
    return NULL;
}

/* What a program made by itself may be of another shape: only the run told. */
static tn_error *check_assigned(const call *x) {
    const tn__placed_call *c = x->c;
    for (uint32_t k = 0; k < n_variables(c); k++) {
        if (c->state->outputs[k] == UINT32_MAX) continue;
        const tn_variable *v = c->state->claims[k].variable;
        const tn_tensor *t = x->out[c->n_outputs + c->state->outputs[k]];
        if (t->dtype == v->dtype && t->rank == v->rank && (!t->rank || !memcmp(t->dims, v->dims, (size_t)t->rank * sizeof *t->dims)))
            continue;
        char wanted[160], found[200];
        static const tn_graph no_symbols;
        tn__type type = {t->dtype, t->rank, t->dims};
        return TN__FAIL(&c->context->allocator, SHAPE_MISMATCH, "variable %u: the run assigned %s, wanted %s", k,
                        tn__type_text(&no_symbols, &type, found, sizeof found), tn__variable_text(v, wanted, sizeof wanted));
    }
    return NULL;
}

/* After success: nothing here can fail. */
static void commit(call *x) {
    const tn__placed_call *c = x->c;
    for (uint32_t k = 0; k < n_variables(c); k++) {
        if (c->state->outputs[k] == UINT32_MAX) continue;
        tn_variable *v = c->state->claims[k].variable;
        tn_tensor *before = x->in[c->n_inputs + k], *after = x->out[c->n_outputs + c->state->outputs[k]];
        if (after == before) continue;
        if (after == v->spare) v->spare = before;
        else tn_tensor_release(before);
        atomic_store_explicit(&v->value, after, memory_order_release);
    }
    for (uint32_t o = 0; o < c->n_outputs; o++) c->outputs[o] = x->out[o];
}

/* Results that the program made although the run failed afterwards. */
static void drop_made(call *x) {
    const tn__placed_call *c = x->c;
    for (uint32_t o = 0; o < c->n_outputs; o++)
        if (!c->outputs[o]) tn_tensor_release(x->out[o]);
    for (uint32_t k = 0; k < n_variables(c); k++)
        if (c->state->outputs[k] != UINT32_MAX) tn_tensor_release(x->out[c->n_outputs + c->state->outputs[k]]);
}

static tn_error *run_held(call *x) {
    const tn__placed_call *c = x->c;
    for (uint32_t i = 0; i < c->n_inputs; i++) x->in[i] = c->inputs[i];
    for (uint32_t k = 0; k < n_variables(c); k++) TN__TRY(tn__variable_value(c->state->claims[k].variable, &x->in[c->n_inputs + k]));
    for (uint32_t o = 0; o < c->n_outputs; o++) x->out[o] = c->outputs[o];
    TN__TRY(tn__executable_run_placed(c->executable, x->in, x->out, place, x));
    tn_error *e = check_assigned(x); /* where it fails, the program was not whole: nothing has been placed */
    if (e) drop_made(x);
    else commit(x);
    return e;
}

tn_error *tn__placed_run(const tn__placed_call *c) {
    enum { MOST = 48 };
    const tn_allocator *a = &c->context->allocator;
    size_t n_in = (size_t)c->n_inputs + n_variables(c), n_out = (size_t)c->n_outputs + (c->state ? c->state->n_assigned : 0);
    tn_tensor *stack[2 * MOST] = {NULL}, **tensors = stack;
    size_t bytes = (n_in + n_out) * sizeof *tensors;
    if (bytes > sizeof stack && !(tensors = tn__alloc_zero(a, bytes))) return tn__error_oom();
    call x = {c, tensors, tensors + n_in};
    tn__hold hold;
    tn_error *e = tn__hold_take(c->context, c->state ? c->state->claims : NULL, n_variables(c), &hold);
    if (!e) {
        e = run_held(&x);
        tn__hold_give(c->context, &hold);
    }
    if (tensors != stack) tn__free(a, tensors, bytes);
    return e;
}
