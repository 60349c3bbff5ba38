/* The operating system: files, mappings, time, threads. The only door to it; os_posix.c is the only file behind the door. */
#ifndef TN_BASE_OS_H
#define TN_BASE_OS_H
#include "base/alloc.h"

/* ---- files --------------------------------------------------------------------------------------------------- */

/* Maps a regular file of at most `max_bytes` bytes, read-only and private. An empty file gives *out_data NULL and *out_bytes 0. */
tn_error *tn__os_map_file(const tn_allocator *a, const char *path, uint64_t max_bytes, const void **out_data,
                          size_t *out_bytes);
void tn__os_unmap(const void *data, size_t bytes); /* NULL is allowed */
/* Maps `location`, a relative path below `folder`. Refuses absolute paths, `..`, symbolic links in any component, files with
 * more than one hard link and whatever is not a regular file. Works on opened descriptors: what was checked is what is mapped. */
tn_error *tn__os_map_below(const tn_allocator *a, const char *folder, const char *location, uint64_t max_bytes,
                           const void **out_data, size_t *out_bytes);
/* Reads a whole file of at most `max_bytes` bytes; free *out_data with tn__free(a, data, bytes + 1). Zero-terminated. */
tn_error *tn__os_read_file(const tn_allocator *a, const char *path, uint64_t max_bytes, char **out_data, size_t *out_bytes);
/* The same from byte `from` on; nothing where the file is not longer. */
tn_error *tn__os_read_file_from(const tn_allocator *a, const char *path, uint64_t from, uint64_t max_bytes, char **out_data, size_t *out_bytes);
/* Which file it is and when it was written last: who finds the same again need not read it again. False: that cannot be seen. */
typedef struct tn__os_identity {
    uint64_t device, number, bytes;
    int64_t modified_ns;
} tn__os_identity;
bool tn__os_identify_file(const char *path, tn__os_identity *out);
bool tn__os_file_exists(const char *path); /* true too where that cannot be seen */
/* Writes a whole file: it appears with these bytes or not at all (temporary name in the same folder, fsync, rename). */
typedef struct tn__os_span {
    const void *data;
    size_t bytes;
} tn__os_span;
tn_error *tn__os_write_file(const tn_allocator *a, const char *path, const tn__os_span *spans, size_t n_spans);
/* The same without waiting for the disk: after a loss of power the file may hold other bytes. For what is checked when it is read. */
tn_error *tn__os_write_file_quickly(const tn_allocator *a, const char *path, const tn__os_span *spans, size_t n_spans);
/* Appends to a file, made if there is none, by one write: processes that do the same at the same time do not mix their bytes. A file that
 * does not end with a new line (a write that was cut) gets one first. */
tn_error *tn__os_append_file(const tn_allocator *a, const char *path, const void *data, size_t bytes);

/* Makes the folder and the missing ones above it, for this user alone (0700). Fails where the folder cannot be had, belongs to neither
 * this user nor root, or can be written to by others. */
tn_error *tn__os_make_private_folder(const tn_allocator *a, const char *path);

/* A regular file of a folder; `name` lives as long as the visit. */
typedef struct tn__os_file {
    const char *name;
    uint64_t bytes;
    int64_t modified_ns; /* of tn__os_wall_clock_ns */
} tn__os_file;
/* Makes this folder, which was not there; *out_there: something of that name was, without an error. */
tn_error *tn__os_make_new_folder(const tn_allocator *a, const char *path, bool *out_there);
/* Visits the regular files of a folder, in any order; links are none. A visit returns false when out of memory, which ends it. */
tn_error *tn__os_visit_folder(const tn_allocator *a, const char *path, bool (*visit)(void *self, const tn__os_file *file), void *self);
bool tn__os_remove_file(const char *path); /* true: there is none of that name any more */
void tn__os_touch(const char *path);       /* modified now; no error where that cannot be */

/* ---- files that grow ----------------------------------------------------------------------------------------- */

typedef struct tn__os_stream {
    int file;
    int64_t process; /* that opened it */
    uint64_t bytes;  /* written */
} tn__os_stream;
/* Makes the file, or empties it where it begins with `ours` (at most 64 bytes) or is empty: another file's contents are never lost. As long
 * as it is open nobody else gets it, in this process or another: *out_taken, without an error. What is written is there for readers at once. */
tn_error *tn__os_stream_open(const tn_allocator *a, const char *path, const char *ours, tn__os_stream *out, bool *out_taken);
bool tn__os_stream_write(tn__os_stream *s, const void *data, size_t bytes); /* all of it, or false and nothing */
bool tn__os_stream_is_own(const tn__os_stream *s); /* false in a process that was forked off: it must not write */
void tn__os_stream_close(tn__os_stream *s);
int64_t tn__os_process_id(void);
int64_t tn__os_thread_id(void); /* of the calling thread, as the system's tools show it */

/* ---- memory -------------------------------------------------------------------------------------------------- */

uint64_t tn__os_memory_bytes(void); /* of this machine; 0: unknown */

/* Asks for large pages for memory that is not touched yet; only a hint. */
void tn__os_prefer_large_pages(void *data, size_t bytes);
/* The opposite: none, even where the system gives them unasked. */
void tn__os_refuse_large_pages(void *data, size_t bytes);

/* The whole pages within a range of a read-only mapping (tn__os_map_*) leave memory; read again, they come from the file. A hint. */
void tn__os_forget(const void *data, size_t bytes);

/* ---- this process and this machine --------------------------------------------------------------------------- */

/* The text of a small file that the kernel makes (/proc, /sys), at most bytes - 1 of it, zero-terminated. False: there is none. */
bool tn__os_read_kernel_file(const char *path, char *buffer, size_t bytes);
/* What this process has used so far. */
typedef struct tn__os_usage {
    uint64_t cpu_ns, minor_faults, major_faults, voluntary_switches, involuntary_switches;
} tn__os_usage;
void tn__os_get_usage(tn__os_usage *out);
uint64_t tn__os_clock_resolution_ns(void); /* of tn__os_now_ns */

/* ---- environment --------------------------------------------------------------------------------------------- */

/* "NAME=value" of the environment, NULL behind the last. Borrowed: like getenv, not while another thread changes it. */
const char *const *tn__os_environment(void);

/* ---- time ---------------------------------------------------------------------------------------------------- */

uint64_t tn__os_now_ns(void);         /* monotonic clock */
int64_t tn__os_wall_clock_ns(void);  /* since 1970, as files have it; may jump */
#endif
