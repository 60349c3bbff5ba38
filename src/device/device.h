/* Devices: what compiles a graph whose shapes are all known, and runs the result. */
#ifndef TN_DEVICE_DEVICE_H
#define TN_DEVICE_DEVICE_H
#include "base/hook.h"
#include "base/log.h"
#include "base/os_topology.h"
#include "device/profile.h"
#include "kernel/layout.h"
#include "op/op.h"
#include "tenon/exec.h"

/* What a device does with tuned schedules: nothing; takes what there is; takes it, or fails; searches for what is missing, and keeps it. */
typedef enum tn__tuning_mode { TN__TUNING_IGNORE, TN__TUNING_USE, TN__TUNING_REQUIRE, TN__TUNING_RECORD } tn__tuning_mode;

/* Settings of one executable; filled by the session from its options. */
typedef struct tn__device_config {
    tn_context *context;
    int32_t threads;            /* >= 1 */
    const char *disabled_passes; /* comma-separated names, or NULL */
    const char *cache_dir;      /* directory of the compiled-code cache, or NULL for none */
    uint64_t cache_max_bytes;   /* of all that is in it; 0 = no bound */
    const char *cpu;            /* LLVM name of the target CPU, or NULL for the host's */
    bool portable;              /* the same bits on every processor that can run the code */
    const char *fast_math;      /* comma-separated classes of codegen/fast_math.def, or NULL */
    uint32_t spin_us;           /* as in tn__pool_config */
    tn__affinity affinity;
    tn__numa numa;              /* of arena, scratch and packed constants */
    tn__layout_preference layout;
    tn_dtype weights;           /* bf16, f16, i8: how constant f32 weights of products are kept; NONE: as they are */
    bool tf32;                  /* operands of products are rounded as TF32 does */
    double winograd_error;      /* convolutions may be off by this, see kernel/winograd.h; 0: none of them is done that way */
    bool flush_denormals;       /* kernels take denormal numbers for 0 */
    uint64_t memory_limit;      /* bytes of arena, scratch and constants of one specialisation; 0 = no bound */
    bool small_pages;           /* do not ask for large pages of the system for arena, scratch and constants */
    uint64_t compile_budget_ms; /* of code generation of one specialisation, as in tn__code_create */
    bool profile;               /* measure every step of some runs: as many as cost little */
    bool profile_every;         /* with profile: of every run */
    bool counters;              /* and with it, read counters before and after each part of a step */
    tn_hook hook;               /* all NULL: none */
    tn__logger log;
    tn__tuning_mode tuning;
    const char *tuning_file;    /* of tuned schedules; NULL: there is none */
    uint64_t tuning_budget_ms;  /* of a search */
    const char *dump_folder;    /* of graph_files.h, or NULL for none */
    bool dry;                   /* only to see whether it compiles: no code is generated, the artefact is never run */
} tn__device_config;

/* A compiled static graph. Each device embeds this as its first member. Immutable after compile. */
typedef struct tn__artefact {
    const struct tn__device_vtable *device;
} tn__artefact;

typedef struct tn__device_vtable {
    const char *name;
    /* Compiles `g`: every value's type is static (tn__type_is_static), no CONTROL op, no op with DATADEP set. `g` is borrowed for the
     * call; the device copies (or retains tensors of) what it needs. */
    tn_error *(*compile)(const tn__device_config *config, const tn_graph *g, tn__artefact **out_artefact);
    void (*destroy)(tn__artefact *artefact);
    /* Thread-safe. in[i] and out[i] are dense tensors of exactly the types of the graph's inputs and outputs; out[] is to be written. */
    tn_error *(*run)(const tn__artefact *artefact, tn_tensor *const *in, tn_tensor *const *out);
    void (*get_stats)(const tn__artefact *artefact, tn_executable_stats *stats); /* adds to *stats */
    /* Appends a row for every step, or with profile NULL sets all times to 0; NULL: the device has no profile. */
    tn_error *(*get_profile)(const tn__artefact *artefact, tn_profile *profile);
    /* run() may get the same tensor as in[input] and out[output], alone or together with other such pairs; if it fails then, the tensor is
     * what it was. NULL: never. Thread-safe. */
    bool (*can_alias)(const tn__artefact *artefact, uint32_t input, uint32_t output);
} tn__device_vtable;

extern const tn__device_vtable tn__device_ref, tn__device_cpu, tn__device_null;
/* All devices by number, then NULL. */
const tn__device_vtable *tn__device_get(uint32_t index);
/* The device of that name, or NULL. */
const tn__device_vtable *tn__device_find(const char *name);
/* Copies the elements of `src` into `dst`, which has the same dtype and shape; strings are duplicated. */
tn_error *tn__tensor_assign(tn_tensor *dst, const tn_tensor *src);
#endif
