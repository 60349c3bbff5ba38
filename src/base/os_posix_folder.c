/* Folders: what is in them, and removing and marking files. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

tn_error *tn__os_visit_folder(const tn_allocator *a, const char *path, bool (*visit)(void *self, const tn__os_file *file), void *self) {
    DIR *d = opendir(path);
    if (!d) {
        char text[128];
        return TN__FAIL(a, IO, "cannot read folder '%s': %s", path, strerror_r(errno, text, sizeof text));
    }
    bool more = true;
    for (struct dirent *x; more && (x = readdir(d));) {
        struct stat s;
        if (fstatat(dirfd(d), x->d_name, &s, AT_SYMLINK_NOFOLLOW) || !S_ISREG(s.st_mode)) continue; /* gone meanwhile, or no file */
        tn__os_file f = {x->d_name, (uint64_t)s.st_size, (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec};
        more = visit(self, &f);
    }
    closedir(d);
    return more ? NULL : tn__error_oom();
}

tn_error *tn__os_make_new_folder(const tn_allocator *a, const char *path, bool *out_there) {
    char text[128];
    *out_there = false;
    if (mkdir(path, 0777) == 0) return NULL;
    if (errno == EEXIST) return *out_there = true, NULL;
    return TN__FAIL(a, IO, "cannot make folder '%.300s': %s", path, strerror_r(errno, text, sizeof text));
}

bool tn__os_remove_file(const char *path) { return unlink(path) == 0 || errno == ENOENT; }

void tn__os_touch(const char *path) { (void)!utimensat(AT_FDCWD, path, NULL, 0); }
