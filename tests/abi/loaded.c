/* A program that only loads libtenon.so: the table, a table that an older program knows less of, and versions that are not spoken.
 * usage: abi_loaded PATH_OF_LIBRARY */
#include "loader.h"

static const char *path;

static void test_everything_through_the_table(void **state) {
    void *library = open_library(path);
    const tn_api *api = table_of(library);
    assert_non_null(api);
    assert_int_equal(api->struct_size, sizeof(tn_api));
    assert_string_equal(api->version(), "0.1.0");
#define TN_FUNCTION(type, name, parameters)             \
    assert_true(TN_API_HAS(api, name));                 \
    assert_non_null(*(void *const *)(const void *)&api->name); \
    assert_ptr_equal(*(void *const *)(const void *)&api->name, dlsym(library, "tn_" #name));
#include "tenon/api.def"
    tn_context *context = NULL;
    ok(api, api->context_create(NULL, &context));
    run_graph(api, context, "cpu", 5, 33, 17, 1, 2);
    run_graph(api, context, "ref", 3, 4, 5, 2, 1);
    tn_error *e = api->tensor_create(NULL, TN_DTYPE_f32, 0, NULL, &(tn_tensor *){NULL});
    assert_int_equal(api->error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    api->error_destroy(e);
    api->context_release(context);
    assert_int_equal(dlclose(library), 0);
}

/* What a header of the first days declared; and what a caller sees of a library that is older than its header. */
typedef struct old_api {
    size_t struct_size;
    const char *(*version)(void);
    tn_error_code (*error_get_code)(const tn_error *error);
    const char *(*error_get_message)(const tn_error *error);
    const char *(*error_code_name)(tn_error_code code);
    void (*error_destroy)(tn_error *error);
    tn_error *(*context_create)(const tn_context_options *options, tn_context **out_context);
} old_api;

static void test_tables_of_other_lengths(void **state) {
    void *library = open_library(path);
    const tn_api *api = table_of(library);
    const old_api *old = (const old_api *)(const void *)api;
    assert_true(old->struct_size > sizeof *old);
    assert_string_equal(old->version(), "0.1.0");
    assert_string_equal(old->error_code_name(TN_ERROR_PARSE), "PARSE");
    tn_error *e = old->context_create(NULL, NULL);
    assert_int_equal(old->error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    old->error_destroy(e);

    tn_api older;
    memcpy(&older, api, sizeof *old);
    older.struct_size = sizeof *old;
    assert_true(TN_API_HAS(&older, context_create));
    assert_false(TN_API_HAS(&older, context_retain));
    assert_false(TN_API_HAS(&older, graph_op));
    dlclose(library);
}

static void test_other_versions(void **state) {
    void *library = open_library(path);
    tn_get_api_fn *get;
    *(void **)&get = dlsym(library, "tn_get_api");
    assert_null(get(0));
    assert_null(get(TN_ABI_VERSION + 1));
    assert_null(get(UINT32_MAX));
    assert_ptr_equal(get(TN_ABI_VERSION), get(TN_ABI_VERSION));
    dlclose(library);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    path = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_through_the_table),
        cmocka_unit_test(test_tables_of_other_lengths),
        cmocka_unit_test(test_other_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
