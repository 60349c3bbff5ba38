/* What `tenon doctor` looks at, and what it says. Rules see nothing but the evidence, so that a test can plant any fault. */
#ifndef TENON_TOOL_DOCTOR_H
#define TENON_TOOL_DOCTOR_H
#include "base/os_topology.h"
#include "cli.h"
#include "inputs.h"
#include "measure/machine.h"

enum { DOCTOR_TEXT = 320 };

/* A step of the compiled model. */
typedef struct doctor_step {
    char *what;     /* owned: kernel or op, and node */
    char kind[16];  /* "kernel", "call", "copy", "loop", "check" */
    char form[16];  /* of kernels: "conv", "mm", "ew", "pack", ...; of calls the op */
    double ns, flops, bytes, constant_bytes;
    tn_dtype products; /* as tn_profile_row.product_dtype */
    int64_t channels; /* of the result of a convolution or product; 0: not one, or not known */
    int64_t readers;  /* of an elementwise kernel's first operand: who else reads it; 0: nobody */
} doctor_step;

/* Where threads and memory of a process lie; 0: not known, as most of it is in a build without libhwloc. */
typedef struct doctor_placement {
    int32_t processors_online; /* of the machine, whether this process may run there or not */
    int32_t nodes;             /* memory nodes of the machine */
    int32_t node_cores;        /* physical cores of the largest node on which this process may run */
    int32_t nodes_needed;      /* the fewest nodes with cores enough for the threads */
    int32_t nodes_by_cores;    /* over which affinity=cores would lay them */
    int32_t cores_allowed;     /* physical cores on which this process may run */
    int32_t cores_pinned, nodes_pinned; /* on which the affinity keeps threads; 0: it keeps none */
    uint64_t cache_bytes;      /* of all last caches that this process may use */
    double far_memory;         /* share of the memory that lies on nodes on which this process may not run */
    double fullest_node;       /* share of the memory on the node that has most of it */
    bool may_place;            /* option numa works here */
} doctor_placement;
/* `root` is put before every path: "" but in tests. `t` is NULL where the shape of the machine is not known. */
void doctor_placement_read(const char *root, const tn__topology *t, tn__affinity affinity, int64_t threads, doctor_placement *out);

typedef struct doctor_evidence {
    /* machine and build */
    tn__machine machine;
    tn__distortions distortions;
    int32_t cores, lanes;      /* physical cores (0: not known); f32 elements of a vector */
    double fma_rate, bandwidth; /* FLOP/s and bytes/s from memory of as many threads, measured; 0: not known */
    bool rates_distorted;
    doctor_placement placement;
    bool is_debug;
    /* options */
    const char *device, *cpu, *passes_off, *cache, *precision, *affinity, *numa, *layout;
    int64_t threads, max_specialisations; /* threads: those that are used, never 0 */
    int64_t own_threads;        /* that the program keeps busy besides, the calling one included; 0: not known */
    bool profile;
    /* the model, as it was handed over */
    int64_t open_dims;          /* dimensions of inputs that are no numbers */
    int64_t not_folded;         /* nodes whose operands are all constant, after the passes */
    char not_folded_name[64];
    int64_t dequantised;        /* dequantisations that no integer kernel took in */
    bool half_weights;          /* f16 or bf16 weights */
    int64_t denormals, elements; /* of all values of a run */
    char denormal_name[64];     /* the value with the most */
    int64_t late_steps;         /* that wait for the shapes of others */
    /* the compiled model */
    doctor_step *steps; /* owned */
    size_t n_steps;
    double run_ns, one_thread_ns, all_threads_ns; /* a call: as asked, with one thread, with every processor; 0: not measured */
    uint64_t arena_bytes, arena_lower_bound;
    uint32_t n_kernels, from_cache; /* of a second compilation */
} doctor_evidence;

typedef struct doctor_hint {
    const char *rule;           /* static */
    char evidence[DOCTOR_TEXT]; /* what was found */
    char advice[DOCTOR_TEXT];
    double gain;                /* expected share of a call's time, 0 to 1; NAN: not known */
    char option[DOCTOR_TEXT];   /* KEY=VALUE that --apply tries; "": an edit that only the user can make */
} doctor_hint;

/*         rule                  what it looks for */
#define DOCTOR_RULES(R)                                                                                     \
    R(device_not_cpu,        "the model runs on a device that is not built for speed")                      \
    R(debug_build,           "the library was built with assertions")                                       \
    R(passes_off,            "passes are switched off")                                                     \
    R(profile_on,            "steps are measured while nobody asks")                                        \
    R(cpu_not_host,          "code for another processor than this one")                                    \
    R(cache_off,             "compiled code is not kept")                                                   \
    R(cache_missed,          "compiled code was to be kept and was not found again")                        \
    R(process_mask,          "more threads than processors on which the process may run")                   \
    R(threads_over_processors, "more threads than processors")                                              \
    R(callers_pool,          "the program's own threads and Tenon's, more than processors (`--own-threads`)") \
    R(threads_over_cores,    "more threads than physical cores")                                            \
    R(container_limit,       "more threads than the container may use processors")                          \
    R(threads_do_not_pay,    "one thread is faster than several")                                           \
    R(threads_left,          "more threads would be faster")                                                \
    R(affinity,              "threads that are kept on fewer cores than there are (with libhwloc)")         \
    R(numa,                  "threads or memory on another memory node (with libhwloc)")                    \
    R(governor,              "the processors are not asked to run at full speed")                           \
    R(busy_machine,          "others use the processors")                                                   \
    R(idle_lanes,            "channel counts that do not fill the vector")                                  \
    R(layout_changes,        "changes of layout that did not cancel")                                       \
    R(slow_path,             "ops that have no kernel and are called from the reference")                   \
    R(unfused,               "elementwise work that is not part of another kernel")                         \
    R(small_steps,           "steps so small that starting them costs as much")                             \
    R(memory_bound,          "products that wait for their weights")                                        \
    R(not_folded,            "nodes of constants that were not computed beforehand")                        \
    R(dequantised,           "quantised values that are computed as f32")                                   \
    R(half_weights,          "half-precision weights that are computed as f32")                             \
    R(denormals,             "denormal numbers")                                                            \
    R(open_dims,             "dimensions that are only known at run time")                                  \
    R(late_steps,            "steps whose shapes depend on data")                                           \
    R(memory_plan,           "an arena larger than what lives at once")

/* The hints, those with the largest gain first, then in the order of the rules; free() them. */
doctor_hint *doctor_examine(const doctor_evidence *e, size_t *out_n);
/* Looks at a model on this machine; a few seconds. Freed with doctor_evidence_free in any case. */
tn_error *doctor_collect(tn_context *context, const char *path, const cli_target *target, const cli_inputs *inputs, double seconds,
                         doctor_evidence *out);
void doctor_evidence_free(doctor_evidence *e);
#endif
