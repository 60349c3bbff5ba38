/* Tuned schedules: no choice changes a bit of a result; the file says what was written and nothing else; what option `tuning` does. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os.h"
#include "device/cpu/cpu.h"
#include "device/cpu/tuned_tables.h"
#include "expect.h"
#include "rt/tensor.h"
#include "session/options.h"
#include "tenon/tenon.h"

static tn_context *c;
static char folder[64], file[128];

static void expect_error(tn_error *e, tn_error_code code, const char *part) {
    assert_int_equal(tn_error_get_code(e), code);
    if (!strstr(tn_error_get_message(e), part)) fail_msg("'%s' does not say '%s'", tn_error_get_message(e), part);
    tn_error_destroy(e);
}

/* ---- choices ------------------------------------------------------------------------------------------------- */

static void test_choice_text(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "mr", "mr=", "mr=0", "mr=x", "mr=1 ", "mr=1  nv=2", "mr=1 mr=2", "no=1", "mr=99999", "rule nv=1", "=1", "mr=--1"};
    tn__choice x = {{[TN__KNOB_mr] = 6, [TN__KNOB_nv] = 4, [TN__KNOB_block] = -1}}, y;
    tn__text t;
    tn__text_init(&t, &tn__allocator_malloc);
    tn__choice_print(&x, &t);
    assert_string_equal(t.data, "mr=6 nv=4 block=-1");
    assert_true(tn__choice_parse(t.data, t.length, &y));
    assert_true(tn__choice_equal(&x, &y));
    assert_true(tn__choice_parse("rule", 4, &y) && tn__choice_is_rule(&y));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (tn__choice_parse(wrong[i], strlen(wrong[i]), &y)) fail_msg("'%s' was taken for a choice", wrong[i]);
    tn__text_deinit(&t);
}

static void test_space(void **state) {
    (void)state;
    tn__space s = {.kind = TN__SPACE_PRODUCT, .rows = 14, .vectors = 4, .registers = 32, .divisors = true, .depth = 6, .rule = {{[TN__KNOB_mr] = 7, [TN__KNOB_nv] = 4, [TN__KNOB_steps] = 1}}};
    static const tn__choice wrong[] = {{{[TN__KNOB_mr] = 15, [TN__KNOB_nv] = 1}}, {{[TN__KNOB_mr] = 8}}, {{[TN__KNOB_nv] = 3}}, {{[TN__KNOB_nv] = 8}},
                                       {{[TN__KNOB_mr] = -1}}, {{[TN__KNOB_chunk] = 1}}, {{[TN__KNOB_pack] = 1}}, {{[TN__KNOB_block] = 4}},
                                       {{[TN__KNOB_steps] = 3}}, {{[TN__KNOB_steps] = 4}}, {{[TN__KNOB_steps] = -2}}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (tn__space_allows(&s, &wrong[i])) fail_msg("choice %zu is allowed", i);
    tn__space narrow = {.kind = TN__SPACE_ROWS, .rows = 3, .vectors = 3, .most_mr = 4, .most_nv = 4, .rule = {{[TN__KNOB_mr] = 2, [TN__KNOB_nv] = 4}}};
    assert_true(tn__space_allows(&narrow, &(tn__choice){{0}})); /* what a search kept is there, whatever the rule does */
    tn__choice list[96];
    uint32_t n = tn__space_choices(&s, true, list, 96);
    assert_in_range(n, 10, 96);
    for (uint32_t i = 0; i < n; i++) {
        assert_true(tn__space_allows(&s, &list[i]));
        assert_false(tn__choice_is_rule(&list[i]));
        for (uint32_t k = 0; k < i; k++) assert_false(tn__choice_equal(&list[i], &list[k]));
    }
}

/* ---- bits ---------------------------------------------------------------------------------------------------- */

static tn_graph *convolution(void) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_tensor *w, *d;
    ok(tn_tensor_create(c, TN_DTYPE_f32, 4, (int64_t[]){64, 24, 3, 3}, &w));
    ok(tn_tensor_create(c, TN_DTYPE_f32, 4, (int64_t[]){64, 1, 3, 3}, &d));
    for (int i = 0; i < 64 * 24 * 9; i++) ((float *)tn_tensor_get_data(w))[i] = (float)(i * 7919 % 1009) / 1009 - 0.5f;
    for (int i = 0; i < 64 * 9; i++) ((float *)tn_tensor_get_data(d))[i] = (float)(i * 31 % 101) / 101 - 0.5f;
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 4, (int64_t[]){1, 24, 15, 15});
    const int64_t pads[] = {1, 1, 1, 1}, kernel[] = {2, 2}, strides[] = {2, 2};
    const tn_attr conv[] = {{.name = "pads", .kind = TN_ATTR_INTS, .ints = pads, .n = 4}, {.name = "group", .kind = TN_ATTR_INT, .i = 64}};
    const tn_attr pool[] = {{.name = "kernel_shape", .kind = TN_ATTR_INTS, .ints = kernel, .n = 2},
                            {.name = "strides", .kind = TN_ATTR_INTS, .ints = strides, .n = 2}};
    tn_value y = tn_graph_op(g, "conv", (tn_value[]){x, tn_graph_constant(g, w)}, 2, conv, 1, 1);
    y = tn_graph_op(g, "relu", &y, 1, NULL, 0, 1);
    y = tn_graph_op(g, "conv", (tn_value[]){y, tn_graph_constant(g, d)}, 2, conv, 2, 1);
    tn_graph_output(g, "y", tn_graph_op(g, "max_pool", &y, 1, pool, 2, 1));
    ok(tn_graph_check(g));
    tn_tensor_release(w), tn_tensor_release(d);
    return g;
}

static tn_graph *attention(void) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 3, (int64_t[]){2, 40, 48}), w = tn_graph_input(g, "w", TN_DTYPE_f32, 3, (int64_t[]){2, 48, 72});
    tn_value v = tn_graph_input(g, "v", TN_DTYPE_f32, 3, (int64_t[]){2, 72, 20}), u = tn_graph_input(g, "u", TN_DTYPE_f32, 2, (int64_t[]){20, 33});
    tn_value y = tn_graph_op(g, "matmul", (tn_value[]){x, w}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "softmax", &y, 1, NULL, 0, 1);
    y = tn_graph_op(g, "matmul", (tn_value[]){y, v}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "matmul", (tn_value[]){y, u}, 2, NULL, 0, 1);
    y = tn_graph_op(g, "tanh", &y, 1, NULL, 0, 1);
    tn_graph_output(g, "y", y);
    tn_graph_output(g, "sum", tn_graph_op(g, "reduce_sum", &y, 1, NULL, 0, 1));
    tn_graph_output(g, "exp", tn_graph_op(g, "exp", &x, 1, NULL, 0, 1));
    ok(tn_graph_check(g));
    return g;
}

enum { TENSORS_MOST = 6 };

/* Compiles with one choice and runs; results over all outputs into `out`. */
static const tn__kprogram *solve(const tn_graph *g, const tn__tuning *schedules, tn__artefact **artefact, float *out, size_t room) {
    tn__device_config config = {.context = c, .threads = 1, .tuning = TN__TUNING_USE, .log = {.context = c}};
    tn_tensor *in[TENSORS_MOST], *y[TENSORS_MOST];
    size_t at = 0;
    ok(tn__cpu_build(&config, g, schedules, artefact));
    for (size_t i = 0; i < g->inputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->inputs.data[i].value);
        ok(tn_tensor_create(c, t->dtype, t->rank, t->dims, &in[i]));
        for (int64_t k = 0; k < in[i]->elements; k++) ((float *)in[i]->data)[k] = (float)((k + 1) * 7919 % 997) / 997 - 0.5f;
    }
    for (size_t i = 0; i < g->outputs.count; i++) {
        const tn__type *t = tn__type_of(g, g->outputs.data[i].value);
        ok(tn_tensor_create(c, t->dtype, t->rank, t->dims, &y[i]));
    }
    ok(tn__device_cpu.run(*artefact, in, y));
    for (size_t i = 0; i < g->outputs.count; i++) {
        assert_true(at + (size_t)y[i]->elements <= room);
        memcpy(out + at, y[i]->data, y[i]->bytes);
        at += (size_t)y[i]->elements;
        tn_tensor_release(y[i]);
    }
    for (size_t i = 0; i < g->inputs.count; i++) tn_tensor_release(in[i]);
    return tn__cpu_program(*artefact);
}

enum { STEPS_SEEN = 1 << 16 };

/* Every choice of every site, alone. Takes g; returns the kinds of spaces seen as bits. */
static unsigned check_bits(tn_graph *g) {
    enum { ROOM = 1 << 16 };
    float *want = calloc(ROOM, sizeof *want), *got = calloc(ROOM, sizeof *got);
    tn__tuning *none, *one;
    tn__artefact *base, *other;
    unsigned seen = 0;
    assert_non_null(want);
    assert_non_null(got);
    ok(tn__tuning_create(&tn__allocator_malloc, &none));
    const tn__kprogram *p = solve(g, none, &base, want, ROOM);
    assert_true(p->sites.count > 0);
    for (size_t i = 0; i < p->sites.count; i++) {
        const tn__site *s = &p->sites.data[i];
        tn__choice list[96];
        uint32_t n = tn__space_choices(&s->space, true, list, 96);
        for (uint32_t k = 0; k < n; k += 1 + n / 16) {
            ok(tn__tuning_create(&tn__allocator_malloc, &one));
            ok(tn__tuning_put(one, s->signature, &list[k]));
            const tn__kprogram *q = solve(g, one, &other, got, ROOM);
            bool used = false;
            for (size_t m = 0; m < q->sites.count; m++) used |= q->sites.data[m].found && tn__choice_equal(&q->sites.data[m].used, &list[k]);
            if (!used) fail_msg("choice %u of '%s' was not used", k, s->signature);
            if (memcmp(want, got, ROOM * sizeof *want)) fail_msg("choice %u of '%s' changes bits", k, s->signature);
            tn__device_cpu.destroy(other);
            tn__tuning_destroy(one);
        }
        if (n) seen |= 1u << s->space.kind;
        for (uint32_t k = 0; k < n; k += 1 + n / 16) seen |= list[k].value[TN__KNOB_steps] > 1 ? STEPS_SEEN : 0;
    }
    tn__device_cpu.destroy(base);
    tn__tuning_destroy(none);
    tn_graph_release(g);
    free(want), free(got);
    return seen;
}

static void test_bits(void **state) {
    (void)state;
    unsigned seen = check_bits(convolution()) | check_bits(attention());
    assert_int_equal(seen, 1u << TN__SPACE_PRODUCT | 1u << TN__SPACE_ROWS | 1u << TN__SPACE_BLOCK | STEPS_SEEN);
}

/* ---- file ---------------------------------------------------------------------------------------------------- */

static void put_line(const tn__tuning_record *r, size_t keep) {
    tn__text t;
    tn__text_init(&t, &tn__allocator_malloc);
    tn__tuning_print(r, &t);
    assert_false(t.failed);
    ok(tn__os_append_file(&tn__allocator_malloc, file, t.data, keep && keep < t.length ? keep : t.length));
    tn__text_deinit(&t);
}

static tn__tuning *load(const char *cpu, uint64_t *bad) {
    tn__tuning *t;
    ok(tn__tuning_create(&tn__allocator_malloc, &t));
    ok(tn__tuning_load(&tn__allocator_malloc, file, cpu, "gen", t, bad));
    return t;
}

static void test_file(void **state) {
    (void)state;
    uint64_t bad;
    tn__tuning *t = load("cpu", &bad); /* not there yet */
    assert_int_equal(tn__tuning_count(t), 0);
    tn__tuning_destroy(t);
    tn__tuning_record r = {"cpu", "gen", "a kernel", {{[TN__KNOB_mr] = 3}}, 0.9, 0.01, 1}, other = r;
    other.cpu = "another", other.choice.value[TN__KNOB_mr] = 5;
    put_line(&r, 0), put_line(&other, 0);
    r.choice.value[TN__KNOB_mr] = 4; /* later: counts */
    put_line(&r, 0);
    r.signature = "cut off";
    put_line(&r, 40); /* a writer that was killed */
    r.signature = "after it";
    put_line(&r, 0);
    const char forged[] = "tn1\t0123456789abcdef\tcpu\tgen\tmr=2\t1\t1\t1\tforged\n\0zero\n";
    ok(tn__os_append_file(&tn__allocator_malloc, file, forged, sizeof forged - 1));
    t = load("cpu", &bad);
    assert_int_equal(bad, 3);
    assert_int_equal(tn__tuning_count(t), 2);
    assert_int_equal(tn__tuning_find(t, "a kernel")->value[TN__KNOB_mr], 4);
    assert_non_null(tn__tuning_find(t, "after it"));
    assert_null(tn__tuning_find(t, "forged"));
    tn__tuning_destroy(t);
    t = load("another", &bad);
    assert_int_equal(tn__tuning_find(t, "a kernel")->value[TN__KNOB_mr], 5);
    tn__tuning_destroy(t);
    assert_int_equal(unlink(file), 0);
}

/* ---- option -------------------------------------------------------------------------------------------------- */

static uint32_t n_tuned; /* of the last program compiled */

static tn_error *compile(tn_graph *g, const char *tuning, const char *budget) {
    tn_options *o;
    tn_executable *x;
    ok(tn_options_create(c, &o));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "tuning_file", file));
    ok(tn_options_set(o, "tuning", tuning));
    ok(tn_options_set(o, "tuning_budget_ms", budget));
    tn_error *e = tn_compile(g, o, &x);
    tn_executable_stats s = {.struct_size = sizeof s};
    if (!e) ok(tn_executable_get_stats(x, &s));
    n_tuned = s.n_tuned;
    tn_executable_release(x);
    tn_options_release(o);
    return e;
}

static void test_modes(void **state) {
    (void)state;
    tn_graph *g = attention();
    ok(compile(g, "use", "0"));
    assert_false(tn__os_file_exists(file));
    expect_error(compile(g, "require", "0"), TN_ERROR_NOT_FOUND, "tuning=record");
    ok(compile(g, "record", "0"));
    ok(compile(g, "require", "0")); /* all that was asked for is there now */
    char *before, *after;
    size_t n_before, n_after;
    ok(tn__os_read_file(&tn__allocator_malloc, file, 1 << 20, &before, &n_before));
    ok(compile(g, "record", "300")); /* nothing left to search for */
    ok(tn__os_read_file(&tn__allocator_malloc, file, 1 << 20, &after, &n_after));
    assert_int_equal(n_before, n_after);
    tn__free(&tn__allocator_malloc, before, n_before + 1), tn__free(&tn__allocator_malloc, after, n_after + 1);
    tn_graph_release(g);
}

/* Every product of the file gets another tile than the rule's. */
static tn_error *make_small(void *self, const tn__tuning_record *r) {
    tn__tuning_record small = *r;
    small.choice = (tn__choice){{[TN__KNOB_mr] = 1, [TN__KNOB_nv] = 1}};
    if (!strncmp(r->signature, "mm ", 3)) tn__tuning_print(&small, self);
    return NULL;
}

static void test_use(void **state) {
    (void)state;
    tn_graph *g = attention();
    uint64_t bad;
    tn__text more;
    unlink(file);
    ok(compile(g, "record", "0"));
    assert_int_equal(n_tuned, 0);
    tn__text_init(&more, &tn__allocator_malloc);
    ok(tn__tuning_each_of_file(&tn__allocator_malloc, file, make_small, &more, &bad));
    ok(tn__os_append_file(&tn__allocator_malloc, file, more.data, more.length));
    tn__text_deinit(&more);
    ok(compile(g, "use", "0"));
    assert_int_equal(n_tuned, 3); /* products */
    ok(compile(g, "ignore", "0"));
    assert_int_equal(n_tuned, 0);
    tn_graph_release(g);
}

/* ---- files read once ------------------------------------------------------------------------------------------ */

/* How many sites of g have a schedule of the file. */
static size_t sites_found(const tn_graph *g) {
    tn__device_config config = {.context = c, .threads = 1, .tuning = TN__TUNING_USE, .tuning_file = file, .log = {.context = c}};
    tn__artefact *x;
    size_t n = 0;
    ok(tn__cpu_tuned(&config, g, &x));
    const tn__kprogram *p = tn__cpu_program(x);
    for (size_t i = 0; i < p->sites.count; i++) n += p->sites.data[i].found;
    tn__device_cpu.destroy(x);
    return n;
}

/* Other bytes in the same file, as many and with the time of the old ones: only who reads it sees them. */
static void deface(bool keep_time) {
    struct stat before;
    assert_int_equal(stat(file, &before), 0);
    FILE *f = fopen(file, "r+");
    assert_non_null(f);
    for (off_t i = 0; i < before.st_size; i++) fputc('x', f);
    assert_int_equal(fclose(f), 0);
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    times[1].tv_sec -= !keep_time;
    assert_int_equal(utimensat(AT_FDCWD, file, times, 0), 0);
}

static void test_read_once(void **state) {
    (void)state;
    tn_graph *g = attention();
    (void)!unlink(file);
    assert_int_equal(sites_found(g), 0);
    ok(compile(g, "record", "1"));
    size_t n = sites_found(g);
    assert_true(n > 0);
    deface(true);
    assert_int_equal(sites_found(g), n); /* nothing was read */
    deface(false);
    assert_int_equal(sites_found(g), 0);
    assert_int_equal(unlink(file), 0);
    ok(compile(g, "record", "1"));
    assert_int_equal(sites_found(g), n);
    assert_int_equal(unlink(file), 0);
    tn_graph_release(g);
}

enum { READERS = 4, READS = 200 };

/* Takes and returns tables while the file changes. */
static void *reader(void *self) {
    (void)self;
    for (int i = 0; i < READS; i++) {
        const tn__tuning *t;
        uint64_t bad;
        tn_error *e = tn__tuned_table_acquire(c, file, "cpu", &t, &bad);
        if (e) return e;
        size_t n = tn__tuning_count(t);
        bool there = n == 0 || tn__tuning_find(t, "kernel 0");
        tn__tuned_table_release(c, t);
        if (!there) return file;
    }
    return NULL;
}

static void test_readers(void **state) {
    (void)state;
    pthread_t threads[READERS];
    void *said;
    char name[32];
    for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&threads[i], NULL, reader, NULL), 0);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "kernel %d", i);
        tn__tuning_record r = {"cpu", tn__generator_version(), name, {{[TN__KNOB_mr] = 3}}, 0.9, 0.01, 1};
        put_line(&r, 0);
    }
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], &said), 0);
        assert_null(said);
    }
    const tn__tuning *t;
    uint64_t bad;
    ok(tn__tuned_table_acquire(c, file, "cpu", &t, &bad));
    assert_int_equal(tn__tuning_count(t), 40);
    tn__tuned_table_release(c, t);
    assert_int_equal(unlink(file), 0);
}

static tn_error *count_record(void *self, const tn__tuning_record *r) {
    (void)r;
    ++*(int *)self;
    return NULL;
}

static void test_grows(void **state) {
    (void)state;
    uint64_t at = 0;
    int n = 0;
    tn__tuning_record r = {"cpu", "gen", "a kernel", {{[TN__KNOB_mr] = 3}}, 0.9, 0.01, 1};
    ok(tn__tuning_each_new(&tn__allocator_malloc, file, &at, count_record, &n)); /* not there yet */
    assert_int_equal(n, 0);
    put_line(&r, 0), put_line(&r, 0);
    ok(tn__tuning_each_new(&tn__allocator_malloc, file, &at, count_record, &n));
    assert_int_equal(n, 2);
    tn__text t;
    tn__text_init(&t, &tn__allocator_malloc);
    tn__tuning_print(&r, &t);
    FILE *f = fopen(file, "a"); /* a line in two writes, looked at between them */
    assert_non_null(f);
    fwrite(t.data, 1, 40, f), fflush(f);
    ok(tn__tuning_each_new(&tn__allocator_malloc, file, &at, count_record, &n));
    assert_int_equal(n, 2);
    fwrite(t.data + 40, 1, t.length - 40, f), fclose(f);
    ok(tn__tuning_each_new(&tn__allocator_malloc, file, &at, count_record, &n));
    assert_int_equal(n, 3);
    ok(tn__tuning_each_new(&tn__allocator_malloc, file, &at, count_record, &n));
    assert_int_equal(n, 3);
    assert_int_equal(unlink(file), 0);
    put_line(&r, 0); /* another file: shorter */
    ok(tn__tuning_each_new(&tn__allocator_malloc, file, &at, count_record, &n));
    assert_int_equal(n, 4);
    tn__text_deinit(&t);
    assert_int_equal(unlink(file), 0);
}

/* A choice that does not fit the kernel (a file from elsewhere) is not used, and counts as missing. */
static void test_misfit(void **state) {
    (void)state;
    tn_graph *g = attention();
    tn__artefact *x;
    tn__tuning *t;
    float *y = calloc(1 << 16, sizeof *y);
    assert_non_null(y);
    ok(tn__tuning_create(&tn__allocator_malloc, &t));
    const tn__kprogram *p = solve(g, t, &x, y, 1 << 16);
    for (size_t i = 0; i < p->sites.count; i++) ok(tn__tuning_put(t, p->sites.data[i].signature, &(tn__choice){{[TN__KNOB_mr] = 9000, [TN__KNOB_block] = 3}}));
    tn__device_cpu.destroy(x);
    p = solve(g, t, &x, y, 1 << 16);
    for (size_t i = 0; i < p->sites.count; i++) assert_true(!p->sites.data[i].found && tn__choice_is_rule(&p->sites.data[i].used));
    tn__device_cpu.destroy(x);
    tn__tuning_destroy(t);
    tn_graph_release(g);
    free(y);
}

int main(void) {
    strcpy(folder, "/tmp/tenon-tuning-XXXXXX");
    if (!mkdtemp(folder) || tn_context_create(NULL, &c)) return 2;
    snprintf(file, sizeof file, "%s/sub/tuning.txt", folder);
    char sub[128];
    snprintf(sub, sizeof sub, "%s/sub", folder);
    tn_error *made = tn__os_make_private_folder(&tn__allocator_malloc, sub);
    if (made) return 2;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice_text), cmocka_unit_test(test_space), cmocka_unit_test(test_bits),
                                       cmocka_unit_test(test_file), cmocka_unit_test(test_modes), cmocka_unit_test(test_use), cmocka_unit_test(test_misfit),
                                       cmocka_unit_test(test_read_once), cmocka_unit_test(test_readers), cmocka_unit_test(test_grows)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(c);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) || failed;
}
