#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tn_error {
    tn_error_code code;
    int line;
    const char *file; /* static */
    tn_allocator allocator;
    size_t bytes; /* 0: static, never freed */
    char message[];
};

static struct {
    tn_error error;
    char text[32];
} oom_error = {.error = {.code = TN_ERROR_OUT_OF_MEMORY, .file = __FILE__}, .text = "out of memory"};

tn_error *tn__error_oom(void) { return &oom_error.error; }

/* The formatted text, then `tail`. */
static tn_error *error_from(const tn_allocator *a, tn_error_code code, const char *file, int line, const char *tail,
                            const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) length = 0;
    size_t tail_length = tail ? strlen(tail) : 0;
    size_t bytes = sizeof(tn_error) + tail_length + (size_t)length + 1;
    tn_error *e = a ? a->allocate(a->self, bytes, _Alignof(max_align_t)) : malloc(bytes);
    if (!e) return tn__error_oom();
    e->code = code;
    e->file = file;
    e->line = line;
    e->bytes = bytes;
    if (a) e->allocator = *a;
    else memset(&e->allocator, 0, sizeof e->allocator);
    vsnprintf(e->message, (size_t)length + 1, format, args);
    if (tail_length) memcpy(e->message + length, tail, tail_length + 1);
    return e;
}

tn_error *tn__error_make(const tn_allocator *a, tn_error_code code, const char *file, int line, const char *format,
                         ...) {
    va_list args;
    va_start(args, format);
    tn_error *e = error_from(a, code, file, line, NULL, format, args);
    va_end(args);
    return e;
}

tn_error *tn__error_prefix(tn_error *e, const char *format, ...) {
    if (!e || e == tn__error_oom()) return e;
    char text[512] = ": ";
    size_t rest = strlen(e->message);
    const tn_allocator *a = e->allocator.allocate ? &e->allocator : NULL;
    va_list args;
    va_start(args, format);
    /* the old message goes behind the prefix */
    char *tail = a ? a->allocate(a->self, rest + 3, 1) : malloc(rest + 3);
    if (!tail) {
        va_end(args);
        return e;
    }
    memcpy(tail, text, 2);
    memcpy(tail + 2, e->message, rest + 1);
    tn_error *longer = error_from(a, e->code, e->file, e->line, tail, format, args);
    va_end(args);
    if (a) a->deallocate(a->self, tail, rest + 3);
    else free(tail);
    if (longer == tn__error_oom()) return e;
    tn_error_destroy(e);
    return longer;
}

static tn_error *with_tail(const tn_error *e, const char *tail, const char *format, ...) {
    va_list args;
    va_start(args, format);
    tn_error *longer = error_from(e->allocator.allocate ? &e->allocator : NULL, e->code, e->file, e->line, tail, format, args);
    va_end(args);
    return longer;
}

tn_error *tn__error_suffix(tn_error *e, const char *format, ...) {
    if (!e || e == tn__error_oom()) return e;
    const tn_allocator a = *tn__error_allocator(e);
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    size_t bytes = length < 0 ? 1 : (size_t)length + 1;
    char *tail = tn__alloc(&a, bytes);
    if (tail) vsnprintf(tail, bytes, format, args);
    va_end(args);
    tn_error *longer = tail ? with_tail(e, tail, "%s", e->message) : tn__error_oom();
    tn__free(&a, tail, bytes);
    if (longer == tn__error_oom()) return e;
    tn_error_destroy(e);
    return longer;
}

const tn_allocator *tn__error_allocator(const tn_error *e) { return e->allocator.allocate ? &e->allocator : &tn__allocator_malloc; }

tn_error *tn__error_copy(const tn_error *e) {
    if (!e) return NULL;
    if (!e->bytes) return tn__error_oom();
    return tn__error_make(e->allocator.allocate ? &e->allocator : NULL, e->code, e->file, e->line, "%s", e->message);
}

tn_error_code tn_error_get_code(const tn_error *error) { return error ? error->code : TN_OK; }

const char *tn_error_get_message(const tn_error *error) {
    if (!error) return "no error";
    return error->bytes ? error->message : oom_error.text;
}

const char *tn_error_code_name(tn_error_code code) {
    switch (code) {
    case TN_OK: return "OK";
#define TN_ERROR(name, id, help) \
    case TN_ERROR_##name: return #name;
#include "tenon/errors.def"
    }
    return "UNKNOWN";
}

void tn_error_destroy(tn_error *error) {
    if (!error || !error->bytes) return;
    tn_allocator a = error->allocator;
    if (a.deallocate) a.deallocate(a.self, error, error->bytes);
    else free(error);
}
