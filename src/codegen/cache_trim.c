/* The bound of the code cache: the entries that were used longest ago go. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/os.h"
#include "codegen/cache.h"

/* "<32 hex digits>.tno", what this cache writes; with more after it a file on its way to that name (tn__os_write_file). */
enum { KEY_DIGITS = 32, NAME = KEY_DIGITS + 4, NAME_MAX_BYTES = 96 };

typedef struct file {
    char name[NAME_MAX_BYTES];
    uint64_t bytes;
    int64_t modified_ns;
} file;

typedef struct listing {
    const tn_allocator *a;
    TN__VEC(file) files;
} listing;

static bool is_ours(const char *name) {
    return strspn(name, "0123456789abcdef") == KEY_DIGITS && !strncmp(name + KEY_DIGITS, ".tno", 4) && strlen(name) < NAME_MAX_BYTES;
}

static bool add(void *self, const tn__os_file *f) {
    listing *l = self;
    if (!is_ours(f->name)) return true;
    file x = {.bytes = f->bytes, .modified_ns = f->modified_ns};
    memcpy(x.name, f->name, strlen(f->name) + 1);
    return TN__PUSH(l->a, &l->files, x);
}

static int oldest_first(const void *x, const void *y) {
    const file *a = x, *b = y;
    if (a->modified_ns != b->modified_ns) return a->modified_ns < b->modified_ns ? -1 : 1;
    return strcmp(a->name, b->name);
}

static bool remove_one(const tn_allocator *a, const char *dir, const char *name) {
    tn__text t;
    tn__text_init(&t, a);
    tn__text_addf(&t, "%s/%s", dir, name);
    char *path = tn__text_take(&t);
    bool gone = path && tn__os_remove_file(path);
    tn__strfree(a, path);
    return gone;
}

/* Another process may do the same at the same time: both remove the same oldest ones first, and a reader that has an entry open keeps
 * what it opened. So no lock is needed. */
void tn__cache_trim(tn_context *c, const tn__code_cache *cache) {
    const char *dir = cache->dir;
    uint64_t max_bytes = cache->max_bytes;
    static const int64_t abandoned_ns = 3600 * (int64_t)1000000000; /* no write takes that long: its process died */
    listing l = {.a = &c->allocator};
    tn_error *e = tn__os_visit_folder(l.a, dir, add, &l);
    uint64_t total = 0;
    int64_t now = tn__os_wall_clock_ns();
    for (size_t i = 0; i < l.files.count; i++) total += l.files.data[i].bytes;
    if (!e && l.files.count) qsort(l.files.data, l.files.count, sizeof *l.files.data, oldest_first);
    for (size_t i = 0; !e && i < l.files.count; i++) {
        const file *f = &l.files.data[i];
        bool whole = strlen(f->name) == NAME, abandoned = !whole && now - f->modified_ns > abandoned_ns;
        if (abandoned || (whole && max_bytes && total > max_bytes))
            if (remove_one(l.a, dir, f->name)) total -= f->bytes;
    }
    if (e) tn__log_to(&cache->log, TN_LOG_INFO, "code cache: %s", tn_error_get_message(e));
    tn_error_destroy(e);
    TN__VEC_FREE(l.a, &l.files);
}
