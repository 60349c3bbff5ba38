#include "rt/strided.h"
#include "rt/variable.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- holds --------------------------------------------------------------------------------------------------- */

/* Who holds variables of a context, and who waits for them, in the order in which they came. */
typedef struct holds {
    tn__os_mutex mutex;
    tn__os_condition granted;
    tn__hold *held, *waiting;
    uint64_t pass; /* number of walks over the waiting */
} holds;

static bool holds_init(tn_context *c, void *object) {
    holds *s = object;
    (void)c;
    if (!tn__os_mutex_init(&s->mutex)) return false;
    if (tn__os_condition_init(&s->granted)) return true;
    tn__os_mutex_deinit(&s->mutex);
    return false;
}

static void holds_deinit(tn_context *c, void *object) {
    holds *s = object;
    (void)c;
    tn__os_condition_deinit(&s->granted);
    tn__os_mutex_deinit(&s->mutex);
}

static const tn__shared_kind holds_kind = {sizeof(holds), holds_init, holds_deinit};

/* Nobody who holds is in the way. */
static bool is_free(const tn__hold *h) {
    for (uint32_t i = 0; i < h->n_claims; i++) {
        const tn_variable *v = h->claims[i].variable;
        if (v->writer || (h->claims[i].alone && v->readers)) return false;
    }
    return true;
}

/* Somebody who came before waits for one of the variables; two readers do not mind each other. */
static bool must_queue(const tn__hold *h, uint64_t pass) {
    for (uint32_t i = 0; i < h->n_claims; i++) {
        const tn_variable *v = h->claims[i].variable;
        if (v->pass == pass && (v->wanted_alone || h->claims[i].alone)) return true;
    }
    return false;
}

static void leave_mark(const tn__hold *h, uint64_t pass) {
    for (uint32_t i = 0; i < h->n_claims; i++) {
        tn_variable *v = h->claims[i].variable;
        v->wanted_alone = (v->pass == pass && v->wanted_alone) || h->claims[i].alone;
        v->pass = pass;
    }
}

static void let_in(holds *s, tn__hold *h) {
    for (uint32_t i = 0; i < h->n_claims; i++) {
        tn_variable *v = h->claims[i].variable;
        if (h->claims[i].alone) v->writer = true;
        else v->readers++;
    }
    h->granted = true;
    h->next = s->held;
    s->held = h;
}

/* In the order in which they came, all that can go. */
static void let_in_waiting(holds *s) {
    uint64_t pass = ++s->pass;
    bool any = false;
    for (tn__hold **p = &s->waiting; *p;) {
        tn__hold *h = *p;
        if (is_free(h) && !must_queue(h, pass)) {
            *p = h->next;
            let_in(s, h);
            any = true;
        } else {
            leave_mark(h, pass);
            p = &h->next;
        }
    }
    if (any) tn__os_condition_broadcast(&s->granted);
}

/* The variable for which `h` would wait for its own thread, or NULL. */
static const tn_variable *held_by_itself(const holds *s, const tn__hold *h, bool *out_nested) {
    *out_nested = false;
    for (const tn__hold *g = s->held; g; g = g->next) {
        if (g->thread != h->thread) continue;
        *out_nested = true;
        for (uint32_t i = 0; i < g->n_claims; i++)
            for (uint32_t k = 0; k < h->n_claims; k++)
                if (g->claims[i].variable == h->claims[k].variable && (g->claims[i].alone || h->claims[k].alone))
                    return g->claims[i].variable;
    }
    return NULL;
}

/* A thread that holds variables goes before all who wait, for they may wait for it; one at a time, else two could wait for each other. */
static bool wait_nested(holds *s, tn__hold *h) {
    if (is_free(h)) return let_in(s, h), true;
    if (s->waiting && s->waiting->nested) return false;
    h->nested = true;
    h->next = s->waiting;
    s->waiting = h;
    while (!h->granted) tn__os_condition_wait(&s->granted, &s->mutex);
    return true;
}

static void wait_in_line(holds *s, tn__hold *h) {
    tn__hold **p = &s->waiting;
    while (*p) p = &(*p)->next;
    *p = h;
    let_in_waiting(s);
    while (!h->granted) tn__os_condition_wait(&s->granted, &s->mutex);
}

tn_error *tn__hold_take(tn_context *c, const tn__claim *claims, uint32_t n_claims, tn__hold *h) {
    *h = (tn__hold){.thread = tn__os_thread_self(), .claims = claims, .n_claims = n_claims};
    if (!n_claims) return NULL;
    holds *s = tn__context_get_shared(c, &holds_kind);
    if (!s) return tn__error_oom();
    bool nested, goes = true;
    tn__os_mutex_lock(&s->mutex);
    const tn_variable *own = held_by_itself(s, h, &nested);
    if (!own && nested) goes = wait_nested(s, h);
    else if (!own) wait_in_line(s, h);
    tn__os_mutex_unlock(&s->mutex);
    char text[160];
    if (own)
        return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "the variable %s is held by a run on this thread, which cannot wait for itself",
                        tn__variable_text(own, text, sizeof text));
    if (!goes)
        return TN__FAIL(&c->allocator, INVALID_ARGUMENT,
                        "two calls from inside runs want variables that others hold: the one of %s would wait for ever",
                        tn__variable_text(claims[0].variable, text, sizeof text));
    return NULL;
}

void tn__hold_give(tn_context *c, tn__hold *h) {
    if (!h->n_claims) return;
    holds *s = tn__context_get_shared(c, &holds_kind); /* is there: h was taken from it */
    tn__os_mutex_lock(&s->mutex);
    tn__hold **p = &s->held;
    while (*p != h) p = &(*p)->next;
    *p = h->next;
    for (uint32_t i = 0; i < h->n_claims; i++) {
        tn_variable *v = h->claims[i].variable;
        if (h->claims[i].alone) v->writer = false;
        else v->readers--;
    }
    if (s->waiting) let_in_waiting(s);
    tn__os_mutex_unlock(&s->mutex);
}

/* ---- variables ----------------------------------------------------------------------------------------------- */

const char *tn__variable_text(const tn_variable *v, char *buffer, size_t bytes) {
    size_t n = (size_t)snprintf(buffer, bytes, "%s[", tn_dtype_name(v->dtype));
    for (int32_t i = 0; i < v->rank && n < bytes; i++) n += (size_t)snprintf(buffer + n, bytes - n, "%s%" PRId64, i ? "," : "", v->dims[i]);
    if (n < bytes) snprintf(buffer + n, bytes - n, "]");
    return buffer;
}

static tn_error *check_tensor(const tn_variable *v, const tn_tensor *t, const char *what) {
    if (t->dtype == v->dtype && t->rank == v->rank && (!t->rank || !memcmp(t->dims, v->dims, (size_t)t->rank * sizeof *t->dims)))
        return NULL;
    char wanted[160], found[40] = "";
    size_t n = 0;
    for (int32_t i = 0; i < t->rank && n < sizeof found; i++)
        n += (size_t)snprintf(found + n, sizeof found - n, "%s%" PRId64, i ? "," : "", t->dims[i]);
    return tn__error_make(&v->context->allocator, t->dtype == v->dtype ? TN_ERROR_SHAPE_MISMATCH : TN_ERROR_TYPE_MISMATCH, __FILE__,
                          __LINE__, "%s: found %s[%s], wanted %s", what, tn_dtype_name(t->dtype), found,
                          tn__variable_text(v, wanted, sizeof wanted));
}

tn_error *tn_variable_create(tn_context *context, tn_dtype dtype, int32_t rank, const int64_t *dims, const tn_tensor *initial,
                             tn_variable **out_variable) {
    if (!out_variable) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_variable_create: out_variable is NULL");
    *out_variable = NULL;
    TN__HANDLE(context, CONTEXT);
    if (initial) TN__HANDLE(initial, TENSOR);
    const tn_allocator *a = &context->allocator;
    int64_t elements;
    if (!tn_dtype_bits(dtype)) return TN__FAIL(a, INVALID_ARGUMENT, "variable: unknown dtype %d", (int)dtype);
    if (dtype == TN_DTYPE_string) return TN__FAIL(a, UNSUPPORTED, "variable: strings are not supported");
    if (rank > 0 && !dims) return TN__FAIL(a, INVALID_ARGUMENT, "variable: dims is NULL, rank %d", (int)rank);
    TN__TRY(tn__elements(context, "variable", rank, dims, &elements));
    if (tn__dtype_bytes(dtype, elements) > context->limits.max_bytes)
        return TN__FAIL(a, LIMIT_EXCEEDED, "variable: %zu bytes, limit max_bytes is %" PRIu64, tn__dtype_bytes(dtype, elements),
                        context->limits.max_bytes);
    tn_variable *v = tn__alloc_zero(a, sizeof *v + (size_t)rank * sizeof *dims);
    if (!v) return tn__error_oom();
    tn__handle_init(&v->handle, TN__HANDLE_VARIABLE);
    atomic_init(&v->references, 1);
    tn_context_retain(v->context = context);
    v->dtype = dtype;
    v->rank = rank;
    if (rank) memcpy(v->dims, dims, (size_t)rank * sizeof *dims);
    tn_error *e = initial ? check_tensor(v, initial, "variable: its first value") : NULL;
    tn_tensor *value;
    if (!e && initial && !(e = tn__variable_value(v, &value))) tn__tensor_copy_elements(value, initial);
    if (e) tn_variable_release(v);
    else *out_variable = v;
    return e;
}

void tn_variable_retain(tn_variable *variable) {
    if (TN__IS(variable, VARIABLE)) atomic_fetch_add_explicit(&variable->references, 1, memory_order_relaxed);
}

void tn_variable_release(tn_variable *v) {
    if (!TN__IS(v, VARIABLE) || atomic_fetch_sub_explicit(&v->references, 1, memory_order_acq_rel) != 1) return;
    tn_context *c = v->context;
    tn_tensor_release(atomic_load_explicit(&v->value, memory_order_relaxed));
    tn_tensor_release(v->spare);
    tn__handle_deinit(&v->handle);
    tn__free(&c->allocator, v, sizeof *v + (size_t)v->rank * sizeof *v->dims);
    tn_context_release(c);
}

tn_dtype tn_variable_get_dtype(const tn_variable *variable) { return TN__IS(variable, VARIABLE) ? variable->dtype : TN_DTYPE_NONE; }
int32_t tn_variable_get_rank(const tn_variable *variable) { return TN__IS(variable, VARIABLE) ? variable->rank : 0; }
const int64_t *tn_variable_get_dims(const tn_variable *variable) { return TN__IS(variable, VARIABLE) ? variable->dims : NULL; }

tn_error *tn__variable_value(tn_variable *v, tn_tensor **out_value) {
    if ((*out_value = atomic_load_explicit(&v->value, memory_order_acquire))) return NULL;
    tn_tensor *made, *first = NULL; /* two readers may be here */
    TN__TRY(tn_tensor_create(v->context, v->dtype, v->rank, v->dims, &made));
    if (atomic_compare_exchange_strong_explicit(&v->value, &first, made, memory_order_acq_rel, memory_order_acquire)) *out_value = made;
    else tn_tensor_release(made), *out_value = first;
    return NULL;
}

tn_error *tn_variable_read(tn_variable *variable, tn_tensor **tensor) {
    TN__HANDLE(variable, VARIABLE);
    if (!tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_variable_read: tensor is NULL");
    tn_context *c = variable->context;
    tn_tensor *to = *tensor;
    if (to) TN__HANDLE(to, TENSOR);
    if (to) TN__TRY(check_tensor(variable, to, "tn_variable_read: the tensor to be filled"));
    if (to && (to->read_only || !tn__tensor_is_writable(to)))
        return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "tn_variable_read: the tensor is read-only, or its elements share memory");
    if (!to) TN__TRY(tn__tensor_create_uninitialised(c, variable->dtype, variable->rank, variable->dims, &to));
    tn__claim claim = {variable, false};
    tn__hold hold;
    tn_error *e = tn__hold_take(c, &claim, 1, &hold);
    if (e) {
        if (!*tensor) tn_tensor_release(to);
        return e;
    }
    tn_tensor *value;
    e = tn__variable_value(variable, &value);
    if (!e) tn__tensor_copy_elements(to, value);
    tn__hold_give(c, &hold);
    if (!e) *tensor = to;
    else if (!*tensor) tn_tensor_release(to);
    return e;
}

tn_error *tn_variable_write(tn_variable *variable, const tn_tensor *tensor) {
    TN__HANDLE(variable, VARIABLE);
    TN__HANDLE(tensor, TENSOR);
    TN__TRY(check_tensor(variable, tensor, "tn_variable_write"));
    tn__claim claim = {variable, true};
    tn__hold hold;
    tn_tensor *value;
    TN__TRY(tn__hold_take(variable->context, &claim, 1, &hold));
    tn_error *e = tn__variable_value(variable, &value);
    if (!e) tn__tensor_copy_elements(value, tensor);
    tn__hold_give(variable->context, &hold);
    return e;
}
