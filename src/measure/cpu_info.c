/* The processor's own account of itself, through CPUID where there is such. */
#include <stdio.h>
#include <string.h>

#include "measure/ceilings.h"
#if defined(__x86_64__)
#include <cpuid.h>
#endif

void tn__cpu_name(char *buffer, size_t bytes) {
    char name[64] = "unknown";
#if defined(__x86_64__)
    uint32_t words[12];
    bool known = true;
    for (uint32_t k = 0; k < 3; k++)
        known = known && __get_cpuid(0x80000002u + k, &words[4 * k], &words[4 * k + 1], &words[4 * k + 2], &words[4 * k + 3]);
    if (known) {
        memcpy(name, words, sizeof words);
        name[sizeof words] = 0;
    }
#elif defined(__aarch64__)
    strcpy(name, "aarch64");
#endif
    const char *first = name;
    while (*first == ' ') first++;
    size_t n = strlen(first);
    while (n && first[n - 1] == ' ') n--;
    snprintf(buffer, bytes, "%.*s", (int)n, first);
}

void tn__cpu_features(char *buffer, size_t bytes) {
    if (bytes) buffer[0] = 0;
#if defined(__x86_64__)
    size_t used = 0;
#define FEATURE(name)                                                                                                \
    if (__builtin_cpu_supports(name) && used < bytes)                                                                \
        used += (size_t)snprintf(buffer + used, bytes - used, "%s%s", used ? "," : "", name);
    FEATURE("sse4.2") FEATURE("avx") FEATURE("f16c") FEATURE("fma") FEATURE("avx2") FEATURE("avx512f") FEATURE("avx512bw")
    FEATURE("avx512vl") FEATURE("avx512dq") FEATURE("avx512vnni") FEATURE("avx512bf16") FEATURE("avx512fp16") FEATURE("avxvnni")
#undef FEATURE
#elif defined(__aarch64__)
    snprintf(buffer, bytes, "neon");
#endif
}

void tn__cpu_caches(uint64_t bytes[TN__CACHE_LEVELS]) {
    memset(bytes, 0, TN__CACHE_LEVELS * sizeof *bytes);
#if defined(__x86_64__)
    /* deterministic cache parameters: leaf 4 of Intel, 0x8000001d of AMD, equal in form */
    static const uint32_t leaves[] = {4, 0x8000001du};
    for (int l = 0; l < 2 && !bytes[0]; l++) {
        for (uint32_t k = 0; k < 16; k++) {
            uint32_t a, b, c, d;
            if (!__get_cpuid_count(leaves[l], k, &a, &b, &c, &d) || !(a & 31)) break;
            uint32_t kind = a & 31, level = a >> 5 & 7; /* kind 2: instructions only */
            if (kind == 2 || level < 1 || level > TN__CACHE_LEVELS) continue;
            bytes[level - 1] = (uint64_t)((b >> 22) + 1) * ((b >> 12 & 1023) + 1) * ((b & 4095) + 1) * ((uint64_t)c + 1);
        }
    }
#endif
}
