#include "codegen/link.h"

#include <llvm-c/Error.h>
#include <math.h>
#include <stdio.h>

#include "base/context.h"

/* What LLVM may call for an operation that a plain CPU has no instruction for: functions whose result is exact or correctly rounded, so
 * the same everywhere. Anything else would be a hole in the generator (a memset made of stores, a libm function whose bits differ from
 * machine to machine), and linking fails. */
static const struct {
    const char *name;
    union {
        float (*f1)(float);
        double (*d1)(double);
        float (*f3)(float, float, float);
        double (*d3)(double, double, double);
    } at;
} externals[] = {
    {"fmaf", {.f3 = fmaf}},     {"fma", {.d3 = fma}},       {"floorf", {.f1 = floorf}}, {"floor", {.d1 = floor}},
    {"ceilf", {.f1 = ceilf}},   {"ceil", {.d1 = ceil}},     {"truncf", {.f1 = truncf}}, {"trunc", {.d1 = trunc}},
    {"rintf", {.f1 = rintf}},   {"rint", {.d1 = rint}},
#ifdef __GLIBC__
    {"roundevenf", {.f1 = roundevenf}}, {"roundeven", {.d1 = roundeven}},
#endif
};
enum { N_EXTERNALS = sizeof externals / sizeof *externals };

static tn_error *from_llvm(tn_context *c, LLVMErrorRef failed, const char *what) {
    if (!failed) return NULL;
    char *text = LLVMGetErrorMessage(failed);
    tn_error *e = TN__FAIL(&c->allocator, CODEGEN, "%s: %s", what, text);
    LLVMDisposeErrorMessage(text);
    return e;
}

/* ORC tells its session, not its caller, what went wrong; without a reporter that goes to stderr. The first is the cause. */
typedef struct report {
    char text[512];
} report;

static void report_error(void *self, LLVMErrorRef failed) {
    report *r = self;
    char *text = LLVMGetErrorMessage(failed);
    if (!r->text[0]) snprintf(r->text, sizeof r->text, "%s", text);
    LLVMDisposeErrorMessage(text);
}

static void ignore_error(void *self, LLVMErrorRef failed) {
    (void)self;
    LLVMConsumeError(failed);
}

static tn_error *define_externals(tn_context *c, LLVMOrcLLJITRef jit, LLVMOrcJITDylibRef library) {
    LLVMOrcCSymbolMapPair pairs[N_EXTERNALS];
    for (int i = 0; i < N_EXTERNALS; i++) {
        uintptr_t at = 0;
        memcpy(&at, &externals[i].at, sizeof at);
        pairs[i].Name = LLVMOrcLLJITMangleAndIntern(jit, externals[i].name);
        pairs[i].Sym = (LLVMJITEvaluatedSymbol){at, {LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable, 0}};
    }
    return from_llvm(c, LLVMOrcJITDylibDefine(library, LLVMOrcAbsoluteSymbols(pairs, N_EXTERNALS)), "LLVM ORC");
}

static tn_error *create_jit(tn_context *c, const tn__target *target, LLVMOrcLLJITRef *out) {
    LLVMTargetMachineRef machine;
    *out = NULL;
    TN__TRY(tn__machine_create(c, target, false, &machine));
    LLVMOrcLLJITBuilderRef builder = LLVMOrcCreateLLJITBuilder();
    LLVMOrcLLJITBuilderSetJITTargetMachineBuilder(builder, LLVMOrcJITTargetMachineBuilderCreateFromTargetMachine(machine));
    tn_error *e = from_llvm(c, LLVMOrcCreateLLJIT(out, builder), "LLVM ORC");
    if (e) *out = NULL;
    return e;
}

typedef struct found {
    LLVMErrorRef failed;
    LLVMOrcExecutorAddress at;
} found;

static void take_result(LLVMErrorRef failed, LLVMOrcCSymbolMapPairs pairs, size_t n, void *self) {
    found *f = self;
    f->failed = failed;
    if (!failed && n) f->at = pairs[0].Sym.Address;
}

/* LLVMOrcLLJITLookup would look into the main library only. */
static tn_error *find_functions(tn_context *c, LLVMOrcLLJITRef jit, LLVMOrcJITDylibRef library, const tn__symbol *symbols, uint32_t n,
                                tn__kernel_fn *out) {
    LLVMOrcCJITDylibSearchOrderElement order = {library, LLVMOrcJITDylibLookupFlagsMatchAllSymbols};
    for (uint32_t i = 0; i < n; i++) {
        LLVMOrcCLookupSetElement wanted = {LLVMOrcLLJITMangleAndIntern(jit, symbols[i].text), LLVMOrcSymbolLookupFlagsRequiredSymbol};
        found f = {0};
        LLVMOrcExecutionSessionLookup(LLVMOrcLLJITGetExecutionSession(jit), LLVMOrcLookupKindStatic, &order, 1, &wanted, 1, take_result, &f);
        TN__TRY(from_llvm(c, f.failed, "LLVM ORC"));
        uintptr_t address = (uintptr_t)f.at;
        memcpy(&out[i], &address, sizeof address);
    }
    return NULL;
}

tn_error *tn__link(tn_context *c, const tn__target *target, LLVMMemoryBufferRef *objects, uint32_t n_objects,
                   const tn__symbol *symbols, uint32_t n, LLVMOrcLLJITRef *out_jit, tn__kernel_fn *out_functions) {
    LLVMOrcLLJITRef jit;
    LLVMOrcExecutionSessionRef session = NULL;
    LLVMOrcJITDylibRef library = NULL;
    report r = {{0}};
    *out_jit = NULL;
    tn_error *e = create_jit(c, target, &jit);
    if (!e) {
        session = LLVMOrcLLJITGetExecutionSession(jit);
        LLVMOrcExecutionSessionSetErrorReporter(session, report_error, &r);
        /* a library of its own: the main one sees all symbols of the process */
        library = LLVMOrcExecutionSessionCreateBareJITDylib(session, "kernels");
        e = define_externals(c, jit, library);
    }
    for (uint32_t i = 0; i < n_objects; i++) {
        if (e) LLVMDisposeMemoryBuffer(objects[i]);
        else e = from_llvm(c, LLVMOrcLLJITAddObjectFile(jit, library, objects[i]), "LLVM ORC");
        objects[i] = NULL;
    }
    if (!e) e = find_functions(c, jit, library, symbols, n, out_functions);
    if (e && r.text[0]) {
        tn_error_destroy(e);
        e = TN__FAIL(&c->allocator, CODEGEN, "generated code cannot be linked: %s", r.text);
    }
    if (session) LLVMOrcExecutionSessionSetErrorReporter(session, ignore_error, NULL);
    if (e) tn__unlink(jit);
    else *out_jit = jit;
    return e;
}

void tn__unlink(LLVMOrcLLJITRef jit) {
    if (jit) LLVMConsumeError(LLVMOrcDisposeLLJIT(jit));
}
