#include "kernel/tuning_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/os.h"

static const char tag[] = "tn1";
enum { FIELDS = 9, LINE_MOST = 1 << 14, PARTS = 10000 };
static const uint64_t file_most = (uint64_t)256 << 20;

/* FNV-1a, 64 bits. */
static uint64_t checksum(const char *text, size_t bytes) {
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001b3u;
    return h;
}

static bool read_count(const char *text, int64_t *out) {
    char *end;
    *out = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && *out <= INT32_MAX;
}

/* Cuts the line, which it may change, into fields. */
static bool read_line(char *line, size_t bytes, tn__tuning_record *out) {
    char *field[FIELDS], sum[17];
    int n = 0;
    if (bytes >= LINE_MOST) return false;
    for (char *at = line; n < FIELDS; n++) {
        field[n] = at;
        char *tab = strchr(at, '\t');
        if (n == FIELDS - 1 || !tab) {
            n++;
            break;
        }
        at = tab + 1;
    }
    if (n != FIELDS || strlen(line) != bytes) return false; /* a zero byte hides something */
    for (int i = 1; i < FIELDS; i++) field[i][-1] = 0;
    if (strcmp(field[0], tag)) return false;
    for (int i = 3; i < FIELDS; i++) field[i][-1] = '\t';
    snprintf(sum, sizeof sum, "%016" PRIx64, checksum(field[2], bytes - (size_t)(field[2] - line)));
    for (int i = 3; i < FIELDS; i++) field[i][-1] = 0;
    int64_t ratio, error, threads;
    if (strcmp(field[1], sum) || !tn__choice_parse(field[4], strlen(field[4]), &out->choice)) return false;
    if (!read_count(field[5], &ratio) || !read_count(field[6], &error) || !read_count(field[7], &threads)) return false;
    out->ratio = (double)ratio / PARTS, out->error = (double)error / PARTS;
    out->cpu = field[2], out->generator = field[3], out->signature = field[8];
    out->threads = (int32_t)threads;
    return *out->cpu && *out->generator && *out->signature;
}

tn_error *tn__tuning_each(const tn_allocator *a, const char *text, size_t bytes,
                          tn_error *(*visit)(void *self, const tn__tuning_record *r), void *self, uint64_t *out_bad) {
    char *line = tn__alloc(a, LINE_MOST);
    if (!line) return tn__error_oom();
    tn_error *e = NULL;
    *out_bad = 0;
    for (const char *at = text, *end = text + bytes; !e && at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((stop ? stop : end) - at);
        tn__tuning_record r;
        if (n && n < LINE_MOST) {
            memcpy(line, at, n);
            line[n] = 0;
        }
        /* a last line without its end may be in the middle of being written */
        if (n && (n >= LINE_MOST || !stop || !read_line(line, n, &r))) ++*out_bad;
        else if (n) e = visit(self, &r);
        at += n + 1;
    }
    tn__free(a, line, LINE_MOST);
    return e;
}

tn_error *tn__tuning_each_of_file(const tn_allocator *a, const char *path, tn_error *(*visit)(void *self, const tn__tuning_record *r),
                                  void *self, uint64_t *out_bad) {
    char *text;
    size_t bytes;
    *out_bad = 0;
    if (!tn__os_file_exists(path)) return NULL;
    TN__TRY(tn__os_read_file(a, path, file_most, &text, &bytes));
    tn_error *e = tn__tuning_each(a, text, bytes, visit, self, out_bad);
    tn__free(a, text, bytes + 1);
    return e;
}

tn_error *tn__tuning_each_new(const tn_allocator *a, const char *path, uint64_t *at,
                              tn_error *(*visit)(void *self, const tn__tuning_record *r), void *self) {
    tn__os_identity file;
    char *text;
    size_t bytes, whole;
    uint64_t bad;
    if (!tn__os_identify_file(path, &file)) return NULL;
    if (file.bytes < *at) *at = 0;
    if (file.bytes == *at) return NULL;
    TN__TRY(tn__os_read_file_from(a, path, *at, file_most, &text, &bytes));
    for (whole = bytes; whole && text[whole - 1] != '\n';) whole--; /* the rest may be in the middle of being written */
    tn_error *e = tn__tuning_each(a, text, whole, visit, self, &bad);
    *at += whole;
    tn__free(a, text, bytes + 1);
    return e;
}

static int parts(double x) { return x < 1e4 ? (int)(x * PARTS + 0.5) : 10000 * PARTS; }

void tn__tuning_print(const tn__tuning_record *r, tn__text *out) {
    tn__text rest;
    tn__text_init(&rest, out->allocator);
    tn__text_addf(&rest, "%s\t%s\t", r->cpu, r->generator);
    tn__choice_print(&r->choice, &rest);
    tn__text_addf(&rest, "\t%d\t%d\t%d\t%s", parts(r->ratio), parts(r->error), (int)r->threads, r->signature);
    if (rest.failed) out->failed = true;
    else tn__text_addf(out, "%s\t%016" PRIx64 "\t%s\n", tag, checksum(rest.data, rest.length), rest.data);
    tn__text_deinit(&rest);
}

typedef struct loading {
    const char *cpu, *generator;
    tn__tuning *t;
} loading;

static tn_error *load_record(void *self, const tn__tuning_record *r) {
    loading *l = self;
    if (strcmp(r->cpu, l->cpu) || strcmp(r->generator, l->generator)) return NULL;
    return tn__tuning_put(l->t, r->signature, &r->choice);
}

tn_error *tn__tuning_load(const tn_allocator *a, const char *path, const char *cpu, const char *generator, tn__tuning *t, uint64_t *out_bad) {
    loading l = {cpu, generator, t};
    return tn__tuning_each_of_file(a, path, load_record, &l, out_bad);
}
