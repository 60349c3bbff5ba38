/* DLPack in and out: types, ownership (every deleter exactly once; the address sanitizer sees leaks), and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expect.h"
#include "rt/strided.h"
#include "tenon/dlpack_types.h"
#include "tenon/tenon.h"

static tn_context *context;

static void refused(tn_error *e, tn_error_code code, const char *words) {
    if (!e) fail_msg("wanted an error with '%s'", words);
    if (tn_error_get_code(e) != code || !strstr(tn_error_get_message(e), words))
        fail_msg("found '%s' (%s), wanted '%s'", tn_error_get_message(e), tn_error_code_name(tn_error_get_code(e)), words);
    tn_error_destroy(e);
}

/* ---- another library's tensors ------------------------------------------------------------------------------- */

/* A tensor of a library that is not Tenon; its deleter frees it. */
typedef struct theirs {
    DLManagedTensor plain;
    DLManagedTensorVersioned versioned;
    int64_t shape[4], strides[4];
    float *data; /* 24 elements */
    int *deleted;
} theirs;

static void theirs_free(theirs *x) {
    ++*x->deleted;
    free(x->data);
    free(x);
}
static void delete_plain(DLManagedTensor *self) { theirs_free(self->manager_ctx); }
static void delete_versioned(DLManagedTensorVersioned *self) { theirs_free(self->manager_ctx); }

/* f32[2,3,4] of 0, 1, 2 ... */
static theirs *theirs_create(int *deleted) {
    theirs *x = calloc(1, sizeof *x);
    assert_non_null(x);
    x->data = calloc(24, sizeof *x->data);
    assert_non_null(x->data);
    for (int i = 0; i < 24; i++) x->data[i] = (float)i;
    x->deleted = deleted;
    memcpy(x->shape, (int64_t[]){2, 3, 4}, 3 * sizeof(int64_t));
    memcpy(x->strides, (int64_t[]){12, 4, 1}, 3 * sizeof(int64_t));
    DLTensor t = {.data = x->data, .device = {kDLCPU, 0}, .ndim = 3, .dtype = {kDLFloat, 32, 1}, .shape = x->shape, .strides = x->strides};
    x->plain = (DLManagedTensor){t, x, delete_plain};
    x->versioned = (DLManagedTensorVersioned){{1, 0}, x, delete_versioned, 0, t};
    return x;
}

/* What CPython's capsules do: one with the name "dltensor" calls the deleter when it goes, a used one does not. */
typedef struct capsule {
    DLManagedTensor *managed;
    const char *name;
} capsule;

static void capsule_free(capsule *c) {
    if (!strcmp(c->name, "dltensor")) c->managed->deleter(c->managed);
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

static void borrows(void **s) {
    (void)s;
    int deleted = 0;
    theirs *x = theirs_create(&deleted);
    tn_tensor *t;
    ok(tn_tensor_from_dlpack(context, &x->plain, &t));
    assert_int_equal(tn_tensor_get_dtype(t), TN_DTYPE_f32);
    assert_int_equal(tn_tensor_get_rank(t), 3);
    assert_int_equal(tn_tensor_get_dims(t)[2], 4);
    assert_ptr_equal(tn_tensor_get_data(t), x->data);
    x->data[5] = 99; /* theirs and ours are the same memory */
    assert_true(((float *)tn_tensor_get_data(t))[5] == 99);
    tn_tensor_retain(t);
    tn_tensor_release(t);
    assert_int_equal(deleted, 0);
    tn_tensor_release(t);
    assert_int_equal(deleted, 1);
}

static void borrows_versioned(void **s) {
    (void)s;
    int deleted = 0;
    theirs *x = theirs_create(&deleted);
    x->versioned.version.minor = 77; /* minor versions only add */
    x->versioned.dl_tensor.byte_offset = 48;
    x->versioned.dl_tensor.shape[0] = 1;
    x->versioned.dl_tensor.strides[0] = 5; /* of a dimension of size 1 */
    tn_tensor *t;
    ok(tn_tensor_from_dlpack_versioned(context, &x->versioned, &t));
    assert_true(((float *)tn_tensor_get_data(t))[0] == 12);
    tn_tensor_release(t);
    assert_int_equal(deleted, 1);
}

static void forms(void **s) {
    (void)s;
    int deleted = 0;
    tn_tensor *t;
    theirs *x = theirs_create(&deleted);
    x->plain.dl_tensor.strides = NULL; /* compact */
    ok(tn_tensor_from_dlpack(context, &x->plain, &t));
    tn_tensor_release(t);
    x = theirs_create(&deleted);
    x->plain.dl_tensor.shape[1] = 0; /* empty: neither strides nor data matter */
    x->plain.dl_tensor.data = NULL;
    ok(tn_tensor_from_dlpack(context, &x->plain, &t));
    assert_int_equal(tn_tensor_get_elements(t), 0);
    tn_tensor_release(t);
    x = theirs_create(&deleted);
    x->plain.dl_tensor.ndim = 0; /* a scalar */
    x->plain.dl_tensor.shape = x->plain.dl_tensor.strides = NULL;
    x->plain.dl_tensor.device = (DLDevice){kDLCUDAHost, 3}; /* pinned, but memory of the host */
    ok(tn_tensor_from_dlpack(context, &x->plain, &t));
    assert_int_equal(tn_tensor_get_elements(t), 1);
    tn_tensor_release(t);
    assert_int_equal(deleted, 3);
    static DLManagedTensor nobodys; /* without a deleter: static memory */
    static float number = 7;
    nobodys.dl_tensor = (DLTensor){.data = &number, .device = {kDLCPU, 0}, .dtype = {kDLFloat, 32, 1}};
    ok(tn_tensor_from_dlpack(context, &nobodys, &t));
    assert_true(*(float *)tn_tensor_get_data(t) == 7);
    tn_tensor_release(t);
}

static void capsules(void **s) {
    (void)s;
    int deleted = 0;
    theirs *x = theirs_create(&deleted);
    capsule c = {&x->plain, "dltensor"};
    tn_tensor *t;
    ok(tn_tensor_from_dlpack(context, c.managed, &t));
    c.name = "used_dltensor";
    capsule_free(&c);
    assert_int_equal(deleted, 0);
    tn_tensor_release(t);
    assert_int_equal(deleted, 1);
    x = theirs_create(&deleted);
    c = (capsule){&x->plain, "dltensor"};
    x->plain.dl_tensor.device.device_type = kDLCUDA;
    refused(tn_tensor_from_dlpack(context, c.managed, &t), TN_ERROR_UNSUPPORTED, "device type 2");
    assert_null(t);
    assert_int_equal(deleted, 1);
    capsule_free(&c); /* after a failure it is still the capsule's */
    assert_int_equal(deleted, 2);
}

static void refuses(void **s) {
    (void)s;
    tn_tensor *t;
    int deleted = 0;
    theirs *x = theirs_create(&deleted);
    DLTensor *d = &x->plain.dl_tensor, good = *d;
#define REFUSED(change, code, words)                                                        \
    do {                                                                                    \
        change;                                                                             \
        DLTensor before = *d;                                                               \
        t = (tn_tensor *)x;                                                                 \
        refused(tn_tensor_from_dlpack(context, &x->plain, &t), TN_ERROR_##code, words);     \
        assert_null(t);                                                                     \
        assert_memory_equal(&before, d, sizeof before);                                     \
        *d = good;                                                                          \
    } while (0)
    REFUSED(d->device.device_type = kDLVulkan, UNSUPPORTED, "device type 7");
    REFUSED(d->device.device_type = (DLDeviceType)12345, UNSUPPORTED, "device type 12345");
    REFUSED(d->dtype.code = kDLComplex, UNSUPPORTED, "code 5 and 32 bits");
    REFUSED(d->dtype.code = 200, UNSUPPORTED, "code 200");
    REFUSED(d->dtype.bits = 24, UNSUPPORTED, "24 bits");
    REFUSED(d->dtype.bits = 0, UNSUPPORTED, "0 bits");
    REFUSED((d->dtype = (DLDataType){kDLBool, 1, 1}), UNSUPPORTED, "code 6 and 1 bits");
    REFUSED((d->dtype = (DLDataType){kDLInt, 4, 1}), UNSUPPORTED, "only supported packed");
    REFUSED((d->dtype = (DLDataType){kDLFloat6_e2m3fn, 6, 1}), UNSUPPORTED, "code 15");
    REFUSED(d->dtype.lanes = 4, UNSUPPORTED, "4 lanes");
    REFUSED(d->dtype.lanes = 0, UNSUPPORTED, "0 lanes");
    REFUSED(d->ndim = -1, INVALID_ARGUMENT, "ndim is -1");
    REFUSED(d->ndim = 1 << 30, LIMIT_EXCEEDED, "rank");
    REFUSED(d->shape = NULL, INVALID_ARGUMENT, "shape is NULL");
    REFUSED(d->data = NULL, INVALID_ARGUMENT, "data is NULL");
    REFUSED(d->byte_offset = UINT64_MAX - 3, INVALID_ARGUMENT, "byte_offset");
    REFUSED(d->byte_offset = 2, INVALID_ARGUMENT, "not a multiple of 4");
    REFUSED(x->strides[0] = INT64_MAX / 8, OUT_OF_RANGE, "strides reach further");
    x->strides[0] = 12;
    REFUSED(x->shape[1] = -3, INVALID_ARGUMENT, "dimension 1 is -3");
    REFUSED(x->shape[1] = INT64_MAX, LIMIT_EXCEEDED, "elements");
    x->shape[1] = 3;
    x->versioned.version.major = 2;
    refused(tn_tensor_from_dlpack_versioned(context, &x->versioned, &t), TN_ERROR_UNSUPPORTED, "version 2.0, wanted 1.x");
    x->versioned.version.major = 0;
    refused(tn_tensor_from_dlpack_versioned(context, &x->versioned, &t), TN_ERROR_UNSUPPORTED, "version 0.0");
    x->versioned.version.major = 1;
    x->versioned.dl_tensor.dtype = (DLDataType){kDLInt, 4, 1};
    x->versioned.flags = DLPACK_FLAG_BITMASK_IS_SUBBYTE_TYPE_PADDED;
    refused(tn_tensor_from_dlpack_versioned(context, &x->versioned, &t), TN_ERROR_UNSUPPORTED, "only supported packed");
    refused(tn_tensor_from_dlpack(NULL, &x->plain, &t), TN_ERROR_INVALID_ARGUMENT, "NULL");
    refused(tn_tensor_from_dlpack(context, NULL, &t), TN_ERROR_INVALID_ARGUMENT, "NULL");
    refused(tn_tensor_from_dlpack(context, &x->plain, NULL), TN_ERROR_INVALID_ARGUMENT, "NULL");
    refused(tn_tensor_from_dlpack_versioned(context, NULL, &t), TN_ERROR_INVALID_ARGUMENT, "NULL");
    DLManagedTensor *m;
    DLManagedTensorVersioned *v;
    refused(tn_tensor_to_dlpack(NULL, &m), TN_ERROR_INVALID_ARGUMENT, "NULL");
    refused(tn_tensor_to_dlpack_versioned(NULL, &v), TN_ERROR_INVALID_ARGUMENT, "NULL");
    assert_int_equal(deleted, 0); /* all of it changed nothing */
    ok(tn_tensor_from_dlpack(context, &x->plain, &t));
    tn_tensor_release(t);
    assert_int_equal(deleted, 1);
}

/* Out and in again, in every element type. */
static void every_dtype(void **s) {
    (void)s;
    int n_types = 0;
    for (tn_dtype dtype = 1; dtype < TN_DTYPE_COUNT; dtype++) {
        tn_tensor *t, *back;
        ok(tn_tensor_create(context, dtype, 2, (int64_t[]){3, 2}, &t));
        DLManagedTensorVersioned *v = NULL;
        DLManagedTensor *m = NULL;
        if (dtype == TN_DTYPE_string) {
            refused(tn_tensor_to_dlpack(t, &m), TN_ERROR_UNSUPPORTED, "no element type for string");
            refused(tn_tensor_to_dlpack_versioned(t, &v), TN_ERROR_UNSUPPORTED, "no element type for string");
            tn_tensor_release(t);
            continue;
        }
        ok(tn_tensor_to_dlpack_versioned(t, &v));
        assert_int_equal(v->version.major, 1);
        assert_int_equal(v->flags, 0);
        assert_int_equal(v->dl_tensor.dtype.bits, tn_dtype_bits(dtype));
        assert_int_equal(v->dl_tensor.device.device_type, kDLCPU);
        assert_int_equal(v->dl_tensor.strides[0], 2);
        assert_int_equal(v->dl_tensor.strides[1], 1);
        ok(tn_tensor_from_dlpack_versioned(context, v, &back)); /* deletes v when it goes */
        assert_int_equal(tn_tensor_get_dtype(back), dtype);
        assert_ptr_equal(tn_tensor_get_data(back), tn_tensor_get_data(t));
        tn_tensor_release(back);
        tn_error *e = tn_tensor_to_dlpack(t, &m);
        if (tn_dtype_bits(dtype) < 8) {
            refused(e, TN_ERROR_UNSUPPORTED, "versioned");
            assert_null(m);
        } else {
            ok(e);
            tn_tensor_release(t); /* the managed tensor keeps it */
            t = NULL;
            memset(m->dl_tensor.data, 1, 6 * tn_dtype_bits(dtype) / 8);
            ok(tn_tensor_from_dlpack(context, m, &back));
            assert_int_equal(tn_tensor_get_dtype(back), dtype);
            assert_int_equal(*(char *)tn_tensor_get_data(back), 1);
            tn_tensor_release(back);
        }
        tn_tensor_release(t);
        n_types++;
    }
    assert_int_equal(n_types, TN_DTYPE_COUNT - 2);
}

/* Strides come in and go out as they are. */
static void strided_both_ways(void **s) {
    (void)s;
    float data[12];
    tn_tensor *t, *back, *plain;
    DLManagedTensor *m;
    for (int i = 0; i < 12; i++) data[i] = (float)i;
    ok(tn_tensor_create_strided(context, TN_DTYPE_f32, 2, (int64_t[]){3, 4}, (int64_t[]){-1, 3}, data + 2, data, sizeof data, NULL, NULL, &t));
    ok(tn_tensor_to_dlpack(t, &m));
    assert_ptr_equal((char *)m->dl_tensor.data + m->dl_tensor.byte_offset, data + 2);
    assert_true(m->dl_tensor.strides[0] == -1 && m->dl_tensor.strides[1] == 3);
    ok(tn_tensor_from_dlpack(context, m, &back));
    tn_tensor_release(t);
    assert_false(tn_tensor_is_dense(back));
    ok(tn__tensor_make_plain(back, &plain));
    for (int i = 0; i < 12; i++) assert_true(((float *)tn_tensor_get_data(plain))[i] == (float)(2 - i / 4 + i % 4 * 3));
    tn_tensor_release(plain), tn_tensor_release(back);
}

static void shapes_out(void **s) {
    (void)s;
    tn_tensor *t;
    DLManagedTensor *m;
    ok(tn_tensor_create(context, TN_DTYPE_f32, 3, (int64_t[]){2, 0, 4}, &t));
    ok(tn_tensor_to_dlpack(t, &m));
    assert_int_equal(m->dl_tensor.shape[1], 0);
    assert_int_equal(m->dl_tensor.strides[0], 4);
    m->deleter(m);
    tn_tensor_release(t);
    ok(tn_tensor_create(context, TN_DTYPE_i32, 0, NULL, &t));
    ok(tn_tensor_to_dlpack(t, &m));
    assert_int_equal(m->dl_tensor.ndim, 0);
    tn_tensor_release(t);
    m->deleter(m);
}

/* A read-only tensor is read by a run, but never written, and keeps the flag on its way out. */
static void read_only(void **s) {
    (void)s;
    int deleted = 0;
    theirs *x = theirs_create(&deleted);
    x->versioned.flags = DLPACK_FLAG_BITMASK_READ_ONLY;
    float *data = x->data;
    tn_tensor *t, *y = NULL;
    ok(tn_tensor_from_dlpack_versioned(context, &x->versioned, &t));
    DLManagedTensor *m;
    refused(tn_tensor_to_dlpack(t, &m), TN_ERROR_UNSUPPORTED, "read-only");
    DLManagedTensorVersioned *v;
    ok(tn_tensor_to_dlpack_versioned(t, &v));
    assert_int_equal(v->flags, DLPACK_FLAG_BITMASK_READ_ONLY);
    v->deleter(v);
    for (int late = 0; late < 2; late++) { /* one artefact, and a program with steps of the session */
        tn_graph *g;
        tn_executable *exe;
        ok(tn_graph_create(context, "g", &g));
        tn_value in = tn_graph_input(g, "x", TN_DTYPE_f32, 3, (int64_t[]){2, 3, 4});
        tn_value out = tn_graph_op(g, "neg", &in, 1, NULL, 0, 1);
        if (late) {
            tn_graph_output(g, "where", tn_graph_op(g, "non_zero", &out, 1, NULL, 0, 1));
        }
        tn_graph_output(g, "y", out);
        ok(tn_compile(g, NULL, &exe));
        tn_graph_release(g);
        tn_tensor *outs[2] = {NULL, NULL};
        outs[late] = t;
        refused(tn_executable_run(exe, &t, 1, outs, 1 + (uint32_t)late), TN_ERROR_INVALID_ARGUMENT, "'y': the tensor is read-only");
        assert_ptr_equal(outs[late], t);
        assert_true(data[7] == 7);
        outs[late] = NULL;
        ok(tn_executable_run(exe, &t, 1, outs, 1 + (uint32_t)late));
        assert_true(((float *)tn_tensor_get_data(outs[late]))[7] == -7);
        tn_tensor_release(outs[0]);
        tn_tensor_release(outs[1]);
        tn_executable_release(exe);
    }
    tn_tensor_release(y);
    assert_int_equal(deleted, 0);
    tn_tensor_release(t);
    assert_int_equal(deleted, 1);
}

/* A graph's constant borrows from another library for as long as the executable lives. */
static void constants(void **s) {
    (void)s;
    int deleted = 0;
    theirs *x = theirs_create(&deleted);
    tn_tensor *t, *y = NULL, *in;
    tn_graph *g;
    tn_executable *exe;
    ok(tn_tensor_from_dlpack(context, &x->plain, &t));
    ok(tn_graph_create(context, "g", &g));
    tn_value both[2] = {tn_graph_input(g, "x", TN_DTYPE_f32, 3, (int64_t[]){2, 3, 4}), tn_graph_constant(g, t)};
    tn_graph_output(g, "y", tn_graph_op(g, "add", both, 2, NULL, 0, 1));
    tn_tensor_release(t);
    ok(tn_compile(g, NULL, &exe));
    tn_graph_release(g);
    ok(tn_tensor_create(context, TN_DTYPE_f32, 3, (int64_t[]){2, 3, 4}, &in));
    ok(tn_executable_run(exe, &in, 1, &y, 1));
    assert_true(((float *)tn_tensor_get_data(y))[23] == 23);
    tn_executable_release(exe);
    tn_tensor_release(in);
    tn_tensor_release(y);
    assert_int_equal(deleted, 1);
}

int main(void) {
    ok(tn_context_create(NULL, &context));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(borrows), cmocka_unit_test(borrows_versioned), cmocka_unit_test(forms), cmocka_unit_test(capsules),
        cmocka_unit_test(refuses), cmocka_unit_test(every_dtype), cmocka_unit_test(strided_both_ways), cmocka_unit_test(shapes_out), cmocka_unit_test(read_only),
        cmocka_unit_test(constants)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
