#include "device/cpu/tuned_tables.h"

#include "base/context.h"
#include "base/os.h"
#include "codegen/codegen.h"

typedef struct table {
    struct table *next;
    char *path, *cpu;
    tn__os_identity file; /* as it was before it was read: what is written meanwhile makes it old */
    tn__tuning *tuning;
    uint64_t bad;
    uint32_t users;
    bool old; /* nobody gets it any more */
} table;

typedef struct tables {
    tn__os_mutex mutex;
    table *first;
} tables;

static void free_table(const tn_allocator *a, table *x) {
    tn__strfree(a, x->path);
    tn__strfree(a, x->cpu);
    tn__tuning_destroy(x->tuning);
    tn__free(a, x, sizeof *x);
}

static bool tables_init(tn_context *c, void *object) {
    (void)c;
    return tn__os_mutex_init(&((tables *)object)->mutex);
}

static void tables_deinit(tn_context *c, void *object) {
    tables *all = object;
    for (table *x = all->first, *next; x; x = next) {
        next = x->next;
        free_table(&c->allocator, x);
    }
    tn__os_mutex_deinit(&all->mutex);
}

static const tn__shared_kind tables_kind = {sizeof(tables), tables_init, tables_deinit};

/* Frees what is old and not in use. */
static void sweep(const tn_allocator *a, tables *all) {
    for (table **at = &all->first; *at;) {
        table *x = *at;
        if (x->old && !x->users) {
            *at = x->next;
            free_table(a, x);
        } else at = &x->next;
    }
}

static bool same_file(const tn__os_identity *a, const tn__os_identity *b) {
    return a->device == b->device && a->number == b->number && a->bytes == b->bytes && a->modified_ns == b->modified_ns;
}

static table *find(tables *all, const char *path, const char *cpu, const tn__os_identity *file) {
    table *found = NULL;
    for (table *x = all->first; x; x = x->next) {
        if (x->old || strcmp(x->path, path) || strcmp(x->cpu, cpu)) continue;
        if (same_file(&x->file, file)) found = x;
        else x->old = true;
    }
    return found;
}

static tn_error *read_table(const tn_allocator *a, const char *path, const char *cpu, const tn__os_identity *file, table **out) {
    *out = NULL;
    table *x = tn__alloc_zero(a, sizeof *x);
    if (!x) return tn__error_oom();
    x->path = tn__strdup(a, path), x->cpu = tn__strdup(a, cpu), x->file = *file;
    tn_error *e = x->path && x->cpu ? tn__tuning_create(a, &x->tuning) : tn__error_oom();
    if (!e) e = tn__tuning_load(a, path, cpu, tn__generator_version(), x->tuning, &x->bad);
    if (e) free_table(a, x);
    else *out = x;
    return e;
}

tn_error *tn__tuned_table_acquire(tn_context *c, const char *path, const char *cpu, const tn__tuning **out, uint64_t *out_bad) {
    tn__os_identity file = {0};
    tn_error *e = NULL;
    *out = NULL, *out_bad = 0;
    tables *all = tn__context_get_shared(c, &tables_kind);
    if (!all) return tn__error_oom();
    (void)tn__os_identify_file(path, &file); /* one that is not there is empty */
    tn__os_mutex_lock(&all->mutex); /* also while it is read: of several that want it one reads */
    table *x = find(all, path, cpu, &file);
    sweep(&c->allocator, all);
    if (!x && !(e = read_table(&c->allocator, path, cpu, &file, &x))) {
        x->next = all->first;
        all->first = x;
    }
    if (!e) {
        x->users++;
        *out = x->tuning, *out_bad = x->bad;
    }
    tn__os_mutex_unlock(&all->mutex);
    return e;
}

void tn__tuned_table_release(tn_context *c, const tn__tuning *t) {
    tables *all = t ? tn__context_get_shared(c, &tables_kind) : NULL; /* is there: t was taken from it */
    if (!all) return;
    tn__os_mutex_lock(&all->mutex);
    for (table *x = all->first; x; x = x->next)
        if (x->tuning == t) x->users--;
    sweep(&c->allocator, all);
    tn__os_mutex_unlock(&all->mutex);
}
