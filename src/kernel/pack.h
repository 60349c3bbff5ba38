/* Operands in the form that kernels read: blocked, transposed, padded with zeros. Lowering only notes which constants are to be packed; all
 * of it is done afterwards, on all threads, into one block of memory. */
#ifndef TN_KERNEL_PACK_H
#define TN_KERNEL_PACK_H
#include "op/op.h"
#include "rt/pool.h"

enum { TN__PACK_AXES = 4, TN__PACK_DIMS = 6, TN__PACK_LANES = 128 };

/* What becomes of elements of f32. I8: column c as round(x / scale of c) to nearest even, SCALES: those scales (tn__pack_scale). Both have
 * two axes, rows and columns, and the columns' dims are the first and the last, of at most TN__PACK_LANES: a slice of dim 0 knows its own. */
typedef enum tn__pack_to { TN__PACK_AS_IS, TN__PACK_F16, TN__PACK_BF16, TN__PACK_I8, TN__PACK_SCALES } tn__pack_to;

/* The packed form is dense over `dims`, outermost first. Dim d walks source axis `axis` in steps of `step` elements of that axis; the
 * index along an axis is the sum over its dims, and where it reaches the axis' extent there is a zero. */
typedef struct tn__pack {
    int32_t n_axes, n_dims;
    bool widen; /* f16 and bf16 become f32 */
    struct {
        int64_t extent, stride; /* of the source, in elements */
    } axes[TN__PACK_AXES];
    struct {
        int32_t axis;
        int64_t count, step;
    } dims[TN__PACK_DIMS];
    int64_t offset; /* of the first element in the source */
    tn__pack_to to;
} tn__pack;

/* A constant of a program that is not packed yet. */
typedef struct tn__pack_job {
    tn_tensor *source; /* retained */
    tn__pack pack;
    uint32_t slot;
    size_t bytes; /* packed */
} tn__pack_job;

/* Packed constants that were made at once, for all programs of a context that want the same bytes in the same form. */
typedef struct tn__packed tn__packed;

/* Packs slices [begin, end) of dim 0 of elements of `dtype` (1, 2, 4 or 8 bytes); `dst` is where dim 0 begins. `src` need not be aligned. */
void tn__pack_move(const tn__pack *p, tn_dtype dtype, const void *src, void *dst, int64_t begin, int64_t end);
bool tn__pack_equal(const tn__pack *a, const tn__pack *b);
/* Bytes of an element of f32 in that form. */
size_t tn__pack_to_bytes(tn__pack_to to);
/* The scale of a column whose largest magnitude that is: a 127th of it, but a normal number. */
float tn__pack_scale(float magnitude);
/* Bytes of a packed element. */
size_t tn__pack_item(const tn__pack *p, tn_dtype dtype);

struct tn__lower;
struct tn__kprogram;
/* A constant slot with `t` packed. */
tn_error *tn__pack_slot(struct tn__lower *l, const tn_tensor *t, const tn__pack *p, uint32_t *out_slot);
/* The same for any value: where it is not constant, by a kernel into a slot of the arena. */
tn_error *tn__pack_value(struct tn__lower *l, tn_value v, const tn__pack *p, uint32_t *out_slot);
/* Does what tn__pack_slot noted; the program must not run before. What a live program of the context has is taken from there. */
tn_error *tn__kprogram_pack(struct tn__kprogram *p, tn__pool *pool, const tn__memory *kind);
/* Gives all of it back. */
void tn__kprogram_unpack(struct tn__kprogram *p);

/* [outer][c][inner] -> [outer][c / w][inner][w], c the given axis. */
tn_error *tn__pack_blocked(struct tn__lower *l, const tn_tensor *t, int32_t axis, uint32_t *out_slot);
/* Weights and right operands of f16 and bf16 are packed as f32: the hot loop reads them again and again and should not convert them.
 * Weights [oc][ic][taps] -> [oc / (nv w)][ic / in_block][taps][in_block][nv w]. */
tn_error *tn__pack_conv(struct tn__lower *l, tn_value v, int64_t taps, int64_t in_block, int32_t nv, uint32_t *out_slot);
/* Weights [c][1][taps] -> [c / w][taps][w]. */
tn_error *tn__pack_depthwise(struct tn__lower *l, tn_value v, int64_t taps, uint32_t *out_slot);
/* Right operand of kk rows and n columns, sk and sn elements apart -> [n / (nv w)][kk][nv w], scales [n / (nv w)][nv w]. `to`: AS_IS
 * but for a constant. */
tn_error *tn__pack_right(struct tn__lower *l, tn_value v, int64_t kk, int64_t n, int64_t sk, int64_t sn, int32_t nv, tn__pack_to to,
                         uint32_t *out_slot);
#endif
