/* Parallel loops on the threads of the caller of the library. */
#ifndef TN_RT_CALLER_POOL_H
#define TN_RT_CALLER_POOL_H
#include "base/error.h"

/* As tn__pool_run with n > grain and threads > 1. An error means that parts may be undone or done twice, but nothing runs any more. */
TN_MUST_USE tn_error *tn__caller_pool_run(const tn_allocator *a, const tn_thread_pool *caller, int32_t threads,
                                          void (*body)(void *self, int64_t begin, int64_t end, int32_t worker), void *self, int64_t n,
                                          int64_t grain);
#endif
