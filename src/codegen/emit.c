/* Kernel to LLVM IR: loops, register tile, masks. Reduction accumulators live in allocas that mem2reg turns into phis. */
#include "codegen/emit_state.h"

#include <math.h>
#include <assert.h>
#include <stdio.h>

/* ---- loops --------------------------------------------------------------------------------------------------- */

typedef struct loop {
    LLVMBasicBlockRef head, body, exit;
    LLVMValueRef variable, counter;
} loop;

static LLVMBasicBlockRef block(emitter *e, const char *name) { return LLVMAppendBasicBlockInContext(e->ir.context, e->function, name); }

static loop loop_begin(emitter *e, LLVMValueRef from, LLVMValueRef to) {
    loop l = {block(e, "head"), block(e, "body"), block(e, "exit"), NULL, NULL};
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->b);
    LLVMValueRef some = LLVMBuildICmp(e->b, LLVMIntSLT, from, to, "");
    LLVMBuildCondBr(e->b, some, l.head, l.exit);
    LLVMPositionBuilderAtEnd(e->b, l.head);
    l.variable = LLVMBuildPhi(e->b, e->i64, "i");
    LLVMAddIncoming(l.variable, &from, &before, 1);
    LLVMBuildBr(e->b, l.body);
    LLVMPositionBuilderAtEnd(e->b, l.body);
    l.counter = to;
    return l;
}

static void loop_end(emitter *e, loop *l) {
    LLVMValueRef next = LLVMBuildNSWAdd(e->b, l->variable, tn__emit_c64(e, 1), "");
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
    LLVMAddIncoming(l->variable, &next, &here, 1);
    LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, next, l->counter, ""), l->head, l->exit);
    LLVMPositionBuilderAtEnd(e->b, l->exit);
}

/* ---- the tile ------------------------------------------------------------------------------------------------ */

static double identity_of(tn__kop op, tn_dtype d) {
    bool f = d == TN_DTYPE_f32 || d == TN_DTYPE_f64;
    switch (op) {
    case TN__KX_MUL: return 1;
    case TN__KX_MAX: return f ? -INFINITY : d == TN_DTYPE_i64 ? -0x1p63 : -0x1p31;
    case TN__KX_MIN: return f ? INFINITY : 0;
    default: return 0;
    }
}

static LLVMValueRef combine(emitter *e, tn__kop op, tn_dtype d, LLVMValueRef acc, LLVMValueRef x) {
    bool f = d == TN_DTYPE_f32 || d == TN_DTYPE_f64;
    if (f && (op == TN__KX_MAX || op == TN__KX_MIN) && !(e->ir.fast_math & TN__FAST_finite)) { /* keeps a NaN that is in acc; one compare */
        LLVMRealPredicate p = op == TN__KX_MAX ? LLVMRealUGT : LLVMRealULT;
        LLVMValueRef nan = LLVMBuildFCmp(e->b, LLVMRealUNO, x, x, "");
        LLVMValueRef keep = LLVMBuildFCmp(e->b, p, acc, x, "");
        return LLVMBuildSelect(e->b, LLVMBuildAnd(e->b, keep, LLVMBuildNot(e->b, nan, ""), ""), acc, x, "");
    }
    return tn__emit_binary(e, op, f, acc, x);
}

/* One reduction step of the whole tile. */
static void emit_step(emitter *e) {
    const tn__kernel *k = e->k;
    const tn__kexpr *body = &k->exprs[k->body];
    bool fused = k->reduce == TN__KX_ADD && body->op == TN__KX_MUL && (body->dtype == TN_DTYPE_f32 || body->dtype == TN_DTYPE_f64);
    tn__emit_clear_cache(e);
    for (int32_t i = 0; i < e->rows; i++) {
        if (!e->in_domain[i]) continue;
        for (int32_t j = 0; j < e->vectors; j++) {
            LLVMValueRef slot = e->accumulators[i][j];
            LLVMTypeRef t = LLVMGetAllocatedType(slot);
            LLVMValueRef acc = LLVMBuildLoad2(e->b, t, slot, ""), next;
            if (fused) {
                LLVMValueRef args[3] = {tn__emit_splat(e, tn__emit_expr(e, body->arg[0], i, j)), tn__emit_splat(e, tn__emit_expr(e, body->arg[1], i, j)), acc};
                next = tn__ir_intrinsic(&e->ir, "llvm.fma", t, args, 3);
            } else if (k->reduce == TN__KX_ADD && body->op == TN__KX_DOT4) {
                LLVMValueRef a = tn__emit_splat(e, tn__emit_expr(e, body->arg[0], i, j)), b = tn__emit_splat(e, tn__emit_expr(e, body->arg[1], i, j));
                next = tn__ir_dot4(&e->ir, e->dot4, acc, a, b);
            } else next = combine(e, k->reduce, body->dtype, acc, tn__emit_splat(e, tn__emit_expr(e, k->body, i, j)));
            LLVMValueRef mask = k->r_lanes ? tn__emit_tail_mask(e, j) : NULL;
            if (mask) next = LLVMBuildSelect(e->b, mask, next, acc, "");
            if (k->when >= 0) next = LLVMBuildSelect(e->b, tn__emit_splat(e, tn__emit_expr(e, k->when, i, j)), next, acc, "");
            LLVMBuildStore(e->b, next, slot);
        }
    }
}

static LLVMValueRef bound_of(emitter *e, const tn__kdomain *dom, bool low) {
    LLVMValueRef s = LLVMBuildAdd(e->b, LLVMBuildMul(e->b, tn__emit_index(e, dom->s), tn__emit_c64(e, dom->mul_s), ""), tn__emit_c64(e, dom->add), "");
    LLVMValueRef n = low ? LLVMBuildNeg(e->b, s, "") : LLVMBuildSub(e->b, tn__emit_c64(e, dom->bound), s, "");
    LLVMValueRef positive[2] = {n, tn__emit_c64(e, 0)};
    n = tn__ir_intrinsic(&e->ir, "llvm.smax", e->i64, positive, 2);
    return dom->mul_r == 1 ? n : LLVMBuildUDiv(e->b, LLVMBuildAdd(e->b, n, tn__emit_c64(e, dom->mul_r - 1), ""), tn__emit_c64(e, dom->mul_r), "");
}

/* Which rows of the tile take part in the unrolled step; rows in the middle of dim m always do (emit_tiles saw to it). */
static void set_rows_in_domain(emitter *e) {
    const tn__kernel *k = e->k;
    for (int32_t i = 0; i < e->rows; i++) {
        e->in_domain[i] = true;
        for (int32_t n = 0; n < k->n_domain; n++) {
            const tn__kdomain *dom = &k->domain[n];
            if (dom->s != k->m || e->fixed[k->m] < 0 || e->fixed[dom->r] < 0) continue;
            int64_t at = dom->mul_s * (e->fixed[k->m] + i) + dom->mul_r * e->fixed[dom->r] + dom->add;
            if (at < 0 || at >= dom->bound) e->in_domain[i] = false;
        }
    }
}

/* Steps that a turn of the loop over d takes: more than one only in the innermost loop, and where its bounds are numbers. */
static int64_t steps_of(const tn__kernel *k, int32_t d) {
    if (k->steps <= 1 || k->r_lanes || d == k->limited || k->extent[d] < k->steps) return 1;
    for (int32_t i = d + 1; i < k->n_dims; i++)
        if (!(k->unroll >> i & 1) && k->extent[i] > 1) return 1;
    for (int32_t n = 0; n < k->n_domain; n++)
        if (k->domain[n].r == d) return 1;
    return k->steps;
}

static void emit_reduction(emitter *e, int32_t d);

static void emit_steps(emitter *e, int32_t d, int64_t steps) {
    int64_t extent = e->k->extent[d], turns = extent / steps;
    loop l = loop_begin(e, tn__emit_c64(e, 0), tn__emit_c64(e, turns));
    LLVMValueRef first = LLVMBuildMul(e->b, l.variable, tn__emit_c64(e, steps), "");
    for (int64_t s = 0; s < steps; s++) {
        e->index[d] = LLVMBuildAdd(e->b, first, tn__emit_c64(e, s), "");
        emit_reduction(e, d + 1);
    }
    loop_end(e, &l);
    e->index[d] = NULL;
    for (e->fixed[d] = turns * steps; e->fixed[d] < extent; e->fixed[d]++) emit_reduction(e, d + 1);
    e->fixed[d] = -1;
}

static void emit_reduction(emitter *e, int32_t d) {
    const tn__kernel *k = e->k;
    if (d == k->n_dims || (k->r_lanes && d == k->n_dims - 1)) {
        set_rows_in_domain(e);
        emit_step(e);
        return;
    }
    if (k->unroll >> d & 1) {
        for (int64_t r = 0; r < k->extent[d]; r++) {
            e->fixed[d] = r;
            emit_reduction(e, d + 1);
        }
        e->fixed[d] = -1;
        return;
    }
    if (steps_of(k, d) > 1) {
        emit_steps(e, d, steps_of(k, d));
        return;
    }
    LLVMValueRef from = tn__emit_c64(e, 0), to = tn__emit_c64(e, k->extent[d]);
    for (int32_t n = 0; n < k->n_domain; n++)
        if (k->domain[n].r == d) {
            LLVMValueRef low[2] = {from, bound_of(e, &k->domain[n], true)}, high[2] = {to, bound_of(e, &k->domain[n], false)};
            from = tn__ir_intrinsic(&e->ir, "llvm.smax", e->i64, low, 2);
            to = tn__ir_intrinsic(&e->ir, "llvm.smin", e->i64, high, 2);
        }
    if (d == k->limited) {
        tn__emit_clear_cache(e);
        LLVMValueRef high[2] = {to, tn__emit_offset_value(e, tn__emit_expr(e, k->limit, 0, 0))};
        to = tn__ir_intrinsic(&e->ir, "llvm.smin", e->i64, high, 2);
    }
    bool peel = k->r_lanes && d == k->n_dims - 2 && k->v_tail; /* the last step has only v_tail lanes */
    if (peel) to = tn__emit_c64(e, k->extent[d] - 1);
    loop l = loop_begin(e, from, to);
    e->index[d] = l.variable;
    emit_reduction(e, d + 1);
    loop_end(e, &l);
    e->index[d] = NULL;
    if (peel) {
        e->fixed[d] = k->extent[d] - 1;
        e->tail = k->v_tail;
        emit_reduction(e, d + 1);
        e->tail = 0;
        e->fixed[d] = -1;
    }
}

static LLVMValueRef horizontal(emitter *e, LLVMValueRef x, tn__kop op, tn_dtype d) {
    /* a fixed tree: halves are combined until one lane is left */
    for (int32_t n = e->k->lanes / 2; n >= 1; n /= 2) {
        LLVMValueRef mask[64];
        LLVMTypeRef i32 = LLVMInt32TypeInContext(e->ir.context);
        for (int32_t l = 0; l < e->k->lanes; l++) mask[l] = LLVMConstInt(i32, (unsigned)(l < n ? l + n : l), false);
        LLVMValueRef other = LLVMBuildShuffleVector(e->b, x, LLVMGetUndef(LLVMTypeOf(x)), LLVMConstVector(mask, (unsigned)e->k->lanes), "");
        x = combine(e, op, d, x, other);
    }
    return LLVMBuildExtractElement(e->b, x, tn__emit_c64(e, 0), "");
}

/* All lanes or none: does the tile's element (i, j) of the first result exist? NULL: always. */
static LLVMValueRef emit_out_guard(emitter *e, int32_t i, int32_t j) {
    LLVMValueRef all = NULL;
    for (int32_t g = 0; g < e->k->n_out_guards; g++) {
        const tn__kguard *x = &e->k->out_guard[g];
        LLVMValueRef in = LLVMBuildICmp(e->b, LLVMIntULT, tn__emit_offset(e, &x->map, i, j), tn__emit_c64(e, x->bound), "");
        all = all ? LLVMBuildAnd(e->b, all, in, "") : in;
    }
    return all ? tn__emit_splat(e, all) : NULL;
}

/* guard: lanes that are stored; NULL: all. */
static void emit_store(emitter *e, LLVMValueRef value, int32_t buffer, const tn__kmap *map, LLVMValueRef guard, int32_t i, int32_t j) {
    tn_dtype d = e->k->buffer_dtype[buffer];
    LLVMValueRef offset = tn__emit_offset(e, map, i, j);
    if (e->lane >= 0) value = tn__emit_splat(e, value);
    value = tn__emit_to_memory(e, d, value);
    if (e->lane < 0) {
        LLVMBuildStore(e->b, value, tn__emit_pointer(e, buffer, offset));
        return;
    }
    int64_t step = map->stride[e->lane];
    LLVMValueRef mask = tn__emit_tail_mask(e, j);
    if (guard) mask = mask ? LLVMBuildAnd(e->b, mask, guard, "") : guard;
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->ir.context);
    if (step == 1 && !mask) {
        LLVMValueRef s = LLVMBuildStore(e->b, value, tn__emit_pointer(e, buffer, offset));
        LLVMSetAlignment(s, tn_dtype_bits(d) / 8);
        return;
    }
    LLVMValueRef where;
    if (step == 1) where = tn__emit_pointer(e, buffer, offset);
    else {
        LLVMValueRef offsets = LLVMBuildAdd(e->b, tn__emit_splat(e, offset), tn__emit_lane_numbers(e, step), "");
        where = LLVMBuildGEP2(e->b, tn__emit_scalar_type(e, d, true), e->bases[buffer], &offsets, 1, "");
    }
    const char *name = step == 1 ? "llvm.masked.store" : "llvm.masked.scatter";
    LLVMTypeRef ov[2] = {LLVMTypeOf(value), LLVMTypeOf(where)};
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(e->ir.module, id, ov, 2);
    LLVMValueRef args[4] = {value, where, LLVMConstInt(i32, 1, false), mask ? mask : tn__emit_all_lanes(e)};
    LLVMBuildCall2(e->b, LLVMIntrinsicGetType(e->ir.context, id, ov, 2), f, args, 4, "");
}

/* Rows lie side by side in the result and lanes do not: the tile is turned in registers and stored row-wise. */
static bool stores_turned(const emitter *e) {
    const tn__kernel *k = e->k;
    return !k->n_stores && !k->n_out_guards && k->n_dims == k->n_spatial && e->lane >= 0 && k->m >= 0 && k->j < 0 && !e->tail && e->rows == k->lanes &&
           k->out_map.stride[k->m] == 1 && k->out_map.stride[e->lane] != 1 && k->buffer_dtype[k->out_buffer] != TN_DTYPE_bool;
}

/* Square transposition by log2(lanes) rounds of exchanging halves of ever smaller blocks. */
static void emit_turned(emitter *e) {
    const tn__kernel *k = e->k;
    LLVMValueRef v[MAX_MR], mask[2][MAX_MR];
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->ir.context);
    int32_t w = k->lanes;
    for (int32_t i = 0; i < w; i++) v[i] = tn__emit_splat(e, tn__emit_expr(e, k->epilogue, i, 0));
    for (int32_t step = w / 2; step >= 1; step /= 2) {
        for (int32_t l = 0; l < w; l++) {
            bool low = !(l & step);
            mask[0][l] = LLVMConstInt(i32, (unsigned)(low ? l : w + l - step), false);
            mask[1][l] = LLVMConstInt(i32, (unsigned)(low ? l + step : w + l), false);
        }
        for (int32_t i = 0; i < w; i++) {
            if (i & step) continue;
            LLVMValueRef a = v[i], b = v[i + step];
            v[i] = LLVMBuildShuffleVector(e->b, a, b, LLVMConstVector(mask[0], (unsigned)w), "");
            v[i + step] = LLVMBuildShuffleVector(e->b, a, b, LLVMConstVector(mask[1], (unsigned)w), "");
        }
    }
    tn_dtype d = k->buffer_dtype[k->out_buffer];
    LLVMValueRef first = tn__emit_offset(e, &k->out_map, 0, 0);
    for (int32_t l = 0; l < w; l++) {
        LLVMValueRef at = LLVMBuildAdd(e->b, first, tn__emit_c64(e, l * k->out_map.stride[e->lane]), "");
        LLVMSetAlignment(LLVMBuildStore(e->b, tn__emit_to_memory(e, d, v[l]), tn__emit_pointer(e, k->out_buffer, at)), tn_dtype_bits(d) / 8);
    }
}

/* The few rows of the tile alternate in the result: element l * rows + i is lane l of row i. */
static bool stores_woven(const emitter *e) {
    const tn__kernel *k = e->k;
    return !k->n_stores && !k->n_out_guards && k->n_dims == k->n_spatial && e->lane >= 0 && k->m >= 0 && k->j < 0 && !e->tail && e->rows == k->extent[k->m] &&
           e->rows > 1 && e->rows <= TN__K_WOVEN && !(e->rows & (e->rows - 1)) && k->out_map.stride[k->m] == 1 &&
           k->out_map.stride[e->lane] == e->rows && k->buffer_dtype[k->out_buffer] != TN_DTYPE_bool;
}

/* Pairs are woven into vectors twice as long until one is left. */
static void emit_woven(emitter *e) {
    const tn__kernel *k = e->k;
    LLVMValueRef v[TN__K_WOVEN], mask[MAX_MR * TN__K_WOVEN];
    LLVMTypeRef i32 = LLVMInt32TypeInContext(e->ir.context);
    tn_dtype d = k->buffer_dtype[k->out_buffer];
    int32_t n = k->lanes;
    for (int32_t i = 0; i < e->rows; i++) v[i] = tn__emit_to_memory(e, d, tn__emit_splat(e, tn__emit_expr(e, k->epilogue, i, 0)));
    for (int32_t half = e->rows / 2; half >= 1; half /= 2, n *= 2) {
        for (int32_t l = 0; l < n; l++) {
            mask[2 * l] = LLVMConstInt(i32, (unsigned)l, false);
            mask[2 * l + 1] = LLVMConstInt(i32, (unsigned)(n + l), false);
        }
        for (int32_t i = 0; i < half; i++)
            v[i] = LLVMBuildShuffleVector(e->b, v[i], v[i + half], LLVMConstVector(mask, 2 * (unsigned)n), "");
    }
    LLVMValueRef at = tn__emit_pointer(e, k->out_buffer, tn__emit_offset(e, &k->out_map, 0, 0));
    LLVMSetAlignment(LLVMBuildStore(e->b, v[0], at), tn_dtype_bits(d) / 8);
}

static void emit_tile(emitter *e) {
    const tn__kernel *k = e->k;
    if (stores_woven(e)) {
        tn__emit_clear_cache(e);
        emit_woven(e);
        return;
    }
    if (stores_turned(e)) {
        tn__emit_clear_cache(e);
        emit_turned(e);
        return;
    }
    bool reduces = k->n_dims > k->n_spatial;
    tn_dtype d = reduces ? k->exprs[k->body].dtype : TN_DTYPE_NONE;
    if (reduces) {
        for (int32_t i = 0; i < e->rows; i++)
            for (int32_t j = 0; j < e->vectors; j++) {
                LLVMValueRef slot = e->accumulators[i][j];
                LLVMValueRef like = LLVMGetUndef(LLVMGetAllocatedType(slot));
                LLVMValueRef start = tn__ir_const_like(&e->ir, like, identity_of(k->reduce, d));
                if (k->reduce == TN__KX_MIN && (d == TN_DTYPE_i32 || d == TN_DTYPE_i64)) /* the largest integer is no double */
                    start = LLVMBuildLShr(e->b, tn__ir_const_like(&e->ir, like, -1), tn__ir_const_like(&e->ir, like, 1), "");
                LLVMBuildStore(e->b, start, slot);
            }
        emit_reduction(e, k->n_spatial);
    }
    tn__emit_clear_cache(e);
    int32_t lane = e->lane, red = -1;
    for (int32_t n = 0; n < k->n_exprs; n++)
        if (k->exprs[n].op == TN__KX_RED) red = n;
    for (int32_t i = 0; reduces && i < e->rows; i++)
        for (int32_t j = 0; j < e->vectors; j++) {
            LLVMValueRef slot = e->accumulators[i][j];
            LLVMValueRef x = LLVMBuildLoad2(e->b, LLVMGetAllocatedType(slot), slot, "");
            if (k->r_lanes) x = horizontal(e, x, k->reduce, d);
            e->cache[red][i][j] = x;
        }
    if (k->r_lanes) e->lane = -1;
    for (int32_t i = 0; i < e->rows; i++)
        for (int32_t j = 0; j < e->vectors; j++) {
            LLVMValueRef more[TN__K_STORES], first = tn__emit_expr(e, k->epilogue, i, j);
            for (int32_t n = 0; n < k->n_stores; n++) more[n] = tn__emit_expr(e, k->stores[n].expr, i, j);
            emit_store(e, first, k->out_buffer, &k->out_map, emit_out_guard(e, i, j), i, j);
            for (int32_t n = 0; n < k->n_stores; n++) emit_store(e, more[n], k->stores[n].buffer, &k->stores[n].map, NULL, i, j);
        }
    e->lane = lane;
}

/* Tile t of dim m lies wholly inside every domain that binds m. */
static bool tile_is_inside(const tn__kernel *k, int64_t t) {
    int64_t rows = k->extent[k->m] - t * k->mr < k->mr ? k->extent[k->m] - t * k->mr : k->mr;
    for (int32_t n = 0; n < k->n_domain; n++) {
        const tn__kdomain *d = &k->domain[n];
        if (d->s != k->m) continue;
        int64_t first = d->mul_s * (t * k->mr) + d->add, last = d->mul_s * (t * k->mr + rows - 1) + d->add + d->mul_r * (k->extent[d->r] - 1);
        if (first < 0 || last >= d->bound) return false;
    }
    return true;
}

static void emit_fixed_tile(emitter *e, int64_t t) {
    const tn__kernel *k = e->k;
    e->fixed[k->m] = t * k->mr;
    e->rows = (int32_t)(k->extent[k->m] - t * k->mr < k->mr ? k->extent[k->m] - t * k->mr : k->mr);
    emit_tile(e);
    e->fixed[k->m] = -1;
}

/* The tiles of dim m in chunk `chunk` (a value): edge tiles with their index known, the middle in a loop. */
static void emit_tiles(emitter *e, LLVMValueRef chunk) {
    const tn__kernel *k = e->k;
    if (k->m < 0) {
        e->rows = 1;
        emit_tile(e);
        return;
    }
    int64_t tiles = tn__ceil_div(k->extent[k->m], k->mr), head = 0, end = tiles;
    bool partial = k->extent[k->m] % k->mr != 0;
    bool one_chunk = k->m_chunk >= tiles;
    if (one_chunk) {
        while (head < tiles && !tile_is_inside(k, head)) head++;
        while (end > head && (!tile_is_inside(k, end - 1) || (end == tiles && partial))) end--;
        if (tiles == 1) head = end = 0;
        for (int64_t t = 0; t < head; t++) emit_fixed_tile(e, t);
    } else if (partial) end--;
    LLVMValueRef from = tn__emit_c64(e, head), to = tn__emit_c64(e, end);
    if (!one_chunk) {
        from = LLVMBuildMul(e->b, chunk, tn__emit_c64(e, k->m_chunk), "");
        LLVMValueRef last[2] = {LLVMBuildAdd(e->b, from, tn__emit_c64(e, k->m_chunk), ""), to};
        to = tn__ir_intrinsic(&e->ir, "llvm.smin", e->i64, last, 2);
    }
    if (end > head) {
        loop l = loop_begin(e, from, to);
        e->index[k->m] = LLVMBuildMul(e->b, l.variable, tn__emit_c64(e, k->mr), "");
        e->rows = k->mr;
        emit_tile(e);
        e->index[k->m] = NULL;
        loop_end(e, &l);
    }
    if (one_chunk) {
        for (int64_t t = end; t < tiles; t++) emit_fixed_tile(e, t);
    } else if (partial) {
        int64_t last_chunk = (tiles - 1) / k->m_chunk;
        LLVMBasicBlockRef yes = block(e, "partial"), after = block(e, "after");
        LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntEQ, chunk, tn__emit_c64(e, last_chunk), ""), yes, after);
        LLVMPositionBuilderAtEnd(e->b, yes);
        emit_fixed_tile(e, tiles - 1);
        LLVMBuildBr(e->b, after);
        LLVMPositionBuilderAtEnd(e->b, after);
    }
}

static void emit_grid_step(emitter *e, LLVMValueRef step) {
    const tn__kernel *k = e->k;
    LLVMValueRef chunk = tn__emit_c64(e, 0), jt = tn__emit_c64(e, 0);
    int64_t j_tiles = 1;
    for (int32_t d = k->n_spatial - 1; d >= 0; d--) { /* innermost grid dim varies fastest */
        int64_t n = k->extent[d];
        if (d == k->v) continue;
        if (d == k->j) n = j_tiles = tn__ceil_div(n, k->nv);
        if (d == k->m) n = tn__ceil_div(tn__ceil_div(n, k->mr), k->m_chunk);
        LLVMValueRef at = n == 1 ? tn__emit_c64(e, 0) : LLVMBuildURem(e->b, step, tn__emit_c64(e, n), "");
        if (n > 1) step = LLVMBuildUDiv(e->b, step, tn__emit_c64(e, n), "");
        if (d == k->m) chunk = at;
        else if (d == k->j) jt = at, e->index[d] = LLVMBuildMul(e->b, at, tn__emit_c64(e, k->nv), "");
        else if (n == 1) e->fixed[d] = 0;
        else e->index[d] = at;
    }
    e->vectors = k->j >= 0 ? k->nv : 1;
    if (k->j < 0) {
        if (k->v >= 0) e->tail = k->v_tail;
        emit_tiles(e, chunk);
        return;
    }
    int32_t last = (int32_t)(k->extent[k->j] - (j_tiles - 1) * k->nv);
    int32_t tail = k->v >= 0 ? k->v_tail : 0;
    if (last == k->nv && !tail) {
        emit_tiles(e, chunk);
        return;
    }
    LLVMBasicBlockRef edge = block(e, "j_edge"), full = block(e, "j_full"), after = block(e, "j_after");
    LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntEQ, jt, tn__emit_c64(e, j_tiles - 1), ""), edge, full);
    LLVMPositionBuilderAtEnd(e->b, full);
    if (j_tiles > 1) emit_tiles(e, chunk);
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, edge);
    e->vectors = last;
    e->tail = tail;
    emit_tiles(e, chunk);
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, after);
}

static void add_attribute(emitter *e, const char *key, const char *value) {
    LLVMAttributeRef a = LLVMCreateStringAttribute(e->ir.context, key, (unsigned)strlen(key), value, (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(e->function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}

tn_error *tn__emit_kernel(const tn_allocator *a, LLVMModuleRef module, const tn__target *target, const tn__kernel *k, const char *name) {
    LLVMContextRef context = LLVMGetModuleContext(module);
    static_assert(MAX_MR * MAX_NV >= 32, "tile");
    size_t cache_bytes = (size_t)k->n_exprs * sizeof(*((emitter *)0)->cache);
    emitter *e = tn__alloc_zero(a, sizeof *e);
    if (!e || !(e->cache = tn__alloc_zero(a, cache_bytes))) {
        tn__free(a, e, sizeof *e);
        return tn__error_oom();
    }
    e->k = k;
    e->half = target->half;
    e->dot4 = target->dot4;
    e->contract = target->fast_math & TN__FAST_contract && tn__target_has_fma(target);
    e->b = LLVMCreateBuilderInContext(context);
    e->ir = (tn__ir){context, module, e->b, target->fast_math};
    e->i1 = LLVMInt1TypeInContext(context);
    e->i8 = LLVMInt8TypeInContext(context);
    e->i64 = LLVMInt64TypeInContext(context);
    e->lane = k->v >= 0 ? k->v : k->r_lanes ? k->n_dims - 1 : -1;
    for (int32_t d = 0; d < TN__K_DIMS; d++) e->fixed[d] = -1;
    for (int32_t i = 0; i < MAX_MR; i++) e->in_domain[i] = true;
    tn__emit_find_deps(e);

    LLVMTypeRef pointer = LLVMPointerTypeInContext(context, 0), params[3] = {pointer, e->i64, e->i64};
    e->function = LLVMAddFunction(module, name, LLVMFunctionType(LLVMVoidTypeInContext(context), params, 3, false));
    add_attribute(e, "target-cpu", target->cpu);
    add_attribute(e, "target-features", target->features);
    char width[16];
    snprintf(width, sizeof width, "%d", target->lanes * 32);
    add_attribute(e, "prefer-vector-width", width);
    add_attribute(e, "min-legal-vector-width", width);
    add_attribute(e, "no-builtins", "true");

    LLVMPositionBuilderAtEnd(e->b, block(e, "entry"));
    for (int32_t n = 0; n < k->n_buffers; n++) {
        LLVMValueRef at = tn__emit_c64(e, n);
        e->bases[n] = LLVMBuildLoad2(e->b, pointer, LLVMBuildGEP2(e->b, pointer, LLVMGetParam(e->function, 0), &at, 1, ""), "");
    }
    if (k->n_dims > k->n_spatial)
        for (int32_t i = 0; i < (k->m >= 0 ? k->mr : 1); i++)
            for (int32_t j = 0; j < (k->j >= 0 ? k->nv : 1); j++)
                e->accumulators[i][j] = LLVMBuildAlloca(e->b, tn__emit_lanes_of(e, tn__emit_scalar_type(e, k->exprs[k->body].dtype, false)), "acc");
    loop l = loop_begin(e, LLVMGetParam(e->function, 1), LLVMGetParam(e->function, 2));
    emit_grid_step(e, l.variable);
    loop_end(e, &l);
    LLVMBuildRetVoid(e->b);
    LLVMDisposeBuilder(e->b);
    tn__free(a, e->cache, cache_bytes);
    tn__free(a, e, sizeof *e);
    return NULL;
}
