/* Packing of constants: every layout against its definition, for all element sizes, from sources at odd addresses, in slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/dtype.h"
#include "kernel/pack.h"
#include "tenon/tenon.h"

enum { ROOM = 1 << 16 };

/* The definition: element by element from the packed index. */
static void define(const tn__pack *p, tn_dtype dtype, const unsigned char *src, unsigned char *dst, int64_t elements) {
    size_t from = tn_dtype_bits(dtype) / 8, to = tn__pack_item(p, dtype);
    memset(dst, 0, (size_t)elements * to);
    for (int64_t e = 0; e < elements; e++) {
        int64_t rest = e, at[TN__PACK_AXES] = {0}, offset = p->offset;
        for (int32_t d = p->n_dims - 1; d >= 0; d--) {
            at[p->dims[d].axis] += rest % p->dims[d].count * p->dims[d].step;
            rest /= p->dims[d].count;
        }
        int inside = 1;
        for (int32_t x = 0; x < p->n_axes; x++) inside &= at[x] < p->axes[x].extent, offset += at[x] * p->axes[x].stride;
        if (!inside) continue;
        if (from == to) {
            memcpy(dst + (size_t)e * to, src + (size_t)offset * from, to);
        } else {
            uint16_t half;
            memcpy(&half, src + (size_t)offset * from, 2);
            float wide = dtype == TN_DTYPE_f16 ? tn__f16_to_f32(half) : tn__bf16_to_f32(half);
            memcpy(dst + (size_t)e * to, &wide, 4);
        }
    }
}

static void check(const tn__pack *p, tn_dtype dtype) {
    static unsigned char source[ROOM * 8 + 1], wanted[ROOM * 8], found[ROOM * 8 + 16];
    int64_t elements = 1, source_elements = 1;
    for (int32_t d = 0; d < p->n_dims; d++) elements *= p->dims[d].count;
    for (int32_t x = 0; x < p->n_axes; x++) source_elements *= p->axes[x].extent;
    source_elements += p->offset;
    assert_true(elements <= ROOM && source_elements <= ROOM);
    size_t bytes = (size_t)elements * tn__pack_item(p, dtype);
    unsigned char *odd = source + 1;
    for (int64_t i = 0; i < source_elements * (int64_t)(tn_dtype_bits(dtype) / 8); i++) odd[i] = (unsigned char)(i * 37 + (i >> 7) + 1);
    define(p, dtype, odd, wanted, elements);
    for (int64_t slices = 1; slices <= 3; slices++) {
        memset(found, 0xee, sizeof found);
        for (int64_t at = 0; at < p->dims[0].count; at += slices)
            tn__pack_move(p, dtype, odd, found, at, at + slices < p->dims[0].count ? at + slices : p->dims[0].count);
        assert_memory_equal(found, wanted, bytes);
        for (size_t i = 0; i < 16; i++) assert_int_equal(found[bytes + i], 0xee); /* nothing beyond */
    }
}

static const tn__pack layouts[] = {
    /* [oc 37][ic 21][taps 9] -> [2][2][9][16][32] */
    {3, 5, false, {{37, 189}, {21, 9}, {9, 1}}, {{0, 2, 32}, {1, 2, 16}, {2, 9, 1}, {1, 16, 1}, {0, 32, 1}}, 0, TN__PACK_AS_IS},
    /* pointwise, nothing to pad */
    {3, 4, false, {{64, 48}, {48, 1}, {1, 1}}, {{0, 2, 32}, {1, 3, 16}, {1, 16, 1}, {0, 32, 1}}, 0, TN__PACK_AS_IS},
    /* more columns than are moved at once */
    {2, 3, false, {{150, 1}, {20, 150}}, {{1, 2, 16}, {0, 150, 1}, {1, 16, 1}}, 0, TN__PACK_AS_IS},
    /* rows as they lie */
    {2, 3, false, {{50, 45}, {45, 1}}, {{1, 3, 16}, {0, 50, 1}, {1, 16, 1}}, 0, TN__PACK_AS_IS},
    /* blocked, with and without outer dims */
    {3, 4, false, {{3, 5 * 19}, {19, 5}, {5, 1}}, {{0, 3, 1}, {1, 2, 16}, {2, 5, 1}, {1, 16, 1}}, 0, TN__PACK_AS_IS},
    {1, 2, false, {{19, 1}}, {{0, 2, 16}, {0, 16, 1}}, 0, TN__PACK_AS_IS},
    {1, 1, false, {{13, 1}}, {{0, 16, 1}}, 0, TN__PACK_AS_IS},
    /* a whole block beyond the source */
    {2, 3, false, {{10, 7}, {7, 1}}, {{0, 4, 8}, {1, 7, 1}, {0, 8, 1}}, 0, TN__PACK_AS_IS},
    /* four of one axis under the lanes of another */
    {2, 4, false, {{30, 23}, {23, 1}}, {{0, 2, 16}, {1, 6, 4}, {0, 16, 1}, {1, 4, 1}}, 0, TN__PACK_AS_IS},
    /* a part of the source */
    {2, 3, false, {{12, 11}, {11, 1}}, {{0, 1, 16}, {1, 11, 1}, {0, 16, 1}}, 35, TN__PACK_AS_IS},
};

static void test_layouts(void **state) {
    const tn_dtype dtypes[] = {TN_DTYPE_u8, TN_DTYPE_f16, TN_DTYPE_f32, TN_DTYPE_f64};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        for (int d = 0; d < 4; d++) check(&layouts[i], dtypes[d]);
}

static void test_widening(void **state) {
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        tn__pack p = layouts[i];
        p.widen = true;
        check(&p, TN_DTYPE_f16);
        check(&p, TN_DTYPE_bf16);
        check(&p, TN_DTYPE_f32); /* stays */
    }
}

/* Columns with a scale: the same in slices as whole, and by definition. The numbers are those of the columns, times powers of two. */
static void test_columns(void **state) {
    enum { ROWS = 70, COLUMNS = 37, ROW = 16, BLOCKS = 3 };
    for (int transposed = 0; transposed < 2; transposed++) {
        static unsigned char source[ROWS * COLUMNS * sizeof(float) + 1];
        const int64_t sk = transposed ? 1 : COLUMNS, sn = transposed ? ROWS : 1;
        int8_t q[BLOCKS * ROWS * ROW + 1], wanted[BLOCKS * ROWS * ROW] = {0};
        float scales[BLOCKS * ROW + 1], wanted_scales[BLOCKS * ROW] = {0};
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < COLUMNS; c++) {
                int n = r == c % ROWS ? -127 : (r * 37 + c * 11) % 251 - 125; /* the largest is in a row of its own */
                float x = (float)n * (float)(1 << c % 20) / 256;
                memcpy(source + 1 + (r * sk + c * sn) * (int64_t)sizeof x, &x, sizeof x);
                wanted[(c / ROW * ROWS + r) * ROW + c % ROW] = (int8_t)n;
                wanted_scales[c] = (float)(1 << c % 20) / 256;
            }
        tn__pack p = {2, 3, true, {{ROWS, sk}, {COLUMNS, sn}}, {{1, BLOCKS, ROW}, {0, ROWS, 1}, {1, ROW, 1}}, 0, TN__PACK_I8};
        tn__pack s = {2, 2, true, {{ROWS, sk}, {COLUMNS, sn}}, {{1, BLOCKS, ROW}, {1, ROW, 1}}, 0, TN__PACK_SCALES};
        assert_int_equal(tn__pack_item(&p, TN_DTYPE_f32), 1);
        assert_int_equal(tn__pack_item(&s, TN_DTYPE_f32), sizeof(float));
        assert_false(tn__pack_equal(&p, &s));
        for (int64_t slices = 1; slices <= BLOCKS; slices++) {
            memset(q, 0x5a, sizeof q), memset(scales, 0x5a, sizeof scales);
            for (int64_t at = 0; at < BLOCKS; at += slices) {
                int64_t end = at + slices < BLOCKS ? at + slices : BLOCKS;
                tn__pack_move(&p, TN_DTYPE_f32, source + 1, q, at, end);
                tn__pack_move(&s, TN_DTYPE_f32, source + 1, scales, at, end);
            }
            assert_memory_equal(q, wanted, sizeof wanted);
            assert_memory_equal(scales, wanted_scales, sizeof wanted_scales);
            assert_int_equal(q[sizeof wanted], 0x5a); /* nothing beyond */
        }
    }
}

/* One constant packed the same way for two kernels lies in memory once. */
static void test_shared(void **state) {
    uint64_t bytes[2];
    for (int more = 0; more < 2; more++) {
        tn_context *c;
        tn_graph *g;
        tn_options *o;
        tn_executable *exe;
        tn_tensor *w;
        assert_null(tn_context_create(NULL, &c));
        assert_null(tn_graph_create(c, "net", &g));
        assert_null(tn_tensor_create(c, TN_DTYPE_f32, 2, (int64_t[]){40, 48}, &w));
        tn_value right = tn_graph_constant(g, w);
        for (int k = 0; k <= more; k++) {
            tn_value in[2] = {tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){3, 40}), right};
            tn_graph_output(g, "y", tn_graph_op(g, "matmul", in, 2, NULL, 0, 1));
        }
        assert_null(tn_options_create(c, &o));
        assert_null(tn_options_set(o, "cache", "off"));
        assert_null(tn_compile(g, o, &exe));
        tn_executable_stats s = {.struct_size = sizeof s};
        assert_null(tn_executable_get_stats(exe, &s));
        assert_int_equal(s.n_kernels, 1 + more);
        bytes[more] = s.constant_bytes;
        tn_executable_release(exe), tn_options_release(o), tn_graph_release(g), tn_tensor_release(w), tn_context_release(c);
    }
    assert_true(bytes[0] >= 40 * 48 * 4);
    assert_int_equal(bytes[0], bytes[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layouts), cmocka_unit_test(test_widening), cmocka_unit_test(test_columns), cmocka_unit_test(test_shared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
