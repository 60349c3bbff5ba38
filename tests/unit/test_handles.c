/* Handles that are NULL, of another kind, or released, and structs without a size: refused with words, followed by nothing. The
 * library is built without NDEBUG here; with it only NULL is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "tenon/tenon.h"

/* Memory that is never used again, so that reading a released object is a wrong call but no wrong access. */
static void *keep_allocate(void *self, size_t bytes, size_t align) {
    void **all = self, *p = NULL;
    size_t head = align < 16 ? 16 : align;
    if (posix_memalign(&p, head, bytes + head)) return NULL;
    *(void **)p = *all;
    *all = p;
    ((size_t *)p)[1] = head;
    return (char *)p + head;
}
static void keep_deallocate(void *self, void *memory, size_t bytes) {}

typedef struct objects {
    void *memory;
    tn_context *context;
    tn_tensor *tensor;
    tn_graph *graph;
    tn_options *options;
    tn_executable *executable;
    tn_partition *partition;
    tn_query_cache *cache;
    tn_signature_cache *signatures;
    tn_profile *profile;
    void *all[9];
} objects;

static bool count(void *self, uint32_t *out) { return *out = 0, true; }
static bool inputs(void *self, uint32_t node, const tn_edge **out, uint32_t *out_n) { return false; }
static bool op(void *self, uint32_t node, const char **out) { return false; }
static bool attributes(void *self, uint32_t node, tn_partition_node *out) { return false; }
static bool constant(void *self, uint32_t node, bool *out) { return false; }
static bool mark(void *self, uint32_t node, char *why, size_t bytes) { return true; }
static const tn_partition_source source = {sizeof source, NULL, count, inputs, op, attributes, constant};
static const tn_partition_options choice = {.struct_size = sizeof choice, .mark = mark};

static int set_up(void **state) {
    objects *o = calloc(1, sizeof *o);
    tn_allocator keep = {sizeof keep, &o->memory, keep_allocate, keep_deallocate};
    ok(tn_context_create(&(tn_context_options){.struct_size = sizeof(tn_context_options), .allocator = &keep}, &o->context));
    ok(tn_tensor_create(o->context, TN_DTYPE_f32, 1, (const int64_t[]){4}, &o->tensor));
    ok(tn_graph_create(o->context, "g", &o->graph));
    tn_value x = tn_graph_input(o->graph, "x", TN_DTYPE_f32, 1, (const int64_t[]){4});
    tn_graph_output(o->graph, "y", tn_graph_op(o->graph, "neg", &x, 1, NULL, 0, 1));
    ok(tn_options_create(o->context, &o->options));
    ok(tn_options_set(o->options, "device", "ref"));
    ok(tn_options_set(o->options, "device", "cpu"));
    ok(tn_options_set(o->options, "cache", "off"));
    ok(tn_options_set(o->options, "threads", "1"));
    ok(tn_options_set(o->options, "profile", "on"));
    ok(tn_compile(o->graph, o->options, &o->executable));
    ok(tn_partition_create(o->context, &source, &choice, &o->partition));
    ok(tn_query_cache_create(o->context, "ref", &o->cache));
    ok(tn_signature_cache_create(o->context, NULL, &o->signatures));
    ok(tn_executable_get_profile(o->executable, &o->profile));
    memcpy(o->all, &o->context, sizeof o->all);
    *state = o;
    return 0;
}

static void release_all(objects *o) {
    tn_profile_release(o->profile);
    tn_signature_cache_release(o->signatures);
    tn_query_cache_release(o->cache);
    tn_partition_release(o->partition);
    tn_executable_release(o->executable);
    tn_options_release(o->options);
    tn_graph_release(o->graph);
    tn_tensor_release(o->tensor);
    tn_context_release(o->context);
}

static int tear_down(void **state) {
    objects *o = *state;
    for (void *p = o->memory, *next; p; p = next) {
        next = *(void **)p;
        free(p);
    }
    free(o);
    return 0;
}

static void refused(tn_error *e, const char *words) {
    if (!e) fail_msg("no error with '%s'", words);
    assert_int_equal(tn_error_get_code(e), TN_ERROR_INVALID_ARGUMENT);
    if (!strstr(tn_error_get_message(e), words)) fail_msg("'%s' is not in: %s", words, tn_error_get_message(e));
    tn_error_destroy(e);
}

static tn_error *no_compile(void *self, const tn_signature *signature, tn_executable **out) { return NULL; }

/* Every function that gives errors, with h in the place of each handle in turn; the others are right. */
static void refuse_everywhere(const objects *o, void *h, const char *words, int right) {
    void *out = &out;
    tn_tensor *tensors[1] = {o->tensor}, *results[1] = {NULL};
    char *text = NULL;
    tn_executable_stats stats = {.struct_size = sizeof stats};
    tn_query_node node = {.struct_size = sizeof node, .op = "neg"};
    tn_query_answer answer = {.struct_size = sizeof answer};
#define REFUSED(kind, call) \
    do {                    \
        out = &out;         \
        if (right != kind) refused(call, words); \
    } while (0)
#define CLEARED(kind, call)                             \
    do {                                                \
        REFUSED(kind, call);                            \
        if (right != kind) assert_null(out);            \
    } while (0)
    enum { CONTEXT, TENSOR, GRAPH, OPTIONS, EXECUTABLE, PARTITION, CACHE, SIGNATURES, PROFILE };
    CLEARED(CONTEXT, tn_tensor_create(h, TN_DTYPE_f32, 0, NULL, (tn_tensor **)(void *)&out));
    CLEARED(CONTEXT, tn_tensor_create_borrowed(h, TN_DTYPE_f32, 0, NULL, &stats, 8, NULL, NULL, (tn_tensor **)(void *)&out));
    CLEARED(CONTEXT, tn_graph_create(h, "g", (tn_graph **)(void *)&out));
    CLEARED(CONTEXT, tn_graph_parse(h, "graph \"g\" {\n}\n", (tn_graph **)(void *)&out));
    CLEARED(CONTEXT, tn_options_create(h, (tn_options **)(void *)&out));
    CLEARED(CONTEXT, tn_onnx_load_file(h, "no.onnx", (tn_graph **)(void *)&out));
    CLEARED(CONTEXT, tn_onnx_load_memory(h, "", 0, (tn_graph **)(void *)&out));
    CLEARED(CONTEXT, tn_onnx_load_tensor(h, "no.pb", (tn_tensor **)(void *)&out));
    CLEARED(CONTEXT, tn_partition_create(h, &source, &choice, (tn_partition **)(void *)&out));
    CLEARED(CONTEXT, tn_query_cache_create(h, "ref", (tn_query_cache **)(void *)&out));
    REFUSED(CONTEXT, tn_query(h, "ref", &node, NULL, &answer));
    if (h) REFUSED(CACHE, tn_query(o->context, "ref", &node, h, &answer));
    CLEARED(CONTEXT, tn_signature_cache_create(h, NULL, (tn_signature_cache **)(void *)&out));
    static const tn_signature signature = {.struct_size = sizeof signature};
    tn_signature_cache_stats cache_stats = {.struct_size = sizeof cache_stats};
    CLEARED(SIGNATURES, tn_signature_cache_get(h, &signature, no_compile, NULL, (tn_executable **)(void *)&out));
    REFUSED(SIGNATURES, tn_signature_cache_get_stats(h, &cache_stats));
    struct DLManagedTensor *managed = NULL, *foreign = (void *)&stats; /* not looked at */
    struct DLManagedTensorVersioned *managed_versioned = NULL, *foreign_versioned = (void *)&stats;
    CLEARED(CONTEXT, tn_tensor_from_dlpack(h, foreign, (tn_tensor **)(void *)&out));
    CLEARED(CONTEXT, tn_tensor_from_dlpack_versioned(h, foreign_versioned, (tn_tensor **)(void *)&out));
    REFUSED(TENSOR, tn_tensor_to_dlpack(h, &managed));
    REFUSED(TENSOR, tn_tensor_to_dlpack_versioned(h, &managed_versioned));
    static const tn_custom_op custom = {.struct_size = 0};
    REFUSED(CONTEXT, tn_custom_op_register(h, &custom));
    REFUSED(CONTEXT, tn_custom_op_unregister(h, "name"));
    REFUSED(CONTEXT, tn_custom_op_share(h, o->context));
    REFUSED(CONTEXT, tn_custom_op_share(o->context, h));
    REFUSED(TENSOR, tn_onnx_save_tensor(h, "/nowhere/no.pb"));
    tn_node_info node_info = {.struct_size = sizeof node_info};
    tn_value_info value_info = {.struct_size = sizeof value_info};
    tn_attr attr;
    REFUSED(GRAPH, tn_graph_get_node(h, 0, &node_info));
    REFUSED(GRAPH, tn_graph_get_attr(h, 0, 0, &attr));
    REFUSED(GRAPH, tn_graph_get_value(h, (tn_value){1}, &value_info));
    REFUSED(GRAPH, tn_graph_check(h));
    REFUSED(GRAPH, tn_graph_print(h, &text));
    REFUSED(GRAPH, tn_onnx_save_file(h, "/nowhere/no.onnx"));
    REFUSED(GRAPH, tn_compile(h, o->options, (tn_executable **)(void *)&out));
    if (h) REFUSED(OPTIONS, tn_compile(o->graph, h, (tn_executable **)(void *)&out));
    REFUSED(OPTIONS, tn_options_set(h, "device", "ref"));
    REFUSED(OPTIONS, tn_options_load_file(h, "/nowhere/no.conf"));
    REFUSED(EXECUTABLE, tn_executable_run(h, tensors, 1, results, 1));
    REFUSED(EXECUTABLE, tn_executable_get_stats(h, &stats));
    REFUSED(EXECUTABLE, tn_executable_reset_profile(h));
    CLEARED(EXECUTABLE, tn_executable_get_profile(h, (tn_profile **)(void *)&out));
    tn_profile_row row = {.struct_size = sizeof row};
    REFUSED(PROFILE, tn_profile_get_row(h, 0, &row));
    static const tn_hook hook = {.struct_size = sizeof hook};
    REFUSED(OPTIONS, tn_options_set_hook(h, &hook));
    tensors[0] = h;
    REFUSED(TENSOR, tn_executable_run(o->executable, tensors, 1, results, 1));
    assert_null(results[0]);
    if (h) {
        tensors[0] = o->tensor;
        results[0] = h;
        REFUSED(TENSOR, tn_executable_run(o->executable, tensors, 1, results, 1));
    }
}

/* Functions that give no error: nothing, zero or NULL. */
static void ignored_everywhere(void *h, int right) {
    enum { CONTEXT, TENSOR, GRAPH, OPTIONS, EXECUTABLE, PARTITION, CACHE, SIGNATURES, PROFILE };
    const tn_value one = {1};
    const int64_t *dims = &(int64_t){1};
    uint64_t hits = 1, misses = 1;
    uint32_t n = 1;
    if (right != CONTEXT) {
        tn_context_retain(h);
        tn_context_release(h);
        tn_text_free(h, NULL);
    }
    if (right != TENSOR) {
        tn_tensor_retain(h);
        tn_tensor_release(h);
        assert_int_equal(tn_tensor_get_dtype(h), TN_DTYPE_NONE);
        assert_int_equal(tn_tensor_get_rank(h), 0);
        assert_null(tn_tensor_get_dims(h));
        assert_null(tn_tensor_get_data(h));
        assert_int_equal(tn_tensor_get_bytes(h), 0);
        assert_int_equal(tn_tensor_get_elements(h), 0);
    }
    if (right != GRAPH) {
        tn_graph_release(h);
        assert_int_equal(tn_graph_symbol(h, "N"), TN_DIM_UNKNOWN);
        assert_int_equal(tn_graph_input(h, "x", TN_DTYPE_f32, 0, NULL).id, 0);
        assert_int_equal(tn_graph_constant(h, NULL).id, 0);
        assert_int_equal(tn_graph_constant_copy(h, TN_DTYPE_f32, 0, NULL, &one).id, 0);
        assert_int_equal(tn_graph_custom(h, "name", &one, 1, NULL, 0, 1).id, 0);
        assert_int_equal(tn_graph_op(h, "neg", &one, 1, NULL, 0, 1).id, 0);
        tn_graph_set_name(h, one, "n");
        tn_graph_set_source(h, one, "s");
        tn_graph_add_source(h, one, "s");
        tn_graph_set_current_source(h, "s");
        assert_int_equal(tn_graph_get_source_count(h, one), 0);
        assert_null(tn_graph_get_source(h, one, 0));
        tn_graph_output(h, "y", one);
        assert_int_equal(tn_graph_get_input_count(h), 0);
        assert_int_equal(tn_graph_get_output_count(h), 0);
        assert_int_equal(tn_graph_get_node_count(h), 0);
        assert_null(tn_graph_get_input_name(h, 0));
        assert_null(tn_graph_get_output_name(h, 0));
        assert_int_equal(tn_graph_get_input(h, 0).id, 0);
        assert_int_equal(tn_graph_get_output(h, 0).id, 0);
        assert_int_equal(tn_graph_get_dtype(h, one), TN_DTYPE_NONE);
        assert_int_equal(tn_graph_get_shape(h, one, &dims), -1);
        assert_null(dims);
        assert_null(tn_graph_get_symbol_name(h, -2));
        assert_null(tn_graph_get_name(h));
    }
    if (right != OPTIONS) {
        tn_options_release(h);
        assert_null(tn_options_get(h, "device"));
        assert_null(tn_options_get_origin(h, "device"));
    }
    if (right != EXECUTABLE) {
        tn_executable_retain(h);
        tn_executable_release(h);
    }
    if (right != PARTITION) {
        tn_partition_release(h);
        assert_int_equal(tn_partition_get_cluster_count(h), 0);
        assert_int_equal(tn_partition_get_cluster(h, 0), TN_NO_CLUSTER);
        assert_null(tn_partition_get_reason(h, 0));
        assert_null(tn_partition_get_nodes(h, 0, &n));
        assert_null(tn_partition_get_inputs(h, 0, &n));
        assert_null(tn_partition_get_outputs(h, 0, &n));
        assert_true(tn_partition_get_gain_ns(h, 0) == 0);
        assert_null(tn_partition_get_report(h));
        assert_null(tn_partition_get_steps(h, &n));
        assert_int_equal(n, 0);
    }
    if (right != CACHE) {
        tn_query_cache_release(h);
        tn_query_cache_get_counts(h, &hits, &misses);
        assert_int_equal(hits + misses, 0);
    }
    if (right != PROFILE) {
        tn_profile_release(h);
        assert_int_equal(tn_profile_get_count(h), 0);
    }
    if (right != SIGNATURES) {
        static const tn_signature signature = {.struct_size = sizeof signature};
        assert_false(tn_signature_cache_evict(h, &signature));
        assert_int_equal(tn_signature_cache_evict_cluster(h, 0), 0);
        tn_signature_cache_clear(h);
        tn_signature_cache_release(h);
    }
}

static void test_null(void **state) {
    objects *o = *state;
    refuse_everywhere(o, NULL, "NULL", -1);
    ignored_everywhere(NULL, -1);
    release_all(o);
}

static void test_another_kind(void **state) {
    static const char *const words[] = {"of kind context", "of kind tensor", "of kind graph", "of kind set of options",
                                        "of kind executable", "of kind partition", "of kind query cache", "of kind signature cache", "of kind profile"};
    objects *o = *state;
    for (int i = 0; i < 9; i++) {
        refuse_everywhere(o, o->all[i], words[i], i);
        ignored_everywhere(o->all[i], i);
    }
    refuse_everywhere(o, "no object at all, but a text", "is no handle", -1);
    ignored_everywhere("no object at all, but a text", -1);
    tn_graph_constant(o->graph, (tn_tensor *)(void *)o->options);
    refused(tn_graph_check(o->graph), "tensor is a handle of kind set of options");
    release_all(o);
}

static void test_released(void **state) {
    objects *o = *state, gone = *o;
    ok(tn_tensor_create(o->context, TN_DTYPE_f32, 1, (const int64_t[]){4}, &gone.tensor));
    tn_tensor_release(gone.tensor);
    refuse_everywhere(o, gone.tensor, "was released", -1); /* at any place: no kind is left to it */
    ignored_everywhere(gone.tensor, -1);
    tn_context_retain(o->context); /* so that the error's own allocator is alive */
    release_all(o);
    for (int i = 1; i < 9; i++) ignored_everywhere(o->all[i], -1);
    refused(tn_graph_check(o->graph), "graph was released");
    refused(tn_options_set(o->options, "device", "ref"), "options was released");
    tn_context_release(o->context);
    refused(tn_graph_create(o->context, "g", &gone.graph), "context was released");
    tn_context_release(o->context); /* once too often */
}

/* Values are plain numbers: one that the graph does not have is refused, in debug builds and others. */
static void test_values_of_no_graph(void **state) {
    objects *o = *state;
    tn_graph *g = NULL;
    ok(tn_graph_create(o->context, "small", &g));
    assert_int_equal(tn_graph_get_dtype(g, (tn_value){1}), TN_DTYPE_NONE);
    tn_graph_set_name(g, (tn_value){UINT32_MAX}, "name");
    tn_value far = tn_value_output((tn_value){UINT32_MAX}, UINT32_MAX);
    assert_int_equal(tn_graph_op(g, "neg", &far, 1, NULL, 0, 1).id, 0);
    refused(tn_graph_check(g), "operand 0 is no value of this graph");
    tn_graph_release(g);
    ok(tn_graph_create(o->context, "small", &g));
    tn_graph_output(g, "y", tn_graph_get_output(o->graph, 0));
    refused(tn_graph_check(g), "no value of this graph");
    tn_graph_release(g);
    release_all(o);
}

static void test_struct_sizes(void **state) {
    objects *o = *state;
    tn_context *c = NULL;
    tn_partition *p = NULL;
    tn_context_options options = {.struct_size = 0};
    refused(tn_context_create(&options, &c), "options: struct_size is 0");
    options.struct_size = 7;
    refused(tn_context_create(&options, &c), "struct_size is 7");
    options.struct_size = sizeof options;
    tn_allocator a = {0, &o->memory, keep_allocate, keep_deallocate};
    options.allocator = &a;
    refused(tn_context_create(&options, &c), "allocator: struct_size is 0");
    a.struct_size = offsetof(tn_allocator, deallocate);
    refused(tn_context_create(&options, &c), "the allocator lacks a function");
    options.allocator = NULL;
    tn_limits limits = {.struct_size = 1};
    options.limits = &limits;
    refused(tn_context_create(&options, &c), "limits: struct_size is 1");
    assert_null(c);
    tn_executable_stats stats = {.struct_size = 4};
    refused(tn_executable_get_stats(o->executable, &stats), "struct_size");
    tn_partition_source s = source;
    tn_partition_options po = choice;
    s.struct_size = 0;
    refused(tn_partition_create(o->context, &s, &po, &p), "source: struct_size is 0");
    s.struct_size = sizeof s;
    po.struct_size = 3;
    refused(tn_partition_create(o->context, &s, &po, &p), "options: struct_size is 3");
    po.struct_size = offsetof(tn_partition_options, device);
    s.struct_size = offsetof(tn_partition_source, constant);
    refused(tn_partition_create(o->context, &s, &po, &p), "a callback is NULL");
    s.struct_size = sizeof s;
    assert_null(tn_partition_create(o->context, &s, &po, &p)); /* an older one */
    tn_partition_release(p);
    tn_query_node node = {.struct_size = 2, .op = "neg"};
    tn_query_answer answer = {.struct_size = sizeof answer};
    refused(tn_query(o->context, "ref", &node, NULL, &answer), "struct_size is 2");
    refused(tn_options_set_hook(o->options, &(tn_hook){.struct_size = 1}), "struct_size");
    tn_signature_cache *signatures = NULL;
    refused(tn_signature_cache_create(o->context, &(tn_signature_cache_options){.struct_size = 1}, &signatures), "struct_size is 1");
    assert_null(signatures);
    refused(tn_custom_op_register(o->context, &(tn_custom_op){.struct_size = 5}), "struct_size is 5");

    /* a newer caller's struct is longer: what this library does not know is not read */
    struct {
        tn_context_options known;
        void *more[64];
    } newer = {.known = {.struct_size = sizeof newer}};
    memset(newer.more, 0x5a, sizeof newer.more);
    ok(tn_context_create(&newer.known, &c));
    tn_context_release(c);
    release_all(o);
}

static void test_bad_building_calls(void **state) {
    objects *o = *state;
    static const struct {
        const char *words;
        tn_attr attr;
    } cases[] = {
        {"has no name", {.kind = TN_ATTR_INT}},
        {"no attribute 'x'", {.name = "x", .kind = TN_ATTR_INT}},
        {"unknown kind", {.name = "perm", .kind = (tn_attr_kind)99}},
        {"NULL", {.name = "perm", .kind = TN_ATTR_INTS, .n = 4}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_graph *g = NULL;
        ok(tn_graph_create(o->context, "bad", &g));
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 0, NULL);
        tn_graph_op(g, "transpose", &x, 1, &cases[i].attr, 1, 1);
        tn_error *e = tn_graph_check(g);
        assert_non_null(e);
        if (!strstr(tn_error_get_message(e), cases[i].words)) fail_msg("'%s' is not in: %s", cases[i].words, tn_error_get_message(e));
        tn_error_destroy(e);
        tn_graph_release(g);
    }
    for (int i = 0; i < 5; i++) {
        tn_graph *g = NULL;
        ok(tn_graph_create(o->context, "bad", &g));
        tn_value x = tn_graph_input(g, "x", TN_DTYPE_f32, 0, NULL);
        if (i == 0) tn_graph_input(g, "y", TN_DTYPE_f32, 2, NULL);
        if (i == 1) tn_graph_symbol(g, NULL);
        if (i == 2) tn_graph_op(g, NULL, &x, 1, NULL, 0, 1);
        if (i == 3) tn_graph_op(g, "neg", NULL, 1, NULL, 0, 1);
        if (i == 4) tn_graph_op(g, "transpose", &x, 1, NULL, 3, 1);
        tn_error *e = tn_graph_check(g);
        assert_non_null(e);
        tn_error_destroy(e);
        tn_graph_release(g);
    }
    release_all(o);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_null),          TEST(test_another_kind),  TEST(test_released),
        TEST(test_values_of_no_graph), TEST(test_struct_sizes), TEST(test_bad_building_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
