/* Linking of generated code: what may be called works, anything else is an error that names it and says nothing on stderr. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/context.h"
#include "codegen/link.h"

static tn_context *context;
static tn__target target;

/* An object whose function "k" calls `callee`, a float function of three floats, on floats 0..2 of buffer 0 and stores to buffer 1. */
static LLVMMemoryBufferRef object_calling(const char *callee) {
    LLVMContextRef c = LLVMContextCreate();
    LLVMModuleRef m = LLVMModuleCreateWithNameInContext("test", c);
    LLVMTypeRef p = LLVMPointerTypeInContext(c, 0), i64 = LLVMInt64TypeInContext(c), f32 = LLVMFloatTypeInContext(c);
    LLVMValueRef k = LLVMAddFunction(m, "k", LLVMFunctionType(LLVMVoidTypeInContext(c), (LLVMTypeRef[]){p, i64, i64}, 3, false));
    LLVMTypeRef t = LLVMFunctionType(f32, (LLVMTypeRef[]){f32, f32, f32}, 3, false);
    LLVMValueRef f = LLVMAddFunction(m, callee, t), arg[3], buffer[2];
    LLVMBuilderRef b = LLVMCreateBuilderInContext(c);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(c, k, "entry"));
    for (unsigned i = 0; i < 2; i++) {
        LLVMValueRef at = LLVMConstInt(i64, i, false);
        buffer[i] = LLVMBuildLoad2(b, p, LLVMBuildGEP2(b, p, LLVMGetParam(k, 0), &at, 1, ""), "");
    }
    for (unsigned i = 0; i < 3; i++) {
        LLVMValueRef at = LLVMConstInt(i64, i, false);
        arg[i] = LLVMBuildLoad2(b, f32, LLVMBuildGEP2(b, f32, buffer[0], &at, 1, ""), "");
    }
    LLVMBuildStore(b, LLVMBuildCall2(b, t, f, arg, 3, ""), buffer[1]);
    LLVMBuildRetVoid(b);
    LLVMDisposeBuilder(b);
    LLVMTargetMachineRef machine;
    assert_null(tn__machine_create(context, &target, false, &machine));
    char *message = NULL;
    LLVMMemoryBufferRef object;
    assert_false(LLVMTargetMachineEmitToMemoryBuffer(machine, m, LLVMObjectFile, &message, &object));
    LLVMDisposeTargetMachine(machine);
    LLVMDisposeModule(m);
    LLVMContextDispose(c);
    return object;
}

static tn_error *link_calling(const char *callee, LLVMOrcLLJITRef *jit, tn__kernel_fn *f) {
    LLVMMemoryBufferRef object = object_calling(callee);
    tn__symbol symbol = {"k"};
    tn_error *e = tn__link(context, &target, &object, 1, &symbol, 1, jit, f);
    assert_null(object);
    return e;
}

static void test_allowed(void **state) {
    LLVMOrcLLJITRef jit;
    tn__kernel_fn f;
    assert_null(link_calling("fmaf", &jit, &f));
    float in[3] = {3, 5, 0.5f}, out = 0;
    f((void *[]){in, &out}, 0, 1);
    assert_true(out == 15.5f);
    tn__unlink(jit);
}

/* Functions that are in the process all the same. */
static void test_refused(void **state) {
    const char *names[] = {"memset", "expf", "fmodf", "tn_compile", "nowhere_to_be_found"};
    int saved = dup(2), pipes[2];
    assert_int_equal(pipe(pipes), 0);
    dup2(pipes[1], 2);
    tn_error *errors[5];
    for (int i = 0; i < 5; i++) {
        LLVMOrcLLJITRef jit;
        tn__kernel_fn f;
        errors[i] = link_calling(names[i], &jit, &f);
        assert_null(jit);
    }
    dup2(saved, 2);
    close(saved), close(pipes[1]);
    char said[16];
    assert_int_equal(read(pipes[0], said, sizeof said), 0);
    close(pipes[0]);
    for (int i = 0; i < 5; i++) {
        assert_non_null(errors[i]);
        assert_int_equal(tn_error_get_code(errors[i]), TN_ERROR_CODEGEN);
        assert_non_null(strstr(tn_error_get_message(errors[i]), names[i]));
        tn_error_destroy(errors[i]);
    }
}

static void test_missing_function(void **state) {
    LLVMMemoryBufferRef object = object_calling("fmaf");
    tn__symbol symbol = {"another"};
    LLVMOrcLLJITRef jit;
    tn__kernel_fn f;
    tn_error *e = tn__link(context, &target, &object, 1, &symbol, 1, &jit, &f);
    assert_non_null(e);
    assert_null(jit);
    assert_non_null(strstr(tn_error_get_message(e), "another"));
    tn_error_destroy(e);
}

static void test_not_an_object(void **state) {
    LLVMMemoryBufferRef object = LLVMCreateMemoryBufferWithMemoryRangeCopy("no object at all", 16, "test");
    tn__symbol symbol = {"k"};
    LLVMOrcLLJITRef jit;
    tn__kernel_fn f;
    tn_error *e = tn__link(context, &target, &object, 1, &symbol, 1, &jit, &f);
    assert_non_null(e);
    assert_null(jit);
    tn_error_destroy(e);
}

int main(void) {
    if (tn_context_create(NULL, &context) || tn__target_init(context, NULL, &target)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_allowed), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_missing_function), cmocka_unit_test(test_not_an_object)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tn_context_release(context);
    return failed;
}
