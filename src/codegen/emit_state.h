/* The state of emitting one kernel, shared by emit.c (loops, tile) and emit_expr.c (addresses, masks, expressions). */
#ifndef TN_CODEGEN_EMIT_STATE_H
#define TN_CODEGEN_EMIT_STATE_H
#include "codegen/emit.h"

enum { MAX_MR = 32, MAX_NV = 8 };

typedef struct emitter {
    tn__ir ir;
    LLVMBuilderRef b;
    const tn__kernel *k;
    LLVMValueRef function, bases[TN__K_BUFFERS];
    LLVMTypeRef i1, i8, i64;
    bool half, dot4;                    /* what the target has: see tn__target */
    bool contract;                      /* fast_math=contract, and the target fuses */
    int32_t lane;                       /* lane dim, -1 scalar */
    LLVMValueRef index[TN__K_DIMS];     /* NULL: 0 (or the lane dim) */
    int64_t fixed[TN__K_DIMS];          /* the index where known at compile time, else -1 */
    int32_t rows, vectors;              /* of the tile being emitted (MR and NV, or fewer at an edge) */
    int32_t tail;                       /* valid lanes of the last vector; 0 all */
    bool in_domain[MAX_MR];             /* per row, for unrolled reduction steps */
    uint32_t deps[TN__K_EXPRS];         /* bit d: depends on dim d */
    LLVMValueRef (*cache)[MAX_MR][MAX_NV]; /* [n_exprs] */
    LLVMValueRef accumulators[MAX_MR][MAX_NV]; /* allocas */
    bool reduced;                       /* RED is available */
} emitter;

LLVMTypeRef tn__emit_scalar_type(emitter *e, tn_dtype d, bool memory);
LLVMTypeRef tn__emit_lanes_of(emitter *e, LLVMTypeRef t);
LLVMValueRef tn__emit_c64(emitter *e, int64_t v);
bool tn__emit_is_vector(LLVMValueRef x);
LLVMValueRef tn__emit_splat(emitter *e, LLVMValueRef x);
LLVMValueRef tn__emit_index(emitter *e, int32_t d);
LLVMValueRef tn__emit_offset(emitter *e, const tn__kmap *map, int32_t i, int32_t j);
LLVMValueRef tn__emit_offset_value(emitter *e, LLVMValueRef x); /* an integer scalar as i64 */
LLVMValueRef tn__emit_lane_numbers(emitter *e, int64_t stride);
LLVMValueRef tn__emit_tail_mask(emitter *e, int32_t j);
LLVMValueRef tn__emit_pointer(emitter *e, int32_t buffer, LLVMValueRef offset);
LLVMValueRef tn__emit_all_lanes(emitter *e);
/* A value of an expression as it lies in memory as d. */
LLVMValueRef tn__emit_to_memory(emitter *e, tn_dtype d, LLVMValueRef x);
LLVMValueRef tn__emit_binary(emitter *e, tn__kop op, bool f, LLVMValueRef a, LLVMValueRef c);
LLVMValueRef tn__emit_expr(emitter *e, int32_t at, int32_t i, int32_t j);
void tn__emit_clear_cache(emitter *e);
void tn__emit_find_deps(emitter *e);
#endif
