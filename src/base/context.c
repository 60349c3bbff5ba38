#include "base/context.h"

#include <stdio.h>

#include "base/os.h"

tn_error *tn_context_create(const tn_context_options *options, tn_context **out_context) {
    if (!out_context) return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_context_create: out_context is NULL");
    *out_context = NULL;
    if (options && options->struct_size < sizeof(size_t))
        return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_context_create: options->struct_size is %zu; set it to sizeof",
                        options->struct_size);
    tn_context_options o = {0};
    if (options) memcpy(&o, options, options->struct_size < sizeof o ? options->struct_size : sizeof o);
    if (o.allocator && (!o.allocator->allocate || !o.allocator->deallocate))
        return TN__FAIL(NULL, INVALID_ARGUMENT, "tn_context_create: the allocator lacks a function");
    tn_allocator a = o.allocator ? *o.allocator : tn__allocator_malloc;
    tn_context *c = tn__alloc_zero(&a, sizeof *c);
    if (!c) return tn__error_oom();
    atomic_init(&c->references, 1);
    c->allocator = a;
    c->log = o.log;
    c->log_self = o.log_self;
    if (o.limits) {
        size_t n = o.limits->struct_size < sizeof c->limits ? o.limits->struct_size : sizeof c->limits;
        memcpy(&c->limits, o.limits, n);
    }
    tn_limits *l = &c->limits;
    l->struct_size = sizeof *l;
    bool lower_bytes = !l->max_bytes;
#define TN_LIMIT(name, type, default_, most, help) \
    if (!l->name) l->name = default_;              \
    if (l->name > most) l->name = (type)most;
#include "tenon/limits.def"
    uint64_t memory = tn__os_memory_bytes();
    if (lower_bytes && memory && memory < l->max_bytes) l->max_bytes = memory; /* more would only bring the system down */
    *out_context = c;
    return NULL;
}

void tn_context_retain(tn_context *context) {
    if (context) atomic_fetch_add_explicit(&context->references, 1, memory_order_relaxed);
}

void tn_context_release(tn_context *context) {
    if (!context || atomic_fetch_sub_explicit(&context->references, 1, memory_order_acq_rel) != 1) return;
    tn_allocator a = context->allocator;
    tn__free(&a, context, sizeof *context);
}

void tn__log(const tn_context *c, tn_log_level level, const char *format, ...) {
    if (!c->log) return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->log(c->log_self, level, text);
}

const char *tn_version(void) { return TN_VERSION_TEXT; }
