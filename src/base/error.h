/* Making errors. An error is made where something fails, with code, place and one line of text. */
#ifndef TN_BASE_ERROR_H
#define TN_BASE_ERROR_H
#include <stdarg.h>
#include "tenon/base.h"

/* Makes an error with memory of `a` (NULL: malloc); when that fails, returns the static out-of-memory error. Never NULL. */
tn_error *tn__error_make(const tn_allocator *a, tn_error_code code, const char *file, int line, const char *format, ...)
    TN_PRINTF(5, 6);
/* The static out-of-memory error. */
tn_error *tn__error_oom(void);
/* Replaces the text by "<prefix>: <text>"; consumes and returns `e` (NULL stays NULL). */
tn_error *tn__error_prefix(tn_error *e, const char *format, ...) TN_PRINTF(2, 3);
/* Puts the text behind the message; consumes and returns `e` (NULL stays NULL). */
tn_error *tn__error_suffix(tn_error *e, const char *format, ...) TN_PRINTF(2, 3);
/* What e's memory came from; borrowed from e. */
const tn_allocator *tn__error_allocator(const tn_error *e);
/* A copy that the receiver owns. */
tn_error *tn__error_copy(const tn_error *e);

#define TN__FAIL(allocator, code, ...) tn__error_make((allocator), TN_ERROR_##code, __FILE__, __LINE__, __VA_ARGS__)
#define TN__TRY(expression)                     \
    do {                                        \
        tn_error *tn__try_error = (expression); \
        if (tn__try_error) return tn__try_error; \
    } while (0)
#endif
