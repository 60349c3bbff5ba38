/* Two copies of the library in one process, at once, in a program that has functions of all their names itself: each copy keeps to
 * itself, and neither changes what the process does with signals. usage: abi_two_copies PATH_OF_LIBRARY */
#include "loader.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* Another version of Tenon that the program is linked with would have these; here each ends the test. */
#define TN_FUNCTION(type, name, parameters)                                         \
    void trap_##name(void) __asm__("tn_" #name);                                    \
    void trap_##name(void) {                                                        \
        fputs("the library called the program's own function tn_" #name "\n", stderr); \
        abort();                                                                    \
    }
#include "tenon/api.def"

static char copies[2][512];

static void copy_file(const char *from, const char *to) {
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    static char block[1 << 16];
    for (size_t n; (n = fread(block, 1, sizeof block, in)) > 0;) assert_int_equal(fwrite(block, 1, n, out), n);
    assert_int_equal(fclose(out), 0);
    fclose(in);
}

typedef struct user {
    const tn_api *api;
    tn_context *context;
    int seed;
} user;

static void *use(void *self) {
    const user *u = self;
    for (int i = 0; i < 4; i++) run_graph(u->api, u->context, i & 1 ? "ref" : "cpu", 4 + i, 9 + u->seed, 20 - i, u->seed + i, 3);
    return NULL;
}

static void test_both_at_once(void **state) {
    void *libraries[2];
    user users[4];
    struct sigaction before[32], after[32];
    for (int s = 1; s < 32; s++) sigaction(s, NULL, &before[s]);
    for (int i = 0; i < 2; i++) libraries[i] = open_library(copies[i]);
    assert_ptr_not_equal(libraries[0], libraries[1]);
    for (int i = 0; i < 4; i++) {
        const tn_api *api = table_of(libraries[i % 2]);
        users[i] = (user){api, NULL, i};
        ok(api, api->context_create(NULL, &users[i].context));
    }
    assert_ptr_not_equal(users[0].api, users[1].api);
    assert_true(users[0].api->context_create != users[1].api->context_create);

    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, use, &users[i]), 0);
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int s = 1; s < 32; s++) {
        sigaction(s, NULL, &after[s]);
        assert_ptr_equal(before[s].sa_handler, after[s].sa_handler);
    }

    /* one goes, the other stays */
    users[0].api->context_release(users[0].context);
    users[2].api->context_release(users[2].context);
    assert_int_equal(dlclose(libraries[0]), 0);
    use(&users[1]);
    users[1].api->context_release(users[1].context);
    users[3].api->context_release(users[3].context);
    assert_int_equal(dlclose(libraries[1]), 0);
}

static void test_again_after_closing(void **state) {
    for (int i = 0; i < 3; i++) {
        void *library = open_library(copies[i % 2]);
        user u = {table_of(library), NULL, i};
        ok(u.api, u.api->context_create(NULL, &u.context));
        run_graph(u.api, u.context, "cpu", 4, 16, 16, i, 1);
        u.api->context_release(u.context);
        assert_int_equal(dlclose(library), 0);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    char folder[] = "/tmp/tenon-copies-XXXXXX";
    if (!mkdtemp(folder)) return 2;
    for (int i = 0; i < 2; i++) {
        snprintf(copies[i], sizeof copies[i], "%s/copy%d.so", folder, i);
        copy_file(argv[1], copies[i]);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_at_once),
        cmocka_unit_test(test_again_after_closing),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (int i = 0; i < 2; i++) remove(copies[i]);
    remove(folder);
    return failed;
}
