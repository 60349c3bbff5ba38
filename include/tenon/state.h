/* Tenon: variables (values that live between runs) and runs that take inputs over.
 *
 * A variable holds one tensor of a fixed type. A graph reads it as a value (tn_graph_variable) and may say what it holds after a run
 * (tn_graph_assign); neither counts among the graph's inputs and outputs. Several executables may share variables: a training step, an
 * evaluation.
 *
 * Order. A run holds all variables of its executable from its beginning to its end: alone those it assigns, together with other readers
 * those it only reads. tn_variable_read and tn_variable_write hold theirs for the time of the copy. Who comes first is served first; so a
 * read never sees half of a write or of a run, and several variables of one run change at the same instant. Nothing deadlocks:
 *  - a call from inside a run (a custom op, on the thread that runs) that wants a variable which this very run assigns, or assigns one
 *    that it reads, gets TN_ERROR_INVALID_ARGUMENT instead of waiting for itself. Reading together what the run only reads is fine;
 *  - of two calls from inside runs that would both wait for others, the second gets that error.
 * What is not seen, and waits for ever: a custom op that calls these functions on another thread than its own and waits for that thread; and
 * one without TN_CUSTOM_THREAD_SAFE that wants a variable held by a run which waits for its turn to call the same op. An op that
 * touches variables should be thread-safe.
 *
 * Errors. A run that fails has changed no variable. (One exception: where the caller's own thread pool breaks its promise, a variable that was
 * being written in place holds neither value.)
 *
 * Memory. Where the device can write the new value over the old one (on `cpu`: the kernel that makes it is the last reader of the old one,
 * reads each element only where it writes it, and no later step of the run can fail, as in w - rate * gradient), there is one buffer. Else
 * the variable gets a second buffer at the first such run, and the two change places: no run copies a variable, except from a graph that
 * assigns a value that it does not compute. */
#ifndef TENON_STATE_H
#define TENON_STATE_H

#include "tenon/exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Thread-safe, reference-counted; graphs and executables hold references. */
typedef struct tn_variable tn_variable;

/* `dims` has `rank` entries, each >= 0; no strings. `initial` (NULL: all zero) is copied and must be of that type. */
TN_API TN_MUST_USE tn_error *tn_variable_create(tn_context *context, tn_dtype dtype, int32_t rank, const int64_t *dims,
                                                const tn_tensor *initial, tn_variable **out_variable);
TN_API void tn_variable_retain(tn_variable *variable);
TN_API void tn_variable_release(tn_variable *variable);
TN_API tn_dtype tn_variable_get_dtype(const tn_variable *variable);
TN_API int32_t tn_variable_get_rank(const tn_variable *variable);
TN_API const int64_t *tn_variable_get_dims(const tn_variable *variable); /* borrowed */
/* Copies the value into *tensor, which must be of the variable's type, or, where that is NULL, into a new tensor that the caller then
 * owns. Waits for runs and writes that came before. On error *tensor is what it was. */
TN_API TN_MUST_USE tn_error *tn_variable_read(tn_variable *variable, tn_tensor **tensor);
/* Copies `tensor`, of the variable's type, into the variable. Waits for runs and reads that came before. */
TN_API TN_MUST_USE tn_error *tn_variable_write(tn_variable *variable, const tn_tensor *tensor);

/* What `variable` (retained, of the graph's context) holds at the beginning of a run. The same value however often it is asked for. */
TN_API tn_value tn_graph_variable(tn_graph *graph, tn_variable *variable);
/* After a successful run `variable` holds `value`, whose dtype and shape must fit; what only the run tells is checked there. At most once
 * for each variable of a graph. Like all building calls it leaves an error with the graph. Graphs that are sub-graphs have no variables
 * (tn_compile refuses them): pass their values in. */
TN_API void tn_graph_assign(tn_graph *graph, tn_variable *variable, tn_value value);
/* The variables of the graph, in order of their first use; borrowed, NULL out of range. */
TN_API uint32_t tn_graph_get_variable_count(const tn_graph *graph);
TN_API tn_variable *tn_graph_get_variable(const tn_graph *graph, uint32_t index);

/* ---- inputs that a run takes over ------------------------------------------------------------------------------ */

typedef struct tn_run_options {
    size_t struct_size;
    /* Per input of the run (n_inputs entries), or NULL for none: the tensor is given away. A donated tensor must be the caller's only
     * reference, and not stand elsewhere among the inputs or outputs. */
    const bool *donated;
} tn_run_options;

/* tn_executable_run with options (NULL = defaults). After success every donated input has been released and its entry of `inputs` is NULL.
 * Where an output that the library is to make (NULL in `outputs`) is of a donated tensor's type and the device can write it over that tensor
 * (as above for variables), it is that tensor: same memory, no copy. Else, and for memory that is borrowed, donation only releases the
 * tensor. On error nothing is released, and all inputs are what they were. */
TN_API TN_MUST_USE tn_error *tn_executable_run_with(tn_executable *executable, tn_tensor **inputs, uint32_t n_inputs, tn_tensor **outputs,
                                                    uint32_t n_outputs, const tn_run_options *options);

#ifdef __cplusplus
}
#endif
#endif
