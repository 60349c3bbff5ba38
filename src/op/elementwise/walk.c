/* Walking broadcast operands in runs along the last dimension. */
#include "op/elementwise/elementwise.h"

bool tn__walk_begin(tn__walk *w, const tn_tensor *out, uint32_t n, const tn_tensor *const *in) {
    if (!out->elements) return false;
    w->rank = out->rank ? out->rank - 1 : 0;
    w->n = n;
    w->run = out->rank ? out->dims[out->rank - 1] : 1;
    for (int32_t i = 0; i < w->rank; i++) w->dims[i] = out->dims[i], w->index[i] = 0;
    for (uint32_t k = 0; k < n; k++) {
        int64_t strides[TN_MAX_RANK + 1] = {0};
        tn__broadcast_strides(in[k], out->rank, strides);
        for (int32_t i = 0; i < w->rank; i++) w->strides[k][i] = strides[i];
        w->step[k] = out->rank ? strides[out->rank - 1] : 0;
        w->at[k] = 0;
    }
    return true;
}

bool tn__walk_next(tn__walk *w) {
    for (int32_t i = w->rank - 1; i >= 0; i--) {
        if (++w->index[i] < w->dims[i]) {
            for (uint32_t k = 0; k < w->n; k++) w->at[k] += w->strides[k][i];
            return true;
        }
        w->index[i] = 0;
        for (uint32_t k = 0; k < w->n; k++) w->at[k] -= w->strides[k][i] * (w->dims[i] - 1);
    }
    return false;
}
