/* Kernels: one perfect loop nest over one scalar expression DAG, and its schedule. Everything dense is one of these: elementwise,
 * reduction, matmul, convolution, pooling, layout change. Register tiling of a reduction IS the matmul/convolution micro-kernel.
 *
 *   for grid index g in [begin, end)                       outer spatial dims x tiles of dim J x chunks of dim M
 *     for tiles of dim M inside the chunk
 *       acc[MR][NV] = identity                             NV vectors along J and the lanes, MR unrolled steps of M
 *       for reduction dims (rolled, unless unroll is set)
 *         acc[i][j] = reduce(acc[i][j], body(i, j))
 *       store epilogue(acc[i][j])
 *
 * Without reduction dims the epilogue is stored directly. Further results of the same index may be stored beside it. Accesses are affine in
 * the dims, plus what an index expression adds to a load: gathers, and tables of offsets made at compile time
 * (docs/decisions/0009-index-maps.md). */
#ifndef TN_KERNEL_KERNEL_H
#define TN_KERNEL_KERNEL_H
#include "kernel/narrow.h"
#include "op/op.h"

enum { TN__K_DIMS = 12, TN__K_BUFFERS = 24, TN__K_EXPRS = 160, TN__K_DOMAIN = 6, TN__K_GUARDS = 3, TN__K_WOVEN = 8, TN__K_STORES = 5 };

/* Element offset = offset + sum stride[d] * index[d]. */
typedef struct tn__kmap {
    int64_t offset;
    int64_t stride[TN__K_DIMS];
} tn__kmap;

typedef enum tn__kop {
    TN__KX_LOAD, TN__KX_CONST, TN__KX_RED, /* RED: the reduced value */
    TN__KX_ADD, TN__KX_SUB, TN__KX_MUL, TN__KX_DIV, TN__KX_MAX, TN__KX_MIN,
    TN__KX_NEG, TN__KX_ABS, TN__KX_SQRT, TN__KX_FLOOR, TN__KX_CEIL, TN__KX_ROUND, TN__KX_EXP, TN__KX_LOG, TN__KX_TANH, TN__KX_ERF,
    TN__KX_EQ, TN__KX_LT, TN__KX_LE, TN__KX_AND, TN__KX_OR, TN__KX_XOR, TN__KX_NOT, TN__KX_SELECT, TN__KX_CAST,
    TN__KX_TO_F16, TN__KX_TO_BF16, TN__KX_TO_TF32, /* f32 rounded to what that type holds */
    TN__KX_TO_I32,                 /* f32 rounded half to even, for |x| < 2^22; the quick way of a value that was clamped */
    TN__KX_DOT4                    /* i32 from two i32 words: sum of the products of 4 unsigned bytes of the first and 4 signed ones of the second */
} tn__kop;

typedef struct tn__kguard {
    tn__kmap map;
    int64_t bound;
} tn__kguard;

typedef struct tn__kexpr {
    tn__kop op;
    tn_dtype dtype; /* of the result: f32, f64, i32, i64, bool */
    int16_t arg[3]; /* earlier expressions, -1 none; LOAD: arg[0] is an integer added to the element offset, in bounds by construction */
    int16_t buffer; /* LOAD */
    double value;   /* CONST; LOAD: the value where a guard fails */
    tn__kmap map;   /* LOAD */
    int32_t n_guards; /* LOAD: reads only where 0 <= map < bound for every guard */
    tn__kguard guard[TN__K_GUARDS];
} tn__kexpr;

/* Reduction steps count only where 0 <= mul_s * index[s] + mul_r * index[r] + add < bound; s spatial, r reduction dim, mul_r > 0. */
typedef struct tn__kdomain {
    int32_t s, r;
    int64_t mul_s, mul_r, add, bound;
} tn__kdomain;

/* A further result. All results of an index are computed before any is stored: a buffer may be read and written in place. */
typedef struct tn__kstore {
    int32_t expr, buffer;
    tn__kmap map;
} tn__kstore;

typedef struct tn__kernel {
    char name[64];             /* symbol */
    int32_t n_dims, n_spatial; /* dims[0..n_spatial) spatial, the rest reduction, outermost first */
    int64_t extent[TN__K_DIMS];
    int32_t n_exprs;
    tn__kexpr exprs[TN__K_EXPRS];
    int32_t body;     /* expression reduced; -1 without reduction dims */
    tn__kop reduce;   /* ADD, MUL, MAX, MIN */
    int32_t epilogue; /* expression stored */
    int32_t n_domain;
    tn__kdomain domain[TN__K_DOMAIN];
    int32_t limited, limit; /* reduction dim whose steps end at the integer expression `limit` of spatial dims off the tile; -1 */
    int32_t when; /* boolean expression: the lanes in which a reduction step counts; -1: all */
    int32_t n_buffers;
    tn_dtype buffer_dtype[TN__K_BUFFERS];
    int32_t out_buffer;
    tn__kmap out_map;
    int32_t n_out_guards;  /* the first result is stored only where 0 <= map < bound for every guard; no map has a stride along the lanes */
    int32_t n_stores;
    tn__kguard out_guard[2];
    tn__kstore stores[TN__K_STORES];

    /* schedule */
    int32_t lanes;   /* W: vector lanes; 1 = scalar; 0 = no schedule yet, an elementwise kernel of plain dims */
    int32_t v;       /* the lane dim, spatial: extent W (or the tail below); -1 scalar */
    int32_t v_tail;  /* valid lanes in the last vector along j (without j: in every vector); 0 = all */
    int32_t r_lanes; /* 1: the lanes are the LAST reduction dim (extent = lanes); horizontal reduction at the end, v == -1 */
    int32_t j, nv;   /* dim unrolled into vectors; -1 */
    int32_t m, mr;   /* dim unrolled into rows; -1 */
    int32_t m_chunk; /* tiles of m per grid step; 0 = all */
    uint32_t unroll; /* bit d: reduction dim d is unrolled */
    int32_t steps;   /* of the innermost reduction loop that a turn takes, one after the other; 0, 1: one */
    int64_t grid;    /* grid steps, set by tn__kernel_finish */
    int64_t work;    /* of a grid step, in scalar steps; set by tn__kernel_finish */
    double flops;
    tn__narrowing narrowing; /* what option precision made of it, not part of the code */
} tn__kernel;

/* All return -1 when the kernel is full (or an argument is -1). */
int32_t tn__kx(tn__kernel *k, tn__kop op, tn_dtype dtype, int32_t a, int32_t b, int32_t c);
int32_t tn__kx_const(tn__kernel *k, tn_dtype dtype, double value);
int32_t tn__kx_load(tn__kernel *k, int32_t buffer, const tn__kmap *map);
/* The same, `index` (an expression) elements further. */
int32_t tn__kx_load_at(tn__kernel *k, int32_t buffer, const tn__kmap *map, int32_t index);
/* On f32: 1 / (1 + exp(-x)); max(x, 0) + log(1 + exp(-|x|)); x between low and high, NaN kept. */
int32_t tn__kx_sigmoid(tn__kernel *k, int32_t x);
int32_t tn__kx_softplus(tn__kernel *k, int32_t x);
int32_t tn__kx_clamp(tn__kernel *k, int32_t x, double low, double high);
/* The dtype an element of storage type d has in expressions; NONE when kernels cannot hold it. */
tn_dtype tn__kernel_compute_dtype(tn_dtype d);
static inline bool tn__kernel_as_f32(tn_dtype d) { return tn__kernel_compute_dtype(d) == TN_DTYPE_f32; } /* f32, f16, bf16 */
/* The dtype as which copies move elements of d: the bits, without a conversion. */
static inline tn_dtype tn__kernel_copy_dtype(tn_dtype d) { return d == TN_DTYPE_f16 || d == TN_DTYPE_bf16 ? TN_DTYPE_u16 : d; }
/* Sets grid and work from the dims and the schedule. */
void tn__kernel_finish(tn__kernel *k);
/* Scalar steps that are a few microseconds: less is not worth waking a thread (measured, decision 0005). */
enum { TN__WORK_A_THREAD = 60000 };
/* Lanes of vectors along n elements: all of them, or for fewer elements the next power of two (masked lanes are not free). */
static inline int32_t tn__lanes_along(int64_t n, int32_t lanes) {
    int32_t w = lanes < 2 ? lanes : 2;
    while (w < lanes && w < n) w *= 2;
    return w;
}
static inline int64_t tn__ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
#endif
