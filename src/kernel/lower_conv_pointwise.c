/* Pointwise convolution on row-major values: a product of the weights [oc][ic] with the pixels [ic][pixels], vectors along the pixels.
 * For a network's first and last convolutions and for those run alone: blocking their values would cost more than it gains. */
#include "kernel/lower_window.h"
#include "kernel/pack.h"

enum { LEAST_VECTORS = 4 };

bool tn__lower_pointwise_ok(const tn__lower *l, const tn__node *conv) {
    const tn__attrs_conv *at = conv->attrs;
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, conv, 0));
    tn__window w;
    if (at->group != 1 || x->dims[1] < l->w) return false;
    tn_error *e = tn__lower_conv_window(l, conv, &w);
    if (e) return tn_error_destroy(e), false;
    int64_t pixels = w.in[w.rank - 1];
    if (w.rank > 1) {
        if (!tn__window_flatten(&w)) return false;
        pixels = w.in[0];
    } else if (w.kernel[0] != 1 || w.stride[0] != 1 || w.pad_begin[0] || w.out[0] != w.in[0]) {
        return false;
    }
    int64_t vectors = tn__ceil_div(pixels, l->w);
    return vectors >= LEAST_VECTORS && pixels * 4 >= vectors * l->w * 3; /* else too many lanes would idle */
}

tn_error *tn__lower_conv_pointwise(tn__lower *l, uint32_t root, const tn__node *n) {
    const tn_graph *g = l->g;
    tn_value xv = tn__in(g, n, 0), kv = tn__in(g, n, 1);
    const tn__type *x = tn__type_of(g, xv), *out = tn__type_of(g, tn__out(n, 0));
    int64_t ic = x->dims[1], oc = out->dims[1], pixels = 1, w = l->w;
    tn__kernel *k = tn__lower_kernel(l, "pwconv", root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = root, .rank = out->rank};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    bool apart = tn__lower_partly_broadcast(l, root, 2); /* then lines of pixels stay apart */
    int32_t last = out->rank - 1, mr, nv;
    tn__kmap in = {0}, weight = {0};
    for (int32_t i = 2; i < out->rank; i++) pixels *= out->dims[i];
    in.stride[tn__build_dim(&b, out->dims[0], 0, 1)] = ic * pixels;
    int64_t line = apart ? out->dims[last] : pixels, stride = pixels;
    for (int32_t i = 2; apart && i < last; i++) {
        stride /= out->dims[i];
        in.stride[tn__build_dim(&b, out->dims[i], i, 1)] = stride;
    }
    int64_t vectors = tn__ceil_div(line, w);
    tn__lower_choose_tile(oc, vectors, l->registers, 28, false, &mr, &nv);
    int32_t d_j = tn__build_dim(&b, vectors, last, w), d_m = tn__build_dim(&b, oc, 1, 1), d_lane = tn__build_dim(&b, w, last, 1);
    k->n_spatial = k->n_dims;
    int32_t d_k = tn__build_dim(&b, ic, -1, 1);
    in.stride[d_j] = w, in.stride[d_lane] = 1, in.stride[d_k] = pixels;
    weight.stride[d_m] = 1, weight.stride[d_k] = oc;

    uint32_t slot;
    /* [ic][oc], so that a step's rows lie together */
    tn__pack turned = {.n_axes = 2, .n_dims = 2, .widen = true, .axes = {{oc, ic}, {ic, 1}}, .dims = {{1, ic, 1}, {0, oc, 1}}};
    tn_error *e = tn__pack_value(l, kv, &turned, &slot);
    int32_t left = e ? -1 : tn__kx_load(k, tn__build_buffer(&b, slot, TN_DTYPE_f32), &weight), right = -1;
    if (!e && !(e = tn__lower_get(l, xv, 0, 0, &slot))) right = tn__kx_load(k, tn__build_buffer(&b, slot, x->dtype), &in);
    k->body = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, left, right, -1);
    k->reduce = TN__KX_ADD;
    b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    if (!e) e = tn__lower_conv_bias(&b, n, oc);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    k->lanes = l->w;
    k->v = d_lane, k->v_tail = (int32_t)(line % w);
    k->j = d_j, k->nv = nv;
    k->m = d_m, k->mr = mr;
    tn__lower_chunk_rows(k, out->dims[0] * (pixels / line) * tn__ceil_div(vectors, nv));
    k->flops = 2.0 * (double)out->dims[0] * (double)oc * (double)pixels * (double)ic;
    return tn__lower_launch(l, k, b.slots, root);
}
