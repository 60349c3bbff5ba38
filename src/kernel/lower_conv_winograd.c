/* 3x3 convolution of stride 1 by minimal filtering (winograd.h) on channel-blocked data: five kernels over blocks of tiles.
 *
 *   rows:     lines of the input   -> B^T along y, for every column of a block     T1 [n][c/w][by][bx m + 2][w]
 *   columns:  T1                   -> B^T along x                                  V  [n n][c/w][t][w]
 *   product:  V x weights          -> sum over channels, for each of n n points    M  [n n][k/w][t][w]
 *   sums:     M                    -> A^T along y                                  T2 [k/w][m][t][n][w]
 *   result:   T2                   -> A^T along x, then bias and epilogue          pixels
 *
 * t = by bx tiles. The kernels are stages of one launch, so what they hand on stays in the second cache level; where the blocks would be too
 * few to share between threads, or too small to read all weights for, each kernel is a launch over all tiles, and weights are read once. */
#include "kernel/lower_window.h"
#include "kernel/pack.h"
#include "kernel/winograd.h"

enum {
    STAGES = 5,
    LEAST_BLOCKS = 8,
    FEW_TILES = 14, MANY_TILES = 28, /* of a block: where all weights stay in the second cache level, and where they come from further away */
    NEAR_BYTES = 1 << 20
};

typedef struct conv {
    tn__lower *l;
    uint32_t root;
    const tn__node *node;
    const tn__winograd *f;
    const tn__window *w;
    int64_t images, in_blocks, out_blocks;
    int64_t oy, ox, by, bx; /* blocks of an image, tiles of a block */
    int64_t held;           /* images in a block's memory: 1, or all of them */
    bool whole;             /* one block: each kernel a launch */
    int64_t tiles;          /* of a block */
    int32_t n_stages;
    tn__stage stages[STAGES];
    tn__scratch scratch[STAGES - 1];
    uint32_t slots[STAGES - 1]; /* T1, V, M, T2 */
} conv;

/* ---- sums with constant coefficients --------------------------------------------------------------------------- */

static int32_t add_term(tn__kernel *k, int32_t sum, double by, int32_t x) {
    if (by == 0) return sum;
    if (sum >= 0 && by == -1) return tn__kx(k, TN__KX_SUB, TN_DTYPE_f32, sum, x, -1);
    if (by != 1) x = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, x, tn__kx_const(k, TN_DTYPE_f32, by), -1);
    return sum < 0 ? x : tn__kx(k, TN__KX_ADD, TN_DTYPE_f32, sum, x, -1);
}

/* Columns i and i + 1 differ at most in sign, in every row. */
static bool columns_pair(const double (*rows)[TN__WINOGRAD_N], int32_t n_rows, int32_t i, int32_t n) {
    bool any = false;
    for (int32_t r = 0; r < n_rows && i + 1 < n; r++) {
        if (rows[r][i] != rows[r][i + 1] && rows[r][i] != -rows[r][i + 1]) return false;
        any |= rows[r][i] != 0;
    }
    return any;
}

/* Rows r and r + 1 differ in the sign of the odd columns. */
static bool rows_pair(const double *row, const double *next, int32_t n) {
    bool odd = false;
    for (int32_t i = 0; i < n; i++) {
        if (next[i] != (i % 2 ? -row[i] : row[i])) return false;
        odd |= i % 2 && row[i] != 0;
    }
    return odd;
}

/* out = rows x, with the sums that pairs of columns or rows have in common made once. */
static void transform(tn__kernel *k, const double (*rows)[TN__WINOGRAD_N], int32_t n_rows, int32_t n, const int32_t *x, int32_t *out) {
    int32_t sum[TN__WINOGRAD_N], difference[TN__WINOGRAD_N];
    bool paired[TN__WINOGRAD_N] = {false};
    for (int32_t i = 0; i < n; i++) {
        if (!columns_pair(rows, n_rows, i, n)) continue;
        sum[i] = tn__kx(k, TN__KX_ADD, TN_DTYPE_f32, x[i], x[i + 1], -1);
        difference[i] = tn__kx(k, TN__KX_SUB, TN_DTYPE_f32, x[i], x[i + 1], -1);
        paired[i++] = true;
    }
    for (int32_t r = 0; r < n_rows; r++) {
        int32_t part[2] = {-1, -1};
        bool pair = r + 1 < n_rows && rows_pair(rows[r], rows[r + 1], n);
        for (int32_t i = 0; i < n; i++) {
            int32_t *to = &part[pair && i % 2];
            if (paired[i]) *to = add_term(k, *to, rows[r][i], rows[r][i] == rows[r][i + 1] ? sum[i] : difference[i]), i++;
            else *to = add_term(k, *to, rows[r][i], x[i]);
        }
        out[r] = part[0];
        if (!pair) continue;
        out[r] = tn__kx(k, TN__KX_ADD, TN_DTYPE_f32, part[0], part[1], -1);
        out[++r] = tn__kx(k, TN__KX_SUB, TN_DTYPE_f32, part[0], part[1], -1);
    }
}

/* ---- stages ---------------------------------------------------------------------------------------------------- */

static int32_t add_dim(tn__kernel *k, int64_t extent) {
    k->extent[k->n_dims] = extent;
    return k->n_dims++;
}

enum { D_IMAGE, D_OY, D_OX, D_INNER }; /* the blocks are the first dims of every stage */

static tn__kernel *begin_stage(const conv *c, const char *stem, bool by_image) {
    tn__kernel *k = tn__lower_kernel(c->l, stem, c->root);
    if (!k) return NULL;
    add_dim(k, by_image || !c->whole ? c->images : 1);
    add_dim(k, c->oy);
    add_dim(k, c->ox);
    return k;
}

static tn_error *end_stage(conv *c, tn__kernel *k, const uint32_t *slots) {
    k->lanes = c->l->w;
    if (c->whole) return tn__lower_launch(c->l, k, slots, c->root);
    tn__kernel_finish(k);
    return tn__lower_stage(c->l, k, slots, c->root, &c->stages[c->n_stages++]);
}

/* Memory between two stages: of one block, or of all tiles. */
static tn_error *add_between(conv *c, int32_t i, int64_t elements) {
    size_t bytes = tn__dtype_bytes(TN_DTYPE_f32, elements);
    c->slots[i] = tn__lower_slot(c->l, c->whole ? TN__SLOT_ARENA : TN__SLOT_SCRATCH, bytes);
    if (c->slots[i] == TN__NO_SLOT) return tn__error_oom();
    size_t offset = i ? c->scratch[i - 1].offset + (c->l->p->slots.data[c->slots[i - 1]].bytes + 63) / 64 * 64 : 0;
    c->scratch[i] = (tn__scratch){.slot = c->slots[i], .offset = offset};
    if (!c->whole && offset + bytes > c->l->p->scratch_bytes) c->l->p->scratch_bytes = offset + bytes;
    return NULL;
}

/* A kernel that applies `rows` to n loads, `from` elements apart along src, and stores the sums `to` apart. */
static tn_error *end_transform(conv *c, tn__kernel *k, const double (*rows)[TN__WINOGRAD_N], int32_t n_rows, tn__kmap src, int64_t from,
                               tn__kmap dst, int64_t to, const tn__kguard *guards, int32_t n_guards, const uint32_t *slots) {
    int32_t x[TN__WINOGRAD_N], y[TN__WINOGRAD_N];
    k->n_buffers = 2;
    k->buffer_dtype[0] = k->buffer_dtype[1] = TN_DTYPE_f32;
    k->out_buffer = 1;
    k->n_spatial = k->n_dims;
    for (int32_t i = 0; i < c->f->n; i++) {
        x[i] = tn__kx_load(k, 0, &src);
        for (int32_t g = 0; g < n_guards; g++) {
            tn__kexpr *e = &k->exprs[x[i]];
            e->guard[e->n_guards] = guards[g];
            if (!g) e->guard[e->n_guards].map.offset += i; /* the guard of the axis that is walked comes first */
            e->n_guards++;
        }
        src.offset += from;
    }
    transform(k, rows, n_rows, c->f->n, x, y);
    k->epilogue = y[0];
    k->out_map = dst;
    for (int32_t r = 1; r < n_rows; r++) {
        dst.offset += to;
        k->stores[k->n_stores++] = (tn__kstore){y[r], 1, dst};
    }
    k->v = k->n_dims - 1;
    k->m = k->v - 1;
    k->mr = k->extent[k->m] < 2 ? 1 : 2;
    return end_stage(c, k, slots);
}

static tn_error *add_rows(conv *c, uint32_t input) {
    int64_t w = c->l->w, m = c->f->m, high = c->w->in[0], wide = c->w->in[1], columns = c->bx * m + 2, line = columns * w;
    int64_t row = c->by * line, all = c->held * c->in_blocks * row;
    TN__TRY(add_between(c, 0, c->f->n * all));
    tn__kernel *k = begin_stage(c, "wino_rows", true);
    if (!k) return tn__error_oom();
    int32_t d_c = add_dim(k, c->in_blocks), d_y = add_dim(k, c->by), d_x = add_dim(k, columns), d_lane = add_dim(k, w);
    tn__kmap src = {.offset = -(c->w->pad_begin[0] * wide + c->w->pad_begin[1]) * w}, dst = {0};
    src.stride[D_IMAGE] = c->in_blocks * high * wide * w;
    src.stride[D_OY] = c->by * m * wide * w, src.stride[d_y] = m * wide * w;
    src.stride[D_OX] = c->bx * m * w, src.stride[d_x] = w;
    src.stride[d_c] = high * wide * w, src.stride[d_lane] = 1;
    if (c->whole) dst.stride[D_IMAGE] = c->in_blocks * row;
    dst.stride[d_c] = row, dst.stride[d_y] = line, dst.stride[d_x] = w, dst.stride[d_lane] = 1;
    tn__kguard guards[2] = {{{.offset = -c->w->pad_begin[0]}, high}, {{.offset = -c->w->pad_begin[1]}, wide}};
    guards[0].map.stride[D_OY] = c->by * m, guards[0].map.stride[d_y] = m;
    guards[1].map.stride[D_OX] = c->bx * m, guards[1].map.stride[d_x] = 1;
    uint32_t slots[2] = {input, c->slots[0]};
    return end_transform(c, k, c->f->bt, c->f->n, src, wide * w, dst, all, guards, 2, slots);
}

static tn_error *add_columns(conv *c) {
    int64_t w = c->l->w, m = c->f->m, n = c->f->n, columns = c->bx * m + 2, line = columns * w, row = c->by * line;
    int64_t point = c->in_blocks * c->tiles * w;
    TN__TRY(add_between(c, 1, n * n * point));
    tn__kernel *k = begin_stage(c, "wino_columns", true);
    if (!k) return tn__error_oom();
    int32_t d_p = add_dim(k, n), d_c = add_dim(k, c->in_blocks), d_y = add_dim(k, c->by), d_x = add_dim(k, c->bx), d_lane = add_dim(k, w);
    tn__kmap src = {0}, dst = {0};
    if (c->whole) src.stride[D_IMAGE] = c->in_blocks * row, dst.stride[D_IMAGE] = c->by * c->bx * w;
    src.stride[d_p] = c->held * c->in_blocks * row, src.stride[d_c] = row, src.stride[d_y] = line, src.stride[d_x] = m * w;
    dst.stride[d_p] = n * point, dst.stride[d_c] = c->tiles * w, dst.stride[d_y] = c->bx * w, dst.stride[d_x] = w;
    src.stride[d_lane] = dst.stride[d_lane] = 1;
    uint32_t slots[2] = {c->slots[0], c->slots[1]};
    return end_transform(c, k, c->f->bt, c->f->n, src, w, dst, point, NULL, 0, slots);
}

static tn_error *pack_weights(const conv *c, tn_tensor *weights, int32_t nv, uint32_t *out_slot) {
    int64_t points = weights->dims[0], outputs = weights->dims[1], channels = weights->dims[2], w = c->l->w, row = nv * w;
    tn__pack p = {3, 5, false, {{points, outputs * channels}, {outputs, channels}, {channels, 1}},
                  {{0, points, 1}, {1, tn__ceil_div(outputs, row), row}, {2, c->in_blocks, w}, {2, w, 1}, {1, row, 1}}, 0, TN__PACK_AS_IS};
    return tn__pack_slot(c->l, weights, &p, out_slot);
}

static tn_error *add_product(conv *c, tn_tensor *weights) {
    int64_t w = c->l->w, points = (int64_t)c->f->n * c->f->n, out_point = c->out_blocks * c->tiles * w;
    int32_t mr, nv;
    tn__lower_choose_tile(c->tiles, c->out_blocks, c->l->registers, 28, c->out_blocks <= 8 || c->out_blocks % 2 == 0, &mr, &nv);
    bool interleave = c->out_blocks % nv == 0;
    int64_t row = interleave ? nv * w : w, panel = c->in_blocks * w * row;
    uint32_t slots[3] = {c->slots[1], 0, 0};
    TN__TRY(add_between(c, 2, points * out_point));
    slots[2] = c->slots[2];
    TN__TRY(pack_weights(c, weights, interleave ? nv : 1, &slots[1]));
    tn__kernel *k = begin_stage(c, "wino_mm", false);
    if (!k) return tn__error_oom();
    int32_t d_p = add_dim(k, points), d_jt = -1, d_j;
    if (interleave) d_jt = add_dim(k, c->out_blocks / nv);
    else d_j = add_dim(k, c->out_blocks);
    int32_t d_t = add_dim(k, c->tiles);
    if (interleave) d_j = add_dim(k, nv);
    int32_t d_lane = add_dim(k, w);
    k->n_spatial = k->n_dims;
    int32_t d_c = add_dim(k, c->in_blocks), d_i = add_dim(k, w);
    tn__kmap left = {0}, right = {0};
    left.stride[d_p] = c->in_blocks * c->tiles * w, left.stride[d_c] = c->tiles * w, left.stride[d_t] = w, left.stride[d_i] = 1;
    right.stride[d_p] = tn__ceil_div(c->out_blocks, interleave ? nv : 1) * panel;
    right.stride[d_c] = w * row, right.stride[d_i] = row, right.stride[d_lane] = 1;
    right.stride[d_j] = interleave ? w : panel;
    if (interleave) right.stride[d_jt] = panel;
    k->out_map.stride[d_p] = out_point, k->out_map.stride[d_j] = c->tiles * w, k->out_map.stride[d_t] = w, k->out_map.stride[d_lane] = 1;
    if (interleave) k->out_map.stride[d_jt] = nv * c->tiles * w;
    k->n_buffers = 3;
    for (int32_t b = 0; b < 3; b++) k->buffer_dtype[b] = TN_DTYPE_f32;
    k->out_buffer = 2;
    int32_t x = tn__kx_load(k, 0, &left), y = tn__kx_load(k, 1, &right);
    const tn__type *x_type = tn__type_of(c->l->g, tn__in(c->l->g, c->node, 0));
    k->body = tn__lower_product(c->l, k, x_type->dtype, x, y);
    k->reduce = TN__KX_ADD;
    k->epilogue = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    k->v = d_lane, k->j = d_j, k->nv = nv, k->m = d_t, k->mr = mr;
    k->flops = 2.0 * (double)points * (double)c->tiles * (double)(c->oy * c->ox) * (double)(c->images / c->held) * (double)x_type->dims[1] *
               (double)weights->dims[1];
    return end_stage(c, k, slots);
}

static tn_error *add_sums(conv *c) {
    int64_t w = c->l->w, m = c->f->m, n = c->f->n, point = c->out_blocks * c->tiles * w, line = c->tiles * n * w;
    TN__TRY(add_between(c, 3, c->out_blocks * m * line));
    tn__kernel *k = begin_stage(c, "wino_sums", false);
    if (!k) return tn__error_oom();
    int32_t d_k = add_dim(k, c->out_blocks), d_p = add_dim(k, n), d_t = add_dim(k, c->tiles), d_lane = add_dim(k, w);
    tn__kmap src = {0}, dst = {0};
    src.stride[d_p] = point, src.stride[d_k] = c->tiles * w, src.stride[d_t] = w, src.stride[d_lane] = 1;
    dst.stride[d_k] = m * line, dst.stride[d_p] = w, dst.stride[d_t] = n * w, dst.stride[d_lane] = 1;
    uint32_t slots[2] = {c->slots[2], c->slots[3]};
    return end_transform(c, k, c->f->at, c->f->m, src, n * point, dst, line, NULL, 0, slots);
}

/* A as a constant that the last stage reads. */
static tn_error *coefficients(const conv *c, uint32_t *out_slot) {
    tn_tensor *t;
    int64_t dims[2] = {c->f->m, c->f->n};
    TN__TRY(tn_tensor_create(c->l->c, TN_DTYPE_f32, 2, dims, &t));
    for (int64_t i = 0; i < t->elements; i++) ((float *)t->data)[i] = (float)c->f->at[i / c->f->n][i % c->f->n];
    tn_error *e = tn__lower_constant_slot(c->l, t, out_slot);
    tn_tensor_release(t);
    return e;
}

/* Pixels behind the image's end are neither stored nor, by the epilogue, read. */
static void guard_pixels(tn__kernel *k, const tn__build *b, const tn__window *w, const bool *ragged, int32_t first_expr) {
    tn__kguard guards[2] = {{{0}, w->out[0]}, {{0}, w->out[1]}};
    for (int32_t d = 0; d < k->n_spatial; d++)
        if (b->axis_of_dim[d] >= 2) guards[b->axis_of_dim[d] - 2].map.stride[d] = b->mul_of_dim[d];
    for (int32_t axis = 0; axis < 2; axis++) {
        if (!ragged[axis]) continue;
        k->out_guard[k->n_out_guards++] = guards[axis];
        for (int32_t i = first_expr; i < k->n_exprs; i++) {
            tn__kexpr *x = &k->exprs[i];
            bool walks = false;
            for (int32_t d = 0; d < k->n_spatial; d++) walks |= b->axis_of_dim[d] == axis + 2 && x->map.stride[d];
            if (x->op == TN__KX_LOAD && walks) x->guard[x->n_guards++] = guards[axis];
        }
    }
}

static tn_error *add_result(conv *c) {
    tn__lower *l = c->l;
    int64_t w = l->w, m = c->f->m, n = c->f->n, line = c->tiles * n * w;
    uint32_t table;
    TN__TRY(coefficients(c, &table));
    tn__kernel *k = tn__lower_kernel(l, "wino_out", c->root);
    if (!k) return tn__error_oom();
    tn__build b = {.l = l, .k = k, .root = c->root, .rank = 4, .block = l->w};
    for (int32_t d = 0; d < TN__K_DIMS; d++) b.axis_of_dim[d] = -1, b.mul_of_dim[d] = 1;
    tn__build_dim(&b, c->images, 0, 1);
    tn__build_dim(&b, c->oy, 2, c->by * m);
    tn__build_dim(&b, c->ox, 3, c->bx * m);
    int32_t d_k = tn__build_dim(&b, c->out_blocks, 1, w), d_ty = tn__build_dim(&b, c->by, 2, m), d_y = tn__build_dim(&b, m, 2, 1);
    int32_t d_tx = tn__build_dim(&b, c->bx, 3, m), d_x = tn__build_dim(&b, m, 3, 1), d_lane = tn__build_dim(&b, w, 1, 1);
    k->n_spatial = k->n_dims;
    int32_t d_p = tn__build_dim(&b, n, -1, 1);
    k->unroll = 1u << d_p;
    tn__kmap sums = {0}, coefficient = {0};
    if (c->whole) sums.stride[D_IMAGE] = c->by * c->bx * n * w;
    sums.stride[d_k] = m * line, sums.stride[d_y] = line, sums.stride[d_ty] = c->bx * n * w, sums.stride[d_tx] = n * w;
    sums.stride[d_p] = w, sums.stride[d_lane] = 1;
    coefficient.stride[d_x] = n, coefficient.stride[d_p] = 1;
    int32_t x = tn__kx_load(k, tn__build_buffer(&b, c->slots[3], TN_DTYPE_f32), &sums);
    int32_t a = tn__kx_load(k, tn__build_buffer(&b, table, TN_DTYPE_f32), &coefficient);
    k->body = tn__kx(k, TN__KX_MUL, TN_DTYPE_f32, x, a, -1);
    k->reduce = TN__KX_ADD;
    b.memo_red = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    int32_t first = k->n_exprs;
    tn_error *e = tn__lower_conv_bias(&b, c->node, tn__type_of(l->g, tn__out(c->node, 0))->dims[1]);
    if (!e) e = tn__build_epilogue(&b);
    if (e) return tn__free(l->a, k, sizeof *k), e;
    guard_pixels(k, &b, c->w, (const bool[]){c->oy * c->by * m != c->w->out[0], c->ox * c->bx * m != c->w->out[1]}, first);
    k->v = d_lane;
    k->m = d_x, k->mr = (int32_t)m;
    k->j = d_tx, k->nv = (int32_t)(c->bx < 4 ? c->bx : 4);
    return end_stage(c, k, b.slots);
}

static tn_error *add_stages(conv *c, uint32_t input, tn_tensor *weights) {
    TN__TRY(add_rows(c, input));
    TN__TRY(add_columns(c));
    TN__TRY(add_product(c, weights));
    TN__TRY(add_sums(c));
    TN__TRY(add_result(c));
    if (c->whole) return NULL;
    tn__lower *l = c->l;
    tn__step s = {.kind = TN__STEP_KERNEL, .source = l->source, .n_stages = STAGES, .n_scratch = STAGES - 1};
    s.outer = c->images * c->oy * c->ox;
    int64_t work = 0;
    for (int32_t i = 0; i < STAGES; i++) {
        const tn__kernel *k = l->p->kernels.data[c->stages[i].kernel];
        c->stages[i].inner = k->grid / s.outer;
        work += k->work * c->stages[i].inner;
    }
    s.grain = TN__WORK_A_THREAD / work + 1;
    s.stages = tn__arena_copy(&l->p->arena, c->stages, sizeof c->stages);
    s.scratch = tn__arena_copy(&l->p->arena, c->scratch, sizeof c->scratch);
    return s.stages && s.scratch && TN__PUSH(l->a, &l->p->steps, s) ? NULL : tn__error_oom();
}

/* ---- choice ---------------------------------------------------------------------------------------------------- */

static bool is_candidate(const tn__lower *l, const tn__node *n, const tn__window *w) {
    const tn__type *x = tn__type_of(l->g, tn__in(l->g, n, 0));
    if (((const tn__attrs_conv *)n->attrs)->group != 1 || w->rank != 2 || x->dtype != TN_DTYPE_f32 || x->dims[0] < 1) return false;
    for (int32_t i = 0; i < 2; i++)
        if (w->kernel[i] != 3 || w->stride[i] != 1 || w->dilation[i] != 1) return false;
    return tn__constant_peek(l->g, tn__in(l->g, n, 1)) != NULL;
}

static double weight_bytes(const conv *c) {
    return 4.0 * c->f->n * c->f->n * (double)(c->in_blocks * c->out_blocks) * c->l->w * c->l->w;
}

/* Cuts the image into blocks of tiles; false: too few of them. */
static bool cut(conv *c, bool whole) {
    int64_t ty = tn__ceil_div(c->w->out[0], c->f->m), tx = tn__ceil_div(c->w->out[1], c->f->m), most = weight_bytes(c) > NEAR_BYTES ? MANY_TILES : FEW_TILES;
    c->whole = whole;
    c->held = whole ? c->images : 1;
    c->ox = whole ? 1 : tn__ceil_div(tx, most);
    c->bx = tn__ceil_div(tx, c->ox);
    c->by = whole ? ty : 1;
    for (int64_t by = 2; !whole && by * c->bx <= most && by <= ty; by++)
        if (ty % by == 0 && c->images * (ty / by) * c->ox >= LEAST_BLOCKS) c->by = by;
    c->oy = ty / c->by;
    c->tiles = c->held * c->by * c->bx;
    return whole || c->images * c->oy * c->ox >= LEAST_BLOCKS;
}

/* Cycles that the convolution is expected to take. Two multiply-adds of vectors a cycle at what kernels reach of it, or the weights if they take
 * longer: once from memory, again for each block from the last cache level; the transforms of each vector of channels of a tile; what is handed
 * from launch to launch, if the tiles are not cut into blocks; and the launches. The choice may not depend on the number of threads, which share
 * the memory: so weights count as slower than one thread finds them. The numbers are of a Zen 5; `tenon compare MODEL --a winograd=off
 * --b winograd=auto` says what they are worth elsewhere. */
enum {
    CYCLES_A_POINT = 4,     /* of a transform of a vector, in or out */
    BYTES_FROM_MEMORY = 4,  /* a cycle */
    BYTES_FROM_CACHE = 16,  /* the last level, of weights */
    BYTES_BETWEEN = 64,     /* that stay in the last level */
    BYTES_BETWEEN_FAR = 5,  /* that do not */
    FAR_BYTES = 16 << 20,
    LAUNCH_CYCLES = 8000
};
#define GAIN 0.9 /* it must be expected to take less than this of the time */

static double products(double multiply_adds, double memory_cycles) {
    double compute = multiply_adds / 2 / 0.85;
    return compute > memory_cycles ? compute : memory_cycles;
}

static double cost_of(const conv *c) {
    double blocks = c->whole ? 1 : (double)(c->images * c->oy * c->ox), tiles = blocks * (double)c->tiles, lanes = c->l->w;
    double points = c->f->n * c->f->n, in = (double)c->in_blocks, out = (double)c->out_blocks, weights = weight_bytes(c);
    double memory = weights / BYTES_FROM_MEMORY + (weights > NEAR_BYTES ? (blocks - 1) * weights / BYTES_FROM_CACHE : 0);
    double between = c->whole ? 12 * points * tiles * lanes * (in + out) : 0; /* V and M, and a half for T1 and T2, written and read */
    return LAUNCH_CYCLES + tiles * points * CYCLES_A_POINT * (in + out) + products(tiles * points * in * lanes * out, memory) +
           between / (between > FAR_BYTES ? BYTES_BETWEEN_FAR : BYTES_BETWEEN);
}

static double direct_cost(const conv *c, int64_t channels) {
    double lanes = c->l->w, out = (double)c->out_blocks, depth = 9 * (double)channels;
    return products((double)(c->images * c->w->out[0] * c->w->out[1]) * depth * out, depth * out * lanes * 4 / BYTES_FROM_MEMORY);
}

tn_error *tn__lower_conv_winograd(tn__lower *l, uint32_t root, const tn__node *n, const tn__window *w, bool *out_done) {
    *out_done = false;
    if (!is_candidate(l, n, w)) return NULL;
    tn_value xv = tn__in(l->g, n, 0);
    const tn__type *x = tn__type_of(l->g, xv), *out = tn__type_of(l->g, tn__out(n, 0));
    const tn_tensor *constant = tn__constant_peek(l->g, tn__in(l->g, n, 1));
    double last = 0; /* forms in order of cost: the cheapest one that is exact enough */
    for (int32_t turn = 0; turn < TN__WINOGRAD_FORMS && !*out_done; turn++) {
        conv best = {0};
        double least = 1e300;
        for (int32_t i = 0; i < TN__WINOGRAD_FORMS; i++) {
            conv c = {.l = l, .root = root, .node = n, .f = &tn__winograd_forms[i], .w = w, .images = x->dims[0],
                      .in_blocks = tn__ceil_div(x->dims[1], l->w), .out_blocks = tn__ceil_div(out->dims[1], l->w)}, whole = c;
            cut(&whole, true);
            if (!cut(&c, false) || cost_of(&whole) < cost_of(&c)) c = whole;
            double cost = cost_of(&c);
            if (cost > last && cost < least) least = cost, best = c;
        }
        last = least;
        if (!best.l || least > GAIN * direct_cost(&best, x->dims[1])) return NULL;
        double error;
        tn_tensor *weights = NULL;
        uint32_t input;
        tn_error *e = tn__winograd_transform(l->c, best.f, constant, &error, &weights);
        *out_done = !e && error <= l->winograd_error;
        if (*out_done) e = tn__lower_get(l, xv, l->w, 1, &input);
        if (!e && *out_done) e = add_stages(&best, input, weights);
        tn_tensor_release(weights);
        TN__TRY(e);
    }
    return NULL;
}
