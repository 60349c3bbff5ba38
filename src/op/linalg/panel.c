/* Register-tiled f64 product, see panel.h. 4 x 4 sums stay in registers over the whole depth; measured against the plain i-k-j loop
 * it spares the load and store of every sum, which is what keeps the reference device usable on whole networks. */
#include "op/linalg/panel.h"

void tn__panel_pack(int64_t n, int64_t k, const double *b, int64_t row_stride, int64_t column_stride, double *panels) {
    for (int64_t j = 0; j < n; j += TN__PANEL)
        for (int64_t p = 0; p < k; p++)
            for (int64_t t = 0; t < TN__PANEL; t++) *panels++ = j + t < n ? b[p * row_stride + (j + t) * column_stride] : 0;
}

static void tile4(int64_t k, const double *a, int64_t rs, int64_t cs, const double *restrict panel, double out[4][TN__PANEL]) {
    double sum[4][TN__PANEL] = {{0}};
    for (int64_t p = 0; p < k; p++, panel += TN__PANEL) {
        const double *column = a + p * cs;
        double x0 = column[0], x1 = column[rs], x2 = column[2 * rs], x3 = column[3 * rs];
        for (int t = 0; t < TN__PANEL; t++) {
            sum[0][t] += x0 * panel[t];
            sum[1][t] += x1 * panel[t];
            sum[2][t] += x2 * panel[t];
            sum[3][t] += x3 * panel[t];
        }
    }
    memcpy(out, sum, sizeof sum);
}

static void tile1(int64_t k, const double *a, int64_t cs, const double *restrict panel, double out[TN__PANEL]) {
    double sum[TN__PANEL] = {0};
    for (int64_t p = 0; p < k; p++, panel += TN__PANEL)
        for (int t = 0; t < TN__PANEL; t++) sum[t] += a[p * cs] * panel[t];
    memcpy(out, sum, sizeof sum);
}

void tn__panel_product(int64_t m, int64_t n, int64_t k, const double *a, int64_t rs, int64_t cs, const double *panels, double *c,
                       int64_t c_stride) {
    double tile[4][TN__PANEL];
    for (int64_t i = 0; i < m;) {
        int64_t rows = m - i >= 4 ? 4 : 1;
        for (int64_t j = 0; j < n; j += TN__PANEL) {
            const double *panel = panels + j * k;
            if (rows == 4) tile4(k, a + i * rs, rs, cs, panel, tile);
            else tile1(k, a + i * rs, cs, panel, tile[0]);
            int64_t columns = n - j < TN__PANEL ? n - j : TN__PANEL;
            for (int64_t r = 0; r < rows; r++) memcpy(c + (i + r) * c_stride + j, tile[r], (size_t)columns * sizeof *c);
        }
        i += rows;
    }
}
