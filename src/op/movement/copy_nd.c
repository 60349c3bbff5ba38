/* Copying elements between tensors of one dtype. */
#include "op/movement/copy_nd.h"

#define BITS_AT(p, i, bits) (((const uint8_t *)(p))[(i) * (bits) / 8] >> ((i) * (bits) % 8) & ((1 << (bits)) - 1))

static void copy_sub_byte(tn_tensor *dst, int64_t dst_at, const tn_tensor *src, int64_t src_at, int64_t bits) {
    int shift = (int)(dst_at * bits % 8), mask = (1 << bits) - 1;
    uint8_t *p = (uint8_t *)dst->data + dst_at * bits / 8;
    *p = (uint8_t)((*p & ~(mask << shift)) | BITS_AT(src->data, src_at, bits) << shift);
}

static tn_error *copy_string(const tn_allocator *a, tn_tensor *dst, int64_t dst_at, const tn_tensor *src, int64_t src_at) {
    const char *text = ((char **)src->data)[src_at];
    char *copy = text ? tn__strdup(a, text) : NULL, **p = (char **)dst->data + dst_at;
    if (text && !copy) return tn__error_oom();
    tn__strfree(a, *p);
    *p = copy;
    return NULL;
}

tn_error *tn__copy_run(const tn_allocator *a, tn_tensor *dst, int64_t dst_at, const tn_tensor *src, int64_t src_at, int64_t n) {
    uint32_t bits = tn_dtype_bits(src->dtype);
    if (src->dtype == TN_DTYPE_string) {
        for (int64_t i = 0; i < n; i++) TN__TRY(copy_string(a, dst, dst_at + i, src, src_at + i));
    } else if (bits >= 8) {
        size_t bytes = bits / 8;
        if (n) memcpy((char *)dst->data + (size_t)dst_at * bytes, (const char *)src->data + (size_t)src_at * bytes, (size_t)n * bytes);
    } else {
        for (int64_t i = 0; i < n; i++) copy_sub_byte(dst, dst_at + i, src, src_at + i, bits);
    }
    return NULL;
}

/* One run along the innermost dimension with arbitrary steps. */
static tn_error *copy_steps(const tn_allocator *a, tn_tensor *dst, int64_t d, int64_t d_step, const tn_tensor *src, int64_t s,
                            int64_t s_step, int64_t n) {
    if (d_step == 1 && s_step == 1) return tn__copy_run(a, dst, d, src, s, n);
    if (src->dtype == TN_DTYPE_string) {
        for (int64_t i = 0; i < n; i++) TN__TRY(copy_string(a, dst, d + i * d_step, src, s + i * s_step));
        return NULL;
    }
#define STEPS(type)                                                                                                    \
    for (int64_t i = 0; i < n; i++) ((type *)dst->data)[d + i * d_step] = ((const type *)src->data)[s + i * s_step]; \
    return NULL
    switch (tn_dtype_bits(src->dtype)) {
    case 8: STEPS(uint8_t);
    case 16: STEPS(uint16_t);
    case 32: STEPS(uint32_t);
    case 64: STEPS(uint64_t);
    default:
        for (int64_t i = 0; i < n; i++) copy_sub_byte(dst, d + i * d_step, src, s + i * s_step, tn_dtype_bits(src->dtype));
        return NULL;
    }
#undef STEPS
}

tn_error *tn__copy_nd(const tn_allocator *a, tn_tensor *dst, int64_t dst_at, const int64_t *dst_strides, const tn_tensor *src,
                      int64_t src_at, const int64_t *src_strides, int32_t rank, const int64_t *dims) {
    /* drop dims of size 1 and merge neighbours that are contiguous on both sides, so that runs are long */
    int64_t n[TN__COPY_MAX_RANK], ds[TN__COPY_MAX_RANK], ss[TN__COPY_MAX_RANK], index[TN__COPY_MAX_RANK] = {0};
    int32_t r = 0;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] == 0) return NULL;
        if (dims[i] == 1) continue;
        if (r && ds[r - 1] == dst_strides[i] * dims[i] && ss[r - 1] == src_strides[i] * dims[i]) {
            n[r - 1] *= dims[i];
            ds[r - 1] = dst_strides[i];
            ss[r - 1] = src_strides[i];
            continue;
        }
        n[r] = dims[i];
        ds[r] = dst_strides[i];
        ss[r++] = src_strides[i];
    }
    if (!r) return tn__copy_run(a, dst, dst_at, src, src_at, 1);
    r--;
    for (;;) {
        TN__TRY(copy_steps(a, dst, dst_at, ds[r], src, src_at, ss[r], n[r]));
        int32_t i = r - 1;
        for (; i >= 0; i--) {
            dst_at += ds[i];
            src_at += ss[i];
            if (++index[i] < n[i]) break;
            dst_at -= ds[i] * n[i];
            src_at -= ss[i] * n[i];
            index[i] = 0;
        }
        if (i < 0) return NULL;
    }
}
