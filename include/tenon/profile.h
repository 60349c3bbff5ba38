/* Tenon: what an executable measures of its steps, and calls of the caller's own at each. */
#ifndef TENON_PROFILE_H
#define TENON_PROFILE_H

#include "tenon/exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Counters of tn_profile_row, as flags. */
typedef enum tn_counter {
    TN_COUNTER_CYCLES = 1,
    TN_COUNTER_INSTRUCTIONS = 2,
    TN_COUNTER_CACHE_MISSES = 4,
    TN_COUNTER_CPU_NS = 8,
    TN_COUNTER_PAGE_FAULTS = 16,
    TN_COUNTER_CONTEXT_SWITCHES = 32
} tn_counter;

/* One step of a compiled graph. Texts are never NULL; they are borrowed from the profile, in a hook for the call. */
typedef struct tn_profile_row {
    size_t struct_size;
    const char *kind;            /* "kernel", "call" (of the reference), "copy", "loop", "check"; only in hooks "host", a step that
                                  * the session does between those of the device, and "phase", of a compilation */
    const char *kernel;          /* symbol of the first kernel, else the op; the phase's name */
    const char *node;            /* name of the node that it is for; "": none */
    const char *const *sources;  /* n_sources: what tn_graph_set_source said of all nodes that it computes */
    uint32_t n_sources;
    uint32_t n_sources_hidden;   /* at least so many more */
    uint32_t stages;             /* kernels of a launch */
    uint64_t runs, total_ns, least_ns; /* measured so far, of all threads; with profile=on not every run is; 0 in hooks */
    double flops;                /* multiplications and additions of products, a run */
    uint64_t bytes;              /* of the values that it touches, each once; of a loop, what its trips read and write */
    uint64_t live_bytes;         /* of the arena while it runs: of values between their first write and their last read */
    tn_dtype product_dtype;      /* of the factors of its products as they are multiplied: f32 also for stored f16 and bf16, i8 for products of
                                  * 8-bit integers four at a time; TN_DTYPE_NONE: it has no products. Of several, that of the most */
    const char *precision;       /* what option precision made of its product, or "f32: " and why nothing; "": there is none, or precision=f32 */
    uint32_t counted;            /* tn_counter flags: which of the following were counted in every part of every run so far; the others
                                  * are 0 and say nothing. 0 without option profile=counters, and in hooks */
    uint64_t cycles, instructions, cache_misses; /* of the processor, in user mode, of all threads that did the step, all runs together; cache
                                                  * misses as the processor defines them, mostly of the last level */
    uint64_t cpu_ns, page_faults, context_switches; /* of the system, likewise: time on a processor, in user mode and in the kernel */
    uint64_t constant_bytes;     /* of `bytes`, those of constants, as they are kept */
} tn_profile_row;

/* The rows of an executable's most recent specialisation, in the order of its steps, as they were when asked for. Immutable,
 * thread-safe. */
typedef struct tn_profile tn_profile;
/* Wants option profile=on, every or counters at tn_compile (INVALID_ARGUMENT otherwise), and a device that measures steps (UNSUPPORTED; cpu
 * does). Bodies of `if`, `loop` and `scan` have rows of their own. No rows before the first run of a graph with open dimensions. Thread-safe; released
 * with tn_profile_release. */
TN_API TN_MUST_USE tn_error *tn_executable_get_profile(tn_executable *executable, tn_profile **out_profile);
TN_API void tn_profile_release(tn_profile *profile); /* NULL is allowed */
TN_API uint32_t tn_profile_get_count(const tn_profile *profile);
/* Fills *out_row, whose struct_size is set. OUT_OF_RANGE from tn_profile_get_count on. */
TN_API TN_MUST_USE tn_error *tn_profile_get_row(const tn_profile *profile, uint32_t index, tn_profile_row *out_row);
/* Sets runs and times of all rows back to 0. Steps that run meanwhile on other threads may be counted or not. */
TN_API TN_MUST_USE tn_error *tn_executable_reset_profile(tn_executable *executable);

/* The caller's functions; each may be NULL. They must not call the library with what is being compiled or run, and return. */
typedef struct tn_hook {
    size_t struct_size;
    void *self;
    /* On the thread that compiles or runs, around each step and each phase (which may be nested), always in pairs. Other runs may do the
     * same on other threads. */
    void (*begin)(void *self, const tn_profile_row *row);
    void (*end)(void *self, const tn_profile_row *row);
    /* Between begin and end of a step of kind "kernel", on the thread that worked, several at once: worker `worker` of the pool (0: the
     * thread that runs) did a part of the step, from begin_ns to end_ns of the monotonic clock. */
    void (*part)(void *self, const tn_profile_row *row, int32_t worker, uint64_t begin_ns, uint64_t end_ns);
} tn_hook;

/* Executables compiled with these options call *hook (copied; NULL: none) as long as they live. Without one a run does no extra work. */
TN_API TN_MUST_USE tn_error *tn_options_set_hook(tn_options *options, const tn_hook *hook);

#ifdef __cplusplus
}
#endif
#endif
