/* What the files of the session share.
 *
 *   tn_executable (executable.c)  a graph + the programs made of it so far, by shapes and values
 *     -> specialise.c             graph x shapes x values -> graph with static types, folded
 *     -> tn__program (plan.c)     that graph cut into a compiled segment, steps done by the session, and the rest,
 *          -> control.c             which is an executable again; bodies of if, loop and scan are executables too */
#ifndef TN_SESSION_SESSION_H
#define TN_SESSION_SESSION_H
#include "device/device.h"
#include "rt/variable.h"
#include "session/options.h"
#include "session/trace_file.h"

/* Settings of an executable and all its children. Immutable, reference-counted. */
typedef struct tn__settings {
    atomic_uint references;
    tn_context *context; /* retained */
    const tn__device_vtable *device;
    tn__device_config config; /* texts in `arena` */
    tn__trace_hook trace; /* of option trace; its trace is NULL: none */
    tn__arena arena;
    uint32_t max_specialisations;
} tn__settings;

typedef struct tn__program tn__program;

/* How the value of a graph input takes part in specialisation. */
enum {
    TN__VALUE_NONE = 0,
    TN__VALUE_SLICE = 1,  /* feeds a computation of shapes: constant if it has at most TN__SLICE_ELEMENTS */
    TN__VALUE_DIRECT = 2  /* is itself an operand whose value decides a shape: at most TN__DIRECT_ELEMENTS */
};
enum { TN__SLICE_ELEMENTS = 64, TN__DIRECT_ELEMENTS = 4096 };
/* Nested bodies and late-bound rests; each level costs C stack at run time. */
enum { TN__MAX_LEVELS = 256 };

/* ---- settings.c: what options mean ---- */

tn_error *tn__settings_create(tn_context *context, const tn_options *options, tn__settings **out_settings);
/* Option trace. Not for compilations that are only a trial (config.dry). */
tn_error *tn__settings_trace(tn__settings *s, const tn_options *options);

/* ---- executable.c: executables inside executables ---- */

/* The live nodes of `g`, without what depends on constants alone. Variables are inputs behind the others; what is assigned to them, outputs. */
tn_error *tn__graph_to_compile(const tn_graph *g, tn_graph **out_graph);
/* Retains `graph`, which must not change any more. varying (NULL: none) per input: its value differs from call to call, so it is
 * only specialised on where nothing else helps; pinned (NULL: none) per input: its constant value, or NULL. Compiles at first
 * run. */
tn_error *tn__executable_create_child(tn__settings *settings, tn_graph *graph, const bool *varying, tn_tensor *const *pinned,
                                      uint32_t level, tn_executable **out_executable);
/* An error where tn_compile would give one; generates no code. */
tn_error *tn__compile_dry(const tn_graph *graph, const tn_options *options);
/* Compiles an executable now that can only ever have one specialisation, and makes its calls free of locks; others stay lazy. */
tn_error *tn__executable_specialise_now(tn_executable *executable);
/* As tn_executable_run, for plain tensors (rt/strided.h) of which no output overlaps anything. */
tn_error *tn__executable_run(tn_executable *executable, tn_tensor *const *inputs, uint32_t n_inputs, tn_tensor **outputs,
                             uint32_t n_outputs);
/* The graph with the types that are declared; borrowed. */
const tn_graph *tn__executable_graph(const tn_executable *executable);
/* The same for what has been checked. donated (per input, or NULL): may be overwritten and become an output; then taken[input] is set, and
 * the output has the caller's reference. */
tn_error *tn__executable_run_checked(tn_executable *executable, tn_tensor *const *inputs, tn_tensor **outputs, const bool *donated,
                                     bool *taken);
/* How many inputs and outputs callers see: those of variables are behind them. */
uint32_t tn__executable_input_count(const tn_executable *executable);
uint32_t tn__executable_output_count(const tn_executable *executable);
tn_error *tn__executable_check_counts(const tn_executable *executable, const void *inputs, uint32_t n_inputs, const void *outputs,
                                      uint32_t n_outputs);
/* Do these fit the declared types? Looks at dtype and shape only. */
tn_error *tn__executable_check_inputs(const tn_executable *executable, tn_tensor *const *inputs);
/* The only specialisation, or NULL. */
const tn__program *tn__executable_only_program(const tn_executable *executable);
/* Finds the program for these inputs (variables included), lets `place` say where outputs go, and runs it. */
tn_error *tn__executable_run_placed(tn_executable *executable, tn_tensor *const *inputs, tn_tensor **outputs,
                                    tn_error *(*place)(void *self, const tn__program *program), void *self);
void tn__executable_add_stats(tn_executable *executable, tn_executable_stats *stats);
/* Appends the steps of the most recent specialisation and of all its parts; `profile` NULL: sets their times to 0. */
tn_error *tn__executable_add_profile(tn_executable *executable, tn_profile *profile);

/* ---- specialise.c ---- */

/* Fills out_kinds (TN__VALUE_*) per graph input. */
tn_error *tn__value_inputs(const tn_graph *g, const bool *varying, uint8_t *out_kinds);
/* The operator moves or generates elements, so evaluating it by the reference costs little more than compiling it would. */
bool tn__op_is_light(tn__op op);
/* An op that computes with shapes: cheap on a few numbers. */
bool tn__op_is_scalar_work(tn__op op);
/* `g` with input i of the type of types[i]; values[i], if not NULL, becomes a constant (retained). Only live nodes; inputs keep
 * their positions. What still is not static depends on run-time values. */
tn_error *tn__specialise(const tn_graph *g, const tn_tensor *const *types, tn_tensor *const *values, tn_graph **out_graph);
/* The part of `s` made of keep[node] nodes and the constants they need. Dimensions that are not sizes become unknown. */
tn_error *tn__extract(const tn_graph *s, const bool *keep, const tn_value *in, uint32_t n_in, const tn__port *out, uint32_t n_out,
                      tn_graph **out_graph);
/* Values of g that an output or a node with effects needs, per value id, in `arena`. */
bool *tn__live_values(const tn_graph *g, tn__arena *arena);
/* Some result of the node is live, or it has effects. */
bool tn__node_is_live(const tn__node *n, const bool *live);

/* ---- plan.c ---- */

/* Plans and compiles `s` (from tn__specialise; taken: always released by this or by the program). */
tn_error *tn__program_create(tn__settings *settings, tn_graph *s, bool varying, uint32_t level, tn__program **out_program);
void tn__program_destroy(tn__program *program);
/* Thread-safe. outputs[k] NULL: made; on error everything made is released and NULL again. */
tn_error *tn__program_run(const tn__program *program, tn_tensor *const *inputs, tn_tensor **outputs);
const tn__type *tn__program_output_type(const tn__program *program, uint32_t k);
/* All of it is one artefact, which writes straight into outputs that are given. */
bool tn__program_is_whole(const tn__program *program);
/* tn__program_run may get the tensor of that input as that output; if it fails then, the tensor is what it was. */
bool tn__program_can_alias(const tn__program *program, uint32_t input, const tn_tensor *tensor, uint32_t output);
void tn__program_add_stats(const tn__program *program, tn_executable_stats *stats);
tn_error *tn__program_add_profile(const tn__program *program, tn_profile *profile);

/* ---- state.c: runs with variables, or with inputs to be taken over ---- */

/* The variables of an executable, in order; input n_inputs + k of its graph is variable k. Immutable. */
typedef struct tn__state {
    const tn_allocator *a;
    uint32_t n, n_assigned;
    tn__claim *claims; /* the variables are retained */
    uint32_t *outputs; /* per variable: n_outputs + this of the graph's outputs is what it holds afterwards; UINT32_MAX: none */
} tn__state;
/* NULL for a graph without variables. */
tn_error *tn__state_create(const tn_graph *g, tn__state **out_state);
void tn__state_destroy(tn__state *state);

typedef struct tn__placed_call {
    tn_executable *executable;
    tn_context *context;
    const tn__state *state; /* or NULL */
    tn_tensor *const *inputs;
    tn_tensor **outputs;
    uint32_t n_inputs, n_outputs; /* of the user's */
    const bool *donated; /* per input: it may become an output; or NULL */
    bool *taken;         /* per input, false at first: some output is it, and has its reference */
} tn__placed_call;
tn_error *tn__placed_run(const tn__placed_call *call);

/* ---- control.c ---- */

/* Runs an if, loop or scan node. bodies: [then, else] or [body]. All results are new tensors, or an error and none. */
tn_error *tn__control_run(tn_context *context, const tn__node *node, tn_executable *const *bodies, tn_tensor *const *in,
                          tn_tensor **out);

void tn__settings_release(tn__settings *settings);
static inline tn__settings *tn__settings_retain(tn__settings *s) {
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}
#endif
