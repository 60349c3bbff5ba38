/* lstm, gru, rnn of any length (docs/decisions/0007-recurrence.md): one product of all steps' inputs with W, then a loop over time of
 * a product with R and one elementwise kernel. Everything internal is padded to whole tiles, so that no product has an edge. What
 * is not f32, or wrong, stays a call of the reference evaluation, which reports it. */
#include "kernel/pack.h"
#include "kernel/lower_maps.h"
#include "kernel/recurrence.h"

#include <strings.h>

/* Multiply-adds worth a thread's while, be it a part of one step (where the launch is a barrier) or a whole strand: about 5 us at the
 * 200 GFLOP/s that such products reach. With fewer than three rows the weights' way from the second cache level takes as long as three. */
static const double worth_a_thread = 1 << 19;
enum { ROWS_A_LOAD = 3 };

/* A product with rows [first, first + cols) of W or R, transposed and packed: [tile][depth][nv * w]. */
typedef struct product {
    const char *stem;
    int64_t rows, depth, first, cols;
    int32_t mr, nv;
    int64_t tiles, padded; /* padded: columns of the result */
} product;

static product product_of(const tn__recurrence *r, const char *stem, int64_t rows, int64_t depth, int64_t first, int64_t cols) {
    product p = {.stem = stem, .rows = rows, .depth = depth, .first = first, .cols = cols};
    int64_t vectors = tn__ceil_div(cols, r->l->w);
    int32_t most = depth % 1024 == 0 ? 8 : 28; /* rows 4 KiB apart fall into the same sets of the first cache: few at a time */
    tn__lower_choose_tile(rows, vectors, r->l->registers, most, false, &p.mr, &p.nv);
    p.tiles = tn__ceil_div(vectors, p.nv);
    p.padded = p.tiles * p.nv * r->l->w;
    return p;
}

/* ---- weights ------------------------------------------------------------------------------------------------------ */

static tn_error *pack_constant(tn__recurrence *r, const product *p, const tn_tensor *t, uint32_t *out_slot) {
    int64_t wide = (int64_t)p->nv * r->l->w, all = r->form->gates * r->hidden;
    tn__pack pack = {3, 4, false, {{r->dirs, all * p->depth}, {p->cols, p->depth}, {p->depth, 1}},
                     {{0, r->dirs, 1}, {1, p->tiles, wide}, {2, p->depth, 1}, {1, wide, 1}}, p->first * p->depth, TN__PACK_AS_IS};
    return tn__pack_slot(r->l, t, &pack, out_slot);
}

/* The same at run time: a copy with a gather, masked beyond the columns. */
static tn_error *pack_running(tn__recurrence *r, const product *p, uint32_t from, uint32_t *out_slot) {
    int64_t w = r->l->w, wide = p->nv * w, all = r->form->gates * r->hidden;
    *out_slot = tn__lower_slot(r->l, TN__SLOT_ARENA, (size_t)(r->dirs * p->padded * p->depth) * sizeof(float));
    if (*out_slot == TN__NO_SLOT) return tn__error_oom();
    tn__kernel *k = tn__lower_kernel(r->l, "pack", r->node);
    if (!k) return tn__error_oom();
    const int64_t extent[5] = {r->dirs, p->tiles, p->depth, p->nv, w};
    memcpy(k->extent, extent, sizeof extent);
    k->n_dims = k->n_spatial = 5;
    k->n_buffers = 2;
    k->buffer_dtype[0] = k->buffer_dtype[1] = TN_DTYPE_f32;
    tn__kmap in = {p->first * p->depth, {all * p->depth, wide * p->depth, 1, w * p->depth, p->depth}};
    k->epilogue = tn__kx_load(k, 0, &in);
    if (p->cols != p->padded) {
        k->exprs[k->epilogue].n_guards = 1;
        k->exprs[k->epilogue].guard[0] = (tn__kguard){{0, {0, wide, 0, w, 1}}, p->cols};
    }
    k->out_buffer = 1;
    k->out_map = (tn__kmap){0, {p->tiles * p->depth * wide, p->depth * wide, wide, w, 1}};
    k->lanes = (int32_t)w;
    k->v = 4, k->j = 3, k->nv = p->nv < 4 ? p->nv : 4;
    uint32_t slots[2] = {from, *out_slot};
    return tn__lower_launch(r->l, k, slots, r->node);
}

static tn_error *pack(tn__recurrence *r, const product *p, tn_value weights, uint32_t *out_slot) {
    const tn_tensor *t = tn__constant_peek(r->l->g, weights);
    if (t) return pack_constant(r, p, t, out_slot);
    uint32_t from;
    TN__TRY(tn__lower_get(r->l, weights, 0, 0, &from));
    return pack_running(r, p, from, out_slot);
}

/* ---- products ----------------------------------------------------------------------------------------------------- */

/* Buffers 0 to 2: left, packed right, result. `dirs` 1 for a launch of one direction. */
static tn__kernel *product_kernel(tn__recurrence *r, const product *p, int64_t dirs, int64_t left_row, int64_t out_row) {
    enum { D, JT, M, J, LANE, K };
    tn__kernel *k = tn__lower_kernel(r->l, p->stem, r->node);
    if (!k) return NULL;
    int64_t w = r->l->w, wide = p->nv * w;
    const int64_t extent[6] = {dirs, p->tiles, p->rows, p->nv, w, p->depth};
    memcpy(k->extent, extent, sizeof extent);
    k->n_dims = 6, k->n_spatial = 5;
    k->n_buffers = 3;
    for (int32_t i = 0; i < 3; i++) k->buffer_dtype[i] = TN_DTYPE_f32;
    tn__kmap left = {.stride = {[M] = left_row, [K] = 1}};
    tn__kmap right = {.stride = {[D] = p->padded * p->depth, [JT] = p->depth * wide, [K] = wide, [J] = w, [LANE] = 1}};
    k->body = tn__lower_product(r->l, k, TN_DTYPE_f32, tn__kx_load(k, 0, &left), tn__kx_load(k, 1, &right));
    k->reduce = TN__KX_ADD;
    k->epilogue = tn__kx(k, TN__KX_RED, TN_DTYPE_f32, -1, -1, -1);
    k->out_buffer = 2;
    k->out_map = (tn__kmap){.stride = {[D] = p->padded, [JT] = wide, [M] = out_row, [J] = w, [LANE] = 1}};
    k->lanes = (int32_t)w;
    k->v = LANE, k->j = J, k->nv = p->nv, k->m = M, k->mr = p->mr;
    int64_t outer = dirs * p->tiles, row_tiles = tn__ceil_div(p->rows, p->mr);
    if (outer < 16 && row_tiles > 1) k->m_chunk = (int32_t)tn__ceil_div(row_tiles, tn__ceil_div(16, outer));
    k->flops = 2.0 * (double)dirs * (double)p->rows * (double)p->depth * (double)p->cols;
    return k;
}

/* The epilogue adds columns [from, from + count) of B, which has [Wb, Rb] of all gates per direction, to the first `count` columns. */
static void add_bias(tn__recurrence *r, const product *p, tn__kernel *k, int64_t from, int64_t count) {
    int64_t w = r->l->w, wide = p->nv * w;
    tn__kmap map = {from, {2 * r->form->gates * r->hidden, wide, 0, w, 1}};
    int32_t b = tn__kx_load(k, 3, &map);
    if (count != p->padded) {
        k->exprs[b].n_guards = 1;
        k->exprs[b].guard[0] = (tn__kguard){{0, {0, wide, 0, w, 1}}, count};
    }
    k->epilogue = tn__kx(k, TN__KX_ADD, TN_DTYPE_f32, k->epilogue, b, -1);
}

/* x W^T + Wb + Rb of all steps and directions, rows as they lie in x: [steps * batch, dirs, padded]. */
static tn_error *input_product(tn__recurrence *r) {
    const int64_t all = r->form->gates * r->hidden;
    tn__lower *l = r->l;
    product p = product_of(r, "input", r->steps * r->batch, r->in, 0, all);
    uint32_t slots[4];
    tn_value bias = tn__in(l->g, r->n, 3);
    TN__TRY(tn__lower_get(l, tn__in(l->g, r->n, 0), 0, 0, &slots[0]));
    TN__TRY(pack(r, &p, tn__in(l->g, r->n, 1), &slots[1]));
    if (bias.id) TN__TRY(tn__lower_get(l, bias, 0, 0, &slots[3]));
    int64_t row = r->dirs * p.padded, moment = (r->attrs->layout ? 1 : r->batch) * row;
    r->x = (tn__place){tn__lower_slot(l, TN__SLOT_ARENA, (size_t)(p.rows * row) * sizeof(float)), p.padded * 4, moment * 4};
    r->x_row = r->attrs->layout ? r->steps * row : row;
    slots[2] = r->x.slot;
    if (slots[2] == TN__NO_SLOT) return tn__error_oom();
    tn__kernel *k = product_kernel(r, &p, r->dirs, r->in, row);
    if (!k) return tn__error_oom();
    if (bias.id) {
        k->buffer_dtype[k->n_buffers++] = TN_DTYPE_f32;
        add_bias(r, &p, k, 0, all);
        add_bias(r, &p, k, all, r->before ? 2 * r->hidden : all); /* its h gate's Rb belongs inside the reset */
    }
    return tn__lower_launch(l, k, slots, r->node);
}

/* [batch, cols] = left [batch, hidden] times some of R, in a place of its own. */
static tn_error *step_product(tn__recurrence *r, const char *stem, int64_t first, int64_t cols, tn__place left, int64_t left_row,
                              tn__place *out, int64_t *out_row, tn__piece *piece) {
    product p = product_of(r, stem, r->batch, r->hidden, first, cols);
    *piece = (tn__piece){.n_places = 3};
    piece->places[0] = left;
    piece->places[1].direction = p.padded * p.depth * 4;
    TN__TRY(pack(r, &p, tn__in(r->l->g, r->n, 2), &piece->places[1].slot));
    int64_t bytes = r->batch * p.padded * (int64_t)sizeof(float);
    *out = (tn__place){tn__lower_slot(r->l, TN__SLOT_ARENA, (size_t)(r->dirs * bytes)), bytes, 0};
    if (out->slot == TN__NO_SLOT) return tn__error_oom();
    *out_row = p.padded;
    piece->places[2] = *out;
    tn__kernel *k = product_kernel(r, &p, 1, left_row, p.padded);
    if (!k) return tn__error_oom();
    int64_t rows = k->m_chunk ? (int64_t)k->m_chunk * p.mr : p.rows;
    if (rows < ROWS_A_LOAD) rows = ROWS_A_LOAD;
    return tn__recurrence_add(r, k, (double)rows * p.nv * r->l->w * (double)p.depth, piece);
}

tn_error *tn__recurrence_add(const tn__recurrence *r, tn__kernel *k, double work, tn__piece *piece) {
    tn__kernel_finish(k);
    r->l->p->flops += k->flops * (double)r->steps * (double)r->dirs;
    if (!TN__PUSH(r->l->a, &r->l->p->kernels, k)) return tn__free(r->l->a, k, sizeof *k), tn__error_oom();
    piece->kernel = (uint32_t)r->l->p->kernels.count - 1;
    double chunks = (double)k->grid * work / worth_a_thread;
    piece->grain = chunks < 2 ? k->grid : tn__ceil_div(k->grid, chunks < (double)k->grid ? (int64_t)chunks : k->grid);
    return NULL;
}

/* ---- operands ----------------------------------------------------------------------------------------------------- */

static bool has_dims(const tn__recurrence *r, uint32_t operand, tn_dtype dtype, int32_t rank, const int64_t *dims) {
    tn_value v = tn__in(r->l->g, r->n, operand);
    if (!v.id) return true;
    const tn__type *t = tn__type_of(r->l->g, v);
    return t->dtype == dtype && t->rank == rank && !memcmp(t->dims, dims, (size_t)rank * sizeof *dims);
}

static bool lengths_ok(tn__recurrence *r) {
    tn_value v = tn__in(r->l->g, r->n, 4);
    if (!v.id) return true;
    r->lens_dtype = tn__type_of(r->l->g, v)->dtype;
    if ((r->lens_dtype != TN_DTYPE_i32 && r->lens_dtype != TN_DTYPE_i64) || !has_dims(r, 4, r->lens_dtype, 1, &r->batch)) return false;
    return r->lens_dtype == TN_DTYPE_i64 || r->steps <= INT32_MAX;
}

/* The sizes of what is made here fit. */
static bool sizes_ok(const tn__recurrence *r) {
    int64_t rows, gates, n;
    if (!tn__mul_i64(r->steps, r->batch, &rows) || !tn__mul_i64(r->hidden + 8 * r->l->w, r->form->gates * r->dirs * 8, &gates)) return false;
    return tn__mul_i64(rows, gates, &n) && tn__mul_i64(gates, r->hidden, &n) && tn__mul_i64(gates, r->in, &n);
}

/* Fills r from the node; false for what stays a call. */
static bool accept(tn__recurrence *r) {
    const tn_graph *g = r->l->g;
    const tn__attrs_rnn *at = r->attrs = r->n->attrs;
    for (uint32_t i = 0; i < 3; i++) {
        const tn__type *t = tn__in(g, r->n, i).id ? tn__type_of(g, tn__in(g, r->n, i)) : NULL;
        if (!t || t->dtype != TN_DTYPE_f32 || t->rank != 3) return false;
    }
    const tn__type *x = tn__type_of(g, tn__in(g, r->n, 0)), *w = tn__type_of(g, tn__in(g, r->n, 2));
    r->steps = x->dims[at->layout != 0], r->batch = x->dims[at->layout == 0], r->in = x->dims[2], r->hidden = w->dims[2];
    r->dirs = strcasecmp(at->direction, "bidirectional") ? 1 : 2;
    r->before = r->op == TN_OP_gru && at->linear_before_reset;
    if (r->in < 1 || r->hidden < 1 || r->hidden > INT32_MAX || (at->hidden_size && at->hidden_size != r->hidden) || !sizes_ok(r)) return false;
    const int64_t H = r->hidden, D = r->dirs, all = r->form->gates * H;
    const int64_t state[3] = {at->layout ? r->batch : D, at->layout ? D : r->batch, H};
    if (!has_dims(r, 1, TN_DTYPE_f32, 3, (int64_t[]){D, all, r->in}) ||
        !has_dims(r, 2, TN_DTYPE_f32, 3, (int64_t[]){D, all, H}) ||
        !has_dims(r, 3, TN_DTYPE_f32, 2, (int64_t[]){D, 2 * all}) || !has_dims(r, 5, TN_DTYPE_f32, 3, state) ||
        !has_dims(r, 6, TN_DTYPE_f32, 3, state) ||
        !has_dims(r, 7, TN_DTYPE_f32, 2, (int64_t[]){D, r->form->peepholes * H}) || !lengths_ok(r))
        return false;
    tn_error *e = tn__recurrent_activations(r->l->a, r->form, at, D, r->act);
    tn_error_destroy(e);
    return !e;
}

/* A result's slot, or one of its own where the node has no such result. */
static tn_error *result(tn__recurrence *r, uint32_t k, int64_t elements, uint32_t *out_slot) {
    if (k < r->n->n_out) return tn__lower_define(r->l, tn__out(r->n, k), out_slot);
    *out_slot = tn__lower_slot(r->l, TN__SLOT_ARENA, (size_t)elements * sizeof(float));
    return *out_slot == TN__NO_SLOT ? tn__error_oom() : NULL;
}

/* State k (1 h, 2 c): lives in the result's slot, laid out as the result, from its initial value on. */
static tn_error *make_state(tn__recurrence *r, uint32_t k, tn__place *out) {
    int64_t elements = r->dirs * r->batch * r->hidden;
    *out = (tn__place){TN__NO_SLOT, (r->attrs->layout ? 1 : r->batch) * r->hidden * 4, 0};
    TN__TRY(result(r, k, elements, &out->slot));
    uint32_t copy[2] = {TN__NO_SLOT, out->slot};
    tn_value initial = tn__in(r->l->g, r->n, k + 4);
    if (initial.id) TN__TRY(tn__lower_get(r->l, initial, 0, 0, &copy[0]));
    else {
        tn_tensor *zeros;
        TN__TRY(tn_tensor_create(r->l->c, TN_DTYPE_f32, 1, &elements, &zeros));
        if (zeros->bytes) memset(zeros->data, 0, zeros->bytes);
        tn_error *e = tn__lower_constant_slot(r->l, zeros, &copy[0]);
        tn_tensor_release(zeros);
        if (e) return e;
    }
    tn__step s = {.kind = TN__STEP_COPY, .n_slots = 2};
    return tn__lower_step(r->l, s, copy);
}

static tn_error *make_lengths(tn__recurrence *r) {
    tn_value v = tn__in(r->l->g, r->n, 4);
    if (!v.id) return NULL;
    TN__TRY(tn__lower_get(r->l, v, 0, 0, &r->lens.slot));
    TN__TRY(tn__lower_check(r->l, r->node, &(tn__range_check){4, "sequence_lens", 0, r->steps, 0, 1}));
    tn_tensor *t;
    TN__TRY(tn_tensor_create(r->l->c, r->lens_dtype, 1, &r->steps, &t));
    for (int64_t i = 0; i < r->steps; i++) tn__store_i64(r->lens_dtype, t->data, i, i);
    r->moment.time = (int64_t)tn_dtype_bits(r->lens_dtype) / 8;
    tn_error *e = tn__lower_constant_slot(r->l, t, &r->moment.slot);
    tn_tensor_release(t);
    return e;
}

static tn_error *make_operand(tn__recurrence *r, uint32_t k, int64_t direction, tn__place *out) {
    tn_value v = tn__in(r->l->g, r->n, k);
    out->direction = direction * 4;
    return v.id ? tn__lower_get(r->l, v, 0, 0, &out->slot) : NULL;
}

/* ---- the loop ----------------------------------------------------------------------------------------------------- */

enum { MOST_PIECES = 4 };

/* The launches of direction d's step, in order. */
static tn_error *make_pieces(tn__recurrence *r, int64_t d, tn__piece *pieces, uint32_t *out_n) {
    const int64_t H = r->hidden, all = r->form->gates * H;
    bool split = r->op == TN_OP_gru && !r->before; /* the h gate waits for the reset gate */
    uint32_t n = 0;
    TN__TRY(step_product(r, "rec", 0, split ? 2 * H : all, r->h, r->state_row, &r->rec, &r->rec_row, &pieces[n++]));
    if (split) {
        int64_t bytes = r->batch * H * (int64_t)sizeof(float);
        r->reset = (tn__place){tn__lower_slot(r->l, TN__SLOT_ARENA, (size_t)(r->dirs * bytes)), bytes, 0};
        if (r->reset.slot == TN__NO_SLOT) return tn__error_oom();
        TN__TRY(tn__recurrence_reset(r, d, &pieces[n++]));
        TN__TRY(step_product(r, "inner", 2 * H, H, r->reset, H, &r->inner, &r->inner_row, &pieces[n++]));
    }
    TN__TRY(tn__recurrence_cell(r, d, &pieces[n++]));
    *out_n = n;
    return NULL;
}

static tn_error *fill_launch(const tn__recurrence *r, const tn__piece *p, int64_t d, tn__loop_launch *out) {
    bool reverse = d == 1 || !strcasecmp(r->attrs->direction, "reverse");
    *out = (tn__loop_launch){.kernel = p->kernel, .n_buffers = p->n_places, .grain = p->grain};
    out->buffers = TN__ARENA_ARRAY(&r->l->p->arena, tn__loop_buffer, p->n_places);
    if (!out->buffers) return tn__error_oom();
    for (uint32_t i = 0; i < p->n_places; i++) {
        const tn__place *x = &p->places[i];
        int64_t first = reverse ? (r->steps - 1) * x->time : 0;
        out->buffers[i] = (tn__loop_buffer){x->slot, d * x->direction + first, reverse ? -x->time : x->time};
    }
    return NULL;
}

static bool alike(const tn__recurrence *r) {
    for (uint32_t i = 0; r->dirs > 1 && i < r->form->n_act; i++) {
        const tn__activation *a = &r->act[0][i], *b = &r->act[1][i];
        if (a->kind != b->kind || a->alpha != b->alpha || a->beta != b->beta) return false;
    }
    return true;
}

static tn_error *make_loop(tn__recurrence *r) {
    tn__piece pieces[2][MOST_PIECES];
    uint32_t n = 0, n_slots = 0, slots[2 * MOST_PIECES * TN__K_BUFFERS];
    bool shared = alike(r);
    TN__TRY(make_pieces(r, 0, pieces[0], &n));
    if (!shared) TN__TRY(make_pieces(r, 1, pieces[1], &n));
    tn__loop *loop = TN__ARENA_ARRAY(&r->l->p->arena, tn__loop, 1);
    tn__loop_launch *launches = TN__ARENA_ARRAY(&r->l->p->arena, tn__loop_launch, (size_t)r->dirs * n);
    if (!loop || !launches) return tn__error_oom();
    int64_t chunks = 0; /* of the launch with the most */
    for (int64_t d = 0; d < r->dirs; d++)
        for (uint32_t i = 0; i < n; i++) {
            const tn__piece *p = &pieces[shared ? 0 : d][i];
            TN__TRY(fill_launch(r, p, d, &launches[d * n + i]));
            for (uint32_t k = 0; k < p->n_places; k++) slots[n_slots++] = p->places[k].slot;
            int64_t cut = tn__ceil_div(r->l->p->kernels.data[p->kernel]->grid, p->grain);
            if (cut > chunks) chunks = cut;
        }
    double rows = r->batch < ROWS_A_LOAD ? ROWS_A_LOAD : (double)r->batch;
    double work = (double)r->steps * rows * (double)(r->form->gates * r->hidden) * (double)r->hidden;
    *loop = (tn__loop){r->steps, (uint32_t)r->dirs, n, launches, false};
    /* few threads can help within a step, or the work is cut by direction only and no step is a barrier */
    loop->together = r->dirs > 1 && chunks < 8 && work >= worth_a_thread;
    tn__step s = {.kind = TN__STEP_LOOP, .node = r->node, .n_slots = n_slots, .loop = loop};
    return tn__lower_step(r->l, s, slots);
}

tn_error *tn__lower_recurrent(tn__lower *l, uint32_t node, bool *out_done) {
    const tn__node *n = &l->g->nodes.data[node];
    tn__place none = {.slot = TN__NO_SLOT};
    tn__recurrence r = {.l = l, .node = node, .n = n, .op = n->op, .form = tn__recurrent_form_of(n->op)};
    r.peepholes = r.bias = r.lens = none;
    *out_done = r.form && accept(&r);
    if (!*out_done) return NULL;
    const int64_t H = r.hidden, D = r.dirs, layout = r.attrs->layout != 0;
    TN__TRY(make_lengths(&r));
    TN__TRY(result(&r, 0, r.steps * r.batch * D * H, &r.y.slot));
    r.y.direction = (layout ? 1 : r.batch) * H * 4, r.y.time = (layout ? D : D * r.batch) * H * 4;
    r.y_row = layout ? r.steps * D * H : H;
    r.state_row = layout ? D * H : H;
    TN__TRY(make_state(&r, 1, &r.h));
    if (r.op == TN_OP_lstm) TN__TRY(make_state(&r, 2, &r.c));
    if (!r.steps || !r.batch) return NULL; /* the final states are the initial ones */
    if (r.form->peepholes) TN__TRY(make_operand(&r, 7, r.form->peepholes * H, &r.peepholes));
    if (r.before) TN__TRY(make_operand(&r, 3, 2 * r.form->gates * H, &r.bias));
    TN__TRY(input_product(&r));
    return make_loop(&r);
}
