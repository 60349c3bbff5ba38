#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- files --------------------------------------------------------------------------------------------------- */

/* Thread-safe text of errno. */
static const char *reason(int number, char *buffer, size_t bytes) { return strerror_r(number, buffer, bytes); }

#define IO_FAIL(a, what, path)                                                                        \
    do {                                                                                              \
        char io_text_[128];                                                                           \
        int io_number_ = errno;                                                                       \
        return TN__FAIL((a), IO, "%s '%s': %s", (what), (path), reason(io_number_, io_text_, sizeof io_text_)); \
    } while (0)

static tn_error *check_regular(const tn_allocator *a, int fd, const char *path, uint64_t max_bytes, struct stat *out) {
    if (fstat(fd, out)) IO_FAIL(a, "cannot stat", path);
    if (!S_ISREG(out->st_mode)) return TN__FAIL(a, IO, "'%s' is not a regular file", path);
    if (out->st_size < 0 || (uint64_t)out->st_size > max_bytes || (uint64_t)out->st_size > SIZE_MAX / 2)
        return TN__FAIL(a, LIMIT_EXCEEDED, "'%s' has %" PRId64 " bytes, limit %" PRIu64, path, (int64_t)out->st_size, max_bytes);
    return NULL;
}

static tn_error *map_fd(const tn_allocator *a, int fd, const char *path, uint64_t max_bytes, const void **out_data,
                        size_t *out_bytes) {
    struct stat s;
    TN__TRY(check_regular(a, fd, path, max_bytes, &s));
    if (!s.st_size) return NULL;
    void *p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) IO_FAIL(a, "cannot map", path);
    *out_data = p;
    *out_bytes = (size_t)s.st_size;
    return NULL;
}

/* O_NONBLOCK: opening a FIFO must not hang; it is refused right after. */
enum { READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY };

tn_error *tn__os_map_file(const tn_allocator *a, const char *path, uint64_t max_bytes, const void **out_data,
                          size_t *out_bytes) {
    *out_data = NULL;
    *out_bytes = 0;
    int fd = open(path, READ_FLAGS);
    if (fd < 0) IO_FAIL(a, "cannot open", path);
    tn_error *e = map_fd(a, fd, path, max_bytes, out_data, out_bytes);
    close(fd);
    return e;
}

void tn__os_unmap(const void *data, size_t bytes) {
    if (data) munmap((void *)data, bytes);
}

/* Opens the components of `location` one after the other, so that a link cannot be slipped in between check and use. */
static tn_error *open_below(const tn_allocator *a, const char *folder, const char *location, int *out_fd) {
    if (!location[0] || location[0] == '/' || strlen(location) >= 4096)
        return TN__FAIL(a, INVALID_ARGUMENT, "external data '%.200s': wanted a path relative to the model's folder", location);
    int dir = open(folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) IO_FAIL(a, "cannot open folder", folder);
    const char *at = location;
    for (;;) {
        char part[256];
        size_t n = strcspn(at, "/");
        bool last = at[n] == 0;
        if (n >= sizeof part || (n == 2 && at[0] == '.' && at[1] == '.') || (n == 0 && last) || strchr(location, '\\')) {
            close(dir);
            return TN__FAIL(a, INVALID_ARGUMENT, "external data '%.200s' leaves the model's folder or is no plain path", location);
        }
        if (n == 0 || (n == 1 && at[0] == '.' && !last)) {
            at += n + 1;
            continue;
        }
        memcpy(part, at, n);
        part[n] = 0;
        int fd = openat(dir, part, (last ? READ_FLAGS : O_RDONLY | O_DIRECTORY | O_CLOEXEC) | O_NOFOLLOW);
        int number = errno;
        close(dir);
        errno = number;
        if (fd < 0) IO_FAIL(a, "cannot open external data (links are not followed)", location);
        if (last) {
            *out_fd = fd;
            return NULL;
        }
        dir = fd;
        at += n + 1;
    }
}

tn_error *tn__os_map_below(const tn_allocator *a, const char *folder, const char *location, uint64_t max_bytes,
                           const void **out_data, size_t *out_bytes) {
    *out_data = NULL;
    *out_bytes = 0;
    int fd = -1;
    TN__TRY(open_below(a, folder, location, &fd));
    struct stat s;
    tn_error *e = check_regular(a, fd, location, max_bytes, &s);
    if (!e && s.st_nlink > 1) e = TN__FAIL(a, IO, "external data '%.200s' has %lu hard links, wanted 1", location, (unsigned long)s.st_nlink);
    if (!e) e = map_fd(a, fd, location, max_bytes, out_data, out_bytes);
    close(fd);
    return e;
}

static tn_error *read_fd(const tn_allocator *a, int fd, const char *path, uint64_t from, uint64_t max_bytes, char **out_data,
                         size_t *out_bytes) {
    struct stat s;
    TN__TRY(check_regular(a, fd, path, max_bytes, &s));
    if (from > (uint64_t)s.st_size) from = (uint64_t)s.st_size;
    if (from && lseek(fd, (off_t)from, SEEK_SET) < 0) IO_FAIL(a, "cannot read", path);
    size_t bytes = (size_t)s.st_size - (size_t)from, done = 0;
    char *data = tn__alloc(a, bytes + 1);
    if (!data) return tn__error_oom();
    while (done < bytes) {
        ssize_t n = read(fd, data + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            int number = n ? errno : EIO; /* the file shrank under us */
            tn__free(a, data, bytes + 1);
            errno = number;
            IO_FAIL(a, "cannot read", path);
        }
        done += (size_t)n;
    }
    data[bytes] = 0;
    *out_data = data;
    *out_bytes = bytes;
    return NULL;
}

tn_error *tn__os_read_file_from(const tn_allocator *a, const char *path, uint64_t from, uint64_t max_bytes, char **out_data, size_t *out_bytes) {
    *out_data = NULL;
    *out_bytes = 0;
    int fd = open(path, READ_FLAGS);
    if (fd < 0) IO_FAIL(a, "cannot open", path);
    tn_error *e = read_fd(a, fd, path, from, max_bytes, out_data, out_bytes);
    close(fd);
    return e;
}

tn_error *tn__os_read_file(const tn_allocator *a, const char *path, uint64_t max_bytes, char **out_data, size_t *out_bytes) {
    return tn__os_read_file_from(a, path, 0, max_bytes, out_data, out_bytes);
}

bool tn__os_identify_file(const char *path, tn__os_identity *out) {
    struct stat s;
    if (stat(path, &s)) return false;
    *out = (tn__os_identity){(uint64_t)s.st_dev, (uint64_t)s.st_ino, (uint64_t)s.st_size, (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec};
    return true;
}

bool tn__os_file_exists(const char *path) { return access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR); }

static bool write_all(int fd, const void *data, size_t bytes) {
    const char *p = data;
    while (bytes) {
        ssize_t n = write(fd, p, bytes < (size_t)1 << 30 ? bytes : (size_t)1 << 30);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        p += n;
        bytes -= (size_t)n;
    }
    return true;
}

/* The folder's entry must survive a crash too; file systems that cannot sync a folder are not an error. */
static void sync_folder(const char *path, char *scratch) {
    strcpy(scratch, path);
    char *slash = strrchr(scratch, '/');
    if (slash) slash[slash == scratch] = 0;
    int fd = open(slash ? scratch : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!fsync(fd);
    close(fd);
}

static tn_error *write_file(const tn_allocator *a, const char *path, const tn__os_span *spans, size_t n_spans, bool durable) {
    size_t room = strlen(path) + 32;
    char *temporary = tn__alloc(a, room);
    if (!temporary) return tn__error_oom();
    int fd = -1;
    for (unsigned attempt = 0; fd < 0 && attempt < 100; attempt++) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        snprintf(temporary, room, "%s.%lx.%lx.tmp", path, (unsigned long)getpid() & 0xffffff, ((unsigned long)t.tv_nsec + attempt) & 0xffffffff);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0 && errno != EEXIST) break;
    }
    bool made = fd >= 0, good = made;
    for (size_t i = 0; good && i < n_spans; i++) good = write_all(fd, spans[i].data, spans[i].bytes);
    if (durable) good = good && fsync(fd) == 0;
    int number = errno;
    if (made && close(fd) && good) {
        good = false;
        number = errno;
    }
    if (good && rename(temporary, path)) {
        good = false;
        number = errno;
    }
    if (!good && made) unlink(temporary);
    if (good && durable) sync_folder(path, temporary);
    tn__free(a, temporary, room);
    errno = number;
    if (!good) IO_FAIL(a, "cannot write", path);
    return NULL;
}

tn_error *tn__os_write_file(const tn_allocator *a, const char *path, const tn__os_span *spans, size_t n_spans) {
    return write_file(a, path, spans, n_spans, true);
}

tn_error *tn__os_write_file_quickly(const tn_allocator *a, const char *path, const tn__os_span *spans, size_t n_spans) {
    return write_file(a, path, spans, n_spans, false);
}

tn_error *tn__os_append_file(const tn_allocator *a, const char *path, const void *data, size_t bytes) {
    int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0) IO_FAIL(a, "cannot open", path);
    struct stat s;
    tn_error *e = check_regular(a, fd, path, UINT64_MAX, &s);
    char last = '\n';
    if (!e && s.st_size > 0 && pread(fd, &last, 1, s.st_size - 1) == 1 && last != '\n' && !write_all(fd, "\n", 1)) last = 0;
    bool good = !e && last && write_all(fd, data, bytes);
    int number = errno;
    if (close(fd) && good) good = false, number = errno;
    errno = number;
    if (!e && !good) IO_FAIL(a, "cannot append to", path);
    return e;
}

tn_error *tn__os_make_private_folder(const tn_allocator *a, const char *path) {
    size_t room = strlen(path) + 1;
    char *part = tn__alloc(a, room);
    if (!part) return tn__error_oom();
    memcpy(part, path, room);
    int number = 0;
    for (char *end = part; *end && (end = strchr(end + 1, '/')); ) {
        *end = 0;
        (void)!mkdir(part, 0700); /* what fails here shows below */
        *end = '/';
    }
    if (mkdir(part, 0700) && errno != EEXIST) number = errno;
    tn__free(a, part, room);
    struct stat s;
    if (stat(path, &s)) {
        if (number) errno = number; /* says more than that there is none */
        IO_FAIL(a, "cannot make folder", path);
    }
    if (!S_ISDIR(s.st_mode)) return TN__FAIL(a, IO, "'%s' is not a folder", path);
    if ((s.st_uid != geteuid() && s.st_uid) || s.st_mode & (S_IWGRP | S_IWOTH))
        return TN__FAIL(a, IO, "folder '%s' has owner %lu and mode %03o, wanted one that only this user can write to", path,
                        (unsigned long)s.st_uid, (unsigned)s.st_mode & 0777);
    return NULL;
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

uint64_t tn__os_memory_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);
    return pages > 0 && bytes > 0 ? (uint64_t)pages * (uint64_t)bytes : 0;
}

/* ---- this process and this machine --------------------------------------------------------------------------- */

bool tn__os_read_kernel_file(const char *path, char *buffer, size_t bytes) {
    size_t done = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t n;
    while (done + 1 < bytes && ((n = read(fd, buffer + done, bytes - 1 - done)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0) done += (size_t)n;
    close(fd);
    buffer[done] = 0;
    return done > 0;
}

void tn__os_get_usage(tn__os_usage *out) {
    struct rusage u;
    *out = (tn__os_usage){0};
    if (getrusage(RUSAGE_SELF, &u) != 0) return;
    out->cpu_ns = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * UINT64_C(1000000000) +
                  (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
    out->minor_faults = (uint64_t)u.ru_minflt, out->major_faults = (uint64_t)u.ru_majflt;
    out->voluntary_switches = (uint64_t)u.ru_nvcsw, out->involuntary_switches = (uint64_t)u.ru_nivcsw;
}

uint64_t tn__os_clock_resolution_ns(void) {
    struct timespec t = {0, 1};
    (void)clock_getres(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* ---- environment --------------------------------------------------------------------------------------------- */

const char *const *tn__os_environment(void) {
    static const char *const none[] = {NULL};
    return environ ? (const char *const *)environ : none;
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

/* The whole pages of a range; 0 bytes where there is none. */
static void *whole_pages(const void *data, size_t *bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)data + page - 1) & ~(page - 1);
    uintptr_t end = ((uintptr_t)data + *bytes) & ~(page - 1);
    *bytes = end > begin ? end - begin : 0;
    return (void *)begin;
}

void tn__os_prefer_large_pages(void *data, size_t bytes) {
#ifdef MADV_HUGEPAGE
    void *begin = whole_pages(data, &bytes);
    if (bytes) (void)madvise(begin, bytes, MADV_HUGEPAGE);
#endif
}

void tn__os_refuse_large_pages(void *data, size_t bytes) {
#ifdef MADV_NOHUGEPAGE
    void *begin = whole_pages(data, &bytes);
    if (bytes) (void)madvise(begin, bytes, MADV_NOHUGEPAGE);
#endif
}

void tn__os_forget(const void *data, size_t bytes) {
    void *begin = whole_pages(data, &bytes);
    if (bytes) (void)madvise(begin, bytes, MADV_DONTNEED);
}

/* ---- time ---------------------------------------------------------------------------------------------------- */

uint64_t tn__os_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int64_t tn__os_wall_clock_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
