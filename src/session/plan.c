/* Programs: a specialised graph cut into what the device compiles, what the session does itself, and the rest.
 *
 *   segment   all nodes that are static and depend on static ones only        -> one artefact of the device
 *   steps     nodes whose operands are there then: DATADEP ops, if, loop, scan, light ops whose shapes depend on values, and custom ops
 *             that make their own shapes
 *   residual  everything after that: an executable of its own, whose inputs are the values computed so far. It specialises itself
 *             on the shapes (and values) that appear, so the cut repeats until nothing is left.
 *
 * Nodes with effects keep their order: after one that is a step, none is in the segment, and after one in the residual all are.
 *
 * Termination: each level has at least one node less, for the first node that is neither segment nor step becomes a step where
 * there would be none (evaluated by the reference); so a residual never equals its parent. */
#include "session/session.h"

typedef struct step {
    uint32_t node;
    tn_executable *bodies[2]; /* owned */
} step;

/* Where output k of the program comes from. */
typedef struct source {
    uint32_t value;    /* of s; used when residual < 0 */
    int32_t residual; /* output of the residual */
} source;

struct tn__program {
    tn__settings *settings;
    tn__arena arena;
    uint32_t n_outputs;
    tn__type *output_types;  /* rank -1 or unknown dims where only the run tells */
    const char **output_names;
    tn__artefact *artefact;  /* owned, or NULL */
    tn_graph *s;             /* owned; NULL when the artefact is all there is */
    uint32_t n_segment_out;
    uint32_t *segment_out;   /* values of s */
    uint32_t n_steps;
    step *steps;
    tn_executable *residual; /* owned, or NULL */
    uint32_t n_residual_in, n_residual_out;
    uint32_t *residual_in;   /* values of s */
    bool *kept;              /* per value: still needed after the steps */
    source *sources;         /* per output */
};

void tn__program_destroy(tn__program *p) {
    if (!p) return;
    tn__settings *settings = p->settings;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        tn_executable_release(p->steps[i].bodies[0]);
        tn_executable_release(p->steps[i].bodies[1]);
    }
    tn_executable_release(p->residual);
    if (p->artefact) p->artefact->device->destroy(p->artefact);
    tn_graph_release(p->s);
    tn__arena_deinit(&p->arena);
    tn__free(&settings->context->allocator, p, sizeof *p);
    tn__settings_release(settings);
}

/* ---- planning ------------------------------------------------------------------------------------------------ */

typedef enum part { PART_CONSTANT, PART_SEGMENT, PART_STEP, PART_LATE } part;
enum { WHEN_LATE, WHEN_EARLY, WHEN_STEP }; /* of a value: after the steps, before them, by them */

static bool all_static(const tn_graph *s, const tn__node *n) {
    for (uint32_t k = 0; k < n->n_out; k++)
        if (!tn__type_is_static(tn__type_of(s, tn__out(n, k)))) return false;
    return true;
}

/* A node that cannot be in the segment, but whose operands are there: does the session evaluate it? */
static bool is_step(const tn_graph *s, const tn__node *n) {
    const tn__op_info *info = &tn__op_infos[n->op];
    if (info->flags & (TN__OP_CONTROL | TN__OP_DATADEP | TN__OP_SHAPE) || n->op == TN_OP_custom) return true;
    if (tn__op_is_light(n->op))
        for (uint32_t k = 0; k < n->n_in && k < 32; k++) {
            tn_value v = tn__in(s, n, k);
            if (info->values >> k & 1 && v.id && !tn__constant_peek(s, v)) return true;
        }
    if (!tn__op_is_scalar_work(n->op)) return false;
    for (uint32_t k = 0; k < n->n_out; k++) { /* arithmetic on shapes */
        const tn__type *t = tn__type_of(s, tn__out(n, k));
        if (t->rank < 0 || t->rank > 1 || !(tn__dtype_is_int(t->dtype) || t->dtype == TN_DTYPE_bool)) return false;
    }
    return true;
}

/* Sorts the nodes; `forced` becomes a step whatever it is. */
static void sort_nodes(const tn_graph *s, uint32_t forced, part *parts, uint8_t *when) {
    part effects = PART_CONSTANT; /* of the last node that has any */
    memset(when, WHEN_LATE, s->values.count);
    for (size_t i = 0; i < s->inputs.count; i++) when[s->inputs.data[i].value.id] = WHEN_EARLY;
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        const tn__node *n = &s->nodes.data[i];
        bool early = true, there = true;
        for (uint32_t k = 0; k < n->n_in; k++) {
            tn_value v = tn__in(s, n, k);
            if (!v.id) continue;
            early &= when[v.id] == WHEN_EARLY;
            there &= when[v.id] != WHEN_LATE;
        }
        bool plain = !(tn__op_infos[n->op].flags & (TN__OP_CONTROL | TN__OP_DATADEP)), has_effects = tn__node_has_effects(n->op, n->attrs);
        part least = has_effects ? effects : PART_CONSTANT;
        if (n->op == TN_OP_constant) parts[i] = PART_CONSTANT;
        else if (i == forced) parts[i] = PART_STEP;
        else if (early && plain && all_static(s, n) && least <= PART_SEGMENT) parts[i] = PART_SEGMENT;
        else parts[i] = there && is_step(s, n) && least <= PART_STEP ? PART_STEP : PART_LATE;
        if (has_effects) effects = parts[i];
        uint8_t w = parts[i] == PART_LATE ? WHEN_LATE : parts[i] == PART_STEP ? WHEN_STEP : WHEN_EARLY;
        for (uint32_t k = 0; k < n->n_out; k++) when[n->first_out + k] = w;
    }
}

static bool has_part(const tn_graph *s, const part *parts, part wanted) {
    for (size_t i = 0; i < s->nodes.count; i++)
        if (parts[i] == wanted) return true;
    return false;
}

static tn_error *make_bodies(tn__program *p, step *st, bool varying, uint32_t level) {
    const tn_graph *s = p->s;
    const tn__node *n = &s->nodes.data[st->node];
    const tn_allocator *a = &s->context->allocator;
    tn_graph *graphs[2] = {NULL, NULL};
    uint32_t first = 0, changing = 0; /* operand that body input 0.. comes from; body inputs that change per trip */
    if (n->op == TN_OP_if) {
        graphs[0] = ((const tn__attrs_if *)n->attrs)->then_branch;
        graphs[1] = ((const tn__attrs_if *)n->attrs)->else_branch;
        first = 1;
    } else if (n->op == TN_OP_loop) {
        const tn__attrs_loop *l = n->attrs;
        graphs[0] = l->body;
        changing = l->n_state < 0 || l->n_state > UINT32_MAX - 2 ? UINT32_MAX : 2 + (uint32_t)l->n_state;
    } else {
        const tn__attrs_scan *l = n->attrs;
        graphs[0] = l->body;
        changing = l->n_state < 0 || l->num_scan_inputs < 0 || l->n_state + l->num_scan_inputs > n->n_in
                       ? UINT32_MAX
                       : (uint32_t)(l->n_state + l->num_scan_inputs);
    }
    tn_error *e = NULL;
    for (int b = 0; !e && b < 2; b++) {
        if (!graphs[b]) continue;
        size_t count = graphs[b]->inputs.count;
        bool *changes = tn__alloc_zero(a, count + 1);
        tn_tensor **pinned = tn__alloc_zero(a, (count + 1) * sizeof *pinned);
        if (!changes || !pinned) e = tn__error_oom();
        for (size_t i = 0; !e && i < count; i++) {
            tn_value v = tn__in(s, n, first + (uint32_t)i);
            changes[i] = i < changing && n->op != TN_OP_if;
            if (!changes[i] && v.id) pinned[i] = (tn_tensor *)tn__constant_of(s, v);
            if (varying && !pinned[i]) changes[i] = true;
        }
        if (!e) e = tn__executable_create_child(p->settings, graphs[b], changes, pinned, level + 1, &st->bodies[b]);
        if (!e && n->op != TN_OP_if) e = tn__executable_specialise_now(st->bodies[b]); /* a branch may never be taken */
        tn__free(a, changes, count + 1);
        tn__free(a, pinned, (count + 1) * sizeof *pinned);
    }
    return e;
}

static tn_error *plan_segment(tn__program *p, const part *parts, const uint8_t *when) {
    const tn_graph *s = p->s;
    bool *keep = TN__ARENA_ARRAY(&p->arena, bool, s->nodes.count + 1),
         *wanted = TN__ARENA_ARRAY(&p->arena, bool, s->values.count);
    tn_value *in = TN__ARENA_ARRAY(&p->arena, tn_value, s->inputs.count + 1);
    tn__port *out = TN__ARENA_ARRAY(&p->arena, tn__port, s->values.count);
    p->segment_out = TN__ARENA_ARRAY(&p->arena, uint32_t, s->values.count);
    if (!keep || !wanted || !in || !out || !p->segment_out) return tn__error_oom();
    for (size_t i = 0; i < s->outputs.count; i++) wanted[s->outputs.data[i].value.id] = true;
    for (size_t i = 0; i < s->nodes.count; i++) {
        keep[i] = parts[i] == PART_SEGMENT;
        for (uint32_t k = 0; (parts[i] == PART_STEP || parts[i] == PART_LATE) && k < s->nodes.data[i].n_in; k++)
            wanted[tn__in(s, &s->nodes.data[i], k).id] = true;
    }
    for (size_t i = 0; i < s->nodes.count; i++)
        for (uint32_t k = 0; keep[i] && k < s->nodes.data[i].n_out; k++) {
            uint32_t v = s->nodes.data[i].first_out + k;
            if (!wanted[v]) continue;
            out[p->n_segment_out] = (tn__port){s->values.data[v].name ? s->values.data[v].name : "value", {v}};
            p->segment_out[p->n_segment_out++] = v;
        }
    bool effects = false;
    for (size_t i = 0; i < s->nodes.count; i++) effects |= keep[i] && tn__node_has_effects(s->nodes.data[i].op, s->nodes.data[i].attrs);
    if (!p->n_segment_out && !effects) return NULL;
    for (size_t i = 0; i < s->inputs.count; i++) in[i] = s->inputs.data[i].value;
    tn_graph *g;
    TN__TRY(tn__extract(s, keep, in, (uint32_t)s->inputs.count, out, p->n_segment_out, &g));
    tn_error *e = p->settings->device->compile(&p->settings->config, g, &p->artefact);
    tn_graph_release(g);
    return e;
}

static tn_error *plan_residual(tn__program *p, const part *parts, const uint8_t *when, uint32_t level) {
    const tn_graph *s = p->s;
    bool *keep = TN__ARENA_ARRAY(&p->arena, bool, s->nodes.count + 1),
         *wanted = TN__ARENA_ARRAY(&p->arena, bool, s->values.count);
    tn_value *in = TN__ARENA_ARRAY(&p->arena, tn_value, s->values.count);
    bool *varying = TN__ARENA_ARRAY(&p->arena, bool, s->values.count);
    tn__port *out = TN__ARENA_ARRAY(&p->arena, tn__port, s->outputs.count + 1);
    p->sources = TN__ARENA_ARRAY(&p->arena, source, s->outputs.count + 1);
    p->kept = TN__ARENA_ARRAY(&p->arena, bool, s->values.count);
    p->residual_in = TN__ARENA_ARRAY(&p->arena, uint32_t, s->values.count);
    if (!keep || !wanted || !in || !varying || !out || !p->sources || !p->kept || !p->residual_in) return tn__error_oom();
    for (size_t i = 0; i < s->nodes.count; i++) {
        keep[i] = parts[i] == PART_LATE;
        for (uint32_t k = 0; keep[i] && k < s->nodes.data[i].n_in; k++) wanted[tn__in(s, &s->nodes.data[i], k).id] = true;
    }
    for (uint32_t v = 1; v < s->values.count; v++) {
        if (!wanted[v] || when[v] == WHEN_LATE || tn__constant_peek(s, (tn_value){v})) continue;
        p->kept[v] = true;
        varying[p->n_residual_in] = true;
        in[p->n_residual_in] = (tn_value){v};
        p->residual_in[p->n_residual_in++] = v;
    }
    for (size_t k = 0; k < s->outputs.count; k++) {
        uint32_t v = s->outputs.data[k].value.id;
        p->sources[k] = (source){v, -1};
        if (when[v] == WHEN_LATE) {
            out[p->n_residual_out] = s->outputs.data[k];
            p->sources[k].residual = (int32_t)p->n_residual_out++;
        }
        p->kept[v] = true;
    }
    bool effects = false;
    for (size_t i = 0; i < s->nodes.count; i++) effects |= keep[i] && tn__node_has_effects(s->nodes.data[i].op, s->nodes.data[i].attrs);
    if (!p->n_residual_out && !effects) return NULL;
    tn_graph *g;
    TN__TRY(tn__extract(s, keep, in, p->n_residual_in, out, p->n_residual_out, &g));
    tn_error *e = tn__executable_create_child(p->settings, g, varying, NULL, level + 1, &p->residual);
    tn_graph_release(g);
    return e;
}

static tn_error *plan(tn__program *p, bool varying, uint32_t level) {
    tn_graph *s = p->s;
    p->n_outputs = (uint32_t)s->outputs.count;
    p->output_types = TN__ARENA_ARRAY(&p->arena, tn__type, p->n_outputs + 1);
    p->output_names = TN__ARENA_ARRAY(&p->arena, const char *, p->n_outputs + 1);
    part *parts = TN__ARENA_ARRAY(&p->arena, part, s->nodes.count + 1);
    uint8_t *when = TN__ARENA_ARRAY(&p->arena, uint8_t, s->values.count);
    if (!p->output_types || !p->output_names || !parts || !when) return tn__error_oom();
    for (uint32_t k = 0; k < p->n_outputs; k++) {
        const tn__type *t = tn__type_of(s, s->outputs.data[k].value);
        p->output_types[k] = *t;
        p->output_names[k] = tn__arena_strdup(&p->arena, s->outputs.data[k].name);
        if (t->rank > 0) p->output_types[k].dims = tn__arena_copy(&p->arena, t->dims, (size_t)t->rank * sizeof *t->dims);
        if (!p->output_names[k] || (t->rank > 0 && !p->output_types[k].dims)) return tn__error_oom();
    }
    sort_nodes(s, TN__NO_NODE, parts, when);
    bool steps = has_part(s, parts, PART_STEP), late = has_part(s, parts, PART_LATE);
    if (!steps && !late) {
        TN__TRY(p->settings->device->compile(&p->settings->config, s, &p->artefact));
        p->s = NULL; /* the device keeps what it needs */
        tn_graph_release(s);
        return NULL;
    }
    if (!steps && !has_part(s, parts, PART_SEGMENT)) {
        uint32_t forced = 0; /* the first late node has all its operands: nothing before it is late */
        while (parts[forced] != PART_LATE) forced++;
        sort_nodes(s, forced, parts, when);
    }
    TN__TRY(plan_segment(p, parts, when));
    p->steps = TN__ARENA_ARRAY(&p->arena, step, s->nodes.count + 1);
    if (!p->steps) return tn__error_oom();
    for (uint32_t i = 0; i < s->nodes.count; i++) {
        if (parts[i] != PART_STEP) continue;
        step *st = &p->steps[p->n_steps++];
        st->node = i;
        if (tn__op_infos[s->nodes.data[i].op].flags & TN__OP_CONTROL) TN__TRY(make_bodies(p, st, varying, level));
    }
    return plan_residual(p, parts, when, level);
}

tn_error *tn__program_create(tn__settings *settings, tn_graph *s, bool varying, uint32_t level, tn__program **out_program) {
    *out_program = NULL;
    const tn_allocator *a = &settings->context->allocator;
    tn__program *p = tn__alloc_zero(a, sizeof *p);
    if (!p) {
        tn_graph_release(s);
        return tn__error_oom();
    }
    p->settings = tn__settings_retain(settings);
    p->s = s;
    tn__arena_init(&p->arena, a);
    tn_error *e = plan(p, varying, level);
    if (e) tn__program_destroy(p);
    else *out_program = p;
    return e;
}

/* ---- running ------------------------------------------------------------------------------------------------- */

static tn_error *check_output(const tn__program *p, uint32_t k, const tn_tensor *given, tn_dtype dtype, int32_t rank,
                              const int64_t *dims) {
    if (given->read_only)
        return TN__FAIL(&p->settings->context->allocator, INVALID_ARGUMENT, "output %u '%s': the tensor is read-only", k,
                        p->output_names[k]);
    if (given->dtype == dtype && given->rank == rank && (!rank || !memcmp(given->dims, dims, (size_t)rank * sizeof *dims)))
        return NULL;
    char found[200], wanted[200];
    static const tn_graph no_symbols;
    tn__type f = {given->dtype, given->rank, given->dims}, w = {dtype, rank, dims};
    return TN__FAIL(&p->settings->context->allocator, SHAPE_MISMATCH, "output %u '%s': found %s, wanted %s", k,
                    p->output_names[k], tn__type_text(&no_symbols, &f, found, sizeof found),
                    tn__type_text(&no_symbols, &w, wanted, sizeof wanted));
}

/* All of the program is one artefact: results are made and the device writes straight into them. */
static tn_error *run_static(const tn__program *p, tn_tensor *const *inputs, tn_tensor **outputs) {
    enum { MOST = 64 };
    tn_context *c = p->settings->context;
    bool stack[MOST], *made = stack;
    if (p->n_outputs > MOST && !(made = tn__alloc(&c->allocator, p->n_outputs))) return tn__error_oom();
    tn_error *e = NULL;
    memset(made, 0, p->n_outputs);
    for (uint32_t k = 0; !e && k < p->n_outputs; k++) {
        const tn__type *t = &p->output_types[k];
        if (outputs[k]) e = check_output(p, k, outputs[k], t->dtype, t->rank, t->dims);
        else if (!(e = tn__tensor_create_uninitialised(c, t->dtype, t->rank, t->dims, &outputs[k]))) made[k] = true;
    }
    if (!e) e = p->artefact->device->run(p->artefact, inputs, outputs);
    for (uint32_t k = 0; e && k < p->n_outputs; k++)
        if (made[k]) {
            tn_tensor_release(outputs[k]);
            outputs[k] = NULL;
        }
    if (made != stack) tn__free(&c->allocator, made, p->n_outputs);
    return e;
}

/* slots[value of s]: an owned tensor, or NULL. */
static tn_error *run_segment(const tn__program *p, tn_tensor *const *inputs, tn_tensor **slots) {
    tn_context *c = p->settings->context;
    size_t bytes = p->n_segment_out * sizeof(tn_tensor *);
    tn_tensor **out = tn__alloc_zero(&c->allocator, bytes);
    if (!out) return tn__error_oom();
    tn_error *e = NULL;
    for (uint32_t k = 0; !e && k < p->n_segment_out; k++) {
        const tn__type *t = &p->s->values.data[p->segment_out[k]].type;
        e = tn__tensor_create_uninitialised(c, t->dtype, t->rank, t->dims, &out[k]);
        slots[p->segment_out[k]] = out[k];
    }
    if (!e) e = p->artefact->device->run(p->artefact, inputs, out);
    tn__free(&c->allocator, out, bytes);
    return e;
}

static tn_tensor *slot_of(const tn__program *p, tn_tensor **slots, tn_value v) {
    const tn_tensor *constant = v.id ? tn__constant_of(p->s, v) : NULL;
    return constant ? (tn_tensor *)constant : slots[v.id];
}

/* A custom op was asked for its types again, with values: what it said before must hold. Releases the results where it does not. */
static tn_error *check_answer(const tn__program *p, const tn__node *n, tn_tensor **out) {
    for (uint32_t k = 0; k < n->n_out; k++) {
        const tn__type *t = tn__type_of(p->s, tn__out(n, k));
        bool fits = out[k]->dtype == t->dtype && (t->rank < 0 || out[k]->rank == t->rank);
        for (int32_t d = 0; fits && d < t->rank; d++) fits = t->dims[d] < 0 || out[k]->dims[d] == t->dims[d];
        if (fits) continue;
        char found[200], wanted[200];
        tn__type f = {out[k]->dtype, out[k]->rank, out[k]->dims};
        tn_error *e = TN__FAIL(&p->settings->context->allocator, SHAPE_MISMATCH, "output %u is %s, infer said %s", k,
                               tn__type_text(p->s, &f, found, sizeof found), tn__type_text(p->s, t, wanted, sizeof wanted));
        for (uint32_t i = 0; i < n->n_out; i++) tn_tensor_release(out[i]);
        return e;
    }
    return NULL;
}

static tn_error *run_step(const tn__program *p, const step *st, tn_tensor **slots) {
    const tn__node *n = &p->s->nodes.data[st->node];
    tn_context *c = p->settings->context;
    size_t bytes = ((size_t)n->n_in + n->n_out + 1) * sizeof(tn_tensor *);
    tn_tensor **in = tn__alloc_zero(&c->allocator, bytes), **out = in + n->n_in;
    if (!in) return tn__error_oom();
    for (uint32_t k = 0; k < n->n_in; k++) in[k] = slot_of(p, slots, tn__in(p->s, n, k));
    bool control = tn__op_infos[n->op].flags & TN__OP_CONTROL, hooked = tn__hook_is_set(&p->settings->config.hook);
    tn_profile_row row;
    if (hooked) row = tn__profile_row_of(p->s, n, n->source, "host"), tn__hook_begin(&p->settings->config.hook, &row);
    tn_error *e = control ? tn__control_run(c, n, st->bodies, in, out)
                          : tn__op_eval(c, n->op, n->attrs, (const tn_tensor *const *)in, n->n_in, n->n_out, out);
    if (hooked) tn__hook_end(&p->settings->config.hook, &row);
    if (!e && n->op == TN_OP_custom) e = check_answer(p, n, out);
    e = tn__node_error(p->s, n, e);
    for (uint32_t k = 0; !e && k < n->n_out; k++) slots[n->first_out + k] = out[k];
    tn__free(&c->allocator, in, bytes);
    return e;
}

static tn_error *run_residual(const tn__program *p, tn_tensor **slots, tn_tensor **outputs) {
    tn_context *c = p->settings->context;
    size_t bytes = ((size_t)p->n_residual_in + p->n_residual_out) * sizeof(tn_tensor *);
    tn_tensor **in = tn__alloc_zero(&c->allocator, bytes), **out = in + p->n_residual_in;
    if (!in) return tn__error_oom();
    for (uint32_t i = 0; i < p->n_residual_in; i++) in[i] = slots[p->residual_in[i]];
    for (uint32_t k = 0; k < p->n_outputs; k++)
        if (p->sources[k].residual >= 0) out[p->sources[k].residual] = outputs[k];
    tn_error *e = tn__executable_run(p->residual, in, p->n_residual_in, out, p->n_residual_out);
    for (uint32_t k = 0; !e && k < p->n_outputs; k++)
        if (p->sources[k].residual >= 0) outputs[k] = out[p->sources[k].residual];
    tn__free(&c->allocator, in, bytes);
    return e;
}

/* Output k from a slot: a tensor nobody else holds is given away, all else is copied. */
static tn_error *take_output(const tn__program *p, uint32_t k, tn_tensor **slots, tn_tensor **output) {
    tn_value v = {p->sources[k].value};
    tn_tensor *t = slot_of(p, slots, v);
    if (!*output && t == slots[v.id] && atomic_load_explicit(&t->references, memory_order_acquire) == 1 && t->owns_data) {
        tn_tensor_retain(*output = t);
        return NULL;
    }
    if (*output) TN__TRY(check_output(p, k, *output, t->dtype, t->rank, t->dims));
    tn_tensor *made = NULL;
    if (!*output) TN__TRY(tn__tensor_create_uninitialised(t->context, t->dtype, t->rank, t->dims, &made));
    tn_error *e = tn__tensor_assign(made ? made : *output, t);
    if (e) tn_tensor_release(made);
    else if (made) *output = made;
    return e;
}

static tn_error *run_late(const tn__program *p, tn_tensor *const *inputs, tn_tensor **outputs) {
    const tn_graph *s = p->s;
    const tn_allocator *a = &p->settings->context->allocator;
    size_t bytes = s->values.count * sizeof(tn_tensor *) + p->n_outputs;
    tn_tensor **slots = tn__alloc_zero(a, bytes);
    if (!slots) return tn__error_oom();
    bool *given = (bool *)(slots + s->values.count);
    for (uint32_t k = 0; k < p->n_outputs; k++) given[k] = outputs[k] != NULL;
    for (size_t i = 0; i < s->inputs.count; i++) {
        tn_tensor_retain(inputs[i]);
        slots[s->inputs.data[i].value.id] = inputs[i];
    }
    tn_error *e = p->artefact ? run_segment(p, inputs, slots) : NULL;
    for (uint32_t i = 0; !e && i < p->n_steps; i++)
        if (!(e = tn__context_poll(p->settings->context))) e = run_step(p, &p->steps[i], slots);
    for (size_t v = 0; v < s->values.count; v++)
        if (slots[v] && !p->kept[v]) {
            tn_tensor_release(slots[v]);
            slots[v] = NULL;
        }
    if (!e && p->residual) e = run_residual(p, slots, outputs);
    for (uint32_t k = 0; !e && k < p->n_outputs; k++)
        if (p->sources[k].residual < 0) e = take_output(p, k, slots, &outputs[k]);
    for (uint32_t k = 0; e && k < p->n_outputs; k++)
        if (!given[k]) {
            tn_tensor_release(outputs[k]);
            outputs[k] = NULL;
        }
    for (size_t v = 0; v < s->values.count; v++) tn_tensor_release(slots[v]);
    tn__free(a, slots, bytes);
    return e;
}

tn_error *tn__program_run(const tn__program *p, tn_tensor *const *inputs, tn_tensor **outputs) {
    return p->s ? run_late(p, inputs, outputs) : run_static(p, inputs, outputs);
}

const tn__type *tn__program_output_type(const tn__program *p, uint32_t k) { return &p->output_types[k]; }

bool tn__program_is_whole(const tn__program *p) { return !p->s; }

bool tn__program_can_alias(const tn__program *p, uint32_t input, const tn_tensor *tensor, uint32_t output) {
    if (p->s || !p->artefact->device->can_alias) return false;
    const tn__type *t = &p->output_types[output];
    return t->dtype == tensor->dtype && t->rank == tensor->rank &&
           (!t->rank || !memcmp(t->dims, tensor->dims, (size_t)t->rank * sizeof *t->dims)) &&
           p->artefact->device->can_alias(p->artefact, input, output);
}

void tn__program_add_stats(const tn__program *p, tn_executable_stats *stats) {
    if (p->artefact) p->artefact->device->get_stats(p->artefact, stats);
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (int b = 0; b < 2; b++)
            if (p->steps[i].bodies[b]) tn__executable_add_stats(p->steps[i].bodies[b], stats);
    if (p->residual) tn__executable_add_stats(p->residual, stats);
}

tn_error *tn__program_add_profile(const tn__program *p, tn_profile *profile) {
    if (p->artefact && p->artefact->device->get_profile) TN__TRY(p->artefact->device->get_profile(p->artefact, profile));
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (int b = 0; b < 2; b++)
            if (p->steps[i].bodies[b]) TN__TRY(tn__executable_add_profile(p->steps[i].bodies[b], profile));
    return p->residual ? tn__executable_add_profile(p->residual, profile) : NULL;
}
