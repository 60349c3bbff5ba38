/* Files: written whole or not at all, read and mapped within their limits, private folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"

static char folder[] = "/tmp/tenon_os_XXXXXX";
static const tn_allocator *const a = &tn__allocator_malloc;

static const char *in_folder(const char *name) {
    static char path[4][128];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static int entries(const char *path) {
    int n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *x; (x = readdir(d));) n += x->d_name[0] != '.';
    closedir(d);
    return n;
}

static void fails(tn_error *e, tn_error_code code, const char *part) {
    if (!e || tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), part)) fail_msg("%s, wanted '%s'", tn_error_get_message(e), part);
    tn_error_destroy(e);
}

static void test_files(void **state) {
    const tn__os_span spans[] = {{"first ", 6}, {"", 0}, {"second", 6}};
    char *data;
    const void *map;
    size_t bytes;
    assert_null(tn__os_write_file(a, in_folder("f"), spans, 3));
    assert_null(tn__os_write_file(a, in_folder("f"), spans, 3)); /* replaces */
    assert_int_equal(entries(folder), 1);
    assert_null(tn__os_read_file(a, in_folder("f"), 12, &data, &bytes));
    assert_int_equal(bytes, 12);
    assert_string_equal(data, "first second");
    tn__free(a, data, bytes + 1);
    fails(tn__os_read_file(a, in_folder("f"), 11, &data, &bytes), TN_ERROR_LIMIT_EXCEEDED, "12 bytes, limit 11");
    assert_null(data);
    assert_null(tn__os_map_file(a, in_folder("f"), 12, &map, &bytes));
    assert_memory_equal(map, "first second", 12);
    tn__os_unmap(map, bytes);
    fails(tn__os_map_file(a, in_folder("f"), 11, &map, &bytes), TN_ERROR_LIMIT_EXCEEDED, "limit 11");
    fails(tn__os_map_file(a, folder, 1 << 20, &map, &bytes), TN_ERROR_IO, "not a regular file");
    fails(tn__os_map_file(a, in_folder("none"), 1 << 20, &map, &bytes), TN_ERROR_IO, "No such file");
    fails(tn__os_read_file(a, "/dev/zero", 1 << 20, &data, &bytes), TN_ERROR_IO, "not a regular file");
    assert_null(tn__os_write_file(a, in_folder("empty"), NULL, 0));
    assert_null(tn__os_map_file(a, in_folder("empty"), 12, &map, &bytes));
    assert_true(!map && !bytes);
    tn__os_unmap(map, bytes);
    unlink(in_folder("f"));
    unlink(in_folder("empty"));
}

static void test_failed_writes(void **state) { /* nothing is left behind */
    const tn__os_span span = {"text", 4};
    assert_int_equal(mkdir(in_folder("d"), 0700), 0);
    assert_int_equal(mkdir(in_folder("d/taken"), 0700), 0);
    fails(tn__os_write_file(a, in_folder("d/taken"), &span, 1), TN_ERROR_IO, "cannot write");
    fails(tn__os_write_file(a, in_folder("none/f"), &span, 1), TN_ERROR_IO, "cannot write");
    assert_int_equal(entries(in_folder("d")), 1);
    rmdir(in_folder("d/taken"));
    rmdir(in_folder("d"));
}

static void test_private_folder(void **state) {
    struct stat s;
    assert_null(tn__os_make_private_folder(a, in_folder("p/q")));
    assert_null(tn__os_make_private_folder(a, in_folder("p/q"))); /* is there */
    assert_int_equal(stat(in_folder("p/q"), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0700);
    assert_int_equal(chmod(in_folder("p/q"), 0777), 0);
    fails(tn__os_make_private_folder(a, in_folder("p/q")), TN_ERROR_IO, "only this user can write");
    rmdir(in_folder("p/q"));
    rmdir(in_folder("p"));
    assert_null(tn__os_write_file(a, in_folder("f"), NULL, 0));
    fails(tn__os_make_private_folder(a, in_folder("f")), TN_ERROR_IO, "not a folder");
    fails(tn__os_make_private_folder(a, in_folder("f/g")), TN_ERROR_IO, "cannot make");
    unlink(in_folder("f"));
}

static void test_below(void **state) { /* the hostile forms are in tests/onnx/hostile.c */
    const tn__os_span span = {"0123", 4};
    const void *map;
    size_t bytes;
    assert_int_equal(mkdir(in_folder("m"), 0700), 0);
    assert_null(tn__os_write_file(a, in_folder("m/w"), &span, 1));
    static const char *const good[] = {"m/w", "./m/w", "m//w", "m/./w"};
    for (int i = 0; i < 4; i++) {
        assert_null(tn__os_map_below(a, folder, good[i], 4, &map, &bytes));
        assert_memory_equal(map, "0123", 4);
        tn__os_unmap(map, bytes);
    }
    static const char *const bad[] = {"", "/m/w", "../m/w", "m/../m/w", "m/", ".", "m\\w", "m/w/"};
    for (int i = 0; i < 8; i++) {
        tn_error *e = tn__os_map_below(a, folder, bad[i], 4, &map, &bytes);
        if (!e) fail_msg("'%s' was mapped", bad[i]);
        tn_error_destroy(e);
    }
    fails(tn__os_map_below(a, folder, "m/w", 3, &map, &bytes), TN_ERROR_LIMIT_EXCEEDED, "limit 3");
    unlink(in_folder("m/w"));
    rmdir(in_folder("m"));
}

int main(void) {
    if (!mkdtemp(folder)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files), cmocka_unit_test(test_failed_writes), cmocka_unit_test(test_private_folder),
                                       cmocka_unit_test(test_below)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return rmdir(folder) || failed; /* all is cleaned up */
}
