/* Packing of elements: blocks of two dims, the packed form's last (the lanes) and the one that lies densest in the source (the columns),
 * so that cache lines of both sides are used whole. The other dims are walked around the block. */
#include "base/dtype.h"
#include "kernel/pack.h"

/* dst[column][lane] = src[lane][column]; all strides in bytes, lanes are side by side in dst. `scales`: of I8, one a lane. */
typedef void move_fn(const char *src, int64_t column_src, int64_t lane_src, char *dst, int64_t column_dst, int64_t columns, int64_t lanes,
                     const float *scales);

/* A row of so many columns stays in the first cache level while the lanes pass over it. */
enum { COLUMNS_AT_ONCE = 64 };

#define MOVE(name, from, to, convert)                                                                                               \
    static void name(const char *src, int64_t column_src, int64_t lane_src, char *dst, int64_t column_dst, int64_t columns,         \
                     int64_t lanes, const float *scales) {                                                                          \
        for (int64_t first = 0; first < columns; first += COLUMNS_AT_ONCE) {                                                        \
            int64_t n = columns - first < COLUMNS_AT_ONCE ? columns - first : COLUMNS_AT_ONCE;                                      \
            for (int64_t lane = 0; lane < lanes; lane++) {                                                                          \
                const char *s = src + first * column_src + lane * lane_src;                                                         \
                char *d = dst + first * column_dst + lane * (int64_t)sizeof(to);                                                    \
                const float scale = scales ? scales[lane] : 1;                                                                      \
                (void)scale;                                                                                                        \
                for (int64_t i = 0; i < n; i++) {                                                                                   \
                    from x;                                                                                                         \
                    memcpy(&x, s + i * column_src, sizeof x);                                                                       \
                    to y = convert(x, scale);                                                                                       \
                    memcpy(d + i * column_dst, &y, sizeof y);                                                                       \
                }                                                                                                                   \
            }                                                                                                                       \
        }                                                                                                                           \
    }
/* Rounded to nearest even: the sum has the unit as its last place. */
static inline int8_t quantise(float x, float scale) {
    float sum = x / scale + 0x1.8p23f;
    int32_t bits;
    memcpy(&bits, &sum, sizeof bits);
    return (int8_t)(bits - 0x4b400000);
}

#define SAME(x, scale) (x)
#define WIDEN_F16(x, scale) tn__f16_to_f32(x)
#define WIDEN_BF16(x, scale) tn__bf16_to_f32(x)
#define NARROW_F16(x, scale) tn__f32_to_f16(x)
#define NARROW_BF16(x, scale) tn__f32_to_bf16(x)
MOVE(move_1, uint8_t, uint8_t, SAME)
MOVE(move_2, uint16_t, uint16_t, SAME)
MOVE(move_4, uint32_t, uint32_t, SAME)
MOVE(move_8, uint64_t, uint64_t, SAME)
MOVE(move_f16, uint16_t, float, WIDEN_F16)
MOVE(move_bf16, uint16_t, float, WIDEN_BF16)
MOVE(move_to_f16, float, uint16_t, NARROW_F16)
MOVE(move_to_bf16, float, uint16_t, NARROW_BF16)
MOVE(move_to_i8, float, int8_t, quantise)

static bool widens(const tn__pack *p, tn_dtype dtype) { return p->widen && (dtype == TN_DTYPE_f16 || dtype == TN_DTYPE_bf16); }

static tn__pack_to converts(const tn__pack *p, tn_dtype dtype) { return dtype == TN_DTYPE_f32 ? p->to : TN__PACK_AS_IS; }

size_t tn__pack_to_bytes(tn__pack_to to) {
    return to == TN__PACK_I8 ? sizeof(int8_t) : to == TN__PACK_F16 || to == TN__PACK_BF16 ? sizeof(uint16_t) : sizeof(float);
}

size_t tn__pack_item(const tn__pack *p, tn_dtype dtype) {
    return dtype == TN_DTYPE_f32 ? tn__pack_to_bytes(p->to) : widens(p, dtype) ? sizeof(float) : tn_dtype_bits(dtype) / 8;
}

static move_fn *choose(const tn__pack *p, tn_dtype dtype) {
    if (widens(p, dtype)) return dtype == TN_DTYPE_f16 ? move_f16 : move_bf16;
    switch (converts(p, dtype)) {
    case TN__PACK_F16: return move_to_f16;
    case TN__PACK_BF16: return move_to_bf16;
    case TN__PACK_I8: return move_to_i8;
    default: break;
    }
    switch (tn_dtype_bits(dtype)) {
    case 8: return move_1;
    case 16: return move_2;
    case 32: return move_4;
    default: return move_8;
    }
}

typedef struct walk {
    const tn__pack *p;
    const char *src;
    move_fn *move;
    bool plain; /* lanes side by side in the source too, nothing to convert */
    int64_t item_src, item_dst;
    int64_t stride_dst[TN__PACK_DIMS]; /* bytes */
    int32_t column;                    /* dim, -1: none */
    const float *scales;               /* of I8, of the slice's lanes */
} walk;

static int64_t source_stride(const tn__pack *p, int32_t d) { return p->axes[p->dims[d].axis].stride * p->dims[d].step; }

/* Indices of dim d that are within its axis, from `at` on. */
static int64_t within(const tn__pack *p, int32_t d, const int64_t *at) {
    int64_t left = p->axes[p->dims[d].axis].extent - at[p->dims[d].axis], step = p->dims[d].step;
    int64_t n = left <= 0 ? 0 : (left + step - 1) / step;
    return n < p->dims[d].count ? n : p->dims[d].count;
}

static void move_block(const walk *w, const int64_t *at, char *dst) {
    const tn__pack *p = w->p;
    int32_t last = p->n_dims - 1, c = w->column;
    int64_t columns = c < 0 ? 1 : p->dims[c].count, all_lanes = p->dims[last].count, lanes = within(p, last, at), from = p->offset;
    int64_t column_src = c < 0 ? 0 : source_stride(p, c) * w->item_src, column_dst = c < 0 ? 0 : w->stride_dst[c];
    int64_t n = c < 0 ? 1 : within(p, c, at);
    for (int32_t x = 0; x < p->n_axes; x++) {
        if (at[x] >= p->axes[x].extent) n = 0;
        from += at[x] * p->axes[x].stride;
    }
    if (n && lanes) {
        const char *src = w->src + from * w->item_src;
        if (w->plain)
            for (int64_t i = 0; i < n; i++) memcpy(dst + i * column_dst, src + i * column_src, (size_t)(lanes * w->item_dst));
        else w->move(src, column_src, source_stride(p, last) * w->item_src, dst, column_dst, n, lanes, w->scales);
    }
    for (int64_t i = 0; i < columns; i++) {
        int64_t first = i < n ? lanes : 0;
        if (first < all_lanes) memset(dst + i * column_dst + first * w->item_dst, 0, (size_t)((all_lanes - first) * w->item_dst));
    }
}

static void walk_dims(const walk *w, int32_t d, const int64_t *at, char *dst, int64_t begin, int64_t end) {
    const tn__pack *p = w->p;
    if (d == p->n_dims - 1) {
        move_block(w, at, dst);
        return;
    }
    int64_t next = d + 1 < p->n_dims ? p->dims[d + 1].count : 0;
    if (d == w->column) {
        walk_dims(w, d + 1, at, dst, 0, next);
        return;
    }
    int64_t index[TN__PACK_AXES];
    memcpy(index, at, sizeof index);
    index[p->dims[d].axis] += begin * p->dims[d].step;
    for (int64_t i = begin; i < end; i++) {
        walk_dims(w, d + 1, index, dst + i * w->stride_dst[d], 0, next);
        index[p->dims[d].axis] += p->dims[d].step;
    }
}

/* ---- columns with a scale ------------------------------------------------------------------------------------------------- */

/* The bits of magnitudes, which are in their order. */
static inline uint32_t magnitude_at(const char *src) {
    uint32_t x;
    memcpy(&x, src, sizeof x);
    return x & 0x7fffffff;
}

static inline void most_of_row(const char *src, int64_t stride, int64_t n, uint32_t *most) {
    for (int64_t i = 0; i < n; i++) {
        uint32_t x = magnitude_at(src + i * stride);
        most[i] = x > most[i] ? x : most[i];
    }
}

static inline uint32_t most_of_column(const char *src, int64_t stride, int64_t n) {
    uint32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t x = magnitude_at(src + i * stride);
        most = x > most ? x : most;
    }
    return most;
}

float tn__pack_scale(float magnitude) {
    float scale = magnitude / 127;
    return scale < 0x1p-126f ? 0x1p-126f : scale;
}

/* Of the columns of slice `at` of dim 0; 0 where there are none. */
static void find_scales(const tn__pack *p, const char *src, int64_t at, float *scales) {
    int64_t first = at * p->dims[0].step, lanes = p->dims[p->n_dims - 1].count, left = p->axes[1].extent - first, n = left < lanes ? left : lanes;
    enum { ITEM = sizeof(float) };
    int64_t rows = p->axes[0].extent, row = p->axes[0].stride * ITEM, column = p->axes[1].stride * ITEM;
    uint32_t most[TN__PACK_LANES] = {0};
    src += (p->offset + first * p->axes[1].stride) * ITEM;
    if (column == ITEM) /* side by side: vectors of them */
        for (int64_t r = 0; r < rows; r++) most_of_row(src + r * row, ITEM, n, most);
    else if (column < row)
        for (int64_t r = 0; r < rows; r++) most_of_row(src + r * row, column, n, most);
    else
        for (int64_t c = 0; c < n; c++) most[c] = row == ITEM ? most_of_column(src + c * column, ITEM, rows) : most_of_column(src + c * column, row, rows);
    for (int64_t c = 0; c < lanes; c++) {
        float magnitude;
        memcpy(&magnitude, &most[c], sizeof magnitude);
        scales[c] = c < n ? tn__pack_scale(magnitude) : 0;
    }
}

void tn__pack_move(const tn__pack *p, tn_dtype dtype, const void *src, void *dst, int64_t begin, int64_t end) {
    walk w = {.p = p, .src = src, .move = choose(p, dtype), .column = -1};
    int32_t last = p->n_dims - 1;
    int64_t at[TN__PACK_AXES] = {0}, lane = source_stride(p, last), least = lane;
    w.item_src = tn_dtype_bits(dtype) / 8;
    w.item_dst = (int64_t)tn__pack_item(p, dtype);
    w.plain = lane == 1 && w.item_src == w.item_dst;
    int64_t stride = w.item_dst;
    for (int32_t d = last; d >= 0; d--) {
        w.stride_dst[d] = stride;
        stride *= p->dims[d].count;
    }
    for (int32_t d = 1; d < last; d++) /* dim 0 is cut for the threads */
        if (p->dims[d].axis != p->dims[last].axis && p->dims[d].count > 1 && (source_stride(p, d) < least || w.plain)) {
            least = source_stride(p, d);
            w.column = d;
        }
    if (last == 0) { /* one dim: the slices are lanes */
        tn__pack one = *p;
        one.dims[0].count = end - begin;
        at[one.dims[0].axis] = begin * one.dims[0].step;
        w.p = &one;
        move_block(&w, at, (char *)dst + begin * w.item_dst);
        return;
    }
    if (converts(p, dtype) == TN__PACK_SCALES) {
        for (int64_t i = begin; i < end; i++) find_scales(p, src, i, (float *)((char *)dst + i * w.stride_dst[0]));
    } else if (converts(p, dtype) == TN__PACK_I8) {
        float scales[TN__PACK_LANES];
        w.scales = scales;
        for (int64_t i = begin; i < end; i++) {
            find_scales(p, src, i, scales);
            walk_dims(&w, 0, at, (char *)dst, i, i + 1);
        }
    } else walk_dims(&w, 0, at, dst, begin, end);
}
