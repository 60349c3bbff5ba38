/* Addresses, masks and scalar expressions of a kernel as LLVM IR. */
#include "codegen/emit_state.h"

/* For fetch_ahead: bytes from step to step that no prefetcher follows, and rows of a tile that hide what asking costs. For fetch_stream:
 * steps that take as long as memory does, the part of the first cache that rows leave to others, a cache line. */
enum { FAR_BYTES = 1024, FEW_ROWS = 4, STEPS_AHEAD = 64, ROWS_BYTES = 24 << 10, LINE_BYTES = 64 };

LLVMTypeRef tn__emit_scalar_type(emitter *e, tn_dtype d, bool memory) {
    switch (d) {
    case TN_DTYPE_f64: return LLVMDoubleTypeInContext(e->ir.context);
    case TN_DTYPE_i32: return LLVMInt32TypeInContext(e->ir.context);
    case TN_DTYPE_i64: return e->i64;
    case TN_DTYPE_bool: return memory ? e->i8 : e->i1;
    case TN_DTYPE_i8:
    case TN_DTYPE_u8: return e->i8; /* in memory only */
    case TN_DTYPE_i16:
    case TN_DTYPE_u16:
    case TN_DTYPE_f16:
    case TN_DTYPE_bf16: return LLVMInt16TypeInContext(e->ir.context);
    default: return LLVMFloatTypeInContext(e->ir.context);
    }
}

LLVMTypeRef tn__emit_lanes_of(emitter *e, LLVMTypeRef t) { return e->lane >= 0 ? LLVMVectorType(t, (unsigned)e->k->lanes) : t; }
LLVMValueRef tn__emit_c64(emitter *e, int64_t v) { return LLVMConstInt(e->i64, (uint64_t)v, true); }
bool tn__emit_is_vector(LLVMValueRef x) { return LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind; }

LLVMValueRef tn__emit_splat(emitter *e, LLVMValueRef x) {
    if (e->lane < 0 || tn__emit_is_vector(x)) return x;
    LLVMTypeRef vt = tn__emit_lanes_of(e, LLVMTypeOf(x));
    LLVMValueRef u = LLVMGetUndef(vt);
    LLVMValueRef one = LLVMBuildInsertElement(e->b, u, x, tn__emit_c64(e, 0), "");
    LLVMTypeRef mask = LLVMVectorType(LLVMInt32TypeInContext(e->ir.context), (unsigned)e->k->lanes);
    return LLVMBuildShuffleVector(e->b, one, u, LLVMConstNull(mask), "");
}

LLVMValueRef tn__ir_intrinsic(tn__ir *ir, const char *name, LLVMTypeRef overload, LLVMValueRef *args, uint32_t n) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(ir->module, id, &overload, 1);
    return LLVMBuildCall2(ir->b, LLVMIntrinsicGetType(ir->context, id, &overload, 1), f, args, n, "");
}

LLVMValueRef tn__ir_const_like(tn__ir *ir, LLVMValueRef x, double value) {
    LLVMTypeRef t = LLVMTypeOf(x), s = t;
    bool vector = LLVMGetTypeKind(t) == LLVMVectorTypeKind;
    if (vector) s = LLVMGetElementType(t);
    LLVMValueRef c = LLVMGetTypeKind(s) == LLVMIntegerTypeKind ? LLVMConstInt(s, (uint64_t)(int64_t)value, true) : LLVMConstReal(s, value);
    if (!vector) return c;
    LLVMValueRef lanes[64];
    unsigned n = LLVMGetVectorSize(t);
    for (unsigned i = 0; i < n; i++) lanes[i] = c;
    return LLVMConstVector(lanes, n);
}

/* The index of dim d as a value; lane dim: 0 here, added by the caller. */
LLVMValueRef tn__emit_index(emitter *e, int32_t d) {
    if (e->fixed[d] >= 0) return tn__emit_c64(e, e->fixed[d]);
    return e->index[d] ? e->index[d] : tn__emit_c64(e, 0);
}

/* map at (row i, vector j), lane 0. Outer dims are added first, so that partial sums can leave inner loops. */
LLVMValueRef tn__emit_offset(emitter *e, const tn__kmap *map, int32_t i, int32_t j) {
    const tn__kernel *k = e->k;
    LLVMValueRef sum = NULL;
    int64_t constant = map->offset;
    for (int32_t d = 0; d < k->n_dims; d++) {
        if (!map->stride[d] || d == e->lane) continue;
        if (e->fixed[d] >= 0) constant += e->fixed[d] * map->stride[d];
        else if (e->index[d]) {
            LLVMValueRef term = map->stride[d] == 1 ? e->index[d] : LLVMBuildMul(e->b, e->index[d], tn__emit_c64(e, map->stride[d]), "");
            sum = sum ? LLVMBuildAdd(e->b, sum, term, "") : term;
        }
    }
    if (k->m >= 0) constant += (int64_t)i * map->stride[k->m];
    if (k->j >= 0) constant += (int64_t)j * map->stride[k->j];
    if (!sum) return tn__emit_c64(e, constant);
    return constant ? LLVMBuildAdd(e->b, sum, tn__emit_c64(e, constant), "") : sum;
}

LLVMValueRef tn__emit_offset_value(emitter *e, LLVMValueRef x) { return LLVMBuildSExtOrBitCast(e->b, x, e->i64, ""); }

LLVMValueRef tn__emit_lane_numbers(emitter *e, int64_t stride) {
    LLVMValueRef lanes[64];
    for (int32_t l = 0; l < e->k->lanes; l++) lanes[l] = tn__emit_c64(e, l * stride);
    return LLVMConstVector(lanes, (unsigned)e->k->lanes);
}

/* Lanes that exist at vector j; NULL = all. Lanes along a reduction end at the same place in every vector. */
LLVMValueRef tn__emit_tail_mask(emitter *e, int32_t j) {
    if (!e->tail || e->lane < 0 || (j != e->vectors - 1 && !e->k->r_lanes)) return NULL;
    LLVMValueRef lanes[64];
    for (int32_t l = 0; l < e->k->lanes; l++) lanes[l] = LLVMConstInt(e->i1, l < e->tail, false);
    return LLVMConstVector(lanes, (unsigned)e->k->lanes);
}

/* A constant at the end of the offset goes into a step of its own: what is left of it is the same value for all rows and vectors of a
 * tile, one address that loop strength reduction has to care for instead of many. */
LLVMValueRef tn__emit_pointer(emitter *e, int32_t buffer, LLVMValueRef offset) {
    LLVMTypeRef t = tn__emit_scalar_type(e, e->k->buffer_dtype[buffer], true);
    LLVMValueRef base = e->bases[buffer];
    if (LLVMIsABinaryOperator(offset) && LLVMGetInstructionOpcode(offset) == LLVMAdd && LLVMIsAConstantInt(LLVMGetOperand(offset, 1))) {
        LLVMValueRef sum = LLVMGetOperand(offset, 0);
        base = LLVMBuildGEP2(e->b, t, base, &sum, 1, "");
        offset = LLVMGetOperand(offset, 1);
    }
    return LLVMBuildGEP2(e->b, t, base, &offset, 1, "");
}

static LLVMValueRef masked_load(emitter *e, LLVMTypeRef vt, LLVMValueRef p, LLVMValueRef mask, LLVMValueRef other) {
    LLVMTypeRef ov[2] = {vt, LLVMPointerTypeInContext(e->ir.context, 0)};
    unsigned id = LLVMLookupIntrinsicID("llvm.masked.load", 16);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->ir.module, id, ov, 2);
    LLVMValueRef args[4] = {p, LLVMConstInt(LLVMInt32TypeInContext(e->ir.context), 1, false), mask, other};
    return LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ir.context, id, ov, 2), f, args, 4, "");
}

static LLVMValueRef masked_gather(emitter *e, LLVMTypeRef vt, LLVMValueRef ps, LLVMValueRef mask, LLVMValueRef other) {
    LLVMTypeRef ov[2] = {vt, LLVMTypeOf(ps)};
    unsigned id = LLVMLookupIntrinsicID("llvm.masked.gather", 18);
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->ir.module, id, ov, 2);
    LLVMValueRef args[4] = {ps, LLVMConstInt(LLVMInt32TypeInContext(e->ir.context), 1, false), mask, other};
    return LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ir.context, id, ov, 2), f, args, 4, "");
}

LLVMValueRef tn__emit_all_lanes(emitter *e) {
    LLVMValueRef lanes[64];
    for (int32_t l = 0; l < e->k->lanes; l++) lanes[l] = LLVMConstInt(e->i1, 1, false);
    return LLVMConstVector(lanes, (unsigned)e->k->lanes);
}

/* One pointer a lane: offset + lane * step + by_lane (or NULL). Lane numbers stay 32 bits wide where they fit: gathers are twice as
 * wide then, and a GEP extends its index with the sign. */
static LLVMValueRef lane_pointers(emitter *e, int32_t buffer, LLVMTypeRef t, LLVMValueRef offset, int64_t step, LLVMValueRef by_lane) {
    LLVMValueRef p = tn__emit_pointer(e, buffer, offset);
    int64_t most = step < 0 ? -step : step;
    if (by_lane && step) {
        LLVMTypeRef wide = tn__emit_lanes_of(e, e->i64);
        by_lane = LLVMBuildAdd(e->b, LLVMBuildSExtOrBitCast(e->b, by_lane, wide, ""), tn__emit_lane_numbers(e, step), "");
    } else if (!by_lane) {
        by_lane = tn__emit_lane_numbers(e, step);
        if (most < INT32_MAX / 64) by_lane = LLVMBuildTrunc(e->b, by_lane, tn__emit_lanes_of(e, LLVMInt32TypeInContext(e->ir.context)), "");
    }
    return LLVMBuildGEP2(e->b, t, p, &by_lane, 1, "");
}

static LLVMValueRef from_memory(emitter *e, tn_dtype d, LLVMValueRef x) {
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->ir.context), wide = tn__emit_is_vector(x) ? tn__emit_lanes_of(e, i32) : i32;
    switch (d) {
    case TN_DTYPE_bool: return LLVMBuildICmp(e->b, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
    case TN_DTYPE_i8:
    case TN_DTYPE_i16: return LLVMBuildSExt(e->b, x, wide, "");
    case TN_DTYPE_u8:
    case TN_DTYPE_u16: return LLVMBuildZExt(e->b, x, wide, "");
    case TN_DTYPE_f16:
    case TN_DTYPE_bf16: return tn__ir_widen(&e->ir, d, e->half, x);
    default: return x;
    }
}

LLVMValueRef tn__emit_to_memory(emitter *e, tn_dtype d, LLVMValueRef x) {
    LLVMTypeRef t = tn__emit_scalar_type(e, d, true);
    if (tn__emit_is_vector(x)) t = tn__emit_lanes_of(e, t);
    if (d == TN_DTYPE_f16 || d == TN_DTYPE_bf16) return tn__ir_narrow(&e->ir, d, e->half, x);
    if (d == TN_DTYPE_bool) return LLVMBuildZExt(e->b, x, t, "");
    return tn_dtype_bits(d) < 32 ? LLVMBuildTrunc(e->b, x, t, "") : x;
}

/* What a load yields where a guard fails, in the form of the memory. */
static LLVMValueRef fill(emitter *e, tn_dtype d, LLVMTypeRef t, double value) {
    if (d == TN_DTYPE_f16) value = tn__f32_to_f16((float)value);
    if (d == TN_DTYPE_bf16) value = tn__f32_to_bf16((float)value);
    return tn__ir_const_like(&e->ir, LLVMGetUndef(t), value);
}

static void prefetch(emitter *e, int32_t buffer, LLVMValueRef offset, int64_t elements, unsigned locality) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->ir.context, 0), i32 = LLVMInt32TypeInContext(e->ir.context);
    unsigned id = LLVMLookupIntrinsicID("llvm.prefetch", 13);
    LLVMValueRef at = LLVMBuildAdd(e->b, offset, tn__emit_c64(e, elements), "");
    LLVMValueRef args[4] = {tn__emit_pointer(e, buffer, at), LLVMConstInt(i32, 0, false), LLVMConstInt(i32, locality, false),
                            LLVMConstInt(i32, 1, false)};
    LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ir.context, id, &pointer, 1),
                   LLVMGetIntrinsicDeclaration(e->ir.module, id, &pointer, 1), args, 4, "");
}

/* Rows of a reduction that lie a page or so apart are no stream that hardware follows: each step asks for the vector that the next tile
 * along j will read of its row. */
static void fetch_ahead(emitter *e, const tn__kexpr *x, LLVMValueRef offset) {
    const tn__kernel *k = e->k;
    int64_t element = tn_dtype_bits(k->buffer_dtype[x->buffer]) / 8, next = k->j >= 0 ? k->nv * x->map.stride[k->j] : 0;
    int32_t inner = k->n_dims - 1;
    while (inner >= k->n_spatial && k->extent[inner] == 1) inner--;
    if (next <= 0 || inner < k->n_spatial || k->r_lanes || x->map.stride[inner] * element < FAR_BYTES || e->rows < FEW_ROWS) return;
    prefetch(e, x->buffer, offset, next, 2);
}

/* Packed columns of a product whose rows, four or more, do not stay in the first cache: prefetchers are busy with the rows then, each a stream
 * that misses, and lose this one, which comes from farther away. */
static void fetch_stream(emitter *e, const tn__kexpr *x, LLVMValueRef offset, int32_t j) {
    const tn__kernel *k = e->k;
    int32_t r = k->n_spatial;
    if (k->n_dims != r + 1 || k->r_lanes || k->j < 0 || k->m < 0 || x->map.stride[k->m]) return;
    int64_t element = tn_dtype_bits(k->buffer_dtype[x->buffer]) / 8, step = x->map.stride[r], column = x->map.stride[k->j];
    if (e->rows < FEW_ROWS || step < k->lanes || step * element >= FAR_BYTES || e->rows * k->extent[r] * (int64_t)sizeof(float) < ROWS_BYTES) return;
    if (column < step && j * column * element % LINE_BYTES) return; /* the line of the vector before */
    prefetch(e, x->buffer, offset, STEPS_AHEAD * step, 3);
}

static LLVMValueRef emit_load(emitter *e, const tn__kexpr *x, int32_t i, int32_t j) {
    tn_dtype d = e->k->buffer_dtype[x->buffer];
    LLVMTypeRef st = tn__emit_scalar_type(e, d, true);
    LLVMValueRef scalar_guard = NULL, lane_guard = NULL;
    for (int32_t g = 0; g < x->n_guards; g++) {
        LLVMValueRef at = tn__emit_offset(e, &x->guard[g].map, i, j);
        bool per_lane = e->lane >= 0 && x->guard[g].map.stride[e->lane];
        if (per_lane) at = LLVMBuildAdd(e->b, tn__emit_splat(e, at), tn__emit_lane_numbers(e, x->guard[g].map.stride[e->lane]), "");
        LLVMValueRef bound = per_lane ? tn__ir_const_like(&e->ir, at, (double)x->guard[g].bound) : tn__emit_c64(e, x->guard[g].bound);
        LLVMValueRef ok = LLVMBuildICmp(e->b, LLVMIntULT, at, bound, ""); /* negative = huge unsigned */
        LLVMValueRef *slot = per_lane ? &lane_guard : &scalar_guard;
        *slot = *slot ? LLVMBuildAnd(e->b, *slot, ok, "") : ok;
    }
    LLVMValueRef offset = tn__emit_offset(e, &x->map, i, j), by_lane = NULL;
    int64_t step = e->lane >= 0 ? x->map.stride[e->lane] : 0;
    if (x->arg[0] >= 0) {
        LLVMValueRef index = tn__emit_expr(e, x->arg[0], i, j);
        if (tn__emit_is_vector(index)) by_lane = index;
        else offset = LLVMBuildAdd(e->b, offset, tn__emit_offset_value(e, index), "");
    }
    if (!step && !lane_guard && !by_lane) { /* one element for all lanes */
        if (scalar_guard) offset = LLVMBuildSelect(e->b, scalar_guard, offset, tn__emit_c64(e, 0), "");
        LLVMValueRef v = LLVMBuildLoad2(e->b, st, tn__emit_pointer(e, x->buffer, offset), "");
        if (scalar_guard) v = LLVMBuildSelect(e->b, scalar_guard, v, fill(e, d, st, x->value), "");
        return from_memory(e, d, v);
    }
    LLVMValueRef mask = tn__emit_tail_mask(e, j);
    if (lane_guard) mask = mask ? LLVMBuildAnd(e->b, mask, lane_guard, "") : lane_guard;
    if (scalar_guard) mask = mask ? LLVMBuildAnd(e->b, mask, tn__emit_splat(e, scalar_guard), "") : tn__emit_splat(e, scalar_guard);
    LLVMTypeRef vt = tn__emit_lanes_of(e, st);
    LLVMValueRef other = fill(e, d, vt, x->value);
    if (step == 1 && !by_lane) {
        LLVMValueRef p = tn__emit_pointer(e, x->buffer, offset);
        if (mask) return from_memory(e, d, masked_load(e, vt, p, mask, other));
        LLVMValueRef v = LLVMBuildLoad2(e->b, vt, p, "");
        LLVMSetAlignment(v, tn_dtype_bits(d) / 8);
        fetch_ahead(e, x, offset);
        fetch_stream(e, x, offset, j);
        return from_memory(e, d, v);
    }
    LLVMValueRef ps = lane_pointers(e, x->buffer, st, offset, step, by_lane);
    return from_memory(e, d, masked_gather(e, vt, ps, mask ? mask : tn__emit_all_lanes(e), other));
}

static LLVMValueRef emit_cast(emitter *e, tn_dtype to, tn_dtype from, LLVMValueRef x) {
    LLVMBuilderRef b = e->b;
    if (to == from) return x;
    LLVMTypeRef t = tn__emit_scalar_type(e, to, false);
    if (tn__emit_is_vector(x)) t = tn__emit_lanes_of(e, t);
    bool from_float = from == TN_DTYPE_f32 || from == TN_DTYPE_f64, to_float = to == TN_DTYPE_f32 || to == TN_DTYPE_f64;
    if (to == TN_DTYPE_bool)
        return from_float ? LLVMBuildFCmp(b, LLVMRealUNE, x, LLVMConstNull(LLVMTypeOf(x)), "")
                          : LLVMBuildICmp(b, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
    if (from == TN_DTYPE_bool) return to_float ? LLVMBuildUIToFP(b, x, t, "") : LLVMBuildZExt(b, x, t, "");
    if (from_float && to_float) return LLVMBuildFPCast(b, x, t, "");
    if (to_float) return LLVMBuildSIToFP(b, x, t, "");
    if (from_float) { /* saturating, NaN to 0, as the reference does */
        LLVMTypeRef ov[2] = {t, LLVMTypeOf(x)};
        unsigned id = LLVMLookupIntrinsicID("llvm.fptosi.sat", 15);
        LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->ir.module, id, ov, 2);
        return LLVMBuildCall2(b, LLVMIntrinsicGetType(e->ir.context, id, ov, 2), f, &x, 1, "");
    }
    return to == TN_DTYPE_i64 ? LLVMBuildSExt(b, x, t, "") : LLVMBuildTrunc(b, x, t, "");
}

static LLVMValueRef float_unary(emitter *e, const char *name, LLVMValueRef a) {
    return tn__ir_intrinsic(&e->ir, name, LLVMTypeOf(a), &a, 1);
}

/* One instruction: either operand where one is NaN. */
static LLVMValueRef quick_extreme(emitter *e, tn__kop op, LLVMValueRef a, LLVMValueRef c) {
    return LLVMBuildSelect(e->b, LLVMBuildFCmp(e->b, op == TN__KX_MAX ? LLVMRealOGT : LLVMRealOLT, a, c, ""), a, c, "");
}

LLVMValueRef tn__emit_binary(emitter *e, tn__kop op, bool f, LLVMValueRef a, LLVMValueRef c) {
    LLVMBuilderRef b = e->b;
    LLVMValueRef args[2] = {a, c};
    if (f && (op == TN__KX_MAX || op == TN__KX_MIN) && e->ir.fast_math & TN__FAST_finite) return quick_extreme(e, op, a, c);
    switch (op) {
    case TN__KX_ADD: return f ? LLVMBuildFAdd(b, a, c, "") : LLVMBuildAdd(b, a, c, "");
    case TN__KX_SUB: return f ? LLVMBuildFSub(b, a, c, "") : LLVMBuildSub(b, a, c, "");
    case TN__KX_MUL: return f ? LLVMBuildFMul(b, a, c, "") : LLVMBuildMul(b, a, c, "");
    case TN__KX_DIV: return LLVMBuildFDiv(b, a, c, ""); /* integers are refused by the lowering */
    case TN__KX_MAX: return tn__ir_intrinsic(&e->ir, f ? "llvm.maximum" : "llvm.smax", LLVMTypeOf(a), args, 2);
    case TN__KX_MIN: return tn__ir_intrinsic(&e->ir, f ? "llvm.minimum" : "llvm.smin", LLVMTypeOf(a), args, 2);
    case TN__KX_AND: return LLVMBuildAnd(b, a, c, "");
    case TN__KX_OR: return LLVMBuildOr(b, a, c, "");
    case TN__KX_XOR: return LLVMBuildXor(b, a, c, "");
    case TN__KX_EQ: return f ? LLVMBuildFCmp(b, LLVMRealOEQ, a, c, "") : LLVMBuildICmp(b, LLVMIntEQ, a, c, "");
    case TN__KX_LT: return f ? LLVMBuildFCmp(b, LLVMRealOLT, a, c, "") : LLVMBuildICmp(b, LLVMIntSLT, a, c, "");
    default: return f ? LLVMBuildFCmp(b, LLVMRealOLE, a, c, "") : LLVMBuildICmp(b, LLVMIntSLE, a, c, "");
    }
}

/* fast_math=contract: the operand of a sum or difference that is a product, -1 where there is none. By the expression alone: what LLVM would
 * contract depends on the tile and on how long it may take. */
static int contracted_operand(const emitter *e, const tn__kexpr *x) {
    if (!e->contract || (x->op != TN__KX_ADD && x->op != TN__KX_SUB) || (x->dtype != TN_DTYPE_f32 && x->dtype != TN_DTYPE_f64)) return -1;
    for (int n = 0; n < 2; n++)
        if (e->k->exprs[x->arg[n]].op == TN__KX_MUL) return n;
    return -1;
}

static LLVMValueRef emit_contracted(emitter *e, const tn__kexpr *x, int product, int32_t i, int32_t j) {
    const tn__kexpr *m = &e->k->exprs[x->arg[product]];
    LLVMValueRef args[3] = {tn__emit_expr(e, m->arg[0], i, j), tn__emit_expr(e, m->arg[1], i, j), tn__emit_expr(e, x->arg[!product], i, j)};
    bool any_vector = tn__emit_is_vector(args[0]) || tn__emit_is_vector(args[1]) || tn__emit_is_vector(args[2]);
    for (int n = 0; n < 3 && any_vector; n++) args[n] = tn__emit_splat(e, args[n]);
    int negative = x->op == TN__KX_ADD ? -1 : product ? 0 : 2; /* z - x y, x y - z */
    if (negative >= 0) args[negative] = LLVMBuildFNeg(e->b, args[negative], "");
    return tn__ir_intrinsic(&e->ir, "llvm.fma", LLVMTypeOf(args[0]), args, 3);
}

static LLVMValueRef emit_op(emitter *e, const tn__kexpr *x, int32_t i, int32_t j) {
    LLVMBuilderRef b = e->b;
    LLVMValueRef a[3] = {NULL, NULL, NULL};
    bool any_vector = false;
    int product = contracted_operand(e, x);
    if (product >= 0) return emit_contracted(e, x, product, i, j);
    for (int n = 0; n < 3; n++)
        if (x->arg[n] >= 0) a[n] = tn__emit_expr(e, x->arg[n], i, j), any_vector |= tn__emit_is_vector(a[n]);
    bool inverse = x->op == TN__KX_DIV && e->ir.fast_math & TN__FAST_reciprocal && tn__emit_is_vector(a[0]) && !tn__emit_is_vector(a[1]);
    if (inverse) a[1] = LLVMBuildFDiv(b, tn__ir_const_like(&e->ir, a[1], 1), a[1], "");
    for (int n = 0; n < 3 && any_vector; n++)
        if (a[n]) a[n] = tn__emit_splat(e, a[n]);
    tn_dtype from = e->k->exprs[x->arg[0]].dtype;
    bool f = from == TN_DTYPE_f32 || from == TN_DTYPE_f64;
    switch (x->op) {
    case TN__KX_NEG: return f ? LLVMBuildFNeg(b, a[0], "") : LLVMBuildNeg(b, a[0], "");
    case TN__KX_ABS: {
        if (f) return float_unary(e, "llvm.fabs", a[0]);
        LLVMValueRef negative = LLVMBuildICmp(b, LLVMIntSLT, a[0], LLVMConstNull(LLVMTypeOf(a[0])), "");
        return LLVMBuildSelect(b, negative, LLVMBuildNeg(b, a[0], ""), a[0], "");
    }
    case TN__KX_SQRT: return float_unary(e, "llvm.sqrt", a[0]);
    case TN__KX_FLOOR: return float_unary(e, "llvm.floor", a[0]);
    case TN__KX_CEIL: return float_unary(e, "llvm.ceil", a[0]);
    case TN__KX_ROUND: return float_unary(e, "llvm.roundeven", a[0]);
    case TN__KX_EXP: return tn__ir_exp(&e->ir, a[0]);
    case TN__KX_LOG: return tn__ir_log(&e->ir, a[0]);
    case TN__KX_TANH: return tn__ir_tanh(&e->ir, a[0]);
    case TN__KX_ERF: return tn__ir_erf(&e->ir, a[0]);
    case TN__KX_NOT: return LLVMBuildNot(b, a[0], "");
    case TN__KX_SELECT: return LLVMBuildSelect(b, a[0], a[1], a[2], "");
    case TN__KX_CAST: return emit_cast(e, x->dtype, from, a[0]);
    case TN__KX_TO_I32: return tn__ir_to_i32(&e->ir, a[0]);
    case TN__KX_DOT4: return tn__ir_dot4(&e->ir, e->dot4, LLVMConstNull(LLVMTypeOf(a[0])), a[0], a[1]);
    case TN__KX_TO_F16: return tn__ir_widen(&e->ir, TN_DTYPE_f16, e->half, tn__ir_narrow(&e->ir, TN_DTYPE_f16, e->half, a[0]));
    case TN__KX_TO_BF16: return tn__ir_widen(&e->ir, TN_DTYPE_bf16, e->half, tn__ir_narrow(&e->ir, TN_DTYPE_bf16, e->half, a[0]));
    case TN__KX_TO_TF32: return tn__ir_round_tf32(&e->ir, a[0]);
    default: return tn__emit_binary(e, inverse ? TN__KX_MUL : x->op, f, a[0], a[1]);
    }
}

LLVMValueRef tn__emit_expr(emitter *e, int32_t at, int32_t i, int32_t j) {
    const tn__kexpr *x = &e->k->exprs[at];
    int32_t ci = e->k->m >= 0 && e->deps[at] >> e->k->m & 1 ? i : 0, cj = e->k->j >= 0 && e->deps[at] >> e->k->j & 1 ? j : 0;
    if (e->tail && j == e->vectors - 1 && e->lane >= 0 && e->deps[at] >> e->lane & 1) cj = j;
    LLVMValueRef *slot = &e->cache[at][ci][cj];
    if (*slot) return *slot;
    switch (x->op) {
    case TN__KX_LOAD: *slot = emit_load(e, x, ci, cj); break;
    case TN__KX_CONST: *slot = tn__ir_const_like(&e->ir, LLVMGetUndef(tn__emit_scalar_type(e, x->dtype, false)), x->value); break;
    case TN__KX_RED: break; /* put there by finish_tile */
    default: *slot = emit_op(e, x, ci, cj);
    }
    return *slot;
}

void tn__emit_clear_cache(emitter *e) { memset(e->cache, 0, sizeof *e->cache * (size_t)e->k->n_exprs); }

void tn__emit_find_deps(emitter *e) {
    const tn__kernel *k = e->k;
    for (int32_t n = 0; n < k->n_exprs; n++) {
        const tn__kexpr *x = &k->exprs[n];
        uint32_t bits = 0;
        if (x->op == TN__KX_RED) bits = (1u << k->n_spatial) - 1;
        if (x->op == TN__KX_LOAD)
            for (int32_t d = 0; d < k->n_dims; d++) {
                if (x->map.stride[d]) bits |= 1u << d;
                for (int32_t g = 0; g < x->n_guards; g++)
                    if (x->guard[g].map.stride[d]) bits |= 1u << d;
            }
        for (int a = 0; a < 3; a++)
            if (x->arg[a] >= 0) bits |= e->deps[x->arg[a]];
        e->deps[n] = bits;
    }
}
