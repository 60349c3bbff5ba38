/* lstm, gru and rnn as loops of kernels: the cpu device against the reference over a table of configurations; the same bits for every
 * number of threads; run-time checks; the memory plan of a loop. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/context.h"
#include "device/cpu/profile.h"
#include "expect.h"
#include "pass/pass.h"
#include "tenon/tenon.h"
#include <string.h>

static tn_context *context;
static uint32_t state = 7;

static tn_tensor *noise(int32_t rank, const int64_t *dims, double scale) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_f32, rank, dims, &t));
    for (int64_t i = 0; i < tn_tensor_get_elements(t); i++) {
        state = state * 1664525u + 1013904223u;
        ((float *)tn_tensor_get_data(t))[i] = (float)(((double)(state >> 8) / 8388608.0 - 1.0) * scale);
    }
    return t;
}

typedef enum lengths { NO_LENS, CONST_LENS, INPUT_LENS } lengths;

typedef struct config {
    const char *op, *direction;
    int64_t T, N, I, H;
    int64_t layout, before, input_forget;
    double clip;
    bool bias, initial, peepholes, weights_in; /* weights_in: not constants */
    lengths lens;
    const char *activations; /* blank separated; NULL: none written out */
    uint32_t n_out; /* 0: all */
} config;

static const config configs[] = {
    {.op = "lstm", .direction = "forward", .T = 1, .N = 1, .I = 5, .H = 7},
    {.op = "lstm", .direction = "reverse", .T = 5, .N = 2, .I = 5, .H = 7, .bias = true, .initial = true},
    {.op = "lstm", .direction = "bidirectional", .T = 100, .N = 1, .I = 17, .H = 128, .bias = true},
    {.op = "lstm", .direction = "bidirectional", .T = 9, .N = 3, .I = 4, .H = 37, .bias = true, .initial = true, .peepholes = true},
    {.op = "lstm", .direction = "forward", .T = 6, .N = 2, .I = 3, .H = 20, .clip = 0.3, .bias = true, .peepholes = true},
    {.op = "lstm", .direction = "bidirectional", .T = 4, .N = 2, .I = 3, .H = 16, .input_forget = 1, .bias = true, .initial = true},
    {.op = "lstm", .direction = "bidirectional", .T = 7, .N = 3, .I = 6, .H = 33, .layout = 1, .bias = true, .initial = true},
    {.op = "lstm", .direction = "bidirectional", .T = 8, .N = 4, .I = 6, .H = 18, .bias = true, .initial = true, .lens = INPUT_LENS},
    {.op = "lstm", .direction = "reverse", .T = 8, .N = 4, .I = 6, .H = 18, .layout = 1, .initial = true, .lens = CONST_LENS},
    {.op = "lstm", .direction = "bidirectional", .T = 6, .N = 2, .I = 9, .H = 21, .bias = true, .initial = true, .peepholes = true, .weights_in = true},
    {.op = "lstm", .direction = "forward", .T = 6, .N = 2, .I = 3, .H = 8, .activations = "Sigmoid Tanh Tanh"},
    {.op = "lstm", .direction = "bidirectional", .T = 6, .N = 2, .I = 3, .H = 8, .activations = "HardSigmoid Softsign Relu Sigmoid ScaledTanh Affine"},
    {.op = "lstm", .direction = "forward", .T = 3, .N = 1, .I = 3, .H = 4, .n_out = 1},
    {.op = "lstm", .direction = "forward", .T = 2, .N = 40, .I = 70, .H = 300, .bias = true}, /* cut within a step */
    {.op = "lstm", .direction = "bidirectional", .T = 0, .N = 2, .I = 3, .H = 5, .bias = true, .initial = true},
    {.op = "lstm", .direction = "forward", .T = 0, .N = 2, .I = 3, .H = 5},
    {.op = "lstm", .direction = "forward", .T = 3, .N = 0, .I = 3, .H = 5, .bias = true, .initial = true},
    {.op = "gru", .direction = "forward", .T = 1, .N = 2, .I = 5, .H = 7, .bias = true},
    {.op = "gru", .direction = "bidirectional", .T = 33, .N = 1, .I = 8, .H = 4, .before = 1, .bias = true, .initial = true},
    {.op = "gru", .direction = "bidirectional", .T = 33, .N = 1, .I = 8, .H = 4, .bias = true, .initial = true},
    {.op = "gru", .direction = "bidirectional", .T = 100, .N = 2, .I = 8, .H = 65, .before = 1, .bias = true},
    {.op = "gru", .direction = "reverse", .T = 5, .N = 3, .I = 8, .H = 19, .before = 1},
    {.op = "gru", .direction = "reverse", .T = 5, .N = 3, .I = 8, .H = 19, .layout = 1, .bias = true, .initial = true},
    {.op = "gru", .direction = "bidirectional", .T = 5, .N = 3, .I = 8, .H = 19, .layout = 1, .before = 1, .lens = INPUT_LENS, .bias = true},
    {.op = "gru", .direction = "bidirectional", .T = 7, .N = 5, .I = 8, .H = 16, .initial = true, .lens = INPUT_LENS, .weights_in = true, .bias = true},
    {.op = "gru", .direction = "forward", .T = 5, .N = 2, .I = 8, .H = 12, .clip = 0.5, .activations = "Sigmoid LeakyRelu"},
    {.op = "gru", .direction = "forward", .T = 5, .N = 2, .I = 8, .H = 12, .before = 1, .bias = true, .activations = "Softplus Elu"},
    {.op = "rnn", .direction = "forward", .T = 1, .N = 1, .I = 1, .H = 1},
    {.op = "rnn", .direction = "bidirectional", .T = 20, .N = 3, .I = 5, .H = 34, .bias = true, .initial = true},
    {.op = "rnn", .direction = "bidirectional", .T = 4, .N = 3, .I = 5, .H = 6, .activations = "ThresholdedRelu Tanh", .lens = CONST_LENS, .bias = true},
    {.op = "rnn", .direction = "reverse", .T = 4, .N = 3, .I = 5, .H = 6, .layout = 1, .initial = true, .clip = 0.25, .activations = "Affine"},
};
enum { MOST_IN = 8, MOST_OUT = 3 };

typedef struct model {
    tn_graph *graph;
    uint32_t n_in, n_out;
    tn_tensor *in[MOST_IN];
} model;

/* Operand k of the node: an input of the graph, or a constant. */
static tn_value operand(model *m, const char *name, bool constant, tn_tensor *t) {
    if (!constant) {
        m->in[m->n_in++] = t;
        return tn_graph_input(m->graph, name, t->dtype, t->rank, t->dims);
    }
    tn_value v = tn_graph_constant(m->graph, t);
    tn_tensor_release(t);
    return v;
}

static tn_tensor *lens_of(const config *c) {
    tn_tensor *t;
    ok(tn_tensor_create(context, TN_DTYPE_i32, 1, &c->N, &t));
    for (int64_t i = 0; i < c->N; i++) ((int32_t *)tn_tensor_get_data(t))[i] = (int32_t)(i == 0 ? c->T : i == 1 ? 0 : (i * 5 + 1) % (c->T + 1));
    return t;
}

static model make(const config *c) {
    static const char *const names[] = {"y", "y_h", "y_c"};
    bool lstm = !strcmp(c->op, "lstm");
    const int64_t G = lstm ? 4 : !strcmp(c->op, "gru") ? 3 : 1, D = strcmp(c->direction, "bidirectional") ? 1 : 2;
    const int64_t N = c->N, T = c->T, I = c->I, H = c->H;
    model m = {.n_out = c->n_out ? c->n_out : lstm ? 3 : 2};
    ok(tn_graph_create(context, "rnn", &m.graph));
    tn_value in[8] = {{0}};
    const int64_t xd[3] = {c->layout ? N : T, c->layout ? T : N, I}, hd[3] = {c->layout ? N : D, c->layout ? D : N, H};
    double scale = H > 4 ? 1.5 / sqrt((double)H) : 1; /* so that states neither saturate nor blow differences up */
    in[0] = operand(&m, "x", false, noise(3, xd, 1));
    in[1] = operand(&m, "w", !c->weights_in, noise(3, (int64_t[]){D, G * H, I}, 1));
    in[2] = operand(&m, "r", !c->weights_in, noise(3, (int64_t[]){D, G * H, H}, scale));
    if (c->bias) in[3] = operand(&m, "b", !c->weights_in, noise(2, (int64_t[]){D, 2 * G * H}, 1));
    if (c->lens) in[4] = operand(&m, "lens", c->lens == CONST_LENS, lens_of(c));
    if (c->initial) in[5] = operand(&m, "h0", false, noise(3, hd, 1));
    if (c->initial && lstm) in[6] = operand(&m, "c0", false, noise(3, hd, 1));
    if (c->peepholes) in[7] = operand(&m, "p", !c->weights_in, noise(2, (int64_t[]){D, 3 * H}, 1));
    tn_attr attrs[7] = {{.name = "direction", .kind = TN_ATTR_STRING, .s = c->direction}, {.name = "hidden_size", .kind = TN_ATTR_INT, .i = H},
                        {.name = "layout", .kind = TN_ATTR_INT, .i = c->layout}, {.name = "clip", .kind = TN_ATTR_FLOAT, .f = c->clip},
                        {.name = "linear_before_reset", .kind = TN_ATTR_INT, .i = c->before},
                        {.name = "input_forget", .kind = TN_ATTR_INT, .i = c->input_forget}};
    uint32_t n_attrs = 6, n = 0;
    char text[100] = "";
    const char *list[6];
    if (c->activations) {
        snprintf(text, sizeof text, "%s", c->activations);
        for (char *at = strtok(text, " "); at; at = strtok(NULL, " ")) list[n++] = at;
        attrs[n_attrs++] = (tn_attr){.name = "activations", .kind = TN_ATTR_STRINGS, .n = n, .strings = list};
    }
    tn_value v = tn_graph_op(m.graph, c->op, in, lstm ? 8 : 6, attrs, n_attrs, m.n_out);
    for (uint32_t k = 0; k < m.n_out; k++) tn_graph_output(m.graph, names[k], tn_value_output(v, k));
    ok(tn_graph_check(m.graph));
    return m;
}

static void free_model(model *m) {
    for (uint32_t i = 0; i < m->n_in; i++) tn_tensor_release(m->in[i]);
    tn_graph_release(m->graph);
}

static tn_error *run(const model *m, const char *device, const char *threads, tn_tensor **out, uint32_t *out_calls) {
    tn_options *o;
    tn_executable *exe;
    tn_executable_stats stats = {.struct_size = sizeof stats};
    ok(tn_options_create(context, &o));
    ok(tn_options_set(o, "device", device));
    ok(tn_options_set(o, "threads", threads));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_compile(m->graph, o, &exe));
    memset(out, 0, MOST_OUT * sizeof *out);
    tn_error *e = tn_executable_run(exe, (tn_tensor **)m->in, m->n_in, out, m->n_out);
    ok(tn_executable_get_stats(exe, &stats));
    *out_calls = stats.n_calls;
    tn_executable_release(exe);
    tn_options_release(o);
    return e;
}

static void compare(const config *c, const model *m, tn_tensor **want, tn_tensor **got) {
    for (uint32_t k = 0; k < m->n_out; k++) {
        const float *p = tn_tensor_get_data(want[k]), *q = tn_tensor_get_data(got[k]);
        assert_int_equal(tn_tensor_get_bytes(want[k]), tn_tensor_get_bytes(got[k]));
        for (int64_t i = 0; i < tn_tensor_get_elements(want[k]); i++)
            if (!(fabs((double)p[i] - q[i]) < 2e-5 * (1 + fabs((double)p[i]))))
                fail_msg("configuration %d (%s %s): output %u [%d] is %.9g, wanted %.9g", (int)(c - configs), c->op, c->direction, k, (int)i, (double)q[i],
                         (double)p[i]);
    }
}

static void release(tn_tensor **t) {
    for (int k = 0; k < MOST_OUT; k++) tn_tensor_release(t[k]);
}

static void against_the_reference(void **unused) {
    (void)unused;
    static const char *const threads[] = {"1", "2", "3", "7"};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        const config *c = &configs[i];
        model m = make(c);
        tn_tensor *want[MOST_OUT], *first[MOST_OUT], *got[MOST_OUT];
        uint32_t calls;
        ok(run(&m, "ref", "1", want, &calls));
        for (int t = 0; t < 4; t++) {
            ok(run(&m, "cpu", threads[t], t ? got : first, &calls));
            if (calls) fail_msg("configuration %d stays a call", (int)i);
            if (!t) compare(c, &m, want, first);
            else {
                for (uint32_t k = 0; k < m.n_out; k++)
                    if (tn_tensor_get_bytes(got[k])) assert_memory_equal(tn_tensor_get_data(first[k]), tn_tensor_get_data(got[k]), tn_tensor_get_bytes(got[k]));
                release(got);
            }
        }
        release(want), release(first);
        free_model(&m);
    }
}

/* A length beyond the sequence is an error that names it, whatever the device. */
static void wrong_length(void **unused) {
    (void)unused;
    const config c = {.op = "gru", .direction = "forward", .T = 4, .N = 3, .I = 2, .H = 5, .lens = INPUT_LENS};
    static const int32_t wrong[] = {5, -1};
    for (int i = 0; i < 2; i++) {
        model m = make(&c);
        tn_tensor *out[MOST_OUT];
        uint32_t calls;
        ((int32_t *)tn_tensor_get_data(m.in[1]))[2] = wrong[i];
        tn_error *e = run(&m, "cpu", "1", out, &calls);
        assert_non_null(e);
        assert_int_equal(calls, 0);
        if (!strstr(tn_error_get_message(e), "sequence_lens[2]")) fail_msg("%s", tn_error_get_message(e));
        tn_error_destroy(e);
        release(out);
        free_model(&m);
    }
}

/* All that a loop touches lives through all of it: nothing shares memory with it, and nothing of it with each other. */
static void memory_of_a_loop(void **unused) {
    (void)unused;
    const config c = {.op = "gru", .direction = "bidirectional", .T = 6, .N = 2, .I = 3, .H = 20, .bias = true, .n_out = 1};
    model m = make(&c);
    tn_graph *own;
    tn__kprogram *p;
    tn__lower_config lower = {.lanes = 16, .registers = 32, .layout = true, .fuse = true};
    ok(tn__passes_run(m.graph, NULL, NULL, NULL, &own));
    ok(tn__kprogram_create(context, own, &lower, &p));
    int loops = 0;
    for (size_t at = 0; at < p->steps.count; at++) {
        const tn__step *s = &p->steps.data[at];
        if (s->kind != TN__STEP_LOOP) continue;
        loops++;
        assert_int_equal(s->loop->trips, 6);
        assert_int_equal(s->loop->n_strands, 2);
        uint32_t arena[64], n = 0;
        for (uint32_t i = 0; i < s->loop->n_strands * s->loop->n_launches; i++)
            for (uint32_t b = 0; b < s->loop->launches[i].n_buffers; b++) {
                uint32_t slot = s->loop->launches[i].buffers[b].slot, k = 0;
                if (p->slots.data[slot].kind != TN__SLOT_ARENA) continue;
                while (k < n && arena[k] != slot) k++;
                if (k == n) arena[n++] = slot;
            }
        assert_true(n >= 4); /* x, rec, inner, reset, h */
        for (uint32_t i = 0; i < n; i++) {
            const tn__slot *a = &p->slots.data[arena[i]];
            assert_true(a->first <= (int32_t)at && a->last >= (int32_t)at);
            for (uint32_t k = 0; k < i; k++) {
                const tn__slot *b = &p->slots.data[arena[k]];
                assert_true(a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset);
            }
        }
    }
    assert_int_equal(loops, 1);
    tn__step_time times[64] = {0};
    tn_profile *profile;
    uint64_t flops = 0, bytes = 0;
    assert_true(p->steps.count <= 64);
    ok(tn__profile_create(context, &profile));
    ok(tn__cpu_profile(p, times, NULL, profile));
    for (size_t i = 0; i < profile->rows.count; i++)
        if (!strcmp(profile->rows.data[i].kind, "loop")) flops = (uint64_t)profile->rows.data[i].flops, bytes = profile->rows.data[i].bytes;
    tn_profile_release(profile);
    assert_int_equal(flops, 2 * c.T * 2 * c.N * 3 * c.H * c.H);   /* both directions, three gates */
    assert_true(bytes >= (uint64_t)(c.T * 2 * 3 * c.H * c.H * 4)); /* R, read anew at every step */
    tn__kprogram_destroy(p);
    free_model(&m);
}

/* ---- allocations that fail --------------------------------------------------------------------------------------- */

typedef struct failing {
    long count, fail_at, live_bytes; /* fail_at 0: none */
} failing;

static void *failing_allocate(void *self, size_t bytes, size_t align) {
    failing *f = self;
    void *memory = NULL;
    if (++f->count == f->fail_at || posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes)) return NULL;
    memset(memory, 0xa5, bytes); /* who trusts fresh memory to be zero is found here */
    f->live_bytes += (long)bytes;
    return memory;
}

static void failing_deallocate(void *self, void *memory, size_t bytes) {
    ((failing *)self)->live_bytes -= (long)bytes;
    free(memory);
}

/* Lowering with every allocation failing once: an error, and every byte comes back. Run-time weights, lengths, states, two directions
 * that differ: all that the lowering can make. */
static void failing_allocations(void **unused) {
    (void)unused;
    const config c = {.op = "gru", .direction = "bidirectional", .T = 3, .N = 2, .I = 3, .H = 5, .bias = true, .initial = true,
                      .lens = INPUT_LENS, .weights_in = true, .activations = "Sigmoid Tanh Sigmoid Relu"};
    tn_context *usual = context;
    failing f = {0};
    const tn_allocator allocator = {sizeof allocator, &f, failing_allocate, failing_deallocate};
    const tn_context_options options = {.struct_size = sizeof options, .allocator = &allocator};
    ok(tn_context_create(&options, &context));
    model m = make(&c);
    const long before = f.live_bytes;
    const tn__lower_config lower = {.lanes = 16, .registers = 32, .layout = true, .fuse = true, .stages = true};
    for (bool done = false; !done;) {
        tn_graph *own;
        tn__kprogram *p;
        long first = f.fail_at;
        f.fail_at = 0;
        ok(tn__passes_run(m.graph, NULL, NULL, NULL, &own));
        f.count = 0;
        f.fail_at = first + 1;
        tn_error *e = tn__kprogram_create(context, own, &lower, &p);
        done = f.count < f.fail_at;
        if (!done) assert_int_equal(tn_error_get_code(e), TN_ERROR_OUT_OF_MEMORY);
        else ok(e);
        tn_error_destroy(e);
        tn__kprogram_destroy(p);
        if (f.live_bytes != before) fail_msg("allocation %ld failed: %ld bytes never came back", f.fail_at, f.live_bytes - before);
    }
    assert_true(f.fail_at > 20);
    f.fail_at = 0;
    free_model(&m);
    tn_context_release(context);
    assert_int_equal(f.live_bytes, 0);
    context = usual;
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {cmocka_unit_test(against_the_reference), cmocka_unit_test(wrong_length), cmocka_unit_test(memory_of_a_loop),
                                       cmocka_unit_test(failing_allocations)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
