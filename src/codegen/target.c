/* What code is made for: the processor, and rules that its results keep to. */
#include <stdio.h>

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

#include "base/context.h"
#include "codegen/codegen.h"

static void copy_message(char *to, size_t bytes, char *message) {
    snprintf(to, bytes, "%s", message);
    LLVMDisposeMessage(message);
}

static void describe_host(tn__target *out) {
    copy_message(out->cpu, sizeof out->cpu, LLVMGetHostCPUName());
    copy_message(out->features, sizeof out->features, LLVMGetHostCPUFeatures());
    const char *f = out->features;
    bool avx512 = strstr(f, "+avx512f") && strstr(f, "+avx512vl") && strstr(f, "+avx512bw") && strstr(f, "+avx512dq");
    bool avx2 = strstr(f, "+avx2") && strstr(f, "+fma");
    out->lanes = avx512 ? 16 : avx2 ? 8 : 4;
    out->registers = avx512 ? 32 : 16;
    out->dot4 = strstr(f, "+avx512vnni") || (!avx512 && strstr(f, "+avxvnni"));
    out->half = avx512 || avx2 || strstr(f, "+f16c");
#if defined(__aarch64__)
    out->registers = 32;
    out->half = true;
#endif
}

static const struct named_cpu {
    const char *name;
    int32_t lanes, registers;
    bool half, dot4;
    const char *needs;
} named_cpus[] = {
#define TN_CPU(name, lanes, registers, half, dot4, needs) {name, lanes, registers, half, dot4, needs},
#include "codegen/cpus.def"
};
static const char named_cpus_text[] = "host"
#define TN_CPU(name, lanes, registers, half, dot4, needs) ", " name
#include "codegen/cpus.def"
    ;

/* LLVM ends the process where it does not know a name, so only names of the table come so far. */
tn_error *tn__target_init(tn_context *c, const char *cpu, tn__target *out) {
    *out = (tn__target){.needs = ""};
    if (!cpu || !strcmp(cpu, "host")) return describe_host(out), NULL;
    for (size_t i = 0; i < sizeof named_cpus / sizeof *named_cpus; i++) {
        const struct named_cpu *n = &named_cpus[i];
        if (strcmp(n->name, cpu)) continue;
        snprintf(out->cpu, sizeof out->cpu, "%s", n->name);
        out->lanes = n->lanes, out->registers = n->registers;
        out->half = n->half, out->dot4 = n->dot4;
        out->needs = n->needs;
        return NULL;
    }
    return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "option 'cpu': no processor '%.60s' is known; there are %s", cpu, named_cpus_text);
}

tn_error *tn__target_check_host(tn_context *c, const tn__target *target) {
    if (!*target->needs) return NULL;
    tn__target host;
    describe_host(&host);
    for (const char *at = target->needs; *at;) {
        size_t n = strcspn(at, " ");
        bool found = false;
        for (const char *f = host.features; !found && (f = strchr(f, '+')); f++) found = !strncmp(f, at, n) && (f[n] == ',' || !f[n]);
        if (!found)
            return TN__FAIL(&c->allocator, UNSUPPORTED, "option 'cpu': code for %s cannot run here: this processor has no %.*s", target->cpu,
                            (int)n - 1, at + 1);
        at += n + (at[n] == ' ');
    }
    return NULL;
}

bool tn__target_has_fma(const tn__target *target) {
#if defined(__x86_64__)
    return target->lanes >= 8; /* of a named CPU; the host's follow from AVX2 and FMA */
#elif defined(__aarch64__)
    return true;
#else
    return false;
#endif
}

/* The processor whose code is the same everywhere: the least that has AVX2 and FMA. Its name fixes LLVM's choice of instructions too, so
 * the code is the same bytes whatever this machine is. */
static const char portable_cpu[] = "x86-64-v3";

tn_error *tn__target_make_portable(tn_context *c, tn__target *target) {
    bool enough = tn__target_has_fma(target);
#if !defined(__x86_64__)
    enough = false;
#endif
    if (!enough)
        return TN__FAIL(&c->allocator, UNSUPPORTED, "option 'determinism': portable code needs an x86-64 processor with AVX2 and FMA, '%s' is none",
                        target->cpu);
    return tn__target_init(c, portable_cpu, target);
}

tn_error *tn__target_set_fast_math(tn_context *c, const char *list, tn__target *target) {
    static const char *const names[] = {
#define TN_FAST_MATH(name, rule) #name,
#include "codegen/fast_math.def"
    };
    target->fast_math = 0;
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ",");
        uint32_t found = 0;
        for (uint32_t i = 0; i < TN__FAST_COUNT; i++)
            if (strlen(names[i]) == n && !memcmp(names[i], at, n)) found = 1u << i;
        if (n == 3 && !memcmp(at, "all", n)) found = (1u << TN__FAST_COUNT) - 1;
        if (!found && (n != 4 || memcmp(at, "none", n)))
            return TN__FAIL(&c->allocator, INVALID_ARGUMENT, "option 'fast_math': there is no class '%.*s'", n < 60 ? (int)n : 60, at);
        target->fast_math |= found;
        at += n + (at[n] == ',');
    }
    return NULL;
}
