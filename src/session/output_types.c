/* The types of an executable's outputs before it runs. */
#include "session/session.h"

static tn_error *bad_struct(const tn_graph *g, const char *what, const tn_tensor_type *types, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const tn_tensor_type *t = (const tn_tensor_type *)((const char *)types + i * types->struct_size);
        if (t->struct_size < sizeof *t || t->struct_size != types->struct_size)
            return TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "%s %u: struct_size is %zu, wanted that of the first, at least %zu", what,
                            i, t->struct_size, sizeof *t);
    }
    return NULL;
}

/* The rest of a newer struct than ours is not touched. */
static void give(const tn__type *type, tn_tensor_type *out) {
    out->dtype = type->dtype;
    out->rank = type->rank < 0 ? -1 : type->rank;
    for (int32_t d = 0; d < type->rank; d++) out->dims[d] = type->dims[d] < 0 ? TN_DIM_UNKNOWN : type->dims[d];
}

static const tn__type *declared_type(const tn_executable *e, uint32_t k) {
    const tn__program *only = tn__executable_only_program(e);
    const tn_graph *g = tn__executable_graph(e);
    return only ? tn__program_output_type(only, k) : tn__type_of(g, g->outputs.data[k].value);
}

tn_error *tn_executable_get_output_type(tn_executable *executable, uint32_t index, tn_tensor_type *out_type) {
    TN__HANDLE(executable, EXECUTABLE);
    if (!out_type) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_executable_get_output_type: out_type is NULL");
    const tn_graph *g = tn__executable_graph(executable);
    TN__TRY(bad_struct(g, "output", out_type, 1));
    if (index >= tn__executable_output_count(executable))
        return TN__FAIL(&g->context->allocator, OUT_OF_RANGE, "graph '%s': found output %u, wanted less than %u", g->name, index,
                        tn__executable_output_count(executable));
    give(declared_type(executable, index), out_type);
    return NULL;
}

/* A tensor that has only a type. */
static tn_error *typed_only(const tn_graph *g, tn_dtype dtype, int32_t rank, const int64_t *dims, tn_tensor **out) {
    static char nothing[1];
    return tn_tensor_create_borrowed(g->context, dtype, rank, dims, nothing, SIZE_MAX, NULL, NULL, out);
}

static tn_error *make_input(const tn_graph *g, uint32_t i, const tn_tensor_type *t, tn_tensor **out) {
    const char *name = g->inputs.data[i].name;
    if (t->rank < 0 || t->rank > TN_MAX_RANK)
        return TN__FAIL(&g->context->allocator, INVALID_ARGUMENT, "input %u '%s': rank is %d, wanted 0 to %d", i, name, (int)t->rank, TN_MAX_RANK);
    return tn__error_prefix(typed_only(g, t->dtype, t->rank, t->dims, out),
                            "input %u '%s'", i, name);
}

static tn_error *infer(tn_executable *e, tn_tensor *const *inputs, tn_tensor *const *no_values, tn_tensor_type *out) {
    const tn_graph *g = tn__executable_graph(e);
    TN__TRY(tn__executable_check_inputs(e, inputs));
    tn_graph *s = NULL;
    if (!tn__executable_only_program(e)) TN__TRY(tn__specialise(g, (const tn_tensor *const *)inputs, no_values, &s));
    for (uint32_t k = 0; k < tn__executable_output_count(e); k++)
        give(s ? tn__type_of(s, s->outputs.data[k].value) : declared_type(e, k),
             (tn_tensor_type *)((char *)out + k * out->struct_size));
    tn_graph_release(s);
    return NULL;
}

tn_error *tn_executable_infer_outputs(tn_executable *executable, const tn_tensor_type *inputs, uint32_t n_inputs,
                                      tn_tensor_type *out_outputs, uint32_t n_outputs) {
    TN__HANDLE(executable, EXECUTABLE);
    const tn_graph *g = tn__executable_graph(executable);
    const tn_allocator *a = &g->context->allocator;
    TN__TRY(tn__executable_check_counts(executable, inputs, n_inputs, out_outputs, n_outputs));
    TN__TRY(bad_struct(g, "input", inputs, n_inputs));
    TN__TRY(bad_struct(g, "output", out_outputs, n_outputs));
    uint32_t n_all = (uint32_t)g->inputs.count; /* with variables */
    size_t bytes = 2 * ((size_t)n_all + 1) * sizeof(tn_tensor *);
    tn_tensor **types = tn__alloc_zero(a, bytes);
    if (!types) return tn__error_oom();
    tn_error *e = NULL;
    for (uint32_t i = 0; !e && i < n_inputs; i++)
        e = make_input(g, i, (const tn_tensor_type *)((const char *)inputs + i * inputs->struct_size), &types[i]);
    for (uint32_t i = n_inputs; !e && i < n_all; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        e = typed_only(g, t->dtype, t->rank, t->dims, &types[i]);
    }
    if (!e) e = infer(executable, types, types + n_all + 1, out_outputs);
    for (uint32_t i = 0; i < n_all; i++) tn_tensor_release(types[i]);
    tn__free(a, types, bytes);
    return e;
}
