/* Strided tensors, and copies from and to them: by rows where the innermost steps are the elements', else by squares of the two dims that are
 * densest on either side, so that cache lines of both sides are used whole. */
#include "rt/strided.h"

#include <inttypes.h>

/* ---- making -------------------------------------------------------------------------------------------------- */

/* Lowest and highest element offset; false where they are 2^62 bytes and more. */
static bool extent_of(int32_t rank, const int64_t *dims, const int64_t *strides, int64_t item, int64_t *low, int64_t *high) {
    *low = *high = 0;
    for (int32_t d = 0; d < rank; d++) {
        int64_t *side = strides[d] < 0 ? low : high, reach;
        if (!tn__mul_i64(strides[d], dims[d] - 1, &reach) || !tn__add_i64(*side, reach, side)) return false;
    }
    return *low > -(INT64_MAX / 2 / item) && *high < INT64_MAX / 2 / item;
}

static bool are_dense(int32_t rank, const int64_t *dims, const int64_t *strides) {
    int64_t wanted = 1;
    for (int32_t d = rank; d-- > 0;) {
        if (dims[d] != 1 && strides[d] != wanted) return false;
        wanted *= dims[d]; /* the product of all was checked */
    }
    return true;
}

/* `t` is dense over the elements' first so far. */
static tn_error *set_strides(tn_tensor *t, const int64_t *strides, const void *memory, size_t memory_bytes) {
    const tn_allocator *a = &t->context->allocator;
    uint32_t bits = tn_dtype_bits(t->dtype);
    int64_t low, high, item = bits / 8;
    if (t->dtype == TN_DTYPE_string || bits < 8)
        return TN__FAIL(a, UNSUPPORTED, "tensor: elements of %s cannot be strided, only dense", tn_dtype_name(t->dtype));
    if (!extent_of(t->rank, t->dims, strides, item, &low, &high))
        return TN__FAIL(a, OUT_OF_RANGE, "tensor: the strides reach further than memory does");
    if (!t->data) return TN__FAIL(a, INVALID_ARGUMENT, "tensor: data is NULL");
    uintptr_t first = (uintptr_t)t->data, begin, end;
    bool fits = low >= 0 ? !__builtin_add_overflow(first, (uintptr_t)(low * item), &begin)
                         : !__builtin_sub_overflow(first, (uintptr_t)(-low * item), &begin);
    fits = fits && !__builtin_add_overflow(first, (uintptr_t)((high + 1) * item), &end);
    if (!fits) return TN__FAIL(a, OUT_OF_RANGE, "tensor: the strides reach further than memory does");
    if (memory && (begin < (uintptr_t)memory || end > (uintptr_t)memory + memory_bytes || (uintptr_t)memory + memory_bytes < (uintptr_t)memory))
        return TN__FAIL(a, SHAPE_MISMATCH, "tensor: elements %" PRId64 " to %" PRId64 " from data on are not all within the %zu bytes of memory",
                        low, high, memory_bytes);
    t->strides = t->dims + t->rank;
    memcpy(t->strides, strides, (size_t)t->rank * sizeof *strides);
    return NULL;
}

tn_error *tn_tensor_create_strided(tn_context *context, tn_dtype dtype, int32_t rank, const int64_t *dims, const int64_t *strides, void *data,
                                   const void *memory, size_t memory_bytes, void (*free_data)(void *, void *), void *free_self,
                                   tn_tensor **out_tensor) {
    if (!out_tensor) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_tensor_create_strided: out_tensor is NULL");
    *out_tensor = NULL;
    TN__HANDLE(context, CONTEXT);
    if (rank > 0 && !strides) return TN__FAIL(&context->allocator, INVALID_ARGUMENT, "tensor: strides is NULL, rank %d", (int)rank);
    tn_tensor *t;
    TN__TRY(tn__tensor_create_unfilled(context, dtype, rank, dims, true, &t));
    t->data = data;
    bool dense = !t->elements || are_dense(rank, dims, strides);
    tn_error *e = NULL;
    if (!dense) {
        e = set_strides(t, strides, memory, memory_bytes);
    } else if (t->bytes) {
        uintptr_t first = (uintptr_t)data, begin = (uintptr_t)memory;
        if (!data || (memory && (first < begin || first - begin > memory_bytes || memory_bytes - (first - begin) < t->bytes)))
            e = TN__FAIL(&context->allocator, SHAPE_MISMATCH, "tensor: shape and dtype want %zu bytes, memory has %zu", t->bytes,
                         data ? memory_bytes : 0);
    }
    if (e) {
        tn_tensor_release(t);
        return e;
    }
    t->free_data = free_data;
    t->free_self = free_self;
    *out_tensor = t;
    return NULL;
}

bool tn_tensor_is_dense(const tn_tensor *tensor) { return TN__IS(tensor, TENSOR) && !tensor->strides; }

void tn_tensor_get_strides(const tn_tensor *tensor, int64_t *out_strides) {
    if (!TN__IS(tensor, TENSOR) || !out_strides) return;
    int64_t stride = 1;
    for (int32_t d = tensor->rank; d-- > 0;) {
        out_strides[d] = tensor->strides ? tensor->strides[d] : stride;
        if (tensor->dims[d] > 0) stride *= tensor->dims[d];
    }
}

/* ---- copying ------------------------------------------------------------------------------------------------- */

typedef struct dim {
    int64_t count, dst, src; /* steps in bytes */
} dim;

static int64_t magnitude(int64_t x) { return x < 0 ? -x : x; }

#define COPY_LINE(name, type)                                                                                       \
    static void name(char *dst, int64_t dst_step, const char *src, int64_t src_step, int64_t n) {                   \
        for (int64_t i = 0; i < n; i++) {                                                                           \
            type x;                                                                                                 \
            memcpy(&x, src + i * src_step, sizeof x);                                                               \
            memcpy(dst + i * dst_step, &x, sizeof x);                                                               \
        }                                                                                                           \
    }
COPY_LINE(line_1, uint8_t)
COPY_LINE(line_2, uint16_t)
COPY_LINE(line_4, uint32_t)
COPY_LINE(line_8, uint64_t)

static void copy_line(int64_t item, char *dst, int64_t dst_step, const char *src, int64_t src_step, int64_t n) {
    if (dst_step == item && src_step == item) memcpy(dst, src, (size_t)(n * item));
    else if (item == 1) line_1(dst, dst_step, src, src_step, n);
    else if (item == 2) line_2(dst, dst_step, src, src_step, n);
    else if (item == 4) line_4(dst, dst_step, src, src_step, n);
    else line_8(dst, dst_step, src, src_step, n);
}

/* `inner` is where dst is densest, `outer` where src is. */
static void copy_squares(int64_t item, const dim *outer, const dim *inner, char *dst, const char *src) {
    enum { SIDE = 32 };
    for (int64_t o = 0; o < outer->count; o += SIDE) {
        int64_t rows = outer->count - o < SIDE ? outer->count - o : SIDE;
        for (int64_t i = 0; i < inner->count; i += SIDE) {
            int64_t n = inner->count - i < SIDE ? inner->count - i : SIDE;
            for (int64_t r = o; r < o + rows; r++)
                copy_line(item, dst + r * outer->dst + i * inner->dst, inner->dst, src + r * outer->src + i * inner->src, inner->src, n);
        }
    }
}

/* Outermost first by dst; dims that are one on both sides are joined. */
static int32_t arrange(dim *dims, int32_t n) {
    for (int32_t i = 1; i < n; i++) {
        dim x = dims[i];
        int32_t k = i;
        for (; k > 0 && magnitude(dims[k - 1].dst) < magnitude(x.dst); k--) dims[k] = dims[k - 1];
        dims[k] = x;
    }
    int32_t kept = 0;
    for (int32_t i = 0; i < n; i++) {
        dim *last = kept ? &dims[kept - 1] : NULL;
        if (last && last->dst == dims[i].dst * dims[i].count && last->src == dims[i].src * dims[i].count) {
            last->count *= dims[i].count;
            last->dst = dims[i].dst;
            last->src = dims[i].src;
        } else {
            dims[kept++] = dims[i];
        }
    }
    return kept;
}

void tn__tensor_copy_elements(tn_tensor *dst, const tn_tensor *src) {
    int64_t item = tn_dtype_bits(dst->dtype) / 8, dst_strides[TN_MAX_RANK], src_strides[TN_MAX_RANK];
    const char *from = tn__tensor_bytes(src);
    if (!dst->elements) return;
    if (!dst->strides && !src->strides) {
        memmove(dst->data, from, dst->bytes);
        return;
    }
    dim dims[TN_MAX_RANK + 1];
    int32_t n = 0;
    tn_tensor_get_strides(dst, dst_strides);
    tn_tensor_get_strides(src, src_strides);
    for (int32_t d = 0; d < dst->rank; d++)
        if (dst->dims[d] != 1) dims[n++] = (dim){dst->dims[d], dst_strides[d] * item, src_strides[d] * item};
    n = arrange(dims, n);
    if (!n) dims[n++] = (dim){1, item, item};
    int32_t inner = n - 1, outer = inner; /* outer: where src is densest */
    for (int32_t d = 0; d < n; d++)
        if (magnitude(dims[d].src) < magnitude(dims[outer].src)) outer = d;
    int64_t index[TN_MAX_RANK + 1] = {0};
    char *to = dst->data;
    for (;;) {
        if (outer != inner) copy_squares(item, &dims[outer], &dims[inner], to, from);
        else copy_line(item, to, dims[inner].dst, from, dims[inner].src, dims[inner].count);
        int32_t d = n - 1;
        for (; d >= 0; d--) {
            if (d == inner || d == outer) continue;
            to += dims[d].dst, from += dims[d].src;
            if (++index[d] < dims[d].count) break;
            to -= index[d] * dims[d].dst, from -= index[d] * dims[d].src;
            index[d] = 0;
        }
        if (d < 0) return;
    }
}

tn_error *tn__tensor_make_plain(const tn_tensor *t, tn_tensor **out_tensor) {
    if (tn__tensor_is_plain(t)) {
        tn_tensor_retain(*out_tensor = (tn_tensor *)t);
        return NULL;
    }
    if (t->dtype == TN_DTYPE_string)
        return TN__FAIL(&t->context->allocator, INVALID_ARGUMENT, "tensor: strings at an address that is not aligned for pointers");
    TN__TRY(tn__tensor_create_uninitialised(t->context, t->dtype, t->rank, t->dims, out_tensor));
    tn__tensor_copy_elements(*out_tensor, t);
    return NULL;
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

void tn__tensor_range(const tn_tensor *t, uintptr_t *out_low, uintptr_t *out_high) {
    uintptr_t first = (uintptr_t)t->data;
    *out_low = first;
    *out_high = first + t->bytes;
    if (!t->strides) return;
    int64_t item = tn_dtype_bits(t->dtype) / 8, low, high;
    if (!extent_of(t->rank, t->dims, t->strides, item, &low, &high)) return; /* it was checked when the tensor was made */
    *out_low = first - (uintptr_t)(-low * item);
    *out_high = first + (uintptr_t)((high + 1) * item);
}

bool tn__tensor_is_writable(const tn_tensor *t) {
    if (!t->strides) return true;
    dim dims[TN_MAX_RANK];
    int32_t n = 0;
    for (int32_t d = 0; d < t->rank; d++)
        if (t->dims[d] != 1) dims[n++] = (dim){t->dims[d], t->strides[d], 0};
    for (int32_t i = 1; i < n; i++) { /* densest first */
        dim x = dims[i];
        int32_t k = i;
        for (; k > 0 && magnitude(dims[k - 1].dst) > magnitude(x.dst); k--) dims[k] = dims[k - 1];
        dims[k] = x;
    }
    int64_t reach = 0; /* of all dims before */
    for (int32_t i = 0; i < n; i++) {
        if (magnitude(dims[i].dst) <= reach) return false;
        reach += magnitude(dims[i].dst) * (dims[i].count - 1);
    }
    return true;
}
