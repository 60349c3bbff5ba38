#include "schedules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/os.h"

static int by_kernel(const void *x, const void *y) {
    const tn__tuning_record *a = x, *b = y;
    int order = strcmp(a->cpu, b->cpu);
    if (!order) order = strcmp(a->generator, b->generator);
    return order ? order : strcmp(a->signature, b->signature);
}

static tn__tuning_record copy_of(const tn__tuning_record *r) {
    tn__tuning_record c = *r;
    c.cpu = cli_printf("%s", r->cpu), c.generator = cli_printf("%s", r->generator), c.signature = cli_printf("%s", r->signature);
    return c;
}

static void record_free(tn__tuning_record *r) {
    free((char *)r->cpu), free((char *)r->generator), free((char *)r->signature);
}

static void push(schedules *s, const tn__tuning_record *r) {
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        s->items = cli_realloc(s->items, s->capacity * sizeof *s->items);
    }
    s->items[s->count++] = copy_of(r);
}

static tn_error *add(void *self, const tn__tuning_record *r) {
    push(self, r);
    return NULL;
}

static int by_kernel_then_place(const void *x, const void *y) {
    const tn__tuning_record *const *a = x, *const *b = y;
    int order = by_kernel(*a, *b);
    return order ? order : (*a > *b) - (*a < *b);
}

/* Sorts, and keeps the last of each kernel. */
static void settle(schedules *s) {
    const tn__tuning_record **order = cli_alloc((s->count + 1) * sizeof *order);
    tn__tuning_record *kept = cli_alloc((s->count + 1) * sizeof *kept);
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) order[i] = &s->items[i];
    qsort(order, s->count, sizeof *order, by_kernel_then_place);
    for (size_t i = 0; i < s->count; i++) {
        bool last = i + 1 == s->count || by_kernel(order[i], order[i + 1]);
        if (last) kept[n++] = *order[i];
        else record_free((tn__tuning_record *)order[i]);
    }
    free(order);
    free(s->items);
    s->items = kept, s->capacity = s->count + 1, s->count = n;
}

tn_error *schedules_read(const char *path, schedules *out) {
    *out = (schedules){0};
    tn_error *e = tn__tuning_each_of_file(&tn__allocator_malloc, path, add, out, &out->bad);
    settle(out);
    return e;
}

void schedules_free(schedules *s) {
    for (size_t i = 0; i < s->count; i++) record_free(&s->items[i]);
    free(s->items);
    *s = (schedules){0};
}

const tn__tuning_record *schedules_find(const schedules *s, const tn__tuning_record *like) {
    return s->count ? bsearch(like, s->items, s->count, sizeof *s->items, by_kernel) : NULL;
}

size_t schedules_merge(schedules *to, const schedules *from) {
    schedules more = {0};
    for (size_t i = 0; i < from->count; i++) {
        const tn__tuning_record *have = schedules_find(to, &from->items[i]);
        if (!have || from->items[i].ratio < have->ratio) push(&more, &from->items[i]);
    }
    for (size_t i = 0; i < more.count; i++) push(to, &more.items[i]);
    size_t n = more.count;
    if (n) settle(to);
    schedules_free(&more);
    return n;
}

tn_error *schedules_write(const schedules *s, const char *path) {
    tn__text text;
    tn__text_init(&text, &tn__allocator_malloc);
    for (size_t i = 0; i < s->count; i++) tn__tuning_print(&s->items[i], &text);
    tn_error *e = text.failed ? tn__error_oom() : NULL;
    tn__os_span span = {text.data ? text.data : "", text.length};
    if (!e) e = tn__os_write_file(&tn__allocator_malloc, path, &span, 1);
    tn__text_deinit(&text);
    return e;
}

char *schedules_choice(const tn__tuning_record *r) {
    tn__text text;
    tn__text_init(&text, &tn__allocator_malloc);
    tn__choice_print(&r->choice, &text);
    char *out = cli_printf("%s", text.failed ? "" : text.data);
    tn__text_deinit(&text);
    return out;
}

void schedules_print_head(void) { printf("%-22s %-16s %7s  %-14s %12s  %s\n", "schedule", "processor", "threads", "generator", "of its time", "kernel"); }

void schedules_print(const tn__tuning_record *r) {
    char *choice = schedules_choice(r), *kernel = cli_escape(r->signature), *cpu = cli_escape(r->cpu), *generator = cli_escape(r->generator);
    printf("%-22s %-16s %7d  %-14.14s %7.4f%-5s  %s\n", choice, cpu, (int)r->threads, generator, r->ratio, "", kernel);
    free(choice), free(kernel), free(cpu), free(generator);
}

json_t *schedules_json(const tn__tuning_record *r) {
    char *choice = schedules_choice(r);
    json_t *o = json_pack("{so so ss sf sf si so}", "cpu", cli_text_json(r->cpu), "generator", cli_text_json(r->generator), "schedule", choice, "ratio",
                          r->ratio, "error", r->error, "threads", (int)r->threads, "kernel", cli_text_json(r->signature));
    free(choice);
    return o;
}
