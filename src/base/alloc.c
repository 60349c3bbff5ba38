#include "base/alloc.h"

#include "base/os.h"
#include "base/os_topology.h"

#include <stdio.h>
#include <stdlib.h>

static void *malloc_allocate(void *self, size_t bytes, size_t align) {
    (void)self;
    if (align <= _Alignof(max_align_t)) return malloc(bytes);
    void *memory = NULL;
    return posix_memalign(&memory, align, bytes) == 0 ? memory : NULL;
}

static void malloc_deallocate(void *self, void *memory, size_t bytes) {
    (void)self, (void)bytes;
    free(memory);
}

const tn_allocator tn__allocator_malloc = {sizeof(tn_allocator), NULL, malloc_allocate, malloc_deallocate};

void *tn__alloc(const tn_allocator *a, size_t bytes) { return a->allocate(a->self, bytes ? bytes : 1, 16); }

void *tn__alloc_zero(const tn_allocator *a, size_t bytes) {
    void *memory = tn__alloc(a, bytes);
    if (memory) memset(memory, 0, bytes ? bytes : 1);
    return memory;
}

void tn__free(const tn_allocator *a, void *memory, size_t bytes) {
    if (memory) a->deallocate(a->self, memory, bytes ? bytes : 1);
}

char *tn__strdup(const tn_allocator *a, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = tn__alloc(a, bytes);
    if (copy) memcpy(copy, text, bytes);
    return copy;
}

void tn__strfree(const tn_allocator *a, char *text) {
    if (text) tn__free(a, text, strlen(text) + 1);
}

/* ---- blocks -------------------------------------------------------------------------------------------------- */

bool tn__block_create(const tn_allocator *a, size_t bytes, const tn__memory *kind, tn__block *out) {
    enum { LARGE_PAGE = 2 << 20, ALIGN = 64 };
    bool large = !kind->small_pages && bytes >= 2 * LARGE_PAGE;
    *out = (tn__block){0};
    if (!tn__add(bytes ? bytes : 1, large ? LARGE_PAGE : 0, &out->memory_bytes)) return false;
    out->data = out->memory = a->allocate(a->self, out->memory_bytes, ALIGN);
    if (!out->memory) return false;
    if (large) { /* the bytes in front are never touched, so they cost no memory where the system gives it page by page */
        out->data = (char *)out->memory + (-(uintptr_t)out->memory & (LARGE_PAGE - 1));
        tn__os_prefer_large_pages(out->data, bytes);
    } else if (kind->small_pages && bytes >= LARGE_PAGE) { /* a smaller block has no large page of its own; each call may split a mapping */
        tn__os_refuse_large_pages(out->data, bytes);
    }
    if (kind->numa != TN__NUMA_DEFAULT) {
        out->placed = kind->topology;
        tn__topology_place(kind->topology, out->data, out->bytes = bytes, kind->numa);
    }
    return true;
}

void tn__block_destroy(const tn_allocator *a, tn__block *block) {
    if (block->placed) tn__topology_place(block->placed, block->data, block->bytes, TN__NUMA_DEFAULT); /* the next owner did not ask */
    if (block->memory) a->deallocate(a->self, block->memory, block->memory_bytes);
    *block = (tn__block){0};
}

/* ---- arena --------------------------------------------------------------------------------------------------- */

struct tn__arena_block {
    tn__arena_block *next;
    size_t bytes; /* whole block */
    _Alignas(16) unsigned char data[];
};

void tn__arena_init(tn__arena *arena, const tn_allocator *allocator) {
    *arena = (tn__arena){.allocator = allocator};
}

void tn__arena_deinit(tn__arena *arena) {
    for (tn__arena_block *b = arena->block, *next; b; b = next) {
        next = b->next;
        tn__free(arena->allocator, b, b->bytes);
    }
    *arena = (tn__arena){.allocator = arena->allocator};
}

void *tn__arena_alloc(tn__arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 2) return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    if (!arena->block || bytes > arena->capacity - arena->used) {
        size_t capacity = arena->total_bytes / 2;
        if (capacity < 4096) capacity = 4096;
        if (capacity > (1u << 20)) capacity = 1u << 20;
        if (capacity < bytes) capacity = bytes;
        tn__arena_block *b = tn__alloc(arena->allocator, sizeof *b + capacity);
        if (!b) return NULL;
        b->bytes = sizeof *b + capacity;
        b->next = arena->block;
        arena->block = b;
        arena->used = 0;
        arena->capacity = capacity;
        arena->total_bytes += b->bytes;
    }
    void *memory = arena->block->data + arena->used;
    arena->used += bytes;
    return memset(memory, 0, bytes);
}

void *tn__arena_array(tn__arena *arena, size_t n, size_t element_bytes) {
    size_t bytes;
    return tn__mul(n, element_bytes, &bytes) ? tn__arena_alloc(arena, bytes) : NULL;
}

void *tn__arena_copy(tn__arena *arena, const void *data, size_t bytes) {
    void *memory = tn__arena_alloc(arena, bytes);
    if (memory && bytes) memcpy(memory, data, bytes);
    return memory;
}

char *tn__arena_strdup(tn__arena *arena, const char *text) { return tn__arena_copy(arena, text, strlen(text) + 1); }

char *tn__arena_printf(tn__arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : tn__arena_alloc(arena, (size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

/* ---- vectors and texts --------------------------------------------------------------------------------------- */

bool tn__vec_grow(const tn_allocator *a, void **data, size_t *capacity, size_t wanted, size_t element_bytes) {
    size_t next = *capacity < 8 ? 8 : *capacity + *capacity / 2, bytes;
    if (next < wanted) next = wanted;
    if (!tn__mul(next, element_bytes, &bytes)) return false;
    void *grown = tn__alloc(a, bytes);
    if (!grown) return false;
    if (*data) memcpy(grown, *data, *capacity * element_bytes);
    tn__free(a, *data, *capacity * element_bytes);
    *data = grown;
    *capacity = next;
    return true;
}

void tn__text_init(tn__text *t, const tn_allocator *a) { *t = (tn__text){.allocator = a}; }

void tn__text_deinit(tn__text *t) {
    tn__free(t->allocator, t->data, t->capacity);
    *t = (tn__text){.allocator = t->allocator};
}

static bool text_reserve(tn__text *t, size_t more) {
    if (t->failed) return false;
    if (t->length + more + 1 > t->capacity) {
        size_t capacity = t->capacity;
        void *data = t->data;
        if (!tn__vec_grow(t->allocator, &data, &capacity, t->length + more + 1, 1)) return t->failed = true, false;
        t->data = data;
        t->capacity = capacity;
    }
    return true;
}

void tn__text_add(tn__text *t, const char *text) {
    size_t n = strlen(text);
    if (!text_reserve(t, n)) return;
    memcpy(t->data + t->length, text, n + 1);
    t->length += n;
}

void tn__text_addf(tn__text *t, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (n >= 0 && text_reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->length, (size_t)n + 1, format, args);
        t->length += (size_t)n;
    }
    va_end(args);
}

char *tn__text_take(tn__text *t) {
    if (!text_reserve(t, 0)) {
        tn__text_deinit(t);
        return NULL;
    }
    t->data[t->length] = 0;
    char *exact = tn__strdup(t->allocator, t->data); /* capacity == strlen + 1, as tn__strfree expects */
    tn__text_deinit(t);
    return exact;
}
