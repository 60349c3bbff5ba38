/* The transforms of minimal filtering, transformed weights, and how far rounding can take a result.
 *
 * F(4,3) interpolates at 0, +-5/8, +-3/2 and infinity. These lose less than the usual 0, +-1, +-2: the sum in the bound below is about a quarter
 * for random weights. All numbers of B and A are exact in f32; those of G need not be.
 *
 * The bound. With u = 2^-24, every result of a transform by rows of at most s terms (not 0) is off by at most s roundings, each of relative
 * size u, of the sum of its terms' magnitudes; so through B twice, the rounding of the weights, the sum over c channels, and A twice
 *
 *   |error| <= gamma_r |A^T| [ sum over c of |G g G^T| . (|B^T| |d| |B|) ] |A|,    r = 2 s_B + 1 + c + 2 s_A,   gamma_r = r u / (1 - r u)
 *
 * (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). With |d| <= X the bracket is at most X times a number that the weights
 * decide. Relative to X * sum |g| of the output channel, the largest result that such inputs can give, its maximum over outputs and channels
 * is the bound of the layer. Denormal intermediate results are left out: they add some 2^-149. */
#include "kernel/winograd.h"

#include <math.h>

/* G of F(4,3), row of point p: (1, p, p^2) / product of (p - other points). */
#define INNER (1.0 / (2 * (25.0 / 64) * (25.0 / 64 - 9.0 / 4)))
#define OUTER (1.0 / (2 * (9.0 / 4) * (9.0 / 4 - 25.0 / 64)))

const tn__winograd tn__winograd_forms[TN__WINOGRAD_FORMS] = {
    {4, 6,
     {{225.0 / 256, 0, -169.0 / 64, 0, 1, 0},
      {0, -45.0 / 32, -9.0 / 4, 5.0 / 8, 1, 0},
      {0, 45.0 / 32, -9.0 / 4, -5.0 / 8, 1, 0},
      {0, -75.0 / 128, -25.0 / 64, 3.0 / 2, 1, 0},
      {0, 75.0 / 128, -25.0 / 64, -3.0 / 2, 1, 0},
      {0, 225.0 / 256, 0, -169.0 / 64, 0, 1}},
     {{256.0 / 225, 0, 0},
      {INNER, INNER * 5 / 8, INNER * 25 / 64},
      {INNER, -INNER * 5 / 8, INNER * 25 / 64},
      {OUTER, OUTER * 3 / 2, OUTER * 9 / 4},
      {OUTER, -OUTER * 3 / 2, OUTER * 9 / 4},
      {0, 0, 1}},
     {{1, 1, 1, 1, 1, 0},
      {0, 5.0 / 8, -5.0 / 8, 3.0 / 2, -3.0 / 2, 0},
      {0, 25.0 / 64, 25.0 / 64, 9.0 / 4, 9.0 / 4, 0},
      {0, 125.0 / 512, -125.0 / 512, 27.0 / 8, -27.0 / 8, 1}}},
    {2, 4,
     {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
     {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
     {{1, 1, 1, 0}, {0, 1, -1, 1}}},
};

/* The most terms of a row. */
static int32_t most_terms(const double (*rows)[TN__WINOGRAD_N], int32_t n) {
    int32_t most = 0;
    for (int32_t r = 0; r < n; r++) {
        int32_t terms = 0;
        for (int32_t i = 0; i < TN__WINOGRAD_N; i++) terms += rows[r][i] != 0;
        if (terms > most) most = terms;
    }
    return most;
}

/* u = G g G^T */
static void transform_one(const tn__winograd *f, const float *g, double u[TN__WINOGRAD_N][TN__WINOGRAD_N]) {
    double rows[TN__WINOGRAD_N][3];
    for (int32_t i = 0; i < f->n; i++)
        for (int32_t b = 0; b < 3; b++) rows[i][b] = f->g[i][0] * g[b] + f->g[i][1] * g[3 + b] + f->g[i][2] * g[6 + b];
    for (int32_t i = 0; i < f->n; i++)
        for (int32_t j = 0; j < f->n; j++) u[i][j] = rows[i][0] * f->g[j][0] + rows[i][1] * f->g[j][1] + rows[i][2] * f->g[j][2];
}

/* Largest element of |A^T| (sum . (|B^T| 1 |B|)) |A|. */
static double amplified(const tn__winograd *f, const double sum[TN__WINOGRAD_N][TN__WINOGRAD_N]) {
    double reach[TN__WINOGRAD_N] = {0}, largest = 0;
    for (int32_t i = 0; i < f->n; i++)
        for (int32_t j = 0; j < f->n; j++) reach[i] += fabs(f->bt[i][j]);
    for (int32_t a = 0; a < f->m; a++)
        for (int32_t b = 0; b < f->m; b++) {
            double y = 0;
            for (int32_t i = 0; i < f->n; i++)
                for (int32_t j = 0; j < f->n; j++) y += fabs(f->at[a][i]) * fabs(f->at[b][j]) * reach[i] * reach[j] * sum[i][j];
            if (y > largest || isnan(y)) largest = isnan(y) ? INFINITY : y;
        }
    return largest;
}

tn_error *tn__winograd_transform(tn_context *c, const tn__winograd *f, const tn_tensor *weights, double *out_error, tn_tensor **out_weights) {
    int64_t outputs = weights->dims[0], channels = weights->dims[1], dims[3] = {f->n * f->n, outputs, channels};
    const char *bytes = tn__tensor_bytes(weights); /* need not be aligned */
    float *to = NULL;
    if (out_weights) {
        TN__TRY(tn_tensor_create(c, TN_DTYPE_f32, 3, dims, out_weights));
        to = (*out_weights)->data;
    }
    double roundings = 2.0 * most_terms(f->bt, f->n) + 1 + (double)channels + 2.0 * most_terms(f->at, f->m), worst = 0;
    for (int64_t k = 0; k < outputs; k++) {
        double sum[TN__WINOGRAD_N][TN__WINOGRAD_N] = {{0}}, weight = 0;
        for (int64_t i = 0; i < channels; i++) {
            float g[9];
            double u[TN__WINOGRAD_N][TN__WINOGRAD_N];
            memcpy(g, bytes + (size_t)(k * channels + i) * sizeof g, sizeof g);
            for (int32_t t = 0; t < 9; t++) weight += fabs((double)g[t]);
            transform_one(f, g, u);
            for (int32_t p = 0; p < f->n * f->n; p++) {
                double x = u[p / f->n][p % f->n];
                sum[p / f->n][p % f->n] += fabs(x);
                if (to) to[((int64_t)p * outputs + k) * channels + i] = (float)x;
            }
        }
        double error = weight == 0 ? 0 : amplified(f, sum) / weight;
        if (error > worst || isnan(error)) worst = isnan(error) ? INFINITY : error;
    }
    double ru = roundings * 0x1p-24;
    *out_error = isfinite(worst) && ru < 0.5 ? worst * ru / (1 - ru) : INFINITY;
    return NULL;
}
