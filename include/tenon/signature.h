/* Tenon: from the signature of a call (a cluster, the shapes of its inputs, the values of those known when compiling) to its
 * executable.
 *
 * A bridge asks at every call of a cluster; a callback makes the executable the first time. */
#ifndef TENON_SIGNATURE_H
#define TENON_SIGNATURE_H

#include "tenon/exec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An input of a call. `value` not NULL: its `value_bytes` bytes take part in the key (an input known when compiling); they are
 * hashed and compared at each call, so give large weights as constants of the cluster and not here. */
typedef struct tn_signature_input {
    tn_dtype dtype;
    int32_t rank; /* 0 to TN_MAX_RANK */
    const int64_t *dims;
    const void *value;
    size_t value_bytes;
} tn_signature_input;

/* All pointers are borrowed for the call; the cache copies what it keeps. */
typedef struct tn_signature {
    size_t struct_size;
    uint64_t cluster;                 /* the caller's number of the cluster */
    const tn_signature_input *inputs; /* n_inputs */
    uint32_t n_inputs;
    const void *extra;                /* NULL, or further bytes of the key: name of the cluster, options */
    size_t extra_bytes;
} tn_signature;

typedef struct tn_signature_cache_options {
    size_t struct_size;
    uint32_t max_entries; /* 0 = 256, at most 1,048,576; who was asked for longest ago goes */
    bool retry_failed;    /* compile again what failed before; else the error is remembered like an executable */
} tn_signature_cache_options;

typedef struct tn_signature_cache_stats {
    size_t struct_size;
    uint64_t hits;      /* answered at once */
    uint64_t misses;    /* not there: compiled by the caller */
    uint64_t waits;     /* in flight on another thread: waited for */
    uint64_t compiles;  /* calls of a callback that came back with an executable */
    uint64_t failures;  /* calls of a callback that did not */
    uint64_t evictions; /* entries thrown out because there were too many */
    uint64_t entries;   /* now */
} tn_signature_cache_stats;

/* Makes the executable of a signature: builds the graph and calls tn_compile. The reference goes to the cache. It may take as
 * long as it wants; nobody waits but those who ask for the same signature. It may ask the cache for other signatures. */
typedef tn_error *(*tn_signature_compile)(void *self, const tn_signature *signature, tn_executable **out_executable);

/* Thread-safe. All memory is the context's. */
typedef struct tn_signature_cache tn_signature_cache;
/* `options` NULL = defaults. */
TN_API TN_MUST_USE tn_error *tn_signature_cache_create(tn_context *context, const tn_signature_cache_options *options,
                                                       tn_signature_cache **out_cache);
/* Nobody may be inside of the cache any more. Executables handed out live on. NULL is allowed. */
TN_API void tn_signature_cache_release(tn_signature_cache *cache);

/* The executable of `signature`; the caller owns a reference (tn_executable_release). A hit allocates nothing. A miss calls
 * `compile` on this thread, without a lock held. Threads that ask meanwhile for the same signature wait for it, all others go on.
 * More entries than max_entries exist only while that many compilations are in flight.
 *
 * Errors: NULL, wrong struct_size, a rank out of range; the callback's, as a copy for everybody who waited. INVALID_GRAPH where a
 * callback asks, directly or through other threads, for what it is itself compiling: that would wait for ever. A callback's
 * failure is remembered (or not: retry_failed); OUT_OF_MEMORY, CANCELLED and what follows from such a circle never are. A
 * callback must not throw or jump out; an exception that passes nevertheless counts as a failure that is not remembered. */
TN_API TN_MUST_USE tn_error *tn_signature_cache_get(tn_signature_cache *cache, const tn_signature *signature,
                                                    tn_signature_compile compile, void *compile_self,
                                                    tn_executable **out_executable);

/* Forgets one signature; true if it was there. What is in flight is still handed to those who wait, but not kept. */
TN_API bool tn_signature_cache_evict(tn_signature_cache *cache, const tn_signature *signature);
/* Forgets all signatures of a cluster; returns how many. */
TN_API uint32_t tn_signature_cache_evict_cluster(tn_signature_cache *cache, uint64_t cluster);
/* Forgets everything; the counts stay. */
TN_API void tn_signature_cache_clear(tn_signature_cache *cache);
TN_API TN_MUST_USE tn_error *tn_signature_cache_get_stats(tn_signature_cache *cache, tn_signature_cache_stats *out_stats);

#ifdef __cplusplus
}
#endif
#endif
