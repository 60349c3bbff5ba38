/* Handles: a tag at the head of every object that callers hold by a pointer. Builds without NDEBUG look at it whenever a caller hands an
 * object in: NULL, an object of another kind, and one that was released are refused instead of followed. (A released object's memory may
 * be used for something else by then, so the last is likely, not certain.) With NDEBUG only NULL is looked for. */
#ifndef TN_BASE_HANDLE_H
#define TN_BASE_HANDLE_H
#include "base/error.h"

/* One row a kind: constant, what a message calls it. */
#define TN__HANDLE_KINDS(K)     \
    K(CONTEXT, "context")       \
    K(TENSOR, "tensor")         \
    K(VARIABLE, "variable")     \
    K(GRAPH, "graph")           \
    K(OPTIONS, "set of options") \
    K(EXECUTABLE, "executable") \
    K(PROFILE, "profile")       \
    K(PARTITION, "partition")   \
    K(QUERY_CACHE, "query cache") \
    K(CUSTOM_CALL, "custom call") \
    K(SIGNATURE_CACHE, "signature cache")

typedef enum tn__handle_kind {
    TN__HANDLE_RELEASED = 0x746e3000, /* "tn0", so that small numbers and texts are no kinds */
#define K(name, text) TN__HANDLE_##name,
    TN__HANDLE_KINDS(K)
#undef K
    TN__HANDLE_END
} tn__handle_kind;

/* The first member of such an object. */
typedef struct tn__handle {
    uint32_t kind;
} tn__handle;

static inline void tn__handle_init(tn__handle *h, tn__handle_kind kind) { h->kind = kind; }
/* Just before the memory goes back; volatile, as nobody should read it any more. */
static inline void tn__handle_deinit(tn__handle *h) { *(volatile uint32_t *)&h->kind = TN__HANDLE_RELEASED; }

/* Is `object` one of `kind`? */
static inline bool tn__handle_is(const void *object, tn__handle_kind kind) {
#ifdef NDEBUG
    (void)kind;
    return object != NULL;
#else
    return object && *(const volatile uint32_t *)object == (uint32_t)kind;
#endif
}
/* The error INVALID_ARGUMENT that tells what `object`, which is not of `kind`, is: "tn_compile: graph is NULL". */
tn_error *tn__handle_error(const void *object, tn__handle_kind kind, const char *function, const char *name);

/* Returns from a function that gives errors, unless `object` is of the kind. */
#define TN__HANDLE(object, kind)                                                                                        \
    do {                                                                                                                \
        if (!tn__handle_is((object), TN__HANDLE_##kind)) return tn__handle_error((object), TN__HANDLE_##kind, __func__, #object); \
    } while (0)
#define TN__IS(object, kind) tn__handle_is((object), TN__HANDLE_##kind)

/* Copies what a caller's struct has of `to`, which is of `bytes` bytes and holds the defaults: a caller built with an older header has less,
 * one built with a newer header more, which is not read. INVALID_ARGUMENT where struct_size is not set. */
tn_error *tn__struct_read(void *to, size_t bytes, const void *from, const char *function, const char *name);
/* For a struct that the library fills: NULL and a struct_size that is not set are INVALID_ARGUMENT; as much as the caller has is written. */
tn_error *tn__struct_check(const void *out, const char *function, const char *name);
void tn__struct_write(void *to, const void *from, size_t bytes);
#define TN__STRUCT_CHECK(out) TN__TRY(tn__struct_check((out), __func__, #out))
#define TN__STRUCT_WRITE(to, from) tn__struct_write((to), (from), sizeof *(from))
#define TN__STRUCT_READ(to, from) TN__TRY(tn__struct_read((to), sizeof *(to), (from), __func__, #from))
#endif
