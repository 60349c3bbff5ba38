/* Code generation: kernels to machine code in memory, through LLVM. */
#ifndef TN_CODEGEN_CODEGEN_H
#define TN_CODEGEN_CODEGEN_H
#include "base/log.h"
#include "kernel/kernel.h"
#include "rt/pool.h"

/* ABI of a generated kernel: base addresses of the buffers, and the slice [begin, end) of the grid. */
typedef void (*tn__kernel_fn)(void *const *buffers, int64_t begin, int64_t end);

/* Rules of arithmetic that the code need not keep to: fast_math.def. */
typedef enum tn__fast_math_index {
#define TN_FAST_MATH(name, rule) TN__FAST_INDEX_##name,
#include "codegen/fast_math.def"
    TN__FAST_COUNT
} tn__fast_math_index;
enum {
#define TN_FAST_MATH(name, rule) TN__FAST_##name = 1 << TN__FAST_INDEX_##name,
#include "codegen/fast_math.def"
};

/* What the host (or the named CPU) offers, and what the code may do. */
typedef struct tn__target {
    char cpu[64];
    char features[4096];
    int32_t lanes;     /* 32-bit lanes of the widest vector */
    int32_t registers; /* vector registers */
    bool half;         /* converts between f16 and f32 */
    bool dot4;         /* x86 VNNI at this vector width */
    uint32_t fast_math; /* TN__FAST_* */
    const char *needs; /* features that the processor which runs the code must have: "+avx2 +fma"; static */
} tn__target;
/* `cpu`: NULL or "host", or a name of cpus.def; all else is INVALID_ARGUMENT. */
tn_error *tn__target_init(tn_context *c, const char *cpu, tn__target *out);
/* Fused multiply-add is an instruction. */
bool tn__target_has_fma(const tn__target *target);
/* Makes it the one target of portable code, which gives the same bits on every x86-64 processor with AVX2 and FMA; UNSUPPORTED where it is
 * none of those. */
tn_error *tn__target_make_portable(tn_context *c, tn__target *target);
/* `list`: names of fast_math.def with commas between them, or "all", or "none". */
tn_error *tn__target_set_fast_math(tn_context *c, const char *list, tn__target *target);
/* UNSUPPORTED where this processor lacks what the target needs: its code would end the process. */
tn_error *tn__target_check_host(tn_context *c, const tn__target *target);

/* The disk cache of compiled code. */
typedef struct tn__code_cache {
    const char *dir;    /* NULL: there is none */
    uint64_t max_bytes; /* of all entries; 0: no bound */
    tn__logger log;     /* of what code generation has to say, cache or not */
} tn__code_cache;

/* The version of what makes code of kernels: changes with its sources. Static. */
const char *tn__generator_version(void);

/* A set of compiled kernels; immutable, thread-safe. */
typedef struct tn__code tn__code;
/* Compiles on the threads of `pool` (NULL: the caller's alone); the code does not depend on it. With a cache the code is taken
 * from the disk cache where it is there and sound, and put there where it was not.
 * What is expected to end more than `budget_ms` (0: no bound) after the call is compiled quickly: the same bits from slower code, which is
 * not put into the cache. */
tn_error *tn__code_create(tn_context *c, const tn__target *target, tn__kernel *const *kernels, uint32_t n, const tn__code_cache *cache,
                          uint64_t budget_ms, tn__pool *pool, tn__code **out);
void tn__code_destroy(tn__code *code);
tn__kernel_fn tn__code_get(const tn__code *code, uint32_t index);
uint64_t tn__code_bytes(const tn__code *code);
bool tn__code_from_cache(const tn__code *code);
/* LLVM IR or assembly of one kernel; free with tn__strfree. */
tn_error *tn__code_text(tn_context *c, const tn__target *target, const tn__kernel *kernel, bool assembly, char **out_text);
#endif
