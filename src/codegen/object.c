/* Target machines, and kernels -> LLVM module -> the few IR passes that pay -> object file. */
#include "codegen/object.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>

#include "base/context.h"
#include "codegen/emit.h"

/* The emitter speaks intrinsics that these passes simplify; loops are already in their final form, so no unrolling or vectorising. */
static const char ir_passes[] = "function(mem2reg,early-cse,loop-mssa(licm),early-cse)";
static const char quick_ir_passes[] = "function(mem2reg)"; /* without it every value goes through memory */

/* LLVM's registry of targets belongs to the process and has no lock. More than one copy of this library may use it, so it is filled while
 * the loader runs constructors, which it does one after the other; filling it again changes nothing. */
__attribute__((constructor)) static void init_targets(void) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMInitializeNativeAsmParser();
}

tn_error *tn__machine_create(tn_context *c, const tn__target *target, bool quick, LLVMTargetMachineRef *out) {
    char *triple = LLVMGetDefaultTargetTriple(), *message = NULL;
    LLVMTargetRef t;
    if (LLVMGetTargetFromTriple(triple, &t, &message)) {
        tn_error *e = TN__FAIL(&c->allocator, CODEGEN, "no target for %s: %s", triple, message);
        LLVMDisposeMessage(message);
        LLVMDisposeMessage(triple);
        return e;
    }
    *out = LLVMCreateTargetMachine(t, triple, target->cpu, target->features, quick ? LLVMCodeGenLevelNone : LLVMCodeGenLevelDefault,
                                   LLVMRelocPIC, LLVMCodeModelJITDefault);
    LLVMDisposeMessage(triple);
    return *out ? NULL : TN__FAIL(&c->allocator, CODEGEN, "LLVM does not know CPU '%s'", target->cpu);
}

/* A verified and simplified module of the kernels. */
static tn_error *module_create(tn_context *c, const tn__target *target, LLVMTargetMachineRef machine, bool quick, LLVMContextRef lc,
                               tn__kernel *const *kernels, const tn__symbol *symbols, const uint32_t *indices, uint32_t n, LLVMModuleRef *out) {
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("tenon", lc);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(module, layout);
    LLVMDisposeTargetData(layout);
    char *triple = LLVMGetTargetMachineTriple(machine);
    LLVMSetTarget(module, triple);
    LLVMDisposeMessage(triple);
    tn_error *e = NULL;
    for (uint32_t i = 0; !e && i < n; i++) e = tn__emit_kernel(&c->allocator, module, target, kernels[indices[i]], symbols[indices[i]].text);
#ifndef NDEBUG
    char *message = NULL;
    if (!e && LLVMVerifyModule(module, LLVMReturnStatusAction, &message))
        e = TN__FAIL(&c->allocator, INTERNAL, "generated IR is invalid: %s", message);
    LLVMDisposeMessage(message);
#endif
    if (!e) {
        LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
        LLVMErrorRef failed = LLVMRunPasses(module, quick ? quick_ir_passes : ir_passes, machine, o);
        LLVMDisposePassBuilderOptions(o);
        if (failed) {
            char *text = LLVMGetErrorMessage(failed);
            e = TN__FAIL(&c->allocator, CODEGEN, "LLVM passes: %s", text);
            LLVMDisposeErrorMessage(text);
        }
    }
    if (e) LLVMDisposeModule(module);
    else *out = module;
    return e;
}

tn_error *tn__object_create(tn_context *c, const tn__target *target, LLVMTargetMachineRef machine, bool quick,
                            tn__kernel *const *kernels, const tn__symbol *symbols, const uint32_t *indices, uint32_t n, LLVMMemoryBufferRef *out) {
    *out = NULL;
    LLVMModuleRef module = NULL;
    LLVMContextRef lc = LLVMContextCreate();
    tn_error *e = module_create(c, target, machine, quick, lc, kernels, symbols, indices, n, &module);
    if (!e) e = tn__context_poll(c);
    char *message = NULL;
    if (!e && LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMObjectFile, &message, out)) {
        e = TN__FAIL(&c->allocator, CODEGEN, "LLVM: %s", message);
        LLVMDisposeMessage(message);
    }
    if (module) LLVMDisposeModule(module);
    LLVMContextDispose(lc);
    return e;
}

tn_error *tn__code_text(tn_context *c, const tn__target *target, const tn__kernel *kernel, bool assembly, char **out_text) {
    *out_text = NULL;
    LLVMTargetMachineRef machine = NULL;
    LLVMModuleRef module = NULL;
    LLVMMemoryBufferRef text = NULL;
    LLVMContextRef lc = LLVMContextCreate();
    tn__symbol name;
    snprintf(name.text, sizeof name.text, "%s", kernel->name);
    tn_error *e = tn__machine_create(c, target, false, &machine);
    if (!e) e = module_create(c, target, machine, false, lc, (tn__kernel *[]){(tn__kernel *)kernel}, &name, (uint32_t[]){0}, 1, &module);
    char *message = NULL;
    if (!e && assembly && LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMAssemblyFile, &message, &text)) {
        e = TN__FAIL(&c->allocator, CODEGEN, "LLVM: %s", message);
        LLVMDisposeMessage(message);
    }
    if (!e) {
        char *ir = assembly ? NULL : LLVMPrintModuleToString(module);
        *out_text = tn__strdup(&c->allocator, assembly ? LLVMGetBufferStart(text) : ir);
        if (ir) LLVMDisposeMessage(ir);
        if (!*out_text) e = tn__error_oom();
    }
    if (text) LLVMDisposeMemoryBuffer(text);
    if (module) LLVMDisposeModule(module);
    if (machine) LLVMDisposeTargetMachine(machine);
    LLVMContextDispose(lc);
    return e;
}
