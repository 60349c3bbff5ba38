/* tn_executable_run: what the caller may hand in is more than what programs take. Strided and misaligned tensors are copied on the way in and
 * out; memory that is written must not be read or written as something else. */
#include "rt/strided.h"
#include "session/session.h"

/* ---- overlaps ------------------------------------------------------------------------------------------------ */

typedef struct range {
    uintptr_t low, high;
    uint32_t index;
    bool output;
} range;

static void sort_by_low(range *r, size_t n) {
    size_t gap = 1;
    while (gap < n / 3) gap = 3 * gap + 1;
    for (; gap; gap /= 3)
        for (size_t i = gap; i < n; i++) {
            range x = r[i];
            size_t k = i;
            for (; k >= gap && r[k - gap].low > x.low; k -= gap) r[k] = r[k - gap];
            r[k] = x;
        }
}

static tn_error *overlap(const tn_graph *g, const range *a, const range *b) {
    const range *out = a->output ? a : b, *other = out == a ? b : a;
    return TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "output %u '%s' overlaps the memory of %s %u '%s'", out->index,
                    g->outputs.data[out->index].name, other->output ? "output" : "input", other->index,
                    other->output ? g->outputs.data[other->index].name : g->inputs.data[other->index].name);
}

/* Of outputs with all outputs and with those inputs that are read in place. */
static tn_error *find_overlap(const tn_graph *g, tn_tensor *const *inputs, uint32_t n_inputs, tn_tensor *const *outputs,
                              uint32_t n_outputs, range *r) {
    size_t n = 0;
    for (uint32_t i = 0; i < n_outputs; i++)
        if (outputs[i] && outputs[i]->bytes) {
            r[n] = (range){0, 0, i, true};
            tn__tensor_range(outputs[i], &r[n].low, &r[n].high);
            n++;
        }
    if (!n) return NULL;
    for (uint32_t i = 0; i < n_inputs; i++)
        if (inputs[i]->bytes && tn__tensor_is_plain(inputs[i])) {
            r[n] = (range){0, 0, i, false};
            tn__tensor_range(inputs[i], &r[n].low, &r[n].high);
            n++;
        }
    sort_by_low(r, n);
    const range *last = NULL, *last_output = NULL; /* those that reach highest so far */
    for (size_t i = 0; i < n; i++) {
        const range *before = r[i].output ? last : last_output;
        if (before && before->high > r[i].low) return overlap(g, before, &r[i]);
        if (!last || r[i].high > last->high) last = &r[i];
        if (r[i].output && (!last_output || r[i].high > last_output->high)) last_output = &r[i];
    }
    return NULL;
}

static tn_error *check_memory(const tn_graph *g, tn_tensor *const *inputs, uint32_t n_inputs, tn_tensor *const *outputs,
                              uint32_t n_outputs) {
    enum { MOST = 32 };
    range stack[MOST], *r = stack;
    size_t bytes = ((size_t)n_inputs + n_outputs) * sizeof *r;
    if (bytes > sizeof stack && !(r = tn__alloc(&g->context->allocator, bytes))) return tn__error_oom();
    tn_error *e = find_overlap(g, inputs, n_inputs, outputs, n_outputs, r);
    if (r != stack) tn__free(&g->context->allocator, r, bytes);
    return e;
}

/* ---- copies -------------------------------------------------------------------------------------------------- */

static tn_error *check_output(const tn_graph *g, uint32_t k, const tn_tensor *given, const tn_tensor *made) {
    if (given->dtype == made->dtype && tn__tensor_same_shape(given, made)) return NULL;
    char found[200], wanted[200];
    tn__type f = {given->dtype, given->rank, given->dims}, w = {made->dtype, made->rank, made->dims};
    return TN__FAIL(&g->context->allocator, SHAPE_MISMATCH, "output %u '%s': found %s, wanted %s", k, g->outputs.data[k].name,
                    tn__type_text(g, &f, found, sizeof found), tn__type_text(g, &w, wanted, sizeof wanted));
}

/* Can output k be written at all? */
static tn_error *check_strided_output(const tn_graph *g, uint32_t k, const tn_tensor *x) {
    const tn_allocator *a = &g->context->allocator;
    const char *name = g->outputs.data[k].name;
    if (x->dtype == TN_DTYPE_string) return TN__FAIL(a, INVALID_ARGUMENT, "output %u '%s': strings at an address that is not aligned", k, name);
    if (tn__tensor_is_writable(x)) return NULL;
    return TN__FAIL(a, INVALID_ARGUMENT, "output %u '%s': several elements share memory by its strides", k, name);
}

/* in, out: what the program takes instead; absent where the caller's own will do. */
static tn_error *run_with_copies(tn_executable *x, tn_tensor *const *inputs, tn_tensor **outputs, tn_tensor **in, tn_tensor **out) {
    const tn_graph *g = tn__executable_graph(x);
    uint32_t n_in = tn__executable_input_count(x), n_out = tn__executable_output_count(x);
    for (uint32_t k = 0; k < n_out; k++)
        if (outputs[k] && !tn__tensor_is_plain(outputs[k])) TN__TRY(check_strided_output(g, k, outputs[k]));
    tn_error *e = NULL;
    for (uint32_t i = 0; !e && i < n_in; i++) e = tn__error_prefix(tn__tensor_make_plain(inputs[i], &in[i]), "input %u", i);
    for (uint32_t k = 0; !e && k < n_out; k++)
        if (outputs[k] && tn__tensor_is_plain(outputs[k])) out[k] = outputs[k];
    bool made = !e && !(e = tn__executable_run_checked(x, in, out, NULL, NULL));
    for (uint32_t k = 0; made && !e && k < n_out; k++) /* all are checked before one is written */
        if (outputs[k]) e = check_output(g, k, outputs[k], out[k]);
    for (uint32_t k = 0; made && k < n_out; k++) {
        if (out[k] == outputs[k]) continue;
        if (!e && outputs[k]) tn__tensor_copy_elements(outputs[k], out[k]);
        if (e || outputs[k]) tn_tensor_release(out[k]);
        else outputs[k] = out[k];
    }
    return e;
}

/* donated, taken: as in tn__executable_run_checked; where tensors have to be copied none is taken. */
static tn_error *run(tn_executable *executable, tn_tensor *const *inputs, uint32_t n_inputs, tn_tensor **outputs, uint32_t n_outputs,
                     const bool *donated, bool *taken) {
    TN__TRY(tn__executable_check_counts(executable, inputs, n_inputs, outputs, n_outputs));
    TN__TRY(tn__executable_check_inputs(executable, inputs));
    const tn_graph *g = tn__executable_graph(executable);
    const tn_allocator *a = &g->context->allocator;
    bool plain = true, given = false;
    for (uint32_t i = 0; i < n_inputs; i++) plain &= tn__tensor_is_plain(inputs[i]);
    for (uint32_t k = 0; k < n_outputs; k++) {
        if (!outputs[k]) continue;
        if (!TN__IS(outputs[k], TENSOR))
            return tn__error_prefix(tn__handle_error(outputs[k], TN__HANDLE_TENSOR, "tn_executable_run", "outputs[k]"), "output %u '%s'", k,
                                    g->outputs.data[k].name);
        given = true;
        plain &= tn__tensor_is_plain(outputs[k]);
        if (outputs[k]->read_only)
            return TN__FAIL(a, INVALID_ARGUMENT, "output %u '%s': the tensor is read-only", k, g->outputs.data[k].name);
    }
    if (given) TN__TRY(check_memory(g, inputs, n_inputs, outputs, n_outputs));
    if (plain) return tn__executable_run_checked(executable, inputs, outputs, donated, taken);
    size_t bytes = ((size_t)n_inputs + n_outputs + 1) * sizeof(tn_tensor *);
    tn_tensor **list = tn__alloc_zero(a, bytes);
    if (!list) return tn__error_oom();
    tn_error *e = run_with_copies(executable, inputs, outputs, list, list + n_inputs);
    for (uint32_t i = 0; i < n_inputs; i++) tn_tensor_release(list[i]);
    tn__free(a, list, bytes);
    return e;
}

tn_error *tn_executable_run(tn_executable *executable, tn_tensor *const *inputs, uint32_t n_inputs, tn_tensor **outputs,
                            uint32_t n_outputs) {
    TN__HANDLE(executable, EXECUTABLE);
    return run(executable, inputs, n_inputs, outputs, n_outputs, NULL, NULL);
}

/* ---- inputs that are given away ------------------------------------------------------------------------------ */

static tn_error *check_donated(const tn_allocator *a, const bool *donated, tn_tensor *const *inputs, uint32_t n_inputs,
                               tn_tensor *const *outputs, uint32_t n_outputs) {
    for (uint32_t i = 0; i < n_inputs; i++) {
        const tn_tensor *t = inputs[i];
        if (!donated[i] || !TN__IS(t, TENSOR)) continue; /* what is no tensor is refused with its name later */
        uint32_t references = atomic_load_explicit(&t->references, memory_order_acquire);
        if (references != 1) return TN__FAIL(a, INVALID_ARGUMENT, "input %u is donated, but has %u references", i, references);
        for (uint32_t k = 0; k < n_inputs; k++)
            if (k != i && inputs[k] == t) return TN__FAIL(a, INVALID_ARGUMENT, "input %u is donated, but is input %u too", i, k);
        for (uint32_t k = 0; k < n_outputs; k++)
            if (outputs[k] == t) return TN__FAIL(a, INVALID_ARGUMENT, "input %u is donated, but is output %u too", i, k);
    }
    return NULL;
}

tn_error *tn_executable_run_with(tn_executable *executable, tn_tensor **inputs, uint32_t n_inputs, tn_tensor **outputs,
                                 uint32_t n_outputs, const tn_run_options *options) {
    TN__HANDLE(executable, EXECUTABLE);
    tn_run_options o = {0};
    if (options) TN__STRUCT_READ(&o, options);
    TN__TRY(tn__executable_check_counts(executable, inputs, n_inputs, outputs, n_outputs));
    if (!o.donated || !n_inputs) return run(executable, inputs, n_inputs, outputs, n_outputs, NULL, NULL);
    enum { MOST = 64 };
    const tn_allocator *a = &tn__executable_graph(executable)->context->allocator;
    TN__TRY(check_donated(a, o.donated, inputs, n_inputs, outputs, n_outputs));
    bool stack[MOST] = {false}, *taken = stack;
    if (n_inputs > MOST && !(taken = tn__alloc_zero(a, n_inputs))) return tn__error_oom();
    tn_error *e = run(executable, inputs, n_inputs, outputs, n_outputs, o.donated, taken);
    for (uint32_t i = 0; !e && i < n_inputs; i++) {
        if (!o.donated[i]) continue;
        if (!taken[i]) tn_tensor_release(inputs[i]);
        inputs[i] = NULL;
    }
    if (taken != stack) tn__free(a, taken, n_inputs);
    return e;
}
