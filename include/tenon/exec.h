/* Tenon: options, compilation and execution. */
#ifndef TENON_EXEC_H
#define TENON_EXEC_H

#include "tenon/graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Options by string key (docs/options.md lists them). Thread-compatible.
 *
 * A value comes from, and each of these overrides those before it, whatever the order in which they are read:
 *   1. its default
 *   2. a file: the one that the environment variable TENON_CONFIG names, then those of tn_options_load_file
 *   3. the environment: TENON_<KEY> with the key in capitals, e.g. TENON_THREADS=2
 *   4. tn_options_set */
typedef struct tn_options tn_options;
/* Reads the environment: a value that does not fit there is an error here; a variable TENON_... that is no option is
 * logged as a warning. */
TN_API TN_MUST_USE tn_error *tn_options_create(tn_context *context, tn_options **out_options);
TN_API void tn_options_release(tn_options *options);
/* Unknown keys and ill-formed values are errors; an unknown key's error suggests the nearest name. */
TN_API TN_MUST_USE tn_error *tn_options_set(tn_options *options, const char *key, const char *value);
/* The effective value as text; borrowed; NULL for an unknown key. */
TN_API const char *tn_options_get(const tn_options *options, const char *key);
/* Where that value comes from: "default", "FILE:LINE", "environment TENON_KEY", or "set"; borrowed; NULL for an unknown key. */
TN_API const char *tn_options_get_origin(const tn_options *options, const char *key);
/* Reads options from a file: lines `key = value` (# begins a comment), or one flat JSON object. Values may be bare or in double quotes
 * (\" and \\ stand for " and \). An error names line and column, and nothing is changed then. At most 1 MiB. */
TN_API TN_MUST_USE tn_error *tn_options_load_file(tn_options *options, const char *path);

/* A compiled graph. Immutable for its callers and thread-safe: any number of threads may run it at once. */
typedef struct tn_executable tn_executable;

/* Compiles `graph` (borrowed for the call, not changed) for the options' device. Symbolic dimensions are bound at run time: an
 * executable specialises itself per binding at first use. `options` NULL = defaults. */
TN_API TN_MUST_USE tn_error *tn_compile(const tn_graph *graph, const tn_options *options, tn_executable **out_executable);
TN_API void tn_executable_retain(tn_executable *executable);
TN_API void tn_executable_release(tn_executable *executable);

/* Runs. `inputs[i]` belongs to graph input i; dtype and shape are checked. `outputs[i]`: if NULL the library makes a tensor
 * (owned by the caller after success); else the tensor is written, its dtype and shape must fit. It may not overlap the memory
 * of another output, nor that of an input, unless that input is copied first (see tn_tensor_create_strided); strided ones
 * overlap if the ranges that their elements lie in do. On error nothing is returned. */
TN_API TN_MUST_USE tn_error *tn_executable_run(tn_executable *executable, tn_tensor *const *inputs, uint32_t n_inputs,
                                               tn_tensor **outputs, uint32_t n_outputs);

/* The same on a thread of the context, and returns at once. Inputs, given outputs and the executable are retained until the run is over;
 * what is in them must stay so long, and so must the array `outputs`, whose NULL elements are set on success. Then `done` is called, once,
 * on that thread, and owns `error` (NULL: success); by then the library holds nothing of the run. It may call any function but
 * tn_context_wait, may release the last reference to anything, and should not wait for other callbacks. An error returned from here
 * means that nothing was begun and `done` is not called. Runs begin in the order of the calls, at most four at a time, and may end
 * in any order. Releasing the last reference to the context waits for callbacks under way, except from one. With a
 * tn_context_options.thread_pool there are no threads to run on: UNSUPPORTED. Thread-safe. */
TN_API TN_MUST_USE tn_error *tn_executable_run_async(tn_executable *executable, tn_tensor *const *inputs, uint32_t n_inputs,
                                                     tn_tensor **outputs, uint32_t n_outputs,
                                                     void (*done)(void *self, tn_error *error), void *self);
/* Returns when all runs of tn_executable_run_async in the context that were begun before are over and their callbacks have returned.
 * Thread-safe; not from such a callback. */
TN_API TN_MUST_USE tn_error *tn_context_wait(tn_context *context);

/* Element type and shape of a tensor that need not exist. In an array all have the same struct_size. */
typedef struct tn_tensor_type {
    size_t struct_size;
    tn_dtype dtype;
    int32_t rank;              /* -1: only the run tells */
    int64_t dims[TN_MAX_RANK]; /* `rank` entries; TN_DIM_UNKNOWN: only the run tells */
} tn_tensor_type;

/* The type of output `index` as far as the graph alone tells it: whole for a graph whose inputs have fixed sizes and whose shapes
 * depend on no values. Thread-safe. */
TN_API TN_MUST_USE tn_error *tn_executable_get_output_type(tn_executable *executable, uint32_t index, tn_tensor_type *out_type);
/* The types of all outputs for inputs of these types, which must be whole, without compiling or running: for allocating outputs before
 * a run. What depends on values of inputs stays open. Set struct_size of all elements of out_outputs before the call; on error nothing
 * else is written. Errors are those of tn_executable_run for such inputs. Takes about as long as building the graph, except where
 * the graph has fixed sizes. Thread-safe. */
TN_API TN_MUST_USE tn_error *tn_executable_infer_outputs(tn_executable *executable, const tn_tensor_type *inputs, uint32_t n_inputs,
                                                         tn_tensor_type *out_outputs, uint32_t n_outputs);

/* Figures of the executable's most recent specialisation; all bytes unless said otherwise. */
typedef struct tn_executable_stats {
    size_t struct_size;
    uint64_t arena_bytes;       /* planned arena */
    uint64_t arena_lower_bound; /* largest live set */
    uint64_t constant_bytes;    /* weights, packed ones included */
    uint64_t code_bytes;
    uint64_t flops;             /* multiply-adds counted as two, per call */
    uint64_t compile_ns;
    uint32_t n_kernels, n_calls, n_specialisations;
    uint32_t from_cache; /* kernels whose code came from the disk cache */
    /* Launches and calls that option precision changed, and those with products of f32 that it left as they were; tn_profile_row.precision
     * says which and why. 0 with precision=f32. */
    uint32_t n_narrowed, n_kept;
    uint32_t n_tuned; /* choices of schedules that option tuning's file made otherwise than the rules */
} tn_executable_stats;
TN_API TN_MUST_USE tn_error *tn_executable_get_stats(tn_executable *executable, tn_executable_stats *out_stats);

#ifdef __cplusplus
}
#endif
#endif
