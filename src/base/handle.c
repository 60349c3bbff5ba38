#include "base/handle.h"

#include <string.h>

static const char *kind_text(uint32_t kind) {
    static const char *const texts[] = {
#define K(name, text) text,
        TN__HANDLE_KINDS(K)
#undef K
    };
    return kind > TN__HANDLE_RELEASED && kind < TN__HANDLE_END ? texts[kind - TN__HANDLE_RELEASED - 1] : NULL;
}

tn_error *tn__handle_error(const void *object, tn__handle_kind kind, const char *function, const char *name) {
    const char *wanted = kind_text(kind);
    if (!object) return TN__FAIL(NULL, INVALID_ARGUMENT, "%s: %s is NULL, wanted a handle of kind %s", function, name, wanted);
    uint32_t tag = *(const volatile uint32_t *)object;
    const char *found = kind_text(tag);
    if (found) return TN__FAIL(NULL, INVALID_ARGUMENT, "%s: %s is a handle of kind %s, wanted %s", function, name, found, wanted);
    return TN__FAIL(NULL, INVALID_ARGUMENT, "%s: %s %s, wanted a handle of kind %s", function, name,
                    tag == TN__HANDLE_RELEASED ? "was released" : "is no handle, or was released", wanted);
}

tn_error *tn__struct_check(const void *theirs, const char *function, const char *name) {
    size_t bytes;
    if (!theirs) return TN__FAIL(NULL, INVALID_ARGUMENT, "%s: %s is NULL", function, name);
    memcpy(&bytes, theirs, sizeof bytes);
    if (bytes >= sizeof bytes) return NULL;
    return TN__FAIL(NULL, INVALID_ARGUMENT, "%s: %s: struct_size is %zu; set it to sizeof", function, name, bytes);
}

void tn__struct_write(void *to, const void *from, size_t bytes) {
    size_t theirs;
    memcpy(&theirs, to, sizeof theirs);
    memcpy(to, from, theirs < bytes ? theirs : bytes);
    memcpy(to, &theirs, sizeof theirs);
}

tn_error *tn__struct_read(void *to, size_t bytes, const void *from, const char *function, const char *name) {
    size_t theirs;
    TN__TRY(tn__struct_check(from, function, name));
    memcpy(&theirs, from, sizeof theirs);
    memcpy(to, from, theirs < bytes ? theirs : bytes);
    memcpy(to, &bytes, sizeof bytes);
    return NULL;
}
