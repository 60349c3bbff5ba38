/* non_max_suppression (ONNX NonMaxSuppression, opset 11): boxes [B, N, 4], scores [B, C, N] -> rows (batch, class, box). */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "op/op.h"

tn_error *tn__infer_nms(tn__infer *c) {
    for (uint32_t k = 0; k < 2; k++) {
        if (!tn__dtype_is_float(c->types[k].dtype))
            return TN__INFER_FAIL(c, TYPE_MISMATCH, "operand %u: found %s, wanted f32", k, tn_dtype_name(c->types[k].dtype));
        if (c->types[k].rank >= 0 && c->types[k].rank != 3)
            return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand %u: found rank %d, wanted 3", k, c->types[k].rank);
    }
    if (c->types[0].rank == 3 && c->types[0].dims[2] >= 0 && c->types[0].dims[2] != 4)
        return TN__INFER_FAIL(c, SHAPE_MISMATCH, "operand 0 (boxes): dimension 2 is %" PRId64 ", wanted 4", c->types[0].dims[2]);
    int64_t *dims = tn__shape_dims(c, 2);
    if (!dims) return tn__error_oom();
    dims[1] = 3;
    tn__shape_set(c, 0, TN_DTYPE_i64, 2, dims);
    return NULL;
}

typedef struct candidate {
    double score;
    int64_t box;
} candidate;

static int by_score(const void *a, const void *b) { /* high first; equal ones by box number */
    const candidate *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score ? -1 : 1) : (x->box > y->box) - (x->box < y->box);
}

typedef struct corners {
    double x1, y1, x2, y2;
} corners;

static corners corners_of(const tn_tensor *boxes, int64_t at, bool center) {
    double v[4];
    for (int64_t i = 0; i < 4; i++) v[i] = tn__load_f64(boxes->dtype, boxes->data, at * 4 + i);
    if (center) return (corners){v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2};
    return (corners){fmin(v[1], v[3]), fmin(v[0], v[2]), fmax(v[1], v[3]), fmax(v[0], v[2])};
}

static bool overlaps(const corners *a, const corners *b, double threshold) {
    double w = fmin(a->x2, b->x2) - fmax(a->x1, b->x1), h = fmin(a->y2, b->y2) - fmax(a->y1, b->y1);
    if (!(w > 0) || !(h > 0)) return false;
    double area_a = (a->x2 - a->x1) * (a->y2 - a->y1), area_b = (b->x2 - b->x1) * (b->y2 - b->y1), all = area_a + area_b - w * h;
    return area_a > 0 && area_b > 0 && all > 0 && w * h / all > threshold;
}

static double scalar(const tn__eval *c, uint32_t k, double otherwise) {
    const tn_tensor *t = tn__eval_in(c, k);
    return t && t->elements ? tn__load_f64(t->dtype, t->data, 0) : otherwise;
}

typedef TN__VEC(int64_t) row_list;

static tn_error *select_class(tn__eval *c, int64_t batch, int64_t class_, candidate *found, corners *kept, row_list *rows) {
    const tn_tensor *boxes = c->in[0], *scores = c->in[1];
    const tn__attrs_nms *at = c->attrs;
    double most = scalar(c, 2, 0), iou = scalar(c, 3, 0), lowest = scalar(c, 4, -INFINITY);
    int64_t n = boxes->dims[1], n_found = 0, n_kept = 0;
    for (int64_t i = 0; i < n; i++) {
        double s = tn__load_f64(scores->dtype, scores->data, (batch * scores->dims[1] + class_) * n + i);
        if (s > lowest || (!tn__eval_in(c, 4) && s == s)) found[n_found++] = (candidate){s, i};
    }
    qsort(found, (size_t)n_found, sizeof *found, by_score);
    for (int64_t i = 0; i < n_found && (double)n_kept < most; i++) {
        corners box = corners_of(boxes, batch * n + found[i].box, at->center_point_box != 0);
        bool free_ = true;
        for (int64_t k = 0; free_ && k < n_kept; k++) free_ = !overlaps(&box, &kept[k], iou);
        if (!free_) continue;
        kept[n_kept++] = box;
        if (!TN__PUSH(c->a, rows, batch) || !TN__PUSH(c->a, rows, class_) || !TN__PUSH(c->a, rows, found[i].box)) return tn__error_oom();
    }
    return NULL;
}

tn_error *tn__eval_nms(tn__eval *c) {
    const tn_tensor *boxes = c->in[0], *scores = c->in[1];
    tn_tensor *out;
    if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4 || boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2])
        return TN__EVAL_FAIL(c, SHAPE_MISMATCH, "non_max_suppression: boxes and scores do not fit together");
    size_t n = (size_t)boxes->dims[1], found_bytes, kept_bytes;
    if (!tn__mul(n, sizeof(candidate), &found_bytes) || !tn__mul(n, sizeof(corners), &kept_bytes)) return tn__error_oom();
    candidate *found = tn__alloc(c->a, found_bytes);
    corners *kept = tn__alloc(c->a, kept_bytes);
    row_list rows = {0};
    tn_error *e = found && kept ? NULL : tn__error_oom();
    for (int64_t b = 0; !e && n && b < boxes->dims[0]; b++)
        for (int64_t k = 0; !e && k < scores->dims[1]; k++) e = select_class(c, b, k, found, kept, &rows);
    if (!e) e = tn__eval_out(c, 0, TN_DTYPE_i64, 2, (int64_t[]){(int64_t)rows.count / 3, 3}, &out);
    if (!e && rows.count) memcpy(out->data, rows.data, rows.count * sizeof *rows.data);
    tn__free(c->a, found, found_bytes);
    tn__free(c->a, kept, kept_bytes);
    TN__VEC_FREE(c->a, &rows);
    return e;
}
