/* LLVM module -> object code -> memory: target machine, the few IR passes that pay, ORC. */
#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdio.h>

#include "base/context.h"
#include "base/os_thread.h"
#include "codegen/cache.h"
#include "codegen/emit.h"

struct tn__code {
    tn_context *context; /* retained */
    LLVMOrcLLJITRef jit;
    uint32_t n;
    uint64_t bytes;
    bool from_cache;
    tn__kernel_fn functions[];
};

/* The emitter speaks intrinsics that these passes simplify; loops are already in their final form, so no unrolling or vectorising. */
static const char ir_passes[] = "function(mem2reg,early-cse,loop-mssa(licm),early-cse)";

static void init_targets(void) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMInitializeNativeAsmParser();
}

static void init_targets_once(void) {
    /* LLVM's registry of targets is global to the process and idempotent; this only keeps two threads from doing it at once */
    static tn__os_once once;
    tn__os_call_once(&once, init_targets);
}

static void copy_message(char *to, size_t bytes, char *message) {
    snprintf(to, bytes, "%s", message);
    LLVMDisposeMessage(message);
}

tn_error *tn__target_init(tn_context *c, const char *cpu, tn__target *out) {
    init_targets_once();
    memset(out, 0, sizeof *out);
    bool host = !cpu || !strcmp(cpu, "host");
    if (host) {
        copy_message(out->cpu, sizeof out->cpu, LLVMGetHostCPUName());
        copy_message(out->features, sizeof out->features, LLVMGetHostCPUFeatures());
    } else {
        snprintf(out->cpu, sizeof out->cpu, "%s", cpu);
    }
    const char *f = out->features;
    bool avx512 = strstr(f, "+avx512f") && strstr(f, "+avx512vl") && strstr(f, "+avx512bw") && strstr(f, "+avx512dq");
    bool avx2 = strstr(f, "+avx2") && strstr(f, "+fma");
    if (!host) avx512 = !strcmp(cpu, "x86-64-v4"), avx2 = !strcmp(cpu, "x86-64-v3");
    out->lanes = avx512 ? 16 : avx2 ? 8 : 4;
    out->registers = avx512 ? 32 : 16;
    out->half = avx512 || avx2 || strstr(f, "+f16c");
#if defined(__aarch64__)
    out->registers = 32;
    out->half = true;
#endif
    (void)c;
    return NULL;
}

static tn_error *machine_create(tn_context *c, const tn__target *target, LLVMTargetMachineRef *out) {
    char *triple = LLVMGetDefaultTargetTriple(), *message = NULL;
    LLVMTargetRef t;
    if (LLVMGetTargetFromTriple(triple, &t, &message)) {
        tn_error *e = TN__FAIL(&c->allocator, CODEGEN, "no target for %s: %s", triple, message);
        LLVMDisposeMessage(message);
        LLVMDisposeMessage(triple);
        return e;
    }
    *out = LLVMCreateTargetMachine(t, triple, target->cpu, target->features, LLVMCodeGenLevelDefault, LLVMRelocPIC,
                                   LLVMCodeModelJITDefault);
    LLVMDisposeMessage(triple);
    return *out ? NULL : TN__FAIL(&c->allocator, CODEGEN, "LLVM does not know CPU '%s'", target->cpu);
}

/* A verified and simplified module of the kernels. */
static tn_error *module_create(tn_context *c, const tn__target *target, LLVMTargetMachineRef machine, LLVMContextRef lc,
                               tn__kernel *const *kernels, uint32_t n, LLVMModuleRef *out) {
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("tenon", lc);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(module, layout);
    LLVMDisposeTargetData(layout);
    char *triple = LLVMGetTargetMachineTriple(machine);
    LLVMSetTarget(module, triple);
    LLVMDisposeMessage(triple);
    for (uint32_t i = 0; i < n; i++) tn__emit_kernel(module, target, kernels[i]);
    tn_error *e = NULL;
#ifndef NDEBUG
    char *message = NULL;
    if (LLVMVerifyModule(module, LLVMReturnStatusAction, &message))
        e = TN__FAIL(&c->allocator, INTERNAL, "generated IR is invalid: %s", message);
    LLVMDisposeMessage(message);
#endif
    if (!e) {
        LLVMPassBuilderOptionsRef o = LLVMCreatePassBuilderOptions();
        LLVMErrorRef failed = LLVMRunPasses(module, ir_passes, machine, o);
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

static tn_error *from_llvm(tn_context *c, LLVMErrorRef failed, const char *what) {
    if (!failed) return NULL;
    char *text = LLVMGetErrorMessage(failed);
    tn_error *e = TN__FAIL(&c->allocator, CODEGEN, "%s: %s", what, text);
    LLVMDisposeErrorMessage(text);
    return e;
}

/* The object file of the kernels. */
static tn_error *compile(tn_context *c, const tn__target *target, tn__kernel *const *kernels, uint32_t n, LLVMMemoryBufferRef *out) {
    LLVMTargetMachineRef machine = NULL;
    LLVMModuleRef module = NULL;
    LLVMContextRef lc = LLVMContextCreate();
    tn_error *e = machine_create(c, target, &machine);
    if (!e) e = module_create(c, target, machine, lc, kernels, n, &module);
    char *message = NULL;
    if (!e && LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMObjectFile, &message, out)) {
        e = TN__FAIL(&c->allocator, CODEGEN, "LLVM: %s", message);
        LLVMDisposeMessage(message);
    }
    if (module) LLVMDisposeModule(module);
    if (machine) LLVMDisposeTargetMachine(machine);
    LLVMContextDispose(lc);
    return e;
}

/* Brings the object into memory and finds the functions. Takes `object`; after a failure code->jit is NULL. */
static tn_error *link_object(tn__code *code, const tn__target *target, tn__kernel *const *kernels, LLVMMemoryBufferRef object) {
    tn_context *c = code->context;
    LLVMTargetMachineRef machine;
    code->bytes = LLVMGetBufferSize(object);
    tn_error *e = machine_create(c, target, &machine);
    if (!e) {
        LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
        LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine));
        e = from_llvm(c, LLVMOrcCreateLLJIT(&code->jit, builder), "LLVM ORC");
    }
    if (!e) {
        LLVMOrcDefinitionGeneratorRef process;
        LLVMOrcJITDylibRef main = LLVMOrcLLJITGetMainJITDylib(code->jit);
        e = from_llvm(c, LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(code->jit), NULL, NULL),
                      "LLVM ORC");
        if (!e) LLVMOrcJITDylibAddGenerator(main, process);
        if (!e) e = from_llvm(c, LLVMOrcLLJITAddObjectFile(code->jit, main, object), "LLVM ORC"), object = NULL;
    }
    for (uint32_t i = 0; !e && i < code->n; i++) {
        LLVMOrcExecutorAddress at = 0;
        e = from_llvm(c, LLVMOrcLLJITLookup(code->jit, &at, kernels[i]->name), "LLVM ORC");
        uintptr_t address = (uintptr_t)at;
        memcpy(&code->functions[i], &address, sizeof address);
    }
    if (object) LLVMDisposeMemoryBuffer(object);
    if (e && code->jit) {
        LLVMConsumeError(LLVMOrcDisposeLLJIT(code->jit));
        code->jit = NULL;
    }
    return e;
}

/* True when the code came from the cache; whatever is wrong with an entry only means compiling. */
static bool link_cached(tn__code *code, const tn__target *target, tn__kernel *const *kernels, const char *dir, const tn__cache_key *key) {
    tn__cache_entry entry;
    if (!tn__cache_load(code->context, dir, key, &entry)) return false;
    LLVMMemoryBufferRef object = LLVMCreateMemoryBufferWithMemoryRangeCopy(entry.object, entry.object_bytes, "cache");
    tn__cache_release(code->context, &entry);
    tn_error *e = link_object(code, target, kernels, object);
    if (e) tn__log(code->context, TN_LOG_INFO, "code cache, compiling: %s", tn_error_get_message(e));
    code->from_cache = !e;
    tn_error_destroy(e);
    return code->from_cache;
}

tn_error *tn__code_create(tn_context *c, const tn__target *target, tn__kernel *const *kernels, uint32_t n, const char *cache_dir,
                          tn__code **out) {
    *out = NULL;
    init_targets_once();
    tn__code *code = tn__alloc_zero(&c->allocator, sizeof *code + n * sizeof *code->functions);
    if (!code) return tn__error_oom();
    tn_context_retain(c);
    code->context = c;
    code->n = n;
    tn_error *e = NULL;
    tn__cache_key key = {{0}};
    if (cache_dir) key = tn__cache_key_make(target, kernels, n);
    if (!cache_dir || !link_cached(code, target, kernels, cache_dir, &key)) {
        LLVMMemoryBufferRef object = NULL;
        e = compile(c, target, kernels, n, &object);
        if (!e && cache_dir) tn__cache_store(c, cache_dir, &key, LLVMGetBufferStart(object), LLVMGetBufferSize(object));
        if (!e) e = link_object(code, target, kernels, object);
    }
    if (e) tn__code_destroy(code);
    else *out = code;
    return e;
}

void tn__code_destroy(tn__code *code) {
    if (!code) return;
    tn_context *c = code->context;
    if (code->jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(code->jit));
    tn__free(&c->allocator, code, sizeof *code + code->n * sizeof *code->functions);
    tn_context_release(c);
}

tn__kernel_fn tn__code_get(const tn__code *code, uint32_t index) { return index < code->n ? code->functions[index] : NULL; }
uint64_t tn__code_bytes(const tn__code *code) { return code->bytes; }
bool tn__code_from_cache(const tn__code *code) { return code->from_cache; }

tn_error *tn__code_text(tn_context *c, const tn__target *target, const tn__kernel *kernel, bool assembly, char **out_text) {
    *out_text = NULL;
    LLVMTargetMachineRef machine = NULL;
    LLVMModuleRef module = NULL;
    LLVMMemoryBufferRef text = NULL;
    LLVMContextRef lc = LLVMContextCreate();
    tn__kernel *one[1] = {(tn__kernel *)kernel};
    tn_error *e = machine_create(c, target, &machine);
    if (!e) e = module_create(c, target, machine, lc, one, 1, &module);
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
