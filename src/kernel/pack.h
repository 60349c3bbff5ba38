/* Operands in the form that kernels read: blocked, transposed, padded with zeros. */
#ifndef TN_KERNEL_PACK_H
#define TN_KERNEL_PACK_H
#include "kernel/lower.h"

enum { TN__PACK_AXES = 4, TN__PACK_DIMS = 6 };

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
} tn__pack;

/* A constant slot with `t` packed. Elements of 1, 2, 4 or 8 bytes. */
tn_error *tn__pack_slot(tn__lower *l, const tn_tensor *t, const tn__pack *p, uint32_t *out_slot);
/* The same for any value: packed now where it is constant, else by a kernel into a slot of the arena. */
tn_error *tn__pack_value(tn__lower *l, tn_value v, const tn__pack *p, uint32_t *out_slot);

/* [outer][c][inner] -> [outer][c / w][inner][w], c the given axis. */
tn_error *tn__pack_blocked(tn__lower *l, const tn_tensor *t, int32_t axis, uint32_t *out_slot);
/* Weights and right operands of f16 and bf16 are packed as f32: the hot loop reads them again and again and should not convert them.
 * Weights [oc][ic][taps] -> [oc / (nv w)][ic / in_block][taps][in_block][nv w]. */
tn_error *tn__pack_conv(tn__lower *l, tn_value v, int64_t taps, int64_t in_block, int32_t nv, uint32_t *out_slot);
/* Weights [c][1][taps] -> [c / w][taps][w]. */
tn_error *tn__pack_depthwise(tn__lower *l, tn_value v, int64_t taps, uint32_t *out_slot);
/* Right operand of kk rows and n columns, sk and sn elements apart -> [n / (nv w)][kk][nv w]. */
tn_error *tn__pack_right(tn__lower *l, tn_value v, int64_t kk, int64_t n, int64_t sk, int64_t sn, int32_t nv, uint32_t *out_slot);
#endif
