/* The disk cache of compiled code: one file per set of kernels, named by a hash of all that decides the object code. A file is
 * used only when its size, key and checksum are right. The folder must belong to this user (or root) and be closed to other
 * writers: the checksum finds accidents, the folder's rights keep others from planting code. */
#ifndef TN_CODEGEN_CACHE_H
#define TN_CODEGEN_CACHE_H
#include "codegen/codegen.h"

typedef struct tn__cache_key {
    uint64_t word[2];
} tn__cache_key;

/* What a kernel is, all that decides its code but the target: everything but its name. Kernels of equal keys are one function. */
tn__cache_key tn__cache_kernel_key(const tn__kernel *k);
/* The key of the code of the kernels of these keys, in this order, for this target, by this build of Tenon with this LLVM. */
tn__cache_key tn__cache_key_make(const tn__target *target, const tn__cache_key *kernels, uint32_t n);

/* An entry's bytes in front of the object file. */
enum { TN__CACHE_HEADER = 64 };
void tn__cache_header(const tn__cache_key *key, const void *object, size_t bytes, unsigned char out[TN__CACHE_HEADER]);
/* Checks a whole entry of any content: NULL and the object within `data`, or what is wrong with it. */
const char *tn__cache_check(const tn__cache_key *key, const void *data, size_t bytes, const void **out_object,
                            size_t *out_bytes);

/* Reads the entry of `key`. False: there is none that can be used, noted in the log. An entry is released by
 * tn__cache_release; its object lies within `data`. */
typedef struct tn__cache_entry {
    char *data;
    size_t bytes;
    const void *object;
    size_t object_bytes;
} tn__cache_entry;
bool tn__cache_load(tn_context *c, const tn__code_cache *cache, const tn__cache_key *key, tn__cache_entry *out); /* marks the entry as used now */
void tn__cache_release(tn_context *c, tn__cache_entry *entry);
/* Writes (or replaces) the entry of `key`, then trims; an entry that alone is over the bound is not written. A failure is only noted in the
 * log. */
void tn__cache_store(tn_context *c, const tn__code_cache *cache, const tn__cache_key *key, const void *object, size_t bytes);
/* Removes the entries used longest ago until all of them together have at most cache->max_bytes (0: any), and what a process that died left
 * half-written. Touches nothing but entries. */
void tn__cache_trim(tn_context *c, const tn__code_cache *cache);
#endif
