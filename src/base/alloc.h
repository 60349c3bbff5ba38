/* Memory: the caller's allocator, arenas and growing arrays over it, and checked size arithmetic. */
#ifndef TN_BASE_ALLOC_H
#define TN_BASE_ALLOC_H
#include <string.h>
#include "base/error.h"

extern const tn_allocator tn__allocator_malloc;

void *tn__alloc(const tn_allocator *a, size_t bytes); /* 16-byte aligned; NULL on failure; 0 bytes counts as 1 */
void *tn__alloc_zero(const tn_allocator *a, size_t bytes);
void tn__free(const tn_allocator *a, void *memory, size_t bytes); /* NULL is allowed */
char *tn__strdup(const tn_allocator *a, const char *text);
void tn__strfree(const tn_allocator *a, char *text);

/* A large piece of memory, 64-byte aligned, not cleared. From a few megabytes on it begins where a large page of the system does and asks
 * for such: a page fault for every 4 KiB takes longer than to fill them.
 * With small_pages it asks for none, whatever the system's setting. */
typedef enum tn__numa { TN__NUMA_DEFAULT, TN__NUMA_LOCAL, TN__NUMA_INTERLEAVE } tn__numa; /* see option numa */
typedef struct tn__memory {
    bool small_pages;
    tn__numa numa;
    const struct tn__topology *topology; /* borrowed, outlives the blocks; NULL with TN__NUMA_DEFAULT */
} tn__memory;
typedef struct tn__block {
    void *data;
    void *memory; /* what the allocator gave */
    size_t memory_bytes, bytes;
    const struct tn__topology *placed; /* NULL: nothing was said of its pages */
} tn__block;
bool tn__block_create(const tn_allocator *a, size_t bytes, const tn__memory *kind, tn__block *out); /* false: no memory */
void tn__block_destroy(const tn_allocator *a, tn__block *block); /* all zero is allowed */

/* Checked arithmetic: false on overflow. */
static inline bool tn__mul(size_t x, size_t y, size_t *out) { return !__builtin_mul_overflow(x, y, out); }
static inline bool tn__add(size_t x, size_t y, size_t *out) { return !__builtin_add_overflow(x, y, out); }
static inline bool tn__mul_i64(int64_t x, int64_t y, int64_t *out) { return !__builtin_mul_overflow(x, y, out); }
static inline bool tn__add_i64(int64_t x, int64_t y, int64_t *out) { return !__builtin_add_overflow(x, y, out); }

/* An arena: allocations live until the arena goes. Not thread-safe. */
typedef struct tn__arena_block tn__arena_block;
typedef struct tn__arena {
    const tn_allocator *allocator; /* borrowed */
    tn__arena_block *block;
    size_t used, capacity; /* of the newest block */
    size_t total_bytes;
} tn__arena;

void tn__arena_init(tn__arena *arena, const tn_allocator *allocator);
void tn__arena_deinit(tn__arena *arena);
void *tn__arena_alloc(tn__arena *arena, size_t bytes); /* 16-byte aligned, zeroed; NULL on failure */
void *tn__arena_copy(tn__arena *arena, const void *data, size_t bytes);
char *tn__arena_strdup(tn__arena *arena, const char *text);
char *tn__arena_printf(tn__arena *arena, const char *format, ...) TN_PRINTF(2, 3);
#define TN__ARENA_NEW(arena, type) ((type *)tn__arena_alloc((arena), sizeof(type)))
#define TN__ARENA_ARRAY(arena, type, n) ((type *)tn__arena_array((arena), (n), sizeof(type)))
void *tn__arena_array(tn__arena *arena, size_t n, size_t element_bytes); /* checked product */

/* Growing array of T: `struct { T *data; size_t count, capacity; }`. TN__PUSH evaluates to false when out of memory. */
#define TN__VEC(T)              \
    struct {                    \
        T *data;                \
        size_t count, capacity; \
    }
bool tn__vec_grow(const tn_allocator *a, void **data, size_t *capacity, size_t wanted, size_t element_bytes);
#define TN__RESERVE(a, v, n)                                                                             \
    ((v)->capacity >= (size_t)(n) ||                                                                     \
     tn__vec_grow((a), (void **)&(v)->data, &(v)->capacity, (size_t)(n), sizeof *(v)->data))
#define TN__PUSH(a, v, value) (TN__RESERVE((a), (v), (v)->count + 1) && ((v)->data[(v)->count++] = (value), true))
#define TN__VEC_FREE(a, v) \
    (tn__free((a), (v)->data, (v)->capacity * sizeof *(v)->data), (v)->data = NULL, (v)->count = (v)->capacity = 0)

/* A growing zero-terminated text. After a failed append `failed` is set and stays. */
typedef struct tn__text {
    const tn_allocator *allocator;
    char *data;
    size_t length, capacity;
    bool failed;
} tn__text;
void tn__text_init(tn__text *t, const tn_allocator *a);
void tn__text_deinit(tn__text *t);
void tn__text_add(tn__text *t, const char *text);
void tn__text_addf(tn__text *t, const char *format, ...) TN_PRINTF(2, 3);
/* Gives the text away (free with tn__strfree); NULL if any append failed. */
char *tn__text_take(tn__text *t);
#endif
