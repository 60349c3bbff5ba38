#include "tune_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schedules.h"
#include "side.h"

/* A search is a phase of the compilation, and so are its rounds. */
static void show_phase(void *self, const tn_profile_row *row) {
    (void)self;
    if (!strcmp(row->kind, "phase") && !strncmp(row->kernel, "schedule search", 15)) cli_progress("%s", row->kernel);
}

/* The model with one more setting of the library; closed by side_free. */
static tn_error *open_with(side *out, tn_context *c, const char *path, const timing_settings *s, const char *setting, const char *budget) {
    cli_texts own = {0};
    cli_texts_add(&own, setting);
    if (budget) cli_texts_add(&own, budget);
    tn_error *e = side_open(out, c, path, &s->target, &s->inputs, &own);
    cli_texts_free(&own);
    return e;
}

/* Compiles and runs once: a graph with open dimensions is compiled at its first run. */
static tn_error *search(side *x) {
    const tn_hook hook = {.struct_size = sizeof hook, .begin = show_phase};
    tn_executable *executable = NULL;
    tn_tensor **out = cli_alloc((x->n_out + 1) * sizeof *out);
    tn_error *e = tn_options_set_hook(x->options, &hook);
    if (!e) e = tn_compile(x->graph, x->options, &executable);
    if (!e) e = tn_executable_run(executable, x->in, x->n_in, out, x->n_out);
    cli_progress_end();
    tn_executable_release(executable);
    cli_tensors_release(out, x->n_out);
    return e;
}

static tn_error *compare(tn_context *c, const char *path, const timing_settings *s, tn__comparison *out) {
    side a = {0}, b = {0};
    const tn__compare_settings how = {.seconds = 4 * s->seconds + 1, .seed = 1, .rounds = 15};
    cli_progress("comparing the schedules with those of the rules");
    tn_error *e = open_with(&a, c, path, s, "tuning=ignore", NULL);
    if (!e) e = open_with(&b, c, path, s, "tuning=use", NULL);
    if (!e) e = side_compare(&a, &b, &how, out);
    cli_progress_end();
    side_free(&a), side_free(&b);
    return e;
}

static int by_ratio(const void *x, const void *y) {
    const tn__tuning_record *const *a = x, *const *b = y;
    if ((*a)->ratio != (*b)->ratio) return (*a)->ratio < (*b)->ratio ? -1 : 1;
    return strcmp((*a)->signature, (*b)->signature);
}

/* The schedules that came with this search: those not in `before`. */
static size_t fresh(const schedules *before, const schedules *after, const tn__tuning_record **out) {
    size_t n = 0;
    for (size_t i = 0; i < after->count; i++)
        if (!schedules_find(before, &after->items[i])) out[n++] = &after->items[i];
    qsort(out, n, sizeof *out, by_ratio);
    return n;
}

static void print(const tn__tuning_record *const *found, size_t n, const tn__comparison *c, const char *file, bool json) {
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++) json_array_append_new(list, schedules_json(found[i]));
        cli_print_json(json_pack("{ss so so so}", "version", tn_version(), "file", cli_text_json(file), "found", list, "compared",
                                 json_pack("{ss sf sf sf}", "verdict", tn__verdict_text(c->verdict), "ratio", c->ratio, "low", c->low, "high", c->high)));
        return;
    }
    size_t better = 0;
    for (size_t i = 0; i < n; i++) better += !tn__choice_is_rule(&found[i]->choice);
    if (better) schedules_print_head();
    for (size_t i = 0; i < n; i++)
        if (!tn__choice_is_rule(&found[i]->choice)) schedules_print(found[i]);
    printf("%zu kernels searched, %zu with another schedule than the rule's; kept in %s\n", n, better, file);
    printf("tuned against untuned, interleaved: %.4f of the time [%.4f, %.4f]: %s\n", c->ratio, c->low, c->high, tn__verdict_text(c->verdict));
}

tn_error *tune_kernels(const char *path, const timing_settings *s, double budget, bool json) {
    tn_context *c;
    side x = {0};
    schedules before = {0}, after = {0};
    tn__comparison compared = {0};
    char *file = NULL, *time = cli_printf("tuning_budget_ms=%.0f", budget < 1e6 ? budget * 1e3 : 1e9);
    tn_error *e = cli_context_create(&s->target.limits, &c);
    if (e) return free(time), e;
    e = open_with(&x, c, path, s, "tuning=record", time);
    if (!e) file = cli_printf("%s", tn_options_get(x.options, "tuning_file"));
    if (!e && !*file) e = TN__FAIL(NULL, INVALID_ARGUMENT, "option tuning_file: found '', wanted a file to keep schedules in");
    if (!e) e = schedules_read(file, &before);
    if (!e) e = search(&x);
    if (!e) e = schedules_read(file, &after);
    if (!e) e = compare(c, path, s, &compared);
    const tn__tuning_record **found = cli_alloc((after.count + 1) * sizeof *found);
    if (!e) print(found, fresh(&before, &after, found), &compared, file, json);
    free(found), free(file), free(time);
    schedules_free(&before), schedules_free(&after);
    tn__comparison_deinit(&tn__allocator_malloc, &compared);
    side_free(&x);
    tn_context_release(c);
    return e;
}
