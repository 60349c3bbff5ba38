/* Tenon: base types of the public ABI: errors, allocator, logger, context, element types, tensors.
 *
 * Rules of the whole ABI:
 *  - A function that can fail returns `tn_error *`; NULL is success. The caller owns a returned error and frees it with
 *    tn_error_destroy(). Parameters called `out_x` are set to NULL/0 on entry and only written on success.
 *  - create/retain/release count references; get borrows; take gives ownership away.
 *  - "thread-safe": any number of threads may call at once. "thread-compatible": different objects on different threads.
 *  - Public structs begin with `struct_size` (set it to sizeof the struct); a zero field means "default".
 *  - Handles are checked: NULL is INVALID_ARGUMENT in any build, or nothing happens where a function gives no error (0, NULL, {0}). Builds
 *    without NDEBUG also detect a handle of another kind, and one that was released as long as its memory has not been used for something
 *    else. Not detected in any build: a pointer to memory that cannot be read, and a handle of another copy of the library.
 *  - Nothing in the library exits, aborts on user error, prints unasked or keeps global state.
 */
#ifndef TENON_BASE_H
#define TENON_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TN_API __attribute__((visibility("default")))
#define TN_MUST_USE __attribute__((warn_unused_result))
#define TN_PRINTF(fmt_index, first) __attribute__((format(printf, fmt_index, first)))
#else
#define TN_API
#define TN_MUST_USE
#define TN_PRINTF(fmt_index, first)
#endif

#define TN_VERSION_MAJOR 0
#define TN_VERSION_MINOR 1
#define TN_VERSION_PATCH 0

/* "0.1.0" of the library that is loaded (not of the header). Thread-safe. */
TN_API const char *tn_version(void);

/* ---- errors ------------------------------------------------------------------------------------------------- */

typedef enum tn_error_code {
    TN_OK = 0,
#define TN_ERROR(name, id, help) TN_ERROR_##name = id,
#include "tenon/errors.def"
} tn_error_code;

/* An error: immutable, owned by whoever received it. */
typedef struct tn_error tn_error;

/* The code of `error`; TN_OK for NULL. */
TN_API tn_error_code tn_error_get_code(const tn_error *error);
/* One line of text: names op, node, operand, found and wanted where there are such. Borrowed, lives as long as `error`. */
TN_API const char *tn_error_get_message(const tn_error *error);
/* "SHAPE_MISMATCH" and the like; static. */
TN_API const char *tn_error_code_name(tn_error_code code);
/* Frees `error`; NULL is allowed. */
TN_API void tn_error_destroy(tn_error *error);

/* ---- allocator, logger, context ------------------------------------------------------------------------------ */

/* The caller's memory: all of tensors, graphs, compiled programs and runs. Both functions must be thread-safe. `align` is a power of two,
 * at most 4096. Not from here: what LLVM takes while it generates code and for the code itself (it is C++ and has its own), what the system
 * takes for threads, locks and files, and a file that is mapped. */
typedef struct tn_allocator {
    size_t struct_size;
    void *self;
    /* Returns `bytes` (> 0) bytes, uninitialised, or NULL. */
    void *(*allocate)(void *self, size_t bytes, size_t align);
    /* Gets back what allocate returned, with the same `bytes`. */
    void (*deallocate)(void *self, void *memory, size_t bytes);
} tn_allocator;

typedef enum tn_log_level { TN_LOG_ERROR = 1, TN_LOG_WARN = 2, TN_LOG_INFO = 3, TN_LOG_DEBUG = 4 } tn_log_level;

/* Limits for input from outside: max_bytes, max_elements, max_nodes, max_rank, max_depth. limits.def tells what each bounds and its
 * default; 0 = default, more than the most that a limit can be counts as that. */
typedef struct tn_limits {
    size_t struct_size;
#define TN_LIMIT(name, type, default_, most, help) type name;
#include "tenon/limits.def"
} tn_limits;

/* The caller's threads. Where they are given the library makes none: compilation and runs call parallel_for from the thread that called
 * them, and no result depends on the threads. */
typedef struct tn_thread_pool {
    size_t struct_size;
    void *self;
    int32_t threads; /* the most bodies that run at the same time, 1 to 1024; the option `threads` can only lower it */
    /* Calls body(body_self, index) for each index of [0, n) exactly once, in any order, on any threads, also one after the other on the
     * caller's own, and returns when all have returned. 2 <= n <= threads. Thread-safe; must not throw. A body may take milliseconds, never
     * waits for another, and needs 1 MiB of stack while compiling. An index that is not called, or twice, makes the call that wanted the
     * work fail with INVALID_ARGUMENT; a body called after the return is not detected. While it waits, the thread must not run other work
     * that calls this library with objects of the same context. */
    void (*parallel_for)(void *self, void (*body)(void *body_self, int64_t index), void *body_self, int64_t n);
} tn_thread_pool;

typedef struct tn_context_options {
    size_t struct_size;
    const tn_allocator *allocator; /* copied; NULL = malloc */
    void (*log)(void *self, tn_log_level level, const char *message); /* NULL = silent */
    void *log_self;
    const tn_limits *limits; /* copied; NULL = defaults */
    const tn_thread_pool *thread_pool; /* copied; NULL = threads of the library's own */
    /* Asked now and then while a graph is compiled and between the steps of a run; true makes the call fail with CANCELLED and leaves
     * everything usable. Called on whatever thread works, also several at once; must not call the library. NULL = never. */
    bool (*should_abort)(void *abort_self);
    void *abort_self;
} tn_context_options;

/* What all objects of one user share. Thread-safe, reference-counted; every object made from it holds a reference. */
typedef struct tn_context tn_context;

TN_API TN_MUST_USE tn_error *tn_context_create(const tn_context_options *options, tn_context **out_context);
TN_API void tn_context_retain(tn_context *context);
TN_API void tn_context_release(tn_context *context);

/* ---- element types ------------------------------------------------------------------------------------------- */

typedef enum tn_dtype {
    TN_DTYPE_NONE = 0,
#define TN_DTYPE(name, id, bits, class_, onnx) TN_DTYPE_##name = id,
#include "tenon/dtypes.def"
    TN_DTYPE_COUNT
} tn_dtype;

/* "f32" and the like, static; "none" for an unknown id. */
TN_API const char *tn_dtype_name(tn_dtype dtype);
/* The dtype of that name, or TN_DTYPE_NONE. */
TN_API tn_dtype tn_dtype_from_name(const char *name);
/* Bits an element takes in memory (sub-byte types are packed, low bits first); 0 for TN_DTYPE_NONE. */
TN_API uint32_t tn_dtype_bits(tn_dtype dtype);

/* ---- tensors ------------------------------------------------------------------------------------------------- */

#define TN_MAX_RANK 32

/* A host tensor; dense and row-major but for those of tn_tensor_create_strided. Reference-counted; shape and dtype immutable. Reading is
 * thread-safe while nobody writes. */
typedef struct tn_tensor tn_tensor;

/* A tensor with its own memory, 64-byte aligned, zero-filled. `dims` has `rank` entries, each >= 0. */
TN_API TN_MUST_USE tn_error *tn_tensor_create(tn_context *context, tn_dtype dtype, int32_t rank, const int64_t *dims,
                                              tn_tensor **out_tensor);
/* A tensor over the caller's memory of `bytes` bytes (checked against the shape). `free_data(free_self, data)` is called when the
 * last reference goes; NULL = the caller keeps `data` alive for longer than the tensor. */
TN_API TN_MUST_USE tn_error *tn_tensor_create_borrowed(tn_context *context, tn_dtype dtype, int32_t rank,
                                                       const int64_t *dims, void *data, size_t bytes,
                                                       void (*free_data)(void *free_self, void *data), void *free_self,
                                                       tn_tensor **out_tensor);
/* A tensor over the caller's memory whose elements lie anyhow: element [i, j, ...] is i * strides[0] + j * strides[1] + ... elements from
 * `data` on; strides may be 0 and negative. All elements must lie in the `memory_bytes` bytes at `memory`; NULL: that is not checked.
 * free_data as above. Elements of at least a byte, no strings; strides of a dense tensor make a dense one.
 *
 * Every function takes such a tensor. A graph keeps a dense copy of it. A run copies a strided input, or one at an address that is not a
 * multiple of the element's bytes, to a dense one of its own, and such an output back when the run is over: a pass over the elements each,
 * a few bytes per nanosecond, and memory of the context's allocator for the time of the run. */
TN_API TN_MUST_USE tn_error *tn_tensor_create_strided(tn_context *context, tn_dtype dtype, int32_t rank, const int64_t *dims,
                                                      const int64_t *strides, void *data, const void *memory, size_t memory_bytes,
                                                      void (*free_data)(void *free_self, void *data), void *free_self,
                                                      tn_tensor **out_tensor);
TN_API bool tn_tensor_is_dense(const tn_tensor *tensor);
/* Fills out_strides[rank], in elements. */
TN_API void tn_tensor_get_strides(const tn_tensor *tensor, int64_t *out_strides);
TN_API void tn_tensor_retain(tn_tensor *tensor);
TN_API void tn_tensor_release(tn_tensor *tensor);
TN_API tn_dtype tn_tensor_get_dtype(const tn_tensor *tensor);
TN_API int32_t tn_tensor_get_rank(const tn_tensor *tensor);
TN_API const int64_t *tn_tensor_get_dims(const tn_tensor *tensor); /* borrowed */
TN_API void *tn_tensor_get_data(const tn_tensor *tensor);          /* borrowed; element [0, 0, ...] */
TN_API size_t tn_tensor_get_bytes(const tn_tensor *tensor);        /* of the elements, without what lies between them */
TN_API int64_t tn_tensor_get_elements(const tn_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
