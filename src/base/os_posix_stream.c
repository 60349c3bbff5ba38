/* Files that grow while others may read them, and the numbers by which the system knows who writes them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/os.h"
#include "base/os_thread.h"

static tn_error *fail(const tn_allocator *a, const char *what, const char *path, int number) {
    char text[128];
    return TN__FAIL(a, IO, "%s '%.300s': %s", what, path, strerror_r(number, text, sizeof text));
}

/* The file is empty or begins with `ours`. */
static bool is_ours(int fd, uint64_t bytes, const char *ours) {
    char start[64];
    size_t n = strlen(ours);
    return !bytes || (n <= sizeof start && pread(fd, start, n, 0) == (ssize_t)n && !memcmp(start, ours, n));
}

static tn_error *take(const tn_allocator *a, int fd, const char *path, const char *ours, bool *out_taken) {
    struct stat s;
    if (fstat(fd, &s)) return fail(a, "cannot stat", path, errno);
    if (!S_ISREG(s.st_mode)) return TN__FAIL(a, IO, "'%.300s' is not a regular file", path);
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        if (errno != EWOULDBLOCK) return fail(a, "cannot lock", path, errno);
        *out_taken = true;
        return NULL;
    }
    if (fstat(fd, &s)) return fail(a, "cannot stat", path, errno); /* again: its last writer may have been at work */
    if (!is_ours(fd, (uint64_t)s.st_size, ours))
        return TN__FAIL(a, IO, "'%.300s' is there and is something else; remove it, or choose another name", path);
    return ftruncate(fd, 0) ? fail(a, "cannot write", path, errno) : NULL;
}

tn_error *tn__os_stream_open(const tn_allocator *a, const char *path, const char *ours, tn__os_stream *out, bool *out_taken) {
    *out = (tn__os_stream){.file = -1};
    *out_taken = false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (fd < 0) return fail(a, "cannot open", path, errno);
    tn_error *e = take(a, fd, path, ours, out_taken);
    if (e || *out_taken) close(fd);
    else *out = (tn__os_stream){.file = fd, .process = tn__os_process_id()};
    return e;
}

bool tn__os_stream_write(tn__os_stream *s, const void *data, size_t bytes) {
    const char *p = data;
    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(s->file, p + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) { /* no half of a piece stays */
            if (ftruncate(s->file, (off_t)s->bytes) == 0) (void)lseek(s->file, (off_t)s->bytes, SEEK_SET);
            return false;
        }
        done += (size_t)n;
    }
    s->bytes += bytes;
    return true;
}

bool tn__os_stream_is_own(const tn__os_stream *s) { return s->process == tn__os_process_id(); }

void tn__os_stream_close(tn__os_stream *s) {
    if (s->file >= 0) close(s->file);
    s->file = -1;
}

int64_t tn__os_process_id(void) { return getpid(); }

int64_t tn__os_thread_id(void) {
#ifdef SYS_gettid
    return syscall(SYS_gettid);
#else
    return (int64_t)(tn__os_thread_self() & 0x7fffffff);
#endif
}
