/* A program: what a static graph becomes on a device with kernels. Steps in order; each launches a kernel or calls the reference
 * evaluation of a node, on slots (buffers). */
#ifndef TN_KERNEL_PROGRAM_H
#define TN_KERNEL_PROGRAM_H
#include "kernel/kernel.h"
#include "kernel/layout.h"
#include "kernel/pack.h"

/* SCRATCH: lives within one step of a launch; each thread has its own. PART: a range of another slot. */
typedef enum tn__slot_kind {
    TN__SLOT_ARENA, TN__SLOT_INPUT, TN__SLOT_OUTPUT, TN__SLOT_CONSTANT, TN__SLOT_SCRATCH, TN__SLOT_PART
} tn__slot_kind;

typedef struct tn__slot {
    tn__slot_kind kind;
    bool has_parts;      /* some PART lies in it */
    uint32_t index;      /* INPUT, OUTPUT; PART: the slot that it is a part of, itself a PART until tn__kprogram_plan */
    uint32_t source;     /* while lowering: set of nodes without a launch whose result it is; whoever writes the slot takes it */
    uint32_t value;      /* the graph's value that it holds, the first one of those that share it; 0: none */
    int32_t block;       /* of that value: blocked by so many channels; 0: row-major */
    tn_tensor *constant; /* CONSTANT that is not packed: retained */
    void *data;          /* CONSTANT; of a packed one once the program is packed */
    size_t bytes;
    int32_t first, last; /* steps of definition and last use; ARENA */
    size_t offset;       /* ARENA, by tn__kprogram_plan; PART: in the other slot */
} tn__slot;

typedef enum tn__step_kind { TN__STEP_KERNEL, TN__STEP_CALL, TN__STEP_COPY, TN__STEP_LOOP, TN__STEP_CHECK } tn__step_kind;

/* Where a launch in a loop finds a buffer: in the slot, `offset` bytes on, `advance` bytes further with every trip. */
typedef struct tn__loop_buffer {
    uint32_t slot;
    int64_t offset, advance;
} tn__loop_buffer;

typedef struct tn__loop_launch {
    uint32_t kernel;          /* index into kernels; launches may share one */
    uint32_t n_buffers;
    tn__loop_buffer *buffers; /* arena: one per kernel buffer */
    int64_t grain;            /* grid steps worth a thread's while */
} tn__loop_launch;

/* `n_strands` sequences that do not depend on each other (the directions of a recurrence): each runs its `n_launches` launches in
 * order, `trips` times over. */
typedef struct tn__loop {
    int64_t trips;
    uint32_t n_strands, n_launches;
    tn__loop_launch *launches; /* arena: strand by strand */
    bool together;             /* the strands run at the same time, each on one thread; else the launches are cut */
} tn__loop;

/* Integers `first`, `first + every`, ... of a value (i32 or i64) lie in [low, high], or the run fails. */
typedef struct tn__range_check {
    uint32_t operand; /* of the step's node */
    const char *what; /* borrowed: the operand's name */
    int64_t low, high, first, every;
} tn__range_check;
/* The first one that does not, or -1. */
int64_t tn__range_check_first(const tn__range_check *c, tn_dtype dtype, const void *data, int64_t elements);

/* One kernel of a launch. */
typedef struct tn__stage {
    uint32_t kernel;  /* index into kernels */
    uint32_t node;    /* that names it in profiles; TN__NO_NODE: a change of layout */
    uint32_t n_slots;
    uint32_t *slots;  /* arena: one per kernel buffer */
    int64_t inner;    /* grid steps of the kernel for one step of the launch */
} tn__stage;

enum { TN__SCRATCH_AXES = 8 };
/* A slot of kind SCRATCH holds only what step o of the launch makes of a value: the kernels get its place less the offset that
 * step o begins at in the whole value, so that they need not know. o is a row-major index over extent[]. */
typedef struct tn__scratch {
    uint32_t slot;
    int32_t n_axes;
    int64_t extent[TN__SCRATCH_AXES], stride[TN__SCRATCH_AXES]; /* bytes */
    int64_t low;    /* bytes from the beginning of step 0 of the value to the beginning of the place */
    size_t offset;  /* of the place in a thread's scratch */
} tn__scratch;

/* A KERNEL step is a launch: for every o in [0, outer), in parallel, each stage runs its grid steps [o * inner, (o + 1) * inner). */
typedef struct tn__step {
    tn__step_kind kind;
    uint32_t source;     /* set in the graph's table: of all nodes that it computes */
    uint32_t node;       /* CALL, CHECK, LOOP: node of the program's graph */
    uint32_t n_slots;    /* not KERNEL */
    uint32_t *slots;     /* arena. CALL: inputs (UINT32_MAX absent), outputs; COPY: src, dst; CHECK: the value;
                          * LOOP: all that its launches touch, so that they live through the whole loop */
    uint32_t n_stages;   /* KERNEL */
    tn__stage *stages;   /* arena */
    int64_t outer, grain; /* KERNEL; grain: steps of the launch worth a thread's while */
    const tn__loop *loop;         /* LOOP: arena */
    const tn__range_check *check; /* CHECK: arena */
    uint32_t n_scratch;   /* KERNEL */
    tn__scratch *scratch; /* arena */
    size_t live_bytes;    /* of the arena, by tn__kprogram_plan */
} tn__step;

/* A run may get the same memory as input `in` and as output `out`: the kernel of `step` makes the output over the input, nobody reads the
 * input afterwards, and no later step can fail. */
typedef struct tn__alias {
    uint32_t in, out;
    int32_t step;
} tn__alias;

struct tn__site; /* tuning.h */
struct tn__tuning;

typedef struct tn__kprogram {
    tn_context *context;
    tn_graph *graph; /* owned: the lowered graph (names, attributes of calls) */
    tn__arena arena;
    TN__VEC(tn__slot) slots;
    TN__VEC(tn__step) steps;
    TN__VEC(tn__kernel *) kernels; /* each from the context's allocator */
    TN__VEC(tn__pack_job) packs; /* to be done by tn__kprogram_pack, empty afterwards */
    TN__VEC(tn__packed *) packed; /* a reference to each */
    TN__VEC(tn__alias) aliases; /* sorted by out, then in */
    TN__VEC(struct tn__site) sites; /* where the lowering asked for tuned schedules */
    size_t arena_bytes, arena_lower_bound, constant_bytes;
    size_t scratch_bytes; /* a thread */
    double flops;
    bool narrows; /* option precision asks for something */
} tn__kprogram;

typedef struct tn__lower_config {
    int32_t lanes, registers;
    bool layout, fuse, stages, in_place; /* passes of these names */
    tn__layout_preference prefers;       /* what pass `layout` does; nothing without it */
    tn_dtype weights;                    /* bf16, f16, i8: constant f32 right operands of products are packed so; NONE: as f32 */
    bool tf32;                           /* operands of products are rounded as TF32 does */
    double winograd_error;               /* convolutions may be off by this, see winograd.h; 0: none of them is done that way */
    const struct tn__tuning *tuning;     /* tuned schedules; NULL: by rule alone, and no sites are noted */
} tn__lower_config;

/* Takes `graph` over (also on failure). */
tn_error *tn__kprogram_create(tn_context *c, tn_graph *graph, const tn__lower_config *config, tn__kprogram **out);
void tn__kprogram_destroy(tn__kprogram *p);
/* The slot whose memory `slot` lies in. */
uint32_t tn__slot_root(const tn__kprogram *p, uint32_t slot);
/* The alias of that input and that output, or NULL. */
const tn__alias *tn__kprogram_alias(const tn__kprogram *p, uint32_t in, uint32_t out);
/* How the value of a slot lies: "row-major" or "blocked by 16"; in `buffer`. */
const char *tn__slot_layout(const tn__slot *s, char *buffer, size_t bytes);
/* Arena offsets from lifetimes; sets arena_bytes and arena_lower_bound. */
tn_error *tn__kprogram_plan(tn__kprogram *p);
/* What option precision made of the first product of a step. */
tn__narrowing tn__kprogram_narrowing(const tn__kprogram *p, const tn__step *s);
/* The program as text for people: launches with their loop nests, slots. Free with tn__strfree. */
tn_error *tn__kprogram_print(const tn__kprogram *p, char **out_text);
#endif
