/* What the rounds of a search for schedules try: all kernels at once that share no launch, never two that do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/os.h"
#include "device/cpu/cpu.h"
#include "device/cpu/search_plan.h"
#include "tenon/tenon.h"

static tn_context *c;

static void ok(tn_error *e) {
    if (e) fail_msg("%s", tn_error_get_message(e));
}

static tn_value product(tn_graph *g, tn_value x, const char *name, int64_t k, int64_t n) {
    tn_value w = tn_graph_input(g, name, TN_DTYPE_f32, 2, (int64_t[]){k, n});
    return tn_graph_op(g, "matmul", (tn_value[]){x, w}, 2, NULL, 0, 1);
}

/* Two products of different sizes that have nothing to do with each other. */
static tn_graph *apart(void) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){64, 96}), y = tn_graph_input(g, "y", TN_DTYPE_f32, 2, (int64_t[]){80, 112});
    tn_graph_output(g, "a", product(g, x, "w", 96, 64));
    tn_graph_output(g, "b", product(g, y, "v", 112, 48));
    ok(tn_graph_check(g));
    return g;
}

/* Softmax: sums and what is between them, one launch. */
static tn_graph *together(void) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){64, 96});
    tn_graph_output(g, "y", tn_graph_op(g, "softmax", &x, 1, NULL, 0, 1));
    ok(tn_graph_check(g));
    return g;
}

/* One product twice, each in a launch of its own; behind it another softmax each; and a product beside both. */
static tn_graph *twice(void) {
    tn_graph *g;
    ok(tn_graph_create(c, "g", &g));
    tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 2, (int64_t[]){64, 96}), z = tn_graph_input(g, "z", TN_DTYPE_f32, 2, (int64_t[]){80, 112});
    tn_value a = product(g, x, "w", 96, 64), b = product(g, x, "v", 96, 64);
    b = tn_graph_op(g, "exp", &b, 1, NULL, 0, 1);
    tn_graph_output(g, "a", tn_graph_op(g, "softmax", &a, 1, NULL, 0, 1));
    tn_graph_output(g, "b", tn_graph_op(g, "softmax", &b, 1, NULL, 0, 1));
    tn_value d = product(g, x, "u", 96, 64);
    tn_graph_output(g, "d", tn_graph_op(g, "softmax", &d, 1, NULL, 0, 1));
    tn_graph_output(g, "e", product(g, z, "t", 112, 48));
    ok(tn_graph_check(g));
    return g;
}

/* ---- the plan ------------------------------------------------------------------------------------------------ */

typedef struct planned {
    tn__artefact *artefact;
    tn__arena arena;
    tn__search_plan plan;
} planned;

/* Each launch takes as long as any other: no test depends on the clock. Takes g. */
static void plan_of(tn_graph *g, planned *out) {
    tn__device_config config = {.context = c, .threads = 1, .tuning = TN__TUNING_USE, .log = {.context = c}};
    tn__tuning *none;
    ok(tn__tuning_create(&tn__allocator_malloc, &none));
    ok(tn__cpu_build(&config, g, none, &out->artefact));
    const tn__kprogram *p = tn__cpu_program(out->artefact);
    tn__arena_init(&out->arena, &tn__allocator_malloc);
    tn__plan_init(&out->plan, &tn__allocator_malloc, &out->arena);
    ok(tn__plan_add(&out->plan, p, none));
    ok(tn__plan_launches(&out->plan, p));
    uint64_t *ns = calloc(out->plan.n_launches + 1, sizeof *ns);
    assert_non_null(ns);
    for (size_t i = 0; i < out->plan.n_launches; i++) ns[i] = 1000;
    ok(tn__plan_choices(&out->plan, ns, 1, false));
    free(ns);
    tn__tuning_destroy(none);
    tn_graph_release(g);
}

static void free_planned(planned *x) {
    tn__plan_deinit(&x->plan);
    tn__arena_deinit(&x->arena);
    tn__device_cpu.destroy(x->artefact);
}

/* Is there a step that has sites of both? Looked up in the program, not in the plan's sets. */
static bool meet(const tn__kprogram *p, const char *x, const char *y) {
    for (size_t i = 0; i < p->steps.count; i++) {
        const tn__step *step = &p->steps.data[i];
        bool has_x = false, has_y = false;
        for (uint32_t k = 0; k < step->n_stages; k++)
            for (size_t s = 0; s < p->sites.count; s++) {
                if (p->sites.data[s].root != step->stages[k].node) continue;
                has_x |= !strcmp(p->sites.data[s].signature, x);
                has_y |= !strcmp(p->sites.data[s].signature, y);
            }
        if (has_x && has_y) return true;
    }
    return false;
}

typedef struct seen {
    uint32_t rounds, pairs; /* pairs: of two subjects in one round */
} seen;

/* Plays all rounds; each choice must come once, in order. */
static seen play(planned *x) {
    tn__search_plan *p = &x->plan;
    const tn__kprogram *program = tn__cpu_program(x->artefact);
    uint32_t *which = calloc(p->n_tried + 1, sizeof *which), most = 0, n;
    assert_non_null(which);
    seen out = {0};
    uint32_t said = tn__plan_rounds(p, which);
    for (size_t i = 0; i < p->n_tried; i++) most += p->subjects.data[i].n_choices;
    for (; (n = tn__plan_next(p, which)) > 0; out.rounds++) {
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < i; k++, out.pairs++)
                if (meet(program, p->subjects.data[which[i]].signature, p->subjects.data[which[k]].signature))
                    fail_msg("round %u tries both '%s' and '%s' of one launch", out.rounds, p->subjects.data[which[i]].signature,
                             p->subjects.data[which[k]].signature);
        for (size_t i = 0; i < p->n_tried; i++) { /* who is left out meets one who is not */
            bool kept_out = tn__subject_next(&p->subjects.data[i]) < 0;
            for (uint32_t k = 0; k < n; k++)
                kept_out |= which[k] == i || meet(program, p->subjects.data[i].signature, p->subjects.data[which[k]].signature);
            if (!kept_out) fail_msg("round %u leaves '%s' out", out.rounds, p->subjects.data[i].signature);
        }
        for (uint32_t k = 0; k < n; k++) {
            tn__subject *s = &p->subjects.data[which[k]];
            assert_int_equal(tn__subject_next(s), (int32_t)s->n_done);
            tn__subject_done(s, tn__subject_next(s));
        }
        assert_in_range(out.rounds, 0, most);
    }
    assert_int_equal(out.rounds, said);
    for (size_t i = 0; i < p->n_tried; i++) assert_int_equal(p->subjects.data[i].n_done, p->subjects.data[i].n_choices);
    free(which);
    return out;
}

static void test_apart(void **state) {
    (void)state;
    planned x;
    plan_of(apart(), &x);
    assert_int_equal(x.plan.n_tried, 2);
    uint32_t a = x.plan.subjects.data[0].n_choices, b = x.plan.subjects.data[1].n_choices;
    assert_true(a > 4 && b > 4);
    seen s = play(&x);
    assert_int_equal(s.rounds, a > b ? a : b);
    assert_int_equal(s.pairs, a < b ? a : b);
    free_planned(&x);
}

static void test_together(void **state) {
    (void)state;
    planned x;
    plan_of(together(), &x);
    assert_in_range(x.plan.n_tried, 3, 9); /* the largest, the sum, the block of all */
    uint32_t all = 0;
    for (size_t i = 0; i < x.plan.n_tried; i++) all += x.plan.subjects.data[i].n_choices;
    seen s = play(&x);
    assert_int_equal(s.rounds, all);
    assert_int_equal(s.pairs, 0);
    free_planned(&x);
}

/* A kernel that stands in several launches keeps all of them; kernels of different launches do not wait for each other through it. */
static void test_twice(void **state) {
    (void)state;
    planned x;
    plan_of(twice(), &x);
    const tn__kprogram *p = tn__cpu_program(x.artefact);
    uint32_t repeated = 0, apart = 0, all = 0;
    for (size_t i = 0; i < x.plan.n_tried; i++) {
        uint32_t sites = 0;
        for (size_t k = 0; k < p->sites.count; k++) sites += !strcmp(p->sites.data[k].signature, x.plan.subjects.data[i].signature);
        repeated += sites > 1;
        all += x.plan.subjects.data[i].n_choices;
        for (size_t k = 0; k < i; k++) {
            bool share = tn__plan_share(&x.plan, &x.plan.subjects.data[i], &x.plan.subjects.data[k]);
            assert_int_equal(share, meet(p, x.plan.subjects.data[i].signature, x.plan.subjects.data[k].signature));
            apart += !share;
        }
    }
    assert_true(repeated > 0);
    assert_true(apart > 0);
    seen s = play(&x);
    assert_in_range(s.rounds, 1, all - 1);
    assert_true(s.pairs > 0);
    free_planned(&x);
}

/* ---- the search ---------------------------------------------------------------------------------------------- */

static char *file;

/* A search whose time is over after its first round; how many choices that tried. Takes g. */
static size_t first_round(tn_graph *g) {
    tn_options *o;
    tn_executable *x;
    char trials[160], *text;
    size_t bytes, lines = 0;
    ok(tn_options_create(c, &o));
    ok(tn_options_set(o, "cache", "off"));
    ok(tn_options_set(o, "threads", "1"));
    ok(tn_options_set(o, "tuning", "record"));
    ok(tn_options_set(o, "tuning_budget_ms", "1"));
    ok(tn_options_set(o, "tuning_file", file));
    ok(tn_compile(g, o, &x));
    snprintf(trials, sizeof trials, "%s.trials", file);
    ok(tn__os_read_file(&tn__allocator_malloc, trials, 1 << 20, &text, &bytes));
    for (size_t i = 0; i < bytes; i++) lines += text[i] == '\n';
    tn__free(&tn__allocator_malloc, text, bytes + 1);
    assert_int_equal(unlink(trials), 0);
    assert_int_equal(unlink(file), 0);
    tn_executable_release(x);
    tn_options_release(o);
    tn_graph_release(g);
    return lines;
}

static void test_search(void **state) {
    (void)state;
    assert_int_equal(first_round(apart()), 2);
    assert_int_equal(first_round(together()), 1);
}

int main(void) {
    char folder[64] = "/tmp/tenon-search-XXXXXX", name[128], command[100];
    if (!mkdtemp(folder) || tn_context_create(NULL, &c)) return 2;
    snprintf(name, sizeof name, "%s/tuning.txt", folder);
    file = name;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_apart), cmocka_unit_test(test_together), cmocka_unit_test(test_twice),
                                       cmocka_unit_test(test_search)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(c);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) || failed;
}
