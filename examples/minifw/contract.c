/* Naive kernels that multiply and add over windows and rows: matmul, the three convolutions, max pooling. */
#include <string.h>

#include "minifw.h"

static float *f32(const fw_tensor *t) { return t->data; }
static void clear(const fw_tensor *t) { memset(t->data, 0, (size_t)t->n_elements * sizeof(float)); }

const char *fw_kernel_matmul(const fw_node *n) {
    int64_t rows = n->out->shape.dims[0], columns = n->out->shape.dims[1], depth = n->in[0]->shape.dims[!n->attrs.trans_a];
    int64_t a_row = n->attrs.trans_a ? 1 : depth, a_depth = n->attrs.trans_a ? rows : 1;
    int64_t b_depth = n->attrs.trans_b ? 1 : columns, b_column = n->attrs.trans_b ? depth : 1;
    clear(n->out);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < depth; k++) {
            float a = f32(n->in[0])[i * a_row + k * a_depth], *y = f32(n->out) + i * columns;
            const float *b = f32(n->in[1]) + k * b_depth;
            for (int64_t j = 0; j < columns; j++) y[j] += a * b[j * b_column];
        }
    return NULL;
}

/* y += x * w, x += y * w or w += x * y over all windows: a convolution and its two gradients, by which tensor is the target */
static void convolve(const fw_node *n, const fw_tensor *x, const fw_tensor *w, const fw_tensor *y) {
    const int64_t *xd = x->shape.dims, *wd = w->shape.dims, *yd = y->shape.dims, stride = n->attrs.stride, pad = n->attrs.pad;
    clear(n->out);
    for (int64_t image = 0; image < yd[0]; image++)
        for (int64_t oc = 0; oc < yd[1]; oc++)
            for (int64_t ic = 0; ic < xd[1]; ic++)
                for (int64_t tap = 0; tap < wd[2] * wd[3]; tap++)
                    for (int64_t oy = 0; oy < yd[2]; oy++) {
                        int64_t iy = oy * stride - pad + tap / wd[3];
                        if (iy < 0 || iy >= xd[2]) continue;
                        float *px = f32(x) + ((image * xd[1] + ic) * xd[2] + iy) * xd[3];
                        float *pw = f32(w) + (oc * wd[1] + ic) * wd[2] * wd[3] + tap;
                        float *py = f32(y) + ((image * yd[1] + oc) * yd[2] + oy) * yd[3];
                        for (int64_t ox = 0, ix = tap % wd[3] - pad; ox < yd[3]; ox++, ix += stride) {
                            if (ix < 0 || ix >= xd[3]) continue;
                            if (n->out == y)
                                py[ox] += px[ix] * *pw;
                            else if (n->out == x)
                                px[ix] += py[ox] * *pw;
                            else
                                *pw += px[ix] * py[ox];
                        }
                    }
}

const char *fw_kernel_conv2d(const fw_node *n) { return convolve(n, n->in[0], n->in[1], n->out), NULL; }
const char *fw_kernel_conv2d_grad_input(const fw_node *n) { return convolve(n, n->out, n->in[1], n->in[0]), NULL; }
const char *fw_kernel_conv2d_grad_weight(const fw_node *n) { return convolve(n, n->in[0], n->out, n->in[1]), NULL; }

/* out[window] = its largest; with `g`, out[place of the first largest] = g[window] */
static void pool(const fw_node *n, const fw_tensor *y, const float *g) {
    const int64_t *xd = n->in[0]->shape.dims, *yd = y->shape.dims, size = n->attrs.size;
    for (int64_t i = 0; i < y->n_elements; i++) {
        int64_t first = (i / yd[3] / yd[2] * xd[2] + i / yd[3] % yd[2] * size) * xd[3] + i % yd[3] * size, best = first;
        for (int64_t k = 0; k < size * size; k++) {
            int64_t at = first + k / size * xd[3] + k % size;
            if (f32(n->in[0])[at] > f32(n->in[0])[best]) best = at;
        }
        f32(n->out)[g ? best : i] = g ? g[i] : f32(n->in[0])[best];
    }
}

const char *fw_kernel_max_pool(const fw_node *n) { return pool(n, n->out, NULL), NULL; }
const char *fw_kernel_max_pool_grad(const fw_node *n) { return clear(n->out), pool(n, n->in[1], f32(n->in[1])), NULL; }
