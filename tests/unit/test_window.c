/* Window geometry against ONNX's formulas, and the refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "op/conv/window.h"

typedef struct {
    const char *auto_pad;
    int64_t in, kernel, stride, dilation, pad_begin, pad_end;
    bool ceil_mode;
    int64_t want_out, want_begin, want_end;
} row;

static const row rows[] = {
    {"NOTSET", 7, 3, 2, 1, 1, 1, false, 4, 1, 1},
    {"NOTSET", 4, 3, 2, 1, 0, 0, false, 1, 0, 0},
    {"NOTSET", 4, 3, 2, 1, 0, 0, true, 2, 0, 0},
    {"NOTSET", 2, 1, 2, 1, 0, 0, true, 1, 0, 0},  /* the second window would start outside */
    {"NOTSET", 3, 3, 3, 1, 1, 1, true, 2, 1, 1},
    {"NOTSET", 5, 2, 1, 3, 0, 0, false, 2, 0, 0},
    {"SAME_UPPER", 5, 3, 2, 1, 0, 0, false, 3, 1, 1},
    {"SAME_UPPER", 4, 3, 2, 1, 0, 0, false, 2, 0, 1},
    {"SAME_LOWER", 4, 3, 2, 1, 0, 0, false, 2, 1, 0},
    {"SAME_UPPER", 6, 1, 3, 1, 0, 0, true, 2, 0, 0},
    {"VALID", 5, 3, 2, 1, 4, 4, false, 2, 0, 0},
    {"NOTSET", -1, 3, 2, 1, 1, 1, false, -1, 1, 1},
    {"SAME_UPPER", -1, 3, 2, 1, 0, 0, false, -1, -1, -1},
};

static tn__window_spec spec_of(const row *r, const int64_t *pads) {
    return (tn__window_spec){.auto_pad = r->auto_pad, .kernel_shape = {1, &r->kernel}, .strides = {1, &r->stride},
                             .dilations = {1, &r->dilation}, .pads = {2, pads}, .ceil_mode = r->ceil_mode};
}

static void test_resolve(void **state) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        int64_t pads[2] = {r->pad_begin, r->pad_end};
        tn__window_spec spec = spec_of(r, pads);
        tn__window w;
        assert_null(tn__window_resolve(&tn__allocator_malloc, &spec, 1, &r->in, NULL, &w));
        if (w.out[0] != r->want_out || w.pad_begin[0] != r->want_begin || w.pad_end[0] != r->want_end)
            fail_msg("row %zu: out %lld, pads %lld %lld", i, (long long)w.out[0], (long long)w.pad_begin[0], (long long)w.pad_end[0]);
        /* the taps of every output are exactly those that fall inside */
        for (int64_t o = 0; o < w.out[0]; o++) {
            int64_t begin, end;
            tn__window_taps(&w, 0, o, &begin, &end);
            for (int64_t k = 0; k < w.kernel[0]; k++) {
                int64_t p = o * w.stride[0] - w.pad_begin[0] + k * w.dilation[0];
                assert_int_equal(k >= begin && k < end, p >= 0 && p < w.in[0]);
            }
        }
    }
}

static void test_transposed(void **state) {
    int64_t in = 3, kernel = 3, stride = 2, extra = 1, shape = 10, pads[2] = {1, 0};
    tn__window_spec spec = {.kernel_shape = {1, &kernel}, .strides = {1, &stride}, .pads = {2, pads}, .output_padding = {1, &extra}};
    tn__window w;
    assert_null(tn__window_resolve_transposed(&tn__allocator_malloc, &spec, 1, &in, NULL, &w));
    assert_int_equal(w.out[0], 7);
    spec.output_shape = (tn__ints){1, &shape};
    assert_null(tn__window_resolve_transposed(&tn__allocator_malloc, &spec, 1, &in, NULL, &w));
    assert_int_equal(w.out[0], 10);
    assert_int_equal(w.pad_begin[0], 0);
}

static void refused(const row *r, tn_error_code code) {
    int64_t pads[2] = {r->pad_begin, r->pad_end};
    tn__window_spec spec = spec_of(r, pads);
    tn__window w;
    tn_error *e = tn__window_resolve(&tn__allocator_malloc, &spec, 1, &r->in, NULL, &w);
    assert_int_equal(tn_error_get_code(e), code);
    tn_error_destroy(e);
}

static void test_refusals(void **state) {
    refused(&(row){.auto_pad = "SAME", .in = 4, .kernel = 3, .stride = 1, .dilation = 1}, TN_ERROR_INVALID_ARGUMENT);
    refused(&(row){.auto_pad = "NOTSET", .in = 4, .kernel = 3, .stride = 0, .dilation = 1}, TN_ERROR_OUT_OF_RANGE);
    refused(&(row){.auto_pad = "NOTSET", .in = 4, .kernel = 3, .stride = 1, .dilation = INT64_MAX}, TN_ERROR_OUT_OF_RANGE);
    refused(&(row){.auto_pad = "NOTSET", .in = 4, .kernel = 3, .stride = 1, .dilation = 1, .pad_begin = -1}, TN_ERROR_OUT_OF_RANGE);
    refused(&(row){.auto_pad = "NOTSET", .in = 2, .kernel = 3, .stride = 1, .dilation = 1}, TN_ERROR_SHAPE_MISMATCH);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resolve), cmocka_unit_test(test_transposed), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
