/* The context: what all objects of one user share. */
#ifndef TN_BASE_CONTEXT_H
#define TN_BASE_CONTEXT_H
#include <stdatomic.h>
#include "base/alloc.h"

struct tn_context {
    atomic_uint references;
    tn_allocator allocator;
    void (*log)(void *self, tn_log_level level, const char *message);
    void *log_self;
    tn_limits limits; /* all fields set */
};

void tn__log(const tn_context *c, tn_log_level level, const char *format, ...) TN_PRINTF(3, 4);
#endif
